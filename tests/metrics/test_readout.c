/* What is used, judged on a mind made by hand: its answer is what its last thought holds, and nothing else.
 *
 * Attention looks at all positions alike and carries coordinates 0..P-1, less their mean; questions and outputs embed
 * as 0, so that what arrives at the answer is the thoughts' sum there; the head gives each coordinate to its value.
 * The thoughts are given: the last one is e_value, the others are a constant outside, all with a little noise. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "metrics/decode.h"
#include "metrics/dictionary.h"

Suite *suite_readout(void);

enum { FIT = 500, TEST = 300, WIDTH = 16, P = 5, STEPS = 4, LAST = STEPS - 1, ROWS = 64, MAX_ROWS = 256 };

static struct arena arena;
static struct task_ctx task;
static struct gpt model;
static struct mind mind;
static struct runner *runner;
static struct problem *fit, *test;
static struct measurement m;
static struct metric_row rows[MAX_ROWS];
static int n_rows;

static void note(void *to, const struct metric_row *row) {
    (void)to;
    ck_assert_int_lt(n_rows, MAX_ROWS);
    rows[n_rows++] = *row;
}

static const struct metric_row *find(const char *metric, const char *concept, const char *view) {
    for (int i = 0; i < n_rows; i++)
        if (strcmp(rows[i].metric, metric) == 0 && strcmp(rows[i].concept, concept) == 0 &&
            strcmp(rows[i].view, view) == 0)
            return &rows[i];
    ck_abort_msg("no row %s %s %s", metric, concept, view);
}

static double value(const char *metric, const char *concept, const char *view) {
    const struct metric_row *r = find(metric, concept, view);
    ck_assert_str_eq(r->status, "ok");
    return r->value;
}

static void make_mind(float gain) {
    const struct gpt_layer *l = &model.p.layer[0];
    for (int j = 0; j < WIDTH; j++) l->ln1_w[j] = l->ln2_w[j] = model.p.lnf_w[j] = 1;
    for (int j = 0; j < WIDTH; j++) l->proj_w[j * WIDTH + j] = 10;
    for (int i = 0; i < P; i++)
        for (int j = 0; j < P; j++) l->qkv_w[i * 3 * WIDTH + 2 * WIDTH + j] = (float)(i == j) - 1.0f / P;
    for (int v = 0; v < P; v++)
        model.p.head[(long)task.task->value_token(&task, TASK_AT_OUTPUT, v, 0) * WIDTH + v] = gain;
    gpt_refresh(&model);
}

static void setup(void) {
    struct task_options o = task_options_default();
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&arena, 1 << 22);
    o.modulus = P;
    o.chain = o.side = STEPS / 2;
    o.design = DESIGN_NONE;
    ck_assert_int_eq(task_open(&task, "chain", &o, &arena), ST_OK);
    task.shape.slot_report = -1; /* the answer alone is asked for */
    const struct task_shape *s = &task.shape;
    const struct gpt_config c = {.vocab = s->vocab,
                                 .context = s->question + s->reasoning + s->output,
                                 .layers = 1,
                                 .heads = 1,
                                 .width = WIDTH,
                                 .channels = 1};
    ck_assert_int_eq(gpt_open(&model, &arena, &c), ST_OK);
    mind = (struct mind){.gpt = &model, .task = &task, .medium = MEDIUM_LATENT, .feed = FEED_HIDDEN, .thoughts = STEPS};
    make_mind(3);
    runner = runner_open(&arena, &mind, ROWS);
    fit = ARENA_NEW(&arena, struct problem, FIT);
    test = ARENA_NEW(&arena, struct problem, TEST);
    struct rng r = rng_open(9, "test", 0);
    for (int i = 0; i < FIT; i++) task.task->sample(&task, &r, TASK_EVAL, &fit[i]);
    for (int i = 0; i < TEST; i++) task.task->sample(&task, &r, TASK_EVAL, &test[i]);
}

static void teardown(void) {
    arena_close(&arena);
}

/* Give the thoughts, and let the mind answer behind them. Faint: a value of .02 beside noise of 1 in other coordinates. */
static void think(struct rollout *r, const struct problem *p, bool faint, const char *stream) {
    struct rng noise = rng_open(4, stream, 0);
    float *u = ARENA_NEW(&arena, float, (size_t)r->n *STEPS *WIDTH);
    for (int i = 0; i < r->n; i++)
        for (int k = 0; k < STEPS; k++) {
            float *x = u + ((long)i * STEPS + k) * WIDTH;
            for (int j = faint ? P : 0; j < WIDTH; j++) x[j] = (faint ? 1 : .1f) * rng_normal(&noise);
            x[k == LAST ? p[i].value[LAST] : P] += faint && k == LAST ? .02f : 2;
        }
    const struct rollout_options o = {.force = {.until = STEPS, .stop = -1, .vectors = u}};
    runner_run(runner, &mind, p, &o, r);
}

static void open_measurement(bool faint) {
    n_rows = 0;
    measurement_open(&m, &arena, &mind, runner, fit, FIT, test, TEST, 3);
    m.emit = note;
    think(&m.own_fit, fit, faint, "fit");
    think(&m.own_test, test, faint, "test");
}

static void measure(const char *metric) {
    ck_assert_int_eq(measurement_run(&m, metric), ST_OK);
}

START_TEST(the_answer_is_the_last_thought) {
    open_measurement(false);
    int right = 0;
    for (int i = 0; i < TEST; i++) right += rollout_answer(&m.own_test, &task, i) == test[i].answer;
    ck_assert_int_ge(right, TEST - 1);
}
END_TEST

/* Without the value an answer is right by chance: 4 in 5 change, within five standard errors. Four random directions of
 * sixteen leave three quarters of it. What nothing holds (c) cannot be erased. */
START_TEST(erasing_what_is_used_changes_answers) {
    open_measurement(false);
    measure("erasure");
    const double leace = value("erasure", "value", "leace"), random = value("erasure", "value", "random");
    ck_assert_double_eq_tol(leace, 1 - 1.0 / P, 5 * sqrt(.8 * .2 / TEST));
    ck_assert_double_le(random, .25);
    ck_assert_double_eq_tol(value("erasure", "value", "difference"), leace - random, 1e-12);
    ck_assert_str_eq(find("erasure", "c", "leace")->status, "skip");
}
END_TEST

/* The same thoughts before a head that says nothing: the value can be read as well, and no answer hangs on it. */
START_TEST(erasing_what_is_not_used_changes_none) {
    make_mind(0);
    open_measurement(false);
    measure("erasure");
    ck_assert_double_eq(value("erasure", "value", "leace"), 0);
    ck_assert_double_eq(value("erasure", "value", "random"), 0);
    measure("sae_loss_recovered");
    ck_assert_str_ne(find("sae_loss_recovered", "", "own")->status, "ok"); /* there is no loss to recover */
    make_mind(3);
}
END_TEST

/* A dictionary gives back what makes up the thoughts, and with it the answers; what is too faint for it is lost, however
 * much hangs on it. */
START_TEST(dictionaries_give_back_what_they_know) {
    open_measurement(false);
    measure("sae_loss_recovered");
    ck_assert_double_ge(value("sae_loss_recovered", "", "own"), .98);
    ck_assert_double_le(value("sae_loss_recovered", "", "own"), 1.02);
    open_measurement(true);
    int right = 0;
    for (int i = 0; i < TEST; i++) right += rollout_answer(&m.own_test, &task, i) == test[i].answer;
    ck_assert_int_ge(right, TEST - 1);
    measure("sae_loss_recovered");
    measure("sae_fvu");
    ck_assert_double_le(value("sae_fvu", "", "own"), .25);
    ck_assert_double_le(value("sae_loss_recovered", "", "own"), .2);
}
END_TEST

Suite *suite_readout(void) {
    Suite *s = suite_create("readout");
    TCase *t = tcase_create("readout");
    tcase_add_unchecked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_answer_is_the_last_thought);
    tcase_add_test(t, erasing_what_is_used_changes_answers);
    tcase_add_test(t, erasing_what_is_not_used_changes_none);
    tcase_add_test(t, dictionaries_give_back_what_they_know);
    suite_add_tcase(s, t);
    return s;
}
