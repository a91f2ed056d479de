/* layers.c - see layers.h. */
#include "nn/layers.h"

void linear_qkv(struct stream *on, int64_t m, const float *x, struct norm norm,
                const struct linear *wq, const struct linear *wk, const struct linear *wv, float *q,
                float *k, float *v) {
    const struct linear_args a = {
        .x = x,
        .m = m,
        .k = wq->w.cols,
        .ldx = wq->w.cols,
        .norm = norm.gain,
        .norm_eps = norm.eps,
        .n_weights = 3,
        .w = {&wq->w, &wk->w, &wv->w},
        .bias = {wq->bias, wk->bias, wv->bias},
        .y = {q, k, v},
        .ldy = {wq->w.rows, wk->w.rows, wv->w.rows},
    };
    on->be->ops->linear(on, &a);
}

void linear_gated(struct stream *on, int64_t m, const float *x, struct norm norm,
                  const struct linear *gate, const struct linear *up, enum activation act,
                  float *h) {
    const struct linear_args a = {
        .x = x,
        .m = m,
        .k = gate->w.cols,
        .ldx = gate->w.cols,
        .norm = norm.gain,
        .norm_eps = norm.eps,
        .n_weights = 2,
        .w = {&gate->w, &up->w},
        .bias = {gate->bias, up->bias},
        .y = {h},
        .ldy = {gate->w.rows},
        .act = act,
    };
    on->be->ops->linear(on, &a);
}

void linear_add(struct stream *on, int64_t m, const float *h, const struct linear *w,
                struct norm post, float *x) {
    const struct linear_args a = {
        .x = h,
        .m = m,
        .k = w->w.cols,
        .ldx = w->w.cols,
        .n_weights = 1,
        .w = {&w->w},
        .bias = {w->bias},
        .y = {x},
        .ldy = {w->w.rows},
        .residual = x,
        .post_norm = post.gain,
        .post_norm_eps = post.eps,
    };
    on->be->ops->linear(on, &a);
}

void linear_act(struct stream *on, int64_t m, const float *x, const struct linear *w,
                enum activation act, float *y) {
    const struct linear_args a = {
        .x = x,
        .m = m,
        .k = w->w.cols,
        .ldx = w->w.cols,
        .n_weights = 1,
        .w = {&w->w},
        .bias = {w->bias},
        .y = {y},
        .ldy = {w->w.rows},
        .act = act,
    };
    on->be->ops->linear(on, &a);
}

void norm_apply(struct stream *on, int64_t m, int64_t k, const float *x, struct norm norm,
                float *y) {
    const struct norm_args a = {
        .kind = NORM_RMS, .m = m, .k = k, .x = x, .gain = norm.gain, .eps = norm.eps, .y = y};
    on->be->ops->norm(on, &a);
}

void layer_norm_apply(struct stream *on, int64_t m, int64_t k, struct layer_norm norm, float *x) {
    const struct norm_args a = {.kind = NORM_LAYER,
                                .m = m,
                                .k = k,
                                .x = x,
                                .gain = norm.gain,
                                .bias = norm.bias,
                                .eps = norm.eps,
                                .y = x};
    on->be->ops->norm(on, &a);
}
