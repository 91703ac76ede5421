/* A/A: the control once more on other questions. What it moves against `none` is what any training moves: the noise floor
 * of every S, and the gate G5. */
#include "experiments/pressure.h"

const struct pressure pressure_again = {
    .name = "again",
    .summary = "A/A control: none once more, in another data order",
    .source = "this project, gate G5",
    .version = 1,
    .relation = RELATION_NEUTRAL,
    .stands_beside = true,
    .unpressed = true,
    .questions = "press again",
    .target = "none",
    .dose_monitor = "every pressure's",
    .reasoning_monitor = "every pressure's",
    .task_reward = pressure_task_reward,
};
