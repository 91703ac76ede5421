#include "experiments/verify.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "experiments/display.h"
#include "experiments/merge.h"
#include "experiments/store.h"

enum { MOST_SHOWN = 100, MOST_SETS = 64 };

static enum status read_sets(const char *path, const json_t *manifest, const char *sets[MOST_SETS], int *n,
                             struct arena *a) {
    json_t *runs, *list;
    TRY(jsonio_get_array(path, manifest, "runs", &runs));
    if (json_array_size(runs) == 0) return status_set(ST_DATA, "%s: no run", path);
    TRY(jsonio_get_array(path, json_array_get(runs, json_array_size(runs) - 1), "set", &list));
    *n = 0;
    for (size_t i = 0; i < json_array_size(list) && *n < MOST_SETS; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text) return status_set(ST_DATA, "%s: expected 'set' to hold strings", path);
        sets[(*n)++] = arena_strdup(a, text);
    }
    return ST_OK;
}

enum status verify_suite(const char *manifest, const char *folder, struct suite *s, struct arena *a) {
    json_t *json = NULL, *suite = NULL;
    const char *text = "", *name = "", *sets[MOST_SETS], *path = NULL;
    int n_sets = 0;
    TRY(jsonio_load_path(manifest, &json));
    enum status st = jsonio_get_object(manifest, json, "suite", &suite);
    if (st == ST_OK) st = jsonio_get_string(manifest, suite, "text", &text);
    if (st == ST_OK) st = jsonio_get_string(manifest, suite, "name", &name);
    if (st == ST_OK) st = read_sets(manifest, json, sets, &n_sets, a);
    if (st == ST_OK && !fs_plain_name(name)) st = status_set(ST_DATA, "%s: \"%s\" names no suite", manifest, name);
    if (st == ST_OK) {
        path = arena_printf(a, "%s/%s.yaml", folder, name);
        st = fs_write(path, text, strlen(text));
    }
    json_decref(json);
    if (st == ST_OK) st = suite_read(s, path, sets, n_sets, a);
    return st;
}

const char *verify_reference(const char *folder, const char *suite, struct arena *a) {
    const char *plain = arena_printf(a, "%s/%s.csv", folder, suite), *packed = arena_printf(a, "%s.bz2", plain);
    return fs_exists(plain) || !fs_exists(packed) ? plain : packed;
}

size_t verify_stem(const char *name) {
    static const char *const endings[] = {".csv.bz2", ".csv"};
    const size_t size = strlen(name);
    for (int i = 0; i < 2; i++) {
        const size_t n = strlen(endings[i]);
        if (size > n && strcmp(name + size - n, endings[i]) == 0) return size - n;
    }
    return size;
}

const char *verify_manifest(const char *results, struct arena *a) {
    const char *name = strrchr(results, '/');
    const int folder = name ? (int)(name - results) + 1 : 0;
    name = results + folder;
    if (strcmp(name, "results.csv") == 0 || strcmp(name, "outcomes.csv") == 0)
        return arena_printf(a, "%.*smanifest.json", folder, results);
    return arena_printf(a, "%.*s.manifest.json", folder + (int)verify_stem(name), results);
}

/* Cells of a table that have results, as their short keys, in order of the table. Rows of a cell stand together. */
static int cells_of(const struct csv_table *t, const char **cells) {
    const int cell = csv_column(t, "cell"), metric = csv_column(t, "metric");
    int n = 0;
    for (int i = 0; i < t->rows; i++) {
        const char *key = csv_cell(t, i, cell);
        if (strcmp(csv_cell(t, i, metric), "cell") == 0 || (n > 0 && strcmp(cells[n - 1], key) == 0)) continue;
        cells[n++] = key;
    }
    return n;
}

static int by_name(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

enum status verify_ended(const char *results, const struct csv_table *t, const char *manifest, struct arena *a) {
    const int cell = csv_column(t, "cell");
    const char **names = ARENA_NEW(a, const char *, t->rows + 1), *key;
    int n = 0;
    json_t *json, *suite, *list;
    for (int i = 0; i < t->rows; i++)
        if (n == 0 || strcmp(names[n - 1], csv_cell(t, i, cell)) != 0) names[n++] = csv_cell(t, i, cell);
    qsort(names, (size_t)n, sizeof *names, by_name);
    TRY(jsonio_load_path(manifest, &json));
    enum status st = jsonio_get_object(manifest, json, "suite", &suite);
    if (st == ST_OK) st = jsonio_get_array(manifest, suite, "cells", &list);
    for (size_t i = 0; st == ST_OK && i < json_array_size(list); i++) {
        st = jsonio_get_string(manifest, json_array_get(list, i), "key", &key);
        if (st != ST_OK) break;
        const char *name = arena_printf(a, "%.12s", key);
        if (!bsearch(&name, names, (size_t)n, sizeof *names, by_name))
            st = status_set(ST_PARTIAL,
                            "%s: lacks cell %s, which %s names: the last run into this folder has not ended; run it "
                            "again, with the same --set",
                            results, name, manifest);
    }
    json_decref(json);
    return st;
}

/* The grid's cells that are wanted, with their ancestors. */
static void cut_grid(const struct grid *whole, bool *wanted, struct grid *part, struct arena *a) {
    int *place = ARENA_NEW(a, int, whole->n);
    for (int i = whole->n - 1; i >= 0; i--)
        if (wanted[i] && whole->cells[i].parent >= 0) wanted[whole->cells[i].parent] = true;
    *part = (struct grid){.inputs = whole->inputs, .n_inputs = whole->n_inputs};
    part->cells = ARENA_NEW(a, struct grid_cell, whole->n);
    for (int i = 0; i < whole->n; i++) {
        if (!wanted[i]) continue;
        place[i] = part->n;
        part->cells[part->n] = whole->cells[i];
        if (whole->cells[i].parent >= 0) part->cells[part->n].parent = place[whole->cells[i].parent];
        part->n++;
    }
}

/* The rows first..first+n-1 of a cell. */
static void rows_of(const struct csv_table *t, const char *cell, int *first, int *n) {
    const int column = csv_column(t, "cell");
    *first = 0;
    while (*first < t->rows && strcmp(csv_cell(t, *first, column), cell) != 0) ++*first;
    for (*n = 0; *first + *n < t->rows && strcmp(csv_cell(t, *first + *n, column), cell) == 0;) ++*n;
}

static bool equal_up_to(const struct csv_table *x, int i, const struct csv_table *y, int j, int columns) {
    for (int c = 0; c < columns; c++)
        if (strcmp(csv_cell(x, i, c), csv_cell(y, j, c)) != 0) return false;
    return true;
}

static json_t *row_json(const struct csv_table *t, int row) {
    json_t *json = json_object();
    for (int c = 0; c < t->columns; c++) json_object_set_new(json, t->header[c], json_string(csv_cell(t, row, c)));
    return json;
}

static void show(const struct verify_options *o, bool computed, const struct csv_table *t, int row,
                 const struct verify_result *r) {
    if (r->differing > MOST_SHOWN) return;
    if (o->differing)
        json_array_append_new(o->differing, json_pack("{s:s, s:o}", "side", computed ? "computed" : "committed", "row",
                                                      row_json(t, row)));
    if (!o->print) return;
    fputc(computed ? '+' : '-', o->print);
    for (int c = 0; c < t->columns; c++) fprintf(o->print, "%c%s", c ? ',' : ' ', csv_cell(t, row, c));
    fputc('\n', o->print);
}

/* Rows are matched by what they are about (every column before `n`); equal ones come in the same order on both sides. */
static void compare_cell(const struct verify_options *o, const struct csv_table *was, const struct csv_table *now,
                         const char *cell, struct verify_result *r, struct arena *a) {
    int first, n, other, m;
    const int about = csv_column(was, "n");
    rows_of(was, cell, &first, &n);
    rows_of(now, cell, &other, &m);
    bool *met = ARENA_NEW(a, bool, m + 1);
    for (int i = first; i < first + n; i++) {
        int j = 0;
        r->rows++;
        while (j < m && (met[j] || !equal_up_to(was, i, now, other + j, about))) j++;
        if (j < m) {
            met[j] = true;
            if (equal_up_to(was, i, now, other + j, was->columns)) continue;
        }
        r->differing++;
        show(o, false, was, i, r);
        if (j < m) show(o, true, now, other + j, r);
    }
    for (int j = 0; j < m; j++) {
        if (met[j]) continue;
        r->rows++;
        r->differing++;
        show(o, true, now, other + j, r);
    }
}

static enum status draw(const struct verify_options *o, const struct suite *s, const struct grid *g,
                        const struct csv_table *t, const char **cells, bool *wanted, struct verify_result *r,
                        struct arena *a) {
    r->of = cells_of(t, cells);
    r->cells = o->cells == VERIFY_ALL || o->cells > r->of ? r->of : o->cells;
    if (r->of == 0) return status_set(ST_DATA, "%s: no cell has results", o->results);
    int *order = ARENA_NEW(a, int, r->of), unknown = 0;
    for (int i = 0; i < r->of; i++) {
        order[i] = i;
        unknown += grid_find(g, cells[i]) < 0;
    }
    if (unknown)
        return status_set(ST_DIFFERS,
                          "%s: %d of %d cells do not exist for this program: they were computed by another version of "
                          "it, from other data files%s, or the suite was resolved otherwise",
                          o->results, unknown, r->of,
                          s->numeric == NUMERIC_NATIVE ? ", or with another kernel (native mode)" : "");
    struct rng rng = rng_open(o->seed, "verify", 0);
    rng_shuffle(&rng, order, r->of);
    for (int i = 0; i < r->cells; i++) wanted[grid_find(g, cells[order[i]])] = true;
    return ST_OK;
}

static enum status compute(const struct verify_options *o, const struct suite *s, const struct grid *part,
                           struct csv_table **now, struct verify_result *r, struct arena *a) {
    struct display display;
    struct schedule schedule = {.grid = part,
                                .out = o->scratch,
                                .data_dir = o->data_dir,
                                .program = o->program,
                                .bodies = o->bodies,
                                .jobs = o->jobs,
                                .threads = 1,
                                .arena = a};
    const char *path = arena_printf(a, "%s/results.csv", o->scratch);
    TRY(store_open(o->scratch));
    display_open(&display, o->quiet);
    schedule.watch = display_watch;
    schedule.watcher = &display;
    schedule_open(&schedule);
    enum status st = schedule_run(&schedule);
    display_close(&display);
    if (st != ST_OK) return st;
    r->signal = schedule.signal;
    if (r->signal) return status_set(ST_PARTIAL, "stopped by a signal");
    for (int i = 0; i < part->n; i++)
        if (schedule.cells[i].state == STATE_FAILED)
            return status_set(ST_FAILED, "%s failed here: %s", part->cells[i].label, schedule.cells[i].note);
    TRY(merge_results(s, &schedule, path, a));
    return csv_read(a, path, merge_columns, now);
}

enum status verify_results(const struct verify_options *o, struct verify_result *result, struct arena *a) {
    struct suite s;
    struct grid g, part;
    struct csv_table *was, *now;
    *result = (struct verify_result){0};
    log_set_quiet(o->quiet);
    TRY(merge_read(a, o->results, merge_columns, &was));
    TRY(verify_ended(o->results, was, o->manifest, a));
    TRY(verify_suite(o->manifest, o->scratch, &s, a));
    TRY(grid_build(&g, &s, o->kernel, o->data_dir, a));
    const char **cells = ARENA_NEW(a, const char *, was->rows + 1);
    bool *wanted = ARENA_NEW(a, bool, g.n);
    TRY(draw(o, &s, &g, was, cells, wanted, result, a));
    bool *drawn = ARENA_NEW(a, bool, g.n);
    memcpy(drawn, wanted, (size_t)g.n * sizeof *drawn);
    cut_grid(&g, wanted, &part, a);
    TRY(compute(o, &s, &part, &now, result, a));
    for (int i = 0; i < g.n; i++) {
        if (!drawn[i]) continue;
        int before = result->differing;
        compare_cell(o, was, now, g.cells[i].short_key, result, a);
        log_line("%s  %s  %s", result->differing == before ? "equal  " : "DIFFERS", g.cells[i].short_key,
                 g.cells[i].label);
    }
    if (o->print && result->differing > MOST_SHOWN)
        fprintf(o->print, "... and %d more\n", result->differing - MOST_SHOWN);
    if (result->differing == 0) return ST_OK;
    return status_set(ST_DIFFERS, "%d of %d rows of %d cells differ from %s", result->differing, result->rows,
                      result->cells, o->results);
}
