/*
 * sight.h - towers that look at pictures, for tests: rows of pictures without an engine, and what
 * the fixtures with sight have in common. Helpers stop the test when they fail.
 */
#ifndef TESTS_SUPPORT_SIGHT_H
#define TESTS_SUPPORT_SIGHT_H

#include "models/vision.h"
#include "tests/support/tiny_checkpoint.h"

/* f32 both, sums in another order; relative to the largest value of a stage. */
static const double sight_bound = 1e-5;

/* Of a model that sees. */
const struct vision_info *sight_info(const struct loaded *l);
/* Floats of one picture's rows. */
size_t sight_floats(const struct loaded *l);
/* False: cancelled. */
bool sight_look(const struct loaded *l, const float *pixels, float *rows,
                bool (*cancelled)(void *user), void *user);
/* Rows of n pictures, one after another; the caller's, mem_free() it. */
float *sight_see(const struct loaded *l, const float *pixels, int n);
/* A tensor of golden.safetensors that must be there. */
const float *sight_golden(struct golden *g, const char *name, int64_t *count);
double sight_largest(const float *x, int64_t n);

#endif
