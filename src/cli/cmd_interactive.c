/*
 * cmd_interactive.c - karma interactive: the choices of an evaluation, one after the other, with
 * the keyboard; then a summary, and the run, which is that of karma eval, or a run file.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/eval_args.h"
#include "cli/interactive.h"
#include "cli/run_file.h"
#include "cli/run_path.h"

struct interactive_args {
    const char *model, *config;
    struct cli_list datasets;
    bool automatic;
};

static const char *text_of(const struct walk *w, const char *key) {
    return json_string_value(json_object_get(w->run, key));
}

/* --- from what is given ----------------------------------------------------------------------- */

/* The texts of a run file that has been read, as values in their own kind. */
static karma_status take_config(struct walk *w, const char *path) {
    static const char *const maps[] = {"model_args", "dataset_args", "processor_args",
                                       "metric_args"};
    json_t *file;
    karma_status st = run_file_read(path, w->eval, &file);
    if (st < 0) return st;
    json_object_update(w->run, file);
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
        const char *text = text_of(w, maps[i]);
        if (text && json_object_set_new(w->run, maps[i], json_loads(text, 0, NULL)))
            st = cli_error(KARMA_E_NOMEM, "out of memory");
    }
    json_t *names = json_array();
    for (const char *p = text_of(w, "datasets"); names && p && *p;) {
        const size_t len = strcspn(p, ",");
        json_array_append_new(names, json_stringn(p, len));
        p += len + (p[len] == ',');
    }
    json_decref(file);
    return json_object_set_new(w->run, "datasets", names)
               ? cli_error(KARMA_E_NOMEM, "out of memory")
               : st;
}

static karma_status begin(struct walk *w, const struct interactive_args *a) {
    w->run = json_object();
    if (!w->run) return cli_error(KARMA_E_NOMEM, "out of memory");
    karma_status st = a->config ? take_config(w, a->config) : KARMA_OK;
    if (st == KARMA_OK && a->model) json_object_set_new(w->run, "model", json_string(a->model));
    if (st == KARMA_OK && (a->datasets.n > 0 || !json_object_get(w->run, "datasets"))) {
        json_t *names = json_array();
        for (size_t i = 0; names && i < a->datasets.n; i++)
            json_array_append_new(names, json_string(a->datasets.items[i]));
        if (json_object_set_new(w->run, "datasets", names))
            st = cli_error(KARMA_E_NOMEM, "out of memory");
    }
    w->ask_model = text_of(w, "model") == NULL;
    w->ask_datasets = json_array_size(json_object_get(w->run, "datasets")) == 0;
    if (st == KARMA_OK && !w->ask_model) st = walk_look_at_model(w);
    for (size_t i = 0; st == KARMA_OK && i < a->datasets.n; i++) {
        const karma_dataset_info *info;
        if (!path_exists(a->datasets.items[i]))
            st = karma_get_dataset_info(a->datasets.items[i], &info);
    }
    return st;
}

/* --- the last steps --------------------------------------------------------------------------- */

static karma_status take_output(void *user, const char *text) {
    struct walk *w = user;
    if (!text[0]) return cli_error(KARMA_E_USAGE, "a file name, please");
    return json_object_set_new(w->run, "output", json_string(text))
               ? cli_error(KARMA_E_USAGE, "the name is not valid UTF-8")
               : KARMA_OK;
}

static enum menu_answer step_output(struct walk *w) {
    static const char *const notes[] = {"the log of samples and the manifest go beside it", NULL};
    const char *was = text_of(w, "output");
    char answer[LINE_BYTES];
    const struct menu_question q = {.title = "Where do the results go?",
                                    .notes = notes,
                                    .initial = was ? was : "results.json",
                                    .check = take_output,
                                    .user = w};
    return menu_ask(&w->menu, &q, answer);
}

static karma_status take_samples(void *user, const char *text) {
    struct walk *w = user;
    int64_t n = 0;
    if (strcmp(text, "all") == 0) {
        json_object_del(w->run, "max_samples");
        return KARMA_OK;
    }
    karma_status st = cli_int("samples", text, 1, INT64_MAX, &n);
    if (st == KARMA_OK) json_object_set_new(w->run, "max_samples", json_integer(n));
    return st;
}

static enum menu_answer step_samples(struct walk *w) {
    static const char *const notes[] = {"the first so many, or all", NULL};
    const json_t *was = json_object_get(w->run, "max_samples");
    char number[64] = "all", answer[LINE_BYTES];
    if (json_is_integer(was))
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(was));
    if (json_is_string(was)) snprintf(number, sizeof(number), "%.60s", json_string_value(was));
    const struct menu_question q = {.title = "How many samples of each data set?",
                                    .notes = notes,
                                    .initial = number,
                                    .check = take_samples,
                                    .user = w};
    return menu_ask(&w->menu, &q, answer);
}

/* --- the summary ------------------------------------------------------------------------------ */

enum { NOTE_BYTES = 400, MAX_NOTES = 40 };
struct summary {
    char text[MAX_NOTES][NOTE_BYTES];
    const char *lines[MAX_NOTES + 1];
    size_t n;
};

static void note(struct summary *s, const char *key, const char *text) {
    if (s->n == MAX_NOTES) return;
    snprintf(s->text[s->n], NOTE_BYTES, "%-16s %.300s", key, text);
    s->lines[s->n] = s->text[s->n];
    s->n++;
}

static void note_value(struct summary *s, const char *key, const json_t *value) {
    char *dump = json_is_string(value)
                     ? strdup(json_string_value(value))
                     : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    note(s, key, dump ? dump : "");
    free(dump);
}

static void summarise(const struct walk *w, struct summary *s) {
    const char *key;
    json_t *value;
    size_t i;
    note_value(s, "model", json_object_get(w->run, "model"));
    json_object_foreach(w->run, key, value) {
        if (strcmp(key, "datasets") == 0) {
            json_t *set;
            json_array_foreach(value, i, set) note_value(s, i ? "" : "datasets", set);
        } else if (json_is_object(value)) {
            if (json_object_size(value) > 0) note_value(s, key, value);
        } else if (strcmp(key, "model") != 0) {
            note_value(s, key, value);
        }
    }
}

static karma_status save(void *user, const char *path) {
    struct walk *w = user;
    json_t *there = NULL;
    if (!path[0]) return cli_error(KARMA_E_USAGE, "a file name, please");
    if (!run_file_named(path))
        return cli_error(KARMA_E_USAGE, "its name must end in .yaml, .yml or .json");
    if (path_exists(path) && run_file_read(path, w->eval, &there) < 0)
        return cli_error(KARMA_E_USAGE, "%.300s: exists and is no run file", path);
    json_decref(there);
    json_t *tree = json_copy(w->run);
    static const char *const maps[] = {"model_args", "dataset_args", "processor_args",
                                       "metric_args"};
    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        if (json_object_size(json_object_get(tree, maps[i])) == 0) json_object_del(tree, maps[i]);
    karma_status st =
        tree ? run_file_write(path, w->eval, tree) : cli_error(KARMA_E_NOMEM, "out of memory");
    json_decref(tree);
    return st;
}

static enum menu_answer step_summary(struct walk *w) {
    static const struct list_item items[] = {
        {"run it now", NULL}, {"save it as a run file", NULL}, {"leave without running", NULL}};
    static struct summary s; /* too large for the stack's liking */
    char saved[LINE_BYTES + 16] = "";
    for (size_t at = 0;;) {
        s.n = 0;
        summarise(w, &s);
        if (saved[0]) note(&s, "saved as", saved);
        s.lines[s.n] = NULL;
        const struct menu_list list = {
            .title = "This will be run", .notes = s.lines, .items = items, .n = 3};
        enum menu_answer answer = menu_choose(&w->menu, &list, &at);
        if (answer != MENU_DONE || at == 0) return answer;
        if (at == 2) {
            json_object_clear(w->run);
            return MENU_DONE;
        }
        const struct menu_question q = {
            .title = "Save as", .initial = "run.yaml", .check = save, .user = w};
        answer = menu_ask(&w->menu, &q, saved);
        if (answer == MENU_LEAVE || answer == MENU_NOBODY) return answer;
        if (answer != MENU_DONE) saved[0] = '\0';
        at = 0;
    }
}

/* --- running ---------------------------------------------------------------------------------- */

struct words { /* a command line of karma eval */
    char **argv;
    int n, room;
};

static karma_status add_word(struct words *v, const char *option, char *value) {
    if (v->n + 2 > v->room) {
        char **grown = realloc(v->argv, (size_t)(v->room + 64) * sizeof(*grown));
        if (!grown) {
            free(value);
            return cli_error(KARMA_E_NOMEM, "out of memory");
        }
        v->argv = grown;
        v->room += 64;
    }
    v->argv[v->n] = strdup(option);
    if (v->argv[v->n]) v->n++;
    v->argv[v->n] = value;
    if (value) v->n++;
    return KARMA_OK;
}

/* "A,B" of an array of texts. */
static char *join(const json_t *list) {
    size_t i, len = 1;
    json_t *item;
    json_array_foreach((json_t *)list, i, item) len += strlen(json_string_value(item)) + 1;
    char *text = calloc(1, len);
    json_array_foreach((json_t *)list, i, item) {
        const size_t at = text ? strlen(text) : 0;
        if (text) snprintf(text + at, len - at, "%s%s", i ? "," : "", json_string_value(item));
    }
    return text;
}

/* The option that sets the flag of o to that. */
static const struct cli_option *flag_option(const struct cli_command *c, const struct cli_option *o,
                                            bool value) {
    for (const struct cli_option *p = c->options; p->name; p++)
        if (p->flag == o->flag && p->flag_value == value) return p;
    return NULL;
}

static karma_status add_option(struct words *v, const struct walk *w, const struct cli_option *o,
                               const json_t *value) {
    size_t i;
    json_t *item;
    karma_status st = KARMA_OK;
    if (o->flag) {
        const bool on = json_is_true(value) ? o->flag_value : !o->flag_value;
        const struct cli_option *says = flag_option(w->eval, o, on);
        return says ? add_word(v, says->name, NULL) : KARMA_OK; /* off is what it is anyway */
    }
    if (o->list) {
        json_array_foreach((json_t *)value, i, item) {
            st = add_word(v, o->name, strdup(json_string_value(item)));
            if (st < 0) return st;
        }
        return st;
    }
    if (json_is_object(value) && json_object_size(value) == 0) return KARMA_OK;
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                 : json_is_array(value)
                     ? join(value)
                     : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    return text ? add_word(v, o->name, text) : cli_error(KARMA_E_NOMEM, "out of memory");
}

static int run(const struct walk *w) {
    struct words v = {0};
    char key[64];
    karma_status st = KARMA_OK;
    for (const struct cli_option *o = w->eval->options; o->name && st == KARMA_OK; o++) {
        run_file_key(o->name, key);
        const json_t *value = json_object_get(w->run, key);
        if (value) st = add_option(&v, w, o, value);
    }
    const int status = st < 0 ? cli_fail(st) : cmd_eval(v.n, v.argv);
    for (int i = 0; i < v.n; i++)
        free(v.argv[i]);
    free(v.argv);
    return status;
}

/* --- the walk --------------------------------------------------------------------------------- */

static enum menu_answer walk_through(struct walk *w) {
    static enum menu_answer (*const steps[])(struct walk *) = {
        step_model,  step_model_args, step_datasets, step_dataset_args,
        step_output, step_samples,    step_summary};
    enum { N_STEPS = sizeof(steps) / sizeof(steps[0]) };
    for (int i = 0; i < N_STEPS;) {
        const enum menu_answer answer = steps[i](w);
        if (answer == MENU_LEAVE || answer == MENU_NOBODY) return answer;
        w->back = answer == MENU_BACK;
        i += w->back ? -1 : 1;
        if (i < 0) return MENU_BACK;
    }
    return MENU_DONE;
}

/* Nobody is asked: what has no default must have been given. */
static karma_status accept_defaults(struct walk *w) {
    json_t *sets = json_object_get(w->run, "datasets"), *set;
    size_t i, count;
    if (!text_of(w, "model")) return cli_error(KARMA_E_USAGE, "--auto needs --model");
    if (json_array_size(sets) == 0) return cli_error(KARMA_E_USAGE, "--auto needs --dataset");
    json_array_foreach(sets, i, set) {
        karma_status st = walk_fill_dataset(w, json_string_value(set));
        if (st == KARMA_OK) st = walk_check_dataset(w, json_string_value(set), &count);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

/* Called with the options of karma eval. */
static int ask(void *user, const struct cli_command *eval) {
    const struct interactive_args *args = user;
    struct walk w = {.eval = eval};
    karma_status st = begin(&w, args);
    enum menu_answer answer = MENU_DONE;
    if (st == KARMA_OK && args->automatic) {
        st = accept_defaults(&w);
    } else if (st == KARMA_OK) {
        cli_hold_log(true);
        menu_begin(&w.menu);
        answer = walk_through(&w);
        menu_end(&w.menu);
        cli_hold_log(false);
    }
    int status = st < 0 ? cli_fail(st) : 0;
    if (answer == MENU_LEAVE) status = 130;
    if (answer == MENU_NOBODY)
        status = cli_fail(cli_error(KARMA_E_USAGE, "standard input ended before all was answered"));
    if (status == 0 && answer == MENU_DONE && json_object_size(w.run) > 0) status = run(&w);
    json_decref(w.run);
    return status;
}

int cmd_interactive(int argc, char **argv) {
    struct interactive_args a = {0};
    const struct cli_option options[] = {
        {"--model", "NAME", "the model; asked for without", .value = &a.model},
        {"--dataset", "NAME", "a data set; may be given several times", .list = &a.datasets},
        {"--load-config", "FILE", "start with what a run file says", .value = &a.config},
        {"--auto", NULL, "accept all defaults, ask nothing, run", .flag = &a.automatic,
         .flag_value = true},
        {0}};
    const struct cli_command c = {"interactive",
                                  "[options]",
                                  "Asks for what an evaluation needs, saves it as a run file, runs "
                                  "it. Without a terminal: numbered questions, a line each.",
                                  options,
                                  0,
                                  0};
    const char *positional[1] = {0};
    const int stop = cli_parse(&c, argc, argv, positional);
    return stop >= 0 ? stop : eval_with(0, NULL, ask, &a);
}
