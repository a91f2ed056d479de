/*
 * test_speech.c - speech recognition through the public calls: languages by all their names, files
 * and bytes and samples, bad recordings beside good ones, hot words, times; texts that do not
 * depend on batches; what fails says so.
 */
#include <math.h>

#include "api/speech.h"
#include "base/file.h"
#include "karma/karma.h"
#include "tests/support/test.h"
#include "tests/support/tiny_recogniser.h"

static const char *folder(void) {
    const char *path = test_path("recogniser");
    static bool written;
    if (!written) assert_ok(tiny_recogniser_write(path));
    written = true;
    return path;
}

static const char *wav(const char *name, int32_t rate, double seconds, uint32_t seed) {
    const char *path = test_path(name);
    folder();
    assert_ok(tiny_recording_write(path, rate, (int64_t)(seconds * rate), seed, seconds * 0.4,
                                   seconds * 0.5));
    return path;
}

/* ---- a run ---- */

enum { MOST = 16 };
struct result {
    karma_status status;
    char text[2000], error[1100], segments[20000];
    bool has_segments, done;
};
struct job {
    karma_sample samples[MOST];
    struct result results[MOST];
    size_t n, next;
    int calls_until_cancel; /* 0: never */
};

static karma_status job_next(void *user, const karma_sample **sample) {
    struct job *j = user;
    static char keys[MOST][8];
    if (j->next == j->n) return KARMA_DONE;
    snprintf(keys[j->next], sizeof(keys[0]), "k%zu", j->next);
    j->samples[j->next].key = keys[j->next];
    *sample = &j->samples[j->next++];
    return KARMA_OK;
}

static karma_status job_put(void *user, const karma_output *o) {
    struct job *j = user;
    struct result *r = &j->results[atoi(o->key + 1)];
    assert_false(r->done);
    r->done = true;
    r->status = o->status;
    snprintf(r->text, sizeof(r->text), "%s", o->text ? o->text : "");
    snprintf(r->error, sizeof(r->error), "%s", o->error ? o->error : "");
    r->has_segments = o->segments_json != NULL;
    snprintf(r->segments, sizeof(r->segments), "%s", o->segments_json ? o->segments_json : "");
    return KARMA_OK;
}

static bool job_cancelled(void *user) {
    struct job *j = user;
    return j->calls_until_cancel > 0 && --j->calls_until_cancel == 0;
}

static void add_file(struct job *j, const char *path, const char *other_args) {
    static karma_audio audio[MOST];
    audio[j->n] = (karma_audio){.path = path};
    j->samples[j->n] = (karma_sample){
        .struct_size = sizeof(karma_sample), .audio = &audio[j->n], .other_args_json = other_args};
    j->n++;
}

static karma_status run_job(karma_model *m, struct job *j) {
    const karma_run_io io = {
        .next = job_next, .put = job_put, .cancelled = job_cancelled, .user = j};
    j->next = 0;
    memset(j->results, 0, sizeof(j->results));
    return karma_model_run(m, &io);
}

static karma_model *model(const char *args) {
    karma_model *m;
    assert_ok(karma_get_model(folder(), args, &m));
    return m;
}

/* ---- tests ---- */

static void languages_go_by_all_their_names(void **state) {
    (void)state;
    static const char *const codes[] = {"as", "bn", "brx", "hi", "sa", "sat", "mni"};
    struct speech_language list[7] = {0};
    for (int i = 0; i < 7; i++)
        list[i].code = codes[i];
    const struct speech_info info = {.n_languages = 7, .languages = list};
    static const struct {
        const char *name;
        int32_t index;
    } cases[] = {{"hi", 3},       {"HI", 3},       {"hi-IN", 3},    {"hi_IN", 3},
                 {"hin", 3},      {"hin-Deva", 3}, {"Hindi", 3},    {"HINDI", 3},
                 {"bengali", 1},  {"Bangla", 1},   {"ben", 1},      {"asm", 0},
                 {"Assamese", 0}, {"brx", 2},      {"brx-Deva", 2}, {"Bodo", 2},
                 {"san", 4},      {"Sanskrit", 4}, {"sat", 5},      {"sat-Olck", 5},
                 {"Santali", 5},  {"Manipuri", 6}, {"mni-Beng", 6}, {"auto", SPEECH_AUTO}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int32_t found;
        assert_ok(speech_find_language(&info, cases[i].name, &found));
        if (found != cases[i].index) print_error("%s\n", cases[i].name);
        assert_int_equal(found, cases[i].index);
    }
    int32_t found;
    static const char *const unknown[] = {"", "xx", "English", "tamil", "hindustani", "h", "-"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_status(speech_find_language(&info, unknown[i], &found), KARMA_E_RANGE);
    assert_status(speech_find_language(&info, "Sentali", &found), KARMA_E_RANGE);
    assert_message_contains("did you mean 'sat'");
    assert_message_contains("as, bn, brx, hi");
}

static void a_sample_may_name_its_language(void **state) {
    (void)state;
    struct job j = {0};
    karma_model *m = model("{\"language\": \"bn\"}");
    const char *a = wav("a.wav", 16000, 2, 1);
    add_file(&j, a, NULL);
    add_file(&j, a, "{\"language\": \"Hindi\"}");
    add_file(&j, a, "{\"language\": \"xx\"}");
    add_file(&j, a, "{\"language\": null, \"speaker\": 3}");
    add_file(&j, a, "{\"language\": 3}");
    add_file(&j, a, "[]");
    add_file(&j, a, "{\"language\": \"hi-IN\"}");
    assert_ok(run_job(m, &j));
    assert_int_equal(j.results[0].status, KARMA_OK);
    assert_string_equal(j.results[3].text, j.results[0].text);
    assert_string_equal(j.results[6].text, j.results[1].text);
    assert_string_not_equal(j.results[1].text, j.results[0].text);
    assert_int_equal(j.results[2].status, KARMA_E_RANGE);
    assert_non_null(strstr(j.results[2].error, "it has as, bn, hi"));
    assert_int_equal(j.results[4].status, KARMA_E_TYPE);
    assert_int_equal(j.results[5].status, KARMA_E_TYPE);
    karma_model_destroy(m);
    /* As upstream: two letters, whatever follows. */
    m = model("{\"language\": \"bn\", \"compat_language\": true}");
    j.n = 0;
    add_file(&j, a, "{\"language\": \"Hindi\"}");
    add_file(&j, a, "{\"language\": \"Bengali\"}");
    assert_ok(run_job(m, &j));
    assert_int_equal(j.results[0].status, KARMA_OK);
    assert_int_equal(j.results[1].status, KARMA_E_RANGE);
    karma_model_destroy(m);
}

static void unknown_languages_are_refused_at_load(void **state) {
    (void)state;
    karma_model *m;
    assert_status(karma_get_model(folder(), "{\"language\": \"Hindee\"}", &m), KARMA_E_USAGE);
    assert_message_contains("did you mean 'hi'");
    assert_null(m);
}

static void a_file_its_bytes_and_its_samples_say_the_same(void **state) {
    (void)state;
    const char *path = wav("a.wav", 16000, 2, 1);
    struct buf bytes = {0};
    assert_ok(file_read(path, 1 << 20, &bytes));
    const size_t n = (bytes.len - 44) / 2;
    float *samples = malloc(n * sizeof(*samples));
    for (size_t i = 0; i < n; i++) {
        int16_t v;
        memcpy(&v, bytes.data + 44 + 2 * i, 2);
        samples[i] = (float)v / 32768;
    }
    const karma_audio in_memory = {.bytes = bytes.data, .n_bytes = bytes.len, .name = "a"},
                      heard = {.samples = samples, .n_samples = n, .sample_rate = 16000};
    struct job j = {.n = 4};
    j.samples[0] = (karma_sample){.struct_size = sizeof(karma_sample), .input = path};
    j.samples[1] = (karma_sample){.struct_size = sizeof(karma_sample), .audio = &in_memory};
    j.samples[2] = (karma_sample){.struct_size = sizeof(karma_sample), .audio = &heard};
    j.samples[3] = (karma_sample){.struct_size = sizeof(karma_sample)};
    karma_model *m = model(NULL);
    assert_ok(run_job(m, &j));
    assert_int_equal(j.results[0].status, KARMA_OK);
    assert_true(strlen(j.results[0].text) > 4);
    assert_string_equal(j.results[1].text, j.results[0].text);
    assert_string_equal(j.results[2].text, j.results[0].text);
    assert_int_equal(j.results[3].status, KARMA_E_MISSING);
    char *text;
    assert_ok(karma_model_run_text(m, path, &text));
    assert_string_equal(text, j.results[0].text);
    karma_free(text);
    karma_model_destroy(m);
    free(samples);
    buf_release(&bytes);
}

static void a_bad_recording_stops_no_other(void **state) {
    (void)state;
    struct job j = {0};
    struct buf bytes = {0};
    const char *good = wav("good.wav", 48000, 2, 1);
    assert_ok(file_read(good, 1 << 20, &bytes));
    add_file(&j, good, NULL);
    add_file(&j, test_path("absent.wav"), NULL);
    add_file(&j, write_text("text.wav", "This is no sound."), NULL);
    add_file(&j, write_file("empty.wav", "", 0), NULL);
    add_file(&j, write_file("none.wav", bytes.data, 44), NULL); /* a header that promises more */
    add_file(&j, wav("one.wav", 16000, 1.0 / 16000, 1), NULL);  /* a single sample */
    add_file(&j, wav("longer.wav", 8000, 40, 3), NULL);
    add_file(&j, good, NULL);
    for (int batch = 1; batch <= 9; batch += 8) {
        char args[64];
        snprintf(args, sizeof(args), "{\"max_sequences\": %d}", batch);
        karma_model *m = model(args);
        assert_ok(run_job(m, &j));
        static const bool is_good[] = {true, false, false, false, false, true, true, true};
        for (size_t i = 0; i < j.n; i++) {
            assert_true(j.results[i].done);
            assert_int_equal(j.results[i].status == KARMA_OK, is_good[i]);
            if (!is_good[i]) assert_true(strlen(j.results[i].error) > 10);
        }
        assert_string_equal(j.results[7].text, j.results[0].text);
        karma_model_destroy(m);
    }
    buf_release(&bytes);
}

static void batches_and_threads_leave_no_trace(void **state) {
    (void)state;
    static const char *const ways[] = {"", ", \"decoding_method\": \"rnnt\"",
                                       ", \"beam\": 6, \"timestamps\": \"token\"",
                                       ", \"language\": \"auto\", \"timestamps\": \"word\""};
    static const double seconds[] = {1, 3, 0.3, 31, 2, 0.9};
    struct job alone = {0}, all = {0};
    for (int i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof(name), "s%d.wav", i);
        add_file(&all, strdup(wav(name, i % 2 ? 16000 : 22050, seconds[i], (uint32_t)i + 1)), NULL);
    }
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
        struct result want[6];
        char args[200];
        snprintf(args, sizeof(args), "{\"threads\": 1, \"max_sequences\": 1%s}", ways[w]);
        for (int i = 0; i < 6; i++) {
            karma_model *m = model(args);
            alone = (struct job){.n = 1};
            alone.samples[0] = all.samples[i];
            assert_ok(run_job(m, &alone));
            assert_int_equal(alone.results[0].status, KARMA_OK);
            want[i] = alone.results[0];
            karma_model_destroy(m);
        }
        snprintf(args, sizeof(args), "{\"threads\": 3, \"max_sequences\": 32%s}", ways[w]);
        karma_model *m = model(args);
        for (int again = 0; again < 2; again++) {
            assert_ok(run_job(m, &all));
            for (int i = 0; i < 6; i++) {
                assert_string_equal(all.results[i].text, want[i].text);
                assert_string_equal(all.results[i].segments, want[i].segments);
            }
        }
        karma_model_destroy(m);
    }
    for (int i = 0; i < 6; i++)
        free((char *)(uintptr_t)all.samples[i].audio->path);
}

static void times_are_those_of_the_recording(void **state) {
    (void)state;
    static const char *const ways[] = {"ctc", "rnnt"};
    const char *path = wav("hour.wav", 16000, 65, 5);
    for (int w = 0; w < 2; w++) {
        struct job j = {0};
        struct arena a = {0};
        const struct json *o;
        char args[100];
        snprintf(args, sizeof(args), "{\"decoding_method\": \"%s\", \"timestamps\": \"word\"}",
                 ways[w]);
        karma_model *m = model(args);
        add_file(&j, path, NULL);
        assert_ok(run_job(m, &j));
        assert_ok(json_parse(&a, j.results[0].segments, strlen(j.results[0].segments), 0, &o));
        assert_string_equal(json_str(json_get(o, "language"), ""), "hi");
        double duration, last = 0;
        assert_ok(json_field_real(o, "duration", 0, &duration));
        assert_true(fabs(duration - 65) < 1e-9);
        const struct json *words = json_get(o, "segments");
        assert_true(json_count(words) > 1);
        struct buf joined = {0};
        for (size_t i = 0; i < json_count(words); i++) {
            double begin, end, confidence;
            const struct json *word = json_at(words, i);
            assert_ok(json_field_real(word, "begin", -1, &begin));
            assert_ok(json_field_real(word, "end", -1, &end));
            assert_ok(json_field_real(word, "confidence", -1, &confidence));
            assert_true(begin >= last - 0.08 && end >= begin && end <= 65);
            assert_true(confidence >= 0 && confidence <= 1);
            last = begin;
            buf_printf(&joined, "%s%s", i ? " " : "", json_str(json_get(word, "text"), ""));
        }
        assert_true(last > 40);
        assert_string_equal(buf_str(&joined), j.results[0].text);
        buf_release(&joined);
        arena_release(&a);
        karma_model_destroy(m);
    }
}

static void no_times_are_given_unless_asked_for(void **state) {
    (void)state;
    struct job j = {0};
    karma_model *m = model(NULL);
    add_file(&j, wav("a.wav", 16000, 2, 1), NULL);
    assert_ok(run_job(m, &j));
    assert_false(j.results[0].has_segments);
    karma_model_destroy(m);
}

static void one_pass_hears_all_at_once(void **state) {
    (void)state;
    struct job j = {0};
    char *cut;
    const char *path = wav("long.wav", 16000, 45, 5);
    karma_model *m = model(NULL);
    assert_ok(karma_model_run_text(m, path, &cut));
    karma_model_destroy(m);
    m = model("{\"chunk\": \"off\"}");
    add_file(&j, path, NULL);
    add_file(&j, wav("a.wav", 16000, 2, 1), NULL);
    assert_ok(run_job(m, &j));
    assert_int_equal(j.results[0].status, KARMA_OK);
    assert_string_not_equal(j.results[0].text, cut);
    karma_free(cut);
    karma_model_destroy(m);
    /* Too long for the memory: told before it is read, and no harm to the others. */
    m = model("{\"chunk\": \"off\", \"max_memory_mb\": 12}");
    assert_ok(run_job(m, &j));
    assert_int_equal(j.results[0].status, KARMA_E_LIMIT);
    assert_int_equal(j.results[1].status, KARMA_OK);
    karma_model_destroy(m);
}

static void hot_words_are_preferred(void **state) {
    (void)state;
    const char *path = wav("a.wav", 16000, 4, 1);
    char *without, *with;
    karma_model *m = model("{\"beam\": 20}");
    assert_ok(karma_model_run_text(m, path, &without));
    karma_model_destroy(m);
    assert_null(strstr(without, "kamo"));
    m = model("{\"hotwords\": [\"kamo\"], \"hotword_weight\": 12}");
    assert_ok(karma_model_run_text(m, path, &with));
    assert_non_null(strstr(with, "kamo"));
    karma_free(with);
    karma_model_destroy(m);
    m = model("{\"hotwords\": [\"kamo\"], \"hotword_weight\": 0}");
    assert_ok(karma_model_run_text(m, path, &with));
    assert_string_equal(with, without);
    karma_free(with);
    karma_free(without);
    karma_model_destroy(m);
}

static void arguments_are_checked(void **state) {
    (void)state;
    static const char *const bad[] = {
        "{\"hotwords\": \"ka\"}",
        "{\"hotwords\": [\"\"]}",
        "{\"hotwords\": [3]}",
        "{\"hotwords\": [\"ka\"], \"beam\": 1}",
        "{\"target_sample_rate\": 8000}",
        "{\"decoding_method\": \"greedy\"}",
        "{\"beam\": 0}",
        "{\"timestamps\": \"phone\"}",
        "{\"chunk\": \"on\"}",
        "{\"chunk_s\": 2}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        karma_model *m;
        const karma_status st = karma_model_create(folder(), bad[i], &m);
        if (st != KARMA_E_RANGE) assert_status(st, KARMA_E_USAGE); /* of option tables: E_RANGE */
    }
}

static void a_run_can_be_cancelled(void **state) {
    (void)state;
    const char *path = wav("long.wav", 16000, 45, 5);
    karma_model *m = model(NULL);
    for (int calls = 1; calls < 8; calls += 2) {
        struct job j = {.calls_until_cancel = calls};
        add_file(&j, path, NULL);
        assert_status(run_job(m, &j), KARMA_E_CANCELLED);
    }
    karma_model_destroy(m);
}

static void what_it_takes_is_told(void **state) {
    (void)state;
    karma_memory before = {.struct_size = sizeof(before)}, after = before;
    karma_model *m;
    char *text, *identity, *other;
    assert_ok(karma_model_create(folder(), NULL, &m));
    assert_int_equal(karma_model_get_type(m), KARMA_AUDIO_RECOGNITION);
    assert_ok(karma_model_memory(m, &before));
    assert_ok(karma_model_run_text(m, wav("long.wav", 16000, 45, 5), &text));
    karma_free(text);
    assert_ok(karma_model_memory(m, &after));
    assert_true(after.current > 0 && after.peak <= before.estimate);
    assert_ok(karma_model_identity(m, &identity));
    karma_model_unload(m);
    assert_ok(karma_model_identity(m, &other));
    assert_string_equal(identity, other);
    assert_non_null(strstr(identity, "speech_files"));
    assert_non_null(strstr(identity, "language"));
    karma_free(identity);
    karma_free(other);
    karma_model_destroy(m);
}

static void a_text_model_is_no_recogniser(void **state) {
    (void)state;
    const karma_model_class *cls;
    karma_model *m;
    assert_ok(karma_find_model_class("IndicConformerASR", &cls));
    assert_ok(karma_model_create_as(cls, "tests/fixtures/models/qwen3_tied", NULL, &m));
    assert_status(karma_model_load(m), KARMA_E_UNSUPPORTED);
    assert_message_contains("hears nothing");
    karma_model_destroy(m);
}

static karma_status attempt(void *ctx) {
    struct job j = {0};
    karma_model *m;
    karma_status st = karma_get_model(
        folder(),
        "{\"threads\": 1, \"hotwords\": [\"kari\"], \"timestamps\": \"word\", \"beam\": 3}", &m);
    if (st < 0) return st;
    add_file(&j, ctx, NULL);
    st = run_job(m, &j);
    if (st == KARMA_OK) st = j.results[0].status;
    karma_model_destroy(m);
    return st;
}

static void every_failing_allocation_is_told(void **state) {
    (void)state;
    const char *path = strdup(wav("a.wav", 16000, 0.3, 1));
    attempt((void *)(uintptr_t)path);
    assert_true(for_each_failing_allocation(attempt, (void *)(uintptr_t)path) >= 50);
    free((char *)(uintptr_t)path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(languages_go_by_all_their_names),
        test_case(a_sample_may_name_its_language),
        test_case(unknown_languages_are_refused_at_load),
        test_case(a_file_its_bytes_and_its_samples_say_the_same),
        test_case(a_bad_recording_stops_no_other),
        test_case(batches_and_threads_leave_no_trace),
        test_case(times_are_those_of_the_recording),
        test_case(no_times_are_given_unless_asked_for),
        test_case(one_pass_hears_all_at_once),
        test_case(hot_words_are_preferred),
        test_case(arguments_are_checked),
        test_case(a_run_can_be_cancelled),
        test_case(what_it_takes_is_told),
        test_case(a_text_model_is_no_recogniser),
        test_case(every_failing_allocation_is_told),
    };
    karma_model_destroy(model(NULL)); /* the registry is filled once */
    return run_group("api/speech", tests);
}
