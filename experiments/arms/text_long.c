/* Chain of thought trained as long as Coconut: arm.updates is set to Coconut's updates after the branch. How long an arm
 * was trained moves its leakage by itself, so the two media are compared at equal length. */
#include "experiments/arm.h"

static enum status train(struct arm_training *t) {
    return arm_train_steadily(t, &t->mind, (struct stage){0}, t->config->arm.updates);
}

const struct arm arm_text_long = {
    .name = "text_long",
    .summary = "chain of thought with as many updates as coconut",
    .source = "Wei et al. 2022, arXiv 2201.11903",
    .version = 1,
    .medium = MEDIUM_TEXT,
    .train = train,
};
