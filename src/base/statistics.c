/*
 * statistics.c - see statistics.h: what has a formula. Resampling lies in resampling.c. Sources
 * stand in doc/statistics.md, one for each method.
 */
#include "base/statistics.h"

#include <math.h>

#include "base/distributions.h"
#include "base/size.h"

static const double z95 = 1.959963984540054;  /* normal_quantile(0.975) */
static const double z80 = 0.8416212335729143; /* normal_quantile(0.8): the power */

/* Two-sided; df may be INFINITY, but not NaN where there is an interval. */
static double quantile95(double df) {
    return isinf(df) ? z95 : student_quantile(0.975, df);
}

static double two_sided(double statistic, double df) {
    return fmin(1, 2 * student_above(fabs(statistic), df));
}

static karma_status check_finite(const double *x, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return status_fail(KARMA_E_NONFINITE, "%s: number %zu is not finite", what, i + 1);
    return KARMA_OK;
}

/* ---- one score ---- */

void stats_wilson(double successes, double n, double *low, double *high) {
    *low = *high = NAN;
    if (!(n >= 0 && successes >= 0 && successes <= n) || isinf(n)) return;
    if (n == 0) {
        *low = 0, *high = 1;
        return;
    }
    const double p = successes / n, z2 = z95 * z95, scale = 1 / (1 + z2 / n);
    const double middle = (p + z2 / (2 * n)) * scale;
    const double half = z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) * scale;
    /* At the ends the two terms are equal, but for their rounding. */
    *low = successes == 0 ? 0 : fmax(0, middle - half);
    *high = successes == n ? 1 : fmin(1, middle + half);
}

struct stats_estimate stats_share(size_t successes, size_t n) {
    struct stats_estimate e = {
        .value = NAN, .standard_error = NAN, .low = NAN, .high = NAN, .df = INFINITY, .n = n};
    if (n == 0 || successes > n) return e;
    e.value = (double)successes / (double)n;
    if (n > 1) e.standard_error = sqrt(e.value * (1 - e.value) / (double)n);
    stats_wilson((double)successes, (double)n, &e.low, &e.high);
    return e;
}

/* value, standard_error and df are there; the interval is not. */
static void student_interval(struct stats_estimate *e) {
    e->low = e->high = NAN;
    if (isnan(e->standard_error)) return;
    const double half = quantile95(e->df) * e->standard_error;
    e->low = e->value - half;
    e->high = e->value + half;
}

struct stats_estimate stats_mean_of_sums(double sum, double squares, size_t n) {
    struct stats_estimate e = {
        .value = NAN, .standard_error = NAN, .low = NAN, .high = NAN, .df = NAN, .n = n};
    const double count = (double)n;
    if (n > 0) e.value = sum / count;
    if (n > 1) {
        e.df = count - 1;
        e.standard_error = sqrt(squares / e.df / count);
    }
    student_interval(&e);
    return e;
}

/* The mean, and the sum of squared distances from it. */
static void moments(const double *x, size_t n, double *mean, double *squares) {
    double sum = 0, rest = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    *mean = n ? sum / (double)n : NAN;
    *squares = 0;
    for (size_t i = 0; i < n; i++)
        rest += x[i] - *mean; /* what rounding took from the sum */
    if (n) *mean += rest / (double)n;
    for (size_t i = 0; i < n; i++)
        *squares += (x[i] - *mean) * (x[i] - *mean);
}

karma_status stats_mean(const double *x, size_t n, struct stats_estimate *out) {
    double mean, squares;
    *out = stats_mean_of_sums(0, 0, 0);
    karma_status st = check_finite(x, n, "mean");
    if (st < 0) return st;
    moments(x, n, &mean, &squares);
    *out = stats_mean_of_sums(n ? mean * (double)n : 0, squares, n);
    out->value = mean;
    student_interval(out);
    return KARMA_OK;
}

/* ---- groups ---- */

karma_status stats_sum_groups(const double *numerators, const double *denominators,
                              const size_t *group, size_t n, size_t n_groups,
                              struct stats_sum *sums) {
    for (size_t i = 0; i < n; i++) {
        const double denominator = denominators ? denominators[i] : 1;
        if (group[i] >= n_groups)
            return status_fail(KARMA_E_RANGE, "group %zu of %zu", group[i], n_groups);
        if (!isfinite(numerators[i]) || !isfinite(denominator))
            return status_fail(KARMA_E_NONFINITE, "sample %zu is not finite", i + 1);
        sums[group[i]].numerator += numerators[i];
        sums[group[i]].denominator += denominator;
    }
    return KARMA_OK;
}

/* Value, standard error and degrees of freedom, no interval. *total: of the denominators. */
static karma_status cluster(const struct stats_sum *groups, size_t n_groups, double *total,
                            struct stats_estimate *out) {
    double numerator = 0, squares = 0;
    size_t n = 0; /* groups that have something */
    *out = stats_mean_of_sums(0, 0, 0);
    *total = 0;
    for (size_t i = 0; i < n_groups; i++) {
        const struct stats_sum *g = &groups[i];
        if (!isfinite(g->numerator) || !isfinite(g->denominator))
            return status_fail(KARMA_E_NONFINITE, "group %zu is not finite", i + 1);
        numerator += g->numerator;
        *total += g->denominator;
        n += g->numerator != 0 || g->denominator != 0;
    }
    out->n = n;
    if (!(*total > 0)) return KARMA_OK;
    out->value = numerator / *total;
    for (size_t i = 0; i < n_groups; i++) {
        const double residual = groups[i].numerator - out->value * groups[i].denominator;
        squares += residual * residual;
    }
    if (n > 1) {
        out->df = (double)n - 1;
        out->standard_error = sqrt(squares * (double)n / out->df) / *total;
    }
    return KARMA_OK;
}

karma_status stats_clustered(const struct stats_sum *groups, size_t n_groups,
                             struct stats_estimate *out) {
    double total;
    karma_status st = cluster(groups, n_groups, &total, out);
    if (st == KARMA_OK) student_interval(out);
    return st;
}

karma_status stats_clustered_share(const struct stats_sum *groups, size_t n_groups,
                                   struct stats_estimate *out) {
    double total;
    karma_status st = cluster(groups, n_groups, &total, out);
    if (st < 0 || isnan(out->standard_error)) return st;
    const double p = out->value, variance = out->standard_error * out->standard_error;
    if (!(p >= 0 && p <= 1)) return status_fail(KARMA_E_RANGE, "a share of %g", p);
    /* All right or all wrong: nothing is known of how samples of a group hang together, so that a
     * group counts as one. Never more than the samples there are. */
    double size = p == 0 || p == 1 ? (double)out->n : variance > 0 ? p * (1 - p) / variance : total;
    const double ratio = z95 / quantile95(out->df); /* few groups: the spread itself is unsure */
    size = fmin(size, total) * ratio * ratio;
    stats_wilson(p * size, size, &out->low, &out->high);
    return st;
}

/* ---- pairs ---- */

double stats_mcnemar(size_t only_first, size_t only_second) {
    return binomial_even(only_first, only_first + only_second);
}

static void no_difference(struct stats_difference *out) {
    *out = (struct stats_difference){
        .value = NAN, .standard_error = NAN, .low = NAN, .high = NAN, .df = NAN, .p = NAN, .n = 0};
}

/* value, standard_error and df are there: the interval and p. */
static void student_test(struct stats_difference *d) {
    if (isnan(d->standard_error)) return;
    const double half = quantile95(d->df) * d->standard_error;
    d->low = d->value - half;
    d->high = d->value + half;
    /* Without any spread a difference of nothing is none, and any other is certain. */
    d->p = d->standard_error > 0 ? two_sided(d->value / d->standard_error, d->df) : d->value == 0;
}

/* Bonett and Price (2012): Wald's interval with one more pair in each cell of those that differ. */
static void adjusted_shares(size_t only_first, size_t only_second, size_t n, double *centre,
                            double *spread) {
    const double count = (double)n + 2;
    const double first = ((double)only_first + 1) / count,
                 second = ((double)only_second + 1) / count;
    *centre = first - second;
    *spread = sqrt((first + second - *centre * *centre) / count);
}

struct stats_difference stats_paired_shares(size_t only_first, size_t only_second, size_t n) {
    struct stats_difference d;
    double centre, spread;
    no_difference(&d);
    d.n = n;
    if (n == 0 || only_first > n || only_second > n - only_first) return d;
    const double count = (double)n, differ = (double)only_first + (double)only_second;
    adjusted_shares(only_first, only_second, n, &centre, &spread);
    d.value = ((double)only_first - (double)only_second) / count;
    if (n > 1) d.standard_error = sqrt((differ / count - d.value * d.value) / count);
    d.df = INFINITY;
    d.low = fmax(-1, centre - z95 * spread);
    d.high = fmin(1, centre + z95 * spread);
    d.p = stats_mcnemar(only_first, only_second);
    return d;
}

double stats_equivalence_shares(size_t only_first, size_t only_second, size_t n, double delta) {
    double centre, spread;
    if (n == 0 || only_first > n || only_second > n - only_first) return NAN;
    adjusted_shares(only_first, only_second, n, &centre, &spread);
    return stats_equivalence(centre, spread, INFINITY, delta);
}

static void from_estimate(const struct stats_estimate *e, struct stats_difference *out) {
    out->value = e->value;
    out->standard_error = e->standard_error;
    out->df = e->df;
    out->n = e->n;
    student_test(out);
}

karma_status stats_paired(const double *a, const double *b, size_t n, const size_t *group,
                          size_t n_groups, struct arena *scratch, struct stats_difference *out) {
    struct stats_estimate e;
    no_difference(out);
    double *d = arena_calloc(scratch, n ? n : 1, sizeof(*d));
    struct stats_sum *sums = arena_calloc(scratch, group ? n_groups + 1 : 1, sizeof(*sums));
    if (!d || !sums) return KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++)
        d[i] = a[i] - b[i];
    karma_status st;
    if (group) {
        st = stats_sum_groups(d, NULL, group, n, n_groups, sums);
        if (st == KARMA_OK) st = stats_clustered(sums, n_groups, &e);
    } else {
        st = stats_mean(d, n, &e);
    }
    if (st == KARMA_OK) from_estimate(&e, out);
    return st;
}

double stats_equivalence(double difference, double standard_error, double df, double delta) {
    if (!(delta > 0 && standard_error >= 0 && isfinite(difference)) || isnan(df)) return NAN;
    const double room = delta - fabs(difference); /* to the nearer of the two ends */
    if (standard_error == 0) return room > 0 ? 0 : 1;
    return student_above(room / standard_error, df);
}

double stats_detectable(double standard_error, double df) {
    if (!(standard_error >= 0 && df > 0)) return NAN;
    return (quantile95(df) + (isinf(df) ? z80 : student_quantile(0.8, df))) * standard_error;
}

/* Connor's sample size for McNemar's test, solved for the difference: with y the solution for pairs
 * that all differ in one direction, it is y times the root of the share that differs, as long as
 * that share is larger than the difference. */
double stats_detectable_pairs(size_t n_differ, size_t n) {
    enum { FEWEST = 6 }; /* 6 to 0 is the first split with p < 0.05 */
    if (n < FEWEST || n_differ > n) return NAN;
    const double count = (double)n, share = (double)n_differ / count;
    const double y =
        (z95 * sqrt(count) + z80 * sqrt(count - z95 * z95 + z80 * z80)) / (count + z80 * z80);
    const double difference = y * fmax(sqrt(share), y);
    return fmin(1, fmax(difference, FEWEST / count));
}

/* ---- two parts of the samples ---- */

struct stats_difference stats_two_shares(size_t successes_a, size_t n_a, size_t successes_b,
                                         size_t n_b) {
    struct stats_difference d;
    no_difference(&d);
    d.n = n_a + n_b;
    if (n_a == 0 || n_b == 0 || successes_a > n_a || successes_b > n_b) return d;
    const struct stats_estimate a = stats_share(successes_a, n_a),
                                b = stats_share(successes_b, n_b);
    const double na = (double)n_a, nb = (double)n_b;
    const double pooled = ((double)successes_a + (double)successes_b) / (na + nb);
    const double spread = sqrt(pooled * (1 - pooled) * (1 / na + 1 / nb));
    d.value = a.value - b.value;
    d.standard_error = sqrt(a.value * (1 - a.value) / na + b.value * (1 - b.value) / nb);
    d.df = INFINITY;
    d.p = spread > 0 ? two_sided(d.value / spread, INFINITY) : 1;
    d.low = d.value - hypot(a.value - a.low, b.high - b.value);
    d.high = d.value + hypot(a.high - a.value, b.value - b.low);
    return d;
}

karma_status stats_welch(const double *a, size_t n_a, const double *b, size_t n_b,
                         struct stats_difference *out) {
    struct stats_estimate ea, eb;
    no_difference(out);
    karma_status st = stats_mean(a, n_a, &ea);
    if (st == KARMA_OK) st = stats_mean(b, n_b, &eb);
    if (st < 0) return st;
    out->n = n_a + n_b;
    out->value = ea.value - eb.value;
    const double va = ea.standard_error * ea.standard_error,
                 vb = eb.standard_error * eb.standard_error;
    if (isnan(va) || isnan(vb)) return KARMA_OK;
    out->standard_error = sqrt(va + vb);
    out->df =
        va + vb > 0 ? (va + vb) * (va + vb) / (va * va / ea.df + vb * vb / eb.df) : ea.df + eb.df;
    student_test(out);
    return KARMA_OK;
}

/* Least squares on the mark alone, whose covariance is summed by groups. */
karma_status stats_marked_difference(const double *x, const bool *marked, const size_t *group,
                                     size_t n, size_t n_groups, struct arena *scratch,
                                     struct stats_difference *out) {
    double sum[2] = {0}, count[2] = {0};
    size_t groups[2] = {0}, used = 0;
    no_difference(out);
    karma_status st = check_finite(x, n, "difference");
    struct part {
        double influence;
        bool in[2];
    } *parts = st < 0 ? NULL : arena_calloc(scratch, n_groups + 1, sizeof(*parts));
    if (!parts) return st < 0 ? st : KARMA_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (group[i] >= n_groups)
            return status_fail(KARMA_E_RANGE, "group %zu of %zu", group[i], n_groups);
        struct part *p = &parts[group[i]];
        const int side = marked[i];
        sum[side] += x[i];
        count[side]++;
        groups[side] += !p->in[side];
        used += !p->in[0] && !p->in[1];
        p->in[side] = true;
    }
    if (count[0] == 0 || count[1] == 0) return KARMA_OK;
    const double mean[2] = {sum[0] / count[0], sum[1] / count[1]};
    out->value = mean[1] - mean[0];
    out->n = used;
    /* A part in one group has residuals that sum to nothing there: no spread could be seen. */
    if (groups[0] < 2 || groups[1] < 2) return KARMA_OK;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        const int side = marked[i];
        parts[group[i]].influence += (side ? 1 : -1) * (x[i] - mean[side]) / count[side];
    }
    for (size_t g = 0; g < n_groups; g++)
        squares += parts[g].influence * parts[g].influence;
    const double samples = (double)n, n_used = (double)used;
    out->df = n_used - 1;
    out->standard_error = sqrt(squares * n_used / out->df * (samples - 1) / (samples - 2));
    student_test(out);
    return KARMA_OK;
}

/* ---- several tests, agreement ---- */

void stats_holm(const double *p, size_t n, double *adjusted) {
    size_t tests = 0;
    for (size_t i = 0; i < n; i++)
        tests += isnan(p[i]) ? 0 : 1;
    /* What each would be by its own rank; equal ones share the first's. */
    for (size_t i = 0; i < n; i++) {
        double worst = isnan(p[i]) ? NAN : 0;
        for (size_t j = 0; j < n && !isnan(p[i]); j++) {
            if (!(p[j] <= p[i])) continue;
            size_t smaller = 0;
            for (size_t k = 0; k < n; k++)
                smaller += p[k] < p[j];
            worst = fmax(worst, fmin(1, (double)(tests - smaller) * p[j]));
        }
        adjusted[i] = worst;
    }
}

karma_status stats_kappa(const double *table, size_t k, struct stats_estimate *out) {
    uint64_t cells;
    *out = stats_mean_of_sums(0, 0, 0);
    if (!size_mul(k, k, &cells)) return status_fail(KARMA_E_OVERFLOW, "%zu answers", k);
    karma_status st = check_finite(table, cells, "kappa");
    double n = 0, observed = 0, expected = 0;
    for (size_t i = 0; i < cells && st == KARMA_OK; i++) {
        if (table[i] < 0) st = status_fail(KARMA_E_RANGE, "kappa: a count of %g", table[i]);
        n += table[i];
    }
    if (st < 0 || n == 0) return st;
    out->n = (size_t)n;
    out->df = INFINITY;
    double same = 0, other = 0;
    /* Twice over the table: the second time agreement by chance is known. */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < k; i++) {
            double row_i = 0, column_i = 0;
            for (size_t j = 0; j < k; j++) {
                row_i += table[i * k + j] / n;
                column_i += table[j * k + i] / n;
            }
            if (pass == 0) {
                observed += table[i * k + i] / n;
                expected += row_i * column_i;
                continue;
            }
            const double d = (1 - expected) - (row_i + column_i) * (1 - observed);
            same += table[i * k + i] / n * d * d;
            for (size_t j = 0; j < k; j++) {
                double row_j = 0;
                for (size_t l = 0; l < k; l++)
                    row_j += table[j * k + l] / n;
                if (j != i) other += table[i * k + j] / n * (column_i + row_j) * (column_i + row_j);
            }
        }
        if (!(expected < 1)) return KARMA_OK;
    }
    const double miss = 1 - expected;
    const double last = observed * expected - 2 * expected + observed;
    const double variance =
        (same + (1 - observed) * (1 - observed) * other - last * last) / (n * pow(miss, 4));
    out->value = (observed - expected) / miss;
    out->standard_error = sqrt(fmax(0, variance));
    student_interval(out);
    return KARMA_OK;
}
