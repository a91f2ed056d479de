/*
 * porter.c - see porter.h. A rule takes an ending off and puts another on if what is left meets a
 * condition; of the rules of a step the first whose ending fits is the one that counts, whether its
 * condition holds or not. The measure of a stem is how often a vowel is followed by a consonant.
 */
#include "metrics/porter.h"

#include <stdbool.h>
#include <string.h>

struct word {
    char *s;
    size_t len;
};

static bool is_vowel_letter(char c) {
    return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
}

/* y is a consonant at the beginning and after a vowel. */
static bool is_consonant(const char *s, size_t i) {
    size_t first = i;
    if (s[i] != 'y') return !is_vowel_letter(s[i]);
    while (first > 0 && s[first] == 'y')
        first--;
    const bool negate = (i - first) % 2 == 1;
    return !is_vowel_letter(s[first]) != negate;
}

static size_t measure(const char *s, size_t len) {
    size_t m = 0;
    bool after_vowel = false, consonant = false;
    for (size_t i = 0; i < len; i++) {
        consonant = s[i] == 'y' ? i == 0 || !consonant : !is_vowel_letter(s[i]);
        m += consonant && after_vowel;
        after_vowel = !consonant;
    }
    return m;
}

static bool has_vowel(const char *s, size_t len) {
    bool consonant = false;
    for (size_t i = 0; i < len; i++) {
        consonant = s[i] == 'y' ? i == 0 || !consonant : !is_vowel_letter(s[i]);
        if (!consonant) return true;
    }
    return false;
}

static bool ends_double(const char *s, size_t len) {
    return len >= 2 && s[len - 1] == s[len - 2] && is_consonant(s, len - 1);
}

/* Consonant, vowel, consonant that is not w, x, y; or only a vowel and a consonant. */
static bool ends_short(const char *s, size_t len) {
    if (len == 2) return !is_consonant(s, 0) && is_consonant(s, 1);
    if (len < 3) return false;
    const char last = s[len - 1];
    return is_consonant(s, len - 3) && !is_consonant(s, len - 2) && is_consonant(s, len - 1) &&
           last != 'w' && last != 'x' && last != 'y';
}

static bool ends_with(const struct word *w, const char *ending) {
    const size_t n = strlen(ending);
    return w->len >= n && memcmp(w->s + w->len - n, ending, n) == 0;
}

/* Endings of a rule are never shorter than what is put on, but for the e of step 1b. */
static void replace(struct word *w, size_t ending_len, const char *by) {
    const size_t n = strlen(by);
    memcpy(w->s + w->len - ending_len, by, n);
    w->len += n - ending_len;
}

struct rule {
    const char *ending, *by;
};

/* The first rule that fits, if the measure of the stem is above `more_than`. */
static void apply(struct word *w, const struct rule *rules, size_t n, size_t more_than) {
    for (size_t i = 0; i < n; i++) {
        if (!ends_with(w, rules[i].ending)) continue;
        const size_t ending = strlen(rules[i].ending);
        if (measure(w->s, w->len - ending) > more_than) replace(w, ending, rules[i].by);
        return;
    }
}

#define APPLY(w, rules, more_than) apply(w, rules, sizeof(rules) / sizeof(*(rules)), more_than)

static void plurals(struct word *w) {
    if (ends_with(w, "ies") && w->len == 4)
        w->len--;
    else if (ends_with(w, "sses") || ends_with(w, "ies"))
        w->len -= 2;
    else if (ends_with(w, "s") && !ends_with(w, "ss"))
        w->len--;
}

static void past_and_gerund(struct word *w) {
    if (ends_with(w, "ied")) {
        w->len -= w->len == 4 ? 1 : 2;
        return;
    }
    if (ends_with(w, "eed")) {
        if (measure(w->s, w->len - 3) > 0) w->len--;
        return;
    }
    const size_t ending = ends_with(w, "ed") ? 2 : ends_with(w, "ing") ? 3 : 0;
    if (ending == 0 || !has_vowel(w->s, w->len - ending)) return;
    w->len -= ending;
    if (ends_with(w, "at") || ends_with(w, "bl") || ends_with(w, "iz")) {
        replace(w, 0, "e");
    } else if (ends_double(w->s, w->len)) {
        const char last = w->s[w->len - 1];
        if (last != 'l' && last != 's' && last != 'z') w->len--;
    } else if (measure(w->s, w->len) == 1 && ends_short(w->s, w->len)) {
        replace(w, 0, "e");
    }
}

static void y_to_i(struct word *w) {
    if (ends_with(w, "y") && w->len > 2 && is_consonant(w->s, w->len - 2)) w->s[w->len - 1] = 'i';
}

static void double_endings(struct word *w) {
    static const struct rule rules[] = {
        {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
        {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
        {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
        {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
        {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
        {"fulli", "ful"},
    };
    while (ends_with(w, "alli") && measure(w->s, w->len - 4) > 0)
        w->len -= 2;
    const size_t before = w->len;
    APPLY(w, rules, 0);
    /* Of -logi the l belongs to the stem whose measure counts. */
    if (w->len == before && ends_with(w, "logi") && measure(w->s, w->len - 3) > 0) w->len--;
}

static void single_endings(struct word *w) {
    static const struct rule rules[] = {
        {"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
        {"ical", "ic"},  {"ful", ""},   {"ness", ""},
    };
    APPLY(w, rules, 0);
}

static void last_endings(struct word *w) {
    static const struct rule rules[] = {
        {"al", ""},   {"ance", ""}, {"ence", ""},  {"er", ""},   {"ic", ""},  {"able", ""},
        {"ible", ""}, {"ant", ""},  {"ement", ""}, {"ment", ""}, {"ent", ""}, {"ou", ""},
        {"ism", ""},  {"ate", ""},  {"iti", ""},   {"ous", ""},  {"ive", ""}, {"ize", ""},
    };
    if (!ends_with(w, "ion")) {
        APPLY(w, rules, 1);
    } else if (w->len > 3 && measure(w->s, w->len - 3) > 1 &&
               (w->s[w->len - 4] == 's' || w->s[w->len - 4] == 't')) {
        w->len -= 3;
    }
}

static void tidy(struct word *w) {
    if (ends_with(w, "e")) {
        const size_t m = measure(w->s, w->len - 1);
        if (m > 1 || (m == 1 && !ends_short(w->s, w->len - 1))) w->len--;
    }
    if (ends_with(w, "ll") && measure(w->s, w->len - 1) > 1) w->len--;
}

/* Words that the rules would spoil. */
static bool irregular(struct word *w) {
    static const char *const table[][2] = {
        {"sky", "sky"},         {"skies", "sky"},        {"dying", "die"},
        {"lying", "lie"},       {"tying", "tie"},        {"news", "news"},
        {"innings", "inning"},  {"inning", "inning"},    {"outings", "outing"},
        {"outing", "outing"},   {"cannings", "canning"}, {"canning", "canning"},
        {"howe", "howe"},       {"proceed", "proceed"},  {"exceed", "exceed"},
        {"succeed", "succeed"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (strlen(table[i][0]) != w->len || memcmp(table[i][0], w->s, w->len) != 0) continue;
        replace(w, w->len, table[i][1]);
        return true;
    }
    return false;
}

size_t porter_stem(char *word, size_t len) {
    struct word w = {word, len};
    if (irregular(&w) || len <= 2) return w.len;
    plurals(&w);
    past_and_gerund(&w);
    y_to_i(&w);
    double_endings(&w);
    single_endings(&w);
    last_endings(&w);
    tidy(&w);
    return w.len;
}
