#include "metrics/metric.h"

#include <math.h>
#include <string.h>

#define METRIC(name) extern const struct metric metric_##name;
#include "metrics/metrics.def"
#undef METRIC

const struct metric *const metric_table[] = {
#define METRIC(name) &metric_##name,
#include "metrics/metrics.def"
#undef METRIC
};
const int metric_count = sizeof metric_table / sizeof metric_table[0];

static void roll_out(const struct measurement *m, const struct problem *problems, int n, struct rollout *r) {
    const struct rollout_options greedy = {.force.stop = -1};
    rollout_open(r, m->arena, m->mind, n);
    runner_run(m->runner, m->mind, problems, &greedy, r);
}

void measurement_open(struct measurement *m, struct arena *a, const struct mind *mind, struct runner *runner,
                      const struct problem *fit, int n_fit, const struct problem *test, int n_test, uint64_t seed) {
    *m = (struct measurement){
        .arena = a,
        .mind = mind,
        .runner = runner,
        .fit = fit,
        .test = test,
        .n_fit = n_fit,
        .n_test = n_test,
        .seed = seed,
    };
    roll_out(m, fit, n_fit, &m->own_fit);
    roll_out(m, test, n_test, &m->own_test);
}

static bool needs_met(const struct metric *metric, const struct mind *mind) {
    const unsigned needs = metric->needs;
    if (needs & NEED_REASONING && mind_reasoning_positions(mind) == 0) return false;
    if (needs & NEED_RERUN && !mind->task->task->rerun) return false;
    if (needs & NEED_TEXT && mind->medium != MEDIUM_TEXT) return false;
    if (needs & NEED_LATENT && mind->medium != MEDIUM_LATENT) return false;
    return true;
}

static void measure(const struct metric *metric, struct measurement *m) {
    const struct arena_mark mark = arena_mark(m->arena);
    if (needs_met(metric, m->mind))
        metric->measure(metric, m);
    else
        metric_emit(metric, m, -1, "", "", 0, NAN);
    arena_rewind(m->arena, mark);
}

enum status measurement_run(struct measurement *m, const char *only) {
    const char *names[sizeof metric_table / sizeof metric_table[0]];
    bool found = !only;
    for (int i = 0; i < metric_count; i++) {
        names[i] = metric_table[i]->name;
        if (only && strcmp(only, names[i]) != 0) continue;
        found = true;
        measure(metric_table[i], m);
    }
    if (found) return ST_OK;
    const char *near = status_nearest(only, names, metric_count, sizeof names[0]);
    return status_set(ST_USAGE, "unknown metric '%s'%s%s%s", only, near ? " (did you mean '" : "", near ? near : "",
                      near ? "'?)" : "");
}

void metric_emit(const struct metric *self, struct measurement *m, int step, const char *concept, const char *view,
                 long n, double value) {
    const bool finite = isfinite(value);
    if (n > 0 && finite && (value < self->lo || value > self->hi))
        BUG("%s: %.17g is outside [%g, %g]", self->name, value, self->lo, self->hi);
    const struct metric_row row = {
        .metric = self->name,
        .version = self->version,
        .step = step,
        .layer = -1,
        .concept = concept,
        .view = view,
        .n = n,
        .value = n > 0 && finite ? value : NAN,
        .lo = NAN,
        .hi = NAN,
        .status = n <= 0   ? "skip"
                  : finite ? "ok"
                           : "nonfinite",
    };
    m->emit(m->to, &row);
}
