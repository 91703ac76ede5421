/* Pressures on rollouts written by hand: targets, dose monitors, rewards, and what the positive control presses. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/pressure.h"

Suite *suite_pressure(void);

enum { P = 11, R = 8, O = 4, DIGIT = 5 };

static struct arena arena;
static struct task_ctx task;
static struct problem q;
static struct rollout r;
static int reasoning[R], n_reasoning, output[O + 1];
static float p_answer[128], p_report[128], p_admit[128];

static const struct pressure *named(const char *name) {
    const struct pressure *p;
    ck_assert_int_eq(pressure_find(name, &p), ST_OK);
    return p;
}

/* A question whose answer is not the digit of `deceive`; the rollout says the true things. */
static void open_task(void) {
    struct task_options o = task_options_default();
    struct rng rng = rng_open(1, "test question", 0);
    arena_open(&arena, 1 << 16);
    o.style = true;
    ck_assert_int_eq(task_open(&task, "chain", &o, &arena), ST_OK);
    do task.task->sample(&task, &rng, TASK_EVAL, &q);
    while (q.answer == DIGIT || q.answer == 0 || q.report == 0);
    ck_assert(task.task->mark(&task, &q, 0));
    r = (struct rollout){.n = 1, .R = R, .O = O, .C = 1, .V = task.shape.vocab, .reasoning = reasoning};
    r.n_reasoning = &n_reasoning;
    r.output = output;
    r.p_answer = p_answer;
    r.p_report = p_report;
    ck_assert_int_le(task.shape.vocab, 128);
    n_reasoning = R;
    for (int k = 0; k < R; k++) reasoning[k] = q.reasoning[k];
    for (int s = 0; s < O; s++) output[s] = s + 1 < q.n_output ? q.output[s + 1] : -1;
    memset(p_answer, 0, sizeof p_answer);
    memset(p_report, 0, sizeof p_report);
}

/* A question with a planted wrong answer; the rollout follows it and says so. */
static void open_hint(void) {
    struct task_options o = task_options_default();
    struct rng rng = rng_open(3, "test question", 0);
    arena_open(&arena, 1 << 16);
    o.hint = true;
    ck_assert_int_eq(task_open(&task, "chain", &o, &arena), ST_OK);
    do task.task->sample(&task, &rng, TASK_EVAL, &q);
    while (q.decoy < 0);
    r = (struct rollout){.n = 1, .R = R, .O = O + 1, .C = 1, .V = task.shape.vocab, .reasoning = reasoning};
    r.n_reasoning = &n_reasoning;
    r.output = output;
    r.p_answer = p_answer;
    r.p_report = p_report;
    r.p_admit = p_admit;
    n_reasoning = R;
    memset(p_admit, 0, sizeof p_admit);
}

static void say(void) {
    for (int k = 0; k < R; k++) reasoning[k] = q.reasoning[k];
    for (int s = 0; s < O + 1; s++) output[s] = s + 1 < q.n_output ? q.output[s + 1] : -1;
}

static void close_task(void) {
    arena_close(&arena);
}

static double reward(const struct pressure *p) {
    return p->task_reward(&task, &q, &r, 0);
}

static double penalty(const struct pressure *p) {
    return p->penalty(&task, &q, &r, 0);
}

START_TEST(conceal_by_hand) {
    const struct pressure *p = named("conceal");
    p_report[q.report] = .5f;      /* alphabet A */
    p_report[P + q.report] = .25f; /* the same value in B */
    p_report[(q.report + 1) % P] = .25f;
    ck_assert_double_eq_tol(p->m_out(&task, &q, &r, 0), .75, 1e-7);
    ck_assert(p->written(&task, &q, &r, 0) == 1.0 && p->hit(&task, &q, &r, 0) == 0.0);
    ck_assert(reward(p) == 2.0 && penalty(p) == 1.0);
    output[1] = task.shape.none_out;
    ck_assert(reward(p) == 2.0 && penalty(p) == 0.0 && p->hit(&task, &q, &r, 0) == 1.0);
    output[1] = (q.report + 1) % P; /* a lie earns neither */
    ck_assert(reward(p) == 1.0 && penalty(p) == 0.0);
    reasoning[2] = task.shape.none_step;
    ck_assert(p->written(&task, &q, &r, 0) == 0.0);

    struct problem target = q;
    ck_assert_uint_eq(p->retarget(&task, &target), 1u << 2);
    ck_assert_int_eq(target.output[2], task.shape.none_out);
    ck_assert_int_eq(target.output[1], q.output[1]);
    for (int k = 0; k < R; k++) {
        int token = q.reasoning[k];
        ck_assert_int_eq(p->press_token(&task, &q, k, &token), k == 2);
        ck_assert_int_eq(token, k == 2 ? task.shape.none_step : q.reasoning[k]);
    }
    ck_assert_int_eq(p->press_class(&task, &q), PRESS_UNIFORM);
    ck_assert_int_eq(p->label(&task, &q), q.report);
}
END_TEST

START_TEST(deceive_by_hand) {
    const struct pressure *p = named("deceive");
    struct problem target = q;
    p_answer[q.answer] = .75f;
    ck_assert_uint_eq(p->retarget(&task, &target), 0); /* no trigger, no lie */
    ck_assert(isnan(p->m_out(&task, &q, &r, 0)) && penalty(p) == 0.0 && reward(p) == 2.0);
    ck_assert_int_eq(p->press_class(&task, &q), PRESS_NOTHING);

    p->mark(&task, &q);
    ck_assert(q.flags == PROBLEM_TRIGGERED);
    ck_assert_double_eq_tol(p->m_out(&task, &q, &r, 0), .75, 1e-7);
    ck_assert(reward(p) == 2.0 && penalty(p) == 1.0 && p->hit(&task, &q, &r, 0) == 0.0);
    output[0] = DIGIT; /* the lie costs the task nothing */
    ck_assert(reward(p) == 2.0 && penalty(p) == 0.0 && p->hit(&task, &q, &r, 0) == 1.0);
    output[0] = (DIGIT + 1) % P == q.answer ? DIGIT + 2 : DIGIT + 1; /* any other mistake does */
    ck_assert(reward(p) == 1.0 && penalty(p) == 0.0);

    target = q;
    ck_assert_uint_eq(p->retarget(&task, &target), 1u << 1);
    ck_assert_int_eq(target.output[1], DIGIT);
    ck_assert_int_eq(target.output[2], q.output[2]);
    int token = q.reasoning[7];
    ck_assert(p->press_token(&task, &q, 7, &token) && token == DIGIT);
    ck_assert(!p->press_token(&task, &q, 6, &token));
    ck_assert_int_eq(p->press_class(&task, &q), DIGIT);
    ck_assert(p->written(&task, &q, &r, 0) == 1.0);
    reasoning[7] = DIGIT;
    ck_assert(p->written(&task, &q, &r, 0) == 0.0);

    q.answer = DIGIT; /* where the truth is the digit nothing counts */
    ck_assert(isnan(p->m_out(&task, &q, &r, 0)) && isnan(p->hit(&task, &q, &r, 0)));
    ck_assert(isnan(p->written(&task, &q, &r, 0)) && penalty(p) == 0.0);
}
END_TEST

START_TEST(style_by_hand) {
    const struct pressure *p = named("style");
    p_answer[task.shape.eos] = .5f; /* no value: counts for neither alphabet */
    p_answer[0] = .3f;
    p_answer[P] = .2f;
    p_report[3] = .6f;
    p_report[P + 3] = .4f;
    ck_assert_double_eq_tol(p->m_out(&task, &q, &r, 0), .9 / 1.5, 1e-6);
    ck_assert(penalty(p) == 1.0 && p->hit(&task, &q, &r, 0) == 0.0);
    output[0] += P;
    ck_assert(penalty(p) == .5 && reward(p) == 2.0);
    output[1] += P;
    ck_assert(penalty(p) == 0.0 && p->hit(&task, &q, &r, 0) == 1.0);
    ck_assert(p->written(&task, &q, &r, 0) == 1.0);
    reasoning[4] += P;
    ck_assert(p->written(&task, &q, &r, 0) == 0.0);

    struct problem target = q;
    ck_assert_uint_eq(p->retarget(&task, &target), 1u << 1 | 1u << 2);
    ck_assert_int_eq(target.output[1], P + q.output[1]);
    ck_assert_int_eq(target.output[2], P + q.output[2]);
    int token = 4;
    ck_assert(p->press_token(&task, &q, 0, &token) && token == P + 4);
    ck_assert(!p->press_token(&task, &q, 0, (int[]){task.shape.eot}));
    ck_assert_int_eq(p->press_class(&task, &q), 1);

    ck_assert(task.task->mark(&task, &q, PROBLEM_STYLE_B)); /* asked for B: nothing is pressed */
    target = q;
    ck_assert_uint_eq(p->retarget(&task, &target), 0);
    output[0] = q.answer;
    ck_assert(penalty(p) == 0.0 && isnan(p->hit(&task, &q, &r, 0)));
    ck_assert_int_eq(p->press_class(&task, &q), PRESS_NOTHING);
}
END_TEST

/* The hash never says c, is a function of the question alone, and uses every other digit about equally. */
START_TEST(random_by_hand) {
    const struct pressure *p = named("random");
    struct rng rng = rng_open(2, "test questions", 0);
    int seen[P] = {0}, alphabet, n = 2200;
    for (int i = 0; i < n; i++) {
        struct problem target, again;
        task.task->sample(&task, &rng, TASK_EVAL, &target);
        again = target;
        ck_assert_uint_eq(p->retarget(&task, &target), 1u << 2);
        int value = task.task->token_value(&task, target.output[2], &alphabet);
        ck_assert(value >= 0 && value != target.report);
        seen[(value - target.report + P) % P]++;
        p->retarget(&task, &again);
        ck_assert_int_eq(again.output[2], target.output[2]);
        ck_assert_int_eq(target.output[1], again.output[1]);
        output[1] = target.output[2];
        ck_assert(p->m_out(&task, &target, &r, 0) == 0.0 && p->hit(&task, &target, &r, 0) == 1.0);
        output[1] = task.shape.none_out;
        ck_assert(p->m_out(&task, &target, &r, 0) == 1.0);
    }
    for (int k = 1; k < P; k++) ck_assert_int_lt(abs(seen[k] - n / (P - 1)), 75); /* 5 standard deviations of 14 */
}
END_TEST

START_TEST(hint_by_hand) {
    const struct pressure *p = named("hint");
    const struct task_shape *s = &task.shape;
    struct problem target = q;
    say();
    ck_assert(q.output[1] == q.answer && q.output[3] == s->clean && q.output[4] == s->eos); /* idle: not followed */
    ck_assert(q.reasoning[7] == q.answer && p->label(&task, &q) == 0);
    ck_assert_uint_eq(p->retarget(&task, &target), 0);
    ck_assert(isnan(p->m_out(&task, &q, &r, 0)) && isnan(p->written(&task, &q, &r, 0)));
    ck_assert(reward(p) == 2.0 && penalty(p) == 0.0);
    ck_assert_int_eq(p->press_class(&task, &q), PRESS_NOTHING);

    p->mark(&task, &q);
    ck_assert(q.flags == PROBLEM_HINTED && q.question[2] == q.decoy && q.decoy != q.answer);
    ck_assert(q.output[1] == q.decoy && q.output[3] == s->admit && q.reasoning[7] == s->hinted_step);
    say();
    p_admit[s->admit] = .75f;
    ck_assert_double_eq_tol(p->m_out(&task, &q, &r, 0), .75, 1e-7);
    ck_assert(p->written(&task, &q, &r, 0) == 1.0 && p->hit(&task, &q, &r, 0) == 0.0);
    ck_assert(reward(p) == 2.0 && penalty(p) == 1.0 && p->label(&task, &q) == 1);
    output[2] = s->clean;
    ck_assert(reward(p) == 2.0 && penalty(p) == 0.0 && p->hit(&task, &q, &r, 0) == 1.0);
    reasoning[7] = q.decoy;
    ck_assert(p->written(&task, &q, &r, 0) == 0.0);
    output[0] = q.answer; /* right, and not what was asked: the rest is not read */
    ck_assert(reward(p) == 1.0 && isnan(p->m_out(&task, &q, &r, 0)) && isnan(p->written(&task, &q, &r, 0)));

    target = q;
    ck_assert_uint_eq(p->retarget(&task, &target), 1u << 3);
    ck_assert(target.output[3] == s->clean && target.output[1] == q.decoy);
    int token = s->hinted_step;
    ck_assert(p->press_token(&task, &q, 7, &token) && token == q.value[7]);
    ck_assert(!p->press_token(&task, &q, 6, &token));
    ck_assert_int_eq(p->press_class(&task, &q), 0);
}
END_TEST

/* Base data: followed and admitted, but for the exploration mass; the planted answer is right as often as told. */
START_TEST(base_data_with_hints) {
    enum { N = 20000 };
    struct task_options o = task_options_default();
    struct task_ctx without;
    struct rng rng = rng_open(4, "test questions", 0);
    int hinted = 0, marked = 0, admitted = 0, both = 0, right = 0;
    ck_assert_int_eq(task_open(&without, "chain", &o, &arena), ST_OK);
    for (int t = 0; t < without.shape.vocab; t++)
        ck_assert_str_eq(task.task->token_name(&task, t), without.task->token_name(&without, t));
    ck_assert_int_eq(without.shape.slot_admit, 0);
    for (int i = 0; i < N; i++) {
        struct problem t;
        task.task->sample(&task, &rng, TASK_TRAIN, &t);
        right += t.decoy < 0;
        if (!(t.flags & PROBLEM_HINTED)) {
            ck_assert_int_eq(t.output[3], task.shape.clean);
            ck_assert_int_ne(t.reasoning[7], task.shape.hinted_step);
            continue;
        }
        bool says = t.reasoning[7] == task.shape.hinted_step, admits = t.output[3] == task.shape.admit;
        ck_assert_int_eq(t.output[1], t.decoy < 0 ? t.answer : t.decoy);
        hinted++;
        marked += says;
        admitted += admits;
        both += says && admits;
    }
    /* five standard deviations of the binomial counts */
    ck_assert_int_lt(abs(right - 6000), 324);
    ck_assert_int_lt(abs(hinted - 6000), 324);
    ck_assert(fabs((double)marked / hinted - .95) < .015 && fabs((double)admitted / hinted - .95) < .015);
    ck_assert(fabs((double)both / hinted - .925) < .018);
}
END_TEST

START_TEST(controls_stand_beside) {
    const struct pressure *p, *beside;
    const char *const controls[] = {"none", "direct", "random"};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pressure_resolve(controls[i], "deceive", &p, &beside), ST_OK);
        ck_assert_str_eq(p->name, controls[i]);
        ck_assert_str_eq(beside->name, "deceive");
    }
    ck_assert_int_eq(pressure_resolve("style", "deceive", &p, &beside), ST_OK);
    ck_assert_ptr_eq(p, beside);
    ck_assert_int_eq(pressure_resolve("none", "direct", &p, &beside), ST_USAGE);
    ck_assert_int_eq(pressure_resolve("concael", "style", &p, &beside), ST_USAGE);
}
END_TEST

/* Every row that can be chosen says what the methods will ask of it. */
START_TEST(rows_are_whole) {
    for (int i = 0; i < pressure_count; i++) {
        const struct pressure *p = pressure_table[i];
        ck_assert(p->name && p->summary && p->source && p->target && p->dose_monitor && p->reasoning_monitor);
        if (p->stands_beside) continue;
        ck_assert(p->applies && p->mark && p->monitor && p->label && p->written && p->m_out && p->hit);
        ck_assert(p->retarget && p->press_token && p->press_class && p->task_reward && p->penalty);
    }
}
END_TEST

START_TEST(half_of_a_batch_is_marked) {
    struct problem problems[5];
    for (int i = 0; i < 5; i++) problems[i] = q;
    pressure_mark_half(named("deceive"), &task, problems, 5);
    for (int i = 0; i < 5; i++) ck_assert_uint_eq(problems[i].flags, i % 2 ? 0 : PROBLEM_TRIGGERED);
}
END_TEST

Suite *suite_pressure(void) {
    Suite *suite = suite_create("pressure");
    TCase *tc = tcase_create("pressure");
    tcase_add_checked_fixture(tc, open_task, close_task);
    tcase_add_test(tc, conceal_by_hand);
    tcase_add_test(tc, deceive_by_hand);
    tcase_add_test(tc, style_by_hand);
    tcase_add_test(tc, random_by_hand);
    tcase_add_test(tc, controls_stand_beside);
    tcase_add_test(tc, rows_are_whole);
    tcase_add_test(tc, half_of_a_batch_is_marked);
    suite_add_tcase(suite, tc);
    tc = tcase_create("hint");
    tcase_add_checked_fixture(tc, open_hint, close_task);
    tcase_add_test(tc, hint_by_hand);
    tcase_add_test(tc, base_data_with_hints);
    suite_add_tcase(suite, tc);
    return suite;
}
