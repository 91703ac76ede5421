/* A results.csv made by hand, for tests of what is computed from it. */
#ifndef SPILLOVER_TESTS_PLANTED_H
#define SPILLOVER_TESTS_PLANTED_H

#include "engine/base/csv.h"

struct planted {
    FILE *stream;
    struct csv_out csv;
    /* The cell that the next rows belong to. */
    const char *cell, *pair, *task, *design, *arm, *variant, *pressure, *method, *credit, *size, *base_steps;
    long seed;
    int layer; /* -1: none */
    long n;    /* items behind a row */
};

void planted_open(struct planted *p, const char *path);
void planted_close(struct planted *p);

/* One row of the cell; update -1 is the end, step -1 none. */
void planted_row(struct planted *p, int update, int step, const char *concept, const char *view, const char *metric,
                 double value);

/* The one row of a cell without results. */
void planted_absent(struct planted *p, const char *status);

/* metric of `concept` at n updates. */
void planted_path(struct planted *p, const char *concept, const char *view, const char *metric, int n,
                  const int *update, const double *value);

#endif
