/* test_ctc.c - decoding against enumeration: every path of a few frames, summed by text. */
#include "nn/ctc.h"

#include <math.h>

#include "tests/support/test.h"

enum { FRAMES = 6, TOKENS = 4, BLANK = 3, MAX_TEXTS = 5000 };

static float logits[FRAMES * TOKENS];
static const struct ctc_scores scores = {logits, FRAMES, TOKENS, TOKENS, BLANK};

static void draw(uint32_t *s) {
    for (int i = 0; i < FRAMES * TOKENS; i++) {
        *s = *s * 1664525u + 1013904223u;
        logits[i] = (float)(6 * ((double)(*s >> 8) / 0x1p24 - 0.5));
    }
}

static double logprob(int t, int k) {
    double sum = 0;
    for (int i = 0; i < TOKENS; i++)
        sum += exp((double)logits[t * TOKENS + i]);
    return (double)logits[t * TOKENS + k] - log(sum);
}

struct sum {
    int32_t tokens[FRAMES];
    int count;
    double probability, best_path;
};
static struct sum texts[MAX_TEXTS];
static int n_texts;

static void add_path(const int *path) {
    struct sum text = {0};
    double p = 0;
    for (int t = 0; t < FRAMES; t++) {
        p += logprob(t, path[t]);
        if (path[t] != BLANK && (t == 0 || path[t - 1] != path[t]))
            text.tokens[text.count++] = path[t];
    }
    int i = 0;
    while (i < n_texts && (texts[i].count != text.count ||
                           memcmp(texts[i].tokens, text.tokens, sizeof(text.tokens)) != 0))
        i++;
    if (i == n_texts) {
        assert_true(n_texts < MAX_TEXTS);
        texts[n_texts] = text;
        texts[n_texts++].best_path = -INFINITY;
    }
    texts[i].probability += exp(p);
    if (p > texts[i].best_path) texts[i].best_path = p;
}

static void enumerate(void) {
    int path[FRAMES] = {0};
    n_texts = 0;
    for (int n = 0; n < 4096; n++) { /* TOKENS to the power of FRAMES */
        for (int t = 0, rest = n; t < FRAMES; t++, rest /= TOKENS)
            path[t] = rest % TOKENS;
        add_path(path);
    }
}

/* The text worth most with a bonus for `word` in it; ties do not occur. */
static const struct sum *best_text(const int32_t *word, int len, double bonus) {
    const struct sum *best = NULL;
    double best_score = -INFINITY;
    for (int i = 0; i < n_texts; i++) {
        double score = log(texts[i].probability);
        for (int at = 0; len && at + len <= texts[i].count; at++)
            if (memcmp(texts[i].tokens + at, word, (size_t)len * sizeof(*word)) == 0)
                score += bonus * len;
        if (score <= best_score) continue;
        best_score = score;
        best = &texts[i];
    }
    return best;
}

static void assert_text(const struct heard *h, const struct sum *want) {
    assert_int_equal(h->count, want->count);
    for (size_t i = 0; i < h->count; i++)
        assert_int_equal(h->tokens[i].id, want->tokens[i]);
}

static const struct ctc_beam_options whole = {
    .width = 4096, .token_floor = -1e9f, .beam_floor = -1e9f};

static void a_wide_beam_finds_the_likeliest_text(void **state) {
    (void)state;
    uint32_t seed = 7;
    for (int round = 0; round < 200; round++) {
        struct heard h = {0};
        draw(&seed);
        enumerate();
        const struct sum *want = best_text(NULL, 0, 0);
        assert_ok(ctc_beam(&scores, &whole, &h));
        assert_text(&h, want);
        assert_true(fabs(h.logprob - log(want->probability)) < 1e-9);
        heard_release(&h);
    }
}

static void a_beam_is_never_worse_than_greedy(void **state) {
    (void)state;
    uint32_t seed = 70;
    struct ctc_beam_options narrow = ctc_beam_defaults();
    for (int round = 0; round < 300; round++) {
        struct heard greedy = {0}, beam = {0};
        draw(&seed);
        narrow.width = 1 + round % 5;
        assert_ok(ctc_greedy(&scores, &greedy));
        assert_ok(ctc_beam(&scores, &narrow, &beam));
        if (narrow.width >= 4) assert_true(beam.logprob >= greedy.logprob - 1e-9);
        heard_release(&greedy);
        heard_release(&beam);
    }
}

static void hot_words_move_the_likeliest_text(void **state) {
    (void)state;
    uint32_t seed = 99;
    int moved = 0;
    for (int round = 0; round < 200; round++) {
        const int32_t word[] = {round % 3, (round + 1) % 3};
        struct ctc_beam_options o = whole;
        struct hot_words *hot;
        struct heard h = {0};
        draw(&seed);
        enumerate();
        assert_ok(hot_words_create(&hot));
        assert_ok(hot_words_add(hot, word, 2, 0.8f));
        o.hot = hot;
        assert_ok(ctc_beam(&scores, &o, &h));
        const struct sum *want = best_text(word, 2, (double)0.8f);
        assert_text(&h, want);
        moved += want != best_text(NULL, 0, 0);
        heard_release(&h);
        hot_words_destroy(hot);
    }
    assert_true(moved > 10);
}

static double bonus_of(const struct hot_words *w, const char *text) {
    double sum = 0, step;
    int32_t state = 0;
    for (; *text; text++) {
        state = hot_words_step(w, state, *text, &step);
        sum += step;
    }
    return sum + hot_words_end(w, state);
}

static void hot_words_keep_what_they_finish(void **state) {
    (void)state;
    static const char *const words[] = {"para", "paracetamol", "tamil"};
    struct hot_words *w;
    assert_ok(hot_words_create(&w));
    for (size_t i = 0; i < 3; i++) {
        int32_t ids[16];
        size_t n = strlen(words[i]);
        for (size_t k = 0; k < n; k++)
            ids[k] = words[i][k];
        assert_ok(hot_words_add(w, ids, n, 1));
    }
    assert_status(hot_words_add(w, NULL, 0, 1), KARMA_E_RANGE);
    assert_true(bonus_of(w, "par") == 0);
    assert_true(bonus_of(w, "para") == 4);
    assert_true(bonus_of(w, "paracet") == 4);
    assert_true(bonus_of(w, "paracetamol") == 11);
    assert_true(bonus_of(w, "paracetamil") == 9); /* "para", then "tamil" out of the middle */
    assert_true(bonus_of(w, "paraxpara") == 8);
    assert_true(bonus_of(w, "tampara") == 4);
    assert_true(bonus_of(NULL, "para") == 0);
    hot_words_destroy(w);
}

static void greedy_collapses_runs_and_keeps_their_frames(void **state) {
    (void)state;
    static const int path[] = {BLANK, 1, 1, BLANK, 1, 2, 2, 2, BLANK, 0};
    static const struct heard_token want[] = {
        {1, 1, 3, 0}, {1, 4, 5, 0}, {2, 5, 8, 0}, {0, 9, 10, 0}};
    float rows[10 * TOKENS] = {0};
    const struct ctc_scores s = {rows, 10, TOKENS, TOKENS, BLANK};
    struct heard h = {0};
    for (int t = 0; t < 10; t++)
        rows[t * TOKENS + path[t]] = 3;
    assert_ok(ctc_greedy(&s, &h));
    assert_int_equal(h.count, 4);
    const double each = 3 - log(exp(3) + 3);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(h.tokens[i].id, want[i].id);
        assert_int_equal(h.tokens[i].begin, want[i].begin);
        assert_int_equal(h.tokens[i].end, want[i].end);
        assert_true(fabs((double)h.tokens[i].logprob - each) < 1e-6);
    }
    assert_true(fabs(h.logprob - 10 * each) < 1e-9);
    heard_release(&h);
}

static void equal_maxima_go_to_the_first(void **state) {
    (void)state;
    float row[TOKENS] = {1, 2, 2, 2};
    const struct ctc_scores s = {row, 1, TOKENS, TOKENS, BLANK};
    struct heard h = {0};
    assert_ok(ctc_greedy(&s, &h));
    assert_int_equal(h.count, 1);
    assert_int_equal(h.tokens[0].id, 1);
    heard_release(&h);
}

static void no_frames_are_no_text(void **state) {
    (void)state;
    const struct ctc_scores s = {NULL, 0, TOKENS, TOKENS, BLANK};
    const struct ctc_beam_options o = ctc_beam_defaults();
    struct heard h = {0};
    assert_ok(ctc_greedy(&s, &h));
    assert_ok(ctc_beam(&s, &o, &h));
    assert_int_equal(h.count, 0);
    heard_release(&h);
}

static void aligns_along_the_best_path(void **state) {
    (void)state;
    uint32_t seed = 3;
    for (int round = 0; round < 100; round++) {
        draw(&seed);
        enumerate();
        for (int i = 0; i < n_texts; i += 7) {
            struct heard h = {0};
            assert_ok(ctc_align(&scores, texts[i].tokens, (size_t)texts[i].count, &h));
            assert_text(&h, &texts[i]);
            assert_true(fabs(h.logprob - texts[i].best_path) < 1e-9);
            for (size_t k = 0; k + 1 < h.count; k++)
                assert_true(h.tokens[k].end <= h.tokens[k + 1].begin);
            heard_release(&h);
        }
    }
    const int32_t long_text[] = {0, 0, 0, 1, 1};
    struct heard h = {0};
    assert_status(ctc_align(&scores, long_text, 5, &h), KARMA_E_RANGE);
    assert_message_contains("too few");
    heard_release(&h);
}

static void scores_that_are_no_numbers_decide_nothing(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY};
    for (int i = 0; i < 2 * TOKENS; i++) {
        const int32_t text[] = {0, 1};
        const struct ctc_beam_options o = ctc_beam_defaults();
        struct heard h = {0};
        uint32_t seed = 7;
        draw(&seed);
        logits[3 * TOKENS + i % TOKENS] = bad[i / TOKENS];
        assert_status(ctc_greedy(&scores, &h), KARMA_E_NONFINITE);
        assert_message_contains("frame 3");
        assert_status(ctc_beam(&scores, &o, &h), KARMA_E_NONFINITE);
        assert_status(ctc_align(&scores, text, 2, &h), KARMA_E_NONFINITE);
        heard_release(&h);
    }
}

static void a_token_that_cannot_be_is_no_error(void **state) {
    (void)state;
    struct heard h = {0};
    uint32_t seed = 7;
    draw(&seed);
    for (int t = 0; t < FRAMES; t++)
        logits[t * TOKENS] = -INFINITY;
    assert_ok(ctc_greedy(&scores, &h));
    for (size_t i = 0; i < h.count; i++)
        assert_true(h.tokens[i].id != 0);
    heard_release(&h);
}

static karma_status attempt(void *ctx) {
    (void)ctx;
    const int32_t word[] = {0, 1};
    struct ctc_beam_options o = ctc_beam_defaults();
    struct hot_words *hot;
    struct heard h = {0};
    karma_status st = hot_words_create(&hot);
    if (st < 0) return st;
    st = hot_words_add(hot, word, 2, 1);
    o.hot = hot;
    if (st == KARMA_OK) st = ctc_beam(&scores, &o, &h);
    if (st == KARMA_OK) st = ctc_greedy(&scores, &h);
    heard_release(&h);
    hot_words_destroy(hot);
    return st;
}

static void survives_any_failing_allocation(void **state) {
    (void)state;
    uint32_t seed = 5;
    draw(&seed);
    assert_true(for_each_failing_allocation(attempt, NULL) > 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_wide_beam_finds_the_likeliest_text),
        test_case(a_beam_is_never_worse_than_greedy),
        test_case(hot_words_move_the_likeliest_text),
        test_case(hot_words_keep_what_they_finish),
        test_case(greedy_collapses_runs_and_keeps_their_frames),
        test_case(equal_maxima_go_to_the_first),
        test_case(no_frames_are_no_text),
        test_case(aligns_along_the_best_path),
        test_case(scores_that_are_no_numbers_decide_nothing),
        test_case(a_token_that_cannot_be_is_no_error),
        test_case(survives_any_failing_allocation),
    };
    return run_group("nn/ctc", tests);
}
