/* The base: one model per seed, trained on text reasoning, from which every arm branches. */
#include "engine/checkpoint.h"
#include "experiments/arm.h"

enum status cell_run_base(const struct cell *cell, struct cell_io *io) {
    const struct config *c = &cell->config;
    struct task_ctx task;
    struct learner l = {0};
    TRY(task_open(&task, c->task_name, &c->task, io->arena));
    struct gpt_config model = learner_model_config(c, &task.shape, false);
    TRY(gpt_open(&l.model, io->arena, &model));
    gpt_init(&l.model, (uint64_t)c->seed, c->model.init, 1.0);
    learner_open(&l, io->arena, c, &task);

    struct arm_training t = {.config = c,
                             .io = io,
                             .learner = &l,
                             .task = &task,
                             .planned = c->base.updates,
                             .mind = arm_text_mind(&l.model, &task)};
    t.problems = ARENA_NEW(io->arena, struct problem, c->base.batch);
    double loss = 0.0, accuracy = 0.0;
    for (int i = 0; i < c->base.updates; i++) {
        double lr = schedule_tail(c->base.lr, i, c->base.updates, c->base.warmup, c->base.decay);
        TRY(arm_update(&t, "base", &t.mind, (struct stage){0}, lr, &loss));
        if (i % 50 != 49 && i != c->base.updates - 1) continue;
        accuracy = arm_gate(&t, &t.mind, (struct stage){0});
        cell_event(io, "train", i + 1, c->base.updates, loss, accuracy);
    }
    struct cell_rows *rows;
    TRY(cell_rows_open(&rows, io));
    struct row r = row_of("gate_accuracy", accuracy, 256);
    cell_row(rows, &r);
    TRY(cell_rows_close(rows));
    return checkpoint_save_gpt(arena_printf(io->arena, "%s/model.safetensors", io->dir), &l.model);
}
