/* exif.c - see exif.h. Of the TIFF structure only the first directory is read. */
#include "media/exif.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    TAG_ORIENTATION = 0x0112,
    ENTRY_BYTES = 12,
};

/* Of the types that hold whole numbers: signed and unsigned alike, as the values looked for are
 * small. Bytes without sign are text to Pillow. */
enum {
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
    TYPE_SBYTE = 6,
    TYPE_SSHORT = 8,
    TYPE_SLONG = 9,
    TYPE_IFD = 13
};

/* Bytes of one value, by type; 0: not a type. */
static const uint8_t type_bytes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8};

struct tiff {
    const unsigned char *data;
    size_t size;
    bool big_endian;
};

static uint32_t read16(const struct tiff *t, size_t at) {
    const unsigned char *p = t->data + at;
    return t->big_endian ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

static uint32_t read32(const struct tiff *t, size_t at) {
    return t->big_endian ? read16(t, at) << 16 | read16(t, at + 2)
                         : read16(t, at + 2) << 16 | read16(t, at);
}

static bool tiff_open(const unsigned char *data, size_t size, struct tiff *t) {
    for (int i = 0; i < 2 && size >= 6 && memcmp(data, "Exif\0\0", 6) == 0; i++) {
        data += 6;
        size -= 6;
    }
    *t = (struct tiff){data, size, size > 0 && data[0] == 'M'};
    return size >= 8 && (memcmp(data, "II", 2) == 0 || memcmp(data, "MM", 2) == 0) &&
           (memcmp(data + 2, "\0*", 2) == 0 || memcmp(data + 2, "*\0", 2) == 0);
}

/* False when the entry at `at` refers to what is not there: Pillow then reads no further. *skip:
 * the entry does not count. */
static bool check_entry(const struct tiff *t, size_t at, uint64_t *referred, bool *skip) {
    const uint32_t type = read16(t, at + 2);
    const size_t unit = type < sizeof(type_bytes) ? type_bytes[type] : 0;
    const uint64_t bytes = (uint64_t)read32(t, at + 4) * unit;
    *skip = bytes == 0;
    if (bytes <= 4) return true;
    *referred += bytes;
    *skip = *referred > t->size;
    return *skip || read32(t, at + 8) + bytes <= t->size;
}

/* 0: one that means nothing. Of several the first counts. */
static int first_value(const struct tiff *t, size_t at) {
    const uint32_t type = read16(t, at + 2);
    const bool inside = (uint64_t)read32(t, at + 4) * type_bytes[type] <= 4;
    const size_t from = inside ? at + 8 : read32(t, at + 8);
    uint32_t value = 0;
    if (type == TYPE_SBYTE) value = t->data[from];
    if (type == TYPE_SHORT || type == TYPE_SSHORT) value = read16(t, from);
    if (type == TYPE_LONG || type == TYPE_SLONG || type == TYPE_IFD) value = read32(t, from);
    return value <= 8 ? (int)value : 0;
}

/* The tag's value; -1: there is none; 0: one that means nothing. */
static int from_exif(const unsigned char *exif, size_t size) {
    struct tiff t;
    uint64_t referred = 0;
    if (!tiff_open(exif, size, &t)) return -1;
    size_t at = read32(&t, 4);
    if (at > t.size || t.size - at < 2) return -1;
    uint32_t count = read16(&t, at);
    for (at += 2; count > 0 && t.size - at >= ENTRY_BYTES; count--, at += ENTRY_BYTES) {
        bool skip;
        if (!check_entry(&t, at, &referred, &skip)) return -1;
        if (skip || read16(&t, at) != TAG_ORIENTATION) continue;
        return first_value(&t, at);
    }
    return -1;
}

static int from_xmp(const unsigned char *xmp, size_t size) {
    static const char name[] = "tiff:Orientation";
    const size_t len = sizeof(name) - 1;
    for (const unsigned char *p = xmp, *end = xmp + size; p && (size_t)(end - p) > len; p++) {
        p = memmem(p, (size_t)(end - p), name, len);
        if (!p) break;
        const unsigned char *value = p + len;
        if (end - value >= 3 && memcmp(value, "=\"", 2) == 0) {
            value += 2;
        } else if (end - value >= 2 && *value == '>') {
            value += 1;
        } else {
            continue;
        }
        if (*value >= '0' && *value <= '9') return *value - '0';
    }
    return 1;
}

int exif_orientation(const unsigned char *exif, size_t exif_size, const unsigned char *xmp,
                     size_t xmp_size) {
    int value = exif ? from_exif(exif, exif_size) : -1;
    if (value < 0) value = xmp ? from_xmp(xmp, xmp_size) : 1;
    return value >= 1 && value <= 8 ? value : 1;
}
