/*
 * mel.h - log-mel features of speech: pre-emphasis, short-time Fourier transform with a symmetric
 * Hann window in the middle of the frame, power, triangular bands on Slaney's scale with unit area,
 * natural logarithm; then, over a whole utterance, mean and deviation of each band. The formulas
 * are those of NeMo's FilterbankFeatures (doc/models/indic_conformer.md). Computed in double,
 * rounded to float once, so frames taken in blocks have the bits of frames taken at once.
 */
#ifndef MEDIA_MEL_H
#define MEDIA_MEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct mel_config {
    int32_t sample_rate; /* Hz */
    int32_t n_fft;       /* a power of two, 16..65536 */
    int32_t win_length;  /* 2..n_fft */
    int32_t hop_length;  /* 1..n_fft / 2 - 1 */
    int32_t n_mels;      /* 1..512 */
    double fmin, fmax;   /* Hz; fmax at most half the rate */
    double preemphasis;  /* 0: none */
    double log_guard;    /* added before the logarithm, and the least variance; > 0 */
};
/* 16 kHz, 512, 400, 160, 80 bands to 8 kHz, 0.97, 2^-24. */
struct mel_config mel_speech_config(void);

/* Window, bands and transform of a configuration: immutable, shared by threads. */
struct mel;
karma_status mel_create(const struct mel_config *config, struct mel **out);
void mel_destroy(struct mel *m);
const struct mel_config *mel_get_config(const struct mel *m);
/* The weights of band b: *first is its first bin, *count how many follow. For tests. */
const double *mel_band(const struct mel *m, int32_t b, int32_t *first, int32_t *count);

/* Frames that n samples give: n / hop_length + 1. */
int64_t mel_frame_count(const struct mel *m, int64_t n_samples);

/* An utterance on its way. Samples beyond its ends are mirrored at them (without the end sample);
 * one shorter than n_fft / 2 + 1 samples, which has nothing to mirror, is lengthened by zeros. */
struct mel_stream;
/* Takes a frame: [n_mels] ln-mel values, lent for the call. */
typedef karma_status mel_sink(void *user, const float *frame);
karma_status mel_stream_begin(const struct mel *m, mel_sink *sink, void *user,
                              struct mel_stream **out);
karma_status mel_stream_push(struct mel_stream *s, const float *samples, size_t n);
/* The frames that hang over the end. */
karma_status mel_stream_end(struct mel_stream *s);
void mel_stream_destroy(struct mel_stream *s);

/* frames[n_frames, n_mels] -= mean, /= deviation of each band: over n_frames - 1, at least
 * log_guard before the root, 1e-5 added after it. One frame gives zeros. */
void mel_normalize(const struct mel *m, float *frames, int64_t n_frames);

#endif
