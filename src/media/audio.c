/*
 * audio.c - see audio.h. A file is mapped and read through libsndfile's virtual functions, so that
 * bytes from anywhere take one way. Frames pass through three stages in blocks: decode, mean of the
 * channels, resample.
 */
#include "media/audio.h"

#include <math.h>
#include <sndfile.h>
#include <soxr.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

enum { BLOCK_FRAMES = 4096, FORGET_BYTES = 4 << 20 }; /* of a file, read and given up */

struct bytes { /* what libsndfile reads from */
    const unsigned char *data;
    sf_count_t size, at;
    const struct file_map *map; /* they are a file's; NULL: they are the caller's */
    sf_count_t kept_from;       /* what lies before was read and given up */
};

struct audio_reader {
    struct audio_info info;
    int32_t rate;
    char *name;
    struct file_map map;
    struct bytes bytes;
    SNDFILE *file;        /* NULL: from samples */
    const float *samples; /* interleaved, of the caller */
    soxr_t resampler;     /* NULL: the rate is right already */
    float *decoded;       /* [BLOCK_FRAMES, channels] */
    float *mono;          /* [BLOCK_FRAMES] */
    size_t mono_at, mono_count;
    int64_t frames_read; /* of the source */
    int64_t given;       /* samples handed out */
    bool source_ended, flushed;
};

/* ---- libsndfile over bytes ---- */

static sf_count_t vio_size(void *user) {
    return ((struct bytes *)user)->size;
}

static sf_count_t vio_seek(sf_count_t offset, int whence, void *user) {
    struct bytes *b = user;
    sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? b->at : b->size, to;
    if (__builtin_add_overflow(from, offset, &to) || to < 0 || to > b->size) return -1;
    b->at = to;
    if (to < b->kept_from) b->kept_from = to;
    return to;
}

static sf_count_t vio_read(void *out, sf_count_t count, void *user) {
    struct bytes *b = user;
    if (count > b->size - b->at) count = b->size - b->at;
    if (count <= 0) return 0;
    memcpy(out, b->data + b->at, (size_t)count);
    b->at += count;
    if (b->map && b->at - b->kept_from >= FORGET_BYTES) {
        file_map_forget(b->map, (size_t)b->kept_from, (size_t)b->at);
        b->kept_from = b->at;
    }
    return count;
}

static sf_count_t vio_write(const void *in, sf_count_t count, void *user) {
    (void)in, (void)count, (void)user;
    return 0;
}

static sf_count_t vio_tell(void *user) {
    return ((struct bytes *)user)->at;
}

static SF_VIRTUAL_IO vio = {vio_size, vio_seek, vio_read, vio_write, vio_tell};

/* ---- open and close ---- */

void audio_close(struct audio_reader *r) {
    if (!r) return;
    if (r->file) sf_close(r->file);
    if (r->resampler) soxr_delete(r->resampler);
    file_map_close(&r->map);
    mem_free(r->name);
    mem_free(r->decoded);
    mem_free(r->mono);
    mem_free(r);
}

static karma_status make(const char *name, int32_t rate, struct audio_reader **out) {
    struct audio_reader *r = *out = mem_calloc(1, sizeof(*r));
    if (!r) return KARMA_E_NOMEM;
    r->rate = rate;
    r->name = mem_strdup(name);
    return r->name ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status check_info(const struct audio_info *i, double max_s) {
    if (i->sample_rate < AUDIO_MIN_RATE || i->sample_rate > AUDIO_MAX_RATE)
        return status_fail(KARMA_E_RANGE, "sample rate: expected %d to %d Hz, found %d",
                           AUDIO_MIN_RATE, AUDIO_MAX_RATE, i->sample_rate);
    if (i->channels < 1 || i->channels > AUDIO_MAX_CHANNELS)
        return status_fail(KARMA_E_RANGE, "channels: expected 1 to %d, found %d",
                           AUDIO_MAX_CHANNELS, i->channels);
    if (i->frames <= 0) return status_fail(KARMA_E_RANGE, "audio is empty");
    /* A stream of unknown length says SF_COUNT_MAX; what it holds is counted as it is read. */
    const double s = (double)i->frames / i->sample_rate;
    if (max_s > 0 && i->frames != SF_COUNT_MAX && s > max_s)
        return status_fail(KARMA_E_LIMIT, "audio: %.1f s, more than the %.1f s allowed", s, max_s);
    return KARMA_OK;
}

/* With info known: blocks and resampler. */
static karma_status prepare(struct audio_reader *r, double max_s) {
    karma_status st = check_info(&r->info, max_s);
    if (st < 0) return st;
    if (r->info.channels > 1 || r->file)
        r->decoded =
            mem_alloc((size_t)BLOCK_FRAMES * (size_t)r->info.channels * sizeof(*r->decoded));
    r->mono = mem_alloc((size_t)BLOCK_FRAMES * sizeof(*r->mono));
    if (!r->mono || ((r->info.channels > 1 || r->file) && !r->decoded)) return KARMA_E_NOMEM;
    if (r->info.sample_rate == r->rate) return KARMA_OK;
    soxr_error_t error = NULL;
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
    const soxr_runtime_spec_t threads = soxr_runtime_spec(1);
    r->resampler = soxr_create(r->info.sample_rate, r->rate, 1, &error, NULL, &quality, &threads);
    if (!r->resampler || error)
        return status_fail(KARMA_E_NOMEM, "resampler: %s", error ? error : "out of memory");
    return KARMA_OK;
}

/* What went wrong, under the name of the source; *out is freed. */
static karma_status refuse(struct audio_reader **out, karma_status st, const char *name) {
    audio_close(*out);
    *out = NULL;
    return status_prefix(st, "%s", status_quote_path(name));
}

static uint32_t le32(const unsigned char *p) {
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A WAV file that is shorter than its header says is heard as far as it goes, as the reference
 * does, but not without a word. One that was written to a pipe has an endless length in its header.
 */
static void warn_if_cut(const char *name, const unsigned char *data, uint64_t size) {
    const uint32_t endless = 0x7fff0000;
    if (size < 12 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WAVE", 4) != 0) return;
    for (uint64_t at = 12; at + 8 <= size;) {
        const uint64_t left = size - at - 8, chunk = le32(data + at + 4);
        if (memcmp(data + at, "data", 4) == 0) {
            if (chunk > left && chunk < endless)
                log_warn("%s: is cut off: it holds %llu of the %llu bytes of sound that it should",
                         status_quote_path(name), (unsigned long long)left,
                         (unsigned long long)chunk);
            return;
        }
        at += 8 + chunk + (chunk & 1);
    }
}

static karma_status open_decoder(struct audio_reader *r) {
    SF_INFO info = {0};
    if (r->bytes.size == 0) return status_fail(KARMA_E_RANGE, "audio is empty");
    r->file = sf_open_virtual(&vio, SFM_READ, &info, &r->bytes);
    if (!r->file)
        return status_fail(KARMA_E_MAGIC, "not sound that can be read: %s",
                           status_quotez(sf_strerror(NULL)));
    r->info = (struct audio_info){info.frames, info.samplerate, info.channels};
    warn_if_cut(r->name, r->bytes.data, (uint64_t)r->bytes.size);
    return KARMA_OK;
}

karma_status audio_open_file(const char *path, int32_t rate, double max_s,
                             struct audio_reader **out) {
    karma_status st = make(path, rate, out);
    if (st == KARMA_OK) st = file_map_open(path, &(*out)->map);
    if (st < 0) {
        audio_close(*out);
        *out = NULL;
        return st; /* names the path already */
    }
    (*out)->bytes = (struct bytes){
        .data = (*out)->map.data, .size = (sf_count_t)(*out)->map.size, .map = &(*out)->map};
    st = open_decoder(*out);
    if (st == KARMA_OK) st = prepare(*out, max_s);
    return st < 0 ? refuse(out, st, path) : st;
}

karma_status audio_open_bytes(const void *bytes, size_t size, const char *name, int32_t rate,
                              double max_s, struct audio_reader **out) {
    karma_status st = make(name, rate, out);
    if (st == KARMA_OK && size > INT64_MAX / 2) st = status_fail(KARMA_E_LIMIT, "too many bytes");
    if (st == KARMA_OK) {
        (*out)->bytes = (struct bytes){.data = bytes, .size = (sf_count_t)size};
        st = open_decoder(*out);
    }
    if (st == KARMA_OK) st = prepare(*out, max_s);
    return st < 0 ? refuse(out, st, name) : st;
}

karma_status audio_open_samples(const float *samples, int64_t frames, int32_t channels,
                                int32_t sample_rate, const char *name, int32_t rate,
                                struct audio_reader **out) {
    karma_status st = make(name, rate, out);
    if (st == KARMA_OK) {
        (*out)->samples = samples;
        (*out)->info = (struct audio_info){frames, sample_rate, channels};
        st = prepare(*out, 0);
    }
    return st < 0 ? refuse(out, st, name) : st;
}

const struct audio_info *audio_get_info(const struct audio_reader *r) {
    return &r->info;
}

/* ---- frames to samples ---- */

/* Up to BLOCK_FRAMES frames of the source, interleaved; *n 0: the end. */
static karma_status next_frames(struct audio_reader *r, const float **frames, size_t *n) {
    const size_t channels = (size_t)r->info.channels;
    if (!r->file) {
        int64_t left = r->info.frames - r->frames_read;
        *n = (size_t)(left < BLOCK_FRAMES ? left : BLOCK_FRAMES);
        *frames = r->samples + (size_t)r->frames_read * channels;
        return KARMA_OK;
    }
    sf_count_t got = sf_readf_float(r->file, r->decoded, BLOCK_FRAMES);
    if (sf_error(r->file))
        return status_fail(KARMA_E_SYNTAX, "frame %lld: %s", (long long)r->frames_read,
                           status_quotez(sf_strerror(r->file)));
    if (got <= 0 && r->info.frames != SF_COUNT_MAX && r->frames_read < r->info.frames)
        return status_fail(KARMA_E_TRUNCATED, "ends after %lld frames, its header says %lld",
                           (long long)r->frames_read, (long long)r->info.frames);
    *n = got > 0 ? (size_t)got : 0;
    *frames = r->decoded;
    return KARMA_OK;
}

/* The channels' mean, summed in their order as numpy does. */
static karma_status mix(struct audio_reader *r, const float *frames, size_t n) {
    const size_t channels = (size_t)r->info.channels;
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (size_t c = 0; c < channels; c++)
            sum += frames[i * channels + c];
        r->mono[i] = channels > 1 ? sum / (float)channels : sum;
        if (!isfinite(r->mono[i]))
            return status_fail(KARMA_E_NONFINITE, "frame %lld is not a finite number",
                               (long long)(r->frames_read + (int64_t)i));
    }
    return KARMA_OK;
}

static karma_status refill(struct audio_reader *r) {
    const float *frames = NULL;
    size_t n = 0;
    karma_status st = next_frames(r, &frames, &n);
    if (st == KARMA_OK) st = mix(r, frames, n);
    if (st < 0) return st;
    r->mono_at = 0;
    r->mono_count = n;
    r->frames_read += (int64_t)n;
    r->source_ended = n == 0;
    return KARMA_OK;
}

/* Samples that frames_read frames come to. */
static int64_t wanted(const struct audio_reader *r) {
    const __int128 product = (__int128)r->frames_read * r->rate;
    return (int64_t)((product + r->info.sample_rate - 1) / r->info.sample_rate);
}

static karma_status read_resampled(struct audio_reader *r, float *out, size_t cap, size_t *n) {
    *n = 0;
    while (*n == 0 && !r->flushed) {
        if (r->mono_at == r->mono_count && !r->source_ended) {
            karma_status st = refill(r);
            if (st < 0) return st;
        }
        size_t used = 0, done = 0;
        const float *in = r->source_ended ? NULL : r->mono + r->mono_at;
        soxr_error_t error =
            soxr_process(r->resampler, in, r->source_ended ? 0 : r->mono_count - r->mono_at, &used,
                         out, cap, &done);
        if (error) return status_fail(KARMA_E_INTERNAL, "resampler: %s", error);
        r->mono_at += used;
        *n = done;
        r->flushed = r->source_ended && done == 0;
    }
    return KARMA_OK;
}

static karma_status read_plain(struct audio_reader *r, float *out, size_t cap, size_t *n) {
    *n = 0;
    if (r->mono_at == r->mono_count && !r->source_ended) {
        karma_status st = refill(r);
        if (st < 0) return st;
    }
    size_t left = r->mono_count - r->mono_at;
    *n = left < cap ? left : cap;
    memcpy(out, r->mono + r->mono_at, *n * sizeof(*out));
    r->mono_at += *n;
    return KARMA_OK;
}

karma_status audio_read(struct audio_reader *r, float *out, size_t cap, size_t *n) {
    *n = 0;
    if (cap == 0) return KARMA_OK;
    karma_status st = r->resampler ? read_resampled(r, out, cap, n) : read_plain(r, out, cap, n);
    if (st < 0) return status_prefix(st, "%s", status_quote_path(r->name));
    if (r->source_ended && r->frames_read == 0)
        return status_fail(KARMA_E_RANGE, "%s: audio is empty", status_quote_path(r->name));
    if (r->resampler && r->source_ended) {
        const int64_t left = wanted(r) - r->given;
        if ((int64_t)*n > left) *n = (size_t)left;
        if (*n == 0 && left > 0) {
            *n = left < (int64_t)cap ? (size_t)left : cap;
            memset(out, 0, *n * sizeof(*out));
        }
    }
    r->given += (int64_t)*n;
    return KARMA_OK;
}

karma_status audio_read_all(struct audio_reader *r, float **samples, size_t *count) {
    size_t cap = 1 << 16, len = 0, n = 0;
    float *all = mem_alloc(cap * sizeof(*all));
    *samples = NULL;
    *count = 0;
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    while (st == KARMA_OK) {
        st = audio_read(r, all + len, cap - len, &n);
        if (st < 0 || n == 0) break;
        len += n;
        if (len < cap) continue;
        float *more =
            cap < SIZE_MAX / 2 / sizeof(*all) ? mem_realloc(all, cap * 2 * sizeof(*all)) : NULL;
        if (!more) {
            st = KARMA_E_NOMEM;
            break;
        }
        all = more;
        cap *= 2;
    }
    if (st < 0) {
        mem_free(all);
        return st;
    }
    *samples = all;
    *count = len;
    return KARMA_OK;
}
