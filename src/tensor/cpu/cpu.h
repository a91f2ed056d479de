/*
 * cpu.h - the inside of the CPU backend: what its steps share. A stream's scratch is sized once by
 * its limits; a step allocates nothing.
 */
#ifndef TENSOR_CPU_CPU_H
#define TENSOR_CPU_CPU_H

#include <math.h>

#include "base/pool.h"
#include "tensor/backend.h"
#include "tensor/cpu/counters.h"
#include "tensor/cpu/kernels.h"

enum {
    BLOCK_TILES = 44, /* token tiles that one packed panel serves */
    BLOCK_TOKENS = BLOCK_TILES * TILE_TOKENS,
    PACK_COLS = 2 * PANEL_COLS, /* columns of a panel in memory: 64 KiB of f32 */
    QUERY_CHUNK = 48,           /* queries that walk the keys together */
    ROPE_TABLES = 2,            /* a model may turn local and global layers apart */
    FULL_KEYS = 96,             /* keys of a block of full_attention: part of its definition */
    FULL_PANELS = 8,            /* query panels that meet a block together */
};

/* Memory that is wanted soon, fetched a piece at a time while something else is worked on: the
 * processor does not foresee it, and all at once would fill its queues. */
struct fetch {
    const char *at, *end;
    ptrdiff_t piece; /* bytes, a multiple of the cache line */
};
enum { FETCH_LINE = 64 };
static inline struct fetch fetch_begin(const void *at, size_t bytes, int64_t pieces) {
    const char *from = at;
    const ptrdiff_t lines = (ptrdiff_t)(bytes / FETCH_LINE) / (ptrdiff_t)pieces + 1;
    return (struct fetch){.at = from, .end = from + bytes, .piece = lines * FETCH_LINE};
}
static inline void fetch_piece(struct fetch *f) {
    const char *stop = f->end - f->at < f->piece ? f->end : f->at + f->piece;
    for (; f->at < stop; f->at += FETCH_LINE)
        __builtin_prefetch(f->at, 0, 2);
}

struct cpu_backend {
    struct backend base;
    struct kernel_set ks;
    struct pool *pool;
    char description[64];
};

/* full_attention's scratch of a thread: a group of panels. */
struct cpu_full {
    float *rows;           /* [PANEL_ROWS][head_dim]: queries before they are turned */
    float *queries;        /* [FULL_PANELS][head_dim][PANEL_ROWS] */
    uint32_t *query_pairs; /* [FULL_PANELS][(head_dim + 1) / 2][PANEL_ROWS], or NULL */
    float *scores;         /* [FULL_KEYS][PANEL_ROWS] */
    uint32_t *pairs;       /* [FULL_KEYS / 2][PANEL_ROWS], as many for rows of values; or NULL */
    float *out;            /* [FULL_PANELS][head_dim][PANEL_ROWS] */
    float *max, *sum;      /* [FULL_PANELS][PANEL_ROWS] */
};

/* One thread's scratch. */
struct cpu_thread {
    float *panel;          /* [PACK_COLS][PANEL_ROWS]; or scales of groups */
    uint32_t *panel_pairs; /* [PACK_COLS / 2][PANEL_ROWS]: of bf16 or of groups */
    float *acc[2];         /* [BLOCK_TOKENS][PANEL_ROWS] */
    float *rows;           /* [STREAM_TOKENS][row_stride]: rows after their norm */
    float *q;              /* attention: turned query tiles, [chunk][head_dim] */
    float *o;              /* [chunk][head_dim] */
    float *scores;         /* [TILE_TOKENS][KV_BLOCK_TOKENS] */
    float *max, *sum;      /* [chunk] */
    int32_t *tile_end;     /* [chunk]: end of the turned tile that begins at a query, else 0 */
    /* Of a block of a cache in eight bits: half of its keys or values in f32, and all of both as
     * the kernels take them. */
    float *wide_rows, *wide;
    /* Attention over a cache in bf16; NULL like the kernels. */
    uint32_t *query_pairs;       /* [tiles][(head_dim + 1) / 2][ATTENTION_STRIDE] */
    uint32_t *weight_pairs;      /* [TILE_TOKENS][KV_BLOCK_TOKENS / 2] */
    int32_t *key_from, *key_end; /* [chunk]: the positions that a query sees */
    float *speech;               /* rel_attention: a query twice, two rows of scores */
    struct cpu_full full;
    struct cpu_counters count;
};

/* cos and sin of the rows of the last step that asked with this rope: layers ask again. */
struct rope_table {
    float *inv_freq; /* [head_dim / 2] */
    int32_t rotary_dim;
    float attention_factor;
    int64_t m;
    int32_t *pos;     /* [max_rows] */
    float *cos, *sin; /* [max_rows][head_dim / 2] */
};

struct cpu_stream {
    struct stream base;
    const struct cpu_backend *be;
    struct stream_limits limits;
    int64_t max_tokens; /* rows of the widest product */
    int64_t max_chunk;  /* queries of an attention chunk */
    int64_t row_stride;
    int n_threads;
    struct cpu_thread *threads;
    float *turned;          /* token tiles of a product's input, [max_tokens][max_k] */
    uint32_t *turned_pairs; /* the same in pairs, [max_tokens][(max_k + 1) / 2]; or NULL */
    struct group_input turned_groups; /* the same for quantised weights, in 16 bits */
    uint32_t *turned_int8; /* the same in eight bits, [max_tokens][(max_k + 3) / 4]; or NULL */
    float *int8_scales;    /* with it: [max_tokens] */
    float *post;           /* output before its post norm, [max_tokens][max_k] */
    struct rope_table rope[ROPE_TABLES];
    int rope_next;
    float *full_keys, *full_values; /* full_attention: [max_full_rows][n_heads][head_dim] */
    uint32_t *full_key_pairs, *full_value_pairs; /* in their place where there are pairs */
    int32_t *order; /* attention: rows so that those who share blocks are neighbours */
    int32_t *sort_space;
    int32_t *chunk_start; /* [max_rows + 1] */
    void *memory;         /* all of the above */
};

static inline struct cpu_stream *cpu_stream_of(struct stream *s) {
    return (struct cpu_stream *)(void *)s;
}

/* y may be x. */
static inline void rms_norm(const struct kernel_set *ks, float *y, const float *x,
                            const float *gain, float eps, int64_t n) {
    const float mean = ks->sum_squares(x, n) / (float)n;
    ks->scale_gain(y, x, 1.0f / sqrtf(mean + eps), gain, n);
}

/* Panel i of a weight of DTYPE_I8. */
static inline const struct int8_panel *int8_panel_at(const struct tensor *w, int64_t i) {
    const void *at = (const char *)w->data + (size_t)i * int8_panel_bytes(w->cols);
    return at;
}
/* A row of such a weight as f32. */
void int8_row(const struct tensor *w, int64_t row, float *x);
karma_status cpu_weight_to_int8(struct backend *be, struct tensor *w);
void cpu_weight_rows(struct backend *be, const struct tensor *w, int64_t row, int64_t n,
                     struct tensor *out);

/* threads 0: as many as we may use. */
karma_status cpu_backend_create(enum cpu_isa isa, int threads, struct backend **out);

void cpu_conv2d(struct stream *s, const struct conv2d_args *a);
void cpu_turn(struct stream *s, const struct turn_args *a);
void cpu_glu_conv(struct stream *s, const struct glu_conv_args *a);
void cpu_rel_attention(struct stream *s, const struct rel_attention_args *a);
void cpu_lstm(struct stream *s, const struct lstm_args *a);
void cpu_add_relu(struct stream *s, const struct add_relu_args *a);
void cpu_patches(struct stream *s, const struct patches_args *a);
void cpu_pool(struct stream *s, const struct pool_args *a);
void cpu_linear(struct stream *s, const struct linear_args *a);
/* The same for rows of x by index (NULL: 0, 1, 2, ...); softcap 0: none. */
void cpu_product(struct stream *s, const struct linear_args *a, const int32_t *row_index,
                 float softcap);
void cpu_head(struct stream *s, const struct head_args *a);
void cpu_rope_cache(struct stream *s, const struct rope_cache_args *a);
void cpu_attention(struct stream *s, const struct attention_args *a);
/* Does it round its inputs to bf16? */
static inline bool cpu_full_by_pairs(const struct cpu_stream *s) {
    return s->be->ks.full.pair_rows && !s->limits.exact_full;
}
void cpu_full_attention(struct stream *s, const struct full_attention_args *a);

#endif
