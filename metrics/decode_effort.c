/* Selectivity and online MDL: is a reading the vectors' or the probe's, and at what effort does it come?
 *
 * Control labels (Hewitt & Liang 2019) are fixed per input type. A token would be a type in text only; here it is the
 * transition (V_{k-1}, V_k), which both media have: what a probe gets right of a control label it has memorised. */
#include <math.h>

#include "metrics/decode_internal.h"
#include "metrics/mdl.h"
#include "metrics/selectivity.h"

/* Transitions of the problems of a step's items; items must all have labels. */
static int *types_of(const struct measurement *m, const struct decode_channel *u, enum decode_side side, int step,
                     enum decode_concept concept, int n) {
    const struct problem *p = side == DECODE_FIT ? m->fit : m->test;
    int *type = ARENA_NEW(m->arena, int, n), at = 0;
    struct decode_rows rows;
    decode_take(&rows, m->arena, m, u, side, step, -1);
    for (int i = 0; i < rows.n; i++) {
        const struct problem *q = &p[rows.item[i]];
        if (decode_label(m->mind->task, q, concept, step) < 0) continue;
        type[at++] = (step > 0 ? q->value[step - 1] : 0) * m->mind->task->shape.n_values + q->value[step];
    }
    return type;
}

/* The figures of one step, NAN where a fit fails. Which: 0 accuracy - control, 1 control, 2 compression. */
enum effort { SELECTIVITY, CONTROL, COMPRESSION };

static double figure_of(const struct measurement *m, const struct decode_channel *u, enum decode_concept concept,
                        int step, enum effort which, int *n) {
    const struct probe *like = decode_probe(m->decode, -1, (enum decode_concept) concept, step);
    struct decode_both b = decode_take_both(m, m->arena, u, concept, step);
    struct probe_options o = probe_defaults();
    *n = 0;
    if (!decode_enough(&b.fit, &b.test) || !like->K || like->d != b.fit.d) return NAN;
    o.n_grid = 1;
    o.grid[0] = like->C;
    o.seed = m->seed;
    if (which == COMPRESSION) {
        struct mdl mdl;
        if (b.fit.n < 8 * b.fit.K) return NAN;
        *n = b.fit.n;
        return mdl_online(&mdl, m->arena, &b.fit, like->mean, like->scale, &o) == ST_OK ? mdl.compression : NAN;
    }
    struct selectivity s;
    const int *fit_type = types_of(m, u, DECODE_FIT, step, concept, b.fit.n);
    const int *test_type = types_of(m, u, DECODE_TEST, step, concept, b.test.n);
    *n = b.test.n;
    if (selectivity_measure(&s, m->arena, &b.fit, fit_type, &b.test, test_type, like->mean, like->scale, &o) != ST_OK)
        return NAN;
    return which == SELECTIVITY ? s.selectivity : s.control;
}

static void emit_steps(const struct metric *self, struct measurement *m, enum effort which, const char *view) {
    const struct decode_channel u = decode_channel_u(&m->own_fit, &m->own_test);
    for (int concept = 0; concept < DECODE_READ; concept ++)
        for (int k = 0; decode_has(m, concept) && k < m->decode->steps; k++) {
            const struct arena_mark mark = arena_mark(m->arena);
            int n;
            const double value = figure_of(m, &u, concept, k, which, &n);
            arena_rewind(m->arena, mark);
            metric_emit(self, m, k, decode_concept_name[concept], view, n, value);
        }
}

static void measure_selectivity(const struct metric *self, struct measurement *m) {
    emit_steps(self, m, SELECTIVITY, "u");
    emit_steps(self, m, CONTROL, "control");
}

static void measure_compression(const struct metric *self, struct measurement *m) {
    emit_steps(self, m, COMPRESSION, "u");
}

const struct metric metric_selectivity = {
    .name = "selectivity",
    .summary = "accuracy above that on control labels fixed per transition (view u); on the control labels (control)",
    .formula = "Acc(V) - Acc(control label of (V_{k-1}, V_k))",
    .source = "Hewitt & Liang 2019, arXiv 1909.03368",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .depth = DEPTH_ARM,
    .lo = -1,
    .hi = 1,
    .measure = measure_selectivity,
};

const struct metric metric_mdl_compression = {
    .name = "mdl_compression",
    .summary = "how much shorter the values are sent when the vectors are known; 1: not at all",
    .formula = "n log2 K / L, L = t_1 log2 K - sum_i log2 p(block i+1 | theta_i)",
    .source = "Voita & Titov 2020, arXiv 2003.12298, eq. 6",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .depth = DEPTH_ARM,
    .lo = 0,
    .hi = INFINITY,
    .measure = measure_compression,
};
