/*
 * dicom_rle.c - see dicom_rle.h. A frame is a head of sixteen numbers - how many segments, where
 * each begins - and the segments: one for each byte of a pixel, the first sample's high byte first.
 */
#include "media/dicom_rle.h"

#include <stdbool.h>

enum { HEAD = 64, MAX_SEGMENTS = 15 };

static uint32_t number_at(const unsigned char *head, size_t i) {
    const unsigned char *p = head + 4 * i;
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* n bytes, step apart. */
static karma_status unpack(const unsigned char *in, const unsigned char *end, unsigned char *out,
                           size_t n, size_t step) {
    while (n > 0) {
        if (end - in < 2) return status_fail(KARMA_E_TRUNCATED, "DICOM: its RLE pixels end early");
        const int control = *in++;
        size_t count = control < 128 ? (size_t)control + 1 : 257 - (size_t)control;
        if (control == 128) continue;
        if (control < 128 && count > (size_t)(end - in))
            return status_fail(KARMA_E_TRUNCATED, "DICOM: its RLE pixels end early");
        if (count > n) return status_fail(KARMA_E_SYNTAX, "DICOM: its RLE pixels are too many");
        n -= count;
        for (; count > 0; count--, out += step)
            *out = control < 128 ? *in++ : *in;
        in += control > 128;
    }
    return KARMA_OK;
}

karma_status dicom_rle_decode(const unsigned char *in, size_t size, size_t n_pixels, size_t samples,
                              size_t cell_bytes, void *out) {
    const uint16_t one = 1;
    const bool little = *(const unsigned char *)&one;
    const size_t segments = samples * cell_bytes;
    karma_status st = KARMA_OK;
    if (size < HEAD) return status_fail(KARMA_E_TRUNCATED, "DICOM: its RLE pixels end early");
    if (number_at(in, 0) != segments || segments > MAX_SEGMENTS)
        return status_fail(KARMA_E_SYNTAX, "DICOM: RLE pixels of %u segments, expected %zu",
                           number_at(in, 0), segments);
    for (size_t i = 0; st == KARMA_OK && i < segments; i++) {
        const size_t begin = number_at(in, i + 1);
        const size_t end = i + 1 < segments ? number_at(in, i + 2) : size;
        const size_t byte = i % cell_bytes; /* from the high end */
        const size_t place = i / cell_bytes * cell_bytes + (little ? cell_bytes - 1 - byte : byte);
        if (begin < HEAD || begin > end || end > size)
            return status_fail(KARMA_E_SYNTAX, "DICOM: RLE segment %zu is not inside", i + 1);
        st = unpack(in + begin, in + end, (unsigned char *)out + place, n_pixels, segments);
    }
    return st;
}
