/*
 * audio.h - sound out of a file or out of bytes, as one channel of f32 samples at the rate a model
 * wants: what librosa.load(file, sr=rate) gives. Whatever libsndfile reads (WAV, FLAC, OGG, MP3,
 * ...), the mean of its channels, resampled by libsoxr at its high quality. Read in pieces, so that
 * hours of sound take the memory of one piece.
 */
#ifndef MEDIA_AUDIO_H
#define MEDIA_AUDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { AUDIO_MIN_RATE = 1000, AUDIO_MAX_RATE = 384000, AUDIO_MAX_CHANNELS = 64 };

struct audio_info {
    int64_t frames; /* as the file says; what it holds may be less */
    int32_t sample_rate, channels;
};

struct audio_reader;

/* From a file (E_MISSING, E_IO), or from bytes that must outlive the reader; name is for messages.
 * Neither may be longer than max_s seconds as it says (0: no bound; E_LIMIT). Not sound: E_MAGIC.
 * Rates and channels beyond the limits above: E_RANGE. No frames: E_RANGE "audio is empty". A WAV
 * file that is cut off is read as far as it goes, with a warning. */
karma_status audio_open_file(const char *path, int32_t rate, double max_s,
                             struct audio_reader **out);
karma_status audio_open_bytes(const void *bytes, size_t size, const char *name, int32_t rate,
                              double max_s, struct audio_reader **out);
/* From samples in memory, interleaved, lent; the same mean and resampling. */
karma_status audio_open_samples(const float *samples, int64_t frames, int32_t channels,
                                int32_t sample_rate, const char *name, int32_t rate,
                                struct audio_reader **out);
const struct audio_info *audio_get_info(const struct audio_reader *r);

/* The next samples, at most cap; *n 0: the end. In all ceil(frames * rate / sample_rate) of them:
 * the resampler's own last sample may be missing and is then 0, as librosa pads. E_NONFINITE names
 * the frame; E_TRUNCATED: the file ends before its header says; E_SYNTAX: the decoder's message. */
karma_status audio_read(struct audio_reader *r, float *out, size_t cap, size_t *n);
void audio_close(struct audio_reader *r);

/* All of it at once; mem_free() *samples. */
karma_status audio_read_all(struct audio_reader *r, float **samples, size_t *count);

#endif
