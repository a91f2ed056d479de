/*
 * test_models.c - each family against transformers: tiny checkpoints with the logits of every
 * position, hidden states and the greedy continuation that the reference gives in f32
 * (tools/fixtures/make_models.py). Prints the errors it finds.
 */
#include "tests/support/test.h"

#include <math.h>

#include "engine/engine.h"
#include "nn/tap.h"
#include "tests/support/tiny_checkpoint.h"

/* f32 both, sums in another order: errors are about 1e-6; 1e-4 is the bound of the project. */
static const double bound = 1e-4;
/* Where weights are blocks, activations become integers of 16 bits: found 8.4e-4 of logits and
 * 1.0e-3 of hidden states at most. */
static const double blocks_bound = 2e-3;

struct check_case {
    const char *name, *file; /* file: of the checkpoint in the folder; NULL: the folder itself */
};

static const struct check_case cases[] = {
    {"qwen3_tied", NULL},
    {"qwen3_sliding", NULL},
    {"qwen3_yarn", NULL},
    {"gemma3", NULL},
    {"gemma3_bf16", NULL},
    {"gemma3_multimodal", NULL},
    {"llama3", NULL},
    {"llama_bf16", NULL},
    {"mistral", NULL},
    {"qwen3_gguf_f16", "model.gguf"},
    {"gemma3_gguf_q8_0", "model.gguf"},
    {"llama_gguf_q8_0", "model.gguf"},
    {"llama_gguf_f32", "model.gguf"},
};

#define for_each_case(c)                                                                           \
    for (const struct check_case *c = cases; c < cases + sizeof(cases) / sizeof(cases[0]); c++)

static bool has_blocks(const struct check_case *c) {
    return strstr(c->name, "q8_0") != NULL;
}

static void open_golden(const struct check_case *c, struct golden *g) {
    char folder[128];
    snprintf(folder, sizeof(folder), "tests/fixtures/models/%s", c->name);
    golden_open(g, folder);
}

static void case_path(const struct check_case *c, char path[160]) {
    snprintf(path, 160, "tests/fixtures/models/%s%s%s", c->name, c->file ? "/" : "",
             c->file ? c->file : "");
}

static void open_case_on(const struct check_case *c, struct golden *g, struct loaded *l,
                         enum cpu_isa isa) {
    char path[160];
    case_path(c, path);
    open_golden(c, g);
    loaded_open_on(l, path, isa, 2);
    assert_int_equal(l->model->info.vocab_size, g->vocab_size);
}

static void open_case(const struct check_case *c, struct golden *g, struct loaded *l) {
    enum cpu_isa isa;
    assert_ok(cpu_isa_choose(&isa));
    open_case_on(c, g, l, isa);
}

static double max_abs(const float *a, const float *b, int64_t n) {
    double worst = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= worst)) worst = d; /* NaN too */
    }
    return worst;
}

static double root_mean_square(const float *a, const float *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(sum / (double)n);
}

static void logits_equal_the_reference(void **state) {
    (void)state;
    for_each_case(c) {
        struct golden g;
        struct loaded l;
        open_case_on(c, &g, &l, best_f32_isa());
        struct sequence *s;
        assert_ok(sequence_create(l.model, (int32_t)g.n, &s));
        float *logits = mem_alloc((size_t)(g.n * g.vocab_size) * sizeof(float));
        assert_non_null(logits);
        assert_ok(sequence_feed(s, g.ids, (size_t)g.n, logits, NULL));
        const double error = max_abs(logits, g.logits, g.n * g.vocab_size);
        print_message("%-18s max-abs error of logits %.2e\n", c->name, error);
        assert_close(logits, g.logits, (size_t)(g.n * g.vocab_size),
                     has_blocks(c) ? blocks_bound : bound);
        mem_free(logits);
        sequence_destroy(s);
        loaded_release(&l);
        golden_release(&g);
    }
}

static void token_by_token_gives_the_same_bits(void **state) {
    (void)state;
    for_each_case(c) {
        struct golden g;
        struct loaded l;
        open_case(c, &g, &l);
        struct sequence *s;
        const size_t row = (size_t)g.vocab_size;
        assert_ok(sequence_create(l.model, (int32_t)g.n, &s));
        float *at_once = mem_alloc((size_t)g.n * row * sizeof(float));
        assert_non_null(at_once);
        assert_ok(sequence_feed(s, g.ids, (size_t)g.n, at_once, NULL));
        assert_ok(sequence_rewind(s, 0));
        for (size_t i = 0; i < (size_t)g.n; i++) {
            const float *last;
            assert_ok(sequence_feed(s, g.ids + i, 1, NULL, &last));
            assert_memory_equal(last, at_once + i * row, row * sizeof(float));
        }
        mem_free(at_once);
        sequence_destroy(s);
        loaded_release(&l);
        golden_release(&g);
    }
}

/* Activations rounded to bf16 before they meet a bf16 weight: nearer to the truth than the
 * reference is when it computes in bf16, at the worst logit and over all. */
static void bf16_products_err_less_than_the_reference_in_bf16(void **state) {
    (void)state;
    if (!cpu_isa_present(CPU_ISA_AVX512BF16)) skip_because("this processor has no avx512bf16");
    int n_checked = 0;
    for_each_case(c) {
        struct golden g;
        struct loaded l;
        int64_t count;
        open_golden(c, &g);
        const float *reference = golden_values(&g, "bf16_error", &count); /* max-abs, rms */
        if (reference) {
            char path[160];
            struct sequence *s;
            const int64_t n = g.n * g.vocab_size;
            float *logits = mem_alloc((size_t)n * sizeof(float));
            assert_non_null(logits);
            assert_int_equal(count, 2);
            case_path(c, path);
            loaded_open_on(&l, path, CPU_ISA_AVX512BF16, 2);
            assert_ok(sequence_create(l.model, (int32_t)g.n, &s));
            assert_ok(sequence_feed(s, g.ids, (size_t)g.n, logits, NULL));
            const double worst = max_abs(logits, g.logits, n);
            const double rms = root_mean_square(logits, g.logits, n);
            print_message("%-18s max-abs error %.2e, reference in bf16 %.2e; rms %.2e, %.2e\n",
                          c->name, worst, (double)reference[0], rms, (double)reference[1]);
            assert_true(worst <= (double)reference[0] && rms <= (double)reference[1]);
            assert_true(worst > 0); /* the set was used */
            n_checked++;
            sequence_destroy(s);
            loaded_release(&l);
            mem_free(logits);
        }
        golden_release(&g);
    }
    assert_int_equal(n_checked, 5);
}

/* Eight bits a weight and an activation: two to four hundredths of the logits (such tiny models
 * have few columns to average over). Alone and at once, on every set that leaves activations in
 * front of a head as they are, the bits are one. */
static void int8_stays_near_the_reference(void **state) {
    (void)state;
    static const double int8_bound = 0.06; /* of the root of mean square of the logits themselves */
    int n_checked = 0;
    for_each_case(c) {
        struct golden g;
        struct loaded l;
        struct sequence *s;
        char path[160];
        if (has_blocks(c)) continue; /* they stay as they are */
        open_golden(c, &g);
        case_path(c, path);
        const int64_t n = g.n * g.vocab_size;
        float *logits = mem_alloc((size_t)n * 2 * sizeof(float)), *again = logits + n;
        assert_non_null(logits);
        for (enum cpu_isa isa = CPU_ISA_REF; isa < CPU_ISA_AVX512BF16; isa++) {
            if (!cpu_isa_present(isa)) continue;
            loaded_open_as(&l, path, isa, 1 + (int)isa % 2, WEIGHTS_INT8);
            assert_true(l.model->info.weight_bytes < checkpoint_weight_bytes(l.ck));
            assert_true(l.model->info.private_bytes > 0);
            assert_ok(sequence_create(l.model, (int32_t)g.n, &s));
            assert_ok(sequence_feed(s, g.ids, (size_t)g.n, isa ? again : logits, NULL));
            if (isa) assert_memory_equal(again, logits, (size_t)n * sizeof(float));
            assert_ok(sequence_rewind(s, 0));
            for (int64_t i = 0; i < g.n; i++) {
                const float *last;
                assert_ok(sequence_feed(s, g.ids + i, 1, NULL, &last));
                assert_memory_equal(last, logits + i * g.vocab_size,
                                    (size_t)g.vocab_size * sizeof(float));
            }
            sequence_destroy(s);
            loaded_release(&l);
        }
        memset(again, 0, (size_t)n * sizeof(float));
        const double rms = root_mean_square(logits, g.logits, n);
        const double size = root_mean_square(g.logits, again, n);
        print_message("%-18s int8: max-abs %.2e, rms %.2e of %.2e (%.3f)\n", c->name,
                      max_abs(logits, g.logits, n), rms, size, rms / size);
        assert_true(rms > 0 && rms <= int8_bound * size);
        n_checked++;
        mem_free(logits);
        golden_release(&g);
    }
    assert_int_equal(n_checked, 11);
}

struct answer {
    int32_t tokens[64];
    size_t n;
};

static void keep_answer(void *user, const karma_output *o) {
    struct answer *a = user;
    assert_int_equal(o->status, KARMA_OK);
    a->n = o->n_tokens;
    memcpy(a->tokens, o->tokens, o->n_tokens * sizeof(*o->tokens));
}

static void last_logits(const struct check_case *c, enum cpu_isa isa, const int32_t *ids, int64_t n,
                        float *logits) {
    struct golden g;
    struct loaded l;
    struct sequence *s;
    const float *last;
    open_case_on(c, &g, &l, isa);
    assert_ok(sequence_create(l.model, (int32_t)n, &s));
    assert_ok(sequence_feed(s, ids, (size_t)n, NULL, &last));
    memcpy(logits, last, (size_t)g.vocab_size * sizeof(float));
    sequence_destroy(s);
    loaded_release(&l);
    golden_release(&g);
}

/* A set that rounds may take another token where the reference's margin is within twice what the
 * rounding moves the logits of that step; from there on the texts have nothing in common. */
static void check_rounded_answer(const struct check_case *c, const struct golden *g,
                                 enum cpu_isa isa, const struct answer *answer) {
    int64_t same = 0;
    while (same < g->n_greedy && answer->tokens[same] == g->greedy[same])
        same++;
    if (same == g->n_greedy) return;
    const int64_t n = g->n + same;
    int32_t *ids = mem_alloc((size_t)n * sizeof(*ids));
    float *exact = mem_alloc((size_t)g->vocab_size * sizeof(float));
    float *rounded = mem_alloc((size_t)g->vocab_size * sizeof(float));
    assert_true(ids && exact && rounded);
    memcpy(ids, g->ids, (size_t)g->n * sizeof(*ids));
    memcpy(ids + g->n, g->greedy, (size_t)same * sizeof(*ids));
    last_logits(c, best_f32_isa(), ids, n, exact);
    last_logits(c, isa, ids, n, rounded);
    const double moved = max_abs(rounded, exact, g->vocab_size);
    const double margin = (double)exact[g->greedy[same]] - (double)exact[answer->tokens[same]];
    print_message("%-18s greedy differs from token %lld on: margin %.2e, logits moved by %.2e\n",
                  c->name, (long long)same, margin, moved);
    assert_true(margin >= 0 && margin <= 2 * moved);
    mem_free(ids);
    mem_free(exact);
    mem_free(rounded);
}

static void greedy_tokens_equal_the_reference(void **state) {
    (void)state;
    enum cpu_isa isa;
    assert_ok(cpu_isa_choose(&isa));
    for_each_case(c) {
        struct golden g;
        struct loaded l;
        open_case_on(c, &g, &l, isa);
        const karma_engine_options options = {.struct_size = sizeof(options),
                                              .max_sequences = 1,
                                              .max_rows = 16,
                                              .share_prefixes = true};
        const karma_generate_options generate = {.struct_size = sizeof(generate),
                                                 .max_tokens = (int32_t)g.n_greedy,
                                                 .repetition_penalty = 1,
                                                 .n_top_logprobs = -1};
        struct engine *e;
        struct answer answer = {0};
        assert_ok(engine_create(l.model, NULL, &options, &e));
        assert_ok(
            engine_submit(e, NULL, g.ids, (size_t)g.n, &generate, keep_answer, NULL, &answer));
        for (size_t active = 1; active;)
            assert_ok(engine_step(e, &active));
        assert_int_equal(answer.n, g.n_greedy);
        if (isa == CPU_ISA_AVX512BF16)
            check_rounded_answer(c, &g, isa, &answer);
        else
            assert_memory_equal(answer.tokens, g.greedy, (size_t)g.n_greedy * sizeof(int32_t));
        engine_destroy(e);
        loaded_release(&l);
        golden_release(&g);
    }
}

#ifdef __SANITIZE_ADDRESS__ /* taps exist there alone */
struct look {
    struct golden *g;
    int64_t at; /* rows seen so far, of the layer under way */
    int seen;
    double worst;
};

static void look_at_layer(void *user, const char *name, int32_t layer, const float *values,
                          int64_t rows, int64_t cols) {
    struct look *look = user;
    (void)name;
    char key[32];
    snprintf(key, sizeof(key), "hidden.%d", layer + 1); /* the embedding is layer -1 */
    int64_t count;
    const float *want = golden_values(look->g, key, &count);
    if (!want) return;
    assert_int_equal(count, rows * cols);
    const double error = max_abs(values, want, count);
    if (!(error <= look->worst)) look->worst = error;
    look->seen++;
}

static void hidden_states_equal_the_reference(void **state) {
    (void)state;
    for_each_case(c) {
        struct golden g;
        struct loaded l;
        open_case_on(c, &g, &l, best_f32_isa());
        struct sequence *s;
        assert_ok(sequence_create(l.model, (int32_t)g.n, &s));
        struct look look = {.g = &g};
        tap = (struct tap){look_at_layer, &look};
        assert_ok(sequence_feed(s, g.ids, (size_t)g.n, NULL, NULL));
        tap = (struct tap){0};
        assert_true(look.seen >= 2);
        print_message("%-18s max-abs error of hidden states %.2e\n", c->name, look.worst);
        assert_true(look.worst <= (has_blocks(c) ? blocks_bound : bound));
        sequence_destroy(s);
        loaded_release(&l);
        golden_release(&g);
    }
}
#endif

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(logits_equal_the_reference),
        test_case(bf16_products_err_less_than_the_reference_in_bf16),
        test_case(int8_stays_near_the_reference),
        test_case(token_by_token_gives_the_same_bits),
        test_case(greedy_tokens_equal_the_reference),
#ifdef __SANITIZE_ADDRESS__
        test_case(hidden_states_equal_the_reference),
#endif
    };
    return run_group("golden/models", tests);
}
