/*
 * chrf.c - chrF and chrF++ (Popovic, 2015 and 2017) as sacreBLEU 2.6.0 computes them, as fractions:
 * F-beta of the mean precision and recall of character runs, and of word runs too where word_order
 * is not 0.
 */
#include <string.h>

#include "metrics/metric.h"
#include "metrics/ngrams.h"
#include "text/characters.h"

enum { MAX_CHAR_ORDER = 20, MAX_WORD_ORDER = 9 };

struct chrf {
    size_t char_order, word_order;
    double beta;
    bool lowercase, whitespace, eps_smoothing;
};

/* By order: runs of the prediction, of the reference, of both. */
enum { PREDICTION, REFERENCE, COMMON, PER_ORDER };

static karma_status open_chrf(struct arena *a, const struct json *args, void **state) {
    struct chrf *c = *state = arena_calloc(a, 1, sizeof(*c));
    if (!c) return KARMA_E_NOMEM;
    c->char_order = (size_t)json_get(args, "char_order")->u.integer;
    c->word_order = (size_t)json_get(args, "word_order")->u.integer;
    c->beta = (double)json_get(args, "beta")->u.integer;
    c->lowercase = json_get(args, "lowercase")->u.boolean;
    c->whitespace = json_get(args, "whitespace")->u.boolean;
    c->eps_smoothing = json_get(args, "eps_smoothing")->u.boolean;
    return KARMA_OK;
}

static size_t n_counts(const void *state) {
    const struct chrf *c = state;
    return PER_ORDER * (c->char_order + c->word_order);
}

static bool is_ascii_punctuation(char c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

/* Words with one sign of punctuation cut off, at the end or else at the beginning. */
static karma_status words_of(struct arena *a, const char *text, size_t len, struct units *out) {
    struct units words;
    struct pieces cut = {0};
    karma_status st = units_split(a, text, len, &words);
    for (size_t i = 0; st == KARMA_OK && i < words.count; i++) {
        const char *w = words.items[i].text;
        const size_t n = words.items[i].len;
        uint32_t cp;
        const bool single = character_at(w, w + n, &cp) == n;
        const size_t head = single                           ? n
                            : is_ascii_punctuation(w[n - 1]) ? n - 1
                            : is_ascii_punctuation(w[0])     ? 1
                                                             : n;
        st = pieces_add(a, &cut, w, head);
        if (st == KARMA_OK && head < n) st = pieces_add(a, &cut, w + head, n - head);
    }
    return st < 0 ? st : units_join(a, cut.items, cut.count, out);
}

static karma_status compare(const struct units *prediction, const struct units *reference,
                            size_t max_order, double *counts) {
    for (size_t n = 1; n <= max_order; n++, counts += PER_ORDER) {
        struct ngram_counts c;
        karma_status st = ngrams_compare(prediction, reference, n, &c);
        if (st < 0) return st;
        /* Of a reference too short for the order, the prediction's runs do not count, as there. */
        counts[PREDICTION] = c.reference ? (double)c.prediction : 0;
        counts[REFERENCE] = (double)c.reference;
        counts[COMMON] = (double)c.common;
    }
    return KARMA_OK;
}

static karma_status text_of(const struct chrf *c, const char *text, struct buf *out) {
    return c->lowercase ? lower_append(out, text, strlen(text)) : buf_puts(out, text);
}

static karma_status count(void *state, const struct metric_sample *s, double *counts) {
    const struct chrf *c = state;
    struct buf p = {0}, r = {0};
    struct units prediction, reference;
    karma_status st = text_of(c, s->prediction, &p);
    if (st == KARMA_OK) st = text_of(c, s->reference, &r);
    if (st == KARMA_OK)
        st = units_characters(s->arena, buf_str(&p), p.len, c->whitespace, &prediction);
    if (st == KARMA_OK)
        st = units_characters(s->arena, buf_str(&r), r.len, c->whitespace, &reference);
    if (st == KARMA_OK) st = compare(&prediction, &reference, c->char_order, counts);
    if (st == KARMA_OK && c->word_order) {
        st = words_of(s->arena, buf_str(&p), p.len, &prediction);
        if (st == KARMA_OK) st = words_of(s->arena, buf_str(&r), r.len, &reference);
        if (st == KARMA_OK)
            st =
                compare(&prediction, &reference, c->word_order, counts + PER_ORDER * c->char_order);
    }
    buf_release(&p);
    buf_release(&r);
    return st;
}

static double value(const void *state, const double *sum, size_t n) {
    static const double epsilon = 1e-16;
    const struct chrf *c = state;
    const double factor = c->beta * c->beta;
    const size_t orders = n / PER_ORDER;
    double precision = 0, recall = 0, score = 0;
    size_t effective = 0;
    for (size_t i = 0; i < orders; i++, sum += PER_ORDER) {
        const bool has_p = sum[PREDICTION] > 0, has_r = sum[REFERENCE] > 0;
        const double p = has_p ? sum[COMMON] / sum[PREDICTION] : epsilon;
        const double r = has_r ? sum[COMMON] / sum[REFERENCE] : epsilon;
        const double weighed = factor * p + r;
        score += weighed > 0 ? (1 + factor) * p * r / weighed : epsilon;
        if (!has_p || !has_r) continue;
        precision += p;
        recall += r;
        effective++;
    }
    if (c->eps_smoothing) return score / (double)orders;
    if (effective == 0 || precision + recall == 0) return 0;
    precision /= (double)effective;
    recall /= (double)effective;
    return (1 + factor) * precision * recall / (factor * precision + recall);
}

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    const struct chrf *c = state;
    (void)sum;
    const char *text =
        arena_printf(a, "nrefs:1|case:%s|eff:%s|nc:%zu|nw:%zu|space:%s|version:2.6.0",
                     c->lowercase ? "lc" : "mixed", c->eps_smoothing ? "no" : "yes", c->char_order,
                     c->word_order, c->whitespace ? "yes" : "no");
    if (!text) return KARMA_E_NOMEM;
    return json_set(a, o, "signature", json_new_string(a, text));
}

static const karma_option_spec options[] = {
    {.name = "char_order",
     .type = KARMA_OPTION_INT,
     .default_json = "6",
     .min = 1,
     .max = MAX_CHAR_ORDER,
     .help = "longest run of characters that is compared"},
    {.name = "word_order",
     .type = KARMA_OPTION_INT,
     .default_json = "0",
     .min = 0,
     .max = MAX_WORD_ORDER,
     .help = "longest run of words; 2 is chrF++"},
    {.name = "beta",
     .type = KARMA_OPTION_INT,
     .default_json = "2",
     .min = 1,
     .max = 100,
     .help = "how many times recall counts for precision"},
    {.name = "lowercase",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "compare in lower case"},
    {.name = "whitespace",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "white space is among the characters"},
    {.name = "eps_smoothing",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "mean of the orders' F with a tiny number for 0, as chrF++.py and NLTK have it"},
    {.name = NULL},
};

const struct metric_ops metric_chrf = {
    .info = {.name = "chrf",
             .description = "chrF of all samples together, as sacreBLEU has it, divided by 100; "
                            "chrF++ with word_order=2",
             .options = options},
    .kind = KARMA_METRIC_COUNTS,
    .open = open_chrf,
    .n_counts = n_counts,
    .count = count,
    .value = value,
    .describe = describe,
};
