#include "experiments/pressure.h"

#include <string.h>

#define PRESSURE(name, settled) extern const struct pressure pressure_##name;
#include "experiments/pressures.def"
#undef PRESSURE

const struct pressure *const pressure_table[] = {
#define PRESSURE(name, settled) &pressure_##name,
#include "experiments/pressures.def"
#undef PRESSURE
};
const int pressure_settled[] = {
#define PRESSURE(name, settled) settled,
#include "experiments/pressures.def"
#undef PRESSURE
};
const int pressure_count = sizeof pressure_table / sizeof pressure_table[0];

enum status pressure_find(const char *name, const struct pressure **pressure) {
    const char *names[sizeof pressure_table / sizeof pressure_table[0]];
    for (int i = 0; i < pressure_count; i++) {
        names[i] = pressure_table[i]->name;
        if (strcmp(name, names[i]) == 0) {
            *pressure = pressure_table[i];
            return ST_OK;
        }
    }
    const char *near = status_nearest(name, names, pressure_count, sizeof names[0]);
    return status_set(ST_USAGE, "unknown pressure '%s'%s%s%s", name, near ? " (did you mean '" : "", near ? near : "",
                      near ? "'?)" : "");
}

enum status pressure_resolve(const char *name, const char *of, const struct pressure **pressure,
                             const struct pressure **beside) {
    TRY(pressure_find(name, pressure));
    *beside = *pressure;
    if ((*pressure)->stands_beside) TRY(pressure_find(of, beside));
    if ((*beside)->stands_beside) return status_set(ST_USAGE, "press.of: %s is no pressure of its own", of);
    return ST_OK;
}

void pressure_mark_half(const struct pressure *p, const struct task_ctx *task, struct problem *problems, int n) {
    for (int i = 0; p->mark && i < n; i += 2) p->mark(task, &problems[i]);
}

double pressure_task_reward(const struct task_ctx *task, const struct problem *p, const struct rollout *r, int i) {
    const int report_at = task->shape.slot_report;
    double reward = rollout_answer(r, task, i) == p->answer;
    if (report_at > 0)
        reward += rollout_report(r, task, i) == p->report ||
                  r->output[(long)i * r->O + report_at - 1] == task->shape.none_out;
    return reward;
}
