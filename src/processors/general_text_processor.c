/*
 * general_text_processor.c - a Unicode normal form and numbers as English words if asked,
 * punctuation away, lower case, runs of white space to one blank. With the defaults it does what
 * KARMA's does; but the switches mean here what they are called, where KARMA's use_lowercasing=true
 * keeps the capitals.
 */
#include <string.h>

#include "base/utf8.h"
#include "processors/processor.h"
#include "text/characters.h"

enum { MAX_DIGITS = 36 }; /* to 10^36 - 1, "... decillion"; longer numbers stay as they are */

static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",
                                    "five",    "six",     "seven",     "eight",    "nine",
                                    "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};
static const char *const scales[] = {"",           "thousand",    "million",     "billion",
                                     "trillion",   "quadrillion", "quintillion", "sextillion",
                                     "septillion", "octillion",   "nonillion",   "decillion"};

static karma_status below_hundred(struct buf *out, int v) {
    if (v < 20) return buf_puts(out, small[v]);
    karma_status st = buf_puts(out, tens[v / 10]);
    return st < 0 || v % 10 == 0 ? st : buf_printf(out, "-%s", small[v % 10]);
}

static karma_status below_thousand(struct buf *out, int v) {
    if (v < 100) return below_hundred(out, v);
    karma_status st = buf_printf(out, "%s hundred", small[v / 100]);
    if (st < 0 || v % 100 == 0) return st;
    st = buf_puts(out, " and ");
    return st < 0 ? st : below_hundred(out, v % 100);
}

/* "one thousand, two hundred and thirty-four", as num2words has it. digits: values, no leading 0.
 */
static karma_status number_words(struct buf *out, const unsigned char *digits, int n) {
    karma_status st = KARMA_OK;
    bool first = true;
    if (n == 0) return buf_puts(out, small[0]);
    for (int scale = (n - 1) / 3; scale >= 0 && st == KARMA_OK; scale--) {
        int v = 0, from = n - 3 * scale - 3;
        for (int i = from < 0 ? 0 : from; i < from + 3; i++)
            v = v * 10 + digits[i];
        if (v == 0) continue;
        if (!first) st = buf_puts(out, scale == 0 && v < 100 ? " and " : ", ");
        if (st == KARMA_OK) st = below_thousand(out, v);
        if (st == KARMA_OK && scale > 0) st = buf_printf(out, " %s", scales[scale]);
        first = false;
    }
    return st;
}

/* A run of word characters, p to end: a number if all of it is digits. */
static karma_status word_to_words(struct buf *out, const char *p, const char *end) {
    unsigned char digits[MAX_DIGITS];
    int count = 0;
    for (const char *q = p; q < end;) {
        uint32_t cp;
        int n = utf8_decode(q, (size_t)(end - q), &cp, NULL), v = digit_value(cp);
        if (v < 0) return buf_append(out, p, (size_t)(end - p));
        q += n;
        if (v == 0 && count == 0) continue;
        if (count == MAX_DIGITS) return buf_append(out, p, (size_t)(end - p));
        digits[count++] = (unsigned char)v;
    }
    return number_words(out, digits, count);
}

static karma_status numbers_to_words(struct buf *out, const char *p, const char *end) {
    karma_status st = KARMA_OK;
    while (p < end && st == KARMA_OK) {
        uint32_t cp;
        const char *word = p;
        int n;
        while (p < end && (n = utf8_decode(p, (size_t)(end - p), &cp, NULL)) > 0 &&
               is_word_character(cp))
            p += n;
        if (p > word) {
            st = word_to_words(out, word, p);
            continue;
        }
        n = utf8_decode(p, (size_t)(end - p), &cp, NULL);
        st = buf_append(out, p, (size_t)(n ? n : 1));
        p += n ? n : 1;
    }
    return st;
}

static karma_status remove_punctuation(struct buf *out, const char *p, const char *end) {
    karma_status st = KARMA_OK;
    for (int n; p < end && st == KARMA_OK; p += n) {
        uint32_t cp;
        n = utf8_decode(p, (size_t)(end - p), &cp, NULL);
        const bool away = n > 0 && is_punctuation(cp);
        if (n == 0) n = 1;
        if (!away) st = buf_append(out, p, (size_t)n);
    }
    return st;
}

/* Two or more characters of white space become one blank; a single one stays what it is. */
static karma_status squeeze(struct buf *out, const char *p, const char *end) {
    karma_status st = KARMA_OK;
    while (p < end && st == KARMA_OK) {
        const char *run = p;
        uint32_t cp;
        int n, count = 0;
        while (p < end && (n = utf8_decode(p, (size_t)(end - p), &cp, NULL)) > 0 &&
               is_white_space(cp)) {
            p += n;
            count++;
        }
        if (count > 1)
            st = buf_putc(out, ' ');
        else if (count == 1)
            st = buf_append(out, run, (size_t)(p - run));
        else
            st = buf_putc(out, *p++);
    }
    return st;
}

static bool is_set(const struct json *args, const char *name) {
    return json_get(args, name)->u.boolean;
}

/* Append to out what the step makes of p to end. */
typedef karma_status (*step_fn)(struct buf *out, const char *p, const char *end);

static karma_status lower(struct buf *out, const char *p, const char *end) {
    return lower_append(out, p, (size_t)(end - p));
}

static karma_status compose(struct buf *out, const char *p, const char *end) {
    return nfc_append(out, p, (size_t)(end - p));
}

static karma_status compose_compatible(struct buf *out, const char *p, const char *end) {
    return nfkc_append(out, p, (size_t)(end - p));
}

static karma_status run(const struct json *args, void *state, const char *text, struct buf *scratch,
                        struct buf *out) {
    (void)state;
    const char *unicode = json_str(json_get(args, "unicode"), "none");
    const struct {
        bool wanted;
        step_fn step;
    } steps[] = {
        {strcmp(unicode, "nfc") == 0, compose},
        {strcmp(unicode, "nfkc") == 0, compose_compatible},
        {is_set(args, "use_num2text"), numbers_to_words},
        {!is_set(args, "use_punc"), remove_punctuation},
        {is_set(args, "use_lowercasing"), lower},
        {true, squeeze},
    };
    karma_status st = buf_puts(out, text);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && st == KARMA_OK; i++) {
        if (!steps[i].wanted) continue;
        buf_clear(scratch);
        st = steps[i].step(scratch, buf_str(out), buf_str(out) + out->len);
        struct buf swapped = *out;
        *out = *scratch;
        *scratch = swapped;
    }
    return st;
}

static const char *const forms[] = {"none", "nfc", "nfkc", NULL};
static const karma_option_spec options[] = {
    {.name = "use_num2text",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "write whole numbers as English words"},
    {.name = "use_punc",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "keep punctuation"},
    {.name = "use_lowercasing",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "write all in lower case"},
    {.name = "unicode",
     .type = KARMA_OPTION_STRING,
     .choices = forms,
     .default_json = "\"none\"",
     .help = "normal form of the text before anything else"},
    {.name = NULL},
};

const struct processor_ops processor_general_text = {
    .info = {.name = "general_text_processor",
             .description = "without punctuation, in lower case, single blanks",
             .options = options},
    .run = run,
};
