#include "experiments/learner.h"

#include <math.h>
#include <string.h>

#include "engine/kernels.h"

enum { MAX_TAIL = TASK_MAX_REASONING + TASK_MAX_OUTPUT + 1 };

/* The longest sequence. With c thoughts a step a stage is up to c - 1 positions a step longer than the text it replaces. */
static int positions_of(const struct config *c, const struct task_shape *shape) {
    const int reasoning = shape->reasoning > shape->steps ? shape->reasoning : shape->steps;
    return shape->question + reasoning + (c->arm.thoughts_per_step - 1) * shape->steps + shape->output;
}

struct gpt_config learner_model_config(const struct config *c, const struct task_shape *shape, bool projection) {
    struct gpt_config g = {
        .vocab = shape->vocab,
        .context = positions_of(c, shape),
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

/* What a lane has of its own. */
static void open_buffers(struct learner *l, struct arena *a, const struct config *c, const struct gpt *model) {
    const struct task_shape *s = &l->task->shape;
    const int rows = l->rows, thoughts = s->steps * l->thoughts_per_step;
    l->g = gpt_gradient_open(model, a, &l->gv);
    tape_open(&l->tape, a, model, TAPE_TRAIN, rows, positions_of(c, s),
              thoughts); /* a published model has room for more */
    /* lines of a text; learner_conceal has one for every thought of a step */
    const int text = s->reasoning + s->output, concealed = s->step_concealed >= 0 ? l->thoughts_per_step : 0;
    const int capacity = rows * (text > concealed ? text : concealed);
    head_open(&l->head, a, model, TAPE_TRAIN, capacity);
    batch_open(&l->batch, a, s, rows);
    l->fillers = ARENA_NEW(a, int, (size_t)rows *(size_t)thoughts *(size_t)s->channels);
    for (int i = 0; i < rows * thoughts; i++)
        for (int ch = 0; ch < s->channels; ch++) l->fillers[i * s->channels + ch] = ch ? -1 : s->pause + i % s->steps;
    l->pull = ARENA_NEW(a, float, (size_t)l->thoughts_per_step *(size_t)rows *(size_t)model->config.width);
    l->target = ARENA_NEW(a, int, capacity);
    l->weight = ARENA_NEW(a, float, capacity);
    l->logp = ARENA_NEW(a, float, capacity);
    l->tail_index = ARENA_NEW(a, int, capacity);
}

void learner_open(struct learner *l, struct arena *a, const struct config *c, const struct task_ctx *task) {
    l->arena = a;
    l->task = task;
    l->frontier = c->arm.frontier;
    l->path = c->arm.path;
    l->conceal = c->arm.conceal;
    l->thoughts_per_step = c->arm.thoughts_per_step;
    l->rows = c->base.shard;
    adamw_open(&l->opt, a, &l->model, c->base.beta1, c->base.beta2, c->base.weight_decay, c->base.clip);
    open_buffers(l, a, c, &l->model);
    l->lane[0] = l;
}

enum status learner_open_lanes(struct learner *l, const struct config *c, int threads) {
    struct arena *a = l->arena;
    if (c->base.lanes == 1) return ST_OK;
    struct lanes *lanes = ARENA_NEW(a, struct lanes, 1);
    TRY(lanes_open(lanes, a, c->base.lanes, threads, gpt_trained(&l->model)));
    for (int k = 1; k < lanes->n; k++) {
        l->lane[k] = ARENA_NEW(a, struct learner, 1);
        *l->lane[k] = *l;
        open_buffers(l->lane[k], a, c, &l->model);
    }
    for (int k = 0; k < lanes->n; k++) lanes->g[k] = l->lane[k]->g;
    l->lanes = lanes;
    return ST_OK;
}

void learner_close_lanes(struct learner *l) {
    if (l->lanes) lanes_close(l->lanes);
    l->lanes = NULL;
}

struct shards {
    int rows;
    void (*run)(void *ctx, int k, int first);
    void *ctx;
};

static void run_shard(void *ctx, int k, int i) {
    const struct shards *s = ctx;
    s->run(s->ctx, k, i * s->rows);
}

void learner_shards(struct learner *l, int n, void (*run)(void *ctx, int k, int first), void *ctx) {
    struct shards s = {.rows = l->rows, .run = run, .ctx = ctx};
    if (!l->lanes) {
        for (int first = 0; first < n; first += l->rows) run(ctx, 0, first);
        return;
    }
    for (int k = 1; k < l->lanes->n; k++) l->lane[k]->cost = (struct training_cost){0};
    lanes_run(l->lanes, n / l->rows, run_shard, &s);
    for (int k = 1; k < l->lanes->n; k++) {
        l->cost.positions += l->lane[k]->cost.positions;
        l->cost.flop += l->lane[k]->cost.flop;
    }
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

static void count_cost(struct learner *l, const struct mind *m, int thoughts) {
    const struct gpt_config *g = &l->model.config;
    const double C = g->width, L = g->layers, run = l->tape.t, lines = l->head.n;
    const double blocks = 2.0 * 12.0 * L * C * C * run + 4.0 * L * C * run * (run + 1.0) / 2.0;
    const double projection = m->feed == FEED_PROJECTED ? 4.0 * C * C * thoughts : 0.0;
    l->cost.positions += l->rows * run;
    l->cost.flop += 3.0 * (l->rows * (blocks + projection) + 2.0 * g->vocab * C * lines);
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
    count_cost(l, m, thoughts);
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

/* The thoughts that stand for the concealed step of cued problems, position by position: their rows and positions on the
 * tape; returns how many. */
static int concealed_thoughts(const struct learner *l, const struct problem *problems, int thoughts, int *row,
                              int *at) {
    const int c = l->thoughts_per_step, from = l->task->shape.step_concealed * c;
    int n = 0;
    if (from < 0 || thoughts < from + c) return 0;
    for (int k = from; k < from + c; k++)
        for (int b = 0; b < l->rows; b++)
            if (problems[b].flags & PROBLEM_CUED) {
                row[n] = b;
                at[n++] = l->tail_start - thoughts + k;
            }
    return n;
}

/* The projected thoughts are pulled to the embedding itself: mean of |u - e|^2 / |e|^2. */
static void pull_to_token(struct learner *l, int n, const int *row, const int *at, int token, double weight) {
    const int C = l->model.config.width;
    const float *e = l->model.p.wte + (long)token * C;
    double square = 0.0;
    for (int i = 0; i < C; i++) square += (double)e[i] * (double)e[i];
    memset(l->pull, 0, (size_t)l->thoughts_per_step * (size_t)l->rows * (size_t)C * sizeof *l->pull);
    for (int j = 0; j < n; j++) {
        float *g = l->pull + ((long)(at[j] - at[0]) * l->rows + row[j]) * C;
        const float *u = tape_fed(&l->tape, row[j], at[j]), w = (float)(2.0 * weight / (square * n));
        for (int i = 0; i < C; i++) g[i] = w * (u[i] - e[i]);
    }
    for (int t = at[0]; t <= at[n - 1]; t++)
        tape_inject(&l->tape, TAPE_INPUT, t, l->pull + (long)(t - at[0]) * l->rows * C);
}

void learner_conceal(struct learner *l, const struct mind *m, const struct problem *problems, int thoughts,
                     double share) {
    struct head *h = &l->head;
    if (l->conceal == 0.0) return;
    const int n = concealed_thoughts(l, problems, thoughts, h->row, h->t), token = l->task->shape.none_step;
    if (n == 0) return;
    const double weight = l->conceal * share;
    if (m->feed == FEED_PROJECTED) {
        pull_to_token(l, n, h->row, h->t, token, weight);
        return;
    }
    for (int i = 0; i < n; i++) {
        h->t[i]--; /* the state that becomes the thought */
        l->target[i] = token;
        l->weight[i] = (float)(weight / n);
    }
    h->n = n;
    head_forward(h, &l->tape);
    loss_softmax(h, l->target, l->logp);
    loss_cross_entropy(h, l->target, l->weight);
    head_backward(h, &l->tape, &l->gv);
}

void learner_teach_thoughts(struct learner *l, const struct mind *m, const struct problem *problems, int thoughts,
                            int n) {
    if (l->frontier > 0.0) thought_gradient(l, problems, thoughts, true, l->frontier * l->rows / n);
    if (l->path > 0.0) thought_gradient(l, problems, thoughts, false, l->path * l->rows / n);
    learner_conceal(l, m, problems, thoughts, (double)l->rows / n);
}

/* A batch that is supervised or examined at a stage. */
struct lesson {
    struct learner *learner;
    const struct mind *mind;
    struct stage stage;
    const struct problem *problems;
};

/* A shard of it, run forward on lane k, which is returned. */
static struct learner *present(const struct lesson *s, int k, int first) {
    struct learner *l = s->learner->lane[k];
    batch_fill(&l->batch, &l->task->shape, s->problems + first, s->stage.first_step);
    learner_forward(l, s->mind, s->stage.thoughts);
    return l;
}

struct supervision {
    struct lesson lesson;
    int n;
    long tokens;
    double loss[LANES_MAX];
};

static void supervise(void *ctx, int k, int first) {
    struct supervision *r = ctx;
    const struct lesson *s = &r->lesson;
    struct learner *l = present(s, k, first);
    for (int j = 0; j < l->head.n; j++) {
        l->weight[j] = 1.0f / (float)r->tokens;
        r->loss[k] -= (double)l->logp[j];
    }
    loss_cross_entropy(&l->head, l->target, l->weight);
    head_backward(&l->head, &l->tape, &l->gv);
    if (s->mind->medium == MEDIUM_LATENT)
        learner_teach_thoughts(l, s->mind, s->problems + first, s->stage.thoughts, r->n);
    tape_backward(&l->tape, &l->gv, (struct tape_cuts){0});
}

double learner_cross_entropy(struct learner *l, const struct mind *m, struct stage st, const struct problem *problems,
                             int n) {
    if (n % l->rows) BUG("%d problems in shards of %d", n, l->rows);
    struct supervision r = {.lesson = {l, m, st, problems}, .n = n};
    double loss = 0.0;
    for (int i = 0; i < n; i++) r.tokens += count_targets(m, &problems[i], st.first_step);
    learner_shards(l, n, supervise, &r);
    for (int k = 0; k < LANES_MAX; k++) loss += r.loss[k];
    return loss / (double)r.tokens;
}

int learner_gate_problems(const struct learner *l, int n) {
    return n / l->rows * l->rows;
}

struct examination {
    struct lesson lesson;
    struct tally {
        long right[MAX_TAIL], all[MAX_TAIL];
    } tally[LANES_MAX];
};

static void examine(void *ctx, int k, int first) {
    struct examination *r = ctx;
    const struct learner *l = present(&r->lesson, k, first);
    for (int j = 0; j < l->head.n; j++) {
        const float *p = l->head.logits + (long)j * l->head.V;
        int best = 0;
        for (int v = 1; v < l->head.V; v++)
            if (p[v] > p[best]) best = v;
        r->tally[k].right[l->tail_index[j]] += best == l->target[j];
        r->tally[k].all[l->tail_index[j]]++;
    }
}

double learner_gate(struct learner *l, const struct mind *m, struct stage st, const struct problem *problems, int n) {
    struct examination r = {.lesson = {l, m, st, problems}};
    const struct training_cost before = l->cost;
    double worst = 1.0;
    n = learner_gate_problems(l, n);
    if (n == 0) return 0.0;
    learner_shards(l, n, examine, &r);
    l->cost = before;
    for (int t = 0; t < MAX_TAIL; t++) {
        long right = 0, all = 0;
        for (int k = 0; k < LANES_MAX; k++) {
            right += r.tally[k].right[t];
            all += r.tally[k].all[t];
        }
        if (all && (double)right / (double)all < worst) worst = (double)right / (double)all;
    }
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
