/*
 * score.c - see score.h. Every selected sample ends in one state: scored, failed, or (after a
 * cancelled run) not run; the sum is checked. A failed sample is never scored: with one there is no
 * headline score but its bounds, failed ones counted as wrong and left out. Wrong is a score of 0,
 * or, of an error rate, that all of the reference was missed.
 */
#include "eval/score.h"

#include <math.h>
#include <string.h>

#include "base/ranking.h"

enum { MAX_FAILED_SHOWN = 1000 };

struct tally {
    size_t marker, fallback, none; /* how predictions were found */
    size_t cut, thought_cut, prompt_truncated, special_in_text;
    size_t short_ranking; /* shorter than the metrics look, though there are more documents */
    size_t failed_by_code[KARMA_STATUS_ORDER_COUNT];
};

static void count_flags(struct tally *t, unsigned flags) {
    t->cut += (flags & KARMA_OUTPUT_CUT) != 0;
    t->thought_cut += (flags & KARMA_OUTPUT_THOUGHT_CUT) != 0;
    t->prompt_truncated += (flags & KARMA_OUTPUT_PROMPT_TRUNCATED) != 0;
    t->special_in_text += (flags & KARMA_OUTPUT_SPECIAL_IN_TEXT) != 0;
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

/* An object of a sample's texts, for reports with content. */
static karma_status content_of(struct arena *a, const karma_sample *sample,
                               const struct answer *answer, const char *prediction, karma_parse how,
                               double score, const struct json *details, struct json *list) {
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "key", json_new_string(a, sample->key));
    if (st == KARMA_OK && sample->input) {
        st = json_set(a, o, "input", json_new_string(a, sample->input));
    }
    if (st == KARMA_OK && sample->n_messages) {
        struct json *turns = json_new_array(a);
        for (size_t i = 0; i < sample->n_messages && st == KARMA_OK; i++) {
            const karma_message *m = &sample->conversation[i];
            struct json *turn = json_new_object(a);
            st = json_set(a, turn, "role", json_new_string(a, m->role));
            if (st == KARMA_OK) st = json_set(a, turn, "content", json_new_string(a, m->content));
            if (st == KARMA_OK) st = json_push(a, turns, turn);
        }
        if (st == KARMA_OK) st = json_set(a, o, "conversation", turns);
    }
    if (st == KARMA_OK && sample->expected_output) {
        st = json_set(a, o, "expected_output", json_new_string(a, sample->expected_output));
    }
    if (answer->status < 0) {
        if (st == KARMA_OK) {
            st = json_set(a, o, "failed", json_new_string(a, karma_status_name(answer->status)));
        }
        return st == KARMA_OK ? json_push(a, list, o) : st;
    }
    if (st == KARMA_OK && answer->thinking) {
        st = json_set(a, o, "thinking", json_new_string(a, answer->thinking));
    }
    if (st == KARMA_OK) st = json_set(a, o, "output", json_new_string(a, answer->text));
    if (st == KARMA_OK) st = json_set(a, o, "prediction", json_new_string(a, prediction));
    if (st == KARMA_OK) st = json_set(a, o, "parse", json_new_string(a, karma_parse_name(how)));
    if (st == KARMA_OK) {
        st = json_set(a, o, "finish_reason",
                      json_new_string(a, karma_finish_reason_name(answer->finish_reason)));
    }
    if (st == KARMA_OK) st = json_set(a, o, "score", json_new_real(a, score));
    if (st == KARMA_OK && json_count(details)) st = json_set(a, o, "details", details);
    return st == KARMA_OK ? json_push(a, list, o) : st;
}

static karma_status note_failed(struct arena *a, const karma_sample *sample,
                                const struct answer *answer, struct json *list) {
    if (json_count(list) >= MAX_FAILED_SHOWN) return KARMA_OK;
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "key", json_new_string(a, sample->key));
    if (st == KARMA_OK) {
        st = json_set(a, o, "code", json_new_string(a, karma_status_name(answer->status)));
    }
    if (st == KARMA_OK) {
        st = json_set(a, o, "message", json_new_string(a, answer->error ? answer->error : ""));
    }
    return st == KARMA_OK ? json_push(a, list, o) : st;
}

struct scoring {
    struct arena *arena;
    struct arena scratch;
    struct plan_dataset *d;
    const struct answers *answers;
    struct tally tally;
    struct json *failed, *samples; /* samples NULL: no content wanted */
    struct score *out;
};

/* Is the ranking shorter than what the metrics look at? */
static karma_status count_ranking(struct scoring *s, const char *prediction) {
    struct ranking r;
    if (s->d->deepest == 0) return KARMA_OK;
    karma_status st = ranking_read(&s->scratch, prediction, &r);
    s->tally.short_ranking += st == KARMA_OK && r.count < s->d->deepest;
    return st < 0 ? st : KARMA_OK; /* what is no ranking is counted as unparsed */
}

/* The sample's part of a metric's errors, under its name. */
static karma_status add_details(struct arena *a, const struct plan_metric *m, struct json *to) {
    const char *text;
    const struct json *details;
    if (!karma_metric_is_error_rate(m->metric)) return KARMA_OK;
    karma_status st = karma_metric_sample_details(m->metric, &text);
    if (st == KARMA_OK) st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &details);
    return st < 0 ? st : json_set(a, to, m->name, details);
}

static karma_status score_answer(struct scoring *s, size_t i, const karma_sample *sample,
                                 const struct answer *answer) {
    karma_parse how = KARMA_PARSE_NONE;
    const char *prediction = "";
    karma_status st = KARMA_OK;
    /* A thought that never ended is no answer, however letter-like its last words are. */
    if (!(answer->flags & KARMA_OUTPUT_THOUGHT_CUT)) {
        st = karma_dataset_extract(s->d->data, i, answer->text, &prediction, &how);
        if (st == KARMA_OK && !(prediction = arena_strdup(&s->scratch, prediction))) {
            st = KARMA_E_NOMEM;
        }
    }
    s->tally.marker += how == KARMA_PARSE_MARKER;
    s->tally.fallback += how == KARMA_PARSE_FALLBACK;
    s->tally.none += how == KARMA_PARSE_NONE;
    const char *reference = sample->expected_output ? sample->expected_output : "";
    const char *clean_prediction, *clean_reference, *language = NULL;
    struct arena *scratch = &s->scratch;
    if (st == KARMA_OK) st = plan_sample_language(scratch, sample, &language);
    if (st == KARMA_OK) st = process(s->d, scratch, language, prediction, &clean_prediction);
    if (st == KARMA_OK) st = process(s->d, scratch, language, reference, &clean_reference);
    if (st == KARMA_OK) st = count_ranking(s, clean_prediction);
    struct json *details = s->samples ? json_new_object(s->arena) : NULL;
    if (st == KARMA_OK && s->samples && !details) st = KARMA_E_NOMEM;
    double headline = 0;
    for (size_t k = 0; k < s->d->n_metrics && st == KARMA_OK; k++) {
        double score = 0;
        st = karma_metric_add(s->d->metrics[k].metric, clean_prediction, clean_reference, &score);
        if (k == 0) headline = score;
        if (st == KARMA_OK && details) st = add_details(s->arena, &s->d->metrics[k], details);
    }
    if (st < 0) return status_prefix(st, "%s: sample %s", s->d->name, status_quotez(sample->key));
    s->out->n_scored++;
    if (s->samples) {
        st = content_of(s->arena, sample, answer, prediction, how, headline, details, s->samples);
    }
    return st;
}

static karma_status score_sample(struct scoring *s, size_t i, const struct sample_slot *slot) {
    if (slot->state == ANSWER_NONE) {
        s->out->n_not_run++;
        return KARMA_OK;
    }
    const karma_sample *sample;
    karma_status st = karma_dataset_get(s->d->data, i, &sample);
    if (st < 0) return st;
    const struct answer *answer = &slot->answer;
    if (answer->status < 0) {
        s->out->n_failed++;
        s->tally.failed_by_code[-(int)answer->status]++;
        st = note_failed(s->arena, sample, answer, s->failed);
        if (st == KARMA_OK && s->samples) {
            st = content_of(s->arena, sample, answer, "", KARMA_PARSE_NONE, 0, NULL, s->samples);
        }
        return st;
    }
    count_flags(&s->tally, answer->flags);
    return score_answer(s, i, sample, answer);
}

static struct json *real_or_null(struct arena *a, double v) {
    return isfinite(v) ? json_new_real(a, v) : json_new_null(a);
}

/* With failed samples among the others. The metric counts them from here on. */
static karma_status count_as_wrong(struct scoring *s, const struct plan_metric *m, double *score) {
    karma_metric_result r;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < s->answers->n && st == KARMA_OK; i++) {
        const struct sample_slot *slot = &s->answers->slots[i];
        const karma_sample *sample;
        const char *language, *reference;
        if (slot->state == ANSWER_NONE || slot->answer.status >= 0) continue;
        arena_reset(&s->scratch);
        st = karma_dataset_get(s->d->data, i, &sample);
        if (st == KARMA_OK) st = plan_sample_language(&s->scratch, sample, &language);
        if (st == KARMA_OK)
            st = process(s->d, &s->scratch, language,
                         sample->expected_output ? sample->expected_output : "", &reference);
        if (st == KARMA_OK) st = karma_metric_add(m->metric, "", reference, NULL);
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

static karma_status metric_object(struct scoring *s, const struct plan_metric *m,
                                  struct json *metrics) {
    struct arena *a = s->arena;
    const struct score *score = s->out;
    karma_metric_result r;
    karma_status st = karma_metric_end(m->metric, &r);
    if (st < 0) return st;
    struct json *o = json_new_object(a);
    const bool headline = score->n_failed == 0 && score->n_scored > 0;
    st = json_set(a, o, "score", headline ? json_new_real(a, r.score) : json_new_null(a));
    if (st == KARMA_OK && m->k) st = json_set(a, o, "k", json_new_int(a, m->k));
    if (st == KARMA_OK) st = json_set(a, o, "num_samples", json_new_int(a, (int64_t)r.n));
    if (st == KARMA_OK && headline) {
        st = json_set(a, o, "standard_error", real_or_null(a, r.standard_error));
        struct json *interval = json_new_array(a);
        if (st == KARMA_OK) st = json_push(a, interval, real_or_null(a, r.ci_low));
        if (st == KARMA_OK) st = json_push(a, interval, real_or_null(a, r.ci_high));
        if (st == KARMA_OK) st = json_set(a, o, "interval_95", interval);
    }
    if (st == KARMA_OK) st = set_details(a, m, o);
    if (st == KARMA_OK && score->n_failed > 0) {
        const size_t all = score->n_scored + score->n_failed;
        struct json *bounds = json_new_object(a);
        /* With nothing scored the metric has no value to weigh. */
        double wrong = score->n_scored ? r.score * (double)score->n_scored / (double)all : 0;
        if (st == KARMA_OK && karma_metric_is_error_rate(m->metric))
            st = count_as_wrong(s, m, &wrong);
        if (st == KARMA_OK)
            st = json_set(a, bounds, "failed_counted_as_wrong", json_new_real(a, wrong));
        if (st == KARMA_OK) {
            st = json_set(a, bounds, "failed_counted_as_wrong_n", json_new_int(a, (int64_t)all));
        }
        if (st == KARMA_OK) {
            st = json_set(a, bounds, "failed_left_out",
                          score->n_scored ? json_new_real(a, r.score) : json_new_null(a));
        }
        if (st == KARMA_OK) {
            st =
                json_set(a, bounds, "failed_left_out_n", json_new_int(a, (int64_t)score->n_scored));
        }
        if (st == KARMA_OK) st = json_set(a, o, "bounds", bounds);
    }
    return st == KARMA_OK ? json_set(a, metrics, m->name, o) : st;
}

static karma_status set_count(struct arena *a, struct json *o, const char *name, size_t n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

static karma_status account(struct scoring *s, size_t selected, struct json *result) {
    struct arena *a = s->arena;
    const struct tally *t = &s->tally;
    struct json *o = json_new_object(a);
    const size_t unjudged = karma_dataset_unjudged(s->d->data);
    karma_status st = set_count(a, o, "in_file", karma_dataset_count(s->d->data) + unjudged);
    if (st == KARMA_OK && s->d->n_documents) st = set_count(a, o, "not_judged", unjudged);
    if (st == KARMA_OK) {
        st = set_count(a, o, "excluded", karma_dataset_count(s->d->data) - selected);
    }
    if (st == KARMA_OK) st = set_count(a, o, "selected", selected);
    if (st == KARMA_OK) st = set_count(a, o, "scored", s->out->n_scored);
    if (st == KARMA_OK) st = set_count(a, o, "failed", s->out->n_failed);
    if (st == KARMA_OK && s->out->n_not_run) st = set_count(a, o, "not_run", s->out->n_not_run);
    if (st == KARMA_OK && s->out->n_failed) {
        struct json *codes = json_new_object(a);
        for (int c = 1; c < KARMA_STATUS_ORDER_COUNT && st == KARMA_OK; c++) {
            if (!t->failed_by_code[c]) continue;
            st = set_count(a, codes, karma_status_name((karma_status)-c), t->failed_by_code[c]);
        }
        if (st == KARMA_OK) st = json_set(a, o, "failed_by_code", codes);
    }
    if (st == KARMA_OK) st = set_count(a, o, "parsed_by_marker", t->marker);
    if (st == KARMA_OK) st = set_count(a, o, "parsed_by_fallback", t->fallback);
    if (st == KARMA_OK) st = set_count(a, o, "unparsed", t->none);
    if (st == KARMA_OK && s->d->n_documents) {
        st = set_count(a, o, "short_rankings", t->short_ranking);
    }
    if (st == KARMA_OK) st = set_count(a, o, "cut_by_limit", t->cut);
    if (st == KARMA_OK) st = set_count(a, o, "thought_without_end", t->thought_cut);
    if (st == KARMA_OK) st = set_count(a, o, "prompt_truncated", t->prompt_truncated);
    if (st == KARMA_OK) st = set_count(a, o, "control_text_in_prompt", t->special_in_text);
    return st == KARMA_OK ? json_set(a, result, "samples_by_state", o) : st;
}

static karma_status build_result(struct scoring *s, size_t selected) {
    struct arena *a = s->arena;
    struct score *out = s->out;
    struct json *metrics = json_new_object(a);
    karma_status st = metrics ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < s->d->n_metrics && st == KARMA_OK; k++) {
        st = metric_object(s, &s->d->metrics[k], metrics);
    }
    struct json *r = out->result = json_new_object(a);
    const char *args_text = karma_dataset_args(s->d->data);
    const struct json *args = NULL;
    if (st == KARMA_OK) st = json_set(a, r, "metrics", metrics);
    if (st == KARMA_OK) {
        st = json_set(a, r, "task_type",
                      json_new_string(a, s->d->info->task_type ? s->d->info->task_type : ""));
    }
    if (st == KARMA_OK) {
        st = json_set(a, r, "status",
                      json_new_string(a, out->n_not_run  ? "partial"
                                         : out->n_failed ? "incomplete"
                                                         : "completed"));
    }
    if (st == KARMA_OK) {
        st = json_parse(a, args_text, strlen(args_text), JSON_LAST_WINS, &args);
    }
    if (st == KARMA_OK) st = json_set(a, r, "dataset_args", args);
    if (st == KARMA_OK) {
        st = json_set(a, r, "dataset_digest", json_new_string(a, karma_dataset_digest(s->d->data)));
    }
    if (st == KARMA_OK && s->d->n_documents) {
        st = set_count(a, r, "documents", s->d->n_documents);
    }
    if (st == KARMA_OK) st = account(s, selected, r);
    if (st == KARMA_OK && json_count(s->failed)) st = json_set(a, r, "failed_samples", s->failed);
    if (st == KARMA_OK && s->samples) st = json_set(a, r, "samples", s->samples);
    return st;
}

static karma_status check_account(const struct scoring *s) {
    const struct score *out = s->out;
    if (out->n_scored + out->n_failed + out->n_not_run == s->answers->n) return KARMA_OK;
    return status_fail(KARMA_E_INTERNAL,
                       "%s: %zu samples, but %zu scored, %zu failed, %zu not "
                       "run",
                       s->d->name, s->answers->n, out->n_scored, out->n_failed, out->n_not_run);
}

karma_status score_dataset(struct arena *a, struct plan_dataset *d, const struct answers *answers,
                           bool include_content, struct score *out) {
    *out = (struct score){0};
    struct scoring s = {.arena = a, .d = d, .answers = answers, .out = out};
    s.failed = json_new_array(a);
    if (include_content) s.samples = json_new_array(a);
    if (!s.failed || (include_content && !s.samples)) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < answers->n && st == KARMA_OK; i++) {
        st = score_sample(&s, i, &answers->slots[i]);
        arena_reset(&s.scratch);
    }
    if (st == KARMA_OK) st = check_account(&s);
    if (st == KARMA_OK) {
        out->complete = out->n_scored == answers->n;
        st = build_result(&s, answers->n);
    }
    arena_release(&s.scratch);
    return st;
}
