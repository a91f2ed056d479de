/*
 * unicode.h - properties of code points, from generated tables (tools/make_unicode.py states the
 * Unicode version of each), and a decoder for text already known to be valid UTF-8.
 */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UNICODE_BLOCK = 128 };

enum unicode_class { UNICODE_OTHER, UNICODE_LETTER, UNICODE_NUMBER, UNICODE_SPACE };

enum unicode_prop {
    UNICODE_CLASS = 3,       /* mask of enum unicode_class: \p{L}, \p{N}, \s */
    UNICODE_WORD = 4,        /* \w */
    UNICODE_NUMERIC = 8,     /* what the Digits pre-tokenizer cuts out */
    UNICODE_OLD = 16,        /* known to the normal forms; others are inert starters */
    UNICODE_NFC_ACTIVE = 32, /* NFC may change it, move it, or compose it with what precedes */
};

/* What the rules of grapheme clusters ask; CR and LF are controls here, known by name. */
enum grapheme_class {
    GRAPHEME_OTHER,
    GRAPHEME_CONTROL,
    GRAPHEME_EXTEND, /* that breaks a conjunct: the zero-width non-joiner and few others */
    GRAPHEME_SPACING,
    GRAPHEME_PREPEND,
    GRAPHEME_REGIONAL,
    GRAPHEME_L,
    GRAPHEME_V,
    GRAPHEME_T,
    GRAPHEME_LV,
    GRAPHEME_LVT,
    GRAPHEME_PICTURE,
    GRAPHEME_CONSONANT,
    GRAPHEME_LINKER,
    GRAPHEME_EXTEND_CONJUNCT,
    GRAPHEME_JOINER,
};

enum unicode_trait {
    TRAIT_GRAPHEME = 15, /* mask of enum grapheme_class */
    TRAIT_KIND = 3 << 4, /* mask of the three that follow */
    TRAIT_PUNCTUATION = 1 << 4,
    TRAIT_NONSPACING = 2 << 4, /* what strip_accents deletes */
    TRAIT_DROPPED = 3 << 4,    /* what clean_text deletes */
    TRAIT_MARK = 64,           /* what StripAccents deletes */
    TRAIT_LOWERS = 128,        /* has another lower case */
};

enum { UNICODE_LOWERS = 1487 };

extern const uint8_t unicode_trait_block_of[0x110000 / UNICODE_BLOCK];
extern const uint8_t unicode_traits[][UNICODE_BLOCK];
extern const uint32_t unicode_lower_from[UNICODE_LOWERS]; /* sorted; all of one character */
extern const uint32_t unicode_lower_to[UNICODE_LOWERS];

static inline unsigned unicode_trait(uint32_t cp) {
    return unicode_traits[unicode_trait_block_of[cp / UNICODE_BLOCK]][cp % UNICODE_BLOCK];
}

extern const uint8_t unicode_block_of[0x110000 / UNICODE_BLOCK];
extern const uint8_t unicode_props[][UNICODE_BLOCK];

static inline unsigned unicode_get(uint32_t cp) {
    return unicode_props[unicode_block_of[cp / UNICODE_BLOCK]][cp % UNICODE_BLOCK];
}

/* The code point at s, which points at the first byte of a whole character. */
static inline uint32_t unicode_at(const char *s, int *n) {
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) {
        *n = 1;
        return u[0];
    }
    if (u[0] < 0xE0) {
        *n = 2;
        return (u[0] & 0x1Fu) << 6 | (u[1] & 0x3Fu);
    }
    if (u[0] < 0xF0) {
        *n = 3;
        return (u[0] & 0x0Fu) << 12 | (u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu);
    }
    *n = 4;
    return (u[0] & 0x07u) << 18 | (u[1] & 0x3Fu) << 12 | (u[2] & 0x3Fu) << 6 | (u[3] & 0x3Fu);
}

/* The code point that ends just before s; begin < s, valid UTF-8 between. */
static inline uint32_t unicode_before(const char *begin, const char *s, int *n) {
    const char *p = s - 1;
    while (p > begin && ((unsigned char)*p & 0xC0) == 0x80)
        p--;
    return unicode_at(p, n);
}

#endif
