/*
 * numeric_tolerance.c - 1 if the number of a prediction lies within a tolerance of the reference's.
 * The tolerance is the sample's own (other arguments: tolerance) or else the metric's. A number may
 * stand alone, with commas between thousands, or in a JSON object as its primary_field (an argument
 * of the sample, too) or as its one number. With compat=true the rule is KARMA's: a number alone
 * counts, and one that is off by a factor of 100 as well.
 */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "metrics/answer_json.h"
#include "metrics/metric.h"
#include "text/characters.h"
#include "text/python_float.h"

struct rule {
    bool compat;
    double tolerance, relative;
};

static karma_status open_rule(struct arena *a, const struct json *args, void **state) {
    struct rule *r = *state = arena_calloc(a, 1, sizeof(*r));
    if (!r) return KARMA_E_NOMEM;
    r->compat = json_get(args, "compat")->u.boolean;
    r->tolerance = json_get(args, "tolerance")->u.real;
    r->relative = json_get(args, "relative_tolerance")->u.real;
    return KARMA_OK;
}

/* "1,234,567.8": the commas are three digits apart and before the point. */
static bool without_commas(const char *text, size_t len, char *out, size_t cap, size_t *n) {
    size_t digits = 0, groups = 0;
    bool whole = true;
    *n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == ',') {
            if (!whole || (groups == 0 ? digits < 1 || digits > 3 : digits != 3)) return false;
            groups++;
            digits = 0;
            continue;
        }
        if (whole && !ascii_is_digit(text[i]) && *n > 0) {
            if (groups && digits != 3) return false;
            whole = false;
        }
        digits += ascii_is_digit(text[i]);
        if (*n + 1 >= cap) return false;
        out[(*n)++] = text[i];
    }
    return !(whole && groups && digits != 3);
}

static bool number_alone(const char *text, double *out) {
    enum { LONGEST = 400 };
    char plain[LONGEST];
    size_t len = strlen(text), n;
    text = strip_white_space(text, &len);
    if (len > 0 && *text == '+') {
        text++;
        len--;
        if (len > 0 && *text == '-') return false;
    }
    return without_commas(text, len, plain, sizeof(plain), &n) && json_parse_real(plain, n, out) &&
           isfinite(*out);
}

static bool number_of(const struct json *j, double *out) {
    if (!j) return false;
    if (j->type == JSON_INT) *out = (double)j->u.integer;
    if (j->type == JSON_REAL) *out = j->u.real;
    if (j->type == JSON_STRING) return number_alone(j->u.string.data, out);
    return (j->type == JSON_INT || j->type == JSON_REAL) && isfinite(*out);
}

/* The named member, or the only one that is a number. */
static bool number_in(const struct json *o, const char *field, double *out) {
    double v;
    size_t n = 0;
    if (field) return number_of(json_get(o, field), out);
    for (size_t i = 0; i < json_count(o); i++) {
        if (!number_of(o->u.object.members[i].value, &v)) continue;
        *out = v;
        n++;
    }
    return n == 1;
}

static karma_status read_number(struct arena *a, const char *text, const char *field, bool *found,
                                double *out) {
    const struct json *j;
    *found = number_alone(text, out);
    if (*found) return KARMA_OK;
    karma_status st = answer_json(a, text, &j);
    if (st == KARMA_OK && j)
        *found = json_is_object(j) ? number_in(j, field, out) : number_of(j, out);
    return st;
}

static bool right_as_in_karma(const char *prediction, const char *reference, double tolerance) {
    double p, r;
    if (!python_float(prediction, strlen(prediction), &p) ||
        !python_float(reference, strlen(reference), &r))
        return false;
    if (fabs(p - r) <= tolerance) return true;
    return r != 0 && (fabs(p / 100 - r) <= tolerance || fabs(p * 100 - r) <= tolerance);
}

static karma_status score(void *state, const struct metric_sample *s, double *out) {
    const struct rule *rule = state;
    const struct json *own = json_get(s->other_args, "tolerance");
    double tolerance = rule->tolerance, p, r;
    bool found, reference_found;
    if (!json_is_null(own) && (!number_of(own, &tolerance) || tolerance < 0))
        return status_fail(KARMA_E_TYPE, "other_args: tolerance: expected a number not below 0");
    if (rule->compat) {
        *out = right_as_in_karma(s->prediction, s->reference, tolerance);
        return KARMA_OK;
    }
    const char *field = json_str(json_get(s->other_args, "primary_field"), NULL);
    karma_status st = read_number(s->arena, s->reference, field, &reference_found, &r);
    if (st == KARMA_OK && !reference_found)
        st = status_fail(KARMA_E_TYPE, "reference: expected a number, or an object with one");
    if (st == KARMA_OK) st = read_number(s->arena, s->prediction, field, &found, &p);
    if (st < 0) return st;
    /* 5.1 and 5.2 are 0.1 apart, though not as binary fractions. */
    const double rounding = 1e-12 * fmax(fabs(found ? p : 0), fabs(r));
    const double allowed = fmax(tolerance, rule->relative * fabs(r)) + rounding;
    *out = found && fabs(p - r) <= allowed;
    return KARMA_OK;
}

static const karma_option_spec options[] = {
    {.name = "tolerance",
     .type = KARMA_OPTION_REAL,
     .default_json = "0",
     .min = 0,
     .max = 1e300,
     .help = "largest difference, where the sample has none of its own"},
    {.name = "relative_tolerance",
     .type = KARMA_OPTION_REAL,
     .default_json = "0",
     .min = 0,
     .max = 1,
     .help = "or this share of the reference, if that is more"},
    {.name = "compat",
     .type = KARMA_OPTION_BOOL,
     .default_json = "false",
     .help = "KARMA's rule: no JSON, and a factor of 100 either way is forgiven"},
    {.name = NULL},
};

const struct metric_ops metric_numeric_tolerance = {
    .info = {.name = "numeric_tolerance",
             .description = "share of predictions whose number is that of the reference, within a "
                            "tolerance",
             .options = options},
    .kind = KARMA_METRIC_SHARE,
    .reads_other_args = true,
    .open = open_rule,
    .score_sample = score,
};
