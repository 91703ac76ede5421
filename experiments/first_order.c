#include "experiments/first_order.h"

#include <math.h>
#include <string.h>

/* Gradients of the whole sample, each [n] in the model's layout. */
struct slopes {
    float *monitor; /* grad_R M_R */
    float *through; /* grad_R M_out */
    float *out;     /* grad_out M_out, under the credit's cuts; under `full` with the thoughts held */
    float *uncut;   /* thoughts, `full`: grad M_out with every edge */
};

/* F as plain weights, for its gradient in a thought. */
struct linear {
    int K, d;
    float *W, *b;
};

static double soft(const struct linear *f, const float *x, int label, float weight, float *g) {
    double z[READER_MAX_CLASSES], top = -INFINITY, sum = 0.0;
    for (int k = 0; k < f->K; k++) {
        z[k] = (double)f->b[k];
        for (int i = 0; i < f->d; i++) z[k] += (double)f->W[(long)k * f->d + i] * (double)x[i];
        top = fmax(top, z[k]);
    }
    for (int k = 0; k < f->K; k++) sum += z[k] = exp(z[k] - top);
    const double p = z[label] / sum;
    for (int k = 0; k < f->K; k++) {
        const double share = p * ((k == label) - z[k] / sum);
        for (int i = 0; i < f->d; i++) g[i] += weight * (float)share * f->W[(long)k * f->d + i];
    }
    return p;
}

/* The learner's gradient goes into `to`, and is zero again. */
static void collect(struct learner *l, float *to) {
    for (long i = 0; i < gpt_trained(&l->model); i++) to[i] += l->g[i];
    memset(l->g, 0, (size_t)gpt_trained(&l->model) * sizeof(float));
    memset(l->head.dlogits, 0, (size_t)l->head.n * (size_t)l->head.V * sizeof(float));
}

static void lines_backward(struct press_run *p, const float *weight, struct tape_cuts cuts, float *to) {
    struct learner *l = p->learner;
    loss_cross_entropy(&l->head, l->target, weight);
    head_backward(&l->head, &l->tape, &l->gv);
    tape_backward(&l->tape, &l->gv, cuts);
    collect(l, to);
}

/* Questions of a batch under the mark, each `group` times; the slots that the pressure would rewrite. */
static void draw(struct press_run *p, int batch, int group) {
    const struct task_ctx *task = p->learner->task;
    const int n = p->config->press.batch;
    learner_problems(p->learner, p->config->seed, "first order", batch, TASK_EVAL, p->problems, n / group);
    for (int i = 0; i < n / group && p->pressure->mark; i++) p->pressure->mark(task, &p->problems[i]);
    for (int i = n - 1; i >= 0; i--) {
        p->problems[i] = p->problems[i / group];
        struct problem rewritten = p->problems[i];
        p->slots[i] = p->pressure->retarget(task, &rewritten);
    }
}

/* M_out of each row of the shard into m_out, and the weights of its gradient into pressure_weight. */
static void weigh_output(struct press_run *p, int first, double each, double *m_out) {
    const struct learner *l = p->learner;
    for (int i = first; i < first + l->rows; i++) m_out[i] = 0.0;
    for (int j = 0; j < l->head.n; j++) {
        const int slot = press_slot(p, j), i = first + l->head.row[j];
        if (slot < 1 || !(p->slots[i] >> slot & 1u)) continue;
        const double share = exp((double)l->logp[j]) / __builtin_popcount(p->slots[i]);
        p->pressure_weight[j] = (float)(-share * each);
        m_out[i] += share;
    }
}

/* Score function of the reasoning: each row's score against the mean of the other samples of its question. */
static void weigh_reasoning(struct press_run *p, int first, int group, double each, const double *score) {
    const struct learner *l = p->learner;
    memset(p->task_weight, 0, (size_t)l->head.n * sizeof(float));
    for (int j = 0; j < l->head.n; j++) {
        if (press_slot(p, j) >= 1) continue;
        const int i = first + l->head.row[j], g = i - i % group;
        double mean = 0.0;
        for (int k = g; k < g + group; k++) mean += score[k] / group;
        p->task_weight[j] = (float)(-(score[i] - mean) * group / (group > 1 ? group - 1 : 1) * each);
    }
}

static double zero_if_nan(double x) {
    return isfinite(x) ? x : 0.0;
}

/* Text. Shards hold whole groups: the scores of a shard's rows are known when they are needed. */
static void text_batch(struct press_run *p, int batch, double each, struct slopes *s, double *score) {
    struct learner *l = p->learner;
    const struct press_options *o = &p->config->press;
    const int group = o->group > 1 && l->rows % o->group == 0 ? o->group : l->rows;
    double *m_out = score, *stated = score + o->batch;
    struct rng rng = rng_open((uint64_t)p->config->seed, "first order sampling", (uint64_t)batch);
    struct rollout_options ro = {.sample_reasoning = true, .rng = &rng, .force = {.stop = -1}};
    draw(p, batch, group);
    runner_run(p->runner, &p->mind, p->problems, &ro, &p->rollout);
    for (int i = 0; i < o->batch; i++)
        stated[i] = zero_if_nan(p->pressure->written(l->task, &p->problems[i], &p->rollout, i));
    for (int first = 0; first < o->batch; first += l->rows) {
        press_forward(p, first);
        weigh_output(p, first, each, m_out);
        lines_backward(p, p->pressure_weight, press_cuts(o->credit), s->out);
        weigh_reasoning(p, first, group, each, stated);
        lines_backward(p, p->task_weight, (struct tape_cuts){0}, s->monitor);
        weigh_reasoning(p, first, group, each, m_out);
        if (o->credit == CREDIT_FULL) lines_backward(p, p->task_weight, (struct tape_cuts){0}, s->through);
    }
}

static void thoughts_batch(struct press_run *p, const struct watch *w, const struct linear *f, int batch, double each,
                           struct slopes *s, double *m_out, float *grad) {
    struct learner *l = p->learner;
    const struct press_options *o = &p->config->press;
    const int C = l->model.config.width;
    draw(p, batch, 1);
    for (int first = 0; first < o->batch; first += l->rows) {
        press_forward(p, first);
        weigh_output(p, first, each, m_out);
        if (o->credit == CREDIT_FULL) {
            lines_backward(p, p->pressure_weight, (struct tape_cuts){0}, s->uncut);
            lines_backward(p, p->pressure_weight, (struct tape_cuts){.feed = true}, s->out);
        } else {
            lines_backward(p, p->pressure_weight, press_cuts(o->credit), s->out);
        }
        const int t = l->tail_start - p->mind.thoughts + w->frozen_at;
        memset(grad, 0, (size_t)l->rows * (size_t)C * sizeof(float));
        for (int b = 0; b < l->rows; b++)
            soft(f, tape_fed(&l->tape, b, t), p->pressure->label(l->task, &p->problems[first + b]), (float)each,
                 grad + (long)b * C);
        tape_inject(&l->tape, TAPE_INPUT, t, grad);
        tape_backward(&l->tape, &l->gv, (struct tape_cuts){0});
        collect(l, s->monitor);
    }
}

static void products(const struct slopes *s, long n, struct first_order *out) {
    *out = (struct first_order){0};
    for (long i = 0; i < n; i++) {
        const double m = (double)s->monitor[i], r = (double)s->through[i], o = (double)s->out[i];
        const double scale = 1.0 / (fabs(r + o) + 1e-8);
        out->conditional += m * r;
        out->parametric += m * o;
        out->conditional_adam += m * r * scale;
        out->parametric_adam += m * o * scale;
    }
}

void first_order_predict(struct press_run *p, const struct watch *w, struct arena *scratch, int batches,
                         struct first_order *out) {
    const struct learner *l = p->learner;
    const int n = p->config->press.batch, C = l->model.config.width;
    const double each = 1.0 / ((double)n * batches);
    const bool latent = p->mind.medium == MEDIUM_LATENT;
    struct arena_mark mark = arena_mark(scratch);
    struct slopes s;
    float **all[] = {&s.monitor, &s.through, &s.out, &s.uncut};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) *all[i] = ARENA_NEW(scratch, float, gpt_trained(&l->model));
    double *score = ARENA_NEW(scratch, double, 2 * (size_t)n);
    struct linear f = {.K = w->monitor.n_classes, .d = C};
    float *grad = ARENA_NEW(scratch, float, (size_t)l->rows *(size_t)C);
    if (latent) {
        f.W = ARENA_NEW(scratch, float, (size_t)f.K *(size_t)C);
        f.b = ARENA_NEW(scratch, float, f.K);
        probe_raw(&w->frozen[w->frozen_at], f.W, f.b);
    }
    for (int batch = 0; batch < batches; batch++) {
        if (latent)
            thoughts_batch(p, w, &f, batch, each, &s, score, grad);
        else
            text_batch(p, batch, each, &s, score);
    }
    /* the path through the thoughts is what holding them takes away */
    for (long i = 0; i < gpt_trained(&l->model) && latent && p->config->press.credit == CREDIT_FULL; i++)
        s.through[i] = s.uncut[i] - s.out[i];
    products(&s, gpt_trained(&l->model), out);
    arena_rewind(scratch, mark);
}
