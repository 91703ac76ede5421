/* What people see while a suite runs, on stderr: a live table on a terminal (how far all is, and every running cell with
 * its last event); elsewhere one plain line per cell, and one every 30 seconds.
 *
 * The time left is the sum, over cells not yet done, of the mean seconds that cells of the same kind, arm and method
 * took (of the same kind, where there is none; a guess of experiments/cost.h, where there is none of those either),
 * shared by the running jobs. A running cell has no less left than its own pace says.
 */
#ifndef SPILLOVER_DISPLAY_H
#define SPILLOVER_DISPLAY_H

#include <stddef.h>

#include "experiments/schedule.h"

struct display {
    bool quiet, live;
    int lines; /* of the table that stands on the terminal */
    double started, told;
};

void display_open(struct display *d, bool quiet);

/* A schedule's watcher: `watcher` is a struct display. */
void display_watch(void *watcher, const struct schedule *s, int cell);
void display_close(struct display *d);

/* Seconds of work left in the states pending, elsewhere and running; -1: not known. *guessed (unless NULL): some cells
 * are like none that was measured. */
double display_work_left(const struct schedule *s, bool *guessed);

/* The last line of an unfinished cell's events, "" where there is none; in the arena. */
const char *display_last_event(struct arena *a, const char *out, const char *key);

/* The same for people: "press 40/240, loss 1.23, accuracy 0.98". */
const char *display_progress(struct arena *a, const char *event);

/* "45 s", "12 min", "3 h 05 min", "unknown". */
void display_duration(double seconds, char *text, size_t size);

#endif
