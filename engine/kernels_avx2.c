/* The kernels for AVX2 and FMA. */
#include "engine/kernels.h"
#include "engine/simd_avx2.h"

#include "engine/kernels_attend_body.h"
#include "engine/kernels_body.h"
#include "engine/kernels_gemm_body.h"

#define KERNELS_NAME kernels_avx2
#include "engine/kernels_table.h"
