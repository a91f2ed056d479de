/*
 * image_processor_main.c - the driver of tools/compare/image_processor.py: pictures in, what the
 * processor makes of them out, all in the machine's own numbers. A request is eight int32 - width,
 * height, channels, bits, width and height of the result, flags, depth - then two int32 and a
 * double for pan and scan, then the pixels. The answer is an int32 n and n results: floats [3,
 * height, width] of each box, or with flag 2 bytes [height, width, channels] of the resizing alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "media/image_processor.h"
#include "media/resize.h"

enum { PAN_AND_SCAN = 1, RESIZE_ONLY = 2 };

struct request {
    int32_t width, height, channels, bits, out_width, out_height, flags, depth;
    int32_t min_crop_size, max_num_crops;
    double min_ratio;
};

static int fail(const char *what) {
    fprintf(stderr, "image_processor_main: %s: %s\n", what, karma_error_message());
    return 1;
}

static int resize(const struct request *q, const struct image *im) {
    const size_t n = (size_t)q->out_width * (size_t)q->out_height * (size_t)q->channels;
    const size_t row_bytes = (size_t)q->width * (size_t)q->channels;
    const int32_t one = 1;
    uint8_t *out = malloc(n);
    int status = 0;
    if (!out || image_resize_bilinear(im->pixels, row_bytes, q->width, q->height, q->channels, out,
                                      q->out_width, q->out_height) < 0)
        status = fail("resize");
    else if (fwrite(&one, sizeof(one), 1, stdout) != 1 || fwrite(out, 1, n, stdout) != n)
        status = 1;
    free(out);
    return status;
}

static int process(const struct request *q, const struct image *im) {
    struct image_processor p;
    struct image_box boxes[IMAGE_MAX_CROPS + 1];
    size_t n_boxes;
    const size_t n = 3 * (size_t)q->out_width * (size_t)q->out_height;
    image_processor_read(NULL, NULL, 224, &p);
    p.width = q->out_width;
    p.height = q->out_height;
    p.pan_and_scan = q->flags & PAN_AND_SCAN;
    p.depth = (enum image_depth)q->depth;
    p.min_crop_size = q->min_crop_size;
    p.max_num_crops = q->max_num_crops;
    p.min_ratio_to_activate = q->min_ratio;
    image_processor_boxes(&p, im, boxes, &n_boxes);
    const int32_t count = (int32_t)n_boxes;
    float *out = malloc(n * sizeof(*out));
    int status = !out || fwrite(&count, sizeof(count), 1, stdout) != 1;
    for (size_t i = 0; !status && i < n_boxes; i++) {
        if (image_processor_run(&p, im, &boxes[i], out, NULL) < 0)
            status = fail("process");
        else
            status = fwrite(out, sizeof(*out), n, stdout) != n;
    }
    free(out);
    return status;
}

int main(void) {
    struct request q;
    int status = 0;
    while (!status && fread(&q, sizeof(q), 1, stdin) == 1) {
        const size_t bytes =
            (size_t)q.width * (size_t)q.height * (size_t)q.channels * (size_t)(q.bits / 8);
        struct image im = {q.width, q.height, q.channels, q.bits, malloc(bytes)};
        if (!im.pixels || fread(im.pixels, 1, bytes, stdin) != bytes)
            status = 1;
        else
            status = q.flags & RESIZE_ONLY ? resize(&q, &im) : process(&q, &im);
        fflush(stdout);
        free(im.pixels);
    }
    return status;
}
