/* What a measurement emits, kept for a test to look at. */
#ifndef SPILLOVER_TESTS_SHEET_H
#define SPILLOVER_TESTS_SHEET_H

#include "metrics/metric.h"

enum { SHEET_ROWS = 4096 };

struct sheet {
    struct metric_row row[SHEET_ROWS];
    int n;
};

/* Puts a row on the sheet `to`: the emit of a measurement. */
void sheet_note(void *to, const struct metric_row *row);
/* The row on the sheet, which must be there once. */
const struct metric_row *sheet_row(const struct sheet *s, const char *metric, int step, int layer, const char *concept,
                                   const char *view);
/* Its value, of layer -1 (the vector that is fed back, or none) and ok. */
double sheet_value(const struct sheet *s, const char *metric, int step, const char *concept, const char *view);

#endif
