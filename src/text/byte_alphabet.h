/*
 * byte_alphabet.h - GPT-2's printable spelling of bytes. Vocabularies of byte-level tokenizers are
 * written in it; inside karma they are plain bytes.
 */
#ifndef TEXT_BYTE_ALPHABET_H
#define TEXT_BYTE_ALPHABET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The byte that cp spells, or -1. */
int byte_alphabet_byte(uint32_t cp);
/* The code point that spells a byte. */
uint32_t byte_alphabet_cp(unsigned char byte);
/* The bytes that text spells, into out (room for len); false and *n undefined if a character stands
 * for no byte, or is none. */
bool byte_alphabet_decode(const char *text, size_t len, char *out, size_t *n);

#endif
