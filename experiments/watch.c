#include "experiments/watch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint.h"

enum { DEV_FOLDS = 5 }; /* one fold of the fitting set chooses the position */

/* Rollouts of a set of problems as probe items, one position at a time. */
struct reads {
    struct rollout r;
    struct probe_items items;
    int *y, *group;
};

static void draw(const struct watch *w, const struct task_ctx *task, const char *set, struct problem *p, int n,
                 enum monitor_on on) {
    const enum task_split split = strcmp(set, "fit") == 0 ? TASK_FIT : TASK_EVAL;
    char stream[64];
    snprintf(stream, sizeof stream, "watch %s %s", w->pressure->name, set);
    struct rng r = rng_open(w->seed, stream, 0);
    for (int i = 0; i < n; i++) {
        task->task->sample(task, &r, split, &p[i]);
        if (on == MONITOR_MARKED || (on == MONITOR_MIXED && i % 2 == 0)) w->pressure->mark(task, &p[i]);
    }
}

void watch_open(struct watch *w, struct arena *a, const struct pressure *p, const struct task_ctx *task,
                const struct measure_options *o, long seed) {
    *w = (struct watch){
        .pressure = p, .output = p, .monitor = p->monitor(task), .frozen_at = -1, .seed = (uint64_t)seed};
    w->n_marked = o->questions;
    w->n_fit = o->probe_train;
    w->n_test = o->probe_test;
    w->marked = ARENA_NEW(a, struct problem, w->n_marked);
    draw(w, task, "marked", w->marked, w->n_marked, MONITOR_MARKED);
}

enum reach { REASONING_ONLY, WITH_OUTPUT };

static void read_all(const struct watch *w, struct arena *a, const struct mind *m, struct runner *runner,
                     const struct problem *p, int n, enum reach reach, struct reads *out) {
    struct rng rng = rng_open(w->seed, "watch sampling", 0);
    struct rollout_options o = {.sample_reasoning = m->medium == MEDIUM_TEXT, .rng = &rng, .force = {.stop = -1}};
    o.reasoning_only = reach == REASONING_ONLY;
    (o.reasoning_only ? rollout_open_reasoning : rollout_open)(&out->r, a, m, n);
    runner_run(runner, m, p, &o, &out->r);
    out->y = ARENA_NEW(a, int, n);
    out->group = ARENA_NEW(a, int, n);
    for (int i = 0; i < n; i++) {
        out->y[i] = w->pressure->label(m->task, &p[i]);
        out->group[i] = p[i].template_id;
    }
    out->items =
        (struct probe_items){.n = n, .d = out->r.C, .K = w->monitor.n_classes, .ld = (long)out->r.R * out->r.C};
    out->items.y = out->y;
    out->items.group = out->group;
}

/* The reasoning on the first n questions of the set "fit" or "test"; nobody needs the questions afterwards. */
static void read_set(const struct watch *w, struct arena *a, const struct mind *m, struct runner *runner,
                     const char *set, int n, struct reads *out) {
    struct arena own;
    arena_open(&own, (size_t)1 << 20);
    struct problem *p = ARENA_NEW(&own, struct problem, n);
    draw(w, m->task, set, p, n, w->pressure->monitor_on);
    read_all(w, a, m, runner, p, n, REASONING_ONLY, out);
    arena_close(&own);
}

static struct probe_items at_position(const struct reads *r, int position) {
    struct probe_items items = r->items;
    items.X = r->r.u + (long)position * r->r.C;
    return items;
}

/* Items split by template: `dev` of one fold, `rest` of the others; features are gathered. */
static void split(struct arena *a, const struct probe_items *all, uint64_t seed, struct probe_items *rest,
                  struct probe_items *dev) {
    int *fold = ARENA_NEW(a, int, all->n);
    probe_folds(a, all->n, all->group, DEV_FOLDS, seed, fold);
    struct probe_items *side[2] = {rest, dev};
    for (int s = 0; s < 2; s++) {
        float *X = ARENA_NEW(a, float, (size_t)all->n *(size_t)all->d);
        int *y = ARENA_NEW(a, int, all->n), *group = ARENA_NEW(a, int, all->n), n = 0;
        for (int i = 0; i < all->n; i++) {
            if ((fold[i] == 0) != (s == 1)) continue;
            memcpy(X + (long)n * all->d, all->X + i * all->ld, (size_t)all->d * sizeof *X);
            y[n] = all->y[i];
            group[n++] = all->group[i];
        }
        *side[s] = (struct probe_items){.n = n, .d = all->d, .K = all->K, .ld = all->d, .X = X, .y = y, .group = group};
    }
}

/* F at every position; the probes stay in `a`. */
static enum status fit_positions(struct watch *w, struct arena *a, struct arena *scratch, const struct reads *fit) {
    double best = -1.0;
    for (int k = 0; k < w->positions; k++) {
        const struct arena_mark mark = arena_mark(scratch);
        struct probe_items all = at_position(fit, k), rest, dev;
        struct probe_options o = probe_defaults();
        float *mean = ARENA_NEW(scratch, float, all.d), *scale = ARENA_NEW(scratch, float, all.d);
        probe_moments(all.n, all.d, all.X, all.ld, mean, scale);
        o.seed = w->seed;
        split(scratch, &all, w->seed, &rest, &dev);
        TRY(probe_fit(&w->frozen[k], a, &rest, mean, scale, &o));
        double accuracy = probe_accuracy(&w->frozen[k], scratch, &dev);
        if (accuracy > best) {
            best = accuracy;
            w->frozen_at = k;
        }
        arena_rewind(scratch, mark);
    }
    return ST_OK;
}

enum status watch_freeze(struct watch *w, struct arena *a, const struct mind *m, struct runner *runner) {
    struct arena scratch;
    struct reads fit;
    w->medium = m->medium;
    w->positions = mind_reasoning_positions(m);
    w->frozen = ARENA_NEW(a, struct probe, w->positions);
    arena_open(&scratch, 1 << 20);
    read_set(w, &scratch, m, runner, "fit", w->n_fit, &fit);
    const enum status st = fit_positions(w, a, &scratch, &fit);
    arena_close(&scratch);
    return st;
}

/* A mean over the rows that count. */
struct mean {
    double sum;
    int n;
};

static void mean_add(struct mean *m, double x) {
    if (!isfinite(x)) return;
    m->sum += x;
    m->n++;
}

static double mean_of(const struct mean *m) {
    return m->n ? m->sum / m->n : NAN;
}

void watch_light(const struct watch *w, struct arena *scratch, const struct mind *m, struct runner *runner,
                 struct reading *out) {
    struct arena_mark mark = arena_mark(scratch);
    const struct task_ctx *task = m->task;
    struct reads reads;
    struct mean m_out = {0}, hit = {0}, written = {0};
    double answer = 0.0, report = 0.0;
    read_all(w, scratch, m, runner, w->marked, w->n_marked, WITH_OUTPUT, &reads);
    for (int i = 0; i < w->n_marked; i++) {
        const struct problem *p = &w->marked[i];
        mean_add(&m_out, w->output->m_out(task, p, &reads.r, i));
        mean_add(&hit, w->output->hit(task, p, &reads.r, i));
        answer += rollout_answer(&reads.r, task, i) == p->answer;
        report += rollout_report(&reads.r, task, i) == p->report;
        if (m->medium == MEDIUM_TEXT) mean_add(&written, w->pressure->written(task, p, &reads.r, i));
    }
    const double n = w->n_marked;
    *out = (struct reading){.m_out = mean_of(&m_out), .hit = mean_of(&hit), .answer = answer / n, .report = report / n};
    out->reader = mean_of(&written);
    out->frozen = NAN;
    if (w->frozen && w->frozen_at >= 0 && m->medium == w->medium) {
        const int n_test = w->n_marked < w->n_test ? w->n_marked : w->n_test;
        if (w->pressure->monitor_on != MONITOR_MARKED) read_set(w, scratch, m, runner, "test", n_test, &reads);
        struct probe_items items = at_position(&reads, w->frozen_at);
        out->frozen = probe_accuracy(&w->frozen[w->frozen_at], scratch, &items);
    }
    arena_rewind(scratch, mark);
}

/* The class that F reads most strongly at its position, right or not, item by item. */
static void note_frozen(const struct watch *w, struct arena *scratch, const struct reads *reads, unsigned char *seen) {
    const struct probe *f = &w->frozen[w->frozen_at];
    const struct probe_items items = at_position(reads, w->frozen_at);
    float *p = ARENA_NEW(scratch, float, (size_t)items.n *(size_t)items.K);
    probe_predict(f, scratch, items.n, items.X, items.ld, p);
    for (int i = 0; i < items.n; i++) {
        int best = 0;
        for (int k = 1; k < items.K; k++)
            if (p[(long)i * items.K + k] > p[(long)i * items.K + best]) best = k;
        seen[i] = best == items.y[i];
    }
}

void watch_items_open(struct watch_items *items, struct arena *a, const struct watch *w) {
    items->n = w->n_marked;
    items->behaves = ARENA_NEW(a, unsigned char, w->n_marked);
    items->reader = ARENA_NEW(a, unsigned char, w->n_marked);
    items->frozen = ARENA_NEW(a, unsigned char, w->n_marked);
}

void watch_behaviour(const struct watch *w, struct arena *scratch, const struct mind *m, struct runner *runner,
                     struct watch_items *items) {
    const struct arena_mark mark = arena_mark(scratch);
    const struct task_ctx *task = m->task;
    const bool own_report = w->output == w->pressure; /* a control with a target of its own spoils the task's report */
    const double whole = own_report && task->shape.slot_report > 0 ? 2.0 : 1.0;
    struct reads reads;
    read_all(w, scratch, m, runner, w->marked, w->n_marked, WITH_OUTPUT, &reads);
    for (int i = 0; i < w->n_marked; i++) {
        const struct problem *p = &w->marked[i];
        const double done = own_report ? w->pressure->task_reward(task, p, &reads.r, i)
                                       : rollout_answer(&reads.r, task, i) == p->answer;
        items->behaves[i] = isfinite(w->output->m_out(task, p, &reads.r, i)) && done >= whole;
        items->reader[i] = m->medium == MEDIUM_TEXT && w->pressure->written(task, p, &reads.r, i) == 1.0;
    }
    items->has_reader = m->medium == MEDIUM_TEXT;
    items->has_frozen = w->frozen && w->frozen_at >= 0 && m->medium == w->medium;
    if (items->has_frozen) note_frozen(w, scratch, &reads, items->frozen);
    arena_rewind(scratch, mark);
}

static enum status refit_positions(const struct watch *w, struct arena *scratch, const struct mind *m,
                                   struct runner *runner, double *refit, double *frozen, double *by_position) {
    struct reads fit, test;
    double best = -1.0;
    read_set(w, scratch, m, runner, "fit", w->n_fit, &fit);
    read_set(w, scratch, m, runner, "test", w->n_test, &test);
    for (int k = 0; k < w->positions; k++) {
        const struct arena_mark mark = arena_mark(scratch);
        struct probe_items all = at_position(&fit, k), test_items = at_position(&test, k), rest, dev;
        struct probe_options o = probe_defaults();
        const struct probe *f = &w->frozen[k];
        struct probe p;
        o.n_grid = 1; /* the class of the probe, its C included, is F's */
        o.grid[0] = f->C;
        o.start = f;
        o.seed = w->seed;
        split(scratch, &all, w->seed, &rest, &dev);
        TRY(probe_fit(&p, scratch, &rest, f->mean, f->scale, &o));
        double on_dev = probe_accuracy(&p, scratch, &dev), on_test = probe_accuracy(&p, scratch, &test_items);
        by_position[k] = on_test;
        if (on_dev > best) {
            best = on_dev;
            *refit = on_test;
        }
        if (k == w->frozen_at) *frozen = probe_accuracy(f, scratch, &test_items);
        arena_rewind(scratch, mark);
    }
    return ST_OK;
}

enum status watch_refit(const struct watch *w, const struct mind *m, struct runner *runner, double *refit,
                        double *frozen, double *by_position) {
    struct arena scratch;
    arena_open(&scratch, 1 << 20);
    const enum status st = refit_positions(w, &scratch, m, runner, refit, frozen, by_position);
    arena_close(&scratch);
    return st;
}

/* The probes of several watches in one file; frozen_at goes into the metadata. */
enum status watch_store(const struct watch *w, int n_watches, struct arena *a, const char *path) {
    struct checkpoint c = {0};
    int n = 0;
    for (int i = 0; i < n_watches; i++) n += w[i].positions;
    c.tensors = ARENA_NEW(a, struct checkpoint_tensor, n);
    c.meta = ARENA_NEW(a, struct checkpoint_meta, n_watches);
    for (int i = 0; i < n_watches; i++) {
        c.meta[c.n_meta++] = (struct checkpoint_meta){w[i].pressure->name, arena_printf(a, "%d", w[i].frozen_at)};
        for (int k = 0; k < w[i].positions; k++) {
            size_t size = probe_flat_size(&w[i].frozen[k]);
            float *flat = ARENA_NEW(a, float, size);
            probe_save(&w[i].frozen[k], flat);
            c.tensors[c.n++] = (struct checkpoint_tensor){.name = arena_printf(a, "%s.%d", w[i].pressure->name, k),
                                                          .n_dims = 1,
                                                          .dim = {(long)size},
                                                          .data = flat};
        }
    }
    return checkpoint_write(path, &c);
}

enum status watch_restore(struct watch *w, struct arena *a, const struct checkpoint *file, const struct mind *m) {
    const char *at = checkpoint_meta(file, w->pressure->name);
    if (!at) return status_set(ST_DATA, "the arm's probes have none for %s", w->pressure->name);
    w->frozen_at = (int)strtol(at, NULL, 10);
    const int positions = mind_reasoning_positions(m);
    w->medium = m->medium;
    w->positions = positions;
    w->frozen = ARENA_NEW(a, struct probe, positions);
    for (int k = 0; k < positions; k++) {
        const struct checkpoint_tensor *t = checkpoint_find(file, arena_printf(a, "%s.%d", w->pressure->name, k));
        if (!t) return status_set(ST_DATA, "the arm's probes have no %s.%d", w->pressure->name, k);
        TRY(probe_restore(&w->frozen[k], a, t->data, (size_t)t->dim[0]));
    }
    return ST_OK;
}
