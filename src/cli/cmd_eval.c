/* cmd_eval.c - karma eval: upstream's options and argument grammar, ours beside them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/eval_view.h"

struct eval_args {
    struct model_options model;
    const char *name, *datasets, *dataset_args, *processor_args, *metric_args;
    const char *output, *format, *save_format, *max_samples, *store, *samples_page, *answer_by;
    bool cache, progress, interactive, dry_run, refresh, force, content, keep_failed, stop;
    bool offline, verbose;
    /* made of these */
    char *config_json, *args_json, *dataset_json, *processor_json, *metric_json, *names_text;
    const char **names;
};

static void release(struct eval_args *a) {
    free(a->config_json);
    free(a->args_json);
    free(a->dataset_json);
    free(a->processor_json);
    free(a->metric_json);
    free(a->names_text);
    free(a->names);
}

/* "A,B" as a NULL-terminated list; without --datasets: all known ones, as upstream does. */
static karma_status split_datasets(struct eval_args *a) {
    char **all = NULL;
    size_t count = 0;
    if (!a->datasets) {
        karma_status st = karma_list_datasets(&all, &count);
        if (st < 0) return st;
    } else {
        a->names_text = strdup(a->datasets);
        for (const char *p = a->datasets; *p; p++)
            count += *p == ',';
        count++;
    }
    a->names = calloc(count + 1, sizeof(*a->names));
    if (!a->names || (a->datasets && !a->names_text)) {
        karma_free(all);
        return cli_error(KARMA_E_NOMEM, "out of memory");
    }
    if (!a->datasets) {
        /* The names are copies inside the block: the block is kept as names_text would be. */
        for (size_t i = 0; i < count; i++) {
            const karma_dataset_info *info;
            if (karma_get_dataset_info(all[i], &info) == KARMA_OK) a->names[i] = info->name;
        }
        karma_free(all);
        return KARMA_OK;
    }
    char *rest = a->names_text;
    for (size_t i = 0; i < count; i++) {
        char *name = strsep(&rest, ",");
        while (*name == ' ')
            name++;
        char *end = name + strlen(name);
        while (end > name && end[-1] == ' ')
            *--end = '\0';
        if (!*name) return cli_error(KARMA_E_USAGE, "--datasets: a name is empty");
        a->names[i] = name;
    }
    return KARMA_OK;
}

/* --- --interactive: ask for what is required and was not given -------------------------------- */

static karma_status ask_required(json_t *all, const char *what, const char *owner,
                                 const karma_option_spec *options) {
    json_t *given = json_object_get(all, owner);
    for (const karma_option_spec *o = options; o && o->name; o++) {
        if (!o->required || json_object_get(given, o->name)) continue;
        fprintf(stderr, "%s %s needs %s (%s): ", what, owner, o->name, o->help ? o->help : "");
        fflush(stderr);
        char line[4096];
        if (!fgets(line, sizeof(line), stdin)) {
            return cli_error(KARMA_E_USAGE, "%s %s: no value for %s", what, owner, o->name);
        }
        line[strcspn(line, "\r\n")] = '\0';
        if (!given) {
            given = json_object();
            if (json_object_set_new(all, owner, given)) return KARMA_E_NOMEM;
        }
        if (json_object_set_new(given, o->name, json_string(line))) {
            return cli_error(KARMA_E_USAGE, "%s: not valid UTF-8", o->name);
        }
    }
    return KARMA_OK;
}

static karma_status ask_for_datasets(struct eval_args *a) {
    json_t *datasets = a->dataset_json ? json_loads(a->dataset_json, 0, NULL) : json_object();
    json_t *metrics = a->metric_json ? json_loads(a->metric_json, 0, NULL) : json_object();
    karma_status st = datasets && metrics ? KARMA_OK : cli_error(KARMA_E_NOMEM, "out of memory");
    for (size_t i = 0; a->names[i] && st == KARMA_OK; i++) {
        const karma_dataset_info *d;
        if (karma_get_dataset_info(a->names[i], &d) < 0) continue; /* a file: nothing is required */
        st = ask_required(datasets, "data set", a->names[i], d->options);
        for (size_t k = 0; d->metrics && d->metrics[k] && st == KARMA_OK; k++) {
            const karma_metric_info *m;
            if (karma_get_metric_info(d->metrics[k], &m) < 0) continue;
            st = ask_required(metrics, "metric", d->metrics[k], m->options);
        }
    }
    if (st == KARMA_OK) {
        free(a->dataset_json);
        free(a->metric_json);
        a->dataset_json = json_dumps(datasets, JSON_COMPACT);
        a->metric_json = json_dumps(metrics, JSON_COMPACT);
        if (!a->dataset_json || !a->metric_json) st = cli_error(KARMA_E_NOMEM, "out of memory");
    }
    json_decref(datasets);
    json_decref(metrics);
    return st;
}

/* --- from words to options -------------------------------------------------------------------- */

static karma_status prepare(struct eval_args *a, karma_eval_options *o, int *format) {
    static const char *const formats[] = {"table", "json", NULL};
    static const char *const saved[] = {"json", "yaml", "csv", NULL};
    static const char *const ways[] = {"generation", "letters", NULL};
    int save, way;
    *o = karma_eval_defaults();
    karma_status st = cli_choice("--format", a->format, formats, format);
    if (st == KARMA_OK) st = cli_choice("--save-format", a->save_format, saved, &save);
    if (st == KARMA_OK) st = cli_choice("--answer-by", a->answer_by, ways, &way);
    if (st == KARMA_OK && a->max_samples && strcmp(a->max_samples, "all") != 0) {
        st = cli_int("--max-samples", a->max_samples, 1, INT64_MAX, &o->max_samples);
    }
    if (st == KARMA_OK) st = model_options_merge(&a->model, &a->config_json, &a->args_json);
    if (st == KARMA_OK && a->dataset_args) {
        st = arguments_to_json("--dataset-args", a->dataset_args, false, &a->dataset_json);
    }
    if (st == KARMA_OK && a->metric_args) {
        st = arguments_to_json("--metric-args", a->metric_args, false, &a->metric_json);
    }
    if (st == KARMA_OK && a->processor_args) {
        st = arguments_to_json("--processor-args", a->processor_args, true, &a->processor_json);
    }
    if (st == KARMA_OK) st = split_datasets(a);
    if (st == KARMA_OK && a->interactive) st = ask_for_datasets(a);
    if (st < 0) return st;
    o->datasets = a->names;
    o->dataset_args_json = a->dataset_json;
    o->metric_args_json = a->metric_json;
    o->processor_args_json = a->processor_json;
    o->output = a->output;
    o->samples_page = a->samples_page;
    o->format = a->save_format;
    o->store_path = a->store;
    o->use_store = a->cache;
    o->refresh = a->refresh;
    o->dry_run = a->dry_run;
    o->force = a->force;
    o->include_content = a->content;
    o->keep_failed = a->keep_failed;
    o->answer_by = a->answer_by;
    o->stop_when_decided = a->stop;
    return KARMA_OK;
}

static bool cancelled(void *user) {
    (void)user;
    return signals_cancelled();
}

static int evaluate(const struct eval_args *a, const karma_eval_options *o, int format) {
    karma_model *m;
    karma_eval_summary sum = {0};
    signals_install();
    karma_status st =
        karma_model_create_with(a->name, a->model.path, a->config_json, a->args_json, &m);
    if (st < 0) return cli_fail(st);
    struct view view;
    view_begin(&view, a->progress && !a->dry_run, a->name, format == 0 ? o : NULL);
    const karma_eval_events events = {
        .progress = view_progress, .cancelled = cancelled, .user = &view};
    st = karma_eval_run(m, o, &events, &sum);
    view_end(&view);
    karma_model_destroy(m);
    if (st < 0 && st != KARMA_E_CANCELLED) return cli_fail(st);
    if (format == 1) {
        puts(sum.results_json);
    } else {
        view_results(&sum, o->dry_run);
    }
    if (st == KARMA_E_CANCELLED) {
        fprintf(stderr,
                "karma: stopped: %zu of %zu samples are done and kept; the same command "
                "goes on from there\n",
                sum.n_scored + sum.n_failed, sum.n_samples);
        return cli_finish_output(true, signals_exit_status());
    }
    return cli_finish_output(true, sum.n_failed ? 3 : 0);
}

int cmd_eval(int argc, char **argv) {
    struct eval_args a = {.cache = true,
                          .progress = true,
                          .format = "table",
                          .save_format = "json",
                          .answer_by = "generation",
                          .model.special_tokens = "compat"};
    const struct cli_option options[] = {
        {"--model", "NAME", "registered name, or path of a checkpoint; or as the argument",
         .value = &a.name},
        {"--model-path", "PATH", "checkpoint to use for that name", .value = &a.model.path},
        {"--datasets", "A,B", "names, YAML descriptions, data files or folders; default: all known",
         .value = &a.datasets},
        {"--dataset-args", "S", "NAME:key=value,key=value;NAME:...", .value = &a.dataset_args},
        {"--processor-args", "S", "DATASET.PROCESSOR:key=value,...;...",
         .value = &a.processor_args},
        {"--metric-args", "S", "METRIC:key=value,...;...", .value = &a.metric_args},
        {"--answer-by", "WAY",
         "generation (default), or letters: compare the options' letters by their logits",
         .value = &a.answer_by},
        {"--stop-when-decided", NULL, "end an answer when nothing more can change what is read",
         .flag = &a.stop, .flag_value = true},
        {"--batch-size", "N", "samples at once, 1 to 1024; changes no answer",
         .value = &a.model.batch_size},
        {"--cache", NULL, "use the store of answers (default)", .flag = &a.cache,
         .flag_value = true},
        {"--no-cache", NULL, "keep nothing, look nothing up", .flag = &a.cache,
         .flag_value = false},
        {"--store", "FILE", "the store; default: $KARMA_STORE or the cache folder",
         .value = &a.store},
        {"--refresh-cache", NULL, "run all again, still store", .flag = &a.refresh,
         .flag_value = true},
        {"--keep-failed", NULL, "do not try failed samples of earlier runs again",
         .flag = &a.keep_failed, .flag_value = true},
        {"--output", "FILE", "results; default: results.json", .value = &a.output},
        {"--save-format", "F", "json (default), yaml, csv", .value = &a.save_format},
        {"--format", "F", "what is shown: table (default), json", .value = &a.format},
        {"--force", NULL, "replace an output file that holds no results", .flag = &a.force,
         .flag_value = true},
        {"--include-content", NULL, "texts of every sample in the results", .flag = &a.content,
         .flag_value = true},
        {"--samples-page", "FILE", "also an HTML page of every sample with its pictures",
         .value = &a.samples_page},
        {"--progress", NULL, "show progress (default)", .flag = &a.progress, .flag_value = true},
        {"--no-progress", NULL, "no progress lines", .flag = &a.progress, .flag_value = false},
        {"--interactive", NULL, "ask for required arguments", .flag = &a.interactive,
         .flag_value = true},
        {"--dry-run", NULL, "check everything, run nothing", .flag = &a.dry_run,
         .flag_value = true},
        {"--model-config", "FILE", "model arguments, JSON or YAML", .value = &a.model.config},
        {"--model-args", "JSON", "model arguments, an object; highest precedence",
         .value = &a.model.args},
        {"--max-samples", "N", "first N of each data set, or all", .value = &a.max_samples},
        {"--seed", "N", "for sampling", .value = &a.model.seed},
        {"--threads", "N", "default: all that may be used; changes no answer",
         .value = &a.model.threads},
        {"--device", "NAME", "auto or cpu", .value = &a.model.device},
        MODEL_LOAD_OPTIONS(a.model),
        {"--offline", NULL, "use local files alone (this version never opens a connection)",
         .flag = &a.offline, .flag_value = true},
        {"--verbose", NULL, "accepted for upstream's sake", .flag = &a.verbose, .flag_value = true},
        {0}};
    const struct cli_command c = {"eval",
                                  "MODEL --datasets A,B [options]",
                                  "Scores a model on data sets. Stopped anywhere and run again, it "
                                  "goes on and ends with the same results.",
                                  options,
                                  0,
                                  1};
    const char *positional[2] = {0};
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    if (a.name && positional[0]) {
        return cli_fail(cli_error(KARMA_E_USAGE,
                                  "unexpected argument %.64s: --model names the model already",
                                  positional[0]));
    }
    if (!a.name) a.name = positional[0];
    if (!a.name) return cli_fail(cli_error(KARMA_E_USAGE, "--model is missing"));
    karma_eval_options o;
    int format;
    karma_status st = prepare(&a, &o, &format);
    const int status = st < 0 ? cli_fail(st) : evaluate(&a, &o, format);
    release(&a);
    return status;
}
