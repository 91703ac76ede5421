/* Random streams: PCG32 (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms"),
 * through the pcg-cpp library.
 *
 * Every consumer opens a stream of its own from (seed, purpose, index): one more draw in one place moves nothing
 * elsewhere. The two words of state can be stored and restored bit for bit.
 */
#ifndef SPILLOVER_RNG_H
#define SPILLOVER_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state, inc;
};

/* Stream for a purpose ("init", "batch", "sample", ...). Equal arguments give equal streams; the (state, stream) pair
 * is derived by SHA-256 of "seed/purpose/index", so streams of different purposes are unrelated. */
struct rng rng_open(uint64_t seed, const char *purpose, uint64_t index);

/* Raw PCG32 seeding, for known-answer tests: pcg32(42, 54). */
struct rng rng_seed_raw(uint64_t state, uint64_t stream);

uint32_t rng_u32(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n); /* uniform on [0, n), unbiased; n >= 1 */
double rng_uniform(struct rng *r);             /* uniform on [0, 1), 53 bits, two draws */
float rng_normal(struct rng *r);               /* standard normal (Box-Muller, cosine half), four draws */
void rng_shuffle(struct rng *r, int *x, int n);

#endif
