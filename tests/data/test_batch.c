#include <check.h>
#include <string.h>

#include "data/batch.h"

enum { BOT = 90, EOT, EOS, N = -1 };

static struct arena arena;
static const struct task_shape shape = {
    .vocab = 100, .channels = 2, .channel_vocab = {100, 50}, .question = 5, .reasoning = 4, .output = 4, .steps = 3};

/* Row 0: steps of 1, 2 and 1 tokens; row 1: one step of one token and a shorter question. */
static const struct problem problems[2] = {
    {.question = {1, 2, 3, 4, BOT},
     .further = {{11}, {12}, {13}, {N}, {N}},
     .n_question = 5,
     .reasoning = {21, 22, 23, 24},
     .n_reasoning = 4,
     .n_steps = 3,
     .step_start = {0, 1, 3, 4},
     .output = {EOT, 31, 32, EOS},
     .n_output = 4},
    {.question = {5, 6, BOT},
     .further = {{15}, {N}, {N}},
     .n_question = 3,
     .reasoning = {25},
     .n_reasoning = 1,
     .n_steps = 1,
     .step_start = {0, 1},
     .output = {EOT, 33, EOS},
     .n_output = 3},
};

static struct batch batch;

static void setup(void) {
    arena_open(&arena, 1 << 16);
    batch_open(&batch, &arena, &shape, 2);
}
static void teardown(void) {
    arena_close(&arena);
}

/* tail: channel 0 of each position; channel 1 is always empty there. */
static void assert_tail(int R, const int *tail, const int *target, const char *roles) {
    ck_assert_int_eq(batch.R, R);
    for (int i = 0; i < 2 * R; i++) {
        ck_assert_int_eq(batch.tail[2 * i], tail[i]);
        ck_assert_int_eq(batch.tail[2 * i + 1], N);
        ck_assert_int_eq(batch.target[i], target[i]);
        ck_assert_int_eq(batch.role[i], roles[i] == 'r' ? ROLE_REASONING : roles[i] == 'o' ? ROLE_OUTPUT : ROLE_PAD);
    }
}

START_TEST(questions_end_on_the_same_column) {
    batch_fill(&batch, &shape, problems, 0);
    static const int want[2][5][2] = {{{1, 11}, {2, 12}, {3, 13}, {4, N}, {BOT, N}},
                                      {{N, N}, {N, N}, {5, 15}, {6, N}, {BOT, N}}};
    ck_assert_int_eq(batch.Q, 5);
    ck_assert_int_eq(batch.channels, 2);
    ck_assert_mem_eq(batch.question, want, sizeof want);
    ck_assert_int_eq(batch.start[0], 0);
    ck_assert_int_eq(batch.start[1], 2);
}
END_TEST

START_TEST(whole_reasoning) {
    batch_fill(&batch, &shape, problems, 0);
    static const int tail[] = {21, 22, 23, 24, EOT, 31, 32, EOS, 25, EOT, 33, EOS, N, N, N, N};
    static const int target[] = {22, 23, 24, EOT, 31, 32, EOS, N, EOT, 33, EOS, N, N, N, N, N};
    assert_tail(8, tail, target, "rrrroooorooo....");
    ck_assert_int_eq(batch.first_target[0], 21);
    ck_assert_int_eq(batch.first_target[1], 25);
    ck_assert_int_eq(batch.output_start[0], 4);
    ck_assert_int_eq(batch.output_start[1], 1);
}
END_TEST

START_TEST(steps_left_out) {
    batch_fill(&batch, &shape, problems, 0); /* stale contents must not show through */
    batch_fill(&batch, &shape, problems, 1);
    static const int tail1[] = {22, 23, 24, EOT, 31, 32, EOS, EOT, 33, EOS, N, N, N, N};
    static const int target1[] = {23, 24, EOT, 31, 32, EOS, N, 33, EOS, N, N, N, N, N};
    assert_tail(7, tail1, target1, "rrrooooooo....");
    ck_assert_int_eq(batch.first_target[0], 22);
    ck_assert_int_eq(batch.first_target[1], EOT);
    ck_assert_int_eq(batch.output_start[1], 0);

    batch_fill(&batch, &shape, problems, 2);
    static const int tail2[] = {24, EOT, 31, 32, EOS, EOT, 33, EOS, N, N};
    static const int target2[] = {EOT, 31, 32, EOS, N, 33, EOS, N, N, N};
    assert_tail(5, tail2, target2, "rooooooo..");

    batch_fill(&batch, &shape, problems, 9);
    static const int tail9[] = {EOT, 31, 32, EOS, EOT, 33, EOS, N};
    static const int target9[] = {31, 32, EOS, N, 33, EOS, N, N};
    assert_tail(4, tail9, target9, "ooooooo.");
    ck_assert_int_eq(batch.first_target[0], EOT);
}
END_TEST

START_TEST(own_reasoning) {
    static const int reasoning[2][3] = {{41, 42, 99}, {43, 44, 45}}, n[2] = {2, 3};
    batch_fill_reasoning(&batch, &shape, problems, &reasoning[0][0], n, 3);
    static const int tail[] = {41, 42, EOT, 31, 32, EOS, 43, 44, 45, EOT, 33, EOS};
    static const int target[] = {42, EOT, 31, 32, EOS, N, 44, 45, EOT, 33, EOS, N};
    assert_tail(6, tail, target, "rroooorrrooo");
    ck_assert_int_eq(batch.first_target[0], 41);
    ck_assert_int_eq(batch.output_start[0], 2);
    ck_assert_int_eq(batch.output_start[1], 3);
}
END_TEST

Suite *suite_batch(void) {
    Suite *s = suite_create("batch");
    TCase *tc = tcase_create("batch");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, questions_end_on_the_same_column);
    tcase_add_test(tc, whole_reasoning);
    tcase_add_test(tc, steps_left_out);
    tcase_add_test(tc, own_reasoning);
    suite_add_tcase(s, tc);
    return s;
}
