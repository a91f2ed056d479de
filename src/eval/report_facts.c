/*
 * report_facts.c - what was run: model and the digests of its weights, settings after merging, data
 * sets with their digests, versions, instruction set, and the chain over the log, all of the
 * manifest. Times and host come from the run file, if it is there, and are marked as no part of the
 * results.
 */
#include "eval/report_html.h"

enum { MAX_VALUE_BYTES = 4096 };

/* A value as text: strings bare, the rest as JSON. */
static void add_value(struct html *h, const struct json *value) {
    struct buf text = {0};
    if (!value || value->type == JSON_NULL) {
        html_raw(h, "<span class=\"muted\">not set</span>");
        return;
    }
    if (value->type == JSON_STRING) {
        html_textn(h, value->u.string.data, value->u.string.len);
        return;
    }
    html_fail(h, json_write(&text, value, 0, JSON_PYTHON));
    html_textn(h, buf_str(&text), text.len > MAX_VALUE_BYTES ? MAX_VALUE_BYTES : text.len);
    if (text.len > MAX_VALUE_BYTES) html_raw(h, "\xE2\x80\xA6");
    buf_release(&text);
}

static void add_row(struct html *h, const char *under, const char *name, const struct json *value) {
    html_raw(h, "<tr><th scope=\"row\">");
    if (under) {
        html_text(h, under);
        html_raw(h, ", ");
    }
    html_text(h, name);
    html_raw(h, "</th><td>");
    add_value(h, value);
    html_raw(h, "</td></tr>\n");
}

/* Members, those of objects within under their name. */
static void add_members(struct html *h, const char *under, const struct json *object) {
    for (size_t i = 0; i < json_count(object); i++) {
        const struct json_member *m = &object->u.object.members[i];
        if (!under && json_is_object(m->value) && json_count(m->value))
            add_members(h, m->key, m->value);
        else
            add_row(h, under, m->key, m->value);
    }
}

static void begin(struct html *h, const char *caption) {
    html_raw(h, "<div class=\"facts\">");
    report_begin_table(h, caption);
    report_column(h, "What", false);
    report_column(h, "Value", false);
    html_raw(h, "</tr></thead><tbody>\n");
}

static void end(struct html *h) {
    report_end_table(h);
    html_raw(h, "</div>\n");
}

static void add_run(struct html *h, const struct report_run *run) {
    static const struct {
        const char *member, *name;
    } rows[] = {{"karma_version", "karma, version"},
                {"numerics_version", "numerics, version"},
                {"isa", "instruction set"},
                {"samples", "samples in the log"},
                {"chain", "chain of digests over the log (checked)"}};
    const struct json *model = json_get(run->manifest, "model");
    begin(h, "Model and run");
    add_row(h, NULL, "model", json_get(model, "name"));
    if (json_get(model, "path")) add_row(h, NULL, "path", json_get(model, "path"));
    add_row(h, NULL, "weights, SHA-256", json_get(json_get(model, "identity"), "checkpoint"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        add_row(h, NULL, rows[i].name, json_get(run->manifest, rows[i].member));
    html_raw(h, "<tr><th scope=\"row\">results file</th><td>");
    html_text(h, run_files_path(run->files));
    html_raw(h, "</td></tr>\n");
    end(h);
}

static void add_settings(struct html *h, const struct report_run *run) {
    const struct json *model = json_get(run->manifest, "model");
    const struct json *sets = json_get(run->manifest, "datasets");
    html_raw(
        h,
        "<details class=\"p\"><summary>Settings of the model and digests of its files</summary>\n");
    begin(h, "Identity of the model");
    add_members(h, NULL, json_get(model, "identity"));
    add_members(h, "file", json_get(model, "files"));
    end(h);
    html_raw(
        h,
        "</details>\n<details class=\"p\"><summary>Data sets: digests and arguments</summary>\n");
    for (size_t i = 0; i < json_count(sets); i++) {
        begin(h, sets->u.object.members[i].key);
        add_members(h, NULL, sets->u.object.members[i].value);
        end(h);
    }
    html_raw(h, "</details>\n<details class=\"p\"><summary>Options of the run</summary>\n");
    begin(h, "Options that decide what is asked and how it is scored");
    add_members(h, NULL, json_get(run->manifest, "options"));
    end(h);
    html_raw(h, "</details>\n");
}

static void add_times(struct html *h, const struct report_run *run) {
    if (!run->times) {
        html_raw(h, "<p class=\"muted\">Times and host were not kept beside these results.</p>\n");
        return;
    }
    html_raw(
        h,
        "<details class=\"p\"><summary>Times and host, which are no part of the results</summary>\n"
        "<p>From the run file: of the last time this was run. Run again, the results are "
        "the same and these are not.</p>\n");
    begin(h, "Run file");
    add_members(h, NULL, run->times);
    end(h);
    html_raw(h, "</details>\n");
}

/* --- the heading ------------------------------------------------------------------------------ */

static void add_short(struct html *h, const char *name, const struct json *value) {
    if (json_is_null(value)) return;
    html_element(h, "dt", name);
    html_raw(h, "<dd>");
    add_value(h, value);
    html_raw(h, "</dd>");
}

static void add_data(struct html *h, const struct report_run *run) {
    html_element(h, "dt", run->n_sets == 1 ? "Data set" : "Data sets");
    html_raw(h, "<dd>");
    for (size_t i = 0; i < run->n_sets; i++) {
        if (i) html_raw(h, "; ");
        html_text(h, run->sets[i].name);
        html_raw(h, ", ");
        html_count(h, run->sets[i].n);
        html_raw(h, run->sets[i].n == 1 ? " sample" : " samples");
    }
    html_raw(h, "</dd>");
}

void report_short_facts(struct report *r) {
    struct html *h = &r->h;
    for (int i = 0; i < r->n_runs; i++) {
        const struct report_run *run = &r->run[i];
        const struct json *model = json_get(run->manifest, "model");
        html_raw(h, "<dl class=\"meta\">");
        if (run->word) {
            html_element(h, "dt", run->word);
            html_element(h, "dd", run_files_path(run->files));
        }
        add_short(h, "Model", json_get(model, "name"));
        add_short(h, "Weights, SHA-256", json_get(json_get(model, "identity"), "checkpoint"));
        add_short(h, "Instruction set", json_get(run->manifest, "isa"));
        add_short(h, "karma", json_get(run->manifest, "karma_version"));
        add_data(h, run);
        html_raw(h, "</dl>\n");
    }
}

/* --- the section ------------------------------------------------------------------------------ */

void report_facts(struct report *r) {
    struct html *h = &r->h;
    report_begin_section(h, "facts", 2, "What was run");
    for (int i = 0; i < r->n_runs; i++) {
        const struct report_run *run = &r->run[i];
        if (run->word) html_element(h, "h3", run->word);
        if (json_get(run->manifest, "partial"))
            html_raw(h, "<p class=\"bad\">The run was stopped before its end.</p>\n");
        add_run(h, run);
        add_settings(h, run);
        add_times(h, run);
    }
    report_end_section(h);
}
