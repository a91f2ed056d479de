/* test_dtype.c - sizes of element types and the conversions of 16-bit floats, each over all of its
 * 65,536 values. */
#include "tests/support/test.h"

#include <math.h>

#include "tensor/dtype.h"

static uint32_t bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}

static float float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

static void names_and_sizes_every_type(void **state) {
    (void)state;
    assert_string_equal(dtype_name(DTYPE_Q4_K), "Q4_K");
    assert_int_equal(dtype_block_elems(DTYPE_Q4_K), 256);
    assert_int_equal(dtype_block_bytes(DTYPE_Q4_K), 144);
    for (int t = 0; t < DTYPE_COUNT; t++) {
        assert_true(strlen(dtype_name((enum dtype)t)) > 0);
        assert_true(dtype_block_elems((enum dtype)t) >= 1);
        assert_true((dtype_block_bytes((enum dtype)t) == 0) == (t == DTYPE_OTHER));
    }
}

static void tells_weights_from_other_types(void **state) {
    (void)state;
    static const enum dtype no_weights[] = {DTYPE_F64, DTYPE_I64,  DTYPE_I32,  DTYPE_I16,
                                            DTYPE_I8,  DTYPE_U64,  DTYPE_U32,  DTYPE_U16,
                                            DTYPE_U8,  DTYPE_BOOL, DTYPE_OTHER};
    const int n = sizeof(no_weights) / sizeof(*no_weights);
    int weights = 0;
    for (int i = 0; i < n; i++)
        assert_false(dtype_is_weight(no_weights[i]));
    for (int t = 0; t < DTYPE_COUNT; t++)
        weights += dtype_is_weight((enum dtype)t);
    assert_int_equal(weights, DTYPE_COUNT - n);
}

static void multiplies_sizes_with_care(void **state) {
    (void)state;
    uint64_t bytes;
    assert_true(dtype_bytes(DTYPE_Q6_K, 512, &bytes));
    assert_int_equal(bytes, 420);
    assert_true(dtype_bytes(DTYPE_F32, 0, &bytes));
    assert_int_equal(bytes, 0);
    assert_false(dtype_bytes(DTYPE_Q6_K, 255, &bytes));
    assert_false(dtype_bytes(DTYPE_F32, UINT64_C(1) << 62, &bytes));
    assert_false(dtype_bytes(DTYPE_OTHER, 1, &bytes));
}

/* An independent reading of the half format, by powers of two. */
static double half_value(unsigned h) {
    const double sign = h & 0x8000 ? -1 : 1;
    const int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
    if (exponent == 31) return fraction ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, exponent - 25);
}

static void widens_every_half_exactly(void **state) {
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const double want = half_value(h);
        const float got = f16_to_f32((uint16_t)h);
        if (isnan(want)) {
            assert_true(isnan(got));
            assert_true(bits_of(got) & 0x400000); /* quiet, as the processor's conversion */
        } else {
            assert_true((double)got == want);
            assert_true(!!signbit(got) == (h >> 15));
        }
    }
}

static void narrows_to_half_and_back(void **state) {
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const float f = f16_to_f32((uint16_t)h);
        const unsigned back = f32_to_f16(f);
        if (isnan(f)) {
            assert_true((back & 0x7c00) == 0x7c00 && (back & 0x3ff) != 0);
        } else {
            assert_int_equal(back, h);
        }
    }
}

static void rounds_to_the_nearest_half(void **state) {
    (void)state;
    /* between each finite half and the next larger one: below, at and above the middle */
    for (unsigned h = 0; h < 0x7bff; h++) {
        const float low = f16_to_f32((uint16_t)h), high = f16_to_f32((uint16_t)(h + 1));
        const float middle = (low + high) / 2; /* exact in f32 */
        assert_int_equal(f32_to_f16(nextafterf(middle, 0)), h);
        assert_int_equal(f32_to_f16(middle), h & 1 ? h + 1 : h);
        assert_int_equal(f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
        assert_int_equal(f32_to_f16(-nextafterf(middle, INFINITY)), (h + 1) | 0x8000);
    }
    assert_int_equal(f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(f32_to_f16(3e38f), 0x7c00);
    assert_int_equal(f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(f32_to_f16(0x1p-25f), 0);
    assert_int_equal(f32_to_f16(nextafterf(0x1p-25f, 1)), 1);
    assert_int_equal(f32_to_f16(-1e-30f), 0x8000);
}

static void rounds_to_the_nearest_bf16(void **state) {
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const float f = bf16_to_f32((uint16_t)h);
        assert_int_equal(bits_of(f), (uint32_t)h << 16);
        const unsigned back = f32_to_bf16(f);
        assert_int_equal(back, isnan(f) ? h | 0x40 : h);
        if ((h & 0x7f80) == 0x7f80) continue;
        const uint32_t u = (uint32_t)h << 16;
        assert_int_equal(f32_to_bf16(float_of(u | 0x7fff)), h);
        assert_int_equal(f32_to_bf16(float_of(u | 0x8000)), h & 1 ? h + 1 : h);
        assert_int_equal(f32_to_bf16(float_of(u | 0x8001)), h + 1);
    }
    assert_true(isnan(bf16_to_f32(f32_to_bf16(float_of(0x7f800001))))); /* stays a NaN */
    assert_true(isnan(bf16_to_f32(f32_to_bf16(float_of(0xffffffff)))));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(names_and_sizes_every_type), test_case(tells_weights_from_other_types),
        test_case(multiplies_sizes_with_care), test_case(widens_every_half_exactly),
        test_case(narrows_to_half_and_back),   test_case(rounds_to_the_nearest_half),
        test_case(rounds_to_the_nearest_bf16),
    };
    return run_group("tensor/dtype", tests);
}
