/*
 * pubmedqa.c - PubMedQA's expert-labelled questions, asked as KARMA asks them. Two files are read:
 * the authors' own (ori_pqal.json, an object with a record under each PMID) and the repackaging
 * that KARMA loads (rows with a member "data"). KARMA sends the abstract twice, once in the
 * question's block; here it is sent once unless double_context or the protocol say so.
 */
#include <string.h>

#include "datasets/adapt.h"

/* The line breaks inside are KARMA's, and so is "four" for three options. */
#define BEGINNING                                                                                  \
    "Instructions: The following are multiple choice questions about medical knowledge. Solve "    \
    "them in a\nstep-by-step fashion, starting by summarizing the available information. Output "  \
    "a single option from the\nfour options as the final answer. Answer the following question "   \
    "given the context (reply with one of the\noptions): Context: {context} Question: "
#define ENDING                                                                                     \
    " Response (think step by step and\nthen end with \"Final Answer:\" followed by *only* the "   \
    "letter corresponding to the correct answer enclosed\nin parentheses)"

static const char once[] = BEGINNING "{question}\n{options}" ENDING;
static const char twice[] =
    BEGINNING "Context: {context}\n\nQuestion: {question}\n{options}" ENDING;

static karma_status prompt_for(struct arena *a, const struct json *args, const char *own,
                               const char **out) {
    const struct json *value = json_get(args, "double_context");
    (void)a;
    *out = own;
    if (value && value->type == JSON_BOOL) *out = value->u.boolean ? twice : once;
    return KARMA_OK;
}

/* {"A": "yes", "B": "no", "C": "maybe"}: the order of the repackaged rows. */
static struct json *own_options(struct arena *a) {
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "A", json_new_string(a, "yes"));
    if (st == KARMA_OK) st = json_set(a, o, "B", json_new_string(a, "no"));
    if (st == KARMA_OK) st = json_set(a, o, "C", json_new_string(a, "maybe"));
    return st == KARMA_OK ? o : NULL;
}

static karma_status of_authors(struct arena *a, const struct dataset_source *from, struct json *o) {
    karma_status st = json_set(a, o, "options", own_options(a));
    if (st == KARMA_OK) st = adapt_take(a, o, "question", from->value, "QUESTION");
    if (st == KARMA_OK) st = adapt_take(a, o, "context", from->value, "CONTEXTS");
    if (st == KARMA_OK) st = adapt_take(a, o, "answer", from->value, "final_decision");
    return st;
}

static karma_status of_repackaged(struct arena *a, const struct dataset_source *from,
                                  struct json *o) {
    const struct json *data;
    karma_status st = adapt_json(a, from->value, "data", JSON_OBJECT, &data);
    if (st < 0) return st;
    if (!data)
        return status_fail(KARMA_E_TYPE, "data: expected an object, found %s",
                           json_type_name(json_get(from->value, "data")));
    st = adapt_take(a, o, "options", data, "Options");
    if (st == KARMA_OK) st = adapt_take(a, o, "question", data, "Question");
    if (st == KARMA_OK) st = adapt_take(a, o, "context", data, "Context");
    if (st == KARMA_OK) st = adapt_take(a, o, "answer", data, "Correct Option");
    return st == KARMA_OK ? adapt_take(a, o, "id", from->value, "id") : st;
}

static karma_status adapt(struct arena *a, const struct dataset_source *from,
                          struct dataset_standard *out) {
    struct json *o = json_new_object(a);
    if (!o) return KARMA_E_NOMEM;
    const bool authors = json_get(from->value, "QUESTION") != NULL;
    karma_status st = authors ? of_authors(a, from, o) : of_repackaged(a, from, o);
    if (st == KARMA_OK) st = adapt_take(a, o, "split", from->value, "split");
    if (st == KARMA_OK && from->key) st = json_set(a, o, "id", json_new_string(a, from->key));
    out->row = o;
    return st;
}

static const char *const metrics[] = {"exact_match", NULL};
static const char *const processors[] = {NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    {.name = "double_context",
     .type = KARMA_OPTION_BOOL,
     .nullable = true,
     .default_json = "null",
     .help = "send the abstract twice; null: as the protocol does, which is upstream alone"},
    {.name = NULL},
};
static const char *const option_columns[] = {"options", NULL};
static const char *const columns[] = {"data.Question", "data.Context", "data.Options",
                                      "data.Correct Option", NULL};
static const struct few_shot_form form = {
    .lead = "Here are questions with their answers.\n\n",
    .example = "Example {number}:\nContext: {context}\nQuestion: {question}\n{options}\n"
               "Final Answer: ({answer})",
    .between = "\n\n",
    .close = "\n\nNow answer the following.\n\n",
};

const struct dataset_spec dataset_pubmedqa = {
    .info =
        {
            .name = "openlifescienceai/pubmedqa",
            .description = "yes, no or maybe, from the abstract of a paper (ori_pqal.json of "
                           "PubMedQA, or its repackaging)",
            .task_type = "mcqa",
            .metrics = metrics,
            .processors = processors,
            .split = "test",
            .commit_hash = "50fc41dcd0bd6eb63c18d436d854c6f9e8f3c7e2",
            .options = options,
            .prompt = once,
            .extraction = "mcqa",
        },
    .kind = DATASET_MULTIPLE_CHOICE,
    .fields = {.context = "context", .options = option_columns},
    .adapt = adapt,
    .prompt = prompt_for,
    .upstream = {.prompt = twice, .extraction = "mcqa_upstream"},
    .few_shot = &form,
    .hub_id = "openlifescienceai/pubmedqa",
    .columns = columns,
    .n_options = "3",
};
