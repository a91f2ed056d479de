/* cmd_info.c - karma info model|dataset|metric|processor|system. */
#include <stdlib.h>
#include <string.h>

#include "cli/info.h"

static void option_row(struct cli_table *t, const karma_option_spec *o) {
    char range[512];
    info_option_range(o, range, sizeof(range));
    table_cell(t, o->name);
    table_cell(t, info_option_type(o->type));
    table_cell(t, o->required ? "(required)" : o->default_json);
    table_cell(t, range);
    table_cell(t, o->help);
}

static const char *const option_header[] = {"Argument", "Type", "Default", "Range", "Meaning"};

/* --- data sets, metrics, processors ----------------------------------------------------------- */

static json_t *options_json(const karma_option_spec *options) {
    json_t *list = json_array();
    for (const karma_option_spec *o = options; o && o->name; o++) {
        json_array_append_new(list, info_option_json(o));
    }
    return list;
}

static void options_table(const karma_option_spec *options) {
    if (!options || !options->name) return;
    struct cli_table t;
    putchar('\n');
    table_begin(&t, 5, option_header);
    for (const karma_option_spec *o = options; o->name; o++)
        option_row(&t, o);
    table_print(&t, stdout);
    table_end(&t);
}

static json_t *names_json(const char *const *names) {
    json_t *list = json_array();
    for (size_t i = 0; names && names[i]; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

static void set_text(json_t *o, const char *key, const char *text) {
    if (text) json_object_set_new(o, key, json_string(text));
}

static void set_names(json_t *o, const char *key, const char *const *names) {
    if (names[0]) json_object_set_new(o, key, names_json(names));
}

static karma_status info_dataset(const char *name, bool as_json) {
    const karma_dataset_info *d;
    karma_dataset_details more;
    karma_status st = karma_get_dataset_info(name, &d);
    if (st == KARMA_OK) st = karma_get_dataset_details(name, &more);
    if (st < 0) return st;
    json_t *o = json_object();
    set_text(o, "name", d->name);
    set_text(o, "description", d->description);
    set_text(o, "task_type", d->task_type);
    json_object_set_new(o, "metrics", names_json(d->metrics));
    json_object_set_new(o, "processors", names_json(d->processors));
    set_text(o, "hub_id", more.hub_id);
    set_text(o, "config", more.config);
    set_text(o, "split", d->split);
    set_text(o, "commit_hash", d->commit_hash);
    set_names(o, "columns", more.columns);
    set_text(o, "options", more.n_options);
    set_text(o, "group", more.group);
    set_names(o, "slices", more.slices);
    set_text(o, "extraction", d->extraction);
    set_text(o, "source", d->source);
    set_text(o, "system_prompt", more.system_prompt);
    set_text(o, "prompt", d->prompt);
    if (strcmp(more.upstream_extraction, d->extraction) != 0)
        set_text(o, "upstream_extraction", more.upstream_extraction);
    if (strcmp(more.upstream_prompt, d->prompt) != 0)
        set_text(o, "upstream_prompt", more.upstream_prompt);
    if (as_json) {
        json_object_set_new(o, "arguments", options_json(d->options));
        print_json(o);
    } else {
        info_print_fields(o);
        options_table(d->options);
    }
    json_decref(o);
    return KARMA_OK;
}

/* What metrics and processors have: a name, a line, arguments. */
static void print_named(const char *name, const char *description, const karma_option_spec *options,
                        bool as_json) {
    json_t *o = json_object();
    set_text(o, "name", name);
    set_text(o, "description", description);
    if (as_json) {
        json_object_set_new(o, "arguments", options_json(options));
        print_json(o);
    } else {
        info_print_fields(o);
        options_table(options);
    }
    json_decref(o);
}

static karma_status info_metric(const char *name, bool as_json) {
    const karma_metric_info *m;
    karma_status st = karma_get_metric_info(name, &m);
    if (st == KARMA_OK) print_named(m->name, m->description, m->options, as_json);
    return st;
}

static karma_status info_processor(const char *name, bool as_json) {
    const karma_processor_info *p;
    karma_status st = karma_get_processor_info(name, &p);
    if (st == KARMA_OK) print_named(p->name, p->description, p->options, as_json);
    return st;
}

/* --- this system ------------------------------------------------------------------------------ */

static karma_status info_system(bool as_json) {
    char *text, **models, **datasets;
    size_t n_models, n_datasets;
    karma_status st = karma_system_info(&text);
    if (st < 0) return st;
    json_t *o = json_loads(text, 0, NULL);
    karma_free(text);
    st = karma_list_models(&models, &n_models);
    if (st == KARMA_OK) {
        karma_free(models);
        json_object_set_new(o, "models", json_integer((json_int_t)n_models));
        st = karma_list_datasets(&datasets, &n_datasets);
    }
    if (st == KARMA_OK) {
        karma_free(datasets);
        json_object_set_new(o, "datasets", json_integer((json_int_t)n_datasets));
        if (as_json) {
            print_json(o);
        } else {
            info_print_fields(o);
        }
    }
    json_decref(o);
    return st;
}

int cmd_info(int argc, char **argv) {
    static const char *const kinds[] = {"model", "dataset", "metric", "processor", "system", NULL};
    bool as_json = false;
    struct model_options mo = {0};
    const struct cli_option options[] = {
        {"--json", NULL, "as JSON", .flag = &as_json, .flag_value = true},
        {"--model-path", "PATH", "of a model: checkpoint folder or file", .value = &mo.path},
        {"--model-config", "FILE", "of a model: arguments, JSON or YAML", .value = &mo.config},
        {"--model-args", "JSON", "of a model: arguments, an object", .value = &mo.args},
        MODEL_LOAD_OPTIONS(mo),
        {0}};
    const struct cli_command c = {
        "info",
        "model NAME | dataset NAME | metric NAME | processor NAME | system",
        "Shows all that is known of one thing. A path of a checkpoint is "
        "a model's name too.",
        options,
        1,
        2};
    const char *positional[3];
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    int kind;
    karma_status st = cli_choice("info", positional[0], kinds, &kind);
    if (st == KARMA_OK && (kind == 4) != !positional[1]) {
        st = cli_error(KARMA_E_USAGE, "usage: karma info %s", c.arguments);
    }
    if (st == KARMA_OK) {
        st = kind == 0   ? info_model(positional[1], &mo, as_json)
             : kind == 1 ? info_dataset(positional[1], as_json)
             : kind == 2 ? info_metric(positional[1], as_json)
             : kind == 3 ? info_processor(positional[1], as_json)
                         : info_system(as_json);
    }
    return st < 0 ? cli_fail(st) : cli_finish_output(false, 0);
}
