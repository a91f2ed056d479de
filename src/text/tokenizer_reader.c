/* tokenizer_reader.c - see tokenizer_reader.h. */
#include "text/tokenizer_reader.h"

#include <string.h>

karma_status reader_wrong_type(const char *expected) {
    return status_fail(KARMA_E_TYPE, "expected %s", expected);
}

bool reader_key_is(const struct json_pull *j, const char *key) {
    return j->len == strlen(key) && memcmp(j->text, key, j->len) == 0;
}

void reader_open_slice(const struct reader *r, const struct slice *s, struct json_pull *j) {
    json_pull_init(j, r->data, s->end);
    j->p = r->data + s->begin;
}

karma_status reader_take_slice(struct json_pull *j, struct slice *s) {
    enum json_event ev;
    s->begin = json_pull_offset(j);
    karma_status st = json_pull_next(j, &ev);
    if (st == KARMA_OK) st = json_pull_skip(j, ev);
    s->end = (size_t)(j->p - j->start); /* right behind the value, before any comma */
    s->seen = true;
    return st;
}

karma_status reader_take_bool(struct json_pull *j, bool *out) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0 || ev == JSON_EV_NULL) return st;
    if (ev != JSON_EV_BOOL) return reader_wrong_type("true or false");
    *out = j->boolean;
    return KARMA_OK;
}

karma_status reader_take_int(struct json_pull *j, int64_t *out) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    if (st < 0 || ev == JSON_EV_NULL) return st;
    if (ev != JSON_EV_INT) return reader_wrong_type("an integer");
    *out = j->integer;
    return KARMA_OK;
}

karma_status reader_take_string(struct reader *r, struct json_pull *j, const char **out,
                                size_t *len) {
    enum json_event ev;
    karma_status st = json_pull_next(j, &ev);
    *out = NULL;
    *len = 0;
    if (st < 0 || ev == JSON_EV_NULL) return st;
    if (ev != JSON_EV_STRING) return reader_wrong_type("a string");
    *out = arena_strndup(&r->t->arena, j->text, j->len);
    *len = j->len;
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}
