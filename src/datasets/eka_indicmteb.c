/*
 * eka_indicmteb.c - medical terms in Indian languages and the concepts they mean, from a local copy
 * of its three tables. KARMA ranks each term's concepts by any of their texts and, when several
 * texts of one concept are found, keeps the score of the last; here a concept has the score of its
 * best text.
 */
#include "datasets/dataset.h"

static const char *const metrics[] = {"ndcg@k", "recall@k", "map@k", "precision@k", NULL};
static const char *const processors[] = {NULL};
static const char *const columns[] = {"term_id", "term", "concept_id", "text", "score", NULL};
static const char *const slices[] = {"language", NULL};
static const karma_option_spec options[] = {
    RETRIEVAL_COMMON_OPTIONS(true, "\"test\""),
    {.name = "language",
     .type = KARMA_OPTION_STRING,
     .nullable = true,
     .default_json = "null",
     .help = "queries to take, by the column language; null: all"},
    {.name = NULL},
};

const struct dataset_spec dataset_eka_indicmteb = {
    .info =
        {
            .name = "ekacare/Eka-IndicMTEB",
            .description = "medical terms in Indian languages, each with the concepts it means; "
                           "path: a folder with its corpus, queries and qrels",
            .task_type = "retrieval",
            .metrics = metrics,
            .processors = processors,
            .split = "test",
            .options = options,
            .prompt = "{question}",
            .extraction = "ranking",
        },
    .kind = DATASET_RETRIEVAL,
    .retrieval = {.query_id = "term_id",
                  .query = "term",
                  .document_id = "concept_id",
                  .document_text = "text",
                  .qrels_query = "term_id",
                  .qrels_document = "concept_id",
                  .grade = "score"},
    .many_texts = true,
    .hub_id = "ekacare/Eka-IndicMTEB",
    .columns = columns,
    .slices = slices,
};
