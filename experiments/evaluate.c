#include "experiments/evaluate.h"

#include <math.h>
#include <string.h>

#include "metrics/decode.h"

enum { RELABELINGS = 20 };

struct runner *evaluate_runner(struct arena *a, const struct arm *arm, const struct mind *m) {
    const struct mind text = arm_text_mind(m->gpt, m->task);
    const bool longer = arm->text_mode && mind_reasoning_positions(&text) > mind_reasoning_positions(m);
    return runner_open(a, longer ? &text : m, EVALUATE_ROWS);
}

void evaluate_row(const struct evaluation *e, const char *metric, const char *concept, const char *view, int step,
                  long n, double value) {
    struct row r = row_of(metric, value, n);
    r.update = e->update;
    r.concept = concept;
    r.view = view;
    r.step = step;
    cell_row(e->rows, &r);
}

/* Metric rows become cell rows; `to` is the evaluation and the view it runs under. */
struct sink {
    const struct evaluation *e;
    const char *view;
};

static void take(void *to, const struct metric_row *m) {
    const struct sink *sink = to;
    struct row r = row_of(m->metric, m->value, m->n);
    r.update = sink->e->update;
    r.step = m->step;
    r.layer = m->layer;
    r.concept = m->concept;
    const char *between = sink->view[0] && m->view[0] ? "." : "";
    r.view = arena_printf(sink->e->arena, "%s%s%s", sink->view, between, m->view);
    r.version = m->version;
    r.lo = m->lo;
    r.hi = m->hi;
    r.status = m->status;
    cell_row(sink->e->rows, &r);
}

/* The problems of every evaluation of the cell, and where its rows go. */
static void open_measurement(struct measurement *measurement, const struct evaluation *e, const struct mind *m,
                             struct sink *sink) {
    const struct measure_options *o = &e->config->measure;
    struct problem *fit = ARENA_NEW(e->arena, struct problem, o->probe_train);
    struct problem *test = ARENA_NEW(e->arena, struct problem, o->probe_test);
    struct rng r = rng_open((uint64_t)e->config->seed, "evaluation", 0);
    for (int i = 0; i < o->probe_train; i++) m->task->task->sample(m->task, &r, TASK_FIT, &fit[i]);
    for (int i = 0; i < o->probe_test; i++) m->task->task->sample(m->task, &r, TASK_EVAL, &test[i]);
    measurement_open(measurement, e->arena, m, e->runner, fit, o->probe_train, test, o->probe_test,
                     (uint64_t)e->config->seed);
    measurement->emit = take;
    measurement->to = sink;
    if (o->level == LEVEL_FULL) measurement->depth = DEPTH_FULL;
}

static enum status run_metrics(const struct evaluation *e, const struct mind *m, const struct mind *before,
                               const char *view) {
    struct measurement measurement;
    struct sink sink = {e, view};
    open_measurement(&measurement, e, m, &sink);
    if (!before && measurement.depth < DEPTH_ARM) measurement.depth = DEPTH_ARM;
    const char *path = arena_printf(e->arena, "%s/readings%s%s.safetensors", e->dir, view[0] ? "." : "", view);
    const bool reasons = mind_reasoning_positions(m) > 0;
    struct probe *probes = NULL;
    if (before && reasons) TRY(decode_restore(&probes, e->arena, before, path));
    if (before) measurement_set_before(&measurement, before, probes);
    enum status st = measurement_run(&measurement, NULL);
    if (st == ST_OK && !before && reasons) st = decode_store(&measurement, e->arena, path);
    return st;
}

/* In an arena of its own, which gives its blocks back: kept ones would lie beside what a cell takes afterwards. */
enum status evaluate_metrics(const struct evaluation *e, const struct mind *m, const struct mind *before,
                             const char *view) {
    struct arena own;
    struct evaluation inside = *e;
    arena_open(&own, 1 << 20);
    inside.arena = &own;
    const enum status st = run_metrics(&inside, m, before, view);
    arena_close(&own);
    return st;
}

enum status evaluate_other_seed(const struct evaluation *e, const struct mind *other, const struct mind *m) {
    static const char *const distances[] = {"drift_cka", "drift_procrustes"};
    struct arena_mark mark = arena_mark(e->arena);
    struct measurement measurement;
    struct sink sink = {e, "other_seed"};
    struct probe *probes;
    open_measurement(&measurement, e, other, &sink);
    TRY(decode_restore(&probes, e->arena, m, arena_printf(e->arena, "%s/readings.safetensors", e->dir)));
    measurement_set_before(&measurement, m, probes);
    for (size_t i = 0; i < sizeof distances / sizeof *distances; i++) TRY(measurement_run(&measurement, distances[i]));
    arena_rewind(e->arena, mark);
    return ST_OK;
}

enum status evaluate_published(const struct evaluation *e, const struct mind *m) {
    const struct task_ctx *task = m->task;
    struct problem *problems;
    int n;
    if (!task->task->load || !task->options.data_dir) return ST_OK;
    TRY(task->task->load(task, e->arena, &problems, &n));
    struct arena_mark mark = arena_mark(e->arena);
    struct rollout r;
    struct rollout_options o = {.force = {.stop = -1}};
    double exact = 0.0, two_way = 0.0;
    rollout_open(&r, e->arena, m, n);
    struct rng rng = rng_open((uint64_t)e->config->seed, "relabel", 0);
    const int passes = task->task->relabel ? RELABELINGS : 1;
    for (int k = 0; k < passes; k++) {
        for (int i = 0; k > 0 && i < n; i++) task->task->relabel(task, &rng, &problems[i]);
        runner_run(e->runner, m, problems, &o, &r);
        for (int i = 0; i < n; i++) {
            exact += rollout_answer_exact(&r, task, i, &problems[i]);
            two_way +=
                rollout_p_answer(&r, task, i, problems[i].answer) > rollout_p_answer(&r, task, i, problems[i].decoy);
        }
    }
    evaluate_row(e, "accuracy_exact", "published", "", -1, n, exact / (passes * (double)n));
    if (n && problems[0].decoy >= 0)
        evaluate_row(e, "accuracy_two_way", "published", "", -1, n, two_way / (passes * (double)n));
    for (const struct task_floor *f = task->task->floors; f && f->name; f++) {
        double right = 0.0;
        for (int i = 0; i < n; i++) right += f->score(&problems[i]);
        evaluate_row(e, "accuracy_two_way", "published", f->name, -1, n, right / n);
    }
    arena_rewind(e->arena, mark);
    return ST_OK;
}

int evaluate_open_watches(struct watch *w, struct arena *a, const struct config *c, const struct task_ctx *task,
                          const char *only) {
    int n = 0;
    for (int i = 0; i < pressure_count; i++) {
        const struct pressure *p = pressure_table[i];
        if (p->stands_beside || !p->applies(task) || (only && strcmp(p->name, only) != 0)) continue;
        watch_open(&w[n++], a, p, task, &c->measure, c->seed);
    }
    return n;
}

enum status evaluate_watch(const struct evaluation *e, const struct watch *w, const struct mind *m, bool refit,
                           const char *view, struct reading *out) {
    const char *concept = w->monitor.concept;
    watch_light(w, e->arena, m, e->runner, out);
    const long n = w->n_marked;
    evaluate_row(e, "m_out", concept, view, -1, n, out->m_out);
    evaluate_row(e, "target_rate", concept, view, -1, n, out->hit);
    evaluate_row(e, "answer_accuracy_pressed", concept, view, -1, n, out->answer);
    evaluate_row(e, "report_accuracy_pressed", concept, view, -1, n, out->report);
    if (m->medium == MEDIUM_TEXT) evaluate_row(e, "m_r_reader", concept, view, -1, n, out->reader);
    if (isfinite(out->frozen)) evaluate_row(e, "m_r_frozen", concept, view, w->frozen_at, n, out->frozen);
    if (!refit || !w->frozen || m->medium != w->medium) return ST_OK;
    double r = NAN, f = NAN, *by_position = ARENA_NEW(e->arena, double, w->positions);
    TRY(watch_refit(w, m, e->runner, &r, &f, by_position));
    evaluate_row(e, "m_r_refit", concept, view, -1, w->n_test, r);
    evaluate_row(e, "m_r_frozen_test", concept, view, w->frozen_at, w->n_test, f);
    for (int k = 0; k < w->positions; k++)
        evaluate_row(e, "probe_refit_by_step", concept, view, k, w->n_test, by_position[k]);
    return ST_OK;
}

static void pack(const struct evaluation *e, const char *metric, const char *concept, const char *view,
                 const unsigned char *bit, int n) {
    for (int first = 0; first < n; first += EVALUATE_PACK) {
        const int here = n - first < EVALUATE_PACK ? n - first : EVALUATE_PACK;
        unsigned packed = 0;
        for (int i = 0; i < here; i++) packed |= (unsigned)bit[first + i] << i;
        evaluate_row(e, metric, concept, view, first / EVALUATE_PACK, here, packed);
    }
}

void evaluate_items(const struct evaluation *e, const struct watch *w, const struct mind *m, const char *view) {
    const struct arena_mark mark = arena_mark(e->arena);
    const char *concept = w->monitor.concept;
    struct watch_items items;
    watch_items_open(&items, e->arena, w);
    watch_behaviour(w, e->arena, m, e->runner, &items);
    pack(e, "items_behave", concept, view, items.behaves, items.n);
    if (items.has_reader) pack(e, "items_reader", concept, view, items.reader, items.n);
    if (items.has_frozen) pack(e, "items_frozen", concept, view, items.frozen, items.n);
    arena_rewind(e->arena, mark);
}

void evaluate_cued(const struct evaluation *e, const struct watch *w, const struct mind *m) {
    const struct task_ctx *task = m->task;
    struct arena_mark mark = arena_mark(e->arena);
    struct watch cued = *w;
    struct reading now;
    cued.marked = ARENA_NEW(e->arena, struct problem, w->n_marked);
    bool has_cue = w->pressure->monitor_on == MONITOR_MARKED;
    for (int i = 0; i < w->n_marked && has_cue; i++) {
        cued.marked[i] = w->marked[i];
        has_cue = task->task->mark(task, &cued.marked[i], w->marked[i].flags | PROBLEM_CUED);
    }
    if (has_cue) {
        watch_light(&cued, e->arena, m, e->runner, &now);
        if (m->medium == MEDIUM_TEXT)
            evaluate_row(e, "m_r_reader", w->monitor.concept, "cued", -1, w->n_marked, now.reader);
        evaluate_row(e, "m_r_frozen", w->monitor.concept, "cued", w->frozen_at, w->n_marked, now.frozen);
    }
    arena_rewind(e->arena, mark);
}
