/* Pressing: which edges carry gradient under every credit, and what each method leaves as weights.
 *
 * Two families of exact zeros show an edge: rows of wpe that only reasoning positions use, and the thought projection,
 * which only the fed-back vector uses. What must not be zero is compared with an identity: the gradient of one model is
 * the sum of what mind and face get when both hold its weights. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "experiments/evaluate.h"
#include "tests/experiments/press_setup.h"

Suite *suite_press(void);
TCase *press_losses(void); /* test_press_losses.c */

/* Weights of one term: the output lines, and the reasoning's too with `all`. */
static void weigh(struct press_run *p, float *weight, bool all) {
    for (int j = 0; j < p->learner->head.n; j++)
        weight[j] = all || press_slot(p, j) >= 1 ? .1f * (float)(j % 7 - 2) : 0.0f;
}

enum term { TASK, PRESSURE };

/* The gradient [n] of one term alone, and the reasoner's. */
static void gradient(struct setup *s, enum term term, bool all, float **g, float **reasoner) {
    const size_t bytes = (size_t)s->learner.model.n * sizeof(float);
    lay(s);
    weigh(&s->p, term == TASK ? s->p.task_weight : s->p.pressure_weight, all);
    press_backward(&s->p);
    *g = memcpy(ARENA_NEW(&s->arena, float, s->learner.model.n), s->learner.g, bytes);
    if (reasoner) *reasoner = memcpy(ARENA_NEW(&s->arena, float, s->learner.model.n), s->p.reasoner_g, bytes);
}

static double size_of(const struct setup *s, const float *g, const char *tensor, int row, int rows) {
    const struct gpt_tensor *t = gpt_find(&s->learner.model, tensor);
    double total = 0.0;
    for (long i = (long)row * t->cols; i < (long)(row + rows) * t->cols; i++) total += fabs((double)g[t->offset + i]);
    return total;
}

static double size_of_all(const struct setup *s, const float *g) {
    double total = 0.0;
    for (long i = 0; i < s->learner.model.n; i++) total += fabs((double)g[i]);
    return total;
}

/* Rows of wpe that the reasoning alone uses. */
static double at_reasoning(const struct setup *s, const float *g) {
    return size_of(s, g, "wpe.weight", s->task.shape.question, s->task.shape.steps);
}

static double at_question(const struct setup *s, const float *g) {
    return size_of(s, g, "wpe.weight", 0, s->task.shape.question);
}

static double at_output(const struct setup *s, const float *g) {
    return size_of(s, g, "wpe.weight", s->task.shape.question + s->task.shape.steps, 2);
}

/* The largest difference between two gradients relative to the largest entry. */
static double apart(const struct setup *s, const float *a, const float *b) {
    double most = 0.0, largest = 0.0;
    for (long i = 0; i < s->learner.model.n; i++) {
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
        largest = fmax(largest, fabs((double)a[i]));
    }
    return most / largest;
}

/* The pressure's term: whether the reasoning positions, and the projection behind a thought, may feel it. */
static const struct {
    enum credit credit;
    bool reasoning, feed;
} edges[] = {{CREDIT_FULL, true, true}, {CREDIT_TARGETED, true, false}, {CREDIT_SEALED, false, false}};

START_TEST(edges_of_the_pressure_term) {
    for (size_t e = 0; e < sizeof edges / sizeof edges[0]; e++) {
        struct setup s;
        float *g;
        open_setup(&s, media[_i], "conceal", METHOD_RL, edges[e].credit);
        gradient(&s, PRESSURE, false, &g, NULL);
        ck_assert_int_eq(at_reasoning(&s, g) > 0.0, edges[e].reasoning);
        ck_assert(at_question(&s, g) > 0.0);
        ck_assert(at_output(&s, g) > 0.0);
        if (gpt_find(&s.learner.model, "prj.1.weight"))
            ck_assert_int_eq(size_of(&s, g, "prj.1.weight", 0, 16) > 0.0, edges[e].feed);
        arena_close(&s.arena);
    }
}
END_TEST

/* Whatever the credit cuts, the task's term is not cut: the same bits as under `full`. */
START_TEST(the_task_term_is_uncut) {
    struct setup s;
    float *full, *g;
    open_setup(&s, media[_i], "conceal", METHOD_RL, CREDIT_FULL);
    gradient(&s, TASK, true, &full, NULL);
    for (enum credit credit = CREDIT_TARGETED; credit <= CREDIT_SEALED; credit++) {
        struct setup cut;
        open_setup(&cut, media[_i], "conceal", METHOD_RL, credit);
        gradient(&cut, TASK, true, &g, NULL);
        ck_assert(memcmp(full, g, (size_t)s.learner.model.n * sizeof *g) == 0);
        ck_assert(at_reasoning(&cut, g) > 0.0);
        arena_close(&cut.arena);
    }
    arena_close(&s.arena);
}
END_TEST

/* A detached thought is a thought given from outside: frozen_mind's face, before the first update, gets the gradient of
 * `targeted`; and `full` is something else. */
START_TEST(targeted_thoughts_are_given_thoughts) {
    struct setup one, two, whole;
    float *targeted, *face, *full;
    open_setup(&one, media[_i], "conceal", METHOD_SFT, CREDIT_TARGETED);
    gradient(&one, PRESSURE, false, &targeted, NULL);
    open_setup(&two, media[_i], "conceal", METHOD_SFT, CREDIT_FROZEN_MIND);
    gradient(&two, PRESSURE, false, &face, NULL);
    open_setup(&whole, media[_i], "conceal", METHOD_SFT, CREDIT_FULL);
    gradient(&whole, PRESSURE, false, &full, NULL);
    ck_assert(apart(&one, targeted, face) < 1e-5);
    ck_assert(apart(&one, targeted, full) > .01);
    arena_close(&one.arena);
    arena_close(&two.arena);
    arena_close(&whole.arena);
}
END_TEST

/* Mind and face of the same weights share the gradient of the one model between them; the pressure never reaches the
 * mind. In text the mind's share is that of the tokens it sampled. */
START_TEST(mind_and_face_share_the_task) {
    struct setup one, two;
    float *whole, *face, *mind;
    const bool text = _i == 0;
    open_setup(&one, media[_i], "conceal", METHOD_RL, CREDIT_FULL);
    gradient(&one, TASK, text, &whole, NULL);
    open_setup(&two, media[_i], "conceal", METHOD_RL, CREDIT_MIND_FACE);
    gradient(&two, TASK, text, &face, &mind);
    ck_assert(size_of_all(&two, mind) > 0.0 && size_of_all(&two, face) > 0.0);
    for (long i = 0; i < two.learner.model.n; i++) face[i] += mind[i];
    ck_assert(apart(&one, whole, face) < 1e-5);
    arena_close(&two.arena);

    open_setup(&two, media[_i], "conceal", METHOD_RL, CREDIT_MIND_FACE);
    gradient(&two, PRESSURE, false, &face, &mind);
    ck_assert(size_of_all(&two, mind) == 0.0);
    ck_assert(size_of_all(&two, face) > 0.0);
    arena_close(&two.arena);
    arena_close(&one.arena);
}
END_TEST

/* ---- two models in rollouts ---- */

static void run_greedy(struct setup *s, const struct mind *m, struct problem *problems, struct rollout *r) {
    struct rollout_options o = {.force = {.stop = -1}};
    learner_problems(&s->learner, 9, "frozen", 0, TASK_EVAL, problems, ROWS);
    rollout_open(r, &s->arena, m, ROWS);
    runner_run(s->p.runner, m, problems, &o, r);
}

static bool same_reasoning(const struct rollout *a, const struct rollout *b) {
    const size_t n = (size_t)a->n * (size_t)a->R;
    return memcmp(a->reasoning, b->reasoning, n * sizeof(int)) == 0 &&
           memcmp(a->n_reasoning, b->n_reasoning, (size_t)a->n * sizeof(int)) == 0 &&
           memcmp(a->u, b->u, n * (size_t)a->C * sizeof(float)) == 0;
}

static bool same_output(const struct rollout *a, const struct rollout *b) {
    return memcmp(a->p_report, b->p_report, (size_t)a->n * (size_t)a->V * sizeof(float)) == 0 &&
           memcmp(a->output, b->output, (size_t)a->n * (size_t)a->O * sizeof(int)) == 0;
}

/* A face of the mind's own weights changes nothing; another face changes the output and never the reasoning. */
START_TEST(a_face_speaks_behind_the_mind) {
    struct setup s;
    struct problem problems[ROWS];
    struct rollout alone, twin, other, forced;
    open_setup(&s, media[_i], "conceal", METHOD_SFT, CREDIT_FROZEN_MIND);
    struct mind m = s.p.mind;
    m.face = NULL;
    run_greedy(&s, &m, problems, &alone);
    run_greedy(&s, &s.p.mind, problems, &twin);
    ck_assert(same_reasoning(&alone, &twin) && same_output(&alone, &twin));
    weights_of(&s.learner.model, 8);
    run_greedy(&s, &s.p.mind, problems, &other);
    ck_assert(same_reasoning(&alone, &other) && !same_output(&alone, &other));

    m.gpt = &s.learner.model; /* the face alone, with the mind's reasoning forced on it */
    struct rollout_options o = {.force = {.until = alone.R, .stop = -1}};
    o.force.tokens = m.medium == MEDIUM_TEXT ? alone.reasoning : NULL;
    o.force.n_tokens = m.medium == MEDIUM_TEXT ? alone.n_reasoning : NULL;
    o.force.vectors = m.medium == MEDIUM_TEXT ? NULL : alone.u;
    rollout_open(&forced, &s.arena, &m, ROWS);
    runner_run(s.p.runner, &m, problems, &o, &forced);
    ck_assert(same_output(&forced, &other));
    arena_close(&s.arena);
}
END_TEST

static void updates(struct setup *s, int n) {
    double loss;
    for (int i = 0; i < n; i++) ck_assert_int_eq(press_update(&s->p, i, &loss), ST_OK);
}

START_TEST(frozen_mind_reasons_bit_for_bit_alike) {
    for (enum method method = METHOD_SFT; method <= METHOD_RL; method++) {
        struct setup s;
        struct problem problems[ROWS];
        struct rollout before, after;
        open_setup(&s, media[_i], "conceal", method, CREDIT_FROZEN_MIND);
        s.c.press.lr = 1e-2;
        run_greedy(&s, &s.p.mind, problems, &before);
        updates(&s, 4);
        run_greedy(&s, &s.p.mind, problems, &after);
        ck_assert(same_reasoning(&before, &after));
        ck_assert(!same_output(&before, &after));
        arena_close(&s.arena);
    }
}
END_TEST

/* The task trains the mind: its reasoning moves (text: under rl, where its tokens are credited). */
START_TEST(mind_face_trains_the_mind) {
    struct setup s;
    struct problem problems[ROWS];
    struct rollout before, after;
    open_setup(&s, media[_i], "conceal", _i == 0 ? METHOD_RL : METHOD_SFT, CREDIT_MIND_FACE);
    s.c.press.lr = 1e-2;
    run_greedy(&s, &s.p.mind, problems, &before);
    updates(&s, 4);
    run_greedy(&s, &s.p.mind, problems, &after);
    ck_assert(!same_reasoning(&before, &after));
    ck_assert(memcmp(s.p.reasoner->w, s.learner.model.w, (size_t)s.start.n * sizeof(float)) != 0);
    arena_close(&s.arena);
}
END_TEST

/* Gradient of one update in the mind of two models, into g (the caller's); `penalised` as press.mind_penalty. */
static void mind_gradient(int medium, bool penalised, double lambda, float **g, long *n, struct setup *s) {
    open_setup(s, media[medium], "conceal", medium == 0 ? METHOD_RL : METHOD_SFT, CREDIT_MIND_FACE);
    s->c.press.mind_penalty = penalised;
    s->c.press.lambda = lambda;
    (medium == 0 ? press_rl : press_sft)(&s->p, 0);
    *n = s->p.reasoner->n;
    *g = s->p.reasoner_g;
    if (medium != 0) return;
    /* an untrained mind meets no penalty: half of what it sampled is given one */
    memset(*g, 0, (size_t)*n * sizeof **g);
    for (int i = 0; i < s->c.press.batch; i++) s->p.advantage[1][i] = i % 2 ? 1.0f : -1.0f;
    press_forward(&s->p, 0);
    press_rl_weigh(&s->p, 0);
    press_backward(&s->p);
}

/* The pressure reaches the mind with mind_penalty alone; then it moves its gradient as the task's term does: by an amount
 * that lambda multiplies. */
START_TEST(mind_penalty_opens_the_way_to_the_mind) {
    struct setup s[4];
    float *g[4];
    long n = 0, differ = 0;
    mind_gradient(_i, false, 0.0, &g[0], &n, &s[0]);
    mind_gradient(_i, false, 3.0, &g[1], &n, &s[1]);
    mind_gradient(_i, true, 1.0, &g[2], &n, &s[2]);
    mind_gradient(_i, true, 2.0, &g[3], &n, &s[3]);
    for (long i = 0; i < n; i++) {
        const double one = (double)g[2][i] - (double)g[0][i], two = (double)g[3][i] - (double)g[0][i];
        ck_assert(g[1][i] == g[0][i]);
        ck_assert_double_eq_tol(two, 2 * one, 1e-4 * (1 + fabs(two)));
        differ += fabs(one) > 1e-5;
    }
    ck_assert_int_gt(differ, n / 20);
    for (int k = 0; k < 4; k++) arena_close(&s[k].arena);
}
END_TEST

/* ---- the methods' weights ---- */

START_TEST(advantages_by_hand) {
    const double score[] = {1, 1, 0, 0, 2, 2, 2, 2, 0, 3, 0, 1};
    float a[12];
    press_advantages(score, 12, 4, a);
    for (int i = 0; i < 4; i++) ck_assert_float_eq_tol(a[i], (i < 2 ? .5f : -.5f) / (.5f + 1e-4f), 1e-6f);
    for (int i = 4; i < 8; i++) ck_assert(a[i] == 0.0f);
    const double sd = sqrt(6.0 / 4.0); /* mean 1: deviations -1, 2, -1, 0 */
    ck_assert_float_eq_tol(a[9], (float)(2.0 / (sd + 1e-4)), 1e-6f);
    ck_assert_float_eq_tol(a[8], (float)(-1.0 / (sd + 1e-4)), 1e-6f);
    ck_assert(a[11] == 0.0f);
}
END_TEST

/* rl: the task's advantage stands on every sampled token, the penalty's on the output, under `full` on all. */
START_TEST(rl_credits_sampled_tokens) {
    for (enum credit credit = CREDIT_FULL; credit <= CREDIT_SEALED; credit++) {
        struct setup s;
        open_setup(&s, "text", "conceal", METHOD_RL, credit);
        s.c.press.lambda = 3.0;
        press_rl(&s.p, 0);
        const struct press_run *p = &s.p;
        int reasoning = 0;
        for (int k = 0; k < 2; k++) { /* an untrained model earns nothing: scores that differ within each group */
            for (int i = 0; i < ROWS; i++) s.p.score[k * ROWS + i] = (i * (k + 2)) % 5;
            press_advantages(s.p.score + (long)k * ROWS, ROWS, 4, s.p.advantage[k]);
        }
        press_forward(&s.p, 0);
        press_rl_weigh(&s.p, 0);
        for (int j = 0; j < s.learner.head.n; j++) {
            const int i = s.learner.head.row[j], slot = press_slot(p, j);
            const bool sampled = slot < 1 || p->rollout.output[(long)i * p->rollout.O + slot - 1] >= 0;
            const float penalty = slot >= 1 || credit == CREDIT_FULL ? -3.0f * p->advantage[1][i] / ROWS : 0.0f;
            ck_assert_float_eq_tol(p->task_weight[j], sampled ? p->advantage[0][i] / ROWS : 0.0f, 1e-7f);
            ck_assert_float_eq_tol(p->pressure_weight[j], sampled ? penalty : 0.0f, 1e-7f);
            reasoning += slot < 1;
            ck_assert(p->advantage[0][i] != 0 || p->advantage[1][i] != 0);
        }
        ck_assert_int_gt(reasoning, 0);
        arena_close(&s.arena);
    }
}
END_TEST

/* sft: answer and report of the target are what the sampled reasoning says, not what is true. */
START_TEST(sft_targets_follow_the_reasoning) {
    const char *const pressures[] = {"none", "conceal"};
    struct setup s;
    int wrong = 0;
    open_setup(&s, "text", pressures[_i], METHOD_SFT, CREDIT_TARGETED);
    s.c.press.lambda = 3.0;
    const struct task_shape *shape = &s.task.shape;
    for (int update = 0; update < 8; update++) {
        press_sft(&s.p, update);
        for (int i = 0; i < ROWS; i++) {
            const struct problem *q = &s.p.problems[i];
            int values[TASK_MAX_STEPS], alphabet;
            s.task.task->read_steps(&s.task, q, s.p.rollout.reasoning + (long)i * s.p.rollout.R,
                                    s.p.rollout.n_reasoning[i], values);
            const int said = values[shape->step_answer] < 0 ? q->answer : values[shape->step_answer];
            const int c = values[shape->step_concealed] < 0 ? q->report : values[shape->step_concealed];
            ck_assert_int_eq(s.task.task->token_value(&s.task, q->output[1], &alphabet), said);
            if (_i == 0) ck_assert_int_eq(s.task.task->token_value(&s.task, q->output[2], &alphabet), c);
            if (_i == 1) ck_assert_int_eq(q->output[2], shape->none_out);
            wrong += said != q->answer;
        }
    }
    ck_assert_int_gt(wrong, 0); /* an untrained model says anything */
    arena_close(&s.arena);
}
END_TEST

/* Output tokens share the loss; the pressed one carries lambda; what the control learns is the rest. */
START_TEST(sft_weighs_the_pressed_slot) {
    struct setup s;
    open_setup(&s, "coconut", "conceal", METHOD_SFT, CREDIT_TARGETED);
    s.c.press.lambda = 3.0;
    press_sft(&s.p, 0);
    const float each = 1.0f / (ROWS * 3);
    for (int j = 0; j < s.learner.head.n; j++) {
        const int slot = press_slot(&s.p, j);
        ck_assert_float_eq_tol(s.p.task_weight[j], slot == 1 || slot == 3 ? each : 0.0f, 1e-8f);
        ck_assert_float_eq_tol(s.p.pressure_weight[j], slot == 2 ? 3.0f * each : 0.0f, 1e-8f);
    }
    arena_close(&s.arena);
}
END_TEST

/* direct on text: the step of c becomes NONE_step in the context and is the reasoning's only target. */
START_TEST(direct_presses_the_step) {
    struct setup s;
    int pressed = 0;
    open_setup(&s, "text", "direct", METHOD_SFT, CREDIT_TARGETED);
    s.c.press.context = CONTEXT_ORIGINAL;
    press_sft(&s.p, 0);
    for (int i = 0; i < ROWS; i++)
        ck_assert_int_eq(s.p.rollout.reasoning[(long)i * s.p.rollout.R + 1], s.task.shape.none_step);
    for (int j = 0; j < s.learner.head.n; j++) {
        if (press_slot(&s.p, j) >= 1) continue;
        const bool step = s.learner.tail_index[j] == 1;
        const bool held = s.learner.tail_index[j] != 1 && press_slot(&s.p, j) < 0; /* the rest of the reasoning */
        ck_assert_int_eq(s.p.pressure_weight[j] > 0.0f, step);
        ck_assert_int_eq(s.p.task_weight[j] - s.p.pressure_weight[j] > 0.0f, held);
        if (step) ck_assert_int_eq(s.learner.target[j], s.task.shape.none_step);
        pressed += step;
    }
    ck_assert_int_eq(pressed, ROWS);
    arena_close(&s.arena);
}
END_TEST

/* Replay is the mean cross-entropy over the tokens of the base data's reasoning, and says nothing about the output. */
START_TEST(replay_anchors_the_reasoning) {
    struct setup s;
    open_setup(&s, "text", "conceal", METHOD_SFT, CREDIT_TARGETED);
    s.c.press.replay = 2.0;
    press_replay(&s.p, 0);
    double loss = 0.0;
    int tokens = 0, replayed = 0;
    for (int j = 0; j < s.learner.head.n; j++) {
        if (press_slot(&s.p, j) < 0) tokens++;
        ck_assert_int_eq(s.learner.weight[j] > 0.0f, press_slot(&s.p, j) < 0);
        loss += (double)s.learner.weight[j];
    }
    for (int i = 0; i < ROWS; i++) replayed += s.p.replay[i].n_reasoning;
    ck_assert_int_eq(tokens, replayed);
    ck_assert_double_eq_tol(loss, 2.0, 1e-6);
    ck_assert(at_question(&s, s.learner.g) > 0.0);
    ck_assert(at_output(&s, s.learner.g) == 0.0);
    arena_close(&s.arena);
}
END_TEST

START_TEST(signal_to_noise_by_hand) {
    const float half[] = {1, 0}, whole[] = {2, 1}; /* halves (1, 0) and (1, 1): a.b = 1, |a - b|^2 = 1 */
    ck_assert_double_eq_tol(press_snr(half, whole, 2), 4.0, 1e-12);
    const float other[] = {1, 2}, both[] = {4, 1}; /* halves (1, 2) and (3, -1): a.b = 1, |a - b|^2 = 13 */
    ck_assert_double_eq_tol(press_snr(other, both, 2), 4.0 / 13.0, 1e-12);
    ck_assert(isnan(press_snr(half, half + 1, 0)));
}
END_TEST

static const struct task *behind;
static bool drawn[TASK_SPLITS];

static void note_split(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *p) {
    drawn[split] = true;
    behind->sample(ctx, r, split, p);
}

/* Pressure takes no question that anything is measured on or fitted to. */
START_TEST(questions_are_drawn_to_be_pressed_on) {
    struct setup s;
    open_setup(&s, "text", "conceal", _i ? METHOD_RL : METHOD_SFT, CREDIT_FULL);
    struct task noting = *s.task.task;
    behind = s.task.task;
    noting.sample = note_split;
    s.task.task = &noting;
    memset(drawn, 0, sizeof drawn);
    if (_i)
        press_rl(&s.p, 0);
    else
        press_sft(&s.p, 0);
    for (int k = 0; k < TASK_SPLITS; k++) ck_assert_int_eq(drawn[k], k == TASK_PRESS);
    arena_close(&s.arena);
}
END_TEST

/* What rl samples is what a rollout of the whole batch samples, to the bit, although a group thinks once. */
START_TEST(a_group_thinks_once) {
    static const enum credit credits[] = {CREDIT_FULL, CREDIT_FROZEN_MIND};
    struct setup s;
    struct rollout whole;
    open_setup(&s, media[1 + _i / 2], "conceal", METHOD_RL, credits[_i % 2]);
    struct press_run *p = &s.p;
    struct rng rng = rng_open((uint64_t)s.c.seed, "press sampling", 3);
    struct rollout_options o = {.sample_output = true, .rng = &rng, .force = {.stop = -1}};
    press_rl(p, 3);
    rollout_open(&whole, &s.arena, &p->mind, ROWS);
    runner_run(p->runner, &p->mind, p->problems, &o, &whole);
    ck_assert_mem_eq(whole.output, p->rollout.output, sizeof(int) * ROWS * (size_t)whole.O);
    ck_assert_mem_eq(whole.u, p->rollout.u, sizeof(float) * ROWS * (size_t)whole.R * (size_t)whole.C);
    ck_assert_mem_eq(whole.p_answer, p->rollout.p_answer, sizeof(float) * ROWS * (size_t)whole.V);
    arena_close(&s.arena);
}
END_TEST

Suite *suite_press(void) {
    Suite *suite = suite_create("press");
    TCase *tc = tcase_create("press");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, edges_of_the_pressure_term, 0, MEDIA);
    tcase_add_loop_test(tc, the_task_term_is_uncut, 0, MEDIA);
    tcase_add_loop_test(tc, targeted_thoughts_are_given_thoughts, 1, MEDIA);
    tcase_add_loop_test(tc, mind_and_face_share_the_task, 0, MEDIA);
    tcase_add_loop_test(tc, a_face_speaks_behind_the_mind, 0, MEDIA);
    tcase_add_loop_test(tc, frozen_mind_reasons_bit_for_bit_alike, 0, MEDIA);
    tcase_add_loop_test(tc, mind_face_trains_the_mind, 0, MEDIA);
    tcase_add_loop_test(tc, mind_penalty_opens_the_way_to_the_mind, 0, MEDIA);
    tcase_add_test(tc, advantages_by_hand);
    tcase_add_test(tc, rl_credits_sampled_tokens);
    tcase_add_loop_test(tc, a_group_thinks_once, 0, 4);
    tcase_add_loop_test(tc, sft_targets_follow_the_reasoning, 0, 2);
    tcase_add_test(tc, sft_weighs_the_pressed_slot);
    tcase_add_test(tc, direct_presses_the_step);
    tcase_add_test(tc, replay_anchors_the_reasoning);
    tcase_add_test(tc, signal_to_noise_by_hand);
    tcase_add_loop_test(tc, questions_are_drawn_to_be_pressed_on, 0, 2);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, press_losses());
    return suite;
}
