/*
 * mmlu.c - the medical subjects of MMLU, from local copies of the rows that openlifescienceai and
 * Eka Care publish, asked as KARMA asks them.
 */
#include "datasets/medical_mcq.h"

static const char *const metrics[] = {"exact_match", NULL};
static const char *const processors[] = {NULL};
static const char *const slices[] = {"subject_name", NULL};
static const char *const columns[] = {"data.Question", "data.Options", "data.Correct Option",
                                      "data.Context", NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    INSTRUCTIONS_OPTION,
    {.name = NULL},
};

#define SUBJECT(subject, what, revision)                                                           \
    {                                                                                              \
        .info = {.name = "openlifescienceai/mmlu_" subject,                                        \
                 .description = "MMLU's questions on " what "; path: its rows",                    \
                 .task_type = "mcqa",                                                              \
                 .metrics = metrics,                                                               \
                 .processors = processors,                                                         \
                 .split = "test",                                                                  \
                 .commit_hash = (revision),                                                        \
                 .options = options,                                                               \
                 .prompt = MEDICAL_MCQ_PROMPT,                                                     \
                 .extraction = "mcqa"},                                                            \
        .kind = DATASET_MULTIPLE_CHOICE, .adapt = medical_mcq_adapt,                               \
        .prompt = adapt_choice_prompt, .upstream = {.extraction = "mcqa_upstream"},                \
        .hub_id = "openlifescienceai/mmlu_" subject, .columns = columns, .slices = slices,         \
        .n_options = "4",                                                                          \
    }

const struct dataset_spec dataset_mmlu_professional_medicine = SUBJECT(
    "professional_medicine", "professional medicine", "0f2cda02673de66f90c7e1728e46d90590958700");
const struct dataset_spec dataset_mmlu_anatomy =
    SUBJECT("anatomy", "anatomy", "a7a792bd0855aead8b6bf922fa22260eff160d6e");
const struct dataset_spec dataset_mmlu_college_biology =
    SUBJECT("college_biology", "college biology", "94b1278bb84c3005f90eef76d5846916f0d07f3a");
const struct dataset_spec dataset_mmlu_clinical_knowledge =
    SUBJECT("clinical_knowledge", "clinical knowledge", "e15116763fac9a86c1383c9d48428381b3335b22");
const struct dataset_spec dataset_mmlu_college_medicine =
    SUBJECT("college_medicine", "college medicine", "62ba72a3cc369ffec1def2a042f81ddc6837be12");

/* ---- twelve subjects in one ---- */

/* KARMA shows the first four options alone. */
static karma_status first_four(struct arena *a, const struct json *all, const struct json **out) {
    enum { MOST = 4 };
    *out = all;
    if (!json_is_array(all) || json_count(all) <= MOST) return KARMA_OK;
    struct json *list = json_new_array(a);
    karma_status st = list ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < MOST && st == KARMA_OK; i++)
        st = json_push(a, list, json_at(all, i));
    *out = list;
    return st;
}

static karma_status adapt_subjects(struct arena *a, const struct dataset_source *from,
                                   struct dataset_standard *out) {
    static const char *const kept[] = {"id", "split", "subset", NULL};
    const struct json *all, *right;
    bool wanted;
    struct json *o = json_new_object(a);
    if (!o) return KARMA_E_NOMEM;
    karma_status st = adapt_is_wanted(a, from, "subset", &wanted);
    if (st < 0 || !wanted) return st < 0 ? st : KARMA_DONE;
    st = adapt_json(a, from->value, "options", JSON_ARRAY, &all);
    if (st == KARMA_OK) st = adapt_json(a, from->value, "correct_options", JSON_ARRAY, &right);
    if (st == KARMA_OK && from->upstream) st = first_four(a, all, &all);
    if (st == KARMA_OK) st = adapt_take(a, o, "centerpiece", from->value, "centerpiece");
    if (st == KARMA_OK && all) st = json_set(a, o, "options", all);
    if (st == KARMA_OK && json_count(right) > 0)
        st = json_set(a, o, "correct_options", json_at(right, 0));
    out->row = o;
    return st < 0 ? st : adapt_take_all(a, o, from->value, kept);
}

static const char *const subsets[] = {"anatomy",
                                      "clinical-knowledge",
                                      "college-biology",
                                      "college-chemistry",
                                      "college-medicine",
                                      "high-school-biology",
                                      "human-aging",
                                      "medical-genetics",
                                      "nutrition",
                                      "professional-medicine",
                                      "professional-psychology",
                                      "virology",
                                      NULL};
static const karma_option_spec subject_options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    {.name = "subset",
     .type = KARMA_OPTION_STRING,
     .required = true,
     .choices = subsets,
     .help = "the subject: a folder in that of path, or what the rows' column subset says"},
    INSTRUCTIONS_OPTION,
    {.name = NULL},
};
static const char *const option_columns[] = {"options", NULL};
static const char *const subject_columns[] = {"centerpiece", "options", "correct_options", NULL};

const struct dataset_spec dataset_eka_mmlu = {
    .info = {.name = "ekacare/mmlu-medical-mcqs-evaluation-dataset",
             .description = "twelve medical subjects of MMLU; path: the rows of one, or a folder",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .options = subject_options,
             .prompt = MEDICAL_MCQ_LINE("{question}"),
             .extraction = "mcqa"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.question = "centerpiece", .answer = "correct_options", .options = option_columns},
    .adapt = adapt_subjects,
    .prompt = adapt_choice_prompt,
    .upstream = {.extraction = "mcqa_upstream"},
    .folder_argument = "subset",
    .hub_id = "ekacare/mmlu-medical-mcqs-evaluation-dataset",
    .config = "the argument subset",
    .columns = subject_columns,
    .n_options = "4",
};
