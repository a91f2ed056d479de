/*
 * rubric_json.c - JSON output by the items of one or several passes (other_args: rubric_passes),
 * each item by one question for each of its axes. An item passes if all of them do; one without
 * axes is not scored. A pass's score is the share of its items that pass, over all samples; the
 * score is the mean over passes that have items, each counting the same, as in KARMA 0.2.0.
 *
 * There a judge writes a JSON object for each pass; here it answers yes or no to each item, so the
 * items must be known: they are the pass's "items", or its "metadata" where that has criteria, or
 * what its prompt lists, a line each. The judge is shown the prompt and the output.
 */
#include <math.h>
#include <string.h>

#include "base/map.h"
#include "metrics/records.h"
#include "metrics/verdicts.h"

enum { MAX_PASSES = 8, MAX_SLICES = 1000 };
enum { PASSED, SOFT, ITEMS, N_COUNTS }; /* of a pass */

struct slice {
    size_t passed, n;
};

struct json_rubric {
    struct verdicts verdicts;
    struct map passes; /* by name: number */
    struct map names;  /* "pass", "field", "value" with NUL between: number */
    struct slice *slices;
    size_t cap;
};

static karma_status open_rubric(struct arena *a, const struct json *args, void **state) {
    (void)args;
    *state = arena_calloc(a, 1, sizeof(struct json_rubric));
    return *state ? KARMA_OK : KARMA_E_NOMEM;
}

static void close_rubric(void *state) {
    struct json_rubric *r = state;
    if (!r) return;
    map_release(&r->passes);
    map_release(&r->names);
    mem_free(r->slices);
}

/* --- items ------------------------------------------------------------------------------------ */

/* "1.", "2)", "R-01:", "- ": what a line of a list begins with; 0: it is none. */
static size_t mark_length(const char *line, const char *end) {
    const char *p = line;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    const char *begin = p;
    if (end - p > 1 && (*p == '-' || *p == '*') && p[1] == ' ') return (size_t)(p + 2 - line);
    while (p < end && ((*p >= 'A' && *p <= 'Z') || *p == '_' || *p == '-'))
        p++;
    const char *digits = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    if (p == digits || p - begin > 16 || end - p < 2) return 0;
    return strchr(".):", *p) && p[1] == ' ' ? (size_t)(p + 2 - line) : 0;
}

/* Name and text of a line of a list. */
static karma_status add_line(struct arena *a, const char *line, const char *end, size_t mark,
                             struct json *items) {
    const char *before = arena_strndup(a, line, mark);
    const char *text = arena_strndup(a, line + mark, (size_t)(end - line) - mark);
    const char *name = before ? verdict_strip(a, before) : NULL;
    struct json *o = json_new_object(a);
    if (!name || !text || !o) return KARMA_E_NOMEM;
    size_t len = strlen(name);
    while (len && strchr(".):-*", name[len - 1]))
        len--;
    struct json *id =
        len ? json_new_stringn(a, name, len) : json_new_int(a, (int64_t)json_count(items) + 1);
    karma_status st = json_set(a, o, "id", id);
    if (st == KARMA_OK) st = json_set(a, o, "criterion", json_new_string(a, text));
    return st == KARMA_OK ? json_push(a, items, o) : st;
}

static karma_status items_of_prompt(struct arena *a, const char *prompt, struct json *items) {
    karma_status st = KARMA_OK;
    for (const char *line = prompt; *line && st == KARMA_OK;) {
        const char *end = line + strcspn(line, "\n");
        const size_t mark = mark_length(line, end);
        if (mark) st = add_line(a, line, end, mark, items);
        line = *end ? end + 1 : end;
    }
    if (st == KARMA_OK && json_count(items) == 0)
        st = status_fail(KARMA_E_MISSING, "there are no items, and its prompt lists none");
    return st;
}

static const char *criterion_of(const struct json *item) {
    return json_str(json_get(item, "criterion"), NULL);
}

static karma_status items_of(struct arena *a, const struct json *pass, const char *prompt,
                             const struct json **out) {
    const struct json *given = json_get(pass, "items"), *metadata = json_get(pass, "metadata");
    if (json_is_null(given) && json_count(metadata) && criterion_of(json_at(metadata, 0)))
        given = metadata;
    *out = given;
    if (json_is_null(given)) {
        struct json *list = json_new_array(a);
        *out = list;
        return list ? items_of_prompt(a, prompt, list) : KARMA_E_NOMEM;
    }
    if (!json_is_array(given))
        return status_fail(KARMA_E_TYPE, "items: expected a list, found %s", json_type_name(given));
    for (size_t i = 0; i < json_count(given); i++)
        if (!criterion_of(json_at(given, i)))
            return status_fail(KARMA_E_MISSING, "items: number %zu: criterion: missing", i + 1);
    return KARMA_OK;
}

/* --- axes ------------------------------------------------------------------------------------- */

/* -1: neither. */
static int yes_or_no(const struct json *value) {
    const char *text = json_str(value, NULL);
    if (value && value->type == JSON_BOOL) return value->u.boolean;
    if (value && value->type == JSON_INT && value->u.integer >= 0 && value->u.integer <= 1)
        return (int)value->u.integer;
    if (text && (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)) return 1;
    return text && (strcmp(text, "no") == 0 || strcmp(text, "false") == 0) ? 0 : -1;
}

/* Which answer lets the item pass. */
static karma_status read_condition(const struct json *axis, const char *field, bool *wanted) {
    const struct json *when = json_get(axis, "passes_when"), *in = json_get(when, "in");
    const struct json *eq = json_get(when, "eq"), *neq = json_get(when, "neq");
    bool lets[2] = {false, false};
    int value = -1;
    if (eq || neq) {
        value = yes_or_no(eq ? eq : neq);
        if (value >= 0) lets[eq ? value : !value] = true;
    }
    for (size_t i = 0; !eq && !neq && i < json_count(in); i++) {
        value = yes_or_no(json_at(in, i));
        if (value >= 0) lets[value] = true;
    }
    *wanted = lets[1];
    if (lets[0] != lets[1]) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED,
                       "axes: %s: passes_when: a judge answers yes (1, true) or no (0, false), and "
                       "this tells no one of them from the other",
                       status_quotez(field));
}

static const struct json *axes_of(const struct json *pass, const struct json *item) {
    const char *field = json_str(json_get(pass, "type_field"), "type");
    const char *type = json_str(json_get(item, field), NULL);
    const struct json *all = json_get(pass, "axes");
    const struct json *own = type ? json_get(all, type) : NULL;
    return own ? own : json_get(all, "*");
}

static const char *id_of(struct arena *a, const struct json *pass, const struct json *item,
                         size_t i) {
    const char *field = json_str(json_get(pass, "id_field"), "id");
    const char *id = json_str(json_get(item, field), json_str(json_get(item, "id"), NULL));
    return id ? id : arena_printf(a, "%zu", i + 1);
}

/* --- questions -------------------------------------------------------------------------------- */

/* Questions of all passes, as they are found. */
struct asking {
    const struct metric_sample *s;
    struct metric_question *list;
    size_t n, cap;
};

static karma_status ask(struct asking *k, const char *shown, const char *pass,
                        const struct json *axis, const struct json *item, const char *id,
                        size_t item_at) {
    struct arena *a = k->s->arena;
    struct metric_question q = {.item = item_at};
    struct json *about = json_new_object(a);
    const char *field = json_str(json_get(axis, "field"), NULL);
    if (!about) return KARMA_E_NOMEM;
    if (!field) return status_fail(KARMA_E_MISSING, "axes: field: missing");
    karma_status st = read_condition(axis, field, &q.wanted);
    if (st == KARMA_OK) st = verdict_label_at(k->s, k->n, &q.ask.label);
    if (st == KARMA_OK) st = json_set(a, about, "pass", json_new_string(a, pass));
    if (st == KARMA_OK) st = json_set(a, about, "item", json_new_string(a, id));
    if (st == KARMA_OK) st = json_set(a, about, "axis", json_new_string(a, field));
    if (st < 0) return st;
    q.ask.shown = shown;
    q.ask.about_json = verdict_about(a, about);
    q.ask.criterion = strcmp(field, "score") == 0
                          ? criterion_of(item)
                          : arena_printf(a, "%s (%s)", criterion_of(item), field);
    if (!q.ask.about_json || !q.ask.criterion) return KARMA_E_NOMEM;
    if (k->n == k->cap) {
        struct metric_question *more = arena_calloc(a, 2 * k->cap + 16, sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        if (k->n) memcpy(more, k->list, k->n * sizeof(*more));
        k->list = more;
        k->cap = 2 * k->cap + 16;
    }
    k->list[k->n++] = q;
    return KARMA_OK;
}

static karma_status ask_pass(struct asking *k, const struct json *pass, size_t *item_at) {
    struct arena *a = k->s->arena;
    const struct json *items;
    const char *name, *prompt;
    karma_status st = json_need_str(pass, "name", &name);
    if (st == KARMA_OK) st = json_need_str(pass, "prompt", &prompt);
    if (st == KARMA_OK) st = items_of(a, pass, prompt, &items);
    if (st < 0) return st;
    const char *shown = arena_printf(a, "%s\n\nGENERATED OUTPUT:\n%s", prompt, k->s->prediction);
    if (!shown) return KARMA_E_NOMEM;
    for (size_t i = 0; i < json_count(items) && st == KARMA_OK; i++, ++*item_at) {
        const struct json *item = json_at(items, i), *axes = axes_of(pass, item);
        const char *id = id_of(a, pass, item, i);
        if (!id) return KARMA_E_NOMEM;
        for (size_t x = 0; x < json_count(axes) && st == KARMA_OK; x++)
            st = ask(k, shown, name, json_at(axes, x), item, id, *item_at);
    }
    return st;
}

static karma_status passes_of(const struct metric_sample *s, const struct json **out) {
    *out = json_get(s->other_args, "rubric_passes");
    if (!json_is_array(*out))
        return status_fail(*out ? KARMA_E_TYPE : KARMA_E_MISSING,
                           "other_args: rubric_passes: expected a list, found %s",
                           json_type_name(*out));
    return KARMA_OK;
}

static karma_status questions(void *state, const struct metric_sample *s,
                              struct metric_question **out, size_t *n) {
    struct asking k = {.s = s};
    const struct json *passes;
    size_t item_at = 0;
    (void)state;
    *n = 0;
    karma_status st = passes_of(s, &passes);
    for (size_t i = 0; st == KARMA_OK && i < json_count(passes); i++) {
        st = ask_pass(&k, json_at(passes, i), &item_at);
        if (st < 0) return status_prefix(st, "other_args: rubric_passes: number %zu", i + 1);
    }
    *out = k.list;
    *n = k.n;
    return st;
}

/* --- scores ----------------------------------------------------------------------------------- */

static karma_status count_slice(struct json_rubric *r, const char *pass, const char *field,
                                const struct json *value, bool passed) {
    const char *text = json_str(value, NULL);
    struct buf name = {0};
    struct map_entry *entry;
    bool added;
    karma_status st = buf_append(&name, pass, strlen(pass) + 1);
    if (st == KARMA_OK) st = buf_append(&name, field, strlen(field) + 1);
    if (st == KARMA_OK && text) st = buf_puts(&name, text);
    if (st == KARMA_OK && !text) st = json_write(&name, value, 0, JSON_COMPACT);
    if (st == KARMA_OK)
        st = array_grow((void **)&r->slices, &r->cap, r->names.count, sizeof(*r->slices));
    if (st == KARMA_OK &&
        (r->names.count < MAX_SLICES || map_find(&r->names, name.data, name.len))) {
        st = map_put(&r->names, name.data, name.len, &entry, &added);
        if (st == KARMA_OK && added) {
            entry->value.u64 = r->names.count - 1;
            r->slices[entry->value.u64] = (struct slice){0};
        }
        if (st == KARMA_OK) {
            r->slices[entry->value.u64].passed += passed;
            r->slices[entry->value.u64].n++;
        }
    }
    buf_release(&name);
    return st;
}

static karma_status count_slices(struct json_rubric *r, const struct json *pass, const char *name,
                                 const struct json *item, bool passed) {
    const struct json *fields = json_get(pass, "breakdown_fields");
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(fields) && st == KARMA_OK; i++) {
        const char *field = json_str(json_at(fields, i), "");
        const struct json *value = json_get(item, field);
        if (!json_is_null(value)) st = count_slice(r, name, field, value, passed);
    }
    return st;
}

static karma_status pass_number(struct json_rubric *r, const char *name, size_t *number) {
    if (r->passes.count == MAX_PASSES && !map_find(&r->passes, name, strlen(name)))
        return status_fail(KARMA_E_LIMIT, "rubric_passes: more than %d different names",
                           MAX_PASSES);
    return name_number(&r->passes, name, number);
}

/* The questions of its items lie in a row, from *at on. */
static karma_status count_pass(struct json_rubric *r, const struct metric_sample *s,
                               const struct json *pass, size_t *item_at, size_t *at,
                               double *counts) {
    const char *name = json_str(json_get(pass, "name"), "");
    const struct json *items;
    size_t number;
    karma_status st = pass_number(r, name, &number);
    if (st == KARMA_OK)
        st = items_of(s->arena, pass, json_str(json_get(pass, "prompt"), ""), &items);
    for (size_t i = 0; st == KARMA_OK && i < json_count(items); i++, ++*item_at) {
        bool passed = true;
        double soft = 1; /* of axes taken for independent of each other */
        const size_t first = *at;
        for (; *at < s->n_questions && s->questions[*at].item == *item_at; ++*at) {
            const struct metric_question *q = &s->questions[*at];
            const double p = s->verdicts[*at];
            passed = passed && verdict_met(p) == q->wanted;
            soft *= q->wanted ? p : 1 - p;
            verdicts_add(&r->verdicts, q, p);
        }
        if (*at == first) continue;
        counts[number * N_COUNTS + PASSED] += passed;
        counts[number * N_COUNTS + SOFT] += soft;
        counts[number * N_COUNTS + ITEMS] += 1;
        st = count_slices(r, pass, name, json_at(items, i), passed);
    }
    return st;
}

static karma_status count(void *state, const struct metric_sample *s, double *counts) {
    const struct json *passes;
    size_t item_at = 0, at = 0;
    karma_status st = passes_of(s, &passes);
    for (size_t i = 0; st == KARMA_OK && i < json_count(passes); i++)
        st = count_pass(state, s, json_at(passes, i), &item_at, &at, counts);
    return st;
}

static size_t n_counts(const void *state) {
    (void)state;
    return MAX_PASSES * N_COUNTS;
}

static double mean_over_passes(const double *sum, int what) {
    double total = 0;
    int n = 0;
    for (int i = 0; i < MAX_PASSES; i++) {
        const double *of = sum + i * N_COUNTS;
        if (!(of[ITEMS] > 0)) continue;
        total += of[what] / of[ITEMS];
        n++;
    }
    return n ? total / n : NAN;
}

static double value(const void *state, const double *sum, size_t n) {
    (void)state;
    (void)n;
    return mean_over_passes(sum, PASSED);
}

/* --- what is told ----------------------------------------------------------------------------- */

static karma_status set_share(struct arena *a, struct json *o, double passed, double n) {
    karma_status st = json_set(a, o, "rubric_score", verdict_real(a, n > 0 ? passed / n : NAN));
    return st == KARMA_OK ? json_set(a, o, "num_items", json_new_int(a, (int64_t)n)) : st;
}

/* o[name], made when it is not there. */
static struct json *member(struct arena *a, struct json *o, const char *name) {
    for (size_t i = 0; i < json_count(o); i++)
        if (strcmp(o->u.object.members[i].key, name) == 0)
            return (struct json *)(uintptr_t)o->u.object.members[i].value;
    struct json *made = json_new_object(a);
    return made && json_set(a, o, name, made) == KARMA_OK ? made : NULL;
}

/* In the order in which they came first. */
static karma_status describe_slices(const struct json_rubric *r, const char *pass, struct arena *a,
                                    struct json *o) {
    const size_t len = strlen(pass) + 1;
    for (size_t i = 0; i < r->names.count; i++) {
        const struct map_entry *e = &r->names.entries[i];
        if (e->key_len < len || memcmp(e->key, pass, len) != 0) continue;
        const char *field = e->key + len, *text = field + strlen(field) + 1;
        const char *name = arena_printf(a, "by_%s", field);
        struct json *by = name ? member(a, o, name) : NULL, *one = by ? json_new_object(a) : NULL;
        if (!one) return KARMA_E_NOMEM;
        const struct slice *slice = &r->slices[e->value.u64];
        karma_status st = set_share(a, one, (double)slice->passed, (double)slice->n);
        if (st == KARMA_OK) st = json_set(a, by, text, one);
        if (st < 0) return st;
    }
    return KARMA_OK;
}

static karma_status describe_pass(const struct json_rubric *r, const struct map_entry *pass,
                                  const double *sum, struct arena *a, struct json *o) {
    const double *of = sum + pass->value.u64 * N_COUNTS;
    karma_status st = set_share(a, o, of[PASSED], of[ITEMS]);
    if (st == KARMA_OK)
        st = json_set(a, o, "soft_score",
                      verdict_real(a, of[ITEMS] > 0 ? of[SOFT] / of[ITEMS] : NAN));
    return st == KARMA_OK ? describe_slices(r, pass->key, a, o) : st;
}

static karma_status describe(void *state, const double *sum, struct arena *a, struct json *o) {
    const struct json_rubric *r = state;
    struct json *all = json_new_object(a);
    karma_status st = all ? KARMA_OK : KARMA_E_NOMEM;
    for (size_t i = 0; i < r->passes.count && st == KARMA_OK; i++) {
        struct json *one = json_new_object(a);
        st = one ? describe_pass(r, &r->passes.entries[i], sum, a, one) : KARMA_E_NOMEM;
        if (st == KARMA_OK) st = json_set(a, all, r->passes.entries[i].key, one);
    }
    if (st == KARMA_OK)
        st = json_set(a, o, "soft_score", verdict_real(a, mean_over_passes(sum, SOFT)));
    if (st == KARMA_OK) st = verdicts_describe(&r->verdicts, a, o);
    return st == KARMA_OK ? json_set(a, o, "by_pass", all) : st;
}

static const karma_option_spec options[] = {{.name = NULL}};

const struct metric_ops metric_json_rubric = {
    .info = {.name = "json_rubric_evaluation",
             .description = "share of the items of JSON output that pass by a judge's answers, "
                            "mean over passes",
             .options = options},
    .kind = KARMA_METRIC_COUNTS,
    .reads_other_args = true,
    .open = open_rubric,
    .close = close_rubric,
    .questions = questions,
    .n_counts = n_counts,
    .count = count,
    .value = value,
    .describe = describe,
};
