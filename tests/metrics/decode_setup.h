/* Two untrained minds of task chain, one that thinks and one that writes, and what is measured on them, for tests. Their
 * rollouts are overwritten with planted vectors, so what must be read is known exactly. */
#ifndef SPILLOVER_TESTS_DECODE_SETUP_H
#define SPILLOVER_TESTS_DECODE_SETUP_H

#include "engine/gemm.h"
#include "metrics/decode.h"
#include "tests/metrics/sheet.h"

enum { FIT = 500, TEST = 300, WIDTH = 16, P = 5, STEPS = 4, ROWS = 64 };

struct subject {
    struct task_ctx task;
    struct gpt model;
    struct mind mind;
    struct runner *runner;
    struct problem *fit, *test;
    struct measurement m;
};

extern struct arena subject_arena;
extern struct subject subject_thinker, subject_writer; /* latent, text */
extern struct sheet subject_sheet;                     /* the rows of what was measured since subject_measurement */

/* A fixture of all that. */
void subjects_open(void);
void subjects_close(void);

/* sheet_row and sheet_value of subject_sheet. */
const struct metric_row *subject_row(const char *metric, int step, int layer, const char *concept, const char *view);
double subject_value(const char *metric, int step, const char *concept, const char *view);
void subject_measure(struct subject *s, const char *metric);
/* A fresh measurement, whose rollouts a test may overwrite before it measures. */
void subject_measurement(struct subject *s, int n_fit);
/* u of step k = signal * e_{(V_k + turn) mod P} + noise: linear, and of known content. */
void subject_plant(struct rollout *r, const struct problem *p, float signal, int turn, const char *stream);
void subject_plant_both(struct subject *s, struct rollout *fit, struct rollout *test, float signal, int turn);
/* Five standard errors around a chance of 1/P. */
void subject_is_chance(double accuracy, int n);

#endif
