/*
 * image.h - pictures out of files or bytes: JPEG, PNG and WebP by their libraries, DICOM where the
 * build has it. What the content is decides, never the name. Pixels are what Pillow would hold,
 * before any conversion that a model asks for: see image_processor.h. Sizes are checked before
 * anything is decoded; a broken file is an error, never a half-grey picture.
 */
#ifndef MEDIA_IMAGE_H
#define MEDIA_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum {
    IMAGE_MAX_SIDE = 65535,
    /* Pillow refuses more than this as a decompression bomb. */
    IMAGE_MAX_PIXELS = 178956970,
};

struct image {
    int32_t width, height;
    int32_t channels; /* 1: grey, 3: red, green, blue */
    int32_t bits;     /* 8: uint8_t; 16: uint16_t, of one channel only */
    void *pixels;     /* [height, width, channels], packed; image_release() frees it */
};

struct image_options {
    int64_t max_pixels; /* 0: IMAGE_MAX_PIXELS */
    /* Of files with several frames (DICOM): which one, from 0. Another in a file of one: E_RANGE.
     */
    int32_t frame;
    /* DICOM: what is shown as black to white, centre and width in the units of the rescaled
     * values; a width of 0: the file's own first window, else least to largest. */
    double window_center, window_width;
};

/* The format by its first bytes: "JPEG", "PNG", "WebP", "DICOM"; NULL: none of these. What is some
 * other kind of picture we know of (GIF, BMP, TIFF, HEIC, AVIF, JPEG 2000, JPEG XL, SVG, PDF) is
 * named in *other (may be NULL), else NULL. */
const char *image_format(const void *bytes, size_t size, const char **other);

/* From the bytes of a file; name is for messages. E_MAGIC: not a picture; E_UNSUPPORTED: a kind
 * that is not read, named; E_LIMIT, E_RANGE: size; E_TRUNCATED, E_SYNTAX, E_DIGEST: broken.
 * EXIF orientation is applied. options NULL: all zero. On failure *out is empty. */
karma_status image_decode(const void *bytes, size_t size, const char *name,
                          const struct image_options *options, struct image *out);
/* The same from a file (E_MISSING, E_IO), read once; files longer than 1 GiB are E_LIMIT. */
karma_status image_decode_file(const char *path, const struct image_options *options,
                               struct image *out);
void image_release(struct image *im);

/* "data:image/png;base64,...": the bytes it holds; mem_free() *bytes. Blanks and line breaks within
 * the base64 are skipped. E_ENCODING names where. */
bool image_is_data_url(const char *text);
karma_status image_from_data_url(const char *text, size_t len, void **bytes, size_t *size);

#endif
