/* Attention kernels: against a reference in double, its gradient against finite differences, the two tables against each
 * other, and one query at a time against all at once, bit for bit. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/kernels.h"
#include "tests/engine/processor.h"

Suite *suite_attend(void);

enum { MAX_T = 304, MAX_C = 192, BLOCK = MAX_T * MAX_C, MAX_HEADS = 5, SQUARE = MAX_HEADS * MAX_T * MAX_T };

struct shape {
    int heads, size, positions, start;
};

/* Head counts around the four that go side by side; sizes below, at and above a vector; with and without padding; more
 * positions than a block of GEMM_KBLOCK. */
static const struct shape shapes[] = {
    {1, 4, 5, 0},   {3, 4, 12, 2},  {4, 16, 31, 0}, {5, 32, 40, 7},  {4, 20, 13, 13},
    {2, 64, 48, 1}, {4, 32, 33, 0}, {4, 48, 20, 2}, {5, 20, 300, 3}, {2, 48, 270, 0},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

struct room {
    float lines[3 * BLOCK], bias[3 * MAX_C]; /* QKV products */
    float q[BLOCK], k[BLOCK], v[BLOCK], kt[BLOCK], vt[BLOCK], dout[BLOCK], keys[BLOCK];
    float p[SQUARE], ds[SQUARE];
    float out[BLOCK], grad[BLOCK], dqkv[3 * BLOCK];
};

static struct room one, other;

static const struct kernels *table(int i) {
    if (i == 0) return &kernels_avx2;
    return no_avx512() ? NULL : &kernels_avx512;
}

static void draw(struct room *r, uint64_t seed) {
    struct rng rng = rng_seed_raw(seed, 4);
    memset(r, 0, sizeof *r);
    for (int i = 0; i < 3 * BLOCK; i++) r->lines[i] = rng_normal(&rng);
    for (int i = 0; i < 3 * MAX_C; i++) r->bias[i] = rng_normal(&rng);
    for (int i = 0; i < BLOCK; i++) r->grad[i] = rng_normal(&rng);
}

/* Positions from .. from + S - 1 forward, as one segment. */
static void forward(const struct kernels *k, const struct shape *s, struct room *r, int from, int S) {
    const int C = s->heads * s->size;
    struct split_heads split = {S,    from,  s->heads, s->size, MAX_T,  r->lines + 3L * from * C, r->bias, r->q,
                                r->v, r->kt, r->k,     r->vt,   r->keys};
    struct attend a = {.S = S, .t0 = from, .start = s->start, .heads = s->heads, .size = s->size, .T = MAX_T};
    a.scale = 0.4f;
    a.q = r->q;
    a.kt = r->kt;
    a.v = r->v;
    a.p = r->p + from * MAX_T;
    a.p_head = MAX_T * MAX_T;
    a.p_row = MAX_T;
    a.keep = true;
    a.out = r->out + (long)from * C;
    a.out_row = C;
    k->split_heads(&split);
    k->attend(&a);
}

static void backward(const struct kernels *k, const struct shape *s, struct room *r, int from, int S) {
    const int C = s->heads * s->size;
    struct attend_grad a = {
        .S = S, .t0 = from, .from = from, .end = s->positions, .heads = s->heads, .size = s->size, .T = MAX_T};
    a.scale = 0.4f;
    a.q = r->q;
    a.k = r->k;
    a.vt = r->vt;
    a.dout = r->dout;
    a.p = r->p;
    a.ds = r->ds;
    a.p_head = a.ds_head = MAX_T * MAX_T;
    a.p_row = MAX_T;
    a.dq = r->dqkv + 3L * from * C;
    a.dk = a.dq + C;
    a.dv = a.dk + C;
    a.d_row = 3 * C;
    k->split_rows(S, s->heads, s->size, MAX_T, r->grad + (long)from * C, r->dout + (long)from * s->size);
    k->attend_backward(&a);
}

/* Attention of all positions in double: returns sum(out * grad), writes out [positions][C]. */
static double reference(const struct shape *s, const double *lines, const float *bias, const float *grad, double *out) {
    const int C = s->heads * s->size;
    double loss = 0.0;
    for (int t = 0; t < s->positions; t++)
        for (int h = 0; h < s->heads; h++) {
            double p[MAX_T], top = -HUGE_VAL, sum = 0.0;
            const int at = h * s->size;
#define QKV(pos, part, d) (lines[(pos)*3 * C + (part)*C + at + (d)] + (double)bias[(part)*C + at + (d)])
            for (int j = s->start; j <= t; j++) {
                p[j] = 0.0;
                for (int d = 0; d < s->size; d++) p[j] += (double)0.4f * QKV(t, 0, d) * QKV(j, 1, d);
                top = fmax(top, p[j]);
            }
            for (int j = s->start; j <= t; j++) sum += p[j] = exp(p[j] - top);
            for (int d = 0; d < s->size; d++) {
                double y = 0.0;
                for (int j = s->start; j <= t; j++) y += p[j] / sum * QKV(j, 2, d);
                out[t * C + at + d] = y;
                loss += y * (double)grad[t * C + at + d];
            }
        }
    return loss;
}

START_TEST(follows_the_formula) {
    const struct kernels *k = table(_i % 2);
    const struct shape *s = &shapes[_i / 2];
    static double lines[3 * BLOCK], out[BLOCK];
    if (!k) return;
    draw(&one, (uint64_t)_i);
    for (int i = 0; i < 3 * BLOCK; i++) lines[i] = (double)one.lines[i];
    reference(s, lines, one.bias, one.grad, out);
    forward(k, s, &one, 0, s->positions);
    for (int i = 0; i < s->positions * s->heads * s->size; i++)
        ck_assert_double_eq_tol((double)one.out[i], out[i], 2e-5);
}
END_TEST

START_TEST(gradient_is_that_of_the_formula) {
    const struct kernels *k = table(_i % 2);
    const struct shape *s = &shapes[_i / 2];
    const int n = 3 * s->positions * s->heads * s->size;
    static double lines[3 * BLOCK], out[BLOCK];
    if (!k) return;
    draw(&one, (uint64_t)_i);
    for (int i = 0; i < 3 * BLOCK; i++) lines[i] = (double)one.lines[i];
    forward(k, s, &one, 0, s->positions);
    backward(k, s, &one, 0, s->positions);
    struct rng r = rng_seed_raw(5, (uint64_t)_i);
    for (int draws = s->positions > 100 ? 4 : 60; draws > 0; draws--) {
        const int i = (int)rng_below(&r, (uint32_t)n);
        const double keep = lines[i], h = 1e-4;
        lines[i] = keep + h;
        double slope = reference(s, lines, one.bias, one.grad, out);
        lines[i] = keep - h;
        slope = (slope - reference(s, lines, one.bias, one.grad, out)) / (2 * h);
        lines[i] = keep;
        ck_assert_double_eq_tol((double)one.dqkv[i], slope, 1e-4);
    }
}
END_TEST

/* Segments of 1, 2, 3, ... positions give the output of one segment bit for bit, and its gradient up to rounding. */
START_TEST(cutting_into_segments_moves_no_bit) {
    const struct kernels *k = table(_i % 2);
    const struct shape *s = &shapes[_i / 2];
    const int n = s->positions * s->heads * s->size;
    int from[MAX_T], segments = 0;
    if (!k) return;
    draw(&one, (uint64_t)_i);
    draw(&other, (uint64_t)_i);
    forward(k, s, &one, 0, s->positions);
    for (int t = 0, S = 1; t < s->positions; t += S, S = S % 3 + 1) {
        if (S > s->positions - t) S = s->positions - t;
        from[segments++] = t;
        forward(k, s, &other, t, S);
    }
    ck_assert_mem_eq(one.out, other.out, (size_t)n * sizeof(float));
    backward(k, s, &one, 0, s->positions);
    for (int i = segments - 1; i >= 0; i--)
        backward(k, s, &other, from[i], (i + 1 < segments ? from[i + 1] : s->positions) - from[i]);
    for (int i = 0; i < 3 * n; i++) ck_assert_double_eq_tol((double)one.dqkv[i], (double)other.dqkv[i], 2e-5);
}
END_TEST

START_TEST(tables_agree_bit_for_bit) {
    const struct kernels *wide = table(1);
    const struct shape *s = &shapes[_i];
    if (!wide) return;
    for (int S = 1; S <= s->positions; S += s->positions - 1) {
        draw(&one, (uint64_t)_i);
        draw(&other, (uint64_t)_i);
        for (int t = 0; t < s->positions; t += S) {
            forward(&kernels_avx2, s, &one, t, S);
            forward(wide, s, &other, t, S);
        }
        for (int t = s->positions - S; t >= 0; t -= S) {
            backward(&kernels_avx2, s, &one, t, S);
            backward(wide, s, &other, t, S);
        }
        const size_t bytes = (size_t)(s->positions * s->heads * s->size) * sizeof(float);
        ck_assert_mem_eq(one.out, other.out, bytes);
        ck_assert_mem_eq(one.dqkv, other.dqkv, 3 * bytes);
    }
}
END_TEST

/* A left-padded sequence gives the bits of the sequence without its padding; padded positions attend to nothing. */
START_TEST(padding_moves_no_bit) {
    const struct kernels *k = table(_i);
    enum { PAD = 7, LENGTH = 33 };
    const struct shape plain = {4, 32, LENGTH, 0}, padded = {4, 32, PAD + LENGTH, PAD};
    const int C = 128;
    if (!k) return;
    draw(&one, 1);
    draw(&other, 1);
    memcpy(other.lines + 3 * PAD * C, one.lines, sizeof(float) * 3 * LENGTH * C);
    forward(k, &plain, &one, 0, LENGTH);
    forward(k, &padded, &other, 0, PAD + LENGTH);
    ck_assert_mem_eq(one.out, other.out + PAD * C, sizeof(float) * LENGTH * C);
    for (int i = 0; i < PAD * C; i++) ck_assert_float_eq(other.out[i], 0.0f);
}
END_TEST

Suite *suite_attend(void) {
    Suite *s = suite_create("attend");
    TCase *t = tcase_create("attend");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, follows_the_formula, 0, 2 * N_SHAPES);
    tcase_add_loop_test(t, gradient_is_that_of_the_formula, 0, 2 * N_SHAPES);
    tcase_add_loop_test(t, cutting_into_segments_moves_no_bit, 0, 2 * N_SHAPES);
    tcase_add_loop_test(t, tables_agree_bit_for_bit, 0, N_SHAPES);
    tcase_add_loop_test(t, padding_moves_no_bit, 0, 2);
    suite_add_tcase(s, t);
    return s;
}
