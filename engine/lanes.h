/* Gradient lanes: the shards of one step on several threads, with the same bits for any number of them.
 *
 *   shard    0  1  2  3  4  5        lane k runs shards k, k + n, k + 2n, ... in order, on a tape of its own,
 *   lane     0  1  2  0  1  2        into a gradient of its own; gradients are then added lane by lane.
 *
 * The number of lanes is part of the configuration (it fixes the order of the sum); the number of threads is not.
 */
#ifndef SPILLOVER_LANES_H
#define SPILLOVER_LANES_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

enum { LANES_MAX = 16 };

struct lanes_pool;

struct lanes {
    int n, threads;
    float *g[LANES_MAX]; /* [size] the lanes' gradients: the caller's */
    long size;
    struct lanes_pool *pool;
};

/* n lanes on up to `threads` threads, whose gradients of `size` floats the caller names in l->g before the first run.
 * Memory is the arena's; lanes_close ends the threads. ST_FAILED when a thread cannot be started. */
MUST_USE enum status lanes_open(struct lanes *l, struct arena *a, int n, int threads, long size);
void lanes_close(struct lanes *l);

/* Call shard(ctx, lane, i) for i < shards. It adds into l->g[lane] and touches nothing that other lanes touch. Behind it
 * g[0] holds the sum and the other gradients are zero. */
void lanes_run(struct lanes *l, int shards, void (*shard)(void *ctx, int lane, int i), void *ctx);

#endif
