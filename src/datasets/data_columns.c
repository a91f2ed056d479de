/*
 * data_columns.c - what columns the rows of a text file have: all rows are read, and what stands
 * under each name is told by its types. A row without a name counts as a null.
 */
#include <string.h>

#include "base/map.h"
#include "datasets/data_file.h"

enum { MAX_COLUMNS = 10000, MAX_SHOWN_DEPTH = 64 };

struct column {
    const char *path;
    int depth;
    unsigned types;    /* bits of enum json_type, without null */
    int64_t n_values;  /* that are not null */
    int64_t n_holders; /* of what it could stand in */
    struct column *parent, *first, **end, *next;
    struct map names; /* of an object's members -> struct column */
    struct column *element;
};

struct scan {
    struct arena *arena;
    size_t n;
};

static void release(struct column *c) {
    for (struct column *k = c->first; k; k = k->next)
        release(k);
    map_release(&c->names);
}

static karma_status new_column(struct scan *s, struct column *parent, const char *name,
                               struct column **out) {
    if (++s->n > MAX_COLUMNS)
        return status_fail(KARMA_E_LIMIT, "more than %d columns", MAX_COLUMNS);
    struct column *c = *out = arena_alloc(s->arena, sizeof(*c));
    if (!c) return KARMA_E_NOMEM;
    const char *above = parent->path;
    c->path =
        above[0] ? arena_printf(s->arena, "%s.%s", above, name) : arena_strdup(s->arena, name);
    c->depth = parent->depth + 1;
    c->parent = parent;
    c->end = &c->first;
    *parent->end = c;
    parent->end = &c->next;
    return c->path ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status look(struct scan *s, struct column *c, const struct json *v);

static karma_status look_at_members(struct scan *s, struct column *c, const struct json *v) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(v) && st == KARMA_OK; i++) {
        const struct json_member *m = &v->u.object.members[i];
        struct map_entry *entry;
        bool added;
        st = map_put(&c->names, m->key, m->key_len, &entry, &added);
        struct column *child = NULL;
        if (st == KARMA_OK && added) {
            st = new_column(s, c, m->key, &child);
            entry->value.ptr = child;
        } else if (st == KARMA_OK) {
            child = entry->value.ptr;
        }
        if (st == KARMA_OK) st = look(s, child, m->value);
    }
    return st;
}

static karma_status look(struct scan *s, struct column *c, const struct json *v) {
    karma_status st = KARMA_OK;
    if (json_is_null(v)) return KARMA_OK;
    c->n_values++;
    c->types |= 1u << v->type;
    if (c->depth >= MAX_SHOWN_DEPTH) return KARMA_OK;
    if (json_is_object(v)) return look_at_members(s, c, v);
    if (!json_is_array(v)) return KARMA_OK;
    if (!c->element && json_count(v)) st = new_column(s, c, "element", &c->element);
    for (size_t i = 0; i < json_count(v) && st == KARMA_OK; i++) {
        c->element->n_holders++;
        st = look(s, c->element, v->u.array.items[i]);
    }
    return st;
}

static karma_status type_text(struct arena *a, unsigned types, const char **out) {
    static const char *const names[] = {"null",   "boolean", "integer", "real",
                                        "string", "list",    "struct",  "binary"};
    struct buf b = {0};
    karma_status st = KARMA_OK;
    if (types == ((1u << JSON_INT) | (1u << JSON_REAL))) types = 1u << JSON_REAL;
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names) && st == KARMA_OK; i++) {
        if (!(types >> i & 1)) continue;
        if (b.len) st = buf_puts(&b, " or ");
        if (st == KARMA_OK) st = buf_puts(&b, names[i]);
    }
    if (st == KARMA_OK && !(*out = arena_strdup(a, b.len ? buf_str(&b) : names[0])))
        st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static karma_status tell(struct arena *a, const struct column *c, struct json *list) {
    const bool element = c->parent->element == c;
    const int64_t nulls = (element ? c->n_holders : c->parent->n_values) - c->n_values;
    const char *type;
    struct json *o = json_new_object(a);
    karma_status st = type_text(a, c->types, &type);
    if (st == KARMA_OK) st = json_set(a, o, "path", json_new_string(a, c->path));
    if (st == KARMA_OK) st = json_set(a, o, "depth", json_new_int(a, c->depth));
    if (st == KARMA_OK) st = json_set(a, o, "type", json_new_string(a, type));
    if (st == KARMA_OK) st = json_set(a, o, "nullable", json_new_bool(a, nulls > 0));
    if (st == KARMA_OK) st = json_set(a, o, "nulls", json_new_int(a, nulls));
    if (st == KARMA_OK) st = json_set(a, o, "codec", json_new_null(a));
    if (st == KARMA_OK) st = json_set(a, o, "size_bytes", json_new_null(a));
    if (st == KARMA_OK) st = json_push(a, list, o);
    for (const struct column *k = c->first; k && st == KARMA_OK; k = k->next)
        st = tell(a, k, list);
    return st;
}

karma_status data_columns(karma_data *d, struct json **out, int64_t *n_rows) {
    struct scan s = {.arena = &d->arena};
    struct column root = {.path = "", .depth = -1};
    struct reader_row row;
    karma_status st;
    root.end = &root.first;
    *n_rows = 0;
    *out = json_new_array(&d->arena);
    d->place = (struct reader_place){0};
    while ((st = data_next_row(d, &row)) == KARMA_OK) {
        ++*n_rows;
        st = look(&s, &root, row.value);
        if (st < 0) {
            st = reader_prefix(st, &d->reader, row.line_no);
            st = status_prefix(st, "%s", d->path);
            break;
        }
    }
    if (st == KARMA_DONE) st = *out ? KARMA_OK : KARMA_E_NOMEM;
    for (const struct column *c = root.first; c && st == KARMA_OK; c = c->next)
        st = tell(&d->arena, c, *out);
    release(&root);
    d->place = (struct reader_place){0};
    return st;
}
