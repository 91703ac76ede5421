#include "experiments/other_seed.h"

enum { SEEDS_APART = 1000000 }; /* far from every seed that a suite names */

static enum status train_and_measure(const struct arm *arm, struct cell_io *io, const struct evaluation *e,
                                     const struct mind *m) {
    struct config c = *e->config;
    struct task_ctx task;
    struct learner base = {0}, l = {0};
    double accuracy;
    c.seed += SEEDS_APART;
    TRY(task_open(&task, c.task_name, &c.task, io->arena));
    TRY(base_fit(&base, &c, io, &task, &accuracy));
    TRY(arm_branch(&l, io->arena, arm, &c, &task, &base.model));
    learner_open(&l, io->arena, &c, &task);
    struct arm_training t = {.config = &c,
                             .io = io,
                             .learner = &l,
                             .task = &task,
                             .planned = c.arm.updates,
                             .mind = arm_mind(arm, &c, &l.model, &task)};
    t.problems = ARENA_NEW(io->arena, struct problem, c.base.batch);
    TRY(arm_fit(arm, &t));
    return evaluate_other_seed(e, &t.mind, m);
}

enum status other_seed_measure(const struct arm *arm, const struct cell_io *io, const struct evaluation *e,
                               const struct mind *m) {
    if (mind_reasoning_positions(m) == 0) return ST_OK;
    struct arena own;
    struct cell_io inner = *io;
    inner.arena = &own;
    inner.resume = NULL; /* measuring is not resumed */
    arena_open(&own, 1 << 20);
    const enum status st = train_and_measure(arm, &inner, e, m);
    arena_close(&own);
    return st;
}
