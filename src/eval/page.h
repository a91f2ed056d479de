/*
 * page.h - a page of a run's samples for people: pictures, question, answer, reference, scores. One
 * HTML file that fetches nothing: pictures that are files are links beside it, others are part of
 * it. Written sample by sample, so that it takes the memory of one.
 */
#ifndef EVAL_PAGE_H
#define EVAL_PAGE_H

#include "base/file.h"
#include "eval/store.h"
#include "karma/karma.h"

/* What shows that a file is such a page. */
#define PAGE_MARK "<meta name=\"generator\" content=\"karma samples\">"

struct page {
    struct file_writer writer;
    struct buf text;    /* not written yet */
    struct arena arena; /* of one sample */
    const char *folder; /* of the page, without links; in `kept` */
    struct arena kept;
    bool open, in_table;
};

/* Of one sample. */
struct page_sample {
    const karma_sample *sample;
    const struct answer *answer;
    const char *prediction;  /* NULL: it failed */
    const char *answer_type; /* may be NULL */
    const char *scores;      /* "exact_match 1.000, ..."; NULL: it failed */
};

/* All-zero is a page that is not written: everything below is then nothing. */
karma_status page_begin(struct page *p, const char *path, const char *model);
karma_status page_dataset(struct page *p, const char *name);
karma_status page_add(struct page *p, const struct page_sample *s);
/* st < 0: the page is given up, and st comes back. Releases p in every case. */
karma_status page_end(struct page *p, karma_status st);

#endif
