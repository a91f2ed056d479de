/* records.c - see records.h. */
#include "metrics/records.h"

#include <stdlib.h>
#include <string.h>

#include "base/statistics.h"
#include "text/characters.h"

karma_status array_grow(void **array, size_t *cap, size_t count, size_t item_size) {
    if (count < *cap) return KARMA_OK;
    const size_t larger = *cap ? 2 * *cap : 64;
    void *p = mem_realloc(*array, larger * item_size);
    if (!p) return KARMA_E_NOMEM;
    *array = p;
    *cap = larger;
    return KARMA_OK;
}

karma_status other_arg(const struct metric_sample *s, const char *name, const char **out) {
    const struct json *value = json_get(s->other_args, name);
    struct buf text = {0};
    *out = NULL;
    if (json_is_null(value)) return KARMA_OK;
    if (value->type == JSON_ARRAY || value->type == JSON_OBJECT)
        return status_fail(KARMA_E_TYPE, "other_args: %s: expected a text or a number, found %s",
                           status_quotez(name), json_type_name(value));
    karma_status st = KARMA_OK;
    if (json_is_string(value))
        st = buf_puts(&text, value->u.string.data);
    else
        st = json_write(&text, value, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(*out = arena_strdup(s->arena, buf_str(&text)))) st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}

karma_status same_answer(const char *a, const char *b, bool ignore_case, bool *same) {
    size_t n = strlen(a), m = strlen(b);
    a = strip_white_space(a, &n);
    b = strip_white_space(b, &m);
    *same = n == m && memcmp(a, b, n) == 0;
    if (*same || !ignore_case) return KARMA_OK;
    struct buf x = {0}, y = {0};
    karma_status st = lower_append(&x, a, n);
    if (st == KARMA_OK) st = lower_append(&y, b, m);
    *same = st == KARMA_OK && strcmp(buf_str(&x), buf_str(&y)) == 0;
    buf_release(&x);
    buf_release(&y);
    return st;
}

karma_status name_number(struct map *names, const char *name, size_t *number) {
    struct map_entry *entry;
    bool added;
    karma_status st = map_put(names, name, strlen(name), &entry, &added);
    if (st < 0) return st;
    if (added) entry->value.u64 = names->count - 1;
    *number = (size_t)entry->value.u64;
    return KARMA_OK;
}

static int by_name(const void *a, const void *b) {
    const struct map_entry *x = *(const struct map_entry *const *)a;
    const struct map_entry *y = *(const struct map_entry *const *)b;
    return strcmp(x->key, y->key);
}

karma_status names_sorted(struct arena *a, const struct map *names, const struct map_entry ***out) {
    *out = arena_calloc(a, names->count + 1, sizeof(**out));
    if (!*out) return KARMA_E_NOMEM;
    for (size_t i = 0; i < names->count; i++)
        (*out)[i] = &names->entries[i];
    qsort(*out, names->count, sizeof(**out), by_name);
    return KARMA_OK;
}

struct json *share_interval(struct arena *a, size_t successes, size_t n) {
    struct json *list = json_new_array(a);
    double low, high;
    stats_wilson((double)successes, (double)n, &low, &high);
    if (!list || json_push(a, list, json_new_real(a, low)) < 0 ||
        json_push(a, list, json_new_real(a, high)) < 0)
        return NULL;
    return list;
}
