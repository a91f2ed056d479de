/*
 * transcriber.h (internal) - speech through a recogniser: utterances are listened to in pieces of
 * any size, encoded together without padding, and decoded one by one. What an utterance gives does
 * not depend on what is encoded beside it, nor on how its samples were cut into pieces.
 */
#ifndef ENGINE_TRANSCRIBER_H
#define ENGINE_TRANSCRIBER_H

#include "models/models.h"
#include "models/speech.h"

struct transcriber;

struct transcriber_options {
    int64_t max_samples;   /* of the longest utterance */
    int64_t batch_samples; /* of all of a batch; at least max_samples is taken; 0: chosen */
    int32_t max_batch;     /* utterances of a batch, at least 1 */
    size_t ceiling_bytes;  /* weights and all; 0: 90 % of the machine's */
};

/* The model is lent and must be able to FAMILY_TRANSCRIBE (else E_UNSUPPORTED). All that encoding
 * takes is reserved here; E_LIMIT names the sum. */
karma_status transcriber_create(const struct model *model,
                                const struct transcriber_options *options,
                                struct transcriber **out);
void transcriber_destroy(struct transcriber *t);
/* What transcriber_create() would reserve, with its refusals; nothing is allocated. */
karma_status transcriber_measure(const struct model *model,
                                 const struct transcriber_options *options, size_t *bytes);
size_t transcriber_bytes(const struct transcriber *t); /* positions, scratch, features, hidden */
int32_t transcriber_rate(void);                        /* Hz of the samples it hears */
const struct speech_info *transcriber_info(const struct transcriber *t);

/* Is there room for one more utterance of that many samples? */
bool transcriber_fits(const struct transcriber *t, int64_t n_samples);
/* Begin an utterance, give its samples (mono, in order), end it. E_LIMIT: it does not fit; it is
 * then dropped whole, the others of the batch stay. */
karma_status transcriber_begin(struct transcriber *t);
karma_status transcriber_push(struct transcriber *t, const float *samples, size_t n);
karma_status transcriber_end(struct transcriber *t);
/* Forget the utterance that was begun and not ended; nothing when there is none. */
void transcriber_drop(struct transcriber *t);
size_t transcriber_count(const struct transcriber *t); /* utterances that ended */

/* Encode all of them. E_CANCELLED when cancelled (asked between layers; may be NULL) said so. */
karma_status transcriber_encode(struct transcriber *t, bool (*cancelled)(void *user), void *user);

struct decoding {
    int32_t language; /* index; -1: the one whose greedy text scores best (needs a CTC head) */
    bool rnnt;
    int32_t beam;                       /* 1: greedy */
    const struct hot_words *const *hot; /* [n_languages]; NULL: none. Greedy takes none */
    bool times; /* those of a transducer's tokens are wanted: aligned by the CTC head if there */
};
/* What was heard in encoded utterance i; frames are steps of step_s. *language: which it was. Gives
 * to *out, which is empty. E_UNSUPPORTED: the checkpoint lacks the head. */
karma_status transcriber_decode(struct transcriber *t, size_t i, const struct decoding *how,
                                int32_t *language, struct heard *out);
/* A new batch. */
void transcriber_clear(struct transcriber *t);

#endif
