/* Bits of a reasoning position: what one vector says of all that its step is about, counted once.
 *
 * The concepts of a step are its own value, c, the value it started from, and the answer (those there are). Their
 * joint information is a chain of conditional V-information (Hewitt et al. 2021, arXiv 2109.09234), which counts what
 * dependent concepts share once and never asks a probe for a class per combination:
 *
 *     I(joint) = sum_j H(Y_j | Y_<j) - H(Y_j | R, Y_<j),     held out; Y_<j one-hot beside R
 *
 * One thought can so be held against one token and against all the tokens of a text step:
 *
 *   position       the mean over positions of the reasoning
 *   best_position  the mean over steps of the step's best position
 *   step           all positions of the step side by side */
#include <math.h>
#include <string.h>

#include "metrics/decode_internal.h"
#include "metrics/mdl.h"

/* Known labels weigh ten times as much as a standardised coordinate, so that a penalty that silences an idle R leaves
 * them free: the reader may ignore R at no cost (Xu et al. 2020, def. 1, "optional ignorance"). */
static const float one_hot_scale = .1f;

/* One side of a step's vectors, with room for the one-hot labels of earlier concepts behind them. */
struct widened {
    int n, d, wide; /* wide: floats of a row */
    float *X;
    const int *group;
    int *y[DECODE_CONCEPTS];
};

static void widen(struct widened *w, struct arena *a, const struct measurement *m, const struct decode_rows *rows,
                  enum decode_side side, int step) {
    const struct problem *p = side == DECODE_FIT ? m->fit : m->test;
    const int K = m->mind->task->shape.n_values;
    *w = (struct widened){.n = rows->n, .d = rows->d, .wide = rows->d + DECODE_CONCEPTS * K, .group = rows->group};
    w->X = ARENA_NEW(a, float, (size_t)w->n *(size_t)w->wide);
    for (int i = 0; i < w->n; i++)
        memcpy(w->X + (long)i * w->wide, rows->X + (long)i * rows->d, (size_t)rows->d * sizeof(float));
    for (int c = 0; c < DECODE_CONCEPTS; c++) {
        w->y[c] = ARENA_NEW(a, int, w->n);
        for (int i = 0; i < w->n; i++)
            w->y[c][i] = decode_label(m->mind->task, &p[rows->item[i]], (enum decode_concept)c, step);
    }
}

/* A concept counts where every problem has it and it is not another by a different name. */
static bool counts(const struct widened *fit, const struct widened *test, const int *chosen, int n_chosen, int c) {
    const struct widened *side[2] = {fit, test};
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < side[s]->n; i++)
            if (side[s]->y[c][i] < 0) return false;
    for (int j = 0; j < n_chosen; j++)
        if (memcmp(fit->y[c], fit->y[chosen[j]], (size_t)fit->n * sizeof(int)) == 0) return false;
    return true;
}

static void append_one_hot(struct widened *w, int K, int at, const int *y) {
    for (int i = 0; i < w->n; i++) w->X[(long)i * w->wide + w->d + at * K + y[i]] = 1.0f;
}

/* Held-out bits per item of label y under a probe on columns [first, first + d) of the rows. */
static double code_length(const struct measurement *m, struct arena *a, const struct widened *fit,
                          const struct widened *test, int c, int first, int d, const float *mean, const float *scale) {
    const int K = m->mind->task->shape.n_values;
    struct probe_options o = probe_defaults();
    struct probe_items items = {
        .n = fit->n, .d = d, .K = K, .ld = fit->wide, .X = fit->X + first, .y = fit->y[c], .group = fit->group};
    struct probe p;
    o.seed = m->seed;
    if (probe_fit(&p, a, &items, mean + first, scale + first, &o) != ST_OK) return NAN;
    items.n = test->n;
    items.X = test->X + first;
    items.y = test->y[c];
    return probe_bits(&p, a, &items);
}

/* H(Y | nothing): held-out bits under the fitting frequencies, half a count more for each. */
static double marginal(const struct widened *fit, const struct widened *test, int c, int K) {
    double bits = 0.0;
    for (int i = 0; i < test->n; i++) {
        double count = .5;
        for (int j = 0; j < fit->n; j++) count += fit->y[c][j] == test->y[c][i];
        bits -= log2(count / (fit->n + .5 * K));
    }
    return bits / test->n;
}

/* Joint bits of one step (or one position of it); *n test problems, 0 where it cannot be measured. */
static double joint_bits(const struct measurement *m, const struct decode_channel *u, int step, int place, int *n) {
    struct arena *a = m->arena;
    const int K = m->mind->task->shape.n_values;
    struct decode_rows rows[2];
    struct widened fit, test;
    decode_take(&rows[0], a, m, u, DECODE_FIT, step, place);
    decode_take(&rows[1], a, m, u, DECODE_TEST, step, place);
    *n = 0;
    if (rows[0].d == 0 || rows[0].n < 4 * K || rows[1].n < 4) return NAN;
    widen(&fit, a, m, &rows[0], DECODE_FIT, step);
    widen(&test, a, m, &rows[1], DECODE_TEST, step);
    *n = test.n;
    float *mean = ARENA_NEW(a, float, fit.wide), *scale = ARENA_NEW(a, float, fit.wide);
    for (int j = 0; j < fit.wide; j++) scale[j] = one_hot_scale;
    probe_moments(fit.n, fit.d, fit.X, fit.wide, mean, scale);
    int chosen[DECODE_CONCEPTS], n_chosen = 0;
    double bits = 0.0;
    for (int c = 0; c < DECODE_CONCEPTS; c++) {
        if (!counts(&fit, &test, chosen, n_chosen, c)) continue;
        const int known = n_chosen * K;
        const double without =
            known ? code_length(m, a, &fit, &test, c, fit.d, known, mean, scale) : marginal(&fit, &test, c, K);
        bits += without - code_length(m, a, &fit, &test, c, 0, fit.d + known, mean, scale);
        append_one_hot(&fit, K, n_chosen, fit.y[c]);
        append_one_hot(&test, K, n_chosen, test.y[c]);
        chosen[n_chosen++] = c;
    }
    return bits;
}

static double joint_bits_rewound(const struct measurement *m, const struct decode_channel *u, int step, int place,
                                 int *n) {
    const struct arena_mark mark = arena_mark(m->arena);
    const double bits = joint_bits(m, u, step, place, n);
    arena_rewind(m->arena, mark);
    return bits;
}

/* A mean of figures, and over how many problems. */
struct tally {
    double sum;
    int figures;
    long n;
};

static void add(struct tally *t, double bits, int n) {
    t->sum += bits;
    t->figures++;
    t->n += n;
}

static void emit_mean(const struct metric *self, struct measurement *m, const char *view, const struct tally *t) {
    metric_emit(self, m, -1, "joint", view, t->n, t->sum / t->figures);
}

static void measure_bits(const struct metric *self, struct measurement *m) {
    const struct decode_channel u = decode_channel_u(&m->own_fit, &m->own_test);
    struct tally position = {0}, best_position = {0}, whole = {0};
    for (int k = 0; k < m->decode->steps; k++) {
        const int widest = decode_widest(m, &u, k);
        double best = NAN;
        int best_n = 0;
        for (int place = 0; place < widest; place++) {
            int n;
            const double bits = joint_bits_rewound(m, &u, k, place, &n);
            if (n == 0) continue;
            add(&position, bits, n);
            if (isnan(best) || bits > best) {
                best = bits;
                best_n = n;
            }
        }
        if (best_n) add(&best_position, best, best_n);
        int n = best_n;
        const double all = widest > 1 ? joint_bits_rewound(m, &u, k, -1, &n) : best;
        if (n) add(&whole, all, n);
        metric_emit(self, m, k, "joint", "best_position", best_n, best);
        metric_emit(self, m, k, "joint", "step", n, all);
    }
    emit_mean(self, m, "position", &position);
    emit_mean(self, m, "best_position", &best_position);
    emit_mean(self, m, "step", &whole);
}

const struct metric metric_bits = {
    .name = "bits",
    .summary = "usable bits about a step's concepts in one position, its best position, and all its positions (view)",
    .formula = "sum_j H(Y_j | Y_<j) - H(Y_j | R, Y_<j) over value, c, previous, answer; step -1: mean",
    .source = "Xu et al. 2020, arXiv 2002.10689; Hewitt et al. 2021, arXiv 2109.09234",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .depth = DEPTH_ARM,
    .lo = -149,
    .hi = 32,
    .measure = measure_bits,
};
