/*
 * distributions.h - tails and quantiles of the distributions that intervals and tests stand on:
 * normal, Student's t, chi-square, binomial. Each tail is computed for itself and never as one
 * minus the other, so that a small one keeps its digits. Relative error at most 1e-9 where the
 * result is a normal number. An argument that is NaN or outside its range gives NaN; nothing else
 * fails.
 */
#ifndef BASE_DISTRIBUTIONS_H
#define BASE_DISTRIBUTIONS_H

#include <stddef.h>

double normal_below(double z);    /* P(Z <= z) */
double normal_above(double z);    /* P(Z >= z) */
double normal_quantile(double p); /* z with normal_below(z) = p; 0 and 1 give the infinities */

/* df > 0 need not be whole; INFINITY is the normal distribution. */
double student_above(double t, double df);
double student_quantile(double p, double df);

double chi_square_below(double x, double df);
double chi_square_above(double x, double df);

/* Of n trials that each succeed with probability p. */
double binomial_at_most(size_t k, size_t n, double p); /* P(X <= k) */
/* Two-sided, of p = 1/2: P(X is as far from n / 2 as k is, or farther). */
double binomial_even(size_t k, size_t n);

/* What they are made of: I_x(a, b) and the two halves of the gamma function, regularised. */
double beta_regularised(double a, double b, double x);
double gamma_lower(double a, double x); /* P(a, x) */
double gamma_upper(double a, double x); /* Q(a, x) */

#endif
