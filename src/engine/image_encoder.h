/*
 * image_encoder.h - pictures through the tower of a model that sees, one at a time, with all
 * threads at each; what a picture gives does not depend on what came before. Rows are kept by
 * content, the longest unused are dropped first, so that ten questions on one picture encode it
 * once. One thread at a time.
 */
#ifndef ENGINE_IMAGE_ENCODER_H
#define ENGINE_IMAGE_ENCODER_H

#include "engine/prompt.h"
#include "models/models.h"

struct image_encoder;

struct image_encoder_options {
    size_t cache_bytes;   /* rows kept at most; 0: none */
    size_t ceiling_bytes; /* weights and all; 0: 90 % of the machine's */
};

/* The model is lent and must be able to FAMILY_SEE (else E_UNSUPPORTED). All memory but the rows is
 * reserved here; E_LIMIT names the sum. */
karma_status image_encoder_create(const struct model *model,
                                  const struct image_encoder_options *options,
                                  struct image_encoder **out);
void image_encoder_destroy(struct image_encoder *e);
/* What image_encoder_create() would reserve, cache included, with its refusals. */
karma_status image_encoder_measure(const struct model *model,
                                   const struct image_encoder_options *options, size_t *bytes);
size_t image_encoder_bytes(const struct image_encoder *e);

/* The rows kept under that digest, one reference; NULL: none. */
struct image_rows *image_encoder_find(struct image_encoder *e, const unsigned char digest[32]);
/* pixel_values: host [3, image_size, image_size]. One reference to the caller, one kept if the
 * cache has room. E_NONFINITE: the tower gave no numbers; E_CANCELLED. */
karma_status image_encoder_run(struct image_encoder *e, const float *pixel_values,
                               const unsigned char digest[32], bool (*cancelled)(void *user),
                               void *user, struct image_rows **out);

struct image_encoder_stats {
    uint64_t encoded, found; /* pictures through the tower; taken from the cache */
};
void image_encoder_get_stats(const struct image_encoder *e, struct image_encoder_stats *out);

#endif
