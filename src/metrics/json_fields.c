/*
 * json_fields.c - a JSON answer against a JSON reference, field by field: the score of a sample is
 * the mean over the reference's fields. Texts are equal or not, white space around them and, by
 * default, case left aside; numbers within a tolerance; lists are sets, scored by F1; objects are
 * entered, so that a field is a path (vitals.pulse). Null is what is absent. Fields that the
 * reference does not have are counted and cost nothing.
 */
#include <math.h>
#include <string.h>

#include "metrics/answer_json.h"
#include "metrics/records.h"

enum { MAX_FIELDS = 500, MAX_DEPTH = 16 };

struct field {
    double sum;
    size_t n;
};

struct fields {
    double tolerance, relative;
    bool ignore_case;
    struct map paths;
    struct field *of; /* [paths.count] */
    size_t cap;
    size_t n_unparsed, n_extra;
    double sum; /* of the sample under way */
    size_t n;
};

static karma_status open_fields(struct arena *a, const struct json *args, void **state) {
    struct fields *f = *state = arena_calloc(a, 1, sizeof(*f));
    if (!f) return KARMA_E_NOMEM;
    f->tolerance = json_get(args, "tolerance")->u.real;
    f->relative = json_get(args, "relative_tolerance")->u.real;
    f->ignore_case = json_get(args, "ignore_case")->u.boolean;
    return KARMA_OK;
}

static void close_fields(void *state) {
    struct fields *f = state;
    if (!f) return;
    map_release(&f->paths);
    mem_free(f->of);
}

static bool as_number(const struct json *j, double *out) {
    if (j->type == JSON_INT) *out = (double)j->u.integer;
    if (j->type == JSON_REAL) *out = j->u.real;
    return j->type == JSON_INT || j->type == JSON_REAL;
}

/* A number also where it stands in quotes. */
static bool to_number(const struct json *j, double *out) {
    return as_number(j, out) ||
           (json_is_string(j) && json_parse_real(j->u.string.data, j->u.string.len, out));
}

/* Lists and objects inside lists are compared as they are written. */
static karma_status text_of(struct arena *a, const struct json *j, const char **out) {
    if (json_is_string(j)) {
        *out = j->u.string.data;
        return KARMA_OK;
    }
    struct buf text = {0};
    karma_status st = json_write(&text, j, 0, JSON_COMPACT);
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&text)))) st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}

static karma_status same_value(const struct fields *f, struct arena *a, const struct json *got,
                               const struct json *want, bool *same) {
    double p, r;
    const char *x, *y;
    *same = false;
    if (json_is_null(got) || json_is_null(want)) {
        *same = json_is_null(got) && json_is_null(want);
        return KARMA_OK;
    }
    if (as_number(want, &r) || (as_number(got, &r) && to_number(want, &r))) {
        *same = to_number(got, &p) && fabs(p - r) <= fmax(f->tolerance, f->relative * fabs(r)) +
                                                         1e-12 * fmax(fabs(p), fabs(r));
        return KARMA_OK;
    }
    if ((want->type == JSON_BOOL) != (got->type == JSON_BOOL)) return KARMA_OK;
    karma_status st = text_of(a, got, &x);
    if (st == KARMA_OK) st = text_of(a, want, &y);
    return st < 0 ? st : same_answer(x, y, f->ignore_case, same);
}

/* F1 of two lists as sets; an element of the one is found in the other once. */
static karma_status compare_lists(const struct fields *f, struct arena *a, const struct json *got,
                                  const struct json *want, double *score) {
    const size_t n = json_count(got), m = json_count(want);
    size_t common = 0;
    bool *used = arena_calloc(a, n + 1, sizeof(*used));
    if (!used) return KARMA_E_NOMEM;
    for (size_t i = 0; i < m; i++) {
        bool same = false;
        for (size_t k = 0; k < n && !same; k++) {
            if (used[k]) continue;
            karma_status st = same_value(f, a, json_at(got, k), json_at(want, i), &same);
            if (st < 0) return st;
            if (same) used[k] = true;
        }
        common += same;
    }
    *score = n + m == 0 ? 1 : 2 * (double)common / (double)(n + m);
    return KARMA_OK;
}

static karma_status note_field(struct fields *f, const char *path, double score) {
    size_t number;
    f->sum += score;
    f->n++;
    if (f->paths.count == MAX_FIELDS && !map_find(&f->paths, path, strlen(path))) return KARMA_OK;
    const size_t known = f->paths.count;
    karma_status st = array_grow((void **)&f->of, &f->cap, known, sizeof(*f->of));
    if (st == KARMA_OK) st = name_number(&f->paths, path, &number);
    if (st < 0) return st;
    if (number == known) f->of[number] = (struct field){0};
    f->of[number].sum += score;
    f->of[number].n++;
    return KARMA_OK;
}

/* got NULL: absent. */
static karma_status compare(struct fields *f, struct arena *a, const char *path, int depth,
                            const struct json *got, const struct json *want) {
    double score = 0;
    bool same;
    karma_status st = KARMA_OK;
    if (json_is_object(want) && json_count(want) > 0 && depth < MAX_DEPTH) {
        for (size_t i = 0; i < json_count(want) && st == KARMA_OK; i++) {
            const struct json_member *m = &want->u.object.members[i];
            const char *inner = *path ? arena_printf(a, "%s.%s", path, m->key) : m->key;
            if (!inner) return KARMA_E_NOMEM;
            st = compare(f, a, inner, depth + 1, json_get(got, m->key), m->value);
        }
        for (size_t i = 0; json_is_object(got) && i < json_count(got); i++)
            f->n_extra += json_get(want, got->u.object.members[i].key) == NULL;
        return st;
    }
    if (json_is_array(want)) {
        if (json_is_array(got)) st = compare_lists(f, a, got, want, &score);
    } else {
        st = same_value(f, a, got, want, &same);
        score = st == KARMA_OK && same;
    }
    return st < 0 ? st : note_field(f, path, score);
}

static karma_status score(void *state, const struct metric_sample *s, double *out) {
    struct fields *f = state;
    const struct json *got, *want;
    karma_status st =
        json_parse(s->arena, s->reference, strlen(s->reference), JSON_LAST_WINS, &want);
    if (st == KARMA_OK && (!json_is_object(want) || json_count(want) == 0))
        st = status_fail(KARMA_E_TYPE, "expected an object with a member, found %s",
                         json_is_object(want) ? "one without" : json_type_name(want));
    if (st < 0) return status_prefix(st, "reference");
    st = answer_json(s->arena, s->prediction, &got);
    if (st < 0) return st;
    f->n_unparsed += !json_is_object(got);
    f->sum = 0;
    f->n = 0;
    st = compare(f, s->arena, "", 0, json_is_object(got) ? got : NULL, want);
    *out = f->n ? f->sum / (double)f->n : 0;
    return st;
}

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    const struct fields *f = state;
    struct json *by_field = json_new_object(a);
    (void)sum;
    karma_status st = by_field ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < f->paths.count && st == KARMA_OK; i++) {
        struct json *field = json_new_object(a);
        if (!field) return KARMA_E_NOMEM;
        st = json_set(a, field, "score", json_new_real(a, f->of[i].sum / (double)f->of[i].n));
        if (st == KARMA_OK) st = json_set(a, field, "n", json_new_int(a, (int64_t)f->of[i].n));
        if (st == KARMA_OK) st = json_set(a, by_field, f->paths.entries[i].key, field);
    }
    if (st == KARMA_OK) st = json_set(a, o, "by_field", by_field);
    if (st == KARMA_OK) st = json_set(a, o, "n_not_json", json_new_int(a, (int64_t)f->n_unparsed));
    return st < 0 ? st : json_set(a, o, "n_extra_fields", json_new_int(a, (int64_t)f->n_extra));
}

static const karma_option_spec options[] = {
    {.name = "tolerance",
     .type = KARMA_OPTION_REAL,
     .default_json = "0",
     .min = 0,
     .max = 1e300,
     .help = "largest difference of numbers"},
    {.name = "relative_tolerance",
     .type = KARMA_OPTION_REAL,
     .default_json = "0",
     .min = 0,
     .max = 1,
     .help = "or this share of the reference's, if that is more"},
    {.name = "ignore_case",
     .type = KARMA_OPTION_BOOL,
     .default_json = "true",
     .help = "compare texts in lower case"},
    {.name = NULL},
};

const struct metric_ops metric_json_fields = {
    .info = {.name = "json_fields",
             .description = "mean share of the fields of a JSON reference that a JSON answer has "
                            "right",
             .options = options},
    .kind = KARMA_METRIC_MEAN,
    .open = open_fields,
    .close = close_fields,
    .score_sample = score,
    .describe = describe,
};
