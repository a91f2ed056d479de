/* test_image_encoder.c - pictures through the tower: what is kept and what is dropped, ceilings,
 * cancelling, and that nothing a picture gives depends on what came before. */
#include "tests/support/test.h"

#include <math.h>

#include "engine/image_encoder.h"
#include "models/vision.h"
#include "tests/support/tiny_checkpoint.h"

static const char see_folder[] = "tests/fixtures/models/gemma3_see";
enum { SIZE = 28, PIXELS = 3 * SIZE * SIZE, TOKENS = 4, WIDTH = 28, FLOATS = TOKENS * WIDTH };
/* What one picture takes of the cache. */
static const size_t picture =
    FLOATS * sizeof(float) + sizeof(struct image_rows) + sizeof(struct image_rows *);

struct rig {
    struct loaded l;
    struct golden g;
    const float *pixels, *features; /* of two pictures */
    struct image_encoder *e;
};

static void rig_open(struct rig *r, const struct image_encoder_options *o) {
    int64_t n;
    loaded_open(&r->l, see_folder, 2);
    golden_open(&r->g, see_folder);
    r->pixels = golden_values(&r->g, "pixel_values", &n);
    assert_int_equal(n, 2 * PIXELS);
    r->features = golden_values(&r->g, "features", &n);
    assert_int_equal(n, 2 * FLOATS);
    assert_ok(image_encoder_create(r->l.model, o, &r->e));
}

static void rig_release(struct rig *r) {
    image_encoder_destroy(r->e);
    golden_release(&r->g);
    loaded_release(&r->l);
}

/* A digest that stands for number i. */
static const unsigned char *digest_of(int i) {
    static unsigned char digests[8][32];
    memset(digests[i], 0xa0 + i, sizeof(digests[i]));
    return digests[i];
}

static struct image_rows *run(struct rig *r, int image, int digest) {
    struct image_rows *rows;
    assert_ok(
        image_encoder_run(r->e, r->pixels + image * PIXELS, digest_of(digest), NULL, NULL, &rows));
    return rows;
}

/* Is it kept? Makes it the newest. */
static bool has(struct rig *r, int digest) {
    struct image_rows *rows = image_encoder_find(r->e, digest_of(digest));
    image_rows_unref(rows);
    return rows != NULL;
}

static void rows_equal_the_reference_whatever_came_before(void **state) {
    (void)state;
    const struct image_encoder_options o = {0};
    struct rig r;
    rig_open(&r, &o);
    struct image_rows *first = run(&r, 0, 0), *second = run(&r, 1, 1), *again = run(&r, 0, 0);
    assert_int_equal(first->count, TOKENS);
    assert_int_equal(first->width, WIDTH);
    assert_memory_equal(first->digest, digest_of(0), 32);
    assert_memory_equal(first->data, again->data, FLOATS * sizeof(float));
    /* The set for bf16 rounds what lies between. */
    const bool rounds = strncmp(r.l.be->ops->describe(r.l.be), "avx512bf16", 10) == 0;
    assert_close(first->data, r.features, FLOATS, rounds ? 0.1 : 1e-4);
    assert_close(second->data, r.features + FLOATS, FLOATS, rounds ? 0.1 : 1e-4);
    assert_int_equal(first->refs, 1); /* nothing is kept without a cache */
    assert_null(image_encoder_find(r.e, digest_of(0)));
    struct image_encoder_stats stats;
    image_encoder_get_stats(r.e, &stats);
    assert_int_equal(stats.encoded, 3);
    assert_int_equal(stats.found, 0);
    image_rows_unref(first);
    image_rows_unref(second);
    image_rows_unref(again);
    rig_release(&r);
}

static void the_longest_unused_goes_first(void **state) {
    (void)state;
    const struct image_encoder_options o = {.cache_bytes = 3 * picture + picture / 2};
    struct rig r;
    rig_open(&r, &o);
    struct image_rows *rows = run(&r, 0, 0);
    assert_int_equal(rows->refs, 2);
    struct image_rows *found = image_encoder_find(r.e, digest_of(0));
    assert_ptr_equal(found, rows);
    assert_int_equal(rows->refs, 3);
    image_rows_unref(found);
    for (int i = 1; i < 3; i++)
        image_rows_unref(run(&r, 1, i));
    assert_true(has(&r, 0)); /* so 1 is the oldest */
    image_rows_unref(run(&r, 1, 3));
    assert_false(has(&r, 1));
    assert_true(has(&r, 2));
    assert_true(has(&r, 3));
    assert_true(has(&r, 0));
    /* 2 is the oldest; one that is kept already takes no second place. */
    image_rows_unref(run(&r, 0, 0));
    assert_true(has(&r, 2));
    image_rows_unref(run(&r, 1, 4)); /* 3 goes */
    image_rows_unref(run(&r, 1, 5)); /* 0 goes, which somebody still holds */
    assert_false(has(&r, 0));
    assert_false(has(&r, 3));
    assert_int_equal(rows->refs, 1);
    assert_memory_equal(rows->digest, digest_of(0), 32);
    image_rows_unref(rows);
    struct image_encoder_stats stats;
    image_encoder_get_stats(r.e, &stats);
    assert_int_equal(stats.encoded, 7);
    assert_int_equal(stats.found, 6);
    rig_release(&r);
}

static void rows_outlive_the_encoder(void **state) {
    (void)state;
    const struct image_encoder_options o = {.cache_bytes = picture};
    struct rig r;
    rig_open(&r, &o);
    struct image_rows *rows = run(&r, 0, 0);
    rig_release(&r);
    assert_int_equal(rows->refs, 1);
    assert_true(isfinite(rows->data[FLOATS - 1]));
    image_rows_unref(rows);
}

static void ceilings_count_weights_and_cache(void **state) {
    (void)state;
    struct loaded l;
    struct image_encoder *e;
    size_t bare, cached, again;
    struct image_encoder_options o = {0};
    loaded_open(&l, see_folder, 1);
    assert_ok(image_encoder_measure(l.model, &o, &bare));
    o.cache_bytes = 10 * picture + 5;
    assert_ok(image_encoder_measure(l.model, &o, &cached));
    assert_int_equal(cached, bare + 10 * picture);
    assert_ok(image_encoder_create(l.model, &o, &e));
    assert_int_equal(image_encoder_bytes(e), cached);
    image_encoder_destroy(e);
    o.ceiling_bytes = l.model->info.weight_bytes + l.model->info.private_bytes + cached;
    assert_ok(image_encoder_create(l.model, &o, &e));
    image_encoder_destroy(e);
    o.ceiling_bytes--;
    assert_status(image_encoder_create(l.model, &o, &e), KARMA_E_LIMIT);
    assert_null(e);
    assert_message_contains("28 x 28");
    assert_status(image_encoder_measure(l.model, &o, &again), KARMA_E_LIMIT);
    assert_int_equal(again, cached);
    /* A cache of any size is one of so many pictures. */
    o = (struct image_encoder_options){.cache_bytes = SIZE_MAX, .ceiling_bytes = SIZE_MAX};
    assert_ok(image_encoder_measure(l.model, &o, &again));
    assert_true(again > cached && again < bare + ((size_t)1 << 28));
    image_encoder_destroy(NULL);
    loaded_release(&l);
}

static void what_does_not_see_is_refused(void **state) {
    (void)state;
    static const char *const folders[] = {"tests/fixtures/models/gemma3",
                                          "tests/fixtures/models/qwen3_tied"};
    const struct image_encoder_options o = {0};
    for (int i = 0; i < 2; i++) {
        struct loaded l;
        struct image_encoder *e;
        size_t bytes;
        loaded_open(&l, folders[i], 1);
        assert_status(image_encoder_create(l.model, &o, &e), KARMA_E_UNSUPPORTED);
        assert_null(e);
        assert_message_contains("sees nothing");
        assert_status(image_encoder_measure(l.model, &o, &bytes), KARMA_E_UNSUPPORTED);
        loaded_release(&l);
    }
}

struct patience {
    int asked, given;
};

static bool out_of_patience(void *user) {
    struct patience *p = user;
    return ++p->asked > p->given;
}

static void a_cancelled_picture_is_not_kept(void **state) {
    (void)state;
    const struct image_encoder_options o = {.cache_bytes = 4 * picture};
    struct rig r;
    rig_open(&r, &o);
    for (int given = 0; given < 2; given++) {
        struct image_rows *rows;
        struct patience p = {.given = given};
        assert_status(image_encoder_run(r.e, r.pixels, digest_of(0), out_of_patience, &p, &rows),
                      KARMA_E_CANCELLED);
        assert_null(rows);
        assert_int_equal(p.asked, given + 1);
        assert_false(has(&r, 0));
    }
    image_rows_unref(run(&r, 0, 0));
    assert_true(has(&r, 0));
    rig_release(&r);
}

static void what_is_no_number_is_an_error_and_not_kept(void **state) {
    (void)state;
    static float pixels[PIXELS];
    const struct image_encoder_options o = {.cache_bytes = 4 * picture};
    struct rig r;
    struct image_rows *rows;
    rig_open(&r, &o);
    pixels[17] = NAN;
    assert_status(image_encoder_run(r.e, pixels, digest_of(0), NULL, NULL, &rows),
                  KARMA_E_NONFINITE);
    assert_null(rows);
    assert_false(has(&r, 0));
    struct image_rows *good = run(&r, 0, 1); /* and leaves nothing behind */
    assert_true(isfinite(good->data[0]));
    image_rows_unref(good);
    rig_release(&r);
}

struct once {
    const struct model *model;
    const float *pixels;
};

static karma_status encode_once(void *ctx) {
    const struct once *o = ctx;
    const struct image_encoder_options options = {.cache_bytes = 2 * picture};
    struct image_encoder *e;
    struct image_rows *rows = NULL;
    karma_status st = image_encoder_create(o->model, &options, &e);
    for (int i = 0; st == KARMA_OK && i < 3; i++) {
        image_rows_unref(rows);
        st = image_encoder_run(e, o->pixels, digest_of(i), NULL, NULL, &rows);
    }
    image_rows_unref(rows);
    image_encoder_destroy(e);
    return st;
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    const struct image_encoder_options o = {0};
    struct rig r;
    rig_open(&r, &o);
    struct once once = {.model = r.l.model, .pixels = r.pixels};
    assert_true(for_each_failing_allocation(encode_once, &once) >= 8);
    rig_release(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(rows_equal_the_reference_whatever_came_before),
        test_case(the_longest_unused_goes_first),
        test_case(rows_outlive_the_encoder),
        test_case(ceilings_count_weights_and_cache),
        test_case(what_does_not_see_is_refused),
        test_case(a_cancelled_picture_is_not_kept),
        test_case(what_is_no_number_is_an_error_and_not_kept),
        test_case(every_failing_allocation_is_reported),
    };
    return run_group("engine/image_encoder", tests);
}
