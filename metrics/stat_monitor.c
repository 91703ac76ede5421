#include "metrics/stat_monitor.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/status.h"

static const double max_fpr = .01, level = .95;

/* Items and values as questions, by score, the lowest first. */
struct ranking {
    int n;
    uint32_t *score;      /* [n] bits of a float that is not negative: they order as the numbers do */
    unsigned char *label; /* [n] */
    int *fold;            /* [n] */
};

/* One pass of a stable counting sort, by 11 bits of the score. */
static void sort_pass(int n, int shift, const uint32_t *score, const uint32_t *at, uint32_t *to_score,
                      uint32_t *to_at) {
    enum { BUCKETS = 2048 };
    uint32_t place[BUCKETS + 1] = {0};
    for (int i = 0; i < n; i++) place[(score[i] >> shift & (BUCKETS - 1)) + 1]++;
    for (int b = 0; b < BUCKETS; b++) place[b + 1] += place[b];
    for (int i = 0; i < n; i++) {
        const uint32_t to = place[score[i] >> shift & (BUCKETS - 1)]++;
        to_score[to] = score[i];
        to_at[to] = at[i];
    }
}

static void rank(struct ranking *r, struct arena *a, const struct stat_monitor_items *items) {
    const int n = items->n * items->K;
    uint32_t *score[2] = {ARENA_NEW(a, uint32_t, n), ARENA_NEW(a, uint32_t, n)};
    uint32_t *at[2] = {ARENA_NEW(a, uint32_t, n), ARENA_NEW(a, uint32_t, n)};
    memcpy(score[0], items->p, (size_t)n * sizeof(float));
    for (int i = 0; i < n; i++) at[0][i] = (uint32_t)i;
    for (int pass = 0; pass < 3; pass++)
        sort_pass(n, 11 * pass, score[pass % 2], at[pass % 2], score[1 - pass % 2], at[1 - pass % 2]);
    *r = (struct ranking){
        .n = n, .score = score[1], .label = ARENA_NEW(a, unsigned char, n), .fold = ARENA_NEW(a, int, n)};
    for (int i = 0; i < n; i++) {
        const int item = (int)at[1][i] / items->K, value = (int)at[1][i] % items->K;
        r->label[i] = value == items->y[item];
        r->fold[i] = items->fold[item];
    }
}

/* auroc and tpr of all questions but those of fold `without` (-1: of all). */
static void rank_figures(const struct ranking *r, int without, double *auroc, double *tpr) {
    long count[2] = {0, 0}, upto[2] = {0, 0}, caught = -1;
    double wins = 0.0;
    for (int i = 0; i < r->n; i++) count[r->label[i]] += r->fold[i] != without;
    const long allowed = (long)floor(max_fpr * (double)count[0] + 1e-9);
    for (int i = 0, j; i < r->n; i = j) {
        long here[2] = {0, 0};
        for (j = i; j < r->n && r->score[j] == r->score[i]; j++) here[r->label[j]] += r->fold[j] != without;
        wins += (double)here[1] * ((double)upto[0] + .5 * (double)here[0]);
        upto[0] += here[0];
        upto[1] += here[1];
        /* a threshold at this score or below it would flag more negatives than are allowed */
        if (caught < 0 && upto[0] >= count[0] - allowed && allowed < count[0]) caught = count[1] - upto[1];
    }
    *auroc = count[0] && count[1] ? wins / (double)count[1] / (double)count[0] : NAN;
    *tpr = !count[0] || !count[1] ? NAN : caught < 0 ? 1.0 : (double)caught / (double)count[1];
}

/* Every item has one positive and K - 1 negatives; a decision that is wrong misses the one and flags one of the others. */
static void decision_figures(const struct stat_monitor_items *s, int without, double *accuracy, double *gmean2) {
    long n = 0, right = 0, false_alarms = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->fold[i] == without) continue;
        n++;
        right += s->says[i] == s->y[i];
        false_alarms += s->says[i] >= 0 && s->says[i] != s->y[i];
    }
    *accuracy = n ? (double)right / (double)n : NAN;
    *gmean2 = *accuracy * (1.0 - (double)false_alarms / ((double)n * (s->K - 1)));
}

enum { ACCURACY, AUROC, TPR, GMEAN2, FIGURES };

static void figures(const struct stat_monitor_items *items, const struct ranking *r, int without, double *x) {
    rank_figures(r, without, &x[AUROC], &x[TPR]);
    decision_figures(items, without, &x[ACCURACY], &x[GMEAN2]);
}

/* The figures without one group. */
struct replicate {
    double x[FIGURES];
};

static double jackknife_se(const struct replicate *without, int folds, int figure) {
    double mean = 0.0, squares = 0.0;
    for (int g = 0; g < folds; g++) mean += without[g].x[figure] / folds;
    for (int g = 0; g < folds; g++) squares += (without[g].x[figure] - mean) * (without[g].x[figure] - mean);
    return sqrt((folds - 1.0) / folds * squares);
}

struct stat_interval stat_wilson(double share, double n, double level_) {
    const double z = gsl_cdf_ugaussian_Pinv((1 + level_) / 2), zz = z * z / n;
    const double centre = (share + zz / 2) / (1 + zz);
    const double half = z * sqrt(share * (1 - share) / n + zz / (4 * n)) / (1 + zz);
    return (struct stat_interval){fmax(0, centre - half), fmin(1, centre + half)};
}

static struct stat_figure around(double x, double se, int folds) {
    const double half = gsl_cdf_tdist_Pinv((1 + level) / 2, folds - 1) * se;
    return (struct stat_figure){x, fmax(0.0, x - half), fmin(1.0, x + half)};
}

static struct stat_figure share_of(double x, double se, int n) {
    const double effect = x > 0 && x < 1 ? se * se / (x * (1 - x) / n) : 1.0;
    const struct stat_interval w = stat_wilson(x, n / fmax(1.0, effect), level);
    return (struct stat_figure){x, fmin(w.lo, x), fmax(w.hi, x)};
}

void stat_monitor(struct stat_monitor *out, const struct stat_monitor_items *items, struct arena *scratch) {
    const struct stat_figure none = {NAN, NAN, NAN};
    *out = (struct stat_monitor){none, none, none, none};
    for (long i = 0; i < (long)items->n * items->K; i++) {
        if (!isfinite(items->p[i])) return;
        if (signbit(items->p[i])) BUG("a score below 0");
    }
    const struct arena_mark mark = arena_mark(scratch);
    struct ranking r;
    double all[FIGURES], se[FIGURES] = {NAN, NAN, NAN, NAN};
    struct replicate *without = ARENA_NEW(scratch, struct replicate, items->folds);
    rank(&r, scratch, items);
    figures(items, &r, -1, all);
    for (int g = 0; g < items->folds; g++) figures(items, &r, g, without[g].x);
    for (int f = 0; f < FIGURES && items->folds > 1; f++) se[f] = jackknife_se(without, items->folds, f);
    const bool have = items->folds > 1;
    out->accuracy = have ? share_of(all[ACCURACY], se[ACCURACY], items->n) : (struct stat_figure){all[0], NAN, NAN};
    struct stat_figure *const others[] = {&out->auroc, &out->tpr, &out->gmean2};
    for (int f = AUROC; f <= GMEAN2; f++)
        *others[f - AUROC] = have ? around(all[f], se[f], items->folds) : (struct stat_figure){all[f], NAN, NAN};
    arena_rewind(scratch, mark);
}
