/* Vector kernels, one implementation per instruction set, chosen once at start (gemm_open).
 *
 * Every kernel fixes its arithmetic order independently of the vector width: reductions run in 16 lanes (element i goes
 * to lane i % 16) combined by one fixed tree, multiplications and additions are fused only where the source says so,
 * and exp is the project's own polynomial. Hence the AVX2 and AVX-512 tables give the same bits; a test compares them.
 *
 * Shapes: rows of C floats, R rows, row-major and dense unless a stride is named. Pointers need no alignment.
 */
#ifndef SPILLOVER_KERNELS_H
#define SPILLOVER_KERNELS_H

struct kernels {
    const char *isa; /* "avx512" or "avx2" */

    /* C[m][n] (+)= A B with the portable arithmetic of gemm.h. No packing, any shape. */
    void (*gemm)(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb, int accumulate,
                 float *c, long ldc);
    void (*transpose)(int m, int n, const float *src, long lds, float *dst, long ldd);

    /* y = (x - mean) * rstd * weight + bias over rows; mean[R], rstd[R] are kept for backward. eps 1e-5. */
    void (*layernorm)(int R, int C, const float *x, const float *weight, const float *bias, float *y, float *mean,
                      float *rstd);
    /* dx += backward of layernorm; dweight[C], dbias[C] accumulate (NULL: not wanted). */
    void (*layernorm_backward)(int R, int C, const float *dy, const float *x, const float *weight, const float *mean,
                               const float *rstd, float *dx, float *dweight, float *dbias);

    /* GELU, tanh form (Hendrycks & Gimpel 2016; GPT-2), computed as x * sigmoid(2u): u = sqrt(2/pi)(x + .044715 x^3).
     * Adds bias[C] first: pre[R][C] = pre + bias is written back, y = gelu(pre). */
    void (*bias_gelu)(int R, int C, float *pre, const float *bias, float *y);
    /* dpre = dy * gelu'(pre); may run in place (dpre == dy). */
    void (*gelu_backward)(int R, int C, const float *dy, const float *pre, float *dpre);

    void (*bias_add)(int R, int C, float *x, const float *bias);                     /* x += bias, each row */
    void (*bias_residual)(int R, int C, const float *x, const float *bias, const float *res, float *y); /* y = res + (x + bias) */
    void (*bias_backward)(int R, int C, const float *dy, float *dbias);              /* dbias += sum over rows, in row order */

    /* Causal softmax over rows of scores: row i of R keeps columns [first, first_len + i), with scale applied first;
     * every column outside becomes 0. In place. cols = row length (leading dimension ld). */
    void (*softmax_causal)(int R, int first, int first_len, int cols, long ld, float scale, float *scores);
    /* dscores (in place over dp) = scale * p * (dp - sum(p * dp)), columns as above. */
    void (*softmax_causal_backward)(int R, int first, int first_len, int cols, long ld, float scale, const float *p,
                                    float *dp);

    /* Row-wise log-sum-exp and softmax over V logits. p may equal logits. lse[R] = log sum exp. */
    void (*softmax)(int R, int V, const float *logits, float *p, float *lse);

    void (*axpy)(long n, float alpha, const float *x, float *y);   /* y = fma(alpha, x, y) */
    void (*add)(long n, const float *x, float *y);                 /* y += x */
    void (*scale)(long n, float alpha, float *x);
    double (*sum_squares)(long n, const float *x);                 /* in double, 16 lanes */
    float (*dot)(long n, const float *x, const float *y);
    void (*exp)(long n, const float *x, float *y);

    /* AdamW (Loshchilov & Hutter 2019), decoupled weight decay. step_size = lr / (1 - beta1^t),
     * v_scale = 1 / sqrt(1 - beta2^t): w -= lr * wd * w; w -= step_size * m / (sqrt(v) * v_scale + eps). */
    void (*adamw)(long n, float *w, const float *g, float *m, float *v, float grad_scale, float beta1, float beta2,
                  float step_size, float v_scale, float eps, float decay);
};

extern const struct kernels kernels_avx2;
extern const struct kernels kernels_avx512;

/* The table chosen by gemm_open. */
extern const struct kernels *K;

#endif
