/* Dispatch of matrix multiplication, and the only file that knows BLIS.
 *
 * BLIS picks its kernels by CPUID and falls back to scalar code on a CPU newer than itself, so the choice is made here and
 * told to it through BLIS_ARCH_TYPE, which it reads at its first call. */
#include "engine/gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <blis.h>

#include "engine/kernels.h"

const struct kernels *K;

static struct {
    struct kernels kernels; /* of this CPU, with the products of the backend */
    enum numeric_mode mode;
    rntm_t runtime; /* copied for each call: BLIS writes into it */
} state;

static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

const char *gemm_blis_arch(void) {
    return bli_arch_string(bli_arch_query_id());
}
const char *gemm_isa(void) {
    return K ? K->isa : "none";
}
const char *gemm_blis_version(void) {
    return bli_info_get_version_str();
}
const char *gemm_blis_threading(void) {
    return bli_info_get_enable_openmp() ? "openmp" : bli_info_get_enable_pthreads() ? "pthreads" : "serial";
}
enum numeric_mode gemm_mode(void) {
    return state.mode;
}

static void blis_call(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                      bool accumulate, float *c, long ldc) {
    static float one = 1.0f, zero = 0.0f;
    rntm_t runtime = state.runtime;
    /* BLIS takes non-const pointers and writes through c alone. */
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, m, n, k, &one, (float *)a, a_row, a_col, (float *)b, ldb, 1,
                 accumulate ? &one : &zero, c, ldc, 1, NULL, &runtime);
}

static void blis_gemm(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                      int accumulate, float *c, long ldc) {
    int block = state.mode == NUMERIC_PORTABLE ? GEMM_KBLOCK : k;
    int k0 = 0;
    do {
        int kb = k - k0 < block ? k - k0 : block;
        blis_call(m, n, kb, a + k0 * a_col, a_row, a_col, b + k0 * ldb, ldb, accumulate || k0 > 0, c, ldc);
        k0 += block;
    } while (k0 < k);
}

/* AVX2, and the one case in which its own kernel lost: 16 registers, and an A of whose rows, or columns where it is
 * transposed, 4 KiB apart, few fit into the sets that they share. BLIS packs A (transposed, Zen 5: 88 GFLOP/s against 112,
 * Zen 3: 65 against 82; by rows, Zen 3: 79 to 83 against 86 to 90). With AVX-512 the own kernel won or drew everywhere. */
static void narrow_gemm(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                        int accumulate, float *c, long ldc) {
    const bool transposed = a_row == 1, shared_sets = (transposed ? a_col : a_row) % 1024 == 0;
    if (shared_sets && m >= (transposed ? 64 : 256) && n >= 64 && k >= 64)
        blis_gemm(m, n, k, a, a_row, a_col, b, ldb, accumulate, c, ldc);
    else
        kernels_avx2.gemm(m, n, k, a, a_row, a_col, b, ldb, accumulate, c, ldc);
}

enum status gemm_open(enum gemm_backend backend, enum numeric_mode mode) {
    const char *isa = getenv("SPILLOVER_ISA");
    if (!has_avx2()) return status_set(ST_FAILED, "this CPU lacks AVX2 or FMA, which spillover needs");
    if (isa && *isa && strcmp(isa, "avx2") != 0 && strcmp(isa, "avx512") != 0)
        return status_set(ST_USAGE, "SPILLOVER_ISA=%s: known are avx2 and avx512", isa);
    if (isa && strcmp(isa, "avx512") == 0 && !has_avx512())
        return status_set(ST_FAILED, "SPILLOVER_ISA=avx512, but this CPU lacks AVX-512 F, DQ, BW or VL");
    bool wide = has_avx512() && !(isa && strcmp(isa, "avx2") == 0);
    /* The number, not the name: BLIS 0.9 reads a name as 0. */
    if (setenv("BLIS_ARCH_TYPE", wide ? "0" : "3", 1) != 0) return status_errno("BLIS_ARCH_TYPE");
    bli_init();
    const char *want = wide ? "skx" : "haswell";
    if (strcmp(gemm_blis_arch(), want) != 0)
        return status_set(ST_FAILED, "BLIS chose the %s kernels where %s was asked", gemm_blis_arch(), want);
    state.kernels = wide ? kernels_avx512 : kernels_avx2;
    if (backend == GEMM_BLIS)
        state.kernels.gemm = blis_gemm;
    else if (!wide)
        state.kernels.gemm = narrow_gemm;
    K = &state.kernels;
    state.mode = mode;
    bli_rntm_init_from_global(&state.runtime);
    if (mode == NUMERIC_PORTABLE) bli_rntm_disable_l3_sup(&state.runtime);
    return ST_OK;
}

void gemm(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb, bool accumulate,
          float *c, long ldc) {
    K->gemm(m, n, k, a, a_row, a_col, b, ldb, accumulate, c, ldc);
}

void gemm_transpose(int m, int n, const float *src, long lds, float *dst, long ldd) {
    K->transpose(m, n, src, lds, dst, ldd);
}
