/*
 * key_fields.h - what a key of the store was made of beside the model's identity, as digests: so
 * that people can be told which field made two keys differ, and no text of a sample is told.
 */
#ifndef EVAL_KEY_FIELDS_H
#define EVAL_KEY_FIELDS_H

#include "eval/answers.h"

/* A JSON object, {"sample": "1f3a...", "input": "..."}, appended to *out: a member for each field
 * that is there, in the order in which answers_store_key() takes them. */
karma_status key_fields_text(const karma_sample *sample, const struct stop_rule *stop,
                             struct buf *out);

#endif
