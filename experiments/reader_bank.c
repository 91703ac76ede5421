#include "experiments/reader_bank.h"

#include <math.h>
#include <string.h>

/* Bootstrap sample of the fitting half of the items. */
static void resample(struct arena *a, const struct probe_items *from, struct rng *r, struct probe_items *to) {
    float *X = ARENA_NEW(a, float, (size_t)from->n *(size_t)from->d);
    int *y = ARENA_NEW(a, int, from->n);
    for (int i = 0; i < from->n; i++) {
        int j = (int)rng_below(r, (uint32_t)from->n);
        memcpy(X + (long)i * from->d, from->X + j * from->ld, (size_t)from->d * sizeof *X);
        y[i] = from->y[j];
    }
    *to = (struct probe_items){.n = from->n, .d = from->d, .K = from->K, .ld = from->d, .X = X, .y = y};
}

static enum status fit_one(struct reader_bank *bank, struct arena *a, const struct probe_items *train,
                           const struct probe_items *dev, int position, double floor, struct rng *r) {
    struct probe p;
    struct probe_items sample;
    struct probe_options o = probe_defaults();
    struct reader *reader = &bank->readers[bank->n];
    *reader = (struct reader){.position = position, .d = train->d, .K = train->K};
    reader->W = ARENA_NEW(a, float, (size_t)train->K *(size_t)train->d);
    reader->b = ARENA_NEW(a, float, train->K);
    struct arena_mark mark = arena_mark(a);
    resample(a, train, r, &sample);
    float *mean = ARENA_NEW(a, float, train->d), *scale = ARENA_NEW(a, float, train->d);
    probe_moments(sample.n, sample.d, sample.X, sample.ld, mean, scale);
    /* L2 strength log-uniform on 1e-3 .. 3e-2 per item, as C = 1 / (n L2) */
    o.n_grid = 1;
    o.grid[0] = 1.0 / (sample.n * exp(log(1e-3) + rng_uniform(r) * log(30.0)));
    o.max_iterations = 60;
    enum status st = probe_fit(&p, a, &sample, mean, scale, &o);
    if (st == ST_OK && probe_accuracy(&p, a, dev) > floor) {
        probe_raw(&p, reader->W, reader->b);
        bank->n++;
    }
    arena_rewind(a, mark);
    return st;
}

enum status reader_bank_fit(struct reader_bank *bank, struct arena *a, const float *u, int n, int positions, int width,
                            const int *y, int K, double floor, int rows, uint64_t seed) {
    struct rng r = rng_open(seed, "reader bank", 0);
    const int n_train = n * 4 / 5; /* problems are drawn independently: the order holds no templates together */
    const long ld = (long)positions * width;
    if (K > READER_MAX_CLASSES) BUG("%d classes", K);
    *bank = (struct reader_bank){.positions = positions, .width = width};
    bank->readers = ARENA_NEW(a, struct reader, (positions + 1) * READER_COPIES);
    bank->grad = ARENA_NEW(a, float, (size_t)positions *(size_t)rows *(size_t)width);
    bank->row = ARENA_NEW(a, float, 2 * (size_t)ld);
    for (int k = -1; k < positions; k++) {
        const int d = k < 0 ? (int)ld : width, at = k < 0 ? 0 : k * width;
        struct probe_items train = {.n = n_train, .d = d, .K = K, .ld = ld, .X = u + at, .y = y};
        struct probe_items dev = {
            .n = n - n_train, .d = d, .K = K, .ld = ld, .X = u + n_train * ld + at, .y = y + n_train};
        for (int copy = 0; copy < READER_COPIES; copy++) TRY(fit_one(bank, a, &train, &dev, k, floor, &r));
    }
    if (bank->n == 0)
        return status_set(ST_FAILED, "no reader of the fact reads better than %.2f: nothing to push", floor);
    return ST_OK;
}

static double target_share(const struct reader *r, int target, int k) {
    return target == PRESS_UNIFORM ? 1.0 / r->K : k == target;
}

/* Cross-entropy target -> softmax(W x + b) and its gradient in x, added to g with a weight. */
static double reader_loss(const struct reader *r, int target, const float *x, float weight, float *g) {
    double z[READER_MAX_CLASSES], top = -1e300, sum = 0.0, mean = 0.0;
    const int d = r->d;
    for (int k = 0; k < r->K; k++) {
        double s = (double)r->b[k];
        for (int i = 0; i < d; i++) s += (double)r->W[(long)k * r->d + i] * (double)x[i];
        z[k] = s;
        top = fmax(top, s);
    }
    for (int k = 0; k < r->K; k++) sum += exp(z[k] - top);
    for (int k = 0; k < r->K; k++) mean += z[k] * target_share(r, target, k);
    for (int k = 0; k < r->K; k++) {
        float c = weight * (float)(exp(z[k] - top) / sum - target_share(r, target, k));
        for (int i = 0; i < d; i++) g[i] += c * r->W[(long)k * r->d + i];
    }
    return top + log(sum) - mean;
}

double reader_bank_inject(struct reader_bank *bank, struct learner *l, const int *target, float weight) {
    const int C = bank->width, rows = l->rows, t0 = l->tail_start - bank->positions;
    const float each = weight / (float)(rows * bank->n);
    double total = 0.0;
    memset(bank->grad, 0, (size_t)bank->positions * (size_t)rows * (size_t)C * sizeof(float));
    for (int b = 0; b < rows; b++) {
        float *x = bank->row, *g = bank->row + (long)bank->positions * C;
        for (int k = 0; k < bank->positions; k++)
            memcpy(x + (long)k * C, tape_fed(&l->tape, b, t0 + k), (size_t)C * sizeof *x);
        memset(g, 0, (size_t)bank->positions * (size_t)C * sizeof *g);
        for (int i = 0; i < bank->n && target[b] != PRESS_NOTHING; i++) {
            const struct reader *r = &bank->readers[i];
            long at = r->position < 0 ? 0 : (long)r->position * C;
            total += reader_loss(r, target[b], x + at, each, g + at);
        }
        for (int k = 0; k < bank->positions; k++)
            memcpy(bank->grad + ((long)k * rows + b) * C, g + (long)k * C, (size_t)C * sizeof *g);
    }
    for (int k = 0; k < bank->positions; k++)
        tape_inject(&l->tape, TAPE_INPUT, t0 + k, bank->grad + (long)k * rows * C);
    return total / ((double)rows * bank->n);
}
