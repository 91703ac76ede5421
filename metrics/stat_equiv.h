/* Two one-sided t tests of equivalence (Schuirmann 1987).
 *
 * Null hypothesis: |mean| >= bound. Equivalence is claimed at level alpha when both one-sided tests reject, which is the
 * same as the (1 - 2 alpha) t interval lying strictly within (-bound, bound). Pure; NAN and false when n < 2.
 */
#ifndef SPILLOVER_STAT_EQUIV_H
#define SPILLOVER_STAT_EQUIV_H

#include <stdbool.h>

#include "metrics/stat_mean.h"

struct stat_tost {
    struct stat_interval interval; /* of level 1 - 2 alpha */
    double p_lower;                /* of mean <= -bound: P(T_{n-1} > (mean + bound) / se) */
    double p_upper;                /* of mean >= bound: P(T_{n-1} < (mean - bound) / se) */
    double p;                      /* the larger of the two */
    bool equivalent;               /* interval strictly within the bounds */
};

/* x[n]: one number a seed; bound > 0; alpha = .05 uses the 90 % interval. Zero spread gives p = 0 or 1. */
struct stat_tost stat_tost(const double *x, int n, double bound, double alpha);

#endif
