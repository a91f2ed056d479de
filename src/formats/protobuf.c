/* protobuf.c - see protobuf.h. */
#include "formats/protobuf.h"

static karma_status varint(struct pb *m, uint64_t *out) {
    uint64_t v = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (m->at == m->end)
            return status_fail(KARMA_E_TRUNCATED, "a number ends with its message");
        const unsigned char b = *m->at++;
        if (shift == 63 && b > 1) break;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *out = v;
            return KARMA_OK;
        }
    }
    return status_fail(KARMA_E_SYNTAX, "a number of more than 64 bits");
}

static karma_status fixed(struct pb *m, size_t n, uint64_t *out) {
    if ((size_t)(m->end - m->at) < n)
        return status_fail(KARMA_E_TRUNCATED, "a number ends with its message");
    *out = 0;
    for (size_t i = 0; i < n; i++)
        *out |= (uint64_t)m->at[i] << (8 * i);
    m->at += n;
    return KARMA_OK;
}

static karma_status value_of(struct pb *m, struct pb_field *f) {
    switch (f->wire) {
    case PB_VARINT:
        return varint(m, &f->value);
    case PB_FIXED64:
        return fixed(m, 8, &f->value);
    case PB_FIXED32:
        return fixed(m, 4, &f->value);
    case PB_BYTES:
        break;
    }
    uint64_t len;
    karma_status st = varint(m, &len);
    if (st < 0) return st;
    if (len > (uint64_t)(m->end - m->at))
        return status_fail(KARMA_E_TRUNCATED, "field %u: %llu bytes, %zu are left", f->number,
                           (unsigned long long)len, (size_t)(m->end - m->at));
    f->bytes = m->at;
    f->len = (size_t)len;
    m->at += len;
    return KARMA_OK;
}

karma_status pb_next(struct pb *m, struct pb_field *f) {
    uint64_t key;
    *f = (struct pb_field){0};
    if (m->at == m->end) return KARMA_DONE;
    karma_status st = varint(m, &key);
    if (st < 0) return st;
    const unsigned wire = key & 7;
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return status_fail(KARMA_E_SYNTAX, "field number %llu", (unsigned long long)(key >> 3));
    if (wire != PB_VARINT && wire != PB_FIXED64 && wire != PB_BYTES && wire != PB_FIXED32)
        return status_fail(KARMA_E_SYNTAX, "field %llu: wire type %u",
                           (unsigned long long)(key >> 3), wire);
    f->number = (uint32_t)(key >> 3);
    f->wire = (enum pb_wire)wire;
    return value_of(m, f);
}

karma_status pb_packed(struct pb *list, enum pb_wire wire, uint64_t *value) {
    if (list->at == list->end) return KARMA_DONE;
    if (wire == PB_VARINT) return varint(list, value);
    return fixed(list, wire == PB_FIXED64 ? 8 : 4, value);
}

karma_status pb_want(const struct pb_field *f, enum pb_wire wire, const char *what) {
    if (f->wire == wire) return KARMA_OK;
    return status_fail(KARMA_E_TYPE, "%s: expected wire type %d, found %d", what, (int)wire,
                       (int)f->wire);
}
