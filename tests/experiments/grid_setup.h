/* Suites and grids from a text, for tests. */
#ifndef SPILLOVER_TESTS_GRID_SETUP_H
#define SPILLOVER_TESTS_GRID_SETUP_H

#include "experiments/grid.h"

/* The suite that `text` is, by way of the file at path. */
struct suite setup_suite(struct arena *a, const char *path, const char *text);

/* Its grid, without data files. */
struct grid setup_grid(struct arena *a, const struct suite *s);

/* The first cell of a kind, arm and pressure (unused where the kind has none). */
int setup_cell_at(const struct grid *g, enum cell_kind kind, const char *arm, const char *pressure);

#endif
