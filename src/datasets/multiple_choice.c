/* multiple_choice.c - any file of multiple-choice questions with columns question, options, answer.
 */
#include "datasets/dataset.h"

static const char *const metrics[] = {"exact_match", NULL};
static const char *const processors[] = {NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "null"),
    {.name = NULL},
};

const struct dataset_spec dataset_multiple_choice = {
    .info =
        {
            .name = "multiple_choice",
            .description = "multiple-choice questions of a file: columns question, options "
                           "(or choices, or A B C...), answer",
            .task_type = "mcqa",
            .metrics = metrics,
            .processors = processors,
            .options = options,
            .prompt = "Question: {question}\n{options}\n\nChoose the one correct option. You may "
                      "think first; end with \"Final Answer:\" and its letter in parentheses.",
            .extraction = "mcqa",
        },
    .kind = DATASET_MULTIPLE_CHOICE,
    .images = DATASET_IMAGES_SOME,
};
