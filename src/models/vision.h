/*
 * vision.h - what a family that sees offers beside family_ops: a tower and a projector that turn
 * pixels into rows for the decoder, in place of the embeddings of its image tokens. Models are
 * immutable and shared; what a run needs beside them is the caller's.
 */
#ifndef MODELS_VISION_H
#define MODELS_VISION_H

#include "tensor/backend.h"

struct vision_info {
    int32_t image_size;       /* pixels a side */
    int32_t tokens_per_image; /* rows one picture becomes */
    int64_t hidden_size;      /* of a row: the decoder's */
    /* Ids around and in place of a picture; -1: the checkpoint does not say (GGUF), and the
     * tokenizer's tokens <start_of_image>, <end_of_image>, <image_soft_token> are meant. */
    int32_t boi_token, eoi_token, image_token;
};

struct vision_need {
    size_t scratch_floats;
    struct stream_limits stream; /* complete */
};

struct vision_ops {
    const struct vision_info *(*info)(const void *model);
    /* Of one picture at a time. */
    void (*need)(const void *model, struct vision_need *out);
    /* pixel_values: host [3, image_size, image_size]; rows: host [tokens_per_image, hidden_size].
     * False: cancelled, which is asked between layers (NULL: never), and rows are worth nothing. */
    bool (*encode)(const void *model, const float *pixel_values, float *rows, float *scratch,
                   bool (*cancelled)(void *user), void *user, struct stream *on);
};

#endif
