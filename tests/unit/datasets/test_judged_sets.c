/* test_judged_sets.c - sets judged by criteria: what is asked, and the criteria that go with it. */
#include "tests/unit/datasets/set_cases.h"

static void check_conversation(const char *set, const char *file, const char *args, size_t i,
                               const char *system, const char *const *turns,
                               const char *other_args) {
    karma_dataset *d = open_case(set, file, args);
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, i, &s));
    assert_null(s->input);
    assert_null(s->expected_output);
    assert_string_equal(s->system_prompt, system);
    size_t n = 0;
    for (; turns[2 * n]; n++) {
        assert_true(n < s->n_messages);
        assert_string_equal(s->conversation[n].role, turns[2 * n]);
        assert_string_equal(s->conversation[n].content, turns[2 * n + 1]);
    }
    assert_int_equal(s->n_messages, n);
    if (other_args) assert_string_equal(s->other_args_json, other_args);
    karma_dataset_close(d);
}

#define HEALTH "Tonic/Health-Bench-Eval-OSS-2025-07", "healthbench.jsonl"

static void asks_the_conversations_of_healthbench(void **state) {
    (void)state;
    static const char *const cough[] = {"user", "I have a cough.", NULL};
    static const char *const three[] = {"user", "a", "assistant", "b", "user", "c {d}", NULL};
    static const char *const text[] = {"user", "as a text", NULL};
    static const char *const own[] = {"system", "s", "user", "", NULL};
    check_conversation(HEALTH, "", 0, "You are a helpful assistant", cough,
                       "{\"rubrics\": [{\"criterion\": \"Asks how long\", \"points\": 5, "
                       "\"tags\": [\"axis:completeness\"]}, {\"criterion\": \"Prescribes\", "
                       "\"points\": -3.5, \"tags\": []}], \"additional_info\": null}");
    check_conversation(HEALTH, UPSTREAM ", \"system_prompt\": \"Be brief.\"", 1, "Be brief.", three,
                       "{\"rubrics\": [{\"criterion\": \"x\", \"points\": 1, \"tags\": []}], "
                       "\"additional_info\": {\"ideal\": \"y\"}}");
    check_conversation(HEALTH, "", 2, "You are a helpful assistant", text,
                       "{\"rubrics\": [{\"criterion\": \"x\", \"points\": 2, \"tags\": []}]}");
    check_conversation(HEALTH, "", 3, "You are a helpful assistant", own, NULL);
    check_count(HEALTH, "", 5);
}

static void asks_for_summaries_of_histories(void **state) {
    (void)state;
    static const char set[] = "ekacare/ekacare_medical_history_summarisation";
    static const char *const starts[] = {
        "My patient, 73 years old, Female.\nVisits in order of time: [{\"date\": \"2024-03-01\", "
        "\"symptoms\": [{\"name\": \"cough\"}]}]\n\nSummarise",
        "My patient.\n\nSummarise", /* a missing date of birth is no error */
        "My patient, 74 years old, m.\nLaboratory values and vital signs: {\"hb\": "
        "9.1}\n\nSummarise",
        "My patient.\n\nSummarise",
        "My patient.\n\nSummarise",
    };
    karma_dataset *d = open_case(set, "history_summaries.jsonl", "");
    const karma_sample *s;
    assert_int_equal(karma_dataset_count(d), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_ok(karma_dataset_get(d, i, &s));
        assert_int_equal(s->n_messages, 1);
        const char *content = s->conversation[0].content;
        if (strncmp(content, starts[i], strlen(starts[i])) != 0)
            fail_msg("%zu: \"%s\" should begin with \"%s\"", i, content, starts[i]);
        assert_non_null(strstr(content, "{\"six_month_overview\": \"...\"}"));
        assert_int_equal(strstr(content, "My specialty is cardiology.") != NULL, i == 0);
    }
    const char *prediction;
    karma_parse how;
    assert_ok(karma_dataset_extract(d, 0, "```json\n{\"six_month_overview\": \"ok\"}```",
                                    &prediction, &how));
    assert_string_equal(prediction, "ok");
    karma_dataset_close(d);
}

static void asks_about_treatment_protocols(void **state) {
    (void)state;
    static const char set[] = "ekacare/indian_protocols_based_clinical_QnA";
    static const char file[] = "indian_protocols.jsonl";
    karma_dataset *d = open_case(set, file, "");
    const karma_sample *s;
    assert_int_equal(karma_dataset_count(d), 5);
    assert_ok(karma_dataset_get(d, 0, &s));
    assert_string_equal(s->conversation[0].content, "First drug for TB?");
    assert_null(strstr(s->system_prompt, "tools"));
    assert_string_equal(
        s->other_args_json,
        "{\"rubrics\": [{\"criterion\": \"searches\", \"points\": 1, \"tags\": "
        "[\"stage:retrieval_query\"]}, {\"criterion\": \"names it\", \"points\": 2, \"tags\": "
        "[\"stage:final_answer\"]}], \"has_tools\": false, \"difficulty_level\": 2, "
        "\"publisher\": \"ICMR\"}");
    karma_dataset_close(d);
    d = open_case(set, file, ", \"has_tools\": \"true\"");
    assert_ok(karma_dataset_get(d, 2, &s));
    assert_string_equal(s->conversation[0].content, "Two\nlines {x}");
    assert_non_null(strstr(s->system_prompt, "tools"));
    karma_dataset_close(d);
}

static void asks_for_notes_with_the_judges_prompt_beside_them(void **state) {
    (void)state;
    static const char set[] = "ekacare/clinical_note_generation_dataset";
    karma_dataset *d = open_case(set, "clinical_notes.jsonl", "");
    const karma_sample *s;
    assert_ok(karma_dataset_get(d, 0, &s));
    assert_string_equal(s->input, "Doctor: how are you? Patient: fine.");
    assert_string_equal(s->system_prompt, "Make JSON.");
    assert_string_equal(
        s->other_args_json,
        "{\"document_type\": \"clinical_note\", \"rubric_passes\": [{\"name\": "
        "\"rubric_evaluation\", \"prompt\": \"Judge {this}.\", \"response_scores_map_key\": "
        "\"rubric_scores\", \"id_field\": \"rubric_id\", \"score_field\": \"score\", \"axes\": "
        "{\"*\": [{\"field\": \"score\", \"passes_when\": {\"eq\": 1}}]}}]}");
    karma_dataset_close(d);
    check_count(set, "clinical_notes.jsonl", UPSTREAM, 5);
    char rows[1000], args[700];
    snprintf(rows, sizeof(rows),
             "{\"image\": {\"bytes\": \"iVBORw0KGgo=\"}, \"sample_prompt\": \"Read it.\", "
             "\"rubrics\": \"r\", \"document_type\": \"Lab-report\"}\n");
    snprintf(args, sizeof(args), "{\"path\": \"%s\"}", write_text("records.jsonl", rows));
    assert_ok(karma_dataset_open("ekacare/medical_records_parsing_validation_set", args, &d));
    assert_ok(karma_dataset_get(d, 0, &s));
    assert_string_equal(s->input, "Read it.");
    assert_string_equal(s->system_prompt,
                        "You are an expert at parsing medical records. Extract the information "
                        "accurately from the provided medical record image.");
    assert_int_equal(s->n_images, 1);
    assert_non_null(strstr(s->other_args_json, "\"document_type\": \"Lab-report\""));
    karma_dataset_close(d);
}

static void names_the_row_and_the_criterion_that_are_wrong(void **state) {
    (void)state;
    static const struct {
        const char *rows, *message;
        karma_status status;
    } cases[] = {
        {"{\"rubrics\": []}\n", "line 1: prompt: missing", KARMA_E_MISSING},
        {"{\"prompt\": [], \"rubrics\": [{\"criterion\": \"x\", \"points\": 1}]}\n",
         "line 1: prompt: no turns", KARMA_E_RANGE},
        {"{\"prompt\": [{\"role\": \"user\"}], \"rubrics\": [{\"criterion\": \"x\", \"points\": "
         "1}]}\n",
         "line 1: prompt: turn 1: content: missing", KARMA_E_MISSING},
        {"{\"prompt\": [{\"role\": \"user\", \"content\": \"c\"}], \"rubrics\": []}\n",
         "line 1: rubrics: missing", KARMA_E_MISSING},
        {"{\"prompt\": [{\"role\": \"user\", \"content\": \"c\"}], \"rubrics\": [{\"criterion\": "
         "\"x\", \"points\": 1}, {\"criterion\": \"y\", \"points\": \"many\"}]}\n",
         "line 1: rubrics: number 2: points: expected a number, found string", KARMA_E_TYPE},
        {"{\"prompt\": [{\"role\": \"user\", \"content\": \"c\"}], \"rubrics\": [7]}\n",
         "line 1: rubrics: number 1: criterion: missing", KARMA_E_MISSING},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char args[700];
        karma_dataset *d;
        snprintf(args, sizeof(args), "{\"path\": \"%s\"}", write_text("bad.jsonl", cases[i].rows));
        assert_status(karma_dataset_open("Tonic/Health-Bench-Eval-OSS-2025-07", args, &d),
                      cases[i].status);
        assert_message_contains(cases[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(asks_the_conversations_of_healthbench),
        test_case(asks_for_summaries_of_histories),
        test_case(asks_about_treatment_protocols),
        test_case(asks_for_notes_with_the_judges_prompt_beside_them),
        test_case(names_the_row_and_the_criterion_that_are_wrong),
    };
    return run_group("datasets/judged_sets", tests);
}
