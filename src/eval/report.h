/* report.h - results and run file: as JSON, YAML or CSV text, written by rename with mode 0600. */
#ifndef EVAL_REPORT_H
#define EVAL_REPORT_H

#include "eval/plan.h"

/* results: the object of the whole report. Appended to *out. */
karma_status report_text(const struct json *results, enum output_format format, struct buf *out);
/* Write the results to plan's output. */
karma_status report_write(const struct plan *p, const struct buf *text);

#endif
