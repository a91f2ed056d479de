/* cmd_eval.c - karma eval: upstream's options and argument grammar, ours beside them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/eval_args.h"
#include "cli/eval_view.h"
#include "cli/run_file.h"

static void release(struct eval_args *a) {
    free(a->config_json);
    free(a->args_json);
    free(a->dataset_json);
    free(a->processor_json);
    free(a->metric_json);
    free(a->names_text);
    free(a->names);
    free(a->model_below);
    json_decref(a->file);
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

/* Tokens a second. */
static karma_status take_rate(const char *option, const char *text, double *rate) {
    if (!text) return KARMA_OK;
    json_t *parsed = json_loads(text, JSON_DECODE_ANY, NULL); /* whatever the locale */
    *rate = json_number_value(parsed);
    json_decref(parsed);
    return *rate > 0 ? KARMA_OK
                     : cli_error(KARMA_E_USAGE, "%s: expected tokens a second, found %.64s", option,
                                 text);
}

static karma_status prepare(struct eval_args *a, karma_eval_options *o, int *format) {
    static const char *const formats[] = {"table", "json", NULL};
    static const char *const saved[] = {"json", "yaml", "csv", NULL};
    static const char *const protocols[] = {"karma", "upstream", NULL};
    int save, protocol;
    *o = karma_eval_defaults();
    karma_status st = cli_choice("--format", a->format, formats, format);
    if (st == KARMA_OK) st = cli_choice("--save-format", a->save_format, saved, &save);
    if (st == KARMA_OK && a->max_samples && strcmp(a->max_samples, "all") != 0) {
        st = cli_int("--max-samples", a->max_samples, 1, INT64_MAX, &o->max_samples);
    }
    if (st == KARMA_OK && a->protocol)
        st = cli_choice("--protocol", a->protocol, protocols, &protocol);
    if (st == KARMA_OK && a->slice_min)
        st = cli_int("--slice-min", a->slice_min, 1, INT64_MAX, &o->slice_min);
    if (st == KARMA_OK && a->slices.n == CLI_LIST_MAX)
        st = cli_error(KARMA_E_USAGE, "--slice: given too often");
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
    if (st == KARMA_OK) st = eval_lay_over_file(a);
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
    o->protocol = a->protocol;
    o->judge = a->judge;
    o->judge_args_json = a->judge_args;
    o->stop_when_decided = a->stop;
    if (st == KARMA_OK) st = take_rate("--rate-prefill", a->rate_prefill, &o->rate_prefill);
    if (st == KARMA_OK) st = take_rate("--rate-decode", a->rate_decode, &o->rate_decode);
    o->answers = a->answers;
    o->answers_model = a->answers ? a->name : NULL;
    o->missing_answers = a->missing_answers;
    o->rotations = a->rotations;
    o->slices = a->slices.n ? a->slices.items : NULL;
    return st;
}

static bool cancelled(void *user) {
    (void)user;
    return signals_cancelled();
}

static int evaluate(const struct eval_args *a, const karma_eval_options *o, int format) {
    karma_model *m = NULL;
    karma_eval_summary sum = {0};
    signals_install();
    karma_status st = a->answers ? KARMA_OK /* nobody is asked */
                                 : karma_model_create_with(a->name, a->model.path, a->config_json,
                                                           a->args_json, &m);
    if (st < 0) return cli_fail(st);
    struct view view;
    view_begin(&view, a->progress && !a->dry_run,
               a->name ? a->name : "none: answers made elsewhere", format == 0 ? o : NULL);
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

int eval_with(int argc, char **argv, int (*instead)(void *user, const struct cli_command *c),
              void *user) {
    struct eval_args a = {.cache = true,
                          .progress = true,
                          .format = "table",
                          .save_format = "json",
                          .answer_by = "generation",
                          .model.special_tokens = "compat"};
    bool given[CLI_OPTIONS_MAX] = {false};
    const struct cli_option options[] = {
        {"--model", "NAME", "registered name, or path of a checkpoint; or as the argument",
         .value = &a.name},
        {"--model-path", "PATH", "checkpoint to use for that name", .value = &a.model.path},
        {"--datasets", "A,B", "names, YAML descriptions, data files or folders; default: all known",
         .value = &a.datasets},
        {"--run", "FILE", "a run file, YAML or JSON: these options as keys; or as the argument",
         .value = &a.run},
        {"--save-run", "FILE", "write what is run as such a file", .value = &a.save_run},
        {"--dataset-args", "S", "NAME:key=value,key=value;NAME:...", .value = &a.dataset_args},
        {"--protocol", "NAME",
         "karma (default), or upstream: prompts and reading of answers as in KARMA 0.2.0",
         .value = &a.protocol},
        {"--judge", "NAME",
         "model that answers the questions of metrics which need a judge; none: leave these out",
         .value = &a.judge},
        {"--judge-args", "JSON", "its arguments, an object", .value = &a.judge_args},
        {"--processor-args", "S", "DATASET.PROCESSOR:key=value,...;...",
         .value = &a.processor_args},
        {"--metric-args", "S", "METRIC:key=value,...;...", .value = &a.metric_args},
        {"--answer-by", "WAY",
         "generation (default), letters: compare the options' letters by their logits, options: "
         "weigh their texts; a list of these, the headline first; or all",
         .value = &a.answer_by},
        {"--rotations", NULL, "ask every question under all cyclic orders of its options",
         .flag = &a.rotations, .flag_value = true},
        {"--stop-when-decided", NULL, "end an answer when nothing more can change what is read",
         .flag = &a.stop, .flag_value = true},
        {"--slice", "FIELD", "also scores by the values of that field; may be given several times",
         .list = &a.slices},
        {"--slice-min", "N", "samples a value needs for a score of its own (default 20)",
         .value = &a.slice_min},
        {"--batch-size", "N", "samples at once, 1 to 1024; changes no answer",
         .value = &a.model.batch_size},
        {"--answers", "FILE", "score answers made elsewhere: JSON Lines of id and text; no model",
         .value = &a.answers},
        {"--missing-answers", "HOW", "samples without one: error (default), fail, exclude",
         .value = &a.missing_answers},
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
        {"--dry-run", NULL, "check everything, forecast tokens, memory and time, run nothing",
         .flag = &a.dry_run, .flag_value = true},
        {"--rate-prefill", "N", "tokens a second read, for the forecast of time",
         .value = &a.rate_prefill},
        {"--rate-decode", "N", "tokens a second written, likewise", .value = &a.rate_decode},
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
                                  "MODEL --datasets A,B [options] | RUN.yaml [options]",
                                  "Scores a model on data sets. Stopped anywhere and run again, it "
                                  "goes on and ends with the same results.",
                                  options,
                                  0,
                                  1};
    if (instead) return instead(user, &c);
    const char *positional[2] = {0};
    const int stop = cli_parse_given(&c, argc, argv, positional, given);
    if (stop >= 0) return stop;
    if (positional[0] && run_file_named(positional[0])) {
        if (a.run)
            return cli_fail(
                cli_error(KARMA_E_USAGE, "%.64s: --run names the run file already", positional[0]));
        a.run = positional[0];
        positional[0] = NULL;
    }
    if (a.name && positional[0]) {
        return cli_fail(cli_error(KARMA_E_USAGE,
                                  "unexpected argument %.64s: --model names the model already",
                                  positional[0]));
    }
    if (!a.name) a.name = positional[0];
    for (size_t i = 0; positional[0] && options[i].name; i++)
        if (options[i].value == &a.name) given[i] = true;
    karma_eval_options o;
    int format;
    karma_status st = a.run ? eval_take_run_file(&a, &c, given) : KARMA_OK;
    if (st == KARMA_OK && !a.name && !a.answers)
        st = cli_error(KARMA_E_USAGE, "--model is missing");
    if (st == KARMA_OK) st = prepare(&a, &o, &format);
    if (st == KARMA_OK && a.save_run) st = eval_save_run(&a, &c, given);
    const int status = st < 0 ? cli_fail(st) : evaluate(&a, &o, format);
    release(&a);
    return status;
}

int cmd_eval(int argc, char **argv) {
    return eval_with(argc, argv, NULL, NULL);
}
