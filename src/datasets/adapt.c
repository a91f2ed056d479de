/* adapt.c - see adapt.h. */
#include "datasets/adapt.h"

#include <string.h>

bool args_are_upstream(const struct json *args) {
    return strcmp(json_str(json_get(args, "protocol"), ""), dataset_protocols[1]) == 0;
}

karma_status adapt_row(struct arena *a, const struct dataset_spec *spec, const struct json *args,
                       const struct reader_row *row, size_t part, struct dataset_standard *out) {
    *out = (struct dataset_standard){.row = row->value};
    if (!spec->adapt) return KARMA_OK;
    const struct dataset_source from = {.value = row->value,
                                        .key = row->key,
                                        .args = args,
                                        .part = part,
                                        .upstream = args_are_upstream(args)};
    return spec->adapt(a, &from, out);
}

karma_status adapt_take(struct arena *a, struct json *to, const char *as, const struct json *from,
                        const char *name) {
    const struct json *value = json_get(from, name);
    return value ? json_set(a, to, as, value) : KARMA_OK;
}

karma_status adapt_take_all(struct arena *a, struct json *to, const struct json *from,
                            const char *const *names) {
    karma_status st = KARMA_OK;
    for (; *names && st == KARMA_OK; names++)
        st = adapt_take(a, to, *names, from, *names);
    return st;
}

karma_status adapt_text(struct arena *a, const struct json *from, const char *name,
                        const char **out) {
    karma_status st = item_text(a, json_get(from, name), out);
    return st < 0 ? status_prefix(st, "%s", name) : KARMA_OK;
}

karma_status adapt_need_text(struct arena *a, const struct json *from, const char *name,
                             const char **out) {
    karma_status st = adapt_text(a, from, name, out);
    if (st < 0) return st;
    if (!*out) return status_fail(KARMA_E_MISSING, "%s: missing", name);
    if ((*out)[strspn(*out, " \t\r\n")] == '\0')
        return status_fail(KARMA_E_RANGE, "%s: empty", name);
    return KARMA_OK;
}

karma_status adapt_json(struct arena *a, const struct json *from, const char *name,
                        enum json_type type, const struct json **out) {
    const struct json *value = json_get(from, name);
    *out = NULL;
    if (json_is_string(value)) {
        if (value->u.string.len == 0) return KARMA_OK;
        karma_status st = json_parse(a, value->u.string.data, value->u.string.len,
                                     JSON_REJECT_DUPLICATES, &value);
        if (st == KARMA_E_NOMEM) return st;
        if (st < 0) return status_fail(st, "%s: the text is not JSON", name);
    }
    if (json_is_null(value)) return KARMA_OK;
    if (value->type != type)
        return status_fail(KARMA_E_TYPE, "%s: expected %s, found %s", name,
                           type == JSON_ARRAY ? "a list" : "an object", json_type_name(value));
    *out = value;
    return KARMA_OK;
}

karma_status adapt_is_wanted(struct arena *a, const struct dataset_source *from,
                             const char *argument, bool *wanted) {
    const char *asked = json_str(json_get(from->args, argument), NULL), *found;
    karma_status st = adapt_text(a, from->value, argument, &found);
    *wanted = !asked || !found || !found[0] || strcmp(asked, found) == 0;
    return st;
}

/* ---- prompts ---- */

static karma_status add_place(struct buf *b, const char **text, const struct prompt_places *places,
                              bool *asked) {
    const struct {
        const char *mark, *name;
    } marks[] = {{"<QUESTION>", places->question},
                 {"<OPTIONS>", places->options},
                 {"<CONTEXT>", places->context}};
    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
        const size_t n = strlen(marks[i].mark);
        if (!marks[i].name || strncmp(*text, marks[i].mark, n) != 0) continue;
        *asked = *asked || i == 0;
        *text += n;
        return buf_puts(b, marks[i].name);
    }
    karma_status st = KARMA_OK;
    if (**text == '{' || **text == '}') st = buf_putc(b, **text); /* twice: a brace */
    return st == KARMA_OK ? buf_putc(b, *(*text)++) : st;
}

karma_status adapt_instructions(struct arena *a, const struct json *args, const char *own,
                                const struct prompt_places *places, const char **out) {
    const char *text = json_str(json_get(args, "confinement_instructions"), "");
    struct buf b = {0};
    bool asked = false;
    karma_status st = KARMA_OK;
    *out = own;
    if (!text[0]) return KARMA_OK;
    while (*text && st == KARMA_OK)
        st = add_place(&b, &text, places, &asked);
    if (st == KARMA_OK && !asked)
        st = status_fail(KARMA_E_USAGE,
                         "data set argument confinement_instructions: <QUESTION> is not in it, so "
                         "the question would not be asked");
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

karma_status adapt_choice_prompt(struct arena *a, const struct json *args, const char *own,
                                 const char **out) {
    static const struct prompt_places places = {.question = "{question}\n{options}"};
    return adapt_instructions(a, args, own, &places, out);
}
