#include "metrics/drift.h"

#include <math.h>
#include <string.h>

#include "metrics/linalg.h"

static enum status check_pair(int n, int at_least, int dx, const float *X, long ldx, int dy, const float *Y, long ldy) {
    if (n < at_least) return status_set(ST_DATA, "drift: %d items, needs %d", n, at_least);
    if (!linalg_finite(n, dx, X, ldx) || !linalg_finite(n, dy, Y, ldy))
        return status_set(ST_DATA, "drift: a value is not finite");
    return ST_OK;
}

enum status drift_map_fit(struct drift_map *map, struct arena *arena, int n, int d, const float *X, long ldx,
                          const float *Y, long ldy) {
    TRY(check_pair(n, 2, d, X, ldx, d, Y, ldy));
    *map = (struct drift_map){.d = d,
                              .from = ARENA_NEW(arena, double, d),
                              .to = ARENA_NEW(arena, double, d),
                              .Q = ARENA_NEW(arena, double, (size_t)d *d)};
    struct arena_mark mark = arena_mark(arena);
    const double *x = linalg_centred(arena, n, d, X, ldx, map->from);
    const double *y = linalg_centred(arena, n, d, Y, ldy, map->to);
    double *U = ARENA_NEW(arena, double, (size_t)d *d), *V = ARENA_NEW(arena, double, (size_t)d *d);
    double *s = ARENA_NEW(arena, double, d);
    linalg_cross(n, d, d, x, y, U);
    linalg_svd(arena, d, d, U, s, V);
    for (int r = 0; r < d; r++)
        for (int c = 0; c < d; c++) {
            double sum = 0;
            for (int k = 0; k < d; k++) sum += U[(long)r * d + k] * V[(long)c * d + k];
            map->Q[(long)r * d + c] = sum;
        }
    arena_rewind(arena, mark);
    return ST_OK;
}

void drift_map_apply(const struct drift_map *map, int n, const float *X, long ldx, float *out) {
    int d = map->d;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < d; c++) {
            double sum = map->to[c];
            for (int r = 0; r < d; r++) sum += (X[i * ldx + r] - map->from[r]) * map->Q[(long)r * d + c];
            out[(long)i * d + c] = (float)sum;
        }
}

static double sum_squares(long n, const double *x) {
    double sum = 0;
    for (long i = 0; i < n; i++) sum += x[i] * x[i];
    return sum;
}

enum status drift_procrustes(double *distance, struct arena *scratch, int n, int dx, const float *X, long ldx, int dy,
                             const float *Y, long ldy) {
    TRY(check_pair(n, 2, dx, X, ldx, dy, Y, ldy));
    struct arena_mark mark = arena_mark(scratch);
    enum status st = ST_OK;
    const double *x = linalg_centred(scratch, n, dx, X, ldx, NULL);
    const double *y = linalg_centred(scratch, n, dy, Y, ldy, NULL);
    double norm = sqrt(sum_squares((long)n * dx, x)) * sqrt(sum_squares((long)n * dy, y));
    int large = dx > dy ? dx : dy, small = dx > dy ? dy : dx;
    double *cross = ARENA_NEW(scratch, double, (size_t)large *small);
    double *V = ARENA_NEW(scratch, double, (size_t)small *small), *s = ARENA_NEW(scratch, double, small), nuclear = 0;
    if (!(norm > 0)) {
        st = status_set(ST_DATA, "drift: one side does not vary");
        goto done;
    }
    linalg_cross(n, large, small, dx > dy ? x : y, dx > dy ? y : x, cross);
    linalg_svd(scratch, large, small, cross, s, V);
    for (int k = 0; k < small; k++) nuclear += s[k];
    *distance = fmax(0, 2 - 2 * nuclear / norm); /* rounding may pass 0 by one part in 1e16 */
done:
    arena_rewind(scratch, mark);
    return st;
}

/* What HSIC_1 needs of a linear kernel whose diagonal is set to 0, without forming it. */
struct kernel_sums {
    double *rows;     /* [n], K1: x_i . sum(x) - |x_i|^2 */
    double *diagonal; /* [n], |x_i|^2 */
    double all;       /* 1'K1 */
};

static struct kernel_sums kernel_sums(struct arena *scratch, int n, int d, const double *x) {
    struct kernel_sums k = {.rows = ARENA_NEW(scratch, double, n), .diagonal = ARENA_NEW(scratch, double, n)};
    double *total = ARENA_NEW(scratch, double, d);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) total[j] += x[(long)i * d + j];
    for (int i = 0; i < n; i++) {
        const double *row = x + (long)i * d;
        for (int j = 0; j < d; j++) k.rows[i] += row[j] * total[j];
        k.diagonal[i] = sum_squares(d, row);
        k.rows[i] -= k.diagonal[i];
        k.all += k.rows[i];
    }
    return k;
}

static double hsic(struct arena *scratch, int n, int dx, const double *x, const struct kernel_sums *kx, int dy,
                   const double *y, const struct kernel_sums *ky) {
    struct arena_mark mark = arena_mark(scratch);
    double *cross = ARENA_NEW(scratch, double, (size_t)dx *dy);
    linalg_cross(n, dx, dy, x, y, cross);
    double trace = sum_squares((long)dx * dy, cross), inner = 0;
    for (int i = 0; i < n; i++) {
        trace -= kx->diagonal[i] * ky->diagonal[i];
        inner += kx->rows[i] * ky->rows[i];
    }
    arena_rewind(scratch, mark);
    double N = n;
    return (trace + kx->all * ky->all / ((N - 1) * (N - 2)) - 2 / (N - 2) * inner) / (N * (N - 3));
}

enum status drift_cka(double *cka, struct arena *scratch, int n, int dx, const float *X, long ldx, int dy,
                      const float *Y, long ldy) {
    TRY(check_pair(n, 4, dx, X, ldx, dy, Y, ldy));
    struct arena_mark mark = arena_mark(scratch);
    /* HSIC_1 does not change under a shift; centring only keeps the sums small. */
    const double *x = linalg_centred(scratch, n, dx, X, ldx, NULL);
    const double *y = linalg_centred(scratch, n, dy, Y, ldy, NULL);
    struct kernel_sums kx = kernel_sums(scratch, n, dx, x), ky = kernel_sums(scratch, n, dy, y);
    double xy = hsic(scratch, n, dx, x, &kx, dy, y, &ky);
    double xx = hsic(scratch, n, dx, x, &kx, dx, x, &kx), yy = hsic(scratch, n, dy, y, &ky, dy, y, &ky);
    arena_rewind(scratch, mark);
    if (!(xx > 0) || !(yy > 0)) return status_set(ST_DATA, "drift: one side has no similarity of its own");
    *cka = xy / sqrt(xx * yy);
    return ST_OK;
}

struct drift_parts drift_decompose(double B, double F, double P, double T) {
    return (struct drift_parts){.B = B, .F = F, .P = P, .T = T, .lost = B - T, .reencoded = T - P, .rotated = P - F};
}

enum status drift_measure(struct drift_parts *out, struct arena *scratch, const struct drift_inputs *in,
                          const struct probe_options *options) {
    const struct probe *base = in->base;
    const struct probe_items *test = in->pressed_test;
    int d = base->d;
    struct arena_mark mark = arena_mark(scratch);
    struct probe refitted;
    struct drift_map map;
    struct probe_items mapped = *test;
    float *image = ARENA_NEW(scratch, float, (size_t)test->n *d);
    enum status st = probe_fit(&refitted, scratch, in->pressed_train, base->mean, base->scale, options);
    if (st == ST_OK) st = drift_map_fit(&map, scratch, in->n_pairs, d, in->pair_pressed, d, in->pair_base, d);
    if (st != ST_OK) goto done;
    drift_map_apply(&map, test->n, test->X, test->ld, image);
    mapped.X = image;
    mapped.ld = d;
    *out = drift_decompose(probe_accuracy(base, scratch, in->base_test), probe_accuracy(base, scratch, test),
                           probe_accuracy(base, scratch, &mapped), probe_accuracy(&refitted, scratch, test));
done:
    arena_rewind(scratch, mark);
    return st;
}
