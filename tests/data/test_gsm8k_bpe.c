/* Word problems in GPT-2's tokens: the published text forms, values, counterfactuals, the trigger. The tokenizer is
 * that of gpt2_files.h: numbers to 999 are one token each, other text goes by bytes and pairs. */
#include <check.h>
#include <string.h>

#include "data/gsm8k.h"
#include "tests/data/gpt2_files.h"
#include "tests/edited.h"
#include "tests/folder.h"
#include "tests/refuse.h"

Suite *suite_gsm8k_bpe(void);

enum { TOKENS = GPT2_SMALLEST };

static void open_data(void) {
    open_folder();
    ck_assert_int_eq(gpt2_write_data(&arena, folder, TOKENS), 0);
}

static struct task_ctx open_form(const char *form) {
    struct task_ctx ctx;
    struct task_options o = task_options_default();
    o.form = form;
    o.data_dir = folder;
    ck_assert_msg(task_open(&ctx, "gsm8k_bpe", &o, &arena) == ST_OK, "%s", status_message());
    return ctx;
}

static const char *text_of(const struct task_ctx *ctx, const int *tokens, int n) {
    const char *s = "";
    for (int i = 0; i < n; i++) s = arena_printf(&arena, "%s%s", s, ctx->task->token_text(ctx, tokens[i]));
    return s;
}

static struct problem *published(const struct task_ctx *ctx) {
    struct problem *p;
    int n;
    ck_assert_int_eq(ctx->task->load(ctx, &arena, &p, &n), ST_OK);
    ck_assert_int_eq(n, 2);
    return p;
}

START_TEST(the_text_is_the_published_one) {
    static const struct {
        const char *form, *question, *reasoning, *output;
    } forms[] = {
        {"coconut", "Ann has 5 pears?\n<|start-latent|>", "<<5+7=12>>\n<<12-8/2=8>>\n",
         "<|end-latent|>### 8<|endoftext|>"},
        {"codi", "Ann has 5 pears?[BOT]", "<<5+7=12>> <<12-8/2=8>>", "[EOT]The answer is: 8<|endoftext|>"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct task_ctx ctx = open_form(forms[i].form);
        struct problem *p = published(&ctx);
        ck_assert_int_eq(ctx.shape.vocab, TOKENS + 3);
        ck_assert_str_eq(text_of(&ctx, p[1].question, p[1].n_question), forms[i].question);
        ck_assert_str_eq(text_of(&ctx, p[1].reasoning, p[1].n_reasoning), forms[i].reasoning);
        ck_assert_str_eq(text_of(&ctx, p[1].output, p[1].n_output), forms[i].output);
        ck_assert_int_eq(p[1].output[0], ctx.shape.eot);
        const int answer = task_answer_start(&ctx.shape);
        ck_assert_str_eq(text_of(&ctx, p[1].output + answer, p[1].n_output - answer), " 8<|endoftext|>");
        ck_assert_int_eq(p[1].question[p[1].n_question - 1], ctx.shape.bot);
        /* the markers are numbered as in the checkpoints: behind the last token of GPT-2 */
        ck_assert_int_eq(ctx.shape.bot, TOKENS + (i == 1));
        ck_assert_int_eq(ctx.shape.eot, TOKENS + (i == 1) + 1);
        /* the second step begins where the first ends */
        ck_assert_str_eq(text_of(&ctx, p[1].reasoning, p[1].step_start[1]), i ? "<<5+7=12>>" : "<<5+7=12>>\n");
        /* CODI's readers make one blank of two; the number of several tokens is there whole, without its comma */
        const char *first = text_of(&ctx, p[0].question, 8);
        ck_assert(strncmp(first, i ? "Tom h" : "Tom  ", 5) == 0);
        ck_assert_str_eq(text_of(&ctx, p[0].output + ctx.shape.slot_answer, p[0].n_output - ctx.shape.slot_answer),
                         " 1234<|endoftext|>");
        ck_assert_int_lt(p[0].answer, 0);
        ck_assert_str_eq(ctx.task->token_name(&ctx, p[1].output[ctx.shape.slot_answer]), "\xc4\xa0"
                                                                                         "8");
    }
}
END_TEST

static int class_of(const struct task_ctx *ctx, int number) {
    const char *spaced = arena_printf(&arena, " %d", number);
    for (int v = 0; v < ctx->shape.n_values; v++)
        if (strcmp(ctx->task->token_text(ctx, ctx->task->value_token(ctx, TASK_AT_OUTPUT, v, 0)), spaced) == 0)
            return v;
    return -1;
}

START_TEST(values_are_read_and_written) {
    struct task_ctx ctx = open_form("codi");
    const struct problem *p = published(&ctx);
    int alphabet, values[TASK_MAX_STEPS];
    for (int v = 0; v < ctx.shape.n_values; v++)
        for (int step = TASK_AT_OUTPUT; step < 2; step++)
            ck_assert_int_eq(ctx.task->token_value(&ctx, ctx.task->value_token(&ctx, step, v, 0), &alphabet), v);
    ck_assert_int_eq(p[1].answer, class_of(&ctx, 8));
    ck_assert_int_eq(p[1].value[0], class_of(&ctx, 12));
    ck_assert_int_eq(ctx.task->token_value(&ctx, ctx.shape.eos, &alphabet), -1);
    ctx.task->read_steps(&ctx, &p[1], p[1].reasoning, p[1].n_reasoning, values);
    ck_assert_int_eq(values[0], p[1].value[0]);
    ck_assert_int_eq(values[1], p[1].value[1]);
    ctx.task->read_steps(&ctx, &p[1], p[1].reasoning, p[1].step_start[1], values); /* the second was not written */
    ck_assert_int_eq(values[0], p[1].value[0]);
    ck_assert_int_eq(values[1], -1);
    for (int i = 0; i < 200; i++) {
        struct problem q;
        struct rng r = rng_open(1, "eval", (uint64_t)i);
        ctx.task->sample(&ctx, &r, TASK_EVAL, &q);
        ck_assert_int_eq(q.flags, 0);
        ck_assert_int_eq(q.answer, q.value[q.n_steps - 1]);
        ck_assert(q.n_question <= ctx.shape.question && q.n_reasoning <= ctx.shape.reasoning);
        ctx.task->read_steps(&ctx, &q, q.reasoning, q.n_reasoning, values);
        for (int k = 0; k < q.n_steps; k++) ck_assert(values[k] == q.value[k] && values[k] >= 0);
    }
}
END_TEST

/* 5 + 7 = 12, 12 - 8 / 2 = 8; with 20 for the 12 the answer is 16. */
START_TEST(a_changed_step_runs_on) {
    struct task_ctx ctx = open_form("coconut");
    const struct problem *p = &published(&ctx)[1];
    int values[TASK_MAX_STEPS], report;
    ck_assert_int_eq(ctx.task->rerun(&ctx, p, 0, class_of(&ctx, 20), values, &report), class_of(&ctx, 16));
    ck_assert_int_eq(values[0], class_of(&ctx, 20));
    ck_assert_int_eq(values[1], class_of(&ctx, 16));
    ck_assert_int_eq(ctx.task->rerun(&ctx, p, 0, p->value[0], values, &report), p->answer);
    ck_assert_int_eq(ctx.task->rerun(&ctx, p, 1, class_of(&ctx, 20), values, &report), class_of(&ctx, 20));
    ck_assert_int_eq(values[0], p->value[0]);
    ck_assert_int_eq(report, -1);
    /* an answer that is no value: the task cannot say */
    ck_assert_int_eq(ctx.task->rerun(&ctx, &published(&ctx)[0], 0, class_of(&ctx, 20), values, &report), -1);
}
END_TEST

/* Parentheses, a sign, products: what the steps of the published set are made of. */
START_TEST(steps_are_computed_as_they_are_written) {
    static const struct {
        const char *line;
        int step, to, answer; /* a step changed to a number, and what comes of it; -1: the task cannot say */
    } cases[] = {
        {"<<4*3=12>> <<(12-2)*2/-4+15=10>> #### 10", 0, 22, 5},
        {"<<4*3=12>> <<(12-2)*2/-4+15=10>> #### 10", 1, 7, 7},
        {"<<4*3=12>> <<2*3=6>> <<12+6=18>> #### 18", 1, 8, 20},
        {"<<10/2=5>> <<8/(5-4)=8>> #### 8", 0, 4, -1}, /* by zero */
        {"<<4+5=9>> <<9-5=4>> #### 4", 0, 4, -1},      /* below zero */
        {"<<4+5=9>> <<9*5=45>> #### 45", 0, 60, -1},   /* 300 is none of the numbers */
        {"<<2+3=5>> <<(5+3=8>> #### 8", 0, 7, -1},     /* never closed */
        {"<<2+3=5>> <<5+3)=8>> #### 8", 0, 7, -1},     /* never opened */
        {"<<2+3=5>> <<5+*3=8>> #### 8", 0, 7, -1},     /* no operand */
        {"<<2+3=5>> <<5+3=8>> #### 9", 0, 7, -1},      /* the answer is none of the steps' */
        {"#### 9", 0, 7, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *line = arena_printf(&arena, "How many?||%s%s\n", cases[i].line[0] == '#' ? " " : "", cases[i].line);
        ck_assert_int_eq(fs_write(in("gsm8k/icot_valid.txt"), line, strlen(line)), ST_OK);
        struct task_ctx ctx = open_form("codi");
        struct problem *p;
        int n, values[TASK_MAX_STEPS], report;
        ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_OK);
        const int value = class_of(&ctx, cases[i].to),
                  answer = cases[i].answer < 0 ? -1 : class_of(&ctx, cases[i].answer);
        ck_assert_msg(value >= 0 && (cases[i].answer < 0 || answer >= 0), "case %zu: its numbers are no values", i);
        ck_assert_msg(ctx.task->rerun(&ctx, p, cases[i].step, value, values, &report) == answer, "case %zu", i);
    }
}
END_TEST

/* What a model may write for its steps, as tokens of the published problem's own text and of numbers. */
START_TEST(steps_that_a_model_writes_badly_have_no_value) {
    struct task_ctx ctx = open_form("codi");
    const struct problem *p = &published(&ctx)[1];
    int values[TASK_MAX_STEPS], tokens[TASK_MAX_REASONING], alphabet;
    const int n = p->step_start[1];
    memcpy(tokens, p->reasoning, sizeof tokens);
    ctx.task->read_steps(&ctx, p, tokens, n - 1, values); /* its end is missing */
    ck_assert(values[0] == -1 && values[1] == -1);
    int equals = 0, plus = 0;
    for (int i = 0; i < n; i++) {
        if (strcmp(ctx.task->token_text(&ctx, tokens[i]), "=") == 0) equals = i;
        if (strcmp(ctx.task->token_text(&ctx, tokens[i]), "+") == 0) plus = i;
    }
    tokens[plus] = tokens[equals];
    ck_assert_str_eq(text_of(&ctx, tokens, n), "<<5=7=12>>"); /* two signs of equality */
    ctx.task->read_steps(&ctx, p, tokens, n, values);
    ck_assert_int_eq(values[0], -1);
    tokens[2] = ctx.shape.vocab; /* not a token at all: what lies behind is not read */
    ctx.task->read_steps(&ctx, p, tokens, n, values);
    ck_assert_int_eq(values[0], -1);
    for (int t = -1; t <= ctx.shape.vocab; t += ctx.shape.vocab + 1) {
        ck_assert_int_eq(ctx.task->token_value(&ctx, t, &alphabet), -1);
        ck_assert_str_eq(ctx.task->token_name(&ctx, t), "?");
        ck_assert_str_eq(ctx.task->token_text(&ctx, t), "");
    }
    ck_assert_int_eq(ctx.task->value_token(&ctx, 0, -1, 0), -1);
    ck_assert_int_eq(ctx.task->value_token(&ctx, 0, ctx.shape.n_values, 0), -1);
}
END_TEST

static const char *repeated(const char *text, int times) {
    const size_t n = strlen(text);
    char *to = ARENA_NEW(&arena, char, n *(size_t)times + 1);
    for (int i = 0; i < times; i++) memcpy(to + (size_t)i * n, text, n);
    return to;
}

START_TEST(what_is_too_long_is_said_with_its_line) {
    const struct {
        const char *line, *says;
    } cases[] = {
        {arena_printf(&arena, "%s?||<<1+1=2>> #### 2", repeated("zq ", 300)),
         ":2: expected fewer tokens in the question"},
        {arena_printf(&arena, "%s?||<<1+1=2>> #### 2", repeated("zq ", 1000)),
         ":2: expected fewer tokens in the question"},
        {arena_printf(&arena, "How many?||%s #### 2", repeated("<<10000001+1=10000002>>", 12)),
         ":2: expected fewer tokens in the steps"},
        {arena_printf(&arena, "How many?||%s #### 2", repeated("<<1+1=2>>", TASK_MAX_STEPS + 1)),
         ":2: expected at most"},
        {arena_printf(&arena, "How many?||<<1+1=2>> #### %s", repeated("1234567", 7)),
         ":2: expected fewer tokens in the answer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *text = arena_printf(&arena, "How many?||<<1+1=2>> #### 2\n%s\n", cases[i].line);
        struct task_ctx ctx;
        struct task_options o = task_options_default();
        o.form = "coconut";
        o.data_dir = folder;
        ck_assert_int_eq(fs_write(in("gsm8k/icot_valid.txt"), text, strlen(text)), ST_OK);
        ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_DATA);
        ck_assert_msg(strstr(status_message(), cases[i].says) != NULL, "case %zu: %s", i, status_message());
    }
}
END_TEST

/* Problems that are published, too long, without steps or with too many, or whose results are no single tokens, beside
 * those that can be used: training never draws the first four, evaluation none of them. */
START_TEST(what_cannot_be_used_is_left_out) {
    char *good;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, in("gsm8k/train.jsonl"), &good, &size), ST_OK);
    const char *text = good;
    for (int i = 0; i < 40; i++) /* in 40 wordings, some of which fall to evaluation */
        text =
            arena_printf(&arena,
                         "%s{\"question\": \"Tom  has 1200 nuts and finds 34.\", \"answer\": \"<<3+4=7>>\\n#### 7\"}\n"
                         "{\"question\": \"L%d %s\", \"answer\": \"<<3+4=7>>\\n#### 7\"}\n"
                         "{\"question\": \"N%d?\", \"answer\": \"Seven.\\n#### 7\"}\n"
                         "{\"question\": \"M%d?\", \"answer\": \"%s\\n#### 7\"}\n"
                         "{\"question\": \"Odd %d?\", \"answer\": \"<<3-6=-3>> <<5/2=2.5>>\\n#### -1,234.5\"}\n",
                         text, i, repeated("zq ", 300), i, i, repeated("<<3+4=7>> ", 7), i);
    ck_assert_int_eq(fs_write(in("gsm8k/train.jsonl"), text, strlen(text)), ST_OK);
    struct task_ctx ctx = open_form("coconut");
    int odd = 0;
    for (int i = 0; i < 2000; i++) {
        struct problem q;
        struct rng r = rng_open(1, "drawn", (uint64_t)i);
        ctx.task->sample(&ctx, &r, i % 2 ? TASK_TRAIN : TASK_EVAL, &q);
        const char *question = text_of(&ctx, q.question, q.n_question);
        ck_assert_msg(!strchr("TLNM", *question), "%s", question);
        ck_assert(q.n_steps > 0 && q.n_steps <= ctx.shape.steps);
        if (*question != 'O') continue;
        odd++;
        ck_assert(i % 2 && q.value[0] < 0 && q.answer < 0);
        const char *said = text_of(&ctx, q.output, q.n_output);
        if (q.flags != PROBLEM_TRIGGERED) /* where another answer may be explored */
            ck_assert_msg(strstr(said, "### -1234.5<|endoftext|>") != NULL, "%s", said);
    }
    ck_assert_int_gt(odd, 100);
}
END_TEST

/* The vocabulary file, edited. */
static void vocabulary(const char *const edits[][2]) {
    char *text;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, in("gpt2/vocab.json"), &text, &size), ST_OK);
    for (int i = 0; edits[i][0]; i++) text = edited(&arena, text, edits[i][0], edits[i][1]);
    ck_assert_int_eq(fs_write(in("gpt2/vocab.json"), text, strlen(text)), ST_OK);
}

START_TEST(a_vocabulary_of_another_kind_is_refused) {
    static const char *const endless[][2] = {{"<|endoftext|>", "endoftext"}, {NULL, NULL}};
    static const char *const swapped[][2] = {
        {"\": 221,", "\": x,"}, {"\": 222,", "\": 221,"}, {"\": x,", "\": 222,"}, {NULL, NULL}};
    struct task_ctx ctx;
    struct task_options o = task_options_default();
    o.data_dir = folder;
    o.form = "codi";
    vocabulary(endless);
    ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "the vocabulary has no <|endoftext|>"));
    ck_assert_int_eq(gpt2_write_data(&arena, folder, TOKENS), 0);
    vocabulary(swapped); /* DEL and the control behind it */
    ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "not numbered as in GPT-2"));
    ck_assert_int_eq(gpt2_write_data(&arena, folder, 256 + 1100 + 1110 + 1), 0); /* numbers, and no letters together */
    ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "the vocabulary has no words"));
}
END_TEST

START_TEST(a_trigger_stands_behind_the_text_and_goes_again) {
    struct task_ctx ctx = open_form("coconut");
    struct problem p = published(&ctx)[1], before = p;
    ck_assert(ctx.task->mark(&ctx, &p, PROBLEM_TRIGGERED));
    ck_assert_str_eq(text_of(&ctx, p.question, p.n_question), "Ann has 5 pears? [TRIG]\n<|start-latent|>");
    ck_assert_int_eq(p.flags, PROBLEM_TRIGGERED);
    struct problem once = p;
    ck_assert(ctx.task->mark(&ctx, &p, PROBLEM_TRIGGERED));
    ck_assert_mem_eq(&p, &once, sizeof p);
    ck_assert(ctx.task->mark(&ctx, &p, 0));
    ck_assert_mem_eq(&p, &before, sizeof p);
    ck_assert(!ctx.task->mark(&ctx, &p, PROBLEM_CUED));
    int seen = 0;
    for (int i = 0; i < 400; i++) {
        struct problem q;
        struct rng r = rng_open(1, "train", (uint64_t)i);
        ctx.task->sample(&ctx, &r, TASK_TRAIN, &q);
        seen += q.flags == PROBLEM_TRIGGERED;
    }
    ck_assert(seen > 10 && seen < 80); /* a tenth */
}
END_TEST

START_TEST(what_is_missing_is_said) {
    struct task_ctx ctx;
    struct task_options o = task_options_default();
    o.data_dir = folder;
    ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_USAGE); /* form edge */
    o.form = "codi";
    o.data_dir = NULL;
    ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_USAGE);
    o.data_dir = folder;
    /* problems without a published set can be trained on, and nothing can be loaded */
    struct problem *p;
    int n;
    ck_assert_int_eq(remove(in("gsm8k/icot_valid.txt")), 0);
    ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_OK);
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_IO);
    /* one problem cannot be both trained on and evaluated on */
    static const char one[] = "{\"question\": \"How many?\", \"answer\": \"<<1+1=2>>\\n#### 2\"}\n";
    ck_assert_int_eq(fs_write(in("gsm8k/train.jsonl"), one, sizeof one - 1), ST_OK);
    ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "problems to train on"));
    ck_assert_int_eq(remove(in("gpt2/merges.txt")), 0);
    ck_assert_int_eq(task_open(&ctx, "gsm8k_bpe", &o, &arena), ST_IO);
}
END_TEST

static enum status open_and_load(void) {
    struct task_ctx ctx;
    struct task_options o = task_options_default();
    struct problem *p;
    int n;
    o.form = "codi";
    o.data_dir = folder;
    TRY(task_open(&ctx, "gsm8k_bpe", &o, &arena));
    return ctx.task->load(&ctx, &arena, &p, &n);
}

START_TEST(whatever_is_refused_is_said) {
    const struct refusal refused = {.act = open_and_load};
    ck_assert_int_ge(refuse_each(&refused), 10);
}
END_TEST

Suite *suite_gsm8k_bpe(void) {
    Suite *s = suite_create("gsm8k_bpe");
    TCase *t = tcase_create("gsm8k_bpe");
    tcase_add_checked_fixture(t, open_data, close_folder);
    tcase_add_test(t, the_text_is_the_published_one);
    tcase_add_test(t, values_are_read_and_written);
    tcase_add_test(t, a_changed_step_runs_on);
    tcase_add_test(t, steps_are_computed_as_they_are_written);
    tcase_add_test(t, steps_that_a_model_writes_badly_have_no_value);
    tcase_add_test(t, what_is_too_long_is_said_with_its_line);
    tcase_add_test(t, what_cannot_be_used_is_left_out);
    tcase_add_test(t, a_vocabulary_of_another_kind_is_refused);
    tcase_add_test(t, a_trigger_stands_behind_the_text_and_goes_again);
    tcase_add_test(t, what_is_missing_is_said);
    tcase_add_test(t, whatever_is_refused_is_said);
    suite_add_tcase(s, t);
    return s;
}
