/*
 * indian_mcqa.c - Eka Care's questions on the Indian formulary and on branded drugs, from local
 * copies of their rows, asked as KARMA asks them.
 */
#include "datasets/adapt.h"

#include <string.h>

static const char *const metrics[] = {"exact_match", NULL};
static const char *const processors[] = {NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    INSTRUCTIONS_OPTION,
    {.name = NULL},
};

/* Prompts that end with the marker, or ask for the letter alone, are followed by no more. */
static const struct few_shot_form marked = {
    .lead = "Here are questions with their answers.\n\n",
    .example = "Question: {question}\n{options}\nFinal Answer: ({answer})",
    .between = "\n\n",
    .close = "\n\n",
};

/* ---- the formulary ---- */

/* Rows without options are true or false. */
static karma_status set_true_or_false(struct arena *a, const struct json *row, struct json *o) {
    struct json *both = json_new_object(a);
    const struct json *given = json_get(row, "answer");
    const char *answer;
    if (!both) return KARMA_E_NOMEM;
    karma_status st = json_set(a, both, "A", json_new_string(a, "True"));
    if (st == KARMA_OK) st = json_set(a, both, "B", json_new_string(a, "False"));
    if (st == KARMA_OK) st = json_set(a, o, "options", both);
    if (st == KARMA_OK) st = adapt_text(a, row, "answer", &answer);
    if (st < 0 || !given) return st;
    if (answer && strcmp(answer, "true") == 0) given = json_new_string(a, "A");
    if (answer && strcmp(answer, "false") == 0) given = json_new_string(a, "B");
    return json_set(a, o, "answer", given);
}

static karma_status adapt_formulary(struct arena *a, const struct dataset_source *from,
                                    struct dataset_standard *out) {
    static const char *const kept[] = {"id", "question", "split", NULL};
    const struct json *given;
    struct json *o = json_new_object(a);
    if (!o) return KARMA_E_NOMEM;
    karma_status st = adapt_json(a, from->value, "options", JSON_OBJECT, &given);
    if (st == KARMA_OK) st = adapt_take_all(a, o, from->value, kept);
    out->row = o;
    if (st < 0) return st;
    if (json_count(given) == 0) return set_true_or_false(a, from->value, o);
    st = json_set(a, o, "options", given);
    return st < 0 ? st : adapt_take(a, o, "answer", from->value, "answer");
}

static karma_status formulary_prompt(struct arena *a, const struct json *args, const char *own,
                                     const char **out) {
    static const struct prompt_places places = {.question = "{question}\n{options}\nFinal Answer:"};
    return adapt_instructions(a, args, own, &places, out);
}

static const char *const formulary_columns[] = {"question", "options", "answer", NULL};
static const char *const option_map[] = {"options", NULL};

const struct dataset_spec dataset_eka_nfi = {
    .info = {.name = "ekacare/Eka_NFI_MCQA",
             .description = "questions on India's national formulary; path: its rows",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .commit_hash = "428cf44c302baf9e649c257ce07d7fb718c118dd",
             .options = options,
             /* The blanks at the ends of lines are KARMA's. */
             .prompt = "\nYou are an expert at Indian Pharmacology.\nSolve them in a step-by-step "
                       "fashion. \nOutput only the final answer (e.g., A, B, C, D, or E) "
                       "\nQuestion: {question}\n{options}\nFinal Answer:\n",
             .extraction = "mcqa_letter"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.options = option_map},
    .adapt = adapt_formulary,
    .prompt = formulary_prompt,
    .upstream = {.extraction = "first_letter"},
    .few_shot = &marked,
    .hub_id = "ekacare/Eka_NFI_MCQA",
    .columns = formulary_columns,
    .n_options = "2 to 5",
};

/* ---- branded drugs ---- */

static const char *const drug_options[] = {"option_a", "option_b", "option_c",
                                           "option_d", "option_e", NULL};
static const char *const drug_columns[] = {"question", "option_a", "option_b",       "option_c",
                                           "option_d", "option_e", "correct_answer", NULL};

const struct dataset_spec dataset_indian_drugs = {
    .info = {.name = "ekacare/indian_drug_mcqa",
             .description = "questions on branded drugs sold in India; path: its rows",
             .task_type = "mcqa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .options = options,
             .prompt = "Instructions: The following are multiple choice questions about Indian "
                       "pharmaceutical medications. Solve them in a step-by-step fashion. Output "
                       "only the final answer (e.g., A, B, C, D, or E) at the end using the format "
                       "\"Final Answer: (X)\". Question: {question}\n{options}",
             .extraction = "mcqa"},
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.answer = "correct_answer", .options = drug_options},
    .prompt = adapt_choice_prompt,
    .upstream = {.extraction = "first_letter"},
    .few_shot = &marked,
    .hub_id = "ekacare/indian_drug_mcqa",
    .columns = drug_columns,
    .n_options = "2 to 5",
};
