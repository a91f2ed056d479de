/* interactive_datasets.c - the data sets, of those that the model can answer, and their arguments.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/interactive.h"
#include "cli/run_file.h"
#include "cli/run_path.h"

static json_t *chosen(const struct walk *w) {
    return json_object_get(w->run, "datasets");
}

static bool is_chosen(const struct walk *w, const char *name) {
    size_t i;
    json_t *set;
    json_array_foreach(chosen(w), i, set) {
        if (strcmp(json_string_value(set), name) == 0) return true;
    }
    return false;
}

/* What a task asks of a model. */
static unsigned needs_of(const char *task) {
    static const struct {
        const char *part;
        unsigned needs;
    } kinds[] = {{"transcription", KARMA_AUDIO},
                 {"asr", KARMA_AUDIO},
                 {"vqa", KARMA_IMAGE},
                 {"image", KARMA_IMAGE},
                 {"retrieval", CAN_RANK}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (task && strstr(task, kinds[i].part)) return kinds[i].needs;
    return KARMA_TEXT;
}

/* --- which ------------------------------------------------------------------------------------ */

struct sets { /* what can be chosen: items[0] is a file of one's own */
    struct list_item *items;
    bool *marked;
    size_t n;
};

static karma_status gather(const struct walk *w, char **names, size_t n, struct sets *s) {
    const size_t room = n + json_array_size(chosen(w)) + 1;
    size_t i;
    json_t *set;
    s->items = calloc(room, sizeof(*s->items));
    s->marked = calloc(room, sizeof(*s->marked));
    if (!s->items || !s->marked) return cli_error(KARMA_E_NOMEM, "out of memory");
    s->items[s->n++] = (struct list_item){"data of your own", "a file, a folder, a description"};
    json_array_foreach(chosen(w), i, set) { /* those that are no names stay to be chosen */
        const char *name = json_string_value(set);
        if (!run_file_is_dataset(name)) s->items[s->n++] = (struct list_item){name, "yours"};
    }
    for (i = 0; i < n; i++) {
        const karma_dataset_info *info;
        if (karma_get_dataset_info(names[i], &info) < 0) continue;
        if (!(needs_of(info->task_type) & w->can)) continue;
        bool there = false; /* a description of the user's, chosen already */
        for (size_t k = 0; k < s->n; k++)
            there = there || strcmp(s->items[k].text, info->name) == 0;
        if (!there) s->items[s->n++] = (struct list_item){info->name, info->task_type};
    }
    for (i = 0; i < s->n; i++)
        s->marked[i] = is_chosen(w, s->items[i].text);
    return KARMA_OK;
}

static karma_status take_own(void *user, const char *path) {
    struct walk *w = user;
    const karma_dataset_info *info;
    if (!path[0]) return cli_error(KARMA_E_USAGE, "a path, please");
    if (!path_exists(path) && karma_get_dataset_info(path, &info) < 0)
        return cli_error(KARMA_E_NOTFOUND, "%.300s: there is no such file or folder", path);
    if (strchr(path, ','))
        return cli_error(KARMA_E_USAGE, "a path with a comma in it cannot be named here");
    if (is_chosen(w, path)) return KARMA_OK;
    return json_array_append_new(chosen(w), json_string(path))
               ? cli_error(KARMA_E_USAGE, "not valid UTF-8")
               : KARMA_OK;
}

static enum menu_answer ask_own(struct walk *w) {
    static const char *const notes[] = {
        "a .jsonl, .json, .csv or .tsv file, a folder, or a .yaml description", NULL};
    char answer[LINE_BYTES];
    const struct menu_question q = {
        .title = "Where are your data?", .notes = notes, .check = take_own, .user = w};
    return menu_ask(&w->menu, &q, answer);
}

/* The marked ones become the run's. */
static karma_status take_marked(struct walk *w, const struct sets *s) {
    json_t *names = json_array();
    for (size_t i = 1; names && i < s->n; i++) {
        if (s->marked[i] && json_array_append_new(names, json_string(s->items[i].text))) {
            json_decref(names);
            names = NULL;
        }
    }
    /* What the marks point to may be of the old list. */
    return json_object_set_new(w->run, "datasets", names)
               ? cli_error(KARMA_E_NOMEM, "out of memory")
               : KARMA_OK;
}

static enum menu_answer choose(struct walk *w, char **names, size_t n) {
    char error[256] = "";
    for (;;) {
        struct sets s = {0};
        json_t *held = json_incref(chosen(w)); /* its names are shown */
        enum menu_answer answer = MENU_NOBODY;
        bool own = false;
        if (gather(w, names, n, &s) == KARMA_OK) {
            const struct menu_list list = {.title = "Which data sets?",
                                           .error = error[0] ? error : NULL,
                                           .items = s.items,
                                           .n = s.n,
                                           .filtered = true};
            answer = menu_mark(&w->menu, &list, s.marked);
            own = s.marked[0];
            if (answer == MENU_DONE && take_marked(w, &s) < 0) answer = MENU_NOBODY;
        }
        free(s.items);
        free(s.marked);
        json_decref(held);
        if (answer != MENU_DONE) return answer;
        if (own) {
            answer = ask_own(w);
            if (answer == MENU_LEAVE || answer == MENU_NOBODY) return answer;
            error[0] = '\0';
            if (answer == MENU_BACK) continue;
        }
        if (json_array_size(chosen(w)) > 0) return MENU_DONE;
        snprintf(error, sizeof(error), "none is marked%s",
                 w->menu.screen ? ": the space bar marks one" : "");
    }
}

enum menu_answer step_datasets(struct walk *w) {
    char **names;
    size_t n;
    w->set = 0;
    if (!w->ask_datasets) {
        w->ask_datasets = true;
        return MENU_DONE;
    }
    if (karma_list_datasets(&names, &n) < 0) return MENU_NOBODY;
    const enum menu_answer answer = choose(w, names, n);
    karma_free(names);
    return answer;
}

/* --- their arguments -------------------------------------------------------------------------- */

enum { MAX_ARGUMENTS = 250 };

/* A data file or folder of one's own is its own path. */
static bool is_own_data(const char *name) {
    const karma_dataset_info *info;
    return path_exists(name) && (karma_get_dataset_info(name, &info) < 0 || !info->source) &&
           !run_file_is_dataset(name);
}

static size_t add_options(struct argument *list, size_t n, const karma_option_spec *o,
                          const char *section, const char *owner) {
    for (; o && o->name && n < MAX_ARGUMENTS; o++) {
        list[n] = (struct argument){.option = o, .section = section};
        snprintf(list[n].owner, sizeof(list[n].owner), "%s", owner);
        n++;
    }
    return n;
}

/* Required ones first, then the others, then those of processors and metrics. */
static size_t arguments_of(const char *name, struct argument *list) {
    const karma_dataset_info *info;
    size_t n = 0;
    if (karma_get_dataset_info(name, &info) < 0) return 0;
    const bool own = is_own_data(name);
    for (int required = 1; required >= 0; required--) {
        for (const karma_option_spec *o = info->options; o && o->name && n < MAX_ARGUMENTS; o++) {
            if (o->required != (required == 1) || (own && strcmp(o->name, "path") == 0)) continue;
            list[n] = (struct argument){.option = o, .section = "dataset_args"};
            snprintf(list[n].owner, sizeof(list[n].owner), "%s", name);
            n++;
        }
    }
    for (size_t i = 0; info->processors && info->processors[i]; i++) {
        const karma_processor_info *p;
        char owner[600];
        if (karma_get_processor_info(info->processors[i], &p) < 0) continue;
        snprintf(owner, sizeof(owner), "%.400s.%.100s", name, info->processors[i]);
        n = add_options(list, n, p->options, "processor_args", owner);
    }
    for (size_t i = 0; info->metrics && info->metrics[i]; i++) {
        const karma_metric_info *m;
        if (karma_get_metric_info(info->metrics[i], &m) == KARMA_OK)
            n = add_options(list, n, m->options, "metric_args", info->metrics[i]);
    }
    return n;
}

/* In all languages' data sets of upstream the same. */
karma_status walk_fill_dataset(struct walk *w, const char *name) {
    static const struct {
        const char *argument, *value;
    } usual[] = {{"source_language", "en"}, {"target_language", "hi"}, {"language", "hi"}};
    struct argument *list = calloc(MAX_ARGUMENTS, sizeof(*list));
    karma_status st = list ? KARMA_OK : cli_error(KARMA_E_NOMEM, "out of memory");
    const size_t n = list ? arguments_of(name, list) : 0;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        if (!list[i].option->required || argument_value(w, &list[i])) continue;
        for (size_t k = 0; k < sizeof(usual) / sizeof(usual[0]); k++) {
            if (strcmp(list[i].option->name, usual[k].argument) != 0) continue;
            json_t *value = json_string(usual[k].value);
            st = argument_set(w, &list[i], value);
            json_decref(value);
        }
    }
    free(list);
    return st;
}

static karma_status check_required(struct walk *w, const char *name) {
    struct argument *list = calloc(MAX_ARGUMENTS, sizeof(*list));
    karma_status st = list ? KARMA_OK : cli_error(KARMA_E_NOMEM, "out of memory");
    const size_t n = list ? arguments_of(name, list) : 0;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        const karma_option_spec *o = list[i].option;
        if (o->required && !argument_value(w, &list[i]))
            st = cli_error(KARMA_E_USAGE, "%.200s: %s is required (%.200s)", name, o->name,
                           o->help ? o->help : "no default");
    }
    free(list);
    return st;
}

karma_status walk_check_dataset(struct walk *w, const char *name, size_t *count) {
    karma_dataset *d = NULL;
    *count = 0;
    karma_status st = check_required(w, name);
    if (st < 0) return st;
    const json_t *args = json_object_get(json_object_get(w->run, "dataset_args"), name);
    char *text = args ? json_dumps(args, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    st = args && !text ? cli_error(KARMA_E_NOMEM, "out of memory")
                       : karma_dataset_open(name, text, &d);
    if (st == KARMA_OK) *count = karma_dataset_count(d);
    karma_dataset_close(d);
    free(text);
    return st;
}

static karma_status check_set(struct walk *w, bool goes_on) {
    size_t count;
    const char *name = json_string_value(json_array_get(chosen(w), w->set));
    return goes_on ? walk_check_dataset(w, name, &count) : KARMA_OK;
}

/* Of the data set w->set. */
static enum menu_answer ask_arguments(struct walk *w) {
    const char *name = json_string_value(json_array_get(chosen(w), w->set));
    struct argument *list = calloc(MAX_ARGUMENTS, sizeof(*list));
    char title[320];
    enum menu_answer answer = MENU_NOBODY;
    if (!list) {
        cli_error(KARMA_E_NOMEM, "out of memory");
        return MENU_NOBODY;
    }
    const size_t n = arguments_of(name, list);
    snprintf(title, sizeof(title), "Arguments of %.250s (%zu of %zu)", name, w->set + 1,
             json_array_size(chosen(w)));
    answer = edit_arguments(w, title, list, n, check_set);
    free(list);
    return answer;
}

enum menu_answer step_dataset_args(struct walk *w) {
    const size_t n = json_array_size(chosen(w));
    if (w->back || w->set >= n) w->set = w->back ? n - 1 : 0;
    for (;;) {
        const enum menu_answer answer = ask_arguments(w);
        if (answer == MENU_DONE && ++w->set == n) return MENU_DONE;
        if (answer == MENU_BACK && w->set-- == 0) {
            w->set = 0;
            return MENU_BACK;
        }
        if (answer == MENU_LEAVE || answer == MENU_NOBODY) return answer;
    }
}
