/* cmd_verify.c - karma verify RUN: would the run come out again? */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/eval_view.h"

enum { MAX_SHOWN = 20, DIFFERS = 3 };

struct verify_args {
    struct model_options model;
    const char *name, *n, *seed, *dataset_args, *format;
    bool progress, offline;
    char *config_json, *args_json, *dataset_json;
};

static bool cancelled(void *user) {
    (void)user;
    return signals_cancelled();
}

/* A value in one line, short. */
static void print_value(const json_t *value) {
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    printf("%.80s", text ? text : "?");
    free(text);
}

static void print_differences(const json_t *report) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(report, "differences"), i, one) {
        printf("%s: recorded ", json_string_value(json_object_get(one, "what")));
        print_value(json_object_get(one, "recorded"));
        printf(", found ");
        print_value(json_object_get(one, "found"));
        putchar('\n');
    }
}

static void print_mismatches(const json_t *report, size_t n) {
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(report, "mismatches"), i, one) {
        if (i == MAX_SHOWN) break;
        const char *what = json_string_value(json_object_get(one, "what"));
        printf("%s, sample %s: ", json_string_value(json_object_get(one, "dataset")),
               json_string_value(json_object_get(one, "key")));
        if (strncmp(what, "E_", 2) == 0)
            printf("it had an answer and fails now: %s\n", what);
        else
            printf("another %s\n", what);
    }
    if (n > MAX_SHOWN) printf("and %zu more\n", n - MAX_SHOWN);
}

static int show(const karma_verify_summary *s, const char *results, int format) {
    const bool same =
        s->log_is_whole && s->results_are_whole && s->n_differences == 0 && s->n_mismatches == 0;
    if (format == 1) {
        puts(s->report_json);
        return cli_finish_output(true, same ? 0 : DIFFERS);
    }
    json_t *report = json_loads(s->report_json, 0, NULL);
    if (!report) return cli_fail(cli_error(KARMA_E_NOMEM, "out of memory"));
    if (!s->log_is_whole) printf("the log is not the one that was written: its chain differs\n");
    if (!s->results_are_whole)
        printf("the results are not the ones that were written: their digest differs\n");
    print_differences(report);
    print_mismatches(report, s->n_mismatches);
    printf("%s: %s; %zu of %zu samples asked again, %zu with another prompt or answer\n", results,
           same ? "verified" : "differs", s->n_checked, s->n_samples, s->n_mismatches);
    json_decref(report);
    return cli_finish_output(true, same ? 0 : DIFFERS);
}

static karma_status prepare(struct verify_args *a, karma_verify_options *o, int *format) {
    static const char *const formats[] = {"text", "json", NULL};
    int64_t seed = 0;
    *o = karma_verify_defaults();
    karma_status st = cli_choice("--format", a->format, formats, format);
    if (st == KARMA_OK && a->n)
        st = strcmp(a->n, "all") == 0 ? (o->n = 0, KARMA_OK)
                                      : cli_int("-n", a->n, 1, INT64_MAX, &o->n);
    if (st == KARMA_OK && a->seed) st = cli_int("--seed", a->seed, 0, INT64_MAX, &seed);
    if (st == KARMA_OK) st = model_options_merge(&a->model, &a->config_json, &a->args_json);
    if (st == KARMA_OK && a->config_json)
        st = cli_error(KARMA_E_USAGE, "--model-config: the settings are those of the run");
    if (st == KARMA_OK && a->dataset_args)
        st = arguments_to_json("--dataset-args", a->dataset_args, false, &a->dataset_json);
    o->seed = (uint64_t)seed;
    o->model = a->name;
    o->model_path = a->model.path;
    o->config_json = a->args_json; /* the run's own settings count more */
    o->dataset_args_json = a->dataset_json;
    return st;
}

int cmd_verify(int argc, char **argv) {
    struct verify_args a = {.format = "text", .progress = true};
    const struct cli_option options[] = {
        {"-n", "N", "samples to ask again, or all; default: 20", .value = &a.n},
        {"--seed", "N", "of their choice; default: 0", .value = &a.seed},
        {"--model", "NAME", "name or path, where it is not what the run says", .value = &a.name},
        {"--model-path", "PATH", "where the checkpoint lies now", .value = &a.model.path},
        {"--dataset-args", "S", "NAME:key=value,...;...: for data that lie elsewhere now",
         .value = &a.dataset_args},
        {"--format", "F", "what is shown: text (default), json", .value = &a.format},
        {"--batch-size", "N", "samples at once, 1 to 1024; changes no answer",
         .value = &a.model.batch_size},
        {"--threads", "N", "default: all that may be used; changes no answer",
         .value = &a.model.threads},
        {"--device", "NAME", "auto or cpu", .value = &a.model.device},
        {"--max-memory", "SIZE", "ceiling for weights, cache and scratch: 2G, 800M",
         .value = &a.model.max_memory},
        {"--progress", NULL, "show progress (default)", .flag = &a.progress, .flag_value = true},
        {"--no-progress", NULL, "no progress lines", .flag = &a.progress, .flag_value = false},
        {"--offline", NULL, "use local files alone (this version never opens a connection)",
         .flag = &a.offline, .flag_value = true},
        {0}};
    const struct cli_command c = {"verify",
                                  "RESULTS [options]",
                                  "Checks a run's log against its manifest, model and data against "
                                  "what was recorded, and asks samples again: exit status 0 if all "
                                  "is the same, 3 if something differs.",
                                  options,
                                  1,
                                  1};
    const char *positional[2] = {0};
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    karma_verify_options o;
    karma_verify_summary summary = {0};
    int format;
    struct view view;
    signals_install();
    karma_status st = prepare(&a, &o, &format);
    view_begin(&view, a.progress, "", NULL);
    const karma_eval_events events = {
        .progress = view_progress, .cancelled = cancelled, .user = &view};
    if (st == KARMA_OK) st = karma_verify_run(positional[0], &o, &events, &summary);
    view_end(&view);
    const int status = st == KARMA_E_CANCELLED ? signals_exit_status()
                       : st < 0                ? cli_fail(st)
                                               : show(&summary, positional[0], format);
    free(a.config_json);
    free(a.args_json);
    free(a.dataset_json);
    return status;
}
