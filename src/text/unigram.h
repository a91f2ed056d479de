/*
 * unigram.h - Unigram: the cut of a piece into tokens whose scores have the highest sum, as the
 * reference finds it, with its sums in double and its choice among equal ones.
 */
#ifndef TEXT_UNIGRAM_H
#define TEXT_UNIGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"
#include "text/trie.h"
#include "text/vocab.h"

struct unigram {
    const struct vocab *vocab; /* lent */
    double *scores;            /* by id, n_scores of them */
    int32_t n_scores, cap_scores;
    int32_t unk; /* -1: none; then a text that needs it fails */
    bool byte_fallback;
    int32_t byte_ids[256]; /* of <0x00> ..; -1: none */
    double unk_score;
    struct trie trie;
};

/* Working memory of one encoding thread. All-zero is a valid empty one. */
struct unigram_scratch {
    struct unigram_node *nodes;
    size_t cap_nodes;
    uint64_t n_steps; /* tokens tried so far: what linear-time tests count */
};

/* The score of the next id, from 0 on. */
karma_status unigram_push_score(struct unigram *u, double score);
/* After vocabulary, scores and the fields are set: derive the tables. */
karma_status unigram_finish(struct unigram *u);
void unigram_release(struct unigram *u);

/* Append the ids of one piece, valid UTF-8. E_MISSING: a character has no token and there is no
 * unknown one. */
karma_status unigram_encode(const struct unigram *u, struct unigram_scratch *s, const char *text,
                            size_t len, struct tokens *out);
void unigram_scratch_release(struct unigram_scratch *s);

/* A score as the reference reads it from a file: its reader takes up to 19 digits as an integer
 * and scales once, which differs from the nearest double in the last bit for one score of eight,
 * and decides which of two equal sums is the larger. False: not finite. */
bool unigram_parse_score(const char *text, size_t len, double *out);

#endif
