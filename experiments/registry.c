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
#define ROW_OF(table, formula_, settled_)                                                                              \
    (struct registry_row) {                                                                                            \
        .name = (table)[i]->name, .about = (table)[i]->summary,                                                        \
        .source = (table)[i]->source ? (table)[i]->source : "", .formula = (formula_), .version = (table)[i]->version, \
        .settled = (settled_)                                                                                          \
    }
    switch (which) {
    case REGISTRY_TASK:
        return ROW_OF(task_table, NULL, 0);
    case REGISTRY_ARM:
        return ROW_OF(arm_table, NULL, 0);
    case REGISTRY_PRESSURE:
        return ROW_OF(pressure_table, NULL, pressure_settled[i]);
    case REGISTRY_METRIC:
        return ROW_OF(metric_table, metric_table[i]->formula, metric_settled[i]);
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

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static bool unpressed(const char *name) {
    const struct pressure *pressure;
    return !pressure_find(name, &pressure) && pressure->unpressed;
}

static bool takes_credit(const char *pressure) {
    return !unpressed(pressure) && !is(pressure, "direct");
}

/* False where the task has nothing that the pressure could press on. The control alone can do without. */
static bool task_has_target(const struct config *c) {
    const struct pressure *pressure, *beside;
    struct task_ctx task;
    struct arena a;
    arena_open(&a, 1 << 16);
    bool applies = !pressure_resolve(c->press.pressure, c->press.of, &pressure, &beside) &&
                   !task_open(&task, c->task_name, &c->task, &a) && (!pressure->applies || pressure->applies(&task)) &&
                   (pressure->unpressed || beside->applies(&task));
    arena_close(&a);
    return applies;
}

/* One line per combination that means nothing. */
static const char *undefined(const struct config *c) {
    const struct press_options *o = &c->press;
    const struct arm *arm;
    if (arm_find(c->arm.name, &arm)) BUG("arm %s", c->arm.name);
    const bool sft = o->method == METHOD_SFT, text = arm->medium == MEDIUM_TEXT, two = o->credit > CREDIT_SEALED;
    const struct {
        bool holds;
        const char *reason;
    } rules[] = {
        {arm->medium == MEDIUM_NONE, "no_cot has no reasoning to read"},
        {arm->medium == MEDIUM_FILLER && two, "fillers are no reasoning that another model could re-encode"},
        {text && sft && o->credit == CREDIT_FULL && takes_credit(o->pressure),
         "sft full is not defined for text: no gradient runs through sampled tokens"},
        {text && sft && o->credit == CREDIT_MIND_FACE,
         "sft mind_face is not defined for text: nothing would train the mind, which is frozen_mind"},
        {is(o->pressure, "direct") && !sft, "direct is a loss on the reasoning: not defined for rl"},
        {is(o->pressure, "direct") && two,
         "direct presses the reasoning of the model that speaks: it has no second one"},
        {is(o->pressure, "random") && !sft, "random is a supervised target: not defined for rl"},
        {!text && o->context == CONTEXT_ORIGINAL, "the base data hold no thoughts: context original is for text"},
        {!text && o->replay > 0.0, "the base data hold no thoughts: replay is for text"},
        {two && o->replay > 0.0, "replay anchors a model that reasons and speaks: not defined for two"},
        {o->mind_penalty && o->credit != CREDIT_MIND_FACE, "mind_penalty speaks of mind_face: one model has no second"},
        {sft && (o->kl > 0.0 || o->entropy > 0.0), "kl and entropy are terms of rl"},
        {two && (o->kl > 0.0 || o->entropy > 0.0), "kl and entropy are not defined for two models"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].holds) return rules[i].reason;
    return NULL;
}

bool pressure_defined(const struct config *c, const char **reason) {
    *reason = NULL;
    if (!c->press.pressure) return true;
    *reason = undefined(c);
    if (!*reason && !task_has_target(c)) *reason = "the task has nothing for this pressure to press on";
    return *reason == NULL;
}

void pressure_normalise(struct config *c) {
    struct press_options *o = &c->press;
    const struct pressure *pressure, *beside;
    struct config preset;
    if (!o->pressure || pressure_resolve(o->pressure, o->of, &pressure, &beside)) return;
    config_default(&preset);
    o->of = beside->name;
    if (unpressed(o->pressure)) o->lambda = 0;
    if (!takes_credit(o->pressure) && o->credit <= CREDIT_SEALED) o->credit = CREDIT_TARGETED;
    if (o->method == METHOD_SFT) o->group = preset.press.group;
    if (o->method == METHOD_RL) o->context = preset.press.context;
}
