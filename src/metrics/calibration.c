/*
 * calibration.c - how far a model's confidence can be trusted: expected calibration error (Naeini
 * et al., 2015; Guo et al., 2017), Brier score (1950), and the area under the risk-coverage curve
 * (El-Yaniv and Wiener, 2010). A sample is its confidence, 0..1, and whether the prediction is the
 * reference; one without a confidence is left out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/records.h"

enum { MAX_BINS = 1000, MAX_COVERAGES = 100 };

struct guess {
    double confidence;
    bool right;
};

struct place {
    double confidence;
    size_t at; /* in kept */
};

struct calibration {
    bool ignore_case, quantile;
    size_t n_bins;
    const struct json *coverages;
    struct guess *kept;
    size_t n, cap, n_left_out;
    struct place *order; /* [n] by confidence, ascending; equal ones as they came */
    size_t n_ordered, cap_order;
    double *bins; /* [n_bins * PER_BIN] */
};

/* What lies in a bin. */
enum { SAMPLES, CONFIDENCE, CORRECT, PER_BIN };

static karma_status open_calibration(struct arena *a, const struct json *args, void **state) {
    struct calibration *c = *state = arena_calloc(a, 1, sizeof(*c));
    if (!c) return KARMA_E_NOMEM;
    c->ignore_case = json_get(args, "ignore_case")->u.boolean;
    return KARMA_OK;
}

static karma_status open_ece(struct arena *a, const struct json *args, void **state) {
    karma_status st = open_calibration(a, args, state);
    if (st < 0) return st;
    struct calibration *c = *state;
    c->n_bins = (size_t)json_get(args, "n_bins")->u.integer;
    c->quantile = strcmp(json_str(json_get(args, "strategy"), ""), "quantile") == 0;
    c->bins = arena_calloc(a, PER_BIN * c->n_bins, sizeof(*c->bins));
    return c->bins ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status open_curve(struct arena *a, const struct json *args, void **state) {
    karma_status st = open_calibration(a, args, state);
    if (st < 0) return st;
    struct calibration *c = *state;
    c->coverages = json_get(args, "coverages");
    if (!json_is_array(c->coverages) || json_count(c->coverages) > MAX_COVERAGES)
        return status_fail(KARMA_E_TYPE,
                           "metric argument coverages: expected a list of at most %d "
                           "numbers",
                           MAX_COVERAGES);
    for (size_t i = 0; i < json_count(c->coverages); i++) {
        const struct json *x = json_at(c->coverages, i);
        const double v = x->type == JSON_INT    ? (double)x->u.integer
                         : x->type == JSON_REAL ? x->u.real
                                                : 0;
        if (!(v > 0 && v <= 1))
            return status_fail(KARMA_E_RANGE,
                               "metric argument coverages: each is above 0 and at most 1");
    }
    return KARMA_OK;
}

static void close_calibration(void *state) {
    struct calibration *c = state;
    if (!c) return;
    mem_free(c->kept);
    mem_free(c->order);
}

static karma_status read_guess(struct calibration *c, const struct metric_sample *s,
                               struct guess *out) {
    if (isnan(s->confidence)) {
        c->n_left_out++;
        return KARMA_OK;
    }
    out->confidence = s->confidence;
    return same_answer(s->prediction, s->reference, c->ignore_case, &out->right);
}

static karma_status keep(void *state, const struct metric_sample *s, double *score) {
    struct calibration *c = state;
    struct guess g = {NAN, false};
    karma_status st = array_grow((void **)&c->kept, &c->cap, c->n, sizeof(*c->kept));
    if (st == KARMA_OK) st = array_grow((void **)&c->order, &c->cap_order, c->n, sizeof(*c->order));
    if (st == KARMA_OK) st = read_guess(c, s, &g);
    if (st < 0) return st;
    *score = isnan(g.confidence) ? NAN : g.right;
    if (!isnan(g.confidence)) c->kept[c->n++] = g;
    return KARMA_OK;
}

static int by_confidence(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    if (x->confidence != y->confidence) return x->confidence > y->confidence ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

static void sort(struct calibration *c) {
    if (c->n_ordered == c->n) return;
    for (size_t i = 0; i < c->n; i++)
        c->order[i] = (struct place){c->kept[i].confidence, i};
    qsort(c->order, c->n, sizeof(*c->order), by_confidence);
    c->n_ordered = c->n;
}

static double weight_of(const double *weights, size_t i) {
    return weights ? weights[i] : 1;
}

static double total_weight(const struct calibration *c, const double *weights) {
    double sum = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += weight_of(weights, i);
    return sum;
}

/* ---- expected calibration error ---- */

static void add_to_bin(double *bin, const struct guess *g, double weight) {
    bin[SAMPLES] += weight;
    bin[CONFIDENCE] += weight * g->confidence;
    bin[CORRECT] += weight * g->right;
}

/* Bins are open at the left: (0, 1/n], (1/n, 2/n], ...; 0 belongs to the first. */
static size_t bin_of(const struct calibration *c, double confidence) {
    const double n = (double)c->n_bins;
    size_t i = (size_t)fmin(confidence * n, n - 1);
    while (i > 0 && confidence <= (double)i / n)
        i--;
    while (i + 1 < c->n_bins && confidence > (double)(i + 1) / n)
        i++;
    return i;
}

/* As many samples in each bin as in the others, or one more in the first ones. */
static void fill_quantiles(struct calibration *c, const double *weights) {
    const double all = total_weight(c, weights), n = (double)c->n_bins;
    const double least = floor(all / n), more = all - least * n;
    size_t bin = 0;
    double room = least + (more > 0);
    sort(c);
    for (size_t k = 0; k < c->n; k++) {
        const size_t i = c->order[k].at;
        for (double left = weight_of(weights, i); left > 0;) {
            while (room <= 0 && bin + 1 < c->n_bins) {
                bin++;
                room = least + ((double)bin < more);
            }
            const double now = fmin(left, room);
            add_to_bin(c->bins + PER_BIN * bin, &c->kept[i], now);
            left -= now;
            room -= now;
        }
    }
}

static void fill_bins(struct calibration *c, const double *weights) {
    memset(c->bins, 0, PER_BIN * c->n_bins * sizeof(*c->bins));
    if (c->quantile) {
        fill_quantiles(c, weights);
        return;
    }
    for (size_t i = 0; i < c->n; i++)
        add_to_bin(c->bins + PER_BIN * bin_of(c, c->kept[i].confidence), &c->kept[i],
                   weight_of(weights, i));
}

static double ece_of_counts(const void *state, const double *sum, size_t n) {
    double gaps = 0, samples = 0;
    (void)state;
    for (size_t i = 0; i + PER_BIN <= n; i += PER_BIN) {
        gaps += fabs(sum[i + CORRECT] - sum[i + CONFIDENCE]);
        samples += sum[i + SAMPLES];
    }
    return samples > 0 ? gaps / samples : NAN;
}

static double ece(void *state, const double *weights) {
    struct calibration *c = state;
    fill_bins(c, weights);
    return ece_of_counts(c, c->bins, PER_BIN * c->n_bins);
}

/* Bins of equal width are sums; those of equal size are not. */
static size_t n_bin_counts(const void *state) {
    const struct calibration *c = state;
    return c->quantile ? 0 : PER_BIN * c->n_bins;
}

static karma_status count_bin(void *state, const struct metric_sample *s, double *counts) {
    const struct calibration *c = state;
    const struct guess *g = &c->kept[c->n - 1];
    (void)s;
    add_to_bin(counts + PER_BIN * bin_of(c, g->confidence), g, 1);
    return KARMA_OK;
}

static karma_status set_real(struct arena *a, struct json *o, const char *name, double v) {
    return json_set(a, o, name, json_new_real(a, v));
}

static karma_status set_count(struct arena *a, struct json *o, const char *name, size_t n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

static karma_status describe_bin(const struct calibration *c, struct arena *a, size_t i,
                                 struct json *list) {
    const double *bin = c->bins + PER_BIN * i, n = bin[SAMPLES];
    struct json *o = json_new_object(a);
    karma_status st = o ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK && !c->quantile) {
        st = set_real(a, o, "above", (double)i / (double)c->n_bins);
        if (st == KARMA_OK) st = set_real(a, o, "up_to", (double)(i + 1) / (double)c->n_bins);
    }
    if (st == KARMA_OK) st = set_count(a, o, "n", (size_t)n);
    if (st == KARMA_OK) st = set_real(a, o, "confidence", bin[CONFIDENCE] / n);
    if (st == KARMA_OK) st = set_real(a, o, "accuracy", bin[CORRECT] / n);
    return st < 0 ? st : json_push(a, list, o);
}

static karma_status describe_ece(void *state, const double *sum, struct arena *a, struct json *o) {
    struct calibration *c = state;
    struct json *bins = json_new_array(a);
    double confidence = 0, correct = 0, worst = 0;
    (void)sum;
    karma_status st = bins ? set_count(a, o, "n_without_confidence", c->n_left_out) : KARMA_E_NOMEM;
    if (st < 0 || c->n == 0) return st;
    fill_bins(c, NULL);
    for (size_t i = 0; i < c->n_bins && st == KARMA_OK; i++) {
        const double *bin = c->bins + PER_BIN * i;
        if (bin[SAMPLES] == 0) continue;
        confidence += bin[CONFIDENCE];
        correct += bin[CORRECT];
        worst = fmax(worst, fabs(bin[CORRECT] - bin[CONFIDENCE]) / bin[SAMPLES]);
        st = describe_bin(c, a, i, bins);
    }
    if (st == KARMA_OK) st = set_real(a, o, "accuracy", correct / (double)c->n);
    if (st == KARMA_OK) st = set_real(a, o, "mean_confidence", confidence / (double)c->n);
    if (st == KARMA_OK) st = set_real(a, o, "maximum_calibration_error", worst);
    return st < 0 ? st : json_set(a, o, "bins", bins);
}

/* ---- Brier score ---- */

static karma_status score_brier(void *state, const struct metric_sample *s, double *score) {
    struct calibration *c = state;
    struct guess g = {NAN, false};
    karma_status st = read_guess(c, s, &g);
    const double error = g.confidence - (g.right ? 1 : 0);
    *score = error * error; /* NaN: no confidence */
    return st;
}

static karma_status describe_brier(void *state, const double *sum, struct arena *a,
                                   struct json *o) {
    (void)sum;
    return set_count(a, o, "n_without_confidence", ((const struct calibration *)state)->n_left_out);
}

/* ---- risk and coverage ---- */

/* Samples of equal confidence, which no order can tell apart: so many, so many of them wrong. */
struct tie {
    double n, wrong, confidence;
};

/* The next tie downwards of *k places. */
static struct tie next_tie(const struct calibration *c, const double *weights, size_t *k) {
    struct tie t = {.confidence = c->order[*k - 1].confidence};
    for (; *k > 0 && c->order[*k - 1].confidence == t.confidence; --*k) {
        const size_t i = c->order[*k - 1].at;
        t.n += weight_of(weights, i);
        if (!c->kept[i].right) t.wrong += weight_of(weights, i);
    }
    return t;
}

/* Mean over k of the share of wrong ones among the k surest; within a tie, of its mean order. */
static double area(void *state, const double *weights) {
    struct calibration *c = state;
    double sum = 0, n = 0, wrong = 0;
    sort(c);
    for (size_t k = c->n; k > 0;) {
        const struct tie t = next_tie(c, weights, &k);
        for (double i = 1; i <= t.n; i++)
            sum += (wrong + t.wrong * i / t.n) / (n + i);
        n += t.n;
        wrong += t.wrong;
    }
    return n > 0 ? sum / n : NAN;
}

/* The share of wrong ones among the surest that make up `coverage` of all, and how sure the least
 * sure of them is. */
static void risk_at(struct calibration *c, double coverage, double *risk, double *threshold) {
    const double wanted = fmax(1, ceil(coverage * (double)c->n - 1e-9));
    double n = 0, wrong = 0;
    *threshold = 1;
    for (size_t k = c->n; k > 0 && n < wanted;) {
        const struct tie t = next_tie(c, NULL, &k);
        const double taken = fmin(t.n, wanted - n);
        n += taken;
        wrong += t.wrong * taken / t.n;
        *threshold = t.confidence;
    }
    *risk = wrong / n;
}

static karma_status describe_curve(void *state, const double *sum, struct arena *a,
                                   struct json *o) {
    struct calibration *c = state;
    struct json *list = json_new_array(a);
    double wrong = 0, best = 0;
    (void)sum;
    karma_status st = list ? set_count(a, o, "n_without_confidence", c->n_left_out) : KARMA_E_NOMEM;
    if (st < 0 || c->n == 0) return st;
    sort(c);
    for (size_t i = 0; i < json_count(c->coverages) && st == KARMA_OK; i++) {
        const struct json *x = json_at(c->coverages, i);
        double risk, threshold;
        struct json *at = json_new_object(a);
        const double coverage = x->type == JSON_INT ? (double)x->u.integer : x->u.real;
        risk_at(c, coverage, &risk, &threshold);
        st = at ? set_real(a, at, "coverage", coverage) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = set_real(a, at, "risk", risk);
        if (st == KARMA_OK) st = set_real(a, at, "confidence", threshold);
        if (st == KARMA_OK) st = json_push(a, list, at);
    }
    for (size_t i = 0; i < c->n; i++)
        wrong += !c->kept[i].right;
    for (double i = 1; i <= wrong; i++) /* all wrong ones last */
        best += i / ((double)c->n - wrong + i);
    if (st == KARMA_OK) st = set_real(a, o, "risk", wrong / (double)c->n);
    if (st == KARMA_OK) st = set_real(a, o, "excess_area", area(c, NULL) - best / (double)c->n);
    return st < 0 ? st : json_set(a, o, "risk_at_coverage", list);
}

/* ---- the metrics ---- */

#define CASE_OPTION                                                                                \
    {                                                                                              \
        .name = "ignore_case", .type = KARMA_OPTION_BOOL, .default_json = "true",                  \
        .help = "a prediction is right whatever its case"                                          \
    }

static const char *const strategies[] = {"uniform", "quantile", NULL};

static const karma_option_spec ece_options[] = {
    {.name = "n_bins",
     .type = KARMA_OPTION_INT,
     .default_json = "10",
     .min = 1,
     .max = MAX_BINS,
     .help = "into how many parts confidences are cut"},
    {.name = "strategy",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"uniform\"",
     .choices = strategies,
     .help = "parts of equal width, or of equally many samples (adaptive)"},
    CASE_OPTION,
    {.name = NULL},
};

static const karma_option_spec brier_options[] = {CASE_OPTION, {.name = NULL}};

static const karma_option_spec curve_options[] = {
    {.name = "coverages",
     .type = KARMA_OPTION_JSON,
     .default_json = "[0.5, 0.7, 0.8, 0.9, 0.95, 1]",
     .help = "shares of the samples, the surest first, of which the risk is given"},
    CASE_OPTION,
    {.name = NULL},
};

const struct metric_ops metric_ece = {
    .info = {.name = "ece",
             .description = "expected calibration error: how far confidence and accuracy lie "
                            "apart, over bins of confidence",
             .options = ece_options},
    .kind = KARMA_METRIC_RECORDS,
    .less_is_better = true,
    .open = open_ece,
    .close = close_calibration,
    .n_counts = n_bin_counts,
    .count = count_bin,
    .value = ece_of_counts,
    .keep = keep,
    .value_of = ece,
    .describe = describe_ece,
};

const struct metric_ops metric_brier = {
    .info = {.name = "brier",
             .description = "mean square of confidence less 1 where the prediction is right, less "
                            "0 where it is wrong",
             .options = brier_options},
    .kind = KARMA_METRIC_MEAN,
    .less_is_better = true,
    .open = open_calibration,
    .close = close_calibration,
    .score_sample = score_brier,
    .describe = describe_brier,
};

const struct metric_ops metric_risk_coverage = {
    .info = {.name = "risk_coverage",
             .description = "area under the risk-coverage curve: share of wrong ones among the "
                            "surest k, averaged over k",
             .options = curve_options},
    .kind = KARMA_METRIC_RECORDS,
    .less_is_better = true,
    .open = open_curve,
    .close = close_calibration,
    .keep = keep,
    .value_of = area,
    .describe = describe_curve,
};
