/* From results.csv to outcomes: how far a pressure moved the output, and how far the reasoning moved with it.
 *
 * Words. For a monitor M of a cell, M~ = (M - chance) / (M_before - chance), M_before being the
 * cell's own reading at update 0. A pressed cell is compared with its *control*: the cell of pressure `none` with the
 * same pair_id (same seed, arm, task, method and settings), at the same update; a control that was not read at that
 * update is interpolated linearly between the two readings around it.
 *
 *   dose      D(u) = 1 - M~_out,pressed(u) / M~_out,control(u)
 *   s_f, s_r  S(u) = M~_R,control(u) - M~_R,pressed(u); > 0: less readable
 *   tau       S / D
 *   s_b       S at the end on the questions where control and pressed both behave (outcome_items.h); both_behave: their share
 *
 * u(level) is the update of the first crossing of D = level, linear between neighbouring readings; every quantity "at a
 * level" is its own trajectory at u(level), linear between the readings around it. Nothing is extrapolated: what is not
 * bracketed has status "skip" and a note.
 *
 * Which monitor stands behind an S is written in the row (`monitor`):
 *
 *   quantity    text                                     latent
 *   s_f         reader: the exact reader of the tokens   frozen: probe F, fitted before pressure
 *   s_f_probe   frozen: probe F beside it                -
 *   s_r         refit: the probe fitted again            refit
 *
 * The chance level of the exact reader is 0 (it reads nothing where nothing is written), of a probe 1 / classes.
 */
#ifndef SPILLOVER_OUTCOME_H
#define SPILLOVER_OUTCOME_H

#include <stdbool.h>

#include "engine/base/arena.h"
#include "engine/base/csv.h"
#include "engine/base/status.h"

/* Columns of results.csv that name what a cell is, the seed aside; kept as text. */
enum outcome_field {
    OF_TASK,
    OF_DESIGN,
    OF_ARM,
    OF_VARIANT,
    OF_SIZE,
    OF_BASE_STEPS,
    OF_RHO,
    OF_PRESSURE,
    OF_METHOD,
    OF_CREDIT,
    OF_LAMBDA,
    OF_FIELDS
};
extern const char *const outcome_field_names[OF_FIELDS + 1]; /* ends with NULL */

enum outcome_quantity {
    OQ_DOSE,    /* D at the end */
    OQ_REACHED, /* 1 when D crosses the primary level, else 0 */
    OQ_UPDATE,  /* u(level) */
    OQ_S_F,     /* spillover by role */
    OQ_S_F_PROBE,
    OQ_S_R,
    OQ_TAU_F,
    OQ_TAU_F_PROBE,
    OQ_TAU_R,
    OQ_AREA_F, /* integral of S over D from 0 to the primary level */
    OQ_AREA_F_PROBE,
    OQ_AREA_R,
    OQ_S_B, /* spillover given the behaviour, at the end, by the monitor of s_f and of s_f_probe */
    OQ_S_B_PROBE,
    OQ_BOTH_BEHAVE,     /* share of the questions behind it */
    OQ_KL,              /* nats per output slot on frozen contexts */
    OQ_WEIGHT_DISTANCE, /* Euclidean, of all weights */
    OQ_ANSWER,          /* accuracy of the answer, pressed */
    OQ_ANSWER_CHANGE,   /* pressed minus control */
    OQ_CONDITIONAL, /* first-order prediction at update 0 (first_order.h), monitor "sgd" or "adam": > 0 predicts S > 0 */
    OQ_PARAMETRIC,
    OQ_CELL, /* the cell itself, when it has no results: its status */
    OQ_COUNT
};

enum outcome_level {
    OL_25,
    OL_50,
    OL_75, /* the primary dose D* */
    OL_90,
    OL_END,   /* the last update N */
    OL_KL,    /* pressure random: where its KL equals that of `conceal`, under the same credit, at its end */
    OL_KL_75, /* the same, at conceal's first crossing of the primary dose */
    OL_AREA,  /* over doses 0 .. D* */
    OL_NONE,
    OL_COUNT
};

struct outcome {
    const char *field[OF_FIELDS];
    const char *concept, *view; /* view "" or "text_mode" */
    enum outcome_quantity quantity;
    const char *monitor; /* "reader", "frozen", "refit", ""; of a prediction: "sgd", "adam" */
    enum outcome_level level;
    int group; /* outcomes with equal fields share it; in order of results.csv */
    long seed;
    double value;       /* NAN unless status is "ok" */
    const char *status; /* "ok", "skip"; of a cell without results: as in results.csv */
    const char *note;   /* why it is skipped; "" */
    int place;          /* before sorting: settles ties */
};

/* One pressed cell's path: S against D at every update at which both are known. */
struct outcome_curve {
    const char *field[OF_FIELDS];
    const char *concept, *view, *monitor;
    enum outcome_quantity quantity; /* OQ_S_F, OQ_S_F_PROBE or OQ_S_R */
    int group;
    long seed;
    int n;
    double *update, *dose, *s; /* [n] */
};

struct outcomes {
    struct outcome *rows; /* by group, concept, view, quantity, monitor, level, seed */
    int n;
    struct outcome_curve *curves; /* in order of results.csv */
    int n_curves;
    long *seeds; /* of all cells, ascending */
    int n_seeds;
};

/* Chance levels of a concept's monitors in the cell that holds `row` of results.csv. */
struct outcome_chance {
    double out, probe;
};
struct outcome_chances {
    struct outcome_chance (*of)(void *with, const struct csv_table *results, int row, const char *concept);
    void *with;
};

extern const char *const outcome_quantity_names[OQ_COUNT];
extern const char *const outcome_level_names[OL_COUNT];

/* Everything lives in the arena and borrows text from `results`, which must have the columns of merge_columns.
 * ST_DATA with path:line for a cell that is not a number where one is expected. */
MUST_USE enum status outcome_build(struct outcomes *o, const struct csv_table *results,
                                   const struct outcome_chances *chances, struct arena *a);

/* outcomes.csv, tidy: suite, the fields, concept, view, quantity, monitor, level, seed, value, status, note. */
MUST_USE enum status outcome_store(const struct outcomes *o, const char *suite, const char *path);

/* What a series is about: what is left NULL matches anything. */
struct outcome_query {
    const char *field[OF_FIELDS];
    const char *variant_part;   /* a "key=value" that the variant must hold */
    const char *concept, *view; /* NULL: any */
    enum outcome_quantity quantity;
    enum outcome_level level;
};

/* One value per seed of o->seeds (NAN where there is none) into x [o->n_seeds]; returns how many groups match: 0, 1, or
 * more, in which case x holds the first group's. */
int outcome_series(const struct outcomes *o, const struct outcome_query *q, double *x);

/* Does a variant ("key=value;...") hold this "key=value"? Every variant holds NULL. */
bool outcome_variant_holds(const char *variant, const char *part);

#endif
