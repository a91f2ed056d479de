/*
 * bench_attention.c - attention of one Qwen3-0.6B layer (16 heads, 8 kv heads, head_dim 128) on the
 * CPU backend: prompts (GFLOP/s beside the f32 FMA peak), single tokens of one and of sixteen
 * sequences (GB/s of cache read beside the memory stream), with and without a shared prefix; over a
 * cache in f32, in bf16 where the instruction set has that, and in eight bits.
 *
 *     bench_attention [threads] [rounds]
 */
#include "bench/roof.h"

enum {
    HEADS = 16,
    KV_HEADS = 8,
    HEAD_DIM = 128,
    MAX_ROWS = 512,
    MAX_SEQS = 16,
    ROW = HEADS * HEAD_DIM,
    LAYERS = 8, /* so that a decode step does not find the cache in the cache */
    STREAM_BYTES = 256 << 20,
};

struct scene {
    const char *name;
    int32_t seqs, rows, depth; /* rows of each sequence, the last at depth - 1 */
    int32_t shared;            /* positions that all sequences have in common */
};

static const struct scene scenes[] = {
    {"prompt 512", 1, 512, 512, 0},      {"prompt 2048, last 512", 1, 512, 2048, 0},
    {"1 token at 512", 1, 1, 512, 0},    {"1 token at 2048", 1, 1, 2048, 0},
    {"16 tokens at 544", 16, 1, 544, 0}, {"16 tokens, 512 shared", 16, 1, 544, 512},
};

/* Numbers of any type: what they are does not matter, but they must not be slow ones. The scales
 * among those of eight bits are bytes like the rest. */
static void fill_cache(const struct kv_pool *kv) {
    const size_t n = kv_block_bytes(kv) * (size_t)kv->n_blocks / sizeof(uint32_t);
    uint32_t *words = kv->base;
    for (size_t i = 0; i < n; i++) {
        const float x = (float)(i * 7 % 101) * 0.01f;
        if (kv->dtype == DTYPE_I8)
            words[i] = 0x3c3c3c3cu;
        else if (kv->dtype == DTYPE_BF16)
            words[i] = f32_to_bf16(x) | (uint32_t)f32_to_bf16(1 - x) << 16;
        else
            memcpy(&words[i], &x, sizeof(x));
    }
}

static void measure(struct backend *be, enum cpu_isa isa, struct stream *stream,
                    const struct kv_pool *kv, struct roof_buffer *buffer, const float *q,
                    float *out, int rounds) {
    struct pool *pool = ((struct cpu_backend *)(void *)be)->pool;
    fill_cache(kv);
    printf("cache in %-15s %9s %9s %9s %9s %8s\n", dtype_name(kv->dtype), "ms", "GB/s", "of stream",
           "GFLOP/s", "of peak");
    for (size_t c = 0; c < sizeof(scenes) / sizeof(scenes[0]); c++) {
        const struct scene *s = &scenes[c];
        static int32_t tables[MAX_SEQS][2048 / KV_BLOCK_TOKENS];
        const int32_t *lists[MAX_SEQS];
        static struct batch_row rows[MAX_ROWS];
        int32_t next = 0, m = 0;
        double keys = 0, blocks_read = 0;
        for (int32_t i = 0; i < s->seqs; i++) {
            lists[i] = tables[i];
            for (int32_t b = 0; b < s->depth / KV_BLOCK_TOKENS; b++) {
                const bool common = i > 0 && (b + 1) * KV_BLOCK_TOKENS <= s->shared;
                tables[i][b] = common ? tables[0][b] : next++;
            }
            for (int32_t r = 0; r < s->rows; r++, m++) {
                const int32_t pos = s->depth - s->rows + r;
                rows[m] = (struct batch_row){.seq = i, .pos = pos, .visible_end = pos + 1};
                keys += pos + 1;
            }
        }
        blocks_read = next;
        struct attention_args a = {.m = m,
                                   .rows = rows,
                                   .q = q,
                                   .out = out,
                                   .ldq = ROW,
                                   .ldo = ROW,
                                   .n_heads = HEADS,
                                   .scale = 0.0884f,
                                   .kv = kv,
                                   .block_tables = lists};
        const bool in_pairs = kv->dtype != DTYPE_F32 && be->ops->caches(be, DTYPE_BF16);
        double ms[64], gb[64], gf[64], of_stream[64], of_peak[64];
        for (int round = 0; round < rounds; round++) {
            const double stream_rate = roof_stream(pool, buffer);
            const double peak = in_pairs ? roof_pairs(pool, isa) : roof_fma(pool, isa);
            const uint64_t start = clock_monotonic_ns();
            for (a.layer = 0; a.layer < LAYERS; a.layer++)
                be->ops->attention(stream, &a);
            const double sec = seconds_since(start) / LAYERS;
            ms[round] = sec * 1e3;
            gb[round] = blocks_read * KV_HEADS * (double)kv_head_bytes(kv) / sec * 1e-9;
            gf[round] = keys * HEADS * HEAD_DIM * 4 / sec * 1e-9;
            of_stream[round] = gb[round] / stream_rate;
            of_peak[round] = peak > 0 ? gf[round] / peak : 0;
        }
        printf("%-24s %9.3f %9.2f %8.0f%% %9.1f %7.0f%%\n", s->name, median(ms, rounds),
               median(gb, rounds), 100 * median(of_stream, rounds), median(gf, rounds),
               100 * median(of_peak, rounds));
    }
}

int main(int argc, char **argv) {
    const int threads = argc > 1 ? atoi(argv[1]) : 0;
    const int rounds = argc > 2 && atoi(argv[2]) < 64 ? atoi(argv[2]) : 5;
    const struct stream_limits limits = {.max_rows = MAX_ROWS,
                                         .max_k = HEADS * HEAD_DIM,
                                         .max_head_rows = 1,
                                         .n_heads = HEADS,
                                         .n_kv_heads = KV_HEADS,
                                         .head_dim = HEAD_DIM};
    enum cpu_isa isa;
    struct backend *be;
    struct stream *stream;
    if (cpu_isa_choose(&isa) < 0 || cpu_backend_create(isa, threads, &be) < 0 ||
        be->ops->stream_create(be, &limits, &stream) < 0) {
        fprintf(stderr, "%s\n", karma_error_message());
        return 1;
    }
    struct kv_pool kv = {.n_layers = LAYERS, .n_kv_heads = KV_HEADS, .head_dim = HEAD_DIM};
    kv.n_blocks = MAX_SEQS * 544 / KV_BLOCK_TOKENS;
    kv.base = be->ops->alloc(be, kv_block_bytes(&kv) * (size_t)kv.n_blocks); /* f32: the larger */
    float *q = be->ops->alloc(be, MAX_ROWS * ROW * sizeof(float));
    float *out = be->ops->alloc(be, MAX_ROWS * ROW * sizeof(float));
    struct roof_buffer buffer = {.data = mem_calloc(1, STREAM_BYTES), .bytes = STREAM_BYTES};
    if (!kv.base || !q || !out || !buffer.data) return 1;
    memset((void *)(uintptr_t)buffer.data, 1, STREAM_BYTES);
    for (size_t i = 0; i < MAX_ROWS * ROW; i++)
        q[i] = (float)(i * 5 % 97) * 0.01f;

    printf("%s; %s\n", cpu_model_name(), be->ops->describe(be));
    measure(be, isa, stream, &kv, &buffer, q, out, rounds);
    kv.dtype = DTYPE_BF16;
    if (be->ops->caches(be, kv.dtype)) measure(be, isa, stream, &kv, &buffer, q, out, rounds);
    kv.dtype = DTYPE_I8;
    measure(be, isa, stream, &kv, &buffer, q, out, rounds);
    mem_free((void *)(uintptr_t)buffer.data);
    be->ops->free(be, kv.base);
    be->ops->free(be, q);
    be->ops->free(be, out);
    be->ops->stream_destroy(stream);
    backend_destroy(be);
    return 0;
}
