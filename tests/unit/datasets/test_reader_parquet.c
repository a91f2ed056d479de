/*
 * test_reader_parquet.c - data sets in Parquet files: the same samples as from JSON Lines, bytes of
 * pictures and recordings as they are, splits in several files, and what is wrong with them.
 */
#include "tests/support/test.h"

#include "base/file.h"
#include "datasets/dataset.h"
#include "datasets/shards.h"

#define FOLDER "tests/fixtures/datasets/parquet/"

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

static void same_text(const char *a, const char *b) {
    if (!a || !b)
        assert_true(a == b);
    else
        assert_string_equal(a, b);
}

static void same_bytes(const unsigned char *a, size_t n_a, const unsigned char *b, size_t n_b) {
    assert_int_equal(n_a, n_b);
    assert_true(n_a > 0);
    assert_memory_equal(a, b, n_a);
}

/* Sample i of both, keys as well: they are made of the rows' content. */
static void same_sample(karma_dataset *x, karma_dataset *y, size_t i) {
    const karma_sample *a = sample(x, i), *b = sample(y, i);
    assert_string_equal(a->key, b->key);
    same_text(a->input, b->input);
    same_text(a->expected_output, b->expected_output);
    assert_int_equal(a->n_images, b->n_images);
    for (size_t k = 0; k < a->n_images; k++) {
        same_bytes(a->images[k].bytes, a->images[k].n_bytes, b->images[k].bytes,
                   b->images[k].n_bytes);
        assert_string_equal(a->images[k].digest, b->images[k].digest);
        assert_string_equal(a->images[k].name, b->images[k].name);
    }
    assert_true(!a->audio == !b->audio);
    if (!a->audio) return;
    same_bytes(a->audio->bytes, a->audio->n_bytes, b->audio->bytes, b->audio->n_bytes);
    assert_string_equal(a->audio->digest, b->audio->digest);
}

static void same_set(const char *one, const char *other) {
    karma_dataset *x = open_set(one, NULL), *y = open_set(other, NULL);
    const size_t n = karma_dataset_count(x);
    assert_int_equal(n, karma_dataset_count(y));
    assert_string_equal(karma_dataset_get_info(x)->prompt, karma_dataset_get_info(y)->prompt);
    for (size_t i = 0; i < n; i++)
        same_sample(x, y, i);
    for (size_t i = 0; i < 3 * n; i++) /* as a run may ask for them */
        same_sample(x, y, i * 7 % n);
    karma_dataset_close(x);
    karma_dataset_close(y);
}

static void samples_are_those_of_json_lines(void **state) {
    (void)state;
    same_set(FOLDER "mcq.parquet", FOLDER "mcq.jsonl");
    same_set(FOLDER "vqa.parquet", FOLDER "vqa.jsonl");
    same_set(FOLDER "vqa_plain.parquet", FOLDER "vqa.jsonl");
    same_set(FOLDER "asr.parquet", FOLDER "asr.jsonl");
}

/* The same recordings as a folder of files. */
static void recordings_are_those_of_a_folder(void **state) {
    (void)state;
    karma_dataset *p = open_set(FOLDER "asr.parquet", NULL), *f = open_set(FOLDER "clips", NULL);
    assert_int_equal(karma_dataset_count(p), karma_dataset_count(f));
    for (size_t i = 0; i < karma_dataset_count(p); i++) {
        const karma_sample *a = sample(p, i), *b = sample(f, i);
        assert_string_equal(a->audio->digest, b->audio->digest);
        assert_string_equal(a->expected_output, b->expected_output);
    }
    karma_dataset_close(p);
    karma_dataset_close(f);
}

/* A sample lent stays while the answer to another is read. */
static void a_lent_picture_stays(void **state) {
    (void)state;
    karma_dataset *d = open_set(FOLDER "vqa.parquet", NULL);
    const karma_sample *s = sample(d, 0);
    unsigned char copy[4096];
    const char *prediction;
    karma_parse how;
    const size_t n = s->images[0].n_bytes;
    assert_true(n < sizeof(copy));
    memcpy(copy, s->images[0].bytes, n);
    assert_ok(karma_dataset_extract(d, 7, "3", &prediction, &how));
    assert_memory_equal(copy, s->images[0].bytes, n);
    karma_dataset_close(d);
}

static void a_split_may_be_in_several_files(void **state) {
    (void)state;
    karma_dataset *d = open_set(FOLDER "split", "{\"split\": \"train\"}");
    karma_dataset *whole = open_set(FOLDER "mcq.parquet", NULL);
    assert_int_equal(karma_dataset_count(d), 9);
    for (size_t i = 0; i < 9; i++)
        same_sample(d, whole, i);
    karma_dataset_close(d);
    d = open_set(FOLDER "split/data/train-*-of-00003.parquet", NULL);
    assert_int_equal(karma_dataset_count(d), 9);
    karma_dataset_close(d);
    d = open_set(FOLDER "split/data/train-00001-of-00003.parquet", NULL);
    assert_int_equal(karma_dataset_count(d), 3);
    karma_dataset_close(d);
    karma_dataset_close(whole);
    refuses(FOLDER "split", "{\"split\": \"test\"}", KARMA_E_MISSING, "nor Parquet files of that");
}

static const char *copy_of(const char *from, const char *name) {
    size_t n;
    const char *data = read_fixture(from, &n);
    return write_file(name, data, n);
}

/* Folders as the converted branch of a repository has them: SPLIT/0000.parquet. */
static void the_files_of_a_folder_are_a_split(void **state) {
    (void)state;
    copy_of(FOLDER "split/data/train-00000-of-00003.parquet", "branch/test/0000.parquet");
    copy_of(FOLDER "split/data/train-00001-of-00003.parquet", "branch/test/0001.parquet");
    karma_dataset *d = open_set(test_path("branch"), "{\"split\": \"test\"}");
    assert_int_equal(karma_dataset_count(d), 6);
    karma_dataset_close(d);
}

static void no_numbered_file_may_be_missing(void **state) {
    (void)state;
    copy_of(FOLDER "split/data/train-00000-of-00003.parquet", "m/train-00000-of-00003.parquet");
    copy_of(FOLDER "split/data/train-00002-of-00003.parquet", "m/train-00002-of-00003.parquet");
    refuses(test_path("m"), "{\"split\": \"train\"}", KARMA_E_MISSING,
            "number 1 of 3 is not there");
    copy_of(FOLDER "split/data/train-00001-of-00003.parquet", "m/train-00001-of-00003.parquet");
    copy_of(FOLDER "split/data/train-00001-of-00003.parquet", "m/train-00001-of-00003-a.parquet");
    refuses(test_path("m"), "{\"split\": \"train\"}", KARMA_E_DUPLICATE, "another of this number");
    copy_of(FOLDER "split/data/train-00000-of-00003.parquet", "e/train-00000-of-00002.parquet");
    refuses(test_path("e"), "{\"split\": \"train\"}", KARMA_E_MISSING, "1 of 2 files are there");
    refuses(test_path("e/x-*.parquet"), NULL, KARMA_E_MISSING, "no such files");
}

static void messages_name_file_and_row(void **state) {
    (void)state;
    copy_of(FOLDER "split/data/train-00000-of-00003.parquet", "w/a.parquet");
    copy_of(FOLDER "asr.parquet", "w/b.parquet");
    refuses(test_path("w/*.parquet"), NULL, KARMA_E_MISSING, "w/*.parquet: row 1 of b.parquet: ");
    refuses(write_text("text.parquet", "not one"), NULL, KARMA_E_MAGIC,
            "text.parquet: not a Parquet file");
    refuses(FOLDER "none.parquet", NULL, KARMA_E_MISSING, "none.parquet");
    refuses(FOLDER "vqa.parquet", "{\"split\": \"dev\"}", KARMA_E_MISSING,
            "split: the rows do not say theirs");
}

static void the_bytes_are_part_of_the_digest(void **state) {
    (void)state;
    karma_dataset *x = open_set(FOLDER "vqa.parquet", NULL);
    karma_dataset *y = open_set(FOLDER "vqa_plain.parquet", NULL);
    karma_dataset *z = open_set(copy_of(FOLDER "vqa.parquet", "z/other.parquet"), NULL);
    assert_string_not_equal(karma_dataset_digest(x), karma_dataset_digest(y));
    assert_string_equal(karma_dataset_digest(x), karma_dataset_digest(z));
    karma_dataset_close(x);
    karma_dataset_close(y);
    karma_dataset_close(z);
}

static karma_status read_set(void *name) {
    karma_dataset *d;
    const karma_sample *s;
    karma_status st = karma_dataset_open(name, "{\"split\": \"train\"}", &d);
    if (st < 0) return st;
    for (size_t i = 0; i < karma_dataset_count(d) && st == KARMA_OK; i++)
        st = karma_dataset_get(d, i, &s);
    karma_dataset_close(d);
    return st;
}

static void survives_each_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(read_set, FOLDER "split") > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(samples_are_those_of_json_lines),
        test_case(recordings_are_those_of_a_folder),
        test_case(a_lent_picture_stays),
        test_case(a_split_may_be_in_several_files),
        test_case(the_files_of_a_folder_are_a_split),
        test_case(no_numbered_file_may_be_missing),
        test_case(messages_name_file_and_row),
        test_case(the_bytes_are_part_of_the_digest),
        test_case(survives_each_failing_allocation),
    };
    return run_group("datasets/reader_parquet", tests);
}
