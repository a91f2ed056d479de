/* dtype.c - see dtype.h. Conversions of 16-bit floats are exact or round to nearest even. */
#include "tensor/dtype.h"

#include <string.h>

#include "base/size.h"

struct dtype_row {
    const char *name;
    int64_t elems;
    size_t bytes;
};
static const struct dtype_row rows[DTYPE_COUNT] = {
#define X(id, name, elems, bytes) [DTYPE_##id] = {name, elems, bytes},
    DTYPE_LIST(X)
#undef X
};

const char *dtype_name(enum dtype t) {
    return rows[t].name;
}

int64_t dtype_block_elems(enum dtype t) {
    return rows[t].elems;
}

size_t dtype_block_bytes(enum dtype t) {
    return rows[t].bytes;
}

bool dtype_is_weight(enum dtype t) {
    return t <= DTYPE_IQ4_NL; /* the list begins with them */
}

bool dtype_bytes(enum dtype t, uint64_t elems, uint64_t *bytes) {
    const uint64_t block = (uint64_t)rows[t].elems;
    if (rows[t].bytes == 0 || elems % block != 0) return false;
    return size_mul(elems / block, rows[t].bytes, bytes);
}

static float float_of(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static uint32_t bits_of(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

float f16_to_f32(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t exponent = (h >> 10) & 31u;
    const uint32_t fraction = h & 0x3ffu;
    if (exponent == 31) { /* infinity, or a NaN that keeps its payload and becomes quiet */
        const uint32_t quiet = fraction ? 0x400000u : 0;
        return float_of(sign | 0x7f800000u | quiet | fraction << 13);
    }
    if (exponent == 0) { /* zero or subnormal: fraction * 2^-24, exact in f32 */
        const float magnitude = (float)fraction * 0x1p-24f;
        return float_of(sign | bits_of(magnitude));
    }
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t f32_to_f16(float f) {
    const uint32_t bits = bits_of(f);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* rounds to 2^16 or more */
    if (magnitude < 0x33000001u) return (uint16_t)sign;              /* at most 2^-25: to zero */
    uint32_t mantissa = magnitude;
    uint32_t drop = 13;
    if (magnitude < 0x38800000u) { /* below 2^-14: subnormal, in units of 2^-24 */
        mantissa = (magnitude & 0x7fffffu) | 0x800000u;
        drop = 126 - (magnitude >> 23);
    } else {
        mantissa -= 112u << 23;
    }
    const uint32_t kept = mantissa >> drop;
    const uint32_t rest = mantissa & ((1u << drop) - 1);
    const uint32_t half = 1u << (drop - 1);
    const uint32_t up = rest > half || (rest == half && (kept & 1)) ? 1 : 0;
    return (uint16_t)(sign | (kept + up)); /* a carry out of the fraction is the next exponent */
}

uint16_t f32_to_bf16(float f) {
    const uint32_t bits = bits_of(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}
