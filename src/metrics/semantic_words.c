/*
 * semantic_words.c - see semantic_words.h. A text is cut into words, numbers and symbols; then
 * phrases of the table are put by what they mean, number words are read, and what is said between
 * two numbers ("over", "to") becomes the sign that is written there. Each step goes over all of it.
 */
#include "metrics/semantic_words.h"

#include <string.h>

#include "base/utf8.h"
#include "metrics/semantic_tokens.h"
#include "text/characters.h"
#include "text/number_words.h"

enum { MAX_VALUE_DIGITS = 15 }; /* of a number that is said: exact, and room to multiply */
static const int64_t max_value = 1000000000000000;

static bool is(const struct token *t, const char *text) {
    return t->text.len == strlen(text) && memcmp(t->text.text, text, t->text.len) == 0;
}

/* ---- numbers that are said ---- */

struct said {
    int64_t total, group;                 /* finished scales, and what the next multiplies */
    int64_t last_scale;                   /* 0: none yet */
    bool group_given, hundred, tens_open; /* "twenty" may take a digit */
    size_t n;                             /* tokens read */
};

static struct number_word word_at(const struct tokens *t, size_t i) {
    if (i >= t->count || t->items[i].kind != TOKEN_WORD)
        return (struct number_word){NUMBER_NONE, 0};
    return number_word(t->items[i].text.text, t->items[i].text.len);
}

/* Below 100: alone, behind a hundred, or digits behind English tens. */
static bool take_small(struct said *s, int64_t v, bool latin) {
    if (s->tens_open && latin && v >= 1 && v <= 9) {
        s->group += v;
        s->tens_open = false;
        return true;
    }
    if (s->group_given && !s->hundred) return false;
    s->group += v;
    s->group_given = true;
    s->hundred = false;
    s->tens_open = latin && v >= 20 && v % 10 == 0;
    return true;
}

static bool take_hundred(struct said *s) {
    if (s->group_given && (s->group < 1 || s->group > 99 || s->hundred)) return false;
    if (!s->group_given && s->n > 0) return false;
    s->group = (s->group_given ? s->group : 1) * 100;
    s->group_given = s->hundred = true;
    s->tens_open = false;
    return true;
}

/* Scales go down, but "two lakh crore" is one number. */
static bool take_scale(struct said *s, int64_t scale) {
    if (!s->group_given && s->n > 0 && scale <= s->last_scale) return false;
    if (s->last_scale && scale >= s->last_scale) {
        const int64_t all = s->total + s->group;
        if (scale == s->last_scale || all > max_value / scale) return false;
        s->total = all * scale;
    } else {
        const int64_t group = s->group_given ? s->group : 1;
        if (group > max_value / scale || group == 0) return false;
        s->total += group * scale;
    }
    s->last_scale = scale;
    s->group = 0;
    s->group_given = s->hundred = s->tens_open = false;
    return true;
}

/* Digits of a whole number token, -1: not that. */
static int64_t digits_value(const struct token *t) {
    int64_t v = 0;
    if (t->kind != TOKEN_NUMBER || t->text.len > MAX_VALUE_DIGITS) return -1;
    for (size_t i = 0; i < t->text.len; i++) {
        if (!ascii_is_digit(t->text.text[i])) return -1;
        v = v * 10 + (t->text.text[i] - '0');
    }
    return v;
}

/* "and" behind a hundred or a scale and before what is smaller. */
static bool is_and(const struct tokens *t, size_t i, const struct said *s) {
    return s->n > 0 && is(&t->items[i], "and") && (s->hundred || (!s->group_given && s->total)) &&
           word_at(t, i + 1).part == NUMBER_SMALL;
}

/* The whole number that is said from i on. */
static struct said read_said(const struct tokens *t, size_t i) {
    struct said s = {0};
    const int64_t digits = digits_value(&t->items[i]);
    if (digits >= 0) { /* "2 lakh" */
        if (word_at(t, i + 1).part != NUMBER_SCALE) return s;
        s.group = digits;
        s.group_given = true;
        s.n = 1;
    }
    for (;; s.n++) {
        const size_t at = i + s.n;
        const struct number_word w = word_at(t, at);
        bool taken = false;
        if (at < t->count && is_and(t, at, &s)) continue;
        if (w.part == NUMBER_SMALL)
            taken = take_small(&s, w.value, ascii_is_alpha(*t->items[at].text.text));
        else if (w.part == NUMBER_HUNDRED)
            taken = take_hundred(&s);
        else if (w.part == NUMBER_SCALE)
            taken = take_scale(&s, w.value);
        if (!taken) return s;
    }
}

/* Digits behind a point, word by word or as they are written; how many tokens. */
static karma_status read_fraction(const struct tokens *t, size_t i, struct buf *digits, size_t *n) {
    karma_status st = KARMA_OK;
    *n = 0;
    for (; i + *n < t->count && st == KARMA_OK; ++*n) {
        const struct token *token = &t->items[i + *n];
        const struct number_word w = word_at(t, i + *n);
        if (w.part == NUMBER_SMALL && w.value < 10) {
            st = buf_printf(digits, "%d", (int)w.value);
        } else if (*n == 0 && digits_value(token) >= 0) {
            st = buf_append(digits, token->text.text, token->text.len);
        } else if (*n == 0 && w.part == NUMBER_SMALL) { /* "point twenty five" */
            const struct said s = read_said(t, i);
            if (s.total == 0 && s.group < 100) {
                *n = s.n;
                return buf_printf(digits, "%d", (int)s.group);
            }
            break;
        } else {
            break;
        }
    }
    return st;
}

/* "1.5 lakh": the product, when it is a whole number; else nothing is read. */
static bool scaled_decimal(const struct tokens *t, size_t i, int64_t *product) {
    const struct piece d = t->items[i].text;
    const struct number_word w = word_at(t, i + 1);
    const char *point = memchr(d.text, '.', d.len);
    int64_t v = 0, divisor = 1;
    if (t->items[i].kind != TOKEN_NUMBER || w.part != NUMBER_SCALE || !point) return false;
    if (d.len > MAX_VALUE_DIGITS) return false;
    for (const char *p = d.text; p < d.text + d.len; p++) {
        if (*p != '.') v = v * 10 + (*p - '0');
        if (p > point) divisor *= 10;
    }
    if (v > INT64_MAX / w.value || v * w.value % divisor) return false;
    *product = v * w.value / divisor;
    return true;
}

/* The number at i, said or written with a scale or a point behind, as digits; *n tokens, 0: there
 * is none. */
static karma_status read_number(const struct tokens *t, size_t i, struct buf *out, size_t *n) {
    struct buf whole = {0}, fraction = {0};
    const struct said s = read_said(t, i);
    const bool written = t->items[i].kind == TOKEN_NUMBER;
    size_t behind = 0;
    int64_t product;
    karma_status st = KARMA_OK;
    *n = s.n;
    if (written && scaled_decimal(t, i, &product)) {
        *n = 2;
        return buf_printf(out, "%lld", (long long)product);
    }
    if (s.n)
        st = buf_printf(&whole, "%lld", (long long)(s.total + s.group));
    else if (digits_value(&t->items[i]) >= 0)
        st = buf_append(&whole, t->items[i].text.text, t->items[i].text.len);
    const size_t point = i + (s.n ? s.n : written ? 1 : 0);
    const bool decimal = written && memchr(t->items[i].text.text, '.', t->items[i].text.len);
    if (st == KARMA_OK && !decimal && word_at(t, point).part == NUMBER_POINT)
        st = read_fraction(t, point + 1, &fraction, &behind);
    if (behind) *n = point + 1 + behind - i;
    if (st == KARMA_OK && *n) st = tokens_plain_number(&whole, &fraction, out);
    buf_release(&whole);
    buf_release(&fraction);
    return st;
}

static karma_status put_numbers(struct tokens *t) {
    struct buf digits = {0};
    karma_status st = KARMA_OK;
    size_t to = 0;
    for (size_t i = 0, n; i < t->count && st == KARMA_OK; i += n) {
        buf_clear(&digits);
        st = read_number(t, i, &digits, &n);
        struct token token = t->items[i];
        if (st == KARMA_OK && n) {
            token = (struct token){TOKEN_NUMBER,
                                   {arena_strndup(t->a, buf_str(&digits), digits.len), digits.len}};
            if (!token.text.text) st = KARMA_E_NOMEM;
        }
        t->items[to++] = token;
        if (n == 0) n = 1;
    }
    t->count = to;
    buf_release(&digits);
    return st;
}

/* ---- signs ---- */

static bool is_any(const struct token *t, const char *const *words) {
    for (; *words; words++)
        if (is(t, *words)) return true;
    return false;
}

static bool is_measure(const struct tokens *t, size_t i) {
    return i < t->count && (t->items[i].kind == TOKEN_NUMBER || t->items[i].kind == TOKEN_UNIT ||
                            (t->items[i].kind == TOKEN_SIGN && is(&t->items[i], "%")));
}

static bool is_number_at(const struct tokens *t, size_t i) {
    return i < t->count && t->items[i].kind == TOKEN_NUMBER;
}

/* Words that are said for a sign where it can stand. A slash elsewhere is left out. */
static void put_signs(struct tokens *t, bool hindi) {
    static const char *const slashes[] = {"/",   "over", "by",   "per", "slash", "upon",
                                          "बटा", "बाय",  "प्रति", "स्लैश", NULL};
    static const char *const dashes[] = {"to", "dash", "hyphen", "से", "डैश", "हाइफन", NULL};
    static const char *const minuses[] = {"minus", "negative", "माइनस", NULL};
    static const char *const money[] = {"dollar", "euro", "pound", "yen", "rupee", NULL};
    size_t to = 0;
    for (size_t i = 0; i < t->count; i++) {
        struct token w = t->items[i];
        const bool before = i > 0 && is_measure(t, i - 1), behind = is_measure(t, i + 1);
        const bool numbers = i > 0 && is_number_at(t, i - 1) && is_number_at(t, i + 1);
        if (w.kind == TOKEN_WORD && is(&w, "&"))
            w.text = hindi ? (struct piece){"और", strlen("और")} : (struct piece){"and", 3};
        if (before && behind && is_any(&w, slashes))
            w = (struct token){TOKEN_SIGN, {"/", 1}};
        else if (w.kind == TOKEN_SIGN && is(&w, "/"))
            continue;
        if ((numbers && is_any(&w, dashes)) || (is_number_at(t, i + 1) && is_any(&w, minuses)))
            w = (struct token){TOKEN_SIGN, {"-", 1}};
        if (w.kind == TOKEN_WORD && is_any(&w, money) && is_number_at(t, i + 1) &&
            !(i > 0 && is_number_at(t, i - 1))) { /* "$10": said behind the number */
            t->items[to++] = t->items[i + 1];
            t->items[i + 1] = w;
            w = t->items[++i];
        }
        t->items[to++] = w;
    }
    t->count = to;
}

/* ---- all ---- */

karma_status semantic_words(struct arena *a, const char *text, bool hindi, struct pieces *out) {
    struct buf composed = {0}, lower = {0};
    struct tokens t = {.a = a};
    *out = (struct pieces){0};
    karma_status st = nfc_append(&composed, text, strlen(text));
    if (st == KARMA_E_ENCODING) st = buf_puts(&composed, text);
    if (st == KARMA_OK) st = lower_append(&lower, buf_str(&composed), composed.len);
    const char *kept = st == KARMA_OK ? arena_strndup(a, buf_str(&lower), lower.len) : NULL;
    if (st == KARMA_OK && !kept) st = KARMA_E_NOMEM;
    if (st == KARMA_OK) st = tokens_cut(&t, kept, lower.len);
    buf_release(&composed);
    buf_release(&lower);
    if (st < 0) return st;
    tokens_put_phrases(&t);
    st = put_numbers(&t);
    if (st == KARMA_OK) put_signs(&t, hindi);
    for (size_t i = 0; i < t.count && st == KARMA_OK; i++)
        st = pieces_add(a, out, t.items[i].text.text, t.items[i].text.len);
    return st;
}
