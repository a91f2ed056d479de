/* phrases.c - see phrases.h. */
#include "metrics/phrases.h"

#include <stdint.h>
#include <string.h>

#include "metrics/ngrams.h"
#include "text/characters.h"

static bool is_apostrophe(uint32_t cp) {
    return cp == '\'' || cp == 0x2019 || cp == 0x2018 || cp == 0x02BC || cp == '`';
}

karma_status phrases_plain(struct buf *out, const char *text) {
    struct buf lower = {0};
    karma_status st = lower_append(&lower, text, strlen(text));
    const char *p = buf_str(&lower), *end = p + lower.len;
    bool inside = false;
    uint32_t cp;
    if (st == KARMA_OK) st = buf_putc(out, ' ');
    for (size_t n; p < end && st == KARMA_OK; p += n) {
        n = character_at(p, end, &cp);
        if (is_apostrophe(cp)) {
            st = buf_putc(out, '\'');
            inside = true;
        } else if (is_word_character(cp) || is_mark(cp)) {
            st = buf_append(out, p, n);
            inside = true;
        } else if (inside) {
            st = buf_putc(out, ' ');
            inside = false;
        }
    }
    if (st == KARMA_OK && inside) st = buf_putc(out, ' ');
    buf_release(&lower);
    return st;
}

static const char *find_words(const char *plain, const char *phrase) {
    const size_t n = strlen(phrase);
    for (const char *at = plain; (at = strstr(at, phrase)); at++)
        if (at > plain && at[-1] == ' ' && at[n] == ' ') return at;
    return NULL;
}

size_t phrases_find(const char *plain, const char *const *phrases) {
    size_t first = SIZE_MAX;
    for (; *phrases; phrases++) {
        const char *at = find_words(plain, *phrases);
        size_t words = 0;
        if (!at) continue;
        for (const char *p = plain + 1; p < at; p++)
            words += *p == ' ';
        if (words < first) first = words;
    }
    return first;
}
