/* Pressing an arm: one update of output pressure, by supervision (press_sft.c) or by reward (press_rl.c).
 *
 * Both methods lay sampled or given sequences on the learner's tape and leave two weights per predicted token: the task
 * term's and the pressure term's. Credit is the same graph with edges switched off, for the pressure term only:
 *
 *              text                                         latent
 *   full       rl: the penalty counts on every sampled      gradient through every thought
 *              token, reasoning included
 *   targeted   output tokens only                           the fed-back vector is detached
 *   sealed     targeted, and K/V of the reasoning detached  the same
 */
#ifndef SPILLOVER_PRESS_H
#define SPILLOVER_PRESS_H

#include "experiments/arm.h"
#include "experiments/pressure.h"
#include "experiments/reader_bank.h"

struct press_run {
    const struct config *config;
    const struct pressure *pressure;
    struct learner *learner;
    struct mind mind;         /* of the learner's model */
    struct runner *runner;    /* for sampling training contexts */
    struct rollout rollout;   /* [press.batch] */
    struct problem *problems; /* [press.batch] */
    unsigned *slots;          /* [press.batch] output positions that are the pressure's own */
    float *task_weight, *pressure_weight; /* [head.capacity] */
    float *advantage[2];      /* rl: [press.batch] of the task reward, of the penalty */
    double *score;            /* rl: [2][press.batch] task reward and penalty of each sequence */
    struct gpt *start;        /* the arm before pressure: reference of the KL term; NULL when unused */
    float *reference;         /* [head.capacity][V] */
    struct reader_bank bank;  /* direct on thoughts */
    double reward;            /* mean task reward of the last rl batch */
};

/* Add the gradient of one update of n = press.batch sequences to the learner's g; *loss is for the log. */
MUST_USE enum status press_sft(struct press_run *p, int update, double *loss);
MUST_USE enum status press_rl(struct press_run *p, int update, double *loss);

/* Lay the shard's rollouts and outputs on the tape: rows from `first` on. Leaves logp and probabilities in the head. */
void press_forward(struct press_run *p, int first);

/* Backward of what press_forward laid, with task_weight and pressure_weight per head line. */
void press_backward(struct press_run *p);

/* Output position predicted by head line j; negative for reasoning tokens. */
int press_slot(const struct press_run *p, int j);

#endif
