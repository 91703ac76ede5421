/* Channels, their vectors step by step, and labels. */
#include "metrics/decode.h"

#include <string.h>

const char *const decode_concept_name[DECODE_CONCEPTS] = {"value", "c", "previous", "answer"};

static const struct problem *problems_of(const struct measurement *m, enum decode_side side) {
    return side == DECODE_FIT ? m->fit : m->test;
}

static int count_of(const struct measurement *m, enum decode_side side) {
    return side == DECODE_FIT ? m->n_fit : m->n_test;
}

int decode_label(const struct task_ctx *task, const struct problem *p, enum decode_concept c, int step) {
    switch (c) {
    case DECODE_VALUE:
        return step < p->n_steps ? p->value[step] : -1;
    case DECODE_C:
        return task->shape.step_concealed >= 0 ? p->report : -1;
    case DECODE_PREVIOUS:
        return step > 0 ? p->value[step - 1] : -1;
    case DECODE_ANSWER:
        return p->answer;
    case DECODE_CONCEPTS:
        break;
    }
    BUG("concept %d", (int)c);
}

struct decode_channel decode_channel_u(const struct rollout *fit, const struct rollout *test) {
    return (struct decode_channel){
        .view = "u",
        .layer = -1,
        .d = fit->C,
        .item = (long)fit->R * fit->C,
        .position = fit->C,
        .side = {fit->u, test->u},
        .length = {fit->n_reasoning, test->n_reasoning},
    };
}

bool decode_span(const struct measurement *m, const struct decode_channel *c, enum decode_side side, int i, int k,
                 int *from, int *to) {
    const struct problem *p = problems_of(m, side) + i;
    if (k >= p->n_steps) return false;
    if (c->position == 0) {
        *from = 0;
        *to = 1;
        return true;
    }
    if (m->mind->medium == MEDIUM_TEXT) {
        *from = p->step_start[k];
        *to = p->step_start[k + 1];
    } else {
        const int R = m->own_test.R, steps = m->mind->task->shape.steps;
        *from = k * R / steps;
        *to = (k + 1) * R / steps;
    }
    return *from < *to && *to <= c->length[side][i];
}

int decode_widest(const struct measurement *m, const struct decode_channel *c, int k) {
    int widest = 0, from, to;
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < count_of(m, side); i++)
            if (decode_span(m, c, side, i, k, &from, &to) && to - from > widest) widest = to - from;
    return widest;
}

void decode_take(struct decode_rows *rows, struct arena *a, const struct measurement *m, const struct decode_channel *c,
                 enum decode_side side, int step, int place) {
    const int n = count_of(m, side), widest = place >= 0 ? 1 : decode_widest(m, c, step);
    const struct problem *p = problems_of(m, side);
    *rows = (struct decode_rows){.d = widest * c->d};
    rows->item = ARENA_NEW(a, int, n);
    rows->group = ARENA_NEW(a, int, n);
    rows->X = ARENA_NEW(a, float, (size_t)n *(size_t)rows->d);
    for (int i = 0; i < n; i++) {
        int from, to;
        if (side == DECODE_FIT && m->decode->left_out[i]) continue;
        if (!decode_span(m, c, side, i, step, &from, &to)) continue;
        if (place >= 0) {
            if (place >= to - from) continue;
            from += place;
            to = from + 1;
        }
        float *x = rows->X + (long)rows->n * rows->d;
        for (int t = from; t < to; t++)
            memcpy(x + (long)(t - from) * c->d, c->side[side] + i * c->item + t * c->position,
                   (size_t)c->d * sizeof *x);
        rows->item[rows->n] = i;
        rows->group[rows->n++] = p[i].template_id;
    }
}

struct probe_items decode_items(struct arena *a, const struct measurement *m, const struct decode_rows *rows,
                                enum decode_side side, enum decode_concept concept, int step) {
    const struct problem *p = problems_of(m, side);
    const struct task_ctx *task = m->mind->task;
    int *y = ARENA_NEW(a, int, rows->n), *group = rows->group, n = 0;
    float *X = rows->X;
    bool all = true;
    for (int r = 0; r < rows->n; r++) all &= decode_label(task, &p[rows->item[r]], concept, step) >= 0;
    if (!all) {
        group = ARENA_NEW(a, int, rows->n);
        X = ARENA_NEW(a, float, (size_t)rows->n *(size_t)rows->d);
    }
    for (int r = 0; r < rows->n; r++) {
        const int label = decode_label(task, &p[rows->item[r]], concept, step);
        if (label < 0) continue;
        y[n] = label;
        if (!all) {
            group[n] = rows->group[r];
            memcpy(X + (long)n * rows->d, rows->X + (long)r * rows->d, (size_t)rows->d * sizeof *X);
        }
        n++;
    }
    return (struct probe_items){
        .n = n, .d = rows->d, .K = task->shape.n_values, .ld = rows->d, .X = X, .y = y, .group = group};
}

bool decode_enough(const struct probe_items *fit, const struct probe_items *test) {
    return fit->d > 0 && fit->n >= 4 * fit->K && test->n >= 4;
}

int decode_says(const struct decode_reading *r, int i) {
    const float *p = r->p + (long)i * r->K;
    int best = 0;
    bool alike = true;
    for (int v = 1; v < r->K; v++) {
        alike &= p[v] == p[0];
        if (p[v] > p[best]) best = v;
    }
    return alike ? -1 : best;
}
