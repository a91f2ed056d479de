/*
 * verify.c - would a run come out again? The results are held against their digest, the log against
 * its chain; the model is opened
 * with the recorded settings and its identity held against the recorded one; the data sets
 * likewise; and samples chosen at random are asked again, with nothing taken from a store. What
 * differs is told by name and digest, never by text.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/float_env.h"
#include "base/random.h"
#include "base/sha256.h"
#include "eval/answers.h"
#include "eval/manifest.h"
#include "eval/rubric.h"
#include "eval/run_files.h"
#include "eval/store.h"
#include "karma/run.h"

enum { MAX_SHOWN = 1000, DEFAULT_N = 20 };

karma_verify_options karma_verify_defaults(void) {
    return (karma_verify_options){.struct_size = sizeof(karma_verify_options), .n = DEFAULT_N};
}

/* A sample of the log that is asked again. */
struct pick {
    size_t dataset, index; /* in the plan; in its data set */
    size_t order;          /* in the log */
    const char *key, *prompt_sha256, *answer_sha256;
    const struct json *rubric; /* what the judge said; NULL: nothing */
};

struct verify {
    struct arena arena;
    const karma_verify_options *options;
    const karma_eval_events *events;
    struct run_files *files;
    const struct json *manifest;
    karma_eval_options run; /* as the manifest has them */
    struct plan plan;
    karma_model *model;
    struct rubric judge;
    struct store *store;
    struct pick *picks; /* [n_picks], in the order of the log */
    size_t n_picks, cap;
    size_t n_answered; /* lines of the log with an answer */
    struct json *differences, *mismatches;
    karma_verify_summary *summary;
};

static _Thread_local char *last_report; /* lent to the caller until the next call */

/* --- what is told ----------------------------------------------------------------------------- */

static karma_status note_difference(struct verify *v, const char *what, const struct json *recorded,
                                    const struct json *found) {
    struct arena *a = &v->arena;
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "what", json_new_string(a, what));
    if (st == KARMA_OK) st = json_set(a, o, "recorded", recorded ? recorded : json_new_null(a));
    if (st == KARMA_OK) st = json_set(a, o, "found", found ? found : json_new_null(a));
    v->summary->n_differences++;
    return st == KARMA_OK ? json_push(a, v->differences, o) : st;
}

static karma_status note_texts(struct verify *v, const char *what, const char *recorded,
                               const char *found) {
    struct arena *a = &v->arena;
    if (recorded && found && strcmp(recorded, found) == 0) return KARMA_OK;
    if (!recorded && !found) return KARMA_OK;
    return note_difference(v, what, recorded ? json_new_string(a, recorded) : NULL,
                           found ? json_new_string(a, found) : NULL);
}

static karma_status note_mismatch(struct verify *v, const char *dataset, const char *key,
                                  const char *what) {
    struct arena *a = &v->arena;
    if (v->summary->n_mismatches++ >= MAX_SHOWN) return KARMA_OK;
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "dataset", json_new_string(a, dataset));
    if (st == KARMA_OK) st = json_set(a, o, "key", json_new_string(a, key));
    if (st == KARMA_OK) st = json_set(a, o, "what", json_new_string(a, what));
    return st == KARMA_OK ? json_push(a, v->mismatches, o) : st;
}

static bool same_value(const struct json *x, const struct json *y) {
    if (json_is_null(x) || json_is_null(y)) return json_is_null(x) && json_is_null(y);
    if (x->type != y->type) return false;
    switch (x->type) {
    case JSON_BOOL:
        return x->u.boolean == y->u.boolean;
    case JSON_INT:
        return x->u.integer == y->u.integer;
    case JSON_REAL:
        return x->u.real == y->u.real;
    case JSON_STRING:
        return x->u.string.len == y->u.string.len &&
               memcmp(x->u.string.data, y->u.string.data, x->u.string.len) == 0;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_count(x); i++)
            if (json_count(x) != json_count(y) || !same_value(json_at(x, i), json_at(y, i)))
                return false;
        return json_count(x) == json_count(y);
    default:
        for (size_t i = 0; i < json_count(x); i++)
            if (!same_value(x->u.object.members[i].value, json_get(y, x->u.object.members[i].key)))
                return false;
        return json_count(x) == json_count(y);
    }
}

/* Member by member, objects within too; under: how the object is called. */
static karma_status compare_objects(struct verify *v, const char *under,
                                    const struct json *recorded, const struct json *found) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(recorded) && st == KARMA_OK; i++) {
        const struct json_member *m = &recorded->u.object.members[i];
        const struct json *other = json_get(found, m->key);
        const char *what = arena_printf(&v->arena, "%s.%s", under, m->key);
        if (!what) return KARMA_E_NOMEM;
        if (json_is_object(m->value) && json_is_object(other))
            st = compare_objects(v, what, m->value, other);
        else if (!same_value(m->value, other))
            st = note_difference(v, what, m->value, other);
    }
    for (size_t i = 0; i < json_count(found) && st == KARMA_OK; i++) {
        const struct json_member *m = &found->u.object.members[i];
        const char *what = arena_printf(&v->arena, "%s.%s", under, m->key);
        if (!what) return KARMA_E_NOMEM;
        if (!json_get(recorded, m->key)) st = note_difference(v, what, NULL, m->value);
    }
    return st;
}

/* --- the log ---------------------------------------------------------------------------------- */

static karma_status json_text(struct arena *a, const struct json *value, const char **out) {
    struct buf b = {0};
    karma_status st = json_write(&b, value, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*out = arena_strndup(a, b.data, b.len))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

/* The line is lent until the next one is read. */
static karma_status keep_verdicts(struct arena *a, const struct json *rubric,
                                  const struct json **out) {
    const char *text;
    if (json_is_null(rubric)) return KARMA_OK;
    karma_status st = json_text(a, rubric, &text);
    return st == KARMA_OK ? json_parse(a, text, strlen(text), JSON_LAST_WINS, out) : st;
}

static karma_status keep_pick(struct verify *v, struct pick *to, const struct run_line *line) {
    struct arena *a = &v->arena;
    const struct json *datasets = json_get(v->manifest, "datasets");
    *to = (struct pick){.index = line->index, .order = line->line_no};
    while (to->dataset < json_count(datasets) &&
           strcmp(datasets->u.object.members[to->dataset].key, line->dataset) != 0)
        to->dataset++;
    if (to->dataset == json_count(datasets))
        return status_fail(KARMA_E_UNEXPECTED, "%s: line %zu: dataset: %s is none of the manifest",
                           run_files_log(v->files), line->line_no, status_quotez(line->dataset));
    to->key = arena_strdup(a, line->key);
    to->prompt_sha256 = arena_strdup(a, line->prompt_sha256 ? line->prompt_sha256 : "");
    to->answer_sha256 = arena_strdup(a, line->answer_sha256);
    if (!to->key || !to->prompt_sha256 || !to->answer_sha256) return KARMA_E_NOMEM;
    return keep_verdicts(a, json_get(line->object, "rubric"), &to->rubric);
}

/* Each answer of the log is among the picks with equal chance. */
static karma_status consider(struct verify *v, struct rng *random, const struct run_line *line) {
    if (line->state != RUN_LINE_SCORED || !line->answer_sha256) return KARMA_OK;
    const size_t seen = v->n_answered++;
    if (v->n_picks < v->cap) return keep_pick(v, &v->picks[v->n_picks++], line);
    const uint64_t at = rng_next(random) % (seen + 1); /* the bias of % is nothing at 2^64 */
    return at < v->cap ? keep_pick(v, &v->picks[at], line) : KARMA_OK;
}

static int by_order(const void *x, const void *y) {
    const struct pick *a = x, *b = y;
    return a->order < b->order ? -1 : a->order > b->order;
}

static karma_status read_log(struct verify *v) {
    static const char stream[] = "karma verify";
    struct run_chain chain;
    struct run_line line;
    struct rng random;
    struct buf text = {0};
    int64_t samples = 0;
    karma_status st = json_need_int(v->manifest, "samples", 0, INT64_MAX, &samples);
    if (st < 0) return st;
    v->cap = v->options->n > 0 && v->options->n < samples ? (size_t)v->options->n : (size_t)samples;
    v->picks = arena_calloc(&v->arena, v->cap + 1, sizeof(*v->picks));
    if (!v->picks) return KARMA_E_NOMEM;
    rng_init(&random, v->options->seed, stream, sizeof(stream));
    run_chain_begin(&chain);
    while ((st = run_files_next(v->files, &line)) == KARMA_OK) {
        buf_clear(&text);
        st = run_line_for_chain(line.object, &text);
        if (st < 0) break;
        run_chain_add(&chain, text.data, text.len);
        st = consider(v, &random, &line);
        if (st < 0) break;
    }
    buf_release(&text);
    if (st < 0) return st;
    const char *recorded = json_str(json_get(v->manifest, "chain"), "");
    v->summary->n_samples = chain.n;
    v->summary->log_is_whole = strcmp(recorded, chain.hex) == 0 && (int64_t)chain.n == samples;
    if (v->n_picks) qsort(v->picks, v->n_picks, sizeof(*v->picks), by_order);
    return KARMA_OK;
}

static karma_status read_results(struct verify *v) {
    struct file_map file;
    char digest[65];
    karma_status st = file_map_open(run_files_path(v->files), &file);
    if (st < 0) return st;
    sha256_of(file.data, file.size, digest);
    file_map_close(&file);
    const char *recorded = json_str(json_get(v->manifest, "results_sha256"), "");
    v->summary->results_are_whole = strcmp(recorded, digest) == 0;
    return KARMA_OK;
}

/* --- the model -------------------------------------------------------------------------------- */

static karma_status open_model(struct verify *v, const struct json *recorded) {
    const karma_verify_options *o = v->options;
    const struct json *args = json_get(json_get(recorded, "identity"), "arguments");
    const char *text = NULL;
    const char *name = o->model ? o->model : json_str(json_get(recorded, "name"), NULL);
    const char *path = o->model_path ? o->model_path
                       : o->model    ? NULL
                                     : json_str(json_get(recorded, "path"), NULL);
    if (!name) return status_fail(KARMA_E_MISSING, "model.name: not there");
    karma_status st = args ? json_text(&v->arena, args, &text) : KARMA_OK;
    return st == KARMA_OK ? karma_model_create_with(name, path, o->config_json, text, &v->model)
                          : st;
}

static karma_status compare_model(struct verify *v) {
    const struct json *recorded = json_get(v->manifest, "model"), *found = NULL;
    struct arena *a = &v->arena;
    char *identity = NULL, *files = NULL;
    karma_status st = open_model(v, recorded);
    if (st == KARMA_OK) st = karma_model_identity(v->model, &identity);
    if (st == KARMA_OK) st = json_parse(a, identity, strlen(identity), JSON_LAST_WINS, &found);
    if (st == KARMA_OK) st = compare_objects(v, "model", json_get(recorded, "identity"), found);
    if (st == KARMA_OK) st = karma_model_companions(v->model, &files);
    if (st == KARMA_OK) st = json_parse(a, files, strlen(files), JSON_LAST_WINS, &found);
    if (st == KARMA_OK) st = compare_objects(v, "model.files", json_get(recorded, "files"), found);
    karma_free(identity);
    karma_free(files);
    return st;
}

static karma_status compare_judge(struct verify *v) {
    const struct json *recorded = json_get(json_get(v->manifest, "judge"), "identity"), *found;
    karma_status st = rubric_settle(&v->judge, v->store);
    if (st < 0) return st;
    const char *text = v->judge.identity;
    st = json_parse(&v->arena, text, strlen(text), JSON_LAST_WINS, &found);
    return st == KARMA_OK ? compare_objects(v, "judge", recorded, found) : st;
}

/* --- samples ---------------------------------------------------------------------------------- */

static karma_status compare_dataset(struct verify *v, size_t at) {
    const struct plan_dataset *d = &v->plan.datasets[at];
    const struct json *recorded = json_get(json_get(v->manifest, "datasets"), d->name);
    struct arena *a = &v->arena;
    int64_t n = 0;
    const char *what = arena_printf(a, "datasets.%s.digest", d->name);
    karma_status st = what ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK)
        st = note_texts(v, what, json_str(json_get(recorded, "digest"), NULL),
                        karma_dataset_digest(d->data));
    if (st == KARMA_OK) st = json_field_int(recorded, "n", 0, INT64_MAX, 0, &n);
    if (st < 0 || (uint64_t)n == d->n_samples) return st;
    what = arena_printf(a, "datasets.%s.n", d->name);
    return what ? note_difference(v, what, json_new_int(a, n),
                                  json_new_int(a, (int64_t)d->n_samples))
                : KARMA_E_NOMEM;
}

/* Is what is asked the same? *ask: the answer is worth looking at. */
static karma_status compare_prompt(struct verify *v, const struct pick *p, bool *ask) {
    struct plan_dataset *d = &v->plan.datasets[p->dataset];
    const karma_sample *sample;
    unsigned char digest[32];
    char hex[65];
    *ask = false;
    if (p->index >= d->n_samples) return note_mismatch(v, d->name, p->key, "sample");
    karma_status st = karma_dataset_get(d->data, p->index, &sample);
    if (st < 0) return st;
    if (strcmp(sample->key, p->key) != 0) return note_mismatch(v, d->name, p->key, "sample");
    st = answers_prompt_digest(d, p->index, digest);
    if (st < 0) return st;
    sha256_hex(digest, hex);
    *ask = strcmp(hex, p->prompt_sha256) == 0;
    return *ask ? KARMA_OK : note_mismatch(v, d->name, p->key, "prompt");
}

/* Of an answer that is the recorded one. */
static karma_status compare_verdicts(struct verify *v, struct arena *scratch,
                                     const struct answer *answer, const struct pick *p) {
    struct plan_dataset *d = &v->plan.datasets[p->dataset];
    struct judged j;
    karma_status failed = KARMA_OK;
    const char *why = NULL;
    karma_status st = judge_place(scratch, d, p->index, &j);
    if (st == KARMA_OK) st = karma_dataset_get(d->data, p->index, &j.sample);
    j.answer = answer;
    if (st == KARMA_OK) st = judge_read(scratch, d, &j);
    if (st == KARMA_OK) st = rubric_read(&v->judge, scratch, d, &j, &failed, &why);
    if (st < 0) return st;
    if (failed < 0 || st == KARMA_DONE || !same_value(j.rubric, p->rubric))
        return note_mismatch(v, d->name, p->key, "verdict");
    return KARMA_OK;
}

static karma_status compare_answer(struct verify *v, const struct answers *answers,
                                   const struct pick *p) {
    const struct plan_dataset *d = &v->plan.datasets[p->dataset];
    struct arena scratch = {0};
    struct answer answer;
    unsigned char digest[32];
    char hex[65];
    karma_status st = answers_get(answers, p->index, &scratch, &answer);
    if (st == KARMA_OK && answer.status < 0) {
        st = note_mismatch(v, d->name, p->key, karma_status_name(answer.status));
    } else if (st == KARMA_OK) {
        answers_raw_digest(&answer, digest);
        sha256_hex(digest, hex);
        if (strcmp(hex, p->answer_sha256) != 0)
            st = note_mismatch(v, d->name, p->key, "answer");
        else if (p->rubric && d->judged)
            st = compare_verdicts(v, &scratch, &answer, p);
    }
    arena_release(&scratch);
    return st;
}

/* The picks [from, end) are of one data set. */
static karma_status ask_again(struct verify *v, size_t from, size_t end) {
    struct plan_dataset *d = &v->plan.datasets[v->picks[from].dataset];
    struct answers answers = {0};
    struct answers_run run = {
        .model = v->model, .identity = "verify", .store = v->store, .events = v->events};
    struct rubric_account verdicts;
    bool *only = mem_calloc(d->n_samples + 1, sizeof(*only));
    karma_status st = only ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = from; i < end && st == KARMA_OK; i++) {
        bool ask;
        st = compare_prompt(v, &v->picks[i], &ask);
        if (st < 0 || !ask) continue;
        only[v->picks[i].index] = true;
        run.n_only++;
    }
    run.only = only;
    run.progress.dataset = d->name;
    run.progress.dataset_index = v->picks[from].dataset;
    run.progress.n_datasets = v->plan.n_datasets;
    if (st == KARMA_OK && run.n_only) st = answers_collect(&run, d, &answers);
    if (st == KARMA_OK && run.n_only && d->judged)
        st = rubric_collect(&v->judge, &run, d, &answers, NULL, NULL, &verdicts);
    for (size_t i = from; i < end && st == KARMA_OK && run.n_only; i++) {
        if (v->picks[i].index < d->n_samples && only[v->picks[i].index])
            st = compare_answer(v, &answers, &v->picks[i]);
    }
    v->summary->n_checked += run.n_only;
    answers_release(&answers);
    mem_free(only);
    return st;
}

static karma_status ask_all(struct verify *v) {
    karma_status st = store_open(NULL, &v->store);
    if (st == KARMA_OK && v->judge.model) st = compare_judge(v);
    for (size_t from = 0, end; from < v->n_picks && st == KARMA_OK; from = end) {
        for (end = from; end < v->n_picks && v->picks[end].dataset == v->picks[from].dataset;)
            end++;
        st = ask_again(v, from, end);
    }
    return st;
}

/* Prompts alone: the answers were made elsewhere. */
static karma_status compare_prompts(struct verify *v) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < v->n_picks && st == KARMA_OK; i++) {
        bool same;
        st = compare_prompt(v, &v->picks[i], &same);
    }
    return st;
}

/* --- all of it -------------------------------------------------------------------------------- */

static karma_status overlay_args(struct verify *v) {
    const struct json *base = NULL, *over;
    struct json *merged;
    struct arena *a = &v->arena;
    const char *text = v->options->dataset_args_json;
    if (!text) return KARMA_OK;
    karma_status st = json_parse(a, text, strlen(text), JSON_REJECT_DUPLICATES, &over);
    if (st < 0) return status_prefix(st, "data set arguments");
    const char *own = v->run.dataset_args_json;
    if (own) st = json_parse(a, own, strlen(own), JSON_LAST_WINS, &base);
    if (st == KARMA_OK) st = json_merge(a, base, over, &merged);
    for (size_t i = 0; st == KARMA_OK && i < json_count(over); i++) {
        const struct json_member *m = &over->u.object.members[i];
        struct json *both;
        st = json_merge(a, json_get(base, m->key), m->value, &both);
        if (st == KARMA_OK) st = json_set(a, merged, m->key, both);
    }
    return st == KARMA_OK ? json_text(a, merged, &v->run.dataset_args_json) : st;
}

static karma_status verify(struct verify *v, const char *results) {
    karma_status st = run_files_open(results, &v->files);
    if (st < 0) return st;
    v->manifest = run_files_manifest(v->files);
    st = manifest_options(&v->arena, v->manifest, &v->run);
    if (st == KARMA_OK) st = read_log(v);
    if (st == KARMA_OK) st = read_results(v);
    if (st < 0) return st == KARMA_E_NOMEM ? st : status_prefix(st, "%s", results);
    st = overlay_args(v);
    if (st == KARMA_OK) st = plan_make_reading(&v->run, &v->plan);
    for (size_t i = 0; i < v->plan.n_datasets && st == KARMA_OK; i++)
        st = compare_dataset(v, i);
    const struct json *identity = json_get(json_get(v->manifest, "model"), "identity");
    if (st == KARMA_OK && json_get(identity, "imported")) return compare_prompts(v);
    if (st == KARMA_OK) st = compare_model(v);
    if (st == KARMA_OK) st = plan_check_model(&v->plan, v->model);
    if (st == KARMA_OK && v->run.judge && strcmp(v->run.judge, "none") != 0)
        st = rubric_open(&v->run, &v->judge);
    return st == KARMA_OK ? ask_all(v) : st;
}

static karma_status hand_over(struct verify *v) {
    struct arena *a = &v->arena;
    const karma_verify_summary *s = v->summary;
    struct buf text = {0};
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "samples", json_new_int(a, (int64_t)s->n_samples));
    if (st == KARMA_OK) st = json_set(a, o, "checked", json_new_int(a, (int64_t)s->n_checked));
    if (st == KARMA_OK) st = json_set(a, o, "seed", json_new_int(a, (int64_t)v->options->seed));
    if (st == KARMA_OK)
        st = json_set(a, o, "log",
                      json_new_string(a, s->log_is_whole ? "whole" : "differs from its chain"));
    if (st == KARMA_OK)
        st = json_set(
            a, o, "results",
            json_new_string(a, s->results_are_whole ? "whole" : "differ from their digest"));
    if (st == KARMA_OK) st = json_set(a, o, "differences", v->differences);
    if (st == KARMA_OK) st = json_set(a, o, "mismatches", v->mismatches);
    if (st == KARMA_OK) st = json_write(&text, o, 2, JSON_PYTHON);
    if (st == KARMA_OK && !(last_report = buf_take(&text))) st = KARMA_E_NOMEM;
    buf_release(&text);
    v->summary->report_json = last_report;
    return st;
}

karma_status karma_verify_run(const char *results, const karma_verify_options *options,
                              const karma_eval_events *events, karma_verify_summary *summary) {
    *summary = (karma_verify_summary){0};
    mem_free(last_report);
    last_report = NULL;
    if (options->struct_size != sizeof(*options))
        return status_fail(KARMA_E_ABI,
                           "karma_verify_options: get one from karma_verify_defaults()");
    if (options->n < 0 || options->seed > INT64_MAX)
        return status_fail(KARMA_E_RANGE, "n and seed: expected whole numbers from 0");
    struct verify v = {.options = options, .events = events, .summary = summary};
    fenv_t before;
    float_env_enter(&before);
    v.differences = json_new_array(&v.arena);
    v.mismatches = json_new_array(&v.arena);
    karma_status st = v.differences && v.mismatches ? verify(&v, results) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = hand_over(&v);
    const karma_status closed = store_close(v.store);
    karma_model_destroy(v.model);
    rubric_close(&v.judge);
    plan_release(&v.plan);
    run_files_close(v.files);
    arena_release(&v.arena);
    float_env_leave(&before);
    return st < 0 ? st : closed;
}
