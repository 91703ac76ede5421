/* What a report's figures are drawn from, of planted results. */
#include <check.h>
#include <string.h>

#include "engine/base/fs.h"
#include "experiments/report.h"
#include "tests/experiments/page.h"

Suite *suite_report_figures(void);

static struct page made;

static void setup(void) {
    page_open(&made);
}

static void teardown(void) {
    page_close(&made);
}

/* A figure is drawn, or the page says why not. */
START_TEST(figures_or_a_reason) {
    page_arm(&made, 1, .99);
    page_pair(&made, 1, .4);
    const char *text = page_write(&made);
    const bool drawn = fs_exists(arena_printf(&made.arena, "%s/figures/dose_spillover.svg", made.dir));
    ck_assert_ptr_nonnull(strstr(text, drawn ? "(figures/dose_spillover.svg)" : "Not drawn: gnuplot is not installed"));
    ck_assert_ptr_nonnull(strstr(text, "**What the verdicts rest on.** Nothing to draw yet."));
    ck_assert_ptr_nonnull(strstr(page_read(&made, "figures/data/dose_spillover.csv"),
                                 "0,text,0,conceal sft targeted,0,1,20,0.5,0.2,0\n"
                                 "0,text,0,conceal sft targeted,0,1,40,0.9,0.4,1\n"));
}
END_TEST

static void pressed(const char *name, const char *pressure, const char *concept, const char *method, const char *credit,
                    double s) {
    made.planted.pair = arena_printf(&made.arena, "%s %s %s", name, pressure, credit);
    made.planted.arm = name;
    made.planted.method = method;
    made.planted.credit = credit;
    made.planted.seed = 1;
    for (int control = 1; control >= 0; control--) {
        made.planted.pressure = control ? "none" : pressure;
        made.planted.cell = arena_printf(&made.arena, "%s %s", made.planted.pair, made.planted.pressure);
        planted_path(&made.planted, concept, "", "m_out", 3, page_at, (const double[]){.8, .8, control ? .8 : .08});
        planted_path(&made.planted, concept, "", "m_r_reader", 3, page_at, (const double[]){1, 1, control ? 1 : 1 - s});
    }
}

/* Two arms by two ways of pressing, all of it there: one block. */
START_TEST(a_matrix_in_one_block) {
    static const char *const order[] = {"0,0,,0,text,0,conceal sft targeted,0,0.4,0.40,1\n",
                                        "0,0,,0,text,1,conceal rl full,1,0.3,0.30,1\n",
                                        "0,0,,1,text_long,0,conceal sft targeted,0,0.2,0.20,1\n",
                                        "0,0,,1,text_long,1,conceal rl full,1,0.1,0.10,1\n", NULL};
    page_arm(&made, 1, .99);
    for (int i = 0; i < 4; i++)
        pressed(i < 2 ? "text" : "text_long", "conceal", "c", i % 2 ? "rl" : "sft", i % 2 ? "full" : "targeted",
                .4 - .1 * i);
    page_write(&made);
    page_expect_in_order(page_read(&made, "figures/data/results_matrix.csv"), order);
}
END_TEST

/* Less than a third of it there: a block a pressure, whose numbers go on where the last one's end. */
START_TEST(a_matrix_in_blocks) {
    static const char *const order[] = {"0,0,conceal,0,text,0,sft targeted,0,0.4,0.40,1\n",
                                        "0,0,conceal,1,text_long,1,rl full,1,0.3,0.30,1\n",
                                        "0,1,style,2,text: style,2,sft sealed,0,0.2,0.20,1\n",
                                        "0,1,style,3,text_long: style,3,rl targeted,1,0.1,0.10,1\n", NULL};
    page_arm(&made, 1, .99);
    pressed("text", "conceal", "c", "sft", "targeted", .4);
    pressed("text_long", "conceal", "c", "rl", "full", .3);
    pressed("text", "style", "style", "sft", "sealed", .2);
    pressed("text_long", "style", "style", "rl", "targeted", .1);
    page_write(&made);
    page_expect_in_order(page_read(&made, "figures/data/results_matrix.csv"), order);
}
END_TEST

/* The fall of a frozen probe at two steps: .4, -.2, .1 and .2, 0, .3. */
static void fall(void) {
    static const char *const metric[] = {"drift_lost", "drift_reencoded", "drift_rotated"};
    static const double part[2][3] = {{.4, -.2, .1}, {.2, 0, .3}};
    for (int q = 0; q < 3; q++)
        for (int k = 0; k < 2; k++) planted_row(&made.planted, -1, k, "value", "own", metric[q], part[k][q]);
}

/* Seed 1 falls as above, .3, -.1, .2 over its steps; seed 2 by -.1, -.3, .2. States of layer 2 are no part of it. */
START_TEST(parts_of_a_fall) {
    page_arm(&made, 1, .99);
    page_pair(&made, 1, .4);
    fall();
    made.planted.layer = 2;
    planted_row(&made.planted, -1, 0, "value", "frozen", "drift_lost", .9);
    made.planted.layer = -1;
    page_pair(&made, 2, .4);
    planted_row(&made.planted, -1, 0, "value", "own", "drift_lost", -.1);
    planted_row(&made.planted, -1, 0, "value", "own", "drift_reencoded", -.3);
    planted_row(&made.planted, -1, 0, "value", "own", "drift_rotated", .2);
    page_write(&made);
    static const char *const order[] = {"0,text,0,value,0,conceal sft targeted,0,0,lost (B − T),0,0.1\n",
                                        "0,text,0,value,0,conceal sft targeted,0,1,re-encoded (T − P),0,-0.2\n",
                                        "0,text,0,value,0,conceal sft targeted,0,2,rotated (P − F),0.1,0.3\n",
                                        "0,text,0,value,0,conceal sft targeted,1,-1,B − F,0,0.1\n",
                                        "0,text,0,value,0,conceal sft targeted,2,-1,B − F,0,0.4\n",
                                        "0,text,0,value,0,conceal sft targeted,2,-1,B − F,0,-0.2\n",
                                        NULL};
    page_expect_in_order(page_read(&made, "figures/data/drift_decomposition.csv"), order);
}
END_TEST

/* c stands at step 1 (.9 before pressure): what was lost elsewhere does not count, nor is it thinned out by the others. */
START_TEST(a_fall_where_c_was) {
    static const double base[] = {.1, .9, .2}, lost[] = {.05, .6, -.1};
    page_arm(&made, 1, .99);
    page_pair(&made, 1, .4);
    for (int k = 0; k < 3; k++) {
        planted_row(&made.planted, -1, k, "c", "own", "drift_base", base[k]);
        planted_row(&made.planted, -1, k, "c", "own", "drift_lost", lost[k]);
        planted_row(&made.planted, -1, k, "c", "own", "drift_reencoded", 0);
        planted_row(&made.planted, -1, k, "c", "own", "drift_rotated", .1 * k);
    }
    page_write(&made);
    static const char *const order[] = {"0,text,0,c,0,conceal sft targeted,0,0,lost (B − T),0,0.6\n",
                                        "0,text,0,c,0,conceal sft targeted,0,2,rotated (P − F),0.6,0.7\n",
                                        "0,text,0,c,0,conceal sft targeted,1,-1,B − F,0,0.7\n", NULL};
    page_expect_in_order(page_read(&made, "figures/data/drift_decomposition.csv"), order);
}
END_TEST

START_TEST(states_before_and_after) {
    for (long seed = 1; seed <= 2; seed++) {
        page_arm(&made, seed, .99);
        for (made.planted.layer = 0; made.planted.layer < 2; made.planted.layer++)
            planted_row(&made.planted, -1, 0, "value", "state", "read_accuracy",
                        made.planted.layer ? .5 + .1 * (double)seed : .25);
        made.planted.layer = -1;
        planted_row(&made.planted, -1, 0, "value", "u", "read_accuracy", 1);
        page_pair(&made, seed, .4);
    }
    made.planted.layer = 1;
    planted_row(&made.planted, -1, 0, "value", "state", "read_accuracy", .3);
    const char *text = page_write(&made);
    ck_assert_ptr_nonnull(strstr(text, "to what.** Nothing to draw: no pressed cell has drift rows."));
    ck_assert_str_eq(page_read(&made, "figures/data/decodability_layers.csv"),
                     "panel,panel_name,place,series_name,step,layer,mean,text,n\n"
                     "0,text: value,0,before,0,0,0.25,0.25,2\n"
                     "0,text: value,0,before,0,1,0.65,0.65,2\n"
                     "0,text: value,1,conceal sft targeted,0,1,0.3,0.30,1\n");
}
END_TEST

/* Before: .9 and .7, half-width 12.706 x .1. After: the last update alone counts. Two controls of one method, .8 and
 * .6, are one row. Chance is 1/5; the suite knows no cells without pressure. */
START_TEST(positions_before_and_after) {
    static const char metric[] = "probe_refit_by_step";
    for (long seed = 1; seed <= 2; seed++) {
        page_arm(&made, seed, .99);
        planted_row(&made.planted, -1, 0, "c", "", metric, seed == 1 ? .9 : .7);
    }
    page_pair(&made, 1, .4);
    planted_row(&made.planted, 0, 0, "c", "", metric, .9);
    planted_row(&made.planted, 40, 0, "c", "", metric, .5);
    made.planted.pressure = "none";
    for (int k = 0; k < 2; k++) {
        made.planted.cell = k ? "full1" : "targeted1";
        made.planted.credit = k ? "full" : "targeted";
        made.planted.pair = k ? "pair full" : "pair targeted";
        planted_row(&made.planted, 40, 0, "c", "", metric, k ? .6 : .8);
    }
    page_write(&made);
    ck_assert_str_eq(page_read(&made, "figures/data/decodability_by_step.csv"),
                     "panel,panel_name,place,series_name,step,mean,lo,hi,text,n,chance\n"
                     "0,text: c,0,before,0,0.8,-0.47062,2.07062,0.80 ±1.27,2,0.2\n"
                     "0,text: c,1,conceal sft targeted,0,0.5,0.5,0.5,0.50,1,0.2\n"
                     "0,text: c,2,none sft,0,0.7,0.7,0.7,0.70,1,\n");
}
END_TEST

Suite *suite_report_figures(void) {
    Suite *s = suite_create("report_figures");
    TCase *t = tcase_create("report_figures");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, figures_or_a_reason);
    tcase_add_test(t, a_matrix_in_one_block);
    tcase_add_test(t, a_matrix_in_blocks);
    tcase_add_test(t, parts_of_a_fall);
    tcase_add_test(t, a_fall_where_c_was);
    tcase_add_test(t, states_before_and_after);
    tcase_add_test(t, positions_before_and_after);
    suite_add_tcase(s, t);
    return s;
}
