/*
 * judged_sets.c - sets whose answers are judged by criteria: HealthBench, Eka Care's summaries of
 * medical histories, questions on Indian treatment protocols, clinical notes and medical records;
 * from local copies of their rows. The criteria travel with each sample: rubrics, a list of
 * {"criterion", "points", "tags"}, or rubric_passes, for the metrics that judge by them. They have
 * no references; the share of answers that refuse is what is measured without a judge. What people
 * say of an answer may come with them: criteria_met of a criterion, or the columns labels (of all
 * criteria in order) and labelled_answer (the answer they are of).
 */
#include <string.h>

#include "datasets/adapt.h"

static const char *const metrics[] = {"rubric_evaluation", "refusal", NULL};
static const char *const protocol_metrics[] = {"answer_rubric_evaluation",
                                               "query_rubric_evaluation", "refusal", NULL};
static const char *const json_metrics[] = {"json_rubric_evaluation", "refusal", NULL};
static const char *const processors[] = {NULL};

/* ---- criteria ---- */

static karma_status add_criterion(struct arena *a, const struct json *from, struct json *list) {
    const struct json *points = json_get(from, "points"), *tags = json_get(from, "tags");
    const char *text;
    struct json *o = json_new_object(a), *none = json_new_array(a);
    if (!o || !none) return KARMA_E_NOMEM;
    karma_status st = adapt_need_text(a, from, "criterion", &text);
    if (st < 0) return st;
    if (!points || (points->type != JSON_INT && points->type != JSON_REAL))
        return status_fail(KARMA_E_TYPE, "points: expected a number, found %s",
                           json_type_name(points));
    if (!json_is_null(tags) && !json_is_array(tags))
        return status_fail(KARMA_E_TYPE, "tags: expected a list, found %s", json_type_name(tags));
    st = json_set(a, o, "criterion", json_new_string(a, text));
    if (st == KARMA_OK) st = json_set(a, o, "points", points);
    if (st == KARMA_OK) st = json_set(a, o, "tags", json_is_null(tags) ? none : tags);
    if (st == KARMA_OK) st = adapt_take(a, o, "criteria_met", from, "criteria_met");
    return st < 0 ? st : json_push(a, list, o);
}

/* Those of a column behind the ones that are in the list. */
static karma_status add_criteria(struct arena *a, const struct json *row, const char *column,
                                 struct json *list) {
    const struct json *given;
    karma_status st = adapt_json(a, row, column, JSON_ARRAY, &given);
    for (size_t i = 0; i < json_count(given) && st == KARMA_OK; i++) {
        st = add_criterion(a, json_at(given, i), list);
        if (st < 0) return status_prefix(st, "%s: number %zu", column, i + 1);
    }
    return st;
}

/* A list is also read where it is JSON in a text, as a table has it. */
static karma_status take_labels(struct arena *a, const struct json *row, struct json *args) {
    const struct json *labels;
    karma_status st = adapt_json(a, row, "labels", JSON_ARRAY, &labels);
    if (st == KARMA_OK && labels) st = json_set(a, args, "labels", labels);
    return st < 0 ? st : adapt_take(a, args, "labelled_answer", row, "labelled_answer");
}

static karma_status need_criteria(const struct json *list, const char *column) {
    return json_count(list) ? KARMA_OK : status_fail(KARMA_E_MISSING, "%s: missing", column);
}

#define SYSTEM_PROMPT_OPTION                                                                       \
    {                                                                                              \
        .name = "system_prompt", .type = KARMA_OPTION_STRING, .nullable = true,                    \
        .default_json = "null", .help = "another system prompt; null: the set's own"               \
    }

/* The argument's, else the set's own. */
static karma_status set_system(struct arena *a, const struct json *args, const char *own,
                               struct json *o) {
    const char *text = json_str(json_get(args, "system_prompt"), own);
    return json_set(a, o, "system", json_new_string(a, text));
}

static karma_status turns_of(struct arena *a, const char *text, const struct json **out) {
    struct json *turn = json_new_object(a), *list = json_new_array(a);
    if (!turn || !list) return KARMA_E_NOMEM;
    karma_status st = json_set(a, turn, "role", json_new_string(a, "user"));
    if (st == KARMA_OK) st = json_set(a, turn, "content", json_new_string(a, text));
    *out = list;
    return st < 0 ? st : json_push(a, list, turn);
}

/* ---- HealthBench ---- */

static const char health_system[] = "You are a helpful assistant";

static karma_status adapt_health(struct arena *a, const struct dataset_source *from,
                                 struct dataset_standard *out) {
    static const char *const kept[] = {"id", "split", NULL};
    struct json *o = json_new_object(a), *args = json_new_object(a), *rubrics = json_new_array(a);
    if (!o || !args || !rubrics) return KARMA_E_NOMEM;
    karma_status st = adapt_json(a, from->value, "prompt", JSON_ARRAY, &out->conversation);
    if (st == KARMA_OK && !out->conversation) st = status_fail(KARMA_E_MISSING, "prompt: missing");
    if (st == KARMA_OK) st = add_criteria(a, from->value, "rubrics", rubrics);
    if (st == KARMA_OK) st = need_criteria(rubrics, "rubrics");
    if (st == KARMA_OK) st = adapt_take(a, o, "id", from->value, "prompt_id");
    if (st == KARMA_OK) st = adapt_take_all(a, o, from->value, kept);
    if (st == KARMA_OK) st = set_system(a, from->args, health_system, o);
    if (st == KARMA_OK) st = json_set(a, args, "rubrics", rubrics);
    if (st == KARMA_OK)
        st = adapt_take(a, args, "additional_info", from->value, "ideal_completions_data");
    if (st == KARMA_OK) st = take_labels(a, from->value, args);
    out->row = o;
    out->other_args = args;
    return st;
}

static const char *const health_columns[] = {"prompt_id", "prompt", "rubrics", NULL};
static const karma_option_spec health_options[] = {
    DATASET_COMMON_OPTIONS(true, "\"oss_eval\""),
    SYSTEM_PROMPT_OPTION,
    {.name = NULL},
};

const struct dataset_spec dataset_healthbench = {
    .info = {.name = "Tonic/Health-Bench-Eval-OSS-2025-07",
             .description = "HealthBench's conversations with the criteria of a good answer; path: "
                            "its rows",
             .task_type = "rubric_evaluation",
             .metrics = metrics,
             .processors = processors,
             .split = "oss_eval",
             .commit_hash = "0865a52cdf7ed7eff9923fe0dca419d9a0d6acbf",
             .options = health_options,
             .prompt = "the conversation in the column prompt",
             .extraction = "strip"},
    .kind = DATASET_QUESTION_ANSWER,
    .no_answer = true,
    .system_prompt = health_system,
    .adapt = adapt_health,
    .hub_id = "Tonic/Health-Bench-Eval-OSS-2025-07",
    .columns = health_columns,
};

/* ---- summaries of histories ---- */

static const char history_system[] =
    "You assist an experienced doctor. Report only what the patient's record says, in its own "
    "words; do not guess, do not interpret, and check that the parts of the record agree. If the "
    "record is empty, so is your answer.";
/* KARMA computes ages and distances in time against this day. */
enum { REFERENCE_YEAR = 2024, REFERENCE_MONTH = 7, REFERENCE_DAY = 20 };

/* "1950-03-21" in whole years; -1: it is not there or no date. */
static int age_of(const char *born) {
    int part[3] = {0}, n = 0;
    for (const char *p = born ? born : ""; *p && n < 3; p++) {
        if (*p == '-')
            n++;
        else if (*p < '0' || *p > '9' || part[n] > 9999)
            return -1;
        else
            part[n] = part[n] * 10 + (*p - '0');
    }
    if (n != 2 || part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31) return -1;
    const bool before =
        REFERENCE_MONTH < part[1] || (REFERENCE_MONTH == part[1] && REFERENCE_DAY < part[2]);
    return part[0] <= REFERENCE_YEAR ? REFERENCE_YEAR - part[0] - before : -1;
}

static karma_status add_part(struct buf *b, const struct json *record, const char *key,
                             const char *heading) {
    const struct json *value = json_get(record, key);
    if (json_is_null(value) || json_count(value) == 0) return KARMA_OK;
    karma_status st = buf_printf(b, "\n%s: ", heading);
    return st < 0 ? st : json_write(b, value, 0, JSON_PYTHON);
}

/* The record as one message; in words of our own, as KARMA's are long. */
static karma_status history_message(struct arena *a, const struct json *record,
                                    const struct json **out) {
    const struct json *person = json_get(record, "demographic_details");
    const char *born, *gender, *special;
    struct buf b = {0};
    karma_status st = adapt_text(a, person, "dob", &born);
    if (st == KARMA_OK) st = adapt_text(a, person, "gender", &gender);
    if (st == KARMA_OK) st = adapt_text(a, record, "doctor_specialization", &special);
    if (st < 0) return st;
    const int age = age_of(born);
    st = buf_puts(&b, "My patient");
    if (st == KARMA_OK && age >= 0) st = buf_printf(&b, ", %d years old", age);
    if (st == KARMA_OK && gender) st = buf_printf(&b, ", %s", gender);
    if (st == KARMA_OK) st = buf_puts(&b, ".");
    if (st == KARMA_OK) st = add_part(&b, record, "visits", "Visits in order of time");
    if (st == KARMA_OK) st = add_part(&b, record, "vitals", "Laboratory values and vital signs");
    if (st == KARMA_OK) st = add_part(&b, record, "medical_history", "Medical history");
    if (st == KARMA_OK)
        st = buf_puts(&b, "\n\nSummarise the last six months in at most 75 words. Today is 20 July "
                          "2024; give times relative to it, such as 3m ago, and dates as "
                          "day-month-year. Mark important conditions and events with <em> and "
                          "</em>. Do not plan treatment.");
    if (st == KARMA_OK && special) st = buf_printf(&b, " My specialty is %s.", special);
    if (st == KARMA_OK)
        st = buf_puts(&b, " Answer with a JSON object alone: {\"six_month_overview\": \"...\"}");
    if (st == KARMA_OK) st = turns_of(a, buf_str(&b), out);
    buf_release(&b);
    return st;
}

/* The first turn's content is the record as JSON. */
static karma_status adapt_history(struct arena *a, const struct dataset_source *from,
                                  struct dataset_standard *out) {
    const struct json *record;
    karma_status st = adapt_health(a, from, out);
    if (st < 0) return st;
    st = adapt_json(a, json_at(out->conversation, 0), "content", JSON_OBJECT, &record);
    if (st == KARMA_OK && !record) st = status_fail(KARMA_E_MISSING, "content: missing");
    if (st == KARMA_OK) st = history_message(a, record, &out->conversation);
    if (st < 0) return status_prefix(st, "prompt");
    struct json *o;
    st = json_merge(a, out->row, NULL, &o);
    if (st == KARMA_OK) st = set_system(a, from->args, history_system, o);
    out->row = o;
    return st;
}

static const karma_option_spec history_options[] = {
    DATASET_COMMON_OPTIONS(true, "\"test\""),
    SYSTEM_PROMPT_OPTION,
    {.name = NULL},
};

const struct dataset_spec dataset_history_summaries = {
    .info = {.name = "ekacare/ekacare_medical_history_summarisation",
             .description = "six months of a patient's record to summarise; path: its rows",
             .task_type = "rubric_evaluation",
             .metrics = metrics,
             .processors = processors,
             .split = "test",
             .commit_hash = "10dfd15c6548dec8597b7cee5b8b7e643b4dcbba",
             .options = history_options,
             .prompt = "the record in the column prompt, and what to make of it",
             .extraction = "overview"},
    .kind = DATASET_QUESTION_ANSWER,
    .no_answer = true,
    .system_prompt = history_system,
    .adapt = adapt_history,
    .hub_id = "ekacare/ekacare_medical_history_summarisation",
    .columns = health_columns,
};

/* ---- treatment protocols ---- */

static const char protocol_system[] =
    "You assist experienced doctors in India. Answer briefly, on the ground of evidence and of the "
    "guideline that is named, in Markdown. Do not ask back and do not refuse.";
static const char protocol_tools_system[] =
    "You assist experienced doctors in India. Answer briefly, on the ground of evidence and of the "
    "guideline that is named, in Markdown. Do not ask back and do not refuse. Where tools are "
    "offered, search the protocols by their publisher first, look drugs up by brand or generic "
    "name, and compute scores with the calculators.";

static karma_status adapt_protocols(struct arena *a, const struct dataset_source *from,
                                    struct dataset_standard *out) {
    static const char *const told[] = {
        "query_style", "question_type",      "difficulty_level", "publisher", "patient_case",
        "scenario",    "ground_truth_query", "answer_citation",  "corpus_id", NULL};
    const struct json *tools = json_get(from->args, "has_tools");
    const bool has_tools = tools && tools->type == JSON_BOOL && tools->u.boolean;
    const char *query;
    struct json *o = json_new_object(a), *args = json_new_object(a), *rubrics = json_new_array(a);
    if (!o || !args || !rubrics) return KARMA_E_NOMEM;
    karma_status st = adapt_need_text(a, from->value, "doctor_query", &query);
    if (st == KARMA_OK) st = add_criteria(a, from->value, "query_rubrics", rubrics);
    if (st == KARMA_OK) st = add_criteria(a, from->value, "answer_rubrics", rubrics);
    if (st == KARMA_OK) st = need_criteria(rubrics, "answer_rubrics");
    if (st == KARMA_OK) st = turns_of(a, query, &out->conversation);
    if (st == KARMA_OK) st = adapt_take(a, o, "id", from->value, "prompt_id");
    if (st == KARMA_OK) st = adapt_take(a, o, "split", from->value, "split");
    if (st == KARMA_OK)
        st = set_system(a, from->args, has_tools ? protocol_tools_system : protocol_system, o);
    if (st == KARMA_OK) st = json_set(a, args, "rubrics", rubrics);
    if (st == KARMA_OK) st = json_set(a, args, "has_tools", json_new_bool(a, has_tools));
    if (st == KARMA_OK) st = adapt_take_all(a, args, from->value, told);
    if (st == KARMA_OK) st = take_labels(a, from->value, args);
    out->row = o;
    out->other_args = args;
    return st;
}

static const char *const protocol_columns[] = {"prompt_id", "doctor_query", "query_rubrics",
                                               "answer_rubrics", NULL};
static const char *const protocol_slices[] = {"publisher", "question_type", "query_style",
                                              "difficulty_level", NULL};
static const karma_option_spec protocol_options[] = {
    DATASET_COMMON_OPTIONS(false, "\"test\""),
    {.name = "dataset_path",
     .type = KARMA_OPTION_STRING,
     .nullable = true,
     .default_json = "null",
     .help = "another name for path"},
    SYSTEM_PROMPT_OPTION,
    {.name = "has_tools",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "the system prompt that speaks of tools; none are offered here"},
    {.name = NULL},
};

const struct dataset_spec dataset_indian_protocols = {
    .info = {.name = "ekacare/indian_protocols_based_clinical_QnA",
             .description = "doctors' questions on Indian treatment protocols; path: its rows",
             .task_type = "conversation_rubric_evaluation",
             .metrics = protocol_metrics,
             .processors = processors,
             .split = "test",
             .options = protocol_options,
             .prompt = "the column doctor_query",
             .extraction = "strip"},
    .kind = DATASET_QUESTION_ANSWER,
    .no_answer = true,
    .system_prompt = protocol_system,
    .adapt = adapt_protocols,
    .path_alias = "dataset_path",
    .hub_id = "ekacare/indian_protocols_based_clinical_QnA",
    .columns = protocol_columns,
    .slices = protocol_slices,
};

/* ---- notes and records as JSON ---- */

/* The one pass of these sets: the judge's prompt, which asks for a 0 or 1 for each criterion. */
static karma_status set_pass(struct arena *a, const struct json *row, struct json *args) {
    static const char form[] = "{\"response_scores_map_key\": \"rubric_scores\", \"id_field\": "
                               "\"rubric_id\", \"score_field\": \"score\", \"axes\": {\"*\": "
                               "[{\"field\": \"score\", \"passes_when\": {\"eq\": 1}}]}}";
    const struct json *rest;
    const char *prompt;
    struct json *pass = json_new_object(a), *list = json_new_array(a);
    if (!pass || !list) return KARMA_E_NOMEM;
    karma_status st = adapt_need_text(a, row, "rubrics", &prompt);
    if (st == KARMA_OK) st = json_parse(a, form, sizeof(form) - 1, JSON_LAST_WINS, &rest);
    if (st == KARMA_OK) st = json_set(a, pass, "name", json_new_string(a, "rubric_evaluation"));
    if (st == KARMA_OK) st = json_set(a, pass, "prompt", json_new_string(a, prompt));
    for (size_t i = 0; st == KARMA_OK && i < json_count(rest); i++)
        st = json_set(a, pass, rest->u.object.members[i].key, rest->u.object.members[i].value);
    if (st == KARMA_OK) st = json_push(a, list, pass);
    return st < 0 ? st : json_set(a, args, "rubric_passes", list);
}

static karma_status adapt_note(struct arena *a, const struct dataset_source *from,
                               struct dataset_standard *out) {
    static const char *const kept[] = {"id", "split", "text", "sample_prompt", NULL};
    const char *ignored;
    struct json *o = json_new_object(a), *args = json_new_object(a);
    if (!o || !args) return KARMA_E_NOMEM;
    karma_status st = adapt_need_text(a, from->value, "sample_prompt", &ignored);
    if (st == KARMA_OK) st = adapt_take_all(a, o, from->value, kept);
    if (st == KARMA_OK)
        st = json_set(a, args, "document_type", json_new_string(a, "clinical_note"));
    if (st == KARMA_OK) st = set_pass(a, from->value, args);
    out->row = o;
    out->other_args = args;
    return st;
}

static const char *const note_columns[] = {"text", "sample_prompt", "rubrics", NULL};
static const karma_option_spec note_options[] = {
    DATASET_COMMON_OPTIONS(true, "\"test\""),
    {.name = NULL},
};

const struct dataset_spec dataset_clinical_notes = {
    .info = {.name = "ekacare/clinical_note_generation_dataset",
             .description = "conversations to make clinical notes of, as JSON; path: its rows",
             .task_type = "text_to_json",
             .metrics = json_metrics,
             .processors = processors,
             .split = "test",
             .options = note_options,
             .prompt = "{question}",
             .extraction = "strip"},
    .kind = DATASET_QUESTION_ANSWER,
    .no_answer = true,
    .fields = {.question = "text", .system = "sample_prompt"},
    .adapt = adapt_note,
    .hub_id = "ekacare/clinical_note_generation_dataset",
    .columns = note_columns,
};

static const char records_system[] =
    "You are an expert at parsing medical records. Extract the information accurately from the "
    "provided medical record image.";

static karma_status adapt_record(struct arena *a, const struct dataset_source *from,
                                 struct dataset_standard *out) {
    static const char *const kept[] = {"id", "split", "image", "sample_prompt", "document_type",
                                       NULL};
    struct json *o = json_new_object(a), *args = json_new_object(a);
    if (!o || !args) return KARMA_E_NOMEM;
    karma_status st = adapt_take_all(a, o, from->value, kept);
    if (st == KARMA_OK) st = set_system(a, from->args, records_system, o);
    if (st == KARMA_OK) st = adapt_take(a, args, "document_type", from->value, "document_type");
    if (st == KARMA_OK) st = set_pass(a, from->value, args);
    out->row = o;
    out->other_args = args;
    return st;
}

static const char *const image_columns[] = {"image", NULL};
static const char *const record_columns[] = {"image", "sample_prompt", "rubrics", "document_type",
                                             NULL};
static const char *const record_slices[] = {"document_type", NULL};
static const karma_option_spec record_options[] = {
    IMAGE_COMMON_OPTIONS(true, "\"test\""),
    SYSTEM_PROMPT_OPTION,
    {.name = NULL},
};

const struct dataset_spec dataset_medical_records = {
    .info = {.name = "ekacare/medical_records_parsing_validation_set",
             .description = "pictures of prescriptions and laboratory reports to read as JSON; "
                            "path: its rows",
             .task_type = "image_to_json",
             .metrics = json_metrics,
             .processors = processors,
             .split = "test",
             .options = record_options,
             .prompt = "{question}",
             .extraction = "strip"},
    .kind = DATASET_QUESTION_ANSWER,
    .no_answer = true,
    .fields = {.question = "sample_prompt", .images = image_columns},
    .system_prompt = records_system,
    .images = DATASET_IMAGES_ALL,
    .adapt = adapt_record,
    .hub_id = "ekacare/medical_records_parsing_validation_set",
    .columns = record_columns,
    .slices = record_slices,
};
