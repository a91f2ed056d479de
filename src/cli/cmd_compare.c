/* cmd_compare.c - karma compare FIRST SECOND: the library's comparison as a table and in words. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { DEFAULT_FLIPS = 10, KEYS_SHOWN = 10 };

static double number(const json_t *o, const char *name) {
    const json_t *v = json_object_get(o, name);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static int64_t count(const json_t *o, const char *name) {
    return json_integer_value(json_object_get(o, name));
}

static void real_cell(struct cli_table *t, double v, int digits) {
    if (isnan(v)) {
        table_cell(t, "");
    } else {
        table_cellf(t, "%.*f", digits, v == 0 ? 0 : v); /* no "-0" */
    }
}

static void score_cell(struct cli_table *t, const json_t *run) {
    const json_t *interval = json_object_get(run, "interval_95");
    const json_t *low = json_array_get(interval, 0), *high = json_array_get(interval, 1);
    const double score = number(run, "score");
    if (json_is_number(low) && json_is_number(high) && !isnan(score)) {
        table_cellf(t, "%.3f (%.3f to %.3f)", score, json_number_value(low),
                    json_number_value(high));
    } else {
        real_cell(t, score, 3);
    }
}

static void p_cell(struct cli_table *t, double p) {
    if (p < 0.0001) {
        table_cell(t, "< 0.0001");
    } else {
        real_cell(t, p, 4);
    }
}

static void metric_row(struct cli_table *t, const char *set, const char *name, const json_t *m) {
    const json_t *interval = json_object_get(m, "difference_interval_95");
    const json_t *low = json_array_get(interval, 0), *high = json_array_get(interval, 1);
    const char *test = json_string_value(json_object_get(m, "test"));
    table_cell(t, set);
    table_cell(t, name);
    table_cellf(t, "%lld", (long long)count(m, "n"));
    score_cell(t, json_object_get(m, "first"));
    score_cell(t, json_object_get(m, "second"));
    const double difference = number(m, "difference");
    if (isnan(difference)) {
        table_cell(t, "");
    } else {
        table_cellf(t, "%+.3f", difference == 0 ? 0 : difference);
    }
    if (json_is_number(low) && json_is_number(high)) {
        table_cellf(t, "%+.3f to %+.3f", json_number_value(low), json_number_value(high));
    } else {
        table_cell(t, "");
    }
    table_cell(t, test);
    p_cell(t, number(m, "p"));
    p_cell(t, number(m, "p_holm"));
}

static void print_table(const json_t *datasets) {
    static const char *const header[] = {"Dataset",    "Metric", "n",    "First", "Second",
                                         "Difference", "95 %",   "Test", "p",     "p (Holm)"};
    struct cli_table t;
    table_begin(&t, 10, header);
    const char *set, *name;
    json_t *d, *m;
    json_object_foreach((json_t *)datasets, set, d) {
        json_object_foreach(json_object_get(d, "metrics"), name, m) metric_row(&t, set, name, m);
    }
    table_print(&t, stdout);
    table_end(&t);
    putchar('\n');
}

/* "k1, k2 and 5 more" */
static void print_keys(const json_t *keys, int64_t n, int64_t shown) {
    const int64_t named =
        (int64_t)json_array_size(keys) < shown ? (int64_t)json_array_size(keys) : shown;
    for (int64_t i = 0; i < named; i++)
        printf("%s%s", i ? ", " : "", json_string_value(json_array_get(keys, (size_t)i)));
    if (n > named) printf("%s%lld more", named ? " and " : "", (long long)(n - named));
}

static void print_flips(const char *set, const char *metric, const json_t *m, int64_t flips) {
    static const char *const members[] = {"right_to_wrong", "wrong_to_right"};
    static const char *const words[] = {"right to wrong", "wrong to right"};
    const json_t *all = json_object_get(m, "flips");
    for (int i = 0; i < 2 && all && flips > 0; i++) {
        const json_t *keys = json_object_get(all, members[i]);
        const int64_t n = (int64_t)json_array_size(keys);
        printf("%s: %s: %lld %s", set, metric, (long long)n, words[i]);
        if (n) {
            printf(": ");
            print_keys(keys, n, flips);
        }
        putchar('\n');
    }
}

static void print_only(const char *set, const json_t *d, const char *member, const char *which) {
    const json_t *only = json_object_get(d, member);
    const int64_t n = count(only, "n");
    if (n == 0) return;
    printf("%s: %lld in the %s run alone, left out: ", set, (long long)n, which);
    print_keys(json_object_get(only, "keys"), n, KEYS_SHOWN);
    putchar('\n');
}

static void print_set(const char *set, const json_t *d, int64_t flips) {
    const int64_t joined = count(d, "joined"), scored = count(d, "scored_in_both");
    const char *name;
    json_t *m;
    json_object_foreach(json_object_get(d, "metrics"), name, m) {
        printf("%s: %s: %s\n", set, name, json_string_value(json_object_get(m, "words")));
        print_flips(set, name, m, flips);
    }
    print_only(set, d, "only_in_first", "first");
    print_only(set, d, "only_in_second", "second");
    if (scored < joined)
        printf("%s: %lld of %lld in both are left out: %lld without a score in the first run, %lld "
               "in the second\n",
               set, (long long)(joined - scored), (long long)joined,
               (long long)count(d, "not_scored_in_first"),
               (long long)count(d, "not_scored_in_second"));
}

static void print_run(const json_t *run, const char *which) {
    const char *model = json_string_value(json_object_get(run, "model"));
    const char *path = json_string_value(json_object_get(run, "results"));
    const json_t *alone = json_object_get(run, "datasets_in_this_run_alone");
    printf("%-7s %s%s%s%s\n", which, model ? model : path, model ? " (" : "", model ? path : "",
           model ? ")" : "");
    if (json_array_size(alone) == 0) return;
    printf("        not in the other run: ");
    print_keys(alone, (int64_t)json_array_size(alone), KEYS_SHOWN);
    putchar('\n');
}

static void print_comparison(const json_t *c, int64_t flips) {
    print_run(json_object_get(c, "first"), "first");
    print_run(json_object_get(c, "second"), "second");
    putchar('\n');
    const json_t *datasets = json_object_get(c, "datasets");
    print_table(datasets);
    const char *set;
    json_t *d;
    json_object_foreach((json_t *)datasets, set, d) print_set(set, d, flips);
    size_t i;
    json_t *warning;
    json_array_foreach(json_object_get(c, "warnings"), i, warning) {
        fprintf(stderr, "karma: warning: %s\n", json_string_value(warning));
    }
}

static karma_status read_delta(const char *text, double *out) {
    if (!text) return KARMA_OK;
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL); /* strtod() heeds the locale */
    *out = json_number_value(value);
    json_decref(value);
    if (*out > 0 && isfinite(*out)) return KARMA_OK;
    return cli_error(KARMA_E_USAGE, "--delta: expected a number above 0, found %.64s", text);
}

int cmd_compare(int argc, char **argv) {
    static const char *const formats[] = {"table", "json", NULL};
    karma_compare_options o = karma_compare_defaults();
    const char *delta = NULL, *format_name = "table", *flips_text = NULL;
    int64_t flips = DEFAULT_FLIPS;
    int format;
    const struct cli_option options[] = {
        {"--metric", "NAME", "this metric alone; default: all that both runs have",
         .value = &o.metric},
        {"--delta", "D", "are the scores equivalent within D (0.02: two points)?", .value = &delta},
        {"--flips", "N", "how many keys of changed answers are named (default 10, 0: none)",
         .value = &flips_text},
        {"--format", "F", "table (default), json", .value = &format_name},
        {"--output", "FILE", "also write the whole comparison there, as JSON", .value = &o.output},
        {0}};
    const struct cli_command c = {"compare",
                                  "FIRST SECOND [options]",
                                  "Compares two runs over the same samples: FIRST and SECOND are "
                                  "results files with their logs beside them.\nDifferences are "
                                  "those of the second less the first.",
                                  options,
                                  2,
                                  2};
    const char *positional[3];
    const int stop = cli_parse(&c, argc, argv, positional);
    if (stop >= 0) return stop;
    karma_status st = cli_choice("--format", format_name, formats, &format);
    if (st == KARMA_OK) st = read_delta(delta, &o.delta);
    if (st == KARMA_OK && flips_text) st = cli_int("--flips", flips_text, 0, INT64_MAX, &flips);
    char *text = NULL;
    if (st == KARMA_OK) st = karma_compare_runs(positional[0], positional[1], &o, &text);
    if (st < 0) return cli_fail(st);
    if (format == 1) {
        fputs(text, stdout);
    } else {
        json_t *root = json_loads(text, 0, NULL);
        if (!root) {
            karma_free(text);
            return cli_fail(cli_error(KARMA_E_NOMEM, "out of memory"));
        }
        print_comparison(root, flips);
        json_decref(root);
    }
    karma_free(text);
    return cli_finish_output(true, 0);
}
