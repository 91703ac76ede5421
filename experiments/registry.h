/* Names, versions and one-line descriptions of arms and pressures, from arms.def and pressures.def.
 *
 * The rows say what exists; the code behind them is found by whoever expands the same file again. Adding an arm or a
 * pressure is one file and one row: suites, --help, `list`, keys of cells and the CSV pick it up from here.
 */
#ifndef SPILLOVER_REGISTRY_H
#define SPILLOVER_REGISTRY_H

#include <stdbool.h>

#include "experiments/config.h"

struct registry_row {
    const char *name;
    int version;
    const char *about;
};

extern const struct registry_row registry_arms[];
extern const int registry_arm_count;
extern const struct registry_row registry_pressures[];
extern const int registry_pressure_count;

/* The row with this name, or NULL. */
const struct registry_row *registry_arm(const char *name);
const struct registry_row *registry_pressure(const char *name);

/* Does this combination of arm, pressure, method and credit exist? When not, *reason (static) says why: such a cell is
 * never run and becomes a row with status "skip" (science.md, section 3). */
bool pressure_defined(const struct config *c, const char **reason);

/* Settings that mean nothing take one value, so that equal work gets one key: `none` has lambda 0, and neither `none`
 * nor `direct` has a pressure term in the output that credit could cut (unless another copy of the weights speaks). */
void pressure_normalise(struct config *c);

#endif
