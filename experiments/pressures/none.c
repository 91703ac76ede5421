/* The control: the same updates on the same questions with lambda = 0. */
#include "experiments/pressure.h"

const struct pressure pressure_none = {
    .name = "none",
    .summary = "control of press.of: the same number of updates without a pressure term",
    .source = "this project",
    .version = 2,
    .relation = RELATION_NEUTRAL,
    .stands_beside = true,
    .unpressed = true,
    .target = "none",
    .dose_monitor = "every pressure's",
    .reasoning_monitor = "every pressure's",
    .task_reward = pressure_task_reward,
};
