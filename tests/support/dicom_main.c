/*
 * dicom_main.c - a frame of a DICOM file as raw bytes, for tools/compare/dicom.py.
 *
 *     dicom_main LIBRARY FILE FRAME CENTER WIDTH    width, height and channels (int32), then pixels
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "media/dicom.h"
#include "media/dicom_codec.h"

int main(int argc, char **argv) {
    struct file_map map;
    struct image im;
    struct image_options options = {0};
    if (argc != 6) {
        fprintf(stderr, "usage: dicom_main LIBRARY FILE FRAME CENTER WIDTH\n");
        return 2;
    }
    dicom_codec_use(argv[1]);
    options.frame = atoi(argv[3]);
    options.window_center = strtod(argv[4], NULL);
    options.window_width = strtod(argv[5], NULL);
    karma_status st = file_map_open(argv[2], &map);
    if (st == KARMA_OK) st = dicom_decode(map.data, map.size, argv[2], &options, &im);
    if (st < 0) {
        fprintf(stderr, "%s: %s\n", karma_status_name(st), karma_error_message());
        return 1;
    }
    const int32_t head[3] = {im.width, im.height, im.channels};
    const size_t n = (size_t)im.width * (size_t)im.height * (size_t)im.channels;
    const int failed =
        fwrite(head, sizeof(head), 1, stdout) != 1 || fwrite(im.pixels, 1, n, stdout) != n;
    image_release(&im);
    file_map_close(&map);
    return failed;
}
