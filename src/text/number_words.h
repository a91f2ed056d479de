/*
 * number_words.h - numbers as words and words as numbers, English and Hindi. Words are separated by
 * blanks, in lower case; a number too long for its way of counting is said digit by digit.
 */
#ifndef TEXT_NUMBER_WORDS_H
#define TEXT_NUMBER_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum number_style {
    NUMBER_NUM2WORDS,   /* "one thousand, two hundred and thirty-four", to 10^36 */
    NUMBER_AMERICAN,    /* "one thousand two hundred thirty four", to 10^12 */
    NUMBER_BRITISH,     /* the same with "and" behind a hundred */
    NUMBER_HINDI,       /* by lakh and crore, to 10^12 */
    NUMBER_HINDI_SHORT, /* the same to 10^7, as KARMA counts */
};

/* Append the words of a whole number: digits are values 0..9, most significant first. */
karma_status number_words(struct buf *out, enum number_style style, const unsigned char *digits,
                          size_t n);
/* The same digit by digit. */
karma_status number_spelled(struct buf *out, enum number_style style, const unsigned char *digits,
                            size_t n);
/* Is the number in the style's range? */
bool number_fits(enum number_style style, const unsigned char *digits, size_t n);

enum number_part {
    NUMBER_NONE,  /* no word of a number */
    NUMBER_SMALL, /* below 100; teens and tens too */
    NUMBER_HUNDRED,
    NUMBER_SCALE, /* thousand, lakh, million, crore, billion */
    NUMBER_POINT,
};
struct number_word {
    enum number_part part;
    int64_t value; /* of SMALL, HUNDRED and SCALE */
};
/* What a word is to a number: English words, and Hindi ones in their common spellings. */
struct number_word number_word(const char *word, size_t len);

#endif
