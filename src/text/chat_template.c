/*
 * chat_template.c - the face of the template engine: source to tree, conversation to variables, and
 * the rendering with the spans of it that are data. What the reference does to its input is done
 * here too: a message's reasoning is visible as `reasoning_content` and `thinking`.
 */
#include "text/chat_template.h"

#include <string.h>

#include "base/utf8.h"
#include "text/jinja_run.h"

/* A copy with \n line ends and without the last of them, as the reference's lexer reads it. */
static karma_status normalise(struct chat_template *t, const char *source, size_t len) {
    char *src = arena_alloc(&t->arena, len + 1);
    if (!src) return KARMA_E_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (source[i] == '\r') {
            src[n++] = '\n';
            if (i + 1 < len && source[i + 1] == '\n') i++;
        } else {
            src[n++] = source[i];
        }
    }
    if (n && src[n - 1] == '\n') n--;
    t->src = src;
    t->src_len = n;
    return KARMA_OK;
}

karma_status chat_template_compile(const char *source, size_t len, struct chat_template **out) {
    *out = NULL;
    size_t bad;
    if (len > JINJA_MAX_SOURCE) {
        return status_fail(KARMA_E_LIMIT, "chat template: %zu bytes, more than %d", len,
                           JINJA_MAX_SOURCE);
    }
    if (!utf8_valid(source, len, &bad)) {
        return status_fail(KARMA_E_ENCODING, "chat template: byte %zu is not UTF-8", bad);
    }
    struct chat_template *t = mem_calloc(1, sizeof(*t));
    if (!t) return KARMA_E_NOMEM;
    karma_status st = normalise(t, source, len);
    if (st == KARMA_OK) st = jinja_parse(t);
    if (st == KARMA_OK) st = jinja_find_scopes(t);
    if (st == KARMA_OK)
        *out = t;
    else
        chat_template_destroy(t);
    return status_prefix(st, "chat template");
}

void chat_template_destroy(struct chat_template *t) {
    if (!t) return;
    arena_release(&t->arena);
    mem_free(t);
}

static karma_status set_member(struct jinja_run *r, struct jinja_dict *d, const char *key,
                               size_t key_len, struct jinja_value v, enum jinja_origin origin) {
    struct jinja_str *k = jinja_str_lend(r, key, key_len, origin);
    return k ? jinja_dict_set(r, d, jinja_string(k), v) : r->failed;
}

static karma_status from_json(struct jinja_run *r, const struct json *j, enum jinja_origin origin,
                              struct jinja_value *out) {
    *out = jinja_none();
    if (json_is_null(j)) return KARMA_OK;
    karma_status st = jinja_enter(r); /* a tree made in code may be of any depth */
    if (st < 0) return st;
    switch (j->type) {
    case JSON_BOOL:
        *out = jinja_bool(j->u.boolean);
        break;
    case JSON_INT:
        *out = jinja_int(j->u.integer);
        break;
    case JSON_REAL:
        *out = jinja_float(j->u.real);
        break;
    case JSON_STRING: {
        struct jinja_str *s = jinja_str_lend(r, j->u.string.data, j->u.string.len, origin);
        if (!s) st = r->failed;
        *out = jinja_string(s);
        break;
    }
    case JSON_ARRAY: {
        struct jinja_list *l = jinja_list_new(r, j->u.array.count);
        if (!l) st = r->failed;
        for (size_t i = 0; st == KARMA_OK && i < j->u.array.count; i++) {
            st = from_json(r, j->u.array.items[i], origin, &l->items[l->count++]);
        }
        *out = (struct jinja_value){.type = JINJA_LIST, .u.list = l};
        break;
    }
    default: {
        struct jinja_dict *d = jinja_dict_new(r);
        if (!d) st = r->failed;
        for (size_t i = 0; st == KARMA_OK && i < j->u.object.count; i++) {
            const struct json_member *m = &j->u.object.members[i];
            struct jinja_value v;
            st = from_json(r, m->value, origin, &v);
            if (st == KARMA_OK) st = set_member(r, d, m->key, m->key_len, v, origin);
        }
        *out = (struct jinja_value){.type = JINJA_DICT, .u.dict = d};
        break;
    }
    }
    r->eval_depth--;
    return st;
}

/* One message. Reasoning under any of its three names is readable under the other two. */
static karma_status message_value(struct jinja_run *r, const struct json *j, size_t index,
                                  struct jinja_value *out) {
    static const char *const fields[] = {"reasoning_content", "thinking", "reasoning"};
    if (!json_is_object(j)) {
        return status_fail(KARMA_E_TYPE, "message %zu: expected an object, found %s", index,
                           json_type_name(j));
    }
    karma_status st = from_json(r, j, JINJA_DATA, out);
    struct jinja_value *reasoning = NULL;
    for (size_t i = 0; st == KARMA_OK && !reasoning && i < 3; i++) {
        reasoning = jinja_dict_findz(out->u.dict, fields[i], strlen(fields[i]));
        if (reasoning && reasoning->type == JINJA_NONE) reasoning = NULL;
    }
    if (st < 0 || !reasoning) return st;
    const struct jinja_dict *old = out->u.dict;
    struct jinja_dict *d = jinja_dict_new(r);
    if (!d) return r->failed;
    st = set_member(r, d, "thinking", 8, *reasoning, JINJA_TEMPLATE);
    for (size_t i = 0; st == KARMA_OK && i < old->count; i++) {
        st = jinja_dict_set(r, d, old->pairs[i].key, old->pairs[i].value);
    }
    if (st == KARMA_OK) {
        st = set_member(r, d, "reasoning_content", 17, *reasoning, JINJA_TEMPLATE);
    }
    out->u.dict = d;
    return st;
}

static karma_status messages_value(struct jinja_run *r, const struct json *j,
                                   struct jinja_value *out) {
    if (j && !json_is_array(j)) {
        return status_fail(KARMA_E_TYPE, "messages: expected an array, found %s",
                           json_type_name(j));
    }
    struct jinja_list *l = jinja_list_new(r, json_count(j));
    karma_status st = l ? KARMA_OK : r->failed;
    for (size_t i = 0; st == KARMA_OK && i < json_count(j); i++) {
        st = message_value(r, json_at(j, i), i, &l->items[l->count++]);
    }
    *out = (struct jinja_value){.type = JINJA_LIST, .u.list = l};
    return st;
}

/* The value of a name from outside: the conversation, then the caller's variables, then the special
 * tokens, then the language's own functions. Not given: stays so. */
static karma_status resolve(struct jinja_run *r, const struct chat_template_input *in,
                            const struct jinja_str *name, struct jinja_value *out) {
    const char *key = name->data; /* NUL-terminated: jinja_parse() copied it */
    if (strcmp(key, "messages") == 0) return messages_value(r, in->messages, out);
    if (strcmp(key, "tools") == 0) return from_json(r, in->tools, JINJA_DATA, out);
    if (strcmp(key, "add_generation_prompt") == 0) {
        *out = jinja_bool(in->add_generation_prompt);
        return KARMA_OK;
    }
    const struct json *v = json_get(in->variables, key);
    if (strcmp(key, "documents") == 0) return from_json(r, v, JINJA_DATA, out);
    if (!v) v = json_get(in->special_tokens, key);
    if (v) return from_json(r, v, JINJA_TEMPLATE, out);
    const struct jinja_function *f = jinja_find_global(key, name->len);
    if (f) *out = (struct jinja_value){.type = JINJA_FUNCTION, .u.function = f};
    return KARMA_OK;
}

karma_status chat_template_render_within(const struct chat_template *t,
                                         const struct chat_template_input *in,
                                         const struct jinja_limits *limits,
                                         struct chat_rendering *out) {
    *out = (struct chat_rendering){0};
    struct jinja_run *r = mem_calloc(1, sizeof(*r));
    if (!r) return KARMA_E_NOMEM;
    struct jinja_out text = {0};
    r->t = t;
    r->limits = limits;
    r->out = &text;
    r->now_s = in->now_s;
    r->context = jinja_alloc(r, t->n_names * sizeof(*r->context));
    struct jinja_scope *top = jinja_scope_new(r, NULL);
    karma_status st = r->context && top ? KARMA_OK : r->failed;
    for (size_t i = 0; st == KARMA_OK && i < t->n_names; i++) {
        st = resolve(r, in, t->names[i].u.str, &r->context[i]);
    }
    if (st == KARMA_OK) st = jinja_exec_body(r, top, &t->body);
    arena_release(&r->arena);
    mem_free(r);
    if (st == KARMA_OK) {
        out->text = text.text;
        out->data_spans = text.spans;
        out->n_data_spans = text.n_spans;
        return KARMA_OK;
    }
    jinja_out_release(&text);
    return status_prefix(st, "chat template");
}

karma_status chat_template_render(const struct chat_template *t,
                                  const struct chat_template_input *in,
                                  struct chat_rendering *out) {
    return chat_template_render_within(t, in, &jinja_default_limits, out);
}

void chat_rendering_release(struct chat_rendering *r) {
    buf_release(&r->text);
    mem_free(r->data_spans);
    *r = (struct chat_rendering){0};
}
