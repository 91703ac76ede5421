/* The instruments on a trace (experiments/trace.h): the readings, drifts and code lengths of metrics/, with the same
 * probes, splits and versions as in a cell, and the spillover between phases.
 *
 * A monitor reads one concept from one channel at one step:
 *
 *   probe     before: fitted and judged there          shuffled  the same with permuted labels
 *   frozen    that probe on a later phase              majority  the most frequent class of the fitting items
 *   refit     fitted again on the later phase, with the same standardisation and C
 *   reader    what the trace's own reader found in the steps ("read"); channel ""
 *
 * Outcomes compare `after` with `against`: the control, or before where there is none:
 *
 *   m_out     share of outputs that tell the concept ("told")     dose   D = 1 - M~_out,after / M~_out,against
 *   s_f, s_r  S = M~_against - M~_after of reader and frozen (s_f), refit (s_r); M~ = (M - chance) / (M_before - chance)
 *             step -1: mean M over steps of a concept that has a class a step; else M at the step that a held-out part
 *             of the fitting items of that phase reads best (frozen: of before)
 *   tau       S / D
 *
 * What needs the model itself (faithfulness under edits, erasure, the lens) cannot be had from a trace.
 */
#ifndef SPILLOVER_MEASURE_H
#define SPILLOVER_MEASURE_H

#include <stdint.h>

#include "experiments/trace.h"

struct measure_row {
    const char *phase, *against, *channel, *concept, *view, *metric; /* "" where not applicable */
    int layer, step, version;                                        /* -1: not applicable */
    long n;
    double value; /* NAN unless status is "ok" */
    const char *status;
};

struct measure {
    struct measure_row *rows;
    int n, room;
};

/* All rows, in a fixed order; deterministic in the trace and the seed. gemm_open must have been called. What is too
 * small to be measured is a row with status "skip". */
void measure_trace(struct measure *out, const struct trace *t, uint64_t seed, struct arena *a);

/* The value of a row, NAN where there is none (or it is not ok). NULL matches everything. */
double measure_find(const struct measure *m, const char *phase, const char *channel, const char *concept, int step,
                    const char *view, const char *metric);

/* Columns of the table of rows; ends with NULL. Write it. */
extern const char *const measure_columns[];
MUST_USE enum status measure_write(const struct measure *m, const char *name, long seed, const char *path);

#endif
