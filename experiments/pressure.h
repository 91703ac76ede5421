/* Pressures: what the output is optimised for, and the monitors that see it.
 *
 * A pressure is one file (pressures/<name>.c) and one row (pressures.def). It declares, before any run: its relation to
 * the task, its target on the output, the dose monitor M_out, and the reasoning monitor M_R with one label and one probe
 * class for both media. Whether its term is one of supervised tokens or of reward is the method's affair (press_sft.c,
 * press_rl.c); which path its gradient may take into the reasoning is the credit's (press.c).
 */
#ifndef SPILLOVER_PRESSURE_H
#define SPILLOVER_PRESSURE_H

#include "engine/mind.h"

enum relation { RELATION_NEUTRAL, RELATION_ORTHOGONAL, RELATION_ALIGNED, RELATION_IN_CONFLICT };

/* What a reasoning monitor looks for: a class of the problem, read at a reasoning step. */
struct monitor {
    const char *concept; /* "c", "truth", "style", "followed": the `concept` column */
    int n_classes;       /* chance is 1 / n_classes */
    int step;            /* the step where the base data state it; -1: any */
};

/* The questions that a monitor is fitted and read on. */
enum monitor_on { MONITOR_AS_SAMPLED, MONITOR_MARKED, MONITOR_MIXED /* every second one marked */ };

/* Where the positive control pushes the readers of a problem's thoughts: a class, or one of these. */
enum { PRESS_UNIFORM = -1, PRESS_NOTHING = -2 };

struct pressure {
    const char *name, *summary, *source;
    int version;
    enum relation relation;

    /* none, random, direct: a cell of this row stands beside the pressure named by press.of, whose questions, monitors
     * and task reward it takes; fields that this row does not set are that pressure's. */
    bool stands_beside;

    /* A control: lambda is 0 whatever the configuration says. */
    bool unpressed;

    /* Stream of the training questions; NULL: the one that all cells of a pair share. */
    const char *questions;
    const char *target; /* one line each, for list and the report */
    const char *dose_monitor, *reasoning_monitor;
    double chance_out; /* chance level of M_out */

    /* False where the task has nothing for this pressure to press on. */
    bool (*applies)(const struct task_ctx *task);

    /* Put a problem into the form in which the pressure is applied and measured (uncued, triggered, cued for A). */
    void (*mark)(const struct task_ctx *task, struct problem *p);

    /* The monitor's label for a problem; and the reading of a written reasoning (exact reader): does it state it? */
    struct monitor (*monitor)(const struct task_ctx *task);
    int (*label)(const struct task_ctx *task, const struct problem *p);
    enum monitor_on monitor_on;
    double (*written)(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i);

    /* M_out of row i of a rollout, in [0, 1], and whether its output is what the pressure asks for. As for written, NAN
     * where the row does not count. */
    double (*m_out)(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i);
    double (*hit)(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i);

    /* Supervised target: rewrite the output tokens of p. Bit s of the result is set where output position s is the
     * pressure's own slot; 0 for a problem without the mark. NULL: no target. */
    unsigned (*retarget)(const struct task_ctx *task, struct problem *p);

    /* Positive control, of the row with presses_reasoning: the token that position k of a written reasoning should hold
     * instead (false: left alone), and the class that readers of the thoughts are pushed to. */
    bool presses_reasoning;
    bool (*press_token)(const struct task_ctx *task, const struct problem *p, int k, int *token);
    int (*press_class)(const struct task_ctx *task, const struct problem *p);

    /* Reward terms of a sampled output (REINFORCE): the task's, and the penalty that only the pressed arm sees. */
    double (*task_reward)(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i);
    double (*penalty)(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i);
};

extern const struct pressure *const pressure_table[];
extern const int pressure_settled[]; /* row by row, see pressures.def */
extern const int pressure_count;
MUST_USE enum status pressure_find(const char *name, const struct pressure **pressure);

/* The row `name`, and the one that it stands beside (`of`; itself for an ordinary pressure). */
MUST_USE enum status pressure_resolve(const char *name, const char *of, const struct pressure **pressure,
                                      const struct pressure **beside);

/* Put every second problem of a training batch under the mark, so that what the mark switches stays conditional. */
void pressure_mark_half(const struct pressure *p, const struct task_ctx *task, struct problem *problems, int n);

/* Task reward shared by most pressures: 1[answer right] + 1[report is c or NONE_out]. */
double pressure_task_reward(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i);

#endif
