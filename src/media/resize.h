/*
 * resize.h - pictures of 8 bits made larger or smaller exactly as Pillow's resize() with BILINEAR
 * of version 13 does it: a triangle over two pixels of the result, two passes, each rounded to 8
 * bits, with weights of 22 bits behind the point. The horizontal pass is the first, unless the
 * picture loses more than twice as many rows as columns. (Before version 13 it always was: the
 * results of such pictures differ by at most 1.)
 */
#ifndef MEDIA_RESIZE_H
#define MEDIA_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* in: [height, width, channels] of 1 or 3 channels, its rows row_bytes apart, so that it may be a
 * part of a larger picture; out: [out_height, out_width, channels], packed, not in. All sides 1 to
 * IMAGE_MAX_SIDE. E_NOMEM. */
karma_status image_resize_bilinear(const uint8_t *in, size_t row_bytes, int32_t width,
                                   int32_t height, int32_t channels, uint8_t *out,
                                   int32_t out_width, int32_t out_height);

#endif
