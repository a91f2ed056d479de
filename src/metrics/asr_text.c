/*
 * asr_text.c - see asr_text.h. The normal form of several words is that of each, one behind the
 * other: upstream makes it of the words with blanks between, and a blank ends numbers and adds
 * nothing.
 */
#include "metrics/asr_text.h"

#include <string.h>

#include "base/utf8.h"
#include "metrics/ngrams.h"
#include "text/characters.h"

/* Code points under way, and a number that is being read. */
struct cps {
    struct arena *a;
    uint32_t *items;
    size_t count, cap;
};
struct walk {
    const struct asr_language *language;
    struct cps *out;
    struct buf number; /* values of its digits; 0xFF: one that is no decimal digit */
    struct buf words;  /* scratch */
    bool undefined;
};

static karma_status add(struct cps *c, uint32_t cp) {
    if (c->count == c->cap) {
        const size_t cap = c->cap ? 2 * c->cap : 64;
        uint32_t *items = arena_calloc(c->a, cap, sizeof(*items));
        if (!items) return KARMA_E_NOMEM;
        if (c->count) memcpy(items, c->items, c->count * sizeof(*items));
        c->items = items;
        c->cap = cap;
    }
    c->items[c->count++] = cp;
    return KARMA_OK;
}

static karma_status add_text(struct cps *c, const char *p, size_t len, bool blanks) {
    karma_status st = KARMA_OK;
    uint32_t cp;
    for (const char *end = p + len; p < end && st == KARMA_OK;) {
        p += character_at(p, end, &cp);
        if (blanks || cp != ' ') st = add(c, cp);
    }
    return st;
}

/* ---- hyphens ---- */

static size_t letters_at(const char *p, const char *end) {
    size_t n = 0;
    while (p + n < end && ascii_is_alpha(p[n]))
        n++;
    return n;
}

static bool is_word_at(const char *p, const char *end) {
    uint32_t cp;
    if (p == end) return false;
    character_at(p, end, &cp);
    return is_word_character(cp);
}

karma_status asr_join_hyphens(struct arena *a, struct piece text, struct piece *out) {
    const char *p = text.text, *end = p + text.len;
    char *to = arena_alloc(a, text.len + 1);
    bool in_word = false; /* a word character stands before p */
    *out = (struct piece){to, 0};
    if (!to) return KARMA_E_NOMEM;
    while (p < end) {
        const size_t n = in_word ? 0 : letters_at(p, end);
        const char *hyphen = p + n;
        const size_t m = n > 0 && hyphen < end && *hyphen == '-' ? letters_at(hyphen + 1, end) : 0;
        if (m > 0 && !is_word_at(hyphen + 1 + m, end)) {
            memcpy(to, p, n);
            memcpy(to + n, hyphen + 1, m);
            to += n + m;
            p = hyphen + 1 + m;
            in_word = true;
            continue;
        }
        uint32_t cp;
        const size_t size = character_at(p, end, &cp);
        in_word = is_word_character(cp);
        memcpy(to, p, size);
        to += size;
        p += size;
    }
    out->len = (size_t)(to - out->text);
    return KARMA_OK;
}

/* ---- the normal form ---- */

/* The number read so far as words without blanks. Python's int() takes decimal digits alone; of a
 * number with another one English fails, and Hindi says the digits it knows. */
static karma_status flush(struct walk *w) {
    const unsigned char *digits = (const unsigned char *)buf_str(&w->number);
    const size_t n = w->number.len;
    karma_status st = KARMA_OK;
    if (n == 0) return KARMA_OK;
    buf_clear(&w->words);
    if (!memchr(digits, 0xFF, n)) {
        st = number_words(&w->words, w->language->numbers, digits, n);
    } else if (!w->language->hindi) {
        w->undefined = true;
    } else {
        for (size_t i = 0; i < n && st == KARMA_OK; i++)
            if (digits[i] != 0xFF)
                st = number_spelled(&w->words, w->language->numbers, digits + i, 1);
    }
    if (st == KARMA_OK) st = add_text(w->out, buf_str(&w->words), w->words.len, false);
    buf_clear(&w->number);
    return st;
}

static karma_status walk_character(struct walk *w, uint32_t cp) {
    const struct asr_language *l = w->language;
    if (asr_is_digit(cp)) {
        const int v = digit_value(cp);
        return buf_putc(&w->number, (char)(v < 0 ? 0xFF : v));
    }
    const bool letter = asr_is_letter(l, cp);
    const bool blank = cp < 0x80 && strchr(l->separators, (int)cp) != NULL;
    const struct asr_symbol *s = letter || blank ? NULL : asr_symbol(l, cp);
    if (!letter && !blank && !s) return KARMA_OK; /* as if it were not there */
    karma_status st = flush(w);
    if (st == KARMA_OK && letter) st = add(w->out, cp);
    if (st == KARMA_OK && s) st = add_text(w->out, s->words[0], strlen(s->words[0]), false);
    return st;
}

static bool is_trigger(const struct asr_language *l, uint32_t cp) {
    const bool blank = cp < 0x80 && strchr(l->separators, (int)cp) != NULL;
    return digit_value(cp) >= 0 || (!blank && cp != 0 && asr_symbol(l, cp));
}

/* ---- words ---- */

struct forms {
    struct cps lower, bare, letters, walked;
};

/* What is said of a word in lower case; text: the same with its hyphens joined, where they are. */
static karma_status read_forms(struct asr_text *t, struct asr_word *w, struct piece text,
                               struct forms *f) {
    const struct asr_language *l = t->language;
    struct walk walk = {.language = l, .out = &f->walked};
    const char *p = w->lower.text, *end = p + w->lower.len;
    karma_status st = KARMA_OK;
    uint32_t cp;
    while (p < end && st == KARMA_OK) {
        p += character_at(p, end, &cp);
        if (lower_character(upper_character(cp)) != cp) t->one_case = true;
        st = add(&f->lower, cp);
        if (st == KARMA_OK && cp != '.' && cp != '-') st = add(&f->bare, cp);
    }
    p = text.text;
    end = p + text.len;
    while (p < end && st == KARMA_OK) {
        p += character_at(p, end, &cp);
        if (is_trigger(l, cp)) w->walked = true;
        const bool danda = l->hindi && (cp == 0x964 || cp == 0x965);
        if (asr_is_letter(l, cp) && !danda) st = add(&f->letters, cp);
        if (st == KARMA_OK) st = walk_character(&walk, cp);
    }
    if (st == KARMA_OK) st = flush(&walk);
    w->undefined = walk.undefined;
    buf_release(&walk.number);
    buf_release(&walk.words);
    return st;
}

static karma_status read_word(struct arena *a, struct asr_text *t, struct asr_word *w,
                              struct forms *f) {
    struct buf lower = {0};
    struct piece joined;
    uint32_t cp;
    karma_status st = lower_append(&lower, w->text.text, w->text.len);
    const char *kept = st == KARMA_OK ? arena_strndup(a, buf_str(&lower), lower.len) : NULL;
    if (st == KARMA_OK && !kept) st = KARMA_E_NOMEM;
    w->lower = joined = (struct piece){kept, lower.len};
    buf_release(&lower);
    if (st < 0) return st;
    for (const char *p = w->text.text, *end = p + w->text.len; p < end; w->n_characters++)
        p += character_at(p, end, &cp);
    if (!t->language->hindi) st = asr_join_hyphens(a, w->lower, &joined);
    return st < 0 ? st : read_forms(t, w, joined, f);
}

karma_status asr_text_read(struct arena *a, const struct asr_language *l, const char *text,
                           struct asr_text *out) {
    struct units units;
    struct forms f = {.lower.a = a, .bare.a = a, .letters.a = a, .walked.a = a};
    struct cps *from[] = {&f.lower, &f.bare, &f.letters, &f.walked};
    struct asr_form *to[] = {&out->lower, &out->bare, &out->letters, &out->walked};
    *out = (struct asr_text){.language = l};
    karma_status st = units_split(a, text, strlen(text), &units);
    if (st < 0) return st;
    out->count = units.count;
    out->words = arena_calloc(a, units.count + 1, sizeof(*out->words));
    if (!out->words) return KARMA_E_NOMEM;
    for (size_t k = 0; k < 4; k++)
        if (!(to[k]->begin = arena_calloc(a, units.count + 1, sizeof(size_t))))
            return KARMA_E_NOMEM;
    for (size_t i = 0; i < units.count && st == KARMA_OK; i++) {
        out->words[i].text = units.items[i];
        st = read_word(a, out, &out->words[i], &f);
        for (size_t k = 0; k < 4; k++)
            to[k]->begin[i + 1] = from[k]->count;
    }
    for (size_t k = 0; k < 4 && st == KARMA_OK; k++) {
        if (!from[k]->items) st = add(from[k], 0); /* there is something to point at */
        to[k]->cps = from[k]->items;
    }
    return st;
}
