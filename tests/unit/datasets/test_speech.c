/* test_speech.c - recordings: manifests, folders, bytes in the row, what is missing or changes. */
#include "tests/support/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "datasets/dataset.h"

/* A "recording" whose header is that of a WAV file. */
static const char *recording(const char *name, const char *said) {
    char bytes[256] = "RIFF....WAVEfmt .....................data....";
    const size_t n = strlen(said);
    memcpy(bytes + 44, said, n);
    return write_file(name, bytes, 44 + n);
}

static karma_dataset *open_set(const char *name, const char *args) {
    karma_dataset *d;
    assert_ok(karma_dataset_open(name, args, &d));
    return d;
}

static void refuses(const char *name, const char *args, karma_status status, const char *text) {
    karma_dataset *d;
    assert_status(karma_dataset_open(name, args, &d), status);
    assert_message_contains(text);
    assert_null(d);
}

static const karma_sample *sample(karma_dataset *d, size_t i) {
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, i, &s));
    assert_non_null(s->audio);
    assert_null(s->input);
    return s;
}

static void a_manifest_is_known_by_its_columns(void **state) {
    (void)state;
    recording("m/clips/a.wav", "one");
    recording("m/b.wav", "two");
    karma_dataset *d =
        open_set(write_text("m/clips.jsonl",
                            "{\"id\": \"first\", \"audio\": \"clips/a.wav\", \"text\": \"One.\", "
                            "\"language\": \"Hindi\"}\n"
                            "{\"audio\": \"b.wav\", \"text\": \"\", \"language\": \"xx\"}\n"),
                 NULL);
    assert_string_equal(karma_dataset_get_info(d)->task_type, "transcription");
    assert_int_equal(karma_dataset_count(d), 2);
    const karma_sample *s = sample(d, 0);
    assert_string_equal(s->key, "first");
    assert_string_equal(s->expected_output, "One.");
    assert_string_equal(s->other_args_json, "{\"language\": \"hi\"}");
    assert_non_null(strstr(s->audio->path, "/m/clips/a.wav"));
    assert_null(s->audio->bytes);
    assert_int_equal(strlen(s->audio->digest), 64);
    s = sample(d, 1);
    assert_string_equal(s->expected_output, ""); /* silence is data */
    assert_string_equal(s->other_args_json, "{\"language\": \"xx\"}");
    const char *prediction;
    karma_parse how;
    assert_ok(karma_dataset_extract(d, 1, " said \n", &prediction, &how));
    assert_string_equal(prediction, "said");
    assert_ok(karma_dataset_extract(d, 1, "", &prediction, &how));
    assert_int_equal(how, KARMA_PARSE_MARKER);
    karma_dataset_close(d);
}

static void tables_and_other_names_of_columns_do(void **state) {
    (void)state;
    recording("t/a.wav", "one");
    karma_dataset *d = open_set(
        write_text("t/clips.tsv", "file_name\tsentence\tlocale\na.wav\tone\tta-IN\n"), NULL);
    assert_string_equal(sample(d, 0)->other_args_json, "{\"language\": \"ta\"}");
    karma_dataset_close(d);
    d = open_set(write_text("t/clips.csv", "audio,text\na.wav,\n"), "{\"language\": \"tamil\"}");
    assert_string_equal(sample(d, 0)->expected_output, "");
    assert_string_equal(sample(d, 0)->other_args_json, "{\"language\": \"ta\"}");
    karma_dataset_close(d);
    d = open_set(
        write_text("t/nemo.jsonl",
                   "{\"audio_filepath\": \"a.wav\", \"text\": \"one\", \"duration\": 1.5}"),
        NULL);
    assert_null(sample(d, 0)->other_args_json);
    karma_dataset_close(d);
}

static void bytes_may_stand_in_the_row(void **state) {
    (void)state;
    /* "RIFF" and forty bytes more */
    static const char wav[] = "UklGRjEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTA=";
    char rows[2048], url[128];
    snprintf(url, sizeof(url), "data:audio/wav;base64,%s", wav);
    snprintf(rows, sizeof(rows),
             "{\"audio\": \"%s\", \"text\": \"a\"}\n{\"audio\": \"%s\", \"text\": \"b\"}\n"
             "{\"audio\": {\"bytes\": \"%s\", \"path\": \"x.wav\"}, \"text\": \"c\"}\n",
             wav, url, wav);
    karma_dataset *d = open_set(write_text("bytes.jsonl", rows), NULL);
    char digest[65];
    for (size_t i = 0; i < 3; i++) {
        const karma_audio *a = sample(d, i)->audio;
        assert_null(a->path);
        assert_int_equal(a->n_bytes, 44);
        assert_memory_equal(a->bytes, "RIFF12345", 9);
        if (i == 0) snprintf(digest, sizeof(digest), "%s", a->digest);
        assert_string_equal(a->digest, digest);
        if (i == 2) assert_string_equal(a->name, "x.wav");
    }
    karma_dataset_close(d);
    recording("x.wav", "one");
    d = open_set(write_text("null.jsonl", "{\"audio\": {\"bytes\": null, \"path\": \"x.wav\"}, "
                                          "\"text\": \"c\"}\n"),
                 NULL);
    assert_non_null(strstr(sample(d, 0)->audio->path, "/x.wav"));
    karma_dataset_close(d);
}

static void what_is_wrong_names_its_line(void **state) {
    (void)state;
    static const struct {
        const char *row;
        karma_status status;
        const char *text;
    } cases[] = {
        {"{\"audio\": \"gone.wav\", \"text\": \"a\"}", KARMA_E_MISSING, "line 2: audio: "},
        {"{\"audio\": \"gone.wav\", \"text\": \"a\"}", KARMA_E_MISSING, "gone.wav: no such file"},
        {"{\"audio\": \".\", \"text\": \"a\"}", KARMA_E_PATH, "not a file"},
        {"{\"audio\": \"\", \"text\": \"a\"}", KARMA_E_MISSING, "line 2: audio: empty"},
        {"{\"text\": \"a\"}", KARMA_E_MISSING, "line 2: audio: missing"},
        {"{\"audio\": 7, \"text\": \"a\"}", KARMA_E_TYPE, "expected a path, base64 or an object"},
        {"{\"audio\": \"w.wav\"}", KARMA_E_MISSING, "line 2: text: missing"},
        {"{\"audio\": \"w.wav\", \"text\": null}", KARMA_E_MISSING, "text: missing"},
        {"{\"audio\": \"w.wav\", \"text\": {}}", KARMA_E_TYPE, "line 2: text"},
        {"{\"audio\": \"w.wav\", \"text\": \"a\", \"language\": {}}", KARMA_E_TYPE, "language"},
        {"{\"audio\": {\"bytes\": \"Zg=\"}, \"text\": \"a\"}", KARMA_E_ENCODING, "audio: bytes"},
        {"{\"audio\": {\"bytes\": \"\"}, \"text\": \"a\"}", KARMA_E_RANGE, "no bytes"},
        {"{\"audio\": {\"bytes\": 1}, \"text\": \"a\"}", KARMA_E_TYPE, "bytes: expected base64"},
        {"{\"audio\": {}, \"text\": \"a\"}", KARMA_E_MISSING, "neither bytes nor path"},
        {"{\"audio\": \"data:audio/wav,RIFF\", \"text\": \"a\"}", KARMA_E_UNSUPPORTED, "base64"},
        {"{\"audio\": \"data:;base64,?\", \"text\": \"a\"}", KARMA_E_ENCODING, "byte 0"},
        {"{\"audio\": \"a\\u0000.wav\", \"text\": \"a\"}", KARMA_E_RANGE, "NUL"},
    };
    recording("w.wav", "one");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char rows[512];
        snprintf(rows, sizeof(rows), "{\"audio\": \"w.wav\", \"text\": \"a\"}\n%s\n", cases[i].row);
        refuses(write_text("wrong.jsonl", rows), NULL, cases[i].status, cases[i].text);
    }
    char *row = malloc(6000);
    memset(row, 'a', 6000);
    memcpy(row, "{\"audio\": \"UklGR", 16);
    memcpy(row + 5000, "!\", \"text\": \"a\"}", 17);
    refuses(write_text("long.jsonl", row), NULL, KARMA_E_ENCODING,
            "line 1: audio: base64: byte 498");
    free(row);
}

static void a_missing_file_may_be_its_samples_failure(void **state) {
    (void)state;
    recording("half/a.wav", "one");
    const char *path = write_text("half/m.jsonl", "{\"audio\": \"a.wav\", \"text\": \"a\"}\n"
                                                  "{\"audio\": \"gone.wav\", \"text\": \"b\"}\n");
    refuses(path, "{\"missing_audio\": \"ignore\"}", KARMA_E_RANGE, "missing_audio");
    karma_dataset *d = open_set(path, "{\"missing_audio\": \"fail\"}");
    assert_int_equal(karma_dataset_count(d), 2);
    assert_null(sample(d, 1)->audio->digest);
    assert_non_null(sample(d, 0)->audio->digest);
    recording("half/gone.wav", "now it is there");
    const karma_sample *s;
    assert_status(karma_dataset_get(d, 1, &s), KARMA_E_DIGEST);
    assert_message_contains("line 2");
    karma_dataset_close(d);
}

static void the_digest_covers_the_sound_and_not_its_place(void **state) {
    (void)state;
    static const char row[] = "{\"audio\": \"a.wav\", \"text\": \"a\"}\n";
    char digests[3][65];
    for (int i = 0; i < 3; i++) {
        recording(i == 1 ? "p/a.wav" : "o/a.wav", i == 2 ? "other" : "same");
        karma_dataset *d = open_set(write_text(i == 1 ? "p/m.jsonl" : "o/m.jsonl", row), NULL);
        snprintf(digests[i], sizeof(digests[i]), "%s", karma_dataset_digest(d));
        karma_dataset_close(d);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
}

static void a_recording_that_changes_in_use_is_an_error(void **state) {
    (void)state;
    recording("c/a.wav", "before");
    karma_dataset *d =
        open_set(write_text("c/m.jsonl", "{\"audio\": \"a.wav\", \"text\": \"a\"}\n"), NULL);
    const karma_sample *s;
    recording("c/a.wav", "after that");
    assert_status(karma_dataset_get(d, 0, &s), KARMA_E_DIGEST);
    assert_message_contains("m.jsonl: line 1: audio: ");
    karma_dataset_close(d);
}

static void one_language_is_taken(void **state) {
    (void)state;
    recording("l/a.wav", "one");
    const char *path =
        write_text("l/m.jsonl", "{\"audio\": \"a.wav\", \"text\": \"a\", \"lang\": \"hi\"}\n"
                                "{\"audio\": \"a.wav\", \"text\": \"b\", \"lang\": \"ta\"}\n"
                                "{\"audio\": \"a.wav\", \"text\": \"c\"}\n");
    karma_dataset *d = open_set(path, "{\"language\": \"Tamil\"}");
    assert_int_equal(karma_dataset_count(d), 2);
    assert_string_equal(sample(d, 0)->expected_output, "b");
    assert_string_equal(sample(d, 1)->other_args_json, "{\"language\": \"ta\"}");
    karma_dataset_close(d);
    refuses(write_text("l/n.jsonl", "{\"audio\": \"a.wav\", \"text\": \"a\", \"lang\": \"hi\"}\n"),
            "{\"language\": \"ta\"}", KARMA_E_MISSING, "no rows");
}

static void a_folder_of_recordings_is_a_set(void **state) {
    (void)state;
    recording("f/b.wav", "two");
    recording("f/a.flac", "one");
    write_text("f/a.txt", "\xEF\xBB\xBFone \"quoted\"\r\n");
    write_text("f/b.txt", "");
    char folder[4096];
    snprintf(folder, sizeof(folder), "%s/f", test_dir());
    karma_dataset *d = open_set(folder, "{\"language\": \"en\"}");
    assert_int_equal(karma_dataset_count(d), 2);
    const karma_sample *s = sample(d, 0);
    assert_string_equal(s->key, "a.flac");
    assert_string_equal(s->expected_output, "one \"quoted\"");
    assert_non_null(strstr(s->audio->path, "/f/a.flac"));
    assert_string_equal(sample(d, 1)->expected_output, "");
    karma_dataset_close(d);
    recording("f/c.mp3", "three");
    refuses(folder, NULL, KARMA_E_MISSING, "c.mp3: its transcript c.txt");
    assert_int_equal(remove(test_path("f/c.mp3")), 0);
    write_text("f/d.txt", "lost");
    refuses(folder, NULL, KARMA_E_MISSING, "d.txt: no recording");
}

static void a_folder_may_have_a_manifest_for_each_split(void **state) {
    (void)state;
    recording("s/valid/a.wav", "one");
    write_text("s/valid/metadata.csv", "file_name,transcription\na.wav,one\n");
    write_text("s/test.jsonl", "{\"audio\": \"valid/a.wav\", \"text\": \"two\"}\n");
    char args[4200];
    snprintf(args, sizeof(args), "{\"path\": \"%s/s\", \"split\": \"test\"}", test_dir());
    karma_dataset *d = open_set("transcription", args);
    assert_string_equal(sample(d, 0)->expected_output, "two");
    karma_dataset_close(d);
    snprintf(args, sizeof(args), "{\"path\": \"%s/s\", \"split\": \"valid\"}", test_dir());
    d = open_set("transcription", args);
    assert_string_equal(sample(d, 0)->expected_output, "one");
    karma_dataset_close(d);
    snprintf(args, sizeof(args), "{\"path\": \"%s/s\", \"split\": \"train\"}", test_dir());
    refuses("transcription", args, KARMA_E_MISSING, "");
    snprintf(args, sizeof(args), "%s/s/valid", test_dir()); /* by its name, with metadata.csv */
    d = open_set(args, NULL);
    assert_int_equal(karma_dataset_count(d), 1);
    karma_dataset_close(d);
}

static void a_retrieval_set_stays_one(void **state) {
    (void)state;
    char folder[4096];
    write_text("r/corpus.jsonl", "{\"_id\": \"d\", \"text\": \"t\"}\n");
    write_text("r/queries.jsonl", "{\"_id\": \"q\", \"text\": \"t\"}\n");
    write_text("r/qrels.jsonl", "{\"query-id\": \"q\", \"corpus-id\": \"d\", \"score\": 1}\n");
    write_text("r/metadata.json", "[{\"license\": \"x\"}]");
    snprintf(folder, sizeof(folder), "%s/r", test_dir());
    karma_dataset *d = open_set(folder, NULL);
    assert_string_equal(karma_dataset_get_info(d)->task_type, "retrieval");
    karma_dataset_close(d);
}

static void published_sets_have_their_columns(void **state) {
    (void)state;
    static const struct {
        const char *name, *row, *language;
    } sets[] = {
        {"ai4bharat/IndicVoices", "{\"audio_filepath\": \"v.wav\", \"text\": \"a\"}", "marathi"},
        {"ai4bharat/indicvoices_r", "{\"audio\": \"v.wav\", \"text\": \"a\"}", "mr"},
        {"ekacare/vistaar_small_asr_eval",
         "{\"audio\": \"v.wav\", \"text\": \"a\", \"audio_language\": \"mr\"}", "mr"},
        {"ekacare/eka-medical-asr-evaluation-dataset",
         "{\"audio\": {\"path\": \"v.wav\", \"bytes\": null}, \"text\": \"a\", "
         "\"audio_language\": \"mr\", \"recording_context\": \"x\"}",
         "mr"},
    };
    recording("v.wav", "one");
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        char args[4200];
        const char *path = write_text("v.jsonl", sets[i].row);
        snprintf(args, sizeof(args), "{\"path\": \"%s\", \"language\": \"%s\"}", path,
                 sets[i].language);
        karma_dataset *d = open_set(sets[i].name, args);
        assert_string_equal(sample(d, 0)->other_args_json, "{\"language\": \"mr\"}");
        assert_string_equal(karma_dataset_get_info(d)->metrics[0], "wer");
        karma_dataset_close(d);
        snprintf(args, sizeof(args), "{\"path\": \"%s\"}", path);
        refuses(sets[i].name, args, KARMA_E_USAGE, "language");
    }
}

static void a_description_names_the_columns(void **state) {
    (void)state;
    recording("y/a.wav", "one");
    write_text("y/rows.jsonl", "{\"clip\": \"a.wav\", \"said\": \"one\", \"tongue\": \"ta\", "
                               "\"n\": \"7\"}\n");
    const char *path =
        write_text("y/set.yaml", "name: ours/clips\nkind: transcription\npath: rows.jsonl\n"
                                 "fields: {audio: clip, text: said, language: tongue, id: n}\n"
                                 "metrics: [cer]\nprompt: Write down what is said in {tongue}.\n");
    karma_dataset *d = open_set(path, NULL);
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, 0, &s));
    assert_string_equal(s->input, "Write down what is said in ta.");
    assert_string_equal(s->key, "7");
    assert_string_equal(s->other_args_json, "{\"language\": \"ta\"}");
    karma_dataset_close(d);
    refuses(write_text("y/a.yaml", "name: ours/a\nkind: transcription\nfields: {question: q}\n"),
            NULL, KARMA_E_UNEXPECTED, "question");
    refuses(write_text("y/b.yaml", "name: ours/b\nkind: transcription\nprompt: Say {text}\n"), NULL,
            KARMA_E_USAGE, "would show");
    refuses(write_text("y/c.yaml", "name: ours/c\nkind: speech\n"), NULL, KARMA_E_RANGE,
            "transcription");
    described_forget();
}

static karma_status use(void *ctx) {
    karma_dataset *d = NULL;
    const karma_sample *s;
    karma_status st = karma_dataset_open(ctx, "{\"language\": \"hi\"}", &d);
    if (st == KARMA_OK) st = karma_dataset_get(d, 0, &s);
    karma_dataset_close(d);
    described_forget();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    static const char wav[] = "UklGRjEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTA=";
    char rows[512], folder[4096];
    recording("g/a.wav", "one");
    write_text("g/a.txt", "one");
    snprintf(rows, sizeof(rows),
             "{\"audio\": \"g/a.wav\", \"text\": \"a\"}\n{\"audio\": \"%s\", \"text\": \"b\"}\n",
             wav);
    char *path = strdup(write_text("g.jsonl", rows));
    assert_true(for_each_failing_allocation(use, path) > 30);
    free(path);
    snprintf(folder, sizeof(folder), "%s/g", test_dir());
    assert_true(for_each_failing_allocation(use, folder) > 30);
}

/* Whatever the kind of noise: the rows of one, by a folder or by their column. */
static void takes_the_speech_with_one_kind_of_noise(void **state) {
    (void)state;
    static const char rows[] =
        "{\"audio\": {\"bytes\": \"UklGRg==\", \"path\": null}, \"text\": \"no pain\", "
        "\"audio_language\": \"en\", \"recording_context\": \"studio\", \"type_concept\": "
        "null, \"subset\": \"original\"}\n"
        "{\"audio\": {\"bytes\": \"UklGRw==\"}, \"text\": \"\", \"audio_language\": \"en\", "
        "\"recording_context\": \"ward\", \"subset\": \"noisy\"}\n"
        "{\"audio\": {\"bytes\": \"UklGSA==\"}, \"text\": 120, \"audio_language\": "
        "\"English\", \"subset\": null}\n"
        "{\"audio\": {\"bytes\": \"UklGSQ==\"}, \"text\": \"x\", \"audio_language\": \"hi\", "
        "\"subset\": \"original\"}\n"
        "{\"audio\": {\"bytes\": \"UklGSg==\"}, \"text\": \"a long text that goes on and on, "
        "with 500 mg of it\", \"audio_language\": null}\n";
    static const char set[] = "ekacare/denoising-impact-evaluation-dataset";
    char args[700];
    karma_dataset *d;
    const karma_sample *s;
    const char *const *fields, *const *values;
    size_t n;
    snprintf(args, sizeof(args), "{\"path\": \"%s\", \"language\": \"en\"}",
             write_text("noise.jsonl", rows));
    assert_ok(karma_dataset_open(set, args, &d));
    assert_int_equal(karma_dataset_count(d), 3);
    static const char *const texts[] = {"no pain", "120",
                                        "a long text that goes on and on, with 500 mg of it"};
    for (size_t i = 0; i < 3; i++) {
        assert_ok(karma_dataset_get(d, i, &s));
        assert_null(s->input);
        assert_non_null(s->audio);
        assert_string_equal(s->expected_output, texts[i]);
        assert_string_equal(s->other_args_json, "{\"language\": \"en\"}");
    }
    assert_ok(karma_dataset_slices(d, 0, &fields, &values, &n));
    assert_int_equal(n, 2);
    assert_string_equal(fields[0], "recording_context");
    assert_string_equal(values[0], "studio");
    assert_null(values[1]);
    karma_dataset_close(d);
    write_text("noises/noisy/test.jsonl", rows);
    snprintf(args, sizeof(args), "{\"path\": \"%s\", \"subset\": \"noisy\"}", test_path("noises"));
    assert_ok(karma_dataset_open(set, args, &d));
    assert_int_equal(karma_dataset_count(d), 3); /* one says so, two say nothing */
    karma_dataset_close(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(a_manifest_is_known_by_its_columns),
        test_case(tables_and_other_names_of_columns_do),
        test_case(bytes_may_stand_in_the_row),
        test_case(what_is_wrong_names_its_line),
        test_case(a_missing_file_may_be_its_samples_failure),
        test_case(the_digest_covers_the_sound_and_not_its_place),
        test_case(a_recording_that_changes_in_use_is_an_error),
        test_case(one_language_is_taken),
        test_case(a_folder_of_recordings_is_a_set),
        test_case(a_folder_may_have_a_manifest_for_each_split),
        test_case(a_retrieval_set_stays_one),
        test_case(published_sets_have_their_columns),
        test_case(a_description_names_the_columns),
        test_case(survives_every_failing_allocation),
        test_case(takes_the_speech_with_one_kind_of_noise),
    };
    return run_group("datasets/speech", tests);
}
