/* test_locate.c - paths and the hub cache's layout. */
#include "tests/support/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "formats/checkpoint.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OTHER  "ffffffffffffffffffffffffffffffffffffffff"

static struct arena arena;

static void clear_environment(void) {
    static const char *const names[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME",
                                        "XDG_CACHE_HOME"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        unsetenv(names[i]);
    setenv("HOME", test_path("home"), 1);
}

/* A cache with org/name at main and v1, and "flat" without an organisation. */
static void make_cache(const char *root) {
    static const char *const files[][2] = {
        {"models--org--name/refs/main", COMMIT},
        {"models--org--name/refs/v1", OTHER "\n"}, /* a newline some writers leave */
        {"models--org--name/refs/pr/1", COMMIT},
        {"models--org--name/refs/gone", "1111111111111111111111111111111111111111"},
        {"models--org--name/refs/broken", "not a commit"},
        {"models--org--name/snapshots/" COMMIT "/config.json", "{}"},
        {"models--org--name/snapshots/" OTHER "/config.json", "{}"},
        {"models--flat/refs/main", COMMIT},
        {"models--flat/snapshots/" COMMIT "/config.json", "{}"},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char name[256];
        snprintf(name, sizeof(name), "%s/%s", root, files[i][0]);
        write_text(name, files[i][1]);
    }
}

static void expect_found(const char *name, const char *revision, const char *wanted) {
    const char *path;
    assert_ok(checkpoint_locate(&arena, name, revision, &path));
    assert_string_equal(path, wanted);
    arena_release(&arena);
}

static void expect_missing(const char *name, const char *revision, karma_status wanted,
                           const char *message) {
    const char *path = "";
    assert_status(checkpoint_locate(&arena, name, revision, &path), wanted);
    assert_null(path);
    assert_message_contains(message);
    arena_release(&arena);
}

static void takes_an_existing_path_as_it_is(void **state) {
    (void)state;
    clear_environment();
    const char *file = write_text("place/model.gguf", "");
    expect_found(file, NULL, file);
    expect_found(test_path("place"), NULL, test_path("place"));
    write_text("home/models/x.gguf", "");
    expect_found("~/models/x.gguf", NULL, test_path("home/models/x.gguf"));
}

static void finds_snapshots_in_the_cache(void **state) {
    (void)state;
    clear_environment();
    make_cache("cache");
    setenv("HF_HUB_CACHE", test_path("cache"), 1);
    const char *main_path = test_path("cache/models--org--name/snapshots/" COMMIT);
    const char *v1_path = test_path("cache/models--org--name/snapshots/" OTHER);
    expect_found("org/name", NULL, main_path);
    expect_found("org/name", "main", main_path);
    expect_found("org/name", "v1", v1_path);
    expect_found("org/name", "pr/1", main_path);
    expect_found("org/name", OTHER, v1_path);
    expect_found("flat", NULL, test_path("cache/models--flat/snapshots/" COMMIT));
}

static void looks_where_the_environment_says(void **state) {
    (void)state;
    clear_environment();
    make_cache("home/.cache/huggingface/hub");
    make_cache("xdg/huggingface/hub");
    make_cache("hf home/hub");
    make_cache("legacy");
    make_cache("direct");
    static const char below[] = "/models--org--name/snapshots/" COMMIT;
    static const struct {
        const char *variable, *value, *root; /* both in the test's folder */
    } steps[] = {
        {NULL, NULL, "home/.cache/huggingface/hub"},
        {"XDG_CACHE_HOME", "xdg", "xdg/huggingface/hub"},
        {"HF_HOME", "hf home", "hf home/hub"},
        {"HUGGINGFACE_HUB_CACHE", "legacy", "legacy"},
        {"HF_HUB_CACHE", "direct", "direct"},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        char wanted[512];
        if (steps[i].variable) setenv(steps[i].variable, test_path(steps[i].value), 1);
        snprintf(wanted, sizeof(wanted), "%s%s", test_path(steps[i].root), below);
        expect_found("org/name", NULL, wanted);
    }
}

static void expands_variables_in_the_environment(void **state) {
    (void)state;
    clear_environment();
    make_cache("home/.cache/huggingface/hub");
    char wanted[512];
    snprintf(wanted, sizeof(wanted), "%s/models--org--name/snapshots/" COMMIT,
             test_path("home/.cache/huggingface/hub"));
    setenv("KARMA_TEST_PART", "huggingface", 1);
    static const char *const values[] = {"~/.cache/$KARMA_TEST_PART",
                                         "$HOME/.cache/${KARMA_TEST_PART}"};
    for (int i = 0; i < 2; i++) {
        setenv("HF_HOME", values[i], 1);
        expect_found("org/name", NULL, wanted);
    }
    setenv("HF_HOME", "/$KARMA_TEST_UNSET/${KARMA_TEST_PART/$", 1);
    expect_missing("org/name", NULL, KARMA_E_NOTFOUND,
                   "/$KARMA_TEST_UNSET/${KARMA_TEST_PART/$/hub/models--org--name");
}

static void says_where_it_looked(void **state) {
    (void)state;
    clear_environment();
    make_cache("told");
    setenv("HF_HUB_CACHE", test_path("told"), 1);
    expect_missing("org/absent", NULL, KARMA_E_NOTFOUND, "told/models--org--absent");
    expect_missing("org/name", "v9", KARMA_E_NOTFOUND, "has no refs/v9");
    expect_missing("org/name", "gone", KARMA_E_NOTFOUND,
                   "snapshots/1111111111111111111111111111111111111111");
    expect_missing("org/name", "broken", KARMA_E_SYNTAX, "expected 40 hexadecimal digits");
    static const char *const no_names[] = {"",          "a/b/c",   "./absent",   "/absent",
                                           "../absent", "org/",    "/name",      "org//name",
                                           "org/na me", "-a/name", "org/name--", "org/na..me"};
    for (size_t i = 0; i < sizeof(no_names) / sizeof(*no_names); i++) {
        expect_missing(no_names[i], NULL, KARMA_E_NOTFOUND, "no such file or folder");
    }
}

static void refuses_revisions_that_leave_the_cache(void **state) {
    (void)state;
    clear_environment();
    make_cache("fenced");
    setenv("HF_HUB_CACHE", test_path("fenced"), 1);
    static const char *const bad[] = {"../main", "..", "/etc", "a//b", "a/../../b", "a\\b", ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        expect_missing("org/name", bad[i], KARMA_E_PATH, "revision");
    }
}

static karma_status attempt(void *ctx) {
    const char *path;
    karma_status st = checkpoint_locate(&arena, "org/name", ctx, &path);
    arena_release(&arena);
    return st;
}

static void survives_failing_allocations(void **state) {
    (void)state;
    clear_environment();
    make_cache("home/.cache/huggingface/hub");
    setenv("HF_HOME", "$HOME/.cache/huggingface", 1);
    assert_true(for_each_failing_allocation(attempt, (void *)(uintptr_t) "main") > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(takes_an_existing_path_as_it_is),
        test_case(finds_snapshots_in_the_cache),
        test_case(looks_where_the_environment_says),
        test_case(expands_variables_in_the_environment),
        test_case(says_where_it_looked),
        test_case(refuses_revisions_that_leave_the_cache),
        test_case(survives_failing_allocations),
    };
    return run_group("formats/locate", tests);
}
