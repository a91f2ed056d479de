/*
 * indic_conformer_heads.c - what scores tokens: the CTC head, of which a language takes some rows,
 * and the transducer: embedding and LSTM read the tokens so far, the joint adds its view of them to
 * that of a step, and the language's own layer scores.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/indic_conformer.h"
#include "models/models.h"

static struct tensor_names hf(const char *name) {
    return (struct tensor_names){name, NULL};
}

/* ---- binding ---- */

static int64_t dim_of(const struct binder *b, const char *name, int i) {
    const struct named_tensor *t = binder_find(b, hf(name), 0);
    return t && i < t->n_dims ? t->dims[i] : 0;
}

static void bind_linear(struct binder *b, struct linear *out, const char *weight, const char *bias,
                        int64_t rows, int64_t cols) {
    binder_matrix(b, &out->w, hf(weight), 0, rows, cols);
    binder_vector(b, &out->bias, hf(bias), 0, rows, 0);
}

/* Runs of neighbouring rows of the head: views. */
static karma_status make_runs(const struct conformer *m, struct backend *be,
                              const struct speech_language *l, struct conformer_head *head) {
    for (int32_t i = 0; i < m->info.n_tokens;) {
        int32_t end = i + 1;
        while (end < m->info.n_tokens && l->columns[end] == l->columns[end - 1] + 1)
            end++;
        if (head->n_runs == CONFORMER_MAX_RUNS)
            return status_fail(KARMA_E_UNSUPPORTED,
                               "language_masks.json: %s: more than %d runs of columns", l->code,
                               CONFORMER_MAX_RUNS);
        const int64_t row = l->columns[i];
        struct conformer_run *run = &head->runs[head->n_runs++];
        run->first = i;
        be->ops->weight_rows(be, &m->ctc.w, row, end - i, &run->w);
        run->bias = m->ctc.bias + row;
        i = end;
    }
    return KARMA_OK;
}

static karma_status bind_ctc(struct conformer *m, struct binder *b) {
    static const char weight[] = "/ctc_decoder.decoder_layers.0.weight";
    const int64_t rows = dim_of(b, weight, 0);
    m->info.has_ctc = rows > 0;
    if (!m->info.has_ctc) return KARMA_OK;
    for (int32_t i = 0; i < m->info.n_languages; i++) {
        const int32_t last = m->info.languages[i].columns[m->info.n_tokens - 1];
        if (last != rows - 1)
            return status_fail(KARMA_E_SHAPE,
                               "language_masks.json: %s: its last column is %d, the CTC head's "
                               "is %lld",
                               m->info.languages[i].code, last, (long long)rows - 1);
    }
    bind_linear(b, &m->ctc, weight, "/ctc_decoder.decoder_layers.0.bias", rows, m->hidden_size);
    for (int32_t i = 0; b->st == KARMA_OK && i < m->info.n_languages; i++) {
        karma_status st = make_runs(m, b->be, &m->info.languages[i], &m->heads[i]);
        if (st < 0) return st;
    }
    return b->st;
}

/* gates = W_ih x + b_ih + W_hh h + b_hh; the two biases stay apart, as the reference adds them. */
static void bind_lstm(struct conformer *m, struct binder *b) {
    const int64_t h = m->predictor_size;
    static const char *const names[4] = {"/decoder.prediction.dec_rnn.lstm.weight_ih_l%d",
                                         "/decoder.prediction.dec_rnn.lstm.bias_ih_l%d",
                                         "/decoder.prediction.dec_rnn.lstm.weight_hh_l%d",
                                         "/decoder.prediction.dec_rnn.lstm.bias_hh_l%d"};
    while (m->n_lstm < CONFORMER_MAX_LSTM && binder_has(b, hf(names[0]), m->n_lstm))
        m->n_lstm++;
    if (b->st == KARMA_OK && m->n_lstm == 0)
        b->st = status_fail(KARMA_E_MISSING, "the predictor has no LSTM");
    for (int i = 0; i < m->n_lstm; i++) {
        binder_stored(b, &m->lstm_input[i].w, hf(names[0]), i, 4 * h, h);
        binder_vector(b, &m->lstm_input[i].bias, hf(names[1]), i, 4 * h, 0);
        binder_stored(b, &m->lstm_hidden[i].w, hf(names[2]), i, 4 * h, h);
        binder_vector(b, &m->lstm_hidden[i].bias, hf(names[3]), i, 4 * h, 0);
    }
}

static void bind_rnnt(struct conformer *m, struct binder *b) {
    static const char embed[] = "/decoder.prediction.embed.weight";
    m->embed_rows = dim_of(b, embed, 0);
    m->predictor_size = dim_of(b, embed, 1);
    m->joint_size = dim_of(b, "/joint.enc.weight", 0);
    m->info.has_rnnt = m->embed_rows > 0 && m->joint_size > 0;
    if (!m->info.has_rnnt) return;
    if (m->start_token >= m->embed_rows || m->info.n_tokens - 1 > m->embed_rows) {
        b->st = status_fail(KARMA_E_SHAPE,
                            "the predictor's table has %lld rows: too few for token "
                            "%d (config.json: SOS)",
                            (long long)m->embed_rows, m->start_token);
        return;
    }
    binder_stored(b, &m->embed, hf(embed), 0, m->embed_rows, m->predictor_size);
    bind_lstm(m, b);
    bind_linear(b, &m->joint_enc, "/joint.enc.weight", "/joint.enc.bias", m->joint_size,
                m->hidden_size);
    bind_linear(b, &m->joint_pred, "/joint.pred.weight", "/joint.pred.bias", m->joint_size,
                m->predictor_size);
    for (int32_t i = 0; b->st == KARMA_OK && i < m->info.n_languages; i++) {
        char weight[96], bias[96];
        snprintf(weight, sizeof(weight), "/joint.joint_net.2.%s.weight", m->info.languages[i].code);
        snprintf(bias, sizeof(bias), "/joint.joint_net.2.%s.bias", m->info.languages[i].code);
        bind_linear(b, &m->heads[i].post, weight, bias, m->info.n_tokens, m->joint_size);
    }
}

void conformer_bind_heads(struct conformer *m, struct binder *b) {
    m->heads = arena_calloc(&m->memory, (size_t)m->info.n_languages, sizeof(*m->heads));
    b->st = m->heads ? bind_ctc(m, b) : KARMA_E_NOMEM;
    if (b->st == KARMA_OK) bind_rnnt(m, b);
    if (b->st == KARMA_OK && !m->info.has_ctc && !m->info.has_rnnt)
        b->st = status_fail(KARMA_E_MISSING, "neither a CTC head nor a transducer is there");
}

/* ---- scores ---- */

static void ctc(const void *model, int32_t language, const float *hidden, int64_t m_steps,
                float *scratch, float *logits, struct stream *on) {
    const struct conformer *m = model;
    const struct conformer_head *head = &m->heads[language];
    const int64_t n = m->info.n_tokens;
    for (int i = 0; i < head->n_runs; i++) {
        const struct conformer_run *run = &head->runs[i];
        const struct linear_args a = {.x = hidden,
                                      .m = m_steps,
                                      .k = m->hidden_size,
                                      .ldx = m->hidden_size,
                                      .n_weights = 1,
                                      .w = {&run->w},
                                      .bias = {run->bias},
                                      .y = {scratch + run->first},
                                      .ldy = {n}};
        on->be->ops->linear(on, &a);
    }
    on->be->ops->download(on, logits, scratch, (size_t)(m_steps * n) * sizeof(float));
    on->be->ops->finish(on);
}

static void rnnt_encode(const void *model, const float *hidden, int64_t m_steps, float *encoded,
                        struct stream *on) {
    const struct conformer *m = model;
    linear_act(on, m_steps, hidden, &m->joint_enc, ACT_NONE, encoded);
}

static int64_t rnnt_joint_size(const void *model) {
    return ((const struct conformer *)model)->joint_size;
}

/* Device scratch of a transducer: states, gates, a row of each kind. */
struct work {
    float *state;               /* [n_lstm][h, c] */
    float *x;                   /* [predictor_size] */
    float *gates;               /* [4 predictor_size] */
    float *prediction, *joined; /* [joint_size] */
    float *logits;              /* [n_tokens] */
};

static size_t rnnt_floats(const void *model) {
    const struct conformer *m = model;
    return (size_t)(m->predictor_size * (2 * m->n_lstm + 5) + 2 * m->joint_size + m->info.n_tokens);
}

static struct work lay_out(const struct conformer *m, float *scratch) {
    struct work w = {.state = scratch};
    w.x = w.state + 2 * m->n_lstm * m->predictor_size;
    w.gates = w.x + m->predictor_size;
    w.prediction = w.gates + 4 * m->predictor_size;
    w.joined = w.prediction + m->joint_size;
    w.logits = w.joined + m->joint_size;
    return w;
}

static void add_to(struct stream *on, const float *x, const struct linear *l, const float *residual,
                   float *y) {
    const struct linear_args a = {.x = x,
                                  .m = 1,
                                  .k = l->w.cols,
                                  .ldx = l->w.cols,
                                  .n_weights = 1,
                                  .w = {&l->w},
                                  .bias = {l->bias},
                                  .y = {y},
                                  .ldy = {l->w.rows},
                                  .residual = residual};
    on->be->ops->linear(on, &a);
}

static void predict(void *ctx, int32_t token, const float *state, float *next_state,
                    float *prediction) {
    const struct speech_rnnt *r = ctx;
    const struct conformer *m = r->model;
    const struct backend_ops *ops = r->on->be->ops;
    const struct work w = lay_out(m, r->scratch);
    const size_t bytes = (size_t)(2 * m->n_lstm * m->predictor_size) * sizeof(float);
    const struct batch_row row = {.token = token};
    const struct embed_args embed = {
        .m = 1, .rows = &row, .table = &m->embed, .scale = 1, .x = w.x};
    ops->upload(r->on->be, w.state, state, bytes);
    ops->embed(r->on, &embed);
    const float *x = w.x;
    for (int i = 0; i < m->n_lstm; i++) {
        float *h = w.state + 2 * i * m->predictor_size;
        add_to(r->on, x, &m->lstm_input[i], NULL, w.gates);
        add_to(r->on, h, &m->lstm_hidden[i], w.gates, w.gates);
        const struct lstm_args step = {.n = 1,
                                       .hidden = m->predictor_size,
                                       .gates = w.gates,
                                       .onnx_order = m->onnx_order,
                                       .c = h + m->predictor_size,
                                       .h = h};
        ops->lstm(r->on, &step);
        x = h;
    }
    add_to(r->on, x, &m->joint_pred, NULL, w.prediction);
    ops->download(r->on, next_state, w.state, bytes);
    ops->download(r->on, prediction, w.prediction, (size_t)m->joint_size * sizeof(float));
    ops->finish(r->on);
}

static void join(void *ctx, int64_t frame, const float *prediction, float *logits) {
    const struct speech_rnnt *r = ctx;
    const struct conformer *m = r->model;
    const struct backend_ops *ops = r->on->be->ops;
    const struct work w = lay_out(m, r->scratch);
    ops->upload(r->on->be, w.prediction, prediction, (size_t)m->joint_size * sizeof(float));
    const struct add_relu_args add = {.n = m->joint_size,
                                      .a = r->encoded + frame * m->joint_size,
                                      .b = w.prediction,
                                      .y = w.joined};
    ops->add_relu(r->on, &add);
    add_to(r->on, w.joined, &m->heads[r->language].post, NULL, w.logits);
    ops->download(r->on, logits, w.logits, (size_t)m->info.n_tokens * sizeof(float));
    ops->finish(r->on);
}

static void rnnt(struct speech_rnnt *r, struct rnnt_model *out) {
    const struct conformer *m = r->model;
    *out = (struct rnnt_model){.ctx = r,
                               .state_floats = (size_t)(2 * m->n_lstm * m->predictor_size),
                               .prediction_floats = (size_t)m->joint_size,
                               .n_tokens = m->info.n_tokens,
                               .blank = m->info.blank,
                               .start = m->start_token,
                               .max_symbols = m->info.max_symbols,
                               .predict = predict,
                               .join = join};
}

static const struct speech_info *info(const void *model) {
    return &((const struct conformer *)model)->info;
}

const struct speech_ops conformer_speech = {
    .info = info,
    .steps = conformer_steps,
    .need = conformer_need,
    .prepare = conformer_prepare,
    .encode = conformer_encode,
    .ctc = ctc,
    .rnnt_encode = rnnt_encode,
    .rnnt_joint_size = rnnt_joint_size,
    .rnnt_floats = rnnt_floats,
    .rnnt = rnnt,
};
