/* How the statistics of the verdicts behave on data sets whose truth is known: what their intervals cover, and how often
 * their tests say yes where they should not. Nominal values hold for normal data; seeds that fall into groups, or a few of
 * which leak much, are not normal.
 */
#ifndef SPILLOVER_STAT_SIMULATE_H
#define SPILLOVER_STAT_SIMULATE_H

#include "engine/base/arena.h"
#include "engine/base/rng.h"

/* All of mean 0 and variance 1. */
enum stat_shape {
    STAT_NORMAL,
    STAT_SKEWED,   /* exponential: skewness 2 */
    STAT_TRIMODAL, /* half of the seeds near one value, a quarter each near two others */
    STAT_SHAPES
};
extern const char *const stat_shape_names[STAT_SHAPES];

void stat_shape_draw(enum stat_shape shape, double *x, int n, struct rng *rng);

/* Shares of the data sets. */
struct stat_simulated {
    double t95, t90;           /* the t interval holds the mean */
    double boot_t, percentile; /* so does the bootstrap's, 95 %; on a tenth of the sets */
    double equivalent; /* TOST at .05 finds a mean equivalent that lies at the bound: the worse of both bounds */
    double sign_flip;  /* p < .05 where the mean is 0 */
    double holm;       /* so is any of five after Holm */
};

/* `sets` data sets of n values; deterministic in the arguments. n >= 2. */
struct stat_simulated stat_simulate(enum stat_shape shape, int n, int sets, uint64_t seed, struct arena *a);

#endif
