/*
 * byte_alphabet.c - bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF are spelled by the code point of the
 * same value; the other 68, in rising order, by U+0100, U+0101 and so on.
 */
#include "text/byte_alphabet.h"

#include "text/unicode.h"

static bool spells_itself(uint32_t b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
}

uint32_t byte_alphabet_cp(unsigned char byte) {
    if (spells_itself(byte)) return byte;
    if (byte <= 0x20) return 0x100u + byte;
    if (byte == 0xAD) return 0x143;
    return 0x121u + (byte - 0x7Fu);
}

int byte_alphabet_byte(uint32_t cp) {
    if (cp < 0x100) return spells_itself(cp) ? (int)cp : -1;
    if (cp <= 0x120) return (int)(cp - 0x100);
    if (cp < 0x143) return (int)(cp - 0x121 + 0x7F);
    return cp == 0x143 ? 0xAD : -1;
}

bool byte_alphabet_decode(const char *text, size_t len, char *out, size_t *n) {
    char *o = out;
    for (const char *p = text, *end = text + len; p < end;) {
        int bytes;
        int b = byte_alphabet_byte(unicode_at(p, &bytes));
        if (b < 0) return false;
        *o++ = (char)b;
        p += bytes;
    }
    *n = (size_t)(o - out);
    return true;
}
