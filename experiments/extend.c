#include "experiments/extend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/merge.h"

/* The reference's manifest with the runs of the other, then this run's entry. */
static enum status extend_manifest(const struct suite *suite, const struct grid *grid, const char *reference,
                                   const char *run, const struct manifest_run *by, const char *path) {
    json_t *json = NULL, *more = NULL, *runs, *added;
    enum status st = jsonio_load_path(reference, &json);
    if (st == ST_OK) st = jsonio_load_path(run, &more);
    if (st == ST_OK) st = jsonio_get_array(reference, json, "runs", &runs);
    if (st == ST_OK) st = jsonio_get_array(run, more, "runs", &added);
    if (st == ST_OK) {
        json_array_extend(runs, added);
        st = jsonio_store_path(path, json);
    }
    json_decref(json);
    json_decref(more);
    return st == ST_OK ? manifest_write(path, suite, grid, by) : st;
}

/* How a column of cost.csv is brought together over tables; all others name the row. */
enum rule { NAMES, ADDED, LARGEST, MEAN };

static enum rule rule_of(const char *column) {
    static const struct {
        const char *column;
        enum rule rule;
    } rules[] = {{"cells", ADDED},  {"core_seconds", ADDED},   {"most_memory_mib", LARGEST},
                 {"updates", MEAN}, {"train_positions", MEAN}, {"train_flop", MEAN}};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].column, column) == 0) return rules[i].rule;
    return NAMES;
}

static bool same_names(const struct csv_table *x, int i, const struct csv_table *y, int j) {
    for (int c = 0; c < x->columns; c++)
        if (rule_of(x->header[c]) == NAMES && strcmp(csv_cell(x, i, c), csv_cell(y, j, c)) != 0) return false;
    return true;
}

static int row_like(const struct csv_table *t, const struct csv_table *of, int row) {
    for (int i = 0; i < t->rows; i++)
        if (same_names(t, i, of, row)) return i;
    return -1;
}

/* An empty number is none: what the other table has stands. */
static double number(const struct csv_table *t, int row, int column) {
    return row < 0 || !*csv_cell(t, row, column) ? NAN : strtod(csv_cell(t, row, column), NULL);
}

static double together(enum rule rule, double x, double y, double x_cells, double y_cells) {
    if (isnan(x) || isnan(y)) return isnan(x) ? y : x;
    if (rule == LARGEST) return fmax(x, y);
    return rule == ADDED ? x + y : (x * x_cells + y * y_cells) / (x_cells + y_cells);
}

/* Row i of x (row j of y where x has none, then i < 0), with what the other has of the same name. */
static void cost_row(struct csv_out *csv, const struct csv_table *x, int i, const struct csv_table *y, int j) {
    const int cells = csv_column(x, "cells");
    for (int c = 0; c < x->columns; c++) {
        const enum rule rule = rule_of(x->header[c]);
        if (rule == NAMES)
            csv_out_text(csv, i < 0 ? csv_cell(y, j, c) : csv_cell(x, i, c));
        else
            csv_out_number(csv,
                           together(rule, number(x, i, c), number(y, j, c), number(x, i, cells), number(y, j, cells)));
    }
    csv_out_end(csv);
}

static enum status extend_cost(const char *reference, const char *run, const char *path, struct arena *a) {
    struct csv_table *x, *y;
    struct fs_file file;
    struct csv_out csv;
    TRY(csv_read(a, reference, NULL, &x));
    const char **header = ARENA_NEW(a, const char *, x->columns + 1);
    memcpy(header, x->header, (size_t)x->columns * sizeof *header);
    TRY(csv_read(a, run, header, &y));
    if (csv_column(x, "cells") < 0) return status_set(ST_DATA, "%s: is not a table of costs", reference);
    TRY(fs_create(&file, path));
    csv_out_open(&csv, file.stream);
    csv_out_header(&csv, header);
    for (int i = 0; i < x->rows; i++) cost_row(&csv, x, i, y, row_like(y, x, i));
    for (int j = 0; j < y->rows; j++)
        if (row_like(x, y, j) < 0) cost_row(&csv, x, -1, y, j);
    return fs_commit(&file);
}

enum status extend_results(const struct suite *suite, const struct grid *grid, const struct extend_files *reference,
                           const struct extend_files *run, const struct manifest_run *by, const char *folder,
                           struct arena *a) {
    struct csv_table *tables[2];
    TRY(merge_read(a, reference->table, merge_columns, &tables[0]));
    TRY(merge_read(a, run->table, merge_columns, &tables[1]));
    TRY(merge_tables(suite, grid, (const struct csv_table *const *)tables, 2, arena_printf(a, "%s/results.csv", folder),
                     a));
    TRY(extend_manifest(suite, grid, reference->manifest, run->manifest, by,
                        arena_printf(a, "%s/manifest.json", folder)));
    return extend_cost(reference->cost, run->cost, arena_printf(a, "%s/cost.csv", folder), a);
}
