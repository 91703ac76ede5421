/* manifest.json of a suite's folder: what was asked for, by what program, on what machine.
 *
 * Written and synced before the first cell starts. `suite` holds the resolved suite, `runs` one entry per run into the
 * folder (git revision and dirtiness of the source tree, arguments without folders, CPU, BLIS kernel, compiler,
 * package versions), `inputs` the SHA-256 of the data files, `frozen` the text of the suite as the first run had it,
 * with its SHA-256. Claims are judged by the delta and prior_scale of the first run: a later run with others is
 * refused, because thresholds are fixed before results are seen.
 */
#ifndef SPILLOVER_MANIFEST_H
#define SPILLOVER_MANIFEST_H

#include "experiments/grid.h"

struct manifest_run {
    int argc;
    char *const *argv;
    const char *source_dir; /* of the program, for git; NULL: not known */
    const char *revision;   /* program_revision: for where that is no checkout; or NULL */
    const char *const *overrides;
    int n_overrides;
    int jobs;
};

/* Add this run to `path`. ST_USAGE when the folder's thresholds differ from the suite's; ST_DATA when an existing
 * manifest is malformed. */
MUST_USE enum status manifest_write(const char *path, const struct suite *s, const struct grid *g,
                                    const struct manifest_run *run);

/* What differs between a suite and the one that was frozen when the first cell of a folder ran. */
enum manifest_change {
    MANIFEST_SAME,
    MANIFEST_SEEDS, /* the lines that begin with `seeds:` or `replaced:` alone */
    MANIFEST_OTHER,
};

/* How the text of the suite differs from the one that is frozen in the manifest at `path`. ST_IO; ST_DATA when the
 * manifest is malformed. */
MUST_USE enum status manifest_changed(const char *path, const struct suite *s, enum manifest_change *change);

/* What a run's entry says of the machine: name of the CPU (a string), versions of the libraries in use (an object). New
 * references. gemm_open must have been called for the latter. */
json_t *manifest_cpu(void);
json_t *manifest_packages(void);

#endif
