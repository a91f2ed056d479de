/* report.c - see report.h. The CSV has upstream's columns but for the times, which are in run.json.
 */
#include "eval/report.h"

#include <string.h>

#include "base/file.h"
#include "eval/csv.h"

/* --- YAML: block style, strings always in double quotes (JSON's escapes are YAML's) ----------- */

static karma_status yaml_value(struct buf *b, const struct json *j, int depth);

static karma_status yaml_indent(struct buf *b, int depth) {
    karma_status st = buf_putc(b, '\n');
    for (int i = 0; i < depth && st == KARMA_OK; i++)
        st = buf_puts(b, "  ");
    return st;
}

static karma_status yaml_nested(struct buf *b, const struct json *value, int depth) {
    if (json_count(value) == 0) { /* scalars and empty ones fit the line */
        karma_status st = buf_putc(b, ' ');
        return st == KARMA_OK ? json_write(b, value, 0, JSON_PYTHON) : st;
    }
    return yaml_value(b, value, depth);
}

/* Bare keys only where no reader could take them for another type. */
static karma_status yaml_key(struct buf *b, const struct json_member *m) {
    bool plain = m->key_len > 0;
    for (size_t i = 0; i < m->key_len && plain; i++) {
        const char c = m->key[i];
        plain = (c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9');
    }
    static const char *const taken[] = {"true", "false", "null", "yes", "no",
                                        "on",   "off",   "y",    "n"};
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]) && plain; i++) {
        plain = strcmp(m->key, taken[i]) != 0;
    }
    karma_status st = plain ? buf_append(b, m->key, m->key_len)
                            : json_write_string(b, m->key, m->key_len, JSON_PYTHON);
    return st == KARMA_OK ? buf_putc(b, ':') : st;
}

static karma_status yaml_value(struct buf *b, const struct json *j, int depth) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(j) && st == KARMA_OK; i++) {
        if (b->len > 0) st = yaml_indent(b, depth);
        if (st < 0) return st;
        if (json_is_object(j)) {
            st = yaml_key(b, &j->u.object.members[i]);
            if (st == KARMA_OK) st = yaml_nested(b, j->u.object.members[i].value, depth + 1);
        } else {
            st = buf_putc(b, '-');
            if (st == KARMA_OK) st = yaml_nested(b, j->u.array.items[i], depth + 1);
        }
    }
    return st;
}

/* --- CSV -------------------------------------------------------------------------------------- */

static karma_status csv_cell(struct buf *b, const char *text, char after) {
    return csv_put(b, text, false, after);
}

/* The rows of some metrics: of a whole data set, or of a part, whose name is put behind theirs. */
static karma_status csv_metrics(struct buf *b, const char *name, const struct json *result,
                                const struct json *metrics, const char *part) {
    for (size_t i = 0; i < json_count(metrics); i++) {
        const struct json_member *m = &metrics->u.object.members[i];
        const struct json *score = json_get(m->value, "score"),
                          *n = json_get(m->value, "num_samples");
        karma_status st = csv_cell(b, name, ',');
        if (st == KARMA_OK) st = csv_cell(b, json_str(json_get(result, "task_type"), ""), ',');
        struct buf metric = {0};
        if (st == KARMA_OK)
            st = buf_printf(&metric, "%s%s%s", m->key, part ? ":" : "", part ? part : "");
        if (st == KARMA_OK) st = csv_cell(b, buf_str(&metric), ',');
        buf_release(&metric);
        if (st == KARMA_OK && !json_is_null(score)) st = json_write(b, score, 0, JSON_COMPACT);
        if (st == KARMA_OK) st = buf_putc(b, ',');
        if (st == KARMA_OK) st = json_write(b, n, 0, JSON_COMPACT);
        if (st == KARMA_OK) st = buf_putc(b, ',');
        if (st == KARMA_OK) st = csv_cell(b, json_str(json_get(result, "status"), ""), '\n');
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status csv_dataset(struct buf *b, const char *name, const struct json *result) {
    const struct json *parts = json_get(result, "by_answer_type");
    karma_status st = csv_metrics(b, name, result, json_get(result, "metrics"), NULL);
    for (size_t i = 0; i < json_count(parts) && st == KARMA_OK; i++) {
        const struct json_member *m = &parts->u.object.members[i];
        st = csv_metrics(b, name, result, json_get(m->value, "metrics"), m->key);
    }
    const struct json *ways = json_get(result, "answer_ways");
    for (size_t i = 0; i < json_count(ways) && st == KARMA_OK; i++) {
        const struct json_member *m = &ways->u.object.members[i];
        st = csv_metrics(b, name, result, json_get(m->value, "metrics"), m->key);
    }
    return st;
}

static karma_status csv_text(struct buf *b, const struct json *results) {
    karma_status st = buf_puts(b, "dataset,task_type,metric,score,num_samples,status\n");
    for (size_t i = 0; i < json_count(results) && st == KARMA_OK; i++) {
        const struct json_member *m = &results->u.object.members[i];
        if (m->key[0] == '_') continue; /* no data set: the summary */
        st = csv_dataset(b, m->key, m->value);
    }
    return st;
}

karma_status report_text(const struct json *results, enum output_format format, struct buf *out) {
    if (format == OUTPUT_CSV) return csv_text(out, results);
    karma_status st = format == OUTPUT_YAML ? yaml_value(out, results, 0)
                                            : json_write(out, results, 2, JSON_PYTHON);
    return st == KARMA_OK ? buf_putc(out, '\n') : st;
}

karma_status report_write(const struct plan *p, const struct buf *text) {
    return file_write_atomic(p->output, text->data, text->len, 0600);
}
