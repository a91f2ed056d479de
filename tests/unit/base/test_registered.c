/* test_registered.c - lists that grow at run time: order, names taken, many threads. */
#include <threads.h>

#include "base/registered.h"
#include "tests/support/test.h"

static void keeps_order_and_refuses_a_name_twice(void **state) {
    (void)state;
    struct registered r = {0};
    int one = 1, two = 2;
    assert_ok(registered_add(&r, "one", &one));
    assert_ok(registered_add(&r, "two", &two));
    assert_status(registered_add(&r, "one", &two), KARMA_E_DUPLICATE);
    assert_message_contains("'one'");
    assert_ptr_equal(registered_find(&r, "one"), &one);
    assert_null(registered_find(&r, "three"));
    struct arena a = {0};
    static const char *const own[] = {"ours"};
    const char **names;
    size_t n;
    assert_ok(registered_names(&r, &a, own, 1, &names, &n));
    assert_int_equal(n, 3);
    assert_string_equal(names[0], "ours");
    assert_string_equal(names[1], "one");
    assert_string_equal(names[2], "two");
    assert_null(names[3]);
    arena_release(&a);
    assert_null(registered_remove(&r, "three"));
    assert_ptr_equal(registered_remove(&r, "one"), &one);
    assert_ptr_equal(registered_remove(&r, NULL), &two);
    assert_null(registered_remove(&r, NULL));
}

enum { THREADS = 8, EACH = 50 };

struct adder {
    struct registered *list;
    char names[EACH][32];
};

static int add_many(void *arg) {
    struct adder *a = arg;
    int added = 0;
    for (int i = 0; i < EACH; i++)
        added += registered_add(a->list, a->names[i], a) == KARMA_OK;
    return added;
}

static void gives_each_name_to_one_of_many_threads(void **state) {
    (void)state;
    struct registered r = {0};
    static struct adder adders[THREADS];
    thrd_t threads[THREADS];
    int total = 0;
    for (int t = 0; t < THREADS; t++) {
        adders[t].list = &r;
        for (int i = 0; i < EACH; i++)
            snprintf(adders[t].names[i], sizeof(adders[t].names[i]), "name-%d", i);
        assert_int_equal(thrd_create(&threads[t], add_many, &adders[t]), thrd_success);
    }
    for (int t = 0; t < THREADS; t++) {
        int added;
        thrd_join(threads[t], &added);
        total += added;
    }
    assert_int_equal(total, EACH);
    assert_int_equal(r.count, EACH);
    while (registered_remove(&r, NULL))
        continue;
}

static karma_status use(void *ctx) {
    (void)ctx;
    struct registered r = {0};
    struct arena a = {0};
    const char **names;
    size_t n;
    char text[20][16];
    karma_status st = KARMA_OK;
    for (int i = 0; i < 20 && st == KARMA_OK; i++) {
        snprintf(text[i], sizeof(text[i]), "n%d", i);
        st = registered_add(&r, text[i], &r);
    }
    if (st == KARMA_OK) st = registered_names(&r, &a, NULL, 0, &names, &n);
    arena_release(&a);
    while (registered_remove(&r, NULL))
        continue;
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use, NULL) >= 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(keeps_order_and_refuses_a_name_twice),
        test_case(gives_each_name_to_one_of_many_threads),
        test_case(survives_every_failing_allocation),
    };
    return run_group("base/registered", tests);
}
