/*
 * extract_upstream.c - how KARMA 0.2.0 reads answers, each of its rules to the letter: what it
 * misses and what it guesses, too. They are for comparison with its figures.
 */
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "datasets/extract_rules.h"
#include "text/characters.h"

static const char marker[] = "Final Answer:";

/* What stands between the first marker and the second; false: there is no first. */
static bool between_markers(const char *text, struct span *out) {
    const char *first = strstr(text, marker);
    if (!first) return false;
    *out = span_of(first + strlen(marker));
    const char *second = strstr(out->p, marker);
    if (second) out->end = second;
    return true;
}

static karma_status give_capital(struct arena *a, char letter, karma_parse as,
                                 const char **prediction, karma_parse *how) {
    letter = ascii_upper(letter);
    *prediction = arena_strndup(a, &letter, 1);
    *how = as;
    return *prediction ? KARMA_OK : KARMA_E_NOMEM;
}

/* Nothing was found; what KARMA gives then is scored all the same, and may even be right. */
static karma_status give_unread(struct arena *a, struct span s, const char **prediction,
                                karma_parse *how) {
    karma_status st = extraction_give(a, s, prediction, how);
    *how = KARMA_PARSE_NONE;
    return st;
}

karma_status extraction_final_answer(struct arena *a, const char *text, const struct choices *c,
                                     const char **prediction, karma_parse *how) {
    (void)c;
    const char *first = strstr(text, marker);
    if (!first) return extraction_none(prediction, how);
    struct span s = span_of(first + strlen(marker));
    const char *second = strstr(s.p, marker);
    if (second) s.end = second;
    return extraction_give(a, span_strip(s), prediction, how);
}

/* With the second marker there is the end of what stands behind the first. */
bool extraction_final_answer_decided(const char *text, const struct choices *c) {
    (void)c;
    const char *first = strstr(text, marker);
    return first && strstr(first + strlen(marker), marker);
}

static const char edge[] = " \t\r\n*_`~";

/* The first line with something on it, without what surrounds it. *ended: another could follow. */
static struct span first_candidate(struct span raw, bool *ended) {
    struct span line, candidate = {raw.p, raw.p};
    *ended = false;
    while (span_next_line(&raw, &line)) {
        candidate = span_strip_bytes(line, edge);
        while (span_begins(candidate, marker)) {
            candidate.p += strlen(marker);
            candidate = span_strip_bytes(candidate, edge);
        }
        if (candidate.p == candidate.end) continue;
        *ended = line.end < raw.end;
        break;
    }
    return candidate;
}

/* The letter, as a capital, that stands behind the marker, or in a text without one: A to D
 * whatever options there are, or one of theirs; '\0': none. */
static char upstream_letter(struct span text, const struct choices *c, bool *ended) {
    struct span s = first_candidate(text, ended);
    if (span_len(s) >= 2 &&
        ((*s.p == '(' && s.end[-1] == ')') || (*s.p == '[' && s.end[-1] == ']')))
        s = span_strip_bytes((struct span){s.p + 1, s.end - 1}, edge);
    const char letter = s.p < s.end ? ascii_upper(*s.p) : '\0';
    if (span_len(s) > 1) {
        int n;
        const uint32_t next = span_peek(s.p + 1, s.end, &n);
        if (next != '.' && next != ')' && next != ':' && !span_is_space(next)) return '\0';
    }
    const bool valid = (letter >= 'A' && letter <= 'D') || choices_of_label(c, letter) >= 0;
    return valid ? letter : '\0';
}

karma_status extraction_mcqa_upstream(struct arena *a, const char *text, const struct choices *c,
                                      const char **prediction, karma_parse *how) {
    const char *first = strstr(text, marker);
    bool ended;
    const char letter =
        upstream_letter(span_strip(span_of(first ? first + strlen(marker) : text)), c, &ended);
    if (!letter) return extraction_none(prediction, how);
    return give_capital(a, letter, first ? KARMA_PARSE_MARKER : KARMA_PARSE_FALLBACK, prediction,
                        how);
}

/* The line behind the first marker is whole. */
bool extraction_mcqa_upstream_decided(const char *text, const struct choices *c) {
    const char *first = strstr(text, marker);
    if (!first) return false;
    const struct span s = span_of(first + strlen(marker));
    const struct span stripped = span_strip(s);
    bool ended, ignored;
    const char letter = upstream_letter((struct span){stripped.p, s.end}, c, &ended);
    return ended && upstream_letter(stripped, c, &ignored) == letter;
}

/* ---- MedXpertQA ---- */

karma_status extraction_between_markers(struct arena *a, const char *text, const struct choices *c,
                                        const char **prediction, karma_parse *how) {
    struct span s;
    (void)c;
    if (!between_markers(text, &s)) return extraction_none(prediction, how);
    s = span_strip(s);
    if (span_len(s) >= 2 && *s.p == '(' && s.end[-1] == ')') {
        s.p++; /* what is inside is not stripped again */
        s.end--;
    }
    return extraction_give(a, s, prediction, how);
}

bool extraction_between_markers_decided(const char *text, const struct choices *c) {
    return extraction_final_answer_decided(text, c);
}

/* ---- drug questions ---- */

static bool is_a_to_e(char c) {
    return (c >= 'a' && c <= 'e') || (c >= 'A' && c <= 'E');
}

karma_status extraction_first_letter(struct arena *a, const char *text, const struct choices *c,
                                     const char **prediction, karma_parse *how) {
    struct span s;
    (void)c;
    const bool marked = between_markers(text, &s);
    s = span_strip_bytes(span_strip(marked ? s : span_of(text)), "()*");
    if (s.p == s.end || !is_a_to_e(*s.p)) return extraction_none(prediction, how);
    return give_capital(a, *s.p, marked ? KARMA_PARSE_MARKER : KARMA_PARSE_FALLBACK, prediction,
                        how);
}

/* The character that counts is there. */
bool extraction_first_letter_decided(const char *text, const struct choices *c) {
    struct span s;
    (void)c;
    if (!between_markers(text, &s)) return false;
    s = span_strip(s);
    while (s.p < s.end && strchr("()*", *s.p))
        s.p++;
    return s.p < s.end && ascii_is_alnum(*s.p);
}

/* ---- AMQA ---- */

static bool has_option(struct span s, char letter) {
    const char small = (char)(letter + 'a' - 'A');
    for (const char *p = s.p; p + 1 < s.end; p++) /* "(X)" has "X)" in it */
        if ((*p == letter || *p == small) && p[1] == ')') return true;
    return false;
}

static bool has_letter(struct span s, char letter) {
    const char small = (char)(letter + 'a' - 'A');
    return memchr(s.p, letter, span_len(s)) || memchr(s.p, small, span_len(s));
}

karma_status extraction_letter_anywhere(struct arena *a, const char *text, const struct choices *c,
                                        const char **prediction, karma_parse *how) {
    const struct span s = span_strip(span_of(text));
    (void)c;
    if (s.p == s.end) return extraction_none(prediction, how);
    for (char letter = 'A'; letter <= 'D'; letter++) {
        if (ascii_upper(*s.p) == letter)
            return give_capital(a, letter, KARMA_PARSE_MARKER, prediction, how);
        if (has_option(s, letter))
            return give_capital(a, letter, KARMA_PARSE_FALLBACK, prediction, how);
    }
    for (char letter = 'A'; letter <= 'D'; letter++)
        if (has_letter(s, letter))
            return give_capital(a, letter, KARMA_PARSE_FALLBACK, prediction, how);
    int n;
    span_peek(s.p, s.end, &n);
    char *first = arena_strndup(a, s.p, (size_t)n); /* as a capital, as far as ASCII goes */
    if (!first) return KARMA_E_NOMEM;
    if (n == 1) first[0] = ascii_upper(first[0]);
    *prediction = first;
    *how = KARMA_PARSE_NONE;
    return KARMA_OK;
}

/* ---- AfriMed-QA ---- */

static const char *skip_spaces(const char *p, const char *end) {
    int n;
    while (p < end && span_is_space(span_peek(p, end, &n)))
        p += n;
    return p;
}

static const char *skip_one_of(const char *p, const char *end, const char *set) {
    return p < end && strchr(set, *p) ? p + 1 : p;
}

/* "final answer", a colon or a dash or neither, a bracket or none, a letter; '\0': not here. */
static char letter_behind_final(struct span s) {
    if (!span_begins_nocase(s, "final")) return '\0';
    const char *p = skip_spaces(s.p + strlen("final"), s.end);
    if (!span_begins_nocase((struct span){p, s.end}, "answer")) return '\0';
    p = skip_spaces(p + strlen("answer"), s.end);
    p = skip_spaces(skip_one_of(p, s.end, ":-"), s.end);
    p = skip_spaces(skip_one_of(p, s.end, "(["), s.end);
    return p < s.end && is_a_to_e(*p) ? *p : '\0';
}

/* "answer is" or "answer:", a bracket or none, a letter. */
static char letter_behind_answer(struct span s) {
    if (!span_begins_nocase(s, "answer")) return '\0';
    const char *p = skip_spaces(s.p + strlen("answer"), s.end);
    if (span_begins_nocase((struct span){p, s.end}, "is"))
        p += strlen("is");
    else if (p < s.end && *p == ':')
        p++;
    else
        return '\0';
    p = skip_one_of(skip_spaces(p, s.end), s.end, "(");
    return p < s.end && is_a_to_e(*p) ? *p : '\0';
}

static char first_of(struct span s, char (*letter)(struct span)) {
    for (; s.p < s.end; s.p++) {
        const char found = letter(s);
        if (found) return found;
    }
    return '\0';
}

static size_t count_characters(struct span s) {
    size_t count = 0;
    for (int n; s.p < s.end; s.p += n, count++)
        span_peek(s.p, s.end, &n);
    return count;
}

/* A last line of up to five characters with one letter in it. */
static char letter_of_short_line(struct span s) {
    const char *line = s.end;
    char found = '\0';
    while (line > s.p && line[-1] != '\n')
        line--;
    const struct span last = span_strip((struct span){line, s.end});
    if (count_characters(last) > 5) return '\0';
    for (const char *p = last.p; p < last.end; p++) {
        if (!ascii_is_alpha(*p)) continue;
        if (found) return '\0';
        found = *p;
    }
    return is_a_to_e(found) ? found : '\0';
}

/* A letter at the very end, be it a word's last. */
static char letter_at_end(struct span s) {
    const char *p = s.end;
    int n;
    if (p > s.p && strchr(").?!", p[-1])) p--;
    while (p > s.p) {
        const char *last = span_step_back(s.p, p);
        if (!span_is_space(span_peek(last, p, &n))) break;
        p = last;
    }
    return p > s.p && is_a_to_e(p[-1]) ? p[-1] : '\0';
}

/* A lone letter among the last 50 characters. */
static char lone_letter_near_end(struct span s) {
    enum { LAST_CHARACTERS = 50 };
    const char *p = s.end;
    bool after_word = false;
    for (int i = 0; i < LAST_CHARACTERS && p > s.p; i++)
        p = span_step_back(s.p, p);
    for (int n; p < s.end; p += n) {
        const bool word = is_word_character(span_peek(p, s.end, &n));
        int ignored;
        if (word && !after_word && is_a_to_e(*p) &&
            (p + 1 == s.end || !is_word_character(span_peek(p + 1, s.end, &ignored))))
            return *p;
        after_word = word;
    }
    return '\0';
}

karma_status extraction_letter_at_end(struct arena *a, const char *text, const struct choices *c,
                                      const char **prediction, karma_parse *how) {
    const struct span all = span_of(text), s = span_strip(all);
    (void)c;
    char letter = first_of(all, letter_behind_final);
    if (letter) return give_capital(a, letter, KARMA_PARSE_MARKER, prediction, how);
    letter = first_of(all, letter_behind_answer);
    if (!letter) letter = letter_of_short_line(s);
    if (!letter) letter = letter_at_end(s);
    if (!letter) letter = lone_letter_near_end(s);
    if (!letter) return give_unread(a, s, prediction, how);
    return give_capital(a, letter, KARMA_PARSE_FALLBACK, prediction, how);
}

/* ---- translations ---- */

/* Languages that a label may name. */
static const char *const languages[] = {
    "English", "Assamese", "Bengali",  "Bodo",      "Dogri",    "Gujarati", "Hindi",  "Kannada",
    "Konkani", "Kashmiri", "Maithili", "Malayalam", "Manipuri", "Marathi",  "Nepali", "Odia",
    "Punjabi", "Sanskrit", "Santali",  "Sindhi",    "Tamil",    "Telugu",   "Urdu",   NULL};

static size_t label_len(struct span s) {
    static const char *const plain[] = {"Translation:", "The translation is:", NULL};
    for (const char *const *p = plain; *p; p++)
        if (span_begins_nocase(s, *p)) return strlen(*p);
    for (const char *const *l = languages; *l; l++) {
        const size_t n = strlen(*l);
        const struct span in = {s.p + 3, s.end};
        if (span_len(s) > n + 3 && span_begins_nocase(s, "In ") && span_begins_nocase(in, *l) &&
            in.p[n] == ':')
            return n + 4;
        if (span_begins_nocase(s, *l) &&
            span_begins_nocase((struct span){s.p + n, s.end}, " translation:"))
            return n + strlen(" translation:");
    }
    return 0;
}

karma_status extraction_translation(struct arena *a, const char *text, const struct choices *c,
                                    const char **prediction, karma_parse *how) {
    struct span s = span_strip(span_of(text));
    (void)c;
    s.p += label_len(s);
    return extraction_give(a, span_strip(s), prediction, how);
}

/* ---- cases and summaries ---- */

static const char *find_nocase(struct span s, const char *word) {
    for (; s.p < s.end; s.p++)
        if (span_begins_nocase(s, word)) return s.p;
    return NULL;
}

/* What stands in the last <answer> ... </answer>; false: there is none. */
static bool answer_block(struct span s, struct span *out) {
    static const char open[] = "<answer>", close[] = "</answer>";
    bool found = false;
    for (const char *p; (p = find_nocase(s, open)) != NULL;) {
        const struct span inside = {p + strlen(open), s.end};
        const char *end = find_nocase(inside, close);
        if (!end) break;
        *out = (struct span){inside.p, end};
        found = true;
        s.p = end + strlen(close);
    }
    return found;
}

static struct span last_line(struct span s) {
    s = span_strip(s);
    const char *p = s.end;
    while (p > s.p && p[-1] != '\n')
        p--;
    return (struct span){p, s.end};
}

karma_status extraction_answer_block(struct arena *a, const char *text, const struct choices *c,
                                     const char **prediction, karma_parse *how) {
    struct span block;
    (void)c;
    const bool found = answer_block(span_of(text), &block);
    if (!found) block = last_line(span_of(text));
    karma_status st = extraction_give(a, span_strip(block), prediction, how);
    if (st == KARMA_OK && *how == KARMA_PARSE_MARKER && !found) *how = KARMA_PARSE_FALLBACK;
    return st;
}

/* The judges look for the block themselves; its being there is what is told. */
karma_status extraction_whole_of_block(struct arena *a, const char *text, const struct choices *c,
                                       const char **prediction, karma_parse *how) {
    struct span ignored;
    (void)c;
    karma_status st = extraction_give(a, span_strip(span_of(text)), prediction, how);
    if (st == KARMA_OK && *how == KARMA_PARSE_MARKER && !answer_block(span_of(text), &ignored))
        *how = KARMA_PARSE_FALLBACK;
    return st;
}

/* Without its code fences. */
static char *without_fences(struct arena *a, const char *text) {
    static const char *const fences[] = {"```json", "```"};
    char *out = arena_strdup(a, text), *to = out;
    for (const char *p = text; out && *p;) {
        size_t n = 0;
        for (size_t i = 0; i < 2 && n == 0; i++)
            if (strncmp(p, fences[i], strlen(fences[i])) == 0) n = strlen(fences[i]);
        if (n == 0) *to++ = *p++;
        p += n;
    }
    if (out) *to = '\0';
    return out;
}

karma_status extraction_overview(struct arena *a, const char *text, const struct choices *c,
                                 const char **prediction, karma_parse *how) {
    const struct json *value = NULL;
    (void)c;
    const char *clean = without_fences(a, text);
    if (!clean) return KARMA_E_NOMEM;
    karma_status st = json_parse(a, clean, strlen(clean), JSON_LAST_WINS, &value);
    if (st == KARMA_E_NOMEM) return st;
    const char *found =
        st == KARMA_OK ? json_str(json_get(value, "six_month_overview"), NULL) : NULL;
    if (found && !found[0]) found = NULL; /* empty: the whole text */
    st = extraction_give(a, span_strip(span_of(found ? found : clean)), prediction, how);
    if (st == KARMA_OK && *how == KARMA_PARSE_MARKER && !found) *how = KARMA_PARSE_FALLBACK;
    return st;
}
