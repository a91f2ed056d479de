/*
 * bench_matmul.c - products of the Qwen3-0.6B shapes on the CPU backend: GB/s of weights read (few
 * tokens) and GFLOP/s (many), each beside the memory stream and the f32 FMA peak measured in the
 * same round, median of rounds. Weights are larger than the caches together, as in a model. The set
 * is KARMA_ISA's; bf16 products of avx512bf16 may come to twice the f32 peak. I8 is the backend's
 * own form of eight bits.
 *
 *     bench_matmul [threads] [rounds] [type] [tokens]
 */
#include "bench/roof.h"

enum { MAX_TOKENS = 512, STREAM_BYTES = 256 << 20, FLUSH_COPIES = 12 };

struct shape {
    const char *name;
    int64_t n, k;
    int n_weights; /* 2: gate and up with SiLU */
};

static const struct shape shapes[] = {
    {"qkv", 4096, 1024, 1},  {"out", 1024, 2048, 1},    {"gate,up", 3072, 1024, 2},
    {"down", 1024, 3072, 1}, {"head", 151936, 1024, 1},
};
static const enum dtype types[] = {DTYPE_BF16, DTYPE_Q8_0, DTYPE_Q4_K, DTYPE_Q6_K,
                                   DTYPE_Q5_0, DTYPE_F32,  DTYPE_I8};
static const int64_t tokens[] = {1, 4, 16, 512};

/* Copies of one weight, enough to be out of every cache when their turn comes again. */
struct bank {
    uint8_t *data;
    struct tensor w[FLUSH_COPIES * 2];
    int n;
    size_t bytes_each;
};

static void bank_open(struct bank *b, struct backend *be, enum dtype t, const struct shape *s) {
    const enum dtype stored = t == DTYPE_I8 ? DTYPE_BF16 : t;
    uint64_t row_bytes = 0;
    (void)dtype_bytes(stored, (uint64_t)s->k, &row_bytes);
    const size_t bytes = (size_t)row_bytes * (size_t)s->n;
    b->bytes_each = t == DTYPE_I8 ? (size_t)(s->n * s->k) : bytes;
    b->n = (int)((96u << 20) / b->bytes_each) + s->n_weights;
    if (b->n > FLUSH_COPIES * 2) b->n = FLUSH_COPIES * 2;
    b->n -= b->n % s->n_weights;
    b->data = mem_alloc(bytes * (size_t)b->n);
    if (!b->data) exit(1);
    const uint8_t pattern[8] = {0x11, 0x3c, 0x95, 0x3b, 0x27, 0x3d, 0x81, 0x3a};
    for (size_t i = 0; i < bytes * (size_t)b->n; i++)
        b->data[i] = pattern[i % 8]; /* small finite numbers in every type */
    for (int i = 0; i < b->n; i++) {
        (void)be->ops->weight_load(be, stored, s->n, s->k, b->data + bytes * (size_t)i, &b->w[i]);
        if (t == DTYPE_I8 && be->ops->weight_to_int8(be, &b->w[i]) < 0) exit(1);
    }
}

static void bank_close(struct bank *b, struct backend *be) {
    for (int i = 0; i < b->n; i++)
        be->ops->weight_release(be, &b->w[i]);
    mem_free(b->data);
}

int main(int argc, char **argv) {
    const int threads = argc > 1 ? atoi(argv[1]) : 0;
    const int rounds = argc > 2 ? atoi(argv[2]) : 5;
    const char *only_type = argc > 3 ? argv[3] : "";
    const int64_t only_tokens = argc > 4 ? atoi(argv[4]) : 0;
    enum cpu_isa isa;
    struct backend *be;
    struct stream *stream;
    struct pool *pool;
    const struct stream_limits limits = {.max_rows = MAX_TOKENS,
                                         .max_k = 3072,
                                         .max_head_rows = MAX_TOKENS,
                                         .n_heads = 16,
                                         .n_kv_heads = 8,
                                         .head_dim = 128};
    karma_status st = cpu_isa_choose(&isa);
    if (st == KARMA_OK) st = cpu_backend_create(isa, threads, &be);
    if (st == KARMA_OK) {
        be->weights = WEIGHTS_INT8; /* its streams have room for both */
        st = be->ops->stream_create(be, &limits, &stream);
    }
    if (st < 0) {
        fprintf(stderr, "%s\n", karma_error_message());
        return 1;
    }
    pool = ((struct cpu_backend *)(void *)be)->pool;
    struct roof_buffer buffer = {.data = mem_calloc(1, STREAM_BYTES + 4096), .bytes = STREAM_BYTES};
    float *x = mem_alloc(MAX_TOKENS * 3072 * sizeof(float));
    float *y = mem_alloc((size_t)MAX_TOKENS * 151936 * sizeof(float));
    if (!buffer.data || !x || !y) return 1;
    memset((void *)(uintptr_t)buffer.data, 1, STREAM_BYTES);
    for (int64_t i = 0; i < MAX_TOKENS * 3072; i++)
        x[i] = (float)(i % 17) - 8;
    printf("%s; %s\n", cpu_model_name(), be->ops->describe(be));
    printf("%-6s %-8s %6s %9s %9s %9s %9s %8s\n", "type", "product", "tokens", "ms", "GB/s",
           "of stream", "GFLOP/s", "of peak");
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        if (*only_type && strcmp(only_type, dtype_name(types[t])) != 0) continue;
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
            const struct shape *s = &shapes[i];
            struct bank bank;
            bank_open(&bank, be, types[t], s);
            for (size_t j = 0; j < sizeof(tokens) / sizeof(tokens[0]); j++) {
                if (only_tokens && only_tokens != tokens[j]) continue;
                if (s->n > 100000 && tokens[j] > 16) continue;
                double ms[64], gb[64], gf[64], of_stream[64], of_peak[64];
                for (int round = 0; round < rounds && round < 64; round++) {
                    const double stream_rate = roof_stream(pool, &buffer);
                    const double peak = roof_fma(pool, isa);
                    const uint64_t start = clock_monotonic_ns();
                    int done = 0;
                    for (; done + s->n_weights <= bank.n; done += s->n_weights) {
                        const struct linear_args a = {
                            .x = x,
                            .m = tokens[j],
                            .k = s->k,
                            .ldx = s->k,
                            .n_weights = s->n_weights,
                            .w = {&bank.w[done], s->n_weights == 2 ? &bank.w[done + 1] : NULL},
                            .y = {y},
                            .ldy = {s->n},
                            .act = s->n_weights == 2 ? ACT_SILU_MUL : ACT_NONE};
                        be->ops->linear(stream, &a);
                        if (tokens[j] > 16 && done >= 2) break;
                    }
                    if (done > bank.n - s->n_weights)
                        done = bank.n;
                    else
                        done += s->n_weights;
                    const double sec = seconds_since(start) / done;
                    ms[round] = sec * 1e3 * s->n_weights;
                    gb[round] = (double)bank.bytes_each / sec * 1e-9;
                    gf[round] = 2.0 * (double)(tokens[j] * s->n * s->k) / sec * 1e-9;
                    of_stream[round] = gb[round] / stream_rate;
                    of_peak[round] = peak > 0 ? gf[round] / peak : 0;
                }
                printf("%-6s %-8s %6lld %9.3f %9.2f %8.0f%% %9.1f %7.0f%%\n", dtype_name(types[t]),
                       s->name, (long long)tokens[j], median(ms, rounds), median(gb, rounds),
                       100 * median(of_stream, rounds), median(gf, rounds),
                       100 * median(of_peak, rounds));
                fflush(stdout);
            }
            bank_close(&bank, be);
        }
    }
    mem_free((void *)(uintptr_t)buffer.data);
    mem_free(x);
    mem_free(y);
    be->ops->stream_destroy(stream);
    backend_destroy(be);
    return 0;
}
