/* kernels_ref_groups.c - the plain form of kernels_groups.h; doc/numerics.md in C. */
#include <math.h>

#include "tensor/cpu/kernels.h"

/* The columns of pair i, the lower half's and the upper one's. */
static int64_t lower_column(int64_t i) {
    return i / 2 * 4 + i % 2;
}
static int64_t upper_column(int64_t i) {
    return lower_column(i) + 2;
}
static uint32_t pair_of(int32_t lower, int32_t upper) {
    return (uint32_t)(uint16_t)lower | (uint32_t)(uint16_t)upper << 16;
}
static int32_t pair_product(uint32_t a, uint32_t b) {
    return (int32_t)(int16_t)a * (int16_t)b + (int32_t)(int16_t)(a >> 16) * (int16_t)(b >> 16);
}

static void pack_block(const struct group_panel *p, int j, struct quant_form form,
                       const struct quant_block *b, int cols) {
    for (int i = 0; i < cols / 2; i++)
        p->pairs[i * PANEL_ROWS + j] = pair_of(b->q[lower_column(i)], b->q[upper_column(i)]);
    for (int g = 0; g < cols / form.group; g++) {
        p->scale[g * PANEL_ROWS + j] = b->scale[g];
        if (form.minima) p->bias[g * PANEL_ROWS + j] = b->bias[g];
    }
}

static void pack(const struct group_panel *panel, enum dtype t, const uint8_t *w, size_t row_bytes,
                 int n, int64_t k0, int64_t kn, const uint8_t *ahead) {
    (void)ahead; /* the plain path fetches nothing in advance */
    const int cols = (int)dtype_block_elems(t);
    const size_t bytes = dtype_block_bytes(t), skip = (size_t)(k0 / cols) * bytes;
    const struct quant_form form = quant_form(t);
    static const struct quant_block none;
    for (int j = 0; j < PANEL_ROWS; j++) {
        for (int64_t i = 0; i < kn / cols; i++) {
            const int64_t words = i * cols / 2 * PANEL_ROWS;
            const int64_t groups = i * cols / form.group * PANEL_ROWS;
            const struct group_panel at = {panel->pairs + words, panel->scale + groups,
                                           form.minima ? panel->bias + groups : NULL};
            struct quant_block b = none;
            if (j < n) quant_open(t, w + (size_t)j * row_bytes + skip + (size_t)i * bytes, &b);
            pack_block(&at, j, form, &b, cols);
        }
    }
}

static void tile(float *acc, const struct group_input *x, int r, const struct group_panel *panel,
                 struct quant_form form, int64_t kn, bool first, bool last) {
    const float *sums = group_sums(x, form);
    const int n_pairs = form.group / 2;
    for (int t = 0; t < r; t++) {
        for (int j = 0; j < PANEL_ROWS; j++) {
            float a = first ? 0.0f : acc[t * PANEL_ROWS + j];
            for (int64_t g = 0; g < kn / form.group; g++) {
                int32_t sum = 0;
                for (int64_t i = g * n_pairs; i < (g + 1) * n_pairs; i++)
                    sum += pair_product(x->pairs[i * r + t], panel->pairs[i * PANEL_ROWS + j]);
                a = fmaf((float)sum, panel->scale[g * PANEL_ROWS + j], a);
                if (form.minima) a = fmaf(sums[g * r + t], panel->bias[g * PANEL_ROWS + j], a);
            }
            acc[t * PANEL_ROWS + j] = last ? a * x->scale[t] : a;
        }
    }
}

static bool stream(float *acc, const struct group_input *x, int r, enum dtype t, const uint8_t *w,
                   size_t row_bytes, int64_t k, const uint8_t *ahead) {
    (void)acc, (void)x, (void)r, (void)t, (void)w, (void)row_bytes, (void)k, (void)ahead;
    return false;
}

static void turn(const struct group_input *xt, const float *x, int64_t ldx, int r, int64_t k) {
    for (int t = 0; t < r; t++, x += ldx) {
        uint32_t largest = 0;
        for (int64_t i = 0; i < k; i++)
            if (int8_magnitude(x[i]) > largest) largest = int8_magnitude(x[i]);
        const struct int8_scale s = int16_scale_of(largest);
        xt->scale[t] = s.scale;
        for (int64_t g = 0; g < k / GROUP_COLS; g++) {
            int32_t q[GROUP_COLS], sum = 0;
            for (int i = 0; i < GROUP_COLS; i++) {
                const float scaled = s.inverse > 0 ? x[g * GROUP_COLS + i] * s.inverse : 0;
                q[i] = (int32_t)nearbyintf(scaled); /* to even in a tie */
                sum += q[i];
            }
            for (int64_t i = 0; i < GROUP_COLS / 2; i++)
                xt->pairs[(g * GROUP_COLS / 2 + i) * r + t] =
                    pair_of(q[lower_column(i)], q[upper_column(i)]);
            if (!xt->sum16) continue;
            float *sum32 = xt->sum32 + g / 2 * r + t;
            xt->sum16[g * r + t] = (float)sum;
            *sum32 = g % 2 ? *sum32 + (float)sum : (float)sum;
        }
    }
}

void kernels_ref_groups(struct group_kernels *k) {
    *k = (struct group_kernels){.pack = pack, .tile = tile, .stream = stream, .turn = turn};
}
