/* Attention of one sequence, forward and backward, over the vector of the simd header and the GEMM included before.
 *
 * Queries go in blocks of a tile's height, and a block computes the columns that its last query sees: about half of the
 * square. Skipping a column moves no bit: its probability is 0, and 0 v leaves a chain of FMAs as it was. A segment of
 * one query is a set of vector-matrix products, bound by latency, so four heads go side by side, each in its own chains.
 */
#ifndef SPILLOVER_KERNELS_ATTEND_BODY_H
#define SPILLOVER_KERNELS_ATTEND_BODY_H

#include <string.h>

#include "engine/kernels_body.h"
#include "engine/kernels_gemm_body.h"

/* The tile that covers a block: two vectors wide where the registers allow it. */
enum { TILE_VECTORS = SIMD_ROWS_2 >= 12 ? 2 : 1, TILE_ROWS = TILE_VECTORS == 2 ? SIMD_ROWS_2 : SIMD_ROWS_1 };
enum { HEADS_ABREAST = 4 };

/* Rows of each block when S queries are cut into blocks of nearly equal height. */
SIMD_INLINE int block_rows(int S) {
    int blocks = (S + ATTEND_SCRATCH - 1) / ATTEND_SCRATCH;
    return (S + blocks - 1) / blocks;
}

/* Columns computed where `end` are seen: whole vectors, since a store under a mask is not forwarded to the load that
 * follows it at once. Rows have room for them. */
SIMD_INLINE int whole_vectors(int end) {
    return (end + 15) & ~15;
}

/* kernel_gemm for one block, without its search for a shape: C[m][n] = A B. */
static void block_product(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                          float *c, long ldc) {
    for (int k0 = 0; k0 < k; k0 += GEMM_KBLOCK)
        for (int i = 0; i < m; i += TILE_ROWS)
            for (int j = 0; j < n; j += 16 * TILE_VECTORS) {
                const int vectors = (n - j + 15) / 16, nv = vectors < TILE_VECTORS ? vectors : TILE_VECTORS;
                const int left = n - j - 16 * (nv - 1);
                const struct tile_args t = {.k = k - k0 < GEMM_KBLOCK ? k - k0 : GEMM_KBLOCK,
                                            .a = a + i * a_row + k0 * a_col,
                                            .a_row = a_row,
                                            .a_col = a_col,
                                            .b = b + k0 * ldb + j,
                                            .ldb = ldb,
                                            .c = c + i * ldc + j,
                                            .ldc = ldc,
                                            .add = k0 > 0,
                                            .soon = a,
                                            .last = m_first(left)};
                tile_any(m - i < TILE_ROWS ? m - i : TILE_ROWS, nv, left < 16, &t);
            }
}

/* --- products of one row per head --- */

/* c[n] = a[k] B[k][n] for heads whose arrays lie a_head, b_head, c_head apart. B is read once and comes from afar: what the
 * next sequence will read, b_next floats behind, is asked for meanwhile. */
struct heads_product {
    int n, k;
    const float *a;
    long a_col, a_head;
    const float *b;
    long ldb, b_head, b_next;
    float *c;
    long c_head;
};

SIMD_INLINE void heads_tile(const int G, const int nv, const bool tail, const struct heads_product *h, int j) {
    const struct m16 last = m_first(tail ? h->n - j - 16 * (nv - 1) : 16);
    for (int k0 = 0; k0 < h->k; k0 += GEMM_KBLOCK) {
        const int end = h->k < k0 + GEMM_KBLOCK ? h->k : k0 + GEMM_KBLOCK;
        struct v16 acc[HEADS_ABREAST][2];
#pragma GCC unroll 4
        for (int g = 0; g < G; g++)
#pragma GCC unroll 2
            for (int v = 0; v < nv; v++) acc[g][v] = v_zero();
        for (int p = k0; p < end; p++)
#pragma GCC unroll 4
            for (int g = 0; g < G; g++) {
                const struct v16 av = v_set1(h->a[g * h->a_head + p * h->a_col]);
                const float *b = h->b + g * h->b_head + p * h->ldb + j;
#pragma GCC unroll 2
                for (int v = 0; v < nv; v++) _mm_prefetch((const char *)(b + h->b_next + 16 * v), _MM_HINT_T1);
#pragma GCC unroll 2
                for (int v = 0; v < nv; v++)
                    acc[g][v] = v_fma(av, get(!(tail && v == nv - 1), last, b + 16 * v), acc[g][v]);
            }
#pragma GCC unroll 4
        for (int g = 0; g < G; g++)
#pragma GCC unroll 2
            for (int v = 0; v < nv; v++) {
                const bool full = !(tail && v == nv - 1);
                float *c = h->c + g * h->c_head + j + 16 * v;
                put(full, last, c, k0 ? v_add(get(full, last, c), acc[g][v]) : acc[g][v]);
            }
    }
}

SIMD_INLINE void heads_columns(const int G, const struct heads_product *h) {
    int j = 0;
    for (; j + 32 <= h->n; j += 32) heads_tile(G, 2, false, h, j);
    if (h->n - j > 16)
        heads_tile(G, 2, true, h, j);
    else if (h->n - j == 16)
        heads_tile(G, 1, false, h, j);
    else if (h->n > j)
        heads_tile(G, 1, true, h, j);
}

static void heads_products(int heads, struct heads_product h) {
    for (; heads >= HEADS_ABREAST; heads -= HEADS_ABREAST) {
        heads_columns(HEADS_ABREAST, &h);
        h.a += HEADS_ABREAST * h.a_head;
        h.b += HEADS_ABREAST * h.b_head;
        h.c += HEADS_ABREAST * h.c_head;
    }
    for (; heads > 0; heads--) {
        heads_columns(1, &h);
        h.a += h.a_head;
        h.b += h.b_head;
        h.c += h.c_head;
    }
}

/* --- softmax of a few rows side by side --- */

/* Row g keeps its first `len + g * grow` elements; the rest of its n are 0 afterwards. */
struct score_rows {
    int n, len, grow;
    long ld;
    float scale;
};

SIMD_INLINE struct m16 row_mask(const struct score_rows *s, int g, int j) {
    const int left = s->len + g * s->grow - j;
    return m_first(left < 0 ? 0 : left);
}

/* What is behind the length of a row is finite, or outside the n elements and then not read. */
SIMD_INLINE void softmax_rows(const int G, const struct score_rows *s, float *x) {
    const struct v16 scale = v_set1(s->scale), lowest = v_set1(-INFINITY);
    const struct m16 last = m_first(s->n % 16);
    struct v16 top[4], sum[4];
    int j = 0;
    for (int g = 0; g < G; g++) {
        top[g] = lowest;
        sum[g] = v_zero();
    }
    for (; j < s->n; j += 16)
        for (int g = 0; g < G; g++) {
            const bool full = j + 16 <= s->n;
            struct v16 x_scaled = v_mul(get(full, last, x + g * s->ld + j), scale);
            if (j + 16 > s->len) x_scaled = v_select(row_mask(s, g, j), x_scaled, lowest);
            top[g] = v_max(x_scaled, top[g]);
        }
    for (int g = 0; g < G; g++) top[g] = v_set1(v_greatest(top[g]));
    for (j = 0; j < s->n; j += 16)
        for (int g = 0; g < G; g++) {
            const bool full = j + 16 <= s->n;
            float *at = x + g * s->ld + j;
            struct v16 e = v_exp(v_sub(v_mul(get(full, last, at), scale), top[g]));
            if (j + 16 > s->len) e = v_keep(row_mask(s, g, j), e);
            put(full, last, at, e);
            sum[g] = v_add(sum[g], e);
        }
    for (int g = 0; g < G; g++) sum[g] = v_set1(1.0f / v_sum(sum[g]));
    for (j = 0; j < s->n; j += 16)
        for (int g = 0; g < G; g++) {
            const bool full = j + 16 <= s->n;
            float *at = x + g * s->ld + j;
            put(full, last, at, v_mul(get(full, last, at), sum[g]));
        }
}

/* d = scale p (d - sum(p d)). p is 0 where a row keeps nothing, so d becomes 0 there. */
SIMD_INLINE void softmax_grad_rows(const int G, const struct score_rows *s, const float *p, float *d) {
    const struct v16 scale = v_set1(s->scale);
    const struct m16 last = m_first(s->n % 16);
    struct v16 sum[4];
    int j;
    for (int g = 0; g < G; g++) sum[g] = v_zero();
    for (j = 0; j + 16 <= s->n; j += 16)
        for (int g = 0; g < G; g++) sum[g] = v_fma(v_load(p + g * s->ld + j), v_load(d + g * s->ld + j), sum[g]);
    for (int g = 0; g < G; g++) {
        if (j < s->n) sum[g] = v_fma(v_load_m(last, p + g * s->ld + j), v_load_m(last, d + g * s->ld + j), sum[g]);
        sum[g] = v_set1(v_sum(sum[g]));
    }
    for (j = 0; j < s->n; j += 16)
        for (int g = 0; g < G; g++) {
            const bool full = j + 16 <= s->n;
            const float *pg = p + g * s->ld + j;
            float *dg = d + g * s->ld + j;
            put(full, last, dg, v_mul(v_mul(scale, get(full, last, pg)), v_sub(get(full, last, dg), sum[g])));
        }
}

/* Rows that see nothing (left padding) become 0 and are taken off the front; returns how many. */
static int blind_rows(int rows, struct score_rows *s, float *x) {
    int blind = 0;
    for (; blind < rows && s->len <= 0; blind++) {
        memset(x + blind * s->ld, 0, (size_t)(s->n > 0 ? s->n : 0) * sizeof *x);
        s->len += s->grow;
    }
    return blind;
}

static void softmax_block(int rows, struct score_rows s, float *x) {
    int r = blind_rows(rows, &s, x);
    x += r * s.ld;
    for (; r + 4 <= rows; r += 4, x += 4 * s.ld, s.len += 4 * s.grow) softmax_rows(4, &s, x);
    for (; r < rows; r++, x += s.ld, s.len += s.grow) softmax_rows(1, &s, x);
}

static void softmax_grad_block(int rows, const struct score_rows *s, const float *p, float *d) {
    int r = 0;
    for (; r + 4 <= rows; r += 4, p += 4 * s->ld, d += 4 * s->ld) softmax_grad_rows(4, s, p, d);
    for (; r < rows; r++, p += s->ld, d += s->ld) softmax_grad_rows(1, s, p, d);
}

/* --- forward --- */

/* A padded position's score is never a number that matters, but its probability must be 0. */
static void clear_padding(int rows, int start, long ld, float *x) {
    for (int r = 0; start > 0 && r < rows; r++) memset(x + r * ld, 0, (size_t)start * sizeof *x);
}

static void attend_one(const struct attend *a) {
    const int HS = a->size, end = a->t0 + 1, columns = whole_vectors(end);
    const long head = (long)a->T * HS;
    float *p = a->p;
    struct score_rows s = {columns - a->start, end - a->start, 0, a->p_head, a->scale};
    struct heads_product scores = {.n = columns, .k = HS, .a = a->q + (long)a->t0 * HS, .a_col = 1, .a_head = head};
    scores.b = a->kt;
    scores.ldb = a->T;
    scores.b_head = head;
    scores.b_next = a->next;
    scores.c = p;
    scores.c_head = a->p_head;
    heads_products(a->heads, scores);
    clear_padding(a->heads, a->start < columns ? a->start : columns, a->p_head, p);
    if (s.n > 0) softmax_block(a->heads, s, p + a->start);
    struct heads_product values = {.n = HS, .k = end, .a = p, .a_col = 1, .a_head = a->p_head, .b = a->v, .ldb = HS};
    values.b_head = head;
    values.b_next = a->next;
    values.c = a->out;
    values.c_head = HS;
    heads_products(a->heads, values);
}

static void attend_head(const struct attend *a, int h) {
    const int HS = a->size, rows = block_rows(a->S);
    const long head = h * (long)a->T * HS;
    for (int i = 0; i < a->S; i += rows) {
        const int r = a->S - i < rows ? a->S - i : rows, end = a->t0 + i + r;
        float *p = a->p + (a->keep ? h * a->p_head + i * a->p_row : 0);
        const int columns = whole_vectors(end);
        struct score_rows s = {columns - a->start, a->t0 + i + 1 - a->start, 1, a->p_row, a->scale};
        block_product(r, columns, HS, a->q + head + (long)(a->t0 + i) * HS, HS, 1, a->kt + head, a->T, p, a->p_row);
        clear_padding(r, a->start < columns ? a->start : columns, a->p_row, p);
        if (s.n > 0) softmax_block(r, s, p + a->start);
        block_product(r, HS, end, p, a->p_row, 1, a->v + head, HS, a->out + i * a->out_row + h * HS, a->out_row);
    }
}

static void kernel_attend(const struct attend *a) {
    if (a->S == 1)
        attend_one(a);
    else
        for (int h = 0; h < a->heads; h++) attend_head(a, h);
}

/* --- backward --- */

/* Gradients of the queries: scores' gradients are kept for the keys. */
static void attend_grad_queries(const struct attend_grad *a, int h) {
    const int HS = a->size, first = a->from - a->t0, rows = block_rows(a->S - first);
    const long head = h * (long)a->T * HS, square = h * a->p_head;
    for (int i = first; i < a->S; i += rows) {
        const int r = a->S - i < rows ? a->S - i : rows, t = a->t0 + i, end = t + r, columns = whole_vectors(end);
        const struct score_rows s = {columns, 0, 0, a->p_row, a->scale};
        float *ds = a->ds + h * a->ds_head + t * a->p_row;
        block_product(r, columns, HS, a->dout + head + (long)t * HS, HS, 1, a->vt + head, a->T, ds, a->p_row);
        softmax_grad_block(r, &s, a->p + square + t * a->p_row, ds);
        block_product(r, HS, end, ds, a->p_row, 1, a->k + head, HS, a->dq + i * a->d_row + h * HS, a->d_row);
    }
}

/* Gradients of the segment's own keys and values: one product over every query that saw them, to the end of the tape. */
static void attend_grad_keys(const struct attend_grad *a, int h) {
    const int HS = a->size, rows = block_rows(a->S);
    const long head = h * (long)a->T * HS;
    for (int i = 0; i < a->S; i += rows) {
        const int r = a->S - i < rows ? a->S - i : rows, t = a->t0 + i, from = t > a->from ? t : a->from;
        const long corner = from * a->p_row + t, line = i * a->d_row + h * HS;
        block_product(r, HS, a->end - from, a->ds + h * a->ds_head + corner, 1, a->p_row, a->q + head + (long)from * HS,
                      HS, a->dk + line, a->d_row);
        block_product(r, HS, a->end - from, a->p + h * a->p_head + corner, 1, a->p_row,
                      a->dout + head + (long)from * HS, HS, a->dv + line, a->d_row);
    }
}

static void attend_grad_one(const struct attend_grad *a) {
    const int HS = a->size, t = a->t0, columns = whole_vectors(t + 1);
    const long head = (long)a->T * HS, row = t * a->p_row, corner = row + t, from = (long)t * HS;
    const struct score_rows s = {columns, 0, 0, a->p_head, a->scale};
    struct heads_product scores = {.n = columns, .k = HS, .a = a->dout + from, .a_col = 1, .a_head = head};
    scores.b = a->vt;
    scores.ldb = a->T;
    scores.b_head = head;
    scores.b_next = a->next;
    scores.c = a->ds + row;
    scores.c_head = a->p_head;
    heads_products(a->heads, scores);
    softmax_grad_block(a->heads, &s, a->p + row, a->ds + row);
    struct heads_product queries = {.n = HS, .k = t + 1, .a = a->ds + row, .a_col = 1, .a_head = a->p_head};
    queries.b = a->k;
    queries.ldb = HS;
    queries.b_head = head;
    queries.b_next = a->next;
    queries.c = a->dq;
    queries.c_head = HS;
    heads_products(a->heads, queries);
    struct heads_product keys = {.n = HS, .k = a->end - t, .a = a->ds + corner, .a_col = a->p_row, .a_head = a->p_head};
    keys.b = a->q + from;
    keys.ldb = HS;
    keys.b_head = head;
    keys.c = a->dk;
    keys.c_head = HS;
    heads_products(a->heads, keys);
    keys.a = a->p + corner;
    keys.b = a->dout + from;
    keys.c = a->dv;
    heads_products(a->heads, keys);
}

static void kernel_attend_backward(const struct attend_grad *a) {
    if (a->S == 1) {
        attend_grad_one(a);
        return;
    }
    for (int h = 0; h < a->heads; h++) {
        attend_grad_queries(a, h);
        attend_grad_keys(a, h);
    }
}

/* --- between lines and heads --- */

/* dst[S][HS] = src + bias, rows of src lds apart. */
static void head_rows(int S, int HS, const float *src, long lds, const float *bias, float *dst) {
    for (int i = 0; i < S; i++, src += lds, dst += HS) {
        int j = 0;
        for (; j + 16 <= HS; j += 16) {
            struct v16 x = v_load(src + j);
            v_store(dst + j, bias ? v_add(x, v_load(bias + j)) : x);
        }
        if (j == HS) continue;
        const struct m16 m = m_first(HS - j);
        struct v16 x = v_load_m(m, src + j);
        v_store_m(m, dst + j, bias ? v_add(x, v_load_m(m, bias + j)) : x);
    }
}

static void kernel_split_heads(const struct split_heads *s) {
    const int HS = s->size, C = s->heads * HS;
    for (int h = 0; h < s->heads; h++) {
        const long head = h * (long)s->T * HS, at = head + (long)s->t0 * HS;
        const float *src = s->qkv + h * HS, *bias = s->bias + h * HS;
        float *keys = s->k ? s->k + at : s->keys;
        head_rows(s->S, HS, src, 3L * C, bias, s->q + at);
        head_rows(s->S, HS, src + C, 3L * C, bias + C, keys);
        head_rows(s->S, HS, src + 2 * C, 3L * C, bias + 2 * C, s->v + at);
        kernel_transpose(s->S, HS, keys, HS, s->kt + head + s->t0, s->T);
        if (s->vt) kernel_transpose(s->S, HS, s->v + at, HS, s->vt + head + s->t0, s->T);
    }
}

static void kernel_split_rows(int S, int heads, int size, int T, const float *lines, float *out) {
    for (int h = 0; h < heads; h++)
        head_rows(S, size, lines + h * size, (long)heads * size, NULL, out + h * (long)T * size);
}

#endif
