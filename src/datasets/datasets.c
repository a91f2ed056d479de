/*
 * datasets.c - the list of built-in data sets, and how a name finds its data set: a description of
 * the user's, a registered one, a built-in one, a YAML file, a data file, a folder.
 */
#include <string.h>

#include "base/names.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "datasets/dataset.h"
#include "datasets/images.h"
#include "datasets/registered_set.h"
#include "datasets/shards.h"
#include "datasets/speech.h"

extern const struct dataset_spec dataset_medqa, dataset_medqa_usmle, dataset_medmcqa,
    dataset_medmcqa_indic, dataset_pubmedqa, dataset_mmlu_professional_medicine,
    dataset_mmlu_anatomy, dataset_mmlu_college_biology, dataset_mmlu_clinical_knowledge,
    dataset_mmlu_college_medicine, dataset_eka_mmlu, dataset_medxpertqa, dataset_medxpertqa_text,
    dataset_afrimedqa, dataset_afrimedqa_mcq, dataset_afrimedqa_harm, dataset_amqa,
    dataset_amqa_race, dataset_amqa_gender, dataset_amqa_ses, dataset_eka_nfi, dataset_indian_drugs,
    dataset_calculators, dataset_cares, dataset_patient_safety, dataset_in22_conv,
    dataset_medcasereasoning, dataset_slake, dataset_vqa_rad, dataset_healthbench,
    dataset_history_summaries, dataset_indian_protocols, dataset_clinical_notes,
    dataset_medical_records, dataset_eka_medical_asr, dataset_denoising, dataset_vistaar_small,
    dataset_indicvoices, dataset_indicvoices_r, dataset_eka_indicmteb;
const struct dataset_spec *const datasets[] = {
    &dataset_medqa,
    &dataset_medqa_usmle,
    &dataset_medmcqa,
    &dataset_medmcqa_indic,
    &dataset_pubmedqa,
    &dataset_mmlu_professional_medicine,
    &dataset_mmlu_anatomy,
    &dataset_mmlu_college_biology,
    &dataset_mmlu_clinical_knowledge,
    &dataset_mmlu_college_medicine,
    &dataset_eka_mmlu,
    &dataset_medxpertqa,
    &dataset_medxpertqa_text,
    &dataset_afrimedqa,
    &dataset_afrimedqa_mcq,
    &dataset_afrimedqa_harm,
    &dataset_amqa,
    &dataset_amqa_race,
    &dataset_amqa_gender,
    &dataset_amqa_ses,
    &dataset_eka_nfi,
    &dataset_indian_drugs,
    &dataset_calculators,
    &dataset_cares,
    &dataset_patient_safety,
    &dataset_in22_conv,
    &dataset_medcasereasoning,
    &dataset_slake,
    &dataset_vqa_rad,
    &dataset_healthbench,
    &dataset_history_summaries,
    &dataset_indian_protocols,
    &dataset_clinical_notes,
    &dataset_medical_records,
    &dataset_eka_medical_asr,
    &dataset_denoising,
    &dataset_vistaar_small,
    &dataset_indicvoices,
    &dataset_indicvoices_r,
    &dataset_eka_indicmteb,
    &dataset_multiple_choice,
    &dataset_question_answer,
    &dataset_retrieval,
    &dataset_transcription,
    &dataset_visual_question_answer,
    NULL,
};

const char *const dataset_protocols[] = {"karma", "upstream", NULL};

const struct dataset_spec *dataset_find_built_in(const char *name) {
    for (const struct dataset_spec *const *d = datasets; *d; d++)
        if (strcmp((*d)->info.name, name) == 0) return *d;
    return NULL;
}

karma_status dataset_check_name(const char *name) {
    enum { MAX_NAME_BYTES = 255 };
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if (*p < 0x20 || *p == 0x7F) return status_fail(KARMA_E_RANGE, "name: control character");
    if (name[0] == '\0') return status_fail(KARMA_E_RANGE, "name: empty");
    if (strlen(name) > MAX_NAME_BYTES)
        return status_fail(KARMA_E_LIMIT, "name: more than %d bytes", MAX_NAME_BYTES);
    if (reader_for(name))
        return status_fail(KARMA_E_RANGE,
                           "name: ends like a data file, as which it would be opened");
    return KARMA_OK;
}

/* Built-in ones, those described that hide none of these, registered ones. */
static karma_status collect_names(struct arena *a, const char ***out, size_t *count) {
    const struct dataset_spec *found;
    size_t n_found = 0, n_own = 0;
    karma_status st = described_at(n_found, &found);
    while (st == KARMA_OK && found)
        st = described_at(++n_found, &found);
    if (st < 0) return st;
    while (datasets[n_own])
        n_own++;
    const char **names = arena_calloc(a, n_own + n_found + 1, sizeof(*names));
    if (!names) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n_own; i++)
        names[i] = datasets[i]->info.name;
    for (size_t i = 0; st == KARMA_OK && i < n_found; i++) {
        st = described_at(i, &found);
        if (st == KARMA_OK && found && !dataset_find_built_in(found->info.name))
            names[n_own++] = found->info.name;
    }
    return st < 0 ? st : registered_set_names(a, names, n_own, out, count);
}

karma_status karma_list_datasets(char ***names, size_t *count) {
    struct arena a = {0};
    const char **known;
    *names = NULL;
    *count = 0;
    size_t n = 0;
    karma_status st = collect_names(&a, &known, &n);
    if (st == KARMA_OK) st = names_copy(known, n, names);
    if (st == KARMA_OK) *count = n;
    arena_release(&a);
    return st;
}

static karma_status not_found(const char *name) {
    struct arena a = {0};
    const char **known;
    size_t n;
    karma_status st = collect_names(&a, &known, &n);
    if (st == KARMA_OK) {
        int near = nearest_name(name, known, n);
        st = status_fail(KARMA_E_NOTFOUND, "no data set '%s'%s%s%s", status_quotez(name),
                         near >= 0 ? "; did you mean '"
                                   : "; built-in ones are listed by `list datasets`",
                         near >= 0 ? known[near] : "", near >= 0 ? "'?" : "");
    }
    arena_release(&a);
    return st;
}

static bool is_yaml(const char *name) {
    size_t n = strlen(name);
    return (n > 5 && ascii_same(name + n - 5, ".yaml")) ||
           (n > 4 && ascii_same(name + n - 4, ".yml"));
}

static const struct dataset_spec *spec_of_row(const struct json *row) {
    if (item_has_options(&dataset_multiple_choice, row)) return &dataset_multiple_choice;
    const bool asks = item_field(row, "question") != NULL;
    if (speech_has_columns(row) && !asks) return &dataset_transcription;
    if (images_has_column(row) && asks) return &dataset_visual_question_answer;
    return &dataset_question_answer;
}

/* Multiple choice, recordings, questions on pictures or open ones? The first row tells. */
static karma_status spec_of_file(const char *path, const struct dataset_spec **out) {
    struct reader r;
    struct reader_place place = {0};
    struct reader_row row;
    struct arena a = {0};
    karma_status st = reader_open(path, &r);
    if (st < 0) return st;
    st = reader_read(&r, &place, &a, &row);
    if (st == KARMA_OK) *out = spec_of_row(row.value);
    if (st == KARMA_DONE) st = status_fail(KARMA_E_MISSING, "no rows");
    arena_release(&a);
    reader_close(&r);
    return st < 0 ? status_prefix(st, "%s", path) : KARMA_OK;
}

/* A folder with a manifest of questions on pictures, of recordings, a retrieval set, or Parquet
 * files. */
static karma_status spec_of_folder(const char *folder, const struct dataset_spec **out) {
    struct arena a = {0};
    const char *manifest = NULL, *corpus = NULL, *any = NULL;
    bool speech;
    karma_status st = speech_is_folder(folder, &speech);
    *out = speech ? &dataset_transcription : &dataset_retrieval;
    if (st == KARMA_OK && speech) st = attached_find_manifest(&a, folder, NULL, &manifest);
    if (st == KARMA_OK && manifest) st = spec_of_file(manifest, out);
    if (st == KARMA_OK && speech && *out != &dataset_visual_question_answer)
        *out = &dataset_transcription;
    if (st == KARMA_OK && !speech) st = attached_find_stem(&a, folder, "corpus", &corpus);
    if (st == KARMA_OK && !speech && !corpus) st = shards_any(&a, folder, &any);
    if (st == KARMA_OK && any) st = spec_of_file(any, out);
    arena_release(&a);
    return st;
}

karma_status dataset_find(const char *name, const struct dataset_spec **out, bool *is_file) {
    *is_file = false;
    karma_status st = described_find(name, out);
    if (st < 0 || *out) return st;
    *out = registered_set_find(name);
    if (!*out) *out = dataset_find_built_in(name);
    if (*out) return KARMA_OK;
    if (is_yaml(name)) return described_open(name, out);
    const bool is_folder = file_kind(name) == FILE_KIND_FOLDER;
    *is_file = is_folder || reader_for(name) != NULL;
    if (!*is_file) return not_found(name);
    if (!is_folder) return spec_of_file(name, out);
    return spec_of_folder(name, out);
}

karma_status karma_get_dataset_info(const char *name, const karma_dataset_info **info) {
    const struct dataset_spec *spec;
    bool is_file;
    *info = NULL;
    karma_status st = dataset_find(name, &spec, &is_file);
    if (st == KARMA_OK) *info = &spec->info;
    return st;
}

karma_status karma_get_dataset_details(const char *name, karma_dataset_details *details) {
    static const char *const nothing[] = {NULL};
    const struct dataset_spec *spec;
    bool is_file;
    *details = (karma_dataset_details){.struct_size = sizeof(*details)};
    karma_status st = dataset_find(name, &spec, &is_file);
    if (st < 0) return st;
    const struct dataset_upstream *u = &spec->upstream;
    details->hub_id = spec->hub_id;
    details->config = spec->config;
    details->columns = spec->columns ? spec->columns : nothing;
    details->slices = spec->slices ? spec->slices : nothing;
    details->group = spec->fields.group;
    details->n_options = spec->n_options;
    details->upstream_prompt = u->prompt ? u->prompt : spec->info.prompt;
    details->upstream_extraction = u->extraction ? u->extraction : spec->info.extraction;
    details->system_prompt = spec->system_prompt;
    return KARMA_OK;
}

const char *karma_parse_name(karma_parse p) {
    static const char *const names[] = {"marker", "fallback", "none", "ambiguous"};
    return (unsigned)p < 4 ? names[p] : "unknown";
}
