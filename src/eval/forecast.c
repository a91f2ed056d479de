/* forecast.c - see forecast.h. Prompts are looked at in the order in which they would be run. */
#include "eval/forecast.h"

#include <string.h>

#include "base/file.h"
#include "eval/answers.h"
#include "eval/order.h"
#include "eval/rubric.h"
#include "karma/karma.h"

struct forecast {
    struct arena *arena;
    struct plan *plan;
    const karma_eval_options *options;
    karma_model *model;
    karma_prompt_counter *counter; /* NULL: the model reads samples in its own way */
    const char *no_counter;        /* why */
    struct store *store;           /* NULL: there is none, or nothing is to be read from it */
    char *identity;                /* with store; karma_free() */
    const struct json *last_run;   /* the run file at the output's place; NULL: none */
    int64_t max_tokens;
};

/* Of one data set. */
struct account {
    size_t n_askings;   /* samples in all their ways */
    size_t n_stored;    /* of them answered in the store */
    size_t n_written;   /* of those to be run: that write an answer */
    size_t n_uncounted; /* of those to be run: with pictures, or that cannot be rendered */
    size_t n_too_long;  /* ... that do not fit the context */
    uint64_t tokens, shared, longest;
    int32_t *before; /* the prompt before */
    size_t n_before, cap;
};

/* --- what is to be run ------------------------------------------------------------------------ */

static karma_status is_stored(struct forecast *f, struct plan_dataset *d, size_t w, size_t i,
                              bool *stored) {
    unsigned char key[STORE_KEY_BYTES];
    karma_sample sample;
    struct stop_rule stop;
    karma_status status = KARMA_OK;
    const enum way way = d->ways[w];
    *stored = false;
    if (!f->store) return KARMA_OK;
    karma_status st = answers_sample(d, way, i, &sample, &stop);
    if (st < 0) return st;
    answers_store_key(f->identity, &sample, d->stops && way == WAY_GENERATION ? &stop : NULL, key);
    st = store_peek(f->store, key, &status);
    *stored = st == KARMA_OK && (status == KARMA_OK || f->options->keep_failed);
    return st < 0 ? st : KARMA_OK;
}

static karma_status list_askings(struct forecast *f, struct plan_dataset *d, struct account *n,
                                 size_t *at, size_t *n_at) {
    struct order order = {0};
    karma_status st = KARMA_OK;
    n->n_askings = d->n_samples * d->n_ways;
    for (size_t i = 0; i < d->n_samples && st == KARMA_OK; i++) {
        const karma_sample *sample;
        bool all = true;
        for (size_t w = 0; w < d->n_ways && st == KARMA_OK; w++) {
            bool stored;
            st = is_stored(f, d, w, i, &stored);
            n->n_stored += stored;
            all = all && stored;
            n->n_written += !stored && d->ways[w] == WAY_GENERATION;
        }
        if (st < 0 || all) continue;
        at[(*n_at)++] = i;
        st = karma_dataset_get(d->data, i, &sample);
        if (st == KARMA_OK) st = order_look(&order, sample);
    }
    if (st == KARMA_OK && d->n_documents == 0) st = order_sort(&order, d->data, at, *n_at);
    order_release(&order);
    return st;
}

/* --- their tokens ----------------------------------------------------------------------------- */

static karma_status keep_before(struct account *n, const int32_t *ids, size_t count) {
    if (count > n->cap) {
        int32_t *grown = mem_realloc(n->before, count * 2 * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        n->before = grown;
        n->cap = count * 2;
    }
    if (count) memcpy(n->before, ids, count * sizeof(*ids));
    n->n_before = count;
    return KARMA_OK;
}

static karma_status count_prompt(struct forecast *f, struct account *n,
                                 const karma_sample *sample) {
    const int32_t *ids;
    size_t count, same = 0;
    bool pictures = sample->n_images || sample->audio;
    for (size_t i = 0; i < sample->n_messages; i++)
        pictures = pictures || sample->conversation[i].n_images;
    karma_status st = karma_prompt_counter_encode(f->counter, sample, &ids, &count);
    if (st == KARMA_E_NOMEM) return st;
    n->n_uncounted += st < 0 || pictures;
    if (st < 0) return KARMA_OK; /* this sample would fail; a forecast goes on */
    while (same < count && same < n->n_before && ids[same] == n->before[same])
        same++;
    n->tokens += count;
    n->shared += same == count && count ? count - 1 : same; /* the last one is always computed */
    if (count > n->longest) n->longest = count;
    n->n_too_long += count >= (size_t)karma_prompt_counter_context(f->counter);
    return keep_before(n, ids, count);
}

static karma_status count_prompts(struct forecast *f, struct plan_dataset *d, struct account *n,
                                  const size_t *at, size_t n_at) {
    karma_status st = KARMA_OK;
    for (size_t k = 0; f->counter && k < n_at && st == KARMA_OK; k++) {
        for (size_t w = 0; w < d->n_ways && st == KARMA_OK; w++) {
            karma_sample sample;
            struct stop_rule stop;
            st = answers_sample(d, d->ways[w], at[k], &sample, &stop);
            if (st == KARMA_OK) st = count_prompt(f, n, &sample);
        }
    }
    return st;
}

/* --- time ------------------------------------------------------------------------------------- */

static double number(const struct json *o, const char *name) {
    const struct json *v = json_get(o, name);
    if (!v) return 0;
    return v->type == JSON_REAL ? v->u.real : v->type == JSON_INT ? (double)v->u.integer : 0;
}

static karma_status set_time(struct forecast *f, const struct plan_dataset *d,
                             const struct account *n, struct json *o) {
    struct arena *a = f->arena;
    const double prefill = f->options->rate_prefill, decode = f->options->rate_decode;
    const double to_run = (double)(n->n_askings - n->n_stored);
    const struct json *last = json_get(json_get(f->last_run, "datasets"), d->name);
    const char *from = "not known: give rate_prefill and rate_decode";
    double seconds = -1;
    if (to_run == 0) {
        seconds = 0;
        from = "nothing to run";
    } else if (f->counter && prefill > 0 && (decode > 0 || n->n_written == 0)) {
        seconds = (double)(n->tokens - n->shared) / prefill;
        if (n->n_written) seconds += (double)n->n_written * (double)f->max_tokens / decode;
        from = n->n_written ? "the rates given, answers as long as they may be" : "the rates given";
    } else if (number(last, "samples_run") > 0 && number(last, "elapsed_s") > 0) {
        seconds = number(last, "elapsed_s") / number(last, "samples_run") * to_run;
        from = "the last run at this place, whatever model that was";
    }
    karma_status st =
        json_set(a, o, "time_s", seconds < 0 ? json_new_null(a) : json_new_real(a, seconds));
    return st == KARMA_OK ? json_set(a, o, "time_from", json_new_string(a, from)) : st;
}

/* --- the object ------------------------------------------------------------------------------- */

static karma_status set_count(struct arena *a, struct json *o, const char *name, uint64_t n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

static karma_status set_tokens(struct forecast *f, const struct account *n, struct json *o) {
    struct arena *a = f->arena;
    if (!f->counter) {
        const char *why = f->no_counter ? f->no_counter : "";
        return json_set(a, o, "prompt_tokens_unknown", json_new_string(a, why));
    }
    karma_status st = set_count(a, o, "prompt_tokens", n->tokens);
    if (st == KARMA_OK) st = set_count(a, o, "prompt_tokens_shared", n->shared);
    if (st == KARMA_OK) st = set_count(a, o, "prompt_tokens_largest", n->longest);
    if (st == KARMA_OK)
        st = set_count(a, o, "context", (uint64_t)karma_prompt_counter_context(f->counter));
    if (st == KARMA_OK) st = set_count(a, o, "too_long", n->n_too_long);
    if (st == KARMA_OK && n->n_uncounted)
        st = set_count(a, o, "pictures_not_counted", n->n_uncounted);
    if (st < 0) return st;
    return set_count(a, o, "generated_tokens_at_most", n->n_written * (uint64_t)f->max_tokens);
}

static karma_status describe(struct forecast *f, struct plan_dataset *d, const struct account *n,
                             struct json *results) {
    struct arena *a = f->arena;
    const char *text = karma_dataset_args(d->data);
    const struct json *args;
    struct json *o = json_new_object(a);
    karma_status st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &args);
    if (st == KARMA_OK) st = json_set(a, o, "status", json_new_string(a, "planned"));
    if (st == KARMA_OK) st = set_count(a, o, "num_samples", d->n_samples);
    if (st == KARMA_OK) st = json_set(a, o, "dataset_args", args);
    size_t n_questions;
    if (st == KARMA_OK && d->judged) st = rubric_count(d, &n_questions);
    if (st == KARMA_OK && d->judged) st = set_count(a, o, "judge_questions", n_questions);
    if (st == KARMA_OK && f->model) {
        st = set_count(a, o, "from_store", n->n_stored);
        if (st == KARMA_OK) st = set_count(a, o, "to_run", n->n_askings - n->n_stored);
        if (st == KARMA_OK) st = set_tokens(f, n, o);
        if (st == KARMA_OK) st = set_time(f, d, n, o);
    }
    return st == KARMA_OK ? json_set(a, results, d->name, o) : st;
}

static karma_status one_dataset(struct forecast *f, struct plan_dataset *d, struct json *results) {
    struct account n = {0};
    size_t n_at = 0, *at = mem_calloc(d->n_samples + 1, sizeof(*at));
    karma_status st = at ? KARMA_OK : KARMA_E_NOMEM;
    if (st == KARMA_OK && f->model) st = list_askings(f, d, &n, at, &n_at);
    if (st == KARMA_OK && f->model) st = count_prompts(f, d, &n, at, n_at);
    if (st == KARMA_OK) st = describe(f, d, &n, results);
    mem_free(at);
    mem_free(n.before);
    return st;
}

/* --- the model -------------------------------------------------------------------------------- */

static karma_status open_counter(struct forecast *f) {
    karma_status st = karma_prompt_counter_create(f->model, &f->counter);
    if (st == KARMA_OK || st == KARMA_E_NOMEM) return st;
    f->no_counter = arena_strdup(f->arena, karma_error_message());
    return f->no_counter ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status read_args(struct forecast *f, bool *falls_back) {
    const char *text = karma_model_args(f->model);
    const struct json *args;
    karma_status st = json_parse(f->arena, text, strlen(text), JSON_LAST_WINS, &args);
    f->max_tokens = (int64_t)number(args, "max_tokens");
    *falls_back = st == KARMA_OK && !json_is_null(json_get(args, "fallback"));
    return st;
}

/* With fall-backs only loading tells which model it is, and nothing is loaded here. */
static karma_status open_store(struct forecast *f, bool falls_back) {
    const char *path = f->plan->store_path;
    if (!path || f->options->refresh || falls_back || !file_exists(path)) return KARMA_OK;
    karma_status st = store_open_existing(path, &f->store);
    return st == KARMA_OK ? karma_model_identity(f->model, &f->identity) : st;
}

static karma_status read_last_run(struct forecast *f) {
    enum { MAX_BYTES = 64 << 20 };
    const char *path = f->plan->run_file;
    if (!path || !file_exists(path)) return KARMA_OK;
    karma_status st = json_parse_file(f->arena, path, MAX_BYTES, JSON_LAST_WINS, &f->last_run);
    if (st < 0) f->last_run = NULL; /* it is of no use then, and replaced by the run */
    return st == KARMA_E_NOMEM ? st : KARMA_OK;
}

static karma_status set_memory(struct forecast *f, struct json *results) {
    struct arena *a = f->arena;
    karma_memory m = {.struct_size = sizeof(m)};
    struct json *all = json_new_object(a), *o = json_new_object(a);
    if (!all || !o) return KARMA_E_NOMEM;
    karma_status st = karma_model_memory(f->model, &m);
    if (st == KARMA_E_NOMEM) return st;
    if (st < 0) return KARMA_OK; /* a class that takes what it takes */
    st = set_count(a, o, "weights_bytes", (uint64_t)m.weights);
    if (st == KARMA_OK) st = set_count(a, o, "own_bytes", (uint64_t)m.own);
    if (st == KARMA_OK) st = set_count(a, o, "cache_bytes", (uint64_t)m.cache);
    if (st == KARMA_OK) st = set_count(a, o, "sum_bytes", (uint64_t)m.estimate);
    if (st == KARMA_OK) st = set_count(a, o, "ceiling_bytes", (uint64_t)m.ceiling);
    if (st == KARMA_OK) st = json_set(a, all, "memory", o);
    return st == KARMA_OK ? json_set(a, results, "_forecast", all) : st;
}

karma_status forecast_make(struct arena *a, struct plan *p, const karma_eval_options *options,
                           karma_model *model, struct json *results) {
    struct forecast f = {.arena = a, .plan = p, .options = options, .model = model};
    bool falls_back = false;
    karma_status st = KARMA_OK;
    if (model) {
        st = read_args(&f, &falls_back);
        if (st == KARMA_OK) st = open_counter(&f);
        if (st == KARMA_OK) st = open_store(&f, falls_back);
        if (st == KARMA_OK) st = read_last_run(&f);
    }
    for (size_t i = 0; i < p->n_datasets && st == KARMA_OK; i++)
        st = one_dataset(&f, &p->datasets[i], results);
    if (st == KARMA_OK && model) st = set_memory(&f, results);
    const karma_status closed = store_close(f.store);
    karma_prompt_counter_destroy(f.counter);
    karma_free(f.identity);
    return st < 0 ? st : closed;
}
