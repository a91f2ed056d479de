/* parquet_values.c - the values of a page, one after the other, in each of the encodings. */
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "formats/parquet_impl.h"

static karma_status ends_early(void) {
    return status_fail(KARMA_E_TRUNCATED, "its values end early");
}

/* Bytes of a value; 0: they differ, or it is a bit. */
static uint32_t type_width(int type, uint32_t type_length) {
    switch (type) {
    case PQ_INT32:
    case PQ_FLOAT:
        return 4;
    case PQ_INT64:
    case PQ_DOUBLE:
        return 8;
    case PQ_INT96:
        return 12;
    case PQ_FIXED:
        return type_length;
    default:
        return 0;
    }
}

static void read_fixed(int type, const unsigned char *p, uint32_t width, struct pq_value *out) {
    uint32_t half;
    uint64_t whole;
    float f;
    switch (type) {
    case PQ_INT32:
        out->integer = (int32_t)pq_u32(p);
        break;
    case PQ_INT64:
        out->integer = (int64_t)pq_u64(p);
        break;
    case PQ_FLOAT:
        half = pq_u32(p);
        memcpy(&f, &half, sizeof(f));
        out->real = (double)f;
        break;
    case PQ_DOUBLE:
        whole = pq_u64(p);
        memcpy(&out->real, &whole, sizeof(out->real));
        break;
    default:
        out->bytes = p;
        out->n_bytes = width;
    }
}

/* ---- dictionaries ---- */

karma_status pq_dictionary_init(struct pq_dictionary *d, int type, uint32_t type_length,
                                const unsigned char *p, size_t n, uint32_t count, bool utf8) {
    pq_dictionary_release(d);
    if (type == PQ_BOOLEAN) return status_fail(KARMA_E_UNSUPPORTED, "a dictionary of truth values");
    d->data = p;
    d->width = type_width(type, type_length);
    if (d->width) {
        if (count > n / d->width) return ends_early();
        d->count = count;
        return KARMA_OK;
    }
    if (count > n / 4) return ends_early(); /* each has its length */
    d->offsets = mem_alloc(((size_t)count + 1) * sizeof(*d->offsets));
    if (!d->offsets) return KARMA_E_NOMEM;
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (n - at < 4) return ends_early();
        const uint32_t len = pq_u32(p + at);
        if (len > n - at - 4) return ends_early();
        if (utf8 && !utf8_valid((const char *)p + at + 4, len, NULL))
            return status_fail(KARMA_E_ENCODING, "value %u of its dictionary is not valid UTF-8",
                               i);
        d->offsets[i] = (uint32_t)at;
        at += 4 + (size_t)len;
    }
    d->checked = utf8;
    d->count = count;
    return KARMA_OK;
}

void pq_dictionary_release(struct pq_dictionary *d) {
    mem_free(d->offsets);
    *d = (struct pq_dictionary){0};
}

static karma_status look_up(const struct pq_values *v, uint32_t index, struct pq_value *out) {
    const struct pq_dictionary *d = v->dictionary;
    if (index >= d->count)
        return status_fail(KARMA_E_RANGE, "index %u into a dictionary of %u", index, d->count);
    if (d->width) {
        read_fixed(v->type, d->data + (size_t)index * d->width, d->width, out);
        return KARMA_OK;
    }
    const unsigned char *p = d->data + d->offsets[index];
    out->bytes = p + 4;
    out->n_bytes = pq_u32(p);
    out->checked = d->checked;
    return KARMA_OK;
}

/* ---- the beginning ---- */

static karma_status init_indices(struct pq_values *v) {
    if (!v->dictionary) return status_fail(KARMA_E_MISSING, "its dictionary is not there");
    if (v->p == v->end) { /* of nulls alone, some write no width */
        pq_hybrid_init(&v->hybrid, v->p, 0, 1);
        return KARMA_OK;
    }
    const unsigned width = *v->p++;
    if (width > 32) return status_fail(KARMA_E_RANGE, "dictionary indices of %u bits", width);
    pq_hybrid_init(&v->hybrid, v->p, (size_t)(v->end - v->p), width);
    return KARMA_OK;
}

static karma_status init_rle(struct pq_values *v) {
    const size_t n = (size_t)(v->end - v->p);
    if (v->p == v->end) {
        pq_hybrid_init(&v->hybrid, v->p, 0, 1);
        return KARMA_OK;
    }
    if (n < 4 || pq_u32(v->p) > n - 4) return ends_early();
    pq_hybrid_init(&v->hybrid, v->p + 4, pq_u32(v->p), 1);
    return KARMA_OK;
}

/* One stream of numbers, or of lengths that the bytes follow. */
static karma_status init_delta(struct pq_values *v) {
    if (v->p == v->end) return KARMA_OK; /* of nulls alone; first gives none */
    karma_status st = pq_delta_init(&v->first, v->p, (size_t)(v->end - v->p));
    if (st == KARMA_OK && v->encoding != PQ_DELTA_BINARY_PACKED)
        st = pq_delta_end(&v->first, &v->p);
    if (st < 0 || v->encoding != PQ_DELTA_BYTE_ARRAY) return st;
    st = pq_delta_init(&v->second, v->p, (size_t)(v->end - v->p));
    if (st == KARMA_OK) st = pq_delta_end(&v->second, &v->p);
    return st;
}

static bool fits(int type, int encoding) {
    switch (encoding) {
    case PQ_PLAIN:
    case PQ_PLAIN_DICTIONARY:
    case PQ_RLE_DICTIONARY:
        return true;
    case PQ_RLE:
        return type == PQ_BOOLEAN;
    case PQ_DELTA_BINARY_PACKED:
        return type == PQ_INT32 || type == PQ_INT64;
    case PQ_DELTA_LENGTH:
        return type == PQ_BYTE_ARRAY;
    case PQ_DELTA_BYTE_ARRAY:
        return type == PQ_BYTE_ARRAY || type == PQ_FIXED;
    case PQ_BYTE_STREAM_SPLIT:
        return type != PQ_BYTE_ARRAY && type != PQ_BOOLEAN && type != PQ_INT96;
    default:
        return false;
    }
}

static const char *encoding_name(int encoding) {
    static const char *const names[] = {
        "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
        "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
        "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
    return (unsigned)encoding < sizeof(names) / sizeof(*names) ? names[encoding] : "unknown";
}

karma_status pq_values_init(struct pq_values *v, int type, uint32_t type_length, int encoding,
                            const unsigned char *p, size_t n,
                            const struct pq_dictionary *dictionary) {
    const struct buf previous = v->previous;
    *v = (struct pq_values){.type = type,
                            .encoding = encoding,
                            .width = type_width(type, type_length),
                            .begin = p,
                            .p = p,
                            .end = p + n,
                            .previous = previous};
    buf_clear(&v->previous);
    if (!fits(type, encoding))
        return status_fail(KARMA_E_UNSUPPORTED, "encoding %d (%s) of values of this type", encoding,
                           encoding_name(encoding));
    switch (encoding) {
    case PQ_PLAIN_DICTIONARY:
    case PQ_RLE_DICTIONARY:
        v->dictionary = dictionary;
        return init_indices(v);
    case PQ_RLE:
        return init_rle(v);
    case PQ_DELTA_BINARY_PACKED:
    case PQ_DELTA_LENGTH:
    case PQ_DELTA_BYTE_ARRAY:
        return init_delta(v);
    default:
        return KARMA_OK;
    }
}

void pq_values_release(struct pq_values *v) {
    buf_release(&v->previous);
    *v = (struct pq_values){0};
}

/* ---- one value ---- */

static karma_status next_plain(struct pq_values *v, struct pq_value *out) {
    const size_t left = (size_t)(v->end - v->p);
    if (v->type == PQ_BOOLEAN) {
        if (v->index / 8 >= (uint64_t)(v->end - v->begin)) return ends_early();
        out->integer = v->begin[v->index / 8] >> (v->index % 8) & 1;
        return KARMA_OK;
    }
    if (v->width) {
        if (left < v->width) return ends_early();
        read_fixed(v->type, v->p, v->width, out);
        v->p += v->width;
        return KARMA_OK;
    }
    if (left < 4 || pq_u32(v->p) > left - 4) return ends_early();
    out->bytes = v->p + 4;
    out->n_bytes = pq_u32(v->p);
    v->p += 4 + out->n_bytes;
    return KARMA_OK;
}

static karma_status next_run(struct pq_values *v, uint32_t *value) {
    karma_status st = KARMA_OK;
    if (v->run == 0) st = pq_hybrid_run(&v->hybrid, UINT64_MAX, &v->run_value, &v->run);
    if (st < 0) return st;
    v->run--;
    *value = v->run_value;
    return KARMA_OK;
}

/* A length from a stream of deltas, of bytes that are left. */
static karma_status next_length(struct pq_delta *d, size_t most, size_t *out) {
    uint64_t n;
    karma_status st = pq_delta_next(d, &n);
    if (st < 0) return st;
    const int32_t len = (int32_t)(uint32_t)n;
    if (len < 0 || (size_t)len > most)
        return status_fail(KARMA_E_RANGE, "a length of %d where %zu bytes are", len, most);
    *out = (size_t)len;
    return KARMA_OK;
}

static karma_status next_joined(struct pq_values *v, struct pq_value *out) {
    size_t prefix = 0, suffix = 0;
    karma_status st = next_length(&v->first, v->previous.len, &prefix);
    if (st == KARMA_OK) st = next_length(&v->second, (size_t)(v->end - v->p), &suffix);
    if (st < 0) return st;
    v->previous.len = prefix;
    st = buf_append(&v->previous, v->p, suffix);
    if (st < 0) return st;
    v->p += suffix;
    out->bytes = (const unsigned char *)buf_str(&v->previous);
    out->n_bytes = v->previous.len;
    if (v->width && out->n_bytes != v->width)
        return status_fail(KARMA_E_RANGE, "a value of %zu bytes, not of %u", out->n_bytes,
                           v->width);
    return KARMA_OK;
}

static karma_status next_split(struct pq_values *v, struct pq_value *out) {
    enum { MAX_WIDTH = 64 << 10 };
    const uint64_t n = (uint64_t)(v->end - v->begin) / v->width;
    if (v->index >= n) return ends_early();
    if (v->width > MAX_WIDTH)
        return status_fail(KARMA_E_LIMIT, "split values of %u bytes", v->width);
    buf_clear(&v->previous);
    karma_status st = buf_reserve(&v->previous, v->width);
    if (st < 0) return st;
    for (uint32_t k = 0; k < v->width; k++)
        v->previous.data[k] = (char)v->begin[k * n + v->index];
    v->previous.len = v->width;
    read_fixed(v->type, (const unsigned char *)v->previous.data, v->width, out);
    return KARMA_OK;
}

karma_status pq_values_next(struct pq_values *v, struct pq_value *out) {
    uint64_t number;
    uint32_t index;
    size_t len = 0;
    karma_status st;
    *out = (struct pq_value){0};
    switch (v->encoding) {
    case PQ_PLAIN_DICTIONARY:
    case PQ_RLE_DICTIONARY:
        st = next_run(v, &index);
        if (st == KARMA_OK) st = look_up(v, index, out);
        break;
    case PQ_RLE:
        st = next_run(v, &index);
        if (st == KARMA_OK) out->integer = index;
        break;
    case PQ_DELTA_BINARY_PACKED:
        st = pq_delta_next(&v->first, &number);
        if (st == KARMA_OK)
            out->integer = v->type == PQ_INT32 ? (int32_t)(uint32_t)number : (int64_t)number;
        break;
    case PQ_DELTA_LENGTH:
        st = next_length(&v->first, (size_t)(v->end - v->p), &len);
        if (st < 0) break;
        out->bytes = v->p;
        out->n_bytes = len;
        v->p += len;
        break;
    case PQ_DELTA_BYTE_ARRAY:
        st = next_joined(v, out);
        break;
    case PQ_BYTE_STREAM_SPLIT:
        st = next_split(v, out);
        break;
    default:
        st = next_plain(v, out);
    }
    v->index++;
    return st;
}

/* ---- many that nobody wants ---- */

karma_status pq_values_skip(struct pq_values *v, uint64_t n) {
    struct pq_value passed;
    karma_status st = KARMA_OK;
    const uint64_t left = (uint64_t)(v->end - v->p);
    switch (v->encoding) {
    case PQ_PLAIN:
        if (!v->width && v->type != PQ_BOOLEAN) break;
        if (v->width) {
            if (n > left / v->width) return ends_early();
            v->p += n * v->width;
        }
        v->index += n;
        return KARMA_OK;
    case PQ_BYTE_STREAM_SPLIT:
        v->index += n;
        return KARMA_OK;
    case PQ_PLAIN_DICTIONARY:
    case PQ_RLE_DICTIONARY:
    case PQ_RLE:
        while (n > 0 && st == KARMA_OK) {
            if (v->run == 0) st = pq_hybrid_run(&v->hybrid, UINT64_MAX, &v->run_value, &v->run);
            const uint64_t step = v->run < n ? v->run : n;
            v->run -= step;
            v->index += step;
            n -= step;
        }
        return st;
    default:
        break;
    }
    for (; n > 0 && st == KARMA_OK; n--)
        st = pq_values_next(v, &passed);
    return st;
}
