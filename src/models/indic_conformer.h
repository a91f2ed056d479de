/*
 * indic_conformer.h - what the files of this family share: indic_conformer.c (weights, encoder),
 * indic_conformer_heads.c (CTC, transducer), indic_conformer_onnx.c (names for the tensors of the
 * published graphs), indic_conformer_tables.c (languages).
 */
#ifndef MODELS_INDIC_CONFORMER_H
#define MODELS_INDIC_CONFORMER_H

#include "models/binder.h"
#include "models/speech.h"
#include "nn/layers.h"

enum { CONFORMER_MAX_LSTM = 8, CONFORMER_MAX_STAGES = 6, CONFORMER_MAX_RUNS = 4 };

struct conformer_layer {
    struct layer_norm norm_feed_forward1, norm_self_att, norm_conv, norm_feed_forward2, norm_out;
    struct linear ff1_in, ff1_out, ff2_in, ff2_out;
    struct linear q, k, v, out;
    struct tensor pos;
    const float *pos_bias_u, *pos_bias_v; /* device [hidden_size] */
    struct linear pointwise1, pointwise2;
    const float *depthwise, *depthwise_bias; /* device [taps, hidden_size], [hidden_size] */
};

/* One convolution of the subsampling: 3 x 3 with stride 2, and what follows it. */
struct conformer_stage {
    bool depthwise;    /* then `product` is 1 x 1; else it is the 3 x 3 kernel itself */
    const float *taps; /* device [9, channels]; with its bias */
    const float *taps_bias;
    struct linear product; /* relu follows */
};

/* A run of rows of the CTC head that a language takes. */
struct conformer_run {
    struct tensor w;
    const float *bias;
    int32_t first; /* local id of its first row */
};

struct conformer_head {
    struct conformer_run runs[CONFORMER_MAX_RUNS];
    int n_runs;
    struct linear post; /* of the transducer's joint */
};

struct conformer {
    struct arena memory;
    struct weights weights;
    struct speech_info info;
    int64_t hidden_size, feed_forward, channels, frequencies; /* left after the subsampling */
    int64_t n_taps, head_dim, n_layers;
    int32_t n_heads;
    int n_stages;
    struct conformer_stage stages[CONFORMER_MAX_STAGES];
    struct linear pre_out;
    struct conformer_layer *layers;
    float xscale;

    struct linear ctc;
    struct conformer_head *heads; /* [n_languages] */

    int n_lstm;
    bool onnx_order; /* of the gates */
    int64_t predictor_size, joint_size, embed_rows;
    struct tensor embed;
    struct linear lstm_input[CONFORMER_MAX_LSTM], lstm_hidden[CONFORMER_MAX_LSTM];
    struct linear joint_enc, joint_pred;
    int32_t start_token;
};

/* Languages, pieces and constants, from the JSON files beside the weights, in m->memory. */
karma_status conformer_tables(struct conformer *m, const struct checkpoint *ck);
/* The parts of the heads. */
void conformer_bind_heads(struct conformer *m, struct binder *b);
/* Give the tensors of the graphs their names in a state dict. */
karma_status conformer_name_tensors(struct checkpoint *ck);

/* Component k of [d] for a relative position, positive to the left. */
float conformer_position(int64_t d, int64_t position, int64_t k);

extern const struct speech_ops conformer_speech;
bool conformer_encode(const void *model, const struct speech_batch *batch, struct stream *on);
void conformer_prepare(const void *model, int64_t max_steps, float *positions, float *scratch,
                       struct stream *on);
int64_t conformer_steps(const void *model, int64_t n_frames);
void conformer_need(const void *model, int64_t total_steps, int64_t max_frames,
                    struct speech_need *out);

#endif
