/* Tests of base/buf.c. */
#include "tests/support/test.h"

#include "base/buf.h"

static void grows_and_stays_terminated(void **state) {
    (void)state;
    struct buf b = {0};
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 1000; i++) {
        assert_ok(buf_putc(&b, (char)('a' + i % 26)));
        assert_int_equal(b.len, i + 1);
        assert_int_equal(b.data[b.len], '\0');
    }
    assert_ok(buf_append(&b, "x\0y", 3));
    assert_memory_equal(b.data + 1000, "x\0y", 4);
    assert_ok(buf_append(&b, NULL, 0));
    assert_int_equal(b.len, 1003);
    buf_release(&b);
    assert_null(b.data);
}

static void formats_text_of_any_length(void **state) {
    (void)state;
    struct buf b = {0};
    char piece[200];
    memset(piece, 'p', sizeof(piece));
    piece[199] = '\0';
    for (int i = 0; i < 50; i++)
        assert_ok(buf_printf(&b, "%d:%s;", i, piece));
    assert_int_equal(b.len, 10 * (199 + 3) + 40 * (199 + 4));
    assert_memory_equal(b.data + b.len - 204, ";49:ppp", 7);
    buf_clear(&b);
    assert_string_equal(buf_str(&b), "");
    assert_ok(buf_printf(&b, "%s", ""));
    assert_int_equal(b.len, 0);
    buf_release(&b);
}

static void the_bound_holds_and_keeps_what_is_there(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    assert_ok(buf_puts(&b, "12345678"));
    assert_status(buf_puts(&b, "abc"), KARMA_E_LIMIT);
    assert_message_contains("longer than 10 bytes");
    assert_status(buf_printf(&b, "%d", 12345), KARMA_E_LIMIT);
    assert_string_equal(b.data, "12345678");
    assert_int_equal(b.len, 8);
    assert_ok(buf_puts(&b, "90"));
    assert_status(buf_putc(&b, 'x'), KARMA_E_LIMIT);
    assert_status(buf_reserve(&b, SIZE_MAX), KARMA_E_LIMIT);
    assert_string_equal(b.data, "1234567890");
    assert_true(b.cap <= 11);
    buf_release(&b);
    assert_int_equal(b.max, 10);
}

static void refuses_impossible_growth(void **state) {
    (void)state;
    struct buf b = {0};
    assert_ok(buf_puts(&b, "x"));
    assert_status(buf_reserve(&b, SIZE_MAX), KARMA_E_NOMEM);
    assert_status(buf_reserve(&b, SIZE_MAX / 2), KARMA_E_NOMEM);
    assert_string_equal(b.data, "x");
    buf_release(&b);
}

static void take_hands_over_the_bytes(void **state) {
    (void)state;
    struct buf b = {0};
    assert_ok(buf_puts(&b, "mine"));
    char *p = buf_take(&b);
    assert_string_equal(p, "mine");
    assert_null(b.data);
    assert_int_equal(b.len + b.cap, 0);
    mem_free(p);
    p = buf_take(&b);
    assert_string_equal(p, "");
    mem_free(p);
}

static karma_status fill(void *ctx) {
    (void)ctx;
    struct buf b = {0};
    karma_status st = KARMA_OK;
    for (int i = 0; i < 100 && st == KARMA_OK; i++)
        st = buf_printf(&b, "line %d\n", i);
    buf_release(&b);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(fill, NULL) >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(grows_and_stays_terminated),
        test_case(formats_text_of_any_length),
        test_case(the_bound_holds_and_keeps_what_is_there),
        test_case(refuses_impossible_growth),
        test_case(take_hands_over_the_bytes),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/buf", tests);
}
