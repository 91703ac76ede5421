/* chase: two pointers followed through tables that the question spells out.
 *
 *   question   mode [style] x0 f(0) .. f(p-1) s0 g(0) .. g(p-1) <bot>
 *   reasoning  s1 .. sm x1 .. xk                  s_i = g(s_i-1), x_i = f(x_i-1); sm is c
 *   output     <eot> xk c <eos>
 *
 * f and g are permutations of 0..p-1, fresh in every question: what is learnt is the lookup, and no two pointers ever
 * meet. In easy problems a table moves only some of its entries. Entries are digits of alphabet A.
 *
 * facts: x0, f, s0, g. */
#include "data/twin.h"

enum { MAX_ENTRIES = 64 };

static enum status check(const struct task_options *o) {
    if (o->modulus < 3 || o->modulus > MAX_ENTRIES)
        return status_set(ST_USAGE, "chase: tables of %d entries: from 3 to %d", o->modulus, MAX_ENTRIES);
    return ST_OK;
}

static int no_words(int p) {
    (void)p;
    return 0;
}

static int facts(const struct task_options *o, int n) {
    (void)n;
    return 1 + o->modulus;
}

/* A permutation of all entries, or of a random subset with the others in place. */
static void draw(const struct task_options *o, struct rng *r, int16_t *f, int n, bool easy) {
    (void)n;
    int slot[MAX_ENTRIES], image[MAX_ENTRIES], p = o->modulus, moved = easy ? (int)rng_below(r, (uint32_t)p) : p;
    for (int i = 0; i < p; i++) slot[i] = i;
    rng_shuffle(r, slot, p);
    for (int i = 0; i < p; i++) image[i] = slot[i];
    rng_shuffle(r, image, moved);
    for (int i = 0; i < p; i++) f[1 + slot[i]] = (int16_t)image[i];
}

static int step(const struct task_ctx *ctx, const int16_t *f, int k, int x) {
    (void)ctx, (void)k;
    return f[1 + x];
}

static enum status chase_open(struct task_ctx *ctx, struct arena *a) {
    static const struct twin_program program = {
        .name = "chase",
        .check = check,
        .words = no_words,
        .facts = facts,
        .draw = draw,
        .step = step,
    };
    return twin_open(ctx, a, &program);
}

const struct task task_chase = {
    .name = "chase",
    .summary = "two pointers chased through tables in the question; one feeds the answer, the other only the report",
    .source = "this project",
    .version = 1,
    .open = chase_open,
    .sample = twin_sample,
    .rerun = twin_rerun,
    .read_steps = twin_read_steps,
    .value_token = twin_value_token,
    .token_value = twin_token_value,
    .token_name = twin_token_name,
    .mark = twin_mark,
};
