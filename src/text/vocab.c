/*
 * vocab.c - texts back to back in one buffer, an entry per id, and open addressing over (hash, id).
 * A table is full of strings from a file that may be hostile: the hash has a secret seed.
 */
#include "text/vocab.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "text/byte_alphabet.h"

enum {
    FIRST_IDS = 4096,
    FIRST_SLOTS = 1 << 13,
    MAX_TEXTS_BYTES = 1 << 30,
    INLINE_BYTES = 8, /* of a text that its slot holds */
};

static inline uint64_t read64(const char *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t read32(const char *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline uint64_t mix(uint64_t a, uint64_t b) {
    __uint128_t r = (__uint128_t)a * b;
    return (uint64_t)r ^ (uint64_t)(r >> 64);
}

/* What a lookup is asked for: the text, and what stands for it in a slot. */
struct wanted {
    const char *text;
    uint64_t key;
    uint32_t len; /* | VOCAB_ODD_BIT */
    uint32_t hash;
};

/* Up to eight bytes as a number, the first in the low byte. */
static inline uint64_t pack(const char *p, size_t len) {
    if (len >= 8) return read64(p);
    if (len >= 4) return read32(p) | read32(p + len - 4) << (8 * (len - 4));
    const uint64_t first = (unsigned char)p[0], middle = (unsigned char)p[len / 2];
    return first | middle << (8 * (len / 2)) |
           (uint64_t)(unsigned char)p[len - 1] << (8 * (len - 1));
}

/* Multiply and fold, eight bytes a step: a third of map_hash()'s time on texts this short, and
 * loading hashes a million of them. len > 0. */
static inline struct wanted want(const struct vocab *v, const char *p, size_t len, bool odd) {
    struct wanted w = {.text = p, .len = (uint32_t)len | (odd ? VOCAB_ODD_BIT : 0)};
    uint64_t h;
    if (w.len <= INLINE_BYTES) {
        w.key = pack(p, len);
        h = mix(w.key ^ v->seed, 0xE7037ED1A0B428DBu ^ len);
    } else {
        const uint64_t last = len > 8 ? read64(p + len - 8) : 0;
        h = v->seed ^ w.len;
        for (size_t left = len; left > 8; left -= 8, p += 8)
            h = mix(h ^ read64(p), 0xA0761D6478BD642Fu ^ v->seed);
        if (len <= 8) h ^= pack(p, len);
        w.key = h = mix(h ^ last, 0x8EBC6AF09C88C6E3u);
    }
    w.hash = (uint32_t)(h ^ h >> 32);
    return w;
}

/* memcmp() == 0 without the call for the lengths that tokens have. */
static inline bool same_bytes(const char *a, const char *b, size_t len) {
    if (len > 16) return memcmp(a, b, len) == 0;
    if (len >= 8) return read64(a) == read64(b) && read64(a + len - 8) == read64(b + len - 8);
    return pack(a, len) == pack(b, len);
}

static inline bool same_text(const struct vocab *v, int32_t id, const struct wanted *w) {
    const struct vocab_entry *e = &v->entries[id];
    return e->raw_len == w->len &&
           same_bytes(v->texts.data + e->raw_at, w->text, w->len & (VOCAB_ODD_BIT - 1u));
}

/* Before the slot's long text is compared with the wanted one. */
static inline bool may_be(const struct vocab_slot *s, const struct wanted *w) {
    return s->key == w->key && s->len == w->len;
}

/* The slot that holds the text, or the empty one where it would go. n_slots > 0. */
static inline struct vocab_slot *probe(const struct vocab *v, const struct wanted *w) {
    for (uint32_t i = w->hash & (v->n_slots - 1);; i = (i + 1) & (v->n_slots - 1)) {
        struct vocab_slot *s = &v->slots[i];
        if (s->id_1 == 0 ||
            (may_be(s, w) && (w->len <= INLINE_BYTES || same_text(v, s->id_1 - 1, w))))
            return s;
    }
}

static karma_status grow_ids(struct vocab *v, int32_t n) {
    if (n > v->cap_ids) {
        int32_t cap = v->cap_ids ? v->cap_ids : FIRST_IDS;
        while (cap < n)
            cap *= 2;
        struct vocab_entry *entries = mem_realloc(v->entries, (size_t)cap * sizeof(*entries));
        if (!entries) return KARMA_E_NOMEM;
        v->entries = entries;
        uint8_t *flags = mem_realloc(v->flags, (size_t)cap);
        if (!flags) return KARMA_E_NOMEM;
        v->flags = flags;
        v->cap_ids = cap;
    }
    if (n > v->n_ids) {
        memset(v->entries + v->n_ids, 0, (size_t)(n - v->n_ids) * sizeof(*v->entries));
        memset(v->flags + v->n_ids, 0, (size_t)(n - v->n_ids));
        v->n_ids = n;
    }
    return KARMA_OK;
}

static bool all_plain(const char *p, size_t len) {
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)p[i] < 0x21 || (unsigned char)p[i] > 0x7E) return false;
    return true;
}

/* Store the text and, where they differ, the bytes it spells. */
static karma_status store(struct vocab *v, int32_t id, const char *text, size_t len) {
    struct vocab_entry *e = &v->entries[id];
    size_t raw_len = len;
    if (v->texts.len + 2 * len > MAX_TEXTS_BYTES)
        return status_fail(KARMA_E_LIMIT, "vocabulary of more than 1 GiB of text");
    karma_status st = buf_reserve(&v->texts, 2 * len);
    if (st < 0) return st;
    char *spelled = v->texts.data + v->texts.len, *raw = spelled + len;
    memcpy(spelled, text, len);
    e->spelled_at = e->raw_at = (uint32_t)v->texts.len;
    v->texts.len += len;
    v->flags[id] = VOCAB_PRESENT;
    if (v->byte_level && !all_plain(text, len)) {
        if (byte_alphabet_decode(text, len, raw, &raw_len)) {
            e->raw_at = (uint32_t)v->texts.len;
            v->texts.len += raw_len;
        } else {
            raw_len = len | VOCAB_ODD_BIT;
        }
    }
    v->texts.data[v->texts.len] = '\0';
    e->spelled_len = (uint16_t)len;
    e->raw_len = (uint16_t)raw_len;
    return KARMA_OK;
}

static karma_status check_new(struct vocab *v, int64_t id, const char *text, size_t len) {
    if (id < 0 || id >= VOCAB_MAX_IDS)
        return status_fail(KARMA_E_RANGE, "token '%s': id %lld, expected 0..%d",
                           status_quote(text, len), (long long)id, VOCAB_MAX_IDS - 1);
    if (len == 0) return status_fail(KARMA_E_SYNTAX, "id %lld: empty token", (long long)id);
    if (len > VOCAB_MAX_TEXT)
        return status_fail(KARMA_E_LIMIT, "id %lld: token of %zu bytes, the most is %d",
                           (long long)id, len, VOCAB_MAX_TEXT);
    if (vocab_has(v, id)) {
        size_t other_len;
        const char *other = vocab_spelled(v, (int32_t)id, &other_len);
        return status_fail(KARMA_E_DUPLICATE, "id %lld for both '%s' and '%s'", (long long)id,
                           status_quote(other, other_len), status_quote(text, len));
    }
    return grow_ids(v, (int32_t)id + 1);
}

karma_status vocab_add(struct vocab *v, int64_t id, const char *text, size_t len) {
    karma_status st = check_new(v, id, text, len);
    return st < 0 ? st : store(v, (int32_t)id, text, len);
}

static karma_status fail_duplicate(const struct vocab *v, int32_t id, int32_t other) {
    size_t len;
    const char *text = vocab_spelled(v, id, &len);
    return status_fail(KARMA_E_DUPLICATE, "token '%s' has ids %d and %d", status_quote(text, len),
                       other, id);
}

/* All at once when the number is known: no growing, and slots are asked for ahead of their use. */
karma_status vocab_index(struct vocab *v, enum vocab_duplicate on_duplicate) {
    enum { AHEAD = 16 }; /* a power of two */
    struct wanted ahead[AHEAD] = {{0}};
    size_t len;
    karma_status st = KARMA_OK;
    v->seed = map_hash("vocab", 5) | 1;
    for (v->n_slots = FIRST_SLOTS; v->n_slots < (uint32_t)v->n_ids / 2 * 3;)
        v->n_slots *= 2;
    v->slots = mem_calloc_table(v->n_slots, sizeof(*v->slots));
    if (!v->slots) {
        v->n_slots = 0;
        return KARMA_E_NOMEM;
    }
    for (int32_t id = 0; st == KARMA_OK && id < v->n_ids + AHEAD; id++) {
        struct wanted w = ahead[id % AHEAD];
        const int32_t now = id - AHEAD;
        if (id < v->n_ids && vocab_has(v, id)) {
            const char *raw = vocab_raw(v, id, &len);
            ahead[id % AHEAD] = want(v, raw, len, vocab_is_odd(v, id));
            __builtin_prefetch(&v->slots[ahead[id % AHEAD].hash & (v->n_slots - 1)], 1);
            if (len > v->max_raw) v->max_raw = len;
        }
        if (!vocab_has(v, now)) continue;
        struct vocab_slot *s = probe(v, &w);
        if (s->id_1 == 0)
            *s = (struct vocab_slot){.key = w.key, .len = w.len, .id_1 = now + 1};
        else if (on_duplicate == VOCAB_REFUSE)
            st = fail_duplicate(v, now, s->id_1 - 1);
        else if (on_duplicate == VOCAB_HIGHEST_ID)
            s->id_1 = now + 1;
    }
    return st;
}

void vocab_release(struct vocab *v) {
    mem_free(v->entries);
    mem_free(v->flags);
    mem_free(v->slots);
    buf_release(&v->texts);
    memset(v, 0, sizeof(*v));
}

static int32_t find(const struct vocab *v, const char *p, size_t len, bool odd) {
    if (v->n_slots == 0 || len == 0 || len > v->max_raw) return -1;
    const struct wanted w = want(v, p, len, odd);
    return probe(v, &w)->id_1 - 1;
}

int32_t vocab_find_raw(const struct vocab *v, const char *raw, size_t len) {
    return find(v, raw, len, false);
}

int32_t vocab_find(const struct vocab *v, const char *text, size_t len) {
    char raw[VOCAB_MAX_TEXT];
    size_t raw_len;
    if (!v->byte_level || all_plain(text, len)) return find(v, text, len, false);
    if (len > VOCAB_MAX_TEXT) return -1;
    if (byte_alphabet_decode(text, len, raw, &raw_len)) return find(v, raw, raw_len, false);
    return find(v, text, len, true);
}

bool vocab_raw_is(const struct vocab *v, int32_t id, const char *raw, size_t len) {
    if (!vocab_has(v, id)) return false;
    const struct wanted w = {.text = raw, .len = (uint32_t)len};
    return same_text(v, id, &w);
}

/* The bytes that are looked up, into room; false: the text is long, or is none in the alphabet. */
static bool find_raw(const struct vocab *v, const struct vocab_text *text, char *room, size_t left,
                     struct vocab_text *raw) {
    raw->text = room;
    raw->len = text->len;
    if (text->len == 0 || text->len > left) return false;
    if (v->byte_level) return byte_alphabet_decode(text->text, text->len, room, &raw->len);
    memcpy(room, text->text, text->len);
    return true;
}

void vocab_find_many(const struct vocab *v, const struct vocab_text *texts, size_t n,
                     struct vocab_batch *out) {
    struct wanted w[VOCAB_BATCH];
    size_t used = 0;
    for (size_t i = 0; i < n; i++) { /* where they would be */
        w[i].len = 0;
        if (v->n_slots == 0 ||
            !find_raw(v, &texts[i], out->room + used, sizeof(out->room) - used, &out->raw[i]))
            continue;
        used += out->raw[i].len;
        w[i] = want(v, out->raw[i].text, out->raw[i].len, false);
        __builtin_prefetch(&v->slots[w[i].hash & (v->n_slots - 1)]);
    }
    for (size_t i = 0; i < n; i++) {
        out->ids[i] = -1;
        out->odd[i] = false;
        if (w[i].len == 0) continue;
        uint32_t at = w[i].hash & (v->n_slots - 1);
        while (v->slots[at].id_1 && !may_be(&v->slots[at], &w[i]))
            at = (at + 1) & (v->n_slots - 1);
        out->ids[i] = v->slots[at].id_1 - 1;
        if (w[i].len > INLINE_BYTES && out->ids[i] >= 0)
            __builtin_prefetch(&v->entries[out->ids[i]]);
    }
    for (size_t i = 0; i < n; i++)
        if (w[i].len > INLINE_BYTES && out->ids[i] >= 0)
            __builtin_prefetch(v->texts.data + v->entries[out->ids[i]].raw_at);
    for (size_t i = 0; i < n; i++) { /* long, odd, or another text of the same hash: one by one */
        if (w[i].len > 0 &&
            (out->ids[i] < 0 || w[i].len <= INLINE_BYTES || same_text(v, out->ids[i], &w[i])))
            continue;
        out->ids[i] = vocab_find(v, texts[i].text, texts[i].len);
        if (out->ids[i] < 0) continue;
        out->raw[i].text = vocab_raw(v, out->ids[i], &out->raw[i].len);
        out->odd[i] = vocab_is_odd(v, out->ids[i]);
    }
}
