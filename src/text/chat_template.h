/*
 * chat_template.h - Jinja chat templates, the subset that published ones use, rendered as
 * transformers' sandbox renders them. A template is a hostile program: steps, depth, sizes are
 * bounded (E_LIMIT), nothing outside its variables can be reached.
 */
#ifndef TEXT_CHAT_TEMPLATE_H
#define TEXT_CHAT_TEMPLATE_H

#include "base/buf.h"
#include "base/json.h"
#include "text/tokenizer.h"

struct chat_template;

/* Parse; E_SYNTAX / E_UNSUPPORTED / E_LIMIT name line and column. Unknown filters and tests fail
 * when reached, not here. */
karma_status chat_template_compile(const char *source, size_t len, struct chat_template **out);
void chat_template_destroy(struct chat_template *t);

struct chat_template_input {
    const struct json *messages; /* array of objects: role, content, ... */
    const struct json *tools;    /* NULL: none (defined as none) */
    bool add_generation_prompt;
    /* Further variables by name (enable_thinking, ...); an object or NULL. Their strings count as
     * template text, not data. */
    const struct json *variables;
    /* Special token strings: "bos_token" -> "<bos>" ...; an object or NULL. */
    const struct json *special_tokens;
    int64_t now_s; /* what strftime_now() shows, seconds since 1970, UTC */
};

struct chat_rendering {
    struct buf text;
    struct text_span *data_spans; /* where text came from messages or tools; mem_free() */
    size_t n_data_spans;
};
/* raise_exception() in the template is E_USAGE with its message. On failure *out is empty. */
karma_status chat_template_render(const struct chat_template *t,
                                  const struct chat_template_input *in, struct chat_rendering *out);
void chat_rendering_release(struct chat_rendering *r);

#endif
