/* Reference results made larger: the cells of a run over what they lack, put beside the cells that they have.
 *
 * A suite that gains a seed (or a block) needs only the new cells computed: `run SUITE --set seeds=13`. Table, manifest
 * and costs of both are brought together as one run over the suite as it stands now would have left them. The manifest
 * lists the runs of both, and keeps the suite as it was frozen when the first of all cells ran.
 */
#ifndef SPILLOVER_EXTEND_H
#define SPILLOVER_EXTEND_H

#include "experiments/manifest.h"

/* What stands for a suite in one place. */
struct extend_files {
    const char *table, *manifest, *cost; /* paths */
};

/* From `reference` and `run` to <folder>/results.csv, manifest.json and cost.csv. ST_PARTIAL: a cell of the suite is in
 * neither; ST_DIFFERS: one is in both with other rows; ST_USAGE: the thresholds of the suite were others; ST_DATA;
 * ST_IO. */
MUST_USE enum status extend_results(const struct suite *suite, const struct grid *grid,
                                    const struct extend_files *reference, const struct extend_files *run,
                                    const struct manifest_run *by, const char *folder, struct arena *a);

#endif
