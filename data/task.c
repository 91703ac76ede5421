#include "data/task.h"

#include <string.h>

#define TASK(name) extern const struct task task_##name;
#include "data/tasks.def"
#undef TASK

const struct task *const task_table[] = {
#define TASK(name) &task_##name,
#include "data/tasks.def"
#undef TASK
};

static const char *const task_names[] = {
#define TASK(name) #name,
#include "data/tasks.def"
#undef TASK
};

const int task_count = sizeof task_table / sizeof task_table[0];

struct task_options task_options_default(void) {
    return (struct task_options){
        .design = DESIGN_JOINT,
        .modulus = 11,
        .chain = 5,
        .side = 3,
        .rho = .5,
        .explore_style = .15,
        .explore_answer = .1,
        .hint_right = .3,
        .easy = .5,
        .digits = 4,
        .form = "edge",
    };
}

void task_clear_question(struct problem *p) {
    memset(p->question, 0xff, sizeof p->question);
    memset(p->further, 0xff, sizeof p->further);
}

int task_step_says_at(const struct task_ctx *ctx, const struct problem *p, int step) {
    const struct task_shape *s = &ctx->shape;
    const int last = p->step_start[step + 1] - 1, value = p->value[step];
    int alphabet;
    for (int i = last; i >= p->step_start[step]; i--) {
        const int token = p->reasoning[i];
        if (token == s->none_step || (s->slot_admit > 0 && token == s->hinted_step)) return i;
        if (value >= 0 && ctx->task->token_value(ctx, token, &alphabet) == value) return i;
    }
    return last;
}

enum status task_find(const char *name, const struct task **task) {
    for (int i = 0; i < task_count; i++)
        if (strcmp(name, task_table[i]->name) == 0) {
            *task = task_table[i];
            return ST_OK;
        }
    const char *near = status_nearest(name, task_names, task_count, sizeof task_names[0]);
    if (near) return status_set(ST_USAGE, "no task '%s': did you mean '%s'?", name, near);
    return status_set(ST_USAGE, "no task '%s'", name);
}

enum status task_open(struct task_ctx *ctx, const char *name, const struct task_options *options, struct arena *a) {
    const struct task *task = NULL;
    TRY(task_find(name, &task));
    *ctx = (struct task_ctx){.task = task, .options = *options};
    ctx->options.form = arena_strdup(a, options->form);
    if (options->data_dir) ctx->options.data_dir = arena_strdup(a, options->data_dir);
    TRY(task->open(ctx, a));
    for (int c = 1; c < ctx->shape.channels; c++)
        if (ctx->shape.channel_vocab[c] > TASK_MAX_FURTHER)
            BUG("task '%s': channel %d of %d rows", name, c, ctx->shape.channel_vocab[c]);
    return ST_OK;
}
