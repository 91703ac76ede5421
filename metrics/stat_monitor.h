/* A monitor's figures with their intervals: how well p(v | item) tells the true value of an item from the others.
 *
 * As a monitor, a reading answers "does this item hold v?" for every item and value: its score is p(v), its decision
 * whether v is what it says. True values are the positives, all others the negatives.
 *
 *   accuracy   mean 1[says = y]
 *   auroc      P(p(true) > p(other)) + P(equal) / 2 (Mann & Whitney 1947), items and values pooled
 *   tpr        the largest TPR over thresholds with FPR <= .01; tied scores are flagged together or not at all
 *   gmean2     TPR * TNR of the decisions (Kubat & Matwin 1997); at most .25 for any random guess
 *
 * Items of one question template are not independent, and an item's K questions even less: the standard error is that of
 * the delete-a-group jackknife (Kott 2001; Shao & Tu 1995, section 2.3) over G groups of templates,
 *     se^2 = (G - 1) / G sum_g (x_(g) - mean x_(.))^2,      x -+ t_{G-1} se,
 * cut to [0, 1]. accuracy, whose jackknife is 0 wide where every item is right, takes Wilson's (1927) score interval at the
 * number of items divided by the design effect, se^2 / (x (1 - x) / n), where that is above 1.
 */
#ifndef SPILLOVER_STAT_MONITOR_H
#define SPILLOVER_STAT_MONITOR_H

#include "metrics/stat_mean.h"

struct stat_figure {
    double value, lo, hi; /* lo, hi: 95 %; NAN with fewer than two groups. All NAN where a score is not finite */
};

struct stat_monitor {
    struct stat_figure accuracy, auroc, tpr, gmean2;
};

/* p[n][K] >= 0, y[n] in [0, K); says[n], -1: nothing; fold[n] in [0, folds): the group each item goes with. */
struct stat_monitor_items {
    int n, K, folds;
    const float *p;
    const int *y, *says, *fold;
};

void stat_monitor(struct stat_monitor *out, const struct stat_monitor_items *items, struct arena *scratch);

/* Wilson's score interval of a proportion over n items (a design effect may leave a fraction of one); n > 0. */
struct stat_interval stat_wilson(double share, double n, double level);

#endif
