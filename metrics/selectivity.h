/* Selectivity (Hewitt & Liang 2019, "Designing and Interpreting Probes with Control Tasks"): accuracy on the label minus
 * accuracy on control labels, which a probe can know only by memorising inputs.
 *
 * A control label is fixed at random per input *type* (the word; here: the token, or the question's template), drawn
 * from the label distribution of the training items. A type has one control label wherever it occurs, so the control
 * task can be learnt on one split and tested on another; its ceiling is the share of test types seen in training.
 */
#ifndef SPILLOVER_SELECTIVITY_H
#define SPILLOVER_SELECTIVITY_H

#include "metrics/probe.h"

struct selectivity {
    double accuracy;    /* on the label, held out */
    double control;     /* on control labels, held out */
    double selectivity; /* accuracy - control, in [-1, 1] */
};

/* control[n]: the control label of every item's type. y_train[n_train] gives the label distribution. A type's label
 * depends on (seed, type) and y_train alone, not on the order of items. */
void selectivity_control_labels(int n, const int *type, int n_train, const int *y_train, uint64_t seed, int *control);

/* Fit on train, test on held-out items, with the label and with control labels. type_train[train->n] and
 * type_test[test->n]. Errors as probe_fit. */
MUST_USE enum status selectivity_measure(struct selectivity *out, struct arena *scratch,
                                         const struct probe_items *train, const int *type_train,
                                         const struct probe_items *test, const int *type_test, const float *mean,
                                         const float *scale, const struct probe_options *options);

#endif
