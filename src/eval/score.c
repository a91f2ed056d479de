/*
 * score.c - see score.h. Every selected sample ends in one state: scored, failed, or (after a
 * cancelled run) not run; the sum is checked. A failed sample is never scored. Of a set whose
 * samples belong to parts (closed and open questions) each part is scored by itself, too. What
 * becomes of the figures: score_result.c.
 */
#include "eval/score.h"

#include <math.h>
#include <string.h>

#include "base/ranking.h"
#include "eval/sample_json.h"
#include "eval/scoring.h"

/* --- parts ------------------------------------------------------------------------------------ */

static karma_status count_from_zero(struct scoring *s, struct part *p) {
    p->readable = arena_calloc(s->arena, s->d->n_metrics + 1, sizeof(*p->readable));
    for (size_t k = 0; p->readable && k < s->d->n_metrics; k++)
        p->readable[k].share = true;
    return p->readable ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status scoring_open_part(struct scoring *s, struct part *p, const char *type) {
    *p = (struct part){.type = arena_strdup(s->arena, type),
                       .metrics = arena_calloc(s->arena, s->d->n_metrics, sizeof(*p->metrics))};
    if (!p->type || !p->metrics) return KARMA_E_NOMEM;
    karma_status st = count_from_zero(s, p);
    for (; p->n_metrics < s->d->n_metrics && st == KARMA_OK; p->n_metrics += st == KARMA_OK) {
        p->metrics[p->n_metrics] = s->d->metrics[p->n_metrics];
        st = karma_metric_create(p->metrics[p->n_metrics].name, p->metrics[p->n_metrics].args_json,
                                 &p->metrics[p->n_metrics].metric);
    }
    return st;
}

void scoring_close_part(struct part *p) {
    for (size_t i = 0; i < p->n_metrics; i++)
        karma_metric_destroy(p->metrics[i].metric);
}

static karma_status open_part(struct scoring *s, const char *type) {
    if (s->n_parts == MAX_PARTS)
        return status_fail(KARMA_E_LIMIT, "%s: answer_type: more than %d different ones",
                           s->d->name, MAX_PARTS);
    return scoring_open_part(s, &s->parts[s->n_parts++], type);
}

karma_status scoring_part(struct scoring *s, const char *type, struct part **out) {
    *out = NULL;
    if (!type) return KARMA_OK;
    for (size_t k = 0; k < s->n_parts; k++)
        if (strcmp(s->parts[k].type, type) == 0) *out = &s->parts[k];
    if (*out) return KARMA_OK;
    karma_status st = open_part(s, type);
    if (st == KARMA_OK) *out = &s->parts[s->n_parts - 1];
    return st;
}

static void close_parts(struct scoring *s) {
    for (size_t k = 0; k < s->n_parts; k++)
        scoring_close_part(&s->parts[k]);
}

/* --- what goes elsewhere ---------------------------------------------------------------------- */

/* Why nothing was found is told by the log and by finish_reason. */
static const char *parse_name(enum outcome o) {
    return outcome_name(o > OUTCOME_NONE ? OUTCOME_NONE : o);
}

/* The scratch they lie in is reset before the results are written. */
static karma_status copy_json(struct arena *a, const struct json *value, const struct json **out) {
    struct buf text = {0};
    karma_status st = json_write(&text, value, 0, JSON_COMPACT);
    const char *kept = st == KARMA_OK ? arena_strndup(a, buf_str(&text), text.len) : NULL;
    if (st == KARMA_OK && !kept) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_parse(a, kept, text.len, JSON_LAST_WINS, out);
    buf_release(&text);
    return st;
}

static karma_status add_verdicts(struct arena *a, const struct judged *j, struct json *o) {
    const struct json *rubric, *criteria;
    karma_status st = copy_json(a, j->rubric, &rubric);
    if (st == KARMA_OK) st = copy_json(a, j->criteria, &criteria);
    if (st == KARMA_OK) st = json_set(a, o, "rubric", rubric);
    return st == KARMA_OK ? json_set(a, o, "criteria", criteria) : st;
}

/* An object of a sample's texts, for results with content. */
static karma_status add_content(struct scoring *s, const struct judged *j) {
    if (!s->samples) return KARMA_OK;
    struct arena *a = s->arena;
    struct json *o = json_new_object(a);
    const struct json *details;
    karma_status st = json_set(a, o, "key", json_new_string(a, j->sample->key));
    if (st == KARMA_OK) st = sample_json_question(a, j, o);
    if (st == KARMA_OK && j->answer_type)
        st = json_set(a, o, "answer_type", json_new_string(a, j->answer_type));
    if (st == KARMA_OK && j->answer->status < 0) {
        st = json_set(a, o, "failed", json_new_string(a, karma_status_name(j->answer->status)));
        return st == KARMA_OK ? json_push(a, s->samples, o) : st;
    }
    if (st == KARMA_OK) st = sample_json_answer(a, j, o);
    if (st == KARMA_OK) st = json_set(a, o, "parse", json_new_string(a, parse_name(j->outcome)));
    if (st == KARMA_OK) {
        const char *reason = karma_finish_reason_name(j->answer->finish_reason);
        st = json_set(a, o, "finish_reason", json_new_string(a, reason));
    }
    const double headline = j->scores[0];
    if (st == KARMA_OK)
        st = json_set(a, o, "score",
                      isfinite(headline) ? json_new_real(a, headline) : json_new_null(a));
    if (st == KARMA_OK) st = sample_json_details(a, s->whole.metrics, s->whole.n_metrics, &details);
    if (st == KARMA_OK && details) st = json_set(a, o, "details", details);
    if (st == KARMA_OK && j->verdicts) st = add_verdicts(a, j, o);
    return st == KARMA_OK ? json_push(a, s->samples, o) : st;
}

/* "exact_match 1.000", a line a metric, for people. */
static karma_status scores_text(struct scoring *s, const struct judged *j, const char **out) {
    struct arena *a = &s->scratch;
    *out = "";
    for (size_t k = 0; k < s->whole.n_metrics; k++) {
        *out = arena_printf(a, "%s%s%s %.3f", *out, k ? "\n" : "", s->whole.metrics[k].name,
                            j->scores[k]);
        if (!*out) return KARMA_E_NOMEM;
    }
    return KARMA_OK;
}

static karma_status add_to_page(struct scoring *s, const struct judged *j) {
    struct page_sample row = {
        .sample = j->sample, .answer = j->answer, .answer_type = j->answer_type};
    karma_status st = KARMA_OK;
    if (!s->outputs->page || !s->outputs->page->open) return KARMA_OK;
    if (j->answer->status >= 0) {
        row.prediction = j->prediction;
        st = scores_text(s, j, &row.scores);
    }
    return st == KARMA_OK ? page_add(s->outputs->page, &row) : st;
}

static karma_status pass_on(struct scoring *s, struct judged *j) {
    karma_status st = score_ways_add(s, j);
    if (st == KARMA_OK) st = slices_add(s->slices, j);
    if (st == KARMA_OK) st = add_content(s, j);
    if (st == KARMA_OK) st = add_to_page(s, j);
    if (st < 0 || !s->outputs->log) return st;
    return sample_log_add(s->outputs->log, s->d, j);
}

/* --- samples ---------------------------------------------------------------------------------- */

static void count_flags(struct tally *t, unsigned flags) {
    t->cut += (flags & KARMA_OUTPUT_CUT) != 0;
    t->thought_cut += (flags & KARMA_OUTPUT_THOUGHT_CUT) != 0;
    t->prompt_truncated += (flags & KARMA_OUTPUT_PROMPT_TRUNCATED) != 0;
    t->special_in_text += (flags & KARMA_OUTPUT_SPECIAL_IN_TEXT) != 0;
    t->decided += (flags & KARMA_OUTPUT_DECIDED) != 0;
}

/* Is the ranking shorter than what the metrics look at? */
static karma_status count_ranking(struct scoring *s, const char *prediction) {
    struct ranking r;
    if (s->d->deepest == 0) return KARMA_OK;
    karma_status st = ranking_read(&s->scratch, prediction, &r);
    s->tally.short_ranking += st == KARMA_OK && r.count < s->d->deepest;
    return st < 0 ? st : KARMA_OK; /* what is no ranking is counted as unparsed */
}

void scoring_count(struct part *p, const struct judged *j, const double *scores) {
    p->n_scored++;
    p->n_unreadable += j->unreadable;
    for (size_t k = 0; k < p->n_metrics; k++) {
        struct readable *r = &p->readable[k];
        r->share = r->share && scores[k] >= 0 && scores[k] <= 1; /* false of NaN */
        if (!j->unreadable) r->sum += scores[k];
    }
}

static karma_status score_answer(struct scoring *s, struct judged *j, struct part *part) {
    struct arena *scratch = &s->scratch;
    const double *same;
    karma_status st = count_ranking(s, j->clean_prediction);
    if (st == KARMA_OK)
        st = judge_score(scratch, s->whole.metrics, s->whole.n_metrics, j, &j->scores);
    if (st == KARMA_OK && part) st = judge_score(scratch, part->metrics, part->n_metrics, j, &same);
    if (st < 0)
        return status_prefix(st, "%s: sample %s", s->d->name, status_quotez(j->sample->key));
    s->tally.outcomes[j->outcome]++;
    count_flags(&s->tally, j->answer->flags);
    scoring_count(&s->whole, j, j->scores);
    if (part) scoring_count(part, j, same);
    return pass_on(s, j);
}

static karma_status note_failed(struct scoring *s, const struct judged *j) {
    struct arena *a = s->arena;
    karma_status st = buf_append(&s->failed_at, &j->index, sizeof(j->index));
    if (st < 0 || json_count(s->failed) >= MAX_FAILED_SHOWN) return st;
    struct json *o = json_new_object(a);
    const char *why = j->answer->error ? j->answer->error : "";
    st = json_set(a, o, "key", json_new_string(a, j->sample->key));
    if (st == KARMA_OK)
        st = json_set(a, o, "code", json_new_string(a, karma_status_name(j->answer->status)));
    if (st == KARMA_OK) st = json_set(a, o, "message", json_new_string(a, why));
    return st == KARMA_OK ? json_push(a, s->failed, o) : st;
}

static karma_status count_failed(struct scoring *s, struct judged *j, struct part *part) {
    s->whole.n_failed++;
    if (part) part->n_failed++;
    s->tally.failed_by_code[-(int)j->answer->status]++;
    karma_status st = note_failed(s, j);
    return st == KARMA_OK ? pass_on(s, j) : st;
}

static karma_status not_run(struct scoring *s, const struct judged *j, struct part *part) {
    s->whole.n_not_run++;
    if (part) part->n_not_run++;
    return s->outputs->log ? sample_log_not_run(s->outputs->log, s->d, j) : KARMA_OK;
}

/* Read, with the judge's verdicts if there is one. A sample that has an answer but not all its
 * verdicts has no score either: it fails as one whose model failed, or was not run. */
static karma_status score_answered(struct scoring *s, struct judged *j, struct part *part) {
    struct answer *failed = arena_calloc(&s->scratch, 1, sizeof(*failed));
    if (!failed) return KARMA_E_NOMEM;
    *failed = (struct answer){.finish_reason = KARMA_FINISH_ERROR,
                              .n_prompt_tokens = j->answer->n_prompt_tokens,
                              .n_tokens = j->answer->n_tokens};
    karma_status st = judge_read(&s->scratch, s->d, j);
    if (st == KARMA_OK && s->outputs->judge)
        st = rubric_read(s->outputs->judge, &s->scratch, s->d, j, &failed->status, &failed->error);
    if (st == KARMA_DONE) return not_run(s, j, part);
    if (st < 0)
        return status_prefix(st, "%s: sample %s", s->d->name, status_quotez(j->sample->key));
    if (failed->status == KARMA_OK) return score_answer(s, j, part);
    j->answer = failed;
    return count_failed(s, j, part);
}

static karma_status score_sample(struct scoring *s, size_t i) {
    struct part *part = NULL;
    struct judged j;
    struct answer answer;
    karma_status st = judge_place(&s->scratch, s->d, i, &j);
    if (st == KARMA_OK) st = scoring_part(s, j.answer_type, &part);
    if (st == KARMA_OK) st = karma_dataset_get(s->d->data, i, &j.sample);
    if (st < 0) return st;
    if (s->answers->slots[i].state == ANSWER_EXCLUDED) {
        s->out->n_excluded++;
        return KARMA_OK;
    }
    if (s->answers->slots[i].state == ANSWER_NONE) return not_run(s, &j, part);
    st = answers_get(s->answers, i, &s->scratch, &answer);
    if (st < 0) return status_prefix(st, "%s", s->d->name);
    j.answer = &answer;
    return answer.status < 0 ? count_failed(s, &j, part) : score_answered(s, &j, part);
}

static karma_status check_account(const struct scoring *s) {
    const struct score *out = s->out;
    if (out->n_scored + out->n_failed + out->n_not_run + out->n_excluded == s->answers->n)
        return KARMA_OK;
    return status_fail(KARMA_E_INTERNAL,
                       "%s: %zu samples, but %zu scored, %zu failed, %zu not "
                       "run",
                       s->d->name, s->answers->n, out->n_scored, out->n_failed, out->n_not_run);
}

static karma_status score_all(struct scoring *s) {
    struct score *out = s->out;
    struct page none = {0};
    karma_status st = count_from_zero(s, &s->whole);
    if (st == KARMA_OK) st = page_dataset(s->outputs->page ? s->outputs->page : &none, s->d->name);
    if (st == KARMA_OK) st = store_hold(s->answers->store);
    for (size_t i = 0; i < s->answers->n && st == KARMA_OK; i++) {
        st = score_sample(s, i);
        arena_reset(&s->scratch);
    }
    store_let_go(s->answers->store);
    out->n_scored = s->whole.n_scored;
    out->n_failed = s->whole.n_failed;
    out->n_not_run = s->whole.n_not_run;
    if (st == KARMA_OK) st = check_account(s);
    if (st < 0) return st;
    out->complete = out->n_scored + out->n_excluded == s->answers->n;
    return score_result(s);
}

karma_status score_dataset(struct arena *a, struct plan_dataset *d, const struct answers *answers,
                           const struct score_outputs *outputs, struct score *out) {
    *out = (struct score){0};
    struct scoring s = {.arena = a, .d = d, .answers = answers, .outputs = outputs, .out = out};
    s.whole = (struct part){.metrics = d->metrics, .n_metrics = d->n_metrics};
    s.failed = json_new_array(a);
    if (outputs->content) s.samples = json_new_array(a);
    const bool made = s.failed && (s.samples || !outputs->content);
    karma_status st = made ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = slices_create(d, answers->n, outputs->slice_min, &s.slices);
    if (st == KARMA_OK) st = score_ways_begin(&s);
    if (st == KARMA_OK) st = score_all(&s);
    score_ways_end(&s);
    slices_destroy(s.slices);
    close_parts(&s);
    buf_release(&s.failed_at);
    arena_release(&s.scratch);
    return st;
}
