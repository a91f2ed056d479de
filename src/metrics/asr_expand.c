/*
 * asr_expand.c - what the words of a reference may be said as: "500mg" as "five hundred
 * milligrams". Upstream makes every combination a text of its own, which grows with the power of
 * the symbols in a word; here they are patterns, and a prediction is matched with those.
 */
#include <string.h>

#include "base/utf8.h"
#include "metrics/asr_text.h"
#include "metrics/ngrams.h"
#include "text/characters.h"

enum { FEW = 8 };

/* The slots of a pattern, and patterns, under way. */
struct maker {
    struct arena *a;
    const struct asr_language *language;
    struct asr_slot *slots;
    size_t n_slots, cap_slots;
    struct asr_pattern *patterns;
    size_t n_patterns, cap_patterns;
    bool undefined;
};

static karma_status add_slot(struct maker *m, const char *const *phrases, size_t count) {
    if (m->n_slots == m->cap_slots) {
        const size_t cap = m->cap_slots ? 2 * m->cap_slots : FEW;
        struct asr_slot *slots = arena_calloc(m->a, cap, sizeof(*slots));
        if (!slots) return KARMA_E_NOMEM;
        if (m->n_slots) memcpy(slots, m->slots, m->n_slots * sizeof(*slots));
        m->slots = slots;
        m->cap_slots = cap;
    }
    m->slots[m->n_slots++] = (struct asr_slot){phrases, count};
    return KARMA_OK;
}

static size_t n_words(const char *const words[ASR_WORDS]) {
    size_t n = 0;
    while (n < ASR_WORDS && words[n])
        n++;
    return n;
}

static karma_status add_phrase(struct maker *m, const char *text, size_t len) {
    const char **phrases = arena_alloc(m->a, sizeof(*phrases));
    char *kept = arena_strndup(m->a, text, len);
    if (!phrases || !kept) return KARMA_E_NOMEM;
    *phrases = kept;
    return add_slot(m, phrases, 1);
}

static karma_status add_lower(struct maker *m, const char *text, size_t len) {
    struct buf lower = {0};
    karma_status st = lower_append(&lower, text, len);
    if (st == KARMA_OK) st = add_phrase(m, buf_str(&lower), lower.len);
    buf_release(&lower);
    return st;
}

/* The slots so far are a pattern; new ones begin. */
static karma_status end_pattern(struct maker *m) {
    if (m->n_slots == 0) return KARMA_OK;
    if (m->n_patterns == m->cap_patterns) {
        const size_t cap = m->cap_patterns ? 2 * m->cap_patterns : FEW;
        struct asr_pattern *patterns = arena_calloc(m->a, cap, sizeof(*patterns));
        if (!patterns) return KARMA_E_NOMEM;
        if (m->n_patterns) memcpy(patterns, m->patterns, m->n_patterns * sizeof(*patterns));
        m->patterns = patterns;
        m->cap_patterns = cap;
    }
    m->patterns[m->n_patterns++] = (struct asr_pattern){m->slots, m->n_slots};
    m->slots = NULL;
    m->n_slots = m->cap_slots = 0;
    return KARMA_OK;
}

/* ---- numbers ---- */

/* Digits of a number as values; 0xFF: not a decimal one. */
static karma_status read_values(const char *p, const char *end, struct buf *values) {
    karma_status st = KARMA_OK;
    uint32_t cp;
    while (p < end && st == KARMA_OK) {
        p += character_at(p, end, &cp);
        const int v = digit_value(cp);
        st = buf_putc(values, (char)(v < 0 ? 0xFF : v));
    }
    return st;
}

static karma_status say(struct maker *m, enum number_style style, const struct buf *values,
                        bool spelled, struct buf *out) {
    const unsigned char *digits = (const unsigned char *)buf_str(values);
    karma_status st = out->len ? buf_putc(out, ' ') : KARMA_OK;
    if (st < 0) return st;
    if (!memchr(digits, 0xFF, values->len))
        return (spelled ? number_spelled : number_words)(out, style, digits, values->len);
    if (!m->language->hindi) m->undefined = true; /* upstream fails */
    for (size_t i = 0; i < values->len && st == KARMA_OK; i++) {
        if (digits[i] == 0xFF) continue;
        if (out->len) st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = number_spelled(out, style, digits + i, 1);
    }
    return st;
}

/* A slot of the number from p to end, which may have a point in it or at its end. */
static karma_status add_number(struct maker *m, enum number_style style, const char *p,
                               const char *end) {
    const char *point = memchr(p, '.', (size_t)(end - p));
    struct buf whole = {0}, fraction = {0}, words = {0};
    karma_status st = read_values(p, point ? point : end, &whole);
    if (st == KARMA_OK && point) st = read_values(point + 1, end, &fraction);
    if (st == KARMA_OK) st = say(m, style, &whole, false, &words);
    if (st == KARMA_OK && fraction.len) st = buf_printf(&words, " %s", m->language->point);
    if (st == KARMA_OK && fraction.len) st = say(m, style, &fraction, true, &words);
    if (st == KARMA_OK && words.len) st = add_phrase(m, buf_str(&words), words.len);
    buf_release(&whole);
    buf_release(&fraction);
    buf_release(&words);
    return st;
}

/* ---- one word, from left to right ---- */

/* A run of letters: the first word of the unit it is, else itself. */
static karma_status add_letters(struct maker *m, bool by_symbol, const char *p, size_t len) {
    struct buf lower = {0};
    karma_status st = lower_append(&lower, p, len);
    const char *text = buf_str(&lower);
    const struct asr_unit *u = by_symbol ? asr_unit_of_symbol(m->language, text, lower.len)
                                         : asr_unit_of_word(m->language, text, lower.len);
    if (st == KARMA_OK)
        st = u ? add_phrase(m, u->words[0], strlen(u->words[0])) : add_phrase(m, text, lower.len);
    buf_release(&lower);
    return st;
}

/* Numbers, runs of letters and symbols in order. all: any word of a symbol, and units by their
 * symbols; else the first word, and units by their words. */
static karma_status walk(struct maker *m, struct piece token, bool all) {
    const struct asr_language *l = m->language;
    const char *p = token.text, *end = p + token.len, *begin = p;
    enum { NOTHING, NUMBER, LETTERS } now = NOTHING;
    bool has_point = false;
    karma_status st = KARMA_OK;
    while (st == KARMA_OK) {
        uint32_t cp = 0;
        const size_t n = p < end ? character_at(p, end, &cp) : 0;
        const bool digit = n && asr_is_digit(cp), letter = n && !digit && asr_is_letter(l, cp);
        const bool point = n && cp == '.' && l->point && now == NUMBER && !has_point;
        if (now == NUMBER && !digit && !point) st = add_number(m, l->numbers, begin, p);
        if (now == LETTERS && !letter) st = add_letters(m, all, begin, (size_t)(p - begin));
        if (st < 0 || !n) break;
        if ((digit && now != NUMBER) || (letter && now != LETTERS)) {
            begin = p;
            has_point = false;
        }
        if (point) has_point = true;
        now = digit || point ? NUMBER : letter ? LETTERS : NOTHING;
        const struct asr_symbol *s = now == NOTHING ? asr_symbol(l, cp) : NULL;
        if (s && (cp != '.' || !l->point)) st = add_slot(m, s->words, all ? n_words(s->words) : 1);
        p += n;
    }
    return st;
}

/* ---- the basic expansion ---- */

static bool has_digit(struct piece t) {
    uint32_t cp;
    for (const char *p = t.text, *end = p + t.len; p < end;) {
        p += character_at(p, end, &cp);
        if (digit_value(cp) >= 0) return true;
    }
    return false;
}

static bool has_symbol(const struct asr_language *l, struct piece t) {
    uint32_t cp;
    for (const char *p = t.text, *end = p + t.len; p < end;) {
        p += character_at(p, end, &cp);
        if (cp && asr_symbol(l, cp)) return true;
    }
    return false;
}

/* Symbols as words, letters one by one. */
static karma_status spell(struct maker *m, struct piece t) {
    const struct asr_language *l = m->language;
    karma_status st = KARMA_OK;
    uint32_t cp;
    for (const char *p = t.text, *end = p + t.len; p < end && st == KARMA_OK;) {
        const size_t n = character_at(p, end, &cp);
        const struct asr_symbol *s = asr_symbol(l, cp);
        if (s)
            st = add_slot(m, s->words, 1);
        else if (asr_is_letter(l, cp))
            st = add_lower(m, p, n);
        p += n;
    }
    return st;
}

static bool same(struct piece a, const char *text, size_t len) {
    return a.len == len && memcmp(a.text, text, len) == 0;
}

/* A pattern if the word has one that is not the word as it stands. */
static karma_status basic(struct maker *m, const struct asr_word *w) {
    const struct asr_language *l = m->language;
    struct piece token = w->text;
    karma_status st = l->hindi ? KARMA_OK : asr_join_hyphens(m->a, w->text, &token);
    if (st < 0) return st;
    struct buf lower = {0};
    st = lower_append(&lower, token.text, token.len);
    const struct asr_unit *u = asr_unit_of_word(l, buf_str(&lower), lower.len);
    if (st < 0) {
        ;
    } else if (has_digit(token)) {
        st = walk(m, token, false);
    } else if (u) {
        if (!same(w->text, u->words[0], strlen(u->words[0]))) st = add_slot(m, u->words, 1);
    } else if (has_symbol(l, token)) {
        st = spell(m, token);
    } else if (!same(w->text, token.text, token.len)) {
        st = add_phrase(m, buf_str(&lower), lower.len);
    }
    buf_release(&lower);
    return st < 0 ? st : end_pattern(m);
}

/* ---- the others ---- */

/* digits ['.' digits] letters, or letters digits. */
struct shape {
    struct piece number, letters;
    bool decimal, letters_first;
};

static size_t digits_at(const char *p, const char *end) {
    const char *q = p;
    uint32_t cp;
    while (q < end) {
        const size_t n = character_at(q, end, &cp);
        if (digit_value(cp) < 0) break;
        q += n;
    }
    return (size_t)(q - p);
}

static size_t ascii_letters(const char *p, const char *end) {
    size_t n = 0;
    while (p + n < end && ascii_is_alpha(p[n]))
        n++;
    return n;
}

static bool read_shape(struct piece t, struct shape *s) {
    const char *p = t.text, *end = p + t.len;
    *s = (struct shape){.letters = {p, ascii_letters(p, end)}};
    if (s->letters.len) {
        s->letters_first = true;
        p += s->letters.len;
    }
    s->number = (struct piece){p, digits_at(p, end)};
    if (s->number.len == 0) return false;
    p += s->number.len;
    if (s->letters_first) return p == end;
    if (p < end && *p == '.') {
        const size_t n = digits_at(p + 1, end);
        if (n == 0) return false;
        s->decimal = true;
        p += n + 1;
        s->number.len += n + 1;
    }
    s->letters = (struct piece){p, ascii_letters(p, end)};
    return p + s->letters.len == end && (s->decimal || s->letters.len);
}

/* The unit's words, and where upstream has it, its symbol; of no unit the letters. */
static karma_status add_unit(struct maker *m, const struct shape *s) {
    struct buf lower = {0};
    bool capitals = true;
    for (size_t i = 0; i < s->letters.len; i++)
        capitals = capitals && s->letters.text[i] <= 'Z';
    karma_status st = lower_append(&lower, s->letters.text, s->letters.len);
    const struct asr_unit *u = asr_unit_of_symbol(m->language, buf_str(&lower), lower.len);
    if (st == KARMA_OK && !u) st = add_phrase(m, buf_str(&lower), lower.len);
    buf_release(&lower);
    if (st < 0 || !u) return st;
    const size_t n = n_words(u->words);
    const char **phrases = arena_calloc(m->a, n + 1, sizeof(*phrases));
    if (!phrases) return KARMA_E_NOMEM;
    memcpy(phrases, u->words, n * sizeof(*phrases));
    phrases[n] = u->symbol;
    const bool symbol = !s->letters_first && (!s->decimal || capitals);
    return add_slot(m, phrases, symbol ? n + 1 : n);
}

static karma_status number_and_letters(struct maker *m, struct piece token) {
    static const enum number_style styles[] = {NUMBER_AMERICAN, NUMBER_BRITISH};
    struct shape s;
    karma_status st = KARMA_OK;
    if (!read_shape(token, &s)) return KARMA_OK;
    for (size_t i = 0; i < (s.letters_first ? 1 : 2) && st == KARMA_OK; i++) {
        if (s.letters_first) st = add_unit(m, &s);
        if (st == KARMA_OK)
            st = add_number(m, styles[i], s.number.text, s.number.text + s.number.len);
        if (st == KARMA_OK && !s.letters_first && s.letters.len) st = add_unit(m, &s);
        if (st == KARMA_OK) st = end_pattern(m);
    }
    return st;
}

static karma_status expand(struct maker *m, const struct asr_word *w);

/* What the halves of a word with one slash may be said as, with a word for it between. */
static karma_status halves(struct maker *m, struct piece token) {
    const char *slash = memchr(token.text, '/', token.len);
    const char *end = token.text + token.len;
    if (!slash || memchr(slash + 1, '/', (size_t)(end - slash) - 1)) return KARMA_OK;
    struct maker left = {.a = m->a, .language = m->language}, right = left;
    const struct asr_word before = {.text = {token.text, (size_t)(slash - token.text)}};
    const struct asr_word behind = {.text = {slash + 1, (size_t)(end - slash) - 1}};
    karma_status st = expand(&left, &before);
    if (st == KARMA_OK) st = expand(&right, &behind);
    m->undefined |= left.undefined || right.undefined;
    const struct asr_symbol *s = asr_symbol(m->language, '/');
    for (size_t i = 0; i < left.n_patterns; i++) {
        for (size_t j = 0; j < right.n_patterns && st == KARMA_OK; j++) {
            const struct asr_pattern *l = &left.patterns[i], *r = &right.patterns[j];
            for (size_t k = 0; k < l->count && st == KARMA_OK; k++)
                st = add_slot(m, l->slots[k].phrases, l->slots[k].count);
            if (st == KARMA_OK) st = add_slot(m, s->words, n_words(s->words));
            for (size_t k = 0; k < r->count && st == KARMA_OK; k++)
                st = add_slot(m, r->slots[k].phrases, r->slots[k].count);
            if (st == KARMA_OK) st = end_pattern(m);
        }
    }
    return st;
}

static karma_status alternatives(struct maker *m, const struct asr_word *w) {
    const struct asr_language *l = m->language;
    const bool slash = memchr(w->text.text, '/', w->text.len) != NULL;
    karma_status st = halves(m, w->text);
    if (st == KARMA_OK && has_digit(w->text) && !slash) {
        st = number_and_letters(m, w->text);
    } else if (st == KARMA_OK) {
        struct buf lower = {0};
        st = lower_append(&lower, w->text.text, w->text.len);
        const struct asr_unit *u = asr_unit_of_symbol(l, buf_str(&lower), lower.len);
        buf_release(&lower);
        if (st == KARMA_OK && u) st = add_slot(m, u->words, n_words(u->words));
        if (st == KARMA_OK) st = end_pattern(m);
    }
    if (st == KARMA_OK && has_symbol(l, w->text)) st = walk(m, w->text, true);
    return st < 0 ? st : end_pattern(m);
}

static karma_status expand(struct maker *m, const struct asr_word *w) {
    karma_status st = basic(m, w);
    return st < 0 ? st : alternatives(m, w);
}

karma_status asr_text_expand(struct arena *a, struct asr_text *t) {
    for (size_t i = 0; i < t->count; i++) {
        struct asr_word *w = &t->words[i];
        struct maker m = {.a = a, .language = t->language};
        karma_status st = basic(&m, w);
        w->expansions.basic = m.n_patterns > 0;
        w->expansions.undefined = m.undefined;
        if (st == KARMA_OK && !t->language->hindi) st = alternatives(&m, w);
        if (st < 0) return st;
        w->expansions.items = m.patterns;
        w->expansions.count = m.n_patterns;
        w->expansions.others_undefined = m.undefined;
    }
    return KARMA_OK;
}
