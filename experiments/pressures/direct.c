/* direct: the positive control of another pressure. The reasoning itself is pressed: in text the steps that state the
 * fact say something else (NONE_step, the digit, alphabet B), in thoughts a bank of frozen readers of the fact is pushed
 * to the uniform distribution or to that class. The effect is measured with readers fitted on other data: a control
 * trained on its own measure proves nothing. It is judged at its end, not at a dose. */
#include "experiments/pressure.h"

const struct pressure pressure_direct = {
    .name = "direct",
    .summary = "positive control of press.of: the reasoning itself is pressed",
    .source = "this project",
    .version = 2,
    .relation = RELATION_ORTHOGONAL,
    .stands_beside = true,
    .target = "the pressure's, on the output and on the reasoning",
    .dose_monitor = "the pressure's",
    .reasoning_monitor = "the pressure's",
    .presses_reasoning = true,
};
