/*
 * table.c - plugins that are wrong before anything of them is run: one shared object for each
 * CASE_, table_NAME.so. All of them bring a good class, meta, metric, processor and data set too,
 * none of which may be known after a refusal.
 */
#define KARMA_BUILDING_PLUGIN
#include <karma/plugin.h>

#include <stdlib.h>

#define CLASS_HEAD .abi_version = KARMA_CLASS_ABI, .struct_size = sizeof(karma_model_class)

/* ---- the good ones ---- */

static karma_status score(void *state, const char *prediction, const char *reference, double *out) {
    (void)state, (void)prediction, (void)reference;
    *out = 1;
    return KARMA_OK;
}

static karma_status process(void *state, const char *text, karma_text *result) {
    (void)state, (void)text;
    return karma_text_append(result, "x", 1);
}

static karma_status open_set(const char *args_json, void **state, size_t *count) {
    (void)args_json, (void)state;
    *count = 1;
    return KARMA_OK;
}

static karma_status get_sample(void *state, size_t i, karma_sample *sample) {
    (void)state, (void)i;
    sample->input = "x";
    return KARMA_OK;
}

static const karma_model_class good_class = {CLASS_HEAD, .name = "TableGood"};
static const karma_model_meta good_meta = {
    .name = "table/good", .loader_class = "TableGood", .model_type = KARMA_TEXT_GENERATION};
static const char *const set_metrics[] = {"table_good", NULL};
static const karma_metric_class good_metric = {.abi_version = KARMA_METRIC_ABI,
                                               .struct_size = sizeof(karma_metric_class),
                                               .info = {.name = "table_good"},
                                               .score = score};
static const karma_processor_class good_processor = {.abi_version = KARMA_PROCESSOR_ABI,
                                                     .struct_size = sizeof(karma_processor_class),
                                                     .info = {.name = "table_good"},
                                                     .run = process};
static const karma_dataset_class good_set = {.abi_version = KARMA_DATASET_ABI,
                                             .struct_size = sizeof(karma_dataset_class),
                                             .info = {.name = "table_good", .metrics = set_metrics},
                                             .open = open_set,
                                             .get = get_sample};

/* ---- and one that is not ---- */

static karma_model_class bad_class = {CLASS_HEAD, .name = "TableBad"};
static karma_model_meta bad_meta = {
    .name = "table/bad", .loader_class = "TableBad", .model_type = KARMA_TEXT_GENERATION};
static karma_metric_class bad_metric = {.abi_version = KARMA_METRIC_ABI,
                                        .struct_size = sizeof(karma_metric_class),
                                        .info = {.name = "table_bad"},
                                        .score = score};
static karma_processor_class bad_processor = {.abi_version = KARMA_PROCESSOR_ABI,
                                              .struct_size = sizeof(karma_processor_class),
                                              .info = {.name = "table_bad"},
                                              .run = process};
static karma_dataset_class bad_set = {.abi_version = KARMA_DATASET_ABI,
                                      .struct_size = sizeof(karma_dataset_class),
                                      .info = {.name = "table_bad", .metrics = set_metrics},
                                      .open = open_set,
                                      .get = get_sample};
static const karma_model_class *const classes[] = {&good_class, &bad_class, NULL};
static const karma_model_meta *const metas[] = {&good_meta, &bad_meta, NULL};
static const karma_metric_class *const metrics[] = {&good_metric, &bad_metric, NULL};
static const karma_processor_class *const processors[] = {&good_processor, &bad_processor, NULL};
static const karma_dataset_class *const datasets[] = {&good_set, &bad_set, NULL};

static karma_plugin plugin = {
    .abi_version = KARMA_PLUGIN_ABI,
    .struct_size = sizeof(karma_plugin),
    .name = "table",
    .classes = classes,
    .metas = metas,
    .metrics = metrics,
    .processors = processors,
    .datasets = datasets,
};

static karma_option_spec options[3] = {{.name = "size", .type = KARMA_OPTION_INT}};

static void spoil(void) {
#if defined(CASE_good)
#elif defined(CASE_abi)
    plugin.abi_version = 99;
#elif defined(CASE_size)
    plugin.struct_size -= 8;
#elif defined(CASE_no_name)
    plugin.name = NULL;
#elif defined(CASE_odd_name)
    plugin.name = "two words";
#elif defined(CASE_class_abi)
    bad_class.abi_version = 99;
#elif defined(CASE_class_size)
    bad_class.struct_size += 8;
#elif defined(CASE_class_name)
    bad_class.name = "";
#elif defined(CASE_class_text)
    bad_class.name = "Caf\xe9";
#elif defined(CASE_class_taken)
    bad_class.name = "GemmaModel";
#elif defined(CASE_class_twice)
    bad_class.name = "TableGood";
#elif defined(CASE_class_circle)
    bad_class.base = &bad_class;
#elif defined(CASE_option_default)
    options[0].default_json = "{not json";
#elif defined(CASE_option_type)
    options[0].default_json = "\"seven\"";
#elif defined(CASE_option_kind)
    options[0].type = (karma_option_type)42;
#elif defined(CASE_option_twice)
    options[1] = options[0];
#elif defined(CASE_meta_class)
    bad_meta.loader_class = "";
#elif defined(CASE_meta_type)
    bad_meta.model_type = (karma_model_type)77;
#elif defined(CASE_meta_name)
    bad_meta.name = "../../etc/passwd";
#elif defined(CASE_meta_json)
    bad_meta.loader_kwargs_json = "[1, 2";
#elif defined(CASE_meta_number)
    bad_meta.n_parameters = -5;
#elif defined(CASE_meta_twice)
    bad_meta.name = "table/good";
#elif defined(CASE_metric_abi)
    bad_metric.abi_version = 0;
#elif defined(CASE_metric_empty)
    bad_metric.score = NULL;
#elif defined(CASE_metric_taken)
    bad_metric.info.name = "exact_match";
#elif defined(CASE_processor_empty)
    bad_processor.run = NULL;
#elif defined(CASE_dataset_empty)
    bad_set.get = NULL;
#elif defined(CASE_dataset_size)
    bad_set.struct_size = 4;
#elif defined(CASE_entry_null) || defined(CASE_no_entry) || defined(CASE_undefined)
#elif defined(CASE_crash_early) || defined(CASE_exit_early) || defined(CASE_rounding_early)
#else
#error "which case?"
#endif
    if (options[0].default_json || options[1].name || options[0].type) bad_class.options = options;
}

#if defined(CASE_crash_early)
__attribute__((constructor)) static void early(void) {
    volatile int *volatile nowhere = NULL;
    *nowhere = 1;
}
#elif defined(CASE_exit_early)
__attribute__((constructor)) static void early(void) {
    exit(0);
}
#elif defined(CASE_rounding_early)
#include <fenv.h>
__attribute__((constructor)) static void early(void) {
    fesetround(FE_DOWNWARD);
}
#endif

#if defined(CASE_no_entry)
int karma_plugin_entry_of_another_name(void);
__attribute__((visibility("default"))) int karma_plugin_entry_of_another_name(void) {
    spoil();
    return plugin.name != NULL;
}
#else
#if defined(CASE_undefined)
int karma_no_such_function(void);
#endif
const karma_plugin *karma_plugin_entry(uint32_t host_abi) {
    (void)host_abi;
    spoil();
#if defined(CASE_undefined)
    if (karma_no_such_function()) return NULL;
#elif defined(CASE_entry_null) || defined(CASE_rounding_early)
    return NULL;
#endif
    return &plugin;
}
#endif
