#include "tests/experiments/planted.h"

#include <check.h>
#include <math.h>

#include "experiments/merge.h"

void planted_open(struct planted *p, const char *path) {
    *p = (struct planted){
        .task = "chain", .design = "joint", .arm = "", .variant = "", .pressure = "", .method = "", .credit = ""};
    p->cell = p->pair = "";
    p->size = "l1_w8_h1";
    p->base_steps = "10";
    p->layer = -1;
    p->n = 100;
    p->stream = fopen(path, "w");
    ck_assert_ptr_nonnull(p->stream);
    csv_out_open(&p->csv, p->stream);
    csv_out_header(&p->csv, merge_columns);
}

void planted_close(struct planted *p) {
    ck_assert_int_eq(fclose(p->stream), 0);
}

static void whole(struct planted *p, int x) {
    if (x < 0)
        csv_out_text(&p->csv, "");
    else
        csv_out_integer(&p->csv, x);
}

static void row(struct planted *p, int update, int step, const char *concept, const char *view, const char *metric,
                double value, const char *status) {
    const char *const fields[] = {
        "planted", p->cell,       p->pair, p->task,     p->design, p->arm,    p->variant,
        p->size,   p->base_steps, "0.5",   p->pressure, p->method, p->credit, *p->pressure ? "1" : ""};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) csv_out_text(&p->csv, fields[i]);
    whole(p, update);
    csv_out_text(&p->csv, "");
    csv_out_text(&p->csv, "");
    csv_out_integer(&p->csv, p->seed);
    whole(p, step);
    whole(p, p->layer);
    csv_out_text(&p->csv, concept);
    csv_out_text(&p->csv, view);
    csv_out_text(&p->csv, metric);
    csv_out_integer(&p->csv, 1);
    csv_out_integer(&p->csv, p->n);
    csv_out_number(&p->csv, value);
    csv_out_text(&p->csv, "");
    csv_out_text(&p->csv, "");
    csv_out_text(&p->csv, status);
    csv_out_end(&p->csv);
}

void planted_row(struct planted *p, int update, int step, const char *concept, const char *view, const char *metric,
                 double value) {
    row(p, update, step, concept, view, metric, value, isfinite(value) ? "ok" : "nonfinite");
}

void planted_absent(struct planted *p, const char *status) {
    row(p, -1, -1, "", "", "cell", NAN, status);
}

void planted_path(struct planted *p, const char *concept, const char *view, const char *metric, int n,
                  const int *update, const double *value) {
    for (int i = 0; i < n; i++) planted_row(p, update[i], -1, concept, view, metric, value[i]);
}
