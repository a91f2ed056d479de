/*
 * run_files.h - the files of a finished run, by the path of its results file: "results.json", and
 * beside it "results.samples.jsonl" (a line a sample, in the order of the run),
 * "results.manifest.json" (what made the answers what they are) and "run.json" (times and host).
 * The log is read line by line, so that a run of any length takes the memory of its longest line.
 * Every error names the file and the line.
 */
#ifndef EVAL_RUN_FILES_H
#define EVAL_RUN_FILES_H

#include "base/json.h"
#include "base/mem.h"

/* Their paths, in a. With "results.json": "results.samples.jsonl", "results.manifest.json" and
 * "run.json"; with "NAME.ext" or "NAME": "NAME.samples.jsonl", "NAME.manifest.json" and
 * "NAME.run.json". NULL: no memory (message set). */
const char *run_files_log_path(struct arena *a, const char *results);
const char *run_files_manifest_path(struct arena *a, const char *results);
const char *run_files_times_path(struct arena *a, const char *results);

enum run_line_state { RUN_LINE_SCORED, RUN_LINE_FAILED, RUN_LINE_NOT_RUN };

/* A sample, as the log has it. Texts and JSON are lent until the next line is read. */
struct run_line {
    const char *dataset, *key;
    size_t index; /* in its data set */
    enum run_line_state state;
    const char *error;         /* "E_LIMIT", of a failed one; NULL else */
    const char *outcome;       /* "marker", "fallback", "ambiguous", "none", "cut" or
                                * "thought_without_end", of a scored one; NULL else */
    const struct json *scores; /* {metric: number}; NULL unless scored */
    const struct json *counts; /* {metric: [numbers]} of metrics that are no mean; may be NULL */
    const struct json *flags;  /* [names]; NULL: none */
    int64_t prompt_tokens, tokens;
    const char *prompt_sha256, *answer_sha256; /* NULL: not asked, or no answer */
    const char *answer_type;                   /* part of the set; NULL: none */
    const char *group;                         /* samples of one question; NULL: its own */
    const struct json *slices;                 /* {field: value}; may be NULL */
    const struct json *logprobs;               /* {way: {label: number}}; may be NULL */
    /* The whole object, with the content members of a run with --include-content: "input" or
     * "conversation", "images", "audio", "expected_output", "output", "thinking", "prediction",
     * "reference_label", "details", "criteria". */
    const struct json *object;
    const char *text; /* the line itself, [text_len], without its newline; not NUL-terminated */
    size_t text_len;
    size_t line_no, offset; /* in the log: from 1, from 0 */
};

struct run_files;

/* results: path of a results file (JSON, YAML or CSV). Reads the manifest and opens the log; a run
 * without them (made by an older karma) is E_MISSING, one of a newer karma E_VERSION, one whose
 * files do not belong together E_DIGEST when it is noticed. */
karma_status run_files_open(const char *results, struct run_files **out);
void run_files_close(struct run_files *r);

const char *run_files_path(const struct run_files *r); /* of the results, as given */
const char *run_files_log(const struct run_files *r);  /* path of the log */
const struct json *run_files_manifest(const struct run_files *r);
/* The results as a tree, read when first asked for; lent by r. Of JSON without the texts of samples
 * that a run with content has in them. E_UNSUPPORTED: saved as CSV, which holds only the scores. */
karma_status run_files_results(struct run_files *r, const struct json **results);
/* Times and host; *run NULL when there is no such file (it was not kept). */
karma_status run_files_times(struct run_files *r, const struct json **run);

/* The next line of the log, KARMA_DONE behind the last. E_SYNTAX, E_MISSING, E_TYPE: the line is
 * none of ours. */
karma_status run_files_next(struct run_files *r, struct run_line *line);
/* The line at an offset that a line before had; the next one read is the one behind it. */
karma_status run_files_at(struct run_files *r, size_t offset, struct run_line *line);
void run_files_rewind(struct run_files *r);

/* Content members are no part of the chain: with and without --include-content a run has one. */
bool run_line_is_content(const char *member);
/* A line as the chain has it: without content, appended to *out. */
karma_status run_line_for_chain(const struct json *object, struct buf *out);

/* The chain over the log: h_0 = 64 zeros, h_i = sha256(h_{i-1} as hex, line i without content). */
struct run_chain {
    char hex[65];
    size_t n;
};
void run_chain_begin(struct run_chain *c);
void run_chain_add(struct run_chain *c, const char *line, size_t len);

#endif
