/* test_resize.c - bilinear resizing against figures of Pillow 13. */
#include "media/resize.h"

#include "media/image.h"
#include "tests/support/test.h"

static void resizes(const uint8_t *in, int32_t w, int32_t h, int32_t channels, int32_t out_w,
                    int32_t out_h, const uint8_t *want) {
    const size_t n = (size_t)out_w * (size_t)out_h * (size_t)channels;
    uint8_t *out = malloc(n);
    assert_ok(
        image_resize_bilinear(in, (size_t)w * (size_t)channels, w, h, channels, out, out_w, out_h));
    assert_memory_equal(out, want, n);
    free(out);
}

static void resizes_a_row_as_the_reference(void **state) {
    (void)state;
    const uint8_t in[5] = {0, 64, 255, 10, 200};
    resizes(in, 5, 1, 1, 3, 1, (const uint8_t[]){27, 158, 119});
    resizes(in, 5, 1, 1, 8, 1, (const uint8_t[]){0, 28, 76, 195, 178, 25, 117, 200});
    resizes(in, 5, 1, 1, 2, 1, (const uint8_t[]){85, 129});
}

static void resizes_a_column_as_a_row(void **state) {
    (void)state;
    const uint8_t in[5] = {0, 64, 255, 10, 200};
    resizes(in, 1, 5, 1, 1, 3, (const uint8_t[]){27, 158, 119});
    resizes(in, 1, 5, 1, 1, 8, (const uint8_t[]){0, 28, 76, 195, 178, 25, 117, 200});
}

static void keeps_channels_apart(void **state) {
    (void)state;
    const uint8_t in[15] = {0, 255, 64, 64, 255, 0, 255, 255, 10, 10, 255, 0, 200, 255, 7};
    uint8_t one[5], grey[3], out[9];
    assert_ok(image_resize_bilinear(in, 15, 5, 1, 3, out, 3, 1));
    for (size_t c = 0; c < 3; c++) {
        for (size_t x = 0; x < 5; x++)
            one[x] = in[3 * x + c];
        assert_ok(image_resize_bilinear(one, 5, 5, 1, 1, grey, 3, 1));
        for (size_t x = 0; x < 3; x++)
            assert_int_equal(out[3 * x + c], grey[x]);
    }
}

static void copies_what_has_the_size_already(void **state) {
    (void)state;
    uint8_t in[6 * 4 * 3];
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 37);
    resizes(in, 6, 4, 3, 6, 4, in);
}

/* Which pass comes first decides these; the figures are Pillow's. */
static void begins_with_the_rows_of_a_tall_picture(void **state) {
    (void)state;
    uint8_t in[12 * 3], wide[12 * 3];
    uint32_t seed = 769;
    for (size_t y = 0; y < 12; y++)
        for (size_t x = 0; x < 3; x++) {
            seed = seed * 1664525u + 1013904223u;
            in[y * 3 + x] = wide[x * 12 + y] = (uint8_t)(seed >> 24);
        }
    resizes(in, 3, 12, 1, 4, 5, (const uint8_t[]){110, 111, 121, 138, 197, 171, 143, 122, 216, 180,
                                                  146, 124, 104, 92,  121, 182, 112, 102, 93,  88});
    resizes(wide, 12, 3, 1, 5, 4,
            (const uint8_t[]){110, 197, 216, 104, 112, 111, 171, 180, 92,  102,
                              121, 143, 146, 121, 93,  138, 122, 124, 182, 88});
}

static void reads_a_part_of_a_larger_picture(void **state) {
    (void)state;
    uint8_t large[7 * 9], part[3 * 4], want[5 * 6], got[5 * 6];
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (uint8_t)(i * i * 31);
    for (size_t y = 0; y < 4; y++)
        memcpy(part + 3 * y, large + (2 + y) * 7 + 3, 3);
    assert_ok(image_resize_bilinear(part, 3, 3, 4, 1, want, 5, 6));
    assert_ok(image_resize_bilinear(large + 2 * 7 + 3, 7, 3, 4, 1, got, 5, 6));
    assert_memory_equal(got, want, sizeof(want));
}

static void keeps_one_colour_one_colour(void **state) {
    (void)state;
    static uint8_t in[IMAGE_MAX_SIDE], out[300 * 2];
    memset(in, 255, sizeof(in));
    assert_ok(image_resize_bilinear(in, sizeof(in), IMAGE_MAX_SIDE, 1, 1, out, 300, 2));
    for (size_t i = 0; i < sizeof(out); i++)
        assert_int_equal(out[i], 255);
    assert_ok(image_resize_bilinear(in, 1, 1, IMAGE_MAX_SIDE, 1, out, 2, 300));
    for (size_t i = 0; i < sizeof(out); i++)
        assert_int_equal(out[i], 255);
}

static karma_status attempt(void *ctx) {
    const uint8_t *in = ctx;
    uint8_t out[5 * 7];
    return image_resize_bilinear(in, 4, 4, 3, 1, out, 5, 7);
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    uint8_t in[12] = {1, 2, 3};
    assert_true(for_each_failing_allocation(attempt, in) >= 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizes_a_row_as_the_reference),
        cmocka_unit_test(resizes_a_column_as_a_row),
        cmocka_unit_test(keeps_channels_apart),
        cmocka_unit_test(copies_what_has_the_size_already),
        cmocka_unit_test(begins_with_the_rows_of_a_tall_picture),
        cmocka_unit_test(reads_a_part_of_a_larger_picture),
        cmocka_unit_test(keeps_one_colour_one_colour),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests_name("media/resize", tests, NULL, NULL);
}
