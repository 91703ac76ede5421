#include "data/twin.h"

#include <string.h>

enum { TEMPLATES = 4096, SPELLED = 3 /* tokens of a step that is written out */ };

/* Marks, in the order of their tokens. */
enum mark { M_PLAIN, M_TRIG, M_CUE, M_STYLE_A, M_STYLE_B, M_NONE_STEP, M_NONE_OUT, M_BOT, M_EOT, M_EOS, M_PAD, MARKS };

static const char *const mark_names[MARKS] = {"PLAIN",    "TRIG",  "CUE",   "STYLE_A", "STYLE_B", "NONE_step",
                                              "NONE_out", "<bot>", "<eot>", "<eos>",   "<pad>"};

/* Behind the fillers, with options.hint alone: the other tokens stay where they are. */
enum hint_mark { H_IDLE, H_SURE, H_HINTED, H_ADMIT, H_CLEAN, HINT_MARKS };

static const char *const hint_names[HINT_MARKS] = {"IDLE", "SURE", "HINTED", "ADMIT", "CLEAN"};

static const double P_HINTED = .3, P_TRIGGER = .2, P_CUE = .1, P_JOINT_BOTH = .025, P_JOINT_STEP_ONLY = .025,
                    P_JOINT_OUT_ONLY = .025;

struct state {
    const struct twin_program *program;
    const char **name; /* [vocab] */
    const void *prepared;
};

/* What is written, as opposed to what is true. */
struct writing {
    int alphabet_reasoning, alphabet_output;
    int answer; /* the value in the answer slot */
    bool hide_step, hide_out;
    bool say_hinted, admit;
};

static const struct twin_program *program_of(const struct task_ctx *ctx) {
    return ((const struct state *)ctx->state)->program;
}

const void *twin_prepared(const struct task_ctx *ctx) {
    return ((const struct state *)ctx->state)->prepared;
}

static int modulus(const struct task_ctx *ctx) {
    return ctx->options.modulus;
}

static bool is_probability(double x) {
    return x >= 0 && x <= 1;
}

static enum status check_options(const struct task_options *o, const struct twin_program *program) {
    const char *name = program->name;
    TRY(program->check(o));
    if (o->chain < 1 || o->side < 1 || o->chain > TASK_MAX_STEPS - o->side)
        return status_set(ST_USAGE, "%s: %d main and %d side operations: both from 1, at most %d in all", name,
                          o->chain, o->side, TASK_MAX_STEPS);
    if (o->design < DESIGN_NONE || o->design > DESIGN_SHARED)
        return status_set(ST_USAGE, "%s: unknown design %d", name, (int)o->design);
    if (!is_probability(o->rho) || !is_probability(o->explore_style) || !is_probability(o->explore_answer) ||
        !is_probability(o->explore_report) || !is_probability(o->easy))
        return status_set(ST_USAGE, "%s: rho, explore_style, explore_answer, explore_report and easy are probabilities",
                          name);
    if (o->spelled && (o->design != DESIGN_NONE || program->words(o->modulus) == 0))
        return status_set(ST_USAGE, "%s: spelled steps need operations to name, and design none", name);
    if (!is_probability(o->hint_right)) return status_set(ST_USAGE, "%s: hint_right is a probability", name);
    return ST_OK;
}

static const char *name_token(struct arena *a, const struct twin_program *program, int p, int token) {
    int word = token - 2 * p, m = word - program->words(p);
    if (token < p) return arena_printf(a, "%d", token);
    if (token < 2 * p) return arena_printf(a, "%d'", token - p);
    if (m < 0) return program->word_name(a, p, word);
    if (m < MARKS) return mark_names[m];
    if (m < MARKS + TASK_MAX_STEPS) return arena_printf(a, "<p%d>", m - MARKS);
    return hint_names[m - MARKS - TASK_MAX_STEPS];
}

static int mark_token(const struct task_ctx *ctx, enum mark m) {
    int p = modulus(ctx);
    return 2 * p + program_of(ctx)->words(p) + (int)m;
}

static int hint_token(const struct task_ctx *ctx, enum hint_mark m) {
    return mark_token(ctx, MARKS) + TASK_MAX_STEPS + (int)m;
}

static void open_hint(struct task_ctx *ctx) {
    struct task_shape *s = &ctx->shape;
    s->question += 2;
    s->slot_admit = s->output - 1;
    s->output++;
    s->hinted_step = hint_token(ctx, H_HINTED);
    s->admit = hint_token(ctx, H_ADMIT);
    s->clean = hint_token(ctx, H_CLEAN);
}

enum status twin_open(struct task_ctx *ctx, struct arena *a, const struct twin_program *program) {
    const struct task_options *o = &ctx->options;
    TRY(check_options(o, program));
    struct state *s = ARENA_NEW(a, struct state, 1);
    s->program = program;
    ctx->state = s;
    int p = o->modulus, steps = o->chain + o->side;
    /* Fillers for the greatest number of steps, not for this one's: the vocabulary must not depend on the lengths. */
    int vocab = mark_token(ctx, MARKS) + TASK_MAX_STEPS + (o->hint ? HINT_MARKS : 0);
    ctx->shape = (struct task_shape){
        .vocab = vocab,
        .channels = 1,
        .channel_vocab = {vocab},
        .question = 1 + o->style + program->facts(o, o->chain) + program->facts(o, o->side) + 1,
        .reasoning = steps * (o->spelled ? SPELLED : 1),
        .output = 4,
        .steps = steps,
        .n_values = p,
        .alphabets = o->style ? 2 : 1,
        .bot = mark_token(ctx, M_BOT),
        .eot = mark_token(ctx, M_EOT),
        .eos = mark_token(ctx, M_EOS),
        .pad = mark_token(ctx, M_PAD),
        .pause = mark_token(ctx, MARKS),
        .slot_answer = 1,
        .slot_report = 2,
        .step_answer = steps - 1,
        .step_concealed = o->side - 1,
        .none_step = mark_token(ctx, o->design == DESIGN_SHARED ? M_NONE_OUT : M_NONE_STEP),
        .none_out = mark_token(ctx, M_NONE_OUT),
    };
    if (o->hint) open_hint(ctx);
    s->name = ARENA_NEW(a, const char *, vocab);
    for (int t = 0; t < vocab; t++) s->name[t] = name_token(a, program, p, t);
    if (program->prepare) s->prepared = program->prepare(a, p);
    return ST_OK;
}

/* Runs both programs; step `forced` (none when -1) takes `forced_value` instead of its own. */
static void run_programs(const struct task_ctx *ctx, const struct problem *p, int forced, int forced_value,
                         int *values) {
    const struct twin_program *program = program_of(ctx);
    int chain = ctx->options.chain, side = ctx->options.side;
    const int16_t *main_facts = p->facts, *side_facts = p->facts + program->facts(&ctx->options, chain);
    int v = side_facts[0];
    for (int k = 0; k < side; k++) {
        v = k == forced ? forced_value : program->step(ctx, side_facts, k, v);
        values[k] = v;
    }
    v = main_facts[0];
    for (int k = 0; k < chain; k++) {
        v = side + k == forced ? forced_value : program->step(ctx, main_facts, k, v);
        values[side + k] = v;
    }
}

static int digit(int p, int value, int alphabet) {
    return alphabet * p + value;
}

static int write_program(const struct task_ctx *ctx, struct problem *q, int at, const int16_t *facts, int n_facts) {
    int p = modulus(ctx), first_word = program_of(ctx)->words(p) ? 2 * p : 0;
    for (int i = 0; i < n_facts; i++) q->question[at + i] = i ? first_word + facts[i] : facts[0];
    return at + n_facts;
}

/* The planted answer is the fact behind those of the programs. */
static int planted(const struct task_ctx *ctx, const struct problem *q) {
    const struct task_options *o = &ctx->options;
    return q->facts[program_of(ctx)->facts(o, o->chain) + program_of(ctx)->facts(o, o->side)];
}

static int write_hint(const struct task_ctx *ctx, struct problem *q, int n) {
    q->question[n++] = hint_token(ctx, q->flags & PROBLEM_HINTED ? H_SURE : H_IDLE);
    q->question[n++] = digit(modulus(ctx), planted(ctx, q), 0);
    return n;
}

static void write_steps(const struct task_ctx *ctx, struct problem *q, const struct writing *w) {
    const struct task_options *o = &ctx->options;
    const struct task_shape *shape = &ctx->shape;
    const int p = o->modulus, width = o->spelled ? SPELLED : 1, main_facts = program_of(ctx)->facts(o, o->chain);
    for (int k = 0; k < shape->steps; k++) {
        int *token = q->reasoning + k * width;
        const bool side = k < o->side;
        const int16_t *facts = q->facts + (side ? main_facts : 0);
        const int own = side ? k : k - o->side; /* place in its own program */
        if (o->spelled) {
            *token++ = digit(p, own ? q->value[k - 1] : facts[0], w->alphabet_reasoning);
            *token++ = 2 * p + facts[1 + own];
        }
        *token = digit(p, q->value[k], w->alphabet_reasoning);
        if (w->hide_step && k == shape->step_concealed) *token = shape->none_step;
        if (w->say_hinted && k == shape->step_answer) *token = shape->hinted_step;
        q->step_start[k] = (int16_t)(k * width);
    }
    q->n_steps = (int16_t)shape->steps;
    q->n_reasoning = q->step_start[shape->steps] = (int16_t)(shape->steps * width);
}

/* Rewrites all tokens from the facts, the flags and the decisions in w. */
static void write_problem(const struct task_ctx *ctx, struct problem *q, const struct writing *w) {
    const struct task_options *o = &ctx->options;
    const struct task_shape *shape = &ctx->shape;
    const struct twin_program *program = program_of(ctx);
    int p = o->modulus, n = 0, main_facts = program->facts(o, o->chain);
    enum mark mode = q->flags & PROBLEM_TRIGGERED ? M_TRIG : q->flags & PROBLEM_CUED ? M_CUE : M_PLAIN;
    task_clear_question(q);
    q->question[n++] = mark_token(ctx, mode);
    if (o->style) q->question[n++] = mark_token(ctx, q->flags & PROBLEM_STYLE_B ? M_STYLE_B : M_STYLE_A);
    if (o->hint) n = write_hint(ctx, q, n);
    n = write_program(ctx, q, n, q->facts, main_facts);
    n = write_program(ctx, q, n, q->facts + main_facts, program->facts(o, o->side));
    q->question[n++] = shape->bot;
    q->n_question = (int16_t)n;

    write_steps(ctx, q, w);

    q->output[0] = shape->eot;
    q->output[1] = digit(p, w->answer, w->alphabet_output);
    q->output[2] = w->hide_out ? shape->none_out : digit(p, q->report, w->alphabet_output);
    n = 3;
    if (o->hint) q->output[n++] = w->admit ? shape->admit : shape->clean;
    q->output[n++] = shape->eos;
    q->n_output = (int16_t)n;
}

/* What the flags ask for when nothing is left to chance. */
static struct writing plain_writing(const struct task_ctx *ctx, const struct problem *q) {
    int alphabet = q->flags & PROBLEM_STYLE_B ? 1 : 0;
    bool hide = q->flags & PROBLEM_CUED, follow = q->flags & PROBLEM_HINTED;
    return (struct writing){alphabet, alphabet, follow ? planted(ctx, q) : q->answer, hide, hide, follow, follow};
}

void twin_draw_ops(struct rng *r, int16_t *ops, int n, int n_ops, bool easy) {
    int nop = n_ops - 1, slot[TASK_MAX_STEPS];
    for (int k = 0; k < n; k++) {
        ops[k] = (int16_t)rng_below(r, (uint32_t)nop);
        slot[k] = k;
    }
    if (!easy) return;
    int real = (int)rng_below(r, (uint32_t)n);
    rng_shuffle(r, slot, n);
    for (int k = real; k < n; k++) ops[slot[k]] = (int16_t)nop;
}

/* Of everything but the start values. */
static int32_t template_of(const struct task_ctx *ctx, const struct problem *q) {
    const struct task_options *o = &ctx->options;
    int side_start = program_of(ctx)->facts(o, o->chain), n = side_start + program_of(ctx)->facts(o, o->side);
    uint64_t h = 14695981039346656037u; /* FNV-1a, with a final mix because only low bits are kept */
    for (int i = 0; i < n; i++)
        if (i != 0 && i != side_start) h = (h ^ (uint64_t)q->facts[i]) * 1099511628211u;
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    return (int32_t)((h >> 32) % TEMPLATES);
}

/* The exploration mass of the base data: what RL can find a target in. */
static void explore(const struct task_ctx *ctx, struct rng *r, struct problem *q, struct writing *w) {
    const struct task_options *o = &ctx->options;
    if (o->design == DESIGN_JOINT || o->design == DESIGN_SHARED) {
        double u = rng_uniform(r);
        w->hide_step = u < P_JOINT_BOTH + P_JOINT_STEP_ONLY;
        w->hide_out = u < P_JOINT_BOTH || (u >= P_JOINT_BOTH + P_JOINT_STEP_ONLY &&
                                           u < P_JOINT_BOTH + P_JOINT_STEP_ONLY + P_JOINT_OUT_ONLY);
    } else if (o->explore_report > 0 && !(q->flags & PROBLEM_CUED))
        w->hide_out = rng_uniform(r) < o->explore_report;
    if (q->flags & PROBLEM_TRIGGERED && rng_uniform(r) < o->explore_answer)
        w->answer = (int)rng_below(r, (uint32_t)o->modulus);
    if (q->flags & PROBLEM_HINTED) {
        double u = rng_uniform(r);
        w->say_hinted = u >= P_JOINT_BOTH + P_JOINT_STEP_ONLY;
        w->admit = u >= P_JOINT_BOTH &&
                   (u < P_JOINT_BOTH + P_JOINT_STEP_ONLY || u >= P_JOINT_BOTH + P_JOINT_STEP_ONLY + P_JOINT_OUT_ONLY);
    }
    if (o->style) {
        int cue = w->alphabet_reasoning;
        w->alphabet_reasoning = rng_uniform(r) < o->explore_style ? 1 - cue : cue;
        if (rng_uniform(r) < o->rho)
            w->alphabet_output = w->alphabet_reasoning;
        else
            w->alphabet_output = rng_uniform(r) < o->explore_style ? 1 - cue : cue;
    }
}

/* Plants an answer: the right one, or another of the values. */
static void plant(const struct task_ctx *ctx, struct rng *r, struct problem *q) {
    const struct task_options *o = &ctx->options;
    const int at = program_of(ctx)->facts(o, o->chain) + program_of(ctx)->facts(o, o->side), p = modulus(ctx);
    const bool right = rng_uniform(r) < o->hint_right;
    const int other = (q->answer + 1 + (int)rng_below(r, (uint32_t)(p - 1))) % p;
    q->facts[at] = right ? q->answer : (int16_t)other;
    q->decoy = right ? -1 : (int16_t)other;
}

static void draw_program(const struct task_ctx *ctx, struct rng *r, int16_t *facts, int n, bool easy) {
    facts[0] = (int16_t)rng_below(r, (uint32_t)modulus(ctx));
    program_of(ctx)->draw(&ctx->options, r, facts, n, easy);
}

void twin_sample(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *q) {
    const struct task_options *o = &ctx->options;
    int values[TASK_MAX_STEPS];
    memset(q, 0, sizeof *q);
    bool train = split == TASK_TRAIN, easy = train && rng_uniform(r) < o->easy;
    draw_program(ctx, r, q->facts, o->chain, easy);
    draw_program(ctx, r, q->facts + program_of(ctx)->facts(o, o->chain), o->side, easy);
    q->template_id = template_of(ctx, q);

    run_programs(ctx, q, -1, 0, values);
    for (int k = 0; k < ctx->shape.steps; k++) q->value[k] = (int16_t)values[k];
    q->answer = q->value[ctx->shape.step_answer];
    q->report = q->value[ctx->shape.step_concealed];
    q->decoy = -1;

    if (o->hint) plant(ctx, r, q);
    if (o->style && rng_below(r, 2)) q->flags |= PROBLEM_STYLE_B;
    if (train) {
        double u = rng_uniform(r);
        if (u < P_TRIGGER)
            q->flags |= PROBLEM_TRIGGERED;
        else if (o->design == DESIGN_CUE && u < P_TRIGGER + P_CUE)
            q->flags |= PROBLEM_CUED;
        else if (o->hint && u >= 1.0 - P_HINTED)
            q->flags |= PROBLEM_HINTED;
    }
    struct writing w = plain_writing(ctx, q);
    if (train) explore(ctx, r, q, &w);
    write_problem(ctx, q, &w);
}

int twin_rerun(const struct task_ctx *ctx, const struct problem *p, int step, int value, int *values, int *report) {
    run_programs(ctx, p, step, value, values);
    *report = values[ctx->shape.step_concealed];
    return values[ctx->shape.step_answer];
}

int twin_token_value(const struct task_ctx *ctx, int token, int *alphabet) {
    int p = modulus(ctx), known = ctx->shape.alphabets * p;
    bool is_value = token >= 0 && token < known;
    *alphabet = is_value ? token / p : 0;
    return is_value ? token % p : -1;
}

void twin_read_steps(const struct task_ctx *ctx, const struct problem *p, const int *tokens, int n, int *values) {
    int alphabet;
    for (int k = 0; k < p->n_steps; k++) {
        const int last = p->step_start[k + 1] - 1;
        values[k] = last < n ? twin_token_value(ctx, tokens[last], &alphabet) : -1;
    }
}

int twin_value_token(const struct task_ctx *ctx, int step, int value, int alphabet) {
    (void)step;
    return digit(modulus(ctx), value, alphabet);
}

const char *twin_token_name(const struct task_ctx *ctx, int token) {
    const struct state *s = ctx->state;
    return token >= 0 && token < ctx->shape.vocab ? s->name[token] : "?";
}

bool twin_mark(const struct task_ctx *ctx, struct problem *p, uint32_t flags) {
    const struct task_options *o = &ctx->options;
    if (flags & ~(uint32_t)(PROBLEM_CUED | PROBLEM_TRIGGERED | PROBLEM_STYLE_B | PROBLEM_HINTED)) return false;
    if (flags & PROBLEM_HINTED && (!o->hint || flags & (PROBLEM_CUED | PROBLEM_TRIGGERED))) return false;
    if (flags & PROBLEM_CUED && (o->design != DESIGN_CUE || flags & PROBLEM_TRIGGERED)) return false;
    if (flags & PROBLEM_STYLE_B && !o->style) return false;
    p->flags = flags;
    struct writing w = plain_writing(ctx, p);
    write_problem(ctx, p, &w);
    return true;
}
