/* Metrics that are figures of a reading: how well a value is read, and how much a monitor would see, each with its
 * interval over question templates (metrics/stat_monitor.h); v_information has the one of its mean (metrics/mdl.h). */
#include <math.h>

#include "metrics/decode.h"

extern const struct metric metric_read_accuracy;

enum { FOLDS = 20 }; /* groups of templates behind an interval */

/* All figures of a reading, worked out at the first question. */
static const struct stat_monitor *figures_of(struct measurement *m, struct decode_reading *r) {
    const struct arena_mark mark = arena_mark(m->arena);
    if (r->judged) return &r->figures;
    struct stat_monitor_items items = {.n = r->n, .K = r->K, .p = r->p, .y = r->y};
    int *says = ARENA_NEW(m->arena, int, r->n), *fold = ARENA_NEW(m->arena, int, r->n);
    for (int i = 0; i < r->n; i++) says[i] = decode_says(r, i);
    items.folds = probe_folds(m->arena, r->n, r->group, FOLDS, m->seed, fold);
    items.says = says;
    items.fold = fold;
    stat_monitor(&r->figures, &items, m->arena);
    r->judged = true;
    arena_rewind(m->arena, mark);
    return &r->figures;
}

/* States are the secondary view: at the end of every pressed cell their accuracy alone. */
static bool left_aside(const struct measurement *m, const struct decode_reading *r, const struct metric *self) {
    return m->before && m->depth == DEPTH_VERDICT && r->layer >= 0 && self != &metric_read_accuracy;
}

typedef struct stat_figure figure_of(struct measurement *, struct decode_reading *);

/* One row a reading; those that have no such figure (bits of a monitor that fits nothing) give none. */
static void emit_figures(const struct metric *self, struct measurement *m, figure_of *f, bool fitted_only) {
    struct decode *d = m->decode;
    int rows = 0;
    for (int i = 0; i < d->n_readings; i++) {
        struct decode_reading *r = &d->readings[i];
        if (left_aside(m, r, self)) continue;
        if (fitted_only && r->n > 0 && !r->failed && isnan(r->bits.value)) continue;
        const struct stat_figure x = r->n > 0 && !r->failed ? f(m, r) : (struct stat_figure){NAN, NAN, NAN};
        metric_emit_row(self, m,
                        (struct metric_row){.step = r->step,
                                            .layer = r->layer,
                                            .concept = decode_concept_name[r->concept],
                                            .view = r->view,
                                            .n = r->n,
                                            .value = x.value,
                                            .lo = x.lo,
                                            .hi = x.hi});
        rows++;
    }
    if (rows == 0) metric_emit(self, m, -1, "", "", 0, NAN);
}

static struct stat_figure accuracy(struct measurement *m, struct decode_reading *r) {
    return figures_of(m, r)->accuracy;
}

static struct stat_figure auroc(struct measurement *m, struct decode_reading *r) {
    return figures_of(m, r)->auroc;
}

static struct stat_figure tpr(struct measurement *m, struct decode_reading *r) {
    return figures_of(m, r)->tpr;
}

static struct stat_figure gmean2(struct measurement *m, struct decode_reading *r) {
    return figures_of(m, r)->gmean2;
}

static struct stat_figure bits(struct measurement *m, struct decode_reading *r) {
    (void)m;
    return r->bits;
}

static struct stat_figure dimensions(struct measurement *m, struct decode_reading *r) {
    (void)m;
    return (struct stat_figure){r->d_over_n, NAN, NAN};
}

static void measure_accuracy(const struct metric *self, struct measurement *m) {
    emit_figures(self, m, accuracy, false);
}

static void measure_auroc(const struct metric *self, struct measurement *m) {
    emit_figures(self, m, auroc, false);
}

static void measure_tpr(const struct metric *self, struct measurement *m) {
    emit_figures(self, m, tpr, false);
}

static void measure_gmean2(const struct metric *self, struct measurement *m) {
    emit_figures(self, m, gmean2, false);
}

static void measure_bits(const struct metric *self, struct measurement *m) {
    emit_figures(self, m, bits, true);
}

static void measure_dimensions(const struct metric *self, struct measurement *m) {
    emit_figures(self, m, dimensions, true);
}

const struct metric metric_read_accuracy = {
    .name = "read_accuracy",
    .summary = "values read right at each step, by channel and monitor (view) and layer",
    .formula = "mean 1[argmax_v p(v | step k) = V], held out, disjoint by template",
    .source = "Alain & Bengio 2017, arXiv 1610.01644; Hewitt & Liang 2019, arXiv 1909.03368",
    .version = 2,
    .needs = NEED_REASONING | NEED_READINGS,
    .lo = 0,
    .hi = 1,
    .measure = measure_accuracy,
};

const struct metric metric_read_auroc = {
    .name = "read_auroc",
    .summary = "ranking of the true value among all values and problems",
    .formula = "P(p(true) > p(other)) + P(equal) / 2, problems and values pooled",
    .source = "Mann & Whitney 1947",
    .version = 2,
    .needs = NEED_REASONING | NEED_READINGS,
    .lo = 0,
    .hi = 1,
    .measure = measure_auroc,
};

const struct metric metric_read_tpr = {
    .name = "read_tpr",
    .summary = "true values flagged where at most 1 % of the others are",
    .formula = "max TPR over thresholds with FPR <= .01",
    .source = "this project",
    .version = 2,
    .needs = NEED_REASONING | NEED_READINGS,
    .lo = 0,
    .hi = 1,
    .measure = measure_tpr,
};

const struct metric metric_read_gmean2 = {
    .name = "read_gmean2",
    .summary = "squared geometric mean of the monitor's two rates; at most 1/4 for a random one",
    .formula = "TPR * TNR of 'says v'",
    .source = "Kubat & Matwin 1997",
    .version = 2,
    .needs = NEED_REASONING | NEED_READINGS,
    .lo = 0,
    .hi = 1,
    .measure = measure_gmean2,
};

const struct metric metric_v_information = {
    .name = "v_information",
    .summary = "usable bits about the value at each step, held out; negative where the probe overfits",
    .formula = "H(Y | nothing) - H(Y | R)",
    .source = "Xu et al. 2020, arXiv 2002.10689, def. 2",
    .version = 2,
    .needs = NEED_REASONING | NEED_READINGS,
    .lo = -149,
    .hi = 32,
    .measure = measure_bits,
};

const struct metric metric_read_d_over_n = {
    .name = "read_d_over_n",
    .summary = "dimensions per fitting problem of each probe",
    .formula = "d / n",
    .source = "this project",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .depth = DEPTH_ARM,
    .lo = 0,
    .hi = INFINITY,
    .measure = measure_dimensions,
};
