/* names.c - see names.h. Open addressing; at most two thirds of the slots are taken. */
#include "formats/names.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/utf8.h"

karma_status name_table_reserve(struct name_table *t, size_t count) {
    if (count > (size_t)1 << 31) return status_fail(KARMA_E_LIMIT, "more than 2^31 names");
    size_t n_slots = 16;
    while (n_slots / 3 * 2 < count)
        n_slots *= 2;
    name_table_release(t);
    t->slots = mem_calloc(n_slots, sizeof(*t->slots));
    if (!t->slots) return KARMA_E_NOMEM;
    t->n_slots = n_slots;
    return KARMA_OK;
}

/* The slot that holds name, or the free one where it belongs. */
static struct name_slot *slot_of(const struct name_table *t, const char *name, size_t len) {
    const size_t mask = t->n_slots - 1;
    size_t at = (size_t)map_hash(name, len) & mask;
    for (;; at = (at + 1) & mask) {
        struct name_slot *s = &t->slots[at];
        if (!s->name || (s->len == len && memcmp(s->name, name, len) == 0)) return s;
    }
}

bool name_table_add(struct name_table *t, const char *name, size_t len, uint32_t index) {
    struct name_slot *s = slot_of(t, name, len);
    if (s->name) return false;
    *s = (struct name_slot){.name = name, .len = (uint32_t)len, .index = index};
    return true;
}

int64_t name_table_find(const struct name_table *t, const char *name, size_t len) {
    if (t->n_slots == 0) return -1;
    const struct name_slot *s = slot_of(t, name, len);
    return s->name ? (int64_t)s->index : -1;
}

void name_table_release(struct name_table *t) {
    mem_free(t->slots);
    *t = (struct name_table){0};
}

karma_status name_check(const char *what, const char *name, size_t len, size_t max_len) {
    if (len == 0) return status_fail(KARMA_E_SYNTAX, "empty %s", what);
    if (len > max_len) {
        return status_fail(KARMA_E_LIMIT, "%s of %zu bytes (%s), at most %zu are allowed", what,
                           len, status_quote(name, len), max_len);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] >= 0x20 && name[i] != 0x7f) continue;
        return status_fail(KARMA_E_SYNTAX, "%s %s holds a control character", what,
                           status_quote(name, len));
    }
    size_t bad;
    if (utf8_valid(name, len, &bad)) return KARMA_OK;
    return status_fail(KARMA_E_ENCODING, "%s %s is not UTF-8 from byte %zu on", what,
                       status_quote(name, len), bad);
}
