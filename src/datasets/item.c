/* item.c - see item.h. */
#include "datasets/item.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "datasets/prompt.h"

enum { MAX_ANSWER_TYPE = 64 }; /* bytes */

const struct json *item_field(const struct json *row, const char *name) {
    const struct json *value = json_get(row, name);
    const char *dot = strchr(name, '.');
    if (value || !dot || !json_is_object(row)) return value;
    size_t len = (size_t)(dot - name);
    for (size_t i = 0; i < json_count(row); i++) {
        const struct json_member *m = &row->u.object.members[i];
        if (m->key_len == len && memcmp(m->key, name, len) == 0)
            return item_field(m->value, dot + 1);
    }
    return NULL;
}

static karma_status join_lines(struct arena *a, const struct json *array, const char **out) {
    struct buf b = {0};
    karma_status st = KARMA_OK;
    for (size_t i = 0; i < json_count(array) && st == KARMA_OK; i++) {
        const struct json *line = json_at(array, i);
        const char *text;
        if (json_is_array(line))
            st = status_fail(KARMA_E_TYPE, "expected a text, found nested arrays");
        if (st == KARMA_OK) st = item_text(a, line, &text);
        if (st == KARMA_OK && i > 0) st = buf_putc(&b, '\n');
        if (st == KARMA_OK && text) st = buf_puts(&b, text);
    }
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

karma_status item_text(struct arena *a, const struct json *value, const char **out) {
    *out = NULL;
    if (json_is_null(value)) return KARMA_OK;
    if (json_is_string(value)) {
        if (strlen(value->u.string.data) != value->u.string.len)
            return status_fail(KARMA_E_RANGE, "holds a NUL character");
        *out = value->u.string.data;
        return KARMA_OK;
    }
    if (json_is_array(value)) return join_lines(a, value, out);
    if (json_is_object(value) || json_is_bytes(value))
        return status_fail(KARMA_E_TYPE, "expected a text, found %s", json_type_name(value));
    struct buf b = {0};
    karma_status st = json_write(&b, value, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(*out = arena_strdup(a, buf_str(&b)))) st = KARMA_E_NOMEM;
    buf_release(&b);
    return st;
}

/* The text of a field under its column's name, usual if the spec has none. */
static karma_status field_text(struct arena *a, const struct json *row, const char *column,
                               const char *usual, const char **out) {
    const char *name = column ? column : usual;
    karma_status st = item_text(a, item_field(row, name), out);
    return st < 0 ? status_prefix(st, "%s", name) : KARMA_OK;
}

karma_status item_in_split(struct arena *a, const struct dataset_spec *spec, const struct json *row,
                           const char *split, bool *wanted, bool *has_split) {
    const char *found;
    karma_status st = field_text(a, row, spec->fields.split, "split", &found);
    if (st < 0) return st;
    *has_split = found && found[0] != '\0';
    *wanted = !split || !*has_split || strcmp(split, found) == 0;
    return KARMA_OK;
}

/* Ways in which files name a column for each option: before and after the letter. */
static const struct {
    const char *prefix;
    char first;
} column_families[] = {{"", 'A'}, {"option_", 'a'}, {"option_", 'A'}, {"op", 'a'}};

static size_t family_columns(const struct json *row, size_t family,
                             const struct json *values[CHOICES_MAX]) {
    size_t count = 0;
    char name[16];
    for (size_t i = 0; i < CHOICES_MAX; i++) {
        snprintf(name, sizeof(name), "%s%c", column_families[family].prefix,
                 column_families[family].first + (int)i);
        values[i] = json_get(row, name);
        if (!values[i]) break;
        count++;
    }
    return count;
}

static const struct json *usual_options(const struct json *row) {
    const struct json *value = json_get(row, "options");
    return value ? value : json_get(row, "choices");
}

bool item_has_options(const struct dataset_spec *spec, const struct json *row) {
    const struct json *values[CHOICES_MAX];
    if (spec->choices) return true;
    if (spec->fields.options) return item_field(row, spec->fields.options[0]) != NULL;
    if (usual_options(row)) return true;
    for (size_t i = 0; i < sizeof(column_families) / sizeof(*column_families); i++)
        if (family_columns(row, i, values) >= 2) return true;
    return false;
}

static karma_status read_choices(struct arena *a, const struct dataset_spec *spec,
                                 const struct json *row, struct choices *out) {
    const char *const *columns = spec->fields.options;
    const struct json *values[CHOICES_MAX];
    if (spec->choices) {
        *out = *spec->choices;
        return KARMA_OK;
    }
    if (columns && columns[1]) {
        size_t n = 0;
        while (columns[n])
            n++;
        for (size_t i = 0; i < n && i < CHOICES_MAX; i++)
            values[i] = item_field(row, columns[i]);
        return choices_from_columns(a, values, n, out);
    }
    const struct json *value = columns ? item_field(row, columns[0]) : usual_options(row);
    if (value) return choices_read(a, value, out);
    for (size_t i = 0; !columns && i < sizeof(column_families) / sizeof(*column_families); i++) {
        size_t n = family_columns(row, i, values);
        if (n >= 2) return choices_from_columns(a, values, n, out);
    }
    return status_fail(KARMA_E_MISSING, "%s: missing", columns ? columns[0] : "options");
}

static karma_status read_multiple_choice(struct arena *a, const struct dataset_spec *spec,
                                         const struct json *row, struct item *out,
                                         struct prompt_values *v) {
    size_t right;
    const char *column = spec->fields.answer ? spec->fields.answer : "answer";
    karma_status st = read_choices(a, spec, row, &out->choices);
    if (st == KARMA_OK)
        st = choices_find(&out->choices, item_field(row, column), spec->index_base, &right);
    if (st < 0) return st;
    v->options = choices_lines(a, &out->choices);
    v->labels = choices_labels(a, &out->choices);
    out->reference = arena_strndup(a, &out->choices.labels[right], 1);
    return v->options && v->labels && out->reference ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status read_answer(struct arena *a, const struct dataset_spec *spec,
                                const struct json *row, struct item *out) {
    const char *column = spec->fields.answer ? spec->fields.answer : "answer";
    const struct json *answer = item_field(row, column);
    if (json_is_array(answer))
        return status_fail(KARMA_E_TYPE, "%s: expected one text, found array", column);
    karma_status st = field_text(a, row, spec->fields.answer, "answer", &out->reference);
    if (st == KARMA_OK && spec->no_answer) return KARMA_OK;
    if (st == KARMA_OK && (!out->reference || out->reference[0] == '\0'))
        return status_fail(KARMA_E_MISSING, "%s: missing", column);
    return st;
}

/* A copy without blanks around it, in lower case as far as ASCII goes. */
static char *plain_copy(struct arena *a, const char *text) {
    size_t n;
    text += strspn(text, " \t\r\n");
    for (n = strlen(text); n && strchr(" \t\r\n", text[n - 1]);)
        n--;
    char *out = arena_strndup(a, text, n);
    for (char *p = out; p && *p; p++)
        *p = ascii_lower(*p);
    return out;
}

/* The metrics of such sets lower the whole of Unicode; ASCII is for what is shown, and for yes and
 * no. */
static karma_status lower_reference(struct arena *a, struct item *out) {
    char *copy = arena_strdup(a, out->reference);
    if (!copy) return KARMA_E_NOMEM;
    for (char *p = copy; *p; p++)
        *p = ascii_lower(*p);
    out->reference = copy;
    return KARMA_OK;
}

karma_status item_answer_type(struct arena *a, const struct json *value, const char **out) {
    const char *text;
    *out = NULL;
    if (value && value->type == JSON_BOOL) {
        *out = value->u.boolean ? "closed" : "open";
        return KARMA_OK;
    }
    karma_status st = item_text(a, value, &text);
    if (st < 0 || !text) return st;
    if (!(text = plain_copy(a, text))) return KARMA_E_NOMEM;
    if (strlen(text) > MAX_ANSWER_TYPE)
        return status_fail(KARMA_E_LIMIT, "longer than %d bytes", MAX_ANSWER_TYPE);
    if (strcmp(text, "true") == 0) text = "closed"; /* of a table, which has texts alone */
    if (strcmp(text, "false") == 0) text = "open";
    *out = text[0] ? text : NULL;
    return KARMA_OK;
}

/* As the row says it, else as its answer shows it, where the set is so. */
static karma_status read_answer_type(struct arena *a, const struct dataset_spec *spec,
                                     const struct json *row, struct item *out) {
    const char *named = spec->fields.answer_type;
    const char *column = named ? named : "answer_type";
    if (!named && !spec->closed_by_answer) return KARMA_OK;
    karma_status st = item_answer_type(a, item_field(row, column), &out->answer_type);
    if (st < 0) return status_prefix(st, "%s", column);
    if (out->answer_type || !spec->closed_by_answer) return KARMA_OK;
    const char *answer = plain_copy(a, out->reference);
    if (!answer) return KARMA_E_NOMEM;
    const bool closed = strcmp(answer, "yes") == 0 || strcmp(answer, "no") == 0;
    out->answer_type = closed ? "closed" : "open";
    return KARMA_OK;
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == '\0';
}

karma_status item_make(struct arena *a, const struct dataset_spec *spec, const char *prompt,
                       const struct json *args, const struct json *row, struct item *out) {
    const struct dataset_fields *f = &spec->fields;
    struct prompt_values v = {.args = args, .row = row};
    memset(out, 0, sizeof(*out));
    karma_status st = field_text(a, row, f->id, "id", &out->id);
    if (out->id && out->id[0] == '\0') out->id = NULL; /* an empty cell */
    if (st == KARMA_OK) st = field_text(a, row, f->question, "question", &v.question);
    if (st == KARMA_OK && (!v.question || is_blank(v.question)))
        return status_fail(v.question ? KARMA_E_RANGE : KARMA_E_MISSING, "%s: %s",
                           f->question ? f->question : "question",
                           v.question ? "empty" : "missing");
    if (st == KARMA_OK) st = field_text(a, row, f->context, "context", &v.context);
    if (st == KARMA_OK && !v.context && !f->context)
        v.context = ""; /* {context} of a row without */
    if (st == KARMA_OK) st = field_text(a, row, f->system, "system", &out->system_prompt);
    if (!out->system_prompt || out->system_prompt[0] == '\0')
        out->system_prompt = spec->system_prompt;
    if (st == KARMA_OK && spec->kind == DATASET_MULTIPLE_CHOICE)
        st = read_multiple_choice(a, spec, row, out, &v);
    if (st == KARMA_OK && spec->kind == DATASET_QUESTION_ANSWER)
        st = read_answer(a, spec, row, out);
    if (st == KARMA_OK && spec->lower_answer) st = lower_reference(a, out);
    if (st == KARMA_OK) st = read_answer_type(a, spec, row, out);
    out->question = v.question;
    out->options = v.options;
    out->labels = v.labels;
    out->context = v.context;
    return st < 0 ? st : prompt_render(a, prompt, &v, &out->prompt);
}

static karma_status read_message(struct arena *a, const struct json *turn, karma_message *out) {
    karma_status st = item_text(a, json_get(turn, "role"), &out->role);
    if (st < 0) return status_prefix(st, "role");
    st = item_text(a, json_get(turn, "content"), &out->content);
    if (st < 0) return status_prefix(st, "content");
    if (!out->role || !out->role[0]) return status_fail(KARMA_E_MISSING, "role: missing");
    if (!out->content) return status_fail(KARMA_E_MISSING, "content: missing");
    return KARMA_OK;
}

static karma_status read_messages(struct arena *a, const struct json *turns, struct item *out) {
    const size_t n = json_count(turns);
    if (!json_is_array(turns))
        return status_fail(KARMA_E_TYPE, "expected a list of turns, found %s",
                           json_type_name(turns));
    if (n == 0) return status_fail(KARMA_E_RANGE, "no turns");
    out->messages = arena_calloc(a, n, sizeof(*out->messages));
    if (!out->messages) return KARMA_E_NOMEM;
    for (out->n_messages = 0; out->n_messages < n; out->n_messages++) {
        karma_status st =
            read_message(a, json_at(turns, out->n_messages), &out->messages[out->n_messages]);
        if (st < 0) return status_prefix(st, "turn %zu", out->n_messages + 1);
    }
    return KARMA_OK;
}

karma_status item_make_conversation(struct arena *a, const struct dataset_spec *spec,
                                    const struct dataset_standard *from, struct item *out) {
    const struct dataset_fields *f = &spec->fields;
    memset(out, 0, sizeof(*out));
    karma_status st = field_text(a, from->row, f->id, "id", &out->id);
    if (out->id && out->id[0] == '\0') out->id = NULL;
    if (st == KARMA_OK) st = field_text(a, from->row, f->system, "system", &out->system_prompt);
    if (!out->system_prompt || out->system_prompt[0] == '\0')
        out->system_prompt = spec->system_prompt;
    if (st == KARMA_OK) st = field_text(a, from->row, f->answer, "answer", &out->reference);
    if (st < 0) return st;
    st = read_messages(a, from->conversation, out);
    return st < 0 ? status_prefix(st, "prompt") : KARMA_OK;
}

karma_status item_other_args(struct arena *a, const struct json *args, struct item *out) {
    struct buf text = {0};
    if (!args) return KARMA_OK;
    karma_status st = json_write(&text, args, 0, JSON_PYTHON);
    if (st == KARMA_OK && !(out->other_args = arena_strdup(a, buf_str(&text)))) st = KARMA_E_NOMEM;
    buf_release(&text);
    return st;
}
