/* Arms: ways of reasoning trained from one base checkpoint.
 *
 * An arm is one file (arms/<name>.c) and one row (arms.def). It names the medium in which it reasons and trains a copy
 * of the base until it does. Every arm of a seed starts from the same weights and sees the same questions in the same
 * order (learner_problems with stream "arm").
 */
#ifndef SPILLOVER_ARM_H
#define SPILLOVER_ARM_H

#include "experiments/cell.h"
#include "experiments/learner.h"
#include "experiments/resume.h"

struct arm_training {
    const struct config *config;
    struct cell_io *io;
    struct learner *learner;
    struct resume *resume;    /* that updates are walked over and kept by; NULL: all are computed */
    struct task_ctx *task;    /* the learner's: its training sizes may change */
    struct problem *problems; /* [base.batch] */
    struct mind mind;         /* of the learner's model */
    int planned;              /* updates that training may take: problems grow along it (base.grow) */
    int updates;              /* taken so far */
};

struct arm {
    const char *name, *summary, *source;
    int version; /* raised whenever a trained arm's bits change */
    enum medium medium;
    enum feed feed;
    bool projection; /* the model has the thought projection */
    bool text_mode;  /* the same weights also reason as text */
    enum status (*train)(struct arm_training *t);
};

extern const struct arm *const arm_table[];
extern const int arm_count;
MUST_USE enum status arm_find(const char *name, const struct arm **arm);

/* The mind of a trained arm; thoughts = steps x thoughts_per_step for latent and filler arms. */
struct mind arm_mind(const struct arm *arm, const struct config *c, const struct gpt *model,
                     const struct task_ctx *task);

/* The same weights reasoning as text. */
struct mind arm_text_mind(const struct gpt *model, const struct task_ctx *task);

/* The base's training: opens l (everything in io->arena), trains it, and leaves the accuracy at its last gate check. */
MUST_USE enum status base_fit(struct learner *l, const struct config *c, struct cell_io *io, struct task_ctx *task,
                              double *accuracy);

/* Open the arm's model in l->model, with the base's weights. ST_DATA when they are of another shape. */
MUST_USE enum status arm_branch(struct learner *l, struct arena *a, const struct arm *arm, const struct config *c,
                                const struct task_ctx *task, const struct gpt *base);

/* The arm's training, in the learner's gradient lanes. */
MUST_USE enum status arm_fit(const struct arm *arm, struct arm_training *t);

/* Fill t->problems with those of the next update. */
void arm_problems(struct arm_training *t, const char *stream);

/* True, and the update counted, when an earlier attempt at the cell did the next update: it is left out. */
bool arm_skips(struct arm_training *t);

/* One supervised update at a stage of the curriculum, questions of the next update. Used by the base and most arms. */
MUST_USE enum status arm_update(struct arm_training *t, const char *stream, const struct mind *m, struct stage st,
                                double lr, double *loss);

/* Gate accuracy at a stage on 256 full-length questions that are never trained on. */
double arm_gate(struct arm_training *t, const struct mind *m, struct stage st);

/* n supervised updates at one stage, lr falling as base.decay says, with progress events. */
MUST_USE enum status arm_train_steadily(struct arm_training *t, const struct mind *m, struct stage st, int n);

#endif
