/*
 * speech.h (internal) - what the files of the speech classes share: the model's part that load()
 * makes, and how it hears a sample.
 */
#ifndef API_SPEECH_H
#define API_SPEECH_H

#include <threads.h>

#include "api/api.h"
#include "engine/cutter.h"
#include "engine/transcriber.h"
#include "engine/transcript.h"

enum { SPEECH_AUTO = -1 };

/* Of a loaded speech recogniser; not changed after load() but for what the lock guards. */
struct speech {
    const struct speech_info *info;
    int32_t language; /* where a sample names none; SPEECH_AUTO: the likeliest */
    bool compat;      /* read a sample's language as upstream does */
    struct decoding decoding;
    struct hot_words **hot; /* [n_languages], NULL: none */
    struct transcript_config text;
    struct cutter_config cutting;
    int32_t max_batch;
    size_t ceiling_bytes;
    mtx_t lock; /* of idle */
    bool has_lock;
    struct transcriber *idle; /* of the last run, for the next; NULL: none */
    int64_t idle_samples;     /* that its utterances may have */
};

/* The language that other_args (an object or NULL) name, else the model's. E_RANGE names the
 * nearest and those there are; E_TYPE. */
karma_status speech_sample_language(const struct speech *s, const char *other_args_json,
                                    int32_t *language);
/* A language by its code, a tag of BCP 47, three letters of ISO 639, or its English name. */
karma_status speech_find_language(const struct speech_info *info, const char *name,
                                  int32_t *language);

/* A transcriber for utterances of that many samples: *t if it is large enough, else another in its
 * place; *max_samples: of *t. */
karma_status speech_make_room(karma_model *m, int64_t n_samples, struct transcriber **t,
                              int64_t *max_samples);
/* Of a run: the idle one, or NULL; and back. */
struct transcriber *speech_take_idle(karma_model *m, int64_t *max_samples);
void speech_give_back(karma_model *m, struct transcriber *t, int64_t max_samples);

#endif
