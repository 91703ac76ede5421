/* AdamW (Loshchilov & Hutter 2019) with global gradient clipping, and learning-rate schedules. */
#ifndef SPILLOVER_ADAMW_H
#define SPILLOVER_ADAMW_H

#include "engine/gpt.h"

struct adamw {
    double beta1, beta2, eps, weight_decay;
    double clip;  /* greatest global norm of the gradient; 0: none */
    float *m, *v; /* [gpt_trained] first and second moments */
    long t;       /* updates done */
};

void adamw_open(struct adamw *o, struct arena *a, const struct gpt *m, double beta1, double beta2, double weight_decay,
                double clip);

/* Forget the moments (Coconut resets the optimiser at every stage). */
void adamw_reset(struct adamw *o, const struct gpt *m);

/* One update of every tensor that is not frozen and for which `train` is NULL or train(tensor) is true; refreshes the
 * model's transposed copies and zeroes g. *norm: the gradient's norm before clipping. ST_FAILED naming the tensor when
 * a gradient is not finite: the weights are then untouched. */
MUST_USE enum status adamw_step(struct adamw *o, struct gpt *m, float *g, double lr,
                                bool (*train)(const struct gpt_tensor *), double *norm);

/* The norm of a gradient. ST_FAILED naming the first tensor whose gradient is not finite. */
MUST_USE enum status adamw_norm(const struct gpt *m, const float *g, double *norm);

/* lr for update i of n: linear warm-up over `warmup` updates, then constant, or a cosine down to zero. */
double schedule_constant(double lr, int i, int warmup);
double schedule_cosine(double lr, int i, int n, int warmup);

/* Constant, then a straight line to zero over the last `share` of n updates; share 1: schedule_cosine. */
double schedule_tail(double lr, int i, int n, int warmup, double share);

#endif
