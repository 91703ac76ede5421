/* The kernels for AVX-512 (F, DQ, BW, VL): run only where gemm_open chose them. */
#include "engine/kernels.h"
#include "engine/simd_avx512.h"

#include "engine/kernels_attend_body.h"
#include "engine/kernels_body.h"
#include "engine/kernels_gemm_body.h"

#define KERNELS_NAME kernels_avx512
#include "engine/kernels_table.h"
