/* Tests of base/sha256.c: the standard's examples, and that fields cannot run into each other. */
#include "tests/support/test.h"

#include "base/sha256.h"

static const char *hex_of(struct sha256 *s) {
    static char hex[65];
    unsigned char digest[32];
    sha256_end(s, digest);
    sha256_hex(digest, hex);
    return hex;
}

static void gives_the_standards_digests(void **state) {
    (void)state;
    struct sha256 s;
    sha256_begin(&s);
    assert_string_equal(hex_of(&s),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_begin(&s);
    sha256_add(&s, "a", 1);
    sha256_add(&s, NULL, 0);
    sha256_add(&s, "bc", 2);
    assert_string_equal(hex_of(&s),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* The digest of two text fields. */
static void digest_of(const char *a, const char *b, unsigned char out[32]) {
    struct sha256 s;
    sha256_begin(&s);
    sha256_field_str(&s, a);
    sha256_field_str(&s, b);
    sha256_end(&s, out);
}

static void fields_do_not_run_into_each_other(void **state) {
    (void)state;
    static const char *const texts[] = {NULL, "", "a", "b", "ab", "aa"};
    enum { N = sizeof(texts) / sizeof(texts[0]) };
    unsigned char digests[N * N][32];
    for (int i = 0; i < N * N; i++)
        digest_of(texts[i / N], texts[i % N], digests[i]);
    for (int i = 0; i < N * N; i++) {
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(digests[i], digests[k], 32);
    }
}

static void a_field_is_its_length_little_endian_and_its_bytes(void **state) {
    (void)state;
    struct sha256 a, b;
    unsigned char da[32], db[32];
    sha256_begin(&a);
    sha256_field(&a, "xyz", 3);
    sha256_field_u64(&a, 0x0102030405060708u);
    sha256_end(&a, da);
    sha256_begin(&b);
    sha256_add(&b, "\3\0\0\0\0\0\0\0xyz\x08\x07\x06\x05\x04\x03\x02\x01", 19);
    sha256_end(&b, db);
    assert_memory_equal(da, db, 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(gives_the_standards_digests),
        test_case(fields_do_not_run_into_each_other),
        test_case(a_field_is_its_length_little_endian_and_its_bytes),
    };
    return run_group("base/sha256", tests);
}
