/*
 * language.h - the languages of India and English: their codes as speech models and data sets use
 * them (two letters of ISO 639-1, else three of 639-3), and the names that stand for these.
 */
#ifndef BASE_LANGUAGE_H
#define BASE_LANGUAGE_H

#include <stddef.h>

/* The code of a language given by code, three-letter code, English name or tag ("hi", "hin",
 * "Hindi", "hi-IN"); NULL when it is none of these. */
const char *language_code(const char *name);
extern const char *const language_codes[]; /* all 23, NULL-terminated */
/* The code of the language whose name is nearest to that; NULL when none is near. */
const char *language_nearest(const char *name);

#endif
