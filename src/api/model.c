/*
 * model.c - the life of a model: create, load, move, unload, destroy. Loading maps the checkpoint
 * and binds views of it; a load that fails gives everything back and can be tried again.
 */
#include "karma/model.h"

#include <string.h>

#include "api/api.h"
#include "api/isolate.h"
#include "base/float_env.h"
#include "base/foreign.h"
#include "base/mem.h"

/* ---- create and destroy ---- */

karma_status model_write_args(karma_model *m) {
    struct buf text = {0};
    karma_status st = json_write(&text, m->plan.args, 0, JSON_PYTHON);
    char *args = st == KARMA_OK ? buf_take(&text) : NULL;
    buf_release(&text);
    if (!args) return st < 0 ? st : KARMA_E_NOMEM;
    mem_free(m->args_json);
    m->args_json = args;
    return KARMA_OK;
}

/* Make the model of the plan that is in m, if st says that there is one. */
static karma_status create(karma_model *m, karma_status st, karma_model **out) {
    if (st == KARMA_OK) st = model_write_args(m);
    if (st < 0) {
        karma_model_destroy(m);
        return st;
    }
    m->requested_name = m->plan.name;
    *out = m;
    return KARMA_OK;
}

karma_status karma_model_create_with(const char *name, const char *model_path,
                                     const char *config_json, const char *args_json,
                                     karma_model **out) {
    fenv_t before;
    *out = NULL;
    karma_model *m = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    float_env_enter(&before); /* numbers are read here */
    karma_status st =
        model_plan_make(&m->arena, name, model_path, config_json, args_json, &m->plan);
    float_env_leave(&before);
    return create(m, st, out);
}

karma_status karma_model_create_as(const karma_model_class *cls, const char *model_name_or_path,
                                   const char *args_json, karma_model **out) {
    fenv_t before;
    *out = NULL;
    karma_model *m = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    float_env_enter(&before);
    karma_status st = model_plan_of_class(&m->arena, cls, model_name_or_path, args_json, &m->plan);
    float_env_leave(&before);
    return create(m, st, out);
}

karma_status karma_model_create(const char *name, const char *args_json, karma_model **out) {
    return karma_model_create_with(name, NULL, NULL, args_json, out);
}

karma_status karma_get_model(const char *name, const char *args_json, karma_model **out) {
    karma_status st = karma_model_create(name, args_json, out);
    if (st == KARMA_OK) st = karma_model_load(*out);
    if (st < 0) {
        karma_model_destroy(*out);
        *out = NULL;
    }
    return st;
}

void karma_model_destroy(karma_model *m) {
    if (!m) return;
    karma_model_unload(m);
    isolation_release(m); /* there may be a child without load(): for preprocess() */
    run_guards_release(m);
    mem_free(m->args_json);
    arena_release(&m->plan_arena);
    arena_release(&m->arena);
    mem_free(m);
}

/* ---- load and unload ---- */

/* Also after a load that failed half-way. */
static void give_back(karma_model *m) {
    for (const karma_model_class *c = class_acting(m); c; c = class_base_of(c))
        if (c->unload) c->unload(m);
    model_unload_checkpoint(m);
    m->loaded = false;
    m->own_bytes = 0;
}

karma_status model_load_once(karma_model *m) {
    const size_t before = mem_live_bytes();
    const karma_model_class *holder = class_holder(class_acting(m), SLOT_LOAD);
    foreign_begin();
    karma_status st = class_result(class_named(m, holder), "load", holder->load(m));
    if (st == KARMA_OK) {
        const int64_t taken = (int64_t)mem_live_bytes() - (int64_t)before;
        const int64_t own = taken - (int64_t)embedding_bytes(m); /* which grows, and is asked for */
        m->loaded = true;
        model_count_own(m, own > 0 ? own : 0);
        return KARMA_OK;
    }
    struct arena a = {0}; /* giving back may fail somewhere inside and change the message */
    const char *why = arena_strdup(&a, karma_error_message());
    give_back(m);
    st = status_fail(st, "%s", why ? why : "out of memory");
    arena_release(&a);
    return st;
}

karma_status karma_model_load(karma_model *m) {
    if (m->loaded) return KARMA_OK;
    fenv_t before;
    float_env_enter(&before);
    karma_status st = fallback_load(m);
    float_env_leave(&before);
    return st;
}

bool karma_model_is_loaded(const karma_model *m) {
    return m->loaded;
}

void karma_model_unload(karma_model *m) {
    if (m->loaded) give_back(m);
}

karma_status model_need_loaded(const karma_model *m) {
    if (m->model) return KARMA_OK;
    return status_fail(KARMA_E_USAGE, "%s: %s", status_quote_path(m->plan.name),
                       !m->loaded     ? "the model is not loaded"
                       : m->isolation ? "it runs in a process of its own, where only run() and "
                                        "embed() reach it"
                                      : "this class has no checkpoint");
}

/* ---- move ---- */

/* args with another device. */
static karma_status with_device(struct arena *a, const struct json *args, const char *device,
                                const struct json **out) {
    struct json *over = json_new_object(a), *merged = NULL;
    karma_status st =
        over ? json_set(a, over, "device", json_new_string(a, device)) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_merge(a, args, over, &merged);
    *out = merged;
    return st;
}

/* Take down what is loaded and load it with those arguments; if that fails, with the former. */
static karma_status reload(karma_model *m, const struct json *args) {
    struct arena a = {0};
    const struct json *before = m->plan.args;
    fenv_t env;
    float_env_enter(&env);
    give_back(m);
    m->plan.args = args;
    karma_status st = model_load_once(m);
    m->plan.args = before;
    if (st < 0) {
        const char *why = arena_strdup(&a, karma_error_message());
        const karma_status again = model_load_once(m);
        st = again < 0 ? again : status_fail(st, "%s", why ? why : "out of memory");
        arena_release(&a);
    }
    float_env_leave(&env);
    return st;
}

karma_status karma_model_to(karma_model *m, const char *device) {
    struct backend *be = NULL;
    const struct json *args, *call;
    struct buf text = {0};
    if (!device) return status_fail(KARMA_E_USAGE, "device: no name given");
    karma_status st = backend_create(device, (int)model_arg_int(m, "threads", 0), &be);
    if (st < 0) return st;
    const bool moves = m->be ? strcmp(be->ops->describe(be), m->be->ops->describe(m->be)) != 0
                             : m->isolation && m->loaded;
    backend_destroy(be);
    st = with_device(&m->arena, m->plan.args, device, &args);
    if (st == KARMA_OK) st = with_device(&m->arena, m->plan.request.call, device, &call);
    if (st == KARMA_OK) st = json_write(&text, args, 0, JSON_PYTHON);
    char *args_json = st == KARMA_OK ? buf_take(&text) : NULL;
    buf_release(&text);
    if (st == KARMA_OK && !args_json) st = KARMA_E_NOMEM;
    if (st == KARMA_OK && moves) st = reload(m, args);
    if (st < 0) {
        mem_free(args_json);
        return st;
    }
    mem_free(m->args_json);
    m->args_json = args_json;
    m->plan.args = args;
    m->plan.request.call = call;
    return KARMA_OK;
}

karma_model *karma_model_eval(karma_model *m) {
    return m;
}
