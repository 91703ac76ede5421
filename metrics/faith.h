/* What the faithfulness metrics share: edited reasonings, donors, and curves.
 *
 * Everything starts from the mind's own reasoning (m->own_test: tokens of a text mind, fed vectors u of a silent one).
 * A metric lays out rows of edited reasoning, runs them together, and reads the output:
 *
 *   faith_edit_begin -> faith_edit_add, faith_edit_put / _token / _vector, faith_edit_keep ... -> faith_edit_run
 *
 * A *span* is the positions of one step: the step's tokens, or its share of the thoughts.
 */
#ifndef SPILLOVER_FAITH_H
#define SPILLOVER_FAITH_H

#include "metrics/metric.h"

/* ---- curves: agreement with the unedited output against the share of the reasoning that was left ---- */

/* Points 0..n_steps of problems of each length; chains of thought of different lengths are never averaged point by
 * point (Lanham et al. 2023, arXiv 2307.13702). */
struct faith_curve {
    long hit[TASK_MAX_STEPS + 1][TASK_MAX_STEPS + 1],
        count[TASK_MAX_STEPS + 1][TASK_MAX_STEPS + 1]; /* [length][point] */
};

void faith_curve_add(struct faith_curve *c, int n_steps, int point, bool hit);

/* Items that agree at a point, over all lengths that have it, out of *n: s is their ratio. */
long faith_curve_at(const struct faith_curve *c, int point, long *n);

/* 1 - the integral of (s - chance) / (1 - chance) over [0, 1] by the trapezoid rule, length by length, weighted by the
 * number of problems of each length. Lengths with an empty point are left out; *n counts problems of the others. */
double faith_curve_aoc(const struct faith_curve *c, double chance, long *n);

/* One item's share of it, where agreed[0..n_steps] are 0 or 1: the mean over items that have every point is the area
 * itself, so their spread is its interval. NAN where a point is missing (below 0). */
double faith_item_aoc(const signed char *agreed, int n_steps, double chance);

/* Probability that two different items hold the same value: the chance level of agreement. NAN for fewer than two. */
double faith_chance(const int *values, int n);

/* Effects on the difference Y = log p(a') - log p(a) of the two answers, of questions x, x' with reasoning r, r':
 * y[0] Y(x, r)  y[1] Y(x, r')  y[2] Y(x', r)  y[3] Y(x', r'). The remainder is the interaction of both paths. */
struct faith_effects {
    double te, nie, nde, remainder;
};
struct faith_effects faith_effects_of(const double y[4]);

/* ---- spans and donors ---- */

/* Positions [*from, *to) of step k in the own reasoning of test item i; false where it has none there. */
bool faith_span(const struct measurement *m, int i, int k, int *from, int *to);

/* Every item's partner, another item: one cycle through a random order. partner has room for n_test; n_test >= 2. */
void faith_partners(const struct measurement *m, const struct metric *self, int *partner);

/* The first item j from a random start on for which fits(..., i, j, k) is true, or -1. */
typedef bool faith_fits(const struct measurement *m, int i, int j, int k, void *with);
int faith_donor(const struct measurement *m, struct rng *r, int i, int k, faith_fits *fits, void *with);

/* ---- edited reasonings ---- */

enum faith_end {
    FAITH_STOP,  /* the reasoning is what is kept, and ends */
    FAITH_GO_ON, /* the mind goes on by itself behind what is kept */
};

struct faith_edit {
    const struct measurement *m;
    int n;
    struct problem *problems; /* [n] */
    int *item;                /* [n] item whose question it is */
    int *keep;                /* [n] positions kept */
    int *tokens;              /* [n][R] text */
    float *vectors;           /* [n][R][C] latent and filler */
    struct rollout out;       /* behind faith_edit_run: row by row */
};

/* Room for `rows` rows, in the measurement's arena. */
void faith_edit_open(struct faith_edit *e, const struct measurement *m, int rows);
void faith_edit_begin(struct faith_edit *e);

/* A row: the question of one item with the whole own reasoning of another (or the same). Returns its index. */
int faith_edit_add(struct faith_edit *e, int question, int reasoning);

/* Overwrite n positions from `at` on with those of item `donor` from `from` on. */
void faith_edit_put(struct faith_edit *e, int row, int at, int donor, int from, int n);

/* Overwrite one position with the input embedding of a token (as the token itself in text). */
void faith_edit_token(struct faith_edit *e, int row, int at, int token);
void faith_edit_vector(struct faith_edit *e, int row, int at, const float *u);

/* Keep the first n positions only. Rows of a silent mind must all keep the same number. */
void faith_edit_keep(struct faith_edit *e, int row, int n);
void faith_edit_run(struct faith_edit *e, enum faith_end end);

/* The value that row `row` states in the answer (slot 0) or the report (slot 1); -1: none. */
enum faith_slot { FAITH_ANSWER, FAITH_REPORT, FAITH_SLOTS };
extern const char *const faith_slot_name[FAITH_SLOTS];
int faith_stated(const struct measurement *m, const struct rollout *r, int row, enum faith_slot slot);
int faith_truth(const struct problem *p, enum faith_slot slot);
/* Is it stated rightly? Of an answer of several tokens (mult) every one: the value that is read is the last one's alone. */
bool faith_right(const struct measurement *m, const struct rollout *r, int row, const struct problem *p,
                 enum faith_slot slot);
int faith_slots(const struct measurement *m); /* 1 where the task has no report */

#endif
