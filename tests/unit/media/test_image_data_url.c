/* test_image_data_url.c - pictures inside a text. */
#include "media/image.h"

#include "tests/support/test.h"

static karma_status take(const char *url, const char *expected) {
    void *bytes;
    size_t size;
    karma_status st = image_from_data_url(url, strlen(url), &bytes, &size);
    if (st == KARMA_OK) {
        assert_int_equal(size, strlen(expected));
        assert_memory_equal(bytes, expected, size);
    } else {
        assert_null(bytes);
        assert_int_equal(size, 0);
    }
    mem_free(bytes);
    return st;
}

static void gives_the_bytes_behind_the_comma(void **state) {
    (void)state;
    assert_ok(take("data:image/png;base64,aGVsbG8=", "hello"));
    assert_ok(take("DATA:image/jpeg;charset=x;BASE64,aGVs\r\n bG8=\n", "hello"));
    assert_ok(take("data:;base64,", ""));
}

static void says_what_is_wrong_with_others(void **state) {
    (void)state;
    assert_status(take("data:image/png;base64", NULL), KARMA_E_ENCODING);
    assert_message_contains("comma");
    assert_status(take("image/png;base64,aGVsbG8=", NULL), KARMA_E_ENCODING);
    assert_status(take("data:image/svg+xml,%3Csvg/%3E", NULL), KARMA_E_UNSUPPORTED);
    assert_status(take("data:image/png;base64,aGVs!G8=", NULL), KARMA_E_ENCODING);
    assert_message_contains("byte 4");
    assert_status(take("data:image/png;base64,aGVsb", NULL), KARMA_E_ENCODING);
    assert_status(take("data:,", NULL), KARMA_E_UNSUPPORTED);
}

static void tells_data_urls_from_paths(void **state) {
    (void)state;
    assert_true(image_is_data_url("data:image/png;base64,"));
    assert_true(image_is_data_url("Data:,"));
    assert_false(image_is_data_url("data/a.png"));
    assert_false(image_is_data_url("data"));
    assert_false(image_is_data_url(""));
    assert_false(image_is_data_url(NULL));
}

static karma_status attempt(void *ctx) {
    (void)ctx;
    return take("data:image/png;base64,aGVsbG8=", "hello");
}

static void survives_any_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(gives_the_bytes_behind_the_comma),
        test_case(says_what_is_wrong_with_others),
        test_case(tells_data_urls_from_paths),
        test_case(survives_any_failing_allocation),
    };
    return run_group("media/image_data_url", tests);
}
