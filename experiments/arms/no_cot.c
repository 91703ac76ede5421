/* Control without reasoning: the output follows the question. What it cannot answer needs reasoning. */
#include "experiments/arm.h"

static enum status train(struct arm_training *t) {
    return arm_train_steadily(t, &t->mind, (struct stage){.first_step = TASK_MAX_STEPS}, t->config->arm.updates);
}

const struct arm arm_no_cot = {
    .name = "no_cot",
    .summary = "control: answers without any reasoning",
    .source = "Hao et al. 2024, arXiv 2412.06769, section 4",
    .version = 1,
    .medium = MEDIUM_NONE,
    .train = train,
};
