/*
 * int8.c - weights in eight bits: made of those of a checkpoint when a model is loaded, one scale a
 * row, laid out in panels that products read from front to back.
 */
#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/size.h"
#include "tensor/cpu/cpu.h"
#include "tensor/quant.h"

_Static_assert((int)INT8_PANEL_ROWS == (int)PANEL_ROWS, "accumulators are those of all products");

struct job {
    const struct kernel_set *ks;
    const struct tensor *w;
    char *panels;
    float *rows; /* [threads][PANEL_ROWS][stride] */
    int64_t stride;
};

/* n rows from `row` on as f32. */
static void read_rows(const struct job *job, int64_t row, int64_t n, float *to) {
    const struct tensor *w = job->w;
    if (w->turned) {
        const char *from = (const char *)w->data + (size_t)row * sizeof(*to);
        for (int64_t k = 0; k < w->cols; k++, from += (size_t)w->rows * sizeof(*to))
            for (int64_t j = 0; j < n; j++)
                memcpy(&to[j * job->stride + k], from + (size_t)j * sizeof(*to), sizeof(*to));
        return;
    }
    for (int64_t j = 0; j < n; j++)
        dequantize(w->dtype, (const char *)w->data + (size_t)(row + j) * w->row_bytes,
                   to + j * job->stride, w->cols);
}

static void make_panel(void *ctx, int64_t item, int thread) {
    const struct job *job = ctx;
    const int64_t row = item * PANEL_ROWS, rest = job->w->rows - row;
    const int64_t n = rest < PANEL_ROWS ? rest : PANEL_ROWS, n_words = int8_words(job->w->cols);
    float *rows = job->rows + thread * PANEL_ROWS * job->stride;
    void *at = job->panels + (size_t)item * int8_panel_bytes(job->w->cols);
    struct int8_panel *panel = at;
    memset(panel, 0, int8_panel_bytes(job->w->cols));
    read_rows(job, row, n, rows);
    for (int64_t j = 0; j < n; j++) {
        float *x = rows + j * job->stride;
        panel->scale[j] = job->ks->int8.quantize((int8_t *)(void *)x, x, job->w->cols);
    }
    for (int64_t i = 0; i < n_words; i++) {
        const float *word = rows + i;
        for (int64_t j = 0; j < n; j++, word += job->stride) {
            int8_t *q = panel->words[i][j];
            memcpy(q, word, 4);
            panel->offset[j] -= 128u * (uint32_t)(q[0] + q[1] + q[2] + q[3]);
        }
    }
}

static karma_status fill(struct cpu_backend *be, const struct tensor *w, char *panels,
                         int64_t n_panels) {
    struct job job = {.ks = &be->ks, .w = w, .panels = panels, .stride = w->cols + 16};
    size_t bytes;
    const size_t rows = (size_t)pool_threads(be->pool) * PANEL_ROWS;
    if (!mul_size(rows * sizeof(float), (size_t)job.stride, &bytes))
        return status_fail(KARMA_E_OVERFLOW, "rows of %lld", (long long)w->cols);
    job.rows = mem_alloc(bytes);
    if (!job.rows) return KARMA_E_NOMEM;
    pool_run(be->pool, n_panels, make_panel, &job);
    mem_free(job.rows);
    return KARMA_OK;
}

karma_status cpu_weight_to_int8(struct backend *backend, struct tensor *w) {
    struct cpu_backend *be = (struct cpu_backend *)(void *)backend;
    const int64_t n_panels = (w->rows + PANEL_ROWS - 1) / PANEL_ROWS;
    size_t bytes;
    if (w->dtype != DTYPE_F32 && w->dtype != DTYPE_F16 && w->dtype != DTYPE_BF16)
        return status_fail(KARMA_E_DTYPE, "type %s: only F32, F16 and BF16 become int8",
                           dtype_name(w->dtype));
    if (w->cols > INT8_MAX_COLS)
        return status_fail(KARMA_E_LIMIT, "int8: at most %d columns, found %lld", INT8_MAX_COLS,
                           (long long)w->cols);
    if (!mul_size((size_t)n_panels, int8_panel_bytes(w->cols), &bytes))
        return status_fail(KARMA_E_OVERFLOW, "%lld rows", (long long)w->rows);
    char *panels = mem_alloc_aligned(64, bytes);
    if (!panels) return KARMA_E_NOMEM;
    karma_status st =
        backend->weights == WEIGHTS_INT8_SIZE ? KARMA_OK : fill(be, w, panels, n_panels);
    if (st < 0) {
        mem_free(panels);
        return st;
    }
    mem_free(w->owned);
    *w = (struct tensor){.dtype = DTYPE_I8,
                         .rows = w->rows,
                         .cols = w->cols,
                         .data = panels,
                         .owned = panels,
                         .owned_bytes = bytes};
    return KARMA_OK;
}

void cpu_weight_rows(struct backend *be, const struct tensor *w, int64_t row, int64_t n,
                     struct tensor *out) {
    (void)be;
    assert(!w->turned && row >= 0 && n > 0 && row + n <= w->rows);
    *out = *w;
    out->owned = NULL;
    out->owned_bytes = 0;
    out->rows = n;
    if (w->dtype != DTYPE_I8) {
        out->data = (const char *)w->data + (size_t)row * w->row_bytes;
        return;
    }
    const int64_t from = w->skip + row;
    out->data = int8_panel_at(w, from / PANEL_ROWS);
    out->skip = (int32_t)(from % PANEL_ROWS);
}

void int8_row(const struct tensor *w, int64_t row, float *x) {
    const int64_t at = w->skip + row, j = at % PANEL_ROWS;
    const struct int8_panel *panel = int8_panel_at(w, at / PANEL_ROWS);
    for (int64_t k = 0; k < w->cols; k++)
        x[k] = (float)panel->words[k / 4][j][k % 4] * panel->scale[j];
}
