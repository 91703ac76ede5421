/* Spoilt copies of a file, drawn from a fixed stream: what a reader has to refuse, or to read without harm. */
#ifndef SPILLOVER_TESTS_SPOIL_H
#define SPILLOVER_TESTS_SPOIL_H

#include <stddef.h>
#include <stdint.h>

/* The i-th copy, in place: one to three of bytes[size] have a bit flipped or, one in four, become what another byte is.
 * *state is that of Knuth's MMIX generator. */
static inline void spoil(char *bytes, size_t size, int i, uint64_t *state) {
    for (int k = 0; k <= i % 3; k++) {
        *state = *state * 6364136223846793005 + 1442695040888963407;
        const size_t at = (*state >> 33) % size;
        bytes[at] = (*state >> 20 & 3) == 0 ? bytes[(*state >> 40) % size] : (char)(bytes[at] ^ 1 << (*state >> 61));
    }
}

#endif
