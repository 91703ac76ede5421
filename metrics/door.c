#include "metrics/door.h"

#include <math.h>
#include <string.h>

enum { DOOR_ROWS = 64 };

void door_open(struct door *d, const struct measurement *m) {
    const struct rollout *own = &m->own_test;
    const bool text = m->mind->medium == MEDIUM_TEXT;
    const size_t reasoning = (size_t)own->R * (size_t)own->C;
    *d = (struct door){.mind = *m->mind, .runner = m->runner, .R = own->R, .C = own->C};
    d->item = ARENA_NEW(m->arena, int, m->n_test);
    d->problems = ARENA_NEW(m->arena, struct problem, m->n_test);
    d->own = ARENA_NEW(m->arena, float, reasoning *(size_t)m->n_test);
    for (int i = 0; i < m->n_test; i++) {
        if (own->n_reasoning[i] != own->R || (text && m->mind->face)) continue;
        memcpy(d->own + (long)d->n * (long)reasoning, own->u + (long)i * (long)reasoning, reasoning * sizeof(float));
        d->problems[d->n] = m->test[i];
        d->item[d->n++] = i;
    }
    if (text) {
        d->mind.medium = MEDIUM_LATENT;
        d->mind.feed = FEED_HIDDEN;
        d->mind.thoughts = own->R;
        d->runner = runner_open(m->arena, &d->mind, DOOR_ROWS);
    }
    rollout_open(&d->out, m->arena, &d->mind, d->n);
}

void door_run(struct door *d, const float *vectors) {
    const struct rollout_options o = {.force = {.until = d->R, .stop = -1, .vectors = vectors}};
    if (d->n) runner_run(d->runner, &d->mind, d->problems, &o, &d->out);
}

double door_changed(const struct door *d, const struct measurement *m) {
    const struct task_ctx *task = d->mind.task;
    int changed = 0;
    for (int i = 0; i < d->n; i++)
        changed += rollout_answer(&d->out, task, i) != rollout_answer(&m->own_test, task, d->item[i]) ||
                   rollout_report(&d->out, task, i) != rollout_report(&m->own_test, task, d->item[i]);
    return (double)changed / d->n;
}

double door_loss(const struct door *d) {
    const struct task_ctx *task = d->mind.task;
    double bits = 0.0;
    for (int i = 0; i < d->n; i++) {
        const struct problem *p = &d->problems[i];
        bits -= log2(fmax(rollout_p_answer(&d->out, task, i, p->answer), 0x1p-149));
        if (task->shape.slot_report > 0) bits -= log2(fmax(rollout_p_report(&d->out, task, i, p->report), 0x1p-149));
    }
    return bits / d->n;
}
