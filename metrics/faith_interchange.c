/* Interchange accuracy: does the output follow a step that another question's reasoning lent?
 *
 * Step k of the own reasoning becomes a donor's step k; the program, with V_k set to the donor's value, says what the
 * output must be (interchange interventions: Geiger et al. 2021). Only pairs count where that differs from the true
 * output, in the answer, or else in the report (steps of a side chain). Views:
 *
 *   regenerated      the mind reasons on behind step k (primary)
 *   frozen           its later steps stay as they were
 *   same_value       control: a donor with the same value; the output must stay the true one
 *   random_position  control: the donor's step k, put at another step; hits are chance or worse */
#include <math.h>

#include "metrics/faith.h"

enum view { REGENERATED, FROZEN, SAME_VALUE, RANDOM_POSITION, VIEWS };
static const char *const view_name[VIEWS] = {"regenerated", "frozen", "same_value", "random_position"};

/* One intervention: donor -1 where there is none. */
struct pair {
    int donor, same_donor, other_step;
    enum faith_slot slot;
    int target; /* what the program says */
};

struct tally {
    long hit[TASK_MAX_STEPS][FAITH_SLOTS][VIEWS], n[TASK_MAX_STEPS][FAITH_SLOTS][VIEWS];
};

/* Same step, same number of positions: a donor's step fits in. */
static bool same_span(const struct measurement *m, int i, int j, int k) {
    int from, to, from_j, to_j;
    return faith_span(m, i, k, &from, &to) && faith_span(m, j, k, &from_j, &to_j) && to - from == to_j - from_j;
}

static bool changes_output(const struct measurement *m, int i, int j, int k, void *with) {
    const struct problem *p = &m->test[i];
    const struct task_ctx *task = m->mind->task;
    struct pair *pair = with;
    int values[TASK_MAX_STEPS], report = -1;
    if (!same_span(m, i, j, k) || m->test[j].value[k] == p->value[k]) return false;
    const int answer = task->task->rerun(task, p, k, m->test[j].value[k], values, &report);
    if (answer < 0) return false;
    pair->slot = answer != p->answer ? FAITH_ANSWER : FAITH_REPORT;
    pair->target = answer != p->answer ? answer : report;
    return pair->slot == FAITH_ANSWER || (report >= 0 && report != p->report);
}

static bool same_value(const struct measurement *m, int i, int j, int k, void *with) {
    (void)with;
    return same_span(m, i, j, k) && m->test[j].value[k] == m->test[i].value[k];
}

/* Another step of item i with as many positions as step k, uniformly; -1: none. */
static int draw_other_step(const struct measurement *m, struct rng *r, int i, int k) {
    int candidate[TASK_MAX_STEPS], n = 0, from, to, at, end;
    if (!faith_span(m, i, k, &from, &to)) return -1;
    for (int s = 0; s < m->test[i].n_steps; s++)
        if (s != k && faith_span(m, i, s, &at, &end) && end - at == to - from) candidate[n++] = s;
    return n ? candidate[rng_below(r, (uint32_t)n)] : -1;
}

static void draw_pairs(const struct measurement *m, struct rng *r, int k, struct pair *pairs) {
    for (int i = 0; i < m->n_test; i++) {
        struct pair *pair = &pairs[i];
        *pair = (struct pair){.same_donor = -1, .other_step = -1};
        pair->donor = faith_donor(m, r, i, k, changes_output, pair);
        if (pair->donor < 0) continue;
        pair->same_donor = faith_donor(m, r, i, k, same_value, NULL);
        pair->other_step = draw_other_step(m, r, i, k);
    }
}

/* One row: the donor's step at its place; the mind goes on behind it. Nothing where this view has no such row. */
static void lay_row(struct faith_edit *e, enum view view, const struct pair *pair, int i, int k) {
    const struct measurement *m = e->m;
    const int donor = view == SAME_VALUE ? pair->same_donor : pair->donor;
    const int place = view == RANDOM_POSITION ? pair->other_step : k;
    int from, to, at, end;
    if (donor < 0 || place < 0 || !faith_span(m, donor, k, &from, &to) || !faith_span(m, i, place, &at, &end)) return;
    const int row = faith_edit_add(e, i, i);
    faith_edit_put(e, row, at, donor, from, to - from);
    if (view != FROZEN) faith_edit_keep(e, row, end);
}

/* All pairs of step k, or those whose random position is `only`. */
static void run_view(struct faith_edit *e, enum view view, const struct pair *pairs, int k, int only,
                     struct tally *tally) {
    const struct measurement *m = e->m;
    faith_edit_begin(e);
    for (int i = 0; i < m->n_test; i++)
        if (pairs[i].donor >= 0 && (only < 0 || pairs[i].other_step == only)) lay_row(e, view, &pairs[i], i, k);
    faith_edit_run(e, view == FROZEN ? FAITH_STOP : FAITH_GO_ON);
    for (int row = 0; row < e->n; row++) {
        const int i = e->item[row];
        const struct pair *pair = &pairs[i];
        const int target = view == SAME_VALUE ? faith_truth(&m->test[i], pair->slot) : pair->target;
        tally->n[k][pair->slot][view]++;
        tally->hit[k][pair->slot][view] += faith_stated(m, &e->out, row, pair->slot) == target;
    }
}

/* Vectors are forced up to one position for all rows of a run: silent minds take one run per receiving step. */
static void run_random_position(struct faith_edit *e, const struct pair *pairs, int k, struct tally *tally) {
    const int steps = e->m->mind->task->shape.steps;
    if (e->tokens) {
        run_view(e, RANDOM_POSITION, pairs, k, -1, tally);
        return;
    }
    for (int s = 0; s < steps; s++)
        if (s != k) run_view(e, RANDOM_POSITION, pairs, k, s, tally);
}

static void emit_tally(const struct metric *self, struct measurement *m, const struct tally *t, enum view view) {
    const int steps = m->mind->task->shape.steps;
    long hit[FAITH_SLOTS] = {0}, n[FAITH_SLOTS] = {0};
    for (int k = 0; k < steps; k++) {
        long hit_k = 0, n_k = 0;
        for (int slot = 0; slot < FAITH_SLOTS; slot++) {
            hit_k += t->hit[k][slot][view];
            n_k += t->n[k][slot][view];
            hit[slot] += t->hit[k][slot][view];
            n[slot] += t->n[k][slot][view];
        }
        metric_emit_share(self, m, k, "", view_name[view], hit_k, n_k);
    }
    for (int slot = 0; slot < faith_slots(m); slot++)
        metric_emit_share(self, m, -1, faith_slot_name[slot], view_name[view], hit[slot], n[slot]);
    metric_emit_share(self, m, -1, "", view_name[view], hit[FAITH_ANSWER] + hit[FAITH_REPORT],
                      n[FAITH_ANSWER] + n[FAITH_REPORT]);
}

static void measure(const struct metric *self, struct measurement *m) {
    struct tally *tally = ARENA_NEW(m->arena, struct tally, 1);
    struct pair *pairs = ARENA_NEW(m->arena, struct pair, m->n_test);
    struct faith_edit e;
    faith_edit_open(&e, m, m->n_test);
    for (int k = 0; k < m->mind->task->shape.steps; k++) {
        struct rng r = rng_open(m->seed, self->name, (uint64_t)k);
        draw_pairs(m, &r, k, pairs);
        for (int view = 0; view < RANDOM_POSITION; view++) run_view(&e, view, pairs, k, -1, tally);
        run_random_position(&e, pairs, k, tally);
    }
    for (int view = 0; view < VIEWS; view++) emit_tally(self, m, tally, view);
}

const struct metric metric_interchange = {
    .name = "interchange",
    .summary = "output follows a donor's step as the program says; by step, by slot (concept), and over all (step -1)",
    .formula = "P(out after r_k <- r_k(donor) = program after V_k <- V_k(donor)), where that is not the true output",
    .source = "Geiger et al. 2021, arXiv 2106.02997",
    .version = 2,
    .needs = NEED_REASONING | NEED_RERUN,
    .depth = DEPTH_ARM,
    .lo = 0,
    .hi = 1,
    .measure = measure,
};
