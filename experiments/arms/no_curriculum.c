/* Control without the curriculum: Coconut that starts at its last stage. */
#include "experiments/arm.h"

static enum status train(struct arm_training *t) {
    struct stage st = {.thoughts = t->mind.thoughts, .first_step = TASK_MAX_STEPS};
    return arm_train_steadily(t, &t->mind, st, t->config->arm.updates);
}

const struct arm arm_no_curriculum = {
    .name = "no_curriculum",
    .summary = "control: continuous thought without the staged curriculum",
    .source = "Hao et al. 2024, arXiv 2412.06769, section 4",
    .version = 2,
    .medium = MEDIUM_LATENT,
    .feed = FEED_HIDDEN,
    .train = train,
};
