/*
 * bench_conformer.c - speech through an encoder: the real-time factor of one utterance, and which
 * kinds of steps the time goes to. Features are noise; the time does not depend on them. For the
 * weights of the published sizes without the published files, see tools/compare/speech.py full.
 *
 *     bench_conformer MODEL [seconds] [threads] [rounds] [int8]
 */
#include "bench/roof.h"
#include "formats/checkpoint.h"
#include "models/models.h"
#include "models/speech.h"

enum { MAX_ROUNDS = 99, FRAMES_A_SECOND = 100 };
enum step { LINEAR, NORM, CONV2D, TURN, GLU_CONV, ATTENTION, N_STEPS };
static const char *const step_names[N_STEPS] = {
    "linear", "norm", "subsampling convolutions", "turn", "convolutions", "attention"};

static void need(karma_status st) {
    if (st >= 0) return;
    fprintf(stderr, "bench_conformer: %s\n", karma_error_message());
    exit(1);
}

static void *must(void *p) {
    if (p) return p;
    fprintf(stderr, "bench_conformer: no memory\n");
    exit(1);
}

/* The backend's own steps, each with a watch around it. */
static const struct backend_ops *inner;
static double spent[N_STEPS];

#define WATCHED(step, name)                                                                        \
    static void watched_##name(struct stream *s, const struct name##_args *a) {                    \
        const uint64_t start = clock_monotonic_ns();                                               \
        inner->name(s, a);                                                                         \
        spent[step] += seconds_since(start);                                                       \
    }
WATCHED(LINEAR, linear)
WATCHED(NORM, norm)
WATCHED(CONV2D, conv2d)
WATCHED(TURN, turn)
WATCHED(GLU_CONV, glu_conv)
WATCHED(ATTENTION, rel_attention)

static struct backend_ops watch(struct backend *be) {
    inner = be->ops;
    struct backend_ops ops = *inner;
    ops.linear = watched_linear;
    ops.norm = watched_norm;
    ops.conv2d = watched_conv2d;
    ops.turn = watched_turn;
    ops.glu_conv = watched_glu_conv;
    ops.rel_attention = watched_rel_attention;
    return ops;
}

static float *floats(struct backend *be, size_t n) {
    return must(be->ops->alloc(be, n * sizeof(float)));
}

/* One utterance, again and again. */
static void run(const struct model *model, struct stream *on, struct speech_batch *batch,
                double seconds, int rounds) {
    double took[MAX_ROUNDS], all = 0;
    const struct speech_ops *ops = model->family->speech;
    ops->encode(model->self, batch, on); /* reads the weights in */
    memset(spent, 0, sizeof(spent));
    for (int i = 0; i < rounds; i++) {
        const uint64_t start = clock_monotonic_ns();
        ops->encode(model->self, batch, on);
        on->be->ops->finish(on);
        took[i] = seconds_since(start);
        all += took[i];
    }
    const double middle = median(took, rounds);
    printf("%.1f s of speech in %.3f s (best %.3f): real-time factor %.4f\n", seconds, middle,
           took[0], middle / seconds);
    double rest = all;
    for (int k = 0; k < N_STEPS; k++) {
        printf("  %-24s %5.1f %%\n", step_names[k], 100 * spent[k] / all);
        rest -= spent[k];
    }
    printf("  %-24s %5.1f %%\n", "between them", 100 * rest / all);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        printf("skip - bench_conformer needs a MODEL\n");
        return 0;
    }
    const double seconds = argc > 2 ? atof(argv[2]) : 10;
    const int threads = argc > 3 ? atoi(argv[3]) : 0, rounds = argc > 4 ? atoi(argv[4]) : 5;
    if (!(seconds > 0 && seconds < 1000) || rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: bench_conformer MODEL [seconds] [threads] [rounds] [int8]\n");
        return 2;
    }
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    struct stream *on;
    struct speech_need takes;
    need(checkpoint_open(argv[1], &ck));
    need(model_name_tensors(ck));
    need(backend_create("cpu", threads, &be));
    const struct backend_ops watched = watch(be);
    be->ops = &watched;
    if (argc > 5 && strcmp(argv[5], "int8") == 0) be->weights = WEIGHTS_INT8;
    need(model_load(ck, be, &model));
    const struct speech_ops *ops = model->family->speech;
    const struct speech_info *info = ops->info(model->self);
    const int64_t frames = (int64_t)(seconds * FRAMES_A_SECOND) + 1;
    const int64_t steps = ops->steps(model->self, frames);
    const int64_t frame_start[] = {0, frames}, step_start[] = {0, steps};
    ops->need(model->self, steps, frames, &takes);
    need(be->ops->stream_create(be, &takes.stream, &on));
    float *positions = floats(be, takes.position_floats),
          *scratch = floats(be, takes.scratch_floats);
    float *hidden = floats(be, (size_t)(steps * info->hidden_size));
    float *mel = floats(be, (size_t)(frames * info->n_mels));
    uint32_t noise = 1;
    for (int64_t i = 0; i < frames * info->n_mels; i++) {
        noise = noise * 1664525u + 1013904223u;
        mel[i] = (float)(noise >> 8) / 0x1p23f - 1;
    }
    const uint64_t start = clock_monotonic_ns();
    ops->prepare(model->self, steps, positions, scratch, on);
    printf("%s, positions projected in %.3f s\n", be->ops->describe(be), seconds_since(start));
    struct speech_batch batch = {.n = 1,
                                 .frame_start = frame_start,
                                 .mel = mel,
                                 .step_start = step_start,
                                 .positions = positions,
                                 .max_steps = steps,
                                 .hidden = hidden,
                                 .scratch = scratch};
    run(model, on, &batch, seconds, rounds);
    be->ops->free(be, positions);
    be->ops->free(be, scratch);
    be->ops->free(be, hidden);
    be->ops->free(be, mel);
    be->ops->stream_destroy(on);
    model_unload(model);
    be->ops = inner;
    backend_destroy(be);
    checkpoint_close(ck);
    return 0;
}
