/* test_dicom.c - DICOM files: pictures against the standard's formulas
 * (tools/fixtures/make_dicom.py makes the files, pydicom and numpy the figures), and files that are
 * not as they should be. */
#include "media/dicom.h"

#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

#include "base/buf.h"
#include "media/dicom_codec.h"
#include "media/dicom_rle.h"
#include "media/dicom_walk.h"
#include "tests/support/test.h"

#define FIXTURE(name) "tests/fixtures/media/dicom/" name ".dcm"

static char library[4096];

static int set_up(void **state) {
    const char *build = getenv("BUILD");
    (void)state;
    snprintf(library, sizeof(library), "%s/libkarma-dicom.so", build ? build : "build");
    dicom_codec_use(library);
    return 0;
}

#define NEED_DICOM()                                                                               \
    do {                                                                                           \
        if (!dicom_is_built()) skip_because("this build has no DICOM (libdcmtk-dev is missing)");  \
    } while (0)

static karma_status decode(const char *path, const struct image_options *o, struct image *im) {
    size_t size;
    const char *bytes = read_fixture(path, &size);
    assert_true(dicom_is(bytes, size));
    return dicom_decode(bytes, size, path, o, im);
}

static void shows(const char *path, const struct image_options *o, int32_t w, int32_t h,
                  int32_t channels, const uint8_t *want, size_t n_want) {
    struct image im;
    assert_ok(decode(path, o, &im));
    assert_int_equal(im.width, w);
    assert_int_equal(im.height, h);
    assert_int_equal(im.channels, channels);
    assert_int_equal(im.bits, 8);
    assert_memory_equal(im.pixels, want, n_want);
    image_release(&im);
}

#define SHOWS(name, o, w, h, channels, ...)                                                        \
    shows(FIXTURE(name), o, w, h, channels, (const uint8_t[]){__VA_ARGS__},                        \
          sizeof((const uint8_t[]){__VA_ARGS__}))

static void refuses(const char *path, const struct image_options *o, karma_status st,
                    const char *message) {
    struct image im;
    assert_status(decode(path, o, &im), st);
    assert_message_contains(message);
    assert_message_contains(path);
    assert_null(im.pixels);
}

#define CT                                                                                         \
    255, 255, 255, 255, 255, 255, 255, 255, 255, 98, 0, 255, 255, 26, 0, 0, 255, 255, 0, 0, 255,   \
        255, 255, 255, 0, 255, 255, 255, 255, 255

static void shows_ct_in_every_way_it_is_written(void **state) {
    (void)state;
    NEED_DICOM();
    SHOWS("ct", NULL, 5, 6, 1, CT);
    SHOWS("ct_implicit", NULL, 5, 6, 1, CT);
    SHOWS("ct_big_endian", NULL, 5, 6, 1, CT);
    SHOWS("ct_deflated", NULL, 5, 6, 1, CT);
    SHOWS("ct_rle", NULL, 5, 6, 1, CT);
    SHOWS("ct_jpeg_lossless", NULL, 5, 6, 1, CT);
    SHOWS("ct_jpeg_ls", NULL, 5, 6, 1, CT);
}

static void a_caller_s_window_comes_before_the_file_s(void **state) {
    (void)state;
    NEED_DICOM();
    const struct image_options all = {.window_center = 500, .window_width = 1e6};
    struct image im;
    assert_ok(decode(FIXTURE("ct"), &all, &im));
    for (int i = 0; i < 30; i++)
        assert_in_range(((uint8_t *)im.pixels)[i], 127, 128);
    image_release(&im);
    refuses(FIXTURE("ct"), &(struct image_options){.window_width = 0.5}, KARMA_E_RANGE,
            "window_width");
    refuses(FIXTURE("ct"), &(struct image_options){.window_width = -3}, KARMA_E_RANGE,
            "window_width");
}

static void turns_monochrome1(void **state) {
    (void)state;
    NEED_DICOM();
    SHOWS("cr_monochrome1", NULL, 4, 4, 1, 69, 0, 23, 112, 159, 85, 108, 196, 215, 147, 171, 255,
          114, 36, 66, 151);
}

static void shows_least_to_most_without_a_window(void **state) {
    (void)state;
    NEED_DICOM();
    SHOWS("no_window", NULL, 4, 4, 1, 186, 255, 232, 143, 96, 170, 147, 59, 40, 108, 84, 0, 141,
          219, 189, 104);
}

static void looks_up_the_file_s_own_curve(void **state) {
    (void)state;
    NEED_DICOM();
    SHOWS("voi_lut", NULL, 4, 4, 1, 69, 0, 23, 112, 159, 85, 108, 196, 215, 147, 171, 255, 114, 36,
          66, 151);
}

static void shows_colours(void **state) {
    (void)state;
    NEED_DICOM();
    SHOWS("rgb_planes", NULL, 4, 4, 3, 186, 255, 255, 255, 252, 184, 232, 174, 126, 143, 125, 151);
    SHOWS("rgb_rle", NULL, 4, 4, 3, 186, 255, 255, 255, 252, 184, 232, 174, 126, 143, 125, 151);
    SHOWS("palette", NULL, 4, 4, 3, 186, 69, 93, 255, 0, 127, 231, 24, 115, 142, 113, 71);
}

static void picks_a_frame(void **state) {
    (void)state;
    NEED_DICOM();
    SHOWS("frames", NULL, 3, 2, 1, 0, 0, 0, 0, 0, 0);
    SHOWS("frames", &(struct image_options){.frame = 3}, 3, 2, 1, 30, 30, 30, 30, 30, 30);
}

static void decodes_jpeg(void **state) {
    (void)state;
    NEED_DICOM();
    struct image im;
    assert_ok(decode(FIXTURE("jpeg"), NULL, &im));
    assert_int_equal(im.width * im.height * im.channels, 256);
    assert_in_range(((uint8_t *)im.pixels)[0], 188, 198);
    image_release(&im);
}

struct often {
    const char *path, *bytes;
    size_t size;
};

static int decode_often(void *ctx) {
    const struct often *o = ctx;
    int failed = 0;
    for (int i = 0; i < 20; i++) {
        struct image im;
        if (dicom_decode(o->bytes, o->size, o->path, NULL, &im) < 0) {
            failed++;
            continue;
        }
        failed += ((uint8_t *)im.pixels)[9] != ((const uint8_t[]){CT})[9];
        image_release(&im);
    }
    return failed;
}

static void decodes_in_several_threads(void **state) {
    (void)state;
    NEED_DICOM();
    struct often often[] = {{.path = FIXTURE("ct")},
                            {.path = FIXTURE("ct_implicit")},
                            {.path = FIXTURE("ct_rle")},
                            {.path = FIXTURE("ct_deflated")}};
    thrd_t threads[4];
    dicom_codec_use(library); /* they load it, too */
    for (int i = 0; i < 4; i++)
        often[i].bytes = read_fixture(often[i].path, &often[i].size);
    for (int i = 0; i < 4; i++)
        assert_int_equal(thrd_create(&threads[i], decode_often, &often[i]), thrd_success);
    for (int i = 0; i < 4; i++) {
        int failed;
        assert_int_equal(thrd_join(threads[i], &failed), thrd_success);
        assert_int_equal(failed, 0);
    }
}

static void refuses_what_is_not_there(void **state) {
    (void)state;
    refuses(FIXTURE("no_pixels"), NULL, KARMA_E_MISSING, "no pixels (modality CT)");
    refuses(FIXTURE("frames"), &(struct image_options){.frame = 4}, KARMA_E_RANGE,
            "no frame 4, there are 4");
    refuses(FIXTURE("ct"), &(struct image_options){.frame = 1}, KARMA_E_RANGE, "there are 1");
    refuses(FIXTURE("ct"), &(struct image_options){.frame = -1}, KARMA_E_RANGE, "no frame -1");
}

static void names_a_transfer_syntax_without_a_decoder(void **state) {
    (void)state;
    refuses(FIXTURE("jpeg2000"), NULL, KARMA_E_UNSUPPORTED,
            "1.2.840.10008.1.2.4.90 (JPEG 2000 lossless)");
}

static void checks_sizes_before_decoding(void **state) {
    (void)state;
    refuses(FIXTURE("ct"), &(struct image_options){.max_pixels = 29}, KARMA_E_LIMIT, "5 x 6");
}

/* A copy of a fixture's bytes with a change, in a block of its own size. */
static karma_status decode_changed(const char *path, size_t keep, const char *find, size_t find_len,
                                   const char *put, size_t put_len) {
    size_t size;
    const char *bytes = read_fixture(path, &size);
    if (keep < size) size = keep;
    char *copy = malloc(size ? size : 1);
    struct image im;
    memcpy(copy, bytes, size);
    for (size_t i = 0; find && i + find_len <= size; i++) {
        if (memcmp(copy + i, find, find_len) != 0) continue;
        memcpy(copy + i + find_len, put, put_len);
        break;
    }
    const karma_status st = dicom_decode(copy, size, path, NULL, &im);
    if (st == KARMA_OK) image_release(&im);
    free(copy);
    return st;
}

static void refuses_every_truncated_file(void **state) {
    (void)state;
    NEED_DICOM();
    static const char *const paths[] = {FIXTURE("ct"),     FIXTURE("ct_implicit"),
                                        FIXTURE("jpeg"),   FIXTURE("ct_rle"),
                                        FIXTURE("frames"), FIXTURE("ct_deflated")};
    for (size_t p = 0; p < sizeof(paths) / sizeof(*paths); p++) {
        size_t size;
        read_fixture(paths[p], &size);
        for (size_t keep = 0; keep < size; keep += keep < size - 64 ? 7 : 1) {
            const karma_status st = decode_changed(paths[p], keep, NULL, 0, NULL, 0);
            /* The end of the deflated part is a byte of filling. */
            if (p == 5 && keep == size - 1 && st == KARMA_OK) continue;
            assert_true(st < 0);
            assert_true(st != KARMA_E_INTERNAL);
        }
    }
}

static void refuses_fewer_pixels_than_the_sizes_say(void **state) {
    (void)state;
    /* Rows: element, type, length, value. */
    assert_status(decode_changed(FIXTURE("ct"), SIZE_MAX, "\x28\0\x10\0US\x02\0", 8, "\x07\0", 2),
                  KARMA_E_TRUNCATED);
    assert_message_contains("60 bytes of pixels, 1 frames of 5 x 7 need 70");
    assert_status(decode_changed(FIXTURE("ct"), SIZE_MAX, "\x28\0\x10\0US\x02\0", 8, "\0\0", 2),
                  KARMA_E_RANGE);
    assert_status(decode_changed(FIXTURE("frames"), SIZE_MAX, "\x28\0\x08\0IS\x02\0", 8, "99", 2),
                  KARMA_E_TRUNCATED);
    assert_status(decode_changed(FIXTURE("jpeg"), SIZE_MAX, "\x28\0\x10\0US\x02\0", 8, "\x07\0", 2),
                  KARMA_E_SYNTAX);
    assert_message_contains("its JPEG picture is not 16 x 7");
}

static void refuses_a_broken_head_of_a_jpeg_picture(void **state) {
    (void)state;
    static const char begin[] = "\xff\xd8\xff";
    assert_status(decode_changed(FIXTURE("jpeg"), SIZE_MAX, begin, 3, "\x01\0", 2), KARMA_E_SYNTAX);
    assert_message_contains("the head of its JPEG picture is broken");
    assert_status(decode_changed(FIXTURE("jpeg"), SIZE_MAX, begin, 3, "\xe0\0\0", 3),
                  KARMA_E_SYNTAX);
    assert_status(decode_changed(FIXTURE("jpeg"), SIZE_MAX, begin, 3, "\xe0\xff\xff", 3),
                  KARMA_E_SYNTAX);
    assert_status(decode_changed(FIXTURE("ct_jpeg_ls"), SIZE_MAX, begin, 3, "\xd9", 1),
                  KARMA_E_SYNTAX);
}

static void refuses_other_kinds_of_pixels(void **state) {
    (void)state;
    assert_status(decode_changed(FIXTURE("ct"), SIZE_MAX, "\x28\0\0\x01US\x02\0", 8, "\x20\0", 2),
                  KARMA_E_UNSUPPORTED);
    assert_message_contains("pixels of 32 bits");
    assert_status(decode_changed(FIXTURE("ct"), SIZE_MAX, "\x28\0\x01\x01US\x02\0", 8, "\x11\0", 2),
                  KARMA_E_RANGE);
    assert_status(decode_changed(FIXTURE("ct"), SIZE_MAX, "\x28\0\x02\0US\x02\0", 8, "\x03\0", 2),
                  KARMA_E_UNSUPPORTED);
    assert_status(decode_changed(FIXTURE("ct"), SIZE_MAX, "1.2.840.10008.1.2", 17, ".7", 2),
                  KARMA_E_UNSUPPORTED);
    assert_message_contains("unknown transfer syntax");
}

static void no_message_has_the_patient(void **state) {
    (void)state;
    static const char patient[] = "ZEBRA";
    size_t size;
    const char *bytes = read_fixture(FIXTURE("ct"), &size);
    char *copy = malloc(size);
    bool seen = false;
    for (size_t i = 0; i + 5 <= size; i++)
        seen |= memcmp(bytes + i, patient, 5) == 0;
    assert_true(seen);
    for (size_t i = 128; i < size; i++) { /* whatever breaks */
        struct image im;
        memcpy(copy, bytes, size);
        copy[i] = (char)(copy[i] ^ 0x5a);
        if (dicom_decode(copy, size, "x", NULL, &im) == KARMA_OK)
            image_release(&im);
        else
            assert_null(strstr(karma_error_message(), patient));
    }
    free(copy);
}

/* ---- made by hand ---- */

static void unpacks(const char *segment, size_t len, karma_status want) {
    unsigned char in[64 + 32] = {1, 0, 0, 0, 64};
    uint8_t out[5] = {0};
    unsigned char *copy;
    memcpy(in + 64, segment, len);
    copy = malloc(64 + len); /* of its own size, so that a read past its end is seen */
    memcpy(copy, in, 64 + len);
    assert_status(dicom_rle_decode(copy, 64 + len, 5, 1, 1, out), want);
    if (want == KARMA_OK) assert_memory_equal(out, "abccc", 5);
    free(copy);
}

static void unpacks_run_lengths(void **state) {
    (void)state;
    unpacks("\x01"
            "ab\x80\xfe"
            "c",
            6, KARMA_OK);
    unpacks("\x01"
            "ab\xfe"
            "c\0",
            6, KARMA_OK); /* filled up */
    unpacks("\x01"
            "ab\xff"
            "c",
            5, KARMA_E_TRUNCATED);
    unpacks("\x04"
            "abc",
            4, KARMA_E_TRUNCATED);
    unpacks("\xfc", 1, KARMA_E_TRUNCATED);
    unpacks("", 0, KARMA_E_TRUNCATED);
    unpacks("\xfb"
            "c",
            2, KARMA_E_SYNTAX);
}

static void puts_high_bytes_where_they_belong(void **state) {
    (void)state;
    unsigned char in[64 + 8] = {2, 0, 0, 0, 64, 0, 0, 0, 68};
    uint16_t out[2];
    memcpy(in + 64, "\x01\x12\x34\0\x01\x56\x78\0", 8);
    assert_ok(dicom_rle_decode(in, sizeof(in), 2, 1, 2, out));
    assert_int_equal(out[0], 0x1256);
    assert_int_equal(out[1], 0x3478);
    assert_status(dicom_rle_decode(in, sizeof(in), 2, 1, 1, out), KARMA_E_SYNTAX);
    assert_status(dicom_rle_decode(in, 63, 2, 1, 2, out), KARMA_E_TRUNCATED);
    in[8] = 73; /* the second segment begins behind the end */
    assert_status(dicom_rle_decode(in, sizeof(in), 2, 1, 2, out), KARMA_E_SYNTAX);
    in[8] = 63;
    assert_status(dicom_rle_decode(in, sizeof(in), 2, 1, 2, out), KARMA_E_SYNTAX);
}

static void put(struct buf *b, const void *bytes, size_t n) {
    assert_ok(buf_append(b, bytes, n));
}

static void begin(struct buf *b) { /* explicit little endian */
    static const char zeros[128];
    *b = (struct buf){0};
    put(b, zeros, 128);
    put(b,
        "DICM\x02\0\x10\0UI\x14\0"
        "1.2.840.10008.1.2.1\0",
        4 + 8 + 20);
}

static void walks(const struct buf *b, karma_status want, const char *message) {
    struct dicom_header h;
    const unsigned char *bytes = (const unsigned char *)b->data;
    assert_ok(dicom_walk_meta(bytes, b->len, &h));
    assert_status(dicom_walk_dataset(bytes, b->len, &h), want);
    if (message) assert_message_contains(message);
}

static void refuses_deep_sequences(void **state) {
    (void)state;
    struct buf b;
    begin(&b);
    for (int i = 0; i < 32; i++)
        put(&b, "\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff", 20);
    const size_t inside = b.len;
    for (int i = 0; i < 32; i++)
        put(&b, "\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0", 16);
    walks(&b, KARMA_OK, NULL);
    b.len = inside;
    put(&b, "\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff", 12);
    walks(&b, KARMA_E_LIMIT, "32 deep");
    buf_release(&b);
}

static void sees_depth_in_sequences_that_are_not_called_so(void **state) {
    (void)state;
    struct buf b, inner = {0};
    for (uint32_t i = 0; i < 40; i++) { /* implicit: an element with an item with an element ... */
        struct buf outer = {0};
        const uint32_t item = (uint32_t)inner.len, all = item + 8;
        put(&outer, "\x08\0\x15\x11", 4);
        put(&outer, &all, 4);
        put(&outer, "\xfe\xff\0\xe0", 4);
        put(&outer, &item, 4);
        if (inner.len) put(&outer, inner.data, inner.len);
        buf_release(&inner);
        inner = outer;
    }
    begin(&b);
    put(&b, "\x09\0\x10\x10UN\0\0", 8);
    const uint32_t len = (uint32_t)inner.len + 8, item = (uint32_t)inner.len;
    put(&b, &len, 4);
    put(&b, "\xfe\xff\0\xe0", 4);
    put(&b, &item, 4);
    put(&b, inner.data, inner.len);
    walks(&b, KARMA_E_LIMIT, "deep");
    buf_release(&b);
    buf_release(&inner);
}

static void refuses_elements_that_cannot_be(void **state) {
    (void)state;
    struct buf b;
    begin(&b);
    const size_t head = b.len;
    put(&b, "\x08\0\x60\0??\x02\0CT", 10);
    walks(&b, KARMA_E_SYNTAX, "(0008,0060) is of no known type");
    b.len = head;
    put(&b, "\xe0\x7f\x10\0OW\0\0\xfe\xff\xff\xff\0\0", 14);
    walks(&b, KARMA_E_TRUNCATED, "(7fe0,0010)");
    b.len = head;
    put(&b, "\x08\0\x60\0OB\0\0\xff\xff\xff\xff\0\0", 14);
    walks(&b, KARMA_E_SYNTAX, "has no length");
    b.len = head;
    put(&b, "\xfe\xff\0\xe0\0\0\0\0", 8);
    walks(&b, KARMA_E_SYNTAX, "outside a sequence");
    b.len = head;
    put(&b, "\x08\0\x60\0CS\x02\0CT\0\0\0\0\0\0\0\0\0\0", 20); /* filled up */
    walks(&b, KARMA_OK, NULL);
    buf_release(&b);
}

static void is_only_what_says_so(void **state) {
    (void)state;
    char bytes[132] = {0};
    struct image im;
    assert_false(dicom_is(bytes, sizeof(bytes)));
    memcpy(bytes + 128, "DICM", 4);
    assert_true(dicom_is(bytes, sizeof(bytes)));
    assert_false(dicom_is(bytes, 131));
    assert_status(dicom_decode(bytes, sizeof(bytes), "x", NULL, &im), KARMA_E_MISSING);
    assert_message_contains("no transfer syntax");
}

static void says_how_to_get_it(void **state) {
    (void)state;
    dicom_codec_use("/nonexistent/libkarma-dicom.so");
    assert_false(dicom_is_built());
    refuses(FIXTURE("ct"), NULL, KARMA_E_UNSUPPORTED, "make DICOM=1");
    assert_message_contains("libdcmtk-dev");
    dicom_codec_use(write_text("libkarma-dicom.so", "no library"));
    refuses(FIXTURE("ct"), NULL, KARMA_E_UNSUPPORTED, "DICOM cannot be read: ");
    dicom_codec_use(library);
}

static karma_status attempt(void *ctx) {
    struct image im;
    size_t size;
    const char *bytes = read_fixture(ctx, &size);
    const karma_status st = dicom_decode(bytes, size, ctx, NULL, &im);
    if (st == KARMA_OK) image_release(&im);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    NEED_DICOM();
    assert_ok(attempt((void *)(uintptr_t)FIXTURE("ct_deflated")));
    for_each_failing_allocation(attempt, (void *)(uintptr_t)FIXTURE("ct_deflated"));
    for_each_failing_allocation(attempt, (void *)(uintptr_t)FIXTURE("rgb_planes"));
    dicom_codec_use(library); /* so that it is looked for again */
    assert_true(for_each_failing_allocation(attempt, (void *)(uintptr_t)FIXTURE("ct")) > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_ct_in_every_way_it_is_written),
        cmocka_unit_test(a_caller_s_window_comes_before_the_file_s),
        cmocka_unit_test(turns_monochrome1),
        cmocka_unit_test(shows_least_to_most_without_a_window),
        cmocka_unit_test(looks_up_the_file_s_own_curve),
        cmocka_unit_test(shows_colours),
        cmocka_unit_test(picks_a_frame),
        cmocka_unit_test(decodes_jpeg),
        cmocka_unit_test(decodes_in_several_threads),
        cmocka_unit_test(refuses_what_is_not_there),
        cmocka_unit_test(names_a_transfer_syntax_without_a_decoder),
        cmocka_unit_test(checks_sizes_before_decoding),
        cmocka_unit_test(refuses_every_truncated_file),
        cmocka_unit_test(refuses_fewer_pixels_than_the_sizes_say),
        cmocka_unit_test(refuses_a_broken_head_of_a_jpeg_picture),
        cmocka_unit_test(refuses_other_kinds_of_pixels),
        cmocka_unit_test(no_message_has_the_patient),
        cmocka_unit_test(unpacks_run_lengths),
        cmocka_unit_test(puts_high_bytes_where_they_belong),
        cmocka_unit_test(refuses_deep_sequences),
        cmocka_unit_test(sees_depth_in_sequences_that_are_not_called_so),
        cmocka_unit_test(refuses_elements_that_cannot_be),
        cmocka_unit_test(is_only_what_says_so),
        cmocka_unit_test(says_how_to_get_it),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return cmocka_run_group_tests_name("media/dicom", tests, set_up, NULL);
}
