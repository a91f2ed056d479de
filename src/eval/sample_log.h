/*
 * sample_log.h - the log of a run's samples ("results.samples.jsonl", doc/reference/evaluation.md):
 * a JSON object a line, in the order of the data sets, and the chain of digests over the lines. It
 * is written as samples are scored and takes the memory of one line. Without content there is no
 * text of prompt, answer or reference in it.
 */
#ifndef EVAL_SAMPLE_LOG_H
#define EVAL_SAMPLE_LOG_H

#include "base/file.h"
#include "eval/judge.h"
#include "eval/run_files.h"

/* What shows that a file is such a log: how its lines begin. */
#define SAMPLE_LOG_MARK "{\"dataset\": "

struct sample_log {
    struct file_writer writer;
    struct buf text;    /* not written yet */
    struct buf line;    /* being put together, without content */
    struct arena arena; /* of one line */
    struct run_chain chain;
    const char *path; /* NULL: none is written */
    bool content, open;
};

/* The file is begun with the first sample. path must stay; all-zero is a log that is not written:
 * the rest is then nothing. */
void sample_log_begin(struct sample_log *l, const char *path, bool content);
/* A sample that was scored, or failed. */
karma_status sample_log_add(struct sample_log *l, struct plan_dataset *d, const struct judged *j);
karma_status sample_log_not_run(struct sample_log *l, struct plan_dataset *d,
                                const struct judged *j);
/* st < 0: the log is given up, and st comes back. Its chain stays. */
karma_status sample_log_end(struct sample_log *l, karma_status st);

#endif
