/* Suites: YAML files that say which cells to run (the form is drawn in experiments/config.h).
 *
 * Words: the *head* is what stands beside `grid`; a *block* is one entry of `grid`; a *plan* is one point of a block's
 * product: a whole configuration with its seed. A section of a block is a mapping, in which every list is expanded, or
 * a list of such mappings, which are alternatives. A block may name seeds of its own.
 *
 * Head keys: suite (name), about, delta (.15), prior_scale (.3), numeric (portable, native), seeds, replaced, grid.
 *
 * `replaced` lists seeds among `seeds` in whose place others were added because a gate had failed before any pressure:
 * their arms are computed and kept, nothing is pressed, and the report judges without them where such a gate did fail.
 */
#ifndef SPILLOVER_SUITE_H
#define SPILLOVER_SUITE_H

#include "engine/base/arena.h"
#include "engine/gemm.h"
#include "experiments/config.h"

struct suite_plan {
    struct config config;
    enum cell_kind leaf; /* the last stage: press, or arm without `press`, or base without `arm` */
    int line;            /* of the block */
};

struct suite {
    const char *name, *about;
    const char *path, *text; /* the file and its bytes */
    size_t size;
    double delta;       /* smallest effect that matters */
    double prior_scale; /* s of the Cauchy prior behind the posterior of C2 */
    enum numeric_mode numeric;
    const long *seeds;
    int n_seeds;
    const long *replaced;
    int n_replaced;
    const struct suite_plan *plans; /* blocks in order; within a block seeds outermost */
    int n_plans;
};

/* Read a suite. `overrides` are n "section.key=value" (or "seeds=..."), which replace what every block says; a section
 * that a block lacks stays away. Everything lives in the arena. ST_DATA "path:line: ..." for malformed YAML; ST_USAGE
 * "path:line: ..." for an unknown key, a value of the wrong type or out of range, an unknown name (with a
 * did-you-mean); ST_IO when the file cannot be read. */
MUST_USE enum status suite_read(struct suite *s, const char *path, const char *const *overrides, int n,
                                struct arena *a);

/* The file behind a name given on the command line: itself when it looks like a path (a slash, or .yaml), else
 * <folder>/<name>.yaml; ST_USAGE with a did-you-mean when there is none. */
MUST_USE enum status suite_find(struct arena *a, const char *folder, const char *name, const char **path);

/* The names of the suites of a folder, sorted; *n of them. An unreadable folder has none. */
const char *const *suite_names(struct arena *a, const char *folder, int *n);

#endif
