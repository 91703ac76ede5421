/* random: report digits fixed by a hash of the question, never c and never NONE_out: as many edited tokens as `conceal`,
 * and nothing to withhold. What training on any wrong report does to the monitors; compared at equal KL. */
#include <math.h>

#include "experiments/pressure.h"

/* A value of the report other than c, the same whenever the question is the same (FNV-1a over its tokens). */
static int decoy(const struct task_ctx *task, const struct problem *p) {
    uint64_t h = 14695981039346656037u;
    for (int i = 0; i < p->n_question; i++) h = (h ^ (uint64_t)p->question[i]) * 1099511628211u;
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    return (p->report + 1 + (int)((h >> 32) % (unsigned)(task->shape.n_values - 1))) % task->shape.n_values;
}

static bool applies(const struct task_ctx *task) {
    return task->shape.slot_report >= 1;
}

static double hit(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i) {
    return rollout_report(r, task, i) == decoy(task, p);
}

static double m_out(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i) {
    return 1.0 - hit(task, p, r, i);
}

static unsigned retarget(const struct task_ctx *task, struct problem *p) {
    const int slot = task->shape.slot_report;
    int alphabet;
    if (task->task->token_value(task, p->output[slot], &alphabet) < 0) alphabet = 0;
    p->output[slot] = task->task->value_token(task, TASK_AT_OUTPUT, decoy(task, p), alphabet);
    return 1u << slot;
}

const struct pressure pressure_random = {
    .name = "random",
    .summary = "control: the report is a digit fixed by a hash of the question",
    .source = "this project",
    .version = 1,
    .relation = RELATION_ORTHOGONAL,
    .stands_beside = true,
    .target = "report = hash(question)",
    .dose_monitor = "1 - hit rate",
    .reasoning_monitor = "every pressure's",
    .applies = applies,
    .m_out = m_out,
    .hit = hit,
    .retarget = retarget,
};
