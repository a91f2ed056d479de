/*
 * bleu_words.c - see bleu_words.h. Each rule there is a regular expression that is applied from the
 * left, what it matched not being looked at again; here it is a pass over the text.
 */
#include "metrics/bleu_words.h"

#include <string.h>

#include "base/utf8.h"
#include "text/characters.h"

const char *const bleu_tokenizers[] = {
    [BLEU_13A] = "13a", [BLEU_INTL] = "intl", [BLEU_CHAR] = "char",
    [BLEU_ZH] = "zh",   [BLEU_NONE] = "none", NULL,
};

/* ---- 13a and zh: what separates is ASCII, so bytes will do ---- */

/* {-~, [-`, blank to &, ( to +, : to @, and the slash: not ' , - . */
static bool stands_alone(char c) {
    const unsigned char u = (unsigned char)c;
    return (u >= '{' && u <= '~') || (u >= '[' && u <= '`') || (u >= ' ' && u <= '&') ||
           (u >= '(' && u <= '+') || (u >= ':' && u <= '@') || u == '/';
}

static bool is_stop(char c) {
    return c == '.' || c == ',';
}

static karma_status put(struct buf *b, const char *before, char c, const char *between, char d,
                        const char *after) {
    karma_status st = buf_puts(b, before);
    if (st == KARMA_OK) st = buf_putc(b, c);
    if (st == KARMA_OK) st = buf_puts(b, between);
    if (st == KARMA_OK) st = buf_putc(b, d);
    return st == KARMA_OK ? buf_puts(b, after) : st;
}

static karma_status separate_signs(struct buf *out, const char *s, size_t n) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        if (stands_alone(s[i])) st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = buf_putc(out, s[i]);
        if (st == KARMA_OK && stands_alone(s[i])) st = buf_putc(out, ' ');
    }
    return st;
}

static karma_status stop_after_other(struct buf *out, const char *s, size_t n) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        if (i + 1 < n && !ascii_is_digit(s[i]) && is_stop(s[i + 1])) {
            st = put(out, "", s[i], " ", s[i + 1], " ");
            i++;
        } else {
            st = buf_putc(out, s[i]);
        }
    }
    return st;
}

static karma_status stop_before_other(struct buf *out, const char *s, size_t n) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        if (i + 1 < n && is_stop(s[i]) && !ascii_is_digit(s[i + 1])) {
            st = put(out, " ", s[i], " ", s[i + 1], "");
            i++;
        } else {
            st = buf_putc(out, s[i]);
        }
    }
    return st;
}

static karma_status dash_after_digit(struct buf *out, const char *s, size_t n) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        if (i + 1 < n && ascii_is_digit(s[i]) && s[i + 1] == '-') {
            st = put(out, "", s[i], " ", '-', " ");
            i++;
        } else {
            st = buf_putc(out, s[i]);
        }
    }
    return st;
}

typedef karma_status (*pass)(struct buf *out, const char *s, size_t n);

/* The text in b through each pass. */
static karma_status run_passes(struct buf *b, const pass *passes, size_t n) {
    struct buf next = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++) {
        buf_clear(&next);
        st = passes[i](&next, buf_str(b), b->len);
        const struct buf swap = *b;
        *b = next;
        next = swap;
    }
    buf_release(&next);
    return st;
}

static karma_status separate_ascii(struct buf *b) {
    static const pass passes[] = {separate_signs, stop_after_other, stop_before_other,
                                  dash_after_digit};
    return run_passes(b, passes, sizeof(passes) / sizeof(*passes));
}

/* s with each `from` replaced, in b. */
static karma_status replace(struct buf *b, const char *from, const char *to) {
    const size_t len = strlen(from);
    struct buf out = {0};
    karma_status st = KARMA_OK;
    const char *s = buf_str(b);
    for (const char *at; st == KARMA_OK && (at = strstr(s, from)); s = at + len) {
        st = buf_append(&out, s, (size_t)(at - s));
        if (st == KARMA_OK) st = buf_puts(&out, to);
    }
    if (st == KARMA_OK) st = buf_puts(&out, s);
    buf_release(b);
    *b = out;
    return st;
}

static karma_status tokenize_13a(struct buf *b) {
    static const char *const pairs[][2] = {
        {"<skipped>", ""}, {"-\n", ""},   {"\n", " "},   {"&quot;", "\""},
        {"&amp;", "&"},    {"&lt;", "<"}, {"&gt;", ">"},
    };
    struct buf padded = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs) && st == KARMA_OK; i++)
        st = replace(b, pairs[i][0], pairs[i][1]);
    if (st == KARMA_OK) st = buf_putc(&padded, ' ');
    if (st == KARMA_OK) st = buf_append(&padded, buf_str(b), b->len);
    if (st == KARMA_OK) st = buf_putc(&padded, ' ');
    buf_release(b);
    *b = padded;
    return st < 0 ? st : separate_ascii(b);
}

/* What the zh tokenizer takes for Chinese. Two of its ranges are written with \u and five digits,
 * which Python reads as four and a letter; what they come to is kept. */
static bool is_chinese(uint32_t cp) {
    static const uint32_t ranges[][2] = {
        {0x2001, 0x2A6D}, /* "\u20000".."\u2a6d6", Extension B was meant */
        {0x2E80, 0x2EFF}, {0x2F00, 0x2FDF}, {0x2F81, 0x2FA1}, /* "\u2f800".."\u2fa1d" */
        {0x2FF0, 0x2FFF}, {0x3000, 0x303F}, {0x3100, 0x312F}, {0x31A0, 0x31BF},
        {0x31C0, 0x31EF}, {0x3200, 0x32FF}, {0x3300, 0x33FF}, {0x3400, 0x4DB5},
        {0x4E00, 0x9FA5}, {0x9FA6, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A},
        {0xFA70, 0xFAD9}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0xFF00, 0xFFEF},
    };
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
        if (cp >= ranges[i][0] && cp <= ranges[i][1]) return true;
    return false;
}

static karma_status separate_chinese(struct buf *out, const char *s, size_t len) {
    s = strip_white_space(s, &len);
    const char *end = s + len;
    karma_status st = KARMA_OK;
    uint32_t cp;
    for (size_t n; s < end && st == KARMA_OK; s += n) {
        n = character_at(s, end, &cp);
        const bool alone = is_chinese(cp);
        if (alone) st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = buf_append(out, s, n);
        if (st == KARMA_OK && alone) st = buf_putc(out, ' ');
    }
    return st;
}

static karma_status tokenize_zh(struct buf *b) {
    static const pass passes[] = {separate_chinese};
    karma_status st = run_passes(b, passes, 1);
    return st < 0 ? st : separate_ascii(b);
}

/* ---- intl: by Unicode's classes ---- */

/* Pairs of characters of which first() and second() hold get blanks: before, between, after. */
static karma_status separate_pairs(struct buf *out, const char *s, size_t len, bool sign_first) {
    const char *end = s + len;
    karma_status st = KARMA_OK;
    uint32_t cp, next;
    while (s < end && st == KARMA_OK) {
        const size_t n = character_at(s, end, &cp);
        const size_t m = s + n < end ? character_at(s + n, end, &next) : 0;
        const bool both = m > 0 && (sign_first ? is_punctuation(cp) && !is_number(next)
                                               : !is_number(cp) && is_punctuation(next));
        if (both && sign_first) st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = buf_append(out, s, n);
        s += n;
        if (!both || st < 0) continue;
        st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = buf_append(out, s, m);
        if (st == KARMA_OK && !sign_first) st = buf_putc(out, ' ');
        s += m;
    }
    return st;
}

static karma_status sign_after_other(struct buf *out, const char *s, size_t n) {
    return separate_pairs(out, s, n, false);
}

static karma_status sign_before_other(struct buf *out, const char *s, size_t n) {
    return separate_pairs(out, s, n, true);
}

static karma_status separate_symbols(struct buf *out, const char *s, size_t len) {
    const char *end = s + len;
    karma_status st = KARMA_OK;
    uint32_t cp;
    for (size_t n; s < end && st == KARMA_OK; s += n) {
        n = character_at(s, end, &cp);
        const bool alone = is_symbol(cp);
        if (alone) st = buf_putc(out, ' ');
        if (st == KARMA_OK) st = buf_append(out, s, n);
        if (st == KARMA_OK && alone) st = buf_putc(out, ' ');
    }
    return st;
}

static karma_status separate_all(struct buf *out, const char *s, size_t len) {
    const char *end = s + len;
    karma_status st = KARMA_OK;
    uint32_t cp;
    for (size_t n; s < end && st == KARMA_OK; s += n) {
        n = character_at(s, end, &cp);
        st = buf_append(out, s, n);
        if (st == KARMA_OK) st = buf_putc(out, ' ');
    }
    return st;
}

static karma_status tokenize(enum bleu_tokenizer t, struct buf *b) {
    static const pass international[] = {sign_after_other, sign_before_other, separate_symbols};
    static const pass characters[] = {separate_all};
    switch (t) {
    case BLEU_13A:
        return tokenize_13a(b);
    case BLEU_ZH:
        return tokenize_zh(b);
    case BLEU_INTL:
        return run_passes(b, international, 3);
    case BLEU_CHAR:
        return run_passes(b, characters, 1);
    case BLEU_NONE:
        break;
    }
    return KARMA_OK;
}

karma_status bleu_words(enum bleu_tokenizer t, struct arena *a, const char *text, bool lowercase,
                        struct units *out) {
    const char *s = text;
    size_t len = strlen(text);
    struct buf b = {0};
    const char *stripped = strip_white_space(s, &len); /* at the end alone: str.rstrip() */
    len += (size_t)(stripped - s);
    karma_status st = lowercase ? lower_append(&b, s, len) : buf_append(&b, s, len);
    if (st == KARMA_OK) st = tokenize(t, &b);
    if (st == KARMA_OK) st = units_split(a, buf_str(&b), b.len, out);
    buf_release(&b);
    return st;
}
