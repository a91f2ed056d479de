/*
 * characters.h - what Python's str and re say of characters, for metrics and clean-up that must
 * equal the reference: lower case, white space, punctuation, decimal digits, word characters.
 */
#ifndef TEXT_CHARACTERS_H
#define TEXT_CHARACTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Append s (UTF-8; a bad byte stays as it is) in lower case as str.lower(): full mappings, final
 * sigma. */
karma_status lower_append(struct buf *b, const char *s, size_t len);
/* Append the composed normal form (NFC) of valid UTF-8, by today's Unicode; E_ENCODING for other
 * text. text/normalizer.h has the older one that tokenizers were made with. */
karma_status nfc_append(struct buf *b, const char *s, size_t len);
/* The same for NFKC, which also makes one of characters that differ in form alone. */
karma_status nfkc_append(struct buf *b, const char *s, size_t len);
bool is_white_space(uint32_t cp);      /* str.isspace() */
bool is_punctuation(uint32_t cp);      /* category P* */
bool is_symbol(uint32_t cp);           /* category S* */
bool is_letter(uint32_t cp);           /* category L* (str.isalpha()) */
bool is_number(uint32_t cp);           /* category N* */
bool is_mark(uint32_t cp);             /* category M* */
bool is_word_character(uint32_t cp);   /* re's \w: letters, numbers, '_'; no marks */
uint32_t upper_character(uint32_t cp); /* upper case where it is one character, else cp */
uint32_t lower_character(uint32_t cp); /* lower case, likewise */
int digit_value(uint32_t cp);          /* 0..9 for category Nd (re's \d), else -1 */
/* s without white space at its ends; *len is what remains. */
const char *strip_white_space(const char *s, size_t *len);

#endif
