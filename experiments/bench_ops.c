/* The roofline of a step, operation by operation.
 *
 * The engine calls its arithmetic through one table (engine/kernels.h). For the measurement that table is replaced by
 * one whose entries time the original's: nothing in the engine knows of it. Matrix products are listed by shape.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/gemm.h"
#include "engine/kernels.h"
#include "experiments/bench.h"

enum { MOST_OPS = 256 };

/* One operation: flop as the mathematics needs them, bytes as its arguments have (each array read or written once). */
struct op {
    char name[48];
    long calls;
    double seconds, flop, bytes;
};

static struct op ops[MOST_OPS];
static int n_ops;
static const struct kernels *real;

/* A short call is timed by the cheap clock, and where another process came between counts as the mean of the others. */
static const double short_bytes = 1e5, interrupted = 5e-5;

static double now(double bytes) {
    struct timespec t;
    if (bytes >= short_bytes) return bench_cpu_seconds();
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void note(const char *name, double start, double flop, double bytes) {
    double spent = now(bytes) - start;
    int i = 0;
    while (i < n_ops && strcmp(ops[i].name, name) != 0) i++;
    if (i == MOST_OPS) BUG("more than %d operations", MOST_OPS);
    if (i == n_ops) {
        ops[n_ops++] = (struct op){0};
        snprintf(ops[i].name, sizeof ops[i].name, "%s", name);
    }
    if (bytes < short_bytes && spent > interrupted) spent = ops[i].calls ? ops[i].seconds / (double)ops[i].calls : 0.0;
    ops[i].calls++;
    ops[i].seconds += spent;
    ops[i].flop += flop;
    ops[i].bytes += bytes;
}

static void timed_gemm(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                       int accumulate, float *c, long ldc) {
    const double M = m, N = n, P = k, bytes = 4.0 * (M * P + P * N + (accumulate ? 2.0 : 1.0) * M * N);
    char name[48];
    double start = now(bytes);
    real->gemm(m, n, k, a, a_row, a_col, b, ldb, accumulate, c, ldc);
    snprintf(name, sizeof name, "gemm %s%d x %d x %d", a_row == 1 && k > 1 ? "A' " : "", m, n, k);
    note(name, start, 2.0 * M * N * P, bytes);
}

/* An entry of the table: its parameters, its arguments, flop and bytes. */
#define TIMED(op, parameters, arguments, flop, bytes)                                                                  \
    static void timed_##op parameters {                                                                                \
        double start = now(bytes);                                                                                     \
        real->op arguments;                                                                                            \
        note(#op, start, flop, bytes);                                                                                 \
    }
#define RC ((double)R * (double)C)

TIMED(transpose, (int m, int n, const float *src, long lds, float *dst, long ldd), (m, n, src, lds, dst, ldd), 0.0,
      8.0 * m * n)
TIMED(layernorm,
      (int R, int C, const float *x, const float *weight, const float *bias, float *y, float *mean, float *rstd),
      (R, C, x, weight, bias, y, mean, rstd), 8.0 * RC, 8.0 * RC)
TIMED(residual_layernorm,
      (int R, int C, const float *x, const float *bias, const float *res, float *sum, const struct norm *n, float *y,
       float *mean, float *rstd),
      (R, C, x, bias, res, sum, n, y, mean, rstd), 10.0 * RC, 16.0 * RC)
TIMED(layernorm_backward,
      (int R, int C, const float *dy, const float *x, const float *weight, const float *mean, const float *rstd,
       const float *res, float *dx, float *dweight, float *dbias),
      (R, C, dy, x, weight, mean, rstd, res, dx, dweight, dbias), 18.0 * RC, 16.0 * RC)
TIMED(bias_gelu, (int R, int C, float *x, const float *bias, float *y, bool slope), (R, C, x, bias, y, slope),
      30.0 * RC, 12.0 * RC)
TIMED(bias_add, (int R, int C, float *x, const float *bias), (R, C, x, bias), RC, 8.0 * RC)
TIMED(bias_backward, (int R, int C, const float *dy, float *dbias), (R, C, dy, dbias), RC, 4.0 * RC)
TIMED(softmax, (int R, int V, const float *logits, float *p, float *lse), (R, V, logits, p, lse), 12.0 * R * V,
      8.0 * R * V)
/* Attention by the scores that causality leaves; bytes of one sequence's blocks. */
#define SCORES(a)    ((double)(a)->heads * (a)->S * ((a)->t0 + ((a)->S + 1) / 2.0))
#define BLOCKS(a, n) (4.0 * (n) * (a)->heads * (a)->size * ((a)->t0 + (a)->S))
TIMED(attend, (const struct attend *a), (a), SCORES(a) * (4.0 * a->size + 12.0), BLOCKS(a, 4) + 4.0 * SCORES(a))
TIMED(attend_backward, (const struct attend_grad *a), (a), SCORES(a) * (8.0 * a->size + 5.0),
      BLOCKS(a, 8) + 8.0 * SCORES(a))
TIMED(split_heads, (const struct split_heads *s), (s), 3.0 * s->S * s->heads * s->size,
      8.0 * 4.0 * s->S * s->heads * s->size)
TIMED(split_rows, (int S, int heads, int size, int T, const float *lines, float *to), (S, heads, size, T, lines, to),
      0.0, 8.0 * S * heads * size)
TIMED(mul, (long n, const float *x, float *y), (n, x, y), (double)n, 12.0 * (double)n)
TIMED(axpy, (long n, float alpha, const float *x, float *y), (n, alpha, x, y), 2.0 * (double)n, 12.0 * (double)n)
TIMED(add, (long n, const float *x, float *y), (n, x, y), (double)n, 12.0 * (double)n)
TIMED(adamw,
      (long n, float *w, const float *g, float *m, float *v, float grad_scale, float beta1, float beta2,
       float step_size, float v_scale, float eps, float decay),
      (n, w, g, m, v, grad_scale, beta1, beta2, step_size, v_scale, eps, decay), 12.0 * (double)n, 28.0 * (double)n)

static double timed_sum_squares(long n, const float *x) {
    const double bytes = 4.0 * (double)n;
    double start = now(bytes), sum = real->sum_squares(n, x);
    note("sum_squares", start, 2.0 * (double)n, bytes);
    return sum;
}

static int by_time(const void *a, const void *b) {
    const struct op *x = a, *y = b;
    return x->seconds != y->seconds ? (x->seconds < y->seconds) - (x->seconds > y->seconds) : strcmp(x->name, y->name);
}

static void print_ops(const struct bench_case *c, double total, int steps, double peak) {
    double listed = 0.0;
    printf("\n%s: %.2f ms a step, %.1f GFLOP/s FMA peak\n%-36s %9s %10s %9s %7s %8s\n", c->name, 1e3 * total / steps,
           peak * 1e-9, "operation", "calls", "us/step", "GFLOP/s", "GB/s", "share");
    for (int i = 0; i < n_ops; i++) {
        const struct op *o = &ops[i];
        listed += o->seconds;
        printf("%-36s %9.0f %10.1f %9.1f %7.1f %6.2f %%\n", o->name, (double)o->calls / steps, 1e6 * o->seconds / steps,
               o->flop / o->seconds * 1e-9, o->bytes / o->seconds * 1e-9, 100.0 * o->seconds / total);
    }
    printf("%-36s %9s %10.1f %9s %7s %6.2f %%\n", "between operations", "", 1e6 * (total - listed) / steps, "", "",
           100.0 * (total - listed) / total);
}

static json_t *json_ops(const struct bench_case *c, double total, int steps, double peak) {
    json_t *list = json_array();
    for (int i = 0; i < n_ops; i++)
        json_array_append_new(list, json_pack("{s:s, s:f, s:f, s:f, s:f, s:f}", "operation", ops[i].name, "calls",
                                              (double)ops[i].calls / steps, "seconds", ops[i].seconds / steps, "flops",
                                              ops[i].flop / ops[i].seconds, "bytes_per_second",
                                              ops[i].bytes / ops[i].seconds, "share", ops[i].seconds / total));
    return json_pack("{s:s, s:f, s:f, s:o}", "case", c->name, "seconds", total / steps, "peak_flops", peak,
                     "operations", list);
}

enum status bench_ops(struct arena *a, const struct bench_case *c, double seconds, json_t *list) {
    struct kernels timed = *K;
    struct bench_work *w;
    int steps = 0;
    timed.gemm = timed_gemm;
#define ENTRY(op) timed.op = timed_##op
    ENTRY(transpose);
    ENTRY(layernorm);
    ENTRY(layernorm_backward);
    ENTRY(bias_gelu);
    ENTRY(bias_add);
    ENTRY(bias_backward);
    ENTRY(softmax);
    ENTRY(residual_layernorm);
    ENTRY(attend);
    ENTRY(attend_backward);
    ENTRY(split_heads);
    ENTRY(split_rows);
    ENTRY(mul);
    ENTRY(axpy);
    ENTRY(add);
    ENTRY(adamw);
    ENTRY(sum_squares);
#undef ENTRY
    n_ops = 0;
    TRY(bench_work_open(&w, a, c, 1, 1));
    TRY(bench_work_step(w));
    const double peak = bench_peak(.05);
    real = K;
    K = &timed;
    const double start = bench_cpu_seconds();
    enum status st;
    do {
        st = bench_work_step(w);
        steps++;
    } while (!st && bench_cpu_seconds() - start < seconds);
    const double total = bench_cpu_seconds() - start;
    K = real;
    bench_work_close(w);
    TRY(st);
    qsort(ops, (size_t)n_ops, sizeof *ops, by_time);
    if (list)
        json_array_append_new(list, json_ops(c, total, steps, peak));
    else
        print_ops(c, total, steps, peak);
    return ST_OK;
}
