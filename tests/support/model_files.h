/*
 * model_files.h - model files put together byte by byte, right ones and ones wrong on purpose, for
 * tests of the readers. Bytes are appended to a struct buf; the caller releases it.
 */
#ifndef TESTS_SUPPORT_MODEL_FILES_H
#define TESTS_SUPPORT_MODEL_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

void put_bytes(struct buf *b, const void *data, size_t len);
void put_zeros(struct buf *b, size_t n);
void put_u32(struct buf *b, uint32_t v);
void put_u64(struct buf *b, uint64_t v);

/* Header length, header, n_data bytes 0, 1, 2, ... */
void put_safetensors(struct buf *b, const char *header, size_t n_data);

/* GGUF: head, then keys, then tensors, then padding and data. */
void put_gguf_head(struct buf *b, uint32_t version, uint64_t n_tensors, uint64_t n_keys);
void put_gguf_string(struct buf *b, const char *s); /* length and bytes, no type */
void put_gguf_key(struct buf *b, const char *key, uint32_t type);
void put_gguf_key_u32(struct buf *b, const char *key, uint32_t v);
void put_gguf_key_string(struct buf *b, const char *key, const char *v);
void put_gguf_key_array(struct buf *b, const char *key, uint32_t item_type, uint64_t count);
void put_gguf_tensor(struct buf *b, const char *name, uint32_t n_dims, const uint64_t *dims,
                     uint32_t type, uint64_t offset);
void put_padding(struct buf *b, size_t align); /* zeros up to a multiple */

/* A small right one: three keys, tensors "a" F32 [2, 3] and "b" F16 [5]. */
void put_small_gguf(struct buf *b, uint32_t version);
/* A small right one: "a" F32 [2, 2], "b" BF16 [3], 22 bytes of data. */
extern const char small_safetensors_header[];

#endif
