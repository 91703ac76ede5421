/* Sparse autoencoder with a TopK code and the AuxK loss against dead units (Gao et al. 2024, "Scaling and evaluating
 * sparse autoencoders", sections 2.3, 2.4, A.2).
 *
 *     s = x / scale - b          z = TopK(relu(W_e s + b_e))          x^ = scale (W_d z + b)
 *     loss = |s - W_d z|^2 / d + (1/32) |e - W_d z_aux|^2 / d,        e = s - W_d z (held fixed)
 * where z_aux is the TopK, of k_aux units, among units that have not fired for dead_after items. Columns of W_d keep unit
 * norm; W_e starts as their transpose, b as the mean of the data. scale makes the mean square of x - mean equal 1 per
 * coordinate, so that one learning rate serves every layer. Adam (Kingma & Ba 2015), the rate falling linearly to 0 over
 * the last fifth.
 *
 * Shapes: X[n][ld], the first d floats read; W_e, W_d are [units][d], row u being unit u's reading and writing direction.
 * Deterministic: the stream given draws the first weights, then the batches. gemm_open must have been called.
 */
#ifndef SPILLOVER_SAE_H
#define SPILLOVER_SAE_H

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/base/status.h"

struct sae_options {
    int units, k;   /* dictionary size; units on per item */
    int k_aux;      /* units in the auxiliary code; 0: no AuxK */
    int dead_after; /* items without firing after which a unit counts as dead in training */
    int batch, steps;
    float rate;
};

struct sae {
    int d, units, k;
    float scale;
    float *W_e, *b_e; /* [units][d], [units] */
    float *W_d, *b;   /* [units][d], [d] */
};

/* 8 d units, k 8, k_aux d / 2, dead after 2,560 items, 256 x 1,000 at 2e-3. */
struct sae_options sae_defaults(int d);

/* Train on X[n][d]; the autoencoder lives in the arena. ST_DATA: a value that is not finite, n < 2, or X constant.
 * ST_USAGE: k or k_aux outside [1, units] (k_aux may be 0), or a size that is not positive. ST_FAILED: the loss left the
 * finite numbers. */
MUST_USE enum status sae_train(struct sae *sae, struct arena *arena, int n, int d, const float *X, long ld,
                               const struct sae_options *options, struct rng *rng);

/* Codes Z[n][units], at most k entries of a row above 0. */
void sae_encode(const struct sae *sae, struct arena *scratch, int n, const float *X, long ld, float *Z);

/* out[n][d] = x^ from codes Z[n][units]; for "loss recovered" out is put back into the model. */
void sae_decode(const struct sae *sae, int n, const float *Z, float *out);

struct sae_quality {
    double fvu; /* fraction of variance unexplained, sum |x - x^|^2 / sum |x - mean|^2; >= 0 */
    int dead;   /* units that fire on none of these items */
    double l0;  /* mean number of units on, <= k */
};

/* Measured on the items given (held-out ones, as a rule). NAN for fvu where X does not vary. */
struct sae_quality sae_measure(const struct sae *sae, struct arena *scratch, int n, const float *X, long ld);

#endif
