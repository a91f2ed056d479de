/*
 * decoder.h - token texts back to text: whole, exactly as the reference does, or as a stream.
 */
#ifndef TEXT_DECODER_H
#define TEXT_DECODER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "text/tokenizer.h"
#include "text/vocab.h"

enum { DECODER_MAX_STEPS = 4 };

/* Either byte-level, or WordPiece, or tokens with spaces between, or per token: replacements,
 * Metaspace, byte fallback; then all in one piece: stripping one leading character. */
struct decoder {
    bool byte_level;
    bool spaced;             /* a space before every token but the first */
    bool wordpiece, cleanup; /* spaced, but before continuations; tidied token by token */
    const char *prefix;      /* of continuations; lent */
    size_t prefix_len;
    bool byte_fallback, fused;
    bool metaspace, metaspace_drop_first; /* `replace[0].from` is its character */
    struct decoder_replace {
        const char *from, *to; /* lent */
        size_t from_len, to_len;
    } replace[DECODER_MAX_STEPS];
    int n_replace;
    char strip[4];    /* one character that is dropped if the whole text begins with it */
    size_t strip_len; /* 0: no stripping */
};

karma_status decoder_decode(const struct decoder *d, const struct vocab *v, const int32_t *ids,
                            size_t count, bool skip_special, struct buf *out);
karma_status decoder_push(const struct decoder *d, const struct vocab *v,
                          struct detokenizer *stream, int32_t id, bool skip_special,
                          struct buf *out);

#endif
