#include "metrics/stat_mean.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/arena.h"

static const struct stat_interval none = {NAN, NAN};

static int compare(const void *pa, const void *pb) {
    double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

static bool all_finite(const double *x, int n) {
    for (int i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

double stat_mean(const double *x, int n) {
    if (n < 1 || !all_finite(x, n)) return NAN;
    double sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return sum / n;
}

double stat_sd(const double *x, int n) {
    double mean = stat_mean(x, n), ss = 0;
    bool tied = true;
    if (n < 2 || isnan(mean)) return NAN;
    for (int i = 0; i < n; i++) {
        ss += (x[i] - mean) * (x[i] - mean);
        tied &= x[i] == x[0];
    }
    /* The mean of equal values may be off in its last digit; callers test for a spread of exactly 0. */
    return tied ? 0 : sqrt(ss / (n - 1));
}

struct stat_interval stat_t_interval(const double *x, int n, double level) {
    double mean = stat_mean(x, n), sd = stat_sd(x, n);
    if (isnan(sd)) return none;
    double half = gsl_cdf_tdist_Pinv((1 + level) / 2, n - 1) * sd / sqrt(n);
    return (struct stat_interval){mean - half, mean + half};
}

/* One resample into draw[n]. */
static void resample(const double *x, int n, struct rng *rng, double *draw) {
    for (int i = 0; i < n; i++) draw[i] = x[rng_below(rng, (uint32_t)n)];
}

/* The order statistics of rank q (draws + 1), q = (1 -+ level) / 2: no interpolation, which infinities would spoil. */
static struct stat_interval central(double *sorted, int draws, double level) {
    qsort(sorted, (size_t)draws, sizeof *sorted, compare);
    int tail = (int)floor((1 - level) / 2 * (draws + 1) + 1e-9);
    if (tail < 1) tail = 1;
    return (struct stat_interval){sorted[tail - 1], sorted[draws - tail]};
}

struct stat_interval stat_boot_t(const double *x, int n, double level, int draws, struct rng *rng, struct arena *a) {
    double mean = stat_mean(x, n), sd = stat_sd(x, n);
    if (isnan(sd) || draws < 2) return none;
    if (sd == 0) return (struct stat_interval){mean, mean};
    double se = sd / sqrt(n);
    struct arena_mark mark = arena_mark(a);
    double *draw = ARENA_NEW(a, double, n), *t = ARENA_NEW(a, double, draws);
    for (int b = 0; b < draws; b++) {
        resample(x, n, rng, draw);
        double gap = stat_mean(draw, n) - mean, se_b = stat_sd(draw, n) / sqrt(n);
        t[b] = se_b > 0 ? gap / se_b : gap == 0 ? 0 : copysign(INFINITY, gap);
    }
    struct stat_interval q = central(t, draws, level);
    arena_rewind(a, mark);
    return (struct stat_interval){mean - q.hi * se, mean - q.lo * se};
}

struct stat_interval stat_boot_percentile(const double *x, int n, double level, int draws, struct rng *rng,
                                          struct arena *a) {
    if (isnan(stat_mean(x, n)) || draws < 2) return none;
    struct arena_mark mark = arena_mark(a);
    double *draw = ARENA_NEW(a, double, n), *means = ARENA_NEW(a, double, draws);
    for (int b = 0; b < draws; b++) {
        resample(x, n, rng, draw);
        means[b] = stat_mean(draw, n);
    }
    struct stat_interval q = central(means, draws, level);
    arena_rewind(a, mark);
    return q;
}

double stat_iqm(const double *x, int n, struct arena *a) {
    if (isnan(stat_mean(x, n))) return NAN;
    struct arena_mark mark = arena_mark(a);
    double *sorted = ARENA_NEW(a, double, n);
    memcpy(sorted, x, (size_t)n * sizeof *x);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    double iqm = stat_mean(sorted + n / 4, n - 2 * (n / 4));
    arena_rewind(a, mark);
    return iqm;
}

double stat_signflip(const double *x, int n, struct rng *rng, int draws) {
    if (isnan(stat_mean(x, n)) || (n > STAT_FLIP_EXACT && draws < 1)) return NAN;
    double sum = 0, size = 0;
    for (int i = 0; i < n; i++) {
        sum += x[i];
        size += fabs(x[i]);
    }
    /* Patterns that tie with the observed sum in exact arithmetic must count although their roundings differ. */
    double bar = fabs(sum) - 1e-12 * size;
    long hits = 0, patterns = n <= STAT_FLIP_EXACT ? 1L << (n - 1) : draws;
    for (long k = 0; k < patterns; k++) {
        /* Exact: the last sign stays +, since a pattern and its negative hit together. */
        double flipped = 0;
        uint32_t bits = (uint32_t)k;
        for (int i = 0; i < n; i++, bits >>= 1) {
            if (n > STAT_FLIP_EXACT && i % 32 == 0) bits = rng_u32(rng);
            flipped += bits & 1 ? -x[i] : x[i];
        }
        hits += fabs(flipped) >= bar;
    }
    return n <= STAT_FLIP_EXACT ? (double)hits / (double)patterns : (1.0 + (double)hits) / (1.0 + (double)patterns);
}

struct power_setup {
    double shift, critical, df;
};

/* P(|T| > critical | V = v) times the density of V. */
static double power_given(double v, void *p) {
    const struct power_setup *s = p;
    double edge = s->critical * sqrt(v / s->df);
    return (gsl_cdf_ugaussian_Q(edge - s->shift) + gsl_cdf_ugaussian_P(-edge - s->shift)) * gsl_ran_chisq_pdf(v, s->df);
}

double stat_power(double d, int n, double alpha) {
    if (n < 2 || !isfinite(d) || !(alpha > 0 && alpha < 1)) return NAN;
    struct power_setup s = {d * sqrt(n), gsl_cdf_tdist_Qinv(alpha / 2, n - 1), n - 1};
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(200);
    double power = NAN, error;
    /* With one degree of freedom the density has a pole at 0, which QAGS takes and the others do not mind. */
    gsl_function f = {power_given, &s};
    if (!w) arena_exhausted(200 * sizeof(double));
    int rc = gsl_integration_qags(&f, 0, gsl_cdf_chisq_Qinv(1e-13, s.df), 0, 1e-9, 200, w, &power, &error);
    if (rc && !(error <= 1e-6 * power)) power = NAN;
    gsl_integration_workspace_free(w);
    gsl_set_error_handler(handler);
    return power;
}

double stat_detectable(double sd, int n, double alpha, double power) {
    if (n < 2 || !isfinite(sd) || sd < 0 || !(power > alpha && power < 1)) return NAN;
    double lo = 0, hi = 1;
    while (hi < 1e6 && stat_power(hi, n, alpha) < power) {
        lo = hi;
        hi *= 2;
    }
    for (int i = 0; i < 40; i++) {
        double mid = (lo + hi) / 2;
        if (stat_power(mid, n, alpha) < power)
            lo = mid;
        else
            hi = mid;
    }
    return stat_power(hi, n, alpha) >= power ? hi * sd : NAN;
}

/* Index of the first usable point at or after i; n when there is none. */
static int usable(const double *dose, const double *value, int n, int i) {
    while (i < n && !(isfinite(dose[i]) && isfinite(value[i]))) i++;
    return i;
}

static double between(double x0, double y0, double x1, double y1, double x) {
    return x == x1 ? y1 : y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

enum stat_crossing stat_at_dose(const double *dose, const double *value, int n, double level, double *out) {
    *out = NAN;
    int i = usable(dose, value, n, 0);
    if (i < n && dose[i] == level) {
        *out = value[i];
        return STAT_BRACKETED;
    }
    while (i < n) {
        int j = usable(dose, value, n, i + 1);
        if (j < n && dose[i] < level && level <= dose[j]) {
            *out = between(dose[i], value[i], dose[j], value[j], level);
            return STAT_BRACKETED;
        }
        i = j;
    }
    return STAT_UNBRACKETED;
}

enum stat_crossing stat_dose_area(const double *dose, const double *value, int n, double lo, double hi, double *out) {
    double edge;
    *out = NAN;
    if (!(lo < hi) || stat_at_dose(dose, value, n, lo, &edge) || stat_at_dose(dose, value, n, hi, &edge))
        return STAT_UNBRACKETED;
    double reached = lo, area = 0;
    for (int i = usable(dose, value, n, 0), j; i < n && reached < hi; i = j) {
        j = usable(dose, value, n, i + 1);
        /* Only a stretch that begins at or below the level reached so far can be a first crossing. */
        if (j == n || dose[j] <= reached || dose[i] > reached) continue;
        double end = fmin(dose[j], hi);
        double y0 = between(dose[i], value[i], dose[j], value[j], reached);
        double y1 = between(dose[i], value[i], dose[j], value[j], end);
        area += (end - reached) * (y0 + y1) / 2;
        reached = end;
    }
    *out = area;
    return STAT_BRACKETED;
}

double stat_area(const double *x, const double *y, int n) {
    if (n < 2 || !all_finite(x, n) || !all_finite(y, n)) return NAN;
    double area = 0;
    for (int i = 1; i < n; i++) {
        if (x[i] < x[i - 1]) return NAN;
        area += (x[i] - x[i - 1]) * (y[i] + y[i - 1]) / 2;
    }
    return area;
}

struct stat_slope stat_slope(const double *x, const double *y, int n, double level) {
    struct stat_slope s = {NAN, NAN, NAN, NAN};
    double mx = stat_mean(x, n), my = stat_mean(y, n), sxx = 0, sxy = 0, sse = 0;
    if (n < 2 || isnan(mx) || isnan(my)) return s;
    for (int i = 0; i < n; i++) {
        sxx += (x[i] - mx) * (x[i] - mx);
        sxy += (x[i] - mx) * (y[i] - my);
    }
    if (!(sxx > 0)) return s;
    s.slope = sxy / sxx;
    s.intercept = my - s.slope * mx;
    for (int i = 0; i < n; i++) {
        double r = y[i] - s.intercept - s.slope * x[i];
        sse += r * r;
    }
    if (n == 2) return s;
    double half = gsl_cdf_tdist_Pinv((1 + level) / 2, n - 2) * sqrt(sse / (n - 2) / sxx);
    s.lo = s.slope - half;
    s.hi = s.slope + half;
    return s;
}
