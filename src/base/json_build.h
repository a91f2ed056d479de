/*
 * json_build.h - a JSON tree made from the outside in, as a parser meets its parts. What is open
 * lies on a stack; a container that closes moves to the arena in one piece. Finds duplicate keys.
 */
#ifndef BASE_JSON_BUILD_H
#define BASE_JSON_BUILD_H

#include "base/json.h"

struct json_build_entry;

/* All-zero plus arena is a valid beginning. */
struct json_build {
    struct arena *arena; /* where the tree goes */
    struct json_build_entry *entries;
    size_t count, cap;
    size_t duplicates;     /* keys given again, so far */
    uint64_t duplicate_at; /* mark of the first of them */
};

/* key: of the member to come, copied; NULL in an array and at the top. mark: where it stands, in
 * the parser's own terms. */
karma_status json_build_value(struct json_build *b, const char *key, size_t key_len, uint64_t mark,
                              const struct json *value);
karma_status json_build_string(struct json_build *b, const char *key, size_t key_len, uint64_t mark,
                               const char *text, size_t len);
/* Open a container; *frame is for its end. */
karma_status json_build_begin(struct json_build *b, const char *key, size_t key_len, uint64_t mark,
                              enum json_type type, size_t *frame);
/* Close it. Of equal keys the last value counts, at the first's place. */
karma_status json_build_end(struct json_build *b, size_t frame);
/* The finished value; the stack is freed. */
karma_status json_build_take(struct json_build *b, const struct json **out);
void json_build_release(struct json_build *b);

#endif
