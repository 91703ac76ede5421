/* For valgrind alone, whose build includes this first: the version in Debian 12 computes every lane of a fused operation in
 * software, two hundred times slower than the processor, and a suite that trains a model did not end in half an hour.
 * Rounding twice moves last bits; what a suite reads, writes and allocates stays the same. */
#ifndef SPILLOVER_UNFUSED_H
#define SPILLOVER_UNFUSED_H

#include <immintrin.h>

#define _mm256_fmadd_ps(a, b, c)  _mm256_add_ps(_mm256_mul_ps(a, b), c)
#define _mm256_fnmadd_ps(a, b, c) _mm256_sub_ps(c, _mm256_mul_ps(a, b))
#define _mm256_fmadd_pd(a, b, c)  _mm256_add_pd(_mm256_mul_pd(a, b), c)

#endif
