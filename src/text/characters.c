/* characters.c - see characters.h. */
#include "text/characters.h"

#include <utf8proc.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

static utf8proc_category_t category(uint32_t cp) {
    return utf8proc_category((utf8proc_int32_t)cp);
}

bool is_white_space(uint32_t cp) {
    return (cp >= 0x1C && cp <= 0x1F) || (unicode_get(cp) & UNICODE_CLASS) == UNICODE_SPACE;
}

bool is_punctuation(uint32_t cp) {
    const utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_PC && c <= UTF8PROC_CATEGORY_PO;
}

bool is_symbol(uint32_t cp) {
    const utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_SM && c <= UTF8PROC_CATEGORY_SO;
}

bool is_letter(uint32_t cp) {
    const utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

uint32_t upper_character(uint32_t cp) {
    return (uint32_t)utf8proc_toupper((utf8proc_int32_t)cp);
}

uint32_t lower_character(uint32_t cp) {
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
}

bool is_number(uint32_t cp) {
    const utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
}

bool is_mark(uint32_t cp) {
    const utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME;
}

bool is_word_character(uint32_t cp) {
    const unsigned c = unicode_get(cp) & UNICODE_CLASS;
    return c == UNICODE_LETTER || c == UNICODE_NUMBER || cp == '_';
}

int digit_value(uint32_t cp) {
    if (cp < 0x80) return cp >= '0' && cp <= '9' ? (int)(cp - '0') : -1;
    if (category(cp) != UTF8PROC_CATEGORY_ND) return -1;
    int before = 0; /* digits stand in runs of ten, 0 to 9; some runs touch */
    while (category(cp - 1 - (uint32_t)before) == UTF8PROC_CATEGORY_ND)
        before++;
    return before % 10;
}

const char *strip_white_space(const char *s, size_t *len) {
    const char *end = s + *len;
    uint32_t cp;
    int n;
    while (s < end && (n = utf8_decode(s, (size_t)(end - s), &cp, NULL)) > 0 && is_white_space(cp))
        s += n;
    while (s < end) {
        const char *last = end - 1;
        while (last > s && ((unsigned char)*last & 0xC0) == 0x80)
            last--;
        n = utf8_decode(last, (size_t)(end - last), &cp, NULL);
        if (n == 0 || last + n != end || !is_white_space(cp)) break;
        end = last;
    }
    *len = (size_t)(end - s);
    return s;
}

/* Letters with case, in Unicode's sense, but for modifiers, which the rule for sigma looks through.
 * Those that are no letters by their category: ordinal signs, Roman numerals, letters in circles
 * and squares. */
static bool is_cased(uint32_t cp) {
    const utf8proc_category_t c = category(cp);
    return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LL || c == UTF8PROC_CATEGORY_LT ||
           cp == 0xAA || cp == 0xBA || (cp >= 0x2160 && cp <= 0x217F) ||
           (cp >= 0x24B6 && cp <= 0x24E9) || (cp >= 0x1F130 && cp <= 0x1F149) ||
           (cp >= 0x1F150 && cp <= 0x1F169) || (cp >= 0x1F170 && cp <= 0x1F189);
}

/* What the rule for sigma looks through: marks, modifiers, and marks inside words. */
static bool is_case_ignorable(uint32_t cp) {
    switch (category(cp)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        break;
    }
    return cp == '\'' || cp == '.' || cp == ':' || cp == 0xB7 || cp == 0x387 || cp == 0x55F ||
           cp == 0x5F4 || cp == 0x2018 || cp == 0x2019 || cp == 0x2024 || cp == 0x2027 ||
           cp == 0xFE13 || cp == 0xFE52 || cp == 0xFE55 || cp == 0xFF07 || cp == 0xFF0E ||
           cp == 0xFF1A;
}

/* A capital sigma from at to at + n ends its word: a cased letter before it, none behind. */
static bool is_final(const char *begin, const char *at, const char *end, int n) {
    uint32_t cp = 0;
    bool before = false;
    for (const char *p = at; p > begin && !before;) {
        do
            p--;
        while (p > begin && ((unsigned char)*p & 0xC0) == 0x80);
        if (utf8_decode(p, (size_t)(at - p), &cp, NULL) == 0) break;
        before = is_cased(cp);
        if (!before && !is_case_ignorable(cp)) break;
    }
    if (!before) return false;
    for (const char *p = at + n; p < end; p += n) {
        n = utf8_decode(p, (size_t)(end - p), &cp, NULL);
        if (n == 0) break;
        if (is_cased(cp)) return false;
        if (!is_case_ignorable(cp)) break;
    }
    return true;
}

karma_status lower_append(struct buf *b, const char *s, size_t len) {
    const char *end = s + len, *begin = s;
    karma_status st = KARMA_OK;
    for (int n; s < end && st == KARMA_OK; s += n) {
        uint32_t cp;
        char out[4];
        n = utf8_decode(s, (size_t)(end - s), &cp, NULL);
        if (n == 0) {
            n = 1;
            st = buf_putc(b, *s);
        } else if (cp < 0x80) {
            st = buf_putc(b, ascii_lower(*s));
        } else if (cp == 0x130) { /* I with a dot: i and a combining dot */
            st = buf_append(b, "i\xCC\x87", 3);
        } else {
            if (cp == 0x3A3)
                cp = is_final(begin, s, end, n) ? 0x3C2 : 0x3C3;
            else
                cp = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
            st = buf_append(b, out, (size_t)utf8_encode(cp, out));
        }
    }
    return st;
}

static karma_status normal_append(struct buf *b, const char *s, size_t len,
                                  utf8proc_option_t options) {
    const utf8proc_uint8_t *text = (const utf8proc_uint8_t *)s;
    if (!utf8_valid(s, len, NULL)) return status_fail(KARMA_E_ENCODING, "text is not valid UTF-8");
    utf8proc_ssize_t n = utf8proc_decompose(text, (utf8proc_ssize_t)len, NULL, 0, options);
    if (n < 0) return status_fail(KARMA_E_LIMIT, "text too long to normalise");
    utf8proc_int32_t *points = mem_alloc((size_t)n * sizeof(*points));
    if (!points) return KARMA_E_NOMEM;
    n = utf8proc_decompose(text, (utf8proc_ssize_t)len, points, n, options);
    n = utf8proc_normalize_utf32(points, n, options);
    karma_status st = KARMA_OK;
    for (utf8proc_ssize_t i = 0; i < n && st == KARMA_OK; i++) {
        char out[4];
        st = buf_append(b, out, (size_t)utf8_encode((uint32_t)points[i], out));
    }
    mem_free(points);
    return st;
}

karma_status nfc_append(struct buf *b, const char *s, size_t len) {
    return normal_append(b, s, len, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

karma_status nfkc_append(struct buf *b, const char *s, size_t len) {
    return normal_append(b, s, len, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}
