#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "engine/base/arena.h"
#include "metrics/stat_bayes.h"
#include "metrics/stat_equiv.h"
#include "metrics/stat_mean.h"
#include "metrics/stat_monitor.h"
#include "metrics/stat_multi.h"
#include "metrics/stat_robust.h"
#include "metrics/stat_simulate.h"

static struct arena arena;
static const double pi = 3.14159265358979323846;

static void setup(void) {
    arena_open(&arena, 1 << 16);
}
static void teardown(void) {
    arena_close(&arena);
}

#define NEAR(got, want)           ck_assert_double_eq_tol(got, want, 1e-9)
#define WITHIN(got, want, margin) ck_assert_double_eq_tol(got, want, margin)
#define COUNT(x)                  ((int)(sizeof(x) / sizeof *(x)))

START_TEST(mean_sd_and_t_interval_by_hand) {
    const double x[] = {1, 2, 3, 4}; /* sd = sqrt(5/3); t_{3,.975} = 3.182446305284 */
    NEAR(stat_mean(x, 4), 2.5);
    NEAR(stat_sd(x, 4), sqrt(5. / 3));
    struct stat_interval t = stat_t_interval(x, 4, .95);
    NEAR(t.lo, 2.5 - 3.182446305284 * sqrt(5. / 12));
    NEAR(t.hi, 2.5 + 3.182446305284 * sqrt(5. / 12));
    /* One degree of freedom is the Cauchy: t_{1,.95} = tan(.45 pi). */
    t = stat_t_interval((double[]){0, 2}, 2, .90);
    NEAR(t.hi, 1 + tan(.45 * pi));
}
END_TEST

START_TEST(what_cannot_be_computed_is_nan) {
    const double bad[] = {1, NAN, 3}, tied[] = {.1, .1, .1, .1, .1, .1, .1, .1, .1, .1};
    struct rng rng = rng_open(1, "test", 0);
    ck_assert(isnan(stat_mean(bad, 0)) && isnan(stat_mean(bad, 3)) && isnan(stat_sd(bad, 1)));
    ck_assert(isnan(stat_t_interval(bad, 3, .95).lo) && isnan(stat_t_interval(bad, 1, .95).hi));
    ck_assert(isnan(stat_boot_t(bad, 3, .95, 99, &rng, &arena).lo) && isnan(stat_signflip(bad, 3, NULL, 0)));
    ck_assert(isnan(stat_iqm(bad, 3, &arena)) && isnan(stat_detectable(1, 1, .05, .8)));
    ck_assert(!stat_tost(bad, 3, 1, .05).equivalent && isnan(stat_tost(bad, 3, 1, .05).p));
    /* .1 ten times has a rounded mean, yet no spread. */
    ck_assert_double_eq(stat_sd(tied, 10), 0);
    WITHIN(stat_boot_t(tied, 10, .95, 99, &rng, &arena).hi, .1, 1e-15);
}
END_TEST

/* Every argument, one at a time. */
START_TEST(outside_the_domain_is_nan) {
    const double x[] = {0, 1, 2}, y[] = {1, 2, 4}, gap[] = {0, NAN, 2}, back[] = {0, 2, 1}, level[] = {1, 1, 1};
    double many[STAT_FLIP_EXACT + 1] = {1}, out;
    struct rng rng = rng_open(1, "test", 0);
    const double powers[] = {stat_power(1, 1, .05), stat_power(INFINITY, 5, .05), stat_power(1, 5, 0),
                             stat_power(1, 5, 1)};
    const double detectable[] = {stat_detectable(NAN, 5, .05, .8), stat_detectable(-1, 5, .05, .8),
                                 stat_detectable(1, 5, .05, .05), stat_detectable(1, 5, .05, 1)};
    const double areas[] = {stat_area(x, y, 1), stat_area(gap, y, 3), stat_area(x, gap, 3), stat_area(back, y, 3)};
    const double slopes[] = {stat_slope(x, y, 1, .95).slope, stat_slope(gap, y, 3, .95).slope,
                             stat_slope(x, gap, 3, .95).slope, stat_slope(level, y, 3, .95).slope};
    for (int i = 0; i < 4; i++)
        ck_assert(isnan(powers[i]) && isnan(detectable[i]) && isnan(areas[i]) && isnan(slopes[i]));
    ck_assert(isnan(stat_signflip(many, COUNT(many), &rng, 0)) && !isnan(stat_signflip(many, COUNT(many), &rng, 1)));
    ck_assert(isnan(stat_boot_percentile(x, 3, .95, 1, &rng, &arena).lo));
    ck_assert(isnan(stat_boot_percentile(gap, 3, .95, 99, &rng, &arena).lo));
    ck_assert_int_eq(stat_dose_area(x, y, 3, 1, 1, &out), STAT_UNBRACKETED);
    ck_assert_int_eq(stat_dose_area(x, y, 3, -1, 1, &out), STAT_UNBRACKETED);
    ck_assert_int_eq(stat_dose_area(x, y, 3, 0, 3, &out), STAT_UNBRACKETED);
    ck_assert(isnan(out));
    /* What has no spread is detected however small; the search for the least effect ends. */
    ck_assert_double_eq(stat_detectable(0, 5, .05, .8), 0);
}
END_TEST

START_TEST(interquartile_mean_by_hand) {
    const double eight[] = {100, 1, 2, 3, 4, -50, 5, 6}; /* keeps 2 3 4 5 */
    NEAR(stat_iqm(eight, 8, &arena), 3.5);
    const double ten[] = {9, 8, 7, 6, 5, 4, 3, 2, 1, -90}; /* floor(10/4) = 2 off either end: 2..7 */
    NEAR(stat_iqm(ten, 10, &arena), 4.5);
    NEAR(stat_iqm(ten, 3, &arena), 8);
}
END_TEST

START_TEST(sign_flip_counts_patterns) {
    NEAR(stat_signflip((double[]){1, 2, 3}, 3, NULL, 0), 2. / 8);
    NEAR(stat_signflip((double[]){1, -1}, 2, NULL, 0), 1);
    NEAR(stat_signflip((double[]){1, 1, 1, -1}, 4, NULL, 0), 10. / 16);
    /* in tenths 1 2 3 -1: |sums| >= 5 are +-7 once and +-5 twice each; the ties differ in their roundings */
    NEAR(stat_signflip((double[]){.1, .2, .3, -.1}, 4, NULL, 0), 6. / 16);
    double ones[20];
    for (int i = 0; i < 20; i++) ones[i] = i < 15 ? 1 : -1;
    NEAR(stat_signflip(ones, 15, NULL, 0), 2. / 32768);
    /* above the exact range: 2 P(Binomial(20, 1/2) >= 15) = 2 * 21700 / 2^20 */
    struct rng rng = rng_open(2, "test", 0);
    WITHIN(stat_signflip(ones, 20, &rng, 40000), 2 * 21700. / 1048576, .004);
}
END_TEST

START_TEST(power_agrees_with_the_noncentral_t) {
    /* The first two are G*Power's published examples (dz = .5, n = 34 and 54); all by Lenth's series (AS 243). */
    WITHIN(stat_power(.5, 34, .05), .8077775, 1e-6);
    WITHIN(stat_power(.5, 54, .05), .9502120, 1e-6);
    WITHIN(stat_power(1, 10, .05), .8030968566, 1e-8);
    WITHIN(stat_power(2, 3, .05), .4707494312, 1e-8);
    WITHIN(stat_power(0, 7, .05), .05, 1e-8);
    WITHIN(stat_power(0, 2, .05), .05, 1e-6);
    WITHIN(stat_detectable(1, 10, .05, .8), .9960013714, 1e-7);
    WITHIN(stat_detectable(.2, 10, .05, .8), .2 * .9960013714, 1e-7);
}
END_TEST

START_TEST(dose_is_interpolated_at_the_first_crossing) {
    const double dose[] = {0, .2, .5, .4, .8}, value[] = {0, .1, .4, .9, .5};
    double v;
    ck_assert_int_eq(stat_at_dose(dose, value, 5, .75, &v), STAT_BRACKETED);
    NEAR(v, .55);
    ck_assert_int_eq(stat_at_dose(dose, value, 5, .45, &v), STAT_BRACKETED);
    NEAR(v, .35);
    ck_assert_int_eq(stat_at_dose(dose, value, 5, .5, &v), STAT_BRACKETED);
    NEAR(v, .4);
    ck_assert_int_eq(stat_at_dose(dose, value, 5, 0, &v), STAT_BRACKETED);
    NEAR(v, 0);
    v = 7;
    ck_assert_int_eq(stat_at_dose(dose, value, 5, .9, &v), STAT_UNBRACKETED);
    ck_assert(isnan(v));
    ck_assert_int_eq(stat_at_dose(dose, value, 5, -.1, &v), STAT_UNBRACKETED);
    ck_assert_int_eq(stat_at_dose(dose, value, 0, .1, &v), STAT_UNBRACKETED);
    /* a gap is bridged: .2 -> .4 over the missing point */
    const double gap[] = {0, .2, NAN, .4}, after[] = {0, 1, 5, 3};
    ck_assert_int_eq(stat_at_dose(gap, after, 4, .3, &v), STAT_BRACKETED);
    NEAR(v, 2);
}
END_TEST

START_TEST(areas_by_hand) {
    const double dose[] = {0, .2, .5, .4, .8}, value[] = {0, .1, .4, .9, .5};
    double area;
    /* .2 * .05 + .3 * .25, then from .5 on the last stretch, where the value is .8: .3 * .65 */
    ck_assert_int_eq(stat_dose_area(dose, value, 5, 0, .8, &area), STAT_BRACKETED);
    NEAR(area, .01 + .075 + .195);
    /* .1 .. .3: .1 * .075 + .1 * .15 */
    ck_assert_int_eq(stat_dose_area(dose, value, 5, .1, .3, &area), STAT_BRACKETED);
    NEAR(area, .0225);
    /* begins above the range: nothing counts before it is crossed from below */
    ck_assert_int_eq(stat_dose_area((double[]){.5, .6, .1, .9}, (double[]){0, 0, 1, 1}, 4, .2, .8, &area), 0);
    NEAR(area, .6);
    ck_assert_int_eq(stat_dose_area(dose, value, 5, 0, .9, &area), STAT_UNBRACKETED);
    ck_assert(isnan(area));
    NEAR(stat_area((double[]){0, 1, 3}, (double[]){0, 2, 2}, 3), 5);
    ck_assert(isnan(stat_area((double[]){0, 2, 1}, (double[]){0, 2, 2}, 3)));
}
END_TEST

START_TEST(slope_by_hand) {
    /* Sxx 5, Sxy 3.5, SSE 2.3; t_{2,.975} = 4.302652729749 */
    struct stat_slope s = stat_slope((double[]){1, 2, 3, 4}, (double[]){2, 4, 5, 4}, 4, .95);
    NEAR(s.slope, .7);
    NEAR(s.intercept, 2);
    NEAR(s.lo, .7 - 4.302652729749 * sqrt(.23));
    NEAR(s.hi, .7 + 4.302652729749 * sqrt(.23));
    s = stat_slope((double[]){1, 3}, (double[]){2, 8}, 2, .95); /* a line through two points has no interval */
    ck_assert_double_eq(s.slope, 3);
    ck_assert(isnan(s.lo) && isnan(s.hi));
    ck_assert(isnan(stat_slope((double[]){1, 1, 1}, (double[]){2, 4, 5}, 3, .95).slope));
}
END_TEST

START_TEST(monitor_figures_by_hand) {
    enum { N = 200 };
    struct stat_monitor m;
    float p[2 * N] = {.4f, .1f, .4f, .8f};
    int y[N] = {0, 1}, said[N] = {0, 1}, group[N] = {0};
    struct stat_monitor_items items = {2, 2, 1, p, y, said, group};
    /* positives .4 .8, negatives .1 .4: 1 + 1/2 + 1 + 1 of 4. One group bounds nothing. */
    stat_monitor(&m, &items, &arena);
    NEAR(m.auroc.value, .875);
    NEAR(m.tpr.value, .5);
    ck_assert(isnan(m.auroc.lo) && isnan(m.accuracy.hi));
    /* 200 negatives 0..199 allow two false alarms: the bar stands at 197 and must be passed. */
    for (int i = 0; i < N; i++) {
        y[i] = 0;
        said[i] = i % 4 == 0 ? 0 : i % 4 == 1 ? -1 : 1;
        p[2 * i] = i < 4 ? (float[]){197, 197.5f, 198.5f, 300}[i] : 0;
        p[2 * i + 1] = (float)i;
    }
    items.n = N;
    stat_monitor(&m, &items, &arena);
    NEAR(m.tpr.value, 3. / N);
    NEAR(m.accuracy.value, .25);
    NEAR(m.gmean2.value, .25 * .5); /* half of the decisions say the wrong one; to say nothing is no alarm */
    /* three tied negatives on top: none of them may be flagged */
    p[2 * 197 + 1] = p[2 * 198 + 1] = 199;
    stat_monitor(&m, &items, &arena);
    NEAR(m.tpr.value, 1. / N);
}
END_TEST

/* Newcombe 1998, Statistics in Medicine 17, table I, method 3. */
START_TEST(wilson_as_published) {
    static const struct {
        int right, n;
        double lo, hi;
    } cases[] = {{81, 263, .2553, .3662}, {15, 148, .0624, .1605}, {0, 20, 0, .1611}, {1, 29, .0061, .1718}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct stat_interval w = stat_wilson((double)cases[i].right / cases[i].n, cases[i].n, .95);
        ck_assert_double_eq_tol(w.lo, cases[i].lo, 5e-5);
        ck_assert_double_eq_tol(w.hi, cases[i].hi, 5e-5);
    }
}
END_TEST

enum { ITEMS = 200, VALUES = 5, GROUPS = 20 };
static float score[ITEMS * VALUES];
static int truth[ITEMS], says[ITEMS], fold[ITEMS];

/* Scores of a coarse grid, so that many are tied; `signal` is added to the true value's. */
static struct stat_monitor_items draw_monitor(struct rng *r, double signal, double shared) {
    for (int i = 0, g = 0; i < ITEMS; i++) {
        double bonus = 0;
        fold[i] = i * GROUPS / ITEMS;
        if (i == 0 || fold[i] != fold[i - 1]) g = rng_uniform(r) < .5;
        bonus = g ? shared : 0;
        truth[i] = (int)rng_below(r, VALUES);
        for (int v = 0; v < VALUES; v++)
            score[i * VALUES + v] = (float)floor(20 * (rng_uniform(r) + (v == truth[i] ? signal + bonus : 0)));
        says[i] = 0;
        for (int v = 1; v < VALUES; v++)
            if (score[i * VALUES + v] > score[i * VALUES + says[i]]) says[i] = v;
    }
    return (struct stat_monitor_items){ITEMS, VALUES, GROUPS, score, truth, says, fold};
}

/* Against the figures counted pair by pair and threshold by threshold. */
START_TEST(monitor_with_ties) {
    struct rng r = rng_open(5, "monitor", 0);
    struct stat_monitor m;
    for (int trial = 0; trial < 5; trial++) {
        const struct stat_monitor_items s = draw_monitor(&r, .1 * trial, 0);
        double wins = 0, best = 0, right = 0;
        for (int i = 0; i < ITEMS; i++) {
            right += says[i] == truth[i];
            for (int j = 0; j < ITEMS * VALUES; j++)
                if (j % VALUES != truth[j / VALUES]) {
                    const float mine = score[i * VALUES + truth[i]];
                    wins += mine > score[j] ? 1 : mine == score[j] ? .5 : 0;
                }
        }
        for (int bar = 0; bar < 60; bar++) {
            int caught = 0, flagged = 0;
            for (int j = 0; j < ITEMS * VALUES; j++) {
                const bool hit = score[j] >= (float)bar, is = j % VALUES == truth[j / VALUES];
                caught += hit && is;
                flagged += hit && !is;
            }
            if (flagged <= ITEMS * (VALUES - 1) / 100) best = fmax(best, (double)caught / ITEMS);
        }
        stat_monitor(&m, &s, &arena);
        NEAR(m.auroc.value, wins / ITEMS / (ITEMS * (VALUES - 1)));
        NEAR(m.tpr.value, best);
        NEAR(m.accuracy.value, right / ITEMS);
        NEAR(m.gmean2.value, right / ITEMS * (1 - (ITEMS - right) / (ITEMS * (VALUES - 1))));
        ck_assert(m.auroc.lo < m.auroc.value && m.auroc.value < m.auroc.hi);
    }
}
END_TEST

/* Four groups that are all right or all wrong: 100 items say no more than three. Wilson at 1/2 of 3:
 * 1/2 -+ 1.95996 sqrt(1/12 + 3.84146/36) / 2.28049. */
START_TEST(monitor_of_alike_groups) {
    enum { N = 100 };
    struct stat_monitor m;
    float p[2 * N];
    int y[N], said[N], group[N];
    for (int i = 0; i < N; i++) {
        group[i] = i / 25;
        y[i] = i % 2;
        said[i] = group[i] < 2 ? y[i] : 1 - y[i];
        p[2 * i + said[i]] = 1;
        p[2 * i + 1 - said[i]] = 0;
    }
    stat_monitor(&m, &(struct stat_monitor_items){N, 2, 4, p, y, said, group}, &arena);
    NEAR(m.accuracy.value, .5);
    ck_assert_double_eq_tol(m.accuracy.lo, .5 - .374665, 1e-5);
    ck_assert_double_eq_tol(m.accuracy.hi, .5 + .374665, 1e-5);
    p[0] = NAN;
    stat_monitor(&m, &(struct stat_monitor_items){N, 2, 4, p, y, said, group}, &arena);
    ck_assert(isnan(m.accuracy.value) && isnan(m.auroc.lo));
}
END_TEST

/* Null: no signal, AUROC's interval covers 1/2 about as often as it says, also where whole groups share a bonus (then
 * the mean over many draws is the truth). */
START_TEST(monitor_coverage) {
    enum { DRAWS = 200 };
    struct rng r = rng_open(6, "monitor", 0);
    static struct stat_figure drawn[DRAWS];
    for (int shared = 0; shared < 2; shared++) {
        double mean = 0;
        int covered = 0;
        for (int b = 0; b < DRAWS; b++) {
            struct stat_monitor m;
            const struct stat_monitor_items s = draw_monitor(&r, 0, shared ? .5 : 0);
            stat_monitor(&m, &s, &arena);
            drawn[b] = m.auroc;
            mean += m.auroc.value / DRAWS;
        }
        if (!shared) mean = .5;
        for (int b = 0; b < DRAWS; b++) covered += drawn[b].lo <= mean && mean <= drawn[b].hi;
        /* binomial, 95 %: 190 +- 3; the jackknife may be a little short or wide */
        ck_assert_msg(covered >= 178 && covered <= 199, "covered %d of %d", covered, DRAWS);
    }
}
END_TEST

START_TEST(bootstraps_by_hand) {
    struct rng rng = rng_open(3, "test", 0), same = rng_open(3, "test", 0);
    const double two[] = {0, 1}, ten[] = {.3, .1, .4, .1, .5, .9, .2, .6, .5, .3};
    /* Half of the resamples of two points have no spread: the bootstrap-t is unbounded, the percentiles are the ends. */
    struct stat_interval t = stat_boot_t(two, 2, .95, 999, &rng, &arena);
    ck_assert(isinf(t.lo) && t.lo < 0 && isinf(t.hi) && t.hi > 0);
    t = stat_boot_percentile(two, 2, .95, 999, &rng, &arena);
    ck_assert(t.lo == 0 && t.hi == 1);
    rng = same;
    struct stat_interval first = stat_boot_t(ten, 10, .95, 999, &rng, &arena);
    struct stat_interval again = stat_boot_t(ten, 10, .95, 999, &same, &arena);
    ck_assert(first.lo == again.lo && first.hi == again.hi && first.lo < stat_mean(ten, 10));
    /* A long tail to the right: samples without it have a low mean and a small spread, so t's own tail is to the left and
     * the interval's to the right (Efron and Tibshirani 1993, chapter 12). */
    const double skew[] = {0, 0, .1, .1, .2, .2, .3, .4, 1.5, 3};
    const double mean = stat_mean(skew, 10);
    t = stat_boot_t(skew, 10, .9, 999, &rng, &arena);
    ck_assert(t.lo < mean && t.hi - mean > 1.3 * (mean - t.lo));
}
END_TEST

static void normals(double *x, int n, double mean, double sd, struct rng *rng) {
    for (int i = 0; i < n; i++) x[i] = mean + sd * (double)rng_normal(rng);
}

START_TEST(primary_interval_covers_at_ten_seeds) {
    struct rng rng = rng_open(4, "test", 0);
    enum { SETS = 20000 };
    int t95 = 0, t90 = 0;
    double x[10];
    for (int s = 0; s < SETS; s++) {
        normals(x, 10, .3, .2, &rng);
        struct stat_interval a = stat_t_interval(x, 10, .95), b = stat_t_interval(x, 10, .90);
        t95 += a.lo < .3 && .3 < a.hi;
        t90 += b.lo < .3 && .3 < b.hi;
    }
    /* standard errors .0015 and .0021 */
    WITHIN(t95 / (double)SETS, .95, .006);
    WITHIN(t90 / (double)SETS, .90, .008);
}
END_TEST

START_TEST(bootstrap_t_covers_and_percentile_falls_short) {
    struct rng rng = rng_open(5, "test", 0);
    enum { SETS = 2000 };
    int boot = 0, percentile = 0;
    double x[10];
    for (int s = 0; s < SETS; s++) {
        normals(x, 10, 0, 1, &rng);
        struct stat_interval a = stat_boot_t(x, 10, .95, 399, &rng, &arena);
        struct stat_interval b = stat_boot_percentile(x, 10, .95, 399, &rng, &arena);
        boot += a.lo < 0 && 0 < a.hi;
        percentile += b.lo < 0 && 0 < b.hi;
    }
    WITHIN(boot / (double)SETS, .95, .02);
    /* sd is short by sqrt(9/10) and the normal's quantile stands for t_9's: about .90 */
    WITHIN(percentile / (double)SETS, .905, .025);
}
END_TEST

START_TEST(tost_has_its_closed_form_and_its_level) {
    /* mean .1, se .1, one degree of freedom: the Cauchy tail at (.1 + .3) / .1 and (.3 - .1) / .1 */
    struct stat_tost r = stat_tost((double[]){0, .2}, 2, .3, .05);
    NEAR(r.p_lower, .5 - atan(4) / pi);
    NEAR(r.p_upper, .5 - atan(2) / pi);
    NEAR(r.p, r.p_upper);
    ck_assert(!r.equivalent);
    r = stat_tost((double[]){.1, .1, .1}, 3, .15, .05);
    ck_assert(r.equivalent && r.p == 0);
    r = stat_tost((double[]){.2, .2, .2}, 3, .15, .05);
    ck_assert(!r.equivalent && r.p == 1);

    struct rng rng = rng_open(6, "test", 0);
    enum { SETS = 20000 };
    int upper = 0, lower = 0;
    double x[10];
    for (int s = 0; s < SETS; s++) {
        normals(x, 10, .15, .05, &rng);
        r = stat_tost(x, 10, .15, .05);
        ck_assert(r.equivalent == (r.p < .05));
        upper += r.equivalent;
        for (int i = 0; i < 10; i++) x[i] -= .3;
        lower += stat_tost(x, 10, .15, .05).equivalent;
    }
    WITHIN(upper / (double)SETS, .05, .006);
    WITHIN(lower / (double)SETS, .05, .006);
}
END_TEST

START_TEST(adjusted_p_by_hand) {
    const double p[] = {.01, .04, NAN, .03, .005};
    double q[5];
    stat_holm(p, 5, q, &arena);
    NEAR(q[0], .03);
    NEAR(q[1], .06);
    ck_assert(isnan(q[2]));
    NEAR(q[3], .06);
    NEAR(q[4], .02);
    stat_bh(p, 5, q, &arena);
    NEAR(q[0], .02);
    NEAR(q[1], .04);
    ck_assert(isnan(q[2]));
    NEAR(q[3], .04);
    NEAR(q[4], .02);
    double large[] = {.6, .9};
    stat_holm(large, 2, large, &arena);
    ck_assert(large[0] == 1 && large[1] == 1);
}
END_TEST

START_TEST(sign_flip_under_holm_holds_its_level) {
    struct rng rng = rng_open(7, "test", 0);
    enum { SETS = 4000 };
    int family = 0, single = 0, one_real = 0;
    for (int s = 0; s < SETS; s++) {
        double x[10], p[5], q[5];
        for (int k = 0; k < 5; k++) {
            normals(x, 10, 0, 1, &rng);
            p[k] = stat_signflip(x, 10, NULL, 0);
        }
        single += p[0] < .05;
        stat_holm(p, 5, q, &arena);
        family += q[0] < .05 || q[1] < .05 || q[2] < .05 || q[3] < .05 || q[4] < .05;
        p[0] = 2. / 1024; /* a claim that holds leaves four true nulls */
        stat_holm(p, 5, q, &arena);
        one_real += q[1] < .05 || q[2] < .05 || q[3] < .05 || q[4] < .05;
    }
    /* p < .05 is at most 25 of 512 pairs of patterns, .0488; p < .05/5: 5 pairs; p < .05/4: 6 pairs */
    WITHIN(single / (double)SETS, 25. / 512, .011);
    WITHIN(family / (double)SETS, 1 - pow(1 - 5. / 512, 5), .011);
    WITHIN(one_real / (double)SETS, 1 - pow(1 - 6. / 512, 4), .011);
}
END_TEST

START_TEST(shapes_have_their_moments) {
    enum { N = 200000 };
    static double x[N];
    static const double skewness[STAT_SHAPES] = {
        0, 2, .609}; /* of three modes .02, .4, .9: sum w ((v-m)^3 + 3 (v-m) .05^2) / s^3 */
    for (int shape = 0; shape < STAT_SHAPES; shape++) {
        struct rng rng = rng_open(8, "shape", (uint64_t)shape);
        double third = 0;
        stat_shape_draw(shape, x, N, &rng);
        for (int i = 0; i < N; i++) third += x[i] * x[i] * x[i] / N;
        WITHIN(stat_mean(x, N), 0, .01);
        WITHIN(stat_sd(x, N), 1, .01);
        WITHIN(third, skewness[shape], .06);
    }
}
END_TEST

/* 10,000 sets: standard errors .0022 at .95, .003 at .90. For the exponential at n = 10 the t interval is known to cover
 * about .90, most of it lost on one side. */
START_TEST(what_is_simulated_is_what_is_known) {
    const struct stat_simulated normal = stat_simulate(STAT_NORMAL, 10, 10000, 1, &arena),
                                skewed = stat_simulate(STAT_SKEWED, 10, 10000, 1, &arena);
    WITHIN(normal.t95, .95, .01);
    WITHIN(normal.t90, .90, .012);
    WITHIN(normal.boot_t, .95, .03);
    WITHIN(normal.percentile, .905, .035);
    WITHIN(normal.equivalent, .05, .01);
    WITHIN(normal.sign_flip, 25. / 512, .009);
    WITHIN(normal.holm, 1 - pow(1 - 5. / 512, 5), .009);
    WITHIN(skewed.t95, .90, .015);
    ck_assert_double_gt(skewed.equivalent, .08);
    ck_assert_double_gt(skewed.boot_t, skewed.t95);
    const struct stat_simulated again = stat_simulate(STAT_SKEWED, 10, 10000, 1, &arena);
    ck_assert(memcmp(&again, &skewed, sizeof again) == 0);
}
END_TEST

START_TEST(posterior_has_its_closed_form) {
    /* Two seeds, mean 0, se 1: t_1 is the Cauchy, and 1/(1+x^2)^2 integrates to (x/(1+x^2) + atan x)/2. */
    double d = .5, above = (pi / 4 - (d / (1 + d * d) + atan(d)) / 2) / (pi / 2);
    double prior = (.5 - atan(d) / pi) / (.5 + atan(d) / pi);
    struct stat_posterior r = stat_posterior(0, sqrt(2), 2, d, 1, .25);
    NEAR(r.prior_odds, prior);
    NEAR(r.posterior_odds, above / (1 - above));
    NEAR(r.odds, .25 * above / (1 - above) / prior);
    NEAR(r.probability, r.odds / (1 + r.odds));
}
END_TEST

START_TEST(posterior_agrees_with_a_midpoint_sum) {
    /* midpoint sums of the two densities over mu within 60 of delta, 1e6 points, in another language */
    static const struct {
        double mean, sd;
        int n;
        double scale, prior, posterior;
    } row[] = {{.30, .25, 10, .2, .41877626877, 8.71756197766},
               {.05, .25, 10, .2, .41877626877, .07793366921},
               {-.4, .10, 12, .1, .23026507467, 1.5903202831e-9}};
    for (int i = 0; i < COUNT(row); i++) {
        struct stat_posterior r = stat_posterior(row[i].mean, row[i].sd, row[i].n, .15, row[i].scale, .25);
        ck_assert_double_eq_tol(r.prior_odds / row[i].prior, 1, 1e-9);
        ck_assert_double_eq_tol(r.posterior_odds / row[i].posterior, 1, 1e-6);
        ck_assert_double_eq_tol(r.odds / (.25 * row[i].posterior / row[i].prior), 1, 1e-6);
    }
}
END_TEST

START_TEST(posterior_limits) {
    struct stat_posterior s[3];
    /* No information leaves the claim's own odds; even odds about 0 by symmetry. */
    WITHIN(stat_posterior(.3, 1e6, 10, .15, .2, .25).odds, .25, 1e-4);
    WITHIN(stat_posterior(0, .1, 10, 0, .2, .25).odds, .25, 1e-9);
    /* A peak a million times narrower than the prior must not be missed: Cauchy tail of t_9 at 3 se. */
    struct stat_posterior narrow = stat_posterior(.15 + 3e-7, 1e-7 * sqrt(10), 10, .15, .2, .25);
    ck_assert_double_eq_tol(narrow.posterior_odds, (1 - .00747818) / .00747818, .01); /* P(T_9 > 3) = .0074782 */
    /* se 1e-6 at .15 above delta: about (peak: c se) against (tail: (9 se^2 / .15^2)^5 .15 / 9), some 1e42 */
    ck_assert_double_gt(stat_posterior(.3, 1e-6 * sqrt(10), 10, .15, .2, .25).posterior_odds, 1e40);
    /* at 300 seeds the likelihood underflows to 0 all around that peak: infinite odds, not 0 / 0 */
    struct stat_posterior sure = stat_posterior(.3, 1e-6 * sqrt(300), 300, .15, .2, .25);
    ck_assert(isinf(sure.odds) && sure.probability == 1);
    ck_assert(isnan(stat_posterior(.3, 0, 10, .15, .2, .25).odds));
    ck_assert(isnan(stat_posterior(.3, .1, 1, .15, .2, .25).odds));
    ck_assert(isnan(stat_posterior(.3, .1, 10, .15, 0, .25).odds));
    stat_posterior_sensitivity(.3, .25, 10, .15, .2, .25, s);
    NEAR(s[1].prior_odds, (.5 - atan(1.5) / pi) / (.5 + atan(1.5) / pi));
    NEAR(s[2].prior_odds, (.5 - atan(.375) / pi) / (.5 + atan(.375) / pi));
    NEAR(s[0].odds, stat_posterior(.3, .25, 10, .15, .2, .25).odds);
}
END_TEST

START_TEST(rliable_figures_by_hand) {
    double out[3];
    stat_profile((double[]){0, .5, 1, 1}, 4, (double[]){-1, .5, 1}, 3, out);
    NEAR(out[0], 1);
    NEAR(out[1], .5);
    NEAR(out[2], 0);
    NEAR(stat_improve((double[]){1, 2}, 2, (double[]){1, 0}, 2), .875);
    ck_assert(isnan(stat_improve((double[]){1, 2}, 2, NULL, 0)));
    struct rng rng = rng_open(8, "test", 0);
    struct stat_interval r = stat_improve_interval((double[]){3, 4}, 2, (double[]){1, 2}, 2, .95, 199, &rng, &arena);
    ck_assert(r.lo == 1 && r.hi == 1);
    r = stat_improve_interval((double[]){1, 3, 5}, 3, (double[]){2, 4, 6}, 3, .95, 199, &rng, &arena);
    ck_assert(r.lo < 1. / 3 && r.hi > 1. / 3 && r.lo >= 0 && r.hi <= 1);
}
END_TEST

Suite *suite_stat(void) {
    Suite *s = suite_create("stat");
    TCase *t = tcase_create("stat");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, mean_sd_and_t_interval_by_hand);
    tcase_add_test(t, what_cannot_be_computed_is_nan);
    tcase_add_test(t, outside_the_domain_is_nan);
    tcase_add_test(t, interquartile_mean_by_hand);
    tcase_add_test(t, sign_flip_counts_patterns);
    tcase_add_test(t, power_agrees_with_the_noncentral_t);
    tcase_add_test(t, dose_is_interpolated_at_the_first_crossing);
    tcase_add_test(t, areas_by_hand);
    tcase_add_test(t, slope_by_hand);
    tcase_add_test(t, monitor_figures_by_hand);
    tcase_add_test(t, wilson_as_published);
    tcase_add_test(t, monitor_with_ties);
    tcase_add_test(t, monitor_of_alike_groups);
    tcase_add_test(t, monitor_coverage);
    tcase_add_test(t, bootstraps_by_hand);
    tcase_add_test(t, primary_interval_covers_at_ten_seeds);
    tcase_add_test(t, bootstrap_t_covers_and_percentile_falls_short);
    tcase_add_test(t, tost_has_its_closed_form_and_its_level);
    tcase_add_test(t, adjusted_p_by_hand);
    tcase_add_test(t, sign_flip_under_holm_holds_its_level);
    tcase_add_test(t, shapes_have_their_moments);
    tcase_add_test(t, what_is_simulated_is_what_is_known);
    tcase_add_test(t, posterior_has_its_closed_form);
    tcase_add_test(t, posterior_agrees_with_a_midpoint_sum);
    tcase_add_test(t, posterior_limits);
    tcase_add_test(t, rliable_figures_by_hand);
    suite_add_tcase(s, t);
    return s;
}
