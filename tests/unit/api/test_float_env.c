/*
 * test_float_env.c - a program that links the library may round upwards or flush denormals; what a
 * model computes does not change by it, and the program finds its own setting again.
 */
#include <fenv.h>

#include "karma/karma.h"
#include "tests/unit/api/tiny.h"

enum { PROMPT = 40, VOCAB = 97, MAX_TOKENS = 64 };

struct outcome {
    float logits[VOCAB];
    size_t n_tokens;
    int32_t tokens[MAX_TOKENS];
    float logprobs[MAX_TOKENS];
    bool given;
};

static karma_status next(void *user, const karma_sample **sample) {
    static const karma_sample one = {.struct_size = sizeof(one),
                                     .key = "k",
                                     .input = "Which vitamin is it that heals a scurvy?"};
    struct outcome *o = user;
    if (o->given) return KARMA_DONE;
    o->given = true;
    *sample = &one;
    return KARMA_OK;
}

static karma_status put(void *user, const karma_output *output) {
    struct outcome *o = user;
    assert_ok(output->status);
    o->n_tokens = output->n_tokens;
    for (size_t i = 0; i < o->n_tokens; i++) {
        o->tokens[i] = output->tokens[i];
        o->logprobs[i] = output->logprobs[i].logprob;
    }
    return KARMA_OK;
}

/* Everything from creation on under that rounding. */
static void compute(const char *path, int rounding, struct outcome *out) {
    karma_model *m;
    karma_session *s;
    int32_t ids[PROMPT];
    const float *logits;
    const karma_run_io io = {.next = next, .put = put, .user = out};
    *out = (struct outcome){0};
    for (int i = 0; i < PROMPT; i++)
        ids[i] = i * 7 % TINY_ENDOFTEXT;
    assert_int_equal(fesetround(rounding), 0);
    karma_status st = karma_get_model(
        path, "{\"max_tokens\": 64, \"do_sample\": true, \"temperature\": 2.3, \"logprobs\": 0}",
        &m);
    if (st == KARMA_OK) st = karma_model_run(m, &io);
    if (st == KARMA_OK) st = karma_session_create(m, PROMPT, &s);
    if (st == KARMA_OK) st = karma_session_feed(s, ids, PROMPT, &logits);
    const int after = fegetround();
    fesetround(FE_TONEAREST);
    assert_ok(st);
    assert_int_equal(after, rounding);
    memcpy(out->logits, logits, sizeof(out->logits));
    karma_session_destroy(s);
    karma_model_destroy(m);
}

static void the_callers_rounding_changes_no_bit(void **state) {
    (void)state;
    static const int others[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    const char *path = tiny_folder("rounding");
    struct outcome nearest, other;
    compute(path, FE_TONEAREST, &nearest);
    assert_true(nearest.n_tokens > 1);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        compute(path, others[i], &other);
        assert_memory_equal(&nearest, &other, sizeof(nearest));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_callers_rounding_changes_no_bit)};
    return run_group("api/float_env", tests);
}
