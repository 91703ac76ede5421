/* The arm cell: a copy of the base learns its way of reasoning, then everything is measured before any pressure. */
#include <string.h>

#include "engine/checkpoint.h"
#include "experiments/arm.h"
#include "experiments/evaluate.h"
#include "experiments/other_seed.h"

static enum status measure(const struct arm *arm, const struct arm_training *t, struct evaluation *e) {
    const struct config *c = t->config;
    struct arena *a = e->arena;
    struct watch *watches = ARENA_NEW(a, struct watch, pressure_count);
    struct reading unused;
    TRY(evaluate_metrics(e, &t->mind, NULL, ""));
    TRY(evaluate_published(e, &t->mind));
    const int positions = mind_reasoning_positions(&t->mind);
    const int n = positions ? evaluate_open_watches(watches, a, c, t->learner->task, NULL) : 0;
    for (int i = 0; i < n; i++) {
        TRY(watch_freeze(&watches[i], a, &t->mind, e->runner));
        TRY(evaluate_watch(e, &watches[i], &t->mind, true, "", &unused));
        evaluate_cued(e, &watches[i], &t->mind);
    }
    if (arm->text_mode) {
        struct mind text = arm_text_mind(&t->learner->model, t->learner->task);
        TRY(evaluate_metrics(e, &text, NULL, "text_mode"));
    }
    return watch_store(watches, n, a, arena_printf(a, "%s/probes.safetensors", t->io->dir));
}

static enum status train(const struct arm *arm, struct arm_training *t, struct evaluation *e) {
    TRY(arm_fit(arm, t));
    TRY(checkpoint_save_trained(arena_printf(e->arena, "%s/model.safetensors", t->io->dir), &t->learner->model));
    TRY(cell_rows_open(&e->rows, t->io));
    evaluate_row(e, "updates", "", "", -1, 1, t->updates);
    evaluate_row(e, "train_positions", "", "", -1, 1, t->learner->cost.positions);
    evaluate_row(e, "train_flop", "", "", -1, 1, t->learner->cost.flop);
    evaluate_row(e, "gate_accuracy", "", "", -1, learner_gate_problems(t->learner, GATE_PROBLEMS),
                 arm_gate(t, &t->mind,
                          (struct stage){.thoughts = t->mind.thoughts,
                                         .first_step = arm->medium == MEDIUM_TEXT ? 0 : TASK_MAX_STEPS}));
    return ST_OK;
}

enum status arm_branch(struct learner *l, struct arena *a, const struct arm *arm, const struct config *c,
                       const struct task_ctx *task, const struct gpt *base) {
    struct gpt_config model = learner_model_config(c, &task->shape, arm->projection || base->config.projection);
    if (model.context < base->config.context) model.context = base->config.context; /* a published model's own */
    TRY(gpt_open(&l->model, a, &model));
    gpt_init(&l->model, (uint64_t)c->seed, c->model.init, c->arm.projection_gain);
    if (gpt_copy_weights(&l->model, base) != base->n_tensors) return status_set(ST_DATA, "the base has another shape");
    /* Positions behind the base's last: frozen under LoRA, so in no file. They are what reading back makes of them. */
    const size_t C = (size_t)model.width, more = (size_t)(model.context - base->config.context);
    if (model.lora > 0) memset(l->model.p.wpe + (size_t)base->config.context * C, 0, more * C * sizeof(float));
    return ST_OK;
}

enum status cell_run_arm(const struct cell *cell, struct cell_io *io) {
    const struct config *c = &cell->config;
    struct arena *a = io->arena;
    struct task_ctx task;
    struct learner l = {0};
    const struct arm *arm;
    struct gpt base;
    TRY(arm_find(c->arm.name, &arm));
    TRY(task_open(&task, c->task_name, &c->task, a));
    if (c->arm.frontier > 0 && !task.task->frontier)
        return status_set(ST_USAGE, "arm.frontier: the steps of task '%s' have no alternatives", c->task_name);
    TRY(checkpoint_load_gpt(&base, a, arena_printf(a, "%s/model.safetensors", io->parent_dir)));
    TRY(arm_branch(&l, a, arm, c, &task, &base));

    struct arm_training t = {.config = c,
                             .io = io,
                             .learner = &l,
                             .resume = io->resume,
                             .task = &task,
                             .planned = c->arm.updates,
                             .mind = arm_mind(arm, c, &l.model, &task)};
    struct evaluation e = {
        .arena = a, .config = c, .runner = evaluate_runner(a, arm, &t.mind), .update = -1, .dir = io->dir};
    struct arena training; /* what measuring does not need */
    arena_open(&training, 1 << 20);
    learner_open(&l, &training, c, &task);
    t.problems = ARENA_NEW(&training, struct problem, c->base.batch);
    resume_learner(io->resume, &l);
    resume_begin(io->resume);
    enum status st = train(arm, &t, &e);
    arena_close(&training);
    if (st == ST_OK) st = measure(arm, &t, &e);
    if (st == ST_OK && c->measure.other_seed) st = other_seed_measure(arm, io, &e, &t.mind);
    return st == ST_OK ? cell_rows_close(e.rows) : st;
}
