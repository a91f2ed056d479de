/*
 * report_pair.c - two runs over the same samples: differences with intervals and tests, as
 * karma_compare_runs() has them, and the answers that changed from right to wrong and back, both
 * beside each other.
 */
#include <math.h>
#include <string.h>

#include "eval/report_html.h"
#include "eval/svg_plot.h"

/* --- differences ------------------------------------------------------------------------------ */

static void row(struct html *h, const char *set, const struct json_member *m) {
    const struct json *first = json_get(m->value, "first"), *second = json_get(m->value, "second");
    html_raw(h, "<tr>");
    report_row_head(h, set);
    report_cell(h, m->key);
    report_count_cell(h, report_int(m->value, "n"));
    report_number_cell(h, report_real(first, "score"), 3);
    report_number_cell(h, report_real(second, "score"), 3);
    html_raw(h, "<td class=\"n\">");
    html_signed(h, report_real(m->value, "difference"), 3);
    html_raw(h, "</td>");
    report_number_cell(h, report_real(m->value, "standard_error"), 4);
    report_interval_cell(h, report_end_of_pair(m->value, "difference_interval_95", 0),
                         report_end_of_pair(m->value, "difference_interval_95", 1), true);
    report_cell(h, report_method(json_str(json_get(m->value, "test"), NULL)));
    report_number_cell(h, report_real(m->value, "p"), 4);
    report_number_cell(h, report_real(m->value, "p_holm"), 4);
    report_number_cell(h, report_real(m->value, "detectable_difference"), 3);
    html_raw(h, "</tr>\n");
}

static void add_table(struct html *h, const struct json *datasets) {
    static const struct {
        const char *name;
        bool number;
    } columns[] = {{"Data set", false},      {"Metric", false},
                   {"Pairs", true},          {"First", true},
                   {"Second", true},         {"Difference", true},
                   {"Standard error", true}, {"95 % interval", true},
                   {"Test", false},          {"p", true},
                   {"p (Holm)", true},       {"Smallest difference this n could show", true}};
    report_begin_table(h, "Differences, second less first");
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        report_column(h, columns[i].name, columns[i].number);
    html_raw(h, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < json_count(datasets); i++) {
        const struct json_member *set = &datasets->u.object.members[i];
        const struct json *metrics = json_get(set->value, "metrics");
        for (size_t k = 0; k < json_count(metrics); k++)
            row(h, set->key, &metrics->u.object.members[k]);
    }
    report_end_table(h);
}

static void add_words(struct html *h, const struct json *datasets) {
    html_raw(h, "<ul>");
    for (size_t i = 0; i < json_count(datasets); i++) {
        const struct json_member *set = &datasets->u.object.members[i];
        const struct json *metrics = json_get(set->value, "metrics");
        for (size_t k = 0; k < json_count(metrics); k++) {
            const struct json_member *m = &metrics->u.object.members[k];
            html_raw(h, "<li>");
            html_text(h, set->key);
            html_raw(h, ", ");
            html_text(h, m->key);
            html_raw(h, ": <strong>");
            html_text(h, json_str(json_get(m->value, "words"), ""));
            html_raw(h, "</strong></li>\n");
        }
    }
    html_raw(h, "</ul>\n");
}

static void add_plot(struct report *r, const struct json *datasets) {
    size_t room = 1, n = 0;
    for (size_t i = 0; i < json_count(datasets); i++)
        room += json_count(json_get(datasets->u.object.members[i].value, "metrics"));
    struct plot_row *rows = arena_calloc(&r->arena, room, sizeof(*rows));
    karma_status st = rows ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < json_count(datasets) && st == KARMA_OK; i++) {
        const struct json_member *set = &datasets->u.object.members[i];
        const struct json *metrics = json_get(set->value, "metrics");
        for (size_t k = 0; k < json_count(metrics) && st == KARMA_OK; k++) {
            const struct json_member *m = &metrics->u.object.members[k];
            if (isnan(report_real(m->value, "difference"))) continue;
            struct plot_row *one = &rows[n++];
            one->label = arena_printf(&r->arena, "%s, %s", set->key, m->key);
            one->value = report_real(m->value, "difference");
            one->low = report_end_of_pair(m->value, "difference_interval_95", 0);
            one->high = report_end_of_pair(m->value, "difference_interval_95", 1);
            one->n = report_int(m->value, "n");
            if (!one->label) st = KARMA_E_NOMEM;
        }
    }
    html_fail(&r->h, st);
    if (st < 0 || n == 0) return;
    const struct plot_forest p = {
        .head = {.id = "pair-plot",
                 .title = "Differences with their 95 % intervals",
                 .desc = "Second less first, over the samples that both runs scored; the broken "
                         "line is no difference. The figures are in the table"},
        .rows = rows,
        .n = n,
        .low = NAN,
        .high = NAN,
        .line = 0,
        .is_signed = true};
    plot_forest(&r->h, &p);
}

static void add_left_out(struct html *h, const struct json *datasets) {
    for (size_t i = 0; i < json_count(datasets); i++) {
        const struct json_member *set = &datasets->u.object.members[i];
        const uint64_t only[2] = {report_int(json_get(set->value, "only_in_first"), "n"),
                                  report_int(json_get(set->value, "only_in_second"), "n")};
        const uint64_t unscored =
            report_int(set->value, "joined") - report_int(set->value, "scored_in_both");
        if (only[0] + only[1] + unscored == 0) continue;
        html_raw(h, "<p>Left out of ");
        html_text(h, set->key);
        html_raw(h, ": ");
        html_count(h, only[0]);
        html_raw(h, " samples in the first run alone, ");
        html_count(h, only[1]);
        html_raw(h, " in the second alone, ");
        html_count(h, unscored);
        html_raw(h, " without a score in one of them.</p>\n");
    }
}

/* --- answers that changed --------------------------------------------------------------------- */

/* Keys of a metric's flips one way, with where their lines are in both logs. */
struct flips {
    const char *set;
    struct map wanted; /* key -> index */
    size_t *at[2];     /* [n]; SIZE_MAX: not found */
    size_t n;
};

static karma_status want_keys(struct report *r, const struct json *keys, size_t n,
                              struct flips *f) {
    f->n = n;
    for (int side = 0; side < 2; side++) {
        f->at[side] = arena_calloc(&r->scratch, n + 1, sizeof(size_t));
        if (!f->at[side]) return KARMA_E_NOMEM;
        for (size_t i = 0; i < n; i++)
            f->at[side][i] = SIZE_MAX;
    }
    for (size_t i = 0; i < n; i++) {
        const struct json *key = json_at(keys, i);
        struct map_entry *entry;
        bool added;
        if (!json_is_string(key)) continue;
        karma_status st =
            map_put(&f->wanted, key->u.string.data, key->u.string.len, &entry, &added);
        if (st < 0) return st;
        entry->value.u64 = i;
    }
    return KARMA_OK;
}

static karma_status find_lines(struct report_run *run, struct flips *f, size_t *at) {
    struct run_line line = {0};
    karma_status st = KARMA_OK;
    size_t found = 0;
    run_files_rewind(run->files);
    while (found < f->n && (st = run_files_next(run->files, &line)) == KARMA_OK) {
        if (strcmp(line.dataset, f->set) != 0) continue;
        const struct map_entry *e = map_find(&f->wanted, line.key, strlen(line.key));
        if (!e) continue;
        at[e->value.u64] = line.offset;
        found++;
    }
    run_files_rewind(run->files);
    return st < 0 ? st : KARMA_OK;
}

static void add_side(struct report *r, int side, size_t at) {
    struct html *h = &r->h;
    struct run_line line;
    html_element(h, "dt", side ? "Second run" : "First run");
    html_raw(h, "<dd>");
    const karma_status st = run_files_at(r->run[side].files, at, &line);
    if (st < 0)
        html_fail(h, st);
    else
        report_answer(h, &line);
    html_raw(h, "</dd>");
}

/* The question is the same in both; it is taken from the first that has it. */
static void add_question(struct report *r, const struct flips *f, size_t i) {
    static const char *const members[] = {"input", "expected_output"};
    static const char *const names[] = {"Prompt", "Reference"};
    struct html *h = &r->h;
    struct run_line line;
    for (int side = 0; side < 2; side++) {
        if (!r->run[side].has_content) continue;
        const karma_status st = run_files_at(r->run[side].files, f->at[side][i], &line);
        if (st < 0) {
            html_fail(h, st);
            return;
        }
        for (int k = 0; k < 2; k++) {
            const struct json *text = json_get(line.object, members[k]);
            if (!json_is_string(text)) continue;
            html_element(h, "dt", names[k]);
            html_raw(h, "<dd class=\"text\" dir=\"auto\">");
            report_long_text(h, text);
            html_raw(h, "</dd>");
        }
        return;
    }
}

static void add_flip(struct report *r, const struct flips *f, size_t i) {
    struct html *h = &r->h;
    if (f->at[0][i] == SIZE_MAX || f->at[1][i] == SIZE_MAX) return;
    html_raw(h, "<details class=\"sample\"><summary><span class=\"key\">");
    html_textn(h, f->wanted.entries[i].key, f->wanted.entries[i].key_len);
    html_raw(h, "</span></summary><dl>");
    add_question(r, f, i);
    html_raw(h, "</dl><div class=\"side\"><dl>");
    add_side(r, 0, f->at[0][i]);
    html_raw(h, "</dl><dl>");
    add_side(r, 1, f->at[1][i]);
    html_raw(h, "</dl></div></details>\n");
}

/* way: the member's name in the comparison and how people call it. */
static void add_flips(struct report *r, const char *set, const char *metric, const struct json *all,
                      const char *member, const char *words) {
    struct html *h = &r->h;
    const struct json *keys = json_get(all, member);
    const size_t count = json_count(keys);
    const int64_t limit = r->options->max_samples;
    const size_t n = limit >= 0 && (size_t)limit < count ? (size_t)limit : count;
    struct flips f = {.set = set};
    html_raw(h, "<details class=\"p\"><summary>");
    html_text(h, set);
    html_raw(h, ", ");
    html_text(h, metric);
    html_raw(h, ": ");
    html_count(h, count);
    html_raw(h, words);
    if (n < count) {
        html_raw(h, "; <strong>");
        html_count(h, count - n);
        html_raw(h, " of them are left out</strong>");
    }
    html_raw(h, "</summary>\n");
    karma_status st = n ? want_keys(r, keys, n, &f) : KARMA_OK;
    for (int side = 0; side < 2 && n && st == KARMA_OK; side++)
        st = find_lines(&r->run[side], &f, f.at[side]);
    html_fail(h, st);
    for (size_t i = 0; i < f.wanted.count && !html_failed(h); i++)
        add_flip(r, &f, i);
    map_release(&f.wanted);
    arena_reset(&r->scratch);
    html_raw(h, "</details>\n");
}

static void add_changed(struct report *r, const struct json *datasets) {
    struct html *h = &r->h;
    html_element(h, "h3", "Answers that changed");
    for (size_t i = 0; i < json_count(datasets); i++) {
        const struct json_member *set = &datasets->u.object.members[i];
        const struct json *metrics = json_get(set->value, "metrics");
        for (size_t k = 0; k < json_count(metrics); k++) {
            const struct json_member *m = &metrics->u.object.members[k];
            const struct json *flips = json_get(m->value, "flips");
            if (!flips) continue; /* scores that are not right or wrong */
            add_flips(r, set->key, m->key, flips, "right_to_wrong",
                      " right in the first run, wrong in the second");
            add_flips(r, set->key, m->key, flips, "wrong_to_right",
                      " wrong in the first run, right in the second");
        }
    }
}

static void add_alone(struct html *h, const struct json *run, const char *which) {
    const struct json *alone = json_get(run, "datasets_in_this_run_alone");
    if (json_count(alone) == 0) return;
    html_raw(h, "<p>In the ");
    html_raw(h, which);
    html_raw(h, " run alone: ");
    for (size_t i = 0; i < json_count(alone); i++) {
        if (i) html_raw(h, ", ");
        html_text(h, json_str(json_at(alone, i), ""));
    }
    html_raw(h, ".</p>\n");
}

void report_pair(struct report *r) {
    struct html *h = &r->h;
    const struct json *datasets = json_get(r->comparison, "datasets");
    const struct json *warnings = json_get(r->comparison, "warnings");
    report_begin_section(h, "pair", 2, "What differs");
    html_raw(h, "<p>Of the same samples, as pairs; every difference is the second run less the "
                "first. p is two-sided, and corrected by Holm over the data sets.</p>\n");
    for (size_t i = 0; i < json_count(warnings); i++)
        html_element(h, "p class=\"bad\"", json_str(json_at(warnings, i), ""));
    add_words(h, datasets);
    add_plot(r, datasets);
    add_table(h, datasets);
    add_left_out(h, datasets);
    add_alone(h, json_get(r->comparison, "first"), "first");
    add_alone(h, json_get(r->comparison, "second"), "second");
    add_changed(r, datasets);
    report_end_section(h);
}
