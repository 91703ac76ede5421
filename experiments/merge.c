#include "experiments/merge.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/sha256.h"
#include "experiments/store.h"

#define COLUMN(name, about) #name,
const char *const merge_columns[] = {
#include "experiments/columns.def"
    NULL};
#undef COLUMN

#define COLUMN(name, about) about,
const char *const merge_column_about[] = {
#include "experiments/columns.def"
    NULL};
#undef COLUMN

/* Columns of metrics.csv (cell_columns) by place. */
enum { UPDATE, DOSE_LEVEL, DOSE, STEP, LAYER, CONCEPT, VIEW, METRIC, VERSION, N, VALUE, LO, HI, STATUS };

static int order_numbers(double x, double y) {
    return (x > y) - (x < y);
}

static int order_names(const char *a, const char *b) {
    return strcmp(a ? a : "", b ? b : "");
}

struct place {
    const struct grid_cell *cell;
};

static int order_cells(const void *pa, const void *pb) {
    const struct grid_cell *a = ((const struct place *)pa)->cell, *b = ((const struct place *)pb)->cell;
    const struct config *x = &a->cell.config, *y = &b->cell.config;
    int by[] = {
        order_names(x->task_name, y->task_name),
        (int)x->task.design - (int)y->task.design,
        order_names(x->arm.name, y->arm.name),
        order_names(a->variant, b->variant),
        x->model.layers - y->model.layers,
        x->model.width - y->model.width,
        x->model.heads - y->model.heads,
        x->base.updates - y->base.updates,
        order_numbers(x->task.rho, y->task.rho),
        order_names(x->press.pressure, y->press.pressure),
        (int)x->press.method - (int)y->press.method,
        (int)x->press.credit - (int)y->press.credit,
        order_numbers(x->press.lambda, y->press.lambda),
        (x->seed > y->seed) - (x->seed < y->seed),
        strcmp(a->cell.key, b->cell.key),
    };
    size_t i = 0;
    while (!by[i] && i + 1 < sizeof by / sizeof by[0]) i++;
    return by[i];
}

/* Rows of one cell's table; the sort needs the table beside the row. */
struct line {
    const struct csv_table *table;
    int row;
};

/* Empty (not applicable, the end) sorts behind every number. */
static double number_or_last(const struct csv_table *t, int row, int column) {
    const char *text = csv_cell(t, row, column);
    return *text ? strtod(text, NULL) : INFINITY;
}

static int order_lines(const void *pa, const void *pb) {
    static const struct {
        int column;
        bool number;
    } by[] = {{UPDATE, true},   {DOSE_LEVEL, true}, {STEP, true},    {LAYER, true},
              {CONCEPT, false}, {VIEW, false},      {METRIC, false}, {VERSION, true}};
    const struct line *a = pa, *b = pb;
    for (size_t i = 0; i < sizeof by / sizeof by[0]; i++) {
        int c = by[i].column;
        int order = by[i].number
                        ? order_numbers(number_or_last(a->table, a->row, c), number_or_last(b->table, b->row, c))
                        : strcmp(csv_cell(a->table, a->row, c), csv_cell(b->table, b->row, c));
        if (order) return order;
    }
    return a->row - b->row;
}

/* The columns of results.csv up to lambda. */
static void cell_fields(struct csv_out *csv, const struct suite *suite, const struct grid_cell *g) {
    const struct config *c = &g->cell.config;
    char text[CONFIG_TEXT];
    bool arm = g->cell.kind >= CELL_ARM, press = g->cell.kind == CELL_PRESS;
    csv_out_text(csv, suite->name);
    csv_out_text(csv, g->short_key);
    csv_out_text(csv, g->pair_id);
    csv_out_text(csv, c->task_name);
    config_text(c, config_find("task", "design"), text);
    csv_out_text(csv, text);
    csv_out_text(csv, arm ? c->arm.name : "");
    csv_out_text(csv, g->variant);
    snprintf(text, sizeof text, "l%d_w%d_h%d", c->model.layers, c->model.width, c->model.heads);
    csv_out_text(csv, text);
    csv_out_integer(csv, c->base.updates);
    csv_out_number(csv, c->task.rho);
    csv_out_text(csv, press ? c->press.pressure : "");
    config_text(c, config_find("press", "method"), text);
    csv_out_text(csv, press ? text : "");
    config_text(c, config_find("press", "credit"), text);
    csv_out_text(csv, press ? text : "");
    csv_out_number(csv, press ? c->press.lambda : NAN);
}

static enum status merge_cell(struct csv_out *csv, const struct suite *suite, const struct schedule *s, int cell,
                              struct arena *a) {
    const struct grid_cell *g = &s->grid->cells[cell];
    const char *path = arena_printf(a, "%s/metrics.csv", store_path(a, s->out, g->cell.key));
    struct csv_table *table;
    TRY(csv_read(a, path, cell_columns, &table));
    struct line *lines = ARENA_NEW(a, struct line, table->rows);
    for (int i = 0; i < table->rows; i++) {
        lines[i] = (struct line){.table = table, .row = i};
        for (int c = UPDATE; c <= HI; c++) {
            double x;
            bool text = c == CONCEPT || c == VIEW || c == METRIC;
            if (!text && *csv_cell(table, i, c)) TRY(csv_number(table, i, c, &x));
        }
    }
    qsort(lines, (size_t)table->rows, sizeof *lines, order_lines);
    for (int i = 0; i < table->rows; i++) {
        cell_fields(csv, suite, g);
        for (int c = UPDATE; c <= STATUS; c++) {
            if (c == STEP) csv_out_integer(csv, g->cell.config.seed);
            csv_out_text(csv, csv_cell(table, lines[i].row, c));
        }
        csv_out_end(csv);
    }
    return ST_OK;
}

static void absent_cell(struct csv_out *csv, const struct suite *suite, const struct grid_cell *g,
                        enum cell_state state) {
    cell_fields(csv, suite, g);
    for (int c = UPDATE; c < METRIC; c++) {
        if (c == STEP) csv_out_integer(csv, g->cell.config.seed);
        csv_out_text(csv, "");
    }
    csv_out_text(csv, "cell");
    csv_out_integer(csv, 1);
    csv_out_integer(csv, 0);
    for (int c = VALUE; c <= HI; c++) csv_out_text(csv, "");
    csv_out_text(csv, g->skip == GRID_REPLACED ? "replaced"
                      : state == STATE_SKIPPED ? "skip"
                      : state == STATE_FAILED  ? "failed"
                      : state == STATE_BLOCKED ? "blocked"
                                               : "missing");
    csv_out_end(csv);
}

/* The cells of a grid in the order of the table. */
static struct place *ordered(const struct grid *grid, struct arena *a) {
    struct place *order = ARENA_NEW(a, struct place, grid->n);
    for (int i = 0; i < grid->n; i++) order[i].cell = &grid->cells[i];
    qsort(order, (size_t)grid->n, sizeof *order, order_cells);
    return order;
}

static enum status write_rows(const struct suite *suite, const struct schedule *s, const char *path, struct arena *a) {
    struct fs_file file;
    struct csv_out csv;
    const int n = s->grid->n;
    const struct place *order = ordered(s->grid, a);
    TRY(fs_create(&file, path));
    csv_out_open(&csv, file.stream);
    csv_out_header(&csv, merge_columns);
    for (int i = 0; i < n; i++) {
        int cell = (int)(order[i].cell - s->grid->cells);
        struct arena_mark mark = arena_mark(a);
        enum status st = ST_OK;
        if (s->cells[cell].state == STATE_DONE)
            st = merge_cell(&csv, suite, s, cell, a);
        else
            absent_cell(&csv, suite, order[i].cell, s->cells[cell].state);
        arena_rewind(a, mark);
        if (st != ST_OK) {
            fs_discard(&file);
            return st;
        }
    }
    return fs_commit(&file);
}

/* The rows of one cell in a table. */
struct block {
    const struct csv_table *table;
    const char *cell;
    int first, rows;
};

static int by_cell(const void *pa, const void *pb) {
    return strcmp(((const struct block *)pa)->cell, ((const struct block *)pb)->cell);
}

static enum status find_blocks(const struct csv_table *t, struct block *blocks, int *n) {
    const int cell = csv_column(t, "cell");
    *n = 0;
    for (int i = 0; i < t->rows; i++) {
        const char *key = csv_cell(t, i, cell);
        if (*n == 0 || strcmp(blocks[*n - 1].cell, key) != 0)
            blocks[(*n)++] = (struct block){.table = t, .cell = key, .first = i};
        blocks[*n - 1].rows++;
    }
    qsort(blocks, (size_t)*n, sizeof *blocks, by_cell);
    for (int i = 1; i < *n; i++)
        if (by_cell(&blocks[i - 1], &blocks[i]) == 0)
            return status_set(ST_DATA, "%s:%d: the rows of cell %s do not stand together", t->path,
                              t->lines[blocks[i].first], blocks[i].cell);
    return ST_OK;
}

/* From the column behind those of the cell on. */
static bool same_rows(const struct block *x, const struct block *y, int from) {
    if (x->rows != y->rows) return false;
    for (int i = 0; i < x->rows; i++)
        for (int c = from; c < x->table->columns; c++)
            if (strcmp(csv_cell(x->table, x->first + i, c), csv_cell(y->table, y->first + i, c)) != 0) return false;
    return true;
}

struct block_list {
    struct block *blocks;
    int n;
};

static enum status one_block(const struct block_list *lists, int n, const struct grid_cell *g, int from,
                             const struct block **found) {
    const struct block wanted = {.cell = g->short_key};
    *found = NULL;
    for (int i = 0; i < n; i++) {
        const struct block *b =
            lists[i].n ? bsearch(&wanted, lists[i].blocks, (size_t)lists[i].n, sizeof wanted, by_cell) : NULL;
        if (b && *found && !same_rows(b, *found, from))
            return status_set(ST_DIFFERS, "%s:%d: other rows than in %s:%d for cell %s (%s)", b->table->path,
                              b->table->lines[b->first], (*found)->table->path, (*found)->table->lines[(*found)->first],
                              g->short_key, g->label);
        if (b && !*found) *found = b;
    }
    if (!*found) return status_set(ST_PARTIAL, "cell %s (%s) stands in no table", g->short_key, g->label);
    return ST_OK;
}

static enum status write_blocks(struct csv_out *csv, const struct suite *suite, const struct grid *grid,
                                const struct block_list *lists, int n, int from, struct arena *a) {
    const struct place *order = ordered(grid, a);
    for (int i = 0; i < grid->n; i++) {
        const struct block *b;
        if (order[i].cell->skip) {
            absent_cell(csv, suite, order[i].cell, STATE_SKIPPED);
            continue;
        }
        TRY(one_block(lists, n, order[i].cell, from, &b));
        for (int row = b->first; row < b->first + b->rows; row++) {
            cell_fields(csv, suite, order[i].cell);
            for (int c = from; c < b->table->columns; c++) csv_out_text(csv, csv_cell(b->table, row, c));
            csv_out_end(csv);
        }
    }
    return ST_OK;
}

enum status merge_tables(const struct suite *suite, const struct grid *grid, const struct csv_table *const *tables,
                         int n, const char *path, struct arena *a) {
    struct block_list *lists = ARENA_NEW(a, struct block_list, n);
    struct fs_file file;
    struct csv_out csv;
    for (int i = 0; i < n; i++) {
        lists[i].blocks = ARENA_NEW(a, struct block, tables[i]->rows + 1);
        TRY(find_blocks(tables[i], lists[i].blocks, &lists[i].n));
    }
    TRY(fs_create(&file, path));
    csv_out_open(&csv, file.stream);
    csv_out_header(&csv, merge_columns);
    const enum status st = write_blocks(&csv, suite, grid, lists, n, csv_column(tables[0], "update"), a);
    if (st != ST_OK) {
        fs_discard(&file);
        return st;
    }
    return fs_commit(&file);
}

/* What `sha256sum` prints about the table, in its folder. */
static enum status sum_line(const char *path, const char **line, struct arena *a) {
    char hex[SHA256_HEX];
    const char *slash = strrchr(path, '/');
    TRY(sha256_file(path, hex));
    *line = arena_printf(a, "%s  %s\n", hex, slash ? slash + 1 : path);
    return ST_OK;
}

/* The sum goes first and comes last: while the table changes, nothing vouches for it. */
enum status merge_results(const struct suite *suite, const struct schedule *s, const char *path, struct arena *a) {
    const char *sum = arena_printf(a, "%s.sha256", path), *line;
    if (unlink(sum) && errno != ENOENT) return status_errno("%s: cannot be removed", sum);
    TRY(write_rows(suite, s, path, a));
    TRY(sum_line(path, &line, a));
    return fs_write(sum, line, strlen(line));
}

enum status merge_read(struct arena *a, const char *path, const char *const header[], struct csv_table **table) {
    const char *sum = arena_printf(a, "%s.sha256", path), *line;
    char *text;
    size_t size;
    if (fs_exists(sum)) {
        TRY(fs_read(a, sum, &text, &size));
        TRY(sum_line(path, &line, a));
        if (size != strlen(line) || memcmp(text, line, size) != 0)
            return status_set(ST_DIFFERS, "%s: other content than %s says; the command that made it makes it again",
                              path, sum);
    }
    return csv_read(a, path, header, table);
}

enum status merge_cells_list(const struct schedule *s, const char *path) {
    struct fs_file file;
    TRY(fs_create(&file, path));
    fprintf(file.stream, "key\tkind\tstate\tlabel\tvariant\tnote\n");
    for (int i = 0; i < s->grid->n; i++) {
        const struct grid_cell *g = &s->grid->cells[i];
        const char *note = s->cells[i].note ? s->cells[i].note : "";
        fprintf(file.stream, "%s\t%s\t%s\t%s\t%s\t%s\n", g->cell.key, config_kind_name(g->cell.kind),
                schedule_state_name(s->cells[i].state), g->label, g->variant, note);
    }
    return fs_commit(&file);
}
