/* What the parts of the report share: report.c (page), report_arms.c, report_published.c, report_tables.c,
 * report_probes.c, report_paths.c, report_two_media.c, report_moderation.c, report_cells.c, report_distance.c, report_faithful.c, report_verdict.c,
 * report_figures.c, report_drift.c, report_answer.c. */
#ifndef SPILLOVER_REPORT_INTERNAL_H
#define SPILLOVER_REPORT_INTERNAL_H

#include <jansson.h>
#include <stdio.h>

#include "engine/mind.h"
#include "experiments/outcome.h"
#include "experiments/suite.h"
#include "experiments/verdict.h"

enum { REPORT_NOTES = 64 };

enum report_column {
    RC_CELL,
    RC_DESIGN,
    RC_ARM,
    RC_VARIANT,
    RC_SIZE,
    RC_BASE_STEPS,
    RC_RHO,
    RC_PRESSURE,
    RC_METHOD,
    RC_CREDIT,
    RC_UPDATE,
    RC_SEED,
    RC_STEP,
    RC_LAYER,
    RC_CONCEPT,
    RC_VIEW,
    RC_METRIC,
    RC_VALUE,
    RC_STATUS,
    RC_TASK,
    RC_COUNT
};

struct report_arm;

struct report {
    const char *dir; /* of the suite */
    const struct suite *suite;
    const struct csv_table *results;
    const int *arm_row; /* [n_arm_rows] rows of bases and arms, a small part of all: nothing was pressed */
    int n_arm_rows;
    bool varies[RC_COUNT]; /* size, base_steps, rho: whether arms of this suite differ in it */
    struct outcomes outcomes;
    struct report_arm *arms; /* [n_arms] bases too, in order of results.csv */
    int n_arms;
    bool named[OF_FIELDS];            /* pressed cells differ in it: names of figures say which */
    int column[RC_COUNT];             /* of results */
    const char *text_arm, *text_part; /* the arm that stands for text_long, and what its variant holds (or NULL) */
    double delta, epsilon;
    struct verdict_input judged;                   /* what the verdicts at S_N looked at */
    struct verdict_table verdict, verdict_at_dose; /* at S_N, and at the primary dose */
    const char *replaced[REPORT_NOTES]; /* of each seed that is not judged: which, and the gate that failed */
    int n_replaced;
    const char *notes[REPORT_NOTES]; /* figures that could not be had unambiguously */
    int n_notes;
    double core_seconds; /* NAN: not recorded */
    struct arena *arena;
};

const char *report_text(const struct report *r, int row, enum report_column c);

/* Chance levels of a concept's monitors in the cell of a row; NAN where the suite does not tell. */
struct outcome_chance report_chance(const struct report *r, int row, const char *concept);

/* A figure of trained arms, before pressure: one value per seed of r->outcomes.seeds into x. NULL matches any arm, arm
 * "" the base; step -1: rows without a step. Returns how many arms (report_same_arm) match; x holds the first one's. */
struct report_arm_query {
    const char *task, *design, *arm, *variant, *variant_part, *size, *base_steps, *rho, *metric, *concept, *view;
    int step;
};
enum { REPORT_ANY_STEP = -2 };
int report_arm_series(const struct report *r, const struct report_arm_query *q, double *x);

/* The outcome at row i for every seed: x[seeds], NAN where one has none. Returns the row behind its last. */
int report_outcome_seeds(const struct outcomes *o, int i, double *x);

/* Take the seeds that the suite declares replaced out of the outcomes, each where a gate that is settled before pressure
 * (G1, G2, G3, G8) failed for it; any other stays, and a note says so. */
void report_replace(struct report *r);

/* The place of a seed among r->outcomes.seeds; -1: it is none of them. */
int report_seed_index(const struct report *r, long seed);

/* Does a cell begin with this row? The rows of a cell stand together. */
bool report_new_cell(const struct report *r, int row);

/* An arm, or (arm "") a base, by what tells it from the others of a suite. */
struct report_arm {
    const char *task, *design, *arm, *variant, *size, *base_steps, *rho;
    enum medium medium; /* MEDIUM_TEXT where the arm is none of this program */
    bool fails;         /* a gate of its own (answer, necessity, monitor) on some seed; report_list_arms judges */
};
struct report_arm report_arm_of(const struct report *r, int row);
bool report_same_arm(const struct report_arm *a, const struct report_arm *b);

/* A query for one arm, to be completed: metric, concept, view; the step is -1. */
struct report_arm_query report_query_of(const struct report_arm *a);

/* What tells an arm from others of its name, task and design in this suite: its variant, then of size, base_steps and
 * rho those that vary and are not left "". */
const char *report_settings(const struct report *r, const struct report_arm *a);

/* The same of a pressed cell, from the fields that name it. */
const char *report_cell_settings(const struct report *r, const char *const field[OF_FIELDS]);

/* Does the arm behind a pressed cell fail? Then what the cell lost is no leak. */
bool report_arm_fails(const struct report *r, const char *const field[OF_FIELDS]);
extern const char report_fails_note[]; /* what ✗ means behind such an arm */

/* Fill r->arms, with replaced seeds taken out. */
void report_list_arms(struct report *r);

/* Updates, positions and floating-point operations of an arm's training: means over seeds, NAN where not recorded. */
enum { REPORT_TRAINING = 3 };
void report_training(const struct report *r, const struct report_arm *a, double mean[REPORT_TRAINING]);

/* Fill verdict and verdict_at_dose. */
void report_judge(struct report *r);

/* A figure in a table, and the seeds behind it. */
enum { REPORT_TEXT = 96 };
struct report_entry {
    char text[REPORT_TEXT];
    int n;
};

/* "0.381 [0.291, 0.471]" over the finite ones of n values; the mean alone for one seed; "-" for none. */
struct report_entry report_interval(const double *x, int n);

/* The end of a table's row, behind a "|": k entries, then the seeds behind the most of them. An entry of fewer seeds says so
 * itself: "0.381 [0.291, 0.471] (n 6)". */
void report_entries(FILE *out, const struct report_entry *e, int k);

/* Finite values of x packed into y; how many. */
int report_finite(const double *x, int n, double *y);

/* A figure that cells are asked for: rows of this metric, concept and view (without a layer); an arm's has another view,
 * NULL: arms are left out. */
struct report_cell_figure {
    const char *metric, *concept, *view, *arm_view;
};
enum { REPORT_CELL_FIGURES = 8 };

/* Cells that differ in their seed alone. */
struct report_cells {
    const char *field[OF_FIELDS];
    double *x[REPORT_CELL_FIGURES]; /* [seeds] the row over all steps, else the mean over steps; NAN: none */
    int *rows[REPORT_CELL_FIGURES]; /* [seeds] how many steps, -1: the row over all */
    const char **pair;              /* [seeds] pair_id */
};

struct report_cell_list {
    struct report_cells *of;
    int n, room;
};

/* All cells that have one of n figures, in order of results.csv. */
struct report_cell_list report_read_cells(const struct report *r, const struct report_cell_figure *figures, int n);

bool report_is_control(const struct report_cells *c);

/* control[seeds]: figure k of the control with the same pair_id; NAN where there is none. */
void report_control_of(const struct report *r, const struct report_cell_list *all, const struct report_cells *c, int k,
                       double *control);

/* The first columns of a table: task, design, arm, pressure ("(another seed)" for an arm), method, credit, variant. */
void report_name_cells(const struct report *r, const struct report_cells *c, FILE *out);

/* The first columns of a table of arms: task, design, arm ("(base)"), variant. */
void report_name_arm(const struct report *r, const struct report_arm *a, FILE *out);

/* Text for a table of the page: nothing of it can end the cell or start markup. */
void report_escape(FILE *out, const char *text);

/* Sections of the page. */
void report_gates(const struct report *r, FILE *out);
void report_verdicts(const struct report *r, FILE *out);
void report_paths(const struct report *r, FILE *out); /* a part of it */
void report_two_media(const struct report *r, FILE *out);
void report_moderation(const struct report *r, FILE *out);
void report_distance(const struct report *r, FILE *out);
void report_faithful(const struct report *r, FILE *out);
void report_arms(const struct report *r, FILE *out);
void report_probes(const struct report *r, const struct report_arm *list, int n, FILE *out);    /* a part of it */
void report_published(const struct report *r, const struct report_arm *list, int n, FILE *out); /* another */
void report_outcomes(const struct report *r, FILE *out);
void report_skipped(const struct report *r, FILE *out);

/* Write cost.csv from the cells' resources.json, which no two runs share, a row a base, arm, and all pressed cells of an
 * arm; its section of the page, and core_seconds. */
MUST_USE enum status report_cost(struct report *r, FILE *out);

/* What every pressed arm came to: lines for a terminal, an array for a program. */
void report_summary_lines(const struct report *r, FILE *out);
json_t *report_summary_json(const struct report *r);

/* Write figures/data/ and draw figures/; the section of the page with what became of them. */
MUST_USE enum status report_figures(const struct report *r, FILE *out);

#endif
