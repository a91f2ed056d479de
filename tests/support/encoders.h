/*
 * encoders.h - encoders for tests: committed fixtures with the texts and hidden states of
 * tools/fixtures/make_encoders.py, and texts through an encoder into one block of rows. Helpers
 * stop the test when they fail.
 */
#ifndef TESTS_SUPPORT_ENCODERS_H
#define TESTS_SUPPORT_ENCODERS_H

#include "engine/encoder.h"
#include "tests/support/tiny_checkpoint.h"

enum { ENCODER_MAX_TEXTS = 8 };

struct encoder_golden {
    struct file_map map;
    struct arena a;
    struct named_tensor *tensors;
    int64_t n_tensors;
    struct encoder_text texts[ENCODER_MAX_TEXTS];
    size_t n_texts;
    int64_t n_rows; /* of all texts */
    char path[128]; /* of the checkpoint */
};
void encoder_golden_open(struct encoder_golden *g, const char *name);
/* Values of one tensor, aligned; NULL if it is not there. Lives as long as g. */
const void *encoder_golden_values(struct encoder_golden *g, const char *name, int64_t *count);
void encoder_golden_release(struct encoder_golden *g);

/* [rows of all texts, hidden_size], text after text; mem_free() it. Checks that every text came
 * once. */
float *encode_texts(struct encoder *e, const struct encoder_text *texts, size_t n, int64_t hidden);
/* The same through an encoder made for it. */
float *encode_with(const struct model *model, const struct encoder_options *options,
                   const struct encoder_text *texts, size_t n);

#endif
