/* test_order.c - samples that begin alike are asked one after the other; equal ones in their order.
 */
#include "eval/order.h"
#include "tests/support/test.h"

/* A file of n questions, the texts and options of which text(i) says. */
static karma_dataset *open_set(const char *name, size_t n, const char *(*text)(size_t i)) {
    struct buf b = {0};
    karma_dataset *d;
    for (size_t i = 0; i < n; i++)
        assert_ok(buf_printf(&b, "{\"id\": \"q%zu\", \"question\": \"%s\", \"answer\": \"yes\"}\n",
                             i, text(i)));
    assert_ok(karma_dataset_open(write_text(name, buf_str(&b)), NULL, &d));
    buf_release(&b);
    return d;
}

static karma_status sorted(karma_dataset *d, size_t *at, size_t n) {
    struct order o = {0};
    const karma_sample *sample;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        at[i] = i;
        st = karma_dataset_get(d, i, &sample);
        if (st == KARMA_OK) st = order_look(&o, sample);
    }
    if (st == KARMA_OK) st = order_sort(&o, d, at, n);
    order_release(&o);
    return st;
}

static const char *scattered(size_t i) {
    static char text[200];
    snprintf(text, sizeof(text), "Read this. Passage %zu of the book. Question %zu?", i % 3,
             9 - i / 3);
    return text;
}

static void what_begins_alike_comes_together(void **state) {
    (void)state;
    enum { N = 12 };
    static const size_t want[N] = {9, 6, 3, 0, 10, 7, 4, 1, 11, 8, 5, 2};
    size_t at[N];
    karma_dataset *d = open_set("scattered.jsonl", N, scattered);
    assert_ok(sorted(d, at, N));
    assert_memory_equal(at, want, sizeof(want));
    karma_dataset_close(d);
}

static const char *the_same(size_t i) {
    (void)i;
    return "Is it?";
}

static void equal_ones_stay_in_their_order(void **state) {
    (void)state;
    enum { N = 40 };
    size_t at[N];
    karma_dataset *d = open_set("same.jsonl", N, the_same);
    assert_ok(sorted(d, at, N));
    for (size_t i = 0; i < N; i++)
        assert_int_equal(at[i], i);
    karma_dataset_close(d);
}

/* Alike further than is kept: what differs behind that does not count. */
static const char *far(size_t i) {
    static char text[ORDER_LONGEST + 200];
    memset(text, 'x', sizeof(text));
    text[0] = i % 2 ? 'a' : 'b';
    snprintf(text + ORDER_LONGEST + 100, 100, "%zu", 9 - i);
    return text;
}

static void no_more_than_a_bound_is_kept_of_each(void **state) {
    (void)state;
    enum { N = 6 };
    static const size_t want[N] = {1, 3, 5, 0, 2, 4};
    size_t at[N];
    karma_dataset *d = open_set("far.jsonl", N, far);
    assert_ok(sorted(d, at, N));
    assert_memory_equal(at, want, sizeof(want));
    karma_dataset_close(d);
}

static void pictures_come_before_words(void **state) {
    (void)state;
    struct order o = {0};
    const karma_image one = {.digest = "11"}, two = {.digest = "12"};
    const karma_sample a = {
        .struct_size = sizeof(a), .input = "same", .images = &one, .n_images = 1};
    const karma_sample b = {
        .struct_size = sizeof(b), .input = "same", .images = &two, .n_images = 1};
    assert_ok(order_look(&o, &a));
    assert_ok(order_look(&o, &b));
    assert_int_equal(o.common, 1); /* of the digests */
    const karma_audio sound = {.path = "x.wav"};
    const karma_sample c = {.struct_size = sizeof(c), .audio = &sound};
    size_t at[2] = {1, 0};
    assert_ok(order_look(&o, &c));
    assert_ok(order_sort(&o, NULL, at, 2)); /* recordings: as they come */
    assert_int_equal(at[0], 1);
    order_release(&o);
}

static karma_status sort_a_few(void *ctx) {
    size_t at[6];
    karma_dataset *d;
    karma_status st = karma_dataset_open(ctx, NULL, &d);
    if (st == KARMA_OK) st = sorted(d, at, 6);
    karma_dataset_close(d);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    karma_dataset_close(open_set("few.jsonl", 6, scattered));
    char path[256];
    snprintf(path, sizeof(path), "%s", test_path("few.jsonl"));
    for_each_failing_allocation(sort_a_few, path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(what_begins_alike_comes_together),     test_case(equal_ones_stay_in_their_order),
        test_case(no_more_than_a_bound_is_kept_of_each), test_case(pictures_come_before_words),
        test_case(survives_every_failing_allocation),
    };
    return run_group("eval/order", tests);
}
