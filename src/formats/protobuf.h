/*
 * protobuf.h - the wire format of protocol buffers, read field by field from bytes nobody trusts.
 * A message is a list of (key, value); a key is field << 3 | wire type. Unknown fields are passed
 * over by the caller asking for the next one.
 */
#ifndef FORMATS_PROTOBUF_H
#define FORMATS_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

/* A message or a packed list under way. */
struct pb {
    const unsigned char *at, *end;
};

struct pb_field {
    uint32_t number;
    enum pb_wire wire;
    uint64_t value;             /* of VARINT, FIXED64, FIXED32 */
    const unsigned char *bytes; /* of BYTES: lent */
    size_t len;
};

/* KARMA_OK with the next field, KARMA_DONE at the end, E_TRUNCATED or E_SYNTAX. */
karma_status pb_next(struct pb *m, struct pb_field *f);
/* The inside of a BYTES field as a message. */
static inline struct pb pb_inside(const struct pb_field *f) {
    return (struct pb){f->bytes, f->bytes + f->len};
}
/* One number of a packed list; KARMA_DONE at its end. */
karma_status pb_packed(struct pb *list, enum pb_wire wire, uint64_t *value);
/* E_TYPE naming `what` unless the field is of that wire type. */
karma_status pb_want(const struct pb_field *f, enum pb_wire wire, const char *what);

#endif
