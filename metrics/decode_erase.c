/* Is what can be read also used? LEACE takes a fact out of the fed-back vectors, wherever they hold it (the value of
 * each step at its own step, c at every step; more than a tenth of a bit); the control takes out as many random
 * directions of the same space. What the outputs lose by the first beyond the second hangs on the fact that was erased.
 *
 * A text token is its value: its vectors span no more directions than the label has, the control takes them all too, and
 * there is no difference to speak of. Control and difference are then skipped.
 *
 * Erasers are fitted on the fitting problems, position by position. */
#include <math.h>
#include <string.h>

#include "metrics/decode_internal.h"
#include "metrics/door.h"
#include "metrics/leace.h"

static const double least_bits = .1;

struct erasing {
    const struct measurement *m;
    struct door *door;
    struct decode_channel u;
    enum decode_concept concept;
    int erased;      /* positions */
    bool no_control; /* somewhere nothing but the fact was there */
};

static bool held(const struct measurement *m, enum decode_concept concept, int step) {
    for (int i = 0; i < m->decode->n_readings; i++) {
        const struct decode_reading *r = &m->decode->readings[i];
        if (r->step == step && r->concept == concept && strcmp(r->view, "u") == 0)
            return r->n > 0 && !r->failed && r->bits.value > least_bits;
    }
    return false;
}

/* One position of a step through an eraser, written back where the door has it. */
static void erase_place(struct erasing *e, int step, int place, struct rng *random, float *vectors) {
    const struct measurement *m = e->m;
    const struct door *door = e->door;
    struct decode_rows rows;
    struct leace eraser, whole;
    decode_take(&rows, m->arena, m, &e->u, DECODE_FIT, step, place);
    const struct probe_items fit = decode_items(m->arena, m, &rows, DECODE_FIT, e->concept, step);
    if (fit.d == 0 || fit.n < 4 * fit.K || leace_fit(&eraser, m->arena, &fit) != ST_OK) return;
    if (random) {
        struct rng unused = *random;
        if (leace_random(&whole, m->arena, &fit, fit.d, &unused) != ST_OK) return;
        e->no_control |= eraser.rank >= whole.rank;
        if (leace_random(&eraser, m->arena, &fit, eraser.rank, random) != ST_OK) return;
    }
    e->erased++;
    for (int i = 0; i < door->n; i++) {
        int from, to;
        if (!decode_span(m, &e->u, DECODE_TEST, door->item[i], step, &from, &to) || place >= to - from) continue;
        float *x = vectors + ((long)i * door->R + from + place) * door->C;
        leace_apply(&eraser, m->arena, 1, x, door->C, x);
    }
}

/* Share of outputs that change when the concept is erased everywhere; NAN where it is nowhere. */
static double effect(struct erasing *e, struct rng *random) {
    const struct measurement *m = e->m;
    const struct arena_mark mark = arena_mark(m->arena);
    const size_t size = (size_t)e->door->n * (size_t)e->door->R * (size_t)e->door->C;
    float *vectors = ARENA_NEW(m->arena, float, size);
    memcpy(vectors, e->door->own, size * sizeof *vectors);
    e->erased = 0;
    for (int k = 0; k < m->decode->steps; k++) {
        const int widest = held(m, e->concept, k) ? decode_widest(m, &e->u, k) : 0;
        for (int place = 0; place < widest; place++) {
            const struct arena_mark step = arena_mark(m->arena);
            erase_place(e, k, place, random, vectors);
            arena_rewind(m->arena, step);
        }
    }
    if (e->erased) door_run(e->door, vectors);
    arena_rewind(m->arena, mark);
    return e->erased ? door_changed(e->door, m) : NAN;
}

static void measure(const struct metric *self, struct measurement *m) {
    struct door door;
    door_open(&door, m);
    for (int concept = 0; concept < DECODE_READ; concept ++) {
        if (!decode_has(m, (enum decode_concept) concept)) continue;
        struct erasing e = {.m = m, .door = &door, .u = decode_channel_u(&m->own_fit, &m->own_test)};
        struct rng random = rng_open(m->seed, self->name, (uint64_t) concept);
        const char *name = decode_concept_name[concept];
        e.concept = (enum decode_concept) concept;
        const double leace = door.n ? effect(&e, NULL) : NAN, control = door.n ? effect(&e, &random) : NAN;
        const int n = isfinite(leace) ? door.n : 0, with_control = e.no_control ? 0 : n;
        metric_emit(self, m, -1, name, "leace", n, leace);
        metric_emit(self, m, -1, name, "random", with_control, control);
        metric_emit(self, m, -1, name, "difference", with_control, leace - control);
    }
}

const struct metric metric_erasure = {
    .name = "erasure",
    .summary =
        "outputs that change when a fact is erased from every vector, when random directions are, the difference",
    .formula = "P(out(LEACE(u)) != out(u)) - P(out(random(u)) != out(u)), equal rank",
    .source = "Belrose et al. 2023, arXiv 2306.03819",
    .version = 1,
    .needs = NEED_REASONING | NEED_READINGS,
    .depth = DEPTH_FULL,
    .lo = -1,
    .hi = 1,
    .measure = measure,
};
