#include "tests/metrics/decode_setup.h"

#include <check.h>
#include <math.h>

struct arena subject_arena;
struct subject subject_thinker, subject_writer;
struct sheet subject_sheet;

const struct metric_row *subject_row(const char *metric, int step, int layer, const char *concept, const char *view) {
    return sheet_row(&subject_sheet, metric, step, layer, concept, view);
}

double subject_value(const char *metric, int step, const char *concept, const char *view) {
    return sheet_value(&subject_sheet, metric, step, concept, view);
}

void subject_measure(struct subject *s, const char *metric) {
    ck_assert_int_eq(measurement_run(&s->m, metric), ST_OK);
}

void subject_measurement(struct subject *s, int n_fit) {
    subject_sheet.n = 0;
    measurement_open(&s->m, &subject_arena, &s->mind, s->runner, s->fit, n_fit, s->test, TEST, 3);
    s->m.emit = sheet_note;
    s->m.to = &subject_sheet;
}

static void open_subject(struct subject *s, enum medium medium) {
    struct task_options o = task_options_default();
    o.modulus = P;
    o.chain = STEPS / 2;
    o.side = STEPS / 2;
    o.design = DESIGN_NONE;
    ck_assert_int_eq(task_open(&s->task, "chain", &o, &subject_arena), ST_OK);
    const struct task_shape *shape = &s->task.shape;
    const struct gpt_config c = {.vocab = shape->vocab,
                                 .context = shape->question + shape->reasoning + shape->output,
                                 .layers = 2,
                                 .heads = 2,
                                 .width = WIDTH,
                                 .channels = 1,
                                 .tied = true};
    ck_assert_int_eq(gpt_open(&s->model, &subject_arena, &c), ST_OK);
    gpt_init(&s->model, 5, .2, 1.0);
    s->mind =
        (struct mind){.gpt = &s->model, .task = &s->task, .medium = medium, .feed = FEED_HIDDEN, .thoughts = STEPS};
    s->runner = runner_open(&subject_arena, &s->mind, ROWS);
    s->fit = ARENA_NEW(&subject_arena, struct problem, FIT);
    s->test = ARENA_NEW(&subject_arena, struct problem, TEST);
    struct rng r = rng_open(9, "test", 0);
    for (int i = 0; i < FIT; i++) s->task.task->sample(&s->task, &r, TASK_EVAL, &s->fit[i]);
    for (int i = 0; i < TEST; i++) s->task.task->sample(&s->task, &r, TASK_EVAL, &s->test[i]);
}

void subjects_open(void) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&subject_arena, 1 << 22);
    open_subject(&subject_thinker, MEDIUM_LATENT);
    open_subject(&subject_writer, MEDIUM_TEXT);
}

void subjects_close(void) {
    arena_close(&subject_arena);
}

void subject_plant(struct rollout *r, const struct problem *p, float signal, int turn, const char *stream) {
    struct rng noise = rng_open(4, stream, 0);
    for (int i = 0; i < r->n; i++)
        for (int k = 0; k < STEPS; k++) {
            float *u = r->u + ((long)i * r->R + k) * r->C;
            for (int j = 0; j < WIDTH; j++) u[j] = .1f * rng_normal(&noise);
            u[(p[i].value[k] + turn) % P] += signal;
        }
}

void subject_plant_both(struct subject *s, struct rollout *fit, struct rollout *test, float signal, int turn) {
    subject_plant(fit, s->fit, signal, turn, "fit");
    subject_plant(test, s->test, signal, turn, "test");
}

void subject_is_chance(double accuracy, int n) {
    ck_assert_double_eq_tol(accuracy, 1.0 / P, 5 * sqrt(1.0 / P * (1 - 1.0 / P) / n));
}
