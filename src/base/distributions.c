/*
 * distributions.c - see distributions.h. The incomplete beta and gamma functions are a probability
 * times a continued fraction or a series (Abramowitz and Stegun 26.5.8, 6.5.31; Press et al. for
 * Lentz's way to sum them). That probability is taken by Loader's saddle-point expansion ("Fast and
 * Accurate Computation of Binomial Probabilities", 2000): a difference of lgamma() would lose as
 * many digits as the arguments have. Quantiles are roots of the tails, found in logarithms, where
 * tails are nearly straight.
 */
#include "base/distributions.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* Enough for arguments of 1e10: both sums take about the root of the larger one. */
enum { MAX_TERMS = 1 << 20 };

static const double two_pi = 6.283185307179586, root_half = 0.7071067811865476;

/* ---- normal ---- */

double normal_below(double z) {
    return 0.5 * erfc(-z * root_half);
}

double normal_above(double z) {
    return 0.5 * erfc(z * root_half);
}

/* z > 0 with normal_above(z) = q, q <= 1/4. Newton's method on the logarithm of the tail. */
static double normal_far(double q) {
    const double w = sqrt(-2 * log(q));
    double z = w - (2.30753 + 0.27061 * w) / (1 + w * (0.99229 + 0.04481 * w)); /* A & S 26.2.22 */
    for (int i = 0; i < 6; i++) {
        const double tail = normal_above(z);
        if (tail <= 0) break;
        z += log(tail / q) * tail * exp(0.5 * z * z) * sqrt(two_pi);
    }
    return z;
}

double normal_quantile(double p) {
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0 || p == 1) return p == 0 ? -INFINITY : INFINITY;
    if (p < 0.25) return -normal_far(p);
    if (p > 0.75) return normal_far(1 - p);
    double z = (p - 0.5) * sqrt(two_pi); /* the middle is nearly straight */
    for (int i = 0; i < 6; i++)
        z -= (0.5 * erf(z * root_half) - (p - 0.5)) * exp(0.5 * z * z) * sqrt(two_pi);
    return z;
}

/* ---- Loader's terms ---- */

/* log(n!) less Stirling's formula, for n >= 0 that need not be whole. */
static double stirling_error(double n) {
    if (n < 16) {
        if (n == 0) return INFINITY;
        return lgamma(n + 1) - (n + 0.5) * log(n) + n - 0.5 * log(two_pi);
    }
    const double m = 1 / (n * n);
    return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - (1.0 / 1680 - m / 1188) * m) * m) * m) / n;
}

/* x log(x / mean) + mean - x, also where x is close to mean. */
static double deviance(double x, double mean) {
    const double d = x - mean;
    if (fabs(d) >= 0.1 * (x + mean)) return x * log(x / mean) - d;
    const double v = d / (x + mean);
    double sum = d * v, term = 2 * x * v;
    for (int j = 1; j < 100; j++) {
        term *= v * v;
        const double next = sum + term / (2 * j + 1);
        if (next == sum) break;
        sum = next;
    }
    return sum;
}

/* Gamma(a + b + 1) / (Gamma(a + 1) Gamma(b + 1)) x^a y^b with y = 1 - x; all of them > 0. */
static double binomial_term(double a, double b, double x, double y) {
    const double n = a + b;
    const double log_term = stirling_error(n) - stirling_error(a) - stirling_error(b) -
                            deviance(a, n * x) - deviance(b, n * y);
    return exp(log_term) * sqrt(n / (two_pi * a * b));
}

/* x^a exp(-x) / Gamma(a + 1). */
static double poisson_term(double a, double x) {
    return exp(-stirling_error(a) - deviance(a, x)) / sqrt(two_pi * a);
}

/* ---- incomplete gamma ---- */

static double gamma_series(double a, double x) {
    double term = 1, sum = 1;
    for (int i = 1; i < MAX_TERMS && term > sum * DBL_EPSILON / 8; i++) {
        term *= x / (a + i);
        sum += term;
    }
    return sum * poisson_term(a, x);
}

static double away_from_zero(double v) {
    return fabs(v) < DBL_MIN ? DBL_MIN : v;
}

static double gamma_fraction(double a, double x) {
    double b = x + 1 - a, c = 1 / DBL_MIN, d = 1 / away_from_zero(b), h = d;
    for (int i = 1; i < MAX_TERMS; i++) {
        const double an = -(double)i * (i - a);
        b += 2;
        d = 1 / away_from_zero(an * d + b);
        c = away_from_zero(b + an / c);
        const double factor = d * c;
        h *= factor;
        if (fabs(factor - 1) < DBL_EPSILON) break;
    }
    return h * poisson_term(a, x) * a;
}

static double gamma_half(double a, double x, bool upper) {
    if (!(a > 0 && x >= 0) || isinf(a)) return NAN;
    if (x == 0 || isinf(x)) return upper == (x == 0);
    if (x < a + 1) return upper ? 1 - gamma_series(a, x) : gamma_series(a, x);
    return upper ? gamma_fraction(a, x) : 1 - gamma_fraction(a, x);
}

double gamma_lower(double a, double x) {
    return gamma_half(a, x, false);
}

double gamma_upper(double a, double x) {
    return gamma_half(a, x, true);
}

/* ---- incomplete beta ---- */

static double beta_fraction(double a, double b, double x) {
    double c = 1, d = 1 / away_from_zero(1 - (a + b) * x / (a + 1)), h = d;
    for (int i = 1; i < MAX_TERMS; i++) {
        double coefficient = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i));
        d = 1 / away_from_zero(1 + coefficient * d);
        c = away_from_zero(1 + coefficient / c);
        h *= d * c;
        coefficient = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1));
        d = 1 / away_from_zero(1 + coefficient * d);
        c = away_from_zero(1 + coefficient / c);
        const double factor = d * c;
        h *= factor;
        if (fabs(factor - 1) < DBL_EPSILON) break;
    }
    return h;
}

/* y = 1 - x, which the caller knows to more digits. */
static double beta_both(double a, double b, double x, double y) {
    if (!(a > 0 && b > 0 && x >= 0 && y >= 0) || isinf(a) || isinf(b)) return NAN;
    if (x == 0 || y == 0) return x != 0;
    const double term = binomial_term(a, b, x, y) / (a + b);
    if (x < (a + 1) / (a + b + 2)) return term * b * beta_fraction(a, b, x);
    return 1 - term * a * beta_fraction(b, a, y);
}

double beta_regularised(double a, double b, double x) {
    return beta_both(a, b, x, 1 - x);
}

/* ---- roots ---- */

struct curve {
    double (*at)(const struct curve *c, double x); /* > 0, monotone */
    double parameter;
    bool rising;
};

/* x > 0 with at(x) = target, from a guess. Between two points on either side of the root a new one
 * is laid by the secant in logarithms; the end that stays has its weight halved (the Illinois
 * rule), which keeps both ends moving. */
static double root_of(const struct curve *c, double target, double guess) {
    double u = log(guess), f = log(c->at(c, guess) / target);
    const double step = (f < 0) == c->rising ? 0.5 : -0.5;
    double v = u, g = f;
    for (int i = 0; i < 60 && (f < 0) == (g < 0) && f != 0; i++) {
        u = v, f = g;
        v += step * (1 << (i < 10 ? i : 10));
        g = log(c->at(c, exp(v)) / target);
    }
    for (int i = 0; i < 200 && fabs(u - v) > 4 * DBL_EPSILON * (1 + fabs(u)); i++) {
        const bool usable = isfinite(f) && isfinite(g) && f != g && i % 8 != 7;
        double m = usable ? (u * g - v * f) / (g - f) : 0.5 * (u + v);
        if (!(m > fmin(u, v) && m < fmax(u, v))) m = 0.5 * (u + v);
        const double h = log(c->at(c, exp(m)) / target);
        if (h == 0) return exp(m);
        if ((h < 0) == (g < 0)) {
            f *= 0.5;
        } else {
            u = v, f = g;
        }
        v = m, g = h;
    }
    return exp(v);
}

/* ---- Student's t ---- */

/* For many degrees of freedom: the normal deviate of the same tail (Hill 1970), whose next term is
 * below one part in 1e15 from 1e5 on. The continued fraction loses as many digits there as 1 - x
 * has zeros. */
static double student_deviate(double t, double df) {
    const double a = df - 0.5, b = 48 * a * a;
    const double w = sqrt(a * log1p(t / df * t));
    const double w2 = w * w;
    return w + w * (w2 + 3) / b -
           w * (((4 * w2 + 33) * w2 + 240) * w2 + 855) / (10 * b * (b + 0.8 * w2 * w2 + 100));
}

static const double many_df = 1e5;

/* P(T >= t) and P(0 <= T <= t) of t > 0. */
static double student_tail(double t, double df) {
    if (isinf(df)) return normal_above(t);
    if (df > many_df) return normal_above(student_deviate(t, df));
    if (t < 1) {
        const double t2 = t * t, s = df + t2;
        return 0.5 * beta_both(0.5 * df, 0.5, df / s, t2 / s);
    }
    const double r = df / t / t; /* the square of a large t may be too large */
    return 0.5 * beta_both(0.5 * df, 0.5, r / (1 + r), 1 / (1 + r));
}

static double student_middle(double t, double df) {
    if (isinf(df)) return 0.5 * erf(t * root_half);
    if (df > many_df) return 0.5 * erf(student_deviate(t, df) * root_half);
    const double t2 = t * t, s = df + t2;
    return 0.5 * beta_both(0.5, 0.5 * df, t2 / s, df / s);
}

double student_above(double t, double df) {
    if (isnan(t) || !(df > 0)) return NAN;
    if (isinf(t)) return t < 0;
    if (t == 0) return 0.5;
    return t > 0 ? student_tail(t, df) : 0.5 + student_middle(-t, df);
}

static double tail_at(const struct curve *c, double t) {
    return student_tail(t, c->parameter);
}

static double middle_at(const struct curve *c, double t) {
    return student_middle(t, c->parameter);
}

double student_quantile(double p, double df) {
    if (!(p >= 0 && p <= 1 && df > 0)) return NAN;
    if (isinf(df) || p == 0 || p == 1) return normal_quantile(p);
    if (p == 0.5) return 0;
    const double q = p < 0.5 ? p : 1 - p; /* exact */
    const struct curve tail = {tail_at, df, false}, middle = {middle_at, df, true};
    const double guess = -normal_quantile(q);
    const double t = q < 0.25 ? root_of(&tail, q, guess) : root_of(&middle, 0.5 - q, guess);
    return p < 0.5 ? -t : t;
}

/* ---- chi-square ---- */

double chi_square_below(double x, double df) {
    return gamma_lower(0.5 * df, 0.5 * x);
}

double chi_square_above(double x, double df) {
    return gamma_upper(0.5 * df, 0.5 * x);
}

/* ---- binomial ---- */

double binomial_at_most(size_t k, size_t n, double p) {
    if (!(p >= 0 && p <= 1)) return NAN;
    if (k >= n) return 1;
    return beta_both((double)(n - k), (double)k + 1, 1 - p, p);
}

double binomial_even(size_t k, size_t n) {
    const size_t fewer = k <= n / 2 ? k : k <= n ? n - k : 0;
    return fmin(1, 2 * binomial_at_most(fewer, n, 0.5));
}
