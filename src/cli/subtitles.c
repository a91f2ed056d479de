/* subtitles.c - see subtitles.h. */
#include "cli/subtitles.h"

#include <string.h>

/* What people can read: two lines of 42 characters, 7 seconds; a pause of 0.6 s ends a thought. */
static const double MAX_CUE_S = 7, PAUSE_S = 0.6, LEAST_CUE_S = 0.2;
enum { MAX_LINES = 2, LINE_CHARACTERS = 42 };

struct cue {
    size_t first, end; /* words */
    double begin_s, end_s;
};

static double number(const json_t *word, const char *key) {
    return json_number_value(json_object_get(word, key));
}

static const char *text_of(const json_t *word) {
    const char *text = json_string_value(json_object_get(word, "text"));
    return text ? text : "";
}

static size_t characters(const char *s) {
    size_t n = 0;
    for (; *s; s++)
        n += (*s & 0xC0) != 0x80;
    return n;
}

/* The lines of a cue as words come to it. */
struct lines {
    size_t on_line; /* characters */
    int full;       /* lines before it */
};

/* The next word: does it begin another line? */
static bool add_to_lines(struct lines *l, const char *text) {
    const size_t length = characters(text);
    const bool another = l->on_line > 0 && l->on_line + 1 + length > LINE_CHARACTERS;
    l->full += another;
    l->on_line = another || l->on_line == 0 ? length : l->on_line + 1 + length;
    return another;
}

static struct cue next_cue(const json_t *words, size_t first) {
    const size_t n = json_array_size(words);
    const json_t *word = json_array_get(words, first);
    struct cue c = {first, first + 1, number(word, "begin"), number(word, "end")};
    struct lines lines = {0};
    add_to_lines(&lines, text_of(word));
    for (; c.end < n; c.end++) {
        word = json_array_get(words, c.end);
        add_to_lines(&lines, text_of(word));
        if (number(word, "begin") - c.end_s >= PAUSE_S || lines.full == MAX_LINES ||
            number(word, "end") - c.begin_s > MAX_CUE_S) {
            break;
        }
        c.end_s = number(word, "end");
    }
    /* Not shorter than can be seen, not into the next. */
    if (c.end_s - c.begin_s < LEAST_CUE_S) c.end_s = c.begin_s + LEAST_CUE_S;
    if (c.end < n) {
        const double limit = number(json_array_get(words, c.end), "begin");
        if (c.end_s > limit && limit > c.begin_s) c.end_s = limit;
    }
    return c;
}

/* One word as text: what would end a cue or begin a tag is not left as it is. */
static bool add_word(struct text_out *out, const char *text, bool escape) {
    bool good = true;
    char one[2] = {0};
    for (; *text && good; text++) {
        one[0] = *text == '\n' || *text == '\r' ? ' ' : *text;
        good = text_add(out, escape && *text == '<'   ? "&lt;"
                             : escape && *text == '>' ? "&gt;"
                             : escape && *text == '&' ? "&amp;"
                                                      : one);
    }
    return good;
}

static bool add_words(struct text_out *out, const json_t *words, const struct cue *c, bool escape) {
    struct lines lines = {0};
    bool good = true;
    for (size_t i = c->first; i < c->end && good; i++) {
        const char *text = text_of(json_array_get(words, i));
        const bool another = add_to_lines(&lines, text);
        if (i > c->first) good = text_add(out, another ? "\n" : " ");
        if (good) good = add_word(out, text, escape);
    }
    return good;
}

/* 01:02:03,456 */
static bool add_time(struct text_out *out, double seconds, char point) {
    const long long ms = (long long)(seconds * 1000 + 0.5);
    return text_addf(out, "%02lld:%02lld:%02lld%c%03lld", ms / 3600000, ms / 60000 % 60,
                     ms / 1000 % 60, point, ms % 1000);
}

static bool add_cues(struct text_out *out, const json_t *segments, bool numbers, char point) {
    const size_t n = json_array_size(segments);
    bool good = true;
    int number_of = 1;
    for (size_t at = 0; at < n && good;) {
        const struct cue c = next_cue(segments, at);
        if (numbers) good = text_addf(out, "%d\n", number_of++);
        if (good) good = add_time(out, c.begin_s, point);
        if (good) good = text_add(out, " --> ");
        if (good) good = add_time(out, c.end_s, point);
        if (good) good = text_add(out, "\n");
        if (good) good = add_words(out, segments, &c, !numbers);
        if (good) good = text_add(out, c.end < n ? "\n\n" : "\n");
        at = c.end;
    }
    return good;
}

bool subtitles_srt(struct text_out *out, const json_t *segments) {
    return text_add(out, "") && add_cues(out, segments, true, ',');
}

bool subtitles_vtt(struct text_out *out, const json_t *segments) {
    return text_add(out, json_array_size(segments) ? "WEBVTT\n\n" : "WEBVTT\n") &&
           add_cues(out, segments, false, '.');
}
