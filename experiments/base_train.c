/* The base: one model per seed, trained on text reasoning, from which every arm branches. */
#include <string.h>

#include "engine/checkpoint.h"
#include "engine/import.h"
#include "engine/kernels.h"
#include "experiments/arm.h"

/* A new token starts as the tokens do on average: as zero it would be the likeliest of all behind logits far below 0. */
static void grow_tokens(struct gpt *m, int known) {
    const long C = m->config.width, V = m->config.vocab;
    float *const tables[] = {m->p.wte, m->p.head};
    for (int k = 0; k < (m->config.tied ? 1 : 2); k++) {
        for (long v = known; v < V; v++) memset(tables[k] + v * C, 0, (size_t)C * sizeof(float));
        for (long v = 0; known < V && v < known; v++) K->add(C, tables[k] + v * C, tables[k] + known * C);
        for (long c = 0; known < V && c < C; c++) tables[k][known * C + c] /= (float)known;
        for (long v = known + 1; v < V; v++)
            memcpy(tables[k] + v * C, tables[k] + known * C, (size_t)C * sizeof(float));
    }
}

static enum status fill_published(struct gpt *m, struct arena *a, const struct import *in, const struct config *c,
                                  struct gpt_config model) {
    const struct gpt_config *f = &in->config;
    if (f->layers != model.layers || f->width != model.width || f->heads != model.heads || f->tied != model.tied)
        return status_set(ST_USAGE, "%s has %d layers, width %d, %d heads, %s head: model.* says otherwise", in->path,
                          f->layers, f->width, f->heads, f->tied ? "a tied" : "an untied");
    if (f->vocab > model.vocab || model.channels != 1 || f->context < model.context)
        return status_set(ST_USAGE, "%s: %d tokens and %d positions do not serve task %s, which has %d and %d",
                          in->path, f->vocab, f->context, c->task_name, model.vocab, model.context);
    model.context = f->context;
    model.projection = f->projection;
    TRY(gpt_open(m, a, &model));
    gpt_init(m, (uint64_t)c->seed, c->model.init, 1.0);
    import_fill(in, m, c->model.lora_scale);
    grow_tokens(m, f->vocab);
    gpt_refresh(m);
    return ST_OK;
}

/* The published model of base.weights, as far as the task's tokens reach. */
static enum status open_published(struct gpt *m, struct arena *a, const struct config *c,
                                  const struct task_shape *shape) {
    struct import in;
    if (!c->task.data_dir)
        return status_set(ST_USAGE, "base.weights: %s/ is read from a data folder, and none was given",
                          c->base.weights);
    enum status st = import_open(&in, a, arena_printf(a, "%s/%s", c->task.data_dir, c->base.weights));
    if (st == ST_OK) st = fill_published(m, a, &in, c, learner_model_config(c, shape, false));
    import_close(&in);
    return st;
}

static enum status open_random(struct gpt *m, struct arena *a, const struct config *c, const struct task_shape *shape) {
    const struct gpt_config model = learner_model_config(c, shape, false);
    TRY(gpt_open(m, a, &model));
    gpt_init(m, (uint64_t)c->seed, c->model.init, 1.0);
    return ST_OK;
}

static enum status fit(struct arm_training *t, double *accuracy) {
    const struct base_options *o = &t->config->base;
    double loss = 0.0;
    resume_learner(t->resume, t->learner);
    resume_begin(t->resume);
    for (int i = 0; i < o->updates; i++) {
        double lr = schedule_tail(o->lr, i, o->updates, o->warmup, o->decay);
        TRY(arm_update(t, "base", &t->mind, (struct stage){0}, lr, &loss));
        if (i % 50 != 49 && i != o->updates - 1) continue;
        *accuracy = arm_gate(t, &t->mind, (struct stage){0});
        cell_event(t->io, "train", i + 1, o->updates, loss, *accuracy);
    }
    return ST_OK;
}

enum status base_fit(struct learner *l, const struct config *c, struct cell_io *io, struct task_ctx *task,
                     double *accuracy) {
    if (strcmp(c->base.weights, "none") == 0)
        TRY(open_random(&l->model, io->arena, c, &task->shape));
    else
        TRY(open_published(&l->model, io->arena, c, &task->shape));
    learner_open(l, io->arena, c, task);

    struct arm_training t = {.config = c,
                             .io = io,
                             .learner = l,
                             .resume = io->resume,
                             .task = task,
                             .planned = c->base.updates,
                             .mind = arm_text_mind(&l->model, task)};
    t.problems = ARENA_NEW(io->arena, struct problem, c->base.batch);
    *accuracy = 0.0;
    TRY(learner_open_lanes(l, c, io->threads));
    const enum status st = fit(&t, accuracy);
    learner_close_lanes(l);
    return st;
}

enum status cell_run_base(const struct cell *cell, struct cell_io *io) {
    const struct config *c = &cell->config;
    struct task_ctx task;
    struct learner l = {0};
    double accuracy;
    TRY(task_open(&task, c->task_name, &c->task, io->arena));
    TRY(base_fit(&l, c, io, &task, &accuracy));
    struct cell_rows *rows;
    TRY(cell_rows_open(&rows, io));
    const struct row r[] = {row_of("gate_accuracy", accuracy, learner_gate_problems(&l, GATE_PROBLEMS)),
                            row_of("train_positions", l.cost.positions, 1), row_of("train_flop", l.cost.flop, 1)};
    for (size_t i = 0; i < sizeof r / sizeof *r; i++) cell_row(rows, &r[i]);
    TRY(cell_rows_close(rows));
    return checkpoint_save_gpt(arena_printf(io->arena, "%s/model.safetensors", io->dir), &l.model);
}
