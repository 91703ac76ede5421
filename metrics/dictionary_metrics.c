/* Metrics of dictionaries: the mean over reseeds; lo and hi are the least and the greatest of them. */
#include <math.h>

#include "metrics/dictionary.h"

static void emit_spread(const struct metric *self, struct measurement *m, int step, const char *concept,
                        const char *view, int n, const double *x, int seeds) {
    double sum = 0.0, lo = INFINITY, hi = -INFINITY;
    for (int s = 0; s < seeds; s++) {
        sum += x[s];
        lo = fmin(lo, x[s]);
        hi = fmax(hi, x[s]);
    }
    metric_emit_row(self, m,
                    (struct metric_row){.step = step,
                                        .layer = -1,
                                        .concept = concept,
                                        .view = view,
                                        .n = n,
                                        .value = sum / seeds,
                                        .lo = lo,
                                        .hi = hi});
}

static void emit_figures(const struct metric *self, struct measurement *m,
                         const double *(*of)(const struct dictionary_figures *)) {
    for (int kind = 0; kind < DICTIONARY_RAW; kind++) {
        const struct dictionary_figures *f = &m->dictionaries->of[kind];
        if (kind == DICTIONARY_SHARED && !m->before) continue;
        emit_spread(self, m, -1, "", dictionary_name[kind], f->n, of(f), DICTIONARY_SEEDS);
    }
}

#define FIGURE(name_, field, summary_, formula_, source_, least, most)                                                 \
    static const double *field##_of(const struct dictionary_figures *f) {                                              \
        return f->field;                                                                                               \
    }                                                                                                                  \
    static void measure_##field(const struct metric *self, struct measurement *m) {                                    \
        emit_figures(self, m, field##_of);                                                                             \
    }                                                                                                                  \
    const struct metric metric_##name_ = {.name = #name_,                                                              \
                                          .summary = summary_,                                                         \
                                          .formula = formula_,                                                         \
                                          .source = source_,                                                           \
                                          .version = 1,                                                                \
                                          .needs = NEED_REASONING | NEED_READINGS | NEED_DICTIONARIES,                 \
                                          .depth = DEPTH_FULL,                                                         \
                                          .lo = least,                                                                 \
                                          .hi = most,                                                                  \
                                          .measure = measure_##field};

FIGURE(sae_fvu, fvu, "variance of the reasoning's vectors that a sparse dictionary leaves unexplained",
       "sum |x - x^|^2 / sum |x - mean|^2", "Gao et al. 2024, arXiv 2406.04093", 0, INFINITY)
FIGURE(sae_dead, dead, "units of the dictionary that fire on no test vector", "share of units",
       "Gao et al. 2024, arXiv 2406.04093", 0, 1)
FIGURE(sae_loss_recovered, recovered, "of what mean vectors cost the outputs, the share that decoded ones win back",
       "(L_mean - L_sae) / (L_mean - L_own), L = mean -log2 p(outputs)", "Bricken et al. 2023; Gao et al. 2024",
       -INFINITY, INFINITY)
FIGURE(sae_polysemanticity, polysemantic, "how far units speak of several of value, c and step; 0: of one alone",
       "1 - D(u) = H(P_u) / log F, weighted by information", "Eastwood & Williams 2018", 0, 1)

static void measure_sparse(const struct metric *self, struct measurement *m) {
    static const char *const views[DICTIONARY_KINDS][DICTIONARY_SPARSE] = {
        {"own.k1", "own.k2", "own.k5", "own.k16"},
        {"shared.k1", "shared.k2", "shared.k5", "shared.k16"},
        {"raw.k1", "raw.k2", "raw.k5", "raw.k16"},
    };
    for (int kind = 0; kind < DICTIONARY_KINDS; kind++) {
        const struct dictionary_figures *f = &m->dictionaries->of[kind];
        if (kind == DICTIONARY_SHARED && !m->before) continue;
        for (int c = 0; c < DECODE_READ; c++)
            for (int k = 0; k < DICTIONARY_SPARSE; k++)
                emit_spread(self, m, -1, decode_concept_name[c], views[kind][k], isnan(f->sparse[c][k][0]) ? 0 : f->n,
                            f->sparse[c][k], kind == DICTIONARY_RAW ? 1 : DICTIONARY_SEEDS);
    }
}

const struct metric metric_sae_sparse = {
    .name = "sae_sparse",
    .summary = "values read from the best k units of a dictionary, or of the raw vectors (view); chance 1/2",
    .formula = "mean over values of (TPR + TNR) / 2, one step of every problem",
    .source = "Gurnee et al. 2023, arXiv 2305.01610",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS | NEED_DICTIONARIES,
    .depth = DEPTH_FULL,
    .lo = 0,
    .hi = 1,
    .measure = measure_sparse,
};
