#include "experiments/measure.h"

#include <math.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "metrics/decode.h"
#include "metrics/mdl.h"
#include "metrics/selectivity.h"

/* A monitor or an output that begins nearer to chance than this has no range in which a fall could be seen. */
static const double LEAST_RANGE = .05;

enum monitor { FROZEN, REFIT, READER, MONITORS };
static const char *const monitor_name[MONITORS] = {"frozen", "refit", "reader"};

/* What is known of one concept and one channel. */
struct work {
    const struct trace *t;
    struct measure *out;
    struct arena *arena;          /* rows */
    struct arena *keep, *scratch; /* for as long as a channel is read; as a step is */
    struct measurement m;         /* carries the readings to the metrics */
    struct decode decode;
    int concept, channel; /* channel -1: none */
    enum trace_phase phase;
    uint64_t seed;
    struct probe *frozen;            /* [steps] K 0: none */
    double (*read)[TRACE_MAX_STEPS]; /* [MONITORS * TRACE_PHASES] M of a monitor in a phase, by step */
    double (
        *dev)[TRACE_MAX_STEPS]; /* [TRACE_PHASES] of a probe of the phase, on a held-out part of its fitting items */
};

static double *reads_of(const struct work *w, enum monitor monitor, enum trace_phase phase) {
    return w->read[(int)monitor * TRACE_PHASES + (int)phase];
}

static const struct trace_channel *channel_of(const struct work *w, enum trace_phase phase) {
    return w->channel < 0 ? NULL : &w->t->side[phase].channels[w->channel];
}

/* --- rows ------------------------------------------------------------------------------------------------------ */

static void add_row(struct work *w, struct measure_row row) {
    struct measure *m = w->out;
    if (m->n == m->room) {
        const int room = m->room ? 2 * m->room : 1024;
        struct measure_row *rows = ARENA_NEW(w->arena, struct measure_row, room);
        if (m->n) memcpy(rows, m->rows, (size_t)m->n * sizeof *rows);
        m->rows = rows;
        m->room = room;
    }
    row.status = row.n <= 0 ? "skip" : isfinite(row.value) ? "ok" : "nonfinite";
    if (row.n <= 0) row.value = NAN;
    m->rows[m->n++] = row;
}

static struct measure_row row_at(const struct work *w, int step, const char *view, const char *metric) {
    const struct trace_channel *c = channel_of(w, TRACE_BEFORE);
    return (struct measure_row){.phase = trace_phase_name[w->phase],
                                .against = "",
                                .channel = c ? c->tensor : "",
                                .concept = w->concept < 0 ? "" : w->t->concepts[w->concept].name,
                                .view = view,
                                .metric = metric,
                                .layer = c ? c->layer : -1,
                                .step = step,
                                .version = 1};
}

/* A metric's row: the concept is the trace's; distances have none. */
static void take_row(void *to, const struct metric_row *row) {
    struct work *w = to;
    const bool distance = !*row->concept;
    if (row->step < 0 || (distance && w->concept > 0)) return;
    struct measure_row x = row_at(w, row->step, row->view, row->metric);
    if (distance) x.concept = "";
    x.version = row->version;
    x.n = row->n;
    x.value = row->value;
    add_row(w, x);
}

/* The metrics of metrics.def that are figures of readings and drifts alone, on those made so far. */
static void emit_figures(struct work *w) {
    static const char *const names[] = {"read_accuracy", "read_auroc",  "read_gmean2",     "v_information",
                                        "read_d_over_n", "drift_lost",  "drift_reencoded", "drift_rotated",
                                        "drift_mapped",  "drift_refit", "drift_cka",       "drift_procrustes"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int k = 0;
        while (strcmp(metric_table[k]->name, names[i]) != 0) k++;
        metric_table[k]->measure(metric_table[k], &w->m);
    }
    w->decode.n_readings = w->decode.n_drifts = w->decode.n_distances = 0;
}

/* --- items ----------------------------------------------------------------------------------------------------- */

/* Items of one side of the split that have the step and a label; item[n] gets their indices unless NULL. */
static struct probe_items take(const struct work *w, enum trace_phase phase, bool test, int step, int *item) {
    const struct trace_side *side = &w->t->side[phase];
    const struct trace_channel *c = channel_of(w, phase);
    int *y = ARENA_NEW(w->scratch, int, side->n + 1), *group = ARENA_NEW(w->scratch, int, side->n + 1);
    float *X = ARENA_NEW(w->scratch, float, (size_t)side->n *(size_t)c->d + 1);
    struct probe_items p = {.d = c->d, .ld = c->d, .K = w->t->concepts[w->concept].K, .X = X, .y = y, .group = group};
    for (int i = 0; i < side->n; i++) {
        const int label = trace_label(w->t, &side->items[i], w->concept, step);
        if (side->items[i].test != test || label < 0) continue;
        memcpy(X + (long)p.n * c->d, trace_vector(c, i, step), (size_t)c->d * sizeof *X);
        group[p.n] = side->items[i].group;
        if (item) item[p.n] = i;
        y[p.n++] = label;
    }
    return p;
}

/* Hewitt & Liang's type of an item: the transition of the step in a concept that has steps. */
static int *types_of(const struct work *w, int steps_of, const int *item, int n, int step) {
    int *type = ARENA_NEW(w->scratch, int, n + 1);
    const int K = w->t->concepts[steps_of].K;
    for (int i = 0; i < n; i++) {
        const struct trace_item *x = &w->t->side[w->phase].items[item[i]];
        const int now = trace_label(w->t, x, steps_of, step),
                  last = step > 0 ? trace_label(w->t, x, steps_of, step - 1) : 0;
        type[i] = (last < 0 ? K : last) * (K + 1) + (now < 0 ? K : now);
    }
    return type;
}

/* --- one step -------------------------------------------------------------------------------------------------- */

static struct decode_reading *add_reading(struct work *w, const char *view, int step, const struct probe_items *test) {
    struct decode_reading *r = &w->decode.readings[w->decode.n_readings++];
    *r = (struct decode_reading){.view = view, .layer = -1, .step = step, .bits = {NAN, NAN, NAN}, .d_over_n = NAN};
    r->K = w->t->concepts[w->concept].K;
    r->n = test ? test->n : 0;
    if (!test) return r;
    r->y = ARENA_NEW(w->keep, int, test->n);
    r->p = ARENA_NEW(w->keep, float, (size_t)test->n *(size_t)r->K);
    memcpy(r->y, test->y, (size_t)test->n * sizeof *r->y);
    return r;
}

static double right(const struct decode_reading *r) {
    int n = 0;
    for (int i = 0; i < r->n; i++) n += decode_says(r, i) == r->y[i];
    return r->n ? (double)n / r->n : NAN;
}

static double read_by(struct work *w, const char *view, int step, const struct probe *p, const struct probe_items *fit,
                      const struct probe_items *test) {
    struct decode_reading *r = add_reading(w, view, step, test);
    probe_predict(p, w->scratch, test->n, test->X, test->ld, r->p);
    const struct v_information v = v_information(p, w->scratch, fit->n, fit->y, test);
    r->bits = (struct stat_figure){v.bits, v.interval.lo, v.interval.hi};
    r->d_over_n = (double)fit->d / fit->n;
    return right(r);
}

static struct probe_options like(const struct work *w, const struct probe *p) {
    struct probe_options o = probe_defaults();
    o.seed = w->seed;
    if (!p) return o;
    o.n_grid = 1;
    o.grid[0] = p->C;
    return o;
}

/* How well the step reads on a third of the fitting items when the probe is fitted on the rest. */
static double held_out(const struct work *w, const struct probe_items *fit, const struct probe *f) {
    int *fold = ARENA_NEW(w->scratch, int, fit->n);
    const struct probe_options o = like(w, f);
    struct probe_items half[2];
    struct probe p;
    probe_folds(w->scratch, fit->n, fit->group, 3, w->seed, fold);
    for (int dev = 0; dev < 2; dev++) {
        int *y = ARENA_NEW(w->scratch, int, fit->n);
        float *X = ARENA_NEW(w->scratch, float, (size_t)fit->n *(size_t)fit->d);
        half[dev] = (struct probe_items){.d = fit->d, .K = fit->K, .ld = fit->d, .X = X, .y = y};
        for (int i = 0; i < fit->n; i++) {
            if ((fold[i] == 0) != dev) continue;
            memcpy(X + (long)half[dev].n * fit->d, fit->X + i * fit->ld, (size_t)fit->d * sizeof *X);
            y[half[dev].n++] = fit->y[i];
        }
    }
    if (half[1].n == 0 || probe_fit(&p, w->scratch, &half[0], f->mean, f->scale, &o) != ST_OK) return -1.0;
    return probe_accuracy(&p, w->scratch, &half[1]);
}

static void add_majority(struct work *w, int step, const struct probe_items *fit, const struct probe_items *test) {
    struct decode_reading *r = add_reading(w, "majority", step, test);
    int *count = ARENA_NEW(w->scratch, int, r->K), most = 0;
    for (int i = 0; i < fit->n; i++) count[fit->y[i]]++;
    for (int v = 1; v < r->K; v++)
        if (count[v] > count[most]) most = v;
    for (int i = 0; i < r->n; i++) r->p[(long)i * r->K + most] = 1.0f;
}

static void add_shuffled(struct work *w, int step, struct probe_items fit, struct probe_items test,
                         const struct probe *f) {
    struct probe_items *const both[] = {&fit, &test};
    const struct probe_options o = like(w, f);
    struct probe p;
    for (int i = 0; i < 2; i++) {
        struct rng r = rng_open(w->seed, i ? "trace shuffled test" : "trace shuffled fit", (uint64_t)step);
        int *y = ARENA_NEW(w->scratch, int, both[i]->n);
        memcpy(y, both[i]->y, (size_t)both[i]->n * sizeof *y);
        rng_shuffle(&r, y, both[i]->n);
        both[i]->y = y;
    }
    if (probe_fit(&p, w->scratch, &fit, f->mean, f->scale, &o) == ST_OK)
        read_by(w, "shuffled", step, &p, &fit, &test);
    else
        add_reading(w, "shuffled", step, NULL);
}

static void add_effort(struct work *w, int step, const struct probe_items *fit, const struct probe_items *test,
                       const int *item_fit, const int *item_test, const struct probe *f) {
    const struct probe_options o = like(w, f);
    struct measure_row row = row_at(w, step, "probe", "mdl_compression");
    struct mdl mdl;
    if (mdl_online(&mdl, w->scratch, fit, f->mean, f->scale, &o) == ST_OK) {
        row.n = fit->n;
        row.value = mdl.compression;
    }
    add_row(w, row);
    int steps_of = w->concept;
    for (int c = 0; c < w->t->n_concepts && !w->t->concepts[steps_of].by_step; c++)
        if (w->t->concepts[c].by_step) steps_of = c;
    struct selectivity s;
    row = row_at(w, step, "probe", "selectivity");
    if (w->t->concepts[steps_of].by_step &&
        selectivity_measure(&s, w->scratch, fit, types_of(w, steps_of, item_fit, fit->n, step), test,
                            types_of(w, steps_of, item_test, test->n, step), f->mean, f->scale, &o) == ST_OK) {
        row.n = test->n;
        row.value = s.selectivity;
    }
    add_row(w, row);
}

static void before_step(struct work *w, int step) {
    struct arena *a = w->scratch;
    const int n = w->t->side[TRACE_BEFORE].n;
    int *item_fit = ARENA_NEW(a, int, n), *item_test = ARENA_NEW(a, int, n);
    const struct probe_items fit = take(w, TRACE_BEFORE, false, step, item_fit),
                             test = take(w, TRACE_BEFORE, true, step, item_test);
    struct probe *f = &w->frozen[step];
    float *mean = ARENA_NEW(a, float, fit.d), *scale = ARENA_NEW(a, float, fit.d);
    const struct probe_options o = like(w, NULL);
    f->K = 0;
    if (!decode_enough(&fit, &test)) {
        add_reading(w, "probe", step, NULL);
        return;
    }
    add_majority(w, step, &fit, &test);
    probe_moments(fit.n, fit.d, fit.X, fit.ld, mean, scale);
    if (probe_fit(f, w->keep, &fit, mean, scale, &o) != ST_OK) {
        f->K = 0;
        add_reading(w, "probe", step, NULL);
        return;
    }
    const double M = read_by(w, "probe", step, f, &fit, &test);
    reads_of(w, FROZEN, TRACE_BEFORE)[step] = reads_of(w, REFIT, TRACE_BEFORE)[step] = M;
    if (!w->t->concepts[w->concept].by_step) w->dev[TRACE_BEFORE][step] = held_out(w, &fit, f);
    add_shuffled(w, step, fit, test, f);
    add_effort(w, step, &fit, &test, item_fit, item_test, f);
}

/* The same items in both phases, by id; vectors side by side. */
struct pairs {
    int n;
    float *was, *now;
};

static struct pairs pair_up(const struct work *w, bool test, int step) {
    const struct trace_side *was = &w->t->side[TRACE_BEFORE], *now = &w->t->side[w->phase];
    const struct trace_channel *x = channel_of(w, TRACE_BEFORE), *y = channel_of(w, w->phase);
    struct pairs p = {.was = ARENA_NEW(w->scratch, float, (size_t)was->n *(size_t)x->d),
                      .now = ARENA_NEW(w->scratch, float, (size_t)was->n *(size_t)x->d)};
    const int *at = now->partner;
    for (int i = 0; i < was->n; i++) {
        const int j = at[i];
        if (j < 0 || was->items[i].test != test || step >= was->items[i].n_steps || step >= now->items[j].n_steps)
            continue;
        memcpy(p.was + (long)p.n * x->d, trace_vector(x, i, step), (size_t)x->d * sizeof(float));
        memcpy(p.now + (long)p.n * x->d, trace_vector(y, j, step), (size_t)x->d * sizeof(float));
        p.n++;
    }
    return p;
}

static void add_distance(struct work *w, int step) {
    struct decode_distance *d = &w->decode.distances[w->decode.n_distances++];
    const int width = channel_of(w, TRACE_BEFORE)->d;
    const struct pairs p = pair_up(w, true, step);
    *d = (struct decode_distance){.view = "", .layer = -1, .step = step, .cka = NAN, .procrustes = NAN};
    if (p.n < 4) return;
    d->n = p.n;
    if (drift_cka(&d->cka, w->scratch, p.n, width, p.was, width, width, p.now, width) != ST_OK) d->cka = NAN;
    if (drift_procrustes(&d->procrustes, w->scratch, p.n, width, p.was, width, width, p.now, width) != ST_OK)
        d->procrustes = NAN;
}

static void add_drift(struct work *w, int step, const struct probe_items *fit, const struct probe_items *test) {
    struct decode_drift *d = &w->decode.drifts[w->decode.n_drifts++];
    const struct probe_items base_test = take(w, TRACE_BEFORE, true, step, NULL);
    const struct probe_options o = like(w, &w->frozen[step]);
    const struct pairs p = pair_up(w, false, step);
    *d = (struct decode_drift){.view = "", .layer = -1, .step = step};
    d->parts = drift_decompose(NAN, NAN, NAN, NAN);
    if (p.n < 4) return;
    const struct drift_inputs in = {.base = &w->frozen[step],
                                    .base_test = &base_test,
                                    .pressed_train = fit,
                                    .pressed_test = test,
                                    .n_pairs = p.n,
                                    .pair_pressed = p.now,
                                    .pair_base = p.was};
    if (drift_measure(&d->parts, w->scratch, &in, &o) == ST_OK) d->n = test->n;
}

static void later_step(struct work *w, int step) {
    const struct probe_items fit = take(w, w->phase, false, step, NULL), test = take(w, w->phase, true, step, NULL);
    const struct probe *f = &w->frozen[step];
    const struct probe_options o = like(w, f);
    struct probe own;
    if (w->concept == 0) add_distance(w, step);
    if (!f->K || !decode_enough(&fit, &test)) {
        add_reading(w, "frozen", step, NULL);
        add_reading(w, "refit", step, NULL);
        return;
    }
    reads_of(w, FROZEN, w->phase)[step] = read_by(w, "frozen", step, f, &fit, &test);
    if (probe_fit(&own, w->scratch, &fit, f->mean, f->scale, &o) == ST_OK)
        reads_of(w, REFIT, w->phase)[step] = read_by(w, "refit", step, &own, &fit, &test);
    else
        add_reading(w, "refit", step, NULL);
    if (!w->t->concepts[w->concept].by_step) w->dev[w->phase][step] = held_out(w, &fit, f);
    add_drift(w, step, &fit, &test);
}

/* --- outcomes -------------------------------------------------------------------------------------------------- */

static enum trace_phase against_of(const struct trace *t) {
    return t->side[TRACE_CONTROL].n ? TRACE_CONTROL : TRACE_BEFORE;
}

static double spillover(double before, double against, double after, double chance) {
    if (!(before - chance >= LEAST_RANGE)) return NAN;
    return (against - after) / (before - chance);
}

/* M of a monitor over all steps: the mean, or where the held-out part of the fitting items reads best. */
static double over_steps(const struct work *w, enum monitor monitor, enum trace_phase phase) {
    const double *M = reads_of(w, monitor, phase);
    const int by = monitor == FROZEN ? TRACE_BEFORE : (int)phase;
    double sum = 0.0;
    int n = 0, best = -1;
    for (int k = 0; k < w->t->n_steps; k++) {
        if (!isfinite(M[k])) continue;
        sum += M[k];
        n++;
        if (best < 0 || w->dev[by][k] > w->dev[by][best]) best = k;
    }
    if (n == 0) return NAN;
    if (monitor == READER || w->t->concepts[w->concept].by_step) return sum / n;
    return M[best];
}

static double dose_of(const struct work *w, double *m_out) {
    const enum trace_phase against = against_of(w->t);
    if (!(m_out[TRACE_BEFORE] >= LEAST_RANGE) || !(m_out[against] > 0.0)) return NAN;
    return 1.0 - m_out[TRACE_AFTER] / m_out[against];
}

static void emit_spillover(struct work *w, enum monitor monitor, int step, double dose) {
    const struct trace *t = w->t;
    const enum trace_phase against = against_of(t);
    const double chance = monitor == READER ? 0.0 : 1.0 / t->concepts[w->concept].K;
    double M[TRACE_PHASES];
    for (int phase = 0; phase < TRACE_PHASES; phase++)
        M[phase] = step < 0 ? over_steps(w, monitor, phase) : reads_of(w, monitor, phase)[step];
    const double S = spillover(M[TRACE_BEFORE], M[against], M[TRACE_AFTER], chance);
    struct measure_row row = row_at(w, step, monitor_name[monitor], monitor == REFIT ? "s_r" : "s_f");
    row.against = trace_phase_name[against];
    row.value = S;
    row.n = isfinite(S) ? t->side[TRACE_AFTER].n : 0;
    add_row(w, row);
    if (step >= 0 || !isfinite(dose)) return;
    row.metric = monitor == REFIT ? "tau_r" : "tau_f";
    row.value = S / dose;
    row.n = fabs(dose) >= LEAST_RANGE ? row.n : 0;
    add_row(w, row);
}

/* What the trace's own readers found, and what the outputs tell; returns the dose, NAN where there is none. */
static double read_findings(struct work *w) {
    const struct trace_concept *concept = &w->t->concepts[w->concept];
    double m_out[TRACE_PHASES] = {NAN, NAN, NAN};
    for (int phase = 0; phase < TRACE_PHASES; phase++) {
        const struct trace_side *side = &w->t->side[phase];
        w->phase = (enum trace_phase)phase;
        for (int k = 0; k < w->t->n_steps; k++) reads_of(w, READER, phase)[k] = NAN;
        if (side->n == 0) continue;
        int told = 0, n_told = 0;
        for (int i = 0; i < side->n; i++) {
            const int label = trace_label(w->t, &side->items[i], w->concept, 0);
            if (!side->items[i].test || label < 0) continue;
            n_told++;
            told += side->items[i].told[w->concept] == label;
        }
        struct measure_row row = row_at(w, -1, "", "m_out");
        row.n = n_told;
        row.value = m_out[phase] = n_told ? (double)told / n_told : NAN;
        if (concept->told) add_row(w, row);
        for (int k = 0; concept->read && k < w->t->n_steps; k++) {
            int n = 0, good = 0;
            for (int i = 0; i < side->n; i++) {
                const int label = trace_label(w->t, &side->items[i], w->concept, k);
                if (!side->items[i].test || label < 0) continue;
                n++;
                good += side->items[i].read[w->concept][k] == label;
            }
            row = row_at(w, k, "reader", "read_accuracy");
            row.n = n;
            row.value = n ? (double)good / n : NAN;
            reads_of(w, READER, phase)[k] = row.value;
            add_row(w, row);
        }
    }
    w->phase = TRACE_AFTER;
    if (!concept->told || w->t->side[TRACE_AFTER].n == 0) return NAN;
    const double dose = dose_of(w, m_out);
    struct measure_row row = row_at(w, -1, "", "dose");
    row.against = trace_phase_name[against_of(w->t)];
    row.value = dose;
    row.n = isfinite(dose) ? w->t->side[TRACE_AFTER].n : 0;
    add_row(w, row);
    return dose;
}

/* --- all of it ------------------------------------------------------------------------------------------------- */

static void measure_channel(struct work *w, double dose) {
    const int steps = w->t->n_steps;
    const struct arena_mark mark = arena_mark(w->keep);
    w->frozen = ARENA_NEW(w->keep, struct probe, steps);
    for (int i = 0; i < 2 * TRACE_PHASES; i++)
        for (int k = 0; k < steps; k++) w->read[i][k] = NAN;
    for (int i = 0; i < TRACE_PHASES; i++)
        for (int k = 0; k < steps; k++) w->dev[i][k] = -1.0;
    for (int phase = 0; phase < TRACE_PHASES; phase++) {
        if (w->t->side[phase].n == 0) continue;
        w->phase = (enum trace_phase)phase;
        for (int k = 0; k < steps; k++) {
            const struct arena_mark step = arena_mark(w->scratch);
            if (phase == TRACE_BEFORE)
                before_step(w, k);
            else
                later_step(w, k);
            arena_rewind(w->scratch, step);
        }
        emit_figures(w);
    }
    arena_rewind(w->keep, mark);
    for (int k = -1; w->t->side[TRACE_AFTER].n && k < steps; k++)
        for (enum monitor monitor = FROZEN; monitor <= REFIT; monitor++) emit_spillover(w, monitor, k, dose);
}

static void emit_accuracy(struct work *w) {
    w->concept = w->channel = -1;
    for (int phase = 0; phase < TRACE_PHASES; phase++) {
        const struct trace_side *side = &w->t->side[phase];
        int n = 0, good = 0;
        for (int i = 0; i < side->n; i++) {
            if (!side->items[i].test || side->items[i].answered < 0) continue;
            n++;
            good += side->items[i].answered;
        }
        w->phase = (enum trace_phase)phase;
        struct measure_row row = row_at(w, -1, "", "accuracy");
        row.n = n;
        row.value = n ? (double)good / n : NAN;
        if (side->n) add_row(w, row);
    }
}

void measure_trace(struct measure *out, const struct trace *t, uint64_t seed, struct arena *a) {
    enum { VIEWS = 4 };
    struct work *w = ARENA_NEW(a, struct work, 1);
    struct arena keep, scratch;
    *out = (struct measure){0};
    *w = (struct work){.t = t, .out = out, .arena = a, .keep = &keep, .scratch = &scratch, .seed = seed};
    arena_open(w->keep, (size_t)1 << 20);
    arena_open(w->scratch, (size_t)1 << 20);
    w->decode.readings = ARENA_NEW(a, struct decode_reading, VIEWS * t->n_steps);
    w->decode.drifts = ARENA_NEW(a, struct decode_drift, t->n_steps);
    w->decode.distances = ARENA_NEW(a, struct decode_distance, t->n_steps);
    w->read = arena_alloc(a, MONITORS * TRACE_PHASES, sizeof *w->read);
    w->dev = arena_alloc(a, TRACE_PHASES, sizeof *w->dev);
    w->m = (struct measurement){.arena = w->scratch, .decode = &w->decode, .emit = take_row, .to = w, .seed = seed};
    emit_accuracy(w);
    for (w->concept = 0; w->concept < t->n_concepts; w->concept ++) {
        w->channel = -1;
        const double dose = read_findings(w);
        for (int k = -1; t->concepts[w->concept].read && t->side[TRACE_AFTER].n && k < t->n_steps; k++)
            emit_spillover(w, READER, k, dose);
        for (w->channel = 0; w->channel < t->side[TRACE_BEFORE].n_channels; w->channel++) measure_channel(w, dose);
    }
    arena_close(w->keep);
    arena_close(w->scratch);
}

double measure_find(const struct measure *m, const char *phase, const char *channel, const char *concept, int step,
                    const char *view, const char *metric) {
    for (int i = 0; i < m->n; i++) {
        const struct measure_row *r = &m->rows[i];
        if ((phase && strcmp(phase, r->phase) != 0) || (channel && strcmp(channel, r->channel) != 0)) continue;
        if ((concept && strcmp(concept, r->concept) != 0) || step != r->step) continue;
        if ((view && strcmp(view, r->view) != 0) || strcmp(metric, r->metric) != 0) continue;
        return r->value;
    }
    return NAN;
}

const char *const measure_columns[] = {"trace", "seed",   "phase",   "against", "channel", "layer",  "concept", "step",
                                       "view",  "metric", "version", "n",       "value",   "status", NULL};

enum status measure_write(const struct measure *m, const char *name, long seed, const char *path) {
    struct fs_file file;
    struct csv_out csv;
    TRY(fs_create(&file, path));
    csv_out_open(&csv, file.stream);
    csv_out_header(&csv, measure_columns);
    for (int i = 0; i < m->n; i++) {
        const struct measure_row *r = &m->rows[i];
        csv_out_text(&csv, name);
        csv_out_integer(&csv, seed);
        csv_out_text(&csv, r->phase);
        csv_out_text(&csv, r->against);
        csv_out_text(&csv, r->channel);
        csv_out_number(&csv, r->layer < 0 ? NAN : r->layer);
        csv_out_text(&csv, r->concept);
        csv_out_number(&csv, r->step < 0 ? NAN : r->step);
        csv_out_text(&csv, r->view);
        csv_out_text(&csv, r->metric);
        csv_out_integer(&csv, r->version);
        csv_out_integer(&csv, r->n);
        csv_out_number(&csv, r->value);
        csv_out_text(&csv, r->status);
        csv_out_end(&csv);
    }
    return fs_commit(&file);
}
