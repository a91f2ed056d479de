/* test_vision_steps.c - patches and pooled squares: every instruction set, any threads, to the bit
 * what tensor/vision.h says. */
#include "tests/support/backends.h"

static const struct stream_limits few = {
    .max_rows = 16, .max_k = 16, .max_n = 16, .n_heads = 1, .n_kv_heads = 1, .head_dim = 8};

static void patches_are_cut_row_by_row(void **state) {
    (void)state;
    static const int64_t shapes[][3] = {/* channels, image_size, patch_size */
                                        {1, 1, 1},
                                        {3, 6, 2},
                                        {3, 14, 7},
                                        {2, 15, 5},
                                        {3, 9, 9}};
    struct rng r;
    rng_init(&r, 1, "patches", 7);
    for_each_isa(isa) {
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            const int64_t c = shapes[i][0], size = shapes[i][1], p = shapes[i][2];
            const int64_t side = size / p, n = side * side, k = c * p * p;
            struct machine m = machine_open(isa, 2, &few);
            float *pixels = random_floats(&r, c * size * size, 1);
            float *y = random_floats(&r, n * k + 1, 1);
            const float after = y[n * k];
            /* in two calls: what lies before row_begin is not made */
            const int64_t middle = n / 2;
            struct patches_args a = {.channels = c,
                                     .image_size = size,
                                     .patch_size = p,
                                     .pixels = pixels,
                                     .row_end = middle,
                                     .y = y};
            m.be->ops->patches(m.s, &a);
            a.row_begin = middle;
            a.row_end = n;
            a.y = y + middle * k;
            m.be->ops->patches(m.s, &a);
            for (int64_t row = 0; row < n; row++)
                for (int64_t j = 0; j < k; j++) {
                    const int64_t channel = j / (p * p), dy = j / p % p, dx = j % p;
                    const float want =
                        pixels[(channel * size + row / side * p + dy) * size + row % side * p + dx];
                    assert_true(same_float(y[row * k + j], want));
                }
            assert_true(same_float(y[n * k], after));
            mem_free(pixels);
            mem_free(y);
            machine_close(&m);
        }
    }
}

static void squares_are_averaged_in_order(void **state) {
    (void)state;
    static const int64_t shapes[][2] = {{1, 1}, {4, 1}, {4, 2}, {4, 4}, {9, 3}, {15, 5}};
    struct rng r;
    rng_init(&r, 2, "pool", 4);
    for_each_isa(isa) {
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            const int64_t side = shapes[i][0], w = shapes[i][1], across = side / w;
            for (int64_t d = 1; d <= 67; d += d < 20 ? 1 : 13) {
                struct machine m = machine_open(isa, 1 + (int)(d % 3), &few);
                float *x = random_floats(&r, side * side * d, 1);
                float *y = random_floats(&r, across * across * d, 1);
                float *want = random_floats(&r, across * across * d, 1);
                for (int64_t t = 0; t < across * across * d; t++) {
                    const int64_t row = t / d, top = row / across * w, left = row % across * w;
                    float sum = x[(top * side + left) * d + t % d];
                    for (int64_t j = 1; j < w * w; j++)
                        sum += x[((top + j / w) * side + left + j % w) * d + t % d];
                    want[t] = sum / (float)(w * w);
                }
                const struct pool_args a = {.side = side, .window = w, .d = d, .x = x, .y = y};
                m.be->ops->pool(m.s, &a);
                assert_same(y, want, across * across * d, "%s, side %d, window %d, d %d", m.isa,
                            (int)side, (int)w, (int)d);
                mem_free(x);
                mem_free(y);
                mem_free(want);
                machine_close(&m);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(patches_are_cut_row_by_row),
        test_case(squares_are_averaged_in_order),
    };
    return run_group("tensor/vision_steps", tests);
}
