// The door to pcg-cpp: a pcg32 is put together from the two stored words, used once, and read back.
#include <pcg_random.hpp>

extern "C" {
#include "engine/base/rng.h"
}

namespace {

class door : public pcg32 {
  public:
    explicit door(const rng &r) {
        state_ = r.state;
        inc_ = r.inc;
    }
    door(uint64_t state, uint64_t stream) : pcg32(state, stream) {}
    rng words() const { return {state_, inc_}; }
};

} // namespace

struct rng rng_seed_raw(uint64_t state, uint64_t stream) {
    return door(state, stream).words();
}

uint32_t rng_u32(struct rng *r) {
    door d(*r);
    uint32_t x = d();
    *r = d.words();
    return x;
}

uint32_t rng_below(struct rng *r, uint32_t n) {
    door d(*r);
    uint32_t x = d(n);
    *r = d.words();
    return x;
}
