/*
 * info_model.c - karma info model: what a model's metadata says, how its class is made (upstream's
 * view of the constructor), the arguments with the level each value comes from, and the memory it
 * would take when its checkpoint is on this machine.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/info.h"
#include "karma/plugin.h"

/* --- options and fields ----------------------------------------------------------------------- */

const char *info_option_type(karma_option_type t) {
    static const char *const names[] = {"int", "real", "bool", "string", "json"};
    return names[t];
}

/* Whole numbers in full. */
static const char *bound(double v, char out[32]) {
    const bool whole = v == floor(v) && fabs(v) < 1e18;
    snprintf(out, 32, whole ? "%.0f" : "%g", v);
    return out;
}

void info_option_range(const karma_option_spec *o, char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; o->choices && o->choices[i] && at < size; i++) {
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? "|" : "", o->choices[i]);
    }
    if (o->choices || !(o->max > o->min)) return;
    char low[32], high[32];
    snprintf(out, size, "%s..%s", bound(o->min, low), bound(o->max, high));
}

json_t *info_option_json(const karma_option_spec *o) {
    char range[512];
    info_option_range(o, range, sizeof(range));
    json_t *j = json_object();
    json_object_set_new(j, "name", json_string(o->name));
    json_object_set_new(j, "type", json_string(info_option_type(o->type)));
    json_t *value = o->default_json ? json_loads(o->default_json, JSON_DECODE_ANY, NULL) : NULL;
    if (value) json_object_set_new(j, "default", value);
    json_object_set_new(j, "required", json_boolean(o->required));
    if (range[0]) json_object_set_new(j, "range", json_string(range));
    if (o->help) json_object_set_new(j, "help", json_string(o->help));
    return j;
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

void info_print_fields(const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) print_field(key, value);
}

/* --- a class's options ------------------------------------------------------------------------ */

enum { MAX_OPTIONS = INFO_OPTIONS_MAX };

/* The next class up; a class without a base has the base of all. NULL above that. */
static const karma_model_class *base_of(const karma_model_class *cls) {
    const karma_model_class *root;
    if (cls->base || karma_find_model_class("BaseModel", &root) < 0 || cls == root)
        return cls->base;
    return root;
}

static bool is_first(const karma_option_spec *o) {
    return strcmp(o->name, "model_name_or_path") == 0 || strcmp(o->name, "device") == 0;
}

static size_t add_options(const karma_option_spec *o, bool first, const karma_option_spec **list,
                          size_t n) {
    for (; o && o->name; o++) {
        bool seen = is_first(o) != first;
        for (size_t i = 0; i < n && !seen; i++)
            seen = strcmp(list[i]->name, o->name) == 0;
        if (!seen && n < MAX_OPTIONS) list[n++] = o;
    }
    return n;
}

/* Add the options of cls and its bases that are (not) the first of a constructor; a name seen lower
 * down hides the base's. */
static size_t gather(const karma_model_class *cls, bool first, const karma_option_spec **list,
                     size_t n) {
    for (const karma_model_class *c = cls; c; c = base_of(c))
        n = add_options(c->options, first, list, n);
    return add_options(karma_plugin_class_options(cls), first, list, n);
}

size_t info_class_options(const karma_model_class *cls, const karma_option_spec **list) {
    return gather(cls, false, list, gather(cls, true, list, 0));
}

/* A JSON value as Python writes it. free() it. */
static char *python_value(const json_t *v) {
    if (json_is_true(v)) return strdup("True");
    if (json_is_false(v)) return strdup("False");
    if (!v || json_is_null(v)) return strdup("None");
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    const size_t len = text ? strlen(text) : 0;
    if (json_is_string(v) && !strchr(text, '\'') && !strchr(text, '\\')) {
        text[0] = text[len - 1] = '\'';
    }
    return text;
}

/* "top_k: Optional[int] = None" */
static void parameter(const karma_option_spec *o, char *out, size_t size) {
    static const char *const types[] = {"int", "float", "bool", "str", "Any"};
    json_t *value = o->default_json ? json_loads(o->default_json, JSON_DECODE_ANY, NULL) : NULL;
    const bool needed = o->required || strcmp(o->name, "model_name_or_path") == 0;
    const bool optional =
        !needed && o->type != KARMA_OPTION_JSON && (o->nullable || !o->default_json);
    char *text = needed ? NULL : python_value(value);
    snprintf(out, size, "%s: %s%s%s%s%s", o->name, optional ? "Optional[" : "", types[o->type],
             optional ? "]" : "", text ? " = " : "", text ? text : "");
    free(text);
    json_decref(value);
}

/* "ClassName(model_name_or_path: str, device: str = 'auto', ...)". free() it. */
static char *signature(const karma_model_class *cls) {
    const karma_option_spec *list[MAX_OPTIONS];
    const size_t n = info_class_options(cls, list);
    char *text = NULL, one[256];
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    if (!f) return NULL;
    fprintf(f, "%s(", cls->name);
    for (size_t i = 0; i < n; i++) {
        parameter(list[i], one, sizeof(one));
        fprintf(f, "%s%s", i ? ", " : "", one);
    }
    fputc(')', f);
    fclose(f);
    return text;
}

/* In lines of at most 100 columns, broken after a comma. */
static void print_wrapped(const char *text, const char *indent) {
    enum { WIDTH = 100 };
    size_t at = 0, width = WIDTH;
    while (strlen(text + at) > width) {
        size_t end = at + width;
        while (end > at && !(text[end] == ' ' && text[end - 1] == ','))
            end--;
        if (end == at) break;
        printf("%s%.*s\n", at ? indent : "", (int)(end - at), text + at);
        at = end + 1;
        width = WIDTH - strlen(indent);
    }
    printf("%s%s\n", at ? indent : "", text + at);
}

/* --- where a value comes from ----------------------------------------------------------------- */

/* The levels above the class's defaults, each an object or NULL, and what they came to. */
struct levels {
    json_t *meta, *config, *call, *all;
    const char *place; /* what says where the checkpoint lies: "meta", "model path", "name" */
};

/* Two names of one argument. */
static bool has(const json_t *level, const char *name) {
    return json_object_get(level, name) ||
           (strcmp(name, "max_tokens") == 0 && json_object_get(level, "max_new_tokens"));
}

static const char *level_of(const struct levels *l, const karma_option_spec *o) {
    if (!json_object_get(l->all, o->name)) return NULL;
    if (has(l->call, o->name)) return "call";
    if (has(l->config, o->name)) return "config";
    if (strcmp(o->name, "model_name_or_path") == 0 && l->place) return l->place;
    return has(l->meta, o->name) ? "meta" : "class default";
}

static json_t *options_json(const karma_model_class *cls, const struct levels *l) {
    const karma_option_spec *list[MAX_OPTIONS];
    const size_t n = info_class_options(cls, list);
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *o = info_option_json(list[i]);
        const char *level = level_of(l, list[i]);
        if (level) {
            json_object_set(o, "value", json_object_get(l->all, list[i]->name));
            json_object_set_new(o, "from", json_string(level));
        }
        json_array_append_new(out, o);
    }
    return out;
}

static void print_options(const karma_model_class *cls, const struct levels *l) {
    static const char *const header[] = {"Argument", "Type", "Value", "From", "Range", "Meaning"};
    const karma_option_spec *list[MAX_OPTIONS];
    const size_t n = info_class_options(cls, list);
    struct cli_table t;
    table_begin(&t, 6, header);
    for (size_t i = 0; i < n; i++) {
        const karma_option_spec *o = list[i];
        const json_t *value = json_object_get(l->all, o->name);
        char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;
        char range[512];
        info_option_range(o, range, sizeof(range));
        table_cell(&t, o->name);
        table_cell(&t, info_option_type(o->type));
        table_cell(&t, text);
        table_cell(&t, level_of(l, o));
        table_cell(&t, range);
        table_cell(&t, o->help);
        free(text);
    }
    table_print(&t, stdout);
    table_end(&t);
}

static void print_class(const karma_model_class *cls, const struct levels *l) {
    char *text = signature(cls);
    printf("\nclass %s", cls->name);
    for (const karma_model_class *c = base_of(cls); c; c = base_of(c))
        printf(" < %s", c->name);
    printf("\n%s\n\n", cls->help ? cls->help : "");
    if (text) print_wrapped(text, "    ");
    free(text);
    putchar('\n');
    print_options(cls, l);
}

static void print_usage(const char *name) {
    printf("\nusage\n  karma run %s \"What is the first-line treatment of anaphylaxis?\"\n"
           "  karma eval --model %s --datasets questions.jsonl\n",
           name, name);
}

/* --- memory ----------------------------------------------------------------------------------- */

static void print_bytes(const char *what, int64_t bytes, const char *more) {
    char text[32];
    printf("  %-18s %s%s\n", what, format_megabytes((bytes + (1 << 20) - 1) >> 20, text), more);
}

/* usage_mb: what the metadata says of the weights; 0: nothing. */
static void print_memory(const karma_memory *memory, int64_t usage_mb) {
    char text[32], more[64] = "";
    if (usage_mb) {
        snprintf(more, sizeof(more), " (memory_usage_mb: %s)", format_megabytes(usage_mb, text));
    }
    puts("\nmemory, estimated from the checkpoint's header");
    print_bytes("weights", memory->weights, more);
    print_bytes("own", memory->own, "");
    print_bytes("cache and scratch", memory->cache, "");
    print_bytes("in all", memory->estimate, "");
    print_bytes("allowed", memory->ceiling,
                memory->estimate > memory->ceiling ? "; it will not be loaded" : "");
}

static json_t *memory_json(const karma_memory *memory, int64_t usage_mb) {
    json_t *o = json_object();
    json_object_set_new(o, "weights", json_integer(memory->weights));
    json_object_set_new(o, "own", json_integer(memory->own));
    json_object_set_new(o, "cache", json_integer(memory->cache));
    json_object_set_new(o, "estimate", json_integer(memory->estimate));
    json_object_set_new(o, "ceiling", json_integer(memory->ceiling));
    if (usage_mb) json_object_set_new(o, "memory_usage_mb", json_integer(usage_mb));
    return o;
}

/* --- models ----------------------------------------------------------------------------------- */

struct view { /* all that is shown of a model */
    const char *name;
    bool as_json;
    char *config_json, *args_json;
    struct levels levels;
    const karma_model_class *cls;
    karma_memory memory;
    bool has_memory;
    int64_t usage_mb;
};

static void release(struct view *v) {
    json_decref(v->levels.meta);
    json_decref(v->levels.config);
    json_decref(v->levels.call);
    json_decref(v->levels.all);
    free(v->config_json);
    free(v->args_json);
}

static json_t *parse(const char *text) {
    return text ? json_loads(text, 0, NULL) : NULL;
}

/* Show object and what else v holds. */
static void show(const struct view *v, json_t *object) {
    if (v->as_json) {
        char *text = v->cls ? signature(v->cls) : NULL;
        json_object_set_new(object, "class", v->cls ? json_string(v->cls->name) : json_null());
        if (text) json_object_set_new(object, "signature", json_string(text));
        if (v->cls) json_object_set_new(object, "arguments", options_json(v->cls, &v->levels));
        if (v->has_memory) {
            json_object_set_new(object, "memory", memory_json(&v->memory, v->usage_mb));
        }
        print_json(object);
        free(text);
        return;
    }
    json_object_del(object, "arguments"); /* the table has them */
    json_object_del(object, "memory");
    info_print_fields(object);
    if (v->has_memory) print_memory(&v->memory, v->usage_mb);
    if (!v->cls) return;
    print_class(v->cls, &v->levels);
    print_usage(v->name);
}

/* Make the model with all its levels; nothing of it is loaded. */
static karma_status make(struct view *v, const char *path, karma_model **m) {
    karma_status st = karma_model_create_with(v->name, path, v->config_json, v->args_json, m);
    if (st < 0) return st;
    v->cls = karma_model_get_class(*m);
    v->levels.config = parse(v->config_json);
    v->levels.call = parse(v->args_json);
    v->levels.all = parse(karma_model_args(*m));
    return KARMA_OK;
}

static void measure(struct view *v, karma_model *m) {
    v->memory.struct_size = sizeof(v->memory);
    v->has_memory = karma_model_memory(m, &v->memory) == KARMA_OK;
}

static karma_status info_registered(struct view *v, const char *path) {
    const karma_model_meta *meta;
    const karma_model_class *cls;
    karma_model *m = NULL;
    char *text;
    karma_status st = karma_get_model_meta(v->name, &meta);
    if (st == KARMA_OK) st = karma_model_meta_to_json(meta, &text);
    if (st < 0) return st;
    json_t *object = parse(text);
    karma_free(text);
    v->usage_mb = meta->memory_usage_mb;
    v->levels.meta = parse(meta->loader_kwargs_json);
    if (json_object_get(v->levels.meta, "model_name_or_path") || meta->model_path) {
        v->levels.place = "meta";
    } else {
        v->levels.place = "name";
    }
    if (path) v->levels.place = "model path";
    if (karma_find_model_class(meta->loader_class, &cls) < 0) {
        json_object_set_new(object, "note", json_string(karma_error_message()));
    } else {
        st = make(v, path, &m);
        if (st == KARMA_OK) measure(v, m);
    }
    if (st == KARMA_OK) show(v, object);
    json_decref(object);
    karma_model_destroy(m);
    return st;
}

/* A path to a checkpoint: it is opened, and what it holds is shown. One that is too large to load
 * is measured all the same. */
static karma_status info_checkpoint(struct view *v, const char *path) {
    karma_model *m = NULL;
    char *text = NULL;
    v->levels.place = path ? "model path" : "name";
    karma_status st = make(v, path, &m);
    if (st < 0) return st;
    measure(v, m);
    st = karma_model_load(m);
    const bool too_large = st == KARMA_E_LIMIT && v->has_memory;
    char why[512] = "";
    if (too_large) {
        snprintf(why, sizeof(why), "%.500s", karma_error_message());
        st = KARMA_OK;
    }
    if (st == KARMA_OK) st = karma_model_info(m, &text);
    if (st == KARMA_OK) {
        json_t *object = parse(text);
        if (too_large) json_object_set_new(object, "note", json_string(why));
        show(v, object);
        json_decref(object);
    }
    karma_free(text);
    karma_model_destroy(m);
    return st;
}

karma_status info_model(const char *name, const struct model_options *o, bool as_json) {
    struct view v = {.name = name, .as_json = as_json};
    karma_status st = model_options_merge(o, &v.config_json, &v.args_json);
    if (st == KARMA_OK) {
        st =
            karma_is_registered(name) ? info_registered(&v, o->path) : info_checkpoint(&v, o->path);
    }
    release(&v);
    return st;
}
