/*
 * fuzz_base64.c - any text as base64: what is accepted is what its bytes are written as, but for
 * white space.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"

static void check(bool holds) {
    if (!holds) abort();
}

static char digit(uint32_t v) {
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[v & 63];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena a = {0};
    const unsigned char *bytes;
    size_t n, at = 0;
    const karma_status st = base64_decode(&a, (const char *)data, size, &bytes, &n);
    check(st == KARMA_OK || st == KARMA_E_ENCODING);
    for (size_t i = 0; st == KARMA_OK && i < n; i += 3) {
        const size_t have = n - i < 3 ? n - i : 3;
        const uint32_t v = (uint32_t)bytes[i] << 16 | (have > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                           (have > 2 ? bytes[i + 2] : 0);
        char group[4] = {digit(v >> 18), digit(v >> 12), have > 1 ? digit(v >> 6) : '=',
                         have > 2 ? digit(v) : '='};
        for (int k = 0; k < 4; k++, at++) {
            while (at < size && strchr(" \t\r\n", data[at]) && data[at])
                at++;
            check(at < size && data[at] == (uint8_t)group[k]);
        }
    }
    arena_release(&a);
    return 0;
}
