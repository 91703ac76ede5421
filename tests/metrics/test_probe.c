#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/gemm.h"
#include "metrics/probe.h"
#include "metrics/probe_net.h"

static struct arena arena;

static void setup(void) {
    arena_open(&arena, 1 << 20);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
}

static void teardown(void) {
    arena_close(&arena);
}

static const float zeros[64];
static const float ones[64] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                               1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                               1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

/* Gaussian classes: column k of X has `shift` added for class k. The labels of train and test are drawn alike. */
static struct probe_items gaussian(int n, int d, int K, float shift, uint64_t index) {
    struct rng rng = rng_open(11, "test_probe", index);
    float *X = ARENA_NEW(&arena, float, (size_t)n *d);
    int *y = ARENA_NEW(&arena, int, n);
    for (int i = 0; i < n; i++) {
        y[i] = (int)rng_below(&rng, (uint32_t)K);
        for (int j = 0; j < d; j++) X[(long)i * d + j] = rng_normal(&rng) + (j == y[i] ? shift : 0);
    }
    return (struct probe_items){.n = n, .d = d, .K = K, .ld = d, .X = X, .y = y};
}

/* Two points, x = +1 of class 1 and x = -1 of class 0. By symmetry b = 0 and W = (-m/2, m/2) with
 * sigmoid(-m) = m / (2 n C); C = (1 + e^2) / n gives m = 2. */
START_TEST(probe_two_points_closed_form) {
    enum { N = 40 };
    float X[N];
    int y[N];
    for (int i = 0; i < N; i++) {
        y[i] = i % 2;
        X[i] = y[i] ? 1 : -1;
    }
    struct probe_items items = {.n = N, .d = 1, .K = 2, .ld = 1, .X = X, .y = y};
    struct probe_options options = probe_defaults();
    options.n_grid = 1;
    options.grid[0] = (1 + exp(2)) / N;
    struct probe p;
    ck_assert_int_eq(probe_fit(&p, &arena, &items, zeros, ones, &options), ST_OK);
    ck_assert_float_eq_tol(p.W[0], -1, 1e-3);
    ck_assert_float_eq_tol(p.W[1], 1, 1e-3);
    ck_assert_float_eq_tol(p.b[1] - p.b[0], 0, 1e-3);
    float x = 1, prob[2];
    probe_predict(&p, &arena, 1, &x, 1, prob);
    ck_assert_float_eq_tol(prob[1], (float)(1 / (1 + exp(-2))), 2e-4);
    ck_assert_double_eq(probe_accuracy(&p, &arena, &items), 1);
    /* every item costs -log2 sigmoid(2) */
    ck_assert_double_eq_tol(probe_bits(&p, &arena, &items), log2(1 + exp(-2)), 1e-3);
}
END_TEST

/* A column that never varies leaves the bias, which is not penalised: the class frequencies. */
START_TEST(probe_without_information_gives_frequencies) {
    enum { N = 100 };
    float X[N];
    int y[N];
    for (int i = 0; i < N; i++) {
        X[i] = 5;
        y[i] = i < 60 ? 0 : i < 90 ? 1 : 2;
    }
    float mean, scale;
    probe_moments(N, 1, X, 1, &mean, &scale);
    ck_assert_float_eq(mean, 5);
    ck_assert_float_eq(scale, 1);
    struct probe_items items = {.n = N, .d = 1, .K = 3, .ld = 1, .X = X, .y = y};
    struct probe_options options = probe_defaults();
    struct probe p;
    ck_assert_int_eq(probe_fit(&p, &arena, &items, &mean, &scale, &options), ST_OK);
    float prob[3];
    probe_predict(&p, &arena, 1, X, 1, prob);
    ck_assert_float_eq_tol(prob[0], .6f, 1e-3);
    ck_assert_float_eq_tol(prob[1], .3f, 1e-3);
    ck_assert_float_eq_tol(prob[2], .1f, 1e-3);
    ck_assert_double_eq(probe_accuracy(&p, &arena, &items), .6);
    ck_assert_double_eq(p.C, options.grid[0]); /* equal losses: the smallest C */
}
END_TEST

/* One minimum: wherever the search sets out from, the probe is the same to the tolerance, and a probe of another shape is
 * no place to set out from. */
START_TEST(probe_start_does_not_matter) {
    enum { N = 300, D = 6, K = 4 };
    const struct probe_items items = gaussian(N, D, K, 1.0f, 1), other = gaussian(N, D, K, -2.0f, 2);
    const struct probe_items wide = gaussian(N, D + 1, K, 1.0f, 3);
    struct probe_options o = probe_defaults();
    struct probe cold, far, misfit, start, wrong;
    o.n_grid = 1;
    o.grid[0] = .1;
    ck_assert_int_eq(probe_fit(&cold, &arena, &items, zeros, ones, &o), ST_OK);
    ck_assert_int_eq(probe_fit(&start, &arena, &other, zeros, ones, &o), ST_OK);
    ck_assert_int_eq(probe_fit(&wrong, &arena, &wide, zeros, ones, &o), ST_OK);
    o.start = &start;
    ck_assert_int_eq(probe_fit(&far, &arena, &items, zeros, ones, &o), ST_OK);
    o.start = &wrong;
    ck_assert_int_eq(probe_fit(&misfit, &arena, &items, zeros, ones, &o), ST_OK);
    double apart = 0;
    for (int i = 0; i < K * D; i++) {
        ck_assert_float_eq_tol(far.W[i], cold.W[i], 2e-3f);
        ck_assert_float_eq(misfit.W[i], cold.W[i]);
        apart = fmax(apart, (double)fabsf(start.W[i] - cold.W[i]));
    }
    ck_assert_double_gt(apart, .5); /* there was a way to go */
}
END_TEST

START_TEST(probe_moments_by_hand) {
    const float X[] = {1, 10, -7, 3, 10, -7, 5, 10, -7, 7, 10, -7}; /* stride 3: columns 1 3 5 7 and 10, rest unread */
    float mean[2], scale[2];
    probe_moments(4, 2, X, 3, mean, scale);
    ck_assert_float_eq(mean[0], 4);
    ck_assert_float_eq_tol(scale[0], sqrtf(5), 1e-6f);
    ck_assert_float_eq(mean[1], 10);
    ck_assert_float_eq(scale[1], 1);
}
END_TEST

/* Two classes whose means are 2 * sqrt(2) apart: the best rule is right with probability Phi(sqrt 2) = .9214. */
START_TEST(probe_reads_a_planted_label) {
    struct probe_items train = gaussian(1500, 20, 2, 2, 0), test = gaussian(4000, 20, 2, 2, 1);
    float mean[20], scale[20];
    probe_moments(train.n, train.d, train.X, train.ld, mean, scale);
    struct probe_options options = probe_defaults();
    struct probe p;
    ck_assert_int_eq(probe_fit(&p, &arena, &train, mean, scale, &options), ST_OK);
    double best = .5 * erfc(-sqrt(2) / sqrt(2)), accuracy = probe_accuracy(&p, &arena, &test);
    ck_assert_double_gt(accuracy, best - .02);
    ck_assert_double_lt(accuracy, best + 4 * sqrt(best * (1 - best) / test.n));
    ck_assert_double_lt(probe_bits(&p, &arena, &test), .35);
    /* a wide, easy case is perfect */
    struct probe_items easy = gaussian(400, 12, 11, 12, 2);
    ck_assert_int_eq(probe_fit(&p, &arena, &easy, zeros, ones, &options), ST_OK);
    struct probe_items easy_test = gaussian(400, 12, 11, 12, 3);
    ck_assert_double_eq(probe_accuracy(&p, &arena, &easy_test), 1);
}
END_TEST

START_TEST(probe_of_noise_is_at_chance) {
    for (int hidden = 0; hidden <= 8; hidden += 8) {
        struct probe_items train = gaussian(400, 10, 4, 0, 4), test = gaussian(4000, 10, 4, 0, 5);
        struct probe_options options = hidden ? probe_defaults_hidden() : probe_defaults();
        options.hidden = hidden;
        struct probe p;
        ck_assert_int_eq(probe_fit(&p, &arena, &train, zeros, ones, &options), ST_OK);
        double accuracy = probe_accuracy(&p, &arena, &test), sd = sqrt(.25 * .75 / test.n);
        ck_assert_double_gt(accuracy, .25 - 4 * sd);
        ck_assert_double_lt(accuracy, .25 + 4 * sd);
        ck_assert_double_gt(probe_bits(&p, &arena, &test), 2 - .02);
        ck_assert_double_lt(probe_bits(&p, &arena, &test), 2 + .06);
        ck_assert_double_eq(p.C, options.grid[0]);
    }
}
END_TEST

/* y = [x0 x1 > 0] has no linear reader. */
START_TEST(probe_hidden_layer_reads_xor) {
    enum { N = 800 };
    struct probe_items sides[2];
    for (int s = 0; s < 2; s++) {
        sides[s] = gaussian(N, 2, 2, 0, 6 + (uint64_t)s);
        int *y = ARENA_NEW(&arena, int, N);
        for (int i = 0; i < N; i++) y[i] = sides[s].X[2 * i] * sides[s].X[2 * i + 1] > 0;
        sides[s].y = y;
    }
    struct probe_options linear = probe_defaults(), hidden = probe_defaults_hidden();
    hidden.hidden = 16;
    struct probe p;
    ck_assert_int_eq(probe_fit(&p, &arena, &sides[0], zeros, ones, &linear), ST_OK);
    ck_assert_double_lt(probe_accuracy(&p, &arena, &sides[1]), .58);
    ck_assert_int_eq(probe_fit(&p, &arena, &sides[0], zeros, ones, &hidden), ST_OK);
    ck_assert_double_gt(probe_accuracy(&p, &arena, &sides[1]), .95);
}
END_TEST

START_TEST(probe_folds_keep_groups_whole) {
    enum { N = 97, GROUPS = 11, FOLDS = 3 };
    int group[N], fold[N], of_group[GROUPS], filled[FOLDS] = {0};
    for (int i = 0; i < N; i++) group[i] = (i * i) % GROUPS - 4;
    ck_assert_int_eq(probe_folds(&arena, N, group, FOLDS, 5, fold), FOLDS);
    memset(of_group, -1, sizeof of_group);
    for (int i = 0; i < N; i++) {
        ck_assert_int_ge(fold[i], 0);
        ck_assert_int_lt(fold[i], FOLDS);
        if (of_group[group[i] + 4] < 0) of_group[group[i] + 4] = fold[i];
        ck_assert_int_eq(of_group[group[i] + 4], fold[i]);
        filled[fold[i]]++;
    }
    /* six groups (squares mod 11) of at most 18 items: no fold is emptier than a third less one group */
    for (int f = 0; f < FOLDS; f++) ck_assert_int_ge(filled[f], N / FOLDS - 18);
    int one_group[4] = {7, 7, 7, 7};
    ck_assert_int_eq(probe_folds(&arena, 4, one_group, FOLDS, 5, fold), 1);
    ck_assert_int_eq(probe_folds(&arena, N, NULL, FOLDS, 5, fold), FOLDS);
    int count[FOLDS] = {0};
    for (int i = 0; i < N; i++) count[fold[i]]++;
    for (int f = 0; f < FOLDS; f++) ck_assert_int_ge(count[f], N / FOLDS);
}
END_TEST

/* Items of a group are near copies and the label belongs to the group alone: across groups nothing can be learnt.
 * Folds that split groups would praise a weak penalty. */
START_TEST(probe_groups_decide_the_penalty) {
    enum { GROUPS = 60, EACH = 10, N = GROUPS * EACH, D = 30 };
    struct rng rng = rng_open(3, "test_probe", 9);
    float *X = ARENA_NEW(&arena, float, N *D);
    int y[N], group[N];
    for (int g = 0; g < GROUPS; g++) {
        int label = (int)rng_below(&rng, 2);
        for (int j = 0; j < D; j++) {
            float centre = rng_normal(&rng);
            for (int e = 0; e < EACH; e++) X[(g * EACH + e) * D + j] = centre + .05f * rng_normal(&rng);
        }
        for (int e = 0; e < EACH; e++) {
            y[g * EACH + e] = label;
            group[g * EACH + e] = g;
        }
    }
    struct probe_items items = {.n = N, .d = D, .K = 2, .ld = D, .X = X, .y = y, .group = group};
    struct probe_options options = probe_defaults();
    struct probe kept, split;
    ck_assert_int_eq(probe_fit(&kept, &arena, &items, zeros, ones, &options), ST_OK);
    items.group = NULL;
    ck_assert_int_eq(probe_fit(&split, &arena, &items, zeros, ones, &options), ST_OK);
    ck_assert_double_eq(kept.C, options.grid[0]);
    ck_assert_double_ge(split.C, 1);
}
END_TEST

START_TEST(probe_gradient_matches_differences) {
    for (int hidden = 0; hidden <= 3; hidden += 3) {
        struct probe_items items = gaussian(50, 5, 3, 1, 10);
        struct probe_net net;
        probe_net_open(&net, &arena, items.n, items.d, items.K, hidden, items.X, items.y);
        net.lambda = .1;
        int size = probe_net_size(items.d, items.K, hidden);
        ck_assert_int_eq(size % 8, 0);
        double *theta = ARENA_NEW(&arena, double, size), *grad = ARENA_NEW(&arena, double, size);
        struct rng rng = rng_open(1, "theta", 0);
        int used = hidden ? hidden * 5 + hidden + 3 * hidden + 3 : 3 * 5 + 3;
        for (int i = 0; i < used; i++) theta[i] = .5 * rng_normal(&rng);
        probe_net_loss(&net, theta, grad);
        double *unused = ARENA_NEW(&arena, double, size);
        for (int i = 0; i < used; i++) {
            const double h = 1e-2;
            double kept = theta[i];
            theta[i] = kept + h;
            double above = probe_net_loss(&net, theta, unused);
            theta[i] = kept - h;
            double below = probe_net_loss(&net, theta, unused);
            theta[i] = kept;
            ck_assert_double_eq_tol(grad[i], (above - below) / (2 * h), 2e-4);
        }
        for (int i = used; i < size; i++) ck_assert_double_eq(grad[i], 0);
    }
}
END_TEST

START_TEST(probe_travels_as_a_flat_array) {
    for (int hidden = 0; hidden <= 6; hidden += 6) {
        struct probe_items items = gaussian(200, 7, 3, 1, 12);
        float mean[7], scale[7];
        probe_moments(items.n, items.d, items.X, items.ld, mean, scale);
        struct probe_options options = hidden ? probe_defaults_hidden() : probe_defaults();
        options.hidden = hidden;
        struct probe p, again, back;
        ck_assert_int_eq(probe_fit(&p, &arena, &items, mean, scale, &options), ST_OK);
        ck_assert_int_eq(probe_fit(&again, &arena, &items, mean, scale, &options), ST_OK);
        size_t size = probe_flat_size(&p);
        float *flat = ARENA_NEW(&arena, float, size), *flat_again = ARENA_NEW(&arena, float, size);
        probe_save(&p, flat);
        probe_save(&again, flat_again);
        ck_assert_mem_eq(flat, flat_again, size * sizeof *flat);
        ck_assert_int_eq(probe_restore(&back, &arena, flat, size), ST_OK);
        float a[200 * 3], b[200 * 3];
        probe_predict(&p, &arena, 200, items.X, items.ld, a);
        probe_predict(&back, &arena, 200, items.X, items.ld, b);
        ck_assert_mem_eq(a, b, sizeof a);
        for (int i = 0; i < 200; i++) ck_assert_float_eq_tol(a[3 * i] + a[3 * i + 1] + a[3 * i + 2], 1, 1e-5f);
        ck_assert_int_eq(probe_restore(&back, &arena, flat, size - 1), ST_DATA);
        ck_assert_int_eq(probe_restore(&back, &arena, flat, 2), ST_DATA);
        flat[1] = NAN;
        ck_assert_int_eq(probe_restore(&back, &arena, flat, size), ST_DATA);
        flat[1] = 2.5f;
        ck_assert_int_eq(probe_restore(&back, &arena, flat, size), ST_DATA);
        /* d, K and hidden width, each too small, too large, and another than the floats are for */
        static const float heads[][3] = {{0, 3, 0},       {-1, 3, 0}, {8, 3, 0},       {0x1p21f, 3, 0},
                                         {7, 1, 0},       {7, 4, 0},  {7, 0x1p20f, 0}, {7, 3, -1},
                                         {7, 3, 0x1p20f}, {7, 3, 5},  {0x1p20f, 3, 0}};
        for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
            memcpy(flat, heads[i], sizeof heads[i]);
            ck_assert_int_eq(probe_restore(&back, &arena, flat, size), ST_DATA);
        }
    }
}
END_TEST

START_TEST(probe_raw_form_agrees) {
    struct probe_items items = gaussian(300, 6, 3, 2, 13);
    float mean[6], scale[6], W[18], b[3], prob[900];
    probe_moments(items.n, items.d, items.X, items.ld, mean, scale);
    for (int j = 0; j < 6; j++) mean[j] += 3;
    struct probe_options options = probe_defaults();
    struct probe p;
    ck_assert_int_eq(probe_fit(&p, &arena, &items, mean, scale, &options), ST_OK);
    probe_raw(&p, W, b);
    probe_predict(&p, &arena, items.n, items.X, items.ld, prob);
    for (int i = 0; i < items.n; i++) {
        double e[3], sum = 0;
        for (int k = 0; k < 3; k++) {
            double logit = b[k];
            for (int j = 0; j < 6; j++) logit += (double)W[6 * k + j] * items.X[6 * i + j];
            sum += e[k] = exp(logit);
        }
        for (int k = 0; k < 3; k++) ck_assert_double_eq_tol(e[k] / sum, prob[3 * i + k], 1e-4);
    }
}
END_TEST

START_TEST(probe_refuses_bad_items) {
    struct probe_items items = gaussian(20, 3, 2, 1, 14);
    struct probe_options options = probe_defaults();
    struct probe p;
    int y[20];
    memcpy(y, items.y, sizeof y);
    y[7] = 2;
    struct probe_items bad = items;
    bad.y = y;
    ck_assert_int_eq(probe_fit(&p, &arena, &bad, zeros, ones, &options), ST_DATA);
    ck_assert_str_eq(status_message(), "probe: label 2 of item 7 is not in [0, 2)");
    float X[60];
    memcpy(X, items.X, sizeof X);
    X[4] = INFINITY;
    bad = items;
    bad.X = X;
    ck_assert_int_eq(probe_fit(&p, &arena, &bad, zeros, ones, &options), ST_DATA);
    ck_assert_int_eq(probe_fit(&p, &arena, &items, zeros, zeros, &options), ST_DATA);
    for (int i = 0; i < 4; i++) {
        struct probe_options o = options;
        if (i == 0) o.n_grid = 0;
        if (i == 1) o.n_grid = PROBE_MAX_GRID + 1;
        if (i == 2) o.folds = 0;
        if (i == 3) o.hidden = -1;
        ck_assert_int_eq(probe_fit(&p, &arena, &items, zeros, ones, &o), ST_USAGE);
    }
    for (int i = 0; i < 4; i++) {
        bad = items;
        if (i == 0) bad.n = 1;
        if (i == 1) bad.d = 0;
        if (i == 2) bad.K = 1;
        if (i == 3) bad.y = y;
        y[7] = -1;
        ck_assert_int_eq(probe_fit(&p, &arena, &bad, zeros, ones, &options), ST_DATA);
    }
}
END_TEST

Suite *suite_probe(void) {
    Suite *s = suite_create("probe");
    TCase *c = tcase_create("probe");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, probe_two_points_closed_form);
    tcase_add_test(c, probe_without_information_gives_frequencies);
    tcase_add_test(c, probe_start_does_not_matter);
    tcase_add_test(c, probe_moments_by_hand);
    tcase_add_test(c, probe_reads_a_planted_label);
    tcase_add_test(c, probe_of_noise_is_at_chance);
    tcase_add_test(c, probe_hidden_layer_reads_xor);
    tcase_add_test(c, probe_folds_keep_groups_whole);
    tcase_add_test(c, probe_groups_decide_the_penalty);
    tcase_add_test(c, probe_gradient_matches_differences);
    tcase_add_test(c, probe_travels_as_a_flat_array);
    tcase_add_test(c, probe_raw_form_agrees);
    tcase_add_test(c, probe_refuses_bad_items);
    suite_add_tcase(s, c);
    return s;
}
