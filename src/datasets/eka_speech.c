/*
 * eka_speech.c - Eka Care's medical speech, plain and with noise, and its small selection of
 * Vistaar, from local copies. Their rows say their language; the argument takes those of one.
 */
#include "datasets/adapt.h"

static const char *const metrics[] = {"wer", "cer", NULL};
static const char *const semantic[] = {"wer", "cer", "semantic_wer_metric", NULL};
static const char *const none[] = {NULL};
static const char *const general[] = {"general_text_processor", NULL};
static const char *const medical_columns[] = {
    "audio", "text", "audio_language", "recording_context", "type_concept", "medical_entities",
    NULL};
static const char *const noise_columns[] = {
    "audio", "text", "audio_language", "recording_context", "type_concept", "medical_entities",
    NULL};
static const char *const vistaar_columns[] = {"audio", "text", "audio_language", NULL};
static const char *const medical_slices[] = {"recording_context", "type_concept", NULL};
static const karma_option_spec options[] = {
    SPEECH_COMMON_OPTIONS(true, "\"test\"", true),
    {.name = NULL},
};

const struct dataset_spec dataset_eka_medical_asr = {
    .info =
        {
            .name = "ekacare/eka-medical-asr-evaluation-dataset",
            .description = "medical speech in Hindi and English; path: its rows",
            .task_type = "transcription",
            .metrics = metrics,
            .processors = none,
            .split = "test",
            .commit_hash = "991bc807cab1f323f0283c836c634796bbf1ed3e",
            .options = options,
            .prompt = "",
            .extraction = "transcript",
        },
    .kind = DATASET_TRANSCRIPTION,
    .speech = {.audio = "audio", .text = "text", .language = "audio_language"},
    .folder_argument = "language",
    .hub_id = "ekacare/eka-medical-asr-evaluation-dataset",
    .config = "the argument language",
    .columns = medical_columns,
    .slices = medical_slices,
};

const struct dataset_spec dataset_vistaar_small = {
    .info =
        {
            .name = "ekacare/vistaar_small_asr_eval",
            .description = "a selection of Vistaar's speech in Indian languages; path: its rows",
            .task_type = "transcription",
            .metrics = semantic,
            .processors = general,
            .split = "test",
            .commit_hash = "8b7b3e8d11d2da441c6c708c2d9a4a7958b57881",
            .options = options,
            .prompt = "",
            .extraction = "transcript",
        },
    .kind = DATASET_TRANSCRIPTION,
    .speech = {.audio = "audio", .text = "text", .language = "audio_language"},
    .folder_argument = "language",
    .hub_id = "ekacare/vistaar_small_asr_eval",
    .config = "the argument language",
    .columns = vistaar_columns,
};

/* ---- with noise ---- */

static karma_status adapt_noise(struct arena *a, const struct dataset_source *from,
                                struct dataset_standard *out) {
    bool wanted;
    karma_status st = adapt_is_wanted(a, from, "subset", &wanted);
    out->row = from->value;
    return st == KARMA_OK && !wanted ? KARMA_DONE : st;
}

static const karma_option_spec noise_options[] = {
    SPEECH_COMMON_OPTIONS(true, "\"test\"", false),
    {.name = "subset",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"original\"",
     .help = "the kind of noise: a folder in that of path, or what the rows' column subset says"},
    {.name = NULL},
};

const struct dataset_spec dataset_denoising = {
    .info =
        {
            .name = "ekacare/denoising-impact-evaluation-dataset",
            .description = "medical speech as it was, with noise, and cleaned of it; path: its "
                           "rows",
            .task_type = "transcription",
            .metrics = semantic,
            .processors = none,
            .split = "test",
            .commit_hash = "7f78b4381f0ce365777f4065aa9f32acf4225902",
            .options = noise_options,
            .prompt = "",
            .extraction = "transcript",
        },
    .kind = DATASET_TRANSCRIPTION,
    .speech = {.audio = "audio", .text = "text", .language = "audio_language"},
    .adapt = adapt_noise,
    .folder_argument = "subset",
    .hub_id = "ekacare/denoising-impact-evaluation-dataset",
    .config = "the argument subset",
    .columns = noise_columns,
    .slices = medical_slices,
};
