/*
 * jinja_case.c - upper, lower and title case as Python's str does it: Unicode's full mappings, one
 * character to up to three. Simple mappings are utf8proc's; the tables hold the rest (Unicode's
 * SpecialCasing.txt without conditions, 14.0). Whatever a character becomes keeps its origin.
 */
#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"
#include "text/jinja_run.h"

struct special_case {
    uint16_t from;
    uint16_t to[3]; /* 0 ends */
};
static const struct special_case upper_special[] = {
    {0x00DF, {0x0053, 0x0053}},         {0x0149, {0x02BC, 0x004E}},
    {0x01F0, {0x004A, 0x030C}},         {0x0390, {0x0399, 0x0308, 0x0301}},
    {0x03B0, {0x03A5, 0x0308, 0x0301}}, {0x0587, {0x0535, 0x0552}},
    {0x1E96, {0x0048, 0x0331}},         {0x1E97, {0x0054, 0x0308}},
    {0x1E98, {0x0057, 0x030A}},         {0x1E99, {0x0059, 0x030A}},
    {0x1E9A, {0x0041, 0x02BE}},         {0x1F50, {0x03A5, 0x0313}},
    {0x1F52, {0x03A5, 0x0313, 0x0300}}, {0x1F54, {0x03A5, 0x0313, 0x0301}},
    {0x1F56, {0x03A5, 0x0313, 0x0342}}, {0x1F80, {0x1F08, 0x0399}},
    {0x1F81, {0x1F09, 0x0399}},         {0x1F82, {0x1F0A, 0x0399}},
    {0x1F83, {0x1F0B, 0x0399}},         {0x1F84, {0x1F0C, 0x0399}},
    {0x1F85, {0x1F0D, 0x0399}},         {0x1F86, {0x1F0E, 0x0399}},
    {0x1F87, {0x1F0F, 0x0399}},         {0x1F88, {0x1F08, 0x0399}},
    {0x1F89, {0x1F09, 0x0399}},         {0x1F8A, {0x1F0A, 0x0399}},
    {0x1F8B, {0x1F0B, 0x0399}},         {0x1F8C, {0x1F0C, 0x0399}},
    {0x1F8D, {0x1F0D, 0x0399}},         {0x1F8E, {0x1F0E, 0x0399}},
    {0x1F8F, {0x1F0F, 0x0399}},         {0x1F90, {0x1F28, 0x0399}},
    {0x1F91, {0x1F29, 0x0399}},         {0x1F92, {0x1F2A, 0x0399}},
    {0x1F93, {0x1F2B, 0x0399}},         {0x1F94, {0x1F2C, 0x0399}},
    {0x1F95, {0x1F2D, 0x0399}},         {0x1F96, {0x1F2E, 0x0399}},
    {0x1F97, {0x1F2F, 0x0399}},         {0x1F98, {0x1F28, 0x0399}},
    {0x1F99, {0x1F29, 0x0399}},         {0x1F9A, {0x1F2A, 0x0399}},
    {0x1F9B, {0x1F2B, 0x0399}},         {0x1F9C, {0x1F2C, 0x0399}},
    {0x1F9D, {0x1F2D, 0x0399}},         {0x1F9E, {0x1F2E, 0x0399}},
    {0x1F9F, {0x1F2F, 0x0399}},         {0x1FA0, {0x1F68, 0x0399}},
    {0x1FA1, {0x1F69, 0x0399}},         {0x1FA2, {0x1F6A, 0x0399}},
    {0x1FA3, {0x1F6B, 0x0399}},         {0x1FA4, {0x1F6C, 0x0399}},
    {0x1FA5, {0x1F6D, 0x0399}},         {0x1FA6, {0x1F6E, 0x0399}},
    {0x1FA7, {0x1F6F, 0x0399}},         {0x1FA8, {0x1F68, 0x0399}},
    {0x1FA9, {0x1F69, 0x0399}},         {0x1FAA, {0x1F6A, 0x0399}},
    {0x1FAB, {0x1F6B, 0x0399}},         {0x1FAC, {0x1F6C, 0x0399}},
    {0x1FAD, {0x1F6D, 0x0399}},         {0x1FAE, {0x1F6E, 0x0399}},
    {0x1FAF, {0x1F6F, 0x0399}},         {0x1FB2, {0x1FBA, 0x0399}},
    {0x1FB3, {0x0391, 0x0399}},         {0x1FB4, {0x0386, 0x0399}},
    {0x1FB6, {0x0391, 0x0342}},         {0x1FB7, {0x0391, 0x0342, 0x0399}},
    {0x1FBC, {0x0391, 0x0399}},         {0x1FC2, {0x1FCA, 0x0399}},
    {0x1FC3, {0x0397, 0x0399}},         {0x1FC4, {0x0389, 0x0399}},
    {0x1FC6, {0x0397, 0x0342}},         {0x1FC7, {0x0397, 0x0342, 0x0399}},
    {0x1FCC, {0x0397, 0x0399}},         {0x1FD2, {0x0399, 0x0308, 0x0300}},
    {0x1FD3, {0x0399, 0x0308, 0x0301}}, {0x1FD6, {0x0399, 0x0342}},
    {0x1FD7, {0x0399, 0x0308, 0x0342}}, {0x1FE2, {0x03A5, 0x0308, 0x0300}},
    {0x1FE3, {0x03A5, 0x0308, 0x0301}}, {0x1FE4, {0x03A1, 0x0313}},
    {0x1FE6, {0x03A5, 0x0342}},         {0x1FE7, {0x03A5, 0x0308, 0x0342}},
    {0x1FF2, {0x1FFA, 0x0399}},         {0x1FF3, {0x03A9, 0x0399}},
    {0x1FF4, {0x038F, 0x0399}},         {0x1FF6, {0x03A9, 0x0342}},
    {0x1FF7, {0x03A9, 0x0342, 0x0399}}, {0x1FFC, {0x03A9, 0x0399}},
    {0xFB00, {0x0046, 0x0046}},         {0xFB01, {0x0046, 0x0049}},
    {0xFB02, {0x0046, 0x004C}},         {0xFB03, {0x0046, 0x0046, 0x0049}},
    {0xFB04, {0x0046, 0x0046, 0x004C}}, {0xFB05, {0x0053, 0x0054}},
    {0xFB06, {0x0053, 0x0054}},         {0xFB13, {0x0544, 0x0546}},
    {0xFB14, {0x0544, 0x0535}},         {0xFB15, {0x0544, 0x053B}},
    {0xFB16, {0x054E, 0x0546}},         {0xFB17, {0x0544, 0x053D}},
};
/* Where title case is more than one character and not the upper case. */
static const struct special_case title_special[] = {
    {0x00DF, {0x0053, 0x0073}},         {0x0587, {0x0535, 0x0582}},
    {0x1FB2, {0x1FBA, 0x0345}},         {0x1FB4, {0x0386, 0x0345}},
    {0x1FB7, {0x0391, 0x0342, 0x0345}}, {0x1FC2, {0x1FCA, 0x0345}},
    {0x1FC4, {0x0389, 0x0345}},         {0x1FC7, {0x0397, 0x0342, 0x0345}},
    {0x1FF2, {0x1FFA, 0x0345}},         {0x1FF4, {0x038F, 0x0345}},
    {0x1FF7, {0x03A9, 0x0342, 0x0345}}, {0xFB00, {0x0046, 0x0066}},
    {0xFB01, {0x0046, 0x0069}},         {0xFB02, {0x0046, 0x006C}},
    {0xFB03, {0x0046, 0x0066, 0x0069}}, {0xFB04, {0x0046, 0x0066, 0x006C}},
    {0xFB05, {0x0053, 0x0074}},         {0xFB06, {0x0053, 0x0074}},
    {0xFB13, {0x0544, 0x0576}},         {0xFB14, {0x0544, 0x0565}},
    {0xFB15, {0x0544, 0x056B}},         {0xFB16, {0x054E, 0x0576}},
    {0xFB17, {0x0544, 0x056D}},
};
/* Where title case is one character although upper case has more. */
static const struct special_case title_single[] = {
    {0x1F80, {0x1F88}}, {0x1F81, {0x1F89}}, {0x1F82, {0x1F8A}}, {0x1F83, {0x1F8B}},
    {0x1F84, {0x1F8C}}, {0x1F85, {0x1F8D}}, {0x1F86, {0x1F8E}}, {0x1F87, {0x1F8F}},
    {0x1F88, {0x1F88}}, {0x1F89, {0x1F89}}, {0x1F8A, {0x1F8A}}, {0x1F8B, {0x1F8B}},
    {0x1F8C, {0x1F8C}}, {0x1F8D, {0x1F8D}}, {0x1F8E, {0x1F8E}}, {0x1F8F, {0x1F8F}},
    {0x1F90, {0x1F98}}, {0x1F91, {0x1F99}}, {0x1F92, {0x1F9A}}, {0x1F93, {0x1F9B}},
    {0x1F94, {0x1F9C}}, {0x1F95, {0x1F9D}}, {0x1F96, {0x1F9E}}, {0x1F97, {0x1F9F}},
    {0x1F98, {0x1F98}}, {0x1F99, {0x1F99}}, {0x1F9A, {0x1F9A}}, {0x1F9B, {0x1F9B}},
    {0x1F9C, {0x1F9C}}, {0x1F9D, {0x1F9D}}, {0x1F9E, {0x1F9E}}, {0x1F9F, {0x1F9F}},
    {0x1FA0, {0x1FA8}}, {0x1FA1, {0x1FA9}}, {0x1FA2, {0x1FAA}}, {0x1FA3, {0x1FAB}},
    {0x1FA4, {0x1FAC}}, {0x1FA5, {0x1FAD}}, {0x1FA6, {0x1FAE}}, {0x1FA7, {0x1FAF}},
    {0x1FA8, {0x1FA8}}, {0x1FA9, {0x1FA9}}, {0x1FAA, {0x1FAA}}, {0x1FAB, {0x1FAB}},
    {0x1FAC, {0x1FAC}}, {0x1FAD, {0x1FAD}}, {0x1FAE, {0x1FAE}}, {0x1FAF, {0x1FAF}},
    {0x1FB3, {0x1FBC}}, {0x1FBC, {0x1FBC}}, {0x1FC3, {0x1FCC}}, {0x1FCC, {0x1FCC}},
    {0x1FF3, {0x1FFC}}, {0x1FFC, {0x1FFC}},
};

static const struct special_case *find_special(const struct special_case *table, size_t count,
                                               uint32_t cp) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (table[mid].from == cp) return &table[mid];
        if (table[mid].from < cp)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

#define FIND(table, cp) find_special(table, sizeof(table) / sizeof((table)[0]), cp)

static karma_status add_char(struct jinja_run *r, struct jinja_out *o, uint32_t cp, bool is_data) {
    char text[4];
    return jinja_out_add(r, o, text, (size_t)utf8_encode(cp, text), is_data);
}

static karma_status add_upper(struct jinja_run *r, struct jinja_out *o, uint32_t cp, bool title,
                              bool is_data) {
    const struct special_case *s = NULL;
    if (cp < 0x80) {
        return add_char(r, o, cp >= 'a' && cp <= 'z' ? cp - 32 : cp, is_data);
    }
    if (title) s = FIND(title_special, cp);
    if (title && !s) s = FIND(title_single, cp);
    if (!s) s = FIND(upper_special, cp);
    if (!s) {
        const utf8proc_int32_t c = (utf8proc_int32_t)cp;
        return add_char(r, o, (uint32_t)(title ? utf8proc_totitle(c) : utf8proc_toupper(c)),
                        is_data);
    }
    karma_status st = KARMA_OK;
    for (int i = 0; st == KARMA_OK && i < 3 && s->to[i]; i++) {
        st = add_char(r, o, s->to[i], is_data);
    }
    return st;
}

/* Characters that are lower or upper case without being letters of that category (Unicode's
 * Other_Lowercase and Other_Uppercase, 14.0). */
static const uint32_t other_lower[][2] = {
    {0x00AA, 0x00AA},   {0x00BA, 0x00BA},   {0x02B0, 0x02B8},   {0x02C0, 0x02C1},
    {0x02E0, 0x02E4},   {0x0345, 0x0345},   {0x037A, 0x037A},   {0x1D2C, 0x1D6A},
    {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},   {0x2071, 0x2071},   {0x207F, 0x207F},
    {0x2090, 0x209C},   {0x2170, 0x217F},   {0x24D0, 0x24E9},   {0x2C7C, 0x2C7D},
    {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},
    {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA},
};
static const uint32_t other_upper[][2] = {
    {0x2160, 0x216F}, {0x24B6, 0x24CF}, {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189},
};

static bool in_ranges(const uint32_t (*ranges)[2], size_t count, uint32_t cp) {
    for (size_t i = 0; i < count; i++) {
        if (cp >= ranges[i][0] && cp <= ranges[i][1]) return true;
    }
    return false;
}

static bool is_lower(uint32_t cp) {
    return utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_LL ||
           (cp > 0x7F && in_ranges(other_lower, sizeof(other_lower) / sizeof(*other_lower), cp));
}

static bool is_upper(uint32_t cp) {
    return utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_LU ||
           (cp > 0x7F && in_ranges(other_upper, sizeof(other_upper) / sizeof(*other_upper), cp));
}

static bool is_cased(uint32_t cp) {
    return is_lower(cp) || is_upper(cp) ||
           utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_LT;
}

bool jinja_has_case(const struct jinja_str *s, bool upper) {
    bool cased = false;
    for (size_t pos = 0, size; pos < s->len; pos += size) {
        const uint32_t cp = jinja_char_at(s->data, s->len, pos, &size);
        if (!is_cased(cp)) continue;
        if (!(upper ? is_upper(cp) : is_lower(cp))) return false;
        cased = true;
    }
    return cased;
}

static bool is_case_ignorable(uint32_t cp) {
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK:
        return true;
    default:
        return cp == '\'' || cp == '.' || cp == ':' || cp == 0xB7 || cp == 0x2019 || cp == 0x2018;
    }
}

/* A capital sigma at the end of a word has a small form of its own. */
static bool ends_word(const struct jinja_str *s, size_t from, size_t to) {
    size_t pos = from, size;
    bool before = false;
    while (pos > 0) {
        pos -= jinja_char_before(s->data, pos);
        const uint32_t cp = jinja_char_at(s->data, s->len, pos, &size);
        if (is_case_ignorable(cp)) continue;
        before = is_cased(cp);
        break;
    }
    if (!before) return false;
    for (pos = to; pos < s->len; pos += size) {
        const uint32_t cp = jinja_char_at(s->data, s->len, pos, &size);
        if (!is_case_ignorable(cp)) return !is_cased(cp);
    }
    return true;
}

static karma_status add_lower(struct jinja_run *r, struct jinja_out *o, const struct jinja_str *s,
                              size_t from, size_t to, uint32_t cp, bool is_data) {
    if (cp < 0x80) {
        return add_char(r, o, cp >= 'A' && cp <= 'Z' ? cp + 32 : cp, is_data);
    }
    if (cp == 0x3A3 && ends_word(s, from, to)) return add_char(r, o, 0x3C2, is_data);
    if (cp == 0x130) {
        const karma_status st = add_char(r, o, 'i', is_data);
        return st < 0 ? st : add_char(r, o, 0x307, is_data);
    }
    return add_char(r, o, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp), is_data);
}

/* Is byte pos of a flat string data? *k is a cursor over its spans, for rising positions. */
static bool data_at(const struct jinja_str *s, size_t pos, size_t *k) {
    if (s->origin != JINJA_MIXED) return s->origin == JINJA_DATA;
    while (*k < s->u.mixed.count && s->u.mixed.spans[*k].end <= pos) {
        ++*k;
    }
    return *k < s->u.mixed.count && s->u.mixed.spans[*k].begin <= pos;
}

/* ASCII keeps its length, so that the spans stay as they are. */
static karma_status change_ascii(struct jinja_run *r, struct jinja_str *s, enum jinja_case how,
                                 struct jinja_value *out) {
    karma_status st = jinja_charge(r, 1, s->len);
    char *data = st == KARMA_OK ? jinja_alloc(r, (size_t)s->len + 1) : NULL;
    struct jinja_str *made = data ? jinja_alloc(r, sizeof(*made)) : NULL;
    if (!made) return st < 0 ? st : r->failed;
    bool in_word = false;
    for (size_t i = 0; i < s->len; i++) {
        const char c = s->data[i];
        const bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
        const bool first = how == CASE_CAPITALIZE ? i == 0 : how != CASE_LOWER && !in_word;
        data[i] = !letter ? c : how == CASE_UPPER || first ? (char)(c & ~32) : (char)(c | 32);
        in_word =
            how == CASE_WORDS ? !jinja_is_space((uint32_t)c) && !(c && strchr("-({[<", c)) : letter;
    }
    *made = *s;
    made->data = data;
    *out = jinja_string(made);
    return KARMA_OK;
}

karma_status jinja_change_case(struct jinja_run *r, struct jinja_str *s, enum jinja_case how,
                               struct jinja_value *out) {
    if (!jinja_str_flat(r, s)) return r->failed;
    if (s->ascii) return change_ascii(r, s, how, out);
    struct jinja_out o = {0};
    size_t k = 0, size;
    bool in_word = false;
    karma_status st = jinja_charge(r, 1, 4 * (size_t)s->len);
    for (size_t pos = 0; st == KARMA_OK && pos < s->len; pos += size) {
        const uint32_t cp = jinja_char_at(s->data, s->len, pos, &size);
        const bool is_data = data_at(s, pos, &k);
        const bool first = how == CASE_CAPITALIZE ? pos == 0 : how != CASE_LOWER && !in_word;
        if (how == CASE_UPPER || first) {
            const bool title = how == CASE_TITLE || how == CASE_CAPITALIZE;
            st = add_upper(r, &o, cp, title, is_data);
        } else {
            st = add_lower(r, &o, s, pos, pos + size, cp, is_data);
        }
        in_word = how == CASE_WORDS
                      ? !(jinja_is_space(cp) || (cp && cp < 0x80 && strchr("-({[<", (int)cp)))
                      : is_cased(cp);
    }
    const bool markup = s->markup;
    if (st == KARMA_OK) st = jinja_out_take(r, &o, out);
    if (st == KARMA_OK && markup) out->u.str = jinja_str_safe(r, out->u.str);
    jinja_out_release(&o);
    return st < 0 || out->u.str ? st : r->failed;
}
