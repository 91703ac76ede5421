/* Matrix multiplication and transposition over the 16-lane vector of the simd header included before this one.
 *
 * The portable arithmetic of gemm.h: each element of C is one FMA chain in k order per block of GEMM_KBLOCK, so neither
 * the tile nor the number of rows or columns can move a bit. The tile is mr rows by nv vectors of C held in registers; A
 * is read by broadcasts, and B in place (its rows are already vectors) or, where many rows share it, from a copy in L1.
 */
#ifndef SPILLOVER_KERNELS_GEMM_BODY_H
#define SPILLOVER_KERNELS_GEMM_BODY_H

#include <stdbool.h>

#include "engine/gemm.h"
#include "engine/kernels_body.h"

/* Fewer rows do not repay fetching ahead, and a shorter row of B (4 KiB) the hardware fetches well itself. */
enum { PANEL_ROWS = 32, PANEL_STRIDE = 1024 };
/* A copy of B is repaid by as many rows where its own are as long or share cache sets, and by PANEL_ROWS where they are
 * 4 KiB apart. */
enum { PACKED_ROWS = 128, PACKED_STRIDE = 512 };
enum { PACKED_FLOATS = 8192, MOST_VECTORS = 4 }; /* 32 KiB: a part of a panel that stays in L1 */

struct tile_args {
    int k;
    const float *a;
    long a_row, a_col;
    const float *b;
    long ldb;
    float *c;
    long ldc;
    bool add;            /* C += instead of C = */
    const float *so_far; /* [mr][so_far_row] what the chains go on from, or NULL: from 0 */
    long so_far_row;
    const float *soon; /* asked for step by step, soon_step bytes apart: what will be read of A */
    long soon_step;
    struct m16 last;   /* lanes of the last vector */
    bool fetch;        /* A comes from afar: tiles ask for the next one's */
    const float *next; /* the panel of B that follows, or NULL */
    long next_row;
};

/* Only packed_panel has chains that wait, where a panel of GEMM_KBLOCK does not fit, and PANEL_ROWS or more rows are cut
 * into tiles of at least three quarters of the greatest height. The other tiles need not ask. */
_Static_assert(PANEL_ROWS >= 32, "heights of tiles");
SIMD_INLINE bool may_wait(const int mr, const int nv, const int max_rows) {
    return 16 * nv * GEMM_KBLOCK > PACKED_FLOATS && mr > 1 && 4 * mr >= 3 * max_rows;
}

/* mr, nv, max_rows and tail are constants at every call: the loops over them unroll and acc lives in registers. */
SIMD_INLINE void tile(const int mr, const int nv, const int max_rows, const bool tail, const struct tile_args *t) {
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
    if (may_wait(mr, nv, max_rows) && t->so_far)
#pragma GCC unroll 12
        for (int i = 0; i < mr; i++)
#pragma GCC unroll 8
            for (int j = 0; j < nv; j++) acc[i][j] = v_load(t->so_far + i * t->so_far_row + 16 * j);
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
    if (mr == 1) tile(1, nv, max_rows, tail, t);
    if (max_rows < 3) return;
    switch (mr) {
    case 2:
        tile(2, nv, max_rows, tail, t);
        return;
    case 3:
        tile(3, nv, max_rows, tail, t);
        return;
    }
    if (max_rows < 6) return;
    switch (mr) {
    case 4:
        tile(4, nv, max_rows, tail, t);
        return;
    case 5:
        tile(5, nv, max_rows, tail, t);
        return;
    case 6:
        tile(6, nv, max_rows, tail, t);
        return;
    }
    if (max_rows < 8) return;
    switch (mr) {
    case 7:
        tile(7, nv, max_rows, tail, t);
        return;
    case 8:
        tile(8, nv, max_rows, tail, t);
        return;
    }
    if (max_rows < 12) return;
    switch (mr) {
    case 9:
        tile(9, nv, max_rows, tail, t);
        return;
    case 10:
        tile(10, nv, max_rows, tail, t);
        return;
    case 11:
        tile(11, nv, max_rows, tail, t);
        return;
    case 12:
        tile(12, nv, max_rows, tail, t);
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
        tile(1, 5, 1, false, t);
        return;
    case 11:
        tile(1, 5, 1, true, t);
        return;
    case 12:
        tile(1, 6, 1, false, t);
        return;
    case 13:
        tile(1, 6, 1, true, t);
        return;
    case 14:
        tile(1, 7, 1, false, t);
        return;
    case 15:
        tile(1, 7, 1, true, t);
        return;
    case 16:
        tile(1, 8, 1, false, t);
        return;
    case 17:
        tile(1, 8, 1, true, t);
        return;
    }
}

/* All rows of one panel of nv vectors, in tiles of nearly equal height: a last tile of one row would wait on latency.
 * Each tile also fetches what the next one will write (measured: 3 to 6 % where C was not in cache), and its share of the
 * next panel (10 % where a row of B is 32 KiB). The first panel's tiles fetch A for one another, the last float of every
 * column or equal steps through the rows: 20 % where A was not in cache. */
static void panel(int m, int nv, bool tail, struct tile_args t) {
    static const int max_rows[9] = {1, SIMD_ROWS_1, SIMD_ROWS_2, SIMD_ROWS_3, SIMD_ROWS_4, 1, 1, 1, 1};
    int left = t.next ? t.k : 0;
    for (int tiles = (m + max_rows[nv] - 1) / max_rows[nv]; tiles > 0; tiles--) {
        int mr = (m + tiles - 1) / tiles, share = (left + tiles - 1) / tiles;
        left -= share;
        for (; share > 0; share--, t.next += t.next_row)
            for (int j = 0; j < nv; j++) _mm_prefetch((const char *)(t.next + 16 * j), _MM_HINT_T1);
        t.soon = t.a + (t.a_row != 1 ? mr * t.a_row : t.fetch ? 2 * mr - 1 : SIMD_COLUMNS_AHEAD * t.a_col + mr - 1);
        t.soon_step = (long)sizeof *t.a * (t.a_row == 1                      ? t.a_col
                                           : t.fetch && tiles > 1 && t.k > 0 ? mr * t.a_row / t.k
                                                                             : 0); /* k 0: no step is taken */
        for (int i = mr; i < 2 * mr && tiles > 1; i++)
            for (int j = 0; j < nv; j++) _mm_prefetch((const char *)(t.c + i * t.ldc + 16 * j), _MM_HINT_T0);
        tile_any(mr, nv, tail, &t);
        t.a += mr * t.a_row;
        t.c += mr * t.ldc;
        if (t.so_far) t.so_far += mr * t.so_far_row;
        m -= mr;
    }
}

/* Copies a panel of B: its rows become neighbours, with 0 behind the last column. */
static void pack(int nv, bool tail, struct tile_args *t, float *packed) {
    for (int p = 0; p < t->k; p++)
        for (int j = 0; j < nv; j++) {
            const float *b = t->b + p * t->ldb + 16 * j;
            v_store(packed + 16 * (nv * p + j), get(!(tail && j == nv - 1), t->last, b));
        }
    t->b = packed;
    t->ldb = 16 * nv;
}

/* The panel in parts of k, each copied to where it stays in L1; chains wait in `waiting` between two parts, so that C
 * is touched once. Measured (Sapphire Rapids): 5 to 20 % over B in place, most where its rows are long. */
static void packed_panel(int m, int nv, bool tail, struct tile_args t) {
    static _Thread_local float packed[PACKED_FLOATS] __attribute__((aligned(64)));
    static _Thread_local float waiting[SIMD_CACHED_ROWS * MOST_VECTORS * 16] __attribute__((aligned(64)));
    const int most = PACKED_FLOATS / (16 * nv);
    t.so_far_row = 16 * nv;
    for (int k = t.k, parts = k > 0 ? (k + most - 1) / most : 1; parts > 0; parts--) {
        struct tile_args part = t;
        part.k = (k + parts - 1) / parts;
        if (parts > 1) {
            part.c = waiting;
            part.ldc = t.so_far_row;
            part.add = false;
        }
        pack(nv, tail, &part, packed);
        panel(m, nv, tail && parts == 1, part);
        t.so_far = waiting;
        t.a += part.k * t.a_col;
        t.b += part.k * t.ldb;
        if (t.next) t.next += part.k * t.next_row;
        k -= part.k;
    }
}

static bool repays_copy(int m, long ldb) {
    return m >= PACKED_ROWS ? ldb >= PACKED_STRIDE || ldb % SIMD_SHARED_SETS == 0 : m >= PANEL_ROWS && ldb % 1024 == 0;
}

/* All columns of as many rows as share the cache. */
static void gemm_rows(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                      int accumulate, float *c, long ldc) {
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
            if (repays_copy(m, ldb))
                packed_panel(m, nv, tail, t);
            else
                panel(m, nv, tail, t);
            v += nv;
        }
        k0 += GEMM_KBLOCK;
    } while (k0 < k);
}

/* Rows are cut into equal shares of at most SIMD_CACHED_ROWS: every panel of B reads all of A's block again. */
static void kernel_gemm(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                        int accumulate, float *c, long ldc) {
    if (m <= 0 || n <= 0) return;
    for (int shares = (m + SIMD_CACHED_ROWS - 1) / SIMD_CACHED_ROWS; shares > 0; shares--) {
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

/* Strips of 16 columns: their source lines and target rows stay in L1 while both are swept. Where 8 does not divide, the
 * last block lies over the one before it and writes some of it again. */
static void kernel_transpose(int m, int n, const float *src, long lds, float *dst, long ldd) {
    if (m < 8 || n < 8) {
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) dst[j * ldd + i] = src[i * lds + j];
        return;
    }
    for (int strip = 0; strip < n; strip += 16)
        for (int row = 0; row < m; row += 8)
            for (int column = strip; column < n && column < strip + 16; column += 8) {
                const int i = row < m - 8 ? row : m - 8, j = column < n - 8 ? column : n - 8;
                transpose_8x8(src + i * lds + j, lds, dst + j * ldd + i, ldd);
            }
}

#endif
