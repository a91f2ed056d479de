/* number_words.c - see number_words.h. The Hindi words are those that KARMA 0.2.0 counts with. */
#include "text/number_words.h"

#include <string.h>

enum { HUNDRED = 100, THOUSAND = 1000, LAKH = 100000, CRORE = 10000000 };

static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",
                                    "five",    "six",     "seven",     "eight",    "nine",
                                    "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};
static const char *const scales[] = {"",           "thousand",    "million",     "billion",
                                     "trillion",   "quadrillion", "quintillion", "sextillion",
                                     "septillion", "octillion",   "nonillion",   "decillion"};
static const char *const hindi[100] = {
    "शून्य",     "एक",      "दो",     "तीन",     "चार",    "पांच",     "छह",     "सात",    "आठ",
    "नौ",      "दस",      "ग्यारह",  "बारह",    "तेरह",    "चौदह",    "पंद्रह",   "सोलह",   "सत्रह",
    "अठारह",   "उन्नीस",   "बीस",    "इक्कीस",   "बाईस",   "तेईस",     "चौबीस",  "पच्चीस",  "छब्बीस",
    "सत्ताईस",  "अट्ठाईस",  "उनतीस",  "तीस",     "इकतीस",  "बत्तीस",   "तैंतीस",   "चौंतीस",  "पैंतीस",
    "छत्तीस",   "सैंतीस",    "अड़तीस",  "उनतालीस", "चालीस",  "इकतालीस", "बयालीस", "तैंतालीस", "चवालीस",
    "पैंतालीस",  "छियालीस", "सैंतालीस", "अड़तालीस", "उनचास",  "पचास",    "इक्यावन", "बावन",   "तिरपन",
    "चौवन",    "पचपन",    "छप्पन",   "सत्तावन",  "अट्ठावन", "उनसठ",    "साठ",    "इकसठ",   "बासठ",
    "तिरसठ",   "चौंसठ",    "पैंसठ",    "छियासठ",  "सड़सठ",   "अड़सठ",    "उनहत्तर", "सत्तर",   "इकहत्तर",
    "बहत्तर",   "तिहत्तर",  "चौहत्तर", "पचहत्तर",  "छिहत्तर", "सतहत्तर",  "अठहत्तर", "उन्यासी", "अस्सी",
    "इक्यासी",  "बयासी",   "तिरासी", "चौरासी",  "पचासी",  "छियासी",  "सत्तासी", "अठासी",  "नवासी",
    "नब्बे",     "इक्यानवे",  "बानवे",   "तिरानवे",  "चौरानवे", "पचानवे",   "छियानवे", "सत्तानवे", "अठानवे",
    "निन्यानवे",
};

/* ---- English ---- */

static karma_status puts_after(struct buf *out, bool *first, const char *between,
                               const char *word) {
    karma_status st = *first ? KARMA_OK : buf_puts(out, between);
    *first = false;
    return st < 0 ? st : buf_puts(out, word);
}

static karma_status below_hundred(struct buf *out, bool *first, const char *before,
                                  const char *between, int v) {
    if (v < 20) return puts_after(out, first, before, small[v]);
    karma_status st = puts_after(out, first, before, tens[v / 10]);
    return st < 0 || v % 10 == 0 ? st : puts_after(out, first, between, small[v % 10]);
}

/* Groups of three digits, with what the style puts between. */
static karma_status english_words(struct buf *out, enum number_style style,
                                  const unsigned char *digits, size_t n) {
    const bool commas = style == NUMBER_NUM2WORDS;
    const char *hyphen = commas ? "-" : " ";
    const char *with_and = style == NUMBER_AMERICAN ? " " : " and ";
    bool first = true;
    karma_status st = KARMA_OK;
    for (size_t scale = (n - 1) / 3 + 1; scale-- > 0 && st == KARMA_OK;) {
        const size_t end = n - 3 * scale, begin = end < 3 ? 0 : end - 3;
        int v = 0;
        for (size_t i = begin; i < end; i++)
            v = v * 10 + digits[i];
        if (v == 0) continue;
        const char *before = commas ? scale == 0 && v < 100 ? " and " : ", " : " ";
        if (v >= 100) {
            st = puts_after(out, &first, before, small[v / 100]);
            if (st == KARMA_OK) st = buf_puts(out, " hundred");
            before = with_and;
        }
        if (st == KARMA_OK && v % 100) st = below_hundred(out, &first, before, hyphen, v % 100);
        if (st == KARMA_OK && scale > 0) st = buf_printf(out, " %s", scales[scale]);
    }
    return st;
}

/* ---- Hindi ---- */

static karma_status hindi_words(struct buf *out, bool *first, int64_t v) {
    static const struct {
        int64_t value;
        const char *word;
    } steps[] = {{CRORE, "करोड़"}, {LAKH, "लाख"}, {THOUSAND, "हजार"}, {HUNDRED, "सौ"}};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && st == KARMA_OK; i++) {
        if (v < steps[i].value) continue;
        st = hindi_words(out, first, v / steps[i].value);
        if (st == KARMA_OK) st = puts_after(out, first, " ", steps[i].word);
        v %= steps[i].value;
    }
    return st < 0 || v == 0 ? st : puts_after(out, first, " ", hindi[v]);
}

/* ---- both ---- */

static bool is_hindi(enum number_style style) {
    return style == NUMBER_HINDI || style == NUMBER_HINDI_SHORT;
}

static size_t without_zeros(const unsigned char **digits, size_t n) {
    while (n > 0 && **digits == 0) {
        ++*digits;
        n--;
    }
    return n;
}

bool number_fits(enum number_style style, const unsigned char *digits, size_t n) {
    static const size_t most[] = {[NUMBER_NUM2WORDS] = 36,
                                  [NUMBER_AMERICAN] = 12,
                                  [NUMBER_BRITISH] = 12,
                                  [NUMBER_HINDI] = 12,
                                  [NUMBER_HINDI_SHORT] = 7};
    return without_zeros(&digits, n) <= most[style];
}

karma_status number_spelled(struct buf *out, enum number_style style, const unsigned char *digits,
                            size_t n) {
    bool first = true;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < n && st == KARMA_OK; i++)
        st = puts_after(out, &first, " ", (is_hindi(style) ? hindi : small)[digits[i]]);
    return st;
}

karma_status number_words(struct buf *out, enum number_style style, const unsigned char *digits,
                          size_t n) {
    n = without_zeros(&digits, n);
    if (n == 0) return buf_puts(out, (is_hindi(style) ? hindi : small)[0]);
    if (!number_fits(style, digits, n)) return number_spelled(out, style, digits, n);
    if (!is_hindi(style)) return english_words(out, style, digits, n);
    int64_t v = 0;
    bool first = true;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + digits[i];
    return hindi_words(out, &first, v);
}

/* ---- words as numbers ---- */

static bool is_word(const char *known, const char *word, size_t len) {
    return strlen(known) == len && memcmp(known, word, len) == 0;
}

struct number_word number_word(const char *word, size_t len) {
    static const struct {
        const char *word;
        struct number_word is;
    } others[] = {
        {"hundred", {NUMBER_HUNDRED, HUNDRED}},
        {"सौ", {NUMBER_HUNDRED, HUNDRED}},
        {"thousand", {NUMBER_SCALE, THOUSAND}},
        {"हजार", {NUMBER_SCALE, THOUSAND}},
        {"हज़ार", {NUMBER_SCALE, THOUSAND}},
        {"lakh", {NUMBER_SCALE, LAKH}},
        {"लाख", {NUMBER_SCALE, LAKH}},
        {"million", {NUMBER_SCALE, 1000000}},
        {"crore", {NUMBER_SCALE, CRORE}},
        {"करोड़", {NUMBER_SCALE, CRORE}},
        {"billion", {NUMBER_SCALE, 1000000000}},
        {"point", {NUMBER_POINT, 0}},
        {"दशमलव", {NUMBER_POINT, 0}},
        {"पॉइंट", {NUMBER_POINT, 0}},
        {"पाँच", {NUMBER_SMALL, 5}},
        {"छः", {NUMBER_SMALL, 6}},
        {"छै", {NUMBER_SMALL, 6}},
        {"पन्द्रह", {NUMBER_SMALL, 15}},
        {"जीरो", {NUMBER_SMALL, 0}},
    };
    for (int i = 0; i < 20; i++)
        if (is_word(small[i], word, len)) return (struct number_word){NUMBER_SMALL, i};
    for (int i = 2; i < 10; i++)
        if (is_word(tens[i], word, len)) return (struct number_word){NUMBER_SMALL, 10 * i};
    for (int i = 0; i < 100; i++)
        if (is_word(hindi[i], word, len)) return (struct number_word){NUMBER_SMALL, i};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        if (is_word(others[i].word, word, len)) return others[i].is;
    return (struct number_word){NUMBER_NONE, 0};
}
