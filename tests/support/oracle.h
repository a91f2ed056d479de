/*
 * oracle.h - a model without a checkpoint for tests of the evaluation: it answers "item-N" to any
 * text that holds the number N, a batch at a time, last sample first. Its options make it slow or
 * make it misbehave.
 */
#ifndef TESTS_SUPPORT_ORACLE_H
#define TESTS_SUPPORT_ORACLE_H

#include <stddef.h>

#include "karma/karma.h"

/* Make class "Oracle" and the registered model "oracle" known; may be called again. */
karma_status oracle_register(void);
/* Samples handed to any oracle so far in this process. */
size_t oracle_asked(void);
/* How long it thinks about each sample; no part of the model's identity. */
void oracle_set_delay_us(int64_t us);
/* The process is killed where the oracle answers a question that holds this text, which must stay;
 * NULL: it is not. No part of the model's identity. */
void oracle_dies_with(const char *text);

/* Text of a JSON Lines question-answer file of n rows that the oracle knows all answers to, keys
 * "k0000" ...; the caller's, free() it. */
char *oracle_questions(int n);

#endif
