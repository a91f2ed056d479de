/*
 * bleu.c - BLEU of a corpus (Papineni et al., 2002) as sacreBLEU 2.6.0 computes it, as a fraction:
 * with one reference a sample, its tokenizers, smoothings and signature. smooth_method "evaluate"
 * is that of the `evaluate` library, which KARMA uses: one more match and one more run of each
 * order. A sample's own score has the orders alone that it is long enough for, since that of a
 * short text would be 0 else.
 */
#include <math.h>
#include <string.h>

#include "metrics/bleu_words.h"
#include "metrics/metric.h"

enum { MAX_ORDER = 9 };
enum smoothing { SMOOTH_EXP, SMOOTH_FLOOR, SMOOTH_ADD_K, SMOOTH_NONE, SMOOTH_EVALUATE };
static const char *const smoothings[] = {
    [SMOOTH_EXP] = "exp",   [SMOOTH_FLOOR] = "floor",       [SMOOTH_ADD_K] = "add-k",
    [SMOOTH_NONE] = "none", [SMOOTH_EVALUATE] = "evaluate", NULL,
};

struct bleu {
    enum bleu_tokenizer tokenizer;
    enum smoothing smoothing;
    double smooth_value;
    size_t order;
    bool lowercase, effective_order;
};

/* Lengths, then by order what is right and what there is. */
enum { LENGTH, REFERENCE_LENGTH, COUNTS };

static int index_of(const char *const *names, const char *name) {
    int i = 0;
    while (names[i] && strcmp(names[i], name) != 0)
        i++;
    return i;
}

static karma_status open_bleu(struct arena *a, const struct json *args, void **state) {
    struct bleu *b = *state = arena_calloc(a, 1, sizeof(*b));
    if (!b) return KARMA_E_NOMEM;
    const struct json *value = json_get(args, "smooth_value");
    b->tokenizer =
        (enum bleu_tokenizer)index_of(bleu_tokenizers, json_str(json_get(args, "tokenize"), ""));
    b->smoothing =
        (enum smoothing)index_of(smoothings, json_str(json_get(args, "smooth_method"), ""));
    b->smooth_value = json_is_null(value) ? b->smoothing == SMOOTH_FLOOR ? 0.1 : 1 : value->u.real;
    b->order = (size_t)json_get(args, "max_ngram_order")->u.integer;
    b->lowercase = json_get(args, "lowercase")->u.boolean;
    b->effective_order = json_get(args, "effective_order")->u.boolean;
    return KARMA_OK;
}

static size_t n_counts(const void *state) {
    return COUNTS + 2 * ((const struct bleu *)state)->order;
}

static karma_status count(void *state, const struct metric_sample *s, double *counts) {
    const struct bleu *b = state;
    struct units prediction, reference;
    karma_status st = bleu_words(b->tokenizer, s->arena, s->prediction, b->lowercase, &prediction);
    if (st == KARMA_OK)
        st = bleu_words(b->tokenizer, s->arena, s->reference, b->lowercase, &reference);
    for (size_t n = 1; n <= b->order && st == KARMA_OK; n++) {
        struct ngram_counts c;
        st = ngrams_compare(&prediction, &reference, n, &c);
        if (st < 0) break;
        counts[COUNTS + n - 1] = (double)c.common;
        counts[COUNTS + b->order + n - 1] = (double)c.prediction;
    }
    if (st < 0) return st;
    counts[LENGTH] = (double)prediction.count;
    counts[REFERENCE_LENGTH] = (double)reference.count;
    return KARMA_OK;
}

static double brevity_penalty(const double *sum) {
    if (sum[LENGTH] >= sum[REFERENCE_LENGTH]) return 1;
    return sum[LENGTH] > 0 ? exp(1 - sum[REFERENCE_LENGTH] / sum[LENGTH]) : 0;
}

/* *order: how many of the precisions count. False: nothing is right at all. */
static bool precisions_of(const struct bleu *b, const double *sum, bool effective,
                          double precision[MAX_ORDER], size_t *order) {
    const double *right = sum + COUNTS, *all = right + b->order;
    bool any = false;
    double halved = 1;
    *order = b->order;
    for (size_t i = 0; i < b->order; i++) {
        precision[i] = 0;
        any = any || right[i] > 0;
    }
    if (!any) return false;
    for (size_t i = 0; i < b->order; i++) {
        const double add = b->smoothing == SMOOTH_ADD_K && i > 0 ? b->smooth_value : 0;
        const double r = right[i] + add, n = all[i] + add;
        if (n == 0) break;
        if (effective) *order = i + 1;
        if (r > 0) {
            precision[i] = r / n;
        } else if (b->smoothing == SMOOTH_EXP) {
            halved *= 2;
            precision[i] = 1 / (halved * n);
        } else if (b->smoothing == SMOOTH_FLOOR) {
            precision[i] = b->smooth_value / n;
        }
    }
    return true;
}

static double geometric_mean(const double *precision, size_t order) {
    double sum = 0;
    for (size_t i = 0; i < order; i++) {
        if (precision[i] <= 0) return 0;
        sum += log(precision[i]);
    }
    return exp(sum / (double)order);
}

static double score_of(const struct bleu *b, const double *sum, bool effective) {
    double precision[MAX_ORDER];
    size_t order = b->order;
    if (b->smoothing == SMOOTH_EVALUATE) {
        if (sum[LENGTH] == 0 || sum[REFERENCE_LENGTH] == 0) return 0;
        for (size_t i = 0; i < order; i++)
            precision[i] = (sum[COUNTS + i] + 1) / (sum[COUNTS + order + i] + 1);
    } else if (!precisions_of(b, sum, effective, precision, &order)) {
        return 0;
    }
    return brevity_penalty(sum) * geometric_mean(precision, order);
}

static double value(const void *state, const double *sum, size_t n) {
    const struct bleu *b = state;
    (void)n;
    return score_of(b, sum, b->effective_order);
}

static double sample_value(const void *state, const double *counts, size_t n) {
    (void)n;
    return score_of(state, counts, true);
}

static struct json *signature_of(const struct bleu *b, struct arena *a) {
    const bool valued = b->smoothing == SMOOTH_FLOOR || b->smoothing == SMOOTH_ADD_K;
    const char *amount = valued ? arena_printf(a, "[%.2f]", b->smooth_value) : "";
    if (!amount) return NULL;
    const char *text =
        arena_printf(a, "nrefs:1|case:%s|eff:%s|tok:%s|smooth:%s%s|version:2.6.0",
                     b->lowercase ? "lc" : "mixed", b->effective_order ? "yes" : "no",
                     bleu_tokenizers[b->tokenizer], smoothings[b->smoothing], amount);
    return text ? json_new_string(a, text) : NULL;
}

static karma_status list_counts(struct arena *a, struct json *o, const char *name,
                                const double *counts, size_t n) {
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        st = json_push(a, list, json_new_int(a, (int64_t)counts[i]));
    return st < 0 ? st : json_set(a, o, name, list);
}

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    const struct bleu *b = state;
    double precision[MAX_ORDER];
    size_t order;
    struct json *list = json_new_array(a);
    karma_status st = list ? json_set(a, o, "signature", signature_of(b, a)) : KARMA_E_NOMEM;
    if (b->smoothing == SMOOTH_EVALUATE) {
        for (size_t i = 0; i < b->order; i++)
            precision[i] = (sum[COUNTS + i] + 1) / (sum[COUNTS + b->order + i] + 1);
    } else {
        precisions_of(b, sum, b->effective_order, precision, &order);
    }
    for (size_t i = 0; i < b->order && st == KARMA_OK; i++)
        st = json_push(a, list, json_new_real(a, precision[i]));
    if (st == KARMA_OK) st = json_set(a, o, "precisions", list);
    if (st == KARMA_OK) st = list_counts(a, o, "counts", sum + COUNTS, b->order);
    if (st == KARMA_OK) st = list_counts(a, o, "totals", sum + COUNTS + b->order, b->order);
    if (st == KARMA_OK)
        st = json_set(a, o, "brevity_penalty", json_new_real(a, brevity_penalty(sum)));
    if (st == KARMA_OK) st = json_set(a, o, "sys_len", json_new_int(a, (int64_t)sum[LENGTH]));
    return st < 0 ? st : json_set(a, o, "ref_len", json_new_int(a, (int64_t)sum[REFERENCE_LENGTH]));
}

static const karma_option_spec options[] = {
    {.name = "tokenize",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"13a\"",
     .choices = bleu_tokenizers,
     .help = "how texts are cut into words"},
    {.name = "lowercase",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "compare in lower case"},
    {.name = "smooth_method",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"exp\"",
     .choices = smoothings,
     .help = "what stands in for an order of which nothing is right"},
    {.name = "smooth_value",
     .type = KARMA_OPTION_REAL,
     .default_json = "null",
     .min = 0,
     .max = 1000,
     .nullable = true,
     .help = "amount of floor (null: 0.1) or add-k (null: 1)"},
    {.name = "max_ngram_order",
     .type = KARMA_OPTION_INT,
     .default_json = "4",
     .min = 1,
     .max = MAX_ORDER,
     .help = "longest run of words that is compared"},
    {.name = "effective_order",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "leave out the orders that no text is long enough for"},
    {.name = NULL},
};

const struct metric_ops metric_bleu = {
    .info = {.name = "bleu",
             .description = "BLEU of all samples together, as sacreBLEU has it, divided by 100",
             .options = options},
    .kind = KARMA_METRIC_COUNTS,
    .open = open_bleu,
    .n_counts = n_counts,
    .count = count,
    .value = value,
    .sample_value = sample_value,
    .describe = describe,
};
