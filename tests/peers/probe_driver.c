/* Reads n d K C, then X and y, from standard input; prints the probe that metrics/probe.c fits, W then b, one number a
 * line, and then its probabilities. Standardisation is left to the caller (mean 0, scale 1). For probe_sklearn.py. */
#include <stdio.h>

#include "engine/gemm.h"
#include "metrics/probe.h"

static int read_items(struct arena *arena, struct probe_items *items, double *C) {
    if (scanf("%d %d %d %lf", &items->n, &items->d, &items->K, C) != 4) return -1;
    float *X = ARENA_NEW(arena, float, (size_t)items->n * items->d);
    int *y = ARENA_NEW(arena, int, items->n);
    for (long i = 0; i < (long)items->n * items->d; i++)
        if (scanf("%f", &X[i]) != 1) return -1;
    for (int i = 0; i < items->n; i++)
        if (scanf("%d", &y[i]) != 1) return -1;
    items->ld = items->d;
    items->X = X;
    items->y = y;
    return 0;
}

int main(void) {
    struct arena arena;
    arena_open(&arena, 1 << 20);
    struct probe_items items = {0};
    struct probe_options options = probe_defaults();
    options.n_grid = 1;
    if (read_items(&arena, &items, &options.grid[0]) != 0) return ST_DATA;
    float *mean = ARENA_NEW(&arena, float, items.d), *scale = ARENA_NEW(&arena, float, items.d);
    for (int j = 0; j < items.d; j++) scale[j] = 1;
    struct probe p;
    enum status st = gemm_open(GEMM_AUTO, NUMERIC_PORTABLE);
    if (st == ST_OK) st = probe_fit(&p, &arena, &items, mean, scale, &options);
    if (st != ST_OK) {
        fprintf(stderr, "%s\n", status_message());
        return st;
    }
    for (int i = 0; i < items.K * items.d; i++) printf("%.9g\n", (double)p.W[i]);
    for (int k = 0; k < items.K; k++) printf("%.9g\n", (double)p.b[k]);
    float *prob = ARENA_NEW(&arena, float, (size_t)items.n *items.K);
    probe_predict(&p, &arena, items.n, items.X, items.ld, prob);
    for (int i = 0; i < items.n * items.K; i++) printf("%.9g\n", (double)prob[i]);
    arena_close(&arena);
    return 0;
}
