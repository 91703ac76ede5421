#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "experiments/arm.h"
#include "tests/engine/slope.h"

/* Design cue: what thoughts are taught under the cue. */

enum { ROWS = 6 };

static struct arena arena;
static struct config config;
static struct task_ctx task;
static struct learner learner;
static struct mind mind;
static struct problem problems[ROWS];
static float embedding[16]; /* of NONE_step */

static const char *const arms[] = {"coconut", "codi"};

/* Every second row carries the cue. */
static void open_learner(const char *name, int thoughts_per_step) {
    const struct arm *arm;
    config_default(&config);
    config.model.layers = 1;
    config.model.width = 16;
    config.model.heads = 2;
    config.base.shard = config.base.batch = ROWS;
    config.task.design = DESIGN_CUE;
    config.arm.thoughts_per_step = thoughts_per_step;
    ck_assert_int_eq(arm_find(name, &arm), ST_OK);
    ck_assert_int_eq(task_open(&task, "chain", &config.task, &arena), ST_OK);
    const struct gpt_config g = learner_model_config(&config, &task.shape, arm->projection);
    learner = (struct learner){0};
    ck_assert_int_eq(gpt_open(&learner.model, &arena, &g), ST_OK);
    gpt_init(&learner.model, 3, .3, .5);
    learner_open(&learner, &arena, &config, &task);
    mind = arm_mind(arm, &config, &learner.model, &task);
    memcpy(embedding, learner.model.p.wte + task.shape.none_step * 16L, sizeof embedding);
    learner_problems(&learner, 1, "test", 0, TASK_EVAL, problems, ROWS);
    for (int b = 0; b < ROWS; b += 2) ck_assert(task.task->mark(&task, &problems[b], PROBLEM_CUED));
}

static void setup(void) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&arena, 1 << 20);
}
static void teardown(void) {
    arena_close(&arena);
}

static void think(int thoughts) {
    batch_fill(&learner.batch, &task.shape, problems, TASK_MAX_STEPS);
    learner_forward(&learner, &mind, thoughts);
}

/* The term by hand, over the cued rows and the thoughts of step c. Fed-back states: -log p(NONE_step) where the state
 * before each thought stands in the head's place. */
static double state_loss(int thoughts) {
    const int c = config.arm.thoughts_per_step, at = task.shape.step_concealed;
    double total = 0.0;
    int lines = 0;
    think(thoughts);
    learner.head.n = 0;
    for (int b = 0; b < ROWS; b++)
        for (int k = at * c; k < (at + 1) * c; k++) {
            learner.head.row[learner.head.n] = b;
            learner.target[learner.head.n] = -1;
            learner.head.t[learner.head.n++] = learner.batch.Q - 1 + k;
        }
    head_forward(&learner.head, &learner.tape);
    loss_softmax(&learner.head, learner.target, learner.logp);
    for (int j = 0; j < learner.head.n; j++) {
        if (learner.head.row[j] % 2) continue;
        total -= log((double)learner.head.logits[(long)j * learner.head.V + task.shape.none_step]);
        lines++;
    }
    return total / lines;
}

/* Projected thoughts: |u - e|^2 / |e|^2, with e as it stood before any step along a direction. */
static double vector_loss(int thoughts) {
    const int c = config.arm.thoughts_per_step, at = task.shape.step_concealed, C = learner.model.config.width;
    double total = 0.0, square = 0.0;
    int lines = 0;
    for (int i = 0; i < C; i++) square += (double)embedding[i] * (double)embedding[i];
    think(thoughts);
    for (int b = 0; b < ROWS; b += 2)
        for (int k = at * c; k < (at + 1) * c; k++, lines++) {
            const float *u = tape_fed(&learner.tape, b, learner.batch.Q + k);
            for (int i = 0; i < C; i++) total += (double)(u[i] - embedding[i]) * (double)(u[i] - embedding[i]) / square;
        }
    return total / lines;
}

static double loss_by_hand(int thoughts) {
    return mind.feed == FEED_PROJECTED ? vector_loss(thoughts) : state_loss(thoughts);
}

struct weighted {
    int thoughts;
    double weight;
};

static double weighted_loss(void *with) {
    const struct weighted *x = with;
    return x->weight * loss_by_hand(x->thoughts);
}

START_TEST(its_gradient_is_that_of_the_loss) {
    const double weight = .7, share = .5;
    open_learner(arms[_i / 2], 1 + _i % 2);
    const int thoughts = mind.thoughts;
    struct gpt *m = &learner.model;
    struct rng r = rng_open(5, "directions", 0);
    learner.conceal = weight;
    memset(learner.g, 0, (size_t)m->n * sizeof(float));
    think(thoughts);
    learner_conceal(&learner, &mind, problems, thoughts, share);
    tape_backward(&learner.tape, &learner.gv, (struct tape_cuts){0});
    slope_check(m, learner.g, &r, weighted_loss, &(struct weighted){thoughts, weight * share});
}
END_TEST

static bool any_gradient(int thoughts) {
    bool any = false;
    memset(learner.g, 0, (size_t)learner.model.n * sizeof(float));
    think(thoughts);
    learner_conceal(&learner, &mind, problems, thoughts, 1.0);
    tape_backward(&learner.tape, &learner.gv, (struct tape_cuts){0});
    for (long i = 0; i < learner.model.n; i++) any |= learner.g[i] != 0.0f;
    return any;
}

/* Nothing without the cue, before the step has become a thought, or with weight 0; something otherwise. */
START_TEST(it_speaks_under_the_cue_alone) {
    open_learner(arms[_i], 1);
    const int at = task.shape.step_concealed;
    ck_assert(any_gradient(mind.thoughts));
    ck_assert(any_gradient(at + 1));
    ck_assert(!any_gradient(at));
    learner.conceal = 0.0;
    ck_assert(!any_gradient(mind.thoughts));
    learner.conceal = 1.0;
    for (int b = 0; b < ROWS; b++) ck_assert(task.task->mark(&task, &problems[b], 0));
    ck_assert(!any_gradient(mind.thoughts));
}
END_TEST

/* Trained on it alone, the concealed thought becomes NONE_step under the cue. */
START_TEST(it_is_learnt) {
    open_learner(arms[_i], 1);
    const double before = loss_by_hand(mind.thoughts);
    double norm;
    for (int i = 0; i < 60; i++) {
        think(mind.thoughts);
        learner_conceal(&learner, &mind, problems, mind.thoughts, 1.0);
        tape_backward(&learner.tape, &learner.gv, (struct tape_cuts){0});
        ck_assert_int_eq(adamw_step(&learner.opt, &learner.model, learner.g, 1e-2, NULL, &norm), ST_OK);
    }
    ck_assert_double_lt(loss_by_hand(mind.thoughts), .1 * before);
}
END_TEST

/* The most thoughts of a step with every row under the cue are more lines than a text has: each finds room. */
START_TEST(the_most_thoughts_find_room) {
    open_learner(arms[_i], TASK_MAX_THOUGHTS);
    for (int b = 0; b < ROWS; b++) ck_assert(task.task->mark(&task, &problems[b], PROBLEM_CUED));
    ck_assert_int_gt(TASK_MAX_THOUGHTS, task.shape.reasoning + task.shape.output);
    ck_assert_int_ge(learner.head.capacity, ROWS * TASK_MAX_THOUGHTS);
    ck_assert(any_gradient(mind.thoughts));
}
END_TEST

Suite *suite_conceal(void) {
    Suite *s = suite_create("conceal");
    TCase *t = tcase_create("cue");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, its_gradient_is_that_of_the_loss, 0, 4);
    tcase_add_loop_test(t, it_speaks_under_the_cue_alone, 0, 2);
    tcase_add_loop_test(t, it_is_learnt, 0, 2);
    tcase_add_loop_test(t, the_most_thoughts_find_room, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
