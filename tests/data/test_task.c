/* What holds of every task of the registry, a new one included: problems have the shape that was declared, true steps
 * read as their values, a step that is not changed changes nothing, and whatever a model may write is read without harm. */
#include <check.h>
#include <string.h>

#include "data/task.h"
#include "engine/base/fs.h"
#include "tests/data/gpt2_files.h"
#include "tests/folder.h"

Suite *suite_task(void);

static void open_data(void) {
    open_folder();
    ck_assert_int_eq(gpt2_write_data(&arena, folder, GPT2_SMALLEST), 0);
}

/* The task as it comes, or with the least that it asks for: no design, a form of its own. */
static struct task_ctx opened(const struct task *task) {
    static const char *const forms[] = {"edge", "codi"};
    struct task_ctx ctx;
    struct task_options o = task_options_default();
    o.data_dir = folder;
    for (int i = 0; i < 4; i++) {
        o.design = i % 2 ? DESIGN_NONE : DESIGN_JOINT;
        o.form = forms[i / 2];
        if (task_open(&ctx, task->name, &o, &arena) == ST_OK) return ctx;
    }
    ck_abort_msg("%s: %s", task->name, status_message());
}

static struct problem sampled(const struct task_ctx *ctx, enum task_split split, int i) {
    struct rng r = rng_open(3, ctx->task->name, (uint64_t)i);
    struct problem p;
    ctx->task->sample(ctx, &r, split, &p);
    return p;
}

/* A task that reads its questions from a file has finitely many of them: without the folder it does not open. */
static bool is_finite(const struct task *task) {
    struct task_ctx ctx;
    struct task_options o = opened(task).options;
    o.data_dir = NULL;
    return task_open(&ctx, task->name, &o, &arena) != ST_OK;
}

/* Four splits of a finite set have no template in common; for a generated one, all but training draw the same. */
START_TEST(splits_are_apart_or_alike) {
    enum { TEMPLATES = 4096 };
    const struct task_ctx ctx = opened(task_table[_i]);
    static struct problem p[TASK_SPLITS];
    static int owner[TEMPLATES];
    const bool finite = is_finite(ctx.task);
    memset(owner, 0xff, sizeof owner);
    for (int i = 0; i < 400; i++)
        for (int split = 0; split < TASK_SPLITS; split++) {
            struct rng r = rng_open(3, "split", (uint64_t)i);
            memset(&p[split], 0, sizeof p[split]);
            ctx.task->sample(&ctx, &r, (enum task_split)split, &p[split]);
            if (!finite && split > TASK_EVAL) ck_assert_mem_eq(&p[split], &p[TASK_EVAL], sizeof p[split]);
            if (!finite) continue;
            ck_assert(p[split].template_id >= 0 && p[split].template_id < TEMPLATES);
            int *of = &owner[p[split].template_id];
            ck_assert_msg(*of == -1 || *of == split, "%s: a template of split %d in %d", ctx.task->name, *of, split);
            *of = split;
        }
}
END_TEST

START_TEST(problems_have_the_declared_shape) {
    const struct task_ctx ctx = opened(task_table[_i]);
    const struct task_shape *s = &ctx.shape;
    for (int i = 0; i < 100; i++) {
        const struct problem p = sampled(&ctx, i % 2 ? TASK_TRAIN : TASK_EVAL, i);
        ck_assert(p.n_question > 0 && p.n_question <= s->question && p.n_question <= TASK_MAX_QUESTION);
        ck_assert(p.n_reasoning >= 0 && p.n_reasoning <= s->reasoning && p.n_reasoning <= TASK_MAX_REASONING);
        ck_assert(p.n_output > 1 && p.n_output <= s->output && p.n_output <= TASK_MAX_OUTPUT);
        ck_assert(p.n_steps > 0 && p.n_steps <= s->steps && p.n_steps <= TASK_MAX_STEPS);
        for (int t = 0; t < p.n_question; t++)
            for (int c = 0; c < s->channels; c++)
                ck_assert(task_input(&p, t, c) >= -1 && task_input(&p, t, c) < s->channel_vocab[c]);
        for (int t = 0; t < p.n_reasoning; t++) ck_assert(p.reasoning[t] >= 0 && p.reasoning[t] < s->vocab);
        for (int t = 0; t < p.n_output; t++) ck_assert(p.output[t] >= 0 && p.output[t] < s->vocab);
        /* <bot> is the last token, or stands beside it as the last row of a further channel's table */
        const int last = p.n_question - 1;
        ck_assert(p.question[last] == s->bot ||
                  (s->channels > 1 && task_input(&p, last, 1) == s->channel_vocab[1] - 1));
        ck_assert_int_eq(p.output[0], s->eot);
        ck_assert_int_eq(p.output[p.n_output - 1], s->eos);
        const int answer = task_answer_start(s), end = s->answer_open ? p.n_output - 1 : s->slot_answer + 1;
        ck_assert(answer >= 1 && answer < end && end <= p.n_output);
        ck_assert(s->answer_tokens == 0 || end - answer == s->answer_tokens);
        ck_assert_int_eq(p.step_start[0], 0);
        ck_assert_int_eq(p.step_start[p.n_steps], p.n_reasoning);
        for (int k = 0; k < p.n_steps; k++) {
            ck_assert_int_lt(p.step_start[k], p.step_start[k + 1]);
            ck_assert(p.value[k] >= 0 && p.value[k] < s->n_values);
        }
    }
}
END_TEST

/* A path through a graph has no step to force, and the words of a story no program: these say so of every step. */
static bool has_counterfactuals(const struct task *task) {
    return strcmp(task->name, "prosqa") != 0 && strcmp(task->name, "gsm8k") != 0;
}

/* A step that says it does not tell has no value; all others have their own. A step that is run again as it was gives the
 * answer that it gave. */
START_TEST(true_steps_read_as_their_values) {
    const struct task_ctx ctx = opened(task_table[_i]);
    int told = 0, reruns = 0, values[TASK_MAX_STEPS], report;
    for (int i = 0; i < 100; i++) {
        const struct problem p = sampled(&ctx, TASK_EVAL, i);
        ctx.task->read_steps(&ctx, &p, p.reasoning, p.n_reasoning, values);
        for (int k = 0; k < p.n_steps; k++) {
            ck_assert_msg(values[k] == p.value[k] || (values[k] == -1 && ctx.shape.none_step >= 0),
                          "%s: problem %d, step %d: %d, not %d", ctx.task->name, i, k, values[k], p.value[k]);
            told += values[k] >= 0;
        }
        for (int k = 0; k < p.n_steps; k++) {
            const int answer = ctx.task->rerun(&ctx, &p, k, p.value[k], values, &report);
            if (answer < 0) continue;
            reruns++;
            ck_assert_int_eq(answer, p.answer);
            for (int j = 0; j < p.n_steps; j++) ck_assert_int_eq(values[j], p.value[j]);
        }
    }
    ck_assert_int_gt(told, 150);
    if (has_counterfactuals(ctx.task))
        ck_assert_int_gt(reruns, 0);
    else
        ck_assert_int_eq(reruns, 0);
}
END_TEST

/* A step says its value at a token that reads as it; in tasks without brackets around their steps, at the last one. */
static int said_before_the_end(const struct task_ctx *ctx) {
    int before = 0, alphabet;
    for (int i = 0; i < 200; i++) {
        const struct problem p = sampled(ctx, i % 2 ? TASK_TRAIN : TASK_EVAL, i);
        for (int k = 0; k < p.n_steps; k++) {
            const int at = task_step_says_at(ctx, &p, k),
                      value = ctx->task->token_value(ctx, p.reasoning[at], &alphabet);
            ck_assert(at >= p.step_start[k] && at < p.step_start[k + 1]);
            ck_assert(value == p.value[k] || (value < 0 && at == p.step_start[k + 1] - 1));
            before += at != p.step_start[k + 1] - 1;
        }
    }
    return before;
}

START_TEST(steps_say_their_values) {
    const struct task_ctx ctx = opened(task_table[_i]);
    ck_assert_int_eq(said_before_the_end(&ctx) > 0, is_finite(ctx.task));
}
END_TEST

/* Written out steps, some of which do nothing and say HINTED where the value before was already theirs; concealed ones;
 * both alphabets; sentences. */
START_TEST(steps_of_every_form_say_their_values) {
    static const struct {
        const char *task, *form;
        enum design design;
        bool spelled, hint, style, closed;
    } cases[] = {
        {"chain", "edge", DESIGN_NONE, true, true, false, false},
        {"chain", "edge", DESIGN_CUE, false, false, true, false},
        {"chain", "edge", DESIGN_SHARED, false, true, false, false},
        {"prosqa", "edge", DESIGN_NONE, false, false, false, false},
        {"prosqa", "triplet", DESIGN_NONE, false, false, false, false},
        {"prosqa", "words", DESIGN_NONE, false, false, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct task_ctx ctx;
        struct task_options o = task_options_default();
        o.form = cases[i].form;
        o.design = cases[i].design;
        o.spelled = cases[i].spelled;
        o.hint = cases[i].hint;
        o.style = cases[i].style;
        ck_assert_msg(task_open(&ctx, cases[i].task, &o, &arena) == ST_OK, "%s", status_message());
        ck_assert_int_eq(said_before_the_end(&ctx) > 0, cases[i].closed);
    }
}
END_TEST

START_TEST(values_and_tokens_are_each_others) {
    const struct task_ctx ctx = opened(task_table[_i]);
    const struct task_shape *s = &ctx.shape;
    int found = 0, alphabet;
    for (int step = TASK_AT_OUTPUT; step < s->steps; step++)
        for (int a = 0; a < s->alphabets; a++)
            for (int v = 0; v < s->n_values; v++) {
                const int token = ctx.task->value_token(&ctx, step, v, a);
                if (token < 0) continue;
                ck_assert_int_lt(token, s->vocab);
                ck_assert_int_eq(ctx.task->token_value(&ctx, token, &alphabet), v);
                ck_assert_int_eq(alphabet, a);
                found++;
            }
    ck_assert_int_ge(found, s->n_values);
    const int markers[] = {s->bot, s->eot, s->eos, s->pad, s->pause};
    for (int i = 0; i < 5; i++) ck_assert_int_eq(ctx.task->token_value(&ctx, markers[i], &alphabet), -1);
}
END_TEST

/* Tokens of problems in any order, signs twice, ends missing; and what is no token at all. */
START_TEST(whatever_is_written_reads_as_values_or_nothing) {
    const struct task_ctx ctx = opened(task_table[_i]);
    struct rng r = rng_open(5, "written", 0);
    int tokens[TASK_MAX_REASONING], values[TASK_MAX_STEPS];
    for (int i = 0; i < 3000; i++) {
        const struct problem p = sampled(&ctx, TASK_EVAL, i % 50);
        int n = p.n_reasoning;
        memcpy(tokens, p.reasoning, (size_t)n * sizeof *tokens);
        for (int edits = 1 + (int)rng_below(&r, 4); edits > 0 && n > 0; edits--) {
            int *at = &tokens[rng_below(&r, (uint32_t)n)];
            switch (rng_below(&r, 4)) {
            case 0:
                *at = tokens[rng_below(&r, (uint32_t)n)];
                break;
            case 1:
                *at = (int)rng_below(&r, (uint32_t)ctx.shape.vocab);
                break;
            case 2:
                *at = rng_below(&r, 2) ? -1 : ctx.shape.vocab;
                break;
            default:
                n = (int)rng_below(&r, (uint32_t)n + 1);
            }
        }
        memset(values, 0x55, sizeof values);
        ctx.task->read_steps(&ctx, &p, tokens, n, values);
        for (int k = 0; k < p.n_steps; k++) ck_assert(values[k] >= -1 && values[k] < ctx.shape.n_values);
    }
    int alphabet;
    for (int t = -1; t <= ctx.shape.vocab; t++) {
        const bool is = t >= 0 && t < ctx.shape.vocab;
        ck_assert_ptr_nonnull(ctx.task->token_name(&ctx, t));
        if (ctx.task->token_text) ck_assert_ptr_nonnull(ctx.task->token_text(&ctx, t));
        if (!is) ck_assert_int_eq(ctx.task->token_value(&ctx, t, &alphabet), -1);
    }
}
END_TEST

Suite *suite_task(void) {
    Suite *s = suite_create("task");
    TCase *t = tcase_create("task");
    tcase_add_checked_fixture(t, open_data, close_folder);
    tcase_add_loop_test(t, splits_are_apart_or_alike, 0, task_count);
    tcase_add_loop_test(t, problems_have_the_declared_shape, 0, task_count);
    tcase_add_loop_test(t, true_steps_read_as_their_values, 0, task_count);
    tcase_add_loop_test(t, steps_say_their_values, 0, task_count);
    tcase_add_test(t, steps_of_every_form_say_their_values);
    tcase_add_loop_test(t, values_and_tokens_are_each_others, 0, task_count);
    tcase_add_loop_test(t, whatever_is_written_reads_as_values_or_nothing, 0, task_count);
    suite_add_tcase(s, t);
    return s;
}
