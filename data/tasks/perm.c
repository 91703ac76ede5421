/* perm: the image of a point under a product of permutations, twice.
 *
 *   question   mode [style] x0 o1 .. ok s0 q1 .. qm <bot>
 *   reasoning  s1 .. sm x1 .. xk                  s_i = q_i(s_i-1), x_i = o_i(x_i-1); sm is c
 *   output     <eot> xk c <eos>
 *
 * An operation is one of 2p permutations of 0..p-1, drawn once for each p and the same in every question and seed: they
 * do not commute and follow no rule, so each must be learnt by heart.
 *
 *   A digits | B digits | perm 0..2p-1 | nop | marks | fillers
 *
 * facts: x0, o1..ok, s0, q1..qm. */
#include "data/twin.h"

enum { MAX_POINTS = 64 };

static int op_count(int p) {
    return 2 * p + 1;
} /* nop is the last */

static enum status check(const struct task_options *o) {
    if (o->modulus < 3 || o->modulus > MAX_POINTS)
        return status_set(ST_USAGE, "perm: permutations of %d points: from 3 to %d", o->modulus, MAX_POINTS);
    return ST_OK;
}

static const char *op_name(struct arena *a, int p, int op) {
    return op < op_count(p) - 1 ? arena_printf(a, "perm%d", op) : "nop";
}

static int facts(const struct task_options *o, int n) {
    (void)o;
    return 1 + n;
}

/* [op_count][p], the identity last. */
static void *prepare(struct arena *a, int p) {
    int *table = ARENA_NEW(a, int, (size_t)op_count(p) * (size_t)p);
    struct rng r = rng_open(0, "perm operations", (uint64_t)p);
    for (int op = 0; op < op_count(p); op++) {
        for (int x = 0; x < p; x++) table[op * p + x] = x;
        if (op < op_count(p) - 1) rng_shuffle(&r, table + op * p, p);
    }
    return table;
}

static void draw(const struct task_options *o, struct rng *r, int16_t *f, int n, bool easy) {
    twin_draw_ops(r, f + 1, n, op_count(o->modulus), easy);
}

static int step(const struct task_ctx *ctx, const int16_t *f, int k, int x) {
    const int *table = twin_prepared(ctx);
    return table[f[1 + k] * ctx->options.modulus + x];
}

static enum status perm_open(struct task_ctx *ctx, struct arena *a) {
    static const struct twin_program program = {
        .name = "perm",
        .check = check,
        .words = op_count,
        .word_name = op_name,
        .facts = facts,
        .prepare = prepare,
        .draw = draw,
        .step = step,
    };
    return twin_open(ctx, a, &program);
}

const struct task task_perm = {
    .name = "perm",
    .summary = "two points moved by products of fixed permutations; one feeds the answer, the other only the report",
    .source = "this project",
    .version = 1,
    .open = perm_open,
    .sample = twin_sample,
    .rerun = twin_rerun,
    .read_steps = twin_read_steps,
    .value_token = twin_value_token,
    .token_value = twin_token_value,
    .token_name = twin_token_name,
    .mark = twin_mark,
};
