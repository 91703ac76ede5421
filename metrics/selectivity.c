#include "metrics/selectivity.h"

#include "engine/base/rng.h"

void selectivity_control_labels(int n, const int *type, int n_train, const int *y_train, uint64_t seed, int *control) {
    for (int i = 0; i < n; i++) {
        struct rng rng = rng_open(seed, "selectivity.control", (uint64_t)(int64_t)type[i]);
        control[i] = y_train[rng_below(&rng, (uint32_t)n_train)];
    }
}

static enum status held_out(double *accuracy, struct arena *scratch, const struct probe_items *train,
                            const struct probe_items *test, const float *mean, const float *scale,
                            const struct probe_options *options) {
    struct probe p;
    TRY(probe_fit(&p, scratch, train, mean, scale, options));
    *accuracy = probe_accuracy(&p, scratch, test);
    return ST_OK;
}

enum status selectivity_measure(struct selectivity *out, struct arena *scratch, const struct probe_items *train,
                                const int *type_train, const struct probe_items *test, const int *type_test,
                                const float *mean, const float *scale, const struct probe_options *options) {
    struct arena_mark mark = arena_mark(scratch);
    struct probe_items control_train = *train, control_test = *test;
    int *y_train = ARENA_NEW(scratch, int, train->n), *y_test = ARENA_NEW(scratch, int, test->n);
    enum status st = held_out(&out->accuracy, scratch, train, test, mean, scale, options);
    if (st != ST_OK) goto done;
    selectivity_control_labels(train->n, type_train, train->n, train->y, options->seed, y_train);
    selectivity_control_labels(test->n, type_test, train->n, train->y, options->seed, y_test);
    control_train.y = y_train;
    control_test.y = y_test;
    st = held_out(&out->control, scratch, &control_train, &control_test, mean, scale, options);
    out->selectivity = out->accuracy - out->control;
done:
    arena_rewind(scratch, mark);
    return st;
}
