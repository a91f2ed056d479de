/*
 * run_guard.c - runs a class that answers samples in its own way, and trusts nothing of it. What it
 * gets are the caller's samples, each with a key; what it hands back is checked, copied and joined
 * to its sample by that key. Every sample taken ends in exactly one output, so nothing can shift:
 * one whose output is missing, given twice or malformed fails with E_PLUGIN, naming class and key.
 * What can be blamed on no sample (an output of an unknown key when all are answered) fails the
 * run.
 *
 * An output is held back until the class asks for the next sample, ends, or puts MAX_HELD more, so
 * that one given twice can still be taken back.
 *
 * A guard stays with its model until that is destroyed: a class that kept the callbacks and calls
 * them after its run has ended is told so.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>

#include "api/api.h"
#include "api/isolate.h"
#include "api/plugin.h"
#include "base/foreign.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { MAX_HELD = 64, MAX_TOKENS = 1 << 28 };

enum state { ASKED, HELD, DELIVERED };

struct held { /* an output not yet handed on */
    struct held *next;
    struct entry *entry;
    struct arena arena; /* of what out points to */
    karma_output out;
};

struct entry { /* a sample that was taken */
    const char *key;
    bool made; /* by us: the caller's has none */
    enum state state;
    struct held *held;
};

struct run_guard {
    struct run_guard *next; /* of m's */
    bool busy;
    const karma_model_class *cls;
    const karma_run_io *io; /* the caller's */
    karma_run_io ours;      /* what the class is given */
    thrd_t thread;
    atomic_bool open, foreign_call;

    bool calling;    /* a callback of the caller is under way */
    bool drained;    /* the caller has no more samples */
    karma_status st; /* < 0: the caller ended the run; why is in `why` */
    const char *why;
    struct arena arena; /* entries and messages */
    struct map by_key;  /* to struct entry */
    size_t n_made;
    karma_sample lent;
    struct held *first, **last, *spare;
    size_t n_held;
    char broken[600]; /* what was done wrong and no sample has been blamed for; "" if nothing */
};

static mtx_t lock; /* of the lists */
static once_flag lock_once = ONCE_FLAG_INIT;

static void lock_init(void) {
    mtx_init(&lock, mtx_plain);
}

/* ---- keys of samples that have none ---- */

static const char made_prefix[] = "karma:sample:";

bool is_made_key(const char *key) {
    return key && strncmp(key, made_prefix, sizeof(made_prefix) - 1) == 0;
}

void make_key(size_t i, char out[40]) {
    snprintf(out, 40, "%s%zu", made_prefix, i);
}

/* ---- what a slot returned ---- */

karma_status class_result(const karma_model_class *cls, const char *slot, karma_status returned) {
    const karma_status st = foreign_end(returned);
    if (st == KARMA_OK || st == returned) return st;
    status_prefix(st, "%s", slot);
    return plugin_prefix(st, cls);
}

/* E_PLUGIN with the present message behind class and key. */
static karma_status blame(const karma_model_class *cls, const char *key) {
    status_fail(KARMA_E_PLUGIN, "%s", karma_error_message());
    if (key) status_prefix(KARMA_E_PLUGIN, "sample '%s'", status_quotez(key));
    return plugin_prefix(KARMA_E_PLUGIN, cls);
}

karma_status checked_preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt) {
    const karma_model_class *holder = class_holder(class_acting(m), SLOT_PREPROCESS);
    const karma_model_class *named = class_named(m, holder);
    foreign_begin();
    karma_status st = class_result(named, "preprocess", holder->preprocess(m, sample, prompt));
    if (st < 0 || prompt->raw || prompt->count > 0) return st;
    status_fail(KARMA_E_PLUGIN, "preprocess made no message");
    return blame(named, sample->key);
}

/* Does text lie in what was generated, or is it what the class set? Any other memory may be gone
 * by now, so it is not even looked at. */
static bool is_ours(const char *text, const char *set, const char *raw) {
    if (text == set) return true;
    return raw && (uintptr_t)text >= (uintptr_t)raw &&
           (uintptr_t)text <= (uintptr_t)raw + strlen(raw);
}

static karma_status check_answer(const struct output_box *box) {
    const karma_output *o = &box->out;
    if (!o->text) return status_fail(KARMA_E_PLUGIN, "postprocess left no text");
    if (!is_ours(o->text, box->text_set, o->raw_text) ||
        (o->thinking && !is_ours(o->thinking, box->thinking_set, o->raw_text)))
        return status_fail(KARMA_E_PLUGIN, "postprocess set a text without karma_output_set_text() "
                                           "or karma_output_set_thinking()");
    karma_status st = foreign_string(o->text, "text");
    return st == KARMA_OK && o->thinking ? foreign_string(o->thinking, "thinking") : st;
}

karma_status checked_postprocess(karma_model *m, struct output_box *box) {
    const karma_model_class *holder = class_holder(class_acting(m), SLOT_POSTPROCESS);
    const karma_model_class *named = class_named(m, holder);
    const karma_output before = box->out;
    box->text_set = box->thinking_set = NULL;
    foreign_begin();
    struct output_box *outer = output_box_enter(box);
    karma_status st = class_result(named, "postprocess", holder->postprocess(m, &box->out));
    output_box_enter(outer);
    /* Text, thinking and flags are its to change; the rest is what happened. */
    const karma_output after = box->out;
    box->out = before;
    box->out.text = after.text;
    box->out.thinking = after.thinking;
    box->out.flags = after.flags;
    if (st == KARMA_OK && check_answer(box) < 0) st = blame(named, before.key);
    return st;
}

/* ---- what is wrong with a run ---- */

static void note_broken(struct run_guard *g) {
    if (!g->broken[0]) snprintf(g->broken, sizeof(g->broken), "%.590s", karma_error_message());
}

/* E_PLUGIN of something that is no fault of one sample's output. */
static karma_status break_rule(struct run_guard *g, const char *what, const char *key) {
    status_fail(KARMA_E_PLUGIN, "%s", what);
    const karma_status st = blame(g->cls, key);
    note_broken(g);
    return st;
}

/* May the class call back now? */
static karma_status may_call(struct run_guard *g, const char *what, const char *key) {
    if (!atomic_load(&g->open)) {
        status_fail(KARMA_E_PLUGIN, "%s was called after the run had ended", what);
        const karma_status st = blame(g->cls, key);
        log_warn("%s", karma_error_message());
        return st;
    }
    if (!thrd_equal(g->thread, thrd_current())) {
        atomic_store(&g->foreign_call, true);
        status_fail(KARMA_E_PLUGIN, "%s was called from another thread than the run's", what);
        return blame(g->cls, key);
    }
    if (!g->calling) return KARMA_OK;
    char text[100];
    snprintf(text, sizeof(text), "%s was called from inside another callback", what);
    return break_rule(g, text, key);
}

/* The caller ended the run with st and the present message. */
static karma_status end_by_caller(struct run_guard *g, karma_status st) {
    if (g->st == KARMA_OK) {
        g->st = st;
        g->why = arena_strdup(&g->arena, karma_error_message());
    }
    return st;
}

static karma_status told_before(const struct run_guard *g) {
    return status_fail(g->st, "%s", g->why ? g->why : "out of memory");
}

/* ---- outputs on their way ---- */

static struct held *take_held(struct run_guard *g, struct entry *entry) {
    struct held *h = g->spare;
    if (h)
        g->spare = h->next;
    else if (!(h = mem_calloc(1, sizeof(*h))))
        return NULL;
    arena_reset(&h->arena);
    h->next = NULL;
    h->entry = entry;
    *g->last = h;
    g->last = &h->next;
    g->n_held++;
    entry->state = HELD;
    entry->held = h;
    return h;
}

/* Hand the oldest on. */
static void deliver(struct run_guard *g) {
    struct held *h = g->first;
    g->first = h->next;
    if (!g->first) g->last = &g->first;
    g->n_held--;
    h->entry->state = DELIVERED;
    h->entry->held = NULL;
    if (g->st == KARMA_OK) {
        g->calling = true;
        const karma_status st = g->io->put(g->io->user, &h->out);
        g->calling = false;
        if (st < 0) end_by_caller(g, st);
    }
    h->next = g->spare;
    g->spare = h;
}

static void deliver_all(struct run_guard *g) {
    while (g->first)
        deliver(g);
}

/* The sample failed with st and the present message; what stood there for it is forgotten. */
static karma_status set_failure(struct run_guard *g, struct entry *entry, karma_status st) {
    struct held *h = entry->held;
    if (h)
        arena_reset(&h->arena);
    else if (!(h = take_held(g, entry)))
        return KARMA_E_NOMEM;
    const char *why = arena_strdup(&h->arena, karma_error_message());
    h->out = (karma_output){
        .struct_size = sizeof(karma_output),
        .key = entry->made ? NULL : entry->key,
        .status = st,
        .error = why ? why : "out of memory",
        .finish_reason = st == KARMA_E_CANCELLED ? KARMA_FINISH_CANCELLED : KARMA_FINISH_ERROR,
    };
    return KARMA_OK;
}

/* ---- one output, checked and copied ---- */

static karma_status copy_string(struct arena *a, const char *s, const char *what,
                                const char **out) {
    *out = NULL;
    karma_status st = foreign_string(s, what);
    if (st == KARMA_OK && !(*out = arena_strdup(a, s))) st = KARMA_E_NOMEM;
    return st;
}

static karma_status copy_array(struct arena *a, const void *items, size_t count, size_t size,
                               const void **out) {
    *out = count ? arena_dup(a, items, count * size) : NULL;
    return count && !*out ? KARMA_E_NOMEM : KARMA_OK;
}

static karma_status copy_logprobs(struct arena *a, const karma_output *o, karma_output *out) {
    if (!o->logprobs) return KARMA_OK;
    karma_token_logprob *all = arena_dup(a, o->logprobs, o->n_tokens * sizeof(*all));
    if (!all) return KARMA_E_NOMEM;
    for (size_t i = 0; i < o->n_tokens; i++) {
        const void *tokens = NULL, *values = NULL;
        const int32_t n = all[i].n_top;
        if (n < 0 || n > 1000 || (n > 0 && (!all[i].top_tokens || !all[i].top_logprobs)))
            return status_fail(KARMA_E_PLUGIN, "log-probabilities of token %zu: %d alternatives", i,
                               n);
        karma_status st =
            copy_array(a, all[i].top_tokens, (size_t)n, sizeof(*all->top_tokens), &tokens);
        if (st == KARMA_OK)
            st = copy_array(a, all[i].top_logprobs, (size_t)n, sizeof(*all->top_logprobs), &values);
        if (st < 0) return st;
        all[i].top_tokens = tokens;
        all[i].top_logprobs = values;
    }
    out->logprobs = all;
    return KARMA_OK;
}

static karma_status copy_numbers(struct arena *a, const karma_output *o, karma_output *out) {
    const void *copy = NULL;
    if (o->n_tokens > MAX_TOKENS || o->n_prompt_tokens > MAX_TOKENS)
        return status_fail(KARMA_E_PLUGIN, "%zu tokens of %zu", o->n_tokens, o->n_prompt_tokens);
    if (o->n_tokens > 0 && !o->tokens)
        return status_fail(KARMA_E_PLUGIN, "%zu tokens, and none are there", o->n_tokens);
    karma_status st = copy_array(a, o->tokens, o->n_tokens, sizeof(*o->tokens), &copy);
    out->tokens = copy;
    if (st == KARMA_OK) st = copy_logprobs(a, o, out);
    if (st == KARMA_OK && o->prompt_logprobs) {
        st = copy_array(a, o->prompt_logprobs, o->n_prompt_tokens, sizeof(float), &copy);
        out->prompt_logprobs = copy;
    }
    return st;
}

static karma_status copy_good(struct arena *a, const karma_output *o, karma_output *out) {
    if ((unsigned)o->finish_reason > KARMA_FINISH_ERROR)
        return status_fail(KARMA_E_PLUGIN, "finish_reason %d is none", (int)o->finish_reason);
    karma_status st = copy_string(a, o->text, "text", &out->text);
    if (st == KARMA_OK && o->thinking) st = copy_string(a, o->thinking, "thinking", &out->thinking);
    if (st == KARMA_OK && o->raw_text) st = copy_string(a, o->raw_text, "raw_text", &out->raw_text);
    if (st == KARMA_OK && o->segments_json)
        st = copy_string(a, o->segments_json, "segments_json", &out->segments_json);
    return st < 0 ? st : copy_numbers(a, o, out);
}

/* Fill h->out with a copy of o. E_PLUGIN: o is malformed. */
static karma_status copy_output(struct held *h, const karma_output *o) {
    const int code = (int)o->status;
    karma_output *out = &h->out;
    *out = (karma_output){
        .struct_size = sizeof(*out),
        .key = h->entry->made ? NULL : h->entry->key,
        .status = o->status,
        .n_tokens = o->n_tokens,
        .n_prompt_tokens = o->n_prompt_tokens,
        .n_cached_tokens = o->n_cached_tokens,
        .finish_reason = o->finish_reason,
        .flags = o->flags,
    };
    if (code == KARMA_OK) return copy_good(&h->arena, o, out);
    if (code > 0 || code <= -(int)KARMA_STATUS_ORDER_COUNT)
        return status_fail(KARMA_E_PLUGIN, "status %d is none", code);
    out->n_tokens = 0;
    out->finish_reason = code == KARMA_E_CANCELLED ? KARMA_FINISH_CANCELLED : KARMA_FINISH_ERROR;
    return copy_string(&h->arena, o->error ? o->error : "the class gave no reason", "error",
                       &out->error);
}

/* ---- the callbacks ---- */

static karma_status add_entry(struct run_guard *g, const karma_sample *sample, struct entry **out) {
    char made[40];
    struct map_entry *at;
    bool added = false;
    const char *key = sample->key ? sample->key : made;
    struct entry *entry = arena_calloc(&g->arena, 1, sizeof(*entry));
    *out = entry;
    if (!entry) return KARMA_E_NOMEM;
    entry->made = !sample->key;
    do {
        if (!sample->key) make_key(g->n_made++, made);
        karma_status st = map_put(&g->by_key, key, strlen(key), &at, &added);
        if (st < 0) return st;
    } while (!added && !sample->key);
    entry->key = arena_strdup(&g->arena, key);
    if (!entry->key) return KARMA_E_NOMEM;
    if (added) at->value.ptr = entry;
    return added ? KARMA_OK : KARMA_E_DUPLICATE;
}

static karma_status guard_next(void *user, const karma_sample **sample) {
    struct run_guard *g = user;
    karma_status st = may_call(g, "next", NULL);
    if (st < 0) return st;
    deliver_all(g);
    for (;;) {
        const karma_sample *given = NULL;
        struct entry *entry = NULL;
        if (g->st < 0) return told_before(g);
        if (g->drained) return KARMA_DONE;
        g->calling = true;
        st = g->io->next(g->io->user, &given);
        g->calling = false;
        g->drained = st == KARMA_DONE;
        if (g->drained) return KARMA_DONE;
        if (st == KARMA_OK && !given) st = status_fail(KARMA_E_INTERNAL, "no sample was given");
        if (st == KARMA_OK && given->n_candidates)
            st = status_fail(KARMA_E_UNSUPPORTED,
                             "class %s answers in its own way and compares no candidates",
                             g->cls->name);
        if (st == KARMA_OK) st = add_entry(g, given, &entry);
        if (st == KARMA_OK) {
            g->lent = *given;
            g->lent.key = entry->key;
            *sample = &g->lent;
            return KARMA_OK;
        }
        if (st != KARMA_E_DUPLICATE) return end_by_caller(g, st);
        /* Outputs could not be told apart, so the second of them is not asked. */
        status_fail(st, "sample '%s': another one has the same key", status_quotez(entry->key));
        st = set_failure(g, entry, st);
        if (st < 0) return end_by_caller(g, st);
        deliver_all(g);
    }
}

static struct entry *entry_of(const struct run_guard *g, const char *key) {
    const struct map_entry *at = key ? map_find(&g->by_key, key, strlen(key)) : NULL;
    return at ? at->value.ptr : NULL;
}

static karma_status put_twice(struct run_guard *g, struct entry *entry) {
    status_fail(KARMA_E_PLUGIN, "its output was given twice");
    const karma_status st = blame(g->cls, entry->key);
    if (entry->state == HELD) return set_failure(g, entry, st);
    note_broken(g);
    return st;
}

/* What can be blamed on a sample fails that, and the class may go on. */
static karma_status guard_put(void *user, const karma_output *o) {
    struct run_guard *g = user;
    const bool readable = o && o->struct_size == sizeof(*o);
    karma_status st = may_call(g, "put", readable ? o->key : NULL);
    if (st < 0) return st;
    if (g->st < 0) return told_before(g);
    if (!o) return break_rule(g, "put: no output", NULL);
    if (!readable) {
        char text[100];
        snprintf(text, sizeof(text), "an output has struct_size %u, expected %zu", o->struct_size,
                 sizeof(*o));
        return break_rule(g, text, NULL);
    }
    if (!o->key) return break_rule(g, "an output has no key", NULL);
    struct entry *entry = entry_of(g, o->key);
    if (!entry) return break_rule(g, "an output is for a key that no sample has", o->key);
    if (entry->state != ASKED) return put_twice(g, entry);
    struct held *h = take_held(g, entry);
    if (!h) return end_by_caller(g, KARMA_E_NOMEM);
    st = copy_output(h, o);
    if (st == KARMA_E_PLUGIN) {
        blame(g->cls, entry->key);
        if (set_failure(g, entry, st) < 0) return end_by_caller(g, KARMA_E_NOMEM);
    } else if (st < 0) {
        set_failure(g, entry, st);
        return end_by_caller(g, st);
    }
    if (g->n_held > MAX_HELD) deliver(g);
    return g->st < 0 ? told_before(g) : KARMA_OK;
}

static bool guard_cancelled(void *user) {
    struct run_guard *g = user;
    if (!atomic_load(&g->open)) return true;
    if (g->st < 0 || atomic_load(&g->foreign_call)) return true;
    return g->io->cancelled && g->io->cancelled(g->io->user);
}

/* Pieces that fit nowhere are dropped: the output decides. */
static void guard_stream(void *user, const char *key, const char *text, size_t len) {
    struct run_guard *g = user;
    if (may_call(g, "stream", key) < 0) return;
    const struct entry *entry = entry_of(g, key);
    if (!entry || entry->state != ASKED || !text || !utf8_valid(text, len, NULL)) return;
    g->calling = true;
    g->io->stream(g->io->user, entry->made ? NULL : entry->key, text, len);
    g->calling = false;
}

/* ---- the end ---- */

/* A sample that was taken and has no output fails with st; why: the message. */
static karma_status fail_one(struct run_guard *g, struct entry *entry, karma_status st,
                             const char *why) {
    status_fail(st, "%s", why);
    if (st == KARMA_E_PLUGIN) blame(g->cls, entry->key);
    st = set_failure(g, entry, st);
    deliver_all(g);
    return st;
}

/* All of them. *any: there was one. */
static karma_status fail_open(struct run_guard *g, karma_status st, const char *why, bool *any) {
    for (size_t i = 0; i < g->by_key.count; i++) {
        struct entry *entry = g->by_key.entries[i].value.ptr;
        if (entry->state != ASKED) continue;
        *any = true;
        if (fail_one(g, entry, st, why) < 0) return KARMA_E_NOMEM;
    }
    return KARMA_OK;
}

/* A sample's own lack, and what else was done wrong. */
static const char *lack(struct run_guard *g, const char *what) {
    return g->broken[0] ? arena_printf(&g->arena, "%s (%s)", what, g->broken) : what;
}

/* Samples the class did not take fail too. */
static karma_status fail_rest(struct run_guard *g, bool *any) {
    const char *why = lack(g, "the run ended without taking it");
    if (!why) return KARMA_E_NOMEM;
    for (;;) {
        const karma_sample *sample;
        if (!g->drained && guard_cancelled(g)) return status_fail(KARMA_E_CANCELLED, "cancelled");
        karma_status st = guard_next(g, &sample);
        if (st != KARMA_OK) return st == KARMA_DONE ? KARMA_OK : st;
        *any = true;
        st = fail_one(g, entry_of(g, sample->key), KARMA_E_PLUGIN, why);
        if (st < 0) return st;
    }
}

/* What the run comes to, when the class returned that with the present message. */
static karma_status settle(struct run_guard *g, karma_status returned) {
    const karma_status st = class_result(g->cls, "run", returned);
    const char *message = arena_strdup(&g->arena, karma_error_message());
    bool any = false;
    deliver_all(g);
    if (g->st < 0) return told_before(g);
    if (!message) return KARMA_E_NOMEM;
    if (atomic_exchange(&g->foreign_call, false))
        break_rule(g, "it called back from another thread than the run's", NULL);
    /* A class that stops when it is told of a mistake has ended, like one that goes on. */
    const bool gave_up = st == KARMA_E_PLUGIN && st == returned && g->broken[0];
    if (st < 0 && !gave_up) {
        const karma_status made = fail_open(g, st, message, &any);
        return made < 0 ? made : status_fail(st, "%s", message);
    }
    const char *why = lack(g, "its output is missing");
    karma_status made = why ? fail_open(g, KARMA_E_PLUGIN, why, &any) : KARMA_E_NOMEM;
    if (made == KARMA_OK) made = fail_rest(g, &any);
    if (g->st < 0) return told_before(g);
    if (made < 0 || any || !g->broken[0]) return made;
    return status_fail(KARMA_E_PLUGIN, "%s", g->broken);
}

/* ---- guards of a model ---- */

static struct run_guard *acquire(karma_model *m) {
    call_once(&lock_once, lock_init);
    mtx_lock(&lock);
    struct run_guard *g = m->guards;
    while (g && g->busy)
        g = g->next;
    if (!g && (g = mem_calloc(1, sizeof(*g)))) {
        g->next = m->guards;
        m->guards = g;
    }
    if (g) g->busy = true;
    mtx_unlock(&lock);
    return g;
}

static void release_all(struct held *h) {
    while (h) {
        struct held *next = h->next;
        arena_release(&h->arena);
        mem_free(h);
        h = next;
    }
}

static void let_go(struct run_guard *g) {
    atomic_store(&g->open, false);
    release_all(g->first);
    release_all(g->spare);
    map_release(&g->by_key);
    arena_release(&g->arena);
    g->first = g->spare = NULL;
    g->io = NULL;
    mtx_lock(&lock);
    g->busy = false;
    mtx_unlock(&lock);
}

void run_guards_release(karma_model *m) {
    while (m->guards) {
        struct run_guard *g = m->guards;
        m->guards = g->next;
        mem_free(g);
    }
}

karma_status guarded_run(karma_model *m, const karma_model_class *holder, const karma_run_io *io) {
    struct run_guard *g = acquire(m);
    if (!g) return KARMA_E_NOMEM;
    g->cls = class_named(m, holder);
    g->io = io;
    g->ours = (karma_run_io){.next = guard_next,
                             .put = guard_put,
                             .cancelled = guard_cancelled,
                             .stream = io->stream ? guard_stream : NULL,
                             .user = g};
    g->thread = thrd_current();
    g->calling = g->drained = false;
    g->st = KARMA_OK;
    g->why = NULL;
    g->by_key = (struct map){0};
    g->arena = (struct arena){0};
    g->n_made = g->n_held = 0;
    g->last = &g->first;
    g->broken[0] = '\0';
    atomic_store(&g->foreign_call, false);
    atomic_store(&g->open, true);
    foreign_begin();
    const karma_status st = settle(g, holder->run(m, &g->ours));
    let_go(g);
    return st;
}
