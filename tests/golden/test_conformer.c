/*
 * test_conformer.c - a small recogniser whose weights come from a formula (tests/support/
 * tiny_recogniser.h), against figures that a program of the reference's own modules gave for them:
 * subsampling and layers within 1e-5, tokens of CTC and transducer exactly.
 */
#include <math.h>

#include "base/buf.h"
#include "models/models.h"
#include "models/speech.h"
#include "tests/support/test.h"
#include "tests/support/tiny_recogniser.h"

enum {
    D = TINY_HIDDEN,
    VOCAB = TINY_PIECES,
    PRED = TINY_PREDICTOR,
    FRAMES = 123,
    STEPS = 16,
};

static const char *write_model(void) {
    const char *folder = test_path("conformer");
    assert_ok(tiny_recogniser_write(folder));
    return folder;
}

/* ---- the model and a call ---- */

struct rig {
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    struct stream *on;
    float *positions, *scratch, *hidden;
    int64_t max_steps;
};

static struct rig open_rig(const char *folder, int threads, int64_t total, int64_t max_frames) {
    struct rig r = {0};
    struct speech_need need;
    assert_ok(checkpoint_open(folder, &r.ck));
    assert_ok(model_name_tensors(r.ck));
    assert_ok(backend_create("cpu", threads, &r.be));
    assert_ok(model_load(r.ck, r.be, &r.model));
    const struct speech_ops *ops = r.model->family->speech;
    ops->need(r.model->self, total, max_frames, &need);
    assert_ok(r.be->ops->stream_create(r.be, &need.stream, &r.on));
    r.positions = r.be->ops->alloc(r.be, need.position_floats * sizeof(float));
    r.scratch = r.be->ops->alloc(r.be, need.scratch_floats * sizeof(float));
    r.hidden = r.be->ops->alloc(r.be, (size_t)(total * D) * sizeof(float));
    r.max_steps = ops->steps(r.model->self, max_frames);
    ops->prepare(r.model->self, r.max_steps, r.positions, r.scratch, r.on);
    return r;
}

static void close_rig(struct rig *r) {
    r->be->ops->free(r->be, r->positions);
    r->be->ops->free(r->be, r->scratch);
    r->be->ops->free(r->be, r->hidden);
    r->be->ops->stream_destroy(r->on);
    model_unload(r->model);
    backend_destroy(r->be);
    checkpoint_close(r->ck);
}

static void encode(struct rig *r, int64_t n, const int64_t *frame_start, const int64_t *step_start,
                   const float *mel) {
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

/* The input of the golden figures, [frames, 80] from values drawn as [80][frames]. */
static float *input_frames(int frames) {
    float *mel = malloc((size_t)(frames * 80) * sizeof(*mel));
    uint32_t s = tiny_seed("input");
    for (int b = 0; b < 80; b++)
        for (int t = 0; t < frames; t++)
            mel[t * 80 + b] = (float)(2 * sqrt(3) * tiny_draw(&s));
    return mel;
}

static const int64_t one_frames[] = {0, FRAMES}, one_steps[] = {0, STEPS};

static void the_last_layer_equals_the_reference(void **state) {
    (void)state;
    static const float first[] = {-1.468052f, -1.919793f, 0.424757f, 2.456298f};
    static const float middle[] = {-0.252358f, 0.137846f, -0.399276f, -0.732924f};
    static const float last[] = {-0.492609f, -2.106582f, -0.013310f, 1.207974f};
    struct rig r = open_rig(write_model(), 2, STEPS, FRAMES);
    float *mel = input_frames(FRAMES);
    encode(&r, 1, one_frames, one_steps, mel);
    assert_close(r.hidden, first, 4, 1e-5);
    assert_close(r.hidden + 7 * D + 60, middle, 4, 1e-5);
    assert_close(r.hidden + 15 * D, last, 4, 1e-5);
    double square = 0;
    for (int i = 0; i < STEPS * D; i++)
        square += (double)r.hidden[i] * (double)r.hidden[i];
    assert_true(fabs(sqrt(square / (STEPS * D)) - 1.026573) < 1e-5);
    free(mel);
    close_rig(&r);
}

static void assert_ctc(struct rig *r, int32_t language, const int32_t *path, const float *frame0) {
    const struct speech_ops *ops = r->model->family->speech;
    float logits[STEPS * (VOCAB + 1)];
    ops->ctc(r->model->self, language, r->hidden, STEPS, r->scratch, logits, r->on);
    double sum = 0;
    for (int k = 0; k <= VOCAB; k++)
        sum += exp((double)logits[k]);
    for (int k = 0; k < 3; k++)
        assert_true(fabs((double)logits[k] - log(sum) - (double)frame0[k]) < 2e-5);
    for (int t = 0; t < STEPS; t++) {
        int best = 0;
        for (int k = 1; k <= VOCAB; k++)
            if (logits[t * (VOCAB + 1) + k] > logits[t * (VOCAB + 1) + best]) best = k;
        assert_int_equal(best, path[t]);
    }
}

static void ctc_hears_what_the_reference_hears(void **state) {
    (void)state;
    static const int32_t as[] = {2, 5, 2, 5, 16, 2, 2, 4, 2, 13, 2, 2, 2, 13, 2, 2};
    static const int32_t hi[] = {11, 2, 12, 0, 16, 3, 16, 9, 12, 2, 2, 11, 12, 3, 16, 11};
    static const float as0[] = {-2.589213f, -2.525567f, -1.831344f};
    static const float hi0[] = {-4.351293f, -3.247080f, -3.658353f};
    struct rig r = open_rig(write_model(), 1, STEPS, FRAMES);
    float *mel = input_frames(FRAMES);
    encode(&r, 1, one_frames, one_steps, mel);
    assert_ctc(&r, 0, as, as0);
    assert_ctc(&r, 2, hi, hi0);
    free(mel);
    close_rig(&r);
}

static void the_transducer_hears_what_the_reference_hears(void **state) {
    (void)state;
    static const int32_t want[] = {5, 6, 10, 5,  12, 5, 10, 12, 15, 5, 12, 5, 0, 9,
                                   1, 0, 0,  15, 15, 7, 7,  5,  5,  5, 5,  5, 5, 5,
                                   5, 5, 5,  5,  5,  5, 5,  5,  5,  5, 5,  5, 5, 5};
    static const int32_t frame[] = {0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct rig r = open_rig(write_model(), 2, STEPS, FRAMES);
    const struct speech_ops *ops = r.model->family->speech;
    float *mel = input_frames(FRAMES), *encoded, *scratch;
    encode(&r, 1, one_frames, one_steps, mel);
    encoded = r.be->ops->alloc(r.be, STEPS * PRED * sizeof(float));
    scratch = r.be->ops->alloc(r.be, ops->rnnt_floats(r.model->self) * sizeof(float));
    assert_int_equal(ops->rnnt_joint_size(r.model->self), PRED);
    ops->rnnt_encode(r.model->self, r.hidden, STEPS, encoded, r.on);
    struct speech_rnnt one = {
        .model = r.model->self, .on = r.on, .language = 0, .encoded = encoded, .scratch = scratch};
    struct rnnt_model m;
    ops->rnnt(&one, &m);
    float zero[4 * PRED] = {0}, next[4 * PRED], prediction[PRED];
    m.predict(m.ctx, m.start, zero, next, prediction);
    static const float start[] = {-0.012122f, -0.027661f, 0.001660f, -0.008753f};
    assert_close(next + 2 * PRED, start, 4, 1e-6); /* h of the upper layer */
    struct heard h = {0};
    assert_ok(rnnt_greedy(&m, STEPS, 5, &h));
    assert_int_equal(h.count, sizeof(want) / sizeof(want[0]));
    for (size_t i = 0; i < h.count; i++) {
        assert_int_equal(h.tokens[i].id, want[i]);
        assert_int_equal(h.tokens[i].begin, frame[i / 3]);
    }
    heard_release(&h);
    r.be->ops->free(r.be, encoded);
    r.be->ops->free(r.be, scratch);
    free(mel);
    close_rig(&r);
}

static void an_utterance_has_the_same_bits_in_company(void **state) {
    (void)state;
    enum { A = 57, B = 123, E = 9 };
    static const int64_t frames[] = {0, A, A + B, A + B + E}, steps[] = {0, 8, 24, 26};
    float *mel = input_frames(A + B + E), *alone[3];
    const char *folder = write_model();
    for (int i = 0; i < 3; i++) {
        const int64_t f[] = {0, frames[i + 1] - frames[i]}, s[] = {0, steps[i + 1] - steps[i]};
        struct rig r = open_rig(folder, 1, s[1], f[1]);
        encode(&r, 1, f, s, mel + frames[i] * 80);
        alone[i] = malloc((size_t)(s[1] * D) * sizeof(float));
        memcpy(alone[i], r.hidden, (size_t)(s[1] * D) * sizeof(float));
        close_rig(&r);
    }
    for (int threads = 1; threads <= 3; threads++) {
        struct rig r = open_rig(folder, threads, 26, 200);
        encode(&r, 3, frames, steps, mel);
        for (int i = 0; i < 3; i++)
            assert_memory_equal(r.hidden + steps[i] * D, alone[i],
                                (size_t)((steps[i + 1] - steps[i]) * D) * sizeof(float));
        close_rig(&r);
    }
    for (int i = 0; i < 3; i++)
        free(alone[i]);
    free(mel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(the_last_layer_equals_the_reference),
        test_case(ctc_hears_what_the_reference_hears),
        test_case(the_transducer_hears_what_the_reference_hears),
        test_case(an_utterance_has_the_same_bits_in_company),
    };
    return run_group("golden/conformer", tests);
}
