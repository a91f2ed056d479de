/*
 * radiology_vqa.c - VQA-RAD and the English part of SLAKE, questions on radiographs, from local
 * copies of their rows, asked as KARMA asks them. References are in lower case, as there. Which
 * questions are closed the rows may say; else those are that are answered by yes or no.
 */
#include <string.h>

#include "datasets/dataset.h"

/* The prompt that stands in for the set's own: KARMA puts the question in place of <QUESTION>. */
static karma_status own_prompt(struct arena *a, const struct json *args, const char *otherwise,
                               const char **out) {
    static const char mark[] = "<QUESTION>";
    const char *text = json_str(json_get(args, "confinement_instructions"), "");
    struct buf b = {0};
    karma_status st = KARMA_OK;
    *out = otherwise;
    if (!text[0]) return KARMA_OK;
    if (!strstr(text, mark))
        return status_fail(KARMA_E_USAGE,
                           "data set argument confinement_instructions: %s is not in it, so the "
                           "question would not be asked",
                           mark);
    while (*text && st == KARMA_OK) {
        if (strncmp(text, mark, sizeof(mark) - 1) == 0) {
            st = buf_puts(&b, "{question}");
            text += sizeof(mark) - 1;
            continue;
        }
        if (*text == '{' || *text == '}') st = buf_putc(&b, *text); /* twice: a brace */
        if (st == KARMA_OK) st = buf_putc(&b, *text++);
    }
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

static const char *const metrics[] = {"exact_match", "tokenised_f1", NULL};
static const char *const processors[] = {NULL};
static const karma_option_spec options[] = {
    IMAGE_COMMON_OPTIONS(true, "\"test\""),
    {.name = "confinement_instructions",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"\"",
     .help = "another prompt, with QUESTION in angle brackets where the question goes; "
             "empty: the set's own"},
    {.name = NULL},
};

/* The line breaks inside are KARMA's. */
static const char rad_prompt[] =
    "Given this radiology image, which can be a frontal chest X-ray, a single slice head or\n"
    "abdominal CT or MR image, provide a very short, definitive, and concise answer (if possible, "
    "a single\nword) to the following question: {question}";

static karma_status rad_prompt_for(struct arena *a, const struct json *args, const char **out) {
    return own_prompt(a, args, rad_prompt, out);
}

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
    .prompt = rad_prompt_for,
};

static const char slake_prompt[] =
    "{question} You may write out your argument before stating your final very short,\n"
    "definitive, and concise answer (if possible, a single word or the letter corresponding to "
    "your answer\nchoice) X in the format \"Final Answer: X\": ";

static karma_status slake_prompt_for(struct arena *a, const struct json *args, const char **out) {
    return own_prompt(a, args, slake_prompt, out);
}

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
    .prompt = slake_prompt_for,
};
