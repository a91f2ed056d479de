/*
 * speech.h - what a family of speech recognisers offers beside family_ops: an encoder from log-mel
 * frames to steps, and the heads that score tokens in each step. Models are immutable and shared;
 * what a run needs beside them is the caller's.
 */
#ifndef MODELS_SPEECH_H
#define MODELS_SPEECH_H

#include "nn/rnnt.h"
#include "tensor/backend.h"

struct speech_language {
    const char *code;          /* "hi", "brx" */
    const int32_t *columns;    /* [n_tokens] rows of the CTC head, ascending, the blank's last */
    const char *const *pieces; /* [n_tokens - 1]; U+2581 begins a word */
};

struct speech_info {
    int64_t hidden_size;
    int32_t n_mels, subsampling; /* mel frames a step */
    int32_t n_tokens, blank;     /* of a language, the blank included; blank is the last */
    int32_t n_languages;
    const struct speech_language *languages;
    bool has_ctc, has_rnnt;
    int32_t max_symbols; /* evaluations of the joint a step */
    double step_s;       /* seconds a step */
};

/* Utterances of a call, packed one after another. */
struct speech_batch {
    int64_t n;
    const int64_t *frame_start;    /* [n + 1]: mel frames */
    const float *mel;              /* device [frames, n_mels], normalised */
    const int64_t *step_start;     /* [n + 1] */
    const float *positions;        /* device: what prepare() made */
    int64_t max_steps;             /* that it was made for */
    float *hidden;                 /* device out [steps, hidden_size] */
    float *scratch;                /* device, of the size need() told */
    bool (*cancelled)(void *user); /* asked between layers; NULL: never */
    void *user;
};

struct speech_need {
    size_t scratch_floats, position_floats;
    struct stream_limits stream; /* complete */
};

/* One utterance's transducer on its way: what its functions work with. */
struct speech_rnnt {
    const void *model;
    struct stream *on;
    int32_t language;
    const float *encoded; /* device [steps, joint size]: encode_joint()'s */
    float *scratch;       /* device, rnnt_floats */
};

struct speech_ops {
    const struct speech_info *(*info)(const void *model);
    int64_t (*steps)(const void *model, int64_t n_frames);
    /* Of calls with at most that many steps in all, in the longest utterance (max_frames mel
     * frames). */
    void (*need)(const void *model, int64_t total_steps, int64_t max_frames,
                 struct speech_need *out);
    /* Project the table of relative positions through each layer, once for many calls. */
    void (*prepare)(const void *model, int64_t max_steps, float *positions, float *scratch,
                    struct stream *on);
    /* False when it was cancelled: hidden is then worth nothing. */
    bool (*encode)(const void *model, const struct speech_batch *batch, struct stream *on);
    /* logits[m, n_tokens] (host) of a language for m steps. scratch: device [m, n_tokens]. */
    void (*ctc)(const void *model, int32_t language, const float *hidden, int64_t m, float *scratch,
                float *logits, struct stream *on);
    /* The joint's view of m steps: device [m, rnnt_joint_size]. */
    void (*rnnt_encode)(const void *model, const float *hidden, int64_t m, float *encoded,
                        struct stream *on);
    int64_t (*rnnt_joint_size)(const void *model);
    size_t (*rnnt_floats)(const void *model); /* device scratch of one speech_rnnt */
    /* *out works with r, which must outlive it. */
    void (*rnnt)(struct speech_rnnt *r, struct rnnt_model *out);
};

#endif
