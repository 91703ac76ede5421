/* The row and element kernels of kernels.h, written once over the 16-lane vector of the simd header included before.
 *
 * Shape of every kernel: a step function handles one vector, whole or masked (`full` is a constant at each call), and a
 * loop calls it for the whole vectors of a row and then for the tail. A masked load gives 0, so a masked lane adds 0 to a
 * sum. Where a reduction would wait on its own latency, `G` rows go side by side; that never changes a row's order. */
#ifndef SPILLOVER_KERNELS_BODY_H
#define SPILLOVER_KERNELS_BODY_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine/kernels.h"

SIMD_INLINE struct v16 get(const bool full, struct m16 m, const float *p) {
    return full ? v_load(p) : v_load_m(m, p);
}

SIMD_INLINE void put(const bool full, struct m16 m, float *p, struct v16 a) {
    if (full)
        v_store(p, a);
    else
        v_store_m(m, p, a);
}

/* Lanes i and i + 8, then i and i + 4, i and i + 2, i and i + 1. */
SIMD_INLINE float v_sum(struct v16 a) {
    __m256 h = _mm256_add_ps(v_low(a), v_high(a));
    __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}

SIMD_INLINE float v_greatest(struct v16 a) {
    __m256 h = _mm256_max_ps(v_low(a), v_high(a));
    __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    q = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}

/* exp(x) = 2^n e^r with n = round(x / ln 2): e^r = 1 + r + r^2 q(r), q of degree 4 fitted by Remez to 3.1e-9 relative on
 * |r| <= ln 2 / 2. Within 1 ulp; below 2^-126 flushes to 0, overflow is infinite, NaN stays NaN. */
SIMD_INLINE struct v16 v_exp(struct v16 x) {
    const struct v16 low = v_set1(-87.33654f), high = v_set1(88.72283f);
    const struct v16 magic = v_set1(12582912.0f); /* 1.5 * 2^23: the sum's last bits are the rounded integer */
    struct v16 in = v_min(high, v_max(low, x));
    struct v16 shifted = v_fma(in, v_set1(1.44269504f), magic);
    struct v16 n = v_sub(shifted, magic);
    struct v16 r = v_fnma(n, v_set1(0.693145752f), in); /* ln 2 in two parts, the first of 16 bits */
    r = v_fnma(n, v_set1(1.42860682e-6f), r);
    struct v16 q = v_fma(r, v_set1(0.00138147839f), v_set1(0.00836862717f));
    q = v_fma(r, q, v_set1(0.0416683778f));
    q = v_fma(r, q, v_set1(0.166665211f));
    q = v_fma(r, q, v_set1(0.49999994f));
    struct v16 e = v_add(v_set1(1.0f), v_fma(v_mul(r, r), q, r));
    struct v16 y = v_select(v_less(x, low), v_zero(), v_add_exponent(e, shifted));
    return v_select(v_not_less_equal(x, high), v_add(x, v_set1(INFINITY)), y);
}

/* --- layer norm --- */

/* What is normalised: x, or the sum of a residual and a product with its bias, which is written to `sum` first. */
struct norm_input {
    const float *x, *bias, *res;
    float *sum;
};

SIMD_INLINE struct v16 norm_read(const bool add, const bool full, struct m16 m, const struct norm_input *in, long at,
                                 int j) {
    struct v16 x = get(full, m, in->x + at + j);
    if (!add) return x;
    x = v_add(get(full, m, in->res + at + j), v_add(x, get(full, m, in->bias + j)));
    put(full, m, in->sum + at + j, x);
    return x;
}

SIMD_INLINE void layernorm_rows(const int G, const bool add, int C, const struct norm_input *in, const float *weight,
                                const float *bias, float *y, float *mean, float *rstd) {
    const float *x = add ? in->sum : in->x;
    const struct m16 all = m_first(16), last = m_first(C % 16);
    struct v16 sum[4], mu[4], inv[4];
    int j;
    for (int g = 0; g < G; g++) sum[g] = v_zero();
    for (j = 0; j + 16 <= C; j += 16)
        for (int g = 0; g < G; g++) sum[g] = v_add(sum[g], norm_read(add, true, all, in, (long)g * C, j));
    for (int g = 0; g < G; g++) {
        if (j < C) sum[g] = v_add(sum[g], norm_read(add, false, last, in, (long)g * C, j));
        mean[g] = v_sum(sum[g]) / (float)C;
        mu[g] = v_set1(mean[g]);
        sum[g] = v_zero();
    }
    for (j = 0; j + 16 <= C; j += 16)
        for (int g = 0; g < G; g++) {
            struct v16 d = v_sub(v_load(x + (long)g * C + j), mu[g]);
            sum[g] = v_fma(d, d, sum[g]);
        }
    for (int g = 0; g < G; g++) {
        if (j < C) {
            struct v16 d = v_keep(last, v_sub(v_load_m(last, x + (long)g * C + j), mu[g]));
            sum[g] = v_fma(d, d, sum[g]);
        }
        rstd[g] = 1.0f / sqrtf(v_sum(sum[g]) / (float)C + 1e-5f);
        inv[g] = v_set1(rstd[g]);
    }
    for (j = 0; j < C; j += 16) {
        const bool full = j + 16 <= C;
        const struct m16 m = full ? all : last;
        struct v16 w = get(full, m, weight + j), b = get(full, m, bias + j);
        for (int g = 0; g < G; g++) {
            struct v16 d = v_sub(get(full, m, x + (long)g * C + j), mu[g]);
            put(full, m, y + (long)g * C + j, v_fma(v_mul(d, inv[g]), w, b));
        }
    }
}

SIMD_INLINE void layernorm_all(const bool add, int R, int C, struct norm_input in, const float *weight,
                               const float *bias, float *y, float *mean, float *rstd) {
    for (int r = 0; r < R;) {
        const int rows = r + 4 <= R ? 4 : 1;
        if (rows == 4)
            layernorm_rows(4, add, C, &in, weight, bias, y, mean + r, rstd + r);
        else
            layernorm_rows(1, add, C, &in, weight, bias, y, mean + r, rstd + r);
        const long step = (long)rows * C;
        in.x += step;
        if (add) {
            in.res += step;
            in.sum += step;
        }
        y += step;
        r += rows;
    }
}

static void kernel_layernorm(int R, int C, const float *x, const float *weight, const float *bias, float *y,
                             float *mean, float *rstd) {
    layernorm_all(false, R, C, (struct norm_input){.x = x}, weight, bias, y, mean, rstd);
}

static void kernel_residual_layernorm(int R, int C, const float *x, const float *bias, const float *res, float *sum,
                                      const struct norm *n, float *y, float *mean, float *rstd) {
    layernorm_all(true, R, C, (struct norm_input){x, bias, res, sum}, n->weight, n->bias, y, mean, rstd);
}

/* With h = (x - mean) rstd and e = dy weight: dx = rstd (e - mean(e) - h mean(e h)). */
struct layernorm_grad {
    int C;
    const float *dy, *x, *weight, *res;
    float *dx, *dweight, *dbias;
};

SIMD_INLINE void layernorm_grad_sums(const int G, const bool full, struct m16 m, const struct layernorm_grad *a, int j,
                                     const struct v16 *mu, const struct v16 *inv, struct v16 *se, struct v16 *seh) {
    struct v16 w = get(full, m, a->weight + j);
    for (int g = 0; g < G; g++) {
        long at = (long)g * a->C + j;
        struct v16 e = v_mul(get(full, m, a->dy + at), w);
        struct v16 h = v_mul(v_sub(get(full, m, a->x + at), mu[g]), inv[g]);
        se[g] = v_add(se[g], e);
        seh[g] = v_fma(e, h, seh[g]);
    }
}

SIMD_INLINE void layernorm_grad_write(const int G, const bool full, struct m16 m, const struct layernorm_grad *a, int j,
                                      const struct v16 *mu, const struct v16 *inv, const struct v16 *me,
                                      const struct v16 *meh) {
    struct v16 w = get(full, m, a->weight + j), zero = v_zero();
    struct v16 dw = a->dweight ? get(full, m, a->dweight + j) : zero, db = a->dbias ? get(full, m, a->dbias + j) : zero;
    for (int g = 0; g < G; g++) {
        long at = (long)g * a->C + j;
        struct v16 dy = get(full, m, a->dy + at);
        struct v16 h = v_mul(v_sub(get(full, m, a->x + at), mu[g]), inv[g]);
        struct v16 d = v_fnma(h, meh[g], v_sub(v_mul(dy, w), me[g]));
        put(full, m, a->dx + at, v_fma(inv[g], d, a->res ? get(full, m, a->res + at) : zero));
        dw = v_fma(dy, h, dw);
        db = v_add(db, dy);
    }
    if (a->dweight) put(full, m, a->dweight + j, dw);
    if (a->dbias) put(full, m, a->dbias + j, db);
}

SIMD_INLINE void layernorm_grad_rows(const int G, const struct layernorm_grad *a, const float *mean,
                                     const float *rstd) {
    const struct m16 all = m_first(16), last = m_first(a->C % 16);
    struct v16 mu[4], inv[4], se[4], seh[4];
    int j, C = a->C;
    for (int g = 0; g < G; g++) {
        mu[g] = v_set1(mean[g]);
        inv[g] = v_set1(rstd[g]);
        se[g] = seh[g] = v_zero();
    }
    for (j = 0; j + 16 <= C; j += 16) layernorm_grad_sums(G, true, all, a, j, mu, inv, se, seh);
    if (j < C) layernorm_grad_sums(G, false, last, a, j, mu, inv, se, seh);
    for (int g = 0; g < G; g++) {
        se[g] = v_set1(v_sum(se[g]) / (float)C);
        seh[g] = v_set1(v_sum(seh[g]) / (float)C);
    }
    for (j = 0; j + 16 <= C; j += 16) layernorm_grad_write(G, true, all, a, j, mu, inv, se, seh);
    if (j < C) layernorm_grad_write(G, false, last, a, j, mu, inv, se, seh);
}

static void kernel_layernorm_backward(int R, int C, const float *dy, const float *x, const float *weight,
                                      const float *mean, const float *rstd, const float *res, float *dx, float *dweight,
                                      float *dbias) {
    for (int r = 0; r < R;) {
        long at = (long)r * C;
        struct layernorm_grad a = {C, dy + at, x + at, weight, res ? res + at : NULL, dx + at, dweight, dbias};
        if (r + 4 <= R) {
            layernorm_grad_rows(4, &a, mean + r, rstd + r);
            r += 4;
        } else {
            layernorm_grad_rows(1, &a, mean + r, rstd + r);
            r++;
        }
    }
}

/* --- GELU and biases --- */

#define GELU_TWO_U 1.59576912f /* 2 sqrt(2 / pi) */
#define GELU_CUBIC 0.044715f

/* sigmoid(2u). */
SIMD_INLINE struct v16 gelu_gate(struct v16 x, struct v16 xx) {
    struct v16 minus_2u = v_mul(x, v_fma(xx, v_set1(-GELU_TWO_U * GELU_CUBIC), v_set1(-GELU_TWO_U)));
    return v_div(v_set1(1.0f), v_add(v_set1(1.0f), v_exp(minus_2u)));
}

/* With s = sigmoid(2u): gelu = x s and gelu' = s + x s (1 - s) 2u'. */
SIMD_INLINE void bias_gelu_step(const bool slope, const bool full, struct m16 m, float *pre, const float *bias,
                                float *y) {
    struct v16 x = v_add(get(full, m, pre), get(full, m, bias)), xx = v_mul(x, x), s = gelu_gate(x, xx);
    put(full, m, y, v_mul(x, s));
    if (!slope) return;
    struct v16 du = v_fma(xx, v_set1(3.0f * GELU_TWO_U * GELU_CUBIC), v_set1(GELU_TWO_U));
    put(full, m, pre, v_fma(v_mul(v_mul(x, du), s), v_sub(v_set1(1.0f), s), s));
}

SIMD_INLINE void bias_gelu_rows(const bool slope, int R, int C, float *x, const float *bias, float *y) {
    const struct m16 all = m_first(16), last = m_first(C % 16);
    for (int r = 0; r < R; r++, x += C, y += C) {
        int j = 0;
        for (; j + 16 <= C; j += 16) bias_gelu_step(slope, true, all, x + j, bias + j, y + j);
        if (j < C) bias_gelu_step(slope, false, last, x + j, bias + j, y + j);
    }
}

static void kernel_bias_gelu(int R, int C, float *x, const float *bias, float *y, bool slope) {
    if (slope)
        bias_gelu_rows(true, R, C, x, bias, y);
    else
        bias_gelu_rows(false, R, C, x, bias, y);
}

static void kernel_bias_add(int R, int C, float *x, const float *bias) {
    const struct m16 last = m_first(C % 16);
    for (int r = 0; r < R; r++, x += C) {
        int j = 0;
        for (; j + 16 <= C; j += 16) v_store(x + j, v_add(v_load(x + j), v_load(bias + j)));
        if (j < C) v_store_m(last, x + j, v_add(v_load_m(last, x + j), v_load_m(last, bias + j)));
    }
}

SIMD_INLINE void bias_backward_step(const int G, const bool full, struct m16 m, int C, const float *dy, float *dbias) {
    struct v16 sum = get(full, m, dbias);
    for (int g = 0; g < G; g++) sum = v_add(sum, get(full, m, dy + (long)g * C));
    put(full, m, dbias, sum);
}

SIMD_INLINE void bias_backward_rows(const int G, int C, const float *dy, float *dbias) {
    int j = 0;
    for (; j + 16 <= C; j += 16) bias_backward_step(G, true, m_first(16), C, dy + j, dbias + j);
    if (j < C) bias_backward_step(G, false, m_first(C - j), C, dy + j, dbias + j);
}

static void kernel_bias_backward(int R, int C, const float *dy, float *dbias) {
    int r = 0;
    for (; r + 8 <= R; r += 8) bias_backward_rows(8, C, dy + (long)r * C, dbias);
    for (; r < R; r++) bias_backward_rows(1, C, dy + (long)r * C, dbias);
}

/* --- softmax --- */

SIMD_INLINE void softmax_max_step(const bool full, struct m16 m, const float *x, struct v16 scale, struct v16 *top) {
    struct v16 s = v_mul(get(full, m, x), scale);
    *top = v_max(full ? s : v_select(m, s, *top), *top);
}

SIMD_INLINE void softmax_exp_step(const bool full, struct m16 m, const float *x, struct v16 scale, struct v16 top,
                                  float *p, struct v16 *sum) {
    struct v16 e = v_exp(v_sub(v_mul(get(full, m, x), scale), top));
    if (!full) e = v_keep(m, e);
    if (p) put(full, m, p, e);
    *sum = v_add(*sum, e);
}

/* p = exp(scale x - max) / sum over n >= 1 elements; p may be x, or NULL. Returns the sum, *top_out = the maximum. */
SIMD_INLINE float softmax_row(int n, const float *x, float scale_by, float *p, float *top_out) {
    const struct m16 all = m_first(16), last = m_first(n % 16);
    struct v16 scale = v_set1(scale_by), top = v_set1(-INFINITY), sum = v_zero();
    int j = 0;
    for (; j + 16 <= n; j += 16) softmax_max_step(true, all, x + j, scale, &top);
    if (j < n) softmax_max_step(false, last, x + j, scale, &top);
    *top_out = v_greatest(top);
    top = v_set1(*top_out);
    for (j = 0; j + 16 <= n; j += 16) softmax_exp_step(true, all, x + j, scale, top, p ? p + j : NULL, &sum);
    if (j < n) softmax_exp_step(false, last, x + j, scale, top, p ? p + j : NULL, &sum);
    float total = v_sum(sum);
    if (!p) return total;
    struct v16 inverse = v_set1(1.0f / total);
    for (j = 0; j + 16 <= n; j += 16) v_store(p + j, v_mul(v_load(p + j), inverse));
    if (j < n) v_store_m(last, p + j, v_mul(v_load_m(last, p + j), inverse));
    return total;
}

static void kernel_softmax(int R, int V, const float *logits, float *p, float *lse) {
    for (int r = 0; r < R; r++, logits += V) {
        float top, sum = softmax_row(V, logits, 1.0f, p ? p + (long)r * V : NULL, &top);
        if (lse) lse[r] = (float)(top + log((double)sum));
    }
}

/* --- vectors --- */

static void kernel_axpy(long n, float alpha, const float *x, float *y) {
    struct v16 s = v_set1(alpha);
    long i = 0;
    for (; i + 16 <= n; i += 16) v_store(y + i, v_fma(s, v_load(x + i), v_load(y + i)));
    struct m16 m = m_first((int)(n - i));
    if (i < n) v_store_m(m, y + i, v_fma(s, v_load_m(m, x + i), v_load_m(m, y + i)));
}

static void kernel_add(long n, const float *x, float *y) {
    long i = 0;
    for (; i + 16 <= n; i += 16) v_store(y + i, v_add(v_load(y + i), v_load(x + i)));
    struct m16 m = m_first((int)(n - i));
    if (i < n) v_store_m(m, y + i, v_add(v_load_m(m, y + i), v_load_m(m, x + i)));
}

static void kernel_mul(long n, const float *x, float *y) {
    long i = 0;
    for (; i + 16 <= n; i += 16) v_store(y + i, v_mul(v_load(y + i), v_load(x + i)));
    struct m16 m = m_first((int)(n - i));
    if (i < n) v_store_m(m, y + i, v_mul(v_load_m(m, y + i), v_load_m(m, x + i)));
}

static void kernel_scale(long n, float alpha, float *x) {
    struct v16 s = v_set1(alpha);
    long i = 0;
    for (; i + 16 <= n; i += 16) v_store(x + i, v_mul(s, v_load(x + i)));
    struct m16 m = m_first((int)(n - i));
    if (i < n) v_store_m(m, x + i, v_mul(s, v_load_m(m, x + i)));
}

static double kernel_sum_squares(long n, const float *x) {
    struct d16 sum = d_zero();
    double lane[16];
    long i = 0;
    for (; i + 16 <= n; i += 16) sum = d_add_square(sum, v_load(x + i));
    if (i < n) sum = d_add_square(sum, v_load_m(m_first((int)(n - i)), x + i));
    d_store(lane, sum);
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static float kernel_dot(long n, const float *x, const float *y) {
    struct v16 sum = v_zero();
    long i = 0;
    for (; i + 16 <= n; i += 16) sum = v_fma(v_load(x + i), v_load(y + i), sum);
    struct m16 m = m_first((int)(n - i));
    if (i < n) sum = v_fma(v_load_m(m, x + i), v_load_m(m, y + i), sum);
    return v_sum(sum);
}

static void kernel_exp(long n, const float *x, float *y) {
    long i = 0;
    for (; i + 16 <= n; i += 16) v_store(y + i, v_exp(v_load(x + i)));
    struct m16 m = m_first((int)(n - i));
    if (i < n) v_store_m(m, y + i, v_exp(v_load_m(m, x + i)));
}

/* Chains enough to cover the latency of an FMA twice, in a number that the registers hold. */
static long kernel_fma(long n) {
    enum { CHAINS = 6 };
    volatile float sink;
    struct v16 x = v_set1(1e-8f), acc[2 * CHAINS];
    for (int j = 0; j < 2 * CHAINS; j++) acc[j] = v_set1((float)j);
    if (SIMD_ROWS_1 >= 2 * CHAINS) { /* registers of 16 lanes */
        for (long i = 0; i < n; i++)
#pragma GCC unroll 12
            for (int j = 0; j < 2 * CHAINS; j++) acc[j] = v_fma(x, x, acc[j]);
    } else {
        for (long i = 0; i < 2 * n; i++)
#pragma GCC unroll 6
            for (int j = 0; j < CHAINS; j++) acc[j] = v_fma(x, x, acc[j]);
    }
    for (int j = 1; j < 2 * CHAINS; j++) acc[0] = v_add(acc[0], acc[j]);
    sink = v_sum(acc[0]);
    (void)sink;
    return n * 2 * CHAINS * 16 * 2;
}

/* --- AdamW --- */

struct adamw_constants {
    struct v16 grad_scale, beta1, rest1, beta2, rest2, step_size, v_scale, eps, decay;
};

SIMD_INLINE void adamw_step(const bool full, struct m16 mask, const struct adamw_constants *k, float *w, const float *g,
                            float *m, float *v) {
    struct v16 wv = get(full, mask, w), gv = v_mul(get(full, mask, g), k->grad_scale);
    struct v16 mv = v_fma(k->beta1, get(full, mask, m), v_mul(k->rest1, gv));
    struct v16 vv = v_fma(k->beta2, get(full, mask, v), v_mul(k->rest2, v_mul(gv, gv)));
    struct v16 update = v_div(mv, v_fma(v_sqrt(vv), k->v_scale, k->eps));
    put(full, mask, m, mv);
    put(full, mask, v, vv);
    put(full, mask, w, v_fnma(k->step_size, update, v_fnma(k->decay, wv, wv)));
}

static void kernel_adamw(long n, float *w, const float *g, float *m, float *v, float grad_scale, float beta1,
                         float beta2, float step_size, float v_scale, float eps, float decay) {
    const struct adamw_constants k = {v_set1(grad_scale), v_set1(beta1),        v_set1(1.0f - beta1),
                                      v_set1(beta2),      v_set1(1.0f - beta2), v_set1(step_size),
                                      v_set1(v_scale),    v_set1(eps),          v_set1(decay)};
    long i = 0;
    for (; i + 16 <= n; i += 16) adamw_step(true, m_first(16), &k, w + i, g + i, m + i, v + i);
    if (i < n) adamw_step(false, m_first((int)(n - i)), &k, w + i, g + i, m + i, v + i);
}

#endif
