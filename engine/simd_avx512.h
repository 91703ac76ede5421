/* 16 floats as one zmm register. The same names and the same bits as simd_avx2.h; only a file named *avx512.c may include
 * this header. Fused operations are fused because the caller wrote v_fma: contraction is off. */
#ifndef SPILLOVER_SIMD_AVX512_H
#define SPILLOVER_SIMD_AVX512_H

#include <immintrin.h>

#define SIMD_INLINE static inline __attribute__((always_inline))
#define SIMD_ISA    "avx512"

/* Rows of the GEMM register tile for 1 to 4 vectors: 32 registers hold 24 accumulators. */
enum { SIMD_ROWS_1 = 12, SIMD_ROWS_2 = 12, SIMD_ROWS_3 = 8, SIMD_ROWS_4 = 6, SIMD_ROWS_8 = 1 };

/* As simd_avx2.h has them, chosen on Sapphire Rapids: L1 of 48 KiB, second level of 2 MiB. */
enum { SIMD_COLUMNS_AHEAD = 16 };
enum { SIMD_CACHED_ROWS = 512 };
enum { SIMD_SHARED_SETS = 512 };

struct v16 {
    __m512 x;
};

/* Lanes that take part: the first n. */
struct m16 {
    __mmask16 k;
};

/* 16 doubles. */
struct d16 {
    __m512d lo, hi;
};

/* Widest tile for m rows: at least 8 chains, to cover the latency of an FMA. */
SIMD_INLINE int simd_tile_vectors(int m) {
    return m == 1 ? 8 : 4;
}

SIMD_INLINE struct v16 v_set1(float s) {
    return (struct v16){_mm512_set1_ps(s)};
}
SIMD_INLINE struct v16 v_zero(void) {
    return (struct v16){_mm512_setzero_ps()};
}
SIMD_INLINE struct v16 v_load(const float *p) {
    return (struct v16){_mm512_loadu_ps(p)};
}
SIMD_INLINE void v_store(float *p, struct v16 a) {
    _mm512_storeu_ps(p, a.x);
}

SIMD_INLINE struct m16 m_first(int n) {
    return (struct m16){(__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1u)};
}

/* Lanes outside the mask read as 0 and are not touched in memory. */
SIMD_INLINE struct v16 v_load_m(struct m16 m, const float *p) {
    return (struct v16){_mm512_maskz_loadu_ps(m.k, p)};
}
SIMD_INLINE void v_store_m(struct m16 m, float *p, struct v16 a) {
    _mm512_mask_storeu_ps(p, m.k, a.x);
}
SIMD_INLINE struct v16 v_keep(struct m16 m, struct v16 a) {
    return (struct v16){_mm512_maskz_mov_ps(m.k, a.x)};
}
SIMD_INLINE struct v16 v_select(struct m16 m, struct v16 yes, struct v16 no) {
    return (struct v16){_mm512_mask_blend_ps(m.k, no.x, yes.x)};
}
SIMD_INLINE struct m16 v_less(struct v16 a, struct v16 b) {
    return (struct m16){_mm512_cmp_ps_mask(a.x, b.x, _CMP_LT_OQ)};
}
/* True also where a or b is NaN. */
SIMD_INLINE struct m16 v_not_less_equal(struct v16 a, struct v16 b) {
    return (struct m16){_mm512_cmp_ps_mask(a.x, b.x, _CMP_NLE_UQ)};
}

SIMD_INLINE struct v16 v_add(struct v16 a, struct v16 b) {
    return (struct v16){_mm512_add_ps(a.x, b.x)};
}
SIMD_INLINE struct v16 v_sub(struct v16 a, struct v16 b) {
    return (struct v16){_mm512_sub_ps(a.x, b.x)};
}
SIMD_INLINE struct v16 v_mul(struct v16 a, struct v16 b) {
    return (struct v16){_mm512_mul_ps(a.x, b.x)};
}
SIMD_INLINE struct v16 v_div(struct v16 a, struct v16 b) {
    return (struct v16){_mm512_div_ps(a.x, b.x)};
}
SIMD_INLINE struct v16 v_sqrt(struct v16 a) {
    return (struct v16){_mm512_sqrt_ps(a.x)};
}
/* Where a or b is NaN both return b. */
SIMD_INLINE struct v16 v_max(struct v16 a, struct v16 b) {
    return (struct v16){_mm512_max_ps(a.x, b.x)};
}
SIMD_INLINE struct v16 v_min(struct v16 a, struct v16 b) {
    return (struct v16){_mm512_min_ps(a.x, b.x)};
}
/* a * b + c and c - a * b, rounded once. */
SIMD_INLINE struct v16 v_fma(struct v16 a, struct v16 b, struct v16 c) {
    return (struct v16){_mm512_fmadd_ps(a.x, b.x, c.x)};
}
SIMD_INLINE struct v16 v_fnma(struct v16 a, struct v16 b, struct v16 c) {
    return (struct v16){_mm512_fnmadd_ps(a.x, b.x, c.x)};
}

/* The bits of a plus (the bits of n shifted left by 23): multiplies a by 2^n when n is an integer in magic form. */
SIMD_INLINE struct v16 v_add_exponent(struct v16 a, struct v16 n) {
    __m512i shifted = _mm512_slli_epi32(_mm512_castps_si512(n.x), 23);
    return (struct v16){_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.x), shifted))};
}

SIMD_INLINE __m256 v_low(struct v16 a) {
    return _mm512_castps512_ps256(a.x);
}
SIMD_INLINE __m256 v_high(struct v16 a) {
    return _mm512_extractf32x8_ps(a.x, 1);
}

SIMD_INLINE struct d16 d_zero(void) {
    return (struct d16){_mm512_setzero_pd(), _mm512_setzero_pd()};
}
/* acc + a * a in double, where the square is exact. */
SIMD_INLINE struct d16 d_add_square(struct d16 acc, struct v16 a) {
    __m512d lo = _mm512_cvtps_pd(v_low(a)), hi = _mm512_cvtps_pd(v_high(a));
    return (struct d16){_mm512_fmadd_pd(lo, lo, acc.lo), _mm512_fmadd_pd(hi, hi, acc.hi)};
}
SIMD_INLINE void d_store(double *p, struct d16 a) {
    _mm512_storeu_pd(p, a.lo);
    _mm512_storeu_pd(p + 8, a.hi);
}

#endif
