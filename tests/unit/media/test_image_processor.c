/* test_image_processor.c - pictures as the model sees them, against the reference's figures. */
#include "media/image_processor.h"

#include <math.h>

#include "tests/support/test.h"

static const struct json *parse(struct arena *a, const char *text) {
    const struct json *j;
    if (!text) return NULL;
    assert_ok(json_parse(a, text, strlen(text), 0, &j));
    return j;
}

static karma_status read_both(const char *preprocessor, const char *processor, int32_t size,
                              struct image_processor *p) {
    struct arena a = {0};
    const karma_status st =
        image_processor_read(parse(&a, preprocessor), parse(&a, processor), size, p);
    arena_release(&a);
    return st;
}

static void refuses(const char *config, karma_status st, const char *message) {
    struct image_processor p;
    assert_status(read_both(config, NULL, 896, &p), st);
    assert_message_contains(message);
}

static struct image_processor processor(int32_t size) {
    struct image_processor p;
    assert_ok(read_both(NULL, NULL, 224, &p));
    p.width = p.height = size;
    return p;
}

static void reads_a_published_file_with_its_nulls(void **state) {
    (void)state;
    struct image_processor p;
    assert_ok(read_both("{\"do_convert_rgb\": null, \"do_normalize\": true, "
                        "\"do_pan_and_scan\": null, \"do_rescale\": true, \"do_resize\": true, "
                        "\"image_mean\": [0.5, 0.5, 0.5], \"image_seq_length\": 256, "
                        "\"image_std\": [0.5, 0.5, 0.5], \"pan_and_scan_max_num_crops\": null, "
                        "\"pan_and_scan_min_crop_size\": null, "
                        "\"pan_and_scan_min_ratio_to_activate\": null, \"resample\": 2, "
                        "\"rescale_factor\": 0.00392156862745098, "
                        "\"size\": {\"height\": 896, \"width\": 896}}",
                        NULL, 896, &p));
    assert_int_equal(p.width, 896);
    assert_int_equal(p.height, 896);
    assert_true(p.do_resize && p.do_rescale && p.do_normalize && !p.pan_and_scan);
    assert_true(p.rescale_factor == 1 / 255.0);
    assert_int_equal(p.min_crop_size, 256);
    assert_int_equal(p.max_num_crops, 4);
    assert_true(p.min_ratio_to_activate == 1.2);
    assert_int_equal(p.depth, IMAGE_DEPTH_REFERENCE);
}

static void a_processor_s_own_picture_part_comes_first(void **state) {
    (void)state;
    struct image_processor p;
    assert_ok(read_both("{\"size\": 448}", "{\"image_processor\": {\"size\": 896}}", 896, &p));
    assert_ok(read_both("{\"size\": 448}", "{\"image_seq_length\": 256}", 448, &p));
    assert_ok(read_both(NULL, NULL, 224, &p));
}

static void reads_one_number_for_all_channels(void **state) {
    (void)state;
    struct image_processor p;
    assert_ok(read_both("{\"image_mean\": 0.25, \"image_std\": [1, 0.5, 0.25]}", NULL, 224, &p));
    assert_true(p.mean[0] == 0.25 && p.mean[2] == 0.25);
    assert_true(p.std[0] == 1 && p.std[1] == 0.5 && p.std[2] == 0.25);
}

static void refuses_what_it_does_not_do(void **state) {
    (void)state;
    refuses("{\"resample\": 3}", KARMA_E_UNSUPPORTED, "preprocessor_config.json: resample: 3");
    refuses("{\"do_center_crop\": true}", KARMA_E_UNSUPPORTED, "do_center_crop");
    refuses("{\"do_pad\": true}", KARMA_E_UNSUPPORTED, "do_pad");
    refuses("{\"data_format\": \"channels_last\"}", KARMA_E_UNSUPPORTED, "data_format");
    refuses("{\"size\": {\"shortest_edge\": 896}}", KARMA_E_UNSUPPORTED, "size.shortest_edge");
    refuses("{\"size\": {\"height\": 896}}", KARMA_E_MISSING, "width");
    refuses("{\"size\": {\"height\": 0, \"width\": 896}}", KARMA_E_RANGE, "height");
    refuses("{\"size\": 70000}", KARMA_E_RANGE, "size");
    refuses("{\"size\": \"896\"}", KARMA_E_TYPE, "size");
    refuses("{\"size\": 448}", KARMA_E_SHAPE, "448 x 448, but the model sees 896 x 896");
    refuses("{\"size\": 896, \"image_std\": [0.5, 0, 0.5]}", KARMA_E_RANGE, "image_std");
    refuses("{\"size\": 896, \"image_mean\": [0.5, 0.5]}", KARMA_E_SHAPE, "image_mean");
    refuses("{\"size\": 896, \"image_mean\": [0.5, 1e300, 0.5]}", KARMA_E_RANGE, "image_mean");
    refuses("{\"size\": 896, \"image_mean\": [0.5, null, 0.5]}", KARMA_E_TYPE, "image_mean");
    refuses("{\"size\": 896, \"rescale_factor\": -1}", KARMA_E_RANGE, "rescale_factor");
    refuses("{\"size\": 896, \"do_resize\": 1}", KARMA_E_TYPE, "do_resize");
    refuses("[]", KARMA_E_TYPE, "expected an object");
}

static void knows_depths_by_name(void **state) {
    (void)state;
    enum image_depth d;
    assert_true(image_depth_find("reference", &d) && d == IMAGE_DEPTH_REFERENCE);
    assert_true(image_depth_find("full_depth", &d) && d == IMAGE_DEPTH_FULL);
    assert_true(image_depth_find("min_max", &d) && d == IMAGE_DEPTH_LEAST_MOST);
    assert_false(image_depth_find("", &d));
    assert_false(image_depth_find("Reference", &d));
}

static uint32_t bits_of(float v) {
    uint32_t u;
    memcpy(&u, &v, sizeof(u));
    return u;
}

static void normalises_in_the_reference_s_steps(void **state) {
    (void)state;
    uint8_t in[4 * 4] = {0, 1, 127, 128, 255};
    struct image im = {4, 4, 1, 8, in};
    struct image_processor p = processor(4);
    const struct image_box all = {0, 0, 4, 4};
    float out[3 * 16];
    assert_ok(image_processor_run(&p, &im, &all, out, NULL));
    assert_true(out[0] == -1 && out[1] == -0.99215686f && out[4] == 1);
    assert_int_equal(bits_of(out[2]), 0xbb808080u);
    assert_int_equal(bits_of(out[3]), 0x3b808100u);
    assert_memory_equal(out, out + 16, 16 * sizeof(float)); /* grey is in all channels */
    assert_memory_equal(out, out + 32, 16 * sizeof(float));
}

static void puts_channels_first(void **state) {
    (void)state;
    uint8_t in[2 * 2 * 3];
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i + 10);
    struct image im = {2, 2, 3, 8, in};
    struct image_processor p = processor(2);
    const struct image_box all = {0, 0, 2, 2};
    float out[12];
    p.do_rescale = p.do_normalize = false;
    assert_ok(image_processor_run(&p, &im, &all, out, NULL));
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < 4; i++)
            assert_true(out[c * 4 + i] == (float)(10 + 3 * i + c));
}

static void makes_sixteen_bits_eight_in_three_ways(void **state) {
    (void)state;
    uint16_t in[2 * 2] = {100, 255, 256, 4095};
    struct image im = {2, 2, 1, 16, in};
    struct image_processor p = processor(2);
    const struct image_box all = {0, 0, 2, 2};
    static const float want[3][4] = {{100, 255, 255, 255}, {0, 1, 1, 16}, {0, 10, 10, 255}};
    for (int depth = 0; depth < 3; depth++) {
        float out[12];
        bool clipped;
        p.depth = (enum image_depth)depth;
        p.do_rescale = p.do_normalize = false;
        assert_ok(image_processor_run(&p, &im, &all, out, &clipped));
        assert_memory_equal(out, want[depth], sizeof(want[depth]));
        assert_int_equal(clipped, depth == IMAGE_DEPTH_REFERENCE);
    }
    in[2] = in[3] = 255;
    p.depth = IMAGE_DEPTH_REFERENCE;
    bool clipped = true;
    float out[12];
    assert_ok(image_processor_run(&p, &im, &all, out, &clipped));
    assert_false(clipped);
}

static void stretches_crops_as_the_whole_picture(void **state) {
    (void)state;
    uint16_t in[4] = {0, 500, 1000, 500};
    struct image im = {4, 1, 1, 16, in};
    struct image_processor p = processor(1);
    const struct image_box second = {1, 0, 1, 1};
    float out[3];
    p.depth = IMAGE_DEPTH_LEAST_MOST;
    p.do_rescale = p.do_normalize = false;
    assert_ok(image_processor_run(&p, &im, &second, out, NULL));
    assert_true(out[0] == 128);
    memset(in, 0, sizeof(in)); /* one value everywhere is black */
    assert_ok(image_processor_run(&p, &im, &second, out, NULL));
    assert_true(out[0] == 0);
}

static void boxes_are(int32_t width, int32_t height, size_t n, int32_t w, int32_t h) {
    struct image im = {width, height, 1, 8, NULL};
    struct image_processor p = processor(896);
    struct image_box boxes[IMAGE_MAX_CROPS + 1];
    size_t found;
    p.pan_and_scan = true;
    image_processor_boxes(&p, &im, boxes, &found);
    assert_int_equal(found, n + 1);
    assert_int_equal(boxes[0].width, width);
    assert_int_equal(boxes[0].height, height);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(boxes[i + 1].width, w);
        assert_int_equal(boxes[i + 1].height, h);
        assert_int_equal(boxes[i + 1].x, width > height ? (int32_t)i * w : 0);
        assert_int_equal(boxes[i + 1].y, width > height ? 0 : (int32_t)i * h);
    }
}

static void cuts_wide_and_tall_pictures(void **state) {
    (void)state;
    boxes_are(2000, 1000, 2, 1000, 1000);
    boxes_are(1000, 2000, 2, 1000, 1000);
    boxes_are(3000, 1000, 3, 1000, 1000);
    boxes_are(1300, 1000, 2, 650, 1000);
    boxes_are(400, 300, 0, 0, 0); /* a half would be narrower than 256 */
    boxes_are(1000, 1000, 0, 0, 0);
    boxes_are(20000, 1000, 4, 5000, 1000);
}

static void the_last_crop_ends_at_the_border(void **state) {
    (void)state;
    struct image im = {3001, 1000, 1, 8, NULL};
    struct image_processor p = processor(896);
    struct image_box boxes[IMAGE_MAX_CROPS + 1];
    size_t n;
    p.pan_and_scan = true;
    image_processor_boxes(&p, &im, boxes, &n);
    assert_int_equal(n, 4);
    assert_int_equal(boxes[3].x, 2002);
    assert_int_equal(boxes[3].width, 999);
}

static void never_makes_more_crops_than_there_is_room(void **state) {
    (void)state;
    struct image im = {IMAGE_MAX_SIDE, 1, 1, 8, NULL};
    struct image_processor p = processor(896);
    struct image_box boxes[IMAGE_MAX_CROPS + 1];
    size_t n;
    p.pan_and_scan = true;
    p.min_crop_size = 1;
    p.max_num_crops = INT32_MAX;
    image_processor_boxes(&p, &im, boxes, &n);
    assert_int_equal(n, IMAGE_MAX_CROPS + 1);
    p.max_num_crops = 0;
    image_processor_boxes(&p, &im, boxes, &n);
    assert_int_equal(n, 1);
}

static void refuses_an_empty_crop(void **state) {
    (void)state;
    uint8_t in[9] = {0};
    struct image im = {9, 1, 1, 8, in};
    struct image_processor p = processor(2);
    struct image_box boxes[IMAGE_MAX_CROPS + 1];
    size_t n;
    float out[12];
    p.pan_and_scan = true;
    p.min_crop_size = 1;
    image_processor_boxes(&p, &im, boxes, &n); /* of 3, 3, 3 and nothing */
    assert_int_equal(n, 5);
    assert_ok(image_processor_run(&p, &im, &boxes[3], out, NULL));
    assert_status(image_processor_run(&p, &im, &boxes[4], out, NULL), KARMA_E_RANGE);
}

static void wants_the_size_where_nothing_is_resized(void **state) {
    (void)state;
    uint8_t in[12] = {0};
    struct image im = {4, 3, 1, 8, in};
    struct image_processor p = processor(4);
    const struct image_box all = {0, 0, 4, 3};
    float out[48];
    p.do_resize = false;
    assert_status(image_processor_run(&p, &im, &all, out, NULL), KARMA_E_SHAPE);
    assert_message_contains("4 x 3");
}

static karma_status attempt(void *ctx) {
    (void)ctx;
    uint16_t in[12] = {0};
    struct image im = {4, 3, 1, 16, in};
    struct image_processor p;
    const struct image_box all = {0, 0, 4, 3};
    float out[3 * 25];
    karma_status st = image_processor_read(NULL, NULL, 224, &p);
    p.width = p.height = 5;
    if (st == KARMA_OK) st = image_processor_run(&p, &im, &all, out, NULL);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_published_file_with_its_nulls),
        cmocka_unit_test(a_processor_s_own_picture_part_comes_first),
        cmocka_unit_test(reads_one_number_for_all_channels),
        cmocka_unit_test(refuses_what_it_does_not_do),
        cmocka_unit_test(knows_depths_by_name),
        cmocka_unit_test(normalises_in_the_reference_s_steps),
        cmocka_unit_test(puts_channels_first),
        cmocka_unit_test(makes_sixteen_bits_eight_in_three_ways),
        cmocka_unit_test(stretches_crops_as_the_whole_picture),
        cmocka_unit_test(cuts_wide_and_tall_pictures),
        cmocka_unit_test(the_last_crop_ends_at_the_border),
        cmocka_unit_test(never_makes_more_crops_than_there_is_room),
        cmocka_unit_test(refuses_an_empty_crop),
        cmocka_unit_test(wants_the_size_where_nothing_is_resized),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests_name("media/image_processor", tests, NULL, NULL);
}
