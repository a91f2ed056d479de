/*
 * asr_language.h - what KARMA 0.2.0's asr_semantic_metric knows of its two languages: units, words
 * for symbols, how a number is said. Single characters of the tables are code points; words are
 * UTF-8, in lower case, those of a phrase separated by blanks.
 */
#ifndef METRICS_ASR_LANGUAGE_H
#define METRICS_ASR_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/number_words.h"

enum { ASR_WORDS = 8 };

struct asr_unit {
    const char *symbol;           /* "mg" */
    const char *words[ASR_WORDS]; /* NULL ends */
};
struct asr_symbol {
    uint32_t cp;
    const char *words[ASR_WORDS];
};
struct asr_language {
    bool hindi;
    enum number_style numbers;
    const char *point;                /* of a decimal; NULL: a full stop ends a number */
    const struct asr_unit *units;     /* symbol NULL ends */
    const struct asr_symbol *symbols; /* cp 0 ends */
    const char *separators;           /* characters that the normal form takes for blanks */
};

extern const struct asr_language asr_english, asr_hindi;

/* "en", "english", "hi", "hindi", in any case, a region behind ("hi-IN") left aside; else NULL. */
const struct asr_language *asr_language_of(const char *name);
const struct asr_symbol *asr_symbol(const struct asr_language *l, uint32_t cp);
/* By its symbol, or by one of its words; NULL: none. text: lower case. */
const struct asr_unit *asr_unit_of_symbol(const struct asr_language *l, const char *text,
                                          size_t len);
const struct asr_unit *asr_unit_of_word(const struct asr_language *l, const char *text, size_t len);

/* Categories as Python's str has them. */
bool asr_is_letter(const struct asr_language *l, uint32_t cp); /* isalpha(); Hindi: and its block */
bool asr_is_digit(uint32_t cp); /* isdigit(): superscripts and circled ones, too */

#endif
