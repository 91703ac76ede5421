/* Mediation: how much of a question's effect on the answer passes through its reasoning (Pearl 2001).
 *
 * Questions x and x' with different answers a and a', reasonings r and r' of their own. Y is the difference of the
 * logits of a' and a in the answer slot, which is log p(a') - log p(a). View `masked`: the step that states the answer
 * says nothing (a filler in text, the mean vector of its position in silent minds), in r and r' alike, so that copying
 * the answer is not counted as reasoning; view `whole`: nothing is masked. */
#include <float.h>
#include <math.h>

#include "metrics/faith.h"

enum cell { OWN, OTHER_REASONING, OTHER_QUESTION, CELLS };

static double log_p(const struct measurement *m, const struct rollout *r, int row, int value) {
    const double p = rollout_p_answer(r, m->mind->task, row, value);
    return log(p > (double)FLT_MIN ? p : (double)FLT_MIN);
}

static double difference(const struct measurement *m, const struct rollout *r, int row, int i, int other) {
    return log_p(m, r, row, m->test[other].answer) - log_p(m, r, row, m->test[i].answer);
}

/* Mean fed vector of one position. */
static void mean_vector(const struct measurement *m, int t, float *mean) {
    const struct rollout *own = &m->own_test;
    for (int c = 0; c < own->C; c++) {
        double sum = 0.0;
        for (int i = 0; i < own->n; i++) sum += (double)own->u[((long)i * own->R + t) * own->C + c];
        mean[c] = (float)(sum / own->n);
    }
}

/* Silence the step of item j's reasoning that states its answer. */
static void mask(struct faith_edit *e, int row, int j, const float *mean) {
    const struct measurement *m = e->m;
    const struct task_shape *s = &m->mind->task->shape;
    int from, to;
    if (s->step_answer == TASK_NO_STEP) return;
    if (!faith_span(m, j, s->step_answer >= 0 ? s->step_answer : m->test[j].n_steps - 1, &from, &to)) return;
    for (int t = from; t < to; t++) {
        if (e->tokens)
            faith_edit_token(e, row, t, s->pause + t % s->steps);
        else
            faith_edit_vector(e, row, t, mean + (long)t * m->own_test.C);
    }
}

static void run_cell(struct faith_edit *e, enum cell cell, const int *partner, const float *mean) {
    const struct measurement *m = e->m;
    faith_edit_begin(e);
    for (int i = 0; i < m->n_test; i++) {
        const int question = cell == OTHER_QUESTION ? partner[i] : i;
        const int reasoning = cell == OTHER_REASONING ? partner[i] : i;
        const int row = faith_edit_add(e, question, reasoning);
        if (mean) mask(e, row, reasoning, mean);
    }
    faith_edit_run(e, FAITH_STOP);
}

enum { TE, NIE, NDE, REMAINDER, EFFECTS };
static const char *const effect_name[EFFECTS] = {"te", "nie", "nde", "remainder"};

/* Y of every item in each of the four cells, as faith_effects_of takes them, and the effects of the items whose partner
 * has another answer; one set of rows serves all views. */
struct differences {
    double *y[4], *effect[EFFECTS]; /* [n_test] */
};

static void measure_view(const struct metric *self, struct measurement *m, struct faith_edit *e, const int *partner,
                         const float *mean, const struct differences *d, const char *view) {
    static const int place[CELLS] = {[OWN] = 0, [OTHER_REASONING] = 1, [OTHER_QUESTION] = 2};
    int n = 0;
    for (int cell = 0; cell < CELLS; cell++) {
        run_cell(e, cell, partner, mean);
        for (int i = 0; i < m->n_test; i++) {
            d->y[place[cell]][i] = difference(m, &e->out, i, i, partner[i]);
            if (cell == OWN) d->y[3][i] = difference(m, &e->out, partner[i], i, partner[i]);
        }
    }
    for (int i = 0; i < m->n_test; i++) {
        if (m->test[i].answer == m->test[partner[i]].answer) continue;
        const struct faith_effects one =
            faith_effects_of((const double[4]){d->y[0][i], d->y[1][i], d->y[2][i], d->y[3][i]});
        d->effect[TE][n] = one.te;
        d->effect[NIE][n] = one.nie;
        d->effect[NDE][n] = one.nde;
        d->effect[REMAINDER][n++] = one.remainder;
    }
    for (int k = 0; k < EFFECTS; k++) metric_emit_mean(self, m, -1, effect_name[k], view, d->effect[k], n);
}

static void measure(const struct metric *self, struct measurement *m) {
    int *partner = ARENA_NEW(m->arena, int, m->n_test);
    float *mean = ARENA_NEW(m->arena, float, (long)m->own_test.R * m->own_test.C);
    struct differences d;
    struct faith_edit e;
    for (int k = 0; k < 4; k++) d.y[k] = ARENA_NEW(m->arena, double, m->n_test);
    for (int k = 0; k < EFFECTS; k++) d.effect[k] = ARENA_NEW(m->arena, double, m->n_test);
    faith_edit_open(&e, m, m->n_test);
    faith_partners(m, self, partner);
    for (int t = 0; t < m->own_test.R; t++) mean_vector(m, t, mean + (long)t * m->own_test.C);
    measure_view(self, m, &e, partner, mean, &d, "masked");
    measure_view(self, m, &e, partner, NULL, &d, "whole");
}

const struct metric metric_mediation = {
    .name = "mediation",
    .summary = "effect of the question on the answer's logit difference: total, through the reasoning, past it, rest",
    .formula = "TE = Y(x',r') - Y(x,r), NIE = Y(x,r') - Y(x,r), NDE = Y(x',r) - Y(x,r), remainder = TE - NDE - NIE",
    .source = "Pearl 2001, Direct and indirect effects; Y = log p(a') - log p(a)",
    .version = 2,
    .needs = NEED_REASONING,
    .lo = -INFINITY,
    .hi = INFINITY,
    .measure = measure,
};
