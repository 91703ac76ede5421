/* Readings and drift: arithmetic by hand, vectors in which the answer was planted, and vectors that hold nothing.
 *
 * The mind is untrained; its rollouts are overwritten with planted vectors, so what must be read is known exactly. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "metrics/decode.h"

Suite *suite_decode(void);

enum { FIT = 500, TEST = 300, WIDTH = 16, P = 5, STEPS = 4, ROWS = 64, MAX_ROWS = 4096 };

struct sheet {
    struct metric_row row[MAX_ROWS];
    int n;
};

struct subject {
    struct task_ctx task;
    struct gpt model;
    struct mind mind;
    struct runner *runner;
    struct problem *fit, *test;
    struct measurement m;
};

static struct arena arena;
static struct subject thinker, writer; /* latent, text */
static struct sheet sheet;

static void note(void *to, const struct metric_row *row) {
    struct sheet *s = to;
    ck_assert_int_lt(s->n, MAX_ROWS);
    s->row[s->n++] = *row;
}

static const struct metric_row *find(const char *metric, int step, int layer, const char *concept, const char *view) {
    const struct metric_row *found = NULL;
    for (int i = 0; i < sheet.n; i++) {
        const struct metric_row *r = &sheet.row[i];
        if (strcmp(r->metric, metric) != 0 || r->step != step || r->layer != layer) continue;
        if (strcmp(r->concept, concept) != 0 || strcmp(r->view, view) != 0) continue;
        ck_assert_msg(!found, "%s %d %s %s twice", metric, step, concept, view);
        found = r;
    }
    ck_assert_msg(found != NULL, "no row %s %d %d %s %s", metric, step, layer, concept, view);
    return found;
}

static double value(const char *metric, int step, const char *concept, const char *view) {
    const struct metric_row *r = find(metric, step, -1, concept, view);
    ck_assert_str_eq(r->status, "ok");
    return r->value;
}

static void measure(struct subject *s, const char *metric) {
    ck_assert_int_eq(measurement_run(&s->m, metric), ST_OK);
}

/* A fresh measurement, whose rollouts a test may overwrite before it measures. */
static void open_measurement(struct subject *s, int n_fit) {
    sheet.n = 0;
    measurement_open(&s->m, &arena, &s->mind, s->runner, s->fit, n_fit, s->test, TEST, 3);
    s->m.emit = note;
    s->m.to = &sheet;
}

static void open_subject(struct subject *s, enum medium medium) {
    struct task_options o = task_options_default();
    o.modulus = P;
    o.chain = STEPS / 2;
    o.side = STEPS / 2;
    o.design = DESIGN_NONE;
    ck_assert_int_eq(task_open(&s->task, "chain", &o, &arena), ST_OK);
    const struct task_shape *shape = &s->task.shape;
    const struct gpt_config c = {.vocab = shape->vocab,
                                 .context = shape->question + shape->reasoning + shape->output,
                                 .layers = 2,
                                 .heads = 2,
                                 .width = WIDTH,
                                 .channels = 1,
                                 .tied = true};
    ck_assert_int_eq(gpt_open(&s->model, &arena, &c), ST_OK);
    gpt_init(&s->model, 5, .2, 1.0);
    s->mind =
        (struct mind){.gpt = &s->model, .task = &s->task, .medium = medium, .feed = FEED_HIDDEN, .thoughts = STEPS};
    s->runner = runner_open(&arena, &s->mind, ROWS);
    s->fit = ARENA_NEW(&arena, struct problem, FIT);
    s->test = ARENA_NEW(&arena, struct problem, TEST);
    struct rng r = rng_open(9, "test", 0);
    for (int i = 0; i < FIT; i++) s->task.task->sample(&s->task, &r, TASK_EVAL, &s->fit[i]);
    for (int i = 0; i < TEST; i++) s->task.task->sample(&s->task, &r, TASK_EVAL, &s->test[i]);
}

static void open_subjects(void) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&arena, 1 << 22);
    open_subject(&thinker, MEDIUM_LATENT);
    open_subject(&writer, MEDIUM_TEXT);
}

static void close_subjects(void) {
    arena_close(&arena);
}

/* u of step k = signal * e_{(V_k + turn) mod P} + noise: linear, and of known content. */
static void plant(struct rollout *r, const struct problem *p, float signal, int turn, const char *stream) {
    struct rng noise = rng_open(4, stream, 0);
    for (int i = 0; i < r->n; i++)
        for (int k = 0; k < STEPS; k++) {
            float *u = r->u + ((long)i * r->R + k) * r->C;
            for (int j = 0; j < WIDTH; j++) u[j] = .1f * rng_normal(&noise);
            u[(p[i].value[k] + turn) % P] += signal;
        }
}

static void plant_both(struct subject *s, struct rollout *fit, struct rollout *test, float signal, int turn) {
    plant(fit, s->fit, signal, turn, "fit");
    plant(test, s->test, signal, turn, "test");
}

/* Five standard errors around a chance of 1/P. */
static void is_chance(double accuracy, int n) {
    ck_assert_double_eq_tol(accuracy, 1.0 / P, 5 * sqrt(1.0 / P * (1 - 1.0 / P) / n));
}

/* ---- by hand ---- */

START_TEST(figures_of_a_reading) {
    int y[] = {0, 1, 2};
    float p[] = {.5f, .3f, .2f, .2f, .2f, .6f, 0, 0, 0};
    struct decode_reading r = {.view = "u", .layer = 2, .step = 1, .n = 2, .K = 3, .y = y, .p = p, .bits = 1.25};
    struct decode d = {.n_readings = 1, .readings = &r, .steps = 1};
    struct measurement m = {.arena = &arena, .mind = &thinker.mind, .decode = &d, .emit = note, .to = &sheet};
    sheet.n = 0;
    static const char *const names[] = {"read_accuracy", "read_auroc", "read_gmean2", "read_tpr", "v_information"};
    for (int i = 0; i < 5; i++) ck_assert_int_eq(measurement_run(&m, names[i]), ST_OK);
    /* says 0 and 2. Positives .5 and .2 against negatives .3 .2 .2 .6: (3/4 + (0 + 2/2)/4) / 2. TPR 1/2, TNR 3/4. */
    const double expected[] = {.5, .5, .375, 0, 1.25};
    for (int i = 0; i < 5; i++) ck_assert_double_eq_tol(find(names[i], 1, 2, "value", "u")->value, expected[i], 1e-12);
    ck_assert_int_eq(decode_says(&r, 2), -1); /* nothing stated: no value, not the first one */
    r.n = 0;
    sheet.n = 0;
    ck_assert_int_eq(measurement_run(&m, "read_accuracy"), ST_OK);
    ck_assert_str_eq(sheet.row[0].status, "skip");
    r.n = 2;
    r.failed = true;
    sheet.n = 0;
    ck_assert_int_eq(measurement_run(&m, "read_accuracy"), ST_OK);
    ck_assert_str_eq(sheet.row[0].status, "nonfinite");
}
END_TEST

/* ---- states ---- */

START_TEST(states_are_those_of_the_network) {
    struct rollout with, without;
    const struct rollout_options o = {.force.stop = -1};
    rollout_open(&with, &arena, &thinker.mind, TEST);
    rollout_open(&without, &arena, &thinker.mind, TEST);
    rollout_keep_states(&with, &arena, thinker.runner);
    runner_run(thinker.runner, &thinker.mind, thinker.test, &o, &with);
    runner_run(thinker.runner, &thinker.mind, thinker.test, &o, &without);
    const size_t bytes = (size_t)TEST * STEPS * WIDTH * sizeof(float);
    ck_assert_mem_eq(with.u, without.u, bytes);
    ck_assert_ptr_null(without.states);
    for (int i = 0; i < TEST; i++)
        for (int k = 0; k < STEPS; k++) {
            const float *first = with.states + (((long)i * 3 + 0) * STEPS + k) * WIDTH;
            const float *last = with.states + (((long)i * 3 + 2) * STEPS + k) * WIDTH;
            const float *u = with.u + ((long)i * STEPS + k) * WIDTH;
            const float *position = thinker.model.p.wpe + (long)(thinker.test[i].n_question + k) * WIDTH;
            for (int j = 0; j < WIDTH; j++) ck_assert_float_eq(first[j], u[j] + position[j]);
            if (k + 1 < STEPS) ck_assert_mem_eq(last, u + WIDTH, WIDTH * sizeof(float)); /* the next thought */
        }
}
END_TEST

START_TEST(states_of_text_stand_at_its_tokens) {
    struct rollout r;
    int *tokens = ARENA_NEW(&arena, int, TEST *STEPS), *lengths = ARENA_NEW(&arena, int, TEST);
    for (int i = 0; i < TEST; i++) {
        lengths[i] = 1 + i % STEPS;
        for (int k = 0; k < STEPS; k++) tokens[i * STEPS + k] = writer.test[i].reasoning[k];
    }
    const struct rollout_options o = {.reasoning_only = true,
                                      .force = {.until = STEPS, .stop = -1, .tokens = tokens, .n_tokens = lengths}};
    rollout_open(&r, &arena, &writer.mind, TEST);
    rollout_keep_states(&r, &arena, writer.runner);
    runner_run(writer.runner, &writer.mind, writer.test, &o, &r);
    for (int i = 0; i < TEST; i++)
        for (int k = 0; k < STEPS; k++) {
            const float *x = r.states + (((long)i * 3 + 0) * STEPS + k) * WIDTH;
            const float *w = writer.model.p.wte + (long)tokens[i * STEPS + k] * WIDTH;
            const float *position = writer.model.p.wpe + (long)(writer.test[i].n_question + k) * WIDTH;
            const bool there = k < lengths[i];
            for (int j = 0; j < WIDTH; j++) ck_assert_float_eq(x[j], there ? w[j] + position[j] : 0.0f);
        }
}
END_TEST

/* ---- planted ---- */

START_TEST(planted_values_are_read) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    s->m.depth = DEPTH_ARM;
    measure(s, "read_accuracy");
    measure(s, "read_gmean2");
    measure(s, "read_auroc");
    measure(s, "v_information");
    for (int k = 0; k < STEPS; k++) {
        ck_assert_double_ge(value("read_accuracy", k, "value", "u"), .999);
        ck_assert_double_ge(value("read_gmean2", k, "value", "u"), .999);
        ck_assert_double_ge(value("read_auroc", k, "value", "u"), .999);
        ck_assert_double_eq_tol(value("v_information", k, "value", "u"), log2(P), .05);
        is_chance(value("read_accuracy", k, "value", "shuffled"), TEST);
        ck_assert_double_le(value("v_information", k, "value", "shuffled"), .02);
        ck_assert_double_le(value("read_gmean2", k, "value", "shuffled"), .25);
    }
    /* step 1 is c itself; in the other chain nothing of it was planted */
    ck_assert_double_ge(value("read_accuracy", 1, "c", "u"), .999);
    is_chance(value("read_accuracy", 2, "c", "u"), TEST);
    is_chance(value("read_accuracy", 3, "c", "u"), TEST);
}
END_TEST

START_TEST(noise_reads_as_chance) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    measure(s, "read_accuracy");
    measure(s, "v_information");
    for (int k = 0; k < STEPS; k++) {
        is_chance(value("read_accuracy", k, "value", "u"), TEST);
        is_chance(value("read_accuracy", k, "c", "u"), TEST);
        ck_assert_double_le(value("v_information", k, "value", "u"), .02);
    }
}
END_TEST

START_TEST(the_lens_reads_unembeddings) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    for (int i = 0; i < TEST; i++)
        for (int k = 0; k < STEPS; k++) {
            const int token = s->task.task->value_token(&s->task, k, s->test[i].value[k], 0);
            for (int j = 0; j < WIDTH; j++)
                s->m.own_test.u[((long)i * STEPS + k) * WIDTH + j] = 30 * s->model.p.head[(long)token * WIDTH + j];
        }
    measure(s, "read_accuracy");
    for (int k = 0; k < STEPS; k++) ck_assert_double_ge(value("read_accuracy", k, "value", "lens"), .99);
    is_chance(value("read_accuracy", 3, "c", "lens"), TEST);
}
END_TEST

/* Every fourth question writes another value, every sixth none. */
START_TEST(the_reader_reads_what_is_written) {
    struct subject *s = &writer;
    int right = 0;
    open_measurement(s, FIT);
    for (int i = 0; i < TEST; i++) {
        int *tokens = s->m.own_test.reasoning + (long)i * STEPS;
        s->m.own_test.n_reasoning[i] = STEPS;
        for (int k = 0; k < STEPS; k++) tokens[k] = s->test[i].reasoning[k];
        const int wrong = (s->test[i].value[2] + 1) % P;
        if (i % 4 == 0) tokens[2] = s->task.task->value_token(&s->task, 2, wrong, 0);
        if (i % 6 == 0) tokens[2] = s->task.shape.none_step;
        right += i % 4 != 0 && i % 6 != 0;
    }
    measure(s, "read_accuracy");
    ck_assert_double_eq_tol(value("read_accuracy", 2, "value", "reader"), (double)right / TEST, 1e-12);
    ck_assert_double_eq(value("read_accuracy", 1, "value", "reader"), 1.0);
    ck_assert_double_eq(value("read_accuracy", 1, "c", "reader"), 1.0);
}
END_TEST

/* ---- drift ---- */

static const char *const PARTS[] = {"drift_base",      "drift_frozen",  "drift_mapped",     "drift_refit", "drift_lost",
                                    "drift_reencoded", "drift_rotated", "drift_procrustes", "drift_cka"};

static void measure_drift(struct subject *s, float signal, int turn) {
    open_measurement(s, FIT);
    measurement_set_before(&s->m, &s->mind);
    plant_both(s, &s->m.before->own_fit, &s->m.before->own_test, 2.0f, 0);
    plant_both(s, &s->m.own_fit, &s->m.own_test, signal, turn);
    for (int i = 0; i < 9; i++) measure(s, PARTS[i]);
    measure(s, "read_accuracy");
}

START_TEST(a_rotation_is_no_loss) {
    measure_drift(&thinker, 2.0f, 1);
    for (int k = 0; k < STEPS; k++) {
        ck_assert_double_ge(value("drift_base", k, "value", "own"), .999);
        ck_assert_double_le(value("drift_frozen", k, "value", "own"), .1); /* each value is read as its neighbour */
        ck_assert_double_ge(value("drift_mapped", k, "value", "own"), .999);
        ck_assert_double_eq_tol(value("drift_rotated", k, "value", "own"), 1, .1);
        ck_assert_double_eq_tol(value("drift_lost", k, "value", "own"), 0, .002);
        ck_assert_double_eq_tol(value("drift_reencoded", k, "value", "own"), 0, .002);
        ck_assert_double_le(value("drift_procrustes", k, "", "own"), .1);
        ck_assert_double_ge(value("drift_cka", k, "", "own"), .95);
        ck_assert_double_ge(value("read_accuracy", k, "value", "u"), .999);
        ck_assert_double_eq(value("read_accuracy", k, "value", "frozen"), value("drift_frozen", k, "value", "own"));
    }
}
END_TEST

START_TEST(erasure_is_loss) {
    measure_drift(&thinker, 0.0f, 0);
    for (int k = 0; k < STEPS; k++) {
        is_chance(value("drift_refit", k, "value", "own"), TEST);
        ck_assert_double_ge(value("drift_lost", k, "value", "own"), .65);
        const double fall = value("drift_base", k, "value", "own") - value("drift_frozen", k, "value", "own");
        const double parts = value("drift_lost", k, "value", "own") + value("drift_reencoded", k, "value", "own") +
                             value("drift_rotated", k, "value", "own");
        ck_assert_double_eq_tol(parts, fall, 1e-9);
    }
}
END_TEST

/* The same weights: on one and the same reasoning every state is the same, at every layer. */
START_TEST(nothing_drifts_from_itself) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    measurement_set_before(&s->m, &s->mind);
    s->m.depth = DEPTH_FULL;
    measure(s, "drift_procrustes");
    measure(s, "drift_lost");
    for (int l = 0; l <= 2; l++) {
        const struct metric_row *r = find("drift_procrustes", 1, l, "", "frozen");
        ck_assert_str_eq(r->status, "ok");
        ck_assert_double_eq_tol(r->value, 0, 1e-9);
        ck_assert_str_eq(find("drift_lost", 1, l, "c", "frozen")->status, "ok");
    }
}
END_TEST

/* ---- what cannot be measured ---- */

START_TEST(splits_are_disjoint_by_template) {
    struct subject *s = &thinker;
    int left_out = 0;
    open_measurement(s, FIT);
    s->fit[7].template_id = s->test[0].template_id;
    measure(s, "read_accuracy");
    const struct decode_channel u = decode_channel_u(&s->m.own_fit, &s->m.own_test);
    struct decode_rows fit, test;
    decode_take(&fit, &arena, &s->m, &u, DECODE_FIT, 0, -1);
    decode_take(&test, &arena, &s->m, &u, DECODE_TEST, 0, -1);
    ck_assert_int_eq(test.n, TEST);
    for (int i = 0; i < fit.n; i++)
        for (int j = 0; j < test.n; j++) ck_assert_int_ne(fit.group[i], test.group[j]);
    for (int i = 0; i < FIT; i++) left_out += s->m.decode->left_out[i];
    ck_assert(s->m.decode->left_out[7]);
    ck_assert_int_eq(fit.n, FIT - left_out);
}
END_TEST

START_TEST(too_little_is_skipped) {
    struct subject *s = &thinker;
    open_measurement(s, P); /* a fit needs four problems a class */
    measure(s, "read_accuracy");
    ck_assert_str_eq(find("read_accuracy", 0, -1, "value", "u")->status, "skip");
    ck_assert_str_eq(find("read_accuracy", 0, -1, "value", "lens")->status, "ok");
    sheet.n = 0;
    measure(s, "drift_lost"); /* no mind before */
    ck_assert_int_eq(sheet.n, 1);
    ck_assert_str_eq(sheet.row[0].status, "skip");
}
END_TEST

Suite *suite_decode(void) {
    Suite *s = suite_create("decode");
    TCase *t = tcase_create("decode");
    tcase_add_unchecked_fixture(t, open_subjects, close_subjects);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, figures_of_a_reading);
    tcase_add_test(t, states_are_those_of_the_network);
    tcase_add_test(t, states_of_text_stand_at_its_tokens);
    tcase_add_test(t, planted_values_are_read);
    tcase_add_test(t, noise_reads_as_chance);
    tcase_add_test(t, the_lens_reads_unembeddings);
    tcase_add_test(t, the_reader_reads_what_is_written);
    tcase_add_test(t, a_rotation_is_no_loss);
    tcase_add_test(t, erasure_is_loss);
    tcase_add_test(t, nothing_drifts_from_itself);
    tcase_add_test(t, splits_are_disjoint_by_template);
    tcase_add_test(t, too_little_is_skipped);
    suite_add_tcase(s, t);
    return s;
}
