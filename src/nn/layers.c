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
