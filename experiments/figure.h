/* One figure: a small CSV file goes through gnuplot into an SVG file, whole or not at all.
 *
 * gnuplot gives meaning to names ("< command" runs a shell) and can leave half a picture with exit status 0. Hence it is
 * started in the folder of the figure with names of our own making, writes to a temporary name, and the picture gets its
 * name only when its end marker is there.
 */
#ifndef SPILLOVER_FIGURE_H
#define SPILLOVER_FIGURE_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

/* Draw <dir>/<name>.svg from <dir>/data/<name>.csv with <plots>/fig_<name>.gp; `caption` is printed under it. `program`
 * is "gnuplot" (tests: another). An older picture is removed first. ST_PARTIAL: there is no gnuplot; ST_FAILED: it
 * failed or left no whole picture, its first complaint in the message; ST_USAGE: name is not a plain name; ST_IO. */
MUST_USE enum status figure_render(const char *program, const char *plots, const char *dir, const char *name,
                                   const char *caption, struct arena *a);

/* The names of the .svg files in `dir`, sorted; both they and their array are the arena's. ST_IO where it cannot be
 * listed. */
MUST_USE enum status figure_list(const char *dir, const char ***names, int *n, struct arena *a);

#endif
