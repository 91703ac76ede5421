#include "metrics/sae_read.h"

#include <math.h>
#include <stdlib.h>

/* Mean and variance of a unit within and outside a class. */
struct contrast {
    double score;
    int unit;
};

static int by_score(const void *a, const void *b) {
    const struct contrast *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->unit - y->unit;
}

static double contrast_of(const double sum[2], const double squares[2], const int count[2]) {
    if (count[0] == 0 || count[1] == 0) return 0;
    double mean0 = sum[0] / count[0], mean1 = sum[1] / count[1];
    double within = squares[0] - sum[0] * mean0 + squares[1] - sum[1] * mean1;
    /* The floor keeps a unit without spread comparable instead of infinite. */
    return fabs(mean1 - mean0) / sqrt(fmax(within / (count[0] + count[1]), 0) + 1e-12);
}

/* All units at once: items stand row by row. */
static void contrasts(struct arena *scratch, const struct probe_items *items, int class, struct contrast *all) {
    const int d = items->d;
    int count[2] = {0};
    double *sum[2], *squares[2];
    for (int side = 0; side < 2; side++) {
        sum[side] = ARENA_NEW(scratch, double, d);
        squares[side] = ARENA_NEW(scratch, double, d);
    }
    for (int i = 0; i < items->n; i++) {
        const float *x = items->X + i * items->ld;
        const int side = items->y[i] == class;
        double *to = sum[side], *to_squares = squares[side];
        count[side]++;
        for (int u = 0; u < d; u++) {
            to[u] += (double)x[u];
            to_squares[u] += (double)x[u] * (double)x[u];
        }
    }
    for (int u = 0; u < d; u++) {
        const double s[2] = {sum[0][u], sum[1][u]}, q[2] = {squares[0][u], squares[1][u]};
        all[u] = (struct contrast){.score = contrast_of(s, q, count), .unit = u};
    }
}

void sae_read_choose(struct arena *scratch, const struct probe_items *train, int class, int k, int *unit) {
    struct arena_mark mark = arena_mark(scratch);
    struct contrast *all = ARENA_NEW(scratch, struct contrast, train->d);
    contrasts(scratch, train, class, all);
    qsort(all, (size_t)train->d, sizeof *all, by_score);
    for (int c = 0; c < k; c++) unit[c] = all[c].unit;
    arena_rewind(scratch, mark);
}

/* The chosen columns and the binary label "is of this class". */
static struct probe_items one_class(struct arena *scratch, const struct probe_items *items, int class, int k,
                                    const int *unit) {
    float *X = ARENA_NEW(scratch, float, (size_t)items->n *k);
    int *y = ARENA_NEW(scratch, int, items->n);
    for (int i = 0; i < items->n; i++) {
        y[i] = items->y[i] == class;
        for (int c = 0; c < k; c++) X[(long)i * k + c] = items->X[i * items->ld + unit[c]];
    }
    return (struct probe_items){.n = items->n, .d = k, .K = 2, .ld = k, .X = X, .y = y, .group = items->group};
}

static int count_class(const struct probe_items *items, int class) {
    int count = 0;
    for (int i = 0; i < items->n; i++) count += items->y[i] == class;
    return count;
}

static enum status balanced_accuracy(double *score, struct arena *scratch, const struct probe_items *train,
                                     const struct probe_items *test, int class, int k) {
    int *unit = ARENA_NEW(scratch, int, k);
    sae_read_choose(scratch, train, class, k, unit);
    struct probe_items fit = one_class(scratch, train, class, k, unit), held = one_class(scratch, test, class, k, unit);
    float *mean = ARENA_NEW(scratch, float, k), *scale = ARENA_NEW(scratch, float, k);
    float *prob = ARENA_NEW(scratch, float, 2 * (size_t)held.n);
    probe_moments(fit.n, k, fit.X, k, mean, scale);
    struct probe_options options = probe_defaults();
    options.n_grid = 1;
    options.grid[0] = 1;
    struct probe p;
    TRY(probe_fit(&p, scratch, &fit, mean, scale, &options));
    probe_predict(&p, scratch, held.n, held.X, k, prob);
    double threshold = (double)count_class(train, class) / train->n;
    int hits[2] = {0}, count[2] = {0};
    for (int i = 0; i < held.n; i++) {
        count[held.y[i]]++;
        hits[held.y[i]] += (prob[2 * i + 1] > threshold) == held.y[i];
    }
    *score = .5 * hits[0] / count[0] + .5 * hits[1] / count[1];
    return ST_OK;
}

enum status sae_read_sparse(double *score, struct arena *scratch, const struct probe_items *train,
                            const struct probe_items *test, int k) {
    if (k < 1 || k > train->d) return status_set(ST_USAGE, "sae: %d of %d units", k, train->d);
    double sum = 0;
    int used = 0;
    for (int class = 0; class < train->K; class ++) {
        int in_train = count_class(train, class), in_test = count_class(test, class);
        if (in_train == 0 || in_test == 0 || in_train == train->n || in_test == test->n) continue;
        struct arena_mark mark = arena_mark(scratch);
        double one = 0;
        enum status st = balanced_accuracy(&one, scratch, train, test, class, k);
        arena_rewind(scratch, mark);
        if (st != ST_OK) return st;
        sum += one;
        used++;
    }
    *score = used > 0 ? sum / used : NAN;
    return ST_OK;
}

/* I(u fires; factor f) in nats, Miller-Madow corrected, from counts[K][2]. */
static double information(int n, int K, const int *counts) {
    double fires[2] = {0}, sum = 0;
    int present = 0;
    for (int k = 0; k < K; k++)
        for (int s = 0; s < 2; s++) fires[s] += counts[2 * k + s];
    for (int k = 0; k < K; k++) {
        double all = counts[2 * k] + counts[2 * k + 1];
        present += all > 0;
        for (int s = 0; s < 2; s++)
            if (counts[2 * k + s] > 0) sum += counts[2 * k + s] * log(counts[2 * k + s] * n / (all * fires[s])) / n;
    }
    if (fires[0] == 0 || fires[1] == 0) return 0;
    return fmax(0, sum - (present - 1) / (2. * n));
}

double sae_read_purity(struct arena *scratch, int n, int units, const float *Z, int F, const int *label, const int *K,
                       double *purity) {
    struct arena_mark mark = arena_mark(scratch);
    double *known = ARENA_NEW(scratch, double, F), weighted = 0, weight = 0;
    for (int u = 0; u < units; u++) {
        double total = 0, entropy = 0;
        for (int f = 0; f < F; f++) {
            struct arena_mark factor = arena_mark(scratch);
            int *counts = ARENA_NEW(scratch, int, 2 * K[f]);
            for (int i = 0; i < n; i++) counts[2 * label[(long)i * F + f] + (Z[(long)i * units + u] > 0)]++;
            known[f] = information(n, K[f], counts);
            total += known[f];
            arena_rewind(scratch, factor);
        }
        for (int f = 0; f < F; f++)
            if (known[f] > 0) entropy -= known[f] / total * log(known[f] / total);
        purity[u] = total > 0 ? 1 - entropy / log(F) : NAN;
        if (total > 0) {
            weighted += total * purity[u];
            weight += total;
        }
    }
    arena_rewind(scratch, mark);
    return weight > 0 ? weighted / weight : NAN;
}
