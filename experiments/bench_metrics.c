/* The time of every metric, on a text mind and a latent mind of fresh weights: what a metric costs does not depend on
 * what the mind has learnt, but for texts that end early. */
#include <jansson.h>
#include <string.h>

#include "experiments/arm.h"
#include "experiments/bench.h"
#include "metrics/metric.h"

enum { FIT = 1000, TEST = 400, ROWS = 64 }; /* problems, as a cell measures */

static void forget(void *to, const struct metric_row *row) {
    long *rows = to;
    *rows += row->status[0] == 'o';
}

static enum status time_metrics(struct arena *a, const struct mind *mind, const char *name, json_t *list) {
    struct problem *p = ARENA_NEW(a, struct problem, FIT + TEST);
    struct rng r = rng_open(1, "bench metrics", 0);
    struct measurement m;
    long rows = 0;
    for (int i = 0; i < FIT + TEST; i++) mind->task->task->sample(mind->task, &r, TASK_EVAL, &p[i]);
    double start = bench_cpu_seconds();
    measurement_open(&m, a, mind, runner_open(a, mind, ROWS), p, FIT, p + FIT, TEST, 1);
    m.emit = forget;
    m.to = &rows;
    json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:i}", "mind", name, "metric", "(rollouts)", "seconds",
                                          bench_cpu_seconds() - start, "rows", 0));
    for (int i = 0; i < metric_count; i++) {
        rows = 0;
        start = bench_cpu_seconds();
        TRY(measurement_run(&m, metric_table[i]->name));
        json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:i}", "mind", name, "metric", metric_table[i]->name,
                                              "seconds", bench_cpu_seconds() - start, "rows", (int)rows));
    }
    return ST_OK;
}

static void print_metrics(const json_t *list) {
    size_t i;
    json_t *row;
    printf("\n%-8s %-24s %10s %6s\n", "mind", "metric", "seconds", "rows");
    json_array_foreach(list, i, row)
        printf("%-8s %-24s %10.3f %6lld\n", json_string_value(json_object_get(row, "mind")),
               json_string_value(json_object_get(row, "metric")), json_real_value(json_object_get(row, "seconds")),
               (long long)json_integer_value(json_object_get(row, "rows")));
}

enum status bench_metrics(struct arena *a, bool json) {
    struct config c;
    struct task_ctx task;
    struct gpt model;
    const struct arm *latent;
    config_default(&c);
    c.model.layers = 4;
    c.model.width = 128;
    c.model.heads = 4;
    TRY(task_open(&task, "chain", &c.task, a));
    const struct gpt_config g = learner_model_config(&c, &task.shape, false);
    TRY(gpt_open(&model, a, &g));
    gpt_init(&model, 1, c.model.init, 1.0);
    TRY(arm_find("coconut", &latent));
    const struct mind text = arm_text_mind(&model, &task), thinking = arm_mind(latent, &c, &model, &task);
    json_t *list = json_array();
    enum status st = time_metrics(a, &text, "text", list);
    if (!st) st = time_metrics(a, &thinking, "latent", list);
    if (!st && json) json_dumpf(list, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
    if (!st && !json) print_metrics(list);
    json_decref(list);
    return st;
}
