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

/* The mind's states when the reasoning `own_fit` and `own_test` of the two sides is given to it whole. It is run when a
 * layer is asked for that is not there: once for every layer of a small model, whose states of all layers would be the
 * largest thing that a cell holds, and once for all of a large one. */
struct decode_states {
    const struct measurement *m;
    const struct mind *mind;
    const struct rollout *own_fit, *own_test;
    struct rollout fit, test; /* of `layers` layers, once they have been run */
    int layers;
    struct arena arena;
};

void decode_states_open(struct decode_states *s, const struct measurement *m, const struct mind *mind,
                        const struct rollout *own_fit, const struct rollout *own_test);
void decode_states_close(struct decode_states *s);

/* Valid until the next layer is asked for. */
struct decode_channel decode_states_at(struct decode_states *s, int layer);

/* The mean over the question of what its tokens are embedded as. */
struct decode_channel decode_channel_inputs(const struct measurement *m);

/* Drift of u between the own rollouts of the mind before and of this one (m->decode->probes are the frozen ones), and
 * of the states of both on the reasoning of the mind before. */
void decode_drift_own(struct measurement *m, const struct decode_channel *was, const struct decode_channel *now);
void decode_drift_frozen(struct measurement *m);

#endif
