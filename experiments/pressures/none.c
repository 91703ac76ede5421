/* The control: the same updates with lambda = 0. */
#include "experiments/pressure.h"

static bool applies(const struct task_ctx *task) {
    (void)task;
    return true;
}

const struct pressure pressure_none = {
    .name = "none",
    .summary = "control: the same number of updates without a pressure term",
    .source = "science.md, section 3",
    .version = 1,
    .relation = RELATION_NEUTRAL,
    .target = "none",
    .dose_monitor = "every pressure's",
    .reasoning_monitor = "every pressure's",
    .applies = applies,
    .task_reward = pressure_task_reward,
};
