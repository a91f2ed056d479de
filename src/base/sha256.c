/* sha256.c - SHA-256 by nettle. */
#include "base/sha256.h"

#include <string.h>

#include <nettle/sha2.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(((struct sha256 *)0)->state),
               "nettle's context must fit");

static struct sha256_ctx *ctx(struct sha256 *s) {
    return (struct sha256_ctx *)(void *)s->state;
}

void sha256_begin(struct sha256 *s) {
    sha256_init(ctx(s));
}

void sha256_add(struct sha256 *s, const void *data, size_t len) {
    if (len) sha256_update(ctx(s), len, data);
}

void sha256_field_u64(struct sha256 *s, uint64_t v) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    sha256_add(s, bytes, sizeof(bytes));
}

void sha256_field(struct sha256 *s, const void *data, size_t len) {
    sha256_field_u64(s, len);
    sha256_add(s, data, len);
}

void sha256_field_str(struct sha256 *s, const char *text) {
    if (text) {
        sha256_field(s, text, strlen(text));
    } else {
        sha256_field_u64(s, UINT64_MAX); /* no text is that long */
    }
}

void sha256_end(struct sha256 *s, unsigned char out[32]) {
    sha256_digest(ctx(s), SHA256_DIGEST_SIZE, out);
}

void sha256_hex(const unsigned char digest[32], char out[65]) {
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[64] = '\0';
}

void sha256_of(const void *data, size_t len, char hex[65]) {
    unsigned char digest[32];
    struct sha256 s;
    sha256_begin(&s);
    sha256_add(&s, data, len);
    sha256_end(&s, digest);
    sha256_hex(digest, hex);
}
