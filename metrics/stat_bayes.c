#include "metrics/stat_bayes.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>

#include "engine/base/arena.h"

struct likelihood {
    double mean, se, df, scale;
};

static double at_theta(double theta, void *p) {
    const struct likelihood *l = p;
    double t = (l->scale * tan(theta) - l->mean) / l->se;
    return exp(-.5 * (l->df + 1) * log1p(t * t / l->df));
}

/* Integral of the likelihood over theta in [from, to], in panels so that a narrow peak is never stepped over. */
static double mass(struct likelihood *l, double from, double to, gsl_integration_workspace *w) {
    static const double panel[] = {-100, -20, -5, 0, 5, 20, 100, INFINITY};
    gsl_function f = {at_theta, l};
    double sum = 0, left = from;
    for (unsigned i = 0; i < sizeof panel / sizeof *panel && left < to; i++) {
        double right = fmin(to, atan((l->mean + panel[i] * l->se) / l->scale)), part, error;
        if (right <= left) continue;
        int rc = gsl_integration_qag(&f, left, right, 0, 1e-10, 500, GSL_INTEG_GAUSS31, w, &part, &error);
        /* Rounding may keep QAG from certifying the last digits of a panel; refuse only what is visibly wrong. */
        if (rc && !(error <= 1e-6 * fabs(part))) return NAN;
        sum += part;
        left = right;
    }
    return sum;
}

struct stat_posterior stat_posterior(double mean, double sd, int n, double delta, double scale, double prior_claim) {
    struct stat_posterior r = {NAN, NAN, NAN, NAN, NAN};
    if (n < 2 || !isfinite(mean) || !isfinite(delta) || !(sd > 0) || !isfinite(sd) || !(scale > 0) || !isfinite(scale))
        return r;
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(500);
    if (!w) arena_exhausted(500 * sizeof(double));
    struct likelihood l = {mean, sd / sqrt(n), n - 1, scale};
    double cut = atan(delta / scale), half = acos(-1) / 2;
    r.prior_odds = (half - cut) / (half + cut);
    r.posterior_odds = mass(&l, cut, half, w) / mass(&l, -half, cut, w);
    r.bayes_factor = r.posterior_odds / r.prior_odds;
    r.odds = prior_claim * r.bayes_factor;
    r.probability = isinf(r.odds) ? 1 : r.odds / (1 + r.odds);
    gsl_integration_workspace_free(w);
    gsl_set_error_handler(handler);
    return r;
}

void stat_posterior_sensitivity(double mean, double sd, int n, double delta, double scale, double prior_claim,
                                struct stat_posterior out[3]) {
    static const double factor[3] = {1, .5, 2};
    for (int i = 0; i < 3; i++) out[i] = stat_posterior(mean, sd, n, delta, factor[i] * scale, prior_claim);
}
