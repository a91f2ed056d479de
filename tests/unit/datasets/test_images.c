/*
 * test_images.c - questions on pictures: files, bytes and URLs in the rows, several of them, what
 * is missing or changes, parts of the set, the published sets.
 */
#include "tests/support/test.h"

#include "datasets/dataset.h"

#define PIXEL                                                                                      \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+"                                \
    "M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

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
    return s;
}

static const char *answer_type(karma_dataset *d, size_t i) {
    const char *type;
    assert_ok(karma_dataset_answer_type(d, i, &type));
    return type ? type : "none";
}

static void a_manifest_is_known_by_its_columns(void **state) {
    (void)state;
    write_text("m/img/a.png", "one");
    karma_dataset *d = open_set(
        write_text("m/rows.jsonl",
                   "{\"id\": \"q1\", \"image\": \"img/a.png\", \"question\": \"Seen?\", "
                   "\"answer\": \"Yes\"}\n"
                   "{\"image\": {\"path\": \"img/a.png\", \"frame\": 3}, \"question\": \"What?\", "
                   "\"answer\": \"a lung\", \"answer_type\": \" OPEN\"}\n"),
        NULL);
    assert_string_equal(karma_dataset_get_info(d)->task_type, "vqa");
    assert_string_equal(karma_dataset_get_info(d)->metrics[1], "tokenised_f1");
    const karma_sample *s = sample(d, 0);
    assert_string_equal(s->input, "Seen?");
    assert_string_equal(s->expected_output, "Yes");
    assert_int_equal(s->n_images, 1);
    assert_non_null(strstr(s->images[0].path, "/m/img/a.png"));
    assert_string_equal(s->images[0].name, "img/a.png");
    assert_null(s->images[0].bytes);
    assert_int_equal(s->images[0].frame, 0);
    assert_int_equal(strlen(s->images[0].digest), 64);
    assert_string_equal(answer_type(d, 0), "closed"); /* by its answer */
    s = sample(d, 1);
    assert_int_equal(s->images[0].frame, 3);
    assert_string_equal(answer_type(d, 1), "open");
    const char *type;
    assert_status(karma_dataset_answer_type(d, 2, &type), KARMA_E_RANGE);
    karma_dataset_close(d);
}

/* As files, tables, exports and viewers have them. */
static void bytes_may_stand_in_the_row(void **state) {
    (void)state;
    char rows[4096];
    snprintf(rows, sizeof(rows),
             "{\"image\": \"%s\", \"question\": \"a\", \"answer\": \"a\"}\n"
             "{\"image\": \"data:image/png;base64,%s\", \"question\": \"a\", \"answer\": \"a\"}\n"
             "{\"image\": {\"bytes\": \"%s\", \"path\": \"x.png\"}, \"question\": \"a\", "
             "\"answer\": \"a\"}\n"
             "{\"image\": {\"src\": \"DATA:image/png;base64,%s\", \"height\": 1, \"width\": 1}, "
             "\"question\": \"a\", \"answer\": \"a\"}\n"
             "{\"image\": {\"bytes\": \"\"}, \"question\": \"a\", \"answer\": \"a\"}\n",
             PIXEL, PIXEL, PIXEL, PIXEL);
    karma_dataset *d = open_set(write_text("bytes.jsonl", rows), NULL);
    char digest[65];
    for (size_t i = 0; i < 4; i++) {
        const karma_image *im = sample(d, i)->images;
        assert_null(im->path);
        assert_int_equal(im->n_bytes, 70);
        assert_memory_equal(im->bytes, "\x89PNG\r\n", 6);
        if (i == 0) snprintf(digest, sizeof(digest), "%s", im->digest);
        assert_string_equal(im->digest, digest);
        if (i == 2) assert_string_equal(im->name, "x.png");
    }
    /* No bytes at all is what the model says of it, not the end of the run. */
    assert_int_equal(sample(d, 4)->images[0].n_bytes, 0);
    assert_non_null(sample(d, 4)->images[0].bytes);
    karma_dataset_close(d);
    snprintf(rows, sizeof(rows),
             "{\"image\": \"%.30s\\n%s\\r\\n\", \"question\": \"a\", "
             "\"answer\": \"a\"}\n",
             PIXEL, PIXEL + 30);
    d = open_set(write_text("lines.jsonl", rows), NULL);
    assert_string_equal(sample(d, 0)->images[0].digest, digest);
    karma_dataset_close(d);
}

static void a_row_may_show_several(void **state) {
    (void)state;
    write_text("n/a.png", "one");
    write_text("n/b.png", "two");
    karma_dataset *d = open_set(write_text("n/rows.jsonl",
                                           "{\"images\": [\"a.png\", {\"path\": \"b.png\"}, "
                                           "\"a.png\"], \"question\": \"q\", \"answer\": \"a\"}\n"),
                                NULL);
    const karma_sample *s = sample(d, 0);
    assert_int_equal(s->n_images, 3);
    assert_string_equal(s->images[1].name, "b.png");
    assert_string_equal(s->images[0].digest, s->images[2].digest);
    assert_string_not_equal(s->images[0].digest, s->images[1].digest);
    karma_dataset_close(d);
    write_text("n/rows.csv", "frontal,lateral,closed,question,answer\na.png,b.png,true,q,a\n"
                             "a.png,,false,q,a\n");
    d = open_set(write_text("n/set.yaml",
                            "name: ours/views\nkind: visual_question_answer\npath: rows.csv\n"
                            "fields: {image: [frontal, lateral], answer_type: closed}\n"),
                 NULL);
    assert_int_equal(sample(d, 0)->n_images, 2);
    assert_int_equal(sample(d, 1)->n_images, 1);
    assert_string_equal(answer_type(d, 0), "closed");
    assert_string_equal(answer_type(d, 1), "open");
    karma_dataset_close(d);
    write_text("n/bool.jsonl", "{\"closed\": true, \"image\": \"a.png\", \"question\": \"q\", "
                               "\"answer\": \"left\"}\n"
                               "{\"closed\": false, \"image\": \"a.png\", \"question\": \"q\", "
                               "\"answer\": \"yes\"}\n");
    d = open_set(write_text("n/bool.yaml",
                            "name: ours/bool\nkind: visual_question_answer\npath: bool.jsonl\n"
                            "fields: {answer_type: closed}\n"),
                 NULL);
    assert_string_equal(answer_type(d, 0), "closed");
    assert_string_equal(answer_type(d, 1), "open");
    karma_dataset_close(d);
    char *many = malloc(1 << 16);
    size_t at = (size_t)sprintf(many, "{\"question\": \"q\", \"answer\": \"a\", \"images\": [");
    for (int i = 0; i < 1025; i++)
        at += (size_t)sprintf(many + at, "%s\"a.png\"", i ? "," : "");
    sprintf(many + at, "]}\n");
    refuses(write_text("n/many.jsonl", many), NULL, KARMA_E_LIMIT, "images: more than 1024");
    free(many);
}

static void tables_may_name_a_frame(void **state) {
    (void)state;
    write_text("f/a.dcm", "x");
    karma_dataset *d = open_set(write_text("f/rows.csv", "image,frame,question,answer\n"
                                                         "a.dcm,7,q,a\na.dcm,,q,a\n"),
                                NULL);
    assert_int_equal(sample(d, 0)->images[0].frame, 7);
    assert_int_equal(sample(d, 1)->images[0].frame, 0);
    karma_dataset_close(d);
    refuses(write_text("f/bad.csv", "image,frame,question,answer\na.dcm,-1,q,a\n"), NULL,
            KARMA_E_RANGE, "line 2: frame: expected the number of a frame");
}

static void what_is_wrong_names_its_line(void **state) {
    (void)state;
    static const struct {
        const char *image;
        karma_status status;
        const char *text;
    } cases[] = {
        {"null", KARMA_E_MISSING,
         "line 2: image: missing (rows with and without pictures: kind question_answer)"},
        {"\"\"", KARMA_E_MISSING, "line 2: image: missing"},
        {"[]", KARMA_E_MISSING, "line 2: image: missing"},
        {"7", KARMA_E_TYPE, "expected a path, base64 or an object, found int"},
        {"{}", KARMA_E_MISSING, "neither bytes nor path"},
        {"[\"a.png\", null]", KARMA_E_MISSING, "image: item 1: missing"},
        {"[[\"a.png\"]]", KARMA_E_TYPE, "image: item 0: expected"},
        {"{\"bytes\": [137, 80]}", KARMA_E_TYPE, "bytes: expected base64, found array"},
        {"{\"bytes\": \"Zg=\"}", KARMA_E_ENCODING, "image: bytes: base64"},
        {"{\"path\": \"a.png\", \"frame\": \"x\"}", KARMA_E_RANGE, "image: frame: expected"},
        {"{\"path\": \"a.png\", \"frame\": 1.5}", KARMA_E_RANGE, "image: frame: expected"},
        {"{\"path\": \"a.png\", \"frame\": 12345678901}", KARMA_E_RANGE, "image: frame: "},
        {"\"https://example.org/a.png\"", KARMA_E_PATH, "nothing is fetched"},
        {"{\"src\": \"https://example.org/a.png\"}", KARMA_E_PATH, "image: src: a URL"},
        {"{\"path\": \"s3://bucket/a.png\"}", KARMA_E_PATH, "nothing is fetched"},
        {"\"file:///a.png\"", KARMA_E_PATH, "a URL (file:///a.png)"},
        {"\"data:image/png,x\"", KARMA_E_UNSUPPORTED, "base64"},
        {"\".\"", KARMA_E_PATH, "not a file"},
        {"\"a\\u0000.png\"", KARMA_E_RANGE, "NUL"},
    };
    write_text("a.png", "x");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char rows[1024];
        snprintf(rows, sizeof(rows),
                 "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": \"a\"}\n"
                 "{\"image\": %s, \"question\": \"q\", \"answer\": \"a\"}\n",
                 cases[i].image);
        refuses(write_text("wrong.jsonl", rows), NULL, cases[i].status, cases[i].text);
    }
    refuses(write_text("type.jsonl", "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": "
                                     "\"a\", \"answer_type\": {}}\n"),
            NULL, KARMA_E_TYPE, "answer_type: expected a text");
}

static void a_missing_file_is_its_samples_failure(void **state) {
    (void)state;
    write_text("g/a.png", "x");
    const char *path = write_text(
        "g/rows.jsonl", "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": \"a\"}\n"
                        "{\"image\": \"gone.png\", \"question\": \"q\", \"answer\": \"a\"}\n");
    refuses(path, "{\"missing_image\": \"error\"}", KARMA_E_MISSING, "rows.jsonl: line 2: image: ");
    karma_dataset *d = open_set(path, NULL);
    assert_null(sample(d, 1)->images[0].digest);
    assert_non_null(sample(d, 1)->images[0].path);
    assert_non_null(sample(d, 0)->images[0].digest);
    write_text("g/gone.png", "now it is there");
    const karma_sample *s;
    assert_status(karma_dataset_get(d, 1, &s), KARMA_E_DIGEST);
    assert_message_contains("line 2: image: ");
    karma_dataset_close(d);
}

static void the_digest_covers_the_picture_and_not_its_place(void **state) {
    (void)state;
    static const char row[] = "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": \"a\"}\n";
    char digests[3][65];
    for (int i = 0; i < 3; i++) {
        write_text(i == 1 ? "p/a.png" : "o/a.png", i == 2 ? "other" : "same");
        karma_dataset *d = open_set(write_text(i == 1 ? "p/m.jsonl" : "o/m.jsonl", row), NULL);
        snprintf(digests[i], sizeof(digests[i]), "%s", karma_dataset_digest(d));
        karma_dataset_close(d);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
}

static void a_picture_that_changes_in_use_is_an_error(void **state) {
    (void)state;
    write_text("c/a.png", "before");
    const char *rows =
        write_text("c/m.jsonl", "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": \"a\"}\n"
                                "{\"image\": \"a.png\", \"question\": \"r\", \"answer\": \"a\"}\n");
    karma_dataset *d = open_set(rows, NULL);
    const karma_sample *s;
    write_text("c/a.png", "after that");
    assert_status(karma_dataset_get(d, 1, &s), KARMA_E_DIGEST);
    assert_message_contains("m.jsonl: line 2: image: ");
    karma_dataset_close(d);
}

static void other_kinds_of_questions_may_show_pictures(void **state) {
    (void)state;
    write_text("k/a.png", "x");
    karma_dataset *d =
        open_set(write_text("k/mc.jsonl",
                            "{\"image\": \"a.png\", \"question\": \"q\", \"options\": [\"x\", "
                            "\"y\"], \"answer\": \"A\"}\n"
                            "{\"question\": \"q\", \"options\": [\"x\", \"y\"], \"answer\": 1}\n"),
                 NULL);
    assert_string_equal(karma_dataset_get_info(d)->task_type, "mcqa");
    assert_int_equal(sample(d, 0)->n_images, 1);
    assert_int_equal(sample(d, 1)->n_images, 0);
    assert_null(sample(d, 1)->images);
    assert_string_equal(answer_type(d, 0), "none");
    karma_dataset_close(d);
    d = open_set(write_text("k/text.jsonl", "{\"question\": \"q\", \"answer\": \"a\"}\n"
                                            "{\"question\": \"q\", \"answer\": \"a\", \"image\": "
                                            "\"a.png\"}\n"),
                 NULL);
    assert_string_equal(karma_dataset_get_info(d)->task_type, "open_ended_qa");
    assert_int_equal(sample(d, 1)->n_images, 1);
    karma_dataset_close(d);
}

static void a_folder_of_pictures_has_a_manifest(void **state) {
    (void)state;
    write_text("h/img/a.png", "x");
    write_text("h/metadata.csv", "file_name,question,answer\nimg/a.png,q,a\n");
    char args[4200], folder[4096];
    snprintf(args, sizeof(args), "{\"path\": \"%s/h\"}", test_dir());
    karma_dataset *d = open_set("visual_question_answer", args);
    assert_string_equal(sample(d, 0)->images[0].name, "img/a.png");
    karma_dataset_close(d);
    write_text("h2/test.jsonl", "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": \"a\"}\n");
    write_text("h2/a.png", "x");
    snprintf(args, sizeof(args), "{\"path\": \"%s/h2\", \"split\": \"test\"}", test_dir());
    d = open_set("visual_question_answer", args);
    assert_int_equal(karma_dataset_count(d), 1);
    karma_dataset_close(d);
    write_text("h3/metadata.csv", "image,question,answer\na.png,q,a\n");
    write_text("h3/a.png", "x");
    snprintf(folder, sizeof(folder), "%s/h3", test_dir());
    d = open_set(folder, NULL); /* named itself, it is known by its first row */
    assert_string_equal(karma_dataset_get_info(d)->task_type, "vqa");
    karma_dataset_close(d);
}

static void the_published_sets_ask_as_karma_does(void **state) {
    (void)state;
    char args[4400];
    write_text("r/a.png", "x");
    snprintf(args, sizeof(args), "{\"path\": \"%s\"}",
             write_text("r/rows.jsonl", "{\"image\": \"a.png\", \"question\": \"Is {it} seen?\", "
                                        "\"answer\": \"Left LUNG.\"}\n"
                                        "{\"image\": \"a.png\", \"question\": \"q\", "
                                        "\"answer\": \"NO\"}\n"));
    karma_dataset *d = open_set("flaviagiammarino/vqa-rad", args);
    const karma_sample *s = sample(d, 0);
    assert_string_equal(
        s->input, "Given this radiology image, which can be a frontal chest X-ray, a single slice "
                  "head or\nabdominal CT or MR image, provide a very short, definitive, and "
                  "concise answer (if possible, a single\nword) to the following question: Is "
                  "{it} seen?");
    assert_string_equal(s->expected_output, "left lung.");
    assert_string_equal(answer_type(d, 0), "open");
    assert_string_equal(answer_type(d, 1), "closed");
    const char *prediction;
    karma_parse how;
    assert_ok(karma_dataset_extract(d, 0, " Left Lung \n", &prediction, &how));
    assert_string_equal(prediction, "Left Lung");
    karma_dataset_close(d);
    d = open_set("mdwiratathya/SLAKE-vqa-english", args);
    assert_string_equal(
        sample(d, 1)->input,
        "q You may write out your argument before stating your final very short,\ndefinitive, and "
        "concise answer (if possible, a single word or the letter corresponding to your "
        "answer\nchoice) X in the format \"Final Answer: X\": ");
    assert_ok(
        karma_dataset_extract(d, 0, "So. Final Answer: Lung\nFinal Answer: x", &prediction, &how));
    assert_string_equal(prediction, "Lung");
    assert_ok(karma_dataset_extract(d, 0, "It is the lung.", &prediction, &how));
    assert_string_equal(prediction, "");
    assert_int_equal(how, KARMA_PARSE_NONE);
    karma_dataset_close(d);
}

static void another_prompt_may_be_given(void **state) {
    (void)state;
    char args[4400];
    write_text("i/a.png", "x");
    const char *rows = write_text(
        "i/rows.jsonl", "{\"image\": \"a.png\", \"question\": \"Seen?\", \"answer\": \"no\"}\n");
    snprintf(args, sizeof(args),
             "{\"path\": \"%s\", \"confinement_instructions\": \"{x} <QUESTION> }<QUESTION>\"}",
             rows);
    karma_dataset *d = open_set("flaviagiammarino/vqa-rad", args);
    assert_string_equal(sample(d, 0)->input, "{x} Seen? }Seen?");
    karma_dataset_close(d);
    snprintf(args, sizeof(args), "{\"path\": \"%s\", \"confinement_instructions\": \"be brief\"}",
             rows);
    refuses("mdwiratathya/SLAKE-vqa-english", args, KARMA_E_USAGE, "<QUESTION> is not in it");
}

static void hard_questions_show_all_their_pictures(void **state) {
    (void)state;
    char args[4400], rows[1024];
    snprintf(rows, sizeof(rows),
             "{\"id\": \"MM-1\", \"question\": \"Which?\", \"options\": {\"A\": \"x\", \"B\": "
             "\"y\"}, \"label\": \"B\", \"images\": [{\"bytes\": \"%s\", \"path\": null}, "
             "{\"bytes\": \"%s\", \"path\": \"b.png\"}]}\n",
             PIXEL, PIXEL);
    snprintf(args, sizeof(args), "{\"path\": \"%s\"}", write_text("mm.jsonl", rows));
    karma_dataset *d = open_set("ChuGyouk/MedXpertQA", args);
    const karma_sample *s = sample(d, 0);
    assert_int_equal(s->n_images, 2);
    assert_string_equal(s->expected_output, "B");
    assert_string_equal(
        s->input, "Which?\n\nA. x\nB. y Think\nstep by step through each of the multiple choice "
                  "options. You MUST end your response with \"Final Answer:\" followed by only "
                  "the letter corresponding to the correct answer enclosed in parentheses).");
    const char *prediction;
    karma_parse how;
    assert_ok(karma_dataset_extract(d, 0, "So it is y.\nFinal\nAnswer: (B)", &prediction, &how));
    assert_string_equal(prediction, "B");
    karma_dataset_close(d);
}

static karma_status open_and_look(void *ctx) {
    karma_dataset *d;
    const karma_sample *s;
    const char *type;
    karma_status st = karma_dataset_open(ctx, NULL, &d);
    if (st < 0) return st;
    for (size_t i = 0; i < karma_dataset_count(d) && st == KARMA_OK; i++) {
        st = karma_dataset_get(d, i, &s);
        if (st == KARMA_OK) st = karma_dataset_answer_type(d, i, &type);
    }
    karma_dataset_close(d);
    return st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    char rows[2048];
    write_text("o/a.png", "x");
    snprintf(rows, sizeof(rows),
             "{\"images\": [\"a.png\", \"gone.png\"], \"question\": \"q\", \"answer\": \"A\"}\n"
             "{\"images\": [\"a.png\", \"%s\"], \"question\": \"q\", \"answer\": \"no\"}\n",
             PIXEL);
    write_text("o/two.jsonl", rows);
    char *set = strdup(write_text("o/two.yaml", "name: ours/two\nkind: visual_question_answer\n"
                                                "path: two.jsonl\n"));
    assert_ok(open_and_look(set));
    assert_true(for_each_failing_allocation(open_and_look, set) > 20);
    free(set);
    described_forget();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_is_known_by_its_columns),
        cmocka_unit_test(bytes_may_stand_in_the_row),
        cmocka_unit_test(a_row_may_show_several),
        cmocka_unit_test(tables_may_name_a_frame),
        cmocka_unit_test(what_is_wrong_names_its_line),
        cmocka_unit_test(a_missing_file_is_its_samples_failure),
        cmocka_unit_test(the_digest_covers_the_picture_and_not_its_place),
        cmocka_unit_test(a_picture_that_changes_in_use_is_an_error),
        cmocka_unit_test(other_kinds_of_questions_may_show_pictures),
        cmocka_unit_test(a_folder_of_pictures_has_a_manifest),
        cmocka_unit_test(the_published_sets_ask_as_karma_does),
        cmocka_unit_test(another_prompt_may_be_given),
        cmocka_unit_test(hard_questions_show_all_their_pictures),
        cmocka_unit_test(survives_every_failing_allocation),
    };
    return run_group("datasets/images", tests);
}
