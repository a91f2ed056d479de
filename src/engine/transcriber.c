/*
 * transcriber.c - see transcriber.h. The features of a batch lie one after another in one block, as
 * the encoder wants them; an utterance's are normalised in place when its last sample is there. A
 * batch has room for more steps than the longest utterance needs only where memory allows.
 */
#include "engine/transcriber.h"

#include <math.h>
#include <string.h>

#include "base/float_env.h"
#include "base/mem.h"
#include "base/size.h"
#include "engine/runtime.h"
#include "media/mel.h"

enum {
    RATE = 16000,
    CHOSEN_SAMPLES = 32 * RATE, /* of a batch: rows enough to be computed well */
    TOKEN_S_PER_10 = 4,         /* a transducer's token lasts 0.4 s at most */
};

struct transcriber {
    const struct model *model; /* lent */
    const struct speech_ops *ops;
    const struct speech_info *info;
    struct stream *stream;
    struct mel *mel;
    struct mel_stream *open;                        /* of the utterance under way */
    int64_t open_samples;                           /* of it so far */
    float *positions, *scratch, *features, *hidden; /* device */
    float *host;      /* [max_frames of a batch, n_mels]; then [max_steps, n_tokens] */
    float *encoded;   /* device [max_steps, joint size]; NULL without a transducer */
    float *predictor; /* device scratch of it */
    int64_t *frame_start, *step_start; /* [max_batch + 1] */
    size_t count;
    int32_t max_batch;
    int64_t max_samples;
    int64_t max_frames, max_steps;     /* of one utterance */
    int64_t batch_frames, batch_steps; /* of all */
    int64_t n_frames;                  /* of the batch so far, the open utterance's among them */
    size_t bytes;
};

/* ---- what it takes ---- */

struct plan {
    int64_t max_frames, max_steps, batch_frames, batch_steps;
    struct speech_need need;
    uint64_t positions, scratch, features, hidden, host, encoded, predictor, tables;
    uint64_t weights, sum; /* bytes; UINT64_MAX where no number fits */
};

static uint64_t floats(uint64_t a, uint64_t b) {
    return size_product(size_product(a, b), sizeof(float));
}

static int64_t frames_of(int64_t n_samples, const struct mel_config *c) {
    return n_samples / c->hop_length + 1;
}

static int64_t max_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static struct plan plan_for(const struct model *m, int64_t max_samples, int64_t batch_samples,
                            int32_t max_batch) {
    const struct speech_ops *ops = m->family->speech;
    const struct speech_info *info = ops->info(m->self);
    const struct mel_config c = mel_speech_config();
    const int64_t others = max_of(max_batch, 1) - 1;
    struct plan p = {.max_frames = frames_of(max_samples, &c)};
    /* Each utterance of a batch may round up, in frames and in steps. */
    p.batch_frames = frames_of(batch_samples, &c) + others;
    p.max_steps = ops->steps(m->self, p.max_frames);
    p.batch_steps = ops->steps(m->self, p.batch_frames) + others;
    ops->need(m->self, p.batch_steps, p.max_frames, &p.need);
    const int64_t logits = p.max_steps * info->n_tokens;
    p.need.scratch_floats = (size_t)max_of((int64_t)p.need.scratch_floats, logits);
    p.need.stream.max_n = max_of(p.need.stream.max_n, info->n_tokens);
    p.positions = floats(p.need.position_floats, 1);
    p.scratch = floats(p.need.scratch_floats, 1);
    p.features = floats((uint64_t)p.batch_frames, (uint64_t)info->n_mels);
    p.hidden = floats((uint64_t)p.batch_steps, (uint64_t)info->hidden_size);
    p.host = floats((uint64_t)max_of(p.batch_frames * info->n_mels, logits), 1);
    if (info->has_rnnt) {
        p.encoded = floats((uint64_t)p.max_steps, (uint64_t)ops->rnnt_joint_size(m->self));
        p.predictor = floats(ops->rnnt_floats(m->self), 1);
    }
    p.tables = 2 * ((uint64_t)max_batch + 1) * sizeof(int64_t);
    p.weights = size_sum(m->info.weight_bytes, m->info.private_bytes);
    const uint64_t stream = m->be->ops->stream_bytes(m->be, &p.need.stream);
    const uint64_t parts[] = {p.positions, p.scratch, p.features,  p.hidden, p.host,
                              p.encoded,   p.tables,  p.predictor, stream,   p.weights};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        p.sum = size_sum(p.sum, parts[i]);
    return p;
}

static karma_status choose(const struct model *m, const struct transcriber_options *o,
                           struct plan *p) {
    const uint64_t ceiling = o->ceiling_bytes ? o->ceiling_bytes : runtime_ceiling(m->be);
    if (!(m->info.can & FAMILY_TRANSCRIBE))
        return status_fail(KARMA_E_UNSUPPORTED, "the family %s hears nothing", m->family->name);
    if (o->max_samples < 1 || o->max_samples > (int64_t)1 << 40 || o->max_batch < 1)
        return status_fail(KARMA_E_LIMIT, "%lld samples, %d utterances: no batch has such a size",
                           (long long)o->max_samples, o->max_batch);
    int64_t batch = max_of(o->batch_samples ? o->batch_samples : CHOSEN_SAMPLES, o->max_samples);
    *p = plan_for(m, o->max_samples, batch, o->max_batch);
    while (p->sum > ceiling && batch > o->max_samples) {
        batch = max_of(batch / 2, o->max_samples);
        *p = plan_for(m, o->max_samples, batch, o->max_batch);
    }
    if (p->sum <= ceiling) return KARMA_OK;
    const unsigned long long mib = 1 << 20;
    return status_fail(KARMA_E_LIMIT,
                       "memory: %llu MiB needed (weights %llu, table of positions %llu, scratch "
                       "and features %llu, for %.1f s of sound at once), %llu allowed",
                       (unsigned long long)p->sum / mib, (unsigned long long)p->weights / mib,
                       (unsigned long long)p->positions / mib,
                       (unsigned long long)(p->sum - p->weights - p->positions) / mib,
                       (double)o->max_samples / RATE, (unsigned long long)ceiling / mib);
}

karma_status transcriber_measure(const struct model *model,
                                 const struct transcriber_options *options, size_t *bytes) {
    struct plan p = {0};
    karma_status st = choose(model, options, &p);
    *bytes = (size_t)(p.sum - p.weights);
    return st;
}

/* ---- life ---- */

static karma_status reserve(struct transcriber *t, const struct plan *p) {
    struct backend *be = t->model->be;
    const struct {
        float **at;
        uint64_t bytes;
    } parts[] = {{&t->positions, p->positions}, {&t->scratch, p->scratch},
                 {&t->features, p->features},   {&t->hidden, p->hidden},
                 {&t->encoded, p->encoded},     {&t->predictor, p->predictor}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i].bytes == 0) continue;
        *parts[i].at = be->ops->alloc(be, (size_t)parts[i].bytes);
        if (!*parts[i].at) return KARMA_E_NOMEM;
    }
    t->host = mem_alloc((size_t)p->host);
    if (!t->host) return KARMA_E_NOMEM;
    t->frame_start = mem_calloc((size_t)t->max_batch + 1, sizeof(*t->frame_start));
    if (!t->frame_start) return KARMA_E_NOMEM;
    t->step_start = mem_calloc((size_t)t->max_batch + 1, sizeof(*t->step_start));
    if (!t->step_start) return KARMA_E_NOMEM;
    const struct mel_config config = mel_speech_config();
    karma_status st = mel_create(&config, &t->mel);
    return st < 0 ? st : be->ops->stream_create(be, &p->need.stream, &t->stream);
}

karma_status transcriber_create(const struct model *model,
                                const struct transcriber_options *options,
                                struct transcriber **out) {
    struct plan p;
    fenv_t before;
    *out = NULL;
    karma_status st = choose(model, options, &p);
    if (st < 0) return st;
    struct transcriber *t = mem_calloc(1, sizeof(*t));
    if (!t) return KARMA_E_NOMEM;
    *t = (struct transcriber){
        .model = model,
        .ops = model->family->speech,
        .info = model->family->speech->info(model->self),
        .max_batch = options->max_batch,
        .max_samples = options->max_samples,
        .max_frames = p.max_frames,
        .max_steps = p.max_steps,
        .batch_frames = p.batch_frames,
        .batch_steps = p.batch_steps,
        .bytes = (size_t)(p.sum - p.weights),
    };
    st = reserve(t, &p);
    if (st < 0) {
        transcriber_destroy(t);
        return st;
    }
    float_env_enter(&before);
    t->ops->prepare(model->self, t->max_steps, t->positions, t->scratch, t->stream);
    float_env_leave(&before);
    *out = t;
    return KARMA_OK;
}

void transcriber_destroy(struct transcriber *t) {
    if (!t) return;
    struct backend *be = t->model->be;
    if (t->stream) be->ops->stream_destroy(t->stream);
    mel_stream_destroy(t->open);
    mel_destroy(t->mel);
    be->ops->free(be, t->positions);
    be->ops->free(be, t->scratch);
    be->ops->free(be, t->features);
    be->ops->free(be, t->hidden);
    be->ops->free(be, t->encoded);
    be->ops->free(be, t->predictor);
    mem_free(t->host);
    mem_free(t->frame_start);
    mem_free(t->step_start);
    mem_free(t);
}

size_t transcriber_bytes(const struct transcriber *t) {
    return t->bytes;
}

int32_t transcriber_rate(void) {
    return RATE;
}

const struct speech_info *transcriber_info(const struct transcriber *t) {
    return t->info;
}

/* ---- listening ---- */

size_t transcriber_count(const struct transcriber *t) {
    return t->count;
}

static int64_t steps_so_far(const struct transcriber *t) {
    return t->step_start[t->count];
}

bool transcriber_fits(const struct transcriber *t, int64_t n_samples) {
    if (n_samples > t->max_samples || t->count == (size_t)t->max_batch) return false;
    const int64_t frames = mel_frame_count(t->mel, n_samples);
    return frames <= t->batch_frames - t->frame_start[t->count] &&
           t->ops->steps(t->model->self, frames) <= t->batch_steps - steps_so_far(t);
}

/* A frame of the open utterance goes behind those of the batch. */
static karma_status take_frame(void *user, const float *frame) {
    struct transcriber *t = user;
    const size_t n_mels = (size_t)t->info->n_mels;
    if (t->n_frames == t->batch_frames)
        return status_fail(KARMA_E_LIMIT, "the batch has no room for this much sound");
    memcpy(t->host + (size_t)t->n_frames++ * n_mels, frame, n_mels * sizeof(*frame));
    return KARMA_OK;
}

void transcriber_drop(struct transcriber *t) {
    mel_stream_destroy(t->open);
    t->open = NULL;
    t->n_frames = t->frame_start[t->count];
}

karma_status transcriber_begin(struct transcriber *t) {
    transcriber_drop(t);
    if (t->count == (size_t)t->max_batch)
        return status_fail(KARMA_E_LIMIT, "the batch holds its %d utterances", t->max_batch);
    t->open_samples = 0;
    return mel_stream_begin(t->mel, take_frame, t, &t->open);
}

karma_status transcriber_push(struct transcriber *t, const float *samples, size_t n) {
    karma_status st = KARMA_OK;
    if (n > (size_t)(t->max_samples - t->open_samples))
        st = status_fail(KARMA_E_LIMIT, "an utterance of more than %lld samples",
                         (long long)t->max_samples);
    if (st == KARMA_OK) st = mel_stream_push(t->open, samples, n);
    t->open_samples += (int64_t)n;
    if (st < 0) transcriber_drop(t);
    return st;
}

karma_status transcriber_end(struct transcriber *t) {
    karma_status st = mel_stream_end(t->open);
    const int64_t first = t->frame_start[t->count], frames = t->n_frames - first;
    const int64_t steps = t->ops->steps(t->model->self, frames);
    if (st == KARMA_OK && steps > t->batch_steps - steps_so_far(t))
        st = status_fail(KARMA_E_LIMIT, "the batch has no room for this much sound");
    if (st == KARMA_OK) {
        mel_normalize(t->mel, t->host + first * t->info->n_mels, frames);
        t->step_start[t->count + 1] = steps_so_far(t) + steps;
        t->count++;
        t->frame_start[t->count] = t->n_frames;
    }
    transcriber_drop(t);
    return st;
}

void transcriber_clear(struct transcriber *t) {
    t->count = 0;
    transcriber_drop(t);
}

/* ---- encoding ---- */

karma_status transcriber_encode(struct transcriber *t, bool (*cancelled)(void *user), void *user) {
    const struct backend_ops *ops = t->model->be->ops;
    const struct speech_batch batch = {
        .n = (int64_t)t->count,
        .frame_start = t->frame_start,
        .mel = t->features,
        .step_start = t->step_start,
        .positions = t->positions,
        .max_steps = t->max_steps,
        .hidden = t->hidden,
        .scratch = t->scratch,
        .cancelled = cancelled,
        .user = user,
    };
    fenv_t before;
    if (t->count == 0) return KARMA_OK;
    float_env_enter(&before);
    ops->upload(t->model->be, t->features, t->host,
                (size_t)(t->frame_start[t->count] * t->info->n_mels) * sizeof(float));
    const bool done = t->ops->encode(t->model->self, &batch, t->stream);
    ops->finish(t->stream);
    float_env_leave(&before);
    return done ? KARMA_OK : status_fail(KARMA_E_CANCELLED, "cancelled");
}

/* ---- decoding ---- */

struct utterance { /* encoded */
    const float *hidden;
    int64_t n_steps;
};

/* Features are of no use once they are encoded, so logits take their place on the host. */
static struct ctc_scores scores_of(struct transcriber *t, const struct utterance *u,
                                   int32_t language) {
    t->ops->ctc(t->model->self, language, u->hidden, u->n_steps, t->scratch, t->host, t->stream);
    return (struct ctc_scores){.logits = t->host,
                               .n_frames = u->n_steps,
                               .ld = t->info->n_tokens,
                               .n_tokens = t->info->n_tokens,
                               .blank = t->info->blank};
}

static const struct hot_words *hot_of(const struct decoding *how, int32_t language) {
    return how->hot ? how->hot[language] : NULL;
}

static double mean_logprob(const struct heard *h) {
    double sum = 0;
    for (size_t i = 0; i < h->count; i++)
        sum += (double)h->tokens[i].logprob;
    return h->count ? sum / (double)h->count : -INFINITY;
}

/* The first of those whose greedy text is the likeliest, by the mean over its tokens. */
static karma_status find_language(struct transcriber *t, const struct utterance *u,
                                  int32_t *language) {
    double best = -INFINITY;
    *language = 0;
    if (!t->info->has_ctc)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "language auto: the checkpoint has no CTC head to tell them apart by");
    for (int32_t l = 0; l < t->info->n_languages; l++) {
        struct heard h = {0};
        const struct ctc_scores s = scores_of(t, u, l);
        karma_status st = ctc_greedy(&s, &h);
        const double score = mean_logprob(&h);
        heard_release(&h);
        if (st < 0) return st;
        if (score > best) {
            best = score;
            *language = l;
        }
    }
    return KARMA_OK;
}

static karma_status decode_ctc(struct transcriber *t, const struct utterance *u, int32_t language,
                               const struct decoding *how, struct heard *out) {
    const struct ctc_scores s = scores_of(t, u, language);
    struct ctc_beam_options beam = ctc_beam_defaults();
    if (how->beam <= 1) return ctc_greedy(&s, out);
    beam.width = how->beam;
    beam.hot = hot_of(how, language);
    return ctc_beam(&s, &beam, out);
}

/* When its tokens were said: a transducer names them late. Where the CTC head knows no way to say
 * them in that time, the transducer's own frames stay. */
static karma_status align(struct transcriber *t, const struct utterance *u, int32_t language,
                          struct heard *h) {
    struct heard at = {0};
    int32_t *ids = mem_calloc(h->count + 1, sizeof(*ids));
    if (!ids) return KARMA_E_NOMEM;
    for (size_t i = 0; i < h->count; i++)
        ids[i] = h->tokens[i].id;
    const struct ctc_scores s = scores_of(t, u, language);
    karma_status st = ctc_align(&s, ids, h->count, &at);
    for (size_t i = 0; st == KARMA_OK && i < h->count; i++) {
        h->tokens[i].begin = at.tokens[i].begin;
        h->tokens[i].end = at.tokens[i].end;
    }
    heard_release(&at);
    mem_free(ids);
    return st == KARMA_E_RANGE ? KARMA_OK : st;
}

static karma_status decode_rnnt(struct transcriber *t, const struct utterance *u, int32_t language,
                                const struct decoding *how, struct heard *out) {
    const double token_steps = TOKEN_S_PER_10 / (10 * t->info->step_s);
    const int32_t longest = token_steps < 1 ? 1 : (int32_t)(token_steps + 0.5);
    struct speech_rnnt one = {.model = t->model->self,
                              .on = t->stream,
                              .language = language,
                              .encoded = t->encoded,
                              .scratch = t->predictor};
    const struct rnnt_beam_options beam = {.width = how->beam, .hot = hot_of(how, language)};
    struct rnnt_model m;
    t->ops->rnnt_encode(t->model->self, u->hidden, u->n_steps, t->encoded, t->stream);
    t->ops->rnnt(&one, &m);
    karma_status st = how->beam <= 1 ? rnnt_greedy(&m, u->n_steps, longest, out)
                                     : rnnt_beam(&m, u->n_steps, longest, &beam, out);
    if (st == KARMA_OK && how->times && t->info->has_ctc) st = align(t, u, language, out);
    return st;
}

static karma_status check_heads(const struct transcriber *t, const struct decoding *how) {
    if (how->rnnt ? t->info->has_rnnt : t->info->has_ctc) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "decoding_method %s: the checkpoint has no such head",
                       how->rnnt ? "rnnt" : "ctc");
}

karma_status transcriber_decode(struct transcriber *t, size_t i, const struct decoding *how,
                                int32_t *language, struct heard *out) {
    const struct utterance u = {
        .hidden = t->hidden + t->step_start[i] * t->info->hidden_size,
        .n_steps = t->step_start[i + 1] - t->step_start[i],
    };
    fenv_t before;
    karma_status st = check_heads(t, how);
    if (st < 0) return st;
    float_env_enter(&before);
    *language = how->language;
    if (how->language < 0) st = find_language(t, &u, language);
    if (st == KARMA_OK)
        st = how->rnnt ? decode_rnnt(t, &u, *language, how, out)
                       : decode_ctc(t, &u, *language, how, out);
    float_env_leave(&before);
    return st;
}
