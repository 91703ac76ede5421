/* What the making of readings shares between its files. */
#ifndef SPILLOVER_DECODE_INTERNAL_H
#define SPILLOVER_DECODE_INTERNAL_H

#include "metrics/decode.h"

/* Fit and test items of a channel at a step. */
struct decode_both {
    struct probe_items fit, test;
};

struct decode_both decode_take_both(const struct measurement *m, struct arena *a, const struct decode_channel *c,
                                    enum decode_concept concept, int step);

/* A probe in the class of `like` (its C and its standardisation), or chosen afresh by `fresh` where that is NULL. The
 * probe lives in the arena. */
MUST_USE enum status decode_fit_probe(const struct measurement *m, struct arena *a, struct probe *p,
                                      const struct probe_items *fit, const struct probe *like,
                                      const struct probe_options *fresh);

/* False for c where the task has none. */
bool decode_has(const struct measurement *m, enum decode_concept concept);

/* The mind's states at some layers when the reasoning `fit` and `test` of the two sides is given to it whole, in the
 * arena. */
struct decode_states {
    struct rollout fit, test;
};

struct decode_states decode_force_states(const struct measurement *m, struct arena *a, const struct mind *mind,
                                         const struct rollout *fit, const struct rollout *test, int layer, int layers);
struct decode_channel decode_channel_state(const struct decode_states *s, int layer);

/* How many layers to run for at once. A small model runs again for every layer: it takes a moment, and the states of all
 * would be the largest thing that a cell holds. */
int decode_layers_at_once(const struct gpt *g);

/* The mean over the question of what its tokens are embedded as. */
struct decode_channel decode_channel_inputs(const struct measurement *m);

/* Drift of u between the own rollouts of the mind before and of this one (m->decode->probes are the frozen ones), and
 * of the states of both on the reasoning of the mind before. */
void decode_drift_own(struct measurement *m, const struct decode_channel *was, const struct decode_channel *now);
void decode_drift_frozen(struct measurement *m);

#endif
