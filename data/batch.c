#include "data/batch.h"

#include <string.h>

void batch_open(struct batch *b, struct arena *a, const struct task_shape *shape, int B) {
    int Q = shape->question, R = shape->reasoning + shape->output, C = shape->channels;
    *b = (struct batch){.B = B, .Q = Q, .R = R, .channels = C};
    b->start = ARENA_NEW(a, int, B);
    b->question = ARENA_NEW(a, int, (size_t)B *(size_t)Q *(size_t)C);
    b->tail = ARENA_NEW(a, int, (size_t)B *(size_t)R *(size_t)C);
    b->target = ARENA_NEW(a, int, (size_t)B *(size_t)R);
    b->first_target = ARENA_NEW(a, int, B);
    b->role = ARENA_NEW(a, uint8_t, (size_t)B * (size_t)R);
    b->output_start = ARENA_NEW(a, int, B);
}

/* Everything before the first real position, and everything after the last, is padding. */
static void clear(struct batch *b, int R) {
    b->R = R;
    memset(b->question, 0xff, sizeof(int) * (size_t)b->B * (size_t)b->Q * (size_t)b->channels);
    memset(b->tail, 0xff, sizeof(int) * (size_t)b->B * (size_t)R * (size_t)b->channels);
    memset(b->target, 0xff, sizeof(int) * (size_t)b->B * (size_t)R);
    memset(b->role, ROLE_PAD, (size_t)b->B * (size_t)R);
}

static void fill_question(struct batch *b, int row, const struct problem *p) {
    b->start[row] = b->Q - p->n_question;
    for (int i = 0; i < p->n_question; i++) {
        int *at = b->question + ((size_t)row * (size_t)b->Q + (size_t)(b->start[row] + i)) * (size_t)b->channels;
        for (int c = 0; c < b->channels; c++) at[c] = task_input(p, i, c);
    }
}

static void put(struct batch *b, int row, int t, int token, enum role role) {
    size_t at = (size_t)row * (size_t)b->R + (size_t)t;
    b->tail[at * (size_t)b->channels] = token;
    b->role[at] = (uint8_t)role;
    if (t > 0)
        b->target[at - 1] = token;
    else
        b->first_target[row] = token;
}

static void fill_output(struct batch *b, int row, int t, const struct problem *p) {
    b->output_start[row] = t;
    for (int i = 0; i < p->n_output; i++) put(b, row, t + i, p->output[i], ROLE_OUTPUT);
}

static int skipped(const struct problem *p, int first_step) {
    return p->step_start[first_step < p->n_steps ? first_step : p->n_steps];
}

void batch_fill(struct batch *b, const struct task_shape *shape, const struct problem *problems, int first_step) {
    (void)shape;
    int R = 0;
    for (int row = 0; row < b->B; row++) {
        const struct problem *p = &problems[row];
        int n = p->n_reasoning - skipped(p, first_step) + p->n_output;
        R = n > R ? n : R;
    }
    clear(b, R);
    for (int row = 0; row < b->B; row++) {
        const struct problem *p = &problems[row];
        fill_question(b, row, p);
        int t = 0;
        for (int i = skipped(p, first_step); i < p->n_reasoning; i++) put(b, row, t++, p->reasoning[i], ROLE_REASONING);
        fill_output(b, row, t, p);
    }
}

void batch_fill_reasoning(struct batch *b, const struct task_shape *shape, const struct problem *problems,
                          const int *reasoning, const int *n, int ld) {
    int R = 0;
    for (int row = 0; row < b->B; row++) {
        if (n[row] > shape->reasoning || n[row] > ld) BUG("row %d: %d reasoning tokens", row, n[row]);
        int length = n[row] + problems[row].n_output;
        R = length > R ? length : R;
    }
    clear(b, R);
    for (int row = 0; row < b->B; row++) {
        fill_question(b, row, &problems[row]);
        for (int i = 0; i < n[row]; i++)
            put(b, row, i, reasoning[(size_t)row * (size_t)ld + (size_t)i], ROLE_REASONING);
        fill_output(b, row, n[row], &problems[row]);
    }
}
