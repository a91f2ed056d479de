/*
 * indicvoices.c - IndicVoices and IndicVoices-R, speech in 22 Indian languages, from a local copy
 * of the rows of one language. They do not say which: the argument does, and it reaches model and
 * processor, where KARMA loses it.
 */
#include "datasets/dataset.h"

static const char *const metrics[] = {"wer", "cer", "asr_semantic_metric", NULL};
static const char *const processors[] = {"multilingual_text_processor", NULL};

static const char *const voices_columns[] = {"audio_filepath", "text", NULL};
static const char *const restored_columns[] = {"audio", "text", NULL};
static const char *const voices_slices[] = {"gender", "age_group", NULL};
static const karma_option_spec voices_options[] = {
    SPEECH_COMMON_OPTIONS(true, "\"valid\"", true),
    {.name = NULL},
};

const struct dataset_spec dataset_indicvoices = {
    .info =
        {
            .name = "ai4bharat/IndicVoices",
            .description = "read and spontaneous speech in 22 Indian languages; path: rows of one "
                           "language",
            .task_type = "transcription",
            .metrics = metrics,
            .processors = processors,
            .split = "valid",
            .commit_hash = "21fd45013ce5870e52d89d38b2cb88b834e02f8e",
            .options = voices_options,
            .prompt = "",
            .extraction = "transcript",
        },
    .kind = DATASET_TRANSCRIPTION,
    .speech = {.audio = "audio_filepath", .text = "text"},
    .folder_argument = "language",
    .hub_id = "ai4bharat/IndicVoices",
    .config = "the argument language",
    .columns = voices_columns,
    .slices = voices_slices,
};

static const karma_option_spec restored_options[] = {
    SPEECH_COMMON_OPTIONS(true, "\"test\"", true),
    {.name = NULL},
};

const struct dataset_spec dataset_indicvoices_r = {
    .info =
        {
            .name = "ai4bharat/indicvoices_r",
            .description = "the same, restored to studio quality; path: rows of one language",
            .task_type = "transcription",
            .metrics = metrics,
            .processors = processors,
            .split = "test",
            .commit_hash = "5f4495c91d500742a58d1be2ab07d77f73c0acf8",
            .options = restored_options,
            .prompt = "",
            .extraction = "transcript",
        },
    .kind = DATASET_TRANSCRIPTION,
    .speech = {.audio = "audio", .text = "text"},
    .folder_argument = "language",
    .hub_id = "ai4bharat/indicvoices_r",
    .config = "the argument language",
    .columns = restored_columns,
    .slices = voices_slices,
};
