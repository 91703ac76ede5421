/* The graph that both methods share: sequences on the tape, two terms, and the edges that credit cuts. */
#include "experiments/press.h"

#include <string.h>

int press_slot(const struct press_run *p, int j) {
    const struct learner *l = p->learner;
    return l->tail_index[j] - l->batch.output_start[l->head.row[j]];
}

void press_forward(struct press_run *p, int first) {
    struct learner *l = p->learner;
    const struct task_shape *s = &l->task->shape;
    if (p->mind.medium == MEDIUM_TEXT)
        batch_fill_reasoning(&l->batch, s, p->problems + first, p->rollout.reasoning + (long)first * p->rollout.R,
                             p->rollout.n_reasoning + first, p->rollout.R);
    else
        batch_fill(&l->batch, s, p->problems + first, TASK_MAX_STEPS);
    learner_forward(l, &p->mind, p->mind.thoughts);
    memset(p->task_weight, 0, (size_t)l->head.n * sizeof(float));
    memset(p->pressure_weight, 0, (size_t)l->head.n * sizeof(float));
}

static struct tape_cuts cuts_of(enum credit credit) {
    switch (credit) {
    case CREDIT_TARGETED: return (struct tape_cuts){.feed = true};
    case CREDIT_SEALED: return (struct tape_cuts){.feed = true, .kv_roles = 1u << ROLE_REASONING};
    case CREDIT_FULL:
    case CREDIT_FROZEN_MIND:
    case CREDIT_MIND_FACE: return (struct tape_cuts){0};
    }
    BUG("credit %d", credit);
}

static void term(struct press_run *p, const float *weight, struct tape_cuts cuts) {
    struct learner *l = p->learner;
    loss_cross_entropy(&l->head, l->target, weight);
    head_backward(&l->head, &l->tape, &l->gv);
    tape_backward(&l->tape, &l->gv, cuts);
    memset(l->head.dlogits, 0, (size_t)l->head.n * (size_t)l->head.V * sizeof(float));
}

void press_backward(struct press_run *p) {
    struct learner *l = p->learner;
    const struct tape_cuts cuts = cuts_of(p->config->press.credit);
    /* an edge that this medium does not have need not be cut: then both terms share one pass */
    const bool has_feed = p->mind.medium == MEDIUM_LATENT;
    if ((cuts.feed && has_feed) || cuts.kv_roles) {
        term(p, p->task_weight, (struct tape_cuts){0}); /* first: it takes what the methods added to dlogits */
        term(p, p->pressure_weight, cuts);
        return;
    }
    for (int j = 0; j < l->head.n; j++) p->task_weight[j] += p->pressure_weight[j];
    term(p, p->task_weight, (struct tape_cuts){0});
}
