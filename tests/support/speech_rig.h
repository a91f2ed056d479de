/*
 * speech_rig.h - a recogniser opened for tests and for tools/compare: utterances in, steps and
 * tokens out, and weights from a formula over their names, which tools/fixtures/make_conformer.py
 * has too. Helpers stop the test when they fail.
 */
#ifndef TESTS_SUPPORT_SPEECH_RIG_H
#define TESTS_SUPPORT_SPEECH_RIG_H

#include "models/models.h"
#include "models/speech.h"
#include "nn/rnnt.h"

/* Value i of what a name stands for is the i-th draw: in [-0.5, 0.5). */
uint32_t named_seed(const char *name);
double named_draw(uint32_t *seed);
/* All values of a weight: the last part of its name and its shape say how they spread. */
void named_weight(const char *name, int n_dims, const int64_t *dims, double factor, float *out);

struct speech_rig {
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    struct stream *on;
    const struct speech_info *info;
    float *positions, *scratch, *hidden;
    int64_t max_steps;
};
/* For calls of `total` steps in all, max_frames mel frames in the longest utterance. */
void speech_rig_open_as(struct speech_rig *r, const char *folder, enum backend_weights weights,
                        int threads, int64_t total, int64_t max_frames);
void speech_rig_open(struct speech_rig *r, const char *folder, int threads, int64_t total,
                     int64_t max_frames);
void speech_rig_close(struct speech_rig *r);
/* mel: [frames of all utterances, n_mels]. Fills r->hidden. */
void speech_rig_encode(struct speech_rig *r, int64_t n, const int64_t *frame_start,
                       const int64_t *step_start, const float *mel);
/* [m, n_tokens] log-probabilities of a language for hidden rows; free() it. */
float *speech_rig_ctc(struct speech_rig *r, int32_t language, const float *hidden, int64_t m);
void speech_rig_transduce(struct speech_rig *r, int32_t language, const float *hidden, int64_t m,
                          struct heard *out);
/* [frames, n_mels] of 2 sqrt(3) named_draw(), drawn as [n_mels][frames]; free() it. */
float *speech_rig_mel(const char *name, int64_t frames);

#endif
