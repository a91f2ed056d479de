/*
 * test_plugin.c - shared objects that are loaded, and those that are refused: what is said of them,
 * and that nothing of a refused one stays.
 */
#include "tests/support/test.h"

#include <elf.h>
#include <fenv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/plugin.h"
#include "base/file.h"
#include "base/shared_object.h"
#include "karma/plugin.h"
#include "tests/support/plugin_files.h"

/* ---- what is known of a plugin ---- */

static void assert_nothing_known(void) {
    const karma_model_class *cls;
    const karma_model_meta *meta;
    const karma_metric_info *metric;
    const karma_processor_info *processor;
    const karma_dataset_info *dataset;
    assert_status(karma_find_model_class("TableGood", &cls), KARMA_E_NOTFOUND);
    assert_status(karma_find_model_class("TableBad", &cls), KARMA_E_NOTFOUND);
    assert_status(karma_get_model_meta("table/good", &meta), KARMA_E_NOTFOUND);
    assert_status(karma_get_metric_info("table_good", &metric), KARMA_E_NOTFOUND);
    assert_status(karma_get_processor_info("table_good", &processor), KARMA_E_NOTFOUND);
    assert_status(karma_get_dataset_info("table_good", &dataset), KARMA_E_NOTFOUND);
    char *json;
    assert_ok(karma_list_plugins(&json));
    assert_null(strstr(json, "table"));
    karma_free(json);
}

static void refuses_whole_what_is_wrong_in_a_part(void **state) {
    static const struct {
        const char *name;
        karma_status st;
        const char *message;
    } cases[] = {
        {"abi", KARMA_E_ABI, "made for interface 99"},
        {"size", KARMA_E_ABI, "bytes"},
        {"no_name", KARMA_E_MISSING, "no name"},
        {"odd_name", KARMA_E_SYNTAX, "'two words'"},
        {"no_entry", KARMA_E_PLUGIN, "karma_plugin_entry"},
        {"entry_null", KARMA_E_PLUGIN, "returned nothing"},
        {"undefined", KARMA_E_PLUGIN, "karma_no_such_function"},
        {"class_abi", KARMA_E_ABI, "model class: made for interface 99"},
        {"class_size", KARMA_E_ABI, "model class: made for interface"},
        {"class_name", KARMA_E_MISSING, "no name"},
        {"class_text", KARMA_E_PLUGIN, "not valid UTF-8"},
        {"class_taken", KARMA_E_DUPLICATE, "GemmaModel"},
        {"class_twice", KARMA_E_DUPLICATE, "TableGood"},
        {"class_circle", KARMA_E_LIMIT, "TableBad"},
        {"option_default", KARMA_E_SYNTAX, "model argument size"},
        {"option_type", KARMA_E_TYPE, "model argument size"},
        {"option_kind", KARMA_E_RANGE, "model argument size"},
        {"option_twice", KARMA_E_DUPLICATE, "size"},
        {"meta_class", KARMA_E_MISSING, "loader_class"},
        {"meta_type", KARMA_E_RANGE, "model_type"},
        {"meta_name", KARMA_E_PATH, "name"},
        {"meta_json", KARMA_E_SYNTAX, "loader_kwargs"},
        {"meta_number", KARMA_E_RANGE, "n_parameters"},
        {"meta_twice", KARMA_E_DUPLICATE, "table/good"},
        {"metric_abi", KARMA_E_ABI, "metric: made for interface 0"},
        {"metric_empty", KARMA_E_MISSING, "table_bad"},
        {"metric_taken", KARMA_E_DUPLICATE, "exact_match"},
        {"processor_empty", KARMA_E_MISSING, "table_bad"},
        {"dataset_empty", KARMA_E_MISSING, "table_bad"},
        {"dataset_size", KARMA_E_ABI, "with 4 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "table_%s", cases[i].name);
        print_message("# %s\n", name);
        const char *path = plugin_file(name);
        const karma_status st = karma_load_plugin(path);
        print_message("# %s\n", karma_error_message());
        assert_status(st, cases[i].st);
        assert_message_contains(path);
        assert_message_contains(cases[i].message);
        assert_nothing_known();
    }
}

static void keeps_the_rounding_mode_from_constructors(void **state) {
    (void)state;
    assert_int_equal(fegetround(), FE_TONEAREST);
    (void)karma_load_plugin(plugin_file("table_rounding_early"));
    assert_int_equal(fegetround(), FE_TONEAREST);
}

/* ---- files that are no plugins ---- */

static void refuses_what_is_no_shared_object(void **state) {
    (void)state;
    assert_status(karma_load_plugin(NULL), KARMA_E_USAGE);
    assert_status(karma_load_plugin(""), KARMA_E_USAGE);
    assert_status(karma_load_plugin(test_path("absent.so")), KARMA_E_MISSING);
    assert_message_contains("absent.so");
    assert_status(karma_load_plugin(test_dir()), KARMA_E_PATH);
    assert_status(karma_load_plugin(write_text("empty.so", "")), KARMA_E_MAGIC);
    assert_status(karma_load_plugin(write_text("text.so", "#!/bin/sh\nexit 0\n")), KARMA_E_MAGIC);
    assert_message_contains("text.so: not a shared object");
    assert_status(karma_load_plugin(write_text("short.so", "\177ELF")), KARMA_E_TRUNCATED);
    assert_status(karma_load_plugin("/proc/self/exe"), KARMA_E_PLUGIN); /* a program */
}

/* dlopen() would map past the end of the file and die of SIGBUS. */
static void refuses_a_shared_object_cut_anywhere(void **state) {
    size_t len;
    (void)state;
    char *all = read_fixture(plugin_file("table_good"), &len);
    for (size_t cut = 0; cut < len; cut += cut < 2048 ? 61 : 511) {
        const karma_status st = shared_object_check(write_file("cut.so", all, cut));
        /* What follows the segments is of no use to the loader. */
        if (st == KARMA_OK && cut > len / 3) continue;
        assert_true(st == KARMA_E_TRUNCATED || st == KARMA_E_MAGIC);
    }
}

static void refuses_another_processor(void **state) {
    size_t len;
    (void)state;
    char *all = read_fixture(plugin_file("table_good"), &len);
    Elf64_Ehdr head;
    memcpy(&head, all, sizeof(head));
    Elf64_Ehdr other = head;
    other.e_machine = EM_RISCV;
    memcpy(all, &other, sizeof(other));
    assert_status(shared_object_check(write_file("riscv.so", all, len)), KARMA_E_ABI);
    assert_message_contains("another processor");
    other = head;
    other.e_ident[EI_CLASS] = ELFCLASS32;
    memcpy(all, &other, sizeof(other));
    assert_status(shared_object_check(write_file("narrow.so", all, len)), KARMA_E_ABI);
    other = head;
    other.e_type = ET_REL;
    memcpy(all, &other, sizeof(other));
    assert_status(shared_object_check(write_file("object.so", all, len)), KARMA_E_MAGIC);
    other = head;
    other.e_phoff = UINT64_MAX - 10;
    memcpy(all, &other, sizeof(other));
    assert_status(shared_object_check(write_file("far.so", all, len)), KARMA_E_TRUNCATED);
}

/* ---- tried out in a child first ---- */

static void meets_a_crash_while_loading_in_a_child(void **state) {
    (void)state;
    karma_isolate_plugins(true);
    assert_status(karma_load_plugin(plugin_file("table_crash_early")), KARMA_E_PLUGIN);
    assert_message_contains("signal 11");
    assert_status(karma_load_plugin(plugin_file("table_exit_early")), KARMA_E_PLUGIN);
    assert_message_contains("exit status 0");
    assert_status(karma_load_plugin(plugin_file("table_metric_empty")), KARMA_E_MISSING);
    assert_message_contains("table_bad");
    karma_isolate_plugins(false);
    assert_nothing_known();
}

/* ---- the user's folder ---- */

static size_t n_warnings;
static char last_warning[1024];

static void on_log(void *user, karma_log_level level, const char *line) {
    (void)user;
    n_warnings += level == KARMA_LOG_WARNING;
    snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static void load_users(void) {
    n_warnings = 0;
    last_warning[0] = '\0';
    karma_set_log(on_log, NULL);
    assert_ok(karma_load_user_plugins());
    karma_set_log(NULL, NULL);
}

static void leaves_out_what_others_may_write(void **state) {
    size_t len;
    (void)state;
    setenv("KARMA_CONFIG_HOME", test_path("config"), 1);
    load_users(); /* there is no folder */
    assert_int_equal(n_warnings, 0);
    char *all = read_fixture(plugin_file("table_entry_null"), &len);
    const char *path = write_file("config/plugins/one.so", all, len);
    const char *folder = test_path("config/plugins");
    (void)write_text("config/plugins/notes.txt", "no plugin");
    (void)write_text("config/plugins/.hidden.so", "no plugin");
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(path, 0777), 0);
    load_users();
    assert_int_equal(n_warnings, 1);
    assert_non_null(strstr(last_warning, "chmod go-w"));
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(chmod(folder, 0777), 0);
    load_users();
    assert_int_equal(n_warnings, 1);
    assert_non_null(strstr(last_warning, "chmod go-w"));
    assert_int_equal(chmod(folder, 0755), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        load_users();
        assert_non_null(strstr(last_warning, "belongs to another user"));
        assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    }
    load_users(); /* it is looked into then, and is what it is */
    assert_int_equal(n_warnings, 1);
    assert_non_null(strstr(last_warning, "returned nothing"));
    assert_non_null(strstr(last_warning, "left out"));
    unsetenv("KARMA_CONFIG_HOME");
}

/* ---- one that is right ---- */

static karma_status load_good(void *ctx) {
    return karma_load_plugin(ctx);
}

/* Last: what is loaded stays, and so does its memory. */
static void loads_whole_or_not_at_all_when_memory_ends(void **state) {
    (void)state;
    char **names;
    size_t n;
    assert_ok(karma_list_models(&names, &n)); /* fills the registry */
    karma_free(names);
    (void)karma_load_plugin(plugin_file("table_metric_empty")); /* lists take their first memory */
    char path[4096];
    snprintf(path, sizeof(path), "%s", plugin_file("table_good"));
    uint64_t failed = 0;
    for (uint64_t at = 1;; at++) {
        mem_fail_at(at);
        const karma_status st = load_good(path);
        const bool reached = mem_fail_reached();
        mem_fail_at(0);
        if (st == KARMA_OK) {
            assert_false(reached);
            break;
        }
        assert_status(st, KARMA_E_NOMEM);
        assert_nothing_known();
        failed++;
    }
    assert_true(failed > 10);
}

static void knows_all_that_a_plugin_brings(void **state) {
    const karma_model_class *cls;
    const karma_metric_info *metric;
    const karma_processor_info *processor;
    const karma_dataset_info *dataset;
    char *json;
    (void)state;
    assert_ok(karma_find_model_class("TableBad", &cls));
    assert_string_equal(plugin_of_class(cls), "table");
    const karma_model_class derived = {.name = "Derived", .base = cls};
    assert_string_equal(plugin_of_class(&derived), "table");
    assert_ok(karma_find_model_class("GemmaModel", &cls));
    assert_null(plugin_of_class(cls));
    assert_ok(karma_get_metric_info("table_bad", &metric));
    assert_ok(karma_get_processor_info("table_bad", &processor));
    assert_ok(karma_get_dataset_info("table_bad", &dataset));
    assert_true(karma_is_registered("table/bad"));
    assert_ok(karma_list_plugins(&json));
    assert_non_null(strstr(json, "\"name\": \"table\""));
    assert_non_null(strstr(json, "\"classes\": [\"TableGood\", \"TableBad\"]"));
    assert_non_null(strstr(json, "\"metas\": [\"table/good\", \"table/bad\"]"));
    assert_non_null(strstr(json, "\"datasets\": [\"table_good\", \"table_bad\"]"));
    assert_non_null(strstr(json, "table_good.so"));
    karma_free(json);
}

static void loads_one_file_once(void **state) {
    (void)state;
    const char *path = plugin_file("table_good");
    assert_ok(karma_load_plugin(path));
    assert_int_equal(symlink(path, test_path("again.so")), 0);
    assert_ok(karma_load_plugin(test_path("again.so")));
    char *json;
    assert_ok(karma_list_plugins(&json));
    const char *first = strstr(json, "\"table\"");
    assert_non_null(first);
    assert_null(strstr(first + 1, "\"table\""));
    karma_free(json);
}

static void refuses_another_file_of_the_same_name(void **state) {
    size_t len;
    (void)state;
    char *all = read_fixture(plugin_file("table_good"), &len);
    assert_status(karma_load_plugin(write_file("copy.so", all, len)), KARMA_E_DUPLICATE);
    assert_message_contains("table_good.so");
}

static void makes_the_plugin_part_of_a_model_s_identity(void **state) {
    karma_model *m;
    char *json, hex[65];
    (void)state;
    assert_ok(karma_model_create("table/good", NULL, &m));
    const karma_status st = karma_model_identity(m, &json);
    if (st == KARMA_OK) { /* a class without a checkpoint: its name alone would do */
        assert_ok(file_sha256(plugin_file("table_good"), hex));
        assert_non_null(strstr(json, hex));
        karma_free(json);
    } else {
        assert_status(st, KARMA_E_NOTFOUND); /* the base class needs one */
    }
    karma_model_destroy(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_whole_what_is_wrong_in_a_part), /* fills the registry */
        cmocka_unit_test(keeps_the_rounding_mode_from_constructors),
        test_case(refuses_what_is_no_shared_object),
        test_case(refuses_a_shared_object_cut_anywhere),
        test_case(refuses_another_processor),
        test_case(meets_a_crash_while_loading_in_a_child),
        test_case(leaves_out_what_others_may_write),
        cmocka_unit_test(loads_whole_or_not_at_all_when_memory_ends),
        test_case(knows_all_that_a_plugin_brings),
        test_case(loads_one_file_once),
        test_case(refuses_another_file_of_the_same_name),
        test_case(makes_the_plugin_part_of_a_model_s_identity),
    };
    return run_group("api/plugin", tests);
}
