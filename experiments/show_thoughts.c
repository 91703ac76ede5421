/* The decoded-thought report. */
#include <string.h>

#include "experiments/show_internal.h"

enum { NEAREST = 5 };

static const char *text_of(const struct showing *s, int token) {
    const struct task *t = s->task.task;
    return t->token_text ? t->token_text(&s->task, token) : t->token_name(&s->task, token);
}

/* Tokens [n] as a text; names are set apart by blanks. */
static const char *join(const struct showing *s, const int *tokens, int n) {
    const char *text = "";
    for (int i = 0; i < n && tokens[i] >= 0; i++)
        text = arena_printf(s->arena, "%s%s%s", text, i && !s->task.task->token_text ? " " : "", text_of(s, tokens[i]));
    return text;
}

/* A token may be a line's end, or half of a character. */
static void print_quoted(FILE *to, const char *text) {
    fputc('"', to);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c == '"' || *c == '\\')
            fprintf(to, "\\%c", *c);
        else if (*c < ' ' || *c >= 127)
            fprintf(to, "\\x%02x", *c);
        else
            fputc(*c, to);
    fputc('"', to);
}

static void print_state(FILE *to, const struct showing *s, const struct gpt *gpt, int k, const float *state) {
    int token[NEAREST];
    double share[NEAREST];
    show_nearest(gpt, s->arena, state, NEAREST, token, share);
    fprintf(to, "  thought %d ", k);
    for (int i = 0; i < NEAREST; i++) {
        fputs(i ? ", " : "  ", to);
        print_quoted(to, text_of(s, token[i]));
        fprintf(to, " %.2f", share[i]);
    }
    fputc('\n', to);
}

/* The run of one model on one question. */
struct thinking {
    struct mind mind;
    struct runner *runner;
    struct rollout r;
};

static void open_thinking(const struct showing *s, int side, struct thinking *t) {
    t->mind = show_mind(s, side, false);
    t->runner = runner_open(s->arena, &t->mind, 1);
    rollout_open(&t->r, s->arena, &t->mind, 1);
    rollout_keep_states(&t->r, s->arena, t->mind.gpt->config.layers, 1);
}

static void print_thoughts(FILE *to, const struct showing *s, struct thinking *t, const struct problem *p) {
    const struct rollout_options greedy = {.force = {.stop = -1}};
    const struct rollout *r = &t->r;
    struct arena_mark mark = arena_mark(s->arena);
    runner_run(t->runner, &t->mind, p, &greedy, &t->r);
    print_state(to, s, t->mind.gpt, 0, r->before);
    for (int k = 0; k < r->n_reasoning[0]; k++) print_state(to, s, t->mind.gpt, k + 1, r->states + (long)k * r->C);
    fputs("  prediction  ", to);
    print_quoted(to, join(s, r->output, r->O));
    fputs(rollout_answer_exact(r, &s->task, 0, p) ? "  right\n" : "  wrong\n", to);
    arena_rewind(s->arena, mark);
}

static enum status problems_of(struct showing *s, int n, struct problem **problems, int *found) {
    const struct task *task = s->task.task;
    if (task->load && s->o->data_dir) {
        TRY(task->load(&s->task, s->arena, problems, found));
        if (*found > n) *found = n;
        return ST_OK;
    }
    struct rng r = rng_open((uint64_t)s->cell.config.seed, "decoded thoughts", 0);
    *problems = ARENA_NEW(s->arena, struct problem, n);
    for (*found = 0; *found < n; ++*found) task->sample(&s->task, &r, TASK_EVAL, &(*problems)[*found]);
    return ST_OK;
}

enum status show_thoughts(FILE *to, const struct show_options *o, int n, struct arena *a) {
    static const char *const names[SIDES] = {"before pressure", "after"};
    struct showing *s;
    struct problem *problems;
    TRY(show_open_models(&s, o, a));
    if (!s->arm || s->arm->medium != MEDIUM_LATENT)
        return status_set(ST_USAGE, "%.12s has no thoughts: its arm is not latent", s->show->key);
    const int sides = show_sides(s);
    struct thinking *thinking = ARENA_NEW(s->arena, struct thinking, SIDES);
    for (int i = 0; i < sides; i++) open_thinking(s, i, &thinking[i]);
    TRY(problems_of(s, n, &problems, &n));
    fprintf(to, "cell %.12s  %s\n", s->show->key, s->show->label);
    for (int i = 0; i < n; i++) {
        const struct problem *p = &problems[i];
        const int slot = s->task.shape.slot_answer;
        fprintf(to, "\nquestion %d\n  %s\n  steps ", i + 1, join(s, p->question, p->n_question - 1));
        fputs(join(s, p->reasoning, p->n_reasoning), to);
        fprintf(to, "\n  answer%s%s\n", s->task.task->token_text ? "" : " ",
                join(s, p->output + slot, p->n_output - slot - 1));
        for (int side = 0; side < sides; side++) {
            if (s->after) fprintf(to, " %s\n", names[side]);
            print_thoughts(to, s, &thinking[side], p);
        }
    }
    return ST_OK;
}
