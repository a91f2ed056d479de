/* transcription.c - any recordings with their transcripts: columns audio, text, language. */
#include "datasets/dataset.h"

static const char *const metrics[] = {"wer", "cer", NULL};
static const char *const processors[] = {NULL};
static const karma_option_spec options[] = {
    SPEECH_COMMON_OPTIONS(true, "null", false),
    {.name = NULL},
};

const struct dataset_spec dataset_transcription = {
    .info =
        {
            .name = "transcription",
            .description = "recordings and what is said in them: columns audio, text, language of "
                           "a file, or a folder of recordings with a .txt file each",
            .task_type = "transcription",
            .metrics = metrics,
            .processors = processors,
            .options = options,
            .prompt = "",
            .extraction = "transcript",
        },
    .kind = DATASET_TRANSCRIPTION,
};
