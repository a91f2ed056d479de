/*
 * peer_llama.c - llama.cpp or ik_llama.cpp on the shapes that karma bench measures, through their C
 * interface: start, a prompt, decoding of one sequence and of a batch with a common beginning,
 * questions that are answered, and questions whose options are scored. make leaves this file alone;
 * bench/peers.md says how it is compiled against a peer that is installed, -DPEER_IK for the
 * second.
 *
 *     peer_llama MODEL.gguf [option=N]... FIGURE[=N]...
 *
 * Options: threads (2), flash (1: flash attention), ubatch (512 rows of a step), repack (0; 1: rows
 * of weights interleaved at load), unified (1: one cache for all sequences), together (16:
 * questions at once). Figures, each a JSON line: start, prefill=512 (tokens), decode=512 (tokens
 * before), batch=16 (sequences behind 512 tokens), evaluation=16, letters=16, options=16 (questions
 * behind 512 tokens). Ids are random and the model is warm. rows and logits say what was computed
 * in the time.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "llama.h"

/* Those of src/cli/bench_text.c. */
enum {
    START_TOKENS = 16,
    GENERATE = 32,
    PREFIX = 512,
    STEM_TOKENS = 160,
    ANSWER_TOKENS = 4,
    OPTIONS = 4,
    OPTION_TOKENS = 6,
    MAX_TOGETHER = 64,
};
static const double MAX_PART_S = 3;

struct peer {
    const char *path;
    int threads, flash, ubatch, repack, unified, together;
    struct llama_model *model;
    struct llama_context *context;
    int32_t n_vocab;
    struct llama_batch batch;
    int32_t room;      /* tokens that batch holds */
    long rows, logits; /* since measuring began */
    uint32_t random;   /* state */
    int32_t *best;     /* [together] last greedy token of each */
    float sum;         /* of logits that were read */
};

static void fail(const char *what, const char *about) {
    fprintf(stderr, "peer_llama: %s: %s\n", about, what);
    exit(1);
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int32_t random_id(struct peer *p) {
    p->random = p->random * 1664525u + 1013904223u;
    return (int32_t)((p->random >> 8) % (uint32_t)p->n_vocab);
}

/* --- where the peers' interfaces differ --------------------------------------------------------
 */

static void load(struct peer *p) {
    struct llama_model_params m = llama_model_default_params();
#ifdef PEER_IK
    m.repack_tensors = p->repack != 0;
    m.use_mmap = !p->repack; /* as its own programs do it: a mapped file is not rewritten */
    m.flash_attn = p->flash != 0;
#else
    m.use_extra_bufts = p->repack != 0;
#endif
    p->model = llama_model_load_from_file(p->path, m);
    if (!p->model) fail("does not load", p->path);
    p->n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(p->model));
}

static void unload(struct peer *p) {
#ifdef PEER_IK
    llama_free_model(p->model);
#else
    llama_model_free(p->model);
#endif
    p->model = NULL;
}

static void settle(const struct peer *p, struct llama_context_params *c) {
#ifdef PEER_IK
    c->n_threads = c->n_threads_batch = (uint32_t)p->threads;
    c->flash_attn = p->flash != 0;
#else
    c->n_threads = c->n_threads_batch = p->threads;
    c->flash_attn_type = p->flash ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    c->kv_unified = p->unified != 0;
    c->no_perf = true;
#endif
}

static void forget_all(struct peer *p) {
#ifdef PEER_IK
    llama_kv_cache_clear(p->context);
#else
    llama_memory_clear(llama_get_memory(p->context), false);
#endif
}

/* A whole sequence. */
static void forget(struct peer *p, int32_t seq) {
#ifdef PEER_IK
    llama_kv_cache_seq_rm(p->context, seq, -1, -1);
#else
    llama_memory_seq_rm(llama_get_memory(p->context), seq, -1, -1);
#endif
}

/* The whole of a sequence's cache stands in another one's too. */
static void branch(struct peer *p, int32_t from, int32_t to) {
#ifdef PEER_IK
    llama_kv_cache_seq_cp(p->context, from, to, -1, -1);
#else
    llama_memory_seq_cp(llama_get_memory(p->context), from, to, -1, -1);
#endif
}

/* --- what all figures do ------------------------------------------------------------------------
 */

static void make_context(struct peer *p, int32_t n_ctx, int32_t n_sequences) {
    struct llama_context_params c = llama_context_default_params();
    c.n_ctx = (uint32_t)n_ctx;
    c.n_batch = (uint32_t)n_ctx;
    c.n_ubatch = (uint32_t)p->ubatch;
    c.n_seq_max = (uint32_t)n_sequences;
    settle(p, &c);
    p->context = llama_init_from_model(p->model, c);
    if (!p->context) fail("no context", p->path);
    p->batch = llama_batch_init(n_ctx, 0, 1);
    p->room = n_ctx;
}

static void end_context(struct peer *p) {
    llama_batch_free(p->batch);
    llama_free(p->context);
    p->context = NULL;
}

static void add(struct peer *p, int32_t token, int32_t pos, int32_t seq, bool logits) {
    struct llama_batch *b = &p->batch;
    if (b->n_tokens == p->room) fail("more rows than were planned", p->path);
    b->token[b->n_tokens] = token;
    b->pos[b->n_tokens] = pos;
    b->n_seq_id[b->n_tokens] = 1;
    b->seq_id[b->n_tokens][0] = seq;
    b->logits[b->n_tokens++] = logits;
    p->rows++;
    p->logits += logits;
}

static void run(struct peer *p) {
    if (llama_decode(p->context, p->batch) != 0) fail("a step failed", p->path);
    llama_synchronize(p->context);
    p->batch.n_tokens = 0;
}

/* n random tokens of a sequence; the logits of the last one. */
static void add_random(struct peer *p, int32_t n, int32_t pos, int32_t seq) {
    for (int32_t i = 0; i < n; i++)
        add(p, random_id(p), pos + i, seq, i == n - 1);
}

static void warm(struct peer *p) {
    add_random(p, START_TOKENS, 0, 0);
    run(p);
    add_random(p, 1, START_TOKENS, 0);
    run(p);
    forget_all(p);
}

static int32_t greedy(struct peer *p, int32_t row) {
    const float *logits = llama_get_logits_ith(p->context, row);
    int32_t best = 0;
    for (int32_t i = 1; i < p->n_vocab; i++)
        if (logits[i] > logits[best]) best = i;
    return best;
}

static void tell(const struct peer *p, const char *figure, int32_t size, const char *unit,
                 double value, double took) {
    printf("{\"figure\": \"%s\", \"size\": %d, \"unit\": \"%s\", \"value\": %.6g, \"seconds\": "
           "%.4f, \"rows\": %ld, \"logits\": %ld}\n",
           figure, (int)size, unit, value, took, p->rows, p->logits);
    fflush(stdout);
}

static void begin(struct peer *p) {
    p->rows = p->logits = 0;
}

/* --- figures ------------------------------------------------------------------------------------
 */

/* Load, and the first token of a short prompt. */
static void start(struct peer *p, int32_t size) {
    unload(p);
    begin(p);
    const double from = seconds();
    load(p);
    make_context(p, PREFIX + GENERATE, 1);
    add_random(p, START_TOKENS, 0, 0);
    run(p);
    p->best[0] = greedy(p, -1);
    const double took = seconds() - from;
    tell(p, "start", size, "ms", took * 1e3, took);
    end_context(p);
}

static void prefill(struct peer *p, int32_t size) {
    make_context(p, size + START_TOKENS, 1);
    warm(p);
    begin(p);
    add_random(p, size, 0, 0);
    const double from = seconds();
    run(p);
    const double took = seconds() - from;
    tell(p, "prefill", size, "tokens/s", size / took, took);
    end_context(p);
}

static void decode(struct peer *p, int32_t size) {
    make_context(p, size + GENERATE + START_TOKENS, 1);
    warm(p);
    add_random(p, size, 0, 0);
    run(p);
    begin(p);
    const double from = seconds();
    double took = 0;
    int32_t n = 0;
    while (n < GENERATE && (n < 4 || took < MAX_PART_S)) {
        add_random(p, 1, size + n, 0);
        run(p);
        n++;
        took = seconds() - from;
    }
    tell(p, "decode", size, "tokens/s", n / took, took);
    end_context(p);
}

/* The common beginning, of sequence 0. */
static void fill_prefix(struct peer *p) {
    add_random(p, PREFIX, 0, 0);
    run(p);
}

/* One more token of n sequences, 1 to n: the greedy ones of the step before. */
static void step_together(struct peer *p, int32_t n, int32_t pos) {
    for (int32_t s = 0; s < n; s++)
        add(p, p->best[s], pos, s + 1, true);
    run(p);
    for (int32_t s = 0; s < n; s++)
        p->best[s] = greedy(p, s);
}

static void batch(struct peer *p, int32_t size) {
    if (size > MAX_TOGETHER) fail("batch: at most 64", p->path);
    make_context(p, PREFIX + size * (GENERATE + 1) + START_TOKENS, size + 1);
    warm(p);
    fill_prefix(p);
    for (int32_t s = 0; s < size; s++) {
        branch(p, 0, s + 1);
        p->best[s] = random_id(p);
    }
    begin(p);
    const double from = seconds();
    double took = 0;
    int32_t n = 0;
    while (n < GENERATE && (n < 4 || took < MAX_PART_S)) {
        step_together(p, size, PREFIX + n++);
        took = seconds() - from;
    }
    tell(p, "batch", size, "tokens/s", n * size / took, took);
    end_context(p);
}

/* The stems of n questions, each behind the common beginning; `best` gets what follows each. */
static void ask(struct peer *p, int32_t n) {
    for (int32_t s = 0; s < n; s++) {
        branch(p, 0, s + 1);
        add_random(p, STEM_TOKENS, PREFIX, s + 1);
    }
    run(p);
    for (int32_t s = 0; s < n; s++)
        p->best[s] = greedy(p, s * STEM_TOKENS + STEM_TOKENS - 1);
}

/* Questions that share their beginning, each of a stem of its own: `answer` tokens are generated
 * behind it, or, with 0, a letter is read off the logits there. */
static void questions(struct peer *p, int32_t size, const char *name, int32_t answer) {
    const int32_t together = p->together < size ? p->together : size;
    make_context(p, PREFIX + together * (STEM_TOKENS + answer) + START_TOKENS, together + 1);
    warm(p);
    fill_prefix(p);
    begin(p);
    const double from = seconds();
    for (int32_t done = 0; done < size; done += together) {
        const int32_t n = size - done < together ? size - done : together;
        ask(p, n);
        for (int32_t i = 1; i < answer; i++)
            step_together(p, n, PREFIX + STEM_TOKENS + i - 1);
        for (int32_t s = 0; s < n; s++)
            forget(p, s + 1);
    }
    const double took = seconds() - from;
    tell(p, name, size, "questions/s", size / took, took);
    end_context(p);
}

static void evaluation(struct peer *p, int32_t size) {
    questions(p, size, "evaluation", ANSWER_TOKENS);
}

static void letters(struct peer *p, int32_t size) {
    questions(p, size, "letters", 0);
}

/* Questions whose options are scored token by token: the logits of every token of an option. */
static void options(struct peer *p, int32_t size) {
    const int32_t most = MAX_TOGETHER / OPTIONS;
    int32_t together = p->together < size ? p->together : size;
    if (together > most) together = most;
    make_context(p, PREFIX + together * (STEM_TOKENS + OPTIONS * OPTION_TOKENS) + START_TOKENS,
                 together * (OPTIONS + 1) + 1);
    warm(p);
    fill_prefix(p);
    begin(p);
    const double from = seconds();
    for (int32_t done = 0; done < size; done += together) {
        const int32_t n = size - done < together ? size - done : together;
        ask(p, n);
        for (int32_t i = 0; i < n * OPTIONS; i++) {
            branch(p, i / OPTIONS + 1, n + 1 + i);
            for (int32_t k = 0; k < OPTION_TOKENS; k++)
                add(p, random_id(p), PREFIX + STEM_TOKENS + k, n + 1 + i, true);
        }
        const int32_t rows = p->batch.n_tokens;
        run(p);
        for (int32_t i = 0; i < rows; i++)
            p->sum += llama_get_logits_ith(p->context, i)[p->batch.token[i]];
        for (int32_t s = 1; s <= n * (OPTIONS + 1); s++)
            forget(p, s);
    }
    const double took = seconds() - from;
    tell(p, "options", size, "questions/s", size / took, took);
    end_context(p);
}

static const struct {
    const char *name;
    int32_t size;
    void (*measure)(struct peer *p, int32_t size);
} figures[] = {
    {"start", START_TOKENS, start}, {"prefill", 512, prefill},      {"decode", 512, decode},
    {"batch", 16, batch},           {"evaluation", 16, evaluation}, {"letters", 16, letters},
    {"options", 16, options},
};

static void quiet(enum ggml_log_level level, const char *text, void *user) {
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}

/* name=number; false: another name. */
static bool takes(const char *argument, const char *name, int32_t *value) {
    const size_t n = strcspn(argument, "=");
    if (n != strlen(name) || strncmp(argument, name, n) != 0) return false;
    if (argument[n]) *value = atoi(argument + n + 1);
    return true;
}

int main(int argc, char **argv) {
    struct peer p = {.threads = 2, .flash = 1, .ubatch = 512, .unified = 1, .together = 16};
    const struct {
        const char *name;
        int32_t *value;
    } settings[] = {{"threads", &p.threads}, {"flash", &p.flash},     {"ubatch", &p.ubatch},
                    {"repack", &p.repack},   {"unified", &p.unified}, {"together", &p.together}};
    const size_t n_settings = sizeof(settings) / sizeof(settings[0]);
    if (argc < 3) fail("usage: MODEL.gguf [option=N]... FIGURE[=N]...", "wrong use");
#ifndef PEER_IK
    p.repack = 1; /* its default: what it interleaves, it maps no more */
#endif
    p.path = argv[1];
    p.best = calloc(MAX_TOGETHER, sizeof(*p.best));
    p.random = 7;
    llama_log_set(quiet, NULL);
    llama_backend_init();
    for (int i = 2; i < argc; i++) {
        bool known = false;
        for (size_t k = 0; k < n_settings; k++)
            known |= takes(argv[i], settings[k].name, settings[k].value);
        if (known) continue;
        if (p.together < 1 || p.together > MAX_TOGETHER) fail("together: 1 to 64", "wrong use");
        if (!p.model) load(&p);
        for (size_t k = 0; k < sizeof(figures) / sizeof(figures[0]); k++) {
            int32_t size = figures[k].size;
            if (!takes(argv[i], figures[k].name, &size)) continue;
            if (size < 1) fail("a size from 1", argv[i]);
            figures[k].measure(&p, size);
            known = true;
        }
        if (!known) fail("neither an option nor a figure", argv[i]);
    }
    unload(&p);
    free(p.best);
    return p.sum != p.sum;
}
