/* Subnormal floats (below 1.2e-38) count as 0 while a gradient is computed.
 *
 * A probability that is all but 0 leaves gradients of that size, and an operation on one takes Intel's cores over a
 * hundred cycles: confident models trained several times slower (a symbolic ProsQA question in triplets: 70 updates a
 * minute, not 370). No weight sees them: AdamW's quotient of such a gradient is far below a weight's last bit. The forward
 * pass keeps them, so that a probability has the same bits in training and in inference.
 */
#ifndef SPILLOVER_SUBNORMAL_H
#define SPILLOVER_SUBNORMAL_H

#include <pmmintrin.h>

/* From here on, in this thread: operands and results alike. Returns what was before. */
static inline unsigned subnormal_flush(void) {
    const unsigned before = _mm_getcsr();
    _mm_setcsr(before | _MM_DENORMALS_ZERO_ON | _MM_FLUSH_ZERO_ON);
    return before;
}

static inline void subnormal_restore(unsigned before) {
    _mm_setcsr(before);
}

#endif
