/*
 * test_identical_bits.c - the promise of the design: a sample's tokens and log-probabilities are
 * the same bits alone and in any company, with any number of threads, with and without a shared
 * prefix, on every instruction set of this machine (and across them, but for the one that rounds
 * activations to bf16; with matrices of eight bits as well, but for a head in bf16; and with keys
 * and values of eight bits). Sizes are no multiples of any tile, prompts cross three KV blocks, and
 * the sample is drawn at random, so that one wrong bit would show.
 */
#include "tests/support/test.h"

#include "base/cpu.h"
#include "engine/engine.h"
#include "tensor/cpu/cpu.h"
#include "tests/support/tiny_checkpoint.h"

enum { N_PROMPT = 101, N_NEW = 6, N_TOP = 4, SHARED = 70, VOCAB = 61 };

#ifdef __SANITIZE_ADDRESS__
enum { THIN_MATRIX = true }; /* it looks for other faults, and is slow */
#else
enum { THIN_MATRIX = false };
#endif

struct result {
    int32_t tokens[N_NEW];
    float logprobs[N_NEW];
    int32_t top_tokens[N_NEW * N_TOP];
    float top_logprobs[N_NEW * N_TOP];
    float prompt_logprobs[N_PROMPT];
    size_t n_cached;
    int reports;
};

static void keep(void *user, const karma_output *o) {
    struct result *r = user;
    assert_int_equal(o->status, KARMA_OK);
    assert_int_equal(o->n_tokens, N_NEW);
    for (size_t i = 0; i < o->n_tokens; i++) {
        r->tokens[i] = o->tokens[i];
        assert_int_equal(o->logprobs[i].token, o->tokens[i]);
        r->logprobs[i] = o->logprobs[i].logprob;
        memcpy(r->top_tokens + i * N_TOP, o->logprobs[i].top_tokens, N_TOP * sizeof(int32_t));
        memcpy(r->top_logprobs + i * N_TOP, o->logprobs[i].top_logprobs, N_TOP * sizeof(float));
    }
    if (o->prompt_logprobs) {
        memcpy(r->prompt_logprobs, o->prompt_logprobs, sizeof(r->prompt_logprobs));
    }
    r->n_cached = o->n_cached_tokens;
    r->reports++;
}

static void count_report(void *user, const karma_output *o) {
    assert_int_equal(o->status, KARMA_OK);
    ++*(int *)user;
}

struct company {
    int threads, batch;
    bool share, prompt_logprobs;
};

/* What ran, over all companies of a checkpoint. */
struct counts {
    uint64_t shared_reads, unshared_reads, whole_values, part_values, tiles, packed, streamed;
};

/* Tokens that differ from one prompt to another, from position `from` on. */
static void fill_prompt(int32_t *tokens, int n, int from, int which) {
    for (int i = 0; i < n; i++) {
        const int same = i * 7 + i * i % 13, own = i * (which + 3) + which * 5 + 1;
        tokens[i] = (i < from ? same : own) % VOCAB;
    }
}

static void submit_neighbour(struct engine *e, int which, int *reports) {
    int32_t tokens[N_PROMPT];
    /* Every third one begins as the sample does; the rest are of all lengths. */
    const bool alike = which % 3 == 0;
    const int n = alike ? SHARED + 1 + which : 3 + which * 2;
    fill_prompt(tokens, n, alike ? SHARED : 0, which);
    const karma_generate_options o = {.struct_size = sizeof(o),
                                      .max_tokens = 1 + which % 5,
                                      .repetition_penalty = 1,
                                      .n_top_logprobs = -1};
    assert_ok(engine_submit(e, NULL, tokens, (size_t)n, &o, count_report, NULL, reports));
}

static void run_in(const struct model *model, const struct company *c, struct result *r,
                   struct counts *sum) {
    const karma_engine_options options = {.struct_size = sizeof(options),
                                          .max_sequences = c->batch,
                                          .max_rows = 53,
                                          .n_ctx = 160,
                                          .share_prefixes = c->share};
    const karma_generate_options sample = {.struct_size = sizeof(sample),
                                           .max_tokens = N_NEW,
                                           .do_sample = true,
                                           .temperature = 0.9,
                                           .top_k = 40,
                                           .top_p = 0.95,
                                           .min_p = 0.01,
                                           .repetition_penalty = 1.1,
                                           .seed = 7,
                                           .stream_key = "sample",
                                           .n_top_logprobs = N_TOP,
                                           .prompt_logprobs = c->prompt_logprobs};
    struct engine *e;
    int32_t prompt[N_PROMPT];
    int reports = 0;
    fill_prompt(prompt, N_PROMPT, SHARED, 99);
    memset(r, 0, sizeof(*r));
    assert_ok(engine_create(model, NULL, &options, &e));
    for (int i = 0; i < c->batch - 1; i++) {
        if (i == c->batch / 2) {
            assert_ok(engine_submit(e, "s", prompt, N_PROMPT, &sample, keep, NULL, r));
        }
        submit_neighbour(e, i, &reports);
    }
    if (c->batch < 3) assert_ok(engine_submit(e, "s", prompt, N_PROMPT, &sample, keep, NULL, r));
    for (size_t active = 1; active;)
        assert_ok(engine_step(e, &active));
    assert_int_equal(r->reports, 1);
    assert_int_equal(reports, c->batch - 1);
    struct cpu_counters k;
    cpu_stream_counters(engine_stream(e), &k);
    sum->shared_reads += k.shared_reads;
    sum->unshared_reads += k.unshared_reads;
    sum->whole_values += k.whole_values;
    sum->part_values += k.part_values;
    sum->tiles += k.tiles;
    for (int t = 0; t < DTYPE_COUNT; t++) {
        sum->packed += k.packed[t];
        sum->streamed += k.streamed[t];
    }
    engine_destroy(e);
}

static void assert_same(const struct result *got, const struct result *want, bool prompt) {
    assert_memory_equal(got->tokens, want->tokens, sizeof(want->tokens));
    assert_memory_equal(got->logprobs, want->logprobs, sizeof(want->logprobs));
    assert_memory_equal(got->top_tokens, want->top_tokens, sizeof(want->top_tokens));
    assert_memory_equal(got->top_logprobs, want->top_logprobs, sizeof(want->top_logprobs));
    if (!prompt) return;
    assert_memory_equal(got->prompt_logprobs, want->prompt_logprobs, sizeof(want->prompt_logprobs));
}

/* The fastest of the sets that give one another's bits. */
static enum cpu_isa fastest_isa(void) {
    int isa = CPU_ISA_AVX512;
    while (!cpu_isa_present((enum cpu_isa)isa))
        isa--;
    return (enum cpu_isa)isa;
}

static const int batches[] = {1, 2, 3, 7, 16}, thread_counts[] = {1, 2, 4};

static void check_company(const struct loaded *l, int batch, int threads, int share,
                          const struct result *want, struct counts *sum) {
    const struct company c = {.threads = thread_counts[threads],
                              .batch = batches[batch],
                              .share = share == 1,
                              .prompt_logprobs = (batch + threads) % 4 == 3};
    struct result got;
    run_in(l->model, &c, &got, sum);
    assert_same(&got, want, c.prompt_logprobs);
    if (c.share && c.batch > 2 && !c.prompt_logprobs) {
        assert_true(got.n_cached >= SHARED / KV_BLOCK_TOKENS * KV_BLOCK_TOKENS);
    }
    if (!c.share) assert_int_equal(got.n_cached, 0);
}

/* How a checkpoint is held in memory. */
struct held {
    enum backend_weights weights;
    bool int8_cache;
};

static void open_held(struct loaded *l, const char *path, enum cpu_isa isa, int threads,
                      struct held held) {
    loaded_open_as(l, path, isa, threads, held.weights);
    if (held.int8_cache) l->model->info.cache_dtype = DTYPE_I8;
}

static void sample_alone(const char *path, enum cpu_isa isa, struct held held, struct result *r,
                         struct counts *sum) {
    const struct company alone = {.batch = 1, .prompt_logprobs = true};
    struct loaded l;
    open_held(&l, path, isa, 1, held);
    run_in(l.model, &alone, r, sum);
    loaded_release(&l);
}

/* The matrix of companies on one set; of it one entry if not whole. */
static void check_set(const char *path, enum dtype dtype, enum cpu_isa isa, struct held held,
                      bool whole, const struct result *want, struct counts *sum) {
    const int only = dtype == DTYPE_BF16 ? 1 : 0;
    for (int t = 0; t < 3; t++) {
        struct loaded l;
        open_held(&l, path, isa, thread_counts[t], held);
        for (int b = 0; b < 5; b++) {
            for (int share = 0; share < 2; share++) {
                if (whole && THIN_MATRIX && (b + t + share) % 3 != 0) continue;
                if (!whole && (t != 1 || b != 1 + only || share != only)) continue;
                check_company(&l, b, t, share, want, sum);
            }
        }
        loaded_release(&l);
    }
}

static void same_bits_in_any_company(const struct tiny_shape *shape, struct held held) {
    const char *path = tiny_checkpoint_write("bits", shape);
    struct result want, rounded;
    struct counts sum = {0};
    sample_alone(path, fastest_isa(), held, &want, &sum);
    for (enum cpu_isa isa = CPU_ISA_REF; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_isa_present(isa)) continue;
        if (isa == CPU_ISA_AVX512BF16 && shape->dtype != DTYPE_F32) { /* bits of its own */
            sample_alone(path, isa, held, &rounded, &sum);
            assert_memory_not_equal(rounded.prompt_logprobs, want.prompt_logprobs,
                                    sizeof(want.prompt_logprobs));
            check_set(path, shape->dtype, isa, held, true, &rounded, &sum);
        } else { /* the sets that are not the fastest are slow, and by contract equal */
            check_set(path, shape->dtype, isa, held, isa == fastest_isa(), &want, &sum);
        }
    }
    assert_true(sum.shared_reads > 0 && sum.unshared_reads > 0);
    assert_true(sum.whole_values > 0 && sum.part_values > 0);
    assert_true(sum.tiles > 0 && sum.packed > 0);
    assert_true(sum.streamed > 0 || fastest_isa() == CPU_ISA_REF);
    print_message("%s %s%s%s: block reads %llu shared, %llu unshared; panels %llu packed, %llu "
                  "streamed\n",
                  shape->family, dtype_name(shape->dtype),
                  held.weights == WEIGHTS_INT8 ? " as int8" : "",
                  held.int8_cache ? ", cache in int8" : "", (unsigned long long)sum.shared_reads,
                  (unsigned long long)sum.unshared_reads, (unsigned long long)sum.packed,
                  (unsigned long long)sum.streamed);
}

/* Odd sizes for bf16; for Q8_0 rows are whole blocks, and the rest is odd. */
static struct tiny_shape shape_of(const char *family, enum dtype dtype) {
    const bool blocks = dtype == DTYPE_Q8_0;
    return (struct tiny_shape){.family = family,
                               .vocab_size = VOCAB,
                               .hidden_size = blocks ? 1056 : 1037,
                               .intermediate_size = blocks ? 64 : 37,
                               .layers = strcmp(family, "gemma3") == 0 ? 2 : 1,
                               .heads = blocks ? 4 : 3,
                               .kv_heads = blocks ? 2 : 1,
                               .head_dim = blocks ? 8 : 14,
                               .sliding_window = 41,
                               .dtype = dtype,
                               .seed = 5};
}

#define BITS_TEST(family, dtype)                                                                   \
    static void family##_##dtype##_gives_the_same_bits(void **state) {                             \
        (void)state;                                                                               \
        const struct tiny_shape s = shape_of(#family, DTYPE_##dtype);                              \
        same_bits_in_any_company(&s, (struct held){WEIGHTS_STORED, false});                        \
    }
BITS_TEST(qwen3, BF16)
BITS_TEST(qwen3, Q8_0)
BITS_TEST(gemma3, BF16)
BITS_TEST(gemma3, Q8_0)
BITS_TEST(llama, BF16)
BITS_TEST(llama, Q8_0)

static void int8_gives_the_same_bits(void **state) {
    (void)state;
    const struct tiny_shape s = shape_of("gemma3", DTYPE_BF16), f32 = shape_of("qwen3", DTYPE_F32);
    same_bits_in_any_company(&s, (struct held){WEIGHTS_INT8, false});
    same_bits_in_any_company(&f32, (struct held){WEIGHTS_INT8, false});
}

static void a_cache_in_int8_gives_the_same_bits(void **state) {
    (void)state;
    const struct tiny_shape s = shape_of("gemma3", DTYPE_BF16), q = shape_of("qwen3", DTYPE_Q8_0);
    same_bits_in_any_company(&s, (struct held){WEIGHTS_STORED, true});
    same_bits_in_any_company(&q, (struct held){WEIGHTS_STORED, true});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(qwen3_BF16_gives_the_same_bits),  test_case(qwen3_Q8_0_gives_the_same_bits),
        test_case(gemma3_BF16_gives_the_same_bits), test_case(gemma3_Q8_0_gives_the_same_bits),
        test_case(llama_BF16_gives_the_same_bits),  test_case(llama_Q8_0_gives_the_same_bits),
        test_case(int8_gives_the_same_bits),        test_case(a_cache_in_int8_gives_the_same_bits),
    };
    return run_group("contract/identical_bits", tests);
}
