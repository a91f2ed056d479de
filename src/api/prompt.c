/*
 * prompt.c - what a class's preprocess() fills and what its postprocess() may change.
 */
#include <string.h>
#include <threads.h>

#include "api/api.h"
#include "base/utf8.h"

void prompt_reset(struct karma_prompt *p) {
    arena_reset(&p->arena);
    p->messages = NULL;
    p->count = p->cap = 0;
    p->raw = NULL;
}

void prompt_release(struct karma_prompt *p) {
    arena_release(&p->arena);
    memset(p, 0, sizeof(*p));
}

static karma_status copy_text(struct karma_prompt *p, const char *what, const char *text,
                              const char **out) {
    if (!text) return status_fail(KARMA_E_MISSING, "a message without %s", what);
    size_t bad;
    if (!utf8_valid(text, strlen(text), &bad))
        return status_fail(KARMA_E_ENCODING, "a message's %s is not valid UTF-8 at byte %zu", what,
                           bad);
    *out = arena_strdup(&p->arena, text);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status karma_prompt_add(karma_prompt *p, const char *role, const char *content) {
    if (p->count == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 4;
        karma_message *more = arena_calloc(&p->arena, cap, sizeof(*more));
        if (!more) return KARMA_E_NOMEM;
        if (p->count) memcpy(more, p->messages, p->count * sizeof(*more));
        p->messages = more;
        p->cap = cap;
    }
    karma_message *m = &p->messages[p->count];
    karma_status st = copy_text(p, "role", role, &m->role);
    if (st == KARMA_OK) st = copy_text(p, "content", content, &m->content);
    if (st == KARMA_OK) p->count++;
    return st;
}

size_t karma_prompt_count(const karma_prompt *p) {
    return p->count;
}

const karma_message *karma_prompt_get(const karma_prompt *p, size_t i) {
    return i < p->count ? &p->messages[i] : NULL;
}

karma_status karma_prompt_set(karma_prompt *p, size_t i, const char *content) {
    if (i >= p->count) return status_fail(KARMA_E_RANGE, "message %zu of %zu", i, p->count);
    return copy_text(p, "content", content, &p->messages[i].content);
}

karma_status karma_prompt_raw(karma_prompt *p, const char *text) {
    return copy_text(p, "text", text, &p->raw);
}

const char *karma_finish_reason_name(karma_finish_reason r) {
    switch (r) {
    case KARMA_FINISH_STOP:
        return "stop";
    case KARMA_FINISH_LENGTH:
        return "length";
    case KARMA_FINISH_CANCELLED:
        return "cancelled";
    case KARMA_FINISH_ERROR:
        return "error";
    }
    return "unknown";
}

static _Thread_local struct output_box *current_box;

struct output_box *output_box_enter(struct output_box *box) {
    struct output_box *before = current_box;
    current_box = box;
    return before;
}

struct output_box *output_box_of(karma_output *o) {
    return current_box && o == &current_box->out ? current_box : NULL;
}

static karma_status keep(karma_output *o, const char *text, size_t len, struct output_box **box,
                         const char **out) {
    *box = output_box_of(o);
    if (!*box)
        return status_fail(KARMA_E_USAGE, "this output is not one that postprocess() was given");
    if (!text && len > 0) return status_fail(KARMA_E_USAGE, "an output's text is NULL");
    *out = arena_strndup(&(*box)->arena, text ? text : "", len);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

karma_status karma_output_set_text(karma_output *o, const char *text, size_t len) {
    struct output_box *box = NULL;
    const char *copy = NULL;
    karma_status st = keep(o, text, len, &box, &copy);
    if (st == KARMA_OK) o->text = box->text_set = copy;
    return st;
}

karma_status karma_output_set_thinking(karma_output *o, const char *text, size_t len) {
    struct output_box *box = NULL;
    const char *copy = NULL;
    karma_status st = keep(o, text, len, &box, &copy);
    if (st == KARMA_OK) o->thinking = box->thinking_set = copy;
    return st;
}
