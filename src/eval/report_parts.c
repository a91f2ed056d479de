/*
 * report_parts.c - a data set's result beyond its scores: parts by type, ways to have an answer,
 * slices, variants of one question, what the places of options do, and how far confidence can be
 * trusted.
 */
#include <math.h>
#include <string.h>

#include "eval/report_html.h"
#include "eval/svg_plot.h"

/* What one data set's section is written with. */
struct section {
    struct report *r;
    struct html *h;
    const struct report_run *run;
    const struct report_set *s;
    const char *id; /* of its elements, to be continued */
};

static const char *id_of(const struct section *c, const char *what) {
    const char *id = arena_printf(&c->r->arena, "%s-%s", c->id, what);
    if (!id) html_fail(c->h, KARMA_E_NOMEM);
    return id ? id : "";
}

static void end_head(struct html *h) {
    html_raw(h, "</tr></thead><tbody>\n");
}

/* Score, standard error, interval, method of a metric's object. */
static void score_cells(struct html *h, const struct json *metric) {
    report_number_cell(h, report_real(metric, "score"), 3);
    report_number_cell(h, report_real(metric, "standard_error"), 4);
    report_interval_cell(h, report_end_of_pair(metric, "interval_95", 0),
                         report_end_of_pair(metric, "interval_95", 1), false);
    report_cell(h, report_method(json_str(json_get(metric, "interval_method"), NULL)));
}

static void score_columns(struct html *h) {
    report_column(h, "Score", true);
    report_column(h, "Standard error", true);
    report_column(h, "95 % interval", true);
    report_column(h, "Method", false);
}

static void fill_row(struct plot_row *row, const char *label, const struct json *metric,
                     uint64_t n) {
    *row = (struct plot_row){.label = label,
                             .value = report_real(metric, "score"),
                             .low = report_end_of_pair(metric, "interval_95", 0),
                             .high = report_end_of_pair(metric, "interval_95", 1),
                             .n = n};
}

/* --- by answer type, by way ------------------------------------------------------------------- */

static void add_named(struct section *c, const struct json *all, const char *caption,
                      const char *column) {
    struct html *h = c->h;
    if (json_count(all) == 0) return;
    report_begin_table(h, caption);
    report_column(h, column, false);
    report_column(h, "Metric", false);
    report_column(h, "n", true);
    report_column(h, "Failed", true);
    score_columns(h);
    end_head(h);
    for (size_t i = 0; i < json_count(all); i++) {
        const struct json_member *part = &all->u.object.members[i];
        const struct json *metrics = json_get(part->value, "metrics");
        for (size_t k = 0; k < json_count(metrics); k++) {
            const struct json_member *m = &metrics->u.object.members[k];
            html_raw(h, "<tr>");
            report_row_head(h, part->key);
            report_cell(h, m->key);
            report_count_cell(h, report_int(m->value, "num_samples"));
            report_count_cell(h, report_int(part->value, "failed"));
            score_cells(h, m->value);
            html_raw(h, "</tr>\n");
        }
    }
    report_end_table(h);
}

static void plot_ways(struct section *c, const struct json *ways) {
    const size_t n = json_count(ways);
    struct plot_row *rows = arena_calloc(&c->r->arena, n + 1, sizeof(*rows));
    if (!rows) {
        html_fail(c->h, KARMA_E_NOMEM);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct json_member *way = &ways->u.object.members[i];
        const struct json *m = json_get(json_get(way->value, "metrics"), c->s->headline);
        fill_row(&rows[i], way->key, m, report_int(m, "num_samples"));
    }
    const struct plot_forest p = {
        .head = {.id = id_of(c, "ways"),
                 .title = "The same questions, answered in several ways",
                 .desc = "A mark a way, its 95 % interval as a line. The figures are in the table"},
        .rows = rows,
        .n = n,
        .low = 0,
        .high = 1,
        .line = NAN};
    plot_forest(c->h, &p);
}

static void add_ways(struct section *c) {
    const struct json *ways = json_get(c->s->result, "answer_ways");
    if (json_count(ways) == 0) return;
    html_element(c->h, "h4", "Ways to have an answer");
    if (c->s->headline) plot_ways(c, ways);
    add_named(c, ways, "Scores by way", "Way");
}

/* --- slices ----------------------------------------------------------------------------------- */

static const struct json *metric_of_slice(const struct section *c, const struct json *value) {
    return c->s->headline ? json_get(json_get(value, "metrics"), c->s->headline) : NULL;
}

static void plot_slices(struct section *c, size_t field_no, const struct json_member *field) {
    const size_t all = json_count(field->value);
    struct plot_row *rows = arena_calloc(&c->r->arena, all + 1, sizeof(*rows));
    size_t n = 0;
    if (!rows) {
        html_fail(c->h, KARMA_E_NOMEM);
        return;
    }
    for (size_t i = 0; i < all; i++) {
        const struct json_member *value = &field->value->u.object.members[i];
        const struct json *m = metric_of_slice(c, value->value);
        if (m) fill_row(&rows[n++], value->key, m, report_int(value->value, "n"));
    }
    if (n == 0) return;
    const char *what = arena_printf(&c->r->arena, "slice%zu", field_no);
    const char *title =
        arena_printf(&c->r->arena, "%s by %s", c->s->headline ? c->s->headline : "", field->key);
    const double whole =
        report_real(json_get(json_get(c->s->result, "metrics"), c->s->headline), "score");
    if (!what || !title) {
        html_fail(c->h, KARMA_E_NOMEM);
        return;
    }
    const struct plot_forest p = {
        .head = {.id = id_of(c, what),
                 .title = title,
                 .desc =
                     "A mark a part of the set, its 95 % interval as a line; the broken line is "
                     "the score of the whole set. The figures are in the table"},
        .rows = rows,
        .n = n,
        .low = 0,
        .high = 1,
        .line = whole};
    plot_forest(c->h, &p);
}

static void slice_row(struct section *c, const struct json_member *value,
                      const struct json_member *m) {
    struct html *h = c->h;
    html_raw(h, "<tr>");
    report_row_head(h, value->key);
    report_count_cell(h, report_int(value->value, "n"));
    report_count_cell(h, report_int(value->value, "failed"));
    report_cell(h, m ? m->key : "below the minimum n");
    score_cells(h, m ? m->value : NULL);
    html_raw(h, "<td class=\"n\">");
    html_signed(h, report_real(m ? m->value : NULL, "difference_to_rest"), 3);
    html_raw(h, "</td>");
    report_interval_cell(h, report_end_of_pair(m ? m->value : NULL, "difference_interval_95", 0),
                         report_end_of_pair(m ? m->value : NULL, "difference_interval_95", 1),
                         true);
    report_number_cell(h, report_real(m ? m->value : NULL, "p_holm"), 4);
    html_raw(h, "</tr>\n");
}

static void slice_table(struct section *c, const struct json_member *field) {
    struct html *h = c->h;
    report_begin_table(h, field->key);
    report_column(h, field->key, false);
    report_column(h, "n", true);
    report_column(h, "Failed", true);
    report_column(h, "Metric", false);
    score_columns(h);
    report_column(h, "Difference to the rest", true);
    report_column(h, "95 % interval of it", true);
    report_column(h, "p (Holm)", true);
    end_head(h);
    for (size_t i = 0; i < json_count(field->value); i++) {
        const struct json_member *value = &field->value->u.object.members[i];
        const struct json *metrics = json_get(value->value, "metrics");
        if (json_count(metrics) == 0) slice_row(c, value, NULL);
        for (size_t k = 0; k < json_count(metrics); k++)
            slice_row(c, value, &metrics->u.object.members[k]);
    }
    report_end_table(h);
}

static void add_slices(struct section *c) {
    struct html *h = c->h;
    const struct json *fields = json_get(c->s->result, "by_slice");
    const struct json *about = json_get(c->s->result, "by_slice_about");
    if (json_count(fields) == 0) return;
    html_element(h, "h4", "Slices");
    html_raw(h, "<p>p is corrected by Holm over the values of a field. Of values with fewer than ");
    html_count(h, report_int(about, "minimum_n"));
    html_raw(h, " scored samples only the count is told.</p>\n");
    for (size_t i = 0; i < json_count(fields); i++) {
        const struct json_member *field = &fields->u.object.members[i];
        const struct json *told = json_get(json_get(about, "fields"), field->key);
        plot_slices(c, i, field);
        slice_table(c, field);
        if (report_int(told, "values_left_out") == 0) continue;
        html_raw(h, "<p>");
        html_count(h, report_int(told, "values_left_out"));
        html_raw(h, " more values are not listed.</p>\n");
    }
}

/* --- variants of one question ----------------------------------------------------------------- */

static void variant_rows(struct html *h, const struct json_member *metric) {
    const struct json *pairs = json_get(metric->value, "pairs");
    for (size_t i = 0; i < json_count(pairs); i++) {
        const struct json *p = json_at(pairs, i);
        html_raw(h, "<tr>");
        report_row_head(h, metric->key);
        report_cell(h, json_str(json_get(p, "first"), NULL));
        report_cell(h, json_str(json_get(p, "second"), NULL));
        report_count_cell(h, report_int(p, "n"));
        report_number_cell(h, report_real(p, "first_score"), 3);
        report_number_cell(h, report_real(p, "second_score"), 3);
        html_raw(h, "<td class=\"n\">");
        html_signed(h, report_real(p, "difference"), 3);
        html_raw(h, "</td>");
        report_interval_cell(h, report_end_of_pair(p, "interval_95", 0),
                             report_end_of_pair(p, "interval_95", 1), true);
        report_cell(h, report_method(json_str(json_get(p, "test"), NULL)));
        report_number_cell(h, report_real(p, "p_holm"), 4);
        html_raw(h, "</tr>\n");
    }
}

static void add_variants(struct section *c) {
    static const char *const columns[] = {"First variant", "Second variant", "n",
                                          "First score",   "Second score",   "Difference",
                                          "95 % interval", "Test",           "p (Holm)"};
    struct html *h = c->h;
    const struct json *all = json_get(c->s->result, "counterfactual");
    const struct json *metrics = json_get(all, "metrics");
    if (!all) return;
    html_element(h, "h4", "Variants of one question");
    html_raw(h, "<p>");
    html_count(h, report_int(all, "groups"));
    html_raw(h, " questions were asked in variants");
    if (!isnan(report_real(all, "same_answer"))) {
        html_raw(h, "; of them the share that was answered alike in all is ");
        html_number(h, report_real(all, "same_answer"), 3);
    }
    html_raw(h, ".</p>\n");
    report_begin_table(h, "Pairs of variants");
    report_column(h, "Metric", false);
    for (int i = 0; i < 9; i++)
        report_column(h, columns[i], i >= 2 && i != 7);
    end_head(h);
    for (size_t i = 0; i < json_count(metrics); i++)
        variant_rows(h, &metrics->u.object.members[i]);
    report_end_table(h);
}

/* --- places of options ------------------------------------------------------------------------ */

static double item(const struct json *object, const char *name, size_t i) {
    return report_end_of_pair(object, name, i);
}

static void place_table(struct html *h, const struct json *bias, size_t n) {
    static const char *const columns[] = {"Chosen", "Expected",
                                          "Share right where the right "
                                          "option stands there",
                                          "Score in this order"};
    char name[2] = "A";
    report_begin_table(h, "By the place of an option");
    report_column(h, "Place", false);
    for (int i = 0; i < 4; i++)
        report_column(h, columns[i], true);
    end_head(h);
    for (size_t i = 0; i < n; i++) {
        name[0] = (char)('A' + (int)(i % 26));
        html_raw(h, "<tr>");
        report_row_head(h, name);
        report_number_cell(h, item(bias, "chosen", i), 0);
        report_number_cell(h, item(bias, "expected", i), 1);
        report_number_cell(h, item(bias, "recall", i), 3);
        report_number_cell(h, item(bias, "accuracy_by_order", i), 3);
        html_raw(h, "</tr>\n");
    }
    report_end_table(h);
}

static void add_places(struct section *c) {
    struct html *h = c->h;
    const struct json *bias = json_get(c->s->result, "position_bias");
    const size_t n = json_count(json_get(bias, "chosen"));
    char names[PLOT_MAX_PARTS][2] = {{0}};
    struct plot_column columns[PLOT_MAX_PARTS];
    if (n == 0) return;
    html_element(h, "h4", "What the places of options do");
    html_raw(h, "<p>Every question was asked under all orders of its options. The mean accuracy "
                "over orders is ");
    html_number(h, report_real(bias, "mean_accuracy"), 3);
    html_raw(h, "; the share of questions that got the same answer in all orders ");
    html_number(h, report_real(bias, "same_answer_in_all_orders"), 3);
    html_raw(h, "; that more orders chose the right option than any other ");
    html_number(h, report_real(bias, "majority_accuracy"), 3);
    html_raw(h, ". p of an even choice of places: ");
    html_number(h, report_real(bias, "p"), 4);
    html_raw(h, ".</p>\n");
    for (size_t i = 0; i < n && i < PLOT_MAX_PARTS; i++) {
        names[i][0] = (char)('A' + (int)i);
        columns[i] =
            (struct plot_column){names[i], item(bias, "chosen", i), item(bias, "expected", i)};
    }
    const struct plot_columns p = {
        .head = {.id = id_of(c, "places"),
                 .title = "How often each place was chosen",
                 .desc = "A column a place; the line across it is what an even choice would be"},
        .columns = columns,
        .n = n > PLOT_MAX_PARTS ? PLOT_MAX_PARTS : n};
    plot_columns(h, &p);
    place_table(h, bias, n);
}

/* --- confidence ------------------------------------------------------------------------------- */

enum { BINS = 10 };

struct bin {
    uint64_t n, right;
    double sum;
};

static void fill_bins(const struct report_confidence *all, struct bin bins[BINS]) {
    for (int b = 0; b < BINS; b++) {
        bins[b] = (struct bin){0};
        for (int k = b * CONFIDENCE_STEPS / BINS; k < (b + 1) * CONFIDENCE_STEPS / BINS; k++) {
            bins[b].n += all->n[k];
            bins[b].right += all->right[k];
            bins[b].sum += all->sum[k];
        }
    }
}

static void plot_reliability(struct section *c, const struct bin bins[BINS]) {
    struct plot_point points[BINS];
    size_t n = 0;
    for (int b = 0; b < BINS; b++)
        if (bins[b].n)
            points[n++] = (struct plot_point){bins[b].sum / (double)bins[b].n,
                                              (double)bins[b].right / (double)bins[b].n, bins[b].n};
    const struct plot_curve p = {
        .head = {.id = id_of(c, "reliable"),
                 .title = "Reliability",
                 .desc = "Share of right answers over how sure the model was, in ten bins; the "
                         "larger a mark the more samples. On the broken line confidence is what it "
                         "promises; below it the model is too sure. The figures are in the table"},
        .x_name = "confidence",
        .y_name = "share right",
        .points = points,
        .n = n,
        .diagonal = true};
    plot_curve(c->h, &p);
}

static void bin_table(struct html *h, const struct bin bins[BINS]) {
    char from[64], to[64];
    report_begin_table(h, "Confidence and accuracy");
    report_column(h, "Confidence", false);
    report_column(h, "n", true);
    report_column(h, "Mean confidence", true);
    report_column(h, "Share right", true);
    end_head(h);
    for (int b = 0; b < BINS; b++) {
        if (bins[b].n == 0) continue;
        html_printf(h, "<tr><th scope=\"row\">above %s to %s</th>",
                    html_format_number(from, (double)b / BINS, 1),
                    html_format_number(to, (double)(b + 1) / BINS, 1));
        report_count_cell(h, bins[b].n);
        report_number_cell(h, bins[b].sum / (double)bins[b].n, 3);
        report_number_cell(h, (double)bins[b].right / (double)bins[b].n, 3);
        html_raw(h, "</tr>\n");
    }
    report_end_table(h);
}

/* From the surest down, a point a step that has samples. */
static void plot_risk(struct section *c) {
    const struct report_confidence *all = c->s->confidence;
    struct plot_point *points =
        arena_calloc(&c->r->arena, CONFIDENCE_STEPS, sizeof(struct plot_point));
    uint64_t taken = 0, wrong = 0;
    size_t n = 0;
    if (!points) {
        html_fail(c->h, KARMA_E_NOMEM);
        return;
    }
    for (int k = CONFIDENCE_STEPS - 1; k >= 0; k--) {
        if (all->n[k] == 0) continue;
        taken += all->n[k];
        wrong += all->n[k] - all->right[k];
        points[n++] = (struct plot_point){.x = (double)taken / (double)all->total,
                                          .y = (double)wrong / (double)taken};
    }
    const struct plot_curve p = {
        .head = {.id = id_of(c, "risk"),
                 .title = "Risk and coverage",
                 .desc = "Share of wrong answers among those the model was surest of, over how "
                         "many of all those are. A model whose confidence is worth something has "
                         "a curve that falls to the left"},
        .x_name = "coverage",
        .y_name = "risk",
        .points = points,
        .n = n};
    plot_curve(c->h, &p);
}

static void add_confidence(struct section *c) {
    struct bin bins[BINS];
    if (!c->s->confidence) return;
    fill_bins(c->s->confidence, bins);
    html_element(c->h, "h4", "Confidence");
    html_raw(c->h, "<p>How sure the model was of its answer: the share of what was compared. Of ");
    html_count(c->h, c->s->confidence->total);
    html_raw(c->h, " answers.</p>\n");
    html_raw(c->h, "<div class=\"plots\">\n");
    plot_reliability(c, bins);
    plot_risk(c);
    html_raw(c->h, "</div>\n");
    bin_table(c->h, bins);
}

/* --- one data set ----------------------------------------------------------------------------- */

void report_parts(struct report *r, const struct report_run *run) {
    for (size_t i = 0; i < run->n_sets; i++) {
        struct section c = {.r = r, .h = &r->h, .run = run, .s = &run->sets[i]};
        c.id = arena_printf(&r->arena, "%s-set%zu", run->prefix, i);
        if (!c.id) {
            html_fail(&r->h, KARMA_E_NOMEM);
            return;
        }
        const char *task = json_str(json_get(c.s->result, "task_type"), NULL);
        report_begin_section(&r->h, c.id, 3, c.s->name);
        html_raw(&r->h, "<p>");
        if (run->word) {
            html_raw(&r->h, run->word);
            html_raw(&r->h, ". ");
        }
        html_count(&r->h, c.s->n);
        html_raw(&r->h, " samples");
        if (task && task[0]) {
            html_raw(&r->h, ", task ");
            html_text(&r->h, task);
        }
        html_raw(&r->h, ", ");
        html_text(&r->h, json_str(json_get(c.s->result, "status"), ""));
        html_raw(&r->h, ".</p>\n");
        add_named(&c, json_get(c.s->result, "by_answer_type"), "By type of answer", "Type");
        add_ways(&c);
        add_places(&c);
        add_confidence(&c);
        add_slices(&c);
        add_variants(&c);
        report_end_section(&r->h);
    }
}
