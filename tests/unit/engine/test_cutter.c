/* test_cutter.c - where recordings are cut, and that the pieces make the recording again. */
#include <math.h>

#include "engine/cutter.h"
#include "tests/support/test.h"

enum { RATE = 1000 };

static struct cutter_config small(void) {
    struct cutter_config c = cutter_defaults();
    c.sample_rate = RATE; /* 25 samples a frame */
    return c;
}

/* A loud tone, silent from quiet_from to quiet_to (seconds). */
static float *recording(int64_t n, double quiet_from, double quiet_to) {
    float *x = malloc((size_t)(n + 1) * sizeof(*x));
    for (int64_t i = 0; i < n; i++) {
        const double t = (double)i / RATE;
        x[i] = t >= quiet_from && t < quiet_to ? 0 : (float)sin((double)i);
    }
    return x;
}

enum { MAX_PIECES = 400 };
static struct piece pieces[MAX_PIECES];
static int n_pieces;

/* Feed in portions; each piece must be the samples it says it is. */
static void cut_up(const struct cutter_config *config, const float *x, int64_t n, size_t portion,
                   size_t *most_held) {
    struct cutter *c;
    n_pieces = 0;
    assert_ok(cutter_create(config, &c));
    for (int64_t at = 0;;) {
        struct piece p;
        const size_t room = cutter_room(c), left = (size_t)(n - at);
        size_t take = portion < room ? portion : room;
        if (take > left) take = left;
        if (take == 0)
            cutter_end(c);
        else
            assert_ok(cutter_push(c, x + at, take));
        at += (int64_t)take;
        while (cutter_next(c, &p) == KARMA_OK) {
            assert_memory_equal(p.samples, x + p.begin, (size_t)(p.end - p.begin) * sizeof(*x));
            assert_true(n_pieces < MAX_PIECES);
            if (most_held && (size_t)(at - p.begin) > *most_held)
                *most_held = (size_t)(at - p.begin);
            pieces[n_pieces++] = p;
        }
        if (take == 0) break;
    }
    assert_true(n_pieces > 0);
    assert_true(pieces[n_pieces - 1].last);
    assert_int_equal(pieces[n_pieces - 1].end, n);
    cutter_destroy(c);
}

/* Every sample is of one piece alone, and within what that piece holds. */
static void check_cover(const struct cutter_config *config, int64_t n) {
    for (int i = 0; i < n_pieces; i++) {
        const struct piece *p = &pieces[i];
        assert_int_equal(p->from, i == 0 ? 0 : pieces[i - 1].to);
        assert_true(p->begin <= p->from && p->from < p->end);
        assert_true(p->last || (p->to <= p->end && p->to > p->from));
        if (n_pieces > 1) {
            assert_true((double)(p->end - p->begin) <= config->piece_s * RATE);
            assert_true((double)(p->end - p->begin) >= config->search_s * RATE);
        }
    }
    assert_int_equal(pieces[0].begin, 0);
    assert_int_equal(pieces[n_pieces - 1].end, n);
}

static void a_short_recording_is_one_piece(void **state) {
    (void)state;
    const struct cutter_config c = small();
    float *x = recording(40000, 5, 6);
    static const int64_t lengths[] = {1, 400, 25000, 25001, 30000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        cut_up(&c, x, lengths[i], 777, NULL);
        assert_int_equal(n_pieces, 1);
        assert_int_equal(pieces[0].from, 0);
    }
    cut_up(&c, x, 30001, 777, NULL);
    assert_int_equal(n_pieces, 2);
    free(x);
}

static void cuts_in_the_middle_of_a_pause(void **state) {
    (void)state;
    const struct cutter_config c = small();
    float *x = recording(35000, 22.0, 22.5);
    cut_up(&c, x, 35000, 1000, NULL);
    assert_int_equal(n_pieces, 2);
    assert_true(pieces[0].end > 22000 && pieces[0].end < 22500);
    assert_int_equal(pieces[1].begin, pieces[0].end); /* no overlap */
    check_cover(&c, 35000);
    free(x);
}

static void pieces_overlap_where_there_is_no_pause(void **state) {
    (void)state;
    const struct cutter_config c = small();
    float *x = recording(61000, -1, -1);
    cut_up(&c, x, 61000, 1000, NULL);
    assert_true(n_pieces >= 3);
    for (int i = 1; i < n_pieces; i++) {
        assert_int_equal(pieces[i - 1].end - pieces[i].begin, 2000);
        assert_int_equal(pieces[i].from, pieces[i].begin + 1000);
    }
    check_cover(&c, 61000);
    free(x);
}

static void no_last_piece_is_a_crumb(void **state) {
    (void)state;
    const struct cutter_config c = small();
    float *x = recording(120000, 23.9, 24.0);
    for (int64_t n = 30001; n < 120000; n += 1009) {
        cut_up(&c, x, n, 4096, NULL);
        check_cover(&c, n);
    }
    free(x);
}

static void portions_leave_no_trace(void **state) {
    (void)state;
    static const size_t portions[] = {1, 13, 24999, 1000000};
    const struct cutter_config c = small();
    float *x = recording(90000, 48.2, 48.9);
    struct piece want[MAX_PIECES];
    cut_up(&c, x, 90000, 500, NULL);
    const int n = n_pieces;
    memcpy(want, pieces, sizeof(want));
    for (size_t i = 0; i < 4; i++) {
        cut_up(&c, x, 90000, portions[i], NULL);
        assert_int_equal(n_pieces, n);
        for (int k = 0; k < n; k++) {
            assert_int_equal(pieces[k].begin, want[k].begin);
            assert_int_equal(pieces[k].end, want[k].end);
            assert_int_equal(pieces[k].to, want[k].to);
        }
    }
    free(x);
}

static void an_hour_takes_the_memory_of_a_piece(void **state) {
    (void)state;
    const struct cutter_config c = small();
    float *x = recording(3600000, 100, 101);
    size_t held = 0;
    cut_up(&c, x, 3600000, 16384, &held);
    check_cover(&c, 3600000);
    assert_true(held <= 30001);
    free(x);
}

static void one_pass_is_one_piece(void **state) {
    (void)state;
    struct cutter_config c = small();
    c.whole = true;
    float *x = recording(100000, 5, 6);
    cut_up(&c, x, 100000, 16384, NULL);
    assert_int_equal(n_pieces, 1);
    free(x);
}

static void figures_must_fit_each_other(void **state) {
    (void)state;
    struct cutter *c;
    struct cutter_config config = small();
    config.piece_s = 6;
    assert_status(cutter_create(&config, &c), KARMA_E_RANGE);
    assert_null(c);
}

static void a_cutter_serves_recording_after_recording(void **state) {
    (void)state;
    const struct cutter_config config = small();
    struct cutter *c;
    struct piece p;
    float *x = recording(500, -1, -1);
    assert_ok(cutter_create(&config, &c));
    for (int i = 0; i < 3; i++) {
        assert_ok(cutter_push(c, x, 500));
        assert_int_equal(cutter_next(c, &p), KARMA_DONE);
        cutter_end(c);
        assert_int_equal(cutter_next(c, &p), KARMA_OK);
        assert_int_equal(p.begin, 0);
        assert_int_equal(p.end, 500);
        assert_int_equal(cutter_next(c, &p), KARMA_DONE);
    }
    assert_ok(cutter_push(c, x, 100));
    cutter_reset(c);
    assert_ok(cutter_push(c, x, 7));
    cutter_end(c);
    assert_int_equal(cutter_next(c, &p), KARMA_OK);
    assert_int_equal(p.end, 7);
    cutter_destroy(c);
    free(x);
}

static karma_status cut_once(void *ctx) {
    const struct cutter_config config = small();
    struct cutter *c;
    struct piece p;
    karma_status st = cutter_create(&config, &c);
    for (int i = 0; i < 8 && st == KARMA_OK; i++) {
        st = cutter_push(c, ctx, 5000);
        while (st == KARMA_OK && cutter_next(c, &p) == KARMA_OK)
            continue;
    }
    cutter_destroy(c);
    return st;
}

static void every_failing_allocation_is_told(void **state) {
    (void)state;
    float *x = recording(5000, -1, -1);
    assert_true(for_each_failing_allocation(cut_once, x) >= 2);
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_short_recording_is_one_piece),
        test_case(cuts_in_the_middle_of_a_pause),
        test_case(pieces_overlap_where_there_is_no_pause),
        test_case(no_last_piece_is_a_crumb),
        test_case(portions_leave_no_trace),
        test_case(an_hour_takes_the_memory_of_a_piece),
        test_case(one_pass_is_one_piece),
        test_case(figures_must_fit_each_other),
        test_case(a_cutter_serves_recording_after_recording),
        test_case(every_failing_allocation_is_told),
    };
    return run_group("engine/cutter", tests);
}
