/* Tests of base/log.c. */
#include "tests/support/test.h"

#include "base/log.h"

struct heard {
    int lines;
    karma_log_level level;
    char line[2048];
};

static void hear(void *user, karma_log_level level, const char *line) {
    struct heard *h = user;
    h->lines++;
    h->level = level;
    snprintf(h->line, sizeof(h->line), "%s", line);
}

static void lines_reach_the_callers_function(void **state) {
    (void)state;
    struct heard h = {0};
    log_warn("nobody listens");
    karma_set_log(hear, &h);
    log_warn("tensor %s is %d", "x", 3);
    assert_string_equal(h.line, "tensor x is 3");
    assert_int_equal(h.level, KARMA_LOG_WARNING);
    log_note("noted");
    assert_int_equal(h.level, KARMA_LOG_NOTE);
    assert_int_equal(h.lines, 2);
    karma_set_log(NULL, NULL);
    log_warn("nobody listens");
    assert_int_equal(h.lines, 2);
}

static void a_line_is_one_line_without_terminal_codes(void **state) {
    (void)state;
    struct heard h = {0};
    karma_set_log(hear, &h);
    log_note("a\nb\x1b[0m %s", "\xc3\xa9");
    assert_string_equal(h.line, "a?b?[0m \xc3\xa9");
    char text[3000];
    memset(text, 'x', sizeof(text));
    text[2999] = '\0';
    log_note("%s", text);
    assert_int_equal(strlen(h.line), 1023);
    karma_set_log(NULL, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(lines_reach_the_callers_function),
        test_case(a_line_is_one_line_without_terminal_codes),
    };
    return run_group("base/log", tests);
}
