/*
 * image_codecs.h - what image.c and the files for each format say to each other. Not for others:
 * image.h is the way to pictures.
 */
#ifndef MEDIA_IMAGE_CODECS_H
#define MEDIA_IMAGE_CODECS_H

#include "media/image.h"

struct image_source {
    const unsigned char *bytes;
    size_t size;
    int64_t max_pixels; /* more than 0 */
};

/* Sizes as a header has them: E_RANGE, E_LIMIT. */
karma_status image_check_size(uint64_t width, uint64_t height, int64_t max_pixels);
/* Checks them, and makes room; the pixels are not zeroed. E_NOMEM. */
karma_status image_begin(const struct image_source *from, uint64_t width, uint64_t height,
                         int32_t channels, int32_t bits, struct image *out);
static inline size_t image_row_bytes(const struct image *im) {
    return (size_t)im->width * (size_t)im->channels * (size_t)(im->bits / 8);
}
static inline unsigned char *image_row(const struct image *im, int64_t y) {
    return (unsigned char *)im->pixels + (size_t)y * image_row_bytes(im);
}

/* Each: the picture as it is stored, and how it is to be turned (exif.h). On failure the caller
 * releases *out. Messages do not name the file. */
karma_status image_jpeg_decode(const struct image_source *from, struct image *out,
                               int *orientation);
karma_status image_png_decode(const struct image_source *from, struct image *out, int *orientation);
karma_status image_webp_decode(const struct image_source *from, struct image *out,
                               int *orientation);

#endif
