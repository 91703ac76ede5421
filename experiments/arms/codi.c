/* CODI: thoughts through a projection, taught by self-distillation (Shen et al. 2025, section 3).
 *
 *   loss = CE(teacher: text CoT) + CE(student: thoughts) + SmoothL1 between their hidden states of all layers at the
 *   token before the answer (the teacher's detached), divided by the teacher's standard deviation
 *
 * Before it, a warm-up of the projection alone maps each state to the embedding of the next reasoning token: without it
 * small models stay at chance, and with it thoughts begin as soft tokens, so the unwarmed variant
 * (arm.projection_warmup: 0) is reported beside it. */
#include <math.h>
#include <string.h>

#include "experiments/arm.h"

struct distil {
    int layers, width, rows;
    float *teacher; /* [L][rows][C] states at the token before the answer: layers 1..L */
    float *scale;   /* [L] the teacher's standard deviation */
    float *grad;    /* [L][rows][C] */
};

static bool only_projection(const struct gpt_tensor *t) {
    return strncmp(t->name, "prj.", 4) == 0;
}

/* The token that thought k stands for: of a step's thoughts, c in number, the last one says the step's value, those before
 * it what leads there. A step may close behind its value, with a bracket or a full stop, which tells nothing. */
static int token_of(const struct task_ctx *task, const struct problem *p, int k, int c) {
    const int step = k / c < p->n_steps ? k / c : p->n_steps - 1;
    const int at = task_step_says_at(task, p, step) + 1 - c + k % c;
    return p->reasoning[at > p->step_start[step] ? at : p->step_start[step]];
}

/* Gradient of mean squared error between each thought and the embedding of the reasoning token in its place. */
static double inject_soft_tokens(struct learner *l, const struct problem *problems, int thoughts, float *grad) {
    const int C = l->model.config.width, t0 = l->tail_start - thoughts;
    double total = 0.0;
    for (int k = 0; k < thoughts; k++) {
        float *g = grad + (long)k * l->rows * C;
        for (int b = 0; b < l->rows; b++) {
            const float *u = tape_fed(&l->tape, b, t0 + k), *wte = l->model.p.wte;
            const float *target = wte + (long)token_of(l->task, &problems[b], k, l->thoughts_per_step) * C;
            for (int i = 0; i < C; i++) {
                float e = u[i] - target[i];
                g[(long)b * C + i] = 2.0f * e / (float)(C * thoughts * l->rows);
                total += (double)e * (double)e;
            }
        }
        tape_inject(&l->tape, TAPE_INPUT, t0 + k, g);
    }
    return total / ((double)C * thoughts * l->rows);
}

static enum status warm_up(struct arm_training *t, float *grad) {
    struct learner *l = t->learner;
    const int n = t->config->arm.projection_warmup;
    double loss = 0.0;
    for (int i = 0; i < n; i++) {
        if (resume_skips(t->resume)) continue;
        learner_problems(l, t->config->seed, "warmup", i, TASK_TRAIN, t->problems, l->rows);
        batch_fill(&l->batch, &l->task->shape, t->problems, TASK_MAX_STEPS);
        learner_forward(l, &t->mind, t->mind.thoughts);
        loss = inject_soft_tokens(l, t->problems, t->mind.thoughts, grad);
        tape_backward(&l->tape, &l->gv, (struct tape_cuts){0});
        TRY(learner_step(l, i, loss, t->config->arm.lr, only_projection));
        resume_done(t->resume);
        if (i % 50 == 49 || i == n - 1) cell_event(t->io, "warmup", i + 1, n, loss, NAN);
    }
    adamw_reset(&l->opt, &l->model);
    return ST_OK;
}

/* The position on the tape of the token before the answer: <eot>, or the last one of words that lead to the answer. */
static int before_answer(const struct learner *l, int b) {
    return l->tail_start + l->batch.output_start[b] + task_answer_start(&l->task->shape) - 1;
}

static const float *state_before_answer(const struct learner *l, int layer, int b) {
    return tape_state(&l->tape, layer, b, before_answer(l, b));
}

/* The teacher's states of layers 1..L, and their spread. */
static void keep_teacher(const struct learner *l, struct distil *d) {
    const long n = (long)d->rows * d->width;
    for (int j = 0; j < d->layers; j++) {
        float *to = d->teacher + j * n;
        for (int b = 0; b < d->rows; b++)
            memcpy(to + (long)b * d->width, state_before_answer(l, j + 1, b), (size_t)d->width * sizeof *to);
        double sum = 0.0, squares = 0.0;
        for (long i = 0; i < n; i++) {
            sum += (double)to[i];
            squares += (double)to[i] * (double)to[i];
        }
        double mean = sum / (double)n;
        d->scale[j] = (float)sqrt(fmax(squares / (double)n - mean * mean, 1e-12));
    }
}

/* Pull the student's states to the teacher's; every row's output is at the same position behind the thoughts. */
static double distil(struct learner *l, struct distil *d, float weight) {
    const long n = (long)d->rows * d->width;
    double total = 0.0;
    for (int j = 0; j < d->layers; j++) {
        float *grad = d->grad + j * n;
        for (int b = 0; b < d->rows; b++)
            memcpy(grad + (long)b * d->width, state_before_answer(l, j + 1, b), (size_t)d->width * sizeof *grad);
        total += loss_smooth_l1(n, grad, d->teacher + j * n, d->scale[j], weight / (float)d->layers, grad);
        tape_inject(&l->tape, j + 1, before_answer(l, 0), grad);
    }
    return total / d->layers;
}

/* Cross-entropy of the forward pass that stands on the tape, as gradient. */
static double cross_entropy(struct learner *l, float share) {
    double loss = 0.0;
    for (int j = 0; j < l->head.n; j++) {
        l->weight[j] = share / (float)l->head.n;
        loss -= (double)l->logp[j];
    }
    loss_cross_entropy(&l->head, l->target, l->weight);
    head_backward(&l->head, &l->tape, &l->gv);
    return loss / l->head.n;
}

/* An update of both modes; `distil` is each lane's own. */
struct both {
    struct arm_training *t;
    struct distil *distil;
    float share; /* of a shard in the batch */
    double loss[LANES_MAX];
};

static void teach(void *ctx, int k, int first) {
    struct both *x = ctx;
    struct learner *l = x->t->learner->lane[k];
    const struct config *c = x->t->config;
    const struct problem *problems = x->t->problems + first;
    const struct mind teacher = arm_text_mind(&x->t->learner->model, l->task), *student = &x->t->mind;
    batch_fill(&l->batch, &l->task->shape, problems, 0);
    learner_forward(l, &teacher, 0);
    keep_teacher(l, &x->distil[k]);
    cross_entropy(l, x->share);
    tape_backward(&l->tape, &l->gv, (struct tape_cuts){0});

    batch_fill(&l->batch, &l->task->shape, problems, TASK_MAX_STEPS);
    learner_forward(l, student, student->thoughts);
    x->loss[k] += (double)x->share * cross_entropy(l, x->share);
    if (c->arm.distil) distil(l, &x->distil[k], x->share);
    learner_teach_thoughts(l, student, problems, student->thoughts, c->base.batch);
    tape_backward(&l->tape, &l->gv, (struct tape_cuts){0});
}

static double update_gradient(struct arm_training *t, struct distil *distil) {
    const int n = t->config->base.batch;
    struct both x = {.t = t, .distil = distil, .share = (float)t->learner->rows / (float)n};
    double loss = 0.0;
    learner_shards(t->learner, n, teach, &x);
    for (int k = 0; k < LANES_MAX; k++) loss += x.loss[k];
    return loss;
}

static struct distil *open_distil(const struct learner *l, struct arena *a, int lanes) {
    struct distil *all = ARENA_NEW(a, struct distil, lanes);
    const int C = l->model.config.width, L = l->model.config.layers;
    const size_t states = (size_t)L * (size_t)l->rows * (size_t)C;
    for (int k = 0; k < lanes; k++) {
        struct distil *d = &all[k];
        *d = (struct distil){.layers = L, .width = C, .rows = l->rows};
        d->teacher = ARENA_NEW(a, float, states);
        d->grad = ARENA_NEW(a, float, states);
        d->scale = ARENA_NEW(a, float, L);
    }
    return all;
}

static enum status train(struct arm_training *t) {
    struct learner *l = t->learner;
    struct arena *a = t->io->arena;
    const int n = t->config->arm.updates;
    struct distil *d = open_distil(l, a, t->config->base.lanes);
    TRY(warm_up(t, ARENA_NEW(a, float, (size_t)t->mind.thoughts *(size_t)l->rows *(size_t)l->model.config.width)));
    double loss;
    for (int i = 0; i < n; i++) {
        if (arm_skips(t)) continue;
        arm_problems(t, "arm");
        loss = update_gradient(t, d);
        double lr = schedule_tail(t->config->arm.lr, i, n, t->config->base.warmup / 4, t->config->base.decay);
        TRY(learner_step(l, i, loss, lr, NULL));
        t->updates++;
        resume_done(t->resume);
        struct stage st = {.thoughts = t->mind.thoughts, .first_step = TASK_MAX_STEPS};
        if (i % 50 == 49 || i == n - 1) cell_event(t->io, "train", i + 1, n, loss, arm_gate(t, &t->mind, st));
    }
    return ST_OK;
}

const struct arm arm_codi = {
    .name = "codi",
    .summary = "projected continuous thought by self-distillation from the text mode",
    .source = "Shen et al. 2025, arXiv 2502.21074",
    .version = 3,
    .medium = MEDIUM_LATENT,
    .feed = FEED_PROJECTED,
    .projection = true,
    .text_mode = true,
    .train = train,
};
