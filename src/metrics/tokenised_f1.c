/*
 * tokenised_f1.c - F1 of the words of prediction and reference, as multisets, averaged over
 * samples. As in KARMA, newlines and full stops are deleted before the words are cut ("a.b" is one
 * word) and a word is a run of Python's \w, which has no combining marks.
 */
#include <string.h>

#include "base/map.h"
#include "base/utf8.h"
#include "metrics/metric.h"
#include "text/characters.h"

/* s in lower case without newlines and full stops. The order is KARMA's: first delete, then lower.
 */
static karma_status prepare(struct buf *out, const char *s) {
    struct buf kept = {0};
    karma_status st = KARMA_OK;
    while (*s && st == KARMA_OK) {
        size_t run = strcspn(s, "\n.");
        st = buf_append(&kept, s, run);
        s += run + (s[run] != '\0');
    }
    if (st == KARMA_OK) st = lower_append(out, buf_str(&kept), kept.len);
    buf_release(&kept);
    return st;
}

/* Cut the next word off *s. False at the end. */
static bool next_word(const char **s, const char *end, const char **word, size_t *len) {
    uint32_t cp;
    int n;
    const char *p = *s;
    for (; p < end; p += n ? n : 1) {
        n = utf8_decode(p, (size_t)(end - p), &cp, NULL);
        if (n && is_word_character(cp)) break;
    }
    *word = p;
    while (p < end && (n = utf8_decode(p, (size_t)(end - p), &cp, NULL)) > 0 &&
           is_word_character(cp))
        p += n;
    *s = p;
    *len = (size_t)(p - *word);
    return *len > 0;
}

struct counts {
    size_t prediction, reference, common;
};

static karma_status count(const struct buf *prediction, const struct buf *reference,
                          struct map *left, struct counts *c) {
    const char *s = buf_str(prediction), *end = s + prediction->len, *word;
    size_t len;
    struct map_entry *entry;
    for (; next_word(&s, end, &word, &len); c->prediction++) {
        bool added;
        karma_status st = map_put(left, word, len, &entry, &added);
        if (st < 0) return st;
        entry->value.u64++;
    }
    s = buf_str(reference);
    end = s + reference->len;
    for (; next_word(&s, end, &word, &len); c->reference++) {
        entry = map_find(left, word, len);
        if (!entry || entry->value.u64 == 0) continue;
        entry->value.u64--;
        c->common++;
    }
    return KARMA_OK;
}

static karma_status score(const struct json *args, struct buf scratch[2], const char *prediction,
                          const char *reference, double *out) {
    struct map left = {0};
    struct counts c = {0};
    (void)args;
    karma_status st = prepare(&scratch[0], prediction);
    if (st == KARMA_OK) st = prepare(&scratch[1], reference);
    if (st == KARMA_OK) st = count(&scratch[0], &scratch[1], &left, &c);
    map_release(&left);
    *out = 0;
    if (st == KARMA_OK && c.common > 0) {
        double precision = (double)c.common / (double)c.prediction;
        double recall = (double)c.common / (double)c.reference;
        *out = 2 * precision * recall / (precision + recall);
    }
    return st;
}

static const karma_option_spec options[] = {{.name = NULL}};

const struct metric_ops metric_tokenised_f1 = {
    .info = {.name = "tokenised_f1",
             .description = "mean F1 of the words of prediction and reference",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .score = score,
};
