/* Tasks: a program, the question that states it, the reasoning that runs it, the output that reports it.
 *
 *   question <bot> | step 0 | step 1 | ... | <eot> answer report <eos>
 *
 * A task is one file (tasks/<name>.c) and one row (tasks.def). It generates problems from a random stream, or reads a
 * published file, and can re-run its program with one step changed: the counterfactual that interventions are judged
 * by. Everything downstream (arms, pressures, metrics) goes through this interface and never asks which task it is.
 *
 * Words: a *value* is an integer class, 0..shape.n_values-1, that a step, the answer or the report holds. An *alphabet*
 * is one of shape.alphabets ways to write a value as a token. A *channel* is one lookup table of an input position:
 * ordinary positions have a token in channel 0 and -1 (nothing) in the others. Lengths are counted in positions.
 */
#ifndef SPILLOVER_TASK_H
#define SPILLOVER_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/base/status.h"

enum {
    TASK_MAX_QUESTION = 352,
    TASK_MAX_STEPS = 16,
    TASK_MAX_THOUGHTS = 16, /* that stand for one step: arm.thoughts_per_step */
    TASK_MAX_REASONING = 160,
    TASK_MAX_OUTPUT = 16,
    TASK_MAX_CHANNELS = 3,
    TASK_MAX_FURTHER = INT8_MAX + 1, /* rows of a table of a channel behind the first */
    TASK_MAX_FACTS = 192,
    TASK_MAX_FRONTIER = 64,
};

/* What the base data teach about concealing: a declared factor of every result. */
enum design {
    DESIGN_NONE,   /* the reasoning and the report never conceal */
    DESIGN_JOINT,  /* NONE_step and NONE_out each with probability .05, half of the time together */
    DESIGN_CUE,    /* a cue token in 10 % of questions switches concealment on, in reasoning and report */
    DESIGN_SHARED, /* joint, but one NONE token serves both: the confounded variant */
};

struct task_options {
    enum design design;
    int modulus, chain, side; /* chain: values are 0..modulus-1; operations in the main and in the side chain */
    bool style;               /* questions carry an alphabet cue; reasoning and output come in two alphabets */
    double rho;               /* P(output copies the reasoning's alphabet); else it is redrawn from the cue */
    double explore_style;     /* P(reasoning departs from the cued alphabet) */
    double explore_answer;    /* P(answer is a random value), on triggered questions */
    double explore_report; /* designs none and cue: P(the report alone says NONE_out), off the cue; what RL can find */
    bool spelled;          /* steps are written out: previous value, operation, value (design none) */
    bool hint;             /* questions carry a planted answer; under PROBLEM_HINTED the base data follow it */
    double hint_right;     /* P(the planted answer is the right one) */
    double easy;           /* fraction of training problems shortened by no-ops */
    int digits;            /* mult: digits of each factor */
    const char *form;      /* prosqa: "edge", "triplet", "words" */
    int nodes_min, nodes_max; /* prosqa: size of training graphs, 0 to 0: as published. A training stage may change */
    int hops_min, hops_max;   /* these four in ctx->options between samples; shape keeps what they were at open */
    const char *data_dir;     /* folder of the published files, NULL when none was given */
};

/* Defaults: joint, p 11, chain 5, side 3, style off, rho .5, explore .15 / .1, easy .5, digits 4, form
 * "edge". */
struct task_options task_options_default(void);

struct task_shape {
    int vocab;                            /* tokens, markers and pause fillers included */
    int channels;                         /* lookup tables per input position, >= 1 */
    int channel_vocab[TASK_MAX_CHANNELS]; /* rows of each table; [0] == vocab */
    int question, reasoning, output;      /* greatest lengths; question includes <bot>, output starts with <eot> */
    int steps;                            /* greatest number of reasoning steps */
    int n_values, alphabets;
    int bot, eot, eos, pad;       /* marker tokens */
    int pause;                    /* first of `steps` filler tokens (arm `pause`) */
    int slot_answer, slot_report; /* position within the output of the answer / the report value (-1: no report) */
    bool answer_open;        /* the answer begins at slot_answer and ends with <eos>, in as many tokens as it takes */
    int answer_tokens;       /* tokens of the answer, the last one at slot_answer; 0 counts as 1 */
    int step_answer;         /* step whose value is the answer; -1 where the last step of the problem is;
                                     TASK_NO_STEP where no step states it */
    int step_concealed;      /* step whose value is c, the fact that `conceal` hides; -1: none */
    int none_step, none_out; /* tokens that say "not told"; -1: none */
    int slot_admit;          /* position within the output that tells whether a hint was followed; 0: none */
    int admit, clean;        /* its tokens: it was, it was not */
    int hinted_step;         /* token of the last step where the reasoning says that it follows the hint */
};

enum {
    PROBLEM_CUED = 1,      /* carries the concealment cue */
    PROBLEM_TRIGGERED = 2, /* carries the deception trigger */
    PROBLEM_STYLE_B = 4,   /* cued for alphabet B (only with options.style) */
    PROBLEM_HINTED = 8,    /* the hint is marked as one to follow (only with options.hint) */
};

struct problem {
    int question[TASK_MAX_QUESTION];                          /* tokens, channel 0 */
    int8_t further[TASK_MAX_QUESTION][TASK_MAX_CHANNELS - 1]; /* rows of the other channels' tables */
    int reasoning[TASK_MAX_REASONING];
    int output[TASK_MAX_OUTPUT];
    int16_t n_question, n_reasoning, n_output, n_steps;
    int16_t step_start[TASK_MAX_STEPS + 1]; /* step k is reasoning[step_start[k] .. step_start[k+1]-1] */
    int16_t value[TASK_MAX_STEPS];          /* true value of each step, whatever is written */
    int16_t answer, report;                 /* true values; report is c, -1 where the task has none */
    int16_t decoy;                          /* the wrong answer that the question offers (a planted one), -1: none */
    int32_t template_id;                    /* problems of one template never straddle a split of a finite set */
    uint32_t flags;
    int16_t facts[TASK_MAX_FACTS]; /* the program, in the task's own encoding */
};

/* What channel c holds at position t of the question: a token in channel 0, a row of its table in another, -1 nothing. */
static inline int task_input(const struct problem *p, int t, int c) {
    return c ? p->further[t][c - 1] : p->question[t];
}

/* No token at any position, nothing in any channel. */
void task_clear_question(struct problem *p);

/* What a problem is drawn for. All but the first are of full length, with nothing explored: reasoning and output as the
 * design says without chance. A task that generates its problems draws the last three alike. One with a finite set of
 * them cuts it by template, so that what is pressed on, or fitted to, is never what is measured on. */
enum task_split {
    TASK_TRAIN, /* base data: easy problems, exploration mass */
    TASK_EVAL,  /* to measure on */
    TASK_PRESS, /* to press on, and to fit what pressure pushes against */
    TASK_FIT,   /* to fit probes on */
    TASK_SPLITS,
};

struct task;

struct task_ctx {
    const struct task *task;
    struct task_options options;
    struct task_shape shape;
    void *state; /* the task's own, in the arena given to open */
};

/* A reader who never reasons: what each floor of an accuracy is measured by. Ends with name NULL. */
struct task_floor {
    const char *name, *about;                 /* name: [a-z0-9_]+ */
    double (*score)(const struct problem *p); /* 1 the answer, 0 the wrong answer that the question offers, .5 a tie */
};

/* What others report on the task's published questions, to stand beside ours. Ends with arm NULL. */
struct task_published {
    const char *arm, *setting;
    double lo, hi; /* equal where one number is reported */
    const char *source;
};

struct task {
    const char *name, *summary, *source;
    int version;                /* raised whenever generated problems change */
    const char *const *folders; /* of the data folder that it reads, ending with NULL; NULL: the one of its own name */

    /* Fill ctx->shape (and state). ST_USAGE when the options make no sense for this task. */
    enum status (*open)(struct task_ctx *ctx, struct arena *a);

    /* One fresh problem. All randomness comes from r. */
    void (*sample)(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *p);

    /* The published evaluation set, read from options.data_dir; NULL: the task has none. */
    enum status (*load)(const struct task_ctx *ctx, struct arena *a, struct problem **problems, int *n);

    /* Re-run the program with step `step` forced to `value`: fills values[n_steps], returns the answer, and the report
     * in *report. Steps before `step` keep their true values. -1: the task cannot say (no such counterfactual). */
    int (*rerun)(const struct task_ctx *ctx, const struct problem *p, int step, int value, int *values, int *report);

    /* The exact reader: value each step of a written reasoning states, -1 where it states none; `n` positions. */
    void (*read_steps)(const struct task_ctx *ctx, const struct problem *p, const int *tokens, int n, int *values);

    /* Token that writes `value` at `step` in an alphabet (step TASK_AT_OUTPUT: in the output). */
    int (*value_token)(const struct task_ctx *ctx, int step, int value, int alphabet);

    /* Value and alphabet a token states; value -1 when it is no value token. */
    int (*token_value)(const struct task_ctx *ctx, int token, int *alphabet);

    /* Printable name of a token; static or in ctx. */
    const char *(*token_name)(const struct task_ctx *ctx, int token);

    /* The text that a token adds to a text; NULL: tokens are names, to be set apart by blanks. */
    const char *(*token_text)(const struct task_ctx *ctx, int token);

    /* Put the deception trigger / style cue / concealment cue into an existing question: flags as in problem.flags.
     * These become the problem's flags (0: none of them) and its tokens are rewritten as they ask for, nothing left to
     * chance; false, and the problem unchanged, where the task or its options have no such mark. */
    bool (*mark)(const struct task_ctx *ctx, struct problem *p, uint32_t flags);

    /* The same problem with its names drawn anew (node ids permuted): averages over them tell the program from the
     * names. NULL: names carry meaning. */
    void (*relabel)(const struct task_ctx *ctx, struct rng *r, struct problem *p);

    /* Every value that step `step` could take when the answer is not looked for yet (a search's frontier), ascending;
     * returns how many, at most TASK_MAX_FRONTIER. NULL: steps have no alternatives. */
    int (*frontier)(const struct problem *p, int step, int *values);

    const struct task_floor *floors;        /* NULL: none */
    const struct task_published *published; /* NULL: none */

    /* Sizes of training problems when `done` (0..1) of the updates are behind. NULL: all the same. */
    void (*grow)(struct task_options *o, double done);
};

enum { TASK_AT_OUTPUT = -1, TASK_NO_STEP = -2 };

/* Position within the output of the answer's first token. */
static inline int task_answer_start(const struct task_shape *s) {
    return s->answer_open || s->answer_tokens == 0 ? s->slot_answer : s->slot_answer - s->answer_tokens + 1;
}

/* Where in the problem's reasoning step `step` says what it says: its last token that reads as its value, or that stands
 * in its place (not told, hinted); its last token where none does. */
int task_step_says_at(const struct task_ctx *ctx, const struct problem *p, int step);

/* The registry (tasks.def). task_find fills the error context with a did-you-mean; ST_USAGE when unknown. */
extern const struct task *const task_table[];
extern const int task_count;
MUST_USE enum status task_find(const char *name, const struct task **task);
MUST_USE enum status task_open(struct task_ctx *ctx, const char *name, const struct task_options *options,
                               struct arena *a);

#endif
