/* `spillover run`: from a suite to its folder of results.
 *
 *   <out>/cells/           the store (experiments/store.h)
 *   <out>/<suite>/         manifest.json  cells.list  results.csv  results.csv.sha256  report.md
 *                          .lock while a run works in it
 *
 * A run can be killed at any point and repeated: what is whole is verified and reused, the rest is computed, and the
 * result is the same bytes.
 */
#ifndef SPILLOVER_RUN_H
#define SPILLOVER_RUN_H

#include <stdio.h>

#include "experiments/manifest.h"
#include "experiments/schedule.h"

struct run_options {
    const char *out;                  /* folder of runs */
    const char *data_dir;             /* published files, or NULL */
    const char *kernel;               /* arithmetic of native mode: "skx", "haswell" */
    const char *program;              /* executable whose `cell` command runs a cell */
    const struct cell_bodies *bodies; /* tests: bodies to run in place of `program`; else NULL */
    bool quiet;
    struct manifest_run manifest;
    int jobs;    /* cells at once, >= 1 */
    int threads; /* of one cell, >= 1 */
};

/* What became of the cells. */
struct run_result {
    int cells, computed, reused, failed, blocked, skipped, missing;
    int refused; /* of the failed: for input or output */
    int signal;  /* that ended the run; 0 */
};

/* Run a suite. ST_OK: every cell that exists is whole. ST_PARTIAL: some are, or another run holds the folder (the
 * message says which); the same command continues. ST_FAILED: cells failed and not one is whole. ST_IO: the
 * system refused a cell a read or write. A signal: ST_PARTIAL
 * with result->signal set. Otherwise the status of what went wrong before or behind the cells. */
MUST_USE enum status run_suite(const struct suite *s, const struct run_options *o, struct run_result *result,
                               struct arena *a);

/* What comes before the first cell: the folders, and this run's entry in the manifest. */
MUST_USE enum status run_prepare(const struct suite *s, const struct run_options *o, const struct grid *g,
                                 struct arena *a);

/* Part `part` (from 1) of `parts` of one stage's cells (experiments/launch.h), and nothing else: no tables. ST_PARTIAL:
 * a parent is missing, or a signal came (result->signal); ST_FAILED: a cell failed. */
MUST_USE enum status run_part(const struct suite *s, const struct run_options *o, enum cell_kind stage, int part,
                              int parts, struct run_result *result, struct arena *a);

/* The tables and the report from the cells that are there; nothing is computed. ST_PARTIAL: some are not whole. */
MUST_USE enum status run_merge(const struct suite *s, const struct run_options *o, struct arena *a);

/* The schedule of a grid under these options; schedule_open or schedule_survey come next. */
struct schedule run_schedule(const struct run_options *o, const struct grid *g, struct arena *a);

/* Print what a run would do, with every setting resolved (values that cells differ in between |), and what it is
 * likely to take: cells by state, seconds, disk. Starts nothing. */
MUST_USE enum status run_estimate(const struct suite *s, const struct run_options *o, FILE *to, struct arena *a);

/* The same as one JSON object: suite, settings, cells by kind, seconds (null: unknown), guessed, bytes. */
MUST_USE enum status run_estimate_json(const struct suite *s, const struct run_options *o, FILE *to, struct arena *a);

/* Print the state of every cell; running ones with their last event. */
MUST_USE enum status run_status(const struct suite *s, const struct run_options *o, FILE *to, struct arena *a);

/* The same as one JSON object: suite, whole, of, seconds_left (of one job; null: unknown), cells: key, kind, label,
 * state, and where known event, note, seconds. */
MUST_USE enum status run_status_json(const struct suite *s, const struct run_options *o, FILE *to, struct arena *a);

/* CPUs that this process may use. */
int run_default_jobs(void);

#endif
