/*
 * sample_log.c - see sample_log.h. Lines are put together as text, for there may be a million; what
 * reads them (run_files.c) gets the same bytes when it writes the members again.
 */
#include "eval/sample_log.h"

#include <math.h>
#include <string.h>

#include "base/sha256.h"
#include "eval/sample_json.h"

enum { WRITE_BYTES = 1 << 18 };

void sample_log_begin(struct sample_log *l, const char *path, bool content) {
    *l = (struct sample_log){.path = path, .content = content};
    run_chain_begin(&l->chain);
}

static karma_status open_file(struct sample_log *l) {
    if (l->open) return KARMA_OK;
    karma_status st = file_writer_begin(&l->writer, l->path);
    l->open = st == KARMA_OK;
    return st;
}

/* --- members ---------------------------------------------------------------------------------- */

static karma_status put_name(struct buf *b, const char *name) {
    karma_status st = b->data[b->len - 1] == '{' ? KARMA_OK : buf_puts(b, ", ");
    if (st == KARMA_OK) st = json_write_string(b, name, strlen(name), JSON_PYTHON);
    return st == KARMA_OK ? buf_puts(b, ": ") : st;
}

static karma_status put_text(struct buf *b, const char *name, const char *text) {
    if (!text) return KARMA_OK;
    karma_status st = put_name(b, name);
    return st == KARMA_OK ? json_write_string(b, text, strlen(text), JSON_PYTHON) : st;
}

static karma_status put_count(struct buf *b, const char *name, size_t n) {
    karma_status st = put_name(b, name);
    return st == KARMA_OK ? buf_printf(b, "%zu", n) : st;
}

static karma_status put_real(struct buf *b, double v) {
    char text[32];
    if (!isfinite(v)) return buf_puts(b, "null");
    return buf_append(b, text, json_format_real(v, text));
}

static karma_status put_digest(struct buf *b, const char *name, const unsigned char digest[32]) {
    char hex[65];
    sha256_hex(digest, hex);
    return put_text(b, name, hex);
}

static karma_status put_scores(struct buf *b, const struct plan_dataset *d, const double *scores) {
    karma_status st = put_name(b, "scores");
    if (st == KARMA_OK) st = buf_putc(b, '{');
    for (size_t k = 0; k < d->n_metrics && st == KARMA_OK; k++) {
        st = put_name(b, d->metrics[k].name);
        if (st == KARMA_OK) st = put_real(b, scores[k]);
    }
    return st == KARMA_OK ? buf_putc(b, '}') : st;
}

/* Of metrics that are no mean of scores. */
static karma_status put_counts(struct buf *b, const struct plan_dataset *d) {
    bool some = false;
    karma_status st = KARMA_OK;
    for (size_t k = 0; k < d->n_metrics && st == KARMA_OK; k++) {
        const double *counts;
        size_t n;
        st = karma_metric_sample_counts(d->metrics[k].metric, &counts, &n);
        if (st < 0 || n == 0) continue;
        if (!some) st = put_name(b, "counts");
        if (st == KARMA_OK && !some) st = buf_putc(b, '{');
        some = true;
        if (st == KARMA_OK) st = put_name(b, d->metrics[k].name);
        for (size_t i = 0; i < n && st == KARMA_OK; i++) {
            st = buf_puts(b, i ? ", " : "[");
            if (st == KARMA_OK) st = put_real(b, counts[i]);
        }
        if (st == KARMA_OK) st = buf_putc(b, ']');
    }
    return st == KARMA_OK && some ? buf_putc(b, '}') : st;
}

static karma_status put_flags(struct buf *b, unsigned flags) {
    const char *before = "[";
    karma_status st = KARMA_OK;
    for (const struct flag_name *f = flag_names; f->name && st == KARMA_OK; f++) {
        if (!(flags & f->flag)) continue;
        if (*before == '[') st = put_name(b, "flags");
        if (st == KARMA_OK) st = buf_printf(b, "%s\"%s\"", before, f->name);
        before = ", ";
    }
    return st == KARMA_OK && *before == ',' ? buf_putc(b, ']') : st;
}

/* What the judge says, without the criteria's texts. */
static karma_status put_verdicts(struct buf *b, const struct judged *j) {
    if (!j->verdicts) return KARMA_OK;
    karma_status st = put_name(b, "rubric");
    return st == KARMA_OK ? json_write(b, j->rubric, 0, JSON_PYTHON) : st;
}

static karma_status put_slices(struct buf *b, const struct judged *j) {
    bool some = false;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < j->n_slices && st == KARMA_OK; i++) {
        if (!j->slice_values[i]) continue;
        if (!some) st = put_name(b, "slices");
        if (st == KARMA_OK && !some) st = buf_putc(b, '{');
        some = true;
        if (st == KARMA_OK) st = put_text(b, j->slice_fields[i], j->slice_values[i]);
    }
    return st == KARMA_OK && some ? buf_putc(b, '}') : st;
}

/* --- lines ------------------------------------------------------------------------------------ */

static karma_status begin_line(struct buf *b, const struct plan_dataset *d, const struct judged *j,
                               const char *state) {
    buf_clear(b);
    karma_status st = buf_putc(b, '{');
    if (st == KARMA_OK) st = put_text(b, "dataset", d->name);
    if (st == KARMA_OK) st = put_text(b, "key", j->sample->key);
    if (st == KARMA_OK) st = put_count(b, "index", j->index);
    return st == KARMA_OK ? put_text(b, "state", state) : st;
}

/* What is the same whatever the answer is. */
static karma_status end_line(struct buf *b, const struct judged *j) {
    karma_status st = put_text(b, "answer_type", j->answer_type);
    if (st == KARMA_OK) st = put_text(b, "group", j->group);
    if (st == KARMA_OK) st = put_slices(b, j);
    if (st == KARMA_OK && j->logprobs) {
        st = put_name(b, "logprobs");
        if (st == KARMA_OK) st = json_write(b, j->logprobs, 0, JSON_PYTHON);
    }
    return st == KARMA_OK ? buf_putc(b, '}') : st;
}

static karma_status put_answer(struct buf *b, struct plan_dataset *d, const struct judged *j) {
    const struct answer *answer = j->answer;
    unsigned char digest[32];
    karma_status st;
    if (answer->status < 0) {
        st = put_text(b, "error", karma_status_name(answer->status));
    } else {
        st = put_text(b, "outcome", outcome_name(j->outcome));
        if (st == KARMA_OK) st = put_scores(b, d, j->scores);
        if (st == KARMA_OK) st = put_counts(b, d);
        if (st == KARMA_OK) st = put_flags(b, answer->flags);
        if (st == KARMA_OK) st = put_verdicts(b, j);
    }
    if (st == KARMA_OK) st = put_count(b, "prompt_tokens", answer->n_prompt_tokens);
    if (st == KARMA_OK) st = put_count(b, "tokens", answer->n_tokens);
    if (st == KARMA_OK) st = answers_prompt_digest(d, j->index, digest);
    if (st == KARMA_OK) st = put_digest(b, "prompt_sha256", digest);
    if (st < 0 || answer->status < 0) return st;
    answers_raw_digest(answer, digest);
    return put_digest(b, "answer_sha256", digest);
}

/* Behind the closing brace of a line: its members of content. */
static karma_status put_content(struct sample_log *l, struct plan_dataset *d,
                                const struct judged *j) {
    const struct json *details = NULL;
    struct arena *a = &l->arena;
    struct json *o = json_new_object(a);
    karma_status st = o ? sample_json_question(a, j, o) : KARMA_E_NOMEM;
    if (st == KARMA_OK && j->answer && j->answer->status >= 0) {
        st = sample_json_answer(a, j, o);
        if (st == KARMA_OK) st = sample_json_details(a, d->metrics, d->n_metrics, &details);
        if (st == KARMA_OK && details) st = json_set(a, o, "details", details);
        if (st == KARMA_OK && j->verdicts) st = json_set(a, o, "criteria", j->criteria);
    }
    for (size_t i = 0; i < json_count(o) && st == KARMA_OK; i++) {
        const struct json_member *m = &o->u.object.members[i];
        st = put_name(&l->text, m->key);
        if (st == KARMA_OK) st = json_write(&l->text, m->value, 0, JSON_PYTHON);
    }
    return st;
}

/* The line is in l->line, as the chain has it. */
static karma_status finish(struct sample_log *l, struct plan_dataset *d, const struct judged *j) {
    run_chain_add(&l->chain, l->line.data, l->line.len);
    karma_status st = buf_append(&l->text, l->line.data, l->line.len - (l->content ? 1 : 0));
    if (st == KARMA_OK && l->content) st = put_content(l, d, j);
    if (st == KARMA_OK) st = buf_puts(&l->text, l->content ? "}\n" : "\n");
    if (st == KARMA_OK && l->text.len >= WRITE_BYTES) {
        st = file_writer_append(&l->writer, l->text.data, l->text.len);
        buf_clear(&l->text);
    }
    arena_reset(&l->arena);
    return st;
}

karma_status sample_log_add(struct sample_log *l, struct plan_dataset *d, const struct judged *j) {
    if (!l->path) return KARMA_OK;
    karma_status st = open_file(l);
    if (st == KARMA_OK)
        st = begin_line(&l->line, d, j, j->answer->status < 0 ? "failed" : "scored");
    if (st == KARMA_OK) st = put_answer(&l->line, d, j);
    if (st == KARMA_OK) st = end_line(&l->line, j);
    return st == KARMA_OK ? finish(l, d, j) : st;
}

karma_status sample_log_not_run(struct sample_log *l, struct plan_dataset *d,
                                const struct judged *j) {
    if (!l->path) return KARMA_OK;
    karma_status st = open_file(l);
    if (st == KARMA_OK) st = begin_line(&l->line, d, j, "not_run");
    if (st == KARMA_OK) st = end_line(&l->line, j);
    return st == KARMA_OK ? finish(l, d, j) : st;
}

karma_status sample_log_end(struct sample_log *l, karma_status st) {
    if (l->path && st == KARMA_OK) st = open_file(l);
    if (l->open && st == KARMA_OK) {
        st = file_writer_append(&l->writer, buf_str(&l->text), l->text.len);
        if (st == KARMA_OK) {
            st = file_writer_end(&l->writer, 0600);
            l->open = false;
        }
    }
    if (l->open) file_writer_abandon(&l->writer);
    l->open = false;
    buf_release(&l->text);
    buf_release(&l->line);
    arena_release(&l->arena);
    return st;
}
