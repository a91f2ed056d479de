/* visual_question_answer.c - any file of questions on pictures: columns image, question, answer. */
#include "datasets/dataset.h"

static const char *const metrics[] = {"exact_match", "tokenised_f1", NULL};
static const char *const processors[] = {NULL};
static const karma_option_spec options[] = {
    IMAGE_COMMON_OPTIONS(true, "null"),
    {.name = NULL},
};

const struct dataset_spec dataset_visual_question_answer = {
    .info =
        {
            .name = "visual_question_answer",
            .description = "questions on pictures: columns image (or images), question, answer, "
                           "answer_type (open, closed)",
            .task_type = "vqa",
            .metrics = metrics,
            .processors = processors,
            .options = options,
            .prompt = "{question}",
            .extraction = "strip",
        },
    .kind = DATASET_QUESTION_ANSWER,
    .images = DATASET_IMAGES_ALL,
    .closed_by_answer = true,
};
