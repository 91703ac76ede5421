/* The scheduler: every cell of a grid in a process of its own, as soon as its parent is whole.
 *
 *              lock held elsewhere
 *   PENDING ------------------------> ELSEWHERE --(lock free)--> PENDING
 *      | start: whole already -> DONE (reused); damaged -> set aside, then as if absent
 *      v
 *   RUNNING --exit 0--> DONE
 *      |  `---else----> FAILED --> every descendant BLOCKED
 *      `--signal to us-> PENDING (its process was stopped; the folder stays .part)
 *   SKIPPED: the combination does not exist (grid_cell.skip)
 *
 * Which cells are computed, and what they hold, does not depend on `jobs`, on the order of their ends, or on what was
 * there before.
 */
#ifndef SPILLOVER_SCHEDULE_H
#define SPILLOVER_SCHEDULE_H

#include <sys/types.h>

#include "experiments/grid.h"

enum cell_state {
    STATE_PENDING,
    STATE_ELSEWHERE,
    STATE_RUNNING,
    STATE_DONE,
    STATE_FAILED,
    STATE_BLOCKED,
    STATE_SKIPPED,
};

/* "pending", "elsewhere", "running", "done", "failed", "blocked", "skip". */
const char *schedule_state_name(enum cell_state state);

struct schedule_cell {
    enum cell_state state;
    bool reused;      /* DONE without work in this run */
    bool refused;     /* FAILED because the system refused a read or write (ST_IO) */
    const char *note; /* FAILED: log and reason; BLOCKED: by whom; set aside: where to; else NULL */
    double seconds;   /* DONE: as resources.json says, 0 when unknown */
    double started;   /* RUNNING: monotonic clock */
    pid_t pid;
    int lock;
};

struct schedule {
    const struct grid *grid;
    const char *out, *data_dir;
    const char *program;              /* executable whose `cell` command runs a cell */
    const struct cell_bodies *bodies; /* when not NULL, run them in a forked child instead of `program` (tests) */
    int jobs;
    int threads;      /* of one cell */
    const bool *only; /* [grid->n] cells that may be run; the others are looked up in the store. NULL: all may */
    struct arena *arena;
    struct schedule_cell *cells; /* [grid->n], from schedule_open */
    int signal;                  /* that ended the run early; 0 */

    /* Called whenever a cell changes its state (cell >= 0), and about twice a second (-1). NULL: nobody looks. */
    void (*watch)(void *watcher, const struct schedule *s, int cell);
    void *watcher;
};

/* State of every cell before anything runs: PENDING, or SKIPPED with its descendants; with `only`, DONE for whole
 * parents of chosen cells that are not chosen themselves. */
void schedule_open(struct schedule *s);

/* As schedule_open, then DONE for what the store holds whole and FAILED for what it holds damaged (`status`, -n). */
void schedule_survey(struct schedule *s);

/* Run until nothing can be started any more, or SIGINT, SIGTERM or SIGHUP arrives (children are stopped, s->signal is
 * set). The status is that of the scheduler itself: failed cells are no failure here. The signals' former handling is
 * restored. */
MUST_USE enum status schedule_run(struct schedule *s);

int schedule_count(const struct schedule *s, enum cell_state state);

#endif
