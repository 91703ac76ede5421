#include "experiments/registry.h"

#include <string.h>

const struct registry_row registry_arms[] = {
#define ARM(name) {#name, 1, ""},
#include "experiments/arms.def"
#undef ARM
};
const int registry_arm_count = (int)(sizeof registry_arms / sizeof registry_arms[0]);

const struct registry_row registry_pressures[] = {
#define PRESSURE(name) {#name, 1, ""},
#include "experiments/pressures.def"
#undef PRESSURE
};
const int registry_pressure_count = (int)(sizeof registry_pressures / sizeof registry_pressures[0]);

static const struct registry_row *find(const struct registry_row *rows, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    return NULL;
}

const struct registry_row *registry_arm(const char *name) {
    return find(registry_arms, registry_arm_count, name);
}

const struct registry_row *registry_pressure(const char *name) {
    return find(registry_pressures, registry_pressure_count, name);
}

static bool takes_credit(const char *pressure) {
    return strcmp(pressure, "none") != 0 && strcmp(pressure, "direct") != 0;
}

bool pressure_defined(const struct config *c, const char **reason) {
    static const char no_reasoning[] = "no_cot has no reasoning to read";
    static const char text_full[] = "sft full is not defined for text: no gradient runs through sampled tokens";
    static const char direct_reward[] = "direct is a loss on the reasoning: not defined for rl";
    static const char no_alphabets[] = "style needs a task with two alphabets (task.style: true)";
    *reason = NULL;
    if (!c->press.pressure) return true;
    if (strcmp(c->arm.name, "no_cot") == 0)
        *reason = no_reasoning;
    else if (strcmp(c->arm.name, "text") == 0 && c->press.method == METHOD_SFT && c->press.credit == CREDIT_FULL &&
             takes_credit(c->press.pressure))
        *reason = text_full;
    else if (strcmp(c->press.pressure, "direct") == 0 && c->press.method == METHOD_RL)
        *reason = direct_reward;
    else if (strcmp(c->press.pressure, "style") == 0 && !c->task.style)
        *reason = no_alphabets;
    return *reason == NULL;
}

void pressure_normalise(struct config *c) {
    if (!c->press.pressure) return;
    if (strcmp(c->press.pressure, "none") == 0) c->press.lambda = 0;
    if (!takes_credit(c->press.pressure) && c->press.credit <= CREDIT_SEALED) c->press.credit = CREDIT_TARGETED;
}
