/*
 * f1.c - F1 of predictions as labels, as scikit-learn's f1_score: of each label the harmonic mean
 * of precision and recall, averaged over labels (macro, weighted), of all decisions (micro), or of
 * one label (binary). A label is the whole text without white space around it; those that nobody
 * named turn up as one goes. What a sample adds are, for each label known so far, 1 or 0 right,
 * wrongly given and missed.
 */
#include <string.h>

#include "base/utf8.h"
#include "metrics/records.h"
#include "text/characters.h"

enum average { MACRO, MICRO, WEIGHTED, BINARY };
static const char *const averages[] = {"macro", "micro", "weighted", "binary", NULL};

enum { RIGHT, WRONG, MISSED, PER_LABEL };
enum {
    MAX_COUNTED = 64, /* labels up to which a sample's counts are given: beyond, they are texts */
    MAX_SHOWN = 32,   /* labels of references that the details name */
    MAX_SHOWN_BYTES = 16,
};

struct decision {
    uint32_t reference, prediction;
};

struct f1 {
    enum average average;
    bool of_references; /* labels of predictions alone do not count */
    size_t n_listed;    /* labels that were named; they come first. 0: all count */
    struct map labels;
    struct decision *kept;
    size_t n, cap;
    double *sums; /* [n_labels * PER_LABEL] */
    size_t cap_sums;
};

static karma_status list_labels(struct f1 *f, const struct json *labels) {
    size_t number;
    if (json_is_string(labels) && strcmp(labels->u.string.data, "references") == 0) {
        f->of_references = true;
        return KARMA_OK;
    }
    if (json_is_null(labels)) return KARMA_OK;
    if (!json_is_array(labels) || json_count(labels) == 0)
        return status_fail(KARMA_E_TYPE, "metric argument labels: expected null, \"references\" or "
                                         "a list of labels");
    for (size_t i = 0; i < json_count(labels); i++) {
        const struct json *label = json_at(labels, i);
        if (!json_is_string(label))
            return status_fail(KARMA_E_TYPE, "metric argument labels: expected texts, found %s",
                               json_type_name(label));
        karma_status st = name_number(&f->labels, label->u.string.data, &number);
        if (st < 0) return st;
    }
    f->n_listed = f->labels.count;
    return KARMA_OK;
}

static karma_status open_f1(struct arena *a, const struct json *args, void **state) {
    struct f1 *f = *state = arena_calloc(a, 1, sizeof(*f));
    size_t number;
    if (!f) return KARMA_E_NOMEM;
    const char *average = json_str(json_get(args, "average"), "");
    while (strcmp(averages[f->average], average) != 0)
        f->average++;
    if (f->average != BINARY) return list_labels(f, json_get(args, "labels"));
    f->n_listed = 1;
    return name_number(&f->labels, json_str(json_get(args, "pos_label"), ""), &number);
}

static void close_f1(void *state) {
    struct f1 *f = state;
    if (!f) return;
    map_release(&f->labels);
    mem_free(f->kept);
    mem_free(f->sums);
}

static karma_status label_of(struct f1 *f, struct arena *a, const char *text, uint32_t *out) {
    size_t len = strlen(text), number;
    text = strip_white_space(text, &len);
    const char *label = arena_strndup(a, text, len);
    karma_status st = label ? name_number(&f->labels, label, &number) : KARMA_E_NOMEM;
    if (st == KARMA_OK) *out = (uint32_t)number;
    return st;
}

static karma_status keep(void *state, const struct metric_sample *s, double *score) {
    struct f1 *f = state;
    struct decision d;
    karma_status st = array_grow((void **)&f->kept, &f->cap, f->n, sizeof(*f->kept));
    if (st == KARMA_OK) st = label_of(f, s->arena, s->reference, &d.reference);
    if (st == KARMA_OK) st = label_of(f, s->arena, s->prediction, &d.prediction);
    while (st == KARMA_OK && f->cap_sums < f->labels.count)
        st = array_grow((void **)&f->sums, &f->cap_sums, f->cap_sums, PER_LABEL * sizeof(*f->sums));
    if (st < 0) return st;
    f->kept[f->n++] = d;
    *score = d.reference == d.prediction;
    return KARMA_OK;
}

/* ---- counts and what is made of them ---- */

static void add_decision(const struct decision *d, double weight, double *sums) {
    if (d->reference == d->prediction) {
        sums[PER_LABEL * d->reference + RIGHT] += weight;
    } else {
        sums[PER_LABEL * d->reference + MISSED] += weight;
        sums[PER_LABEL * d->prediction + WRONG] += weight;
    }
}

static size_t n_counts(const void *state) {
    const struct f1 *f = state;
    return f->labels.count <= MAX_COUNTED ? PER_LABEL * f->labels.count : 0;
}

static karma_status count(void *state, const struct metric_sample *s, double *counts) {
    const struct f1 *f = state;
    (void)s;
    add_decision(&f->kept[f->n - 1], 1, counts);
    return KARMA_OK;
}

static double f1_of(double right, double wrong, double missed) {
    const double all = 2 * right + wrong + missed;
    return all > 0 ? 2 * right / all : 0;
}

static bool label_counts(const struct f1 *f, size_t label, const double *c) {
    if (f->n_listed) return label < f->n_listed;
    return c[RIGHT] + c[MISSED] > 0 || (!f->of_references && c[WRONG] > 0);
}

static double value(const void *state, const double *sum, size_t n) {
    const struct f1 *f = state;
    double right = 0, wrong = 0, missed = 0, of_labels = 0, weighed = 0, n_labels = 0;
    for (size_t i = 0; i < n / PER_LABEL; i++) {
        const double *c = sum + PER_LABEL * i;
        if (!label_counts(f, i, c)) continue;
        const double score = f1_of(c[RIGHT], c[WRONG], c[MISSED]);
        right += c[RIGHT];
        wrong += c[WRONG];
        missed += c[MISSED];
        of_labels += score;
        weighed += score * (c[RIGHT] + c[MISSED]);
        n_labels++;
    }
    switch (f->average) {
    case MICRO:
    case BINARY:
        return f1_of(right, wrong, missed);
    case WEIGHTED:
        return right + missed > 0 ? weighed / (right + missed) : 0;
    case MACRO:
        break;
    }
    if (f->n_listed) n_labels = (double)f->n_listed; /* also those that have not turned up */
    return n_labels > 0 ? of_labels / n_labels : 0;
}

static void sum_up(struct f1 *f, const double *weights) {
    memset(f->sums, 0, PER_LABEL * f->labels.count * sizeof(*f->sums));
    for (size_t i = 0; i < f->n; i++)
        add_decision(&f->kept[i], weights ? weights[i] : 1, f->sums);
}

static double value_of(void *state, const double *weights) {
    struct f1 *f = state;
    sum_up(f, weights);
    return value(f, f->sums, PER_LABEL * f->labels.count);
}

/* ---- by label ---- */

static karma_status describe_label(struct arena *a, const char *label, const double *c,
                                   struct json *to) {
    const double given = c[RIGHT] + c[WRONG], support = c[RIGHT] + c[MISSED];
    struct json *o = json_new_object(a);
    if (!o) return KARMA_E_NOMEM;
    karma_status st =
        json_set(a, o, "precision", json_new_real(a, given > 0 ? c[RIGHT] / given : 0));
    if (st == KARMA_OK)
        st = json_set(a, o, "recall", json_new_real(a, support > 0 ? c[RIGHT] / support : 0));
    if (st == KARMA_OK)
        st = json_set(a, o, "f1", json_new_real(a, f1_of(c[RIGHT], c[WRONG], c[MISSED])));
    if (st == KARMA_OK) st = json_set(a, o, "support", json_new_int(a, (int64_t)support));
    return st < 0 ? st : json_set(a, to, label, o);
}

/* Labels of references are named when they are few and short, or were named by the caller: others
 * are texts of the data set. */
static bool may_be_shown(const struct f1 *f, size_t label, const double *c) {
    if (f->n_listed) return label < f->n_listed;
    const struct map_entry *name = &f->labels.entries[label];
    return c[RIGHT] + c[MISSED] > 0 && name->key_len <= MAX_SHOWN_BYTES &&
           utf8_valid(name->key, name->key_len, NULL);
}

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    struct f1 *f = state;
    struct json *by_label = json_new_object(a);
    const struct map_entry **sorted;
    size_t n_shown = 0, n_labels = 0;
    (void)sum;
    karma_status st = by_label ? names_sorted(a, &f->labels, &sorted) : KARMA_E_NOMEM;
    if (st < 0 || f->n == 0) return st;
    sum_up(f, NULL);
    for (size_t i = 0; i < f->labels.count; i++) {
        n_labels += label_counts(f, i, f->sums + PER_LABEL * i);
        n_shown += may_be_shown(f, i, f->sums + PER_LABEL * i);
    }
    st = json_set(a, o, "n_labels", json_new_int(a, (int64_t)n_labels));
    if (st < 0 || (n_shown > MAX_SHOWN && !f->n_listed)) return st;
    for (size_t i = 0; i < f->labels.count && st == KARMA_OK; i++) {
        const size_t label = (size_t)sorted[i]->value.u64;
        const double *c = f->sums + PER_LABEL * label;
        if (may_be_shown(f, label, c)) st = describe_label(a, sorted[i]->key, c, by_label);
    }
    return st < 0 ? st : json_set(a, o, "by_label", by_label);
}

static const karma_option_spec options[] = {
    {.name = "average",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"macro\"",
     .choices = averages,
     .help = "mean over labels, of all decisions, weighted by how frequent a label is, or of "
             "pos_label alone"},
    {.name = "labels",
     .type = KARMA_OPTION_JSON,
     .default_json = "null",
     .nullable = true,
     .help = "labels that count: null for all of predictions and references, references for those "
             "of references, or a list"},
    {.name = "pos_label",
     .type = KARMA_OPTION_STRING,
     .default_json = "\"1\"",
     .help = "the label of average=binary"},
    {.name = NULL},
};

const struct metric_ops metric_f1 = {
    .info = {.name = "f1",
             .description = "F1 of predictions as labels, macro, micro, weighted or binary, as "
                            "scikit-learn has it",
             .options = options},
    .kind = KARMA_METRIC_RECORDS,
    .open = open_f1,
    .close = close_f1,
    .n_counts = n_counts,
    .count = count,
    .value = value,
    .keep = keep,
    .value_of = value_of,
    .describe = describe,
};
