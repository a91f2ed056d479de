/*
 * extract_number.c - reading a number out of an answer. number_upstream is KARMA 0.2.0's rule for
 * its calculators to the letter; number reads what stands behind a marker first, knows separators
 * of thousands and numbers with a unit behind them, and refuses to choose among several.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "datasets/extract_rules.h"
#include "text/characters.h"
#include "text/python_float.h"

/* The last "{...}" without braces inside that is JSON; NULL: there is none. */
static karma_status last_object(struct arena *a, struct span s, const struct json **out) {
    *out = NULL;
    const char *end = s.end;
    while (!*out) {
        const char *close = end, *open;
        while (close > s.p && close[-1] != '}')
            close--;
        if (close == s.p) return KARMA_OK;
        open = close - 1;
        while (open > s.p && open[-1] != '{' && open[-1] != '}')
            open--;
        end = open;
        if (open == s.p || open[-1] != '{') continue;
        end = open - 1;
        karma_status st = json_parse(a, open - 1, (size_t)(close - open + 1), JSON_LAST_WINS, out);
        if (st == KARMA_E_NOMEM) return st;
        if (st < 0) *out = NULL;
    }
    return KARMA_OK;
}

static karma_status give_json(struct arena *a, const struct json *value, const char **prediction,
                              karma_parse *how) {
    struct buf b = {0};
    karma_status st = json_write(&b, value, 0, JSON_PYTHON | JSON_ASCII);
    if (st == KARMA_OK && !(*prediction = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    *how = KARMA_PARSE_FALLBACK;
    return st;
}

static karma_status give_real(struct arena *a, double v, karma_parse as, const char **prediction,
                              karma_parse *how) {
    char text[64];
    const size_t n = isfinite(v) ? json_format_real(v, text) : 0;
    *prediction = n ? arena_strndup(a, text, n) : isnan(v) ? "nan" : v < 0 ? "-inf" : "inf";
    *how = as;
    return *prediction ? KARMA_OK : KARMA_E_NOMEM;
}

/* A character of a word before p, or at p? */
static bool is_word_at(const char *p, const char *end) {
    int n;
    return p < end && is_word_character(span_peek(p, end, &n));
}

static bool is_word_before(const char *begin, const char *p) {
    return p > begin && is_word_at(span_step_back(begin, p), p);
}

static const char *skip_digits(const char *p, const char *end) {
    while (p < end && ascii_is_digit(*p))
        p++;
    return p;
}

static const char *skip_any_digits(const char *p, const char *end) {
    int n;
    while (p < end && digit_value(span_peek(p, end, &n)) >= 0)
        p += n;
    return p;
}

/* The end of "-?\\d+\\.?\\d*" at p with no character of a word around it; NULL: no match. */
static const char *bare_number_end(struct span s, const char *p) {
    if (is_word_before(s.p, p)) return NULL;
    const char *digits = p + (*p == '-'), *whole = skip_any_digits(digits, s.end);
    if (whole == digits) return NULL;
    if (whole < s.end && *whole == '.') {
        const char *fraction = skip_any_digits(whole + 1, s.end);
        return is_word_at(fraction, s.end) ? whole : fraction; /* "12.5kg": 12 */
    }
    return is_word_at(whole, s.end) ? NULL : whole;
}

karma_status extraction_number_upstream(struct arena *a, const char *text, const struct choices *c,
                                        const char **prediction, karma_parse *how) {
    const struct span s = span_strip(span_of(text));
    const struct json *object;
    struct span last = {NULL, NULL};
    double v;
    (void)c;
    karma_status st = last_object(a, s, &object);
    if (st < 0 || object) return st < 0 ? st : give_json(a, object, prediction, how);
    if (python_float(s.p, span_len(s), &v))
        return give_real(a, v, KARMA_PARSE_MARKER, prediction, how);
    for (const char *p = s.p; p < s.end;) {
        const char *end = bare_number_end(s, p);
        if (end) last = (struct span){p, end};
        p = end ? end : p + 1;
    }
    if (!last.p) return extraction_none(prediction, how);
    st = extraction_give(a, last, prediction, how);
    *how = KARMA_PARSE_FALLBACK;
    return st;
}

/* ---- with care ---- */

/* A number at p, its digits in out[size] without separators of thousands; where it ends, NULL: none
 * or one that is a part of a word ("m2"). */
static const char *number_at(struct span s, const char *p, char *out, size_t size) {
    size_t n = 0;
    if (is_word_before(s.p, p) || (p > s.p && p[-1] == '.')) return NULL;
    if (*p == '-' || *p == '+') {
        if (*p == '-') out[n++] = '-';
        p++;
    }
    const char *digits = p;
    while (p < s.end && n + 2 < size) {
        const bool group = *p == ',' && p > digits && skip_digits(p + 1, s.end) - p == 4;
        const bool point = *p == '.' && p > digits && p + 1 < s.end && ascii_is_digit(p[1]) &&
                           !memchr(out, '.', n);
        if (!ascii_is_digit(*p) && !group && !point) break;
        if (!group) out[n++] = *p;
        p++;
    }
    out[n] = '\0';
    if (p == digits) return NULL;
    if (p + 1 < s.end && (*p == 'e' || *p == 'E') && n + 8 < size) {
        const char *e = p + 1 + (p[1] == '-' || p[1] == '+'), *end = skip_digits(e, s.end);
        if (end > e && end - p < 6 && !is_word_at(end, s.end)) {
            memcpy(out + n, p, (size_t)(end - p));
            out[n + (size_t)(end - p)] = '\0';
            p = end;
        }
    }
    return p;
}

enum { NUMBER_BYTES = 64 };

static bool first_number(struct span s, char out[NUMBER_BYTES]) {
    for (const char *p = s.p; p < s.end; p++)
        if (number_at(s, p, out, NUMBER_BYTES)) return true;
    return false;
}

static bool last_number(struct span s, char out[NUMBER_BYTES]) {
    char one[NUMBER_BYTES];
    bool found = false;
    for (const char *p = s.p; p < s.end;) {
        const char *end = number_at(s, p, one, sizeof(one));
        if (end) {
            memcpy(out, one, sizeof(one));
            found = true;
        }
        p = end ? end : p + 1;
    }
    return found;
}

static bool is_json_number(const struct json *v) {
    char ignored[NUMBER_BYTES];
    if (!json_is_string(v)) return v->type == JSON_INT || v->type == JSON_REAL;
    const struct span s = {v->u.string.data, v->u.string.data + v->u.string.len};
    return s.p < s.end && number_at(s, s.p, ignored, sizeof(ignored)) == s.end;
}

/* Of an object the only member that is a number. */
static karma_status number_of_object(struct arena *a, const struct json *object,
                                     const char **prediction, karma_parse *how) {
    const struct json *found = NULL;
    for (size_t i = 0; i < json_count(object); i++) {
        const struct json *v = object->u.object.members[i].value;
        if (!is_json_number(v)) continue;
        if (found) return give_json(a, object, prediction, how); /* the metric knows which */
        found = v;
    }
    if (!found) return extraction_none(prediction, how);
    if (!json_is_string(found)) return give_json(a, found, prediction, how);
    char digits[NUMBER_BYTES];
    first_number(span_of(found->u.string.data), digits);
    *how = KARMA_PARSE_FALLBACK;
    return (*prediction = arena_strdup(a, digits)) ? KARMA_OK : KARMA_E_NOMEM;
}

/* Behind the last "Final Answer:" in any case; false: there is none. */
static bool behind_marker(struct span s, struct span *out) {
    static const char words[] = "final answer";
    bool found = false;
    for (const char *p = s.p; p < s.end; p++) {
        if (!span_begins_nocase((struct span){p, s.end}, words)) continue;
        const char *q = p + strlen(words);
        while (q < s.end && strchr(" \t*_`~", *q))
            q++;
        if (q == s.end || *q != ':') continue;
        *out = (struct span){q + 1, s.end};
        found = true;
    }
    return found;
}

karma_status extraction_number(struct arena *a, const char *text, const struct choices *c,
                               const char **prediction, karma_parse *how) {
    const struct span s = span_strip(span_of(text));
    struct span marked;
    const struct json *object;
    char digits[NUMBER_BYTES];
    (void)c;
    const bool by_marker = behind_marker(s, &marked);
    karma_status st = last_object(a, by_marker ? marked : s, &object);
    if (st < 0) return st;
    if (object) {
        st = number_of_object(a, object, prediction, how);
        if (st < 0 || *how != KARMA_PARSE_NONE) return st;
    }
    const bool is_all = s.p < s.end && number_at(s, s.p, digits, sizeof(digits)) == s.end;
    if (!is_all && !(by_marker ? first_number(marked, digits) : last_number(s, digits)))
        return extraction_none(prediction, how);
    *how = is_all || by_marker ? KARMA_PARSE_MARKER : KARMA_PARSE_FALLBACK;
    return (*prediction = arena_strdup(a, digits)) ? KARMA_OK : KARMA_E_NOMEM;
}
