#include "experiments/learner.h"

#include <math.h>
#include <string.h>

#include "engine/kernels.h"

struct gpt_config learner_model_config(const struct config *c, const struct task_shape *shape, bool projection) {
    const int reasoning = shape->reasoning > shape->steps ? shape->reasoning : shape->steps;
    struct gpt_config g = {
        .vocab = shape->vocab,
        /* With c thoughts a step a stage is up to c - 1 positions a step longer than the text it replaces. */
        .context = shape->question + reasoning + (c->arm.thoughts_per_step - 1) * shape->steps + shape->output,
        .layers = c->model.layers,
        .heads = c->model.heads,
        .width = c->model.width,
        .channels = shape->channels,
        .tied = c->model.tied,
        .projection = projection,
        .lora = c->model.lora,
        .lora_scale = c->model.lora > 0 ? c->model.lora_scale : 0.0,
    };
    memcpy(g.channel_vocab, shape->channel_vocab, sizeof g.channel_vocab);
    return g;
}

void learner_open(struct learner *l, struct arena *a, const struct config *c, const struct task_ctx *task) {
    const struct task_shape *s = &task->shape;
    const int rows = c->base.shard, thoughts = s->steps * c->arm.thoughts_per_step;
    l->task = task;
    l->frontier = c->arm.frontier;
    l->path = c->arm.path;
    l->conceal = c->arm.conceal;
    l->thoughts_per_step = c->arm.thoughts_per_step;
    l->rows = rows;
    l->g = gpt_gradient_open(&l->model, a, &l->gv);
    adamw_open(&l->opt, a, &l->model, c->base.beta1, c->base.beta2, c->base.weight_decay, c->base.clip);
    tape_open(&l->tape, a, &l->model, TAPE_TRAIN, rows, l->model.config.context, thoughts);
    const int capacity = rows * (s->reasoning + s->output);
    head_open(&l->head, a, &l->model, TAPE_TRAIN, capacity);
    batch_open(&l->batch, a, s, rows);
    l->fillers = ARENA_NEW(a, int, (size_t)rows *(size_t)thoughts *(size_t)s->channels);
    for (int i = 0; i < rows * thoughts; i++)
        for (int ch = 0; ch < s->channels; ch++) l->fillers[i * s->channels + ch] = ch ? -1 : s->pause + i % s->steps;
    l->target = ARENA_NEW(a, int, capacity);
    l->weight = ARENA_NEW(a, float, capacity);
    l->logp = ARENA_NEW(a, float, capacity);
    l->tail_index = ARENA_NEW(a, int, capacity);
}

static void add_line(struct learner *l, int b, int t, int target, int tail_index) {
    const int i = l->head.n++;
    l->head.row[i] = b;
    l->head.t[i] = t;
    l->target[i] = target;
    l->weight[i] = 1.0f;
    l->tail_index[i] = tail_index;
}

void learner_reason(struct learner *l, const struct mind *m, int thoughts, const float *given) {
    const struct task_shape *s = &l->task->shape;
    const struct batch *batch = &l->batch;
    struct tape *tape = &l->tape;
    tape_reset(tape, batch->start);
    tape_read_last(tape);
    tape_tokens(tape, batch->Q, batch->question, batch->Q * s->channels, ROLE_QUESTION, NULL, 0);
    if (m->medium == MEDIUM_LATENT && given)
        tape_vectors(tape, thoughts, given, ROLE_REASONING);
    else if (m->medium == MEDIUM_LATENT)
        for (int k = 0; k < thoughts; k++) tape_thought(tape, m->feed);
    else if (m->medium == MEDIUM_FILLER && thoughts > 0)
        tape_tokens(tape, thoughts, l->fillers, s->steps * l->thoughts_per_step * s->channels, ROLE_REASONING, NULL, 0);
}

void learner_forward(struct learner *l, const struct mind *m, int thoughts) {
    const struct task_shape *s = &l->task->shape;
    const struct batch *batch = &l->batch;
    struct tape *tape = &l->tape;
    learner_reason(l, m, thoughts, l->given);
    l->tail_start =
        tape_tokens(tape, batch->R, batch->tail, batch->R * s->channels, ROLE_OUTPUT, batch->role, batch->R);
    l->head.n = 0;
    for (int b = 0; b < l->rows; b++) {
        const int *target = batch->target + (long)b * batch->R;
        if (m->medium == MEDIUM_TEXT || batch->first_target[b] != s->eot)
            add_line(l, b, l->tail_start - 1, batch->first_target[b], 0);
        for (int t = 0; t < batch->R; t++)
            if (target[t] >= 0) add_line(l, b, l->tail_start + t, target[t], t + 1);
    }
    head_forward(&l->head, tape);
    loss_softmax(&l->head, l->target, l->logp);
}

static int count_targets(const struct mind *m, const struct problem *p, int first_step) {
    const int from = p->step_start[first_step < p->n_steps ? first_step : p->n_steps];
    const int tail = p->n_reasoning - from + p->n_output;
    const bool given = m->medium != MEDIUM_TEXT && from == p->n_reasoning; /* <eot> is not predicted */
    return tail - (given ? 1 : 0);
}

/* One line for every row and step whose thoughts are on the tape: the state fed back as the step's last thought. */
static int thought_lines(struct learner *l, int thoughts) {
    const int c = l->thoughts_per_step, first = l->tail_start - thoughts;
    int n = 0;
    for (int k = 0; k < thoughts / c; k++)
        for (int b = 0; b < l->rows; b++, n++) {
            l->head.row[n] = b;
            l->head.t[n] = first + (k + 1) * c - 2;
            l->target[n] = -1;
        }
    return n;
}

/* Values that step k is to hold, all alike: its own, or with `frontier` every value that it could take. */
static int step_values(const struct learner *l, const struct problem *p, int k, bool frontier, int *values) {
    if (frontier) return l->task->task->frontier(p, k, values);
    values[0] = p->value[k < p->n_steps ? k : 0];
    return k < p->n_steps && values[0] >= 0;
}

/* Cross-entropy between what a thought's source state would say and the uniform distribution over the values of its
 * step. Mean over the lines that have such values. */
static void thought_gradient(struct learner *l, const struct problem *problems, int thoughts, bool frontier,
                             double weight) {
    int values[TASK_MAX_FRONTIER], lines = 0;
    struct head *h = &l->head;
    if ((h->n = thought_lines(l, thoughts)) == 0) return;
    head_forward(h, &l->tape);
    loss_softmax(h, l->target, l->logp);
    for (int i = 0; i < h->n; i++) lines += step_values(l, &problems[h->row[i]], i / l->rows, frontier, values) > 0;
    for (int i = 0; i < h->n; i++) {
        const int k = i / l->rows, n = step_values(l, &problems[h->row[i]], k, frontier, values);
        const float w = (float)(weight / lines);
        float *d = h->dlogits + (long)i * h->V;
        if (n == 0) continue;
        K->axpy(h->V, w, h->logits + (long)i * h->V, d);
        for (int j = 0; j < n; j++) d[l->task->task->value_token(l->task, k, values[j], 0)] -= w / (float)n;
    }
    head_backward(h, &l->tape, &l->gv);
}

void learner_conceal(struct learner *l, const struct problem *problems, int thoughts, double share) {
    const struct task_shape *s = &l->task->shape;
    const int c = l->thoughts_per_step, from = s->step_concealed * c, first = l->tail_start - thoughts;
    struct head *h = &l->head;
    if (l->conceal == 0.0 || s->step_concealed < 0 || thoughts < from + c) return;
    h->n = 0;
    for (int b = 0; b < l->rows; b++)
        for (int k = from; k < from + c && problems[b].flags & PROBLEM_CUED; k++, h->n++) {
            h->row[h->n] = b;
            h->t[h->n] = first + k - 1;
            l->target[h->n] = s->none_step;
        }
    if (h->n == 0) return;
    for (int i = 0; i < h->n; i++) l->weight[i] = (float)(l->conceal * share / h->n);
    head_forward(h, &l->tape);
    loss_softmax(h, l->target, l->logp);
    loss_cross_entropy(h, l->target, l->weight);
    head_backward(h, &l->tape, &l->gv);
}

double learner_cross_entropy(struct learner *l, const struct mind *m, struct stage st, const struct problem *problems,
                             int n) {
    if (n % l->rows) BUG("%d problems in shards of %d", n, l->rows);
    long tokens = 0;
    double loss = 0.0;
    for (int i = 0; i < n; i++) tokens += count_targets(m, &problems[i], st.first_step);
    for (int i = 0; i < n; i += l->rows) {
        batch_fill(&l->batch, &l->task->shape, problems + i, st.first_step);
        learner_forward(l, m, st.thoughts);
        for (int j = 0; j < l->head.n; j++) {
            l->weight[j] = 1.0f / (float)tokens;
            loss -= (double)l->logp[j];
        }
        loss_cross_entropy(&l->head, l->target, l->weight);
        head_backward(&l->head, &l->tape, &l->gv);
        if (l->frontier > 0.0 && m->medium == MEDIUM_LATENT)
            thought_gradient(l, problems + i, st.thoughts, true, l->frontier * l->rows / n);
        if (l->path > 0.0 && m->medium == MEDIUM_LATENT)
            thought_gradient(l, problems + i, st.thoughts, false, l->path * l->rows / n);
        if (m->medium == MEDIUM_LATENT) learner_conceal(l, problems + i, st.thoughts, (double)l->rows / n);
        tape_backward(&l->tape, &l->gv, (struct tape_cuts){0});
    }
    return loss / (double)tokens;
}

double learner_gate(struct learner *l, const struct mind *m, struct stage st, const struct problem *problems, int n) {
    enum { MAX_TAIL = TASK_MAX_REASONING + TASK_MAX_OUTPUT + 1 };
    long right[MAX_TAIL] = {0}, all[MAX_TAIL] = {0};
    for (int i = 0; i + l->rows <= n; i += l->rows) {
        batch_fill(&l->batch, &l->task->shape, problems + i, st.first_step);
        learner_forward(l, m, st.thoughts);
        for (int j = 0; j < l->head.n; j++) {
            const float *p = l->head.logits + (long)j * l->head.V;
            int best = 0;
            for (int v = 1; v < l->head.V; v++)
                if (p[v] > p[best]) best = v;
            right[l->tail_index[j]] += best == l->target[j];
            all[l->tail_index[j]]++;
        }
    }
    double worst = 1.0;
    for (int t = 0; t < MAX_TAIL; t++)
        if (all[t] && (double)right[t] / (double)all[t] < worst) worst = (double)right[t] / (double)all[t];
    return worst;
}

void learner_problems(const struct learner *l, long seed, const char *stream, int update, enum task_split split,
                      struct problem *problems, int n) {
    struct rng r = rng_open((uint64_t)seed, stream, (uint64_t)update);
    for (int i = 0; i < n; i++) l->task->task->sample(l->task, &r, split, &problems[i]);
}

enum status learner_step(struct learner *l, int update, double loss, double lr,
                         bool (*train)(const struct gpt_tensor *)) {
    double norm;
    enum status st =
        isfinite(loss) ? adamw_step(&l->opt, &l->model, l->g, lr, train, &norm) : adamw_norm(&l->model, l->g, &norm);
    if (st != ST_OK) return status_set(st, "update %d, loss %g: %s", update, loss, status_message());
    if (!isfinite(loss))
        return status_set(ST_FAILED, "update %d: the loss is %g, every gradient is finite", update, loss);
    return ST_OK;
}
