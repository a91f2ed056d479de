/*
 * eval.c - the run, in order: plan (everything the user gave is checked), model and store, then
 * for each data set answers and scores, then the report.
 */
#include "karma/eval.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/float_env.h"
#include "base/sha256.h"
#include "eval/answers.h"
#include "eval/forecast.h"
#include "eval/manifest.h"
#include "eval/page.h"
#include "eval/report.h"
#include "eval/rubric.h"
#include "eval/score.h"
#include "eval/store.h"
#include "karma/karma.h"
#include "karma/plugin.h"

karma_eval_options karma_eval_defaults(void) {
    return (karma_eval_options){.struct_size = sizeof(karma_eval_options), .use_store = true};
}

const char *karma_default_store_path(char *out, size_t size) {
    const char *given = env_get("KARMA_STORE"), *cache = env_get("XDG_CACHE_HOME");
    const char *home = env_get("HOME");
    int n;
    if (given) {
        n = snprintf(out, size, "%s", given);
    } else if (cache && cache[0] == '/') { /* the standard says: relative ones are ignored */
        n = snprintf(out, size, "%s/karma/results.db", cache);
    } else if (home) {
        n = snprintf(out, size, "%s/.cache/karma/results.db", home);
    } else {
        return NULL;
    }
    return n >= 0 && (size_t)n < size ? out : NULL;
}

struct run {
    const karma_eval_options *options;
    karma_model *model; /* NULL: answers were made elsewhere */
    struct plan plan;
    struct store *store;
    struct import *import; /* these answers */
    enum import_missing missing;
    struct rubric judge;
    struct answers *answers; /* [n_datasets]: those that wait for their verdicts and scores */
    double *elapsed_s;       /* [n_datasets] that those took */
    const char *name;        /* of who answers */
    struct page page;
    struct sample_log log;
    const char *identity;    /* JSON */
    char *identity_of_model; /* karma_free() */
    struct json *results, *timings;
    karma_eval_summary *summary;
    uint64_t started_ns;
    int64_t started_s;
};

/* Lent to the caller until the next run (eval.h); one a thread. */
static _Thread_local char *last_results;
static _Thread_local char *last_path;

static void forget_last(void) {
    mem_free(last_results);
    mem_free(last_path);
    last_results = last_path = NULL;
}

/* Which model runs decides its identity, and with it every key of the store: one that may fall back
 * on another is loaded before it is asked. */
static karma_status settle_model(struct run *r) {
    const char *text = karma_model_args(r->model);
    const struct json *args;
    karma_status st = json_parse(&r->plan.arena, text, strlen(text), JSON_LAST_WINS, &args);
    if (st < 0 || json_is_null(json_get(args, "fallback"))) return st;
    st = karma_model_load(r->model);
    return st < 0 ? st : plan_check_model(&r->plan, r->model); /* it may be another one now */
}

/* Nothing is loaded, nothing kept. */
static karma_status begin_import(struct run *r) {
    const karma_eval_options *o = r->options;
    karma_status st = import_missing_parse(o->missing_answers, &r->missing);
    if (st == KARMA_OK) st = import_open(o->answers, &r->import);
    if (st == KARMA_OK) st = import_check(r->import, &r->plan, r->missing);
    if (st < 0) return st;
    return import_identity(r->import, &r->plan.arena, o->answers_model, &r->identity, &r->name);
}

static karma_status begin_with_model(struct run *r) {
    karma_status st = settle_model(r);
    if (st == KARMA_OK) st = store_open(r->plan.store_path, &r->store);
    if (st == KARMA_OK) st = karma_model_identity(r->model, &r->identity_of_model);
    r->identity = r->identity_of_model;
    if (st == KARMA_OK) r->name = karma_model_name(r->model);
    if (st == KARMA_OK) st = store_note_identity(r->store, r->identity);
    return st;
}

static karma_status begin_run(struct run *r) {
    const size_t n = r->plan.n_datasets;
    karma_status st = r->options->answers ? begin_import(r) : begin_with_model(r);
    if (st == KARMA_OK && r->judge.model && !r->store)
        st = store_open(r->plan.store_path, &r->store);
    if (st == KARMA_OK && r->judge.model) st = rubric_settle(&r->judge, r->store);
    r->answers = arena_calloc(&r->plan.arena, n, sizeof(*r->answers));
    r->elapsed_s = arena_calloc(&r->plan.arena, n, sizeof(*r->elapsed_s));
    if (st == KARMA_OK && !(r->answers && r->elapsed_s)) st = KARMA_E_NOMEM;
    return st;
}

static karma_status set_count(struct arena *a, struct json *o, const char *name, size_t n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

/* Of the samples that were run. */
static karma_status count_tokens(struct arena *a, const struct plan_dataset *d,
                                 const struct answers *answers, struct json *o) {
    karma_status st = set_count(a, o, "prompt_tokens", answers->n_prompt_tokens);
    if (st == KARMA_OK) st = set_count(a, o, "prompt_tokens_shared", answers->n_shared_tokens);
    if (st == KARMA_OK) st = set_count(a, o, "generated_tokens", answers->n_tokens);
    if (st == KARMA_OK && d->stops) st = set_count(a, o, "answers_ended_early", answers->n_stopped);
    return st;
}

/* Questions to the judge, likewise. */
static karma_status count_verdicts(struct arena *a, const struct rubric_account *n,
                                   struct json *o) {
    karma_status st = set_count(a, o, "verdicts_from_store", n->n_cached);
    if (st == KARMA_OK) st = set_count(a, o, "verdicts_run", n->n_ready - n->n_cached);
    if (st == KARMA_OK) st = set_count(a, o, "verdicts_failed", n->n_failed);
    if (st == KARMA_OK) st = set_count(a, o, "judge_prompt_tokens", n->n_prompt_tokens);
    return st < 0 ? st : set_count(a, o, "judge_prompt_tokens_shared", n->n_shared_tokens);
}

static karma_status time_dataset(struct run *r, const struct plan_dataset *d,
                                 const struct answers *answers,
                                 const struct rubric_account *verdicts, double elapsed_s) {
    struct arena *a = &r->plan.arena;
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "elapsed_s", json_new_real(a, elapsed_s));
    if (st == KARMA_OK) {
        st = json_set(a, o, "samples_from_store", json_new_int(a, (int64_t)answers->n_cached));
    }
    if (st == KARMA_OK) {
        st = json_set(a, o, "samples_run",
                      json_new_int(a, (int64_t)(answers->n_ready - answers->n_cached)));
    }
    if (st == KARMA_OK) st = count_tokens(a, d, answers, o);
    if (st == KARMA_OK && d->judged) st = count_verdicts(a, verdicts, o);
    if (st == KARMA_OK && answers->n_damaged) {
        st = json_set(a, o, "stored_answers_set_aside",
                      json_new_int(a, (int64_t)answers->n_damaged));
    }
    return st == KARMA_OK ? json_set(a, r->timings, d->name, o) : st;
}

/* Being cancelled is no failure here: what there is is scored. */
static karma_status note_cancelled(struct run *r, karma_status st) {
    if (st != KARMA_E_CANCELLED) return st;
    r->summary->partial = true;
    return KARMA_OK;
}

static double seconds_since(uint64_t before_ns) {
    return (double)(clock_monotonic_ns() - before_ns) * 1e-9;
}

static struct answers_run asking(struct run *r, size_t i, const karma_eval_events *events) {
    return (struct answers_run){.model = r->model,
                                .identity = r->identity,
                                .store = r->store,
                                .refresh = r->options->refresh,
                                .keep_failed = r->options->keep_failed,
                                .events = events,
                                .progress = {.dataset = r->plan.datasets[i].name,
                                             .dataset_index = i,
                                             .n_datasets = r->plan.n_datasets}};
}

static karma_status answer_dataset(struct run *r, size_t i, const karma_eval_events *events) {
    struct plan_dataset *d = &r->plan.datasets[i];
    struct answers_run run = asking(r, i, events);
    const uint64_t before_ns = clock_monotonic_ns();
    karma_status st = r->import ? answers_import(r->import, r->missing, d, &r->answers[i])
                                : answers_collect(&run, d, &r->answers[i]);
    r->elapsed_s[i] = seconds_since(before_ns);
    return note_cancelled(r, st);
}

/* The judge is about to be loaded. The model stays if both fit under the judge's ceiling: the
 * caller may go on with it. */
static void make_room(void *user) {
    struct run *r = user;
    karma_memory own = {.struct_size = sizeof(own)}, judge = {.struct_size = sizeof(judge)};
    if (!r->model || !karma_model_is_loaded(r->model)) return;
    const bool known = karma_model_memory(r->model, &own) == KARMA_OK &&
                       karma_model_memory(r->judge.model, &judge) == KARMA_OK;
    if (!known || own.current > judge.ceiling - judge.estimate) karma_model_unload(r->model);
}

static karma_status judge_and_score(struct run *r, size_t i, const karma_eval_events *events) {
    struct plan_dataset *d = &r->plan.datasets[i];
    struct answers *answers = &r->answers[i];
    struct answers_run run = asking(r, i, events);
    struct rubric_account verdicts = {0};
    struct score score = {0};
    const uint64_t before_ns = clock_monotonic_ns();
    karma_status st = KARMA_OK;
    if (d->judged && answers->n)
        st =
            note_cancelled(r, rubric_collect(&r->judge, &run, d, answers, make_room, r, &verdicts));
    if (st == KARMA_OK) {
        const struct score_outputs outputs = {.content = r->options->include_content,
                                              .page = &r->page,
                                              .log = &r->log,
                                              .judge = d->judged ? &r->judge : NULL,
                                              .slice_min = (size_t)r->options->slice_min};
        st = score_dataset(&r->plan.arena, d, answers, &outputs, &score);
    }
    if (st == KARMA_OK) st = json_set(&r->plan.arena, r->results, d->name, score.result);
    if (st == KARMA_OK)
        st = time_dataset(r, d, answers, &verdicts, r->elapsed_s[i] + seconds_since(before_ns));
    karma_eval_summary *sum = r->summary;
    sum->n_samples += answers->n - score.n_excluded;
    sum->n_scored += score.n_scored;
    sum->n_failed += score.n_failed;
    sum->n_cached += answers->n_samples_cached;
    sum->n_datasets_complete += score.complete;
    answers_release(answers);
    return st;
}

/* With a judge all answers come first: the one model is needed no more when the other is loaded.
 * Without, a data set is done with before the next. */
static karma_status run_datasets(struct run *r, const karma_eval_events *events) {
    karma_status st = KARMA_OK;
    size_t n = 0, scored = 0; /* data sets with answers, and with scores */
    while (n < r->plan.n_datasets && st == KARMA_OK && !r->summary->partial) {
        st = answer_dataset(r, n++, events);
        while (st == KARMA_OK && !r->judge.model && scored < n)
            st = judge_and_score(r, scored++, events);
    }
    while (st == KARMA_OK && scored < n)
        st = judge_and_score(r, scored++, events);
    for (size_t i = 0; i < n; i++)
        answers_release(&r->answers[i]);
    return st;
}

/* Where the model was said to be. Not where it was found: that is known only when it was loaded,
 * and a run that finds all answers in the store loads nothing. */
static karma_status given_path(struct run *r, const struct json **path) {
    const struct json *info;
    char *text;
    *path = NULL;
    if (!r->model) return KARMA_OK;
    karma_status st = karma_model_info(r->model, &text);
    if (st < 0) return st;
    st = json_parse(&r->plan.arena, text, strlen(text), JSON_LAST_WINS, &info);
    if (st == KARMA_OK) *path = json_get(info, "model_name_or_path");
    karma_free(text);
    return st;
}

/* Only when another model than the one asked for was run: which, and why. */
static karma_status add_fallback(struct run *r, struct json *o) {
    struct arena *a = &r->plan.arena;
    if (!r->model) return KARMA_OK;
    const char *requested = karma_model_requested_name(r->model);
    const char *reason = karma_model_fallback_reason(r->model);
    if (!requested || strcmp(requested, karma_model_name(r->model)) == 0) return KARMA_OK;
    karma_status st = json_set(a, o, "requested_model", json_new_string(a, requested));
    if (st == KARMA_OK && reason) {
        st = json_set(a, o, "fallback_reason", json_new_string(a, reason));
    }
    return st;
}

static karma_status add_judge(struct run *r, struct json *o) {
    struct arena *a = &r->plan.arena;
    const char *text = r->judge.identity;
    const struct json *identity;
    karma_status st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &identity);
    if (st == KARMA_OK)
        st = json_set(a, o, "judge", json_new_string(a, karma_model_name(r->judge.model)));
    return st == KARMA_OK ? json_set(a, o, "judge_identity", identity) : st;
}

static karma_status add_summary(struct run *r) {
    struct arena *a = &r->plan.arena;
    struct json *o = json_new_object(a);
    const struct json *identity = NULL, *path = NULL;
    karma_status st = json_parse(a, r->identity, strlen(r->identity), JSON_LAST_WINS, &identity);
    if (st == KARMA_OK) st = given_path(r, &path);
    if (st == KARMA_OK) {
        st = json_set(a, o, "model", json_new_string(a, r->name));
    }
    if (st == KARMA_OK) st = add_fallback(r, o);
    if (st == KARMA_OK && path) st = json_set(a, o, "model_path", path);
    if (st == KARMA_OK) {
        st = json_set(a, o, "total_datasets", json_new_int(a, (int64_t)r->plan.n_datasets));
    }
    if (st == KARMA_OK) {
        st = json_set(a, o, "successful_datasets",
                      json_new_int(a, (int64_t)r->summary->n_datasets_complete));
    }
    if (st == KARMA_OK && r->summary->partial) {
        st = json_set(a, o, "partial", json_new_bool(a, true));
    }
    if (st == KARMA_OK) st = json_set(a, o, "model_identity", identity);
    if (st == KARMA_OK && r->judge.model) st = add_judge(r, o);
    return st == KARMA_OK ? json_set(a, r->results, "_summary", o) : st;
}

/* Other people's code that took part. */
static karma_status add_plugins(struct run *r, struct json *o) {
    struct arena *a = &r->plan.arena;
    const struct json *plugins;
    char *text;
    karma_status st = karma_list_plugins(&text);
    if (st < 0) return st;
    st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &plugins);
    if (st == KARMA_OK && json_count(plugins)) st = json_set(a, o, "plugins", plugins);
    karma_free(text);
    return st;
}

static karma_status write_run_file(struct run *r) {
    struct arena *a = &r->plan.arena;
    char started[32], ended[32];
    clock_format_utc(r->started_s, started);
    clock_format_utc(clock_wall_s(), ended);
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "karma_version", json_new_string(a, karma_version()));
    if (st == KARMA_OK) st = json_set(a, o, "started", json_new_string(a, started));
    if (st == KARMA_OK) st = json_set(a, o, "ended", json_new_string(a, ended));
    if (st == KARMA_OK) {
        st = json_set(a, o, "total_evaluation_time", json_new_real(a, r->summary->elapsed_s));
    }
    if (st == KARMA_OK) {
        st = json_set(a, o, "processor", json_new_string(a, cpu_model_name()));
    }
    if (st == KARMA_OK) {
        st = json_set(a, o, "peak_resident_bytes", json_new_int(a, (int64_t)cpu_resident_bytes()));
    }
    if (st == KARMA_OK && r->plan.store_path) {
        st = json_set(a, o, "store", json_new_string(a, r->plan.store_path));
    }
    if (st == KARMA_OK) st = add_plugins(r, o);
    if (st == KARMA_OK) st = json_set(a, o, "datasets", r->timings);
    struct buf text = {0};
    if (st == KARMA_OK) st = json_write(&text, o, 2, JSON_PYTHON);
    if (st == KARMA_OK) st = buf_putc(&text, '\n');
    if (st == KARMA_OK) st = file_write_atomic(r->plan.run_file, text.data, text.len, 0600);
    buf_release(&text);
    return st;
}

/* results: text of the file. */
static karma_status write_manifest(struct run *r, const struct buf *results) {
    struct arena *a = &r->plan.arena;
    struct manifest_of of = {.plan = &r->plan,
                             .options = r->options,
                             .model = r->model,
                             .name = r->name,
                             .identity = r->identity,
                             .judge = r->judge.model,
                             .judge_identity = r->judge.identity,
                             .chain = &r->log.chain,
                             .partial = r->summary->partial};
    struct buf text = {0};
    char *files = NULL, digest[65];
    sha256_of(results->data, results->len, digest);
    of.results_sha256 = digest;
    karma_status st = given_path(r, &of.path);
    if (st == KARMA_OK && r->model) st = karma_model_companions(r->model, &files);
    if (st == KARMA_OK && files)
        st = json_parse(a, files, strlen(files), JSON_LAST_WINS, &of.files);
    karma_free(files);
    if (st == KARMA_OK) st = manifest_text(&of, &text);
    if (st == KARMA_OK) st = file_write_atomic(r->plan.manifest, text.data, text.len, 0600);
    buf_release(&text);
    return st;
}

/* The log lies there already. The results come last of what belongs together: who finds them finds
 * the rest. */
static karma_status write_report(struct run *r) {
    struct buf text = {0};
    karma_status st = report_text(r->results, r->plan.format, &text);
    if (st == KARMA_OK) st = write_manifest(r, &text);
    if (st == KARMA_OK) st = report_write(&r->plan, &text);
    if (st == KARMA_OK) st = write_run_file(r);
    buf_release(&text);
    return st;
}

/* What a caller shows: always JSON, whatever format was written. */
static karma_status hand_over(struct run *r) {
    struct buf text = {0};
    karma_status st = json_write(&text, r->results, 2, JSON_PYTHON);
    if (st == KARMA_OK) {
        last_results = buf_take(&text);
        last_path = mem_strdup(r->plan.output);
        if (!last_results || !last_path) st = KARMA_E_NOMEM;
    }
    buf_release(&text);
    if (st < 0) forget_last();
    r->summary->results_json = last_results;
    r->summary->results_path = last_path;
    return st;
}

/* What would be run. Answers made elsewhere are looked at, too. */
static karma_status describe_plan(struct run *r) {
    karma_status st = r->options->answers ? begin_import(r) : KARMA_OK;
    if (st == KARMA_OK)
        st = forecast_make(&r->plan.arena, &r->plan, r->options, r->model, r->results);
    for (size_t i = 0; i < r->plan.n_datasets && st == KARMA_OK; i++)
        r->summary->n_samples += r->plan.datasets[i].n_samples;
    return st;
}

static karma_status run_all(struct run *r, const karma_eval_events *events) {
    karma_status st = begin_run(r);
    if (st == KARMA_OK) st = page_begin(&r->page, r->plan.page, r->name);
    sample_log_begin(&r->log, r->plan.log, r->options->include_content);
    if (st == KARMA_OK) st = run_datasets(r, events);
    if (st == KARMA_OK) st = add_summary(r);
    st = page_end(&r->page, st);
    st = sample_log_end(&r->log, st);
    r->summary->elapsed_s = (double)(clock_monotonic_ns() - r->started_ns) * 1e-9;
    return st == KARMA_OK ? write_report(r) : st;
}

static karma_status evaluate(karma_model *m, const karma_eval_options *options,
                             const karma_eval_events *events, karma_eval_summary *summary) {
    *summary = (karma_eval_summary){0};
    forget_last();
    if (options->struct_size != sizeof(*options)) {
        return status_fail(KARMA_E_ABI, "karma_eval_options: get one from karma_eval_defaults()");
    }
    struct run r = {.options = options,
                    .model = options->answers ? NULL : m,
                    .summary = summary,
                    .started_ns = clock_monotonic_ns(),
                    .started_s = clock_wall_s()};
    karma_status st = plan_make(options, &r.plan);
    if (st == KARMA_OK && !m && !options->answers)
        st = status_fail(KARMA_E_USAGE, "no model was given, and no answers (answers)");
    if (st == KARMA_OK && m && !options->answers) st = plan_check_model(&r.plan, m);
    if (st == KARMA_OK && options->judge && strcmp(options->judge, "none") != 0)
        st = rubric_open(options, &r.judge);
    summary->n_datasets = r.plan.n_datasets;
    if (st == KARMA_OK) {
        r.results = json_new_object(&r.plan.arena);
        r.timings = json_new_object(&r.plan.arena);
        if (!r.results || !r.timings) st = KARMA_E_NOMEM;
    }
    if (st == KARMA_OK) st = options->dry_run ? describe_plan(&r) : run_all(&r, events);
    if (st == KARMA_OK) st = hand_over(&r);
    karma_free(r.identity_of_model);
    import_close(r.import);
    rubric_close(&r.judge);
    plan_release(&r.plan);
    const karma_status closed = store_close(r.store);
    if (st == KARMA_OK) st = closed;
    if (st == KARMA_OK && summary->partial) {
        st = status_fail(KARMA_E_CANCELLED, "cancelled: %zu of %zu samples are done and kept",
                         summary->n_scored + summary->n_failed, summary->n_samples);
    }
    return st;
}

karma_status karma_eval_run(karma_model *m, const karma_eval_options *options,
                            const karma_eval_events *events, karma_eval_summary *summary) {
    fenv_t before;
    float_env_enter(&before);
    const karma_status st = evaluate(m, options, events, summary);
    float_env_leave(&before);
    return st;
}
