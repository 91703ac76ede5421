/* What show.c and show_thoughts.c share: a cell opened to be shown. Not for others. */
#ifndef SPILLOVER_SHOW_INTERNAL_H
#define SPILLOVER_SHOW_INTERNAL_H

#include "experiments/arm.h"
#include "experiments/evaluate.h"
#include "experiments/show.h"

enum { BEFORE, AFTER, SIDES };

/* One of the two models in one medium, run on the question. */
struct side {
    struct mind mind;
    struct rollout r;
};

struct showing {
    struct show head; /* what holds for every item */
    struct show *show;
    const struct show_options *o;
    struct arena *arena;
    struct cell cell, arm_cell; /* arm_cell: that the weights before pressure belong to */
    const struct arm *arm;      /* NULL for a base */
    struct task_ctx task;
    struct gpt model[SIDES], reasoner; /* reasoner: mind_face, after */
    struct watch *watches;
    int n_watches, own; /* own: whose questions */
    const struct problem *problem;
    bool after; /* there is a model after pressure */
};

/* show_open without the questions and probes of a pressure: the cell, its task, its models. */
MUST_USE enum status show_open_models(struct showing **opened, const struct show_options *o, struct arena *a);

/* The sides that there are, and the mind of one; `text`: the same weights reasoning as text. */
int show_sides(const struct showing *s);
struct mind show_mind(const struct showing *s, int side, bool text);

/* The n tokens of the unembedding nearest to a vector, with their softmax. Takes room for the vocabulary. */
void show_nearest(const struct gpt *gpt, struct arena *a, const float *u, int n, int *token, double *share);

#endif
