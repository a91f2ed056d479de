/*
 * layers.h - the layers models are made of, each one fused step of the backend. A thin coat over
 * tensor/backend.h that keeps a family's file as short as the paper.
 */
#ifndef NN_LAYERS_H
#define NN_LAYERS_H

#include "tensor/backend.h"

/* RMS norm: x / sqrt(mean(x^2) + eps) * gain. gain NULL: there is none. */
struct norm {
    const float *gain; /* device */
    float eps;
};

/* (x - mean) / sqrt(var + eps) * gain + bias. */
struct layer_norm {
    const float *gain, *bias; /* device */
    float eps;
};

struct linear {
    struct tensor w;   /* [out, in] */
    const float *bias; /* device [out]; NULL: none */
};

/* q, k, v = norm(x) W^T + b, over m rows; outputs are packed. */
void linear_qkv(struct stream *on, int64_t m, const float *x, struct norm norm,
                const struct linear *wq, const struct linear *wk, const struct linear *wv, float *q,
                float *k, float *v);
/* h = act(norm(x) Wgate^T) * (norm(x) Wup^T). */
void linear_gated(struct stream *on, int64_t m, const float *x, struct norm norm,
                  const struct linear *gate, const struct linear *up, enum activation act,
                  float *h);
/* x += post(h W^T + b); post.gain NULL: no norm there. */
void linear_add(struct stream *on, int64_t m, const float *h, const struct linear *w,
                struct norm post, float *x);
/* y = act(x W^T + b); act follows one weight. */
void linear_act(struct stream *on, int64_t m, const float *x, const struct linear *w,
                enum activation act, float *y);
/* y = norm(x), rows of k values; y may be x. */
void norm_apply(struct stream *on, int64_t m, int64_t k, const float *x, struct norm norm,
                float *y);
void layer_norm_apply(struct stream *on, int64_t m, int64_t k, struct layer_norm norm, float *x);

#endif
