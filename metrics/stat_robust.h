/* Whole distributions over seeds beside their means (Agarwal et al. 2021, arXiv 2108.13264, "rliable").
 *
 * Pure; intervals are stratified percentile bootstraps (descriptive) from the given stream. NAN when a side is empty or
 * holds a non-finite value.
 */
#ifndef SPILLOVER_STAT_ROBUST_H
#define SPILLOVER_STAT_ROBUST_H

#include "metrics/stat_mean.h"

/* Performance profile (their equation 3): out[j] = share of x[n] strictly above tau[j]. x: runs, or runs x tasks with as
 * many runs a task. */
void stat_profile(const double *x, int n, const double *tau, int n_tau, double *out);

/* Probability of improvement (their section 4.3): P(X > Y) + P(X = Y) / 2 over all pairs of x[nx] and y[ny]. Seeds are
 * not paired here. */
double stat_improve(const double *x, int nx, const double *y, int ny);

/* Percentile bootstrap of stat_improve, x and y resampled separately. */
struct stat_interval stat_improve_interval(const double *x, int nx, const double *y, int ny, double level, int draws,
                                           struct rng *rng, struct arena *a);

#endif
