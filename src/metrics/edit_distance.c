/*
 * edit_distance.c - see edit_distance.h. A row of the table, as the differences between neighbours,
 * is two bit vectors that the next symbol of `to` updates (Myers 1999, in Hyyro's form of 2003). A
 * small table is kept whole and walked back. A large one is cut in two where its middle row meets
 * the shortest path (Hirschberg 1975): rows alone are computed, from both ends, and each half is a
 * table of its own.
 */
#include "metrics/edit_distance.h"

#include <stdbool.h>
#include <string.h>

enum { WORD_BITS = 64 };
/* RapidFuzz's bounds for a table that is kept whole; another choice would cut elsewhere and find
 * another of the shortest scripts. */
enum { WHOLE_BYTES = 1 << 20, WHOLE_FROM = 65, WHOLE_TO = 10 };

/* A stretch of a sequence, read forwards or backwards. */
struct span {
    const uint32_t *first;
    ptrdiff_t step;
    size_t count;
};

static uint32_t at(const struct span *s, size_t i) {
    return s->first[(ptrdiff_t)i * s->step];
}

static struct span part(const struct span *s, size_t begin, size_t end) {
    return (struct span){
        .first = s->first + (ptrdiff_t)begin * s->step, .step = s->step, .count = end - begin};
}

static struct span reversed(const struct span *s) {
    if (s->count == 0) return *s;
    return (struct span){.first = s->first + (ptrdiff_t)(s->count - 1) * s->step,
                         .step = -s->step,
                         .count = s->count};
}

struct aligner {
    /* By symbol. Where it stands in `from` is a list of places, or, for the at most 64 symbols that
     * are more frequent than a row has words, a bit vector: neither costs more than a row. */
    uint32_t *places; /* 1 + the last place, 0: none */
    uint32_t *counts;
    uint32_t *dense;   /* 1 + the number of its bit vector, 0: it has a list */
    uint32_t *next;    /* by place: the place before it in its list, as in `places` */
    uint64_t *vectors; /* of the dense symbols */
    uint64_t *equal;   /* where the symbol of this row stands, when it has a list */
    uint64_t *more;    /* bit c: cell c + 1 of the row is one more than cell c */
    uint64_t *less;    /* ... one less */
    uint32_t *scores;  /* of the lower half, by place */
    unsigned char *steps;
    size_t n_steps;
};

static size_t words_of(size_t n) {
    return (n + WORD_BITS - 1) / WORD_BITS;
}

static void set_bit(uint64_t *v, size_t i) {
    v[i / WORD_BITS] |= (uint64_t)1 << (i % WORD_BITS);
}

static bool get_bit(const uint64_t *v, size_t i) {
    return v[i / WORD_BITS] >> (i % WORD_BITS) & 1;
}

/* ---- rows ---- */

/* Note where the symbols of `from` stand, and make row 0: cell c is c. */
static void rows_begin(struct aligner *a, const struct span *from) {
    const size_t n_words = words_of(from->count);
    uint32_t n_dense = 0;
    for (size_t i = 0; i < from->count; i++)
        a->counts[at(from, i)]++;
    for (size_t i = 0; i < from->count; i++) {
        const uint32_t s = at(from, i);
        if (a->counts[s] <= n_words) {
            a->next[i] = a->places[s];
            a->places[s] = (uint32_t)i + 1;
            continue;
        }
        if (!a->dense[s]) {
            memset(a->vectors + n_dense * n_words, 0, n_words * sizeof(uint64_t));
            a->dense[s] = ++n_dense;
        }
        set_bit(a->vectors + (a->dense[s] - 1) * n_words, i);
    }
    memset(a->more, 0xFF, n_words * sizeof(uint64_t));
    memset(a->less, 0, n_words * sizeof(uint64_t));
}

static void rows_end(struct aligner *a, const struct span *from) {
    for (size_t i = 0; i < from->count; i++) {
        const uint32_t s = at(from, i);
        a->places[s] = a->counts[s] = a->dense[s] = 0;
    }
}

static const uint64_t *where(struct aligner *a, uint32_t symbol, size_t n_words) {
    if (a->dense[symbol]) return a->vectors + (a->dense[symbol] - 1) * n_words;
    memset(a->equal, 0, n_words * sizeof(uint64_t));
    for (uint32_t p = a->places[symbol]; p; p = a->next[p - 1])
        set_bit(a->equal, p - 1);
    return a->equal;
}

/* From one row to the next. Its cell 0 is one more than the last row's. */
static void row_next(struct aligner *a, uint32_t symbol, size_t n_words) {
    const uint64_t *equal = where(a, symbol, n_words);
    uint64_t more_in = 1, less_in = 0; /* what comes into a word from the one before */
    for (size_t w = 0; w < n_words; w++) {
        const uint64_t more = a->more[w], less = a->less[w], match = equal[w] | less_in;
        const uint64_t same = (((match & more) + more) ^ more) | match | less;
        uint64_t up = less | ~(same | more), down = same & more;
        const uint64_t more_out = up >> (WORD_BITS - 1), less_out = down >> (WORD_BITS - 1);
        up = up << 1 | more_in;
        down = down << 1 | less_in;
        a->more[w] = down | ~(same | up);
        a->less[w] = up & same;
        more_in = more_out;
        less_in = less_out;
    }
}

/* The last row of the table, as differences. */
static void last_row(struct aligner *a, const struct span *from, const struct span *to) {
    const size_t n_words = words_of(from->count);
    rows_begin(a, from);
    for (size_t r = 0; r < to->count; r++)
        row_next(a, at(to, r), n_words);
    rows_end(a, from);
}

/* ---- a table kept whole ---- */

/* Rows of which the words near the diagonal are kept: a path of cost `most` goes no further away.
 */
struct table {
    uint64_t *bits;
    size_t n_words; /* kept of a row */
    size_t reach;
};

static size_t first_word(const struct table *t, size_t row) {
    return row > t->reach ? (row - t->reach - 1) / WORD_BITS : 0;
}

/* Of row `row`, from 1, cell c, from 1. less: is it one less than the cell before? else one more?
 */
static bool kept_bit(const struct table *t, size_t row, size_t c, bool less) {
    const uint64_t *words = t->bits + ((row - 1) * 2 + less) * t->n_words;
    return get_bit(words, c - 1 - first_word(t, row) * WORD_BITS);
}

static karma_status fill(struct aligner *a, const struct span *from, const struct span *to,
                         size_t most, struct table *t) {
    const size_t all = words_of(from->count), wide = (2 * most + 4) / WORD_BITS + 2;
    *t = (struct table){.n_words = wide < all ? wide : all, .reach = most + 1};
    t->bits = mem_calloc(to->count, 2 * t->n_words * sizeof(uint64_t));
    if (!t->bits) return KARMA_E_NOMEM;
    rows_begin(a, from);
    for (size_t r = 1; r <= to->count; r++) {
        row_next(a, at(to, r - 1), all);
        const size_t begin = first_word(t, r);
        size_t n = begin < all ? all - begin : 0;
        if (n > t->n_words) n = t->n_words;
        uint64_t *kept = t->bits + (r - 1) * 2 * t->n_words;
        memcpy(kept, a->more + begin, n * sizeof(uint64_t));
        memcpy(kept + t->n_words, a->less + begin, n * sizeof(uint64_t));
    }
    rows_end(a, from);
    return KARMA_OK;
}

static void reverse(unsigned char *steps, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        const unsigned char kept = steps[i];
        steps[i] = steps[n - 1 - i];
        steps[n - 1 - i] = kept;
    }
}

static void add_step(struct aligner *a, enum edit e) {
    a->steps[a->n_steps++] = (unsigned char)e;
}

/* From the last cell to the first. */
static void walk_back(struct aligner *a, const struct span *from, const struct span *to,
                      const struct table *t) {
    const size_t begin = a->n_steps;
    size_t c = from->count, r = to->count;
    while (c && r) {
        if (kept_bit(t, r, c, false)) {
            add_step(a, EDIT_DELETE);
            c--;
        } else if (r > 1 && kept_bit(t, r - 1, c, true)) {
            add_step(a, EDIT_INSERT);
            r--;
        } else {
            add_step(a, at(from, c - 1) == at(to, r - 1) ? EDIT_EQUAL : EDIT_REPLACE);
            c--;
            r--;
        }
    }
    for (; c; c--)
        add_step(a, EDIT_DELETE);
    for (; r; r--)
        add_step(a, EDIT_INSERT);
    reverse(a->steps + begin, a->n_steps - begin);
}

static karma_status align_whole(struct aligner *a, const struct span *from, const struct span *to,
                                size_t most) {
    struct table t = {0};
    karma_status st = KARMA_OK;
    if (from->count && to->count) st = fill(a, from, to, most, &t);
    if (st == KARMA_OK) walk_back(a, from, to, &t);
    mem_free(t.bits);
    return st;
}

/* ---- a table cut in two ---- */

struct cut {
    size_t from, to;    /* how many symbols of each stand in the first half */
    size_t left, right; /* what the halves cost */
};

static struct cut find_cut(struct aligner *a, const struct span *from, const struct span *to) {
    struct cut best = {.to = to->count / 2};
    size_t least = SIZE_MAX;
    const struct span first = part(to, 0, best.to), second = part(to, best.to, to->count);
    const struct span from_end = reversed(from), second_end = reversed(&second);
    const size_t n = from->count;
    last_row(a, &from_end, &second_end);
    size_t score = second.count;
    for (size_t i = 0; i < n; i++) { /* scores[i]: of i symbols at the end of from */
        a->scores[i] = (uint32_t)score;
        score += get_bit(a->more, i);
        score -= get_bit(a->less, i);
    }
    last_row(a, from, &first);
    score = first.count;
    for (size_t i = 0; i < n; i++) {
        score += get_bit(a->more, i);
        score -= get_bit(a->less, i);
        const size_t right = a->scores[n - 1 - i];
        if (score + right >= least) continue;
        least = score + right;
        best.from = i + 1;
        best.left = score;
        best.right = right;
    }
    return best;
}

/* What is equal at both ends is kept, and what is between made a table of. most: a bound of its
 * cost. */
static karma_status align(struct aligner *a, struct span from, struct span to, size_t most) {
    size_t before = 0, behind = 0;
    const size_t shorter = from.count < to.count ? from.count : to.count;
    while (before < shorter && at(&from, before) == at(&to, before))
        before++;
    while (behind < shorter - before &&
           at(&from, from.count - 1 - behind) == at(&to, to.count - 1 - behind))
        behind++;
    from = part(&from, before, from.count - behind);
    to = part(&to, before, to.count - behind);
    for (size_t i = 0; i < before; i++)
        add_step(a, EDIT_EQUAL);
    const size_t longer = from.count > to.count ? from.count : to.count;
    if (most > longer) most = longer;
    const size_t band = 2 * most + 1 < from.count ? 2 * most + 1 : from.count;
    karma_status st;
    if (2 * band * to.count / 8 < WHOLE_BYTES || from.count < WHOLE_FROM || to.count < WHOLE_TO) {
        st = align_whole(a, &from, &to, most);
    } else {
        const struct cut c = find_cut(a, &from, &to);
        st = align(a, part(&from, 0, c.from), part(&to, 0, c.to), c.left);
        if (st == KARMA_OK)
            st = align(a, part(&from, c.from, from.count), part(&to, c.to, to.count), c.right);
    }
    for (size_t i = 0; i < behind && st == KARMA_OK; i++)
        add_step(a, EDIT_EQUAL);
    return st;
}

karma_status edit_script(struct arena *arena, struct symbols from, struct symbols to,
                         uint32_t n_symbols, const unsigned char **steps, size_t *count) {
    static const uint32_t none; /* for empty ones to point at */
    const struct span f = {from.ids ? from.ids : &none, 1, from.count};
    const struct span t = {to.ids ? to.ids : &none, 1, to.count};
    const size_t n_words = words_of(from.count);
    struct arena scratch = {0};
    *steps = NULL;
    *count = 0;
    if (from.count > INT32_MAX || to.count > INT32_MAX)
        return status_fail(KARMA_E_LIMIT, "a text of more than 2^31 symbols");
    struct aligner a = {
        .places = arena_calloc(&scratch, n_symbols + (size_t)1, sizeof(uint32_t)),
        .counts = arena_calloc(&scratch, n_symbols + (size_t)1, sizeof(uint32_t)),
        .dense = arena_calloc(&scratch, n_symbols + (size_t)1, sizeof(uint32_t)),
        .next = arena_calloc(&scratch, from.count + 1, sizeof(uint32_t)),
        .vectors = arena_calloc(&scratch, n_words + 1, WORD_BITS * sizeof(uint64_t)),
        .equal = arena_calloc(&scratch, n_words + 1, sizeof(uint64_t)),
        .more = arena_calloc(&scratch, n_words + 1, sizeof(uint64_t)),
        .less = arena_calloc(&scratch, n_words + 1, sizeof(uint64_t)),
        .scores = arena_calloc(&scratch, from.count + 1, sizeof(uint32_t)),
        .steps = arena_alloc(arena, from.count + to.count + 1),
    };
    karma_status st = KARMA_E_NOMEM;
    if (a.places && a.counts && a.dense && a.next && a.vectors && a.equal && a.more && a.less &&
        a.scores && a.steps)
        st = align(&a, f, t, from.count > to.count ? from.count : to.count);
    arena_release(&scratch);
    if (st < 0) return st;
    *steps = a.steps;
    *count = a.n_steps;
    return KARMA_OK;
}
