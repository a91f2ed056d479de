/*
 * option.c - arguments by name, checked against tables. The result is complete and canonical: every
 * known name in table order, reals as reals, so equal arguments are equal text.
 */
#include "base/option.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/utf8.h"

struct resolving {
    struct arena *arena;
    const char *who;
    bool allow_strings;
};

static const char *expected_name(const karma_option_spec *spec) {
    switch (spec->type) {
    case KARMA_OPTION_INT:
        return "an integer";
    case KARMA_OPTION_REAL:
        return "a number";
    case KARMA_OPTION_BOOL:
        return "true or false";
    case KARMA_OPTION_STRING:
        return "a string";
    case KARMA_OPTION_JSON:
        break;
    }
    return "a value";
}

static karma_status wrong_type(const struct resolving *r, const karma_option_spec *spec,
                               const struct json *v) {
    if (json_is_string(v))
        return status_fail(KARMA_E_USAGE, "%s %s: expected %s, found '%s'", r->who, spec->name,
                           expected_name(spec), status_quote(v->u.string.data, v->u.string.len));
    return status_fail(KARMA_E_USAGE, "%s %s: expected %s, found %s", r->who, spec->name,
                       expected_name(spec), json_type_name(v));
}

static bool bool_of_word(const char *word, bool *out) {
    static const char *const yes[] = {"true", "1", "yes", "on"}, *const no[] = {"false", "0", "no",
                                                                                "off"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
        *out = ascii_same(word, yes[i]);
        if (*out || ascii_same(word, no[i])) return true;
    }
    return false;
}

/* Turn *v, a string of a command line, into the number, boolean or null it spells, if it does. */
static karma_status of_string(const struct resolving *r, const karma_option_spec *spec,
                              const struct json **v) {
    const char *text = (*v)->u.string.data;
    size_t len = (*v)->u.string.len;
    struct json parsed = {.type = JSON_NULL};
    if (strlen(text) != len) return KARMA_OK;
    bool found = spec->nullable && ascii_same(text, "null");
    if (!found && spec->type == KARMA_OPTION_BOOL) {
        parsed.type = JSON_BOOL;
        found = bool_of_word(text, &parsed.u.boolean);
    } else if (!found && (spec->type == KARMA_OPTION_INT || spec->type == KARMA_OPTION_REAL)) {
        const struct json *number;
        karma_status st = json_parse(r->arena, text, len, 0, &number); /* keeps integers exact */
        if (st == KARMA_E_NOMEM) return st;
        if (st == KARMA_OK && (number->type == JSON_INT || number->type == JSON_REAL)) {
            *v = number;
            return KARMA_OK;
        }
        parsed.type = JSON_REAL; /* ".5" and "+1", which JSON does not know */
        found = json_parse_real(text, len, &parsed.u.real) && isfinite(parsed.u.real);
    }
    if (!found) return KARMA_OK;
    *v = arena_dup(r->arena, &parsed, sizeof(parsed));
    return *v ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status check_range(const struct resolving *r, const karma_option_spec *spec,
                                double value) {
    char low[32], high[32], found[32];
    if (!(spec->max > spec->min) || (value >= spec->min && value <= spec->max)) return KARMA_OK;
    json_format_real(spec->min, low);
    json_format_real(spec->max, high);
    json_format_real(value, found);
    return status_fail(KARMA_E_RANGE, "%s %s: out of range (expected %s to %s, found %s)", r->who,
                       spec->name, low, high, found);
}

static karma_status check_int(const struct resolving *r, const karma_option_spec *spec,
                              const struct json **v) {
    if ((*v)->type == JSON_INT) return check_range(r, spec, (double)(*v)->u.integer);
    if ((*v)->type != JSON_REAL || (*v)->u.real != floor((*v)->u.real))
        return wrong_type(r, spec, *v);
    karma_status st = check_range(r, spec, (*v)->u.real);
    if (st < 0) return st;
    if (fabs((*v)->u.real) >= 0x1p63)
        return status_fail(KARMA_E_RANGE, "%s %s: integer too large", r->who, spec->name);
    *v = json_new_int(r->arena, (int64_t)(*v)->u.real);
    return *v ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status check_real(const struct resolving *r, const karma_option_spec *spec,
                               const struct json **v) {
    if ((*v)->type != JSON_INT && (*v)->type != JSON_REAL) return wrong_type(r, spec, *v);
    if ((*v)->type == JSON_INT) {
        *v = json_new_real(r->arena, (double)(*v)->u.integer);
        if (!*v) return KARMA_E_NOMEM;
    }
    return check_range(r, spec, (*v)->u.real);
}

static karma_status check_choice(const struct resolving *r, const karma_option_spec *spec,
                                 const struct json *v) {
    if (!spec->choices) return KARMA_OK;
    char allowed[256] = "";
    size_t used = 0;
    for (const char *const *c = spec->choices; *c; c++) {
        if (strcmp(*c, v->u.string.data) == 0) return KARMA_OK;
        int n = snprintf(allowed + used, sizeof(allowed) - used, "%s%s", used ? ", " : "", *c);
        if (n > 0 && (size_t)n < sizeof(allowed) - used) used += (size_t)n;
    }
    allowed[used] = '\0';
    return status_fail(KARMA_E_RANGE, "%s %s: expected one of %s, found '%s'", r->who, spec->name,
                       allowed, status_quote(v->u.string.data, v->u.string.len));
}

/* Check *v and bring it into its canonical form. */
static karma_status check_value(const struct resolving *r, const karma_option_spec *spec,
                                const struct json **v) {
    if (r->allow_strings && json_is_string(*v) && spec->type != KARMA_OPTION_JSON) {
        karma_status st = of_string(r, spec, v);
        if (st < 0) return st;
    }
    if ((*v)->type == JSON_NULL && spec->nullable) return KARMA_OK;
    switch (spec->type) {
    case KARMA_OPTION_INT:
        return check_int(r, spec, v);
    case KARMA_OPTION_REAL:
        return check_real(r, spec, v);
    case KARMA_OPTION_BOOL:
        return (*v)->type == JSON_BOOL ? KARMA_OK : wrong_type(r, spec, *v);
    case KARMA_OPTION_STRING:
        if (!json_is_string(*v) || strlen((*v)->u.string.data) != (*v)->u.string.len)
            return wrong_type(r, spec, *v);
        return check_choice(r, spec, *v);
    case KARMA_OPTION_JSON:
        break;
    }
    return KARMA_OK;
}

/* The first spec of that name; NULL if no table has it. */
static const karma_option_spec *find(const karma_option_spec *const *tables, const char *name) {
    for (; *tables; tables++)
        for (const karma_option_spec *s = *tables; s->name; s++)
            if (strcmp(s->name, name) == 0) return s;
    return NULL;
}

static karma_status unknown_name(const struct resolving *r, const karma_option_spec *const *tables,
                                 const struct json_member *m) {
    size_t count = 0;
    for (const karma_option_spec *const *t = tables; *t; t++)
        for (const karma_option_spec *s = *t; s->name; s++)
            count++;
    const char **names = arena_calloc(r->arena, count + 1, sizeof(*names));
    if (!names) return KARMA_E_NOMEM;
    count = 0;
    for (const karma_option_spec *const *t = tables; *t; t++)
        for (const karma_option_spec *s = *t; s->name; s++)
            names[count++] = s->name;
    int near = nearest_name(m->key, names, count);
    const char *quoted = status_quote(m->key, m->key_len);
    if (count == 0)
        return status_fail(KARMA_E_USAGE, "%s '%s' is not known; there are none", r->who, quoted);
    if (near < 0)
        return status_fail(KARMA_E_USAGE, "%s '%s' is not known; the first of %zu is '%s'", r->who,
                           quoted, count, names[0]);
    return status_fail(KARMA_E_USAGE, "%s '%s' is not known; did you mean '%s'?", r->who, quoted,
                       names[near]);
}

static karma_status resolve_one(const struct resolving *r, const karma_option_spec *spec,
                                const struct json *given, struct json *all) {
    const struct json *v = json_get(given, spec->name);
    if (!v && spec->required)
        return status_fail(KARMA_E_USAGE, "%s %s is required: %s", r->who, spec->name,
                           spec->help ? spec->help : expected_name(spec));
    if (!v && !spec->default_json) return KARMA_OK;
    if (!v) {
        karma_status st =
            json_parse(r->arena, spec->default_json, strlen(spec->default_json), 0, &v);
        if (st < 0) return status_prefix(st, "%s %s: default", r->who, spec->name);
    }
    karma_status st = check_value(r, spec, &v);
    return st < 0 ? st : json_set(r->arena, all, spec->name, v);
}

karma_status options_resolve(struct arena *a, const karma_option_spec *const *tables,
                             const struct json *given, bool allow_strings, const char *who,
                             const struct json **out) {
    struct resolving r = {.arena = a, .who = who, .allow_strings = allow_strings};
    struct json *all = json_new_object(a);
    *out = NULL;
    if (!all) return KARMA_E_NOMEM;
    if (given && !json_is_object(given))
        return status_fail(KARMA_E_USAGE, "%ss must be an object of names and values, found %s",
                           who, json_type_name(given));
    for (size_t i = 0; i < json_count(given); i++) {
        const struct json_member *m = &given->u.object.members[i];
        if (strlen(m->key) != m->key_len || !find(tables, m->key))
            return unknown_name(&r, tables, m);
    }
    for (const karma_option_spec *const *t = tables; *t; t++) {
        for (const karma_option_spec *s = *t; s->name; s++) {
            if (find(tables, s->name) != s) continue; /* hidden by an earlier table */
            karma_status st = resolve_one(&r, s, given, all);
            if (st < 0) return st;
        }
    }
    *out = all;
    return KARMA_OK;
}

static karma_status check_spec(const struct resolving *r, const karma_option_spec *table,
                               size_t i) {
    const karma_option_spec *spec = &table[i];
    const struct json *value;
    if (!spec->name[0] || !utf8_valid(spec->name, strlen(spec->name), NULL))
        return status_fail(KARMA_E_MISSING, "%s %zu: no name", r->who, i + 1);
    for (size_t k = 0; k < i; k++)
        if (strcmp(table[k].name, spec->name) == 0)
            return status_fail(KARMA_E_DUPLICATE, "%s %s: given twice", r->who,
                               status_quotez(spec->name));
    if ((unsigned)spec->type > KARMA_OPTION_JSON)
        return status_fail(KARMA_E_RANGE, "%s %s: type %d is not known", r->who,
                           status_quotez(spec->name), (int)spec->type);
    if (isnan(spec->min) || isnan(spec->max))
        return status_fail(KARMA_E_RANGE, "%s %s: its range is not a number", r->who,
                           status_quotez(spec->name));
    if (!spec->default_json) return KARMA_OK;
    karma_status st = json_parse(r->arena, spec->default_json, strlen(spec->default_json),
                                 JSON_REJECT_DUPLICATES, &value);
    if (st < 0) return status_prefix(st, "%s %s: default", r->who, status_quotez(spec->name));
    st = check_value(r, spec, &value);
    return st == KARMA_E_USAGE ? status_prefix(KARMA_E_TYPE, "default") : st;
}

karma_status options_check(const karma_option_spec *table, const char *who) {
    enum { MAX_OPTIONS = 1000 };
    struct arena a = {0};
    const struct resolving r = {.arena = &a, .who = who};
    karma_status st = KARMA_OK;
    for (size_t i = 0; st == KARMA_OK && table && table[i].name; i++) {
        if (i == MAX_OPTIONS)
            st = status_fail(KARMA_E_LIMIT, "%ss: more than %d; does the table end with name NULL?",
                             who, MAX_OPTIONS);
        if (st == KARMA_OK) st = check_spec(&r, table, i);
    }
    arena_release(&a);
    return st;
}
