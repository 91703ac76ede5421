/* Numbers as files store them, little-endian, and their exact widening to float. */
#ifndef SPILLOVER_DTYPE_H
#define SPILLOVER_DTYPE_H

#include <stdint.h>
#include <string.h>

enum dtype {
    DTYPE_F32,
    DTYPE_F16,  /* IEEE 754 binary16 */
    DTYPE_BF16, /* the upper half of a binary32 */
};

static inline float dtype_widen_f16(uint16_t h) {
    uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = h >> 10 & 31, mantissa = h & 1023, bits;
    float f;
    if (exponent == 0) { /* subnormal: a multiple of 2^-24, and a normal number as F32 */
        f = (float)mantissa * 0x1p-24f;
        return sign ? -f : f;
    }
    bits = sign | (exponent == 31 ? 255 : exponent + (127 - 15)) << 23 | mantissa << 13;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* The number at p, which need not be aligned. */
static inline float dtype_load(enum dtype type, const unsigned char *p) {
    float f;
    if (type == DTYPE_F32) {
        memcpy(&f, p, sizeof f);
        return f;
    }
    uint16_t h = (uint16_t)(p[0] | p[1] << 8);
    if (type == DTYPE_F16) return dtype_widen_f16(h);
    uint32_t bits = (uint32_t)h << 16;
    memcpy(&f, &bits, sizeof f);
    return f;
}

#endif
