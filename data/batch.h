/* Batches: problems laid out as the integer arrays that the engine reads.
 *
 *           |<---- Q: question ---->|<------------- tail ------------->|
 *   row 0   pad pad q0 q1 q2 <bot>   r0 r1 r2 <eot> y r <eos> pad
 *   row 1   q0  q1  q2 q3 q4 <bot>   r0 <eot> y r <eos> pad pad pad
 *
 * Rows are left-aligned on <bot>: questions are left-padded (start[b] is the first real position) so that the thoughts
 * of a batch fall on the same position. The tail holds the reasoning steps from `first_step` on (earlier ones are
 * thoughts, or absent) and the output; it is right-padded. target[b][t] is the token that position t must predict, -1
 * where nothing is to be predicted. Positions of the question predict nothing but, at <bot>, the first tail token; that
 * prediction is stored apart (first_target), because a thought may stand between <bot> and the tail.
 */
#ifndef SPILLOVER_BATCH_H
#define SPILLOVER_BATCH_H

#include "data/task.h"

enum role { ROLE_PAD, ROLE_QUESTION, ROLE_REASONING, ROLE_OUTPUT };

struct batch {
    int B, Q, R, channels; /* R: length of the tail */
    int *start;            /* [B] */
    int *question;         /* [B][Q][channels], -1 in an unused channel and at padding */
    int *tail;             /* [B][R][channels] */
    int *target;           /* [B][R]; the token after each tail position, -1 at and after <eos> */
    int *first_target;     /* [B]; the first tail token */
    uint8_t *role;         /* [B][R], enum role of each tail position */
    int *output_start;     /* [B]; tail position of <eot> */
};

/* Room for B rows of a task's longest problems. */
void batch_open(struct batch *b, struct arena *a, const struct task_shape *shape, int B);

/* Lay out B problems with steps before first_step left out of the tail (first_step >= n_steps: the output alone).
 * Q stays the task's greatest question length; R is set to the longest tail of these rows. */
void batch_fill(struct batch *b, const struct task_shape *shape, const struct problem *problems, int first_step);

/* As batch_fill, with each row's reasoning given as tokens [B][ld] of length n[b] (a rollout's own reasoning) instead
 * of the problem's; the output is the problem's. */
void batch_fill_reasoning(struct batch *b, const struct task_shape *shape, const struct problem *problems,
                          const int *reasoning, const int *n, int ld);

#endif
