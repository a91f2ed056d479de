/* entities.c - see entities.h. */
#include "metrics/entities.h"

#include <string.h>

#include "metrics/python_literal.h"
#include "text/characters.h"

static bool is_pair(const struct json *j) {
    return json_is_array(j) && json_count(j) == 2 && json_at(j, 0)->type == JSON_INT &&
           json_at(j, 1)->type == JSON_INT;
}

static bool is_entity(const struct json *j) {
    if (!json_is_array(j) || json_count(j) < 3 || !json_is_string(json_at(j, 0))) return false;
    const struct json *offsets = json_at(j, 2);
    bool good = json_is_array(offsets);
    for (size_t i = 0; i < json_count(offsets) && good; i++)
        good = is_pair(json_at(offsets, i));
    return good;
}

karma_status entities_read(struct arena *a, const struct json *other_args, const struct json **list,
                           bool *unread) {
    const struct json *given = json_get(other_args, "entities");
    *list = NULL;
    *unread = false;
    if (json_is_null(given)) return KARMA_OK;
    if (json_is_string(given)) {
        size_t len = given->u.string.len;
        const char *text = strip_white_space(given->u.string.data, &len);
        if (len == 0) return KARMA_OK;
        karma_status st = python_literal(a, text, len, &given);
        if (st == KARMA_E_NOMEM) return st;
        if (st < 0) given = NULL;
    }
    bool good = json_is_array(given);
    for (size_t i = 0; i < json_count(given) && good; i++)
        good = is_entity(json_at(given, i));
    *unread = !good;
    if (good) *list = given;
    return KARMA_OK;
}

/* Characters counted from the end when negative, as Python slices; the byte where they begin. */
static const char *byte_at(const char *text, const char *end, int64_t n_characters, int64_t at) {
    uint32_t cp;
    if (at < 0) at += n_characters;
    const char *p = text;
    for (int64_t i = 0; i < at && p < end; i++)
        p += character_at(p, end, &cp);
    return p;
}

static karma_status add_words(struct arena *a, const char *p, const char *end, struct pieces *out) {
    const char *word = p;
    karma_status st = KARMA_OK;
    uint32_t cp;
    for (size_t n; p < end && st == KARMA_OK; p += n) {
        n = character_at(p, end, &cp);
        if (!is_white_space(cp)) continue;
        if (p > word) st = pieces_add(a, out, word, (size_t)(p - word));
        word = p + n;
    }
    return st == KARMA_OK && end > word ? pieces_add(a, out, word, (size_t)(end - word)) : st;
}

karma_status entities_words(struct arena *a, const struct json *list, const char *text,
                            struct pieces *out) {
    const char *end = text + strlen(text);
    int64_t n_characters = 0;
    karma_status st = KARMA_OK;
    uint32_t cp;
    *out = (struct pieces){0};
    for (const char *p = text; p < end; n_characters++)
        p += character_at(p, end, &cp);
    for (size_t i = 0; i < json_count(list); i++) {
        const struct json *offsets = json_at(json_at(list, i), 2);
        for (size_t k = 0; k < json_count(offsets) && st == KARMA_OK; k++) {
            const struct json *pair = json_at(offsets, k);
            const char *from = byte_at(text, end, n_characters, json_at(pair, 0)->u.integer);
            const char *to = byte_at(text, end, n_characters, json_at(pair, 1)->u.integer);
            if (from < to) st = add_words(a, from, to, out);
        }
    }
    return st;
}
