/* json_build.c - see json_build.h. */
#include "base/json_build.h"

#include <string.h>

#include "base/map.h"
#include "base/size.h"

struct json_build_entry {
    const char *key; /* in the arena */
    size_t key_len;
    uint64_t mark;
    struct json value;
};

/* Below this, comparing each key with those before it is faster than a map. */
enum { FEW_KEYS = 16 };

static karma_status push(struct json_build *b, const char *key, size_t key_len, uint64_t mark,
                         const struct json *value) {
    if (b->count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 32, bytes;
        if (!mul_size(cap, sizeof(*b->entries), &bytes))
            return status_fail(KARMA_E_OVERFLOW, "too many values");
        struct json_build_entry *grown = mem_realloc(b->entries, bytes);
        if (!grown) return KARMA_E_NOMEM;
        b->entries = grown;
        b->cap = cap;
    }
    struct json_build_entry *e = &b->entries[b->count];
    e->key = NULL;
    e->key_len = key_len;
    e->mark = mark;
    e->value = *value;
    if (key && !(e->key = arena_strndup(b->arena, key, key_len))) return KARMA_E_NOMEM;
    b->count++;
    return KARMA_OK;
}

karma_status json_build_value(struct json_build *b, const char *key, size_t key_len, uint64_t mark,
                              const struct json *value) {
    return push(b, key, key_len, mark, value);
}

karma_status json_build_string(struct json_build *b, const char *key, size_t key_len, uint64_t mark,
                               const char *text, size_t len) {
    struct json value = {.type = JSON_STRING};
    value.u.string.len = len;
    value.u.string.data = arena_strndup(b->arena, text, len);
    if (!value.u.string.data) return KARMA_E_NOMEM;
    return push(b, key, key_len, mark, &value);
}

karma_status json_build_begin(struct json_build *b, const char *key, size_t key_len, uint64_t mark,
                              enum json_type type, size_t *frame) {
    struct json value = {.type = type};
    *frame = b->count;
    return push(b, key, key_len, mark, &value);
}

static void note_duplicate(struct json_build *b, uint64_t mark) {
    if (b->duplicates++ == 0) b->duplicate_at = mark;
}

/* Fold entries of equal keys into their first; *count is what remains of them. */
static karma_status fold_few(struct json_build *b, struct json_build_entry *e, size_t *count) {
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        size_t k = 0;
        while (k < kept &&
               (e[k].key_len != e[i].key_len || memcmp(e[k].key, e[i].key, e[i].key_len) != 0))
            k++;
        if (k < kept) {
            note_duplicate(b, e[i].mark);
            e[k].value = e[i].value;
        } else {
            e[kept++] = e[i];
        }
    }
    *count = kept;
    return KARMA_OK;
}

static karma_status fold_many(struct json_build *b, struct json_build_entry *e, size_t *count) {
    struct map seen = {0};
    karma_status st = KARMA_OK;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct map_entry *at;
        bool added;
        st = map_put(&seen, e[i].key, e[i].key_len, &at, &added);
        if (st < 0) break;
        if (added) {
            at->value.u64 = kept;
            e[kept++] = e[i];
        } else {
            note_duplicate(b, e[i].mark);
            e[at->value.u64].value = e[i].value;
        }
    }
    *count = kept;
    map_release(&seen);
    return st;
}

karma_status json_build_end(struct json_build *b, size_t frame) {
    struct json *container = &b->entries[frame].value;
    struct json_build_entry *e = b->entries + frame + 1;
    size_t n = b->count - frame - 1;
    if (container->type == JSON_OBJECT) {
        karma_status st = n <= FEW_KEYS ? fold_few(b, e, &n) : fold_many(b, e, &n);
        if (st < 0) return st;
    }
    struct json *values = NULL;
    if (n > 0 && !(values = arena_calloc(b->arena, n, sizeof(*values)))) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        values[i] = e[i].value;
    if (container->type == JSON_OBJECT) {
        struct json_member *members = NULL;
        if (n > 0 && !(members = arena_calloc(b->arena, n, sizeof(*members)))) return KARMA_E_NOMEM;
        for (size_t i = 0; i < n; i++) {
            members[i].key = e[i].key;
            members[i].key_len = e[i].key_len;
            members[i].value = &values[i];
        }
        container->u.object.members = members;
        container->u.object.count = n;
    } else {
        const struct json **items = NULL;
        if (n > 0 && !(items = arena_calloc(b->arena, n, sizeof(*items)))) return KARMA_E_NOMEM;
        for (size_t i = 0; i < n; i++)
            items[i] = &values[i];
        container->u.array.items = items;
        container->u.array.count = n;
    }
    b->count = frame + 1;
    return KARMA_OK;
}

karma_status json_build_take(struct json_build *b, const struct json **out) {
    *out = arena_dup(b->arena, &b->entries[0].value, sizeof(struct json));
    json_build_release(b);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

void json_build_release(struct json_build *b) {
    mem_free(b->entries);
    b->entries = NULL;
    b->count = b->cap = 0;
}
