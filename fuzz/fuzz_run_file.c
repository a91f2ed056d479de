/*
 * fuzz_run_file.c - any bytes as a run file. What is accepted holds texts, flags and lists alone,
 * and argument maps that parse. The program's files are taken in here.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/file.h"
#include "cli/args.c"
#include "cli/model_args.c"
#include "cli/output.c"
#include "cli/run_file.c"
#include "cli/run_path.c"

static void check_value(const char *key, const json_t *value) {
    size_t i;
    json_t *item;
    if (!json_is_string(value) && !json_is_boolean(value) && !json_is_array(value)) abort();
    json_array_foreach((json_t *)value, i, item) {
        if (!json_is_string(item)) abort();
    }
    if (strcmp(key, "dataset_args") != 0 && strcmp(key, "model_args") != 0) return;
    json_t *map = json_loads(json_string_value(value), 0, NULL);
    if (json_is_string(value) && key[0] == 'd' && !json_is_object(map)) abort();
    json_decref(map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *model, *datasets, *args, *processor_args, *model_args, *samples, *output;
    static struct cli_list slices;
    bool cache;
    const struct cli_option options[] = {
        {"--model", "NAME", "", .value = &model},
        {"--datasets", "A,B", "", .value = &datasets},
        {"--dataset-args", "S", "", .value = &args},
        {"--processor-args", "S", "", .value = &processor_args},
        {"--model-args", "JSON", "", .value = &model_args},
        {"--max-samples", "N", "", .value = &samples},
        {"--output", "FILE", "", .value = &output},
        {"--slice", "FIELD", "", .list = &slices},
        {"--cache", NULL, "", .flag = &cache, .flag_value = true},
        {"--no-cache", NULL, "", .flag = &cache, .flag_value = false},
        {0}};
    const struct cli_command c = {"eval", "", "", options, 0, 1};
    char path[4096];
    const char *folder = env_get("TMPDIR");
    snprintf(path, sizeof(path), "%.4000s/fuzz_run_file.%ld.yaml", folder ? folder : "/tmp",
             (long)getpid());
    if (file_write_atomic(path, data, size, 0600) < 0) return 0;
    json_t *tree, *value;
    if (run_file_read(path, &c, &tree) == KARMA_OK) {
        const char *key;
        json_object_foreach(tree, key, value) check_value(key, value);
    } else if (tree) {
        abort();
    } else {
        cli_message();
    }
    json_decref(tree);
    unlink(path);
    karma_clear_registry(); /* filled to tell names from paths */
    return 0;
}
