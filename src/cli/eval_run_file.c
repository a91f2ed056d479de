/* eval_run_file.c - see eval_args.h: the run file below the command line, and both written. */
#include <stdlib.h>
#include <string.h>

#include "cli/eval_args.h"
#include "cli/run_file.h"
#include "cli/run_path.h"

/* The model arguments of the file: its own file of them, those it holds, its shorthands. */
static karma_status join_model_arguments(const struct model_options *o, char **joined) {
    char *config = NULL, *args = NULL;
    karma_status st = model_options_merge(o, &config, &args);
    if (st < 0) return st;
    json_t *all = config ? json_loads(config, 0, NULL) : json_object();
    json_t *over = json_loads(args, 0, NULL);
    *joined = all && over && json_object_update(all, over) == 0
                  ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(17))
                  : NULL;
    json_decref(all);
    json_decref(over);
    free(config);
    free(args);
    return *joined ? KARMA_OK : cli_error(KARMA_E_NOMEM, "out of memory");
}

karma_status eval_take_run_file(struct eval_args *a, const struct cli_command *c,
                                const bool *given) {
    static const bool none[CLI_OPTIONS_MAX];
    karma_status st = run_file_read(a->run, c, &a->file);
    if (st < 0) return st;
    const struct eval_args line = *a;
    a->model = (struct model_options){0};
    a->dataset_args = a->processor_args = a->metric_args = NULL;
    run_file_apply(a->file, c, none);
    const struct eval_args file = *a;
    *a = line;
    run_file_apply(a->file, c, given);
    a->model = line.model;
    if (!a->model.path) a->model.path = file.model.path;
    a->dataset_args = line.dataset_args;
    a->processor_args = line.processor_args;
    a->metric_args = line.metric_args;
    a->dataset_below = file.dataset_args;
    a->processor_below = file.processor_args;
    a->metric_below = file.metric_args;
    a->datasets_given = line.datasets != NULL;
    st = join_model_arguments(&file.model, &a->model_below);
    a->model.below = a->model_below;
    if (st == KARMA_OK) return st;
    char why[700];
    snprintf(why, sizeof(why), "%s", cli_message());
    return cli_error(st, "%.300s: %s", a->run, why);
}

karma_status eval_lay_over_file(struct eval_args *a) {
    const char *const *only = a->datasets_given ? a->names : NULL;
    karma_status st = KARMA_OK;
    if (a->dataset_below) st = arguments_lay_over(a->dataset_below, only, false, &a->dataset_json);
    if (st == KARMA_OK && a->processor_below)
        st = arguments_lay_over(a->processor_below, only, true, &a->processor_json);
    if (st == KARMA_OK && a->metric_below)
        st = arguments_lay_over(a->metric_below, NULL, false, &a->metric_json);
    return st;
}

/* A member that is a JSON text; an empty object says nothing. */
static bool set_object(json_t *tree, const char *key, const char *text) {
    json_t *value = text ? json_loads(text, 0, NULL) : NULL;
    json_object_del(tree, key); /* it goes to the end, wherever it came from */
    if (json_object_size(value) == 0) {
        json_decref(value);
        return true;
    }
    return json_object_set_new(tree, key, value) == 0;
}

/* Model arguments from wherever they came, as one object; the special tokens that eval has
 * anyway are left out. */
static bool set_model_arguments(json_t *tree, const struct eval_args *a) {
    json_t *all = a->config_json ? json_loads(a->config_json, 0, NULL) : json_object();
    json_t *over = json_loads(a->args_json, 0, NULL);
    bool good = all && over && json_object_update(all, over) == 0;
    const char *special = json_string_value(json_object_get(all, "special_tokens"));
    if (special && strcmp(special, "compat") == 0) json_object_del(all, "special_tokens");
    if (good && json_object_size(all) > 0) good = json_object_set(tree, "model_args", all) == 0;
    json_decref(all);
    json_decref(over);
    return good;
}

/* Is it one of the ways to say model arguments, which are written as one? */
static bool is_model_argument(const struct eval_args *a, const struct cli_option *o) {
    const uintptr_t at = (uintptr_t)o->value, from = (uintptr_t)&a->model;
    return o->value && at >= from && at < from + sizeof(a->model) && o->value != &a->model.path;
}

/* The options that the line or the file gives and that are written as they are. */
static json_t *plain_tree(const struct eval_args *a, const struct cli_command *c,
                          const bool *given) {
    bool said[CLI_OPTIONS_MAX] = {false};
    for (size_t i = 0; c->options[i].name; i++) {
        const struct cli_option *o = &c->options[i];
        char key[64];
        run_file_key(o->name, key);
        said[i] = (given[i] || json_object_get(a->file, key)) && !is_model_argument(a, o) &&
                  o->flag != &a->interactive;
    }
    return run_file_tree(c, said);
}

karma_status eval_save_run(const struct eval_args *a, const struct cli_command *c,
                           const bool *given) {
    json_t *there = NULL;
    if (path_exists(a->save_run) && !a->force && run_file_read(a->save_run, c, &there) < 0)
        return cli_error(KARMA_E_USAGE, "%.300s: exists and is no run file; --force replaces it",
                         a->save_run);
    json_decref(there);
    json_t *tree = plain_tree(a, c, given), *names = json_array();
    bool good = tree && names;
    if (good && a->name) good = json_object_set_new(tree, "model", json_string(a->name)) == 0;
    for (size_t i = 0; good && a->names[i]; i++)
        good = json_array_append_new(names, json_string(a->names[i])) == 0;
    good = good && json_object_set(tree, "datasets", names) == 0 && set_model_arguments(tree, a) &&
           set_object(tree, "dataset_args", a->dataset_json) &&
           set_object(tree, "processor_args", a->processor_json) &&
           set_object(tree, "metric_args", a->metric_json);
    karma_status st =
        good ? run_file_write(a->save_run, c, tree) : cli_error(KARMA_E_NOMEM, "out of memory");
    json_decref(names);
    json_decref(tree);
    return st;
}
