/*
 * vision.h - the steps of a tower that looks at pictures beside those of backend.h, which includes
 * this.
 */
#ifndef TENSOR_VISION_H
#define TENSOR_VISION_H

#include <stdint.h>

/* A square picture cut into squares: row r of y is the square r of the grid, row by row, flattened
 * as (channel, y, x). Some rows a call. */
struct patches_args {
    int64_t channels, image_size, patch_size; /* patch_size divides image_size */
    const float *pixels;                      /* host [channels, image_size, image_size] */
    int64_t row_begin, row_end;
    float *y; /* device [row_end - row_begin, channels * patch_size * patch_size] */
};

/* Rows of d values on a grid of side x side, row by row: y is the mean of each window x window of
 * them, which divide the side. */
struct pool_args {
    int64_t side, window, d;
    const float *x; /* device [side * side, d] */
    float *y;       /* device [(side / window)^2, d]; not x */
};

#endif
