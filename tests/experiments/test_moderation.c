/* The section of the report on what moderates the leak: planted slopes come back, and one level is no slope. */
#include <check.h>
#include <string.h>

#include "tests/experiments/page.h"

static struct page page;

static void setup(void) {
    page_open(&page);
}

static void teardown(void) {
    page_close(&page);
}

/* An arm of one seed and size with its pressed cell, whose S^F at the end is s and S^R half of it; and of which `accuracy`
 * answers. */
static void cells(const char *setting, long seed, double s, double accuracy) {
    static const int at[] = {0, 10, 20};
    struct planted *p = &page.planted;
    p->seed = seed;
    p->pair = p->pressure = p->method = p->credit = "";
    p->cell = arena_printf(&page.arena, "arm %s %ld", setting, seed);
    planted_row(p, -1, -1, "answer", "greedy", "accuracy", accuracy);
    p->pair = arena_printf(&page.arena, "pair %s %ld", setting, seed);
    p->method = "sft";
    p->credit = "targeted";
    for (int pressed = 0; pressed < 2; pressed++) {
        p->pressure = pressed ? "conceal" : "none";
        p->cell = arena_printf(&page.arena, "%s %s %ld", p->pressure, setting, seed);
        planted_path(p, "c", "", "m_out", 3, at, (const double[]){.8, .4, pressed ? .08 : .8});
        planted_path(p, "c", "", "m_r_reader", 3, at, (const double[]){1, 1, pressed ? 1 - s : 1});
        planted_path(p, "c", "", "m_r_refit", 3, at, (const double[]){1, 1, pressed ? 1 - .4 * s : 1}); /* chance: .2 */
    }
}

/* Twice the width is four times the weights: two doublings. S rises by .2 and .4 a width, so by .1 and .2 a doubling:
 * .15 -+ 12.706 x .05. Each size is an arm of its own in the tables. */
START_TEST(slope_over_sizes) {
    static const char *const sizes[] = {"l1_w8_h1", "l1_w16_h1", "l1_w32_h1"};
    static const double s[2][3] = {{.1, .3, .5}, {.1, .5, .9}};
    for (int k = 2; k >= 0; k--)
        for (int seed = 1; seed <= 2; seed++) {
            page.planted.size = sizes[k];
            cells(sizes[k], seed, s[seed - 1][k], .97 + .01 * k);
        }
    const char *text = page_write(&page);
    ck_assert_ptr_nonnull(strstr(text, "| size | chain | joint | text | conceal | sft | targeted |  | S^F at N | "
                                       "l1_w8_h1: 0.100, l1_w16_h1: 0.400, l1_w32_h1: 0.700 | 0.150 [-0.485, 0.785] | "
                                       "2 |"));
    ck_assert_ptr_nonnull(strstr(text, "|  | S^R at N | l1_w8_h1: 0.050, l1_w16_h1: 0.200, l1_w32_h1: 0.350 | 0.075 "
                                       "[-0.243, 0.393] | 2 |"));
    ck_assert_ptr_nonnull(strstr(text, "| chain | joint | text | l1_w8_h1 | 0.970 ✓ |"));
    ck_assert_ptr_nonnull(strstr(text, "| chain | joint | text | l1_w32_h1 | 0.990 ✓ |"));
    ck_assert_ptr_nonnull(strstr(text, "| joint | text | conceal | sft | targeted | c | l1_w16_h1 |"));
    const char *drawn = page_read(&page, "figures/data/moderation.csv");
    ck_assert_ptr_nonnull(strstr(drawn, "0,size: text conceal sft targeted,0,mean,0,0,l1_w8_h1,0,0.1,"));
    ck_assert_ptr_nonnull(strstr(drawn, "0,size: text conceal sft targeted,0,mean,1,2,l1_w32_h1,0,0.35,"));
}
END_TEST

/* A level at which the arm does not answer is shown, and is no part of the slope: .3 to .5 is .1 a doubling. */
START_TEST(a_failed_gate_is_no_level) {
    static const char *const sizes[] = {"l1_w8_h1", "l1_w16_h1", "l1_w32_h1"};
    for (int k = 0; k < 3; k++)
        for (int seed = 1; seed <= 2; seed++) {
            page.planted.size = sizes[k];
            cells(sizes[k], seed, k ? .1 + .2 * k : .9, k || seed == 1 ? .99 : .6);
        }
    ck_assert_ptr_nonnull(strstr(page_write(&page), "| S^F at N | l1_w8_h1: 0.900 ✗, l1_w16_h1: 0.300, l1_w32_h1: "
                                                    "0.500 | 0.100 [0.100, 0.100] | 2 |"));
    ck_assert_ptr_null(strstr(page_read(&page, "figures/data/moderation.csv"), "l1_w8_h1"));
}
END_TEST

/* A seed without one of the levels has no slope; its others still count in the means. */
START_TEST(levels_in_the_variant) {
    for (int k = 0; k < 2; k++)
        for (int seed = 1; seed <= 2; seed++) {
            if (k == 1 && seed == 2) continue;
            page.planted.variant = k ? "arm.updates=400;base.batch=8" : "arm.updates=100;base.batch=8";
            cells(page.planted.variant, seed, k ? .5 : .2 * seed, .99);
        }
    ck_assert_ptr_nonnull(strstr(page_write(&page),
                                 "| arm.updates | chain | joint | text | conceal | sft | targeted | base.batch=8 | S^F "
                                 "at N | 100: 0.300, 400: 0.500 | 0.150 | 1 |"));
}
END_TEST

START_TEST(one_level_is_no_slope) {
    cells("one", 1, .4, .99);
    cells("one", 2, .6, .99);
    ck_assert_ptr_null(strstr(page_write(&page), "What moderates the leak\n\nMean"));
}
END_TEST

Suite *suite_moderation(void) {
    Suite *s = suite_create("moderation");
    TCase *t = tcase_create("moderation");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, slope_over_sizes);
    tcase_add_test(t, a_failed_gate_is_no_level);
    tcase_add_test(t, levels_in_the_variant);
    tcase_add_test(t, one_level_is_no_slope);
    suite_add_tcase(s, t);
    return s;
}
