/* How far apart two models are that differ in nothing but their seed: the floor that a drift is held against. A whole
 * second model, base and arm, is trained inside the arm's cell, so that the cell stays a pure function of its
 * configuration and its parent; it is measured and forgotten. */
#ifndef SPILLOVER_OTHER_SEED_H
#define SPILLOVER_OTHER_SEED_H

#include "experiments/arm.h"
#include "experiments/evaluate.h"

/* Rows of drift_cka and drift_procrustes between the arm m and the same arm from another seed, each reasoning by itself
 * about the same questions (evaluate_other_seed). No rows for an arm without reasoning. */
MUST_USE enum status other_seed_measure(const struct arm *arm, const struct cell_io *io, const struct evaluation *e,
                                        const struct mind *m);

#endif
