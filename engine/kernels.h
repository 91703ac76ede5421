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

#include <stdbool.h>

/* Attention of one sequence works on blocks per head, T * size floats apart: q, k, v, dout [T][size] and their transposes
 * kt, vt [size][T], T a multiple of 16. Queries are positions t0 .. t0 + S - 1 and see those from `start` up to their own.
 * Rows of scores are T floats or more; what lies behind the newest position is finite and read as if it were not there. */
struct attend {
    int S, t0, start, heads, size, T;
    float scale; /* of the scores */
    const float *q, *kt, *v;
    long next; /* floats from here to the blocks of the sequence that comes next; 0: none */
    float *p;  /* probabilities of the first query; heads p_head apart, queries p_row */
    long p_head, p_row;
    bool keep;  /* false: p is scratch of ATTEND_SCRATCH rows (S > 1) or `heads` rows (S == 1) of T floats */
    float *out; /* lines [S][heads * size], out_row apart */
    long out_row;
};
enum { ATTEND_SCRATCH = 12 };

/* Backward of attention for the keys and values of positions t0 .. t0 + S - 1 and for the queries of those from `from`
 * on. Later positions up to end - 1 have been through it: their dout, p and ds are there. */
struct attend_grad {
    int S, t0, from, end, heads, size, T;
    float scale;
    const float *q, *k, *vt, *dout;
    long next;      /* as above */
    const float *p; /* squares [.][T], p_head apart, rows p_row apart */
    float *ds;      /* gradient of the scores, as p but ds_head apart */
    long p_head, p_row, ds_head;
    float *dq, *dk, *dv; /* lines, d_row apart; written */
    long d_row;
};

/* Lines of QKV products go to the blocks of their heads, with the bias added. */
struct split_heads {
    int S, t0, heads, size, T;
    const float *qkv, *bias; /* [S][3 * heads * size], [3 * heads * size] */
    float *q, *v, *kt;
    float *k, *vt; /* NULL: not wanted */
    float *keys;   /* scratch [S][size] where k is NULL */
};

struct norm {
    const float *weight, *bias; /* [C] */
};

struct kernels {
    const char *isa; /* "avx512" or "avx2" */

    /* C[m][n] (+)= A B with the portable arithmetic of gemm.h, any shape. */
    void (*gemm)(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb, int accumulate,
                 float *c, long ldc);
    void (*transpose)(int m, int n, const float *src, long lds, float *dst, long ldd);

    /* y = (x - mean) * rstd * weight + bias over rows; mean[R], rstd[R] are kept for backward. eps 1e-5. */
    void (*layernorm)(int R, int C, const float *x, const float *weight, const float *bias, float *y, float *mean,
                      float *rstd);
    /* sum = res + (x + bias), then layernorm of sum. sum may be x or res. */
    void (*residual_layernorm)(int R, int C, const float *x, const float *bias, const float *res, float *sum,
                               const struct norm *n, float *y, float *mean, float *rstd);
    /* dx = res + backward of layernorm (res NULL: 0; res may be dx); dweight[C], dbias[C] accumulate (NULL: not
     * wanted). */
    void (*layernorm_backward)(int R, int C, const float *dy, const float *x, const float *weight, const float *mean,
                               const float *rstd, const float *res, float *dx, float *dweight, float *dbias);

    /* GELU, tanh form (Hendrycks & Gimpel 2016; GPT-2), computed as x * sigmoid(2u): u = sqrt(2/pi)(x + .044715 x^3).
     * y = gelu(x + bias), bias[C]; with `slope`, gelu'(x + bias) takes the place of x: backward multiplies by it. */
    void (*bias_gelu)(int R, int C, float *x, const float *bias, float *y, bool slope);

    void (*bias_add)(int R, int C, float *x, const float *bias);        /* x += bias, each row */
    void (*bias_backward)(int R, int C, const float *dy, float *dbias); /* dbias += sum over rows, in row order */

    void (*split_heads)(const struct split_heads *s);
    void (*split_rows)(int S, int heads, int size, int T, const float *lines,
                       float *out); /* [S][heads * size] -> out */
    void (*attend)(const struct attend *a);
    void (*attend_backward)(const struct attend_grad *a);

    /* Row-wise log-sum-exp and softmax over V logits. p may equal logits. lse[R] = log sum exp. */
    void (*softmax)(int R, int V, const float *logits, float *p, float *lse);

    void (*axpy)(long n, float alpha, const float *x, float *y); /* y = fma(alpha, x, y) */
    void (*add)(long n, const float *x, float *y);               /* y += x */
    void (*mul)(long n, const float *x, float *y);               /* y *= x */
    void (*scale)(long n, float alpha, float *x);
    double (*sum_squares)(long n, const float *x); /* in double, 16 lanes */
    float (*dot)(long n, const float *x, const float *y);
    void (*exp)(long n, const float *x, float *y);

    /* n rounds of independent FMAs in registers alone, the most a core can do; returns their floating-point operations. */
    long (*fma)(long n);

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
