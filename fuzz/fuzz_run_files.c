/*
 * fuzz_run_files.c - any bytes as the files of a run: the manifest, a line "---", the log of
 * samples, a line "---", the results. A line that is read gives itself again from its offset, and
 * its text for the chain is the same when it is read again; what takes samples out of a run ends
 * with a file or an error. The folder is a temporary one, removed at the end.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eval/manifest.h"
#include "eval/run_files.h"
#include "karma/run.h"

static const char *const names[] = {"run.manifest.json", "run.samples.jsonl", "run.json", "out.csv",
                                    "out.jsonl"};
enum { N_NAMES = sizeof(names) / sizeof(*names), RESULTS = 2, OUT_CSV = 3, OUT_JSONL = 4 };

static char folder[] = "/tmp/karma_fuzz_XXXXXX";
static char paths[N_NAMES][64];

static void check(bool holds) {
    if (!holds) abort();
}

static void remove_folder(void) {
    for (int i = 0; i < N_NAMES; i++)
        unlink(paths[i]);
    rmdir(folder);
}

static void make_folder(void) {
    check(mkdtemp(folder) != NULL && atexit(remove_folder) == 0);
    for (int i = 0; i < N_NAMES; i++)
        snprintf(paths[i], sizeof(paths[i]), "%s/%s", folder, names[i]);
}

static void write_parts(const uint8_t *data, size_t size) {
    static const char mark[] = "\n---\n";
    for (int i = 0; i <= RESULTS; i++) {
        const uint8_t *end =
            size && i < RESULTS ? memmem(data, size, mark, sizeof(mark) - 1) : NULL;
        const size_t n = end ? (size_t)(end - data) + 1 : size; /* with its newline */
        FILE *file = fopen(paths[i], "wb");
        check(file && fwrite(data, 1, n, file) == n && fclose(file) == 0);
        data += end ? n + sizeof(mark) - 2 : n;
        size -= end ? n + sizeof(mark) - 2 : n;
    }
}

static void check_chain_text(const struct json *object) {
    struct arena a = {0};
    struct buf text = {0}, again = {0};
    const struct json *o;
    check(run_line_for_chain(object, &text) == KARMA_OK);
    check(json_parse(&a, text.data, text.len, JSON_LAST_WINS, &o) == KARMA_OK && json_is_object(o));
    for (size_t i = 0; i < json_count(o); i++)
        check(!run_line_is_content(o->u.object.members[i].key));
    check(run_line_for_chain(o, &again) == KARMA_OK);
    check(text.len == again.len && memcmp(text.data, again.data, text.len) == 0);
    buf_release(&text);
    buf_release(&again);
    arena_release(&a);
}

static void check_line(const struct run_line *l) {
    check(l->dataset && l->key && json_is_object(l->object));
    check((l->state == RUN_LINE_FAILED) == (l->error != NULL));
    check(l->state != RUN_LINE_SCORED || (l->outcome && json_is_object(l->scores)));
    check(l->prompt_tokens >= 0 && l->tokens >= 0);
    check_chain_text(l->object);
}

static void check_log(struct run_files *files) {
    struct run_line line, same;
    struct run_chain chain;
    karma_status st;
    size_t n = 0, last = 0;
    run_chain_begin(&chain);
    while ((st = run_files_next(files, &line)) == KARMA_OK) {
        check(line.line_no == ++n && line.text_len < SIZE_MAX);
        check_line(&line);
        run_chain_add(&chain, line.text, line.text_len);
        last = line.offset;
    }
    check(st == KARMA_DONE || strstr(karma_error_message(), ": line ") != NULL);
    check(chain.n == n && strlen(chain.hex) == 64);
    if (n > 0) check(run_files_at(files, last, &same) == KARMA_OK && same.line_no == n);
    run_files_rewind(files);
    for (size_t again = 0; again < n; again++)
        check(run_files_next(files, &line) == KARMA_OK && line.line_no == again + 1);
}

static void take_out(const char *output, bool content) {
    karma_export_options o = karma_export_defaults();
    size_t n;
    o.results = paths[RESULTS];
    o.output = output;
    o.include_content = content;
    o.force = true;
    check(karma_export(&o, &n) == KARMA_OK || karma_error_message()[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool made;
    struct run_files *files;
    if (!made) make_folder();
    made = true;
    write_parts(data, size);
    if (run_files_open(paths[RESULTS], &files) < 0) {
        check(files == NULL && karma_error_message()[0]);
        return 0;
    }
    struct arena a = {0};
    const struct json *results;
    karma_eval_options options;
    check(json_is_object(run_files_manifest(files)));
    if (manifest_options(&a, run_files_manifest(files), &options) == KARMA_OK)
        check(options.datasets && options.datasets[0]);
    if (run_files_results(files, &results) == KARMA_OK) check(json_is_object(results));
    check_log(files);
    run_files_close(files);
    arena_release(&a);
    take_out(paths[OUT_CSV], false);
    take_out(paths[OUT_JSONL], true);
    return 0;
}
