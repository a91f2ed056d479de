/*
 * bpe.h - byte pair encoding of one pre-token: over bytes (GPT-2's kind) or over characters with
 * byte fallback (SentencePiece's kind). The list of merges is the authority, as in the reference.
 */
#ifndef TEXT_BPE_H
#define TEXT_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"
#include "text/vocab.h"

enum { BPE_MAX_MERGES = (1 << 22) - 1 };

struct bpe_merge {
    int32_t left, right, product;
};

struct bpe {
    const struct vocab *vocab; /* lent */
    bool byte_fallback, fuse_unk, ignore_merges;
    int32_t unk;              /* -1: none; then an unknown symbol is dropped */
    struct bpe_merge *merges; /* index = rank */
    uint32_t n_merges, cap_merges;
    uint32_t *slots;        /* index of the merge + 1 in the low 22 bits, hash above; 0 empty */
    uint32_t n_slots;       /* a power of two, or 0 */
    int32_t byte_ids[256];  /* of single bytes, or of <0x00> ..; -1: none */
    uint8_t *whole;         /* by id, filled as needed: does its text encode to it alone? */
    uint64_t *pairs;        /* Bloom filter of neighbouring characters in tokens, or NULL */
    uint64_t *near;         /* of the most common characters, exact; in the same block */
    struct bpe_word **idle; /* what the last thread that encoded remembered of short pieces */
};

/* Working memory of one encoding thread, with one tokenizer. All-zero is a valid empty one. */
struct bpe_scratch {
    struct bpe_symbol *symbols;
    struct bpe_entry *entries;
    uint32_t *heap;             /* ranks that have entries, the lowest on top */
    struct bpe_bucket *buckets; /* by rank; all empty between words */
    size_t cap_symbols, n_heap;
    int32_t free_entry, n_entries;
    uint64_t n_steps;       /* pairs and entries looked at so far: what linear-time tests count */
    struct bpe_word *words; /* short pieces seen before and their ids, or NULL */
};

/* Append n merges (at most BPE_BATCH) by the spelled texts of their parts, parts[2 i] and
 * parts[2 i + 1]; the last of equal pairs counts. E_MISSING if a part or the product is not in the
 * vocabulary; *done tells how many before it were appended. */
enum { BPE_BATCH = VOCAB_BATCH / 2 };
karma_status bpe_add_merges(struct bpe *b, const struct vocab_text *parts, size_t n, size_t *done);
/* Append a merge of known ids. */
karma_status bpe_push_merge(struct bpe *b, int32_t left, int32_t right, int32_t product);
/* After vocabulary, merges and switches are set: derive the tables. E_MISSING for byte_fallback
 * without all of its 256 tokens. */
karma_status bpe_finish(struct bpe *b);
void bpe_release(struct bpe *b);

/* Append the ids of one pre-token, valid UTF-8. */
karma_status bpe_encode(const struct bpe *b, struct bpe_scratch *scratch, const char *text,
                        size_t len, struct tokens *out);
/* b: what it was used with; keeps the pieces that it remembers for the next. */
void bpe_scratch_release(const struct bpe *b, struct bpe_scratch *s);

/* The byte that a token such as "<0x0A>" stands for as the reference reads it, or -1. */
int bpe_fallback_byte(const char *text, size_t len);

#endif
