/* semantic_cut.c - see semantic_tokens.h. */
#include <string.h>

#include "base/utf8.h"
#include "metrics/ngrams.h"
#include "metrics/semantic_tokens.h"
#include "text/characters.h"

static karma_status add(struct tokens *t, enum token_kind kind, const char *text, size_t len) {
    if (t->count == t->cap) {
        const size_t cap = t->cap ? 2 * t->cap : 64;
        struct token *items = arena_calloc(t->a, cap, sizeof(*items));
        if (!items) return KARMA_E_NOMEM;
        if (t->count) memcpy(items, t->items, t->count * sizeof(*items));
        t->items = items;
        t->cap = cap;
    }
    t->items[t->count++] = (struct token){kind, {text, len}};
    return KARMA_OK;
}

static karma_status add_copy(struct tokens *t, enum token_kind kind, const struct buf *text) {
    const char *kept = arena_strndup(t->a, buf_str(text), text->len);
    return kept ? add(t, kind, kept, text->len) : KARMA_E_NOMEM;
}

static bool is_joiner(uint32_t cp) {
    return cp == 0x200C || cp == 0x200D; /* how letters are drawn, not what is said */
}

static bool is_letter_or_mark(uint32_t cp) {
    return is_letter(cp) || is_mark(cp) || is_joiner(cp);
}

/* The character at p, 0 at the end. */
static uint32_t peek(const char *p, const char *end) {
    uint32_t cp = 0;
    if (p < end) character_at(p, end, &cp);
    return cp;
}

/* Letters and marks; an apostrophe or a hyphen between two letters is left out. */
static karma_status cut_word(struct tokens *t, const char **p, const char *end) {
    struct buf word = {0};
    karma_status st = KARMA_OK;
    uint32_t cp;
    while (*p < end && st == KARMA_OK) {
        const size_t n = character_at(*p, end, &cp);
        const bool link = cp == '-' || cp == '\'' || cp == 0x2019 || cp == 0x2010 || cp == 0x2011;
        if (!is_letter_or_mark(cp) && !(link && is_letter(peek(*p + n, end)))) break;
        if (!link && !is_joiner(cp)) st = buf_append(&word, *p, n);
        *p += n;
    }
    if (st == KARMA_OK && word.len) st = add_copy(t, TOKEN_WORD, &word);
    buf_release(&word);
    return st;
}

static size_t count_digits(const char *p, const char *end) {
    size_t count = 0;
    uint32_t cp;
    while (p < end) {
        const size_t n = character_at(p, end, &cp);
        if (digit_value(cp) < 0) break;
        p += n;
        count++;
    }
    return count;
}

static karma_status take_digits(const char **p, const char *end, struct buf *out) {
    karma_status st = KARMA_OK;
    uint32_t cp;
    while (*p < end && st == KARMA_OK) {
        const size_t n = character_at(*p, end, &cp);
        const int v = digit_value(cp);
        if (v < 0) break;
        st = buf_putc(out, (char)('0' + v));
        *p += n;
    }
    return st;
}

/* Do groups of digits begin at the comma p ("1,000", "1,00,000")? The last has three, others two or
 * three. */
static bool is_grouped(const char *p, const char *end) {
    while (p < end && *p == ',') {
        const size_t n = count_digits(p + 1, end);
        const char *next = p + 1;
        uint32_t cp;
        for (size_t i = 0; i < n; i++)
            next += character_at(next, end, &cp);
        const bool more = next < end && *next == ',' && digit_value(peek(next + 1, end)) >= 0;
        if (!more) return n == 3;
        if (n != 2 && n != 3) return false;
        p = next;
    }
    return false;
}

/* Digits as they are compared: without zeros that say nothing. */
karma_status tokens_plain_number(const struct buf *whole, const struct buf *fraction,
                                 struct buf *out) {
    const char *w = buf_str(whole), *f = buf_str(fraction);
    size_t n = fraction->len;
    while (*w == '0')
        w++;
    while (n > 0 && f[n - 1] == '0')
        n--;
    karma_status st = buf_puts(out, *w ? w : "0");
    if (st == KARMA_OK && n > 0) st = buf_putc(out, '.');
    return st == KARMA_OK && n > 0 ? buf_append(out, f, n) : st;
}

static karma_status cut_number(struct tokens *t, const char **p, const char *end) {
    struct buf whole = {0}, fraction = {0}, number = {0};
    karma_status st = take_digits(p, end, &whole);
    if (st == KARMA_OK && whole.len <= 3 && is_grouped(*p, end)) {
        while (st == KARMA_OK && *p < end && **p == ',' && digit_value(peek(*p + 1, end)) >= 0) {
            ++*p;
            st = take_digits(p, end, &whole);
        }
    }
    if (st == KARMA_OK && *p < end && **p == '.' && digit_value(peek(*p + 1, end)) >= 0) {
        ++*p;
        st = take_digits(p, end, &fraction);
    }
    if (st == KARMA_OK) st = tokens_plain_number(&whole, &fraction, &number);
    if (st == KARMA_OK) st = add_copy(t, TOKEN_NUMBER, &number);
    buf_release(&whole);
    buf_release(&fraction);
    buf_release(&number);
    return st;
}

/* What is no letter and no digit. after_blank: nothing stands before it. */
static karma_status cut_other(struct tokens *t, const char **p, const char *end, bool after_blank) {
    static const struct {
        uint32_t cp;
        enum token_kind kind;
        const char *text;
    } known[] = {
        {'%', TOKEN_SIGN, "%"},       {'/', TOKEN_SIGN, "/"},      {'+', TOKEN_SIGN, "+"},
        {'=', TOKEN_SIGN, "="},       {'&', TOKEN_WORD, "&"},      {'@', TOKEN_WORD, "at"},
        {0xB0, TOKEN_WORD, "degree"}, {'$', TOKEN_WORD, "dollar"}, {0x20AC, TOKEN_WORD, "euro"},
        {0xA3, TOKEN_WORD, "pound"},  {0xA5, TOKEN_WORD, "yen"},   {0x20B9, TOKEN_WORD, "rupee"},
        {0xD7, TOKEN_WORD, "x"},      {0x2212, TOKEN_SIGN, "-"},
    };
    uint32_t cp;
    const char *begin = *p;
    const size_t n = character_at(begin, end, &cp);
    *p += n;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].cp == cp) return add(t, known[i].kind, known[i].text, strlen(known[i].text));
    const bool between = t->count && t->items[t->count - 1].kind == TOKEN_NUMBER && !after_blank;
    const bool dash = cp == '-' || cp == 0x2013;
    if (dash && t->count && t->items[t->count - 1].kind == TOKEN_NUMBER && after_blank) {
        const char *next = *p; /* "5 - 10" */
        while (next < end && *next == ' ')
            next++;
        if (digit_value(peek(next, end)) >= 0) return add(t, TOKEN_SIGN, "-", 1);
    }
    if (dash && digit_value(peek(*p, end)) >= 0 && (between || after_blank))
        return add(t, TOKEN_SIGN, "-", 1);
    return is_symbol(cp) ? add(t, TOKEN_SIGN, begin, n) : KARMA_OK;
}

karma_status tokens_cut(struct tokens *t, const char *p, size_t len) {
    const char *end = p + len;
    karma_status st = KARMA_OK;
    bool after_blank = true;
    while (p < end && st == KARMA_OK) {
        uint32_t cp;
        const size_t n = character_at(p, end, &cp);
        const bool point = cp == '.' && digit_value(peek(p + n, end)) >= 0;
        if (is_white_space(cp)) {
            after_blank = true;
            p += n;
            continue;
        }
        if (digit_value(cp) >= 0 || (point && after_blank))
            st = cut_number(t, &p, end);
        else if (is_letter_or_mark(cp))
            st = cut_word(t, &p, end);
        else
            st = cut_other(t, &p, end, after_blank);
        after_blank = false;
    }
    return st;
}
