/* One view of the registries (tasks.def, arms.def, pressures.def, metrics.def): names, versions, one-line descriptions.
 *
 * Suites, `list`, the keys of cells and the CSV read names from here, so that a new row needs nothing else. What the
 * rows do is behind data/task.h, experiments/arm.h, experiments/pressure.h and metrics/metric.h.
 */
#ifndef SPILLOVER_REGISTRY_H
#define SPILLOVER_REGISTRY_H

#include <stdbool.h>

#include "experiments/config.h"

enum registry { REGISTRY_TASK, REGISTRY_ARM, REGISTRY_PRESSURE, REGISTRY_METRIC };

struct registry_row {
    const char *name, *about, *source; /* static; source "" where the row has none */
    const char *formula;               /* of a metric; NULL of all others */
    int version;
    int settled; /* the version that keys leave out, because MEASURE_VERSION stands for it; 0: they name every one */
};

int registry_count(enum registry which);
struct registry_row registry_row(enum registry which, int i);

/* The row with this name. False, with *row untouched, when there is none. */
bool registry_find(enum registry which, const char *name, struct registry_row *row);

/* All names, in the order of the table. At most REGISTRY_MOST; returns how many. */
enum { REGISTRY_MOST = 128 };
int registry_names(enum registry which, const char *names[REGISTRY_MOST]);

/* Does this combination of task, arm, pressure, method and credit exist? When not, *reason (static) says why: such a
 * cell is never run and becomes a row with status "skip". */
bool pressure_defined(const struct config *c, const char **reason);

/* Settings that mean nothing take one value, so that equal work gets one key: `none` has lambda 0, and neither `none`
 * nor `direct` has a pressure term in the output that credit could cut (unless another copy of the weights speaks); sft
 * has no group, rl no context; press.of of an ordinary pressure is its own name. */
void pressure_normalise(struct config *c);

#endif
