/*
 * test_candidates.c - answers to choose from, given as texts of any length: their tokens behind the
 * prompt, and the sums that come back.
 */
#include <math.h>

#include "karma/karma.h"
#include "tests/support/test.h"

enum { N = 4 };
static const char *const texts[N] = {"Iron", "Vitamin B12 and folate", "Iron", " Zink"};
static const char lead[] = "Final Answer:";

struct seen {
    karma_sample sample;
    bool given;
    int puts;
    karma_status status;
    char error[256], text[64], raw[512];
    size_t n, n_tokens;
    double sums[N];
    float logprobs[N];
    int32_t tokens[N], bytes[N];
};

static karma_status next(void *user, const karma_sample **sample) {
    struct seen *s = user;
    if (s->given) return KARMA_DONE;
    s->given = true;
    *sample = &s->sample;
    return KARMA_OK;
}

static karma_status put(void *user, const karma_output *o) {
    struct seen *s = user;
    s->puts++;
    s->status = o->status;
    s->n = o->n_candidates;
    s->n_tokens = o->n_tokens;
    snprintf(s->error, sizeof(s->error), "%s", o->error ? o->error : "");
    snprintf(s->text, sizeof(s->text), "%s", o->text ? o->text : "");
    snprintf(s->raw, sizeof(s->raw), "%s", o->raw_text ? o->raw_text : "");
    for (size_t i = 0; i < o->n_candidates && o->candidate_sums; i++) {
        s->sums[i] = o->candidate_sums[i];
        s->logprobs[i] = o->candidate_logprobs[i];
        s->tokens[i] = o->candidate_tokens[i];
        s->bytes[i] = o->candidate_bytes[i];
    }
    return KARMA_OK;
}

static struct seen ask(karma_model *m, const char *const *candidates, size_t n) {
    struct seen s = {.sample = {.struct_size = sizeof(karma_sample),
                                .key = "k",
                                .input = "Which one?",
                                .candidates = candidates,
                                .n_candidates = n,
                                .answer_lead = lead,
                                .candidate_texts = true}};
    const karma_run_io io = {.next = next, .put = put, .user = &s};
    assert_ok(karma_model_run(m, &io));
    assert_int_equal(s.puts, 1);
    return s;
}

static karma_model *demo_model(void) {
    karma_model *m;
    assert_ok(karma_model_create("demo/model", NULL, &m));
    assert_ok(karma_model_load(m));
    return m;
}

struct scored {
    double sum;
    int32_t last; /* so many tokens are summed */
};

static void add_up(void *user, const karma_output *o) {
    struct scored *s = user;
    assert_ok(o->status);
    for (int32_t i = 0; i < s->last; i++)
        s->sum += (double)o->prompt_logprobs[o->n_prompt_tokens - 1 - (size_t)i];
}

/* What one prompt of question, lead and answer says of its last tokens. */
static double sum_of_one_prompt(karma_model *m, const char *answer, int32_t last) {
    const karma_message ask_it = {.role = "user", .content = "Which one?"};
    struct scored s = {.last = last};
    char *text, *rest;
    int32_t *ids, *more;
    size_t n, n_more, active = 1;
    assert_ok(karma_apply_chat_template(m, &ask_it, 1, NULL, false, &text, &ids, &n));
    assert_true(asprintf(&rest, "%s%s", lead, answer) > 0);
    assert_ok(karma_tokenize(m, rest, strlen(rest), false, &more, &n_more));
    int32_t *all = malloc((n + n_more) * sizeof(*all));
    assert_non_null(all);
    memcpy(all, ids, n * sizeof(*all));
    memcpy(all + n, more, n_more * sizeof(*all));
    karma_engine *e;
    const karma_engine_options eo = karma_engine_defaults();
    karma_generate_options o = karma_generate_defaults(m);
    o.prompt_logprobs = true;
    o.max_tokens = 1;
    assert_ok(karma_engine_create(m, &eo, &e));
    assert_ok(karma_engine_submit(e, NULL, all, n + n_more, &o, add_up, NULL, &s));
    while (active)
        assert_ok(karma_engine_step(e, &active));
    karma_engine_destroy(e);
    karma_free(text);
    karma_free(ids);
    karma_free(more);
    free(all);
    free(rest);
    return s.sum;
}

static void texts_are_weighed_by_all_their_tokens(void **state) {
    (void)state;
    static const char *const written[N] = {" Iron", " Vitamin B12 and folate", " Iron", " Zink"};
    karma_model *m = demo_model();
    const struct seen s = ask(m, texts, N);
    double all = 0;
    size_t best = 0;
    assert_int_equal(s.status, KARMA_OK);
    assert_int_equal(s.n, N);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(s.bytes[i], strlen(texts[i]));
        assert_true(s.tokens[i] >= 1);
        assert_true(fabs(s.sums[i] - sum_of_one_prompt(m, written[i], s.tokens[i])) <= 1e-6);
        if (s.sums[i] > s.sums[best]) best = i;
        all += exp((double)s.logprobs[i]);
    }
    assert_true(s.tokens[1] > s.tokens[0]);
    assert_true(s.sums[0] == s.sums[2]); /* the same text */
    assert_true(fabs(all - 1) < 1e-6);
    assert_string_equal(s.text, texts[best]);
    assert_int_equal(s.n_tokens, s.tokens[best]);
    assert_non_null(strstr(s.raw, "\"sums\":["));
    assert_non_null(strstr(s.raw, "\"bytes\":[4,22,4,5]"));
    karma_model_destroy(m);
}

static void wrong_texts_fail_their_sample(void **state) {
    (void)state;
    static const char *const empty[] = {"Iron", ""}, *const broken[] = {"Iron", "\xff"};
    static const char *many[KARMA_MAX_CANDIDATES + 1];
    karma_model *m = demo_model();
    struct seen s = ask(m, empty, 2);
    assert_int_equal(s.status, KARMA_E_MISSING);
    assert_non_null(strstr(s.error, "candidate 2 of 2 has no text"));
    s = ask(m, broken, 2);
    assert_int_equal(s.status, KARMA_E_ENCODING);
    for (size_t i = 0; i < KARMA_MAX_CANDIDATES + 1; i++)
        many[i] = "Iron";
    s = ask(m, many, KARMA_MAX_CANDIDATES + 1);
    assert_int_equal(s.status, KARMA_E_RANGE);
    karma_model_destroy(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_weighed_by_all_their_tokens),
        cmocka_unit_test(wrong_texts_fail_their_sample),
    };
    return run_group("api/candidates", tests);
}
