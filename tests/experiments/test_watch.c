/* What a watch notes of each question, on a mind that says one and the same value everywhere: then who behaves, and what
 * the exact reader and F see, follows from the questions alone. */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/csv.h"
#include "experiments/evaluate.h"

Suite *suite_watch(void);

enum { P = 5, WIDTH = 8, STEPS = 4, ROWS = 64, QUESTIONS = 200, SAID = 1, SEEN = 2 };

extern const struct pressure pressure_conceal, pressure_random;

static struct arena arena;
static struct task_ctx task;
static struct gpt model;
static struct mind thinker, writer;
static struct watch w;
static struct watch_items items;

/* A probe that reads SEEN whatever it is given. */
static void freeze_by_hand(void) {
    const int K = w.monitor.n_classes;
    float flat[4 + 2 * WIDTH + 128] = {WIDTH, (float)K, 0, 1};
    for (int j = 0; j < WIDTH; j++) flat[4 + WIDTH + j] = 1;
    flat[4 + 2 * WIDTH + K * WIDTH + SEEN] = 5;
    const size_t size = 4 + 2 * WIDTH + ((size_t)K * WIDTH + (size_t)K + 7) / 8 * 8;
    w.positions = STEPS;
    w.medium = MEDIUM_LATENT;
    w.frozen = ARENA_NEW(&arena, struct probe, STEPS);
    w.frozen_at = 2;
    ck_assert_int_eq(probe_restore(&w.frozen[2], &arena, flat, size), ST_OK);
}

static void setup(void) {
    struct task_options o = task_options_default();
    const struct measure_options measure = {.questions = QUESTIONS, .probe_train = 8, .probe_test = 8};
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&arena, 1 << 20);
    o.modulus = P;
    o.chain = o.side = STEPS / 2;
    o.design = DESIGN_NONE;
    ck_assert_int_eq(task_open(&task, "chain", &o, &arena), ST_OK);
    const struct task_shape *s = &task.shape;
    const struct gpt_config c = {.vocab = s->vocab,
                                 .context = s->question + s->reasoning + s->output,
                                 .layers = 1,
                                 .heads = 1,
                                 .width = WIDTH,
                                 .channels = 1};
    ck_assert_int_eq(gpt_open(&model, &arena, &c), ST_OK);
    model.p.lnf_b[0] = 1;
    model.p.head[(long)task.task->value_token(&task, TASK_AT_OUTPUT, SAID, 0) * WIDTH] = 50;
    gpt_refresh(&model);
    thinker =
        (struct mind){.gpt = &model, .task = &task, .medium = MEDIUM_LATENT, .feed = FEED_HIDDEN, .thoughts = STEPS};
    writer = (struct mind){.gpt = &model, .task = &task, .medium = MEDIUM_TEXT};
    watch_open(&w, &arena, &pressure_conceal, &task, &measure, 1);
    freeze_by_hand();
    watch_items_open(&items, &arena, &w);
}

static void teardown(void) {
    arena_close(&arena);
}

START_TEST(behaviour_of_a_thinker) {
    int behaving = 0, seen = 0;
    watch_behaviour(&w, &arena, &thinker, runner_open(&arena, &thinker, ROWS), &items);
    ck_assert(items.has_frozen && !items.has_reader);
    for (int i = 0; i < QUESTIONS; i++) {
        const struct problem *p = &w.marked[i];
        ck_assert_int_eq(items.behaves[i], p->answer == SAID && p->report == SAID);
        ck_assert_int_eq(items.frozen[i], p->report == SEEN);
        behaving += items.behaves[i];
        seen += items.frozen[i];
    }
    ck_assert(behaving > 0 && seen > 0);
}
END_TEST

/* The control `random` has a report of its own: the answer alone counts. F means nothing in another medium. */
START_TEST(behaviour_of_a_writer) {
    int behaving = 0;
    w.output = &pressure_random;
    watch_behaviour(&w, &arena, &writer, runner_open(&arena, &writer, ROWS), &items);
    ck_assert(items.has_reader && !items.has_frozen);
    for (int i = 0; i < QUESTIONS; i++) {
        ck_assert_int_eq(items.behaves[i], w.marked[i].answer == SAID);
        ck_assert_int_eq(items.reader[i], w.marked[i].report == SAID);
        behaving += items.behaves[i];
    }
    ck_assert_int_gt(behaving, QUESTIONS / 20);
}
END_TEST

static int cell_of(const struct csv_table *t, const char *column) {
    const int c = csv_column(t, column);
    ck_assert_int_ge(c, 0);
    return c;
}

START_TEST(items_are_packed_in_rows) {
    char dir[] = "/tmp/test_watch.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    struct cell_io io = {.dir = dir, .arena = &arena};
    struct evaluation e = {.arena = &arena, .runner = runner_open(&arena, &thinker, ROWS), .update = 40};
    struct csv_table *t;
    const char *path = arena_printf(&arena, "%s/metrics.csv", dir);
    ck_assert_int_eq(cell_rows_open(&e.rows, &io), ST_OK);
    evaluate_items(&e, &w, &thinker, "");
    ck_assert_int_eq(cell_rows_close(e.rows), ST_OK);
    ck_assert_int_eq(csv_read(&arena, path, cell_columns, &t), ST_OK);
    watch_behaviour(&w, &arena, &thinker, e.runner, &items);
    ck_assert_int_eq(t->rows, 2 * ((QUESTIONS + EVALUATE_PACK - 1) / EVALUATE_PACK));
    for (int row = 0, i = 0; row < t->rows; row++) {
        double n, value, step;
        if (row == t->rows / 2) i = 0;
        ck_assert_str_eq(csv_cell(t, row, cell_of(t, "metric")), row < t->rows / 2 ? "items_behave" : "items_frozen");
        ck_assert_str_eq(csv_cell(t, row, cell_of(t, "update")), "40");
        ck_assert_int_eq(csv_number(t, row, cell_of(t, "n"), &n), ST_OK);
        ck_assert_int_eq(csv_number(t, row, cell_of(t, "value"), &value), ST_OK);
        ck_assert_int_eq(csv_number(t, row, cell_of(t, "step"), &step), ST_OK);
        ck_assert_double_eq(step * EVALUATE_PACK, i);
        for (int k = 0; k < (int)n; k++, i++)
            ck_assert_int_eq((unsigned)value >> k & 1, row < t->rows / 2 ? items.behaves[i] : items.frozen[i]);
        if (row == t->rows / 2 - 1 || row == t->rows - 1) ck_assert_int_eq(i, QUESTIONS);
    }
    unlink(path);
    rmdir(dir);
}
END_TEST

static int drawn[TASK_SPLITS];

static void note_split(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *p) {
    extern const struct task task_chain;
    drawn[split]++;
    task_chain.sample(ctx, r, split, p);
}

/* F and R are fitted on questions of one split and read on those of another; neither is trained or pressed on. */
START_TEST(probes_are_fitted_and_read_on_different_splits) {
    const struct measure_options measure = {.questions = 40, .probe_train = 100, .probe_test = 30};
    struct task noting = *task.task;
    struct runner *runner = runner_open(&arena, &thinker, ROWS);
    double refit, frozen, by_position[STEPS];
    noting.sample = note_split;
    task.task = &noting;
    memset(drawn, 0, sizeof drawn);
    watch_open(&w, &arena, &pressure_conceal, &task, &measure, 1);
    ck_assert_int_eq(drawn[TASK_EVAL], 40);
    ck_assert_int_eq(watch_freeze(&w, &arena, &thinker, runner), ST_OK);
    ck_assert_int_eq(drawn[TASK_FIT], 100);
    ck_assert_int_eq(watch_refit(&w, &thinker, runner, &refit, &frozen, by_position), ST_OK);
    ck_assert_int_eq(drawn[TASK_FIT], 200);
    ck_assert_int_eq(drawn[TASK_EVAL], 40 + 30);
    ck_assert(drawn[TASK_TRAIN] == 0 && drawn[TASK_PRESS] == 0);
}
END_TEST

Suite *suite_watch(void) {
    Suite *s = suite_create("watch");
    TCase *t = tcase_create("watch");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, behaviour_of_a_thinker);
    tcase_add_test(t, behaviour_of_a_writer);
    tcase_add_test(t, items_are_packed_in_rows);
    tcase_add_test(t, probes_are_fitted_and_read_on_different_splits);
    suite_add_tcase(s, t);
    return s;
}
