/*
 * vision_main.c - the towers as a program, for tools/compare/vision.py and by hand.
 *
 *     vision_main MODEL PIXELS OUT [MMPROJ]
 *
 * MODEL: a checkpoint; PIXELS: f32 pictures [n, 3, size, size]; OUT: their rows as f32, [n, tokens,
 * hidden]; MMPROJ: the projector file of a GGUF. Prints sizes and times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/image_encoder.h"
#include "models/vision.h"

static void need(karma_status st, const char *what) {
    if (st >= 0) return;
    fprintf(stderr, "%s: %s\n", what, karma_error_message());
    exit(1);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: vision_main MODEL PIXELS OUT [MMPROJ]\n");
        return 2;
    }
    struct buf pixels = {0};
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    struct image_encoder *e;
    need(file_read(argv[2], (size_t)1 << 32, &pixels), "pixels");
    need(checkpoint_open(argv[1], &ck), "open");
    if (argc > 4) need(checkpoint_attach_projector(ck, argv[4]), "projector");
    need(backend_create("cpu", 0, &be), "backend");
    need(model_load(ck, be, &model), "load");
    const struct image_encoder_options options = {0};
    need(image_encoder_create(model, &options, &e), "encoder");
    const struct vision_info *info = model->family->vision->info(model->self);
    const size_t floats = 3 * (size_t)info->image_size * (size_t)info->image_size;
    const size_t n = pixels.len / (floats * sizeof(float));
    printf("%s, %zu pictures of %d x %d, %d rows of %lld each, %.1f MiB of scratch\n",
           be->ops->describe(be), n, info->image_size, info->image_size, info->tokens_per_image,
           (long long)info->hidden_size, (double)image_encoder_bytes(e) / (1 << 20));

    FILE *out = fopen(argv[3], "wb");
    float *picture = mem_alloc(floats * sizeof(*picture));
    if (!out || !picture) {
        fprintf(stderr, "%s: cannot write, or no memory\n", argv[3]);
        return 1;
    }
    const uint64_t start = clock_monotonic_ns();
    for (size_t i = 0; i < n; i++) {
        static const unsigned char digest[32];
        struct image_rows *rows;
        memcpy(picture, pixels.data + i * floats * sizeof(*picture), floats * sizeof(*picture));
        need(image_encoder_run(e, picture, digest, NULL, NULL, &rows), "encode");
        fwrite(rows->data, sizeof(float), (size_t)rows->count * (size_t)rows->width, out);
        image_rows_unref(rows);
    }
    printf("%.3f s a picture\n",
           (double)(clock_monotonic_ns() - start) * 1e-9 / (double)(n ? n : 1));
    if (fclose(out) != 0) {
        fprintf(stderr, "%s: cannot write\n", argv[3]);
        return 1;
    }
    image_encoder_destroy(e);
    model_unload(model);
    backend_destroy(be);
    checkpoint_close(ck);
    mem_free(picture);
    buf_release(&pixels);
    return 0;
}
