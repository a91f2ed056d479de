/* parquet_hybrid.c - streams of packed numbers: runs and bit-packed groups, deltas. */
#include "base/size.h"
#include "formats/parquet_encodings.h"
#include "formats/parquet_thrift.h"

/* width bits from bit on, of bytes that hold them; width <= 64. */
static uint64_t take_bits(const unsigned char *p, uint64_t bit, unsigned width) {
    uint64_t v = 0;
    p += bit / 8;
    const unsigned shift = (unsigned)(bit % 8);
    for (unsigned got = 0, i = 0; got < width; i++) {
        const uint64_t byte = i == 0 ? (uint64_t)p[0] >> shift : (uint64_t)p[i];
        v |= byte << got;
        got += i == 0 ? 8 - shift : 8;
    }
    return width == 64 ? v : v & ((UINT64_C(1) << width) - 1);
}

/* ---- runs ---- */

void pq_hybrid_init(struct pq_hybrid *h, const unsigned char *p, size_t n, unsigned width) {
    *h = (struct pq_hybrid){.p = p, .end = p + n, .width = width};
    if (width == 0) h->run = UINT64_MAX; /* of zeros */
}

static karma_status next_group(struct pq_hybrid *h) {
    uint64_t head;
    if (!varint_read(&h->p, h->end, &head))
        return status_fail(KARMA_E_TRUNCATED, "its runs end early");
    const uint64_t n = head >> 1, left = (uint64_t)(h->end - h->p);
    if (n == 0) return status_fail(KARMA_E_SYNTAX, "a run of no values");
    if (head & 1) { /* groups of eight; what some writers leave out of the last is not there */
        uint64_t bytes, values;
        if (!size_mul(n, h->width, &bytes) || bytes > left) bytes = left;
        values = bytes * 8 / h->width;
        if (values == 0) return status_fail(KARMA_E_TRUNCATED, "its runs end early");
        h->packed = values;
        h->bits = h->p;
        h->bit = 0;
        h->p += bytes;
        return KARMA_OK;
    }
    const unsigned bytes = (h->width + 7) / 8;
    if (bytes > left) return status_fail(KARMA_E_TRUNCATED, "its runs end early");
    h->value = 0;
    for (unsigned i = 0; i < bytes; i++)
        h->value |= (uint32_t)h->p[i] << (8 * i);
    if (h->width < 32 && h->value >> h->width)
        return status_fail(KARMA_E_RANGE, "a run of a value of more than %u bits", h->width);
    h->p += bytes;
    h->run = n;
    return KARMA_OK;
}

karma_status pq_hybrid_run(struct pq_hybrid *h, uint64_t want, uint32_t *value, uint64_t *n) {
    *n = 0;
    if (h->run == 0 && h->packed == 0) {
        karma_status st = next_group(h);
        if (st < 0) return st;
    }
    if (h->run) {
        *n = h->run < want ? h->run : want;
        h->run -= *n;
        *value = h->value;
        return KARMA_OK;
    }
    *value = (uint32_t)take_bits(h->bits, h->bit, h->width);
    *n = 1;
    h->bit += h->width;
    h->packed--;
    return KARMA_OK;
}

/* ---- deltas ---- */

karma_status pq_delta_init(struct pq_delta *d, const unsigned char *p, size_t n) {
    uint64_t minis, first;
    *d = (struct pq_delta){.p = p, .end = p + n};
    if (!varint_read(&d->p, d->end, &d->block) || !varint_read(&d->p, d->end, &minis) ||
        !varint_read(&d->p, d->end, &d->left) || !varint_read(&d->p, d->end, &first))
        return status_fail(KARMA_E_TRUNCATED, "its deltas end early");
    enum { MAX_BLOCK = 1 << 24 };
    if (d->block == 0 || d->block % 128 || d->block > MAX_BLOCK || minis == 0 ||
        minis > d->block / 32 || d->block % minis || d->block / minis % 32)
        return status_fail(KARMA_E_RANGE, "deltas in blocks of %llu and miniblocks of %llu",
                           (unsigned long long)d->block, (unsigned long long)minis);
    d->n_minis = d->at_mini = (unsigned)minis;
    d->mini = d->block / minis;
    d->value = (uint64_t)zigzag(first);
    return KARMA_OK;
}

/* The next miniblock, of the next block if need be. */
static karma_status next_mini(struct pq_delta *d) {
    if (d->at_mini == d->n_minis) {
        uint64_t min;
        if (!varint_read(&d->p, d->end, &min) || (uint64_t)(d->end - d->p) < d->n_minis)
            return status_fail(KARMA_E_TRUNCATED, "its deltas end early");
        d->min_delta = (uint64_t)zigzag(min);
        d->widths = d->p;
        d->p += d->n_minis;
        d->at_mini = 0;
    }
    d->width = d->widths[d->at_mini++];
    if (d->width > 64) return status_fail(KARMA_E_RANGE, "deltas of %u bits", d->width);
    const uint64_t bytes = d->mini / 8 * d->width;
    if (bytes > (uint64_t)(d->end - d->p))
        return status_fail(KARMA_E_TRUNCATED, "its deltas end early");
    d->bits = d->p;
    d->bit = 0;
    d->mini_left = d->mini;
    d->p += bytes;
    return KARMA_OK;
}

karma_status pq_delta_next(struct pq_delta *d, uint64_t *out) {
    *out = d->value;
    if (d->left == 0) return status_fail(KARMA_E_TRUNCATED, "fewer deltas than values");
    if (--d->left == 0) return KARMA_OK;
    if (d->mini_left == 0) {
        karma_status st = next_mini(d);
        if (st < 0) return st;
    }
    d->value += d->min_delta + take_bits(d->bits, d->bit, d->width);
    d->bit += d->width;
    d->mini_left--;
    return KARMA_OK;
}

karma_status pq_delta_end(const struct pq_delta *d, const unsigned char **end) {
    struct pq_delta copy = *d;
    for (uint64_t left = d->left > 0 ? d->left - 1 : 0; left > 0;) {
        karma_status st = next_mini(&copy);
        if (st < 0) return st;
        left -= left < copy.mini ? left : copy.mini;
    }
    *end = copy.p;
    return KARMA_OK;
}
