#include "experiments/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "experiments/merge.h"

/* What a table line is about: all rows that agree in these columns, one value a seed. */
static const char *const group_columns[] = {"task",   "design",  "arm",  "variant", "pressure", "method",
                                            "credit", "concept", "view", "step",    "layer",    "metric"};
enum { N_GROUP = sizeof group_columns / sizeof group_columns[0] };

struct line {
    const struct csv_table *table;
    int row;
    int columns[N_GROUP];
    double value;
};

static int order_groups(const struct line *a, const struct line *b) {
    for (int i = 0; i < N_GROUP; i++) {
        int order = strcmp(csv_cell(a->table, a->row, a->columns[i]), csv_cell(b->table, b->row, b->columns[i]));
        if (order) return order;
    }
    return 0;
}

static int order_lines(const void *pa, const void *pb) {
    const struct line *a = pa, *b = pb;
    int order = order_groups(a, b);
    return order ? order : a->row - b->row;
}

static void write_group(FILE *out, const struct line *lines, int n) {
    double mean = 0, spread = 0;
    for (int i = 0; i < n; i++) mean += lines[i].value / n;
    for (int i = 0; i < n; i++) spread += (lines[i].value - mean) * (lines[i].value - mean);
    fprintf(out, "|");
    for (int c = 0; c < N_GROUP; c++) fprintf(out, " %s |", csv_cell(lines->table, lines->row, lines->columns[c]));
    fprintf(out, " %d | %.4g |", n, mean);
    if (n > 1) fprintf(out, " %.3g", sqrt(spread / (n - 1)));
    fprintf(out, " |\n");
}

/* The last update that any row of the cell beginning at `first` names; rows of a cell stand together. */
static const char *last_update(const struct csv_table *table, int first) {
    int cell = csv_column(table, "cell"), update = csv_column(table, "update");
    const char *last = "";
    double most = -1;
    for (int i = first; i < table->rows && !strcmp(csv_cell(table, i, cell), csv_cell(table, first, cell)); i++) {
        const char *text = csv_cell(table, i, update);
        if (!*text || strtod(text, NULL) <= most) continue;
        last = text;
        most = strtod(text, NULL);
    }
    return last;
}

/* Values at the end of a cell: no update or its last one, no dose level, status ok. */
static enum status end_rows(const struct csv_table *table, struct line *lines, int *n) {
    int update = csv_column(table, "update"), status = csv_column(table, "status"), value = csv_column(table, "value");
    int cell = csv_column(table, "cell"), level = csv_column(table, "dose_level");
    const char *last = "";
    struct line line = {.table = table};
    for (int c = 0; c < N_GROUP; c++) line.columns[c] = csv_column(table, group_columns[c]);
    for (int i = 0; i < table->rows; i++) {
        if (i == 0 || strcmp(csv_cell(table, i, cell), csv_cell(table, i - 1, cell)) != 0) last = last_update(table, i);
        const char *now = csv_cell(table, i, update);
        bool end = !*now || strcmp(now, last) == 0;
        if (!end || *csv_cell(table, i, level) || strcmp(csv_cell(table, i, status), "ok") != 0) continue;
        line.row = i;
        TRY(csv_number(table, i, value, &line.value));
        lines[(*n)++] = line;
    }
    return ST_OK;
}

enum status report_write(const char *suite_dir, const struct suite *suite) {
    struct arena a;
    struct fs_file file = {0};
    struct csv_table *table;
    int n = 0;
    arena_open(&a, 1 << 20);
    enum status st = csv_read(&a, arena_printf(&a, "%s/results.csv", suite_dir), merge_columns, &table);
    if (st != ST_OK) goto done;
    struct line *lines = ARENA_NEW(&a, struct line, table->rows);
    st = end_rows(table, lines, &n);
    if (st != ST_OK) goto done;
    qsort(lines, (size_t)n, sizeof *lines, order_lines);
    st = fs_create(&file, arena_printf(&a, "%s/report.md", suite_dir));
    if (st != ST_OK) goto done;
    fprintf(file.stream, "# %s\n\n%s\n\nValues at the end of each cell, over seeds.\n\n|", suite->name, suite->about);
    for (int c = 0; c < N_GROUP; c++) fprintf(file.stream, " %s |", group_columns[c]);
    fprintf(file.stream, " seeds | mean | sd |\n|");
    for (int c = 0; c < N_GROUP + 3; c++) fprintf(file.stream, "---|");
    fprintf(file.stream, "\n");
    for (int i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && order_groups(&lines[i], &lines[j]) == 0; j++) {
        }
        write_group(file.stream, &lines[i], j - i);
    }
    st = fs_commit(&file);
done:
    arena_close(&a);
    return st;
}
