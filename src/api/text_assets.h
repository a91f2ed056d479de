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

/* What stands in a prompt for pictures, as the reference's processor has it: each `begin` in the
 * text becomes begin, soft tokens and end with blank lines around, and again for each part it is
 * shown in. */
struct image_marks {
    const char *begin, *soft, *end; /* "<start_of_image>", "<image_soft_token>", "<end_of_image>" */
    int32_t tokens_per_image;
    const size_t *n_crops; /* [n_images]: parts beside the whole picture */
    size_t n_images;
};

struct render_options {
    const struct json *variables;    /* for the template; may be NULL */
    bool safe;                       /* control-token text inside the messages is plain text */
    int64_t now_s;                   /* what the template's clock shows */
    const struct image_marks *marks; /* NULL: marks of pictures are tokens like others */
    /* What the answer begins with, behind the prompt; where that has no template, on a line of its
     * own. NULL or "": nothing. */
    const char *lead;
};
/* Messages to ids, and to text (before pictures take their room) if text is not NULL. Without a
 * template: one user message, a system message before it allowed, is their contents joined by a
 * blank line, with the tokenizer's own special tokens; more is E_UNSUPPORTED. *n_special: control
 * tokens spelt inside the messages. E_SHAPE: the marks of pictures in the text are not as many as
 * the pictures. */
karma_status text_render(const struct text_assets *t, const karma_message *messages, size_t count,
                         const struct render_options *options, struct buf *text, struct tokens *ids,
                         size_t *n_special);

/* The ids of prompt as a whole, with the tokenizer's own special tokens; text as above. */
karma_status text_encode_raw(const struct text_assets *t, const char *prompt,
                             const struct render_options *options, struct buf *text,
                             struct tokens *ids, size_t *n_special);

/* Text and which of its bytes are data, with room made for pictures; image_marks.c. safe: marks
 * that touch data are words. spans: mem_free() *out_spans. On failure there is nothing to free. */
karma_status image_marks_expand(const struct image_marks *marks, bool safe, const char *text,
                                size_t len, const struct text_span *spans, size_t n_spans,
                                struct buf *out, struct text_span **out_spans, size_t *n_out_spans);

#endif
