/*
 * speech.h - rows of (audio, text, language). What is to be heard is a file beside the manifest or
 * the bytes of one; it is looked at when the set is opened, and must be the same when it is asked
 * for.
 */
#ifndef DATASETS_SPEECH_H
#define DATASETS_SPEECH_H

#include "datasets/attached.h"
#include "datasets/dataset.h"
#include "datasets/item.h"

/* Of an open set. All-zero: closed. */
struct speech {
    const char *folder;        /* what relative paths are relative to; lent */
    struct buf text;           /* rows made of a folder's files */
    struct attached_list seen; /* one a sample */
};

/* Does the row have an audio and a text? */
bool speech_has_columns(const struct json *row);
/* As prompt_check(), for such a set: it must not show what is said. */
karma_status speech_check_prompt(const struct dataset_spec *spec);
/* Is it a folder of recordings: with metadata.*, manifest.* or transcripts.*, or audio files? */
karma_status speech_is_folder(const char *folder, bool *is);
/* Make rows of a folder of audio files, each with its text in a .txt file of the same name, and let
 * r read them. s lends the text. */
karma_status speech_open_folder(struct speech *s, const char *folder, struct reader *r);

/* Is the row of the language that the arguments ask for? */
karma_status speech_in_language(struct arena *a, const struct dataset_spec *spec,
                                const struct json *args, const struct json *row, bool *wanted);
/* As item_make(), for these rows. */
karma_status speech_item(struct arena *a, const struct dataset_spec *spec, const struct speech *s,
                         const char *prompt, const struct json *args, const struct json *row,
                         struct item *out);

/* Look at the audio of the next sample. may_miss: a file that is not there is no error, but its
 * sample's failure when it is run. */
karma_status speech_take(struct speech *s, const karma_audio *audio, bool may_miss);
/* Is that of sample i as it was? Its digest is set, lent by s. E_DIGEST. */
karma_status speech_check(const struct speech *s, size_t i, karma_audio *audio);
/* What all samples' audio adds to the digest of the set. */
void speech_add_digest(const struct speech *s, struct sha256 *h);
void speech_close(struct speech *s);

#endif
