/* test_pretokenize.c - where the scanners cut; the boundaries were made with the reference. */
#include "text/pretokenize.h"

#include "base/buf.h"
#include "tests/support/test.h"

static karma_status collect(void *self, const char *piece, size_t len) {
    struct buf *out = self;
    karma_status st = buf_putc(out, '[');
    if (st == KARMA_OK) st = buf_append(out, piece, len);
    return st < 0 ? st : buf_putc(out, ']');
}

static void cut(const struct pretokenizer *p, const char *text, size_t len, struct buf *out) {
    struct pretoken_sink sink = {.take = collect, .self = out};
    assert_ok(pretokenize(p, text, len, true, &sink));
}

static void check(const struct pretokenizer *p, const char *text, const char *wanted) {
    struct buf out = {0};
    cut(p, text, strlen(text), &out);
    assert_string_equal(buf_str(&out), wanted);
    buf_release(&out);
}

static struct pretokenizer one(struct pretoken_step step) {
    struct pretokenizer p = {.n_steps = 0};
    assert_ok(pretokenizer_add(&p, step));
    return p;
}

static const struct pretoken_step words = {.kind = PRETOKEN_WORDS, .max_digits = 1};

static void words_end_where_the_pattern_says(void **state) {
    (void)state;
    struct pretokenizer p = one(words);
    check(&p,
          "x'\xC5\xBF"
          "ab",
          "[x]['\xC5\xBF][ab]"); /* the long s folds to s */
    check(&p, " 's", "[ '][s]");
    check(&p, "a \n b", "[a][ \n][ b]");
    check(&p, "  \n\n  x", "[  \n\n][ ][ x]");
    check(&p, "!!\n\nx", "[!!\n\n][x]");
    check(&p, "!! \n", "[!!][ \n]");
    check(&p, "\t\tx", "[\t][\tx]");
    check(&p, "1a", "[1][a]");
    check(&p, "\n x", "[\n][ x]");
    check(&p, "\xC2\xA0 a", "[\xC2\xA0][ a]");
    check(&p, "I'LL don't 'x '", "[I]['LL][ don]['t][ '][x][ ']");
    check(&p, "123 456", "[1][2][3][ ][4][5][6]");
    check(&p, "a  ", "[a][  ]");
    check(&p, "a   b", "[a][  ][ b]");
    check(&p, "a\r\n\r\nb", "[a][\r\n\r\n][b]");
    check(&p, "\n!x", "[\n][!x]");
    check(&p, " !x", "[ !][x]");
    check(&p, "\t!x", "[\t][!x]");
    check(&p, "'", "[']");
    check(&p, "'l", "['l]");
    /* marks are no letters: a word of Devanagari falls apart */
    check(&p, "\xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\xB7", "[\xE0\xA4\x95][\xE0\xA5\x8D\xE0\xA4\xB7]");
}

static void llama_3_keeps_three_digits_together(void **state) {
    (void)state;
    struct pretokenizer p = one((struct pretoken_step){.kind = PRETOKEN_WORDS, .max_digits = 3});
    check(&p, "1234567 x", "[123][456][7][ x]");
    check(&p,
          "\xD9\xA3\xD9\xA4"
          "12",
          "[\xD9\xA3\xD9\xA4"
          "1][2]");
}

static void gpt_2_knows_no_lines_and_no_upper_case(void **state) {
    (void)state;
    struct pretokenizer p = one((struct pretoken_step){.kind = PRETOKEN_GPT2});
    check(&p, "don't DON'T", "[don]['t][ DON]['][T]");
    check(&p, "a\n\nb  c ", "[a][\n][\n][b][ ][ c][ ]");
    check(&p, "x12 34!? y", "[x][12][ 34][!?][ y]");
    check(&p, "\tx", "[\t][x]");
    check(&p, "  ", "[  ]");
}

static void digits_apart_make_stretches_of_their_own(void **state) {
    (void)state;
    struct pretokenizer p =
        one((struct pretoken_step){.kind = PRETOKEN_DIGITS, .individual = true});
    check(&p, "abc 123\xC2\xBD", "[abc ][1][2][3][\xC2\xBD]");
    assert_ok(pretokenizer_add(&p, (struct pretoken_step){.kind = PRETOKEN_GPT2}));
    check(&p, "abc 123", "[abc][ ][1][2][3]"); /* the space ends its stretch */
    struct pretokenizer runs = one((struct pretoken_step){.kind = PRETOKEN_DIGITS});
    check(&runs, "abc 123x4", "[abc ][123][x][4]");
}

static void a_fixed_string_splits_in_every_way(void **state) {
    (void)state;
    struct pretoken_step s = {.kind = PRETOKEN_LITERAL, .text = "-", .len = 1};
    static const struct {
        enum split_behavior behavior;
        bool invert;
        const char *wanted; /* of "-the-final--countdown-" */
    } cases[] = {
        {SPLIT_REMOVED, false, "[the][final][countdown]"},
        {SPLIT_ISOLATED, false, "[-][the][-][final][-][-][countdown][-]"},
        {SPLIT_WITH_PREVIOUS, false, "[-][the-][final-][-][countdown-]"},
        {SPLIT_WITH_NEXT, false, "[-the][-final][-][-countdown][-]"},
        {SPLIT_CONTIGUOUS, false, "[-][the][-][final][--][countdown][-]"},
        {SPLIT_REMOVED, true, "[-][-][-][-][-]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s.behavior = cases[i].behavior;
        s.invert = cases[i].invert;
        struct pretokenizer p = one(s);
        check(&p, "-the-final--countdown-", cases[i].wanted);
    }
    struct pretokenizer gemma = one((struct pretoken_step){
        .kind = PRETOKEN_LITERAL, .text = " ", .len = 1, .behavior = SPLIT_WITH_PREVIOUS});
    check(&gemma, "no space", "[no ][space]");
    check(&gemma, "none", "[none]");
}

static void metaspace_marks_words(void **state) {
    (void)state;
    struct pretoken_step s = {.kind = PRETOKEN_METASPACE, .split = true, .text = "_", .len = 1};
    struct pretokenizer p = one(s);
    check(&p, "a b  c ", "[_a][_b][_][_c][_]");
    check(&p, " a", "[_a]");
    check(&p, "_a", "[_a]");
    s.prepend = PREPEND_NEVER;
    s.split = false;
    p = one(s);
    check(&p, "a b", "[a_b]");
    s.prepend = PREPEND_FIRST;
    p = one(s);
    check(&p, "a b", "[_a_b]");
    struct buf out = {0};
    struct pretoken_sink sink = {.take = collect, .self = &out};
    assert_ok(pretokenize(&p, "a b", 3, false, &sink));
    assert_string_equal(buf_str(&out), "[a_b]");
    buf_release(&out);
}

static void white_space_and_a_space_in_front(void **state) {
    (void)state;
    struct pretokenizer p = one((struct pretoken_step){.kind = PRETOKEN_WHITESPACE});
    check(&p,
          " a\xC2\xA0"
          "b\n\nc ",
          "[a][b][c]");
    check(&p, "  ", "");
    struct pretokenizer q = one((struct pretoken_step){.kind = PRETOKEN_PREFIX_SPACE});
    check(&q, "a b", "[ a b]");
    check(&q, " a", "[ a]");
}

static void refuses_a_pattern_it_does_not_know_and_prints_it(void **state) {
    (void)state;
    struct pretoken_step step;
    const char *pattern = "\\p{L}+|\\p{N}";
    assert_status(pretoken_pattern(pattern, strlen(pattern), &step), KARMA_E_UNSUPPORTED);
    assert_message_contains("\\p{L}+|\\p{N}");
    struct pretokenizer p = {.n_steps = PRETOKEN_MAX_STEPS};
    assert_status(pretokenizer_add(&p, words), KARMA_E_LIMIT);
}

static void nothing_is_lost_between_pieces(void **state) {
    (void)state;
    static const char *const alphabet[] = {" ",        "\n",
                                           "\r",       "\t",
                                           "'",        "s",
                                           "S",        "1",
                                           "!",        "\xC2\xA0",
                                           "\xC5\xBF", "\xE0\xA4\xA8",
                                           "\xCC\x81", "\xF0\x9F\x98\x80"};
    const struct pretoken_step steps[] = {
        words, {.kind = PRETOKEN_GPT2}, {.kind = PRETOKEN_DIGITS, .individual = true}};
    unsigned random = 5;
    for (int round = 0; round < 6000; round++) {
        char text[200];
        size_t len = 0, n = random % 40;
        for (size_t i = 0; i < n; i++) {
            random = random * 1103515245u + 12345u;
            const char *s = alphabet[(random >> 16) % 14];
            memcpy(text + len, s, strlen(s));
            len += strlen(s);
        }
        if (len == 0) {
            random++;
            continue;
        }
        struct buf out = {0}, joined = {0};
        struct pretokenizer p = one(steps[round % 3]);
        cut(&p, text, len, &out);
        for (size_t i = 0; i < out.len; i++)
            if (out.data[i] != '[' && out.data[i] != ']') assert_ok(buf_putc(&joined, out.data[i]));
        assert_int_equal(joined.len, len);
        assert_memory_equal(joined.data, text, len);
        assert_null(strstr(out.data, "[]"));
        buf_release(&out);
        buf_release(&joined);
    }
}

static void punctuation_and_words_stand_apart(void **state) {
    (void)state;
    struct pretokenizer p = {.n_steps = 0};
    assert_ok(pretokenizer_add_bert(&p));
    check(&p, " Hey friend!  How?!? ", "[Hey][friend][!][How][?][!][?]");
    check(&p, "a-b_c$d+\xE2\x82\xAC", "[a][-][b][_][c][$][d][+][\xE2\x82\xAC]");
    check(&p, "\xE0\xA4\x95\xE0\xA5\xA4\xE0\xA4\x96", "[\xE0\xA4\x95][\xE0\xA5\xA4][\xE0\xA4\x96]");
    p = (struct pretokenizer){.n_steps = 0};
    assert_ok(pretokenizer_add(
        &p, (struct pretoken_step){.kind = PRETOKEN_PUNCTUATION, .behavior = SPLIT_CONTIGUOUS}));
    check(&p, "a!? b", "[a][!?][ b]");
    p = (struct pretokenizer){.n_steps = 0};
    assert_ok(pretokenizer_add(&p, (struct pretoken_step){.kind = PRETOKEN_WORD_RUNS}));
    check(&p, "a_1 --b \n c\xCC\x81.. ", "[a_1][--][b][c\xCC\x81][..]");
    check(&p, " \t", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(words_end_where_the_pattern_says),
        test_case(llama_3_keeps_three_digits_together),
        test_case(gpt_2_knows_no_lines_and_no_upper_case),
        test_case(digits_apart_make_stretches_of_their_own),
        test_case(a_fixed_string_splits_in_every_way),
        test_case(metaspace_marks_words),
        test_case(white_space_and_a_space_in_front),
        test_case(refuses_a_pattern_it_does_not_know_and_prints_it),
        test_case(nothing_is_lost_between_pieces),
        test_case(punctuation_and_words_stand_apart),
    };
    return run_group("text/pretokenize", tests);
}
