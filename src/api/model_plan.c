/*
 * model_plan.c - from a name and arguments to a class, a checkpoint's place and the complete
 * arguments; nothing is loaded. Levels, lowest first: the class's defaults, the meta's
 * loader_kwargs, the place (model_path of the call, else of the meta, else the name), the
 * configuration, the call.
 */
#include <string.h>

#include "api/api.h"
#include "base/option.h"

/* Upstream's classes spell one argument in two ways. Each level is brought to the first, so that a
 * call's spelling overrides a meta's. */
static const char canonical[] = "max_tokens", other_name[] = "max_new_tokens";

/* Parse a level, NULL or an object; alias names replaced. */
static karma_status read_level(struct arena *a, const char *text, const char *what,
                               const struct json **out) {
    const struct json *given;
    *out = NULL;
    if (!text) return KARMA_OK;
    karma_status st = json_parse(a, text, strlen(text), JSON_REJECT_DUPLICATES, &given);
    if (st < 0) return status_prefix(st, "%s", what);
    if (!json_is_object(given))
        return status_fail(KARMA_E_TYPE, "%s: expected an object, found %s", what,
                           json_type_name(given));
    *out = given;
    if (!json_get(given, other_name)) return KARMA_OK;
    if (json_get(given, canonical))
        return status_fail(KARMA_E_USAGE, "%s: %s and %s are one argument; give one", what,
                           canonical, other_name);
    struct json *renamed = json_new_object(a);
    st = renamed ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; st == KARMA_OK && i < given->u.object.count; i++) {
        const struct json_member *m = &given->u.object.members[i];
        st = json_set(a, renamed, strcmp(m->key, other_name) == 0 ? canonical : m->key, m->value);
    }
    *out = renamed;
    return st;
}

/* The class for the checkpoint at path, by its architecture. */
static karma_status class_of_checkpoint(struct arena *a, const char *name, const char *path,
                                        const char *revision, const karma_model_class **cls) {
    const char *place;
    struct checkpoint *ck = NULL;
    const struct family_ops *family;
    karma_status st = model_locate(a, path, revision, &place);
    if (st == KARMA_E_NOTFOUND) {
        const char *near;
        status_prefix(st, "model '%s' is not registered, and", status_quote_path(name));
        const char *why = arena_strdup(a, karma_error_message());
        if (registry_nearest(a, name, &near) < 0 || !why) return KARMA_E_NOMEM;
        return near ? status_fail(st, "%s; nearest name: %s", why, near)
                    : status_fail(st, "%s", why);
    }
    if (st == KARMA_OK) st = checkpoint_open(place, &ck);
    if (st < 0) return st;
    bool embeds = false;
    st = embedding_is_meant(a, path, revision, ck, &embeds);
    /* An architecture nobody runs is load's error, which names those that do. */
    bool known = model_family_find(checkpoint_architecture(ck), &family) == KARMA_OK;
    *cls = embeds ? catalog_embedding_class : catalog_class_of_family(known ? family->name : "");
    checkpoint_close(ck);
    return st;
}

/* The merged levels with the place in them. */
static karma_status merge_levels(struct arena *a, const char *path, const struct json *kwargs,
                                 const struct json *config, const struct json *call,
                                 struct json **out) {
    struct json *place = json_new_object(a);
    if (!place) return KARMA_E_NOMEM;
    karma_status st = json_set(a, place, "model_name_or_path", json_new_string(a, path));
    if (st == KARMA_OK) st = json_merge(a, kwargs, place, out);
    if (st == KARMA_OK) st = json_merge(a, *out, config, out);
    if (st == KARMA_OK) st = json_merge(a, *out, call, out);
    return st;
}

static const char place_key[] = "model_name_or_path";

/* Where a request's checkpoint lies, before configuration and call: the place in the request, else
 * of the loader_kwargs, else the meta's, else the name itself. */
static const char *place_of(const struct model_request *r, const karma_model_meta *meta,
                            const struct json *kwargs) {
    if (r->path) return r->path;
    return json_str(json_get(kwargs, place_key), meta->model_path ? meta->model_path : r->name);
}

static karma_status check_args(struct arena *a, const karma_model_class *cls,
                               const struct json *args) {
    const char *const *names;
    karma_status st = generate_check_args(args);
    if (st == KARMA_OK) st = embedding_check_args(cls, args);
    if (st == KARMA_OK) st = speech_check_args(cls, args);
    return st < 0 ? st : fallback_names(a, args, &names);
}

/* No checkpoint to choose a class by: with fall-backs that is load's business. */
static karma_status put_off(struct arena *a, const struct json *merged, karma_status st,
                            struct model_plan *out) {
    struct arena kept = {0};
    const char *const *names = NULL;
    const char *why = arena_strdup(&kept, karma_error_message());
    out->pending =
        fallback_is_for(st) && fallback_names(a, merged, &names) == KARMA_OK && names[0] && why;
    st = out->pending ? KARMA_OK : status_fail(st, "%s", why ? why : "out of memory");
    arena_release(&kept);
    if (st < 0) return st;
    out->cls = &class_base;
    out->args = merged;
    out->type = KARMA_TEXT_GENERATION;
    return KARMA_OK;
}

karma_status model_plan_request(struct arena *a, const struct model_request *r,
                                struct model_plan *out) {
    const karma_option_spec *tables[CLASS_MAX_TABLES];
    const struct json *kwargs = NULL;
    const karma_model_class *cls = r->cls;
    karma_model_meta meta = {0};
    struct json *merged;
    bool found;
    *out = (struct model_plan){.name = r->name, .request = *r};
    karma_status st = registry_copy(a, r->name, &meta, &found);
    if (st == KARMA_OK && !r->cls)
        st = read_level(a, meta.loader_kwargs_json, "loader_kwargs", &kwargs);
    if (st == KARMA_OK)
        st = merge_levels(a, place_of(r, &meta, kwargs), kwargs, r->config, r->call, &merged);
    if (st < 0) return st;
    out->revision = meta.revision;
    out->path = json_str(json_get(merged, place_key), r->name);
    if (!cls && found) {
        st = karma_find_model_class(meta.loader_class, &cls);
    } else if (!cls) {
        st = class_of_checkpoint(a, r->name, out->path, NULL, &cls);
        if (st < 0) return put_off(a, merged, st, out);
    }
    if (st < 0) return st;
    out->cls = cls;
    class_options(cls, tables);
    st = options_resolve(a, tables, merged, false, "model argument", &out->args);
    if (st == KARMA_OK) st = check_args(a, out->cls, out->args);
    if (st < 0) return st;
    out->path = json_str(json_get(out->args, place_key), out->path);
    out->type = found                                  ? meta.model_type
                : class_holder(cls, SLOT_EMBED)->embed ? KARMA_EMBEDDING
                : speech_is_meant(cls)                 ? KARMA_AUDIO_RECOGNITION
                                                       : KARMA_TEXT_GENERATION;
    return KARMA_OK;
}

/* A copy of name for the request. */
static karma_status ask_for(struct arena *a, const char *name, struct model_request *r) {
    *r = (struct model_request){0};
    if (!name || !*name) return status_fail(KARMA_E_USAGE, "model: no name given");
    r->name = arena_strdup(a, name);
    return r->name ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status read_call(struct arena *a, const char *call_json, struct model_request *r) {
    karma_status st = read_level(a, call_json, "model arguments", &r->call);
    return st < 0 && st != KARMA_E_NOMEM ? KARMA_E_USAGE : st;
}

karma_status model_plan_of_class(struct arena *a, const karma_model_class *cls, const char *place,
                                 const char *call_json, struct model_plan *out) {
    struct model_request r;
    karma_status st = ask_for(a, place, &r);
    if (st == KARMA_OK) st = class_check(cls);
    if (st == KARMA_OK) st = read_call(a, call_json, &r);
    r.cls = cls;
    return st < 0 ? st : model_plan_request(a, &r, out);
}

karma_status model_plan_make(struct arena *a, const char *name, const char *model_path,
                             const char *config_json, const char *call_json,
                             struct model_plan *out) {
    struct model_request r;
    karma_status st = ask_for(a, name, &r);
    if (st == KARMA_OK) st = read_level(a, config_json, "model configuration", &r.config);
    if (st == KARMA_OK) st = read_call(a, call_json, &r);
    if (st == KARMA_OK && model_path && !(r.path = arena_strdup(a, model_path))) st = KARMA_E_NOMEM;
    return st < 0 ? st : model_plan_request(a, &r, out);
}
