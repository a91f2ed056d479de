/* test_audio.c - sound files of every kind that matters, made here with libsndfile, and wrong ones.
 */
#include "media/audio.h"

#include <math.h>
#include <sndfile.h>

#include "karma/log.h"

#include "tests/support/test.h"

static const double pi = 3.14159265358979323846;

/* A file of `frames` frames: channel c is a tone of (c + 1) * 220 Hz. */
static const char *sound(const char *name, int format, int rate, int channels, int64_t frames) {
    SF_INFO info = {.samplerate = rate, .channels = channels, .format = format};
    const char *path = write_text(name, "");
    float *x = malloc((size_t)(frames * channels) * sizeof(*x));
    for (int64_t i = 0; i < frames; i++)
        for (int c = 0; c < channels; c++)
            x[i * channels + c] =
                (float)(0.25 * sin(2 * pi * 220 * (c + 1) * (double)i / (double)rate));
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    assert_non_null(f);
    assert_int_equal(sf_writef_float(f, x, frames), frames);
    sf_close(f);
    free(x);
    return path;
}

static karma_status load(const char *path, int32_t rate, float **samples, size_t *count) {
    struct audio_reader *r;
    *samples = NULL;
    karma_status st = audio_open_file(path, rate, 0, &r);
    if (st == KARMA_OK) st = audio_read_all(r, samples, count);
    if (st == KARMA_OK)
        audio_close(r);
    else if (r)
        audio_close(r);
    return st;
}

static void reads_every_format_to_within_its_step(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int format;
        double step;
    } kinds[] = {
        {"u8.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 1.0 / 100},
        {"s16.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1.0 / 30000},
        {"s24.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_24, 1e-6},
        {"s32.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 1e-6},
        {"f32.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 0},
        {"f64.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 1e-7},
        {"x.rf64", SF_FORMAT_RF64 | SF_FORMAT_PCM_16, 1.0 / 30000},
        {"x.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 1.0 / 30000},
        {"x.ogg", SF_FORMAT_OGG | SF_FORMAT_VORBIS, 0.05},
    };
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        float *x;
        size_t n;
        assert_ok(load(sound(kinds[k].name, kinds[k].format, 16000, 1, 8000), 16000, &x, &n));
        assert_int_equal(n, 8000);
        for (size_t i = 0; i < n; i++) {
            const float want = (float)(0.25 * sin(2 * pi * 220 * (double)i / 16000));
            assert_true(fabs((double)(x[i] - want)) <= kinds[k].step);
        }
        mem_free(x);
    }
}

static void mixes_channels_to_their_mean(void **state) {
    (void)state;
    float *x;
    size_t n;
    const char *path = sound("c16.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 16000, 16, 500);
    assert_ok(load(path, 16000, &x, &n));
    assert_int_equal(n, 500);
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (int c = 0; c < 16; c++)
            sum += (float)(0.25 * sin(2 * pi * 220 * (c + 1) * (double)i / 16000));
        assert_true(x[i] == sum / 16);
    }
    mem_free(x);
}

static void resamples_to_the_reference_s_length(void **state) {
    (void)state;
    static const int rates[] = {8000, 8009, 11025, 22050, 24000, 32000, 44100, 48000, 192000};
    static const int64_t lengths[] = {1, 2, 3, 1000, 8009, 44101};
    for (size_t r = 0; r < sizeof(rates) / sizeof(rates[0]); r++)
        for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
            float *x;
            size_t n;
            const char *path =
                sound("rate.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, rates[r], 1, lengths[l]);
            assert_ok(load(path, 16000, &x, &n));
            assert_int_equal(n, (lengths[l] * 16000 + rates[r] - 1) / rates[r]);
            mem_free(x);
        }
}

static void keeps_a_tone_through_resampling(void **state) {
    (void)state;
    float *x;
    size_t n;
    const char *path = sound("tone48.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 48000, 1, 48000);
    assert_ok(load(path, 16000, &x, &n));
    double error = 0, power = 0;
    for (size_t i = 500; i < n - 500; i++) {
        const double want = 0.25 * sin(2 * pi * 220 * (double)i / 16000);
        error += ((double)x[i] - want) * ((double)x[i] - want);
        power += want * want;
    }
    assert_true(sqrt(error / power) < 1e-5);
    mem_free(x);
}

static void gives_the_same_samples_in_any_pieces(void **state) {
    (void)state;
    const char *path = sound("pieces.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 44100, 2, 50000);
    float *whole, *parts;
    size_t n, bytes;
    assert_ok(load(path, 16000, &whole, &n));
    parts = calloc(n + 1, sizeof(*parts));
    static const size_t caps[] = {1000, 777, 65536};
    char *file = read_fixture(path, &bytes);
    for (size_t c = 0; c < 3; c++) {
        struct audio_reader *r;
        size_t at = 0, got;
        assert_ok(audio_open_bytes(file, bytes, "bytes", 16000, 10, &r));
        assert_int_equal(audio_get_info(r)->frames, 50000);
        assert_int_equal(audio_get_info(r)->channels, 2);
        do {
            size_t room = n - at < caps[c] ? n - at + 1 : caps[c];
            assert_ok(audio_read(r, parts + at, room, &got));
            at += got;
        } while (got > 0);
        audio_close(r);
        assert_int_equal(at, n);
        assert_memory_equal(parts, whole, n * sizeof(*parts));
    }
    free(parts);
    mem_free(whole);
}

static void takes_samples_from_memory(void **state) {
    (void)state;
    const float x[] = {0.5f, 0.25f, -1, 1};
    struct audio_reader *r;
    float *out;
    size_t n;
    assert_ok(audio_open_samples(x, 2, 2, 16000, "array", 16000, &r));
    assert_ok(audio_read_all(r, &out, &n));
    assert_int_equal(n, 2);
    assert_true(out[0] == 0.375f && out[1] == 0);
    mem_free(out);
    audio_close(r);
}

static void refuses(const char *path, double max_s, karma_status expected, const char *says) {
    struct audio_reader *r;
    karma_status st = audio_open_file(path, 16000, max_s, &r);
    if (st == KARMA_OK) {
        float *x;
        size_t n;
        st = audio_read_all(r, &x, &n);
        if (st == KARMA_OK) mem_free(x);
        audio_close(r);
    } else {
        assert_null(r);
    }
    assert_status(st, expected);
    assert_message_contains(says);
    assert_message_contains(strrchr(path, '/') + 1);
}

static void refuses_what_is_no_sound(void **state) {
    (void)state;
    float bad[100] = {0};
    SF_INFO info = {.samplerate = 16000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_FLOAT};
    refuses(write_text("text.wav", "this is text"), 0, KARMA_E_MAGIC, "not sound");
    refuses(write_text("empty.wav", ""), 0, KARMA_E_RANGE, "empty");
    refuses(sound("zero.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 0), 0, KARMA_E_RANGE,
            "empty");
    refuses(sound("long.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1000, 1, 5000), 4.5, KARMA_E_LIMIT,
            "5.0 s");
    refuses(sound("slow.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 999, 1, 50), 0, KARMA_E_RANGE,
            "sample rate");
    refuses(sound("many.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 65, 50), 0, KARMA_E_RANGE,
            "channels");
    bad[70] = NAN;
    const char *path = write_text("nan.wav", "");
    SNDFILE *f = sf_open(path, SFM_WRITE, &info);
    sf_writef_float(f, bad, 100);
    sf_close(f);
    refuses(path, 0, KARMA_E_NONFINITE, "frame 70");
    struct audio_reader *r;
    assert_status(audio_open_file("/nowhere/x.wav", 16000, 0, &r), KARMA_E_MISSING);
}

static void says_where_a_cut_file_ends(void **state) {
    (void)state;
    size_t n;
    const char *whole = sound("cut.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16000, 1, 40000);
    char *bytes = read_fixture(whole, &n);
    struct audio_reader *r;
    float *x;
    size_t count;
    assert_ok(audio_open_bytes(bytes, n / 2, "half.flac", 16000, 0, &r));
    karma_status st = audio_read_all(r, &x, &count);
    audio_close(r);
    assert_true(st == KARMA_E_TRUNCATED || st == KARMA_E_SYNTAX);
    assert_message_contains("half.flac");
}

static void hear_warning(void *user, karma_log_level level, const char *line) {
    (void)level;
    snprintf(user, 200, "%s", line);
}

/* What is warned of when the first `left` bytes of a WAV file are read whose header says `says` of
 * its sound; "" for nothing. */
static const char *warning_of(size_t left, uint32_t says) {
    static char warning[200];
    size_t n;
    char *bytes =
        read_fixture(sound("said.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16000, 1, 800), &n);
    struct audio_reader *r;
    float *x;
    assert_int_equal(n, 44 + 1600);
    assert_memory_equal(bytes + 36, "data", 4);
    memcpy(bytes + 40, &says, 4); /* of a machine that has its low byte first, as all of ours */
    warning[0] = '\0';
    karma_set_log(hear_warning, warning);
    assert_ok(audio_open_bytes(bytes, left, "said.wav", 16000, 0, &r));
    karma_set_log(NULL, NULL);
    assert_ok(audio_read_all(r, &x, &n));
    assert_int_equal(n, (left - 44) / 2);
    mem_free(x);
    audio_close(r);
    return warning;
}

static void a_cut_wav_file_is_heard_with_a_warning(void **state) {
    (void)state;
    assert_string_equal(warning_of(1644, 1600), "");
    assert_string_equal(warning_of(1644, UINT32_MAX), ""); /* was written to a pipe */
    assert_string_equal(warning_of(1000, 1600),
                        "said.wav: is cut off: it holds 956 of the 1600 bytes "
                        "of sound that it should");
}

static karma_status attempt(void *ctx) {
    float *x;
    size_t n;
    karma_status st = load(ctx, 16000, &x, &n);
    if (st == KARMA_OK) mem_free(x);
    return st;
}

static void survives_any_failing_allocation(void **state) {
    (void)state;
    char *path = (char *)sound("alloc.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 44100, 2, 200000);
    assert_true(for_each_failing_allocation(attempt, path) >= 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(reads_every_format_to_within_its_step),
        test_case(mixes_channels_to_their_mean),
        test_case(resamples_to_the_reference_s_length),
        test_case(keeps_a_tone_through_resampling),
        test_case(gives_the_same_samples_in_any_pieces),
        test_case(takes_samples_from_memory),
        test_case(refuses_what_is_no_sound),
        test_case(says_where_a_cut_file_ends),
        test_case(a_cut_wav_file_is_heard_with_a_warning),
        test_case(survives_any_failing_allocation),
    };
    return run_group("media/audio", tests);
}
