/*
 * multilingual_text_processor.c - text of an Indian language as KARMA cleans it: stray signs at its
 * start away, NFC, one spelling of what can be written in several, a list of words to replace. Left
 * out is KARMA's first step, which sends what looks like English to a transliteration service. The
 * list is a file of yours with a tab between the columns; KARMA splits its own at any blank, and so
 * reads a source of two words wrongly, which glm_as_upstream does too.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "processors/indic_normalizer.h"
#include "processors/processor.h"
#include "text/characters.h"

enum { MAX_LIST_BYTES = 16 << 20 };

struct replacement {
    const char *from, *to;
    size_t len;  /* of from */
    size_t line; /* in the file */
};
struct state {
    const char *language;
    bool compatible; /* NFKC, not NFC */
    bool any_blank;  /* the list's columns are separated by the first blank of a line */
    struct replacement *list;
    size_t count;
};

/* Longest first; equal ones as in the file. */
static int compare(const void *x, const void *y) {
    const struct replacement *a = x, *b = y;
    if (a->len != b->len) return a->len < b->len ? 1 : -1;
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

static karma_status read_line(struct arena *a, const char *line, size_t len, size_t line_no,
                              struct state *s) {
    line = strip_white_space(line, &len);
    if (len == 0 || *line == '#') return KARMA_OK;
    const char *tab = s->any_blank ? first_blank(line, line + len) : memchr(line, '\t', len);
    if (!tab)
        return status_fail(KARMA_E_SYNTAX, "line %zu: expected two columns with a %s between",
                           line_no, s->any_blank ? "blank" : "tab");
    struct replacement *r = &s->list[s->count++];
    size_t to_len = len - (size_t)(tab - line) - 1;
    const char *to = strip_white_space(tab + 1, &to_len);
    r->len = (size_t)(tab - line);
    strip_white_space(line, &r->len);
    r->line = line_no;
    r->from = arena_strndup(a, line, r->len);
    r->to = arena_strndup(a, to, to_len);
    return r->from && r->to ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status read_list(struct arena *a, const char *path, struct state *s) {
    struct buf text = {0};
    karma_status st = file_read(path, MAX_LIST_BYTES, &text);
    if (st < 0) return st;
    const char *p = buf_str(&text), *end = p + text.len;
    size_t lines = 1, line_no = 1;
    for (const char *q = p; q < end; q++)
        lines += *q == '\n';
    s->list = arena_calloc(a, lines, sizeof(*s->list));
    if (!s->list) st = KARMA_E_NOMEM;
    if (st == KARMA_OK && (!utf8_valid(p, text.len, NULL) || memchr(p, '\0', text.len)))
        st = status_fail(KARMA_E_ENCODING, "%s: not valid UTF-8", path);
    for (; st == KARMA_OK && p < end; line_no++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        st = status_prefix(read_line(a, p, (size_t)(stop - p), line_no, s), "%s", path);
        p = stop < end ? stop + 1 : end;
    }
    buf_release(&text);
    if (st == KARMA_OK) qsort(s->list, s->count, sizeof(*s->list), compare);
    return st;
}

static karma_status read_args(struct arena *a, const struct json *args, void **state) {
    struct state *s = *state = arena_alloc(a, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    s->language = json_str(json_get(args, "language"), "hi");
    s->compatible = strcmp(json_str(json_get(args, "unicode"), ""), "nfkc") == 0;
    s->any_blank = json_get(args, "glm_as_upstream")->u.boolean;
    const char *path = json_str(json_get(args, "glm"), NULL);
    return path ? read_list(a, path, s) : KARMA_OK;
}

/* Vowel signs and marks of Devanagari that belong to no letter. */
static const char *skip_stray_signs(const char *p) {
    uint32_t cp;
    int n;
    while ((n = utf8_decode(p, strlen(p), &cp, NULL)) > 0 &&
           ((cp >= 0x900 && cp <= 0x903) || cp == 0x93C || (cp >= 0x93E && cp <= 0x94D)))
        p += n;
    return p;
}

static bool word_at(const char *p, const char *end) {
    uint32_t cp;
    return p < end && utf8_decode(p, (size_t)(end - p), &cp, NULL) > 0 && is_word_character(cp);
}

static bool word_before(const char *begin, const char *p) {
    const char *end = p;
    if (p == begin) return false;
    do
        p--;
    while (p > begin && ((unsigned char)*p & 0xC0) == 0x80);
    return word_at(p, end);
}

/* Does a word begin or end at p (re's \b)? */
static bool is_boundary(const char *begin, const char *p, const char *end) {
    return word_before(begin, p) != word_at(p, end);
}

static karma_status replace_words(const struct replacement *r, struct buf *text,
                                  struct buf *scratch) {
    const char *begin = buf_str(text), *end = begin + text->len, *done = begin, *p = begin;
    karma_status st = KARMA_OK;
    buf_clear(scratch);
    while (st == KARMA_OK && r->len > 0 && (p = strstr(p, r->from)) != NULL) {
        if (!is_boundary(begin, p, end) || !is_boundary(begin, p + r->len, end)) {
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

static karma_status run(const struct json *args, void *state, const char *text, struct buf *scratch,
                        struct buf *out) {
    const struct state *s = state;
    size_t len = strlen(text);
    (void)args;
    strip_white_space(text, &len);
    if (len == 0) return buf_puts(out, text); /* blank texts stay as they are */
    text = skip_stray_signs(text);
    len = strlen(text);
    karma_status st = s->compatible ? nfkc_append(out, text, len) : nfc_append(out, text, len);
    if (st == KARMA_OK) st = indic_normalize(s->language, out, scratch);
    for (size_t i = 0; i < s->count && st == KARMA_OK; i++)
        st = replace_words(&s->list[i], out, scratch);
    return st;
}

static const char *const forms[] = {"nfc", "nfkc", NULL};
static const karma_option_spec options[] = {
    {.name = "language",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"hi\"",
     .choices = indic_languages,
     .help = "code of the text's language; in an evaluation that of the sample, when it has one"},
    {.name = "glm",
     .type = KARMA_OPTION_STRING,
     .nullable = true,
     .default_json = "null",
     .help = "file of words to replace: what, tab, by what"},
    {.name = "glm_as_upstream",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "cut its lines at the first blank, as KARMA does"},
    {.name = "unicode",
     .type = KARMA_OPTION_STRING,
     .choices = forms,
     .default_json = "\"nfc\"",
     .help = "normal form of the text"},
    {.name = NULL},
};

const struct processor_ops processor_multilingual_text = {
    .info = {.name = "multilingual_text_processor",
             .description = "one spelling for text of Indian scripts; words replaced by a list",
             .options = options},
    .open = read_args,
    .run = run,
};
