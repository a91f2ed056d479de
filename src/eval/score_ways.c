/*
 * score_ways.c - a data set whose questions are asked or read in several ways: each reading has
 * metrics of its own, side by side with the headline. And the account of places, where questions
 * are asked in all orders of their options.
 */
#include <string.h>

#include "eval/scoring.h"
#include "eval/ways.h"

/* --- begin and end ---------------------------------------------------------------------------- */

static karma_status open_ways(struct scoring *s, size_t n) {
    s->ways = arena_calloc(s->arena, n, sizeof(*s->ways));
    if (!s->ways) return KARMA_E_NOMEM;
    for (size_t w = 0; w < s->d->n_ways; w++) {
        enum reading r, end;
        way_readings(s->d->ways[w], &r, &end);
        for (; r < end; r++) {
            struct scored_way *one = &s->ways[s->n_ways++];
            one->reading = r;
            one->way = w;
            karma_status st = scoring_open_part(s, &one->part, reading_name(r));
            if (st < 0) return st;
            if (!s->d->rotates) continue;
            one->rotations = arena_calloc(s->arena, 1, sizeof(*one->rotations));
            if (!one->rotations) return KARMA_E_NOMEM;
        }
    }
    return KARMA_OK;
}

karma_status score_ways_begin(struct scoring *s) {
    size_t n = 0;
    for (size_t w = 0; w < s->d->n_ways; w++) {
        enum reading first, end;
        way_readings(s->d->ways[w], &first, &end);
        n += (size_t)(end - first);
    }
    karma_status st = n > 1 ? open_ways(s, n) : KARMA_OK;
    if (st < 0 || !s->d->rotates) return st;
    s->rotations = arena_calloc(s->arena, 1, sizeof(*s->rotations));
    return s->rotations ? KARMA_OK : KARMA_E_NOMEM;
}

void score_ways_end(struct scoring *s) {
    for (size_t k = 0; k < s->n_ways; k++)
        scoring_close_part(&s->ways[k].part);
}

/* --- samples ---------------------------------------------------------------------------------- */

static int place_of(const char *const *labels, size_t n, const char *label) {
    for (size_t k = 0; label && k < n; k++)
        if (strcmp(labels[k], label) == 0) return (int)k;
    return ROTATIONS_NONE;
}

static karma_status count_place(struct scoring *s, const struct judged *j, struct rotations *to) {
    const char *const *labels, *const *texts;
    size_t n, question, rotation, n_orders;
    if (!to || j->answer->status < 0) return KARMA_OK;
    karma_status st = karma_dataset_choices(s->d->data, j->index, &labels, &texts, &n);
    if (st < 0) return st;
    karma_dataset_rotation(s->d->data, j->index, &question, &rotation, &n_orders);
    rotations_add(to, question, rotation, n, place_of(labels, n, j->prediction),
                  place_of(labels, n, j->sample->expected_output));
    return KARMA_OK;
}

static karma_status add_reading(struct scoring *s, const struct judged *headline,
                                const struct answer *answer, struct scored_way *way) {
    struct judged j = *headline;
    const double *scores;
    if (answer->status < 0) {
        way->part.n_failed++;
        return KARMA_OK;
    }
    j.answer = answer;
    j.reading = way->reading;
    karma_status st = judge_read(&s->scratch, s->d, &j);
    if (st == KARMA_OK)
        st = judge_score(&s->scratch, way->part.metrics, way->part.n_metrics, &j, &scores);
    if (st < 0) return status_prefix(st, "%s: sample %s", s->d->name, status_quotez(j.sample->key));
    scoring_count(&way->part, &j, scores);
    return count_place(s, &j, way->rotations);
}

/* The values of a comparison, {label: number}, among the log-probabilities. */
static karma_status add_logprobs(struct scoring *s, struct judged *j, const struct answer *answer,
                                 enum reading r, struct json *all) {
    struct arena *a = &s->scratch;
    struct comparison c;
    if (r == READ_TEXT || answer->status < 0) return KARMA_OK;
    struct json *o = json_new_object(a);
    karma_status st = o ? ways_compare(a, s->d, j->index, answer, r, &c) : KARMA_E_NOMEM;
    for (size_t k = 0; st == KARMA_OK && k < c.n; k++)
        st = json_set(a, o, c.labels[k], json_new_real(a, c.values[k]));
    return st == KARMA_OK ? json_set(a, all, reading_name(r), o) : st;
}

static karma_status add_way(struct scoring *s, struct judged *j, size_t w, struct json *logprobs) {
    struct answer other;
    const struct answer *answer = j->answer;
    enum reading r, end;
    karma_status st = KARMA_OK;
    if (s->answers->slots[w * s->answers->n + j->index].state == ANSWER_NONE) return KARMA_OK;
    if (w > 0) {
        st = answers_get_way(s->answers, w, j->index, &s->scratch, &other);
        if (st < 0) return status_prefix(st, "%s", s->d->name);
        answer = &other;
    }
    way_readings(s->d->ways[w], &r, &end);
    for (; r < end && st == KARMA_OK; r++)
        st = add_logprobs(s, j, answer, r, logprobs);
    for (size_t k = 0; k < s->n_ways && st == KARMA_OK; k++)
        if (s->ways[k].way == w) st = add_reading(s, j, answer, &s->ways[k]);
    return st;
}

karma_status score_ways_add(struct scoring *s, struct judged *j) {
    struct json *logprobs = json_new_object(&s->scratch);
    karma_status st = logprobs ? count_place(s, j, s->rotations) : KARMA_E_NOMEM;
    for (size_t w = 0; w < s->d->n_ways && st == KARMA_OK; w++)
        st = add_way(s, j, w, logprobs);
    if (st == KARMA_OK && json_count(logprobs)) j->logprobs = logprobs;
    return st;
}

/* --- results ---------------------------------------------------------------------------------- */

static karma_status set_count(struct arena *a, struct json *o, const char *name, size_t n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

static karma_status put_one(struct scoring *s, struct scored_way *way, struct json *all) {
    struct arena *a = s->arena;
    struct part *p = &way->part;
    struct json *o = json_new_object(a);
    karma_status st = o ? KARMA_OK : KARMA_E_NOMEM;
    p->n_not_run = s->answers->n - p->n_scored - p->n_failed;
    if (st == KARMA_OK) st = scoring_put_metrics(s, p, o);
    if (st == KARMA_OK) st = set_count(a, o, "scored", p->n_scored);
    if (st == KARMA_OK) st = set_count(a, o, "failed", p->n_failed);
    if (st == KARMA_OK && p->n_not_run) st = set_count(a, o, "not_run", p->n_not_run);
    if (st == KARMA_OK && way->rotations) st = rotations_put(way->rotations, a, o);
    return st == KARMA_OK ? json_set(a, all, p->type, o) : st;
}

static karma_status put_lead(struct scoring *s, enum way w, const char *name, struct json *r) {
    if (!s->d->lead[w]) return KARMA_OK;
    return json_set(s->arena, r, name, json_new_string(s->arena, s->d->lead[w]));
}

/* How its answers were had, where that is not by writing them to their end. */
static karma_status put_how(struct scoring *s, struct json *r) {
    struct arena *a = s->arena;
    karma_status st = KARMA_OK;
    if (s->d->n_ways > 1 || s->d->ways[0] != WAY_GENERATION) {
        const char *text = ways_text(a, s->d);
        st = text ? json_set(a, r, "answer_by", json_new_string(a, text)) : KARMA_E_NOMEM;
    }
    if (st == KARMA_OK) st = put_lead(s, WAY_LETTERS, "answer_lead", r);
    if (st == KARMA_OK) st = put_lead(s, WAY_OPTIONS, "options_lead", r);
    if (st == KARMA_OK && s->d->stops)
        st = json_set(a, r, "stop_when_decided", json_new_bool(a, true));
    if (st == KARMA_OK && s->d->rotates) st = json_set(a, r, "rotations", json_new_bool(a, true));
    return st;
}

karma_status score_ways_put(struct scoring *s, struct json *result) {
    struct json *all = json_new_object(s->arena);
    karma_status st = all ? put_how(s, result) : KARMA_E_NOMEM;
    for (size_t k = 0; k < s->n_ways && st == KARMA_OK; k++)
        st = put_one(s, &s->ways[k], all);
    if (st == KARMA_OK && s->n_ways) st = json_set(s->arena, result, "answer_ways", all);
    return st == KARMA_OK && s->rotations ? rotations_put(s->rotations, s->arena, result) : st;
}
