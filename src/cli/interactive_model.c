/* interactive_model.c - the model and its arguments. */
#include <stdlib.h>
#include <string.h>

#include "cli/info.h"
#include "cli/interactive.h"

/* --- which ------------------------------------------------------------------------------------ */

static const char *text_of(const struct walk *w, const char *key) {
    return json_string_value(json_object_get(w->run, key));
}

/* What data sets ask of a model, by what it is for and what it takes in. */
static unsigned abilities(const karma_model *m) {
    const karma_model_meta *meta;
    unsigned takes = 0;
    if (karma_get_model_meta(karma_model_name(m), &meta) == KARMA_OK) takes = meta->modalities;
    switch (karma_model_get_type(m)) {
    case KARMA_EMBEDDING:
        return CAN_RANK;
    case KARMA_AUDIO_RECOGNITION:
        return KARMA_AUDIO;
    case KARMA_MULTIMODAL:
        return takes ? takes : KARMA_TEXT | KARMA_IMAGE;
    default:
        return takes ? takes : KARMA_TEXT;
    }
}

karma_status walk_look_at_model(struct walk *w) {
    const json_t *args = json_object_get(w->run, "model_args");
    char *args_json = args ? json_dumps(args, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    karma_model *m = NULL;
    karma_status st = args && !args_json
                          ? cli_error(KARMA_E_NOMEM, "out of memory")
                          : karma_model_create_with(text_of(w, "model"), text_of(w, "model_path"),
                                                    NULL, args_json, &m);
    if (st == KARMA_OK) {
        w->cls = karma_model_get_class(m);
        w->can = abilities(m);
    }
    karma_model_destroy(m);
    free(args_json);
    return st;
}

/* Take it if there is such a model. Its arguments are those of another one no more. */
static karma_status take_model(void *user, const char *name) {
    struct walk *w = user;
    if (!name[0]) return cli_error(KARMA_E_USAGE, "a name or a path, please");
    const char *was = text_of(w, "model");
    if (was && strcmp(was, name) == 0) return walk_look_at_model(w);
    json_t *before = json_copy(w->run);
    json_object_del(w->run, "model_args");
    json_object_del(w->run, "model_path");
    karma_status st = before && json_object_set_new(w->run, "model", json_string(name)) == 0
                          ? walk_look_at_model(w)
                          : cli_error(KARMA_E_USAGE, "the name is not valid UTF-8");
    if (st < 0) {
        json_decref(w->run);
        w->run = before;
    } else {
        json_decref(before);
    }
    return st;
}

struct entry {
    const karma_model_meta *meta;
    struct list_item item;
    char more[128];
};

static int by_type(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->meta->model_type != y->meta->model_type)
        return x->meta->model_type < y->meta->model_type ? -1 : 1;
    return strcmp(x->meta->name, y->meta->name);
}

static void describe(struct entry *e) {
    char parameters[32] = "";
    snprintf(e->more, sizeof(e->more), "%s  %s", karma_model_type_name(e->meta->model_type),
             format_count(e->meta->n_parameters, parameters));
    e->item = (struct list_item){e->meta->name, e->more};
}

static enum menu_answer ask_path(struct walk *w) {
    static const char *const notes[] = {
        "a checkpoint's folder or file, or the name of a model in the hub cache", NULL};
    const char *was = text_of(w, "model");
    char answer[LINE_BYTES];
    const struct menu_question q = {.title = "Which checkpoint?",
                                    .notes = notes,
                                    .initial = was && !karma_is_registered(was) ? was : NULL,
                                    .check = take_model,
                                    .user = w};
    return menu_ask(&w->menu, &q, answer);
}

static enum menu_answer choose_model(struct walk *w, const struct list_item *items, size_t n) {
    char error[1024] = "";
    const char *was = text_of(w, "model");
    size_t at = 0;
    for (size_t i = 1; was && i < n; i++)
        if (strcmp(items[i].text, was) == 0) at = i;
    for (;;) {
        const struct menu_list list = {.title = "Which model?",
                                       .error = error[0] ? error : NULL,
                                       .items = items,
                                       .n = n,
                                       .filtered = true};
        enum menu_answer answer = menu_choose(&w->menu, &list, &at);
        error[0] = '\0';
        if (answer != MENU_DONE) return answer;
        if (at == 0) {
            answer = ask_path(w);
            if (answer != MENU_BACK) return answer;
        } else if (take_model(w, items[at].text) == KARMA_OK) {
            return MENU_DONE;
        } else {
            snprintf(error, sizeof(error), "%s", cli_message());
        }
    }
}

enum menu_answer step_model(struct walk *w) {
    char **names;
    size_t n = 0, found = 0;
    if (!w->ask_model) {
        w->ask_model = true; /* who comes back wants to */
        return MENU_DONE;
    }
    if (karma_list_models(&names, &n) < 0) return MENU_NOBODY;
    struct entry *all = calloc(n + 1, sizeof(*all));
    struct list_item *items = calloc(n + 1, sizeof(*items));
    enum menu_answer answer = MENU_NOBODY;
    if (all && items) {
        for (size_t i = 0; i < n; i++)
            if (karma_get_model_meta(names[i], &all[found].meta) == KARMA_OK) found++;
        qsort(all, found, sizeof(*all), by_type);
        items[0] = (struct list_item){"a checkpoint on this machine", "by its path"};
        for (size_t i = 0; i < found; i++) {
            describe(&all[i]);
            items[i + 1] = all[i].item;
        }
        answer = choose_model(w, items, found + 1);
    } else {
        cli_error(KARMA_E_NOMEM, "out of memory");
    }
    free(items);
    free(all);
    karma_free(names);
    return answer;
}

/* --- its arguments ---------------------------------------------------------------------------- */

static karma_status check_model(struct walk *w, bool goes_on) {
    (void)goes_on;
    return walk_look_at_model(w);
}

enum menu_answer step_model_args(struct walk *w) {
    const karma_option_spec *options[INFO_OPTIONS_MAX];
    const size_t n = info_class_options(w->cls, options);
    struct argument *list = calloc(n + 1, sizeof(*list));
    char title[320];
    if (!list) {
        cli_error(KARMA_E_NOMEM, "out of memory");
        return MENU_NOBODY;
    }
    size_t used = 0;
    for (size_t i = 0; i < n; i++) { /* where it lies has been said */
        if (strcmp(options[i]->name, "model_name_or_path") == 0) continue;
        list[used++] = (struct argument){.option = options[i], .section = "model_args"};
    }
    snprintf(title, sizeof(title), "Arguments of %.250s", text_of(w, "model"));
    const enum menu_answer answer = edit_arguments(w, title, list, used, check_model);
    free(list);
    return answer;
}
