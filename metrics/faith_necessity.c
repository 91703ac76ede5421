/* Necessity: what the output loses when its reasoning is replaced.
 *
 * The questions stay; the reasoning becomes another question's (primary), or says nothing: fillers, zero vectors, the
 * mean vector of each position. Text has no zero or mean token: those views are of silent minds only. */
#include <math.h>
#include <string.h>

#include "metrics/faith.h"

enum replacement { BY_OTHER, BY_FILLER, BY_ZERO, BY_MEAN, REPLACEMENTS };
static const char *const view_name[REPLACEMENTS] = {"other", "filler", "zero", "mean"};

/* Mean of the fed vectors at each position, [R][C]. */
static float *mean_vectors(const struct measurement *m) {
    const struct rollout *own = &m->own_test;
    const long size = (long)own->R * own->C;
    float *mean = ARENA_NEW(m->arena, float, size);
    for (long c = 0; c < size; c++) {
        double sum = 0.0;
        for (int i = 0; i < own->n; i++) sum += (double)own->u[i * size + c];
        mean[c] = (float)(sum / own->n);
    }
    return mean;
}

static void replace(struct faith_edit *e, enum replacement by, const int *partner, const float *vectors) {
    const struct measurement *m = e->m;
    const struct rollout *own = &m->own_test;
    const struct task_shape *s = &m->mind->task->shape;
    faith_edit_begin(e);
    for (int i = 0; i < m->n_test; i++) {
        const int row = faith_edit_add(e, i, by == BY_OTHER ? partner[i] : i);
        for (int t = 0; by == BY_FILLER && t < e->keep[row]; t++) faith_edit_token(e, row, t, s->pause + t % s->steps);
        for (int t = 0; (by == BY_ZERO || by == BY_MEAN) && t < e->keep[row]; t++)
            faith_edit_vector(e, row, t, vectors + (long)t * own->C);
    }
    faith_edit_run(e, FAITH_STOP);
}

/* What each item loses: 1 right before and wrong now, -1 the other way, 0 no change. */
static void losses(const struct measurement *m, const struct rollout *now, enum faith_slot slot, double *lost) {
    for (int i = 0; i < m->n_test; i++) {
        const struct problem *p = &m->test[i];
        lost[i] = faith_right(m, &m->own_test, i, p, slot) - faith_right(m, now, i, p, slot);
    }
}

static void measure(const struct metric *self, struct measurement *m) {
    const bool text = m->mind->medium == MEDIUM_TEXT, enough = m->n_test >= 2;
    struct faith_edit e;
    faith_edit_open(&e, m, m->n_test);
    int *partner = ARENA_NEW(m->arena, int, m->n_test);
    double *lost = ARENA_NEW(m->arena, double, m->n_test);
    if (enough) faith_partners(m, self, partner);
    const float *zero = ARENA_NEW(m->arena, float, (long)m->own_test.R * m->own_test.C);
    const float *mean = mean_vectors(m);
    for (int by = 0; by < REPLACEMENTS; by++) {
        const bool can = enough && !(text && (by == BY_ZERO || by == BY_MEAN));
        if (can) replace(&e, by, partner, by == BY_MEAN ? mean : zero);
        for (int slot = 0; slot < faith_slots(m); slot++) {
            if (can) losses(m, &e.out, slot, lost);
            metric_emit_mean(self, m, -1, faith_slot_name[slot], view_name[by], lost, can ? m->n_test : 0);
        }
    }
}

const struct metric metric_necessity = {
    .name = "necessity",
    .summary = "accuracy lost when the reasoning is another question's; views filler, zero, mean",
    .formula = "Acc(r) - Acc(r of another question)",
    .source = "this project",
    .version = 2,
    .needs = NEED_REASONING,
    .lo = -1,
    .hi = 1,
    .measure = measure,
};
