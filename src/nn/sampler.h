/*
 * sampler.h - from one row of logits to a token, in the reference's order: repetition penalty,
 * then, when sampling, temperature, top_k, top_p, min_p, softmax, one draw. Scores are f32 as the
 * reference's are; softmax and sums are in double over ascending ids (doc/numerics.md).
 */
#ifndef NN_SAMPLER_H
#define NN_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/status.h"

struct sampler_options {
    bool do_sample; /* false: the first of the highest, after the repetition penalty */
    double temperature;
    int32_t top_k;             /* 0: off */
    double top_p;              /* 1: off */
    double min_p;              /* 0: off */
    double repetition_penalty; /* 1: off */
};
/* E_RANGE naming the field: temperature > 0, top_k >= 0, top_p in (0, 1], min_p in [0, 1],
 * repetition_penalty > 0, all finite. */
karma_status sampler_check(const struct sampler_options *o);

struct sampler_entry {
    float score;
    int32_t id;
};

/* Scratch for one row at a time; all rows of an engine share it. */
struct sampler {
    int64_t vocab_size;
    float *scores;                /* [vocab_size] */
    struct sampler_entry *ranked; /* [vocab_size] */
    unsigned char *seen;          /* [vocab_size], all zero between calls */
};
size_t sampler_bytes(int64_t vocab_size);
/* memory: sampler_bytes() of it, 8-byte aligned, zeroed, lent. */
void sampler_init(struct sampler *s, int64_t vocab_size, void *memory);

/* Nothing that is not finite may decide: E_NONFINITE names the first such entry. */
karma_status sampler_check_logits(const float *logits, int64_t vocab_size);

/* The next token. logits are finite and stay as they are. history: every id of the sequence so
 * far, prompt included (used by the repetition penalty alone). */
int32_t sampler_pick(struct sampler *s, const float *logits, const struct sampler_options *o,
                     const int32_t *history, size_t n_history, struct rng *rng);

/* What sampler_pick() would draw from: scores after all processors, dropped ones -INFINITY. For
 * tests; lent until the next call. */
const float *sampler_process(struct sampler *s, const float *logits,
                             const struct sampler_options *o, const int32_t *history,
                             size_t n_history);

/* log of the sum of exp(logits - *max): a token's log-probability is logit - *max - that. */
double sampler_log_sum(const float *logits, int64_t vocab_size, float *max);
/* The n likeliest tokens, highest first, equal ones by ascending id. */
void sampler_top(struct sampler *s, const float *logits, int32_t n, int32_t *ids, float *values);

#endif
