/* cmd_list.c - karma list models|datasets|metrics|processors|plugins|all. Opens no model and no
 * data. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "karma/plugin.h"

enum format { FORMAT_TABLE, FORMAT_SIMPLE, FORMAT_CSV, FORMAT_JSON };
static const char *const format_names[] = {"table", "simple", "csv", "json", NULL};

struct list {
    enum format format;
    const char *task_type, *metric, *type, *modality;
    bool show_args;
    bool several; /* `list all`: each table has a title */
};

static bool contains(const char *const *names, const char *wanted) {
    for (size_t i = 0; names && names[i]; i++) {
        if (strcmp(names[i], wanted) == 0) return true;
    }
    return false;
}

/* "a, b" of a NULL-terminated list. */
static const char *join(const char *const *names, char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; names && names[i] && at < size; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "", names[i]);
    }
    return out;
}

static json_t *json_names(const char *const *names) {
    json_t *list = json_array();
    for (size_t i = 0; names && names[i]; i++)
        json_array_append_new(list, json_string(names[i]));
    return list;
}

static void title(const struct list *l, const char *text) {
    if (l->several && l->format == FORMAT_TABLE) printf("%s\n\n", text);
}

static void gap(const struct list *l) {
    if (l->several && l->format == FORMAT_TABLE) putchar('\n');
}

/* --- models ----------------------------------------------------------------------------------- */

static void modalities_text(unsigned modalities, char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (unsigned bit = 1; bit <= KARMA_VIDEO; bit <<= 1) {
        if (!((modalities ? modalities : KARMA_TEXT) & bit)) continue;
        at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "",
                               karma_modality_name((karma_modality)bit));
    }
}

static bool model_wanted(const struct list *l, const karma_model_meta *meta) {
    karma_model_type type;
    karma_modality modality;
    if (l->type && (karma_model_type_parse(l->type, &type) < 0 || meta->model_type != type)) {
        return false;
    }
    const unsigned has = meta->modalities ? meta->modalities : KARMA_TEXT;
    return !l->modality ||
           (karma_modality_parse(l->modality, &modality) == KARMA_OK && (has & modality));
}

static void model_row(struct cli_table *t, const karma_model_meta *m) {
    char a[64], b[32], c[32];
    modalities_text(m->modalities, a, sizeof(a));
    table_cell(t, m->name);
    table_cell(t, karma_model_type_name(m->model_type));
    table_cell(t, a);
    table_cell(t, format_count(m->n_parameters, b));
    table_cell(t, format_megabytes(m->memory_usage_mb, c));
}

static karma_status list_models(const struct list *l, json_t *into) {
    static const char *const header[] = {"Model Name", "Type", "Modalities", "Parameters",
                                         "Memory"};
    char **names;
    size_t n;
    karma_status st = karma_list_models(&names, &n);
    if (st < 0) return st;
    struct cli_table t;
    table_begin(&t, 5, header);
    if (l->format == FORMAT_CSV) puts("name");
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        const karma_model_meta *meta;
        if (karma_get_model_meta(names[i], &meta) < 0 || !model_wanted(l, meta)) continue;
        if (l->format == FORMAT_TABLE) model_row(&t, meta);
        if (l->format == FORMAT_SIMPLE) puts(names[i]);
        if (l->format == FORMAT_CSV) csv_cell(stdout, names[i], '\n');
        if (l->format != FORMAT_JSON) continue;
        char *text;
        st = karma_model_meta_to_json(meta, &text);
        if (st < 0) break;
        json_array_append_new(into, json_loads(text, 0, NULL));
        karma_free(text);
    }
    if (l->format == FORMAT_TABLE) {
        title(l, "Models");
        table_print(&t, stdout);
        gap(l);
    }
    table_end(&t);
    karma_free(names);
    return st;
}

/* --- data sets -------------------------------------------------------------------------------- */

/* Names of its arguments: the required ones or the others. */
static json_t *argument_names(const karma_dataset_info *d, bool required) {
    json_t *list = json_array();
    for (const karma_option_spec *o = d->options; o && o->name; o++) {
        if (o->required == required) json_array_append_new(list, json_string(o->name));
    }
    return list;
}

static void argument_text(const karma_dataset_info *d, bool required, char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (const karma_option_spec *o = d->options; o && o->name && at < size; o++) {
        if (o->required != required) continue;
        at += (size_t)snprintf(out + at, size - at, "%s%s", at ? ", " : "", o->name);
    }
}

static void dataset_row(const struct list *l, struct cli_table *t, const karma_dataset_info *d) {
    char text[512];
    table_cell(t, d->name);
    table_cell(t, d->task_type);
    table_cell(t, join(d->metrics, text, sizeof(text)));
    table_cell(t, join(d->processors, text, sizeof(text)));
    argument_text(d, true, text, sizeof(text));
    table_cell(t, text);
    if (l->show_args) {
        argument_text(d, false, text, sizeof(text));
        table_cell(t, text);
    }
    table_cellf(t, "%.8s", d->commit_hash ? d->commit_hash : "");
    table_cell(t, d->split);
}

static void json_cell(json_t *value, char after) {
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    csv_cell(stdout, text, after);
    free(text);
    json_decref(value);
}

static void dataset_csv(const karma_dataset_info *d) {
    csv_cell(stdout, d->name, ',');
    csv_cell(stdout, d->task_type, ',');
    json_cell(json_names(d->metrics), ',');
    json_cell(argument_names(d, true), ',');
    json_cell(argument_names(d, false), ',');
    json_cell(json_names(d->processors), ',');
    csv_cell(stdout, d->split, ',');
    csv_cell(stdout, d->commit_hash, '\n');
}

static void set_text(json_t *o, const char *key, const char *text) {
    if (text) json_object_set_new(o, key, json_string(text));
}

static json_t *dataset_json(const karma_dataset_info *d) {
    json_t *o = json_object();
    set_text(o, "name", d->name);
    set_text(o, "description", d->description);
    set_text(o, "task_type", d->task_type);
    json_object_set_new(o, "metrics", json_names(d->metrics));
    json_object_set_new(o, "processors", json_names(d->processors));
    json_object_set_new(o, "required_args", argument_names(d, true));
    json_object_set_new(o, "optional_args", argument_names(d, false));
    set_text(o, "split", d->split);
    set_text(o, "commit_hash", d->commit_hash);
    set_text(o, "source", d->source);
    return o;
}

static bool dataset_wanted(const struct list *l, const karma_dataset_info *d) {
    if (l->task_type && (!d->task_type || strcmp(d->task_type, l->task_type) != 0)) return false;
    return !l->metric || contains(d->metrics, l->metric);
}

static karma_status list_datasets(const struct list *l, json_t *into) {
    static const char *const header[] = {"Dataset",       "Task Type",   "Metrics", "Processors",
                                         "Required Args", "Commit Hash", "Split"};
    static const char *const with_args[] = {"Dataset",     "Task Type",     "Metrics",
                                            "Processors",  "Required Args", "Optional Args",
                                            "Commit Hash", "Split"};
    char **names;
    size_t n;
    karma_status st = karma_list_datasets(&names, &n);
    if (st < 0) return st;
    struct cli_table t;
    table_begin(&t, l->show_args ? 8 : 7, l->show_args ? with_args : header);
    if (l->format == FORMAT_CSV) {
        puts("name,task_type,metrics,required_args,optional_args,processors,split,commit_hash");
    }
    for (size_t i = 0; i < n; i++) {
        const karma_dataset_info *d;
        if (karma_get_dataset_info(names[i], &d) < 0 || !dataset_wanted(l, d)) continue;
        if (l->format == FORMAT_TABLE) dataset_row(l, &t, d);
        if (l->format == FORMAT_SIMPLE) puts(d->name);
        if (l->format == FORMAT_CSV) dataset_csv(d);
        if (l->format == FORMAT_JSON) json_array_append_new(into, dataset_json(d));
    }
    if (l->format == FORMAT_TABLE) {
        title(l, "Datasets");
        table_print(&t, stdout);
        gap(l);
    }
    table_end(&t);
    karma_free(names);
    return st;
}

/* --- metrics, processors: a name and a line --------------------------------------------------- */

typedef karma_status (*list_fn)(char ***names, size_t *count);

static const char *metric_description(const char *name) {
    const karma_metric_info *info;
    return karma_get_metric_info(name, &info) == KARMA_OK ? info->description : "";
}

static const char *processor_description(const char *name) {
    const karma_processor_info *info;
    return karma_get_processor_info(name, &info) == KARMA_OK ? info->description : "";
}

static karma_status list_named(const struct list *l, list_fn list,
                               const char *(*description)(const char *), const char *what,
                               const char *column, json_t *into) {
    const char *const header[] = {column, "Description"};
    char **names;
    size_t n;
    karma_status st = list(&names, &n);
    if (st < 0) return st;
    struct cli_table t;
    table_begin(&t, 2, header);
    if (l->format == FORMAT_CSV) puts("name");
    for (size_t i = 0; i < n; i++) {
        table_cell(&t, names[i]);
        table_cell(&t, description(names[i]));
        if (l->format == FORMAT_SIMPLE) puts(names[i]);
        if (l->format == FORMAT_CSV) csv_cell(stdout, names[i], '\n');
        if (l->format == FORMAT_JSON) {
            json_t *o = json_object();
            set_text(o, "name", names[i]);
            set_text(o, "description", description(names[i]));
            json_array_append_new(into, o);
        }
    }
    if (l->format == FORMAT_TABLE) {
        title(l, what);
        table_print(&t, stdout);
        gap(l);
    }
    table_end(&t);
    karma_free(names);
    return st;
}

/* --- plugins ---------------------------------------------------------------------------------- */

/* "classes A, B; metrics C" */
static void brings_text(const json_t *plugin, char *out, size_t size) {
    static const char *const kinds[] = {"classes", "metas", "datasets", "metrics", "processors"};
    size_t at = 0;
    out[0] = '\0';
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        const json_t *names = json_object_get(plugin, kinds[k]);
        for (size_t i = 0; i < json_array_size(names) && at < size; i++)
            at += (size_t)snprintf(out + at, size - at, "%s%s%s%s", i || !at ? "" : "; ",
                                   i ? ", " : kinds[k], i ? "" : " ",
                                   json_string_value(json_array_get(names, i)));
    }
}

static void plugin_row(const struct list *l, struct cli_table *t, const json_t *plugin) {
    char text[512];
    const char *name = json_string_value(json_object_get(plugin, "name"));
    brings_text(plugin, text, sizeof(text));
    table_cell(t, name);
    table_cell(t, json_string_value(json_object_get(plugin, "version")));
    table_cell(t, text);
    table_cell(t, json_string_value(json_object_get(plugin, "path")));
    if (l->format == FORMAT_SIMPLE) puts(name);
    if (l->format == FORMAT_CSV) csv_cell(stdout, name, '\n');
}

static karma_status list_plugins(const struct list *l, json_t *into) {
    static const char *const header[] = {"Plugin", "Version", "Brings", "File"};
    char *text;
    karma_status st = karma_list_plugins(&text);
    if (st < 0) return st;
    json_t *all = json_loads(text, 0, NULL);
    karma_free(text);
    if (!all) return cli_error(KARMA_E_NOMEM, "out of memory");
    struct cli_table t;
    table_begin(&t, 4, header);
    if (l->format == FORMAT_CSV) puts("name");
    for (size_t i = 0; i < json_array_size(all); i++)
        plugin_row(l, &t, json_array_get(all, i));
    if (l->format == FORMAT_JSON) json_array_extend(into, all);
    if (l->format == FORMAT_TABLE && (!l->several || json_array_size(all) > 0)) {
        title(l, "Plugins");
        table_print(&t, stdout);
        gap(l);
    }
    table_end(&t);
    json_decref(all);
    return KARMA_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

enum what { WHAT_MODELS, WHAT_DATASETS, WHAT_METRICS, WHAT_PROCESSORS, WHAT_PLUGINS, WHAT_ALL };
static const char *const what_names[] = {"models",  "datasets", "metrics", "processors",
                                         "plugins", "all",      NULL};

static karma_status list_one(enum what what, const struct list *l, json_t *into) {
    switch (what) {
    case WHAT_MODELS:
        return list_models(l, into);
    case WHAT_DATASETS:
        return list_datasets(l, into);
    case WHAT_METRICS:
        return list_named(l, karma_list_metrics, metric_description, "Metrics", "Metric Name",
                          into);
    case WHAT_PLUGINS:
        return list_plugins(l, into);
    default:
        return list_named(l, karma_list_processors, processor_description, "Processors",
                          "Processor Name", into);
    }
}

static karma_status list_what(enum what what, struct list *l) {
    l->several = what == WHAT_ALL;
    if (l->several && l->format == FORMAT_CSV) {
        return cli_error(KARMA_E_USAGE, "--format csv holds one kind: list models, datasets, "
                                        "metrics, processors or plugins");
    }
    json_t *all = json_object();
    karma_status st = KARMA_OK;
    const int first = l->several ? 0 : (int)what, last = l->several ? WHAT_ALL - 1 : (int)what;
    for (int w = first; w <= last && st == KARMA_OK; w++) {
        json_t *list = json_array();
        st = list_one((enum what)w, l, list);
        json_object_set_new(all, what_names[w], list);
    }
    if (st == KARMA_OK && l->format == FORMAT_JSON) {
        print_json(l->several ? all : json_object_get(all, what_names[what]));
    }
    json_decref(all);
    return st;
}

static karma_status check_filters(const struct list *l) {
    karma_model_type type;
    karma_modality modality;
    karma_status st = l->type ? karma_model_type_parse(l->type, &type) : KARMA_OK;
    if (st == KARMA_OK && l->modality) st = karma_modality_parse(l->modality, &modality);
    return st < 0 ? KARMA_E_USAGE : KARMA_OK;
}

int cmd_list(int argc, char **argv) {
    struct list l = {0};
    const char *format = "table";
    const struct cli_option options[] = {
        {"--format", "FORMAT", "table (default), simple, csv, json", .value = &format},
        {"--type", "TYPE", "models: text_generation, multimodal, ...", .value = &l.type},
        {"--modality", "M", "models: text, image, audio, video", .value = &l.modality},
        {"--task-type", "T", "datasets of this task", .value = &l.task_type},
        {"--metric", "M", "datasets that use this metric", .value = &l.metric},
        {"--show-args", NULL, "datasets: show optional arguments too", .flag = &l.show_args,
         .flag_value = true},
        {0}};
    const struct cli_command c = {"list",
                                  "models|datasets|metrics|processors|plugins|all [options]",
                                  "Lists what karma knows by name.",
                                  options,
                                  1,
                                  1};
    const char *positional[2];
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    int what, chosen;
    karma_status st = cli_choice("list", positional[0], what_names, &what);
    if (st == KARMA_OK) st = cli_choice("--format", format, format_names, &chosen);
    if (st == KARMA_OK) st = check_filters(&l);
    if (st == KARMA_OK) {
        l.format = (enum format)chosen;
        st = list_what((enum what)what, &l);
    }
    return st < 0 ? cli_fail(st) : cli_finish_output(false, 0);
}
