/*
 * bpe.c - merging. Short pre-tokens (most words) are merged in arrays on the stack by scanning for
 * the lowest rank; long ones (attacks, and whole texts of Gemma's kind) by a linked list with the
 * waiting pairs sorted into a bucket for each rank, O(n log n), and nearly n where it matters: a
 * million equal letters have a handful of ranks. A text over characters is first cut wherever no
 * token of the vocabulary holds the two neighbouring characters side by side: no merge can cross
 * such a place, so the pieces are independent and the result is that of the whole.
 */
#include "text/bpe.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

enum {
    SHORT_WORD = 96,      /* symbols that are merged on the stack */
    PAIRS_BITS = 1 << 22, /* of the Bloom filter: 512 KiB, under a tenth of it set for Gemma */
    SLOT_INDEX_BITS = 22,
    AHEAD = 16, /* merges between asking for a slot's cache line and using it */
};
#define NO_RANK UINT32_MAX

/* A short piece and its ids: the pieces of a text repeat. Each has one place, the last one stays.
 */
enum { WORD_BYTES = 16, WORD_IDS = 3, WORDS = 8192 };
struct bpe_word {
    uint64_t head, tail; /* its first and last eight bytes; one number if there are no nine */
    uint16_t len, n;     /* len 0: empty */
    int32_t ids[WORD_IDS];
};

enum whole_state { WHOLE_UNKNOWN, WHOLE_YES, WHOLE_NO };

struct bpe_symbol {
    int32_t id; /* -1: swallowed by its left neighbour */
    int32_t prev, next;
    uint32_t rank; /* of the pair (this, next) */
};

/* A pair that waits, named by its left symbol; stale if that symbol's rank is another by now. */
struct bpe_entry {
    int32_t at, next; /* next: index in entries; 0: the last */
};

struct bpe_bucket {
    int32_t first, last; /* entries; 0: none */
    bool sorted;         /* by position */
};

static inline uint64_t hash_ids(int32_t left, int32_t right) {
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static inline uint32_t slot_tag(uint64_t hash) {
    return (uint32_t)(hash >> 54) << SLOT_INDEX_BITS;
}

/* The slot of the pair, or the empty one where it would go. */
static inline uint32_t *find_slot(const struct bpe *b, int32_t left, int32_t right) {
    uint64_t hash = hash_ids(left, right);
    uint32_t tag = slot_tag(hash), index_mask = (1u << SLOT_INDEX_BITS) - 1;
    for (uint32_t i = (uint32_t)hash & (b->n_slots - 1);; i = (i + 1) & (b->n_slots - 1)) {
        uint32_t slot = b->slots[i];
        if (slot == 0) return &b->slots[i];
        if ((slot & ~index_mask) != tag) continue;
        const struct bpe_merge *m = &b->merges[(slot & index_mask) - 1];
        if (m->left == left && m->right == right) return &b->slots[i];
    }
}

static inline uint32_t rank_of(const struct bpe *b, int32_t left, int32_t right) {
    if (b->n_slots == 0) return NO_RANK;
    return (*find_slot(b, left, right) & ((1u << SLOT_INDEX_BITS) - 1)) - 1; /* empty: NO_RANK */
}

/* ---- loading ---- */

karma_status bpe_push_merge(struct bpe *b, int32_t left, int32_t right, int32_t product) {
    if (b->n_merges == b->cap_merges) {
        if (b->n_merges == BPE_MAX_MERGES)
            return status_fail(KARMA_E_LIMIT, "more than %d merges", BPE_MAX_MERGES);
        uint32_t cap = b->cap_merges ? b->cap_merges * 2 : 1024;
        struct bpe_merge *merges = mem_realloc(b->merges, cap * sizeof(*merges));
        if (!merges) return KARMA_E_NOMEM;
        b->merges = merges;
        b->cap_merges = cap;
    }
    b->merges[b->n_merges++] = (struct bpe_merge){left, right, product};
    return KARMA_OK;
}

/* The id of the i-th text and the next one joined, or -1. Lists of merges mostly go through their
 * products in the order of ids: the last one and its successor are tried before the table. */
static int32_t find_product(const struct bpe *b, const struct vocab_batch *found, size_t i) {
    const struct vocab *v = b->vocab;
    const struct vocab_text *raw = &found->raw[i];
    const char *text = raw[0].text;
    size_t len = raw[0].len + raw[1].len, r_len;
    char joined[2 * VOCAB_MAX_TEXT];
    if (found->odd[i] || found->odd[i + 1]) {
        const char *l = vocab_spelled(v, found->ids[i], &len);
        const char *r = vocab_spelled(v, found->ids[i + 1], &r_len);
        memcpy(joined, l, len);
        memcpy(joined + len, r, r_len);
        return vocab_find(v, joined, len + r_len);
    }
    if (raw[1].text != text + raw[0].len) {
        memcpy(joined, text, raw[0].len);
        memcpy(joined + raw[0].len, raw[1].text, raw[1].len);
        text = joined;
    }
    const int32_t last = b->n_merges ? b->merges[b->n_merges - 1].product : -2;
    for (int32_t guess = last; guess <= last + 1; guess++)
        if (vocab_raw_is(v, guess, text, len)) return guess;
    return vocab_find_raw(v, text, len);
}

karma_status bpe_add_merges(struct bpe *b, const struct vocab_text *parts, size_t n, size_t *done) {
    struct vocab_batch found;
    vocab_find_many(b->vocab, parts, 2 * n, &found);
    for (*done = 0; *done < n; ++*done) {
        const size_t i = 2 * *done;
        const int32_t l = found.ids[i], r = found.ids[i + 1];
        int32_t product = -1;
        const char *missing = NULL;
        if (l < 0)
            missing = "left part";
        else if (r < 0)
            missing = "right part";
        else if ((product = find_product(b, &found, i)) < 0)
            missing = "product";
        if (missing)
            return status_fail(KARMA_E_MISSING, "merge of '%s' and '%s': no token for its %s",
                               status_quote(parts[i].text, parts[i].len),
                               status_quote(parts[i + 1].text, parts[i + 1].len), missing);
        karma_status st = bpe_push_merge(b, l, r, product);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status make_slots(struct bpe *b) {
    if (b->n_merges == 0) return KARMA_OK;
    b->n_slots = 16;
    while (b->n_slots < b->n_merges * 2)
        b->n_slots *= 2;
    b->slots = mem_calloc_table(b->n_slots, sizeof(*b->slots));
    if (!b->slots) return KARMA_E_NOMEM;
    for (uint32_t i = 0; i < b->n_merges; i++) {
        const struct bpe_merge *m = &b->merges[i];
        if (i + AHEAD < b->n_merges) {
            const struct bpe_merge *later = &b->merges[i + AHEAD];
            __builtin_prefetch(&b->slots[hash_ids(later->left, later->right) & (b->n_slots - 1)],
                               1);
        }
        *find_slot(b, m->left, m->right) = slot_tag(hash_ids(m->left, m->right)) | (i + 1);
    }
    return KARMA_OK;
}

static void bytes_of_vocab(struct bpe *b) {
    for (int i = 0; i < 256; i++) {
        char c = (char)i, name[8] = "<0x00>";
        if (b->vocab->byte_level) {
            b->byte_ids[i] = vocab_find_raw(b->vocab, &c, 1);
            continue;
        }
        name[3] = "0123456789ABCDEF"[i >> 4];
        name[4] = "0123456789ABCDEF"[i & 15];
        b->byte_ids[i] = vocab_find(b->vocab, name, 6);
    }
}

static inline uint32_t pair_bit(uint32_t a, uint32_t c) {
    uint64_t h = ((uint64_t)a << 32 | c) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 40) & (PAIRS_BITS - 1);
}

/* The place of a character in the exact table, or NEAR_CHARS. */
enum { NEAR_CHARS = 129, NEAR_ROW = 192, NEAR_WORDS = NEAR_CHARS * NEAR_ROW / 64 + 1 };
static inline uint32_t near_of(uint32_t cp) {
    return cp < 128 ? cp : cp == 0x2581 ? 128 : NEAR_CHARS; /* SentencePiece's space */
}

static bool is_byte(const struct bpe *b, int32_t id) {
    for (int i = 0; i < 256; i++)
        if (b->byte_ids[i] == id) return true;
    return false;
}

/* Do byte tokens take part in merges? Then what a token's text says about neighbours is not all.
 * Their ids mostly stand together, so few merges need the second look. */
static bool merges_bytes(const struct bpe *b) {
    int32_t low = INT32_MAX, high = -1;
    for (int i = 0; i < 256; i++) {
        if (b->byte_ids[i] < low) low = b->byte_ids[i];
        if (b->byte_ids[i] > high) high = b->byte_ids[i];
    }
    for (uint32_t i = 0; i < b->n_merges; i++) {
        const struct bpe_merge *m = &b->merges[i];
        if ((m->left >= low && m->left <= high && is_byte(b, m->left)) ||
            (m->right >= low && m->right <= high && is_byte(b, m->right)))
            return true;
    }
    return false;
}

static karma_status make_pairs(struct bpe *b) {
    if (b->vocab->byte_level || !b->byte_fallback || merges_bytes(b)) return KARMA_OK;
    b->pairs = mem_calloc(PAIRS_BITS / 64 + NEAR_WORDS, sizeof(*b->pairs));
    if (!b->pairs) return KARMA_E_NOMEM;
    b->near = b->pairs + PAIRS_BITS / 64;
    for (int32_t id = 0; id < b->vocab->n_ids; id++) {
        if (!vocab_has(b->vocab, id)) continue;
        size_t len;
        const char *p = vocab_raw(b->vocab, id, &len), *end = p + len;
        int n;
        for (uint32_t last = unicode_at(p, &n); (p += n) < end;) {
            uint32_t cp = unicode_at(p, &n), bit = pair_bit(last, cp);
            b->pairs[bit / 64] |= (uint64_t)1 << (bit % 64);
            bit = near_of(last) * NEAR_ROW + near_of(cp);
            if (near_of(last) < NEAR_CHARS) b->near[bit / 64] |= (uint64_t)1 << (bit % 64);
            last = cp;
        }
    }
    return KARMA_OK;
}

karma_status bpe_finish(struct bpe *b) {
    bytes_of_vocab(b);
    for (int i = 0; b->byte_fallback && i < 256; i++)
        if (b->byte_ids[i] < 0)
            return status_fail(KARMA_E_MISSING, "byte_fallback without a token <0x%02X>",
                               (unsigned)i);
    b->whole = mem_calloc((size_t)b->vocab->n_ids + 1, 1);
    b->idle = mem_calloc(1, sizeof(*b->idle));
    if (!b->whole || !b->idle) return KARMA_E_NOMEM;
    *b->idle = mem_calloc(WORDS, sizeof(**b->idle)); /* so that encoding a text leaves no block */
    if (!*b->idle) return KARMA_E_NOMEM;
    karma_status st = make_slots(b);
    return st < 0 ? st : make_pairs(b);
}

void bpe_release(struct bpe *b) {
    mem_free(b->merges);
    mem_free(b->slots);
    mem_free(b->whole);
    mem_free(b->pairs);
    if (b->idle) mem_free(*b->idle);
    mem_free(b->idle);
    memset(b, 0, sizeof(*b));
}

/* May a token hold the two characters side by side? */
static inline bool may_join(const struct bpe *b, uint32_t left, uint32_t right) {
    const uint32_t row = near_of(left), column = near_of(right);
    if (row < NEAR_CHARS && column < NEAR_CHARS) {
        const uint32_t bit = row * NEAR_ROW + column;
        return b->near[bit / 64] >> (bit % 64) & 1;
    }
    const uint32_t bit = pair_bit(left, right);
    return b->pairs[bit / 64] >> (bit % 64) & 1;
}

/* ---- encoding ---- */

void bpe_scratch_release(const struct bpe *b, struct bpe_scratch *s) {
    mem_free(s->symbols);
    mem_free(s->entries);
    mem_free(s->heap);
    mem_free(s->buckets);
    if (s->words) mem_free(__atomic_exchange_n(b->idle, s->words, __ATOMIC_ACQ_REL));
    memset(s, 0, sizeof(*s));
}

/* Split text into the ids of its first symbols, at ids[0..]; there is room for len of them.
 * A character without a token becomes its bytes, or unk, or nothing. */
static size_t first_symbols(const struct bpe *b, const char *text, size_t len, int32_t *ids) {
    size_t n = 0;
    bool after_unk = false, byte_level = b->vocab->byte_level;
    for (const char *p = text, *end = text + len; p < end;) {
        int bytes = 1;
        if (!byte_level) (void)unicode_at(p, &bytes);
        int32_t id = byte_level ? b->byte_ids[(unsigned char)*p]
                                : vocab_find_raw(b->vocab, p, (size_t)bytes);
        if (id >= 0) {
            ids[n++] = id;
        } else if (b->byte_fallback) {
            for (int i = 0; i < bytes; i++)
                ids[n++] = b->byte_ids[(unsigned char)p[i]];
        } else if (b->unk >= 0 && !(b->fuse_unk && after_unk)) {
            ids[n++] = b->unk;
        }
        after_unk = id < 0;
        p += bytes;
    }
    return n;
}

/* Merge ids[0..n), n <= SHORT_WORD, in place; returns how many are left. */
static size_t merge_short(const struct bpe *b, struct bpe_scratch *s, int32_t *ids, size_t n) {
    uint32_t ranks[SHORT_WORD];
    if (n < 2) return n;
    for (size_t i = 0; i + 1 < n; i++)
        ranks[i] = rank_of(b, ids[i], ids[i + 1]);
    s->n_steps += n;
    for (;;) {
        size_t at = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (ranks[i] < ranks[at]) at = i;
        s->n_steps += n;
        if (ranks[at] == NO_RANK) return n;
        ids[at] = b->merges[ranks[at]].product;
        n--;
        for (size_t i = at + 1; i < n; i++)
            ids[i] = ids[i + 1];
        if (n < 2) return n;
        for (size_t i = at + 1; i + 1 < n; i++)
            ranks[i] = ranks[i + 1];
        if (at > 0) ranks[at - 1] = rank_of(b, ids[at - 1], ids[at]);
        if (at + 1 < n) ranks[at] = rank_of(b, ids[at], ids[at + 1]);
    }
}

static void heap_push(struct bpe_scratch *s, uint32_t rank) {
    size_t i = s->n_heap++;
    for (; i > 0 && s->heap[(i - 1) / 2] > rank; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = rank;
}

static uint32_t heap_pop(struct bpe_scratch *s) {
    uint32_t top = s->heap[0], x = s->heap[--s->n_heap];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
        if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child]) child++;
        if (x <= s->heap[child]) break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = x;
    return top;
}

/* Look up the pair that begins at symbol i and let it wait in its rank's bucket. */
static void queue_pair(const struct bpe *b, struct bpe_scratch *s, int32_t i) {
    struct bpe_symbol *sym = &s->symbols[i];
    s->n_steps++;
    sym->rank = sym->next < 0 ? NO_RANK : rank_of(b, sym->id, s->symbols[sym->next].id);
    if (sym->rank == NO_RANK) return;
    struct bpe_bucket *bucket = &s->buckets[sym->rank];
    int32_t e = s->free_entry;
    if (e)
        s->free_entry = s->entries[e].next;
    else
        e = ++s->n_entries;
    s->entries[e] = (struct bpe_entry){.at = i};
    if (bucket->first == 0) {
        *bucket = (struct bpe_bucket){.first = e, .last = e, .sorted = true};
        heap_push(s, sym->rank);
        return;
    }
    if (s->entries[bucket->last].at > i) bucket->sorted = false;
    s->entries[bucket->last].next = e;
    bucket->last = e;
}

/* Two lists sorted by position into one. */
static int32_t merge_lists(struct bpe_entry *e, int32_t x, int32_t y) {
    int32_t first = 0, *link = &first;
    while (x && y) {
        int32_t *least = e[x].at < e[y].at ? &x : &y;
        *link = *least;
        link = &e[*least].next;
        *least = *link;
    }
    *link = x ? x : y;
    return first;
}

/* Entries come in a few rising runs: those are merged, pile k holding 2^k of them. */
static int32_t sort_entries(struct bpe_scratch *s, int32_t list) {
    struct bpe_entry *e = s->entries;
    int32_t piles[32] = {0}, sorted = 0;
    while (list) {
        int32_t run = list, end = list;
        int k = 0;
        while (e[end].next && e[e[end].next].at > e[end].at)
            end = e[end].next;
        list = e[end].next;
        e[end].next = 0;
        for (; piles[k]; piles[k++] = 0)
            run = merge_lists(e, piles[k], run);
        piles[k] = run;
    }
    for (int k = 0; k < 32; k++)
        sorted = merge_lists(e, piles[k], sorted);
    return sorted;
}

static void merge_at(const struct bpe *b, struct bpe_scratch *s, int32_t at) {
    struct bpe_symbol *sym = s->symbols, *x = &sym[at], *gone = &sym[x->next];
    x->id = b->merges[x->rank].product;
    x->next = gone->next;
    gone->id = -1;
    gone->rank = NO_RANK;
    if (x->next >= 0) sym[x->next].prev = at;
    queue_pair(b, s, at);
    if (x->prev >= 0) queue_pair(b, s, x->prev);
}

/* Merge the pairs of one rank from left to right, until a merge makes a pair of a lower rank, which
 * comes first; what is left waits, and stays sorted: until it is done every new symbol contains
 * this rank's product, so none can make a new pair of its two parts. */
static void merge_rank(const struct bpe *b, struct bpe_scratch *s, uint32_t rank) {
    struct bpe_bucket *bucket = &s->buckets[rank];
    if (!bucket->sorted) bucket->first = sort_entries(s, bucket->first);
    bucket->sorted = true;
    while (bucket->first) {
        int32_t e = bucket->first, at = s->entries[e].at;
        bucket->first = s->entries[e].next;
        s->entries[e].next = s->free_entry;
        s->free_entry = e;
        s->n_steps++;
        if (s->symbols[at].rank != rank) continue; /* the pair is no more */
        merge_at(b, s, at);
        if (s->n_heap > 0 && s->heap[0] < rank && bucket->first) {
            heap_push(s, rank);
            return;
        }
    }
}

static karma_status reserve(const struct bpe *b, struct bpe_scratch *s, size_t n) {
    if (!s->buckets) s->buckets = mem_calloc((size_t)b->n_merges + 1, sizeof(*s->buckets));
    if (!s->buckets) return KARMA_E_NOMEM;
    if (n > s->cap_symbols) {
        mem_free(s->symbols);
        mem_free(s->entries);
        mem_free(s->heap);
        s->cap_symbols = 0;
        /* A merge takes one entry out and puts in at most two. */
        s->symbols = mem_alloc(n * sizeof(*s->symbols));
        s->entries = mem_alloc((2 * n + 1) * sizeof(*s->entries));
        s->heap = mem_alloc(2 * n * sizeof(*s->heap));
        if (!s->symbols || !s->entries || !s->heap) return KARMA_E_NOMEM;
        s->cap_symbols = n;
    }
    return KARMA_OK;
}

/* Merge ids[0..n) in place, any n; *left is how many are left. */
static karma_status merge_long(const struct bpe *b, struct bpe_scratch *s, int32_t *ids, size_t n,
                               size_t *left) {
    karma_status st = reserve(b, s, n);
    if (st < 0) return st;
    s->n_heap = 0;
    s->free_entry = s->n_entries = 0;
    for (size_t i = 0; i < n; i++)
        s->symbols[i] = (struct bpe_symbol){.id = ids[i],
                                            .prev = (int32_t)i - 1,
                                            .next = i + 1 < n ? (int32_t)i + 1 : -1,
                                            .rank = NO_RANK};
    for (size_t i = 0; i + 1 < n; i++)
        queue_pair(b, s, (int32_t)i);
    while (s->n_heap > 0)
        merge_rank(b, s, heap_pop(s));
    size_t m = 0;
    for (int32_t i = 0; i >= 0; i = s->symbols[i].next)
        ids[m++] = s->symbols[i].id;
    *left = m;
    return KARMA_OK;
}

static karma_status merge_word(const struct bpe *b, struct bpe_scratch *s, const char *text,
                               size_t len, struct tokens *out) {
    if (len <= SHORT_WORD) {
        int32_t ids[SHORT_WORD];
        size_t n = merge_short(b, s, ids, first_symbols(b, text, len, ids));
        for (size_t i = 0; i < n; i++) {
            karma_status st = tokens_push(out, ids[i]);
            if (st < 0) return st;
        }
        return KARMA_OK;
    }
    if (len > INT32_MAX / 2) return status_fail(KARMA_E_LIMIT, "a word of more than 1 GiB");
    int32_t *ids = tokens_reserve(out, len); /* merged where they will stay */
    if (!ids) return KARMA_E_NOMEM;
    size_t n = first_symbols(b, text, len, ids);
    karma_status st = KARMA_OK;
    if (n > 1) st = merge_long(b, s, ids, n, &n);
    if (st == KARMA_OK) out->count += n;
    return st;
}

/* A piece that is not remembered. If the vocabulary has the whole of it and merging was once seen
 * to give just that, one lookup does. The note is the same whichever thread writes it. */
static karma_status encode_new(const struct bpe *b, struct bpe_scratch *s, const char *text,
                               size_t len, struct tokens *out) {
    int32_t id = vocab_find_raw(b->vocab, text, len);
    if (id < 0) return merge_word(b, s, text, len, out);
    uint8_t state = __atomic_load_n(&b->whole[id], __ATOMIC_RELAXED);
    if (b->ignore_merges || state == WHOLE_YES) return tokens_push(out, id);
    size_t before = out->count;
    karma_status st = merge_word(b, s, text, len, out);
    if (st == KARMA_OK && state == WHOLE_UNKNOWN) {
        bool whole = out->count == before + 1 && out->ids[before] == id;
        __atomic_store_n(&b->whole[id], whole ? WHOLE_YES : WHOLE_NO, __ATOMIC_RELAXED);
    }
    return st;
}

/* Those of the last thread that is done with its own, or new ones. */
static karma_status take_words(const struct bpe *b, struct bpe_scratch *s) {
    s->words = __atomic_exchange_n(b->idle, NULL, __ATOMIC_ACQ_REL);
    if (!s->words) s->words = mem_calloc(WORDS, sizeof(*s->words));
    return s->words ? KARMA_OK : KARMA_E_NOMEM;
}

static inline uint64_t read8(const char *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t read4(const char *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

/* All of a piece of 1 to WORD_BYTES bytes as two numbers: with the length, no other has them. */
static inline struct bpe_word word_key(const char *p, size_t len) {
    struct bpe_word w = {.len = (uint16_t)len};
    if (len >= 8) {
        w.head = read8(p);
        w.tail = read8(p + len - 8);
    } else if (len >= 4) {
        w.head = read4(p) << 32 | read4(p + len - 4);
    } else {
        w.head = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[len / 2] << 8 |
                 (unsigned char)p[len - 1];
    }
    return w;
}

static karma_status encode_piece(const struct bpe *b, struct bpe_scratch *s, const char *text,
                                 size_t len, struct tokens *out) {
    if (len > WORD_BYTES || len == 0) return encode_new(b, s, text, len, out);
    if (!s->words && take_words(b, s) < 0) return KARMA_E_NOMEM;
    const struct bpe_word key = word_key(text, len);
    uint64_t h = (key.head ^ (key.tail << 29 | key.tail >> 35) ^ len) * 0x9E3779B97F4A7C15u;
    struct bpe_word *w = &s->words[h >> 40 & (WORDS - 1)];
    if (w->len == len && w->head == key.head && w->tail == key.tail) {
        int32_t *ids = out->cap - out->count >= WORD_IDS ? out->ids + out->count
                                                         : tokens_reserve(out, WORD_IDS);
        if (!ids) return KARMA_E_NOMEM;
        memcpy(ids, w->ids, sizeof(w->ids));
        out->count += w->n;
        return KARMA_OK;
    }
    const size_t before = out->count;
    karma_status st = encode_new(b, s, text, len, out);
    const size_t n = out->count - before;
    if (st < 0 || n > WORD_IDS) return st;
    *w = key;
    w->n = (uint16_t)n;
    if (n > 0) memcpy(w->ids, out->ids + before, n * sizeof(*w->ids));
    return KARMA_OK;
}

karma_status bpe_encode(const struct bpe *b, struct bpe_scratch *s, const char *text, size_t len,
                        struct tokens *out) {
    if (!b->pairs) return encode_piece(b, s, text, len, out);
    const char *piece = text, *end = text + len, *p = text;
    if (b->ignore_merges) { /* the whole word first, then its parts by merging alone */
        int32_t id = vocab_find_raw(b->vocab, text, len);
        if (id >= 0) return tokens_push(out, id);
    }
    while (p < end) {
        int n;
        uint32_t last = unicode_at(p, &n);
        for (p += n; p < end; p += n) {
            const uint32_t cp = unicode_at(p, &n);
            if (!may_join(b, last, cp)) break;
            last = cp;
        }
        karma_status st = b->ignore_merges ? merge_word(b, s, piece, (size_t)(p - piece), out)
                                           : encode_piece(b, s, piece, (size_t)(p - piece), out);
        if (st < 0) return st;
        piece = p;
    }
    return KARMA_OK;
}

int bpe_fallback_byte(const char *text, size_t len) {
    if (len != 6 || memcmp(text, "<0x", 3) != 0 || text[5] != '>') return -1;
    int value = 0;
    for (int i = 3; i < 5; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0 && !(i == 3 && c == '+')) return -1; /* Rust's parser takes a plus sign */
        value = value * 16 + (digit < 0 ? 0 : digit);
    }
    return value;
}
