/*
 * metrics.c - the list of metrics, those registered at run time, the public calls, and what is made
 * of scores: their mean, its standard error, a 95 % interval; or of counts: the rate of their sums,
 * with the same.
 */
#include <math.h>
#include <string.h>

#include "base/foreign.h"
#include "base/names.h"
#include "base/nearest.h"
#include "base/option.h"
#include "base/registered.h"
#include "metrics/metric.h"

const struct metric_ops *const metrics[] = {
    &metric_exact_match, &metric_accuracy, &metric_tokenised_f1, &metric_wer,
    &metric_cer,         &metric_mer,      &metric_ndcg,         &metric_recall,
    &metric_mrr,         &metric_map,      &metric_precision,    NULL,
};

static const double z95 = 1.959963984540054; /* normal quantile at 0.975 */

/* A metric that can be made: ours, or a registered one. */
struct entry {
    karma_metric_info info; /* complete: nothing in it is NULL */
    const karma_metric_class *class;
};

static struct registered added; /* of struct entry */

struct karma_metric {
    const karma_metric_info *info;
    bool zero_one;
    const struct metric_ops *ops;    /* of ours, or NULL */
    const karma_metric_class *class; /* of a registered one, or NULL */
    void *state;                     /* of ops or class */
    bool begun;                      /* class->begin succeeded, or there is none */
    struct arena arena;              /* args */
    const struct json *args;
    const char *args_text;
    struct buf scratch[2];
    size_t n;
    double sum;
    double mean, square; /* Welford's: mean and sum of squared differences so far */
    /* Of an error rate: mean is that of the errors, square theirs. */
    struct metric_counts counts, last;
    double mean_units, square_units, product; /* Welford's, and of both together */
    struct buf details;
};

/* ---- names ---- */

enum { MAX_METRICS = 64 };
_Static_assert(sizeof(metrics) / sizeof(*metrics) <= MAX_METRICS, "room for all names");

static karma_status all_names(struct arena *a, const char ***names, size_t *count) {
    const char *own[MAX_METRICS];
    size_t n = 0;
    for (; metrics[n]; n++)
        own[n] = metrics[n]->info.name;
    return registered_names(&added, a, own, n, names, count);
}

karma_status karma_list_metrics(char ***names, size_t *count) {
    struct arena a = {0};
    const char **all;
    size_t n = 0;
    *names = NULL;
    *count = 0;
    karma_status st = all_names(&a, &all, &n);
    if (st == KARMA_OK) st = names_copy(all, n, names);
    if (st == KARMA_OK) *count = n;
    arena_release(&a);
    return st;
}

/* "recall@5" for "recall@k": the number, else 0. */
static int64_t number_of(const char *name, const char *listed) {
    enum { MAX_DIGITS = 7 };
    const char *at = strchr(listed, '@');
    const size_t stem = at ? (size_t)(at - listed) + 1 : 0;
    if (stem == 0 || strcmp(at, "@k") != 0 || strncmp(name, listed, stem) != 0) return 0;
    int64_t n = 0;
    const char *p = name + stem;
    if (*p == '0') return 0;
    for (; *p >= '0' && *p <= '9' && p - name - (ptrdiff_t)stem < MAX_DIGITS; p++)
        n = n * 10 + (*p - '0');
    return *p == '\0' ? n : 0;
}

/* One of ours, or NULL. *k: the number in the name, 0 if there is none. */
static const struct metric_ops *find_own(const char *name, int64_t *k) {
    for (const struct metric_ops *const *m = metrics; *m; m++) {
        const struct metric_ops *ops = *m;
        *k = number_of(name, ops->info.name);
        if (*k > 0 || strcmp(ops->info.name, name) == 0) return ops;
        if (ops->alias && strcmp(ops->alias, name) == 0) return ops;
    }
    return NULL;
}

static karma_status not_found(const char *name) {
    struct arena a = {0};
    const char **all;
    size_t n;
    karma_status st = all_names(&a, &all, &n);
    if (st == KARMA_OK) {
        const int near = nearest_name(name, all, n);
        st = status_fail(KARMA_E_NOTFOUND, "no metric '%s'; %s '%s'", status_quotez(name),
                         near >= 0 ? "did you mean" : "the first is", all[near >= 0 ? near : 0]);
    }
    arena_release(&a);
    return st;
}

karma_status karma_get_metric_info(const char *name, const karma_metric_info **info) {
    int64_t k;
    const struct metric_ops *ops = find_own(name, &k);
    const struct entry *e = ops ? NULL : registered_find(&added, name);
    *info = ops ? &ops->info : e ? &e->info : NULL;
    return *info ? KARMA_OK : not_found(name);
}

/* ---- registered ones ---- */

static karma_status check(const karma_metric_class *c) {
    int64_t k;
    karma_status st =
        foreign_abi("metric", c->abi_version, c->struct_size, KARMA_METRIC_ABI, sizeof(*c));
    if (st < 0) return st;
    if (!c->info.name || !c->info.name[0]) return status_fail(KARMA_E_MISSING, "metric: no name");
    st = foreign_string(c->info.name, "metric name");
    if (st == KARMA_OK && !c->score) st = status_fail(KARMA_E_MISSING, "no function score");
    if (st == KARMA_OK && c->info.description)
        st = foreign_string(c->info.description, "description");
    if (st == KARMA_OK) st = options_check(c->info.options, "metric argument");
    if (st == KARMA_OK && find_own(c->info.name, &k))
        st = status_fail(KARMA_E_DUPLICATE, "there is one already");
    return st < 0 ? status_prefix(st, "metric %s", status_quotez(c->info.name)) : KARMA_OK;
}

karma_status karma_register_metric(const karma_metric_class *c) {
    static const karma_option_spec no_options[] = {{.name = NULL}};
    karma_status st = check(c);
    if (st < 0) return st;
    struct entry *e = mem_alloc(sizeof(*e));
    if (!e) return KARMA_E_NOMEM;
    *e = (struct entry){.info = c->info, .class = c};
    if (!e->info.description) e->info.description = "";
    if (!e->info.options) e->info.options = no_options;
    st = registered_add(&added, c->info.name, e);
    if (st == KARMA_OK) return KARMA_OK;
    mem_free(e);
    return status_prefix(st, "metric");
}

void metric_unregister(const char *name) {
    registered_drop(&added, name);
}

/* ---- one metric ---- */

/* The arguments given, with the number in the name among them. */
static karma_status add_number(karma_metric *m, const char *name, int64_t k,
                               const struct json **given) {
    if (k == 0 || (*given && !json_is_object(*given))) return KARMA_OK;
    if (json_get(*given, "k"))
        return status_fail(KARMA_E_USAGE, "metric argument k: the name '%s' says it already", name);
    struct json *all;
    karma_status st = json_merge(&m->arena, *given, NULL, &all);
    if (st == KARMA_OK) st = json_set(&m->arena, all, "k", json_new_int(&m->arena, k));
    *given = all;
    return st;
}

static karma_status read_args(karma_metric *m, const char *name, int64_t k, const char *args_json) {
    const karma_option_spec *const tables[] = {m->info->options, NULL};
    const struct json *given = NULL;
    struct buf text = {0};
    karma_status st = KARMA_OK;
    if (args_json)
        st = json_parse(&m->arena, args_json, strlen(args_json), JSON_REJECT_DUPLICATES, &given);
    if (st == KARMA_OK) st = add_number(m, name, k, &given);
    if (st == KARMA_OK)
        st = options_resolve(&m->arena, tables, given, true, "metric argument", &m->args);
    if (st == KARMA_OK) st = json_write(&text, m->args, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(m->args_text = arena_strdup(&m->arena, buf_str(&text))))
        st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}

static karma_status begin(karma_metric *m) {
    if (m->ops && m->ops->open) return m->ops->open(&m->arena, m->args, &m->state);
    if (m->class && m->class->begin) {
        foreign_begin();
        karma_status st = foreign_end(m->class->begin(m->args_text, &m->state));
        if (st < 0) return st;
    }
    m->begun = true;
    return KARMA_OK;
}

karma_status karma_metric_create(const char *name, const char *args_json, karma_metric **out) {
    int64_t k = 0;
    *out = NULL;
    const struct metric_ops *ops = find_own(name, &k);
    const struct entry *e = ops ? NULL : registered_find(&added, name);
    if (!ops && !e) return not_found(name);
    karma_metric *m = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    m->ops = ops;
    m->class = e ? e->class : NULL;
    m->info = ops ? &ops->info : &e->info;
    m->zero_one = ops ? ops->zero_one : e->class->zero_one;
    karma_status st = read_args(m, name, k, args_json);
    if (st == KARMA_OK) st = begin(m);
    if (st < 0) {
        status_prefix(st, "%s", m->info->name);
        karma_metric_destroy(m);
        return st;
    }
    *out = m;
    return KARMA_OK;
}

const char *karma_metric_args(const karma_metric *m) {
    return m->args_text;
}

static karma_status foreign_score(karma_metric *m, const char *prediction, const char *reference,
                                  double *score) {
    double s = NAN;
    foreign_begin();
    karma_status st = foreign_end(m->class->score(m->state, prediction, reference, &s));
    if (st < 0) return st;
    if (!isfinite(s))
        return status_fail(KARMA_E_PLUGIN, "returned a score that is not a finite number");
    if (m->zero_one && s != 0 && s != 1)
        return status_fail(KARMA_E_PLUGIN, "returned the score %.17g; its scores are 0 or 1", s);
    *score = s;
    return KARMA_OK;
}

/* Without units there is nothing to divide by: the errors themselves, as jiwer has it. */
static double rate_of(const struct metric_counts *c) {
    return c->units ? (double)c->errors / (double)c->units : (double)c->errors;
}

static void add_counts(karma_metric *m, const struct metric_counts *c) {
    m->last = *c;
    m->counts.errors += c->errors;
    m->counts.units += c->units;
    for (int i = 0; i < METRIC_MAX_COUNTS; i++)
        m->counts.of[i] += c->of[i];
    const double difference = (double)c->units - m->mean_units;
    m->mean_units += difference / (double)m->n;
    m->square_units += difference * ((double)c->units - m->mean_units);
    /* m->mean is still without this sample */
    m->product += ((double)c->errors - m->mean) * ((double)c->units - m->mean_units);
}

static karma_status score_one(karma_metric *m, const char *prediction, const char *reference,
                              struct metric_counts *c, double *score) {
    if (!m->ops) return foreign_score(m, prediction, reference, score);
    if (!m->ops->measure) return m->ops->score(m->args, m->scratch, prediction, reference, score);
    karma_status st = m->ops->measure(m->state, prediction, reference, c);
    *score = rate_of(c);
    return st;
}

karma_status karma_metric_add(karma_metric *m, const char *prediction, const char *reference,
                              double *score) {
    struct metric_counts c = {0};
    double s = 0;
    buf_clear(&m->scratch[0]);
    buf_clear(&m->scratch[1]);
    if (!prediction) prediction = "";
    if (!reference) reference = "";
    karma_status st = score_one(m, prediction, reference, &c, &s);
    if (st < 0) return status_prefix(st, "%s", m->info->name);
    if (score) *score = s;
    m->n++;
    m->sum += s;
    if (karma_metric_is_error_rate(m)) {
        add_counts(m, &c);
        s = (double)c.errors;
    }
    double difference = s - m->mean;
    m->mean += difference / (double)m->n;
    m->square += difference * (s - m->mean);
    return KARMA_OK;
}

bool karma_metric_is_error_rate(const karma_metric *m) {
    return m->ops && m->ops->measure;
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

/* Of a ratio of sums X / Y the error is, to first order, that of the mean of x - (X / Y) y over the
 * mean of y. The sum of its squares is one of centred moments, because its own mean is 0. */
static void end_rate(const karma_metric *m, karma_metric_result *out) {
    const double n = (double)m->n, rate = out->score = rate_of(&m->counts);
    if (m->n < 2 || m->counts.units == 0) return;
    const double squares = m->square - 2 * rate * m->product + rate * rate * m->square_units;
    out->standard_error = sqrt(fmax(0, squares) / (n - 1) / n) / m->mean_units;
    out->ci_low = fmax(0, rate - z95 * out->standard_error);
    out->ci_high = rate + z95 * out->standard_error;
}

karma_status karma_metric_end(karma_metric *m, karma_metric_result *out) {
    const double n = (double)m->n;
    *out = (karma_metric_result){.n = m->n, .standard_error = NAN, .ci_low = NAN, .ci_high = NAN};
    if (m->n == 0) return KARMA_OK;
    if (karma_metric_is_error_rate(m)) {
        end_rate(m, out);
        return KARMA_OK;
    }
    out->score = m->sum / n;
    if (m->n > 1) out->standard_error = sqrt(m->square / (n - 1) / n);
    if (m->zero_one) {
        wilson(out->score, n, &out->ci_low, &out->ci_high);
    } else if (m->n > 1) {
        out->ci_low = out->score - z95 * out->standard_error;
        out->ci_high = out->score + z95 * out->standard_error;
    }
    return KARMA_OK;
}

/* Counts, and what else there is of the last sample, as an object in m->details. */
static karma_status details(karma_metric *m, const struct metric_counts *c, bool of_sample,
                            const char **json) {
    struct arena a = {0};
    struct json *o = json_new_object(&a);
    karma_status st = o ? KARMA_OK : KARMA_E_NOMEM;
    *json = NULL;
    buf_clear(&m->details);
    if (st == KARMA_OK && karma_metric_is_error_rate(m)) {
        st = m->ops->describe(m->state, c, &a, o);
        if (st == KARMA_OK && of_sample && m->ops->describe_sample)
            st = m->ops->describe_sample(m->state, &a, o);
    }
    if (st == KARMA_OK) st = json_write(&m->details, o, 0, JSON_PYTHON);
    arena_release(&a);
    if (st < 0) return status_prefix(st, "%s", m->info->name);
    *json = buf_str(&m->details);
    return KARMA_OK;
}

karma_status karma_metric_details(karma_metric *m, const char **json) {
    return details(m, &m->counts, false, json);
}

karma_status karma_metric_sample_details(karma_metric *m, const char **json) {
    return details(m, &m->last, m->n > 0, json);
}

void karma_metric_destroy(karma_metric *m) {
    if (!m) return;
    if (m->ops && m->ops->close) m->ops->close(m->state);
    buf_release(&m->details);
    if (m->class && m->begun && m->class->end) m->class->end(m->state);
    buf_release(&m->scratch[0]);
    buf_release(&m->scratch[1]);
    arena_release(&m->arena);
    mem_free(m);
}
