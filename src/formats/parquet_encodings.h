/*
 * parquet_encodings.h - how Parquet writes down levels and values, as streams over the bytes of a
 * page: nothing is unfolded, so that a run of a billion costs its ten bytes.
 */
#ifndef FORMATS_PARQUET_ENCODINGS_H
#define FORMATS_PARQUET_ENCODINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

static inline uint32_t pq_u32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t pq_u64(const unsigned char *p) {
    return pq_u32(p) | (uint64_t)pq_u32(p + 4) << 32;
}

/* Runs and groups of bit-packed values of up to 32 bits. */
struct pq_hybrid {
    const unsigned char *p, *end;
    unsigned width;
    uint64_t run; /* of value, left */
    uint32_t value;
    uint64_t packed;           /* values of the group, left */
    const unsigned char *bits; /* the group's */
    uint64_t bit;
};
void pq_hybrid_init(struct pq_hybrid *h, const unsigned char *p, size_t n, unsigned width);
/* Equal values: at most want of them, *n >= 1. E_TRUNCATED, E_SYNTAX. */
karma_status pq_hybrid_run(struct pq_hybrid *h, uint64_t want, uint32_t *value, uint64_t *n);

/* DELTA_BINARY_PACKED. */
struct pq_delta {
    const unsigned char *p, *end;
    uint64_t left;        /* values that are not given yet */
    uint64_t value;       /* the next one */
    uint64_t block, mini; /* values in a block, in a miniblock */
    unsigned n_minis;
    uint64_t min_delta;
    const unsigned char *widths; /* of the present block */
    unsigned at_mini;            /* the next one */
    unsigned width;              /* of the present one */
    uint64_t mini_left;
    const unsigned char *bits;
    uint64_t bit;
};
karma_status pq_delta_init(struct pq_delta *d, const unsigned char *p, size_t n);
karma_status pq_delta_next(struct pq_delta *d, uint64_t *out);
/* Where the stream ends: d is at its beginning and stays there. */
karma_status pq_delta_end(const struct pq_delta *d, const unsigned char **end);

/* A value as the physical type has it: a number, or bytes that are lent until the next one. */
struct pq_value {
    int64_t integer; /* BOOLEAN, INT32, INT64 */
    double real;     /* FLOAT, DOUBLE */
    const unsigned char *bytes;
    size_t n_bytes;
    bool checked; /* UTF-8 that was looked at already */
};

struct pq_dictionary {
    const unsigned char *data;
    uint32_t count;
    uint32_t width;    /* of each; 0: the offsets say where */
    uint32_t *offsets; /* owned, [count]; of lengths before the bytes */
    bool checked;      /* all are UTF-8 */
};

struct pq_values {
    int type, encoding;
    uint32_t width; /* bytes of a fixed-width value; 0: BYTE_ARRAY, BOOLEAN */
    const unsigned char *begin, *p, *end;
    uint64_t index; /* of the next value */
    struct pq_hybrid hybrid;
    struct pq_delta first, second; /* numbers or lengths; prefix lengths and suffix lengths */
    uint64_t run;                  /* of the same dictionary index or truth value, left */
    uint32_t run_value;
    struct buf previous; /* DELTA_BYTE_ARRAY */
    const struct pq_dictionary *dictionary;
};
/* The values of a page. v keeps its buffer. */
karma_status pq_values_init(struct pq_values *v, int type, uint32_t type_length, int encoding,
                            const unsigned char *p, size_t n,
                            const struct pq_dictionary *dictionary);
karma_status pq_values_next(struct pq_values *v, struct pq_value *out);
karma_status pq_values_skip(struct pq_values *v, uint64_t n);
void pq_values_release(struct pq_values *v);

karma_status pq_dictionary_init(struct pq_dictionary *d, int type, uint32_t type_length,
                                const unsigned char *p, size_t n, uint32_t count, bool utf8);
void pq_dictionary_release(struct pq_dictionary *d);
/* Are there bytes that a value of this encoding does not take from its page as they are? */
static inline bool pq_values_repeat(const struct pq_values *v) {
    return v->dictionary || v->previous.len > 0;
}

#endif
