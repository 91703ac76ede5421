/* Coconut: the hidden state after the final layer norm is the next input embedding.
 *
 * Curriculum (Hao et al. 2024, section 3): stage s replaces the first s steps by s x c thoughts; the loss counts only
 * what stands behind the thoughts; the optimiser is reset at every stage. A stage ends when the gate is reached, not
 * after a fixed count: a fixed count learnt the task on one seed and missed it on another. */
#include "experiments/arm.h"

/* The stage of the next update: with stage_mix now and then one of all the stages, text alone among them. */
static struct stage draw_stage(const struct arm_training *t, struct stage st) {
    const struct arm_options *o = &t->config->arm;
    struct rng r = rng_open((uint64_t)t->config->seed, "stage mix", (uint64_t)t->updates);
    if (rng_uniform(&r) >= o->stage_mix) return st;
    int s = (int)rng_below(&r, (uint32_t)t->learner->task->shape.steps + 1);
    return (struct stage){.thoughts = s * o->thoughts_per_step, .first_step = s};
}

static enum status run_stage(struct arm_training *t, struct stage st, double gate) {
    const struct arm_options *o = &t->config->arm;
    double loss = 0.0;
    for (int i = 0; i < o->stage_cap; i++) {
        TRY(arm_update(t, "arm", &t->mind, draw_stage(t, st), o->lr, &loss));
        if ((i + 1) % o->stage_check != 0) continue;
        double reached = arm_gate(t, &t->mind, st);
        cell_event(t->io, "stage", st.first_step, t->learner->task->shape.steps, loss, reached);
        if (reached >= gate) break;
    }
    return ST_OK;
}

static enum status train(struct arm_training *t) {
    const int steps = t->learner->task->shape.steps, c = t->config->arm.thoughts_per_step;
    t->planned = steps * t->config->arm.stage_cap + t->config->arm.updates;
    for (int s = 1; s <= steps; s++) {
        struct stage st = {.thoughts = s * c, .first_step = s};
        adamw_reset(&t->learner->opt, &t->learner->model);
        TRY(run_stage(t, st, t->config->arm.stage_gate));
    }
    adamw_reset(&t->learner->opt, &t->learner->model);
    return arm_train_steadily(t, &t->mind, (struct stage){.thoughts = steps * c, .first_step = steps},
                              t->config->arm.updates);
}

const struct arm arm_coconut = {
    .name = "coconut",
    .summary = "continuous thought: the last hidden state is fed back",
    .source = "Hao et al. 2024, arXiv 2412.06769",
    .version = 2,
    .medium = MEDIUM_LATENT,
    .feed = FEED_HIDDEN,
    .train = train,
};
