/* test_mel.c - log-mel features against figures computed elsewhere in double (PyTorch and
 * torchaudio agree with them within 6.5e-5). */
#include "media/mel.h"

#include <math.h>

#include "tests/support/test.h"

static const double pi = 3.14159265358979323846;

/* The generator of the golden tests: FNV-1a of a name seeds a linear congruential generator. */
static uint32_t seed_of(const char *name) {
    uint32_t s = 2166136261u;
    for (; *name; name++)
        s = (s ^ (unsigned char)*name) * 16777619u;
    return s;
}

static double next_u(uint32_t *s) {
    *s = *s * 1664525u + 1013904223u;
    return (double)(*s >> 8) / 0x1p24 - 0.5;
}

static float *tones(size_t n) {
    float *x = malloc(n * sizeof(*x));
    uint32_t s = seed_of("noise");
    for (size_t i = 0; i < n; i++) {
        const double t = (double)i / 16000;
        x[i] = (float)(0.5 * sin(2 * pi * 440 * t) + 0.25 * sin(2 * pi * 1234.5 * t) +
                       0.1 * next_u(&s));
    }
    return x;
}

struct frames {
    float *values;
    int64_t count, cap;
    int32_t n_mels;
};

static karma_status keep(void *user, const float *frame) {
    struct frames *f = user;
    if (f->count == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->values = realloc(f->values, (size_t)(f->cap * f->n_mels) * sizeof(float));
    }
    memcpy(f->values + f->count++ * f->n_mels, frame, (size_t)f->n_mels * sizeof(float));
    return KARMA_OK;
}

/* Frames of x taken in pieces of `piece` samples. */
static struct frames frames_of(const struct mel *m, const float *x, size_t n, size_t piece) {
    struct frames f = {.n_mels = mel_get_config(m)->n_mels};
    struct mel_stream *s;
    assert_ok(mel_stream_begin(m, keep, &f, &s));
    for (size_t i = 0; i < n; i += piece)
        assert_ok(mel_stream_push(s, x + i, n - i < piece ? n - i : piece));
    assert_ok(mel_stream_end(s));
    mel_stream_destroy(s);
    return f;
}

static struct mel *speech(void) {
    struct mel_config c = mel_speech_config();
    struct mel *m;
    assert_ok(mel_create(&c, &m));
    return m;
}

static void has_the_reference_s_bands(void **state) {
    (void)state;
    struct mel *m = speech();
    int32_t first, count, n = 0;
    double largest = 0;
    for (int32_t b = 0; b < 80; b++) {
        const double *w = mel_band(m, b, &first, &count);
        int32_t here = 0;
        for (int32_t i = 0; i < count; i++) {
            here += w[i] > 0;
            if (w[i] > largest) largest = w[i];
        }
        assert_true(here > 0);
        n += here;
    }
    assert_int_equal(n, 500);
    assert_true(fabs(largest - 0.02640659) < 1e-7);
    const double *w = mel_band(m, 40, &first, &count);
    static const double row40[] = {0.00715944, 0.01444418, 0.00876148, 0.0017512};
    for (int i = 0; i < 4; i++)
        assert_true(fabs(w[54 - first + i] - row40[i]) < 1e-7);
    double sum = 0;
    w = mel_band(m, 79, &first, &count);
    for (int32_t i = 0; i < count; i++)
        sum += w[i];
    assert_true(fabs(sum - 0.03193053) < 1e-6);
    mel_destroy(m);
}

static void equals_the_reference_on_tones_and_noise(void **state) {
    (void)state;
    static const int frame[] = {0, 1, 50, 99, 100}, band[] = {0, 10, 40, 79};
    static const double log_mel[5][4] = {{-7.13455, 0.42840, -5.03018, -4.68464},
                                         {-11.54582, 0.18699, -6.43021, -4.77957},
                                         {-12.29117, 0.15590, -6.01412, -4.45542},
                                         {-11.54920, 0.17116, -6.88930, -4.06037},
                                         {-8.16138, -0.44058, -4.71598, -6.27306}};
    static const double normal[5][4] = {{5.35963, 3.77754, 2.14658, -0.90979},
                                        {0.99419, 0.20958, 0.43870, -1.12559},
                                        {0.25658, -0.24993, 0.94629, -0.38871},
                                        {0.99084, -0.02447, -0.12133, 0.50936},
                                        {4.34347, -9.06595, 2.52988, -4.52074}};
    struct mel *m = speech();
    float *x = tones(16000);
    struct frames f = frames_of(m, x, 16000, 16000);
    assert_int_equal(f.count, 101);
    assert_int_equal(f.count, mel_frame_count(m, 16000));
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 4; j++)
            assert_true(fabs((double)f.values[frame[i] * 80 + band[j]] - log_mel[i][j]) < 1e-4);
    mel_normalize(m, f.values, f.count);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 4; j++)
            assert_true(fabs((double)f.values[frame[i] * 80 + band[j]] - normal[i][j]) < 1e-4);
    free(f.values);
    free(x);
    mel_destroy(m);
}

static void has_the_same_bits_in_blocks(void **state) {
    (void)state;
    static const size_t lengths[] = {257, 258, 400, 511, 512, 1601, 16000};
    static const size_t pieces[] = {1, 7, 160, 511, 4096, 5000};
    struct mel *m = speech();
    float *x = tones(16000);
    for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
        struct frames whole = frames_of(m, x, lengths[l], lengths[l]);
        assert_int_equal(whole.count, mel_frame_count(m, (int64_t)lengths[l]));
        for (size_t p = 0; p < sizeof(pieces) / sizeof(pieces[0]); p++) {
            struct frames part = frames_of(m, x, lengths[l], pieces[p]);
            assert_int_equal(part.count, whole.count);
            assert_memory_equal(part.values, whole.values,
                                (size_t)whole.count * 80 * sizeof(float));
            free(part.values);
        }
        free(whole.values);
    }
    free(x);
    mel_destroy(m);
}

static void lengthens_what_is_too_short_to_mirror(void **state) {
    (void)state;
    struct mel *m = speech();
    float *x = tones(257);
    memset(x + 100, 0, 157 * sizeof(*x));
    struct frames brief = frames_of(m, x, 100, 100), padded = frames_of(m, x, 257, 257);
    assert_int_equal(brief.count, padded.count);
    assert_memory_equal(brief.values, padded.values, (size_t)padded.count * 80 * sizeof(float));
    free(brief.values);
    free(padded.values);
    free(x);
    mel_destroy(m);
}

static void silence_stays_finite(void **state) {
    (void)state;
    struct mel *m = speech();
    float *x = calloc(3200, sizeof(*x));
    struct frames f = frames_of(m, x, 3200, 3200);
    mel_normalize(m, f.values, f.count);
    for (int64_t i = 0; i < f.count * 80; i++)
        assert_true(f.values[i] == 0.0f);
    free(f.values);
    free(x);
    mel_destroy(m);
}

static void rejects_configurations_that_cannot_be(void **state) {
    (void)state;
    struct mel *m;
    struct mel_config c = mel_speech_config();
    c.n_fft = 500;
    assert_status(mel_create(&c, &m), KARMA_E_RANGE);
    assert_message_contains("n_fft");
    c = mel_speech_config();
    c.hop_length = 256;
    assert_status(mel_create(&c, &m), KARMA_E_RANGE);
    assert_message_contains("hop_length");
    c = mel_speech_config();
    c.fmax = 9000;
    assert_status(mel_create(&c, &m), KARMA_E_RANGE);
    c = mel_speech_config();
    c.win_length = 513;
    assert_status(mel_create(&c, &m), KARMA_E_RANGE);
}

static karma_status attempt(void *ctx) {
    (void)ctx;
    struct mel_config c = mel_speech_config();
    struct mel *m;
    karma_status st = mel_create(&c, &m);
    if (st < 0) return st;
    struct frames f = {.n_mels = 80};
    struct mel_stream *s = NULL;
    st = mel_stream_begin(m, keep, &f, &s);
    if (st == KARMA_OK) st = mel_stream_end(s);
    mel_stream_destroy(s);
    free(f.values);
    mel_destroy(m);
    return st;
}

static void survives_any_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(attempt, NULL) > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(has_the_reference_s_bands),
        test_case(equals_the_reference_on_tones_and_noise),
        test_case(has_the_same_bits_in_blocks),
        test_case(lengthens_what_is_too_short_to_mirror),
        test_case(silence_stays_finite),
        test_case(rejects_configurations_that_cannot_be),
        test_case(survives_any_failing_allocation),
    };
    return run_group("media/mel", tests);
}
