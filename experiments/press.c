/* The graph that both methods share: sequences on the tape, two terms, and the edges that credit cuts. */
#include "experiments/press.h"

#include <math.h>
#include <string.h>

#include "engine/kernels.h"
#include "experiments/evaluate.h"

const char *press_questions(const struct press_run *p) {
    return p->pressure->questions ? p->pressure->questions : "press";
}

int press_slot(const struct press_run *p, int j) {
    const struct learner *l = p->learner;
    return l->tail_index[j] - l->batch.output_start[l->head.row[j]];
}

/* The mind's own thoughts become the face's input vectors. */
static void think(struct press_run *p) {
    struct learner *l = p->learner;
    const int K_ = p->mind.thoughts, C = l->model.config.width;
    l->tape.gpt = p->mind.gpt;
    learner_reason(l, &p->mind, K_, NULL);
    l->tape.gpt = &l->model;
    for (int b = 0; b < l->rows; b++)
        for (int k = 0; k < K_; k++)
            memcpy(p->thoughts + ((long)b * K_ + k) * C, tape_fed(&l->tape, b, l->tape.t - K_ + k),
                   (size_t)C * sizeof(float));
}

void press_forward(struct press_run *p, int first) {
    struct learner *l = p->learner;
    const struct task_shape *s = &l->task->shape;
    if (p->mind.medium == MEDIUM_TEXT)
        batch_fill_reasoning(&l->batch, s, p->problems + first, p->rollout.reasoning + (long)first * p->rollout.R,
                             p->rollout.n_reasoning + first, p->rollout.R);
    else
        batch_fill(&l->batch, s, p->problems + first, TASK_MAX_STEPS);
    if (p->thoughts) think(p);
    learner_forward(l, &p->mind, p->mind.thoughts);
    memset(p->task_weight, 0, (size_t)l->head.n * sizeof(float));
    memset(p->pressure_weight, 0, (size_t)l->head.n * sizeof(float));
}

struct tape_cuts press_cuts(enum credit credit) {
    switch (credit) {
    case CREDIT_TARGETED:
        return (struct tape_cuts){.feed = true};
    case CREDIT_SEALED:
        return (struct tape_cuts){.feed = true, .kv_roles = 1u << ROLE_REASONING};
    case CREDIT_FULL:
    case CREDIT_FROZEN_MIND:
    case CREDIT_MIND_FACE:
        return (struct tape_cuts){0};
    }
    BUG("credit %d", credit);
}

static void term(struct press_run *p, const float *weight, struct gpt_views *g, struct tape_cuts cuts) {
    struct learner *l = p->learner;
    loss_cross_entropy(&l->head, l->target, weight);
    head_backward(&l->head, &l->tape, g);
    tape_backward(&l->tape, g, cuts);
    memset(l->head.dlogits, 0, (size_t)l->head.n * (size_t)l->head.V * sizeof(float));
}

/* What reaches the face's input vectors goes on into the mind that thought them. */
static void into_thoughts(struct press_run *p) {
    struct learner *l = p->learner;
    const int K_ = p->mind.thoughts, C = l->model.config.width, t0 = l->tail_start - K_;
    l->tape.gpt = p->reasoner;
    learner_reason(l, &p->mind, K_, NULL);
    for (int k = 0; k < K_; k++) tape_inject(&l->tape, TAPE_INPUT, t0 + k, p->thought_grad + (long)k * l->rows * C);
    tape_backward(&l->tape, &p->reasoner_gv, (struct tape_cuts){0});
    l->tape.gpt = &l->model;
}

static void add_thought_gradients(struct press_run *p) {
    const struct learner *l = p->learner;
    const int K_ = p->mind.thoughts, C = l->model.config.width, t0 = l->tail_start - K_;
    for (int k = 0; k < K_; k++)
        for (int b = 0; b < l->rows; b++)
            K->add(C, tape_input_gradient(&l->tape, b, t0 + k), p->thought_grad + ((long)k * l->rows + b) * C);
}

/* The reasoning tokens that the mind sampled, on the mind's own forward pass: what the task, and with mind_penalty the
 * pressure, has for them. */
static void into_tokens(struct press_run *p) {
    struct learner *l = p->learner;
    l->tape.gpt = p->reasoner;
    learner_forward(l, &p->mind, 0);
    for (int j = 0; j < l->head.n; j++)
        p->task_weight[j] = press_slot(p, j) >= 1 ? 0.0f : p->task_weight[j] + p->pressure_weight[j];
    term(p, p->task_weight, &p->reasoner_gv, (struct tape_cuts){0});
    l->tape.gpt = &l->model;
}

/* What a term has for the tokens of the output, which the face speaks. */
static const float *spoken(struct press_run *p, const float *weight) {
    struct learner *l = p->learner;
    for (int j = 0; j < l->head.n; j++) l->weight[j] = press_slot(p, j) >= 1 ? weight[j] : 0.0f;
    return l->weight;
}

static bool has_pressure(const struct press_run *p) {
    for (int j = 0; j < p->learner->head.n; j++)
        if (p->pressure_weight[j] != 0.0f) return true;
    return false;
}

/* Two models. The face speaks the output tokens and nothing else; both terms train it, uncut. */
static void backward_of_two(struct press_run *p) {
    struct learner *l = p->learner;
    if (p->thought_grad)
        memset(p->thought_grad, 0,
               (size_t)l->rows * (size_t)p->mind.thoughts * (size_t)l->model.config.width * sizeof(float));
    term(p, spoken(p, p->task_weight), &l->gv, (struct tape_cuts){0});
    if (p->thought_grad) add_thought_gradients(p);
    if (has_pressure(p)) {
        term(p, spoken(p, p->pressure_weight), &l->gv, (struct tape_cuts){0});
        if (p->thought_grad && p->config->press.mind_penalty) add_thought_gradients(p);
    }
    if (p->thought_grad)
        into_thoughts(p);
    else if (p->reasoner)
        into_tokens(p);
}

void press_backward(struct press_run *p) {
    struct learner *l = p->learner;
    const struct tape_cuts cuts = press_cuts(p->config->press.credit);
    if (p->mind.face) {
        backward_of_two(p);
        return;
    }
    /* an edge that this medium does not have need not be cut, nor any where no pressure is put: then one pass serves */
    const bool has_feed = p->mind.medium == MEDIUM_LATENT;
    if (has_pressure(p) && ((cuts.feed && has_feed) || cuts.kv_roles)) {
        term(p, p->task_weight, &l->gv, (struct tape_cuts){0}); /* first: it takes what the methods added to dlogits */
        term(p, p->pressure_weight, &l->gv, cuts);
        return;
    }
    for (int j = 0; j < l->head.n; j++) p->task_weight[j] += p->pressure_weight[j];
    term(p, p->task_weight, &l->gv, (struct tape_cuts){0});
}

void press_replay(struct press_run *p, int update) {
    struct learner *l = p->learner;
    const double weight = p->config->press.replay;
    long tokens = 0;
    if (weight == 0.0) return;
    learner_problems(l, p->config->seed, "press replay", update, TASK_TRAIN, p->replay, l->rows);
    batch_fill(&l->batch, &l->task->shape, p->replay, 0);
    learner_forward(l, &p->mind, 0);
    for (int i = 0; i < l->rows; i++) tokens += p->replay[i].n_reasoning;
    for (int j = 0; j < l->head.n; j++) l->weight[j] = press_slot(p, j) < 0 ? (float)(weight / (double)tokens) : 0.0f;
    term(p, l->weight, &l->gv, (struct tape_cuts){0});
}

void press_halfway(struct press_run *p, int rows_done) {
    if (2 * rows_done == p->config->press.batch)
        memcpy(p->half, p->learner->g, (size_t)gpt_trained(&p->learner->model) * sizeof(float));
}

double press_snr(const float *half, const float *whole, long n) {
    double signal = 0.0, noise = 0.0;
    for (long i = 0; i < n; i++) {
        double a = (double)half[i], b = (double)whole[i] - a;
        signal += a * b;
        noise += (a - b) * (a - b);
    }
    return noise > 0.0 ? 4.0 * signal / noise : NAN;
}

static void open_two(struct press_run *p, struct arena *a) {
    const struct config *c = p->config;
    struct learner *l = p->learner;
    const size_t fed = (size_t)l->rows * (size_t)p->mind.thoughts * (size_t)l->model.config.width;
    const bool latent = p->mind.medium == MEDIUM_LATENT;
    p->mind.gpt = p->start;
    p->mind.face = &l->model;
    if (c->press.credit == CREDIT_MIND_FACE) {
        p->reasoner = ARENA_NEW(a, struct gpt, 1);
        if (gpt_open(p->reasoner, a, &l->model.config)) BUG("a model that was opened before: %s", status_message());
        gpt_copy_weights(p->reasoner, p->start);
        p->reasoner_g = gpt_gradient_open(p->reasoner, l->arena, &p->reasoner_gv);
        adamw_open(&p->reasoner_opt, l->arena, p->reasoner, l->opt.beta1, l->opt.beta2, 0.0, l->opt.clip);
        p->mind.gpt = p->reasoner;
        if (latent) p->thought_grad = ARENA_NEW(l->arena, float, fed);
    }
    if (latent) l->given = p->thoughts = ARENA_NEW(l->arena, float, fed);
}

static void open_thinker(struct press_run *p, struct arena *a) {
    const struct press_options *o = &p->config->press;
    const int questions = o->batch / o->group;
    p->thinker = runner_open(a, &p->mind, questions);
    rollout_open(&p->thought, a, &p->mind, questions);
    p->thought_of_all = ARENA_NEW(a, float, (size_t)o->batch *(size_t)p->rollout.R *(size_t)p->rollout.C);
}

enum status press_open(struct press_run *p, struct arena *a, const struct config *c, const struct arm *arm,
                       struct learner *learner, struct gpt *start) {
    const struct press_options *o = &c->press;
    const size_t lines = (size_t)learner->head.capacity, batch = (size_t)o->batch;
    struct arena *training = learner->arena;
    if (o->batch % learner->rows) BUG("a batch of %d in shards of %d", o->batch, learner->rows);
    if (o->method == METHOD_RL && o->batch % o->group) BUG("a batch of %d in groups of %d", o->batch, o->group);
    TRY(pressure_resolve(o->pressure, o->of, &p->pressure, &p->beside));
    if (p->pressure != p->beside && !p->beside->applies(learner->task)) p->beside = p->pressure;
    p->config = c;
    p->learner = learner;
    p->start = start;
    p->mind = arm_mind(arm, c, &learner->model, learner->task);
    learner->opt.weight_decay = 0.0;
    if (o->credit == CREDIT_FROZEN_MIND || o->credit == CREDIT_MIND_FACE) open_two(p, a);
    p->runner = evaluate_runner(a, arm, &p->mind);
    rollout_open(&p->rollout, training, &p->mind, o->batch);
    if (o->method == METHOD_RL && p->mind.medium == MEDIUM_LATENT) open_thinker(p, training);
    p->problems = ARENA_NEW(training, struct problem, batch);
    p->slots = ARENA_NEW(training, unsigned, batch);
    p->bank_target = ARENA_NEW(training, int, batch);
    p->replay = ARENA_NEW(training, struct problem, learner->rows);
    p->task_weight = ARENA_NEW(training, float, lines);
    p->pressure_weight = ARENA_NEW(training, float, lines);
    p->half = ARENA_NEW(training, float, gpt_trained(&learner->model));
    for (int k = 0; k < 2; k++) p->advantage[k] = ARENA_NEW(training, float, batch);
    p->score = ARENA_NEW(training, double, 2 * batch);
    if (o->kl > 0.0) p->reference = ARENA_NEW(training, float, lines *(size_t)learner->model.config.vocab);
    p->snr = p->reward = p->penalty = NAN;
    return ST_OK;
}

enum status press_update(struct press_run *p, int update, double *loss) {
    const struct press_options *o = &p->config->press;
    struct learner *l = p->learner;
    double norm;
    *loss = o->method == METHOD_SFT ? press_sft(p, update) : press_rl(p, update);
    const bool halves = o->batch / l->rows % 2 == 0;
    p->snr = halves ? press_snr(p->half, l->g, gpt_trained(&l->model)) : NAN;
    press_replay(p, update);
    if (p->reasoner && adamw_step(&p->reasoner_opt, p->reasoner, p->reasoner_g, o->lr, NULL, &norm))
        return status_set(ST_FAILED, "update %d, the mind: %s", update, status_message());
    return learner_step(l, update, *loss, o->lr, NULL);
}
