/*
 * kernels_scales.h - the small integer scales of blocks of 256 columns, LANES rows at once, taken
 * from words that kernels_turn.h has turned.
 */
#ifndef TENSOR_CPU_KERNELS_SCALES_H
#define TENSOR_CPU_KERNELS_SCALES_H

#include "tensor/cpu/kernels_words.h"

/* Byte j of each lane. */
WORD vi byte_of(vi v, int j) {
    return vi_and(vi_right_by(v, 8 * j), vi_set(0xff));
}

/* Q4_K, Q5_K: the twelve bytes of scales and minima as four vectors of four bytes a lane: scales
 * 0..3, 4..7, minima 0..3, 4..7. */
WORD void six_bits(const vi bytes[3], vi scale[2], vi min[2]) {
    const vi six = vi_set(0x3f3f3f3f), four = vi_set(0x0f0f0f0f), top = vi_set(0x30303030);
    scale[0] = vi_and(bytes[0], six);
    min[0] = vi_and(bytes[1], six);
    scale[1] = vi_or(vi_and(bytes[2], four), vi_and(vi_right(bytes[0], 2), top));
    min[1] = vi_or(vi_and(vi_right(bytes[2], 4), four), vi_and(vi_right(bytes[1], 2), top));
}

/* Q3_K: sixteen signed scales, four bytes a lane, from the four words whose upper fourteen bytes
 * are twelve of scales and d. */
WORD void signed_six_bits(const vi tail[4], vi scale[4]) {
    const vi two = vi_set(0x03030303), four = vi_set(0x0f0f0f0f);
    vi bytes[3];
    UNROLL
    for (int i = 0; i < 3; i++)
        bytes[i] = vi_or(vi_right(tail[i], 16), vi_left(tail[i + 1], 16));
    UNROLL
    for (int i = 0; i < 4; i++) {
        const vi low = vi_and(vi_right(bytes[i % 2], i / 2 * 4), four);
        const vi high = vi_left(vi_and(vi_right(bytes[2], 2 * i), two), 4);
        scale[i] = vi_sub_bytes(vi_or(low, high), vi_set(0x20202020));
    }
}

/* Byte i of sixteen a lane, with its sign. */
WORD vf signed_scale(const vi bytes[4], int i) {
    const vi up = vi_left_by(bytes[i / 4], 24 - 8 * (i % 4));
    return vf_of_int(vi_right_signed(up, 24));
}

#endif
