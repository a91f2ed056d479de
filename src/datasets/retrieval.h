/*
 * retrieval.h - the documents and the judgements of a retrieval set, whole in memory and checked.
 * Its queries are rows like those of any data set.
 */
#ifndef DATASETS_RETRIEVAL_H
#define DATASETS_RETRIEVAL_H

#include "base/map.h"
#include "datasets/dataset.h"

struct retrieval {
    struct arena arena; /* ids, texts, judgements */
    const char **ids, **texts;
    size_t n_documents, cap;
    struct map documents;   /* id -> index of its first row */
    struct map queries;     /* id of a judged query -> struct judged_query */
    struct map pairs;       /* while the judgements are read: query and document -> line */
    char corpus_digest[65]; /* of ids and texts in their order */
    char files_digest[65];  /* of the bytes of both files */
    const char *qrels_path; /* lent by the caller of retrieval_open */
};

/* Find the file of a part ("corpus") in a folder: PART/SPLIT.EXT or PART.EXT; split may be NULL.
 * E_MISSING. */
karma_status retrieval_find_part(struct arena *a, const char *folder, const char *part,
                                 const char *split, const char **path);

/* Read both files. On failure *out is empty; its message has file and line. Paths must last. */
karma_status retrieval_open(const struct dataset_spec *spec, const struct retrieval_paths *paths,
                            struct retrieval *out);
void retrieval_close(struct retrieval *r);

/* A row of the queries as one with columns id and question. */
karma_status retrieval_query_row(struct arena *a, const struct dataset_spec *spec,
                                 const struct reader_row *row, const struct json **out);
/* The judgements of a query as {"document": grade}, in a; *out NULL when there are none. */
karma_status retrieval_reference(struct arena *a, const struct retrieval *r, const char *query,
                                 const char **out);
/* The query is there; then whether all judged ones were. E_MISSING: names line and query. */
void retrieval_saw(struct retrieval *r, const char *query);
karma_status retrieval_check_seen(const struct retrieval *r, const char *queries_path);
/* What makes an answer depend on the corpus: {"query_id": ..., "corpus": digest}, in a. */
karma_status retrieval_other_args(struct arena *a, const struct retrieval *r, const char *query,
                                  const char **out);

#endif
