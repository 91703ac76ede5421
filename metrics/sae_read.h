/* What single units (of a dictionary, or of the vectors themselves) say about labels.
 *
 * k-sparse probing (Gurnee et al. 2023, "Finding Neurons in a Haystack"): for each class the k units with the largest
 * standardised difference of means between class and rest are chosen on the training items; a logistic probe on these k
 * is tested on held-out items. Score: balanced accuracy (TPR + TNR) / 2 at the threshold of the class's training
 * frequency, averaged over classes; chance .5.
 *
 * Purity of a unit (the disentanglement score of Eastwood & Williams 2018, with mutual information as the importance):
 *     D(u) = 1 - H(P_u) / log F,    P_u(f) = I(u fires; label f) / sum_f I(u fires; label f)
 * 1: the unit speaks of one factor alone; 0: of all alike. Polysemanticity is 1 - D. I is the plug-in estimate less its
 * Miller-Madow bias (K_f - 1) / (2 n), cut at 0; a unit with no information at all has no D (NAN).
 *
 * Deterministic.
 */
#ifndef SPILLOVER_SAE_READ_H
#define SPILLOVER_SAE_READ_H

#include "metrics/probe.h"

/* The k (1 <= k <= d) units that best tell class from rest, best first; of equals the lower unit. */
void sae_read_choose(struct arena *scratch, const struct probe_items *train, int class, int k, int *unit);

/* Held-out balanced accuracy, in [0, 1], averaged over the classes present in train and in test. NAN when there is none.
 * Errors as probe_fit. */
MUST_USE enum status sae_read_sparse(double *score, struct arena *scratch, const struct probe_items *train,
                                     const struct probe_items *test, int k);

/* purity[units] from codes Z[n][units] (a unit fires where its entry is above 0) and F >= 2 factors: label[n][F], factor
 * f in [0, K[f]). Returns the mean over units that have one, each weighted by its information; NAN when none has. */
double sae_read_purity(struct arena *scratch, int n, int units, const float *Z, int F, const int *label, const int *K,
                       double *purity);

#endif
