/*
 * tiny_recogniser.h - a speech recogniser of a hundred thousand weights, each a formula of its
 * name, so that other programs can make the same ones: three languages of sixteen pieces, CTC and a
 * transducer. What it hears is noise, and the same noise every time.
 */
#ifndef TESTS_SUPPORT_TINY_RECOGNISER_H
#define TESTS_SUPPORT_TINY_RECOGNISER_H

#include <stdint.h>

#include "base/status.h"

enum { TINY_HIDDEN = 64, TINY_PIECES = 16, TINY_PREDICTOR = 32, TINY_LANGUAGES = 3 };

/* Write model.safetensors, config.json and the tables to a folder, which is made. */
karma_status tiny_recogniser_write(const char *folder);

/* The formula's numbers for a name: a seed, and from it one after another in -0.5..0.5. */
uint32_t tiny_seed(const char *name);
double tiny_draw(uint32_t *state);

/* A WAV of n samples (16-bit) of something between speech and noise; seconds [quiet_from,
 * quiet_to) of it are silent. */
karma_status tiny_recording_write(const char *path, int32_t rate, int64_t n, uint32_t seed,
                                  double quiet_from, double quiet_to);

#endif
