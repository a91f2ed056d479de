/*
 * asr_align.c - see asr_align.h. Upstream recurses and remembers; here the cells it would reach are
 * marked from the front, and valued from the back. Of a cell's 24 spans the shorter are beginnings
 * of the longest, in each spelling, so one table of distances serves all.
 */
#include "metrics/asr_align.h"

#include <string.h>

#include "text/characters.h"

enum {
    MAX_REFERENCE = 3, /* words of a span */
    MAX_PREDICTION = 8,
    MAX_ENDS = 16,
    MAX_CELLS = 4 << 20,             /* 2,000 words by 2,000 */
    MAX_CHARACTER_CELLS = 512 << 20, /* of the characters of both */
};

/* What happens at a cell. */
enum { UNREACHED, REACHED, SPANS, SAID = SPANS + 256 }; /* SPANS + 16 r + h; SAID + words */

#define MATCH_FROM 0.95 /* similarity */
static const double cer_threshold = 0.4;

struct aligner {
    const struct asr_text *reference, *prediction;
    size_t m, n;
    uint32_t *steps;   /* [m + 1][n + 1] */
    double *values[4]; /* [n + 1] each: of rows i % 4 */
    uint32_t *column;  /* of a table of distances */
};

/* Error rates of all spans at a cell. */
struct spans {
    size_t r, h; /* how many words there are to take */
    double cer[MAX_REFERENCE][MAX_PREDICTION];
};

static uint32_t *step_at(const struct aligner *a, size_t i, size_t j) {
    return &a->steps[i * (a->n + 1) + j];
}

static size_t at_most(size_t n, size_t most) {
    return n < most ? n : most;
}

/* ---- what a word may be said as ---- */

/* Words of a phrase that stand at j; 0: others do. */
static size_t phrase_at(const struct asr_text *t, const char *phrase, size_t j) {
    size_t n = 0;
    while (*phrase) {
        const size_t len = strcspn(phrase, " ");
        if (j + n == t->count) return 0;
        const struct piece *w = &t->words[j + n].lower;
        if (w->len != len || memcmp(w->text, phrase, len) != 0) return 0;
        phrase += len;
        phrase += *phrase == ' ';
        n++;
    }
    return n;
}

/* Words at j that say the pattern, 0: they do not. Phrases of one slot may begin alike ("equal",
 * "equal to"), so there can be several ends on the way; the last is taken. */
static size_t pattern_at(const struct asr_text *t, const struct asr_pattern *p, size_t j) {
    size_t ends[MAX_ENDS] = {j}, n_ends = 1;
    for (size_t s = 0; s < p->count && n_ends; s++) {
        size_t next[MAX_ENDS], n_next = 0;
        for (size_t e = 0; e < n_ends; e++) {
            for (size_t i = 0; i < p->slots[s].count && n_next < MAX_ENDS; i++) {
                const size_t k = phrase_at(t, p->slots[s].phrases[i], ends[e]);
                size_t known = 0;
                while (known < n_next && next[known] != ends[e] + k)
                    known++;
                if (k && known == n_next) next[n_next++] = ends[e] + k;
            }
        }
        memcpy(ends, next, n_next * sizeof(*ends));
        n_ends = n_next;
    }
    size_t last = j;
    for (size_t e = 0; e < n_ends; e++)
        if (ends[e] > last) last = ends[e];
    return last - j;
}

/* Words at j that say word i, 0: they do not. The basic expansion goes first; upstream keeps the
 * others in a set, whose order changes from run to run, and takes the first: here the longest. */
static size_t said_at(const struct aligner *a, size_t i, size_t j, bool *undefined) {
    const struct asr_expansions *e = &a->reference->words[i].expansions;
    size_t longest = 0;
    *undefined = e->undefined || (!e->basic && e->others_undefined);
    for (size_t k = 0; k < e->count && !*undefined; k++) {
        const size_t n = pattern_at(a->prediction, &e->items[k], j);
        if (n > longest) longest = n;
        if (e->basic && k == 0 && n) return n;
        *undefined = e->others_undefined;
    }
    return longest;
}

/* ---- error rates ---- */

/* The windows of both texts in one spelling: where their words end. */
struct window {
    const uint32_t *reference, *prediction;
    size_t r_end[MAX_REFERENCE], h_end[MAX_PREDICTION];
};

static struct window window_of(const struct spans *s, const struct asr_form *reference, size_t i,
                               const struct asr_form *prediction, size_t j) {
    struct window w = {.reference = reference->cps + reference->begin[i],
                       .prediction = prediction->cps + prediction->begin[j]};
    for (size_t r = 0; r < s->r; r++)
        w.r_end[r] = reference->begin[i + r + 1] - reference->begin[i];
    for (size_t h = 0; h < s->h; h++)
        w.h_end[h] = prediction->begin[j + h + 1] - prediction->begin[j];
    return w;
}

typedef uint32_t distances[MAX_REFERENCE][MAX_PREDICTION];

/* Of every beginning of the one to every beginning of the other, word by word. */
static void measure(uint32_t *column, const struct spans *s, const struct window *w,
                    distances out) {
    const size_t rows = w->r_end[s->r - 1];
    size_t done = 0;
    for (size_t x = 0; x <= rows; x++)
        column[x] = (uint32_t)x;
    for (size_t h = 0; h < s->h; h++) {
        for (; done < w->h_end[h]; done++) {
            const uint32_t c = w->prediction[done];
            uint32_t before = column[0]++;
            for (size_t x = 1; x <= rows; x++) {
                const uint32_t above = column[x - 1], here = column[x];
                uint32_t least = above < here ? above : here;
                if (before < least) least = before;
                column[x] = w->reference[x - 1] == c ? before : least + 1;
                before = here;
            }
        }
        for (size_t r = 0; r < s->r; r++)
            out[r][h] = column[w->r_end[r]];
    }
}

static double rate(uint32_t distance, size_t reference, size_t prediction) {
    if (reference == 0) return prediction > 0 ? 1 : 0;
    return (double)distance / (double)reference;
}

static uint32_t in_case(uint32_t cp, bool upper) {
    return upper ? upper_character(cp) : cp;
}

/* Where the first n of p stand in the first len of text: the end, 0 if nowhere. */
static size_t found_end(const uint32_t *text, size_t len, const uint32_t *p, size_t n, bool upper) {
    for (size_t i = 0; i + n <= len; i++) {
        size_t k = 0;
        while (k < n && in_case(text[i + k], upper) == in_case(p[k], upper))
            k++;
        if (k == n) return i + n + 1;
    }
    return 0;
}

/* One holds the other: the lengths' difference; a common beginning: what it lacks; else the
 * distance. */
static double rate_of_parts(const struct aligner *a, const uint32_t *r, size_t n_r,
                            const uint32_t *h, size_t n_h, uint32_t distance) {
    const bool upper = a->reference->one_case || a->prediction->one_case;
    const size_t longer = n_r > n_h ? n_r : n_h, shorter = n_r > n_h ? n_h : n_r;
    const double by = n_r ? (double)n_r : 1, difference = (double)(longer - shorter) / by;
    for (int u = 0; u < (upper ? 2 : 1); u++) {
        if (n_r <= n_h ? found_end(h, n_h, r, n_r, u) : found_end(r, n_r, h, n_h, u))
            return u && difference > 0.8 ? 0.8 : difference;
    }
    size_t common = 0;
    while (common < shorter && in_case(r[common], upper) == in_case(h[common], upper))
        common++;
    if (common >= 3) return 1.0 - (double)common / (double)longer;
    return rate(distance, n_r, n_h);
}

static bool same_window(const struct spans *s, const struct window *x, const struct window *y) {
    const size_t r = s->r - 1, h = s->h - 1;
    return memcmp(x->r_end, y->r_end, s->r * sizeof(size_t)) == 0 &&
           memcmp(x->h_end, y->h_end, s->h * sizeof(size_t)) == 0 &&
           memcmp(x->reference, y->reference, x->r_end[r] * sizeof(uint32_t)) == 0 &&
           memcmp(x->prediction, y->prediction, x->h_end[h] * sizeof(uint32_t)) == 0;
}

/* Normal forms: which one a span has depends on all its words, so there may be four tables. */
static bool measure_normal(struct aligner *a, const struct spans *s, size_t i, size_t j,
                           const struct window *known, const distances known_distances,
                           double out[MAX_REFERENCE][MAX_PREDICTION]) {
    const struct asr_text *reference = a->reference, *prediction = a->prediction;
    const struct asr_form *forms[2][2] = {{&reference->letters, &reference->walked},
                                          {&prediction->letters, &prediction->walked}};
    bool made[2][2] = {{false}}, r_walked = false, undefined = false;
    struct window windows[2][2];
    distances tables[2][2];
    for (size_t r = 0; r < s->r; r++) {
        const struct asr_word *of_reference = &reference->words[i + r];
        bool h_walked = false;
        r_walked |= of_reference->walked;
        for (size_t h = 0; h < s->h; h++) {
            const bool *x = &r_walked, *y = &h_walked;
            h_walked |= prediction->words[j + h].walked;
            struct window *w = &windows[*x][*y];
            if (!made[*x][*y]) {
                *w = window_of(s, forms[0][*x], i, forms[1][*y], j);
                if (same_window(s, w, known))
                    memcpy(tables[*x][*y], known_distances, sizeof(distances));
                else
                    measure(a->column, s, w, tables[*x][*y]);
                made[*x][*y] = true;
            }
            out[r][h] = rate(tables[*x][*y][r][h], w->r_end[r], w->h_end[h]);
        }
    }
    for (size_t r = 0, walked = 0; r < s->r; r++) {
        walked |= reference->words[i + r].walked;
        for (size_t k = 0; k <= r && walked; k++)
            undefined |= reference->words[i + k].undefined;
    }
    for (size_t h = 0, walked = 0; h < s->h; h++) {
        walked |= prediction->words[j + h].walked;
        for (size_t k = 0; k <= h && walked; k++)
            undefined |= prediction->words[j + k].undefined;
    }
    return !undefined;
}

/* The error rates of the spans at i and j; false: upstream fails there. */
static bool measure_spans(struct aligner *a, size_t i, size_t j, struct spans *s) {
    const struct asr_text *reference = a->reference, *prediction = a->prediction;
    double normal[MAX_REFERENCE][MAX_PREDICTION];
    distances direct, bare;
    s->r = at_most(a->m - i, MAX_REFERENCE);
    s->h = at_most(a->n - j, MAX_PREDICTION);
    const struct window lower = window_of(s, &reference->lower, i, &prediction->lower, j);
    const struct window parts = window_of(s, &reference->bare, i, &prediction->bare, j);
    measure(a->column, s, &lower, direct);
    if (same_window(s, &lower, &parts))
        memcpy(bare, direct, sizeof(bare));
    else
        measure(a->column, s, &parts, bare);
    if (!measure_normal(a, s, i, j, &lower, direct, normal)) return false;
    for (size_t r = 0; r < s->r; r++) {
        for (size_t h = 0; h < s->h; h++) {
            double least = rate(direct[r][h], lower.r_end[r], lower.h_end[h]);
            if (normal[r][h] < least) least = normal[r][h];
            const double of_parts = rate_of_parts(a, parts.reference, parts.r_end[r],
                                                  parts.prediction, parts.h_end[h], bare[r][h]);
            s->cer[r][h] = of_parts < least ? of_parts : least;
        }
    }
    return true;
}

/* ---- the table ---- */

/* What a pair of r words with h is worth. Written as upstream adds, term by term: a tie is a tie
 * of rounded sums. */
static double worth(bool expands, size_t r, size_t h, double cer) {
    const double similarity = 1.0 - cer, more_r = (double)(r - 1), more_h = (double)(h - 1);
    if (r > 1) {
        if (similarity >= MATCH_FROM) return similarity + 1.0;
        return similarity - 0.8 - (more_r * 0.3 + more_h * 0.3);
    }
    if (expands) return similarity >= 1.0 - cer_threshold ? similarity + 0.5 : similarity - 0.5;
    if (similarity >= 0.99) return similarity + 5.0;
    if (similarity >= MATCH_FROM) return similarity + 3.0;
    if (h == 1) return similarity + 1.0;
    if (similarity < 0.3) return similarity - 2.0 - more_h * 2.0;
    return similarity - 0.3 - more_h * 0.5;
}

/* Mark the cells that are reached from the first. */
static bool reach(struct aligner *a) {
    bool undefined = false;
    *step_at(a, 0, 0) = REACHED;
    for (size_t i = 0; i <= a->m; i++) {
        for (size_t j = 0; j <= a->n && !undefined; j++) {
            uint32_t *step = step_at(a, i, j);
            if (*step == UNREACHED || (i == a->m && j == a->n)) continue;
            if (i == a->m) {
                *step_at(a, i, j + 1) = REACHED;
            } else if (j == a->n) {
                *step_at(a, i + 1, j) = REACHED;
            } else {
                const size_t k = said_at(a, i, j, &undefined);
                if (k) {
                    *step = (uint32_t)(SAID + k);
                    *step_at(a, i + 1, j + k) = REACHED;
                    continue;
                }
                for (size_t r = 1; r <= at_most(a->m - i, MAX_REFERENCE); r++)
                    for (size_t h = 1; h <= at_most(a->n - j, MAX_PREDICTION); h++)
                        *step_at(a, i + r, j + h) = REACHED;
            }
        }
    }
    return !undefined;
}

/* The best of the spans at a cell; the first of equals. */
static bool choose(struct aligner *a, size_t i, size_t j) {
    const bool expands = a->reference->words[i].expansions.basic;
    struct spans s;
    double best = 0;
    uint32_t *step = step_at(a, i, j);
    if (!measure_spans(a, i, j, &s)) return false;
    for (size_t r = 1; r <= s.r; r++) {
        for (size_t h = 1; h <= s.h; h++) {
            const double value =
                a->values[(i + r) % 4][j + h] + worth(expands, r, h, s.cer[r - 1][h - 1]);
            if (*step != REACHED && !(value > best)) continue;
            best = value;
            *step = (uint32_t)(SPANS + 16 * r + h);
        }
    }
    a->values[i % 4][j] = best;
    return true;
}

static bool value_cells(struct aligner *a) {
    for (size_t i = a->m + 1; i-- > 0;) {
        for (size_t j = a->n + 1; j-- > 0;) {
            const uint32_t step = *step_at(a, i, j);
            double *value = &a->values[i % 4][j];
            if (step == UNREACHED) continue;
            if (i == a->m)
                *value = -(double)(a->n - j);
            else if (j == a->n)
                *value = -(double)(a->m - i);
            else if (step > SAID)
                *value = a->values[(i + 1) % 4][j + step - SAID] + 20.0;
            else if (!choose(a, i, j))
                return false;
        }
    }
    return true;
}

/* The pair at i and j. */
static struct asr_pair pair_at(struct aligner *a, size_t i, size_t j) {
    struct asr_pair p = {.reference = i, .prediction = j, .cer = 1};
    const uint32_t step = *step_at(a, i, j);
    struct spans s;
    if (i == a->m || j == a->n) {
        p.kind = i == a->m ? ASR_INSERTION : ASR_DELETION;
        p.n_reference = i < a->m;
        p.n_prediction = j < a->n;
    } else if (step > SAID) {
        p = (struct asr_pair){ASR_MATCH, i, 1, j, step - SAID, 0};
    } else {
        p.n_reference = (step - SPANS) / 16;
        p.n_prediction = (step - SPANS) % 16;
        measure_spans(a, i, j, &s);
        p.cer = s.cer[p.n_reference - 1][p.n_prediction - 1];
        p.kind = 1.0 - p.cer >= MATCH_FROM ? ASR_MATCH : ASR_SUBSTITUTION;
    }
    return p;
}

static void walk(struct aligner *a, struct asr_pair *pairs, size_t *count) {
    size_t i = 0, j = 0;
    *count = 0;
    while (i < a->m || j < a->n) {
        const struct asr_pair p = pair_at(a, i, j);
        pairs[(*count)++] = p;
        i += p.n_reference;
        j += p.n_prediction;
    }
}

karma_status asr_align(struct arena *arena, const struct asr_text *reference,
                       const struct asr_text *prediction, struct asr_alignment *out) {
    struct arena scratch = {0};
    struct aligner a = {.reference = reference,
                        .prediction = prediction,
                        .m = reference->count,
                        .n = prediction->count};
    *out = (struct asr_alignment){0};
    const uint64_t cells = (uint64_t)(a.m + 1) * (a.n + 1);
    const uint64_t characters =
        ((uint64_t)reference->lower.begin[a.m] + reference->walked.begin[a.m]) *
        ((uint64_t)prediction->lower.begin[a.n] + prediction->walked.begin[a.n]);
    if (a.m > UINT32_MAX / 2 || a.n > UINT32_MAX / 2 || cells > MAX_CELLS ||
        characters > MAX_CHARACTER_CELLS)
        return status_fail(KARMA_E_LIMIT,
                           "a reference of %zu words and a prediction of %zu are too long to be "
                           "aligned; at most %d pairs of words, %d of characters",
                           a.m, a.n, MAX_CELLS, MAX_CHARACTER_CELLS);
    a.steps = arena_calloc(&scratch, cells, sizeof(*a.steps));
    a.column =
        arena_calloc(&scratch, reference->lower.begin[a.m] + reference->walked.begin[a.m] + 1,
                     sizeof(*a.column));
    for (int k = 0; k < 4; k++)
        a.values[k] = arena_calloc(&scratch, a.n + 1, sizeof(double));
    struct asr_pair *pairs = arena_calloc(arena, a.m + a.n + 1, sizeof(*pairs));
    const bool room =
        a.steps && a.column && a.values[0] && a.values[1] && a.values[2] && a.values[3] && pairs;
    if (room && reach(&a) && value_cells(&a)) {
        walk(&a, pairs, &out->count);
        out->pairs = pairs;
    } else {
        out->undefined = true;
    }
    arena_release(&scratch);
    return room ? KARMA_OK : KARMA_E_NOMEM;
}
