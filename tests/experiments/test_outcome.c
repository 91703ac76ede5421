#include <check.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "experiments/merge.h"
#include "experiments/outcome.h"
#include "tests/experiments/planted.h"

static struct arena arena;
static char path[32];
static struct planted p;
static struct outcomes o;

/* The numbers that the expectations below are worked out from: chance 0 for the output and the exact reader, 1/5 for
 * probes. The control of update 5 is missing: 0.8 by interpolation. */
static const int pressed_at[] = {0, 5, 10, 20, 40}, control_at[] = {0, 10, 20, 40}, refit_at[] = {0, 20, 40};
static const double out_pressed[] = {.8, .6, .4, .1, .04}, out_control[] = {.8, .8, .72, .72};
static const double reader_pressed[] = {1, .9, .8, .5, .2}, reader_control[] = {1, 1, .95, .9};
static const double refit_pressed[] = {1, .76, .6}, refit_control[] = {1, .92, .92};

static struct outcome_chance chance_of(void *with, const struct csv_table *results, int row, const char *concept) {
    (void)with;
    (void)results;
    (void)row;
    (void)concept;
    return (struct outcome_chance){.out = 0, .probe = .2};
}

static const struct outcome_chances chances = {.of = chance_of};

static void setup(void) {
    arena_open(&arena, 1 << 16);
    memcpy(path, "/tmp/test_outcome.XXXXXX", 25);
    close(mkstemp(path));
    planted_open(&p, path);
    p.arm = "text";
    p.method = "sft";
    p.credit = "targeted";
}

static void teardown(void) {
    arena_close(&arena);
    unlink(path);
}

static void read_outcomes(void) {
    struct csv_table *table;
    planted_close(&p);
    ck_assert_int_eq(csv_read(&arena, path, merge_columns, &table), ST_OK);
    ck_assert_int_eq(outcome_build(&o, table, &chances, &arena), ST_OK);
}

static void cell(const char *name, const char *pair, const char *pressure, long seed) {
    p.cell = name;
    p.pair = pair;
    p.pressure = pressure;
    p.seed = seed;
}

static void control(const char *name, const char *pair, long seed) {
    cell(name, pair, "none", seed);
    planted_path(&p, "c", "", "m_out", 4, control_at, out_control);
    planted_path(&p, "c", "", "m_r_reader", 4, control_at, reader_control);
    planted_path(&p, "c", "", "m_r_refit", 3, refit_at, refit_control);
    planted_path(&p, "c", "", "answer_accuracy_pressed", 4, control_at, (const double[]){1, 1, 1, .98});
}

static void pressed(const char *name, const char *pair, long seed) {
    cell(name, pair, "conceal", seed);
    planted_path(&p, "c", "", "m_out", 5, pressed_at, out_pressed);
    planted_path(&p, "c", "", "m_r_reader", 5, pressed_at, reader_pressed);
    planted_path(&p, "c", "", "m_r_refit", 3, refit_at, refit_pressed);
    planted_path(&p, "c", "", "answer_accuracy_pressed", 5, pressed_at, (const double[]){1, 1, 1, 1, .9});
    planted_path(&p, "", "frozen", "kl_frozen", 5, pressed_at, (const double[]){0, .1, .2, .4, .8});
}

static const struct outcome *find(enum outcome_quantity q, enum outcome_level level, long seed) {
    for (int i = 0; i < o.n; i++)
        if (o.rows[i].quantity == q && o.rows[i].level == level && o.rows[i].seed == seed) return &o.rows[i];
    ck_abort_msg("no %s at %s for seed %ld", outcome_quantity_names[q], outcome_level_names[level], seed);
}

static void expect(enum outcome_quantity q, enum outcome_level level, double value) {
    const struct outcome *r = find(q, level, 1);
    ck_assert_msg(strcmp(r->status, "ok") == 0 && fabs(r->value - value) < 1e-6, "%s at %s: %s %.9g, not %.9g",
                  outcome_quantity_names[q], outcome_level_names[level], r->status, r->value, value);
}

static void expect_skip(enum outcome_quantity q, enum outcome_level level, long seed, const char *note) {
    const struct outcome *r = find(q, level, seed);
    ck_assert_str_eq(r->status, "skip");
    ck_assert_str_eq(r->note, note);
    ck_assert(isnan(r->value));
}

/* D: 0, .25, .5, 1 - .125/.9 = .861111, 1 - .05/.9 = .944444. S^F: 0, .1, .2, .45, .7. S^R: 0, .2, .4. */
START_TEST(by_hand) {
    control("a", "pair", 1);
    pressed("b", "pair", 1);
    read_outcomes();
    expect(OQ_DOSE, OL_END, .944444444);
    expect(OQ_REACHED, OL_75, 1);
    expect(OQ_UPDATE, OL_25, 5);
    expect(OQ_UPDATE, OL_50, 10);
    expect(OQ_UPDATE, OL_75, 16.9230769); /* 10 + 10 (.75 - .5) / .361111 */
    expect(OQ_UPDATE, OL_90, 29.3333333); /* 20 + 20 (.9 - .861111) / .083333 */
    expect(OQ_S_F, OL_25, .1);
    expect(OQ_S_F, OL_50, .2);
    expect(OQ_S_F, OL_75, .373076923); /* .2 + .692308 x .25 */
    expect(OQ_S_F, OL_90, .566666667); /* .45 + .466667 x .25 */
    expect(OQ_S_F, OL_END, .7);
    expect(OQ_S_R, OL_75, .169230769); /* .2 x 16.923 / 20 */
    expect(OQ_S_R, OL_90, .293333333);
    expect(OQ_S_R, OL_END, .4);
    expect(OQ_TAU_F, OL_75, .497435897);
    expect(OQ_TAU_F, OL_END, .741176471);
    expect(OQ_AREA_F, OL_AREA, .121634615); /* .0125 + .0375 + .25 (.2 + .373077) / 2 */
    expect(OQ_AREA_R, OL_AREA, .065322581); /* .75 x (.2 x .75 / .861111) / 2 */
    expect(OQ_KL, OL_50, .2);
    expect(OQ_ANSWER, OL_END, .9);
    expect(OQ_ANSWER_CHANGE, OL_END, -.08);
    ck_assert_str_eq(find(OQ_S_F, OL_75, 1)->monitor, "reader");
    ck_assert_str_eq(find(OQ_S_R, OL_75, 1)->monitor, "refit");
}
END_TEST

/* 32 questions as two rows of 16 bits. */
static void items(int update, const char *metric, unsigned low, unsigned high) {
    p.n = 16;
    planted_row(&p, update, 0, "c", "", metric, low);
    planted_row(&p, update, 1, "c", "", metric, high);
    p.n = 100;
}

static void items_cell(const char *name, const char *pressure, unsigned behaves, const unsigned reader[2],
                       const unsigned frozen[2]) {
    cell(name, "pair", pressure, 1);
    planted_path(&p, "c", "", "m_out", 2, (const int[]){0, 40}, (const double[]){.8, .8});
    planted_path(&p, "c", "", "m_r_reader", 2, (const int[]){0, 40}, (const double[]){1, 1});
    items(0, "items_reader", 0xffff, 0xffff);
    items(0, "items_frozen", 0xff00, 0x0fff); /* 20 of 24 */
    items(40, "items_behave", behaves, 0xffff);
    items(40, "items_reader", reader[0], reader[1]);
    items(40, "items_frozen", frozen[0], frozen[1]);
}

/* Pressed behaves on all but questions 0..3, control on all but 4..7: 24 of 32 count. There the reader sees 24 before, 18
 * in the control, 6 under pressure: .75 - .25. F (chance .2) sees 20 before, 20 and 10: 1 - (10/24 - .2)/(20/24 - .2).
 * What is seen on questions 0..7 must not count. */
START_TEST(given_the_behaviour) {
    items_cell("a", "none", 0xff0f, (const unsigned[]){0xff00, 0x03ff}, (const unsigned[]){0xff00, 0x0fff});
    items_cell("b", "conceal", 0xfff0, (const unsigned[]){0x3fff, 0x0000}, (const unsigned[]){0xffff, 0x0003});
    read_outcomes();
    expect(OQ_BOTH_BEHAVE, OL_END, .75);
    expect(OQ_S_B, OL_END, .5);
    expect(OQ_S_B_PROBE, OL_END, 1 - (10. / 24 - .2) / (20. / 24 - .2));
    ck_assert_str_eq(find(OQ_S_B, OL_END, 1)->monitor, "reader");
    ck_assert_str_eq(find(OQ_S_B_PROBE, OL_END, 1)->monitor, "frozen");
}
END_TEST

/* Alike cells: exactly 0, however few behave; below sixteen nothing is said. */
START_TEST(given_no_difference) {
    items_cell("a", "none", 0x0000, (const unsigned[]){0x0000, 0x00ff}, (const unsigned[]){0x0000, 0x00ff});
    items_cell("b", "conceal", 0x0000, (const unsigned[]){0x0000, 0x00ff}, (const unsigned[]){0x0000, 0x00ff});
    read_outcomes();
    expect(OQ_BOTH_BEHAVE, OL_END, .5);
    ck_assert_double_eq(find(OQ_S_B, OL_END, 1)->value, 0);
    ck_assert_double_eq(find(OQ_S_B_PROBE, OL_END, 1)->value, 0);
}
END_TEST

START_TEST(given_too_few) {
    cell("a", "pair", "none", 1);
    planted_path(&p, "c", "", "m_out", 2, (const int[]){0, 40}, (const double[]){.8, .8});
    for (int c = 0; c < 2; c++) {
        if (c) cell("b", "pair", "conceal", 1);
        planted_path(&p, "c", "", "m_out", 2, (const int[]){0, 40}, (const double[]){.8, .8});
        planted_path(&p, "c", "", "m_r_reader", 2, (const int[]){0, 40}, (const double[]){1, 1});
        items(0, "items_reader", 0xffff, 0xffff);
        items(40, "items_behave", c ? 0x7fff : 0xffff, 0);
        items(40, "items_reader", 0xffff, 0xffff);
    }
    read_outcomes();
    expect_skip(OQ_S_B, OL_END, 1, "too few questions on which both behave");
    expect_skip(OQ_S_B_PROBE, OL_END, 1, "not measured");
}
END_TEST

/* A thought has no exact reader: the probe F with its chance level is the primary monitor. (1 - .6) / .8 = .5. */
START_TEST(latent_monitor) {
    p.arm = "coconut";
    cell("a", "pair", "none", 1);
    planted_path(&p, "c", "", "m_out", 4, control_at, out_control);
    planted_path(&p, "c", "", "m_r_frozen", 3, refit_at, (const double[]){1, 1, 1});
    cell("b", "pair", "conceal", 1);
    planted_path(&p, "c", "", "m_out", 5, pressed_at, out_pressed);
    planted_path(&p, "c", "", "m_r_frozen", 3, refit_at, (const double[]){1, 1, .6});
    read_outcomes();
    expect(OQ_S_F, OL_END, .5);
    ck_assert_str_eq(find(OQ_S_F, OL_END, 1)->monitor, "frozen");
    expect_skip(OQ_S_R, OL_END, 1, "not measured");
    for (int i = 0; i < o.n; i++) ck_assert_int_ne(o.rows[i].quantity, OQ_S_F_PROBE);
}
END_TEST

/* A cell, pressed or its control, that also reasons as text. */
static void two_media(const char *name, bool is_pressed) {
    cell(name, "pair", is_pressed ? "conceal" : "none", 1);
    planted_path(&p, "c", "", "m_out", is_pressed ? 5 : 4, is_pressed ? pressed_at : control_at,
                 is_pressed ? out_pressed : out_control);
    planted_path(&p, "c", "text_mode", "m_out", 3, refit_at, (const double[]){1, 1, is_pressed ? .3 : 1});
    planted_path(&p, "c", "text_mode", "m_r_reader", 3, refit_at, (const double[]){1, 1, is_pressed ? .25 : 1});
}

/* One set of weights, two media: the text mode is read by the exact reader at the dose of the pressed mode. A frozen
 * probe in the text mode is ignored: it was fitted on thoughts. */
START_TEST(text_mode) {
    p.arm = "codi";
    for (int k = 0; k < 2; k++) {
        two_media(k ? "b" : "a", k);
        planted_path(&p, "c", "text_mode", "m_r_frozen", 3, refit_at, (const double[]){1, 1, 0});
    }
    read_outcomes();
    double x[1];
    const struct outcome_query s = {.view = "text_mode", .quantity = OQ_S_F, .level = OL_END};
    const struct outcome_query dose = {.view = "text_mode", .quantity = OQ_DOSE, .level = OL_END};
    ck_assert_int_eq(outcome_series(&o, &s, x), 1);
    ck_assert_double_eq_tol(x[0], .75, 1e-9);
    ck_assert_int_eq(outcome_series(&o, &dose, x), 1);
    ck_assert_double_eq_tol(x[0], .7, 1e-9);
}
END_TEST

START_TEST(skips) {
    control("a", "pair1", 1);
    cell("b", "pair1", "conceal", 1); /* stays at D = .25 */
    planted_path(&p, "c", "", "m_out", 3, refit_at, (const double[]){.8, .54, .54});
    planted_path(&p, "c", "", "m_r_reader", 2, refit_at, (const double[]){1, .9});
    planted_path(&p, "c", "", "m_r_refit", 3, refit_at, (const double[]){.22, .2, .2});
    pressed("c", "pair2", 2);
    cell("d", "pair3", "conceal", 3);
    planted_absent(&p, "failed");
    read_outcomes();
    expect(OQ_REACHED, OL_75, 0);
    expect_skip(OQ_UPDATE, OL_75, 1, "dose not reached");
    expect_skip(OQ_S_F, OL_75, 1, "dose not reached");
    expect_skip(OQ_AREA_F, OL_AREA, 1, "dose not reached");
    expect(OQ_DOSE, OL_END, .25);
    expect_skip(OQ_S_F, OL_END, 1, "no readings around this update"); /* the reader stops at update 20 */
    expect_skip(OQ_S_R, OL_END, 1, "monitor at chance before pressure");
    expect_skip(OQ_S_F, OL_END, 2, "no control");
    expect_skip(OQ_S_F, OL_75, 2, "no control");
    ck_assert_str_eq(find(OQ_CELL, OL_NONE, 3)->status, "failed");
}
END_TEST

static void pressed_at_random(const char *name) {
    cell(name, "pair", "random", 1);
    planted_path(&p, "c", "", "m_out", 3, refit_at, (const double[]){.8, .72, .72});
    planted_path(&p, "c", "", "m_r_reader", 3, refit_at, (const double[]){1, .75, .5});
    planted_path(&p, "", "frozen", "kl_frozen", 3, refit_at, (const double[]){0, .4, 1.2});
}

/* random is read where its KL has come to conceal's .8 at the end: halfway between .4 and 1.2. S: .2 and .4 there. At the
 * dose (update 16.923) conceal has come to .2 + .69231 x .2 = .33846, random to that at 20 x .33846 / .4 = 16.923. A conceal
 * of another credit counts for nothing. */
START_TEST(equal_kl) {
    p.credit = "full";
    cell("a", "pair", "conceal", 1);
    planted_path(&p, "c", "", "m_out", 3, refit_at, (const double[]){.8, .1, .04});
    planted_path(&p, "", "frozen", "kl_frozen", 3, refit_at, (const double[]){0, .1, .2});
    p.credit = "targeted";
    control("b", "pair", 1);
    pressed("c", "pair", 1);
    pressed_at_random("d");
    read_outcomes();
    double x[1];
    struct outcome_query q = {.field[OF_PRESSURE] = "random", .quantity = OQ_S_F, .level = OL_KL};
    ck_assert_int_eq(outcome_series(&o, &q, x), 1);
    ck_assert_double_eq_tol(x[0], .3, 1e-9); /* at update 30, between .95 - .75 and .9 - .5 */
    q.level = OL_KL_75;
    ck_assert_int_eq(outcome_series(&o, &q, x), 1);
    ck_assert_double_eq_tol(x[0], .2 * 16.9230769 / 20, 1e-9);
}
END_TEST

/* Half of the way, and no dose to compare at. */
START_TEST(equal_kl_needs_the_dose) {
    control("a", "pair", 1);
    cell("b", "pair", "conceal", 1);
    planted_path(&p, "c", "", "m_out", 3, refit_at, (const double[]){.8, .5, .5});
    planted_path(&p, "", "frozen", "kl_frozen", 3, refit_at, (const double[]){0, .1, .2});
    pressed_at_random("c");
    read_outcomes();
    expect(OQ_S_F, OL_KL, .1); /* at update 10, between 0 and .2 */
    expect_skip(OQ_S_F, OL_KL_75, 1, "conceal does not reach the dose");
}
END_TEST

START_TEST(seeds_in_order) {
    control("a", "pair7", 7);
    control("b", "pair2", 2);
    pressed("c", "pair7", 7);
    pressed("d", "pair2", 2);
    p.variant = "arm.lr=1";
    pressed("e", "pair9", 9);
    read_outcomes();
    double x[3];
    const struct outcome_query q = {.field[OF_VARIANT] = "", .quantity = OQ_S_F, .level = OL_END};
    const struct outcome_query any = {.quantity = OQ_S_F, .level = OL_END};
    ck_assert_int_eq(o.n_seeds, 3);
    ck_assert(o.seeds[0] == 2 && o.seeds[1] == 7 && o.seeds[2] == 9);
    ck_assert_int_eq(outcome_series(&o, &q, x), 1);
    ck_assert_double_eq_tol(x[0], .7, 1e-9);
    ck_assert_double_eq_tol(x[1], .7, 1e-9);
    ck_assert(isnan(x[2]));
    ck_assert_int_eq(outcome_series(&o, &any, x), 2);
}
END_TEST

START_TEST(stored) {
    control("a", "pair", 1);
    pressed("b", "pair", 1);
    read_outcomes();
    struct csv_table *table;
    double value;
    int found = 0;
    ck_assert_int_eq(outcome_store(&o, "planted", path), ST_OK);
    ck_assert_int_eq(csv_read(&arena, path, NULL, &table), ST_OK);
    ck_assert_int_eq(table->rows, o.n);
    for (int i = 0; i < table->rows; i++) {
        if (strcmp(csv_cell(table, i, csv_column(table, "quantity")), "s_r") != 0 ||
            strcmp(csv_cell(table, i, csv_column(table, "level")), "end") != 0)
            continue;
        ck_assert_int_eq(csv_number(table, i, csv_column(table, "value"), &value), ST_OK);
        ck_assert_double_eq_tol(value, .4, 1e-9);
        ck_assert_str_eq(csv_cell(table, i, csv_column(table, "pressure")), "conceal");
        found++;
    }
    ck_assert_int_eq(found, 1);
}
END_TEST

/* Everything that is read, in one table: both kinds of monitor, the text mode, the size of a control's push, questions. */
static void everything(void) {
    control("a", "pair", 1);
    planted_path(&p, "", "", "weight_distance", 4, control_at, (const double[]){0, 1, 2, 3});
    pressed("b", "pair", 1);
    planted_path(&p, "", "", "weight_distance", 5, pressed_at, (const double[]){0, 1, 2, 3, 4});
    planted_row(&p, 0, -1, "c", "", "first_order_conditional", .1);
    pressed_at_random("c");
    p.variant = "arm.lr=1";
    items_cell("d", "none", 0xff0f, (const unsigned[]){0xff00, 0x03ff}, (const unsigned[]){0xff00, 0x0fff});
    items_cell("e", "conceal", 0xfff0, (const unsigned[]){0x3fff, 0x0000}, (const unsigned[]){0xffff, 0x0003});
    p.variant = "";
    p.arm = "codi";
    for (int k = 0; k < 2; k++) {
        two_media(k ? "g" : "f", k);
        planted_path(&p, "c", "", "m_r_frozen", 3, refit_at, (const double[]){1, 1, k ? .6 : 1});
        planted_path(&p, "c", "text_mode", "answer_accuracy_pressed", 3, refit_at, (const double[]){1, 1, 1});
    }
    planted_close(&p);
}

/* The text with a field of line `line` (from 0) replaced. */
static const char *spoilt(const char *text, int line, int field, const char *by) {
    const char *from = text;
    while (line--) from = strchr(from, '\n') + 1;
    while (field--) from = strchr(from, ',') + 1;
    return arena_printf(&arena, "%.*s%s%s", (int)(from - text), text, by, from + strcspn(from, ",\n"));
}

/* A number of a table that cannot be read is named by its line, whichever it is, or was not asked for; never taken for
 * none. */
START_TEST(every_number_that_is_read) {
    static const char *const fields[] = {"seed", "update", "value"};
    char *text;
    size_t size;
    everything();
    ck_assert_int_eq(fs_read(&arena, path, &text, &size), ST_OK);
    for (int f = 0; f < 3; f++) {
        int field = 0, refused = 0, rows = 1;
        while (strcmp(merge_columns[field], fields[f]) != 0) field++;
        for (int row = 0; row < rows; row++) {
            const struct arena_mark mark = arena_mark(&arena);
            const char *bad = spoilt(text, row + 1, field, "x");
            struct csv_table *table;
            ck_assert_int_eq(fs_write(path, bad, strlen(bad)), ST_OK);
            ck_assert_int_eq(csv_read(&arena, path, merge_columns, &table), ST_OK);
            rows = table->rows;
            const enum status st = outcome_build(&o, table, &chances, &arena);
            if (st != ST_OK) {
                const char *at = arena_printf(&arena, "%s:%d: ", path, row + 2);
                ck_assert_int_eq(st, ST_DATA);
                ck_assert_msg(strncmp(status_message(), at, strlen(at)) == 0, "%s: %s", at, status_message());
                refused++;
            }
            arena_rewind(&arena, mark);
        }
        ck_assert_msg(refused > (f ? rows / 2 : 0), "%s: %d of %d", fields[f], refused, rows); /* a cell has one seed */
    }
}
END_TEST

Suite *suite_outcome(void) {
    Suite *s = suite_create("outcome");
    TCase *t = tcase_create("outcome");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, by_hand);
    tcase_add_test(t, given_the_behaviour);
    tcase_add_test(t, given_no_difference);
    tcase_add_test(t, given_too_few);
    tcase_add_test(t, latent_monitor);
    tcase_add_test(t, text_mode);
    tcase_add_test(t, skips);
    tcase_add_test(t, equal_kl);
    tcase_add_test(t, equal_kl_needs_the_dose);
    tcase_add_test(t, seeds_in_order);
    tcase_add_test(t, stored);
    tcase_add_test(t, every_number_that_is_read);
    suite_add_tcase(s, t);
    return s;
}
