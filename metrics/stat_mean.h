/* Means, intervals and curves over a handful of seeds.
 *
 * Pure functions: no I/O, no state; random ones draw from the stream they are given, so equal arguments give equal
 * results. The unit of analysis is the base seed: x[n] holds one number a seed (for a paired comparison the difference
 * within the seed).
 *
 * "Cannot be computed" is NAN everywhere (too few values, a non-finite input, one class only). A NAN bound makes every
 * comparison false, so it never decides anything.
 *
 * Scratch comes from the arena, which is rewound before return. Nothing is kept.
 */
#ifndef SPILLOVER_STAT_MEAN_H
#define SPILLOVER_STAT_MEAN_H

#include "engine/base/arena.h"
#include "engine/base/rng.h"

struct stat_interval {
    double lo, hi;
};

/* sum x / n; n >= 1. */
double stat_mean(const double *x, int n);

/* sqrt(sum (x - mean)^2 / (n - 1)); n >= 2. */
double stat_sd(const double *x, int n);

/* Student's t interval of a mean: mean -+ t_{n-1, (1+level)/2} sd / sqrt(n); n >= 2. level .95 is the primary interval,
 * .90 belongs to the equivalence test. Zero spread gives the interval [mean, mean]. */
struct stat_interval stat_t_interval(const double *x, int n, double level);

/* Bootstrap-t (Efron & Tibshirani 1993, ch. 12.5): mean - t*_{hi} se, mean - t*_{lo} se, with t* = (mean* - mean) / se*.
 * A resample without spread counts as an infinite t*, so a bound may be infinite when many values are tied: the data
 * then do not bound the mean that way. draws: 9999 puts both quantiles of a 95 % interval on order statistics. */
struct stat_interval stat_boot_t(const double *x, int n, double level, int draws, struct rng *rng, struct arena *a);

/* Percentile bootstrap of the mean (Efron 1979). Descriptive only: it covers .88-.93 at n = 10 for a nominal .95. */
struct stat_interval stat_boot_percentile(const double *x, int n, double level, int draws, struct rng *rng,
                                          struct arena *a);

/* Interquartile mean (Agarwal et al. 2021, arXiv 2108.13264): the mean without floor(n/4) values at either end. */
double stat_iqm(const double *x, int n, struct arena *a);

/* Two-sided sign-flip permutation p of "symmetric about 0" (Fisher 1935): the share of the 2^n sign patterns e with
 * |sum e x| >= |sum x|. Exact for n <= STAT_FLIP_EXACT (rng and draws unused, rng may be NULL); above that
 * (1 + hits) / (1 + draws) over random patterns. */
#define STAT_FLIP_EXACT 16
double stat_signflip(const double *x, int n, struct rng *rng, int draws);

/* Power of the two-sided one-sample t test of size alpha at the standardised effect d = mean / sd, by the noncentral t:
 * T = (Z + d sqrt(n)) / sqrt(V / (n-1)), V ~ chi^2_{n-1}, integrated over V (GSL QAG). */
double stat_power(double d, int n, double alpha);

/* The smallest mean that n seeds of spread sd would show (two-sided t test of size alpha) with the given power. */
double stat_detectable(double sd, int n, double alpha, double power);

/* --- trajectories ------------------------------------------------------------------------------------------------ */

enum stat_crossing {
    STAT_BRACKETED,
    STAT_UNBRACKETED /* the trajectory never passes the level from below: nothing is extrapolated, *out is NAN */
};

/* value at the first crossing of dose = level: the first neighbours with dose[i] < level <= dose[i+1], linear between.
 * A trajectory that begins exactly at the level is bracketed by its first point. Points with a non-finite dose or value
 * are passed over. dose need not be monotone. */
enum stat_crossing stat_at_dose(const double *dose, const double *value, int n, double level, double *out);

/* Integral over levels lo..hi of the value at the first crossing of each level. Both ends must be bracketed. */
enum stat_crossing stat_dose_area(const double *dose, const double *value, int n, double lo, double hi, double *out);

/* Trapezoid area under y(x); x must not decrease. n >= 2. */
double stat_area(const double *x, const double *y, int n);

struct stat_slope {
    double slope, intercept, lo, hi; /* lo, hi: interval of the slope */
};

/* Least squares of y on x; interval slope -+ t_{n-2} sqrt(SSE / (n-2) / Sxx), NAN for n = 2. n >= 2 and x not constant. */
struct stat_slope stat_slope(const double *x, const double *y, int n, double level);

#endif
