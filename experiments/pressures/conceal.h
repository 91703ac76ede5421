/* What `conceal` and its positive control `direct` share: both hide c; they differ in what is pushed. */
#ifndef SPILLOVER_PRESSURES_CONCEAL_H
#define SPILLOVER_PRESSURES_CONCEAL_H

#include "experiments/pressure.h"

bool conceal_applies(const struct task_ctx *task);
void conceal_mark(const struct task_ctx *task, struct problem *p);
struct monitor conceal_monitor(const struct task_ctx *task);
int conceal_label(const struct task_ctx *task, const struct problem *p);
bool conceal_written(const struct task_ctx *task, const struct problem *p, const int *reasoning, int n);
double conceal_m_out(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i);
unsigned conceal_retarget(const struct task_ctx *task, struct problem *p);

#endif
