#include "metrics/stat_simulate.h"

#include <math.h>

#include "metrics/stat_equiv.h"
#include "metrics/stat_mean.h"
#include "metrics/stat_multi.h"

enum { CLAIMS = 5, BOOT_DRAWS = 399 };

const char *const stat_shape_names[STAT_SHAPES] = {"normal", "skewed", "trimodal"};

/* Modes of the trimodal shape before it is brought to mean 0 and variance 1: a half, a quarter, a quarter. */
static const double MODE[3] = {.02, .4, .9}, WIDTH = .05;

static double trimodal(struct rng *rng) {
    const double mean = MODE[0] / 2 + MODE[1] / 4 + MODE[2] / 4,
                 square = MODE[0] * MODE[0] / 2 + MODE[1] * MODE[1] / 4 + MODE[2] * MODE[2] / 4;
    const uint32_t u = rng_below(rng, 4);
    const double x = MODE[u < 2 ? 0 : u - 1] + WIDTH * (double)rng_normal(rng);
    return (x - mean) / sqrt(square - mean * mean + WIDTH * WIDTH);
}

void stat_shape_draw(enum stat_shape shape, double *x, int n, struct rng *rng) {
    for (int i = 0; i < n; i++)
        x[i] = shape == STAT_NORMAL   ? (double)rng_normal(rng)
               : shape == STAT_SKEWED ? -log1p(-rng_uniform(rng)) - 1
                                      : trimodal(rng);
}

static bool holds(struct stat_interval i) {
    return i.lo < 0 && 0 < i.hi;
}

/* A mean that lies at one bound; the bound is ten standard deviations away from the other, which then never binds. */
static bool found_equivalent(const double *x, double *y, int n, double side) {
    enum { BOUND = 5 };
    for (int i = 0; i < n; i++) y[i] = x[i] + side * BOUND;
    return stat_tost(y, n, BOUND, .05).equivalent;
}

struct stat_simulated stat_simulate(enum stat_shape shape, int n, int sets, uint64_t seed, struct arena *a) {
    struct rng rng = rng_open(seed, stat_shape_names[shape], (uint64_t)n);
    double *x = ARENA_NEW(a, double, n), *y = ARENA_NEW(a, double, n);
    int t95 = 0, t90 = 0, boot = 0, percentile = 0, boot_sets = 0, equivalent[2] = {0, 0}, single = 0, family = 0;
    for (int s = 0; s < sets; s++) {
        const struct arena_mark mark = arena_mark(a);
        double p[CLAIMS], q[CLAIMS];
        bool any = false;
        for (int k = 0; k < CLAIMS; k++) {
            stat_shape_draw(shape, x, n, &rng);
            p[k] = stat_signflip(x, n, &rng, 1000);
        }
        t95 += holds(stat_t_interval(x, n, .95));
        t90 += holds(stat_t_interval(x, n, .90));
        equivalent[0] += found_equivalent(x, y, n, -1);
        equivalent[1] += found_equivalent(x, y, n, 1);
        single += p[0] < .05;
        stat_holm(p, CLAIMS, q, a);
        for (int k = 0; k < CLAIMS; k++) any |= q[k] < .05;
        family += any;
        if (s % 10 == 0) {
            boot_sets++;
            boot += holds(stat_boot_t(x, n, .95, BOOT_DRAWS, &rng, a));
            percentile += holds(stat_boot_percentile(x, n, .95, BOOT_DRAWS, &rng, a));
        }
        arena_rewind(a, mark);
    }
    const double of = sets;
    return (struct stat_simulated){.t95 = t95 / of,
                                   .t90 = t90 / of,
                                   .boot_t = (double)boot / boot_sets,
                                   .percentile = (double)percentile / boot_sets,
                                   .equivalent = (equivalent[0] > equivalent[1] ? equivalent[0] : equivalent[1]) / of,
                                   .sign_flip = single / of,
                                   .holm = family / of};
}
