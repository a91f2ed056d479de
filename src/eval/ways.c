/* ways.c - see ways.h. */
#include "eval/ways.h"

#include <math.h>
#include <string.h>

const char *way_name(enum way w) {
    static const char *const names[WAY_COUNT] = {"generation", "letters", "options"};
    return names[w];
}

const char *reading_name(enum reading r) {
    static const char *const names[READING_COUNT] = {"generation",       "letters",
                                                     "options",          "options_normalized",
                                                     "options_per_byte", "options_per_token"};
    return names[r];
}

void way_readings(enum way w, enum reading *first, enum reading *end) {
    static const enum reading begins[WAY_COUNT + 1] = {READ_TEXT, READ_LETTERS, READ_SUM,
                                                       READING_COUNT};
    *first = begins[w];
    *end = begins[w + 1];
}

enum reading ways_headline(const struct plan_dataset *d) {
    enum reading first, end;
    way_readings(d->ways[0], &first, &end);
    return first;
}

bool ways_has(const struct plan_dataset *d, enum way w) {
    for (size_t i = 0; i < d->n_ways; i++)
        if (d->ways[i] == w) return true;
    return false;
}

/* --- names ------------------------------------------------------------------------------------ */

static bool find_way(const char *name, size_t len, enum way *out) {
    for (int w = 0; w < WAY_COUNT; w++) {
        const char *known = way_name((enum way)w);
        if (strlen(known) != len || memcmp(known, name, len) != 0) continue;
        *out = (enum way)w;
        return true;
    }
    return false;
}

karma_status ways_parse(const char *text, enum way out[WAY_COUNT], size_t *n) {
    const char *at = text ? text : "generation";
    if (strcmp(at, "all") == 0) at = "generation,letters,options";
    *n = 0;
    for (;;) {
        const size_t len = strcspn(at, ",");
        enum way way;
        if (!find_way(at, len, &way))
            return status_fail(KARMA_E_USAGE,
                               "answer_by: expected generation, letters, options, several of them "
                               "with commas between, or all; found \"%s\"",
                               status_quotez(text));
        for (size_t i = 0; i < *n; i++)
            if (out[i] == way)
                return status_fail(KARMA_E_USAGE, "answer_by: %s is named twice", way_name(way));
        out[(*n)++] = way;
        if (!at[len]) return KARMA_OK;
        at += len + 1;
    }
}

const char *ways_text(struct arena *a, const struct plan_dataset *d) {
    const char *text = "";
    for (size_t i = 0; i < d->n_ways && text; i++)
        text = arena_printf(a, "%s%s%s", text, i ? "," : "", way_name(d->ways[i]));
    return text;
}

/* --- what was compared ------------------------------------------------------------------------ */

static bool is_number(const struct json *j, double *out) {
    if (!j || (j->type != JSON_REAL && j->type != JSON_INT)) return false;
    *out = j->type == JSON_REAL ? j->u.real : (double)j->u.integer;
    return true;
}

static size_t characters(const char *text) {
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

/* By what a sum is divided. */
static bool length_of(const struct json *raw, const char *text, size_t k, enum reading r,
                      double *out) {
    *out = 1;
    if (r == READ_PER_CHARACTER) *out = (double)characters(text);
    if (r == READ_PER_BYTE) *out = (double)strlen(text);
    return r != READ_PER_TOKEN || is_number(json_at(json_get(raw, "tokens"), k), out);
}

static bool read_value(const struct json *raw, const char *label, const char *text, size_t k,
                       enum reading r, double *out) {
    double length;
    if (r == READ_LETTERS) return is_number(json_get(raw, label), out);
    if (!is_number(json_at(json_get(raw, "sums"), k), out)) return false;
    if (!length_of(raw, text, k, r, &length) || !(length > 0)) return false;
    *out /= length;
    return true;
}

static void choose(struct comparison *c) {
    double sum = 0;
    c->best = 0;
    for (size_t k = 1; k < c->n; k++)
        if (c->values[k] > c->values[c->best]) c->best = k;
    for (size_t k = 0; k < c->n; k++)
        sum += exp(c->values[k] - c->values[c->best]);
    c->confidence = 1 / sum;
}

karma_status ways_compare(struct arena *a, struct plan_dataset *d, size_t i,
                          const struct answer *answer, enum reading r, struct comparison *out) {
    const char *const *labels, *const *texts;
    const char *text = answer->raw_text ? answer->raw_text : "";
    const struct json *raw = NULL;
    karma_status st = karma_dataset_choices(d->data, i, &labels, &texts, &out->n);
    if (st < 0) return st;
    st = json_parse(a, text, strlen(text), JSON_LAST_WINS, &raw);
    if (st == KARMA_E_NOMEM) return st;
    const size_t told = json_count(r == READ_LETTERS ? raw : json_get(raw, "sums"));
    bool good = st == KARMA_OK && json_is_object(raw) && out->n > 0 && told == out->n &&
                out->n <= KARMA_MAX_CANDIDATES;
    for (size_t k = 0; good && k < out->n; k++) {
        out->labels[k] = labels[k];
        good = read_value(raw, labels[k], texts[k], k, r, &out->values[k]);
    }
    if (!good)
        return status_fail(KARMA_E_SYNTAX, "sample %zu: what is stored is no comparison of its %s",
                           i, r == READ_LETTERS ? "letters" : "options");
    choose(out);
    return KARMA_OK;
}
