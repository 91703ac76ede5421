/* Low-rank weights (Hu et al. 2021, arXiv 2106.09685, section 4.1): W' = W + s A B with A [in][r], B [r][out], W frozen.
 *
 * The merged W' is what forward and backward work with, so a model with LoRA runs as fast as one without. Of a matrix's
 * gradient dW = X^T dY only its two factors' are made, without dW:
 *
 *   dA = s X^T (dY B^T)      dB = s (X A)^T dY
 *
 * which is 2 r (in + out) multiplications a line in place of in * out.
 */
#ifndef SPILLOVER_LORA_H
#define SPILLOVER_LORA_H

#include "engine/gpt.h"

/* Point the names of the blocks' matrices into m->merged. */
void lora_view_merged(const struct gpt *m, struct gpt_views *v);

/* Make the merged matrices of every block. */
void lora_merge(struct gpt *m);

/* Add the gradients of A and B from n lines: x [n][in] into the matrix, dy [n][out] out of it. scratch: n * r floats. */
void lora_gradient(const struct gpt *m, int layer, enum gpt_lora_at at, int n, int in, int out, const float *x,
                   const float *dy, struct gpt_lora g, float *scratch);

#endif
