/* vision.c - the steps of tensor/vision.h on the CPU, cut by rows of output. */
#include <assert.h>
#include <string.h>

#include "tensor/cpu/cpu.h"

static void patch_row(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct patches_args *a = ctx;
    const int64_t side = a->image_size / a->patch_size, row = a->row_begin + item;
    const int64_t top = row / side * a->patch_size, left = row % side * a->patch_size;
    float *y = a->y + item * a->channels * a->patch_size * a->patch_size;
    for (int64_t c = 0; c < a->channels; c++) {
        const float *x = a->pixels + (c * a->image_size + top) * a->image_size + left;
        for (int64_t i = 0; i < a->patch_size; i++) {
            memcpy(y, x, (size_t)a->patch_size * sizeof(*y));
            x += a->image_size;
            y += a->patch_size;
        }
    }
}

void cpu_patches(struct stream *stream, const struct patches_args *a) {
    struct patches_args job = *a;
    assert(a->image_size % a->patch_size == 0);
    pool_run(cpu_stream_of(stream)->be->pool, a->row_end - a->row_begin, patch_row, &job);
}

struct pool_job {
    const struct kernel_set *ks;
    const struct pool_args *a;
};

static void mean_row(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct pool_job *job = ctx;
    const struct pool_args *a = job->a;
    const int64_t across = a->side / a->window;
    const int64_t top = item / across * a->window, left = item % across * a->window;
    const float *x = a->x + (top * a->side + left) * a->d;
    float *y = a->y + item * a->d;
    memcpy(y, x, (size_t)a->d * sizeof(*y));
    for (int64_t i = 1; i < a->window * a->window; i++) {
        const int64_t down = i / a->window, right = i % a->window;
        job->ks->add(y, y, x + (down * a->side + right) * a->d, a->d);
    }
    job->ks->divide(y, y, (float)(a->window * a->window), a->d);
}

void cpu_pool(struct stream *stream, const struct pool_args *a) {
    const struct cpu_backend *be = cpu_stream_of(stream)->be;
    struct pool_job job = {.ks = &be->ks, .a = a};
    const int64_t across = a->side / a->window;
    assert(a->side % a->window == 0);
    pool_run(be->pool, across * across, mean_row, &job);
}
