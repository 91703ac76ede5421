#include "metrics/mdl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rng.h"

/* An item with its group's place in the drawn order. */
struct sent {
    int group, place, item;
};

static int by_group(const void *a, const void *b) {
    const struct sent *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return x->item - y->item;
}

static int by_place(const void *a, const void *b) {
    const struct sent *x = a, *y = b;
    if (x->place != y->place) return x->place - y->place;
    return x->item - y->item;
}

/* Items in sending order, whole groups in an order drawn from seed. */
static struct sent *sending_order(struct arena *scratch, int n, const int *group, uint64_t seed) {
    struct sent *sent = ARENA_NEW(scratch, struct sent, n);
    for (int i = 0; i < n; i++) sent[i] = (struct sent){.group = group ? group[i] : i, .item = i};
    qsort(sent, (size_t)n, sizeof *sent, by_group);
    int *places = ARENA_NEW(scratch, int, n), n_groups = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && sent[i].group != sent[i - 1].group) n_groups++;
        sent[i].place = n_groups;
    }
    for (int g = 0; g <= n_groups; g++) places[g] = g;
    struct rng rng = rng_open(seed, "mdl.order", 0);
    rng_shuffle(&rng, places, n_groups + 1);
    for (int i = 0; i < n; i++) sent[i].place = places[sent[i].place];
    qsort(sent, (size_t)n, sizeof *sent, by_place);
    return sent;
}

static void block_ends(struct mdl *out, int n, int K, const struct sent *sent) {
    int end = n / 100 > 4 * K ? n / 100 : 4 * K;
    out->blocks = 0;
    for (;;) {
        if (end > n || out->blocks == MDL_MAX_BLOCKS - 1) end = n;
        while (end < n && sent[end].place == sent[end - 1].place) end++;
        out->end[out->blocks++] = end;
        if (end == n) return;
        end *= 2;
    }
}

enum status mdl_online(struct mdl *out, struct arena *scratch, const struct probe_items *items, const float *mean,
                       const float *scale, const struct probe_options *options) {
    int n = items->n, d = items->d;
    if (n < 8 * items->K) return status_set(ST_DATA, "mdl: %d items are too few for %d classes", n, items->K);
    struct arena_mark mark = arena_mark(scratch);
    *out = (struct mdl){.uniform = n * log2(items->K)};
    const struct sent *sent = sending_order(scratch, n, items->group, options->seed);
    block_ends(out, n, items->K, sent);
    float *X = ARENA_NEW(scratch, float, (size_t)n *d);
    int *y = ARENA_NEW(scratch, int, n), *group = ARENA_NEW(scratch, int, n);
    for (int i = 0; i < n; i++) {
        memcpy(X + (long)i * d, items->X + sent[i].item * items->ld, (size_t)d * sizeof *X);
        y[i] = items->y[sent[i].item];
        group[i] = sent[i].group;
    }
    out->each[0] = out->end[0] * log2(items->K);
    out->bits = out->each[0];
    enum status st = ST_OK;
    for (int s = 1; s < out->blocks; s++) {
        struct arena_mark block = arena_mark(scratch);
        int from = out->end[s - 1];
        struct probe_items known = {.n = from, .d = d, .K = items->K, .ld = d, .X = X, .y = y, .group = group};
        struct probe_items next = {
            .n = out->end[s] - from, .d = d, .K = items->K, .ld = d, .X = X + (long)from * d, .y = y + from};
        struct probe p;
        st = probe_fit(&p, scratch, &known, mean, scale, options);
        if (st != ST_OK) goto done;
        out->each[s] = probe_bits(&p, scratch, &next) * next.n;
        out->bits += out->each[s];
        arena_rewind(scratch, block);
    }
    out->compression = out->uniform / out->bits;
done:
    arena_rewind(scratch, mark);
    return st;
}

struct v_information v_information(const struct probe *p, struct arena *scratch, int n_train, const int *y_train,
                                   const struct probe_items *test) {
    struct arena_mark mark = arena_mark(scratch);
    double *count = ARENA_NEW(scratch, double, test->K);
    for (int i = 0; i < n_train; i++) count[y_train[i]] += 1;
    struct v_information out = {0};
    double *gain = ARENA_NEW(scratch, double, test->n);
    probe_item_bits(p, scratch, test, gain);
    for (int i = 0; i < test->n; i++) {
        const double without = -log2((count[test->y[i]] + .5) / (n_train + .5 * test->K));
        out.without += without / test->n;
        out.with += gain[i] / test->n;
        gain[i] = without - gain[i];
    }
    out.bits = out.without - out.with;
    out.interval = stat_t_interval(gain, test->n, .95);
    arena_rewind(scratch, mark);
    return out;
}

/* One row of labels; the number of parts travels with it because a comparison takes two pointers only. */
struct tuple {
    const int *labels;
    int parts, item;
};

static int compare_labels(const struct tuple *x, const struct tuple *y) {
    for (int c = 0; c < x->parts; c++)
        if (x->labels[c] != y->labels[c]) return x->labels[c] < y->labels[c] ? -1 : 1;
    return 0;
}

static int by_labels(const void *a, const void *b) {
    const struct tuple *x = a, *y = b;
    int order = compare_labels(x, y);
    return order ? order : x->item - y->item;
}

int joint_label(struct arena *scratch, int n, int parts, const int *labels, int *joint) {
    struct arena_mark mark = arena_mark(scratch);
    struct tuple *rows = ARENA_NEW(scratch, struct tuple, n);
    for (int i = 0; i < n; i++) rows[i] = (struct tuple){.labels = labels + (long)i * parts, .parts = parts, .item = i};
    qsort(rows, (size_t)n, sizeof *rows, by_labels);
    int K = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && compare_labels(&rows[i - 1], &rows[i]) != 0) K++;
        joint[rows[i].item] = K;
    }
    arena_rewind(scratch, mark);
    return n > 0 ? K + 1 : 0;
}
