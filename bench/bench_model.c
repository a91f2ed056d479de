/*
 * bench_model.c - a whole model: warm load, prefill and decode of one sequence, through the public
 * calls alone. The median of rounds, beside the memory stream of each round (decode reads every
 * weight once a token). Weights may be random: ids are drawn from the vocabulary.
 *
 *     bench_model MODEL [threads] [rounds] [prompt tokens] [decoded tokens]
 */
#include "bench/roof.h"
#include "karma/karma.h"

enum { MAX_ROUNDS = 99, MAX_TOKENS = 8192, STREAM_BYTES = 256 << 20 };

static void need(karma_status st) {
    if (st >= 0) return;
    fprintf(stderr, "bench_model: %s\n", karma_error_message());
    exit(1);
}

struct figures {
    double load_s[MAX_ROUNDS], prefill[MAX_ROUNDS], decode[MAX_ROUNDS], stream[MAX_ROUNDS];
};

static void measure(const char *path, const char *args, int n_prompt, int n_decode, int round,
                    struct figures *f) {
    static int32_t ids[MAX_TOKENS];
    karma_model *m;
    karma_session *s;
    const float *logits;
    uint64_t start = clock_monotonic_ns();
    need(karma_get_model(path, args, &m));
    f->load_s[round] = seconds_since(start);
    const int32_t vocab = karma_model_vocab_size(m);
    for (int i = 0; i < n_prompt + n_decode; i++) {
        ids[i] = (int32_t)((uint32_t)i * 2654435761u % (uint32_t)vocab);
    }
    need(karma_session_create(m, n_prompt + n_decode + 1, &s));
    need(karma_session_feed(s, ids, 8, &logits)); /* pages and threads are warm */
    need(karma_session_rewind(s, 0));
    start = clock_monotonic_ns();
    need(karma_session_feed(s, ids, (size_t)n_prompt, &logits));
    f->prefill[round] = (double)n_prompt / seconds_since(start);
    start = clock_monotonic_ns();
    for (int i = 0; i < n_decode; i++)
        need(karma_session_feed(s, ids + n_prompt + i, 1, &logits));
    f->decode[round] = (double)n_decode / seconds_since(start);
    karma_session_destroy(s);
    karma_model_destroy(m);
}

int main(int argc, char **argv) {
    static struct figures f;
    const char *path = argc > 1 ? argv[1] : "demo/model";
    const int threads = argc > 2 ? atoi(argv[2]) : 2, rounds = argc > 3 ? atoi(argv[3]) : 5;
    const int n_prompt = argc > 4 ? atoi(argv[4]) : 512, n_decode = argc > 5 ? atoi(argv[5]) : 32;
    if (threads < 1 || rounds < 1 || rounds > MAX_ROUNDS || n_prompt < 8 || n_decode < 1 ||
        n_prompt + n_decode > MAX_TOKENS) {
        fprintf(stderr, "usage: bench_model MODEL [threads] [rounds] [prompt] [decoded]\n");
        return 2;
    }
    char args[64];
    snprintf(args, sizeof(args), "{\"threads\": %d}", threads);
    struct pool *pool;
    need(pool_create(threads, &pool));
    char *bytes = mem_alloc(STREAM_BYTES);
    if (!bytes) return 1;
    memset(bytes, 1, STREAM_BYTES);
    struct roof_buffer buffer = {.data = bytes, .bytes = STREAM_BYTES};
    for (int r = 0; r < rounds; r++) {
        measure(path, args, n_prompt, n_decode, r, &f);
        f.stream[r] = roof_stream(pool, &buffer);
    }
    mem_free(bytes);
    pool_destroy(pool);
    printf("%s, %d threads, median of %d rounds\n", path, threads, rounds);
    printf("  load             %8.1f ms\n", median(f.load_s, rounds) * 1e3);
    printf("  prefill %5d    %8.1f tokens/s\n", n_prompt, median(f.prefill, rounds));
    printf("  decode  %5d    %8.2f tokens/s\n", n_decode, median(f.decode, rounds));
    printf("  stream           %8.1f GB/s\n", median(f.stream, rounds));
    return 0;
}
