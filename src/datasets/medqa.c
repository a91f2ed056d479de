/*
 * medqa.c - MedQA, the questions of the American licensing examination, from local copies of the
 * rows that openlifescienceai and GBaker publish, asked as KARMA asks them.
 */
#include "datasets/medical_mcq.h"

/* Before the question, with its own heading; NULL where there is none. */
static karma_status with_context(struct arena *a, const char *context, const char **question) {
    if (!context || !context[0]) return KARMA_OK;
    *question = arena_printf(a, "Context: %s\n\nQuestion: %s", context, *question);
    return *question ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status medical_mcq_adapt(struct arena *a, const struct dataset_source *from,
                               struct dataset_standard *out) {
    static const char *const kept[] = {"id", "split", "subject_name", NULL};
    const struct json *data;
    const char *question, *context;
    struct json *o = json_new_object(a);
    if (!o) return KARMA_E_NOMEM;
    karma_status st = adapt_json(a, from->value, "data", JSON_OBJECT, &data);
    if (st == KARMA_OK && !data) st = status_fail(KARMA_E_MISSING, "data: missing");
    if (st < 0) return st;
    st = adapt_need_text(a, data, "Question", &question);
    if (st == KARMA_OK) st = adapt_text(a, data, "Context", &context);
    if (st == KARMA_OK) st = with_context(a, context, &question);
    if (st < 0) return status_prefix(st, "data");
    st = json_set(a, o, "question", json_new_string(a, question));
    if (st == KARMA_OK) st = adapt_take(a, o, "options", data, "Options");
    if (st == KARMA_OK) st = adapt_take(a, o, "answer", data, "Correct Option");
    if (st == KARMA_OK) st = adapt_take_all(a, o, from->value, kept);
    if (st == KARMA_OK && from->key && !json_get(o, "id"))
        st = json_set(a, o, "id", json_new_string(a, from->key));
    out->row = o;
    return st;
}

static const char *const metrics[] = {"exact_match", NULL};
static const char *const processors[] = {NULL};
static const char *const slices[] = {"subject_name", NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    INSTRUCTIONS_OPTION,
    {.name = NULL},
};
static const char *const columns[] = {"data.Question", "data.Options", "data.Correct Option",
                                      "data.Context", NULL};

const struct dataset_spec dataset_medqa = {
    .info = {.name = "openlifescienceai/medqa",
             .description = "questions of the American licensing examination; path: its rows",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .commit_hash = "153e61cdd129eb79d3c27f82cdf3bc5e018c11b0",
             .options = options,
             .prompt = MEDICAL_MCQ_PROMPT,
             .extraction = "mcqa"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .adapt = medical_mcq_adapt,
    .prompt = adapt_choice_prompt,
    .upstream = {.extraction = "mcqa_upstream"},
    .hub_id = "openlifescienceai/medqa",
    .columns = columns,
    .slices = slices,
    .n_options = "4",
};

/* ---- the same examination, packed otherwise ---- */

static karma_status prompt_of_line(struct arena *a, const struct json *args, const char *own,
                                   const char **out) {
    static const struct prompt_places places = {.question = "Question: {question}\n{options}"};
    return adapt_instructions(a, args, own, &places, out);
}

static const char *const option_columns[] = {"options", NULL};
static const char *const line_columns[] = {"question", "options", "answer_idx", NULL};
static const char *const line_slices[] = {"meta_info", NULL};

const struct dataset_spec dataset_medqa_usmle = {
    .info = {.name = "GBaker/MedQA-USMLE-4-options",
             .description = "questions of the American licensing examination with four options "
                            "each; path: its rows",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .options = options,
             /* "Question:" stands there twice, as in KARMA. */
             .prompt = MEDICAL_MCQ_LINE("Question: {question}"),
             .extraction = "mcqa"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.answer = "answer_idx", .options = option_columns},
    .prompt = prompt_of_line,
    .upstream = {.extraction = "mcqa_upstream"},
    .hub_id = "GBaker/MedQA-USMLE-4-options",
    .columns = line_columns,
    .slices = line_slices,
    .n_options = "4",
};
