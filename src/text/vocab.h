/*
 * vocab.h - the texts of a tokenizer's ids and the way back. A text is kept as the file spells it;
 * byte-level vocabularies also have the bytes it stands for ("raw"), by which encoding looks up.
 */
#ifndef TEXT_VOCAB_H
#define TEXT_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum {
    VOCAB_MAX_IDS = 1 << 21,
    VOCAB_MAX_TEXT = 16384, /* bytes of one token */
};

enum vocab_flag {
    VOCAB_PRESENT = 1,
    VOCAB_SPECIAL = 2, /* decode may be asked to leave it out */
    VOCAB_ADDED = 4,
};

struct vocab_entry {
    uint32_t spelled_at, raw_at; /* in texts */
    uint16_t spelled_len;
    uint16_t raw_len; /* | VOCAB_ODD_BIT */
};

/* In raw_len, where the lookup that needs it has the entry at hand: byte-level, but not spelled in
 * the byte alphabet; the token stands for its own UTF-8 and no text encodes to it. */
enum { VOCAB_ODD_BIT = 1 << 15 };

struct vocab_slot {
    uint64_t key; /* a short text itself, else its hash: most lookups end here, in one line */
    uint32_t len; /* as the entry's raw_len */
    int32_t id_1; /* the id + 1; 0: empty */
};

struct vocab {
    bool byte_level;
    struct vocab_entry *entries; /* by id; n_ids of them */
    uint8_t *flags;              /* by id: VOCAB_* */
    int32_t n_ids, cap_ids;      /* highest id + 1 */
    struct buf texts;
    struct vocab_slot *slots;
    uint32_t n_slots; /* a power of two, or 0 */
    uint64_t seed;
    size_t max_raw; /* longest raw text */
};

/* Give id a text (valid UTF-8, not empty). Lookups see it only if it is added before
 * vocab_index(); added tokens come after it and are looked up elsewhere. E_RANGE, E_SYNTAX,
 * E_DUPLICATE (the id has a text), E_LIMIT, E_NOMEM. */
karma_status vocab_add(struct vocab *v, int64_t id, const char *text, size_t len);

/* What to do with a text that two ids have. */
enum vocab_duplicate { VOCAB_REFUSE, VOCAB_LOWEST_ID, VOCAB_HIGHEST_ID };
/* Make the texts known to lookups; once. E_DUPLICATE. */
karma_status vocab_index(struct vocab *v, enum vocab_duplicate on_duplicate);
void vocab_release(struct vocab *v);

/* The id that stands for these bytes of text; -1 if none. */
int32_t vocab_find_raw(const struct vocab *v, const char *raw, size_t len);
/* The id of a text as the file spells it; -1 if none. */
int32_t vocab_find(const struct vocab *v, const char *text, size_t len);

/* vocab_find() of up to VOCAB_BATCH texts at once: the misses of the cache overlap, which makes a
 * million lookups while loading three times as fast. Also gives the raw texts; those of two texts
 * in a row mostly lie side by side. */
enum { VOCAB_BATCH = 64, VOCAB_BATCH_ROOM = 2048 };
struct vocab_text {
    const char *text;
    size_t len;
};
struct vocab_batch {
    int32_t ids[VOCAB_BATCH];           /* -1: none */
    struct vocab_text raw[VOCAB_BATCH]; /* of those with an id: in room, or in the vocabulary */
    bool odd[VOCAB_BATCH];
    char room[VOCAB_BATCH_ROOM];
};
void vocab_find_many(const struct vocab *v, const struct vocab_text *texts, size_t n,
                     struct vocab_batch *out);
/* Is that the raw text of a token that is not odd? */
bool vocab_raw_is(const struct vocab *v, int32_t id, const char *raw, size_t len);

static inline bool vocab_is_odd(const struct vocab *v, int32_t id) {
    return v->entries[id].raw_len & VOCAB_ODD_BIT;
}
static inline bool vocab_has(const struct vocab *v, int64_t id) {
    return id >= 0 && id < v->n_ids && v->flags[id] & VOCAB_PRESENT;
}
static inline const char *vocab_spelled(const struct vocab *v, int32_t id, size_t *len) {
    *len = v->entries[id].spelled_len;
    return v->texts.data + v->entries[id].spelled_at;
}
static inline const char *vocab_raw(const struct vocab *v, int32_t id, size_t *len) {
    *len = v->entries[id].raw_len & (VOCAB_ODD_BIT - 1u);
    return v->texts.data + v->entries[id].raw_at;
}

#endif
