/* key_fields.c - see key_fields.h. Sixteen digits of a digest tell two texts apart. */
#include "eval/key_fields.h"

#include <string.h>

#include "base/sha256.h"

enum { SHOWN_DIGITS = 16 };

static karma_status put_digest(struct buf *b, const char *name, struct sha256 *h) {
    unsigned char digest[32];
    char hex[65];
    sha256_end(h, digest);
    sha256_hex(digest, hex);
    return buf_printf(b, "%s\"%s\":\"%.*s\"", b->data[b->len - 1] == '{' ? "" : ",", name,
                      SHOWN_DIGITS, hex);
}

static karma_status put_text(struct buf *b, const char *name, const char *text) {
    struct sha256 h;
    if (!text) return KARMA_OK;
    sha256_begin(&h);
    sha256_add(&h, text, strlen(text));
    return put_digest(b, name, &h);
}

static karma_status put_list(struct buf *b, const char *name, const char *const *list, size_t n) {
    struct sha256 h;
    sha256_begin(&h);
    for (size_t i = 0; i < n; i++)
        sha256_field_str(&h, list[i]);
    return put_digest(b, name, &h);
}

static void add_images(struct sha256 *h, const karma_image *images, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sha256_field_str(h, images[i].digest);
        sha256_field_u64(h, (uint64_t)images[i].frame);
    }
}

static karma_status put_images(struct buf *b, const char *name, const karma_image *images,
                               size_t n) {
    struct sha256 h;
    if (n == 0) return KARMA_OK;
    sha256_begin(&h);
    add_images(&h, images, n);
    return put_digest(b, name, &h);
}

static karma_status put_conversation(struct buf *b, const karma_sample *s) {
    struct sha256 h;
    if (s->n_messages == 0) return put_text(b, "input", s->input);
    sha256_begin(&h);
    for (size_t i = 0; i < s->n_messages; i++) {
        sha256_field_str(&h, s->conversation[i].role);
        sha256_field_str(&h, s->conversation[i].content);
        add_images(&h, s->conversation[i].images, s->conversation[i].n_images);
    }
    return put_digest(b, "conversation", &h);
}

karma_status key_fields_text(const karma_sample *s, const struct stop_rule *stop, struct buf *b) {
    karma_status st = buf_putc(b, '{');
    if (st == KARMA_OK) st = put_text(b, "sample", s->key);
    if (st == KARMA_OK) st = put_text(b, "system_prompt", s->system_prompt);
    if (st == KARMA_OK) st = put_conversation(b, s);
    if (st == KARMA_OK) st = put_text(b, "other_args", s->other_args_json);
    if (st == KARMA_OK && s->audio) st = put_text(b, "audio", s->audio->digest);
    if (st == KARMA_OK) st = put_images(b, "images", s->images, s->n_images);
    if (st == KARMA_OK && s->n_candidates)
        st = put_list(b, "candidates", s->candidates, s->n_candidates);
    if (st == KARMA_OK && s->n_candidates) st = put_text(b, "answer_lead", s->answer_lead);
    if (st == KARMA_OK && stop) st = put_text(b, "stop_rule", stop->name);
    if (st == KARMA_OK && stop) st = put_list(b, "stop_labels", stop->labels, stop->n);
    if (st == KARMA_OK && stop) st = put_list(b, "stop_texts", stop->texts, stop->n);
    return st == KARMA_OK ? buf_putc(b, '}') : st;
}
