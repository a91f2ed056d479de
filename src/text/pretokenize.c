/*
 * pretokenize.c - the scanners. Each looks at a character at most twice: what a run of white space
 * leaves over starts the next piece, and nothing looks further ahead than the run it is in.
 */
#include "text/pretokenize.h"

#include <string.h>

#include "text/unicode.h"

karma_status pretokenizer_add(struct pretokenizer *p, struct pretoken_step step) {
    if (p->n_steps == PRETOKEN_MAX_STEPS)
        return status_fail(KARMA_E_LIMIT, "more than %d pre-tokenizer steps", PRETOKEN_MAX_STEPS);
    p->steps[p->n_steps++] = step;
    return KARMA_OK;
}

karma_status pretokenizer_add_bert(struct pretokenizer *p) {
    karma_status st = pretokenizer_add(p, (struct pretoken_step){.kind = PRETOKEN_WHITESPACE});
    if (st < 0) return st;
    return pretokenizer_add(
        p, (struct pretoken_step){.kind = PRETOKEN_PUNCTUATION, .behavior = SPLIT_ISOLATED});
}

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define WORDS_HEAD   CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
#define WORDS_TAIL   "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static const struct {
    const char *pattern;
    struct pretoken_step step;
} known_patterns[] = {
    {WORDS_HEAD WORDS_TAIL, {.kind = PRETOKEN_WORDS, .max_digits = 1}},
    {WORDS_HEAD "{1,3}" WORDS_TAIL, {.kind = PRETOKEN_WORDS, .max_digits = 3}},
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     {.kind = PRETOKEN_GPT2}},
};

karma_status pretoken_pattern(const char *pattern, size_t len, struct pretoken_step *out) {
    for (size_t i = 0; i < sizeof(known_patterns) / sizeof(known_patterns[0]); i++) {
        const char *known = known_patterns[i].pattern;
        if (strlen(known) == len && memcmp(known, pattern, len) == 0) {
            *out = known_patterns[i].step;
            return KARMA_OK;
        }
    }
    return status_fail(KARMA_E_UNSUPPORTED, "pre-tokenizer pattern '%s' is not known",
                       status_quote(pattern, len));
}

/* ---- characters ---- */

/* Class of the character at p < end, and its bytes. */
static inline unsigned class_at(const char *p, int *n) {
    if ((unsigned char)*p < 0x80) {
        *n = 1;
        return unicode_props[0][(unsigned char)*p] & UNICODE_CLASS;
    }
    return unicode_get(unicode_at(p, n)) & UNICODE_CLASS;
}

static inline bool is_newline(char c) {
    return c == '\r' || c == '\n';
}

static inline bool has_class(const char *p, const char *end, unsigned wanted) {
    int n;
    return p < end && class_at(p, &n) == wanted;
}

/* End of the run of one class that begins at p, at most `most` characters (0: any number). */
static inline const char *run_end(const char *p, const char *end, unsigned wanted, int most) {
    int n;
    if (most == 0 && wanted == UNICODE_LETTER) /* most runs there are */
        while (p < end && (unsigned char)((*p | 0x20) - 'a') < 26)
            p++;
    for (int count = 0; p < end && (most == 0 || count < most); count++, p += n)
        if (class_at(p, &n) != wanted) break;
    return p;
}

static inline char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Bytes of the contraction ('s 't 're 've 'm 'll 'd) at p, which points at the quote; 0: none.
 * With any_case the long s folds to s. */
static size_t contraction(const char *p, const char *end, bool any_case) {
    size_t left = (size_t)(end - p);
    if (left < 2) return 0;
    char a = any_case ? lower(p[1]) : p[1];
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if (left < 3) return 0;
    char b = any_case ? lower(p[2]) : p[2];
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    return any_case && memcmp(p + 1, "\xC5\xBF", 2) == 0 ? 3 : 0;
}

/* White space at p that nothing before has taken: all of it if the text ends with it, else all but
 * its last character, which belongs to what follows, unless it is alone. */
static const char *spaces_end(const char *p, const char *end) {
    const char *run = run_end(p, end, UNICODE_SPACE, 0);
    int first, last;
    (void)unicode_at(p, &first);
    if (run == end || run == p + first) return run;
    (void)unicode_before(p, run, &last);
    return run - last;
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,k}| ?[^\s\p{L}\p{N}]+[\r\n]*
 * |\s*[\r\n]+|\s+(?!\S)|\s+ */
static const char *words_next(const char *p, const char *end, int max_digits) {
    if (*p == '\'') {
        size_t n = contraction(p, end, true);
        if (n) return p + n;
    }
    int n;
    unsigned c = class_at(p, &n);
    if (c == UNICODE_LETTER) return run_end(p + n, end, UNICODE_LETTER, 0);
    if (c == UNICODE_NUMBER) return run_end(p, end, UNICODE_NUMBER, max_digits);
    if (!is_newline(*p) && has_class(p + n, end, UNICODE_LETTER))
        return run_end(p + n, end, UNICODE_LETTER, 0);
    const char *q = *p == ' ' ? p + 1 : p;
    if (has_class(q, end, UNICODE_OTHER)) {
        q = run_end(q, end, UNICODE_OTHER, 0);
        while (q < end && is_newline(*q))
            q++;
        return q;
    }
    const char *run = run_end(p, end, UNICODE_SPACE, 0);
    for (q = run; q > p; q--)
        if (is_newline(q[-1])) return q;
    return spaces_end(p, end);
}

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static const char *gpt2_next(const char *p, const char *end) {
    if (*p == '\'') {
        size_t n = contraction(p, end, false);
        if (n) return p + n;
    }
    const char *q = *p == ' ' ? p + 1 : p;
    if (q < end) {
        int n;
        unsigned c = class_at(q, &n);
        if (c != UNICODE_SPACE) return run_end(q, end, c, 0);
    }
    return spaces_end(p, end);
}

static const char *digits_next(const char *p, const char *end, bool individual) {
    int n;
    unsigned first = unicode_get(unicode_at(p, &n)) & UNICODE_NUMERIC;
    if (first && individual) return p + n;
    for (p += n; p < end; p += n)
        if ((unicode_get(unicode_at(p, &n)) & UNICODE_NUMERIC) != first) break;
    return p;
}

/* ---- steps ---- */

struct cutting {
    const struct pretokenizer *p;
    const struct pretoken_sink *sink;
    const char *begin; /* of the whole input; NULL when this text does not begin there */
};

static karma_status apply(const struct cutting *c, int step, const char *text, size_t len);

static inline karma_status pass(const struct cutting *c, int step, const char *from,
                                const char *to) {
    if (from == to) return KARMA_OK;
    if (step + 1 == c->p->n_steps) return c->sink->take(c->sink->self, from, (size_t)(to - from));
    return apply(c, step + 1, from, (size_t)(to - from));
}

static karma_status apply_scanner(const struct cutting *c, int step, const char *p,
                                  const char *end) {
    const struct pretoken_step *s = &c->p->steps[step];
    while (p < end) {
        const char *next = s->kind == PRETOKEN_WORDS  ? words_next(p, end, s->max_digits)
                           : s->kind == PRETOKEN_GPT2 ? gpt2_next(p, end)
                                                      : digits_next(p, end, s->individual);
        karma_status st = pass(c, step, p, next);
        if (st < 0) return st;
        p = next;
    }
    return KARMA_OK;
}

static karma_status apply_whitespace(const struct cutting *c, int step, const char *p,
                                     const char *end) {
    karma_status st = KARMA_OK;
    for (const char *from = p; st == KARMA_OK && from < end; from = p) {
        int n;
        while (p < end && class_at(p, &n) != UNICODE_SPACE)
            p += n;
        st = pass(c, step, from, p);
        p = run_end(p, end, UNICODE_SPACE, 0);
    }
    return st;
}

static karma_status apply_word_runs(const struct cutting *c, int step, const char *p,
                                    const char *end) {
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && p < end) {
        const char *from = p = run_end(p, end, UNICODE_SPACE, 0);
        unsigned first = 0;
        for (int n; p < end; p += n) {
            unsigned props = unicode_get(unicode_at(p, &n));
            if ((props & UNICODE_CLASS) == UNICODE_SPACE) break;
            if (p == from) first = props;
            if ((props ^ first) & UNICODE_WORD) break;
        }
        st = pass(c, step, from, p);
    }
    return st;
}

/* The first match at or after p, and its bytes; NULL: none. */
static const char *find_match(const struct pretoken_step *s, const char *p, const char *end,
                              size_t *len) {
    if (s->kind == PRETOKEN_LITERAL) {
        *len = s->len;
        return memmem(p, (size_t)(end - p), s->text, s->len);
    }
    for (int n; p < end; p += n) {
        if ((unicode_trait(unicode_at(p, &n)) & TRAIT_KIND) != TRAIT_PUNCTUATION) continue;
        *len = (size_t)n;
        return p;
    }
    return NULL;
}

/* Stretches of the text in turn, matches (of the string, or a punctuation character each) and gaps
 * between them. */
static karma_status apply_split(const struct cutting *c, int step, const char *p, const char *end) {
    const struct pretoken_step *s = &c->p->steps[step];
    const char *held = p; /* beginning of what is not passed on yet */
    bool last_was_match = false, any = false;
    karma_status st = KARMA_OK;
    while (st == KARMA_OK && p < end) {
        size_t len = 0;
        const char *hit = find_match(s, p, end, &len);
        const char *stop = hit == p ? p + len : hit ? hit : end;
        bool match = (hit == p) != s->invert;
        switch (s->behavior) {
        case SPLIT_REMOVED:
            if (!match) st = pass(c, step, p, stop);
            held = stop;
            break;
        case SPLIT_ISOLATED:
            st = pass(c, step, p, stop);
            held = stop;
            break;
        case SPLIT_WITH_PREVIOUS: /* a match ends what is held, whatever it is but a match */
            if (!match || last_was_match) {
                st = pass(c, step, held, p);
                held = p;
            }
            break;
        case SPLIT_WITH_NEXT: /* a match begins a piece */
            if (match || !last_was_match) {
                st = pass(c, step, held, p);
                held = p;
            }
            break;
        case SPLIT_CONTIGUOUS:
            if (any && match != last_was_match) {
                st = pass(c, step, held, p);
                held = p;
            }
            break;
        }
        last_was_match = match;
        any = true;
        p = stop;
    }
    return st < 0 ? st : pass(c, step, held, end);
}

static karma_status apply_metaspace(const struct cutting *c, int step, const char *text,
                                    size_t len) {
    const struct pretoken_step *s = &c->p->steps[step];
    struct buf out = {0};
    karma_status st = KARMA_OK;
    bool starts = len >= s->len && memcmp(text, s->text, s->len) == 0;
    bool wanted = s->prepend == PREPEND_ALWAYS || (s->prepend == PREPEND_FIRST && text == c->begin);
    if (wanted && !starts && text[0] != ' ') st = buf_append(&out, s->text, s->len);
    for (const char *p = text, *end = text + len; st == KARMA_OK && p < end;) {
        const char *space = memchr(p, ' ', (size_t)(end - p));
        const char *stop = space ? space : end;
        st = buf_append(&out, p, (size_t)(stop - p));
        if (st == KARMA_OK && space) st = buf_append(&out, s->text, s->len);
        p = space ? space + 1 : end;
    }
    const char *p = out.data, *end = out.data + out.len;
    while (st == KARMA_OK && p < end) {
        const char *next = NULL;
        if (s->split && end - p > 1) next = memmem(p + 1, (size_t)(end - p) - 1, s->text, s->len);
        if (!next) next = end;
        st = pass(c, step, p, next);
        p = next;
    }
    buf_release(&out);
    return st;
}

static karma_status apply_prefix(const struct cutting *c, int step, const char *text, size_t len) {
    if (text[0] == ' ') return pass(c, step, text, text + len);
    struct buf out = {0};
    karma_status st = buf_putc(&out, ' ');
    if (st == KARMA_OK) st = buf_append(&out, text, len);
    if (st == KARMA_OK) st = pass(c, step, out.data, out.data + out.len);
    buf_release(&out);
    return st;
}

static karma_status apply(const struct cutting *c, int step, const char *text, size_t len) {
    if (step == c->p->n_steps) return c->sink->take(c->sink->self, text, len);
    switch (c->p->steps[step].kind) {
    case PRETOKEN_WORDS:
    case PRETOKEN_GPT2:
    case PRETOKEN_DIGITS:
        return apply_scanner(c, step, text, text + len);
    case PRETOKEN_WHITESPACE:
        return apply_whitespace(c, step, text, text + len);
    case PRETOKEN_WORD_RUNS:
        return apply_word_runs(c, step, text, text + len);
    case PRETOKEN_LITERAL:
    case PRETOKEN_PUNCTUATION:
        return apply_split(c, step, text, text + len);
    case PRETOKEN_METASPACE:
        return apply_metaspace(c, step, text, len);
    case PRETOKEN_PREFIX_SPACE:
        return apply_prefix(c, step, text, len);
    }
    return status_fail(KARMA_E_INTERNAL, "pre-tokenizer step %d", step);
}

karma_status pretokenize(const struct pretokenizer *p, const char *text, size_t len, bool at_start,
                         const struct pretoken_sink *sink) {
    struct cutting c = {.p = p, .sink = sink, .begin = at_start ? text : NULL};
    return apply(&c, 0, text, len);
}
