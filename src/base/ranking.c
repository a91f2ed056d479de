/* ranking.c - see ranking.h. */
#include "base/ranking.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"

struct scored {
    const char *id;
    double score;
    size_t at; /* where it stands: the order among equal scores */
};

static int better_first(const void *a, const void *b) {
    const struct scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static karma_status of_object(struct arena *a, const struct json *o, const char **ids) {
    const size_t n = json_count(o);
    struct scored *all = arena_calloc(a, n + 1, sizeof(*all));
    if (!all) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct json_member *m = &o->u.object.members[i];
        if (strlen(m->key) != m->key_len) return KARMA_DONE;
        if (m->value->type != JSON_INT && m->value->type != JSON_REAL) return KARMA_DONE;
        all[i].id = m->key;
        all[i].score = m->value->type == JSON_INT ? (double)m->value->u.integer : m->value->u.real;
        all[i].at = i;
    }
    qsort(all, n, sizeof(*all), better_first);
    for (size_t i = 0; i < n; i++)
        ids[i] = all[i].id;
    return KARMA_OK;
}

static karma_status of_array(const struct json *array, const char **ids) {
    struct map seen = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && i < json_count(array); i++) {
        const struct json *id = json_at(array, i);
        struct map_entry *entry;
        bool added = false;
        if (json_is_string(id) && strlen(id->u.string.data) == id->u.string.len)
            st = map_put(&seen, id->u.string.data, id->u.string.len, &entry, &added);
        if (st == KARMA_OK && !added) st = KARMA_DONE;
        if (st == KARMA_OK) ids[i] = id->u.string.data;
    }
    map_release(&seen);
    return st;
}

karma_status ranking_read(struct arena *a, const char *text, struct ranking *out) {
    const struct json *value;
    *out = (struct ranking){0};
    karma_status st = json_parse(a, text, strlen(text), JSON_REJECT_DUPLICATES, &value);
    if (st < 0) return st == KARMA_E_NOMEM ? st : KARMA_DONE;
    if (!json_is_object(value) && !json_is_array(value)) return KARMA_DONE;
    const char **ids = arena_calloc(a, json_count(value) + 1, sizeof(*ids));
    if (!ids) return KARMA_E_NOMEM;
    st = json_is_object(value) ? of_object(a, value, ids) : of_array(value, ids);
    if (st != KARMA_OK) return st;
    out->ids = ids;
    out->count = json_count(value);
    return KARMA_OK;
}
