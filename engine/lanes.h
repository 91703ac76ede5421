/* Gradient lanes: the shards of one step on several threads, with the same bits for any number of them.
 *
 *   shard    0  1  2  3  4  5        lane k runs shards k, k + n, k + 2n, ... in order, on its own tape,
 *   lane     0  1  2  0  1  2        into its own gradient; gradients are then added lane by lane.
 *
 * The number of lanes is part of the configuration (it fixes the order of the sum); the number of threads is not.
 */
#ifndef SPILLOVER_LANES_H
#define SPILLOVER_LANES_H

#include "engine/tape.h"

enum { LANES_MAX = 16 };

struct lane {
    struct tape tape;
    struct head head;
    float *g; /* gradient of this lane, the model's layout */
    struct gpt_views gv;
};

struct lanes_pool;

struct lanes {
    int n, threads;
    struct lane lane[LANES_MAX];
    long size; /* floats in a gradient */
    struct lanes_pool *pool;
};

/* n lanes on up to `threads` threads, each with a TAPE_TRAIN tape of B rows and T positions and a head of `capacity`
 * lines. Memory is the arena's; lanes_close ends the threads. ST_FAILED when a thread cannot be started. */
MUST_USE enum status lanes_open(struct lanes *l, struct arena *a, const struct gpt *gpt, int n, int threads, int B,
                                int T, int thoughts, int capacity);
void lanes_close(struct lanes *l);

/* Call shard(ctx, lane, i) for i < shards. It adds into lane->g and touches nothing that other shards touch. Behind it
 * lane[0].g holds the sum and the other gradients are zero. */
void lanes_run(struct lanes *l, int shards, void (*shard)(void *ctx, struct lane *lane, int i), void *ctx);

#endif
