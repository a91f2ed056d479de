/*
 * wordpiece.h - WordPiece: the longest token that a word begins with, then the longest
 * continuation, and so on; a word that does not work out is one unknown token.
 */
#ifndef TEXT_WORDPIECE_H
#define TEXT_WORDPIECE_H

#include <stddef.h>
#include <stdint.h>

#include "text/tokenizer.h"
#include "text/trie.h"
#include "text/vocab.h"

struct wordpiece {
    const struct vocab *vocab; /* lent */
    const char *prefix;        /* of continuations, "##"; lent */
    size_t prefix_len;
    int64_t max_chars;       /* of a word; a longer one is unknown */
    int32_t unk;             /* -1: none; then a text that needs it fails */
    struct trie first, next; /* next: continuations without their prefix */
};

/* The published defaults: "##", 100 characters. */
enum { WORDPIECE_MAX_CHARS = 100 };

/* After the vocabulary and the fields are set. */
karma_status wordpiece_finish(struct wordpiece *w);
void wordpiece_release(struct wordpiece *w);

/* Append the ids of one word, valid UTF-8. E_MISSING: it is unknown and there is no such token. */
karma_status wordpiece_encode(const struct wordpiece *w, const char *text, size_t len,
                              struct tokens *out);

#endif
