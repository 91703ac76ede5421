#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/gemm.h"
#include "metrics/drift.h"

static struct arena arena;

static void setup(void) {
    arena_open(&arena, 1 << 20);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
}

static void teardown(void) {
    arena_close(&arena);
}

static float *normals(int n, uint64_t index) {
    struct rng rng = rng_open(31, "test_drift", index);
    float *x = ARENA_NEW(&arena, float, n);
    for (int i = 0; i < n; i++) x[i] = rng_normal(&rng);
    return x;
}

/* out = X R + 3, R the product of plane rotations by fixed angles. */
static float *rotated(int n, int d, const float *X) {
    float *out = ARENA_NEW(&arena, float, (size_t)n *d);
    memcpy(out, X, sizeof(float) * (size_t)n * (size_t)d);
    for (int i = 0; i < n; i++) {
        float *row = out + (long)i * d;
        for (int a = 0; a < d; a++)
            for (int b = a + 1; b < d; b++) {
                double angle = .7 + a + .3 * b, x = row[a], y = row[b];
                row[a] = (float)(cos(angle) * x - sin(angle) * y);
                row[b] = (float)(sin(angle) * x + cos(angle) * y);
            }
        for (int j = 0; j < d; j++) row[j] += 3;
    }
    return out;
}

static void assert_orthogonal(const struct drift_map *map) {
    for (int r = 0; r < map->d; r++)
        for (int c = 0; c < map->d; c++) {
            double dot = 0;
            for (int k = 0; k < map->d; k++) dot += map->Q[r * map->d + k] * map->Q[c * map->d + k];
            ck_assert_double_eq_tol(dot, r == c, 1e-9);
        }
}

START_TEST(drift_map_undoes_a_rotation) {
    enum { N = 60, D = 6 };
    const float *X = normals(N * D, 0), *Y = rotated(N, D, X);
    struct drift_map map;
    ck_assert_int_eq(drift_map_fit(&map, &arena, N, D, X, D, Y, D), ST_OK);
    assert_orthogonal(&map);
    float image[N * D];
    drift_map_apply(&map, N, X, D, image);
    for (int i = 0; i < N * D; i++) ck_assert_float_eq_tol(image[i], Y[i], 1e-4f);
    double distance, cka;
    ck_assert_int_eq(drift_procrustes(&distance, &arena, N, D, X, D, D, Y, D), ST_OK);
    ck_assert_double_eq_tol(distance, 0, 1e-6);
    ck_assert_double_ge(distance, 0);
    ck_assert_int_eq(drift_cka(&cka, &arena, N, D, X, D, D, Y, D), ST_OK);
    ck_assert_double_eq_tol(cka, 1, 1e-5);
}
END_TEST

/* Fewer pairs than dimensions: the cross-covariance is singular and the map must still be orthogonal. */
START_TEST(drift_map_is_orthogonal_when_singular) {
    enum { N = 4, D = 7 };
    const float *X = normals(N * D, 1), *Y = normals(N * D, 2);
    struct drift_map map;
    ck_assert_int_eq(drift_map_fit(&map, &arena, N, D, X, D, Y, D), ST_OK);
    assert_orthogonal(&map);
    float constant[N * D] = {0};
    ck_assert_int_eq(drift_map_fit(&map, &arena, N, D, constant, D, Y, D), ST_OK);
    assert_orthogonal(&map);
}
END_TEST

/* One column each: the nuclear norm is |rho|. x = (-1, 0, 1), y = (-1, 1, 0) have rho = .5. */
START_TEST(drift_procrustes_by_hand) {
    const float x[] = {-1, 0, 1}, y[] = {-1, 1, 0}, z[] = {1, -2, 1};
    double distance;
    ck_assert_int_eq(drift_procrustes(&distance, &arena, 3, 1, x, 1, 1, y, 1), ST_OK);
    ck_assert_double_eq_tol(distance, 1, 1e-12);
    ck_assert_int_eq(drift_procrustes(&distance, &arena, 3, 1, x, 1, 1, z, 1), ST_OK);
    ck_assert_double_eq_tol(distance, 2, 1e-12);
    /* (x 0) against (y): widths may differ, either way round */
    const float wide[] = {-1, 0, 0, 0, 1, 0};
    ck_assert_int_eq(drift_procrustes(&distance, &arena, 3, 2, wide, 2, 1, y, 1), ST_OK);
    ck_assert_double_eq_tol(distance, 1, 1e-12);
    ck_assert_int_eq(drift_procrustes(&distance, &arena, 3, 1, y, 1, 2, wide, 2), ST_OK);
    ck_assert_double_eq_tol(distance, 1, 1e-12);
    const float flat[] = {2, 2, 2}, broken[] = {0, NAN, 1};
    ck_assert_int_eq(drift_procrustes(&distance, &arena, 3, 1, x, 1, 1, flat, 1), ST_DATA);
    ck_assert_int_eq(drift_procrustes(&distance, &arena, 3, 1, x, 1, 1, broken, 1), ST_DATA);
}
END_TEST

/* HSIC_1 from n x n kernels, as the paper writes it. */
static double hsic_of_kernels(int n, int d, const float *X, int e, const float *Y) {
    double k[16][16], l[16][16];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            k[i][j] = l[i][j] = 0;
            for (int c = 0; c < d && i != j; c++) k[i][j] += (double)X[i * d + c] * X[j * d + c];
            for (int c = 0; c < e && i != j; c++) l[i][j] += (double)Y[i * e + c] * Y[j * e + c];
        }
    double trace = 0, all_k = 0, all_l = 0, chain = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            trace += k[i][j] * l[j][i];
            all_k += k[i][j];
            all_l += l[i][j];
            for (int m = 0; m < n; m++) chain += k[i][j] * l[j][m];
        }
    return (trace + all_k * all_l / ((n - 1.) * (n - 2.)) - 2 * chain / (n - 2.)) / (n * (n - 3.));
}

START_TEST(drift_cka_matches_the_kernel_form) {
    enum { N = 16 };
    float *X = normals(N * 3, 3);
    const float *Y = normals(N * 5, 4);
    for (int i = 0; i < N; i++) X[3 * i] = X[3 * i] + 2 * Y[5 * i] + 1; /* shared, and not centred */
    double expected =
        hsic_of_kernels(N, 3, X, 5, Y) / sqrt(hsic_of_kernels(N, 3, X, 3, X) * hsic_of_kernels(N, 5, Y, 5, Y));
    double cka;
    ck_assert_int_eq(drift_cka(&cka, &arena, N, 3, X, 3, 5, Y, 5), ST_OK);
    ck_assert_double_eq_tol(cka, expected, 1e-9);
    ck_assert_int_eq(drift_cka(&cka, &arena, 3, 3, X, 3, 5, Y, 5), ST_DATA);
}
END_TEST

/* Unrelated vectors: the biased index would be near d / n; the debiased one has a standard deviation of about
 * sqrt(2) / n. */
START_TEST(drift_cka_of_noise_is_zero) {
    enum { N = 200, D = 50 };
    double cka, distance;
    const float *X = normals(N * D, 5), *Y = normals(N * D, 6);
    ck_assert_int_eq(drift_cka(&cka, &arena, N, D, X, D, D, Y, D), ST_OK);
    ck_assert_double_eq_tol(cka, 0, .035);
    ck_assert_int_eq(drift_procrustes(&distance, &arena, N, D, X, D, D, Y, D), ST_OK);
    ck_assert_double_gt(distance, .5);
    ck_assert_double_le(distance, 2);
}
END_TEST

enum { ITEMS = 400, WIDTH = 6, CLASSES = 3 };

/* Classes at `at[y]` on the first axis or, when at is NULL, at 6 on an axis each; with noise of sd `sd`. */
static struct probe_items classes(const float *at, float sd, uint64_t index) {
    float *X = normals(ITEMS * WIDTH, index);
    int *y = ARENA_NEW(&arena, int, ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        y[i] = i % CLASSES;
        for (int j = 0; j < WIDTH; j++) X[i * WIDTH + j] *= sd;
        if (at)
            X[i * WIDTH] += at[y[i]];
        else
            X[i * WIDTH + y[i]] += 6;
    }
    return (struct probe_items){.n = ITEMS, .d = WIDTH, .K = CLASSES, .ld = WIDTH, .X = X, .y = y};
}

static struct drift_parts measure(struct probe_items base_fit, struct probe_items base, struct probe_items pressed_fit,
                                  struct probe_items pressed) {
    float mean[WIDTH], scale[WIDTH];
    probe_moments(ITEMS, WIDTH, base_fit.X, WIDTH, mean, scale);
    struct probe_options options = probe_defaults();
    struct probe frozen;
    ck_assert_int_eq(probe_fit(&frozen, &arena, &base_fit, mean, scale, &options), ST_OK);
    struct drift_inputs in = {.base = &frozen,
                              .base_test = &base,
                              .pressed_train = &pressed_fit,
                              .pressed_test = &pressed,
                              .n_pairs = ITEMS,
                              .pair_pressed = pressed_fit.X,
                              .pair_base = base_fit.X};
    struct drift_parts parts;
    ck_assert_int_eq(drift_measure(&parts, &arena, &in, &options), ST_OK);
    ck_assert_double_eq_tol(parts.lost + parts.reencoded + parts.rotated, parts.B - parts.F, 1e-12);
    return parts;
}

START_TEST(drift_decomposition_names_a_rotation) {
    struct probe_items fit = classes(NULL, 1, 7), test = classes(NULL, 1, 8), turned_fit = fit, turned = test;
    turned_fit.X = rotated(ITEMS, WIDTH, fit.X);
    turned.X = rotated(ITEMS, WIDTH, test.X);
    struct drift_parts parts = measure(fit, test, turned_fit, turned);
    ck_assert_double_gt(parts.B, .99);
    ck_assert_double_lt(parts.F, .6);
    ck_assert_double_eq_tol(parts.lost, 0, .01);
    ck_assert_double_eq_tol(parts.reencoded, 0, .01);
    ck_assert_double_gt(parts.rotated, .4);
}
END_TEST

START_TEST(drift_decomposition_names_a_loss) {
    struct probe_items noise_fit = classes(NULL, 1, 9), noise = classes(NULL, 1, 10);
    noise_fit.X = normals(ITEMS * WIDTH, 11);
    noise.X = normals(ITEMS * WIDTH, 12);
    struct drift_parts parts = measure(classes(NULL, 1, 7), classes(NULL, 1, 8), noise_fit, noise);
    double sd = sqrt(2. / 9 / ITEMS);
    ck_assert_double_eq_tol(parts.T, 1. / 3, 4 * sd);
    ck_assert_double_gt(parts.lost, .55);
    ck_assert_double_eq_tol(parts.reencoded, 0, 8 * sd);
    ck_assert_double_eq_tol(parts.rotated, 0, 8 * sd);
}
END_TEST

/* Three points on a line change their order: a refit reads them, no rotation restores them. */
START_TEST(drift_decomposition_names_a_new_code) {
    static const float before[] = {-6, 0, 6}, after[] = {0, -6, 6};
    struct drift_parts parts =
        measure(classes(before, .5f, 13), classes(before, .5f, 14), classes(after, .5f, 15), classes(after, .5f, 16));
    ck_assert_double_gt(parts.B, .99);
    ck_assert_double_gt(parts.T, .99);
    ck_assert_double_lt(parts.P, .7);
    ck_assert_double_gt(parts.reencoded, .3);
    ck_assert_double_eq_tol(parts.lost, 0, .01);
}
END_TEST

START_TEST(drift_decompose_by_hand) {
    struct drift_parts parts = drift_decompose(.9, .4, .6, .8);
    ck_assert_double_eq_tol(parts.lost, .1, 1e-12);
    ck_assert_double_eq_tol(parts.reencoded, .2, 1e-12);
    ck_assert_double_eq_tol(parts.rotated, .2, 1e-12);
}
END_TEST

Suite *suite_drift(void) {
    Suite *s = suite_create("drift");
    TCase *c = tcase_create("drift");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, drift_map_undoes_a_rotation);
    tcase_add_test(c, drift_map_is_orthogonal_when_singular);
    tcase_add_test(c, drift_procrustes_by_hand);
    tcase_add_test(c, drift_cka_matches_the_kernel_form);
    tcase_add_test(c, drift_cka_of_noise_is_zero);
    tcase_add_test(c, drift_decomposition_names_a_rotation);
    tcase_add_test(c, drift_decomposition_names_a_loss);
    tcase_add_test(c, drift_decomposition_names_a_new_code);
    tcase_add_test(c, drift_decompose_by_hand);
    suite_add_tcase(s, c);
    return s;
}
