/* The door for vectors: any mind given its own reasoning as vectors, changed at will.
 *
 * A text mind is run as a silent one on the embeddings of its own tokens (the same inputs bit for bit), so that vectors
 * can be put in place of tokens. Vectors are given at all positions: nothing is regenerated, in either medium. Problems
 * whose reasoning is shorter than the longest are left out (a silent mind always reasons to its full length). A text mind
 * whose outputs come from other weights (a face) has no door: the face embeds tokens by its own table.
 */
#ifndef SPILLOVER_DOOR_H
#define SPILLOVER_DOOR_H

#include "metrics/metric.h"

struct door {
    struct mind mind;
    struct runner *runner;
    int n, R, C;
    int *item;                /* [n] test problems that go through */
    struct problem *problems; /* [n] */
    float *own;               /* [n][R][C] their own vectors */
    struct rollout out;       /* behind door_run */
};

/* In the measurement's arena; n 0: nothing can be given. */
void door_open(struct door *d, const struct measurement *m);

/* Run all problems on the vectors [n][R][C]. */
void door_run(struct door *d, const float *vectors);

/* Share of problems whose output says otherwise than that of the unchanged run (answer or report). */
double door_changed(const struct door *d, const struct measurement *m);

/* Mean -log2 p of the true answer and report (those the task has). */
double door_loss(const struct door *d);

#endif
