/* answers.c - see answers.h. */
#include "eval/answers.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"
#include "eval/order.h"
#include "karma/embedding.h"

/* Their content, not where it lies. */
static void add_images(struct sha256 *h, const karma_image *images, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sha256_field_str(h, "image");
        sha256_field_str(h, images[i].digest);
        sha256_field_u64(h, (uint64_t)images[i].frame);
    }
}

static void add_strings(struct sha256 *h, const char *const *list, size_t n) {
    sha256_field_u64(h, n);
    for (size_t i = 0; i < n; i++)
        sha256_field_str(h, list[i]);
}

void answers_store_key(const char *identity, const karma_sample *s, const struct stop_rule *stop,
                       unsigned char out[STORE_KEY_BYTES]) {
    struct sha256 h;
    sha256_begin(&h);
    sha256_field_str(&h, "karma answer 1");
    sha256_field_str(&h, identity);
    sha256_field_str(&h, s->key); /* the random stream is seeded by it */
    sha256_field_str(&h, s->system_prompt);
    sha256_field_u64(&h, s->n_messages);
    for (size_t i = 0; i < s->n_messages; i++) {
        sha256_field_str(&h, s->conversation[i].role);
        sha256_field_str(&h, s->conversation[i].content);
        if (s->conversation[i].n_images) sha256_field_u64(&h, s->conversation[i].images_first);
        add_images(&h, s->conversation[i].images, s->conversation[i].n_images);
    }
    sha256_field_str(&h, s->n_messages ? NULL : s->input);
    sha256_field_str(&h, s->other_args_json);
    if (s->audio) { /* its content, not where it lies */
        sha256_field_str(&h, "audio");
        sha256_field_str(&h, s->audio->digest);
    }
    add_images(&h, s->images, s->n_images);
    if (s->n_candidates) {
        sha256_field_str(&h, "candidates");
        add_strings(&h, s->candidates, s->n_candidates);
        sha256_field_str(&h, s->answer_lead);
    }
    if (stop) {
        sha256_field_str(&h, "stop when decided");
        sha256_field_str(&h, stop->name);
        add_strings(&h, stop->labels, stop->n);
        add_strings(&h, stop->texts, stop->n);
    }
    sha256_end(&h, out);
}

/* Sample i as the model is to see it, but for the reference, and what stops its answer. */
static karma_status sample_of(struct plan_dataset *d, size_t i, karma_sample *out,
                              struct stop_rule *stop) {
    const karma_sample *full;
    const char *const *labels = NULL, *const *texts = NULL;
    size_t n = 0;
    karma_status st = karma_dataset_get(d->data, i, &full);
    if (st == KARMA_OK && (d->letters || d->stops))
        st = karma_dataset_choices(d->data, i, &labels, &texts, &n);
    if (st < 0) return st;
    *out = *full;
    if (d->letters) {
        out->candidates = labels;
        out->n_candidates = n;
        out->answer_lead = d->lead;
    }
    *stop = (struct stop_rule){d->info->extraction, labels, texts, n};
    return KARMA_OK;
}

static karma_status add_slot(struct answers_run *run, struct plan_dataset *d, struct answers *a,
                             struct order *order, size_t i) {
    karma_sample sample;
    struct stop_rule stop;
    karma_status st = sample_of(d, i, &sample, &stop);
    if (st < 0) return st;
    if (!sample.key) return status_fail(KARMA_E_INTERNAL, "%s: sample without key", d->name);
    struct map_entry *entry;
    bool added;
    st = map_put(&a->by_key, sample.key, strlen(sample.key), &entry, &added);
    if (st < 0) return st;
    if (!added) {
        return status_fail(KARMA_E_DUPLICATE, "%s: two samples have the key %s", d->name,
                           status_quotez(sample.key));
    }
    entry->value.u64 = i;
    struct sample_slot *slot = &a->slots[i];
    answers_store_key(run->identity, &sample, d->stops ? &stop : NULL, slot->store_key);
    slot->wanted = true;
    if (run->refresh) return order_look(order, &sample);
    st = store_get(run->store, slot->store_key, &a->arena, &slot->answer, &a->n_damaged);
    if (st < 0) return st;
    if (st == KARMA_DONE || (slot->answer.status < 0 && !run->keep_failed))
        return order_look(order, &sample);
    slot->wanted = false;
    slot->state = ANSWER_READY;
    a->n_cached++;
    a->n_ready++;
    a->n_failed += slot->answer.status < 0;
    return KARMA_OK;
}

/* --- the model's side: next, put -------------------------------------------------------------- */

struct feed {
    struct answers_run *run;
    struct plan_dataset *d;
    struct answers *a;
    size_t *order; /* [n_order], in a: slots to ask for, those alike together */
    size_t n_order, at;
    size_t n_fresh;    /* answered by the model */
    size_t reported;   /* ready and committed */
    karma_sample lent; /* the one handed out last, without its reference */
    bool started, cancelled;
    karma_status broken; /* the store or the model's bookkeeping failed: no more is handed out */
    char why[1024];      /* its message, kept over what the model's own ending sets */
    struct buf so_far;   /* of the answer that is_decided() looks at */
};

/* The run cannot go on. The first reason is the one to tell. */
static karma_status break_off(struct feed *f, karma_status st) {
    if (f->broken < 0) return st;
    f->broken = st;
    snprintf(f->why, sizeof(f->why), "%s", karma_error_message());
    return st;
}

static void report(struct feed *f) {
    const karma_eval_events *ev = f->run->events;
    if (!ev || !ev->progress) return;
    karma_eval_progress *p = &f->run->progress;
    const double now_s = (double)(clock_monotonic_ns() - f->run->started_ns) * 1e-9;
    f->reported = f->a->n_ready - store_pending(f->run->store);
    p->done = f->reported;
    p->total = f->a->n;
    p->cached = f->a->n_cached;
    p->failed = f->a->n_failed;
    p->elapsed_s = now_s;
    p->rate = now_s > 0 ? (double)f->n_fresh / now_s : 0;
    const size_t left = f->a->n - f->a->n_ready;
    p->remaining_s = f->n_fresh > 0 && p->rate > 0 ? (double)left / p->rate : -1;
    ev->progress(ev->user, p);
}

static bool is_cancelled(void *user) {
    struct feed *f = user;
    const karma_eval_events *ev = f->run->events;
    if (!f->cancelled && ev && ev->cancelled && ev->cancelled(ev->user)) f->cancelled = true;
    const size_t before = store_pending(f->run->store);
    karma_status st = f->broken < 0 ? f->broken : store_tick(f->run->store);
    if (st < 0) break_off(f, st);
    if (st == KARMA_OK && before && store_pending(f->run->store) == 0) report(f);
    return f->cancelled || f->broken < 0;
}

static karma_status next_sample(void *user, const karma_sample **sample) {
    struct feed *f = user;
    if (!f->started) report(f); /* the model is there: the first line of progress */
    f->started = true;
    if (f->broken < 0) return f->broken;
    if (f->cancelled) return KARMA_DONE;
    if (f->at == f->n_order) return KARMA_DONE;
    const size_t i = f->order[f->at++];
    f->a->slots[i].asked = true;
    struct stop_rule ignored;
    karma_status st = sample_of(f->d, i, &f->lent, &ignored);
    if (st < 0) return st;
    f->lent.expected_output = NULL; /* no model can peek */
    /* A recogniser takes an input for the path of a recording: a question is none. */
    if (karma_model_get_type(f->run->model) == KARMA_AUDIO_RECOGNITION) f->lent.input = NULL;
    *sample = &f->lent;
    return KARMA_OK;
}

static karma_status dup_text(struct arena *a, const char *text, const char **out) {
    *out = text ? arena_strdup(a, text) : NULL;
    return text && !*out ? KARMA_E_NOMEM : KARMA_OK;
}

static karma_status copy_answer(struct arena *a, const karma_output *o, struct answer *out) {
    *out = (struct answer){.status = o->status,
                           .n_prompt_tokens = o->n_prompt_tokens,
                           .finish_reason = o->finish_reason,
                           .flags = o->flags};
    if (o->status < 0) return dup_text(a, o->error ? o->error : "", &out->error);
    karma_status st = dup_text(a, o->text ? o->text : "", &out->text);
    if (st == KARMA_OK) st = dup_text(a, o->thinking, &out->thinking);
    if (st == KARMA_OK) st = dup_text(a, o->raw_text, &out->raw_text);
    if (st == KARMA_OK && o->n_tokens) {
        out->tokens = arena_dup(a, o->tokens, o->n_tokens * sizeof(*o->tokens));
        out->n_tokens = o->n_tokens;
        if (!out->tokens) st = KARMA_E_NOMEM;
    }
    return st;
}

/* Nothing that could follow would change what is read out of this? */
static bool is_decided(void *user, const char *key, const char *text, size_t len) {
    struct feed *f = user;
    const struct map_entry *entry = key ? map_find(&f->a->by_key, key, strlen(key)) : NULL;
    bool decided = false;
    if (!entry || f->broken < 0) return false;
    buf_clear(&f->so_far);
    karma_status st = buf_append(&f->so_far, text, len);
    if (st == KARMA_OK)
        st = karma_dataset_decided(f->d->data, entry->value.u64, buf_str(&f->so_far), &decided);
    if (st < 0) break_off(f, st);
    return decided;
}

static void count_tokens(struct answers *a, const karma_output *o) {
    a->n_prompt_tokens += o->n_prompt_tokens;
    a->n_shared_tokens += o->n_cached_tokens;
    a->n_tokens += o->n_candidates ? 0 : o->n_tokens;
    a->n_stopped += (o->flags & KARMA_OUTPUT_DECIDED) != 0;
}

static karma_status keep(struct feed *f, struct sample_slot *slot, const char *sample_key) {
    slot->state = ANSWER_READY;
    f->a->n_ready++;
    f->a->n_failed += slot->answer.status < 0;
    f->n_fresh++;
    return store_put(f->run->store, slot->store_key, karma_model_name(f->run->model), f->d->name,
                     sample_key, &slot->answer);
}

static karma_status put_output(void *user, const karma_output *o) {
    struct feed *f = user;
    const struct map_entry *entry = o->key ? map_find(&f->a->by_key, o->key, strlen(o->key)) : NULL;
    struct sample_slot *slot = entry ? &f->a->slots[entry->value.u64] : NULL;
    if (!slot || !slot->asked || slot->state != ANSWER_NONE) {
        return break_off(f, status_fail(KARMA_E_PLUGIN, "the model returned an output for %s, %s",
                                        status_quotez(o->key),
                                        !slot          ? "which is no sample of this data set"
                                        : !slot->asked ? "which it was not given"
                                                       : "which it had answered already"));
    }
    if (o->finish_reason == KARMA_FINISH_CANCELLED && o->status == KARMA_OK) return KARMA_OK;
    if (o->status == KARMA_E_CANCELLED) return KARMA_OK;
    karma_status st = copy_answer(&f->a->arena, o, &slot->answer);
    if (st == KARMA_OK) st = keep(f, slot, o->key);
    count_tokens(f->a, o);
    if (st < 0) break_off(f, st);
    if (st == KARMA_OK && store_pending(f->run->store) == 0) report(f);
    return st;
}

/* Samples handed out that never came back: an output is missing, so each of them failed. */
static karma_status close_gaps(struct feed *f) {
    for (size_t i = 0; i < f->a->n; i++) {
        struct sample_slot *slot = &f->a->slots[i];
        if (!slot->asked || slot->state != ANSWER_NONE) continue;
        const karma_sample *sample;
        karma_status st = karma_dataset_get(f->d->data, i, &sample);
        if (st < 0) return st;
        slot->answer = (struct answer){.status = KARMA_E_PLUGIN,
                                       .error = "the model returned no output for this sample",
                                       .finish_reason = KARMA_FINISH_ERROR};
        st = keep(f, slot, sample->key);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status ask_model(struct feed *f) {
    const karma_run_io io = {
        .next = next_sample,
        .put = put_output,
        .cancelled = is_cancelled,
        .user = f,
        .enough = f->d->stops ? is_decided : NULL,
    };
    karma_status st = karma_model_run(f->run->model, &io);
    if (st == KARMA_OK && !f->cancelled && f->broken == KARMA_OK) st = close_gaps(f);
    if (st == KARMA_E_CANCELLED) f->cancelled = true;
    if (st < 0 && !f->cancelled) break_off(f, st);
    /* Whatever happened, finished samples are kept. */
    const karma_status committed = store_commit(f->run->store);
    if (f->broken < 0) return status_fail(f->broken, "%s", f->why);
    if (committed < 0) return committed;
    report(f);
    return f->cancelled ? status_fail(KARMA_E_CANCELLED, "cancelled") : KARMA_OK;
}

/* Give the model the data set's documents, if it has any, ask it, and take them back. */
static karma_status ask_with_corpus(struct feed *f) {
    const char *const *ids, *const *texts;
    size_t n;
    karma_model *m = f->run->model;
    karma_dataset_corpus(f->d->data, &ids, &texts, &n);
    if (n == 0) return ask_model(f);
    report(f); /* what follows may take a while: the first line of progress */
    f->started = true;
    karma_status st = karma_model_set_corpus(m, ids, texts, n);
    if (st < 0) return status_prefix(st, "%s", f->d->name);
    st = ask_model(f);
    char why[1024];
    snprintf(why, sizeof(why), "%s", karma_error_message());
    const karma_status forgotten = karma_model_set_corpus(m, NULL, NULL, 0);
    return st < 0 ? status_fail(st, "%s", why) : forgotten;
}

/* Documents are ranked and recordings heard one by one: there is nothing that two would share. */
static karma_status put_in_order(struct feed *f, struct order *order) {
    struct answers *a = f->a;
    f->order = arena_calloc(&a->arena, a->n + 1, sizeof(*f->order));
    if (!f->order) return KARMA_E_NOMEM;
    for (size_t i = 0; i < a->n; i++)
        if (a->slots[i].wanted) f->order[f->n_order++] = i;
    if (f->d->n_documents) return KARMA_OK;
    return order_sort(order, f->d->data, f->order, f->n_order);
}

static karma_status look_up(struct answers_run *run, struct feed *f) {
    struct plan_dataset *d = f->d;
    struct answers *a = f->a;
    struct order order = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < a->n && st == KARMA_OK; i++)
        st = add_slot(run, d, a, &order, i);
    if (st == KARMA_OK) st = put_in_order(f, &order);
    order_release(&order);
    return st;
}

karma_status answers_collect(struct answers_run *run, struct plan_dataset *d, struct answers *a) {
    *a = (struct answers){.n = d->n_samples};
    struct feed f = {.run = run, .d = d, .a = a};
    a->slots = arena_calloc(&a->arena, a->n + 1, sizeof(*a->slots));
    if (!a->slots) return KARMA_E_NOMEM;
    karma_status st = look_up(run, &f);
    if (st < 0) return st;
    if (a->n_damaged) {
        log_warn("%s: %zu stored answer%s failed the checksum: set aside, run again", d->name,
                 a->n_damaged, a->n_damaged == 1 ? "" : "s");
    }
    run->started_ns = clock_monotonic_ns();
    if (a->n_ready == a->n) {
        report(&f);
        return KARMA_OK;
    }
    if (is_cancelled(&f)) return status_fail(KARMA_E_CANCELLED, "cancelled");
    st = ask_with_corpus(&f);
    buf_release(&f.so_far);
    return st;
}

void answers_release(struct answers *a) {
    map_release(&a->by_key);
    arena_release(&a->arena);
    *a = (struct answers){0};
}
