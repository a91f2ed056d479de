/*
 * slices_view.c - see eval_view.h: scores by the values of a field and of variants of one question,
 * as tables; a run without either shows neither.
 */
#include "cli/eval_view.h"

#include "cli/cli.h"

static void interval_cell(struct cli_table *t, const json_t *pair, bool with_sign) {
    const json_t *low = json_array_get(pair, 0), *high = json_array_get(pair, 1);
    const double l = json_number_value(low), h = json_number_value(high);
    if (!json_is_number(low) || !json_is_number(high)) {
        table_cell(t, "");
    } else if (with_sign) {
        table_cellf(t, "%+.3f to %+.3f", l, h);
    } else {
        table_cellf(t, "%.3f to %.3f", l, h);
    }
}

static void number_cell(struct cli_table *t, const json_t *o, const char *name, bool with_sign) {
    const json_t *v = json_object_get(o, name);
    const double x = json_number_value(v) == 0 ? 0 : json_number_value(v); /* no "-0" */
    if (!json_is_number(v)) {
        table_cell(t, "");
    } else if (with_sign) {
        table_cellf(t, "%+.3f", x);
    } else {
        table_cellf(t, "%.3f", x);
    }
}

static void value_rows(struct cli_table *t, const char *field, const char *name,
                       const json_t *value) {
    const long long n = (long long)json_integer_value(json_object_get(value, "n"));
    json_t *metrics = json_object_get(value, "metrics"), *m;
    const char *metric;
    if (json_object_size(metrics) == 0) { /* too few for a score */
        table_cellf(t, "%s: %s", field, name);
        table_cellf(t, "%lld", n);
        for (int i = 0; i < 6; i++)
            table_cell(t, "");
    }
    json_object_foreach(metrics, metric, m) {
        table_cellf(t, "%s: %s", field, name);
        table_cellf(t, "%lld", n);
        table_cell(t, metric);
        number_cell(t, m, "score", false);
        interval_cell(t, json_object_get(m, "interval_95"), false);
        number_cell(t, m, "difference_to_rest", true);
        interval_cell(t, json_object_get(m, "difference_interval_95"), true);
        number_cell(t, m, "p_holm", false);
    }
}

static void print_slices(const char *set, const json_t *result) {
    static const char *const header[] = {
        "Slice", "n",       "Metric", "Score", "95 % interval", "Difference to the rest",
        "95 %",  "p (Holm)"};
    const char *field, *name;
    json_t *values, *value;
    struct cli_table t;
    if (json_object_size(json_object_get(result, "by_slice")) == 0) return;
    printf("%s, by slices:\n\n", set);
    table_begin(&t, 8, header);
    json_object_foreach(json_object_get(result, "by_slice"), field, values) {
        json_object_foreach(values, name, value) value_rows(&t, field, name, value);
    }
    table_print(&t, stdout);
    table_end(&t);
    putchar('\n');
}

static void pair_row(struct cli_table *t, const char *metric, const json_t *pair) {
    table_cellf(t, "%s, %s", json_string_value(json_object_get(pair, "first")),
                json_string_value(json_object_get(pair, "second")));
    table_cellf(t, "%lld", (long long)json_integer_value(json_object_get(pair, "n")));
    table_cell(t, metric);
    number_cell(t, pair, "first_score", false);
    number_cell(t, pair, "second_score", false);
    number_cell(t, pair, "difference", true);
    interval_cell(t, json_object_get(pair, "interval_95"), true);
    number_cell(t, pair, "p_holm", false);
}

static void print_variants(const char *set, const json_t *result) {
    static const char *const header[] = {"Variants", "n",          "Metric", "First",
                                         "Second",   "Difference", "95 %",   "p (Holm)"};
    const json_t *all = json_object_get(result, "counterfactual");
    const char *metric;
    json_t *m, *pair;
    size_t i;
    struct cli_table t;
    if (!all) return;
    printf("%s, variants of %lld questions: answered alike in %.3f of them\n\n", set,
           (long long)json_integer_value(json_object_get(all, "groups")),
           json_number_value(json_object_get(json_object_get(all, "same_answer"), "share")));
    table_begin(&t, 8, header);
    json_object_foreach(json_object_get(all, "metrics"), metric, m) {
        json_array_foreach(json_object_get(m, "pairs"), i, pair) {
            pair_row(&t, metric, pair);
        }
    }
    table_print(&t, stdout);
    table_end(&t);
    putchar('\n');
}

void view_slices(const char *set, const json_t *result) {
    print_slices(set, result);
    print_variants(set, result);
}
