/* Readings of every channel and monitor, and drift of the channels between the mind before pressure and now. */
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "engine/kernels.h"
#include "metrics/decode.h"
#include "metrics/decode_internal.h"
#include "metrics/mdl.h"

static const struct rollout_options greedy = {.force.stop = -1};

/* Room for a reading of every test problem; scratch of the decoder is free from here on. */
static struct decode_reading *add(struct measurement *m, const char *view, int layer, enum decode_concept concept,
                                  int step) {
    struct decode *d = m->decode;
    if (d->n_readings == d->most_readings) BUG("more than %d readings", d->most_readings);
    struct decode_reading *r = &d->readings[d->n_readings++];
    *r = (struct decode_reading){.view = view, .layer = layer, .step = step, .concept = concept};
    r->K = m->mind->task->shape.n_values;
    r->bits = (struct stat_figure){NAN, NAN, NAN};
    r->d_over_n = NAN;
    r->y = ARENA_NEW(m->arena, int, m->n_test);
    r->group = ARENA_NEW(m->arena, int, m->n_test);
    r->p = ARENA_NEW(m->arena, float, (size_t)m->n_test *(size_t)r->K);
    return r;
}

static void judge(struct decode_reading *r, struct arena *scratch, const struct probe *p,
                  const struct probe_items *test) {
    memcpy(r->y, test->y, (size_t)test->n * sizeof *r->y);
    memcpy(r->group, test->group, (size_t)test->n * sizeof *r->group);
    probe_predict(p, scratch, test->n, test->X, test->ld, r->p);
    r->n = test->n;
}

struct decode_both decode_take_both(const struct measurement *m, struct arena *a, const struct decode_channel *c,
                                    enum decode_concept concept, int step) {
    struct decode_rows rows[2];
    decode_take(&rows[0], a, m, c, DECODE_FIT, step, -1);
    decode_take(&rows[1], a, m, c, DECODE_TEST, step, -1);
    return (struct decode_both){decode_items(a, m, &rows[0], DECODE_FIT, concept, step),
                                decode_items(a, m, &rows[1], DECODE_TEST, concept, step)};
}

enum status decode_fit_probe(const struct measurement *m, struct arena *a, struct probe *p,
                             const struct probe_items *fit, const struct probe *like,
                             const struct probe_options *fresh) {
    struct probe_options o = *fresh;
    o.seed = m->seed;
    if (like) {
        o.n_grid = 1;
        o.grid[0] = like->C;
        o.start = like;
        return probe_fit(p, a, fit, like->mean, like->scale, &o);
    }
    float *mean = ARENA_NEW(a, float, fit->d), *scale = ARENA_NEW(a, float, fit->d);
    probe_moments(fit->n, fit->d, fit->X, fit->ld, mean, scale);
    return probe_fit(p, a, fit, mean, scale, &o);
}

static void permute(const struct measurement *m, struct arena *a, struct probe_items *items, const char *stream,
                    int step) {
    struct rng r = rng_open(m->seed, stream, (uint64_t)step);
    int *y = ARENA_NEW(a, int, items->n);
    memcpy(y, items->y, (size_t)items->n * sizeof *y);
    rng_shuffle(&r, y, items->n);
    items->y = y;
}

/* One fitted reading: by the probe given, by one refitted like it, or by one chosen afresh. */
enum fitting { AS_GIVEN, LIKE_IT, AFRESH };

static void read_fitted(struct measurement *m, const struct decode_channel *c, enum decode_concept concept, int step,
                        const struct probe *given, enum fitting how, const struct probe_options *o) {
    struct arena *scratch = &m->decode->scratch;
    struct decode_reading *r = add(m, c->view, c->layer, concept, step);
    const struct arena_mark mark = arena_mark(scratch);
    struct decode_both b = decode_take_both(m, scratch, c, concept, step);
    struct probe p;
    if (decode_enough(&b.fit, &b.test) && (how == AFRESH || (given->K && given->d == b.fit.d))) {
        if (strcmp(c->view, "shuffled") == 0) {
            permute(m, scratch, &b.fit, "decode shuffled fit", step);
            permute(m, scratch, &b.test, "decode shuffled test", step);
        }
        enum status st = ST_OK;
        if (how == AS_GIVEN)
            p = *given;
        else
            st = decode_fit_probe(m, scratch, &p, &b.fit, how == LIKE_IT ? given : NULL, o);
        r->n = b.test.n;
        r->failed = st != ST_OK;
        if (st == ST_OK) {
            judge(r, scratch, &p, &b.test);
            const struct v_information v = v_information(&p, scratch, b.fit.n, b.fit.y, &b.test);
            r->bits = (struct stat_figure){v.bits, v.interval.lo, v.interval.hi};
            r->d_over_n = (double)b.fit.d / b.fit.n;
        }
    }
    arena_rewind(scratch, mark);
}

bool decode_has(const struct measurement *m, enum decode_concept concept) {
    return concept != DECODE_C || m->mind->task->shape.step_concealed >= 0;
}

struct probe *decode_probe(const struct decode *d, int layer, enum decode_concept concept, int step) {
    return &d->probes[((layer + 1) * DECODE_READ + (int)concept) * d->steps + step];
}

static void read_channel(struct measurement *m, const struct decode_channel *c, enum fitting how,
                         const struct probe_options *o) {
    const int steps = m->decode->steps;
    for (int concept = 0; concept < DECODE_READ; concept ++)
        for (int k = 0; decode_has(m, concept) && k < steps; k++)
            read_fitted(m, c, concept, k, decode_probe(m->decode, c->layer, concept, k), how, o);
}

/* The probes of the mind before pressure (or of this one): they stay in the measurement's arena. */
static void fit_frozen(struct measurement *m, const struct decode_channel *c) {
    const struct probe_options o = probe_defaults();
    struct arena *scratch = &m->decode->scratch;
    const int steps = m->decode->steps;
    for (int concept = 0; concept < DECODE_READ; concept ++)
        for (int k = 0; decode_has(m, concept) && k < steps; k++) {
            struct probe *p = decode_probe(m->decode, c->layer, concept, k);
            const struct arena_mark mark = arena_mark(scratch);
            struct decode_both b = decode_take_both(m, scratch, c, concept, k);
            if (!decode_enough(&b.fit, &b.test) || decode_fit_probe(m, m->arena, p, &b.fit, NULL, &o) != ST_OK)
                p->K = 0;
            arena_rewind(scratch, mark);
        }
}

static void read_frozen(struct measurement *m, const struct decode_channel *c) {
    struct arena *scratch = &m->decode->scratch;
    const int steps = m->decode->steps;
    for (int concept = 0; concept < DECODE_READ; concept ++)
        for (int k = 0; decode_has(m, concept) && k < steps; k++) {
            const struct probe *p = decode_probe(m->decode, c->layer, concept, k);
            struct decode_reading *r = add(m, "frozen", -1, concept, k);
            const struct arena_mark mark = arena_mark(scratch);
            struct decode_both b = decode_take_both(m, scratch, c, concept, k);
            if (p->K && p->d == b.test.d && b.test.n >= 4) judge(r, scratch, p, &b.test);
            arena_rewind(scratch, mark);
        }
}

/* ---- monitors that fit nothing ---- */

/* What the exact reader finds in the step: 1 for the value it states, 0 for the others. */
static void read_tokens(struct measurement *m, enum decode_concept concept, int step) {
    const struct task_ctx *task = m->mind->task;
    struct decode_reading *r = add(m, "reader", -1, concept, step);
    for (int i = 0; i < m->n_test; i++) {
        const struct problem *q = &m->test[i];
        int values[TASK_MAX_STEPS];
        const int label = decode_label(task, q, concept, step);
        if (step >= q->n_steps || label < 0) continue;
        task->task->read_steps(task, q, m->own_test.reasoning + (long)i * m->own_test.R, m->own_test.n_reasoning[i],
                               values);
        if (values[step] >= 0) r->p[(long)r->n * r->K + values[step]] = 1.0f;
        r->group[r->n] = q->template_id;
        r->y[r->n++] = label;
    }
}

/* Probability of value v under softmax(U u): its tokens' share, alphabets together. */
static void lens_values(const struct task_ctx *task, int step, int V, const float *logits, int n_values, float *p) {
    double top = -INFINITY, total = 0.0;
    for (int t = 0; t < V; t++) top = fmax(top, (double)logits[t]);
    for (int t = 0; t < V; t++) total += exp((double)logits[t] - top);
    for (int v = 0; v < n_values; v++) {
        double mass = 0.0;
        for (int alphabet = 0; alphabet < task->shape.alphabets; alphabet++) {
            const int token = task->task->value_token(task, step, v, alphabet);
            if (token >= 0) mass += exp((double)logits[token] - top);
        }
        p[v] = (float)(mass / total);
    }
}

/* u at the last position of the step, through an unembedding. */
static void read_lens(struct measurement *m, const struct decode_channel *c, const struct gpt *g, const char *view,
                      enum decode_concept concept, int step) {
    struct arena *scratch = &m->decode->scratch;
    struct decode_reading *r = add(m, view, -1, concept, step);
    const struct arena_mark mark = arena_mark(scratch);
    struct decode_rows rows;
    decode_take(&rows, scratch, m, c, DECODE_TEST, step, -1);
    const struct probe_items items = decode_items(scratch, m, &rows, DECODE_TEST, concept, step);
    const int C = g->config.width, V = g->config.vocab;
    if (items.d > 0) {
        float *logits = ARENA_NEW(scratch, float, (size_t)items.n *(size_t)V);
        float *Ut = ARENA_NEW(scratch, float, (size_t)C *(size_t)V);
        gemm_transpose(V, C, g->p.head, C, Ut, V);
        gemm(items.n, V, C, items.X + items.d - C, items.d, 1, Ut, V, false, logits, V);
        for (int i = 0; i < items.n; i++)
            lens_values(m->mind->task, step, V, logits + (long)i * V, r->K, r->p + (long)i * r->K);
        memcpy(r->y, items.y, (size_t)items.n * sizeof *r->y);
        memcpy(r->group, items.group, (size_t)items.n * sizeof *r->group);
        r->n = items.n;
    }
    arena_rewind(scratch, mark);
}

static void read_monitors(struct measurement *m, const struct decode_channel *u) {
    const enum medium medium = m->mind->medium;
    for (int concept = 0; concept < DECODE_READ; concept ++)
        for (int k = 0; decode_has(m, concept) && k < m->decode->steps; k++) {
            if (medium == MEDIUM_TEXT) read_tokens(m, concept, k);
            if (medium == MEDIUM_LATENT) read_lens(m, u, m->mind->gpt, "lens", concept, k);
            if (medium == MEDIUM_LATENT && m->before) read_lens(m, u, m->before->mind.gpt, "lens_base", concept, k);
        }
}

/* ---- channels beside u ---- */

static void force_states(const struct measurement *m, const struct mind *mind, const struct problem *problems,
                         const struct rollout *from, struct rollout *out) {
    struct rollout_options o = {.reasoning_only = true, .force = {.until = from->R, .stop = -1}};
    if (mind->medium == MEDIUM_TEXT) {
        o.force.tokens = from->reasoning;
        o.force.n_tokens = from->n_reasoning;
    } else {
        o.force.vectors = from->u;
    }
    runner_run(m->runner, mind, problems, &o, out);
}

void decode_states_open(struct decode_states *s, const struct measurement *m, const struct mind *mind,
                        const struct rollout *own_fit, const struct rollout *own_test) {
    enum { SMALL = 1 << 20 }; /* parameters: runs again in a moment */
    const struct gpt *g = mind->gpt;
    *s = (struct decode_states){.m = m, .mind = mind, .own_fit = own_fit, .own_test = own_test};
    s->layers = g->n_parameters < SMALL ? 1 : g->config.layers + 1;
    arena_open(&s->arena, (size_t)1 << 20);
}

void decode_states_close(struct decode_states *s) {
    arena_close(&s->arena);
}

static void run_layers(struct decode_states *s, int first) {
    arena_rewind(&s->arena, (struct arena_mark){0});
    rollout_open_states(&s->fit, &s->arena, s->mind, s->own_fit->n, first, s->layers);
    rollout_open_states(&s->test, &s->arena, s->mind, s->own_test->n, first, s->layers);
    force_states(s->m, s->mind, s->m->fit, s->own_fit, &s->fit);
    force_states(s->m, s->mind, s->m->test, s->own_test, &s->test);
}

struct decode_channel decode_states_at(struct decode_states *s, int layer) {
    if (!s->fit.states || layer < s->fit.layer || layer >= s->fit.layer + s->layers)
        run_layers(s, layer - layer % s->layers);
    struct decode_channel c = decode_channel_u(&s->fit, &s->test);
    const long at = (long)(layer - s->fit.layer) * s->fit.R * s->fit.C;
    c.view = "state";
    c.layer = layer;
    c.item *= s->layers;
    c.side[0] = s->fit.states + at;
    c.side[1] = s->test.states + at;
    return c;
}

/* u of an architecture that was never trained: text keeps its own tokens, thoughts are its own. */
static struct decode_channel untrained(struct measurement *m, struct arena *a) {
    struct mind mind = *m->mind;
    struct gpt *g = ARENA_NEW(m->arena, struct gpt, 1); /* the runner's tape goes on pointing at it */
    struct rollout *r = ARENA_NEW(a, struct rollout, 2);
    if (gpt_open(g, m->arena, &m->mind->gpt->config) != ST_OK) BUG("%s", status_message());
    gpt_init(g, m->seed, 1.0 / sqrt(g->config.width), 1.0);
    mind.gpt = g;
    mind.face = NULL;
    for (int side = 0; side < 2; side++) {
        const struct rollout *own = side ? &m->own_test : &m->own_fit;
        struct rollout_options o = greedy;
        o.reasoning_only = true;
        if (mind.medium == MEDIUM_TEXT)
            o.force =
                (struct force){.until = own->R, .stop = -1, .tokens = own->reasoning, .n_tokens = own->n_reasoning};
        rollout_open_reasoning(&r[side], a, &mind, own->n);
        runner_run(m->runner, &mind, side ? m->test : m->fit, &o, &r[side]);
    }
    struct decode_channel c = decode_channel_u(&r[0], &r[1]);
    c.view = "untrained";
    return c;
}

/* Mean over the question of what its tokens are embedded as, channels added. */
struct decode_channel decode_channel_inputs(const struct measurement *m) {
    const struct gpt *g = m->mind->gpt;
    const int C = g->config.width;
    const float *const table[TASK_MAX_CHANNELS] = {g->p.wte, g->p.wxe1, g->p.wxe2};
    struct decode_channel c = {.view = "inputs", .layer = -1, .d = C, .item = C};
    for (int side = 0; side < 2; side++) {
        const int n = side ? m->n_test : m->n_fit;
        const struct problem *p = side ? m->test : m->fit;
        float *x = ARENA_NEW(m->arena, float, (size_t)n *(size_t)C);
        for (int i = 0; i < n; i++)
            for (int t = 0; t < p[i].n_question; t++)
                for (int h = 0; h < g->config.channels && h < TASK_MAX_CHANNELS; h++) {
                    const int token = task_input(&p[i], t, h);
                    if (token < 0 || !table[h]) continue;
                    K->axpy(C, 1.0f / (float)p[i].n_question, table[h] + (long)token * C, x + (long)i * C);
                }
        c.side[side] = x;
    }
    return c;
}

/* The stated answer, one-hot; the last class is "no value". */
static struct decode_channel answer_only(struct measurement *m) {
    const int n_values = m->mind->task->shape.n_values;
    struct decode_channel c = {.view = "answer_only", .layer = -1, .d = n_values + 1, .item = n_values + 1};
    for (int side = 0; side < 2; side++) {
        const struct rollout *own = side ? &m->own_test : &m->own_fit;
        float *x = ARENA_NEW(m->arena, float, (size_t)own->n *(size_t)(n_values + 1));
        for (int i = 0; i < own->n; i++) {
            const int stated = rollout_answer(own, m->mind->task, i);
            x[(long)i * (n_values + 1) + (stated >= 0 ? stated : n_values)] = 1.0f;
        }
        c.side[side] = x;
    }
    return c;
}

static void read_baselines(struct measurement *m, const struct decode_channel *u) {
    const struct probe_options linear = probe_defaults();
    struct arena own;
    arena_open(&own, (size_t)1 << 20);
    struct decode_channel c = untrained(m, &own);
    read_channel(m, &c, AFRESH, &linear);
    arena_close(&own);
    c = decode_channel_inputs(m);
    read_channel(m, &c, AFRESH, &linear);
    c = answer_only(m);
    read_channel(m, &c, AFRESH, &linear);
    c = *u;
    c.view = "shuffled";
    read_channel(m, &c, AFRESH, &linear);
}

/* An arm's probes stay; what was pressed is read in their class where they were given. */
static void read_states(struct measurement *m) {
    const struct probe_options linear = probe_defaults();
    struct decode_states states;
    decode_states_open(&states, m, m->mind, &m->own_fit, &m->own_test);
    for (int l = 0; l <= m->mind->gpt->config.layers; l++) {
        const struct decode_channel c = decode_states_at(&states, l);
        if (!m->before) fit_frozen(m, &c);
        read_channel(m, &c, !m->before ? AS_GIVEN : m->before->probes ? LIKE_IT : AFRESH, &linear);
    }
    decode_states_close(&states);
}

/* ---- all of it ---- */

static void make_room(struct measurement *m) {
    struct decode *d = m->decode;
    const int layers = m->mind->gpt->config.layers + 1, steps = d->steps, fields = DECODE_READ * steps;
    d->most_readings = fields * (10 + layers);
    d->readings = ARENA_NEW(m->arena, struct decode_reading, d->most_readings);
    d->drifts = ARENA_NEW(m->arena, struct decode_drift, fields * (1 + layers));
    d->distances = ARENA_NEW(m->arena, struct decode_distance, steps * (1 + layers));
    d->probes = m->before ? m->before->probes : NULL;
    if (!d->probes) d->probes = ARENA_NEW(m->arena, struct probe, fields * (1 + layers));
    d->left_out = ARENA_NEW(m->arena, bool, m->n_fit);
    for (int i = 0; i < m->n_fit; i++)
        for (int j = 0; j < m->n_test && !d->left_out[i]; j++)
            d->left_out[i] = m->test[j].template_id == m->fit[i].template_id;
}

static void read_all(struct measurement *m) {
    const struct probe_options linear = probe_defaults(), hidden = probe_defaults_hidden();
    const struct decode_channel u = decode_channel_u(&m->own_fit, &m->own_test);
    read_monitors(m, &u);
    if (m->before) {
        const struct decode_channel was = decode_channel_u(&m->before->own_fit, &m->before->own_test);
        if (!m->before->probes) fit_frozen(m, &was);
        read_frozen(m, &u);
        read_channel(m, &u, LIKE_IT, &linear);
        decode_drift_own(m, &was, &u);
    } else {
        fit_frozen(m, &u);
        read_channel(m, &u, AS_GIVEN, &linear);
    }
    if (m->depth >= DEPTH_ARM && !m->before) read_baselines(m, &u);
    if (m->depth == DEPTH_FULL || (m->before ? m->before->probes != NULL : m->depth == DEPTH_ARM)) read_states(m);
    if (m->depth < DEPTH_FULL) return;
    struct decode_channel mlp = u;
    mlp.view = "mlp";
    read_channel(m, &mlp, AFRESH, &hidden);
    if (m->before) decode_drift_frozen(m);
}

void decode_open(struct measurement *m) {
    struct decode *d = m->decode = ARENA_NEW(m->arena, struct decode, 1);
    d->steps = mind_reasoning_positions(m->mind) ? m->mind->task->shape.steps : 0;
    arena_open(&d->scratch, (size_t)1 << 20);
    make_room(m);
    if (d->steps > 0) read_all(m);
    arena_close(&d->scratch);
}
