/* prompt.c - see prompt.h. */
#include "datasets/prompt.h"

#include <string.h>

#include "datasets/item.h"

enum { MAX_PROMPT_BYTES = 64 << 20, MAX_NAME_BYTES = 255 };

/* The next piece of a template: literal text, or a name. */
struct piece {
    const char *text;
    size_t len;
    bool is_name;
};

/* Cut a piece off *p. KARMA_DONE at the end. */
static karma_status next_piece(const char **p, struct piece *out) {
    const char *s = *p;
    if (*s == '\0') return KARMA_DONE;
    if ((s[0] == '{' && s[1] == '{') || (s[0] == '}' && s[1] == '}')) {
        *out = (struct piece){.text = s, .len = 1};
        *p = s + 2;
        return KARMA_OK;
    }
    if (*s == '}') return status_fail(KARMA_E_SYNTAX, "prompt: lone '}' (write }} for a brace)");
    if (*s != '{') {
        size_t len = strcspn(s, "{}");
        *out = (struct piece){.text = s, .len = len};
        *p = s + len;
        return KARMA_OK;
    }
    size_t len = strcspn(s + 1, "{}\n");
    if (s[1 + len] != '}' || len == 0 || len > MAX_NAME_BYTES)
        return status_fail(KARMA_E_SYNTAX,
                           "prompt: '{' without a name and '}' (write {{ for a brace)");
    *out = (struct piece){.text = s + 1, .len = len, .is_name = true};
    *p = s + len + 2;
    return KARMA_OK;
}

static bool is(const struct piece *piece, const char *name) {
    return strlen(name) == piece->len && memcmp(piece->text, name, piece->len) == 0;
}

karma_status prompt_check(const char *text, const char *answer) {
    struct piece piece;
    karma_status st;
    while ((st = next_piece(&text, &piece)) == KARMA_OK)
        if (piece.is_name && is(&piece, answer))
            return status_fail(KARMA_E_USAGE, "prompt: {%s} would show the model the answer",
                               answer);
    return st < 0 ? st : KARMA_OK;
}

/* What a name stands for; *out NULL when nothing does. */
static karma_status look_up(struct arena *a, const struct piece *name,
                            const struct prompt_values *v, const char **out) {
    const struct {
        const char *name, *value;
    } own[] = {
        {"question", v->question}, {"options", v->options}, {"labels", v->labels},
        {"context", v->context},   {"number", v->number},   {"answer", v->answer},
    };
    *out = NULL;
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
        if (!is(name, own[i].name) || !own[i].value) continue;
        *out = own[i].value;
        return KARMA_OK;
    }
    const char *key = arena_strndup(a, name->text, name->len);
    if (!key) return KARMA_E_NOMEM;
    const struct json *value = json_get(v->args, key);
    if (json_is_null(value)) value = item_field(v->row, key);
    karma_status st = item_text(a, value, out);
    return st < 0 ? status_prefix(st, "prompt: {%s}", key) : KARMA_OK;
}

karma_status prompt_render(struct arena *a, const char *text, const struct prompt_values *values,
                           const char **out) {
    struct buf b = {0};
    struct piece piece;
    karma_status st;
    *out = NULL;
    buf_init(&b, MAX_PROMPT_BYTES);
    while ((st = next_piece(&text, &piece)) == KARMA_OK) {
        const char *value = piece.text;
        size_t len = piece.len;
        if (piece.is_name) {
            st = look_up(a, &piece, values, &value);
            if (st == KARMA_OK && !value)
                st = status_fail(KARMA_E_MISSING, "prompt: the row has no '%s'",
                                 status_quote(piece.text, piece.len));
            len = st == KARMA_OK ? strlen(value) : 0;
        }
        if (st == KARMA_OK) st = buf_append(&b, value, len);
        if (st < 0) break;
    }
    if (st == KARMA_DONE) {
        *out = arena_strndup(a, buf_str(&b), b.len);
        st = *out ? KARMA_OK : KARMA_E_NOMEM;
    }
    buf_release(&b);
    return st;
}
