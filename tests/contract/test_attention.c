/*
 * test_attention.c - rotary embedding, cache writes and attention of the CPU backend against
 * doc/numerics.md written out as plain loops: every instruction set and every type of cache it has,
 * to the bit, with windows, rows that see beyond their own position, shared blocks, and NaN
 * wherever nothing was written.
 */
#include "tensor/cpu/math.h"
#include "tests/support/backends.h"

enum { BLOCK = KV_BLOCK_TOKENS, N_LAYERS = 2, LAYER = 1, MAX_BLOCKS = 24, MAX_SEQS = 8 };

static const struct stream_limits limits = {
    .max_rows = 200,
    .max_k = 64,
    .max_n = 64,
    .max_head_rows = 1,
    .n_heads = 16,
    .n_kv_heads = 2,
    .head_dim = 128,
    .max_positions = 1024,
};

/* An instruction set and a type of cache that it has. */
struct way {
    enum cpu_isa isa;
    enum dtype cache;
};
static bool exists(struct way way) {
    struct backend *be;
    if (!cpu_isa_present(way.isa)) return false;
    assert_ok(cpu_backend_create(way.isa, 1, &be));
    const bool yes = be->ops->caches(be, way.cache);
    backend_destroy(be);
    return yes;
}
static struct way next_way(struct way way) {
    if (way.cache == DTYPE_F32) return (struct way){way.isa, DTYPE_BF16};
    if (way.cache == DTYPE_BF16) return (struct way){way.isa, DTYPE_I8};
    return (struct way){way.isa + 1, DTYPE_F32};
}
#define for_each_way(way)                                                                          \
    for (struct way way = {CPU_ISA_REF, DTYPE_F32}; way.isa < CPU_ISA_COUNT; way = next_way(way))  \
        if (exists(way))

/* Does the set at work attend in pairs over what is in eight bits? */
static bool set_has_pairs;
static bool in_pairs(const struct kv_pool *kv) {
    return kv->dtype == DTYPE_BF16 || (kv->dtype == DTYPE_I8 && set_has_pairs);
}

/* A cache with nothing written: all NaN, or of eight bits with scales that are. */
static void cache_open(struct kv_pool *kv, struct backend *be, enum dtype dtype, int32_t n_kv_heads,
                       int32_t head_dim) {
    *kv = (struct kv_pool){.dtype = dtype,
                           .n_blocks = MAX_SEQS * MAX_BLOCKS,
                           .n_layers = N_LAYERS,
                           .n_kv_heads = n_kv_heads,
                           .head_dim = head_dim};
    const size_t n = kv_block_bytes(kv) * (size_t)kv->n_blocks;
    kv->base = be->ops->alloc(be, n);
    assert_non_null(kv->base);
    memset(kv->base, 0xff, n);
    set_has_pairs = be->ops->caches(be, DTYPE_BF16);
}

/* A row of a cache in eight bits: 0 a key, 1 a value. */
static int8_t *int8_row_at(const struct kv_pool *kv, int32_t id, int32_t head, int which, int32_t j,
                           float **scale) {
    char *rows = (char *)kv_head_at(kv, id, LAYER, head) + (size_t)which * kv_key_bytes(kv);
    const size_t row = ((size_t)kv->head_dim + 3) / 4 * 4;
    *scale = (float *)(void *)(rows + BLOCK * row) + j;
    return (int8_t *)rows + (size_t)j * row;
}
static float int8_at(const struct kv_pool *kv, int32_t id, int32_t head, int which, int32_t d,
                     int32_t j) {
    float *scale;
    const int8_t *q = int8_row_at(kv, id, head, which, j, &scale);
    return (float)q[d] * *scale;
}
/* The definition of doc/numerics.md: what n finite numbers are in eight bits. */
static float define_int8(int8_t *q, const float *x, int32_t n) {
    float largest = 0;
    for (int32_t i = 0; i < n; i++)
        largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    const float scale = largest / 127;
    const float by = 1 / scale;
    for (int32_t i = 0; i < n; i++)
        q[i] = (int8_t)lrintf(x[i] * by);
    return scale;
}

/* Where a number lies in a cache in bf16. */
static uint16_t *key_half(const struct kv_pool *kv, int32_t id, int32_t head, int32_t d,
                          int32_t j) {
    uint16_t *keys = kv_head_at(kv, id, LAYER, head);
    return keys + (d / 2 * BLOCK + j) * 2 + d % 2;
}
static uint16_t *value_half(const struct kv_pool *kv, int32_t id, int32_t head, int32_t d,
                            int32_t j) {
    uint16_t *keys = kv_head_at(kv, id, LAYER, head);
    return keys + (kv->head_dim + 1) / 2 * BLOCK * 2 + (j / 2 * kv->head_dim + d) * 2 + j % 2;
}

static float key_at(const struct kv_pool *kv, int32_t id, int32_t head, int32_t d, int32_t j) {
    if (kv->dtype == DTYPE_I8) return int8_at(kv, id, head, 0, d, j);
    if (kv->dtype == DTYPE_BF16) return bf16_to_f32(*key_half(kv, id, head, d, j));
    return ((const float *)kv_head_at(kv, id, LAYER, head))[d * BLOCK + j];
}
static float value_at(const struct kv_pool *kv, int32_t id, int32_t head, int32_t d, int32_t j) {
    const int32_t n = kv->head_dim;
    if (kv->dtype == DTYPE_I8) return int8_at(kv, id, head, 1, d, j);
    if (kv->dtype == DTYPE_BF16) return bf16_to_f32(*value_half(kv, id, head, d, j));
    return ((const float *)kv_head_at(kv, id, LAYER, head))[n * BLOCK + j * n + d];
}
static void put_key(const struct kv_pool *kv, int32_t id, int32_t head, int32_t d, int32_t j,
                    float x) {
    if (kv->dtype == DTYPE_F32) {
        ((float *)kv_head_at(kv, id, LAYER, head))[d * BLOCK + j] = x;
        return;
    }
    *key_half(kv, id, head, d, j) = (uint16_t)round_to_bf16(x);
    if (d % 2 == 0 && d + 1 == kv->head_dim) key_half(kv, id, head, d, j)[1] = 0;
}
static void put_value(const struct kv_pool *kv, int32_t id, int32_t head, int32_t d, int32_t j,
                      float x) {
    const int32_t n = kv->head_dim;
    if (kv->dtype == DTYPE_F32)
        ((float *)kv_head_at(kv, id, LAYER, head))[n * BLOCK + j * n + d] = x;
    else
        *value_half(kv, id, head, d, j) = (uint16_t)round_to_bf16(x);
}

/* What position pos of kv head h holds must not depend on which block it lies in. */
static void write_position(const struct kv_pool *kv, const int32_t *table, int32_t pos,
                           uint64_t content) {
    const int32_t n = kv->head_dim;
    for (int32_t h = 0; h < kv->n_kv_heads; h++) {
        const int32_t id = table[pos / BLOCK], j = pos % BLOCK;
        struct rng r;
        const uint64_t key[3] = {content, (uint64_t)pos, (uint64_t)h};
        rng_init(&r, 0, key, sizeof(key));
        float k[128], v[128], *scale;
        for (int32_t d = 0; d < n; d++) {
            k[d] = random_float(&r, 2);
            v[d] = random_float(&r, 1);
        }
        for (int32_t d = 0; d < n && kv->dtype != DTYPE_I8; d++) {
            put_key(kv, id, h, d, j, k[d]);
            put_value(kv, id, h, d, j, v[d]);
        }
        for (int i = 0; i < 2 && kv->dtype == DTYPE_I8; i++) {
            int8_t *q = int8_row_at(kv, id, h, i, j, &scale);
            *scale = define_int8(q, i == 0 ? k : v, n);
        }
    }
}

/* The two of a pair as a word; what is beyond `end` is 0. */
static uint32_t word_of(float even, float odd) {
    return round_to_bf16(even) | round_to_bf16(odd) << 16;
}

static float define_score(const struct kv_pool *kv, int32_t id, int32_t head, const float *q,
                          int32_t j) {
    float dot = 0;
    for (int32_t d = 0; d < kv->head_dim; d++) {
        if (!in_pairs(kv)) {
            dot = fmaf(q[d], key_at(kv, id, head, d, j), dot);
            continue;
        }
        const bool both = d + 1 < kv->head_dim;
        const float k = both ? key_at(kv, id, head, d + 1, j) : 0;
        dot = dot_pair(dot, word_of(q[d], both ? q[d + 1] : 0),
                       word_of(key_at(kv, id, head, d, j), k));
        d++;
    }
    return dot;
}

/* The weights of the keys [j0, j1) of a block and their values; returns their sum. */
static float define_values(const struct kv_pool *kv, int32_t id, int32_t head, const float *p,
                           int32_t j0, int32_t j1, float *o) {
    float lane[16] = {0};
    for (int32_t d = 0; d < kv->head_dim; d++) {
        o[d] = 0;
        for (int32_t j = j0; j < j1; j++) {
            const float v = value_at(kv, id, head, d, j);
            if (!in_pairs(kv)) {
                o[d] = fmaf(p[j], v, o[d]);
                continue;
            }
            const bool odd_alone = j % 2, both = !odd_alone && j + 1 < j1;
            const uint32_t weights =
                odd_alone ? word_of(0, p[j]) : word_of(p[j], both ? p[j + 1] : 0);
            const float next = both ? value_at(kv, id, head, d, j + 1) : 0;
            o[d] = dot_pair(o[d], weights, odd_alone ? word_of(0, v) : word_of(v, next));
            j += both;
        }
    }
    for (int32_t j = j0; j < j1; j++) {
        if (!in_pairs(kv))
            lane[j % 16] += p[j];
        else /* both of a pair are exact, and so few bits that their order is of no matter */
            lane[j / 2] += bf16_to_f32((uint16_t)round_to_bf16(p[j]));
    }
    for (int step = 8; step > 0; step /= 2)
        for (int t = 0; t < step; t++)
            lane[t] += lane[t + step];
    return lane[0];
}

static void define_attention(float *out, const struct attention_args *a, int64_t i) {
    const struct kv_pool *kv = a->kv;
    const struct batch_row *row = &a->rows[i];
    const int32_t n = kv->head_dim, group = a->n_heads / kv->n_kv_heads;
    const int32_t from =
        a->window > 0 && row->pos - a->window + 1 > 0 ? row->pos - a->window + 1 : 0;
    for (int32_t h = 0; h < a->n_heads; h++) {
        const float *q = a->q + i * a->ldq + h * n;
        float m = -INFINITY, l = 0, o[128] = {0};
        bool begun = false;
        for (int32_t b = 0; b * BLOCK < row->visible_end; b++) {
            const int32_t id = a->block_tables[row->seq][b];
            float s[BLOCK], mb = -INFINITY, ob[128] = {0};
            int32_t j0 = from - b * BLOCK, j1 = row->visible_end - b * BLOCK;
            if (j0 < 0) j0 = 0;
            if (j1 > BLOCK) j1 = BLOCK;
            if (j0 >= j1) continue;
            for (int32_t j = j0; j < j1; j++) {
                s[j] = define_score(kv, id, h / group, q, j) * a->scale;
                if (s[j] > mb) mb = s[j];
            }
            for (int32_t j = j0; j < j1; j++)
                s[j] = exp_f32(s[j] - mb);
            const float lb = define_values(kv, id, h / group, s, j0, j1, ob);
            if (!begun && !in_pairs(kv)) {
                m = mb;
                l = lb;
                memcpy(o, ob, sizeof(o));
                begun = true;
                continue;
            }
            const float top = mb > m ? mb : m, x = exp_f32(m - top), y = exp_f32(mb - top);
            m = top;
            l = fmaf(l, x, lb * y);
            for (int32_t d = 0; d < n; d++)
                o[d] = fmaf(o[d], x, ob[d] * y);
        }
        for (int32_t d = 0; d < n; d++)
            out[h * n + d] = in_pairs(kv) ? o[d] * (1.0f / l) : o[d] / l;
    }
}

struct scene {
    struct machine mc;
    struct kv_pool kv;
    int32_t tables[MAX_SEQS][MAX_BLOCKS];
    const int32_t *table_list[MAX_SEQS];
    struct batch_row rows[200];
    int64_t m;
    float *q, *out;
    struct attention_args a;
};

static void scene_open(struct scene *s, struct way way, int threads, int32_t n_heads,
                       int32_t n_kv_heads, int32_t head_dim) {
    *s = (struct scene){.mc = machine_open(way.isa, threads, &limits)};
    cache_open(&s->kv, s->mc.be, way.cache, n_kv_heads, head_dim);
    for (int32_t i = 0; i < MAX_SEQS; i++) {
        s->table_list[i] = s->tables[i];
        for (int32_t b = 0; b < MAX_BLOCKS; b++)
            s->tables[i][b] = (b * 5 + i * 17) % MAX_BLOCKS + i * MAX_BLOCKS;
    }
    struct rng r;
    rng_init(&r, 20, "queries", 7);
    const int64_t ld = (int64_t)n_heads * head_dim + 3;
    s->q = random_floats(&r, 200 * ld, 1);
    s->out = random_floats(&r, 200 * ld, 1);
    s->a = (struct attention_args){.rows = s->rows,
                                   .q = s->q,
                                   .out = s->out,
                                   .ldq = ld,
                                   .ldo = ld,
                                   .n_heads = n_heads,
                                   .scale = 1.0f / sqrtf((float)head_dim),
                                   .kv = &s->kv,
                                   .layer = LAYER,
                                   .block_tables = s->table_list};
}

static void scene_close(struct scene *s) {
    s->mc.be->ops->free(s->mc.be, s->kv.base);
    mem_free(s->q);
    mem_free(s->out);
    machine_close(&s->mc);
}

static void scene_row(struct scene *s, int32_t seq, int32_t pos, int32_t visible_end) {
    s->rows[s->m++] = (struct batch_row){.seq = seq, .pos = pos, .visible_end = visible_end};
}

static void scene_write(struct scene *s, int32_t seq, int32_t from, int32_t to, uint64_t content) {
    for (int32_t pos = from; pos < to; pos++)
        write_position(&s->kv, s->tables[seq], pos, content);
}

static void scene_check(struct scene *s, const char *what) {
    float want[16 * 128];
    s->a.m = s->m;
    s->mc.be->ops->attention(s->mc.s, &s->a);
    s->mc.be->ops->finish(s->mc.s);
    for (int64_t i = 0; i < s->m; i++) {
        define_attention(want, &s->a, i);
        const int64_t n = (int64_t)s->a.n_heads * s->kv.head_dim;
        for (int64_t d = 0; d < n; d++)
            assert_true(want[d] == want[d]); /* not NaN */
        assert_same(s->out + i * s->a.ldo, want, n, "%s %s %s head_dim %d row %lld", s->mc.isa,
                    dtype_name(s->kv.dtype), what, s->kv.head_dim, (long long)i);
    }
}

static void a_prompt_sees_itself(void **state) {
    (void)state;
    static const int32_t dims[] = {8, 16, 20, 32, 35, 36, 64, 80, 1, 128};
    for_each_way(way) {
        for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
            struct scene s;
            scene_open(&s, way, 2, i % 2 ? 6 : 4, 2, dims[i]);
            scene_write(&s, 0, 0, 101, 7);
            for (int32_t pos = 0; pos < 101; pos += 1 + (int32_t)i % 3)
                scene_row(&s, 0, pos, pos + 1);
            scene_check(&s, "causal");
            for (int32_t window = 1; window < 101; window = window * 3 + 1) {
                s.a.window = window;
                scene_check(&s, "window");
            }
            scene_close(&s);
        }
    }
}

static void rows_of_a_span_see_beyond_their_position(void **state) {
    (void)state;
    for_each_way(way) {
        struct scene s;
        scene_open(&s, way, 2, 8, 2, 64);
        scene_write(&s, 0, 0, 130, 7);
        for (int32_t pos = 40; pos < 130; pos++)
            scene_row(&s, 0, pos, pos < 110 ? 110 : pos + 1);
        scene_check(&s, "span");
        s.a.window = 37;
        scene_check(&s, "span and window");
        scene_close(&s);
    }
}

/* Sequences 0..5: a common beginning of 3 blocks for 0..3, of 2 more for 0 and 2; 4 and 5 alone.
 * `share`: by naming the same blocks; else each has a copy. */
static void write_family(struct scene *s, bool share) {
    static const int32_t lengths[6] = {170, 97, 200, 130, 33, 1};
    for (int32_t i = 0; i < 6; i++) {
        scene_write(s, i, 0, lengths[i], i < 4 ? 1 : 2 + (uint64_t)i);
        if (i < 4) scene_write(s, i, 96, lengths[i], i % 2 ? 10 + (uint64_t)i : 3);
        if (i % 2 == 0 && i < 4) scene_write(s, i, 160, lengths[i], 20 + (uint64_t)i);
        if (share && i < 4) memcpy(s->tables[i], s->tables[0], 3 * sizeof(int32_t));
        if (share && i == 2) memcpy(s->tables[i], s->tables[0], 5 * sizeof(int32_t));
    }
    /* An order in which those who share do not stand together, one row or two of each. */
    static const int32_t order[6] = {0, 4, 1, 2, 5, 3};
    for (int32_t i = 0; i < 6; i++) {
        const int32_t seq = order[i], end = lengths[seq];
        if (end > 1) scene_row(s, seq, end - 2, end - 1);
        scene_row(s, seq, end - 1, end);
    }
}

static void shared_blocks_and_private_copies_give_the_same_bits(void **state) {
    (void)state;
    for_each_way(way) {
        for (int32_t window = 0; window <= 150; window += 75) {
            struct scene shared, apart;
            scene_open(&shared, way, 2, 4, 2, 64);
            scene_open(&apart, way, 1, 4, 2, 64);
            write_family(&shared, true);
            write_family(&apart, false);
            shared.a.window = apart.a.window = window;
            scene_check(&shared, "shared");
            scene_check(&apart, "apart");
            for (int64_t i = 0; i < shared.m; i++)
                assert_memory_equal(shared.out + i * shared.a.ldo, apart.out + i * apart.a.ldo,
                                    4 * 64 * sizeof(float));
            uint64_t together, single;
            shared.mc.be->ops->attention_reads(shared.mc.s, &together, &single);
            assert_true(together > 0 && single > 0);
            if (window == 0) { /* 3 blocks of four, 2 of two; for each of 2 kv heads */
                assert_int_equal(together, 2 * 5);
                assert_int_equal(single, 2 * (1 + 1 + 2 + 2 + 2 + 1));
            }
            apart.mc.be->ops->attention_reads(apart.mc.s, &together, &single);
            assert_true(together == 0 && single > 0);
            scene_close(&shared);
            scene_close(&apart);
        }
    }
}

static void a_query_alone_equals_the_query_among_others(void **state) {
    (void)state;
    for_each_way(way) {
        static float all[200][16 * 64];
        for (int threads = 1; threads <= 4; threads *= 2) {
            struct scene s;
            scene_open(&s, way, threads, 16, 2, 64);
            write_family(&s, true);
            for (int32_t pos = 5; pos < 96; pos++)
                scene_row(&s, 3, pos, pos + 1);
            s.a.m = s.m;
            s.mc.be->ops->attention(s.mc.s, &s.a);
            const size_t bytes = 16 * 64 * sizeof(float);
            for (int64_t i = 0; i < s.m; i++) {
                if (threads == 1) memcpy(all[i], s.out + i * s.a.ldo, bytes);
                assert_memory_equal(all[i], s.out + i * s.a.ldo, bytes);
            }
            struct attention_args one = s.a;
            one.m = 1;
            for (int64_t i = 0; i < s.m; i++) {
                one.rows = s.a.rows + i;
                one.q = s.a.q + i * s.a.ldq;
                s.mc.be->ops->attention(s.mc.s, &one);
                assert_memory_equal(all[i], s.out, bytes);
            }
            scene_close(&s);
        }
    }
}

static void large_scores_neither_overflow_nor_vanish(void **state) {
    (void)state;
    for_each_way(way) {
        struct scene s;
        scene_open(&s, way, 1, 4, 2, 32);
        scene_write(&s, 0, 0, 70, 1);
        scene_row(&s, 0, 69, 70);
        scene_row(&s, 0, 31, 32);
        s.a.scale = 300; /* weights underflow, also to subnormal */
        scene_check(&s, "large");
        s.a.scale = 0;
        scene_check(&s, "flat");
        scene_close(&s);
    }
}

/* ---- rope and cache ---- */

static void define_norm(float *x, const float *gain, float eps, int64_t n) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    for (int step = 8; step > 0; step /= 2)
        for (int i = 0; i < step; i++)
            lane[i] += lane[i + step];
    const float r = 1.0f / sqrtf(lane[0] / (float)n + eps);
    for (int64_t i = 0; i < n; i++)
        x[i] = x[i] * r * gain[i];
}

static void define_rope(float *x, const struct rope *rope, int32_t pos) {
    const int32_t half = rope->rotary_dim / 2;
    for (int32_t i = 0; i < half; i++) {
        const float angle = (float)pos * rope->inv_freq[i];
        const float c = (float)cos((double)angle) * rope->attention_factor;
        const float s = (float)sin((double)angle) * rope->attention_factor;
        float *a = rope->interleaved ? &x[2 * i] : &x[i];
        float *b = rope->interleaved ? &x[2 * i + 1] : &x[i + half];
        const float xa = *a, xb = *b;
        *a = xa * c - xb * s;
        *b = xb * c + xa * s;
    }
}

/* Number d of a row as that cache keeps it. */
static float kept(struct way way, const float *row, int32_t n, int32_t d) {
    int8_t q[128];
    if (way.cache == DTYPE_F32) return row[d];
    if (way.cache == DTYPE_BF16) return bf16_to_f32((uint16_t)round_to_bf16(row[d]));
    const float scale = define_int8(q, row, n);
    return (float)q[d] * scale;
}

static void keys_and_values_reach_their_place_in_the_cache(void **state) {
    (void)state;
    enum { HEADS = 4, KV_HEADS = 2, DIM = 72, M = 70 };
    for_each_way(way) {
        struct scene s;
        scene_open(&s, way, 2, HEADS, KV_HEADS, DIM);
        struct rng r;
        rng_init(&r, 21, "rope", 4);
        float *freq[3], *gain[2] = {random_floats(&r, DIM, 2), random_floats(&r, DIM, 2)};
        for (int i = 0; i < 3; i++)
            freq[i] = random_floats(&r, DIM / 2, 1);
        float *k = random_floats(&r, M * KV_HEADS * DIM, 1);
        float *v = random_floats(&r, M * KV_HEADS * DIM, 1);
        float *q = random_floats(&r, M * HEADS * DIM, 1);
        float *k_want = random_floats(&r, M * KV_HEADS * DIM, 1);
        float *q_want = random_floats(&r, M * HEADS * DIM, 1);
        /* Three ropes in turn through two tables; whole and part heads, both pairings. */
        for (int round = 0; round < 7; round++) {
            const int64_t m = round % 2 ? M : 5;
            for (int64_t i = 0; i < m; i++)
                s.rows[i] = (struct batch_row){.seq = (int32_t)i % 2,
                                               .pos = (int32_t)(i / 2) + round / 3 * 50};
            memcpy(q_want, q, (size_t)(m * HEADS * DIM) * sizeof(float));
            memcpy(k_want, k, (size_t)(m * KV_HEADS * DIM) * sizeof(float));
            const struct rope_cache_args a = {
                .m = m,
                .rows = s.rows,
                .q = q,
                .k = k,
                .v = v,
                .ldq = HEADS * DIM,
                .ldk = KV_HEADS * DIM,
                .ldv = KV_HEADS * DIM,
                .n_heads = HEADS,
                .q_norm = round % 2 ? gain[0] : NULL,
                .k_norm = round % 3 ? gain[1] : NULL,
                .norm_eps = 1e-6f,
                .rope = {.inv_freq = freq[round % 3],
                         .rotary_dim = round == 4   ? 40
                                       : round == 6 ? 0
                                                    : DIM,
                         .attention_factor = round == 5 ? 1.25f : 1,
                         .interleaved = round % 4 == 1},
                .kv = &s.kv,
                .layer = LAYER,
                .block_tables = s.table_list,
            };
            s.mc.be->ops->rope_cache(s.mc.s, &a);
            s.mc.be->ops->finish(s.mc.s);
            for (int64_t i = 0; i < m; i++) {
                const int32_t pos = s.rows[i].pos;
                for (int32_t h = 0; h < HEADS; h++) {
                    float *x = q_want + (i * HEADS + h) * DIM;
                    if (a.q_norm) define_norm(x, a.q_norm, a.norm_eps, DIM);
                    define_rope(x, &a.rope, pos);
                    assert_same(q + (i * HEADS + h) * DIM, x, DIM, "%s q round %d", s.mc.isa,
                                round);
                }
                for (int32_t h = 0; h < KV_HEADS; h++) {
                    float *x = k_want + (i * KV_HEADS + h) * DIM;
                    if (a.k_norm) define_norm(x, a.k_norm, a.norm_eps, DIM);
                    define_rope(x, &a.rope, pos);
                    const int32_t id = s.tables[s.rows[i].seq][pos / BLOCK], j = pos % BLOCK;
                    for (int32_t d = 0; d < DIM; d++) {
                        const float k_got = key_at(&s.kv, id, h, d, j);
                        const float v_got = value_at(&s.kv, id, h, d, j);
                        const float *v_row = v + (i * KV_HEADS + h) * DIM;
                        const float wanted[2] = {kept(way, x, DIM, d), kept(way, v_row, DIM, d)};
                        assert_same(&k_got, &wanted[0], 1, "%s k round %d", s.mc.isa, round);
                        assert_same(&v_got, &wanted[1], 1, "%s v round %d", s.mc.isa, round);
                    }
                }
            }
        }
        float *all[] = {freq[0], freq[1], freq[2], gain[0], gain[1], k, v, q, k_want, q_want};
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
            mem_free(all[i]);
        scene_close(&s);
    }
}

static void a_row_that_is_no_number_stays_one_in_eight_bits(void **state) {
    (void)state;
    for (enum cpu_isa isa = CPU_ISA_REF; isa < CPU_ISA_COUNT; isa++) {
        if (!cpu_isa_present(isa)) continue;
        enum { DIM = 20 };
        struct scene s;
        scene_open(&s, (struct way){isa, DTYPE_I8}, 1, 1, 1, DIM);
        float q[2 * DIM] = {0}, k[2 * DIM] = {0}, v[2 * DIM], *scale;
        for (int i = 0; i < 2 * DIM; i++)
            v[i] = i < DIM ? 1 : 2;
        k[DIM + 3] = INFINITY;
        for (int i = 0; i < 2; i++)
            s.rows[i] = (struct batch_row){.seq = 0, .pos = i, .visible_end = i + 1};
        const struct rope_cache_args a = {.m = 2,
                                          .rows = s.rows,
                                          .q = q,
                                          .k = k,
                                          .v = v,
                                          .ldq = DIM,
                                          .ldk = DIM,
                                          .ldv = DIM,
                                          .n_heads = 1,
                                          .kv = &s.kv,
                                          .layer = LAYER,
                                          .block_tables = s.table_list};
        s.mc.be->ops->rope_cache(s.mc.s, &a);
        const int8_t *zeros = int8_row_at(&s.kv, s.tables[0][0], 0, 0, 0, &scale);
        assert_true(*scale == 0 && zeros[0] == 0);
        int8_row_at(&s.kv, s.tables[0][0], 0, 0, 1, &scale);
        assert_true(isnan(*scale));
        s.a.m = 2;
        s.mc.be->ops->attention(s.mc.s, &s.a);
        assert_true(fabsf(s.out[0] - 1) < 1e-2f); /* sees itself alone */
        assert_true(isnan(s.out[s.a.ldo]));
        scene_close(&s);
    }
}

static void both_ways_through_the_values_are_taken(void **state) {
    (void)state;
    for_each_way(way) {
        struct scene s;
        scene_open(&s, way, 1, 4, 2, 32);
        scene_write(&s, 0, 0, 80, 1);
        for (int32_t pos = 60; pos < 80; pos++)
            scene_row(&s, 0, pos, pos + 1);
        scene_check(&s, "both");
        struct cpu_counters c;
        cpu_stream_counters(s.mc.s, &c);
        if (!in_pairs(&s.kv)) assert_true(c.whole_values > 0 && c.part_values > 0);
        assert_int_equal(c.shared_reads, 0);
        scene_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_prompt_sees_itself),
        test_case(rows_of_a_span_see_beyond_their_position),
        test_case(shared_blocks_and_private_copies_give_the_same_bits),
        test_case(a_query_alone_equals_the_query_among_others),
        test_case(large_scores_neither_overflow_nor_vanish),
        test_case(keys_and_values_reach_their_place_in_the_cache),
        test_case(a_row_that_is_no_number_stays_one_in_eight_bits),
        test_case(both_ways_through_the_values_are_taken),
    };
    return run_group("tensor/cpu/attention", tests);
}
