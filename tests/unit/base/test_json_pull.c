/* test_json_pull.c - the events of JSON text, where strings point, what is skipped. */
#include "tests/support/test.h"

#include <jansson.h>

#include "base/json_pull.h"

/* The events of text as letters: { } [ ] k s i u r b n and . at the end, ! for an error. */
static void events_of(const char *text, char *out) {
    static const char letters[] = "{}[]ksiurbn.";
    struct json_pull j;
    json_pull_init(&j, text, strlen(text));
    for (;;) {
        enum json_event ev;
        if (json_pull_next(&j, &ev) < 0) {
            *out++ = '!';
            break;
        }
        *out++ = letters[ev];
        if (ev == JSON_EV_END) break;
    }
    *out = '\0';
    json_pull_release(&j);
}

static void gives_events_in_order(void **state) {
    (void)state;
    static const struct {
        const char *text, *events;
    } cases[] = {
        {"{}", "{}."},
        {" [ ] ", "[]."},
        {"{\"a\": [1, {\"b\": null}], \"c\": true}", "{k[i{kn}]kb}."},
        {"[-1, 1.0, 1e2, \"\", 18446744073709551615, 18446744073709551616]", "[irrsur]."},
        {"7", "i."},
        {"[1,", "[i!"},
        {"{\"a\"}", "{!"},
        {"[}", "[!"},
        {"[] []", "[]!"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char events[64];
        events_of(cases[i].text, events);
        assert_string_equal(events, cases[i].events);
    }
}

static void lends_strings_from_the_text_when_they_have_no_escapes(void **state) {
    (void)state;
    static const char text[] = "[\"plain\", \"a\\tb\\u0000\"]";
    struct json_pull j;
    enum json_event ev;
    json_pull_init(&j, text, strlen(text));
    size_t before = mem_live_blocks();
    assert_ok(json_pull_next(&j, &ev));
    assert_ok(json_pull_next(&j, &ev));
    assert_ptr_equal(j.text, text + 2);
    assert_int_equal(j.len, 5);
    assert_int_equal(mem_live_blocks(), before);
    assert_ok(json_pull_next(&j, &ev));
    assert_int_equal(j.len, 4);
    assert_memory_equal(j.text, "a\tb\0", 4);
    json_pull_release(&j);
    assert_int_equal(mem_live_blocks(), before);
}

static void skips_whole_values(void **state) {
    (void)state;
    static const char text[] = "{\"a\": {\"x\": [1, [2]], \"y\": \"}\"}, \"b\": 5, \"c\": [[]]}";
    struct json_pull j;
    enum json_event ev;
    json_pull_init(&j, text, strlen(text));
    assert_ok(json_pull_next(&j, &ev));
    int64_t b = 0;
    for (;;) {
        assert_ok(json_pull_next(&j, &ev));
        if (ev == JSON_EV_OBJECT_END) break;
        assert_int_equal(ev, JSON_EV_KEY);
        char key = j.text[0];
        assert_ok(json_pull_next(&j, &ev));
        if (key == 'b') b = j.integer;
        assert_ok(json_pull_skip(&j, ev));
    }
    assert_int_equal(b, 5);
    assert_ok(json_pull_next(&j, &ev));
    assert_int_equal(ev, JSON_EV_END);
    json_pull_release(&j);
}

static void tells_the_offset_of_the_next_event(void **state) {
    (void)state;
    static const char text[] = " [ 1 , 22 , \"x\" ] ";
    static const size_t offsets[] = {1, 3, 7, 12, 16};
    struct json_pull j;
    enum json_event ev;
    json_pull_init(&j, text, strlen(text));
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(json_pull_offset(&j), offsets[i]);
        assert_ok(json_pull_next(&j, &ev));
    }
    json_pull_release(&j);
}

static void stays_broken_after_an_error(void **state) {
    (void)state;
    struct json_pull j;
    enum json_event ev;
    json_pull_init(&j, "[x, 1]", 6);
    assert_ok(json_pull_next(&j, &ev));
    assert_status(json_pull_next(&j, &ev), KARMA_E_SYNTAX);
    assert_status(json_pull_next(&j, &ev), KARMA_E_SYNTAX);
    assert_status(json_pull_skip(&j, JSON_EV_ARRAY_BEGIN), KARMA_E_SYNTAX);
    json_pull_release(&j);
}

static void bounds_the_length_of_numbers(void **state) {
    (void)state;
    char text[4200];
    memset(text, '1', sizeof(text));
    memcpy(text, "0.", 2);
    struct json_pull j;
    enum json_event ev;
    json_pull_init(&j, text, 4096);
    assert_ok(json_pull_next(&j, &ev));
    assert_int_equal(ev, JSON_EV_REAL);
    assert_int_equal(j.len, 4096);
    json_pull_release(&j);
    json_pull_init(&j, text, 4097);
    assert_status(json_pull_next(&j, &ev), KARMA_E_LIMIT);
    json_pull_release(&j);
}

static void fails_on_every_cut_of_a_text(void **state) {
    (void)state;
    static const char text[] = "{\"k\\u00e9\": [1.5e3, true, null, \"\xE0\xA4\x95\"], \"z\": {}}";
    for (size_t len = 0; len < strlen(text); len++) {
        char *copy = mem_strndup(text, len); /* ASan sees reads behind it */
        struct json_pull j;
        enum json_event ev;
        karma_status st;
        json_pull_init(&j, copy, len);
        do
            st = json_pull_next(&j, &ev);
        while (st == KARMA_OK && ev != JSON_EV_END);
        assert_true(st < 0);
        json_pull_release(&j);
        mem_free(copy);
    }
}

static void reports_memory_that_ends_in_a_string(void **state) {
    (void)state;
    struct json_pull j;
    enum json_event ev;
    size_t before = mem_live_blocks();
    json_pull_init(&j, "\"a\\nb\"", 6);
    mem_fail_at(1);
    assert_status(json_pull_next(&j, &ev), KARMA_E_NOMEM);
    mem_fail_at(0);
    json_pull_release(&j);
    assert_int_equal(mem_live_blocks(), before);
}

/* Whether text is JSON, by json_pull. */
static bool accepts(const char *text, size_t len) {
    struct json_pull j;
    enum json_event ev;
    karma_status st;
    json_pull_init(&j, text, len);
    do
        st = json_pull_next(&j, &ev);
    while (st == KARMA_OK && ev != JSON_EV_END);
    json_pull_release(&j);
    return st == KARMA_OK;
}

/* Every text of up to 4 characters over an alphabet that reaches each rule of the grammar. */
static void agrees_with_jansson_about_what_is_json(void **state) {
    (void)state;
    static const char alphabet[] = "{}[],:\"1-0.eE \\u";
    const size_t n = sizeof(alphabet) - 1;
    for (size_t len = 0, total = 1; len <= 4; len++, total *= n) {
        for (size_t k = 0; k < total; k++) {
            char text[8] = "";
            for (size_t i = 0, rest = k; i < len; i++, rest /= n)
                text[i] = alphabet[rest % n];
            json_t *theirs = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
            if (accepts(text, len) != (theirs != NULL)) fail_msg("they differ on '%s'", text);
            json_decref(theirs);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(gives_events_in_order),
        test_case(lends_strings_from_the_text_when_they_have_no_escapes),
        test_case(skips_whole_values),
        test_case(tells_the_offset_of_the_next_event),
        test_case(stays_broken_after_an_error),
        test_case(bounds_the_length_of_numbers),
        test_case(fails_on_every_cut_of_a_text),
        test_case(agrees_with_jansson_about_what_is_json),
        test_case(reports_memory_that_ends_in_a_string),
    };
    return run_group("base/json_pull", tests);
}
