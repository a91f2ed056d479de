/* model_files.c - see model_files.h. */
#include "tests/support/model_files.h"

#include <string.h>

#include "tests/support/test.h"

void put_bytes(struct buf *b, const void *data, size_t len) {
    assert_ok(buf_append(b, data, len));
}

void put_zeros(struct buf *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_ok(buf_putc(b, '\0'));
}

void put_u32(struct buf *b, uint32_t v) {
    put_bytes(b, &v, sizeof(v));
}

void put_u64(struct buf *b, uint64_t v) {
    put_bytes(b, &v, sizeof(v));
}

void put_safetensors(struct buf *b, const char *header, size_t n_data) {
    put_u64(b, strlen(header));
    put_bytes(b, header, strlen(header));
    for (size_t i = 0; i < n_data; i++)
        assert_ok(buf_putc(b, (char)i));
}

void put_gguf_head(struct buf *b, uint32_t version, uint64_t n_tensors, uint64_t n_keys) {
    put_bytes(b, "GGUF", 4);
    put_u32(b, version);
    put_u64(b, n_tensors);
    put_u64(b, n_keys);
}

void put_gguf_string(struct buf *b, const char *s) {
    put_u64(b, strlen(s));
    put_bytes(b, s, strlen(s));
}

void put_gguf_key(struct buf *b, const char *key, uint32_t type) {
    put_gguf_string(b, key);
    put_u32(b, type);
}

void put_gguf_key_u32(struct buf *b, const char *key, uint32_t v) {
    put_gguf_key(b, key, 4);
    put_u32(b, v);
}

void put_gguf_key_string(struct buf *b, const char *key, const char *v) {
    put_gguf_key(b, key, 8);
    put_gguf_string(b, v);
}

void put_gguf_key_array(struct buf *b, const char *key, uint32_t item_type, uint64_t count) {
    put_gguf_key(b, key, 9);
    put_u32(b, item_type);
    put_u64(b, count);
}

void put_gguf_tensor(struct buf *b, const char *name, uint32_t n_dims, const uint64_t *dims,
                     uint32_t type, uint64_t offset) {
    put_gguf_string(b, name);
    put_u32(b, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        put_u64(b, dims[i]);
    put_u32(b, type);
    put_u64(b, offset);
}

void put_padding(struct buf *b, size_t align) {
    put_zeros(b, (align - b->len % align) % align);
}

void put_small_gguf(struct buf *b, uint32_t version) {
    put_gguf_head(b, version, 2, 3);
    put_gguf_key_string(b, "general.architecture", "test");
    put_gguf_key_u32(b, "test.block_count", 7);
    put_gguf_key_array(b, "test.names", 8, 2);
    put_gguf_string(b, "one");
    put_gguf_string(b, "");
    put_gguf_tensor(b, "a", 2, (const uint64_t[]){3, 2}, 0, 0);
    put_gguf_tensor(b, "b", 1, (const uint64_t[]){5}, 1, 32);
    put_padding(b, 32);
    for (int i = 0; i < 32 + 10; i++)
        assert_ok(buf_putc(b, (char)i));
}

const char small_safetensors_header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]},"
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[16,22]}}";
