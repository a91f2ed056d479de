/*
 * run_files.c - see run_files.h. The log is mapped, and what was read is given back to the system
 * every few MiB: a reader's resident size is that of a line, also with the content of a million
 * samples in it.
 */
#include "eval/run_files.h"

#include <string.h>

#include "base/file.h"
#include "base/sha256.h"
#include "base/yaml.h"

enum {
    MANIFEST_VERSION = 1,
    MAX_FILE_BYTES = 1 << 30,   /* of results: a line a sample with content */
    MAX_LINE_BYTES = 256 << 20, /* a question, an answer and a thought are 64 MiB at most, each */
    FORGET_BYTES = 4 << 20,
};

struct run_files {
    struct arena kept; /* paths and the manifest */
    struct arena line; /* of the line read last */
    const char *path, *log_path, *manifest_path;
    const struct json *manifest, *results;
    struct file_map log;
    size_t at, line_no; /* of the next line */
    size_t forgotten;   /* bytes of the log that were given back */
};

/* --- names ------------------------------------------------------------------------------------ */

static const char *beside(struct arena *a, const char *results, const char *what, bool short_form) {
    const char *folder = file_dir_name(a, results), *base = file_base_name(results);
    if (!folder) return NULL;
    const char *dot = strrchr(base, '.');
    const size_t stem = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    if (short_form && stem == strlen("results") && strncmp(base, "results", stem) == 0)
        return file_join(a, folder, what);
    const char *name = arena_printf(a, "%.*s.%s", (int)stem, base, what);
    return name ? file_join(a, folder, name) : NULL;
}

const char *run_files_log_path(struct arena *a, const char *results) {
    return beside(a, results, "samples.jsonl", false);
}

const char *run_files_manifest_path(struct arena *a, const char *results) {
    return beside(a, results, "manifest.json", false);
}

const char *run_files_times_path(struct arena *a, const char *results) {
    return beside(a, results, "run.json", true);
}

/* --- the chain -------------------------------------------------------------------------------- */

bool run_line_is_content(const char *member) {
    static const char *const names[] = {"input",           "conversation", "images",   "audio",
                                        "expected_output", "output",       "thinking", "prediction",
                                        "reference_label", "details",      "criteria"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strcmp(member, names[i]) == 0) return true;
    return false;
}

karma_status run_line_for_chain(const struct json *object, struct buf *out) {
    karma_status st = buf_putc(out, '{');
    bool first = true;
    for (size_t i = 0; i < json_count(object) && st == KARMA_OK; i++) {
        const struct json_member *m = &object->u.object.members[i];
        if (run_line_is_content(m->key)) continue;
        if (!first) st = buf_puts(out, ", ");
        first = false;
        if (st == KARMA_OK) st = json_write_string(out, m->key, m->key_len, JSON_PYTHON);
        if (st == KARMA_OK) st = buf_puts(out, ": ");
        if (st == KARMA_OK) st = json_write(out, m->value, 0, JSON_PYTHON);
    }
    return st == KARMA_OK ? buf_putc(out, '}') : st;
}

void run_chain_begin(struct run_chain *c) {
    memset(c->hex, '0', 64);
    c->hex[64] = '\0';
    c->n = 0;
}

void run_chain_add(struct run_chain *c, const char *line, size_t len) {
    unsigned char digest[32];
    struct sha256 h;
    sha256_begin(&h);
    sha256_add(&h, c->hex, 64);
    sha256_add(&h, line, len);
    sha256_end(&h, digest);
    sha256_hex(digest, c->hex);
    c->n++;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* A file that an older karma did not write is told apart from one that was lost. */
static karma_status need_file(const char *path, const char *results, const char *what) {
    if (file_exists(path)) return KARMA_OK;
    return status_fail(KARMA_E_MISSING,
                       "%s: not there: the %s of %s was not kept, or an older karma made that run; "
                       "run the evaluation again (answers in the store cost nothing)",
                       path, what, results);
}

static karma_status read_manifest(struct run_files *r) {
    int64_t version;
    karma_status st =
        json_parse_file(&r->kept, r->manifest_path, MAX_FILE_BYTES, JSON_LAST_WINS, &r->manifest);
    if (st < 0) return st;
    if (!json_is_object(r->manifest))
        return status_fail(KARMA_E_TYPE, "%s: expected an object, found %s", r->manifest_path,
                           json_type_name(r->manifest));
    st = json_need_int(r->manifest, "manifest_version", 1, INT64_MAX, &version);
    if (st < 0) return status_prefix(st, "%s", r->manifest_path);
    if (version > MANIFEST_VERSION)
        return status_fail(KARMA_E_VERSION,
                           "%s: written by a newer karma (manifest version %lld, this one knows "
                           "%d)",
                           r->manifest_path, (long long)version, MANIFEST_VERSION);
    return KARMA_OK;
}

static karma_status open_all(struct run_files *r, const char *results) {
    r->path = arena_strdup(&r->kept, results);
    if (!r->path) return KARMA_E_NOMEM;
    if (file_kind(results) == FILE_KIND_FOLDER)
        return status_fail(KARMA_E_PATH, "%s: is a folder; a run is named by its results file",
                           results);
    if (!file_exists(results))
        return status_fail(KARMA_E_NOTFOUND, "%s: there is no such results file", results);
    r->log_path = run_files_log_path(&r->kept, results);
    r->manifest_path = run_files_manifest_path(&r->kept, results);
    if (!r->log_path || !r->manifest_path) return KARMA_E_NOMEM;
    karma_status st = need_file(r->manifest_path, results, "manifest");
    if (st == KARMA_OK) st = need_file(r->log_path, results, "log of samples");
    if (st == KARMA_OK) st = read_manifest(r);
    return st == KARMA_OK ? file_map_open(r->log_path, &r->log) : st;
}

karma_status run_files_open(const char *results, struct run_files **out) {
    *out = NULL;
    struct run_files *r = mem_calloc(1, sizeof(*r));
    if (!r) return KARMA_E_NOMEM;
    karma_status st = open_all(r, results);
    if (st < 0) {
        run_files_close(r);
        return st;
    }
    *out = r;
    return KARMA_OK;
}

void run_files_close(struct run_files *r) {
    if (!r) return;
    file_map_close(&r->log);
    arena_release(&r->line);
    arena_release(&r->kept);
    mem_free(r);
}

const char *run_files_path(const struct run_files *r) {
    return r->path;
}

const char *run_files_log(const struct run_files *r) {
    return r->log_path;
}

const struct json *run_files_manifest(const struct run_files *r) {
    return r->manifest;
}

/* Texts of samples are in the log as well, which is read line by line. */
static karma_status read_results(struct run_files *r, const struct file_map *file) {
    static const char csv[] = "dataset,task_type,metric,";
    const char *text = (const char *)file->data;
    karma_status st;
    if (file->size >= sizeof(csv) - 1 && memcmp(text, csv, sizeof(csv) - 1) == 0)
        return status_fail(KARMA_E_UNSUPPORTED,
                           "%s: saved as CSV, which holds the scores alone; save it as json",
                           r->path);
    if (file->size && text[0] == '{')
        st = json_parse_without(&r->kept, file, "samples", &r->results);
    else
        st = yaml_parse(&r->kept, file->size ? text : "", file->size, &r->results);
    return st < 0 ? status_prefix(st, "%s", r->path) : st;
}

karma_status run_files_results(struct run_files *r, const struct json **results) {
    struct file_map file = {0};
    *results = r->results;
    if (r->results) return KARMA_OK;
    karma_status st = file_map_open(r->path, &file);
    if (st == KARMA_OK) st = read_results(r, &file);
    file_map_close(&file);
    if (st == KARMA_OK && (!json_is_object(r->results) || !json_get(r->results, "_summary"))) {
        r->results = NULL;
        st = status_fail(KARMA_E_MISSING, "%s: _summary: not there: this is no results file",
                         r->path);
    }
    *results = r->results;
    return st;
}

karma_status run_files_times(struct run_files *r, const struct json **run) {
    const char *path = run_files_times_path(&r->kept, r->path);
    *run = NULL;
    if (!path) return KARMA_E_NOMEM;
    if (!file_exists(path)) return KARMA_OK;
    return json_parse_file(&r->kept, path, MAX_FILE_BYTES, JSON_LAST_WINS, run);
}

/* --- the log ---------------------------------------------------------------------------------- */

static karma_status need_type(const struct json *object, const char *name, enum json_type type,
                              const char *expected, const struct json **out) {
    *out = json_get(object, name);
    if (json_is_null(*out)) {
        *out = NULL;
        return KARMA_OK;
    }
    if ((*out)->type == type) return KARMA_OK;
    return status_fail(KARMA_E_TYPE, "%s: expected %s, found %s", name, expected,
                       json_type_name(*out));
}

static karma_status read_state(const struct json *o, struct run_line *l) {
    static const char *const names[] = {"scored", "failed", "not_run"};
    const char *text;
    karma_status st = json_need_str(o, "state", &text);
    if (st < 0) return st;
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        l->state = (enum run_line_state)i;
        if (i == RUN_LINE_FAILED) return json_need_str(o, "error", &l->error);
        return i == RUN_LINE_SCORED ? json_need_str(o, "outcome", &l->outcome) : KARMA_OK;
    }
    return status_fail(KARMA_E_RANGE, "state: expected scored, failed or not_run, found %s",
                       status_quotez(text));
}

static karma_status read_fields(const struct json *o, struct run_line *l) {
    int64_t index = 0;
    l->object = o;
    karma_status st = json_need_str(o, "dataset", &l->dataset);
    if (st == KARMA_OK) st = json_need_str(o, "key", &l->key);
    if (st == KARMA_OK) st = json_need_int(o, "index", 0, INT64_MAX, &index);
    if (st == KARMA_OK) st = read_state(o, l);
    l->index = (size_t)index;
    if (st == KARMA_OK) st = need_type(o, "scores", JSON_OBJECT, "an object", &l->scores);
    if (st == KARMA_OK) st = need_type(o, "counts", JSON_OBJECT, "an object", &l->counts);
    if (st == KARMA_OK) st = need_type(o, "flags", JSON_ARRAY, "an array", &l->flags);
    if (st == KARMA_OK) st = need_type(o, "slices", JSON_OBJECT, "an object", &l->slices);
    if (st == KARMA_OK) st = need_type(o, "logprobs", JSON_OBJECT, "an object", &l->logprobs);
    if (st == KARMA_OK) st = json_field_int(o, "prompt_tokens", 0, INT64_MAX, 0, &l->prompt_tokens);
    if (st == KARMA_OK) st = json_field_int(o, "tokens", 0, INT64_MAX, 0, &l->tokens);
    if (st == KARMA_OK) st = json_field_str(o, "prompt_sha256", NULL, &l->prompt_sha256);
    if (st == KARMA_OK) st = json_field_str(o, "answer_sha256", NULL, &l->answer_sha256);
    if (st == KARMA_OK) st = json_field_str(o, "answer_type", NULL, &l->answer_type);
    if (st == KARMA_OK) st = json_field_str(o, "group", NULL, &l->group);
    if (st == KARMA_OK && l->state == RUN_LINE_SCORED && !l->scores)
        st = status_fail(KARMA_E_MISSING, "scores: not there");
    return st;
}

static karma_status parse_line(struct run_files *r, struct run_line *l) {
    const struct json *object;
    arena_reset(&r->line);
    karma_status st = l->text_len > MAX_LINE_BYTES
                          ? status_fail(KARMA_E_LIMIT, "line of %zu bytes", l->text_len)
                          : json_parse(&r->line, l->text, l->text_len, JSON_LAST_WINS, &object);
    if (st == KARMA_OK && !json_is_object(object))
        st = status_fail(KARMA_E_TYPE, "expected an object, found %s", json_type_name(object));
    if (st == KARMA_OK) st = read_fields(object, l);
    return st < 0 ? status_prefix(st, "%s: line %zu", r->log_path, l->line_no) : st;
}

/* A log that was cut has no newline at its end: what stands there is no whole line. */
karma_status run_files_next(struct run_files *r, struct run_line *line) {
    *line = (struct run_line){0};
    if (r->at >= r->log.size) return KARMA_DONE;
    const char *text = (const char *)r->log.data + r->at;
    const char *end = memchr(text, '\n', r->log.size - r->at);
    line->line_no = ++r->line_no;
    line->offset = r->at;
    if (!end)
        return status_fail(KARMA_E_TRUNCATED, "%s: line %zu: the file ends within it", r->log_path,
                           line->line_no);
    line->text = text;
    line->text_len = (size_t)(end - text);
    karma_status st = parse_line(r, line);
    if (line->offset > r->forgotten + FORGET_BYTES) {
        file_map_forget(&r->log, r->forgotten, line->offset);
        r->forgotten = line->offset;
    }
    r->at = line->offset + line->text_len + 1;
    return st;
}

karma_status run_files_at(struct run_files *r, size_t offset, struct run_line *line) {
    if (offset >= r->log.size || (offset > 0 && r->log.data[offset - 1] != '\n'))
        return status_fail(KARMA_E_RANGE, "%s: no line begins at byte %zu", r->log_path, offset);
    const bool onwards = offset >= r->at; /* lines before it are known */
    size_t line_no = onwards ? r->line_no : 0;
    for (const char *p = (const char *)r->log.data + (onwards ? r->at : 0),
                    *end = (const char *)r->log.data + offset;
         p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        line_no++;
    r->at = offset;
    r->line_no = line_no;
    return run_files_next(r, line);
}

void run_files_rewind(struct run_files *r) {
    r->at = r->line_no = r->forgotten = 0;
}
