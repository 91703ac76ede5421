/* The one door to matrix multiplication.
 *
 *   C[m][n] = beta * C + A[m][k] * B[k][n],  beta in {0, 1}, f32
 *
 * A is read through two strides (a_row, a_col), so A and A-transposed are the same call; B and C are row-major with
 * leading dimensions ldb, ldc. A transposed B is packed by the caller (gemm_transpose) or kept transposed.
 *
 * Arithmetic, portable mode: every element of C is an FMA chain over k in order, in blocks of GEMM_KBLOCK, each block
 * accumulated from zero and then added to C. This fixes the bits for every kernel, instruction set, and number of rows;
 * the own kernel and BLIS (sup path off, k cut to GEMM_KBLOCK) both obey it, and a test proves it.
 * Native mode hands BLIS its shapes whole: same speed class, other bits.
 */
#ifndef SPILLOVER_GEMM_H
#define SPILLOVER_GEMM_H

#include <stdbool.h>

#include "engine/base/status.h"

enum { GEMM_KBLOCK = 256 };

enum gemm_backend {
    GEMM_AUTO, /* own kernel, or BLIS where it measured faster */
    GEMM_BLIS, /* BLIS alone */
};

enum numeric_mode { NUMERIC_PORTABLE, NUMERIC_NATIVE };

/* Choose instruction set (CPUID, or SPILLOVER_ISA=avx2), the BLIS kernel that goes with it, the backend and the mode.
 * Once per process, before the first other call. ST_FAILED on a CPU without AVX2 and FMA, with the reason. */
MUST_USE enum status gemm_open(enum gemm_backend backend, enum numeric_mode mode);

/* What was chosen, for the manifest: "skx", "haswell"; "avx512", "avx2"; BLIS version; threading of the linked BLIS. */
const char *gemm_blis_arch(void);
const char *gemm_isa(void);
const char *gemm_blis_version(void);
const char *gemm_blis_threading(void);
enum numeric_mode gemm_mode(void);

void gemm(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb, bool accumulate,
          float *c, long ldc);

/* dst[n][m] = transpose of src[m][n]; leading dimensions given. */
void gemm_transpose(int m, int n, const float *src, long lds, float *dst, long ldd);

#endif
