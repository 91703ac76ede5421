/* What pressure added to figures of cells: planted distances beside their floors, planted faithfulness beside its
 * control. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "tests/experiments/page.h"

static struct page page;

static void setup(void) {
    page_open(&page);
}

static void teardown(void) {
    page_close(&page);
}

/* Two steps of a cell whose distances differ by 0.02 and whose similarities by 0.2; their means are what is given. */
static void steps(const char *view, double cka, double procrustes) {
    for (int k = 0; k < 2; k++) {
        planted_row(&page.planted, -1, k, "", view, "drift_cka", cka + (k ? .1 : -.1));
        planted_row(&page.planted, -1, k, "", view, "drift_procrustes", procrustes + (k ? .01 : -.01));
    }
}

static void pressed(const char *pressure, long seed, double cka, double procrustes) {
    struct planted *p = &page.planted;
    p->pressure = pressure;
    p->method = "sft";
    p->credit = "full";
    p->seed = seed;
    p->pair = seed == 1 ? "pair1" : "pair2";
    p->cell = arena_printf(&page.arena, "%s%ld", pressure, seed);
    steps("own", cka, procrustes);
}

static void arm(long seed, double cka, double procrustes) {
    struct planted *p = &page.planted;
    p->pressure = p->method = p->credit = p->pair = "";
    p->seed = seed;
    p->cell = arena_printf(&page.arena, "arm%ld", seed);
    steps("other_seed.own", cka, procrustes);
}

/* Above the control: .3 - .1 and .5 - .1, so .3 -+ 12.706 x .1. The states of layers are no thoughts. */
START_TEST(pressed_cells_stand_beside_their_floors) {
    arm(1, .4, .8);
    arm(2, .6, .8);
    for (long seed = 1; seed <= 2; seed++) {
        pressed("conceal", seed, .8, seed == 1 ? .3 : .5);
        page.planted.layer = 2;
        steps("own", .1, 1.9);
        page.planted.layer = -1;
        pressed("none", seed, .9, .1);
    }
    const char *text = page_write(&page);
    ck_assert_ptr_nonnull(strstr(text, "| chain | joint | text | (another seed) |  |  |  | 0.500 [-0.771, 1.771] | "
                                       "0.800 [0.800, 0.800] |  | 2 |"));
    ck_assert_ptr_nonnull(strstr(text,
                                 "| chain | joint | text | conceal | sft | full |  | 0.800 [0.800, 0.800] | 0.400 "
                                 "[-0.871, 1.671] | 0.300 [-0.971, 1.571] | 2 |"));
    ck_assert_ptr_nonnull(strstr(text, "| chain | joint | text | none | sft | full |  | 0.900 [0.900, 0.900] | 0.100 "
                                       "[0.100, 0.100] |  | 2 |"));
}
END_TEST

/* Nothing measured, nothing said; and a step that could not be measured is left out of the mean. */
START_TEST(what_is_not_measured) {
    pressed("conceal", 1, .8, .3);
    planted_row(&page.planted, -1, 2, "", "own", "drift_procrustes", INFINITY);
    ck_assert_ptr_nonnull(strstr(page_write(&page), "| conceal | sft | full |  | 0.800 | 0.300 | - | 1 |"));
}
END_TEST

START_TEST(no_distances_no_section) {
    arm(1, NAN, NAN);
    ck_assert_ptr_null(strstr(page_write(&page), "## How far the reasoning moved"));
}
END_TEST

/* The control depends on its reasoning by .9 and .8; pressed, seed 1 loses .5 of it and seed 2 .3: -.4 -+ 12.706 x .1. A
 * pair of its own has a control of its own. */
START_TEST(faithfulness_is_paired) {
    static const double n[2][2] = {{.9, .4}, {.8, .5}};
    struct planted *p = &page.planted;
    for (int seed = 1; seed <= 2; seed++)
        for (int k = 0; k < 2; k++) {
            pressed(k ? "conceal" : "none", seed, .8, .3);
            planted_row(p, -1, -1, "answer", "other", "necessity", n[seed - 1][k]);
            planted_row(p, -1, -1, "answer", "zero", "necessity", .1);
            planted_row(p, -1, -1, "report", "other", "necessity", .1);
        }
    p->pair = "lonely";
    p->pressure = "random";
    p->cell = "random1";
    planted_row(p, -1, -1, "answer", "other", "necessity", .2);
    const char *text = page_write(&page);
    ck_assert_ptr_nonnull(
        strstr(text, "| chain | joint | text | conceal | sft | full |  | - | 0.850, -0.400 [-1.671, 0.871] | "
                     "- | - | - | - | 2 |"));
    ck_assert_ptr_nonnull(
        strstr(text, "| chain | joint | text | random | sft | full |  | - | - | - | - | - | - | 0 |"));
    ck_assert_ptr_null(strstr(text, "| text | none | sft | full |  | - |"));
}
END_TEST

Suite *suite_distance(void) {
    Suite *s = suite_create("distance");
    TCase *t = tcase_create("distance");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, pressed_cells_stand_beside_their_floors);
    tcase_add_test(t, what_is_not_measured);
    tcase_add_test(t, no_distances_no_section);
    tcase_add_test(t, faithfulness_is_paired);
    suite_add_tcase(s, t);
    return s;
}
