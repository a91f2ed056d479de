/* test_in_flight.c - what is known of samples with which a process died. Deaths are made by hand: a
 * file as a run leaves it that had no time to remove it. */
#include <unistd.h>

#include "base/file.h"
#include "eval/in_flight.h"
#include "tests/support/test.h"

static const unsigned char one[STORE_KEY_BYTES] = {1, 7}, two[STORE_KEY_BYTES] = {2, 7};

/* A process ended while it had n samples. */
static void die_with(const char *store, const unsigned char (*keys)[STORE_KEY_BYTES], size_t n) {
    static int number;
    char name[4200];
    snprintf(name, sizeof(name), "%s-run-%016x", store, (unsigned)++number);
    assert_ok(file_write_atomic(name, keys, n * STORE_KEY_BYTES, 0600));
}

static enum suspicion look(struct in_flight *f, const unsigned char *key) {
    enum suspicion out;
    assert_ok(in_flight_look(f, key, &out));
    return out;
}

static size_t files_beside(const char *store) {
    struct arena a = {0};
    const char *const *names;
    size_t n, found = 0;
    char start[256];
    snprintf(start, sizeof(start), "%s-run-", file_base_name(store));
    assert_ok(file_list(&a, test_dir(), &names, &n));
    for (size_t i = 0; i < n; i++)
        found += strncmp(names[i], start, strlen(start)) == 0;
    arena_release(&a);
    return found;
}

static void two_deaths_alone_leave_a_sample_out(void **state) {
    (void)state;
    const char *path = test_path("alone.db");
    struct store *s;
    struct in_flight *f;
    assert_ok(store_open(path, &s));
    static const enum suspicion expected[] = {SUSPICION_NONE, SUSPICION_ALONE, SUSPICION_LEFT_OUT};
    for (int deaths = 0; deaths <= 2; deaths++) {
        assert_ok(in_flight_open(s, &f));
        assert_int_equal(look(f, one), expected[deaths]);
        assert_int_equal(look(f, two), SUSPICION_NONE);
        in_flight_close(f);
        die_with(path, &one, 1);
    }
    assert_ok(store_close(s));
}

static void deaths_in_company_make_suspects_and_no_more(void **state) {
    (void)state;
    const char *path = test_path("company.db");
    struct store *s;
    struct in_flight *f;
    unsigned char both[3][STORE_KEY_BYTES] = {{0}};
    memcpy(both[1], one, sizeof(one)); /* the first place is for one that is asked alone */
    memcpy(both[2], two, sizeof(two));
    assert_ok(store_open(path, &s));
    for (int deaths = 0; deaths < 5; deaths++) {
        die_with(path, (const unsigned char(*)[STORE_KEY_BYTES])both, 3);
        assert_ok(in_flight_open(s, &f));
        assert_int_equal(look(f, one), SUSPICION_ALONE);
        assert_int_equal(look(f, two), SUSPICION_ALONE);
        in_flight_close(f);
    }
    assert_ok(store_close(s));
    assert_int_equal(files_beside(path), 0);
}

/* Its own run goes on: two processes on one store. */
static void a_file_that_is_held_is_left_alone(void **state) {
    (void)state;
    const char *path = test_path("held.db");
    struct store *s, *other;
    struct in_flight *f, *g;
    assert_ok(store_open(path, &s));
    assert_ok(store_open(path, &other));
    assert_ok(in_flight_open(s, &f));
    in_flight_begin(f, one, false);
    assert_ok(in_flight_open(other, &g));
    assert_int_equal(files_beside(path), 2);
    assert_int_equal(look(g, one), SUSPICION_NONE);
    in_flight_close(f);
    in_flight_close(g);
    assert_int_equal(files_beside(path), 0);
    assert_ok(store_close(s));
    assert_ok(store_close(other));
}

static void the_file_holds_what_the_model_has(void **state) {
    (void)state;
    const char *path = test_path("bytes.db");
    struct store *s;
    struct in_flight *f;
    struct arena a = {0};
    const char *const *names;
    size_t n;
    struct buf bytes = {0};
    assert_ok(store_open(path, &s));
    assert_ok(in_flight_open(s, &f));
    in_flight_begin(f, one, false);
    in_flight_begin(f, two, false);
    in_flight_end(f, one);
    assert_ok(file_list(&a, test_dir(), &names, &n));
    for (size_t i = 0; i < n; i++)
        if (strncmp(names[i], "bytes.db-run-", 13) == 0)
            assert_ok(file_read(file_join(&a, test_dir(), names[i]), 1 << 20, &bytes));
    assert_int_equal(bytes.len, 3 * STORE_KEY_BYTES);
    assert_int_equal(bytes.data[STORE_KEY_BYTES], 0);
    assert_memory_equal(bytes.data + 2 * STORE_KEY_BYTES, two, STORE_KEY_BYTES);
    in_flight_begin(f, one, true);
    in_flight_clear(f);
    in_flight_close(f);
    assert_ok(store_close(s));
    buf_release(&bytes);
    arena_release(&a);
}

static void a_store_in_memory_has_none(void **state) {
    (void)state;
    struct store *s;
    struct in_flight *f;
    assert_ok(store_open(NULL, &s));
    assert_ok(in_flight_open(s, &f));
    assert_null(f);
    in_flight_begin(f, one, false);
    in_flight_end(f, one);
    in_flight_clear(f);
    in_flight_close(f);
    assert_int_equal(look(f, one), SUSPICION_NONE);
    assert_ok(store_close(s));
}

static karma_status open_and_close(void *ctx) {
    struct in_flight *f;
    const karma_status st = in_flight_open(ctx, &f);
    in_flight_close(f);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct store *s;
    assert_ok(store_open(test_path("memory.db"), &s));
    assert_true(for_each_failing_allocation(open_and_close, s) > 3);
    assert_ok(store_close(s));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(two_deaths_alone_leave_a_sample_out),
        test_case(deaths_in_company_make_suspects_and_no_more),
        test_case(a_file_that_is_held_is_left_alone),
        test_case(the_file_holds_what_the_model_has),
        test_case(a_store_in_memory_has_none),
        test_case(survives_every_failing_allocation),
    };
    return run_group("eval/in_flight", tests);
}
