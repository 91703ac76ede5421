/* Results in the formats of others.
 *
 *   inspect   logs of the Inspect evaluation viewer (inspect.aisi.org.uk), JSON format version 2: one log a side (before
 *             and after pressure), one sample a question, the monitors as its scores; reasoning as reasoning content.
 *             Inspect lists logs by streaming through them up to the samples, so that keys stand in its order; every
 *             member that its own writer always writes is there (inspect_ai/log/_log.py)
 *   crate     a research-object crate (RO-Crate 1.1, w3id.org/ro/crate/1.1): a suite's tables, report and figures with
 *             ro-crate-metadata.json, which says what each file is and what made it
 */
#ifndef SPILLOVER_EXPORT_H
#define SPILLOVER_EXPORT_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

/* Logs of a cell (a key, or the beginning of one) into the folder `to`; their paths go to the array `files`. Errors as
 * show_open. */
MUST_USE enum status export_inspect(const char *out, const char *cell, int items, const char *to, json_t *files,
                                    struct arena *a);

/* The crate of the suite whose results lie in `dir`, into the folder `to`; the path of its metadata goes to `files`.
 * ST_USAGE: there are no results. */
MUST_USE enum status export_crate(const char *dir, const char *to, json_t *files, struct arena *a);

#endif
