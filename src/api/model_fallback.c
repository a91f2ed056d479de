/*
 * model_fallback.c - what is loaded when a model cannot be: the models that the argument fallback
 * names, in order, and those that these name in their own metadata. Only a failure of the
 * checkpoint leads here (it is not there, not readable, malformed, not supported, too large); what
 * the caller asked for wrongly, or cancelled, stays the caller's. Arguments of the call hold for
 * whatever is loaded, so one that its class does not know is an error too.
 */
#include <string.h>

#include "api/api.h"
#include "base/log.h"
#include "base/mem.h"

enum { MAX_TRIES = 32 }; /* names in one chain */

bool fallback_is_for(karma_status st) {
    switch (st) {
    case KARMA_E_LIMIT:
    case KARMA_E_SYNTAX:
    case KARMA_E_TYPE:
    case KARMA_E_RANGE:
    case KARMA_E_OVERFLOW:
    case KARMA_E_OVERLAP:
    case KARMA_E_HOLE:
    case KARMA_E_DUPLICATE:
    case KARMA_E_MISSING:
    case KARMA_E_UNEXPECTED:
    case KARMA_E_SHAPE:
    case KARMA_E_DTYPE:
    case KARMA_E_NONFINITE:
    case KARMA_E_UNSUPPORTED:
    case KARMA_E_ENCODING:
    case KARMA_E_PATH:
    case KARMA_E_DIGEST:
    case KARMA_E_NOMEM:
    case KARMA_E_IO:
    case KARMA_E_PERM:
    case KARMA_E_NOTFOUND:
        return true;
    default:
        return false;
    }
}

karma_status fallback_names(struct arena *a, const struct json *args, const char *const **names) {
    const struct json *given = json_get(args, "fallback");
    size_t n = json_is_array(given) ? json_count(given) : !json_is_null(given);
    const char **list = arena_calloc(a, n + 1, sizeof(*list));
    *names = NULL;
    if (!list) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct json *name = json_is_array(given) ? json_at(given, i) : given;
        list[i] = json_str(name, NULL);
        if (!list[i] || !*list[i] || strlen(list[i]) != name->u.string.len)
            return status_fail(KARMA_E_USAGE, "model argument fallback: expected the name of a "
                                              "model or a list of names");
    }
    *names = list;
    return KARMA_OK;
}

/* ---- the chain ---- */

struct chain {
    karma_model *m;
    struct model_plan asked; /* for */
    struct arena memory;     /* of names */
    const char *names[MAX_TRIES];
    size_t count;
    struct buf reasons; /* "NAME: message; NAME: message" */
};

static bool is_known(const struct chain *c, const char *name) {
    bool known = strcmp(name, c->asked.name) == 0;
    for (size_t i = 0; i < c->count && !known; i++)
        known = strcmp(name, c->names[i]) == 0;
    return known;
}

/* Names that are there already are left out, so that a chain ends. */
static karma_status add_names(struct chain *c, const struct json *args) {
    struct arena a = {0};
    const char *const *names;
    karma_status st = fallback_names(&a, args, &names);
    for (; st == KARMA_OK && *names && c->count < MAX_TRIES; names++) {
        if (is_known(c, *names)) continue;
        c->names[c->count] = arena_strdup(&c->memory, *names);
        if (c->names[c->count])
            c->count++;
        else
            st = KARMA_E_NOMEM;
    }
    arena_release(&a);
    return st;
}

static karma_status add_reason(struct chain *c, const char *name) {
    const char *why = karma_error_message();
    karma_status st =
        buf_printf(&c->reasons, "%s%s: ", c->reasons.len ? "; " : "", status_quote_path(name));
    return st < 0 ? st : buf_puts(&c->reasons, why);
}

/* A level without fall-backs, and without the place when that is of another model. */
static karma_status strip_level(struct arena *a, const struct json *level, bool other,
                                const struct json **out) {
    *out = NULL;
    if (!level) return KARMA_OK;
    struct json *left = json_new_object(a);
    karma_status st = left ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < json_count(level); i++) {
        const struct json_member *m = &level->u.object.members[i];
        if (strcmp(m->key, "fallback") == 0) continue;
        if (other && strcmp(m->key, "model_name_or_path") == 0) continue;
        st = json_set(a, left, m->key, m->value);
    }
    *out = left;
    return st;
}

/* A plan without fall-backs of its own request: of that name instead, or (NULL) of the same. */
static karma_status plan_for(struct arena *a, const struct model_request *asked, const char *name,
                             struct model_plan *out) {
    struct model_request r = *asked;
    *out = (struct model_plan){0};
    if (name) {
        r.path = NULL;
        r.name = arena_strdup(a, name);
        if (!r.name) return KARMA_E_NOMEM;
    }
    karma_status st = strip_level(a, asked->config, name, &r.config);
    if (st == KARMA_OK) st = strip_level(a, asked->call, name, &r.call);
    return st < 0 ? st : model_plan_request(a, &r, out);
}

/* Make plan, which lives in a, m's own and load it. m is as before when that fails. */
static karma_status load_plan(karma_model *m, const struct model_plan *plan, struct arena *a) {
    const struct model_plan plan_before = m->plan;
    char *args_before = m->args_json;
    m->plan = *plan;
    m->args_json = NULL;
    karma_status st = model_write_args(m);
    if (st == KARMA_OK) st = model_load_once(m);
    if (st < 0) {
        mem_free(m->args_json);
        m->args_json = args_before;
        m->plan = plan_before;
        return st;
    }
    mem_free(args_before);
    arena_release(&m->plan_arena);
    m->plan_arena = *a;
    *a = (struct arena){0};
    return KARMA_OK;
}

/* Load the model of that name in place of the one asked for. *goes_on: it failed, and the next name
 * is to be tried. */
static karma_status try_name(struct chain *c, const char *name, bool *goes_on) {
    struct arena a = {0};
    struct model_plan plan = {0};
    *goes_on = false;
    karma_status st = plan_for(&a, &c->asked.request, name, &plan);
    const bool arguments = st < 0 && plan.cls;
    if (st == KARMA_OK) st = add_names(c, plan.args);
    const char *reasons = st == KARMA_OK ? arena_strdup(&a, buf_str(&c->reasons)) : NULL;
    if (st == KARMA_OK && !reasons) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) st = load_plan(c->m, &plan, &a);
    if (st == KARMA_OK) {
        c->m->fallback_reason = reasons;
        log_warn("%s could not be loaded; %s is used in its place (%s)",
                 status_quote_path(c->asked.name), status_quote_path(c->m->plan.name), reasons);
    } else {
        *goes_on = !arguments && fallback_is_for(st);
        if (add_reason(c, name) < 0) *goes_on = false;
    }
    arena_release(&a);
    return st;
}

/* The plan that could not be made at creation, made and loaded. */
static karma_status load_pending(karma_model *m) {
    struct arena a = {0};
    struct model_plan plan;
    /* Without fall-backs it says why it still cannot be made. */
    karma_status st = plan_for(&a, &m->plan.request, NULL, &plan);
    if (st == KARMA_OK) st = model_plan_request(&a, &m->plan.request, &plan);
    if (st == KARMA_OK) st = load_plan(m, &plan, &a);
    arena_release(&a);
    return st;
}

static karma_status run_chain(struct chain *c, karma_status first) {
    karma_status st = add_reason(c, c->asked.name);
    bool goes_on = st == KARMA_OK;
    for (size_t i = 0; goes_on && i < c->count; i++) {
        st = try_name(c, c->names[i], &goes_on);
        if (st == KARMA_OK) return KARMA_OK;
    }
    /* All failed: what was asked for says why. One that was asked for wrongly says that. */
    if (goes_on || st == KARMA_OK) st = first;
    return status_fail(st, "%s", buf_str(&c->reasons));
}

karma_status fallback_load(karma_model *m) {
    karma_status st = m->plan.pending ? load_pending(m) : model_load_once(m);
    if (st == KARMA_OK || !fallback_is_for(st)) return st;
    struct chain c = {.m = m, .asked = m->plan};
    const char *why = arena_strdup(&c.memory, karma_error_message());
    karma_status added = why ? add_names(&c, m->plan.args) : KARMA_E_NOMEM;
    st = status_fail(st, "%s", why ? why : "out of memory");
    if (added == KARMA_OK && c.count > 0) st = run_chain(&c, st);
    buf_release(&c.reasons);
    arena_release(&c.memory);
    return st;
}
