/* Tables of results from cells, and from tables over parts of a suite: nothing is lost, doubled or half there. */
#include <check.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "experiments/merge.h"
#include "experiments/store.h"
#include "tests/experiments/grid_setup.h"
#include "tests/experiments/planted.h"
#include "tests/folder.h"
#include "tests/refuse.h"

static struct suite suite;
static struct grid grid;
static struct schedule schedule;

enum { SEEDS = 2 };

static void open_with(const char *text) {
    suite = setup_suite(&arena, in("s.yaml"), text);
    grid = setup_grid(&arena, &suite);
    ck_assert_int_eq(grid.n, SEEDS);
    schedule = (struct schedule){.grid = &grid, .out = folder, .arena = &arena};
}

static void open_suite(void) {
    open_folder();
    open_with("suite: m\nseeds: [1, 2]\ngrid:\n  - task: {name: chain}\n");
    ck_assert_int_eq(store_open(folder), ST_OK);
}

/* The key is that of the file: what the grid would say there. */
static void finish_cell(int i, const char *metrics) {
    const char *key = grid.cells[i].cell.key, *part = store_part(&arena, folder, key);
    ck_assert_int_eq(store_begin(&arena, folder, key, grid.cells[i].identity), ST_OK);
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/metrics.csv", part), metrics, strlen(metrics)), ST_OK);
    ck_assert_int_eq(store_finish(&arena, folder, key), ST_OK);
}

/* metrics.csv with these rows, all of metric "m" at the end. */
static const char *metrics_of(int n, const char *const values[]) {
    const char *text = "";
    for (int c = 0; cell_columns[c]; c++) text = arena_printf(&arena, "%s%s%s", text, c ? "," : "", cell_columns[c]);
    text = arena_printf(&arena, "%s\n", text);
    for (int i = 0; i < n; i++) text = arena_printf(&arena, "%s,,,,,,,m,1,10,%s,,,ok\n", text, values[i]);
    return text;
}

static enum status merge(void) {
    return merge_results(&suite, &schedule, in("r.csv"), &arena);
}

/* Of the table, the value of its row i; it has `rows`. */
static const char *value_at(const char *name, int i, int rows) {
    struct csv_table *t;
    ck_assert_msg(merge_read(&arena, in(name), merge_columns, &t) == ST_OK, "%s", status_message());
    ck_assert_int_eq(t->rows, rows);
    return csv_cell(t, i, csv_column(t, "value"));
}

/* A table that stands is one of a whole merge, or its sum is gone and nobody takes it for one. */
static void no_other_table(enum status st) {
    struct csv_table *t;
    if (st != ST_OK && !fs_exists(in("r.csv"))) return;
    const enum status read = merge_read(&arena, in("r.csv"), merge_columns, &t);
    ck_assert(read == ST_OK || (st != ST_OK && read == ST_DIFFERS));
    if (read == ST_OK) ck_assert_int_eq(t->rows, 3);
}

START_TEST(rows_of_one_place_keep_their_order) {
    finish_cell(0, metrics_of(2, (const char *const[]){"0.5", "0.25"}));
    finish_cell(1, metrics_of(1, (const char *const[]){"0.125"}));
    schedule_survey(&schedule);
    const struct refusal refused = {.act = merge, .after = no_other_table};
    ck_assert_int_gt(refuse_each(&refused), 10);
    ck_assert_str_eq(value_at("r.csv", 0, 3), "0.5");
    ck_assert_str_eq(value_at("r.csv", 1, 3), "0.25");
    ck_assert_str_eq(value_at("r.csv", 2, 3), "0.125");
}
END_TEST

START_TEST(a_cell_of_words_is_no_table) {
    finish_cell(0, metrics_of(1, (const char *const[]){"much"}));
    schedule_survey(&schedule);
    ck_assert_int_eq(merge(), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "metrics.csv:2: expected a number in column 'value', found 'much'"));
    ck_assert(!fs_exists(in("r.csv")) && !fs_exists(in("r.csv.part")));
}
END_TEST

/* What the table's order does not ask for differs: the keys decide. */
START_TEST(cells_without_an_order_have_that_of_their_keys) {
    open_with("suite: m\nseeds: [1]\ngrid:\n  - task: {name: chain, modulus: [5, 7]}\n");
    const int first = strcmp(grid.cells[0].cell.key, grid.cells[1].cell.key) < 0 ? 0 : 1;
    finish_cell(first, metrics_of(1, (const char *const[]){"1"}));
    finish_cell(1 - first, metrics_of(1, (const char *const[]){"2"}));
    schedule_survey(&schedule);
    ck_assert_int_eq(merge(), ST_OK);
    ck_assert_str_eq(value_at("r.csv", 0, 2), "1");
    ck_assert_str_eq(value_at("r.csv", 1, 2), "2");
}
END_TEST

static enum status read_and_list(void) {
    struct csv_table *t;
    TRY(merge_read(&arena, in("r.csv"), merge_columns, &t));
    return merge_cells_list(&schedule, in("cells.list"));
}

START_TEST(whatever_is_refused_is_said) {
    const struct refusal refused = {.act = read_and_list};
    finish_cell(0, metrics_of(1, (const char *const[]){"1"}));
    schedule_survey(&schedule);
    ck_assert_int_eq(merge(), ST_OK);
    ck_assert_int_gt(refuse_each(&refused), 10);
}
END_TEST

/* The sum names the file as it stands beside it, with a folder before it or none. */
START_TEST(a_table_in_this_folder) {
    schedule_survey(&schedule);
    struct csv_table *t;
    char before[4096];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(merge_results(&suite, &schedule, "here.csv", &arena), ST_OK);
    ck_assert_int_eq(merge_read(&arena, "here.csv", merge_columns, &t), ST_OK);
    ck_assert_int_eq(chdir(before), 0);
    ck_assert_int_eq(merge_read(&arena, in("here.csv"), merge_columns, &t), ST_OK);
    ck_assert_str_eq(csv_cell(t, 0, csv_column(t, "status")), "missing");
}
END_TEST

/* ---- tables of parts ---- */

/* A table whose rows belong to the cells with these indices, one digit a row, with these values. */
static const struct csv_table *part(const char *name, const char *cells, const double *values) {
    struct planted p;
    struct csv_table *t;
    planted_open(&p, in(name));
    for (int i = 0; cells[i]; i++) {
        p.cell = grid.cells[cells[i] - '0'].short_key;
        planted_row(&p, -1, -1, "", "", "m", values[i]);
    }
    planted_close(&p);
    ck_assert_msg(csv_read(&arena, in(name), merge_columns, &t) == ST_OK, "%s", status_message());
    return t;
}

static const struct csv_table *tables[3];

static enum status bring_together(void) {
    return merge_tables(&suite, &grid, tables, 3, in("t.csv"), &arena);
}

START_TEST(parts_make_one_table) {
    static const struct {
        const char *cells[2];
        double first[3], second[3];
        enum status st;
        const char *message;
    } cases[] = {
        {{"0", "1"}, {1}, {2}, ST_OK, ""},
        {{"", "01"}, {0}, {1, 2}, ST_OK, ""},
        {{"01", "01"}, {1, 2}, {1, 2}, ST_OK, ""},
        {{"01", "1"}, {1, 2}, {3}, ST_DIFFERS, "y.csv:2: other rows than in "},
        {{"01", "11"}, {1, 2}, {2, 2}, ST_DIFFERS, "y.csv:2: other rows than in "},
        {{"0", "0"}, {1}, {1}, ST_PARTIAL, "stands in no table"},
        {{"010", ""}, {1, 2, 3}, {0}, ST_DATA, "do not stand together"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tables[0] = part("x.csv", cases[i].cells[0], cases[i].first);
        tables[1] = part("y.csv", cases[i].cells[1], cases[i].second);
        tables[2] = part("z.csv", "", NULL);
        const enum status st = bring_together();
        ck_assert_msg(st == cases[i].st, "case %zu: exit %d, %s", i, st, status_message());
        if (st == ST_OK) ck_assert_str_eq(value_at("t.csv", 1, 2), "2");
        if (st != ST_OK) ck_assert_msg(strstr(status_message(), cases[i].message), "%s", status_message());
        if (st != ST_OK) ck_assert(!fs_exists(in("t.csv")));
        (void)unlink(in("t.csv"));
    }
    tables[0] = part("x.csv", "01", (const double[]){1, 2});
    const struct refusal refused = {.act = bring_together};
    tables[1] = tables[2];
    ck_assert_int_gt(refuse_each(&refused), 5);
}
END_TEST

Suite *suite_merge(void) {
    Suite *s = suite_create("merge");
    TCase *t = tcase_create("merge");
    tcase_add_checked_fixture(t, open_suite, close_folder);
    tcase_add_test(t, rows_of_one_place_keep_their_order);
    tcase_add_test(t, a_cell_of_words_is_no_table);
    tcase_add_test(t, cells_without_an_order_have_that_of_their_keys);
    tcase_add_test(t, whatever_is_refused_is_said);
    tcase_add_test(t, a_table_in_this_folder);
    tcase_add_test(t, parts_make_one_table);
    suite_add_tcase(s, t);
    return s;
}
