/*
 * json.c - the tree of JSON values: made from the events of json_pull.c, asked by key, built in
 * code. Integers beyond int64, which real tokenizer_config.json files hold, become reals. Writing
 * is in json_write.c.
 */
#include "base/json.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/json_build.h"
#include "base/json_pull.h"
#include "base/log.h"

enum { MAX_FILE_BYTES = 256 << 20 };

/* Where byte `offset` of text stands, for a message about it. */
static void locate(const char *text, size_t offset, size_t *line, size_t *column) {
    *line = *column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            (*column)++;
        }
    }
}

/* Frames of the containers open at present; json_pull bounds their number. */
struct frames {
    size_t at[JSON_PULL_DEPTH];
    int depth;
};

static karma_status add_event(struct json_build *b, struct frames *f, const struct json_pull *pull,
                              enum json_event ev, const char *key, size_t key_len, uint64_t mark) {
    struct json v = {.type = JSON_NULL};
    switch (ev) {
    case JSON_EV_OBJECT_BEGIN:
        return json_build_begin(b, key, key_len, mark, JSON_OBJECT, &f->at[f->depth++]);
    case JSON_EV_ARRAY_BEGIN:
        return json_build_begin(b, key, key_len, mark, JSON_ARRAY, &f->at[f->depth++]);
    case JSON_EV_OBJECT_END:
    case JSON_EV_ARRAY_END:
        return json_build_end(b, f->at[--f->depth]);
    case JSON_EV_STRING:
        return json_build_string(b, key, key_len, mark, pull->text, pull->len);
    case JSON_EV_INT:
        v.type = JSON_INT;
        v.u.integer = pull->integer;
        break;
    case JSON_EV_UINT:
        v.type = JSON_REAL;
        v.u.real = (double)pull->uinteger;
        break;
    case JSON_EV_REAL:
        v.type = JSON_REAL;
        v.u.real = pull->real;
        break;
    case JSON_EV_BOOL:
        v.type = JSON_BOOL;
        v.u.boolean = pull->boolean;
        break;
    case JSON_EV_NULL:
    case JSON_EV_KEY:
    case JSON_EV_END:
        break;
    }
    return json_build_value(b, key, key_len, mark, &v);
}

/* Members that are passed over, and the file whose pages need not stay behind them. */
struct left_out {
    const char *member; /* NULL: none */
    const struct file_map *file;
    size_t forgotten;
};

/* The value of the next event, whole. */
static karma_status pass_over(struct json_pull *pull, struct left_out *l) {
    enum { FORGET_BYTES = 4 << 20 };
    int depth = 0;
    do {
        enum json_event ev;
        karma_status st = json_pull_next(pull, &ev);
        if (st < 0) return st;
        depth += ev == JSON_EV_OBJECT_BEGIN || ev == JSON_EV_ARRAY_BEGIN;
        depth -= ev == JSON_EV_OBJECT_END || ev == JSON_EV_ARRAY_END;
        const size_t at = json_pull_offset(pull);
        if (at < l->forgotten + FORGET_BYTES) continue;
        file_map_forget(l->file, l->forgotten, at);
        l->forgotten = at;
    } while (depth > 0);
    return KARMA_OK;
}

/* The tree of text; b->duplicates counts keys given again. */
static karma_status build(struct json_build *b, const char *text, size_t len, size_t first_line,
                          struct left_out *l) {
    struct json_pull pull;
    struct frames frames = {.depth = 0};
    struct buf key = {0}; /* the pull parser's own text is gone when the value comes */
    bool keyed = false;
    uint64_t mark = 0; /* of a member: where its key stands */
    json_pull_init(&pull, text, len);
    pull.first_line = first_line;
    karma_status st;
    for (;;) {
        enum json_event ev;
        if (!keyed) mark = json_pull_offset(&pull);
        st = json_pull_next(&pull, &ev);
        if (st < 0 || ev == JSON_EV_END) break;
        if (ev == JSON_EV_KEY && l->member && frames.depth == 2 && pull.len == strlen(l->member) &&
            memcmp(pull.text, l->member, pull.len) == 0) {
            st = pass_over(&pull, l);
        } else if (ev == JSON_EV_KEY) {
            buf_clear(&key);
            st = buf_append(&key, pull.text, pull.len);
            keyed = true;
        } else {
            st = add_event(b, &frames, &pull, ev, keyed ? buf_str(&key) : NULL, key.len, mark);
            keyed = false;
        }
        if (st < 0) break;
    }
    buf_release(&key);
    json_pull_release(&pull);
    return st;
}

static karma_status parse(struct arena *a, const char *text, size_t len, size_t first_line,
                          unsigned flags, struct left_out *l, size_t *duplicate_line,
                          const struct json **out) {
    struct json_build b = {.arena = a};
    *out = NULL;
    *duplicate_line = 0;
    karma_status st = build(&b, text, len, first_line, l);
    if (st == KARMA_OK && b.duplicates > 0) {
        size_t line, column;
        locate(text, b.duplicate_at, &line, &column);
        *duplicate_line = line + first_line - 1;
        if (flags & JSON_REJECT_DUPLICATES)
            st =
                status_fail(KARMA_E_DUPLICATE, "line %zu, column %zu: key given twice in an object",
                            *duplicate_line, column);
    }
    if (st == KARMA_OK) st = json_build_take(&b, out);
    json_build_release(&b);
    return st;
}

karma_status json_parse(struct arena *a, const char *text, size_t len, unsigned flags,
                        const struct json **out) {
    size_t line;
    struct left_out none = {0};
    return parse(a, text, len, 1, flags, &none, &line, out);
}

karma_status json_parse_without(struct arena *a, const struct file_map *file, const char *member,
                                const struct json **out) {
    size_t line;
    struct left_out l = {.member = member, .file = file};
    return parse(a, (const char *)file->data, file->size, 1, JSON_LAST_WINS, &l, &line, out);
}

karma_status json_parse_part(struct arena *a, const char *text, size_t len, size_t first_line,
                             size_t *duplicate_line, const struct json **out) {
    struct left_out none = {0};
    return parse(a, text, len, first_line, JSON_LAST_WINS, &none, duplicate_line, out);
}

karma_status json_parse_file(struct arena *a, const char *path, size_t max_bytes, unsigned flags,
                             const struct json **out) {
    struct buf text = {0};
    *out = NULL;
    karma_status st = file_read(path, max_bytes ? max_bytes : MAX_FILE_BYTES, &text);
    if (st == KARMA_OK) {
        size_t line;
        struct left_out none = {0};
        st = status_prefix(parse(a, buf_str(&text), text.len, 1, flags, &none, &line, out), "%s",
                           path);
        if (st == KARMA_OK && line > 0)
            log_warn("%s: line %zu: key given twice in an object; the last one counts", path, line);
    }
    buf_release(&text);
    return st;
}

const struct json *json_get(const struct json *obj, const char *key) {
    if (!json_is_object(obj)) return NULL;
    size_t len = strlen(key);
    for (size_t i = 0; i < obj->u.object.count; i++) {
        const struct json_member *m = &obj->u.object.members[i];
        if (m->key_len == len && memcmp(m->key, key, len) == 0) return m->value;
    }
    return NULL;
}

const struct json *json_at(const struct json *array, size_t i) {
    return json_is_array(array) && i < array->u.array.count ? array->u.array.items[i] : NULL;
}

size_t json_count(const struct json *j) {
    if (json_is_array(j)) return j->u.array.count;
    return json_is_object(j) ? j->u.object.count : 0;
}

const char *json_str(const struct json *j, const char *otherwise) {
    return json_is_string(j) ? j->u.string.data : otherwise;
}

const char *json_type_name(const struct json *j) {
    static const char *const names[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "boolean",  [JSON_INT] = "integer",
        [JSON_REAL] = "real",     [JSON_STRING] = "string", [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object", [JSON_BYTES] = "bytes",
    };
    return j ? names[j->type] : "absent";
}

static karma_status wrong_type(const char *key, const char *expected, const struct json *j) {
    return status_fail(KARMA_E_TYPE, "%s: wrong type (expected %s, found %s)", key, expected,
                       json_type_name(j));
}

karma_status json_field_int(const struct json *obj, const char *key, int64_t min, int64_t max,
                            int64_t otherwise, int64_t *out) {
    const struct json *j = json_get(obj, key);
    int64_t v;
    *out = otherwise;
    if (json_is_null(j)) return KARMA_OK;
    if (j->type == JSON_INT) {
        v = j->u.integer;
    } else if (j->type == JSON_REAL && j->u.real == floor(j->u.real)) {
        if (j->u.real < -0x1p63 || j->u.real >= 0x1p63)
            return status_fail(KARMA_E_RANGE, "%s: out of range (expected %lld to %lld, found %g)",
                               key, (long long)min, (long long)max, j->u.real);
        v = (int64_t)j->u.real;
    } else {
        return wrong_type(key, "integer", j);
    }
    if (v < min || v > max)
        return status_fail(KARMA_E_RANGE, "%s: out of range (expected %lld to %lld, found %lld)",
                           key, (long long)min, (long long)max, (long long)v);
    *out = v;
    return KARMA_OK;
}

karma_status json_field_real(const struct json *obj, const char *key, double otherwise,
                             double *out) {
    const struct json *j = json_get(obj, key);
    *out = otherwise;
    if (json_is_null(j)) return KARMA_OK;
    if (j->type == JSON_INT)
        *out = (double)j->u.integer;
    else if (j->type == JSON_REAL)
        *out = j->u.real;
    else
        return wrong_type(key, "number", j);
    return KARMA_OK;
}

karma_status json_field_bool(const struct json *obj, const char *key, bool otherwise, bool *out) {
    const struct json *j = json_get(obj, key);
    *out = otherwise;
    if (json_is_null(j)) return KARMA_OK;
    if (j->type != JSON_BOOL) return wrong_type(key, "boolean", j);
    *out = j->u.boolean;
    return KARMA_OK;
}

karma_status json_field_str(const struct json *obj, const char *key, const char *otherwise,
                            const char **out) {
    const struct json *j = json_get(obj, key);
    *out = otherwise;
    if (json_is_null(j)) return KARMA_OK;
    if (j->type != JSON_STRING) return wrong_type(key, "string", j);
    if (strlen(j->u.string.data) != j->u.string.len)
        return status_fail(KARMA_E_RANGE, "%s: holds a NUL character", key);
    *out = j->u.string.data;
    return KARMA_OK;
}

static karma_status need(const struct json *obj, const char *key) {
    const struct json *j = json_get(obj, key);
    if (!json_is_null(j)) return KARMA_OK;
    return status_fail(KARMA_E_MISSING, "%s: %s, but required", key, json_type_name(j));
}

karma_status json_need_int(const struct json *obj, const char *key, int64_t min, int64_t max,
                           int64_t *out) {
    *out = 0;
    karma_status st = need(obj, key);
    return st < 0 ? st : json_field_int(obj, key, min, max, 0, out);
}

karma_status json_need_str(const struct json *obj, const char *key, const char **out) {
    *out = NULL;
    karma_status st = need(obj, key);
    return st < 0 ? st : json_field_str(obj, key, NULL, out);
}

static struct json *new_value(struct arena *a, enum json_type type) {
    struct json *j = arena_alloc(a, sizeof(*j));
    if (j) j->type = type;
    return j;
}

struct json *json_new_object(struct arena *a) {
    return new_value(a, JSON_OBJECT);
}

struct json *json_new_array(struct arena *a) {
    return new_value(a, JSON_ARRAY);
}

struct json *json_new_string(struct arena *a, const char *s) {
    return json_new_stringn(a, s, strlen(s));
}

struct json *json_new_stringn(struct arena *a, const char *s, size_t len) {
    struct json *j = new_value(a, JSON_STRING);
    if (!j) return NULL;
    j->u.string.len = len;
    j->u.string.data = arena_strndup(a, s, len);
    return j->u.string.data ? j : NULL;
}

struct json *json_new_bytes(struct arena *a, const void *bytes, size_t len) {
    struct json *j = new_value(a, JSON_BYTES);
    if (!j) return NULL;
    j->u.bytes.data = bytes;
    j->u.bytes.len = len;
    return j;
}

struct json *json_new_int(struct arena *a, int64_t v) {
    struct json *j = new_value(a, JSON_INT);
    if (j) j->u.integer = v;
    return j;
}

struct json *json_new_real(struct arena *a, double v) {
    struct json *j = new_value(a, JSON_REAL);
    if (j) j->u.real = v;
    return j;
}

struct json *json_new_bool(struct arena *a, bool v) {
    struct json *j = new_value(a, JSON_BOOL);
    if (j) j->u.boolean = v;
    return j;
}

struct json *json_new_null(struct arena *a) {
    return new_value(a, JSON_NULL);
}

/* Containers made here hold room for 0, 4, 8, 16, ... entries: it is full when count is one of
 * these. Parsed ones are exact and const, so they never come here. */
static bool is_full(size_t count) {
    return count == 0 || (count >= 4 && (count & (count - 1)) == 0);
}

static void *grow(struct arena *a, const void *old, size_t count, size_t size) {
    void *grown = arena_calloc(a, count ? count * 2 : 4, size);
    if (grown && count) memcpy(grown, old, count * size);
    return grown;
}

karma_status json_set(struct arena *a, struct json *obj, const char *key,
                      const struct json *value) {
    if (!obj || !value) return KARMA_E_NOMEM;
    size_t len = strlen(key), n = obj->u.object.count;
    struct json_member *members = (struct json_member *)(uintptr_t)obj->u.object.members;
    for (size_t i = 0; i < n; i++) {
        if (members[i].key_len == len && memcmp(members[i].key, key, len) == 0) {
            members[i].value = value;
            return KARMA_OK;
        }
    }
    const char *copy = arena_strdup(a, key);
    if (!copy) return KARMA_E_NOMEM;
    if (is_full(n)) {
        members = grow(a, members, n, sizeof(*members));
        if (!members) return KARMA_E_NOMEM;
        obj->u.object.members = members;
    }
    members[n] = (struct json_member){.key = copy, .key_len = len, .value = value};
    obj->u.object.count++;
    return KARMA_OK;
}

karma_status json_push(struct arena *a, struct json *array, const struct json *value) {
    if (!array || !value) return KARMA_E_NOMEM;
    size_t n = array->u.array.count;
    const struct json **items = (const struct json **)(uintptr_t)array->u.array.items;
    if (is_full(n)) {
        items = grow(a, items, n, sizeof(const struct json *));
        if (!items) return KARMA_E_NOMEM;
        array->u.array.items = items;
    }
    items[n] = value;
    array->u.array.count++;
    return KARMA_OK;
}

karma_status json_merge(struct arena *a, const struct json *base, const struct json *over,
                        struct json **out) {
    const struct json *const both[] = {base, over};
    struct json *merged = *out = json_new_object(a);
    karma_status st = merged ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < 2 && st == KARMA_OK; k++) {
        if (!json_is_object(both[k])) continue;
        for (size_t i = 0; i < json_count(both[k]) && st == KARMA_OK; i++) {
            const struct json_member *m = &both[k]->u.object.members[i];
            st = json_set(a, merged, m->key, m->value);
        }
    }
    if (st < 0) *out = NULL;
    return st;
}
