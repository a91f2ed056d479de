/* model_args.c - from the command line's ways to give arguments to the JSON the library takes. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static karma_status parse_object(const char *what, const char *text, json_t **out) {
    json_error_t e;
    *out = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!*out) return cli_error(KARMA_E_USAGE, "%s: column %d: %s", what, e.column, e.text);
    if (json_is_object(*out)) return KARMA_OK;
    json_decref(*out);
    *out = NULL;
    return cli_error(KARMA_E_USAGE, "%s: expected a JSON object", what);
}

/* value becomes args' name, unless args has one already: the user gave it twice. */
static karma_status set_own(json_t *args, const char *option, const char *name, json_t *value) {
    if (json_object_get(args, name)) {
        json_decref(value);
        return cli_error(KARMA_E_USAGE, "%s is given twice: --model-args has %s too", option, name);
    }
    return json_object_set_new(args, name, value) ? cli_error(KARMA_E_NOMEM, "out of memory")
                                                  : KARMA_OK;
}

static karma_status set_int(json_t *args, const char *option, const char *name, const char *text,
                            int64_t min, int64_t max) {
    int64_t v;
    if (!text) return KARMA_OK;
    karma_status st = cli_int(option, text, min, max, &v);
    return st < 0 ? st : set_own(args, option, name, json_integer(v));
}

/* "800M", "2G", "1.5G", "4096" (MiB): a power of 1024 after a number, as max_memory_mb. */
static karma_status set_max_memory(json_t *args, const char *text) {
    static const char option[] = "--max-memory";
    if (!text) return KARMA_OK;
    const size_t digits = strspn(text, "0123456789.");
    char number[32];
    snprintf(number, sizeof(number), "%.*s", (int)(digits < 31 ? digits : 31), text);
    json_t *parsed = json_loads(number, JSON_DECODE_ANY, NULL); /* whatever the locale */
    double mb = json_number_value(parsed);
    json_decref(parsed);
    const char *end = text + digits;
    switch (*end) {
    case 'k':
    case 'K':
        mb /= 1024;
        break;
    case 'g':
    case 'G':
        mb *= 1024;
        break;
    case 't':
    case 'T':
        mb *= 1024 * 1024;
        break;
    default:
        break;
    }
    if (*end && strchr("kKmMgGtT", *end)) end++;
    if (*end && strcmp(end, "iB") != 0 && strcmp(end, "B") != 0) mb = 0;
    if (!(mb >= 1 && mb <= 1 << 30)) {
        return cli_error(KARMA_E_USAGE,
                         "%s: expected a size of 1M to 1024T such as 800M or 2G, "
                         "found %.40s",
                         option, text);
    }
    return set_own(args, option, "max_memory_mb", json_integer((json_int_t)mb));
}

/* The names between the commas. */
static karma_status set_fallback(json_t *args, const char *text) {
    static const char option[] = "--fallback";
    if (!text) return KARMA_OK;
    json_t *list = json_array();
    for (const char *p = text;;) {
        const size_t len = strcspn(p, ",");
        if (len == 0) {
            json_decref(list);
            return cli_error(KARMA_E_USAGE, "%s: a name is empty", option);
        }
        if (json_array_append_new(list, json_stringn(p, len))) {
            json_decref(list);
            return cli_error(KARMA_E_NOMEM, "out of memory");
        }
        if (!p[len]) break;
        p += len + 1;
    }
    return set_own(args, option, "fallback", list);
}

static karma_status set_all(json_t *args, const json_t *config, const struct model_options *o) {
    karma_status st = set_int(args, "--seed", "seed", o->seed, 0, INT64_MAX);
    if (st == KARMA_OK) st = set_int(args, "--threads", "threads", o->threads, 1, 1024);
    if (st == KARMA_OK) {
        st = set_int(args, "--batch-size", "max_sequences", o->batch_size, 1, 1024);
    }
    if (st == KARMA_OK) {
        st = set_int(args, "--max-tokens", "max_tokens", o->max_tokens, 1, INT32_MAX);
    }
    if (st == KARMA_OK) st = set_max_memory(args, o->max_memory);
    if (st == KARMA_OK) st = set_fallback(args, o->fallback);
    if (st == KARMA_OK && o->device) {
        st = set_own(args, "--device", "device", json_string(o->device));
    }
    /* Not an option: what the command wants where neither file nor arguments say otherwise. */
    static const char name[] = "special_tokens";
    if (st == KARMA_OK && o->special_tokens && !json_object_get(args, name) &&
        !json_object_get(config, name)) {
        st = set_own(args, "", name, json_string(o->special_tokens));
    }
    return st;
}

/* config (NULL: nothing) and its text become below with config over it. */
static karma_status lay_over(const char *below, json_t **config, char **text) {
    json_t *all = json_loads(below, 0, NULL);
    char *joined = NULL;
    if (all && (!*config || json_object_update(all, *config) == 0))
        joined = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!joined) {
        json_decref(all);
        return cli_error(KARMA_E_NOMEM, "out of memory");
    }
    json_decref(*config);
    free(*text);
    *config = all;
    *text = joined;
    return KARMA_OK;
}

karma_status model_options_merge(const struct model_options *o, char **config_json,
                                 char **args_json) {
    json_t *args = NULL, *config = NULL;
    char *config_text = NULL;
    *config_json = *args_json = NULL;
    karma_status st = KARMA_OK;
    if (o->config) {
        st = karma_read_config(o->config, &config_text);
        if (st == KARMA_OK) st = parse_object(o->config, config_text, &config);
        if (st == KARMA_OK && !(*config_json = strdup(config_text))) {
            st = cli_error(KARMA_E_NOMEM, "out of memory");
        }
        karma_free(config_text);
    }
    if (st == KARMA_OK && o->below) st = lay_over(o->below, &config, config_json);
    if (st == KARMA_OK && o->args) {
        st = parse_object("--model-args", o->args, &args);
    } else if (st == KARMA_OK && !(args = json_object())) {
        st = cli_error(KARMA_E_NOMEM, "out of memory");
    }
    if (st == KARMA_OK) st = set_all(args, config, o);
    if (st == KARMA_OK && !(*args_json = json_dumps(args, JSON_COMPACT))) {
        st = cli_error(KARMA_E_NOMEM, "out of memory");
    }
    json_decref(args);
    json_decref(config);
    if (st < 0) {
        free(*config_json);
        *config_json = NULL;
    }
    return st;
}

/* --- the three argument strings --------------------------------------------------------------- */

/* [*begin, *end) without blanks at its ends. */
static void trim(const char **begin, const char **end) {
    while (*begin < *end && (**begin == ' ' || **begin == '\t'))
        ++*begin;
    while (*end > *begin && ((*end)[-1] == ' ' || (*end)[-1] == '\t'))
        --*end;
}

static karma_status set_pair(const char *what, json_t *object, const char *begin, const char *end) {
    const char *equals = memchr(begin, '=', (size_t)(end - begin));
    if (!equals) {
        return cli_error(KARMA_E_USAGE, "%s: expected key=value, found \"%.*s\"", what,
                         (int)(end - begin < 64 ? end - begin : 64), begin);
    }
    const char *key = begin, *key_end = equals, *value = equals + 1, *value_end = end;
    trim(&key, &key_end);
    trim(&value, &value_end);
    char name[256];
    if (key == key_end || (size_t)(key_end - key) >= sizeof(name)) {
        return cli_error(KARMA_E_USAGE, "%s: a key is empty or too long", what);
    }
    memcpy(name, key, (size_t)(key_end - key));
    name[key_end - key] = '\0';
    if (json_object_get(object, name)) {
        return cli_error(KARMA_E_USAGE, "%s: %s is given twice", what, name);
    }
    if (json_object_set_new(object, name, json_stringn(value, (size_t)(value_end - value)))) {
        return cli_error(KARMA_E_NOMEM, "out of memory");
    }
    return KARMA_OK;
}

/* The colon that ends the name: the last one before the first '=', so that names with colons work;
 * for names without, it is the first, as upstream splits. */
static const char *name_end(const char *begin, const char *end) {
    const char *stop = memchr(begin, '=', (size_t)(end - begin));
    const char *colon = NULL;
    for (const char *p = begin; p < (stop ? stop : end); p++) {
        if (*p == ':') colon = p;
    }
    return colon;
}

static karma_status set_spec(const char *what, bool dotted, json_t *all, const char *begin,
                             const char *end) {
    trim(&begin, &end);
    const char *colon = name_end(begin, end);
    const char *name = begin, *stop = colon;
    if (colon) trim(&name, &stop);
    if (!colon || name == stop || (dotted && !memchr(name, '.', (size_t)(stop - name)))) {
        return cli_error(KARMA_E_USAGE, "%s: expected %s:key=value[,key=value], found \"%.*s\"",
                         what, dotted ? "DATASET.PROCESSOR" : "NAME",
                         (int)(end - begin < 64 ? end - begin : 64), begin);
    }
    char key[512];
    if ((size_t)(stop - name) >= sizeof(key)) {
        return cli_error(KARMA_E_USAGE, "%s: a name is too long", what);
    }
    memcpy(key, name, (size_t)(stop - name));
    key[stop - name] = '\0';
    if (json_object_get(all, key)) {
        return cli_error(KARMA_E_USAGE, "%s: %s is given twice", what, key);
    }
    json_t *object = json_object();
    if (!object || json_object_set_new(all, key, object)) {
        return cli_error(KARMA_E_NOMEM, "out of memory");
    }
    for (const char *p = colon + 1;;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        karma_status st = set_pair(what, object, p, comma ? comma : end);
        if (st < 0 || !comma) return st;
        p = comma + 1;
    }
}

karma_status arguments_to_json(const char *what, const char *text, bool dotted, char **json) {
    *json = NULL;
    json_t *all = NULL;
    karma_status st = KARMA_OK;
    if (text[0] == '{') {
        st = parse_object(what, text, &all);
    } else if (!(all = json_object())) {
        st = cli_error(KARMA_E_NOMEM, "out of memory");
    } else {
        for (const char *p = text; st == KARMA_OK;) {
            const char *semicolon = strchr(p, ';');
            st = set_spec(what, dotted, all, p, semicolon ? semicolon : p + strlen(p));
            if (!semicolon) break;
            p = semicolon + 1;
        }
    }
    if (st == KARMA_OK && !(*json = json_dumps(all, JSON_COMPACT))) {
        st = cli_error(KARMA_E_NOMEM, "out of memory");
    }
    json_decref(all);
    return st;
}

static bool is_among(const char *const *only, bool dotted, const char *key) {
    const char *dot = dotted ? strrchr(key, '.') : NULL;
    const size_t len = dot ? (size_t)(dot - key) : strlen(key);
    for (; *only; only++)
        if (strlen(*only) == len && memcmp(*only, key, len) == 0) return true;
    return false;
}

karma_status arguments_lay_over(const char *below, const char *const *only, bool dotted,
                                char **json) {
    json_t *all = json_loads(below, 0, NULL), *above = *json ? json_loads(*json, 0, NULL) : NULL;
    bool good = all && (above || !*json);
    const char *key;
    json_t *args;
    void *next;
    json_object_foreach_safe(all, next, key, args) {
        if (only && !is_among(only, dotted, key)) json_object_del(all, key);
    }
    json_object_foreach(above, key, args) {
        json_t *own = json_object_get(all, key);
        good = good && (json_is_object(own) ? json_object_update(own, args)
                                            : json_object_set(all, key, args)) == 0;
    }
    char *text = good ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(all);
    json_decref(above);
    if (!text) return cli_error(KARMA_E_NOMEM, "out of memory");
    free(*json);
    *json = text;
    return KARMA_OK;
}
