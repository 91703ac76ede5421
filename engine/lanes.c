#include "engine/lanes.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "engine/kernels.h"

/* Floats that one thread adds at a time: a few of each lane's fit in the second-level cache. */
enum { PIECE = 1 << 14 };

struct worker {
    struct lanes *lanes;
    pthread_t thread;
    int index; /* 1 .. threads - 1; the caller is 0 */
};

/* Workers wait for a new turn, run their share, and count themselves out. */
struct lanes_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct worker worker[LANES_MAX];
    long turn;
    int running, started;
    bool closing;
    void (*share)(struct lanes *l, int thread);
    void (*shard)(void *ctx, int lane, int i);
    void *ctx;
    int shards;
};

static void run_lanes(struct lanes *l, int thread) {
    const struct lanes_pool *p = l->pool;
    for (int k = thread; k < l->n; k += l->threads)
        for (int i = k; i < p->shards; i += l->n) p->shard(p->ctx, k, i);
}

/* Adds up every threads-th piece of the gradients; a float's sum does not depend on who makes it. */
static void reduce(struct lanes *l, int thread) {
    for (long at = (long)thread * PIECE; at < l->size; at += (long)l->threads * PIECE) {
        const long n = l->size - at < PIECE ? l->size - at : PIECE;
        for (int k = 1; k < l->n; k++) {
            K->add(n, l->g[k] + at, l->g[0] + at);
            memset(l->g[k] + at, 0, (size_t)n * sizeof(float));
        }
    }
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct lanes_pool *p = w->lanes->pool;
    long seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->turn == seen && !p->closing) pthread_cond_wait(&p->changed, &p->lock);
        if (p->closing) break;
        seen = p->turn;
        pthread_mutex_unlock(&p->lock);
        p->share(w->lanes, w->index);
        pthread_mutex_lock(&p->lock);
        if (--p->running == 0) pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void everyone(struct lanes *l, void (*share)(struct lanes *l, int thread)) {
    struct lanes_pool *p = l->pool;
    pthread_mutex_lock(&p->lock);
    p->share = share;
    p->running = p->started;
    p->turn++;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    share(l, 0);
    pthread_mutex_lock(&p->lock);
    while (p->running > 0) pthread_cond_wait(&p->changed, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

enum status lanes_open(struct lanes *l, struct arena *a, int n, int threads, long size) {
    if (n < 1 || n > LANES_MAX) BUG("%d lanes", n);
    *l = (struct lanes){.n = n, .threads = threads > n ? n : threads < 1 ? 1 : threads, .size = size};
    struct lanes_pool *p = l->pool = ARENA_NEW(a, struct lanes_pool, 1);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    for (int i = 1; i < l->threads; i++) {
        p->worker[i] = (struct worker){.lanes = l, .index = i};
        int failed = pthread_create(&p->worker[i].thread, NULL, work, &p->worker[i]);
        if (failed) {
            lanes_close(l);
            errno = failed;
            return status_errno("a thread for a gradient lane");
        }
        p->started++;
    }
    return ST_OK;
}

void lanes_close(struct lanes *l) {
    struct lanes_pool *p = l->pool;
    pthread_mutex_lock(&p->lock);
    p->closing = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (int i = 1; i <= p->started; i++) pthread_join(p->worker[i].thread, NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
}

void lanes_run(struct lanes *l, int shards, void (*shard)(void *ctx, int lane, int i), void *ctx) {
    struct lanes_pool *p = l->pool;
    p->shard = shard;
    p->ctx = ctx;
    p->shards = shards;
    everyone(l, run_lanes);
    if (l->n > 1) everyone(l, reduce);
}
