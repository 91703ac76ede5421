#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/gsm8k.h"
#include "engine/base/fs.h"
#include "tests/data/published.h"
#include "tests/folder.h"
#include "tests/refuse.h"
#include "tests/spoil.h"

static enum status open_gsm8k(struct task_ctx *ctx, const char *dir) {
    struct task_options o = task_options_default();
    o.data_dir = dir;
    return task_open(ctx, "gsm8k", &o, &arena);
}

static const char *prose(const struct task_ctx *ctx, const int *tokens, int n) {
    const char *s = "";
    for (int i = 0; i < n; i++) s = arena_printf(&arena, "%s %s", s, ctx->task->token_name(ctx, tokens[i]));
    return s;
}

/* Problems "a + b": 40 of them, so that each split gets some. */
static const char *many_lines(void) {
    const char *s = "";
    for (int i = 1; i <= 40; i++)
        s = arena_printf(&arena,
                         "%s{\"question\": \"Ann has %d pears and buys %d more. How many?\", "
                         "\"answer\": \"Now %d+%d = <<%d+%d=%d>>%d pears.\\n#### %d\"}\n",
                         s, i, 7, i, 7, i, 7, i + 7, i + 7, i + 7);
    return s;
}

START_TEST(words_and_numbers) {
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"Bob's 1,250.50 dollars, 3 tons.", "|bob|'|s|#1250.5|dollars|,|#3|tons|."},
        {".5+2.0=2.5", "|#0.5|+|#2|=|#2.5"},
        {"$100,000 x", "|$|#100000|x"},
        {"5.", "|#5|."},
        {"a\xe2\x80\x99z \xc2\xa3"
         "7",
         "|a|\xe2\x80\x99|z|\xc2\xa3|#7"},
        {" \n", ""},
        {"0.00 10 0", "|#0|#10|#0"},
        {"7,and 8", "|#7|,|and|#8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *at = cases[i].text, *got = "";
        struct gsm8k_word w;
        while (gsm8k_next(&at, &w)) got = arena_printf(&arena, "%s|%s%s", got, w.number ? "#" : "", w.text);
        ck_assert_str_eq(got, cases[i].words);
    }
    char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const char *at = longer;
    struct gsm8k_word w;
    ck_assert(gsm8k_next(&at, &w) && strlen(w.text) == GSM8K_WORD - 1 && *at == '\0');
}
END_TEST

START_TEST(both_forms_are_read) {
    struct gsm8k_item *items;
    int n;
    const char *path = put("a.jsonl", "{\"question\": \"How many?\", \"answer\": \"So <<48/2=24>>24.\\nThen "
                                      "<<48+24.50=-72.5>>.\\n#### 1,072\"}\n{\"question\": \"Who?\", \"answer\": "
                                      "\"He.\\n#### -3\"}\n");
    ck_assert_int_eq(gsm8k_read_json(&arena, path, &items, &n), ST_OK);
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(items[0].question, "How many?");
    ck_assert_int_eq(items[0].n_steps, 2);
    ck_assert_str_eq(items[0].step[0], "48/2=24");
    ck_assert_str_eq(items[0].step[1], "48+24.50=-72.5");
    ck_assert_str_eq(items[0].answer, "1,072");
    ck_assert_int_eq(items[1].n_steps, 0);
    ck_assert_str_eq(items[1].answer, "-3");

    path = put("b.txt", "How many? | yes||<<48/2=24>> <<2+.5=2.5>> #### 1,072\nWho?|| #### 3\nLast||<<1+1=2>> #### 2");
    ck_assert_int_eq(gsm8k_read_icot(&arena, path, &items, &n), ST_OK);
    ck_assert_int_eq(n, 3);
    ck_assert_str_eq(items[0].question, "How many? | yes");
    ck_assert_str_eq(items[0].step[1], "2+.5=2.5");
    ck_assert_str_eq(items[0].answer, "1,072");
    ck_assert_int_eq(items[1].n_steps, 0);
    ck_assert_str_eq(items[2].answer, "2");
}
END_TEST

START_TEST(malformed_lines_are_named) {
    static const char step[] = "a step as in '<<48/2=24>>'", number[] = "a number behind '#### '";
    static const char bar[] = "one '||' between question and steps";
    static const char shape[] = "steps '<<48/2=24>>', one space between, then ' #### 72'";
    static const struct {
        const char *line, *message;
    } icot[] = {
        {"Q #### 3", bar},
        {"Q||<<1+1=2>>||#### 3", bar},
        {" ||<<1+1=2>> #### 3", "a question that says something"},
        {"Q||<<1+1=2 #### 3", "'>>' behind '<<'"},
        {"Q||<<1+1>> #### 3", step},
        {"Q||<<=2>> #### 3", step},
        {"Q||<<1+x=2>> #### 3", step},
        {"Q||<<1=1=1>> #### 3", step},
        {"Q||<<1+1=2,5>> #### 3", step},
        {"Q||<<1+1=>> #### 3", step},
        {"Q||<<1+1=2>><<1+1=2>> ### 3", shape},
        {"Q||<<1+1=2>>  <<1+1=2>> #### 3", shape},
        {"Q||#### 3", shape},
        {"Q||<<1+1=2>> #### ", number},
        {"Q||<<1+1=2>> #### 3 pears", number},
        {"Q||<<1+1=2>> #### 3\r", number},
        {"", bar},
    };
    static const struct {
        const char *line, *message;
    } json[] = {
        {"{\"question\": \"Q\", \"answer\": \"<<1+1=2>>\"}", "an answer with one line '#### 72', its last"},
        {"{\"question\": \"Q\", \"answer\": \"a\\n#### 2\\n#### 3\"}", "an answer with one line '#### 72', its last"},
        {"{\"question\": \"Q\", \"answer\": \"a\\n#### 2 \"}", number},
        {"{\"question\": \"Q\", \"answer\": \"a\\n#### .5\"}", number},
        {"{\"question\": \"Q\", \"answer\": \"<<1+1>>\\n#### 2\"}", step},
        {"{\"question\": \"\", \"answer\": \"a\\n#### 2\"}", "a question that says something"},
        {"{\"question\": \"Q\"}", NULL},
        {"{\"question\": 3, \"answer\": \"a\\n#### 2\"}", NULL},
        {"[1]", NULL},
        {"{\"question\"", NULL},
    };
    struct gsm8k_item *items;
    int n;
    for (size_t i = 0; i < sizeof icot / sizeof icot[0]; i++) {
        const char *path = put("x.txt", arena_printf(&arena, "Q||<<1+1=2>> #### 2\n%s\n", icot[i].line));
        ck_assert_int_eq(gsm8k_read_icot(&arena, path, &items, &n), ST_DATA);
        ck_assert_str_eq(status_message(), arena_printf(&arena, "%s:2: expected %s", path, icot[i].message));
    }
    for (size_t i = 0; i < sizeof json / sizeof json[0]; i++) {
        const char *good = "{\"question\": \"Q\", \"answer\": \"a\\n#### 2\"}";
        const char *path = put("x.jsonl", arena_printf(&arena, "%s\n%s\n", good, json[i].line));
        ck_assert_int_eq(gsm8k_read_json(&arena, path, &items, &n), ST_DATA);
        const char *want = arena_printf(&arena, "%s:2: ", path);
        if (json[i].message) want = arena_printf(&arena, "%sexpected %s", want, json[i].message);
        ck_assert_msg(strncmp(status_message(), want, strlen(want)) == 0, "%s", status_message());
    }
    ck_assert_int_eq(gsm8k_read_icot(&arena, put("x.txt", ""), &items, &n), ST_DATA);
    ck_assert_int_eq(gsm8k_read_json(&arena, put("x.jsonl", ""), &items, &n), ST_DATA);
    ck_assert_int_eq(gsm8k_read_icot(&arena, "/nonexistent/x.txt", &items, &n), ST_IO);
    ck_assert_int_eq(gsm8k_read_json(&arena, "/nonexistent/x.jsonl", &items, &n), ST_IO);
}
END_TEST

START_TEST(vocabulary_and_layout) {
    struct task_ctx ctx;
    struct problem p, *published;
    int n, all = 0, values[9], tokens[16];
    put("train.jsonl", many_lines());
    /* One question of the training file in other spacing and case, one with a number that training never shows. */
    put("icot_valid.txt", "ann has  3 pears and buys 7 more . How MANY?||<<3+7=10>> #### 10\n"
                          "Ann has 500 plums.||<<500-400=100>> #### 100\n");
    ck_assert_int_eq(open_gsm8k(&ctx, folder), ST_OK);
    for (int k = 0; k < TASK_SPLITS; k++) all += gsm8k_sets_of(&ctx)->n[k];
    ck_assert_int_eq(all, 39);
    /* Numbers 1..47, 3 of question 3 being seen nowhere: 8..47 are sums, 1..40 stand in questions, 7 in each. */
    ck_assert_int_eq(ctx.shape.n_values, 47 - 1);
    ck_assert_str_eq(ctx.task->token_name(&ctx, 0), "7");        /* the most frequent number */
    ck_assert_str_eq(ctx.task->token_name(&ctx, 46 + 2), "and"); /* words by count, then by letters: . ? and ann */
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &published, &n), ST_OK);
    ck_assert_int_eq(n, 2);
    ck_assert_str_eq(prose(&ctx, published[0].question, published[0].n_question),
                     " ann has <num> pears and buys 7 more . how many ? <bot>");
    ck_assert_str_eq(prose(&ctx, published[0].reasoning, published[0].n_reasoning), " << <num> + 7 = 10 >>");
    ck_assert_str_eq(prose(&ctx, published[0].output, 3), " <eot> 10 <eos>");
    ck_assert_str_eq(prose(&ctx, published[1].question, 4), " ann has <num> <unk>");
    ck_assert_int_lt(published[1].answer, -1);
    for (int i = 0; i < 200; i++) {
        struct rng r = rng_open(1, "test", (uint64_t)i);
        ctx.task->sample(&ctx, &r, i % TASK_SPLITS, &p);
        ck_assert_int_eq(p.n_steps, 1);
        ck_assert_int_eq(p.n_reasoning, 7);
        long a = strtol(ctx.task->token_name(&ctx, p.reasoning[1]), NULL, 10);
        ck_assert_int_ne(a, 3);
        ck_assert_int_eq(strtol(ctx.task->token_name(&ctx, p.output[1]), NULL, 10), a + 7);
        ck_assert_int_eq(p.value[0], p.answer);
        ck_assert_int_eq(gsm8k_split(p.template_id), i % TASK_SPLITS);
        for (int k = 0; k < 7; k++) tokens[k] = p.reasoning[k];
        ctx.task->read_steps(&ctx, &p, tokens, 7, values);
        ck_assert_int_eq(values[0], p.answer);
        tokens[4] = tokens[3]; /* no '=' */
        ctx.task->read_steps(&ctx, &p, tokens, 7, values);
        ck_assert_int_eq(values[0], -1);
    }
    ck_assert_int_eq(open_gsm8k(&ctx, NULL), ST_USAGE);
}
END_TEST

static enum status open_and_load(void) {
    struct task_ctx ctx;
    struct problem *p;
    int n;
    TRY(open_gsm8k(&ctx, folder));
    return ctx.task->load(&ctx, &arena, &p, &n);
}

START_TEST(whatever_is_refused_is_said) {
    const struct refusal refused = {.act = open_and_load};
    put("train.jsonl", many_lines());
    put("icot_valid.txt", "Ann has 500 plums.||<<500-400=100>> #### 100\n");
    ck_assert_int_ge(refuse_each(&refused), 6);
}
END_TEST

/* What is more than a problem can hold, or a vocabulary; and what is too little. */
START_TEST(there_is_a_greatest_problem) {
    struct task_ctx ctx;
    struct problem *p;
    int n;
    const char *steps = "", *question = "", *step = "1";
    put("train.jsonl", many_lines());
    ck_assert_int_eq(open_gsm8k(&ctx, folder), ST_OK);
    for (int i = 0; i <= ctx.shape.steps; i++) steps = arena_printf(&arena, "%s<<1+1=2>> ", steps);
    for (int i = 0; i <= ctx.shape.question; i++) question = arena_printf(&arena, "%spears ", question);
    for (int i = 0; i <= ctx.shape.reasoning; i++) step = arena_printf(&arena, "%s+1", step);
    const char *const longer[][2] = {
        {arena_printf(&arena, "%s||<<1+1=2>> #### 2\n", question), "words in the question"},
        {arena_printf(&arena, "How many?||%s#### 2\n", steps), "steps"},
        {arena_printf(&arena, "How many?||<<%s=2>> #### 2\n", step), "signs and numbers in the steps"}};
    for (int i = 0; i < 3; i++) {
        put("icot_valid.txt", arena_printf(&arena, "How many?||<<1+1=2>> #### 2\n%s", longer[i][0]));
        ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_DATA);
        ck_assert_str_eq(status_message(),
                         arena_printf(&arena, "%s:2: expected fewer %s", in("icot_valid.txt"), longer[i][1]));
    }
    put("icot_valid.txt", "How many?||<<5.+1=6>> #### -6\n");
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_OK);
    put("train.jsonl", "{\"question\": \"How many?\", \"answer\": \"<<1+1=2>>\\n#### 2\"}\n");
    ck_assert_int_eq(open_gsm8k(&ctx, folder), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "expected some of each"));
}
END_TEST

/* Figures of the published files, counted by another program. */
START_TEST(published_files_are_read_whole) {
    const char *dir = published_dir(&arena, "gsm8k/train.jsonl");
    struct task_ctx ctx;
    struct problem *p;
    int n, all = 0, known = 0;
    if (!dir) return;
    ck_assert_int_eq(open_gsm8k(&ctx, dir), ST_OK);
    for (int k = 0; k < TASK_SPLITS; k++) all += gsm8k_sets_of(&ctx)->n[k];
    ck_assert_int_eq(all, 6527);
    ck_assert_int_eq(ctx.shape.n_values, 1000);
    ck_assert_int_eq(ctx.task->load(&ctx, &arena, &p, &n), ST_OK);
    ck_assert_int_eq(n, 500);
    for (int i = 0; i < n; i++) known += p[i].answer >= 0;
    ck_assert_int_eq(known, 482);
}
END_TEST

/* Spoilt copies of both forms: refused with one line that names the place, or read. */
START_TEST(mutations_do_no_harm) {
    const char *icot = "Ann has 2 pears?||<<2+7=9>> <<9*2=18>> #### 18\nBob?|| #### 3\nEve has 4.||<<4/2=2>> #### 2\n";
    const char *good = _i ? icot : many_lines();
    const size_t size = strlen(good);
    uint64_t state = 5;
    int refused = 0;
    struct arena_mark mark = arena_mark(&arena);
    for (int i = 0; i < 1000; i++, arena_rewind(&arena, mark)) {
        char *bytes = arena_strdup(&arena, good);
        struct gsm8k_item *items;
        int n;
        spoil(bytes, size, i, &state);
        const char *path = arena_printf(&arena, "%s/spoilt", folder);
        FILE *file = fopen(path, "w"); /* no fs_write: a thousand times it would wait for the disk */
        ck_assert_ptr_nonnull(file);
        fwrite(bytes, 1, i % 7 == 0 ? (state >> 30) % size : size, file);
        ck_assert_int_eq(fclose(file), 0);
        enum status st = _i ? gsm8k_read_icot(&arena, path, &items, &n) : gsm8k_read_json(&arena, path, &items, &n);
        ck_assert(st == ST_OK || st == ST_DATA);
        if (st == ST_OK) continue;
        refused++;
        ck_assert_msg(strncmp(status_message(), path, strlen(path)) == 0 && !strchr(status_message(), '\n'), "%s",
                      status_message());
    }
    ck_assert_msg(refused >= 200, "only %d of 1000", refused);
}
END_TEST

Suite *suite_gsm8k(void) {
    Suite *s = suite_create("gsm8k");
    TCase *tc = tcase_create("gsm8k");
    tcase_add_loop_test(tc, mutations_do_no_harm, 0, 2);
    tcase_add_checked_fixture(tc, open_folder, close_folder);
    tcase_add_test(tc, words_and_numbers);
    tcase_add_test(tc, both_forms_are_read);
    tcase_add_test(tc, malformed_lines_are_named);
    tcase_add_test(tc, vocabulary_and_layout);
    tcase_add_test(tc, whatever_is_refused_is_said);
    tcase_add_test(tc, there_is_a_greatest_problem);
    tcase_add_test(tc, published_files_are_read_whole);
    suite_add_tcase(s, tc);
    return s;
}
