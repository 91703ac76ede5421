/* LEACE: the smallest linear change after which no linear reader does better than a constant.
 *
 * Belrose et al. 2023 ("LEACE: Perfect linear concept erasure in closed form", theorem 4.3):
 *     r(x) = x - W^+ P W (x - mean),   W = (S_xx^{1/2})^+,   P the orthogonal projection onto the columns of W S_xz
 * with S_xx the covariance of x and S_xz that of x with the one-hot label. After it the class means of the fitted items
 * coincide, hence every linear probe is at the best constant.
 *
 * The control, leace_random, is the same formula with P onto a random subspace of the same rank: what any erasure of
 * this size breaks. "Is the decodable fact used?" is the effect of LEACE minus that of the control.
 *
 * Deterministic. Arithmetic in double.
 */
#ifndef SPILLOVER_LEACE_H
#define SPILLOVER_LEACE_H

#include "engine/base/rng.h"
#include "metrics/probe.h"

struct leace {
    int d, rank;  /* directions erased, at most min(d, K - 1) */
    double *mean; /* [d] */
    double *A;    /* [d][d], W^+ P W */
};

/* Fit on labelled items; arrays live in the arena. ST_DATA: a label out of range, fewer than two items, a value that is
 * not finite. */
MUST_USE enum status leace_fit(struct leace *eraser, struct arena *arena, const struct probe_items *items);

/* Erase `rank` random directions of the whitened space of the items (labels unread). rank is cut to the rank of x. */
MUST_USE enum status leace_random(struct leace *eraser, struct arena *arena, const struct probe_items *items, int rank,
                                  struct rng *rng);

/* out[n][d] = r(x); out may be X itself when ld is d. */
void leace_apply(const struct leace *eraser, struct arena *scratch, int n, const float *X, long ld, float *out);

#endif
