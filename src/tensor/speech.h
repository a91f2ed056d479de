/*
 * speech.h - the steps of a speech encoder beside those of backend.h, which includes this. The rows
 * of several utterances lie one after another, and no step looks across a border, so what an
 * utterance gives does not depend on its neighbours, and there is no padding to mask.
 */
#ifndef TENSOR_SPEECH_H
#define TENSOR_SPEECH_H

#include <stdint.h>

/* Utterance i is the rows [start[i], start[i + 1]). */
struct segments {
    int64_t n;
    const int64_t *start; /* host [n + 1] */
};

/* A 3 x 3 convolution with stride 2 and padding 1 over images [height, width, channels]: row t of a
 * segment is image row t; heights and width are halved, rounded up. With weights it is depthwise:
 * y = bias + the nine products in the order of the taps (those outside are left out). Without, the
 * taps are laid side by side for a product: y[., 9 * channels], tap by tap, zeros outside. */
struct conv2d_args {
    struct segments in, out;
    int64_t width, channels;
    const float *x;      /* device [in rows, width, channels] */
    const float *weight; /* device [9, channels]; NULL: lay the taps out */
    const float *bias;   /* device [channels], with weight */
    /* Rows of out to make, and where the first of them goes. */
    int64_t row_begin, row_end;
    float *y; /* device [row_end - row_begin, (width + 1) / 2, channels or 9 * channels] */
};

/* y[b, j, i] = x[b, i, j]: rows and columns of each of `count` matrices change places. */
struct turn_args {
    int64_t count, rows, cols;
    const float *x;
    float *y; /* not x */
};

/* y = silu(bias + sum over k of w[k] g[t + k - (n_taps - 1) / 2]), g = a[:, :d] * sigmoid(a[:,
 * d:]), zero outside the segment; the taps in their order. */
struct glu_conv_args {
    struct segments in;
    int64_t d, n_taps;          /* an odd number, at most 127 */
    const float *a;             /* device [m, 2 d] */
    const float *weight, *bias; /* device [n_taps, d], [d] */
    float *g;                   /* device scratch [m, d] */
    float *y;                   /* device [m, d] */
};

/* Attention within each segment, with a bias that depends on how far key and query are apart:
 * s = scale ((q_i + bias_u) . k_j + (q_i + bias_v) . p_{i - j}), y_i = softmax(s) v. The table
 * holds p_r for r = n_positions / 2 (the key far to the left) down to its negative, turned. */
struct rel_attention_args {
    struct segments in;
    int32_t n_heads, head_dim;
    const float *q, *k, *v;       /* device [m, n_heads * head_dim] */
    const float *bias_u, *bias_v; /* device [n_heads * head_dim] */
    const float *positions;       /* device [n_heads * head_dim, n_positions] */
    int64_t n_positions;          /* odd; half of it is at least every segment's length less 1 */
    float scale;
    float *keys; /* device scratch [n_heads * head_dim, m] */
    float *y;    /* device [m, n_heads * head_dim]; not q, k, v */
};

/* y = relu(a + b), n values. */
struct add_relu_args {
    int64_t n;
    const float *a, *b;
    float *y;
};

/* c = sigmoid(f) c + sigmoid(i) tanh(g), h = sigmoid(o) tanh(c), for n rows of gates, whose parts
 * stand in the order i f g o or, onnx_order, i o f g. */
struct lstm_args {
    int64_t n, hidden;
    const float *gates; /* device [n, 4 hidden] */
    bool onnx_order;
    float *c, *h; /* device [n, hidden] */
};

#endif
