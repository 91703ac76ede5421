/* Reader bank: frozen linear readers of a fact, against which the positive control pushes the thoughts.
 *
 * Per position three readers fitted on bootstrap samples with random L2, kept where they read better than `floor` on
 * held-out items; and three that read all positions joined. Bank A pushes; what is reported is measured with probes that
 * were fitted on other data.
 */
#ifndef SPILLOVER_READER_BANK_H
#define SPILLOVER_READER_BANK_H

#include "experiments/learner.h"
#include "experiments/pressure.h"
#include "metrics/probe.h"

enum { READER_COPIES = 3, READER_MAX_CLASSES = 256 };

struct reader {
    int position; /* -1: all positions joined */
    int d, K;
    float *W, *b; /* [K][d], [K] on raw features */
};

struct reader_bank {
    int n, positions, width;
    struct reader *readers;
    float *grad; /* [positions][rows][C] */
    float *row;  /* [2][positions][C] one row's thoughts and their gradient */
};

/* Fit on u [n][positions][C] with labels y in [0, K). Readers live in the arena. */
MUST_USE enum status reader_bank_fit(struct reader_bank *bank, struct arena *a, const float *u, int n, int positions,
                                     int width, const int *y, int K, double floor, int rows, uint64_t seed);

/* Mean over readers and rows of the cross-entropy from a target to what the reader reads, for the thoughts that stand on
 * the learner's tape; injects weight x its gradient at their input vectors. Target of each row: a class, PRESS_UNIFORM
 * for the uniform distribution, PRESS_NOTHING for no term. Returns it in nats. */
double reader_bank_inject(struct reader_bank *bank, struct learner *l, const int *target, float weight);

#endif
