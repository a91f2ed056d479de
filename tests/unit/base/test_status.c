/* Tests of base/status.c: names, exit statuses, the message of each thread. */
#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>

static void names_lead_back_to_their_codes(void **state) {
    (void)state;
    int n = 0;
#define X(name, exit_status, text)                                                                 \
    assert_string_equal(karma_status_name(KARMA_E_##name), "E_" #name);                            \
    assert_int_equal(karma_status_from_name("E_" #name), KARMA_E_##name);                          \
    assert_int_equal(karma_status_exit(KARMA_E_##name), exit_status);                              \
    assert_true(KARMA_E_##name < 0);                                                               \
    n++;
    KARMA_STATUS_LIST(X)
#undef X
    assert_int_equal(n, KARMA_STATUS_ORDER_COUNT - 1);
    assert_string_equal(karma_status_name(KARMA_OK), "OK");
    assert_string_equal(karma_status_name(KARMA_DONE), "DONE");
    assert_int_equal(karma_status_from_name("OK"), KARMA_OK);
    assert_int_equal(karma_status_exit(KARMA_OK), 0);
    assert_int_equal(karma_status_exit(KARMA_DONE), 0);
}

static void unknown_codes_are_internal_errors(void **state) {
    (void)state;
    karma_status odd = (karma_status)-99;
    assert_string_equal(karma_status_name(odd), "E_INTERNAL");
    assert_int_equal(karma_status_exit(odd), 1);
    assert_int_equal(karma_status_from_name("E_NO_SUCH"), KARMA_E_INTERNAL);
    assert_int_equal(karma_status_from_name(NULL), KARMA_E_INTERNAL);
}

static void callers_prefix_the_message(void **state) {
    (void)state;
    assert_status(status_fail(KARMA_E_RANGE, "offsets past %s", "the end"), KARMA_E_RANGE);
    assert_status(status_prefix(KARMA_E_RANGE, "tensor %d", 7), KARMA_E_RANGE);
    assert_status(status_prefix(KARMA_E_RANGE, "model.safetensors"), KARMA_E_RANGE);
    assert_string_equal(karma_error_message(), "model.safetensors: tensor 7: offsets past the end");
    assert_status(status_prefix(KARMA_OK, "not used"), KARMA_OK);
    assert_status(status_prefix(KARMA_DONE, "not used"), KARMA_DONE);
    assert_string_equal(karma_error_message(), "model.safetensors: tensor 7: offsets past the end");
}

static void the_present_message_may_be_an_argument(void **state) {
    (void)state;
    (void)status_fail(KARMA_E_IO, "inner");
    (void)status_fail(KARMA_E_PLUGIN, "outer (%s)", karma_error_message());
    assert_string_equal(karma_error_message(), "outer (inner)");
    (void)status_prefix(KARMA_E_PLUGIN, "%s", karma_error_message());
    assert_string_equal(karma_error_message(), "outer (inner): outer (inner)");
}

static void an_empty_message_becomes_the_text_of_the_code(void **state) {
    (void)state;
    (void)status_fail(KARMA_E_LOCKED, "%s", "");
    assert_string_equal(karma_error_message(), "in use by another process");
}

static void a_message_is_one_printable_line(void **state) {
    (void)state;
    (void)status_fail(KARMA_E_IO, "a\nb\tc\x1b[31m\x7f \xc3\xa9 \xff \xc2\x85.");
    assert_string_equal(karma_error_message(), "a?b?c?[31m? \xc3\xa9 ? ?.");
}

static void long_messages_are_cut_between_characters(void **state) {
    (void)state;
    char text[2001];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[2000] = '\0';
    (void)status_fail(KARMA_E_IO, "%s", text);
    assert_int_equal(strlen(karma_error_message()), 1022);
    (void)status_prefix(KARMA_E_IO, "%s", text);
    assert_int_equal(strlen(karma_error_message()), 1022);
    (void)status_prefix(KARMA_E_IO, "x");
    assert_int_equal(strlen(karma_error_message()), 1023);
}

static void errno_becomes_a_status(void **state) {
    (void)state;
    static const struct {
        int number;
        karma_status st;
    } cases[] = {
        {ENOENT, KARMA_E_MISSING}, {ENOMEM, KARMA_E_NOMEM},  {ENOSPC, KARMA_E_NOSPACE},
        {EDQUOT, KARMA_E_NOSPACE}, {EFBIG, KARMA_E_NOSPACE}, {EACCES, KARMA_E_PERM},
        {EPERM, KARMA_E_PERM},     {EROFS, KARMA_E_PERM},    {ENAMETOOLONG, KARMA_E_PATH},
        {ELOOP, KARMA_E_PATH},     {ENOTDIR, KARMA_E_PATH},  {EISDIR, KARMA_E_PATH},
        {EIO, KARMA_E_IO},         {EMFILE, KARMA_E_IO},     {54321, KARMA_E_IO},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        errno = cases[i].number;
        assert_status(status_errno("open"), cases[i].st);
        assert_message_contains("open: ");
    }
    errno = ENOENT;
    (void)status_errno("f");
    assert_string_equal(karma_error_message(), "f: No such file or directory");
}

static void quotes_escape_and_cut(void **state) {
    (void)state;
    assert_string_equal(status_quote("plain text", 10), "plain text");
    assert_string_equal(status_quote("a\0\n\xff", 4), "a\\x00\\x0a\\xff");
    assert_string_equal(status_quotez(NULL), "(null)");
    assert_string_equal(status_quotez(""), "");
    char bytes[100];
    memset(bytes, 0xee, sizeof(bytes));
    const char *q = status_quote(bytes, sizeof(bytes));
    assert_int_equal(strlen(q), 64 * 4 + 3);
    assert_string_equal(q + 64 * 4, "...");
    assert_int_equal(strlen(status_quote(bytes, 64)), 64 * 4);
}

static void four_quotes_fit_one_message(void **state) {
    (void)state;
    (void)status_fail(KARMA_E_TYPE, "%s %s %s %s", status_quotez("a"), status_quotez("b"),
                      status_quotez("c"), status_quotez("d"));
    assert_string_equal(karma_error_message(), "a b c d");
}

static void *fail_elsewhere(void *arg) {
    assert_string_equal(karma_error_message(), "");
    (void)status_fail(KARMA_E_NET, "elsewhere");
    *(bool *)arg = strcmp(karma_error_message(), "elsewhere") == 0;
    return NULL;
}

static void each_thread_has_its_own_message(void **state) {
    (void)state;
    (void)status_fail(KARMA_E_IO, "here");
    bool seen = false;
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, fail_elsewhere, &seen), 0);
    pthread_join(t, NULL);
    assert_true(seen);
    assert_string_equal(karma_error_message(), "here");
}

static void quotes_the_end_of_a_long_path(void **state) {
    (void)state;
    char path[200];
    memset(path, 'a', sizeof(path));
    memcpy(path + sizeof(path) - 11, "\x01model.bin", 11);
    const char *shown = status_quote_path(path);
    assert_int_equal(strlen(shown), 3 + 61 + 3); /* the control byte takes four */
    assert_memory_equal(shown, "...aaa", 6);
    assert_string_equal(shown + strlen(shown) - 13, "\\x01model.bin");
    assert_string_equal(status_quote_path("short"), "short");
    assert_string_equal(status_quote_path(NULL), "(null)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(names_lead_back_to_their_codes),
        test_case(unknown_codes_are_internal_errors),
        test_case(callers_prefix_the_message),
        test_case(the_present_message_may_be_an_argument),
        test_case(an_empty_message_becomes_the_text_of_the_code),
        test_case(a_message_is_one_printable_line),
        test_case(long_messages_are_cut_between_characters),
        test_case(errno_becomes_a_status),
        test_case(quotes_escape_and_cut),
        test_case(four_quotes_fit_one_message),
        test_case(each_thread_has_its_own_message),
        test_case(quotes_the_end_of_a_long_path),
    };
    return run_group("base/status", tests);
}
