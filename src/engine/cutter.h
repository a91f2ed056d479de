/*
 * cutter.h (internal) - a long recording cut into pieces that a recogniser takes at once. Samples
 * come in any portions and pieces go out as soon as they are certain, so hours take the memory of
 * one piece and what is looked ahead.
 *
 * A recording no longer than piece_s + search_s is one piece. Else a piece ends in the middle of
 * the quietest short frame of the last search_s seconds it may have. Where even that frame is loud,
 * the cut goes through speech: the two pieces then overlap by overlap_s, and each is to be trusted
 * up to the middle of the overlap. No piece but a whole recording is shorter than search_s.
 */
#ifndef ENGINE_CUTTER_H
#define ENGINE_CUTTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct cutter_config {
    int32_t sample_rate;
    bool whole;       /* nothing is cut, whatever the length */
    double piece_s;   /* longest piece; more than search_s + overlap_s */
    double search_s;  /* at its end, where a cut may lie */
    double frame_s;   /* whose energy is looked at */
    double overlap_s; /* of a cut through speech */
    double quiet_db;  /* a frame this much below the piece's mean is a pause */
};
/* 16 kHz, 25 s, 5 s, 25 ms, 2 s, 20 dB. */
struct cutter_config cutter_defaults(void);

/* Samples [begin, end) of the recording; what was heard outside [from, to) is another piece's. */
struct piece {
    int64_t begin, end, from, to;
    const float *samples; /* [end - begin], lent until the next call */
    bool last;
};

struct cutter;
/* E_RANGE: the figures do not fit each other. */
karma_status cutter_create(const struct cutter_config *config, struct cutter **out);
void cutter_destroy(struct cutter *c);
/* More of the recording. Pieces must be taken before, until there is none. */
karma_status cutter_push(struct cutter *c, const float *samples, size_t n);
/* There is no more: the next push begins another recording, after the last piece is taken. */
void cutter_end(struct cutter *c);
/* KARMA_OK and the next piece; KARMA_DONE: more samples are needed, or all pieces were taken. */
karma_status cutter_next(struct cutter *c, struct piece *out);
/* Forget the recording. */
void cutter_reset(struct cutter *c);
/* Samples after which pieces should be asked for, so that the memory stays bounded. */
size_t cutter_room(const struct cutter *c);

#endif
