/* choices.c - see choices.h. */
#include "datasets/choices.h"

#include <string.h>

#include "base/utf8.h"
#include "datasets/item.h"

static bool is_letter(const char *s) {
    return s && ((s[0] >= 'A' && s[0] <= 'Z') || (s[0] >= 'a' && s[0] <= 'z')) && s[1] == '\0';
}

static karma_status add(struct arena *a, struct choices *c, size_t position, char label,
                        const char *key, const struct json *value) {
    const char *text;
    karma_status st = item_text(a, value, &text);
    if (st < 0) return status_prefix(st, "options");
    if (!text || text[0] == '\0') return KARMA_OK;
    if (c->count == CHOICES_MAX)
        return status_fail(KARMA_E_RANGE, "options: more than %d", CHOICES_MAX);
    if (choices_of_label(c, label) >= 0)
        return status_fail(KARMA_E_DUPLICATE, "options: label %c twice", label);
    c->labels[c->count] = label;
    c->keys[c->count] = key;
    c->texts[c->count] = text;
    c->positions[c->count] = position;
    c->count++;
    return KARMA_OK;
}

static karma_status enough(const struct choices *c) {
    if (c->count >= 2) return KARMA_OK;
    return status_fail(KARMA_E_RANGE, "options: expected at least 2, found %zu", c->count);
}

/* Label i, or the letter that the file gives if all of them are letters. */
static char label_for(const char *key, bool letters, size_t i) {
    return letters ? ascii_upper(key[0]) : (char)('A' + i);
}

static karma_status read_named(struct arena *a, const char *const *keys,
                               const struct json *const *values, size_t n, struct choices *out) {
    bool letters = true;
    for (size_t i = 0; i < n; i++)
        letters = letters && is_letter(keys[i]);
    for (size_t i = 0; i < n; i++) {
        if (!letters && i >= CHOICES_MAX)
            return status_fail(KARMA_E_RANGE, "options: more than %d", CHOICES_MAX);
        karma_status st =
            add(a, out, i, label_for(keys[i], letters, i), letters ? NULL : keys[i], values[i]);
        if (st < 0) return st;
    }
    return enough(out);
}

/* Parallel lists of names and values out of whichever form value has; names stay NULL without any.
 */
struct pairs {
    const char **keys;
    const struct json **values;
    size_t count;
    bool named;
};

static karma_status make_pairs(struct arena *a, size_t count, struct pairs *p) {
    p->count = count;
    p->keys = arena_calloc(a, count + 1, sizeof(*p->keys));
    p->values = arena_calloc(a, count + 1, sizeof(*p->values));
    return p->keys && p->values ? KARMA_OK : KARMA_E_NOMEM;
}

static const struct json *first_of(const struct json *object, const char *one, const char *other) {
    const struct json *v = json_get(object, one);
    return v ? v : json_get(object, other);
}

static karma_status pairs_of_array(struct arena *a, const struct json *array, struct pairs *p) {
    karma_status st = make_pairs(a, json_count(array), p);
    for (size_t i = 0; st == KARMA_OK && i < p->count; i++) {
        const struct json *item = json_at(array, i);
        p->values[i] = item;
        if (!json_is_object(item)) {
            if (p->named) return status_fail(KARMA_E_TYPE, "options: objects and texts are mixed");
            continue;
        }
        if (i > 0 && !p->named)
            return status_fail(KARMA_E_TYPE, "options: objects and texts are mixed");
        p->named = true;
        p->values[i] = first_of(item, "text", "value");
        st = item_text(a, first_of(item, "label", "key"), &p->keys[i]);
        if (st == KARMA_OK && !p->keys[i])
            return status_fail(KARMA_E_MISSING, "options: entry %zu has no label", i + 1);
    }
    return st;
}

static karma_status pairs_of_object(struct arena *a, const struct json *object, struct pairs *p) {
    const struct json *labels = json_get(object, "label"), *texts = json_get(object, "text");
    const bool parallel = json_is_array(labels) && json_is_array(texts);
    if (parallel && json_count(labels) != json_count(texts))
        return status_fail(KARMA_E_SHAPE, "options: %zu labels for %zu texts", json_count(labels),
                           json_count(texts));
    karma_status st = make_pairs(a, parallel ? json_count(labels) : json_count(object), p);
    p->named = true;
    for (size_t i = 0; st == KARMA_OK && i < p->count; i++) {
        if (!parallel) {
            p->keys[i] = object->u.object.members[i].key;
            p->values[i] = object->u.object.members[i].value;
            continue;
        }
        p->values[i] = json_at(texts, i);
        st = item_text(a, json_at(labels, i), &p->keys[i]);
        if (st == KARMA_OK && !p->keys[i])
            return status_fail(KARMA_E_MISSING, "options: label %zu is missing", i + 1);
    }
    return st;
}

karma_status choices_read(struct arena *a, const struct json *value, struct choices *out) {
    struct pairs p = {0};
    memset(out, 0, sizeof(*out));
    if (json_is_string(value)) {
        karma_status st = json_parse(a, value->u.string.data, value->u.string.len,
                                     JSON_REJECT_DUPLICATES, &value);
        if (st == KARMA_E_NOMEM) return st;
        if (st < 0) return status_fail(st, "options: the text is not a JSON object or array");
    }
    if (!json_is_array(value) && !json_is_object(value))
        return status_fail(KARMA_E_TYPE, "options: expected an object or an array, found %s",
                           json_type_name(value));
    karma_status st =
        json_is_array(value) ? pairs_of_array(a, value, &p) : pairs_of_object(a, value, &p);
    if (st < 0) return st;
    if (p.named) return read_named(a, p.keys, p.values, p.count, out);
    return choices_from_columns(a, p.values, p.count, out);
}

karma_status choices_from_columns(struct arena *a, const struct json *const *values, size_t count,
                                  struct choices *out) {
    memset(out, 0, sizeof(*out));
    if (count > CHOICES_MAX)
        return status_fail(KARMA_E_RANGE, "options: more than %d", CHOICES_MAX);
    for (size_t i = 0; i < count; i++) {
        karma_status st = add(a, out, i, (char)('A' + i), NULL, values[i]);
        if (st < 0) return st;
    }
    return enough(out);
}

int choices_of_label(const struct choices *c, char label) {
    for (size_t i = 0; i < c->count; i++)
        if (c->labels[i] == ascii_upper(label)) return (int)i;
    return -1;
}

/* Options whose text is text; *index the first of them. */
static size_t count_texts(const struct choices *c, const char *text, size_t *index) {
    size_t found = 0;
    for (size_t i = c->count; i-- > 0;) {
        if (strcmp(c->texts[i], text) != 0) continue;
        *index = i;
        found++;
    }
    return found;
}

static karma_status find_index(const struct choices *c, int64_t index, int64_t base, size_t *out) {
    for (size_t i = 0; i < c->count; i++) {
        if ((int64_t)c->positions[i] + base != index) continue;
        *out = i;
        return KARMA_OK;
    }
    return status_fail(KARMA_E_RANGE, "answer: no option has that index (expected %lld to %lld)",
                       (long long)base, (long long)(base + (int64_t)c->positions[c->count - 1]));
}

static karma_status find_string(const struct choices *c, const char *text, int64_t base,
                                size_t *index) {
    size_t by_text = 0, texts = count_texts(c, text, &by_text);
    int by_name = is_letter(text) ? choices_of_label(c, text[0]) : -1;
    for (size_t i = 0; i < c->count && by_name < 0; i++)
        if (c->keys[i] && strcmp(c->keys[i], text) == 0) by_name = (int)i;
    if (by_name >= 0 && texts > 0 && (size_t)by_name != by_text)
        return status_fail(KARMA_E_RANGE,
                           "answer: the label of one option and the text of another");
    if (by_name >= 0) {
        *index = (size_t)by_name;
        return KARMA_OK;
    }
    if (texts > 1) return status_fail(KARMA_E_RANGE, "answer: the text of %zu options", texts);
    if (texts == 1) {
        *index = by_text;
        return KARMA_OK;
    }
    double number;
    if (json_parse_real(text, strlen(text), &number) && number >= -1e6 && number <= 1e6 &&
        number == (double)(int64_t)number)
        return find_index(c, (int64_t)number, base, index);
    return status_fail(KARMA_E_RANGE, "answer: neither a label nor the text of one of the options");
}

karma_status choices_find(const struct choices *c, const struct json *answer, int64_t base,
                          size_t *index) {
    if (json_is_null(answer)) return status_fail(KARMA_E_MISSING, "answer: missing");
    if (answer->type == JSON_INT) return find_index(c, answer->u.integer, base, index);
    if (json_is_string(answer)) return find_string(c, answer->u.string.data, base, index);
    return status_fail(KARMA_E_TYPE, "answer: expected a string or an integer, found %s",
                       json_type_name(answer));
}

const char *choices_lines(struct arena *a, const struct choices *c) {
    size_t size = 1;
    for (size_t i = 0; i < c->count; i++)
        size += strlen(c->texts[i]) + sizeof("A. \n");
    char *out = arena_alloc(a, size), *p = out;
    if (!out) return NULL;
    for (size_t i = 0; i < c->count; i++) {
        size_t len = strlen(c->texts[i]);
        if (i > 0) *p++ = '\n';
        *p++ = c->labels[i];
        *p++ = '.';
        *p++ = ' ';
        memcpy(p, c->texts[i], len);
        p += len;
    }
    *p = '\0';
    return out;
}

const char *choices_labels(struct arena *a, const struct choices *c) {
    char *out = arena_alloc(a, CHOICES_MAX * 3 + 1), *p = out;
    if (!out) return NULL;
    for (size_t i = 0; i < c->count; i++) {
        if (i > 0) {
            *p++ = ',';
            *p++ = ' ';
        }
        *p++ = c->labels[i];
    }
    *p = '\0';
    return out;
}
