/*
 * report_html.c - karma_report_write(): checks, reads the runs, and writes the page from its first
 * part to its last, into a file that takes its name when it is whole. Failed and flagged samples
 * come before any score.
 */
#include "eval/report_html.h"

#include <string.h>

#include "karma/compare.h"
#include "karma/model.h"

enum { DEFAULT_SAMPLES = 200, MARK_BYTES = 512 };

karma_report_options karma_report_defaults(void) {
    return (karma_report_options){.struct_size = sizeof(karma_report_options),
                                  .max_samples = DEFAULT_SAMPLES};
}

/* --- before anything is read ------------------------------------------------------------------ */

static karma_status check_apart(struct arena *a, const char *results, const char *output) {
    const char *files[4] = {results};
    if (!results) return KARMA_OK;
    files[1] = run_files_log_path(a, results);
    files[2] = run_files_manifest_path(a, results);
    files[3] = run_files_times_path(a, results);
    if (!files[1] || !files[2] || !files[3]) return KARMA_E_NOMEM;
    for (int i = 0; i < 4; i++)
        if (strcmp(files[i], output) == 0 || file_same(files[i], output))
            return status_fail(KARMA_E_USAGE, "%s: is what is read and cannot be the output",
                               output);
    return KARMA_OK;
}

static karma_status check_replaced(const char *path) {
    struct file_map map;
    if (!file_exists(path)) return KARMA_OK;
    karma_status st = file_map_open(path, &map);
    if (st < 0) return st;
    const size_t n = map.size < MARK_BYTES ? map.size : MARK_BYTES;
    const bool ours = n == 0 || memmem(map.data, n, REPORT_MARK, strlen(REPORT_MARK)) != NULL;
    file_map_close(&map);
    return ours ? KARMA_OK
                : status_fail(KARMA_E_USAGE,
                              "%s: exists and is no report; it is replaced only by force", path);
}

static karma_status check(const char *results, const char *second, const karma_report_options *o) {
    struct arena a = {0};
    if (o->struct_size != sizeof(*o))
        return status_fail(KARMA_E_ABI,
                           "karma_report_options: get one from karma_report_defaults()");
    if (!results) return status_fail(KARMA_E_USAGE, "no results file was named");
    if (!o->output || !o->output[0]) return status_fail(KARMA_E_USAGE, "output: no file was named");
    karma_status st = check_apart(&a, results, o->output);
    if (st == KARMA_OK) st = check_apart(&a, second, o->output);
    arena_release(&a);
    if (st == KARMA_OK) st = file_check_writable(o->output);
    return st == KARMA_OK && !o->force ? check_replaced(o->output) : st;
}

/* --- the page --------------------------------------------------------------------------------- */

static karma_status compare(struct report *r, const char *first, const char *second) {
    const karma_compare_options o = karma_compare_defaults();
    char *text = NULL;
    karma_status st = karma_compare_runs(first, second, &o, &text);
    if (st < 0) return st;
    st = json_parse(&r->arena, text, strlen(text), JSON_LAST_WINS, &r->comparison);
    karma_free(text);
    return st;
}

static karma_status read_runs(struct report *r, const char *first, const char *second) {
    const char *const results[] = {first, second};
    r->run[0].prefix = "a";
    r->run[1].prefix = "b";
    r->n_runs = second ? 2 : 1;
    for (int i = 0; i < r->n_runs; i++) {
        if (second) r->run[i].word = i ? "Second run" : "First run";
        karma_status st = report_read(r, results[i], &r->run[i]);
        if (st < 0) return st;
        r->summary->n_samples += r->run[i].n_samples;
    }
    return second ? compare(r, first, second) : KARMA_OK;
}

static void write_others(struct report *r) {
    report_begin_section(&r->h, "samples", 2, "Other samples");
    if (r->options->failed_only)
        html_raw(&r->h, "<p>Only failed and flagged samples were asked for.</p>\n");
    for (int i = 0; i < r->n_runs; i++)
        report_other_samples(r, &r->run[i]);
    report_end_section(&r->h);
}

static void write_page(struct report *r) {
    report_begin_page(r);
    report_account(r);
    if (r->n_runs > 1) report_pair(r);
    report_scores(r);
    report_begin_section(&r->h, "parts", 2, "By data set");
    for (int i = 0; i < r->n_runs; i++)
        report_parts(r, &r->run[i]);
    report_end_section(&r->h);
    write_others(r);
    report_facts(r);
    report_end_page(r);
}

static karma_status write_file(struct report *r) {
    struct file_writer writer;
    karma_status st = file_writer_begin(&writer, r->options->output);
    if (st < 0) return st;
    r->h.file = &writer;
    write_page(r);
    st = html_end(&r->h);
    if (st == KARMA_OK) return file_writer_end(&writer, 0600);
    file_writer_abandon(&writer);
    return st;
}

karma_status karma_report_write(const char *results, const char *second,
                                const karma_report_options *options,
                                karma_report_summary *summary) {
    struct report r = {.options = options, .summary = summary};
    *summary = (karma_report_summary){0};
    karma_status st = check(results, second, options);
    if (st == KARMA_OK) st = read_runs(&r, results, second);
    if (st == KARMA_OK) st = write_file(&r);
    report_media_release(&r);
    html_release(&r.h);
    report_release(&r.run[0]);
    report_release(&r.run[1]);
    arena_release(&r.scratch);
    arena_release(&r.arena);
    return st;
}
