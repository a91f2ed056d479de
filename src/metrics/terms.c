/* terms.c - see terms.h. */
#include "metrics/terms.h"

#include <string.h>

#include "base/file.h"
#include "base/utf8.h"
#include "text/characters.h"

enum { MAX_LIST_BYTES = 16 << 20, MAX_TERM_WORDS = 32 };

static bool is_punctuation_at(const char *p, size_t len, int *n) {
    uint32_t cp;
    *n = utf8_decode(p, len, &cp, NULL);
    return *n > 0 && is_punctuation(cp);
}

/* Without punctuation at its ends, unless it is nothing else. */
static struct piece trimmed(struct piece w) {
    struct piece t = w;
    int n;
    while (t.len && is_punctuation_at(t.text, t.len, &n)) {
        t.text += n;
        t.len -= (size_t)n;
    }
    while (t.len) {
        size_t last = t.len - 1;
        while (last > 0 && ((unsigned char)t.text[last] & 0xC0) == 0x80)
            last--;
        if (!is_punctuation_at(t.text + last, t.len - last, &n)) break;
        t.len = last;
    }
    return t.len ? t : w;
}

/* Append the word as it is compared. */
static karma_status fold(struct buf *out, struct piece word) {
    struct buf composed = {0};
    word = trimmed(word);
    karma_status st = nfc_append(&composed, word.text, word.len);
    if (st == KARMA_E_ENCODING) st = buf_append(&composed, word.text, word.len);
    if (st == KARMA_OK) st = lower_append(out, buf_str(&composed), composed.len);
    buf_release(&composed);
    return st;
}

/* Cut the next word off; len 0 at the end. */
static struct piece next_word(const char **p, const char *end) {
    uint32_t cp;
    int n;
    while (*p < end && (n = utf8_decode(*p, (size_t)(end - *p), &cp, NULL)) > 0 &&
           is_white_space(cp))
        *p += n;
    const char *begin = *p;
    while (*p < end) {
        n = utf8_decode(*p, (size_t)(end - *p), &cp, NULL);
        if (n > 0 && is_white_space(cp)) break;
        *p += n > 0 ? n : 1;
    }
    return (struct piece){begin, (size_t)(*p - begin)};
}

static karma_status add(struct terms *t, const char *text, size_t len) {
    struct buf key = {0};
    const char *end = text + len;
    size_t n = 0;
    karma_status st = KARMA_OK;
    if (!utf8_valid(text, len, NULL)) return status_fail(KARMA_E_ENCODING, "not valid UTF-8");
    for (struct piece w; st == KARMA_OK && (w = next_word(&text, end)).len; n++) {
        if (n > 0) st = buf_putc(&key, ' ');
        if (st == KARMA_OK) st = fold(&key, w);
        if (n >= MAX_TERM_WORDS)
            st = status_fail(KARMA_E_LIMIT, "a term of more than %d words", MAX_TERM_WORDS);
    }
    struct map_entry *entry;
    bool added;
    if (st == KARMA_OK && n > 0) st = map_put(&t->known, buf_str(&key), key.len, &entry, &added);
    buf_release(&key);
    if (st == KARMA_OK && n > t->longest) t->longest = n;
    return st;
}

static karma_status read_file(struct terms *t, const char *path) {
    struct buf text = {0};
    size_t line_no = 1;
    karma_status st = file_read(path, MAX_LIST_BYTES, &text);
    const char *p = buf_str(&text), *end = p + text.len;
    for (; st == KARMA_OK && p < end; line_no++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        if (*p != '#') st = add(t, p, (size_t)(stop - p));
        if (st < 0) st = status_prefix(st, "%s: line %zu", path, line_no);
        p = stop < end ? stop + 1 : end;
    }
    buf_release(&text);
    if (st == KARMA_OK && t->known.count == 0)
        st = status_fail(KARMA_E_RANGE, "%s: no terms in it", path);
    return st;
}

karma_status terms_read(const struct json *value, struct terms *out) {
    karma_status st = KARMA_OK;
    *out = (struct terms){0};
    if (json_is_string(value)) {
        struct arena a = {0};
        const char *path = file_expand_home(&a, value->u.string.data);
        st = path ? read_file(out, path) : KARMA_E_NOMEM;
        arena_release(&a);
        return st;
    }
    if (!json_is_array(value))
        return status_fail(KARMA_E_TYPE, "expected a list of terms or a file of them, found %s",
                           json_type_name(value));
    for (size_t i = 0; st == KARMA_OK && i < json_count(value); i++) {
        const struct json *term = json_at(value, i);
        if (json_is_string(term))
            st = add(out, term->u.string.data, term->u.string.len);
        else
            st = status_fail(KARMA_E_TYPE, "expected a text, found %s", json_type_name(term));
        if (st < 0) st = status_prefix(st, "term %zu", i + 1);
    }
    if (st == KARMA_OK && out->known.count == 0)
        st = status_fail(KARMA_E_RANGE, "no terms in the list");
    return st;
}

void terms_release(struct terms *t) {
    map_release(&t->known);
    *t = (struct terms){0};
}

karma_status terms_find(const struct terms *t, struct arena *scratch, const struct piece *words,
                        size_t n, uint32_t *number, size_t *n_found) {
    struct buf text = {0}; /* the words as they are compared, a blank between */
    size_t *begins = arena_calloc(scratch, n + 1, sizeof(*begins));
    karma_status st = begins ? KARMA_OK : KARMA_E_NOMEM;
    *n_found = 0;
    for (size_t i = 0; st == KARMA_OK && i < n; i++) {
        begins[i] = text.len;
        st = fold(&text, words[i]);
        if (st == KARMA_OK) st = buf_putc(&text, ' ');
        begins[i + 1] = text.len;
    }
    for (size_t i = 0; st == KARMA_OK && i < n;) {
        size_t k = t->longest < n - i ? t->longest : n - i;
        while (k && !map_find(&t->known, text.data + begins[i], begins[i + k] - begins[i] - 1))
            k--;
        if (k) ++*n_found;
        for (size_t j = i; j < i + k; j++)
            number[j] = (uint32_t)*n_found;
        number[i] = k ? (uint32_t)*n_found : 0;
        i += k ? k : 1;
    }
    buf_release(&text);
    return st;
}
