/* Ordinary chain of thought: steps are written as tokens, and sampled. */
#include "experiments/arm.h"

static enum status train(struct arm_training *t) {
    return arm_train_steadily(t, &t->mind, (struct stage){0}, t->config->arm.updates);
}

const struct arm arm_text = {
    .name = "text",
    .summary = "chain of thought in sampled tokens",
    .source = "Wei et al. 2022, arXiv 2201.11903",
    .version = 1,
    .medium = MEDIUM_TEXT,
    .train = train,
};
