/*
 * medcasereasoning.c - MedCaseReasoning, diagnoses from case reports, from a local copy of its
 * rows, asked as KARMA asks for them, with its form of examples. The diagnosis is what stands in
 * <answer>; protocol "upstream" hands on the whole text, as its judges want it.
 */
#include <string.h>

#include "base/utf8.h"
#include "datasets/adapt.h"
#include "datasets/span.h"

#define RULE "--------------------------------------"

/* Where a step begins: "12." */
static bool is_number(const char *p) {
    size_t n = 0;
    while (ascii_is_digit(p[n]))
        n++;
    return n > 0 && p[n] == '.';
}

/* Add [begin, end) without its number, unless nothing is left. */
static karma_status add_step(struct arena *a, struct json *list, const char *begin,
                             const char *end) {
    struct span step = span_strip((struct span){begin, end});
    if (step.p < step.end && is_number(step.p)) {
        const char *dot = memchr(step.p, '.', span_len(step));
        step.p = dot ? dot + 1 : step.p; /* is_number() has seen one */
        step = span_strip(step);
    }
    if (step.p == step.end) return KARMA_OK;
    return json_push(a, list, json_new_stringn(a, step.p, span_len(step)));
}

/* The reasoning split before each number that begins a line or stands behind a blank. */
static karma_status split_steps(struct arena *a, const char *text, struct json *list) {
    const char *begin = text, *p = text;
    karma_status st = KARMA_OK;
    for (int n; *p && st == KARMA_OK; p++) {
        const char *last = p > text ? span_step_back(text, p) : p;
        const bool gap =
            *p == '\n' || (*p == ' ' && p > text && !span_is_space(span_peek(last, p, &n)));
        if (!gap || !is_number(p + 1)) continue;
        st = add_step(a, list, begin, p);
        begin = p + 1;
    }
    return st < 0 ? st : add_step(a, list, begin, p);
}

static karma_status adapt(struct arena *a, const struct dataset_source *from,
                          struct dataset_standard *out) {
    static const char *const kept[] = {"id",          "pmcid",           "split",
                                       "case_prompt", "final_diagnosis", NULL};
    const char *reasoning;
    struct json *o = json_new_object(a), *args = json_new_object(a), *steps = json_new_array(a);
    struct buf text = {0};
    if (!o || !args || !steps) return KARMA_E_NOMEM;
    karma_status st = adapt_text(a, from->value, "diagnostic_reasoning", &reasoning);
    if (!reasoning) reasoning = "";
    if (st == KARMA_OK) st = adapt_take_all(a, o, from->value, kept);
    if (st == KARMA_OK) st = split_steps(a, reasoning, steps);
    if (st == KARMA_OK) st = json_write(&text, steps, 0, JSON_PYTHON | JSON_ASCII);
    if (st == KARMA_OK) /* a text that holds JSON, as KARMA's metric has it */
        st = json_set(a, args, "reasoning_steps", json_new_string(a, buf_str(&text)));
    if (st == KARMA_OK) st = json_set(a, o, "context", json_new_string(a, reasoning));
    buf_release(&text);
    out->row = o;
    out->other_args = args;
    return st;
}

static const struct few_shot_form form = {
    .lead = "Here are some example case presentations with their diagnoses:\n\n",
    .example = "Example {number}:\n" RULE "\nCASE PRESENTATION\n" RULE "\n{question}\n\n" RULE
               "\nANSWER\n" RULE "\n<think>\n{context}\n</think>\n<answer>\n{answer}\n</answer>",
    .between = "\n",
    .close = "\n\nNow answer the following case:\n",
};

static const char *const metrics[] = {"medcasereasoning_diagnostic_accuracy",
                                      "medcasereasoning_reasoning_recall", "tokenised_f1",
                                      "exact_match", NULL};
static const char *const processors[] = {NULL};
static const char *const columns[] = {"case_prompt", "final_diagnosis", "diagnostic_reasoning",
                                      NULL};
static const karma_option_spec options[] = {
    QUESTION_COMMON_OPTIONS(true, "\"test\""),
    {.name = "num_few_shot_examples",
     .type = KARMA_OPTION_INT,
     .min = 0,
     .max = FEW_SHOT_MAX,
     .default_json = "0",
     .help = "another name for few_shot"},
    {.name = NULL},
};

const struct dataset_spec dataset_medcasereasoning = {
    .info = {.name = "zou-lab/MedCaseReasoning",
             .description = "diagnoses from published case reports; path: its rows",
             .task_type = "open_ended_qa",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .options = options,
             .prompt = "Read the following case presentation and give the most likely "
                       "diagnosis.\nFirst, provide your internal reasoning for the diagnosis "
                       "within the tags <think> ... </think>.\nThen, output the final diagnosis "
                       "(just the name of the disease/entity) within the tags <answer> ... "
                       "</answer>.\n\n" RULE "\nCASE PRESENTATION\n" RULE "\n{question}\n\n" RULE
                       "\nOUTPUT TEMPLATE\n" RULE
                       "\n<think>\n...your internal reasoning for the diagnosis...\n</think>\n"
                       "<answer>\n...the name of the disease/entity...\n</answer>",
             .extraction = "answer_block"},
    .kind = DATASET_QUESTION_ANSWER,
    .fields = {.question = "case_prompt", .answer = "final_diagnosis"},
    .adapt = adapt,
    .upstream = {.extraction = "answer_block_upstream"},
    .few_shot = &form,
    .few_shot_alias = "num_few_shot_examples",
    .hub_id = "zou-lab/MedCaseReasoning",
    .columns = columns,
};
