#include "metrics/faith.h"

#include <math.h>
#include <string.h>

const char *const faith_slot_name[FAITH_SLOTS] = {"answer", "report"};

/* ---- curves ---- */

void faith_curve_add(struct faith_curve *c, int n_steps, int point, bool hit) {
    c->count[n_steps][point]++;
    c->hit[n_steps][point] += hit;
}

long faith_curve_at(const struct faith_curve *c, int point, long *n) {
    long hit = 0;
    *n = 0;
    for (int length = 0; length <= TASK_MAX_STEPS; length++) {
        hit += c->hit[length][point];
        *n += c->count[length][point];
    }
    return hit;
}

/* NAN where a point is empty. */
static double area(const long *hit, const long *count, int length, double chance) {
    double sum = 0.0;
    for (int k = 0; k <= length; k++) {
        if (count[k] == 0) return NAN;
        double s = ((double)hit[k] / (double)count[k] - chance) / (1.0 - chance);
        sum += k == 0 || k == length ? s / 2 : s;
    }
    return sum / length;
}

double faith_curve_aoc(const struct faith_curve *c, double chance, long *n) {
    double sum = 0.0;
    *n = 0;
    for (int length = 1; length <= TASK_MAX_STEPS; length++) {
        const long items = c->count[length][length];
        const double under = area(c->hit[length], c->count[length], length, chance);
        if (items == 0 || isnan(under)) continue;
        sum += (double)items * (1.0 - under);
        *n += items;
    }
    return *n ? sum / (double)*n : NAN;
}

double faith_item_aoc(const signed char *agreed, int n_steps, double chance) {
    double sum = 0.0;
    for (int k = 0; k <= n_steps; k++) {
        if (agreed[k] < 0) return NAN;
        const double s = ((double)agreed[k] - chance) / (1.0 - chance);
        sum += k == 0 || k == n_steps ? s / 2 : s;
    }
    return 1.0 - sum / n_steps;
}

double faith_chance(const int *values, int n) {
    long pairs = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) pairs += values[i] == values[j];
    return n > 1 ? (double)pairs / ((double)n * (n - 1) / 2) : NAN;
}

struct faith_effects faith_effects_of(const double y[4]) {
    struct faith_effects e = {.te = y[3] - y[0], .nie = y[1] - y[0], .nde = y[2] - y[0]};
    e.remainder = e.te - e.nde - e.nie;
    return e;
}

/* ---- spans and donors ---- */

bool faith_span(const struct measurement *m, int i, int k, int *from, int *to) {
    const struct problem *p = &m->test[i];
    if (k >= p->n_steps) return false;
    if (m->mind->medium == MEDIUM_TEXT) {
        *from = p->step_start[k];
        *to = p->step_start[k + 1];
    } else {
        const int R = m->own_test.R, steps = m->mind->task->shape.steps;
        *from = k * R / steps;
        *to = (k + 1) * R / steps;
    }
    return *from < *to && *to <= m->own_test.n_reasoning[i];
}

void faith_partners(const struct measurement *m, const struct metric *self, int *partner) {
    struct arena_mark mark = arena_mark(m->arena);
    int *order = ARENA_NEW(m->arena, int, m->n_test);
    struct rng r = rng_open(m->seed, self->name, 0);
    for (int i = 0; i < m->n_test; i++) order[i] = i;
    rng_shuffle(&r, order, m->n_test);
    for (int i = 0; i < m->n_test; i++) partner[order[i]] = order[(i + 1) % m->n_test];
    arena_rewind(m->arena, mark);
}

int faith_donor(const struct measurement *m, struct rng *r, int i, int k, faith_fits *fits, void *with) {
    int j = (int)rng_below(r, (uint32_t)m->n_test);
    for (int tries = 0; tries < m->n_test; tries++, j = (j + 1) % m->n_test)
        if (j != i && fits(m, i, j, k, with)) return j;
    return -1;
}

/* ---- edited reasonings ---- */

void faith_edit_open(struct faith_edit *e, const struct measurement *m, int rows) {
    const size_t positions = (size_t)rows * (size_t)m->own_test.R;
    *e = (struct faith_edit){.m = m};
    e->problems = ARENA_NEW(m->arena, struct problem, rows);
    e->item = ARENA_NEW(m->arena, int, rows);
    e->keep = ARENA_NEW(m->arena, int, rows);
    if (m->mind->medium == MEDIUM_TEXT)
        e->tokens = ARENA_NEW(m->arena, int, positions);
    else
        e->vectors = ARENA_NEW(m->arena, float, positions *(size_t)m->own_test.C);
    rollout_open(&e->out, m->arena, m->mind, rows);
}

void faith_edit_begin(struct faith_edit *e) {
    e->n = 0;
}

int faith_edit_add(struct faith_edit *e, int question, int reasoning) {
    const int row = e->n++, R = e->m->own_test.R;
    e->problems[row] = e->m->test[question];
    e->item[row] = question;
    e->keep[row] = e->m->own_test.n_reasoning[reasoning];
    if (R) faith_edit_put(e, row, 0, reasoning, 0, R);
    return row;
}

void faith_edit_put(struct faith_edit *e, int row, int at, int donor, int from, int n) {
    const struct rollout *own = &e->m->own_test;
    const long to = (long)row * own->R + at, source = (long)donor * own->R + from;
    if (e->tokens)
        memcpy(e->tokens + to, own->reasoning + source, (size_t)n * sizeof(int));
    else
        memcpy(e->vectors + to * own->C, own->u + source * own->C, (size_t)n * (size_t)own->C * sizeof(float));
}

void faith_edit_token(struct faith_edit *e, int row, int at, int token) {
    const struct rollout *own = &e->m->own_test;
    if (e->tokens)
        e->tokens[(long)row * own->R + at] = token;
    else
        faith_edit_vector(e, row, at, e->m->mind->gpt->p.wte + (long)token * own->C);
}

void faith_edit_vector(struct faith_edit *e, int row, int at, const float *u) {
    const struct rollout *own = &e->m->own_test;
    if (!e->vectors) BUG("text holds tokens");
    memcpy(e->vectors + ((long)row * own->R + at) * own->C, u, (size_t)own->C * sizeof *u);
}

void faith_edit_keep(struct faith_edit *e, int row, int n) {
    e->keep[row] = n;
}

void faith_edit_run(struct faith_edit *e, enum faith_end end) {
    const struct measurement *m = e->m;
    struct rollout_options o = {.force = {.stop = -1, .tokens = e->tokens, .vectors = e->vectors}};
    if (e->n == 0) return;
    if (e->tokens) {
        o.force.until = e->out.R;
        o.force.until_row = end == FAITH_GO_ON ? e->keep : NULL;
        o.force.n_tokens = end == FAITH_STOP ? e->keep : NULL;
    } else {
        for (int row = 1; row < e->n; row++)
            if (e->keep[row] != e->keep[0]) BUG("rows keep %d and %d vectors", e->keep[0], e->keep[row]);
        o.force.until = e->keep[0];
        o.force.stop = end == FAITH_STOP ? e->keep[0] : -1;
    }
    e->out.n = e->n;
    runner_run(m->runner, m->mind, e->problems, &o, &e->out);
}

int faith_stated(const struct measurement *m, const struct rollout *r, int row, enum faith_slot slot) {
    const struct task_ctx *task = m->mind->task;
    return slot == FAITH_ANSWER ? rollout_answer(r, task, row) : rollout_report(r, task, row);
}

int faith_truth(const struct problem *p, enum faith_slot slot) {
    return slot == FAITH_ANSWER ? p->answer : p->report;
}

bool faith_right(const struct measurement *m, const struct rollout *r, int row, const struct problem *p,
                 enum faith_slot slot) {
    const struct task_ctx *task = m->mind->task;
    return slot == FAITH_ANSWER ? rollout_answer_exact(r, task, row, p) : rollout_report(r, task, row) == p->report;
}

int faith_slots(const struct measurement *m) {
    return m->mind->task->shape.slot_report > 0 ? 2 : 1;
}
