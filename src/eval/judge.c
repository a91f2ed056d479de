/* judge.c - see judge.h. */
#include "eval/judge.h"

#include <math.h>
#include <string.h>

#include "eval/ways.h"

const char *outcome_name(enum outcome o) {
    static const char *const names[OUTCOME_COUNT] = {
        "marker", "fallback", "ambiguous", "none", "cut", "thought_without_end",
    };
    return names[o];
}

const struct flag_name flag_names[] = {
    {KARMA_OUTPUT_CUT, "cut_by_limit"},
    {KARMA_OUTPUT_THOUGHT_CUT, "thought_without_end"},
    {KARMA_OUTPUT_PROMPT_TRUNCATED, "prompt_truncated"},
    {KARMA_OUTPUT_SPECIAL_IN_TEXT, "control_text_in_prompt"},
    {KARMA_OUTPUT_DECIDED, "ended_when_decided"},
    {0, NULL},
};

static karma_status dup(struct arena *a, const char *text, const char **out) {
    *out = text ? arena_strdup(a, text) : NULL;
    return text && !*out ? KARMA_E_NOMEM : KARMA_OK;
}

/* Values are lent until the next call on the data set, so they are copied. */
static karma_status dup_slices(struct arena *a, struct plan_dataset *d, struct judged *out) {
    const char *const *values;
    karma_status st =
        karma_dataset_slices(d->data, out->index, &out->slice_fields, &values, &out->n_slices);
    if (st < 0 || out->n_slices == 0) return st;
    const char **copy = arena_calloc(a, out->n_slices, sizeof(*copy));
    if (!copy) return KARMA_E_NOMEM;
    for (size_t i = 0; i < out->n_slices && st == KARMA_OK; i++)
        st = dup(a, values[i], &copy[i]);
    out->slice_values = copy;
    return st;
}

karma_status judge_place(struct arena *a, struct plan_dataset *d, size_t i, struct judged *out) {
    const char *type, *group;
    *out = (struct judged){.index = i, .reading = ways_headline(d), .confidence = NAN};
    karma_status st = karma_dataset_answer_type(d->data, i, &type);
    if (st == KARMA_OK) st = dup(a, type, &out->answer_type);
    if (st == KARMA_OK) st = karma_dataset_group(d->data, i, &group);
    if (st == KARMA_OK) st = dup(a, group, &out->group);
    return st == KARMA_OK ? dup_slices(a, d, out) : st;
}

static karma_status process(const struct plan_dataset *d, struct arena *a, const char *language,
                            const char *text, const char **out) {
    const char *now = text;
    for (size_t i = 0; i < d->n_processors; i++) {
        karma_processor *p = plan_processor_for(&d->processors[i], language);
        karma_status st = karma_processor_run(p, now, &now);
        if (st < 0) return st;
        if (!(now = arena_strdup(a, now))) return KARMA_E_NOMEM; /* lent until its next call */
    }
    *out = now;
    return KARMA_OK;
}

karma_status judge_reference(struct arena *a, struct plan_dataset *d, const karma_sample *sample,
                             const char **out) {
    const char *language;
    karma_status st = plan_sample_language(a, sample, &language);
    if (st < 0) return st;
    return process(d, a, language, sample->expected_output ? sample->expected_output : "", out);
}

/* What was compared instead of written. */
static karma_status read_comparison(struct arena *a, struct plan_dataset *d, struct judged *j) {
    struct comparison c;
    karma_status st = ways_compare(a, d, j->index, j->answer, j->reading, &c);
    if (st < 0) return st;
    j->prediction = c.labels[c.best];
    j->confidence = c.confidence;
    return KARMA_OK;
}

static enum outcome outcome_of(karma_parse how, unsigned flags) {
    if (flags & KARMA_OUTPUT_THOUGHT_CUT) return OUTCOME_THOUGHT_WITHOUT_END;
    switch (how) {
    case KARMA_PARSE_MARKER:
        return OUTCOME_MARKER;
    case KARMA_PARSE_FALLBACK:
        return OUTCOME_FALLBACK;
    case KARMA_PARSE_AMBIGUOUS:
        return OUTCOME_AMBIGUOUS;
    default:
        return flags & KARMA_OUTPUT_CUT ? OUTCOME_CUT : OUTCOME_NONE;
    }
}

karma_status judge_read(struct arena *a, struct plan_dataset *d, struct judged *j) {
    const struct answer *answer = j->answer;
    karma_parse how = KARMA_PARSE_NONE;
    karma_status st = KARMA_OK;
    j->prediction = "";
    if (j->reading != READ_TEXT) { /* chosen, not written */
        how = KARMA_PARSE_MARKER;
        st = read_comparison(a, d, j);
    } else if (!(answer->flags & KARMA_OUTPUT_THOUGHT_CUT)) {
        /* A thought that never ended is no answer, however letter-like its last words are. */
        st = karma_dataset_extract(d->data, j->index, answer->text, &j->prediction, &how);
        if (st == KARMA_OK) st = dup(a, j->prediction, &j->prediction);
    }
    j->outcome = outcome_of(how, answer->flags);
    j->unreadable = j->outcome > OUTCOME_FALLBACK || (answer->flags & KARMA_OUTPUT_CUT) != 0;
    const char *language = NULL;
    if (st == KARMA_OK) st = plan_sample_language(a, j->sample, &language);
    if (st == KARMA_OK) st = process(d, a, language, j->prediction, &j->clean_prediction);
    if (st < 0) return st;
    return judge_reference(a, d, j->sample, &j->clean_reference);
}

karma_metric_sample judge_metric_sample(const struct judged *j) {
    return (karma_metric_sample){.struct_size = sizeof(karma_metric_sample),
                                 .prediction = j->clean_prediction,
                                 .reference = j->clean_reference,
                                 .other_args_json = j->sample->other_args_json,
                                 .group = j->group,
                                 .confidence = j->confidence,
                                 .output = j->answer->text,
                                 .thinking = j->answer->thinking};
}

karma_status judge_score(struct arena *a, const struct plan_metric *metrics, size_t n,
                         const struct judged *j, const double **scores) {
    karma_metric_sample sample = judge_metric_sample(j);
    double *out = arena_calloc(a, n + 1, sizeof(*out));
    if (!out) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    for (size_t k = 0; k < n && st == KARMA_OK; k++) {
        sample.verdicts = j->verdicts ? j->verdicts[k].p : NULL;
        sample.n_verdicts = j->verdicts ? j->verdicts[k].n : 0;
        st = karma_metric_add_sample(metrics[k].metric, &sample, &out[k]);
    }
    *scores = out;
    return st;
}
