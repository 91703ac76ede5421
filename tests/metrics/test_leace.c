#include <check.h>
#include <math.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/gemm.h"
#include "metrics/leace.h"

static struct arena arena;

static void setup(void) {
    arena_open(&arena, 1 << 20);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
}

static void teardown(void) {
    arena_close(&arena);
}

/* Four points (u, w) in {-1, 1}^2 around (5, -2), label u > 0. The covariance is the identity and S_xz lies along the
 * first axis, so r(x) = (5, w - 2). Seen as (u, u + w): S_xx = (1 1; 1 2), S_xz along (1, 1), A = (1 0; 1 0). */
START_TEST(leace_by_hand) {
    const float square[] = {4, -3, 4, -1, 6, -3, 6, -1}, sheared[] = {-1, -2, -1, 0, 1, 0, 1, 2};
    const int y[] = {0, 0, 1, 1};
    struct probe_items items = {.n = 4, .d = 2, .K = 2, .ld = 2, .X = square, .y = y};
    struct leace eraser;
    float out[8];
    ck_assert_int_eq(leace_fit(&eraser, &arena, &items), ST_OK);
    ck_assert_int_eq(eraser.rank, 1);
    leace_apply(&eraser, &arena, 4, square, 2, out);
    for (int i = 0; i < 4; i++) {
        ck_assert_float_eq_tol(out[2 * i], 5, 1e-5f);
        ck_assert_float_eq_tol(out[2 * i + 1], square[2 * i + 1], 1e-5f);
    }
    items.X = sheared;
    ck_assert_int_eq(leace_fit(&eraser, &arena, &items), ST_OK);
    ck_assert_int_eq(eraser.rank, 1);
    static const double A[] = {1, 0, 1, 0};
    for (int i = 0; i < 4; i++) ck_assert_double_eq_tol(eraser.A[i], A[i], 1e-9);
    leace_apply(&eraser, &arena, 4, sheared, 2, out);
    for (int i = 0; i < 4; i++) {
        ck_assert_float_eq_tol(out[2 * i], 0, 1e-6f);
        ck_assert_float_eq_tol(out[2 * i + 1], i % 2 ? 1 : -1, 1e-6f); /* w */
    }
}
END_TEST

enum { N = 600, D = 20, CLASSES = 4 };

/* Correlated noise, a class code on the first axes, a copied last column (S_xx is singular), unequal classes. */
static struct probe_items planted(float shift, uint64_t index) {
    struct rng rng = rng_open(41, "test_leace", index);
    float *X = ARENA_NEW(&arena, float, N *D);
    int *y = ARENA_NEW(&arena, int, N);
    for (int i = 0; i < N; i++) {
        float *row = X + i * D;
        y[i] = (int)rng_below(&rng, CLASSES + 2) % CLASSES;
        float common = rng_normal(&rng);
        for (int j = 0; j < D - 1; j++) row[j] = rng_normal(&rng) + common * (float)(j % 3) + (j == y[i] ? shift : 0);
        row[D - 1] = row[D - 2];
    }
    return (struct probe_items){.n = N, .d = D, .K = CLASSES, .ld = D, .X = X, .y = y};
}

static double refit_accuracy(const struct probe_items *items) {
    float mean[D], scale[D];
    probe_moments(items->n, D, items->X, items->ld, mean, scale);
    struct probe_options options = probe_defaults();
    options.n_grid = 1;
    options.grid[0] = 10;
    struct probe p;
    ck_assert_int_eq(probe_fit(&p, &arena, items, mean, scale, &options), ST_OK);
    return probe_accuracy(&p, &arena, items);
}

static double majority(const struct probe_items *items) {
    int count[CLASSES] = {0}, most = 0;
    for (int i = 0; i < N; i++) count[items->y[i]]++;
    for (int k = 0; k < CLASSES; k++) most = count[k] > most ? count[k] : most;
    return (double)most / N;
}

static void assert_projection(const struct leace *eraser) {
    double trace = 0;
    for (int r = 0; r < D; r++) {
        trace += eraser->A[r * D + r];
        for (int c = 0; c < D; c++) {
            double square = 0;
            for (int k = 0; k < D; k++) square += eraser->A[r * D + k] * eraser->A[k * D + c];
            ck_assert_double_eq_tol(square, eraser->A[r * D + c], 1e-8);
        }
    }
    ck_assert_double_eq_tol(trace, eraser->rank, 1e-8);
}

/* The theorem: class means coincide, and a probe fitted on the very items does no better than the constant. */
START_TEST(leace_erases_a_planted_label) {
    struct probe_items items = planted(5, 0);
    ck_assert_double_gt(refit_accuracy(&items), .98);
    struct leace eraser;
    ck_assert_int_eq(leace_fit(&eraser, &arena, &items), ST_OK);
    ck_assert_int_eq(eraser.rank, CLASSES - 1);
    assert_projection(&eraser);
    float *erased = ARENA_NEW(&arena, float, N *D);
    leace_apply(&eraser, &arena, N, items.X, D, erased);
    for (int j = 0; j < D; j++) {
        double sum[CLASSES] = {0}, all = 0;
        int count[CLASSES] = {0};
        for (int i = 0; i < N; i++) {
            sum[items.y[i]] += erased[i * D + j];
            count[items.y[i]]++;
            all += erased[i * D + j];
        }
        for (int k = 0; k < CLASSES; k++) ck_assert_double_eq_tol(sum[k] / count[k], all / N, 1e-5);
    }
    double constant = majority(&items);
    items.X = erased;
    ck_assert_double_eq_tol(refit_accuracy(&items), constant, 1e-9);
}
END_TEST

/* The control of the same rank leaves most of the label; nothing at all when nothing is erased. */
START_TEST(leace_random_keeps_the_label) {
    struct probe_items items = planted(5, 0);
    struct rng rng = rng_open(1, "erase", 0), same = rng_open(1, "erase", 0);
    struct leace eraser, again;
    float *erased = ARENA_NEW(&arena, float, N *D);
    ck_assert_int_eq(leace_random(&eraser, &arena, &items, CLASSES - 1, &rng), ST_OK);
    ck_assert_int_eq(leace_random(&again, &arena, &items, CLASSES - 1, &same), ST_OK);
    ck_assert_mem_eq(eraser.A, again.A, sizeof(double) * D * D);
    ck_assert_int_eq(eraser.rank, CLASSES - 1);
    assert_projection(&eraser);
    leace_apply(&eraser, &arena, N, items.X, D, erased);
    struct probe_items left = items;
    left.X = erased;
    ck_assert_double_gt(refit_accuracy(&left), .9);
    ck_assert_int_eq(leace_random(&eraser, &arena, &items, 0, &rng), ST_OK);
    leace_apply(&eraser, &arena, N, items.X, D, erased);
    for (int i = 0; i < N * D; i++) ck_assert_float_eq_tol(erased[i], items.X[i], 1e-5f);
    /* one column is a copy: 19 directions are all there is, and erasing them leaves the mean */
    ck_assert_int_eq(leace_random(&eraser, &arena, &items, D, &rng), ST_OK);
    ck_assert_int_eq(eraser.rank, D - 1);
    leace_apply(&eraser, &arena, N, items.X, D, erased);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < D; j++) ck_assert_float_eq_tol(erased[i * D + j], (float)eraser.mean[j], 1e-4f);
}
END_TEST

/* An unrelated label costs only the K - 1 directions of its sampling noise: another label survives. */
START_TEST(leace_of_noise_spares_another_label) {
    struct probe_items items = planted(5, 0), shuffled = items;
    struct rng rng = rng_open(2, "labels", 0);
    int *y = ARENA_NEW(&arena, int, N);
    for (int i = 0; i < N; i++) y[i] = (int)rng_below(&rng, CLASSES);
    shuffled.y = y;
    struct leace eraser;
    ck_assert_int_eq(leace_fit(&eraser, &arena, &shuffled), ST_OK);
    float *erased = ARENA_NEW(&arena, float, N *D);
    leace_apply(&eraser, &arena, N, items.X, D, erased);
    items.X = erased;
    ck_assert_double_gt(refit_accuracy(&items), .9);
}
END_TEST

START_TEST(leace_refuses_bad_items) {
    float X[] = {1, 2, 3, 4};
    int y[] = {0, 3};
    struct probe_items items = {.n = 2, .d = 2, .K = 2, .ld = 2, .X = X, .y = y};
    struct leace eraser;
    ck_assert_int_eq(leace_fit(&eraser, &arena, &items), ST_DATA);
    y[1] = 1;
    ck_assert_int_eq(leace_fit(&eraser, &arena, &items), ST_OK);
    X[3] = NAN;
    ck_assert_int_eq(leace_fit(&eraser, &arena, &items), ST_DATA);
}
END_TEST

Suite *suite_leace(void) {
    Suite *s = suite_create("leace");
    TCase *c = tcase_create("leace");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, leace_by_hand);
    tcase_add_test(c, leace_erases_a_planted_label);
    tcase_add_test(c, leace_random_keeps_the_label);
    tcase_add_test(c, leace_of_noise_spares_another_label);
    tcase_add_test(c, leace_refuses_bad_items);
    suite_add_tcase(s, c);
    return s;
}
