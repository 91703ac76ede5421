#include "experiments/registry.h"

#include <string.h>

#include "engine/base/arena.h"
#include "experiments/arm.h"
#include "experiments/pressure.h"
#include "metrics/metric.h"

int registry_count(enum registry which) {
    switch (which) {
    case REGISTRY_TASK:
        return task_count;
    case REGISTRY_ARM:
        return arm_count;
    case REGISTRY_PRESSURE:
        return pressure_count;
    case REGISTRY_METRIC:
        return metric_count;
    }
    BUG("registry %d", (int)which);
}

struct registry_row registry_row(enum registry which, int i) {
#define ROW_OF(table)                                                                                                  \
    (struct registry_row) {                                                                                            \
        .name = (table)[i]->name, .about = (table)[i]->summary,                                                        \
        .source = (table)[i]->source ? (table)[i]->source : "", .version = (table)[i]->version                         \
    }
    switch (which) {
    case REGISTRY_TASK:
        return ROW_OF(task_table);
    case REGISTRY_ARM:
        return ROW_OF(arm_table);
    case REGISTRY_PRESSURE:
        return ROW_OF(pressure_table);
    case REGISTRY_METRIC:
        return ROW_OF(metric_table);
    }
#undef ROW_OF
    BUG("registry %d", (int)which);
}

bool registry_find(enum registry which, const char *name, struct registry_row *row) {
    for (int i = 0; i < registry_count(which); i++) {
        struct registry_row candidate = registry_row(which, i);
        if (strcmp(candidate.name, name) != 0) continue;
        *row = candidate;
        return true;
    }
    return false;
}

int registry_names(enum registry which, const char *names[REGISTRY_MOST]) {
    int n = registry_count(which);
    if (n > REGISTRY_MOST) BUG("a registry of %d rows", n);
    for (int i = 0; i < n; i++) names[i] = registry_row(which, i).name;
    return n;
}

static bool takes_credit(const char *pressure) {
    return strcmp(pressure, "none") != 0 && strcmp(pressure, "direct") != 0;
}

/* False where the task has nothing that the pressure could press on. */
static bool task_has_target(const struct config *c) {
    const struct pressure *pressure;
    struct task_ctx task;
    struct arena a;
    arena_open(&a, 1 << 16);
    bool applies = !pressure_find(c->press.pressure, &pressure) && !task_open(&task, c->task_name, &c->task, &a) &&
                   pressure->applies(&task);
    arena_close(&a);
    return applies;
}

bool pressure_defined(const struct config *c, const char **reason) {
    static const char no_reasoning[] = "no_cot has no reasoning to read";
    static const char text_full[] = "sft full is not defined for text: no gradient runs through sampled tokens";
    static const char direct_reward[] = "direct is a loss on the reasoning: not defined for rl";
    static const char one_copy[] =
        "frozen_mind and mind_face need a second set of weights, which pressing does not have";
    static const char no_target[] = "the task has nothing for this pressure to press on";
    *reason = NULL;
    if (!c->press.pressure) return true;
    if (strcmp(c->arm.name, "no_cot") == 0)
        *reason = no_reasoning;
    else if (strcmp(c->arm.name, "text") == 0 && c->press.method == METHOD_SFT && c->press.credit == CREDIT_FULL &&
             takes_credit(c->press.pressure))
        *reason = text_full;
    else if (strcmp(c->press.pressure, "direct") == 0 && c->press.method == METHOD_RL)
        *reason = direct_reward;
    else if (c->press.credit > CREDIT_SEALED)
        *reason = one_copy;
    else if (!task_has_target(c))
        *reason = no_target;
    return *reason == NULL;
}

void pressure_normalise(struct config *c) {
    if (!c->press.pressure) return;
    if (strcmp(c->press.pressure, "none") == 0) c->press.lambda = 0;
    if (!takes_credit(c->press.pressure) && c->press.credit <= CREDIT_SEALED) c->press.credit = CREDIT_TARGETED;
}
