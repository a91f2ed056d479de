/*
 * encoder.h (internal) - texts through an encoder: packed without padding into steps of a bounded
 * number of rows, whole texts only. What a text gives does not depend on what is packed beside it.
 */
#ifndef ENGINE_ENCODER_H
#define ENGINE_ENCODER_H

#include "models/models.h"

struct encoder;

struct encoder_options {
    int32_t max_length;   /* longest text in tokens; 1..max_position_embeddings (else E_LIMIT) */
    int32_t max_rows;     /* of one step, at least max_length; 0: chosen */
    size_t ceiling_bytes; /* weights and all; 0: 90 % of the machine's */
};

/* The model is lent and must be able to FAMILY_ENCODE (else E_UNSUPPORTED). All memory is reserved
 * here; E_LIMIT names the sum. */
karma_status encoder_create(const struct model *model, const struct encoder_options *options,
                            struct encoder **out);
void encoder_destroy(struct encoder *e);
/* What encoder_create() would reserve, with its refusals; nothing is allocated. */
karma_status encoder_measure(const struct model *model, const struct encoder_options *options,
                             size_t *bytes);
size_t encoder_bytes(const struct encoder *e); /* cache, scratch and hidden rows */

/* One text: ids lent for the call of encoder_run. */
struct encoder_text {
    const int32_t *ids;
    int32_t count; /* 1..max_length */
};
/* Takes the hidden rows of text i: [count, hidden_size] on the host, lent for the call. Texts come
 * in any order, each once. < 0 ends the run with that status. */
typedef karma_status encoder_sink(void *user, size_t i, const float *hidden);
/* E_RANGE: an id outside the vocabulary, naming the text; E_LIMIT: count; E_CANCELLED when
 * cancelled (may be NULL) said so. */
karma_status encoder_run(struct encoder *e, const struct encoder_text *texts, size_t n,
                         bool (*cancelled)(void *user), encoder_sink *sink, void *user);

#endif
