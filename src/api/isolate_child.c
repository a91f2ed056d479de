/*
 * isolate_child.c - the child's side of an isolated model: one request after another, each answered
 * with "done" and what came of it. A run asks its parent for samples and hands it the outputs. When
 * the parent goes, so does the child.
 */
#include <string.h>
#include <threads.h>

#include "api/embedding.h"
#include "api/isolate.h"
#include "base/float_env.h"
#include "karma/log.h"

static const uint64_t FOR_EVER_NS = UINT64_C(3600000000000);

struct service {
    karma_model *m;
    struct child *channel;
    thrd_t thread;
    struct buf frame;
    struct arena arena;  /* of the request under way */
    struct arena sample; /* of the sample that was handed out last */
    struct arena scratch;
    karma_sample lent;
};

static void flush(struct service *s) {
    if (child_flush(s->channel) < 0) child_exit(0);
}

/* Send it. A parent that cannot be told is no parent. */
static void tell(struct service *s, const struct json *message) {
    if (wire_queue(s->channel, message) < 0) child_exit(2);
    flush(s);
}

static void hear(struct service *s, struct arena *a, const struct json **message,
                 const char **kind) {
    karma_status st;
    do {
        st = child_wait(s->channel, FOR_EVER_NS, &s->frame);
    } while (st == KARMA_DONE);
    if (st == KARMA_E_IO) child_exit(0);
    if (st < 0 || wire_parse(a, &s->frame, message, kind) < 0) child_exit(3);
}

/* ---- what a run calls ---- */

static karma_status ask(struct service *s, const char *what, const struct json **answer,
                        const char **kind) {
    arena_reset(&s->scratch);
    tell(s, wire_new(&s->scratch, what));
    arena_reset(&s->sample);
    hear(s, &s->sample, answer, kind);
    return KARMA_OK;
}

static karma_status child_next(void *user, const karma_sample **sample) {
    struct service *s = user;
    const struct json *answer;
    const char *kind;
    ask(s, "next", &answer, &kind);
    if (strcmp(kind, "sample") != 0) return wire_get_result(answer);
    karma_status st = wire_get_sample(&s->sample, json_get(answer, "sample"), &s->lent);
    if (st == KARMA_OK) *sample = &s->lent;
    return st;
}

/* Queue an output; one that is too large or no text fails instead. */
static karma_status queue_output(struct service *s, const char *kind, const karma_output *o) {
    struct arena *a = &s->scratch;
    struct json *message = wire_new(a, kind), *body = json_new_object(a);
    karma_status st = message && body ? wire_put_output(a, body, o) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_set(a, message, "output", body);
    return st < 0 ? st : wire_queue(s->channel, message);
}

static karma_status child_put(void *user, const karma_output *output) {
    struct service *s = user;
    const struct json *answer;
    const char *kind;
    arena_reset(&s->scratch);
    karma_status st = queue_output(s, "put", output);
    if (st < 0) {
        const karma_output failed = {
            .struct_size = sizeof(failed),
            .key = output->key,
            .status = st,
            .error = arena_strdup(&s->scratch, karma_error_message()),
            .finish_reason = KARMA_FINISH_ERROR,
        };
        if (queue_output(s, "put", &failed) < 0) child_exit(2);
    }
    flush(s);
    arena_reset(&s->scratch);
    hear(s, &s->scratch, &answer, &kind);
    return wire_get_result(answer);
}

static bool child_cancelled(void *user) {
    struct service *s = user;
    const struct json *answer;
    const char *kind;
    arena_reset(&s->scratch);
    tell(s, wire_new(&s->scratch, "cancelled"));
    arena_reset(&s->scratch);
    hear(s, &s->scratch, &answer, &kind);
    return wire_get_result(answer) == KARMA_DONE;
}

static void child_stream(void *user, const char *key, const char *text, size_t len) {
    struct service *s = user;
    struct arena *a = &s->scratch;
    arena_reset(a);
    struct json *o = wire_new(a, "stream");
    if (!o || wire_put_str(a, o, "key", key) < 0 ||
        json_set(a, o, "text", json_new_stringn(a, text, len)) < 0)
        return; /* the output holds it all */
    tell(s, o);
}

/* Only the thread that serves writes to the channel. */
static void child_log(void *user, karma_log_level level, const char *line) {
    struct service *s = user;
    struct arena a = {0};
    if (!thrd_equal(s->thread, thrd_current())) return;
    struct json *o = wire_new(&a, "log");
    if (o && wire_put_str(&a, o, "line", line) == KARMA_OK &&
        (level != KARMA_LOG_WARNING ||
         json_set(&a, o, "warning", json_new_bool(&a, true)) == KARMA_OK))
        (void)wire_queue(s->channel, o); /* goes with the next message; a line may be lost */
    arena_release(&a);
}

/* ---- requests ---- */

static karma_status serve_load(struct service *s, struct json *done) {
    struct arena *a = &s->arena;
    karma_model *m = s->m;
    karma_status st = m->loaded ? KARMA_OK : model_load_once(m);
    if (st < 0) return st;
    st = json_set(a, done, "n_parameters", json_new_int(a, karma_model_num_parameters(m)));
    if (st == KARMA_OK)
        st = json_set(a, done, "similarity",
                      json_new_int(a, (int64_t)karma_model_similarity_kind(m)));
    return st < 0 ? st : wire_put_str(a, done, "path", m->path);
}

static karma_status serve_run(struct service *s, const struct json *request) {
    const struct json *stream = json_get(request, "stream");
    const bool streams = stream && stream->type == JSON_BOOL && stream->u.boolean;
    const karma_run_io io = {.next = child_next,
                             .put = child_put,
                             .cancelled = child_cancelled,
                             .stream = streams ? child_stream : NULL,
                             .user = s};
    return karma_model_run(s->m, &io);
}

static karma_status serve_preprocess(struct service *s, const struct json *request,
                                     struct json *done) {
    struct karma_prompt prompt = {0};
    karma_sample sample;
    karma_status st = wire_get_sample(&s->arena, json_get(request, "sample"), &sample);
    if (st == KARMA_OK) st = checked_preprocess(s->m, &sample, &prompt);
    if (st == KARMA_OK) st = wire_put_prompt(&s->arena, done, &prompt);
    prompt_release(&prompt);
    return st;
}

static karma_status serve_postprocess(struct service *s, const struct json *request,
                                      struct json *done) {
    struct output_box box = {0};
    struct json *body = json_new_object(&s->arena);
    karma_status st = wire_get_output(&s->arena, json_get(request, "output"), &box.out);
    if (st == KARMA_OK) {
        if (!box.out.raw_text) box.out.raw_text = box.out.text;
        box.out.text = box.out.raw_text;
        st = checked_postprocess(s->m, &box);
    }
    if (st == KARMA_OK) st = body ? wire_put_output(&s->arena, body, &box.out) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_set(&s->arena, done, "output", body);
    arena_release(&box.arena);
    return st;
}

static bool asks_cancelled(void *user) {
    return child_cancelled(user);
}

static karma_status read_options(struct service *s, const struct json *request,
                                 karma_embed_options *out) {
    int64_t truncate_dim, normalize;
    *out = karma_embed_defaults();
    karma_status st = json_field_str(request, "prompt", NULL, &out->prompt);
    if (st == KARMA_OK) st = json_field_str(request, "prompt_name", NULL, &out->prompt_name);
    if (st == KARMA_OK)
        st = json_field_int(request, "truncate_dim", INT32_MIN, INT32_MAX, 0, &truncate_dim);
    if (st == KARMA_OK) st = json_field_int(request, "normalize", -1, 1, -1, &normalize);
    if (st < 0) return st;
    out->truncate_dim = (int32_t)truncate_dim;
    out->normalize = (int)normalize;
    out->cancelled = asks_cancelled;
    out->user = s;
    return KARMA_OK;
}

static karma_status serve_embed(struct service *s, const struct json *request, struct json *done) {
    struct arena *a = &s->arena;
    struct embed_report report = {0};
    karma_embed_options options;
    const char **texts = NULL;
    size_t n = 0;
    karma_status st = read_options(s, request, &options);
    if (st == KARMA_OK) st = wire_get_strings(a, request, "texts", &texts, &n);
    if (st < 0) return st;
    const int64_t dim = karma_model_embedding_dim(s->m, &options);
    float *vectors = arena_calloc(a, n * (size_t)dim + 1, sizeof(*vectors));
    st = vectors ? embed_texts(s->m, texts, n, &options, vectors, &report) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = wire_put_floats(a, done, "vectors", vectors, n * (size_t)dim);
    if (st == KARMA_OK) st = json_set(a, done, "dim", json_new_int(a, dim));
    return st < 0 ? st : json_set(a, done, "n_cut", json_new_int(a, (int64_t)report.n_cut));
}

static karma_status serve_dim(struct service *s, const struct json *request, struct json *done) {
    karma_embed_options options;
    karma_status st = read_options(s, request, &options);
    if (st < 0) return st;
    const int64_t dim = karma_model_embedding_dim(s->m, &options);
    return json_set(&s->arena, done, "dim", json_new_int(&s->arena, dim));
}

static karma_status serve_corpus(struct service *s, const struct json *request) {
    const char **ids = NULL, **texts = NULL;
    size_t n = 0, n_texts = 0;
    karma_status st = wire_get_strings(&s->arena, request, "ids", &ids, &n);
    if (st == KARMA_OK) st = wire_get_strings(&s->arena, request, "texts", &texts, &n_texts);
    if (st == KARMA_OK && n != n_texts) st = status_fail(KARMA_E_SHAPE, "ids and texts differ");
    return st < 0 ? st : karma_model_set_corpus(s->m, ids, texts, n);
}

typedef karma_status make_text(karma_model *m, char **text);

static karma_status make_info(karma_model *m, char **text) {
    return karma_model_info(m, text);
}

static karma_status serve_text(struct service *s, make_text *make, struct json *done) {
    char *text;
    karma_status st = make(s->m, &text);
    if (st == KARMA_OK) st = wire_put_str(&s->arena, done, "text", text);
    karma_free(text);
    return st;
}

static karma_status serve_one(struct service *s, const char *kind, const struct json *request,
                              struct json *done) {
    if (strcmp(kind, "load") == 0) return serve_load(s, done);
    if (strcmp(kind, "run") == 0) return serve_run(s, request);
    if (strcmp(kind, "preprocess") == 0) return serve_preprocess(s, request, done);
    if (strcmp(kind, "postprocess") == 0) return serve_postprocess(s, request, done);
    if (strcmp(kind, "embed") == 0) return serve_embed(s, request, done);
    if (strcmp(kind, "embedding_dim") == 0) return serve_dim(s, request, done);
    if (strcmp(kind, "corpus") == 0) return serve_corpus(s, request);
    if (strcmp(kind, "info") == 0) return serve_text(s, make_info, done);
    if (strcmp(kind, "identity") == 0) return serve_text(s, karma_model_identity, done);
    return status_fail(KARMA_E_UNEXPECTED, "request \"%s\"", status_quotez(kind));
}

_Noreturn void isolate_serve(karma_model *m, struct child *channel) {
    struct service s = {.m = m, .channel = channel, .thread = thrd_current()};
    buf_init(&s.frame, CHILD_MAX_FRAME);
    karma_set_log(child_log, &s);
    for (;;) {
        const struct json *request;
        const char *kind;
        fenv_t before;
        arena_reset(&s.arena);
        float_env_enter(&before); /* whatever the class has made of it */
        hear(&s, &s.arena, &request, &kind);
        struct json *done = wire_new(&s.arena, "done");
        if (!done) child_exit(2);
        karma_status st = serve_one(&s, kind, request, done);
        if (wire_put_result(&s.arena, done, st) < 0) child_exit(2);
        st = wire_queue(channel, done);
        if (st < 0) { /* too large, or no text: the reason goes in its place */
            done = wire_new(&s.arena, "done");
            if (!done || wire_put_result(&s.arena, done, st) < 0) child_exit(2);
            tell(&s, done);
        }
        flush(&s);
    }
}
