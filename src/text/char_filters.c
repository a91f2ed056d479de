/*
 * char_filters.c - a step copies stretches that it leaves alone in one piece and asks the tables of
 * text/unicode.h about each character beyond ASCII.
 */
#include "text/char_filters.h"

#include <string.h>

#include "base/utf8.h"
#include "text/unicode.h"

/* What becomes of a character. */
enum fate { KEEP, DROP, SPACE, SPACED, LOWER };

static inline bool is_space(uint32_t cp) {
    return (unicode_get(cp) & UNICODE_CLASS) == UNICODE_SPACE;
}

/* The reference's list; it leaves U+2B820 .. U+2B91F out. */
static bool is_ideograph(uint32_t cp) {
    if (cp < 0x3400) return false;
    return (cp >= 0x4E00 && cp <= 0x9FFF) || cp <= 0x4DBF || (cp >= 0xF900 && cp <= 0xFAFF) ||
           (cp >= 0x20000 && cp <= 0x2A6DF) || (cp >= 0x2A700 && cp <= 0x2B73F) ||
           (cp >= 0x2B740 && cp <= 0x2B81F) || (cp >= 0x2B920 && cp <= 0x2CEAF) ||
           (cp >= 0x2F800 && cp <= 0x2FA1F);
}

static enum fate clean_text(uint32_t cp) {
    if ((unicode_trait(cp) & TRAIT_KIND) == TRAIT_DROPPED) return DROP;
    return cp != ' ' && is_space(cp) ? SPACE : KEEP;
}

static enum fate nmt(uint32_t cp) {
    if (cp < 0x20)
        return cp == 0 ? KEEP : cp == 9 || cp == 10 || cp == 12 || cp == 13 ? SPACE : DROP;
    switch (cp) {
    case 0x7F:
    case 0x8F:
    case 0x9F:
        return DROP;
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x2581:
    case 0xFEFF:
    case 0xFFFD:
        return SPACE;
    default:
        return cp >= 0x200B && cp <= 0x200F ? SPACE : KEEP;
    }
}

static enum fate fate_of(enum normalizer_kind kind, uint32_t cp) {
    switch (kind) {
    case NORMALIZE_CLEAN_TEXT:
        return clean_text(cp);
    case NORMALIZE_SPACE_IDEOGRAPHS:
        return is_ideograph(cp) ? SPACED : KEEP;
    case NORMALIZE_DROP_NONSPACING:
        return (unicode_trait(cp) & TRAIT_KIND) == TRAIT_NONSPACING ? DROP : KEEP;
    case NORMALIZE_DROP_MARKS:
        return unicode_trait(cp) & TRAIT_MARK ? DROP : KEEP;
    case NORMALIZE_LOWERCASE:
        return unicode_trait(cp) & TRAIT_LOWERS ? LOWER : KEEP;
    case NORMALIZE_NMT:
        return nmt(cp);
    default:
        return KEEP;
    }
}

/* Eight bytes of which none is special to any step but lower case. */
static inline bool is_printable(const char *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    const uint64_t high = 0x8080808080808080u, ones = 0x0101010101010101u;
    uint64_t below = (w - 0x20 * ones) & ~w & high; /* a byte below 0x20, if none is above 0x7F */
    uint64_t deleted = ((w ^ 0x7F * ones) - ones) & high;
    return ((w & high) | below | deleted) == 0;
}

bool char_filter_idle(enum normalizer_kind kind, const char *text, size_t len) {
    size_t i = 0;
    int n;
    while (i < len) {
        if (kind != NORMALIZE_LOWERCASE && len - i >= 8 && is_printable(text + i)) {
            i += 8;
            continue;
        }
        if (fate_of(kind, unicode_at(text + i, &n)) != KEEP) return false;
        i += (size_t)n;
    }
    return true;
}

static karma_status append_lower(struct buf *out, uint32_t cp) {
    char bytes[4];
    if (cp == 0x130) return buf_puts(out, "i\xCC\x87"); /* the only one of two characters */
    uint32_t low = 0, high = UNICODE_LOWERS - 1;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (unicode_lower_from[mid] < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return buf_append(out, bytes, (size_t)utf8_encode(unicode_lower_to[low], bytes));
}

static karma_status append_fate(struct buf *out, enum fate fate, uint32_t cp, const char *p,
                                size_t n) {
    karma_status st = KARMA_OK;
    if (fate == SPACE) return buf_putc(out, ' ');
    if (fate == LOWER)
        return cp < 0x80 ? buf_putc(out, ascii_lower((char)cp)) : append_lower(out, cp);
    if (fate == SPACED) {
        st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = buf_append(out, p, n);
        if (st == KARMA_OK) st = buf_putc(out, ' ');
    }
    return st;
}

karma_status char_filter(enum normalizer_kind kind, const char *text, size_t len, struct buf *out) {
    karma_status st = buf_reserve(out, len + 1);
    const char *p = text, *end = text + len, *from = text;
    while (st == KARMA_OK && p < end) {
        int n;
        uint32_t cp = unicode_at(p, &n);
        enum fate fate = fate_of(kind, cp);
        if (fate != KEEP) {
            st = buf_append(out, from, (size_t)(p - from));
            if (st == KARMA_OK) st = append_fate(out, fate, cp, p, (size_t)n);
            from = p + n;
        }
        p += n;
    }
    return st < 0 ? st : buf_append(out, from, (size_t)(end - from));
}
