/* Versions that enter the key of every cell. Raised when bits move on purpose; a golden-hash test holds them to it. With
 * MEASURE_VERSION the `settled` versions of metrics.def and pressures.def become those that stand there. */
#ifndef SPILLOVER_VERSION_H
#define SPILLOVER_VERSION_H

enum {
    ENGINE_VERSION = 3,  /* training arithmetic: kernels, model, optimizer, schedules, random streams */
    MEASURE_VERSION = 4, /* what a finished cell holds: the rows and meaning of its metrics.csv */
};

#define SPILLOVER_VERSION "0.1.0"

#endif
