/*
 * model_run.c - the ways to run a model: samples through callbacks, one text, several texts,
 * several samples with all that is known of their outputs; and the two hooks of a class by
 * themselves.
 */
#include "karma/model.h"

#include <fenv.h>
#include <string.h>

#include "api/api.h"
#include "api/isolate.h"
#include "base/map.h"
#include "base/mem.h"

bool karma_model_can_choose(const karma_model *m) {
    return !isolated(m) && class_holder(class_acting(m), SLOT_RUN) == &class_base;
}

bool karma_model_can_end_early(const karma_model *m) {
    return karma_model_can_choose(m) && answer_is_ours(m);
}

karma_status karma_model_run(karma_model *m, const karma_run_io *io) {
    karma_status st = karma_model_load(m);
    if (st < 0) return st;
    if (io->enough && !karma_model_can_end_early(m))
        return status_fail(KARMA_E_UNSUPPORTED,
                           "class %s makes answers in its own way: none can be ended early",
                           m->plan.cls->name);
    const karma_model_class *holder = class_holder(class_acting(m), SLOT_RUN);
    fenv_t before;
    fegetenv(&before); /* a class may change it */
    st = holder == &class_base ? generate_run(m, io) : guarded_run(m, holder, io);
    fesetenv(&before);
    return st;
}

/* ---- one text ---- */

struct one_text {
    const karma_sample sample;
    bool given;
    char *answer;
    karma_status st; /* of the sample */
    struct arena arena;
    const char *error;
};

static karma_status one_next(void *user, const karma_sample **sample) {
    struct one_text *one = user;
    if (one->given) return KARMA_DONE;
    one->given = true;
    *sample = &one->sample;
    return KARMA_OK;
}

static karma_status one_put(void *user, const karma_output *output) {
    struct one_text *one = user;
    one->st = output->status;
    if (output->status < 0)
        one->error = arena_strdup(&one->arena, output->error ? output->error : "");
    else if (!(one->answer = mem_strdup(output->text ? output->text : "")))
        return KARMA_E_NOMEM;
    return KARMA_OK;
}

karma_status karma_model_run_text(karma_model *m, const char *input, char **answer) {
    struct one_text one = {
        .sample = {.struct_size = sizeof(karma_sample), .input = input},
        .st = KARMA_E_INTERNAL,
    };
    karma_run_io io = {.next = one_next, .put = one_put, .user = &one};
    *answer = NULL;
    karma_status st = karma_model_run(m, &io);
    if (st == KARMA_OK && one.st < 0)
        st = status_fail(one.st, "%s", one.error ? one.error : "the class gave no answer");
    if (st == KARMA_OK)
        *answer = one.answer;
    else
        mem_free(one.answer);
    arena_release(&one.arena);
    return st;
}

/* ---- several ---- */

typedef karma_status take_output(void *user, size_t i, const karma_output *output);

/* Samples from arrays, outputs to the place of their sample. */
struct several {
    const char *const *inputs;          /* [n], or ... */
    const karma_sample *const *samples; /* ... [n] */
    size_t n, at, n_put;
    karma_sample lent;
    struct map by_key;
    bool *put; /* [n] */
    take_output *take;
    void *user;
};

static karma_status several_next(void *user, const karma_sample **sample) {
    struct several *s = user;
    struct map_entry *entry;
    bool added;
    char made[40];
    if (s->at == s->n) return KARMA_DONE;
    const size_t i = s->at;
    if (s->samples)
        s->lent = *s->samples[i];
    else
        s->lent = (karma_sample){.struct_size = sizeof(s->lent), .input = s->inputs[i]};
    make_key(i, made);
    const char *key = s->lent.key ? s->lent.key : made;
    karma_status st = map_put(&s->by_key, key, strlen(key), &entry, &added);
    if (st == KARMA_OK && !added)
        st = status_fail(KARMA_E_DUPLICATE, "samples %zu and %zu have the same key '%s'",
                         (size_t)entry->value.u64, i, status_quotez(key));
    if (st < 0) return st;
    entry->value.u64 = i;
    s->lent.key = entry->key;
    s->at++;
    *sample = &s->lent;
    return KARMA_OK;
}

static karma_status several_put(void *user, const karma_output *output) {
    struct several *s = user;
    const struct map_entry *entry =
        output->key ? map_find(&s->by_key, output->key, strlen(output->key)) : NULL;
    if (!entry || s->put[entry->value.u64])
        return status_fail(KARMA_E_INTERNAL, "an output for '%s' that nobody waits for",
                           status_quotez(output->key));
    s->put[entry->value.u64] = true;
    s->n_put++;
    return s->take(s->user, (size_t)entry->value.u64, output);
}

static karma_status run_several(karma_model *m, struct several *s) {
    const karma_run_io io = {.next = several_next, .put = several_put, .user = s};
    s->put = mem_calloc(s->n + 1, sizeof(*s->put));
    karma_status st = s->put ? karma_model_run(m, &io) : KARMA_E_NOMEM;
    if (st == KARMA_OK && s->n_put != s->n)
        st = status_fail(KARMA_E_INTERNAL, "%zu samples and %zu outputs", s->n, s->n_put);
    map_release(&s->by_key);
    mem_free(s->put);
    return st;
}

struct texts {
    struct arena arena;
    const char **answers; /* [n] */
    size_t first_failed;
    karma_status st; /* of that one */
    const char *error;
};

static karma_status take_text(void *user, size_t i, const karma_output *output) {
    struct texts *t = user;
    if (output->status < 0 && i >= t->first_failed) return KARMA_OK;
    if (output->status < 0) {
        t->first_failed = i;
        t->st = output->status;
        t->error = arena_strdup(&t->arena, output->error ? output->error : "");
        return t->error ? KARMA_OK : KARMA_E_NOMEM;
    }
    t->answers[i] = arena_strdup(&t->arena, output->text ? output->text : "");
    return t->answers[i] ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status karma_model_run_texts(karma_model *m, const char *const *inputs, size_t n,
                                   char ***answers) {
    struct texts t = {.first_failed = SIZE_MAX};
    struct several s = {.inputs = inputs, .n = n, .take = take_text, .user = &t};
    size_t count;
    *answers = NULL;
    t.answers = arena_calloc(&t.arena, n + 1, sizeof(*t.answers));
    karma_status st = t.answers ? run_several(m, &s) : KARMA_E_NOMEM;
    if (st == KARMA_OK && t.st < 0) st = status_fail(t.st, "text %zu: %s", t.first_failed, t.error);
    if (st == KARMA_OK) st = names_block(t.answers, n, answers, &count);
    arena_release(&t.arena);
    return st;
}

/* ---- with metadata ---- */

static karma_status put_str(struct arena *a, struct json *o, const char *key, const char *value) {
    return json_set(a, o, key, value ? json_new_string(a, value) : json_new_null(a));
}

/* The names of the flags that are set. */
static karma_status put_flags(struct arena *a, struct json *o, unsigned flags) {
    static const char *const names[] = {"cut", "prompt_truncated", "thought_cut", "special_in_text",
                                        "decided"}; /* by bit */
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (unsigned i = 0; st == KARMA_OK && i < sizeof(names) / sizeof(names[0]); i++)
        if (flags & 1u << i) st = json_push(a, list, json_new_string(a, names[i]));
    return st < 0 ? st : json_set(a, o, "flags", list);
}

struct records {
    struct arena arena;
    const struct json **all; /* [n] */
};

static karma_status take_record(void *user, size_t i, const karma_output *output) {
    struct records *r = user;
    struct arena *a = &r->arena;
    struct json *o = json_new_object(a);
    const bool good = output->status == KARMA_OK;
    karma_status st = o ? put_str(a, o, "text", good ? output->text : NULL) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = put_str(a, o, "tool_trace", "");
    if (st == KARMA_OK) st = put_str(a, o, "thinking", good ? output->thinking : NULL);
    if (st == KARMA_OK)
        st = put_str(a, o, "finish_reason", karma_finish_reason_name(output->finish_reason));
    if (st == KARMA_OK)
        st = json_set(a, o, "prompt_tokens", json_new_int(a, (int64_t)output->n_prompt_tokens));
    if (st == KARMA_OK)
        st = json_set(a, o, "generated_tokens", json_new_int(a, (int64_t)output->n_tokens));
    if (st == KARMA_OK) st = put_flags(a, o, output->flags);
    if (st == KARMA_OK) st = put_str(a, o, "error", good ? NULL : output->error);
    if (st == KARMA_OK && good && output->segments_json) {
        const struct json *heard;
        st = json_parse(a, output->segments_json, strlen(output->segments_json), 0, &heard);
        if (st == KARMA_OK) st = json_set(a, o, "speech", heard);
    }
    r->all[i] = o;
    return st;
}

static karma_status take_json(const struct json *value, char **json) {
    struct buf b = {0};
    karma_status st = json_write(&b, value, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(*json = buf_take(&b))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

karma_status karma_model_run_with_metadata(karma_model *m, const karma_sample *const *samples,
                                           size_t n, char **json) {
    struct records r = {0};
    struct several s = {.samples = samples, .n = n, .take = take_record, .user = &r};
    *json = NULL;
    for (size_t i = 0; i < n; i++)
        if (samples[i]->struct_size != sizeof(karma_sample))
            return status_fail(KARMA_E_ABI, "sample %zu: expected %zu bytes, found %u", i,
                               sizeof(karma_sample), samples[i]->struct_size);
    r.all = arena_calloc(&r.arena, n + 1, sizeof(*r.all));
    struct json *list = json_new_array(&r.arena);
    karma_status st = r.all && list ? run_several(m, &s) : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < n; i++)
        st = json_push(&r.arena, list, r.all[i]);
    if (st == KARMA_OK) st = take_json(list, json);
    arena_release(&r.arena);
    return st;
}

/* ---- the hooks by themselves ---- */

static karma_status prompt_json(struct arena *a, const struct karma_prompt *p, struct json *o) {
    if (p->raw) {
        karma_status put = put_str(a, o, "prompt", p->raw);
        return put < 0 || !p->n_raw_images
                   ? put
                   : json_set(a, o, "images", json_new_int(a, (int64_t)p->n_raw_images));
    }
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < p->count; i++) {
        struct json *message = json_new_object(a);
        if (!message) return KARMA_E_NOMEM;
        st = put_str(a, message, "role", p->messages[i].role);
        if (st == KARMA_OK) st = put_str(a, message, "content", p->messages[i].content);
        if (st == KARMA_OK && p->messages[i].n_images)
            st = json_set(a, message, "images", json_new_int(a, (int64_t)p->messages[i].n_images));
        if (st == KARMA_OK) st = json_push(a, list, message);
    }
    return st < 0 ? st : json_set(a, o, "messages", list);
}

karma_status karma_model_preprocess(karma_model *m, const karma_sample *sample, char **json) {
    struct karma_prompt prompt = {0};
    struct arena a = {0};
    *json = NULL;
    struct json *o = json_new_object(&a);
    karma_status st = o ? checked_preprocess(m, sample, &prompt) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = prompt_json(&a, &prompt, o);
    if (st == KARMA_OK) st = take_json(o, json);
    prompt_release(&prompt);
    arena_release(&a);
    return st;
}

karma_status karma_model_postprocess(karma_model *m, const char *raw_text, char **json) {
    struct output_box box = {
        .out = {.struct_size = sizeof(karma_output), .text = raw_text, .raw_text = raw_text}};
    struct arena a = {0};
    *json = NULL;
    if (!raw_text) return status_fail(KARMA_E_USAGE, "postprocess: no text given");
    struct json *o = json_new_object(&a);
    karma_status st = o ? checked_postprocess(m, &box) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = put_str(&a, o, "text", box.out.text);
    if (st == KARMA_OK) st = put_str(&a, o, "thinking", box.out.thinking);
    if (st == KARMA_OK) st = put_flags(&a, o, box.out.flags);
    if (st == KARMA_OK) st = take_json(o, json);
    arena_release(&box.arena);
    arena_release(&a);
    return st;
}
