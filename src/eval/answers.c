/* answers.c - see answers.h. */
#include "eval/answers.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"
#include "eval/in_flight.h"
#include "eval/key_fields.h"
#include "eval/order.h"
#include "eval/ways.h"
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

/* All of it that a model sees. */
static void add_sample(struct sha256 *h, const karma_sample *s) {
    sha256_field_str(h, s->system_prompt);
    sha256_field_u64(h, s->n_messages);
    for (size_t i = 0; i < s->n_messages; i++) {
        sha256_field_str(h, s->conversation[i].role);
        sha256_field_str(h, s->conversation[i].content);
        if (s->conversation[i].n_images) sha256_field_u64(h, s->conversation[i].images_first);
        add_images(h, s->conversation[i].images, s->conversation[i].n_images);
    }
    sha256_field_str(h, s->n_messages ? NULL : s->input);
    sha256_field_str(h, s->other_args_json);
    if (s->audio) { /* its content, not where it lies */
        sha256_field_str(h, "audio");
        sha256_field_str(h, s->audio->digest);
    }
    add_images(h, s->images, s->n_images);
    if (s->n_candidates) {
        sha256_field_str(h, "candidates");
        add_strings(h, s->candidates, s->n_candidates);
        sha256_field_str(h, s->answer_lead);
        if (s->candidate_texts) sha256_field_str(h, "weighed as texts");
    }
}

static void add_stop(struct sha256 *h, const struct stop_rule *stop) {
    if (!stop) return;
    sha256_field_str(h, "stop when decided");
    sha256_field_str(h, stop->name);
    add_strings(h, stop->labels, stop->n);
    add_strings(h, stop->texts, stop->n);
}

void answers_store_key(const char *identity, const karma_sample *s, const struct stop_rule *stop,
                       unsigned char out[STORE_KEY_BYTES]) {
    struct sha256 h;
    sha256_begin(&h);
    sha256_field_str(&h, "karma answer 1");
    sha256_field_str(&h, identity);
    sha256_field_str(&h, s->key); /* the random stream is seeded by it */
    add_sample(&h, s);
    add_stop(&h, stop);
    sha256_end(&h, out);
}

/* Sample i as the model is to see it in one way, but for the reference, and what stops its answer.
 */
karma_status answers_sample(struct plan_dataset *d, enum way way, size_t i, karma_sample *out,
                            struct stop_rule *stop) {
    const karma_sample *full;
    const char *const *labels = NULL, *const *texts = NULL;
    size_t n = 0;
    karma_status st = karma_dataset_get(d->data, i, &full);
    if (st == KARMA_OK && (way != WAY_GENERATION || d->stops))
        st = karma_dataset_choices(d->data, i, &labels, &texts, &n);
    if (st < 0) return st;
    *out = *full;
    if (way != WAY_GENERATION) {
        out->candidates = way == WAY_LETTERS ? labels : texts;
        out->n_candidates = n;
        out->answer_lead = d->lead[way];
        out->candidate_texts = way == WAY_OPTIONS;
    }
    *stop = (struct stop_rule){d->info->extraction, labels, texts, n};
    return KARMA_OK;
}

/* What the model knows an asking by, in *out: the sample's key, which seeds the random stream of
 * what it writes; where samples are asked in several ways, with the way's name behind it. */
static karma_status name_asking(const struct plan_dataset *d, enum way way, const char *key,
                                struct buf *out) {
    buf_clear(out);
    karma_status st = buf_puts(out, key);
    if (st < 0 || d->n_ways == 1 || way == WAY_GENERATION) return st;
    return buf_printf(out, "#%s", way_name(way));
}

static karma_status note_key(struct answers *a, const struct plan_dataset *d, const char *key,
                             size_t slot) {
    struct map_entry *entry;
    bool added;
    karma_status st = map_put(&a->by_key, key, strlen(key), &entry, &added);
    if (st < 0) return st;
    if (!added) {
        return status_fail(KARMA_E_DUPLICATE, "%s: two samples have the key %s", d->name,
                           status_quotez(key));
    }
    entry->value.u64 = slot;
    return KARMA_OK;
}

/* In the store's own way, if it is there. */
static karma_status look_up_slot(struct answers_run *run, struct answers *a,
                                 struct sample_slot *slot) {
    karma_status stored;
    slot->wanted = true;
    if (run->refresh) return KARMA_OK;
    karma_status st = store_find(run->store, slot->store_key, &stored, &a->n_damaged);
    if (st < 0) return st;
    if (st == KARMA_DONE || (stored < 0 && !run->keep_failed)) {
        enum suspicion suspected;
        const bool there = st == KARMA_OK;
        st = in_flight_look(run->flight, slot->store_key, &suspected);
        slot->suspected = (unsigned char)suspected;
        if (st < 0 || suspected != SUSPICION_LEFT_OUT) return st;
        slot->wanted = false;
        if (!there) return KARMA_OK; /* leave_out() follows */
    }
    slot->wanted = false;
    slot->state = ANSWER_READY;
    a->n_cached++;
    a->n_ready++;
    a->n_failed += stored < 0;
    return KARMA_OK;
}

/* Sample i in all its ways. */
static karma_status add_slots(struct answers_run *run, struct plan_dataset *d, struct answers *a,
                              struct order *order, size_t i, struct buf *name) {
    bool wanted = false;
    for (size_t w = 0; w < a->n_ways; w++) {
        const enum way way = d->ways[w];
        struct sample_slot *slot = &a->slots[w * a->n + i];
        karma_sample sample;
        struct stop_rule stop;
        karma_status st = answers_sample(d, way, i, &sample, &stop);
        if (st < 0) return st;
        if (!sample.key) return status_fail(KARMA_E_INTERNAL, "%s: sample without key", d->name);
        st = name_asking(d, way, sample.key, name);
        if (st == KARMA_OK) st = note_key(a, d, buf_str(name), w * a->n + i);
        if (st < 0) return st;
        answers_store_key(run->identity, &sample, d->stops && way == WAY_GENERATION ? &stop : NULL,
                          slot->store_key);
        st = look_up_slot(run, a, slot);
        if (st == KARMA_OK && slot->wanted && !wanted) st = order_look(order, &sample);
        if (st < 0) return st;
        wanted = wanted || slot->wanted;
    }
    a->n_samples_cached += !wanted;
    return KARMA_OK;
}

/* --- the model's side: next, put -------------------------------------------------------------- */

struct feed {
    struct answers_run *run;
    struct plan_dataset *d;
    struct answers *a;
    size_t *order; /* [n_order], in a: slots to ask for, those that begin alike together */
    size_t n_order, at;
    size_t n_alone;    /* of them, the first: each is asked alone (in_flight.h) */
    size_t until;      /* handed out now, of n_order */
    size_t n_fresh;    /* answered by the model */
    size_t reported;   /* ready and committed */
    karma_sample lent; /* the one handed out last, without its reference */
    bool started, cancelled;
    karma_status broken; /* the store or the model's bookkeeping failed: no more is handed out */
    char why[1024];      /* its message, kept over what the model's own ending sets */
    struct buf so_far;   /* of the answer that is_decided() looks at; for a moment other things */
    struct buf name;     /* of the asking handed out last */
    struct buf own;      /* the sample's key of the output put last */
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
    p->total = (f->run->only ? f->run->n_only : f->a->n) * f->a->n_ways;
    p->cached = f->a->n_cached;
    p->failed = f->a->n_failed;
    p->elapsed_s = now_s;
    p->rate = now_s > 0 ? (double)f->n_fresh / now_s : 0;
    const size_t left = p->total - f->a->n_ready;
    p->remaining_s = f->n_fresh > 0 && p->rate > 0 ? (double)left / p->rate : -1;
    ev->progress(ev->user, p);
}

static bool is_cancelled(void *user) {
    struct feed *f = user;
    const karma_eval_events *ev = f->run->events;
    if (!f->cancelled && ev && ev->cancelled && ev->cancelled(ev->user)) {
        f->cancelled = true;
        in_flight_clear(f->run->flight); /* who ends the program now is to blame himself */
    }
    const size_t before = store_pending(f->run->store);
    karma_status st = f->broken < 0 ? f->broken : store_tick(f->run->store);
    if (st < 0) break_off(f, st);
    if (st == KARMA_OK && before && store_pending(f->run->store) == 0) report(f);
    return f->cancelled || f->broken < 0;
}

/* What the key of what is asked now is made of. */
static karma_status explain(struct feed *f, size_t at, const struct stop_rule *stop) {
    if (!store_explains(f->run->store)) return KARMA_OK;
    buf_clear(&f->so_far);
    karma_status st = key_fields_text(&f->lent, stop, &f->so_far);
    if (st < 0) return st;
    return store_explain(f->run->store, f->a->slots[at].store_key, buf_str(&f->so_far));
}

static karma_status next_sample(void *user, const karma_sample **sample) {
    struct feed *f = user;
    if (!f->started) report(f); /* the model is there: the first line of progress */
    f->started = true;
    if (f->broken < 0) return f->broken;
    if (f->cancelled) return KARMA_DONE;
    if (f->at == f->until) return KARMA_DONE;
    const size_t at = f->order[f->at++];
    const enum way way = f->d->ways[at / f->a->n];
    f->a->slots[at].asked = true;
    struct stop_rule stop;
    karma_status st = answers_sample(f->d, way, at % f->a->n, &f->lent, &stop);
    if (st == KARMA_OK) st = explain(f, at, way == WAY_GENERATION && f->d->stops ? &stop : NULL);
    if (st == KARMA_OK) st = name_asking(f->d, way, f->lent.key, &f->name);
    if (st < 0) return st;
    f->lent.key = buf_str(&f->name);
    f->lent.expected_output = NULL; /* no model can peek */
    /* A recogniser takes an input for the path of a recording: a question is none. */
    if (karma_model_get_type(f->run->model) == KARMA_AUDIO_RECOGNITION) f->lent.input = NULL;
    in_flight_begin(f->run->flight, f->a->slots[at].store_key, f->at <= f->n_alone);
    *sample = &f->lent;
    return KARMA_OK;
}

struct answer answers_of_output(const karma_output *o) {
    if (o->status < 0)
        return (struct answer){.status = o->status,
                               .error = o->error ? o->error : "",
                               .n_prompt_tokens = o->n_prompt_tokens,
                               .finish_reason = o->finish_reason,
                               .flags = o->flags};
    return (struct answer){.text = o->text ? o->text : "",
                           .thinking = o->thinking,
                           .raw_text = o->raw_text,
                           .tokens = o->n_tokens ? o->tokens : NULL,
                           .n_tokens = o->n_tokens,
                           .n_prompt_tokens = o->n_prompt_tokens,
                           .finish_reason = o->finish_reason,
                           .flags = o->flags};
}

/* Nothing that could follow would change what is read out of this? */
static bool is_decided(void *user, const char *key, const char *text, size_t len) {
    struct feed *f = user;
    const struct map_entry *entry = key ? map_find(&f->a->by_key, key, strlen(key)) : NULL;
    bool decided = false;
    if (!entry || f->broken < 0 || f->d->ways[entry->value.u64 / f->a->n] != WAY_GENERATION)
        return false;
    buf_clear(&f->so_far);
    karma_status st = buf_append(&f->so_far, text, len);
    if (st == KARMA_OK)
        st = karma_dataset_decided(f->d->data, entry->value.u64 % f->a->n, buf_str(&f->so_far),
                                   &decided);
    if (st < 0) break_off(f, st);
    return decided;
}

static void count_tokens(struct answers *a, const karma_output *o) {
    a->n_prompt_tokens += o->n_prompt_tokens;
    a->n_shared_tokens += o->n_cached_tokens;
    a->n_tokens += o->n_candidates ? 0 : o->n_tokens;
    a->n_stopped += (o->flags & KARMA_OUTPUT_DECIDED) != 0;
}

static karma_status keep(struct feed *f, size_t at, const char *sample_key,
                         const struct answer *answer) {
    struct sample_slot *slot = &f->a->slots[at];
    slot->state = ANSWER_READY;
    f->a->n_ready++;
    f->a->n_failed += answer->status < 0;
    f->n_fresh++;
    in_flight_end(f->run->flight, slot->store_key);
    return store_put(f->run->store, slot->store_key, karma_model_name(f->run->model), f->d->name,
                     sample_key, answer);
}

/* The sample's own key of an asking's, in *out. The data set is not asked: what it lent last may be
 * in use. */
static karma_status sample_key_of(const struct feed *f, size_t at, const char *key,
                                  struct buf *out) {
    const enum way way = f->d->ways[at / f->a->n];
    size_t len = strlen(key);
    if (f->d->n_ways > 1 && way != WAY_GENERATION) len -= strlen(way_name(way)) + 1;
    buf_clear(out);
    return buf_append(out, key, len);
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
    const struct answer answer = answers_of_output(o);
    karma_status st = sample_key_of(f, entry->value.u64, o->key, &f->own);
    if (st == KARMA_OK) st = keep(f, entry->value.u64, buf_str(&f->own), &answer);
    count_tokens(f->a, o);
    if (st < 0) break_off(f, st);
    if (st == KARMA_OK && store_pending(f->run->store) == 0) report(f);
    return st;
}

/* Samples handed out that never came back: an output is missing, so each of them failed. */
static karma_status close_gaps(struct feed *f) {
    const struct answer none = {.status = KARMA_E_PLUGIN,
                                .error = "the model returned no output for this sample",
                                .finish_reason = KARMA_FINISH_ERROR};
    for (size_t at = 0; at < f->a->n * f->a->n_ways; at++) {
        const karma_sample *sample;
        if (!f->a->slots[at].asked || f->a->slots[at].state != ANSWER_NONE) continue;
        karma_status st = karma_dataset_get(f->d->data, at % f->a->n, &sample);
        if (st == KARMA_OK) st = keep(f, at, sample->key, &none);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

/* Hand out those in the order before `until`. */
static karma_status ask_until(struct feed *f, size_t until) {
    const karma_run_io io = {
        .next = next_sample,
        .put = put_output,
        .cancelled = is_cancelled,
        .user = f,
        .enough = f->d->stops ? is_decided : NULL,
    };
    f->until = until;
    karma_status st = karma_model_run(f->run->model, &io);
    if (st == KARMA_OK && !f->cancelled && f->broken == KARMA_OK) st = close_gaps(f);
    if (st == KARMA_E_CANCELLED) f->cancelled = true;
    if (st < 0 && !f->cancelled) break_off(f, st);
    return st;
}

static karma_status ask_model(struct feed *f) {
    karma_status st = KARMA_OK;
    for (size_t n = 1; n <= f->n_alone && st == KARMA_OK && !f->cancelled; n++)
        st = ask_until(f, n);
    if (st == KARMA_OK && !f->cancelled && f->n_order > f->n_alone) ask_until(f, f->n_order);
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

static bool any_wanted(const struct answers *a, size_t i) {
    for (size_t w = 0; w < a->n_ways; w++)
        if (a->slots[w * a->n + i].wanted) return true;
    return false;
}

static void add_to_order(struct feed *f, const size_t *samples, size_t n, bool alone) {
    for (size_t i = 0; i < n; i++)
        for (size_t w = 0; w < f->a->n_ways; w++) {
            const size_t at = w * f->a->n + samples[i];
            const struct sample_slot *slot = &f->a->slots[at];
            if (slot->wanted && (slot->suspected != SUSPICION_NONE) == alone)
                f->order[f->n_order++] = at;
        }
}

/* Documents are ranked and recordings heard one by one: there is nothing that two would share. The
 * ways of one sample stand together: what they share is its prompt. */
static karma_status put_in_order(struct feed *f, struct order *order) {
    struct answers *a = f->a;
    size_t n = 0;
    size_t *samples = arena_calloc(&a->arena, a->n + 1, sizeof(*samples));
    f->order = arena_calloc(&a->arena, a->n * a->n_ways + 1, sizeof(*f->order));
    if (!f->order || !samples) return KARMA_E_NOMEM;
    for (size_t i = 0; i < a->n; i++)
        if (any_wanted(a, i)) samples[n++] = i;
    karma_status st = f->d->n_documents ? KARMA_OK : order_sort(order, f->d->data, samples, n);
    add_to_order(f, samples, n, true);
    f->n_alone = f->n_order;
    add_to_order(f, samples, n, false);
    return st;
}

static karma_status look_up(struct answers_run *run, struct feed *f) {
    struct plan_dataset *d = f->d;
    struct answers *a = f->a;
    struct order order = {0};
    karma_status st = KARMA_OK;
    st = store_hold(run->store);
    for (size_t i = 0; i < a->n && st == KARMA_OK; i++)
        if (!run->only || run->only[i]) st = add_slots(run, d, a, &order, i, &f->name);
    store_let_go(run->store);
    if (st == KARMA_OK) st = put_in_order(f, &order);
    order_release(&order);
    return st;
}

/* Those with which the program died again and again: they fail without being asked. */
static karma_status leave_out(struct feed *f) {
    static const struct answer none = {
        .status = KARMA_E_INTERNAL,
        .error = "poison: the program died twice while the model had this sample alone",
        .finish_reason = KARMA_FINISH_ERROR};
    size_t n = 0;
    karma_status st = KARMA_OK;
    for (size_t at = 0; at < f->a->n * f->a->n_ways && st == KARMA_OK; at++) {
        const karma_sample *sample;
        if (f->a->slots[at].suspected != SUSPICION_LEFT_OUT) continue;
        n++;
        if (f->a->slots[at].state != ANSWER_NONE) continue;
        st = karma_dataset_get(f->d->data, at % f->a->n, &sample);
        if (st == KARMA_OK) st = keep(f, at, sample->key, &none);
    }
    if (n)
        log_warn("%s: %zu sample%s left out, because the program died twice with %s (to try again: "
                 "refresh, or clear failed answers out of the store)",
                 f->d->name, n, n == 1 ? "" : "s", n == 1 ? "it" : "each of them");
    return st;
}

static karma_status collect(struct feed *f) {
    struct answers_run *run = f->run;
    struct answers *a = f->a;
    karma_status st = in_flight_open(run->store, &run->flight);
    if (st == KARMA_OK) st = look_up(run, f);
    if (st == KARMA_OK) st = leave_out(f);
    if (st < 0) return st;
    if (a->n_damaged) {
        log_warn("%s: %zu stored answer%s failed the checksum: set aside, run again", f->d->name,
                 a->n_damaged, a->n_damaged == 1 ? "" : "s");
    }
    run->started_ns = clock_monotonic_ns();
    if (a->n_ready == a->n * a->n_ways) {
        report(f);
        return KARMA_OK;
    }
    if (is_cancelled(f)) return status_fail(KARMA_E_CANCELLED, "cancelled");
    return ask_with_corpus(f);
}

karma_status answers_collect(struct answers_run *run, struct plan_dataset *d, struct answers *a) {
    *a = (struct answers){.n = d->n_samples, .n_ways = d->n_ways, .store = run->store};
    struct feed f = {.run = run, .d = d, .a = a};
    a->slots = arena_calloc(&a->arena, a->n * a->n_ways + 1, sizeof(*a->slots));
    karma_status st = a->slots ? collect(&f) : KARMA_E_NOMEM;
    in_flight_close(run->flight);
    run->flight = NULL;
    buf_release(&f.so_far);
    buf_release(&f.name);
    buf_release(&f.own);
    return st;
}

karma_status answers_import(struct import *im, enum import_missing missing, struct plan_dataset *d,
                            struct answers *a) {
    *a = (struct answers){.n = d->n_samples, .n_ways = 1, .import = im, .d = d};
    a->slots = arena_calloc(&a->arena, a->n + 1, sizeof(*a->slots));
    karma_status st = a->slots ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < a->n && st == KARMA_OK; i++) {
        const karma_sample *sample;
        bool there = false;
        st = karma_dataset_get(d->data, i, &sample);
        if (st == KARMA_OK) st = import_has(im, d->name, sample->key, &there);
        const bool excluded = !there && missing == IMPORT_MISSING_EXCLUDED;
        a->slots[i].state = excluded ? ANSWER_EXCLUDED : ANSWER_READY;
        a->n_ready += !excluded;
        a->n_failed += !there && !excluded;
    }
    return st;
}

static karma_status get_imported(const struct answers *a, size_t i, struct arena *arena,
                                 struct answer *out) {
    const karma_sample *sample;
    karma_status st = karma_dataset_get(a->d->data, i, &sample);
    if (st == KARMA_OK) st = import_get(a->import, a->d->name, sample->key, arena, out);
    if (st != KARMA_DONE) return st;
    *out = (struct answer){.status = KARMA_E_MISSING,
                           .error = "no answer was given for this sample",
                           .finish_reason = KARMA_FINISH_ERROR};
    return KARMA_OK;
}

karma_status answers_get_way(const struct answers *a, size_t w, size_t i, struct arena *arena,
                             struct answer *out) {
    size_t damaged = 0;
    if (a->import) return get_imported(a, i, arena, out);
    karma_status st = store_get(a->store, a->slots[w * a->n + i].store_key, arena, out, &damaged);
    return st == KARMA_DONE ? status_fail(KARMA_E_IO,
                                          "sample %zu: its answer is no longer in the "
                                          "store; run again to have it made anew",
                                          i)
                            : st;
}

karma_status answers_get(const struct answers *a, size_t i, struct arena *arena,
                         struct answer *out) {
    return answers_get_way(a, 0, i, arena, out);
}

karma_status answers_prompt_digest(struct plan_dataset *d, size_t i, unsigned char out[32]) {
    karma_sample sample;
    struct stop_rule stop;
    struct sha256 h;
    karma_status st = answers_sample(d, d->ways[0], i, &sample, &stop);
    if (st < 0) return st;
    sha256_begin(&h);
    sha256_field_str(&h, "karma prompt 1");
    add_sample(&h, &sample);
    add_stop(&h, d->stops && d->ways[0] == WAY_GENERATION ? &stop : NULL);
    sha256_end(&h, out);
    return KARMA_OK;
}

void answers_raw_digest(const struct answer *answer, unsigned char out[32]) {
    const char *raw = answer->raw_text ? answer->raw_text : answer->text ? answer->text : "";
    struct sha256 h;
    sha256_begin(&h);
    sha256_add(&h, raw, strlen(raw));
    sha256_end(&h, out);
}

void answers_release(struct answers *a) {
    map_release(&a->by_key);
    arena_release(&a->arena);
    *a = (struct answers){0};
}
