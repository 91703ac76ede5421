/* Metrics of drift between the mind before pressure and now. */
#include <math.h>

#include "metrics/decode.h"

static void emit_parts(const struct metric *self, struct measurement *m, double (*of)(const struct drift_parts *)) {
    const struct decode *d = m->decode;
    for (int i = 0; i < d->n_drifts; i++) {
        const struct decode_drift *x = &d->drifts[i];
        metric_emit_row(self, m,
                        (struct metric_row){.step = x->step,
                                            .layer = x->layer,
                                            .concept = decode_concept_name[x->concept],
                                            .view = x->view,
                                            .n = x->n,
                                            .value = of(&x->parts),
                                            .lo = NAN,
                                            .hi = NAN});
    }
    if (d->n_drifts == 0) metric_emit(self, m, -1, "", "", 0, NAN);
}

static void emit_distances(const struct metric *self, struct measurement *m, bool cka) {
    const struct decode *d = m->decode;
    for (int i = 0; i < d->n_distances; i++) {
        const struct decode_distance *x = &d->distances[i];
        metric_emit_row(self, m,
                        (struct metric_row){.step = x->step,
                                            .layer = x->layer,
                                            .concept = "",
                                            .view = x->view,
                                            .n = x->n,
                                            .value = cka ? x->cka : x->procrustes,
                                            .lo = NAN,
                                            .hi = NAN});
    }
    if (d->n_distances == 0) metric_emit(self, m, -1, "", "", 0, NAN);
}

/* B, F, P, T, and what B - F falls into. */
#define PART(name_, field, summary_, formula_, least)                                                                  \
    static double part_##field(const struct drift_parts *p) {                                                          \
        return p->field;                                                                                               \
    }                                                                                                                  \
    static void measure_##field(const struct metric *self, struct measurement *m) {                                    \
        emit_parts(self, m, part_##field);                                                                             \
    }                                                                                                                  \
    const struct metric metric_##name_ = {.name = #name_,                                                              \
                                          .summary = summary_,                                                         \
                                          .formula = formula_,                                                         \
                                          .source = "this project; Schoenemann 1966 (Procrustes)",                     \
                                          .version = 1,                                                                \
                                          .needs = NEED_REASONING | NEED_READINGS | NEED_BEFORE,                       \
                                          .lo = least,                                                                 \
                                          .hi = 1,                                                                     \
                                          .measure = measure_##field};

PART(drift_base, B, "accuracy before pressure of the probe fitted there", "B", 0)
PART(drift_frozen, F, "accuracy now of the probe from before pressure", "F", 0)
PART(drift_mapped, P, "the same after an orthogonal map fitted on other problems", "P", 0)
PART(drift_refit, T, "accuracy now of a probe fitted now", "T", 0)
PART(drift_lost, lost, "information that went", "B - T", -1)
PART(drift_reencoded, reencoded, "still there, but not a rotation away", "T - P", -1)
PART(drift_rotated, rotated, "still there, rotated", "P - F", -1)

static void measure_cka(const struct metric *self, struct measurement *m) {
    emit_distances(self, m, true);
}

const struct metric metric_drift_cka = {
    .name = "drift_cka",
    .summary = "similarity of the step's vectors before pressure and now; 1: the same up to rotation and scale",
    .formula = "HSIC_1(K, L) / sqrt(HSIC_1(K, K) HSIC_1(L, L)), linear kernels, debiased",
    .source = "Kornblith et al. 2019, arXiv 1905.00414; Song et al. 2012",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS | NEED_BEFORE,
    .lo = -INFINITY,
    .hi = INFINITY,
    .measure = measure_cka,
};

static void measure_procrustes(const struct metric *self, struct measurement *m) {
    emit_distances(self, m, false);
}

const struct metric metric_drift_procrustes = {
    .name = "drift_procrustes",
    .summary = "distance of the step's vectors before pressure and now, rotations and scale aside",
    .formula = "2 - 2 ||X^T Y||_*, centred, unit Frobenius norm",
    .source = "Ding et al. 2021, arXiv 2108.01661",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS | NEED_BEFORE,
    .lo = -1e-9,
    .hi = 2,
    .measure = measure_procrustes,
};
