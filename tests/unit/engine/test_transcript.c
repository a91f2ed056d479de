/* test_transcript.c - tokens of pieces to text and words; pieces that overlap told once. */
#include <math.h>

#include "engine/transcript.h"
#include "tests/support/test.h"

#define MARK "\xe2\x96\x81"

enum { RATE = 16000 };

static const char *const pieces[] = {"<unk>", MARK "ka", "ri", MARK "mo", "ta", MARK, "e\xcc\x81"};
static const struct speech_language language = {.code = "hi", .pieces = pieces};

static struct transcript_config config(enum transcript_unit unit) {
    return (struct transcript_config){
        .sample_rate = RATE, .step_s = 0.08, .keep_units = true, .unit = unit};
}

/* Token id in steps [begin, end). */
static void hear(struct heard *h, int32_t id, int32_t begin, int32_t end) {
    const struct heard_token t = {.id = id, .begin = begin, .end = end, .logprob = -0.5f};
    assert_ok(heard_push(h, t));
}

static struct piece piece_of(double begin_s, double end_s, double from_s, double to_s) {
    return (struct piece){.begin = (int64_t)(begin_s * RATE),
                          .end = (int64_t)(end_s * RATE),
                          .from = (int64_t)(from_s * RATE),
                          .to = (int64_t)(to_s * RATE)};
}

static const char *unit(const struct transcript *t, size_t i) {
    static char text[4][64];
    static int at;
    char *out = text[at++ & 3];
    const struct transcript_unit_heard *u = &t->units[i];
    snprintf(out, 64, "%.*s", (int)(u->end_byte - u->begin_byte),
             t->unit_text.data + u->begin_byte);
    return out;
}

static void marks_become_blanks_and_ends_are_stripped(void **state) {
    (void)state;
    struct transcript t = {0};
    struct heard h = {0};
    const struct transcript_config c = config(TRANSCRIPT_WORDS);
    const struct piece p = piece_of(0, 10, 0, 10);
    transcript_begin(&t, &c);
    hear(&h, 1, 2, 3);
    hear(&h, 2, 3, 5);
    hear(&h, 0, 6, 7);
    hear(&h, 3, 10, 11);
    hear(&h, 5, 12, 13);
    assert_ok(transcript_add(&t, &p, &language, &h));
    assert_int_equal(h.count, 0);
    assert_ok(transcript_end(&t));
    assert_string_equal(buf_str(&t.text), "kari<unk> mo");
    assert_int_equal(t.n_units, 2);
    assert_string_equal(unit(&t, 0), "kari<unk>");
    assert_true(fabs(t.units[0].begin_s - 0.16) < 1e-9);
    assert_true(fabs(t.units[0].end_s - 0.56) < 1e-9);
    assert_true(fabs(t.units[0].logprob + 0.5) < 1e-9);
    assert_string_equal(unit(&t, 1), "mo");
    transcript_release(&t);
}

static void a_first_piece_without_a_mark_begins_a_word(void **state) {
    (void)state;
    struct transcript t = {0};
    struct heard h = {0};
    const struct transcript_config c = config(TRANSCRIPT_WORDS);
    const struct piece p = piece_of(5, 10, 5, 10);
    transcript_begin(&t, &c);
    hear(&h, 2, 1, 2);
    hear(&h, 3, 4, 5);
    assert_ok(transcript_add(&t, &p, &language, &h));
    assert_ok(transcript_end(&t));
    assert_string_equal(buf_str(&t.text), "ri mo");
    assert_true(fabs(t.units[0].begin_s - 5.08) < 1e-9);
    transcript_release(&t);
}

static void a_mark_by_itself_begins_the_next_word(void **state) {
    (void)state;
    struct transcript t = {0};
    struct heard h = {0};
    const struct transcript_config c = config(TRANSCRIPT_WORDS);
    const struct piece p = piece_of(0, 10, 0, 10);
    transcript_begin(&t, &c);
    hear(&h, 1, 0, 1);
    hear(&h, 5, 3, 4);
    hear(&h, 4, 5, 6);
    assert_ok(transcript_add(&t, &p, &language, &h));
    assert_ok(transcript_end(&t));
    assert_string_equal(buf_str(&t.text), "ka ta");
    assert_int_equal(t.n_units, 2);
    assert_string_equal(unit(&t, 1), "ta");
    assert_true(fabs(t.units[1].begin_s - 0.24) < 1e-9);
    transcript_release(&t);
}

static void unknown_pieces_can_be_left_out(void **state) {
    (void)state;
    struct transcript t = {0};
    struct heard h = {0};
    struct transcript_config c = config(TRANSCRIPT_WORDS);
    const struct piece p = piece_of(0, 10, 0, 10);
    c.drop_unknown = true;
    transcript_begin(&t, &c);
    hear(&h, 1, 0, 1);
    hear(&h, 0, 3, 4);
    assert_ok(transcript_add(&t, &p, &language, &h));
    assert_ok(transcript_end(&t));
    assert_string_equal(buf_str(&t.text), "ka");
    transcript_release(&t);
}

static void tokens_keep_their_marks(void **state) {
    (void)state;
    struct transcript t = {0};
    struct heard h = {0};
    const struct transcript_config c = config(TRANSCRIPT_TOKENS);
    const struct piece p = piece_of(0, 10, 0, 10);
    transcript_begin(&t, &c);
    hear(&h, 1, 0, 1);
    hear(&h, 1, 2, 3); /* the same again after a blank: two */
    assert_ok(transcript_add(&t, &p, &language, &h));
    assert_ok(transcript_end(&t));
    assert_int_equal(t.n_units, 2);
    assert_string_equal(unit(&t, 1), MARK "ka");
    transcript_release(&t);
}

static void texts_cut_at_a_pause_are_joined_by_a_blank(void **state) {
    (void)state;
    struct transcript t = {0};
    struct heard h = {0};
    const struct transcript_config c = config(TRANSCRIPT_WORDS);
    const struct piece first = piece_of(0, 20, 0, 20), silent = piece_of(20, 30, 20, 30),
                       last = piece_of(30, 40, 30, 40);
    transcript_begin(&t, &c);
    hear(&h, 1, 0, 1);
    hear(&h, 5, 2, 3);
    assert_ok(transcript_add(&t, &first, &language, &h));
    assert_ok(transcript_add(&t, &silent, &language, &h));
    hear(&h, 2, 0, 1);
    assert_ok(transcript_add(&t, &last, &language, &h));
    assert_ok(transcript_end(&t));
    assert_string_equal(buf_str(&t.text), "ka ri");
    assert_int_equal(t.n_units, 2);
    assert_true(fabs(t.units[1].begin_s - 30) < 1e-9);
    transcript_release(&t);
}

/*
 * A stream of tokens said at known times, heard in two pieces that overlap by 2 s, each on its own
 * grid of steps and up to a step early or late: whatever the offset, each is told once, in order.
 */
static void nothing_is_lost_or_doubled_at_a_cut(void **state) {
    (void)state;
    const struct transcript_config c = config(TRANSCRIPT_TOKENS);
    for (int offset = 0; offset < 64; offset++) {
        for (int spacing = 5; spacing <= 12; spacing++) { /* steps between tokens */
            const double cut = 23 + offset * 0.0137, half = 1;
            const struct piece a = piece_of(0, cut + half, 0, cut),
                               b = piece_of(cut - half, 45, cut, 45);
            struct heard in_a = {0}, in_b = {0};
            struct transcript t = {0};
            int n = 0;
            transcript_begin(&t, &c);
            for (double s = 1; s < 44; s += spacing * 0.08, n++) {
                const int jitter_a = n % 3 - 1, jitter_b = (n + 1) % 3 - 1;
                const int32_t id = 1 + n % 4;
                const double in_b_s = s - (double)b.begin / RATE;
                const int32_t at_a = (int32_t)(s / 0.08) + jitter_a;
                const int32_t at_b = (int32_t)floor(in_b_s / 0.08) + jitter_b;
                if (s < (double)a.end / RATE - 0.2) hear(&in_a, id, at_a, at_a + 1);
                if (in_b_s > 0.2) hear(&in_b, id, at_b, at_b + 1);
            }
            assert_ok(transcript_add(&t, &a, &language, &in_a));
            assert_ok(transcript_add(&t, &b, &language, &in_b));
            assert_ok(transcript_end(&t));
            assert_int_equal(t.n_units, n);
            for (int i = 0; i < n; i++)
                assert_string_equal(unit(&t, (size_t)i), pieces[1 + i % 4]);
            transcript_release(&t);
        }
    }
}

static void a_word_goes_on_over_a_cut_through_it(void **state) {
    (void)state;
    const struct transcript_config c = config(TRANSCRIPT_WORDS);
    const struct piece a = piece_of(0, 24, 0, 23), b = piece_of(22, 40, 23, 40);
    struct heard in_a = {0}, in_b = {0};
    struct transcript t = {0};
    transcript_begin(&t, &c);
    hear(&in_a, 1, 280, 281); /* 22.4 s */
    hear(&in_a, 2, 294, 295); /* 23.5 s */
    hear(&in_b, 1, 5, 6);     /* 22.4 s */
    hear(&in_b, 2, 19, 20);   /* 23.5 s */
    assert_ok(transcript_add(&t, &a, &language, &in_a));
    assert_ok(transcript_add(&t, &b, &language, &in_b));
    assert_ok(transcript_end(&t));
    assert_string_equal(buf_str(&t.text), "kari");
    assert_int_equal(t.n_units, 1);
    transcript_release(&t);
}

static void silence_is_an_empty_text(void **state) {
    (void)state;
    struct transcript t = {0};
    struct heard h = {0};
    const struct transcript_config c = config(TRANSCRIPT_WORDS);
    const struct piece p = piece_of(0, 1, 0, 1);
    transcript_begin(&t, &c);
    assert_ok(transcript_add(&t, &p, &language, &h));
    assert_ok(transcript_end(&t));
    assert_string_equal(buf_str(&t.text), "");
    assert_int_equal(t.n_units, 0);
    transcript_release(&t);
}

static karma_status attempt(void *ctx) {
    (void)ctx;
    struct transcript t = {0};
    struct heard h = {0};
    const struct transcript_config c = config(TRANSCRIPT_WORDS);
    const struct piece p = piece_of(0, 20, 0, 20), next = piece_of(20, 30, 20, 30);
    karma_status st = KARMA_OK;
    transcript_begin(&t, &c);
    for (int i = 0; st == KARMA_OK && i < 200; i++)
        st = heard_push(&h, (struct heard_token){.id = 1 + i % 4, .begin = i, .end = i + 1});
    if (st == KARMA_OK) st = transcript_add(&t, &p, &language, &h);
    if (st == KARMA_OK) st = transcript_add(&t, &next, &language, &h);
    if (st == KARMA_OK) st = transcript_end(&t);
    heard_release(&h);
    transcript_release(&t);
    return st;
}

static void every_failing_allocation_is_told(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(marks_become_blanks_and_ends_are_stripped),
        test_case(a_first_piece_without_a_mark_begins_a_word),
        test_case(a_mark_by_itself_begins_the_next_word),
        test_case(unknown_pieces_can_be_left_out),
        test_case(tokens_keep_their_marks),
        test_case(texts_cut_at_a_pause_are_joined_by_a_blank),
        test_case(nothing_is_lost_or_doubled_at_a_cut),
        test_case(a_word_goes_on_over_a_cut_through_it),
        test_case(silence_is_an_empty_text),
        test_case(every_failing_allocation_is_told),
    };
    return run_group("engine/transcript", tests);
}
