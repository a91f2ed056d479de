/* verdicts.c - see verdicts.h. */
#include "metrics/verdicts.h"

#include <math.h>
#include <string.h>

#include "base/statistics.h"
#include "text/characters.h"

bool verdict_met(double p) {
    return p > 0.5;
}

void verdicts_add(struct verdicts *v, const struct metric_question *q, double p) {
    const bool met = verdict_met(p);
    v->n++;
    v->n_met += met;
    if (q->ask.label >= 0) v->label[met][q->ask.label]++;
}

struct json *verdict_real(struct arena *a, double v) {
    return isfinite(v) ? json_new_real(a, v) : json_new_null(a);
}

static karma_status set_count(struct arena *a, struct json *o, const char *name, double n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

static karma_status agreement(const struct verdicts *v, double n, struct arena *a, struct json *o) {
    struct stats_estimate kappa;
    struct json *interval = json_new_array(a);
    karma_status st = interval ? stats_kappa(&v->label[0][0], 2, &kappa) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = set_count(a, o, "n", n);
    if (st == KARMA_OK)
        st = json_set(a, o, "accuracy", json_new_real(a, (v->label[0][0] + v->label[1][1]) / n));
    if (st == KARMA_OK) st = json_set(a, o, "kappa", verdict_real(a, kappa.value));
    if (st == KARMA_OK) st = json_push(a, interval, verdict_real(a, kappa.low));
    if (st == KARMA_OK) st = json_push(a, interval, verdict_real(a, kappa.high));
    if (st == KARMA_OK) st = json_set(a, o, "kappa_interval_95", interval);
    if (st == KARMA_OK) st = set_count(a, o, "both_met", v->label[1][1]);
    if (st == KARMA_OK) st = set_count(a, o, "judge_alone", v->label[1][0]);
    if (st == KARMA_OK) st = set_count(a, o, "label_alone", v->label[0][1]);
    return st == KARMA_OK ? set_count(a, o, "neither", v->label[0][0]) : st;
}

karma_status verdicts_describe(const struct verdicts *v, struct arena *a, struct json *o) {
    const double n = v->label[0][0] + v->label[0][1] + v->label[1][0] + v->label[1][1];
    karma_status st = set_count(a, o, "n_criteria", (double)v->n);
    if (st == KARMA_OK) st = set_count(a, o, "n_met", (double)v->n_met);
    if (st < 0 || n == 0) return st;
    struct json *with = json_new_object(a);
    st = with ? agreement(v, n, a, with) : KARMA_E_NOMEM;
    return st == KARMA_OK ? json_set(a, o, "agreement", with) : st;
}

/* --- labels ----------------------------------------------------------------------------------- */

karma_status verdict_label(const struct json *value, const char *name, int *label) {
    *label = -1;
    if (json_is_null(value)) return KARMA_OK;
    if (value->type == JSON_BOOL) *label = value->u.boolean;
    if (value->type == JSON_INT && (value->u.integer == 0 || value->u.integer == 1))
        *label = (int)value->u.integer;
    if (*label >= 0) return KARMA_OK;
    return status_fail(KARMA_E_TYPE, "other_args: %s: expected true, false, 1, 0 or null, found %s",
                       name, value->type == JSON_INT ? "another number" : json_type_name(value));
}

bool verdict_labels_apply(const struct metric_sample *s) {
    const char *of = json_str(json_get(s->other_args, "labelled_answer"), NULL);
    return !of || strcmp(of, s->output) == 0;
}

karma_status verdict_label_at(const struct metric_sample *s, size_t i, int *label) {
    const struct json *labels = json_get(s->other_args, "labels");
    *label = -1;
    if (json_is_null(labels) || !verdict_labels_apply(s)) return KARMA_OK;
    if (!json_is_array(labels))
        return status_fail(KARMA_E_TYPE, "other_args: labels: expected a list, found %s",
                           json_type_name(labels));
    return verdict_label(json_at(labels, i), "labels", label);
}

/* --- texts ------------------------------------------------------------------------------------ */

const char *verdict_about(struct arena *a, const struct json *o) {
    struct buf b = {0};
    const char *text = NULL;
    if (json_write(&b, o, 0, JSON_COMPACT) == KARMA_OK) text = arena_strdup(a, buf_str(&b));
    buf_release(&b);
    return text;
}

const char *verdict_strip(struct arena *a, const char *s) {
    size_t len = strlen(s);
    s = strip_white_space(s, &len);
    return arena_strndup(a, s, len);
}
