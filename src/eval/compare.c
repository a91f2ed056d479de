/*
 * compare.c - karma_compare_runs(): samples of two runs joined by data set and key, every metric
 * tested as pairs, p corrected over the data sets, all of it as JSON. Nothing is dropped in
 * silence: what one run alone has is counted and named.
 */
#include "eval/compare.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/nearest.h"
#include "base/statistics.h"

enum { MAX_KEYS_NAMED = 1000, MAX_SETS_NAMED = 10, COMPARISON_VERSION = 1 };

/* What shows that a file is a comparison. */
static const char mark[] = "\"comparison_version\":";

/* A data set of both runs. */
struct joined {
    const struct compare_set *set[2];
    struct compare_pairs pairs;
    size_t n_joined;      /* in both, scored or not */
    size_t not_scored[2]; /* of these, in that run */
    size_t n_only[2];
    struct json *only[2]; /* keys, as far as they are named */
    struct compare_test *tests;
    size_t n_tests;
    bool digests_differ;
};

struct comparison {
    struct arena arena;
    struct compare_run run[2];
    const karma_compare_options *options;
    struct joined *sets;
    size_t n_sets, n_joined;
    struct json *warnings;
};

karma_compare_options karma_compare_defaults(void) {
    return (karma_compare_options){.struct_size = sizeof(karma_compare_options)};
}

static const char *file_of(const struct comparison *c, int side) {
    return run_files_path(c->run[side].files);
}

static karma_status warn(struct comparison *c, const char *line) {
    return json_push(&c->arena, c->warnings, line ? json_new_string(&c->arena, line) : NULL);
}

/* ---- joining ---- */

/* Samples of one run that the other does not have. */
static karma_status name_only(struct comparison *c, struct joined *j, int side) {
    const struct compare_set *mine = j->set[side], *other = j->set[1 - side];
    j->only[side] = json_new_array(&c->arena);
    if (!j->only[side]) return KARMA_E_NOMEM;
    for (size_t i = 0; i < mine->n; i++) {
        const struct map_entry *e = &mine->keys.entries[i];
        if (map_find(&other->keys, e->key, e->key_len)) continue;
        if (++j->n_only[side] > MAX_KEYS_NAMED) continue;
        karma_status st =
            json_push(&c->arena, j->only[side], json_new_stringn(&c->arena, e->key, e->key_len));
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status join(struct comparison *c, struct joined *j) {
    const struct compare_set *first = j->set[0], *second = j->set[1];
    struct compare_pairs *p = &j->pairs;
    *p = (struct compare_pairs){.set = {first, second}};
    for (int side = 0; side < 2; side++) {
        p->at[side] = arena_calloc(&c->arena, first->n + 1, sizeof(size_t));
        if (!p->at[side]) return KARMA_E_NOMEM;
    }
    for (size_t i = 0; i < first->n; i++) {
        const struct map_entry *e = &first->keys.entries[i];
        const struct map_entry *found = map_find(&second->keys, e->key, e->key_len);
        if (!found) continue;
        const size_t other = (size_t)found->value.u64;
        const bool scored[2] = {first->states[i] == RUN_LINE_SCORED,
                                second->states[other] == RUN_LINE_SCORED};
        j->n_joined++;
        j->not_scored[0] += !scored[0];
        j->not_scored[1] += !scored[1];
        if (!scored[0] || !scored[1]) continue;
        p->at[0][p->n] = i;
        p->at[1][p->n++] = other;
    }
    c->n_joined += j->n_joined;
    karma_status st = name_only(c, j, 0);
    return st == KARMA_OK ? name_only(c, j, 1) : st;
}

static const char *digest_of(const struct compare_run *r, const char *set) {
    const struct json *manifest = run_files_manifest(r->files);
    return json_str(json_get(json_get(json_get(manifest, "datasets"), set), "digest"), "");
}

static karma_status join_all(struct comparison *c) {
    const struct compare_run *first = &c->run[0];
    c->sets = arena_calloc(&c->arena, first->n_sets + 1, sizeof(*c->sets));
    if (!c->sets) return KARMA_E_NOMEM;
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < first->n_sets && st == KARMA_OK; i++) {
        const char *name = first->sets[i].name;
        const struct compare_set *second = compare_find_set(&c->run[1], name);
        if (!second) continue;
        struct joined *j = &c->sets[c->n_sets++];
        j->set[0] = &first->sets[i];
        j->set[1] = second;
        st = join(c, j);
        j->digests_differ = strcmp(digest_of(first, name), digest_of(&c->run[1], name)) != 0;
        if (st == KARMA_OK && j->digests_differ)
            st = warn(c, arena_printf(&c->arena,
                                      "%s: the two runs had different data (digests differ); "
                                      "samples of one key may not be the same question",
                                      name));
    }
    return st;
}

/* "a, b and 3 more" */
static const char *names_of(struct arena *a, const struct compare_run *r) {
    const char *text = r->n_sets ? "" : "none";
    for (size_t i = 0; i < r->n_sets && i < MAX_SETS_NAMED && text; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "", status_quote_path(r->sets[i].name));
    if (!text || r->n_sets <= MAX_SETS_NAMED) return text;
    return arena_printf(a, "%s and %zu more", text, r->n_sets - MAX_SETS_NAMED);
}

static karma_status check_joined(struct comparison *c) {
    if (c->n_joined > 0) return KARMA_OK;
    const char *first = names_of(&c->arena, &c->run[0]), *second = names_of(&c->arena, &c->run[1]);
    if (!first || !second) return KARMA_E_NOMEM;
    if (c->n_sets > 0)
        return status_fail(KARMA_E_MISSING,
                           "%s and %s: no sample is in both: they have the data sets %s in common, "
                           "but no key of those",
                           file_of(c, 0), file_of(c, 1), first);
    return status_fail(KARMA_E_MISSING,
                       "%s and %s: no sample is in both: the first has the data sets %s, the "
                       "second %s",
                       file_of(c, 0), file_of(c, 1), first, second);
}

/* ---- tests ---- */

/* A name that no joined set has in both runs is a mistake. */
static karma_status check_metric(struct comparison *c) {
    const char *wanted = c->options->metric;
    const char *known[64];
    size_t n = 0;
    if (!wanted) return KARMA_OK;
    for (size_t i = 0; i < c->n_sets; i++) {
        const struct compare_set *s = c->sets[i].set[0];
        for (size_t k = 0; k < s->n_metrics; k++) {
            if (!compare_find_metric(c->sets[i].set[1], s->metrics[k].name)) continue;
            if (strcmp(s->metrics[k].name, wanted) == 0) return KARMA_OK;
            if (n < sizeof(known) / sizeof(*known)) known[n++] = s->metrics[k].name;
        }
    }
    const int near = nearest_name(wanted, known, n);
    return status_fail(KARMA_E_NOTFOUND, "no metric '%s' in both runs%s%s%s", status_quotez(wanted),
                       n ? "; " : "",
                       near >= 0 ? "did you mean "
                       : n       ? "the first is "
                                 : "",
                       n ? known[near >= 0 ? near : 0] : "");
}

static karma_status warn_metric(struct comparison *c, const struct joined *j, const char *metric,
                                int side) {
    return warn(c, arena_printf(&c->arena, "%s: %s is in the %s run alone", j->set[0]->name, metric,
                                side ? "second" : "first"));
}

static karma_status test_set(struct comparison *c, struct joined *j) {
    const struct compare_set *first = j->set[0], *second = j->set[1];
    const char *wanted = c->options->metric;
    const struct json *manifest = run_files_manifest(c->run[0].files);
    j->tests = arena_calloc(&c->arena, first->n_metrics + 1, sizeof(*j->tests));
    karma_status st = j->tests ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t k = 0; k < first->n_metrics && st == KARMA_OK; k++) {
        const char *name = first->metrics[k].name;
        if (wanted && strcmp(wanted, name) != 0) continue;
        if (!compare_find_metric(second, name)) {
            st = warn_metric(c, j, name, 0);
            continue;
        }
        st = compare_test(&c->arena, &j->pairs, name, manifest, c->options->delta,
                          &j->tests[j->n_tests]);
        if (st < 0) return status_prefix(st, "%s: %s", first->name, name);
        j->n_tests++;
    }
    for (size_t k = 0; k < second->n_metrics && st == KARMA_OK; k++) {
        const char *name = second->metrics[k].name;
        if (!wanted && !compare_find_metric(first, name)) st = warn_metric(c, j, name, 1);
    }
    return st;
}

static struct compare_test *test_of(const struct joined *j, const char *metric) {
    for (size_t k = 0; k < j->n_tests; k++)
        if (strcmp(j->tests[k].name, metric) == 0) return &j->tests[k];
    return NULL;
}

/* Over the data sets that have the metric. */
static karma_status correct(struct comparison *c) {
    double *p = arena_calloc(&c->arena, c->n_sets + 1, sizeof(*p)),
           *adjusted = arena_calloc(&c->arena, c->n_sets + 1, sizeof(*adjusted));
    if (!p || !adjusted) return KARMA_E_NOMEM;
    for (size_t i = 0; i < c->n_sets; i++)
        for (size_t k = 0; k < c->sets[i].n_tests; k++) {
            for (size_t other = 0; other < c->n_sets; other++) {
                const struct compare_test *t = test_of(&c->sets[other], c->sets[i].tests[k].name);
                p[other] = t ? t->p : NAN;
            }
            stats_holm(p, c->n_sets, adjusted);
            c->sets[i].tests[k].p_holm = adjusted[i];
        }
    return KARMA_OK;
}

/* What cannot be paired still has a score of its own in the results. */
static karma_status take_scores(struct comparison *c) {
    const struct json *results[2] = {NULL, NULL};
    bool needed = false;
    for (size_t i = 0; i < c->n_sets; i++)
        for (size_t k = 0; k < c->sets[i].n_tests; k++)
            needed = needed || !c->sets[i].tests[k].method;
    for (int side = 0; side < 2 && needed; side++) {
        karma_status st = run_files_results(c->run[side].files, &results[side]);
        if (st == KARMA_E_NOMEM) return st;
        if (st < 0) results[side] = NULL; /* saved as CSV, or gone: then without */
        for (size_t i = 0; i < c->n_sets && results[side]; i++)
            for (size_t k = 0; k < c->sets[i].n_tests; k++) {
                struct compare_test *t = &c->sets[i].tests[k];
                const struct json *set = json_get(results[side], c->sets[i].set[side]->name);
                const struct json *m = json_get(json_get(set, "metrics"), t->name);
                const struct json *score = json_get(m, "score");
                if (t->method || !score) continue;
                if (score->type == JSON_REAL) t->score[side] = score->u.real;
                if (score->type == JSON_INT) t->score[side] = (double)score->u.integer;
            }
    }
    return KARMA_OK;
}

/* ---- the object ---- */

static karma_status set_real(struct arena *a, struct json *o, const char *name, double v) {
    return json_set(a, o, name, isfinite(v) ? json_new_real(a, v) : json_new_null(a));
}

static karma_status set_count(struct arena *a, struct json *o, const char *name, size_t n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

static karma_status set_interval(struct arena *a, struct json *o, const char *name, double low,
                                 double high) {
    struct json *pair = json_new_array(a);
    karma_status st = json_push(a, pair, isfinite(low) ? json_new_real(a, low) : json_new_null(a));
    if (st == KARMA_OK)
        st = json_push(a, pair, isfinite(high) ? json_new_real(a, high) : json_new_null(a));
    return st == KARMA_OK ? json_set(a, o, name, pair) : st;
}

static karma_status put_score(struct arena *a, const struct compare_test *t, int side,
                              struct json *o) {
    struct json *s = json_new_object(a);
    karma_status st = s ? set_real(a, s, "score", t->score[side]) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = set_interval(a, s, "interval_95", t->low[side], t->high[side]);
    return st == KARMA_OK ? json_set(a, o, side ? "second" : "first", s) : st;
}

static karma_status put_flips(struct arena *a, const struct joined *j, const struct compare_test *t,
                              struct json *o) {
    static const char *const names[2] = {"right_to_wrong", "wrong_to_right"};
    struct json *flips = json_new_object(a);
    karma_status st = flips ? KARMA_OK : KARMA_E_NOMEM;
    for (int side = 0; side < 2 && st == KARMA_OK; side++) {
        struct json *keys = json_new_array(a);
        if (!keys) return KARMA_E_NOMEM;
        for (size_t i = 0; i < t->only[side] && st == KARMA_OK; i++) {
            const size_t at = j->pairs.at[0][t->flips[side][i]];
            const struct map_entry *e = &j->set[0]->keys.entries[at];
            st = json_push(a, keys, json_new_stringn(a, e->key, e->key_len));
        }
        if (st == KARMA_OK) st = json_set(a, flips, names[side], keys);
    }
    return st == KARMA_OK ? json_set(a, o, "flips", flips) : st;
}

static karma_status put_share(struct arena *a, const struct joined *j, const struct compare_test *t,
                              struct json *o) {
    karma_status st = set_count(a, o, "both_right", t->both);
    if (st == KARMA_OK) st = set_count(a, o, "both_wrong", t->neither);
    if (st == KARMA_OK) st = set_count(a, o, "only_first_right", t->only[0]);
    if (st == KARMA_OK) st = set_count(a, o, "only_second_right", t->only[1]);
    if (st == KARMA_OK) st = set_real(a, o, "mcnemar_p", t->p_mcnemar);
    return st == KARMA_OK ? put_flips(a, j, t, o) : st;
}

static karma_status put_equivalence(struct arena *a, const struct compare_test *t, struct json *o) {
    struct json *e = json_new_object(a);
    karma_status st = e ? set_real(a, e, "delta", t->delta) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = set_real(a, e, "p", t->p_equivalence);
    if (st == KARMA_OK)
        st = json_set(a, e, "equivalent", json_new_bool(a, t->p_equivalence < 0.05));
    return st == KARMA_OK ? json_set(a, o, "equivalence", e) : st;
}

static karma_status put_test(struct arena *a, const struct joined *j, const struct compare_test *t,
                             struct json *to) {
    struct json *o = json_new_object(a);
    const char *words = compare_words(a, t);
    karma_status st = o && words ? set_count(a, o, "n", t->n) : KARMA_E_NOMEM;
    if (st == KARMA_OK && t->n_groups < t->n) st = set_count(a, o, "groups", t->n_groups);
    if (st == KARMA_OK) st = put_score(a, t, 0, o);
    if (st == KARMA_OK) st = put_score(a, t, 1, o);
    if (st == KARMA_OK && t->less_is_better)
        st = json_set(a, o, "less_is_better", json_new_bool(a, true));
    if (st == KARMA_OK && t->method) {
        st = json_set(a, o, "interval_method", json_new_string(a, t->interval_method));
        if (st == KARMA_OK) st = set_real(a, o, "difference", t->difference);
        if (st == KARMA_OK) st = set_real(a, o, "standard_error", t->standard_error);
        if (st == KARMA_OK)
            st = set_interval(a, o, "difference_interval_95", t->diff_low, t->diff_high);
        if (st == KARMA_OK) st = json_set(a, o, "test", json_new_string(a, t->method));
        if (st == KARMA_OK) st = set_real(a, o, "p", t->p);
        if (st == KARMA_OK) st = set_real(a, o, "p_holm", t->p_holm);
        if (st == KARMA_OK) st = set_real(a, o, "detectable_difference", t->detectable);
        if (st == KARMA_OK && t->delta > 0) st = put_equivalence(a, t, o);
        if (st == KARMA_OK && t->share) st = put_share(a, j, t, o);
    }
    if (st == KARMA_OK) st = json_set(a, o, "words", json_new_string(a, words));
    return st == KARMA_OK ? json_set(a, to, t->name, o) : st;
}

static karma_status put_only(struct arena *a, const struct joined *j, int side, struct json *o) {
    struct json *only = json_new_object(a);
    karma_status st = only ? set_count(a, only, "n", j->n_only[side]) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = json_set(a, only, "keys", j->only[side]);
    return st == KARMA_OK ? json_set(a, o, side ? "only_in_second" : "only_in_first", only) : st;
}

static karma_status put_set(struct arena *a, const struct joined *j, struct json *to) {
    struct json *o = json_new_object(a), *metrics = json_new_object(a);
    karma_status st = o && metrics ? set_count(a, o, "joined", j->n_joined) : KARMA_E_NOMEM;
    if (st == KARMA_OK) st = set_count(a, o, "scored_in_both", j->pairs.n);
    if (st == KARMA_OK) st = set_count(a, o, "not_scored_in_first", j->not_scored[0]);
    if (st == KARMA_OK) st = set_count(a, o, "not_scored_in_second", j->not_scored[1]);
    if (st == KARMA_OK) st = put_only(a, j, 0, o);
    if (st == KARMA_OK) st = put_only(a, j, 1, o);
    if (st == KARMA_OK)
        st = json_set(a, o, "dataset_digests_differ", json_new_bool(a, j->digests_differ));
    for (size_t k = 0; k < j->n_tests && st == KARMA_OK; k++)
        st = put_test(a, j, &j->tests[k], metrics);
    if (st == KARMA_OK) st = json_set(a, o, "metrics", metrics);
    return st == KARMA_OK ? json_set(a, to, j->set[0]->name, o) : st;
}

static karma_status put_run(struct comparison *c, int side, struct json *root) {
    struct arena *a = &c->arena;
    const struct compare_run *r = &c->run[side], *other = &c->run[1 - side];
    const struct json *model = json_get(run_files_manifest(r->files), "model");
    const char *name = json_str(json_get(model, "name"), NULL);
    struct json *o = json_new_object(a), *alone = json_new_array(a);
    karma_status st = json_set(a, o, "results", json_new_string(a, file_of(c, side)));
    if (st == KARMA_OK && name) st = json_set(a, o, "model", json_new_string(a, name));
    if (st == KARMA_OK && !alone) st = KARMA_E_NOMEM;
    for (size_t i = 0; i < r->n_sets && st == KARMA_OK; i++)
        if (!compare_find_set(other, r->sets[i].name))
            st = json_push(a, alone, json_new_string(a, r->sets[i].name));
    if (st == KARMA_OK) st = json_set(a, o, "datasets_in_this_run_alone", alone);
    return st == KARMA_OK ? json_set(a, root, side ? "second" : "first", o) : st;
}

static karma_status build(struct comparison *c, struct json *root) {
    struct arena *a = &c->arena;
    struct json *datasets = json_new_object(a);
    karma_status st = set_count(a, root, "comparison_version", COMPARISON_VERSION);
    if (st == KARMA_OK) st = put_run(c, 0, root);
    if (st == KARMA_OK) st = put_run(c, 1, root);
    if (st == KARMA_OK && !datasets) st = KARMA_E_NOMEM;
    for (size_t i = 0; i < c->n_sets && st == KARMA_OK; i++)
        st = put_set(a, &c->sets[i], datasets);
    if (st == KARMA_OK) st = json_set(a, root, "datasets", datasets);
    return st == KARMA_OK ? json_set(a, root, "warnings", c->warnings) : st;
}

static karma_status compare(struct comparison *c, const char *first, const char *second,
                            struct buf *out) {
    c->warnings = json_new_array(&c->arena);
    struct json *root = json_new_object(&c->arena);
    if (!c->warnings || !root) return KARMA_E_NOMEM;
    karma_status st = compare_read(first, &c->run[0]);
    if (st == KARMA_OK) st = compare_read(second, &c->run[1]);
    if (st == KARMA_OK) st = join_all(c);
    if (st == KARMA_OK) st = check_joined(c);
    if (st == KARMA_OK) st = check_metric(c);
    for (size_t i = 0; i < c->n_sets && st == KARMA_OK; i++)
        st = test_set(c, &c->sets[i]);
    if (st == KARMA_OK) st = correct(c);
    if (st == KARMA_OK) st = take_scores(c);
    if (st == KARMA_OK) st = build(c, root);
    if (st == KARMA_OK) st = json_write(out, root, 2, JSON_PYTHON);
    return st == KARMA_OK ? buf_putc(out, '\n') : st;
}

/* Before anything is computed. The mark stands in the first line. */
static karma_status check_output(const char *path, const char *first, const char *second) {
    enum { MARK_BYTES = 256 };
    struct file_map map;
    if (!path) return KARMA_OK;
    if (!path[0]) return status_fail(KARMA_E_USAGE, "output: the path is empty");
    if (file_same(path, first) || file_same(path, second))
        return status_fail(KARMA_E_USAGE, "%s: is what is compared and cannot be the output", path);
    karma_status st = file_check_writable(path);
    if (st < 0 || !file_exists(path)) return st;
    st = file_map_open(path, &map);
    if (st < 0) return st;
    const size_t n = map.size < MARK_BYTES ? map.size : MARK_BYTES;
    const bool ours = n == 0 || memmem(map.data, n, mark, sizeof(mark) - 1) != NULL;
    file_map_close(&map);
    return ours ? KARMA_OK
                : status_fail(KARMA_E_USAGE, "%s: exists and is no comparison; it is not replaced",
                              path);
}

karma_status karma_compare_runs(const char *first, const char *second,
                                const karma_compare_options *options, char **json) {
    struct comparison c = {.options = options};
    struct buf text = {0};
    *json = NULL;
    if (options->struct_size != sizeof(*options))
        return status_fail(KARMA_E_ABI,
                           "karma_compare_options: get one from karma_compare_defaults()");
    if (!(options->delta >= 0) || isinf(options->delta))
        return status_fail(KARMA_E_USAGE, "delta: expected a number above 0");
    karma_status st = check_output(options->output, first, second);
    if (st == KARMA_OK) st = compare(&c, first, second, &text);
    if (st == KARMA_OK && options->output)
        st = file_write_atomic(options->output, text.data, text.len, 0600);
    if (st == KARMA_OK && !(*json = buf_take(&text))) st = KARMA_E_NOMEM;
    buf_release(&text);
    compare_release(&c.run[0]);
    compare_release(&c.run[1]);
    arena_release(&c.arena);
    return st;
}
