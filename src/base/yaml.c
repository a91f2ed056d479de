/*
 * yaml.c - small YAML files as the tree that JSON gives. libyaml finds the parts; what they mean is
 * decided here, by the core schema of YAML 1.2 and nothing more: `no`, `on` and `1:30` are strings.
 * Whatever one file could mean in two ways is an error: tags, anchors, a number such as 010.
 */
#include "base/yaml.h"

#include <math.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/json_build.h"
#include "base/utf8.h"

enum { MAX_FILE_BYTES = 1 << 20, MAX_DEPTH = 32 };

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the present one, ours to delete */
    struct json_build build;
    int depth;
};

static karma_status fail_at(karma_status st, const yaml_mark_t *mark, const char *what) {
    return status_fail(st, "line %zu, column %zu: %s", mark->line + 1, mark->column + 1, what);
}

static karma_status parser_error(const yaml_parser_t *p) {
    if (p->error == YAML_MEMORY_ERROR) return status_fail(KARMA_E_NOMEM, "out of memory");
    const char *problem = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR)
        return status_fail(KARMA_E_SYNTAX, "line %zu, column %zu: %s", p->mark.line + 1,
                           p->mark.column + 1, problem);
    return fail_at(KARMA_E_SYNTAX, &p->problem_mark, problem);
}

static karma_status next_event(struct reader *r) {
    yaml_event_delete(&r->event);
    memset(&r->event, 0, sizeof(r->event));
    return yaml_parser_parse(&r->parser, &r->event) ? KARMA_OK : parser_error(&r->parser);
}

static bool is_one_of(const char *text, const char *lower) {
    char capital[8], upper[8];
    size_t n = strlen(lower);
    for (size_t i = 0; i <= n; i++) {
        upper[i] = (char)(lower[i] >= 'a' ? lower[i] - 32 : lower[i]);
        capital[i] = i == 0 ? upper[i] : lower[i];
    }
    return strcmp(text, lower) == 0 || strcmp(text, capital) == 0 || strcmp(text, upper) == 0;
}

/* 0x1f and 0o17; false if it is none. */
static bool parse_based(const char *text, size_t len, int64_t *out) {
    unsigned base = len > 2 && text[0] == '0' ? text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 0 : 0;
    uint64_t v = 0;
    if (base == 0) return false;
    for (size_t i = 2; i < len; i++) {
        char c = text[i];
        unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                            : 16;
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    if (v > INT64_MAX) return false;
    *out = (int64_t)v;
    return true;
}

static bool is_integer(const char *text, size_t len) {
    size_t i = len > 0 && (text[0] == '-' || text[0] == '+');
    if (i == len) return false;
    for (; i < len; i++)
        if (text[i] < '0' || text[i] > '9') return false;
    return true;
}

static bool fits_integer(const char *text, size_t len, int64_t *out) {
    bool negative = text[0] == '-';
    int64_t v = 0;
    for (size_t i = negative || text[0] == '+'; i < len; i++) {
        int d = text[i] - '0';
        if (__builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_add_overflow(v, (int64_t)(negative ? -d : d), &v))
            return false;
    }
    *out = v;
    return true;
}

/* What a plain scalar is. Strings stay JSON_STRING with no bytes set. */
static karma_status resolve_plain(const char *text, size_t len, const yaml_mark_t *mark,
                                  struct json *v) {
    v->type = JSON_STRING;
    if (strlen(text) != len) return KARMA_OK;
    if (len == 0 || strcmp(text, "~") == 0 || is_one_of(text, "null")) {
        v->type = JSON_NULL;
    } else if (is_one_of(text, "true") || is_one_of(text, "false")) {
        v->type = JSON_BOOL;
        v->u.boolean = text[0] == 't' || text[0] == 'T';
    } else if (parse_based(text, len, &v->u.integer)) {
        v->type = JSON_INT;
    } else if (is_integer(text, len)) {
        const char *digits = text + (text[0] == '-' || text[0] == '+');
        if (digits[0] == '0' && digits[1])
            return fail_at(KARMA_E_UNSUPPORTED, mark,
                           "number with a leading zero (quote it to make it a string)");
        v->type = JSON_INT;
        if (fits_integer(text, len, &v->u.integer)) return KARMA_OK;
        v->type = JSON_REAL;
        if (!json_parse_real(text, len, &v->u.real) || !isfinite(v->u.real))
            return fail_at(KARMA_E_RANGE, mark, "number too large for a double");
    } else if (json_parse_real(text, len, &v->u.real)) {
        v->type = JSON_REAL;
        if (!isfinite(v->u.real))
            return fail_at(KARMA_E_RANGE, mark, "number too large for a double");
    } else {
        const char *word = text + (text[0] == '-' || text[0] == '+');
        if (is_one_of(word, ".inf") || strcmp(word, ".Inf") == 0 || ascii_same(text, ".nan"))
            return fail_at(KARMA_E_NONFINITE, mark, "not a finite number");
    }
    return KARMA_OK;
}

static karma_status refuse_extras(const yaml_mark_t *mark, const void *anchor, const void *tag) {
    if (anchor) return fail_at(KARMA_E_UNSUPPORTED, mark, "anchors are not supported");
    if (tag) return fail_at(KARMA_E_UNSUPPORTED, mark, "tags are not supported");
    return KARMA_OK;
}

struct key {
    const char *text; /* NULL: none */
    size_t len;
    uint64_t mark;
};

static karma_status read_scalar(struct reader *r, const struct key *key) {
    const yaml_mark_t *mark = &r->event.start_mark;
    const char *text = (const char *)r->event.data.scalar.value;
    size_t len = r->event.data.scalar.length;
    struct json v = {.type = JSON_STRING};
    karma_status st = refuse_extras(mark, r->event.data.scalar.anchor, r->event.data.scalar.tag);
    if (st == KARMA_OK && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        st = resolve_plain(text, len, mark, &v);
    if (st < 0) return st;
    if (v.type == JSON_STRING)
        return json_build_string(&r->build, key->text, key->len, key->mark, text, len);
    return json_build_value(&r->build, key->text, key->len, key->mark, &v);
}

static karma_status read_node(struct reader *r, const struct key *key);

/* The members of a mapping after its start event, up to its end event. */
static karma_status read_members(struct reader *r) {
    for (;;) {
        karma_status st = next_event(r);
        if (st < 0 || r->event.type == YAML_MAPPING_END_EVENT) return st;
        const yaml_mark_t mark = r->event.start_mark;
        if (r->event.type == YAML_ALIAS_EVENT)
            return fail_at(KARMA_E_UNSUPPORTED, &mark, "aliases are not supported");
        if (r->event.type != YAML_SCALAR_EVENT)
            return fail_at(KARMA_E_TYPE, &mark, "a key must be a string");
        st = refuse_extras(&mark, r->event.data.scalar.anchor, r->event.data.scalar.tag);
        struct json v = {.type = JSON_STRING};
        const char *text = (const char *)r->event.data.scalar.value;
        if (st == KARMA_OK && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
            st = resolve_plain(text, r->event.data.scalar.length, &mark, &v);
        if (st < 0) return st;
        if (v.type != JSON_STRING)
            return fail_at(KARMA_E_TYPE, &mark, "a key must be a string (quote it)");
        struct key key = {.len = r->event.data.scalar.length,
                          .mark = ((uint64_t)mark.line << 32) | (uint32_t)mark.column};
        key.text = arena_strndup(r->build.arena, text, key.len);
        if (!key.text) return KARMA_E_NOMEM;
        st = next_event(r);
        if (st == KARMA_OK) st = read_node(r, &key);
        if (st < 0) return st;
    }
}

static karma_status read_items(struct reader *r) {
    static const struct key none = {0};
    for (;;) {
        karma_status st = next_event(r);
        if (st < 0 || r->event.type == YAML_SEQUENCE_END_EVENT) return st;
        st = read_node(r, &none);
        if (st < 0) return st;
    }
}

/* The value whose first event is the present one. */
static karma_status read_node(struct reader *r, const struct key *key) {
    const yaml_mark_t *mark = &r->event.start_mark;
    const bool mapping = r->event.type == YAML_MAPPING_START_EVENT;
    karma_status st;
    size_t frame;
    if (r->event.type == YAML_SCALAR_EVENT) return read_scalar(r, key);
    if (r->event.type == YAML_ALIAS_EVENT)
        return fail_at(KARMA_E_UNSUPPORTED, mark, "aliases are not supported");
    st = mapping ? refuse_extras(mark, r->event.data.mapping_start.anchor,
                                 r->event.data.mapping_start.tag)
                 : refuse_extras(mark, r->event.data.sequence_start.anchor,
                                 r->event.data.sequence_start.tag);
    if (st < 0) return st;
    if (r->depth == MAX_DEPTH) return fail_at(KARMA_E_LIMIT, mark, "nested more than 32 deep");
    r->depth++;
    st = json_build_begin(&r->build, key->text, key->len, key->mark,
                          mapping ? JSON_OBJECT : JSON_ARRAY, &frame);
    if (st == KARMA_OK) st = mapping ? read_members(r) : read_items(r);
    if (st == KARMA_OK) st = json_build_end(&r->build, frame);
    r->depth--;
    return st;
}

static karma_status read_document(struct reader *r) {
    static const struct key none = {0};
    karma_status st = next_event(r); /* stream start */
    if (st == KARMA_OK) st = next_event(r);
    if (st < 0) return st;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return json_build_value(&r->build, NULL, 0, 0, &(struct json){.type = JSON_NULL});
    if (r->event.data.document_start.tag_directives.start !=
        r->event.data.document_start.tag_directives.end)
        return fail_at(KARMA_E_UNSUPPORTED, &r->event.start_mark, "tags are not supported");
    st = next_event(r);
    if (st == KARMA_OK) st = read_node(r, &none);
    if (st == KARMA_OK) st = next_event(r); /* document end */
    if (st == KARMA_OK) st = next_event(r);
    if (st < 0) return st;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return fail_at(KARMA_E_UNSUPPORTED, &r->event.start_mark,
                       "several documents in one file are not supported");
    if (r->build.duplicates > 0)
        return status_fail(KARMA_E_DUPLICATE, "line %llu, column %llu: key given twice",
                           (unsigned long long)(r->build.duplicate_at >> 32) + 1,
                           (unsigned long long)(r->build.duplicate_at & UINT32_MAX) + 1);
    return KARMA_OK;
}

/* Where the byte at offset stands; libyaml would only say that the input is bad. */
static karma_status check_encoding(const char *text, size_t len) {
    size_t bad, line = 1, column = 1;
    if (utf8_valid(text, len, &bad)) return KARMA_OK;
    for (size_t i = 0; i < bad; i++) {
        column = text[i] == '\n' ? 1 : column + (((unsigned char)text[i] & 0xC0) != 0x80);
        line += text[i] == '\n';
    }
    return status_fail(KARMA_E_ENCODING, "line %zu, column %zu: not valid UTF-8", line, column);
}

karma_status yaml_parse(struct arena *a, const char *text, size_t len, const struct json **out) {
    struct reader r = {.build = {.arena = a}};
    *out = NULL;
    if (len > MAX_FILE_BYTES) return status_fail(KARMA_E_LIMIT, "YAML of more than 1 MiB");
    karma_status st = check_encoding(text, len);
    if (st < 0) return st;
    if (!yaml_parser_initialize(&r.parser)) return status_fail(KARMA_E_NOMEM, "out of memory");
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    st = read_document(&r);
    if (st == KARMA_OK) st = json_build_take(&r.build, out);
    json_build_release(&r.build);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return st;
}

karma_status yaml_parse_file(struct arena *a, const char *path, const struct json **out) {
    struct buf text = {0};
    *out = NULL;
    karma_status st = file_read(path, MAX_FILE_BYTES, &text);
    if (st == KARMA_OK)
        st = status_prefix(yaml_parse(a, buf_str(&text), text.len, out), "%s", path);
    buf_release(&text);
    return st;
}

karma_status config_parse_file(struct arena *a, const char *path, const struct json **out) {
    if (ascii_ends_with(path, ".json"))
        return json_parse_file(a, path, 0, JSON_REJECT_DUPLICATES, out);
    if (ascii_ends_with(path, ".yaml") || ascii_ends_with(path, ".yml"))
        return yaml_parse_file(a, path, out);
    karma_status st = json_parse_file(a, path, 0, JSON_REJECT_DUPLICATES, out);
    return st == KARMA_E_SYNTAX ? yaml_parse_file(a, path, out) : st;
}

/* --- where a key stands ----------------------------------------------------------------------- */

/* Past the value whose first event is the present one. */
static bool skip_node(struct reader *r) {
    int depth = 0;
    for (;;) {
        const yaml_event_type_t t = r->event.type;
        depth += t == YAML_MAPPING_START_EVENT || t == YAML_SEQUENCE_START_EVENT;
        depth -= t == YAML_MAPPING_END_EVENT || t == YAML_SEQUENCE_END_EVENT;
        if (depth <= 0) return true;
        if (next_event(r) < 0) return false;
    }
}

static size_t find_key(struct reader *r, const char *const *way) {
    while (next_event(r) == KARMA_OK && r->event.type == YAML_SCALAR_EVENT) {
        const size_t line = r->event.start_mark.line + 1;
        const bool same = r->event.data.scalar.length == strlen(way[0]) &&
                          memcmp(r->event.data.scalar.value, way[0], strlen(way[0])) == 0;
        if (same && !way[1]) return line;
        if (next_event(r) < 0) return 0;
        if (same) return r->event.type == YAML_MAPPING_START_EVENT ? find_key(r, way + 1) : 0;
        if (!skip_node(r)) return 0;
    }
    return 0;
}

size_t yaml_line_of(const char *text, size_t len, const char *const *way) {
    struct reader r = {0};
    size_t line = 0;
    if (!way[0] || !utf8_valid(text, len, NULL) || !yaml_parser_initialize(&r.parser)) return 0;
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    bool good = true; /* stream start, document start, the value */
    for (int i = 0; i < 3 && good; i++)
        good = next_event(&r) == KARMA_OK;
    if (good && r.event.type == YAML_MAPPING_START_EVENT) line = find_key(&r, way);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return line;
}
