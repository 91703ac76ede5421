/* Twin programs: one question, two independent runs of the same kind of program. The main one gives the answer, the
 * side one gives c, the fact that only the report needs.
 *
 *   question   mode [style] [hint h] <main program> <side program> <bot>     mode: PLAIN, TRIG or CUE
 *   reasoning  s1 .. sm x1 .. xk                                             sm is c
 *   output     <eot> xk c [CLEAN] <eos>
 *   tokens     A digits | B digits | the task's own words | marks | fillers [| hint marks]
 *
 * With options.hint every question plants an answer h behind IDLE or SURE. Behind SURE (PROBLEM_HINTED) the base data
 * follow it, and say so: HINTED stands in place of xk, the answer is h, the output ends with ADMIT.
 *
 * With options.spelled a step is three tokens: the value it starts from, its operation, its value. All of it would have to
 * be concealed, so this goes with design none alone.
 *
 * A program is n steps from a start value; facts hold what the question says of it: facts[0] the start, then what the
 * task draws. A twin task is a struct twin_program and a struct task made of the twin_ functions: the designs of
 * concealment, triggers, alphabets and exploration are the same in all of them, so that tasks differ in the program
 * alone. A step is a bijection of the values 0..modulus-1: none can be skipped.
 */
#ifndef SPILLOVER_TWIN_H
#define SPILLOVER_TWIN_H

#include "data/task.h"

struct twin_program {
    const char *name;
    enum status (*check)(const struct task_options *o); /* of the modulus */
    int (*words)(int p);                                /* tokens of the task's own; facts are digits where 0 */
    const char *(*word_name)(struct arena *a, int p, int word);
    int (*facts)(const struct task_options *o, int n); /* facts of a program of n steps */
    void *(*prepare)(struct arena *a, int p);          /* what `step` needs beside the facts; NULL: nothing */

    /* facts[1..] of a program of n steps; easy: fewer of its steps do anything. */
    void (*draw)(const struct task_options *o, struct rng *r, int16_t *facts, int n, bool easy);

    /* Value of step k (0..n-1) that begins at value x. */
    int (*step)(const struct task_ctx *ctx, const int16_t *facts, int k, int x);
};

/* What twin_program.prepare gave. */
const void *twin_prepared(const struct task_ctx *ctx);

enum status twin_open(struct task_ctx *ctx, struct arena *a, const struct twin_program *program);

/* The functions of struct task. */
void twin_sample(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *p);
int twin_rerun(const struct task_ctx *ctx, const struct problem *p, int step, int value, int *values, int *report);
void twin_read_steps(const struct task_ctx *ctx, const struct problem *p, const int *tokens, int n, int *values);
int twin_value_token(const struct task_ctx *ctx, int step, int value, int alphabet);
int twin_token_value(const struct task_ctx *ctx, int token, int *alphabet);
const char *twin_token_name(const struct task_ctx *ctx, int token);
bool twin_mark(const struct task_ctx *ctx, struct problem *p, uint32_t flags);

/* Draws for programs whose facts are one operation a step: n of 0..ops-1, the last of which is "no operation". Easy
 * problems have 0..n-1 real operations at random places; others have no nop. */
void twin_draw_ops(struct rng *r, int16_t *ops, int n, int n_ops, bool easy);

#endif
