/* Evaluation of a trained mind inside a cell: the metrics of metrics.def and the monitors, as rows of metrics.csv. */
#ifndef SPILLOVER_EVALUATE_H
#define SPILLOVER_EVALUATE_H

#include "experiments/arm.h"
#include "experiments/watch.h"

struct evaluation {
    struct cell_rows *rows;
    struct arena *arena;
    const struct config *config;
    struct runner *runner;
    int update; /* of the pressure; -1 for an arm */
    const char
        *dir; /* evaluate_metrics: an arm leaves the probes of its readings here, what was pressed finds them here */
};

/* What evaluations of the mind, and of the arm's text mode where it has one, run in: EVALUATE_ROWS problems at a time. */
enum { EVALUATE_ROWS = 64 };
struct runner *evaluate_runner(struct arena *a, const struct arm *arm, const struct mind *m);

/* The metrics of measure.level on fresh full-length problems; arms are measured deeper than what was pressed. before: the
 * mind before pressure, NULL: none. view "" (the arm's own medium) or "text_mode", which then prefixes the metrics' own
 * views ("text_mode.u"). */
MUST_USE enum status evaluate_metrics(const struct evaluation *e, const struct mind *m, const struct mind *before,
                                      const char *view);

/* drift_cka and drift_procrustes of a mind of other weights against m, on the questions of evaluate_metrics, view
 * "other_seed.own" and so on; what evaluate_metrics(e, m, NULL, "") left is needed. */
MUST_USE enum status evaluate_other_seed(const struct evaluation *e, const struct mind *other, const struct mind *m);

/* Accuracy on the task's published set, exact (all tokens of the answer) and two-way (where there are decoys), mean over
 * relabelings, and what the task's floors score two-way (view: the floor's name); no rows where the task has none or no
 * data folder was given. */
MUST_USE enum status evaluate_published(const struct evaluation *e, const struct mind *m);

/* Monitors of a watch at this update: dose, reader, F; with `refit` also R per position. */
MUST_USE enum status evaluate_watch(const struct evaluation *e, const struct watch *w, const struct mind *m, bool refit,
                                    const char *view, struct reading *out);

/* What each marked question showed at this update (watch_behaviour), EVALUATE_PACK questions a row as the bits of a whole
 * number, the first question the lowest: metrics items_behave, items_reader, items_frozen, `step` the row's place. */
enum { EVALUATE_PACK = 16 };
void evaluate_items(const struct evaluation *e, const struct watch *w, const struct mind *m, const char *view);

/* The watch's reader and F on questions that carry the concealment cue, view "cued" (gate G8: under the cue the arm must
 * conceal without any pressure); nothing where the task's design has no cue. */
void evaluate_cued(const struct evaluation *e, const struct watch *w, const struct mind *m);

/* Watches for every pressure that applies to the task (or for the one named), questions drawn. Returns how many. */
int evaluate_open_watches(struct watch *w, struct arena *a, const struct config *c, const struct task_ctx *task,
                          const char *only);

/* A row at this update. */
void evaluate_row(const struct evaluation *e, const char *metric, const char *concept, const char *view, int step,
                  long n, double value);

#endif
