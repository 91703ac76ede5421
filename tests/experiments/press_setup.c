#include "tests/experiments/press_setup.h"

#include <check.h>
#include <string.h>

#include "engine/gemm.h"

void weights_of(struct gpt *m, uint64_t seed) {
    gpt_init(m, seed, .3, .5);
    struct rng r = rng_open(3, "test weights", seed);
    for (int k = 0; k < m->n_tensors; k++)
        for (long i = 0; i < (long)m->tensors[k].rows * m->tensors[k].cols; i++)
            m->w[m->tensors[k].offset + i] += .05f * rng_normal(&r);
    gpt_refresh(m);
}

void open_setup(struct setup *s, const char *arm, const char *pressure, enum method method, enum credit credit) {
    memset(s, 0, sizeof *s);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&s->arena, 1 << 20);
    struct config *c = &s->c;
    config_default(c);
    c->seed = 5;
    c->task.modulus = 5;
    c->task.chain = c->task.side = 2;
    c->model.width = 16;
    c->model.heads = 2;
    c->base.shard = c->press.batch = ROWS;
    c->press.group = 4;
    c->press.pressure = pressure;
    c->press.method = method;
    c->press.credit = credit;
    ck_assert_int_eq(arm_find(arm, &s->arm), ST_OK);
    ck_assert_int_eq(task_open(&s->task, "chain", &c->task, &s->arena), ST_OK);
    struct gpt_config g = learner_model_config(c, &s->task.shape, s->arm->projection);
    ck_assert_int_eq(gpt_open(&s->learner.model, &s->arena, &g), ST_OK);
    ck_assert_int_eq(gpt_open(&s->start, &s->arena, &g), ST_OK);
    weights_of(&s->learner.model, 7);
    gpt_copy_weights(&s->start, &s->learner.model);
    learner_open(&s->learner, &s->arena, c, &s->task);
    ck_assert_int_eq(press_open(&s->p, &s->arena, c, s->arm, &s->learner, &s->start), ST_OK);
}

void lay(struct setup *s) {
    struct press_run *p = &s->p;
    learner_problems(&s->learner, 1, "test", 0, TASK_EVAL, p->problems, ROWS);
    for (int i = 0; i < ROWS && p->mind.medium == MEDIUM_TEXT; i++) {
        p->rollout.n_reasoning[i] = p->problems[i].n_reasoning;
        for (int k = 0; k < p->problems[i].n_reasoning; k++)
            p->rollout.reasoning[(long)i * p->rollout.R + k] = p->problems[i].reasoning[k];
    }
    press_forward(p, 0);
}
