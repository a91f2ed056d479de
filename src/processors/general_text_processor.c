/*
 * general_text_processor.c - a Unicode normal form and numbers as words if asked, punctuation away,
 * lower case, runs of white space to one blank. With the defaults it does what KARMA's does; but
 * the switches mean here what they are called, where KARMA's use_lowercasing=true keeps the
 * capitals; compat gives that.
 */
#include <string.h>

#include "base/utf8.h"
#include "processors/processor.h"
#include "text/characters.h"
#include "text/number_words.h"

enum { MAX_DIGITS = 400 }; /* longer numbers stay as they are */

static bool is_set(const struct json *args, const char *name) {
    const struct json *value = json_get(args, name);
    return !json_is_null(value) && value->u.boolean;
}

struct number {
    unsigned char digits[MAX_DIGITS];
    size_t n;
};

/* The end of the word characters at p. */
static const char *word_end(const char *p, const char *end) {
    uint32_t cp;
    int n;
    while (p < end && (n = utf8_decode(p, (size_t)(end - p), &cp, NULL)) > 0 &&
           is_word_character(cp))
        p += n;
    return p;
}

/* Is what stands from p to end nothing but digits? */
static bool read_digits(const char *p, const char *end, struct number *out) {
    out->n = 0;
    for (int n; p < end; p += n) {
        uint32_t cp;
        n = utf8_decode(p, (size_t)(end - p), &cp, NULL);
        const int v = digit_value(cp);
        if (v < 0 || out->n == MAX_DIGITS) return false;
        out->digits[out->n++] = (unsigned char)v;
    }
    return out->n > 0;
}

/* Write the number at *p, where a word begins, and step behind it; false: there is none. num2words
 * reads whole numbers alone. */
static karma_status write_number(struct buf *out, enum number_style style, const char **p,
                                 const char *end, bool *written) {
    struct number whole, fraction;
    const char *stop = word_end(*p, end), *fraction_end;
    *written = read_digits(*p, stop, &whole) &&
               (style != NUMBER_NUM2WORDS || number_fits(style, whole.digits, whole.n));
    if (!*written) return KARMA_OK;
    karma_status st = number_words(out, style, whole.digits, whole.n);
    *p = stop;
    if (st < 0 || style == NUMBER_NUM2WORDS || stop == end || *stop != '.') return st;
    fraction_end = word_end(stop + 1, end);
    if (!read_digits(stop + 1, fraction_end, &fraction)) return KARMA_OK;
    st = buf_printf(out, " %s ", style == NUMBER_HINDI ? "दशमलव" : "point");
    if (st == KARMA_OK) st = number_spelled(out, style, fraction.digits, fraction.n);
    *p = fraction_end;
    return st;
}

static karma_status numbers_to_words(const struct json *args, struct buf *out, const char *p,
                                     const char *end) {
    const char *name = json_str(json_get(args, "num2text_style"), "");
    const enum number_style style = strcmp(name, "hindi") == 0      ? NUMBER_HINDI
                                    : strcmp(name, "american") == 0 ? NUMBER_AMERICAN
                                                                    : NUMBER_NUM2WORDS;
    karma_status st = KARMA_OK;
    while (p < end && st == KARMA_OK) {
        bool written;
        const char *stop = word_end(p, end);
        if (stop == p) { /* no word */
            st = buf_putc(out, *p++);
            continue;
        }
        st = write_number(out, style, &p, end, &written);
        if (st == KARMA_OK && !written) {
            st = buf_append(out, p, (size_t)(stop - p));
            p = stop;
        }
    }
    return st;
}

static karma_status remove_punctuation(const struct json *args, struct buf *out, const char *p,
                                       const char *end) {
    (void)args;
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
static karma_status squeeze(const struct json *args, struct buf *out, const char *p,
                            const char *end) {
    (void)args;
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

/* Append to out what the step makes of p to end. */
typedef karma_status (*step_fn)(const struct json *args, struct buf *out, const char *p,
                                const char *end);

static karma_status lower(const struct json *args, struct buf *out, const char *p,
                          const char *end) {
    (void)args;
    return lower_append(out, p, (size_t)(end - p));
}

static karma_status compose(const struct json *args, struct buf *out, const char *p,
                            const char *end) {
    (void)args;
    return nfc_append(out, p, (size_t)(end - p));
}

static karma_status compose_compatible(const struct json *args, struct buf *out, const char *p,
                                       const char *end) {
    (void)args;
    return nfkc_append(out, p, (size_t)(end - p));
}

/* Left alone, the text becomes lower case in either meaning of the switch. */
static bool is_lowered(const struct json *args) {
    const bool given = !json_is_null(json_get(args, "use_lowercasing"));
    return !given || is_set(args, "use_lowercasing") != is_set(args, "compat");
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
        {is_lowered(args), lower},
        {true, squeeze},
    };
    karma_status st = buf_puts(out, text);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && st == KARMA_OK; i++) {
        if (!steps[i].wanted) continue;
        buf_clear(scratch);
        st = steps[i].step(args, scratch, buf_str(out), buf_str(out) + out->len);
        struct buf swapped = *out;
        *out = *scratch;
        *scratch = swapped;
    }
    return st;
}

static const char *const forms[] = {"none", "nfc", "nfkc", NULL};
static const char *const styles[] = {"num2words", "american", "hindi", NULL};
static const karma_option_spec options[] = {
    {.name = "use_num2text",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "write numbers as words"},
    {.name = "use_punc",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "keep punctuation"},
    {.name = "use_lowercasing",
     .type = KARMA_OPTION_BOOL,
     .nullable = true,
     .default_json = "null",
     .help = "write all in lower case; null: yes"},
    {.name = "compat",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "use_lowercasing means what it does in KARMA 0.2.0: true keeps the capitals"},
    {.name = "num2text_style",
     .type = KARMA_OPTION_STRING,
     .choices = styles,
     .default_json = "\"num2words\"",
     .help = "how use_num2text counts; american and hindi read decimals too"},
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
