/* slices.c - see slices.h. */
#include "datasets/slices.h"

#include <string.h>

enum { MAX_SLICES = 32, MAX_VALUE_BYTES = 256 };

static karma_status add_field(struct slices *s, const char *name) {
    if (!name[0]) return status_fail(KARMA_E_USAGE, "data set argument slices: a name is empty");
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->fields[i], name) != 0) continue;
        return i < s->n_own ? KARMA_OK /* it is told of anyway */
                            : status_fail(KARMA_E_USAGE, "data set argument slices: '%s' twice",
                                          status_quotez(name));
    }
    if (s->count == MAX_SLICES)
        return status_fail(KARMA_E_LIMIT, "data set argument slices: more than %d columns",
                           MAX_SLICES);
    s->fields[s->count++] = name;
    return KARMA_OK;
}

static karma_status add_given(struct arena *a, const char *list, struct slices *s) {
    karma_status st = KARMA_OK;
    while (list && st == KARMA_OK) {
        const size_t len = strcspn(list, "+");
        const char *name = arena_strndup(a, list, len);
        st = name ? add_field(s, name) : KARMA_E_NOMEM;
        list = list[len] ? list + len + 1 : NULL;
    }
    return st;
}

karma_status slices_init(struct arena *a, const struct dataset_spec *spec, const struct json *args,
                         struct slices *out) {
    const char *group = json_str(json_get(args, "group_by"), NULL);
    *out = (struct slices){.group = group ? group : spec->fields.group, .group_is_given = group};
    if (group && !group[0])
        return status_fail(KARMA_E_USAGE, "data set argument group_by: the name is empty");
    out->fields = arena_calloc(a, MAX_SLICES, sizeof(*out->fields));
    out->seen = arena_calloc(a, MAX_SLICES, sizeof(*out->seen));
    if (!out->fields || !out->seen) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    for (const char *const *f = spec->slices; f && *f && st == KARMA_OK; f++)
        st = add_field(out, *f);
    out->n_own = out->count;
    return st < 0 ? st : add_given(a, json_str(json_get(args, "slices"), NULL), out);
}

static karma_status value_of(struct arena *a, const char *column, const struct json *adapted,
                             const struct json *original, const char **out) {
    const struct json *value = item_field(adapted, column);
    if (!value) value = item_field(original, column);
    karma_status st = item_text(a, value, out);
    if (st == KARMA_OK && *out && !(*out)[0]) *out = NULL; /* an empty cell */
    if (st == KARMA_OK && *out && strlen(*out) > MAX_VALUE_BYTES)
        st = status_fail(KARMA_E_LIMIT, "more than %d bytes, as no name of a part has",
                         MAX_VALUE_BYTES);
    return st < 0 ? status_prefix(st, "%s", column) : KARMA_OK;
}

karma_status slices_item(struct arena *a, const struct slices *s, const struct json *adapted,
                         const struct json *original, struct item *out) {
    karma_status st = KARMA_OK;
    if (s->group) st = value_of(a, s->group, adapted, original, &out->group);
    if (st < 0 || s->count == 0) return st;
    out->slices = arena_calloc(a, s->count, sizeof(*out->slices));
    if (!out->slices) return KARMA_E_NOMEM;
    for (size_t i = 0; i < s->count && st == KARMA_OK; i++)
        st = value_of(a, s->fields[i], adapted, original, &out->slices[i]);
    return st;
}

void slices_saw(struct slices *s, const struct item *item) {
    s->group_seen = s->group_seen || item->group;
    for (size_t i = 0; i < s->count; i++)
        s->seen[i] = s->seen[i] || item->slices[i];
}

karma_status slices_check_seen(const struct slices *s) {
    if (s->group_is_given && !s->group_seen)
        return status_fail(KARMA_E_MISSING, "group_by: no row has anything in '%s'",
                           status_quotez(s->group));
    for (size_t i = s->n_own; i < s->count; i++)
        if (!s->seen[i])
            return status_fail(KARMA_E_MISSING, "slices: no row has anything in '%s'",
                               status_quotez(s->fields[i]));
    return KARMA_OK;
}
