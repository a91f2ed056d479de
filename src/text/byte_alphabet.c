/*
 * byte_alphabet.c - bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF are spelled by the code point of the
 * same value; the other 68, in rising order, by U+0100, U+0101 and so on.
 */
#include "text/byte_alphabet.h"

static bool spells_itself(uint32_t b) {
    return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
}

uint32_t byte_alphabet_cp(unsigned char byte) {
    if (spells_itself(byte)) return byte;
    if (byte <= 0x20) return 0x100u + byte;
    if (byte == 0xAD) return 0x143;
    return 0x121u + (byte - 0x7Fu);
}

/* Without a jump, as vocabularies mix all of them. */
static inline int byte_of(uint32_t cp) {
    uint32_t b = cp < 0x100 ? cp : cp <= 0x120 ? cp - 0x100 : cp - 0x121 + 0x7F;
    b = cp == 0x143 ? 0xAD : b;
    const bool bad = (cp < 0xA1 && (cp < 0x21 || cp > 0x7E)) | (cp == 0xAD) | (cp > 0x143);
    return bad ? -1 : (int)b;
}

int byte_alphabet_byte(uint32_t cp) {
    return byte_of(cp);
}

bool byte_alphabet_decode(const char *text, size_t len, char *out, size_t *n) {
    char *o = out;
    for (const char *p = text, *end = text + len; p < end;) {
        const unsigned char c = (unsigned char)*p;
        if (c >= 0x21 && c <= 0x7E) {
            *o++ = *p++;
            continue;
        }
        /* The rest are characters of two bytes. */
        if (c < 0xC2 || c > 0xC5 || end - p < 2 || ((unsigned char)p[1] & 0xC0) != 0x80)
            return false;
        const int b = byte_of((c & 0x1Fu) << 6 | ((unsigned char)p[1] & 0x3Fu));
        if (b < 0) return false;
        *o++ = (char)b;
        p += 2;
    }
    *n = (size_t)(o - out);
    return true;
}
