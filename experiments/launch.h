/* Launching a suite where one machine is not enough: the same cells, by other schedulers, into the same folder.
 *
 * A *stage* is a kind of cell (base, arm, press); its cells are cut into *parts* by their order in the grid, so that a
 * part is the same whoever asks. One process works on a part (run_part): it takes each cell's lock, reuses what is whole,
 * and computes the rest; a cell whose parent is missing makes it leave with ST_PARTIAL. A stage may begin when the one
 * before has ended, however it ended; behind the last one, `run --merge` writes the tables: the same bytes as those of a
 * run on one machine.
 *
 *   print   command lines, stages between comments, for GNU parallel or any other scheduler
 *   slurm   job arrays through sbatch: --requeue, the signal before the time limit puts the task back into the queue,
 *           stages depend by afterany, logs in <out>/<suite>/launch/
 *
 * All machines need to see the same folder, with locks that hold between them (flock; NFS 4 does).
 */
#ifndef SPILLOVER_LAUNCH_H
#define SPILLOVER_LAUNCH_H

#include "experiments/run.h"

struct launch_options {
    int chunk;                    /* cells a part; 0: as few as keep a stage to 200 parts */
    const char *sbatch;           /* further arguments of sbatch, between blanks; NULL: none */
    const char *const *overrides; /* --set, as the workers need them too */
    int n_overrides;
};

/* Print the lines. Starts nothing, writes the suite's copy that they name. */
MUST_USE enum status launch_print(const struct suite *s, const struct run_options *o, const struct launch_options *l,
                                  FILE *to, struct arena *a);

/* Submit; the ids of the jobs are printed. ST_USAGE: there is no sbatch; ST_FAILED: it refused, its words are the
 * message. */
MUST_USE enum status launch_slurm(const struct suite *s, const struct run_options *o, const struct launch_options *l,
                                  FILE *to, struct arena *a);

#endif
