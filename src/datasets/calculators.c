/*
 * calculators.c - Eka Care's questions for medical calculators, from a local copy of their rows. No
 * tools are offered here: the model computes. Rows bring their own instructions and tolerance.
 */
#include "datasets/adapt.h"
#include "datasets/span.h"

static karma_status set_prompt(struct arena *a, const struct json *row, struct json *o) {
    const char *question, *instruction, *prompt;
    karma_status st = adapt_need_text(a, row, "question_text", &question);
    if (st == KARMA_OK) st = adapt_text(a, row, "confinement_instruction", &instruction);
    if (st < 0) return st;
    prompt = question;
    if (instruction && instruction[0]) {
        char *both = arena_printf(a, "%s\n%s", question, instruction);
        if (!both) return KARMA_E_NOMEM;
        const struct span s = span_strip(span_of(both));
        both[s.end - both] = '\0';
        prompt = s.p;
    }
    return json_set(a, o, "question", json_new_string(a, prompt));
}

static karma_status adapt(struct arena *a, const struct dataset_source *from,
                          struct dataset_standard *out) {
    static const char *const kept[] = {"id", "split", "expected_output", NULL};
    static const char *const told[] = {"tolerance", "primary_field", NULL};
    struct json *o = json_new_object(a), *args = json_new_object(a);
    if (!o || !args) return KARMA_E_NOMEM;
    karma_status st = set_prompt(a, from->value, o);
    if (st == KARMA_OK) st = adapt_take_all(a, o, from->value, kept);
    if (st == KARMA_OK) st = adapt_take_all(a, args, from->value, told);
    out->row = o;
    out->other_args = args;
    return st;
}

static const char *const metrics[] = {"numeric_tolerance", NULL};
static const char *const processors[] = {NULL};
static const char *const columns[] = {"question_text", "confinement_instruction", "expected_output",
                                      "tolerance",     "primary_field",           NULL};
static const char *const slices[] = {"calculator_name", "category", NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(false, "\"test\""),
    {.name = "data_files",
     .type = KARMA_OPTION_STRING,
     .nullable = true,
     .default_json = "null",
     .help = "another name for path"},
    {.name = NULL},
};

const struct dataset_spec dataset_calculators = {
    .info = {.name = "ekacare/medical_calculator_eval",
             .description = "scores and doses to compute, each with its tolerance; path: its rows",
             .task_type = "calculator",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .options = options,
             .prompt = "{question}",
             .extraction = "number"},
    .kind = DATASET_QUESTION_ANSWER,
    .fields = {.answer = "expected_output"},
    .adapt = adapt,
    .upstream = {.extraction = "number_upstream"},
    .path_alias = "data_files",
    .hub_id = "ekacare/medical_calculator_eval",
    .columns = columns,
    .slices = slices,
};
