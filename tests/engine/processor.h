/* What this processor does, asked of it and not of the engine, whose faults are not to be taken for its. */
#ifndef SPILLOVER_TESTS_PROCESSOR_H
#define SPILLOVER_TESTS_PROCESSOR_H

#include <stdbool.h>
#include <stdio.h>
#include <xmmintrin.h>

/* What needs AVX-512 is passed over without it, and says so. */
static inline bool no_avx512(void) {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        return false;
    printf("skip: this CPU has no AVX-512\n");
    return true;
}

/* False in valgrind, whose arithmetic has no such mode: gradients have other last bits there. */
static inline bool flushes_subnormals(void) {
    volatile float tiny = 1e-20f, product; /* nothing moves over the change of modes */
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | _MM_FLUSH_ZERO_ON);
    product = tiny * tiny;
    _mm_setcsr(before);
    return product == 0.0f;
}

#endif
