/* question_answer.c - any file of open questions with columns question, answer. */
#include "datasets/dataset.h"

static const char *const metrics[] = {"exact_match", "tokenised_f1", NULL};
static const char *const processors[] = {NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "null"),
    {.name = NULL},
};

const struct dataset_spec dataset_question_answer = {
    .info =
        {
            .name = "question_answer",
            .description = "open questions of a file: columns question, answer",
            .task_type = "open_ended_qa",
            .metrics = metrics,
            .processors = processors,
            .options = options,
            .prompt = "{question}",
            .extraction = "strip",
        },
    .kind = DATASET_QUESTION_ANSWER,
    .images = DATASET_IMAGES_SOME,
};
