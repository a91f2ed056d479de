/*
 * metrics.c - the list of metrics, those registered at run time, and the public calls. What is made
 * of the samples' scores lies in tally.c.
 */
#include <math.h>
#include <string.h>

#include "base/foreign.h"
#include "base/names.h"
#include "base/nearest.h"
#include "base/option.h"
#include "base/registered.h"
#include "metrics/tally.h"

const struct metric_ops *const metrics[] = {
    &metric_exact_match,
    &metric_accuracy,
    &metric_tokenised_f1,
    &metric_f1,
    &metric_bleu,
    &metric_chrf,
    &metric_rouge1,
    &metric_rouge2,
    &metric_rouge_l,
    &metric_rouge_lsum,
    &metric_wer,
    &metric_cer,
    &metric_mer,
    &metric_asr_semantic,
    &metric_semantic_wer,
    &metric_silence_accuracy,
    &metric_numeric_tolerance,
    &metric_json_fields,
    &metric_refusal,
    &metric_harm_detection,
    &metric_stratified,
    &metric_geographic,
    &metric_demographic,
    &metric_bias_consistency,
    &metric_bias_disparity,
    &metric_ece,
    &metric_brier,
    &metric_risk_coverage,
    &metric_rubric,
    &metric_answer_rubric,
    &metric_query_rubric,
    &metric_json_rubric,
    &metric_medcase_diagnosis,
    &metric_medcase_recall,
    &metric_ndcg,
    &metric_recall,
    &metric_mrr,
    &metric_map,
    &metric_precision,
    NULL,
};

/* A metric that can be made: ours, or a registered one. */
struct entry {
    karma_metric_info info; /* complete: nothing in it is NULL */
    const karma_metric_class *class;
};

static struct registered added; /* of struct entry */

struct karma_metric {
    const karma_metric_info *info;
    const struct metric_ops *ops;    /* of ours, or NULL */
    const karma_metric_class *class; /* of a registered one, or NULL */
    void *state;                     /* of ops or class */
    bool begun;                      /* class->begin succeeded, or there is none */
    struct arena arena;              /* args */
    const struct json *args;
    const char *args_text;
    struct arena sample; /* what the sample added last needs */
    struct buf scratch[2];
    struct tally tally;
    karma_status broken; /* a sample was kept and not tallied: no more can be added */
    double *counts;      /* [n_counts] of the sample added last; NULL: none */
    size_t n_counts, cap_counts;
    bool ended; /* result is that of all samples so far */
    karma_metric_result result;
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
    struct tally *t = &m->tally;
    if (m->class && m->class->begin) {
        foreign_begin();
        karma_status st = foreign_end(m->class->begin(m->args_text, &m->state));
        if (st < 0) return st;
    }
    m->begun = true;
    if (m->ops && m->ops->open) {
        karma_status st = m->ops->open(&m->arena, m->args, &m->state);
        if (st < 0) return st;
    }
    t->ops = m->ops;
    t->state = m->state;
    if (m->ops)
        t->kind = m->ops->kind;
    else
        t->kind = m->class->zero_one ? KARMA_METRIC_SHARE : KARMA_METRIC_MEAN;
    return tally_init(t, t->kind == KARMA_METRIC_COUNTS    ? m->ops->n_counts(m->state)
                         : t->kind == KARMA_METRIC_RECORDS ? 0
                                                           : 2);
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
    if (m->class->zero_one && s != 0 && s != 1)
        return status_fail(KARMA_E_PLUGIN, "returned the score %.17g; its scores are 0 or 1", s);
    *score = s;
    return KARMA_OK;
}

/* The sample's counts, after which m->n_counts says how many there are. */
static karma_status count(karma_metric *m, const struct metric_sample *s) {
    const size_t n = m->ops->n_counts(m->state);
    if (n > m->cap_counts) {
        double *counts = mem_realloc(m->counts, n * sizeof(*counts));
        if (!counts) return KARMA_E_NOMEM;
        m->counts = counts;
        m->cap_counts = n;
    }
    for (size_t i = 0; i < n; i++)
        m->counts[i] = 0;
    karma_status st = n > 0 ? m->ops->count(m->state, s, m->counts) : KARMA_OK;
    if (st == KARMA_OK) m->n_counts = n;
    return st;
}

/* The sample's own score, its counts, its record: whatever the metric makes of it. */
static karma_status score_one(karma_metric *m, const struct metric_sample *s, double *score) {
    const struct metric_ops *ops = m->ops;
    if (!ops) return foreign_score(m, s->prediction, s->reference, score);
    if (ops->keep) {
        karma_status st = ops->keep(m->state, s, score);
        return st == KARMA_OK && ops->count && !isnan(*score) ? count(m, s) : st;
    }
    if (ops->count) {
        karma_status st = count(m, s);
        if (st == KARMA_OK)
            *score = (ops->sample_value ? ops->sample_value : ops->value)(m->state, m->counts,
                                                                          m->n_counts);
        return st;
    }
    if (ops->score_sample) return ops->score_sample(m->state, s, score);
    return ops->score(m->args, m->scratch, s->prediction, s->reference, score);
}

/* The sample in our terms. What a caller does not know of is as if it were not known. */
static karma_status read_sample(karma_metric *m, const karma_metric_sample *given,
                                struct metric_sample *s) {
    karma_metric_sample all = {.confidence = NAN};
    const size_t size = given->struct_size < sizeof(all) ? given->struct_size : sizeof(all);
    if (size <= sizeof(given->struct_size))
        return status_fail(KARMA_E_USAGE, "a sample without struct_size");
    memcpy(&all, given, size);
    *s = (struct metric_sample){.prediction = all.prediction ? all.prediction : "",
                                .reference = all.reference ? all.reference : "",
                                .group = all.group,
                                .confidence = all.confidence,
                                .thinking = all.thinking,
                                .arena = &m->sample};
    s->output = all.output ? all.output : s->prediction;
    if (!isnan(s->confidence) && !(s->confidence >= 0 && s->confidence <= 1))
        return status_fail(KARMA_E_RANGE, "confidence: %g is not in 0..1", s->confidence);
    if (m->ops && m->ops->reads_other_args && all.other_args_json) {
        karma_status st = json_parse(&m->sample, all.other_args_json, strlen(all.other_args_json),
                                     JSON_LAST_WINS, &s->other_args);
        if (st == KARMA_OK && !json_is_null(s->other_args) && !json_is_object(s->other_args))
            st = status_fail(KARMA_E_TYPE, "expected an object, found %s",
                             json_type_name(s->other_args));
        if (st < 0) return status_prefix(st, "other_args");
    }
    return !s->group && m->ops && m->ops->group ? m->ops->group(m->state, s, &s->group) : KARMA_OK;
}

/* What the judge was asked, and what it says. */
static karma_status read_verdicts(karma_metric *m, const karma_metric_sample *given,
                                  struct metric_sample *s) {
    struct metric_question *questions = NULL;
    const size_t end = offsetof(karma_metric_sample, n_verdicts) + sizeof(given->n_verdicts);
    const size_t n = given->struct_size >= end && given->verdicts ? given->n_verdicts : 0;
    if (!m->ops || !m->ops->questions) return KARMA_OK;
    karma_status st = m->ops->questions(m->state, s, &questions, &s->n_questions);
    if (st < 0) return st;
    s->questions = questions;
    if (n != s->n_questions)
        return status_fail(KARMA_E_MISSING,
                           "expected a judge's verdict of each of %zu questions, "
                           "found %zu",
                           s->n_questions, n);
    s->verdicts = n ? given->verdicts : NULL;
    for (size_t i = 0; i < n; i++)
        if (!(s->verdicts[i] >= 0 && s->verdicts[i] <= 1))
            return status_fail(KARMA_E_RANGE, "verdict %zu: %g is not in 0..1", i, s->verdicts[i]);
    return KARMA_OK;
}

static void forget_sample(karma_metric *m) {
    arena_reset(&m->sample);
    buf_clear(&m->scratch[0]);
    buf_clear(&m->scratch[1]);
    m->n_counts = 0;
}

static karma_status add_sample(karma_metric *m, const karma_metric_sample *given, double *score) {
    struct metric_sample s;
    if (m->broken < 0) return status_fail(m->broken, "a sample before could not be added");
    forget_sample(m);
    m->ended = false;
    karma_status st = read_sample(m, given, &s);
    if (st == KARMA_OK) st = read_verdicts(m, given, &s);
    if (st == KARMA_OK) st = score_one(m, &s, score);
    if (st < 0) return st;
    const double of_mean[2] = {*score, 1};
    st = tally_add(&m->tally, s.group, *score,
                   m->tally.kind == KARMA_METRIC_COUNTS ? m->counts : of_mean);
    if (st < 0) m->broken = st;
    return st;
}

karma_status karma_metric_add_sample(karma_metric *m, const karma_metric_sample *s, double *score) {
    double own = 0;
    karma_status st = add_sample(m, s, &own);
    if (st < 0) return status_prefix(st, "%s", m->info->name);
    if (score) *score = own;
    return KARMA_OK;
}

bool karma_metric_needs_judge(const karma_metric *m) {
    return m->ops && m->ops->questions;
}

static karma_status list_questions(karma_metric *m, const karma_metric_sample *given,
                                   karma_metric_question **out, size_t *n) {
    struct metric_sample s;
    struct metric_question *questions = NULL;
    karma_status st = read_sample(m, given, &s);
    if (st == KARMA_OK) st = m->ops->questions(m->state, &s, &questions, n);
    if (st == KARMA_OK && !(*out = arena_calloc(&m->sample, *n + 1, sizeof(**out))))
        st = KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < *n; i++)
        (*out)[i] = questions[i].ask;
    return st;
}

karma_status karma_metric_questions(karma_metric *m, const karma_metric_sample *s,
                                    const karma_metric_question **questions, size_t *n) {
    karma_metric_question *list = NULL;
    *questions = NULL;
    *n = 0;
    if (!karma_metric_needs_judge(m)) return KARMA_OK;
    forget_sample(m);
    karma_status st = list_questions(m, s, &list, n);
    if (st < 0) {
        *n = 0;
        return status_prefix(st, "%s", m->info->name);
    }
    *questions = list;
    return KARMA_OK;
}

karma_status karma_metric_add(karma_metric *m, const char *prediction, const char *reference,
                              double *score) {
    return karma_metric_add_sample(
        m,
        &(karma_metric_sample){.struct_size = sizeof(karma_metric_sample),
                               .prediction = prediction,
                               .reference = reference,
                               .confidence = NAN},
        score);
}

karma_metric_kind karma_metric_get_kind(const karma_metric *m) {
    return m->tally.kind;
}

bool karma_metric_is_error_rate(const karma_metric *m) {
    return m->ops && m->ops->error_rate;
}

bool karma_metric_less_is_better(const karma_metric *m) {
    return m->ops && m->ops->less_is_better;
}

karma_status karma_metric_end(karma_metric *m, karma_metric_result *out) {
    if (!m->ended) {
        karma_status st = m->broken;
        if (st < 0) st = status_fail(st, "a sample could not be added");
        if (st == KARMA_OK) st = tally_result(&m->tally, &m->result);
        if (st < 0) return status_prefix(st, "%s", m->info->name);
        m->ended = true;
    }
    *out = m->result;
    return KARMA_OK;
}

karma_status karma_metric_sample_counts(karma_metric *m, const double **counts, size_t *n) {
    *counts = m->counts;
    *n = m->n_counts;
    return KARMA_OK;
}

karma_status karma_metric_from_counts(const karma_metric *m, const double *sum, size_t n,
                                      double *score) {
    *score = NAN;
    if (!m->ops || !m->ops->value)
        return status_fail(KARMA_E_USAGE, "%s: it is not made of counts", m->info->name);
    if (m->tally.kind == KARMA_METRIC_COUNTS && n != m->tally.width)
        return status_fail(KARMA_E_USAGE, "%s: it has %zu counts, not %zu", m->info->name,
                           m->tally.width, n);
    *score = m->ops->value(m->state, sum, n);
    return KARMA_OK;
}

/* What describe says of all samples or of the last, as an object in m->details. */
static karma_status details(karma_metric *m, bool of_sample, const char **json) {
    struct arena a = {0};
    struct json *o = json_new_object(&a);
    karma_status st = o ? KARMA_OK : KARMA_E_NOMEM;
    *json = NULL;
    buf_clear(&m->details);
    const bool measured = m->tally.kind != KARMA_METRIC_COUNTS || m->n_counts > 0;
    if (st == KARMA_OK && of_sample && measured && m->ops && m->ops->describe_sample)
        st = m->ops->describe_sample(m->state, m->n_counts ? m->counts : NULL, &a, o);
    if (st == KARMA_OK && !of_sample && m->ops && m->ops->describe)
        st = m->ops->describe(m->state,
                              m->tally.kind == KARMA_METRIC_COUNTS ? m->tally.total : NULL, &a, o);
    if (st == KARMA_OK) st = json_write(&m->details, o, 0, JSON_PYTHON);
    arena_release(&a);
    if (st < 0) return status_prefix(st, "%s", m->info->name);
    *json = buf_str(&m->details);
    return KARMA_OK;
}

karma_status karma_metric_details(karma_metric *m, const char **json) {
    return details(m, false, json);
}

karma_status karma_metric_sample_details(karma_metric *m, const char **json) {
    return details(m, true, json);
}

void karma_metric_destroy(karma_metric *m) {
    if (!m) return;
    if (m->ops && m->ops->close) m->ops->close(m->state);
    buf_release(&m->details);
    if (m->class && m->begun && m->class->end) m->class->end(m->state);
    buf_release(&m->scratch[0]);
    buf_release(&m->scratch[1]);
    tally_release(&m->tally);
    mem_free(m->counts);
    arena_release(&m->sample);
    arena_release(&m->arena);
    mem_free(m);
}
