/*
 * json.h - JSON values as a tree in an arena, made of the events of base/json_pull.h; YAML files
 * give the same tree (base/yaml.h). Objects keep the order of the file.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"

/* JSON_BYTES: what no JSON text gives, but a file that holds binary values; written as base64. */
enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,
    JSON_REAL,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
    JSON_BYTES
};

struct json {
    enum json_type type;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct {
            const char *data; /* UTF-8, NUL-terminated, may hold NUL inside */
            size_t len;
        } string;
        struct {
            const struct json *const *items;
            size_t count;
        } array;
        struct {
            const struct json_member *members;
            size_t count;
        } object;
        struct {
            const unsigned char *data; /* lent; no NUL behind them */
            size_t len;
        } bytes;
    } u;
};
struct json_member {
    const char *key;
    size_t key_len;
    const struct json *value;
};

enum json_flags {
    JSON_LAST_WINS = 0,         /* duplicate keys: the last, as Python reads them */
    JSON_REJECT_DUPLICATES = 1, /* E_DUPLICATE */
};

/* Parse one value that fills text (blanks around it allowed). Depth at most 64 (E_LIMIT), integers
 * beyond int64 become reals, numbers that overflow a double are E_RANGE; NaN and Infinity literals
 * are E_SYNTAX. Errors name line and column. The tree lives in a. */
karma_status json_parse(struct arena *a, const char *text, size_t len, unsigned flags,
                        const struct json **out);
/* The same, last wins, for text that begins at line first_line of a file. *duplicate_line: where a
 * key was first given twice, 0 if none was. */
karma_status json_parse_part(struct arena *a, const char *text, size_t len, size_t first_line,
                             size_t *duplicate_line, const struct json **out);
/* The same, last wins, for a mapped file, without the members of that name of the objects that are
 * the top object's members, whatever size they have: they are read, and their pages given back. */
struct file_map;
karma_status json_parse_without(struct arena *a, const struct file_map *file, const char *member,
                                const struct json **out);
/* The same for a whole file of at most max_bytes (0 = 256 MiB); the message starts with path. */
karma_status json_parse_file(struct arena *a, const char *path, size_t max_bytes, unsigned flags,
                             const struct json **out);

static inline bool json_is_object(const struct json *j) {
    return j && j->type == JSON_OBJECT;
}
static inline bool json_is_array(const struct json *j) {
    return j && j->type == JSON_ARRAY;
}
static inline bool json_is_string(const struct json *j) {
    return j && j->type == JSON_STRING;
}
static inline bool json_is_bytes(const struct json *j) {
    return j && j->type == JSON_BYTES;
}
static inline bool json_is_null(const struct json *j) {
    return !j || j->type == JSON_NULL;
}
/* Member of an object, NULL if absent or obj is no object. */
const struct json *json_get(const struct json *obj, const char *key);
const struct json *json_at(const struct json *array, size_t i);
size_t json_count(const struct json *j); /* items or members; 0 for the rest */
const char *json_str(const struct json *j, const char *otherwise); /* string's bytes, else that */
const char *json_type_name(const struct json *j); /* "string", "absent" for NULL, ... */

/* Typed fields of an object. Absent or null: *out = otherwise (OK). Wrong type: E_TYPE naming the
 * key; int: a real without fraction such as 28.0 is accepted, out of [min,max] is E_RANGE. */
karma_status json_field_int(const struct json *obj, const char *key, int64_t min, int64_t max,
                            int64_t otherwise, int64_t *out);
karma_status json_field_real(const struct json *obj, const char *key, double otherwise,
                             double *out);
karma_status json_field_bool(const struct json *obj, const char *key, bool otherwise, bool *out);
karma_status json_field_str(const struct json *obj, const char *key, const char *otherwise,
                            const char **out);
/* The same, but absent or null is E_MISSING. */
karma_status json_need_int(const struct json *obj, const char *key, int64_t min, int64_t max,
                           int64_t *out);
karma_status json_need_str(const struct json *obj, const char *key, const char **out);

/* Builders, for values made in code; NULL when memory ends (message set). Strings are copied. */
struct json *json_new_object(struct arena *a);
struct json *json_new_array(struct arena *a);
struct json *json_new_string(struct arena *a, const char *s);
struct json *json_new_stringn(struct arena *a, const char *s, size_t len);
struct json *json_new_bytes(struct arena *a, const void *bytes, size_t len); /* not copied */
struct json *json_new_int(struct arena *a, int64_t v);
struct json *json_new_real(struct arena *a, double v);
struct json *json_new_bool(struct arena *a, bool v);
struct json *json_new_null(struct arena *a);
/* Set replaces an equal key. value may be NULL: then nothing is set and E_NOMEM is returned, so
 * builders nest without checks. */
karma_status json_set(struct arena *a, struct json *obj, const char *key, const struct json *value);
karma_status json_push(struct arena *a, struct json *array, const struct json *value);
/* base overlaid with over, shallowly; either may be NULL. */
karma_status json_merge(struct arena *a, const struct json *base, const struct json *over,
                        struct json **out);

/* Append j as text. indent 0: one line, "," and ":" bare when compact, else ", " and ": " as
 * Python's json.dumps; indent > 0: as json.dumps(indent=n). Non-ASCII raw. Reals as Python's repr
 * (shortest that reads back), always with '.' or exponent. */
enum json_write_flags { JSON_PYTHON = 0, JSON_COMPACT = 1, JSON_ASCII = 2 };
karma_status json_write(struct buf *b, const struct json *j, int indent, unsigned flags);
karma_status json_write_string(struct buf *b, const char *s, size_t len, unsigned flags);

/* Shortest decimal text that reads back as v, as Python's repr ("1.0", "1e-05", "nan"); independent
 * of the locale. out: at least 32 bytes. Returns its length. */
size_t json_format_real(double v, char *out);
/* The same with the fewest digits that give v once they are read and made a float again. */
size_t json_format_float(float v, char *out);
/* A decimal number that fills text, independent of the locale; false if it is not one. */
bool json_parse_real(const char *text, size_t len, double *out);

#endif
