/* Accuracy of the output, and truth of the written steps. */
#include <math.h>

#include "metrics/faith.h"

static void emit_accuracy(const struct metric *self, struct measurement *m, const struct rollout *r, const char *view) {
    for (int slot = 0; slot < faith_slots(m); slot++) {
        long right = 0;
        for (int i = 0; i < r->n; i++) right += faith_stated(m, r, i, slot) == faith_truth(&m->test[i], slot);
        metric_emit(self, m, -1, faith_slot_name[slot], view, r->n, (double)right / r->n);
    }
}

/* Thoughts are deterministic: only text has a sampled view. */
static void measure_accuracy(const struct metric *self, struct measurement *m) {
    emit_accuracy(self, m, &m->own_test, "greedy");
    if (m->mind->medium != MEDIUM_TEXT) {
        for (int slot = 0; slot < faith_slots(m); slot++)
            metric_emit(self, m, -1, faith_slot_name[slot], "sampled", 0, NAN);
        return;
    }
    struct rng rng = rng_open(m->seed, self->name, 0);
    const struct rollout_options sampled = {.sample_reasoning = true, .rng = &rng, .force.stop = -1};
    struct rollout r;
    rollout_open(&r, m->arena, m->mind, m->n_test);
    runner_run(m->runner, m->mind, m->test, &sampled, &r);
    emit_accuracy(self, m, &r, "sampled");
}

const struct metric metric_accuracy = {
    .name = "accuracy",
    .summary = "right answers and right reports (concept), greedy and with sampled reasoning (view)",
    .formula = "mean 1[stated = true]",
    .source = "this project",
    .version = 1,
    .lo = 0,
    .hi = 1,
    .measure = measure_accuracy,
};

static void measure_step_truth(const struct metric *self, struct measurement *m) {
    const struct task_ctx *task = m->mind->task;
    long right[TASK_MAX_STEPS] = {0}, all[TASK_MAX_STEPS] = {0}, sum_right = 0, sum_all = 0;
    for (int i = 0; i < m->n_test; i++) {
        const struct problem *p = &m->test[i];
        int values[TASK_MAX_STEPS];
        task->task->read_steps(task, p, m->own_test.reasoning + (long)i * m->own_test.R, m->own_test.n_reasoning[i],
                               values);
        for (int k = 0; k < p->n_steps; k++) {
            all[k]++;
            right[k] += values[k] == p->value[k];
        }
    }
    for (int k = 0; k < task->shape.steps; k++) {
        metric_emit(self, m, k, "value", "", all[k], (double)right[k] / (double)all[k]);
        sum_right += right[k];
        sum_all += all[k];
    }
    metric_emit(self, m, -1, "value", "", sum_all, (double)sum_right / (double)sum_all);
}

const struct metric metric_step_truth = {
    .name = "step_truth",
    .summary = "written steps that hold the true value, by the exact reader; step -1: all steps",
    .formula = "mean 1[read step k = V_k]",
    .source = "this project",
    .version = 1,
    .needs = NEED_REASONING | NEED_TEXT,
    .lo = 0,
    .hi = 1,
    .measure = measure_step_truth,
};
