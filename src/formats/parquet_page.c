/* parquet_page.c - headers of pages, and their payloads: checked, then unpacked. */
#include <limits.h>
#include <lz4.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "formats/parquet_impl.h"
#include "formats/parquet_thrift.h"

/* ---- headers ---- */

/* Of data pages of both versions and of dictionaries; fields have the same numbers as far as they
 * are the same. */
static void read_kind(struct thrift *t, int kind, struct pq_page_header *h) {
    struct thrift_field f = {0};
    while (thrift_next(t, &f)) {
        const bool v2 = kind == 8;
        if (f.id == 1)
            h->n_values = (uint32_t)thrift_int(t, &f, "num_values", 0, INT32_MAX);
        else if (f.id == (v2 ? 4 : 2))
            h->encoding = (int)thrift_int(t, &f, "encoding", 0, INT16_MAX);
        else if (kind == 5 && f.id == 3)
            h->def_encoding = (int)thrift_int(t, &f, "definition_level_encoding", 0, INT16_MAX);
        else if (kind == 5 && f.id == 4)
            h->rep_encoding = (int)thrift_int(t, &f, "repetition_level_encoding", 0, INT16_MAX);
        else if (v2 && f.id == 5)
            h->def_bytes = (uint32_t)thrift_int(t, &f, "definition levels' length", 0, INT32_MAX);
        else if (v2 && f.id == 6)
            h->rep_bytes = (uint32_t)thrift_int(t, &f, "repetition levels' length", 0, INT32_MAX);
        else if (v2 && f.id == 7)
            h->is_packed = thrift_bool(t, &f, "is_compressed");
        else
            thrift_skip(t, f.type);
    }
}

static void read_header(struct thrift *t, struct pq_page_header *h, int *kind) {
    struct thrift_field f = {0};
    while (thrift_next(t, &f)) {
        if (f.id == 1) {
            h->type = (int)thrift_int(t, &f, "page type", 0, INT16_MAX);
        } else if (f.id == 2) {
            h->unpacked = (uint32_t)thrift_int(t, &f, "uncompressed_page_size", 0, INT32_MAX);
        } else if (f.id == 3) {
            h->packed = (uint32_t)thrift_int(t, &f, "compressed_page_size", 0, INT32_MAX);
        } else if (f.id == 4) {
            h->crc = (uint32_t)thrift_int(t, &f, "crc", INT32_MIN, INT32_MAX);
            h->has_crc = true;
        } else if (f.id == 5 || f.id == 7 || f.id == 8) {
            *kind = f.id;
            if (thrift_is(t, f.type, THRIFT_STRUCT, "page header")) read_kind(t, f.id, h);
        } else {
            thrift_skip(t, f.type);
        }
    }
}

karma_status pq_page_header(const struct parquet *p, const struct pq_chunk *chunk, uint64_t offset,
                            struct pq_page_header *out) {
    static const int kinds[] = {5, 0, 7, 8}; /* of each page type */
    int kind = 0;
    *out = (struct pq_page_header){.type = -1, .offset = offset, .is_packed = true};
    if (offset >= chunk->end) return status_fail(KARMA_E_TRUNCATED, "its pages end early");
    struct thrift t = {.p = p->data + offset, .end = p->data + chunk->end};
    read_header(&t, out, &kind);
    if (t.st < 0) return status_prefix(t.st, "page header");
    if (out->type < 0) return status_fail(KARMA_E_MISSING, "page header: no type");
    if (out->type > 3)
        return status_fail(KARMA_E_UNSUPPORTED, "page header: page type %d", out->type);
    if (kinds[out->type] && kind != kinds[out->type])
        return status_fail(KARMA_E_MISSING, "page header: that of its type is not there");
    if (out->packed > (uint64_t)(t.end - t.p))
        return status_fail(KARMA_E_TRUNCATED, "a page of %u bytes where %zu are left", out->packed,
                           (size_t)(t.end - t.p));
    if (out->type == 3 && (uint64_t)out->def_bytes + out->rep_bytes >
                              (out->packed < out->unpacked ? out->packed : out->unpacked))
        return status_fail(KARMA_E_RANGE, "page header: levels longer than the page");
    out->payload = t.p;
    out->end = (uint64_t)(t.p - p->data) + out->packed;
    return KARMA_OK;
}

/* ---- codecs ---- */

const char *pq_codec_name(enum pq_codec codec) {
    static const char *const names[PQ_N_CODECS] = {"none",   "snappy", "gzip", "lzo",
                                                   "brotli", "lz4",    "zstd", "lz4_raw"};
    return (unsigned)codec < PQ_N_CODECS ? names[codec] : "unknown";
}

static karma_status broken(enum pq_codec codec) {
    return status_fail(KARMA_E_SYNTAX, "%s: the data is broken, or not of the length that it says",
                       pq_codec_name(codec));
}

static void *give(void *user, unsigned count, unsigned size) {
    (void)user;
    return mem_calloc(count, size);
}
static void take_back(void *user, void *p) {
    (void)user;
    mem_free(p);
}

/* Members one behind the other, of gzip's or zlib's form. */
static karma_status unpack_gzip(const unsigned char *packed, size_t n_packed, unsigned char *out,
                                size_t n) {
    enum { ANY_HEADER = 32 };
    z_stream z = {.zalloc = give, .zfree = take_back};
    unsigned char spare;
    int code = inflateInit2(&z, MAX_WBITS + ANY_HEADER);
    if (code != Z_OK) return code == Z_MEM_ERROR ? KARMA_E_NOMEM : broken(PQ_GZIP);
    z.next_in = (unsigned char *)(uintptr_t)packed;
    z.avail_in = (unsigned)n_packed;
    z.next_out = n ? out : &spare;
    z.avail_out = (unsigned)n;
    do {
        code = inflate(&z, Z_FINISH);
        if (code != Z_STREAM_END || z.avail_in == 0) break;
        code = inflateReset(&z);
    } while (code == Z_OK);
    const bool whole = code == Z_STREAM_END && z.avail_out == 0 && z.avail_in == 0;
    inflateEnd(&z);
    if (code == Z_MEM_ERROR) return KARMA_E_NOMEM;
    return whole ? KARMA_OK : broken(PQ_GZIP);
}

static karma_status unpack_zstd(const unsigned char *packed, size_t n_packed, unsigned char *out,
                                size_t n) {
    const unsigned long long said = ZSTD_getFrameContentSize(packed, n_packed);
    if (said == ZSTD_CONTENTSIZE_ERROR || (said != ZSTD_CONTENTSIZE_UNKNOWN && said > n))
        return broken(PQ_ZSTD);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (!context) return status_fail(KARMA_E_NOMEM, "out of memory (zstd)");
    const size_t got = ZSTD_decompressDCtx(context, out, n, packed, n_packed);
    ZSTD_freeDCtx(context);
    return !ZSTD_isError(got) && got == n ? KARMA_OK : broken(PQ_ZSTD);
}

static karma_status unpack_snappy(const unsigned char *packed, size_t n_packed, unsigned char *out,
                                  size_t n) {
    size_t said;
    if (snappy_uncompressed_length((const char *)packed, n_packed, &said) != SNAPPY_OK || said != n)
        return broken(PQ_SNAPPY);
    return snappy_uncompress((const char *)packed, n_packed, (char *)out, &said) == SNAPPY_OK &&
                   said == n
               ? KARMA_OK
               : broken(PQ_SNAPPY);
}

static bool unpack_lz4_block(const unsigned char *packed, size_t n_packed, unsigned char *out,
                             size_t n) {
    if (n_packed > INT_MAX || n > INT_MAX) return false;
    return LZ4_decompress_safe((const char *)packed, (char *)out, (int)n_packed, (int)n) == (int)n;
}

static uint32_t big_u32(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Hadoop's blocks: unpacked length, packed length, both big-endian, and the bytes. */
static bool unpack_lz4_hadoop(const unsigned char *p, size_t left, unsigned char *out, size_t n) {
    while (left > 8) {
        const uint32_t unpacked = big_u32(p), packed = big_u32(p + 4);
        if (packed > left - 8 || unpacked > n || !unpack_lz4_block(p + 8, packed, out, unpacked))
            return false;
        p += 8 + (size_t)packed;
        left -= 8 + (size_t)packed;
        out += unpacked;
        n -= unpacked;
    }
    return left == 0 && n == 0;
}

karma_status pq_unpack(enum pq_codec codec, const unsigned char *packed, size_t n_packed,
                       unsigned char *out, size_t n) {
    switch (codec) {
    case PQ_SNAPPY:
        return unpack_snappy(packed, n_packed, out, n);
    case PQ_GZIP:
        return unpack_gzip(packed, n_packed, out, n);
    case PQ_ZSTD:
        return unpack_zstd(packed, n_packed, out, n);
    case PQ_LZ4_HADOOP: /* some writers left its framing out */
        if (unpack_lz4_hadoop(packed, n_packed, out, n)) return KARMA_OK;
        return unpack_lz4_block(packed, n_packed, out, n) ? KARMA_OK : broken(codec);
    case PQ_LZ4_RAW:
        return unpack_lz4_block(packed, n_packed, out, n) ? KARMA_OK : broken(codec);
    default:
        return status_fail(KARMA_E_UNSUPPORTED, "codec %d (%s)", (int)codec, pq_codec_name(codec));
    }
}

/* ---- payloads ---- */

karma_status pq_fail_column(karma_status st, const struct pq_column *c) {
    return status_prefix(st, "column %s: page at byte %llu",
                         status_quote(c->leaf->path, strlen(c->leaf->path)),
                         (unsigned long long)c->page.offset);
}

/* Refused before anything is unpacked: more than the format can, or than an honest file would. */
static karma_status check_sizes(const struct parquet *p, enum pq_codec codec, size_t packed,
                                size_t n) {
    enum { FREE = 16 << 20, SLACK = 64, HELD_FREE = 48 << 20, HELD_PER_BYTE = 64 };
    static const uint32_t most[PQ_N_CODECS] = {[PQ_SNAPPY] = 22,
                                               [PQ_LZ4_HADOOP] = 255,
                                               [PQ_LZ4_RAW] = 255,
                                               [PQ_GZIP] = 1032,
                                               [PQ_ZSTD] = 1032};
    const uint64_t limit = (uint64_t)packed * most[codec] + SLACK;
    if (n > PQ_MAX_PAGE)
        return status_fail(KARMA_E_LIMIT, "a page of %zu bytes, at most %d are unpacked", n,
                           PQ_MAX_PAGE);
    if (n > limit && (codec != PQ_ZSTD || n > FREE))
        return status_fail(KARMA_E_LIMIT, "%zu bytes that say they unpack to %zu", packed, n);
    if (p->held + n > HELD_FREE + (uint64_t)p->size * HELD_PER_BYTE)
        return status_fail(KARMA_E_LIMIT, "its pages unpack to more than a file of %zu bytes may",
                           p->size);
    return KARMA_OK;
}

karma_status pq_page_open(struct parquet *p, struct pq_column *c, const struct pq_page_header *h,
                          unsigned char **own, size_t *own_cap, const unsigned char **data,
                          size_t *n) {
    const enum pq_codec codec = c->chunk->codec;
    const size_t levels = h->type == 3 ? (size_t)h->def_bytes + h->rep_bytes : 0;
    const size_t packed = h->packed - levels, unpacked = h->unpacked - levels;
    if (h->has_crc && (uint32_t)crc32(0, h->payload, h->packed) != h->crc)
        return status_fail(KARMA_E_DIGEST, "its checksum differs");
    *data = h->payload + levels;
    *n = unpacked;
    if (codec == PQ_NONE || !h->is_packed) {
        if (packed == unpacked) return KARMA_OK;
        return status_fail(KARMA_E_RANGE, "%zu bytes that are not packed and should be %zu", packed,
                           unpacked);
    }
    if (h->type == 3 && packed == 0 && unpacked == 0) return KARMA_OK; /* of nulls alone */
    if ((unsigned)codec >= PQ_N_CODECS || codec == PQ_LZO || codec == PQ_BROTLI)
        return status_fail(KARMA_E_UNSUPPORTED, "codec %d (%s)", (int)codec, pq_codec_name(codec));
    karma_status st = check_sizes(p, codec, packed, unpacked);
    if (st < 0) return st;
    p->made += unpacked;
    if (unpacked > *own_cap || !*own) {
        mem_free(*own);
        p->held -= *own_cap;
        *own_cap = 0;
        if (!(*own = mem_alloc(unpacked ? unpacked : 1))) return KARMA_E_NOMEM;
        *own_cap = unpacked;
        p->held += unpacked;
    }
    *data = *own;
    st = pq_unpack(codec, h->payload + levels, packed, *own, unpacked);
    if (p->map) file_map_forget(p->map, (size_t)h->offset, (size_t)h->end);
    return st;
}
