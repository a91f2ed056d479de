/*
 * vocab.c - texts back to back in one buffer, an entry per id, and open addressing over (hash, id).
 * A table is full of strings from a file that may be hostile: the hash has a secret seed.
 */
#include "text/vocab.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "text/byte_alphabet.h"

enum { FIRST_IDS = 4096, FIRST_SLOTS = 1 << 13, MAX_TEXTS_BYTES = 1 << 30 };

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

/* Multiply and fold, eight bytes a step: a third of map_hash()'s time on texts this short, and
 * loading hashes a million of them. */
static inline uint32_t hash_text(const struct vocab *v, const char *p, size_t len, bool odd) {
    uint64_t h = v->seed ^ (odd ? 0x9E3779B97F4A7C15u : 0), a, b;
    if (len >= 8) {
        for (size_t left = len; left > 16; left -= 8, p += 8, len -= 8)
            h = mix(h ^ read64(p), 0xA0761D6478BD642Fu ^ v->seed);
        a = read64(p);
        b = read64(p + len - 8);
    } else if (len >= 4) {
        a = read32(p);
        b = read32(p + len - 4);
    } else {
        a = len ? (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[len / 2] << 8 |
                      (unsigned char)p[len - 1]
                : 0;
        b = 0;
    }
    h = mix(h ^ a, 0xE7037ED1A0B428DBu ^ b ^ v->seed);
    h = mix(h ^ len, 0x8EBC6AF09C88C6E3u);
    return (uint32_t)(h ^ h >> 32);
}

/* memcmp() == 0 without the call for the lengths that tokens have. */
static inline bool same_bytes(const char *a, const char *b, size_t len) {
    if (len > 16) return memcmp(a, b, len) == 0;
    if (len >= 8) return read64(a) == read64(b) && read64(a + len - 8) == read64(b + len - 8);
    if (len >= 4) return read32(a) == read32(b) && read32(a + len - 4) == read32(b + len - 4);
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i]) return false;
    return true;
}

static inline bool same_text(const struct vocab *v, int32_t id, const char *p, size_t len,
                             bool odd) {
    const struct vocab_entry *e = &v->entries[id];
    return e->raw_len == (len | (odd ? VOCAB_ODD_BIT : 0)) &&
           same_bytes(v->texts.data + e->raw_at, p, len);
}

/* The slot that holds the text, or the empty one where it would go. n_slots > 0. */
static struct vocab_slot *probe(const struct vocab *v, uint32_t hash, const char *p, size_t len,
                                bool odd) {
    for (uint32_t i = hash & (v->n_slots - 1);; i = (i + 1) & (v->n_slots - 1)) {
        struct vocab_slot *s = &v->slots[i];
        if (s->id < 0 || (s->hash == hash && same_text(v, s->id, p, len, odd))) return s;
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
    char raw[VOCAB_MAX_TEXT];
    struct vocab_entry *e = &v->entries[id];
    size_t at = v->texts.len, raw_len = len;
    if (at + 2 * len > MAX_TEXTS_BYTES)
        return status_fail(KARMA_E_LIMIT, "vocabulary of more than 1 GiB of text");
    e->spelled_at = e->raw_at = (uint32_t)at;
    karma_status st = buf_append(&v->texts, text, len);
    if (st < 0) return st;
    v->flags[id] = VOCAB_PRESENT;
    if (v->byte_level && !all_plain(text, len)) {
        if (byte_alphabet_decode(text, len, raw, &raw_len)) {
            e->raw_at = (uint32_t)v->texts.len;
            st = buf_append(&v->texts, raw, raw_len);
            if (st < 0) return st;
        } else {
            raw_len = len | VOCAB_ODD_BIT;
        }
    }
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
    enum { AHEAD = 16 };
    size_t len;
    karma_status st = KARMA_OK;
    v->seed = map_hash("vocab", 5) | 1;
    for (v->n_slots = FIRST_SLOTS; v->n_slots < 2 * (uint32_t)v->n_ids;)
        v->n_slots *= 2;
    uint32_t *hashes = mem_calloc((size_t)v->n_ids + 1, sizeof(*hashes));
    v->slots = hashes ? mem_alloc(v->n_slots * sizeof(*v->slots)) : NULL;
    if (!v->slots) {
        v->n_slots = 0;
        mem_free(hashes);
        return KARMA_E_NOMEM;
    }
    memset(v->slots, 0xFF, v->n_slots * sizeof(*v->slots));
    for (int32_t id = 0; id < v->n_ids; id++) {
        if (!vocab_has(v, id)) continue;
        const char *raw = vocab_raw(v, id, &len);
        hashes[id] = hash_text(v, raw, len, vocab_is_odd(v, id));
    }
    for (int32_t id = 0; st == KARMA_OK && id < v->n_ids; id++) {
        if (id + AHEAD < v->n_ids)
            __builtin_prefetch(&v->slots[hashes[id + AHEAD] & (v->n_slots - 1)], 1);
        if (!vocab_has(v, id)) continue;
        const char *raw = vocab_raw(v, id, &len);
        struct vocab_slot *s = probe(v, hashes[id], raw, len, vocab_is_odd(v, id));
        if (s->id < 0)
            *s = (struct vocab_slot){.hash = hashes[id], .id = id};
        else if (on_duplicate == VOCAB_REFUSE)
            st = fail_duplicate(v, id, s->id);
        else if (on_duplicate == VOCAB_HIGHEST_ID)
            s->id = id;
        if (len > v->max_raw) v->max_raw = len;
    }
    mem_free(hashes);
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
    return probe(v, hash_text(v, p, len, odd), p, len, odd)->id;
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

void vocab_find_many(const struct vocab *v, const struct vocab_text *texts, size_t n,
                     int32_t *ids) {
    enum { SHORT = 96 };
    char room[VOCAB_BATCH][SHORT];
    struct vocab_text raw[VOCAB_BATCH];
    uint32_t hash[VOCAB_BATCH];
    for (size_t i = 0; i < n; i++) { /* the bytes that are looked up, and where they would be */
        raw[i] = texts[i];
        ids[i] = -1;
        if (v->n_slots == 0 || texts[i].len == 0 || texts[i].len > SHORT ||
            (v->byte_level && !all_plain(texts[i].text, texts[i].len) &&
             !byte_alphabet_decode(texts[i].text, texts[i].len, room[i], &raw[i].len))) {
            raw[i].len = 0;
            continue;
        }
        if (raw[i].len != texts[i].len) raw[i].text = room[i];
        hash[i] = hash_text(v, raw[i].text, raw[i].len, false);
        __builtin_prefetch(&v->slots[hash[i] & (v->n_slots - 1)]);
    }
    for (size_t i = 0; i < n; i++) {
        if (raw[i].len == 0) continue;
        uint32_t at = hash[i] & (v->n_slots - 1);
        while (v->slots[at].id >= 0 && v->slots[at].hash != hash[i])
            at = (at + 1) & (v->n_slots - 1);
        ids[i] = v->slots[at].id;
        if (ids[i] >= 0) __builtin_prefetch(&v->entries[ids[i]]);
    }
    for (size_t i = 0; i < n; i++)
        if (ids[i] >= 0) __builtin_prefetch(v->texts.data + v->entries[ids[i]].raw_at);
    for (size_t i = 0; i < n; i++) /* long, odd, or another text of the same hash: one by one */
        if (raw[i].len == 0 ||
            (ids[i] >= 0 && !same_text(v, ids[i], raw[i].text, raw[i].len, false)))
            ids[i] = vocab_find(v, texts[i].text, texts[i].len);
}
