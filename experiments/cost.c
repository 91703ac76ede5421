#include "experiments/cost.h"

#include <math.h>
#include <string.h>

/* Floating-point operations a second in training, seconds of measuring a cell of suite quick, and the updates after which
 * a stage of its coconut reaches the gate. */
static const double RATE = 9e10, READING = 4.0, STAGE_UPDATES = 85.0;

static const struct {
    double factor;
    const char *arm; /* NULL: any other */
    enum cell_kind kind;
    int method; /* of a press; -1: any */
} factors[] = {
    {1.0, NULL, CELL_BASE, -1},         {2.9, "codi", CELL_ARM, -1},         {1.1, NULL, CELL_ARM, -1},
    {1.5, NULL, CELL_PRESS, METHOD_RL}, {1.0, NULL, CELL_PRESS, METHOD_SFT},
};

static double factor_of(const struct cell *c) {
    for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
        if (factors[i].kind != c->kind) continue;
        if (factors[i].arm && strcmp(factors[i].arm, c->config.arm.name) != 0) continue;
        if (factors[i].method >= 0 && factors[i].method != (int)c->config.press.method) continue;
        return factors[i].factor;
    }
    BUG("a cell of kind %d has no cost", (int)c->kind);
}

/* coconut: arm.updates are those of its last stage. */
static double updates_of(const struct cell *c, int steps) {
    const struct config *x = &c->config;
    switch (c->kind) {
    case CELL_BASE:
        return x->base.updates;
    case CELL_ARM:
        return strcmp(x->arm.name, "coconut") == 0 ? x->arm.updates + steps * fmin(STAGE_UPDATES, x->arm.stage_cap)
                                                   : x->arm.updates;
    case CELL_PRESS:
        return x->press.updates;
    }
    BUG("a cell of kind %d", (int)c->kind);
}

double cost_guess(const struct cell *c) {
    const struct config *x = &c->config;
    struct arena scratch;
    struct task_ctx task;
    double seconds = -1.0;
    arena_open(&scratch, 1 << 16);
    if (task_open(&task, x->task_name, &x->task, &scratch) == ST_OK) {
        const double weights = 12.0 * x->model.layers * x->model.width * x->model.width,
                     positions = task.shape.question + task.shape.reasoning + task.shape.output;
        const double batch = c->kind == CELL_PRESS ? x->press.batch : x->base.batch;
        seconds = factor_of(c) * updates_of(c, task.shape.steps) * 6.0 * weights * positions * batch / RATE;
        if (c->kind != CELL_BASE) seconds += READING * x->measure.probe_train / 1500.0 * x->model.width / 64.0;
    }
    arena_close(&scratch);
    return seconds;
}
