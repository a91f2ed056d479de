/*
 * test_vision.c - pictures from a sample to an answer, beside what transformers makes of the same
 * conversations; the same bits in any company; what is encoded and how often; what is refused.
 */
#include "tests/support/test.h"

#include "api/vision.h"
#include "tests/unit/api/see.h"

enum { MAX_OUT = 64 };

/* ---- runs ---- */

struct answer {
    char key[32], error[300];
    karma_status status;
    unsigned flags;
    int32_t tokens[SEE_N_GREEDY];
    float logprobs[SEE_N_GREEDY];
    size_t n_tokens, n_prompt_tokens;
};

struct run {
    const karma_sample *samples;
    size_t n, next, n_out;
    struct answer out[MAX_OUT];
    int cancel_after; /* so many times it is asked; 0: never */
};

static karma_status run_next(void *user, const karma_sample **sample) {
    struct run *r = user;
    if (r->next == r->n) return KARMA_DONE;
    *sample = &r->samples[r->next++];
    return KARMA_OK;
}

static karma_status run_put(void *user, const karma_output *o) {
    struct run *r = user;
    assert_true(r->n_out < MAX_OUT);
    struct answer *a = &r->out[r->n_out++];
    snprintf(a->key, sizeof(a->key), "%s", o->key ? o->key : "");
    snprintf(a->error, sizeof(a->error), "%s", o->error ? o->error : "");
    a->status = o->status;
    a->flags = o->flags;
    a->n_prompt_tokens = o->n_prompt_tokens;
    a->n_tokens = o->n_tokens;
    assert_true(o->n_tokens <= SEE_N_GREEDY);
    for (size_t i = 0; i < o->n_tokens; i++) {
        a->tokens[i] = o->tokens[i];
        a->logprobs[i] = o->logprobs ? o->logprobs[i].logprob : 0;
    }
    return KARMA_OK;
}

static bool run_cancelled(void *user) {
    struct run *r = user;
    return r->cancel_after > 0 && --r->cancel_after == 0;
}

static karma_status run_samples(karma_model *m, const karma_sample *samples, size_t n,
                                struct run *r) {
    const karma_run_io io = {
        .next = run_next, .put = run_put, .cancelled = run_cancelled, .user = r};
    const int cancel_after = r->cancel_after;
    *r = (struct run){.samples = samples, .n = n, .cancel_after = cancel_after};
    return karma_model_run(m, &io);
}

static const struct answer *find(const struct run *r, const char *key) {
    for (size_t i = 0; i < r->n_out; i++)
        if (strcmp(r->out[i].key, key) == 0) return &r->out[i];
    fail_msg("no output for %s", key);
    return NULL;
}

#define GREEDY "\"do_sample\": false, \"max_tokens\": 12, \"logprobs\": 0"
#define PARTS  "\"pan_and_scan\": true, \"pan_and_scan_min_crop_size\": 8"

static karma_model *loaded(const char *folder, const char *args) {
    karma_model *m;
    char text[400];
    snprintf(text, sizeof(text), "{" GREEDY "%s%s}", *args ? ", " : "", args);
    assert_ok(karma_get_model(folder, text, &m));
    return m;
}

static void stats(const karma_model *m, int *encoded, int *found) {
    char *info;
    assert_ok(karma_model_info(m, &info));
    const char *e = strstr(info, "\"images_encoded\": "), *f = strstr(info, "\"images_found\": ");
    assert_non_null(e);
    assert_non_null(f);
    *encoded = atoi(strchr(e, ':') + 1);
    *found = atoi(strchr(f, ':') + 1);
    karma_free(info);
}

static void assert_stats(const karma_model *m, int want_encoded, int want_found) {
    int encoded, found;
    stats(m, &encoded, &found);
    assert_int_equal(encoded, want_encoded);
    assert_int_equal(found, want_found);
}

/* One sample by itself. */
static struct answer ask(karma_model *m, const karma_sample *sample) {
    struct run r = {0};
    assert_ok(run_samples(m, sample, 1, &r));
    assert_int_equal(r.n_out, 1);
    return r.out[0];
}

static struct answer ask_about(karma_model *m, const char *words, const karma_image *images,
                               size_t n) {
    const karma_sample sample = {
        .struct_size = sizeof(sample), .key = "k", .input = words, .images = images, .n_images = n};
    return ask(m, &sample);
}

static void assert_same(const struct answer *a, const struct answer *b) {
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->n_prompt_tokens, b->n_prompt_tokens);
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_memory_equal(a->tokens, b->tokens, sizeof(a->tokens));
    assert_memory_equal(a->logprobs, b->logprobs, sizeof(a->logprobs));
}

static void assert_fails(karma_model *m, const karma_image *image, karma_status st,
                         const char *text) {
    const struct answer a = ask_about(m, "What?", image, 1);
    if (a.status != st || !strstr(a.error, text))
        fail_msg("expected %s \"%s\", found %s \"%s\"", karma_status_name(st), text,
                 karma_status_name(a.status), a.error);
}

/* ---- beside the reference ---- */

static void check_ids(karma_model *m, const struct see_case *c) {
    const karma_run_io io = {0};
    struct vision_run v = {.m = m, .io = &io};
    struct karma_prompt p = {0};
    struct sight s;
    struct tokens ids = {0};
    bool sees;
    size_t n_special;
    for (size_t i = 0; i < c->n_turns; i++)
        assert_ok(karma_prompt_add_message(&p, &c->turns[i]));
    assert_ok(sight_begin(&v, &p, &s, &sees));
    assert_true(sees);
    const struct render_options options = {.marks = &s.marks};
    assert_ok(text_render(&m->text, p.messages, p.count, &options, NULL, &ids, &n_special));
    assert_int_equal(n_special, 0);
    assert_int_equal(ids.count, c->n_ids);
    assert_memory_equal(ids.ids, c->ids, c->n_ids * sizeof(*c->ids));
    assert_ok(sight_place(&v, &s, &ids, 256));
    for (size_t i = 0; i < s.n_pictures; i++)
        assert_int_equal(c->ids[s.spans[i].begin], 99);
    tokens_release(&ids);
    sight_release(&s);
    prompt_release(&p);
}

static void prompts_and_answers_are_the_references(void **state) {
    (void)state;
    static struct see_case cases[SEE_MAX_CASES];
    const size_t n = see_cases(cases);
    karma_model *whole = loaded(see_folder("see"), "");
    karma_model *parts = loaded(test_path("see"), PARTS);
    assert_true(n >= 10);
    for (size_t i = 0; i < n; i++) {
        const struct see_case *c = &cases[i];
        const karma_sample sample = {.struct_size = sizeof(sample),
                                     .key = c->name,
                                     .conversation = c->turns,
                                     .n_messages = c->n_turns};
        karma_model *m = c->pan ? parts : whole;
        check_ids(m, c);
        const struct answer a = ask(m, &sample);
        assert_int_equal(a.status, KARMA_OK);
        assert_int_equal(a.n_prompt_tokens, c->n_ids);
        assert_true(c->n_greedy >= 1 && a.n_tokens >= c->n_greedy);
        assert_memory_equal(a.tokens, c->greedy, c->n_greedy * sizeof(*c->greedy));
    }
    karma_model_destroy(whole);
    karma_model_destroy(parts);
    karma_clear_registry();
}

/* ---- the same bits ---- */

static void company_changes_no_bit(void **state) {
    (void)state;
    static struct see_case cases[SEE_MAX_CASES];
    const size_t n = see_cases(cases);
    karma_sample samples[SEE_MAX_CASES];
    struct run together = {0};
    for (size_t i = 0; i < n; i++)
        samples[i] = (karma_sample){.struct_size = sizeof(karma_sample),
                                    .key = cases[i].name,
                                    .conversation = cases[i].turns,
                                    .n_messages = cases[i].n_turns};
    karma_model *m = loaded(see_folder("see"), "\"max_sequences\": 5, \"threads\": 2");
    assert_ok(run_samples(m, samples, n, &together));
    assert_int_equal(together.n_out, n);
    karma_model_destroy(m);
    for (size_t i = 0; i < n; i++) {
        m = loaded(test_path("see"), "\"max_sequences\": 1, \"threads\": 1");
        const struct answer alone = ask(m, &samples[i]);
        assert_int_equal(alone.status, KARMA_OK);
        assert_same(find(&together, cases[i].name), &alone);
        karma_model_destroy(m);
    }
    karma_clear_registry();
}

static void a_kept_picture_gives_the_same_bits(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("odd")};
    karma_model *keeps = loaded(see_folder("see"), "");
    karma_model *forgets = loaded(test_path("see"), "\"image_cache_mb\": 0");
    const struct answer first = ask_about(keeps, "What is it?", &image, 1);
    const struct answer again = ask_about(keeps, "What is it?", &image, 1);
    assert_stats(keeps, 1, 1);
    assert_same(&first, &again);
    ask_about(forgets, "Something else.", &image, 1);
    const struct answer fresh = ask_about(forgets, "What is it?", &image, 1);
    assert_stats(forgets, 2, 0);
    assert_same(&first, &fresh);
    karma_model_destroy(keeps);
    karma_model_destroy(forgets);
    karma_clear_registry();
}

static void ten_questions_on_a_picture_encode_it_once(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("odd")};
    karma_sample samples[10];
    char words[10][32], keys[10][16];
    struct run r = {0};
    for (int i = 0; i < 10; i++) {
        snprintf(words[i], sizeof(words[i]), "Question %d?", i);
        snprintf(keys[i], sizeof(keys[i]), "q%d", i);
        samples[i] = (karma_sample){.struct_size = sizeof(karma_sample),
                                    .key = keys[i],
                                    .input = words[i],
                                    .images = &image,
                                    .n_images = 1};
    }
    karma_model *m = loaded(see_folder("see"), "");
    assert_ok(run_samples(m, samples, 10, &r));
    assert_stats(m, 1, 9);
    for (size_t i = 0; i < r.n_out; i++)
        assert_int_equal(r.out[i].status, KARMA_OK);
    assert_ok(run_samples(m, samples, 10, &r)); /* the next run finds it too */
    assert_stats(m, 1, 19);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* What changes pixels changes the key they are kept under. */
static void pictures_are_kept_by_what_they_show(void **state) {
    (void)state;
    size_t len;
    const char *bytes = read_fixture(SEE_PICTURE("odd"), &len);
    const karma_image path = {.path = SEE_PICTURE("odd")};
    const karma_image from_memory = {.bytes = bytes, .n_bytes = len, .name = "another name"};
    const karma_image other = {.path = SEE_PICTURE("square")};
    karma_model *m = loaded(see_folder("see"), "");
    const struct answer a = ask_about(m, "What?", &path, 1);
    const struct answer b = ask_about(m, "What?", &from_memory, 1);
    assert_stats(m, 1, 1);
    assert_same(&a, &b);
    const struct answer c = ask_about(m, "What?", &other, 1);
    assert_stats(m, 2, 1);
    assert_memory_not_equal(a.logprobs, c.logprobs, sizeof(a.logprobs));
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- where a sample's images stand ---- */

static void a_samples_images_go_with_the_last_user_turn(void **state) {
    (void)state;
    const karma_image images[] = {{.path = SEE_PICTURE("square")}, {.path = SEE_PICTURE("odd")}};
    const karma_message plain[] = {{.role = "user", .content = "One."},
                                   {.role = "assistant", .content = "Two."},
                                   {.role = "user", .content = "Three."}};
    karma_message shown[] = {plain[0], plain[1], plain[2]};
    shown[2].images = images;
    shown[2].n_images = 2;
    const karma_sample beside = {.struct_size = sizeof(beside),
                                 .key = "k",
                                 .conversation = plain,
                                 .n_messages = 3,
                                 .images = images,
                                 .n_images = 2};
    const karma_sample within = {
        .struct_size = sizeof(within), .key = "k", .conversation = shown, .n_messages = 3};
    karma_model *m = loaded(see_folder("see"), "");
    char *json;
    assert_ok(karma_model_preprocess(m, &beside, &json));
    assert_non_null(strstr(json, "\"content\": \"Three.\", \"images\": 2"));
    karma_free(json);
    const struct answer a = ask(m, &beside), b = ask(m, &within);
    assert_int_equal(a.status, KARMA_OK);
    assert_same(&a, &b);
    const karma_message nobody = {.role = "system", .content = "S"};
    const karma_sample no_user = {.struct_size = sizeof(no_user),
                                  .key = "k",
                                  .conversation = &nobody,
                                  .n_messages = 1,
                                  .images = images,
                                  .n_images = 1};
    assert_int_equal(ask(m, &no_user).status, KARMA_E_MISSING);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void a_raw_prompt_says_where_its_images_stand(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("square")};
    karma_model *m = loaded(see_folder("see"), "\"few_shot\": true");
    const struct answer marked = ask_about(m, "See <start_of_image> there", &image, 1);
    assert_int_equal(marked.status, KARMA_OK);
    /* <bos>, "See ", line ends, mark, 4, mark, line ends, " there" */
    assert_int_equal(marked.n_prompt_tokens, 1 + 4 + 1 + 6 + 1 + 6);
    const struct answer unmarked = ask_about(m, "See", &image, 1);
    assert_int_equal(unmarked.status, KARMA_E_SHAPE);
    assert_non_null(strstr(unmarked.error, "0 image marks"));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void pixels_are_a_picture(void **state) {
    (void)state;
    static unsigned char grey[40 * 30], colours[40 * 30 * 3];
    for (size_t i = 0; i < sizeof(grey); i++) {
        grey[i] = (unsigned char)(i * 7 % 256);
        memset(colours + 3 * i, grey[i], 3);
    }
    const karma_image one = {.pixels = grey, .width = 40, .height = 30, .channels = 1};
    const karma_image three = {.pixels = colours, .width = 40, .height = 30, .channels = 3};
    const karma_image none = {.pixels = grey, .width = 0, .height = 30, .channels = 1};
    const karma_image two = {.pixels = grey, .width = 20, .height = 30, .channels = 2};
    const karma_image frame = {
        .pixels = grey, .width = 40, .height = 30, .channels = 1, .frame = 1, .name = "mine"};
    karma_model *m = loaded(see_folder("see"), "");
    const struct answer a = ask_about(m, "What?", &one, 1), b = ask_about(m, "What?", &three, 1);
    assert_int_equal(a.status, KARMA_OK);
    assert_same(&a, &b);
    assert_fails(m, &none, KARMA_E_RANGE, "0 x 30");
    assert_fails(m, &two, KARMA_E_RANGE, "2 channels");
    assert_fails(m, &frame, KARMA_E_RANGE, "mine: frame 1");
    assert_fails(m, &(karma_image){.name = "empty"}, KARMA_E_MISSING, "without path");
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- 16 bits ---- */

static int n_warnings;
static char last_warning[300];

static void on_log(void *user, karma_log_level level, const char *line) {
    (void)user;
    if (level != KARMA_LOG_WARNING) return;
    n_warnings++;
    snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static void sixteen_bits_are_cut_with_a_warning_or_kept(void **state) {
    (void)state;
    const karma_image deep = {.path = SEE_PICTURE("grey16")};
    struct answer by_mode[3];
    static const char *const modes[] = {"reference", "full_depth", "min_max"};
    see_folder("see");
    for (int i = 0; i < 3; i++) {
        char args[64];
        snprintf(args, sizeof(args), "\"image_mode\": \"%s\", \"image_cache_mb\": 0", modes[i]);
        karma_model *m = loaded(test_path("see"), args);
        const karma_sample samples[] = {
            {.struct_size = sizeof(karma_sample), .key = "a", .images = &deep, .n_images = 1},
            {.struct_size = sizeof(karma_sample), .key = "b", .images = &deep, .n_images = 1},
        };
        struct run r = {0};
        n_warnings = 0;
        karma_set_log(on_log, NULL);
        assert_ok(run_samples(m, samples, 2, &r));
        karma_set_log(NULL, NULL);
        assert_int_equal(r.n_out, 2);
        by_mode[i] = r.out[0];
        assert_int_equal(by_mode[i].status, KARMA_OK);
        assert_int_equal(n_warnings, i == 0 ? 2 : 0); /* the first, and how many in the end */
        if (i == 0) assert_non_null(strstr(last_warning, "2 images"));
        karma_model_destroy(m);
    }
    assert_memory_not_equal(by_mode[0].logprobs, by_mode[1].logprobs, sizeof(by_mode[0].logprobs));
    assert_memory_not_equal(by_mode[1].logprobs, by_mode[2].logprobs, sizeof(by_mode[0].logprobs));
    karma_clear_registry();
}

/* ---- what is refused ---- */

static void a_bad_picture_fails_its_sample_and_is_named(void **state) {
    (void)state;
    size_t len;
    const char *bytes = read_fixture(SEE_PICTURE("odd"), &len);
    const karma_image bad[] = {
        {.path = "nowhere/chest.png"},
        {.path = write_text("words.png", "not a picture at all")},
        {.path = write_text("empty.png", "")},
        {.path = write_file("cut.png", bytes, len / 2)},
        {.bytes = bytes, .n_bytes = 0, .name = "no bytes"},
        {.path = "data:image/png;base64,!!!!"},
        {.path = "https://example.org/a.png"},
        {.path = "-"},
        {.path = SEE_PICTURE("odd"), .frame = 3},
        {.path = test_dir()},
    };
    static const char *const named[] = {"chest.png", "words.png", "empty.png", "cut.png",
                                        "no bytes",  "image 1",   "a.png",     "standard",
                                        "odd.png",   "/"};
    enum { N = sizeof(bad) / sizeof(bad[0]) };
    karma_sample samples[N + 1];
    char keys[N][16];
    struct run r = {0};
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof(keys[i]), "bad%d", i);
        samples[i] = (karma_sample){.struct_size = sizeof(karma_sample),
                                    .key = keys[i],
                                    .input = "What?",
                                    .images = &bad[i],
                                    .n_images = 1};
    }
    samples[N] =
        (karma_sample){.struct_size = sizeof(karma_sample), .key = "good", .input = "Is iron low?"};
    karma_model *m = loaded(see_folder("see"), "");
    assert_ok(run_samples(m, samples, N + 1, &r));
    assert_int_equal(r.n_out, N + 1);
    assert_int_equal(find(&r, "good")->status, KARMA_OK);
    for (int i = 0; i < N; i++) {
        const struct answer *a = find(&r, keys[i]);
        if (a->status >= 0 || !strstr(a->error, named[i]))
            fail_msg("%d: expected \"%s\", found %s \"%s\"", i, named[i],
                     karma_status_name(a->status), a->error);
    }
    assert_int_equal(find(&r, "bad0")->status, KARMA_E_MISSING);
    assert_int_equal(find(&r, "bad1")->status, KARMA_E_MAGIC);
    assert_int_equal(find(&r, "bad5")->status, KARMA_E_ENCODING);
    assert_int_equal(find(&r, "bad6")->status, KARMA_E_PATH);
    assert_int_equal(find(&r, "bad8")->status, KARMA_E_RANGE);
    assert_stats(m, 0, 0);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void a_typed_image_token_is_no_image(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("square")};
    see_folder("see");
    karma_model *compat = loaded(test_path("see"), ""), *safe;
    struct answer a = ask_about(compat, "x <start_of_image> y", &image, 1);
    assert_int_equal(a.status, KARMA_E_SHAPE);
    assert_non_null(strstr(a.error, "2 image marks <start_of_image> for 1 image"));
    a = ask_about(compat, "x <start_of_image> y", NULL, 0);
    assert_int_equal(a.status, KARMA_E_SHAPE);
    a = ask_about(compat, "x <image_soft_token> y", &image, 1);
    assert_int_equal(a.status, KARMA_E_SHAPE);
    assert_non_null(strstr(a.error, "<image_soft_token>"));
    a = ask_about(compat,
                  "four: <image_soft_token><image_soft_token><image_soft_token>"
                  "<image_soft_token>",
                  NULL, 0);
    assert_int_equal(a.status, KARMA_E_SHAPE);
    assert_stats(compat, 0, 0);
    safe = loaded(test_path("see"), "\"special_tokens\": \"safe\"");
    a = ask_about(safe, "x <start_of_image><image_soft_token> y", &image, 1);
    assert_int_equal(a.status, KARMA_OK);
    assert_int_equal(a.flags & KARMA_OUTPUT_SPECIAL_IN_TEXT, KARMA_OUTPUT_SPECIAL_IN_TEXT);
    a = ask_about(safe, "x y", &image, 1);
    assert_int_equal(a.flags & KARMA_OUTPUT_SPECIAL_IN_TEXT, 0);
    karma_model_destroy(compat);
    karma_model_destroy(safe);
    karma_clear_registry();
}

static void a_model_of_text_says_so(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("square")};
    karma_model *blind = loaded(tiny_folder("blind"), "");
    struct answer a = ask_about(blind, "What?", &image, 1);
    assert_int_equal(a.status, KARMA_E_UNSUPPORTED);
    assert_non_null(strstr(a.error, "blind cannot see"));
    karma_model_destroy(blind);
    blind = loaded(see_folder("see"), "\"text_only\": true");
    a = ask_about(blind, "What?", &image, 1);
    assert_int_equal(a.status, KARMA_E_UNSUPPORTED);
    assert_non_null(strstr(a.error, "text_only"));
    assert_int_equal(ask_about(blind, "What?", NULL, 0).status, KARMA_OK);
    karma_model_destroy(blind);
    karma_clear_registry();
}

static void many_images_fit_or_fail_before_any_is_encoded(void **state) {
    (void)state;
    karma_image images[50];
    for (int i = 0; i < 50; i++)
        images[i] = (karma_image){.path = SEE_PICTURE("square")};
    karma_model *m = loaded(see_folder("see"), ""); /* room for 256 */
    const struct answer a = ask_about(m, "Which?", images, 50);
    assert_int_equal(a.status, KARMA_E_LIMIT);
    assert_non_null(strstr(a.error, "200 of them for 50 images"));
    assert_non_null(strstr(a.error, "context is 256"));
    assert_stats(m, 0, 0);
    const struct answer b = ask_about(m, "Which?", images, 20);
    assert_int_equal(b.status, KARMA_OK);
    assert_stats(m, 1, 19);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void truncation_never_cuts_a_picture(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("square")};
    char words[400] = "";
    for (size_t i = 0; i < 390; i++)
        words[i] = "word "[i % 5];
    karma_model *m = loaded(see_folder("see"), "\"truncate\": \"left\"");
    const struct answer left = ask_about(m, words, &image, 1); /* the image is at the end */
    assert_int_equal(left.status, KARMA_OK);
    assert_int_equal(left.flags & KARMA_OUTPUT_PROMPT_TRUNCATED, KARMA_OUTPUT_PROMPT_TRUNCATED);
    karma_model_destroy(m);
    m = loaded(test_path("see"), "\"truncate\": \"right\"");
    const struct answer right = ask_about(m, words, &image, 1);
    assert_int_equal(right.status, KARMA_E_SHAPE);
    assert_non_null(strstr(right.error, "truncate"));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void a_broken_processor_file_is_told(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("square")};
    see_folder("broken");
    tiny_write("broken", "preprocessor_config.json", "{\"size\": {\"height\": 56, \"width\": 56}}");
    karma_model *m = loaded(test_path("broken"), "");
    assert_fails(m, &image, KARMA_E_SHAPE, "preprocessor_config.json");
    tiny_write("broken", "preprocessor_config.json", "{");
    assert_fails(m, &image, KARMA_E_SYNTAX, "preprocessor_config.json");
    assert_int_equal(ask_about(m, "Words?", NULL, 0).status, KARMA_OK);
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- the model around it ---- */

static void a_cancelled_run_stops_at_an_image(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("square")};
    const karma_sample samples[] = {
        {.struct_size = sizeof(karma_sample), .key = "a", .input = "One?"},
        {.struct_size = sizeof(karma_sample), .key = "b", .images = &image, .n_images = 1},
        {.struct_size = sizeof(karma_sample), .key = "c", .images = &image, .n_images = 1},
    };
    karma_model *m = loaded(see_folder("see"), "");
    for (int after = 1; after < 5; after++) {
        struct run r = {.cancel_after = after};
        assert_status(run_samples(m, samples, 3, &r), KARMA_E_CANCELLED);
        for (size_t i = 0; i < r.n_out; i++)
            assert_int_equal(r.out[i].status, KARMA_E_CANCELLED);
    }
    struct run r = {0};
    assert_ok(run_samples(m, samples, 3, &r));
    assert_int_equal(r.n_out, 3);
    karma_model_destroy(m);
    karma_clear_registry();
}

static void memory_counts_what_looking_takes(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("square")};
    karma_memory sees = {.struct_size = sizeof(sees)}, blind = sees, now = sees;
    karma_model *m;
    see_folder("see");
    assert_ok(karma_model_create(test_path("see"), "{\"text_only\": true}", &m));
    assert_ok(karma_model_memory(m, &blind));
    karma_model_destroy(m);
    assert_ok(
        karma_model_create(test_path("see"), "{\"max_tokens\": 4, \"image_cache_mb\": 16}", &m));
    assert_ok(karma_model_memory(m, &sees));
    assert_true(sees.cache - blind.cache > 16 << 20);
    assert_ok(karma_model_load(m));
    assert_int_equal(ask_about(m, "What?", &image, 1).status, KARMA_OK);
    assert_ok(karma_model_memory(m, &now));
    assert_true(now.current - now.weights - now.own > 28 * 28 * 3 * 4);
    assert_true(now.peak <= now.estimate + (1 << 20));
    karma_model_unload(m);
    assert_ok(karma_model_memory(m, &now));
    assert_int_equal(now.current, 0);
    karma_model_destroy(m);
    assert_ok(karma_model_create(test_path("see"),
                                 "{\"image_cache_mb\": 100, \"max_memory_mb\": 20}", &m));
    assert_status(karma_model_load(m), KARMA_E_LIMIT);
    assert_message_contains("text_only");
    karma_model_destroy(m);
    karma_clear_registry();
}

/* A run that ends, and a sample that fails, both say why. */
static karma_status look(void *ctx) {
    karma_model *m = ctx;
    const karma_image images[] = {{.path = SEE_PICTURE("long")}, {.path = SEE_PICTURE("grey16")}};
    const karma_sample sample = {.struct_size = sizeof(sample),
                                 .key = "k",
                                 .input = "What?",
                                 .images = images,
                                 .n_images = 2};
    struct run r = {0};
    const karma_status st = run_samples(m, &sample, 1, &r);
    return st < 0 ? st : r.n_out == 1 ? r.out[0].status : KARMA_E_INTERNAL;
}

static void survives_failing_allocations(void **state) {
    (void)state;
    karma_model *m = loaded(see_folder("see"), PARTS ", \"image_cache_mb\": 0");
    assert_ok(look(m)); /* the encoder is there from now on */
    assert_true(for_each_failing_allocation(look, m) > 20);
    assert_ok(look(m));
    karma_model_destroy(m);
    karma_clear_registry();
}

static void identity_knows_how_pictures_are_seen(void **state) {
    (void)state;
    karma_model *m;
    char *plain, *deep, *kept, *processor;
    see_folder("see");
    assert_ok(karma_model_create(test_path("see"), NULL, &m));
    assert_ok(karma_model_identity(m, &plain));
    tiny_write("see", "preprocessor_config.json", "{\"image_mean\": [0, 0, 0]}");
    karma_model_destroy(m);
    assert_ok(karma_model_create(test_path("see"), NULL, &m));
    assert_ok(karma_model_identity(m, &processor));
    karma_model_destroy(m);
    see_folder("see");
    assert_ok(karma_model_create(test_path("see"), "{\"image_mode\": \"min_max\"}", &m));
    assert_ok(karma_model_identity(m, &deep));
    karma_model_destroy(m);
    assert_ok(karma_model_create(test_path("see"), "{\"image_cache_mb\": 1}", &m));
    assert_ok(karma_model_identity(m, &kept));
    karma_model_destroy(m);
    assert_string_not_equal(plain, deep);
    assert_string_not_equal(plain, processor);
    assert_string_equal(plain, kept);
    karma_free(plain);
    karma_free(deep);
    karma_free(kept);
    karma_free(processor);
    karma_clear_registry();
}

static void a_projector_belongs_to_a_gguf(void **state) {
    (void)state;
    karma_model *m;
    assert_ok(karma_model_create(
        see_folder("see"),
        "{\"mmproj\": \"tests/fixtures/models/gemma3_see_gguf/mmproj-F16.gguf\"}", &m));
    assert_status(karma_model_load(m), KARMA_E_USAGE);
    assert_message_contains("mmproj");
    karma_model_destroy(m);
    karma_clear_registry();
}

/* Its tokens are known by how they are spelt; processor files there are none. */
static void a_gguf_sees_with_a_projector_file(void **state) {
    (void)state;
    const karma_image image = {.path = SEE_PICTURE("square")};
    char args[300];
    tiny_copy("pair", "api/see", "model.gguf");
    tiny_copy("pair", "models/gemma3_see_gguf", "mmproj-F16.gguf");
    karma_model *m = loaded(test_path("pair"), "");
    const struct answer found = ask_about(m, "What is this?", &image, 1);
    assert_int_equal(found.status, KARMA_OK);
    assert_int_equal(found.n_prompt_tokens, 37); /* as that of the folder: see cases.txt */
    assert_int_not_equal(found.n_tokens, 0);
    karma_model_destroy(m);
    snprintf(args, sizeof(args), "\"mmproj\": \"%s\"", test_path("pair/mmproj-F16.gguf"));
    m = loaded(test_path("pair/model.gguf"), args);
    const struct answer named = ask_about(m, "What is this?", &image, 1);
    assert_same(&found, &named);
    karma_model_destroy(m);
    m = loaded(test_path("pair/model.gguf"), "");
    const struct answer alone = ask_about(m, "What is this?", &image, 1);
    assert_int_equal(alone.status, KARMA_E_UNSUPPORTED);
    assert_non_null(strstr(alone.error, "mmproj"));
    karma_model_destroy(m);
    karma_clear_registry();
}

/* ---- room in the text ---- */

static karma_status expand(void *ctx) {
    static const size_t n_crops[] = {0, 2};
    static const char text[] = "a <I> data <I> b";
    const struct image_marks marks = {.begin = "<I>",
                                      .soft = "s",
                                      .end = "E",
                                      .tokens_per_image = 2,
                                      .n_crops = n_crops,
                                      .n_images = 2};
    const struct text_span data[] = {{0, 1}, {6, 10}};
    struct buf out = {0};
    struct text_span *spans;
    size_t n_spans;
    (void)ctx;
    karma_status st =
        image_marks_expand(&marks, true, text, sizeof(text) - 1, data, 2, &out, &spans, &n_spans);
    if (st == KARMA_OK) {
        assert_string_equal(buf_str(&out),
                            "a \n\n<I>ssE\n\n data Here is the original image \n\n<I>ssE\n\n and "
                            "here are some crops to help you see better \n\n<I>ssE\n\n "
                            "\n\n<I>ssE\n\n b");
        assert_int_equal(n_spans, 2);
        assert_memory_equal(buf_str(&out) + spans[1].begin, "data", 4);
        assert_int_equal(spans[1].end - spans[1].begin, 4);
        mem_free(spans);
    }
    buf_release(&out);
    return st;
}

static void room_is_made_in_the_text(void **state) {
    (void)state;
    assert_ok(expand(NULL));
    assert_true(for_each_failing_allocation(expand, NULL) > 0);
}

static void marks_that_touch_data_are_words_in_safe_mode(void **state) {
    (void)state;
    static const size_t n_crops[] = {0};
    static const char text[] = "<I> d<I>";
    const struct image_marks marks = {.begin = "<I>",
                                      .soft = "s",
                                      .end = "E",
                                      .tokens_per_image = 1,
                                      .n_crops = n_crops,
                                      .n_images = 1};
    const struct text_span data[] = {{4, 6}}; /* its last byte begins a mark */
    struct buf out = {0};
    struct text_span *spans;
    size_t n;
    assert_ok(image_marks_expand(&marks, true, text, 8, data, 1, &out, &spans, &n));
    assert_string_equal(buf_str(&out), "\n\n<I>sE\n\n d<I>");
    mem_free(spans);
    buf_clear(&out);
    assert_status(image_marks_expand(&marks, false, text, 8, data, 1, &out, &spans, &n),
                  KARMA_E_SHAPE);
    buf_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(prompts_and_answers_are_the_references),
        test_case(company_changes_no_bit),
        test_case(a_kept_picture_gives_the_same_bits),
        test_case(ten_questions_on_a_picture_encode_it_once),
        test_case(pictures_are_kept_by_what_they_show),
        test_case(a_samples_images_go_with_the_last_user_turn),
        test_case(a_raw_prompt_says_where_its_images_stand),
        test_case(pixels_are_a_picture),
        test_case(sixteen_bits_are_cut_with_a_warning_or_kept),
        test_case(a_bad_picture_fails_its_sample_and_is_named),
        test_case(a_typed_image_token_is_no_image),
        test_case(a_model_of_text_says_so),
        test_case(many_images_fit_or_fail_before_any_is_encoded),
        test_case(truncation_never_cuts_a_picture),
        test_case(a_broken_processor_file_is_told),
        test_case(a_cancelled_run_stops_at_an_image),
        test_case(memory_counts_what_looking_takes),
        test_case(survives_failing_allocations),
        test_case(identity_knows_how_pictures_are_seen),
        test_case(a_projector_belongs_to_a_gguf),
        test_case(a_gguf_sees_with_a_projector_file),
        test_case(room_is_made_in_the_text),
        test_case(marks_that_touch_data_are_words_in_safe_mode),
    };
    return run_group("api/vision", tests);
}
