/*
 * transcript.h (internal) - from the tokens of a recording's pieces to its text and to words with
 * their times. Pieces that overlap are joined where neither of them hears a token, near the cut
 * between them, so that no token is lost or told twice; the texts of pieces that were cut at a
 * pause are joined by a space.
 */
#ifndef ENGINE_TRANSCRIPT_H
#define ENGINE_TRANSCRIPT_H

#include "base/buf.h"
#include "engine/cutter.h"
#include "models/speech.h"

enum transcript_unit { TRANSCRIPT_WORDS, TRANSCRIPT_TOKENS };

struct transcript_config {
    int32_t sample_rate;
    double step_s;
    bool keep_units; /* words or tokens are wanted, not the text alone */
    enum transcript_unit unit;
    bool drop_unknown; /* leave the piece "<unk>" out */
};

/* A word or a token: its text is text[begin_byte, end_byte) of the units' text. */
struct transcript_unit_heard {
    size_t begin_byte, end_byte;
    double begin_s, end_s;
    double logprob; /* mean over its tokens */
    int32_t n_tokens;
};

/* All-zero is a valid empty one. */
struct transcript {
    struct transcript_config config;
    struct buf text; /* after transcript_end(): the recording's */
    struct buf unit_text;
    struct transcript_unit_heard *units;
    size_t n_units, cap_units;
    size_t n_tokens;
    double logprob; /* sum over the tokens */
    /* The piece before, until the next tells where they meet. */
    struct piece held_piece;
    struct heard held;
    bool has_held;
    const struct speech_language *held_language;
    double held_from_s; /* of its tokens, those from here on count */
    bool in_word;       /* the next token goes on with the last word */
};

void transcript_begin(struct transcript *t, const struct transcript_config *config);
/* What was heard in a piece; its tokens are taken (heard is empty then). In their order. */
karma_status transcript_add(struct transcript *t, const struct piece *piece,
                            const struct speech_language *language, struct heard *heard);
/* The last piece was added: text and units are whole. */
karma_status transcript_end(struct transcript *t);
void transcript_release(struct transcript *t);

#endif
