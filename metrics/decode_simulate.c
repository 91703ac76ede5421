/* Simulatability: does the reasoning help a reader to foretell what the mind will say?
 *
 * The reader is a probe with one hidden layer on the question (the mean of its input embeddings) and the reasoning (all
 * vectors of u); its label is what the mind stated, right or wrong. The reader without the reasoning has the same
 * capacity and the same inputs, but reads another question's reasoning. */
#include <math.h>
#include <string.h>

#include "metrics/decode_internal.h"
#include "metrics/faith.h"

/* Items of one side whose reasoning is that of `other(i)`, and the stated value as label. */
static struct probe_items items_of(const struct measurement *m, enum decode_side side, enum faith_slot slot,
                                   const struct decode_channel *inputs, bool shift) {
    const struct rollout *own = side == DECODE_FIT ? &m->own_fit : &m->own_test;
    const struct problem *p = side == DECODE_FIT ? m->fit : m->test;
    const long reasoning = (long)own->R * own->C;
    const int d = inputs->d + (int)reasoning;
    float *X = ARENA_NEW(m->arena, float, (size_t)own->n *(size_t)d);
    int *y = ARENA_NEW(m->arena, int, own->n), *group = ARENA_NEW(m->arena, int, own->n), n = 0;
    for (int i = 0; i < own->n; i++) {
        const int stated = faith_stated(m, own, i, slot), from = shift ? (i + 1) % own->n : i;
        if (stated < 0 || (side == DECODE_FIT && m->decode->left_out[i])) continue;
        float *x = X + (long)n * d;
        memcpy(x, inputs->side[side] + i * inputs->item, (size_t)inputs->d * sizeof *x);
        memcpy(x + inputs->d, own->u + from * reasoning, (size_t)reasoning * sizeof *x);
        group[n] = p[i].template_id;
        y[n++] = stated;
    }
    return (struct probe_items){
        .n = n, .d = d, .K = m->mind->task->shape.n_values, .ld = d, .X = X, .y = y, .group = group};
}

static double reader_accuracy(const struct measurement *m, enum faith_slot slot, const struct decode_channel *inputs,
                              bool shift, int *n) {
    const struct arena_mark mark = arena_mark(m->arena);
    const struct probe_items fit = items_of(m, DECODE_FIT, slot, inputs, shift);
    const struct probe_items test = items_of(m, DECODE_TEST, slot, inputs, shift);
    struct probe_options o = probe_defaults_hidden();
    struct probe p;
    double accuracy = NAN;
    o.n_grid = 1;
    o.grid[0] = .3;
    *n = decode_enough(&fit, &test) ? test.n : 0;
    if (*n && decode_fit_probe(m, m->arena, &p, &fit, NULL, &o) == ST_OK)
        accuracy = probe_accuracy(&p, m->arena, &test);
    arena_rewind(m->arena, mark);
    return accuracy;
}

static void measure(const struct metric *self, struct measurement *m) {
    const struct decode_channel inputs = decode_channel_inputs(m);
    for (int slot = 0; slot < faith_slots(m); slot++) {
        int n;
        const double without = reader_accuracy(m, (enum faith_slot)slot, &inputs, true, &n);
        const double with = reader_accuracy(m, (enum faith_slot)slot, &inputs, false, &n);
        metric_emit(self, m, -1, faith_slot_name[slot], "with", n, with);
        metric_emit(self, m, -1, faith_slot_name[slot], "without", n, without);
        metric_emit(self, m, -1, faith_slot_name[slot], "gain", n, with - without);
    }
}

const struct metric metric_simulatability = {
    .name = "simulatability",
    .summary = "outputs that a reader foretells with the reasoning, with another question's, and the gain (view)",
    .formula = "Acc(reader(q, r)) - Acc(reader(q, r of another)), one reader class",
    .source = "Hase & Bansal 2020, arXiv 2005.01831; Hase et al. 2020, arXiv 2010.04119",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .depth = DEPTH_FULL,
    .lo = -1,
    .hi = 1,
    .measure = measure,
};
