/*
 * example.c - a whole plugin: a model class that asks in its own words, a meta that gives it a
 * name, a data set of three questions, a metric and a processor. doc/plugin.md goes through it.
 */
#define KARMA_BUILDING_PLUGIN
#include <karma/plugin.h>

#include <stdio.h>
#include <string.h>

/* ---- the model: another question, a stripped answer ---- */

static const karma_model_class custom_medical_model;

static karma_status preprocess(karma_model *m, const karma_sample *sample, karma_prompt *prompt) {
    char text[4096];
    (void)m;
    int n = snprintf(text, sizeof(text),
                     "Medical Question: %s\nAnswer:", sample->input ? sample->input : "");
    if (n < 0 || (size_t)n >= sizeof(text)) return KARMA_E_LIMIT;
    return karma_prompt_add(prompt, "user", text);
}

static karma_status postprocess(karma_model *m, karma_output *o) {
    return karma_base_postprocess(&custom_medical_model, m, o); /* which strips */
}

static const karma_model_class custom_medical_model = {
    .abi_version = KARMA_CLASS_ABI,
    .struct_size = sizeof(karma_model_class),
    .name = "CustomMedicalModel",
    .help = "asks as a medical question",
    .preprocess = preprocess,
    .postprocess = postprocess,
};

static const karma_model_meta custom_medical_meta = {
    .name = "custom_medical_model",
    .description = "Custom medical AI model",
    .loader_class = "path.to.CustomMedicalModel",
    .loader_kwargs_json = "{\"max_tokens\": 64}",
    .model_type = KARMA_TEXT_GENERATION,
    .modalities = KARMA_TEXT,
};

/* ---- a data set ---- */

static const struct {
    const char *id, *question, *answer;
} rows[] = {
    {"iron", "Which deficiency causes microcytic anaemia?", "iron"},
    {"scurvy", "Which vitamin prevents scurvy?", "vitamin C"},
    {"goitre", "Which deficiency causes goitre?", "iodine"},
};

static karma_status questions_open(const char *args_json, void **state, size_t *count) {
    (void)args_json;
    *state = NULL;
    *count = sizeof(rows) / sizeof(rows[0]);
    return KARMA_OK;
}

static karma_status questions_get(void *state, size_t i, karma_sample *sample) {
    (void)state;
    sample->key = rows[i].id;
    sample->input = rows[i].question;
    sample->expected_output = rows[i].answer;
    return KARMA_OK;
}

static const char *const questions_metrics[] = {"mentions", "exact_match", NULL};
static const char *const questions_processors[] = {"first_line", NULL};

static const karma_dataset_class three_questions = {
    .abi_version = KARMA_DATASET_ABI,
    .struct_size = sizeof(karma_dataset_class),
    .info = {.name = "three_questions",
             .description = "three questions on deficiencies",
             .task_type = "open_ended_qa",
             .metrics = questions_metrics,
             .processors = questions_processors},
    .open = questions_open,
    .get = questions_get,
};

/* ---- a metric: does the answer hold the reference? ---- */

static karma_status mentions(void *state, const char *prediction, const char *reference,
                             double *score) {
    (void)state;
    *score = strstr(prediction, reference) != NULL;
    return KARMA_OK;
}

static const karma_metric_class mentions_metric = {
    .abi_version = KARMA_METRIC_ABI,
    .struct_size = sizeof(karma_metric_class),
    .info = {.name = "mentions", .description = "share of answers that hold the reference"},
    .zero_one = true,
    .score = mentions,
};

/* ---- a processor ---- */

static karma_status first_line(void *state, const char *text, karma_text *result) {
    (void)state;
    return karma_text_append(result, text, strcspn(text, "\n"));
}

static const karma_processor_class first_line_processor = {
    .abi_version = KARMA_PROCESSOR_ABI,
    .struct_size = sizeof(karma_processor_class),
    .info = {.name = "first_line", .description = "drops all but the first line"},
    .run = first_line,
};

/* ---- the table ---- */

static const karma_model_class *const classes[] = {&custom_medical_model, NULL};
static const karma_model_meta *const metas[] = {&custom_medical_meta, NULL};
static const karma_dataset_class *const datasets[] = {&three_questions, NULL};
static const karma_metric_class *const metrics[] = {&mentions_metric, NULL};
static const karma_processor_class *const processors[] = {&first_line_processor, NULL};

static const karma_plugin example = {
    .abi_version = KARMA_PLUGIN_ABI,
    .struct_size = sizeof(karma_plugin),
    .name = "example",
    .version = "1.0",
    .classes = classes,
    .metas = metas,
    .datasets = datasets,
    .metrics = metrics,
    .processors = processors,
};

const karma_plugin *karma_plugin_entry(uint32_t host_abi) {
    return host_abi == KARMA_PLUGIN_ABI ? &example : NULL;
}
