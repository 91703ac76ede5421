#include "metrics/stat_equiv.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

/* One-sided p of a margin (mean's distance inside a bound) in units of se. */
static double p_inside(double margin, double se, int df) {
    if (se == 0) return margin > 0 ? 0 : 1;
    return gsl_cdf_tdist_Q(margin / se, df);
}

struct stat_tost stat_tost(const double *x, int n, double bound, double alpha) {
    struct stat_tost r = {{NAN, NAN}, NAN, NAN, NAN, false};
    double mean = stat_mean(x, n), sd = stat_sd(x, n);
    if (isnan(sd)) return r;
    double se = sd / sqrt(n);
    r.interval = stat_t_interval(x, n, 1 - 2 * alpha);
    r.p_lower = p_inside(mean + bound, se, n - 1);
    r.p_upper = p_inside(bound - mean, se, n - 1);
    r.p = fmax(r.p_lower, r.p_upper);
    r.equivalent = r.interval.lo > -bound && r.interval.hi < bound;
    return r;
}
