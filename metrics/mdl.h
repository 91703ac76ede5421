/* Code lengths: how much of a label a representation gives away, and at what effort.
 *
 * Online MDL (Voita & Titov 2020, "Information-Theoretic Probing with Minimum Description Length", eq. 6): the labels
 * are sent in blocks that end at t_1 < t_2 < ... < t_S = n; the first block uniformly, every later one under the probe
 * fitted to all before it:
 *     L = t_1 log2 K - sum_i log2 p(y_{t_i+1 .. t_{i+1}} | theta_i),      compression = n log2 K / L
 * t_1 = max(n / 100, 4 K) items, each next end twice as far.
 *
 * V-information (Xu et al. 2020, "A Theory of Usable Information", def. 2), on held-out items:
 *     I = H(Y | nothing) - H(Y | R)
 * where both are cross-entropies in bits per item: of the training label frequencies (half a count added to each class),
 * and of the probe. It may be negative where the probe overfits.
 */
#ifndef SPILLOVER_MDL_H
#define SPILLOVER_MDL_H

#include "metrics/probe.h"
#include "metrics/stat_mean.h"

enum { MDL_MAX_BLOCKS = 32 };

struct mdl {
    double bits;                 /* L, > 0 */
    double uniform;              /* n log2 K */
    double compression;          /* uniform / bits; 1: nothing gained */
    int blocks;                  /* S */
    int end[MDL_MAX_BLOCKS];     /* t_1 .. t_S */
    double each[MDL_MAX_BLOCKS]; /* bits of every block, summing to `bits` */
};

/* Items are sent in an order drawn from options->seed; items of one group stay together and a block ends with a group.
 * Errors as probe_fit; ST_DATA also when n < 8 K (there would be one block). */
MUST_USE enum status mdl_online(struct mdl *out, struct arena *scratch, const struct probe_items *items,
                                const float *mean, const float *scale, const struct probe_options *options);

struct v_information {
    double without;                /* H(Y | nothing), bits per item */
    double with;                   /* H(Y | R), bits per item */
    double bits;                   /* without - with */
    struct stat_interval interval; /* of bits: Student's 95 % over test items; NAN with fewer than two */
};

/* p was fitted on items with labels y_train[n_train]; test is held out. */
struct v_information v_information(const struct probe *p, struct arena *scratch, int n_train, const int *y_train,
                                   const struct probe_items *test);

/* One label out of several: joint[n] in [0, K) numbers the distinct rows of labels[n][parts] in lexicographic order;
 * returns K. Bits of a joint label count what dependent concepts share once, which a sum over concepts would not. To
 * share the numbering between splits, pass their rows together. */
int joint_label(struct arena *scratch, int n, int parts, const int *labels, int *joint);

#endif
