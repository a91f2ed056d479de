/*
 * jinja_globals.c - functions that a template can name: range, namespace, dict, raise_exception and
 * strftime_now. Those of the reference that a prompt has no use for (lipsum, cycler, joiner) are
 * known and E_UNSUPPORTED when called. There are no others: no file, no environment, no clock but
 * the run's fixed time.
 */
#include <stdio.h>
#include <string.h>

#include "text/jinja_run.h"

static karma_status call_range(struct jinja_run *r, struct jinja_value self,
                               const struct jinja_args *args, struct jinja_value *out) {
    (void)self;
    int64_t v[3] = {0, 0, 1};
    karma_status st = KARMA_OK;
    if (args->count < 1 || args->count > 3 || args->n_keywords) {
        return jinja_fail(r, KARMA_E_TYPE, "range() takes 1 to 3 arguments");
    }
    for (size_t i = 0; st == KARMA_OK && i < args->count; i++) {
        st = jinja_want_int(r, "an argument of range()", args->items[i], 0,
                            &v[args->count == 1 ? 1 : i]);
    }
    if (st < 0) return st;
    if (v[2] == 0) return jinja_fail(r, KARMA_E_RANGE, "range() step must not be zero");
    const bool up = v[2] > 0;
    uint64_t count = 0;
    if (up ? v[0] < v[1] : v[0] > v[1]) {
        const uint64_t distance =
            up ? (uint64_t)v[1] - (uint64_t)v[0] : (uint64_t)v[0] - (uint64_t)v[1];
        const uint64_t step = up ? (uint64_t)v[2] : 0 - (uint64_t)v[2];
        count = (distance - 1) / step + 1;
    }
    if (count > (uint64_t)r->limits->range_count) {
        return jinja_fail(r, KARMA_E_LIMIT, "a range of more than %lld elements",
                          (long long)r->limits->range_count);
    }
    struct jinja_range *g = jinja_alloc(r, sizeof(*g));
    if (!g) return r->failed;
    *g = (struct jinja_range){v[0], v[1], v[2], (int64_t)count};
    *out = (struct jinja_value){.type = JINJA_RANGE, .u.range = g};
    return KARMA_OK;
}

/* dict(mapping or pairs, k=v, ...) */
static karma_status make_dict(struct jinja_run *r, const char *what, const struct jinja_args *args,
                              struct jinja_dict **out) {
    struct jinja_dict *d = *out = jinja_dict_new(r);
    if (!d) return r->failed;
    karma_status st = KARMA_OK;
    if (args->count > 1) {
        return jinja_fail(r, KARMA_E_TYPE, "%s takes at most one argument without a name", what);
    }
    const struct jinja_value from = args->count ? args->items[0] : jinja_none();
    if (args->count && (from.type == JINJA_DICT)) {
        for (size_t i = 0; st == KARMA_OK && i < from.u.dict->count; i++) {
            st = jinja_charge(r, 1, 0);
            if (st < 0) break;
            st = jinja_dict_set(r, d, from.u.dict->pairs[i].key, from.u.dict->pairs[i].value);
        }
    } else if (args->count) {
        struct jinja_list *all, *pair;
        st = jinja_collect(r, from, &all);
        for (size_t i = 0; st == KARMA_OK && i < all->count; i++) {
            st = jinja_collect(r, all->items[i], &pair);
            if (st == KARMA_OK && pair->count != 2) {
                return jinja_fail(r, KARMA_E_RANGE, "%s needs pairs, found %zu values", what,
                                  pair->count);
            }
            if (st == KARMA_OK) st = jinja_dict_set(r, d, pair->items[0], pair->items[1]);
        }
    }
    for (size_t i = 0; st == KARMA_OK && i < args->n_keywords; i++) {
        const char *name = args->keywords[i].name;
        struct jinja_str *key = jinja_str_lend(r, name, strlen(name), JINJA_TEMPLATE);
        if (!key) return r->failed;
        st = jinja_dict_set(r, d, jinja_string(key), args->keywords[i].value);
    }
    return st;
}

static karma_status call_dict(struct jinja_run *r, struct jinja_value self,
                              const struct jinja_args *args, struct jinja_value *out) {
    (void)self;
    *out = (struct jinja_value){.type = JINJA_DICT};
    return make_dict(r, "dict()", args, &out->u.dict);
}

static karma_status call_namespace(struct jinja_run *r, struct jinja_value self,
                                   const struct jinja_args *args, struct jinja_value *out) {
    (void)self;
    *out = (struct jinja_value){.type = JINJA_NAMESPACE};
    karma_status st = make_dict(r, "namespace()", args, &out->u.dict);
    for (size_t i = 0; st == KARMA_OK && i < out->u.dict->count; i++) {
        const struct jinja_value key = out->u.dict->pairs[i].key;
        if (key.type != JINJA_STR) continue;
        const char *name = jinja_str_flat(r, key.u.str);
        if (!name) return r->failed;
        if (*name == '_') {
            return jinja_fail(r, KARMA_E_UNSUPPORTED, "attributes that begin with _ cannot be set");
        }
    }
    return st;
}

/* The roles that chats have; a prompt of one word is no role. */
static bool is_role(const char *text, size_t len) {
    static const char *const roles[] = {"system", "user",  "assistant", "model",
                                        "tool",   "tools", "developer", "function"};
    for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
        if (strlen(roles[i]) == len && memcmp(roles[i], text, len) == 0) return true;
    }
    return false;
}

/* The message with what is data left out, unless it is the name of a role: errors must not carry
 * the text of prompts. */
static void show_message(const struct jinja_str *s, char *text, size_t cap) {
    size_t n = 0;
    struct text_span all = {0, s->len};
    const struct text_span *spans = s->origin == JINJA_MIXED ? s->u.mixed.spans : &all;
    const size_t count = s->origin == JINJA_MIXED  ? s->u.mixed.count
                         : s->origin == JINJA_DATA ? 1
                                                   : 0;
    for (size_t pos = 0, k = 0; pos < s->len && n + 40 < cap;) {
        if (k < count && pos == spans[k].begin) {
            const size_t len = spans[k].end - pos;
            const bool role = is_role(s->data + pos, len);
            n += (size_t)(role ? snprintf(text + n, cap - n, "%.*s", (int)len, s->data + pos)
                               : snprintf(text + n, cap - n, "<%zu bytes of data>", len));
            pos = spans[k++].end;
            continue;
        }
        const unsigned char c = (unsigned char)s->data[pos++];
        n += (size_t)(c >= 0x20 && c < 0x7F ? snprintf(text + n, cap - n, "%c", c)
                                            : snprintf(text + n, cap - n, "\\x%02x", c));
    }
    text[n] = 0;
}

static karma_status call_raise(struct jinja_run *r, struct jinja_value self,
                               const struct jinja_args *args, struct jinja_value *out) {
    static const char *const params[] = {"message", NULL};
    (void)self;
    (void)out;
    struct jinja_value v;
    struct jinja_str *s = NULL;
    char text[400];
    karma_status st = jinja_bind(r, "raise_exception()", args, params, 1, &v);
    if (st == KARMA_OK) st = jinja_to_str(r, v, &s);
    if (st < 0) return st;
    if (!jinja_str_flat(r, s)) return r->failed;
    show_message(s, text, sizeof(text));
    return jinja_fail(r, KARMA_E_USAGE, "the template refuses: %s", text);
}

const struct jinja_function *jinja_find_global(const char *name, size_t len) {
    static const struct jinja_function globals[] = {
        {"range", call_range},
        {"dict", call_dict},
        {"namespace", call_namespace},
        {"raise_exception", call_raise},
        {"strftime_now", jinja_strftime},
        {"lipsum", NULL},
        {"cycler", NULL},
        {"joiner", NULL},
    };
    for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
        if (strlen(globals[i].name) == len && memcmp(globals[i].name, name, len) == 0) {
            return &globals[i];
        }
    }
    return NULL;
}
