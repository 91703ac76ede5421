#include "metrics/dictionary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metrics/decode_internal.h"
#include "metrics/door.h"
#include "metrics/sae.h"
#include "metrics/sae_read.h"

const char *const dictionary_name[DICTIONARY_KINDS] = {"own", "shared", "raw"};
const int dictionary_sparse[DICTIONARY_SPARSE] = {1, 2, 5, 16};

/* A mean loss this close to the unchanged one leaves nothing to recover. */
static const double least_loss = .01;

/* Vectors in rows of C. */
struct pool {
    int n;
    float *X;
};

/* What all dictionaries of a measurement share. */
struct workshop {
    struct measurement *m;
    struct door door;
    struct pool train[2];                      /* own, shared */
    struct decode_rows one[2];                 /* one step of every problem: fit, test */
    struct probe_items sparse[2][DECODE_READ]; /* their labels; X is set for each dictionary */
    int *factor;                               /* [test one][3] value, c, step */
    double loss_own, loss_mean;
};

static void pour(struct pool *p, const struct measurement *m, const struct rollout *r) {
    const long reasoning = (long)r->R * r->C;
    for (int i = 0; i < r->n; i++) {
        if (m->decode->left_out[i]) continue;
        memcpy(p->X + (long)p->n * r->C, r->u + i * reasoning,
               (size_t)r->n_reasoning[i] * (size_t)r->C * sizeof(float));
        p->n += r->n_reasoning[i];
    }
}

static struct pool pool_of(const struct measurement *m, bool shared) {
    const size_t size = (size_t)m->n_fit * (size_t)m->own_fit.R * (size_t)m->own_fit.C;
    struct pool p = {.X = ARENA_NEW(m->arena, float, size *(shared ? 2 : 1))};
    pour(&p, m, &m->own_fit);
    if (shared) pour(&p, m, &m->before->own_fit);
    return p;
}

/* Problem i gives its step i mod steps (the last position of it, where it has one). */
static void take_one_step(struct workshop *w, enum decode_side side) {
    const struct measurement *m = w->m;
    const struct decode_channel u = decode_channel_u(&m->own_fit, &m->own_test);
    const int n = side == DECODE_FIT ? m->n_fit : m->n_test;
    const struct problem *p = side == DECODE_FIT ? m->fit : m->test;
    struct decode_rows *rows = &w->one[side];
    int *step = ARENA_NEW(m->arena, int, n);
    *rows = (struct decode_rows){.d = u.d};
    rows->item = ARENA_NEW(m->arena, int, n);
    rows->group = ARENA_NEW(m->arena, int, n);
    rows->X = ARENA_NEW(m->arena, float, (size_t)n *(size_t)u.d);
    for (int i = 0; i < n; i++) {
        int from, to;
        if (side == DECODE_FIT && m->decode->left_out[i]) continue;
        if (!decode_span(m, &u, side, i, i % m->decode->steps, &from, &to)) continue;
        memcpy(rows->X + (long)rows->n * u.d, u.side[side] + i * u.item + (to - 1) * u.position,
               (size_t)u.d * sizeof(float));
        rows->item[rows->n] = i;
        step[rows->n] = i % m->decode->steps;
        rows->group[rows->n++] = p[i].template_id;
    }
    w->factor = ARENA_NEW(m->arena, int, 3 * (size_t)rows->n);
    for (int c = 0; c < DECODE_READ; c++) {
        int *y = ARENA_NEW(m->arena, int, rows->n);
        for (int i = 0; i < rows->n; i++) {
            const int label = decode_label(m->mind->task, &p[rows->item[i]], (enum decode_concept)c, step[i]);
            y[i] = label < 0 ? 0 : label; /* c where the task has none: decode_has keeps it from being read */
            w->factor[3 * i + c] = y[i];
            w->factor[3 * i + 2] = step[i];
        }
        w->sparse[side][c] = (struct probe_items){.n = rows->n,
                                                  .d = u.d,
                                                  .K = m->mind->task->shape.n_values,
                                                  .ld = u.d,
                                                  .X = rows->X,
                                                  .y = y,
                                                  .group = rows->group};
    }
}

static void probe_sparsely(struct workshop *w, struct dictionary_figures *f, int seed, int units, const float *fit,
                           const float *test) {
    for (int c = 0; c < DECODE_READ; c++)
        for (int k = 0; k < DICTIONARY_SPARSE; k++) {
            struct probe_items train = w->sparse[DECODE_FIT][c], held = w->sparse[DECODE_TEST][c];
            double *score = &f->sparse[c][k][seed];
            *score = NAN;
            train.d = held.d = units;
            train.ld = held.ld = units;
            train.X = fit;
            held.X = test;
            if (!decode_has(w->m, (enum decode_concept)c) || dictionary_sparse[k] > units) continue;
            if (sae_read_sparse(score, w->m->arena, &train, &held, dictionary_sparse[k]) != ST_OK) *score = NAN;
        }
}

/* The outputs' loss on decoded vectors, as a share of what replacing them by their means costs. */
static double recovered(struct workshop *w, const struct sae *sae) {
    struct arena *a = w->m->arena;
    const int n = w->door.n * w->door.R;
    if (!(w->loss_mean - w->loss_own > least_loss)) return NAN;
    float *Z = ARENA_NEW(a, float, (size_t)n *(size_t)sae->units),
          *back = ARENA_NEW(a, float, (size_t)n *(size_t)sae->d);
    sae_encode(sae, a, n, w->door.own, sae->d, Z);
    sae_decode(sae, n, Z, back);
    door_run(&w->door, back);
    return (w->loss_mean - door_loss(&w->door)) / (w->loss_mean - w->loss_own);
}

static void judge(struct workshop *w, struct dictionary_figures *f, const struct sae *sae, int seed) {
    struct measurement *m = w->m;
    const int units = sae->units, n = w->one[DECODE_TEST].n, steps = m->decode->steps;
    const int sizes[] = {m->mind->task->shape.n_values, m->mind->task->shape.n_values, steps};
    const struct sae_quality q = sae_measure(sae, m->arena, w->door.n * w->door.R, w->door.own, sae->d);
    f->fvu[seed] = q.fvu;
    f->dead[seed] = (double)q.dead / units;
    f->recovered[seed] = recovered(w, sae);
    float *Z[2];
    for (int side = 0; side < 2; side++) {
        Z[side] = ARENA_NEW(m->arena, float, (size_t)w->one[side].n *(size_t)units);
        sae_encode(sae, m->arena, w->one[side].n, w->one[side].X, sae->d, Z[side]);
    }
    probe_sparsely(w, f, seed, units, Z[DECODE_FIT], Z[DECODE_TEST]);
    double *purity = ARENA_NEW(m->arena, double, units);
    f->polysemantic[seed] = 1.0 - sae_read_purity(m->arena, n, units, Z[DECODE_TEST], 3, w->factor, sizes, purity);
}

static struct sae_options options_for(int d) {
    struct sae_options o = sae_defaults(d);
    o.units = 4 * d;
    o.steps = 300;
    return o;
}

static void make(struct workshop *w, enum dictionary_kind kind) {
    struct measurement *m = w->m;
    struct dictionary_figures *f = &m->dictionaries->of[kind];
    const struct pool *p = &w->train[kind];
    const struct sae_options o = options_for(m->own_test.C);
    f->n = w->door.n;
    for (int seed = 0; seed < DICTIONARY_SEEDS; seed++) {
        const struct arena_mark mark = arena_mark(m->arena);
        struct rng r = rng_open(m->seed, dictionary_name[kind], (uint64_t)seed);
        struct sae sae;
        if (sae_train(&sae, m->arena, p->n, m->own_test.C, p->X, m->own_test.C, &o, &r) == ST_OK)
            judge(w, f, &sae, seed);
        else
            f->n = 0;
        arena_rewind(m->arena, mark);
    }
}

/* Every vector replaced by the mean of its position. */
static void measure_losses(struct workshop *w) {
    const struct door *d = &w->door;
    const long reasoning = (long)d->R * d->C;
    float *mean = ARENA_NEW(w->m->arena, float, (size_t)reasoning *(size_t)d->n);
    for (long j = 0; j < reasoning; j++) {
        double sum = 0.0;
        for (int i = 0; i < d->n; i++) sum += (double)d->own[i * reasoning + j];
        for (int i = 0; i < d->n; i++) mean[i * reasoning + j] = (float)(sum / d->n);
    }
    door_run(&w->door, d->own);
    w->loss_own = door_loss(d);
    door_run(&w->door, mean);
    w->loss_mean = door_loss(d);
}

void dictionaries_open(struct measurement *m) {
    struct workshop w = {.m = m};
    m->dictionaries = ARENA_NEW(m->arena, struct dictionaries, 1);
    const struct arena_mark mark = arena_mark(m->arena);
    door_open(&w.door, m);
    if (m->decode->steps > 0 && w.door.n >= 4 && m->n_fit >= 4 * m->mind->task->shape.n_values) {
        take_one_step(&w, DECODE_FIT);
        take_one_step(&w, DECODE_TEST);
        measure_losses(&w);
        w.train[DICTIONARY_OWN] = pool_of(m, false);
        make(&w, DICTIONARY_OWN);
        if (m->before) {
            w.train[DICTIONARY_SHARED] = pool_of(m, true);
            make(&w, DICTIONARY_SHARED);
        }
        struct dictionary_figures *raw = &m->dictionaries->of[DICTIONARY_RAW];
        raw->n = w.one[DECODE_TEST].n;
        probe_sparsely(&w, raw, 0, m->own_test.C, w.one[DECODE_FIT].X, w.one[DECODE_TEST].X);
    }
    arena_rewind(m->arena, mark);
}
