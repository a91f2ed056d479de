/*
 * extract.c - the rules that read an answer out of a text. KARMA's own are in extract_upstream.c to
 * the letter; mcqa keeps what is sound in them, reads the forms they miss ("(C).", "\boxed{C}",
 * "Final answer: C", "The answer is C") and refuses what they guess ("(A) or (B)", "A
 * 65-year-old").
 */
#include "datasets/extract.h"

#include <string.h>

#include "base/ranking.h"
#include "base/utf8.h"
#include "datasets/extract_rules.h"

karma_status extraction_none(const char **prediction, karma_parse *how) {
    *prediction = "";
    *how = KARMA_PARSE_NONE;
    return KARMA_OK;
}

karma_status extraction_give(struct arena *a, struct span s, const char **prediction,
                             karma_parse *how) {
    if (s.p == s.end) return extraction_none(prediction, how);
    *prediction = arena_strndup(a, s.p, span_len(s));
    *how = KARMA_PARSE_MARKER;
    return *prediction ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status extraction_ambiguous(const char **prediction, karma_parse *how) {
    *prediction = "";
    *how = KARMA_PARSE_AMBIGUOUS;
    return KARMA_OK;
}

karma_status extraction_give_letter(struct arena *a, const struct choices *c, int index,
                                    karma_parse as, const char **prediction, karma_parse *how) {
    if (index == EXTRACTION_AMBIGUOUS) return extraction_ambiguous(prediction, how);
    if (index < 0) return extraction_none(prediction, how);
    *prediction = arena_strndup(a, &c->labels[index], 1);
    *how = as;
    return *prediction ? KARMA_OK : KARMA_E_NOMEM;
}

/* ---- whole texts ---- */

static karma_status read_strip(struct arena *a, const char *text, const struct choices *c,
                               const char **prediction, karma_parse *how) {
    (void)c;
    return extraction_give(a, span_strip(span_of(text)), prediction, how);
}

static karma_status read_transcript(struct arena *a, const char *text, const struct choices *c,
                                    const char **prediction, karma_parse *how) {
    karma_status st = read_strip(a, text, c, prediction, how);
    if (st == KARMA_OK) *how = KARMA_PARSE_MARKER;
    return st;
}

/* ---- letters, read with care ---- */

/* REFUSED: what stands there is no option, and nothing else is looked for. */
enum { NOTHING = EXTRACTION_NOTHING, AMBIGUOUS = EXTRACTION_AMBIGUOUS, REFUSED = -3 };

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
        while (i < count && !span_begins_nocase(next, words[i]))
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
    struct span text = span_strip_bytes(span_of(c->texts[i]), " \t\r\n.");
    size_t n = span_len(text);
    s = span_strip_bytes(s, " \t\r\n*_`~\"'()[]{}$.:");
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
        if (!span_begins_nocase(rest, joints[i])) continue;
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
        span_next_line(&rest, &line);
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
    if (!span_begins_nocase(s, words)) return NULL;
    s.p += strlen(words);
    s = skip_set(s, " \t*_`~");
    if (s.p < s.end && *s.p == ':') return s.p + 1;
    if (span_begins_nocase(s, "is") && !is_word(s.p + 2, s.end)) return s.p + 2;
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
    if (so_far == AMBIGUOUS || index == AMBIGUOUS) return AMBIGUOUS;
    if (so_far == REFUSED || index == REFUSED) return REFUSED;
    return so_far == index ? index : AMBIGUOUS;
}

/* A text that begins with its answer; lines that begin with other options make it a list. */
static int by_first_line(struct span s, const struct choices *c) {
    struct span line;
    int found = NOTHING;
    bool first = true, ignored;
    const char *reached;
    while (span_next_line(&s, &line)) {
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
        if (*scan.s.p != '\\' || !span_begins(scan.s, box)) {
            scan.s.p++;
            continue;
        }
        struct span inside = rest_of_line(&scan, scan.s.p + strlen(box));
        const char *close = memchr(inside.p, '}', span_len(inside)), *reached;
        if (close) inside.end = close;
        int index = index_at(inside, c, true, false, &reached);
        found = agree(found, index == NOTHING ? REFUSED : index);
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
        if (!span_begins_nocase(s, cues[i])) continue;
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
    const struct span s = span_of(text);
    bool ended;
    int index = by_marker(s, c, &ended);
    if (index != NOTHING)
        return extraction_give_letter(a, c, index, KARMA_PARSE_MARKER, prediction, how);
    index = agree(agree(by_first_line(s, c), by_box(s, c)), by_cue(s, c));
    if (index == NOTHING) index = by_last_bracket(s, c);
    return extraction_give_letter(a, c, index, KARMA_PARSE_FALLBACK, prediction, how);
}

/* What a marker says goes before all else, and once its line is whole nothing adds to it. */
static bool mcqa_decided(const char *text, const struct choices *c) {
    const struct span s = span_of(text);
    bool ended = false, ignored;
    const int index = by_marker(s, c, &ended);
    return index != NOTHING && ended && by_marker(span_strip(s), c, &ignored) == index;
}

static karma_status read_ranking(struct arena *a, const char *text, const struct choices *c,
                                 const char **prediction, karma_parse *how) {
    struct ranking ranking;
    (void)c;
    karma_status st = ranking_read(a, text, &ranking);
    if (st == KARMA_DONE) return extraction_none(prediction, how);
    return st < 0 ? st : extraction_give(a, span_strip(span_of(text)), prediction, how);
}

/* A text that is a letter alone is what a prompt asked for that asks for a letter alone. */
static karma_status read_mcqa_letter(struct arena *a, const char *text, const struct choices *c,
                                     const char **prediction, karma_parse *how) {
    bool ignored;
    struct span s = skip_dressing(span_strip(span_of(text)), &ignored);
    const int index = s.p < s.end ? choices_of_label(c, *s.p) : NOTHING;
    if (index < 0 || skip_set((struct span){s.p + 1, s.end}, " \t\r\n*_`~)]}$.\"'").p != s.end)
        return read_mcqa(a, text, c, prediction, how);
    return extraction_give_letter(a, c, index, KARMA_PARSE_MARKER, prediction, how);
}

const struct extraction extractions[] = {
    {"mcqa", true, read_mcqa,
     "the option's letter after \"Final Answer:\", else where the text states it once",
     mcqa_decided},
    {"mcqa_letter", true, read_mcqa_letter,
     "the same; a letter that is the whole text is as if it stood behind \"Final Answer:\"", NULL},
    {"mcqa_upstream", true, extraction_mcqa_upstream,
     "the letter exactly as KARMA 0.2.0 reads it, for comparison with its figures",
     extraction_mcqa_upstream_decided},
    {"between_markers", false, extraction_between_markers,
     "what stands behind \"Final Answer:\", without brackets around all of it (KARMA 0.2.0 for "
     "MedXpertQA)",
     extraction_between_markers_decided},
    {"first_letter", false, extraction_first_letter,
     "A to E where the text behind \"Final Answer:\", or else the text, begins with it (KARMA "
     "0.2.0 "
     "for its drug questions)",
     extraction_first_letter_decided},
    {"letter_anywhere", false, extraction_letter_anywhere,
     "the first of A to D that the text begins with or has anywhere (KARMA 0.2.0 for AMQA)", NULL},
    {"letter_at_end", false, extraction_letter_at_end,
     "A to E by five rules down to a lone letter near the end (KARMA 0.2.0 for AfriMed-QA)", NULL},
    {"final_answer", false, extraction_final_answer, "the text after \"Final Answer:\"",
     extraction_final_answer_decided},
    {"number", false, extraction_number,
     "the number behind \"Final Answer:\", of a JSON object that has one, or the last of the text",
     NULL},
    {"number_upstream", false, extraction_number_upstream,
     "a JSON object or a number exactly as KARMA 0.2.0 reads it", NULL},
    {"translation", false, extraction_translation,
     "the whole text without a label such as \"Translation:\" before it", NULL},
    {"answer_block", false, extraction_answer_block,
     "what stands in the last <answer> ... </answer>, else the last line", NULL},
    {"answer_block_upstream", false, extraction_whole_of_block,
     "the whole text, which should have its answer in <answer> ... </answer>", NULL},
    {"overview", false, extraction_overview,
     "six_month_overview of the JSON object that the text is, else the text", NULL},
    {"strip", false, read_strip, "the whole text without blanks around it", NULL},
    {"ranking", false, read_ranking,
     "the whole text, a JSON object of documents and scores or an array of documents", NULL},
    {"transcript", false, read_transcript,
     "the whole text without blanks around it; no text is an answer too: silence", NULL},
    {0},
};

const char *const extraction_names[] = {"mcqa",
                                        "mcqa_letter",
                                        "mcqa_upstream",
                                        "between_markers",
                                        "first_letter",
                                        "letter_anywhere",
                                        "letter_at_end",
                                        "final_answer",
                                        "number",
                                        "number_upstream",
                                        "translation",
                                        "answer_block",
                                        "answer_block_upstream",
                                        "overview",
                                        "strip",
                                        "ranking",
                                        "transcript",
                                        NULL};

bool extraction_may_decide(const char *text) {
    static const char words[] = "final answer";
    struct span s = span_of(text);
    while (s.p < s.end && !span_begins_nocase(s, words))
        s.p++;
    return s.p < s.end;
}

const struct extraction *extraction_find(const char *name) {
    for (const struct extraction *e = extractions; e->name; e++)
        if (strcmp(e->name, name) == 0) return e;
    return NULL;
}
