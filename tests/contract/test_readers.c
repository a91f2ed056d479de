/*
 * test_readers.c - every reader is asked the same: the same three rows in its own form, in order
 * and out of it, with every cut of the text, with every allocation failing, from files that are
 * none.
 */
#include "tests/support/test.h"

#include <sys/stat.h>

#include "datasets/reader.h"

/* {"id": "1", "q": "one"}, {"id": "2", "q": "two, \"2\""}, {"id": "3", "q": "dr\u00e9i"} */
static const struct sample {
    const struct reader_ops *ops;
    const char *file;
    const char *text;
} samples[] = {
    {&reader_jsonl, "rows.jsonl",
     "{\"id\": \"1\", \"q\": \"one\"}\n{\"id\": \"2\", \"q\": \"two, \\\"2\\\"\"}\n"
     "{\"id\": \"3\", \"q\": \"dr\xC3\xA9i\"}\n"},
    {&reader_json, "rows.json",
     "[{\"id\": \"1\", \"q\": \"one\"}, {\"id\": \"2\", \"q\": \"two, \\\"2\\\"\"},"
     "{\"id\": \"3\", \"q\": \"dr\\u00e9i\"}]"},
    {&reader_csv, "rows.csv", "id,q\n1,one\n2,\"two, \"\"2\"\"\"\n3,dr\xC3\xA9i\n"},
    {&reader_csv, "rows.tsv", "id\tq\n1\tone\n2\t\"two, \"\"2\"\"\"\n3\tdr\xC3\xA9i\n"},
};
enum { SAMPLES = sizeof(samples) / sizeof(*samples), ROWS = 3 };
static const char *const questions[ROWS] = {"one", "two, \"2\"", "dr\xC3\xA9i"};

static bool is_tsv(const struct sample *s) {
    return strstr(s->file, ".tsv") != NULL;
}

static karma_status open_sample(const struct sample *s, size_t len, struct reader *r) {
    memset(r, 0, sizeof(*r));
    return reader_open_text(s->ops, is_tsv(s), s->text, len, r);
}

static void every_reader_is_listed_with_its_extensions(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++)
        assert_ptr_equal(reader_for(samples[i].file), samples[i].ops);
    assert_ptr_equal(reader_for("UPPER.JSONL"), &reader_jsonl);
    assert_ptr_equal(reader_for("rows.parquet"), &reader_parquet); /* tests/unit/datasets has it */
    assert_null(reader_for("rows.arrow"));
    assert_null(reader_for(".csv"));
    size_t count = 0;
    for (const struct reader_ops *const *r = readers; *r; r++, count++) {
        assert_non_null((*r)->name);
        assert_non_null((*r)->read);
        bool asked = *r == &reader_parquet;
        for (size_t i = 0; i < SAMPLES; i++)
            asked = asked || samples[i].ops == *r;
        assert_true(asked);
    }
    assert_true(count >= 3);
}

static void gives_the_rows_in_order_and_again_from_any_place(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct reader r;
        struct reader_place place = {0}, places[ROWS];
        struct reader_row row;
        struct arena a = {0};
        assert_ok(open_sample(&samples[i], strlen(samples[i].text), &r));
        for (int k = 0; k < ROWS; k++) {
            places[k] = place;
            assert_ok(reader_read(&r, &place, &a, &row));
            assert_string_equal(json_str(json_get(row.value, "q"), ""), questions[k]);
            assert_true(row.line_no >= 1);
        }
        assert_int_equal(reader_read(&r, &place, &a, &row), KARMA_DONE);
        assert_int_equal(reader_read(&r, &place, &a, &row), KARMA_DONE);
        for (int k = ROWS - 1; k >= 0; k--) {
            arena_reset(&a);
            assert_ok(reader_read(&r, &places[k], &a, &row));
            assert_string_equal(json_str(json_get(row.value, "q"), ""), questions[k]);
        }
        arena_release(&a);
        reader_close(&r);
    }
}

/* A cut text may lose rows or be an error; it never gives a row that was not there. */
static void never_invents_rows_of_a_cut_text(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t len = 0; len < strlen(samples[i].text); len++) {
            struct sample cut = samples[i];
            char *copy = mem_strndup(cut.text, len); /* ASan sees reads behind it */
            cut.text = copy;
            struct reader r;
            struct reader_place place = {0};
            struct reader_row row;
            struct arena a = {0};
            karma_status st = open_sample(&cut, len, &r);
            for (int k = 0; st == KARMA_OK; k++) {
                st = reader_read(&r, &place, &a, &row);
                if (st != KARMA_OK) break;
                assert_true(k < ROWS);
                const char *q = json_str(json_get(row.value, "q"), NULL);
                assert_non_null(q);
                /* a CSV's last cell may be cut where it is not quoted */
                assert_memory_equal(q, questions[k], strlen(q));
            }
            if (st < 0) assert_message_contains("line ");
            arena_release(&a);
            reader_close(&r);
            mem_free(copy);
        }
    }
}

static karma_status read_all(void *ctx) {
    struct reader r;
    struct reader_place place = {0};
    struct reader_row row;
    struct arena a = {0};
    const struct sample *s = ctx;
    karma_status st = open_sample(s, strlen(s->text), &r);
    while (st == KARMA_OK)
        st = reader_read(&r, &place, &a, &row);
    arena_release(&a);
    reader_close(&r);
    return st == KARMA_DONE ? KARMA_OK : st;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct sample s = samples[i];
        assert_true(for_each_failing_allocation(read_all, &s) > 0);
    }
}

static void names_the_file_when_it_cannot_be_read(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        struct reader r;
        const char *path = write_text(samples[i].file, samples[i].text);
        assert_ok(reader_open(path, &r));
        assert_int_equal(r.tabs, is_tsv(&samples[i]));
        reader_close(&r);
        char missing[600];
        snprintf(missing, sizeof(missing), "%s/none%s", test_dir(), strrchr(samples[i].file, '.'));
        assert_status(reader_open(missing, &r), KARMA_E_MISSING);
        assert_message_contains(missing);
        assert_int_equal(mkdir(missing, 0700), 0);
        assert_true(reader_open(missing, &r) < 0);
        assert_int_equal(remove(missing), 0);
        assert_int_equal(mkfifo(missing, 0600), 0); /* must not wait for a writer */
        assert_true(reader_open(missing, &r) < 0);
        assert_int_equal(remove(missing), 0);
    }
    struct reader r;
    assert_status(reader_open("rows.arrow", &r), KARMA_E_UNSUPPORTED);
    assert_message_contains(".jsonl, .json, .csv, .tsv or .parquet");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(every_reader_is_listed_with_its_extensions),
        test_case(gives_the_rows_in_order_and_again_from_any_place),
        test_case(never_invents_rows_of_a_cut_text),
        test_case(survives_every_failing_allocation),
        test_case(names_the_file_when_it_cannot_be_read),
    };
    return run_group("contract/readers", tests);
}
