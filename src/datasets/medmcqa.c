/*
 * medmcqa.c - MedMCQA, questions of Indian entrance examinations, and its translations into Indian
 * languages, from local copies of their rows, asked as KARMA asks them.
 */
#include "datasets/medical_mcq.h"

static const char *const metrics[] = {"exact_match", NULL};
static const char *const processors[] = {NULL};
static const char *const slices[] = {"subject_name", "choice_type", NULL};
static const char *const columns[] = {"question", "opa", "opb", "opc", "opd", "cop", NULL};
static const char *const option_columns[] = {"opa", "opb", "opc", "opd", NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"validation\""),
    INSTRUCTIONS_OPTION,
    {.name = NULL},
};

const struct dataset_spec dataset_medmcqa = {
    .info = {.name = "openlifescienceai/medmcqa",
             .description = "questions of Indian entrance examinations; path: its rows",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "validation",
             .commit_hash = "91c6572c454088bf71b679ad90aa8dffcd0d5868",
             .options = options,
             .prompt = MEDICAL_MCQ_PROMPT,
             .extraction = "mcqa"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.answer = "cop", .options = option_columns},
    .prompt = adapt_choice_prompt,
    .upstream = {.extraction = "mcqa_upstream"},
    .hub_id = "openlifescienceai/medmcqa",
    .columns = columns,
    .slices = slices,
    .n_options = "4",
};

/* ---- in Indian languages ---- */

static karma_status adapt_language(struct arena *a, const struct dataset_source *from,
                                   struct dataset_standard *out) {
    bool wanted;
    karma_status st = adapt_is_wanted(a, from, "subset", &wanted);
    out->row = from->value;
    return st == KARMA_OK && !wanted ? KARMA_DONE : st;
}

static const karma_option_spec language_options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    {.name = "subset",
     .type = KARMA_OPTION_STRING,
     .required = true,
     .help = "the language by its code, such as as: a folder in that of path, or what the rows' "
             "column subset says"},
    INSTRUCTIONS_OPTION,
    {.name = NULL},
};

const struct dataset_spec dataset_medmcqa_indic = {
    .info = {.name = "ekacare/MedMCQA-Indic",
             .description = "the same in Indian languages; path: the rows of one, or a folder",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .commit_hash = "c1e955a50a123c7534c768ec4e693b35a1817170",
             .options = language_options,
             .prompt = MEDICAL_MCQ_PROMPT,
             .extraction = "mcqa"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.answer = "cop", .options = option_columns},
    .adapt = adapt_language,
    .prompt = adapt_choice_prompt,
    .upstream = {.extraction = "mcqa_upstream"},
    .folder_argument = "subset",
    .hub_id = "ekacare/MedMCQA-Indic",
    .config = "the argument subset",
    .columns = columns,
    .slices = slices,
    .n_options = "4",
};
