/* Pressing an arm: one update of output pressure, by supervision (press_sft.c) or by reward (press_rl.c).
 *
 * Both methods lay sampled or given sequences on the learner's tape and leave two weights per predicted token: the task
 * term's and the pressure term's. Credit is the same graph with edges switched off, for the pressure term only:
 *
 *                text                                         latent
 *   full         rl: the penalty counts on every sampled      gradient through every thought
 *                token, reasoning included
 *   targeted     output tokens only                           the fed-back vector is detached
 *   sealed       targeted, and K/V of the reasoning detached  the same
 *
 * and twice a graph of two models: one reasons (the mind), the learner's re-encodes and speaks (the face).
 *
 *   frozen_mind  the mind is the arm before pressure; both terms train the face
 *   mind_face    both terms train the face; the task term trains the mind too, on the reasoning tokens it sampled (rl)
 *                or through the thoughts that the face was given; with press.mind_penalty the pressure term goes the same
 *                way (Mind & Face of Drori et al. 2025, arXiv 2511.11584; without it: beside their reward targeting)
 */
#ifndef SPILLOVER_PRESS_H
#define SPILLOVER_PRESS_H

#include "experiments/arm.h"
#include "experiments/pressure.h"
#include "experiments/reader_bank.h"

struct press_run {
    const struct config *config;
    const struct pressure *pressure;
    const struct pressure *beside; /* the pressure that `pressure` stands beside, or itself */
    struct learner *learner;
    struct mind mind;                     /* of the learner's model; with two models the learner's is its face */
    struct runner *runner;                /* for sampling training contexts */
    struct rollout rollout;               /* [press.batch] */
    struct runner *thinker;               /* rl on thoughts: runs one question of each group; NULL otherwise */
    struct rollout thought;               /* [press.batch / press.group] */
    float *thought_of_all;                /* [press.batch][R][C] */
    struct problem *problems;             /* [press.batch] */
    unsigned *slots;                      /* [press.batch] output positions that are the pressure's own */
    float *task_weight, *pressure_weight; /* [head.capacity] */
    float *advantage[2];                  /* rl: [press.batch] of the task reward, of the penalty */
    double *score;                        /* rl: [2][press.batch] task reward and penalty of each sequence */
    struct gpt *start;                    /* the arm before pressure: reference of the KL term, frozen mind */
    float *reference;                     /* [head.capacity][V] the KL term's */
    struct reader_bank bank;              /* direct on thoughts */
    int *bank_target;                     /* [press.batch] */
    struct problem *replay;               /* [rows] */

    struct gpt *reasoner; /* mind_face: the mind's weights, their gradient and optimiser; NULL otherwise */
    float *reasoner_g;
    struct gpt_views reasoner_gv;
    struct adamw reasoner_opt;
    float *thoughts;     /* two models, latent: [rows][thoughts][C] what the mind thought */
    float *thought_grad; /* mind_face, latent: [thoughts][rows][C] */

    double reward, penalty; /* rl: means of the last batch, before lambda */
    float *half;            /* gradient [gpt_trained] of the first half of the last batch */
    double snr;             /* its signal-to-noise ratio: see press_snr; NAN where the batch is one shard */
};

/* The mind of a pressed arm under the configuration's credit, and the buffers of a run. `start` holds the arm's weights
 * as the learner's model does; the learner is open. The mind and its runner live in `a`, what only training needs where
 * the learner's buffers do. Batch, group and shard divide, as grid_build sees to. ST_USAGE where there is no such
 * pressure. */
MUST_USE enum status press_open(struct press_run *p, struct arena *a, const struct config *c, const struct arm *arm,
                                struct learner *learner, struct gpt *start);

/* One update of n = press.batch sequences; *loss is for the log. ST_FAILED when a gradient is not finite. */
MUST_USE enum status press_update(struct press_run *p, int update, double *loss);

/* Add the gradient of one update to the learner's g (and the reasoner's). */
double press_sft(struct press_run *p, int update);
double press_rl(struct press_run *p, int update);

/* Lay the shard's rollouts and outputs on the tape: rows from `first` on. Leaves logp and probabilities in the head. */
void press_forward(struct press_run *p, int first);

/* Backward of what press_forward laid, with task_weight and pressure_weight per head line. */
void press_backward(struct press_run *p);

/* rl's weights of the shard that press_forward laid: the advantages on the tokens that were sampled. */
void press_rl_weigh(struct press_run *p, int first);

/* Edges that a credit switches off for the pressure term. */
struct tape_cuts press_cuts(enum credit credit);

/* Gradient of the cross-entropy on the base data's written reasoning, times press.replay (text). */
void press_replay(struct press_run *p, int update);

/* Called after every shard of an update: keeps the gradient of the first half. */
void press_halfway(struct press_run *p, int rows_done);

/* |E g|^2 / variance of g, estimated without bias from the gradients a, b of two halves of a batch: 4 a.b / |a - b|^2. */
double press_snr(const float *half, const float *whole, long n);

/* Group advantages of a score [n]: centred and divided by the standard deviation of the group; 0 where it is 0. */
void press_advantages(const double *score, int n, int group, float *out);

/* Stream of the training questions: every cell of a pair sees the same ones in the same order, the A/A control others. */
const char *press_questions(const struct press_run *p);

/* Output position predicted by head line j; below 1 for reasoning tokens and the <eot> that ends them. */
int press_slot(const struct press_run *p, int j);

#endif
