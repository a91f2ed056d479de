/*
 * unigram.c - Viterbi over the bytes of a piece. Every step looks at the tokens that begin at one
 * character, so time is the piece's length times what the longest token allows.
 */
#include "text/unigram.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "base/utf8.h"
#include "text/unicode.h"

/* The best way to reach a position. */
struct unigram_node {
    double score;
    int32_t from; /* where its last token begins; -1: no way yet */
    int32_t id;
};

/* What an unknown character costs below the lowest score; SentencePiece's kUnkPenalty. */
static const double UNK_PENALTY = 10.0;

karma_status unigram_push_score(struct unigram *u, double score) {
    if (u->n_scores == u->cap_scores) {
        if (u->n_scores >= VOCAB_MAX_IDS)
            return status_fail(KARMA_E_LIMIT, "more than %d tokens", VOCAB_MAX_IDS);
        int32_t cap = u->cap_scores ? 2 * u->cap_scores : 4096;
        double *scores = mem_realloc(u->scores, (size_t)cap * sizeof(*scores));
        if (!scores) return KARMA_E_NOMEM;
        u->scores = scores;
        u->cap_scores = cap;
    }
    u->scores[u->n_scores++] = score;
    return KARMA_OK;
}

/* 10 to the n, 0 <= n <= 308. */
static double power_of_ten(int n) {
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    char text[16];
    double v = INFINITY;
    if (n < (int)(sizeof(exact) / sizeof(exact[0]))) return exact[n];
    const int len = snprintf(text, sizeof(text), "1e%d", n);
    (void)json_parse_real(text, (size_t)len, &v);
    return v;
}

bool unigram_parse_score(const char *text, size_t len, double *out) {
    const char *p = text, *end = text + len;
    bool negative = p < end && *p == '-', full = false, fraction = false;
    uint64_t digits = 0;
    int64_t exponent = 0, written = 0;
    if (negative) p++;
    for (; p < end && (ascii_is_digit(*p) || *p == '.'); p++) {
        uint64_t more;
        if (*p == '.') {
            fraction = true;
            full = false; /* digits left out before the point do not end those behind it */
            continue;
        }
        unsigned digit = (unsigned)(*p - '0');
        if (!full && !__builtin_mul_overflow(digits, (uint64_t)10, &more) &&
            !__builtin_add_overflow(more, (uint64_t)digit, &more)) {
            digits = more;
            exponent -= fraction;
        } else {
            full = true;
            exponent += !fraction;
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool minus = ++p < end && *p == '-';
        if (p < end && (*p == '-' || *p == '+')) p++;
        for (; p < end && ascii_is_digit(*p); p++)
            if (written < 100000) written = written * 10 + (*p - '0');
        exponent += minus ? -written : written;
    }
    double v = (double)digits;
    for (; exponent < -308 && v != 0; exponent += 308)
        v /= 1e308;
    if (v != 0 && exponent > 308) return false;
    if (v != 0)
        v = exponent >= 0 ? v * power_of_ten((int)exponent) : v / power_of_ten((int)-exponent);
    *out = negative ? -v : v;
    return isfinite(v);
}

/* ---- building ---- */

static void find_bytes(struct unigram *u) {
    for (int b = 0; b < 256; b++) {
        char text[8];
        int len = snprintf(text, sizeof(text), "<0x%02X>", (unsigned)b);
        u->byte_ids[b] = vocab_find_raw(u->vocab, text, (size_t)len);
    }
}

karma_status unigram_finish(struct unigram *u) {
    const struct vocab *v = u->vocab;
    double lowest = INFINITY;
    if (u->unk >= u->n_scores)
        return status_fail(KARMA_E_RANGE, "unk_id %d, expected below %d", u->unk, u->n_scores);
    for (int32_t id = 0; id < u->n_scores; id++)
        if (u->scores[id] < lowest) lowest = u->scores[id];
    u->unk_score = lowest - UNK_PENALTY;
    find_bytes(u);
    struct trie_key *keys = mem_calloc((size_t)u->n_scores + 1, sizeof(*keys));
    if (!keys) return KARMA_E_NOMEM;
    size_t n = 0;
    for (int32_t id = 0; id < u->n_scores; id++) {
        size_t len;
        if (!vocab_has(v, id)) continue;
        const char *text = vocab_spelled(v, id, &len);
        keys[n++] = (struct trie_key){text, (uint32_t)len, id};
    }
    karma_status st = trie_build(&u->trie, keys, n);
    mem_free(keys);
    return st;
}

void unigram_release(struct unigram *u) {
    mem_free(u->scores);
    trie_release(&u->trie);
    memset(u, 0, sizeof(*u));
}

/* ---- encoding ---- */

static karma_status reserve(struct unigram_scratch *s, size_t n) {
    size_t bytes;
    if (n <= s->cap_nodes) return KARMA_OK;
    if (!mul_size(n, sizeof(*s->nodes), &bytes)) bytes = SIZE_MAX;
    mem_free(s->nodes);
    s->cap_nodes = 0;
    s->nodes = mem_alloc(bytes);
    if (!s->nodes) return KARMA_E_NOMEM;
    s->cap_nodes = n;
    return KARMA_OK;
}

void unigram_scratch_release(struct unigram_scratch *s) {
    mem_free(s->nodes);
    memset(s, 0, sizeof(*s));
}

/* A token from begin to the node: kept only if it is strictly better than what was there. */
static inline bool offer(struct unigram_node *node, size_t begin, double score, int32_t id) {
    if (node->from >= 0 && !(score > node->score)) return false;
    *node = (struct unigram_node){score, (int32_t)begin, id};
    return true;
}

static karma_status find_best(const struct unigram *u, struct unigram_scratch *s, const char *text,
                              size_t len) {
    struct unigram_node *nodes = s->nodes;
    for (size_t i = 1; i <= len; i++)
        nodes[i].from = -1;
    nodes[0] = (struct unigram_node){.score = 0, .from = -1};
    for (size_t at = 0; at < len;) {
        const double here = nodes[at].score;
        bool alone = false; /* is there a token of just this character? */
        int n;
        (void)unicode_at(text + at, &n);
        const size_t next = at + (size_t)n;
        uint32_t node = 0;
        for (size_t i = at; i < len;) {
            node = trie_step(&u->trie, node, (unsigned char)text[i++]);
            s->n_steps++;
            if (node == 0) break;
            const int32_t id = u->trie.values[node];
            if (id < 0) continue;
            offer(&nodes[i], at, u->scores[id] + here, id);
            alone |= i == next;
        }
        if (!alone && offer(&nodes[next], at, u->unk_score + here, u->unk) && u->unk < 0)
            return status_fail(KARMA_E_MISSING,
                               "a character is unknown and the vocabulary has no token for that");
        at = next;
    }
    return KARMA_OK;
}

/* Unknown characters that follow each other count as one text: a token if there is one, else its
 * bytes, else unknown. */
static karma_status push_unknown(const struct unigram *u, const char *text, size_t len,
                                 struct tokens *out) {
    int32_t id = vocab_find_raw(u->vocab, text, len);
    bool bytes = id < 0 && u->byte_fallback;
    for (size_t i = 0; bytes && i < len; i++)
        bytes = u->byte_ids[(unsigned char)text[i]] >= 0;
    if (!bytes) return tokens_push(out, id < 0 ? u->unk : id);
    for (size_t i = 0; i < len; i++) {
        karma_status st = tokens_push(out, u->byte_ids[(unsigned char)text[i]]);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

karma_status unigram_encode(const struct unigram *u, struct unigram_scratch *s, const char *text,
                            size_t len, struct tokens *out) {
    if (len > INT32_MAX / 2) return status_fail(KARMA_E_LIMIT, "a word of more than 1 GiB");
    karma_status st = reserve(s, len + 1);
    if (st == KARMA_OK) st = find_best(u, s, text, len);
    if (st < 0) return st;
    /* Turn the links round: the way back becomes the way there. */
    struct unigram_node *nodes = s->nodes;
    for (int32_t at = (int32_t)len, next = -1; at >= 0;) {
        int32_t from = nodes[at].from;
        nodes[at].from = next;
        next = at;
        at = from;
    }
    for (int32_t at = 0, end; st == KARMA_OK && (end = nodes[at].from) >= 0; at = end) {
        const int32_t id = nodes[end].id;
        if (id != u->unk) {
            st = tokens_push(out, id);
            continue;
        }
        while (nodes[end].from >= 0 && nodes[nodes[end].from].id == u->unk)
            end = nodes[end].from;
        st = push_unknown(u, text + at, (size_t)(end - at), out);
    }
    return st;
}
