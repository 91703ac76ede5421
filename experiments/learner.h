/* A learner: a model under training and everything one update needs, allocated once.
 *
 * A batch is cut into shards of `rows` sequences; gradients add up over the shards in order, then one AdamW step is
 * taken. The same learner serves the base, every arm, and every pressure.
 *
 * With gradient lanes (engine/lanes.h) the shards of a batch run on several threads. A lane is a learner of the same
 * model with buffers of its own; lane 0 is the learner itself.
 */
#ifndef SPILLOVER_LEARNER_H
#define SPILLOVER_LEARNER_H

#include "engine/adamw.h"
#include "engine/lanes.h"
#include "engine/loss.h"
#include "engine/mind.h"
#include "experiments/config.h"

/* What training took, counted and not timed: positions run through the model (padding too) and the floating-point
 * operations of its matrix products and of causal attention, backward twice the forward's. */
struct training_cost {
    double positions, flop;
};

struct learner {
    struct gpt model;
    float *g; /* gradient: gpt_gradient_open */
    struct gpt_views gv;
    struct adamw opt;
    struct tape tape;
    struct head head;
    struct batch batch;
    const struct task_ctx *task;
    int rows;       /* sequences in a shard */
    int tail_start; /* position of the tail on the tape, after learner_forward */
    int thoughts_per_step;
    const float *given; /* [rows][thoughts][C] thoughts as input vectors, from another mind; NULL: fed back */
    double frontier;    /* weight of the frontier loss on thoughts; 0 off */
    double path;        /* weight of the loss of each step's own value on its thought; 0 off */
    double conceal;     /* weight of learner_conceal; 0 off */
    int *fillers;       /* [rows][steps * thoughts_per_step][channels] */
    float *pull;        /* [thoughts_per_step][rows][C] gradients that learner_conceal injects */
    int *target;        /* [head.capacity] */
    float *weight;      /* [head.capacity] */
    float *logp;        /* [head.capacity] */
    int *tail_index;    /* [head.capacity] position in the tail that the line predicts (0: the first tail token) */
    struct training_cost cost; /* of everything run forward so far, gates left out */
    struct arena *arena;       /* of all buffers */
    struct learner *lane[LANES_MAX];
    struct lanes *lanes; /* NULL: the one lane, on the caller's thread */
};

/* The configuration of a model for a task: context for its longest sequence, channels, projection as asked. */
struct gpt_config learner_model_config(const struct config *c, const struct task_shape *shape, bool projection);

/* Buffers for a model already opened in l->model. */
void learner_open(struct learner *l, struct arena *a, const struct config *c, const struct task_ctx *task);

/* Cut training into base.lanes lanes, on up to `threads` threads: behind learner_open, when l's settings are made.
 * learner_close_lanes ends the threads. ST_FAILED when one cannot be started. */
MUST_USE enum status learner_open_lanes(struct learner *l, const struct config *c, int threads);
void learner_close_lanes(struct learner *l);

/* Call run(ctx, k, first) for the shards [first, first + l->rows) of n problems. It works on l->lane[k] and touches
 * nothing that other lanes touch. Behind it l->g and l->cost hold the sums. */
void learner_shards(struct learner *l, int n, void (*run)(void *ctx, int k, int first), void *ctx);

/* Run the question of l->batch and `thoughts` positions of the mind's medium: the thoughts `given`, or fed back. */
void learner_reason(struct learner *l, const struct mind *m, int thoughts, const float *given);

/* Run question, `thoughts` positions of the mind's medium (l->given or fed back), and the tail of l->batch. l->head
 * lists every position with a target, first tail token included (except <eot> behind thoughts or fillers, which is
 * given); weights are 1. Behind it: probabilities in head.logits, logp filled. */
void learner_forward(struct learner *l, const struct mind *m, int thoughts);

/* The mind's shape at a point of training: problems' steps before first_step are replaced by `thoughts` positions. */
struct stage {
    int thoughts, first_step;
};

/* Add the gradient of the mean cross-entropy over predicted tokens of n problems; returns the loss. For thoughts the
 * gradients of the frontier, path and conceal losses are added as l->frontier, l->path and l->conceal say (the loss
 * returned leaves them out): cross-entropy between what the state that becomes a step's last thought would say as a
 * token, and the values of that step. */
double learner_cross_entropy(struct learner *l, const struct mind *m, struct stage st, const struct problem *problems,
                             int n);

/* Design cue: what text is taught under the cue, for the thoughts that stand on the tape. A thought of the concealed step
 * becomes what the token in its place is in text, NONE_step: a fed-back state says it through the head (cross-entropy), a
 * projected thought is pulled to its embedding e, taken as given (|u - e|^2 / |e|^2), as the warm-up of codi does for
 * the other tokens. Adds l->conceal x share x the gradient of the mean over the cued rows' thoughts, for the tape's next
 * backward. Nothing where no row is cued or the step is still text. Takes the head. */
void learner_conceal(struct learner *l, const struct mind *m, const struct problem *problems, int thoughts,
                     double share);

/* All that is taught to the thoughts that stand on the tape, of a shard of a batch of n: adds the gradients of the
 * frontier, path and conceal losses, for the tape's next backward. Takes the head. */
void learner_teach_thoughts(struct learner *l, const struct mind *m, const struct problem *problems, int thoughts,
                            int n);

/* Teacher-forced accuracy of the worst tail position over n problems, as many of them as fill whole shards
 * (learner_gate_problems), 0 where none does: the curriculum's gate. */
enum { GATE_PROBLEMS = 256 };
int learner_gate_problems(const struct learner *l, int n);
double learner_gate(struct learner *l, const struct mind *m, struct stage st, const struct problem *problems, int n);

/* One step of AdamW on the gradient of update i. ST_FAILED, with the update, the loss and the tensor, when the loss or a
 * gradient is not finite: the weights are then as they were. */
MUST_USE enum status learner_step(struct learner *l, int update, double loss, double lr,
                                  bool (*train)(const struct gpt_tensor *));

/* Problems of update i: every arm sees the same questions in the same order. */
void learner_problems(const struct learner *l, long seed, const char *stream, int update, enum task_split split,
                      struct problem *problems, int n);

#endif
