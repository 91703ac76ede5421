/* Verifying results: draw cells of a results table, compute them from nothing, compare every row to the bit.
 *
 * A results table and its manifest are enough: the manifest holds the text of the suite and its overrides, hence the
 * grid. Cells are drawn from those that have results; each is run with its parents in a scratch folder and merged as a
 * run would. Two rows are equal when all their fields are equal as text.
 */
#ifndef SPILLOVER_VERIFY_H
#define SPILLOVER_VERIFY_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/csv.h"
#include "experiments/schedule.h"

enum { VERIFY_ALL = 0 };

struct verify_options {
    const char *results, *manifest; /* paths */
    const char *scratch;            /* an empty folder, the caller's */
    const char *data_dir, *kernel, *program;
    const struct cell_bodies *bodies; /* as in run.h */
    int cells;                        /* to draw; VERIFY_ALL: every cell that has results */
    uint64_t seed;                    /* of the draw */
    int jobs;
    bool quiet;
    FILE *print;       /* gets rows that differ as "- committed" and "+ computed" lines; NULL: nobody does */
    json_t *differing; /* an array that gets them as objects: side, row (by column); NULL: none does */
};

struct verify_result {
    int cells, of;       /* drawn; that could be drawn */
    int rows, differing; /* compared; rows that differ or stand on one side only */
    int signal;          /* that ended the work; 0 */
};

/* ST_OK: every row is equal. ST_DIFFERS: rows differ (print and differing have the first hundred), or the drawn cells
 * do not exist for this program (another version, other data files, another kernel in native mode).
 * ST_FAILED: a cell failed here. ST_PARTIAL: a signal, or verify_ended. ST_DATA, ST_IO: the files. */
MUST_USE enum status verify_results(const struct verify_options *o, struct verify_result *result, struct arena *a);

/* The suite behind a manifest: its text is written to <folder>/<suite>.yaml and read with the overrides of the last
 * run. */
MUST_USE enum status verify_suite(const char *manifest, const char *folder, struct suite *s, struct arena *a);

/* ST_PARTIAL when the manifest names a cell of which the table (of `results`) says nothing: manifests are written when a
 * run begins and tables when it ends, so a later run into that folder has not ended. ST_DATA: the manifest. */
MUST_USE enum status verify_ended(const char *results, const struct csv_table *t, const char *manifest,
                                  struct arena *a);

/* Where the reference table of a suite lies in a folder: <suite>.csv, or <suite>.csv.bz2 where only that is there. */
const char *verify_reference(const char *folder, const char *suite, struct arena *a);

/* Letters of a name before its .csv or .csv.bz2; all of them where it has neither and so is no table's. */
size_t verify_stem(const char *name);

/* Where the manifest of a results table lies: <name>.manifest.json beside <name>.csv or <name>.csv.bz2, manifest.json
 * beside results.csv and outcomes.csv. */
const char *verify_manifest(const char *results, struct arena *a);

#endif
