/*
 * medxpertqa.c - MedXpertQA, the part that shows pictures and the one of text alone, from local
 * copies of their rows, asked as KARMA asks them but for one thing: its prompt has a line break
 * inside the marker that it then looks for without one. Protocol "upstream" keeps that.
 */
#include "datasets/adapt.h"

#define PROMPT(gap)                                                                                \
    "{question}\n\n{options} Think\nstep by step through each of the multiple choice options. "    \
    "You MUST end your response with \"Final" gap "Answer:\" followed by only the letter "         \
    "corresponding to the correct answer enclosed in parentheses)."

static const char *const metrics[] = {"exact_match", NULL};
static const char *const processors[] = {NULL};
static const char *const option_columns[] = {"options", NULL};
static const char *const image_columns[] = {"images", NULL};
static const char *const slices[] = {"medical_task", "body_system", "question_type", NULL};
static const karma_option_spec options[] = {
    IMAGE_COMMON_OPTIONS(true, "\"test\""),
    {.name = NULL},
};
static const char *const columns[] = {"question", "options", "label", "images", NULL};

const struct dataset_spec dataset_medxpertqa = {
    .info = {.name = "ChuGyouk/MedXpertQA",
             .description = "hard multiple-choice questions with pictures; path: the rows of its "
                            "configuration MM",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .commit_hash = "7186bd593752a47d6bd72ccf99ca67df69be18bd",
             .options = options,
             .prompt = PROMPT(" "),
             .extraction = "mcqa"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.answer = "label", .options = option_columns, .images = image_columns},
    .images = DATASET_IMAGES_ALL,
    .upstream = {.prompt = PROMPT("\n"), .extraction = "between_markers"},
    .hub_id = "ChuGyouk/MedXpertQA",
    .config = "MM",
    .columns = columns,
    .slices = slices,
    .n_options = "5",
};

static const karma_option_spec text_options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    {.name = NULL},
};
static const char *const text_columns[] = {"question", "options", "label", NULL};

const struct dataset_spec dataset_medxpertqa_text = {
    .info = {.name = "TsinghuaC3I/MedXpertQA",
             .description = "hard multiple-choice questions with ten options; path: the rows of "
                            "its configuration Text",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .commit_hash = "7e7c465a68eb2b866926bfa59c8c9d17a8daba65",
             .options = text_options,
             .prompt = PROMPT(" "),
             .extraction = "mcqa"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.answer = "label", .options = option_columns},
    .upstream = {.prompt = PROMPT("\n"), .extraction = "between_markers"},
    .hub_id = "TsinghuaC3I/MedXpertQA",
    .config = "Text",
    .columns = text_columns,
    .slices = slices,
    .n_options = "10",
};
