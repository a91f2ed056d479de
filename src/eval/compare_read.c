/* compare_read.c - a run's log of samples as tables: see compare.h (eval). */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "eval/compare.h"

enum { MAX_METRICS = 64 };

static void release_set(struct compare_set *s) {
    for (size_t k = 0; k < s->n_metrics; k++) {
        mem_free(s->metrics[k].scores);
        mem_free(s->metrics[k].counts);
        mem_free(s->metrics[k].from);
    }
    map_release(&s->keys);
    map_release(&s->group_names);
    mem_free(s->states);
    mem_free(s->groups);
}

void compare_release(struct compare_run *r) {
    for (size_t i = 0; i < r->n_sets; i++)
        release_set(&r->sets[i]);
    mem_free(r->sets);
    map_release(&r->by_name);
    run_files_close(r->files);
    arena_release(&r->arena);
    *r = (struct compare_run){0};
}

struct compare_set *compare_find_set(const struct compare_run *r, const char *name) {
    const struct map_entry *e = map_find(&r->by_name, name, strlen(name));
    return e ? &r->sets[e->value.u64] : NULL;
}

struct compare_metric *compare_find_metric(const struct compare_set *s, const char *name) {
    for (size_t k = 0; k < s->n_metrics; k++)
        if (strcmp(s->metrics[k].name, name) == 0) return &s->metrics[k];
    return NULL;
}

/* ---- growing ---- */

/* array: address of a pointer to the block, whatever it is to. */
static karma_status grow(void *array, size_t n, size_t size) {
    void *old;
    uint64_t bytes;
    if (!size_mul(n, size, &bytes)) return status_fail(KARMA_E_OVERFLOW, "%zu samples", n);
    memcpy(&old, array, sizeof(old));
    void *grown = mem_realloc(old, bytes);
    if (!grown) return KARMA_E_NOMEM;
    memcpy(array, &grown, sizeof(grown));
    return KARMA_OK;
}

static karma_status grow_metric(struct compare_metric *m, size_t cap) {
    karma_status st = grow(&m->scores, cap, sizeof(*m->scores));
    return st == KARMA_OK ? grow(&m->from, cap + 1, sizeof(*m->from)) : st;
}

static karma_status room_for_sample(struct compare_set *s) {
    if (s->n < s->cap) return KARMA_OK;
    const size_t cap = s->cap ? s->cap * 2 : 64;
    karma_status st = grow(&s->states, cap, sizeof(*s->states));
    if (st == KARMA_OK) st = grow(&s->groups, cap, sizeof(*s->groups));
    for (size_t k = 0; k < s->n_metrics && st == KARMA_OK; k++)
        st = grow_metric(&s->metrics[k], cap);
    if (st == KARMA_OK) s->cap = cap;
    return st;
}

static karma_status set_of(struct compare_run *r, const char *name, struct compare_set **out) {
    struct map_entry *entry;
    bool added;
    karma_status st = map_put(&r->by_name, name, strlen(name), &entry, &added);
    if (st < 0) return st;
    if (added) {
        entry->value.u64 = r->n_sets;
        if (r->n_sets == r->sets_cap) {
            const size_t cap = r->sets_cap ? r->sets_cap * 2 : 8;
            st = grow(&r->sets, cap, sizeof(*r->sets));
            if (st < 0) return st;
            r->sets_cap = cap;
        }
        struct compare_set *s = &r->sets[r->n_sets++];
        *s = (struct compare_set){.name = arena_strdup(&r->arena, name)};
        s->metrics = arena_calloc(&r->arena, MAX_METRICS, sizeof(*s->metrics));
        if (!s->name || !s->metrics) return KARMA_E_NOMEM;
    }
    *out = &r->sets[entry->value.u64];
    return KARMA_OK;
}

/* ---- a line ---- */

static double number_of(const struct json *j) {
    if (!j) return NAN;
    if (j->type == JSON_INT) return (double)j->u.integer;
    return j->type == JSON_REAL ? j->u.real : NAN;
}

/* One that turns up late has no score of the samples before. */
static karma_status new_metric(struct compare_run *r, struct compare_set *s, const char *name) {
    if (s->n_metrics == MAX_METRICS)
        return status_fail(KARMA_E_LIMIT, "more than %d metrics", MAX_METRICS);
    struct compare_metric *m = &s->metrics[s->n_metrics];
    m->name = arena_strdup(&r->arena, name);
    if (!m->name) return KARMA_E_NOMEM;
    s->n_metrics++;
    karma_status st = grow_metric(m, s->cap);
    for (size_t i = 0; i < s->n && st == KARMA_OK; i++) {
        m->scores[i] = NAN;
        m->from[i] = 0;
    }
    return st;
}

static karma_status add_counts(struct compare_metric *m, const struct json *counts) {
    const size_t n = json_count(counts);
    if (m->n_counts + n > m->counts_cap) {
        const size_t cap = (m->n_counts + n) * 2;
        karma_status st = grow(&m->counts, cap, sizeof(*m->counts));
        if (st < 0) return st;
        m->counts_cap = cap;
    }
    for (size_t i = 0; i < n; i++) {
        const double x = number_of(json_at(counts, i));
        if (!isfinite(x))
            return status_fail(KARMA_E_TYPE, "counts: %s: expected numbers, found %s", m->name,
                               json_type_name(json_at(counts, i)));
        m->counts[m->n_counts++] = x;
    }
    if (n > m->width) m->width = n;
    return KARMA_OK;
}

static karma_status add_scores(struct compare_run *r, struct compare_set *s,
                               const struct run_line *line) {
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(line->scores) && st == KARMA_OK; i++) {
        const char *name = line->scores->u.object.members[i].key;
        if (!compare_find_metric(s, name)) st = new_metric(r, s, name);
    }
    for (size_t k = 0; k < s->n_metrics && st == KARMA_OK; k++) {
        struct compare_metric *m = &s->metrics[k];
        const struct json *score = line->scores ? json_get(line->scores, m->name) : NULL;
        if (!json_is_null(score) && score->type != JSON_INT && score->type != JSON_REAL)
            return status_fail(KARMA_E_TYPE, "scores: %s: expected a number, found %s", m->name,
                               json_type_name(score));
        m->scores[s->n] = number_of(score);
        m->from[s->n] = m->n_counts;
        if (line->counts) st = add_counts(m, json_get(line->counts, m->name));
        m->from[s->n + 1] = m->n_counts;
    }
    return st;
}

static karma_status add_group(struct compare_set *s, const char *group) {
    struct map_entry *entry;
    bool added;
    s->groups[s->n] = 0;
    if (!group) return KARMA_OK;
    karma_status st = map_put(&s->group_names, group, strlen(group), &entry, &added);
    if (st < 0) return st;
    if (added) entry->value.u64 = s->group_names.count;
    s->groups[s->n] = (size_t)entry->value.u64;
    return KARMA_OK;
}

static karma_status add_line(struct compare_run *r, const struct run_line *line) {
    struct compare_set *s;
    struct map_entry *entry;
    bool added;
    karma_status st = set_of(r, line->dataset, &s);
    if (st == KARMA_OK) st = room_for_sample(s);
    if (st == KARMA_OK) st = map_put(&s->keys, line->key, strlen(line->key), &entry, &added);
    if (st < 0) return st;
    if (!added)
        return status_fail(KARMA_E_DUPLICATE, "sample %s of %s for the second time",
                           status_quotez(line->key), status_quote_path(line->dataset));
    entry->value.u64 = s->n;
    s->states[s->n] = line->state;
    st = add_group(s, line->group);
    if (st == KARMA_OK) st = add_scores(r, s, line);
    s->n += st == KARMA_OK;
    return st;
}

/* A log that lost lines, or had them changed, would give a comparison of something else. */
static karma_status check_chain(const struct compare_run *r, const struct run_chain *chain) {
    const char *wanted = json_str(json_get(run_files_manifest(r->files), "chain"), chain->hex);
    if (strcmp(wanted, chain->hex) == 0) return KARMA_OK;
    return status_fail(KARMA_E_DIGEST,
                       "%s: its %zu lines are not those that the run wrote (the chain of digests "
                       "in the manifest is another)",
                       run_files_log(r->files), chain->n);
}

static karma_status read_lines(struct compare_run *out, struct buf *text) {
    struct run_line line = {0};
    struct run_chain chain;
    karma_status st;
    run_chain_begin(&chain);
    while ((st = run_files_next(out->files, &line)) == KARMA_OK) {
        st = add_line(out, &line);
        if (st < 0)
            return status_prefix(st, "%s: line %zu", run_files_log(out->files), line.line_no);
        buf_clear(text);
        st = run_line_for_chain(line.object, text);
        if (st < 0) return st;
        run_chain_add(&chain, text->data, text->len);
    }
    return st < 0 ? st : check_chain(out, &chain); /* KARMA_DONE: behind the last */
}

karma_status compare_read(const char *results, struct compare_run *out) {
    struct buf text = {0};
    *out = (struct compare_run){0};
    karma_status st = run_files_open(results, &out->files);
    if (st == KARMA_OK) st = read_lines(out, &text);
    buf_release(&text);
    return st;
}
