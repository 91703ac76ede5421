/* Matrix multiplication and transposition over the 16-lane vector of the simd header included before this one.
 *
 * The portable arithmetic of gemm.h: each element of C is one FMA chain in k order per block of GEMM_KBLOCK, so neither
 * the tile nor the number of rows or columns can move a bit. The tile is mr rows by nv vectors of C held in registers; B
 * is read in place (its rows are already vectors) and A by broadcasts, hence no packing.
 */
#ifndef SPILLOVER_KERNELS_GEMM_BODY_H
#define SPILLOVER_KERNELS_GEMM_BODY_H

#include <stdbool.h>

#include "engine/gemm.h"

/* Fewer rows do not repay packing or fetching ahead, and a shorter row of B (4 KiB) the hardware fetches well itself. */
enum { PANEL_ROWS = 32, PANEL_STRIDE = 1024 };
enum { CACHED_ROWS = 512 }; /* 512 KiB of A at GEMM_KBLOCK */

struct tile_args {
    int k;
    const float *a;
    long a_row, a_col;
    const float *b;
    long ldb;
    float *c;
    long ldc;
    bool add;          /* C += instead of C = */
    const float *soon; /* asked for step by step, soon_step bytes apart: what the next tile reads of A */
    long soon_step;
    struct m16 last;   /* lanes of the last vector */
    bool fetch;        /* A comes from afar: tiles ask for the next one's */
    const float *next; /* the panel of B that follows, or NULL */
    long next_row;
};

/* mr, nv and tail are constants at every call: the loops over them unroll and acc lives in registers. */
SIMD_INLINE void tile(const int mr, const int nv, const bool tail, const struct tile_args *t) {
    struct v16 acc[12][8];
    const float *a = t->a, *b = t->b;
    const long a_row = t->a_row, a_col = t->a_col, ldb = t->ldb;
    const struct m16 last = t->last;
    const char *soon = (const char *)t->soon;
    const long soon_step = t->soon_step;
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
        for (int j = 0; j < nv; j++) acc[i][j] = v_zero();
    for (int p = t->k; p > 0; p--) {
        _mm_prefetch(soon, _MM_HINT_T0);
        soon += soon_step;
        struct v16 bv[8];
#pragma GCC unroll 8
        for (int j = 0; j < nv; j++) bv[j] = tail && j == nv - 1 ? v_load_m(last, b + 16 * j) : v_load(b + 16 * j);
        b += ldb;
#pragma GCC unroll 12
        for (int i = 0; i < mr; i++) {
            struct v16 av = v_set1(a[i * a_row]);
#pragma GCC unroll 8
            for (int j = 0; j < nv; j++) acc[i][j] = v_fma(av, bv[j], acc[i][j]);
        }
        a += a_col;
    }
#pragma GCC unroll 12
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
        for (int j = 0; j < nv; j++) {
            float *c = t->c + i * t->ldc + 16 * j;
            if (tail && j == nv - 1)
                v_store_m(last, c, t->add ? v_add(v_load_m(last, c), acc[i][j]) : acc[i][j]);
            else
                v_store(c, t->add ? v_add(v_load(c), acc[i][j]) : acc[i][j]);
        }
}

/* Heights up to max_rows, a constant, are instantiated. */
SIMD_INLINE void tile_rows(int mr, const int nv, const int max_rows, const bool tail, const struct tile_args *t) {
    if (mr == 1) tile(1, nv, tail, t);
    if (max_rows < 3) return;
    switch (mr) {
    case 2:
        tile(2, nv, tail, t);
        return;
    case 3:
        tile(3, nv, tail, t);
        return;
    }
    if (max_rows < 6) return;
    switch (mr) {
    case 4:
        tile(4, nv, tail, t);
        return;
    case 5:
        tile(5, nv, tail, t);
        return;
    case 6:
        tile(6, nv, tail, t);
        return;
    }
    if (max_rows < 8) return;
    switch (mr) {
    case 7:
        tile(7, nv, tail, t);
        return;
    case 8:
        tile(8, nv, tail, t);
        return;
    }
    if (max_rows < 12) return;
    switch (mr) {
    case 9:
        tile(9, nv, tail, t);
        return;
    case 10:
        tile(10, nv, tail, t);
        return;
    case 11:
        tile(11, nv, tail, t);
        return;
    case 12:
        tile(12, nv, tail, t);
        return;
    }
}

static void tile_any(int mr, int nv, bool tail, const struct tile_args *t) {
    switch (nv * 2 + tail) {
    case 2:
        tile_rows(mr, 1, SIMD_ROWS_1, false, t);
        return;
    case 3:
        tile_rows(mr, 1, SIMD_ROWS_1, true, t);
        return;
    case 4:
        tile_rows(mr, 2, SIMD_ROWS_2, false, t);
        return;
    case 5:
        tile_rows(mr, 2, SIMD_ROWS_2, true, t);
        return;
    case 6:
        tile_rows(mr, 3, SIMD_ROWS_3, false, t);
        return;
    case 7:
        tile_rows(mr, 3, SIMD_ROWS_3, true, t);
        return;
    case 8:
        tile_rows(mr, 4, SIMD_ROWS_4, false, t);
        return;
    case 9:
        tile_rows(mr, 4, SIMD_ROWS_4, true, t);
        return;
    }
    if (SIMD_ROWS_8 == 0) return;
    switch (nv * 2 + tail) {
    case 10:
        tile(1, 5, false, t);
        return;
    case 11:
        tile(1, 5, true, t);
        return;
    case 12:
        tile(1, 6, false, t);
        return;
    case 13:
        tile(1, 6, true, t);
        return;
    case 14:
        tile(1, 7, false, t);
        return;
    case 15:
        tile(1, 7, true, t);
        return;
    case 16:
        tile(1, 8, false, t);
        return;
    case 17:
        tile(1, 8, true, t);
        return;
    }
}

/* All rows of one panel of nv vectors, in tiles of nearly equal height: a last tile of one row would wait on latency.
 * Each tile also fetches its share of the next panel: measured, 10 % where a row of B is 32 KiB. The first panel's tiles
 * fetch A for one another, the last float of every column or equal steps through the rows: 20 % where A was not in cache. */
static void panel(int m, int nv, bool tail, struct tile_args t) {
    static const int max_rows[9] = {1, SIMD_ROWS_1, SIMD_ROWS_2, SIMD_ROWS_3, SIMD_ROWS_4, 1, 1, 1, 1};
    int left = t.next ? t.k : 0;
    for (int tiles = (m + max_rows[nv] - 1) / max_rows[nv]; tiles > 0; tiles--) {
        int mr = (m + tiles - 1) / tiles, share = (left + tiles - 1) / tiles;
        left -= share;
        for (; share > 0; share--, t.next += t.next_row)
            for (int j = 0; j < nv; j++) _mm_prefetch((const char *)(t.next + 16 * j), _MM_HINT_T1);
        t.soon = t.a + (t.a_row == 1 ? 2 * mr - 1 : mr * t.a_row);
        t.soon_step = !t.fetch || tiles == 1 ? 0 : (long)sizeof *t.a * (t.a_row == 1 ? t.a_col : mr * t.a_row / t.k);
        tile_any(mr, nv, tail, &t);
        t.a += mr * t.a_row;
        t.c += mr * t.ldc;
        m -= mr;
    }
}

/* Copies a panel of B, one vector wide: rows 4 KiB apart would all fall on the same cache sets. */
static void pack_panel(bool tail, struct tile_args *t, float *packed) {
    for (int p = 0; p < t->k; p++)
        v_store(packed + 16 * p, tail ? v_load_m(t->last, t->b + p * t->ldb) : v_load(t->b + p * t->ldb));
    t->b = packed;
    t->ldb = 16;
}

/* All columns of as many rows as share the cache. */
static void gemm_rows(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                      int accumulate, float *c, long ldc) {
    static _Thread_local float packed[GEMM_KBLOCK * 16] __attribute__((aligned(64)));
    int vectors = (n + 15) / 16, most = simd_tile_vectors(m), panels = (vectors + most - 1) / most;
    int k0 = 0;
    do {
        int kb = k - k0 < GEMM_KBLOCK ? k - k0 : GEMM_KBLOCK;
        for (int i = 0, v = 0; i < panels; i++) {
            int nv = (vectors - v + panels - i - 1) / (panels - i), left = n - 16 * v;
            bool tail = left < 16 * nv;
            const float *next = i + 1 < panels ? b + k0 * ldb + 16 * (v + nv) : b + (k0 + kb) * ldb;
            struct tile_args t = {
                .k = kb,
                .a = a + k0 * a_col,
                .a_row = a_row,
                .a_col = a_col,
                .b = b + k0 * ldb + 16 * v,
                .ldb = ldb,
                .c = c + 16 * v,
                .ldc = ldc,
                .add = accumulate || k0 > 0,
                .fetch = m >= PANEL_ROWS && i == 0,
                .last = m_first(left - 16 * (nv - 1)),
                .next = m >= PANEL_ROWS && (ldb >= PANEL_STRIDE || m < 256) && (i + 1 < panels || k0 + kb < k) ? next
                                                                                                               : NULL,
                .next_row = ldb};
            if (SIMD_PACK && nv == 1 && m >= PANEL_ROWS && ldb % 1024 == 0) pack_panel(tail, &t, packed);
            panel(m, nv, tail, t);
            v += nv;
        }
        k0 += GEMM_KBLOCK;
    } while (k0 < k);
}

/* Rows are cut into equal shares of at most CACHED_ROWS: every panel of B reads all of A's block again. */
static void kernel_gemm(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                        int accumulate, float *c, long ldc) {
    if (m <= 0 || n <= 0) return;
    for (int shares = (m + CACHED_ROWS - 1) / CACHED_ROWS; shares > 0; shares--) {
        int rows = (m + shares - 1) / shares;
        gemm_rows(rows, n, k, a, a_row, a_col, b, ldb, accumulate, c, ldc);
        a += rows * a_row;
        c += rows * ldc;
        m -= rows;
    }
}

/* 8 x 8 block through registers. */
SIMD_INLINE void transpose_8x8(const float *src, long lds, float *dst, long ldd) {
    __m256 r[8], s[8];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(src + i * lds)),
                                    _mm_loadu_ps(src + (i + 4) * lds), 1);
        r[i + 4] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(src + i * lds + 4)),
                                        _mm_loadu_ps(src + (i + 4) * lds + 4), 1);
    }
#pragma GCC unroll 2
    for (int h = 0; h < 8; h += 4) {
        s[h] = _mm256_unpacklo_ps(r[h], r[h + 1]);
        s[h + 1] = _mm256_unpackhi_ps(r[h], r[h + 1]);
        s[h + 2] = _mm256_unpacklo_ps(r[h + 2], r[h + 3]);
        s[h + 3] = _mm256_unpackhi_ps(r[h + 2], r[h + 3]);
        _mm256_storeu_ps(dst + h * ldd, _mm256_shuffle_ps(s[h], s[h + 2], 0x44));
        _mm256_storeu_ps(dst + (h + 1) * ldd, _mm256_shuffle_ps(s[h], s[h + 2], 0xee));
        _mm256_storeu_ps(dst + (h + 2) * ldd, _mm256_shuffle_ps(s[h + 1], s[h + 3], 0x44));
        _mm256_storeu_ps(dst + (h + 3) * ldd, _mm256_shuffle_ps(s[h + 1], s[h + 3], 0xee));
    }
}

/* dst[j][i] = src[i][j] for the corner that the 8 x 8 blocks leave. */
static void transpose_plain(int i0, int m, int j0, int n, const float *src, long lds, float *dst, long ldd) {
    for (int i = i0; i < m; i++)
        for (int j = j0; j < n; j++) dst[j * ldd + i] = src[i * lds + j];
}

/* Strips of 16 columns: their source lines and target rows stay in L1 while both are swept. */
static void kernel_transpose(int m, int n, const float *src, long lds, float *dst, long ldd) {
    int m8 = m & ~7, n8 = n & ~7;
    for (int j0 = 0; j0 < n8; j0 += 16)
        for (int i = 0; i < m8; i += 8)
            for (int j = j0; j < n8 && j < j0 + 16; j += 8)
                transpose_8x8(src + i * lds + j, lds, dst + j * ldd + i, ldd);
    transpose_plain(m8, m, 0, n, src, lds, dst, ldd);
    transpose_plain(0, m8, n8, n, src, lds, dst, ldd);
}

#endif
