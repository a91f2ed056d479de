/*
 * added_tokens.c - the sorted set and its search. Most bytes of a text begin no added token and are
 * passed with one look at a table of first bytes.
 */
#include "text/added_tokens.h"

#include <stdlib.h>
#include <string.h>

#include "text/unicode.h"

karma_status added_set_add(struct added_set *s, const struct added_token *token) {
    if (token->len == 0)
        return status_fail(KARMA_E_SYNTAX, "added token %d: empty content", token->id);
    if (token->len > ADDED_MAX_BYTES)
        return status_fail(KARMA_E_LIMIT, "added token %d: %zu bytes, the most is %d", token->id,
                           token->len, ADDED_MAX_BYTES);
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 32;
        struct added_token *tokens = mem_realloc(s->tokens, cap * sizeof(*tokens));
        if (!tokens) return KARMA_E_NOMEM;
        s->tokens = tokens;
        s->cap = cap;
    }
    s->tokens[s->count++] = *token;
    return KARMA_OK;
}

static int compare_text(const char *a, size_t a_len, const char *b, size_t b_len) {
    int c = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return c ? c : (a_len > b_len) - (a_len < b_len);
}

static int compare(const void *x, const void *y) {
    const struct added_token *a = x, *b = y;
    return compare_text(a->text, a->len, b->text, b->len);
}

karma_status added_set_finish(struct added_set *s) {
    if (s->count == 0) return KARMA_OK;
    qsort(s->tokens, s->count, sizeof(*s->tokens), compare);
    for (size_t i = 1; i < s->count; i++)
        if (compare(&s->tokens[i - 1], &s->tokens[i]) == 0)
            return status_fail(KARMA_E_DUPLICATE, "added token '%s' given twice",
                               status_quote(s->tokens[i].text, s->tokens[i].len));
    size_t i = 0;
    for (unsigned b = 0; b < 256; b++) {
        s->first[b] = (uint32_t)i;
        while (i < s->count && (unsigned char)s->tokens[i].text[0] == b)
            i++;
    }
    s->first[256] = (uint32_t)s->count;
    return KARMA_OK;
}

void added_set_release(struct added_set *s) {
    mem_free(s->tokens);
    memset(s, 0, sizeof(*s));
}

const struct added_token *added_set_find(const struct added_set *s, const char *text, size_t len) {
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = compare_text(s->tokens[mid].text, s->tokens[mid].len, text, len);
        if (c == 0) return &s->tokens[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* First token of low..high whose byte at depth is at least b. All are longer than depth but
 * perhaps the first, which is skipped before. */
static size_t lower_bound(const struct added_set *s, size_t low, size_t high, size_t depth,
                          unsigned b) {
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if ((unsigned char)s->tokens[mid].text[depth] < b)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Does begin..end of the searched text touch a plain span? Called with rising begins. */
static bool touches_plain(struct added_search *s, size_t begin, size_t end) {
    const struct added_limits *l = s->limits;
    if (!l) return false;
    if (l->all_plain) return true;
    for (const struct text_span *p; s->span < l->n_plain; s->span++) {
        p = &l->plain[s->span];
        if (p->end > l->base + begin && p->begin < p->end) return p->begin < l->base + end;
    }
    return false;
}

/* The longest token at p that may be recognised there, or NULL. A special one that may not is as
 * if it did not exist: what it would cover is searched for others. */
static const struct added_token *longest_at(struct added_search *s, size_t at) {
    const struct added_set *set = s->set;
    const unsigned char *p = (const unsigned char *)s->text + at;
    size_t left = s->len - at, low = set->first[p[0]], high = set->first[p[0] + 1];
    const struct added_token *best = NULL, *refused = NULL;
    for (size_t depth = 1; low < high; depth++) {
        const struct added_token *t = &set->tokens[low];
        if (t->len == depth) {
            if (t->special && touches_plain(s, at, at + depth)) refused = t;
            if (refused != t || s->limits->count_only) best = t;
            low++;
        }
        if (depth == left || low == high) break;
        low = lower_bound(set, low, high, depth, p[depth]);
        high = lower_bound(set, low, high, depth, p[depth] + 1u);
    }
    if (refused && at >= s->counted_end && (!best || best == refused || best->len < refused->len)) {
        s->n_special++;
        s->counted_end = at + refused->len;
    }
    return best;
}

static bool is_word(uint32_t cp) {
    return unicode_get(cp) & UNICODE_WORD;
}

static bool is_space(uint32_t cp) {
    return (unicode_get(cp) & UNICODE_CLASS) == UNICODE_SPACE;
}

static bool stands_alone(const struct added_search *s, size_t begin, size_t end) {
    int n;
    if (begin > 0 && is_word(unicode_before(s->text, s->text + begin, &n))) return false;
    return end == s->len || !is_word(unicode_at(s->text + end, &n));
}

bool added_search_next(struct added_search *s, const struct added_token **token, size_t *begin,
                       size_t *end) {
    if (s->set->count == 0) return false;
    while (s->at < s->len) {
        unsigned char first = (unsigned char)s->text[s->at];
        const struct added_token *t = NULL;
        if (s->set->first[first] < s->set->first[first + 1]) t = longest_at(s, s->at);
        if (!t) {
            s->at++;
            continue;
        }
        size_t from = s->at, to = from + t->len;
        s->at = to;
        if (t->single_word && !stands_alone(s, from, to)) continue;
        int n;
        while (t->lstrip && from > s->start_offset &&
               is_space(unicode_before(s->text, s->text + from, &n)))
            from -= (size_t)n;
        while (t->rstrip && to < s->len && is_space(unicode_at(s->text + to, &n)))
            to += (size_t)n;
        s->start_offset = to;
        *token = t;
        *begin = from;
        *end = to;
        return true;
    }
    return false;
}
