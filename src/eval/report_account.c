/*
 * report_account.c - what became of the samples: the log is read once, line by line, counted, held
 * against its chain and against the results; and what is first in a report, the samples that failed
 * or are flagged.
 */
#include <math.h>
#include <string.h>

#include "eval/report_html.h"
#include "eval/svg_plot.h"

const char *const report_end_names[END_COUNT] = {
    "read by marker",   "read by fall-back",      "ambiguous", "no answer found",
    "cut by the limit", "thought without an end", "failed",    "not run",
};

/* --- samples ---------------------------------------------------------------------------------- */

enum report_end report_end_of(const struct run_line *line) {
    static const char *const outcomes[] = {"marker", "fallback", "ambiguous",
                                           "none",   "cut",      "thought_without_end"};
    if (line->state == RUN_LINE_FAILED) return END_FAILED;
    if (line->state == RUN_LINE_NOT_RUN) return END_NOT_RUN;
    for (int i = 0; i < (int)(sizeof(outcomes) / sizeof(outcomes[0])); i++)
        if (strcmp(line->outcome, outcomes[i]) == 0) return (enum report_end)i;
    return END_NONE;
}

/* An answer that ended early because nothing more was needed has nothing wrong with it. */
static bool is_flagged(const struct run_line *line) {
    for (size_t i = 0; i < json_count(line->flags); i++)
        if (strcmp(json_str(json_at(line->flags, i), ""), "ended_when_decided") != 0) return true;
    const enum report_end end = report_end_of(line);
    return end == END_AMBIGUOUS || end == END_NONE || end == END_CUT || end == END_THOUGHT;
}

enum report_class report_class_of(const struct run_line *line) {
    if (line->state == RUN_LINE_FAILED) return CLASS_FAILED;
    if (line->state == RUN_LINE_NOT_RUN) return CLASS_NOT_RUN;
    return is_flagged(line) ? CLASS_FLAGGED : CLASS_OTHER;
}

/* --- confidence ------------------------------------------------------------------------------- */

/* How sure the model was of the answer it was scored by: the largest share among what was compared.
 * NaN: its answers were written. */
static double confidence_of(const struct report_set *s, const struct run_line *line) {
    const struct json *all = s->compared ? json_get(line->logprobs, s->compared) : NULL;
    double most = -INFINITY, sum = 0;
    for (size_t i = 0; i < json_count(all); i++)
        most = fmax(most, report_real(all, all->u.object.members[i].key));
    for (size_t i = 0; i < json_count(all); i++)
        sum += exp(report_real(all, all->u.object.members[i].key) - most);
    return sum >= 1 && isfinite(sum) ? 1 / sum : NAN;
}

static karma_status add_confidence(struct report *r, struct report_set *s,
                                   const struct run_line *line) {
    const double score = s->headline ? report_real(line->scores, s->headline) : NAN;
    const double confidence = confidence_of(s, line);
    if ((score != 0 && score != 1) || isnan(confidence)) return KARMA_OK;
    if (!s->confidence) s->confidence = arena_calloc(&r->arena, 1, sizeof(*s->confidence));
    struct report_confidence *c = s->confidence;
    if (!c) return KARMA_E_NOMEM;
    /* Steps are open at the left, as the bins of the calibration error are. */
    double at = ceil(confidence * CONFIDENCE_STEPS) - 1;
    if (at < 0) at = 0;
    if (at > CONFIDENCE_STEPS - 1) at = CONFIDENCE_STEPS - 1;
    c->n[(int)at]++;
    c->right[(int)at] += score == 1;
    c->sum[(int)at] += confidence;
    c->total++;
    return KARMA_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

static struct report_set *find_set(const struct report_run *run, const char *name) {
    const struct map_entry *e = map_find(&run->by_name, name, strlen(name));
    return e ? &run->sets[e->value.u64] : NULL;
}

static karma_status add_line(struct report *r, struct report_run *run,
                             const struct run_line *line) {
    struct report_set *s = find_set(run, line->dataset);
    if (!s)
        return status_fail(KARMA_E_DIGEST, "%s: line %zu: the results have no data set %s",
                           run_files_log(run->files), line->line_no,
                           status_quote_path(line->dataset));
    const enum report_class class = report_class_of(line);
    s->n++;
    s->ends[report_end_of(line)]++;
    s->n_class[class]++;
    run->n_samples++;
    run->n_class[class]++;
    run->has_content |= json_get(line->object, "input") || json_get(line->object, "conversation") ||
                        json_get(line->object, "images") || json_get(line->object, "audio");
    return add_confidence(r, s, line);
}

static karma_status read_log(struct report *r, struct report_run *run) {
    struct buf text = {0};
    struct run_line line = {0};
    struct run_chain chain;
    karma_status st;
    run_chain_begin(&chain);
    while ((st = run_files_next(run->files, &line)) == KARMA_OK) {
        buf_clear(&text);
        st = run_line_for_chain(line.object, &text);
        if (st == KARMA_OK) st = add_line(r, run, &line);
        if (st < 0) break;
        run_chain_add(&chain, text.data, text.len);
    }
    buf_release(&text);
    if (st < 0) return st; /* KARMA_DONE: behind the last */
    const char *wanted = json_str(json_get(run->manifest, "chain"), "");
    if (strcmp(wanted, chain.hex) == 0) return KARMA_OK;
    return status_fail(KARMA_E_DIGEST,
                       "%s: its %zu lines are not those that the run wrote (the chain of digests "
                       "in the manifest is another)",
                       run_files_log(run->files), chain.n);
}

/* Results of one run beside the log of another would tell of neither. */
static karma_status check_set(const struct report_run *run, const struct report_set *s) {
    const struct json *states = json_get(s->result, "samples_by_state");
    const struct json *made = json_get(json_get(run->manifest, "datasets"), s->name);
    const char *results = json_str(json_get(s->result, "dataset_digest"), "");
    const char *manifest = json_str(json_get(made, "digest"), "");
    uint64_t scored = 0;
    for (int e = 0; e < END_FAILED; e++)
        scored += s->ends[e];
    if (strcmp(results, manifest) == 0 && scored == report_int(states, "scored") &&
        s->ends[END_FAILED] == report_int(states, "failed"))
        return KARMA_OK;
    return status_fail(KARMA_E_DIGEST,
                       "%s: %s: results, log of samples and manifest are not of one run (%llu "
                       "scored in the results, %llu in the log)",
                       run_files_path(run->files), status_quote_path(s->name),
                       (unsigned long long)report_int(states, "scored"),
                       (unsigned long long)scored);
}

/* What the answers that count were read from, if they were compared and not written. */
static const char *compared_by(const struct json *result) {
    const char *by = json_str(json_get(result, "answer_by"), "");
    const size_t n = strcspn(by, ",");
    if (n == strlen("letters") && strncmp(by, "letters", n) == 0) return "letters";
    if (n == strlen("options") && strncmp(by, "options", n) == 0) return "options";
    return NULL;
}

static karma_status take_sets(struct report *r, struct report_run *run) {
    const size_t n = json_count(run->results);
    run->sets = arena_calloc(&r->arena, n + 1, sizeof(*run->sets));
    if (!run->sets) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct json_member *m = &run->results->u.object.members[i];
        struct map_entry *entry;
        bool added;
        if (!json_get(m->value, "samples_by_state")) continue; /* the summary */
        karma_status st = map_put(&run->by_name, m->key, m->key_len, &entry, &added);
        if (st < 0) return st;
        entry->value.u64 = run->n_sets;
        struct report_set *s = &run->sets[run->n_sets++];
        const struct json *metrics = json_get(m->value, "metrics");
        s->name = m->key;
        s->result = m->value;
        s->headline = json_is_object(metrics) && json_count(metrics)
                          ? metrics->u.object.members[0].key
                          : NULL;
        s->compared = compared_by(m->value);
    }
    return KARMA_OK;
}

karma_status report_read(struct report *r, const char *results, struct report_run *run) {
    karma_status st = run_files_open(results, &run->files);
    if (st == KARMA_OK) st = run_files_results(run->files, &run->results);
    if (st == KARMA_OK) st = run_files_times(run->files, &run->times);
    if (st < 0) return st;
    run->manifest = run_files_manifest(run->files);
    run->model = json_str(json_get(json_get(run->manifest, "model"), "name"), "a model");
    st = take_sets(r, run);
    if (st == KARMA_OK) st = read_log(r, run);
    for (size_t i = 0; i < run->n_sets && st == KARMA_OK; i++)
        st = check_set(run, &run->sets[i]);
    return st;
}

void report_release(struct report_run *run) {
    map_release(&run->by_name);
    run_files_close(run->files);
}

/* --- what is first in the page ---------------------------------------------------------------- */

static void add_words(struct html *h, const struct report_run *run) {
    const size_t bad = run->n_class[CLASS_FAILED] + run->n_class[CLASS_FLAGGED];
    html_raw(h, "<p>Of ");
    html_count(h, run->n_samples);
    html_raw(h, run->n_samples == 1 ? " sample, " : " samples, ");
    html_printf(h, "<span%s>", run->n_class[CLASS_FAILED] ? " class=\"bad\"" : "");
    html_count(h, run->n_class[CLASS_FAILED]);
    html_raw(h, " failed</span> and ");
    html_count(h, run->n_class[CLASS_FLAGGED]);
    html_raw(h, " are flagged");
    if (run->n_class[CLASS_NOT_RUN]) {
        html_raw(h, "; <span class=\"bad\">");
        html_count(h, run->n_class[CLASS_NOT_RUN]);
        html_raw(h, " were not run: the run is not complete</span>");
    }
    html_raw(h, ".");
    if (run->n_class[CLASS_FAILED])
        html_raw(h, " A failed sample has no answer: it is no wrong answer, and where there are "
                    "such the scores are bounds.");
    if (bad > run->n_class[CLASS_FAILED])
        html_raw(h, " Flagged are answers that could not be read, that the limit cut, or whose "
                    "prompt was not as it should be.");
    html_raw(h, "</p>\n");
}

/* Counts of the results that are no end of a sample but go across. */
static const struct {
    const char *member, *name;
} flags[] = {
    {"cut_by_limit", "cut by the limit, read or not"},
    {"prompt_truncated", "prompt shortened"},
    {"control_text_in_prompt", "control text in prompt"},
};
enum { N_FLAGS = sizeof(flags) / sizeof(flags[0]) };

static void add_table(struct html *h, const struct report_run *run) {
    report_begin_table(h, "What became of the samples");
    report_column(h, "Data set", false);
    report_column(h, "selected", true);
    for (int e = 0; e < END_COUNT; e++)
        report_column(h, report_end_names[e], true);
    for (int f = 0; f < N_FLAGS; f++)
        report_column(h, flags[f].name, true);
    html_raw(h, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < run->n_sets; i++) {
        const struct report_set *s = &run->sets[i];
        const struct json *states = json_get(s->result, "samples_by_state");
        html_raw(h, "<tr>");
        report_row_head(h, s->name);
        report_count_cell(h, s->n);
        for (int e = 0; e < END_COUNT; e++)
            report_count_cell(h, s->ends[e]);
        for (int f = 0; f < N_FLAGS; f++)
            report_count_cell(h, report_int(states, flags[f].member));
        html_raw(h, "</tr>\n");
    }
    report_end_table(h);
}

static void add_codes(struct html *h, const struct report_run *run) {
    if (run->n_class[CLASS_FAILED] == 0) return;
    report_begin_table(h, "Failed samples by code");
    report_column(h, "Data set", false);
    report_column(h, "Code", false);
    report_column(h, "Samples", true);
    report_column(h, "The first of them", false);
    html_raw(h, "</tr></thead><tbody>\n");
    for (size_t i = 0; i < run->n_sets; i++) {
        const struct json *result = run->sets[i].result;
        const struct json *codes = json_get(json_get(result, "samples_by_state"), "failed_by_code");
        const struct json *failed = json_get(result, "failed_samples");
        for (size_t k = 0; k < json_count(codes); k++) {
            const char *code = codes->u.object.members[k].key, *message = NULL;
            for (size_t n = 0; n < json_count(failed) && !message; n++)
                if (strcmp(json_str(json_get(json_at(failed, n), "code"), ""), code) == 0)
                    message = json_str(json_get(json_at(failed, n), "message"), NULL);
            html_raw(h, "<tr>");
            report_row_head(h, run->sets[i].name);
            report_cell(h, code);
            report_count_cell(h, report_int(codes, code));
            html_element(h, "td class=\"w\"", message);
            html_raw(h, "</tr>\n");
        }
    }
    report_end_table(h);
}

static void add_bars(struct report *r, const struct report_run *run) {
    struct plot_bar *bars = arena_calloc(&r->arena, run->n_sets + 1, sizeof(*bars));
    if (!bars) {
        html_fail(&r->h, KARMA_E_NOMEM);
        return;
    }
    for (size_t i = 0; i < run->n_sets; i++) {
        bars[i].label = run->sets[i].name;
        memcpy(bars[i].parts, run->sets[i].ends, sizeof(run->sets[i].ends));
    }
    struct plot_stack p = {.head = {.title = "How answers were read",
                                    .desc = "A bar a data set: its samples by how their answers "
                                            "were read, or why there is none. The figures are in "
                                            "the table"},
                           .names = report_end_names,
                           .n_parts = END_COUNT,
                           .bars = bars,
                           .n = run->n_sets};
    p.head.id = run->prefix[0] == 'a' ? "a-ends" : "b-ends";
    plot_stack(&r->h, &p);
}

void report_account(struct report *r) {
    struct html *h = &r->h;
    report_begin_section(h, "first", 2, "Failed and flagged samples");
    for (int i = 0; i < r->n_runs; i++) {
        struct report_run *run = &r->run[i];
        if (run->word) html_element(h, "h3", run->word);
        add_words(h, run);
        add_bars(r, run);
        add_table(h, run);
        add_codes(h, run);
        report_first_samples(r, run);
    }
    report_end_section(h);
}
