/*
 * eval_view.c - see eval_view.h. On a terminal one line is redrawn a few times a second; elsewhere
 * a plain line every ten seconds and at the end of a data set. Never a text of a sample.
 */
#include "cli/eval_view.h"

#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const double TERMINAL_EVERY_S = 0.1, PLAIN_EVERY_S = 10;

void view_begin(struct view *v, bool on, const char *model, const karma_eval_options *options) {
    *v = (struct view){.model = model,
                       .options = options,
                       .on = on,
                       .terminal = isatty(STDERR_FILENO) == 1,
                       .last_s = -1e9};
}

static void show_plan(const char *model, const karma_eval_options *o) {
    size_t n = 0;
    while (o->datasets[n])
        n++;
    fprintf(stderr, "model     %s\ndatasets  ", model);
    for (size_t i = 0; i < n && i < (n > 10 ? 8 : 10); i++) {
        fprintf(stderr, "%s%s", i ? ", " : "", o->datasets[i]);
    }
    if (n > 10) fprintf(stderr, " and %zu more", n - 8);
    if (o->answer_by && strcmp(o->answer_by, "generation") != 0)
        fprintf(stderr, "\nanswers   by %s", o->answer_by);
    if (o->rotations) fprintf(stderr, "\nanswers   under all orders of the options");
    if (o->stop_when_decided) fprintf(stderr, "\nanswers   end when they are decided");
    fprintf(stderr, "\noutput    %s\nstore     ", o->output ? o->output : "results.json");
    char path[4096];
    const char *store =
        o->store_path ? o->store_path : karma_default_store_path(path, sizeof(path));
    fprintf(stderr, "%s%s\n\n",
            !o->use_store ? "none"
            : store       ? store
                          : "none",
            o->use_store && o->refresh ? " (answers are made anew)" : "");
}

void view_progress(void *view, const karma_eval_progress *p) {
    struct view *v = view;
    if (v->options) show_plan(v->model, v->options);
    v->options = NULL;
    if (!v->on) return;
    const bool fresh = v->last_dataset != p->dataset_index + 1, ended = p->done == p->total;
    const double every = v->terminal ? TERMINAL_EVERY_S : PLAIN_EVERY_S;
    if (fresh) v->last_s = v->terminal ? -1e9 : 0;
    if (!ended && p->elapsed_s - v->last_s < every) return;
    v->last_s = p->elapsed_s;
    v->last_dataset = p->dataset_index + 1;
    char left[32] = "";
    char rest[64] = "";
    if (!ended && p->remaining_s >= 0) {
        snprintf(rest, sizeof(rest), ", %s left", format_duration(p->remaining_s, left));
    }
    char counts[96] = "";
    if (p->cached) snprintf(counts, sizeof(counts), ", %zu from the store", p->cached);
    if (p->failed) {
        const size_t at = strlen(counts);
        snprintf(counts + at, sizeof(counts) - at, ", %zu failed", p->failed);
    }
    fprintf(stderr, "%s[%zu/%zu] %s: %zu/%zu, %.2f samples/s%s%s", v->terminal ? "\r\033[K" : "",
            p->dataset_index + 1, p->n_datasets, p->dataset, p->done, p->total, p->rate, counts,
            rest);
    v->open_line = v->terminal && !ended;
    if (!v->open_line) fputc('\n', stderr);
    fflush(stderr);
}

void view_end(struct view *v) {
    if (v->open_line) fputc('\n', stderr);
    v->open_line = false;
}

static void score_cell(struct cli_table *t, const json_t *metric) {
    const json_t *score = json_object_get(metric, "score");
    const json_t *interval = json_object_get(metric, "interval_95");
    const json_t *bounds = json_object_get(metric, "bounds");
    if (json_is_number(score)) {
        const json_t *low = json_array_get(interval, 0), *high = json_array_get(interval, 1);
        table_cellf(t, "%.3f", json_number_value(score));
        if (json_is_number(low) && json_is_number(high)) {
            table_cellf(t, "%.3f to %.3f", json_number_value(low), json_number_value(high));
        } else {
            table_cell(t, "");
        }
    } else if (bounds) {
        const json_t *low = json_object_get(bounds, "failed_counted_as_wrong");
        const json_t *high = json_object_get(bounds, "failed_left_out");
        table_cell(t, "none");
        table_cellf(t, "%.3f (failed as wrong), %.3f (left out)", json_number_value(low),
                    json_number_value(high));
    } else {
        table_cell(t, "none");
        table_cell(t, "");
    }
}

/* What an error rate is made of: replaced, left out, put in, of how much. */
static void errors_cell(struct cli_table *t, const json_t *metric) {
    const int64_t hits = json_integer_value(json_object_get(metric, "hits"));
    const int64_t substitutions = json_integer_value(json_object_get(metric, "substitutions"));
    const int64_t deletions = json_integer_value(json_object_get(metric, "deletions"));
    const int64_t insertions = json_integer_value(json_object_get(metric, "insertions"));
    if (!json_object_get(metric, "hits")) {
        table_cell(t, "");
        return;
    }
    table_cellf(t, "%lld S, %lld D, %lld I of %lld", (long long)substitutions, (long long)deletions,
                (long long)insertions, (long long)(hits + substitutions + deletions));
}

static int64_t count_of(const json_t *result, const char *name) {
    return json_integer_value(json_object_get(json_object_get(result, "samples_by_state"), name));
}

/* The metrics of a whole data set, or of a part, whose name is put behind theirs. */
static void metric_rows(struct cli_table *t, const char *name, const json_t *result,
                        const json_t *metrics, const char *part, bool with_errors) {
    const char *metric;
    json_t *value;
    json_object_foreach((json_t *)metrics, metric, value) {
        table_cell(t, name);
        table_cell(t, json_string_value(json_object_get(result, "task_type")));
        table_cellf(t, "%s%s%s", metric, part ? ", " : "", part ? part : "");
        score_cell(t, value);
        if (with_errors) errors_cell(t, value);
        table_cellf(t, "%lld",
                    (long long)json_integer_value(json_object_get(value, "num_samples")));
        table_cell(t, json_string_value(json_object_get(result, "status")));
    }
}

static void result_rows(struct cli_table *t, const char *name, const json_t *result,
                        bool with_errors) {
    const char *type;
    json_t *part;
    metric_rows(t, name, result, json_object_get(result, "metrics"), NULL, with_errors);
    json_object_foreach(json_object_get(result, "by_answer_type"), type, part) {
        metric_rows(t, name, result, json_object_get(part, "metrics"), type, with_errors);
    }
}

/* The words of terms are told apart from the rest. */
static void print_terms(const char *name, const json_t *result) {
    const char *metric;
    json_t *value;
    json_object_foreach(json_object_get(result, "metrics"), metric, value) {
        const json_t *rate = json_object_get(value, "term_wer");
        if (!rate) continue;
        const json_int_t n = json_integer_value(json_object_get(value, "n_terms"));
        const json_int_t right = json_integer_value(json_object_get(value, "n_terms_right"));
        if (json_is_number(rate))
            printf("%s: %s: terms %.3f (%lld of %lld without an error)\n", name, metric,
                   json_number_value(rate), (long long)right, (long long)n);
        else
            printf("%s: %s: none of the terms is in the references\n", name, metric);
    }
}

/* A judge's verdicts beside people's, where there are some. */
static void print_agreement(const char *name, const json_t *result) {
    const char *metric;
    json_t *value;
    json_object_foreach(json_object_get(result, "metrics"), metric, value) {
        const json_t *soft = json_object_get(value, "soft_score");
        const json_t *with = json_object_get(value, "agreement");
        if (json_is_number(soft))
            printf("%s: %s: %.3f by how sure the judge is of each of %lld verdicts\n", name, metric,
                   json_number_value(soft),
                   (long long)json_integer_value(json_object_get(value, "n_criteria")));
        if (!with) continue;
        const json_t *kappa = json_object_get(with, "kappa");
        const json_t *interval = json_object_get(with, "kappa_interval_95");
        printf("%s: %s: judge and %lld labels: ", name, metric,
               (long long)json_integer_value(json_object_get(with, "n")));
        if (json_is_number(kappa))
            printf("kappa %.3f", json_number_value(kappa));
        else
            printf("no kappa (one answer alone)");
        if (json_is_number(json_array_get(interval, 0)))
            printf(" (%.3f to %.3f)", json_number_value(json_array_get(interval, 0)),
                   json_number_value(json_array_get(interval, 1)));
        printf(", accuracy %.3f\n", json_number_value(json_object_get(with, "accuracy")));
    }
}

/* Counts by code and the first reason: messages never hold a sample's text. */
static void print_failed(const char *name, const json_t *result) {
    const json_t *states = json_object_get(result, "samples_by_state");
    const int64_t n = count_of(result, "failed");
    if (n == 0) return;
    printf("%s: %lld failed:", name, (long long)n);
    const char *code;
    json_t *count;
    json_object_foreach(json_object_get(states, "failed_by_code"), code, count) {
        printf(" %lld %s", (long long)json_integer_value(count), code);
    }
    const json_t *first = json_array_get(json_object_get(result, "failed_samples"), 0);
    printf("; the first, %s: %s\n", json_string_value(json_object_get(first, "key")),
           json_string_value(json_object_get(first, "message")));
}

static void print_flags(const char *name, const json_t *result) {
    static const struct {
        const char *field, *text;
    } flags[] = {
        {"unparsed", "without an answer that could be read (scored wrong)"},
        {"cut_by_limit", "cut by the token limit"},
        {"thought_without_end", "ended inside a thought (scored wrong)"},
        {"prompt_truncated", "with a shortened prompt"},
        {"control_text_in_prompt", "with control-token text in the question"},
        {"not_judged", "left out: queries that no judgement names"},
        {"short_rankings", "with a ranking shorter than the metrics look (scored as it is)"},
    };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        const int64_t n = count_of(result, flags[i].field);
        if (n > 0) printf("%s: %lld %s\n", name, (long long)n, flags[i].text);
    }
}

/* That another model was run than the one asked for must not be found out from a file alone. */
static void print_fallback(const json_t *results) {
    const json_t *summary = json_object_get(results, "_summary");
    const char *asked = json_string_value(json_object_get(summary, "requested_model"));
    const char *why = json_string_value(json_object_get(summary, "fallback_reason"));
    if (!asked) return;
    printf("model: %s was run in place of %s (%s)\n",
           json_string_value(json_object_get(summary, "model")), asked, why ? why : "it fell back");
}

static void count_cell(struct cli_table *t, const json_t *o, const char *name) {
    const json_t *n = json_object_get(o, name);
    if (json_is_integer(n))
        table_cellf(t, "%lld", (long long)json_integer_value(n));
    else
        table_cell(t, "");
}

/* What the figures leave out, or what would go wrong. */
static void print_plan_notes(const char *name, const json_t *result) {
    const char *unknown = json_string_value(json_object_get(result, "prompt_tokens_unknown"));
    const char *from = json_string_value(json_object_get(result, "time_from"));
    const int64_t too_long = json_integer_value(json_object_get(result, "too_long"));
    const int64_t pictures = json_integer_value(json_object_get(result, "pictures_not_counted"));
    const int64_t most = json_integer_value(json_object_get(result, "generated_tokens_at_most"));
    char time[32];
    if (unknown) printf("%s: tokens are not known: %s\n", name, unknown);
    if (too_long) printf("%s: %lld prompts do not fit the context\n", name, (long long)too_long);
    if (pictures)
        printf("%s: %lld samples have pictures or fail; their rows are not counted\n", name,
               (long long)pictures);
    if (most) printf("%s: at most %lld tokens are written\n", name, (long long)most);
    if (json_object_get(result, "judge_questions"))
        printf("%s: %lld questions to the judge, about answers that are not there yet\n", name,
               (long long)json_integer_value(json_object_get(result, "judge_questions")));
    if (!from) return;
    const json_t *seconds = json_object_get(result, "time_s");
    printf("%s: time %s: %s\n", name,
           json_is_number(seconds) ? format_duration(json_number_value(seconds), time) : "unknown",
           from);
}

static void print_plan_memory(const json_t *results) {
    const json_t *m = json_object_get(json_object_get(results, "_forecast"), "memory");
    if (!m) return;
    static const char *const parts[] = {"weights_bytes", "own_bytes", "cache_bytes", "sum_bytes",
                                        "ceiling_bytes"};
    static const char *const words[] = {"weights", "beside them", "cache and scratch", "in all",
                                        "ceiling"};
    printf("memory:");
    for (int i = 0; i < 5; i++) {
        const json_int_t bytes = json_integer_value(json_object_get(m, parts[i]));
        printf("%s %s %.1f MB", i ? "," : "", words[i], (double)bytes / 1e6);
    }
    putchar('\n');
}

static void print_plan(const json_t *results) {
    static const char *const header[] = {"Dataset",       "Samples", "From store", "To run",
                                         "Prompt tokens", "Shared",  "Longest",    "Context"};
    static const char *const fields[] = {
        "num_samples",           "from_store", "to_run", "prompt_tokens", "prompt_tokens_shared",
        "prompt_tokens_largest", "context"};
    struct cli_table t;
    table_begin(&t, 8, header);
    const char *name;
    json_t *result;
    json_object_foreach((json_t *)results, name, result) {
        if (name[0] == '_') continue;
        table_cell(&t, name);
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
            count_cell(&t, result, fields[i]);
    }
    table_print(&t, stdout);
    table_end(&t);
    putchar('\n');
    json_object_foreach((json_t *)results, name, result) {
        if (name[0] != '_') print_plan_notes(name, result);
    }
    print_plan_memory(results);
    puts("dry run: all arguments and files are in order; nothing was run");
}

static bool has_error_rates(const json_t *results) {
    const char *key;
    json_t *result, *metric;
    json_object_foreach((json_t *)results, key, result) {
        const char *name;
        json_object_foreach(json_object_get(result, "metrics"), name, metric) {
            if (json_object_get(metric, "hits")) return true;
        }
    }
    return false;
}

void view_results(const karma_eval_summary *sum, bool dry_run) {
    static const char *const header[] = {"Dataset",       "Task Type", "Metric", "Score",
                                         "95 % interval", "Samples",   "Status"};
    static const char *const with_errors[] = {"Dataset",       "Task Type", "Metric",  "Score",
                                              "95 % interval", "Errors",    "Samples", "Status"};
    json_t *results = json_loads(sum->results_json, 0, NULL);
    if (dry_run) {
        print_plan(results);
        json_decref(results);
        return;
    }
    struct cli_table t;
    const bool errors = has_error_rates(results);
    table_begin(&t, errors ? 8 : 7, errors ? with_errors : header);
    const char *name;
    json_t *result;
    json_object_foreach(results, name, result) {
        if (name[0] != '_') result_rows(&t, name, result, errors);
    }
    table_print(&t, stdout);
    table_end(&t);
    putchar('\n');
    json_object_foreach(results, name, result) {
        if (name[0] == '_') continue;
        view_slices(name, result);
        print_terms(name, result);
        print_agreement(name, result);
        print_failed(name, result);
        print_flags(name, result);
    }
    print_fallback(results);
    char elapsed[32];
    printf("datasets %zu/%zu complete, %zu samples (%zu from the store), %s; results in %s\n",
           sum->n_datasets_complete, sum->n_datasets, sum->n_samples, sum->n_cached,
           format_duration(sum->elapsed_s, elapsed), sum->results_path);
    json_decref(results);
}
