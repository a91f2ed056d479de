/* cmd_info.c - karma info model|dataset|metric|system. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static const char *option_type_name(karma_option_type t) {
    static const char *const names[] = {"int", "real", "bool", "string", "json"};
    return names[t];
}

/* Whole numbers in full. */
static const char *bound(double v, char out[32]) {
    const bool whole = v == floor(v) && fabs(v) < 1e18;
    snprintf(out, 32, whole ? "%.0f" : "%g", v);
    return out;
}

static void option_range(const karma_option_spec *o, char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; o->choices && o->choices[i] && at < size; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? "|" : "", o->choices[i]);
    }
    if (o->choices || !(o->max > o->min)) return;
    char low[32], high[32];
    snprintf(out, size, "%s..%s", bound(o->min, low), bound(o->max, high));
}

static void option_row(struct cli_table *t, const karma_option_spec *o) {
    char range[128];
    option_range(o, range, sizeof(range));
    table_cell(t, o->name);
    table_cell(t, option_type_name(o->type));
    table_cell(t, o->required ? "(required)" : o->default_json);
    table_cell(t, range);
    table_cell(t, o->help);
}

static const char *const option_header[] = {"Argument", "Type", "Default", "Range", "Meaning"};

static json_t *option_json(const karma_option_spec *o) {
    char range[128];
    option_range(o, range, sizeof(range));
    json_t *j = json_object();
    json_object_set_new(j, "name", json_string(o->name));
    json_object_set_new(j, "type", json_string(option_type_name(o->type)));
    json_t *value = o->default_json ? json_loads(o->default_json, JSON_DECODE_ANY, NULL) : NULL;
    if (value) json_object_set_new(j, "default", value);
    json_object_set_new(j, "required", json_boolean(o->required));
    if (range[0]) json_object_set_new(j, "range", json_string(range));
    if (o->help) json_object_set_new(j, "help", json_string(o->help));
    return j;
}

/* --- models ----------------------------------------------------------------------------------- */

/* The next class up; a class without a base has the base of all. NULL above that. */
static const karma_model_class *base_of(const karma_model_class *cls) {
    const karma_model_class *root;
    if (cls->base || karma_find_model_class("BaseModel", &root) < 0 || cls == root)
        return cls->base;
    return root;
}

/* The class's own options, then its bases'; a name seen lower down hides the base's. */
static void class_options(const karma_model_class *cls, struct cli_table *t, json_t *into) {
    json_t *seen = json_object();
    for (const karma_model_class *c = cls; c; c = base_of(c)) {
        for (const karma_option_spec *o = c->options; o && o->name; o++) {
            if (json_object_get(seen, o->name)) continue;
            json_object_set_new(seen, o->name, json_true());
            if (t) option_row(t, o);
            if (into) json_array_append_new(into, option_json(o));
        }
    }
    json_decref(seen);
}

static void print_field(const char *key, const json_t *value) {
    printf("%-26s ", key);
    if (json_is_string(value)) {
        puts(json_string_value(value));
        return;
    }
    json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    putchar('\n');
}

static void print_fields(const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) print_field(key, value);
}

static void print_class(const karma_model_class *cls) {
    printf("\nclass %s", cls->name);
    for (const karma_model_class *c = base_of(cls); c; c = base_of(c))
        printf(" < %s", c->name);
    printf("\n%s\n\n", cls->help ? cls->help : "");
    struct cli_table t;
    table_begin(&t, 5, option_header);
    class_options(cls, &t, NULL);
    table_print(&t, stdout);
    table_end(&t);
}

static void print_usage(const char *name) {
    printf("\nusage\n  karma run %s \"What is the first-line treatment of anaphylaxis?\"\n"
           "  karma eval --model %s --datasets questions.jsonl\n",
           name, name);
}

static karma_status info_registered(const char *name, bool as_json) {
    const karma_model_meta *meta;
    const karma_model_class *cls;
    char *text;
    karma_status st = karma_get_model_meta(name, &meta);
    if (st == KARMA_OK) st = karma_find_model_class(meta->loader_class, &cls);
    if (st == KARMA_OK) st = karma_model_meta_to_json(meta, &text);
    if (st < 0) return st;
    json_t *object = json_loads(text, 0, NULL);
    karma_free(text);
    if (as_json) {
        json_t *options = json_array();
        class_options(cls, NULL, options);
        json_object_set_new(object, "class", json_string(cls->name));
        json_object_set_new(object, "arguments", options);
        print_json(object);
    } else {
        print_fields(object);
        print_class(cls);
        print_usage(name);
    }
    json_decref(object);
    return KARMA_OK;
}

/* A path to a checkpoint: it is opened, and what it holds is shown. */
static karma_status info_checkpoint(const char *path, bool as_json) {
    karma_model *m;
    char *text = NULL;
    karma_status st = karma_model_create(path, NULL, &m);
    if (st < 0) return st;
    st = karma_model_load(m);
    if (st == KARMA_OK) st = karma_model_info(m, &text);
    json_t *object = st == KARMA_OK ? json_loads(text, 0, NULL) : NULL;
    if (object && as_json) print_json(object);
    if (object && !as_json) {
        print_fields(object);
        print_class(karma_model_get_class(m));
        print_usage(path);
    }
    json_decref(object);
    karma_free(text);
    karma_model_destroy(m);
    return st;
}

static karma_status info_model(const char *name, bool as_json) {
    if (karma_is_registered(name)) return info_registered(name, as_json);
    return info_checkpoint(name, as_json);
}

/* --- data sets and metrics -------------------------------------------------------------------- */

static json_t *options_json(const karma_option_spec *options) {
    json_t *list = json_array();
    for (const karma_option_spec *o = options; o && o->name; o++) {
        json_array_append_new(list, option_json(o));
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

static karma_status info_dataset(const char *name, bool as_json) {
    const karma_dataset_info *d;
    karma_status st = karma_get_dataset_info(name, &d);
    if (st < 0) return st;
    json_t *o = json_object();
    set_text(o, "name", d->name);
    set_text(o, "description", d->description);
    set_text(o, "task_type", d->task_type);
    json_object_set_new(o, "metrics", names_json(d->metrics));
    json_object_set_new(o, "processors", names_json(d->processors));
    set_text(o, "split", d->split);
    set_text(o, "commit_hash", d->commit_hash);
    set_text(o, "extraction", d->extraction);
    set_text(o, "source", d->source);
    set_text(o, "prompt", d->prompt);
    if (as_json) {
        json_object_set_new(o, "arguments", options_json(d->options));
        print_json(o);
    } else {
        print_fields(o);
        options_table(d->options);
    }
    json_decref(o);
    return KARMA_OK;
}

static karma_status info_metric(const char *name, bool as_json) {
    const karma_metric_info *m;
    karma_status st = karma_get_metric_info(name, &m);
    if (st < 0) return st;
    json_t *o = json_object();
    set_text(o, "name", m->name);
    set_text(o, "description", m->description);
    if (as_json) {
        json_object_set_new(o, "arguments", options_json(m->options));
        print_json(o);
    } else {
        print_fields(o);
        options_table(m->options);
    }
    json_decref(o);
    return KARMA_OK;
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
            print_fields(o);
        }
    }
    json_decref(o);
    return st;
}

int cmd_info(int argc, char **argv) {
    static const char *const kinds[] = {"model", "dataset", "metric", "system", NULL};
    bool as_json = false;
    const struct cli_option options[] = {
        {"--json", NULL, "as JSON", .flag = &as_json, .flag_value = true}, {0}};
    const struct cli_command c = {"info",
                                  "model NAME | dataset NAME | metric NAME | system",
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
    if (st == KARMA_OK && (kind == 3) != !positional[1]) {
        st = cli_error(KARMA_E_USAGE, "usage: karma info %s", c.arguments);
    }
    if (st == KARMA_OK) {
        st = kind == 0   ? info_model(positional[1], as_json)
             : kind == 1 ? info_dataset(positional[1], as_json)
             : kind == 2 ? info_metric(positional[1], as_json)
                         : info_system(as_json);
    }
    return st < 0 ? cli_fail(st) : cli_finish_output(false, 0);
}
