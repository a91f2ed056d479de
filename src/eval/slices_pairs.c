/*
 * slices_pairs.c - samples that ask one question in variants (another name, another sex, another
 * country): does the answer stay the same, and is one variant answered better than another? A group
 * is one question; each of its variants is a pair with each other one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/statistics.h"
#include "eval/slices_impl.h"

/* What a group has under one variant: one sample, or several. */
struct cell {
    size_t group, variant;
    size_t first, n; /* samples, of the sorted list */
};

struct member {
    size_t group, variant, sample;
};

struct pairs {
    struct slices *s;
    struct arena arena, scratch; /* scratch is reset between tests */
    struct member *members;
    struct cell *cells; /* by group, then variant */
    size_t n_members, n_cells;
};

static int by_group(const void *a, const void *b) {
    const struct member *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    if (x->variant != y->variant) return x->variant < y->variant ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static karma_status gather(struct pairs *p) {
    const struct slices *s = p->s;
    p->members = arena_calloc(&p->arena, s->n + 1, sizeof(*p->members));
    p->cells = arena_calloc(&p->arena, s->n + 1, sizeof(*p->cells));
    if (!p->members || !p->cells) return KARMA_E_NOMEM;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->variant[i]) continue;
        p->members[p->n_members++] = (struct member){s->group[i], s->variant[i] - 1, i};
    }
    qsort(p->members, p->n_members, sizeof(*p->members), by_group);
    for (size_t i = 0; i < p->n_members; i++) {
        const struct member *m = &p->members[i];
        struct cell *last = p->n_cells ? &p->cells[p->n_cells - 1] : NULL;
        if (!last || last->group != m->group || last->variant != m->variant) {
            last = &p->cells[p->n_cells++];
            *last = (struct cell){m->group, m->variant, i, 0};
        }
        last->n++;
    }
    return KARMA_OK;
}

/* How many cells from i on are of i's group. */
static size_t run_of(const struct pairs *p, size_t i) {
    size_t n = 1;
    while (i + n < p->n_cells && p->cells[i + n].group == p->cells[i].group)
        n++;
    return n;
}

/* The mean score of a cell; NaN: the metric does not apply to one of its samples. */
static double cell_score(const struct pairs *p, const struct cell *c, const double *scores) {
    double sum = 0;
    for (size_t i = 0; i < c->n; i++)
        sum += scores[p->members[c->first + i].sample];
    return sum / (double)c->n;
}

static karma_status put_share(struct arena *a, struct json *o, const char *name, size_t k,
                              size_t n) {
    const struct stats_estimate e = stats_share(k, n);
    struct json *share = json_new_object(a);
    karma_status st = json_set(a, share, "share", slices_real(a, e.value));
    if (st == KARMA_OK) st = slices_set_interval(a, share, "interval_95", e.low, e.high);
    if (st == KARMA_OK) st = json_set(a, share, "n", json_new_int(a, (int64_t)n));
    return st == KARMA_OK ? json_set(a, o, name, share) : st;
}

/* Over groups with several variants: are all their answers one? */
static karma_status put_same_answer(const struct pairs *p, struct arena *a, struct json *o,
                                    size_t *n_groups) {
    size_t same = 0;
    *n_groups = 0;
    for (size_t i = 0, run; i < p->n_cells; i += run) {
        run = run_of(p, i);
        if (run < 2) continue;
        const struct cell *last = &p->cells[i + run - 1];
        const size_t from = p->cells[i].first, to = last->first + last->n;
        bool one = true;
        for (size_t k = from + 1; k < to; k++)
            one &=
                p->s->prediction[p->members[k].sample] == p->s->prediction[p->members[from].sample];
        same += one;
        ++*n_groups;
    }
    return put_share(a, o, "same_answer", same, *n_groups);
}

/* Are all variants of a question scored alike, and right? */
static karma_status put_consistency(const struct pairs *p, const double *scores, struct arena *a,
                                    struct json *o) {
    size_t n = 0, alike = 0, right = 0;
    for (size_t i = 0, run; i < p->n_cells; i += run) {
        run = run_of(p, i);
        double low = INFINITY, high = -INFINITY;
        bool known = run >= 2;
        for (size_t k = 0; k < run && known; k++) {
            const double x = cell_score(p, &p->cells[i + k], scores);
            low = fmin(low, x), high = fmax(high, x);
            known = !isnan(x);
        }
        if (!known) continue;
        n++;
        alike += low == high && (low == 0 || low == 1);
        right += low == 1;
    }
    karma_status st = put_share(a, o, "consistency", alike, n);
    return st == KARMA_OK ? put_share(a, o, "all_right", right, n) : st;
}

/* Two variants over the groups that have both. */
struct test {
    size_t first, second; /* variants */
    struct stats_difference d;
    double score[2];
    size_t only_first, only_second;
    const char *name;
};

static karma_status run_test(struct pairs *p, const struct slices_metric *m, struct test *t) {
    double *x[2] = {arena_calloc(&p->scratch, p->n_cells + 1, sizeof(double)),
                    arena_calloc(&p->scratch, p->n_cells + 1, sizeof(double))};
    if (!x[0] || !x[1]) return KARMA_E_NOMEM;
    size_t n = 0;
    double sum[2] = {0};
    bool whole = m->kind == KARMA_METRIC_SHARE; /* every score is 0 or 1 */
    for (size_t i = 0, run; i < p->n_cells; i += run) {
        const struct cell *of[2] = {NULL, NULL};
        run = run_of(p, i);
        for (size_t k = 0; k < run; k++) {
            if (p->cells[i + k].variant == t->first) of[0] = &p->cells[i + k];
            if (p->cells[i + k].variant == t->second) of[1] = &p->cells[i + k];
        }
        if (!of[0] || !of[1]) continue;
        for (int side = 0; side < 2; side++)
            x[side][n] = cell_score(p, of[side], m->scores);
        if (isnan(x[0][n]) || isnan(x[1][n])) continue;
        sum[0] += x[0][n], sum[1] += x[1][n];
        whole &= of[0]->n == 1 && of[1]->n == 1;
        n++;
    }
    for (size_t i = 0; i < n && whole; i++) {
        t->only_first += x[0][i] > x[1][i];
        t->only_second += x[1][i] > x[0][i];
    }
    t->score[0] = sum[0] / (double)n; /* NaN of none */
    t->score[1] = sum[1] / (double)n;
    t->name = whole ? "mcnemar_exact" : "paired_t";
    if (whole) t->d = stats_paired_shares(t->only_second, t->only_first, n);
    return whole ? KARMA_OK : stats_paired(x[1], x[0], n, NULL, 0, &p->scratch, &t->d);
}

static karma_status test_object(const struct pairs *p, struct arena *a, const struct test *t,
                                double adjusted, struct json *list) {
    const struct map_entry *names = p->s->variants.entries;
    struct json *o = json_new_object(a);
    karma_status st = json_set(a, o, "first", json_new_string(a, names[t->first].key));
    if (st == KARMA_OK) st = json_set(a, o, "second", json_new_string(a, names[t->second].key));
    if (st == KARMA_OK) st = json_set(a, o, "n", json_new_int(a, (int64_t)t->d.n));
    if (st == KARMA_OK) st = json_set(a, o, "first_score", slices_real(a, t->score[0]));
    if (st == KARMA_OK) st = json_set(a, o, "second_score", slices_real(a, t->score[1]));
    if (st == KARMA_OK) st = json_set(a, o, "difference", slices_real(a, t->d.value));
    if (st == KARMA_OK) st = slices_set_interval(a, o, "interval_95", t->d.low, t->d.high);
    if (st == KARMA_OK && strcmp(t->name, "mcnemar_exact") == 0) {
        st = json_set(a, o, "only_first_right", json_new_int(a, (int64_t)t->only_first));
        if (st == KARMA_OK)
            st = json_set(a, o, "only_second_right", json_new_int(a, (int64_t)t->only_second));
    }
    if (st == KARMA_OK) st = json_set(a, o, "test", json_new_string(a, t->name));
    if (st == KARMA_OK) st = json_set(a, o, "p", slices_real(a, t->d.p));
    if (st == KARMA_OK) st = json_set(a, o, "p_holm", slices_real(a, adjusted));
    return st == KARMA_OK ? json_push(a, list, o) : st;
}

/* Every two variants; where they are very many, each with the first. */
static karma_status put_tests(struct pairs *p, const struct slices_metric *m, struct arena *a,
                              struct json *o) {
    const size_t n = p->s->variants.count;
    const size_t first_end = n <= SLICES_MAX_VARIANTS ? n : 1;
    struct arena kept = {0};
    struct test *tests = arena_calloc(&kept, first_end * n + 1, sizeof(*tests));
    double *ps = arena_calloc(&kept, first_end * n + 1, sizeof(*ps)),
           *adjusted = arena_calloc(&kept, first_end * n + 1, sizeof(*adjusted));
    struct json *list = json_new_array(a);
    karma_status st = tests && ps && adjusted && list ? KARMA_OK : KARMA_E_NOMEM;
    size_t n_tests = 0;
    for (size_t i = 0; i < first_end && st == KARMA_OK; i++)
        for (size_t k = i + 1; k < n && st == KARMA_OK; k++) {
            struct test *t = &tests[n_tests];
            *t = (struct test){.first = i, .second = k};
            st = run_test(p, m, t);
            ps[n_tests] = t->d.p;
            n_tests += t->d.n > 0; /* two variants that no question has are no pair */
            arena_reset(&p->scratch);
        }
    if (st == KARMA_OK) stats_holm(ps, n_tests, adjusted);
    for (size_t i = 0; i < n_tests && st == KARMA_OK; i++)
        st = test_object(p, a, &tests[i], adjusted[i], list);
    arena_release(&kept);
    return st == KARMA_OK ? json_set(a, o, "pairs", list) : st;
}

static karma_status put_all(struct pairs *p, struct arena *a, struct json *result) {
    struct json *o = json_new_object(a), *variants = json_new_object(a),
                *metrics = json_new_object(a);
    if (!o || !variants || !metrics) return KARMA_E_NOMEM;
    size_t n_groups;
    karma_status st = put_same_answer(p, a, o, &n_groups);
    if (st < 0 || n_groups == 0) return st;
    st = json_set(a, o, "groups", json_new_int(a, (int64_t)n_groups));
    for (size_t v = 0; v < p->s->variants.count && st == KARMA_OK; v++) {
        size_t n = 0;
        for (size_t i = 0; i < p->n_members; i++)
            n += p->members[i].variant == v;
        st = json_set(a, variants, p->s->variants.entries[v].key, json_new_int(a, (int64_t)n));
    }
    if (st == KARMA_OK) st = json_set(a, o, "variants", variants);
    for (size_t k = 0; k < p->s->n_metrics && st == KARMA_OK; k++) {
        const struct slices_metric *m = &p->s->metrics[k];
        if (m->kind != KARMA_METRIC_SHARE && m->kind != KARMA_METRIC_MEAN) continue;
        struct json *of = json_new_object(a);
        st = of ? KARMA_OK : KARMA_E_NOMEM;
        if (st == KARMA_OK && m->kind == KARMA_METRIC_SHARE)
            st = put_consistency(p, m->scores, a, of);
        if (st == KARMA_OK) st = put_tests(p, m, a, of);
        if (st == KARMA_OK) st = json_set(a, metrics, m->name, of);
    }
    if (st == KARMA_OK) st = json_set(a, o, "metrics", metrics);
    return st == KARMA_OK ? json_set(a, result, "counterfactual", o) : st;
}

karma_status slices_put_pairs(struct slices *s, struct arena *a, struct json *result) {
    struct pairs p = {.s = s};
    if (s->variants.count < 2) return KARMA_OK;
    karma_status st = gather(&p);
    if (st == KARMA_OK) st = put_all(&p, a, result);
    arena_release(&p.arena);
    arena_release(&p.scratch);
    return st;
}
