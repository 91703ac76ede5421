#include "metrics/metric.h"

#include <math.h>
#include <string.h>

#include "metrics/decode.h"
#include "metrics/dictionary.h"
#include "metrics/stat_monitor.h"

#define METRIC(name, settled) extern const struct metric metric_##name;
#include "metrics/metrics.def"
#undef METRIC

const struct metric *const metric_table[] = {
#define METRIC(name, settled) &metric_##name,
#include "metrics/metrics.def"
#undef METRIC
};
const int metric_settled[] = {
#define METRIC(name, settled) settled,
#include "metrics/metrics.def"
#undef METRIC
};
const int metric_count = sizeof metric_table / sizeof metric_table[0];

static void roll_out(const struct measurement *m, const struct mind *mind, const struct problem *problems, int n,
                     bool reasoning_only, struct rollout *r) {
    const struct rollout_options greedy = {.reasoning_only = reasoning_only, .force.stop = -1};
    (reasoning_only ? rollout_open_reasoning : rollout_open)(r, m->arena, mind, n);
    runner_run(m->runner, mind, problems, &greedy, r);
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
    roll_out(m, mind, fit, n_fit, false, &m->own_fit);
    roll_out(m, mind, test, n_test, false, &m->own_test);
}

void measurement_set_before(struct measurement *m, const struct mind *before, struct probe *probes) {
    m->before = ARENA_NEW(m->arena, struct measurement_before, 1);
    m->before->mind = *before;
    m->before->probes = probes;
    roll_out(m, before, m->fit, m->n_fit, true, &m->before->own_fit);
    roll_out(m, before, m->test, m->n_test, true, &m->before->own_test);
}

static bool needs_met(const struct metric *metric, const struct measurement *m) {
    const unsigned needs = metric->needs;
    const struct mind *mind = m->mind;
    if (needs & NEED_BEFORE && !m->before) return false;
    if (needs & NEED_REASONING && mind_reasoning_positions(mind) == 0) return false;
    if (needs & NEED_RERUN && !mind->task->task->rerun) return false;
    if (needs & NEED_TEXT && mind->medium != MEDIUM_TEXT) return false;
    if (needs & NEED_LATENT && mind->medium != MEDIUM_LATENT) return false;
    return true;
}

static void measure(const struct metric *metric, struct measurement *m) {
    const bool met = needs_met(metric, m);
    if (met && metric->needs & NEED_READINGS && !m->decode) decode_open(m);
    if (met && metric->needs & NEED_DICTIONARIES && !m->dictionaries) dictionaries_open(m);
    const struct arena_mark mark = arena_mark(m->arena);
    if (met)
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
        if (only ? strcmp(only, names[i]) != 0 : metric_table[i]->depth > m->depth) continue;
        found = true;
        measure(metric_table[i], m);
    }
    if (found) return ST_OK;
    const char *near = status_nearest(only, names, metric_count, sizeof names[0]);
    return status_set(ST_USAGE, "unknown metric '%s'%s%s%s", only, near ? " (did you mean '" : "", near ? near : "",
                      near ? "'?)" : "");
}

void metric_emit_row(const struct metric *self, struct measurement *m, struct metric_row row) {
    const bool finite = isfinite(row.value), ok = row.n > 0 && finite;
    if (ok && (row.value < self->lo || row.value > self->hi))
        BUG("%s: %.17g is outside [%g, %g]", self->name, row.value, self->lo, self->hi);
    row.metric = self->name;
    row.version = self->version;
    row.status = ok ? "ok" : row.n > 0 ? "nonfinite" : "skip";
    if (!ok) row.value = row.lo = row.hi = NAN;
    m->emit(m->to, &row);
}

static void emit(const struct metric *self, struct measurement *m, int step, const char *concept, const char *view,
                 long n, double value, struct stat_interval interval) {
    const struct metric_row row = {
        .step = step,
        .layer = -1,
        .concept = concept,
        .view = view,
        .n = n,
        .value = value,
        .lo = interval.lo,
        .hi = interval.hi,
    };
    metric_emit_row(self, m, row);
}

static const struct stat_interval no_interval = {NAN, NAN};

void metric_emit(const struct metric *self, struct measurement *m, int step, const char *concept, const char *view,
                 long n, double value) {
    emit(self, m, step, concept, view, n, value, no_interval);
}

void metric_emit_share(const struct metric *self, struct measurement *m, int step, const char *concept,
                       const char *view, long hits, long n) {
    const double share = n > 0 ? (double)hits / (double)n : NAN;
    emit(self, m, step, concept, view, n, share, n > 0 ? stat_wilson(share, (double)n, .95) : no_interval);
}

void metric_emit_mean(const struct metric *self, struct measurement *m, int step, const char *concept, const char *view,
                      const double *x, int n) {
    const double mean = n > 0 ? stat_mean(x, n) : NAN;
    emit(self, m, step, concept, view, n, mean, n > 1 ? stat_t_interval(x, n, .95) : no_interval);
}
