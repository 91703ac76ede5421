/* What a cell is likely to cost where nothing like it was measured yet.
 *
 *   seconds = factor x updates x 6 P T batch / rate + reading
 *
 * with P = 12 layers width^2 weights, T the task's positions, and `rate` and the factors measured on one core with suite
 * quick (`spillover run quick`, column cpu_seconds of resources.json, 2026). A guess for planning, within a factor of
 * about two on machines alike; the first finished cell of a kind replaces it.
 */
#ifndef SPILLOVER_COST_H
#define SPILLOVER_COST_H

#include "experiments/cell.h"

/* Seconds of one core; negative where the task cannot be opened. */
double cost_guess(const struct cell *c);

#endif
