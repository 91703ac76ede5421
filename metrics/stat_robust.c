#include "metrics/stat_robust.h"

#include <math.h>
#include <stdlib.h>

static int compare(const void *pa, const void *pb) {
    double a = *(const double *)pa, b = *(const double *)pb;
    return (a > b) - (a < b);
}

void stat_profile(const double *x, int n, const double *tau, int n_tau, double *out) {
    int usable = !isnan(stat_mean(x, n));
    for (int j = 0; j < n_tau; j++) {
        int above = 0;
        for (int i = 0; i < n; i++) above += x[i] > tau[j];
        out[j] = usable ? (double)above / n : NAN;
    }
}

double stat_improve(const double *x, int nx, const double *y, int ny) {
    if (isnan(stat_mean(x, nx)) || isnan(stat_mean(y, ny))) return NAN;
    double wins = 0;
    for (int i = 0; i < nx; i++)
        for (int j = 0; j < ny; j++) wins += x[i] > y[j] ? 1 : x[i] == y[j] ? .5 : 0;
    return wins / nx / ny;
}

struct stat_interval stat_improve_interval(const double *x, int nx, const double *y, int ny, double level, int draws,
                                           struct rng *rng, struct arena *a) {
    if (isnan(stat_improve(x, nx, y, ny)) || draws < 2) return (struct stat_interval){NAN, NAN};
    struct arena_mark mark = arena_mark(a);
    double *bx = ARENA_NEW(a, double, nx), *by = ARENA_NEW(a, double, ny), *p = ARENA_NEW(a, double, draws);
    for (int b = 0; b < draws; b++) {
        for (int i = 0; i < nx; i++) bx[i] = x[rng_below(rng, (uint32_t)nx)];
        for (int j = 0; j < ny; j++) by[j] = y[rng_below(rng, (uint32_t)ny)];
        p[b] = stat_improve(bx, nx, by, ny);
    }
    qsort(p, (size_t)draws, sizeof *p, compare);
    int tail = (int)floor((1 - level) / 2 * (draws + 1) + 1e-9);
    if (tail < 1) tail = 1;
    struct stat_interval q = {p[tail - 1], p[draws - tail]};
    arena_rewind(a, mark);
    return q;
}
