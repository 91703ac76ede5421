/* The work that is measured: training steps, latent training steps, greedy generation. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "engine/kernels.h"
#include "experiments/bench.h"

/* GPT-2's own context is 1024; the others have room for one sequence. */
const struct bench_case bench_cases[] = {
    {"tiny", BENCH_TRAIN, 64, 128, 4, 4, 64, 2, 64, 0, 0, 0},
    {"small", BENCH_TRAIN, 64, 256, 6, 8, 32, 4, 128, 0, 0, 0},
    {"gpt2-64", BENCH_TRAIN, 50257, 768, 12, 12, 4, 4, 64, 0, 0, 0},
    {"gpt2-128", BENCH_TRAIN, 50257, 768, 12, 12, 4, 4, 128, 0, 0, 0},
    {"tiny-latent", BENCH_LATENT, 64, 128, 4, 4, 64, 32, 32, 6, 16, 0},
    {"small-latent", BENCH_LATENT, 64, 256, 6, 8, 64, 64, 32, 6, 16, 0},
    {"gpt2-latent", BENCH_LATENT, 50260, 768, 12, 12, 8, 4, 64, 6, 16, 0},
    {"gpt2-lora", BENCH_LATENT, 50260, 768, 12, 12, 8, 4, 64, 6, 16, 32},
    {"tiny-gen", BENCH_GENERATE, 64, 128, 4, 4, 64, 32, 16, 0, 48, 0},
    {"small-gen", BENCH_GENERATE, 64, 256, 6, 8, 64, 64, 16, 0, 48, 0},
};
const int bench_case_count = sizeof bench_cases / sizeof bench_cases[0];

struct bench_work {
    const struct bench_case *c;
    struct gpt model;
    struct adamw opt;
    struct lanes lanes; /* training */
    struct bench_lane {
        struct tape tape;
        struct head head;
        struct gpt_views gv;
    } lane[LANES_MAX];
    struct tape tape; /* generation */
    struct head head;
    int *tokens; /* [batch][prompt + output + 1] */
    int *target; /* [batch][positions that predict] */
    float *logp; /* as target */
    float *weight;
    int *newest; /* [shard] generation: the token just chosen */
};

/* Positions of a row that predict a token, and positions in all. */
static int predicting(const struct bench_case *c) {
    return c->kind == BENCH_TRAIN ? c->prompt : c->output;
}
static int positions(const struct bench_case *c) {
    return c->prompt + c->thoughts + c->output;
}

const char *bench_unit(const struct bench_case *c) {
    return c->kind == BENCH_LATENT ? "sequences" : "tokens";
}

double bench_units(const struct bench_case *c) {
    return c->kind == BENCH_LATENT ? c->batch : (double)c->batch * predicting(c);
}

double bench_flop(const struct bench_case *c) {
    const double C = c->width, L = c->layers;
    const double run = positions(c) - (c->kind == BENCH_GENERATE); /* the last token generated is not run */
    const double products = 2.0 * 12.0 * L * C * C * run + 2.0 * c->vocab * C * predicting(c);
    const double attention = 4.0 * L * C * run * (run + 1.0) / 2.0;
    if (c->kind == BENCH_GENERATE) return c->batch * (products + attention);
    if (c->lora == 0) return 3.0 * c->batch * (products + attention);
    /* no gradient of the matrices, but of their factors; and the product of these once a step (engine/lora.h) */
    const double factors = 64.0 * c->lora * C * L * run, merge = 24.0 * c->lora * C * C * L;
    return c->batch * (2.0 * products + 3.0 * attention + factors) + merge;
}

static void draw_tokens(struct bench_work *w) {
    const struct bench_case *c = w->c;
    const int row = c->prompt + c->output + 1, n = predicting(c);
    struct rng r = rng_open(1, "bench tokens", 0);
    for (int i = 0; i < c->batch * row; i++) w->tokens[i] = (int)rng_below(&r, (uint32_t)c->vocab);
    for (int b = 0; b < c->batch; b++)
        for (int i = 0; i < n; i++) {
            w->target[b * n + i] = w->tokens[b * row + (c->kind == BENCH_TRAIN ? 0 : c->prompt) + i + 1];
            w->weight[b * n + i] = 1.0f / (float)(c->batch * n);
        }
}

enum status bench_work_open(struct bench_work **out, struct arena *a, const struct bench_case *c, int lanes,
                            int threads) {
    struct bench_work *w = *out = ARENA_NEW(a, struct bench_work, 1);
    const int n = c->batch * predicting(c), T = positions(c);
    const struct gpt_config config = {
        .vocab = c->vocab,
        .context = c->vocab > 50000 ? 1024 : T,
        .layers = c->layers,
        .heads = c->heads,
        .width = c->width,
        .channels = 1,
        .tied = true,
        .lora = c->lora,
        .lora_scale = c->lora > 0 ? 0.25 : 0.0,
    };
    w->c = c;
    TRY(gpt_open(&w->model, a, &config));
    gpt_init(&w->model, 1, .02, 1.0);
    w->tokens = ARENA_NEW(a, int, c->batch *(c->prompt + c->output + 1));
    w->target = ARENA_NEW(a, int, n);
    w->weight = ARENA_NEW(a, float, n);
    w->logp = ARENA_NEW(a, float, n);
    draw_tokens(w);
    if (c->kind == BENCH_GENERATE) {
        w->newest = ARENA_NEW(a, int, c->shard);
        tape_open(&w->tape, a, &w->model, TAPE_INFER, c->shard, T, 0);
        head_open(&w->head, a, &w->model, TAPE_INFER, c->shard);
        return ST_OK;
    }
    adamw_open(&w->opt, a, &w->model, .9, .95, .1, 0.0);
    const int rows = lanes > 1 ? (c->batch + lanes - 1) / lanes : c->shard;
    const int shard = rows < c->shard ? rows : c->shard;
    TRY(lanes_open(&w->lanes, a, lanes, threads, gpt_trained(&w->model)));
    for (int k = 0; k < lanes; k++) {
        struct bench_lane *lane = &w->lane[k];
        tape_open(&lane->tape, a, &w->model, TAPE_TRAIN, shard, T, 0);
        head_open(&lane->head, a, &w->model, TAPE_TRAIN, shard * predicting(c));
        w->lanes.g[k] = gpt_gradient_open(&w->model, a, &lane->gv);
    }
    return ST_OK;
}

void bench_work_close(struct bench_work *w) {
    if (w->c->kind != BENCH_GENERATE) lanes_close(&w->lanes);
}

/* Forward and backward of one shard. */
static void train_shard(void *ctx, int at_lane, int i) {
    struct bench_work *w = ctx;
    struct bench_lane *lane = &w->lane[at_lane];
    const struct bench_case *c = w->c;
    struct tape *tape = &lane->tape;
    struct head *head = &lane->head;
    const int row = c->prompt + c->output + 1, n = predicting(c), first = i * tape->B;
    const int *tokens = w->tokens + (long)first * row;
    tape_reset(tape, NULL);
    if (c->output) tape_read_last(tape);
    int t0 = tape_tokens(tape, c->prompt, tokens, row, ROLE_QUESTION, NULL, 0);
    for (int k = 0; k < c->thoughts; k++) tape_thought(tape, FEED_HIDDEN);
    if (c->output) t0 = tape_tokens(tape, c->output, tokens + c->prompt, row, ROLE_OUTPUT, NULL, 0);
    head->n = tape->B * n;
    for (int j = 0; j < head->n; j++) {
        head->row[j] = j / n;
        head->t[j] = t0 + j % n;
    }
    const long at = (long)first * n;
    head_forward(head, tape);
    loss_softmax(head, w->target + at, w->logp + at);
    loss_cross_entropy(head, w->target + at, w->weight + at);
    head_backward(head, tape, &lane->gv);
    tape_backward(tape, &lane->gv, (struct tape_cuts){0});
}

static enum status train(struct bench_work *w) {
    double norm;
    lanes_run(&w->lanes, w->c->batch / w->lane[0].tape.B, train_shard, w);
    return adamw_step(&w->opt, &w->model, w->lanes.g[0], 1e-4, NULL, &norm);
}

/* The likeliest token of each row behind the newest position. */
static void choose(struct bench_work *w) {
    struct head *h = &w->head;
    h->n = w->tape.B;
    for (int b = 0; b < h->n; b++) {
        h->row[b] = b;
        h->t[b] = w->tape.t - 1;
    }
    head_forward(h, &w->tape);
    for (int b = 0; b < h->n; b++) {
        const float *logits = h->logits + (long)b * h->V;
        int best = 0;
        for (int v = 1; v < h->V; v++)
            if (logits[v] > logits[best]) best = v;
        w->newest[b] = best;
    }
}

static void generate(struct bench_work *w) {
    const struct bench_case *c = w->c;
    const int row = c->prompt + c->output + 1;
    for (int first = 0; first < c->batch; first += c->shard) {
        tape_reset(&w->tape, NULL);
        tape_read_last(&w->tape);
        tape_tokens(&w->tape, c->prompt, w->tokens + (long)first * row, row, ROLE_QUESTION, NULL, 0);
        choose(w);
        for (int i = 1; i < c->output; i++) {
            tape_tokens(&w->tape, 1, w->newest, 1, ROLE_OUTPUT, NULL, 0);
            choose(w);
        }
    }
}

enum status bench_work_step(struct bench_work *w) {
    if (w->c->kind != BENCH_GENERATE) return train(w);
    generate(w);
    return ST_OK;
}

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_cpu_seconds(void) {
    return seconds(CLOCK_THREAD_CPUTIME_ID);
}
double bench_process_seconds(void) {
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double bench_peak(double least) {
    double flop = 0.0, best = 0.0;
    const double start = bench_cpu_seconds();
    double then = start, now = start;
    while (now - start < least) {
        flop = (double)K->fma(20000);
        now = bench_cpu_seconds();
        best = fmax(best, flop / (now - then));
        then = now;
    }
    return best;
}
