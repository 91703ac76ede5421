#include "tests/engine/slope.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

double slope_along(struct gpt *m, const struct gpt_tensor *t, const float *direction, float step,
                   double (*loss)(void *with), void *with) {
    const long n = (long)t->rows * t->cols;
    float *w = m->w + t->offset, *keep = malloc((size_t)n * sizeof *keep);
    double side[2];
    memcpy(keep, w, (size_t)n * sizeof *keep);
    for (int sign = 0; sign < 2; sign++) {
        for (long i = 0; i < n; i++) w[i] = keep[i] + (sign ? step : -step) * direction[i];
        gpt_refresh(m);
        side[sign] = loss(with);
    }
    memcpy(w, keep, (size_t)n * sizeof *keep);
    gpt_refresh(m);
    free(keep);
    return (side[1] - side[0]) / (2.0 * (double)step);
}

double slope_draw(struct rng *r, float *d, const float *g, long n) {
    double norm = 0.0, product = 0.0;
    for (long i = 0; i < n; i++) {
        d[i] = rng_normal(r);
        norm += (double)d[i] * (double)d[i];
    }
    for (long i = 0; i < n; i++) {
        d[i] /= (float)sqrt(norm);
        product += (double)d[i] * (double)g[i];
    }
    return product;
}

void slope_check(struct gpt *m, const float *g, struct rng *r, double (*loss)(void *with), void *with) {
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        const long n = (long)t->rows * t->cols;
        float *d = malloc((size_t)n * sizeof *d);
        const double analytic = slope_draw(r, d, g + t->offset, n), numeric = slope_along(m, t, d, 1e-2f, loss, with);
        const double tolerance = .02 * fmax(fabs(numeric), fabs(analytic)) + 2e-3;
        ck_assert_msg(fabs(numeric - analytic) < tolerance, "%s: finite difference %g, gradient %g", t->name, numeric,
                      analytic);
        free(d);
    }
}
