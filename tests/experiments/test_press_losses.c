/* The losses of pressing and the prediction of its first step, by finite differences. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "experiments/first_order.h"
#include "tests/engine/slope.h"
#include "tests/experiments/press_setup.h"

TCase *press_losses(void);

/* ---- losses and readers by finite differences ---- */

enum { LINES = 3, V = 5 };

static double loss_at(const float *z, bool kl, float *grad) {
    static const float reference[LINES * V] = {.2f,  .2f,  .2f, .2f, .2f, .7f,  .1f, .1f,
                                               .05f, .05f, .1f, .3f, .1f, .25f, .25f};
    const int target[LINES] = {1, -1, 4};
    float p[LINES * V], lse[LINES], logp[LINES], d[LINES * V];
    struct head h = {.n = LINES, .capacity = LINES, .V = V, .logits = p, .lse = lse, .dlogits = d};
    memcpy(p, z, sizeof p);
    loss_softmax(&h, target, logp);
    const double loss = kl ? loss_kl(&h, reference, .7f) : loss_entropy(&h, target, .7f);
    if (grad) memcpy(grad, d, sizeof d);
    return kl ? .7 * loss : -.7 * loss;
}

START_TEST(kl_and_entropy_gradients) {
    float z[LINES * V], grad[LINES * V];
    struct rng r = rng_open(2, "test logits", 0);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    for (int i = 0; i < LINES * V; i++) z[i] = rng_normal(&r);
    loss_at(z, _i, grad);
    for (int i = 0; i < LINES * V; i++) {
        const float keep = z[i], step = 1e-2f;
        z[i] = keep + step;
        const double above = loss_at(z, _i, NULL);
        z[i] = keep - step;
        const double below = loss_at(z, _i, NULL);
        z[i] = keep;
        ck_assert_double_eq_tol((double)grad[i], (above - below) / (2.0 * (double)step), 2e-4);
    }
    for (int i = V; i < 2 * V && !_i; i++) ck_assert(grad[i] == 0.0f); /* no target, no entropy bonus */
}
END_TEST

/* Readers of one position and of all, with drawn weights. */
static void hand_bank(struct setup *s, struct reader_bank *bank) {
    const int C = s->learner.model.config.width, R = s->p.mind.thoughts, K_ = 4;
    struct rng r = rng_open(4, "test readers", 0);
    *bank = (struct reader_bank){.n = 2, .positions = R, .width = C};
    bank->readers = ARENA_NEW(&s->arena, struct reader, 2);
    for (int i = 0; i < 2; i++) {
        const int d = i ? R * C : C;
        bank->readers[i] = (struct reader){.position = i ? -1 : 2, .d = d, .K = K_};
        bank->readers[i].W = ARENA_NEW(&s->arena, float, K_ *d);
        bank->readers[i].b = ARENA_NEW(&s->arena, float, K_);
        for (int k = 0; k < K_ * d; k++) bank->readers[i].W[k] = .2f * rng_normal(&r);
        for (int k = 0; k < K_; k++) bank->readers[i].b[k] = rng_normal(&r);
    }
    bank->grad = ARENA_NEW(&s->arena, float, R *ROWS *C);
    bank->row = ARENA_NEW(&s->arena, float, 2 * R * C);
}

struct banked {
    struct setup *s;
    struct reader_bank *bank;
};

static double bank_loss(void *with) {
    static const int target[ROWS] = {PRESS_UNIFORM, 1, PRESS_NOTHING, 3, PRESS_UNIFORM,
                                     PRESS_UNIFORM, 0, PRESS_NOTHING};
    const struct banked *x = with;
    lay(x->s);
    return .7 * reader_bank_inject(x->bank, &x->s->learner, target, .7f);
}

START_TEST(bank_gradient) {
    struct setup s;
    struct reader_bank bank;
    const char *const tensors[] = {"wpe.weight", "wte.weight", "h.0.attn.c_attn.weight", "h.1.mlp.c_fc.weight",
                                   "ln_f.bias"};
    struct rng r = rng_open(6, "direction", 0);
    open_setup(&s, media[1 + _i], "direct", METHOD_SFT, CREDIT_TARGETED);
    hand_bank(&s, &bank);
    struct banked banked = {&s, &bank};
    bank_loss(&banked);
    tape_backward(&s.learner.tape, &s.learner.gv, (struct tape_cuts){0});
    float *g =
        memcpy(ARENA_NEW(&s.arena, float, s.learner.model.n), s.learner.g, (size_t)s.learner.model.n * sizeof(float));
    for (size_t k = 0; k < sizeof tensors / sizeof tensors[0]; k++) {
        const struct gpt_tensor *t = gpt_find(&s.learner.model, tensors[k]);
        const long n = (long)t->rows * t->cols;
        float *d = ARENA_NEW(&s.arena, float, n);
        const double analytic = slope_draw(&r, d, g + t->offset, n),
                     expected = slope_along(&s.learner.model, t, d, 1e-2f, bank_loss, &banked);
        ck_assert_msg(fabs(expected - analytic) < .02 * fabs(expected) + 1e-3, "%s: %g, %g", t->name, expected,
                      analytic);
    }
    arena_close(&s.arena);
}
END_TEST

/* ---- first-order prediction ---- */

static void hand_probe(struct setup *s, struct watch *w) {
    const int C = s->learner.model.config.width, K_ = s->task.shape.n_values;
    struct rng r = rng_open(4, "test probe", 0);
    *w = (struct watch){.monitor = {"c", K_, 1}, .positions = s->p.mind.thoughts, .frozen_at = 1};
    w->frozen = ARENA_NEW(&s->arena, struct probe, w->positions);
    struct probe *f = &w->frozen[1];
    *f = (struct probe){.d = C, .K = K_};
    f->W = ARENA_NEW(&s->arena, float, K_ *C);
    f->b = ARENA_NEW(&s->arena, float, K_);
    f->mean = ARENA_NEW(&s->arena, float, C);
    f->scale = ARENA_NEW(&s->arena, float, C);
    for (int i = 0; i < C; i++) f->scale[i] = 1.0f;
    for (int i = 0; i < K_ * C; i++) f->W[i] = .3f * rng_normal(&r);
}

/* Mean probability that the hand-made F gives c at its thought, on the prediction's own questions. */
struct watched {
    struct setup *s;
    const struct watch *w;
};

static double monitor(void *with) {
    const struct watched *at = with;
    const struct probe *f = &at->w->frozen[1];
    struct setup *s = at->s;
    struct press_run *p = &s->p;
    double total = 0.0;
    learner_problems(&s->learner, s->c.seed, "first order", 0, TASK_EVAL, p->problems, ROWS);
    press_forward(p, 0);
    for (int b = 0; b < ROWS; b++) {
        const float *x = tape_fed(&s->learner.tape, b, s->learner.tail_start - p->mind.thoughts + 1);
        double sum = 0.0, z[8] = {0};
        for (int k = 0; k < f->K; k++) {
            for (int i = 0; i < f->d; i++) z[k] += (double)f->W[k * f->d + i] * (double)x[i];
            sum += exp(z[k]);
        }
        total += exp(z[p->problems[b].report]) / sum / ROWS;
    }
    return total;
}

static double p_of_c(struct setup *s) {
    struct press_run *p = &s->p;
    double total = 0.0;
    for (int j = 0; j < s->learner.head.n; j++)
        if (press_slot(p, j) == 2) total += exp((double)s->learner.logp[j]) / ROWS;
    return total;
}

/* Thoughts: the two products add up to the slope of M_R along the gradient of M_out, which finite differences give:
 * dM_R along e_t (tensor by tensor) summed over tensors, with the gradient of M_out by the loss's own chain. */
START_TEST(first_order_is_the_slope_of_the_monitor) {
    struct setup s;
    struct watch w;
    struct first_order f;
    open_setup(&s, media[1 + _i], "conceal", METHOD_SFT, CREDIT_FULL);
    hand_probe(&s, &w);
    first_order_predict(&s.p, &w, &s.arena, 1, &f);
    for (long i = 0; i < s.learner.model.n; i++) ck_assert(s.learner.g[i] == 0.0f);

    struct watched watched = {&s, &w};
    monitor(&watched); /* leaves the questions on the tape: the gradient of P(report = c) by hand */
    ck_assert(p_of_c(&s) > 0.0);
    memset(s.p.pressure_weight, 0, (size_t)s.learner.head.n * sizeof(float));
    for (int j = 0; j < s.learner.head.n; j++)
        if (press_slot(&s.p, j) == 2) s.p.pressure_weight[j] = -expf(s.learner.logp[j]) / ROWS;
    press_backward(&s.p);
    double expected = 0.0;
    for (int k = 0; k < s.learner.model.n_tensors; k++) {
        const struct gpt_tensor *t = &s.learner.model.tensors[k];
        float norm = 0.0f;
        for (long i = 0; i < (long)t->rows * t->cols; i++) norm = fmaxf(norm, fabsf(s.learner.g[t->offset + i]));
        if (norm > 0.0f)
            expected += slope_along(&s.learner.model, t, s.learner.g + t->offset, 3e-3f / norm, monitor, &watched);
    }
    ck_assert_msg(fabs(expected - f.conditional - f.parametric) < .03 * fabs(expected) + 1e-5, "%g against %g + %g",
                  expected, f.conditional, f.parametric);
    ck_assert(f.conditional != 0.0 && f.parametric != 0.0);
    arena_close(&s.arena);
}
END_TEST

/* What a credit leaves out of the update is left out of its prediction. */
START_TEST(first_order_knows_the_cuts) {
    struct first_order f[3];
    for (enum credit credit = CREDIT_FULL; credit <= CREDIT_SEALED; credit++) {
        struct setup s;
        struct watch w;
        open_setup(&s, media[_i], "conceal", METHOD_RL, credit);
        hand_probe(&s, &w);
        first_order_predict(&s.p, &w, &s.arena, 2, &f[credit]);
        arena_close(&s.arena);
    }
    ck_assert(f[CREDIT_FULL].conditional != 0.0 || _i == 0); /* an untrained writer never states c */
    ck_assert(f[CREDIT_TARGETED].conditional == 0.0 && f[CREDIT_SEALED].conditional == 0.0);
    ck_assert_double_eq_tol(f[CREDIT_FULL].parametric, f[CREDIT_TARGETED].parametric, 1e-9);
    ck_assert(f[CREDIT_SEALED].parametric != f[CREDIT_TARGETED].parametric || _i == 0);
}
END_TEST

TCase *press_losses(void) {
    TCase *tc = tcase_create("losses");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, kl_and_entropy_gradients, 0, 2);
    tcase_add_loop_test(tc, bank_gradient, 0, 2);
    tcase_add_loop_test(tc, first_order_is_the_slope_of_the_monitor, 0, 2);
    tcase_add_loop_test(tc, first_order_knows_the_cuts, 0, MEDIA);
    return tc;
}
