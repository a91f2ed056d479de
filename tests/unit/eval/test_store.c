/* test_store.c - the store keeps what it was given, notices damage, and refuses what is not it. */
#include <sqlite3.h>
#include <sys/stat.h>

#include "eval/store.h"
#include "tests/support/test.h"

static const unsigned char key[STORE_KEY_BYTES] = {1, 2, 3};
static const int32_t ids[] = {5, 7, 11};
static const struct answer good = {.text = "yes",
                                   .thinking = "hm",
                                   .raw_text = "hm yes",
                                   .tokens = ids,
                                   .n_tokens = 3,
                                   .n_prompt_tokens = 9,
                                   .finish_reason = KARMA_FINISH_STOP,
                                   .flags = KARMA_OUTPUT_CUT};

static karma_status put(struct store *s, const struct answer *a) {
    return store_put(s, key, "model", "set", "k1", a);
}

static void run_sql(const char *path, const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void gives_back_every_field_after_reopening(void **state) {
    (void)state;
    const char *path = test_path("new/folder/store.db");
    struct store *s;
    assert_ok(store_open(path, &s));
    assert_ok(put(s, &good));
    assert_ok(store_close(s));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);

    struct arena a = {0};
    struct answer got;
    size_t damaged = 0;
    assert_ok(store_open(path, &s));
    assert_ok(store_get(s, key, &a, &got, &damaged));
    assert_int_equal(damaged, 0);
    assert_string_equal(got.text, "yes");
    assert_string_equal(got.thinking, "hm");
    assert_string_equal(got.raw_text, "hm yes");
    assert_null(got.error);
    assert_int_equal(got.n_tokens, 3);
    assert_memory_equal(got.tokens, ids, sizeof(ids));
    assert_int_equal(got.n_prompt_tokens, 9);
    assert_int_equal(got.flags, KARMA_OUTPUT_CUT);
    unsigned char other[STORE_KEY_BYTES] = {9};
    assert_int_equal(store_get(s, other, &a, &got, &damaged), KARMA_DONE);
    arena_release(&a);
    assert_ok(store_close(s));
}

static void sets_a_damaged_row_aside_and_says_so(void **state) {
    (void)state;
    const char *path = test_path("damaged.db");
    struct store *s;
    assert_ok(store_open(path, &s));
    assert_ok(put(s, &good));
    assert_ok(store_close(s));
    run_sql(path, "UPDATE answers SET text = 'no'");

    struct arena a = {0};
    struct answer got;
    size_t damaged = 0;
    assert_ok(store_open(path, &s));
    assert_int_equal(store_get(s, key, &a, &got, &damaged), KARMA_DONE);
    assert_int_equal(damaged, 1);
    assert_ok(put(s, &good)); /* room for the true one again */
    assert_ok(store_get(s, key, &a, &got, &damaged));
    assert_string_equal(got.text, "yes");
    arena_release(&a);
    assert_ok(store_close(s));
}

static void refuses_a_second_different_answer_but_lets_failures_give_way(void **state) {
    (void)state;
    struct store *s;
    struct answer other = good, failed = {.status = KARMA_E_NONFINITE, .error = "nan"};
    other.text = "no";
    assert_ok(store_open(NULL, &s));
    assert_ok(put(s, &failed));
    assert_ok(put(s, &good));   /* replaces the failure */
    assert_ok(put(s, &good));   /* equal: fine */
    assert_ok(put(s, &failed)); /* never replaces an answer */
    assert_ok(put(s, &other));
    const unsigned char second[STORE_KEY_BYTES] = {4};
    assert_ok(store_put(s, second, "model", "set", "k2", &other));
    assert_status(store_commit(s), KARMA_E_INTERNAL);
    assert_message_contains("k1");
    assert_int_equal(store_pending(s), 0);
    struct arena a = {0};
    struct answer got;
    size_t damaged = 0;
    assert_ok(store_get(s, key, &a, &got, &damaged));
    assert_string_equal(got.text, "yes");
    assert_ok(store_get(s, second, &a, &got, &damaged)); /* the row beside it is kept */
    arena_release(&a);
    store_close(s);
}

/* Two handles are as two processes: neither waits for the other's model, only for its commits. */
static void two_may_put_into_one_file_at_a_time(void **state) {
    (void)state;
    const char *path = test_path("shared.db");
    struct store *one, *two;
    assert_ok(store_open(path, &one));
    assert_ok(store_open(path, &two));
    const unsigned char second[STORE_KEY_BYTES] = {4};
    assert_ok(put(one, &good)); /* pending in one while two writes */
    assert_ok(put(two, &good)); /* the same sample */
    assert_ok(store_put(two, second, "model", "set", "k2", &good));
    assert_ok(store_commit(two));
    assert_ok(store_commit(one));
    struct arena a = {0};
    struct answer got;
    size_t damaged = 0;
    assert_ok(store_get(one, second, &a, &got, &damaged));
    assert_string_equal(got.text, "yes");
    arena_release(&a);
    assert_ok(store_close(one));
    assert_ok(store_close(two));
}

static void refuses_foreign_and_newer_files_untouched(void **state) {
    (void)state;
    struct store *s;
    const char *text = write_text("notes.db", "these are notes, and long enough to be read\n");
    assert_status(store_open(text, &s), KARMA_E_MAGIC);
    assert_message_contains("notes.db");
    assert_null(s);
    const char *other = test_path("other.db");
    run_sql(other, "CREATE TABLE t (x)");
    assert_status(store_open(other, &s), KARMA_E_MAGIC);
    const char *newer = test_path("newer.db");
    assert_ok(store_open(newer, &s));
    assert_ok(store_close(s));
    run_sql(newer, "PRAGMA user_version = 99");
    assert_status(store_open(newer, &s), KARMA_E_VERSION);
    assert_status(store_open(test_dir(), &s), KARMA_E_PATH);
}

/* A copy, because opening one makes files beside it. */
static const char *kept(const char *name, size_t *len) {
    char path[128];
    snprintf(path, sizeof(path), "tests/fixtures/eval/%s", name);
    const char *bytes = read_fixture(path, len);
    return write_file(name, bytes, *len);
}

/* store_1.db: of the first karma, before it was kept what keys are made of. */
static void reads_the_first_version_and_rewrites_no_row_of_it(void **state) {
    (void)state;
    size_t len, damaged = 0;
    const char *path = kept("store_1.db", &len);
    struct store *s;
    struct arena a = {0};
    struct answer got;
    for (int round = 0; round < 2; round++) {
        assert_ok(store_open(path, &s));
        assert_ok(store_get(s, (const unsigned char[STORE_KEY_BYTES]){1}, &a, &got, &damaged));
        assert_string_equal(got.raw_text, "hm yes");
        assert_memory_equal(got.tokens, ids, sizeof(ids));
        assert_ok(store_get(s, (const unsigned char[STORE_KEY_BYTES]){2}, &a, &got, &damaged));
        assert_string_equal(got.text, "");
        assert_null(got.thinking);
        assert_ok(store_get(s, (const unsigned char[STORE_KEY_BYTES]){3}, &a, &got, &damaged));
        assert_int_equal(got.status, KARMA_E_NONFINITE);
        assert_int_equal(damaged, 0);
        assert_ok(store_put(s, (const unsigned char[STORE_KEY_BYTES]){4}, "m", "set", "k4", &good));
        assert_ok(store_close(s));
    }
    sqlite3 *db;
    sqlite3_stmt *q;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    const char *sql = "SELECT count(*) FROM answers WHERE created_s = 1790000000";
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(q, 0), 3);
    sqlite3_finalize(q);
    sqlite3_close(db);
    arena_release(&a);
}

static void leaves_a_newer_version_as_it_is(void **state) {
    (void)state;
    size_t len, after;
    const char *path = kept("store_2.db", &len);
    struct store *s;
    assert_status(store_open(path, &s), KARMA_E_VERSION);
    assert_message_contains("store version 2");
    const char *bytes = read_fixture(path, &after),
               *before = read_fixture("tests/fixtures/eval/store_2.db", &len);
    assert_int_equal(after, len);
    assert_memory_equal(bytes, before, len);
}

static void commits_every_sixty_four_rows(void **state) {
    (void)state;
    struct store *s;
    assert_ok(store_open(NULL, &s));
    for (unsigned char i = 0; i < STORE_BATCH_ROWS; i++) {
        const unsigned char k[STORE_KEY_BYTES] = {i, 77};
        assert_int_equal(store_pending(s), i);
        assert_ok(store_put(s, k, "model", "set", "k", &good));
    }
    assert_int_equal(store_pending(s), 0);
    assert_ok(store_close(s));
}

static karma_status open_put_close(void *ctx) {
    struct store *s;
    karma_status st = store_open(NULL, &s);
    (void)ctx;
    if (st < 0) return st;
    st = put(s, &good);
    struct arena a = {0};
    struct answer got;
    size_t damaged = 0;
    if (st == KARMA_OK) st = store_get(s, key, &a, &got, &damaged);
    arena_release(&a);
    const karma_status closed = store_close(s);
    return st < 0 ? st : closed;
}

static void survives_every_failing_allocation(void **state) {
    (void)state;
    assert_true(for_each_failing_allocation(open_put_close, NULL) > 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(gives_back_every_field_after_reopening),
        test_case(sets_a_damaged_row_aside_and_says_so),
        test_case(refuses_a_second_different_answer_but_lets_failures_give_way),
        test_case(two_may_put_into_one_file_at_a_time),
        test_case(refuses_foreign_and_newer_files_untouched),
        test_case(reads_the_first_version_and_rewrites_no_row_of_it),
        test_case(leaves_a_newer_version_as_it_is),
        test_case(commits_every_sixty_four_rows),
        test_case(survives_every_failing_allocation),
    };
    return run_group("eval/store", tests);
}
