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
    karma_status st = checkpoint_locate(a, path, revision, &place);
    if (st == KARMA_E_NOTFOUND) {
        const char *near;
        status_prefix(st, "model '%s' is not registered, and", status_quotez(name));
        const char *why = arena_strdup(a, karma_error_message());
        if (registry_nearest(a, name, &near) < 0 || !why) return KARMA_E_NOMEM;
        return near ? status_fail(st, "%s; nearest name: %s", why, near)
                    : status_fail(st, "%s", why);
    }
    if (st == KARMA_OK) st = checkpoint_open(place, &ck);
    if (st < 0) return st;
    /* An architecture nobody runs is load's error, which names those that do. */
    bool known = model_family_find(checkpoint_architecture(ck), &family) == KARMA_OK;
    *cls = catalog_class_of_family(known ? family->name : "");
    checkpoint_close(ck);
    return KARMA_OK;
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

karma_status model_plan_make(struct arena *a, const char *name, const char *model_path,
                             const char *config_json, const char *call_json,
                             struct model_plan *out) {
    static const char key[] = "model_name_or_path";
    const karma_option_spec *tables[CLASS_MAX_DEPTH + 1];
    const struct json *kwargs, *config, *call;
    karma_model_meta meta = {0};
    struct json *merged;
    bool found;
    memset(out, 0, sizeof(*out));
    if (!name || !*name) return status_fail(KARMA_E_USAGE, "model: no name given");
    karma_status st = registry_copy(a, name, &meta, &found);
    if (st == KARMA_OK) st = read_level(a, meta.loader_kwargs_json, "loader_kwargs", &kwargs);
    if (st == KARMA_OK) st = read_level(a, config_json, "model configuration", &config);
    if (st < 0) return st;
    st = read_level(a, call_json, "model arguments", &call);
    if (st < 0) return st == KARMA_E_NOMEM ? st : KARMA_E_USAGE;

    const char *path = model_path ? model_path : meta.model_path;
    path = json_str(json_get(kwargs, key), path ? path : name);
    if (model_path) path = model_path;
    st = merge_levels(a, path, kwargs, config, call, &merged);
    if (st < 0) return st;
    path = json_str(json_get(merged, key), path);
    if (found)
        st = karma_find_model_class(meta.loader_class, &out->cls);
    else
        st = class_of_checkpoint(a, name, path, NULL, &out->cls);
    if (st < 0) return st;

    class_options(out->cls, tables);
    st = options_resolve(a, tables, merged, false, "model argument", &out->args);
    if (st == KARMA_OK) st = generate_check_args(out->args);
    if (st < 0) return st;
    out->type = found ? meta.model_type : KARMA_TEXT_GENERATION;
    out->revision = meta.revision;
    out->path = json_str(json_get(out->args, key), path);
    out->name = arena_strdup(a, name);
    return out->name ? KARMA_OK : KARMA_E_NOMEM;
}
