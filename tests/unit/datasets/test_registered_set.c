/*
 * test_registered_set.c - data sets of a program's own: used as ours are, and every sample they
 * give is looked at.
 */
#include "tests/support/test.h"

#include "datasets/dataset.h"
#include "karma/dataset.h"

static size_t n_samples;
static int opened, closed, open_status, get_status, extract_status, extract_how;
static karma_sample rows[4];
static const char *extracted;
static const karma_dataset_class own_class;

static karma_status own_open(const char *args_json, void **state, size_t *count) {
    if (open_status) return (karma_status)open_status;
    if (strstr(args_json, "\"limit\": 1")) n_samples = 1;
    *state = rows;
    *count = n_samples;
    opened++;
    return KARMA_OK;
}

static karma_status own_get(void *state, size_t i, karma_sample *s) {
    const karma_sample *row = (const karma_sample *)state + i;
    const uint32_t size = row->struct_size ? row->struct_size : s->struct_size;
    *s = *row;
    s->struct_size = size;
    return (karma_status)get_status;
}

static karma_status own_extract(void *state, size_t i, const char *text, karma_text *prediction,
                                karma_parse *how) {
    (void)state;
    (void)i;
    *how = (karma_parse)extract_how;
    if (extracted) text = extracted;
    karma_text_append(prediction, text, strlen(text));
    return (karma_status)extract_status;
}

static void own_close(void *state) {
    assert_ptr_equal(state, rows);
    closed++;
}

static const char *const metrics[] = {"exact_match", NULL};
static const karma_option_spec options[] = {
    {.name = "limit", .type = KARMA_OPTION_INT, .default_json = "4", .min = 1, .max = 4},
    {.name = "path", .type = KARMA_OPTION_STRING, .default_json = "\"x\""},
    {.name = NULL},
};
static const karma_dataset_class own_class = {
    .abi_version = KARMA_DATASET_ABI,
    .struct_size = sizeof(karma_dataset_class),
    .info = {.name = "mine/own", .metrics = metrics, .options = options, .task_type = "mcqa"},
    .open = own_open,
    .get = own_get,
    .extract = own_extract,
    .close = own_close,
};

static void begin(void) {
    static const karma_message turns[] = {{.role = "system", .content = "be brief"},
                                          {.role = "user", .content = "and now?"}};
    n_samples = 3;
    opened = closed = open_status = get_status = extract_status = extract_how = 0;
    extracted = NULL;
    memset(rows, 0, sizeof(rows));
    rows[0] = (karma_sample){.key = "one", .input = "first?", .expected_output = "1"};
    rows[1] = (karma_sample){.input = "second?"};
    rows[2] = (karma_sample){.key = "three",
                             .conversation = turns,
                             .n_messages = 2,
                             .other_args_json = "{\"language\": \"hi\"}"};
}

static void is_listed_found_and_used_like_ours(void **state) {
    (void)state;
    karma_dataset *d;
    const karma_dataset_info *info;
    const karma_sample *s;
    const char *prediction, *const *ids, *const *texts;
    karma_parse how;
    char **names, digest[65];
    size_t n;
    begin();
    assert_ok(karma_register_dataset(&own_class));
    assert_ok(karma_list_datasets(&names, &n));
    assert_string_equal(names[n - 1], "mine/own");
    mem_free(names);
    assert_ok(karma_get_dataset_info("mine/own", &info));
    assert_string_equal(info->description, "");
    assert_null(info->processors[0]);
    assert_status(karma_dataset_open("mine/owm", NULL, &d), KARMA_E_NOTFOUND);
    assert_message_contains("did you mean 'mine/own'?");
    assert_status(karma_dataset_open("mine/own", "{\"limt\": 2}", &d), KARMA_E_USAGE);
    assert_int_equal(opened, 0);
    assert_ok(karma_dataset_open("mine/own", NULL, &d));
    assert_int_equal(karma_dataset_count(d), 3);
    assert_string_equal(karma_dataset_args(d), "{\"limit\": 4, \"path\": \"x\"}");
    assert_int_equal(strlen(karma_dataset_digest(d)), 64);
    snprintf(digest, sizeof(digest), "%s", karma_dataset_digest(d));
    karma_dataset_corpus(d, &ids, &texts, &n);
    assert_int_equal(n, 0);
    assert_ok(karma_dataset_get(d, 1, &s));
    assert_int_equal(strncmp(s->key, "row2-", 5), 0);
    assert_ok(karma_dataset_get(d, 2, &s));
    assert_string_equal(s->conversation[1].content, "and now?");
    assert_string_equal(s->other_args_json, "{\"language\": \"hi\"}");
    assert_ok(karma_dataset_extract(d, 0, "the answer", &prediction, &how));
    assert_string_equal(prediction, "the answer");
    assert_int_equal(how, KARMA_PARSE_MARKER);
    assert_string_equal(s->key, "three"); /* the lent sample stays */
    extract_how = KARMA_PARSE_NONE;
    assert_ok(karma_dataset_extract(d, 0, "the answer", &prediction, &how));
    assert_string_equal(prediction, "");
    assert_int_equal(how, KARMA_PARSE_NONE);
    assert_ok(karma_dataset_extract(d, 0, NULL, &prediction, &how));
    assert_status(karma_dataset_get(d, 3, &s), KARMA_E_RANGE);
    assert_status(karma_dataset_extract(d, 3, "x", &prediction, &how), KARMA_E_RANGE);
    karma_dataset_close(d);
    assert_int_equal(closed, 1);
    assert_ok(karma_dataset_open("mine/own", "{\"limit\": \"1\"}", &d));
    assert_int_equal(karma_dataset_count(d), 1);
    assert_string_not_equal(karma_dataset_digest(d), digest);
    karma_dataset_close(d);
    dataset_unregister(NULL);
    described_forget();
}

static void without_extract_the_prediction_is_the_stripped_text(void **state) {
    (void)state;
    karma_dataset_class c = own_class;
    karma_dataset *d;
    const char *prediction;
    karma_parse how;
    begin();
    c.extract = NULL;
    c.close = NULL;
    assert_ok(karma_register_dataset(&c));
    assert_ok(karma_dataset_open("mine/own", NULL, &d));
    assert_string_equal(karma_dataset_get_info(d)->extraction, "strip");
    assert_ok(karma_dataset_extract(d, 0, "  yes\n", &prediction, &how));
    assert_string_equal(prediction, "yes");
    karma_dataset_close(d);
    dataset_unregister("mine/own");
    described_forget();
}

static void a_table_that_is_wrong_is_refused(void **state) {
    (void)state;
    static const char *const none[] = {NULL};
    karma_dataset_class c = own_class;
    begin();
    c.struct_size = 8;
    assert_status(karma_register_dataset(&c), KARMA_E_ABI);
    c = own_class;
    c.info.name = NULL;
    assert_status(karma_register_dataset(&c), KARMA_E_MISSING);
    c.info.name = "x.jsonl";
    assert_status(karma_register_dataset(&c), KARMA_E_RANGE);
    c.info.name = "question_answer";
    assert_status(karma_register_dataset(&c), KARMA_E_DUPLICATE);
    c = own_class;
    c.open = NULL;
    assert_status(karma_register_dataset(&c), KARMA_E_MISSING);
    assert_message_contains("data set mine/own: no function open");
    c = own_class;
    c.get = NULL;
    assert_status(karma_register_dataset(&c), KARMA_E_MISSING);
    c = own_class;
    c.info.metrics = none;
    assert_status(karma_register_dataset(&c), KARMA_E_MISSING);
    c = own_class;
    c.info.prompt = "\xFF";
    assert_status(karma_register_dataset(&c), KARMA_E_PLUGIN);
    write_text("found/datasets/o.yaml", "name: mine/own\nkind: question_answer\n");
    setenv("KARMA_PATH", test_path("found"), 1);
    described_forget();
    assert_status(karma_register_dataset(&own_class), KARMA_E_DUPLICATE);
    assert_message_contains("o.yaml");
    unsetenv("KARMA_PATH");
    described_forget();
    assert_ok(karma_register_dataset(&own_class));
    assert_status(karma_register_dataset(&own_class), KARMA_E_DUPLICATE);
    dataset_unregister(NULL);
    described_forget();
}

static void fails(karma_status expected, const char *message) {
    karma_dataset *d;
    assert_status(karma_dataset_open("mine/own", NULL, &d), expected);
    assert_null(d);
    assert_message_contains(message);
    assert_message_contains("mine/own: ");
    assert_int_equal(opened, closed);
    begin();
}

static void every_sample_is_checked_when_it_is_opened(void **state) {
    (void)state;
    static const karma_message no_role[] = {{.content = "x"}}, no_text[] = {{.role = "user"}};
    begin();
    assert_ok(karma_register_dataset(&own_class));
    open_status = KARMA_E_IO;
    fails(KARMA_E_IO, "failed with E_IO");
    open_status = 5;
    fails(KARMA_E_PLUGIN, "returned 5");
    n_samples = 0;
    fails(KARMA_E_MISSING, "no samples");
    n_samples = SIZE_MAX;
    fails(KARMA_E_PLUGIN, "at most");
    get_status = KARMA_E_RANGE;
    fails(KARMA_E_RANGE, "sample 0: failed with E_RANGE");
    get_status = KARMA_DONE;
    fails(KARMA_E_PLUGIN, "sample 0: returned 1");
    rows[2].key = "one";
    fails(KARMA_E_PLUGIN, "sample 2: its key 'one' is that of sample 0");
    rows[1].key = "";
    fails(KARMA_E_PLUGIN, "sample 1: key: empty");
    rows[1].key = "\xC3";
    fails(KARMA_E_PLUGIN, "sample 1: key: not valid UTF-8");
    rows[1].input = NULL;
    fails(KARMA_E_PLUGIN, "sample 1: input: NULL");
    rows[2].n_messages = (size_t)-1;
    fails(KARMA_E_PLUGIN, "sample 2: n_messages");
    rows[2].conversation = NULL;
    fails(KARMA_E_PLUGIN, "sample 2: conversation: NULL");
    rows[2].conversation = no_role;
    rows[2].n_messages = 1;
    fails(KARMA_E_PLUGIN, "sample 2: role of a message: NULL");
    rows[2].conversation = no_text;
    rows[2].n_messages = 1;
    fails(KARMA_E_PLUGIN, "sample 2: message: NULL");
    rows[0].expected_output = "\xED\xA0\x80";
    fails(KARMA_E_PLUGIN, "sample 0: expected_output");
    rows[0].other_args_json = "[1]";
    fails(KARMA_E_PLUGIN, "other_args_json: expected an object");
    rows[0].other_args_json = "{";
    fails(KARMA_E_PLUGIN, "sample 0: other_args_json");
    rows[0].struct_size = 4;
    fails(KARMA_E_PLUGIN, "sample 0: struct_size");
    dataset_unregister(NULL);
    described_forget();
}

static void sound_is_copied_and_looked_at(void **state) {
    (void)state;
    float samples[3] = {0.5F, -0.5F, 0};
    char bytes[] = "RIFF and so on";
    karma_audio audio[3] = {{.path = write_text("sound.wav", "RIFF")},
                            {.bytes = bytes, .n_bytes = sizeof(bytes), .name = "x.wav"},
                            {.samples = samples, .n_samples = 3, .sample_rate = 16000}};
    karma_dataset *d;
    const karma_sample *s;
    begin();
    n_samples = 3;
    for (int i = 0; i < 3; i++) {
        rows[i].input = NULL;
        rows[i].audio = &audio[i];
    }
    assert_ok(karma_register_dataset(&own_class));
    assert_ok(karma_dataset_open("mine/own", NULL, &d));
    assert_ok(karma_dataset_get(d, 1, &s));
    assert_null(s->input);
    assert_ptr_not_equal(s->audio->bytes, bytes);
    assert_memory_equal(s->audio->bytes, bytes, sizeof(bytes));
    assert_string_equal(s->audio->name, "x.wav");
    assert_int_equal(strlen(s->audio->digest), 64);
    assert_ok(karma_dataset_get(d, 2, &s));
    assert_memory_equal(s->audio->samples, samples, sizeof(samples));
    assert_ok(karma_dataset_get(d, 0, &s));
    assert_ptr_not_equal(s->audio->path, audio[0].path);
    samples[2] = 1;
    assert_status(karma_dataset_get(d, 2, &s), KARMA_E_PLUGIN);
    assert_message_contains("not the same");
    write_text("sound.wav", "RIFX");
    assert_status(karma_dataset_get(d, 0, &s), KARMA_E_PLUGIN);
    karma_dataset_close(d);
    audio[1].n_bytes = 0;
    assert_status(karma_dataset_open("mine/own", NULL, &d), KARMA_E_PLUGIN);
    assert_message_contains("sample 1: audio");
    audio[1].n_bytes = 4;
    audio[2].sample_rate = 0;
    assert_status(karma_dataset_open("mine/own", NULL, &d), KARMA_E_PLUGIN);
    assert_message_contains("sample 2: audio: sample_rate 0");
    dataset_unregister(NULL);
    described_forget();
}

static void pictures_are_copied_and_looked_at(void **state) {
    (void)state;
    unsigned char pixels[6] = {1, 2, 3, 4, 5, 6};
    char bytes[] = "\x89PNG and so on";
    karma_image shown[3] = {
        {.path = write_text("scan.dcm", "x"), .frame = 2},
        {.bytes = bytes, .n_bytes = sizeof(bytes), .name = "x.png"},
        {.pixels = pixels, .width = 2, .height = 1, .channels = 3},
    };
    karma_message turn = {
        .role = "user", .content = "and here?", .images = &shown[1], .n_images = 1};
    karma_dataset *d;
    const karma_sample *s;
    const char *type;
    begin();
    rows[0].images = shown;
    rows[0].n_images = 3;
    rows[0].other_args_json = "{\"answer_type\": \"CLOSED\"}";
    rows[2].conversation = &turn;
    rows[2].n_messages = 1;
    assert_ok(karma_register_dataset(&own_class));
    assert_ok(karma_dataset_open("mine/own", NULL, &d));
    assert_ok(karma_dataset_get(d, 0, &s));
    assert_int_equal(s->n_images, 3);
    assert_ptr_not_equal(s->images[0].path, shown[0].path);
    assert_string_equal(s->images[0].path, shown[0].path);
    assert_int_equal(s->images[0].frame, 2);
    assert_ptr_not_equal(s->images[1].bytes, bytes);
    assert_memory_equal(s->images[1].bytes, bytes, sizeof(bytes));
    assert_string_equal(s->images[1].name, "x.png");
    assert_ptr_not_equal(s->images[2].pixels, pixels);
    assert_memory_equal(s->images[2].pixels, pixels, sizeof(pixels));
    for (int i = 0; i < 3; i++)
        assert_int_equal(strlen(s->images[i].digest), 64);
    assert_ok(karma_dataset_answer_type(d, 0, &type));
    assert_string_equal(type, "closed");
    assert_ok(karma_dataset_answer_type(d, 1, &type));
    assert_null(type);
    assert_ok(karma_dataset_get(d, 2, &s));
    assert_int_equal(s->conversation[0].n_images, 1);
    assert_ptr_not_equal(s->conversation[0].images, turn.images);
    turn.images_first = true; /* what a model sees is another order */
    assert_status(karma_dataset_get(d, 2, &s), KARMA_E_PLUGIN);
    assert_message_contains("not the same");
    turn.images_first = false;
    pixels[5] = 7;
    assert_status(karma_dataset_get(d, 0, &s), KARMA_E_PLUGIN);
    pixels[5] = 6;
    write_text("scan.dcm", "y");
    assert_status(karma_dataset_get(d, 0, &s), KARMA_E_PLUGIN);
    karma_dataset_close(d);
    static const struct {
        karma_image image;
        const char *text;
    } wrong[] = {
        {{.name = "x"}, "neither a path nor bytes nor pixels"},
        {{.path = "\xFF"}, "path of the image: not valid UTF-8"},
        {{.path = "x", .frame = -1}, "image: frame -1"},
        {{.bytes = "x", .name = "\xFF"}, "name of the image"},
        {{.pixels = (const unsigned char *)"x", .width = 1, .height = 1, .channels = 4},
         "1 by 1 pixels of 4 channels"},
        {{.pixels = (const unsigned char *)"x", .width = -1, .height = 1, .channels = 1},
         "-1 by 1 pixels"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        shown[1] = wrong[i].image;
        fails(KARMA_E_PLUGIN, wrong[i].text);
        rows[0].images = shown; /* begin() was called */
        rows[0].n_images = 2;
    }
    rows[0].images = NULL;
    fails(KARMA_E_PLUGIN, "images: NULL, of 2");
    rows[0].images = shown;
    rows[0].n_images = 1025;
    fails(KARMA_E_PLUGIN, "at most 1024");
    dataset_unregister(NULL);
    described_forget();
}

static void what_changes_later_is_noticed(void **state) {
    (void)state;
    karma_dataset *d;
    const karma_sample *s;
    const char *prediction;
    karma_parse how;
    begin();
    assert_ok(karma_register_dataset(&own_class));
    assert_ok(karma_dataset_open("mine/own", NULL, &d));
    rows[0].expected_output = "2";
    assert_status(karma_dataset_get(d, 0, &s), KARMA_E_PLUGIN);
    assert_message_contains("mine/own: sample 0: not the same");
    assert_null(s);
    assert_ok(karma_dataset_get(d, 1, &s));
    extract_how = 4;
    assert_status(karma_dataset_extract(d, 1, "x", &prediction, &how), KARMA_E_PLUGIN);
    assert_string_equal(prediction, "");
    extract_how = 0;
    extracted = "\xFF";
    assert_status(karma_dataset_extract(d, 1, "x", &prediction, &how), KARMA_E_PLUGIN);
    assert_message_contains("mine/own: extract, sample 1: text: not valid UTF-8");
    extract_status = 2;
    assert_status(karma_dataset_extract(d, 1, "x", &prediction, &how), KARMA_E_PLUGIN);
    karma_dataset_close(d);
    dataset_unregister(NULL);
    described_forget();
}

static karma_status use(void *ctx) {
    (void)ctx;
    karma_dataset *d = NULL;
    const karma_sample *s;
    const char *prediction;
    karma_parse how;
    begin();
    karma_status st = karma_register_dataset(&own_class);
    if (st == KARMA_OK) st = karma_dataset_open("mine/own", NULL, &d);
    if (st == KARMA_OK) st = karma_dataset_get(d, 1, &s);
    if (st == KARMA_OK) st = karma_dataset_extract(d, 1, "x", &prediction, &how);
    karma_dataset_close(d);
    dataset_unregister(NULL);
    described_forget();
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(use, NULL) > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(is_listed_found_and_used_like_ours),
        test_case(without_extract_the_prediction_is_the_stripped_text),
        test_case(a_table_that_is_wrong_is_refused),
        test_case(every_sample_is_checked_when_it_is_opened),
        test_case(sound_is_copied_and_looked_at),
        test_case(pictures_are_copied_and_looked_at),
        test_case(what_changes_later_is_noticed),
        test_case(survives_every_failing_allocation),
    };
    return run_group("datasets/registered_set", tests);
}
