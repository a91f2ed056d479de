/* ngrams.c - see ngrams.h. */
#include "metrics/ngrams.h"

#include <string.h>

#include "base/map.h"
#include "base/utf8.h"
#include "text/characters.h"

size_t character_at(const char *p, const char *end, uint32_t *cp) {
    const int n = utf8_decode(p, (size_t)(end - p), cp, NULL);
    if (n > 0) return (size_t)n;
    *cp = 0xFFFD;
    return 1;
}

karma_status pieces_add(struct arena *a, struct pieces *p, const char *text, size_t len) {
    if (p->count == p->cap) {
        const size_t cap = p->cap ? 2 * p->cap : 32;
        struct piece *items = arena_calloc(a, cap, sizeof(*items));
        if (!items) return KARMA_E_NOMEM;
        if (p->count) memcpy(items, p->items, p->count * sizeof(*items));
        p->items = items;
        p->cap = cap;
    }
    p->items[p->count++] = (struct piece){text, len};
    return KARMA_OK;
}

karma_status units_join(struct arena *a, const struct piece *words, size_t count,
                        struct units *out) {
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++)
        bytes += words[i].len + 1;
    char *text = arena_alloc(a, bytes);
    *out = (struct units){arena_calloc(a, count + 1, sizeof(*out->items)), count};
    if (!text || !out->items) return KARMA_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        memcpy(text, words[i].text, words[i].len);
        out->items[i] = (struct piece){text, words[i].len};
        text += words[i].len;
        *text++ = ' ';
    }
    return KARMA_OK;
}

karma_status units_split(struct arena *a, const char *text, size_t len, struct units *out) {
    const char *p = text, *end = text + len, *word = text;
    struct pieces words = {0};
    uint32_t cp;
    karma_status st = KARMA_OK;
    for (size_t n; p < end && st == KARMA_OK; p += n) {
        n = character_at(p, end, &cp);
        if (!is_white_space(cp)) continue;
        if (p > word) st = pieces_add(a, &words, word, (size_t)(p - word));
        word = p + n;
    }
    if (st == KARMA_OK && end > word) st = pieces_add(a, &words, word, (size_t)(end - word));
    return st < 0 ? st : units_join(a, words.items, words.count, out);
}

karma_status units_characters(struct arena *a, const char *text, size_t len, bool white_space,
                              struct units *out) {
    const char *p = text, *end = text + len;
    char *kept = arena_alloc(a, len + 1);
    uint32_t cp;
    *out = (struct units){arena_calloc(a, len + 1, sizeof(*out->items)), 0};
    if (!kept || !out->items) return KARMA_E_NOMEM;
    for (size_t n; p < end; p += n) {
        n = character_at(p, end, &cp);
        if (!white_space && is_white_space(cp)) continue;
        memcpy(kept, p, n);
        out->items[out->count++] = (struct piece){kept, n};
        kept += n;
    }
    return KARMA_OK;
}

static size_t n_runs(const struct units *u, size_t order) {
    return u->count < order ? 0 : u->count - order + 1;
}

static struct piece run_at(const struct units *u, size_t i, size_t order) {
    const struct piece *last = &u->items[i + order - 1];
    return (struct piece){u->items[i].text, (size_t)(last->text + last->len - u->items[i].text)};
}

karma_status ngrams_compare(const struct units *prediction, const struct units *reference,
                            size_t order, struct ngram_counts *out) {
    struct map left = {0};
    karma_status st = KARMA_OK;
    *out = (struct ngram_counts){n_runs(prediction, order), n_runs(reference, order), 0};
    if (out->prediction == 0 || out->reference == 0) return KARMA_OK;
    for (size_t i = 0; i < out->reference && st == KARMA_OK; i++) {
        const struct piece run = run_at(reference, i, order);
        struct map_entry *entry;
        bool added;
        st = map_put(&left, run.text, run.len, &entry, &added);
        if (st == KARMA_OK) entry->value.u64++;
    }
    for (size_t i = 0; i < out->prediction && st == KARMA_OK; i++) {
        const struct piece run = run_at(prediction, i, order);
        struct map_entry *entry = map_find(&left, run.text, run.len);
        if (!entry || entry->value.u64 == 0) continue;
        entry->value.u64--;
        out->common++;
    }
    map_release(&left);
    return st;
}
