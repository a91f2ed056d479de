/* retrieval_set.c - any folder of documents, queries and judgements: BEIR's layout. */
#include "datasets/dataset.h"

static const char *const metrics[] = {"ndcg@k", "recall@k", "mrr@k", "map@k", "precision@k", NULL};
static const char *const processors[] = {NULL};
static const karma_option_spec options[] = {
    RETRIEVAL_COMMON_OPTIONS(false, "\"test\""),
    {.name = NULL},
};

const struct dataset_spec dataset_retrieval = {
    .info =
        {
            .name = "retrieval",
            .description = "queries whose documents are known: a folder with corpus.jsonl, "
                           "queries.jsonl and qrels/test.tsv, as BEIR has them",
            .task_type = "retrieval",
            .metrics = metrics,
            .processors = processors,
            .split = "test",
            .options = options,
            .prompt = "{question}",
            .extraction = "ranking",
        },
    .kind = DATASET_RETRIEVAL,
};
