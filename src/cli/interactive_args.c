/* interactive_args.c - arguments by their tables: shown with value, range and meaning, set line by
 * line; what is wrong is said at once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/info.h"
#include "cli/interactive.h"

/* --- values ----------------------------------------------------------------------------------- */

const json_t *argument_value(const struct walk *w, const struct argument *a) {
    const json_t *at = json_object_get(w->run, a->section);
    if (a->owner[0]) at = json_object_get(at, a->owner);
    return json_object_get(at, a->option->name);
}

/* The member of that name, an object; made if it is not there. */
static json_t *member(json_t *in, const char *name) {
    json_t *at = json_object_get(in, name);
    if (at) return at;
    at = json_object();
    return json_object_set_new(in, name, at) ? NULL : at;
}

karma_status argument_set(struct walk *w, const struct argument *a, json_t *value) {
    json_t *section = member(w->run, a->section);
    json_t *at = section && a->owner[0] ? member(section, a->owner) : section;
    if (value && at && json_object_set(at, a->option->name, value) == 0) return KARMA_OK;
    if (value || !at) return cli_error(KARMA_E_NOMEM, "out of memory");
    json_object_del(at, a->option->name);
    if (a->owner[0] && json_object_size(at) == 0) json_object_del(section, a->owner);
    return KARMA_OK;
}

static karma_status check_number(const karma_option_spec *o, const json_t *value) {
    const double v = json_number_value(value);
    char range[512];
    info_option_range(o, range, sizeof(range));
    const bool whole = o->type != KARMA_OPTION_INT || json_is_integer(value);
    if (json_is_number(value) && whole && isfinite(v) &&
        (!(o->max > o->min) || (v >= o->min && v <= o->max)))
        return KARMA_OK;
    return cli_error(KARMA_E_USAGE, "%s: expected %s%s%s", o->name,
                     o->type == KARMA_OPTION_INT ? "a whole number" : "a number",
                     range[0] ? " in " : "", range);
}

static karma_status check_text(const karma_option_spec *o, const char *text) {
    char range[512];
    if (!o->choices) return KARMA_OK;
    for (size_t i = 0; o->choices[i]; i++)
        if (strcmp(o->choices[i], text) == 0) return KARMA_OK;
    info_option_range(o, range, sizeof(range));
    return cli_error(KARMA_E_USAGE, "%s: expected one of %s", o->name, range);
}

karma_status argument_parse(const karma_option_spec *o, const char *text, json_t **value) {
    karma_status st = KARMA_OK;
    *value = NULL;
    if (o->nullable && strcmp(text, "null") == 0) {
        *value = json_null();
        return KARMA_OK;
    }
    if (o->type == KARMA_OPTION_STRING) {
        st = check_text(o, text);
        if (st == KARMA_OK && !(*value = json_string(text)))
            st = cli_error(KARMA_E_USAGE, "%s: not valid UTF-8", o->name);
        return st;
    }
    *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (o->type == KARMA_OPTION_JSON && !*value) {
        st = cli_error(KARMA_E_USAGE, "%s: expected JSON, such as \"text\" or [1, 2]", o->name);
    } else if (o->type == KARMA_OPTION_BOOL && !json_is_boolean(*value)) {
        st = cli_error(KARMA_E_USAGE, "%s: expected true or false", o->name);
    } else if (o->type == KARMA_OPTION_INT || o->type == KARMA_OPTION_REAL) {
        st = check_number(o, *value);
    }
    if (st < 0) {
        json_decref(*value);
        *value = NULL;
    }
    return st;
}

/* --- the table -------------------------------------------------------------------------------- */

/* As a person would type it. */
static void value_text(const json_t *value, char *out, size_t size) {
    char *dump = json_is_string(value) || !value
                     ? NULL
                     : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    snprintf(out, size, "%s", dump ? dump : value ? json_string_value(value) : "");
    free(dump);
}

static void default_text(const karma_option_spec *o, char *out, size_t size) {
    json_t *value = o->default_json ? json_loads(o->default_json, JSON_DECODE_ANY, NULL) : NULL;
    value_text(value, out, size);
    json_decref(value);
}

enum { MORE_BYTES = 768, LABEL_BYTES = 256 };
struct rows { /* what the list shows, made anew after each change */
    struct list_item items[INFO_OPTIONS_MAX + 1];
    char (*texts)[MORE_BYTES], (*labels)[LABEL_BYTES];
};

static void make_row(const struct walk *w, const struct argument *a, char *label, char *more) {
    const karma_option_spec *o = a->option;
    char value[256], range[256];
    const json_t *set = argument_value(w, a);
    if (set)
        value_text(set, value, sizeof(value));
    else
        default_text(o, value, sizeof(value));
    info_option_range(o, range, sizeof(range));
    const bool others = strcmp(a->section, "dataset_args") != 0 && a->owner[0];
    const char *dot = strrchr(a->owner, '.');
    const char *owner = strcmp(a->section, "processor_args") == 0 && dot ? dot + 1 : a->owner;
    snprintf(label, LABEL_BYTES, "%.100s%s%.100s", others ? owner : "", others ? ": " : "",
             o->name);
    snprintf(more, MORE_BYTES, "= %s%s  %s%s%s  %s",
             !set && o->required ? "(required)"
             : value[0]          ? value
                                 : "(none)",
             set ? " *" : "", info_option_type(o->type), range[0] ? " " : "", range,
             o->help ? o->help : "");
}

static enum menu_answer choose_argument(struct walk *w, const char *title, const char *error,
                                        const struct argument *list, size_t n, size_t *at) {
    struct rows *rows = calloc(1, sizeof(*rows));
    static const char *const notes[] = {"Enter sets one; * is not the default", NULL};
    enum menu_answer answer = MENU_NOBODY;
    if (rows) {
        rows->texts = calloc(n + 1, sizeof(*rows->texts));
        rows->labels = calloc(n + 1, sizeof(*rows->labels));
    }
    if (rows && rows->texts && rows->labels) {
        rows->items[0] = (struct list_item){"go on", NULL};
        for (size_t i = 0; i < n; i++) {
            make_row(w, &list[i], rows->labels[i], rows->texts[i]);
            rows->items[i + 1] = (struct list_item){rows->labels[i], rows->texts[i]};
        }
        const struct menu_list menu = {.title = title,
                                       .notes = notes,
                                       .error = error[0] ? error : NULL,
                                       .items = rows->items,
                                       .n = n + 1,
                                       .filtered = true};
        answer = menu_choose(&w->menu, &menu, at);
    }
    if (rows) {
        free(rows->texts);
        free(rows->labels);
    }
    free(rows);
    return answer;
}

/* --- one of them ------------------------------------------------------------------------------ */

struct setting {
    struct walk *w;
    const struct argument *argument;
    karma_status (*check)(struct walk *w, bool goes_on);
};

/* Set it, and take it back when the owner refuses it. An empty answer is the default. */
static karma_status set_from_text(void *user, const char *text) {
    struct setting *s = user;
    json_t *value = NULL, *before = json_incref((json_t *)argument_value(s->w, s->argument));
    karma_status st = text[0] ? argument_parse(s->argument->option, text, &value) : KARMA_OK;
    if (st == KARMA_OK) st = argument_set(s->w, s->argument, value);
    if (st == KARMA_OK) st = s->check(s->w, false);
    if (st < 0) {
        char why[1024];
        snprintf(why, sizeof(why), "%s", cli_message());
        argument_set(s->w, s->argument, before);
        cli_error(st, "%s", why);
    }
    json_decref(value);
    json_decref(before);
    return st;
}

static enum menu_answer ask_argument(struct setting *s) {
    const karma_option_spec *o = s->argument->option;
    char title[256], kind[768], usual[320], value[LINE_BYTES], range[512], answer[LINE_BYTES];
    info_option_range(o, range, sizeof(range));
    default_text(o, value, sizeof(value));
    snprintf(title, sizeof(title), "%s: %.200s", o->name, o->help ? o->help : "");
    snprintf(kind, sizeof(kind), "%s%s%s%s", info_option_type(o->type), range[0] ? ", " : "", range,
             o->nullable ? ", or null" : "");
    snprintf(usual, sizeof(usual), "an empty line: %s%.250s",
             o->required ? "it is required" : "the default, ",
             o->required ? ""
             : value[0]  ? value
                         : "none");
    const char *const notes[] = {kind, usual, NULL};
    const json_t *set = argument_value(s->w, s->argument);
    value_text(set, value, sizeof(value));
    const struct menu_question q = {.title = title,
                                    .notes = notes,
                                    .initial = set ? value : NULL,
                                    .check = set_from_text,
                                    .user = s};
    return menu_ask(&s->w->menu, &q, answer);
}

enum menu_answer edit_arguments(struct walk *w, const char *title, const struct argument *list,
                                size_t n, karma_status (*check)(struct walk *w, bool goes_on)) {
    char error[1024] = "";
    for (size_t i = 0; i < n && !w->back; i++) { /* what must be said is asked for */
        struct setting s = {.w = w, .argument = &list[i], .check = check};
        if (!list[i].option->required || argument_value(w, &list[i])) continue;
        const enum menu_answer answer = ask_argument(&s);
        if (answer != MENU_DONE) return answer;
    }
    for (size_t at = 0;;) {
        enum menu_answer answer = choose_argument(w, title, error, list, n, &at);
        error[0] = '\0';
        if (answer != MENU_DONE) return answer;
        if (at == 0) {
            if (check(w, true) == KARMA_OK) return MENU_DONE;
            snprintf(error, sizeof(error), "%s", cli_message());
            continue;
        }
        struct setting s = {.w = w, .argument = &list[at - 1], .check = check};
        answer = ask_argument(&s);
        if (answer == MENU_LEAVE || answer == MENU_NOBODY) return answer;
        at = answer == MENU_DONE ? 0 : at;
    }
}
