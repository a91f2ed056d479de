/*
 * medxpertqa.c - the part of MedXpertQA that shows pictures, from a local copy of its rows, asked
 * as KARMA asks it. The answer is read by the rule for letters: KARMA takes all that stands behind
 * "Final Answer:", which its prompt, with a line break inside, does not ask for.
 */
#include "datasets/dataset.h"

static const char *const metrics[] = {"exact_match", NULL};
static const char *const processors[] = {NULL};
static const char *const option_columns[] = {"options", NULL};
static const char *const image_columns[] = {"images", NULL};
static const karma_option_spec options[] = {
    IMAGE_COMMON_OPTIONS(true, "\"test\""),
    {.name = NULL},
};

const struct dataset_spec dataset_medxpertqa = {
    .info =
        {
            .name = "ChuGyouk/MedXpertQA",
            .description = "hard multiple-choice questions with pictures; path: the rows of its "
                           "configuration MM",
            .task_type = "mcqa",
            .metrics = metrics,
            .processors = processors,
            .split = "test",
            .commit_hash = "7186bd593752a47d6bd72ccf99ca67df69be18bd",
            .options = options,
            .prompt = "{question}\n\n{options} Think\nstep by step through each of the multiple "
                      "choice options. You MUST end your response with \"Final\nAnswer:\" followed "
                      "by only the letter corresponding to the correct answer enclosed in "
                      "parentheses).",
            .extraction = "mcqa",
        },
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.answer = "label", .options = option_columns, .images = image_columns},
    .images = DATASET_IMAGES_ALL,
};
