/* The grid: the cells of a suite, each once, parents before children.
 *
 * Key of a cell = SHA-256 of its identity, a JSON text of everything that decides its bits:
 *
 *   config (what its kind depends on, defaults written out)   numeric mode (and kernel, if native)   key of the parent
 *   ENGINE_VERSION, MEASURE_VERSION   SHA-256 of the data files that it reads   versions of its task, arm and pressure, and
 *   of the metrics and the pressure that measure it where MEASURE_VERSION does not stand for them (metrics.def)
 *
 * Never the git revision: a rebuild that moves no bits reuses what is there.
 */
#ifndef SPILLOVER_GRID_H
#define SPILLOVER_GRID_H

#include "experiments/cell.h"
#include "experiments/suite.h"

struct grid_cell {
    struct cell cell;
    const char *identity; /* JSON text; its SHA-256 is cell.key */
    const char *skip; /* why this cell is not computed: the combination does not exist, or GRID_REPLACED; else NULL */
    /* "key=value;..." of columnless keys that vary among cells otherwise named alike, or among such parents; "" */
    const char *variant;
    const char *label;  /* for people: "coconut conceal sft targeted seed 3" */
    char short_key[13]; /* first 12 digits of the key: the `cell` column */
    char pair_id[13];   /* press: equal for cells that differ in pressure, lambda and cut only; else "" */
    int parent;         /* index, smaller than the cell's own; -1 for a base */
};

/* The skip of a pressed cell whose seed the suite declares replaced: what came before pressure is all that it is kept
 * for. */
extern const char GRID_REPLACED[];

struct grid_input {
    const char *name; /* path inside the data folder */
    char sha256[65];
};

struct grid {
    struct grid_cell *cells;
    int n;
    struct grid_input *inputs; /* sorted by name */
    int n_inputs;
};

/* Build the grid of a suite. `kernel` names the arithmetic of native mode (unused in portable mode); `data_dir` may be
 * NULL. Order and keys depend on the arguments alone. Everything lives in the arena. ST_USAGE, with the line of the
 * block, for task options that a task refuses; ST_IO for data files that cannot be read. */
MUST_USE enum status grid_build(struct grid *g, const struct suite *s, const char *kernel, const char *data_dir,
                                struct arena *a);

/* The cell whose key begins with `prefix`, or -1 (none, or several). */
int grid_find(const struct grid *g, const char *prefix);

#endif
