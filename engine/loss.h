/* Losses on the logits of a head: they turn logits into probabilities and write dlogits.
 *
 * Order of calls: head_forward, loss_softmax, then one of the gradients (each adds into dlogits), then head_backward.
 */
#ifndef SPILLOVER_LOSS_H
#define SPILLOVER_LOSS_H

#include "engine/tape.h"

/* logits -> probabilities in place, dlogits cleared. logp[i] = log p(target[i]); 0 where target[i] < 0. */
void loss_softmax(struct head *h, const int *target, float *logp);

/* Gradient of sum_i -weight[i] * log p(target[i]): cross-entropy, and REINFORCE with weight = advantage (Williams 1992).
 * Rows with target < 0 or weight 0 add nothing. */
void loss_cross_entropy(struct head *h, const int *target, const float *weight);

/* Gradient of weight * sum_i KL(p_i || reference_i), reference [n][V] probabilities; returns the sum of the KLs. */
double loss_kl(struct head *h, const float *reference, float weight);

/* Gradient of -weight * sum_i H(p_i) over rows with target >= 0 (an entropy bonus); returns the sum of entropies. */
double loss_entropy(struct head *h, const int *target, float weight);

/* Smooth L1 (beta 1) between x and y [n], both divided by `scale`: returns the mean, writes d mean / dx * weight to dx
 * (CODI's distillation, Shen et al. 2025, equation 4: L1 over the teacher's standard deviation). */
double loss_smooth_l1(long n, const float *x, const float *y, float scale, float weight, float *dx);

#endif
