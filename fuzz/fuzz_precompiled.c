/*
 * fuzz_precompiled.c - any bytes as a precompiled map of characters, applied to texts that reach
 * into it: what comes out is UTF-8 whatever the map says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/precompiled.h"

static void check(bool holds) {
    if (!holds) abort();
}

static void encode(const uint8_t *data, size_t size, struct buf *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = (uint32_t)data[i] << 16;
        if (i + 1 < size) bits |= (uint32_t)data[i + 1] << 8;
        if (i + 2 < size) bits |= data[i + 2];
        for (int k = 0; k < 4; k++)
            check(buf_putc(out, i + (size_t)k > size ? '=' : digits[bits >> (18 - 6 * k) & 63]) ==
                  KARMA_OK);
    }
}

static void apply(const struct precompiled *p, const char *text, size_t len) {
    struct buf valid = {0}, out = {0};
    check(utf8_append_lossy(&valid, text, len) == KARMA_OK);
    check(precompiled_apply(p, buf_str(&valid), valid.len, &out) == KARMA_OK);
    check(utf8_valid(buf_str(&out), out.len, NULL));
    buf_release(&valid);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    struct precompiled p;
    struct buf base64 = {0};
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    (void)precompiled_read(&a, (const char *)data, size, &p); /* mostly no base64 */
    encode(data, size, &base64);
    if (precompiled_read(&a, buf_str(&base64), base64.len, &p) == KARMA_OK) {
        apply(&p, bytes, sizeof(bytes));
        apply(&p, (const char *)data, size < 4000 ? size : 4000);
    }
    buf_release(&base64);
    arena_release(&a);
    return 0;
}
