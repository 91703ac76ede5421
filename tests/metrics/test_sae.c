#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/gemm.h"
#include "metrics/sae.h"
#include "metrics/sae_read.h"

static struct arena arena;

static void setup(void) {
    arena_open(&arena, 1 << 20);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
}

static void teardown(void) {
    arena_close(&arena);
}

enum { D = 16, FEATURES = 20, N = 4000 };

/* Items that mix two of `features` fixed unit directions with weights in [1, 2], around 3; on[N][features] tells
 * which. */
static float *mixtures(int features, float *direction, int *on, uint64_t index) {
    struct rng fixed = rng_open(51, "test_sae.directions", 0), rng = rng_open(51, "test_sae", index);
    for (int f = 0; f < features; f++) {
        double squares = 0;
        for (int j = 0; j < D; j++) {
            direction[f * D + j] = rng_normal(&fixed);
            squares += direction[f * D + j] * direction[f * D + j];
        }
        for (int j = 0; j < D; j++) direction[f * D + j] /= (float)sqrt(squares);
    }
    float *X = ARENA_NEW(&arena, float, N *D);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < D; j++) X[i * D + j] = 3;
        for (int c = 0; c < 2; c++) {
            int f = (int)rng_below(&rng, features);
            float weight = (float)(1 + rng_uniform(&rng));
            if (on) on[i * features + f] = 1;
            for (int j = 0; j < D; j++) X[i * D + j] += weight * direction[f * D + j];
        }
    }
    return X;
}

static struct sae_options small(void) {
    struct sae_options o = sae_defaults(D);
    o.units = 40;
    o.k = 2;
    o.k_aux = 8;
    o.steps = 800;
    return o;
}

START_TEST(sae_finds_planted_directions) {
    float direction[FEATURES * D];
    const float *X = mixtures(FEATURES, direction, NULL, 0), *held = mixtures(FEATURES, direction, NULL, 1);
    struct sae_options o = small();
    struct rng rng = rng_open(1, "sae", 0);
    struct sae sae;
    ck_assert_int_eq(sae_train(&sae, &arena, N, D, X, D, &o, &rng), ST_OK);
    struct sae_quality quality = sae_measure(&sae, &arena, N, held, D);
    ck_assert_double_ge(quality.fvu, 0);
    ck_assert_double_lt(quality.fvu, .06);
    ck_assert_double_le(quality.l0, o.k);
    int found = 0;
    for (int f = 0; f < FEATURES; f++) {
        double best = -1;
        for (int u = 0; u < o.units; u++) {
            double cosine = 0;
            for (int j = 0; j < D; j++) cosine += direction[f * D + j] * sae.W_d[u * D + j];
            best = fmax(best, cosine);
        }
        found += best > .9;
    }
    ck_assert_int_ge(found, FEATURES - 1);
    for (int u = 0; u < o.units; u++) {
        double squares = 0;
        for (int j = 0; j < D; j++) squares += sae.W_d[u * D + j] * sae.W_d[u * D + j];
        ck_assert_double_eq_tol(squares, 1, 1e-5);
    }
}
END_TEST

/* Isotropic noise has no dictionary: the largest two of 40 standard normals have mean squares of about 4.8 and 3.3, so
 * two units of 40 hold about half of a variance of 16 at best, and less on items held out. */
START_TEST(sae_of_noise_explains_little) {
    struct rng noise = rng_open(52, "test_sae", 0), rng = rng_open(1, "sae", 0);
    float *X = ARENA_NEW(&arena, float, N *D);
    for (int i = 0; i < N * D; i++) X[i] = rng_normal(&noise);
    struct sae_options o = small();
    o.steps = 400;
    struct sae sae;
    ck_assert_int_eq(sae_train(&sae, &arena, N / 2, D, X, D, &o, &rng), ST_OK);
    struct sae_quality quality = sae_measure(&sae, &arena, N / 2, X + N / 2 * D, D);
    ck_assert_double_gt(quality.fvu, .45);
    ck_assert_double_lt(quality.fvu, 1);
}
END_TEST

/* A rate ten times too high kills units that the data (200 directions for 128 units) have work for: AuxK brings most of
 * them back, and the fit gains by it. */
START_TEST(sae_auxiliary_loss_revives_units) {
    enum { MANY = 200 };
    const float *X = mixtures(MANY, ARENA_NEW(&arena, float, MANY *D), NULL, 0);
    struct sae_options o = small();
    o.units = 128;
    o.steps = 600;
    o.rate = .045f;
    o.dead_after = 1000;
    struct sae_quality quality[2];
    for (int with = 0; with < 2; with++) {
        struct rng rng = rng_open(3, "sae", 0);
        struct sae sae;
        o.k_aux = with ? 32 : 0;
        ck_assert_int_eq(sae_train(&sae, &arena, N, D, X, D, &o, &rng), ST_OK);
        quality[with] = sae_measure(&sae, &arena, N, X, D);
    }
    ck_assert_int_gt(quality[0].dead, 20);
    ck_assert_int_lt(quality[1].dead, quality[0].dead / 2);
    ck_assert_double_lt(quality[1].fvu, quality[0].fvu);
}
END_TEST

START_TEST(sae_is_a_function_of_its_stream) {
    float direction[FEATURES * D];
    const float *X = mixtures(FEATURES, direction, NULL, 0);
    struct sae_options o = small();
    o.steps = 20;
    struct sae sae[3];
    for (int s = 0; s < 3; s++) {
        struct rng rng = rng_open(s == 2 ? 8 : 7, "sae", 0);
        ck_assert_int_eq(sae_train(&sae[s], &arena, N, D, X, D, &o, &rng), ST_OK);
    }
    size_t bytes = sizeof(float) * (size_t)o.units * D;
    ck_assert_mem_eq(sae[0].W_e, sae[1].W_e, bytes);
    ck_assert_mem_eq(sae[0].W_d, sae[1].W_d, bytes);
    ck_assert_mem_ne(sae[0].W_d, sae[2].W_d, bytes);
}
END_TEST

/* d 2, three units, k 1: u0 reads +x, u1 +y, u2 -x; scale 2, b = (1, 0). Item (8, 4): s = (3, 2), code u0 = 3, back
 * 2 ((3, 0) + (1, 0)) = (8, 0). Item (2, 0): s = (0, 0), nothing fires, back (2, 0). Item (-4, 0): s = (-3, 0), u2 = 3,
 * back (-4, 0). Mean (2, 4/3): variance 36 + 64/9 + 16/9 + 36 + 16/9 = 248/3; error 16. u1 is dead. */
START_TEST(sae_code_by_hand) {
    float W[] = {1, 0, 0, 1, -1, 0}, b_e[] = {0, 0, 0}, b[] = {1, 0};
    struct sae sae = {.d = 2, .units = 3, .k = 1, .scale = 2, .W_e = W, .b_e = b_e, .W_d = W, .b = b};
    const float X[] = {8, 4, 2, 0, -4, 0};
    static const float codes[] = {3, 0, 0, 0, 0, 0, 0, 0, 3}, images[] = {8, 0, 2, 0, -4, 0};
    float Z[9], back[6];
    sae_encode(&sae, &arena, 3, X, 2, Z);
    sae_decode(&sae, 3, Z, back);
    for (int i = 0; i < 9; i++) ck_assert_float_eq(Z[i], codes[i]);
    for (int i = 0; i < 6; i++) ck_assert_float_eq(back[i], images[i]);
    struct sae_quality quality = sae_measure(&sae, &arena, 3, X, 2);
    ck_assert_double_eq_tol(quality.fvu, 16 / (248. / 3), 1e-9);
    ck_assert_int_eq(quality.dead, 1);
    ck_assert_double_eq_tol(quality.l0, 2. / 3, 1e-12);
    /* equal activations: the lower unit */
    const float tie[] = {4, 2};
    sae_encode(&sae, &arena, 1, tie, 2, Z);
    ck_assert_float_eq(Z[0], 1);
    ck_assert_float_eq(Z[1], 0);
}
END_TEST

START_TEST(sae_refuses_bad_input) {
    float X[40] = {0};
    struct rng rng = rng_open(1, "sae", 0);
    struct sae_options o = sae_defaults(4);
    struct sae sae;
    ck_assert_int_eq(sae_train(&sae, &arena, 10, 4, X, 4, &o, &rng), ST_DATA);
    X[5] = NAN;
    ck_assert_int_eq(sae_train(&sae, &arena, 10, 4, X, 4, &o, &rng), ST_DATA);
    o.k = o.units + 1;
    ck_assert_int_eq(sae_train(&sae, &arena, 10, 4, X, 4, &o, &rng), ST_USAGE);
}
END_TEST

/* Column c holds 1 for items of class c (and noise of sd .1); three columns of noise follow. */
static struct probe_items one_unit_a_class(int n, float signal, uint64_t index) {
    struct rng rng = rng_open(53, "test_sae", index);
    float *X = ARENA_NEW(&arena, float, n * 8);
    int *y = ARENA_NEW(&arena, int, n);
    for (int i = 0; i < n; i++) {
        y[i] = i % 5;
        for (int j = 0; j < 8; j++) X[i * 8 + j] = .1f * rng_normal(&rng) + (j == y[i] ? signal : 0);
    }
    return (struct probe_items){.n = n, .d = 8, .K = 5, .ld = 8, .X = X, .y = y};
}

START_TEST(sparse_probe_finds_the_unit) {
    struct probe_items train = one_unit_a_class(500, 1, 0), test = one_unit_a_class(500, 1, 1);
    double score;
    for (int class = 0; class < 5; class ++) {
        int unit[2];
        sae_read_choose(&arena, &train, class, 2, unit);
        ck_assert_int_eq(unit[0], class);
    }
    ck_assert_int_eq(sae_read_sparse(&score, &arena, &train, &test, 1), ST_OK);
    ck_assert_double_gt(score, .99);
    ck_assert_double_le(score, 1);
    ck_assert_int_eq(sae_read_sparse(&score, &arena, &train, &test, 9), ST_USAGE);
}
END_TEST

/* Without signal: (TPR + TNR) / 2 of 1,000 positives and 4,000 negatives has a standard error of .009 a class. */
START_TEST(sparse_probe_of_noise_is_at_chance) {
    struct probe_items train = one_unit_a_class(500, 0, 2), test = one_unit_a_class(5000, 0, 3);
    for (int k = 1; k <= 5; k += 4) {
        double score;
        ck_assert_int_eq(sae_read_sparse(&score, &arena, &train, &test, k), ST_OK);
        ck_assert_double_eq_tol(score, .5, .02);
    }
}
END_TEST

/* All 4 x 4 combinations of two factors, 16 items each. Unit 0 fires on f0 = 0 (pure), unit 1 on f0 = 0 and f1 = 0
 * (both alike), unit 2 never, unit 3 always. */
START_TEST(purity_by_hand) {
    enum { ITEMS = 256, UNITS = 4 };
    int label[ITEMS * 2], K[2] = {4, 4};
    float Z[ITEMS * UNITS];
    double purity[UNITS];
    for (int i = 0; i < ITEMS; i++) {
        label[2 * i] = i % 4;
        label[2 * i + 1] = i / 4 % 4;
        Z[i * UNITS] = label[2 * i] == 0;
        Z[i * UNITS + 1] = label[2 * i] == 0 && label[2 * i + 1] == 0;
        Z[i * UNITS + 2] = 0;
        Z[i * UNITS + 3] = 2;
    }
    double mean = sae_read_purity(&arena, ITEMS, UNITS, Z, 2, label, K, purity);
    ck_assert_double_eq_tol(purity[0], 1, 1e-9);
    ck_assert_double_eq_tol(purity[1], 0, 1e-9);
    ck_assert(isnan(purity[2]) && isnan(purity[3]));
    ck_assert_double_gt(mean, .5);
    ck_assert_double_lt(mean, 1);
}
END_TEST

/* A trained dictionary reads planted features better with one unit each than the raw coordinates do. */
START_TEST(sae_units_beat_coordinates) {
    float direction[FEATURES * D];
    int *on = ARENA_NEW(&arena, int, N *FEATURES);
    const float *X = mixtures(FEATURES, direction, on, 0);
    struct sae_options o = small();
    o.units = FEATURES; /* more would split features between units */
    struct rng rng = rng_open(1, "sae", 0);
    struct sae sae;
    ck_assert_int_eq(sae_train(&sae, &arena, N, D, X, D, &o, &rng), ST_OK);
    float *Z = ARENA_NEW(&arena, float, N *o.units);
    sae_encode(&sae, &arena, N, X, D, Z);
    int *y = ARENA_NEW(&arena, int, N);
    for (int i = 0; i < N; i++) y[i] = on[i * FEATURES];
    int half = N / 2;
    struct probe_items raw = {.n = half, .d = D, .K = 2, .ld = D, .X = X, .y = y}, raw_test = raw;
    raw_test.X = X + (long)half * D;
    raw_test.y = y + half;
    struct probe_items code = {.n = half, .d = o.units, .K = 2, .ld = o.units, .X = Z, .y = y}, code_test = code;
    code_test.X = Z + (long)half * o.units;
    code_test.y = y + half;
    double of_raw, of_code;
    ck_assert_int_eq(sae_read_sparse(&of_raw, &arena, &raw, &raw_test, 1), ST_OK);
    ck_assert_int_eq(sae_read_sparse(&of_code, &arena, &code, &code_test, 1), ST_OK);
    ck_assert_double_gt(of_code, .95);
    ck_assert_double_gt(of_code, of_raw + .1);
}
END_TEST

Suite *suite_sae(void) {
    Suite *s = suite_create("sae");
    TCase *c = tcase_create("sae");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, sae_finds_planted_directions);
    tcase_add_test(c, sae_of_noise_explains_little);
    tcase_add_test(c, sae_auxiliary_loss_revives_units);
    tcase_add_test(c, sae_is_a_function_of_its_stream);
    tcase_add_test(c, sae_code_by_hand);
    tcase_add_test(c, sae_refuses_bad_input);
    tcase_add_test(c, sparse_probe_finds_the_unit);
    tcase_add_test(c, sparse_probe_of_noise_is_at_chance);
    tcase_add_test(c, purity_by_hand);
    tcase_add_test(c, sae_units_beat_coordinates);
    suite_add_tcase(s, c);
    return s;
}
