/*
 * eka_speech.c - Eka Care's medical speech and its small selection of Vistaar, from local copies.
 * Their rows say their language; the argument takes those of one.
 */
#include "datasets/dataset.h"

static const char *const metrics[] = {"wer", "cer", NULL};
static const char *const none[] = {NULL};
static const char *const general[] = {"general_text_processor", NULL};
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
};

const struct dataset_spec dataset_vistaar_small = {
    .info =
        {
            .name = "ekacare/vistaar_small_asr_eval",
            .description = "a selection of Vistaar's speech in Indian languages; path: its rows",
            .task_type = "transcription",
            .metrics = metrics,
            .processors = general,
            .split = "test",
            .commit_hash = "8b7b3e8d11d2da441c6c708c2d9a4a7958b57881",
            .options = options,
            .prompt = "",
            .extraction = "transcript",
        },
    .kind = DATASET_TRANSCRIPTION,
    .speech = {.audio = "audio", .text = "text", .language = "audio_language"},
};
