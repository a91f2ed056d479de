/*
 * test_continuations.c - continuations of a prompt against transformers: the sum of the
 * log-probabilities of each one's tokens (tools/fixtures/make_continuations.py). Prints the largest
 * difference.
 */
#include "tests/support/test.h"

#include <math.h>

#include "base/json.h"
#include "engine/engine.h"
#include "tests/support/tiny_checkpoint.h"

/* f32 both, sums in another order; the bound of the project is that of one logit, and a sum is of
 * up to 40. */
static const double bound = 1e-4;

enum { MAX_TOKENS = 128, MAX_OPTIONS = 8 };

struct seen {
    size_t n;
    double sums[MAX_OPTIONS];
};

static void see(void *user, const karma_output *o) {
    struct seen *s = user;
    assert_ok(o->status);
    s->n = o->n_candidates;
    memcpy(s->sums, o->candidate_sums, s->n * sizeof(*s->sums));
}

static size_t ids_of(const struct json *list, int32_t *out) {
    const size_t n = json_count(list);
    assert_true(n <= MAX_TOKENS);
    for (size_t i = 0; i < n; i++)
        out[i] = (int32_t)json_at(list, i)->u.integer;
    return n;
}

static double worst_of(struct engine *e, const struct json *prompt) {
    const struct json *options = json_get(prompt, "continuations");
    const struct json *sums = json_get(prompt, "sums");
    static int32_t ids[MAX_TOKENS], tokens[MAX_OPTIONS][MAX_TOKENS];
    karma_continuation list[MAX_OPTIONS];
    struct seen seen = {0};
    size_t active = 1;
    double worst = 0;
    const size_t n = json_count(options), n_ids = ids_of(json_get(prompt, "prompt"), ids);
    assert_true(n > 0 && n <= MAX_OPTIONS);
    for (size_t i = 0; i < n; i++)
        list[i] = (karma_continuation){tokens[i], ids_of(json_at(options, i), tokens[i])};
    const karma_generate_options o = {.struct_size = sizeof(o),
                                      .max_tokens = 1,
                                      .repetition_penalty = 1,
                                      .n_top_logprobs = -1,
                                      .continuations = list,
                                      .n_continuations = n};
    assert_ok(engine_submit(e, NULL, ids, n_ids, &o, see, NULL, &seen));
    while (active)
        assert_ok(engine_step(e, &active));
    assert_int_equal(seen.n, n);
    for (size_t i = 0; i < n; i++) {
        const double d = fabs(seen.sums[i] - json_at(sums, i)->u.real);
        if (!(d <= worst)) worst = d;
    }
    return worst;
}

static void sums_are_those_of_the_reference(void **state) {
    (void)state;
    struct arena a = {0};
    const struct json *cases;
    size_t len;
    char *text = read_fixture("tests/fixtures/models/continuations.json", &len);
    assert_ok(json_parse(&a, text, len, JSON_REJECT_DUPLICATES, &cases));
    assert_true(json_count(cases) >= 3);
    for (size_t i = 0; i < json_count(cases); i++) {
        const struct json *c = json_at(cases, i), *prompts = json_get(c, "prompts");
        const karma_engine_options eo = {.struct_size = sizeof(eo),
                                         .max_sequences = 4,
                                         .max_rows = 64,
                                         .n_ctx = MAX_TOKENS,
                                         .share_prefixes = true};
        char folder[160];
        struct loaded l;
        struct engine *e;
        double worst = 0;
        snprintf(folder, sizeof(folder), "tests/fixtures/models/%s",
                 json_str(json_get(c, "folder"), ""));
        loaded_open_on(&l, folder, best_f32_isa(), 2);
        assert_ok(engine_create(l.model, NULL, &eo, &e));
        for (size_t k = 0; k < json_count(prompts); k++) {
            const double d = worst_of(e, json_at(prompts, k));
            if (!(d <= worst)) worst = d;
        }
        print_message("%-14s continuations off by %.1e at most\n",
                      json_str(json_get(c, "folder"), ""), worst);
        assert_true(worst <= bound);
        engine_destroy(e);
        loaded_release(&l);
    }
    arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_are_those_of_the_reference)};
    return run_group("golden/continuations", tests);
}
