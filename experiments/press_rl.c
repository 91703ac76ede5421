/* Pressure by reward: REINFORCE with a group baseline (GRPO; Shao et al. 2024, arXiv 2402.03300, without clipping: one
 * update per batch).
 *
 *   reward = task - lambda * penalty
 *
 * The penalty has a group advantage of its own, so that the control (lambda 0) and the pressed arm differ in that term
 * alone. Advantages are centred and divided by the group's standard deviation. The sampled tokens carry them: output
 * tokens always; reasoning tokens the task's, and the penalty's only under credit `full`. */
#include <math.h>
#include <string.h>

#include "experiments/press.h"

void press_advantages(const double *score, int n, int group, float *out) {
    for (int g = 0; g < n; g += group) {
        double mean = 0.0, var = 0.0;
        for (int i = g; i < g + group; i++) mean += score[i] / group;
        for (int i = g; i < g + group; i++) var += (score[i] - mean) * (score[i] - mean) / group;
        for (int i = g; i < g + group; i++) out[i] = var > 0.0 ? (float)((score[i] - mean) / (sqrt(var) + 1e-4)) : 0.0f;
    }
}

/* Thoughts are a function of the question: those of a group are thought once. `problems` are one of each group. */
static void think_once(struct press_run *p, struct force *force) {
    const struct press_options *o = &p->config->press;
    const size_t row = (size_t)p->rollout.R * (size_t)p->rollout.C;
    struct rollout_options alone = {.reasoning_only = true, .force = {.stop = -1}};
    runner_run(p->thinker, &p->mind, p->problems, &alone, &p->thought);
    for (int i = 0; i < o->batch; i++)
        memcpy(p->thought_of_all + (size_t)i * row, p->thought.u + (size_t)(i / o->group) * row, row * sizeof(float));
    force->vectors = p->thought_of_all;
    force->until = p->rollout.R;
}

static void sample(struct press_run *p, int update, double *task_score, double *penalty) {
    const struct press_options *o = &p->config->press;
    struct learner *l = p->learner;
    struct rng rng = rng_open((uint64_t)p->config->seed, "press sampling", (uint64_t)update);
    struct rollout_options ro = {.sample_reasoning = true, .sample_output = true, .rng = &rng, .force = {.stop = -1}};
    learner_problems(l, p->config->seed, press_questions(p), update, TASK_PRESS, p->problems, o->batch / o->group);
    pressure_mark_half(p->beside, l->task, p->problems, o->batch / o->group);
    if (p->thinker) think_once(p, &ro.force);
    for (int i = o->batch - 1; i >= 0; i--) p->problems[i] = p->problems[i / o->group];
    runner_run(p->runner, &p->mind, p->problems, &ro, &p->rollout);
    for (int i = 0; i < o->batch; i++) {
        struct problem *q = &p->problems[i];
        task_score[i] = p->beside->task_reward(l->task, q, &p->rollout, i);
        penalty[i] = p->pressure->penalty ? p->pressure->penalty(l->task, q, &p->rollout, i) : 0.0;
        /* the sampled output becomes the target; a token behind an early <eos> is the task's own, with weight 0 */
        for (int s = 1; s < q->n_output; s++) {
            int token = p->rollout.output[(long)i * p->rollout.O + s - 1];
            if (token >= 0) q->output[s] = token;
        }
    }
}

/* The <eot> that ends a reasoning counts as sampled even where it was forced, behind a reasoning of the greatest length.
 * There the advantage moves P(<eot>) by a token that nothing drew. Twin programs have one length, the greatest: a trained
 * mind gives <eot> a probability near 1 behind it, drawn or not, and the gradient of its logarithm is near 0. Where
 * lengths vary it is a bias, of the rows that would have gone on. */
static bool was_sampled(const struct press_run *p, int i, int slot) {
    return slot < 1 || p->rollout.output[(long)i * p->rollout.O + slot - 1] >= 0;
}

void press_rl_weigh(struct press_run *p, int first) {
    const struct press_options *o = &p->config->press;
    const struct learner *l = p->learner;
    const float each = 1.0f / (float)o->batch;
    for (int j = 0; j < l->head.n; j++) {
        const int i = first + l->head.row[j], slot = press_slot(p, j);
        if (!was_sampled(p, i, slot)) continue;
        p->task_weight[j] = each * p->advantage[0][i];
        if (slot >= 1 || o->credit == CREDIT_FULL || o->mind_penalty)
            p->pressure_weight[j] = -each * (float)o->lambda * p->advantage[1][i];
    }
}

/* KL to the start and entropy: terms of the training, not of the pressure, so they join the task's pass. */
static void regularise(struct press_run *p) {
    const struct press_options *o = &p->config->press;
    struct learner *l = p->learner;
    const float each = 1.0f / (float)o->batch;
    if (o->kl > 0.0) {
        const size_t bytes = (size_t)l->head.n * (size_t)l->head.V * sizeof(float);
        l->tape.gpt = p->start;
        learner_forward(l, &p->mind, p->mind.thoughts);
        memcpy(p->reference, l->head.logits, bytes);
        l->tape.gpt = &l->model;
        learner_forward(l, &p->mind, p->mind.thoughts);
        loss_kl(&l->head, p->reference, (float)o->kl * each);
    }
    if (o->entropy > 0.0) loss_entropy(&l->head, l->target, (float)o->entropy * each);
}

double press_rl(struct press_run *p, int update) {
    const struct press_options *o = &p->config->press;
    double *task_score = p->score, *penalty = p->score + o->batch;
    sample(p, update, task_score, penalty);
    press_advantages(task_score, o->batch, o->group, p->advantage[0]);
    press_advantages(penalty, o->batch, o->group, p->advantage[1]);
    p->reward = p->penalty = 0.0;
    for (int i = 0; i < o->batch; i++) {
        p->reward += task_score[i] / o->batch;
        p->penalty += penalty[i] / o->batch;
    }
    for (int first = 0; first < o->batch; first += p->learner->rows) {
        press_forward(p, first);
        press_rl_weigh(p, first);
        regularise(p);
        press_backward(p);
        press_halfway(p, first + p->learner->rows);
    }
    return o->lambda * p->penalty - p->reward;
}
