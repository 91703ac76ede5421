/* Metrics that are figures of a reading: how well a value is read, and how much a monitor would see.
 *
 * As a monitor, a reading answers "does this step hold v?" for every problem and value: its score is p(v), its decision
 * whether v is what it reads (decode_says). The true values are the positives, all others the negatives. A random reader
 * has TPR * TNR <= 1/4. */
#include <math.h>

#include "metrics/decode.h"
#include "metrics/stat_mean.h"

/* One row a reading; those that have no such figure (bits of a monitor that fits nothing) give none. */
static void emit_figures(const struct metric *self, struct measurement *m,
                         double (*f)(const struct decode_reading *, struct arena *), bool fitted_only) {
    const struct decode *d = m->decode;
    int rows = 0;
    for (int i = 0; i < d->n_readings; i++) {
        const struct decode_reading *r = &d->readings[i];
        if (fitted_only && r->n > 0 && !r->failed && isnan(r->bits)) continue;
        const struct arena_mark mark = arena_mark(m->arena);
        const double value = r->n > 0 && !r->failed ? f(r, m->arena) : NAN;
        arena_rewind(m->arena, mark);
        metric_emit_row(self, m,
                        (struct metric_row){.step = r->step,
                                            .layer = r->layer,
                                            .concept = decode_concept_name[r->concept],
                                            .view = r->view,
                                            .n = r->n,
                                            .value = value,
                                            .lo = NAN,
                                            .hi = NAN});
        rows++;
    }
    if (rows == 0) metric_emit(self, m, -1, "", "", 0, NAN);
}

static double accuracy(const struct decode_reading *r, struct arena *scratch) {
    (void)scratch;
    int right = 0;
    for (int i = 0; i < r->n; i++) right += decode_says(r, i) == r->y[i];
    return (double)right / r->n;
}

static double bits(const struct decode_reading *r, struct arena *scratch) {
    (void)scratch;
    return r->bits;
}

static double dimensions(const struct decode_reading *r, struct arena *scratch) {
    (void)scratch;
    return r->d_over_n;
}

/* Scores are p, item by item and value by value: already laid out as stat_auroc wants them. */
struct questions {
    int n;
    double *score;
    unsigned char *label, *guess;
};

static struct questions questions_of(const struct decode_reading *r, struct arena *a) {
    struct questions q = {.n = r->n * r->K};
    q.score = ARENA_NEW(a, double, q.n);
    q.label = ARENA_NEW(a, unsigned char, q.n);
    q.guess = ARENA_NEW(a, unsigned char, q.n);
    for (int i = 0; i < r->n; i++) {
        const int says = decode_says(r, i);
        for (int v = 0; v < r->K; v++) {
            const int at = i * r->K + v;
            q.score[at] = (double)r->p[at];
            q.label[at] = v == r->y[i];
            q.guess[at] = v == says;
        }
    }
    return q;
}

static double auroc(const struct decode_reading *r, struct arena *a) {
    const struct questions q = questions_of(r, a);
    return stat_auroc(q.score, q.label, q.n, a);
}

static double tpr(const struct decode_reading *r, struct arena *a) {
    const struct questions q = questions_of(r, a);
    return stat_tpr_at_fpr(q.score, q.label, q.n, .01, a);
}

static double gmean2(const struct decode_reading *r, struct arena *a) {
    const struct questions q = questions_of(r, a);
    return stat_gmean2(q.guess, q.label, q.n);
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
    .version = 1,
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
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .lo = 0,
    .hi = 1,
    .measure = measure_auroc,
};

const struct metric metric_read_tpr = {
    .name = "read_tpr",
    .summary = "true values flagged where at most 1 % of the others are",
    .formula = "max TPR over thresholds with FPR <= .01",
    .source = "science.md, section 4",
    .version = 1,
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
    .version = 1,
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
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .lo = -149,
    .hi = 32,
    .measure = measure_bits,
};

const struct metric metric_read_d_over_n = {
    .name = "read_d_over_n",
    .summary = "dimensions per fitting problem of each probe",
    .formula = "d / n",
    .source = "science.md, section 4",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .depth = DEPTH_ARM,
    .lo = 0,
    .hi = INFINITY,
    .measure = measure_dimensions,
};
