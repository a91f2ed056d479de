/* slices.c - see slices.h: gathering, and scores by the values of a field. */
#include "eval/slices.h"

#include <math.h>
#include <string.h>

#include "base/statistics.h"
#include "eval/slices_impl.h"

/* ---- gathering ---- */

karma_status slices_create(const struct plan_dataset *d, size_t n, size_t min_n,
                           struct slices **out) {
    struct slices *s = *out = mem_calloc(1, sizeof(*s));
    if (!s) return KARMA_E_NOMEM;
    s->d = d;
    s->cap = n;
    s->min_n = min_n ? min_n : SLICES_MIN_N;
    return KARMA_OK;
}

/* Room for all samples, once there is one to keep. */
static karma_status make_room(struct slices *s) {
    const size_t n = s->cap;
    struct arena *a = &s->arena;
    if (s->metrics) return KARMA_OK;
    s->metrics = arena_calloc(a, s->d->n_metrics + 1, sizeof(*s->metrics));
    s->group = arena_calloc(a, n + 1, sizeof(*s->group));
    s->variant = arena_calloc(a, n + 1, sizeof(*s->variant));
    s->prediction = arena_calloc(a, n + 1, sizeof(*s->prediction));
    bool whole = s->metrics && s->group && s->variant && s->prediction;
    for (size_t k = 0; k < s->d->n_metrics && whole; k++) {
        struct slices_metric *m = &s->metrics[s->n_metrics++];
        m->name = s->d->metrics[k].name;
        m->metric = s->d->metrics[k].metric;
        m->kind = karma_metric_get_kind(m->metric);
        m->scores = arena_calloc(a, n + 1, sizeof(*m->scores));
        whole = m->scores;
        m->counted = m->kind == KARMA_METRIC_COUNTS || m->kind == KARMA_METRIC_RECORDS;
        if (!whole || !m->counted) continue;
        m->counts_from = arena_calloc(a, n + 1, sizeof(*m->counts_from));
        m->counts_len = arena_calloc(a, n + 1, sizeof(*m->counts_len));
        whole = m->counts_from && m->counts_len;
    }
    return whole ? KARMA_OK : KARMA_E_NOMEM;
}

void slices_destroy(struct slices *s) {
    if (!s) return;
    for (size_t k = 0; k < s->n_metrics; k++)
        mem_free(s->metrics[k].counts);
    for (size_t f = 0; f < s->n_fields; f++) {
        map_release(&s->fields[f].values);
        mem_free(s->fields[f].n_failed);
    }
    map_release(&s->groups);
    map_release(&s->variants);
    map_release(&s->predictions);
    arena_release(&s->arena);
    mem_free(s);
}

/* The number of a name, a new one if need be. */
static karma_status number_of(struct map *m, const char *name, size_t *out) {
    struct map_entry *entry;
    bool added;
    karma_status st = map_put(m, name, strlen(name), &entry, &added);
    if (st < 0) return st;
    if (added) entry->value.u64 = m->count - 1;
    *out = (size_t)entry->value.u64;
    return KARMA_OK;
}

static karma_status open_fields(struct slices *s, const struct judged *j) {
    if (s->fields || j->n_slices == 0) return KARMA_OK;
    s->fields = arena_calloc(&s->arena, j->n_slices, sizeof(*s->fields));
    if (!s->fields) return KARMA_E_NOMEM;
    for (; s->n_fields < j->n_slices; s->n_fields++) {
        struct slices_field *f = &s->fields[s->n_fields];
        f->name = arena_strdup(&s->arena, j->slice_fields[s->n_fields]);
        f->of = arena_calloc(&s->arena, s->cap + 1, sizeof(*f->of));
        if (!f->name || !f->of) return KARMA_E_NOMEM;
    }
    return KARMA_OK;
}

static karma_status count_failed(struct slices_field *f, size_t value) {
    if (value >= f->n_failed_cap) {
        const size_t cap = value * 2 + 8;
        size_t *grown = mem_realloc(f->n_failed, cap * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        memset(grown + f->n_failed_cap, 0, (cap - f->n_failed_cap) * sizeof(*grown));
        f->n_failed = grown;
        f->n_failed_cap = cap;
    }
    f->n_failed[value]++;
    return KARMA_OK;
}

/* The values of sample s->n, or, of a failed one, their counts. */
static karma_status add_values(struct slices *s, const struct judged *j, bool failed) {
    karma_status st = open_fields(s, j);
    for (size_t k = 0; k < s->n_fields && k < j->n_slices && st == KARMA_OK; k++) {
        struct slices_field *f = &s->fields[k];
        size_t value;
        if (!j->slice_values[k]) {
            f->n_unsaid++;
            continue;
        }
        st = number_of(&f->values, j->slice_values[k], &value);
        if (st == KARMA_OK && failed) st = count_failed(f, value);
        if (st == KARMA_OK && !failed) f->of[s->n] = value + 1;
    }
    return st;
}

/* Which variant of its group's question a sample is, as its other arguments say: in a; NULL: none.
 */
static karma_status variant_of(struct arena *a, const struct judged *j, const char **out) {
    const char *text = j->sample->other_args_json;
    const struct json *args;
    *out = NULL;
    if (!j->group || !text) return KARMA_OK;
    karma_status st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &args);
    if (st < 0) return st;
    const struct json *variant = json_get(args, "variant");
    *out = json_str(variant, NULL);
    if (!variant || variant->type != JSON_INT) return KARMA_OK;
    *out = arena_printf(a, "%lld", (long long)variant->u.integer);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status add_counts(struct slices_metric *m, size_t at) {
    const double *counts;
    size_t n;
    if (!m->counts_from) return KARMA_OK;
    karma_status st = karma_metric_sample_counts(m->metric, &counts, &n);
    if (st < 0) return st;
    /* Of labels too many to count some samples add nothing: then there is no score of sums. */
    if (n == 0 && m->kind == KARMA_METRIC_RECORDS && !isnan(m->scores[at])) m->counted = false;
    if (m->n_counts + n > m->cap) {
        const size_t cap = (m->n_counts + n) * 2 + 64;
        double *grown = mem_realloc(m->counts, cap * sizeof(*grown));
        if (!grown) return KARMA_E_NOMEM;
        m->counts = grown;
        m->cap = cap;
    }
    m->counts_from[at] = m->n_counts;
    m->counts_len[at] = n;
    for (size_t i = 0; i < n; i++)
        m->counts[m->n_counts++] = counts[i];
    if (n > m->width) m->width = n;
    return KARMA_OK;
}

static karma_status add_group(struct slices *s, const struct judged *j) {
    size_t group = s->n_groups; /* its own, but for what it shares */
    if (j->group) {
        struct map_entry *entry;
        bool added;
        karma_status st = map_put(&s->groups, j->group, strlen(j->group), &entry, &added);
        if (st < 0) return st;
        if (added) entry->value.u64 = s->n_groups;
        group = (size_t)entry->value.u64;
    }
    s->group[s->n] = group;
    if (group == s->n_groups) s->n_groups++;
    return KARMA_OK;
}

static karma_status add_variant(struct slices *s, const struct judged *j, const char *variant) {
    size_t number;
    if (!variant) return KARMA_OK;
    karma_status st = number_of(&s->variants, variant, &number);
    if (st < 0) return st;
    s->variant[s->n] = number + 1;
    return number_of(&s->predictions, j->clean_prediction, &s->prediction[s->n]);
}

/* Without fields only samples that are variants are of interest, so that a set of neither takes no
 * memory here. */
static karma_status add(struct slices *s, const struct judged *j, struct arena *a) {
    const bool failed = j->answer->status < 0;
    const char *variant = NULL;
    karma_status st = failed ? KARMA_OK : variant_of(a, j, &variant);
    if (st < 0 || (j->n_slices == 0 && !variant)) return st;
    if (s->n == s->cap) return status_fail(KARMA_E_INTERNAL, "slices: more samples than %zu", s->n);
    st = make_room(s);
    if (st == KARMA_OK) st = add_values(s, j, failed);
    if (st < 0 || failed) return st;
    st = add_group(s, j);
    if (st == KARMA_OK) st = add_variant(s, j, variant);
    for (size_t k = 0; k < s->n_metrics && st == KARMA_OK; k++) {
        s->metrics[k].scores[s->n] = j->scores[k];
        st = add_counts(&s->metrics[k], s->n);
    }
    s->n += st == KARMA_OK;
    return st;
}

karma_status slices_add(struct slices *s, const struct judged *j) {
    struct arena a = {0};
    karma_status st = add(s, j, &a);
    arena_release(&a);
    return st;
}

/* ---- a value of a field ---- */

struct json *slices_real(struct arena *a, double v) {
    return isfinite(v) ? json_new_real(a, v) : json_new_null(a);
}

karma_status slices_set_interval(struct arena *a, struct json *o, const char *name, double low,
                                 double high) {
    struct json *interval = json_new_array(a);
    karma_status st = json_push(a, interval, slices_real(a, low));
    if (st == KARMA_OK) st = json_push(a, interval, slices_real(a, high));
    return st == KARMA_OK ? json_set(a, o, name, interval) : st;
}

/* A metric over one field, value by value. */
struct cut {
    const struct slices *s;
    const struct slices_metric *m;
    const struct slices_field *f;
    struct arena *scratch; /* reset between values */
    size_t value;          /* the one looked at */
    size_t n_resamples;
    bool grouped; /* some samples share a group */
};
/* What came of it. */
struct part {
    struct stats_estimate score;
    struct stats_difference rest;
    const char *method, *test; /* test NULL: none was possible */
};

static bool counts_here(const struct cut *c, size_t i) {
    return c->f->of[i] != 0 && !isnan(c->m->scores[i]);
}

static bool inside(const struct cut *c, size_t i) {
    return c->f->of[i] == c->value + 1;
}

static karma_status cut_share(const struct cut *c, struct part *out) {
    size_t right[2] = {0}, n[2] = {0};
    for (size_t i = 0; i < c->s->n; i++) {
        if (!counts_here(c, i)) continue;
        n[inside(c, i)]++;
        right[inside(c, i)] += c->m->scores[i] > 0.5;
    }
    out->score = stats_share(right[1], n[1]);
    out->method = "wilson";
    out->rest = stats_two_shares(right[1], n[1], right[0], n[0]);
    out->test = "two_proportion_z";
    return KARMA_OK;
}

static karma_status cut_mean(const struct cut *c, struct part *out) {
    size_t n[2] = {0};
    double *x[2] = {arena_calloc(c->scratch, c->s->n + 1, sizeof(double)),
                    arena_calloc(c->scratch, c->s->n + 1, sizeof(double))};
    if (!x[0] || !x[1]) return KARMA_E_NOMEM;
    for (size_t i = 0; i < c->s->n; i++) {
        const int side = inside(c, i);
        if (counts_here(c, i)) x[side][n[side]++] = c->m->scores[i];
    }
    karma_status st = stats_mean(x[1], n[1], &out->score);
    out->method = "normal";
    if (st == KARMA_OK) st = stats_welch(x[1], n[1], x[0], n[0], &out->rest);
    out->test = "welch";
    return st;
}

static karma_status cut_grouped(const struct cut *c, struct part *out) {
    const size_t n = c->s->n;
    size_t used = 0;
    double *x = arena_calloc(c->scratch, n + 1, sizeof(*x));
    bool *marked = arena_calloc(c->scratch, n + 1, sizeof(*marked));
    size_t *group = arena_calloc(c->scratch, n + 1, sizeof(*group));
    struct stats_sum *sums = arena_calloc(c->scratch, c->s->n_groups + 1, sizeof(*sums));
    if (!x || !marked || !group || !sums) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (!counts_here(c, i)) continue;
        x[used] = c->m->scores[i];
        marked[used] = inside(c, i);
        group[used] = c->s->group[i];
        if (marked[used]) {
            sums[group[used]].numerator += x[used];
            sums[group[used]].denominator++;
        }
        used++;
    }
    karma_status st = c->m->kind == KARMA_METRIC_SHARE
                          ? stats_clustered_share(sums, c->s->n_groups, &out->score)
                          : stats_clustered(sums, c->s->n_groups, &out->score);
    out->method = "clustered";
    if (st == KARMA_OK)
        st =
            stats_marked_difference(x, marked, group, used, c->s->n_groups, c->scratch, &out->rest);
    out->test = "t_by_group";
    return st;
}

static double score_of_counts(const void *metric, const double *sum, size_t n) {
    double score;
    return karma_metric_from_counts(metric, sum, n, &score) == KARMA_OK ? score : NAN;
}

/* Rows of counts: one for each sample, or for each group inside and outside. */
static karma_status cut_counts(const struct cut *c, struct part *out) {
    const size_t n = c->s->n, width = c->m->width ? c->m->width : 1;
    double *rows = arena_calloc(c->scratch, n + 1, width * sizeof(*rows));
    double *own = arena_calloc(c->scratch, n + 1, width * sizeof(*own));
    bool *marked = arena_calloc(c->scratch, n + 1, sizeof(*marked));
    size_t *row_of = arena_calloc(c->scratch, 2 * c->s->n_groups + 1, sizeof(*row_of));
    if (!rows || !own || !marked || !row_of) return KARMA_E_NOMEM;
    size_t n_rows = 0, n_own = 0;
    for (size_t i = 0; i < n; i++) {
        if (!counts_here(c, i)) continue;
        size_t *at = &row_of[2 * c->s->group[i] + inside(c, i)]; /* its row + 1 */
        if (*at == 0) {
            *at = ++n_rows;
            marked[n_rows - 1] = inside(c, i);
        }
        for (size_t k = 0; k < c->m->counts_len[i]; k++)
            rows[(*at - 1) * width + k] += c->m->counts[c->m->counts_from[i] + k];
    }
    for (size_t r = 0; r < n_rows; r++)
        if (marked[r]) memcpy(own + n_own++ * width, rows + r * width, width * sizeof(*own));
    const struct stats_counts all = {rows, n_rows, width, score_of_counts, c->m->metric},
                              part = {own, n_own, width, score_of_counts, c->m->metric};
    karma_status st = stats_bootstrap(&part, c->n_resamples, c->scratch, &out->score);
    out->method = "bootstrap";
    if (st == KARMA_OK)
        st = stats_marked_counts(&all, marked, c->n_resamples, c->scratch, &out->rest);
    out->test = "permutation";
    return st;
}

static karma_status measure(const struct cut *c, struct part *out) {
    karma_status st;
    *out = (struct part){0};
    if (c->m->counted) {
        st = cut_counts(c, out);
    } else if (c->grouped) {
        st = cut_grouped(c, out);
    } else {
        st = c->m->kind == KARMA_METRIC_SHARE ? cut_share(c, out) : cut_mean(c, out);
    }
    if (isnan(out->rest.p)) out->test = NULL;
    return st;
}

/* ---- the object ---- */

static karma_status part_object(struct arena *a, const struct part *p, double adjusted,
                                struct json *o) {
    karma_status st = json_set(a, o, "score", slices_real(a, p->score.value));
    if (st == KARMA_OK)
        st = json_set(a, o, "standard_error", slices_real(a, p->score.standard_error));
    if (st == KARMA_OK) st = slices_set_interval(a, o, "interval_95", p->score.low, p->score.high);
    if (st == KARMA_OK) st = json_set(a, o, "interval_method", json_new_string(a, p->method));
    if (st < 0 || isnan(p->rest.value)) return st;
    st = json_set(a, o, "difference_to_rest", json_new_real(a, p->rest.value));
    if (st == KARMA_OK)
        st = slices_set_interval(a, o, "difference_interval_95", p->rest.low, p->rest.high);
    if (st < 0 || !p->test) return st;
    st = json_set(a, o, "test", json_new_string(a, p->test));
    if (st == KARMA_OK) st = json_set(a, o, "p", json_new_real(a, p->rest.p));
    return st == KARMA_OK ? json_set(a, o, "p_holm", json_new_real(a, adjusted)) : st;
}

/* The values of a field that are listed. */
struct listed {
    size_t *values, n;  /* indices */
    size_t *n_scored;   /* [values of the field] */
    size_t left_out;    /* values */
    struct json **objs; /* [n]: "metrics" of each; NULL below the minimum */
};

static karma_status put_metric(struct slices *s, struct arena *a, const struct slices_field *f,
                               const struct slices_metric *m, const struct listed *l, bool grouped,
                               size_t n_resamples) {
    struct arena scratch = {0}, kept = {0};
    struct part *parts = arena_calloc(&kept, l->n + 1, sizeof(*parts));
    double *p = arena_calloc(&kept, l->n + 1, sizeof(*p)),
           *adjusted = arena_calloc(&kept, l->n + 1, sizeof(*adjusted));
    karma_status st = parts && p && adjusted ? KARMA_OK : KARMA_E_NOMEM;
    struct cut c = {.s = s,
                    .m = m,
                    .f = f,
                    .scratch = &scratch,
                    .n_resamples = n_resamples,
                    .grouped = grouped};
    for (size_t i = 0; i < l->n && st == KARMA_OK; i++) {
        p[i] = NAN;
        if (!l->objs[i]) continue;
        c.value = l->values[i];
        st = measure(&c, &parts[i]);
        if (st == KARMA_OK && parts[i].test) p[i] = parts[i].rest.p;
        arena_reset(&scratch);
    }
    if (st == KARMA_OK) stats_holm(p, l->n, adjusted);
    for (size_t i = 0; i < l->n && st == KARMA_OK; i++) {
        if (!l->objs[i]) continue;
        struct json *o = json_new_object(a);
        st = o ? part_object(a, &parts[i], adjusted[i], o) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = json_set(a, l->objs[i], m->name, o);
    }
    arena_release(&scratch);
    arena_release(&kept);
    return st;
}

/* All values; of a field with very many the large ones, as far as there is room. */
static karma_status choose_values(const struct slices *s, struct arena *a,
                                  const struct slices_field *f, struct listed *l) {
    const size_t n = f->values.count;
    l->values = arena_calloc(a, n + 1, sizeof(*l->values));
    l->n_scored = arena_calloc(a, n + 1, sizeof(*l->n_scored));
    l->objs = arena_calloc(a, n + 1, sizeof(*l->objs));
    if (!l->values || !l->n_scored || !l->objs) return KARMA_E_NOMEM;
    for (size_t i = 0; i < s->n; i++)
        if (f->of[i]) l->n_scored[f->of[i] - 1]++;
    for (size_t v = 0; v < n; v++) {
        const bool wanted = n <= SLICES_MAX_VALUES || l->n_scored[v] >= s->min_n;
        if (wanted && l->n < SLICES_MAX_VALUES) {
            l->values[l->n++] = v;
        } else {
            l->left_out++;
        }
    }
    return KARMA_OK;
}

/* So that a large set does not take longer to resample than to answer: at most so many visits of a
 * row, but never fewer resamples than an interval can do with. */
static size_t resamples_for(size_t n_rows, size_t n_values) {
    enum { FEWEST = 200 };
    const double visits = 4e8, each = 2.0 * (double)n_rows * (double)n_values + 1;
    const double n = visits / each;
    return n >= STATS_RESAMPLES ? STATS_RESAMPLES : n <= FEWEST ? FEWEST : (size_t)n;
}

static karma_status put_count(struct arena *a, struct json *o, const char *name, size_t n) {
    return json_set(a, o, name, json_new_int(a, (int64_t)n));
}

static karma_status put_field(struct slices *s, struct arena *a, const struct slices_field *f,
                              struct json *by_slice, struct json *about) {
    struct listed l = {0};
    struct arena kept = {0};
    struct json *values = json_new_object(a), *told = json_new_object(a);
    karma_status st = values && told ? choose_values(s, &kept, f, &l) : KARMA_E_NOMEM;
    for (size_t i = 0; i < l.n && st == KARMA_OK; i++) {
        const size_t v = l.values[i];
        struct json *o = json_new_object(a);
        st = o ? put_count(a, o, "n", l.n_scored[v]) : KARMA_E_NOMEM;
        if (st == KARMA_OK && v < f->n_failed_cap && f->n_failed[v])
            st = put_count(a, o, "failed", f->n_failed[v]);
        if (st == KARMA_OK && l.n_scored[v] >= s->min_n) {
            l.objs[i] = json_new_object(a);
            st = json_set(a, o, "metrics", l.objs[i]);
        }
        if (st == KARMA_OK) st = json_set(a, values, f->values.entries[v].key, o);
    }
    const bool grouped = s->n_groups < s->n;
    const size_t n_resamples = resamples_for(s->n, l.n);
    bool drawn = false;
    for (size_t k = 0; k < s->n_metrics && st == KARMA_OK; k++) {
        const struct slices_metric *m = &s->metrics[k];
        if (m->kind == KARMA_METRIC_RECORDS && !m->counted) continue; /* of all together alone */
        drawn |= m->counted;
        st = put_metric(s, a, f, m, &l, grouped, n_resamples);
    }
    if (st == KARMA_OK) st = put_count(a, told, "values", f->values.count);
    if (st == KARMA_OK && l.left_out) st = put_count(a, told, "values_left_out", l.left_out);
    if (st == KARMA_OK && f->n_unsaid) st = put_count(a, told, "samples_without", f->n_unsaid);
    if (st == KARMA_OK && drawn) st = put_count(a, told, "resamples", n_resamples);
    if (st == KARMA_OK) st = json_set(a, about, f->name, told);
    if (st == KARMA_OK) st = json_set(a, by_slice, f->name, values);
    arena_release(&kept);
    return st;
}

static karma_status put_fields(struct slices *s, struct arena *a, struct json *result) {
    struct json *by_slice = json_new_object(a), *about = json_new_object(a),
                *fields = json_new_object(a);
    if (!by_slice || !about || !fields) return KARMA_E_NOMEM;
    karma_status st = put_count(a, about, "minimum_n", s->min_n);
    if (st == KARMA_OK)
        st = json_set(a, about, "p_holm", json_new_string(a, "over the values of a field"));
    for (size_t k = 0; k < s->n_fields && st == KARMA_OK; k++)
        st = put_field(s, a, &s->fields[k], by_slice, fields);
    if (st == KARMA_OK) st = json_set(a, about, "fields", fields);
    if (st == KARMA_OK) st = json_set(a, result, "by_slice", by_slice);
    return st == KARMA_OK ? json_set(a, result, "by_slice_about", about) : st;
}

karma_status slices_put(struct slices *s, struct arena *a, struct json *result) {
    karma_status st = s->n_fields ? put_fields(s, a, result) : KARMA_OK;
    return st == KARMA_OK ? slices_put_pairs(s, a, result) : st;
}
