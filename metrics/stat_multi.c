#include "metrics/stat_multi.h"

#include <math.h>
#include <stdlib.h>

struct ranked {
    double p;
    int index;
};

static int compare(const void *pa, const void *pb) {
    const struct ranked *a = pa, *b = pb;
    if (a->p != b->p) return a->p < b->p ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* The tests that were made, by ascending p; NAN is copied through. */
static struct ranked *rank(const double *p, int n, double *adjusted, struct arena *a, int *made) {
    struct ranked *r = ARENA_NEW(a, struct ranked, n);
    *made = 0;
    for (int i = 0; i < n; i++) {
        if (isnan(p[i]))
            adjusted[i] = NAN;
        else
            r[(*made)++] = (struct ranked){p[i], i};
    }
    qsort(r, (size_t)*made, sizeof *r, compare);
    return r;
}

void stat_holm(const double *p, int n, double *adjusted, struct arena *a) {
    struct arena_mark mark = arena_mark(a);
    int m;
    struct ranked *r = rank(p, n, adjusted, a, &m);
    double largest = 0;
    for (int j = 0; j < m; j++) {
        largest = fmax(largest, fmin(1, (m - j) * r[j].p));
        adjusted[r[j].index] = largest;
    }
    arena_rewind(a, mark);
}

void stat_bh(const double *p, int n, double *adjusted, struct arena *a) {
    struct arena_mark mark = arena_mark(a);
    int m;
    struct ranked *r = rank(p, n, adjusted, a, &m);
    double smallest = 1;
    for (int j = m; j-- > 0;) {
        smallest = fmin(smallest, m * r[j].p / (j + 1));
        adjusted[r[j].index] = smallest;
    }
    arena_rewind(a, mark);
}
