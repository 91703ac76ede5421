/* Probes: how well a label can be read from vectors.
 *
 * Linear: multinomial logistic regression with an L2 penalty (the form of scikit-learn's LogisticRegression):
 *     minimise  1/n sum_i -log softmax(W z_i + b)[y_i]  +  ||W||^2 / (2 n C),     z = (x - mean) / scale
 * with the bias unpenalised. Non-linear: one hidden layer, h = tanh(V z + a), both weight matrices penalised alike.
 * Fitted by L-BFGS (Nocedal 1980; liblbfgs). C is chosen by inner cross-validation on the held-out log loss, over an
 * ascending grid (warm starts when linear); the folds are disjoint by group (question template). Ties go to the smaller C.
 *
 * mean and scale are *given*, not refitted: the base arm's statistics (probe_moments), for the frozen probe F and the
 * refitted probe R alike, so that the two differ in their weights alone.
 *
 * Shapes: X[n][ld], the first d floats of a row are read; y[n] in [0, K); group[n] any integers. W is [K][d].
 * Products are float (gemm), losses and the optimiser double. Deterministic: equal inputs give equal bits. gemm_open
 * must have been called. Scratch comes from the arena given and is rewound; what a probe keeps stays in it.
 */
#ifndef SPILLOVER_PROBE_H
#define SPILLOVER_PROBE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

enum { PROBE_MAX_GRID = 8 };

/* What is probed; owned by the caller. */
struct probe_items {
    int n, d, K;
    long ld;          /* floats between rows of X, >= d */
    const float *X;   /* [n][ld] */
    const int *y;     /* [n] */
    const int *group; /* [n], items of one group never stand on both sides of a split; NULL: every item its own */
};

struct probe_options {
    int hidden;                  /* 0: linear; else the width of the hidden layer */
    int n_grid;                  /* 1: grid[0] is used as it is, without cross-validation */
    double grid[PROBE_MAX_GRID]; /* values of C, ascending */
    int folds;                   /* of the inner cross-validation */
    int max_iterations;          /* of L-BFGS, per fit */
    uint64_t seed;               /* deals groups to folds and, with a hidden layer, draws the first weights */
    const struct probe *start; /* linear, n_grid 1: the search sets out from its weights; NULL: from none. The loss has
                                    one minimum, so this saves time and moves the result by the tolerance at most */
};

/* A fitted probe. Standardised features in, log-probabilities (up to a constant) out. The parameters are one block in
 * the order V a W b. */
struct probe {
    int d, K, hidden;
    double C;            /* chosen */
    float *mean, *scale; /* [d] */
    float *V, *a;        /* [hidden][d], [hidden]; NULL when linear */
    float *W, *b;        /* [K][hidden or d], [K] */
};

/* Linear, C in {.001, .01, .1, 1, 10}, 3 folds. */
struct probe_options probe_defaults(void);

/* Hidden width 32, C in {.003, .03, .3, 3}, 3 folds; every fit starts afresh. */
struct probe_options probe_defaults_hidden(void);

/* Mean and standard deviation (population) of each column; a constant column gets scale 1. */
void probe_moments(int n, int d, const float *X, long ld, float *mean, float *scale);

/* Fit. mean[d] and scale[d] are copied. With fewer than two groups C is the middle of the grid. ST_DATA: a label out of
 * range, fewer than two items, a scale that is not positive, a value that is not finite. ST_FAILED: the optimiser left
 * the finite numbers. */
MUST_USE enum status probe_fit(struct probe *p, struct arena *arena, const struct probe_items *items, const float *mean,
                               const float *scale, const struct probe_options *options);

/* Class probabilities prob[n][K]. */
void probe_predict(const struct probe *p, struct arena *scratch, int n, const float *X, long ld, float *prob);

/* Share of items whose most probable class is y (the first of equals); in [0, 1]. */
double probe_accuracy(const struct probe *p, struct arena *scratch, const struct probe_items *items);

/* -log2 p(y) of every item, held out, into bits[n]; each in [0, 149]. */
void probe_item_bits(const struct probe *p, struct arena *scratch, const struct probe_items *items, double *bits);

/* Their mean: code length in bits per item. */
double probe_bits(const struct probe *p, struct arena *scratch, const struct probe_items *items);

/* The linear probe on raw features: logits = W x + b with W[K][d], b[K]; for gradients into x. BUG with a hidden
 * layer. */
void probe_raw(const struct probe *p, float *W, float *b);

/* One flat array of floats, self-describing, so that a frozen probe travels with its arm. Restoring gives the same
 * bits. probe_restore: ST_DATA when the array does not describe a probe of its length. */
size_t probe_flat_size(const struct probe *p);
void probe_save(const struct probe *p, float *flat);
MUST_USE enum status probe_restore(struct probe *p, struct arena *arena, const float *flat, size_t size);

/* Fold of every item, fold[n] in [0, folds): groups are dealt whole, the largest first, each to the emptiest fold,
 * equals in an order drawn from seed. Returns the number of folds that are not empty. */
int probe_folds(struct arena *scratch, int n, const int *group, int folds, uint64_t seed, int *fold);

#endif
