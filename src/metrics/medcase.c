/*
 * medcase.c - MedCaseReasoning's two metrics, by a judge: does the diagnosis name the true disease,
 * and how many of the steps of the reference's reasoning are in the answer's. The reasoning is the
 * thought where it is apart, what stands in <think> where it is in the answer, else all of that.
 */
#include <math.h>
#include <string.h>

#include "metrics/verdicts.h"
#include "text/characters.h"

struct medcase {
    struct verdicts verdicts;
    double soft; /* sum over samples */
    size_t n;
};

static karma_status open_medcase(struct arena *a, const struct json *args, void **state) {
    (void)args;
    *state = arena_calloc(a, 1, sizeof(struct medcase));
    return *state ? KARMA_OK : KARMA_E_NOMEM;
}

/* What stands between the two, or NULL: they are not there. *failed: no memory. */
static const char *between(struct arena *a, const char *text, const char *open, const char *close,
                           bool *failed) {
    const char *begin = strstr(text, open);
    const char *end = begin ? strstr(begin, close) : NULL;
    *failed = false;
    if (!end) return NULL;
    begin += strlen(open);
    const char *inner = arena_strndup(a, begin, (size_t)(end - begin));
    if (inner) inner = verdict_strip(a, inner);
    *failed = !inner;
    return inner;
}

/* --- diagnosis -------------------------------------------------------------------------------- */

/* The last line with something in it. */
static const char *last_line(struct arena *a, const char *text) {
    size_t len = strlen(text);
    text = strip_white_space(text, &len);
    size_t from = len;
    while (from > 0 && text[from - 1] != '\n')
        from--;
    const char *line = arena_strndup(a, text + from, len - from);
    return line ? verdict_strip(a, line) : NULL;
}

static karma_status ask_diagnosis(const struct metric_sample *s, const char *found,
                                  const char *truth, struct metric_question *q) {
    struct arena *a = s->arena;
    q->ask.criterion = "The predicted diagnosis names the same disease as the true one. Another "
                       "name for it, or a form of it that is more exact, is the same.";
    q->ask.shown = arena_printf(a, "Predicted diagnosis: %s\nTrue diagnosis: %s", found, truth);
    q->ask.about_json = "{}";
    q->ask.label = -1;
    if (!q->ask.shown) return KARMA_E_NOMEM;
    if (!verdict_labels_apply(s)) return KARMA_OK;
    return verdict_label(json_get(s->other_args, "criteria_met"), "criteria_met", &q->ask.label);
}

static karma_status diagnosis_questions(void *state, const struct metric_sample *s,
                                        struct metric_question **out, size_t *n) {
    struct arena *a = s->arena;
    const char *text = *s->prediction ? s->prediction : s->output;
    const char *truth = verdict_strip(a, s->reference);
    bool failed;
    (void)state;
    *n = 0;
    const char *found = between(a, text, "<answer>", "</answer>", &failed);
    if (!found && !failed) found = last_line(a, text);
    *out = arena_calloc(a, 1, sizeof(**out));
    if (!found || !truth || !*out) return KARMA_E_NOMEM;
    if (!*truth) return status_fail(KARMA_E_MISSING, "reference: there is no diagnosis");
    if (!*found) return KARMA_OK;
    *n = 1;
    return ask_diagnosis(s, found, truth, *out);
}

static karma_status diagnosis_score(void *state, const struct metric_sample *s, double *score) {
    struct medcase *m = state;
    const double p = s->n_questions ? s->verdicts[0] : 0; /* nothing was said */
    if (s->n_questions) verdicts_add(&m->verdicts, &s->questions[0], p);
    m->soft += p;
    m->n++;
    *score = verdict_met(p);
    return KARMA_OK;
}

/* --- reasoning -------------------------------------------------------------------------------- */

static const char *reasoning_of(struct arena *a, const struct metric_sample *s) {
    bool failed;
    if (s->thinking && *s->thinking) return verdict_strip(a, s->thinking);
    const char *found = between(a, s->output, "<think>", "</think>", &failed);
    return found || failed ? found : verdict_strip(a, s->output);
}

/* A list, or a text that holds one. */
static karma_status read_steps(const struct metric_sample *s, const struct json **steps) {
    static const char name[] = "reasoning_steps";
    const char *text = json_str(json_get(s->other_args, name), NULL);
    karma_status st = KARMA_OK;
    *steps = json_get(s->other_args, name);
    if (text) st = json_parse(s->arena, text, strlen(text), JSON_LAST_WINS, steps);
    if (st < 0) return status_prefix(st, "other_args: %s", name);
    if (!json_is_array(*steps))
        return status_fail(*steps ? KARMA_E_TYPE : KARMA_E_MISSING,
                           "other_args: %s: expected a list, found %s", name,
                           json_type_name(*steps));
    for (size_t i = 0; i < json_count(*steps); i++)
        if (!json_is_string(json_at(*steps, i)))
            return status_fail(KARMA_E_TYPE,
                               "other_args: %s: number %zu: expected a text, found %s", name, i + 1,
                               json_type_name(json_at(*steps, i)));
    return KARMA_OK;
}

static karma_status recall_questions(void *state, const struct metric_sample *s,
                                     struct metric_question **out, size_t *n) {
    struct arena *a = s->arena;
    const struct json *steps;
    (void)state;
    *n = 0;
    karma_status st = read_steps(s, &steps);
    if (st < 0) return st;
    const char *reasoning = reasoning_of(a, s);
    *out = arena_calloc(a, json_count(steps) + 1, sizeof(**out));
    if (!reasoning || !*out) return KARMA_E_NOMEM;
    if (!*reasoning) return KARMA_OK;
    for (size_t i = 0; i < json_count(steps) && st == KARMA_OK; i++) {
        struct metric_question *q = &(*out)[i];
        const char *step = json_str(json_at(steps, i), "");
        q->ask.shown = reasoning;
        q->ask.criterion = arena_printf(a, "It contains this step of reasoning: %s", step);
        q->ask.about_json = arena_printf(a, "{\"step\":%zu}", i + 1);
        if (!q->ask.criterion || !q->ask.about_json) return KARMA_E_NOMEM;
        st = verdict_label_at(s, i, &q->ask.label);
    }
    *n = json_count(steps);
    return st;
}

/* Of those that have steps. */
static karma_status recall_score(void *state, const struct metric_sample *s, double *score) {
    struct medcase *m = state;
    const struct json *steps;
    karma_status st = read_steps(s, &steps);
    size_t met = 0;
    double soft = 0;
    *score = NAN;
    if (st < 0 || json_count(steps) == 0) return st;
    for (size_t i = 0; i < s->n_questions; i++) {
        verdicts_add(&m->verdicts, &s->questions[i], s->verdicts[i]);
        met += verdict_met(s->verdicts[i]);
        soft += s->verdicts[i];
    }
    *score = (double)met / (double)json_count(steps);
    m->soft += soft / (double)json_count(steps);
    m->n++;
    return KARMA_OK;
}

/* --- both ------------------------------------------------------------------------------------- */

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    const struct medcase *m = state;
    (void)sum;
    karma_status st =
        json_set(a, o, "soft_score", verdict_real(a, m->n ? m->soft / (double)m->n : NAN));
    return st == KARMA_OK ? verdicts_describe(&m->verdicts, a, o) : st;
}

static const karma_option_spec no_options[] = {{.name = NULL}};

const struct metric_ops metric_medcase_diagnosis = {
    .info = {.name = "medcasereasoning_diagnostic_accuracy",
             .description = "share of diagnoses that a judge finds to name the true disease",
             .options = no_options},
    .kind = KARMA_METRIC_SHARE,
    .reads_other_args = true,
    .open = open_medcase,
    .questions = diagnosis_questions,
    .score_sample = diagnosis_score,
    .describe = describe,
};

const struct metric_ops metric_medcase_recall = {
    .info = {.name = "medcasereasoning_reasoning_recall",
             .description = "mean share of the reference's steps that a judge finds in the "
                            "reasoning",
             .options = no_options},
    .kind = KARMA_METRIC_MEAN,
    .reads_other_args = true,
    .open = open_medcase,
    .questions = recall_questions,
    .score_sample = recall_score,
    .describe = describe,
};
