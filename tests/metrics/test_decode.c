/* Readings and drift: arithmetic by hand, vectors in which the answer was planted, and vectors that hold nothing. */
#include <check.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "engine/checkpoint.h"
#include "metrics/decode_internal.h"
#include "tests/metrics/decode_setup.h"

Suite *suite_decode(void);

/* ---- by hand ---- */

START_TEST(figures_of_a_reading) {
    int y[] = {0, 1, 2};
    float p[] = {.5f, .3f, .2f, .2f, .2f, .6f, 0, 0, 0};
    struct decode_reading r = {
        .view = "u", .layer = 2, .step = 1, .n = 2, .K = 3, .y = y, .p = p, .bits = {1.25, .9, 1.6}};
    struct decode d = {.n_readings = 1, .readings = &r, .steps = 1};
    struct measurement m = {
        .arena = &subject_arena, .mind = &subject_thinker.mind, .decode = &d, .emit = sheet_note, .to = &subject_sheet};
    subject_sheet.n = 0;
    static const char *const names[] = {"read_accuracy", "read_auroc", "read_gmean2", "read_tpr", "v_information"};
    for (int i = 0; i < 5; i++) ck_assert_int_eq(measurement_run(&m, names[i]), ST_OK);
    /* says 0 and 2. Positives .5 and .2 against negatives .3 .2 .2 .6: (3/4 + (0 + 2/2)/4) / 2. TPR 1/2, TNR 3/4. */
    const double expected[] = {.5, .5, .375, 0, 1.25};
    for (int i = 0; i < 5; i++)
        ck_assert_double_eq_tol(subject_row(names[i], 1, 2, "value", "u")->value, expected[i], 1e-12);
    ck_assert_int_eq(decode_says(&r, 2), -1); /* nothing stated: no value, not the first one */
    r.n = 0;
    subject_sheet.n = 0;
    ck_assert_int_eq(measurement_run(&m, "read_accuracy"), ST_OK);
    ck_assert_str_eq(subject_sheet.row[0].status, "skip");
    r.n = 2;
    r.failed = true;
    subject_sheet.n = 0;
    ck_assert_int_eq(measurement_run(&m, "read_accuracy"), ST_OK);
    ck_assert_str_eq(subject_sheet.row[0].status, "nonfinite");
}
END_TEST

/* ---- states ---- */

START_TEST(states_are_those_of_the_network) {
    struct rollout whole, silent, inputs, finals;
    const struct mind *mind = &subject_thinker.mind;
    const struct rollout_options o = {.force.stop = -1}, reasoning = {.reasoning_only = true, .force.stop = -1};
    rollout_open(&whole, &subject_arena, mind, TEST);
    rollout_open_reasoning(&silent, &subject_arena, mind, TEST);
    rollout_open_states(&inputs, &subject_arena, mind, TEST, 0, 1);
    rollout_open_states(&finals, &subject_arena, mind, TEST, 1, 2); /* two blocks */
    runner_run(subject_thinker.runner, mind, subject_thinker.test, &o, &whole);
    runner_run(subject_thinker.runner, mind, subject_thinker.test, &reasoning, &silent);
    runner_run(subject_thinker.runner, mind, subject_thinker.test, &reasoning, &inputs);
    runner_run(subject_thinker.runner, mind, subject_thinker.test, &reasoning, &finals);
    ck_assert_mem_eq(silent.u, whole.u, (size_t)TEST * STEPS * WIDTH * sizeof(float));
    ck_assert_ptr_null(whole.states);
    for (int i = 0; i < TEST; i++)
        for (int k = 0; k < STEPS; k++) {
            const long at = ((long)i * STEPS + k) * WIDTH;
            const float *first = inputs.states + at, *u = whole.u + at,
                        *last = finals.states + (((long)i * 2 + 1) * STEPS + k) * WIDTH;
            const float *position =
                subject_thinker.model.p.wpe + (long)(subject_thinker.test[i].n_question + k) * WIDTH;
            for (int j = 0; j < WIDTH; j++) ck_assert_float_eq(first[j], u[j] + position[j]);
            if (k == 0) ck_assert_mem_eq(finals.before + (long)i * WIDTH, u, WIDTH * sizeof(float));
            if (k + 1 < STEPS) ck_assert_mem_eq(last, u + WIDTH, WIDTH * sizeof(float)); /* the next thought */
        }
}
END_TEST

/* Run for together or one by one, the states of a layer are the same. */
START_TEST(layers_one_by_one_are_those_at_once) {
    subject_measurement(&subject_thinker, FIT);
    const struct measurement *m = &subject_thinker.m;
    const int layers = m->mind->gpt->config.layers + 1;
    struct decode_states all, one;
    decode_states_open(&all, m, m->mind, &m->own_fit, &m->own_test);
    decode_states_open(&one, m, m->mind, &m->own_fit, &m->own_test);
    ck_assert_int_eq(one.layers, 1);
    all.layers = layers;
    for (int l = 0; l < layers; l++) {
        const struct decode_channel a = decode_states_at(&all, l), b = decode_states_at(&one, l);
        ck_assert_int_eq(a.layer, b.layer);
        ck_assert_int_eq(a.item, layers * b.item);
        for (int i = 0; i < FIT; i++)
            ck_assert_mem_eq(a.side[0] + i * a.item, b.side[0] + i * b.item, (size_t)b.item * sizeof(float));
        for (int i = 0; i < TEST; i++)
            ck_assert_mem_eq(a.side[1] + i * a.item, b.side[1] + i * b.item, (size_t)b.item * sizeof(float));
    }
    decode_states_close(&all);
    decode_states_close(&one);
}
END_TEST

/* GPT-2 behind long questions runs fewer rows at a time than a small model does. */
START_TEST(rows_fit_their_memory) {
    const struct gpt gpt2 = {
        .config = {.vocab = 50260, .context = 1024, .layers = 12, .heads = 12, .width = 768, .tied = true}};
    struct task_ctx task = subject_thinker.task;
    struct mind mind = subject_thinker.mind;
    task.shape.question = 500;
    mind.gpt = &gpt2;
    mind.task = &task;
    const int rows = runner_rows(&mind, ROWS), T = task.shape.question + STEPS + task.shape.output;
    ck_assert_int_eq(runner_rows(&subject_thinker.mind, ROWS), ROWS);
    ck_assert(rows >= 1 && rows < ROWS);
    ck_assert_uint_le(tape_bytes(&gpt2.config, TAPE_INFER, rows, T, STEPS), RUNNER_BYTES);
    ck_assert_uint_gt(tape_bytes(&gpt2.config, TAPE_INFER, 2 * rows, T, STEPS), RUNNER_BYTES);
    task.shape.question = 1000;
    ck_assert_int_ge(runner_rows(&mind, 1), 1);
}
END_TEST

START_TEST(states_of_text_stand_at_its_tokens) {
    struct rollout r;
    int *tokens = ARENA_NEW(&subject_arena, int, TEST *STEPS), *lengths = ARENA_NEW(&subject_arena, int, TEST);
    for (int i = 0; i < TEST; i++) {
        lengths[i] = 1 + i % STEPS;
        for (int k = 0; k < STEPS; k++) tokens[i * STEPS + k] = subject_writer.test[i].reasoning[k];
    }
    const struct rollout_options o = {.reasoning_only = true,
                                      .force = {.until = STEPS, .stop = -1, .tokens = tokens, .n_tokens = lengths}};
    rollout_open_states(&r, &subject_arena, &subject_writer.mind, TEST, 0, 1);
    runner_run(subject_writer.runner, &subject_writer.mind, subject_writer.test, &o, &r);
    for (int i = 0; i < TEST; i++)
        for (int k = 0; k < STEPS; k++) {
            const float *x = r.states + ((long)i * STEPS + k) * WIDTH;
            const float *w = subject_writer.model.p.wte + (long)tokens[i * STEPS + k] * WIDTH;
            const float *position = subject_writer.model.p.wpe + (long)(subject_writer.test[i].n_question + k) * WIDTH;
            const bool there = k < lengths[i];
            for (int j = 0; j < WIDTH; j++) ck_assert_float_eq(x[j], there ? w[j] + position[j] : 0.0f);
        }
}
END_TEST

/* ---- planted ---- */

START_TEST(planted_values_are_read) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    s->m.depth = DEPTH_ARM;
    subject_measure(s, "read_accuracy");
    subject_measure(s, "read_gmean2");
    subject_measure(s, "read_auroc");
    subject_measure(s, "v_information");
    for (int k = 0; k < STEPS; k++) {
        ck_assert_double_ge(subject_value("read_accuracy", k, "value", "u"), .999);
        ck_assert_double_ge(subject_value("read_gmean2", k, "value", "u"), .999);
        ck_assert_double_ge(subject_value("read_auroc", k, "value", "u"), .999);
        ck_assert_double_eq_tol(subject_value("v_information", k, "value", "u"), log2(P), .05);
        subject_is_chance(subject_value("read_accuracy", k, "value", "shuffled"), TEST);
        ck_assert_double_le(subject_value("v_information", k, "value", "shuffled"), .02);
        ck_assert_double_le(subject_value("read_gmean2", k, "value", "shuffled"), .25);
    }
    /* step 1 is c itself; in the other chain nothing of it was planted */
    ck_assert_double_ge(subject_value("read_accuracy", 1, "c", "u"), .999);
    subject_is_chance(subject_value("read_accuracy", 2, "c", "u"), TEST);
    subject_is_chance(subject_value("read_accuracy", 3, "c", "u"), TEST);
}
END_TEST

START_TEST(noise_reads_as_chance) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    subject_measure(s, "read_accuracy");
    subject_measure(s, "v_information");
    for (int k = 0; k < STEPS; k++) {
        subject_is_chance(subject_value("read_accuracy", k, "value", "u"), TEST);
        subject_is_chance(subject_value("read_accuracy", k, "c", "u"), TEST);
        ck_assert_double_le(subject_value("v_information", k, "value", "u"), .02);
    }
}
END_TEST

START_TEST(the_lens_reads_unembeddings) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    for (int i = 0; i < TEST; i++)
        for (int k = 0; k < STEPS; k++) {
            const int token = s->task.task->value_token(&s->task, k, s->test[i].value[k], 0);
            for (int j = 0; j < WIDTH; j++)
                s->m.own_test.u[((long)i * STEPS + k) * WIDTH + j] = 30 * s->model.p.head[(long)token * WIDTH + j];
        }
    subject_measure(s, "read_accuracy");
    for (int k = 0; k < STEPS; k++) ck_assert_double_ge(subject_value("read_accuracy", k, "value", "lens"), .99);
    subject_is_chance(subject_value("read_accuracy", 3, "c", "lens"), TEST);
}
END_TEST

/* Every fourth question writes another value, every sixth none. */
START_TEST(the_reader_reads_what_is_written) {
    struct subject *s = &subject_writer;
    int right = 0;
    subject_measurement(s, FIT);
    for (int i = 0; i < TEST; i++) {
        int *tokens = s->m.own_test.reasoning + (long)i * STEPS;
        s->m.own_test.n_reasoning[i] = STEPS;
        for (int k = 0; k < STEPS; k++) tokens[k] = s->test[i].reasoning[k];
        const int wrong = (s->test[i].value[2] + 1) % P;
        if (i % 4 == 0) tokens[2] = s->task.task->value_token(&s->task, 2, wrong, 0);
        if (i % 6 == 0) tokens[2] = s->task.shape.none_step;
        right += i % 4 != 0 && i % 6 != 0;
    }
    subject_measure(s, "read_accuracy");
    ck_assert_double_eq_tol(subject_value("read_accuracy", 2, "value", "reader"), (double)right / TEST, 1e-12);
    ck_assert_double_eq(subject_value("read_accuracy", 1, "value", "reader"), 1.0);
    ck_assert_double_eq(subject_value("read_accuracy", 1, "c", "reader"), 1.0);
}
END_TEST

/* ---- drift ---- */

static const char *const PARTS[] = {"drift_base",      "drift_frozen",  "drift_mapped",     "drift_refit", "drift_lost",
                                    "drift_reencoded", "drift_rotated", "drift_procrustes", "drift_cka"};

static void measure_drift(struct subject *s, float signal, int turn) {
    subject_measurement(s, FIT);
    measurement_set_before(&s->m, &s->mind, NULL);
    subject_plant_both(s, &s->m.before->own_fit, &s->m.before->own_test, 2.0f, 0);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, signal, turn);
    for (int i = 0; i < 9; i++) subject_measure(s, PARTS[i]);
    subject_measure(s, "read_accuracy");
}

START_TEST(a_rotation_is_no_loss) {
    measure_drift(&subject_thinker, 2.0f, 1);
    for (int k = 0; k < STEPS; k++) {
        ck_assert_double_ge(subject_value("drift_base", k, "value", "own"), .999);
        ck_assert_double_le(subject_value("drift_frozen", k, "value", "own"),
                            .1); /* each value is read as its neighbour */
        ck_assert_double_ge(subject_value("drift_mapped", k, "value", "own"), .999);
        ck_assert_double_eq_tol(subject_value("drift_rotated", k, "value", "own"), 1, .1);
        ck_assert_double_eq_tol(subject_value("drift_lost", k, "value", "own"), 0, .002);
        ck_assert_double_eq_tol(subject_value("drift_reencoded", k, "value", "own"), 0, .002);
        ck_assert_double_le(subject_value("drift_procrustes", k, "", "own"), .1);
        ck_assert_double_ge(subject_value("drift_cka", k, "", "own"), .95);
        ck_assert_double_ge(subject_value("read_accuracy", k, "value", "u"), .999);
        ck_assert_double_eq(subject_value("read_accuracy", k, "value", "frozen"),
                            subject_value("drift_frozen", k, "value", "own"));
    }
}
END_TEST

START_TEST(erasure_is_loss) {
    measure_drift(&subject_thinker, 0.0f, 0);
    for (int k = 0; k < STEPS; k++) {
        subject_is_chance(subject_value("drift_refit", k, "value", "own"), TEST);
        ck_assert_double_ge(subject_value("drift_lost", k, "value", "own"), .65);
        const double fall =
            subject_value("drift_base", k, "value", "own") - subject_value("drift_frozen", k, "value", "own");
        const double parts = subject_value("drift_lost", k, "value", "own") +
                             subject_value("drift_reencoded", k, "value", "own") +
                             subject_value("drift_rotated", k, "value", "own");
        ck_assert_double_eq_tol(parts, fall, 1e-9);
    }
}
END_TEST

/* The same weights: on one and the same reasoning every state is the same, at every layer. */
START_TEST(nothing_drifts_from_itself) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    measurement_set_before(&s->m, &s->mind, NULL);
    s->m.depth = DEPTH_FULL;
    subject_measure(s, "drift_procrustes");
    subject_measure(s, "drift_lost");
    for (int l = 0; l <= 2; l++) {
        const struct metric_row *r = subject_row("drift_procrustes", 1, l, "", "frozen");
        ck_assert_str_eq(r->status, "ok");
        ck_assert_double_eq_tol(r->value, 0, 1e-9);
        ck_assert_str_eq(subject_row("drift_lost", 1, l, "c", "frozen")->status, "ok");
    }
}
END_TEST

/* What an arm's readings were made with serves the mind after pressure: the frozen probe bit for bit; on a mind that did
 * not change, u and every state are read as well as before. */
START_TEST(probes_travel_with_their_arm) {
    struct subject *s = &subject_thinker;
    char path[] = "/tmp/test_decode.XXXXXX";
    struct probe *probes;
    double was[STEPS], state[STEPS];
    close(mkstemp(path));
    subject_measurement(s, FIT);
    s->m.depth = DEPTH_ARM;
    subject_measure(s, "read_accuracy");
    for (int k = 0; k < STEPS; k++) {
        was[k] = subject_value("read_accuracy", k, "value", "u");
        state[k] = subject_row("read_accuracy", k, 2, "value", "state")->value;
    }
    ck_assert_int_eq(decode_store(&s->m, &subject_arena, path), ST_OK);
    struct gpt shallow = s->model;
    struct mind other = s->mind;
    shallow.config.layers = 1;
    other.gpt = &shallow;
    ck_assert_int_eq(decode_restore(&probes, &subject_arena, &other, path), ST_DATA);
    ck_assert_int_eq(decode_restore(&probes, &subject_arena, &s->mind, "/nonexistent/probes"), ST_IO);
    struct checkpoint file, cut;
    ck_assert_int_eq(checkpoint_read(&subject_arena, path, &file), ST_OK);
    cut = file;
    cut.tensors = ARENA_NEW(&subject_arena, struct checkpoint_tensor, file.n);
    memcpy(cut.tensors, file.tensors, (size_t)file.n * sizeof *cut.tensors);
    cut.tensors[0].dim[0]--;
    ck_assert_int_eq(checkpoint_write(path, &cut), ST_OK);
    ck_assert_int_eq(decode_restore(&probes, &subject_arena, &s->mind, path), ST_DATA);
    ck_assert_int_eq(checkpoint_write(path, &file), ST_OK);
    ck_assert_int_eq(decode_restore(&probes, &subject_arena, &s->mind, path), ST_OK);
    subject_measurement(s, FIT);
    measurement_set_before(&s->m, &s->mind, probes);
    subject_measure(s, "read_accuracy");
    subject_measure(s, "read_auroc");
    for (int k = 0; k < STEPS; k++) {
        ck_assert_double_eq(subject_value("read_accuracy", k, "value", "frozen"), was[k]);
        ck_assert_double_eq_tol(subject_value("read_accuracy", k, "value", "u"), was[k], .01);
        ck_assert_double_eq_tol(subject_row("read_accuracy", k, 2, "value", "state")->value, state[k], .01);
    }
    for (int i = 0; i < subject_sheet.n; i++)
        ck_assert(strcmp(subject_sheet.row[i].metric, "read_auroc") != 0 ||
                  strcmp(subject_sheet.row[i].view, "state") != 0);
    unlink(path);
}
END_TEST

/* ---- what cannot be measured ---- */

START_TEST(splits_are_disjoint_by_template) {
    struct subject *s = &subject_thinker;
    int left_out = 0;
    subject_measurement(s, FIT);
    s->fit[7].template_id = s->test[0].template_id;
    subject_measure(s, "read_accuracy");
    const struct decode_channel u = decode_channel_u(&s->m.own_fit, &s->m.own_test);
    struct decode_rows fit, test;
    decode_take(&fit, &subject_arena, &s->m, &u, DECODE_FIT, 0, -1);
    decode_take(&test, &subject_arena, &s->m, &u, DECODE_TEST, 0, -1);
    ck_assert_int_eq(test.n, TEST);
    for (int i = 0; i < fit.n; i++)
        for (int j = 0; j < test.n; j++) ck_assert_int_ne(fit.group[i], test.group[j]);
    for (int i = 0; i < FIT; i++) left_out += s->m.decode->left_out[i];
    ck_assert(s->m.decode->left_out[7]);
    ck_assert_int_eq(fit.n, FIT - left_out);
}
END_TEST

START_TEST(too_little_is_skipped) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, P); /* a fit needs four problems a class */
    subject_measure(s, "read_accuracy");
    ck_assert_str_eq(subject_row("read_accuracy", 0, -1, "value", "u")->status, "skip");
    ck_assert_str_eq(subject_row("read_accuracy", 0, -1, "value", "lens")->status, "ok");
    subject_sheet.n = 0;
    subject_measure(s, "drift_lost"); /* no mind before */
    ck_assert_int_eq(subject_sheet.n, 1);
    ck_assert_str_eq(subject_sheet.row[0].status, "skip");
}
END_TEST

Suite *suite_decode(void) {
    Suite *s = suite_create("decode");
    TCase *t = tcase_create("decode");
    tcase_add_unchecked_fixture(t, subjects_open, subjects_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, figures_of_a_reading);
    tcase_add_test(t, states_are_those_of_the_network);
    tcase_add_test(t, layers_one_by_one_are_those_at_once);
    tcase_add_test(t, states_of_text_stand_at_its_tokens);
    tcase_add_test(t, rows_fit_their_memory);
    tcase_add_test(t, planted_values_are_read);
    tcase_add_test(t, noise_reads_as_chance);
    tcase_add_test(t, the_lens_reads_unembeddings);
    tcase_add_test(t, the_reader_reads_what_is_written);
    tcase_add_test(t, a_rotation_is_no_loss);
    tcase_add_test(t, erasure_is_loss);
    tcase_add_test(t, nothing_drifts_from_itself);
    tcase_add_test(t, probes_travel_with_their_arm);
    tcase_add_test(t, splits_are_disjoint_by_template);
    tcase_add_test(t, too_little_is_skipped);
    suite_add_tcase(s, t);
    return s;
}
