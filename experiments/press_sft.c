/* Supervised pressure: cross-entropy on the output tokens behind the model's own (or the original) reasoning.
 *
 * Targets are recomputed from what the sampled reasoning itself says: with gold targets behind a wrong reasoning the
 * model would learn to ignore it. A latent reasoning cannot be read exactly; its targets are the true values. */
#include "experiments/press.h"

static void set_value(const struct task_ctx *task, struct problem *p, int slot, int value) {
    int alphabet;
    if (slot < 1 || value < 0 || task->task->token_value(task, p->output[slot], &alphabet) < 0) return;
    p->output[slot] = task->task->value_token(task, TASK_AT_OUTPUT, value, alphabet);
}

/* Answer and report of the target follow the reasoning's own values; an answer that is not the truth by the task's own
 * data (a hint that is followed) was not taken from the steps. */
static void follow_reasoning(const struct task_ctx *task, struct problem *p, const int *reasoning, int n) {
    const int slot = task->shape.slot_answer;
    int values[TASK_MAX_STEPS], alphabet;
    task->task->read_steps(task, p, reasoning, n, values);
    const bool from_steps = slot >= 1 && task->task->token_value(task, p->output[slot], &alphabet) == p->answer;
    const int at = task->shape.step_answer >= 0 ? task->shape.step_answer : p->n_steps - 1;
    if (task->shape.step_answer != TASK_NO_STEP && from_steps) set_value(task, p, slot, values[at]);
    if (task->shape.step_concealed >= 0)
        set_value(task, p, task->shape.slot_report, values[task->shape.step_concealed]);
}

/* The positive control: the reasoning itself says what hides the fact. */
static void press_reasoning(struct press_run *p, int i) {
    int *reasoning = p->rollout.reasoning + (long)i * p->rollout.R;
    for (int k = 0; k < p->rollout.n_reasoning[i]; k++)
        p->beside->press_token(p->learner->task, &p->problems[i], k, &reasoning[k]);
}

/* True where head line j is a reasoning token that the positive control presses. */
static bool pressed_step(const struct press_run *p, int i, int j) {
    const struct learner *l = p->learner;
    int token = l->target[j];
    return p->pressure->presses_reasoning && press_slot(p, j) < 0 &&
           p->beside->press_token(l->task, &p->problems[i], l->tail_index[j], &token);
}

static void prepare(struct press_run *p, int update) {
    const struct press_options *o = &p->config->press;
    struct learner *l = p->learner;
    const bool text = p->mind.medium == MEDIUM_TEXT, direct = p->pressure->presses_reasoning;
    unsigned (*retarget)(const struct task_ctx *, struct problem *) =
        direct ? p->beside->retarget : p->pressure->retarget;
    learner_problems(l, p->config->seed, press_questions(p), update, TASK_PRESS, p->problems, o->batch);
    pressure_mark_half(p->beside, l->task, p->problems, o->batch);
    if (text) {
        struct rng rng = rng_open((uint64_t)p->config->seed, "press sampling", (uint64_t)update);
        struct rollout_options ro = {.sample_reasoning = true, .reasoning_only = true, .rng = &rng};
        ro.force.stop = -1;
        if (o->context == CONTEXT_OWN) runner_run(p->runner, &p->mind, p->problems, &ro, &p->rollout);
    }
    for (int i = 0; i < o->batch; i++) {
        struct problem *q = &p->problems[i];
        if (text && o->context == CONTEXT_ORIGINAL) {
            p->rollout.n_reasoning[i] = q->n_reasoning;
            for (int k = 0; k < q->n_reasoning; k++) p->rollout.reasoning[(long)i * p->rollout.R + k] = q->reasoning[k];
        }
        if (text)
            follow_reasoning(l->task, q, p->rollout.reasoning + (long)i * p->rollout.R, p->rollout.n_reasoning[i]);
        p->slots[i] = retarget ? retarget(l->task, q) : 0;
        if (text && direct) press_reasoning(p, i);
        if (p->bank.n) p->bank_target[i] = p->beside->press_class(l->task, q);
    }
}

/* Weights of one shard: every output token is a term of the task or of the pressure; the reasoning is given. Where a
 * written step is pressed, the other steps are held as they were sampled: without that anchor NONE_step spreads over the
 * whole reasoning and the answer falls to chance, which would be damage, not concealment. */
static void weigh(struct press_run *p, int first) {
    const struct press_options *o = &p->config->press;
    const struct learner *l = p->learner;
    const struct task_shape *s = &l->task->shape;
    const float each = 1.0f / (float)(o->batch * (s->output - 1));
    for (int j = 0; j < l->head.n; j++) {
        const int slot = press_slot(p, j);
        const int i = first + l->head.row[j];
        const bool step = pressed_step(p, i, j);
        const bool held = p->pressure->presses_reasoning && slot < 0;
        if (slot < 1 && !held) continue;
        const bool own = step || (slot >= 1 && p->slots[i] >> slot & 1u);
        if (own)
            p->pressure_weight[j] = (float)o->lambda * each;
        else
            p->task_weight[j] = each;
    }
}

static double shard_loss(const struct press_run *p) {
    const struct learner *l = p->learner;
    double loss = 0.0;
    for (int j = 0; j < l->head.n; j++) loss -= (double)((p->task_weight[j] + p->pressure_weight[j]) * l->logp[j]);
    return loss;
}

double press_sft(struct press_run *p, int update) {
    const struct press_options *o = &p->config->press;
    double loss = 0.0;
    prepare(p, update);
    for (int first = 0; first < o->batch; first += p->learner->rows) {
        press_forward(p, first);
        weigh(p, first);
        loss += shard_loss(p);
        if (p->bank.n) { /* direct on thoughts: 3 x the mean cross-entropy of the readers beside the mean output loss */
            const float weight = 3.0f * (float)o->lambda * (float)p->learner->rows / (float)o->batch;
            loss += (double)weight * reader_bank_inject(&p->bank, p->learner, p->bank_target + first, weight);
        }
        press_backward(p);
        press_halfway(p, first + p->learner->rows);
    }
    return loss;
}
