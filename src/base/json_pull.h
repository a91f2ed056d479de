/*
 * json_pull.h - JSON read as a stream of events, for files too large for a tree: a tokenizer of
 * 33 MB, a safetensors header of 100 MB. Strict JSON, UTF-8 checked, depth at most 64, no
 * allocation but one buffer for strings with escapes.
 */
#ifndef BASE_JSON_PULL_H
#define BASE_JSON_PULL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum json_event {
    JSON_EV_OBJECT_BEGIN,
    JSON_EV_OBJECT_END,
    JSON_EV_ARRAY_BEGIN,
    JSON_EV_ARRAY_END,
    JSON_EV_KEY,    /* text, len: the member's name, unescaped */
    JSON_EV_STRING, /* text, len: unescaped; lent until the next event */
    JSON_EV_INT,    /* integer; a number without fraction and exponent that fits int64 */
    JSON_EV_UINT,   /* uinteger: such a number above INT64_MAX that fits uint64 */
    JSON_EV_REAL,   /* real; text, len: the number as written */
    JSON_EV_BOOL,
    JSON_EV_NULL,
    JSON_EV_END, /* the value is complete and only blanks follow */
};

enum { JSON_PULL_DEPTH = 64 };

struct json_pull {
    const char *start, *p, *end;
    size_t first_line; /* what errors call the text's first line; 0 counts as 1 */
    struct buf scratch;
    uint8_t stack[JSON_PULL_DEPTH]; /* '{' or '[' */
    int depth;
    int state;
    const char *text;
    size_t len;
    int64_t integer;
    uint64_t uinteger;
    double real;
    bool boolean;
};

void json_pull_init(struct json_pull *j, const char *text, size_t len);
karma_status json_pull_next(struct json_pull *j, enum json_event *ev);
/* Consume the value that begins with event ev (nested ones whole). */
karma_status json_pull_skip(struct json_pull *j, enum json_event ev);
size_t json_pull_offset(const struct json_pull *j); /* byte offset of the next event */
void json_pull_release(struct json_pull *j);

#endif
