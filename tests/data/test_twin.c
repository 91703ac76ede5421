#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/task.h"

/* chase and perm: programs run anew from the printed question. What they share with chain is tested there and by rates
 * here. */

static struct arena arena;

static void setup(void) {
    arena_open(&arena, 1 << 16);
}
static void teardown(void) {
    arena_close(&arena);
}

static struct task_ctx open_task(const char *name, struct task_options o) {
    struct task_ctx ctx;
    ck_assert_int_eq(task_open(&ctx, name, &o, &arena), ST_OK);
    return ctx;
}

static int number(const struct task_ctx *ctx, int token) {
    char *end;
    const char *name = ctx->task->token_name(ctx, token);
    long x = strtol(name, &end, 10);
    ck_assert_msg(end != name && *end == '\0', "%s is no digit of alphabet A", name);
    return (int)x;
}

/* The table in the question from position `at`, start value first; returns the position behind it. */
static int chase_names(const struct task_ctx *ctx, const struct problem *q, int at, int n, int *out) {
    int p = ctx->options.modulus, x = number(ctx, q->question[at]);
    bool seen[64] = {false};
    for (int i = 0; i < p; i++) {
        int entry = number(ctx, q->question[at + 1 + i]);
        ck_assert(entry < p && !seen[entry]);
        seen[entry] = true;
    }
    for (int k = 0; k < n; k++) out[k] = x = number(ctx, q->question[at + 1 + x]);
    return at + 1 + p;
}

START_TEST(chase_follows_the_printed_tables) {
    struct task_options o = task_options_default();
    for (int variant = 0; variant < 4; variant++) {
        o.design = (enum design)variant;
        o.style = variant % 2;
        o.modulus = variant < 2 ? 8 : 5;
        struct task_ctx ctx = open_task("chase", o);
        struct rng r = rng_open(1, "test", (uint64_t)variant);
        ck_assert_int_eq(ctx.shape.question, 1 + o.style + 2 * (1 + o.modulus) + 1);
        ck_assert_int_eq(ctx.shape.vocab, 2 * o.modulus + 11 + 16);
        int moved = 0, moves_eval = 0;
        for (int i = 0; i < 300; i++) {
            struct problem q;
            int truth[8];
            ctx.task->sample(&ctx, &r, i % 2 ? TASK_EVAL : TASK_TRAIN, &q);
            int at = chase_names(&ctx, &q, 1 + o.style, 5, truth + 3);
            at = chase_names(&ctx, &q, at, 3, truth);
            ck_assert_str_eq(ctx.task->token_name(&ctx, q.question[at]), "<bot>");
            ck_assert_int_eq(q.n_question, at + 1);
            for (int k = 0; k < 8; k++) ck_assert_int_eq(q.value[k], truth[k]);
            ck_assert_int_eq(q.answer, truth[7]);
            ck_assert_int_eq(q.report, truth[2]);
            int *count = i % 2 ? &moves_eval : &moved;
            for (int x = 0; x < o.modulus; x++) *count += number(&ctx, q.question[2 + o.style + x]) != x;
        }
        /* A fresh permutation of p moves p - 1 entries on average, with variance 1; half of training moves fewer. */
        ck_assert_double_eq_tol(moves_eval / 150., o.modulus - 1, 5 / sqrt(150));
        ck_assert_double_lt(moved / 150., o.modulus - 1 - 5 / sqrt(150));
    }
}
END_TEST

/* What each operation does is read off one-step problems; longer ones must then agree, whatever the options. */
START_TEST(perm_operations_are_fixed_permutations) {
    struct task_options o = task_options_default();
    o.modulus = 7;
    o.chain = o.side = 1;
    struct task_ctx ctx = open_task("perm", o);
    struct rng r = rng_open(2, "test", 0);
    int image[15][7], known = 0;
    memset(image, 0xff, sizeof image);
    ck_assert_int_eq(ctx.shape.vocab, 2 * 7 + 15 + 11 + 16);
    for (int i = 0; i < 4000; i++) {
        struct problem q;
        ctx.task->sample(&ctx, &r, i % 2 ? TASK_EVAL : TASK_TRAIN, &q);
        for (int s = 0; s < 2; s++) {
            int x = number(&ctx, q.question[1 + 2 * s]), y = q.value[s ? 0 : 1];
            int *to = &image[q.question[2 + 2 * s] - 14][x];
            known += *to < 0;
            if (*to >= 0) ck_assert_int_eq(*to, y);
            *to = y;
        }
    }
    ck_assert_int_eq(known, 15 * 7);
    int other = 0;
    for (int op = 0; op < 15; op++) {
        int sum = 0;
        for (int x = 0; x < 7; x++) sum |= 1 << image[op][x];
        ck_assert_int_eq(sum, 127);
        other += op > 0 && memcmp(image[op], image[0], sizeof image[0]) != 0;
    }
    ck_assert_int_eq(other, 14);
    ck_assert_str_eq(ctx.task->token_name(&ctx, 14 + 14), "nop");
    for (int x = 0; x < 7; x++) ck_assert_int_eq(image[14][x], x);

    o.chain = 6, o.side = 4;
    ctx = open_task("perm", o);
    for (int i = 0; i < 200; i++) {
        struct problem q;
        int v, at = 1;
        ctx.task->sample(&ctx, &r, TASK_EVAL, &q);
        for (int s = 0; s < 2; s++) {
            v = number(&ctx, q.question[at++]);
            for (int k = 0; k < (s ? 4 : 6); k++) {
                v = image[q.question[at++] - 14][v];
                ck_assert_int_eq(q.value[s ? k : 4 + k], v);
            }
            ck_assert_int_eq(s ? q.report : q.answer, v);
        }
    }
}
END_TEST

START_TEST(reruns_change_one_program_only) {
    static const char *const names[] = {"chase", "perm"};
    for (int t = 0; t < 2; t++) {
        struct task_ctx ctx = open_task(names[t], task_options_default());
        struct rng r = rng_open(3, "test", 0);
        for (int i = 0; i < 100; i++) {
            struct problem q;
            int values[8], report, step = i % 8, forced;
            ctx.task->sample(&ctx, &r, TASK_EVAL, &q);
            forced = (q.value[step] + 1 + (int)rng_below(&r, 10)) % 11;
            int answer = ctx.task->rerun(&ctx, &q, step, forced, values, &report);
            ck_assert_int_eq(values[step], forced);
            for (int k = 0; k < 8; k++) {
                bool later = k > step && (k < 3) == (step < 3);
                /* Steps are bijections: another value stays another value to the end. */
                if (k != step) ck_assert(later == (values[k] != q.value[k]));
            }
            ck_assert_int_eq(answer, values[7]);
            ck_assert_int_eq(report, values[2]);
        }
    }
}
END_TEST

START_TEST(marks_and_designs_are_those_of_chain) {
    static const char *const names[] = {"chase", "perm"};
    for (int t = 0; t < 2; t++) {
        struct task_options o = task_options_default();
        o.design = DESIGN_CUE;
        struct task_ctx ctx = open_task(names[t], o);
        struct rng r = rng_open(4, "test", 0);
        struct problem q, was;
        int cued = 0;
        ctx.task->sample(&ctx, &r, TASK_EVAL, &q);
        was = q;
        ck_assert(ctx.task->mark(&ctx, &q, PROBLEM_CUED));
        ck_assert_str_eq(ctx.task->token_name(&ctx, q.question[0]), "CUE");
        ck_assert_int_eq(q.reasoning[2], ctx.shape.none_step);
        ck_assert_int_eq(q.output[2], ctx.shape.none_out);
        for (int i = 1; i < q.n_question; i++) ck_assert_int_eq(q.question[i], was.question[i]);
        ck_assert(ctx.task->mark(&ctx, &q, 0));
        ck_assert_mem_eq(&q, &was, sizeof q);
        for (int i = 0; i < 5000; i++) {
            ctx.task->sample(&ctx, &r, TASK_TRAIN, &q);
            bool cue = q.flags & PROBLEM_CUED;
            cued += cue;
            ck_assert(cue == (q.output[2] == ctx.shape.none_out) && cue == (q.reasoning[2] == ctx.shape.none_step));
        }
        ck_assert_double_eq_tol(cued / 5000., .1, 5 * .3 / sqrt(5000));
    }
}
END_TEST

START_TEST(bad_options_are_refused) {
    static const struct {
        const char *task;
        int modulus, side;
        const char *message;
    } bad[] = {
        {"chase", 2, 3, "chase: tables of 2 entries: from 3 to 64"},
        {"chase", 65, 3, "chase: tables of 65 entries: from 3 to 64"},
        {"perm", 2, 3, "perm: permutations of 2 points: from 3 to 64"},
        {"perm", 10, 0, "perm: 5 main and 0 side operations: both from 1, at most 16 in all"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct task_options o = task_options_default();
        struct task_ctx ctx;
        o.modulus = bad[i].modulus;
        o.side = bad[i].side;
        ck_assert_int_eq(task_open(&ctx, bad[i].task, &o, &arena), ST_USAGE);
        ck_assert_str_eq(status_message(), bad[i].message);
    }
}
END_TEST

Suite *suite_twin(void) {
    Suite *s = suite_create("twin");
    TCase *tc = tcase_create("twin");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, chase_follows_the_printed_tables);
    tcase_add_test(tc, perm_operations_are_fixed_permutations);
    tcase_add_test(tc, reruns_change_one_program_only);
    tcase_add_test(tc, marks_and_designs_are_those_of_chain);
    tcase_add_test(tc, bad_options_are_refused);
    suite_add_tcase(s, tc);
    return s;
}
