/*
 * image_pixels_main.c - pictures to pixels as a program, for tools/compare/images.py.
 *
 *     image_pixels_main OUT FILE...
 *
 * For each FILE a line "WIDTH HEIGHT CHANNELS BITS" with the pixels behind it, 16 bits in the
 * machine's order, or a line "E_... MESSAGE".
 */
#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "media/image.h"

static karma_status add(const char *path, struct buf *out) {
    struct image im;
    karma_status st = image_decode_file(path, NULL, &im);
    if (st < 0) return buf_printf(out, "%s %s\n", karma_status_name(st), karma_error_message());
    const size_t row = (size_t)im.width * (size_t)im.channels * (size_t)(im.bits / 8);
    st = buf_printf(out, "%d %d %d %d\n", im.width, im.height, im.channels, im.bits);
    if (st == KARMA_OK) st = buf_append(out, im.pixels, row * (size_t)im.height);
    image_release(&im);
    return st;
}

int main(int argc, char **argv) {
    struct buf out = {0};
    karma_status st = KARMA_OK;
    if (argc < 2) {
        fprintf(stderr, "usage: image_pixels_main OUT FILE...\n");
        return 2;
    }
    for (int i = 2; i < argc && st == KARMA_OK; i++)
        st = add(argv[i], &out);
    if (st == KARMA_OK) st = file_write_atomic(argv[1], out.data, out.len, 0644);
    if (st < 0) fprintf(stderr, "image_pixels_main: %s\n", karma_error_message());
    buf_release(&out);
    return st < 0;
}
