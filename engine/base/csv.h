/* CSV tables: RFC 4180 with "\n" between rows and a header row. Reading goes through libcsv in its strict mode.
 *
 * The writer never fails by itself: it leaves the error flag on its stream, and fs_commit sees it. Numbers are written
 * and read with the C locale's decimal point, whatever setlocale says.
 */
#ifndef SPILLOVER_CSV_H
#define SPILLOVER_CSV_H

#include <stdio.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

struct csv_out {
    FILE *stream; /* borrowed */
    int column;   /* of the field written next, from 0 */
};

void csv_out_open(struct csv_out *out, FILE *stream);
void csv_out_text(struct csv_out *out, const char *text); /* quoted where needed; NULL is an empty field */
void csv_out_number(struct csv_out *out, double x);       /* %.6g; nan and the infinities are an empty field */
void csv_out_integer(struct csv_out *out, long long x);
void csv_out_end(struct csv_out *out);                               /* ends the row */
void csv_out_header(struct csv_out *out, const char *const names[]); /* a whole row; names end with NULL */

/* A table read whole, compressed (engine/base/bzip2.h) or not. Rows and columns count from 0 and leave the header out. All
 * strings live in the arena given. */
struct csv_table {
    const char *path;
    int rows, columns;
    const char **header; /* [columns] */
    const char **cells;  /* [rows][columns] */
    int *lines;          /* [rows]: the line of the file, from 1, on which the row begins */
};

/* Read a table. `header`, when not NULL, ends with NULL and must equal the file's header row, names and order.
 * ST_IO when the file cannot be read; ST_DATA, with path:line, for a stray or unclosed quote, a row of another width
 * than the header, a name twice in the header, a NUL byte, a field over 1 MiB, over 1024 columns, or no header. A
 * byte-order mark at the beginning and empty lines are skipped; spaces belong to the field they stand in. */
MUST_USE enum status csv_read(struct arena *a, const char *path, const char *const header[], struct csv_table **table);

/* The column with this name, or -1. */
int csv_column(const struct csv_table *table, const char *name);

const char *csv_cell(const struct csv_table *table, int row, int column);

/* The cell as a finite decimal number, the whole of it and nothing else; ST_DATA with path:line otherwise. */
MUST_USE enum status csv_number(const struct csv_table *table, int row, int column, double *x);

#endif
