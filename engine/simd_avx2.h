/* 16 floats as two ymm registers. The same names and the same bits as simd_avx512.h. Fused operations are fused because
 * the caller wrote v_fma: contraction is off. */
#ifndef SPILLOVER_SIMD_AVX2_H
#define SPILLOVER_SIMD_AVX2_H

#include <immintrin.h>

#define SIMD_INLINE static inline __attribute__((always_inline))
#define SIMD_ISA    "avx2"

/* Rows of the GEMM register tile for 1 to 4 vectors: 16 registers hold 12 accumulators, two to a vector. */
enum { SIMD_ROWS_1 = 6, SIMD_ROWS_2 = 3, SIMD_ROWS_3 = 1, SIMD_ROWS_4 = 1, SIMD_ROWS_8 = 0 };

/* Columns of a transposed A, each on another line, that a tile asks for ahead. Those of a matrix whose rows are 2 KiB or
 * longer share so few sets of L1 that 16 at once push one another out (Zen 3: 3 columns are 2 to 22 % faster). */
enum { SIMD_COLUMNS_AHEAD = 3 };
/* Rows of A that are taken through all panels of B: 256 KiB of a second level of 512 (Zen 3: 1 to 10 % over 512 rows). */
enum { SIMD_CACHED_ROWS = 256 };
/* Rows of B a multiple of so many floats apart share sets of L1: the panel is copied (Zen 3: 3 to 24 % at 128 and 256). */
enum { SIMD_SHARED_SETS = 128 };

struct v16 {
    __m256 lo, hi;
};

/* Lanes that take part: all ones or all zeros. */
struct m16 {
    __m256i lo, hi;
};

/* 16 doubles. */
struct d16 {
    __m256d q[4];
};

/* Widest tile for m rows: at least 8 chains, to cover the latency of an FMA. */
SIMD_INLINE int simd_tile_vectors(int m) {
    return m == 1 ? 4 : m <= 3 ? 2 : 1;
}

SIMD_INLINE struct v16 v_set1(float s) {
    return (struct v16){_mm256_set1_ps(s), _mm256_set1_ps(s)};
}
SIMD_INLINE struct v16 v_zero(void) {
    return (struct v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}
SIMD_INLINE struct v16 v_load(const float *p) {
    return (struct v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
SIMD_INLINE void v_store(float *p, struct v16 a) {
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
}

SIMD_INLINE struct m16 m_first(int n) {
    __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7), count = _mm256_set1_epi32(n);
    return (struct m16){_mm256_cmpgt_epi32(count, at),
                        _mm256_cmpgt_epi32(count, _mm256_add_epi32(at, _mm256_set1_epi32(8)))};
}

/* Lanes outside the mask read as 0 and are not touched in memory. */
SIMD_INLINE struct v16 v_load_m(struct m16 m, const float *p) {
    return (struct v16){_mm256_maskload_ps(p, m.lo), _mm256_maskload_ps(p + 8, m.hi)};
}
SIMD_INLINE void v_store_m(struct m16 m, float *p, struct v16 a) {
    _mm256_maskstore_ps(p, m.lo, a.lo);
    _mm256_maskstore_ps(p + 8, m.hi, a.hi);
}
SIMD_INLINE struct v16 v_keep(struct m16 m, struct v16 a) {
    return (struct v16){_mm256_and_ps(_mm256_castsi256_ps(m.lo), a.lo), _mm256_and_ps(_mm256_castsi256_ps(m.hi), a.hi)};
}
SIMD_INLINE struct v16 v_select(struct m16 m, struct v16 yes, struct v16 no) {
    return (struct v16){_mm256_blendv_ps(no.lo, yes.lo, _mm256_castsi256_ps(m.lo)),
                        _mm256_blendv_ps(no.hi, yes.hi, _mm256_castsi256_ps(m.hi))};
}
SIMD_INLINE struct m16 v_less(struct v16 a, struct v16 b) {
    return (struct m16){_mm256_castps_si256(_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
                        _mm256_castps_si256(_mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
}
/* True also where a or b is NaN. */
SIMD_INLINE struct m16 v_not_less_equal(struct v16 a, struct v16 b) {
    return (struct m16){_mm256_castps_si256(_mm256_cmp_ps(a.lo, b.lo, _CMP_NLE_UQ)),
                        _mm256_castps_si256(_mm256_cmp_ps(a.hi, b.hi, _CMP_NLE_UQ))};
}

SIMD_INLINE struct v16 v_add(struct v16 a, struct v16 b) {
    return (struct v16){_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
SIMD_INLINE struct v16 v_sub(struct v16 a, struct v16 b) {
    return (struct v16){_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
SIMD_INLINE struct v16 v_mul(struct v16 a, struct v16 b) {
    return (struct v16){_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
SIMD_INLINE struct v16 v_div(struct v16 a, struct v16 b) {
    return (struct v16){_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
SIMD_INLINE struct v16 v_sqrt(struct v16 a) {
    return (struct v16){_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)};
}
/* Where a or b is NaN both return b. */
SIMD_INLINE struct v16 v_max(struct v16 a, struct v16 b) {
    return (struct v16){_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
SIMD_INLINE struct v16 v_min(struct v16 a, struct v16 b) {
    return (struct v16){_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
/* a * b + c and c - a * b, rounded once. */
SIMD_INLINE struct v16 v_fma(struct v16 a, struct v16 b, struct v16 c) {
    return (struct v16){_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
SIMD_INLINE struct v16 v_fnma(struct v16 a, struct v16 b, struct v16 c) {
    return (struct v16){_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}

/* The bits of a plus (the bits of n shifted left by 23): multiplies a by 2^n when n is an integer in magic form. */
SIMD_INLINE __m256 v_add_exponent_half(__m256 a, __m256 n) {
    __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), shifted));
}
SIMD_INLINE struct v16 v_add_exponent(struct v16 a, struct v16 n) {
    return (struct v16){v_add_exponent_half(a.lo, n.lo), v_add_exponent_half(a.hi, n.hi)};
}

SIMD_INLINE __m256 v_low(struct v16 a) {
    return a.lo;
}
SIMD_INLINE __m256 v_high(struct v16 a) {
    return a.hi;
}

SIMD_INLINE struct d16 d_zero(void) {
    __m256d z = _mm256_setzero_pd();
    return (struct d16){{z, z, z, z}};
}
SIMD_INLINE __m256d d_add_square_quarter(__m256d acc, __m128 a) {
    __m256d wide = _mm256_cvtps_pd(a);
    return _mm256_fmadd_pd(wide, wide, acc);
}
/* acc + a * a in double, where the square is exact. */
SIMD_INLINE struct d16 d_add_square(struct d16 acc, struct v16 a) {
    return (struct d16){{d_add_square_quarter(acc.q[0], _mm256_castps256_ps128(a.lo)),
                         d_add_square_quarter(acc.q[1], _mm256_extractf128_ps(a.lo, 1)),
                         d_add_square_quarter(acc.q[2], _mm256_castps256_ps128(a.hi)),
                         d_add_square_quarter(acc.q[3], _mm256_extractf128_ps(a.hi, 1))}};
}
SIMD_INLINE void d_store(double *p, struct d16 a) {
    for (int i = 0; i < 4; i++) _mm256_storeu_pd(p + 4 * i, a.q[i]);
}

#endif
