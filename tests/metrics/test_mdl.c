#include <check.h>
#include <math.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/gemm.h"
#include "metrics/mdl.h"
#include "metrics/selectivity.h"

static struct arena arena;

static void setup(void) {
    arena_open(&arena, 1 << 20);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
}

static void teardown(void) {
    arena_close(&arena);
}

enum { D = 8 };
static const float mean[D];
static const float scale[D] = {1, 1, 1, 1, 1, 1, 1, 1};

static struct probe_items gaussian(int n, int K, float shift, uint64_t index) {
    struct rng rng = rng_open(21, "test_mdl", index);
    float *X = ARENA_NEW(&arena, float, n *D);
    int *y = ARENA_NEW(&arena, int, n);
    for (int i = 0; i < n; i++) {
        y[i] = (int)rng_below(&rng, (uint32_t)K);
        for (int j = 0; j < D; j++) X[i * D + j] = rng_normal(&rng) + (j == y[i] ? shift : 0);
    }
    return (struct probe_items){.n = n, .d = D, .K = K, .ld = D, .X = X, .y = y};
}

/* n = 3200, K = 4: t_1 = 32, then doubling. */
START_TEST(mdl_blocks_double) {
    struct probe_items items = gaussian(3200, 4, 20, 0);
    struct probe_options options = probe_defaults();
    struct mdl mdl;
    ck_assert_int_eq(mdl_online(&mdl, &arena, &items, mean, scale, &options), ST_OK);
    static const int ends[] = {32, 64, 128, 256, 512, 1024, 2048, 3200};
    ck_assert_int_eq(mdl.blocks, 8);
    double sum = 0;
    for (int s = 0; s < 8; s++) {
        ck_assert_int_eq(mdl.end[s], ends[s]);
        sum += mdl.each[s];
    }
    ck_assert_double_eq(mdl.each[0], 64); /* 32 items of 2 bits */
    ck_assert_double_eq(mdl.uniform, 6400);
    ck_assert_double_eq_tol(mdl.bits, sum, 1e-9);
    /* classes 20 sd apart: after the first block next to nothing is left to send */
    ck_assert_double_lt(mdl.bits, 64 + 16);
    ck_assert_double_gt(mdl.compression, 80);
}
END_TEST

START_TEST(mdl_of_noise_is_uniform) {
    struct probe_items items = gaussian(2000, 4, 0, 1);
    struct probe_options options = probe_defaults();
    struct mdl mdl;
    ck_assert_int_eq(mdl_online(&mdl, &arena, &items, mean, scale, &options), ST_OK);
    ck_assert_double_gt(mdl.compression, .93);
    ck_assert_double_lt(mdl.compression, 1.005);
    struct mdl again;
    ck_assert_int_eq(mdl_online(&again, &arena, &items, mean, scale, &options), ST_OK);
    ck_assert_double_eq(mdl.bits, again.bits);
    items.n = 31;
    ck_assert_int_eq(mdl_online(&mdl, &arena, &items, mean, scale, &options), ST_DATA);
}
END_TEST

/* A stronger signal takes fewer bits. */
START_TEST(mdl_orders_signals) {
    struct probe_options options = probe_defaults();
    double before = INFINITY;
    for (int shift = 0; shift <= 4; shift++) {
        struct probe_items items = gaussian(800, 4, (float)shift, 2);
        struct mdl mdl;
        ck_assert_int_eq(mdl_online(&mdl, &arena, &items, mean, scale, &options), ST_OK);
        ck_assert_double_lt(mdl.bits, before);
        ck_assert_double_gt(mdl.bits, mdl.each[0]);
        before = mdl.bits;
    }
}
END_TEST

START_TEST(mdl_ends_blocks_with_groups) {
    struct probe_items items = gaussian(700, 2, 3, 3);
    int *group = ARENA_NEW(&arena, int, 700);
    for (int i = 0; i < 700; i++) group[i] = i % 100; /* 100 groups of 7 */
    items.group = group;
    struct probe_options options = probe_defaults();
    struct mdl mdl;
    ck_assert_int_eq(mdl_online(&mdl, &arena, &items, mean, scale, &options), ST_OK);
    for (int s = 0; s < mdl.blocks; s++) ck_assert_int_eq(mdl.end[s] % 7, 0);
    ck_assert_int_eq(mdl.end[0], 14); /* at least 4 K = 8 items, then to the end of the group */
    ck_assert_int_eq(mdl.end[mdl.blocks - 1], 700);
}
END_TEST

/* A probe that says sigmoid(2) for the right class of two: H(Y | R) = log2(1 + e^-2), H(Y) = 1. */
START_TEST(v_information_closed_form) {
    enum { N = 40 };
    float X[N];
    int y[N];
    for (int i = 0; i < N; i++) {
        y[i] = i % 2;
        X[i] = y[i] ? 1 : -1;
    }
    struct probe_items items = {.n = N, .d = 1, .K = 2, .ld = 1, .X = X, .y = y};
    float zero = 0, one = 1, params[8] = {-1, 1, 0, 0}; /* W, then b, in one block */
    struct probe p = {.d = 1, .K = 2, .mean = &zero, .scale = &one, .W = params, .b = params + 2};
    struct v_information v = v_information(&p, &arena, N, y, &items);
    ck_assert_double_eq_tol(v.without, 1, 1e-12);
    ck_assert_double_eq_tol(v.with, log2(1 + exp(-2)), 1e-6);
    ck_assert_double_eq_tol(v.bits, 1 - log2(1 + exp(-2)), 1e-6);
}
END_TEST

START_TEST(v_information_of_signal_and_noise) {
    struct probe_options options = probe_defaults();
    for (int shift = 0; shift <= 12; shift += 12) {
        struct probe_items train = gaussian(800, 4, (float)shift, 4), test = gaussian(800, 4, (float)shift, 5);
        struct probe p;
        ck_assert_int_eq(probe_fit(&p, &arena, &train, mean, scale, &options), ST_OK);
        struct v_information v = v_information(&p, &arena, train.n, train.y, &test);
        ck_assert_double_eq_tol(v.bits, shift ? 2 : 0, .02);
    }
}
END_TEST

START_TEST(joint_labels_number_rows_in_order) {
    const int labels[] = {1, 0, 0, 2, 1, 0, 0, -1, 0, 2}; /* (1 0) (0 2) (1 0) (0 -1) (0 2) */
    int joint[5];
    ck_assert_int_eq(joint_label(&arena, 5, 2, labels, joint), 3);
    static const int expected[] = {2, 1, 2, 0, 1};
    for (int i = 0; i < 5; i++) ck_assert_int_eq(joint[i], expected[i]);
}
END_TEST

/* Two copies of one fact hold its bits once, not twice. */
START_TEST(joint_bits_do_not_count_twice) {
    struct probe_items train = gaussian(800, 4, 12, 6), test = gaussian(800, 4, 12, 7);
    int *rows = ARENA_NEW(&arena, int, 3200), *joint = ARENA_NEW(&arena, int, 1600);
    for (int i = 0; i < 800; i++) {
        rows[2 * i] = rows[2 * i + 1] = train.y[i];
        rows[1600 + 2 * i] = rows[1600 + 2 * i + 1] = test.y[i];
    }
    ck_assert_int_eq(joint_label(&arena, 1600, 2, rows, joint), 4);
    train.y = joint;
    test.y = joint + 800;
    struct probe_options options = probe_defaults();
    struct probe p;
    ck_assert_int_eq(probe_fit(&p, &arena, &train, mean, scale, &options), ST_OK);
    ck_assert_double_eq_tol(v_information(&p, &arena, 800, joint, &test).bits, 2, .02);
}
END_TEST

/* Sixteen types, each with a vector of its own and the label type % 4: label and control label can both be memorised. */
START_TEST(selectivity_is_zero_for_memorised_types) {
    enum { TYPES = 16, N = 320 };
    float *X = ARENA_NEW(&arena, float, N *TYPES), centre[TYPES] = {0}, unit[TYPES];
    int type[N], y[N];
    for (int i = 0; i < N; i++) {
        type[i] = i % TYPES;
        y[i] = type[i] % 4;
        X[i * TYPES + type[i]] = 4;
    }
    for (int j = 0; j < TYPES; j++) unit[j] = 1;
    struct probe_items items = {.n = N, .d = TYPES, .K = 4, .ld = TYPES, .X = X, .y = y};
    struct probe_options options = probe_defaults();
    struct selectivity s;
    ck_assert_int_eq(selectivity_measure(&s, &arena, &items, type, &items, type, centre, unit, &options), ST_OK);
    ck_assert_double_eq(s.accuracy, 1);
    ck_assert_double_eq(s.control, 1);
    ck_assert_double_eq(s.selectivity, 0);
}
END_TEST

/* When every item is its own type the control labels are noise: the whole accuracy above chance is selective. */
START_TEST(selectivity_is_full_for_a_coded_label) {
    struct probe_items train = gaussian(600, 4, 12, 8), test = gaussian(2000, 4, 12, 9);
    int *type = ARENA_NEW(&arena, int, 2600);
    for (int i = 0; i < 2600; i++) type[i] = i;
    struct probe_options options = probe_defaults();
    struct selectivity s;
    ck_assert_int_eq(selectivity_measure(&s, &arena, &train, type, &test, type + 600, mean, scale, &options), ST_OK);
    ck_assert_double_eq(s.accuracy, 1);
    ck_assert_double_eq_tol(s.control, .25, 4 * sqrt(.25 * .75 / 2000));
    ck_assert_double_eq_tol(s.selectivity, s.accuracy - s.control, 1e-12);
}
END_TEST

START_TEST(control_labels_belong_to_types) {
    int type[2000], control[2000], y[4] = {0, 0, 0, 1}, ones = 0;
    for (int i = 0; i < 2000; i++) type[i] = i % 1000 - 500;
    selectivity_control_labels(2000, type, 4, y, 3, control);
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(control[i], control[i + 1000]);
        ones += control[i];
    }
    /* one label in four is 1, within four standard errors */
    ck_assert_int_gt(ones, 250 - 55);
    ck_assert_int_lt(ones, 250 + 55);
}
END_TEST

Suite *suite_mdl(void) {
    Suite *s = suite_create("mdl");
    TCase *c = tcase_create("mdl");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, mdl_blocks_double);
    tcase_add_test(c, mdl_of_noise_is_uniform);
    tcase_add_test(c, mdl_orders_signals);
    tcase_add_test(c, mdl_ends_blocks_with_groups);
    tcase_add_test(c, v_information_closed_form);
    tcase_add_test(c, v_information_of_signal_and_noise);
    tcase_add_test(c, joint_labels_number_rows_in_order);
    tcase_add_test(c, joint_bits_do_not_count_twice);
    tcase_add_test(c, selectivity_is_zero_for_memorised_types);
    tcase_add_test(c, selectivity_is_full_for_a_coded_label);
    tcase_add_test(c, control_labels_belong_to_types);
    suite_add_tcase(s, c);
    return s;
}
