/* test_foreign.c - files of other kinds are named and come with advice (rows 1 and AC2). */
#include "tests/support/test.h"

#include "formats/foreign.h"

static void names_the_format_of_foreign_bytes(void **state) {
    (void)state;
    static char tar[512];
    memcpy(tar + 257, "ustar", 5);
    const struct {
        const char *bytes;
        size_t len;
        const char *kind, *advice;
    } cases[] = {
        {"PK\3\4rest", 8, "zip archive", "safetensors"},
        {"\x80\x02}q\0", 5, "Python pickle", "safetensors"},
        {"\x80\x04\x95\0", 4, "Python pickle", "safetensors"},
        {"\x1f\x8b\x08", 3, "gzip", "unpack"},
        {"\x28\xb5\x2f\xfd", 4, "zstd", "unpack"},
        {tar, sizeof(tar), "tar archive", "unpack"},
        {"version https://git-lfs.github.com/spec/v1\noid", 46, "Git LFS pointer", "git lfs pull"},
        {"<!DOCTYPE html><html>", 21, "web page", "log-in or error page"},
        {"\n \t<HTML lang=en>", 17, "web page", "log-in or error page"},
        {"\xef\xbb\xbf<html>", 9, "web page", "log-in or error page"},
        {"<?xml version=\"1.0\"?><Error>", 28, "web page", "log-in or error page"},
        {"\x89HDF\r\n\x1a\n", 8, "HDF5", "safetensors"},
        {"tjgg\3\0\0\0", 8, "older than GGUF", "convert"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_status(foreign_check_bytes((const unsigned char *)cases[i].bytes, cases[i].len),
                      KARMA_E_UNSUPPORTED);
        assert_message_contains(cases[i].kind);
        assert_message_contains(cases[i].advice);
    }
}

static void lets_everything_else_pass(void **state) {
    (void)state;
    static const char *const cases[] = {"", "G", "GGUF\3", "{\"a\":1}", "P", "<", "< html", "text"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_ok(foreign_check_bytes((const unsigned char *)cases[i], strlen(cases[i])));
    }
    assert_ok(foreign_check_bytes(NULL, 0));
}

static void knows_the_names_of_pickles(void **state) {
    (void)state;
    static const char *const pickles[] = {"pytorch_model.bin", "a.pt",  "a.PTH", "last.ckpt",
                                          "asr.nemo",          "x.pkl", "m.h5",  "m.joblib"};
    static const char *const others[] = {"model.safetensors", "a.gguf", "bin", ".bin", "a.bin.txt"};
    for (size_t i = 0; i < sizeof(pickles) / sizeof(*pickles); i++) {
        assert_true(foreign_is_pickle_name(pickles[i]));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        assert_false(foreign_is_pickle_name(others[i]));
    }
    assert_status(foreign_refuse_pickle(), KARMA_E_UNSUPPORTED);
    assert_message_contains("safetensors");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(names_the_format_of_foreign_bytes),
        test_case(lets_everything_else_pass),
        test_case(knows_the_names_of_pickles),
    };
    return run_group("formats/foreign", tests);
}
