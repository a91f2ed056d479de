/*
 * fuzz_image.c - any bytes as a picture file: an error with a message, or a picture whose every
 * pixel is there and whose size is within what was allowed. The same bytes as a data URL and as
 * EXIF.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "media/exif.h"
#include "media/image.h"

enum { MAX_PIXELS = 1 << 18 };

static void check(bool holds) {
    if (!holds) abort();
}

static void decode(const uint8_t *data, size_t size) {
    static const struct image_options options = {.max_pixels = MAX_PIXELS};
    struct image im;
    const char *other;
    const char *format = image_format(data, size, &other);
    check(!format || !other);
    if (format && format[0] == 'D') return; /* has a target of its own */
    const karma_status st = image_decode(data, size, "picture", &options, &im);
    if (st < 0) {
        check(!im.pixels && strncmp(karma_error_message(), "picture: ", 9) == 0);
        return;
    }
    check(format && im.width > 0 && im.height > 0 && (int64_t)im.width * im.height <= MAX_PIXELS);
    check(im.bits == 8 ? im.channels == 1 || im.channels == 3 : im.bits == 16 && im.channels == 1);
    const size_t n = (size_t)im.width * (size_t)im.height * (size_t)(im.channels * im.bits / 8);
    const unsigned char *p = im.pixels;
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i];
    check(sum <= 255 * n);
    image_release(&im);
}

static uint32_t read32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void decode_mended(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size);
    if (!copy) return;
    memcpy(copy, data, size);
    for (size_t at = 8; size - at >= 12;) {
        const size_t n = read32(copy + at);
        if (n > size - at - 12) break;
        const uLong sum = crc32(0, copy + at + 4, (uInt)n + 4);
        for (unsigned i = 0; i < 4; i++)
            copy[at + 8 + n + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += n + 12;
    }
    decode(copy, size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    void *bytes;
    size_t n;
    decode(data, size);
    if (size >= 8 && memcmp(data + 1, "PNG", 3) == 0) decode_mended(data, size);
    const karma_status st = image_from_data_url((const char *)data, size, &bytes, &n);
    check(st == KARMA_OK ? n <= size : !bytes);
    mem_free(bytes);
    const int orientation = exif_orientation(data, size, data, size);
    check(orientation >= 1 && orientation <= 8);
    return 0;
}
