/*
 * text_assets.h - what a checkpoint brings beside weights: tokenizer, chat template, special
 * tokens, end tokens, generation defaults; from the companion files of a Hugging Face folder or
 * from the metadata of a GGUF.
 */
#ifndef API_TEXT_ASSETS_H
#define API_TEXT_ASSETS_H

#include "base/json.h"
#include "base/mem.h"
#include "formats/checkpoint.h"
#include "karma/engine.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

struct text_assets {
    struct arena arena;
    struct tokenizer *tokenizer;
    struct chat_template *chat_template; /* NULL: the checkpoint has none */
    const char *template_source;         /* "chat_template.jinja", ...; NULL with it */
    const struct json *special_tokens;   /* {"bos_token": "<bos>", ...} */
    int32_t *end_tokens;                 /* ids that end an answer */
    size_t n_end_tokens;
    /* generation_config.json over the reference's defaults; stop_tokens are end_tokens. */
    karma_generate_options generate;
};

/* n_rows: rows of the embedding. A tokenizer that needs more is E_SHAPE. On failure *out is empty
 * again. */
karma_status text_assets_load(const struct checkpoint *ck, int64_t n_rows, struct text_assets *out);
/* The tokenizer alone, for models that answer no prompts. */
karma_status text_assets_load_tokenizer(const struct checkpoint *ck, int64_t n_rows,
                                        struct text_assets *out);
void text_assets_release(struct text_assets *t);

/* What generate() of the reference does when a checkpoint says nothing, and 1,024 new tokens. */
karma_generate_options text_reference_defaults(void);

/* Names of the companion files that text_assets_load() reads and that are there, in a. */
karma_status text_assets_files(struct arena *a, const struct checkpoint *ck,
                               const char *const **names, size_t *count);

struct render_options {
    const struct json *variables; /* for the template; may be NULL */
    bool safe;                    /* control-token text inside the messages is plain text */
    int64_t now_s;                /* what the template's clock shows */
};
/* Messages to ids, and to text if text is not NULL. Without a template: one user message, a system
 * message before it allowed, is their contents joined by a blank line, with the tokenizer's own
 * special tokens; more is E_UNSUPPORTED. *n_special: control tokens spelt inside the messages. */
karma_status text_render(const struct text_assets *t, const karma_message *messages, size_t count,
                         const struct render_options *options, struct buf *text, struct tokens *ids,
                         size_t *n_special);

/* The ids of text as a whole prompt, with the tokenizer's own special tokens. */
karma_status text_encode_raw(const struct text_assets *t, const char *text, bool safe,
                             struct tokens *ids, size_t *n_special);

#endif
