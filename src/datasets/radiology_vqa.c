/*
 * radiology_vqa.c - VQA-RAD and the English part of SLAKE, questions on radiographs, from local
 * copies of their rows, asked as KARMA asks them. References are in lower case, as there. Which
 * questions are closed the rows may say; else those are that are answered by yes or no.
 */
#include "datasets/adapt.h"

static karma_status prompt_for(struct arena *a, const struct json *args, const char *own,
                               const char **out) {
    static const struct prompt_places places = {.question = "{question}"};
    return adapt_instructions(a, args, own, &places, out);
}

static const char *const metrics[] = {"exact_match", "tokenised_f1", NULL};
static const char *const processors[] = {NULL};
static const char *const columns[] = {"image", "question", "answer", NULL};
static const karma_option_spec options[] = {
    IMAGE_COMMON_OPTIONS(true, "\"test\""),
    INSTRUCTIONS_OPTION,
    {.name = NULL},
};

/* The line breaks inside are KARMA's. */
static const char rad_prompt[] =
    "Given this radiology image, which can be a frontal chest X-ray, a single slice head or\n"
    "abdominal CT or MR image, provide a very short, definitive, and concise answer (if possible, "
    "a single\nword) to the following question: {question}";

const struct dataset_spec dataset_vqa_rad = {
    .info =
        {
            .name = "flaviagiammarino/vqa-rad",
            .description = "questions on radiographs, CT and MR slices; path: its rows",
            .task_type = "vqa",
            .metrics = metrics,
            .processors = processors,
            .split = "test",
            .commit_hash = "bcf91e7654fb9d51c8ab6a5b82cacf3fafd2fae9",
            .options = options,
            .prompt = rad_prompt,
            .extraction = "strip",
        },
    .kind = DATASET_QUESTION_ANSWER,
    .images = DATASET_IMAGES_ALL,
    .closed_by_answer = true,
    .lower_answer = true,
    .prompt = prompt_for,
    .hub_id = "flaviagiammarino/vqa-rad",
    .columns = columns,
};

static const char slake_prompt[] =
    "{question} You may write out your argument before stating your final very short,\n"
    "definitive, and concise answer (if possible, a single word or the letter corresponding to "
    "your answer\nchoice) X in the format \"Final Answer: X\": ";

const struct dataset_spec dataset_slake = {
    .info =
        {
            .name = "mdwiratathya/SLAKE-vqa-english",
            .description = "questions on radiographs, CT and MR slices, with reasons allowed; "
                           "path: its rows",
            .task_type = "vqa",
            .metrics = metrics,
            .processors = processors,
            .split = "test",
            .commit_hash = "8d18b4d5a4eae47101c1d9f57b99fc58df66f17e",
            .options = options,
            .prompt = slake_prompt,
            .extraction = "final_answer",
        },
    .kind = DATASET_QUESTION_ANSWER,
    .images = DATASET_IMAGES_ALL,
    .closed_by_answer = true,
    .lower_answer = true,
    .prompt = prompt_for,
    .hub_id = "mdwiratathya/SLAKE-vqa-english",
    .columns = columns,
};
