/* What people see while a suite runs, on stderr: one live line on a terminal, one plain line per cell elsewhere.
 *
 * The time left is the sum, over cells not yet done, of the mean seconds that cells of the same kind, arm and method
 * took (of the same kind, where there is none), shared by the running jobs; unknown until one is known.
 */
#ifndef SPILLOVER_DISPLAY_H
#define SPILLOVER_DISPLAY_H

#include <stddef.h>

#include "experiments/schedule.h"

struct display {
    bool quiet, live, line_open;
    double started;
};

void display_open(struct display *d, bool quiet);

/* A schedule's watcher: `watcher` is a struct display. */
void display_watch(void *watcher, const struct schedule *s, int cell);
void display_close(struct display *d);

/* Seconds of work left in the states pending, elsewhere and running; -1: not known. */
double display_work_left(const struct schedule *s);

/* "45 s", "12 min", "3 h 05 min", "unknown". */
void display_duration(double seconds, char *text, size_t size);

#endif
