#include "metrics/sae.h"

#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "engine/kernels.h"
#include "metrics/linalg.h"

static const float aux_weight = 1.f / 32;
static const float beta1 = .9f, beta2 = .999f, epsilon = 1e-8f;

struct sae_options sae_defaults(int d) {
    return (struct sae_options){.units = 8 * d,
                                .k = 8 < d ? 8 : d,
                                .k_aux = d / 2,
                                .dead_after = 2560,
                                .batch = 256,
                                .steps = 1000,
                                .rate = 2e-3f};
}

/* One array of parameters with its gradient and moments, all of one length. */
struct trained {
    long n;
    float *w, *g, *m, *v;
};

static struct trained trained(struct arena *scratch, long n, float *w) {
    return (struct trained){n, w, ARENA_NEW(scratch, float, n), ARENA_NEW(scratch, float, n),
                            ARENA_NEW(scratch, float, n)};
}

/* A sparse code of one item: the units on, by falling pre-activation, and their values. */
struct code {
    int n;
    int *unit;
    float *value;
};

static void add_scaled(int d, float a, const float *x, float *y) {
    for (int j = 0; j < d; j++) y[j] += a * x[j];
}

static double dot(int d, const float *x, const float *y) {
    double sum = 0;
    for (int j = 0; j < d; j++) sum += (double)x[j] * y[j];
    return sum;
}

/* The k greatest positive entries of pre; of equals the lower unit. Units whose idle count is below `least_idle` are
 * passed over (idle NULL: none is). */
static void top_k(struct code *code, int k, int units, const float *pre, const int *idle, int least_idle) {
    code->n = 0;
    for (int u = 0; u < units; u++) {
        if (!(pre[u] > 0) || (idle && idle[u] < least_idle)) continue;
        if (code->n == k && pre[u] <= code->value[k - 1]) continue;
        int at = code->n < k ? code->n++ : k - 1;
        while (at > 0 && code->value[at - 1] < pre[u]) {
            code->value[at] = code->value[at - 1];
            code->unit[at] = code->unit[at - 1];
            at--;
        }
        code->value[at] = pre[u];
        code->unit[at] = u;
    }
}

/* S[n][d] = x / scale - b. */
static void shifted(const struct sae *sae, int n, const float *X, long ld, const int *rows, float *S) {
    for (int i = 0; i < n; i++) {
        const float *x = X + (rows ? rows[i] : i) * ld;
        for (int j = 0; j < sae->d; j++) S[(long)i * sae->d + j] = x[j] / sae->scale - sae->b[j];
    }
}

/* pre[n][units] = S W_e^T + b_e; W_t[d][units] is scratch. */
static void pre_activations(const struct sae *sae, int n, const float *S, float *W_t, float *pre) {
    int d = sae->d, units = sae->units;
    gemm_transpose(units, d, sae->W_e, d, W_t, units);
    gemm(n, units, d, S, d, 1, W_t, units, false, pre, units);
    for (int i = 0; i < n; i++)
        for (int u = 0; u < units; u++) pre[(long)i * units + u] += sae->b_e[u];
}

static void unit_norm(int rows, int d, float *W) {
    for (int u = 0; u < rows; u++) {
        double norm = sqrt(dot(d, W + (long)u * d, W + (long)u * d));
        for (int j = 0; j < d; j++) W[(long)u * d + j] = (float)(W[(long)u * d + j] / norm);
    }
}

static enum status start(struct sae *sae, struct arena *arena, int n, int d, const float *X, long ld,
                         const struct sae_options *o, struct rng *rng) {
    *sae = (struct sae){.d = d,
                        .units = o->units,
                        .k = o->k,
                        .W_e = ARENA_NEW(arena, float, (size_t)o->units *d),
                        .b_e = ARENA_NEW(arena, float, o->units),
                        .W_d = ARENA_NEW(arena, float, (size_t)o->units *d),
                        .b = ARENA_NEW(arena, float, d)};
    double *mean = ARENA_NEW(arena, double, d), squares = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) mean[j] += (double)X[i * ld + j] / n;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) squares += (X[i * ld + j] - mean[j]) * (X[i * ld + j] - mean[j]);
    if (!(squares > 0)) return status_set(ST_DATA, "sae: the vectors do not vary");
    sae->scale = (float)sqrt(squares / ((double)n * d));
    for (int j = 0; j < d; j++) sae->b[j] = (float)(mean[j] / sae->scale);
    for (long i = 0; i < (long)o->units * d; i++) sae->W_d[i] = rng_normal(rng);
    unit_norm(o->units, d, sae->W_d);
    memcpy(sae->W_e, sae->W_d, sizeof(float) * (size_t)o->units * (size_t)d);
    return ST_OK;
}

/* Everything one training step touches. */
struct session {
    struct sae *sae;
    const struct sae_options *o;
    struct trained W_e, b_e, W_d, b;
    int *rows, *idle;         /* [batch]; [units], items since the unit last fired */
    float *S, *W_t, *pre;     /* [batch][d], [d][units], [batch][units] */
    float *error, *aux_error; /* [d], of one item */
    struct code code, aux;
};

/* Gradient of weight * |target - W_d z|^2 / d for one item, `error` = W_d z - target. Returns the loss. The shift b is
 * moved by the reading side alone here. */
static double item_gradient(struct session *t, const struct code *code, const float *s, const float *error,
                            float weight) {
    int d = t->sae->d;
    float outer = 2 * weight / (float)d;
    for (int c = 0; c < code->n; c++) {
        long row = (long)code->unit[c] * d;
        float dz = outer * (float)dot(d, error, t->sae->W_d + row);
        add_scaled(d, outer * code->value[c], error, t->W_d.g + row);
        add_scaled(d, dz, s, t->W_e.g + row);
        t->b_e.g[code->unit[c]] += dz;
        add_scaled(d, -dz, t->sae->W_e + row, t->b.g);
    }
    return weight * dot(d, error, error) / d;
}

static double step_gradient(struct session *t) {
    struct sae *sae = t->sae;
    int d = sae->d, units = sae->units, batch = t->o->batch;
    float share = 1.f / (float)batch;
    double loss = 0;
    for (int i = 0; i < batch; i++) {
        const float *s = t->S + (long)i * d, *pre = t->pre + (long)i * units;
        top_k(&t->code, sae->k, units, pre, NULL, 0);
        for (int j = 0; j < d; j++) t->error[j] = -s[j];
        for (int c = 0; c < t->code.n; c++)
            add_scaled(d, t->code.value[c], sae->W_d + (long)t->code.unit[c] * d, t->error);
        loss += item_gradient(t, &t->code, s, t->error, share);
        add_scaled(d, 2 * share / (float)d, t->error, t->b.g);
        if (t->o->k_aux > 0) {
            top_k(&t->aux, t->o->k_aux, units, pre, t->idle, t->o->dead_after);
            if (t->aux.n > 0) {
                memcpy(t->aux_error, t->error, sizeof(float) * (size_t)d); /* W_d z - s is minus the target e */
                for (int c = 0; c < t->aux.n; c++)
                    add_scaled(d, t->aux.value[c], sae->W_d + (long)t->aux.unit[c] * d, t->aux_error);
                loss += item_gradient(t, &t->aux, s, t->aux_error, aux_weight * share);
            }
        }
        /* Idle counts move between items, so the order of the batch is part of the result; it is drawn, hence fixed. */
        for (int u = 0; u < units; u++) t->idle[u]++;
        for (int c = 0; c < t->code.n; c++) t->idle[t->code.unit[c]] = 0;
    }
    return loss;
}

/* The part of the decoder's gradient along a unit's own direction would only change its norm. */
static void remove_radial(int units, int d, const float *W, float *g) {
    for (int u = 0; u < units; u++)
        add_scaled(d, -(float)dot(d, g + (long)u * d, W + (long)u * d), W + (long)u * d, g + (long)u * d);
}

static void adam(struct trained *p, int step, float rate) {
    float step_size = (float)(rate / (1 - pow(beta1, step))), v_scale = (float)(1 / sqrt(1 - pow(beta2, step)));
    K->adamw(p->n, p->w, p->g, p->m, p->v, 1, beta1, beta2, step_size, v_scale, epsilon, 0);
    memset(p->g, 0, sizeof(float) * (size_t)p->n);
}

static enum status train(struct session *t, int n, const float *X, long ld, struct rng *rng) {
    struct sae *sae = t->sae;
    int steps = t->o->steps;
    for (int step = 1; step <= steps; step++) {
        for (int i = 0; i < t->o->batch; i++) t->rows[i] = (int)rng_below(rng, (uint32_t)n);
        shifted(sae, t->o->batch, X, ld, t->rows, t->S);
        pre_activations(sae, t->o->batch, t->S, t->W_t, t->pre);
        if (!isfinite(step_gradient(t))) return status_set(ST_FAILED, "sae: the loss of step %d is not finite", step);
        remove_radial(sae->units, sae->d, sae->W_d, t->W_d.g);
        float left = (float)(steps - step + 1) / (.2f * (float)steps), rate = t->o->rate * (left < 1 ? left : 1);
        adam(&t->W_e, step, rate);
        adam(&t->b_e, step, rate);
        adam(&t->W_d, step, rate);
        adam(&t->b, step, rate);
        unit_norm(sae->units, sae->d, sae->W_d);
    }
    return ST_OK;
}

enum status sae_train(struct sae *sae, struct arena *arena, int n, int d, const float *X, long ld,
                      const struct sae_options *o, struct rng *rng) {
    if (o->units < 1 || o->batch < 1 || o->steps < 1 || o->k < 1 || o->k > o->units || o->k_aux < 0 ||
        o->k_aux > o->units)
        return status_set(ST_USAGE, "sae: units %d, k %d, k_aux %d, batch %d, steps %d", o->units, o->k, o->k_aux,
                          o->batch, o->steps);
    if (n < 2 || !linalg_finite(n, d, X, ld)) return status_set(ST_DATA, "sae: %d items, or a value is not finite", n);
    TRY(start(sae, arena, n, d, X, ld, o, rng));
    struct arena_mark mark = arena_mark(arena);
    long weights = (long)o->units * d;
    struct session t = {.sae = sae,
                        .o = o,
                        .W_e = trained(arena, weights, sae->W_e),
                        .b_e = trained(arena, o->units, sae->b_e),
                        .W_d = trained(arena, weights, sae->W_d),
                        .b = trained(arena, d, sae->b),
                        .rows = ARENA_NEW(arena, int, o->batch),
                        .idle = ARENA_NEW(arena, int, o->units),
                        .S = ARENA_NEW(arena, float, (size_t)o->batch *d),
                        .W_t = ARENA_NEW(arena, float, weights),
                        .pre = ARENA_NEW(arena, float, (size_t)o->batch * o->units),
                        .error = ARENA_NEW(arena, float, d),
                        .aux_error = ARENA_NEW(arena, float, d),
                        .code = {0, ARENA_NEW(arena, int, o->k), ARENA_NEW(arena, float, o->k)},
                        .aux = {0, ARENA_NEW(arena, int, o->k_aux), ARENA_NEW(arena, float, o->k_aux)}};
    enum status st = train(&t, n, X, ld, rng);
    arena_rewind(arena, mark);
    return st;
}

void sae_encode(const struct sae *sae, struct arena *scratch, int n, const float *X, long ld, float *Z) {
    struct arena_mark mark = arena_mark(scratch);
    int d = sae->d, units = sae->units;
    float *S = ARENA_NEW(scratch, float, (size_t)n *d), *W_t = ARENA_NEW(scratch, float, (size_t)d *units);
    float *pre = ARENA_NEW(scratch, float, (size_t)n *units);
    struct code code = {0, ARENA_NEW(scratch, int, sae->k), ARENA_NEW(scratch, float, sae->k)};
    shifted(sae, n, X, ld, NULL, S);
    pre_activations(sae, n, S, W_t, pre);
    memset(Z, 0, sizeof(float) * (size_t)n * (size_t)units);
    for (int i = 0; i < n; i++) {
        top_k(&code, sae->k, units, pre + (long)i * units, NULL, 0);
        for (int c = 0; c < code.n; c++) Z[(long)i * units + code.unit[c]] = code.value[c];
    }
    arena_rewind(scratch, mark);
}

void sae_decode(const struct sae *sae, int n, const float *Z, float *out) {
    for (int i = 0; i < n; i++) {
        float *x = out + (long)i * sae->d;
        memcpy(x, sae->b, sizeof(float) * (size_t)sae->d);
        for (int u = 0; u < sae->units; u++)
            if (Z[(long)i * sae->units + u] != 0)
                add_scaled(sae->d, Z[(long)i * sae->units + u], sae->W_d + (long)u * sae->d, x);
        for (int j = 0; j < sae->d; j++) x[j] *= sae->scale;
    }
}

struct sae_quality sae_measure(const struct sae *sae, struct arena *scratch, int n, const float *X, long ld) {
    struct arena_mark mark = arena_mark(scratch);
    int d = sae->d;
    float *Z = ARENA_NEW(scratch, float, (size_t)n * sae->units), *back = ARENA_NEW(scratch, float, (size_t)n *d);
    sae_encode(sae, scratch, n, X, ld, Z);
    sae_decode(sae, n, Z, back);
    struct sae_quality quality = {.dead = sae->units};
    int *fired = ARENA_NEW(scratch, int, sae->units);
    long on = 0;
    for (int i = 0; i < n; i++)
        for (int u = 0; u < sae->units; u++) {
            if (!(Z[(long)i * sae->units + u] > 0)) continue;
            on++;
            if (!fired[u]) quality.dead--;
            fired[u] = 1;
        }
    quality.l0 = (double)on / n;
    const double *centred = linalg_centred(scratch, n, d, X, ld, NULL);
    double error = 0, variance = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) {
            double e = (double)X[i * ld + j] - back[(long)i * d + j];
            error += e * e;
            variance += centred[(long)i * d + j] * centred[(long)i * d + j];
        }
    quality.fvu = variance > 0 ? error / variance : NAN;
    arena_rewind(scratch, mark);
    return quality;
}
