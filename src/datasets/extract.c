/*
 * extract.c - the rules that read an answer out of a text. mcqa_upstream is KARMA's rule for
 * letters to the letter; mcqa keeps what is sound in it, reads the forms it misses ("(C).",
 * "\boxed{C}", "Final answer: C", "The answer is C") and refuses what it guesses ("(A) or (B)", "A
 * 65-year-old").
 */
#include "datasets/extract.h"

#include <string.h>

#include "base/ranking.h"
#include "base/utf8.h"

/* A part of a text. */
struct span {
    const char *p, *end;
};

static const char marker[] = "Final Answer:";

static size_t span_len(struct span s) {
    return (size_t)(s.end - s.p);
}

static bool starts_with(struct span s, const char *word) {
    size_t n = strlen(word);
    return span_len(s) >= n && memcmp(s.p, word, n) == 0;
}

static bool starts_with_nocase(struct span s, const char *word) {
    size_t n = strlen(word);
    return span_len(s) >= n && ascii_same_n(s.p, word, n);
}

/* What Python's str.isspace() is true for. */
static bool is_space(uint32_t cp) {
    return (cp >= 0x09 && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x20) || cp == 0x85 || cp == 0xA0 ||
           cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
           cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

/* Where Python's str.splitlines() splits. */
static bool is_line_end(uint32_t cp) {
    return (cp >= 0x0A && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

/* The code point at p and its length; a bad byte counts as itself, which no class here has. */
static uint32_t peek(const char *p, const char *end, int *n) {
    uint32_t cp = 0xFFFD;
    *n = p < end ? utf8_decode(p, (size_t)(end - p), &cp, NULL) : 0;
    if (*n == 0) {
        *n = p < end;
        return 0xFFFD;
    }
    return cp;
}

static const char *step_back(const char *begin, const char *p) {
    do
        p--;
    while (p > begin && ((unsigned char)*p & 0xC0) == 0x80);
    return p;
}

static struct span strip_space(struct span s) {
    int n;
    while (s.p < s.end && is_space(peek(s.p, s.end, &n)))
        s.p += n;
    while (s.p < s.end) {
        const char *last = step_back(s.p, s.end);
        if (!is_space(peek(last, s.end, &n))) break;
        s.end = last;
    }
    return s;
}

static struct span strip_bytes(struct span s, const char *set) {
    while (s.p < s.end && strchr(set, *s.p))
        s.p++;
    while (s.p < s.end && strchr(set, s.end[-1]))
        s.end--;
    return s;
}

/* Cut the first line off *rest. False when nothing is left. */
static bool next_line(struct span *rest, struct span *line) {
    if (rest->p >= rest->end) return false;
    int n = 0;
    line->p = line->end = rest->p;
    while (line->end < rest->end && !is_line_end(peek(line->end, rest->end, &n)))
        line->end += n;
    rest->p = line->end < rest->end ? line->end + n : rest->end;
    return true;
}

static struct span whole(const char *text) {
    return (struct span){text, text + strlen(text)};
}

static karma_status no_answer(const char **prediction, karma_parse *how) {
    *prediction = "";
    *how = KARMA_PARSE_NONE;
    return KARMA_OK;
}

static karma_status give_span(struct arena *a, struct span s, const char **prediction,
                              karma_parse *how) {
    if (s.p == s.end) return no_answer(prediction, how);
    *prediction = arena_strndup(a, s.p, span_len(s));
    *how = KARMA_PARSE_MARKER;
    return *prediction ? KARMA_OK : KARMA_E_NOMEM;
}

/* ---- whole texts ---- */

static karma_status read_strip(struct arena *a, const char *text, const struct choices *c,
                               const char **prediction, karma_parse *how) {
    (void)c;
    return give_span(a, strip_space(whole(text)), prediction, how);
}

static karma_status read_transcript(struct arena *a, const char *text, const struct choices *c,
                                    const char **prediction, karma_parse *how) {
    karma_status st = read_strip(a, text, c, prediction, how);
    if (st == KARMA_OK) *how = KARMA_PARSE_MARKER;
    return st;
}

static karma_status read_final_answer(struct arena *a, const char *text, const struct choices *c,
                                      const char **prediction, karma_parse *how) {
    (void)c;
    const char *first = strstr(text, marker);
    if (!first) return no_answer(prediction, how);
    struct span s = whole(first + strlen(marker));
    const char *second = strstr(s.p, marker);
    if (second) s.end = second;
    return give_span(a, strip_space(s), prediction, how);
}

/* With the second marker there is the end of what stands behind the first. */
static bool final_answer_decided(const char *text, const struct choices *c) {
    (void)c;
    const char *first = strstr(text, marker);
    return first && strstr(first + strlen(marker), marker);
}

/* ---- letters, as KARMA reads them ---- */

static const char edge[] = " \t\r\n*_`~";

/* The first line with something on it, without what surrounds it. *ended: another could follow. */
static struct span first_candidate(struct span raw, bool *ended) {
    struct span line, candidate = {raw.p, raw.p};
    *ended = false;
    while (next_line(&raw, &line)) {
        candidate = strip_bytes(line, edge);
        while (starts_with(candidate, marker)) {
            candidate.p += strlen(marker);
            candidate = strip_bytes(candidate, edge);
        }
        if (candidate.p == candidate.end) continue;
        *ended = line.end < raw.end;
        break;
    }
    return candidate;
}

static karma_status give_letter(struct arena *a, const struct choices *c, int index, karma_parse as,
                                const char **prediction, karma_parse *how) {
    if (index < 0) return no_answer(prediction, how);
    *prediction = arena_strndup(a, &c->labels[index], 1);
    *how = as;
    return *prediction ? KARMA_OK : KARMA_E_NOMEM;
}

/* The option that stands behind the marker, or in a text without one; -1: none. */
static int upstream_index(struct span text, const struct choices *c, bool *ended) {
    struct span s = first_candidate(text, ended);
    if (span_len(s) >= 2 &&
        ((*s.p == '(' && s.end[-1] == ')') || (*s.p == '[' && s.end[-1] == ']')))
        s = strip_bytes((struct span){s.p + 1, s.end - 1}, edge);
    int index = s.p < s.end ? choices_of_label(c, *s.p) : -1;
    if (span_len(s) > 1) {
        int n;
        const uint32_t next = peek(s.p + 1, s.end, &n);
        if (next != '.' && next != ')' && next != ':' && !is_space(next)) index = -1;
    }
    return index;
}

static karma_status read_mcqa_upstream(struct arena *a, const char *text, const struct choices *c,
                                       const char **prediction, karma_parse *how) {
    const char *first = strstr(text, marker);
    bool ended;
    int index =
        upstream_index(strip_space(whole(first ? first + strlen(marker) : text)), c, &ended);
    return give_letter(a, c, index, first ? KARMA_PARSE_MARKER : KARMA_PARSE_FALLBACK, prediction,
                       how);
}

/* The line behind the first marker is whole. */
static bool mcqa_upstream_decided(const char *text, const struct choices *c) {
    const char *first = strstr(text, marker);
    if (!first) return false;
    const struct span s = whole(first + strlen(marker));
    const struct span stripped = strip_space(s);
    bool ended, ignored;
    const int index = upstream_index((struct span){stripped.p, s.end}, c, &ended);
    return ended && upstream_index(stripped, c, &ignored) == index;
}

/* ---- letters, read with care ---- */

enum { NOTHING = -1, AMBIGUOUS = -2 }; /* beside indices of choices */

static bool is_capital(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool is_small(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_word(const char *p, const char *end) {
    return p < end && (ascii_is_alnum(*p) || (unsigned char)*p >= 0x80);
}

static struct span skip_set(struct span s, const char *set) {
    while (s.p < s.end && strchr(set, *s.p))
        s.p++;
    return s;
}

/* Emphasis, quotes, dollar signs, brackets and TeX commands such as \boxed{ before an answer.
 * *bracketed: at least one that makes a lone letter mean an option. */
static struct span skip_dressing(struct span s, bool *bracketed) {
    while (s.p < s.end) {
        if (strchr(" \t*_`~\"'>", *s.p)) {
            s.p++;
        } else if (strchr("([{$", *s.p)) {
            s.p++;
            *bracketed = true;
        } else if (*s.p == '\\' && s.p + 1 < s.end) {
            s.p++;
            if (!ascii_is_alpha(*s.p)) s.p++;
            while (s.p < s.end && ascii_is_alpha(*s.p))
                s.p++;
        } else {
            break;
        }
    }
    return s;
}

/* Words that lead to a letter: "the correct answer is: option". *pointing: the last of them points
 * at what follows, so that a capital there is no article. */
static struct span skip_leading_words(struct span s, bool *bracketed, bool *pointing) {
    static const char *const words[] = {"is",  "option",  "choice", "answer", ":",
                                        "the", "correct", "best",   "final"};
    enum { POINTING_WORDS = 4 };
    for (;;) {
        struct span next = skip_dressing(s, bracketed);
        size_t i = 0, count = sizeof(words) / sizeof(*words);
        while (i < count && !starts_with_nocase(next, words[i]))
            i++;
        if (i == count) return next;
        next.p += strlen(words[i]);
        if (words[i][0] != ':' && is_word(next.p, next.end)) return skip_dressing(s, bracketed);
        s = next;
        *pointing = i < POINTING_WORDS;
        *bracketed = false; /* a bracket before a word is not around the letter */
    }
}

/* Does s, trimmed, spell the text of option i, as a whole or as its beginning? */
static bool spells(struct span s, const struct choices *c, size_t i, bool as_beginning) {
    struct span text = strip_bytes(whole(c->texts[i]), " \t\r\n.");
    size_t n = span_len(text);
    s = strip_bytes(s, " \t\r\n*_`~\"'()[]{}$.:");
    if (span_len(s) < n || n == 0 || !ascii_same_n(s.p, text.p, n)) return false;
    return span_len(s) == n || (as_beginning && !is_word(s.p + n, s.end));
}

/* The option whose text s is; AMBIGUOUS if two are. */
static int index_of_text(struct span s, const struct choices *c) {
    int found = NOTHING;
    for (size_t i = 0; i < c->count; i++) {
        if (!spells(s, c, i, false)) continue;
        if (found >= 0) return AMBIGUOUS;
        found = (int)i;
    }
    return found;
}

/* After option `index` was read: does "or (B)", "/B", ", B" follow? */
static bool names_another(struct span rest, const struct choices *c, int index) {
    static const char *const joints[] = {"or", "and", "/", "&", ",", "|"};
    bool bracketed = false;
    rest = skip_set(rest, " \t*_`~)]}$.");
    for (size_t i = 0; i < sizeof(joints) / sizeof(*joints); i++) {
        if (!starts_with_nocase(rest, joints[i])) continue;
        struct span next = {rest.p + strlen(joints[i]), rest.end};
        if (ascii_is_alpha(joints[i][0]) && is_word(next.p, next.end)) return false;
        next = skip_dressing(next, &bracketed);
        if (next.p == next.end || is_word(next.p + 1, next.end)) return false;
        int other = choices_of_label(c, *next.p);
        return other >= 0 && other != index && (bracketed || is_capital(*next.p));
    }
    return false;
}

/* The option that s, a line or its rest, begins with. pointing: what came before s points at it.
 * lone: a bare letter before further words does not count unless something closes it. *reached:
 * behind the words that lead to it; a scan goes on there, for they say nothing else. */
static int index_at(struct span s, const struct choices *c, bool pointing, bool lone,
                    const char **reached) {
    const struct span all = s;
    bool bracketed = false;
    s = skip_leading_words(s, &bracketed, &pointing);
    *reached = s.p;
    if (s.p == s.end) return NOTHING;
    int index = choices_of_label(c, *s.p);
    const struct span rest = {s.p + 1, s.end};
    const bool compound = rest.p + 1 < rest.end && (*rest.p == '-' || *rest.p == '\'') &&
                          is_word(rest.p + 1, rest.end); /* "B-cell", "A's" */
    if (index < 0 || is_word(rest.p, rest.end) || compound) {
        index = index_of_text(all, c);
        return index == NOTHING ? index_of_text(s, c) : index;
    }
    const struct span behind = skip_set(rest, " \t*_`~)]}$.:;,\"'\\");
    if (names_another(rest, c, index)) return AMBIGUOUS;
    if (behind.p == behind.end || (bracketed && !lone)) return index;
    /* Words follow a bare letter: "C. Iron", "C Iron", or an article: "A 65-year-old man". */
    if (spells(behind, c, (size_t)index, true)) return index;
    if (!is_capital(*s.p)) return NOTHING;
    if (pointing) return index;
    if (bracketed) return NOTHING; /* "(A) is wrong" */
    if (rest.p < rest.end && strchr("):", *rest.p)) return index;
    if (rest.p < rest.end && *rest.p == '.')
        return is_small(*behind.p) ? NOTHING : index; /* "A. fumigatus" */
    return lone || *s.p == 'A' || *s.p == 'I' ? NOTHING : index;
}

/* A text being searched, and the end of the line that the search is in. */
struct scan {
    struct span s;
    const char *line_end;
};

/* From p to the end of its line, as far as a rule looks. The bound and the kept line_end are what
 * makes many cues on one endless line take linear time. */
static struct span rest_of_line(struct scan *scan, const char *p) {
    enum { WINDOW_BYTES = 1024 };
    if (scan->line_end < p) {
        struct span rest = {p, scan->s.end}, line = {p, p};
        next_line(&rest, &line);
        scan->line_end = line.end;
    }
    return (struct span){p, scan->line_end - p > WINDOW_BYTES ? p + WINDOW_BYTES : scan->line_end};
}

/* Go on behind what was read, if that is further than one byte. */
static void go_on(struct scan *scan, const char *reached) {
    scan->s.p = reached > scan->s.p + 1 ? reached : scan->s.p + 1;
}

/* Where s, "Final Answer" in any case and dress, has its colon or "is"; NULL if it does not. */
static const char *behind_marker(struct span s) {
    static const char words[] = "final answer";
    if (!starts_with_nocase(s, words)) return NULL;
    s.p += strlen(words);
    s = skip_set(s, " \t*_`~");
    if (s.p < s.end && *s.p == ':') return s.p + 1;
    if (starts_with_nocase(s, "is") && !is_word(s.p + 2, s.end)) return s.p + 2;
    return NULL;
}

/* The first marker with an option behind it, on its line or the next that has something on it.
 * *ended: that line is whole. */
static int by_marker(struct span text, const struct choices *c, bool *ended) {
    struct scan scan = {text, NULL};
    while (scan.s.p < scan.s.end) {
        const char *p = *scan.s.p == 'F' || *scan.s.p == 'f' ? behind_marker(scan.s) : NULL;
        if (!p) {
            scan.s.p++;
            continue;
        }
        struct span line = rest_of_line(&scan, p);
        bool ignored;
        while (skip_dressing(line, &ignored).p == line.end && line.end < text.end)
            line = rest_of_line(&scan, line.end + 1);
        int index = index_at(line, c, false, false, &p);
        *ended = line.end < text.end;
        if (index != NOTHING) return index;
        go_on(&scan, p);
    }
    return NOTHING;
}

static int agree(int so_far, int index) {
    if (so_far == NOTHING || index == NOTHING) return so_far == NOTHING ? index : so_far;
    return so_far == index ? index : AMBIGUOUS;
}

/* A text that begins with its answer; lines that begin with other options make it a list. */
static int by_first_line(struct span s, const struct choices *c) {
    struct span line;
    int found = NOTHING;
    bool first = true, ignored;
    const char *reached;
    while (next_line(&s, &line)) {
        if (skip_dressing(line, &ignored).p == line.end) continue;
        int index = index_at(line, c, false, true, &reached);
        if (first && index < 0) return index;
        first = false;
        found = agree(found, index);
    }
    return found;
}

static int by_box(struct span text, const struct choices *c) {
    static const char box[] = "\\boxed{";
    struct scan scan = {text, NULL};
    int found = NOTHING;
    while (scan.s.p < scan.s.end) {
        if (*scan.s.p != '\\' || !starts_with(scan.s, box)) {
            scan.s.p++;
            continue;
        }
        struct span inside = rest_of_line(&scan, scan.s.p + strlen(box));
        const char *close = memchr(inside.p, '}', span_len(inside)), *reached;
        if (close) inside.end = close;
        int index = index_at(inside, c, true, false, &reached);
        found = agree(found, index == NOTHING ? AMBIGUOUS : index);
        go_on(&scan, reached);
    }
    return found;
}

/* Where a cue that begins s ends; NULL if none does. */
static const char *behind_cue(struct span s) {
    static const char *const cues[] = {"answer is", "answer:",   "answer would be",
                                       "option is", "choice is", "correct:"};
    if (!strchr("aAoOcC", *s.p)) return NULL;
    for (size_t i = 0; i < sizeof(cues) / sizeof(*cues); i++) {
        if (!starts_with_nocase(s, cues[i])) continue;
        const char *p = s.p + strlen(cues[i]);
        return is_word(p, s.end) && p[-1] != ':' ? NULL : p;
    }
    return NULL;
}

/* "The answer is C", "Answer: (D)": all of them must agree. */
static int by_cue(struct span text, const struct choices *c) {
    struct scan scan = {text, NULL};
    int found = NOTHING;
    while (scan.s.p < scan.s.end) {
        const char *p = behind_cue(scan.s);
        if (!p) {
            scan.s.p++;
            continue;
        }
        const bool pointing = p[-1] != ':';
        found = agree(found, index_at(rest_of_line(&scan, p), c, pointing, false, &p));
        go_on(&scan, p);
    }
    return found;
}

/* A last line that ends in "(D)", the only such letter of the text. */
static int by_last_bracket(struct span s, const struct choices *c) {
    int found = NOTHING;
    const char *last = NULL;
    for (const char *p = s.p; p + 2 < s.end; p++) {
        if (*p != '(' || p[2] != ')' || !is_capital(p[1])) continue;
        int index = choices_of_label(c, p[1]);
        if (index < 0) continue;
        found = agree(found, index);
        last = p + 3;
    }
    if (!last || skip_set((struct span){last, s.end}, " \t\r\n*_`~.!").p != s.end) return NOTHING;
    return found;
}

static karma_status read_mcqa(struct arena *a, const char *text, const struct choices *c,
                              const char **prediction, karma_parse *how) {
    const struct span s = whole(text);
    bool ended;
    int index = by_marker(s, c, &ended);
    if (index != NOTHING) return give_letter(a, c, index, KARMA_PARSE_MARKER, prediction, how);
    index = agree(agree(by_first_line(s, c), by_box(s, c)), by_cue(s, c));
    if (index == NOTHING) index = by_last_bracket(s, c);
    return give_letter(a, c, index, KARMA_PARSE_FALLBACK, prediction, how);
}

/* What a marker says goes before all else, and once its line is whole nothing adds to it. */
static bool mcqa_decided(const char *text, const struct choices *c) {
    const struct span s = whole(text);
    bool ended = false, ignored;
    const int index = by_marker(s, c, &ended);
    return index != NOTHING && ended && by_marker(strip_space(s), c, &ignored) == index;
}

static karma_status read_ranking(struct arena *a, const char *text, const struct choices *c,
                                 const char **prediction, karma_parse *how) {
    struct ranking ranking;
    (void)c;
    karma_status st = ranking_read(a, text, &ranking);
    if (st == KARMA_DONE) return no_answer(prediction, how);
    return st < 0 ? st : give_span(a, strip_space(whole(text)), prediction, how);
}

const struct extraction extractions[] = {
    {"mcqa", true, read_mcqa,
     "the option's letter after \"Final Answer:\", else where the text states it once",
     mcqa_decided},
    {"mcqa_upstream", true, read_mcqa_upstream,
     "the letter exactly as KARMA 0.2.0 reads it, for comparison with its figures",
     mcqa_upstream_decided},
    {"final_answer", false, read_final_answer, "the text after \"Final Answer:\"",
     final_answer_decided},
    {"strip", false, read_strip, "the whole text without blanks around it", NULL},
    {"ranking", false, read_ranking,
     "the whole text, a JSON object of documents and scores or an array of documents", NULL},
    {"transcript", false, read_transcript,
     "the whole text without blanks around it; no text is an answer too: silence", NULL},
    {0},
};

const char *const extraction_names[] = {
    "mcqa", "mcqa_upstream", "final_answer", "strip", "ranking", "transcript", NULL};

bool extraction_may_decide(const char *text) {
    static const char words[] = "final answer";
    struct span s = whole(text);
    while (s.p < s.end && !starts_with_nocase(s, words))
        s.p++;
    return s.p < s.end;
}

const struct extraction *extraction_find(const char *name) {
    for (const struct extraction *e = extractions; e->name; e++)
        if (strcmp(e->name, name) == 0) return e;
    return NULL;
}
