/* sha256.h - SHA-256 (nettle), with helpers that make the hashed bytes unambiguous. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct sha256 {
    _Alignas(16) unsigned char state[256]; /* nettle's context */
};
void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
void sha256_field(struct sha256 *s, const void *data, size_t len); /* length (u64 LE), then bytes */
void sha256_field_str(struct sha256 *s, const char *text);         /* NULL differs from "" */
void sha256_field_u64(struct sha256 *s, uint64_t v);
void sha256_end(struct sha256 *s, unsigned char out[32]);
void sha256_hex(const unsigned char digest[32], char out[65]);
void sha256_of(const void *data, size_t len, char hex[65]); /* of the whole, in one call */

#endif
