/* The engine's half of a comparison with another implementation: peer_driver MODEL CASE RESULT, all safetensors.
 *
 *   CASE    question [B][Q][channels], tail [B][R][channels] (R may be 0), start [B], target [B][Q + K + R] (-1: none);
 *           metadata: thoughts K, feed (hidden, projected), steps, lr, weight_decay, clip, eps
 *   RESULT  logits [lines][V] of every real position, row by row, and loss [1], both before the first update;
 *           grad.NAME of the first update, before clipping; step.I.NAME the weights after update I = 1, 2, ...
 *
 * The loss is the mean cross-entropy over the targets. Positions of the tail follow the K thoughts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/adamw.h"
#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "engine/loss.h"
#include "engine/tape.h"

struct peer {
    struct arena arena;
    struct gpt gpt;
    struct checkpoint input, result;
    int B, Q, K, R, T;
    int *question, *tail, *start, *target;
    enum feed feed;
    struct tape tape;
    struct head head;
    int *line_target; /* [head.n] */
    float *weight;    /* [head.n] */
    int n_targets;
};

static enum status integers(struct peer *p, const char *name, int **out, long dim[4]) {
    const struct checkpoint_tensor *t = checkpoint_find(&p->input, name);
    if (!t) return status_set(ST_DATA, "the case has no %s", name);
    long n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= dim[i] = t->dim[i];
    *out = ARENA_NEW(&p->arena, int, n);
    for (long i = 0; i < n; i++) (*out)[i] = (int)t->data[i];
    return ST_OK;
}

static double number(const struct peer *p, const char *key) {
    const char *text = checkpoint_meta(&p->input, key);
    if (!text) BUG("the case has no %s", key);
    return strtod(text, NULL);
}

static enum status load(struct peer *p, const char *model, const char *input) {
    long dim[4] = {0}, ignored[4];
    TRY(checkpoint_load_gpt(&p->gpt, &p->arena, model));
    TRY(checkpoint_read(&p->arena, input, &p->input));
    TRY(integers(p, "question", &p->question, dim));
    p->B = (int)dim[0], p->Q = (int)dim[1];
    TRY(integers(p, "tail", &p->tail, dim));
    p->R = (int)dim[1];
    TRY(integers(p, "start", &p->start, ignored));
    TRY(integers(p, "target", &p->target, ignored));
    p->K = (int)number(p, "thoughts");
    p->T = p->Q + p->K + p->R;
    const char *feed = checkpoint_meta(&p->input, "feed");
    p->feed = feed && strcmp(feed, "projected") == 0 ? FEED_PROJECTED : FEED_HIDDEN;
    return ST_OK;
}

/* Every real position is a line of the head. */
static void open_head(struct peer *p) {
    struct head *h = &p->head;
    head_open(h, &p->arena, &p->gpt, TAPE_TRAIN, p->B * p->T);
    p->line_target = ARENA_NEW(&p->arena, int, p->B * p->T);
    p->weight = ARENA_NEW(&p->arena, float, p->B * p->T);
    for (int b = 0; b < p->B; b++)
        for (int t = p->start[b]; t < p->T; t++, h->n++) {
            h->row[h->n] = b, h->t[h->n] = t;
            p->line_target[h->n] = p->target[b * p->T + t];
            p->n_targets += p->line_target[h->n] >= 0;
        }
    for (int i = 0; i < h->n; i++) p->weight[i] = 1.0f / (float)p->n_targets;
}

static float *result(struct peer *p, const char *name, int n_dims, long rows, long cols) {
    struct checkpoint_tensor *t = &p->result.tensors[p->result.n++];
    *t = (struct checkpoint_tensor){.name = name, .n_dims = n_dims, .dim = {rows, cols}};
    return t->data = ARENA_NEW(&p->arena, float, rows *cols);
}

/* All tensors of a flat array, under their names behind a prefix. */
static void result_flat(struct peer *p, const char *prefix, const float *flat) {
    for (int k = 0; k < p->gpt.n_tensors; k++) {
        const struct gpt_tensor *t = &p->gpt.tensors[k];
        float *out = result(p, arena_printf(&p->arena, "%s.%s", prefix, t->name), 2, t->rows, t->cols);
        memcpy(out, flat + t->offset, (size_t)t->rows * (size_t)t->cols * sizeof *out);
    }
}

/* Forward and backward; the first time also records the logits and the loss. */
static void gradient(struct peer *p, float *g, bool record) {
    const int channels = p->gpt.config.channels;
    struct tape *tape = &p->tape;
    struct gpt_views views;
    float *logp = ARENA_NEW(&p->arena, float, p->head.n);
    gpt_view(&p->gpt, g, &views);
    tape_reset(tape, p->start);
    tape_tokens(tape, p->Q, p->question, p->Q * channels, ROLE_QUESTION, NULL, 0);
    for (int i = 0; i < p->K; i++) tape_thought(tape, p->feed);
    if (p->R > 0) tape_tokens(tape, p->R, p->tail, p->R * channels, ROLE_OUTPUT, NULL, 0);
    head_forward(&p->head, tape);
    if (record) {
        float *logits = result(p, "logits", 2, p->head.n, p->head.V);
        memcpy(logits, p->head.logits, (size_t)p->head.n * (size_t)p->head.V * sizeof *logits);
    }
    loss_softmax(&p->head, p->line_target, logp);
    if (record) {
        double loss = 0.0;
        for (int i = 0; i < p->head.n; i++) loss -= (double)logp[i] / p->n_targets;
        *result(p, "loss", 1, 1, 1) = (float)loss;
    }
    loss_cross_entropy(&p->head, p->line_target, p->weight);
    head_backward(&p->head, tape, &views);
    tape_backward(tape, &views, (struct tape_cuts){0});
}

static enum status compare(struct peer *p, const char *model, const char *input, const char *output) {
    TRY(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE));
    TRY(load(p, model, input));
    const int steps = (int)number(p, "steps");
    struct adamw adamw;
    double norm;
    adamw_open(&adamw, &p->arena, &p->gpt, 0.9, 0.95, number(p, "weight_decay"), number(p, "clip"));
    adamw.eps = number(p, "eps");
    tape_open(&p->tape, &p->arena, &p->gpt, TAPE_TRAIN, p->B, p->T, p->K);
    open_head(p);
    p->result.tensors = ARENA_NEW(&p->arena, struct checkpoint_tensor, 2 + (steps + 1) * p->gpt.n_tensors);
    float *g = ARENA_NEW(&p->arena, float, p->gpt.n);
    for (int i = 1; i <= steps; i++) {
        gradient(p, g, i == 1);
        if (i == 1) result_flat(p, "grad", g);
        TRY(adamw_step(&adamw, &p->gpt, g, number(p, "lr"), NULL, &norm));
        result_flat(p, arena_printf(&p->arena, "step.%d", i), p->gpt.w);
    }
    return checkpoint_write(output, &p->result);
}

int main(int argc, char **argv) {
    static struct peer p;
    if (argc != 4) {
        fprintf(stderr, "usage: peer_driver MODEL CASE RESULT\n");
        return ST_USAGE;
    }
    arena_open(&p.arena, 0);
    enum status st = compare(&p, argv[1], argv[2], argv[3]);
    if (st != ST_OK) fprintf(stderr, "peer_driver: %s\n", status_message());
    arena_close(&p.arena);
    return st;
}
