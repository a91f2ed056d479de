/*
 * strata.c - accuracy by groups of samples that their other arguments name (country, mentions of
 * gender or age, or any): the score is the accuracy of all, the details have that of each group
 * with Wilson's interval, its number of samples, and the largest difference. KARMA computes the
 * same and keeps the overall figure alone; it rounds to four digits, which is not done here.
 */
#include <math.h>
#include <string.h>

#include "metrics/records.h"

enum { MAX_FIELDS = 32, MAX_VALUES = 200 };

struct field {
    const char *name;
    struct map values;
    size_t *right, *samples; /* of each value */
    size_t cap_right, cap_samples;
};

struct strata {
    struct field fields[MAX_FIELDS];
    size_t n_fields;
};

static karma_status add_field(struct strata *s, const char *name) {
    if (s->n_fields == MAX_FIELDS)
        return status_fail(KARMA_E_LIMIT, "metric argument stratify_by: more than %d fields",
                           MAX_FIELDS);
    s->fields[s->n_fields++].name = name;
    return KARMA_OK;
}

static karma_status open_strata(struct arena *a, const struct json *args, void **state) {
    struct strata *s = *state = arena_calloc(a, 1, sizeof(*s));
    const struct json *by = json_get(args, "stratify_by");
    if (!s) return KARMA_E_NOMEM;
    if (json_is_string(by)) return add_field(s, by->u.string.data);
    if (!json_is_array(by) || json_count(by) == 0)
        return status_fail(KARMA_E_TYPE,
                           "metric argument stratify_by: expected a name or a list "
                           "of names, found %s",
                           json_type_name(by));
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(by) && st == KARMA_OK; i++) {
        const struct json *name = json_at(by, i);
        st =
            json_is_string(name)
                ? add_field(s, name->u.string.data)
                : status_fail(KARMA_E_TYPE, "metric argument stratify_by: expected names, found %s",
                              json_type_name(name));
    }
    return st;
}

static karma_status open_geographic(struct arena *a, const struct json *args, void **state) {
    struct strata *s = *state = arena_calloc(a, 1, sizeof(*s));
    (void)args;
    return s ? add_field(s, "country") : KARMA_E_NOMEM;
}

static karma_status open_demographic(struct arena *a, const struct json *args, void **state) {
    struct strata *s = *state = arena_calloc(a, 1, sizeof(*s));
    (void)args;
    if (!s) return KARMA_E_NOMEM;
    karma_status st = add_field(s, "mentions_gender");
    return st < 0 ? st : add_field(s, "mentions_age");
}

static void close_strata(void *state) {
    struct strata *s = state;
    for (size_t i = 0; s && i < s->n_fields; i++) {
        map_release(&s->fields[i].values);
        mem_free(s->fields[i].right);
        mem_free(s->fields[i].samples);
    }
}

/* A flag that says of what the question speaks, 1.0 or 0.0, as words. */
static karma_status value_text(const struct metric_sample *s, const char *field,
                               const char **value) {
    static const char prefix[] = "mentions_";
    const struct json *v = json_get(s->other_args, field);
    const bool flag = v && (v->type == JSON_REAL || v->type == JSON_INT);
    if (!flag || strncmp(field, prefix, sizeof(prefix) - 1) != 0) return other_arg(s, field, value);
    const bool with = v->type == JSON_REAL ? v->u.real == 1 : v->u.integer == 1;
    *value = arena_printf(s->arena, "%s_%s", with ? "with" : "without", field + sizeof(prefix) - 1);
    return *value ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status add_to_field(struct field *f, const struct metric_sample *s, bool right) {
    const char *value;
    size_t i = 0;
    karma_status st = value_text(s, f->name, &value);
    if (st < 0 || !value) return st;
    const size_t known = f->values.count;
    st = array_grow((void **)&f->right, &f->cap_right, known, sizeof(*f->right));
    if (st == KARMA_OK)
        st = array_grow((void **)&f->samples, &f->cap_samples, known, sizeof(*f->samples));
    if (st == KARMA_OK) st = name_number(&f->values, value, &i);
    if (st < 0) return st;
    if (i == known) f->right[i] = f->samples[i] = 0;
    f->samples[i]++;
    f->right[i] += right;
    return KARMA_OK;
}

static karma_status score(void *state, const struct metric_sample *s, double *out) {
    struct strata *strata = state;
    const bool right = strcmp(s->prediction, s->reference) == 0;
    karma_status st = KARMA_OK;
    *out = right;
    for (size_t i = 0; i < strata->n_fields && st == KARMA_OK; i++)
        st = add_to_field(&strata->fields[i], s, right);
    return st;
}

static karma_status set_of_field(struct arena *a, struct json *o, const char *what,
                                 const char *field, const struct json *value) {
    const char *name = arena_printf(a, "%s_by_%s", what, field);
    return name ? json_set(a, o, name, value) : KARMA_E_NOMEM;
}

static karma_status describe_field(const struct field *f, struct arena *a, struct json *o) {
    struct json *accuracy = json_new_object(a), *counts = json_new_object(a);
    struct json *intervals = json_new_object(a);
    const struct map_entry **sorted;
    double low = 1, high = 0;
    if (!accuracy || !counts || !intervals) return KARMA_E_NOMEM;
    if (f->values.count == 0) return KARMA_OK;
    if (f->values.count > MAX_VALUES)
        return set_of_field(a, o, "too_many_values", f->name,
                            json_new_int(a, (int64_t)f->values.count));
    karma_status st = names_sorted(a, &f->values, &sorted);
    for (size_t k = 0; k < f->values.count && st == KARMA_OK; k++) {
        const size_t i = (size_t)sorted[k]->value.u64;
        const double share = (double)f->right[i] / (double)f->samples[i];
        low = fmin(low, share);
        high = fmax(high, share);
        st = json_set(a, accuracy, sorted[k]->key, json_new_real(a, share));
        if (st == KARMA_OK)
            st = json_set(a, intervals, sorted[k]->key,
                          share_interval(a, f->right[i], f->samples[i]));
        if (st == KARMA_OK)
            st = json_set(a, counts, sorted[k]->key, json_new_int(a, (int64_t)f->samples[i]));
    }
    if (st == KARMA_OK) st = set_of_field(a, o, "accuracy", f->name, accuracy);
    if (st == KARMA_OK) st = set_of_field(a, o, "interval_95", f->name, intervals);
    if (st == KARMA_OK) st = set_of_field(a, o, "disparity", f->name, json_new_real(a, high - low));
    return st < 0 ? st : set_of_field(a, o, "sample_counts", f->name, counts);
}

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    const struct strata *s = state;
    karma_status st = KARMA_OK;
    (void)sum;
    for (size_t i = 0; i < s->n_fields && st == KARMA_OK; i++)
        st = describe_field(&s->fields[i], a, o);
    return st;
}

static const karma_option_spec options[] = {
    {.name = "stratify_by",
     .type = KARMA_OPTION_JSON,
     .default_json = "[\"country\"]",
     .help = "the other arguments of a sample by which accuracy is told apart: a name or a list"},
    {.name = NULL},
};
static const karma_option_spec no_options[] = {{.name = NULL}};

const struct metric_ops metric_stratified = {
    .info = {.name = "stratified_accuracy",
             .description = "share of predictions that are their reference, and that of each group "
                            "of samples",
             .options = options},
    .kind = KARMA_METRIC_SHARE,
    .reads_other_args = true,
    .open = open_strata,
    .close = close_strata,
    .score_sample = score,
    .describe = describe,
};

const struct metric_ops metric_geographic = {
    .info = {.name = "geographic_accuracy",
             .description = "the same by country",
             .options = no_options},
    .kind = KARMA_METRIC_SHARE,
    .reads_other_args = true,
    .open = open_geographic,
    .close = close_strata,
    .score_sample = score,
    .describe = describe,
};

const struct metric_ops metric_demographic = {
    .info = {.name = "demographic_accuracy",
             .description = "the same by whether a question mentions gender or age",
             .options = no_options},
    .kind = KARMA_METRIC_SHARE,
    .reads_other_args = true,
    .open = open_demographic,
    .close = close_strata,
    .score_sample = score,
    .describe = describe,
};
