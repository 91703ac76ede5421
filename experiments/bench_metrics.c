/* The time of every metric: a pressed text mind and a pressed latent mind, of the model and on the problems that a suite
 * takes by default. The weights have learnt the task's form for a few seconds, since probes on nothing are found at once;
 * the mind before pressure has the same weights. Two passes: as every pressed cell is measured, and with measure.level
 * full. */
#include <jansson.h>
#include <string.h>

#include "experiments/arm.h"
#include "experiments/bench.h"
#include "metrics/decode.h"

enum { ROWS = 64, UPDATES = 200 };

static void forget(void *to, const struct metric_row *row) {
    long *rows = to;
    *rows += row->status[0] == 'o';
}

struct timing {
    struct arena *arena;
    const struct mind *mind;
    const char *name;
    struct runner *runner;
    const struct problem *fit, *test;
    int n_fit, n_test;
    struct probe *probes; /* of the mind before pressure, as its arm leaves them */
    json_t *list;
};

static void add(const struct timing *t, const char *pass, const char *metric, double seconds, long rows) {
    json_array_append_new(t->list, json_pack("{s:s, s:s, s:s, s:f, s:i}", "mind", t->name, "pass", pass, "metric",
                                             metric, "seconds", seconds, "rows", (int)rows));
}

static void open_measurement(const struct timing *t, struct measurement *m, long *rows) {
    measurement_open(m, t->arena, t->mind, t->runner, t->fit, t->n_fit, t->test, t->n_test, 1);
    m->emit = forget;
    m->to = rows;
}

static enum status time_pass(const struct timing *t, enum metric_depth depth, const char *pass) {
    const struct arena_mark mark = arena_mark(t->arena);
    struct measurement m;
    long rows = 0;
    double start = bench_cpu_seconds(), total;
    open_measurement(t, &m, &rows);
    m.depth = depth;
    measurement_set_before(&m, t->mind, t->probes);
    total = bench_cpu_seconds() - start;
    add(t, pass, "(rollouts)", total, 0);
    for (int i = 0; i < metric_count; i++) {
        if (metric_table[i]->depth > depth) continue;
        rows = 0;
        start = bench_cpu_seconds();
        TRY(measurement_run(&m, metric_table[i]->name));
        const double seconds = bench_cpu_seconds() - start;
        add(t, pass, metric_table[i]->name, seconds, rows);
        total += seconds;
    }
    add(t, pass, "(total)", total, 0);
    arena_rewind(t->arena, mark);
    return ST_OK;
}

static enum status time_mind(struct arena *a, const struct config *c, const struct mind *mind, const char *name,
                             json_t *list) {
    struct timing t = {a, mind, name, runner_open(a, mind, ROWS), NULL, NULL, 0, 0, NULL, list};
    t.n_fit = c->measure.probe_train;
    t.n_test = c->measure.probe_test;
    struct problem *p = ARENA_NEW(a, struct problem, t.n_fit + t.n_test);
    struct rng r = rng_open(1, "bench metrics", 0);
    for (int i = 0; i < t.n_fit + t.n_test; i++) mind->task->task->sample(mind->task, &r, TASK_EVAL, &p[i]);
    t.fit = p;
    t.test = p + t.n_fit;
    struct measurement arm;
    long rows;
    open_measurement(&t, &arm, &rows);
    arm.depth = DEPTH_ARM;
    TRY(measurement_run(&arm, "read_accuracy"));
    t.probes = arm.decode->probes;
    TRY(time_pass(&t, DEPTH_VERDICT, "verdict"));
    return time_pass(&t, DEPTH_FULL, "full");
}

static void print_metrics(const json_t *list) {
    size_t i;
    json_t *row;
    printf("\n%-8s %-8s %-24s %10s %6s\n", "mind", "pass", "metric", "seconds", "rows");
    json_array_foreach(list, i, row) printf(
        "%-8s %-8s %-24s %10.3f %6lld\n", json_string_value(json_object_get(row, "mind")),
        json_string_value(json_object_get(row, "pass")), json_string_value(json_object_get(row, "metric")),
        json_real_value(json_object_get(row, "seconds")), (long long)json_integer_value(json_object_get(row, "rows")));
}

static enum status train(struct arena *a, const struct config *c, struct task_ctx *task, struct learner *l) {
    const struct gpt_config g = learner_model_config(c, &task->shape, false);
    TRY(gpt_open(&l->model, a, &g));
    gpt_init(&l->model, 1, c->model.init, 1.0);
    learner_open(l, a, c, task);
    struct arm_training t = {
        .config = c, .learner = l, .task = task, .planned = UPDATES, .mind = arm_text_mind(&l->model, task)};
    t.problems = ARENA_NEW(a, struct problem, c->base.batch);
    for (int i = 0; i < UPDATES; i++) {
        double loss;
        TRY(arm_update(&t, "base", &t.mind, (struct stage){0}, schedule_cosine(c->base.lr, i, UPDATES, 50), &loss));
    }
    return ST_OK;
}

enum status bench_metrics(struct arena *a, json_t *list) {
    struct config c;
    struct task_ctx task;
    struct learner l = {0};
    const struct arm *latent;
    config_default(&c);
    c.base.batch = ROWS;
    TRY(task_open(&task, "chain", &c.task, a));
    TRY(train(a, &c, &task, &l));
    TRY(arm_find("coconut", &latent));
    const struct mind text = arm_text_mind(&l.model, &task), thinking = arm_mind(latent, &c, &l.model, &task);
    json_t *rows = list ? json_incref(list) : json_array();
    enum status st = time_mind(a, &c, &text, "text", rows);
    if (!st) st = time_mind(a, &c, &thinking, "latent", rows);
    if (!st && !list) print_metrics(rows);
    json_decref(rows);
    return st;
}
