/* mel.c - see mel.h. */
#include "media/mel.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

static const double pi = 3.14159265358979323846;

struct band {
    int32_t first, count; /* bins */
    const double *weights;
};

struct mel {
    struct mel_config config;
    struct arena arena;
    double *window;     /* [n_fft]: zeros around the win_length values */
    double *cos, *sin;  /* [n_fft / 2]: of -2 pi k / n_fft */
    uint32_t *reversed; /* [n_fft]: bits of the index in reverse */
    struct band *bands; /* [n_mels] */
};

struct mel_config mel_speech_config(void) {
    return (struct mel_config){
        .sample_rate = 16000,
        .n_fft = 512,
        .win_length = 400,
        .hop_length = 160,
        .n_mels = 80,
        .fmax = 8000,
        .preemphasis = 0.97,
        .log_guard = 0x1p-24,
    };
}

/* ---- tables ---- */

/* Slaney's scale: linear to 1 kHz, then logarithmic, 27 steps for a factor of 6.4. */
static double hz_to_mel(double f) {
    return f < 1000 ? f * 3 / 200 : 15 + 27 * log(f / 1000) / log(6.4);
}

static double mel_to_hz(double m) {
    return m < 15 ? m * 200 / 3 : 1000 * exp(log(6.4) / 27 * (m - 15));
}

/* Frequency i of the n_mels + 2 that the bands stand on; the outer ones are exact. */
static double edge(const struct mel_config *c, int32_t i) {
    const double low = hz_to_mel(c->fmin), high = hz_to_mel(c->fmax);
    if (i == 0) return c->fmin;
    if (i == c->n_mels + 1) return c->fmax;
    return mel_to_hz(low + (high - low) / (c->n_mels + 1) * i);
}

static karma_status make_bands(struct mel *m) {
    const struct mel_config *c = &m->config;
    const int32_t bins = c->n_fft / 2 + 1;
    const double bin_hz = (double)c->sample_rate / c->n_fft;
    m->bands = arena_calloc(&m->arena, (size_t)c->n_mels, sizeof(*m->bands));
    if (!m->bands) return KARMA_E_NOMEM;
    for (int32_t b = 0; b < c->n_mels; b++) {
        const double left = edge(c, b), peak = edge(c, b + 1), right = edge(c, b + 2);
        int32_t first = (int32_t)ceil(left / bin_hz), last = (int32_t)floor(right / bin_hz);
        if (last >= bins) last = bins - 1;
        const int32_t count = last >= first ? last - first + 1 : 0;
        double *w = arena_calloc(&m->arena, (size_t)count + 1, sizeof(*w));
        if (!w) return KARMA_E_NOMEM;
        for (int32_t i = 0; i < count; i++) {
            const double f = (first + i) * bin_hz;
            const double rise = (f - left) / (peak - left), fall = (right - f) / (right - peak);
            /* Rounded as the reference keeps its matrix. */
            w[i] = (double)(float)(fmax(0, fmin(rise, fall)) * 2 / (right - left));
        }
        m->bands[b] = (struct band){first, count, w};
    }
    return KARMA_OK;
}

static karma_status make_transform(struct mel *m) {
    const struct mel_config *c = &m->config;
    const size_t n = (size_t)c->n_fft;
    m->window = arena_calloc(&m->arena, n, sizeof(*m->window));
    m->cos = arena_calloc(&m->arena, n / 2, sizeof(*m->cos));
    m->sin = arena_calloc(&m->arena, n / 2, sizeof(*m->sin));
    m->reversed = arena_calloc(&m->arena, n, sizeof(*m->reversed));
    if (!m->window || !m->cos || !m->sin || !m->reversed) return KARMA_E_NOMEM;
    const int32_t margin = (c->n_fft - c->win_length) / 2;
    for (int32_t k = 0; k < c->win_length; k++)
        m->window[margin + k] = (double)(float)(0.5 - 0.5 * cos(2 * pi * k / (c->win_length - 1)));
    for (size_t k = 0; k < n / 2; k++) {
        m->cos[k] = cos(2 * pi * (double)k / (double)n);
        m->sin[k] = -sin(2 * pi * (double)k / (double)n);
    }
    for (size_t i = 1, j = 0; i < n; i++) {
        size_t bit = n >> 1;
        for (; j & bit; bit >>= 1)
            j ^= bit;
        j ^= bit;
        m->reversed[i] = (uint32_t)j;
    }
    return KARMA_OK;
}

static karma_status check(const struct mel_config *c) {
    const bool power = c->n_fft >= 16 && c->n_fft <= 65536 && (c->n_fft & (c->n_fft - 1)) == 0;
    if (c->sample_rate <= 0) return status_fail(KARMA_E_RANGE, "sample_rate: must be positive");
    if (!power)
        return status_fail(KARMA_E_RANGE, "n_fft: expected a power of two, 16 to 65536, found %d",
                           c->n_fft);
    if (c->win_length < 2 || c->win_length > c->n_fft)
        return status_fail(KARMA_E_RANGE, "win_length: expected 2 to %d, found %d", c->n_fft,
                           c->win_length);
    if (c->hop_length < 1 || c->hop_length >= c->n_fft / 2)
        return status_fail(KARMA_E_RANGE, "hop_length: expected 1 to %d, found %d",
                           c->n_fft / 2 - 1, c->hop_length);
    if (c->n_mels < 1 || c->n_mels > 512)
        return status_fail(KARMA_E_RANGE, "n_mels: expected 1 to 512, found %d", c->n_mels);
    if (!(c->fmin >= 0) || !(c->fmax > c->fmin) || !(c->fmax <= c->sample_rate / 2.0))
        return status_fail(KARMA_E_RANGE, "fmin, fmax: expected 0 <= fmin < fmax <= %g Hz",
                           c->sample_rate / 2.0);
    if (!(c->log_guard > 0)) return status_fail(KARMA_E_RANGE, "log_guard: must be positive");
    return KARMA_OK;
}

karma_status mel_create(const struct mel_config *config, struct mel **out) {
    *out = NULL;
    karma_status st = check(config);
    if (st < 0) return st;
    struct mel *m = mem_calloc(1, sizeof(*m));
    if (!m) return KARMA_E_NOMEM;
    m->config = *config;
    st = make_transform(m);
    if (st == KARMA_OK) st = make_bands(m);
    if (st < 0) {
        mel_destroy(m);
        return st;
    }
    *out = m;
    return KARMA_OK;
}

void mel_destroy(struct mel *m) {
    if (!m) return;
    arena_release(&m->arena);
    mem_free(m);
}

const struct mel_config *mel_get_config(const struct mel *m) {
    return &m->config;
}

const double *mel_band(const struct mel *m, int32_t b, int32_t *first, int32_t *count) {
    *first = m->bands[b].first;
    *count = m->bands[b].count;
    return m->bands[b].weights;
}

int64_t mel_frame_count(const struct mel *m, int64_t n_samples) {
    return n_samples / m->config.hop_length + 1;
}

/* ---- one frame ---- */

/* In place, decimation in time; re is in bit-reversed order on entry. */
static void transform(const struct mel *m, double *re, double *im) {
    const size_t n = (size_t)m->config.n_fft;
    for (size_t half = 1; half < n; half *= 2) {
        const size_t stride = n / (2 * half);
        for (size_t base = 0; base < n; base += 2 * half) {
            for (size_t k = 0; k < half; k++) {
                const double c = m->cos[k * stride], s = m->sin[k * stride];
                double *ra = re + base + k, *rb = ra + half, *ia = im + base + k, *ib = ia + half;
                const double tr = *rb * c - *ib * s, ti = *rb * s + *ib * c;
                *rb = *ra - tr;
                *ib = *ia - ti;
                *ra += tr;
                *ia += ti;
            }
        }
    }
}

/* work: [2, n_fft]. */
static void log_mel(const struct mel *m, const float *samples, double *work, float *frame) {
    const size_t n = (size_t)m->config.n_fft;
    double *re = work, *im = work + n;
    for (size_t i = 0; i < n; i++) {
        const size_t from = m->reversed[i];
        re[i] = (double)samples[from] * m->window[from];
        im[i] = 0;
    }
    transform(m, re, im);
    for (int32_t b = 0; b < m->config.n_mels; b++) {
        const struct band *band = &m->bands[b];
        double sum = 0;
        for (int32_t i = 0; i < band->count; i++) {
            const int32_t k = band->first + i;
            sum += band->weights[i] * (re[k] * re[k] + im[k] * im[k]);
        }
        frame[b] = (float)log(sum + m->config.log_guard);
    }
}

/* ---- an utterance ---- */

struct mel_stream {
    const struct mel *mel;
    mel_sink *sink;
    void *user;
    float *buffer; /* padded, pre-emphasised samples that frames still need */
    size_t count, cap;
    int64_t taken; /* samples pushed */
    float last;    /* the last of them */
    double *work;
    float *frame;
};

enum { BLOCK = 4096 }; /* samples taken at once */

static size_t padding(const struct mel_stream *s) {
    return (size_t)s->mel->config.n_fft / 2;
}

karma_status mel_stream_begin(const struct mel *m, mel_sink *sink, void *user,
                              struct mel_stream **out) {
    const size_t n = (size_t)m->config.n_fft;
    struct mel_stream *s = *out = mem_calloc(1, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    s->mel = m;
    s->sink = sink;
    s->user = user;
    s->cap = 2 * n + BLOCK;
    s->buffer = mem_alloc(s->cap * sizeof(*s->buffer));
    s->work = mem_alloc(2 * n * sizeof(*s->work));
    s->frame = mem_alloc((size_t)m->config.n_mels * sizeof(*s->frame));
    if (s->buffer && s->work && s->frame) return KARMA_OK;
    mel_stream_destroy(s);
    *out = NULL;
    return KARMA_E_NOMEM;
}

void mel_stream_destroy(struct mel_stream *s) {
    if (!s) return;
    mem_free(s->buffer);
    mem_free(s->work);
    mem_free(s->frame);
    mem_free(s);
}

/* Hand on every frame that the buffer holds whole, and forget what no later one needs. */
static karma_status emit(struct mel_stream *s) {
    const size_t n = (size_t)s->mel->config.n_fft, hop = (size_t)s->mel->config.hop_length;
    size_t at = 0;
    karma_status st = KARMA_OK;
    for (; st == KARMA_OK && at + n <= s->count; at += hop) {
        log_mel(s->mel, s->buffer + at, s->work, s->frame);
        st = s->sink(s->user, s->frame);
    }
    s->count -= at;
    memmove(s->buffer, s->buffer + at, s->count * sizeof(*s->buffer));
    return st;
}

static void take(struct mel_stream *s, float sample) {
    const float k = (float)s->mel->config.preemphasis;
    const float before = k * s->last;
    s->buffer[s->count++] = s->taken == 0 ? sample : sample - before;
    s->last = sample;
    s->taken++;
}

/* The mirror image of the beginning goes before it, once there is enough to mirror. */
static void mirror_begin(struct mel_stream *s) {
    const size_t pad = padding(s);
    memmove(s->buffer + pad, s->buffer, s->count * sizeof(*s->buffer));
    for (size_t i = 0; i < pad; i++)
        s->buffer[i] = s->buffer[2 * pad - i];
    s->count += pad;
}

karma_status mel_stream_push(struct mel_stream *s, const float *samples, size_t n) {
    const int64_t pad = (int64_t)padding(s);
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK;) {
        for (size_t end = i + BLOCK; i < n && i < end; i++) {
            take(s, samples[i]);
            if (s->taken == pad + 1) mirror_begin(s);
        }
        if (s->taken > pad) st = emit(s);
    }
    return st;
}

karma_status mel_stream_end(struct mel_stream *s) {
    const size_t pad = padding(s);
    while (s->taken <= (int64_t)pad) {
        take(s, 0);
        if (s->taken == (int64_t)pad + 1) mirror_begin(s);
    }
    for (size_t i = 0; i < pad; i++)
        s->buffer[s->count + i] = s->buffer[s->count - 2 - i];
    s->count += pad;
    return emit(s);
}

/* ---- normalisation ---- */

void mel_normalize(const struct mel *m, float *frames, int64_t n_frames) {
    const int64_t n_mels = m->config.n_mels;
    for (int64_t b = 0; b < n_mels; b++) {
        double sum = 0, square = 0;
        for (int64_t t = 0; t < n_frames; t++)
            sum += (double)frames[t * n_mels + b];
        const double mean = n_frames ? sum / (double)n_frames : 0;
        for (int64_t t = 0; t < n_frames; t++) {
            const double d = (double)frames[t * n_mels + b] - mean;
            square += d * d;
        }
        const double variance = n_frames > 1 ? square / (double)(n_frames - 1) : 0;
        const double scale = 1 / (sqrt(fmax(variance, m->config.log_guard)) + 1e-5);
        for (int64_t t = 0; t < n_frames; t++)
            frames[t * n_mels + b] = (float)(((double)frames[t * n_mels + b] - mean) * scale);
    }
}
