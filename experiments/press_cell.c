/* The press cell: an arm under one pressure, its trajectory, and its weights at the first crossing of each dose. */
#include <math.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "experiments/evaluate.h"
#include "experiments/first_order.h"
#include "experiments/press.h"

static const double LEVELS[] = {.25, .5, .75, .9};
enum { N_LEVELS = sizeof LEVELS / sizeof LEVELS[0], MAX_WATCHES = 16, FIRST_ORDER_BATCHES = 3 };

/* What the cell carries from update to update. */
struct pressing {
    struct press_run run;
    struct evaluation e;
    struct cell_io *io;
    const struct arm *arm;
    struct arena
        training; /* what pressing needs and measuring does not: buffers of the learner, watches, frozen contexts */
    struct learner learner;
    struct task_ctx task;
    struct gpt start; /* the arm as it was */
    struct watch watches[MAX_WATCHES];
    int n_watches;
    double before[MAX_WATCHES];      /* M_out of each watch before the first update */
    struct problem *frozen_problems; /* frozen contexts: questions and the arm's own greedy reasoning on them */
    struct rollout frozen_before, frozen_now;
    int crossed; /* levels crossed so far */
    double dose;
};

/* Mean KL(now || before) of the answer and report slots on the arm's own reasoning, held fixed. */
static double frozen_kl(struct pressing *p) {
    const struct task_shape *s = &p->task.shape;
    const struct rollout *before = &p->frozen_before;
    struct rollout_options o = {.force = {.until = before->R, .stop = -1}};
    if (p->run.mind.medium == MEDIUM_TEXT) {
        o.force.tokens = before->reasoning;
        o.force.n_tokens = before->n_reasoning;
    } else {
        o.force.vectors = before->u;
    }
    runner_run(p->run.runner, &p->run.mind, p->frozen_problems, &o, &p->frozen_now);
    double total = 0.0;
    const int slots = s->slot_report > 0 ? 2 : 1;
    for (int k = 0; k < slots; k++) {
        const float *now = k ? p->frozen_now.p_report : p->frozen_now.p_answer;
        const float *was = k ? before->p_report : before->p_answer;
        for (long i = 0; i < (long)before->n * before->V; i++)
            if (now[i] > 0.0f) total += (double)now[i] * (log((double)now[i]) - log(fmax((double)was[i], 1e-30)));
    }
    return total / ((double)before->n * slots);
}

/* Of the weights as they act. */
static double weight_distance(const struct gpt *now, const struct gpt *start) {
    double total = 0.0;
    for (int k = 0; k < start->n_tensors; k++) {
        const struct gpt_tensor *t = &start->tensors[k];
        const float *x = gpt_weights(now, t), *y = gpt_weights(start, t);
        if (t->adapter) continue;
        for (long i = 0; i < (long)t->rows * t->cols; i++) {
            double d = (double)x[i] - (double)y[i];
            total += d * d;
        }
    }
    return sqrt(total);
}

static enum status keep_crossings(struct pressing *p, int update) {
    struct arena *a = p->e.arena;
    while (p->crossed < N_LEVELS && p->dose >= LEVELS[p->crossed]) {
        struct row r = row_of("dose0", p->dose, p->watches[0].n_marked);
        r.update = update;
        r.dose_level = LEVELS[p->crossed];
        r.concept = p->watches[0].monitor.concept;
        cell_row(p->e.rows, &r);
        const double level = 100 * LEVELS[p->crossed];
        TRY(checkpoint_save_trained(arena_printf(a, "%s/model-%02.0f.safetensors", p->io->dir, level),
                                    &p->learner.model));
        if (p->run.reasoner)
            TRY(checkpoint_save_trained(arena_printf(a, "%s/mind-%02.0f.safetensors", p->io->dir, level),
                                        p->run.reasoner));
        p->crossed++;
    }
    return ST_OK;
}

/* What the last update before this point looked like from inside. */
static void observe_training(const struct pressing *p, int update) {
    const struct press_options *o = &p->run.config->press;
    if (update == 0) return;
    if (isfinite(p->run.snr)) evaluate_row(&p->e, "gradient_snr", "", "", -1, o->batch, p->run.snr);
    if (o->method != METHOD_RL) return;
    evaluate_row(&p->e, "reward_task", "", "", -1, o->batch, p->run.reward);
    evaluate_row(&p->e, "reward_penalty", "", "", -1, o->batch, p->run.penalty);
}

static enum status observe_in(struct pressing *p, int update, bool refit, bool items) {
    const struct mind *m = &p->run.mind;
    const int n_read = refit || p->n_watches == 0 ? p->n_watches : 1;
    for (int i = 0; i < n_read; i++) {
        struct reading now;
        TRY(evaluate_watch(&p->e, &p->watches[i], m, refit, "", &now));
        if (items) evaluate_items(&p->e, &p->watches[i], m, "");
        if (update == 0) p->before[i] = now.m_out;
        if (i == 0) p->dose = p->before[0] > 0.0 ? 1.0 - now.m_out / p->before[0] : 0.0;
        if (p->arm->text_mode) {
            struct mind text = arm_text_mind(m->gpt, m->task);
            text.face = m->face;
            TRY(evaluate_watch(&p->e, &p->watches[i], &text, false, "text_mode", &now));
            if (items) evaluate_items(&p->e, &p->watches[i], &text, "text_mode");
        }
    }
    evaluate_row(&p->e, "kl_frozen", "", "frozen", -1, p->frozen_before.n, frozen_kl(p));
    evaluate_row(&p->e, "weight_distance", "", "", -1, 1, weight_distance(&p->learner.model, &p->start));
    if (p->run.reasoner)
        evaluate_row(&p->e, "weight_distance", "", "mind", -1, 1, weight_distance(p->run.reasoner, &p->start));
    observe_training(p, update);
    if (p->n_watches)
        evaluate_row(&p->e, "dose0", p->watches[0].monitor.concept, "", -1, p->watches[0].n_marked, p->dose);
    return keep_crossings(p, update);
}

/* One point of the trajectory. The monitors of other pressures, which controls read too, move slowly: they are read
 * where probes are refitted. What training and measuring hold stands in memory in turns. */
static enum status observe(struct pressing *p, int update, bool refit, bool items) {
    struct arena own, *outer = p->e.arena;
    arena_open(&own, 1 << 20);
    tape_rest(&p->learner.tape);
    p->e.update = update;
    p->e.arena = &own;
    const enum status st = observe_in(p, update, refit, items);
    p->e.arena = outer;
    arena_close(&own);
    return st;
}

/* Thoughts of the arm before pressure and their labels: what bank A is fitted on. */
static enum status fit_bank(struct pressing *p, struct arena *a) {
    enum { ITEMS = 1500 };
    const struct mind *m = &p->run.mind;
    struct problem *problems = ARENA_NEW(a, struct problem, ITEMS);
    int *y = ARENA_NEW(a, int, ITEMS);
    /* better than chance by what is .25 for eleven classes */
    const int classes = p->watches[0].monitor.n_classes;
    const double chance = 1.0 / classes, floor = chance + .175 * (1.0 - chance);
    struct rollout r;
    struct rollout_options o = {.force = {.stop = -1}};
    struct rng rng = rng_open((uint64_t)p->run.config->seed, "reader bank problems", 0);
    for (int i = 0; i < ITEMS; i++) {
        p->task.task->sample(&p->task, &rng, TASK_PRESS, &problems[i]);
        if (p->run.beside->monitor_on == MONITOR_MARKED || (p->run.beside->monitor_on == MONITOR_MIXED && i % 2 == 0))
            p->run.beside->mark(&p->task, &problems[i]);
        y[i] = p->run.beside->label(&p->task, &problems[i]);
    }
    rollout_open(&r, a, m, ITEMS);
    runner_run(p->run.runner, m, problems, &o, &r);
    return reader_bank_fit(&p->run.bank, a, r.u, ITEMS, r.R, r.C, y, classes, floor, p->learner.rows,
                           (uint64_t)p->run.config->seed);
}

static void open_frozen(struct pressing *p, struct arena *a, const struct config *c) {
    const int n = c->measure.questions;
    struct rollout_options o = {.force = {.stop = -1}};
    p->frozen_problems = ARENA_NEW(a, struct problem, n);
    learner_problems(&p->learner, c->seed, "frozen contexts", 0, TASK_EVAL, p->frozen_problems, n);
    rollout_open(&p->frozen_before, a, &p->run.mind, n);
    rollout_open(&p->frozen_now, a, &p->run.mind, n);
    runner_run(p->run.runner, &p->run.mind, p->frozen_problems, &o, &p->frozen_before);
}

/* The pressure's own watch first: the dose is its. Controls of every pressure watch them all. */
static void open_watches(struct pressing *p, struct arena *a, const struct config *c) {
    const struct press_run *run = &p->run;
    const bool all = run->pressure->stands_beside && !run->pressure->presses_reasoning;
    p->n_watches = evaluate_open_watches(p->watches, a, c, &p->task, all ? NULL : run->beside->name);
    for (int i = 1; i < p->n_watches; i++) {
        if (p->watches[i].pressure != run->beside) continue;
        struct watch own = p->watches[i];
        p->watches[i] = p->watches[0];
        p->watches[0] = own;
    }
    if (p->n_watches && run->pressure->m_out) p->watches[0].output = run->pressure;
}

static enum status open_pressing(struct pressing *p, const struct config *c, struct cell_io *io) {
    struct arena *a = io->arena;
    struct checkpoint probes;
    const char *model = arena_printf(a, "%s/model.safetensors", io->parent_dir);
    p->io = io;
    TRY(arm_find(c->arm.name, &p->arm));
    TRY(task_open(&p->task, c->task_name, &c->task, a));
    const char *rest = arena_printf(a, "%s/model.safetensors", io->base_dir);
    TRY(checkpoint_load_trained(&p->learner.model, a, model, rest));
    TRY(checkpoint_load_trained(&p->start, a, model, rest));
    learner_open(&p->learner, &p->training, c, &p->task);
    tape_rest(&p->learner.tape);
    TRY(press_open(&p->run, a, c, p->arm, &p->learner, &p->start));
    open_frozen(p, &p->training, c);
    p->e = (struct evaluation){.arena = a, .config = c, .runner = p->run.runner, .dir = io->parent_dir};
    open_watches(p, &p->training, c);
    TRY(checkpoint_read(&p->training, arena_printf(a, "%s/probes.safetensors", io->parent_dir), &probes));
    for (int i = 0; i < p->n_watches; i++) TRY(watch_restore(&p->watches[i], &p->training, &probes, &p->run.mind));
    if (p->run.pressure->presses_reasoning && p->run.mind.medium == MEDIUM_LATENT) TRY(fit_bank(p, a));
    return ST_OK;
}

static void first_order_row(struct pressing *p, const char *metric, const char *view, double value) {
    struct row r = row_of(metric, value, (long)FIRST_ORDER_BATCHES * p->run.config->press.batch);
    r.update = 0;
    r.concept = p->n_watches ? p->watches[0].monitor.concept : "";
    r.view = view;
    if (!isfinite(value)) r.status = "skip";
    cell_row(p->e.rows, &r);
}

/* Not defined for what has no target of its own, nor for two models: the output's term never reaches the mind. */
static void predict(struct pressing *p) {
    struct first_order f = {NAN, NAN, NAN, NAN};
    if (!p->run.pressure->stands_beside && !p->run.mind.face)
        first_order_predict(&p->run, &p->watches[0], &p->training, FIRST_ORDER_BATCHES, &f);
    first_order_row(p, "first_order_conditional", "", f.conditional);
    first_order_row(p, "first_order_parametric", "", f.parametric);
    first_order_row(p, "first_order_conditional", "adam", f.conditional_adam);
    first_order_row(p, "first_order_parametric", "adam", f.parametric_adam);
}

static bool due(const struct measure_options *o, int update, double dose) {
    return update % (dose < .95 ? o->early_every : o->late_every) == 0;
}

/* The metrics now, against the arm before; the other mode of the same weights only where everything is measured. */
static enum status measure_end(struct pressing *p) {
    struct mind before = p->run.mind;
    before.gpt = &p->start;
    before.face = NULL;
    TRY(evaluate_metrics(&p->e, &p->run.mind, &before, ""));
    if (!p->arm->text_mode || p->run.config->measure.level != LEVEL_FULL) return ST_OK;
    struct mind text = arm_text_mind(p->run.mind.gpt, &p->task), text_before = arm_text_mind(&p->start, &p->task);
    text.face = p->run.mind.face;
    return evaluate_metrics(&p->e, &text, &text_before, "text_mode");
}

static void register_state(struct pressing *p, struct resume *r) {
    resume_learner(r, &p->learner);
    if (p->run.reasoner) resume_model(r, "reasoner", p->run.reasoner, &p->run.reasoner_opt);
    resume_numbers(r, "before", p->before, MAX_WATCHES);
    resume_numbers(r, "dose", &p->dose, 1);
    resume_numbers(r, "snr", &p->run.snr, 1);
    resume_numbers(r, "reward", &p->run.reward, 1);
    resume_numbers(r, "penalty", &p->run.penalty, 1);
    resume_count(r, "crossed", &p->crossed);
}

static enum status press(struct pressing *p, const struct config *c) {
    const struct measure_options *o = &c->measure;
    struct resume *resume = p->io->resume;
    double loss = 0.0;
    register_state(p, resume);
    resume_begin(resume);
    if (!resume_walks(resume)) predict(p);
    for (int update = 0; update <= c->press.updates; update++) {
        const bool last = update == c->press.updates, refit = update % o->late_every == 0;
        if (resume_skips(resume)) continue;
        if (last || refit || due(o, update, p->dose)) {
            TRY(observe(p, update, last || refit, last || update == 0));
            cell_event(p->io, "press", update, c->press.updates, loss, p->dose);
        }
        if (last) break;
        TRY(press_update(&p->run, update, &loss));
        resume_done(resume);
    }
    return ST_OK;
}

enum status cell_run_press(const struct cell *cell, struct cell_io *io) {
    struct pressing *p = ARENA_NEW(io->arena, struct pressing, 1);
    arena_open(&p->training, 1 << 20);
    enum status st = open_pressing(p, &cell->config, io);
    if (st == ST_OK) st = cell_rows_open(&p->e.rows, io);
    if (st == ST_OK) st = press(p, &cell->config);
    arena_close(&p->training);
    if (st == ST_OK) st = measure_end(p);
    return st == ST_OK ? cell_rows_close(p->e.rows) : st;
}
