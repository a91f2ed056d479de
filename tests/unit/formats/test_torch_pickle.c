/*
 * test_torch_pickle.c - archives put together here byte by byte: what torch.save writes is read,
 * and whatever else a pickle could ask for is refused.
 */
#include "base/buf.h"
#include "formats/torch_pickle.h"
#include "tests/support/test.h"

/* ---- a zip archive ---- */

struct zip {
    struct buf bytes, directory;
    unsigned count;
};

static void put(struct buf *b, uint64_t v, int n) {
    for (int i = 0; i < n; i++)
        buf_putc(b, (char)(i < 8 ? v >> (8 * i) : 0));
}

static void zip_add(struct zip *z, const char *name, const void *data, size_t len) {
    const size_t at = z->bytes.len, n = strlen(name);
    buf_append(&z->bytes, "PK\3\4", 4);
    put(&z->bytes, 0, 2 + 2 + 2 + 4 + 4);
    put(&z->bytes, len, 4);
    put(&z->bytes, len, 4);
    put(&z->bytes, n, 2);
    put(&z->bytes, 0, 2);
    buf_append(&z->bytes, name, n);
    buf_append(&z->bytes, data, len);
    buf_append(&z->directory, "PK\1\2", 4);
    put(&z->directory, 0, 2 + 2 + 2);
    put(&z->directory, 0, 2 + 4 + 4);
    put(&z->directory, len, 4);
    put(&z->directory, len, 4);
    put(&z->directory, n, 2);
    put(&z->directory, 0, 2 + 2 + 2 + 2);
    put(&z->directory, 0, 4);
    put(&z->directory, at, 4);
    buf_append(&z->directory, name, n);
    z->count++;
}

static void zip_end(struct zip *z) {
    const size_t at = z->bytes.len;
    buf_append(&z->bytes, z->directory.data, z->directory.len);
    buf_append(&z->bytes, "PK\5\6", 4);
    put(&z->bytes, 0, 4);
    put(&z->bytes, z->count, 2);
    put(&z->bytes, z->count, 2);
    put(&z->bytes, z->directory.len, 4);
    put(&z->bytes, at, 4);
    put(&z->bytes, 0, 2);
    buf_release(&z->directory);
}

/* An archive with that pickle and storage 0 of 24 bytes. */
static struct buf archive(const char *pickle, size_t len) {
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    struct zip z = {0};
    zip_add(&z, "m/data.pkl", pickle, len);
    zip_add(&z, "m/byteorder", "little", 6);
    zip_add(&z, "m/data/0", values, sizeof(values));
    zip_end(&z);
    return z.bytes;
}

static karma_status read_bytes(struct arena *a, const char *data, size_t len,
                               struct named_tensor **tensors, int64_t *count) {
    return torch_pickle_read(a, (const unsigned char *)data, len, "w.ckpt", tensors, count);
}

/* ---- pickles ---- */

#define STORAGE                                                                                    \
    "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"                                             \
    "0X\3\0\0\0cpuK\6tQ"
#define TENSOR(offset, shape, strides)                                                             \
    "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE "K" offset shape strides "\x89"                 \
    "ccollections\nOrderedDict\n)RtR"
#define DICT(inside) "\x80\2ccollections\nOrderedDict\n)R(X\1\0\0\0w" inside "u."
static const char right[] = DICT(TENSOR("\0", "K\2K\3\x86", "K\3K\1\x86"));

static void a_state_dict_is_read(void **state) {
    (void)state;
    struct arena a = {0};
    struct named_tensor *t;
    int64_t n;
    struct buf b = archive(right, sizeof(right) - 1);
    assert_ok(read_bytes(&a, b.data, b.len, &t, &n));
    assert_int_equal(n, 1);
    assert_string_equal(t->name, "w");
    assert_int_equal(t->dtype, DTYPE_F32);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->dims[0], 2);
    assert_int_equal(t->dims[1], 3);
    float last;
    memcpy(&last, (const unsigned char *)t->data + 20, sizeof(last));
    assert_true(last == 6);
    arena_release(&a);
    buf_release(&b);
}

static void check(const char *pickle, size_t len, karma_status st, const char *text) {
    struct arena a = {0};
    struct named_tensor *t;
    int64_t n;
    struct buf b = archive(pickle, len);
    assert_status(read_bytes(&a, b.data, b.len, &t, &n), st);
    assert_message_contains(text);
    arena_release(&a);
    buf_release(&b);
}
#define CHECK(pickle, st, text) check(pickle, sizeof(pickle) - 1, st, text)

static void a_pickle_that_would_run_something_is_refused(void **state) {
    (void)state;
    CHECK("\x80\2cos\nsystem\n(X\4\0\0\0"
          "trueTtR.",
          KARMA_E_UNSUPPORTED, "asks for os.system");
    CHECK("\x80\2cposix\nsystem\n(X\2\0\0\0idtR.", KARMA_E_UNSUPPORTED, "posix.system");
    CHECK("\x80\4\x8c\2os\x8c\6system\x93\x8c\2id\x85R.", KARMA_E_UNSUPPORTED, "os.system");
    CHECK("\x80\2c__builtin__\neval\n(X\1\0\0\0"
          "1tR.",
          KARMA_E_UNSUPPORTED, "__builtin__.eval");
    CHECK("\x80\2ctorch\nFloatStorage\n)R.", KARMA_E_SYNTAX, "a call of no function");
    CHECK("\x80\2(iposix\nsystem\n.", KARMA_E_UNSUPPORTED, "operation 0x69");
    CHECK("\x80\2ccollections\nOrderedDict\n)\x81.", KARMA_E_UNSUPPORTED, "operation 0x81");
    CHECK("\x80\2]}b.", KARMA_E_UNSUPPORTED, "sets the attributes");
    CHECK("\x80\0}.", KARMA_E_UNSUPPORTED, "another protocol");
}

static void tensors_that_reach_out_of_their_storage_are_refused(void **state) {
    (void)state;
    CHECK(DICT(TENSOR("\1", "K\2K\3\x86", "K\3K\1\x86")), KARMA_E_RANGE, "past the end");
    CHECK(DICT(TENSOR("\0", "K\3K\3\x86", "K\3K\1\x86")), KARMA_E_RANGE, "past the end");
    CHECK(DICT(TENSOR("\0", "K\2K\3\x86", "K\1K\2\x86")), KARMA_E_UNSUPPORTED, "one after another");
    CHECK(DICT(TENSOR("\0", "J\xff\xff\xff\xffK\3\x86", "K\3K\1\x86")), KARMA_E_SYNTAX, "no count");
    CHECK(DICT(TENSOR("\0", "\x8a\x08\0\0\0\0\0\0\0\x40K\4\x86", "K\4K\1\x86")), KARMA_E_OVERFLOW,
          "too large");
    CHECK("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
          "0X\3\0\0\0cpuK\7tQ.",
          KARMA_E_RANGE, "7 elements");
    CHECK("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
          "1X\3\0\0\0cpuK\1tQ.",
          KARMA_E_MISSING, "storage 1");
    CHECK("\x80\2(X\7\0\0\0storagectorch\nFloatStorage\nX\4\0\0\0../0X\3\0\0\0cpuK\1tQ.",
          KARMA_E_SYNTAX, "no number");
}

static void what_is_broken_is_refused(void **state) {
    (void)state;
    CHECK("\x80\2", KARMA_E_TRUNCATED, "missing");
    CHECK("\x80\2.", KARMA_E_SYNTAX, "a value is missing");
    CHECK("\x80\2h\5.", KARMA_E_SYNTAX, "nothing was remembered");
    CHECK("\x80\2}r\xff\xff\xff\x7f.", KARMA_E_LIMIT, "memo");
    CHECK("\x80\2}(X\1\0\0\0wu.", KARMA_E_SYNTAX, "has no value");
    CHECK("\x80\2X\xff\xff\xff\x7f.", KARMA_E_TRUNCATED, "longer than the rest");
    CHECK("\x80\2K\1.", KARMA_E_TYPE, "no dict");
    CHECK("\x80\2}}.", KARMA_E_SYNTAX, "left over");
    CHECK("\x80\2t.", KARMA_E_SYNTAX, "no mark");
}

static void deep_nesting_is_refused(void **state) {
    (void)state;
    char pickle[400] = "\x80\2)";
    size_t n = 3;
    for (int i = 0; i < 100; i++)
        pickle[n++] = (char)0x85;
    pickle[n++] = '.';
    check(pickle, n, KARMA_E_LIMIT, "nested too deep");
}

static void an_archive_cut_anywhere_is_refused(void **state) {
    (void)state;
    struct buf b = archive(right, sizeof(right) - 1);
    for (size_t len = 0; len < b.len; len++) {
        struct arena a = {0};
        struct named_tensor *t;
        int64_t n;
        char *copy = mem_alloc(len + 1); /* so that reading past the end shows */
        memcpy(copy, b.data, len);
        assert_true(read_bytes(&a, copy, len, &t, &n) < 0);
        mem_free(copy);
        arena_release(&a);
    }
    buf_release(&b);
}

/* Offsets from the end of the archive, whose last 22 bytes are the end record. */
static void check_changed(size_t at, unsigned char value, karma_status st, const char *text) {
    struct arena a = {0};
    struct named_tensor *t;
    int64_t n;
    struct buf b = archive(right, sizeof(right) - 1);
    b.data[at < 100 ? b.len - at : at - 100] = (char)value;
    assert_status(read_bytes(&a, b.data, b.len, &t, &n), st);
    assert_message_contains(text);
    arena_release(&a);
    buf_release(&b);
}

static void an_archive_that_lies_about_sizes_is_refused(void **state) {
    (void)state;
    check_changed(7, 0x7f, KARMA_E_RANGE, "the directory lies outside");
    check_changed(3, 0x7f, KARMA_E_RANGE, "the directory lies outside");
    check_changed(22 - 10, 200, KARMA_E_TRUNCATED, "shorter than 200 files");
    check_changed(100 + 18, 1, KARMA_E_RANGE, "by its own header");
    check_changed(100 + 30, 'x', KARMA_E_SYNTAX, "another name");
    check_changed(22 - 4, 1, KARMA_E_UNSUPPORTED, "several disks");
}

static void pickles_of_old_are_refused(void **state) {
    (void)state;
    struct arena a = {0};
    struct named_tensor *t;
    int64_t n;
    assert_status(read_bytes(&a, "\x80\2\x8a\x0al\xfc\x9c\x46\xf9", 9, &t, &n),
                  KARMA_E_UNSUPPORTED);
    assert_message_contains("before 1.6");
    arena_release(&a);
}

static karma_status attempt(void *ctx) {
    const struct buf *b = ctx;
    struct arena a = {0};
    struct named_tensor *t;
    int64_t n;
    karma_status st = read_bytes(&a, b->data, b->len, &t, &n);
    arena_release(&a);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct buf b = archive(right, sizeof(right) - 1);
    assert_true(for_each_failing_allocation(attempt, &b) > 10);
    buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_state_dict_is_read),
        test_case(a_pickle_that_would_run_something_is_refused),
        test_case(tensors_that_reach_out_of_their_storage_are_refused),
        test_case(what_is_broken_is_refused),
        test_case(deep_nesting_is_refused),
        test_case(an_archive_cut_anywhere_is_refused),
        test_case(an_archive_that_lies_about_sizes_is_refused),
        test_case(pickles_of_old_are_refused),
        test_case(survives_every_failing_allocation),
    };
    return run_group("formats/torch_pickle", tests);
}
