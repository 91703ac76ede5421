/* Drift between the mind before pressure and now, step by step. */
#include <math.h>

#include "metrics/decode_internal.h"

/* The same vectors of the same problems, before and now; problems that lost the step on one side are left out. */
struct pairs {
    int n, d;
    float *was, *now;
};

static struct pairs pair_up(const struct measurement *m, struct arena *a, const struct decode_channel *was,
                            const struct decode_channel *now, enum decode_side side, int step) {
    struct decode_rows x, y;
    decode_take(&x, a, m, was, side, step, -1);
    decode_take(&y, a, m, now, side, step, -1);
    struct pairs p = {.d = x.d};
    p.was = ARENA_NEW(a, float, (size_t)x.n *(size_t)x.d);
    p.now = ARENA_NEW(a, float, (size_t)x.n *(size_t)x.d);
    if (x.d != y.d) return p;
    for (int i = 0, j = 0; i < x.n && j < y.n;) {
        if (x.item[i] != y.item[j]) {
            *(x.item[i] < y.item[j] ? &i : &j) += 1;
            continue;
        }
        for (int c = 0; c < p.d; c++) {
            p.was[(long)p.n * p.d + c] = x.X[(long)i * p.d + c];
            p.now[(long)p.n * p.d + c] = y.X[(long)j * p.d + c];
        }
        p.n++;
        i++;
        j++;
    }
    return p;
}

static void add_drift(struct measurement *m, const char *view, const struct decode_channel *was,
                      const struct decode_channel *now, const struct probe *frozen, enum decode_concept concept,
                      int step) {
    struct arena *a = &m->decode->scratch;
    const struct arena_mark mark = arena_mark(a);
    struct decode_drift *d = &m->decode->drifts[m->decode->n_drifts++];
    *d = (struct decode_drift){.view = view, .layer = now->layer, .step = step, .concept = concept};
    struct decode_both then = decode_take_both(m, a, was, concept, step),
                       here = decode_take_both(m, a, now, concept, step);
    const struct pairs pairs = pair_up(m, a, was, now, DECODE_FIT, step);
    struct probe_options o = probe_defaults();
    struct probe own;
    if (!decode_enough(&then.fit, &then.test) || !decode_enough(&here.fit, &here.test) || pairs.n < 4) goto done;
    if (then.fit.d != here.fit.d) goto done;
    d->n = here.test.n;
    d->parts = drift_decompose(NAN, NAN, NAN, NAN);
    if (!frozen) {
        if (decode_fit_probe(m, a, &own, &then.fit, NULL, &o) != ST_OK) goto done;
        frozen = &own;
    }
    if (!frozen->K) goto done;
    const struct drift_inputs in = {.base = frozen,
                                    .base_test = &then.test,
                                    .pressed_train = &here.fit,
                                    .pressed_test = &here.test,
                                    .n_pairs = pairs.n,
                                    .pair_pressed = pairs.now,
                                    .pair_base = pairs.was};
    o.n_grid = 1;
    o.grid[0] = frozen->C;
    o.start = frozen;
    o.seed = m->seed;
    if (drift_measure(&d->parts, a, &in, &o) != ST_OK) d->parts = drift_decompose(NAN, NAN, NAN, NAN);
done:
    arena_rewind(a, mark);
}

static void add_distance(struct measurement *m, const char *view, const struct decode_channel *was,
                         const struct decode_channel *now, int step) {
    struct arena *a = &m->decode->scratch;
    const struct arena_mark mark = arena_mark(a);
    struct decode_distance *d = &m->decode->distances[m->decode->n_distances++];
    const struct pairs p = pair_up(m, a, was, now, DECODE_TEST, step);
    *d = (struct decode_distance){.view = view, .layer = now->layer, .step = step, .cka = NAN, .procrustes = NAN};
    if (p.d > 0 && p.n >= 4) {
        d->n = p.n;
        if (drift_cka(&d->cka, a, p.n, p.d, p.was, p.d, p.d, p.now, p.d) != ST_OK) d->cka = NAN;
        if (drift_procrustes(&d->procrustes, a, p.n, p.d, p.was, p.d, p.d, p.now, p.d) != ST_OK) d->procrustes = NAN;
    }
    arena_rewind(a, mark);
}

static void add_all(struct measurement *m, const char *view, const struct decode_channel *was,
                    const struct decode_channel *now, const struct probe *frozen) {
    const int steps = m->decode->steps;
    for (int k = 0; k < steps; k++) add_distance(m, view, was, now, k);
    for (int concept = 0; concept < DECODE_READ; concept ++)
        for (int k = 0; decode_has(m, concept) && k < steps; k++)
            add_drift(m, view, was, now, frozen ? &frozen[concept * steps + k] : NULL, concept, k);
}

void decode_drift_own(struct measurement *m, const struct decode_channel *was, const struct decode_channel *now) {
    add_all(m, "own", was, now, m->decode->probes);
}

void decode_drift_frozen(struct measurement *m) {
    const struct measurement_before *b = m->before;
    struct decode_states was, now;
    decode_states_open(&was, m, &b->mind, &b->own_fit, &b->own_test);
    decode_states_open(&now, m, m->mind, &b->own_fit, &b->own_test);
    for (int l = 0; l <= m->mind->gpt->config.layers; l++) {
        const struct decode_channel then = decode_states_at(&was, l), here = decode_states_at(&now, l);
        /* an arm's probes of states were fitted on these very vectors */
        add_all(m, "frozen", &then, &here, b->probes ? decode_probe(m->decode, l, DECODE_VALUE, 0) : NULL);
    }
    decode_states_close(&was);
    decode_states_close(&now);
}
