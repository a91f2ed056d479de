/* test_normalizer.c */
#include "text/normalizer.h"

#include "base/utf8.h"
#include "tests/support/test.h"

static struct normalizer one(struct normalizer_step step) {
    struct normalizer n = {.n_steps = 0};
    assert_ok(normalizer_add(&n, step));
    return n;
}

static void check(const struct normalizer *n, const char *text, const char *wanted) {
    struct buf scratch[2] = {{0}};
    const char *out;
    size_t len;
    assert_ok(normalize(n, text, strlen(text), scratch, &out, &len));
    if (len != strlen(wanted) || memcmp(out, wanted, len) != 0) {
        print_error("%s\n  got    %.*s\n  wanted %s\n", text, (int)len, out, wanted);
        fail();
    }
    buf_release(&scratch[0]);
    buf_release(&scratch[1]);
}

static void nfc_composes(void **state) {
    (void)state;
    struct normalizer n = one((struct normalizer_step){.kind = NORMALIZE_NFC});
    check(&n, "", "");
    check(&n, "plain", "plain");
    check(&n, "a\xCC\x81 e\xCC\x81", "\xC3\xA1 \xC3\xA9");
    check(&n, "\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", "\xEA\xB0\x81"); /* three jamo */
    check(&n, "\xE1\x84\x80\xE1\x85\xA1 \xE1\x86\xA8", "\xEA\xB0\x80 \xE1\x86\xA8");
    check(&n, "\xE2\x84\xAB", "\xC3\x85");                  /* Angstrom sign */
    check(&n, "\xE0\xA4\xA8\xE0\xA4\xBC", "\xE0\xA4\xA9");  /* na + nukta */
    check(&n, "\xE0\xA5\x98", "\xE0\xA4\x95\xE0\xA4\xBC");  /* excluded: comes apart */
    check(&n, "a\xCC\x81\xCC\xA3", "\xE1\xBA\xA1\xCC\x81"); /* ordered, then composed */
    check(&n, "\xCC\x81\xCC\xA3 a", "\xCC\xA3\xCC\x81 a");  /* marks with no starter */
    check(&n, "\xC3\xA1\xCC\xA3", "\xE1\xBA\xA1\xCC\x81");  /* already composed once */
}

static void characters_newer_than_unicode_9_are_inert(void **state) {
    (void)state;
    struct normalizer n = one((struct normalizer_step){.kind = NORMALIZE_NFC});
    /* U+08D3 (11.0) has class 220 today; here it keeps its place and blocks composition */
    check(&n, "a\xCC\x81\xE0\xA3\x93\xCC\xA3", "\xC3\xA1\xE0\xA3\x93\xCC\xA3");
    check(&n, "a\xE0\xA3\x93\xCC\x81", "a\xE0\xA3\x93\xCC\x81");
    check(&n,
          "\xE0\xA3\x93"
          "a\xCC\x81",
          "\xE0\xA3\x93\xC3\xA1");
}

static void the_other_forms(void **state) {
    (void)state;
    struct normalizer d = one((struct normalizer_step){.kind = NORMALIZE_NFD});
    check(&d, "\xC3\xA1\xE1\xBA\xA1\xCC\x81",
          "a\xCC\x81"
          "a\xCC\xA3\xCC\x81");
    check(&d, "\xEA\xB0\x81", "\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8");
    struct normalizer kc = one((struct normalizer_step){.kind = NORMALIZE_NFKC});
    check(&kc, "\xEF\xAC\x81 \xC2\xBD a\xCC\x81",
          "fi 1\xE2\x81\x84"
          "2 \xC3\xA1");
    struct normalizer kd = one((struct normalizer_step){.kind = NORMALIZE_NFKD});
    check(&kd, "\xEF\xBC\xA1\xC3\xA9",
          "A"
          "e\xCC\x81");
}

/* Alternating marks of two classes: sorted in one pass, not by n squared exchanges. */
static void a_long_run_of_marks_is_sorted_stably(void **state) {
    (void)state;
    enum { N = 200000 };
    struct normalizer n = one((struct normalizer_step){.kind = NORMALIZE_NFC});
    struct buf text = {0}, scratch[2] = {{0}};
    const char *out;
    size_t len;
    assert_ok(buf_putc(&text, 'q'));
    for (int i = 0; i < N; i++) {
        assert_ok(
            buf_puts(&text, i % 3 ? "\xCC\x81" : "\xCC\x80")); /* both 230: keep their order */
        assert_ok(buf_puts(&text, "\xCC\xA4"));                /* 220 */
    }
    assert_ok(normalize(&n, text.data, text.len, scratch, &out, &len));
    assert_int_equal(len, text.len);
    for (size_t i = 0; i < N; i++) {
        assert_memory_equal(out + 1 + 2 * i, "\xCC\xA4", 2);
        assert_memory_equal(out + 1 + 2 * (N + i), i % 3 ? "\xCC\x81" : "\xCC\x80", 2);
    }
    buf_release(&text);
    buf_release(&scratch[0]);
    buf_release(&scratch[1]);
}

static void what_has_nothing_to_change_is_lent_not_copied(void **state) {
    (void)state;
    struct normalizer n = one((struct normalizer_step){.kind = NORMALIZE_NFC});
    struct buf scratch[2] = {{0}};
    const char *text = "caf\xC3\xA9 \xE0\xA4\xA8", *out;
    size_t len;
    assert_ok(normalizer_add(
        &n, (struct normalizer_step){
                .kind = NORMALIZE_REPLACE, .from = "x", .from_len = 1, .to = "y", .to_len = 1}));
    assert_ok(normalize(&n, text, strlen(text), scratch, &out, &len));
    assert_ptr_equal(out, text);
    assert_null(scratch[0].data);
}

static void steps_follow_each_other(void **state) {
    (void)state;
    struct normalizer n = one((struct normalizer_step){.kind = NORMALIZE_STRIP, .left = true});
    assert_ok(normalizer_add(
        &n, (struct normalizer_step){.kind = NORMALIZE_PREPEND, .to = "_", .to_len = 1}));
    assert_ok(normalizer_add(
        &n, (struct normalizer_step){
                .kind = NORMALIZE_REPLACE, .from = " ", .from_len = 1, .to = "_", .to_len = 1}));
    assert_ok(normalizer_add(
        &n, (struct normalizer_step){
                .kind = NORMALIZE_REPLACE, .from = "__", .from_len = 2, .to = "", .to_len = 0}));
    check(&n, "\xC2\xA0\n a b ", "_a_b_");
    check(&n, "a   b", "_a_b");
    check(&n, "", "");
    check(&n, " \n", "");
    struct normalizer right = one((struct normalizer_step){.kind = NORMALIZE_STRIP, .right = true});
    check(&right, " a\xE3\x80\x80 ", " a");
    n.n_steps = NORMALIZER_MAX_STEPS;
    assert_status(normalizer_add(&n, (struct normalizer_step){.kind = NORMALIZE_NFC}),
                  KARMA_E_LIMIT);
}

static karma_status attempt(void *ctx) {
    struct buf scratch[2] = {{0}};
    const char *out;
    size_t len;
    karma_status st = normalize(ctx, "e\xCC\x81 x", 5, scratch, &out, &len);
    buf_release(&scratch[0]);
    buf_release(&scratch[1]);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    struct normalizer n = one((struct normalizer_step){.kind = NORMALIZE_NFC});
    assert_ok(normalizer_add(
        &n, (struct normalizer_step){
                .kind = NORMALIZE_REPLACE, .from = " ", .from_len = 1, .to = "_", .to_len = 1}));
    assert_true(for_each_failing_allocation(attempt, &n) >= 4);
}

static void runs_of_spaces_are_replaced_from_their_length_on(void **state) {
    (void)state;
    struct normalizer n = one((struct normalizer_step){
        .kind = NORMALIZE_REPLACE_RUNS, .to = "_", .to_len = 1, .min_run = 2});
    check(&n, "a b  c   d ", "a b_c_d ");
    check(&n, "  ", "_");
    check(&n, " \t ", " \t ");
    n = one((struct normalizer_step){
        .kind = NORMALIZE_REPLACE_RUNS, .to = " ", .to_len = 1, .min_run = 1, .any_space = true});
    check(&n, "a\t\n b\xE3\x80\x80", "a b ");
    check(&n, "", "");
}

static void berts_steps_follow_each_other(void **state) {
    (void)state;
    struct normalizer n = {.n_steps = 0};
    assert_ok(normalizer_add_bert(&n, true, true, true, true));
    check(&n, "\xC3\x84\t\xE4\xB8\xAD\x01X", "a  \xE4\xB8\xAD x");
    assert_true(normalizer_may_drop_first(&n));
    n.n_steps = 0;
    assert_ok(normalizer_add_bert(&n, false, false, false, true));
    check(&n, "\xC3\x84\t", "\xC3\xA4\t");
    assert_false(normalizer_may_drop_first(&n));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(nfc_composes),
        test_case(characters_newer_than_unicode_9_are_inert),
        test_case(the_other_forms),
        test_case(a_long_run_of_marks_is_sorted_stably),
        test_case(what_has_nothing_to_change_is_lent_not_copied),
        test_case(steps_follow_each_other),
        test_case(survives_every_failing_allocation),
        test_case(runs_of_spaces_are_replaced_from_their_length_on),
        test_case(berts_steps_follow_each_other),
    };
    return run_group("text/normalizer", tests);
}
