/*
 * precompiled.h - SentencePiece's precompiled map of characters, as the reference applies it: to
 * each grapheme cluster of fewer than six bytes by its shortest beginning that the map knows, else
 * to each character.
 */
#ifndef TEXT_PRECOMPILED_H
#define TEXT_PRECOMPILED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"

struct precompiled {
    const uint32_t *units; /* double-array trie; in the arena that it was read into */
    size_t n_units;
    const char *pool; /* replacements, each ends with a NUL */
    size_t pool_len;
    uint8_t plain[16]; /* bit by ASCII character: the map leaves it alone, whatever follows */
};

/* From base64, into a. E_SYNTAX, E_TRUNCATED, E_ENCODING: what the map is not. */
karma_status precompiled_read(struct arena *a, const char *base64, size_t len,
                              struct precompiled *out);
/* Append what the map makes of text, valid UTF-8. */
karma_status precompiled_apply(const struct precompiled *p, const char *text, size_t len,
                               struct buf *out);

#endif
