/* gzip.c - see gzip.h. zlib unpacks, in pieces; its memory is ours. */
#include "formats/gzip.h"

#include <limits.h>
#include <zlib.h>

#include "base/mem.h"

enum { PIECE = 1 << 20 };

static void *give(void *user, unsigned count, unsigned size) {
    (void)user;
    return mem_calloc(count, size);
}

static void take_back(void *user, void *p) {
    (void)user;
    mem_free(p);
}

bool gzip_is_one(const unsigned char *data, size_t size) {
    return size > 2 && data[0] == 0x1f && data[1] == 0x8b;
}

static karma_status fail(const z_stream *z, int code) {
    if (code == Z_MEM_ERROR) return KARMA_E_NOMEM;
    if (code == Z_BUF_ERROR) return status_fail(KARMA_E_TRUNCATED, "gzip: the data ends early");
    return status_fail(KARMA_E_SYNTAX, "gzip: %s", z->msg ? z->msg : "the data is broken");
}

static karma_status unpack(z_stream *z, const unsigned char *data, size_t size, struct buf *out) {
    size_t at = 0;
    int code = Z_OK;
    while (code != Z_STREAM_END) {
        karma_status st = buf_reserve(out, PIECE);
        if (st < 0) return st;
        if (z->avail_in == 0) {
            const size_t more = size - at < PIECE ? size - at : PIECE;
            z->next_in = (unsigned char *)(uintptr_t)(data + at);
            z->avail_in = (unsigned)more;
            at += more;
        }
        z->next_out = (unsigned char *)out->data + out->len;
        z->avail_out = PIECE;
        code = inflate(z, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END) return fail(z, code);
        out->len += PIECE - z->avail_out;
        out->data[out->len] = '\0';
    }
    return KARMA_OK;
}

karma_status gzip_unpack(const unsigned char *data, size_t size, size_t max_bytes,
                         struct buf *out) {
    z_stream z = {.zalloc = give, .zfree = take_back};
    enum { GZIP = 16 };
    buf_clear(out);
    out->max = max_bytes;
    const int code = inflateInit2(&z, MAX_WBITS + GZIP);
    if (code != Z_OK) return fail(&z, code);
    karma_status st = unpack(&z, data, size, out);
    inflateEnd(&z);
    return st;
}
