/*
 * grapheme.c - the rules of UAX 29 as one walk forward from a cluster's first character; linear,
 * since what a rule asks of the characters before is kept in a few flags.
 */
#include "text/grapheme.h"

#include <stdbool.h>

#include "text/unicode.h"

static unsigned class_of(uint32_t cp) {
    return unicode_trait(cp) & TRAIT_GRAPHEME;
}

static bool is_extend(unsigned c) {
    return c == GRAPHEME_EXTEND || c == GRAPHEME_LINKER || c == GRAPHEME_EXTEND_CONJUNCT ||
           c == GRAPHEME_JOINER;
}

/* GB6 to GB8: syllables of Hangul. */
static bool joins_hangul(unsigned a, unsigned b) {
    if (a == GRAPHEME_L)
        return b == GRAPHEME_L || b == GRAPHEME_V || b == GRAPHEME_LV || b == GRAPHEME_LVT;
    if (a == GRAPHEME_LV || a == GRAPHEME_V) return b == GRAPHEME_V || b == GRAPHEME_T;
    return (a == GRAPHEME_LVT || a == GRAPHEME_T) && b == GRAPHEME_T;
}

/* What the cluster so far allows. */
struct cluster {
    unsigned last;
    bool picture;   /* a picture and its extenders */
    bool consonant; /* a consonant and what may stand in a conjunct */
    bool linker;    /* ... with a linker among that */
    bool odd;       /* an odd number of regional indicators at the end */
};

static bool joins(const struct cluster *c, unsigned next) {
    if (c->last == GRAPHEME_CONTROL || next == GRAPHEME_CONTROL) return false; /* GB4, GB5 */
    if (joins_hangul(c->last, next)) return true;
    if (is_extend(next) || next == GRAPHEME_SPACING) return true; /* GB9, GB9a */
    if (c->last == GRAPHEME_PREPEND) return true;                 /* GB9b */
    if (c->linker && next == GRAPHEME_CONSONANT) return true;     /* GB9c */
    if (c->picture && c->last == GRAPHEME_JOINER && next == GRAPHEME_PICTURE)
        return true;                            /* GB11 */
    return c->odd && next == GRAPHEME_REGIONAL; /* GB12, GB13 */
}

static void add(struct cluster *c, unsigned next) {
    c->picture = next == GRAPHEME_PICTURE || (c->picture && is_extend(next));
    if (next == GRAPHEME_CONSONANT) {
        c->consonant = true;
        c->linker = false;
    } else if (next == GRAPHEME_LINKER) {
        c->linker = c->consonant;
    } else if (next != GRAPHEME_EXTEND_CONJUNCT && next != GRAPHEME_JOINER) {
        c->consonant = c->linker = false;
    }
    c->odd = next == GRAPHEME_REGIONAL && !c->odd;
    c->last = next;
}

const char *grapheme_end(const char *p, const char *end) {
    int n;
    struct cluster c = {0};
    if (*p == '\r') return p + (end - p > 1 && p[1] == '\n' ? 2 : 1); /* GB3 */
    add(&c, class_of(unicode_at(p, &n)));
    for (p += n; p < end; p += n) {
        if ((unsigned char)*p < 0x80 && c.last == GRAPHEME_OTHER) break; /* most text */
        unsigned next = class_of(unicode_at(p, &n));
        if (!joins(&c, next)) break;
        add(&c, next);
    }
    return p;
}
