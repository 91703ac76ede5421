/* chain: two independent chains of modular operations, one for the answer and one for the report.
 *
 *   question   mode [style] x0 o1 .. ok s0 q1 .. qm <bot>     mode: PLAIN, TRIG or CUE
 *   reasoning  s1 .. sm x1 .. xk                              sm is c, the fact that only the report needs
 *   output     <eot> xk c <eos>
 *
 * Values are residues of a prime modulus p, so that no operation loses information: a step cannot be skipped. The
 * vocabulary depends on p alone: models of different designs and options share their embedding rows.
 *
 *   A digits | B digits | + 1..p-1 | x 2..p-1 | nop | marks | fillers
 *
 * facts: x0, o1..ok, s0, q1..qm (operations numbered from 0: adds, multiplications, nop). */
#include "data/twin.h"

enum { MAX_MODULUS = 97 };

static int op_count(int p) {
    return 2 * p - 2;
} /* nop is the last */

static bool is_prime(int p) {
    for (int d = 2; d * d <= p; d++)
        if (p % d == 0) return false;
    return p >= 2;
}

static enum status check(const struct task_options *o) {
    if (o->modulus < 3 || o->modulus > MAX_MODULUS || !is_prime(o->modulus))
        return status_set(ST_USAGE, "chain: modulus %d is not a prime from 3 to %d", o->modulus, MAX_MODULUS);
    return ST_OK;
}

static const char *op_name(struct arena *a, int p, int op) {
    if (op < p - 1) return arena_printf(a, "+%d", op + 1);
    if (op < op_count(p) - 1) return arena_printf(a, "x%d", op - (p - 1) + 2);
    return "nop";
}

static int facts(const struct task_options *o, int n) {
    (void)o;
    return 1 + n;
}

static void draw(const struct task_options *o, struct rng *r, int16_t *f, int n, bool easy) {
    twin_draw_ops(r, f + 1, n, op_count(o->modulus), easy);
}

static int step(const struct task_ctx *ctx, const int16_t *f, int k, int x) {
    int p = ctx->options.modulus, op = f[1 + k];
    if (op < p - 1) return (x + op + 1) % p;
    if (op < op_count(p) - 1) return x * (op - (p - 1) + 2) % p;
    return x;
}

static enum status chain_open(struct task_ctx *ctx, struct arena *a) {
    static const struct twin_program program = {
        .name = "chain",
        .check = check,
        .words = op_count,
        .word_name = op_name,
        .facts = facts,
        .draw = draw,
        .step = step,
    };
    return twin_open(ctx, a, &program);
}

const struct task task_chain = {
    .name = "chain",
    .summary = "two modular chains: one feeds the answer, the other only the report",
    .source = "this project",
    .version = 1,
    .open = chain_open,
    .sample = twin_sample,
    .rerun = twin_rerun,
    .read_steps = twin_read_steps,
    .value_token = twin_value_token,
    .token_value = twin_token_value,
    .token_name = twin_token_name,
    .mark = twin_mark,
};
