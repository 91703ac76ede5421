/* compare: pairing, averaging and statistics on tables small enough to do by hand. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "experiments/compare.h"
#include "tests/folder.h"

static const char head[] = "suite,cell,arm,pressure,update,dose_level,seed,concept,metric,value,status\n";

static struct compare_selection select_from(const char *rows, const char *conditions) {
    const char *path = arena_printf(&arena, "%s/results.csv", folder);
    const char *text = arena_printf(&arena, "%s%s", head, rows);
    struct csv_table *table;
    struct compare_selection s;
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
    ck_assert_int_eq(csv_read(&arena, path, NULL, &table), ST_OK);
    ck_assert_msg(compare_select(&s, table, conditions, &arena) == ST_OK, "%s", status_message());
    return s;
}

/* Differences x - y by seed: 1, 2, 3. */
static const char two_arms[] = "s,a,x,none,,,1,c,m,1,ok\ns,b,x,none,,,2,c,m,2,ok\ns,c,x,none,,,3,c,m,4,ok\n"
                               "s,d,y,none,,,3,c,m,1,ok\ns,e,y,none,,,1,c,m,0,ok\ns,f,y,none,,,2,c,m,0,ok\n"
                               "s,g,y,none,,,4,c,m,9,ok\ns,h,x,none,,,4,c,m,9,skip\n";

START_TEST(differences_are_paired_by_seed) {
    struct compare_selection a = select_from(two_arms, "arm=x"), b = select_from(two_arms, "arm=y");
    struct compare_lines l;
    ck_assert_int_eq(compare_pairs(&a, &b, NULL, &l, &arena), ST_OK);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.unpaired, 1); /* y of seed 4: the other side was skipped */
    const struct compare_line *line = &l.line[0];
    ck_assert_int_eq(line->n, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(line->seed[i], i + 1);
        ck_assert_double_eq(line->x[i], i + 1);
    }
    ck_assert_double_eq_tol(line->mean_a, 7.0 / 3, 1e-15);
    ck_assert_double_eq_tol(line->mean_b, 1.0 / 3, 1e-15);
    ck_assert_double_eq(line->mean, 2);
    ck_assert_double_eq(line->sd, 1);
    /* t_{2, .975} = 4.302653 */
    ck_assert_double_eq_tol(line->t95.lo, 2 - 4.302653 / sqrt(3), 1e-6);
    ck_assert_double_eq_tol(line->t95.hi, 2 + 4.302653 / sqrt(3), 1e-6);
    ck_assert_double_eq(line->p, .25); /* 2 of 8 sign patterns reach |6| */
    ck_assert_int_eq(line->driver, 1); /* without 1: 2.5; without 3: 1.5; the first of equals */
    ck_assert_double_eq(line->mean_without, 2.5);
    ck_assert_str_eq(line->about[2], ""); /* the arms differ: not what the line is about */
    ck_assert_str_eq(line->about[7], "none");
}
END_TEST

/* 5 5 5 5 -10: without seed 9 there is no spread, and the interval [5, 5] excludes 0. */
START_TEST(the_seed_that_decides_is_named) {
    static const char rows[] = "s,a,x,none,,,1,c,m,5,ok\ns,b,x,none,,,2,c,m,5,ok\ns,c,x,none,,,3,c,m,5,ok\n"
                               "s,d,x,none,,,4,c,m,5,ok\ns,e,x,none,,,9,c,m,-10,ok\n";
    struct compare_selection a = select_from(rows, "");
    struct compare_lines l;
    ck_assert_int_eq(compare_single(&a, &l, &arena), ST_OK);
    ck_assert_int_eq(l.line[0].driver, 9);
    ck_assert_double_eq(l.line[0].mean_without, 5);
    ck_assert(l.line[0].flips);
}
END_TEST

/* Two pressures: differences 1 and 3 in seed 1, 5 and 7 in seed 2. By arm each seed counts once: 2 and 6. */
START_TEST(by_averages_within_the_seed) {
    static const char rows[] = "s,a,x,p,,,1,c,m,1,ok\ns,b,x,p,,,2,c,m,5,ok\ns,c,x,q,,,1,c,m,3,ok\n"
                               "s,d,x,q,,,2,c,m,7,ok\nt,a,x,p,,,1,c,m,0,ok\nt,b,x,p,,,2,c,m,0,ok\n"
                               "t,c,x,q,,,1,c,m,0,ok\nt,d,x,q,,,2,c,m,0,ok\n";
    struct compare_selection a = select_from(rows, "suite=s"), b = select_from(rows, "suite=t");
    struct compare_lines l;
    ck_assert_int_eq(compare_pairs(&a, &b, "seed", &l, &arena), ST_OK);
    ck_assert_int_eq(l.n, 2);
    ck_assert_int_eq(compare_pairs(&a, &b, "arm", &l, &arena), ST_OK);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.line[0].n, 2);
    ck_assert_double_eq(l.line[0].x[0], 2);
    ck_assert_double_eq(l.line[0].x[1], 6);
    ck_assert_int_eq(l.line[0].driver, -1);
    ck_assert_int_eq(compare_pairs(&a, &b, "pressure", &l, &arena), ST_OK);
    ck_assert_int_eq(l.n, 2);
    ck_assert_double_eq(l.line[1].mean, 5);
    ck_assert_int_eq(compare_pairs(&a, &b, "presure", &l, &arena), ST_USAGE);
    ck_assert_str_eq(status_message(),
                     "--by presure: seed, arm, pressure, or another column; did you mean \"pressure\"?");
}
END_TEST

/* Of a trajectory its last update counts, and not the copies at dose crossings. */
START_TEST(the_end_of_a_cell_counts) {
    static const char rows[] = "s,a,x,p,0,,1,c,m,1,ok\ns,a,x,p,5,.5,1,c,m,2,ok\ns,a,x,p,5,,1,c,m,3,ok\n"
                               "s,b,x,p,0,,2,c,m,7,ok\n";
    struct compare_selection a = select_from(rows, "");
    struct compare_lines l;
    ck_assert_int_eq(compare_single(&a, &l, &arena), ST_OK);
    ck_assert_int_eq(l.n, 1);
    ck_assert_int_eq(l.line[0].n, 2);
    ck_assert_double_eq(l.line[0].x[0], 3);
    ck_assert_double_eq(l.line[0].x[1], 7);
}
END_TEST

START_TEST(a_metric_of_one_side_holds_for_both) {
    static const char rows[] = "s,a,x,p,,,1,c,m,1,ok\ns,a,x,p,,,1,c,other,100,ok\n"
                               "s,b,y,p,,,1,c,m,4,ok\ns,b,y,p,,,1,c,other,100,ok\n";
    struct compare_selection a = select_from(rows, "arm=x,metric=m"), b = select_from(rows, "arm=y");
    struct compare_lines l;
    ck_assert_int_eq(compare_pairs(&a, &b, NULL, &l, &arena), ST_OK);
    ck_assert_int_eq(l.n, 1);
    ck_assert_double_eq(l.line[0].mean, -3);
}
END_TEST

static const struct {
    const char *conditions, *message;
} bad[] = {
    {"arm", "\"arm\" is no condition; write column=value"},
    {"amr=x", "results.csv has no column \"amr\"; did you mean \"arm\"?"},
    {"pressure=nome", "results.csv has no row with pressure \"nome\"; did you mean \"none\"?"},
    {"seed=77", "results.csv has no row with seed \"77\""},
};

START_TEST(bad_conditions_say_so) {
    struct compare_selection all = select_from(two_arms, ""), s;
    ck_assert_int_eq(compare_select(&s, all.table, bad[_i].conditions, &arena), ST_USAGE);
    const char *end = status_message() + strlen(status_message()) - strlen(bad[_i].message);
    ck_assert_str_eq(end, bad[_i].message);
}
END_TEST

START_TEST(nothing_in_common) {
    struct compare_selection a = select_from(two_arms, "seed=1"), b = select_from(two_arms, "seed=2");
    struct compare_lines l;
    ck_assert_int_eq(compare_pairs(&a, &b, NULL, &l, &arena), ST_USAGE);
}
END_TEST

/* n values mean +- spread, alternating: mean exact for even n, sd = spread sqrt(n / (n - 1)). */
static struct compare_line planted(int n, double mean, double spread) {
    struct compare_line l = {.n = n, .mean = mean, .sd = spread * sqrt(n / (n - 1.0))};
    const double half = 2.262157 * l.sd / sqrt(n); /* t_{9, .975}, used with n = 10 alone */
    l.t95 = (struct stat_interval){mean - half, mean + half};
    return l;
}

START_TEST(more_seeds_that_would_decide) {
    int more;
    struct compare_line l = planted(10, .3, .1);
    ck_assert_int_eq(compare_decided(&l, .15, &more), COMPARE_ABOVE);
    ck_assert_int_eq(more, 0);
    l = planted(10, .01, .1);
    ck_assert_int_eq(compare_decided(&l, .15, &more), COMPARE_BELOW);
    /* The mean lies below delta by half a standard deviation. The t test needs 34 values for that (Cohen 1988). */
    l = planted(10, .1, .1 * sqrt(.9));
    l.mean = .15 - .05;
    ck_assert_double_eq_tol(l.sd, .1, 1e-12);
    ck_assert_int_eq(compare_decided(&l, .15, &more), COMPARE_UNDECIDED);
    ck_assert_int_eq(more, 34 - 10);
    /* Few seeds: ten are the floor, however clear they are. */
    l = (struct compare_line){.n = 2, .mean = 1, .sd = 0, .t95 = {1, 1}};
    ck_assert_int_eq(compare_decided(&l, .15, &more), COMPARE_UNDECIDED);
    ck_assert_int_eq(more, 8);
    /* Right on delta no number of seeds decides. */
    l = (struct compare_line){.n = 10, .mean = .15 - 1e-9, .sd = 1, .t95 = {-1, 1}};
    ck_assert_int_eq(compare_decided(&l, .15, &more), COMPARE_UNDECIDED);
    ck_assert_int_eq(more, -1);
}
END_TEST

Suite *suite_compare(void) {
    Suite *s = suite_create("compare");
    TCase *t = tcase_create("compare");
    tcase_add_checked_fixture(t, open_folder, close_folder);
    tcase_add_test(t, differences_are_paired_by_seed);
    tcase_add_test(t, the_seed_that_decides_is_named);
    tcase_add_test(t, by_averages_within_the_seed);
    tcase_add_test(t, the_end_of_a_cell_counts);
    tcase_add_test(t, a_metric_of_one_side_holds_for_both);
    tcase_add_loop_test(t, bad_conditions_say_so, 0, sizeof bad / sizeof bad[0]);
    tcase_add_test(t, nothing_in_common);
    tcase_add_test(t, more_seeds_that_would_decide);
    suite_add_tcase(s, t);
    return s;
}
