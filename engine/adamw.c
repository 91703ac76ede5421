#include "engine/adamw.h"

#include <math.h>
#include <string.h>

#include "engine/kernels.h"

void adamw_open(struct adamw *o, struct arena *a, const struct gpt *m, double beta1, double beta2, double weight_decay,
                double clip) {
    *o = (struct adamw){.beta1 = beta1, .beta2 = beta2, .eps = 1e-8, .weight_decay = weight_decay, .clip = clip};
    o->m = ARENA_NEW(a, float, gpt_trained(m));
    o->v = ARENA_NEW(a, float, gpt_trained(m));
}

void adamw_reset(struct adamw *o, const struct gpt *m) {
    memset(o->m, 0, (size_t)gpt_trained(m) * sizeof *o->m);
    memset(o->v, 0, (size_t)gpt_trained(m) * sizeof *o->v);
    o->t = 0;
}

enum status adamw_norm(const struct gpt *m, const float *g, double *norm) {
    double total = 0.0;
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        if (t->offset < m->frozen) continue;
        double s = K->sum_squares((long)t->rows * t->cols, g + t->offset - m->frozen);
        if (!isfinite(s)) return status_set(ST_FAILED, "the gradient of %s is not finite", t->name);
        total += s;
    }
    *norm = sqrt(total);
    return ST_OK;
}

enum status adamw_step(struct adamw *o, struct gpt *m, float *g, double lr, bool (*train)(const struct gpt_tensor *),
                       double *norm) {
    TRY(adamw_norm(m, g, norm));
    o->t++;
    const float scale = o->clip > 0.0 && *norm > o->clip ? (float)(o->clip / *norm) : 1.0f;
    const float step = (float)(lr / (1.0 - pow(o->beta1, (double)o->t)));
    const float v_scale = (float)(1.0 / sqrt(1.0 - pow(o->beta2, (double)o->t)));
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        if (t->offset < m->frozen || (train && !train(t))) continue;
        const long at = t->offset - m->frozen, n = (long)t->rows * t->cols;
        float decay = t->decay ? (float)(lr * o->weight_decay) : 0.0f;
        K->adamw(n, m->w + t->offset, g + at, o->m + at, o->v + at, scale, (float)o->beta1, (float)o->beta2, step,
                 v_scale, (float)o->eps, decay);
    }
    memset(g, 0, (size_t)gpt_trained(m) * sizeof *g);
    gpt_refresh_trained(m);
    return ST_OK;
}

double schedule_constant(double lr, int i, int warmup) {
    return i < warmup ? lr * (i + 1) / warmup : lr;
}

double schedule_cosine(double lr, int i, int n, int warmup) {
    if (i < warmup) return lr * (i + 1) / warmup;
    double done = (double)(i - warmup) / (n > warmup ? n - warmup : 1);
    return lr * 0.5 * (1.0 + cos(3.14159265358979323846 * fmin(done, 1.0)));
}

double schedule_tail(double lr, int i, int n, int warmup, double share) {
    if (share >= 1.0) return schedule_cosine(lr, i, n, warmup);
    double left = (double)(n - i) / fmax(share * n, 1.0);
    return schedule_constant(lr, i, warmup) * fmin(left, 1.0);
}
