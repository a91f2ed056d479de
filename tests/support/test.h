/*
 * test.h - what a test file includes, and all it needs to include: cmocka with its headers, the
 * base room's memory and status, and the helpers below. Helpers stop the test when they fail.
 *
 *     static void rejects_offsets_past_the_end(void **state) { ... }
 *     int main(void) {
 *         const struct CMUnitTest tests[] = {
 *             test_case(rejects_offsets_past_the_end),
 *         };
 *         return run_group("formats/gguf", tests);
 *     }
 *
 * Tests run in the repository's root folder. What they write goes to a folder of their own, which
 * is removed when the process ends.
 */
#ifndef TESTS_SUPPORT_TEST_H
#define TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/status.h"

/* A test that also fails when it ends with more or fewer live blocks of base/mem.h than it began
 * with. Use cmocka_unit_test() for one that fills a cache on purpose. */
#define test_case(fn) cmocka_unit_test_setup_teardown(fn, test_leaks_begin, test_leaks_end)
int test_leaks_begin(void **state);
int test_leaks_end(void **state);

/* Run an array of tests; the exit status of main(). name: "base/buf". */
#define run_group(name, tests) cmocka_run_group_tests_name(name, tests, NULL, NULL)

/* End the test as skipped; the reason is shown by the suite. */
#define skip_because(reason)                                                                       \
    do {                                                                                           \
        print_message("skip - %s\n", reason);                                                      \
        skip();                                                                                    \
    } while (0)

/* st must be the status expected (KARMA_OK, KARMA_E_...); else both names and the message show. */
#define assert_status(st, expected) test_status(st, expected, #st, __FILE__, __LINE__)
#define assert_ok(st)               assert_status(st, KARMA_OK)
void test_status(karma_status st, karma_status expected, const char *what, const char *file,
                 int line);

/* This thread's error message must hold the text. */
#define assert_message_contains(text) test_message(text, __FILE__, __LINE__)
void test_message(const char *text, const char *file, int line);

/* Largest |got - want| must not exceed max_abs; prints it and the relative L2 error when it does.
 * NaN anywhere fails. */
#define assert_close(got, want, n, max_abs) test_close(got, want, n, max_abs, __FILE__, __LINE__)
void test_close(const float *got, const float *want, size_t n, double max_abs, const char *file,
                int line);

/* The temporary folder, made at first use; no '/' at the end. */
const char *test_dir(void);
/* Path of name in it. Lent: the last 32 paths from here and write_*() stay valid. */
const char *test_path(const char *name);
/* Write a file in it (folders of name are made) and return its path. */
const char *write_file(const char *name, const void *data, size_t len);
const char *write_text(const char *name, const char *text);

/* All bytes of a file of the repository, such as "tests/fixtures/base/x.bin", with a NUL after
 * them. Lent until the process ends; not counted in mem_live_blocks(). len may be NULL. */
char *read_fixture(const char *path, size_t *len);

/*
 * Call attempt(ctx) with the first, second, ... allocation failing (that one alone, then that one
 * and all later ones) until none is reached; past the thousandth in growing steps. Each failed
 * attempt must return KARMA_E_NOMEM and leave no block live; the last one, undisturbed, must
 * return KARMA_OK. attempt frees what it made. Returns how many calls can fail.
 */
typedef karma_status (*test_attempt)(void *ctx);
uint64_t for_each_failing_allocation(test_attempt attempt, void *ctx);

#endif
