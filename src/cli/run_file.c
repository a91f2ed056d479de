/*
 * run_file.c - see run_file.h. What kind a value has follows from the option's value_name: N is a
 * number, S and JSON are maps, FILE and PATH paths, a name with a comma in it a list.
 */
#include "cli/run_file.h"

#include <stdlib.h>
#include <string.h>

#include "cli/run_path.h"

enum { MAX_KEYS = CLI_OPTIONS_MAX };

struct reading {
    const char *path;
    const struct cli_command *c;
    json_t *in, *out;
    json_t *dataset_args, *processor_args; /* of the map of data sets, and then of all */
};

/* --- messages --------------------------------------------------------------------------------- */

/* "FILE: line 3: ", of the key that way leads to. */
static karma_status fail_at(const struct reading *r, karma_status st, const char *const *way,
                            const char *what) {
    const size_t line = karma_config_line(r->path, way);
    char text[640];
    snprintf(text, sizeof(text), "%s", what); /* what may be the message itself */
    if (line) return cli_error(st, "%.300s: line %zu: %s", r->path, line, text);
    return cli_error(st, "%.300s: %s", r->path, text);
}

static karma_status wrong_type(const struct reading *r, const char *const *way, const char *wanted,
                               const json_t *found) {
    static const char *const types[] = {"a map",    "a list", "text",  "a number",
                                        "a number", "true",   "false", "null"};
    char text[256];
    size_t last = 0;
    while (way[last + 1])
        last++;
    snprintf(text, sizeof(text), "%.80s: expected %s, found %s", way[last], wanted,
             types[json_typeof(found)]);
    return fail_at(r, KARMA_E_TYPE, way, text);
}

static karma_status unknown(const struct reading *r, const char *const *way, const char *key,
                            const char *const *names, size_t n) {
    char text[256];
    const int near = karma_nearest_name(key, names, n);
    snprintf(text, sizeof(text), "unknown key %.80s%s%s%s", key, near >= 0 ? "; did you mean " : "",
             near >= 0 ? names[near] : "", near >= 0 ? "?" : "");
    return fail_at(r, KARMA_E_UNEXPECTED, way, text);
}

static karma_status out_of_memory(void) {
    return cli_error(KARMA_E_NOMEM, "out of memory");
}

/* --- keys ------------------------------------------------------------------------------------- */

void run_file_key(const char *option, char out[64]) {
    size_t n = 0;
    for (const char *p = option + 2; *p && n < 63; p++)
        out[n++] = *p == '-' ? '_' : *p;
    out[n] = '\0';
}

/* What says which file is read or written is no part of a run. */
static bool is_of_the_run(const struct cli_option *o) {
    return strcmp(o->name, "--run") != 0 && strcmp(o->name, "--save-run") != 0;
}

static const struct cli_option *option_of(const struct cli_command *c, const char *key) {
    char name[64];
    for (const struct cli_option *o = c->options; o->name; o++) {
        run_file_key(o->name, name);
        if (is_of_the_run(o) && strcmp(name, key) == 0) return o;
    }
    return NULL;
}

static karma_status unknown_key(const struct reading *r, const char *key) {
    char keys[MAX_KEYS][64];
    const char *names[MAX_KEYS];
    size_t n = 0;
    for (const struct cli_option *o = r->c->options; o->name && n < MAX_KEYS; o++) {
        if (!is_of_the_run(o)) continue;
        run_file_key(o->name, keys[n]);
        names[n] = keys[n];
        n++;
    }
    return unknown(r, (const char *const[]){key, NULL}, key, names, n);
}

static bool is_map_option(const struct cli_option *o) {
    return o->value && (strcmp(o->value_name, "S") == 0 || strcmp(o->value_name, "JSON") == 0);
}

static bool is_path_option(const struct cli_option *o) {
    return o->value && (strcmp(o->value_name, "FILE") == 0 || strcmp(o->value_name, "PATH") == 0);
}

static bool is_number_option(const struct cli_option *o) {
    return o->value && (strcmp(o->value_name, "N") == 0 || strcmp(o->value_name, "SIZE") == 0);
}

static bool is_list_option(const struct cli_option *o) {
    return o->value && strchr(o->value_name, ',') != NULL;
}

/* --- names and paths -------------------------------------------------------------------------- */

bool run_file_is_dataset(const char *name) {
    char **names;
    size_t n;
    bool found = false;
    if (karma_list_datasets(&names, &n) < 0) return false;
    for (size_t i = 0; i < n && !found; i++)
        found = strcmp(names[i], name) == 0;
    karma_free(names);
    return found;
}

/* A name, or the path of something that lies there as seen from the file. */
static json_t *name_or_path(const struct reading *r, const char *name, bool is_name) {
    if (is_name) return json_string(name);
    char *path = path_from_file(r->path, name);
    const bool is_path = path && (name[0] == '.' || path_exists(path));
    json_t *text = path ? json_string(is_path ? path : name) : NULL;
    free(path);
    return text;
}

static json_t *dataset_name(const struct reading *r, const char *name) {
    return name_or_path(r, name, run_file_is_dataset(name));
}

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* An argument that says where something lies, from the working folder. */
static karma_status place_arguments(const struct reading *r, json_t *args) {
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(args, next, key, value) {
        const char *text = json_string_value(value);
        if (!text || (strcmp(key, "path") != 0 && !ends_with(key, "_path"))) continue;
        json_t *placed;
        if (ends_with(key, "_or_path")) {
            placed = name_or_path(r, text, karma_is_registered(text));
        } else {
            char *path = path_from_file(r->path, text);
            placed = path ? json_string(path) : NULL;
            free(path);
        }
        if (json_object_set_new(args, key, placed)) return out_of_memory();
    }
    return KARMA_OK;
}

/* --- maps of arguments ------------------------------------------------------------------------ */

/* args go into all under name, which must not be there. */
static karma_status add_arguments(const struct reading *r, json_t *all, const char *name,
                                  json_t *args, const char *const *way) {
    if (json_object_get(all, name)) {
        char text[256];
        snprintf(text, sizeof(text), "arguments of %.160s are given twice", name);
        return fail_at(r, KARMA_E_DUPLICATE, way, text);
    }
    karma_status st = place_arguments(r, args);
    if (st == KARMA_OK && json_object_set(all, name, args)) st = out_of_memory();
    return st;
}

/* "DATASET.PROCESSOR" with the data set's own name. */
static karma_status add_processor(struct reading *r, const char *set, const char *processor,
                                  json_t *args, const char *const *way) {
    char name[640];
    json_t *placed = dataset_name(r, set);
    if (!placed) return out_of_memory();
    snprintf(name, sizeof(name), "%.500s.%.100s", json_string_value(placed), processor);
    json_decref(placed);
    return add_arguments(r, r->processor_args, name, args, way);
}

static karma_status add_dataset_args(struct reading *r, const char *set, json_t *args,
                                     const char *const *way) {
    json_t *placed = dataset_name(r, set);
    if (!placed) return out_of_memory();
    karma_status st = add_arguments(r, r->dataset_args, json_string_value(placed), args, way);
    json_decref(placed);
    return st;
}

/* The map of a key such as dataset_args: each value a map. */
static karma_status take_args_map(struct reading *r, const char *key, json_t *value) {
    const char *name;
    json_t *args;
    json_object_foreach(value, name, args) {
        const char *const way[] = {key, name, NULL};
        karma_status st = KARMA_OK;
        if (!json_is_object(args)) return wrong_type(r, way, "a map of arguments", args);
        if (strcmp(key, "dataset_args") == 0) {
            st = add_dataset_args(r, name, args, way);
        } else if (strcmp(key, "processor_args") == 0) {
            const char *dot = strrchr(name, '.');
            if (!dot) return fail_at(r, KARMA_E_SYNTAX, way, "expected DATASET.PROCESSOR");
            char set[512];
            snprintf(set, sizeof(set), "%.*s", (int)(dot - name), name);
            st = add_processor(r, set, dot + 1, args, way);
        } else {
            st = place_arguments(r, args);
        }
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status put(json_t *out, const char *key, json_t *value) {
    return json_object_set_new(out, key, value) ? out_of_memory() : KARMA_OK;
}

static karma_status put_dump(json_t *out, const char *key, const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    karma_status st = text ? put(out, key, json_string(text)) : out_of_memory();
    free(text);
    return st;
}

/* --- data sets -------------------------------------------------------------------------------- */

static karma_status take_processors(struct reading *r, const char *set, json_t *value) {
    const char *const way[] = {"datasets", set, "processors", NULL};
    const char *name;
    json_t *args;
    if (!json_is_object(value))
        return wrong_type(r, way, "a map of processors and their arguments", value);
    json_object_foreach(value, name, args) {
        const char *const deeper[] = {"datasets", set, "processors", name, NULL};
        if (!json_is_object(args)) return wrong_type(r, deeper, "a map of arguments", args);
        karma_status st = add_processor(r, set, name, args, deeper);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

/* What stands under a data set's name. */
static karma_status take_dataset(struct reading *r, const char *set, json_t *value) {
    static const char *const known[] = {"args", "processors"};
    const char *const way[] = {"datasets", set, NULL};
    const char *key;
    json_t *part;
    if (json_is_null(value)) return KARMA_OK;
    if (!json_is_object(value))
        return wrong_type(r, way, "a map of args and processors, or nothing", value);
    json_object_foreach(value, key, part) {
        const char *const deeper[] = {"datasets", set, key, NULL};
        karma_status st;
        if (strcmp(key, "args") == 0) {
            st = json_is_object(part) ? add_dataset_args(r, set, part, deeper)
                                      : wrong_type(r, deeper, "a map of arguments", part);
        } else if (strcmp(key, "processors") == 0) {
            st = take_processors(r, set, part);
        } else {
            st = unknown(r, deeper, key, known, 2);
        }
        if (st < 0) return st;
    }
    return KARMA_OK;
}

/* text, a comma before it unless it is the first. free() what comes back. */
static char *append(char *list, const char *text) {
    const size_t len = list ? strlen(list) : 0;
    const size_t room = len + strlen(text) + 2;
    char *grown = realloc(list, room);
    if (!grown) {
        free(list);
        return NULL;
    }
    snprintf(grown + len, room - len, "%s%s", len ? "," : "", text);
    return grown;
}

/* One name of a list: without a comma, which the command line could not say either. */
static karma_status add_name(struct reading *r, const char *key, const char *name, char **list) {
    const char *const way[] = {key, NULL};
    char text[256];
    snprintf(text, sizeof(text), "%.60s: a name %s: %.100s", key,
             name[0] ? "with a comma in it" : "is empty", name);
    if (!name[0] || strchr(name, ',')) return fail_at(r, KARMA_E_SYNTAX, way, text);
    json_t *placed = strcmp(key, "datasets") == 0 ? dataset_name(r, name)
                     : strcmp(key, "fallback") == 0
                         ? name_or_path(r, name, karma_is_registered(name))
                         : json_string(name);
    *list = placed ? append(*list, json_string_value(placed)) : NULL;
    json_decref(placed);
    return *list ? KARMA_OK : out_of_memory();
}

/* A list of names, "A,B", or for data sets a map. */
static karma_status take_names(struct reading *r, const char *key, json_t *value) {
    const char *const way[] = {key, NULL};
    const bool sets = strcmp(key, "datasets") == 0;
    karma_status st = KARMA_OK;
    char *list = NULL;
    if (json_is_string(value)) {
        char *copy = strdup(json_string_value(value)), *rest = copy;
        if (!copy) return out_of_memory();
        for (char *name; st == KARMA_OK && (name = strsep(&rest, ","));) {
            name += strspn(name, " ");
            for (size_t n = strlen(name); n > 0 && name[n - 1] == ' '; n--)
                name[n - 1] = '\0';
            st = add_name(r, key, name, &list);
        }
        free(copy);
    } else if (json_is_array(value)) {
        size_t i;
        json_t *item;
        json_array_foreach(value, i, item) {
            st = json_is_string(item) ? add_name(r, key, json_string_value(item), &list)
                                      : wrong_type(r, way, "a list of names", item);
            if (st < 0) break;
        }
    } else if (json_is_object(value) && sets) {
        const char *name;
        json_t *set;
        json_object_foreach(value, name, set) {
            st = add_name(r, key, name, &list);
            if (st == KARMA_OK) st = take_dataset(r, name, set);
            if (st < 0) break;
        }
    } else {
        st = wrong_type(r, way, sets ? "a list of names, or a map of them" : "a list of names",
                        value);
    }
    if (st == KARMA_OK && !list) st = fail_at(r, KARMA_E_MISSING, way, "no name is given");
    if (st == KARMA_OK) st = put(r->out, key, json_string(list));
    free(list);
    return st;
}

/* --- the other values ------------------------------------------------------------------------- */

static karma_status take_flag(struct reading *r, const struct cli_option *o, const char *key,
                              json_t *value) {
    const char *const way[] = {key, NULL};
    char other[64];
    if (!json_is_boolean(value)) return wrong_type(r, way, "true or false", value);
    for (const struct cli_option *p = r->c->options; p->name; p++) {
        run_file_key(p->name, other);
        if (p != o && p->flag == o->flag && json_object_get(r->out, other)) {
            char text[160];
            snprintf(text, sizeof(text), "%.60s and %.60s say the same thing twice", key, other);
            return fail_at(r, KARMA_E_DUPLICATE, way, text);
        }
    }
    return put(r->out, key, json_incref(value));
}

static karma_status take_list(struct reading *r, const char *key, json_t *value) {
    const char *const way[] = {key, NULL};
    json_t *list = json_array(), *item;
    size_t i;
    karma_status st = list ? KARMA_OK : out_of_memory();
    if (json_is_string(value)) {
        if (json_array_append(list, value)) st = out_of_memory();
    } else if (json_is_array(value) && json_array_size(value) < CLI_LIST_MAX) {
        json_array_foreach(value, i, item) {
            if (!json_is_string(item))
                st = wrong_type(r, way, "a list of texts", item);
            else if (json_array_append(list, item))
                st = out_of_memory();
            if (st < 0) break;
        }
    } else {
        st = wrong_type(r, way, "a short list of texts", value);
    }
    if (st == KARMA_OK) return put(r->out, key, list);
    json_decref(list);
    return st;
}

static karma_status take_text(struct reading *r, const struct cli_option *o, const char *key,
                              json_t *value) {
    const char *const way[] = {key, NULL};
    const char *text = json_string_value(value);
    if (is_number_option(o) && json_is_number(value)) return put_dump(r->out, key, value);
    if (!text) return wrong_type(r, way, is_number_option(o) ? "a number" : "text", value);
    if (!text[0]) return fail_at(r, KARMA_E_RANGE, way, "the value is empty");
    if (strcmp(key, "model") == 0)
        return put(r->out, key, name_or_path(r, text, karma_is_registered(text)));
    if (!is_path_option(o)) return put(r->out, key, json_incref(value));
    char *path = path_from_file(r->path, text);
    karma_status st = path ? put(r->out, key, json_string(path)) : out_of_memory();
    free(path);
    return st;
}

static karma_status take_map(struct reading *r, const struct cli_option *o, const char *key,
                             json_t *value) {
    const bool by_name = strcmp(o->value_name, "S") == 0;
    char *text = NULL;
    json_t *parsed = NULL;
    karma_status st = KARMA_OK;
    if (json_is_string(value) && by_name) { /* as on the command line */
        st = arguments_to_json(key, json_string_value(value), strcmp(key, "processor_args") == 0,
                               &text);
        if (st == KARMA_OK) value = parsed = json_loads(text, 0, NULL);
        if (st == KARMA_OK && !parsed) st = out_of_memory();
        free(text);
    }
    if (st == KARMA_OK && !json_is_object(value))
        st = wrong_type(r, (const char *const[]){key, NULL}, "a map", value);
    if (st == KARMA_OK) st = by_name ? take_args_map(r, key, value) : place_arguments(r, value);
    const bool later = strcmp(key, "dataset_args") == 0 || strcmp(key, "processor_args") == 0;
    if (st == KARMA_OK && !later) st = put_dump(r->out, key, value);
    json_decref(parsed);
    return st;
}

static karma_status take_key(struct reading *r, const char *key, json_t *value) {
    const struct cli_option *o = option_of(r->c, key);
    if (!o) return unknown_key(r, key);
    if (json_is_null(value)) return KARMA_OK; /* as if it did not stand there */
    if (o->flag) return take_flag(r, o, key, value);
    if (o->list) return take_list(r, key, value);
    if (is_map_option(o)) return take_map(r, o, key, value);
    return is_list_option(o) ? take_names(r, key, value) : take_text(r, o, key, value);
}

static karma_status take_all(struct reading *r) {
    const char *key;
    json_t *value;
    karma_status st = KARMA_OK;
    if (!json_is_object(r->in))
        return cli_error(KARMA_E_TYPE, "%.300s: a run file is a map of options", r->path);
    json_object_foreach(r->in, key, value) {
        st = take_key(r, key, value);
        if (st < 0) return st;
    }
    if (!json_object_get(r->in, "model") && !json_object_get(r->in, "datasets"))
        return cli_error(KARMA_E_MISSING,
                         "%.300s: neither model nor datasets stands in it: no run file", r->path);
    if (json_object_size(r->dataset_args) > 0)
        st = put_dump(r->out, "dataset_args", r->dataset_args);
    if (st == KARMA_OK && json_object_size(r->processor_args) > 0)
        st = put_dump(r->out, "processor_args", r->processor_args);
    return st;
}

bool run_file_named(const char *path) {
    return ends_with(path, ".yaml") || ends_with(path, ".yml") || ends_with(path, ".json");
}

karma_status run_file_read(const char *path, const struct cli_command *c, json_t **tree) {
    struct reading r = {.path = path, .c = c};
    char *text;
    *tree = NULL;
    karma_status st = karma_read_config(path, &text);
    if (st < 0) return st;
    r.in = json_loads(text, JSON_DECODE_ANY, NULL);
    karma_free(text);
    r.out = json_object();
    r.dataset_args = json_object();
    r.processor_args = json_object();
    st = r.in && r.out && r.dataset_args && r.processor_args ? take_all(&r) : out_of_memory();
    json_decref(r.in);
    json_decref(r.dataset_args);
    json_decref(r.processor_args);
    if (st == KARMA_OK)
        *tree = r.out;
    else
        json_decref(r.out);
    return st;
}
