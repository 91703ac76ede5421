#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/task.h"

static struct arena arena;

static void setup(void) {
    arena_open(&arena, 1 << 16);
}
static void teardown(void) {
    arena_close(&arena);
}

static struct task_ctx open_chain(struct task_options o) {
    struct task_ctx ctx;
    ck_assert_int_eq(task_open(&ctx, "chain", &o, &arena), ST_OK);
    return ctx;
}

/* n successes in N trials of probability p lie within five standard deviations. */
static void assert_rate(int n, int N, double p) {
    double sd = sqrt(p * (1 - p) / N);
    ck_assert_msg(fabs((double)n / N - p) <= 5 * sd, "%d of %d, expected %.4f +- %.4f", n, N, p, 5 * sd);
}

/* The program run from the printed names of the question's tokens: shares nothing with the task's own arithmetic. */
static int run_names(const struct task_ctx *ctx, const struct problem *q, int at, int n, int *out) {
    int x = (int)strtol(ctx->task->token_name(ctx, q->question[at]), NULL, 10);
    for (int k = 0; k < n; k++) {
        const char *op = ctx->task->token_name(ctx, q->question[at + 1 + k]);
        if (op[0] == '+')
            x += (int)strtol(op + 1, NULL, 10);
        else if (op[0] == 'x')
            x *= (int)strtol(op + 1, NULL, 10);
        else
            ck_assert_str_eq(op, "nop");
        x %= ctx->options.modulus;
        out[k] = x;
    }
    return at + 1 + n;
}

static int count_nops(const struct task_ctx *ctx, const struct problem *q, int at, int n) {
    int found = 0;
    for (int k = 0; k < n; k++) found += strcmp(ctx->task->token_name(ctx, q->question[at + k]), "nop") == 0;
    return found;
}

START_TEST(layout_is_the_documented_one) {
    struct task_options o = task_options_default();
    struct task_ctx ctx = open_chain(o);
    const struct task_shape *s = &ctx.shape;
    ck_assert_int_eq(s->vocab, 69);
    ck_assert_int_eq(s->question, 12);
    ck_assert_int_eq(s->reasoning, 8);
    ck_assert_int_eq(s->output, 4);
    ck_assert_int_eq(s->none_step, 47);
    ck_assert_int_eq(s->none_out, 48);
    ck_assert_int_eq(s->bot, 49);
    ck_assert_int_eq(s->pause, 53);
    ck_assert_int_eq(s->step_answer, 7);
    ck_assert_int_eq(s->step_concealed, 2);
    static const struct {
        int token;
        const char *name;
    } names[] = {{0, "0"},        {10, "10"},      {11, "0'"},        {21, "10'"},      {22, "+1"},    {31, "+10"},
                 {32, "x2"},      {40, "x10"},     {41, "nop"},       {42, "PLAIN"},    {43, "TRIG"},  {44, "CUE"},
                 {45, "STYLE_A"}, {46, "STYLE_B"}, {47, "NONE_step"}, {48, "NONE_out"}, {49, "<bot>"}, {50, "<eot>"},
                 {51, "<eos>"},   {52, "<pad>"},   {53, "<p0>"},      {68, "<p15>"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        ck_assert_str_eq(ctx.task->token_name(&ctx, names[i].token), names[i].name);
    ck_assert_int_eq(ctx.task->value_token(&ctx, 3, 7, 1), 18);

    o.style = true;
    o.design = DESIGN_SHARED;
    o.chain = 2;
    o.side = 1;
    struct task_ctx other = open_chain(o);
    ck_assert_int_eq(other.shape.vocab, 69);
    ck_assert_int_eq(other.shape.question, 1 + 1 + 3 + 2 + 1);
    ck_assert_int_eq(other.shape.none_step, other.shape.none_out);
    int alphabet;
    ck_assert_int_eq(ctx.task->token_value(&ctx, 18, &alphabet), -1);
    ck_assert_int_eq(other.task->token_value(&other, 18, &alphabet), 7);
    ck_assert_int_eq(alphabet, 1);
}
END_TEST

START_TEST(programs_match_an_independent_run) {
    struct task_options o = task_options_default();
    for (int variant = 0; variant < 8; variant++) {
        o.design = (enum design)(variant % 4);
        o.style = variant >= 4;
        o.modulus = variant % 2 ? 11 : 7;
        struct task_ctx ctx = open_chain(o);
        struct rng r = rng_open(5, "test", (uint64_t)variant);
        for (int i = 0; i < 300; i++) {
            struct problem q;
            int truth[8], read[8], tokens[8];
            ctx.task->sample(&ctx, &r, i % 2 ? TASK_EVAL : TASK_TRAIN, &q);
            int at = run_names(&ctx, &q, 1 + o.style, 5, truth + 3);
            at = run_names(&ctx, &q, at, 3, truth);
            ck_assert_str_eq(ctx.task->token_name(&ctx, q.question[at]), "<bot>");
            ck_assert_int_eq(q.n_question, at + 1);
            for (int k = 0; k < 8; k++) {
                ck_assert_int_eq(q.value[k], truth[k]);
                ck_assert_int_eq(task_input(&q, k, 1), -1);
                tokens[k] = q.reasoning[k];
            }
            ck_assert_int_eq(q.answer, truth[7]);
            ck_assert_int_eq(q.report, truth[2]);
            ctx.task->read_steps(&ctx, &q, tokens, 8, read);
            for (int k = 0; k < 8; k++)
                if (k != 2 || q.reasoning[2] != ctx.shape.none_step) ck_assert_int_eq(read[k], truth[k]);
            ctx.task->read_steps(&ctx, &q, tokens, 4, read);
            ck_assert_int_eq(read[3], truth[3]);
            for (int k = 4; k < 8; k++) ck_assert_int_eq(read[k], -1);
            if (i % 2 == 0) continue;
            ck_assert_str_eq(ctx.task->token_name(&ctx, q.question[0]), "PLAIN");
            ck_assert_int_eq(count_nops(&ctx, &q, 2 + o.style, 9), 0);
            int base = q.flags & PROBLEM_STYLE_B ? o.modulus : 0;
            for (int k = 0; k < 8; k++) ck_assert_int_eq(q.reasoning[k], base + truth[k]);
            const int want[4] = {ctx.shape.eot, base + truth[7], base + truth[2], ctx.shape.eos};
            ck_assert_int_eq(q.n_output, 4);
            for (int k = 0; k < 4; k++) ck_assert_int_eq(q.output[k], want[k]);
        }
    }
}
END_TEST

/* A step written out: the value before it, its operation as the question has it, its value. */
START_TEST(spelled_steps_say_what_they_do) {
    struct task_options o = task_options_default();
    o.design = DESIGN_NONE;
    o.spelled = true;
    struct task_ctx ctx = open_chain(o);
    struct rng r = rng_open(15, "test", 0);
    ck_assert_int_eq(ctx.shape.reasoning, 24);
    ck_assert_int_eq(ctx.shape.steps, 8);
    for (int i = 0; i < 200; i++) {
        struct problem q;
        int read[8];
        ctx.task->sample(&ctx, &r, i % 2 ? TASK_EVAL : TASK_TRAIN, &q);
        ck_assert_int_eq(q.n_reasoning, 24);
        ck_assert_int_eq(q.step_start[8], 24);
        for (int k = 0; k < 8; k++) {
            const int *token = q.reasoning + q.step_start[k];
            /* the question: PLAIN x0 o1..o5 s0 q1..q3; steps: s1..s3 x1..x5 */
            const int start = k < 3 ? 7 : 1, own = k < 3 ? k : k - 3;
            ck_assert_int_eq(q.step_start[k], 3 * k);
            ck_assert_int_eq(token[0], own ? q.value[k - 1] : q.question[start]);
            ck_assert_int_eq(token[1], q.question[start + 1 + own]);
            ck_assert_int_eq(token[2], q.value[k]);
        }
        ctx.task->read_steps(&ctx, &q, q.reasoning, 24, read);
        for (int k = 0; k < 8; k++) ck_assert_int_eq(read[k], q.value[k]);
        ctx.task->read_steps(&ctx, &q, q.reasoning, 5, read);
        ck_assert_int_eq(read[0], q.value[0]);
        for (int k = 1; k < 8; k++) ck_assert_int_eq(read[k], -1);
    }
    o.design = DESIGN_JOINT;
    ck_assert_int_eq(task_open(&ctx, "chain", &o, &arena), ST_USAGE);
    ck_assert_str_eq(status_message(), "chain: spelled steps need operations to name, and design none");
    o.design = DESIGN_NONE;
    ck_assert_int_eq(task_open(&ctx, "chase", &o, &arena), ST_USAGE);
}
END_TEST

enum { N_RATE = 20000 };

START_TEST(designs_conceal_at_their_rates) {
    for (int d = DESIGN_NONE; d <= DESIGN_SHARED; d++) {
        struct task_options o = task_options_default();
        o.design = (enum design)d;
        struct task_ctx ctx = open_chain(o);
        struct rng r = rng_open(6, "test", (uint64_t)d);
        int step = 0, out = 0, both = 0, cued = 0, triggered = 0, wrong = 0, elsewhere = 0;
        for (int i = 0; i < N_RATE; i++) {
            struct problem q;
            ctx.task->sample(&ctx, &r, TASK_TRAIN, &q);
            const char *mode = ctx.task->token_name(&ctx, q.question[0]);
            bool hides_step = q.reasoning[2] == ctx.shape.none_step, hides_out = q.output[2] == ctx.shape.none_out;
            bool is_cued = strcmp(mode, "CUE") == 0, is_triggered = strcmp(mode, "TRIG") == 0;
            ck_assert_int_eq(is_cued, (q.flags & PROBLEM_CUED) != 0);
            ck_assert_int_eq(is_triggered, (q.flags & PROBLEM_TRIGGERED) != 0);
            step += hides_step;
            out += hides_out;
            both += hides_step && hides_out;
            cued += is_cued;
            triggered += is_triggered;
            wrong += is_triggered && q.output[1] != q.answer;
            elsewhere += !is_triggered && q.output[1] != q.answer;
            if (!hides_step) ck_assert_int_eq(q.reasoning[2], q.value[2]);
            if (!hides_out) ck_assert_int_eq(q.output[2], q.report);
            if (d == DESIGN_CUE) ck_assert(hides_step == is_cued && hides_out == is_cued);
        }
        bool mixed = d == DESIGN_JOINT || d == DESIGN_SHARED;
        assert_rate(step, N_RATE, d == DESIGN_CUE ? .1 : mixed ? .05 : 0);
        assert_rate(out, N_RATE, d == DESIGN_CUE ? .1 : mixed ? .05 : 0);
        assert_rate(both, N_RATE, d == DESIGN_CUE ? .1 : mixed ? .025 : 0);
        assert_rate(cued, N_RATE, d == DESIGN_CUE ? .1 : 0);
        assert_rate(triggered, N_RATE, .2);
        assert_rate(wrong, N_RATE, .2 * .1 * 10 / 11);
        ck_assert_int_eq(elsewhere, 0);
    }
}
END_TEST

START_TEST(reports_alone_conceal_where_told) {
    static const enum design designs[] = {DESIGN_NONE, DESIGN_CUE};
    for (int d = 0; d < 2; d++) {
        struct task_options o = task_options_default();
        o.design = designs[d];
        o.explore_report = .2;
        struct task_ctx ctx = open_chain(o);
        struct rng r = rng_open(8, "test", (uint64_t)d);
        int out = 0, uncued = 0;
        for (int i = 0; i < N_RATE; i++) {
            struct problem q;
            ctx.task->sample(&ctx, &r, TASK_TRAIN, &q);
            const bool hides_step = q.reasoning[2] == ctx.shape.none_step,
                       hides_out = q.output[2] == ctx.shape.none_out;
            if (q.flags & PROBLEM_CUED) {
                ck_assert(hides_step && hides_out);
                continue;
            }
            ck_assert(!hides_step);
            uncued++;
            out += hides_out;
        }
        assert_rate(out, uncued, .2);
        ck_assert_int_eq(uncued == N_RATE, designs[d] == DESIGN_NONE);
    }
}
END_TEST

START_TEST(easy_problems_have_fewer_operations) {
    struct task_ctx ctx = open_chain(task_options_default());
    struct rng r = rng_open(7, "test", 0);
    int main_real[6] = {0}, side_real[4] = {0}, nop_at[5] = {0}, both_full = 0;
    for (int i = 0; i < N_RATE; i++) {
        struct problem q;
        ctx.task->sample(&ctx, &r, TASK_TRAIN, &q);
        int a = 5 - count_nops(&ctx, &q, 2, 5), b = 3 - count_nops(&ctx, &q, 8, 3);
        main_real[a]++;
        side_real[b]++;
        both_full += a == 5 && b == 3;
        if (a == 4)
            for (int k = 0; k < 5; k++) nop_at[k] += count_nops(&ctx, &q, 2 + k, 1);
    }
    assert_rate(both_full, N_RATE, .5);
    for (int k = 0; k < 5; k++) assert_rate(main_real[k], N_RATE, .1);
    for (int k = 0; k < 3; k++) assert_rate(side_real[k], N_RATE, .5 / 3);
    ck_assert_int_eq(main_real[5], both_full);
    for (int k = 0; k < 5; k++) assert_rate(nop_at[k], main_real[4], .2);
}
END_TEST

START_TEST(alphabets_follow_cue_and_rho) {
    struct task_options o = task_options_default();
    o.style = true;
    o.rho = .7;
    struct task_ctx ctx = open_chain(o);
    struct rng r = rng_open(8, "test", 0);
    int cue_b = 0, departs = 0, parts = 0;
    for (int i = 0; i < N_RATE; i++) {
        struct problem q;
        int reasoning, output;
        ctx.task->sample(&ctx, &r, TASK_TRAIN, &q);
        bool b = strcmp(ctx.task->token_name(&ctx, q.question[1]), "STYLE_B") == 0;
        ck_assert_int_eq(b, (q.flags & PROBLEM_STYLE_B) != 0);
        ck_assert_int_eq(ctx.task->token_value(&ctx, q.reasoning[0], &reasoning), q.value[0]);
        ck_assert_int_ge(ctx.task->token_value(&ctx, q.output[1], &output), 0);
        for (int k = 3; k < 8; k++) ck_assert_int_eq(q.reasoning[k], reasoning * 11 + q.value[k]);
        cue_b += b;
        departs += reasoning != b;
        parts += reasoning != output;
    }
    assert_rate(cue_b, N_RATE, .5);
    assert_rate(departs, N_RATE, .15);
    assert_rate(parts, N_RATE, .3 * 2 * .15 * .85);
}
END_TEST

START_TEST(rerun_is_the_counterfactual) {
    struct task_ctx ctx = open_chain(task_options_default());
    struct rng r = rng_open(9, "test", 0);
    for (int i = 0; i < 200; i++) {
        struct problem q, fresh;
        int values[8], report, forced = (int)rng_below(&r, 11), step = i % 8;
        ctx.task->sample(&ctx, &r, TASK_EVAL, &q);
        /* The later operations applied to the forced value, run from the question of a problem that starts there. */
        fresh = q;
        int first = step < 3 ? 8 + step : 2 + step - 3, left = step < 3 ? 2 - step : 7 - step, later[5];
        fresh.question[first] = forced;
        run_names(&ctx, &fresh, first, left, later);
        int answer = ctx.task->rerun(&ctx, &q, step, forced, values, &report);
        for (int k = 0; k < 8; k++) {
            bool same_chain = (k < 3) == (step < 3);
            int want = !same_chain || k < step ? q.value[k] : k == step ? forced : later[k - step - 1];
            ck_assert_int_eq(values[k], want);
        }
        ck_assert_int_eq(answer, values[7]);
        ck_assert_int_eq(report, values[2]);
        if (step < 3) ck_assert_int_eq(answer, q.answer);
        if (step >= 3) ck_assert_int_eq(report, q.report);
    }
}
END_TEST

START_TEST(marks_rewrite_the_question_and_what_follows) {
    struct task_options o = task_options_default();
    o.design = DESIGN_CUE;
    o.style = true;
    struct task_ctx ctx = open_chain(o);
    struct rng r = rng_open(10, "test", 0);
    struct problem q, was;
    ctx.task->sample(&ctx, &r, TASK_EVAL, &q);
    ck_assert(ctx.task->mark(&ctx, &q, 0));
    was = q;
    ck_assert(ctx.task->mark(&ctx, &q, PROBLEM_CUED | PROBLEM_STYLE_B));
    ck_assert_str_eq(ctx.task->token_name(&ctx, q.question[0]), "CUE");
    ck_assert_str_eq(ctx.task->token_name(&ctx, q.question[1]), "STYLE_B");
    ck_assert_int_eq(q.reasoning[2], ctx.shape.none_step);
    ck_assert_int_eq(q.output[2], ctx.shape.none_out);
    ck_assert_int_eq(q.reasoning[7], 11 + q.answer);
    ck_assert(ctx.task->mark(&ctx, &q, PROBLEM_TRIGGERED));
    ck_assert_str_eq(ctx.task->token_name(&ctx, q.question[0]), "TRIG");
    ck_assert_mem_eq(q.output, was.output, sizeof q.output);
    ck_assert(!ctx.task->mark(&ctx, &q, PROBLEM_TRIGGERED | PROBLEM_CUED));
    ck_assert_str_eq(ctx.task->token_name(&ctx, q.question[0]), "TRIG");
    ck_assert(ctx.task->mark(&ctx, &q, 0));
    ck_assert_mem_eq(&q, &was, sizeof q);

    struct task_ctx plain = open_chain(task_options_default());
    plain.task->sample(&plain, &r, TASK_EVAL, &q);
    ck_assert(!plain.task->mark(&plain, &q, PROBLEM_CUED));
    ck_assert(!plain.task->mark(&plain, &q, PROBLEM_STYLE_B));
}
END_TEST

START_TEST(templates_are_the_operation_lists) {
    struct task_options o = task_options_default();
    o.chain = o.side = 1;
    struct task_ctx ctx = open_chain(o);
    struct rng r = rng_open(11, "test", 0);
    int id_of[20][20], n_ids = 0;
    bool seen[4096] = {false};
    memset(id_of, 0xff, sizeof id_of);
    for (int i = 0; i < 8000; i++) {
        struct problem q;
        ctx.task->sample(&ctx, &r, TASK_EVAL, &q);
        int *id = &id_of[q.question[2] - 22][q.question[4] - 22];
        ck_assert(q.template_id >= 0 && q.template_id < 4096);
        if (*id >= 0) ck_assert_int_eq(*id, q.template_id);
        *id = q.template_id;
        n_ids += !seen[q.template_id];
        seen[q.template_id] = true;
    }
    /* 361 lists thrown into 4096 buckets fill 346 on average, standard deviation about 4. */
    ck_assert_int_ge(n_ids, 326);
    ck_assert_int_le(n_ids, 361);
}
END_TEST

START_TEST(equal_streams_give_equal_problems) {
    struct task_ctx ctx = open_chain(task_options_default());
    struct rng r = rng_open(12, "test", 0), s = r, other = rng_open(12, "test", 1);
    struct problem p, q, u;
    int differ = 0;
    for (int i = 0; i < 20; i++) {
        ctx.task->sample(&ctx, &r, TASK_TRAIN, &p);
        memset(&q, 0x5a, sizeof q);
        ctx.task->sample(&ctx, &s, TASK_TRAIN, &q);
        ctx.task->sample(&ctx, &other, TASK_TRAIN, &u);
        ck_assert_mem_eq(&p, &q, sizeof p);
        differ += memcmp(&p, &u, sizeof p) != 0;
    }
    ck_assert_int_eq(differ, 20);
}
END_TEST

START_TEST(bad_options_are_refused) {
    static const struct {
        int modulus, chain, side;
        double rho;
        const char *message;
    } bad[] = {
        {12, 5, 3, .5, "chain: modulus 12 is not a prime from 3 to 97"},
        {2, 5, 3, .5, "chain: modulus 2 is not a prime from 3 to 97"},
        {11, 14, 3, .5, "chain: 14 main and 3 side operations: both from 1, at most 16 in all"},
        {11, 5, 0, .5, "chain: 5 main and 0 side operations: both from 1, at most 16 in all"},
        {11, 5, 3, 1.5, "chain: rho, explore_style, explore_answer, explore_report and easy are probabilities"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct task_options o = task_options_default();
        struct task_ctx ctx;
        o.modulus = bad[i].modulus;
        o.chain = bad[i].chain;
        o.side = bad[i].side;
        o.rho = bad[i].rho;
        ck_assert_int_eq(task_open(&ctx, "chain", &o, &arena), ST_USAGE);
        ck_assert_str_eq(status_message(), bad[i].message);
    }
    const struct task *task;
    ck_assert_int_eq(task_find("chian", &task), ST_USAGE);
    ck_assert_str_eq(status_message(), "no task 'chian': did you mean 'chain'?");
    ck_assert_int_eq(task_find("zzzzzzzz", &task), ST_USAGE);
    ck_assert_str_eq(status_message(), "no task 'zzzzzzzz'");
}
END_TEST

Suite *suite_chain(void) {
    Suite *s = suite_create("chain");
    TCase *tc = tcase_create("chain");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, layout_is_the_documented_one);
    tcase_add_test(tc, programs_match_an_independent_run);
    tcase_add_test(tc, spelled_steps_say_what_they_do);
    tcase_add_test(tc, designs_conceal_at_their_rates);
    tcase_add_test(tc, reports_alone_conceal_where_told);
    tcase_add_test(tc, easy_problems_have_fewer_operations);
    tcase_add_test(tc, alphabets_follow_cue_and_rho);
    tcase_add_test(tc, rerun_is_the_counterfactual);
    tcase_add_test(tc, marks_rewrite_the_question_and_what_follows);
    tcase_add_test(tc, templates_are_the_operation_lists);
    tcase_add_test(tc, equal_streams_give_equal_problems);
    tcase_add_test(tc, bad_options_are_refused);
    suite_add_tcase(s, tc);
    return s;
}
