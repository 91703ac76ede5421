/* Readings and drift: arithmetic by hand, vectors in which the answer was planted, and vectors that hold nothing.
 *
 * The mind is untrained; its rollouts are overwritten with planted vectors, so what must be read is known exactly. */
#include <check.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "engine/gemm.h"
#include "metrics/decode.h"
#include "metrics/dictionary.h"
#include "metrics/door.h"

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
    struct decode_reading r = {
        .view = "u", .layer = 2, .step = 1, .n = 2, .K = 3, .y = y, .p = p, .bits = {1.25, .9, 1.6}};
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
    measurement_set_before(&s->m, &s->mind, NULL);
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
    measurement_set_before(&s->m, &s->mind, NULL);
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

/* What an arm's readings were made with serves the mind after pressure: the frozen probe bit for bit; on a mind that did
 * not change, u and every state are read as well as before. */
START_TEST(probes_travel_with_their_arm) {
    struct subject *s = &thinker;
    char path[] = "/tmp/test_decode.XXXXXX";
    struct probe *probes;
    double was[STEPS], state[STEPS];
    close(mkstemp(path));
    open_measurement(s, FIT);
    s->m.depth = DEPTH_ARM;
    measure(s, "read_accuracy");
    for (int k = 0; k < STEPS; k++) {
        was[k] = value("read_accuracy", k, "value", "u");
        state[k] = find("read_accuracy", k, 2, "value", "state")->value;
    }
    ck_assert_int_eq(decode_store(&s->m, &arena, path), ST_OK);
    struct gpt shallow = s->model;
    struct mind other = s->mind;
    shallow.config.layers = 1;
    other.gpt = &shallow;
    ck_assert_int_eq(decode_restore(&probes, &arena, &other, path), ST_DATA);
    ck_assert_int_eq(decode_restore(&probes, &arena, &s->mind, path), ST_OK);
    open_measurement(s, FIT);
    measurement_set_before(&s->m, &s->mind, probes);
    measure(s, "read_accuracy");
    measure(s, "read_auroc");
    for (int k = 0; k < STEPS; k++) {
        ck_assert_double_eq(value("read_accuracy", k, "value", "frozen"), was[k]);
        ck_assert_double_eq_tol(value("read_accuracy", k, "value", "u"), was[k], .01);
        ck_assert_double_eq_tol(find("read_accuracy", k, 2, "value", "state")->value, state[k], .01);
    }
    for (int i = 0; i < sheet.n; i++)
        ck_assert(strcmp(sheet.row[i].metric, "read_auroc") != 0 || strcmp(sheet.row[i].view, "state") != 0);
    unlink(path);
}
END_TEST

/* ---- bits, effort, use ---- */

/* The value before in coordinates of its own, behind those of the value. */
static void plant_previous(struct rollout *r, const struct problem *p) {
    for (int i = 0; i < r->n; i++)
        for (int k = 1; k < STEPS; k++) r->u[((long)i * r->R + k) * r->C + P + p[i].value[k - 1]] += 2.0f;
}

/* Of the seven operations four add 1..4 and three multiply by 2..4. Values are uniform; given the next, the one before is
 * uniform over others but for 0: H = (3/7 log 7/3 + 4/7 log 7) / 5 + 4/5 (1/7 log 7 + 6/7 log 7/2). */
static double entropy_of_previous(void) {
    const double at_zero = 3.0 / 7 * log2(7.0 / 3) + 4.0 / 7 * log2(7.0);
    return at_zero / 5 + 4.0 / 5 * (1.0 / 7 * log2(7.0) + 6.0 / 7 * log2(3.5));
}

START_TEST(bits_count_what_is_shared_once) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    measure(s, "bits");
    /* step 1 is c, step 3 the answer: their names are not counted beside their value */
    for (int k = 0; k < STEPS; k++) ck_assert_double_eq_tol(value("bits", k, "joint", "step"), log2(P), .2);
    ck_assert_double_eq_tol(value("bits", -1, "joint", "position"), log2(P), .15);
    ck_assert_double_eq(value("bits", -1, "joint", "position"), value("bits", -1, "joint", "step"));

    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    plant_previous(&s->m.own_fit, s->fit);
    plant_previous(&s->m.own_test, s->test);
    measure(s, "bits");
    ck_assert_double_eq_tol(value("bits", 0, "joint", "step"), log2(P), .2);
    ck_assert_double_eq_tol(value("bits", 1, "joint", "step"), log2(P) + entropy_of_previous(), .2);
    ck_assert_double_eq_tol(value("bits", 2, "joint", "step"), 2 * log2(P), .2); /* the other chain's last value */
    ck_assert_double_eq_tol(value("bits", 3, "joint", "step"), log2(P) + entropy_of_previous(), .2);

    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    measure(s, "bits");
    ck_assert_double_eq_tol(value("bits", -1, "joint", "step"), 0, .15);
}
END_TEST

START_TEST(effort_tells_reading_from_memory) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    measure(s, "selectivity");
    measure(s, "mdl_compression");
    /* the first step's type is its value, which the vector holds: its control label is known too */
    ck_assert_double_ge(value("selectivity", 0, "value", "control"), .99);
    ck_assert_double_eq_tol(value("selectivity", 0, "value", "u"), 0, .01);
    for (int k = 1; k < STEPS; k++) ck_assert_double_ge(value("selectivity", k, "value", "u"), .25);
    for (int k = 0; k < STEPS; k++) ck_assert_double_ge(value("mdl_compression", k, "value", "u"), 5);
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    measure(s, "selectivity");
    measure(s, "mdl_compression");
    for (int k = 1; k < STEPS; k++) {
        ck_assert_double_eq_tol(value("selectivity", k, "value", "u"), 0, .25);
        ck_assert_double_eq_tol(value("mdl_compression", k, "value", "u"), 1, .12);
    }
}
END_TEST

/* Given back unchanged, vectors change nothing, and a text's are its tokens. */
START_TEST(the_door_changes_nothing_by_itself) {
    struct subject *of[2] = {&thinker, &writer};
    for (int i = 0; i < 2; i++) {
        struct door door;
        open_measurement(of[i], FIT);
        door_open(&door, &of[i]->m);
        ck_assert_int_ge(door.n, TEST / 2);
        door_run(&door, door.own);
        ck_assert_double_eq(door_changed(&door, &of[i]->m), 0.0);
        for (int j = 0; j < door.n; j++) {
            const struct rollout *own = &of[i]->m.own_test;
            const size_t bytes = (size_t)own->V * sizeof(float);
            ck_assert_mem_eq(door.out.p_answer + (long)j * own->V, own->p_answer + (long)door.item[j] * own->V, bytes);
        }
    }
}
END_TEST

START_TEST(erasure_needs_something_to_erase) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    measure(s, "erasure");
    ck_assert_str_eq(find("erasure", -1, -1, "value", "leace")->status, "skip");
    ck_assert_str_eq(find("erasure", -1, -1, "value", "difference")->status, "skip");
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    measure(s, "erasure");
    ck_assert_double_eq_tol(value("erasure", -1, "value", "difference"),
                            value("erasure", -1, "value", "leace") - value("erasure", -1, "value", "random"), 1e-12);
    /* one token of text is its value and nothing else: the control would erase the same */
    struct rollout *own[2] = {&writer.m.own_fit, &writer.m.own_test};
    open_measurement(&writer, FIT);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < own[side]->n; i++)
            for (int k = 0; k < STEPS; k++) {
                const int token = (side ? writer.test : writer.fit)[i].reasoning[k];
                memcpy(own[side]->u + ((long)i * STEPS + k) * WIDTH, writer.model.p.wte + (long)token * WIDTH,
                       WIDTH * sizeof(float));
                own[side]->n_reasoning[i] = STEPS;
            }
    measure(&writer, "erasure");
    ck_assert_str_eq(find("erasure", -1, -1, "value", "leace")->status, "ok");
    ck_assert_str_eq(find("erasure", -1, -1, "value", "difference")->status, "skip");
}
END_TEST

/* The mind's stated answers, replaced by values of the problem or by values of nothing. */
static void state_answers(struct subject *s, bool of_reasoning) {
    struct rollout *own[2] = {&s->m.own_fit, &s->m.own_test};
    struct rng r = rng_open(8, "answers", 0);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < own[side]->n; i++) {
            const int known = (side ? s->test : s->fit)[i].value[2], other = (int)rng_below(&r, P);
            own[side]->output[(long)i * own[side]->O + s->task.shape.slot_answer - 1] =
                s->task.task->value_token(&s->task, TASK_AT_OUTPUT, of_reasoning ? known : other, 0);
        }
}

START_TEST(reasoning_helps_to_foretell_what_follows_from_it) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    state_answers(s, true);
    measure(s, "simulatability");
    ck_assert_double_ge(value("simulatability", -1, "answer", "with"), .98);
    is_chance(value("simulatability", -1, "answer", "without"), TEST);
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    state_answers(s, false);
    measure(s, "simulatability");
    ck_assert_double_eq_tol(value("simulatability", -1, "answer", "gain"), 0, .15);
}
END_TEST

START_TEST(dictionaries_find_what_was_planted) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    measurement_set_before(&s->m, &s->mind, NULL);
    plant_both(s, &s->m.before->own_fit, &s->m.before->own_test, 2.0f, 0);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    measure(s, "sae_fvu");
    measure(s, "sae_dead");
    measure(s, "sae_sparse");
    measure(s, "sae_polysemanticity");
    measure(s, "sae_loss_recovered");
    static const char *const kinds[] = {"own", "shared"};
    for (int i = 0; i < 2; i++) {
        /* what no dictionary explains is noise, .1^2 a coordinate; five directions are all there is to find */
        ck_assert_double_le(value("sae_fvu", -1, "", kinds[i]), 16 * .01 / (4 * .8 + 16 * .01));
        ck_assert_double_le(value("sae_polysemanticity", -1, "", kinds[i]), .3);
        const struct metric_row *r = find("sae_fvu", -1, -1, "", kinds[i]);
        ck_assert(r->lo <= r->value && r->value <= r->hi && r->lo < r->hi);
    }
    ck_assert_double_ge(value("sae_sparse", -1, "value", "own.k1"), .98);
    ck_assert_double_ge(value("sae_sparse", -1, "value", "raw.k1"), .98);
    ck_assert_double_le(value("sae_sparse", -1, "c", "own.k1"), .75); /* a quarter of the steps is c */
}
END_TEST

START_TEST(dictionaries_of_noise_tell_nothing) {
    struct subject *s = &thinker;
    open_measurement(s, FIT);
    plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    measure(s, "sae_sparse");
    ck_assert_double_eq_tol(value("sae_sparse", -1, "value", "own.k1"), .5, .06);
    ck_assert_double_eq_tol(value("sae_sparse", -1, "value", "own.k16"), .5, .06);
    ck_assert_double_eq_tol(value("sae_sparse", -1, "c", "raw.k5"), .5, .06);
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
    tcase_add_test(t, probes_travel_with_their_arm);
    tcase_add_test(t, bits_count_what_is_shared_once);
    tcase_add_test(t, effort_tells_reading_from_memory);
    tcase_add_test(t, the_door_changes_nothing_by_itself);
    tcase_add_test(t, erasure_needs_something_to_erase);
    tcase_add_test(t, reasoning_helps_to_foretell_what_follows_from_it);
    tcase_add_test(t, dictionaries_find_what_was_planted);
    tcase_add_test(t, dictionaries_of_noise_tell_nothing);
    tcase_add_test(t, splits_are_disjoint_by_template);
    tcase_add_test(t, too_little_is_skipped);
    suite_add_tcase(s, t);
    return s;
}
