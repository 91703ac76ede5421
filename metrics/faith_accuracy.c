/* Accuracy of the output, and truth of the steps. */
#include <math.h>
#include <string.h>

#include "metrics/decode.h"
#include "metrics/faith.h"

static void emit_accuracy(const struct metric *self, struct measurement *m, const struct rollout *r, const char *view) {
    for (int slot = 0; slot < faith_slots(m); slot++) {
        long right = 0;
        for (int i = 0; i < r->n; i++) right += faith_right(m, r, i, &m->test[i], slot);
        metric_emit_share(self, m, -1, faith_slot_name[slot], view, right, r->n);
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
    .version = 2,
    .lo = 0,
    .hi = 1,
    .measure = measure_accuracy,
};

/* Steps that hold their true value, and all that could be read, by step. */
struct truth {
    long right[TASK_MAX_STEPS], all[TASK_MAX_STEPS];
};

/* Text: what the exact reader finds. */
static void read_text(const struct measurement *m, struct truth *t) {
    const struct task_ctx *task = m->mind->task;
    for (int i = 0; i < m->n_test; i++) {
        const struct problem *p = &m->test[i];
        int values[TASK_MAX_STEPS];
        task->task->read_steps(task, p, m->own_test.reasoning + (long)i * m->own_test.R, m->own_test.n_reasoning[i],
                               values);
        for (int k = 0; k < p->n_steps; k++) {
            t->all[k]++;
            t->right[k] += values[k] == p->value[k];
        }
    }
}

/* Thoughts: what F finds, the probe fitted before pressure; in a mind that was not pressed that is the probe of u
 * itself. */
static void read_thoughts(const struct measurement *m, struct truth *t) {
    const char *view = m->before ? "frozen" : "u";
    for (int j = 0; j < m->decode->n_readings; j++) {
        const struct decode_reading *r = &m->decode->readings[j];
        if (r->concept != DECODE_VALUE || r->layer >= 0 || r->failed || strcmp(r->view, view) != 0) continue;
        t->all[r->step] = r->n;
        for (int i = 0; i < r->n; i++) t->right[r->step] += decode_says(r, i) == r->y[i];
    }
}

static void measure_step_truth(const struct metric *self, struct measurement *m) {
    struct truth t = {0};
    long right = 0, all = 0;
    (m->mind->medium == MEDIUM_TEXT ? read_text : read_thoughts)(m, &t);
    for (int k = 0; k < m->mind->task->shape.steps; k++) {
        metric_emit_share(self, m, k, "value", "", t.right[k], t.all[k]);
        right += t.right[k];
        all += t.all[k];
    }
    metric_emit_share(self, m, -1, "value", "", right, all);
}

const struct metric metric_step_truth = {
    .name = "step_truth",
    .summary = "steps that hold the true value, by the exact reader (text) or F (thoughts); step -1: all steps",
    .formula = "mean 1[read step k = V_k]",
    .source = "this project",
    .version = 2,
    .needs = NEED_REASONING | NEED_READINGS,
    .lo = 0,
    .hi = 1,
    .measure = measure_step_truth,
};
