/*
 * hot_words.c - a tree of token sequences with failure links (Aho and Corasick 1975), so that a
 * sequence that begins inside another is not missed. The bonus of the way to a node is lent; the
 * part of it that belongs to finished sequences is kept when the way is left.
 */
#include <string.h>

#include "nn/ctc.h"

struct node {
    int32_t token, first_child, next_sibling;
    int32_t fail;  /* the longest proper end of the way that is a way itself */
    double on_way; /* bonus of the way so far */
    double ends;   /* of a sequence that ends here; 0: none does */
    double kept;   /* of the longest sequence that ends on the way */
};

struct hot_words {
    struct node *nodes; /* [0] is the root */
    int32_t count, cap;
};

karma_status hot_words_create(struct hot_words **out) {
    struct hot_words *w = *out = mem_calloc(1, sizeof(*w));
    if (!w) return KARMA_E_NOMEM;
    w->nodes = mem_calloc(16, sizeof(*w->nodes));
    if (!w->nodes) {
        mem_free(w);
        *out = NULL;
        return KARMA_E_NOMEM;
    }
    w->cap = 16;
    w->count = 1;
    w->nodes[0] = (struct node){.token = -1, .first_child = -1, .next_sibling = -1};
    return KARMA_OK;
}

void hot_words_destroy(struct hot_words *w) {
    if (!w) return;
    mem_free(w->nodes);
    mem_free(w);
}

static int32_t child_of(const struct hot_words *w, int32_t node, int32_t token) {
    int32_t c = w->nodes[node].first_child;
    while (c >= 0 && w->nodes[c].token != token)
        c = w->nodes[c].next_sibling;
    return c;
}

static karma_status add_child(struct hot_words *w, int32_t parent, int32_t token, int32_t *out) {
    if (w->count == w->cap) {
        if (w->cap > INT32_MAX / 4) return status_fail(KARMA_E_LIMIT, "too many hot words");
        struct node *more = mem_realloc(w->nodes, (size_t)w->cap * 2 * sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        w->nodes = more;
        w->cap *= 2;
    }
    *out = w->count++;
    w->nodes[*out] = (struct node){
        .token = token, .first_child = -1, .next_sibling = w->nodes[parent].first_child};
    w->nodes[parent].first_child = *out;
    return KARMA_OK;
}

/* Failure links and what is kept, a depth at a time. */
static karma_status link_nodes(struct hot_words *w) {
    int32_t *queue = mem_alloc((size_t)w->count * sizeof(*queue)), head = 0, tail = 0;
    if (!queue) return KARMA_E_NOMEM;
    queue[tail++] = 0;
    while (head < tail) {
        const int32_t parent = queue[head++];
        for (int32_t c = w->nodes[parent].first_child; c >= 0; c = w->nodes[c].next_sibling) {
            struct node *n = &w->nodes[c];
            int32_t f = parent, to = -1;
            while (f != 0 && to < 0) {
                f = w->nodes[f].fail;
                to = child_of(w, f, n->token);
            }
            n->fail = to > 0 ? to : 0;
            n->kept = n->ends > 0 ? n->ends : w->nodes[parent].kept;
            queue[tail++] = c;
        }
    }
    mem_free(queue);
    return KARMA_OK;
}

karma_status hot_words_add(struct hot_words *w, const int32_t *tokens, size_t count, float bonus) {
    int32_t node = 0, next;
    karma_status st = KARMA_OK;
    if (count == 0) return status_fail(KARMA_E_RANGE, "a hot word without tokens");
    for (size_t i = 0; st == KARMA_OK && i < count; i++) {
        next = child_of(w, node, tokens[i]);
        if (next < 0) st = add_child(w, node, tokens[i], &next);
        if (st < 0) return st;
        const double on_way = (double)bonus * (double)(i + 1);
        if (on_way > w->nodes[next].on_way) w->nodes[next].on_way = on_way;
        node = next;
    }
    const double whole = (double)bonus * (double)count;
    if (whole > w->nodes[node].ends) w->nodes[node].ends = whole;
    return link_nodes(w);
}

bool hot_words_goes_on(const struct hot_words *w, int32_t from, int32_t to) {
    for (int32_t c = w ? w->nodes[from].first_child : -1; c >= 0; c = w->nodes[c].next_sibling)
        if (c == to) return true;
    return false;
}

double hot_words_end(const struct hot_words *w, int32_t state) {
    return w ? w->nodes[state].kept - w->nodes[state].on_way : 0;
}

int32_t hot_words_step(const struct hot_words *w, int32_t state, int32_t token, double *bonus) {
    *bonus = 0;
    if (!w) return 0;
    int32_t next = child_of(w, state, token);
    if (next >= 0) {
        *bonus = w->nodes[next].on_way - w->nodes[state].on_way;
        return next;
    }
    *bonus = hot_words_end(w, state);
    while (next < 0 && state != 0) {
        state = w->nodes[state].fail;
        next = child_of(w, state, token);
    }
    if (next < 0) return 0;
    *bonus += w->nodes[next].on_way;
    return next;
}
