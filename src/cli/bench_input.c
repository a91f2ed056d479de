/*
 * bench_input.c - models that take whole inputs: embedding models (texts of plain words) and speech
 * recognisers (noise, which takes as long as speech).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"

/* --- embeddings ------------------------------------------------------------------------------- */

enum { TEXT_TOKENS = 64, TEXTS = 64, LEAST_TEXTS = 1, MAX_TEXT_BYTES = 1 << 20 };

static const char *const words[] = {
    "the",   "patient", "was",   "given",    "oral",    "iron",   "for",  "low",
    "blood", "count",   "and",   "after",    "two",     "weeks",  "of",   "treatment",
    "no",    "signs",   "fever", "remained", "in",      "chest",  "pain", "with",
    "acute", "renal",   "risk",  "high",     "glucose", "levels", "mild", "cough",
};

/* A text of about that many tokens: words until there are enough. malloc() block. */
static karma_status make_text(const struct bench *b, int64_t n_tokens, uint32_t *seed, char **out,
                              int64_t *n) {
    char *text = malloc(MAX_TEXT_BYTES);
    size_t len = 0;
    *out = text;
    *n = 0;
    if (!text) return cli_error(KARMA_E_NOMEM, "out of memory");
    while (*n < n_tokens && len + 32 < MAX_TEXT_BYTES) {
        const int64_t more = (n_tokens - *n + 1) / 2;
        for (int64_t i = 0; i < more && len + 32 < MAX_TEXT_BYTES; i++) {
            const size_t w = bench_random(seed) % (sizeof(words) / sizeof(words[0]));
            len += (size_t)snprintf(text + len, MAX_TEXT_BYTES - len, "%s%s", len ? " " : "",
                                    words[w]);
        }
        int32_t *ids;
        size_t count;
        karma_status st = karma_tokenize(b->model, text, len, true, &ids, &count);
        if (st < 0) return st;
        karma_free(ids);
        *n = (int64_t)count;
    }
    return KARMA_OK;
}

struct texts {
    char **list;
    size_t n;
    int64_t n_tokens;
};

static void free_texts(struct texts *t) {
    for (size_t i = 0; t->list && i < t->n; i++)
        free(t->list[i]);
    free(t->list);
}

static karma_status make_texts(struct bench *b, size_t n, struct texts *t) {
    const int64_t most = json_integer_value(json_object_get(b->info, "max_position_embeddings"));
    int64_t each = b->prompt ? b->prompt : TEXT_TOKENS;
    uint32_t seed = 11;
    if (most > 8 && each > most - 8) each = most - 8; /* words are more tokens than one */
    *t = (struct texts){.list = calloc(n, sizeof(*t->list)), .n = n};
    if (!t->list) return cli_error(KARMA_E_NOMEM, "out of memory");
    if (b->prompt > each) {
        bench_note(b, "the model has %lld positions: texts are of %lld tokens", (long long)most,
                   (long long)each);
    }
    for (size_t i = 0; i < n; i++) {
        int64_t count;
        karma_status st = make_text(b, each, &seed, &t->list[i], &count);
        if (st < 0) return st;
        t->n_tokens += count;
    }
    return KARMA_OK;
}

static karma_status embed(struct bench *b, size_t n, struct texts *t, double *seconds) {
    karma_embed_options o = karma_embed_defaults();
    const size_t dim = (size_t)karma_model_embedding_dim(b->model, &o);
    float *vectors = malloc(n * dim * sizeof(*vectors));
    karma_status st = vectors ? make_texts(b, n, t) : cli_error(KARMA_E_NOMEM, "out of memory");
    o.cancelled = bench_cancelled;
    const double start = bench_seconds();
    if (st == KARMA_OK)
        st = karma_model_embed(b->model, (const char *const *)t->list, n, &o, vectors, NULL);
    *seconds = bench_seconds() - start;
    free(vectors);
    return st;
}

karma_status bench_embedding_warm(struct bench *b) {
    struct texts t = {0};
    double seconds;
    karma_status st = embed(b, LEAST_TEXTS, &t, &seconds);
    free_texts(&t);
    return st;
}

karma_status bench_embedding(struct bench *b, double load_s) {
    const size_t n = b->batch ? (size_t)b->batch : TEXTS;
    struct texts one = {0}, many = {0};
    double seconds;
    char what[96];
    bench_say(b, "one text");
    karma_status st = embed(b, 1, &one, &seconds);
    if (st == KARMA_OK) {
        bench_add(b, "load", "ms", "files in memory", load_s * 1e3, 0, 0);
        bench_add(b, "start", "ms", "load and the vector of a text", (load_s + seconds) * 1e3, 0,
                  0);
        bench_say(b, "texts");
        st = embed(b, n, &many, &seconds);
    }
    if (st == KARMA_OK) {
        const double tokens = (double)many.n_tokens, each = tokens / (double)n;
        snprintf(what, sizeof(what), "%zu texts of %.0f tokens", n, each);
        bench_add(b, "embedding", "tokens/s", what, tokens / seconds, 0,
                  tokens * (2 * b->work.parameters + b->work.attention_operations * each) /
                      seconds);
        bench_add(b, "texts", "texts/s", "the same", (double)n / seconds, 0, 0);
    }
    free_texts(&one);
    free_texts(&many);
    return st;
}

/* --- speech ----------------------------------------------------------------------------------- */

enum { SECONDS = 10, RECORDINGS = 4, RATE = 16000 };

struct heard {
    const struct bench *b;
    karma_audio audio;
    karma_sample sample;
    char key[24];
    size_t n, given;
    karma_status status;
    char error[512];
};

static karma_status next_sample(void *user, const karma_sample **sample) {
    struct heard *h = user;
    if (h->given == h->n) return KARMA_DONE;
    snprintf(h->key, sizeof(h->key), "noise-%zu", h->given++);
    *sample = &h->sample;
    return KARMA_OK;
}

static karma_status put_output(void *user, const karma_output *output) {
    struct heard *h = user;
    if (output->status >= 0) return KARMA_OK;
    h->status = output->status;
    snprintf(h->error, sizeof(h->error), "%s", output->error ? output->error : "");
    return KARMA_OK;
}

static karma_status hear(struct bench *b, size_t n, int64_t length_s, double *seconds) {
    const size_t n_samples = (size_t)length_s * RATE;
    float *noise = malloc(n_samples * sizeof(*noise));
    uint32_t seed = 5;
    if (!noise) return cli_error(KARMA_E_NOMEM, "out of memory");
    for (size_t i = 0; i < n_samples; i++)
        noise[i] = 0.1f * ((float)(bench_random(&seed) % 2001) / 1000.0f - 1.0f);
    struct heard h = {
        .b = b, .n = n, .audio = {.samples = noise, .n_samples = n_samples, .sample_rate = RATE}};
    h.sample = (karma_sample){.struct_size = sizeof(karma_sample), .key = h.key, .audio = &h.audio};
    const karma_run_io io = {
        .next = next_sample, .put = put_output, .cancelled = bench_cancelled, .user = &h};
    const double start = bench_seconds();
    karma_status st = karma_model_run(b->model, &io);
    *seconds = bench_seconds() - start;
    free(noise);
    if (st == KARMA_OK && h.status < 0) st = cli_error(h.status, "noise: %s", h.error);
    return st;
}

karma_status bench_speech_warm(struct bench *b) {
    double seconds;
    return hear(b, 1, 1, &seconds);
}

karma_status bench_speech(struct bench *b, double load_s) {
    const int64_t length = b->seconds ? b->seconds : SECONDS;
    const size_t n = b->batch ? (size_t)b->batch : RECORDINGS;
    double seconds;
    char what[96];
    bench_say(b, "a recording");
    karma_status st = hear(b, 1, length, &seconds);
    if (st < 0) return st;
    bench_add(b, "load", "ms", "files in memory", load_s * 1e3, 0, 0);
    snprintf(what, sizeof(what), "one recording of %lld s, by its length", (long long)length);
    bench_add(b, "real-time factor", "", what, seconds / (double)length, 0, 0);
    bench_say(b, "recordings");
    st = hear(b, n, length, &seconds);
    if (st < 0) return st;
    snprintf(what, sizeof(what), "%zu recordings of %lld s", n, (long long)length);
    bench_add(b, "speech", "s of sound/s", what, (double)n * (double)length / seconds, 0, 0);
    return KARMA_OK;
}
