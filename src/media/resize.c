/*
 * resize.c - see resize.h. Rows of the first pass are made when the second wants them and kept in
 * a ring, so a picture 65,535 rows high takes the memory of those under one row of the result. With
 * the vertical pass first, which a row of the result needs once, there is nothing to keep.
 */
#include "media/resize.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "base/size.h"

enum {
    PRECISION_BITS = 22,
    /* A weight is 2^LOW_BITS * high + low, both of which fit 16 bits: processors multiply and add
     * eight of those at once, and the parts' sums are as exact as the whole's. */
    LOW_BITS = 11,
    LANES = 8,
};

/* What one side of the picture needs: result i is the sum of count[i] pixels from first[i] on, each
 * with its weight. */
struct axis {
    bool same; /* in and out are as long: nothing is computed */
    int32_t out, taps;
    int32_t *first, *count; /* [out] */
    int16_t *high, *low;    /* [out, taps], 0 behind count; taps is a multiple of LANES */
};

static void axis_release(struct axis *a) {
    mem_free(a->first);
    mem_free(a->high);
}

/* The sums below are the reference's, term by term: their rounding decides the last bit. */
static void fill(struct axis *a, int32_t in, double *w) {
    const double scale = (double)in / a->out, support = scale < 1 ? 1 : scale;
    const double inverse = 1 / support;
    for (int32_t i = 0; i < a->out; i++) {
        const double centre = (i + 0.5) * scale;
        int32_t lo = (int32_t)(centre - support + 0.5), hi = (int32_t)(centre + support + 0.5);
        double sum = 0;
        if (lo < 0) lo = 0;
        if (hi > in) hi = in;
        for (int32_t x = lo; x < hi; x++) {
            const double distance = fabs((x - centre + 0.5) * inverse);
            w[x - lo] = distance < 1 ? 1 - distance : 0;
            sum += w[x - lo];
        }
        for (int32_t x = 0; x < hi - lo; x++) {
            const double share = sum != 0 ? w[x] / sum : w[x];
            const int32_t k = (int32_t)(0.5 + share * (1 << PRECISION_BITS));
            const size_t at = (size_t)i * (size_t)a->taps + (size_t)x;
            a->high[at] = (int16_t)(k >> LOW_BITS);
            a->low[at] = (int16_t)(k & ((1 << LOW_BITS) - 1));
        }
        a->first[i] = lo;
        a->count[i] = hi - lo;
    }
}

static karma_status axis_init(struct axis *a, int32_t in, int32_t out) {
    const int32_t most = in > out ? (2 * in - 1) / out + 2 : 3; /* twice the support, and one */
    *a = (struct axis){.same = in == out, .out = out};
    if (a->same) return KARMA_OK;
    a->taps = (most + LANES - 1) / LANES * LANES;
    const size_t n = (size_t)out * (size_t)a->taps; /* below 2^16 times 2^18 */
    double *w = mem_alloc((size_t)a->taps * sizeof(*w));
    a->first = mem_alloc(2 * (size_t)out * sizeof(*a->first));
    a->high = mem_calloc(2 * n, sizeof(*a->high));
    const bool ok = w && a->first && a->high; /* axis_release() frees what there is */
    if (ok) {
        a->count = a->first + out;
        a->low = a->high + n;
        fill(a, in, w);
    }
    mem_free(w);
    return ok ? KARMA_OK : KARMA_E_NOMEM;
}

/* Weights are at least 0 and sum to about 2^22: 255 times that is far from an overflow. */
static uint8_t rounded(int32_t high, int32_t low) {
    const int32_t v =
        (high * (1 << LOW_BITS) + low + (1 << (PRECISION_BITS - 1))) >> PRECISION_BITS;
    return v > 255 ? 255 : (uint8_t)v;
}

struct rows { /* of 8 bits, one after the other */
    uint8_t *first;
    size_t row_bytes;
    int32_t ring; /* row y is at y % ring; 0: at y */
};

static uint8_t *row_at(const struct rows *r, int32_t y) {
    return r->first + (size_t)(r->ring ? y % r->ring : y) * r->row_bytes;
}

struct pass {            /* scratch of both passes */
    int16_t *wide;       /* a row of the picture, [channels, wide_row], zeros at the end */
    size_t wide_row;     /* its width, and room to read a whole row of weights from any pixel */
    int32_t *high, *low; /* [between.row_bytes] */
    struct rows between; /* what the first pass gives */
    int32_t next;        /* the first row of those that is not made yet */
    int32_t width, channels;
};

/* Channels one after the other, so that a pixel's neighbours are its neighbours in memory. */
static void widen(const struct pass *p, const uint8_t *restrict in) {
    const size_t n = (size_t)p->width;
    int16_t *restrict a = p->wide, *restrict b = a + p->wide_row, *restrict c = b + p->wide_row;
    if (p->channels == 1) {
        for (size_t x = 0; x < n; x++)
            a[x] = in[x];
        return;
    }
    for (size_t x = 0; x < n; x++) {
        a[x] = in[3 * x];
        b[x] = in[3 * x + 1];
        c[x] = in[3 * x + 2];
    }
}

static uint8_t weighted(const int16_t *restrict in, const int16_t *restrict high,
                        const int16_t *restrict low, size_t groups) {
    int32_t h = 0, l = 0;
    for (size_t x = 0; x < groups * LANES; x++) {
        h += in[x] * high[x];
        l += in[x] * low[x];
    }
    return rounded(h, l);
}

static void horizontal(const struct axis *a, const struct pass *p, const uint8_t *in,
                       uint8_t *out) {
    const size_t n = (size_t)a->out, channels = (size_t)p->channels, taps = (size_t)a->taps;
    if (a->same) {
        memcpy(out, in, n * channels);
        return;
    }
    widen(p, in);
    for (size_t i = 0; i < n; i++) {
        const int16_t *high = a->high + i * taps, *low = a->low + i * taps;
        for (size_t c = 0; c < channels; c++)
            out[i * channels + c] =
                weighted(p->wide + c * p->wide_row + a->first[i], high, low, taps / LANES);
    }
}

static void add_row(int32_t *restrict high, int32_t *restrict low, const uint8_t *restrict row,
                    size_t n, int16_t k_high, int16_t k_low) {
    for (size_t x = 0; x < n; x++) {
        const int16_t v = row[x];
        high[x] += v * k_high;
        low[x] += v * k_low;
    }
}

static void vertical(const struct axis *a, int32_t i, const struct pass *p, const struct rows *rows,
                     uint8_t *out) {
    const size_t at = (size_t)i * (size_t)a->taps, n = p->between.row_bytes;
    memset(p->high, 0, n * sizeof(*p->high));
    memset(p->low, 0, n * sizeof(*p->low));
    for (int32_t y = 0; y < a->count[i]; y++)
        add_row(p->high, p->low, row_at(rows, a->first[i] + y), n, a->high[at + (size_t)y],
                a->low[at + (size_t)y]);
    for (size_t x = 0; x < n; x++)
        out[x] = rounded(p->high[x], p->low[x]);
}

static void run(const struct axis *h, const struct axis *v, struct pass *p, bool vertical_first,
                const struct rows *in, uint8_t *out) {
    const size_t out_row = (size_t)h->out * (size_t)p->channels;
    for (int32_t i = 0; i < v->out; i++, out += out_row) {
        if (v->same) {
            horizontal(h, p, row_at(in, i), out);
        } else if (vertical_first) {
            vertical(v, i, p, in, p->between.first);
            horizontal(h, p, p->between.first, out);
        } else {
            for (; p->next < v->first[i] + v->count[i]; p->next++)
                horizontal(h, p, row_at(in, p->next), row_at(&p->between, p->next));
            vertical(v, i, p, &p->between, out);
        }
    }
}

static karma_status pass_init(struct pass *p, const struct axis *h, const struct axis *v,
                              bool vertical_first, int32_t width, int32_t channels) {
    const size_t row = (size_t)(vertical_first ? width : h->out) * (size_t)channels;
    const int32_t ring = vertical_first ? 1 : v->taps;
    *p = (struct pass){.width = width, .channels = channels};
    p->between = (struct rows){.row_bytes = row, .ring = ring};
    p->wide_row = (size_t)width + (size_t)h->taps;
    if (!h->same) p->wide = mem_calloc(p->wide_row * (size_t)channels, sizeof(*p->wide));
    if (!v->same) p->high = mem_alloc(2 * row * sizeof(*p->high));
    if (!v->same) p->between.first = mem_alloc(row * (size_t)ring); /* below 2^18 times 2^18 */
    if (!v->same && p->high) p->low = p->high + row;
    if (!h->same && !p->wide) return KARMA_E_NOMEM;
    return v->same || (p->high && p->between.first) ? KARMA_OK : KARMA_E_NOMEM;
}

static void pass_release(struct pass *p) {
    mem_free(p->wide);
    mem_free(p->high);
    mem_free(p->between.first);
}

karma_status image_resize_bilinear(const uint8_t *in, size_t row_bytes, int32_t width,
                                   int32_t height, int32_t channels, uint8_t *out,
                                   int32_t out_width, int32_t out_height) {
    /* Since version 13 Pillow begins with the pass that drops much more of the picture. */
    const int64_t fewer_rows = (int64_t)height - out_height,
                  fewer_columns = (int64_t)width - out_width;
    const bool vertical_first = fewer_rows > 0 && fewer_rows > 2 * fewer_columns;
    const struct rows rows = {.first = (uint8_t *)in, .row_bytes = row_bytes}; /* only read */
    struct axis h, v = {0};
    struct pass p = {0};
    karma_status st = axis_init(&h, width, out_width);
    if (st == KARMA_OK) st = axis_init(&v, height, out_height);
    if (st == KARMA_OK) st = pass_init(&p, &h, &v, vertical_first, width, channels);
    if (st == KARMA_OK) run(&h, &v, &p, vertical_first, &rows, out);
    pass_release(&p);
    axis_release(&h);
    axis_release(&v);
    return st;
}
