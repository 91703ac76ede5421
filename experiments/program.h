/* Where this program is, and what lies beside it: what runs cells in processes of their own, draws, or finds suites needs
 * the one or the other. Strings in the arena. */
#ifndef SPILLOVER_PROGRAM_H
#define SPILLOVER_PROGRAM_H

#include "engine/base/arena.h"

const char *program_path(struct arena *a);       /* the executable */
const char *program_source_dir(struct arena *a); /* the root of the source tree that it was built in */
const char *program_suites_dir(struct arena *a); /* experiments/suites there */

/* The revision that it was built from, "-dirty" behind it where files were changed; "": not known. */
const char *program_revision(void);

#endif
