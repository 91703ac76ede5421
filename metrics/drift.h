/* Representation drift: how far vectors moved, and what a reader lost by it.
 *
 * Procrustes map (Schonemann 1966): the orthogonal Q that minimises ||(X - mean X) Q - (Y - mean Y)||_F, that is
 * Q = U V^T where (X - mean X)^T (Y - mean Y) = U S V^T.
 * Procrustes distance (Ding et al. 2021; Williams et al. 2021): 2 - 2 ||X^T Y||_* with X and Y centred and scaled to unit
 * Frobenius norm; in [0, 2], 0 when one is a rotation, shift and scaling of the other.
 * Debiased linear CKA (Kornblith et al. 2019, with the unbiased HSIC of Song et al. 2012):
 *     HSIC_1(K, L) = [tr KL + 1'K1 1'L1 / ((n-1)(n-2)) - 2/(n-2) 1'KL1] / (n (n-3)),    diagonals of K, L set to 0
 *     CKA = HSIC_1(K, L) / sqrt(HSIC_1(K, K) HSIC_1(L, L)),    K = X X^T, L = Y Y^T
 * at most about 1, around 0 (either sign) for unrelated X and Y.
 *
 * Decomposition of the fall of a frozen probe: B base probe on base vectors, F the same frozen on pressed vectors, P
 * frozen after a Procrustes map from pressed to base fitted on disjoint unlabelled pairs, T refitted on pressed:
 *     B - F = (B - T) lost + (T - P) re-encoded + (P - F) rotated
 * Only `lost` is information that went; F alone shows a broken monitor. Each part may be negative.
 *
 * Shapes: X[n][d], rows ldx floats apart; row i of X and of Y belong to the same item. Arithmetic in double. All
 * functions are deterministic and give ST_DATA for values that are not finite.
 */
#ifndef SPILLOVER_DRIFT_H
#define SPILLOVER_DRIFT_H

#include "metrics/probe.h"

/* x -> (x - from) Q + to, Q[d][d] row-major; owned by the arena of drift_map_fit. */
struct drift_map {
    int d;
    double *from, *to; /* [d] */
    double *Q;         /* [d][d] */
};

/* The orthogonal map that brings X closest to Y. n >= 2 pairs. */
MUST_USE enum status drift_map_fit(struct drift_map *map, struct arena *arena, int n, int d, const float *X, long ldx,
                                   const float *Y, long ldy);

/* out[n][d] = the image of X; out may not overlap X. */
void drift_map_apply(const struct drift_map *map, int n, const float *X, long ldx, float *out);

/* Widths may differ. ST_DATA also when X or Y does not vary. */
MUST_USE enum status drift_procrustes(double *distance, struct arena *scratch, int n, int dx, const float *X, long ldx,
                                      int dy, const float *Y, long ldy);

/* n >= 4. ST_DATA also when the debiased self-similarity of X or Y is not positive (nothing to compare with). */
MUST_USE enum status drift_cka(double *cka, struct arena *scratch, int n, int dx, const float *X, long ldx, int dy,
                               const float *Y, long ldy);

struct drift_parts {
    double B, F, P, T;
    double lost, reencoded, rotated; /* sum to B - F */
};

struct drift_parts drift_decompose(double B, double F, double P, double T);

/* The four accuracies from vectors. `base` is the frozen probe; base_test, pressed_train, pressed_test hold vectors with
 * labels; pair_pressed[n_pairs] and pair_base[n_pairs] (width d, rows d apart) are unlabelled vectors of the same items
 * before and after, disjoint from the tests. The refit takes the frozen probe's mean and scale, and `options`. */
struct drift_inputs {
    const struct probe *base;
    const struct probe_items *base_test, *pressed_train, *pressed_test;
    int n_pairs;
    const float *pair_pressed, *pair_base;
};

MUST_USE enum status drift_measure(struct drift_parts *out, struct arena *scratch, const struct drift_inputs *in,
                                   const struct probe_options *options);

#endif
