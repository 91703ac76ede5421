#include "metrics/probe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "metrics/probe_net.h"

/* CV only ranks values of C; the kept probe is fitted closer. */
static const double tolerance_cv = 1e-4, tolerance_kept = 1e-6;

struct probe_options probe_defaults(void) {
    return (struct probe_options){
        .n_grid = 5, .grid = {.001, .01, .1, 1, 10}, .folds = 3, .max_iterations = 300, .seed = 1};
}

struct probe_options probe_defaults_hidden(void) {
    return (struct probe_options){
        .hidden = 32, .n_grid = 4, .grid = {.003, .03, .3, 3}, .folds = 3, .max_iterations = 100, .seed = 1};
}

void probe_moments(int n, int d, const float *X, long ld, float *mean, float *scale) {
    for (int j = 0; j < d; j++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < n; i++) sum += X[i * ld + j];
        double centre = sum / n;
        for (int i = 0; i < n; i++) squares += (X[i * ld + j] - centre) * (X[i * ld + j] - centre);
        double sd = sqrt(squares / n);
        mean[j] = (float)centre;
        scale[j] = sd > 1e-6 * (1 + fabs(centre)) ? (float)sd : 1;
    }
}

struct group_size {
    int group, order, size;
};

static int by_group(const void *a, const void *b) {
    const struct group_size *x = a, *y = b;
    return (x->group > y->group) - (x->group < y->group);
}

static int by_size(const void *a, const void *b) {
    const struct group_size *x = a, *y = b;
    if (x->size != y->size) return y->size - x->size;
    return x->order - y->order;
}

/* The distinct groups, ascending, with their sizes; each with a place in a drawn order. */
static int group_sizes(struct arena *scratch, int n, const int *group, uint64_t seed, struct group_size *out) {
    for (int i = 0; i < n; i++) out[i] = (struct group_size){.group = group ? group[i] : i, .size = 1};
    qsort(out, (size_t)n, sizeof *out, by_group); /* equal entries are identical here */
    int n_groups = 0;
    for (int i = 0; i < n; i++) {
        if (n_groups > 0 && out[n_groups - 1].group == out[i].group)
            out[n_groups - 1].size++;
        else
            out[n_groups++] = out[i];
    }
    int *order = ARENA_NEW(scratch, int, n_groups);
    for (int g = 0; g < n_groups; g++) order[g] = g;
    struct rng rng = rng_open(seed, "probe.folds", 0);
    rng_shuffle(&rng, order, n_groups);
    for (int g = 0; g < n_groups; g++) out[g].order = order[g];
    return n_groups;
}

int probe_folds(struct arena *scratch, int n, const int *group, int folds, uint64_t seed, int *fold) {
    struct arena_mark mark = arena_mark(scratch);
    struct group_size *groups = ARENA_NEW(scratch, struct group_size, n);
    int n_groups = group_sizes(scratch, n, group, seed, groups);
    qsort(groups, (size_t)n_groups, sizeof *groups, by_size);
    int *filled = ARENA_NEW(scratch, int, folds);
    for (int g = 0; g < n_groups; g++) {
        int emptiest = 0;
        for (int f = 1; f < folds; f++)
            if (filled[f] < filled[emptiest]) emptiest = f;
        filled[emptiest] += groups[g].size;
        groups[g].order = emptiest;
    }
    qsort(groups, (size_t)n_groups, sizeof *groups, by_group);
    for (int i = 0; i < n; i++) {
        struct group_size key = {.group = group ? group[i] : i};
        const struct group_size *found = bsearch(&key, groups, (size_t)n_groups, sizeof *groups, by_group);
        fold[i] = found->order;
    }
    arena_rewind(scratch, mark);
    return n_groups < folds ? n_groups : folds;
}

static void standardise(const struct probe *p, int n, const float *X, long ld, float *Z) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < p->d; j++) Z[(long)i * p->d + j] = (X[i * ld + j] - p->mean[j]) / p->scale[j];
}

static enum status check_items(const struct probe_items *items, const float *scale) {
    if (items->n < 2 || items->d < 1 || items->K < 2)
        return status_set(ST_DATA, "probe: n %d, d %d, K %d: needs n >= 2, d >= 1, K >= 2", items->n, items->d,
                          items->K);
    for (int j = 0; j < items->d; j++)
        if (!(scale[j] > 0)) return status_set(ST_DATA, "probe: scale of column %d is %g", j, (double)scale[j]);
    for (int i = 0; i < items->n; i++) {
        if (items->y[i] < 0 || items->y[i] >= items->K)
            return status_set(ST_DATA, "probe: label %d of item %d is not in [0, %d)", items->y[i], i, items->K);
        for (int j = 0; j < items->d; j++)
            if (!isfinite(items->X[i * items->ld + j]))
                return status_set(ST_DATA, "probe: item %d, column %d is not finite", i, j);
    }
    return ST_OK;
}

/* A network over the items whose fold is f (inside) or is not f. */
static void open_side(struct probe_net *net, struct arena *scratch, const struct probe *p, const struct probe_items *it,
                      const float *Z, const int *fold, int f, int inside) {
    float *side = ARENA_NEW(scratch, float, (size_t)it->n * it->d);
    int *y = ARENA_NEW(scratch, int, it->n);
    int n = 0;
    for (int i = 0; i < it->n; i++) {
        if ((fold[i] == f) != inside) continue;
        memcpy(side + (long)n * it->d, Z + (long)i * it->d, (size_t)it->d * sizeof *side);
        y[n++] = it->y[i];
    }
    probe_net_open(net, scratch, n, it->d, it->K, p->hidden, side, y);
}

/* Held-out loss of every C of the grid, summed over items; the mean over folds of the weights at every C is left in
 * start[n_grid][size]. */
static enum status cross_validate(const struct probe *p, struct arena *scratch, const struct probe_items *items,
                                  const struct probe_options *options, const float *Z, const int *fold, int n_folds,
                                  double *loss, double *start) {
    int size = probe_net_size(items->d, items->K, p->hidden);
    double *theta = ARENA_NEW(scratch, double, size);
    for (int f = 0; f < n_folds; f++) {
        struct arena_mark mark = arena_mark(scratch);
        struct probe_net train, test;
        open_side(&train, scratch, p, items, Z, fold, f, 0);
        open_side(&test, scratch, p, items, Z, fold, f, 1);
        for (int c = 0; c < options->n_grid; c++) {
            /* All weights at 0 is a saddle of the hidden network, which a strong penalty reaches: no warm start. */
            if (c == 0 || p->hidden > 0) probe_net_start(&train, options->seed, theta);
            TRY(probe_net_fit(&train, theta, options->grid[c], tolerance_cv, options->max_iterations));
            loss[c] += probe_net_nll(&test, theta) * test.n;
            for (int i = 0; i < size; i++) start[(long)c * size + i] += theta[i] / n_folds;
        }
        arena_rewind(scratch, mark);
    }
    return ST_OK;
}

/* Allocate the arrays of a probe whose d, K and hidden are set; returns the block of its parameters. */
static float *open_probe(struct probe *p, struct arena *arena) {
    int in = p->hidden > 0 ? p->hidden : p->d;
    p->mean = ARENA_NEW(arena, float, p->d);
    p->scale = ARENA_NEW(arena, float, p->d);
    p->V = p->a = NULL;
    /* One block in the order of the network's parameters, so that V (or W) points at all of them. */
    float *block = ARENA_NEW(arena, float, probe_net_size(p->d, p->K, p->hidden)), *at = block;
    if (p->hidden > 0) {
        p->V = at;
        p->a = at += (long)p->hidden * p->d;
        at += p->hidden;
    }
    p->W = at;
    p->b = at + (long)p->K * in;
    return block;
}

static const float *params_of(const struct probe *p) {
    return p->hidden > 0 ? p->V : p->W;
}

static enum status fit_standardised(struct probe *p, struct arena *scratch, const struct probe_items *items,
                                    const struct probe_options *options) {
    int size = probe_net_size(items->d, items->K, p->hidden);
    float *Z = ARENA_NEW(scratch, float, (size_t)items->n * items->d);
    standardise(p, items->n, items->X, items->ld, Z);
    struct probe_net net;
    probe_net_open(&net, scratch, items->n, items->d, items->K, p->hidden, Z, items->y);
    double *theta = ARENA_NEW(scratch, double, size);
    probe_net_start(&net, options->seed, theta);
    const struct probe *from = options->start;
    if (from && from->hidden == 0 && p->hidden == 0 && from->d == p->d && from->K == p->K)
        for (int i = 0; i < size; i++) theta[i] = (double)from->W[i];

    int chosen = options->n_grid / 2;
    if (options->n_grid > 1) {
        int *fold = ARENA_NEW(scratch, int, items->n);
        int n_folds = probe_folds(scratch, items->n, items->group, options->folds, options->seed, fold);
        if (n_folds > 1) {
            double *loss = ARENA_NEW(scratch, double, options->n_grid);
            double *start = ARENA_NEW(scratch, double, (size_t)options->n_grid *size);
            TRY(cross_validate(p, scratch, items, options, Z, fold, n_folds, loss, start));
            chosen = 0;
            for (int c = 1; c < options->n_grid; c++)
                if (loss[c] < loss[chosen]) chosen = c;
            if (p->hidden == 0) memcpy(theta, start + (long)chosen * size, (size_t)size * sizeof *theta);
        }
    }
    p->C = options->grid[chosen];
    TRY(probe_net_fit(&net, theta, p->C, tolerance_kept, options->max_iterations));
    float *params = p->hidden > 0 ? p->V : p->W;
    for (int i = 0; i < size; i++) params[i] = (float)theta[i];
    return ST_OK;
}

enum status probe_fit(struct probe *p, struct arena *arena, const struct probe_items *items, const float *mean,
                      const float *scale, const struct probe_options *options) {
    TRY(check_items(items, scale));
    if (options->n_grid < 1 || options->n_grid > PROBE_MAX_GRID || options->folds < 1 || options->hidden < 0)
        return status_set(ST_USAGE, "probe: grid of %d values, %d folds, hidden width %d", options->n_grid,
                          options->folds, options->hidden);
    *p = (struct probe){.d = items->d, .K = items->K, .hidden = options->hidden};
    open_probe(p, arena);
    memcpy(p->mean, mean, (size_t)p->d * sizeof *mean);
    memcpy(p->scale, scale, (size_t)p->d * sizeof *scale);
    struct arena_mark mark = arena_mark(arena);
    enum status st = fit_standardised(p, arena, items, options);
    arena_rewind(arena, mark);
    return st;
}

/* Probabilities class-major, [K][n], in scratch that the caller rewinds. */
static float *predict_columns(const struct probe *p, struct arena *scratch, int n, const float *X, long ld) {
    float *Zt = ARENA_NEW(scratch, float, (size_t)n * p->d);
    float *prob = ARENA_NEW(scratch, float, (size_t)n * p->K);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < p->d; j++) Zt[(long)j * n + i] = (X[i * ld + j] - p->mean[j]) / p->scale[j];
    probe_net_softmax(scratch, n, p->d, p->K, p->hidden, params_of(p), Zt, prob);
    return prob;
}

void probe_predict(const struct probe *p, struct arena *scratch, int n, const float *X, long ld, float *prob) {
    struct arena_mark mark = arena_mark(scratch);
    const float *columns = predict_columns(p, scratch, n, X, ld);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < p->K; k++) prob[(long)i * p->K + k] = columns[(long)k * n + i];
    arena_rewind(scratch, mark);
}

double probe_accuracy(const struct probe *p, struct arena *scratch, const struct probe_items *items) {
    struct arena_mark mark = arena_mark(scratch);
    int n = items->n, right = 0;
    const float *columns = predict_columns(p, scratch, n, items->X, items->ld);
    for (int i = 0; i < n; i++) {
        int best = 0;
        for (int k = 1; k < p->K; k++)
            if (columns[(long)k * n + i] > columns[(long)best * n + i]) best = k;
        right += best == items->y[i];
    }
    arena_rewind(scratch, mark);
    return (double)right / n;
}

void probe_item_bits(const struct probe *p, struct arena *scratch, const struct probe_items *items, double *bits) {
    struct arena_mark mark = arena_mark(scratch);
    int n = items->n;
    const float *columns = predict_columns(p, scratch, n, items->X, items->ld);
    /* The smallest positive float bounds what one impossible item may cost (149 bits). */
    for (int i = 0; i < n; i++) bits[i] = -log2(fmax(columns[(long)items->y[i] * n + i], 0x1p-149));
    arena_rewind(scratch, mark);
}

double probe_bits(const struct probe *p, struct arena *scratch, const struct probe_items *items) {
    struct arena_mark mark = arena_mark(scratch);
    double *bits = ARENA_NEW(scratch, double, items->n), sum = 0;
    probe_item_bits(p, scratch, items, bits);
    for (int i = 0; i < items->n; i++) sum += bits[i];
    arena_rewind(scratch, mark);
    return sum / items->n;
}

void probe_raw(const struct probe *p, float *W, float *b) {
    if (p->hidden > 0) BUG("a probe with a hidden layer has no linear form");
    for (int k = 0; k < p->K; k++) {
        double shift = p->b[k];
        for (int j = 0; j < p->d; j++) {
            double w = (double)p->W[(long)k * p->d + j] / p->scale[j];
            W[(long)k * p->d + j] = (float)w;
            shift -= w * p->mean[j];
        }
        b[k] = (float)shift;
    }
}

/* Flat form: d, K, hidden, C, mean, scale, then the parameters as the network holds them. */
enum { FLAT_HEAD = 4 };

static size_t flat_size(int d, int K, int hidden) {
    return FLAT_HEAD + 2 * (size_t)d + (size_t)probe_net_size(d, K, hidden);
}

size_t probe_flat_size(const struct probe *p) {
    return flat_size(p->d, p->K, p->hidden);
}

void probe_save(const struct probe *p, float *flat) {
    flat[0] = (float)p->d;
    flat[1] = (float)p->K;
    flat[2] = (float)p->hidden;
    flat[3] = (float)p->C;
    flat += FLAT_HEAD;
    memcpy(flat, p->mean, (size_t)p->d * sizeof *flat);
    memcpy(flat + p->d, p->scale, (size_t)p->d * sizeof *flat);
    memcpy(flat + 2 * (long)p->d, params_of(p), (size_t)probe_net_size(p->d, p->K, p->hidden) * sizeof *flat);
}

/* A count stored as a float: whole and in [low, 2^20], so that sizes cannot overflow. */
static int count_of(float stored, int low) {
    return stored >= (float)low && stored <= 0x1p20f && stored == truncf(stored) ? (int)stored : -1;
}

enum status probe_restore(struct probe *p, struct arena *arena, const float *flat, size_t size) {
    int d = size > FLAT_HEAD ? count_of(flat[0], 1) : -1;
    int K = d > 0 ? count_of(flat[1], 2) : -1, hidden = d > 0 ? count_of(flat[2], 0) : -1;
    if (d < 0 || K < 0 || hidden < 0 || (size_t)d > size || (size_t)(hidden > 0 ? hidden : 1) > size / (size_t)d ||
        (size_t)K > size || flat_size(d, K, hidden) != size)
        return status_set(ST_DATA, "probe: %zu floats do not describe a stored probe", size);
    *p = (struct probe){.d = d, .K = K, .hidden = hidden, .C = flat[3]};
    float *params = open_probe(p, arena);
    flat += FLAT_HEAD;
    memcpy(p->mean, flat, (size_t)d * sizeof *flat);
    memcpy(p->scale, flat + d, (size_t)d * sizeof *flat);
    memcpy(params, flat + 2 * (long)d, (size_t)probe_net_size(d, K, hidden) * sizeof *flat);
    return ST_OK;
}
