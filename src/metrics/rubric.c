/*
 * rubric.c - an answer by the criteria of its question, each of which a judge says to be met or
 * not. The score of a sample is the points of the criteria met, negative ones included, over the
 * sum of the positive points; the score of all is their mean, cut to 0..1. That is HealthBench's
 * formula (openai/simple-evals, healthbench_eval.py: calculate_score, _compute_clipped_stats).
 * KARMA 0.2.0 does not cut the mean: protocol upstream. Where no points are positive there is no
 * score. A tag's score is the same of the criteria that have the tag. Beside each the soft score:
 * points by how sure the judge is, instead of all or nothing.
 */
#include <math.h>
#include <string.h>

#include "base/map.h"
#include "metrics/records.h"
#include "metrics/verdicts.h"

enum { SUM, SOFT, N, N_COUNTS }; /* of a sample: its score, its soft score, 1 */

struct tag {
    double sum, soft; /* of samples in which it has positive points */
    size_t n, n_criteria, n_met;
};

struct rubric {
    bool clips;
    struct verdicts verdicts;
    struct map names; /* of tags */
    struct tag *tags; /* [names.count] */
    size_t cap;
};

static karma_status open_rubric(struct arena *a, const struct json *args, void **state) {
    struct rubric *r = *state = arena_calloc(a, 1, sizeof(*r));
    if (!r) return KARMA_E_NOMEM;
    r->clips = strcmp(json_str(json_get(args, "protocol"), ""), "upstream") != 0;
    return KARMA_OK;
}

static void close_rubric(void *state) {
    struct rubric *r = state;
    if (!r) return;
    map_release(&r->names);
    mem_free(r->tags);
}

/* --- questions -------------------------------------------------------------------------------- */

static bool has_tag(const struct json *tags, const char *tag) {
    for (size_t i = 0; i < json_count(tags); i++)
        if (strcmp(json_str(json_at(tags, i), ""), tag) == 0) return true;
    return false;
}

static karma_status check_tags(const struct json *tags) {
    if (!json_is_null(tags) && !json_is_array(tags))
        return status_fail(KARMA_E_TYPE, "tags: expected a list, found %s", json_type_name(tags));
    for (size_t i = 0; i < json_count(tags); i++)
        if (!json_is_string(json_at(tags, i)))
            return status_fail(KARMA_E_TYPE, "tags: expected texts, found %s",
                               json_type_name(json_at(tags, i)));
    return KARMA_OK;
}

static karma_status read_item(const struct metric_sample *s, const struct json *item, size_t i,
                              struct metric_question *q) {
    struct arena *a = s->arena;
    const struct json *points = json_get(item, "points"), *tags = json_get(item, "tags");
    struct json *about = json_new_object(a), *none = json_new_array(a);
    if (!about || !none) return KARMA_E_NOMEM;
    *q = (struct metric_question){.tags = json_is_null(tags) ? none : tags, .item = i};
    karma_status st = json_need_str(item, "criterion", &q->ask.criterion);
    if (st == KARMA_OK && (!points || (points->type != JSON_INT && points->type != JSON_REAL)))
        st = status_fail(KARMA_E_TYPE, "points: expected a number, found %s",
                         json_type_name(points));
    if (st == KARMA_OK) st = check_tags(tags);
    if (st < 0) return st;
    q->points = points->type == JSON_INT ? (double)points->u.integer : points->u.real;
    st = verdict_label_at(s, i, &q->ask.label);
    if (st == KARMA_OK && q->ask.label < 0 && verdict_labels_apply(s))
        st = verdict_label(json_get(item, "criteria_met"), "criteria_met", &q->ask.label);
    if (st == KARMA_OK) st = json_set(a, about, "points", points);
    if (st == KARMA_OK) st = json_set(a, about, "tags", q->tags);
    if (st == KARMA_OK && !(q->ask.about_json = verdict_about(a, about))) st = KARMA_E_NOMEM;
    return st;
}

/* Of those that have the tag; NULL: all. */
static karma_status questions_tagged(const struct metric_sample *s, const char *tag,
                                     struct metric_question **out, size_t *n) {
    const struct json *items = json_get(s->other_args, "rubrics");
    *n = 0;
    if (!json_is_array(items))
        return status_fail(items ? KARMA_E_TYPE : KARMA_E_MISSING,
                           "other_args: rubrics: expected a list, found %s", json_type_name(items));
    *out = arena_calloc(s->arena, json_count(items) + 1, sizeof(**out));
    if (!*out) return KARMA_E_NOMEM;
    for (size_t i = 0; i < json_count(items); i++) {
        const struct json *item = json_at(items, i);
        karma_status st = read_item(s, item, i, &(*out)[*n]);
        if (st < 0) return status_prefix(st, "other_args: rubrics: number %zu", i + 1);
        *n += !tag || has_tag((*out)[*n].tags, tag);
    }
    return KARMA_OK;
}

static karma_status questions(void *state, const struct metric_sample *s,
                              struct metric_question **out, size_t *n) {
    (void)state;
    return questions_tagged(s, NULL, out, n);
}

static karma_status answer_questions(void *state, const struct metric_sample *s,
                                     struct metric_question **out, size_t *n) {
    (void)state;
    return questions_tagged(s, "stage:final_answer", out, n);
}

static karma_status query_questions(void *state, const struct metric_sample *s,
                                    struct metric_question **out, size_t *n) {
    (void)state;
    return questions_tagged(s, "stage:retrieval_query", out, n);
}

/* --- scores ----------------------------------------------------------------------------------- */

struct points {
    double met, soft, positive;
};

static void add_points(struct points *sum, const struct metric_question *q, double p) {
    if (verdict_met(p)) sum->met += q->points;
    sum->soft += p * q->points;
    if (q->points > 0) sum->positive += q->points;
}

/* One tag of one sample: what its criteria there are worth. Each tag is looked at where it first
 * stands. */
static karma_status add_tag(struct rubric *r, const struct metric_sample *s, const char *name) {
    struct points sum = {0};
    size_t number;
    const size_t known = r->names.count;
    karma_status st = array_grow((void **)&r->tags, &r->cap, known, sizeof(*r->tags));
    if (st == KARMA_OK) st = name_number(&r->names, name, &number);
    if (st < 0) return st;
    struct tag *t = &r->tags[number];
    if (number == known) *t = (struct tag){0};
    for (size_t i = 0; i < s->n_questions; i++) {
        if (!has_tag(s->questions[i].tags, name)) continue;
        add_points(&sum, &s->questions[i], s->verdicts[i]);
        t->n_criteria++;
        t->n_met += verdict_met(s->verdicts[i]);
    }
    if (!(sum.positive > 0)) return KARMA_OK;
    t->sum += sum.met / sum.positive;
    t->soft += sum.soft / sum.positive;
    t->n++;
    return KARMA_OK;
}

static bool stands_before(const struct metric_sample *s, size_t question, size_t at,
                          const char *name) {
    for (size_t i = 0; i < question; i++)
        if (has_tag(s->questions[i].tags, name)) return true;
    for (size_t k = 0; k < at; k++)
        if (strcmp(json_str(json_at(s->questions[question].tags, k), ""), name) == 0) return true;
    return false;
}

static karma_status add_tags(struct rubric *r, const struct metric_sample *s) {
    for (size_t i = 0; i < s->n_questions; i++) {
        const struct json *tags = s->questions[i].tags;
        for (size_t k = 0; k < json_count(tags); k++) {
            const char *name = json_str(json_at(tags, k), "");
            if (stands_before(s, i, k, name)) continue;
            karma_status st = add_tag(r, s, name);
            if (st < 0) return st;
        }
    }
    return KARMA_OK;
}

static karma_status count(void *state, const struct metric_sample *s, double *counts) {
    struct rubric *r = state;
    struct points sum = {0};
    for (size_t i = 0; i < s->n_questions; i++) {
        add_points(&sum, &s->questions[i], s->verdicts[i]);
        verdicts_add(&r->verdicts, &s->questions[i], s->verdicts[i]);
    }
    if (sum.positive > 0) {
        counts[SUM] = sum.met / sum.positive;
        counts[SOFT] = sum.soft / sum.positive;
        counts[N] = 1;
    }
    return add_tags(r, s);
}

static size_t n_counts(const void *state) {
    (void)state;
    return N_COUNTS;
}

static double mean(const struct rubric *r, double sum, double n) {
    if (!(n > 0)) return NAN;
    const double m = sum / n;
    return !r->clips ? m : m < 0 ? 0 : m > 1 ? 1 : m;
}

static double value(const void *state, const double *sum, size_t n) {
    (void)n;
    return mean(state, sum[SUM], sum[N]);
}

static double sample_value(const void *state, const double *counts, size_t n) {
    (void)state;
    (void)n;
    return counts[N] > 0 ? counts[SUM] : NAN;
}

/* --- what is told ----------------------------------------------------------------------------- */

static karma_status describe_tag(const struct rubric *r, const struct tag *t, struct arena *a,
                                 struct json *o) {
    const double n = (double)t->n;
    karma_status st = json_set(a, o, "score", verdict_real(a, mean(r, t->sum, n)));
    if (st == KARMA_OK) st = json_set(a, o, "soft_score", verdict_real(a, mean(r, t->soft, n)));
    if (st == KARMA_OK) st = json_set(a, o, "num_samples", json_new_int(a, (int64_t)t->n));
    if (st == KARMA_OK) st = json_set(a, o, "n_criteria", json_new_int(a, (int64_t)t->n_criteria));
    return st == KARMA_OK ? json_set(a, o, "n_met", json_new_int(a, (int64_t)t->n_met)) : st;
}

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    const struct rubric *r = state;
    const struct map_entry **tags;
    struct json *all = json_new_object(a);
    karma_status st = all ? names_sorted(a, &r->names, &tags) : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < r->names.count; i++) {
        struct json *one = json_new_object(a);
        st = one ? describe_tag(r, &r->tags[tags[i]->value.u64], a, one) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = json_set(a, all, tags[i]->key, one);
    }
    if (st == KARMA_OK)
        st = json_set(a, o, "soft_score", verdict_real(a, mean(r, sum[SOFT], sum[N])));
    if (st == KARMA_OK) st = verdicts_describe(&r->verdicts, a, o);
    return st == KARMA_OK && json_count(all) ? json_set(a, o, "tag_scores", all) : st;
}

static const char *const protocols[] = {"karma", "upstream", NULL};
static const karma_option_spec options[] = {
    {.name = "protocol",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"karma\"",
     .choices = protocols,
     .help = "karma: the mean is cut to 0..1, as HealthBench does; upstream: it is not"},
    {.name = NULL},
};

#define RUBRIC(metric, title, text, asks)                                                          \
    const struct metric_ops metric = {                                                             \
        .info = {.name = title, .description = text, .options = options},                          \
        .kind = KARMA_METRIC_COUNTS,                                                               \
        .reads_other_args = true,                                                                  \
        .open = open_rubric,                                                                       \
        .close = close_rubric,                                                                     \
        .questions = asks,                                                                         \
        .n_counts = n_counts,                                                                      \
        .count = count,                                                                            \
        .value = value,                                                                            \
        .sample_value = sample_value,                                                              \
        .describe = describe,                                                                      \
    }

RUBRIC(metric_rubric, "rubric_evaluation",
       "points of the criteria that a judge finds met, over the positive points", questions);
RUBRIC(metric_answer_rubric, "answer_rubric_evaluation",
       "rubric_evaluation of the criteria tagged stage:final_answer", answer_questions);
RUBRIC(metric_query_rubric, "query_rubric_evaluation",
       "rubric_evaluation of the criteria tagged stage:retrieval_query", query_questions);
