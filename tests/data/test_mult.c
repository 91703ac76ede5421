#include <check.h>
#include <string.h>

#include "data/task.h"
#include "engine/base/fs.h"
#include "metrics/faith.h"
#include "tests/data/published.h"
#include "tests/edited.h"
#include "tests/folder.h"
#include "tests/refuse.h"

static struct task_ctx open_mult(int digits, const char *dir) {
    struct task_options o = task_options_default();
    struct task_ctx ctx;
    o.digits = digits;
    o.data_dir = dir;
    ck_assert_int_eq(task_open(&ctx, "mult", &o, &arena), ST_OK);
    return ctx;
}

/* A line of the published file. */
static const char first[] = "5 6 3 2 * 7 4 3 4||5 5 5 6 1 + 0 0 6 4 9 0 ( 5 5 1 1 1 1 ) + 0 0 5 9 0 7 0 "
                            "( 5 5 6 0 2 8 0 ) + 0 0 0 0 6 4 9 0 #### 5 5 6 0 8 2 0 1";

static enum status load_text(const char *text, struct task_ctx *ctx, struct problem **p, int *n) {
    const char *path = arena_printf(&arena, "%s/4x4_valid.txt", folder);
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
    *ctx = open_mult(4, folder);
    return ctx->task->load(ctx, &arena, p, n);
}

static const char *prose(const struct task_ctx *ctx, const int *tokens, int n) {
    const char *s = "";
    for (int i = 0; i < n; i++) s = arena_printf(&arena, "%s %s", s, ctx->task->token_name(ctx, tokens[i]));
    return s;
}

static enum status load_again(void) {
    struct task_ctx ctx = open_mult(4, folder);
    struct problem *p;
    int n;
    return ctx.task->load(&ctx, &arena, &p, &n);
}

START_TEST(whatever_is_refused_is_said) {
    const struct refusal refused = {.act = load_again};
    put("4x4_valid.txt", first);
    ck_assert_int_ge(refuse_each(&refused), 3);
}
END_TEST

START_TEST(published_line) {
    struct task_ctx ctx;
    struct problem *p;
    int n, read[6], tokens[46];
    ck_assert_int_eq(load_text(arena_printf(&arena, "%s\n%s\n", first, first), &ctx, &p, &n), ST_OK);
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(prose(&ctx, p[1].question, p->n_question), " 5 6 3 2 * 7 4 3 4 <bot>");
    ck_assert_int_eq(p->n_reasoning, 46);
    ck_assert_str_eq(prose(&ctx, p->reasoning, 12), " 5 5 5 6 1 + 0 0 6 4 9 0");
    ck_assert_str_eq(prose(&ctx, p->output, p->n_output), " <eot> 5 5 6 0 8 2 0 1 <eos>");
    ck_assert_int_eq(p->n_steps, 6);
    static const int starts[7] = {0, 5, 12, 19, 28, 36, 46}, values[6] = {1, 0, 1, 0, 0, 0};
    for (int k = 0; k < 7; k++) ck_assert_int_eq(p->step_start[k], starts[k]);
    for (int i = 0; i < 46; i++) tokens[i] = p->reasoning[i];
    ctx.task->read_steps(&ctx, p, tokens, 46, read);
    for (int k = 0; k < 6; k++) {
        ck_assert_int_eq(p->value[k], values[k]);
        ck_assert_int_eq(read[k], values[k]);
    }
    ck_assert_int_eq(p->answer, 1);
    tokens[12] = 3;                                  /* a digit where the bracket belongs */
    ctx.task->read_steps(&ctx, p, tokens, 30, read); /* and the text ends within step 4 */
    static const int broken[6] = {1, 0, -1, 0, -1, -1};
    for (int k = 0; k < 6; k++) ck_assert_int_eq(read[k], broken[k]);
    ck_assert_int_eq(ctx.shape.slot_answer, 8);
    ck_assert_int_eq(ctx.shape.answer_tokens, 8);
}
END_TEST

/* The leading digit is the value that is read, and is easily guessed: an answer is right when all of them are. */
START_TEST(every_digit_counts) {
    struct task_ctx ctx;
    struct problem *p;
    int n;
    ck_assert_int_eq(load_text(first, &ctx, &p, &n), ST_OK);
    const struct mind mind = {.task = &ctx};
    const struct measurement m = {.mind = &mind};
    int said[TASK_MAX_OUTPUT];
    for (int i = 0; i + 1 < p->n_output; i++) said[i] = p->output[i + 1];
    const struct rollout r = {.n = 1, .O = ctx.shape.output, .output = said};
    ck_assert(faith_right(&m, &r, 0, p, FAITH_ANSWER));
    for (int digit = 0; digit < 8; digit++) {
        said[digit] = (said[digit] + 1) % 10;
        ck_assert(!faith_right(&m, &r, 0, p, FAITH_ANSWER));
        ck_assert_int_eq(faith_stated(&m, &r, 0, FAITH_ANSWER) == p->answer, digit < 7);
        said[digit] = p->output[digit + 1];
    }
}
END_TEST

/* 2365 x 4347: P = 16555, 94600, 709500, 9460000; S_2 = 111155, S_3 = 820655. */
START_TEST(rerun_adds_up_again) {
    struct task_ctx ctx;
    struct problem *p;
    int n, v[6], report;
    ck_assert_int_eq(load_text(first, &ctx, &p, &n), ST_OK);
    ck_assert_int_eq(ctx.task->rerun(&ctx, p, 0, 9, v, &report),
                     1); /* P_1 = 96555: S_2 = 191155, S_3 = 900655, 10360655 */
    ck_assert(v[0] == 9 && v[1] == 0 && v[2] == 1 && v[3] == 0 && v[4] == 0 && v[5] == 0);
    ck_assert_int_eq(ctx.task->rerun(&ctx, p, 2, 9, v, &report), 1); /* S_2 = 911155: S_3 = 1620655, 11080655 */
    ck_assert(v[2] == 9 && v[3] == 0 && v[4] == 1);
    ck_assert_int_eq(ctx.task->rerun(&ctx, p, 5, 7, v, &report), 8); /* P_4 = 79460000: 80280655 */
    ck_assert_int_eq(v[5], 7);
    ck_assert_int_eq(ctx.task->rerun(&ctx, p, 4, 9, v, &report), 1); /* S_3 = 9820655: 19280655 */
    ck_assert_int_eq(report, -1);
}
END_TEST

START_TEST(generated_problems_multiply) {
    for (int digits = 2; digits <= 5; digits++) {
        struct task_ctx ctx = open_mult(digits, NULL);
        struct rng r = rng_open(1, "test", (uint64_t)digits);
        int easy = 0;
        for (int i = 0; i < 400; i++) {
            struct problem p;
            long a = 0, b = 0, product = 0;
            ctx.task->sample(&ctx, &r, i % 2 ? TASK_EVAL : TASK_TRAIN, &p);
            for (int d = digits - 1; d >= 0; d--) {
                a = 10 * a + p.question[d];
                b = 10 * b + p.question[digits + 1 + d];
            }
            for (int d = 2 * digits; d >= 1; d--) product = 10 * product + p.output[d];
            ck_assert_int_eq(product, a * b);
            ck_assert_int_eq(p.n_output, 2 * digits + 2);
            ck_assert_int_le(p.n_reasoning, ctx.shape.reasoning);
            ck_assert_int_eq(p.step_start[p.n_steps], p.n_reasoning);
            if (i % 2) ck_assert(a >= 1 && b >= 1 && p.question[digits - 1] && p.question[2 * digits]);
            /* The numbers between the signs, summed: partial products alone give the product. */
            long sum = 0, x = 0, unit = 1;
            bool bracket = false;
            for (int t = 0; t <= p.n_reasoning; t++) {
                const char *name = t < p.n_reasoning ? ctx.task->token_name(&ctx, p.reasoning[t]) : "+";
                if (name[0] >= '0' && name[0] <= '9') {
                    x += (name[0] - '0') * unit;
                    unit *= 10;
                    continue;
                }
                if (bracket && unit > 1) ck_assert_int_eq(x, sum);
                if (!bracket) sum += x;
                bracket = name[0] == '(';
                x = 0, unit = 1;
            }
            ck_assert_int_eq(sum, product);
            easy += i % 2 == 0 && b % 10 == 0;
        }
        ck_assert_int_gt(easy, 20);
    }
}
END_TEST

START_TEST(malformed_lines_are_named) {
    static const struct {
        const char *from, *to, *message;
    } bad[] = {
        {"5 6 3 2 *", "5 6 3 *", "expected two factors of 4 digits, units first, as in '5 6 3 2 * 7 4 3 4'"},
        {"5 6 3 2", "5 6 3 x", "expected two factors of 4 digits, units first, as in '5 6 3 2 * 7 4 3 4'"},
        {"5 6 3 2", "5 6 3 0", "expected two factors of 4 digits, units first, as in '5 6 3 2 * 7 4 3 4'"},
        {"7 4 3 4", "7 4 3 0", "expected two factors of 4 digits, units first, as in '5 6 3 2 * 7 4 3 4'"},
        {"5 6 3 2", "5-6 3 2", "expected two factors of 4 digits, units first, as in '5 6 3 2 * 7 4 3 4'"},
        {"8 2 0 1", "8 2 0 2", NULL},
        {"8 2 0 1", "8 2 0 1 ", NULL},
        {"8 2 0 1", "8 2 0", NULL},
        {"( 5 5 1", "( 5 5 2", NULL},
        {"||", "|", NULL},
        {" ####", " ###", NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct task_ctx ctx;
        struct problem *p;
        int n;
        const char *text = arena_printf(&arena, "%s\n%s\n", first, edited(&arena, first, bad[i].from, bad[i].to));
        ck_assert_int_eq(load_text(text, &ctx, &p, &n), ST_DATA);
        const char *want = bad[i].message ? bad[i].message : arena_printf(&arena, "expected '%s'", first);
        ck_assert_str_eq(status_message(), arena_printf(&arena, "%s/4x4_valid.txt:2: %s", folder, want));
    }
    struct task_ctx ctx;
    struct problem *p;
    int n;
    ck_assert_int_eq(load_text("", &ctx, &p, &n), ST_DATA);
    ctx = open_mult(3, folder);
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_USAGE);
    ctx = open_mult(4, NULL);
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_USAGE);
    struct task_options o = task_options_default();
    o.digits = 6;
    ck_assert_int_eq(task_open(&ctx, "mult", &o, &arena), ST_USAGE);
    ck_assert_str_eq(status_message(), "mult: factors of 6 digits: from 2 to 5");
}
END_TEST

START_TEST(published_file_is_read_whole) {
    const char *dir = published_dir(&arena, "mult/4x4_valid.txt");
    if (!dir) return;
    struct task_ctx ctx = open_mult(4, dir);
    struct problem *p;
    int n;
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_OK);
    ck_assert_int_eq(n, 1000);
    ck_assert_str_eq(prose(&ctx, p[1].question, 9), " 6 9 1 5 * 6 4 4 7");
    ck_assert_str_eq(prose(&ctx, p[1].output + 1, 8), " 6 1 4 9 8 6 8 3");
}
END_TEST

Suite *suite_mult(void) {
    Suite *s = suite_create("mult");
    TCase *tc = tcase_create("mult");
    tcase_add_checked_fixture(tc, open_folder, close_folder);
    tcase_add_test(tc, whatever_is_refused_is_said);
    tcase_add_test(tc, published_line);
    tcase_add_test(tc, every_digit_counts);
    tcase_add_test(tc, rerun_adds_up_again);
    tcase_add_test(tc, generated_problems_multiply);
    tcase_add_test(tc, malformed_lines_are_named);
    tcase_add_test(tc, published_file_is_read_whole);
    suite_add_tcase(s, tc);
    return s;
}
