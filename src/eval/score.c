/*
 * score.c - see score.h. Every selected sample ends in one state: scored, failed, or (after a
 * cancelled run) not run; the sum is checked. A failed sample is never scored: with one there is no
 * headline score but its bounds, failed ones counted as wrong and left out. Wrong is a score of 0,
 * or, of an error rate, that all of the reference was missed. Of a set whose samples belong to
 * parts (closed and open questions) each part is scored by itself, too.
 */
#include "eval/score.h"

#include <math.h>
#include <string.h>

#include "base/ranking.h"

enum { MAX_FAILED_SHOWN = 1000, MAX_PARTS = 32 };

struct tally {
    size_t marker, fallback, none; /* how predictions were found */
    size_t cut, thought_cut, prompt_truncated, special_in_text, decided;
    size_t short_ranking; /* shorter than the metrics look, though there are more documents */
    size_t failed_by_code[KARMA_STATUS_ORDER_COUNT];
};

static void count_flags(struct tally *t, unsigned flags) {
    t->cut += (flags & KARMA_OUTPUT_CUT) != 0;
    t->thought_cut += (flags & KARMA_OUTPUT_THOUGHT_CUT) != 0;
    t->prompt_truncated += (flags & KARMA_OUTPUT_PROMPT_TRUNCATED) != 0;
    t->special_in_text += (flags & KARMA_OUTPUT_SPECIAL_IN_TEXT) != 0;
    t->decided += (flags & KARMA_OUTPUT_DECIDED) != 0;
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

/* Pictures by their names in the data and their digests, not by where they lie. */
static karma_status set_images(struct arena *a, struct json *to, const karma_image *images,
                               size_t n) {
    if (n == 0) return KARMA_OK;
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        const karma_image *im = &images[i];
        const char *name = im->name ? im->name : im->path;
        struct json *o = json_new_object(a);
        if (!o) return KARMA_E_NOMEM;
        if (name) st = json_set(a, o, "name", json_new_string(a, name));
        if (st == KARMA_OK && im->frame) st = json_set(a, o, "frame", json_new_int(a, im->frame));
        if (st == KARMA_OK && im->digest)
            st = json_set(a, o, "sha256", json_new_string(a, im->digest));
        if (st == KARMA_OK) st = json_push(a, list, o);
    }
    return st == KARMA_OK ? json_set(a, to, "images", list) : st;
}

/* An object of a sample's texts, for reports with content. */
static karma_status content_of(struct arena *a, const karma_sample *sample, const char *answer_type,
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
            if (st == KARMA_OK) st = set_images(a, turn, m->images, m->n_images);
            if (st == KARMA_OK) st = json_push(a, turns, turn);
        }
        if (st == KARMA_OK) st = json_set(a, o, "conversation", turns);
    }
    if (st == KARMA_OK) st = set_images(a, o, sample->images, sample->n_images);
    if (st == KARMA_OK && answer_type) {
        st = json_set(a, o, "answer_type", json_new_string(a, answer_type));
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

/* The whole set, or those of its samples that have an answer type. */
struct part {
    const char *type; /* NULL: the whole */
    struct plan_metric *metrics;
    size_t n_metrics;
    size_t n_scored, n_failed, n_not_run;
};

struct scoring {
    struct arena *arena;
    struct arena scratch;
    struct plan_dataset *d;
    const struct answers *answers;
    struct tally tally;
    struct part whole, parts[MAX_PARTS];
    size_t n_parts;
    struct json *failed, *samples; /* samples NULL: no content wanted */
    struct page *page;
    struct score *out;
};

static karma_status open_part(struct scoring *s, const char *type) {
    struct part *p = &s->parts[s->n_parts];
    if (s->n_parts == MAX_PARTS)
        return status_fail(KARMA_E_LIMIT, "%s: answer_type: more than %d different ones",
                           s->d->name, MAX_PARTS);
    *p = (struct part){.type = arena_strdup(s->arena, type),
                       .metrics = arena_calloc(s->arena, s->d->n_metrics, sizeof(*p->metrics))};
    if (!p->type || !p->metrics) return KARMA_E_NOMEM;
    s->n_parts++;
    karma_status st = KARMA_OK;
    for (; p->n_metrics < s->d->n_metrics && st == KARMA_OK; p->n_metrics += st == KARMA_OK) {
        p->metrics[p->n_metrics] = s->d->metrics[p->n_metrics];
        st = karma_metric_create(p->metrics[p->n_metrics].name, p->metrics[p->n_metrics].args_json,
                                 &p->metrics[p->n_metrics].metric);
    }
    return st;
}

/* The part that sample i belongs to, a new one if need be; *out NULL: none. */
static karma_status part_of(struct scoring *s, size_t i, struct part **out) {
    const char *type;
    *out = NULL;
    karma_status st = karma_dataset_answer_type(s->d->data, i, &type);
    if (st < 0 || !type) return st;
    for (size_t k = 0; k < s->n_parts; k++)
        if (strcmp(s->parts[k].type, type) == 0) *out = &s->parts[k];
    if (*out) return KARMA_OK;
    st = open_part(s, type);
    if (st == KARMA_OK) *out = &s->parts[s->n_parts - 1];
    return st;
}

static void close_parts(struct scoring *s) {
    for (size_t k = 0; k < s->n_parts; k++)
        for (size_t i = 0; i < s->parts[k].n_metrics; i++)
            karma_metric_destroy(s->parts[k].metrics[i].metric);
}

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

/* One pair to all metrics; *scores in a, as people read them. */
static karma_status add_scores(struct arena *a, const struct part *p, const char *prediction,
                               const char *reference, double *headline, const char **scores) {
    karma_status st = KARMA_OK;
    *scores = "";
    for (size_t k = 0; k < p->n_metrics && st == KARMA_OK; k++) {
        double score = 0;
        st = karma_metric_add(p->metrics[k].metric, prediction, reference, &score);
        if (st < 0) return st;
        if (k == 0) *headline = score;
        *scores = arena_printf(a, "%s%s%s %.3f", *scores, k ? "\n" : "", p->metrics[k].name, score);
        if (!*scores) return KARMA_E_NOMEM;
    }
    return st;
}

static karma_status score_answer(struct scoring *s, size_t i, const karma_sample *sample,
                                 const struct answer *answer, struct part *part) {
    karma_parse how = KARMA_PARSE_NONE;
    const char *prediction = "";
    karma_status st = KARMA_OK;
    if (s->d->letters) { /* chosen, not written */
        prediction = answer->text;
        how = KARMA_PARSE_MARKER;
    } else if (!(answer->flags & KARMA_OUTPUT_THOUGHT_CUT)) {
        /* A thought that never ended is no answer, however letter-like its last words are. */
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
    double headline = 0, same;
    const char *scores, *same_scores;
    if (st == KARMA_OK)
        st = add_scores(scratch, &s->whole, clean_prediction, clean_reference, &headline, &scores);
    if (st == KARMA_OK && part)
        st = add_scores(scratch, part, clean_prediction, clean_reference, &same, &same_scores);
    for (size_t k = 0; details && k < s->d->n_metrics && st == KARMA_OK; k++)
        st = add_details(s->arena, &s->d->metrics[k], details);
    if (st < 0) return status_prefix(st, "%s: sample %s", s->d->name, status_quotez(sample->key));
    s->whole.n_scored++;
    if (part) part->n_scored++;
    const char *type = part ? part->type : NULL;
    if (s->samples) {
        st = content_of(s->arena, sample, type, answer, prediction, how, headline, details,
                        s->samples);
    }
    if (st < 0) return st;
    return page_add(s->page, &(struct page_sample){.sample = sample,
                                                   .answer = answer,
                                                   .prediction = prediction,
                                                   .answer_type = type,
                                                   .scores = scores});
}

static karma_status score_sample(struct scoring *s, size_t i, const struct sample_slot *slot) {
    struct part *part;
    const karma_sample *sample;
    karma_status st = part_of(s, i, &part);
    if (st < 0) return st;
    if (slot->state == ANSWER_NONE) {
        s->whole.n_not_run++;
        if (part) part->n_not_run++;
        return KARMA_OK;
    }
    st = karma_dataset_get(s->d->data, i, &sample);
    if (st < 0) return st;
    const struct answer *answer = &slot->answer;
    const char *type = part ? part->type : NULL;
    if (answer->status < 0) {
        s->whole.n_failed++;
        if (part) part->n_failed++;
        s->tally.failed_by_code[-(int)answer->status]++;
        st = note_failed(s->arena, sample, answer, s->failed);
        if (st == KARMA_OK && s->samples) {
            st = content_of(s->arena, sample, type, answer, "", KARMA_PARSE_NONE, 0, NULL,
                            s->samples);
        }
        if (st < 0) return st;
        return page_add(s->page, &(struct page_sample){
                                     .sample = sample, .answer = answer, .answer_type = type});
    }
    count_flags(&s->tally, answer->flags);
    return score_answer(s, i, sample, answer, part);
}

static struct json *real_or_null(struct arena *a, double v) {
    return isfinite(v) ? json_new_real(a, v) : json_new_null(a);
}

/* With failed samples among the others. The metric counts them from here on. */
static karma_status count_as_wrong(struct scoring *s, const struct part *part,
                                   const struct plan_metric *m, double *score) {
    karma_metric_result r;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < s->answers->n && st == KARMA_OK; i++) {
        const struct sample_slot *slot = &s->answers->slots[i];
        const karma_sample *sample;
        const char *language, *reference;
        struct part *its = NULL;
        if (slot->state == ANSWER_NONE || slot->answer.status >= 0) continue;
        arena_reset(&s->scratch);
        if (part->type) st = part_of(s, i, &its);
        if (st == KARMA_OK && part->type && its != part) continue;
        if (st == KARMA_OK) st = karma_dataset_get(s->d->data, i, &sample);
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

static karma_status metric_object(struct scoring *s, const struct part *score,
                                  const struct plan_metric *m, struct json *metrics) {
    struct arena *a = s->arena;
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
            st = count_as_wrong(s, score, m, &wrong);
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
    if (st == KARMA_OK && s->d->stops) st = set_count(a, o, "ended_when_decided", t->decided);
    if (st == KARMA_OK) st = set_count(a, o, "thought_without_end", t->thought_cut);
    if (st == KARMA_OK) st = set_count(a, o, "prompt_truncated", t->prompt_truncated);
    if (st == KARMA_OK) st = set_count(a, o, "control_text_in_prompt", t->special_in_text);
    return st == KARMA_OK ? json_set(a, result, "samples_by_state", o) : st;
}

static karma_status add_metrics(struct scoring *s, const struct part *p, struct json *to) {
    struct json *metrics = json_new_object(s->arena);
    karma_status st = metrics ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < p->n_metrics && st == KARMA_OK; k++)
        st = metric_object(s, p, &p->metrics[k], metrics);
    return st == KARMA_OK ? json_set(s->arena, to, "metrics", metrics) : st;
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
        st = add_metrics(s, p, o);
        if (st == KARMA_OK) st = set_count(a, o, "scored", p->n_scored);
        if (st == KARMA_OK) st = set_count(a, o, "failed", p->n_failed);
        if (st == KARMA_OK && p->n_not_run) st = set_count(a, o, "not_run", p->n_not_run);
        if (st == KARMA_OK) st = json_set(a, all, p->type, o);
    }
    return st == KARMA_OK ? json_set(a, result, "by_answer_type", all) : st;
}

/* How its answers were had, where that is not by writing them to their end. */
static karma_status add_way(struct scoring *s, struct json *result) {
    struct arena *a = s->arena;
    karma_status st = KARMA_OK;
    if (s->d->letters) st = json_set(a, result, "answer_by", json_new_string(a, "letters"));
    if (st == KARMA_OK && s->d->lead)
        st = json_set(a, result, "answer_lead", json_new_string(a, s->d->lead));
    if (st == KARMA_OK && s->d->stops)
        st = json_set(a, result, "stop_when_decided", json_new_bool(a, true));
    return st;
}

static karma_status build_result(struct scoring *s, size_t selected) {
    struct arena *a = s->arena;
    struct score *out = s->out;
    struct json *r = out->result = json_new_object(a);
    const char *args_text = karma_dataset_args(s->d->data);
    const struct json *args = NULL;
    karma_status st = r ? add_metrics(s, &s->whole, r) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = add_parts(s, r);
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
    if (st == KARMA_OK) st = add_way(s, r);
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
                           bool include_content, struct page *page, struct score *out) {
    *out = (struct score){0};
    struct scoring s = {.arena = a, .d = d, .answers = answers, .page = page, .out = out};
    s.whole = (struct part){.metrics = d->metrics, .n_metrics = d->n_metrics};
    s.failed = json_new_array(a);
    if (include_content) s.samples = json_new_array(a);
    if (!s.failed || (include_content && !s.samples)) return KARMA_E_NOMEM;
    karma_status st = page_dataset(page, d->name);
    for (size_t i = 0; i < answers->n && st == KARMA_OK; i++) {
        st = score_sample(&s, i, &answers->slots[i]);
        arena_reset(&s.scratch);
    }
    out->n_scored = s.whole.n_scored;
    out->n_failed = s.whole.n_failed;
    out->n_not_run = s.whole.n_not_run;
    if (st == KARMA_OK) st = check_account(&s);
    if (st == KARMA_OK) {
        out->complete = out->n_scored == answers->n;
        st = build_result(&s, answers->n);
    }
    close_parts(&s);
    arena_release(&s.scratch);
    return st;
}
