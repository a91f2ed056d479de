/* Tests of base/map.c. */
#include "tests/support/test.h"

#include "base/map.h"

static karma_status put_u64(struct map *m, const char *key, size_t len, uint64_t v) {
    struct map_entry *e;
    bool added;
    karma_status st = map_put(m, key, len, &e, &added);
    if (st == KARMA_OK) e->value.u64 = v;
    return st;
}

static void finds_what_was_put_in_insertion_order(void **state) {
    (void)state;
    enum { N = 20000 };
    struct map m = {0};
    char key[32];
    assert_null(map_find(&m, "x", 1));
    for (uint64_t i = 0; i < N; i++) {
        int len = snprintf(key, sizeof(key), "key %llu", (unsigned long long)i * 7919 % N);
        assert_ok(put_u64(&m, key, (size_t)len, i));
    }
    assert_int_equal(m.count, N);
    for (uint64_t i = 0; i < N; i++) {
        int len = snprintf(key, sizeof(key), "key %llu", (unsigned long long)i * 7919 % N);
        const struct map_entry *e = map_find(&m, key, (size_t)len);
        assert_non_null(e);
        assert_int_equal(e->value.u64, i);
        assert_ptr_equal(e, &m.entries[i]);
        assert_string_equal(e->key, key);
    }
    assert_null(map_find(&m, "key 20000", 9));
    map_release(&m);
    assert_null(map_find(&m, "key 1", 5));
    assert_ok(put_u64(&m, "again", 5, 1));
    map_release(&m);
}

static void putting_twice_finds_the_first(void **state) {
    (void)state;
    struct map m = {0};
    struct map_entry *e;
    bool added;
    assert_ok(map_put(&m, "k", 1, &e, &added));
    assert_true(added);
    assert_int_equal(e->value.u64, 0);
    e->value.u64 = 5;
    assert_ok(map_put(&m, "k", 1, &e, &added));
    assert_false(added);
    assert_int_equal(e->value.u64, 5);
    assert_int_equal(m.count, 1);
    map_release(&m);
}

static void keys_are_bytes_and_copied(void **state) {
    (void)state;
    struct map m = {0};
    char key[4] = {'a', 0, 'b', 0};
    assert_ok(put_u64(&m, key, 3, 1));
    assert_ok(put_u64(&m, key, 1, 2));
    assert_ok(put_u64(&m, key, 0, 3));
    assert_ok(put_u64(&m, key, 4, 4));
    memset(key, 'z', sizeof(key));
    assert_int_equal(map_find(&m, "a\0b", 3)->value.u64, 1);
    assert_int_equal(map_find(&m, "a", 1)->value.u64, 2);
    assert_int_equal(map_find(&m, "", 0)->value.u64, 3);
    assert_int_equal(map_find(&m, NULL, 0)->value.u64, 3);
    assert_int_equal(map_find(&m, "a\0b\0", 4)->value.u64, 4);
    assert_null(map_find(&m, "a\0", 2));
    map_release(&m);
}

static void hash_depends_on_every_byte_and_the_length(void **state) {
    (void)state;
    unsigned char key[24] = {0};
    uint64_t base = map_hash(key, sizeof(key));
    assert_int_equal(map_hash(key, sizeof(key)), base);
    for (size_t i = 0; i < sizeof(key); i++) {
        for (int bit = 0; bit < 8; bit++) {
            key[i] = (unsigned char)(1 << bit);
            assert_int_not_equal(map_hash(key, sizeof(key)), base);
        }
        key[i] = 0;
    }
    for (size_t len = 0; len < sizeof(key); len++)
        assert_int_not_equal(map_hash(key, len), base);
}

static karma_status fill(void *ctx) {
    (void)ctx;
    struct map m = {0};
    karma_status st = KARMA_OK;
    char key[16];
    for (int i = 0; i < 60 && st == KARMA_OK; i++) {
        int len = snprintf(key, sizeof(key), "%d", i);
        size_t count = m.count;
        st = put_u64(&m, key, (size_t)len, 1);
        if (st < 0) { /* what was there is still whole */
            assert_int_equal(m.count, count);
            assert_null(map_find(&m, key, (size_t)len));
            if (i) assert_non_null(map_find(&m, "0", 1));
        }
    }
    map_release(&m);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(fill, NULL) > 60);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(finds_what_was_put_in_insertion_order),
        test_case(putting_twice_finds_the_first),
        test_case(keys_are_bytes_and_copied),
        test_case(hash_depends_on_every_byte_and_the_length),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/map", tests);
}
