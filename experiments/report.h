/* The report of a suite: what its results.csv says, as a page to read.
 *
 * report.md in the suite's folder. It is computed from results.csv alone, so it can be made again at any time.
 */
#ifndef SPILLOVER_REPORT_H
#define SPILLOVER_REPORT_H

#include "experiments/suite.h"

/* Write <suite_dir>/report.md from <suite_dir>/results.csv. ST_IO, ST_DATA as csv_read. */
MUST_USE enum status report_write(const char *suite_dir, const struct suite *suite);

#endif
