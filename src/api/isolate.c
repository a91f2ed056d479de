/*
 * isolate.c - the parent's side of an isolated model: the slots of a class that asks a child for
 * everything and calls nothing of the plugin. The child is started when it is first needed, again
 * when it has died, and ended with unload. What it sends is checked; a child that sends what makes
 * no sense is killed and counts as dead. Its samples under way fail then, each with the reason, and
 * a new child goes on with the rest. MAX_DEATHS children in a row that finish no sample end the
 * run.
 */
#include "api/isolate.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>

#include "api/embedding.h"
#include "api/plugin.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/utf8.h"
#include "karma/plugin.h"

enum { MAX_DEATHS = 3, MAX_LOG_LINES = 1000 };
static const uint64_t TICK_NS = 100000000;          /* how often a cancellation is asked for */
static const uint64_t CANCEL_GRACE_NS = 1000000000; /* then the child is killed */
static const uint64_t STOP_GRACE_NS = 2000000000;   /* for unload() */

struct isolation {
    mtx_t lock;
    bool busy;  /* a call is under way */
    bool ready; /* the child has loaded the model */
    struct child child;
    struct buf frame;
    struct arena arena; /* of the message under way */
    size_t n_log;
    int64_t n_parameters;
    karma_similarity_kind similarity;
    struct buf corpus; /* the message that sets it; empty: there is none */
};

static atomic_bool enabled;

static const karma_option_spec isolation_options[] = {
    {.name = "plugin_timeout_s",
     .type = KARMA_OPTION_REAL,
     .default_json = "null",
     .min = 0,
     .max = 1e6,
     .nullable = true,
     .help = "isolated: seconds without a sign of life after which the child process is ended; "
             "null or 0: wait"},
    {.name = NULL},
};

void karma_isolate_plugins(bool isolate) {
    atomic_store(&enabled, isolate);
}

bool isolation_enabled(void) {
    return atomic_load(&enabled);
}

/* ---- one conversation ---- */

struct talk {
    karma_model *m;
    struct isolation *i;
    const karma_run_io *io; /* of a run; NULL: nothing is asked back */
    bool (*cancelled)(void *user);
    void *user;
    const struct json *done; /* what ended it, until the next message */

    struct map with_child; /* keys of samples: 1 while the child has them */
    const karma_sample *pending;
    bool drained;
    size_t n_finished; /* by this child */
    karma_status st;   /* < 0: next() ended the run */
    char why[1024];    /* its message */
};

static karma_status blame(const struct talk *t, karma_status st) {
    return plugin_prefix(st, t->m->plan.cls);
}

/* The child is of no use any more; the present message says why. */
static karma_status died(struct talk *t) {
    char why[512];
    snprintf(why, sizeof(why), "%.500s", karma_error_message());
    child_stop(&t->i->child, 0);
    t->i->ready = false;
    status_fail(KARMA_E_PLUGIN, "the child process %s", why);
    return blame(t, KARMA_E_PLUGIN);
}

static karma_status nonsense(struct talk *t) {
    char why[512];
    snprintf(why, sizeof(why), "%.400s", karma_error_message());
    status_fail(KARMA_E_PLUGIN, "sent what is no message (%s)", why);
    return died(t);
}

static karma_status reply(struct talk *t, const char *kind, karma_status st) {
    struct arena *a = &t->i->arena;
    struct json *o = wire_new(a, kind);
    karma_status put = o ? wire_put_result(a, o, st) : KARMA_E_NOMEM;
    return put < 0 ? put : wire_queue(&t->i->child, o);
}

/* The output of a sample that failed with st and the present message. */
static karma_status put_failure(struct talk *t, const char *key, karma_status st) {
    char why[1024];
    snprintf(why, sizeof(why), "%s", karma_error_message());
    const karma_output o = {
        .struct_size = sizeof(o),
        .key = key,
        .status = st,
        .error = why,
        .finish_reason = KARMA_FINISH_ERROR,
    };
    return t->io->put(t->io->user, &o);
}

static karma_status end_by_next(struct talk *t, karma_status st) {
    if (t->st == KARMA_OK) {
        t->st = st;
        snprintf(t->why, sizeof(t->why), "%s", karma_error_message());
    }
    return st;
}

static karma_status take_sample(struct talk *t, const karma_sample **sample) {
    *sample = t->pending;
    t->pending = NULL;
    if (*sample) return KARMA_OK;
    if (t->drained) return KARMA_DONE;
    if (t->st < 0) return status_fail(t->st, "%s", t->why);
    karma_status st = t->io->next(t->io->user, sample);
    t->drained = st == KARMA_DONE;
    return st < 0 ? end_by_next(t, st) : st;
}

static karma_status send_sample(struct talk *t, const karma_sample *sample) {
    struct arena *a = &t->i->arena;
    struct map_entry *entry;
    bool added;
    struct json *o = wire_new(a, "sample"), *body = json_new_object(a);
    karma_status st = o && body ? wire_put_sample(a, body, sample) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_set(a, o, "sample", body);
    if (st == KARMA_OK)
        st = map_put(&t->with_child, sample->key, strlen(sample->key), &entry, &added);
    if (st == KARMA_OK) st = wire_queue(&t->i->child, o);
    if (st == KARMA_OK) entry->value.u64 = 1;
    return st;
}

/* One the child cannot be given (no UTF-8, too large) fails, and the next is taken. */
static karma_status on_next(struct talk *t) {
    for (;;) {
        const karma_sample *sample;
        karma_status st = take_sample(t, &sample);
        if (st != KARMA_OK) return reply(t, "end", st);
        st = send_sample(t, sample);
        if (st != KARMA_E_ENCODING && st != KARMA_E_LIMIT) return st;
        st = put_failure(t, sample->key, st);
        if (st < 0) return reply(t, "end", end_by_next(t, st));
    }
}

static karma_status on_put(struct talk *t, const struct json *message) {
    karma_output out;
    karma_status st = wire_get_output(&t->i->arena, json_get(message, "output"), &out);
    if (st < 0) return st == KARMA_E_NOMEM ? st : nonsense(t);
    struct map_entry *entry = out.key ? map_find(&t->with_child, out.key, strlen(out.key)) : NULL;
    st = t->io->put(t->io->user, &out);
    if (entry && st == KARMA_OK) {
        entry->value.u64 = 0;
        t->n_finished++;
    }
    return reply(t, "ok", st);
}

static karma_status on_stream(struct talk *t, const struct json *message) {
    const char *key = json_str(json_get(message, "key"), NULL);
    const struct json *text = json_get(message, "text");
    if (!json_is_string(text)) {
        status_fail(KARMA_E_TYPE, "stream: no text");
        return nonsense(t);
    }
    if (t->io->stream) t->io->stream(t->io->user, key, text->u.string.data, text->u.string.len);
    return KARMA_OK;
}

static void on_log(struct talk *t, const struct json *message) {
    const char *line = json_str(json_get(message, "line"), "");
    const bool warning = json_get(message, "warning") != NULL;
    if (t->i->n_log > MAX_LOG_LINES) return;
    if (t->i->n_log++ == MAX_LOG_LINES)
        log_warn("class %s: its child process says too much; the rest is left out",
                 status_quotez(t->m->plan.cls->name));
    else if (warning)
        log_warn("%s", line);
    else
        log_note("%s", line);
}

static bool is_cancelled(const struct talk *t) {
    return t->cancelled && t->cancelled(t->user);
}

/* A frame has come. KARMA_DONE: it ends the conversation. *alive: it shows that the child gets on.
 */
static karma_status handle(struct talk *t, bool *alive) {
    struct isolation *i = t->i;
    const struct json *message;
    const char *kind;
    arena_reset(&i->arena);
    karma_status st = wire_parse(&i->arena, &i->frame, &message, &kind);
    if (st < 0) return st == KARMA_E_NOMEM ? st : nonsense(t);
    *alive = strcmp(kind, "log") != 0;
    if (strcmp(kind, "done") == 0) {
        t->done = message;
        return KARMA_DONE;
    }
    if (!*alive) {
        on_log(t, message);
        return KARMA_OK;
    }
    if (t->io && strcmp(kind, "next") == 0) return on_next(t);
    if (t->io && strcmp(kind, "put") == 0) return on_put(t, message);
    if (t->io && strcmp(kind, "stream") == 0) return on_stream(t, message);
    if (strcmp(kind, "cancelled") == 0)
        return reply(t, "ok", is_cancelled(t) ? KARMA_DONE : KARMA_OK);
    status_fail(KARMA_E_UNEXPECTED, "\"%s\"", status_quotez(kind));
    return nonsense(t);
}

/* The longest silence; 0: any. */
static uint64_t patience(const karma_model *m) {
    double s;
    if (karma_model_arg_real(m, "plugin_timeout_s", &s) < 0 || !(s > 0)) return 0;
    return (uint64_t)(s * 1e9);
}

/* Too long silent, or told to stop and did not? */
static karma_status check_time(struct talk *t, uint64_t heard_ns, uint64_t limit_ns,
                               uint64_t *asked_ns, uint64_t *cancelled_ns) {
    const uint64_t now = clock_monotonic_ns();
    if (limit_ns && now - heard_ns > limit_ns) {
        status_fail(KARMA_E_PLUGIN, "gave no answer for %g s (plugin_timeout_s)",
                    (double)limit_ns * 1e-9);
        return died(t);
    }
    if (now - *asked_ns < TICK_NS) return KARMA_OK;
    *asked_ns = now;
    if (!is_cancelled(t)) return KARMA_OK;
    if (!*cancelled_ns) *cancelled_ns = now;
    if (now - *cancelled_ns < CANCEL_GRACE_NS) return KARMA_OK;
    child_stop(&t->i->child, 0);
    t->i->ready = false;
    return status_fail(KARMA_E_CANCELLED, "cancelled");
}

/* Serve the child until it is done: t->done then says with what. E_PLUGIN: it has died; any failure
 * that leaves the two at odds ends it. */
static karma_status converse(struct talk *t) {
    const uint64_t limit_ns = patience(t->m);
    uint64_t heard_ns = clock_monotonic_ns(), asked_ns = heard_ns, cancelled_ns = 0;
    for (;;) {
        bool alive = false;
        karma_status st = child_wait(&t->i->child, TICK_NS, &t->i->frame);
        if (st < 0 && st != KARMA_E_NOMEM) return died(t);
        if (st == KARMA_OK) {
            st = handle(t, &alive);
            if (st == KARMA_DONE) return KARMA_OK;
            if (st == KARMA_E_PLUGIN && !t->i->child.fd) return st;
        }
        if (st < 0) {
            child_stop(&t->i->child, 0);
            t->i->ready = false;
            return st;
        }
        if (alive) heard_ns = clock_monotonic_ns();
        st = check_time(t, heard_ns, limit_ns, &asked_ns, &cancelled_ns);
        if (st < 0) return st;
    }
}

static karma_status result(struct talk *t) {
    const karma_status st = wire_get_result(t->done);
    if (st <= KARMA_OK) return st;
    status_fail(KARMA_E_UNEXPECTED, "the result %s", karma_status_name(st));
    return nonsense(t);
}

/* Ask and wait for what ends it. */
static karma_status ask(struct talk *t, const struct json *question) {
    karma_status st = wire_queue(&t->i->child, question);
    if (st == KARMA_OK) st = converse(t);
    return st < 0 ? st : result(t);
}

/* ---- the child's life ---- */

static struct isolation *isolation_of(karma_model *m) {
    if (m->isolation) return m->isolation;
    struct isolation *i = mem_calloc(1, sizeof(*i));
    if (!i) return NULL;
    mtx_init(&i->lock, mtx_plain | mtx_recursive);
    buf_init(&i->frame, CHILD_MAX_FRAME);
    m->isolation = i;
    return i;
}

static karma_status start(struct talk *t) {
    struct isolation *i = t->i;
    bool in_child;
    if (i->child.fd) {
        /* One that says nothing lives and waits. It may have died since, with its thread. */
        if (child_wait(&i->child, 0, &i->frame) == KARMA_DONE) return KARMA_OK;
        child_stop(&i->child, 0);
    }
    i->ready = false;
    i->n_log = 0;
    karma_status st = child_start(&i->child, &in_child);
    if (st < 0 || !in_child) return st;
    struct child channel = i->child;
    atomic_store(&enabled, false); /* here the class is called by itself */
    t->m->isolation = NULL;
    t->m->loaded = false; /* and what the parent has of it is not here */
    t->m->path = NULL;
    isolate_serve(t->m, &channel);
}

static karma_status learn(struct talk *t) {
    karma_model *m = t->m;
    int64_t similarity;
    const char *path;
    karma_status st = json_need_int(t->done, "n_parameters", 0, INT64_MAX, &t->i->n_parameters);
    if (st == KARMA_OK) st = json_need_int(t->done, "similarity", 0, KARMA_MANHATTAN, &similarity);
    if (st == KARMA_OK) st = json_field_str(t->done, "path", NULL, &path);
    if (st < 0) return nonsense(t);
    t->i->similarity = (karma_similarity_kind)similarity;
    if (!path || m->path) return KARMA_OK;
    m->path = arena_strdup(&m->loaded_arena, path);
    return m->path ? KARMA_OK : KARMA_E_NOMEM;
}

/* A child that has loaded the model, and has the corpus. */
static karma_status get_ready(struct talk *t) {
    struct isolation *i = t->i;
    karma_status st = start(t);
    if (st < 0 || i->ready) return st;
    arena_reset(&i->arena);
    st = ask(t, wire_new(&i->arena, "load"));
    if (st == KARMA_OK) st = learn(t);
    if (st == KARMA_OK && i->corpus.len > 0) {
        st = child_queue(&i->child, i->corpus.data, i->corpus.len);
        if (st == KARMA_OK) st = converse(t);
        if (st == KARMA_OK) st = result(t);
    }
    i->ready = st == KARMA_OK;
    return st;
}

/* Take the model's channel for a call. loaded: a child that has loaded it is needed. */
static karma_status begin(struct talk *t, karma_model *m, bool loaded) {
    *t = (struct talk){.m = m, .i = isolation_of(m)};
    if (!t->i) return KARMA_E_NOMEM;
    mtx_lock(&t->i->lock);
    if (t->i->busy) {
        mtx_unlock(&t->i->lock);
        t->i = NULL;
        return status_fail(KARMA_E_USAGE, "%s: a call from inside a run of an isolated model",
                           status_quotez(m->plan.name));
    }
    t->i->busy = true;
    return loaded ? get_ready(t) : start(t);
}

static void end(struct talk *t) {
    if (!t->i) return;
    map_release(&t->with_child);
    t->i->busy = false;
    mtx_unlock(&t->i->lock);
}

void isolation_release(karma_model *m) {
    struct isolation *i = m->isolation;
    if (!i) return;
    child_stop(&i->child, STOP_GRACE_NS);
    mtx_destroy(&i->lock);
    buf_release(&i->frame);
    buf_release(&i->corpus);
    arena_release(&i->arena);
    mem_free(i);
    m->isolation = NULL;
}

/* ---- the slots ---- */

static karma_status isolated_load(karma_model *m) {
    struct talk t;
    karma_status st = begin(&t, m, true);
    end(&t);
    return st;
}

static void isolated_unload(karma_model *m) {
    isolation_release(m);
}

static karma_status isolated_preprocess(karma_model *m, const karma_sample *sample,
                                        karma_prompt *prompt) {
    struct talk t;
    karma_status st = begin(&t, m, m->loaded);
    if (st == KARMA_OK) {
        struct arena *a = &t.i->arena;
        arena_reset(a);
        struct json *o = wire_new(a, "preprocess"), *body = json_new_object(a);
        st = o && body ? wire_put_sample(a, body, sample) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = json_set(a, o, "sample", body);
        if (st == KARMA_OK) st = ask(&t, o);
        if (st == KARMA_OK) st = wire_get_prompt(a, t.done, prompt);
    }
    end(&t);
    return st;
}

static karma_status isolated_postprocess(karma_model *m, karma_output *out) {
    struct talk t;
    karma_output made;
    karma_status st = begin(&t, m, m->loaded);
    if (st == KARMA_OK) {
        struct arena *a = &t.i->arena;
        arena_reset(a);
        struct json *o = wire_new(a, "postprocess"), *body = json_new_object(a);
        st = o && body ? wire_put_output(a, body, out) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = json_set(a, o, "output", body);
        if (st == KARMA_OK) st = ask(&t, o);
        if (st == KARMA_OK) st = wire_get_output(a, json_get(t.done, "output"), &made);
        if (st == KARMA_OK && made.text)
            st = karma_output_set_text(out, made.text, strlen(made.text));
        if (st == KARMA_OK && made.thinking)
            st = karma_output_set_thinking(out, made.thinking, strlen(made.thinking));
        if (st == KARMA_OK) out->flags = made.flags;
    }
    end(&t);
    return st;
}

/* The samples that were with a child when it died fail with what it died of. */
static karma_status fail_lost(struct talk *t) {
    char why[768];
    karma_status st = KARMA_OK;
    snprintf(why, sizeof(why), "%.700s", karma_error_message());
    for (size_t k = 0; st == KARMA_OK && k < t->with_child.count; k++) {
        struct map_entry *entry = &t->with_child.entries[k];
        if (!entry->value.u64) continue;
        entry->value.u64 = 0;
        status_fail(KARMA_E_PLUGIN, "%s while it had sample '%s'", why, status_quotez(entry->key));
        st = put_failure(t, entry->key, KARMA_E_PLUGIN);
    }
    if (st == KARMA_OK) status_fail(KARMA_E_PLUGIN, "%s", why);
    return st;
}

/* One child's part of a run. *lost: it died; the message says of what. */
static karma_status run_child(struct talk *t, bool *lost) {
    struct isolation *i = t->i;
    *lost = false;
    t->n_finished = 0;
    karma_status st = get_ready(t);
    if (st == KARMA_OK) {
        arena_reset(&i->arena);
        struct json *o = wire_new(&i->arena, "run");
        st = o ? json_set(&i->arena, o, "stream", json_new_bool(&i->arena, t->io->stream != NULL))
               : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = ask(t, o);
    }
    *lost = st == KARMA_E_PLUGIN && !i->child.fd;
    return st;
}

static karma_status run_all(struct talk *t) {
    for (int deaths = 0;;) {
        bool lost;
        karma_status st = run_child(t, &lost);
        if (t->st < 0) return status_fail(t->st, "%s", t->why);
        if (!lost) return st;
        deaths = t->n_finished > 0 ? 0 : deaths + 1;
        st = fail_lost(t);
        if (st < 0) return st;
        if (deaths == MAX_DEATHS) {
            char why[768];
            snprintf(why, sizeof(why), "%.700s", karma_error_message());
            return status_fail(KARMA_E_PLUGIN,
                               "%s; it was number %d in a row that finished no sample", why,
                               MAX_DEATHS);
        }
        if (!t->pending) st = take_sample(t, &t->pending); /* is there anything to go on with? */
        if (st != KARMA_OK) return st == KARMA_DONE ? KARMA_OK : st;
    }
}

static karma_status isolated_run(karma_model *m, const karma_run_io *io) {
    struct talk t;
    karma_status st = begin(&t, m, false);
    if (st == KARMA_OK) {
        t.io = io;
        t.cancelled = io->cancelled;
        t.user = io->user;
        st = run_all(&t);
    }
    end(&t);
    return st;
}

static karma_status put_options(struct arena *a, struct json *o, const karma_embed_options *e) {
    karma_status st = wire_put_str(a, o, "prompt", e->prompt);
    if (st == KARMA_OK) st = wire_put_str(a, o, "prompt_name", e->prompt_name);
    if (st == KARMA_OK) st = json_set(a, o, "truncate_dim", json_new_int(a, e->truncate_dim));
    return st < 0 ? st : json_set(a, o, "normalize", json_new_int(a, e->normalize));
}

static karma_status isolated_embed(karma_model *m, const char *const *texts, size_t n,
                                   const karma_embed_options *options, float *out) {
    struct talk t;
    int64_t dim = 0, n_cut = 0;
    const int64_t room = karma_model_embedding_dim(m, options); /* of a vector in out */
    karma_status st = begin(&t, m, true);
    if (st == KARMA_OK) {
        struct arena *a = &t.i->arena;
        t.cancelled = options->cancelled;
        t.user = options->user;
        arena_reset(a);
        struct json *o = wire_new(a, "embed");
        st = o ? put_options(a, o, options) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = wire_put_strings(a, o, "texts", texts, n);
        if (st == KARMA_OK) st = ask(&t, o);
        if (st == KARMA_OK) st = json_need_int(t.done, "dim", 0, INT32_MAX, &dim);
        if (st == KARMA_OK) st = json_need_int(t.done, "n_cut", 0, INT64_MAX, &n_cut);
        if (st == KARMA_OK && dim != room)
            st = status_fail(KARMA_E_PLUGIN, "vectors of %lld components", (long long)dim);
        if (st == KARMA_OK) st = wire_get_floats(t.done, "vectors", out, n * (size_t)dim);
    }
    end(&t);
    struct embed_report *report = embed_report_enter(NULL);
    embed_report_enter(report);
    if (report && st == KARMA_OK) report->n_cut = (size_t)n_cut;
    return st;
}

static int64_t isolated_embedding_dim(const karma_model *m, const karma_embed_options *options) {
    karma_model *own = (karma_model *)(uintptr_t)m; /* its channel changes, it does not */
    struct talk t;
    int64_t dim = 0;
    if (!m->loaded) return 0;
    karma_status st = begin(&t, own, true);
    if (st == KARMA_OK) {
        struct arena *a = &t.i->arena;
        arena_reset(a);
        struct json *o = wire_new(a, "embedding_dim");
        st = o ? put_options(a, o, options) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = ask(&t, o);
        if (st == KARMA_OK) st = json_need_int(t.done, "dim", 0, INT32_MAX, &dim);
    }
    end(&t);
    return st < 0 ? 0 : dim;
}

static const karma_model_class class_isolated = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "BaseModel",
    .load = isolated_load,
    .preprocess = isolated_preprocess,
    .run = isolated_run,
    .postprocess = isolated_postprocess,
    .embed = isolated_embed,
    .embedding_dim = isolated_embedding_dim,
    .unload = isolated_unload,
};

const karma_option_spec *karma_plugin_class_options(const karma_model_class *cls) {
    return plugin_of_class(cls) ? isolation_options : NULL;
}

bool isolated(const karma_model *m) {
    if (m->isolation) return true;
    return !m->loaded && isolation_enabled() && plugin_of_class(m->plan.cls);
}

const karma_model_class *class_acting(const karma_model *m) {
    return isolated(m) ? &class_isolated : m->plan.cls;
}

const karma_model_class *class_named(const karma_model *m, const karma_model_class *cls) {
    return cls == &class_isolated ? m->plan.cls : cls;
}

/* ---- beside the slots ---- */

int64_t isolated_num_parameters(const karma_model *m) {
    return m->isolation ? m->isolation->n_parameters : 0;
}

karma_similarity_kind isolated_similarity(const karma_model *m) {
    return m->isolation ? m->isolation->similarity : KARMA_COSINE;
}

/* Whatever the parent's model has not: the text that the child answers with. */
static karma_status ask_text(karma_model *m, const char *kind, char **out) {
    struct talk t;
    const char *text;
    *out = NULL;
    karma_status st = begin(&t, m, m->loaded);
    if (st == KARMA_OK) {
        arena_reset(&t.i->arena);
        st = ask(&t, wire_new(&t.i->arena, kind));
        if (st == KARMA_OK) st = json_need_str(t.done, "text", &text);
        if (st == KARMA_OK && !(*out = mem_strdup(text))) st = KARMA_E_NOMEM;
    }
    end(&t);
    return st;
}

karma_status isolated_info(const karma_model *m, char **json) {
    return ask_text((karma_model *)(uintptr_t)m, "info", json);
}

karma_status isolated_identity(karma_model *m, char **json) {
    return ask_text(m, "identity", json);
}

karma_status isolated_set_corpus(karma_model *m, const char *const *ids, const char *const *texts,
                                 size_t n) {
    struct talk t;
    struct buf message = {0};
    karma_status st = begin(&t, m, true);
    if (st == KARMA_OK) {
        struct arena *a = &t.i->arena;
        arena_reset(a);
        struct json *o = wire_new(a, "corpus");
        st = o ? wire_put_strings(a, o, "ids", ids, n) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = wire_put_strings(a, o, "texts", texts, n);
        if (st == KARMA_OK) st = json_write(&message, o, 0, JSON_COMPACT);
        if (st == KARMA_OK) st = ask(&t, o);
    }
    if (st == KARMA_OK) {
        buf_release(&t.i->corpus);
        t.i->corpus = message;
        message = (struct buf){0};
    }
    buf_release(&message);
    end(&t);
    return st;
}
