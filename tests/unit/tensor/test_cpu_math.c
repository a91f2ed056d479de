/*
 * test_cpu_math.c - the scalar functions of tensor/cpu/math.h against the C library in double, and
 * the vector forms of every instruction set against the scalar ones, to the bit.
 */
#include "tensor/cpu/math.h"
#include "tests/support/backends.h"

/* |got - want| in units in the last place of want as an f32 (of the smallest subnormal at least).
 */
static double ulps(float got, double want) {
    int exponent;
    frexp(want, &exponent);
    if (exponent < -125) exponent = -125;
    return fabs((double)got - want) / ldexp(1.0, exponent - 24);
}

static void exp_is_within_two_ulps_where_it_is_finite(void **state) {
    (void)state;
    double worst = 0;
    for (double x = -104; x < 88.722; x += 0.000731) {
        const float f = (float)x;
        const double error = ulps(exp_f32(f), exp((double)f));
        if (error > worst) worst = error;
    }
    if (worst > 2) print_error("exp: %.3f ulp\n", worst);
    assert_true(worst <= 2);
}

static void exp2_is_within_two_ulps_and_meets_its_end(void **state) {
    (void)state;
    double worst = 0;
    for (double t = -151; t < 127.99; t += 0.000731) {
        const double error = ulps(exp2_f32((float)t), exp2((double)(float)t));
        if (error > worst) worst = error;
    }
    if (worst > 2) print_error("exp2: %.3f ulp\n", worst);
    assert_true(worst <= 2);
    for (int n = -149; n < 128; n++)
        assert_true(exp2_f32((float)n) == ldexpf(1, n));
    assert_true(exp2_f32(-150) == 0 && exp2_f32(-1e30f) == 0 && exp2_f32(-INFINITY) == 0);
    const float nan = exp2_f32(NAN);
    assert_true(nan != nan);
}

static void exp_meets_its_ends(void **state) {
    (void)state;
    assert_true(exp_f32(0.0f) == 1.0f && exp_f32(-0.0f) == 1.0f);
    assert_true(exp_f32(-INFINITY) == 0 && exp_f32(-104.001f) == 0);
    assert_true(exp_f32(INFINITY) == INFINITY && exp_f32(89) == INFINITY);
    assert_true(exp_f32(-103.0f) > 0);
    const float nan = exp_f32(NAN);
    assert_true(nan != nan);
}

static void activations_are_close_to_their_formulas(void **state) {
    (void)state;
    double silu_worst = 0, gelu_worst = 0, tanh_worst = 0;
    for (double x = -30; x < 30; x += 0.00137) {
        const double z = (double)(float)x, u = 0.7978845608 * (z + 0.044715 * z * z * z);
        const double size = fabs(z) > 1 ? fabs(z) : 1;
        const double a = fabs((double)silu((float)z) - z / (1 + exp(-z))) / size;
        const double b = fabs((double)gelu_tanh((float)z) - 0.5 * z * (1 + tanh(u))) / size;
        const double c = fabs((double)tanh_f32((float)z) - tanh(z));
        if (a > silu_worst) silu_worst = a;
        if (b > gelu_worst) gelu_worst = b;
        if (c > tanh_worst) tanh_worst = c;
    }
    /* a few roundings of numbers near 1 */
    if (silu_worst > 3e-7 || gelu_worst > 3e-7 || tanh_worst > 3e-7)
        print_error("silu %g gelu %g tanh %g\n", silu_worst, gelu_worst, tanh_worst);
    assert_true(silu_worst <= 3e-7 && gelu_worst <= 3e-7 && tanh_worst <= 3e-7);
    assert_true(silu(-200) == 0 && silu(200) == 200);
    assert_true(tanh_f32(100) == 1 && tanh_f32(-100) == -1);
}

static void erf_is_within_an_ulp_and_a_half(void **state) {
    (void)state;
    double worst = 0, gelu_worst = 0;
    for (double x = -6; x < 6; x += 0.0000317) {
        const float f = (float)x;
        const double error = ulps(erf_f32(f), erf((double)f)), z = (double)f;
        const double size = fabs(z) > 1 ? fabs(z) : 1;
        const double gelu = 0.5 * z * (1 + erf(z * sqrt(0.5)));
        const double g = fabs((double)gelu_erf(f) - gelu) / size;
        if (error > worst) worst = error;
        if (g > gelu_worst) gelu_worst = g;
    }
    if (worst > 1.5 || gelu_worst > 1.2e-7)
        print_error("erf: %.3f ulp, gelu: %g\n", worst, gelu_worst);
    assert_true(worst <= 1.5 && gelu_worst <= 1.2e-7);
}

static void erf_and_its_gelu_meet_their_ends(void **state) {
    (void)state;
    assert_true(erf_f32(INFINITY) == 1 && erf_f32(-INFINITY) == -1 && erf_f32(4) == 1);
    assert_true(erf_f32(0.0f) == 0 && signbit(erf_f32(-0.0f)) && erf_f32(1e-40f) > 0);
    assert_true(isnan(erf_f32(NAN)) && isnan(gelu_erf(NAN)));
    assert_true(gelu_erf(200) == 200 && gelu_erf(-200) == 0 && gelu_erf(INFINITY) == INFINITY);
    assert_true(relu(-3) == 0 && relu(3) == 3 && isnan(relu(NAN)));
    /* where the tanh form is off by 5e-4 */
    assert_true(fabs((double)gelu_erf(-3) + 0.00404969) < 1e-7);
    assert_true(fabs((double)gelu_erf(-0.5f) + 0.15426877) < 1e-7);
    assert_true(fabs((double)gelu_erf(1) - 0.84134475) < 1e-7);
}

static float scalar_activation(float z, enum activation act) {
    return act == ACT_GELU_ERF    ? gelu_erf(z)
           : act == ACT_GELU_TANH ? gelu_tanh(z)
           : act == ACT_SILU      ? silu(z)
           : act == ACT_RELU      ? relu(z)
                                  : tanh_f32(z);
}

enum { N = 4099 };

/* Numbers of every size and the odd ones. */
static void fill(float *x) {
    static const float odd[] = {0.0f,    -0.0f,     INFINITY, -INFINITY, NAN,   1e-40f, -1e-40f,
                                -103.9f, -104.001f, 88.7228f, 88.73f,    88.9f, -87.4f, 3e38f};
    struct rng r;
    rng_init(&r, 1, "math", 4);
    for (int i = 0; i < N; i++) {
        const float bound = i % 3 == 0 ? 110.0f : i % 3 == 1 ? 3.0f : 0.01f;
        x[i] = i < 14 ? odd[i] : random_float(&r, bound);
    }
}

static void every_instruction_set_does_the_scalar_operations(void **state) {
    (void)state;
    static float x[N], up[N], got[N], want[N];
    fill(x);
    for (int i = 0; i < N; i++)
        up[i] = x[(i * 7 + 3) % N];
    for_each_isa(isa) {
        struct kernel_set ks;
        kernels_init(&ks, isa);
        for (int n = 1; n <= N; n = n < 67 ? n + 1 : n + 2016) { /* 67, 2083, 4099 */
            ks.silu_mul(got, x, up, n);
            for (int i = 0; i < n; i++)
                want[i] = silu(x[i]) * up[i];
            assert_same(got, want, n, "%s silu_mul %d", ks.isa, n);
            ks.gelu_tanh_mul(got, x, up, n);
            for (int i = 0; i < n; i++)
                want[i] = gelu_tanh(x[i]) * up[i];
            assert_same(got, want, n, "%s gelu_tanh_mul %d", ks.isa, n);
            memcpy(got, x, sizeof(x));
            ks.softcap(got, 30, n);
            for (int i = 0; i < n; i++)
                want[i] = 30 * tanh_f32(x[i] / 30);
            assert_same(got, want, n, "%s softcap %d", ks.isa, n);
            for (enum activation act = ACT_GELU_ERF; act <= ACT_TANH; act++) {
                memcpy(got, x, sizeof(x));
                ks.activate(got, act, n);
                for (int i = 0; i < n; i++)
                    want[i] = scalar_activation(x[i], act);
                assert_same(got, want, n, "%s activation %d of %d", ks.isa, (int)act, n);
                assert_same(got + n, x + n, N - n, "%s activation past %d", ks.isa, n);
            }
            ks.add(got, x, up, n);
            for (int i = 0; i < n; i++)
                want[i] = x[i] + up[i];
            assert_same(got, want, n, "%s add %d", ks.isa, n);
            ks.divide(got, x, 3, n);
            for (int i = 0; i < n; i++)
                want[i] = x[i] / 3;
            assert_same(got, want, n, "%s divide %d", ks.isa, n);
        }
    }
}

static void turning_a_tile_moves_every_element(void **state) {
    (void)state;
    enum { K = 37, LD = 41 };
    static float x[16 * LD], got[16 * K], want[16 * K];
    for (int i = 0; i < 16 * LD; i++)
        x[i] = (float)i;
    for_each_isa(isa) {
        struct kernel_set ks;
        kernels_init(&ks, isa);
        for (int r = 1; r <= 16; r++) {
            for (int k = 0; k < K; k++)
                for (int t = 0; t < r; t++)
                    want[k * r + t] = x[t * LD + k];
            ks.turn(got, x, LD, r, K);
            assert_same(got, want, r * K, "%s turn %d", ks.isa, r);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        test_case(exp_is_within_two_ulps_where_it_is_finite),
        test_case(exp_meets_its_ends),
        test_case(exp2_is_within_two_ulps_and_meets_its_end),
        test_case(activations_are_close_to_their_formulas),
        test_case(erf_is_within_an_ulp_and_a_half),
        test_case(erf_and_its_gelu_meet_their_ends),
        test_case(every_instruction_set_does_the_scalar_operations),
        test_case(turning_a_tile_moves_every_element),
    };
    return run_group("tensor/cpu/math", tests);
}
