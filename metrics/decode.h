/* Readings: what can be read, step by step, from the vectors of a mind's reasoning.
 *
 * A *channel* gives a vector for every step of every problem (view column; layer where it is a state):
 *
 *   u            the fed-back channel: embeddings of the step's tokens, or its thoughts         verdict
 *   state        the network's states at the step's positions, layer by layer                   arm; what was pressed
 *                                                                                               with its arm's probes; full
 *   mlp          u, read by one hidden layer instead of a linear probe                          full
 *   untrained    u of the same architecture before any training (text: its own tokens forced)   arm
 *   inputs       the mean input embedding of the question: what needs no computing              arm
 *   answer_only  the stated answer, one-hot                                                     arm
 *   shuffled     u, with the labels of both sides permuted                                      arm
 *
 * and monitors that fit nothing to the mind as it is now:
 *
 *   reader       text: the value the exact reader finds in the step                             verdict
 *   lens         thoughts: values ranked by u through the unembedding (nostalgebraist 2020)     verdict
 *   lens_base    the same through the unembedding of the mind before pressure                   verdict
 *   frozen       u under the probe fitted before pressure                                       verdict
 *
 * A *concept* is what is read: "value", the value of the step itself (the diagonal), "c", the fact that only the report
 * needs, at every step; for bits also "previous", the value that the step started from, and "answer".
 *
 * A step's vector is its positions side by side (padded with 0 to the longest in the set). Fitting problems whose
 * template is among the test problems are left out, so that every split is disjoint by template. Standardisation is that
 * of the mind before pressure where there is one; the refitted probe then takes the frozen one's C, so that the two
 * differ in their weights alone. Everything lives in the measurement's arena. Deterministic.
 */
#ifndef SPILLOVER_DECODE_H
#define SPILLOVER_DECODE_H

#include "metrics/drift.h"
#include "metrics/metric.h"
#include "metrics/probe.h"
#include "metrics/stat_monitor.h"

/* The first two are read step by step; the others only count for bits. */
enum decode_concept {
    DECODE_VALUE,
    DECODE_C,
    DECODE_PREVIOUS,
    DECODE_ANSWER,
    DECODE_CONCEPTS,
    DECODE_READ = DECODE_C + 1,
};
extern const char *const decode_concept_name[DECODE_CONCEPTS];

/* Label of a concept at a step, -1: this problem has none. */
int decode_label(const struct task_ctx *task, const struct problem *p, enum decode_concept c, int step);

enum decode_side { DECODE_FIT, DECODE_TEST };

/* Vectors of both sides: position t of item i at side[..] + i * item + t * position. */
struct decode_channel {
    const char *view;
    int layer, d;
    long item, position; /* floats; position 0: one vector for the whole problem */
    const float *side[2];
    const int *length[2]; /* positions each problem's reasoning has */
};

/* Items of a step (or of a position) on one side: those that have it, and a label. */
struct decode_rows {
    int n, d;
    int *item;  /* [n] index among the side's problems */
    float *X;   /* [n][d] */
    int *group; /* [n] template */
};

/* Every problem of the side that has the step, in order; fitting problems of test templates are passed over. place >= 0:
 * that position of the step alone, of the problems whose step has it. */
void decode_take(struct decode_rows *rows, struct arena *a, const struct measurement *m, const struct decode_channel *c,
                 enum decode_side side, int step, int place);

/* The rows that have a label, as probe items with y in the arena. */
struct probe_items decode_items(struct arena *a, const struct measurement *m, const struct decode_rows *rows,
                                enum decode_side side, enum decode_concept concept, int step);

/* Enough of both sides to fit and to judge. */
bool decode_enough(const struct probe_items *fit, const struct probe_items *test);

/* One monitor on one concept at one step of the test problems. */
struct decode_reading {
    const char *view;
    int layer, step;
    enum decode_concept concept;
    int n, K;    /* n 0: cannot be read here (too few problems) */
    bool failed; /* no probe could be fitted */
    int *y;      /* [n] */
    int *group;  /* [n] template; NULL: every problem its own */
    float *p;    /* [n][K] how strongly each value is read */
    bool judged; /* figures have been worked out */
    struct stat_monitor figures;
    struct stat_figure bits; /* V-information, of fitted ones; else NAN */
    double d_over_n;         /* dimensions per fitting item, of fitted ones; else NAN */
};

/* The fall of frozen probes between the mind before pressure and now. */
struct decode_drift {
    const char *view; /* "own": each mind's own rollouts, u; "frozen": states on the reasoning of the mind before */
    int layer, step;
    enum decode_concept concept;
    int n; /* 0: cannot be measured */
    struct drift_parts parts;
};

/* Representation distance at one step, over test problems; NAN where there is none. */
struct decode_distance {
    const char *view;
    int layer, step, n;
    double cka, procrustes;
};

struct decode {
    int n_readings, most_readings, n_drifts, n_distances;
    struct decode_reading *readings;
    struct decode_drift *drifts;
    struct decode_distance *distances;
    struct probe
        *probes; /* [1 + L + 1][DECODE_READ][steps] of u and of the states, before pressure where there is one; K 0:
                             none. Those of states are there in an arm, or where they were given */
    int steps;
    bool *left_out;       /* [n_fit] fitting problems whose template is among the test problems */
    struct arena scratch; /* while readings are made */
};

/* Of layer `layer`, -1: of u. */
struct probe *decode_probe(const struct decode *d, int layer, enum decode_concept concept, int step);

/* The probes of an arm's readings travel with it in a checkpoint file, so that no pressed cell of it fits them again. The
 * C of a probe is kept as a float. ST_DATA where the file is none of a mind of this shape. */
MUST_USE enum status decode_store(const struct measurement *m, struct arena *a, const char *path);
MUST_USE enum status decode_restore(struct probe **probes, struct arena *a, const struct mind *mind, const char *path);

/* Everything m->depth asks for, into m->decode. */
void decode_open(struct measurement *m);

/* The channel u of a mind's rollouts. */
struct decode_channel decode_channel_u(const struct rollout *fit, const struct rollout *test);

/* Positions [*from, *to) of step k of problem i of a side; false where the reasoning does not have them. */
bool decode_span(const struct measurement *m, const struct decode_channel *c, enum decode_side side, int i, int k,
                 int *from, int *to);

/* The most positions that step k takes on either side. */
int decode_widest(const struct measurement *m, const struct decode_channel *c, int k);

/* The value read: the first of the greatest; -1 where all are alike. */
int decode_says(const struct decode_reading *r, int i);

#endif
