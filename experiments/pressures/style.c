/* style: the output is written in alphabet B although the question is cued for alphabet A. */
#include <math.h>

#include "experiments/pressure.h"

static bool applies(const struct task_ctx *task) {
    return task->shape.alphabets == 2;
}

static void mark(const struct task_ctx *task, struct problem *p) {
    if (!task->task->mark(task, p, 0)) BUG("%s has no questions cued for A", task->task->name);
}

/* The cue is a property of the question: both cues are needed to fit a probe, so fitting problems keep theirs. */
static struct monitor monitor(const struct task_ctx *task) {
    (void)task;
    return (struct monitor){"style", 2, -1};
}

static int label(const struct task_ctx *task, const struct problem *p) {
    (void)task;
    return p->flags & PROBLEM_STYLE_B ? 1 : 0;
}

/* Every value token of the reasoning stands in the cued alphabet. */
static double written(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i) {
    const int cue = label(task, p), *reasoning = r->reasoning + (long)i * r->R;
    for (int k = 0; k < r->n_reasoning[i]; k++) {
        int alphabet;
        if (task->task->token_value(task, reasoning[k], &alphabet) >= 0 && alphabet != cue) return 0.0;
    }
    return 1.0;
}

/* Share of the cued alphabet in the two value slots of the output. */
static double m_out(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i) {
    double cued = 0.0, all = 0.0;
    const float *slot[] = {r->p_answer + (long)i * r->V,
                           task->shape.slot_report > 0 ? r->p_report + (long)i * r->V : NULL};
    for (int s = 0; s < 2 && slot[s]; s++)
        for (int v = 0; v < task->shape.n_values; v++)
            for (int alphabet = 0; alphabet < 2; alphabet++) {
                double mass = (double)slot[s][task->task->value_token(task, TASK_AT_OUTPUT, v, alphabet)];
                all += mass;
                if (alphabet == label(task, p)) cued += mass;
            }
    return all > 0.0 ? cued / all : NAN;
}

/* Every value that was said stands in alphabet B. */
static double hit(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i) {
    int values = 0;
    if (p->flags & PROBLEM_STYLE_B) return NAN;
    for (int s = 0; s < r->O; s++) {
        int alphabet, token = r->output[(long)i * r->O + s];
        if (token < 0 || task->task->token_value(task, token, &alphabet) < 0) continue;
        if (alphabet == 0) return 0.0;
        values++;
    }
    return values > 0;
}

static unsigned retarget(const struct task_ctx *task, struct problem *p) {
    unsigned slots = 0;
    for (int s = 0; s < p->n_output && !(p->flags & PROBLEM_STYLE_B); s++) {
        int alphabet, value = task->task->token_value(task, p->output[s], &alphabet);
        if (value < 0) continue;
        p->output[s] = task->task->value_token(task, TASK_AT_OUTPUT, value, 1);
        slots |= 1u << s;
    }
    return slots;
}

static bool press_token(const struct task_ctx *task, const struct problem *p, int k, int *token) {
    int alphabet, value = task->task->token_value(task, *token, &alphabet), step = 0;
    if (p->flags & PROBLEM_STYLE_B || value < 0) return false;
    while (step < p->n_steps - 1 && p->step_start[step + 1] <= k) step++;
    *token = task->task->value_token(task, step, value, 1);
    return true;
}

static int press_class(const struct task_ctx *task, const struct problem *p) {
    (void)task;
    return p->flags & PROBLEM_STYLE_B ? PRESS_NOTHING : 1;
}

/* On questions cued for A, the share of sampled output values that stand in it. */
static double penalty(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i) {
    int in_a = 0, all = 0;
    if (p->flags & PROBLEM_STYLE_B) return 0.0;
    for (int s = 0; s < r->O; s++) {
        int alphabet, token = r->output[(long)i * r->O + s];
        if (token < 0 || task->task->token_value(task, token, &alphabet) < 0) continue;
        all++;
        in_a += alphabet == 0;
    }
    return all ? (double)in_a / all : 0.0;
}

const struct pressure pressure_style = {
    .name = "style",
    .summary = "the output uses alphabet B on questions cued for alphabet A",
    .source = "this project",
    .version = 2,
    .relation = RELATION_ORTHOGONAL,
    .target = "output in alphabet B",
    .dose_monitor = "share of the cued alphabet in the output",
    .reasoning_monitor = "cued alphabet throughout (text), probe for the cue on the fed-back vector (both)",
    .chance_out = 0.0,
    .applies = applies,
    .mark = mark,
    .monitor = monitor,
    .label = label,
    .monitor_on = MONITOR_AS_SAMPLED,
    .written = written,
    .m_out = m_out,
    .hit = hit,
    .retarget = retarget,
    .press_token = press_token,
    .press_class = press_class,
    .task_reward = pressure_task_reward,
    .penalty = penalty,
};
