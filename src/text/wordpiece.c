/*
 * wordpiece.c - one walk down a trie for each piece: time is bounded by the word's bytes times the
 * longest token's, and words are short by the model's own rule.
 */
#include "text/wordpiece.h"

#include <string.h>

static karma_status build(struct wordpiece *w, struct trie_key *keys, struct trie *t,
                          const char *prefix, size_t prefix_len) {
    const struct vocab *v = w->vocab;
    size_t n = 0;
    for (int32_t id = 0; id < v->n_ids; id++) {
        size_t len;
        if (!vocab_has(v, id)) continue;
        const char *text = vocab_spelled(v, id, &len);
        if (len <= prefix_len || memcmp(text, prefix, prefix_len) != 0) continue;
        if (vocab_find(v, text, len) != id) continue; /* added tokens are not the model's */
        keys[n++] = (struct trie_key){text + prefix_len, (uint32_t)(len - prefix_len), id};
    }
    return trie_build(t, keys, n);
}

karma_status wordpiece_finish(struct wordpiece *w) {
    struct trie_key *keys = mem_calloc((size_t)w->vocab->n_ids + 1, sizeof(*keys));
    karma_status st = keys ? build(w, keys, &w->first, "", 0) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = build(w, keys, &w->next, w->prefix, w->prefix_len);
    mem_free(keys);
    return st;
}

void wordpiece_release(struct wordpiece *w) {
    trie_release(&w->first);
    trie_release(&w->next);
}

static bool too_long(const struct wordpiece *w, const char *text, size_t len) {
    int64_t chars = 0;
    for (size_t i = 0; i < len; i++)
        chars += ((unsigned char)text[i] & 0xC0) != 0x80;
    return chars > w->max_chars;
}

/* The longest token at p; *end behind it. -1: none. */
static int32_t longest(const struct trie *t, const char *p, const char *stop, const char **end) {
    int32_t id = -1;
    for (uint32_t node = 0; p < stop;) {
        node = trie_step(t, node, (unsigned char)*p++);
        if (node == 0) break;
        if (t->values[node] < 0) continue;
        id = t->values[node];
        *end = p;
    }
    return id;
}

karma_status wordpiece_encode(const struct wordpiece *w, const char *text, size_t len,
                              struct tokens *out) {
    const char *p = text, *stop = text + len;
    size_t before = out->count;
    bool known = !too_long(w, text, len);
    while (known && p < stop) {
        int32_t id = longest(p == text ? &w->first : &w->next, p, stop, &p);
        known = id >= 0;
        karma_status st = known ? tokens_push(out, id) : KARMA_OK;
        if (st < 0) return st;
    }
    if (known) return KARMA_OK;
    out->count = before;
    if (w->unk < 0)
        return status_fail(KARMA_E_MISSING, "a word is unknown and the vocabulary has no token "
                                            "for that");
    return tokens_push(out, w->unk);
}
