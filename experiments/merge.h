/* From finished cells to the two tables of a suite.
 *
 *   results.csv   tidy and long, one number a row, in the columns of merge_columns; %.6g, C locale
 *   cells.list    tab-separated: key, kind, state, label, variant, note
 *
 * results.csv depends on the suite and on what the cells hold, and on nothing else: no time, no path, no order of
 * computing. Rows are sorted by the cell's columns (numbers as numbers), then its key, then update, dose level, step,
 * layer, concept, view, metric, version. Empty: not applicable; an empty update is the end of the cell.
 *
 * A cell without results has one row, metric `cell`, whose status is "skip" (the combination does not exist; cells.list
 * says why), "replaced" (pressed cells of a seed that was replaced), "failed", "blocked" (by a failed parent) or "missing".
 */
#ifndef SPILLOVER_MERGE_H
#define SPILLOVER_MERGE_H

#include "engine/base/csv.h"
#include "experiments/schedule.h"

extern const char *const merge_columns[];      /* columns.def; ends with NULL */
extern const char *const merge_column_about[]; /* what they hold, in the same order */

/* Write both, and beside results.csv its sum, results.csv.sha256. Scratch from the arena. ST_DATA when a cell's
 * metrics.csv is malformed; ST_IO. */
MUST_USE enum status merge_results(const struct suite *suite, const struct schedule *s, const char *path,
                                   struct arena *a);
MUST_USE enum status merge_cells_list(const struct schedule *s, const char *path);

/* results.csv of a suite from n tables of runs over parts of its grid (some of the seeds, say): byte for byte what one
 * run over all of it writes. No sum is written. ST_PARTIAL: a cell that exists stands in no table; ST_DIFFERS: it stands
 * in two of them, with other rows; ST_DATA, ST_IO. */
MUST_USE enum status merge_tables(const struct suite *suite, const struct grid *grid,
                                  const struct csv_table *const *tables, int n, const char *path, struct arena *a);

/* Read a table of results as csv_read does. ST_DIFFERS when its sum lies beside it and is another: it was changed or
 * damaged since the run wrote it. */
MUST_USE enum status merge_read(struct arena *a, const char *path, const char *const header[],
                                struct csv_table **table);

#endif
