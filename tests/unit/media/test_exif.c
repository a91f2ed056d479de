/* test_exif.c - orientation out of EXIF and XMP, and data that says nothing. */
#include "media/exif.h"

#include "tests/support/test.h"

/* Little-endian: one entry of the orientation's tag. */
static int of_entry(unsigned type, unsigned count, unsigned value) {
    unsigned char e[26] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1};
    e[12] = (unsigned char)type;
    e[14] = (unsigned char)count;
    e[18] = (unsigned char)value;
    e[19] = (unsigned char)(value >> 8);
    return exif_orientation(e, sizeof(e), NULL, 0);
}

static void reads_whole_numbers_of_any_type(void **state) {
    (void)state;
    static const unsigned whole[] = {3, 4, 6, 8, 9, 13}, others[] = {0, 1, 2, 5, 7, 11, 12, 99};
    for (unsigned v = 1; v <= 8; v++)
        for (size_t t = 0; t < 6; t++)
            assert_int_equal(of_entry(whole[t], 1, v), (int)v);
    for (size_t t = 0; t < 8; t++)
        assert_int_equal(of_entry(others[t], 1, 6), 1);
    assert_int_equal(of_entry(3, 2, 6), 6);
    assert_int_equal(of_entry(3, 0, 6), 1);
    assert_int_equal(of_entry(3, 1, 0), 1);
    assert_int_equal(of_entry(3, 1, 9), 1);
    assert_int_equal(of_entry(3, 1, 0x0106), 1);
}

/* Big-endian, "Exif" before it, another entry first whose value lies at `where`. */
static int behind_another(unsigned char where) {
    const unsigned char e[] = {
        'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0,   '*', 0,   0,     0,   8,    0, 2,
        1,   0x0f, 0,   2,   0, 0, 0,   6,   0,   0,   0,   where, 1,   0x12, 0, 3,
        0,   0,    0,   1,   0, 8, 0,   0,   'm', 'a', 'k', 'e',   'r', 0,
    };
    return exif_orientation(e, sizeof(e), NULL, 0);
}

static void passes_over_other_entries(void **state) {
    (void)state;
    assert_int_equal(behind_another(34), 8);
    assert_int_equal(behind_another(200), 1); /* is not there: Pillow stops reading */
}

static void reads_xmp_where_exif_has_none(void **state) {
    (void)state;
    static const struct {
        const char *xmp;
        int orientation;
    } cases[] = {
        {"<rdf tiff:Orientation=\"6\"/>", 6},
        {"<tiff:Orientation>3</tiff:Orientation>", 3},
        {"tiff:Orientation tiff:Orientation=\"x\" tiff:Orientation=\"8\"", 8},
        {"tiff:Orientation='6'", 1},
        {"tiff:Orientation=\"9\"", 1},
        {"tiff:Orientation=\"", 1},
        {"tiff:Orientation>", 1},
        {"tiff:Orientation", 1},
        {"", 1},
    };
    const unsigned char nothing[] = "MM\0*\0\0\0\x08\0\0";
    const unsigned char odd[26] = {'I',  'I', '*', 0, 8, 0, 0, 0, 1, 0,
                                   0x12, 1,   1,   0, 1, 0, 0, 0, 6};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const unsigned char *xmp = (const unsigned char *)cases[i].xmp;
        const size_t n = strlen(cases[i].xmp);
        assert_int_equal(exif_orientation(NULL, 0, xmp, n), cases[i].orientation);
        assert_int_equal(exif_orientation(nothing, 10, xmp, n), cases[i].orientation);
        assert_int_equal(exif_orientation(odd, sizeof(odd), xmp, n), 1);
    }
}

static void ignores_data_that_is_broken(void **state) {
    (void)state;
    unsigned char e[26] = {'I', 'I', '*', 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6};
    for (size_t n = 0; n < sizeof(e); n++) {
        unsigned char *cut = malloc(n ? n : 1);
        memcpy(cut, e, n);
        const int orientation = exif_orientation(cut, n, NULL, 0);
        free(cut);
        assert_int_equal(orientation, n < 22 ? 1 : 6); /* what follows the entry is not needed */
    }
    assert_int_equal(exif_orientation(e, sizeof(e), NULL, 0), 6);
    e[8] = 255; /* more entries than there are */
    assert_int_equal(exif_orientation(e, sizeof(e), NULL, 0), 6);
    e[7] = 255; /* a directory beyond the end */
    assert_int_equal(exif_orientation(e, sizeof(e), NULL, 0), 1);
    assert_int_equal(exif_orientation((const unsigned char *)"not a header at all", 19, NULL, 0),
                     1);
    assert_int_equal(exif_orientation(NULL, 0, NULL, 0), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_whole_numbers_of_any_type),
        test_case(passes_over_other_entries),
        test_case(reads_xmp_where_exif_has_none),
        test_case(ignores_data_that_is_broken),
    };
    return run_group("media/exif", tests);
}
