/*
 * error_rates.c - how a transcript differs from its reference: word, character and match error
 * rate, of the sums over all samples, as jiwer defines them. A word is what blanks separate, and a
 * run of white space is a blank; a single tab or line break inside a text is part of a word, as it
 * is there. A character is a code point, blanks too. Nothing is made equal here: case, punctuation
 * and spelling are the processors' business. A reference without words is data: what is said
 * against it counts as inserted.
 */
#include <string.h>

#include "base/map.h"
#include "base/utf8.h"
#include "metrics/edit_distance.h"
#include "metrics/metric.h"
#include "metrics/ngrams.h"
#include "metrics/terms.h"
#include "text/characters.h"

enum {
    ERRORS, /* the two of which the rate is made come first */
    UNITS,
    HITS,
    SUBSTITUTIONS,
    DELETIONS,
    INSERTIONS,
    TERMS,
    TERMS_RIGHT,
    TERM_WORDS,
    TERM_ERRORS,
    N_COUNTS
};

/* A text as words or characters. */
struct sequence {
    struct piece *pieces; /* lent by the text */
    uint32_t *ids;        /* equal pieces of both texts have equal ones */
    size_t count, cap;
};

struct rates {
    bool characters;
    bool insertions_count; /* in the denominator: the match error rate */
    bool alignment;
    bool has_terms;
    struct terms terms;
    /* Of the sample measured last. */
    struct arena sample;
    struct sequence reference, prediction;
    const unsigned char *steps;
    size_t n_steps;
};

/* ---- words and characters ---- */

static karma_status add_unit(struct rates *r, struct sequence *u, struct map *known,
                             const char *text, size_t len) {
    struct map_entry *entry;
    bool added;
    if (u->count == u->cap) {
        const size_t cap = u->cap ? 2 * u->cap : 64;
        struct piece *pieces = arena_calloc(&r->sample, cap, sizeof(*pieces));
        uint32_t *ids = arena_calloc(&r->sample, cap, sizeof(*ids));
        if (!pieces || !ids) return KARMA_E_NOMEM;
        if (u->count) {
            memcpy(pieces, u->pieces, u->count * sizeof(*pieces));
            memcpy(ids, u->ids, u->count * sizeof(*ids));
        }
        u->pieces = pieces;
        u->ids = ids;
        u->cap = cap;
    }
    karma_status st = map_put(known, text, len, &entry, &added);
    if (st < 0) return st;
    if (added) entry->value.u64 = known->count - 1;
    u->pieces[u->count] = (struct piece){text, len};
    u->ids[u->count++] = (uint32_t)entry->value.u64;
    return KARMA_OK;
}

/* The run of white space at p, if it separates words. */
static size_t separator_at(const char *p, const char *end) {
    const char *q = p;
    uint32_t cp;
    size_t count = 0;
    for (size_t n; q < end && (n = character_at(q, end, &cp), is_white_space(cp)); q += n)
        count++;
    return count > 1 || (count == 1 && *p == ' ') ? (size_t)(q - p) : 0;
}

static karma_status cut(struct rates *r, struct sequence *u, struct map *known, const char *text) {
    size_t len = strlen(text);
    text = strip_white_space(text, &len);
    const char *p = text, *word = text, *end = text + len;
    karma_status st = KARMA_OK;
    *u = (struct sequence){0};
    while (p < end && st == KARMA_OK) {
        uint32_t cp;
        const size_t n = character_at(p, end, &cp), gap = r->characters ? 0 : separator_at(p, end);
        if (r->characters) {
            st = add_unit(r, u, known, p, n);
        } else if (gap) {
            st = add_unit(r, u, known, word, (size_t)(p - word));
            word = p + gap;
        }
        p += gap ? gap : n;
    }
    if (st == KARMA_OK && !r->characters && word < end)
        st = add_unit(r, u, known, word, (size_t)(end - word));
    return st;
}

/* ---- counts ---- */

static void count_steps(const struct rates *r, double *c) {
    for (size_t i = 0; i < r->n_steps; i++) {
        static const int of[] = {[EDIT_EQUAL] = HITS,
                                 [EDIT_REPLACE] = SUBSTITUTIONS,
                                 [EDIT_DELETE] = DELETIONS,
                                 [EDIT_INSERT] = INSERTIONS};
        c[of[r->steps[i]]]++;
    }
    c[ERRORS] = c[SUBSTITUTIONS] + c[DELETIONS] + c[INSERTIONS];
    c[UNITS] = c[HITS] + c[SUBSTITUTIONS] + c[DELETIONS];
    if (r->insertions_count) c[UNITS] += c[INSERTIONS];
}

/* Errors on the words of terms: replaced, left out, or put between two words of one. */
static karma_status count_terms(struct rates *r, double *c) {
    const size_t n = r->reference.count;
    size_t n_found, at = 0;
    uint32_t *number = arena_calloc(&r->sample, n + 1, sizeof(*number));
    if (!number) return KARMA_E_NOMEM;
    karma_status st = terms_find(&r->terms, &r->sample, r->reference.pieces, n, number, &n_found);
    if (st < 0) return st;
    bool *wrong = arena_calloc(&r->sample, n_found + 1, sizeof(*wrong));
    if (!wrong) return KARMA_E_NOMEM;
    for (size_t i = 0; i < r->n_steps; i++) {
        const enum edit e = (enum edit)r->steps[i];
        const uint32_t here = number[at], before = at ? number[at - 1] : 0; /* [n] is 0 */
        const bool inside = here && (e != EDIT_INSERT || here == before);
        if (inside && e != EDIT_INSERT) c[TERM_WORDS]++;
        if (inside && e != EDIT_EQUAL) {
            c[TERM_ERRORS]++;
            wrong[here] = true;
        }
        at += e != EDIT_INSERT;
    }
    c[TERMS] = (double)n_found;
    for (size_t i = 1; i <= n_found; i++)
        c[TERMS_RIGHT] += !wrong[i];
    return KARMA_OK;
}

static size_t n_counts(const void *state) {
    const struct rates *r = state;
    return r->has_terms ? N_COUNTS : TERMS;
}

/* Without units there is nothing to divide by: the errors themselves, as jiwer has it. */
static double rate(const void *state, const double *sum, size_t n) {
    (void)state;
    (void)n;
    return sum[UNITS] > 0 ? sum[ERRORS] / sum[UNITS] : sum[ERRORS];
}

static karma_status count(void *state, const struct metric_sample *s, double *counts) {
    struct rates *r = state;
    struct map known = {0};
    arena_reset(&r->sample);
    r->n_steps = 0;
    karma_status st = cut(r, &r->reference, &known, s->reference);
    if (st == KARMA_OK) st = cut(r, &r->prediction, &known, s->prediction);
    const uint32_t n_symbols = (uint32_t)known.count;
    map_release(&known);
    if (st == KARMA_OK)
        st = edit_script(&r->sample, (struct symbols){r->reference.ids, r->reference.count},
                         (struct symbols){r->prediction.ids, r->prediction.count}, n_symbols,
                         &r->steps, &r->n_steps);
    if (st < 0) return st;
    count_steps(r, counts);
    return r->has_terms ? count_terms(r, counts) : KARMA_OK;
}

static karma_status describe(void *state, const double *c, struct arena *a, struct json *o) {
    const struct rates *r = state;
    static const char *const names[] = {
        [HITS] = "hits",
        [SUBSTITUTIONS] = "substitutions",
        [DELETIONS] = "deletions",
        [INSERTIONS] = "insertions",
        [TERMS] = "n_terms",
        [TERMS_RIGHT] = "n_terms_right",
        [TERM_WORDS] = "term_words",
        [TERM_ERRORS] = "term_errors",
    };
    const size_t n = n_counts(r);
    karma_status st = KARMA_OK;
    for (size_t i = HITS; i < n && st == KARMA_OK; i++)
        st = json_set(a, o, names[i], json_new_int(a, (int64_t)c[i]));
    if (st < 0 || !r->has_terms) return st;
    const double words = c[TERM_WORDS];
    return json_set(a, o, "term_wer",
                    words > 0 ? json_new_real(a, c[TERM_ERRORS] / words) : json_new_null(a));
}

/* ---- the alignment of a sample ---- */

static karma_status put_text(struct arena *a, const struct rates *r, const struct sequence *u,
                             size_t begin, size_t end, const char *name, struct json *o) {
    struct buf text = {0};
    karma_status st = KARMA_OK;
    if (begin == end) return KARMA_OK;
    for (size_t i = begin; i < end && st == KARMA_OK; i++) {
        if (i > begin && !r->characters) st = buf_putc(&text, ' ');
        if (st == KARMA_OK) st = utf8_append_lossy(&text, u->pieces[i].text, u->pieces[i].len);
    }
    if (st == KARMA_OK) st = json_set(a, o, name, json_new_stringn(a, buf_str(&text), text.len));
    buf_release(&text);
    return st;
}

/* Counts, and runs of equal steps, as jiwer names them. */
static karma_status describe_sample(void *state, const double *counts, struct arena *a,
                                    struct json *o) {
    static const char *const names[] = {[EDIT_EQUAL] = "equal",
                                        [EDIT_REPLACE] = "substitute",
                                        [EDIT_DELETE] = "delete",
                                        [EDIT_INSERT] = "insert"};
    const struct rates *r = state;
    karma_status st = describe(state, counts, a, o);
    if (st < 0 || !r->alignment) return st;
    struct json *list = json_new_array(a);
    st = list ? KARMA_OK : KARMA_E_NOMEM;
    size_t of_reference = 0, of_prediction = 0;
    for (size_t i = 0, end; i < r->n_steps && st == KARMA_OK; i = end) {
        const unsigned char step = r->steps[i];
        for (end = i; end < r->n_steps && r->steps[end] == step;)
            end++;
        const size_t reference = step == EDIT_INSERT ? 0 : end - i;
        const size_t prediction = step == EDIT_DELETE ? 0 : end - i;
        struct json *run = json_new_object(a);
        st = json_set(a, run, "type", json_new_string(a, names[step]));
        if (st == KARMA_OK)
            st = put_text(a, r, &r->reference, of_reference, of_reference + reference, "reference",
                          run);
        if (st == KARMA_OK)
            st = put_text(a, r, &r->prediction, of_prediction, of_prediction + prediction,
                          "prediction", run);
        if (st == KARMA_OK) st = json_push(a, list, run);
        of_reference += reference;
        of_prediction += prediction;
    }
    return st < 0 ? st : json_set(a, o, "alignment", list);
}

/* ---- the metrics ---- */

static karma_status open_rates(struct arena *a, const struct json *args, void **state,
                               struct rates rates) {
    struct rates *r = *state = arena_dup(a, &rates, sizeof(rates));
    if (!r) return KARMA_E_NOMEM;
    r->alignment = json_get(args, "alignment")->u.boolean;
    const struct json *terms = json_get(args, "terms");
    if (json_is_null(terms)) return KARMA_OK;
    r->has_terms = true;
    karma_status st = terms_read(terms, &r->terms);
    return st < 0 ? status_prefix(st, "metric argument terms") : KARMA_OK;
}

static karma_status open_wer(struct arena *a, const struct json *args, void **state) {
    return open_rates(a, args, state, (struct rates){0});
}

static karma_status open_cer(struct arena *a, const struct json *args, void **state) {
    return open_rates(a, args, state, (struct rates){.characters = true});
}

static karma_status open_mer(struct arena *a, const struct json *args, void **state) {
    return open_rates(a, args, state, (struct rates){.insertions_count = true});
}

static void close_rates(void *state) {
    struct rates *r = state;
    if (!r) return;
    terms_release(&r->terms);
    arena_release(&r->sample);
}

#define ALIGNMENT_OPTION                                                                           \
    {                                                                                              \
        .name = "alignment", .type = KARMA_OPTION_BOOL, .default_json = "false",                   \
        .help = "put the alignment of each sample beside its texts"                                \
    }
static const karma_option_spec word_options[] = {
    ALIGNMENT_OPTION,
    {.name = "terms",
     .type = KARMA_OPTION_JSON,
     .nullable = true,
     .default_json = "null",
     .help = "a list of terms, or a file with one a line: errors on their words are told apart"},
    {.name = NULL},
};
static const karma_option_spec options[] = {ALIGNMENT_OPTION, {.name = NULL}};

const struct metric_ops metric_wer = {
    .info = {.name = "wer",
             .description = "word error rate: words replaced, left out and put in, over all "
                            "samples, by the words of the references",
             .options = word_options},
    .kind = KARMA_METRIC_COUNTS,
    .less_is_better = true,
    .error_rate = true,
    .open = open_wer,
    .n_counts = n_counts,
    .count = count,
    .value = rate,
    .describe = describe,
    .describe_sample = describe_sample,
    .close = close_rates,
};

const struct metric_ops metric_cer = {
    .info = {.name = "cer",
             .description = "character error rate: the same of characters, blanks among them",
             .options = options},
    .kind = KARMA_METRIC_COUNTS,
    .less_is_better = true,
    .error_rate = true,
    .open = open_cer,
    .n_counts = n_counts,
    .count = count,
    .value = rate,
    .describe = describe,
    .describe_sample = describe_sample,
    .close = close_rates,
};

const struct metric_ops metric_mer = {
    .info = {.name = "mer",
             .description = "match error rate: errors by all words that are paired, left out or "
                            "put in, so that it is never above 1",
             .options = options},
    .kind = KARMA_METRIC_COUNTS,
    .less_is_better = true,
    .error_rate = true,
    .open = open_mer,
    .n_counts = n_counts,
    .count = count,
    .value = rate,
    .describe = describe,
    .describe_sample = describe_sample,
    .close = close_rates,
};
