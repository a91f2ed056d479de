/*
 * bench_text.c - a generating model: start to first token, prefill, decoding of one sequence and of
 * a batch with a common beginning, questions as an evaluation asks them, answered by a few tokens,
 * a letter or the likeliest of whole options, a picture. Ids are random: what is computed does not
 * depend on what they say.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"

enum {
    PROMPT = 512,
    GENERATE = 32,
    BATCH = 16,
    START_TOKENS = 16,
    TAIL_TOKENS =
        1, /* of a sequence of the batch, behind the common beginning: all start at once */
    WHOLE_BLOCK = 32, /* tokens that the cache shares together */
    STEM_TOKENS = 160,
    ANSWER_TOKENS = 4,
    OPTIONS = 4,
    OPTION_TOKENS = 6,
    MIN_QUESTIONS = 4,
    PICTURE_SIDE = 256,
};
static const double MAX_PART_S = 3; /* what a part may take: it then does less */

static int64_t at_least(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* Sizes for this model: what was asked for, or what is usual and fits its positions. */
struct sizes {
    int64_t prompt, generate, batch, prefix, stem;
};

static karma_status choose_sizes(struct bench *b, struct sizes *s) {
    const int64_t most = json_integer_value(json_object_get(b->info, "max_position_embeddings"));
    const int64_t generate = b->generate ? b->generate : GENERATE;
    *s = (struct sizes){.prompt = b->prompt ? b->prompt : PROMPT,
                        .generate = generate,
                        .batch = b->batch ? b->batch : BATCH,
                        .stem = STEM_TOKENS};
    if (b->prompt && s->prompt + generate > most) {
        return cli_error(KARMA_E_LIMIT,
                         "--prompt %lld and %lld to generate: the model has %lld positions",
                         (long long)s->prompt, (long long)generate, (long long)most);
    }
    if (generate + START_TOKENS + TAIL_TOKENS + 1 > most) {
        return cli_error(KARMA_E_LIMIT, "--generate %lld: the model has %lld positions",
                         (long long)generate, (long long)most);
    }
    if (s->prompt + generate > most) {
        s->prompt = most - generate;
        bench_note(b, "the model has %lld positions: prompts are of %lld tokens", (long long)most,
                   (long long)s->prompt);
    }
    s->prefix = s->prompt;
    const int64_t behind = at_least(generate + TAIL_TOKENS, s->stem + OPTION_TOKENS);
    if (s->prefix + behind > most) {
        if (s->stem > most / 4) s->stem = at_least(most / 4, 1);
        const int64_t less = at_least(generate + TAIL_TOKENS, s->stem + OPTION_TOKENS);
        if (s->prefix + less > most) s->prefix = at_least(most - less, 1);
    }
    if (s->prefix > WHOLE_BLOCK) s->prefix -= s->prefix % WHOLE_BLOCK;
    return KARMA_OK;
}

static int32_t *random_ids(const struct bench *b, int64_t n, uint32_t seed) {
    const uint32_t vocab = (uint32_t)karma_model_vocab_size(b->model);
    int32_t *ids = malloc((size_t)n * sizeof(*ids));
    for (int64_t i = 0; ids && i < n; i++)
        ids[i] = (int32_t)(bench_random(&seed) % vocab);
    return ids;
}

/* --- one sequence ----------------------------------------------------------------------------- */

/* Operations of n tokens that follow `past` others, when n_heads of them want logits. */
static double operations_of(const struct bench_work *w, double n, double past, double n_heads) {
    const double layers = w->parameters - w->head_parameters;
    return 2 * layers * n + 2 * w->head_parameters * n_heads +
           w->attention_operations * n * (past + n / 2);
}

static karma_status measure_decode(struct bench *b, karma_session *s, const struct sizes *z,
                                   const int32_t *ids) {
    const double start = bench_seconds();
    const float *logits;
    double took = 0;
    int64_t n = 0;
    bench_say(b, "decode");
    while (n < z->generate && (n < 4 || took < MAX_PART_S)) {
        if (signals_cancelled()) return KARMA_E_CANCELLED;
        karma_status st = karma_session_feed(s, ids + n, 1, &logits);
        if (st < 0) return st;
        took = bench_seconds() - start;
        n++;
    }
    char what[96];
    const double each = took / (double)n, depth = (double)z->prompt + (double)n / 2;
    snprintf(what, sizeof(what), "one sequence behind %lld tokens", (long long)z->prompt);
    bench_add(b, "decode", "tokens/s", what, 1 / each,
              (b->work.weight_bytes + b->work.cache_bytes * depth) / each,
              operations_of(&b->work, 1, depth, 1) / each);
    return KARMA_OK;
}

static karma_status measure_prefill(struct bench *b, karma_session *s, const struct sizes *z,
                                    const int32_t *ids) {
    const float *logits;
    char what[96];
    bench_say(b, "prefill");
    const double start = bench_seconds(), busy = bench_processor_seconds();
    karma_status st = karma_session_feed(s, ids, (size_t)z->prompt, &logits);
    if (st < 0) return st;
    const double took = bench_seconds() - start;
    b->busy_s += bench_processor_seconds() - busy;
    b->room_s += took * b->threads;
    snprintf(what, sizeof(what), "%lld tokens", (long long)z->prompt);
    bench_add(b, "prefill", "tokens/s", what, (double)z->prompt / took, 0,
              operations_of(&b->work, (double)z->prompt, 0, 1) / took);
    bench_add(b, "first token", "ms", "of that prompt, model loaded", took * 1e3, 0, 0);
    return KARMA_OK;
}

static bool wants_prompt(const struct bench *b) {
    return bench_wants(b, "prefill") || bench_wants(b, "first token") || bench_wants(b, "decode");
}

static karma_status measure_one(struct bench *b, const struct sizes *z, double load_s) {
    const float *logits;
    karma_session *s = NULL;
    const int64_t n_start = z->prompt < START_TOKENS ? z->prompt : START_TOKENS;
    int32_t *ids = random_ids(b, z->prompt + z->generate, 1);
    if (!ids) return cli_error(KARMA_E_NOMEM, "out of memory");
    bench_say(b, "first token");
    const double start = bench_seconds();
    karma_status st = karma_session_create(b->model, (int32_t)(z->prompt + z->generate), &s);
    if (st == KARMA_OK) st = karma_session_feed(s, ids, (size_t)n_start, &logits);
    if (st == KARMA_OK) {
        bench_add(b, "load", "ms", "files in memory", load_s * 1e3, 0, 0);
        bench_add(b, "start", "ms", "load and first token of a short prompt",
                  (load_s + bench_seconds() - start) * 1e3, 0, 0);
        st = karma_session_rewind(s, 0);
    }
    if (st == KARMA_OK && wants_prompt(b)) st = measure_prefill(b, s, z, ids);
    if (st == KARMA_OK && bench_wants(b, "decode")) {
        st = bench_measure_machine(b);
        if (st == KARMA_OK) st = measure_decode(b, s, z, ids + z->prompt);
    }
    karma_session_destroy(s);
    free(ids);
    return st;
}

/* --- many sequences --------------------------------------------------------------------------- */

static void ignore(void *user, const karma_output *output) {
    karma_status *st = user;
    if (output->status < 0) *st = output->status;
}

struct crowd {
    karma_engine *engine;
    struct sizes *z;
    int32_t *ids; /* [prefix + stem] */
    uint32_t seed;
    karma_status ended; /* of a request that failed */
};

/* A prompt that shares the beginning with all others; with letters, answered by one of them. */
static karma_status submit(struct bench *b, struct crowd *c, int64_t n_own, int64_t n_new,
                           bool letters) {
    static const int32_t letter_ids[OPTIONS] = {0, 1, 2, 3};
    const uint32_t vocab = (uint32_t)karma_model_vocab_size(b->model);
    karma_generate_options o = karma_generate_defaults(b->model);
    o.max_tokens = (int32_t)n_new;
    o.do_sample = false;
    o.repetition_penalty = 1;
    o.stop = NULL;
    o.stop_tokens = NULL;
    o.n_stop_tokens = 0;
    o.candidates = letters ? letter_ids : NULL;
    o.n_candidates = letters ? OPTIONS : 0;
    for (int64_t i = 0; i < n_own; i++)
        c->ids[c->z->prefix + i] = (int32_t)(bench_random(&c->seed) % vocab);
    return karma_engine_submit(c->engine, "bench", c->ids, (size_t)(c->z->prefix + n_own), &o,
                               ignore, NULL, &c->ended);
}

static karma_status step(struct crowd *c, size_t *active) {
    if (signals_cancelled()) return KARMA_E_CANCELLED;
    karma_status st = karma_engine_step(c->engine, active);
    return st < 0 ? st : c->ended;
}

static karma_status finish(struct crowd *c) {
    size_t active = 1;
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && active)
        st = step(c, &active);
    return st;
}

/* The engine for as many sequences as there is memory for. */
static karma_status make_engine(struct bench *b, struct sizes *z, karma_engine **out) {
    karma_engine_options o = karma_engine_defaults();
    karma_status st;
    karma_model_arg_int(b->model, "max_memory_mb", &o.max_memory_mb);
    o.n_ctx = (int32_t)(z->prefix + at_least(z->generate + TAIL_TOKENS, z->stem + OPTION_TOKENS));
    o.speculate = false; /* what a step takes is asked, not what these random ids repeat */
    const int32_t usual_rows = o.max_rows;
    for (;; z->batch /= 2) {
        o.max_sequences = (int32_t)z->batch;
        o.max_rows = (int32_t)at_least(usual_rows, z->batch);
        st = karma_engine_create(b->model, &o, out);
        if (st != KARMA_E_LIMIT || z->batch == 1) break;
    }
    return st;
}

/* Steps in which every sequence gives one token: how many there were, and what they took. There are
 * none when the cache has no room for all. */
static karma_status decode_together(struct bench *b, struct crowd *c, int64_t *n, double *took) {
    enum { MAX_OTHERS = 4 };
    karma_engine_stats before, after;
    karma_status st = KARMA_OK;
    size_t active = 1;
    int others = 0;
    *n = 0;
    *took = 0;
    for (int64_t i = 0; i < c->z->batch && st == KARMA_OK; i++)
        st = submit(b, c, TAIL_TOKENS, c->z->generate, false);
    while (st == KARMA_OK && active && *took < MAX_PART_S && (*n > 0 || others < MAX_OTHERS)) {
        karma_engine_get_stats(c->engine, &before);
        const double start = bench_seconds();
        st = step(c, &active);
        const double end = bench_seconds();
        karma_engine_get_stats(c->engine, &after);
        const uint64_t rows = after.rows - before.rows;
        if (rows == (uint64_t)c->z->batch &&
            after.generated_tokens - before.generated_tokens == rows) {
            *took += end - start;
            ++*n;
        } else {
            others++;
        }
    }
    if (st < 0) return st;
    karma_engine_cancel(c->engine);
    c->ended = KARMA_OK;
    return KARMA_OK;
}

static karma_status measure_batch(struct bench *b, struct crowd *c) {
    struct sizes *z = c->z;
    int64_t n;
    double took;
    char what[96];
    bench_say(b, "decode of a batch");
    karma_status st = decode_together(b, c, &n, &took);
    while (st == KARMA_OK && n == 0 && z->batch > 1) {
        z->batch /= 2;
        st = decode_together(b, c, &n, &took);
    }
    if (st < 0 || n == 0) return st;
    const double each = took / (double)n, batch = (double)z->batch;
    const double own = TAIL_TOKENS + (double)n / 2, depth = (double)z->prefix + own;
    snprintf(what, sizeof(what), "%lld sequences, %lld tokens shared", (long long)z->batch,
             (long long)z->prefix);
    bench_add(b, "decode batch", "tokens/s", what, batch / each,
              (b->work.weight_bytes + b->work.cache_bytes * ((double)z->prefix + batch * own)) /
                  each,
              batch * operations_of(&b->work, 1, depth, 1) / each);
    return KARMA_OK;
}

/* How many questions of so many rows take about as long as a part may. */
static int64_t n_questions(const struct sizes *z, int64_t rows, double rate) {
    const int64_t n = (int64_t)(MAX_PART_S * rate / (double)rows);
    return n < MIN_QUESTIONS ? MIN_QUESTIONS : n > 2 * z->batch ? 2 * z->batch : n;
}

/* Questions with a common beginning, which is there already: a letter is read off the logits behind
 * the prompt, an answer is generated. rate: rows a second of a prompt. */
static karma_status measure_questions(struct bench *b, struct crowd *c, bool letters, double rate) {
    const struct sizes *z = c->z;
    const int64_t answer = letters ? 0 : ANSWER_TOKENS;
    const int64_t rows = z->stem + (letters ? 0 : ANSWER_TOKENS - 1);
    const int64_t n = n_questions(z, rows, rate);
    karma_engine_stats before, after;
    char what[96];
    karma_status st = bench_measure_machine(b);
    bench_say(b, "questions");
    karma_engine_get_stats(c->engine, &before);
    const double start = bench_seconds();
    for (int64_t i = 0; i < n && st == KARMA_OK; i++)
        st = submit(b, c, z->stem, at_least(answer, 1), letters);
    if (st == KARMA_OK) st = finish(c);
    if (st < 0) return st;
    const double took = bench_seconds() - start, each = (double)n / took;
    karma_engine_get_stats(c->engine, &after);
    if (letters)
        snprintf(what, sizeof(what), "%lld shared and %lld own tokens, one of %d letters",
                 (long long)z->prefix, (long long)z->stem, (int)OPTIONS);
    else
        snprintf(what, sizeof(what), "%lld shared and %lld own tokens, %d of answer",
                 (long long)z->prefix, (long long)z->stem, (int)ANSWER_TOKENS);
    bench_add(b, letters ? "letters" : "evaluation", "questions/s", what, each,
              (double)(after.steps - before.steps) * b->work.weight_bytes / took,
              each * operations_of(&b->work, (double)rows, (double)z->prefix, (double)answer));
    return KARMA_OK;
}

static karma_status measure_many(struct bench *b, struct sizes *z) {
    struct crowd c = {.z = z, .seed = 7};
    const int64_t asked = z->batch;
    karma_status st = bench_measure_machine(b);
    bench_say(b, "the common beginning");
    if (st == KARMA_OK) st = make_engine(b, z, &c.engine);
    if (st == KARMA_OK) {
        c.ids = random_ids(b, z->prefix + at_least(z->stem, TAIL_TOKENS), 3);
        if (!c.ids) st = cli_error(KARMA_E_NOMEM, "out of memory");
    }
    const double start = bench_seconds();
    if (st == KARMA_OK) st = submit(b, &c, 1, 1, false);
    if (st == KARMA_OK) st = finish(&c);
    const double rate = (double)(z->prefix + 1) / (bench_seconds() - start);
    if (st == KARMA_OK && bench_wants(b, "decode batch")) st = measure_batch(b, &c);
    if (st == KARMA_OK && z->batch < asked) {
        bench_note(b, "memory: the ceiling has room for a batch of %lld, not of %lld",
                   (long long)z->batch, (long long)asked);
    }
    if (st == KARMA_OK && bench_wants(b, "evaluation")) st = measure_questions(b, &c, false, rate);
    if (st == KARMA_OK && bench_wants(b, "letters")) st = measure_questions(b, &c, true, rate);
    karma_engine_destroy(c.engine);
    free(c.ids);
    return st;
}

/* --- options ---------------------------------------------------------------------------------- */

/* A question's own tokens, and after them each option, token by token. */
static karma_status score_options(karma_session *s, const struct sizes *z, const int32_t *ids,
                                  float *logits) {
    const float *last;
    const size_t stem = (size_t)z->stem, behind = (size_t)z->prefix + stem;
    karma_status st = karma_session_rewind(s, (size_t)z->prefix);
    if (st == KARMA_OK) st = karma_session_feed(s, ids, stem, &last);
    for (int i = 0; i < OPTIONS && st == KARMA_OK; i++) {
        const int32_t *option = ids + z->stem + (int64_t)i * OPTION_TOKENS;
        st = karma_session_feed_all(s, option, OPTION_TOKENS, logits);
        if (st == KARMA_OK) st = karma_session_rewind(s, behind);
    }
    return signals_cancelled() ? KARMA_E_CANCELLED : st;
}

static karma_status ask_options(struct bench *b, karma_session *s, const struct sizes *z,
                                float *logits) {
    const float *last;
    char what[96];
    const int64_t rows = z->stem + (int64_t)OPTIONS * OPTION_TOKENS;
    int32_t *ids = random_ids(b, at_least(z->prefix, rows), 5);
    if (!ids) return cli_error(KARMA_E_NOMEM, "out of memory");
    double start = bench_seconds();
    karma_status st = karma_session_feed(s, ids, (size_t)z->prefix, &last);
    const int64_t n = n_questions(z, rows, (double)z->prefix / (bench_seconds() - start));
    start = bench_seconds();
    for (int64_t i = 0; i < n && st == KARMA_OK; i++)
        st = score_options(s, z, ids, logits);
    free(ids);
    if (st < 0) return st;
    const double each = (bench_seconds() - start) / (double)n;
    const double past = (double)z->prefix, behind = past + (double)z->stem;
    snprintf(what, sizeof(what), "%lld shared and %lld own tokens, %d options of %d",
             (long long)z->prefix, (long long)z->stem, (int)OPTIONS, (int)OPTION_TOKENS);
    bench_add(b, "options", "questions/s", what, 1 / each,
              (OPTIONS + 1) * b->work.weight_bytes / each,
              (operations_of(&b->work, (double)z->stem, past, 1) +
               OPTIONS * operations_of(&b->work, OPTION_TOKENS, behind, OPTION_TOKENS)) /
                  each);
    return KARMA_OK;
}

static karma_status measure_options(struct bench *b, const struct sizes *z) {
    karma_session *s = NULL;
    karma_status st = bench_measure_machine(b);
    bench_say(b, "options");
    if (st == KARMA_OK)
        st = karma_session_create(b->model, (int32_t)(z->prefix + z->stem + OPTION_TOKENS), &s);
    if (st < 0) return st;
    const size_t vocab = (size_t)karma_model_vocab_size(b->model);
    float *logits = malloc(OPTION_TOKENS * vocab * sizeof(*logits));
    st = logits ? ask_options(b, s, z, logits) : cli_error(KARMA_E_NOMEM, "out of memory");
    free(logits);
    karma_session_destroy(s);
    return st;
}

/* --- a picture -------------------------------------------------------------------------------- */

struct shown {
    karma_sample sample;
    bool given;
    karma_status status;
    char error[512];
};

static karma_status next_sample(void *user, const karma_sample **sample) {
    struct shown *s = user;
    if (s->given) return KARMA_DONE;
    s->given = true;
    *sample = &s->sample;
    return KARMA_OK;
}

static karma_status put_output(void *user, const karma_output *output) {
    struct shown *s = user;
    s->status = output->status;
    snprintf(s->error, sizeof(s->error), "%s", output->error ? output->error : "");
    return KARMA_OK;
}

static karma_status measure_picture(struct bench *b) {
    static unsigned char pixels[PICTURE_SIDE * PICTURE_SIDE * 3];
    uint32_t seed = 1 + (uint32_t)b->rounds_done; /* one that was not seen before */
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (unsigned char)bench_random(&seed);
    const karma_image image = {.pixels = pixels,
                               .width = PICTURE_SIDE,
                               .height = PICTURE_SIDE,
                               .channels = 3,
                               .name = "noise"};
    struct shown s = {.sample = {.struct_size = sizeof(karma_sample),
                                 .input = "What is shown?",
                                 .images = &image,
                                 .n_images = 1}};
    const karma_run_io io = {
        .next = next_sample, .put = put_output, .cancelled = bench_cancelled, .user = &s};
    bench_say(b, "a picture");
    const double start = bench_seconds();
    karma_status st = karma_model_run(b->model, &io);
    if (st < 0) return st;
    if (s.status < 0) return cli_error(s.status, "a picture: %s", s.error);
    bench_add(b, "picture", "s", "to the first token of a prompt with one", bench_seconds() - start,
              0, 0);
    return KARMA_OK;
}

/* --- a round ---------------------------------------------------------------------------------- */

karma_status bench_text_warm(struct bench *b) {
    const float *logits;
    karma_session *s;
    karma_status st = karma_session_create(b->model, START_TOKENS, &s);
    if (st < 0) return st;
    int32_t *ids = random_ids(b, START_TOKENS, 1);
    st = ids ? karma_session_feed(s, ids, START_TOKENS, &logits)
             : cli_error(KARMA_E_NOMEM, "out of memory");
    free(ids);
    karma_session_destroy(s);
    return st;
}

karma_status bench_text(struct bench *b, double load_s) {
    const bool many =
        bench_wants(b, "decode batch") || bench_wants(b, "evaluation") || bench_wants(b, "letters");
    const bool sees = json_object_get(b->info, "vision") != NULL;
    struct sizes z;
    karma_status st = choose_sizes(b, &z);
    if (st == KARMA_OK) st = measure_one(b, &z, load_s);
    if (st == KARMA_OK && many) st = measure_many(b, &z);
    if (st == KARMA_OK && bench_wants(b, "options")) st = measure_options(b, &z);
    if (st == KARMA_OK && sees && bench_wants(b, "picture")) st = measure_picture(b);
    return st;
}
