/*
 * run_file_write.c - options from a run file's tree and back, and the tree as a file: block YAML
 * for people, or JSON. A text that YAML could take for something else stands in the quotes of JSON,
 * which are YAML's too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output_place.h"
#include "cli/run_file.h"
#include "cli/run_path.h"
#include "cli/text_out.h"

/* --- the file's values for the options -------------------------------------------------------- */

/* Was it, or another option of the same flag, on the command line? */
static bool is_given(const struct cli_command *c, const bool *given, const struct cli_option *o) {
    for (size_t i = 0; c->options[i].name; i++) {
        const struct cli_option *p = &c->options[i];
        if (given[i] && (p == o || (o->flag && p->flag == o->flag))) return true;
    }
    return false;
}

void run_file_apply(const json_t *tree, const struct cli_command *c, const bool *given) {
    char key[64];
    for (const struct cli_option *o = c->options; o->name; o++) {
        run_file_key(o->name, key);
        const json_t *value = json_object_get(tree, key);
        if (!value || is_given(c, given, o)) continue;
        if (o->flag) {
            *o->flag = json_is_true(value) ? o->flag_value : !o->flag_value;
        } else if (o->list) {
            for (o->list->n = 0; o->list->n < json_array_size(value); o->list->n++)
                o->list->items[o->list->n] = json_string_value(json_array_get(value, o->list->n));
        } else {
            *o->value = json_string_value(value);
        }
    }
}

/* --- the options' values as a tree ------------------------------------------------------------ */

/* A number as one, anything else as text. */
static json_t *value_of(const struct cli_option *o) {
    json_t *value =
        strcmp(o->value_name, "N") == 0 ? json_loads(*o->value, JSON_DECODE_ANY, NULL) : NULL;
    if (json_is_number(value)) return value;
    json_decref(value);
    return json_string(*o->value);
}

static json_t *list_of(const struct cli_list *list) {
    json_t *all = json_array();
    for (size_t i = 0; all && i < list->n; i++) {
        if (json_array_append_new(all, json_string(list->items[i]))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

/* Of two options that set one flag, that which says yes. */
static const struct cli_option *positive(const struct cli_command *c, const struct cli_option *o) {
    for (const struct cli_option *p = c->options; p->name && o->flag; p++)
        if (p->flag == o->flag && p->flag_value) return p;
    return o;
}

json_t *run_file_tree(const struct cli_command *c, const bool *given) {
    json_t *tree = json_object();
    for (size_t i = 0; tree && c->options[i].name; i++) {
        const struct cli_option *o = positive(c, &c->options[i]);
        char key[64];
        run_file_key(o->name, key);
        if (!given[i] || strcmp(key, "run") == 0 || strcmp(key, "save_run") == 0) continue;
        if (o->value && !*o->value) continue; /* it is elsewhere */
        json_t *value = o->flag   ? json_boolean(*o->flag == o->flag_value)
                        : o->list ? list_of(o->list)
                                  : value_of(o);
        if (json_object_set_new(tree, key, value)) {
            json_decref(tree);
            return NULL;
        }
    }
    return tree;
}

/* --- paths ------------------------------------------------------------------------------------ */

/* What lies at a path is written as seen from the file; a name stays. */
static json_t *placed(const char *file, const char *text, bool is_path) {
    char *path = is_path ? path_into_file(file, text) : strdup(text);
    json_t *value = path ? json_string(path) : NULL;
    free(path);
    return value;
}

static json_t *placed_dataset(const char *file, const char *name) {
    return placed(file, name, !run_file_is_dataset(name) && path_exists(name));
}

static json_t *placed_model(const char *file, const char *name) {
    return placed(file, name, !karma_is_registered(name) && path_exists(name));
}

static json_t *placed_arguments(const char *file, const json_t *args) {
    json_t *all = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)args, key, value) {
        const char *text = json_string_value(value);
        const size_t len = strlen(key);
        const bool says_where =
            text && (strcmp(key, "path") == 0 || (len > 5 && strcmp(key + len - 5, "_path") == 0));
        const bool or_name = len > 8 && strcmp(key + len - 8, "_or_path") == 0;
        json_t *v = !says_where ? json_incref(value)
                    : or_name   ? placed_model(file, text)
                                : placed(file, text, true);
        if (json_object_set_new(all, key, v)) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

/* {"data set": {...}} or {"data set.processor": {...}}. */
static json_t *placed_sets(const char *file, const json_t *sets, bool dotted) {
    json_t *all = json_object(), *args;
    const char *key;
    json_object_foreach((json_t *)sets, key, args) {
        const char *dot = dotted ? strrchr(key, '.') : NULL;
        char set[512], name[1200];
        snprintf(set, sizeof(set), "%.*s", (int)(dot ? (size_t)(dot - key) : strlen(key)), key);
        json_t *at = placed_dataset(file, set);
        snprintf(name, sizeof(name), "%s%s", at ? json_string_value(at) : "", dot ? dot : "");
        json_decref(at);
        if (!at || json_object_set_new(all, name, placed_arguments(file, args))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static json_t *placed_names(const char *file, const json_t *names, bool sets) {
    json_t *all = json_array(), *name;
    size_t i;
    json_array_foreach((json_t *)names, i, name) {
        const char *text = json_string_value(name);
        if (json_array_append_new(all,
                                  sets ? placed_dataset(file, text) : placed_model(file, text))) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

static bool is_path_key(const struct cli_command *c, const char *key) {
    char own[64];
    for (const struct cli_option *o = c->options; o->name; o++) {
        run_file_key(o->name, own);
        if (strcmp(own, key) == 0)
            return o->value &&
                   (strcmp(o->value_name, "FILE") == 0 || strcmp(o->value_name, "PATH") == 0);
    }
    return false;
}

/* The tree with its paths as seen from the file. */
static json_t *placed_tree(const char *file, const struct cli_command *c, const json_t *tree) {
    json_t *all = json_object(), *value;
    const char *key;
    json_object_foreach((json_t *)tree, key, value) {
        const char *text = json_string_value(value);
        const bool sets = strcmp(key, "datasets") == 0;
        json_t *v = json_is_array(value) && (sets || strcmp(key, "fallback") == 0)
                        ? placed_names(file, value, sets)
                    : strcmp(key, "dataset_args") == 0   ? placed_sets(file, value, false)
                    : strcmp(key, "processor_args") == 0 ? placed_sets(file, value, true)
                    : strcmp(key, "model_args") == 0     ? placed_arguments(file, value)
                    : text && strcmp(key, "model") == 0  ? placed_model(file, text)
                    : text && is_path_key(c, key)        ? placed(file, text, true)
                                                         : json_incref(value);
        if (json_object_set_new(all, key, v)) {
            json_decref(all);
            return NULL;
        }
    }
    return all;
}

/* --- YAML ------------------------------------------------------------------------------------- */

/* Can it stand without quotes? Words of letters that mean nothing to any YAML, names and paths. */
static bool is_plain(const char *text) {
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on",
                                        "off",  "y",    "n",     "nan", "inf"};
    const size_t len = strlen(text);
    if (!((text[0] | 32) >= 'a' && (text[0] | 32) <= 'z')) return false;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        const bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && !strchr("_-./", c)) return false;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t k = 0;
        while (words[i][k] && (text[k] | 32) == words[i][k])
            k++;
        if (!words[i][k] && !text[k]) return false;
    }
    return true;
}

static bool add_scalar(struct text_out *t, const json_t *value) {
    const char *text = json_string_value(value);
    if (text && is_plain(text)) return text_add(t, text);
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    const bool good = dump && text_add(t, dump);
    free(dump);
    return good;
}

static bool add_key(struct text_out *t, const char *key) {
    json_t *text = json_string(key);
    const bool good = text && add_scalar(t, text) && text_add(t, ":");
    json_decref(text);
    return good;
}

static bool add_value(struct text_out *t, const json_t *value, int indent);

static bool add_indent(struct text_out *t, int indent) {
    bool good = true;
    for (int i = 0; i < indent; i++)
        good = good && text_add(t, "  ");
    return good;
}

static bool add_map(struct text_out *t, const json_t *map, int indent) {
    const char *key;
    json_t *value;
    bool good = true;
    json_object_foreach((json_t *)map, key, value) {
        good = good && add_indent(t, indent) && add_key(t, key) && add_value(t, value, indent + 1);
    }
    return good;
}

static bool add_list(struct text_out *t, const json_t *list, int indent) {
    size_t i;
    json_t *value;
    bool good = true;
    json_array_foreach((json_t *)list, i, value) {
        good = good && add_indent(t, indent) && text_add(t, "-") && add_value(t, value, indent + 1);
    }
    return good;
}

/* What follows "key:" or "-", with the end of the line. A map in a list stands in braces. */
static bool add_value(struct text_out *t, const json_t *value, int indent) {
    const bool in_list = t->len > 0 && t->text[t->len - 1] == '-';
    if (json_object_size(value) > 0 && !in_list)
        return text_add(t, "\n") && add_map(t, value, indent);
    if (json_array_size(value) > 0 && !in_list)
        return text_add(t, "\n") && add_list(t, value, indent);
    return text_add(t, " ") && add_scalar(t, value) && text_add(t, "\n");
}

/* --- the file --------------------------------------------------------------------------------- */

static karma_status fail_io(const char *path) {
    const int reason = errno;
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
    return cli_error(full                                  ? KARMA_E_NOSPACE
                     : reason == EACCES || reason == EPERM ? KARMA_E_PERM
                     : reason == ENOENT                    ? KARMA_E_NOTFOUND
                                                           : KARMA_E_IO,
                     "%.300s: %s", path, reason ? strerror(reason) : "a write failed");
}

static karma_status write_text(const char *path, const struct text_out *t) {
    char *place = NULL;
    karma_status st = output_place(path, &place);
    if (st < 0) return st;
    const size_t room = strlen(place) + 32;
    char *temporary = malloc(room);
    if (!temporary) {
        free(place);
        return cli_error(KARMA_E_NOMEM, "out of memory");
    }
    snprintf(temporary, room, "%s.%ld.tmp", place, (long)getpid());
    errno = 0;
    FILE *to = fopen(temporary, "wbx");
    bool good =
        to && fwrite(t->text, 1, t->len, to) == t->len && fflush(to) == 0 && fsync(fileno(to)) == 0;
    if (!good) st = fail_io(path);
    if (to && fclose(to) != 0 && good) {
        good = false;
        st = fail_io(path);
    }
    if (good && rename(temporary, place) != 0) {
        good = false;
        st = fail_io(path);
    }
    if (to && !good) unlink(temporary);
    free(temporary);
    free(place);
    return st;
}

karma_status run_file_write(const char *path, const struct cli_command *c, const json_t *from) {
    struct text_out t = {0};
    const size_t len = strlen(path);
    json_t *tree = placed_tree(path, c, from);
    bool good;
    if (!tree) return cli_error(KARMA_E_NOMEM, "out of memory");
    if (len >= 5 && strcmp(path + len - 5, ".json") == 0) {
        char *text = json_dumps(tree, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
        good = text && text_add(&t, text) && text_add(&t, "\n");
        free(text);
    } else {
        good = text_add(&t, "# karma eval, as a run file\n") && add_map(&t, tree, 0);
    }
    karma_status st = good ? write_text(path, &t) : cli_error(KARMA_E_NOMEM, "out of memory");
    text_free(&t);
    json_decref(tree);
    return st;
}
