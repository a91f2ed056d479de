/*
 * bench_vision.c - one picture through the tower of Gemma 3 and MedGemma 4B: 4,096 patches, 27
 * layers of width 1,152 with 16 heads of 72 and a feed-forward width of 4,304, 256 rows out; random
 * weights, models/siglip.c as it is. Products and attention stand beside the time their arithmetic
 * would take at the peak that the same threads reach between the layers: f32 fused multiply-adds,
 * or products of bf16 pairs where the set has them. The set is KARMA_ISA's.
 *
 *     bench_vision [threads] [rounds] [bf16|f32] [layers]
 */
#include <math.h>
#include <time.h>

#include "base/random.h"
#include "bench/roof.h"
#include "models/siglip.h"

enum { MAX_LAYERS = 27, MAX_ROUNDS = 99, DECODER_WIDTH = 2560 };

static const struct siglip_config shape = {
    .hidden_size = 1152,
    .intermediate_size = 4304,
    .num_hidden_layers = MAX_LAYERS,
    .num_attention_heads = 16,
    .image_size = 896,
    .patch_size = 14,
    .layer_norm_eps = 1e-6,
    .tokens_per_side = 16,
};

enum part { PRODUCTS, ATTENTION, REST, PARTS };
static const char *const part_names[] = {"products", "attention", "rest"};

/* Seconds by the clock and of the threads' processor time, and what the peak would have taken. */
struct account {
    double wall[PARTS], busy[PARTS], bound[PARTS], busy_bound[PARTS];
    double outside_wall, outside_busy; /* spent on measuring the peak */
};

/* GFLOP/s of f32 and of bf16 products, and of processor time alone, which company leaves as it is.
 */
struct peak {
    double f32, pairs, busy_f32, busy_pairs;
};

static void need(karma_status st) {
    if (st >= 0) return;
    fprintf(stderr, "bench_vision: %s\n", karma_error_message());
    exit(1);
}

static void *must(void *p) {
    if (p) return p;
    fprintf(stderr, "bench_vision: no memory\n");
    exit(1);
}

static float *make_floats(struct rng *r, int64_t n, float bound) {
    float *x = must(mem_alloc_aligned(64, (size_t)n * sizeof(*x)));
    for (int64_t i = 0; i < n; i++)
        x[i] = (float)(rng_uniform(r) * 2 - 1) * bound;
    return x;
}

/* Uniform, of a size that keeps the size of what it multiplies. */
static struct tensor make_weight(struct backend *be, struct rng *r, enum dtype type, int64_t rows,
                                 int64_t cols) {
    const float bound = sqrtf(3.0f / (float)cols);
    const size_t each = type == DTYPE_F32 ? sizeof(float) : sizeof(uint16_t);
    char *data = must(mem_alloc_aligned(64, (size_t)(rows * cols) * each));
    for (int64_t i = 0; i < rows * cols; i++) {
        const float v = (float)(rng_uniform(r) * 2 - 1) * bound;
        const uint16_t half = f32_to_bf16(v);
        memcpy(data + (size_t)i * each, type == DTYPE_F32 ? (const void *)&v : &half, each);
    }
    struct tensor w;
    need(be->ops->weight_load(be, type, rows, cols, data, &w));
    return w;
}

static struct linear make_linear(struct backend *be, struct rng *r, enum dtype type, int64_t rows,
                                 int64_t cols) {
    return (struct linear){.w = make_weight(be, r, type, rows, cols),
                           .bias = make_floats(r, rows, 0.1f)};
}

static struct layer_norm make_norm(struct rng *r) {
    return (struct layer_norm){.gain = make_floats(r, shape.hidden_size, 1),
                               .bias = make_floats(r, shape.hidden_size, 0.1f),
                               .eps = (float)shape.layer_norm_eps};
}

static void make_tower(struct siglip *m, struct backend *be, enum dtype type, int n_layers) {
    const int64_t d = shape.hidden_size, side = shape.image_size / shape.patch_size;
    struct rng r;
    rng_init(&r, 1, "tower", 5);
    *m = (struct siglip){.config = shape, .width = DECODER_WIDTH};
    m->config.num_hidden_layers = n_layers;
    m->patch_embedding = make_linear(be, &r, type, d, 3 * shape.patch_size * shape.patch_size);
    m->position_embedding = make_weight(be, &r, type, side * side, d);
    struct batch_row *patches = must(mem_calloc((size_t)(side * side), sizeof(*patches)));
    for (int32_t i = 0; i < side * side; i++)
        patches[i].token = i;
    m->patches = patches;
    m->layers = must(mem_calloc((size_t)n_layers, sizeof(*m->layers)));
    for (int i = 0; i < n_layers; i++) {
        struct siglip_layer *l = &m->layers[i];
        l->norm1 = make_norm(&r);
        l->norm2 = make_norm(&r);
        struct linear *const square[] = {&l->q_proj, &l->k_proj, &l->v_proj, &l->out_proj};
        for (int j = 0; j < 4; j++)
            *square[j] = make_linear(be, &r, type, d, d);
        l->fc1 = make_linear(be, &r, type, shape.intermediate_size, d);
        l->fc2 = make_linear(be, &r, type, d, shape.intermediate_size);
    }
    m->post_layernorm = make_norm(&r);
    m->soft_emb_norm = (struct norm){.gain = make_floats(&r, d, 1), .eps = 1e-6f};
    m->projection = make_weight(be, &r, DTYPE_F32, DECODER_WIDTH, d);
}

static void free_const(const void *p) {
    mem_free((void *)(uintptr_t)p);
}

static void free_linear(struct linear *l) {
    free_const(l->w.data);
    free_const(l->bias);
}

static void free_norm(struct layer_norm *n) {
    free_const(n->gain);
    free_const(n->bias);
}

static void free_tower(struct siglip *m) {
    free_linear(&m->patch_embedding);
    free_const(m->position_embedding.data);
    free_const(m->patches);
    for (int64_t i = 0; i < m->config.num_hidden_layers; i++) {
        struct siglip_layer *l = &m->layers[i];
        struct linear *const all[] = {&l->q_proj,   &l->k_proj, &l->v_proj,
                                      &l->out_proj, &l->fc1,    &l->fc2};
        for (int j = 0; j < 6; j++)
            free_linear(all[j]);
        free_norm(&l->norm1);
        free_norm(&l->norm2);
    }
    mem_free(m->layers);
    free_norm(&m->post_layernorm);
    free_const(m->soft_emb_norm.gain);
    free_const(m->projection.data);
}

/* ---- the backend's steps, with an account ---- */

struct lap {
    uint64_t wall;
    clock_t busy;
};

static struct lap lap_begin(void) {
    return (struct lap){.wall = clock_monotonic_ns(), .busy = clock()};
}

static void lap_end(const struct lap *l, double *wall, double *busy) {
    *wall += seconds_since(l->wall);
    *busy += (double)(clock() - l->busy) / CLOCKS_PER_SEC;
}

static struct {
    const struct backend_ops *ops; /* those behind */
    struct pool *pool;
    enum cpu_isa isa;
    struct account account;
    double flops[2], pair_flops[2]; /* of f32 and bf16 products since the last peak, by part */
    bool exact;                     /* attention is of the former */
    struct peak last;
} meter;

static struct peak peak_now(void) {
    struct peak p;
    double wall[2] = {0}, busy[2] = {0};
    struct lap lap = lap_begin();
    p.f32 = roof_fma(meter.pool, meter.isa);
    lap_end(&lap, &wall[0], &busy[0]);
    lap = lap_begin();
    p.pairs = roof_pairs(meter.pool, meter.isa);
    lap_end(&lap, &wall[1], &busy[1]);
    p.busy_f32 = p.f32 * wall[0] / busy[0];
    p.busy_pairs = p.pairs * wall[1] / busy[1];
    return p;
}

/* Enters what was computed since the last peak, at the middle of that one and one measured now. */
static void settle(void) {
    const struct lap lap = lap_begin();
    const struct peak a = meter.last, b = peak_now();
    struct account *acc = &meter.account;
    for (int i = 0; i < 2; i++) {
        acc->bound[i] +=
            2e-9 * (meter.flops[i] / (a.f32 + b.f32) + meter.pair_flops[i] / (a.pairs + b.pairs));
        acc->busy_bound[i] += 2e-9 * (meter.flops[i] / (a.busy_f32 + b.busy_f32) +
                                      meter.pair_flops[i] / (a.busy_pairs + b.busy_pairs));
        meter.flops[i] = meter.pair_flops[i] = 0;
    }
    meter.last = b;
    lap_end(&lap, &acc->outside_wall, &acc->outside_busy);
}

static void metered_linear(struct stream *s, const struct linear_args *a) {
    const struct lap lap = lap_begin();
    meter.ops->linear(s, a);
    lap_end(&lap, &meter.account.wall[PRODUCTS], &meter.account.busy[PRODUCTS]);
    for (int i = 0; i < a->n_weights; i++) {
        double *flops = a->w[i]->dtype == DTYPE_BF16 ? meter.pair_flops : meter.flops;
        flops[PRODUCTS] += 2.0 * (double)(a->m * a->k) * (double)a->w[i]->rows;
    }
}

static void metered_attention(struct stream *s, const struct full_attention_args *a) {
    settle();
    const struct lap lap = lap_begin();
    meter.ops->full_attention(s, a);
    lap_end(&lap, &meter.account.wall[ATTENTION], &meter.account.busy[ATTENTION]);
    double *flops = meter.exact ? meter.flops : meter.pair_flops;
    flops[ATTENTION] += 4.0 * (double)(a->m * a->m) * (double)(a->n_heads * a->head_dim);
}

static void encode(const struct siglip *m, const float *pixels, float *rows, float *scratch,
                   struct stream *on) {
    meter.account = (struct account){0};
    meter.last = peak_now();
    struct account *acc = &meter.account;
    const struct lap lap = lap_begin();
    (void)siglip_encode(m, pixels, rows, scratch, NULL, NULL, on);
    settle();
    lap_end(&lap, &acc->wall[REST], &acc->busy[REST]);
    acc->wall[REST] -= acc->outside_wall + acc->wall[PRODUCTS] + acc->wall[ATTENTION];
    acc->busy[REST] -= acc->outside_busy + acc->busy[PRODUCTS] + acc->busy[ATTENTION];
}

static double sum(const double *v) {
    double s = 0;
    for (int i = 0; i < PARTS; i++)
        s += v[i];
    return s;
}

static double over(double x, double bound) {
    return bound > 0 ? x / bound : 0;
}

static void report_line(const char *name, double wall, double bound, double busy,
                        double busy_bound) {
    printf("  %-10s %9.1f %9.1f %7.2f %11.1f %9.1f %7.2f\n", name, wall * 1e3, bound * 1e3,
           over(wall, bound), busy * 1e3, busy_bound * 1e3, over(busy, busy_bound));
}

static void report(const struct account *acc, const struct peak *p) {
    printf("  %-10s %9s %9s %7s %11s %9s %7s\n", "part", "clock ms", "bound", "ratio",
           "threads' ms", "bound", "ratio");
    for (int i = 0; i < PARTS; i++)
        report_line(part_names[i], acc->wall[i], acc->bound[i], acc->busy[i], acc->busy_bound[i]);
    report_line("all", sum(acc->wall), sum(acc->bound), sum(acc->busy), sum(acc->busy_bound));
    printf("  peak now: f32 %.1f GFLOP/s, %.1f a thread", p->f32, p->busy_f32);
    if (p->pairs > p->f32) printf("; bf16 pairs %.1f, %.1f a thread", p->pairs, p->busy_pairs);
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    const int threads = argc > 1 ? atoi(argv[1]) : 0, rounds = argc > 2 ? atoi(argv[2]) : 1;
    const char *type_name = argc > 3 ? argv[3] : "bf16";
    const int n_layers = argc > 4 ? atoi(argv[4]) : MAX_LAYERS;
    const bool bf16 = strcmp(type_name, "bf16") == 0;
    if (rounds < 1 || rounds > MAX_ROUNDS || n_layers < 1 || n_layers > MAX_LAYERS ||
        (!bf16 && strcmp(type_name, "f32") != 0)) {
        fprintf(stderr, "usage: bench_vision [threads] [rounds] [bf16|f32] [layers]\n");
        return 2;
    }
    struct backend *be;
    struct stream *on;
    struct siglip tower;
    struct vision_need room;
    struct rng r;
    need(cpu_isa_choose(&meter.isa));
    need(cpu_backend_create(meter.isa, threads, &be));
    meter.pool = ((struct cpu_backend *)(void *)be)->pool;
    meter.ops = be->ops;
    struct backend_ops metered = *be->ops;
    metered.linear = metered_linear;
    metered.full_attention = metered_attention;
    be->ops = &metered;
    make_tower(&tower, be, bf16 ? DTYPE_BF16 : DTYPE_F32, n_layers);
    siglip_need(&tower, &room);
    meter.exact = room.stream.exact_full;
    need(be->ops->stream_create(be, &room.stream, &on));
    rng_init(&r, 2, "picture", 7);
    float *scratch = must(mem_alloc_aligned(64, room.scratch_floats * sizeof(*scratch)));
    float *pixels = make_floats(&r, 3 * shape.image_size * shape.image_size, 1);
    float *rows = make_floats(&r, siglip_tokens(&shape) * DECODER_WIDTH, 0);
    printf("%s; %s, %s weights, %d layers, scratch %zu MiB\n", cpu_model_name(),
           be->ops->describe(be), type_name, n_layers,
           (room.scratch_floats * sizeof(float) + be->ops->stream_bytes(be, &room.stream)) >> 20);
    double ratio[MAX_ROUNDS], busy_ratio[MAX_ROUNDS], ms[MAX_ROUNDS];
    for (int round = 0; round < rounds; round++) {
        encode(&tower, pixels, rows, scratch, on);
        const struct account *acc = &meter.account;
        report(acc, &meter.last);
        ms[round] = sum(acc->wall) * 1e3;
        ratio[round] = over(sum(acc->wall), sum(acc->bound));
        busy_ratio[round] = over(sum(acc->busy), sum(acc->busy_bound));
    }
    printf("median of %d: %.0f ms a picture, %.2f times the bound by the clock, %.2f in processor "
           "time\n",
           rounds, median(ms, rounds), median(ratio, rounds), median(busy_ratio, rounds));
    const bool finite = isfinite(rows[0]);
    mem_free(scratch);
    mem_free(pixels);
    mem_free(rows);
    free_tower(&tower);
    be->ops->stream_destroy(on);
    backend_destroy(be);
    return !finite;
}
