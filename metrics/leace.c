#include "metrics/leace.h"

#include <math.h>
#include <string.h>

#include "metrics/linalg.h"

/* Directions whose variance (or whitened covariance) is below these shares of the largest count as absent: rounding. */
static const double variance_floor = 1e-10, covariance_floor = 1e-6;

struct whitening {
    int d, rank;   /* rank of S_xx */
    double *W;     /* [d][d] */
    double *W_inv; /* [d][d], pseudo-inverse */
    double *basis; /* [d][d], eigenvectors in columns, ascending; the last `rank` span the data */
};

static enum status check(const struct probe_items *items) {
    if (items->n < 2) return status_set(ST_DATA, "leace: %d items, needs 2", items->n);
    if (!linalg_finite(items->n, items->d, items->X, items->ld))
        return status_set(ST_DATA, "leace: a value is not finite");
    return ST_OK;
}

static struct whitening whiten(struct arena *scratch, int n, int d, const double *x) {
    size_t square = (size_t)d * (size_t)d;
    struct whitening w = {.d = d,
                          .W = ARENA_NEW(scratch, double, square),
                          .W_inv = ARENA_NEW(scratch, double, square),
                          .basis = ARENA_NEW(scratch, double, square)};
    double *covariance = ARENA_NEW(scratch, double, square), *value = ARENA_NEW(scratch, double, d);
    linalg_cross(n, d, d, x, x, covariance);
    for (size_t i = 0; i < square; i++) covariance[i] /= n;
    linalg_eigen(d, covariance, value, w.basis);
    for (int k = 0; k < d; k++) {
        if (!(value[k] > variance_floor * value[d - 1])) continue;
        w.rank++;
        double root = sqrt(value[k]);
        for (int r = 0; r < d; r++)
            for (int c = 0; c < d; c++) {
                double outer = w.basis[(long)r * d + k] * w.basis[(long)c * d + k];
                w.W[(long)r * d + c] += outer / root;
                w.W_inv[(long)r * d + c] += outer * root;
            }
    }
    return w;
}

/* A = W^+ (D D^T) W for orthonormal columns D[d][rank] (leading dimension ld). */
static void set_eraser(struct leace *eraser, struct arena *scratch, const struct whitening *w, const double *D, int ld,
                       int rank) {
    int d = w->d;
    double *P = ARENA_NEW(scratch, double, (size_t)d *d), *half = ARENA_NEW(scratch, double, (size_t)d *d);
    for (int r = 0; r < d; r++)
        for (int c = 0; c < d; c++)
            for (int k = 0; k < rank; k++) P[(long)r * d + c] += D[(long)r * ld + k] * D[(long)c * ld + k];
    linalg_multiply(d, d, d, P, w->W, half);
    linalg_multiply(d, d, d, w->W_inv, half, eraser->A);
    eraser->rank = rank;
}

static void open_eraser(struct leace *eraser, struct arena *arena, int d) {
    *eraser = (struct leace){.d = d, .mean = ARENA_NEW(arena, double, d), .A = ARENA_NEW(arena, double, (size_t)d *d)};
}

enum status leace_fit(struct leace *eraser, struct arena *arena, const struct probe_items *items) {
    TRY(check(items));
    int n = items->n, d = items->d, K = items->K;
    for (int i = 0; i < n; i++)
        if (items->y[i] < 0 || items->y[i] >= K)
            return status_set(ST_DATA, "leace: label %d of item %d is not in [0, %d)", items->y[i], i, K);
    open_eraser(eraser, arena, d);
    struct arena_mark mark = arena_mark(arena);
    const double *x = linalg_centred(arena, n, d, items->X, items->ld, eraser->mean);
    struct whitening w = whiten(arena, n, d, x);

    /* x is centred, so its covariance with the one-hot label is the sum of x over the class, over n. The matrix is
     * padded with zero rows or columns to the shape that the decomposition takes. */
    int cols = K, rows = d > K ? d : K;
    double *S_xz = ARENA_NEW(arena, double, (size_t)d *K), *U = ARENA_NEW(arena, double, (size_t)rows *cols);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) S_xz[(long)j * K + items->y[i]] += x[(long)i * d + j] / n;
    linalg_multiply(d, K, d, w.W, S_xz, U);
    double *s = ARENA_NEW(arena, double, K), *V = ARENA_NEW(arena, double, (size_t)K *K);
    linalg_svd(arena, rows, cols, U, s, V);
    int rank = 0;
    while (rank < K && rank < d && s[rank] > covariance_floor * s[0]) rank++;
    set_eraser(eraser, arena, &w, U, cols, rank);
    arena_rewind(arena, mark);
    return ST_OK;
}

enum status leace_random(struct leace *eraser, struct arena *arena, const struct probe_items *items, int rank,
                         struct rng *rng) {
    TRY(check(items));
    int d = items->d;
    open_eraser(eraser, arena, d);
    struct arena_mark mark = arena_mark(arena);
    const double *x = linalg_centred(arena, items->n, d, items->X, items->ld, eraser->mean);
    struct whitening w = whiten(arena, items->n, d, x);
    if (rank > w.rank) rank = w.rank;
    /* Normal coordinates on the space of the data, orthonormalised: a uniform subspace of it. */
    double *D = ARENA_NEW(arena, double, (size_t)d *d);
    for (int k = 0; k < rank; k++)
        for (int e = d - w.rank; e < d; e++) {
            double g = rng_normal(rng);
            for (int r = 0; r < d; r++) D[(long)r * rank + k] += g * w.basis[(long)r * d + e];
        }
    if (rank > 0) {
        double *s = ARENA_NEW(arena, double, rank), *V = ARENA_NEW(arena, double, (size_t)rank *rank);
        linalg_svd(arena, d, rank, D, s, V);
    }
    set_eraser(eraser, arena, &w, D, rank, rank);
    arena_rewind(arena, mark);
    return ST_OK;
}

void leace_apply(const struct leace *eraser, struct arena *scratch, int n, const float *X, long ld, float *out) {
    struct arena_mark mark = arena_mark(scratch);
    int d = eraser->d;
    double *x = ARENA_NEW(scratch, double, d);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < d; j++) x[j] = X[i * ld + j] - eraser->mean[j];
        for (int r = 0; r < d; r++) {
            double moved = 0;
            for (int c = 0; c < d; c++) moved += eraser->A[(long)r * d + c] * x[c];
            out[(long)i * d + r] = (float)(x[r] + eraser->mean[r] - moved);
        }
    }
    arena_rewind(scratch, mark);
}
