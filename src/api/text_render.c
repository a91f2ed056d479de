/*
 * text_render.c - messages to a prompt's ids: the chat template, room for pictures, then the
 * tokenizer. Which bytes of the rendered text came from the messages is known, so control tokens
 * spelt there can be counted, and in safe mode be read as plain text.
 */
#include <string.h>

#include "api/text_assets.h"

/* Append the ids of text. Where the data spells no control token, both modes give the same ids, so
 * the pass that counts is also the result; only compat mode with such text needs a second. */
static karma_status encode(const struct text_assets *t, const char *text, size_t len,
                           const struct text_span *data, size_t n_data, bool add_special, bool safe,
                           struct tokens *ids, size_t *n_special) {
    struct encode_options plain = {
        .add_special_tokens = add_special, .plain_spans = data, .n_plain_spans = n_data};
    struct encode_options whole = {.add_special_tokens = add_special};
    size_t before = ids->count;
    karma_status st = tokenizer_encode(t->tokenizer, text, len, &plain, ids, n_special);
    if (st < 0 || safe || *n_special == 0) return st;
    ids->count = before;
    return tokenizer_encode(t->tokenizer, text, len, &whole, ids, NULL);
}

/* The same with room made for pictures, if there are marks of them. */
static karma_status encode_marked(const struct text_assets *t, const char *text, size_t len,
                                  const struct text_span *data, size_t n_data, bool add_special,
                                  const struct render_options *options, struct tokens *ids,
                                  size_t *n_special) {
    if (!options->marks)
        return encode(t, text, len, data, n_data, add_special, options->safe, ids, n_special);
    struct buf room = {0};
    struct text_span *spans;
    size_t n_spans;
    karma_status st = image_marks_expand(options->marks, options->safe, text, len, data, n_data,
                                         &room, &spans, &n_spans);
    if (st == KARMA_OK)
        st = encode(t, buf_str(&room), room.len, spans, n_spans, add_special, options->safe, ids,
                    n_special);
    mem_free(spans);
    buf_release(&room);
    return st;
}

static karma_status put_lead(struct buf *plain, const struct render_options *options) {
    if (!options->lead || !*options->lead) return KARMA_OK;
    const bool begins = plain->len == 0 || plain->data[plain->len - 1] == '\n';
    return buf_printf(plain, "%s%s", begins ? "" : "\n", options->lead);
}

karma_status text_encode_raw(const struct text_assets *t, const char *prompt,
                             const struct render_options *options, struct buf *text,
                             struct tokens *ids, size_t *n_special) {
    struct text_span all = {0, strlen(prompt)};
    struct buf led = {0};
    karma_status st = buf_puts(&led, prompt);
    if (st == KARMA_OK) st = put_lead(&led, options);
    if (st == KARMA_OK)
        st = encode_marked(t, buf_str(&led), led.len, &all, 1, true, options, ids, n_special);
    if (st == KARMA_OK && text) st = buf_append(text, buf_str(&led), led.len);
    buf_release(&led);
    return st;
}

static karma_status push_part(struct arena *a, struct json *parts, const char *type,
                              const char *text) {
    struct json *part = json_new_object(a);
    karma_status st = part ? json_set(a, part, "type", json_new_string(a, type)) : KARMA_E_NOMEM;
    if (st == KARMA_OK && text) st = json_set(a, part, "text", json_new_string(a, text));
    return st < 0 ? st : json_push(a, parts, part);
}

/* The words; with pictures a list of parts, as the reference's templates take it. */
static karma_status content_json(struct arena *a, const karma_message *m, const struct json **out) {
    struct json *parts = m->n_images ? json_new_array(a) : json_new_string(a, m->content);
    karma_status st = parts ? KARMA_OK : KARMA_E_NOMEM;
    *out = parts;
    if (m->n_images == 0) return st;
    if (st == KARMA_OK && !m->images_first) st = push_part(a, parts, "text", m->content);
    for (size_t i = 0; st == KARMA_OK && i < m->n_images; i++)
        st = push_part(a, parts, "image", NULL);
    if (st == KARMA_OK && m->images_first) st = push_part(a, parts, "text", m->content);
    return st;
}

static karma_status messages_json(struct arena *a, const karma_message *messages, size_t count,
                                  struct json **out) {
    *out = json_new_array(a);
    karma_status st = *out ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        struct json *m = json_new_object(a);
        const struct json *content;
        if (!m) return KARMA_E_NOMEM;
        st = json_set(a, m, "role", json_new_string(a, messages[i].role));
        if (st == KARMA_OK) st = content_json(a, &messages[i], &content);
        if (st == KARMA_OK) st = json_set(a, m, "content", content);
        if (st == KARMA_OK) st = json_push(a, *out, m);
    }
    return st;
}

static karma_status render_template(const struct text_assets *t, const karma_message *messages,
                                    size_t count, const struct render_options *options,
                                    struct buf *text, struct tokens *ids, size_t *n_special) {
    struct arena a = {0};
    struct json *list;
    struct chat_rendering r = {0};
    karma_status st = messages_json(&a, messages, count, &list);
    if (st == KARMA_OK) {
        struct chat_template_input in = {
            .messages = list,
            .add_generation_prompt = true,
            .variables = options->variables,
            .special_tokens = t->special_tokens,
            .now_s = options->now_s,
        };
        st = chat_template_render(t->chat_template, &in, &r);
    }
    if (st == KARMA_OK && options->lead) st = buf_puts(&r.text, options->lead);
    if (st == KARMA_OK)
        st = encode_marked(t, buf_str(&r.text), r.text.len, r.data_spans, r.n_data_spans, false,
                           options, ids, n_special);
    if (st == KARMA_OK && text) st = buf_append(text, buf_str(&r.text), r.text.len);
    chat_rendering_release(&r);
    arena_release(&a);
    return st;
}

/* A mark for each picture of a message. */
static karma_status put_marks(struct buf *out, const karma_message *m,
                              const struct render_options *options) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && options->marks && i < m->n_images; i++)
        st = buf_puts(out, options->marks->begin);
    return st;
}

/* Without a template. */
static karma_status render_plain(const struct text_assets *t, const karma_message *messages,
                                 size_t count, const struct render_options *options,
                                 struct buf *text, struct tokens *ids, size_t *n_special) {
    bool system = count == 2 && strcmp(messages[0].role, "system") == 0;
    if (count == 0 || strcmp(messages[count - 1].role, "user") != 0 || (count > 1 && !system))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "the checkpoint has no chat template, so it takes one user message, not "
                           "a conversation");
    const karma_message *turn = &messages[count - 1];
    struct buf plain = {0};
    struct text_span data[2];
    size_t n_data = 0;
    karma_status st = KARMA_OK;
    if (system) {
        st = buf_printf(&plain, "%s\n\n", messages[0].content);
        data[n_data++] = (struct text_span){0, plain.len};
    }
    if (st == KARMA_OK && turn->images_first) st = put_marks(&plain, turn, options);
    const size_t words = plain.len;
    if (st == KARMA_OK) st = buf_puts(&plain, turn->content);
    data[n_data++] = (struct text_span){words, plain.len};
    if (st == KARMA_OK && !turn->images_first) st = put_marks(&plain, turn, options);
    if (st == KARMA_OK) st = put_lead(&plain, options);
    if (st == KARMA_OK)
        st = encode_marked(t, buf_str(&plain), plain.len, data, n_data, true, options, ids,
                           n_special);
    if (st == KARMA_OK && text) st = buf_append(text, buf_str(&plain), plain.len);
    buf_release(&plain);
    return st;
}

karma_status text_render(const struct text_assets *t, const karma_message *messages, size_t count,
                         const struct render_options *options, struct buf *text, struct tokens *ids,
                         size_t *n_special) {
    *n_special = 0;
    return t->chat_template ? render_template(t, messages, count, options, text, ids, n_special)
                            : render_plain(t, messages, count, options, text, ids, n_special);
}
