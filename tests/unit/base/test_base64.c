/* test_base64.c - bytes from text, and what is no base64. */
#include "tests/support/test.h"

#include "base/base64.h"

static karma_status decode(const char *text, char *out) {
    struct arena a = {0};
    const unsigned char *bytes;
    size_t n;
    karma_status st = base64_decode(&a, text, strlen(text), &bytes, &n);
    if (st == KARMA_OK) memcpy(out, bytes, n);
    out[st == KARMA_OK ? n : 0] = '\0';
    arena_release(&a);
    return st;
}

static void decodes_the_vectors_of_the_standard(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"Zm9vYmFy", "foobar"},
        {"+/+/", "\xFB\xFF\xBF"},
        {"Zm9v\nYm\r\n Fy", "foobar"},
    };
    char out[16];
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        assert_ok(decode(pairs[i][0], out));
        assert_string_equal(out, pairs[i][1]);
    }
}

static void refuses_what_is_not_whole(void **state) {
    (void)state;
    static const char *const wrong[] = {"Zg",   "Zg=",  "Z",    "Zm9v=", "Zg==Zg==", "Zm9-",
                                        "Zm=v", "====", "Zh==", "Zm9=",  "Zg===",    "=Zg="};
    char out[16];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_status(decode(wrong[i], out), KARMA_E_ENCODING);
    assert_status(decode("Zm9vYm\x80", out), KARMA_E_ENCODING);
    assert_message_contains("byte 6");
}

static void encodes_what_it_decodes(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"Zg==", "f"},
        {"Zm8=", "fo"},
        {"Zm9v", "foo"},
        {"Zm9vYg==", "foob"},
        {"Zm9vYmE=", "fooba"},
        {"+/+/", "\xFB\xFF\xBF"},
    };
    struct buf b = {0};
    struct arena a = {0};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        buf_clear(&b);
        assert_ok(base64_encode(&b, pairs[i][1], strlen(pairs[i][1])));
        assert_string_equal(buf_str(&b), pairs[i][0]);
    }
    unsigned char all[256];
    const unsigned char *back;
    size_t n;
    for (int i = 0; i < 256; i++)
        all[i] = (unsigned char)(255 - i);
    buf_clear(&b);
    assert_ok(base64_encode(&b, all, sizeof(all)));
    assert_ok(base64_decode(&a, buf_str(&b), b.len, &back, &n));
    assert_int_equal(n, sizeof(all));
    assert_memory_equal(back, all, n);
    arena_release(&a);
    buf_release(&b);
}

static karma_status attempt(void *ctx) {
    char out[16];
    (void)ctx;
    return decode("Zm9v", out);
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(decodes_the_vectors_of_the_standard),
        test_case(refuses_what_is_not_whole),
        test_case(encodes_what_it_decodes),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/base64", tests);
}
