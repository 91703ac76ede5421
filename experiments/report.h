/* The report of a suite: what its results.csv says, as a page to read.
 *
 *   <suite_dir>/outcomes.csv   dose, spillover, transmission of every pressed cell (experiments/outcome.h)
 *   <suite_dir>/figures/       data/<figure>.csv and <figure>.svg, one row of figures.def each
 *   <suite_dir>/report.md      gates, verdicts, arms, outcomes, figures, what is missing
 *   <suite_dir>/cost.csv       core-seconds and memory by kind of cell and arm, from the cells' resources.json
 *
 * All but the cost follows from results.csv and the suite, byte for byte (figures: for one version of gnuplot). It can
 * be made again at any time. Each file is whole or absent.
 */
#ifndef SPILLOVER_REPORT_H
#define SPILLOVER_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "experiments/suite.h"

/* Make all of them from <suite_dir>/results.csv. `summary`, when not NULL, gets a compact table for a terminal; `json`,
 * when not NULL, is an object that gets the same for a program: suite, report (its path), seeds, delta, gates, claims,
 * outcomes (of every pressed arm: dose, s_f, s_r at the last update, each with mean, its 95 % interval and n), and
 * core_seconds (null: not recorded). A figure that cannot be drawn is a line in the report, not an error. ST_IO; ST_DATA
 * as csv_read. */
MUST_USE enum status report_write(const char *suite_dir, const struct suite *suite, FILE *summary, json_t *json);

#endif
