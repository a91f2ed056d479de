/* speech_rig.c - see speech_rig.h. */
#include "tests/support/speech_rig.h"

#include <math.h>

#include "tests/support/test.h"

uint32_t named_seed(const char *name) {
    uint32_t s = 2166136261u;
    for (; *name; name++)
        s = (s ^ (unsigned char)*name) * 16777619u;
    return s;
}

double named_draw(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / 0x1p24 - 0.5;
}

static double value_of(const char *name, int n_dims, double fan_in, double u) {
    const char *dot = strrchr(name, '.'), *last = dot ? dot + 1 : name;
    if (strcmp(last, "running_mean") == 0) return 0.2 * u;
    if (strcmp(last, "running_var") == 0) return 1 + u;
    if (strncmp(last, "pos_bias", 8) == 0) return 0.4 * u;
    if (strncmp(last, "bias", 4) == 0) return 0.2 * u;
    return n_dims == 1 ? 1 + 0.2 * u : u * 2 * sqrt(3 / fan_in);
}

void named_weight(const char *name, int n_dims, const int64_t *dims, double factor, float *out) {
    int64_t n = 1, fan_in = 1;
    uint32_t seed = named_seed(name);
    for (int i = 0; i < n_dims; i++) {
        n *= dims[i];
        if (i > 0) fan_in *= dims[i];
    }
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(value_of(name, n_dims, (double)fan_in, named_draw(&seed)) * factor);
}

void speech_rig_open_as(struct speech_rig *r, const char *folder, enum backend_weights weights,
                        int threads, int64_t total, int64_t max_frames) {
    struct speech_need need;
    *r = (struct speech_rig){0};
    assert_ok(checkpoint_open(folder, &r->ck));
    assert_ok(model_name_tensors(r->ck));
    assert_ok(backend_create("cpu", threads, &r->be));
    r->be->weights = weights;
    assert_ok(model_load(r->ck, r->be, &r->model));
    const struct speech_ops *ops = r->model->family->speech;
    r->info = ops->info(r->model->self);
    ops->need(r->model->self, total, max_frames, &need);
    assert_ok(r->be->ops->stream_create(r->be, &need.stream, &r->on));
    r->positions = r->be->ops->alloc(r->be, need.position_floats * sizeof(float));
    r->scratch = r->be->ops->alloc(r->be, need.scratch_floats * sizeof(float));
    r->hidden = r->be->ops->alloc(r->be, (size_t)(total * r->info->hidden_size) * sizeof(float));
    assert_true(r->positions && r->scratch && r->hidden);
    r->max_steps = ops->steps(r->model->self, max_frames);
    ops->prepare(r->model->self, r->max_steps, r->positions, r->scratch, r->on);
}

void speech_rig_open(struct speech_rig *r, const char *folder, int threads, int64_t total,
                     int64_t max_frames) {
    speech_rig_open_as(r, folder, WEIGHTS_STORED, threads, total, max_frames);
}

void speech_rig_close(struct speech_rig *r) {
    r->be->ops->free(r->be, r->positions);
    r->be->ops->free(r->be, r->scratch);
    r->be->ops->free(r->be, r->hidden);
    r->be->ops->stream_destroy(r->on);
    model_unload(r->model);
    backend_destroy(r->be);
    checkpoint_close(r->ck);
}

void speech_rig_encode(struct speech_rig *r, int64_t n, const int64_t *frame_start,
                       const int64_t *step_start, const float *mel) {
    const struct speech_batch b = {.n = n,
                                   .frame_start = frame_start,
                                   .mel = mel,
                                   .step_start = step_start,
                                   .positions = r->positions,
                                   .max_steps = r->max_steps,
                                   .hidden = r->hidden,
                                   .scratch = r->scratch};
    assert_true(r->model->family->speech->encode(r->model->self, &b, r->on));
    r->be->ops->finish(r->on);
}

float *speech_rig_ctc(struct speech_rig *r, int32_t language, const float *hidden, int64_t m) {
    const int64_t n = r->info->n_tokens;
    float *logits = malloc((size_t)(m * n) * sizeof(*logits));
    float *scratch = r->be->ops->alloc(r->be, (size_t)(m * n) * sizeof(float));
    assert_true(logits && scratch);
    r->model->family->speech->ctc(r->model->self, language, hidden, m, scratch, logits, r->on);
    r->be->ops->free(r->be, scratch);
    for (int64_t t = 0; t < m; t++) {
        double sum = 0;
        float *row = logits + t * n, most = row[0];
        for (int64_t k = 1; k < n; k++)
            most = row[k] > most ? row[k] : most;
        for (int64_t k = 0; k < n; k++)
            sum += exp((double)row[k] - (double)most);
        for (int64_t k = 0; k < n; k++)
            row[k] = (float)((double)row[k] - (double)most - log(sum));
    }
    return logits;
}

void speech_rig_transduce(struct speech_rig *r, int32_t language, const float *hidden, int64_t m,
                          struct heard *out) {
    const struct speech_ops *ops = r->model->family->speech;
    const size_t joint = (size_t)ops->rnnt_joint_size(r->model->self);
    float *encoded = r->be->ops->alloc(r->be, (size_t)m * joint * sizeof(float));
    float *scratch = r->be->ops->alloc(r->be, ops->rnnt_floats(r->model->self) * sizeof(float));
    assert_true(encoded && scratch);
    ops->rnnt_encode(r->model->self, hidden, m, encoded, r->on);
    struct speech_rnnt one = {.model = r->model->self,
                              .on = r->on,
                              .language = language,
                              .encoded = encoded,
                              .scratch = scratch};
    struct rnnt_model model;
    ops->rnnt(&one, &model);
    assert_ok(rnnt_greedy(&model, m, 5, out));
    r->be->ops->free(r->be, encoded);
    r->be->ops->free(r->be, scratch);
}

float *speech_rig_mel(const char *name, int64_t frames) {
    enum { N_MELS = 80 };
    float *mel = malloc((size_t)(frames * N_MELS) * sizeof(*mel));
    uint32_t seed = named_seed(name);
    assert_non_null(mel);
    for (int64_t b = 0; b < N_MELS; b++)
        for (int64_t t = 0; t < frames; t++)
            mel[t * N_MELS + b] = (float)(2 * sqrt(3) * named_draw(&seed));
    return mel;
}
