/*
 * bench_encoder.c - texts through an encoder: tokens a second of a checkpoint over the ids in a
 * file, one text a line, or over texts of random ids and the lengths of sentences, none longer than
 * the model has positions. The median and the best of rounds.
 *
 *     bench_encoder MODEL [threads] [rounds] [rows of a step, 0: chosen] [file of ids]
 */
#include "base/buf.h"
#include "base/random.h"
#include "bench/roof.h"
#include "engine/encoder.h"
#include "formats/checkpoint.h"

enum { MAX_ROUNDS = 99, N_TEXTS = 512, SHORTEST = 6, LONGEST = 48 };

static void need(karma_status st) {
    if (st >= 0) return;
    fprintf(stderr, "bench_encoder: %s\n", karma_error_message());
    exit(1);
}

static void *must(void *p) {
    if (p) return p;
    fprintf(stderr, "bench_encoder: no memory\n");
    exit(1);
}

struct texts {
    struct encoder_text *list;
    int32_t *ids;
    size_t n, n_ids, cap;
    int32_t longest;
};

static void add_id(struct texts *t, int32_t id) {
    if (t->n_ids == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 1 << 16;
        t->ids = must(mem_realloc(t->ids, t->cap * sizeof(*t->ids)));
    }
    t->ids[t->n_ids++] = id;
}

static void end_text(struct texts *t, size_t first) {
    const int32_t count = (int32_t)(t->n_ids - first);
    if (count == 0) return;
    t->list = must(mem_realloc(t->list, (t->n + 1) * sizeof(*t->list)));
    t->list[t->n++] = (struct encoder_text){.count = count};
    if (count > t->longest) t->longest = count;
}

static void read_texts(struct texts *t, const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) need(status_errno(path));
    size_t first = 0;
    int c = 0;
    for (int32_t id = -1; c != EOF;) {
        c = getc(f);
        if (c >= '0' && c <= '9') {
            id = (id < 0 ? 0 : id) * 10 + (c - '0');
            continue;
        }
        if (id >= 0) add_id(t, id);
        id = -1;
        if (c == '\n' || c == EOF) {
            end_text(t, first);
            first = t->n_ids;
        }
    }
    fclose(f);
}

static void make_texts(struct texts *t, int64_t vocab, int32_t positions) {
    const int longest = positions < LONGEST ? positions : LONGEST;
    const int shortest = longest < SHORTEST ? longest : SHORTEST;
    struct rng r;
    rng_init(&r, 1, "texts", 5);
    for (int i = 0; i < N_TEXTS; i++) {
        const size_t first = t->n_ids;
        const int n = shortest + (int)(rng_uniform(&r) * (longest - shortest + 1));
        for (int k = 0; k < n; k++)
            add_id(t, (int32_t)(rng_uniform(&r) * (double)vocab));
        end_text(t, first);
    }
}

static karma_status take(void *user, size_t i, const float *hidden) {
    (void)i;
    *(float *)user += hidden[0];
    return KARMA_OK;
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "tests/fixtures/encoders/bert";
    const int threads = argc > 2 ? atoi(argv[2]) : 2, rounds = argc > 3 ? atoi(argv[3]) : 5;
    const int rows = argc > 4 ? atoi(argv[4]) : 0;
    if (threads < 1 || rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: bench_encoder MODEL [threads] [rounds] [rows] [file of ids]\n");
        return 2;
    }
    struct checkpoint *ck;
    struct backend *be;
    struct model *model;
    struct encoder *e;
    need(checkpoint_open(path, &ck));
    need(backend_create("cpu", threads, &be));
    need(model_load(ck, be, &model));
    struct texts t = {0};
    if (argc > 5)
        read_texts(&t, argv[5]);
    else
        make_texts(&t, model->info.vocab_size, model->info.max_position_embeddings);
    size_t at = 0;
    for (size_t i = 0; i < t.n; i++) {
        t.list[i].ids = t.ids + at;
        at += (size_t)t.list[i].count;
    }
    int32_t room = t.longest;
    if (room > model->info.max_position_embeddings) room = model->info.max_position_embeddings;
    const struct encoder_options options = {.max_length = room, .max_rows = rows};
    need(encoder_create(model, &options, &e));
    double rate[MAX_ROUNDS];
    float sum = 0;
    need(encoder_run(e, t.list, t.n < 64 ? t.n : 64, NULL, take, &sum)); /* pages and threads */
    for (int r = 0; r < rounds; r++) {
        const uint64_t start = clock_monotonic_ns();
        need(encoder_run(e, t.list, t.n, NULL, take, &sum));
        rate[r] = (double)t.n_ids / seconds_since(start);
    }
    const double middle = median(rate, rounds);
    printf("%s, %s, %zu texts, %zu tokens, median of %d rounds\n", path, be->ops->describe(be), t.n,
           t.n_ids, rounds);
    printf("  encode           %8.0f tokens/s (best %.0f), %zu MiB\n", middle, rate[rounds - 1],
           encoder_bytes(e) >> 20);
    encoder_destroy(e);
    mem_free(t.ids);
    mem_free(t.list);
    model_unload(model);
    backend_destroy(be);
    checkpoint_close(ck);
    return sum == 0;
}
