/*
 * order.c - see order.h. Samples are sorted by the bytes of what they show and say, in the order in
 * which a prompt has them. Texts with a common beginning have a common beginning of tokens, up to
 * the token that the difference falls into, so this is a walk through the tree of the prompts,
 * depth first; no sample need be made into tokens twice.
 *
 * Memory is bounded: what all samples begin with is left out, and of the rest the beginning is
 * kept. What is alike beyond that stays in the order of the data set, which files often have by
 * passage.
 */
#include "eval/order.h"

#include <stdlib.h>
#include <string.h>

struct key {
    const char *bytes;
    size_t len, index;
};

static karma_status put(struct buf *b, const char *text) {
    karma_status st = text ? buf_puts(b, text) : KARMA_OK;
    return st == KARMA_OK ? buf_putc(b, '\0') : st;
}

/* Those with one picture together: encoding it costs more than any text before it. */
static karma_status put_images(struct buf *b, const karma_image *images, size_t n) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        st = put(b, images[i].digest);
        if (st == KARMA_OK) st = buf_printf(b, "%d", images[i].frame);
    }
    return st;
}

static karma_status compose(struct buf *b, const karma_sample *s) {
    buf_clear(b);
    karma_status st = put_images(b, s->images, s->n_images);
    for (size_t i = 0; i < s->n_messages && st == KARMA_OK; i++)
        st = put_images(b, s->conversation[i].images, s->conversation[i].n_images);
    if (st == KARMA_OK) st = put(b, s->system_prompt);
    for (size_t i = 0; i < s->n_messages && st == KARMA_OK; i++) {
        st = put(b, s->conversation[i].role);
        if (st == KARMA_OK) st = put(b, s->conversation[i].content);
    }
    return st == KARMA_OK && s->n_messages == 0 ? put(b, s->input) : st;
}

karma_status order_look(struct order *o, const karma_sample *sample) {
    if (sample->audio) o->as_they_come = true;
    if (o->as_they_come) return KARMA_OK;
    karma_status st = compose(&o->text, sample);
    if (st < 0) return st;
    if (o->n_looked++ == 0) {
        o->common = o->text.len;
        return buf_append(&o->first, o->text.data, o->text.len);
    }
    size_t same = 0;
    while (same < o->common && same < o->text.len && o->first.data[same] == o->text.data[same])
        same++;
    o->common = same;
    return KARMA_OK;
}

static int by_bytes(const void *x, const void *y) {
    const struct key *a = x, *b = y;
    const int order = memcmp(a->bytes, b->bytes, a->len < b->len ? a->len : b->len);
    if (order) return order;
    if (a->len != b->len) return a->len < b->len ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static karma_status make_key(struct order *o, struct arena *a, karma_dataset *d, size_t index,
                             size_t longest, struct key *key) {
    const karma_sample *sample;
    karma_status st = karma_dataset_get(d, index, &sample);
    if (st == KARMA_OK) st = compose(&o->text, sample);
    if (st < 0) return st;
    const size_t from = o->common < o->text.len ? o->common : o->text.len;
    const size_t rest = o->text.len - from;
    key->index = index;
    key->len = rest < longest ? rest : longest;
    key->bytes = key->len ? arena_dup(a, o->text.data + from, key->len) : "";
    return key->bytes ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status order_sort(struct order *o, karma_dataset *d, size_t *at, size_t n) {
    struct arena a = {0};
    karma_status st = KARMA_OK;
    if (o->as_they_come || n < 2) return KARMA_OK;
    const size_t share = ORDER_MEMORY / n, longest = share < ORDER_LONGEST ? share : ORDER_LONGEST;
    struct key *keys = arena_calloc(&a, n, sizeof(*keys));
    if (!keys) st = KARMA_E_NOMEM;
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        st = make_key(o, &a, d, at[i], longest, &keys[i]);
    if (st == KARMA_OK) {
        qsort(keys, n, sizeof(*keys), by_bytes);
        for (size_t i = 0; i < n; i++)
            at[i] = keys[i].index;
    }
    arena_release(&a);
    return st;
}

void order_release(struct order *o) {
    buf_release(&o->first);
    buf_release(&o->text);
    *o = (struct order){0};
}
