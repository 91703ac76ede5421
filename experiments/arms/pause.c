/* Control with the positions but not the thoughts: learned filler tokens stand where the reasoning would. What it cannot
 * answer needs what is fed back, not the extra positions. */
#include "experiments/arm.h"

static enum status train(struct arm_training *t) {
    struct stage st = {.thoughts = t->mind.thoughts, .first_step = TASK_MAX_STEPS};
    return arm_train_steadily(t, &t->mind, st, t->config->arm.updates);
}

const struct arm arm_pause = {
    .name = "pause",
    .summary = "control: learned filler tokens, nothing fed back",
    .source = "Goyal et al. 2023, arXiv 2310.02226; Hao et al. 2024, arXiv 2412.06769, section 4",
    .version = 1,
    .medium = MEDIUM_FILLER,
    .train = train,
};
