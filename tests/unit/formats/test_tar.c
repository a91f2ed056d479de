/* test_tar.c - archives made here, right and wrong. */
#include "base/buf.h"
#include "formats/gzip.h"
#include "formats/tar.h"
#include "tests/support/test.h"

enum { BLOCK = 512 };

static void put_sum(char *header) {
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (int i = 0; i < BLOCK; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
}

/* size: what the header says; NULL data: that many bytes are not there. */
static void put_file(struct buf *b, const char *name, char type, size_t size, const char *data) {
    char header[BLOCK] = {0};
    strncpy(header, name, 99);
    snprintf(header + 124, 12, "%011o", (unsigned)size);
    header[156] = type;
    memcpy(header + 257, "ustar", 6);
    put_sum(header);
    buf_append(b, header, BLOCK);
    if (!data) return;
    buf_append(b, data, size);
    while (b->len % BLOCK)
        buf_putc(b, '\0');
}

static karma_status read_tar(struct arena *a, const struct buf *b, struct tar_file **files,
                             size_t *n) {
    return tar_read(a, (const unsigned char *)b->data, b->len, files, n);
}

static void files_are_found_by_name(void **state) {
    (void)state;
    struct buf b = {0};
    struct arena a = {0};
    struct tar_file *files;
    size_t n;
    put_file(&b, "./one.txt", '0', 3, "abc");
    put_file(&b, "folder/", '5', 0, "");
    put_file(&b, "folder/two", '0', 0, "");
    buf_append(&b, (char[2 * BLOCK]){0}, 2 * BLOCK);
    assert_ok(read_tar(&a, &b, &files, &n));
    assert_int_equal(n, 2);
    assert_memory_equal(tar_find(files, n, "one.txt")->data, "abc", 3);
    assert_int_equal(tar_find(files, n, "folder/two")->size, 0);
    assert_null(tar_find(files, n, "./one.txt"));
    arena_release(&a);
    buf_release(&b);
}

static void long_names_come_before_their_file(void **state) {
    (void)state;
    char name[300] = "";
    struct buf b = {0};
    struct arena a = {0};
    struct tar_file *files;
    size_t n;
    memset(name, 'n', 250);
    put_file(&b, "././@LongLink", 'L', 251, name);
    put_file(&b, "cut", '0', 1, "x");
    put_file(&b, "pax", 'x', 15, "15 path=by/pax\n");
    put_file(&b, "cut", '0', 1, "y");
    assert_ok(read_tar(&a, &b, &files, &n));
    assert_int_equal(n, 2);
    assert_non_null(tar_find(files, n, name));
    assert_memory_equal(tar_find(files, n, "by/pax")->data, "y", 1);
    arena_release(&a);
    buf_release(&b);
}

static void assert_refused(struct buf *b, karma_status st, const char *text) {
    struct arena a = {0};
    struct tar_file *files;
    size_t n;
    assert_status(read_tar(&a, b, &files, &n), st);
    assert_message_contains(text);
    arena_release(&a);
    buf_release(b);
}

static void names_that_lead_out_and_links_are_refused(void **state) {
    (void)state;
    static const char *const names[] = {"../x", "a/../../x", "/etc/passwd", "a//b", "./../x"};
    struct buf b = {0};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        put_file(&b, names[i], '0', 1, "x");
        assert_refused(&b, KARMA_E_PATH, "tar archive: file");
    }
    put_file(&b, "link", '2', 0, "");
    assert_refused(&b, KARMA_E_PATH, "is a link");
    put_file(&b, "pipe", '6', 0, "");
    assert_refused(&b, KARMA_E_UNSUPPORTED, "of kind");
}

static void what_is_cut_or_lies_about_its_size_is_refused(void **state) {
    (void)state;
    struct buf b = {0};
    put_file(&b, "x", '0', 4096, NULL);
    assert_refused(&b, KARMA_E_TRUNCATED, "4096 bytes, 0 are left");
    put_file(&b, "x", '0', 1, "x");
    b.data[3] ^= 1;
    assert_refused(&b, KARMA_E_SYNTAX, "not the header of a file");
    put_file(&b, "x", '0', 1, "x");
    memset(b.data + 124, 0xff, 12);
    put_sum(b.data);
    assert_refused(&b, KARMA_E_SYNTAX, "the size is no number");
    put_file(&b, "same", '0', 1, "x");
    put_file(&b, "same", '0', 1, "y");
    assert_refused(&b, KARMA_E_DUPLICATE, "there are two");
    buf_puts(&b, "short");
    assert_refused(&b, KARMA_E_TRUNCATED, "not a tar archive");
    put_file(&b, "pax", 'x', 10, "99 path=a\n");
    assert_refused(&b, KARMA_E_SYNTAX, "a line is broken");
}

static void a_gzip_that_is_cut_or_grows_beyond_its_bound_is_refused(void **state) {
    (void)state;
    /* printf 'hello' | gzip -n */
    static const unsigned char packed[] = {0x1f, 0x8b, 0x08, 0,    0,    0,    0,    0,    0,
                                           0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x86,
                                           0xa6, 0x10, 0x36, 0x05, 0,    0,    0};
    struct buf out = {0};
    assert_true(gzip_is_one(packed, sizeof(packed)));
    assert_ok(gzip_unpack(packed, sizeof(packed), (size_t)8 << 20, &out));
    assert_string_equal(buf_str(&out), "hello");
    for (size_t len = 0; len < sizeof(packed); len++)
        assert_status(gzip_unpack(packed, len, (size_t)8 << 20, &out), KARMA_E_TRUNCATED);
    assert_status(gzip_unpack(packed, sizeof(packed), 100, &out), KARMA_E_LIMIT);
    unsigned char wrong[sizeof(packed)];
    memcpy(wrong, packed, sizeof(packed));
    wrong[18] ^= 1;
    assert_status(gzip_unpack(wrong, sizeof(packed), (size_t)8 << 20, &out), KARMA_E_SYNTAX);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(files_are_found_by_name),
        test_case(long_names_come_before_their_file),
        test_case(names_that_lead_out_and_links_are_refused),
        test_case(what_is_cut_or_lies_about_its_size_is_refused),
        test_case(a_gzip_that_is_cut_or_grows_beyond_its_bound_is_refused),
    };
    return run_group("formats/tar", tests);
}
