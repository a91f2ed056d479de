/*
 * score_result.c - the object of a data set in the results: metrics with how sure they are, the
 * account of states, and bounds where a score alone would say too much. With failed samples there
 * is no headline score but its bounds, failed ones counted as wrong and left out; wrong is a score
 * of 0, or, of an error rate, that all of the reference was missed. Of a share there is also what
 * it would be if every answer that could not be read, or was cut, were wrong, and if it were right.
 */
#include <math.h>
#include <string.h>

#include "eval/scoring.h"

static karma_status set_count(struct arena *a, struct json *o, const char *name, size_t n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

static struct json *real_or_null(struct arena *a, double v) {
    return isfinite(v) ? json_new_real(a, v) : json_new_null(a);
}

static karma_status set_pair(struct arena *a, struct json *o, const char *name, double low,
                             double high) {
    struct json *pair = json_new_array(a);
    karma_status st = pair ? json_push(a, pair, real_or_null(a, low)) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_push(a, pair, real_or_null(a, high));
    return st == KARMA_OK ? json_set(a, o, name, pair) : st;
}

/* --- metrics ---------------------------------------------------------------------------------- */

/* One that failed, if it belongs to the part. */
static karma_status add_wrong(struct scoring *s, const struct part *part,
                              const struct plan_metric *m, size_t i) {
    const karma_sample *sample;
    const char *reference;
    struct judged j;
    karma_status st = judge_place(&s->scratch, s->d, i, &j);
    if (st == KARMA_OK && part->type && (!j.answer_type || strcmp(part->type, j.answer_type) != 0))
        return KARMA_OK;
    if (st == KARMA_OK) st = karma_dataset_get(s->d->data, i, &sample);
    if (st == KARMA_OK) st = judge_reference(&s->scratch, s->d, sample, &reference);
    return st == KARMA_OK ? karma_metric_add(m->metric, "", reference, NULL) : st;
}

/* With failed samples among the others. The metric counts them from here on. */
static karma_status count_as_wrong(struct scoring *s, const struct part *part,
                                   const struct plan_metric *m, double *score) {
    const size_t n = s->failed_at.len / sizeof(size_t);
    karma_metric_result r;
    karma_status st = KARMA_OK;
    for (size_t k = 0; k < n && st == KARMA_OK; k++) {
        size_t i;
        memcpy(&i, s->failed_at.data + k * sizeof(i), sizeof(i));
        arena_reset(&s->scratch);
        st = add_wrong(s, part, m, i);
    }
    if (st == KARMA_OK) st = karma_metric_end(m->metric, &r);
    *score = st == KARMA_OK ? r.score : 0;
    return st;
}

/* What an error rate is made of. */
static karma_status set_details(struct arena *a, const struct plan_metric *m, struct json *o) {
    const char *text;
    const struct json *details;
    karma_status st = karma_metric_details(m->metric, &text);
    if (st == KARMA_OK) st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &details);
    for (size_t i = 0; st == KARMA_OK && i < json_count(details); i++)
        st = json_set(a, o, details->u.object.members[i].key, details->u.object.members[i].value);
    return st;
}

static karma_status set_interval(struct arena *a, const karma_metric_result *r, struct json *o) {
    karma_status st = json_set(a, o, "standard_error", real_or_null(a, r->standard_error));
    if (st == KARMA_OK) st = set_pair(a, o, "interval_95", r->ci_low, r->ci_high);
    if (st == KARMA_OK && r->method)
        st = json_set(a, o, "interval_method", json_new_string(a, r->method));
    return st;
}

static karma_status set_bounds(struct scoring *s, const struct part *part,
                               const struct plan_metric *m, double score, struct json *o) {
    struct arena *a = s->arena;
    const size_t all = part->n_scored + part->n_failed;
    struct json *bounds = json_new_object(a);
    /* With nothing scored the metric has no value to weigh. */
    double wrong = part->n_scored ? score * (double)part->n_scored / (double)all : 0;
    karma_status st = bounds ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK && karma_metric_get_kind(m->metric) >= KARMA_METRIC_COUNTS &&
        !karma_metric_needs_judge(m->metric))    /* a mean, however it is made */
        st = count_as_wrong(s, part, m, &wrong); /* no mean, of which a wrong one is worth 0 */
    if (st == KARMA_OK) st = json_set(a, bounds, "failed_counted_as_wrong", real_or_null(a, wrong));
    if (st == KARMA_OK) st = set_count(a, bounds, "failed_counted_as_wrong_n", all);
    if (st == KARMA_OK)
        st = json_set(a, bounds, "failed_left_out",
                      part->n_scored ? real_or_null(a, score) : json_new_null(a));
    if (st == KARMA_OK) st = set_count(a, bounds, "failed_left_out_n", part->n_scored);
    return st == KARMA_OK ? json_set(a, o, "bounds", bounds) : st;
}

static karma_status metric_object(struct scoring *s, const struct part *part,
                                  const struct plan_metric *m, struct json *metrics) {
    struct arena *a = s->arena;
    karma_metric_result r;
    karma_status st = karma_metric_end(m->metric, &r);
    if (st < 0) return st;
    struct json *o = json_new_object(a);
    const bool headline = part->n_failed == 0 && part->n_scored > 0;
    st = json_set(a, o, "score", headline ? real_or_null(a, r.score) : json_new_null(a));
    if (st == KARMA_OK && m->k) st = json_set(a, o, "k", json_new_int(a, m->k));
    if (st == KARMA_OK) st = set_count(a, o, "num_samples", r.n);
    if (st == KARMA_OK && headline) st = set_interval(a, &r, o);
    if (st == KARMA_OK) st = set_details(a, m, o);
    if (st == KARMA_OK && part->n_failed > 0) st = set_bounds(s, part, m, r.score, o);
    return st == KARMA_OK ? json_set(a, metrics, m->name, o) : st;
}

/* Of metrics whose score is the mean of shares, more being better. */
static bool has_bounds(const struct part *p, size_t k) {
    const karma_metric *m = p->metrics[k].metric;
    const karma_metric_kind kind = karma_metric_get_kind(m);
    return (kind == KARMA_METRIC_SHARE || kind == KARMA_METRIC_MEAN) &&
           !karma_metric_less_is_better(m) && p->readable[k].share;
}

static karma_status add_unreadable(struct scoring *s, const struct part *p, struct json *to) {
    struct arena *a = s->arena;
    struct json *all = json_new_object(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    const double n = (double)p->n_scored, unreadable = (double)p->n_unreadable;
    for (size_t k = 0; k < p->n_metrics && p->n_scored && st == KARMA_OK; k++) {
        const double sum = p->readable[k].sum;
        if (has_bounds(p, k))
            st = set_pair(a, all, p->metrics[k].name, sum / n, (sum + unreadable) / n);
    }
    return st == KARMA_OK && json_count(all) ? json_set(a, to, "bounds_if_unreadable", all) : st;
}

karma_status scoring_put_metrics(struct scoring *s, const struct part *p, struct json *to) {
    struct json *metrics = json_new_object(s->arena);
    karma_status st = metrics ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < p->n_metrics && st == KARMA_OK; k++)
        st = metric_object(s, p, &p->metrics[k], metrics);
    if (st == KARMA_OK) st = json_set(s->arena, to, "metrics", metrics);
    return st == KARMA_OK ? add_unreadable(s, p, to) : st;
}

/* The parts in the order in which they come first. */
static karma_status add_parts(struct scoring *s, struct json *result) {
    struct arena *a = s->arena;
    if (s->n_parts == 0) return KARMA_OK;
    struct json *all = json_new_object(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < s->n_parts && st == KARMA_OK; k++) {
        const struct part *p = &s->parts[k];
        struct json *o = json_new_object(a);
        if (!o) return KARMA_E_NOMEM;
        st = scoring_put_metrics(s, p, o);
        if (st == KARMA_OK) st = set_count(a, o, "scored", p->n_scored);
        if (st == KARMA_OK) st = set_count(a, o, "failed", p->n_failed);
        if (st == KARMA_OK && p->n_not_run) st = set_count(a, o, "not_run", p->n_not_run);
        if (st == KARMA_OK) st = json_set(a, all, p->type, o);
    }
    return st == KARMA_OK ? json_set(a, result, "by_answer_type", all) : st;
}

/* --- account ---------------------------------------------------------------------------------- */

static karma_status add_failures(struct scoring *s, struct json *o) {
    struct arena *a = s->arena;
    if (s->out->n_not_run) {
        karma_status st = set_count(a, o, "not_run", s->out->n_not_run);
        if (st < 0) return st;
    }
    if (s->out->n_failed == 0) return KARMA_OK;
    struct json *codes = json_new_object(a);
    karma_status st = codes ? KARMA_OK : KARMA_E_NOMEM;
    for (int c = 1; c < KARMA_STATUS_ORDER_COUNT && st == KARMA_OK; c++) {
        const size_t n = s->tally.failed_by_code[c];
        if (n) st = set_count(a, codes, karma_status_name((karma_status)-c), n);
    }
    return st == KARMA_OK ? json_set(a, o, "failed_by_code", codes) : st;
}

static karma_status add_outcomes(struct scoring *s, struct json *o) {
    struct arena *a = s->arena;
    const struct tally *t = &s->tally;
    const size_t unparsed = t->outcomes[OUTCOME_NONE] + t->outcomes[OUTCOME_CUT] +
                            t->outcomes[OUTCOME_THOUGHT_WITHOUT_END];
    karma_status st = set_count(a, o, "parsed_by_marker", t->outcomes[OUTCOME_MARKER]);
    if (st == KARMA_OK) st = set_count(a, o, "parsed_by_fallback", t->outcomes[OUTCOME_FALLBACK]);
    if (st == KARMA_OK) st = set_count(a, o, "ambiguous", t->outcomes[OUTCOME_AMBIGUOUS]);
    if (st == KARMA_OK) st = set_count(a, o, "unparsed", unparsed);
    if (st == KARMA_OK && s->d->n_documents)
        st = set_count(a, o, "short_rankings", t->short_ranking);
    if (st == KARMA_OK) st = set_count(a, o, "cut_by_limit", t->cut);
    if (st == KARMA_OK && s->d->stops) st = set_count(a, o, "ended_when_decided", t->decided);
    if (st == KARMA_OK) st = set_count(a, o, "thought_without_end", t->thought_cut);
    if (st == KARMA_OK) st = set_count(a, o, "prompt_truncated", t->prompt_truncated);
    if (st == KARMA_OK) st = set_count(a, o, "control_text_in_prompt", t->special_in_text);
    return st;
}

static karma_status account(struct scoring *s, struct json *result) {
    struct arena *a = s->arena;
    struct json *o = json_new_object(a);
    const size_t selected = s->answers->n - s->out->n_excluded,
                 count = karma_dataset_count(s->d->data);
    const size_t unjudged = karma_dataset_unjudged(s->d->data);
    karma_status st = set_count(a, o, "in_file", count + unjudged);
    if (st == KARMA_OK && s->d->n_documents) st = set_count(a, o, "not_judged", unjudged);
    if (st == KARMA_OK) st = set_count(a, o, "excluded", count - selected);
    if (st == KARMA_OK) st = set_count(a, o, "selected", selected);
    if (st == KARMA_OK) st = set_count(a, o, "scored", s->out->n_scored);
    if (st == KARMA_OK) st = set_count(a, o, "failed", s->out->n_failed);
    if (st == KARMA_OK) st = add_failures(s, o);
    if (st == KARMA_OK) st = add_outcomes(s, o);
    return st == KARMA_OK ? json_set(a, result, "samples_by_state", o) : st;
}

static karma_status add_source(struct scoring *s, struct json *r) {
    struct arena *a = s->arena;
    const char *text = karma_dataset_args(s->d->data);
    const struct json *args;
    karma_status st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &args);
    if (st == KARMA_OK) st = json_set(a, r, "dataset_args", args);
    if (st == KARMA_OK)
        st = json_set(a, r, "dataset_digest", json_new_string(a, karma_dataset_digest(s->d->data)));
    if (st == KARMA_OK && s->d->n_documents) st = set_count(a, r, "documents", s->d->n_documents);
    return st;
}

karma_status score_result(struct scoring *s) {
    struct arena *a = s->arena;
    const struct score *out = s->out;
    struct json *r = s->out->result = json_new_object(a);
    const char *task = s->d->info->task_type ? s->d->info->task_type : "";
    const char *status = out->n_not_run ? "partial" : out->n_failed ? "incomplete" : "completed";
    karma_status st = r ? scoring_put_metrics(s, &s->whole, r) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = add_parts(s, r);
    if (st == KARMA_OK) st = slices_put(s->slices, a, r);
    if (st == KARMA_OK) st = json_set(a, r, "task_type", json_new_string(a, task));
    if (st == KARMA_OK) st = json_set(a, r, "status", json_new_string(a, status));
    if (st == KARMA_OK) st = score_ways_put(s, r);
    if (st == KARMA_OK) st = add_source(s, r);
    if (st == KARMA_OK) st = account(s, r);
    if (st == KARMA_OK && json_count(s->failed)) st = json_set(a, r, "failed_samples", s->failed);
    if (st == KARMA_OK && s->samples) st = json_set(a, r, "samples", s->samples);
    return st;
}
