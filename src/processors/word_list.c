/* word_list.c - see word_list.h. */
#include "processors/word_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "processors/indic_normalizer.h"
#include "text/characters.h"

enum { MAX_LIST_BYTES = 16 << 20 };

struct replacement {
    const char *from, *to;
    size_t len;          /* of from */
    size_t n_characters; /* of from */
    size_t line;         /* in the file */
};
/* Longest first, in characters; equal ones as in the file. */
static int compare(const void *x, const void *y) {
    const struct replacement *a = x, *b = y;
    if (a->n_characters != b->n_characters) return a->n_characters < b->n_characters ? 1 : -1;
    return a->line < b->line ? -1 : a->line > b->line;
}

static const char *first_blank(const char *p, const char *end) {
    uint32_t cp;
    for (int n; p < end; p += n ? n : 1) {
        n = utf8_decode(p, (size_t)(end - p), &cp, NULL);
        if (n && is_white_space(cp)) return p;
    }
    return NULL;
}

/* A column as it is spelled in the texts that it will meet; upstream's stay as they are. */
static karma_status keep(struct arena *a, const struct word_list *l, const char *text, size_t len,
                         const char **out) {
    struct buf spelled = {0}, scratch = {0};
    karma_status st;
    if (l->spelling.as_upstream) {
        st = buf_append(&spelled, text, len);
    } else {
        st = l->spelling.compatible ? nfkc_append(&spelled, text, len)
                                    : nfc_append(&spelled, text, len);
        if (st == KARMA_OK) st = indic_normalize(l->spelling.language, &spelled, &scratch);
    }
    *out = st == KARMA_OK ? arena_strndup(a, buf_str(&spelled), spelled.len) : NULL;
    buf_release(&spelled);
    buf_release(&scratch);
    return st < 0 || *out ? st : KARMA_E_NOMEM;
}

static karma_status read_line(struct arena *a, const char *line, size_t len, size_t line_no,
                              struct word_list *l) {
    line = strip_white_space(line, &len);
    if (len == 0 || *line == '#') return KARMA_OK;
    const char *tab =
        l->spelling.as_upstream ? first_blank(line, line + len) : memchr(line, '\t', len);
    if (!tab)
        return status_fail(KARMA_E_SYNTAX, "line %zu: expected two columns with a %s between",
                           line_no, l->spelling.as_upstream ? "blank" : "tab");
    struct replacement *r = &l->items[l->count++];
    size_t to_len = len - (size_t)(tab - line) - 1;
    const char *to = strip_white_space(tab + 1, &to_len);
    r->len = (size_t)(tab - line);
    strip_white_space(line, &r->len);
    r->line = line_no;
    karma_status st = keep(a, l, line, r->len, &r->from);
    if (st == KARMA_OK) st = keep(a, l, to, to_len, &r->to);
    r->len = st == KARMA_OK ? strlen(r->from) : 0;
    for (size_t i = 0; i < r->len; i++)
        r->n_characters += ((unsigned char)r->from[i] & 0xC0) != 0x80;
    return st;
}

karma_status word_list_parse(struct arena *a, const struct spelling *spelling, const char *text,
                             size_t len, struct word_list *out) {
    const char *p = text, *end = text + len;
    size_t lines = 1, line_no = 1;
    karma_status st = KARMA_OK;
    *out = (struct word_list){.spelling = *spelling};
    if (!utf8_valid(text, len, NULL) || memchr(text, '\0', len))
        return status_fail(KARMA_E_ENCODING, "not valid UTF-8");
    for (const char *q = p; q < end; q++)
        lines += *q == '\n';
    out->items = arena_calloc(a, lines, sizeof(*out->items));
    if (!out->items) return KARMA_E_NOMEM;
    for (; st == KARMA_OK && p < end; line_no++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        st = read_line(a, p, (size_t)(stop - p), line_no, out);
        p = stop < end ? stop + 1 : end;
    }
    if (st == KARMA_OK) qsort(out->items, out->count, sizeof(*out->items), compare);
    return st;
}

karma_status word_list_read(struct arena *a, const struct spelling *spelling, const char *path,
                            struct word_list *out) {
    struct buf text = {0};
    karma_status st = file_read(path, MAX_LIST_BYTES, &text);
    if (st < 0) return st;
    st = word_list_parse(a, spelling, buf_str(&text), text.len, out);
    buf_release(&text);
    return st < 0 ? status_prefix(st, "%s", path) : KARMA_OK;
}

/* Vowel signs, marks and joiners belong to a word as Unicode sees it; to re's \w they do not, so
 * that upstream's rule for a letter changes it inside of words. */
static bool in_word(const struct word_list *l, uint32_t cp) {
    if (is_word_character(cp)) return true;
    return !l->spelling.as_upstream && (is_mark(cp) || cp == 0x200C || cp == 0x200D);
}

static bool word_at(const struct word_list *l, const char *p, const char *end) {
    uint32_t cp;
    return p < end && utf8_decode(p, (size_t)(end - p), &cp, NULL) > 0 && in_word(l, cp);
}

static bool word_before(const struct word_list *l, const char *begin, const char *p) {
    const char *end = p;
    if (p == begin) return false;
    do
        p--;
    while (p > begin && ((unsigned char)*p & 0xC0) == 0x80);
    return word_at(l, p, end);
}

/* Does a word begin or end at p? */
static bool is_boundary(const struct word_list *l, const char *begin, const char *p,
                        const char *end) {
    return word_before(l, begin, p) != word_at(l, p, end);
}

static karma_status replace_words(const struct word_list *l, const struct replacement *r,
                                  struct buf *text, struct buf *scratch) {
    const char *begin = buf_str(text), *end = begin + text->len, *done = begin, *p = begin;
    karma_status st = KARMA_OK;
    buf_clear(scratch);
    while (st == KARMA_OK && r->len > 0 && (p = strstr(p, r->from)) != NULL) {
        if (!is_boundary(l, begin, p, end) || !is_boundary(l, begin, p + r->len, end)) {
            p++;
            continue;
        }
        st = buf_append(scratch, done, (size_t)(p - done));
        if (st == KARMA_OK) st = buf_puts(scratch, r->to);
        done = p += r->len;
    }
    if (st < 0 || done == begin) return st;
    st = buf_append(scratch, done, (size_t)(end - done));
    struct buf swapped = *text;
    *text = *scratch;
    *scratch = swapped;
    return st;
}

karma_status word_list_apply(const struct word_list *l, struct buf *text, struct buf *scratch) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < l->count && st == KARMA_OK; i++)
        st = replace_words(l, &l->items[i], text, scratch);
    return st;
}
