/*
 * gguf_parts.c - opens a GGUF file. A split one says so in its metadata: split.count files named
 * PREFIX-00001-of-0000N.gguf, the first with all of the metadata. Parts must agree on the count, on
 * their number, on the sum of tensors and, where they repeat it, on the architecture.
 */
#include <string.h>

#include "formats/checkpoint_impl.h"
#include "formats/foreign.h"

static const char suffix_form[] = "-ddddd-of-ddddd.gguf";
enum { SUFFIX_BYTES = sizeof(suffix_form) - 1, NUMBER_AT = 1, COUNT_AT = 10, DIGITS = 5 };

static int64_t number_at(const char *digits) {
    int64_t n = 0;
    for (int i = 0; i < DIGITS; i++)
        n = n * 10 + (digits[i] - '0');
    return n;
}

/* Does name end as suffix_form says, d being a digit? */
static bool parse_suffix(const char *name, int64_t *number, int64_t *count) {
    const size_t len = strlen(name);
    if (len <= SUFFIX_BYTES) return false;
    const char *suffix = name + len - SUFFIX_BYTES;
    for (int i = 0; i < SUFFIX_BYTES; i++) {
        const bool digit = suffix[i] >= '0' && suffix[i] <= '9';
        if (suffix_form[i] == 'd' ? !digit : suffix[i] != suffix_form[i]) {
            return false;
        }
    }
    *number = number_at(suffix + NUMBER_AT);
    *count = number_at(suffix + COUNT_AT);
    return true;
}

bool gguf_parts_is_later(const char *name) {
    int64_t number, count;
    return parse_suffix(name, &number, &count) && number > 1;
}

static karma_status open_part(struct checkpoint *ck, const char *name, struct part **out) {
    struct part *p = NULL;
    karma_status st = checkpoint_map_part(ck, name, &p);
    *out = p;
    if (st < 0) return st;
    st = gguf_parse(p->map.data, p->map.size, p->name, &p->gguf);
    if (st == KARMA_E_MAGIC) {
        const karma_status foreign = foreign_check_bytes(p->map.data, p->map.size);
        if (foreign < 0) return status_prefix(foreign, "%s", status_quotez(name));
    }
    if (st < 0) return st;
    p->n_tensors = gguf_tensor_count(p->gguf);
    p->tensors = gguf_tensors(p->gguf);
    return KARMA_OK;
}

/* A string value of the checkpoint's life with a NUL, *out NULL when the key is absent. */
static karma_status dup_string(struct checkpoint *ck, const struct gguf *g, const char *key,
                               const char **out) {
    const char *data;
    size_t len;
    karma_status st = gguf_string(g, key, &data, &len);
    *out = NULL;
    if (st < 0 || !data) return st;
    *out = arena_strndup(&ck->a, data, len);
    return *out ? KARMA_OK : KARMA_E_NOMEM;
}

static karma_status read_architecture(struct checkpoint *ck, const struct gguf *g) {
    const char *type;
    karma_status st = dup_string(ck, g, "general.architecture", &ck->architecture);
    if (st < 0) return st;
    if (!ck->architecture) {
        return status_fail(KARMA_E_MISSING, "general.architecture is missing");
    }
    st = dup_string(ck, g, "general.type", &type);
    if (st < 0 || !type) return st;
    if (strcmp(type, "adapter") != 0 && strcmp(type, "imatrix") != 0) return KARMA_OK;
    return status_fail(KARMA_E_UNSUPPORTED, "general.type: this is an %s, not a model", type);
}

struct split {
    int64_t count, number, tensors; /* tensors -1: not said */
};

static karma_status read_split(const struct gguf *g, struct split *s) {
    karma_status st = gguf_int(g, "split.count", 0, MAX_PARTS, 1, &s->count);
    if (st == KARMA_OK) st = gguf_int(g, "split.no", 0, MAX_PARTS - 1, 0, &s->number);
    if (st == KARMA_OK) st = gguf_int(g, "split.tensors.count", 0, INT32_MAX, -1, &s->tensors);
    if (s->count == 0) s->count = 1;
    return st;
}

/* Part number i (from 0) against what the first one says. */
static karma_status check_later(const struct checkpoint *ck, const struct gguf *g,
                                const struct split *first, int64_t i) {
    struct split s = {0};
    const char *data;
    size_t len;
    karma_status st = read_split(g, &s);
    if (st < 0) return st;
    if (s.count != first->count || s.number != i) {
        return status_fail(
            KARMA_E_DIGEST, "split: is part %lld of %lld by its own word, expected %lld of %lld",
            (long long)s.number + 1, (long long)s.count, (long long)i + 1, (long long)first->count);
    }
    if (s.tensors >= 0 && first->tensors >= 0 && s.tensors != first->tensors) {
        return status_fail(KARMA_E_DIGEST,
                           "split.tensors.count: %lld, but the first part says %lld",
                           (long long)s.tensors, (long long)first->tensors);
    }
    st = gguf_string(g, "general.architecture", &data, &len);
    if (st < 0 || !data) return st;
    if (len == strlen(ck->architecture) && memcmp(data, ck->architecture, len) == 0) return st;
    return status_fail(KARMA_E_DIGEST, "general.architecture: %s, but the first part says %s",
                       status_quote(data, len), status_quotez(ck->architecture));
}

static karma_status open_later(struct checkpoint *ck, const char *first_name,
                               const struct split *first) {
    int64_t number, count;
    if (!parse_suffix(first_name, &number, &count) || number != 1 || count != first->count) {
        return status_fail(KARMA_E_MISSING,
                           "%s: is the first of %lld parts, whose names must end in "
                           "-00001-of-%05lld.gguf and so on",
                           status_quotez(first_name), (long long)first->count,
                           (long long)first->count);
    }
    const int prefix = (int)(strlen(first_name) - SUFFIX_BYTES);
    for (int64_t i = 1; i < first->count; i++) {
        struct part *p;
        const char *name = arena_printf(&ck->a, "%.*s-%05lld-of-%05lld.gguf", prefix, first_name,
                                        (long long)i + 1, (long long)first->count);
        if (!name) return KARMA_E_NOMEM;
        karma_status st = open_part(ck, name, &p);
        if (st < 0) return st;
        st = check_later(ck, p->gguf, first, i);
        if (st < 0) return status_prefix(st, "%s", status_quotez(name));
    }
    return KARMA_OK;
}

/* What the first part says about the whole. */
static karma_status read_first(struct checkpoint *ck, const struct gguf *g, struct split *split) {
    karma_status st = read_split(g, split);
    if (st < 0) return st;
    if (split->number != 0) {
        return status_fail(KARMA_E_USAGE, "is part %lld of %lld; name the first part",
                           (long long)split->number + 1, (long long)split->count);
    }
    return read_architecture(ck, g);
}

karma_status gguf_parts_open(struct checkpoint *ck, const char *name) {
    struct split split = {.count = 1, .number = 0, .tensors = -1};
    struct part *p;
    ck->container = CONTAINER_GGUF;
    karma_status st = checkpoint_reserve_parts(ck, 1);
    if (st == KARMA_OK) st = open_part(ck, name, &p);
    if (st < 0) return st;
    st = read_first(ck, p->gguf, &split);
    if (st < 0) return status_prefix(st, "%s", status_quotez(name));
    if (split.count > 1) {
        st = checkpoint_reserve_parts(ck, (size_t)split.count);
        if (st == KARMA_OK) st = open_later(ck, name, &split);
        if (st < 0) return st;
    }
    st = checkpoint_join_parts(ck);
    if (st < 0 || split.tensors < 0 || split.tensors == ck->n_tensors) return st;
    return status_fail(KARMA_E_DIGEST, "%s: split.tensors.count: %lld, but %lld tensors are there",
                       status_quotez(name), (long long)split.tensors, (long long)ck->n_tensors);
}
