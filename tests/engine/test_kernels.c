/* Vector kernels: the two tables against each other bit for bit, and each against a reference in double. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/kernels.h"
#include "tests/engine/processor.h"

enum { MAX_ROWS = 13, MAX_COLS = 259, MARGIN = 24, SIZE = MAX_ROWS * MAX_COLS, N_IN = 5, N_OUT = 3 };
#define CANARY (-54321.5f)

/* Inputs are read only; outputs start from the same noise, so that accumulation and writes both show. */
struct bench {
    float in[N_IN][SIZE];
    float out[N_OUT][MARGIN + SIZE + MARGIN];
    double number;
};

/* One kernel on R rows of C columns from row `at` on. written[i]: floats of out[i] that it may touch. */
struct kernel_case {
    const char *name;
    void (*run)(const struct kernels *k, struct bench *b, int at, int R, int C);
    void (*written)(int R, int C, long *written);
    bool rows; /* a row's bits depend on that row alone */
};

static float *out(struct bench *b, int i) {
    return b->out[i] + MARGIN;
}

static void whole(int R, int C, long *written) {
    written[0] = (long)R * C;
}
static void whole_and_row_stats(int R, int C, long *written) {
    written[0] = (long)R * C;
    written[1] = written[2] = R;
}
static void whole_and_row_sums(int R, int C, long *written) {
    written[0] = (long)R * C;
    written[1] = R;
}
static void whole_and_column_sums(int R, int C, long *written) {
    written[0] = (long)R * C;
    written[1] = written[2] = C;
}
static void two_whole(int R, int C, long *written) {
    written[0] = written[1] = (long)R * C;
}
static void three_whole(int R, int C, long *written) {
    written[0] = written[1] = written[2] = (long)R * C;
}
static void columns(int R, int C, long *written) {
    (void)R;
    written[0] = C;
}
static void nothing(int R, int C, long *written) {
    (void)R;
    (void)C;
    (void)written;
}

static void run_layernorm(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->layernorm(R, C, b->in[0] + at * C, b->in[1], b->in[2], out(b, 0) + at * C, out(b, 1) + at, out(b, 2) + at);
}
static void run_layernorm_backward(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->layernorm_backward(R, C, b->in[0] + at * C, b->in[1] + at * C, b->in[2], b->in[3] + at, b->in[4] + at,
                          b->in[1] + at * C, out(b, 0) + at * C, out(b, 1), out(b, 2));
}
static void run_layernorm_backward_dx(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->layernorm_backward(R, C, b->in[0] + at * C, b->in[1] + at * C, b->in[2], b->in[3] + at, b->in[4] + at, NULL,
                          out(b, 0) + at * C, NULL, NULL);
}
static void run_bias_gelu(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->bias_gelu(R, C, out(b, 0) + at * C, b->in[0], out(b, 1) + at * C, true);
}
static void run_bias_gelu_alone(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->bias_gelu(R, C, b->in[1] + at * C, b->in[0], out(b, 0) + at * C, false);
}
static void run_mul(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->mul((long)R * C, b->in[0] + at * C, out(b, 0) + at * C);
}
static void run_residual_layernorm(const struct kernels *k, struct bench *b, int at, int R, int C) {
    float mean[MAX_ROWS], rstd[MAX_ROWS];
    k->residual_layernorm(R, C, b->in[0] + at * C, b->in[1], b->in[2] + at * C, out(b, 0) + at * C,
                          &(struct norm){b->in[3], b->in[4]}, out(b, 1) + at * C, mean, rstd);
}
static void run_bias_add(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->bias_add(R, C, out(b, 0) + at * C, b->in[0]);
}
static void run_bias_backward(const struct kernels *k, struct bench *b, int at, int R, int C) {
    (void)at;
    k->bias_backward(R, C, b->in[0], out(b, 0));
}
static void run_softmax(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->softmax(R, C, b->in[0] + at * C, out(b, 0) + at * C, out(b, 1) + at);
}
static void run_exp(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->exp((long)R * C, b->in[0] + at * C, out(b, 0) + at * C);
}
static void run_axpy(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->axpy((long)R * C, -0.3f, b->in[0] + at * C, out(b, 0) + at * C);
}
static void run_add(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->add((long)R * C, b->in[0] + at * C, out(b, 0) + at * C);
}
static void run_scale(const struct kernels *k, struct bench *b, int at, int R, int C) {
    k->scale((long)R * C, 1.1f, out(b, 0) + at * C);
}
static void run_sum_squares(const struct kernels *k, struct bench *b, int at, int R, int C) {
    (void)at;
    b->number = k->sum_squares((long)R * C, b->in[0]);
}
static void run_dot(const struct kernels *k, struct bench *b, int at, int R, int C) {
    (void)at;
    b->number = (double)k->dot((long)R * C, b->in[0], b->in[1]);
}
static void run_adamw(const struct kernels *k, struct bench *b, int at, int R, int C) {
    float *v = out(b, 2) + at * C;
    for (long i = 0; i < (long)R * C; i++) v[i] = fabsf(v[i]);
    k->adamw((long)R * C, out(b, 0) + at * C, b->in[0] + at * C, out(b, 1) + at * C, v, 0.5f, 0.9f, 0.999f, 1e-2f, 1.3f,
             1e-8f, 1e-3f);
}

static const struct kernel_case cases[] = {
    {"layernorm", run_layernorm, whole_and_row_stats, true},
    {"layernorm_backward", run_layernorm_backward, whole_and_column_sums, false},
    {"layernorm_backward_dx", run_layernorm_backward_dx, whole, true},
    {"bias_gelu", run_bias_gelu, two_whole, true},
    {"bias_gelu_alone", run_bias_gelu_alone, whole, true},
    {"mul", run_mul, whole, true},
    {"bias_add", run_bias_add, whole, true},
    {"residual_layernorm", run_residual_layernorm, two_whole, true},
    {"bias_backward", run_bias_backward, columns, false},
    {"softmax", run_softmax, whole_and_row_sums, true},
    {"exp", run_exp, whole, true},
    {"axpy", run_axpy, whole, true},
    {"add", run_add, whole, true},
    {"scale", run_scale, whole, true},
    {"sum_squares", run_sum_squares, nothing, false},
    {"dot", run_dot, nothing, false},
    {"adamw", run_adamw, three_whole, true},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

static const int row_counts[] = {1, 3, 4, 5, 9, 13}, col_counts[] = {1, 2, 7, 15, 16, 17, 31, 33, 64, 100, 128, 257};
enum { N_SHAPES = 6 * 12 };

static void shape(int i, int *R, int *C) {
    *R = row_counts[i % 6];
    *C = col_counts[i / 6];
}

static void fill(struct bench *b, uint64_t seed) {
    struct rng r = rng_seed_raw(seed, 1);
    for (int i = 0; i < N_IN; i++)
        for (int j = 0; j < SIZE; j++)
            b->in[i][j] = 2.0f * (float)(rng_uniform(&r) + rng_uniform(&r) - 1.0) * (float)(i + 1);
    for (int i = 0; i < N_OUT; i++)
        for (int j = 0; j < MARGIN + SIZE + MARGIN; j++)
            b->out[i][j] = j < MARGIN || j >= MARGIN + SIZE ? CANARY : (float)(3.0 * rng_uniform(&r) - 1.5);
    b->number = 0.0;
}

static struct bench before, left, right;

START_TEST(tables_agree_bit_for_bit) {
    if (no_avx512()) return;
    const struct kernel_case *c = &cases[_i];
    fill(&before, (uint64_t)_i);
    for (int s = 0; s < N_SHAPES; s++) {
        int R, C;
        shape(s, &R, &C);
        left = right = before;
        c->run(&kernels_avx2, &left, 0, R, C);
        c->run(&kernels_avx512, &right, 0, R, C);
        ck_assert_msg(memcmp(&left, &right, sizeof left) == 0, "%s differs at R %d C %d", c->name, R, C);
    }
}
END_TEST

START_TEST(writes_its_target_and_nothing_else) {
    const struct kernel_case *c = &cases[_i];
    fill(&before, (uint64_t)_i);
    for (int s = 0; s < N_SHAPES; s++) {
        int R, C;
        long may[N_OUT] = {0, 0, 0};
        shape(s, &R, &C);
        c->written(R, C, may);
        left = before;
        c->run(&kernels_avx2, &left, 0, R, C);
        ck_assert_mem_eq(left.in, before.in, sizeof left.in);
        for (int i = 0; i < N_OUT; i++) {
            size_t end = MARGIN + (size_t)may[i];
            ck_assert_mem_eq(left.out[i], before.out[i], MARGIN * sizeof(float));
            ck_assert_mem_eq(left.out[i] + end, before.out[i] + end, (MARGIN + SIZE + MARGIN - end) * sizeof(float));
            if (may[i] > 8) ck_assert_mem_ne(out(&left, i), out(&before, i), (size_t)may[i] * sizeof(float));
        }
    }
}
END_TEST

START_TEST(rows_are_invariant) {
    const struct kernel_case *c = &cases[_i];
    if (!c->rows) return;
    fill(&before, (uint64_t)_i);
    for (int s = 0; s < N_SHAPES; s++) {
        int R, C;
        shape(s, &R, &C);
        left = right = before;
        c->run(&kernels_avx2, &left, 0, R, C);
        for (int r = 0; r < R; r++) c->run(&kernels_avx2, &right, r, 1, C);
        ck_assert_msg(memcmp(&left, &right, sizeof left) == 0, "%s: rows mix at R %d C %d", c->name, R, C);
    }
}
END_TEST

/* --- references in double, for both tables --- */

static const struct kernels *table(int i) {
    return i ? (no_avx512() ? NULL : &kernels_avx512) : &kernels_avx2;
}

START_TEST(exp_is_within_one_and_a_half_ulp) {
    const struct kernels *k = table(_i);
    if (!k) return;
    enum { N = 1000 };
    float x[N], y[N];
    double worst = 0.0;
    for (int part = 0; part < 350; part++) {
        for (int i = 0; i < N; i++) x[i] = -87.33f + (float)(part * N + i) * (176.05f / (350 * N));
        k->exp(N, x, y);
        for (int i = 0; i < N; i++) {
            double want = exp((double)x[i]);
            float near = (float)want;
            double ulp = (double)(nextafterf(near, INFINITY) - near);
            if (isfinite(ulp)) worst = fmax(worst, fabs((double)y[i] - want) / ulp);
        }
    }
    ck_assert_double_lt(worst, 1.5);
}
END_TEST

START_TEST(exp_at_the_ends) {
    const struct kernels *k = table(_i);
    if (!k) return;
    float x[8] = {-INFINITY, -1000.0f, -87.4f, 0.0f, 88.722f, 88.8f, INFINITY, NAN}, y[8];
    k->exp(8, x, y);
    ck_assert_float_eq(y[0], 0.0f);
    ck_assert_float_eq(y[1], 0.0f);
    ck_assert_float_eq(y[2], 0.0f);
    ck_assert_float_eq(y[3], 1.0f);
    ck_assert_double_eq_tol((double)y[4] / exp((double)88.722f), 1.0, 2e-7);
    ck_assert_float_infinite(y[5]);
    ck_assert_float_infinite(y[6]);
    ck_assert_float_nan(y[7]);
    union {
        unsigned bits;
        float f;
    } odd = {.bits = 0x7fc00155u};
    k->exp(1, &odd.f, y);
    ck_assert_float_nan(y[0]);
}
END_TEST

static double gelu(double x) {
    return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

START_TEST(gelu_and_its_slope) {
    const struct kernels *k = table(_i);
    if (!k) return;
    enum { N = 2001 };
    float x[N], pre[N], bias[N], y[N], alone[N];
    double worst = 0.0, worst_slope = 0.0;
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i - 1000) * 0.012f;
        bias[i] = 0.25f;
        pre[i] = x[i] - 0.25f;
    }
    k->bias_gelu(1, N, pre, bias, alone, false);
    k->bias_gelu(1, N, pre, bias, y, true);
    ck_assert_mem_eq(y, alone, sizeof y);
    for (int i = 0; i < N; i++) {
        double at = (double)(x[i] - 0.25f + 0.25f), h = 1e-5, slope = (gelu(at + h) - gelu(at - h)) / (2 * h);
        worst = fmax(worst, fabs((double)y[i] - gelu(at)));
        worst_slope = fmax(worst_slope, fabs((double)pre[i] - slope));
    }
    ck_assert_double_lt(worst, 2e-6);
    ck_assert_double_lt(worst_slope, 2e-6);
}
END_TEST

/* layer norm of one row in double; returns sum(y * g). */
static double layernorm_loss(int C, const double *x, const double *w, const double *b, const double *g, double *y) {
    double mean = 0.0, var = 0.0, loss = 0.0;
    for (int j = 0; j < C; j++) mean += x[j] / C;
    for (int j = 0; j < C; j++) var += (x[j] - mean) * (x[j] - mean) / C;
    for (int j = 0; j < C; j++) {
        y[j] = (x[j] - mean) / sqrt(var + 1e-5) * w[j] + b[j];
        loss += y[j] * g[j];
    }
    return loss;
}

static double difference(int C, double *at, const double *x, const double *w, const double *b, const double *g) {
    double keep = *at, h = 1e-5, scratch[MAX_COLS], up, down;
    *at = keep + h;
    up = layernorm_loss(C, x, w, b, g, scratch);
    *at = keep - h;
    down = layernorm_loss(C, x, w, b, g, scratch);
    *at = keep;
    return (up - down) / (2 * h);
}

START_TEST(layernorm_and_its_gradient) {
    const struct kernels *k = table(_i);
    if (!k) return;
    enum { R = 6, C = 77 };
    struct rng r = rng_seed_raw(31, 4);
    float x[R * C], g[R * C], w[C], b[C], y[R * C], mean[R], rstd[R], dx[R * C], dw[C], db[C];
    double xd[C], gd[C], wd[C], bd[C], yd[C], want_dw[C] = {0}, want_db[C] = {0}, worst = 0.0, worst_grad = 0.0;
    for (int i = 0; i < R * C; i++) {
        x[i] = 3.0f + 2.0f * rng_normal(&r);
        g[i] = rng_normal(&r);
        dx[i] = 0.5f;
    }
    for (int j = 0; j < C; j++)
        wd[j] = (double)(w[j] = 1.0f + 0.3f * rng_normal(&r)), bd[j] = (double)(b[j] = rng_normal(&r));
    for (int j = 0; j < C; j++) dw[j] = db[j] = 0.25f;
    k->layernorm(R, C, x, w, b, y, mean, rstd);
    k->layernorm_backward(R, C, g, x, w, mean, rstd, dx, dx, dw, db);
    for (int i = 0; i < R; i++) {
        for (int j = 0; j < C; j++) xd[j] = (double)x[i * C + j], gd[j] = (double)g[i * C + j];
        layernorm_loss(C, xd, wd, bd, gd, yd);
        for (int j = 0; j < C; j++) {
            worst = fmax(worst, fabs((double)y[i * C + j] - yd[j]));
            worst_grad = fmax(worst_grad, fabs((double)dx[i * C + j] - 0.5 - difference(C, &xd[j], xd, wd, bd, gd)));
            want_dw[j] += difference(C, &wd[j], xd, wd, bd, gd);
            want_db[j] += difference(C, &bd[j], xd, wd, bd, gd);
        }
    }
    for (int j = 0; j < C; j++) {
        worst_grad = fmax(worst_grad, fabs((double)dw[j] - 0.25 - want_dw[j]));
        worst_grad = fmax(worst_grad, fabs((double)db[j] - 0.25 - want_db[j]));
    }
    ck_assert_double_lt(worst, 2e-6);
    ck_assert_double_lt(worst_grad, 2e-5);
}
END_TEST

/* Softmax of scale * x[first, end) in double. */
static void softmax_of(int first, int end, double scale, const double *x, double *p) {
    double top = -HUGE_VAL, sum = 0.0;
    for (int j = first; j < end; j++) top = fmax(top, scale * x[j]);
    for (int j = first; j < end; j++) sum += p[j] = exp(scale * x[j] - top);
    for (int j = first; j < end; j++) p[j] /= sum;
}

START_TEST(softmax_and_log_sum_exp) {
    const struct kernels *k = table(_i);
    if (!k) return;
    enum { R = 5, V = 131 };
    struct rng r = rng_seed_raw(6, 4);
    float x[R * V], p[R * V], lse[R], alone[R];
    double worst = 0.0;
    for (int i = 0; i < R * V; i++) x[i] = 100.0f + 6.0f * rng_normal(&r);
    k->softmax(R, V, x, p, lse);
    k->softmax(R, V, x, NULL, alone);
    ck_assert_mem_eq(lse, alone, sizeof lse);
    for (int i = 0; i < R; i++) {
        double xd[V], pd[V], sum = 0.0;
        for (int j = 0; j < V; j++) xd[j] = (double)x[i * V + j];
        softmax_of(0, V, 1.0, xd, pd);
        for (int j = 0; j < V; j++) {
            worst = fmax(worst, fabs((double)p[i * V + j] - pd[j]));
            sum += exp(xd[j] - 100.0);
        }
        ck_assert_double_eq_tol((double)lse[i], 100.0 + log(sum), 1e-5);
    }
    ck_assert_double_lt(worst, 5e-7);
    k->softmax(R, V, x, x, NULL);
    ck_assert_mem_eq(x, p, sizeof x);
}
END_TEST

START_TEST(sums_and_products) {
    const struct kernels *k = table(_i);
    if (!k) return;
    enum { N = 1003 };
    struct rng r = rng_seed_raw(3, 3);
    float x[N], y[N];
    double squares = 0.0, product = 0.0;
    for (int i = 0; i < N; i++) {
        x[i] = 1e3f * rng_normal(&r);
        y[i] = rng_normal(&r) * 1e-3f;
        squares += (double)x[i] * (double)x[i];
        product += (double)x[i] * (double)y[i];
    }
    ck_assert_double_eq_tol(k->sum_squares(N, x) / squares, 1.0, 1e-14);
    ck_assert_double_eq_tol((double)k->dot(N, x, y), product, 1e-4);
    for (int i = 0; i < N; i++) x[i] = (float)(i % 7), y[i] = (float)(i % 5);
    ck_assert_double_eq(k->sum_squares(10, x), 0 + 1 + 4 + 9 + 16 + 25 + 36 + 0 + 1 + 4.0);
    ck_assert_float_eq(k->dot(6, x, y), 0 + 1 + 4 + 9 + 16 + 0.0f);
    k->axpy(6, 2.0f, x, y); /* y = 2x + y */
    ck_assert_float_eq(y[4], 12.0f);
    ck_assert_float_eq(y[5], 10.0f);
    k->add(6, x, y);
    ck_assert_float_eq(y[4], 16.0f);
    k->scale(6, -0.5f, y);
    ck_assert_float_eq(y[4], -8.0f);
    ck_assert_float_eq(y[6], 1.0f);
}
END_TEST

START_TEST(biases_and_residuals) {
    const struct kernels *k = table(_i);
    if (!k) return;
    enum { R = 19, C = 35 };
    float x[R * C], y[R * C], z[R * C], res[R * C], bias[C], sum[C], mean[R], rstd[R], mean2[R], rstd2[R];
    for (int i = 0; i < R * C; i++) x[i] = (float)(i / C), res[i] = (float)(i % C);
    for (int j = 0; j < C; j++) bias[j] = 100.0f, sum[j] = 1.0f;
    k->residual_layernorm(R, C, x, bias, res, y, &(struct norm){bias, sum}, z, mean, rstd);
    for (int i = 0; i < R * C; i++) ck_assert_float_eq(y[i], (float)(i % C) + (100.0f + (float)(i / C)));
    k->layernorm(R, C, y, bias, sum, y, mean2, rstd2);
    ck_assert_mem_eq(y, z, sizeof y);
    ck_assert_mem_eq(mean, mean2, sizeof mean);
    ck_assert_mem_eq(rstd, rstd2, sizeof rstd);
    k->bias_backward(R, C, x, sum);
    k->bias_add(R, C, x, bias);
    for (int j = 0; j < C; j++) {
        ck_assert_float_eq(sum[j], 1.0f + R * (R - 1) / 2);
        ck_assert_float_eq(x[7 * C + j], 107.0f);
    }
}
END_TEST

START_TEST(adamw_follows_the_paper) {
    const struct kernels *k = table(_i);
    if (!k) return;
    enum { N = 37, STEPS = 20 };
    const double lr = 3e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, wd = 0.1;
    struct rng r = rng_seed_raw(9, 9);
    float w[N], g[N], m[N] = {0}, v[N] = {0};
    double wr[N], mr[N] = {0}, vr[N] = {0};
    for (int i = 0; i < N; i++) wr[i] = (double)(w[i] = rng_normal(&r));
    for (int t = 1; t <= STEPS; t++) {
        double c1 = 1.0 - pow(beta1, t), c2 = 1.0 - pow(beta2, t);
        for (int i = 0; i < N; i++) {
            double grad;
            g[i] = 4.0f * rng_normal(&r);
            grad = 0.25 * (double)g[i];
            mr[i] = beta1 * mr[i] + (1.0 - beta1) * grad;
            vr[i] = beta2 * vr[i] + (1.0 - beta2) * grad * grad;
            wr[i] -= lr * (mr[i] / c1 / (sqrt(vr[i] / c2) + eps) + wd * wr[i]);
        }
        k->adamw(N, w, g, m, v, 0.25f, (float)beta1, (float)beta2, (float)(lr / c1), (float)(1.0 / sqrt(c2)),
                 (float)eps, (float)(lr * wd));
    }
    for (int i = 0; i < N; i++) {
        ck_assert_double_eq_tol((double)w[i], wr[i], 5e-6);
        ck_assert_double_eq_tol((double)m[i], mr[i], 2e-6);
        ck_assert_double_eq_tol((double)v[i], vr[i], 2e-6);
    }
}
END_TEST

Suite *suite_kernels(void);
Suite *suite_kernels(void) {
    Suite *s = suite_create("kernels");
    TCase *every = tcase_create("every kernel"), *each = tcase_create("reference");
    tcase_set_timeout(every, 30);
    tcase_add_loop_test(every, tables_agree_bit_for_bit, 0, N_CASES);
    tcase_add_loop_test(every, writes_its_target_and_nothing_else, 0, N_CASES);
    tcase_add_loop_test(every, rows_are_invariant, 0, N_CASES);
    tcase_set_timeout(each, 30);
    tcase_add_loop_test(each, exp_is_within_one_and_a_half_ulp, 0, 2);
    tcase_add_loop_test(each, exp_at_the_ends, 0, 2);
    tcase_add_loop_test(each, gelu_and_its_slope, 0, 2);
    tcase_add_loop_test(each, layernorm_and_its_gradient, 0, 2);
    tcase_add_loop_test(each, softmax_and_log_sum_exp, 0, 2);
    tcase_add_loop_test(each, sums_and_products, 0, 2);
    tcase_add_loop_test(each, biases_and_residuals, 0, 2);
    tcase_add_loop_test(each, adamw_follows_the_paper, 0, 2);
    suite_add_tcase(s, every);
    suite_add_tcase(s, each);
    return s;
}
