#include "engine/base/rng.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/sha256.h"
#include "engine/base/status.h"

static uint64_t word_of_hex(const char *hex) {
    char word[17] = {0};
    memcpy(word, hex, 16);
    return strtoull(word, NULL, 16);
}

struct rng rng_open(uint64_t seed, const char *purpose, uint64_t index) {
    char text[256], hex[SHA256_HEX];
    int n = snprintf(text, sizeof text, "%" PRIu64 "/%s/%" PRIu64, seed, purpose, index);
    if (n < 0 || (size_t)n >= sizeof text) BUG("the purpose of a stream is too long");
    sha256_text(text, hex);
    return rng_seed_raw(word_of_hex(hex), word_of_hex(hex + 16));
}

double rng_uniform(struct rng *r) {
    uint64_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

float rng_normal(struct rng *r) {
    /* 1 - u is on (0, 1], where the logarithm is finite. */
    double radius = sqrt(-2 * log(1 - rng_uniform(r)));
    return (float)(radius * cos(2 * M_PI * rng_uniform(r)));
}

/* Fisher and Yates, from the end. */
void rng_shuffle(struct rng *r, int *x, int n) {
    for (int i = n - 1; i > 0; i--) {
        int j = (int)rng_below(r, (uint32_t)i + 1), t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
}
