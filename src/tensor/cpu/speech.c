/*
 * speech.c - the steps of tensor/speech.h on the CPU. Work is cut by rows of output; a thread's
 * scratch holds the scores of one query, so attention over an hour takes no more than over a
 * second, but for the turned keys that the caller lends.
 */
#include <assert.h>
#include <string.h>

#include "tensor/cpu/cpu.h"
#include "tensor/cpu/math.h"

enum { ROWS_AN_ITEM = 8, QUERIES_AN_ITEM = 16, MAX_TAPS = 127, TURN_TILE = 16 };

/* ---- convolutions ---- */

struct conv_job {
    const struct kernel_set *ks;
    const struct conv2d_args *a;
};

/* The segment of out that row lies in. */
static int64_t segment_of(const struct segments *s, int64_t row) {
    int64_t low = 0, high = s->n;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        if (s->start[middle] <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* What the taps of output (row, col) read; NULL outside the image. */
static void taps_of(const struct conv2d_args *a, int64_t segment, int64_t row, int64_t col,
                    const float *taps[9]) {
    const int64_t height = a->in.start[segment + 1] - a->in.start[segment];
    for (int dy = 0; dy < 3; dy++) {
        for (int dx = 0; dx < 3; dx++) {
            const int64_t y = 2 * row + dy - 1, x = 2 * col + dx - 1;
            const bool inside = y >= 0 && y < height && x >= 0 && x < a->width;
            taps[3 * dy + dx] =
                inside ? a->x + ((a->in.start[segment] + y) * a->width + x) * a->channels : NULL;
        }
    }
}

static void depthwise(const struct conv_job *job, const float *const taps[9], float *y) {
    const struct conv2d_args *a = job->a;
    const float *x[9], *w[9];
    int n = 0;
    for (int t = 0; t < 9; t++) {
        if (!taps[t]) continue;
        x[n] = taps[t];
        w[n++] = a->weight + t * a->channels;
    }
    job->ks->speech.taps(y, x, w, n, a->bias, a->channels);
}

static void lay_out(const struct conv2d_args *a, const float *const taps[9], float *y) {
    for (int t = 0; t < 9; t++, y += a->channels) {
        if (taps[t])
            memcpy(y, taps[t], (size_t)a->channels * sizeof(*y));
        else
            memset(y, 0, (size_t)a->channels * sizeof(*y));
    }
}

static void conv_row(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct conv_job *job = ctx;
    const struct conv2d_args *a = job->a;
    const int64_t row = a->row_begin + item, segment = segment_of(&a->out, row);
    const int64_t cols = (a->width + 1) / 2, wide = a->weight ? a->channels : 9 * a->channels;
    float *y = a->y + item * cols * wide;
    for (int64_t col = 0; col < cols; col++, y += wide) {
        const float *taps[9];
        taps_of(a, segment, row - a->out.start[segment], col, taps);
        if (a->weight)
            depthwise(job, taps, y);
        else
            lay_out(a, taps, y);
    }
}

void cpu_conv2d(struct stream *stream, const struct conv2d_args *a) {
    const struct cpu_backend *be = cpu_stream_of(stream)->be;
    struct conv_job job = {.ks = &be->ks, .a = a};
    pool_run(be->pool, a->row_end - a->row_begin, conv_row, &job);
}

struct glu_job {
    const struct kernel_set *ks;
    const struct glu_conv_args *a;
};

static void glu_rows(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct glu_job *job = ctx;
    const struct glu_conv_args *a = job->a;
    const int64_t m = a->in.start[a->in.n], from = item * ROWS_AN_ITEM;
    for (int64_t i = from; i < from + ROWS_AN_ITEM && i < m; i++) {
        const float *row = a->a + i * 2 * a->d;
        job->ks->speech.glu(a->g + i * a->d, row, row + a->d, a->d);
    }
}

static void tap_rows(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct glu_job *job = ctx;
    const struct glu_conv_args *a = job->a;
    const int64_t m = a->in.start[a->in.n], from = item * ROWS_AN_ITEM, half = (a->n_taps - 1) / 2;
    for (int64_t i = from; i < from + ROWS_AN_ITEM && i < m; i++) {
        const int64_t segment = segment_of(&a->in, i);
        const float *x[MAX_TAPS], *w[MAX_TAPS];
        int n = 0;
        for (int64_t t = 0; t < a->n_taps; t++) {
            const int64_t row = i + t - half;
            if (row < a->in.start[segment] || row >= a->in.start[segment + 1]) continue;
            x[n] = a->g + row * a->d;
            w[n++] = a->weight + t * a->d;
        }
        job->ks->speech.taps(a->y + i * a->d, x, w, n, a->bias, a->d);
        job->ks->activate(a->y + i * a->d, ACT_SILU, a->d);
    }
}

void cpu_glu_conv(struct stream *stream, const struct glu_conv_args *a) {
    const struct cpu_backend *be = cpu_stream_of(stream)->be;
    struct glu_job job = {.ks = &be->ks, .a = a};
    const int64_t items = (a->in.start[a->in.n] + ROWS_AN_ITEM - 1) / ROWS_AN_ITEM;
    assert(a->n_taps >= 1 && a->n_taps <= MAX_TAPS && a->n_taps % 2 == 1);
    pool_run(be->pool, items, glu_rows, &job);
    pool_run(be->pool, items, tap_rows, &job);
}

/* ---- rows and columns ---- */

/* Tile by tile, so that neither side misses the cache at each step. */
static void turn_matrix(const float *x, int64_t ldx, float *y, int64_t ldy, int64_t rows,
                        int64_t cols) {
    for (int64_t i0 = 0; i0 < rows; i0 += TURN_TILE)
        for (int64_t j0 = 0; j0 < cols; j0 += TURN_TILE)
            for (int64_t j = j0; j < cols && j < j0 + TURN_TILE; j++)
                for (int64_t i = i0; i < rows && i < i0 + TURN_TILE; i++)
                    y[j * ldy + i] = x[i * ldx + j];
}

static void turn_one(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct turn_args *a = ctx;
    const int64_t size = a->rows * a->cols;
    turn_matrix(a->x + item * size, a->cols, a->y + item * size, a->rows, a->rows, a->cols);
}

void cpu_turn(struct stream *stream, const struct turn_args *a) {
    struct turn_args job = *a;
    pool_run(cpu_stream_of(stream)->be->pool, a->count, turn_one, &job);
}

/* ---- attention ---- */

struct rel_job {
    struct cpu_stream *s;
    const struct rel_attention_args *a;
    int64_t m, width; /* rows; n_heads * head_dim */
};

static void turn_keys(void *ctx, int64_t item, int thread) {
    (void)thread;
    const struct rel_job *job = ctx;
    const struct rel_attention_args *a = job->a;
    const int64_t column = item * a->head_dim;
    turn_matrix(a->k + column, job->width, a->keys + column * job->m, job->m, job->m, a->head_dim);
}

static void add(float *y, const float *x, const float *bias, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] + bias[i];
}

/* One query of one head against the keys [begin, end) of its segment. */
static void query(const struct rel_job *job, struct cpu_thread *th, int64_t row, int64_t head,
                  int64_t begin, int64_t end) {
    const struct rel_attention_args *a = job->a;
    const struct kernel_set *ks = &job->s->be->ks;
    const int64_t n = end - begin, dim = a->head_dim, column = head * dim;
    float *qu = th->speech, *qv = qu + dim, *s = qv + dim, *b = s + n;
    const float *q = a->q + row * job->width + column;
    float *y = a->y + row * job->width + column;
    add(qu, q, a->bias_u + column, dim);
    add(qv, q, a->bias_v + column, dim);
    /* The key j of the query i is i - j to the left: that is column n_positions / 2 - i + j. */
    const float *p = a->positions + column * a->n_positions + a->n_positions / 2 - (row - begin);
    ks->speech.chain(s, qu, dim, a->keys + column * job->m + begin, job->m, n);
    ks->speech.chain(b, qv, dim, p, a->n_positions, n);
    ks->speech.exp_from(s, ks->speech.add_scale_max(s, b, a->scale, n), n);
    const float sum = ks->sum(s, n);
    ks->speech.chain(y, s, n, a->v + begin * job->width + column, job->width, dim);
    ks->divide(y, y, sum, dim);
}

/* The queries of an item are of one head, so that its keys stay near. */
static void queries(void *ctx, int64_t item, int thread) {
    const struct rel_job *job = ctx;
    const struct rel_attention_args *a = job->a;
    const int64_t blocks = (job->m + QUERIES_AN_ITEM - 1) / QUERIES_AN_ITEM;
    const int64_t head = item / blocks, from = item % blocks * QUERIES_AN_ITEM;
    for (int64_t row = from; row < from + QUERIES_AN_ITEM && row < job->m; row++) {
        const int64_t segment = segment_of(&a->in, row);
        query(job, &job->s->threads[thread], row, head, a->in.start[segment],
              a->in.start[segment + 1]);
    }
}

void cpu_rel_attention(struct stream *stream, const struct rel_attention_args *a) {
    struct rel_job job = {.s = cpu_stream_of(stream),
                          .a = a,
                          .m = a->in.start[a->in.n],
                          .width = (int64_t)a->n_heads * a->head_dim};
    for (int64_t i = 0; i < a->in.n; i++) {
        const int64_t n = a->in.start[i + 1] - a->in.start[i];
        assert(n <= job.s->limits.max_frames && n - 1 <= a->n_positions / 2);
    }
    struct pool *pool = job.s->be->pool;
    pool_run(pool, a->n_heads, turn_keys, &job);
    pool_run(pool, a->n_heads * ((job.m + QUERIES_AN_ITEM - 1) / QUERIES_AN_ITEM), queries, &job);
}

/* ---- transducer ---- */

static float sigmoid(float x) {
    return 1.0f / (1.0f + exp_f32(-x));
}

void cpu_lstm(struct stream *stream, const struct lstm_args *a) {
    (void)stream;
    const int64_t h = a->hidden;
    for (int64_t r = 0; r < a->n; r++) {
        const float *i = a->gates + r * 4 * h;
        const float *f = i + (a->onnx_order ? 2 : 1) * h, *g = i + (a->onnx_order ? 3 : 2) * h;
        const float *o = i + (a->onnx_order ? 1 : 3) * h;
        for (int64_t j = 0; j < h; j++) {
            float *c = &a->c[r * h + j];
            *c = fmaf(sigmoid(f[j]), *c, sigmoid(i[j]) * tanh_f32(g[j]));
            a->h[r * h + j] = sigmoid(o[j]) * tanh_f32(*c);
        }
    }
}

void cpu_add_relu(struct stream *stream, const struct add_relu_args *a) {
    (void)stream;
    for (int64_t i = 0; i < a->n; i++)
        a->y[i] = relu(a->a[i] + a->b[i]);
}
