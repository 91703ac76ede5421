/* Comparing results: paired differences over seeds between two selections of rows, and the spread of one.
 *
 * A *selection* is a table (results.csv, outcomes.csv) and conditions "column=value,...". Of results.csv the rows at the
 * end of a cell count: no update or the cell's last, no dose level. Rows whose status is not "ok" do not count.
 *
 * Rows of A and B are paired when they have the same seed and agree in every column that says what a row is about
 * (compare_columns), but for columns that A's and B's conditions fix to different values, or that only one of them
 * fixes (with the pressure goes its lambda); a condition on the figure's own columns (`concept` and on) holds for both
 * sides. The unit of analysis is the seed: with `by`, pairs that differ in other columns than that one and the
 * figure's own are averaged within the seed first. Intervals are paired t intervals over seeds (metrics/stat_mean.h).
 */
#ifndef SPILLOVER_COMPARE_H
#define SPILLOVER_COMPARE_H

#include <stdbool.h>

#include "engine/base/csv.h"
#include "metrics/stat_mean.h"

enum { COMPARE_COLUMNS = 18, COMPARE_CONDITIONS = 16 };

/* What a row may be about; a table need not have them all. The figure's own come last, from `concept` on. */
extern const char *const compare_columns[COMPARE_COLUMNS];

struct compare_selection {
    const struct csv_table *table;
    int n;
    const char *column[COMPARE_CONDITIONS], *value[COMPARE_CONDITIONS];
};

/* Read the conditions "column=value,..." of a selection; "" has none. ST_USAGE, with a did-you-mean, for a column that
 * the table lacks or a value that no row has. */
MUST_USE enum status compare_select(struct compare_selection *s, const struct csv_table *table, const char *conditions,
                                    struct arena *a);

/* One figure over seeds; x = a - b. Unused and unknown numbers are NAN. */
struct compare_line {
    const char *about[COMPARE_COLUMNS]; /* "" where averaged over, or not paired on */
    int n;
    const long *seed;    /* [n], ascending */
    const double *a, *b; /* [n] */
    const double *x;     /* [n] */
    double mean_a, mean_b, mean, sd, iqm;
    struct stat_interval t95;
    double p;            /* sign-flip, two-sided */
    double p_adjusted;   /* Benjamini-Hochberg over the lines of one comparison */
    long driver;         /* the seed without which the mean moves most; -1 with fewer than 3 */
    double mean_without; /* mean without it */
    bool flips;          /* without it the interval decides otherwise whether x is 0 */
};

struct compare_lines {
    struct compare_line *line;
    int n;
    int unpaired; /* rows of either side that have no partner */
};

/* What lines are about: NULL keeps every column, else one column of compare_columns before `concept` ("arm",
 * "pressure", ...), or "seed", which keeps everything and the caller prints seed by seed. ST_USAGE when nothing pairs. */
MUST_USE enum status compare_pairs(const struct compare_selection *a, const struct compare_selection *b, const char *by,
                                   struct compare_lines *out, struct arena *arena);

/* The lines of one selection: x = a, b = 0. */
MUST_USE enum status compare_single(const struct compare_selection *a, struct compare_lines *out, struct arena *arena);

/* Would more seeds decide a spillover by the rule of claim C1 (L > 0 and mean >= delta; or U < delta)?
 * *more is the least number of seeds beyond n after which, were mean and spread what they are now, the rule decides with
 * power .8 (VERDICT_SEEDS_MIN seeds at the least); 0: decided already; -1: over 1000, or unknown. */
enum compare_state { COMPARE_UNDECIDED, COMPARE_ABOVE, COMPARE_BELOW };
enum compare_state compare_decided(const struct compare_line *line, double delta, int *more);

#endif
