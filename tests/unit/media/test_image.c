/*
 * test_image.c - pictures of every kind beside Pillow's pixels, files that must be refused, and
 * files cut and bent anywhere. The files are made by tools/fixtures/make_images.py.
 */
#include "media/image.h"

#include "tests/support/test.h"

#define IMAGES "tests/fixtures/media/images/"
#define BROKEN "tests/fixtures/media/broken/"

enum { MAX_FILES = 128, SMALL_PIXELS = 1 << 16 };

static char *lines_of(const char *path, char *lines[MAX_FILES]) {
    char *text = read_fixture(path, NULL), *rest = NULL;
    size_t n = 0;
    for (char *l = strtok_r(text, "\n", &rest); l; l = strtok_r(NULL, "\n", &rest)) {
        if (*l == '#') continue;
        assert_true(n + 1 < MAX_FILES);
        lines[n++] = l;
    }
    lines[n] = NULL;
    return text;
}

/* Two files whose pixels are x % 251 instead of listed. */
static bool is_long_side(const char *line) {
    return strncmp(line, "side_", 5) == 0;
}

static int hex_byte(const char *p) {
    char pair[3] = {p[0], p[1], 0};
    return (int)strtol(pair, NULL, 16);
}

static void compare_pixels(const char *name, const struct image *im, const char *hex) {
    const size_t n = (size_t)im->width * (size_t)im->height * (size_t)im->channels;
    if (!is_long_side(name)) assert_int_equal(strlen(hex), n * 2 * (size_t)(im->bits / 8));
    for (size_t i = 0; i < n; i++) {
        int got, want;
        if (im->bits == 16) {
            got = ((uint16_t *)im->pixels)[i];
            want = hex_byte(hex + i * 4) << 8 | hex_byte(hex + i * 4 + 2);
        } else {
            got = ((uint8_t *)im->pixels)[i];
            want = is_long_side(name) ? (int)(i % 251) : hex_byte(hex + i * 2);
        }
        if (got != want) fail_msg("%s: sample %zu is %d, expected %d", name, i, got, want);
    }
}

static void decodes_what_pillow_decodes(void **state) {
    (void)state;
    char *lines[MAX_FILES];
    lines_of(IMAGES "expected.txt", lines);
    for (size_t i = 0; lines[i]; i++) {
        char *rest = NULL, path[256];
        const char *name = strtok_r(lines[i], " ", &rest);
        int size[4];
        for (int k = 0; k < 4; k++)
            size[k] = atoi(strtok_r(NULL, " ", &rest));
        struct image im;
        snprintf(path, sizeof(path), IMAGES "%s", name);
        assert_ok(image_decode_file(path, NULL, &im));
        if (im.width != size[0] || im.height != size[1] || im.channels != size[2] ||
            im.bits != size[3])
            fail_msg("%s: %d x %d, %d channels of %d bits", name, im.width, im.height, im.channels,
                     im.bits);
        compare_pixels(name, &im, rest);
        image_release(&im);
        assert_null(im.pixels);
    }
    assert_true(lines[60] != NULL);
}

static void refuses_what_is_broken_and_says_why(void **state) {
    (void)state;
    char *lines[MAX_FILES];
    lines_of(BROKEN "expected.txt", lines);
    for (size_t i = 0; lines[i]; i++) {
        char *rest = NULL, path[256];
        const char *name = strtok_r(lines[i], " ", &rest);
        const char *status = strtok_r(NULL, " ", &rest);
        struct image im;
        snprintf(path, sizeof(path), BROKEN "%s", name);
        assert_status(image_decode_file(path, NULL, &im), karma_status_from_name(status));
        assert_message_contains(name);
        if (strcmp(rest, "-") != 0) assert_message_contains(rest);
        assert_null(im.pixels);
        assert_int_equal(im.width, 0);
    }
    assert_true(lines[60] != NULL);
}

static void tells_kinds_by_their_first_bytes(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *format, *other;
    } cases[] = {
        {"\xff\xd8\xff\xe0", 4, "JPEG", NULL},
        {"\xff\xd8", 2, NULL, NULL},
        {"\x89PNG\r\n\x1a\n", 8, "PNG", NULL},
        {"\x89PNG\r\n", 6, NULL, NULL},
        {"RIFF\0\0\0\0WEBP", 12, "WebP", NULL},
        {"RIFF\0\0\0\0WAVE", 12, NULL, NULL},
        {"GIF89a", 6, NULL, "GIF"},
        {"MM\0*\0\0\0\x08", 8, NULL, "TIFF"},
        {"BMI is a number", 15, NULL, NULL},
        {"BM\x40\0\0\0\0\0\0\0\x36", 11, NULL, "BMP"},
        {"\0\0\0\fjP  \r\n", 10, NULL, "JPEG 2000"},
        {"\0\0\0\x1c"
         "ftypmif1",
         12, NULL, "HEIC"},
        {"\xef\xbb\xbf\n <svg>", 10, NULL, "SVG"},
        {"a <svg", 6, NULL, NULL},
        {"<html>", 6, NULL, NULL},
        {"junk\n%PDF-1.7", 13, NULL, "PDF"},
        {"", 0, NULL, NULL},
    };
    char dicom[200] = "II*";
    const char *other;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *format = image_format(cases[i].bytes, cases[i].size, &other);
        if (cases[i].format) {
            assert_string_equal(format, cases[i].format);
        } else {
            assert_null(format);
        }
        if (cases[i].other) {
            assert_string_equal(other, cases[i].other);
        } else {
            assert_null(other);
        }
    }
    memcpy(dicom + 128, "DICM", 4);
    assert_string_equal(image_format(dicom, sizeof(dicom), NULL), "DICOM");
}

static void holds_pictures_to_the_pixels_allowed(void **state) {
    (void)state;
    static const char *const names[] = {IMAGES "rgb_8.png", IMAGES "420.jpg",
                                        IMAGES "lossless.webp"};
    for (size_t i = 0; i < 3; i++) {
        struct image im;
        assert_ok(image_decode_file(names[i], NULL, &im));
        struct image_options o = {.max_pixels = (int64_t)im.width * im.height};
        image_release(&im);
        assert_ok(image_decode_file(names[i], &o, &im));
        image_release(&im);
        o.max_pixels--;
        assert_status(image_decode_file(names[i], &o, &im), KARMA_E_LIMIT);
        assert_message_contains("pixels allowed");
        o = (struct image_options){.max_pixels = -1};
        assert_status(image_decode_file(names[i], &o, &im), KARMA_E_RANGE);
        o = (struct image_options){.frame = 1};
        assert_status(image_decode_file(names[i], &o, &im), KARMA_E_RANGE);
        assert_message_contains("frame 1");
    }
}

static void says_which_file_is_not_there(void **state) {
    (void)state;
    struct image im;
    assert_status(image_decode_file("/nowhere/x.png", NULL, &im), KARMA_E_MISSING);
    assert_message_contains("/nowhere/x.png");
    assert_true(image_decode_file(test_dir(), NULL, &im) < 0);
    assert_null(im.pixels);
}

/* Decode a copy of exactly that size: a picture, or an error that names it. */
static karma_status try_bytes(const char *bytes, size_t size, const char *name) {
    static const struct image_options small = {.max_pixels = SMALL_PIXELS};
    struct image im;
    char *copy = malloc(size ? size : 1);
    memcpy(copy, bytes, size);
    const karma_status st = image_decode(copy, size, name, &small, &im);
    if (st == KARMA_OK) {
        const size_t row = (size_t)im.width * (size_t)im.channels * (size_t)(im.bits / 8);
        assert_true(im.width > 0 && im.height > 0 && im.width * im.height <= SMALL_PIXELS);
        volatile unsigned char last = ((unsigned char *)im.pixels)[row * (size_t)im.height - 1];
        (void)last;
        image_release(&im);
    } else {
        assert_null(im.pixels);
        assert_message_contains(name);
    }
    free(copy);
    return st;
}

/* fn(bytes, size, name) for each right file but the two long ones. */
static void for_each_file(void (*fn)(char *bytes, size_t size, const char *name)) {
    char *lines[MAX_FILES];
    lines_of(IMAGES "expected.txt", lines);
    for (size_t i = 0; lines[i]; i++) {
        char path[256];
        size_t size;
        *strchr(lines[i], ' ') = '\0';
        if (is_long_side(lines[i])) continue;
        snprintf(path, sizeof(path), IMAGES "%s", lines[i]);
        char *bytes = read_fixture(path, &size);
        fn(bytes, size, lines[i]);
    }
}

static void cut_anywhere(char *bytes, size_t size, const char *name) {
    const bool has_rest = strcmp(name, "behind_end.jpg") == 0;
    for (size_t n = 0; n < size; n++)
        if (try_bytes(bytes, n, name) == KARMA_OK && !has_rest)
            fail_msg("%s: a picture out of %zu of %zu bytes", name, n, size);
}

static void never_takes_a_file_that_is_cut(void **state) {
    (void)state;
    for_each_file(cut_anywhere);
}

static void bend_anywhere(char *bytes, size_t size, const char *name) {
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < size; i++) {
        const char kept = bytes[i];
        for (size_t f = 0; f < sizeof(flips); f++) {
            bytes[i] = (char)((unsigned char)kept ^ flips[f]);
            try_bytes(bytes, size, name);
        }
        bytes[i] = kept;
    }
}

static void survives_any_byte_that_is_wrong(void **state) {
    (void)state;
    for_each_file(bend_anywhere);
}

static karma_status attempt(void *path) {
    struct image im;
    karma_status st = image_decode_file(path, NULL, &im);
    image_release(&im);
    return st;
}

static void survives_any_failing_allocation(void **state) {
    (void)state;
    static const char *const names[] = {
        IMAGES "rgb_8.png",
        IMAGES "interlaced_palette_4.png",
        IMAGES "turned_16_bits.png",
        IMAGES "text_bomb.png",
        IMAGES "420.jpg",
        IMAGES "ycck.jpg",
        IMAGES "lossy.webp",
        IMAGES "turned.webp",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(for_each_failing_allocation(attempt, (void *)(uintptr_t)names[i]) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(decodes_what_pillow_decodes),
        test_case(refuses_what_is_broken_and_says_why),
        test_case(tells_kinds_by_their_first_bytes),
        test_case(holds_pictures_to_the_pixels_allowed),
        test_case(says_which_file_is_not_there),
        test_case(never_takes_a_file_that_is_cut),
        test_case(survives_any_byte_that_is_wrong),
        test_case(survives_any_failing_allocation),
    };
    return run_group("media/image", tests);
}
