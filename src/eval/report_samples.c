/*
 * report_samples.c - samples one by one, as the log has them: failed and flagged ones first in the
 * page, the others behind. The log is read once for each class, so that nothing is held but the
 * line being written. Of a text of a megabyte the beginning is shown, and it says so.
 */
#include <math.h>
#include <string.h>

#include "eval/report_html.h"

enum { MAX_TEXT_BYTES = 64 << 10, OPEN_UP_TO = 5 };

/* --- texts ------------------------------------------------------------------------------------ */

void report_long_text(struct html *h, const struct json *text) {
    if (!json_is_string(text)) return;
    size_t len = text->u.string.len;
    if (len > MAX_TEXT_BYTES) {
        len = MAX_TEXT_BYTES;
        while (len && ((unsigned char)text->u.string.data[len] & 0xC0) == 0x80)
            len--;
    }
    html_textn(h, text->u.string.data, len);
    if (len == text->u.string.len) return;
    html_raw(h, "<strong> [");
    html_count(h, text->u.string.len - len);
    html_raw(h, " more bytes are not shown]</strong>");
}

/* Whoever wrote it, in whatever direction. */
static void add_text(struct html *h, const char *name, const struct json *text) {
    if (!json_is_string(text)) return;
    html_element(h, "dt", name);
    html_raw(h, "<dd class=\"text\" dir=\"auto\">");
    if (text->u.string.len == 0) html_raw(h, "<em>empty</em>");
    report_long_text(h, text);
    html_raw(h, "</dd>");
}

static void add_conversation(struct html *h, const struct json *turns) {
    for (size_t i = 0; i < json_count(turns); i++) {
        const struct json *turn = json_at(turns, i);
        html_raw(h, "<dt>Prompt, ");
        html_text(h, json_str(json_get(turn, "role"), ""));
        html_raw(h, "</dt><dd class=\"text\" dir=\"auto\">");
        report_long_text(h, json_get(turn, "content"));
        html_raw(h, "</dd>");
    }
}

/* --- what the line says ----------------------------------------------------------------------- */

void report_line_scores(struct html *h, const struct run_line *line) {
    for (size_t i = 0; i < json_count(line->scores); i++) {
        const struct json_member *m = &line->scores->u.object.members[i];
        if (i) html_raw(h, ", ");
        html_text(h, m->key);
        html_raw(h, " ");
        html_number(h, report_real(line->scores, m->key), 3);
    }
}

static const char *message_of(const struct report_run *run, const struct run_line *line) {
    const struct map_entry *e = map_find(&run->by_name, line->dataset, strlen(line->dataset));
    const struct json *failed =
        e ? json_get(run->sets[e->value.u64].result, "failed_samples") : NULL;
    for (size_t i = 0; i < json_count(failed); i++) {
        const struct json *one = json_at(failed, i);
        if (strcmp(json_str(json_get(one, "key"), ""), line->key) == 0)
            return json_str(json_get(one, "message"), NULL);
    }
    return NULL;
}

static void add_flags(struct html *h, const struct run_line *line) {
    for (size_t i = 0; i < json_count(line->flags); i++) {
        html_raw(h, i ? ", " : "; flags: ");
        html_text(h, json_str(json_at(line->flags, i), ""));
    }
}

static void add_summary(struct html *h, const struct run_line *line) {
    const enum report_end end = report_end_of(line);
    html_raw(h, "<summary><span class=\"key\">");
    html_text(h, line->key);
    html_raw(h, "</span>: ");
    if (end == END_FAILED) {
        html_raw(h, "<span class=\"bad\">failed, ");
        html_text(h, line->error);
        html_raw(h, "</span>");
    } else {
        html_raw(h, report_end_names[end]);
    }
    add_flags(h, line);
    if (json_count(line->scores)) html_raw(h, "; ");
    report_line_scores(h, line);
    html_raw(h, "</summary>");
}

static void add_fact(struct html *h, const char *name, const char *text) {
    if (!text) return;
    html_raw(h, "; ");
    html_raw(h, name);
    html_raw(h, " ");
    html_text(h, text);
}

static void add_facts(struct html *h, const struct run_line *line) {
    html_raw(h, "<dt>Sample</dt><dd>");
    html_text(h, line->dataset);
    html_raw(h, ", index ");
    html_count(h, line->index);
    if (line->prompt_sha256) {
        html_raw(h, "; tokens of the prompt ");
        html_count(h, (uint64_t)line->prompt_tokens);
        html_raw(h, ", of the answer ");
        html_count(h, (uint64_t)line->tokens);
    }
    add_fact(h, "type", line->answer_type);
    add_fact(h, "group", line->group);
    for (size_t i = 0; i < json_count(line->slices); i++) {
        const struct json_member *m = &line->slices->u.object.members[i];
        html_raw(h, "; ");
        html_text(h, m->key);
        html_raw(h, ": ");
        html_text(h, json_str(m->value, ""));
    }
    html_raw(h, "</dd>");
    if (!line->prompt_sha256) return;
    html_raw(h, "<dt>SHA-256 of prompt and answer</dt><dd><code>");
    html_text(h, line->prompt_sha256);
    html_raw(h, "</code>");
    if (line->answer_sha256) {
        html_raw(h, "<br><code>");
        html_text(h, line->answer_sha256);
        html_raw(h, "</code>");
    }
    html_raw(h, "</dd>");
}

static void add_logprobs(struct html *h, const struct run_line *line) {
    for (size_t i = 0; i < json_count(line->logprobs); i++) {
        const struct json_member *way = &line->logprobs->u.object.members[i];
        html_raw(h, "<dt>Log-probabilities, ");
        html_text(h, way->key);
        html_raw(h, "</dt><dd>");
        for (size_t k = 0; k < json_count(way->value); k++) {
            const char *label = way->value->u.object.members[k].key;
            if (k) html_raw(h, ", ");
            html_text(h, label);
            html_raw(h, " ");
            html_number(h, report_real(way->value, label), 3);
        }
        html_raw(h, "</dd>");
    }
}

void report_answer(struct html *h, const struct run_line *line) {
    const struct json *output = json_get(line->object, "output");
    const struct json *prediction = json_get(line->object, "prediction");
    if (line->state != RUN_LINE_SCORED) {
        html_raw(h, line->state == RUN_LINE_FAILED ? "failed, " : "not run");
        html_text(h, line->error);
        return;
    }
    if (json_is_string(prediction)) {
        html_raw(h, "<div class=\"text\" dir=\"auto\">");
        report_long_text(h, prediction);
        html_raw(h, "</div>");
    }
    if (json_is_string(output) && strcmp(json_str(output, ""), json_str(prediction, "")) != 0) {
        html_raw(h,
                 "<details><summary>The whole answer</summary><div class=\"text\" dir=\"auto\">");
        report_long_text(h, output);
        html_raw(h, "</div></details>");
    }
    html_raw(h, "<span class=\"muted\">");
    html_raw(h, report_end_names[report_end_of(line)]);
    html_raw(h, "; ");
    report_line_scores(h, line);
    html_raw(h, "</span>");
}

/* --- a sample --------------------------------------------------------------------------------- */

static void add_thought(struct html *h, const struct json *thinking) {
    if (!json_is_string(thinking)) return;
    html_raw(h, "<dt>Thinking</dt><dd><details><summary>");
    html_count(h, thinking->u.string.len);
    html_raw(h, " bytes</summary><div class=\"text\" dir=\"auto\">");
    report_long_text(h, thinking);
    html_raw(h, "</div></details></dd>");
}

static void add_details(struct html *h, const struct json *details) {
    struct buf text = {0};
    if (json_count(details) == 0) return;
    html_fail(h, json_write(&text, details, 2, JSON_PYTHON));
    html_raw(h, "<dt>What the metrics tell</dt><dd><details><summary>as JSON</summary>"
                "<div class=\"text\">");
    html_textn(h, buf_str(&text), text.len > MAX_TEXT_BYTES ? MAX_TEXT_BYTES : text.len);
    html_raw(h, "</div></details></dd>");
    buf_release(&text);
}

static void add_sample(struct report *r, struct report_run *run, const struct run_line *line) {
    struct html *h = &r->h;
    const struct json *o = line->object;
    html_printf(h, "<details class=\"sample%s\">",
                report_class_of(line) <= CLASS_FLAGGED ? " p" : "");
    add_summary(h, line);
    html_raw(h, "<dl>");
    if (line->state == RUN_LINE_FAILED) {
        const char *why = message_of(run, line);
        html_raw(h, "<dt>Why it failed</dt><dd class=\"bad\">");
        html_text(h, line->error);
        if (why) html_raw(h, ": ");
        html_text(h, why);
        html_raw(h, "</dd>");
    }
    add_text(h, "Prompt", json_get(o, "input"));
    add_conversation(h, json_get(o, "conversation"));
    report_media(r, run, line);
    add_thought(h, json_get(o, "thinking"));
    add_text(h, "Answer", json_get(o, "output"));
    add_text(h, "Read as", json_get(o, "prediction"));
    add_text(h, "Reference", json_get(o, "expected_output"));
    add_text(h, "Label of the reference", json_get(o, "reference_label"));
    if (json_count(line->scores)) {
        html_raw(h, "<dt>Scores</dt><dd>");
        report_line_scores(h, line);
        html_raw(h, "</dd>");
    }
    add_details(h, json_get(o, "details"));
    add_logprobs(h, line);
    add_facts(h, line);
    html_raw(h, "</dl></details>\n");
    run->n_shown++;
    r->summary->n_shown++;
    arena_reset(&r->scratch);
}

/* --- classes ---------------------------------------------------------------------------------- */

static const char *const class_names[CLASS_COUNT] = {"Failed", "Flagged", "The others", "Not run"};

/* How many of the class have room. */
static size_t room_for(const struct report *r, const struct report_run *run,
                       enum report_class class) {
    const int64_t limit = r->options->max_samples;
    const size_t n = run->n_class[class];
    if (r->options->failed_only && class > CLASS_FLAGGED) return 0;
    if (limit < 0) return n;
    const size_t room = (size_t)limit > run->n_shown ? (size_t)limit - run->n_shown : 0;
    return n < room ? n : room;
}

static void add_lines(struct report *r, struct report_run *run, enum report_class class, size_t n) {
    struct run_line line = {0};
    karma_status st = KARMA_OK;
    run_files_rewind(run->files);
    while (n > 0 && !html_failed(&r->h) && (st = run_files_next(run->files, &line)) == KARMA_OK) {
        if (report_class_of(&line) != class) continue;
        add_sample(r, run, &line);
        n--;
    }
    html_fail(&r->h, st);
}

static void add_class(struct report *r, struct report_run *run, enum report_class class) {
    struct html *h = &r->h;
    const size_t all = run->n_class[class], n = room_for(r, run, class);
    if (all == 0) return;
    const bool wrong = class <= CLASS_FLAGGED;
    html_printf(h, "<details%s%s><summary>", wrong ? " class=\"p\"" : "",
                wrong && n <= OPEN_UP_TO ? " open" : "");
    html_raw(h, class_names[class]);
    if (run->word) {
        html_raw(h, ", ");
        html_raw(h, run->word[0] == 'F' ? "first run" : "second run");
    }
    html_raw(h, ": ");
    html_count(h, all);
    if (n < all) {
        html_raw(h, "; <strong>");
        html_count(h, all - n);
        html_raw(h, n ? " of them are left out</strong>" : ", all left out</strong>");
    }
    html_raw(h, "</summary>\n");
    if (n < all)
        html_raw(h, "<p class=\"muted\">The view holds as many samples as were asked for "
                    "(<code>--samples</code>), failed and flagged ones first.</p>\n");
    add_lines(r, run, class, n);
    html_raw(h, "</details>\n");
}

void report_first_samples(struct report *r, struct report_run *run) {
    if (!run->has_content)
        html_raw(&r->h, "<p class=\"muted\">This run was made without "
                        "<code>--include-content</code>: no text of prompts, answers and "
                        "references was kept, and samples show what else is known of them.</p>\n");
    add_class(r, run, CLASS_FAILED);
    add_class(r, run, CLASS_FLAGGED);
}

void report_other_samples(struct report *r, struct report_run *run) {
    if (run->n_class[CLASS_OTHER] + run->n_class[CLASS_NOT_RUN] == 0)
        html_raw(&r->h, "<p>There are none.</p>\n");
    add_class(r, run, CLASS_OTHER);
    add_class(r, run, CLASS_NOT_RUN);
}
