#include "experiments/arm.h"

#include <string.h>

#define ARM(name) extern const struct arm arm_##name;
#include "experiments/arms.def"
#undef ARM

const struct arm *const arm_table[] = {
#define ARM(name) &arm_##name,
#include "experiments/arms.def"
#undef ARM
};
const int arm_count = sizeof arm_table / sizeof arm_table[0];

enum status arm_find(const char *name, const struct arm **arm) {
    const char *names[sizeof arm_table / sizeof arm_table[0]];
    for (int i = 0; i < arm_count; i++) {
        names[i] = arm_table[i]->name;
        if (strcmp(name, names[i]) == 0) {
            *arm = arm_table[i];
            return ST_OK;
        }
    }
    const char *near = status_nearest(name, names, arm_count, sizeof names[0]);
    return status_set(ST_USAGE, "unknown arm '%s'%s%s%s", name, near ? " (did you mean '" : "", near ? near : "",
                      near ? "'?)" : "");
}

struct mind arm_mind(const struct arm *arm, const struct config *c, const struct gpt *model,
                     const struct task_ctx *task) {
    return (struct mind){.gpt = model,
                         .task = task,
                         .medium = arm->medium,
                         .feed = arm->feed,
                         .thoughts = task->shape.steps * c->arm.thoughts_per_step};
}

struct mind arm_text_mind(const struct gpt *model, const struct task_ctx *task) {
    return (struct mind){.gpt = model, .task = task, .medium = MEDIUM_TEXT};
}

enum status arm_fit(const struct arm *arm, struct arm_training *t) {
    TRY(learner_open_lanes(t->learner, t->config, t->io->threads));
    const enum status st = arm->train(t);
    learner_close_lanes(t->learner);
    return st;
}

bool arm_skips(struct arm_training *t) {
    if (!resume_skips(t->resume)) return false;
    t->updates++;
    return true;
}

void arm_problems(struct arm_training *t, const char *stream) {
    const struct config *c = t->config;
    if (c->base.grow && t->task->task->grow)
        t->task->task->grow(&t->task->options, (double)t->updates / (t->planned > 0 ? t->planned : 1));
    learner_problems(t->learner, c->seed, stream, t->updates, TASK_TRAIN, t->problems, c->base.batch);
}

enum status arm_update(struct arm_training *t, const char *stream, const struct mind *m, struct stage st, double lr,
                       double *loss) {
    if (arm_skips(t)) return ST_OK;
    arm_problems(t, stream);
    *loss = learner_cross_entropy(t->learner, m, st, t->problems, t->config->base.batch);
    TRY(learner_step(t->learner, t->updates, *loss, lr, NULL));
    t->updates++;
    resume_done(t->resume);
    return ST_OK;
}

double arm_gate(struct arm_training *t, const struct mind *m, struct stage st) {
    struct arena *a = t->io->arena;
    double accuracy;
    if (resume_recalls(t->resume, &accuracy)) return accuracy;
    struct arena_mark mark = arena_mark(a);
    struct problem *held_out = ARENA_NEW(a, struct problem, GATE_PROBLEMS);
    learner_problems(t->learner, t->config->seed, "gate", 0, TASK_EVAL, held_out, GATE_PROBLEMS);
    accuracy = learner_gate(t->learner, m, st, held_out, GATE_PROBLEMS);
    arena_rewind(a, mark);
    resume_notes(t->resume, accuracy);
    return accuracy;
}

enum status arm_train_steadily(struct arm_training *t, const struct mind *m, struct stage st, int n) {
    const double lr = t->config->arm.lr;
    double loss = 0.0;
    for (int i = 0; i < n; i++) {
        double now = schedule_tail(lr, i, n, t->config->base.warmup / 4, t->config->base.decay);
        TRY(arm_update(t, "arm", m, st, now, &loss));
        if (i % 50 == 49 || i == n - 1) cell_event(t->io, "train", i + 1, n, loss, arm_gate(t, m, st));
    }
    return ST_OK;
}
