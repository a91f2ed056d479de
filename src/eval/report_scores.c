/*
 * report_scores.c - scores with n, standard error, interval and its method; what they would be if
 * what could not be read, or failed, were wrong or right.
 */
#include <math.h>
#include <string.h>

#include "eval/report_html.h"
#include "eval/svg_plot.h"

double report_real(const struct json *object, const char *name) {
    const struct json *v = json_get(object, name);
    if (!v) return NAN;
    return v->type == JSON_REAL ? v->u.real : v->type == JSON_INT ? (double)v->u.integer : NAN;
}

uint64_t report_int(const struct json *object, const char *name) {
    const struct json *v = json_get(object, name);
    return v && v->type == JSON_INT && v->u.integer > 0 ? (uint64_t)v->u.integer : 0;
}

double report_end_of_pair(const struct json *object, const char *name, size_t which) {
    const struct json *v = json_at(json_get(object, name), which);
    if (!v) return NAN;
    return v->type == JSON_REAL ? v->u.real : v->type == JSON_INT ? (double)v->u.integer : NAN;
}

const char *report_method(const char *method) {
    static const struct {
        const char *name, *words;
    } words[] = {{"wilson", "Wilson"},
                 {"clustered", "clustered by group"},
                 {"bootstrap", "bootstrap over documents"},
                 {"normal", "mean, Student"},
                 {"student", "Student"},
                 {"bonett_price", "Bonett and Price"},
                 {"mcnemar_exact", "McNemar, exact"},
                 {"paired_t", "paired t"},
                 {"paired_t_by_group", "paired t by group"},
                 {"paired_bootstrap", "paired bootstrap"},
                 {"two_proportion_z", "two proportions, z"}};
    for (size_t i = 0; method && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(method, words[i].name) == 0) return words[i].words;
    return method;
}

/* --- the table -------------------------------------------------------------------------------- */

static void bounds_cell(struct html *h, double low, double high) {
    report_interval_cell(h, low, high, false);
}

static void add_metric(struct report *r, const struct report_run *run, const struct report_set *s,
                       const struct json_member *m) {
    struct html *h = &r->h;
    const struct json *bounds = json_get(m->value, "bounds");
    const struct json *unreadable = json_get(s->result, "bounds_if_unreadable");
    html_raw(h, "<tr>");
    report_row_head(h, s->name);
    report_cell(h, m->key);
    if (run->word) report_cell(h, run->word);
    report_number_cell(h, report_real(m->value, "score"), 3);
    report_count_cell(h, report_int(m->value, "num_samples"));
    report_number_cell(h, report_real(m->value, "standard_error"), 4);
    report_interval_cell(h, report_end_of_pair(m->value, "interval_95", 0),
                         report_end_of_pair(m->value, "interval_95", 1), false);
    report_cell(h, report_method(json_str(json_get(m->value, "interval_method"), NULL)));
    bounds_cell(h, report_end_of_pair(unreadable, m->key, 0),
                report_end_of_pair(unreadable, m->key, 1));
    report_number_cell(h, report_real(bounds, "failed_counted_as_wrong"), 3);
    report_number_cell(h, report_real(bounds, "failed_left_out"), 3);
    report_cell(h, json_str(json_get(s->result, "status"), NULL));
    html_raw(h, "</tr>\n");
}

static void add_table(struct report *r) {
    struct html *h = &r->h;
    static const char *const columns[] = {"Score",           "n",
                                          "Standard error",  "95 % interval",
                                          "Method",          "If unread answers were wrong, right",
                                          "Failed as wrong", "Failed left out",
                                          "Status"};
    static const bool numbers[] = {true, true, true, true, false, true, true, true, false};
    report_begin_table(h, "Scores");
    report_column(h, "Data set", false);
    report_column(h, "Metric", false);
    if (r->n_runs > 1) report_column(h, "Run", false);
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        report_column(h, columns[i], numbers[i]);
    html_raw(h, "</tr></thead><tbody>\n");
    for (int i = 0; i < r->n_runs; i++)
        for (size_t k = 0; k < r->run[i].n_sets; k++) {
            const struct report_set *s = &r->run[i].sets[k];
            const struct json *metrics = json_get(s->result, "metrics");
            for (size_t n = 0; n < json_count(metrics); n++)
                add_metric(r, &r->run[i], s, &metrics->u.object.members[n]);
        }
    report_end_table(h);
}

/* --- the plot --------------------------------------------------------------------------------- */

/* "set, metric"; of two runs the second's is marked by its shape and by the word. */
static karma_status add_row(struct report *r, int side, const struct report_set *s,
                            const struct json_member *m, struct plot_row *row) {
    const bool two = r->n_runs > 1;
    row->label = arena_printf(&r->arena, "%s, %s%s", s->name, m->key,
                              !two   ? ""
                              : side ? ", second"
                                     : ", first");
    if (!row->label) return KARMA_E_NOMEM;
    row->value = report_real(m->value, "score");
    row->low = report_end_of_pair(m->value, "interval_95", 0);
    row->high = report_end_of_pair(m->value, "interval_95", 1);
    row->n = report_int(m->value, "num_samples");
    row->style = side;
    return KARMA_OK;
}

/* Scores between 0 and 1 share an axis; others, such as BLEU, stand in the table alone. */
static bool fits_axis(const struct json *metric) {
    const double v = report_real(metric, "score");
    return v >= 0 && v <= 1;
}

static karma_status gather(struct report *r, struct plot_row *rows, size_t room, size_t *n) {
    for (size_t k = 0; k < r->run[0].n_sets || (r->n_runs > 1 && k < r->run[1].n_sets); k++)
        for (size_t m = 0, more = 1; more; m++) {
            more = 0;
            for (int side = 0; side < r->n_runs; side++) {
                if (k >= r->run[side].n_sets) continue;
                const struct report_set *s = &r->run[side].sets[k];
                const struct json *metrics = json_get(s->result, "metrics");
                if (m >= json_count(metrics)) continue;
                more = 1;
                const struct json_member *one = &metrics->u.object.members[m];
                if (!fits_axis(one->value) || *n >= room) continue;
                karma_status st = add_row(r, side, s, one, &rows[(*n)++]);
                if (st < 0) return st;
            }
        }
    return KARMA_OK;
}

static void add_plot(struct report *r) {
    size_t room = 1, n = 0;
    for (int i = 0; i < r->n_runs; i++)
        for (size_t k = 0; k < r->run[i].n_sets; k++)
            room += json_count(json_get(r->run[i].sets[k].result, "metrics"));
    struct plot_row *rows = arena_calloc(&r->arena, room, sizeof(*rows));
    const karma_status st = rows ? gather(r, rows, room, &n) : KARMA_E_NOMEM;
    html_fail(&r->h, st);
    if (st < 0 || n == 0) return;
    const struct plot_forest p = {
        .head = {.id = "scores-plot",
                 .title = "Scores with their 95 % intervals",
                 .desc = r->n_runs > 1
                             ? "A mark a score, its interval as a line: a circle for the first "
                               "run, a square on its corner for the second. Intervals that overlap "
                               "do not show that runs are equal: see what differs"
                             : "A mark a score, its interval as a line. The figures are in the "
                               "table"},
        .rows = rows,
        .n = n,
        .low = 0,
        .high = 1,
        .line = NAN};
    plot_forest(&r->h, &p);
}

void report_scores(struct report *r) {
    struct html *h = &r->h;
    report_begin_section(h, "scores", 2, "Scores");
    html_raw(h, "<p>An interval says how far a score would move if other questions of the same "
                "kind had been asked. It says nothing of wrong references, of data that were in "
                "training, or of questions of another kind.</p>\n");
    add_plot(r);
    add_table(r);
    report_end_section(h);
}
