/* test_registered_processors.c - processors of a program's own, and what they may hand back. */
#include "tests/support/test.h"

#include "karma/processor.h"
#include "processors/processor.h"

static int begun, ended;
static const char *given = "";
static size_t given_len;
static int given_status;

static karma_status begin(const char *args_json, void **state) {
    *state = strstr(args_json, "\"loud\": true") ? "!" : "";
    begun++;
    return KARMA_OK;
}

static karma_status frame(void *state, const char *text, karma_text *result) {
    karma_status st = karma_text_append(result, "<", 1);
    if (st == KARMA_OK) st = karma_text_append(result, text, strlen(text));
    if (st == KARMA_OK) st = karma_text_append(result, state, strlen(state));
    return st == KARMA_OK ? karma_text_append(result, ">", 1) : st;
}

static void end(void *state) {
    (void)state;
    ended++;
}

static const karma_option_spec options[] = {
    {.name = "loud", .type = KARMA_OPTION_BOOL, .default_json = "false"},
    {.name = NULL},
};
static const karma_processor_class frame_class = {
    .abi_version = KARMA_PROCESSOR_ABI,
    .struct_size = sizeof(karma_processor_class),
    .info = {.name = "frame", .description = "puts it in brackets", .options = options},
    .begin = begin,
    .run = frame,
    .end = end,
};

static karma_status give(void *state, const char *text, karma_text *result) {
    (void)state;
    (void)text;
    karma_text_append(result, given, given_len);
    return (karma_status)given_status;
}

static const karma_processor_class give_class = {
    .abi_version = KARMA_PROCESSOR_ABI,
    .struct_size = sizeof(karma_processor_class),
    .info = {.name = "give"},
    .run = give,
};

static void is_listed_found_and_used_like_ours(void **state) {
    (void)state;
    karma_processor *p;
    const karma_processor_info *info;
    const char *result;
    char **names;
    size_t n;
    begun = ended = 0;
    assert_ok(karma_register_processor(&frame_class));
    assert_status(karma_register_processor(&frame_class), KARMA_E_DUPLICATE);
    assert_ok(karma_list_processors(&names, &n));
    assert_string_equal(names[n - 1], "frame");
    mem_free(names);
    assert_ok(karma_get_processor_info("frame", &info));
    assert_status(karma_processor_create("fram", NULL, &p), KARMA_E_NOTFOUND);
    assert_message_contains("did you mean 'frame'");
    assert_status(karma_processor_create("frame", "{\"loud\": 3}", &p), KARMA_E_USAGE);
    assert_ok(karma_processor_create("frame", "{\"loud\": \"yes\"}", &p));
    assert_ok(karma_processor_run(p, "a", &result));
    assert_ok(karma_processor_run(p, result, &result)); /* its own result as text */
    assert_string_equal(result, "<<a!>!>");
    karma_processor_destroy(p);
    assert_int_equal(begun, 1);
    assert_int_equal(ended, 1);
    processor_unregister(NULL);
}

static void a_table_that_is_wrong_is_refused(void **state) {
    (void)state;
    karma_processor_class c = frame_class;
    c.abi_version = 7;
    assert_status(karma_register_processor(&c), KARMA_E_ABI);
    c = frame_class;
    c.run = NULL;
    assert_status(karma_register_processor(&c), KARMA_E_MISSING);
    assert_message_contains("processor frame: no function run");
    c = frame_class;
    c.info.name = NULL;
    assert_status(karma_register_processor(&c), KARMA_E_MISSING);
    c.info.name = "general_text_processor";
    assert_status(karma_register_processor(&c), KARMA_E_DUPLICATE);
}

static void what_it_hands_back_is_checked(void **state) {
    (void)state;
    karma_processor *p;
    const char *result;
    assert_ok(karma_register_processor(&give_class));
    assert_ok(karma_processor_create("give", NULL, &p));
    assert_ok(karma_processor_run(p, "x", &result));
    assert_string_equal(result, "");
    given = "\xC3(";
    given_len = 2;
    assert_status(karma_processor_run(p, "x", &result), KARMA_E_PLUGIN);
    assert_message_contains("give: text: not valid UTF-8");
    assert_null(result);
    given = "a\0b";
    given_len = 3;
    assert_status(karma_processor_run(p, "x", &result), KARMA_E_PLUGIN);
    given = "abc";
    given_len = (size_t)1 << 40;
    assert_status(karma_processor_run(p, "x", &result), KARMA_E_PLUGIN);
    assert_message_contains("longer than");
    given = NULL;
    given_len = 1;
    assert_status(karma_processor_run(p, "x", &result), KARMA_E_PLUGIN);
    given = "ok";
    given_len = 2;
    given_status = 3;
    assert_status(karma_processor_run(p, "x", &result), KARMA_E_PLUGIN);
    assert_message_contains("returned 3");
    given_status = 0;
    assert_ok(karma_processor_run(p, NULL, &result));
    assert_string_equal(result, "ok");
    karma_processor_destroy(p);
    processor_unregister("give");
}

static karma_status use(void *ctx) {
    (void)ctx;
    karma_processor *p = NULL;
    const char *result;
    karma_status st = karma_register_processor(&frame_class);
    if (st == KARMA_OK) st = karma_processor_create("frame", "{\"loud\": true}", &p);
    if (st == KARMA_OK) st = karma_processor_run(p, "some text", &result);
    karma_processor_destroy(p);
    processor_unregister(NULL);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use, NULL) > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(is_listed_found_and_used_like_ours),
        test_case(a_table_that_is_wrong_is_refused),
        test_case(what_it_hands_back_is_checked),
        test_case(survives_every_failing_allocation),
    };
    return run_group("processors/registered_processors", tests);
}
