/*
 * metrics.c - the list of metrics, the public calls, and what is made of scores: their mean, its
 * standard error, a 95 % interval.
 */
#include <math.h>
#include <string.h>

#include "base/names.h"
#include "base/nearest.h"
#include "base/option.h"
#include "metrics/metric.h"

const struct metric_ops *const metrics[] = {
    &metric_exact_match,
    &metric_accuracy,
    &metric_tokenised_f1,
    NULL,
};

static const double z95 = 1.959963984540054; /* normal quantile at 0.975 */

struct karma_metric {
    const struct metric_ops *ops;
    struct arena arena; /* args */
    const struct json *args;
    struct buf scratch[2];
    size_t n;
    double sum;
    double mean, square; /* Welford's: mean and sum of squared differences so far */
};

static size_t list_names(const char *names[]) {
    size_t n = 0;
    for (; metrics[n]; n++)
        if (names) names[n] = metrics[n]->info.name;
    return n;
}

enum { MAX_METRICS = 64 };
_Static_assert(sizeof(metrics) / sizeof(*metrics) <= MAX_METRICS, "room for all names");

karma_status karma_list_metrics(char ***names, size_t *count) {
    const char *all[MAX_METRICS];
    size_t n = list_names(all);
    *count = 0;
    karma_status st = names_copy(all, n, names);
    if (st == KARMA_OK) *count = n;
    return st;
}

static karma_status find(const char *name, const struct metric_ops **out) {
    const char *all[MAX_METRICS];
    size_t n = list_names(all);
    *out = NULL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i], name) == 0) *out = metrics[i];
    if (*out) return KARMA_OK;
    int near = nearest_name(name, all, n);
    return status_fail(KARMA_E_NOTFOUND, "no metric '%s'; %s '%s'", status_quotez(name),
                       near >= 0 ? "did you mean" : "the first is", all[near >= 0 ? near : 0]);
}

karma_status karma_get_metric_info(const char *name, const karma_metric_info **info) {
    const struct metric_ops *ops;
    karma_status st = find(name, &ops);
    *info = st == KARMA_OK ? &ops->info : NULL;
    return st;
}

static karma_status read_args(karma_metric *m, const char *args_json) {
    const karma_option_spec *const tables[] = {m->ops->info.options, NULL};
    const struct json *given = NULL;
    karma_status st = KARMA_OK;
    if (args_json)
        st = json_parse(&m->arena, args_json, strlen(args_json), JSON_REJECT_DUPLICATES, &given);
    if (st == KARMA_OK)
        st = options_resolve(&m->arena, tables, given, true, "metric argument", &m->args);
    return st < 0 ? status_prefix(st, "%s", m->ops->info.name) : KARMA_OK;
}

karma_status karma_metric_create(const char *name, const char *args_json, karma_metric **out) {
    const struct metric_ops *ops;
    *out = NULL;
    karma_status st = find(name, &ops);
    if (st < 0) return st;
    karma_metric *m = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    m->ops = ops;
    st = read_args(m, args_json);
    if (st < 0) {
        karma_metric_destroy(m);
        return st;
    }
    *out = m;
    return KARMA_OK;
}

karma_status karma_metric_add(karma_metric *m, const char *prediction, const char *reference,
                              double *score) {
    double s = 0;
    buf_clear(&m->scratch[0]);
    buf_clear(&m->scratch[1]);
    karma_status st = m->ops->score(m->args, m->scratch, prediction ? prediction : "",
                                    reference ? reference : "", &s);
    if (st < 0) return status_prefix(st, "%s", m->ops->info.name);
    m->n++;
    m->sum += s;
    double difference = s - m->mean;
    m->mean += difference / (double)m->n;
    m->square += difference * (s - m->mean);
    if (score) *score = s;
    return KARMA_OK;
}

/* Wilson's score interval: holds near 0 and 1 and for few samples, where mean +- 1.96 se does not.
 */
static void wilson(double p, double n, double *low, double *high) {
    const double z2 = z95 * z95;
    const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
    const double half = z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    *low = p == 0 ? 0 : fmax(0, centre - half); /* exactly 0 and 1 there, but for rounding */
    *high = p == 1 ? 1 : fmin(1, centre + half);
}

karma_status karma_metric_end(karma_metric *m, karma_metric_result *out) {
    const double n = (double)m->n;
    *out = (karma_metric_result){.n = m->n, .standard_error = NAN, .ci_low = NAN, .ci_high = NAN};
    if (m->n == 0) return KARMA_OK;
    out->score = m->sum / n;
    if (m->n > 1) out->standard_error = sqrt(m->square / (n - 1) / n);
    if (m->ops->zero_one) {
        wilson(out->score, n, &out->ci_low, &out->ci_high);
    } else if (m->n > 1) {
        out->ci_low = out->score - z95 * out->standard_error;
        out->ci_high = out->score + z95 * out->standard_error;
    }
    return KARMA_OK;
}

void karma_metric_destroy(karma_metric *m) {
    if (!m) return;
    buf_release(&m->scratch[0]);
    buf_release(&m->scratch[1]);
    arena_release(&m->arena);
    mem_free(m);
}
