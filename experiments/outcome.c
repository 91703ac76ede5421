#include "experiments/outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "experiments/outcome_items.h"
#include "metrics/stat_mean.h"

enum { MOST_CONCEPTS = 16, ROLES = 3, N_LEVELS = 4 };

/* A monitor or an output that begins this near to chance has no range in which a fall could be seen, and a dose this
 * near to 0 none to divide by. */
#define LEAST_RANGE .05

const char *const outcome_field_names[OF_FIELDS + 1] = {"task", "design",   "arm",    "variant", "size",   "base_steps",
                                                        "rho",  "pressure", "method", "credit",  "lambda", NULL};
const char *const outcome_quantity_names[OQ_COUNT] = {"dose",
                                                      "reached",
                                                      "update",
                                                      "s_f",
                                                      "s_f_probe",
                                                      "s_r",
                                                      "tau_f",
                                                      "tau_f_probe",
                                                      "tau_r",
                                                      "area_f",
                                                      "area_f_probe",
                                                      "area_r",
                                                      "s_b",
                                                      "s_b_probe",
                                                      "both_behave",
                                                      "kl",
                                                      "weight_distance",
                                                      "answer_accuracy",
                                                      "answer_change",
                                                      "first_order_conditional",
                                                      "first_order_parametric",
                                                      "cell"};
const char *const outcome_level_names[OL_COUNT] = {"0.25",     "0.5",           "0.75",   "0.9", "end",
                                                   "equal_kl", "equal_kl_0.75", "0-0.75", ""};

static const double level_dose[N_LEVELS] = {[OL_25] = .25, [OL_50] = .5, [OL_75] = .75, [OL_90] = .9};

/* Which metric plays which role: the quantities of role r are OQ_S_F + r, OQ_TAU_F + r, OQ_AREA_F + r. */
static const struct {
    const char *metric, *monitor;
} text_roles[ROLES] = {{"m_r_reader", "reader"}, {"m_r_frozen", "frozen"}, {"m_r_refit", "refit"}},
  latent_roles[ROLES] = {{"m_r_frozen", "frozen"}, {NULL, NULL}, {"m_r_refit", "refit"}},
  /* A probe of the arm's own medium says nothing about the other one: the tokens have the exact reader. */
    text_mode_roles[ROLES] = {{"m_r_reader", "reader"}, {NULL, NULL}, {NULL, NULL}};

enum column {
    C_CELL,
    C_PAIR,
    C_SEED,
    C_UPDATE,
    C_LEVEL,
    C_STEP,
    C_LAYER,
    C_CONCEPT,
    C_VIEW,
    C_METRIC,
    C_VALUE,
    C_STATUS,
    C_COLUMNS
};
static const char *const column_names[C_COLUMNS] = {"cell",  "pair_id", "seed", "update", "dose_level", "step",
                                                    "layer", "concept", "view", "metric", "value",      "status"};

/* One cell of results.csv: its rows stand together. */
struct run_cell {
    int first, end; /* rows [first, end) */
    int group;
    long seed;
    const char *pair_id;
};

struct series {
    int n;
    double *update, *value; /* [n], updates ascending */
};

struct builder {
    const struct csv_table *table;
    const struct outcome_chances *chances;
    struct arena *arena;
    struct outcomes *out;
    int column[C_COLUMNS], field[OF_FIELDS];
    struct run_cell *cells;
    int n_cells, n_groups, room, curve_room;
};

/* One pressed cell beside its control, under one concept and view. */
struct pairing {
    const struct run_cell *cell, *control; /* control NULL: none */
    const char *concept, *view;
    struct outcome_chance chance;
    struct series dose; /* D at updates */
    double at[OL_COUNT];
    const char *missing[OL_COUNT]; /* why at[level] is NAN */
    double last;
};

static const char *text_at(const struct builder *b, int row, enum column c) {
    return csv_cell(b->table, row, b->column[c]);
}

static const char *field_of(const struct builder *b, const struct run_cell *c, enum outcome_field f) {
    return csv_cell(b->table, c->first, b->field[f]);
}

bool outcome_variant_holds(const char *variant, const char *part) {
    if (!part) return true;
    const size_t n = strlen(part);
    for (const char *at = variant; at; at = strchr(at, ';')) {
        if (*at == ';') at++;
        if (strncmp(at, part, n) == 0 && (at[n] == '\0' || at[n] == ';')) return true;
    }
    return false;
}

/* --- reading results.csv ------------------------------------------------------------------------------------------ */

static enum status find_columns(struct builder *b) {
    for (int c = 0; c < C_COLUMNS; c++) {
        b->column[c] = csv_column(b->table, column_names[c]);
        if (b->column[c] < 0) return status_set(ST_DATA, "%s: no column %s", b->table->path, column_names[c]);
    }
    for (int f = 0; f < OF_FIELDS; f++) {
        b->field[f] = csv_column(b->table, outcome_field_names[f]);
        if (b->field[f] < 0) return status_set(ST_DATA, "%s: no column %s", b->table->path, outcome_field_names[f]);
    }
    return ST_OK;
}

static int group_of(struct builder *b, int cell) {
    for (int i = 0; i < cell; i++) {
        bool same = true;
        for (int f = 0; f < OF_FIELDS && same; f++)
            same = strcmp(field_of(b, &b->cells[i], f), field_of(b, &b->cells[cell], f)) == 0;
        if (same) return b->cells[i].group;
    }
    return b->n_groups++;
}

static enum status find_cells(struct builder *b) {
    const int rows = b->table->rows;
    b->cells = ARENA_NEW(b->arena, struct run_cell, rows + 1);
    for (int i = 0, j; i < rows; i = j) {
        double seed;
        for (j = i + 1; j < rows && strcmp(text_at(b, i, C_CELL), text_at(b, j, C_CELL)) == 0; j++) {
        }
        TRY(csv_number(b->table, i, b->column[C_SEED], &seed));
        b->cells[b->n_cells] =
            (struct run_cell){.first = i, .end = j, .seed = (long)seed, .pair_id = text_at(b, i, C_PAIR)};
        b->cells[b->n_cells].group = group_of(b, b->n_cells);
        b->n_cells++;
    }
    return ST_OK;
}

static int order_longs(const void *pa, const void *pb) {
    const long a = *(const long *)pa, b = *(const long *)pb;
    return (a > b) - (a < b);
}

static void find_seeds(struct builder *b) {
    struct outcomes *o = b->out;
    long *all = ARENA_NEW(b->arena, long, b->n_cells + 1);
    o->seeds = ARENA_NEW(b->arena, long, b->n_cells + 1);
    for (int i = 0; i < b->n_cells; i++) all[i] = b->cells[i].seed;
    qsort(all, (size_t)b->n_cells, sizeof *all, order_longs);
    for (int i = 0; i < b->n_cells; i++)
        if (i == 0 || all[i] != all[i - 1]) o->seeds[o->n_seeds++] = all[i];
}

/* A trajectory of one metric; rows of results.csv stand in the order of updates. Empty when the cell has none. */
static enum status read_series(const struct builder *b, const struct run_cell *cell, const char *metric,
                               const char *concept, const char *view, struct series *s) {
    *s = (struct series){0};
    if (!cell || !metric) return ST_OK;
    s->update = ARENA_NEW(b->arena, double, cell->end - cell->first);
    s->value = ARENA_NEW(b->arena, double, cell->end - cell->first);
    for (int i = cell->first; i < cell->end; i++) {
        if (strcmp(text_at(b, i, C_METRIC), metric) != 0 || strcmp(text_at(b, i, C_CONCEPT), concept) != 0 ||
            strcmp(text_at(b, i, C_VIEW), view) != 0 || strcmp(text_at(b, i, C_STATUS), "ok") != 0 ||
            !*text_at(b, i, C_UPDATE) || *text_at(b, i, C_LEVEL))
            continue;
        double update, value;
        TRY(csv_number(b->table, i, b->column[C_UPDATE], &update));
        TRY(csv_number(b->table, i, b->column[C_VALUE], &value));
        if (s->n > 0 && s->update[s->n - 1] >= update) continue;
        s->update[s->n] = update;
        s->value[s->n++] = value;
    }
    return ST_OK;
}

/* Linear between the readings around `update`; NAN outside them. */
static double value_at(const struct series *s, double update) {
    for (int i = 0; i < s->n; i++) {
        if (s->update[i] == update) return s->value[i];
        if (i > 0 && s->update[i - 1] < update && update < s->update[i]) {
            const double t = (update - s->update[i - 1]) / (s->update[i] - s->update[i - 1]);
            return s->value[i - 1] + t * (s->value[i] - s->value[i - 1]);
        }
    }
    return NAN;
}

/* Rescale so that chance is 0 and the reading at update 0 is 1; false when there is no such reading, or no range. */
static bool adjust(struct series *s, double chance) {
    if (s->n == 0 || s->update[0] != 0 || !(s->value[0] - chance >= LEAST_RANGE)) return false;
    const double range = s->value[0] - chance;
    for (int i = 0; i < s->n; i++) s->value[i] = (s->value[i] - chance) / range;
    return true;
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static void add_row(struct builder *b, const struct pairing *p, enum outcome_quantity quantity, const char *monitor,
                    enum outcome_level level, double value, const char *note) {
    struct outcomes *o = b->out;
    if (o->n == b->room) {
        struct outcome *more = ARENA_NEW(b->arena, struct outcome, 2 * b->room + 256);
        if (o->n > 0) memcpy(more, o->rows, (size_t)o->n * sizeof *more);
        o->rows = more;
        b->room = 2 * b->room + 256;
    }
    const bool ok = isfinite(value);
    struct outcome *row = &o->rows[o->n++];
    *row = (struct outcome){.concept = p->concept,
                            .view = p->view,
                            .quantity = quantity,
                            .monitor = monitor,
                            .level = level,
                            .group = p->cell->group,
                            .seed = p->cell->seed,
                            .value = ok ? value : NAN,
                            .status = ok ? "ok" : "skip",
                            .note = ok ? "" : note};
    for (int f = 0; f < OF_FIELDS; f++) row->field[f] = field_of(b, p->cell, f);
}

/* A quantity at every level that there is an update for. */
static void add_levels(struct builder *b, const struct pairing *p, enum outcome_quantity quantity, const char *monitor,
                       const struct series *s, const char *note) {
    for (enum outcome_level l = OL_25; l <= OL_KL_75; l++) {
        if (l >= OL_KL && !isfinite(p->at[l]) && !p->missing[l]) continue;
        const bool here = isfinite(p->at[l]);
        add_row(b, p, quantity, monitor, l, here ? value_at(s, p->at[l]) : NAN,
                !here       ? p->missing[l]
                : note      ? note
                : s->n == 0 ? "not measured"
                            : "no readings around this update");
    }
}

static void add_curve(struct builder *b, const struct pairing *p, enum outcome_quantity quantity, const char *monitor,
                      const struct series *s) {
    struct outcomes *o = b->out;
    if (o->n_curves == b->curve_room) {
        struct outcome_curve *more = ARENA_NEW(b->arena, struct outcome_curve, 2 * b->curve_room + 64);
        if (o->n_curves > 0) memcpy(more, o->curves, (size_t)o->n_curves * sizeof *more);
        o->curves = more;
        b->curve_room = 2 * b->curve_room + 64;
    }
    struct outcome_curve *c = &o->curves[o->n_curves++];
    *c = (struct outcome_curve){.concept = p->concept,
                                .view = p->view,
                                .monitor = monitor,
                                .quantity = quantity,
                                .group = p->cell->group,
                                .seed = p->cell->seed,
                                .update = ARENA_NEW(b->arena, double, s->n + 1),
                                .dose = ARENA_NEW(b->arena, double, s->n + 1),
                                .s = ARENA_NEW(b->arena, double, s->n + 1)};
    for (int f = 0; f < OF_FIELDS; f++) c->field[f] = field_of(b, p->cell, f);
    for (int i = 0; i < s->n; i++) {
        const double dose = value_at(&p->dose, s->update[i]);
        if (!isfinite(dose)) continue;
        c->update[c->n] = s->update[i];
        c->dose[c->n] = dose;
        c->s[c->n++] = s->value[i];
    }
}

/* --- a pressed cell ----------------------------------------------------------------------------------------------- */

/* D(u) = 1 - M~_out,pressed / M~_out,control. */
static enum status read_dose(const struct builder *b, const struct pairing *p, const char *view, struct series *dose,
                             const char **note) {
    struct series control;
    TRY(read_series(b, p->cell, "m_out", p->concept, view, dose));
    TRY(read_series(b, p->control, "m_out", p->concept, view, &control));
    *note = !p->control                                                        ? "no control"
            : dose->n == 0                                                     ? "no dose monitor"
            : !adjust(dose, p->chance.out) || !adjust(&control, p->chance.out) ? "output at chance before pressure"
                                                                               : NULL;
    int n = 0;
    for (int i = 0; i < dose->n && !*note; i++) {
        const double beside = value_at(&control, dose->update[i]);
        if (!(beside >= LEAST_RANGE)) continue;
        dose->update[n] = dose->update[i];
        dose->value[n++] = 1.0 - dose->value[i] / beside;
    }
    dose->n = n;
    return ST_OK;
}

/* S(u) = M~_R,control - M~_R,pressed. */
static enum status read_spillover(const struct builder *b, const struct pairing *p, const char *metric, double chance,
                                  struct series *s, const char **note) {
    struct series control;
    TRY(read_series(b, p->cell, metric, p->concept, p->view, s));
    TRY(read_series(b, p->control, metric, p->concept, p->view, &control));
    *note = !p->control                                       ? "no control"
            : s->n == 0                                       ? "not measured"
            : !adjust(s, chance) || !adjust(&control, chance) ? "monitor at chance before pressure"
                                                              : NULL;
    int n = 0;
    for (int i = 0; i < s->n && !*note; i++) {
        const double beside = value_at(&control, s->update[i]);
        if (!isfinite(beside)) continue;
        s->update[n] = s->update[i];
        s->value[n++] = beside - s->value[i];
    }
    s->n = n;
    return ST_OK;
}

static const struct run_cell *partner(const struct builder *b, const struct run_cell *cell, const char *pressure,
                                      const char *credit) {
    for (int i = 0; i < b->n_cells && *cell->pair_id; i++) {
        const struct run_cell *c = &b->cells[i];
        if (strcmp(c->pair_id, cell->pair_id) == 0 && strcmp(field_of(b, c, OF_PRESSURE), pressure) == 0 &&
            (!credit || strcmp(field_of(b, c, OF_CREDIT), credit) == 0) &&
            strcmp(text_at(b, c->first, C_METRIC), "cell") != 0)
            return c;
    }
    return NULL;
}

/* Pressure `random` is judged where it has moved the output as far from the arm's as `conceal` has, under the same credit:
 * at its end, and at its first crossing of the primary dose. */
static enum status find_equal_kl(const struct builder *b, struct pairing *p, const struct series *kl) {
    struct pairing conceal = {.control = p->control, .concept = p->concept, .view = p->view, .chance = p->chance};
    struct series target;
    const char *note;
    double crossing = NAN;
    if (strcmp(field_of(b, p->cell, OF_PRESSURE), "random") != 0) return ST_OK;
    conceal.cell = partner(b, p->cell, "conceal", field_of(b, p->cell, OF_CREDIT));
    TRY(read_series(b, conceal.cell, "kl_frozen", "", "frozen", &target));
    p->missing[OL_KL] = p->missing[OL_KL_75] =
        target.n == 0 ? "no conceal cell to compare with" : "KL of conceal is not reached";
    if (target.n == 0) return ST_OK;
    stat_at_dose(kl->value, kl->update, kl->n, target.value[target.n - 1], &p->at[OL_KL]);
    TRY(read_dose(b, &conceal, "", &conceal.dose, &note));
    if (!note) stat_at_dose(conceal.dose.value, conceal.dose.update, conceal.dose.n, level_dose[OL_75], &crossing);
    if (isfinite(crossing))
        stat_at_dose(kl->value, kl->update, kl->n, value_at(&target, crossing), &p->at[OL_KL_75]);
    else
        p->missing[OL_KL_75] = "conceal does not reach the dose";
    return ST_OK;
}

static enum status open_pairing(const struct builder *b, struct pairing *p, const struct series *kl) {
    const char *note;
    struct series own;
    p->chance = b->chances->of(b->chances->with, b->table, p->cell->first, p->concept);
    TRY(read_dose(b, p, "", &p->dose, &note));
    TRY(read_series(b, p->cell, "m_out", p->concept, "", &own));
    for (int l = 0; l < OL_COUNT; l++) {
        p->at[l] = NAN;
        if (l < N_LEVELS) p->missing[l] = note ? note : "dose not reached";
        if (l < N_LEVELS && !note) stat_at_dose(p->dose.value, p->dose.update, p->dose.n, level_dose[l], &p->at[l]);
    }
    p->at[OL_END] = p->last = own.n > 0 ? own.update[own.n - 1] : NAN;
    p->missing[OL_END] = "no dose monitor";
    return find_equal_kl(b, p, kl);
}

/* S, its tau and its area, for one role. */
static enum status add_role(struct builder *b, const struct pairing *p, int role, const char *metric,
                            const char *monitor) {
    struct series s;
    const char *note;
    double area = NAN;
    const double chance = strcmp(monitor, "reader") == 0 ? 0.0 : p->chance.probe;
    TRY(read_spillover(b, p, metric, chance, &s, &note));
    add_levels(b, p, OQ_S_F + role, monitor, &s, note);
    for (int l = OL_25; l <= OL_END; l++) {
        const bool here = isfinite(p->at[l]);
        const double dose = l < N_LEVELS ? level_dose[l] : value_at(&p->dose, p->at[l]);
        const bool small = here && fabs(dose) < LEAST_RANGE;
        add_row(b, p, OQ_TAU_F + role, monitor, l, here && !small ? value_at(&s, p->at[l]) / dose : NAN,
                note    ? note
                : small ? "dose near 0"
                : here  ? "no readings around this update"
                        : p->missing[l]);
    }
    double *dose = ARENA_NEW(b->arena, double, s.n + 1);
    for (int i = 0; i < s.n; i++) dose[i] = value_at(&p->dose, s.update[i]);
    stat_dose_area(dose, s.value, s.n, 0.0, level_dose[OL_75], &area);
    add_row(b, p, OQ_AREA_F + role, monitor, OL_AREA, area, note ? note : "dose not reached");
    if (!note) add_curve(b, p, OQ_S_F + role, monitor, &s);
    return ST_OK;
}

/* What is read once a cell, not once a monitor; answers are those of the pressure's own questions. */
static enum status add_effects(struct builder *b, const struct pairing *p, const struct series *kl,
                               const struct series *distance) {
    struct series answer, control, dose;
    const char *note;
    TRY(read_dose(b, p, p->view, &dose, &note));
    add_row(b, p, OQ_DOSE, "", OL_END, value_at(&dose, p->last), note ? note : "no readings around this update");
    TRY(read_series(b, p->cell, "answer_accuracy_pressed", p->concept, p->view, &answer));
    TRY(read_series(b, p->control, "answer_accuracy_pressed", p->concept, p->view, &control));
    add_levels(b, p, OQ_ANSWER, "", &answer, NULL);
    for (int i = 0; i < answer.n; i++) answer.value[i] -= value_at(&control, answer.update[i]);
    add_levels(b, p, OQ_ANSWER_CHANGE, "", &answer, p->control ? NULL : "no control");
    if (*p->view) return ST_OK;
    add_row(b, p, OQ_REACHED, "", OL_75, p->dose.n > 0 ? isfinite(p->at[OL_75]) : NAN, p->missing[OL_75]);
    for (int l = 0; l < N_LEVELS; l++) add_row(b, p, OQ_UPDATE, "", l, p->at[l], p->missing[l]);
    add_levels(b, p, OQ_KL, "", kl, NULL);
    add_levels(b, p, OQ_WEIGHT_DISTANCE, "", distance, NULL);
    return ST_OK;
}

/* S_B of the monitors whose sightings were kept item by item, in the roles that they have for S^F. */
static enum status add_given_behaviour(struct builder *b, const struct pairing *p, bool text) {
    const struct outcome_rows pressed = {p->cell->first, p->cell->end};
    struct outcome_rows control = {0, 0};
    const bool probe = !*p->view;
    double share = NAN;
    if (p->control) control = (struct outcome_rows){p->control->first, p->control->end};
    for (int role = 0; role < text + probe; role++) {
        const bool reads = text && role == 0;
        struct outcome_both both;
        TRY(outcome_both_behave(&both, b->table, pressed, control, p->concept, p->view,
                                reads ? "items_reader" : "items_frozen", reads ? 0.0 : p->chance.probe, p->last,
                                b->arena));
        add_row(b, p, OQ_S_B + role, reads ? "reader" : "frozen", OL_END, both.s,
                p->control ? both.note : "no control");
        share = both.share;
    }
    add_row(b, p, OQ_BOTH_BEHAVE, "", OL_END, share, p->control ? "not measured" : "no control");
    return ST_OK;
}

/* Where the pressure has a prediction under this concept. */
static enum status add_prediction(struct builder *b, const struct pairing *p) {
    static const char *const views[] = {"", "adam"};
    for (int part = OQ_CONDITIONAL; part <= OQ_PARAMETRIC; part++)
        for (int v = 0; v < 2; v++) {
            struct series s;
            TRY(read_series(b, p->cell, outcome_quantity_names[part], p->concept, views[v], &s));
            if (s.n > 0) add_row(b, p, part, v ? "adam" : "sgd", OL_NONE, s.value[0], "");
        }
    return ST_OK;
}

static enum status add_concept(struct builder *b, const struct run_cell *cell, const struct run_cell *control,
                               const char *concept) {
    struct pairing p = {.cell = cell, .control = control, .concept = concept, .view = ""};
    struct series kl, distance, reader, text_mode;
    TRY(read_series(b, cell, "kl_frozen", "", "frozen", &kl));
    TRY(read_series(b, cell, "weight_distance", "", "", &distance));
    TRY(read_series(b, cell, "m_r_reader", concept, "", &reader));
    TRY(read_series(b, cell, "m_r_reader", concept, "text_mode", &text_mode));
    TRY(open_pairing(b, &p, &kl));
    TRY(add_effects(b, &p, &kl, &distance));
    TRY(add_prediction(b, &p));
    for (int r = 0; r < ROLES; r++) {
        const char *metric = reader.n > 0 ? text_roles[r].metric : latent_roles[r].metric;
        if (metric) TRY(add_role(b, &p, r, metric, reader.n > 0 ? text_roles[r].monitor : latent_roles[r].monitor));
    }
    TRY(add_given_behaviour(b, &p, reader.n > 0));
    if (text_mode.n == 0) return ST_OK;
    p.view = "text_mode";
    TRY(add_effects(b, &p, &kl, &distance));
    for (int r = 0; r < ROLES; r++)
        if (text_mode_roles[r].metric) TRY(add_role(b, &p, r, text_mode_roles[r].metric, text_mode_roles[r].monitor));
    return add_given_behaviour(b, &p, true);
}

static enum status add_pressed(struct builder *b, const struct run_cell *cell) {
    const char *concepts[MOST_CONCEPTS];
    int n = 0;
    const struct run_cell *control = partner(b, cell, "none", NULL);
    for (int i = cell->first; i < cell->end && n < MOST_CONCEPTS; i++) {
        bool known = strcmp(text_at(b, i, C_METRIC), "m_out") != 0;
        for (int k = 0; k < n && !known; k++) known = strcmp(concepts[k], text_at(b, i, C_CONCEPT)) == 0;
        if (!known) concepts[n++] = text_at(b, i, C_CONCEPT);
    }
    for (int k = 0; k < n; k++) TRY(add_concept(b, cell, control, concepts[k]));
    return ST_OK;
}

static void add_absent(struct builder *b, const struct run_cell *cell) {
    const struct pairing p = {.cell = cell, .concept = "", .view = ""};
    add_row(b, &p, OQ_CELL, "", OL_NONE, NAN, "");
    b->out->rows[b->out->n - 1].status = text_at(b, cell->first, C_STATUS);
}

static int order_rows(const void *pa, const void *pb) {
    const struct outcome *a = pa, *b = pb;
    int by[] = {
        a->group - b->group,
        strcmp(a->concept, b->concept),
        strcmp(a->view, b->view),
        (int)a->quantity - (int)b->quantity,
        strcmp(a->monitor, b->monitor),
        (int)a->level - (int)b->level,
        (a->seed > b->seed) - (a->seed < b->seed),
        a->place - b->place,
    };
    for (size_t i = 0; i < sizeof by / sizeof by[0]; i++)
        if (by[i]) return by[i];
    return 0;
}

enum status outcome_build(struct outcomes *o, const struct csv_table *results, const struct outcome_chances *chances,
                          struct arena *a) {
    struct builder b = {.table = results, .chances = chances, .arena = a, .out = o};
    *o = (struct outcomes){0};
    TRY(find_columns(&b));
    TRY(find_cells(&b));
    find_seeds(&b);
    for (int i = 0; i < b.n_cells; i++) {
        const struct run_cell *cell = &b.cells[i];
        if (strcmp(text_at(&b, cell->first, C_METRIC), "cell") == 0)
            add_absent(&b, cell);
        else if (*field_of(&b, cell, OF_PRESSURE) && strcmp(field_of(&b, cell, OF_PRESSURE), "none") != 0)
            TRY(add_pressed(&b, cell));
    }
    for (int i = 0; i < o->n; i++) o->rows[i].place = i;
    if (o->n > 0) qsort(o->rows, (size_t)o->n, sizeof *o->rows, order_rows);
    return ST_OK;
}

/* --- out ---------------------------------------------------------------------------------------------------------- */

enum status outcome_store(const struct outcomes *o, const char *suite, const char *path) {
    static const char *const rest[] = {"concept", "view",  "quantity", "monitor", "level",
                                       "seed",    "value", "status",   "note",    NULL};
    struct fs_file file;
    struct csv_out csv;
    TRY(fs_create(&file, path));
    csv_out_open(&csv, file.stream);
    csv_out_text(&csv, "suite");
    for (int f = 0; f < OF_FIELDS; f++) csv_out_text(&csv, outcome_field_names[f]);
    for (int c = 0; rest[c]; c++) csv_out_text(&csv, rest[c]);
    csv_out_end(&csv);
    for (int i = 0; i < o->n; i++) {
        const struct outcome *r = &o->rows[i];
        csv_out_text(&csv, suite);
        for (int f = 0; f < OF_FIELDS; f++) csv_out_text(&csv, r->field[f]);
        csv_out_text(&csv, r->concept);
        csv_out_text(&csv, r->view);
        csv_out_text(&csv, outcome_quantity_names[r->quantity]);
        csv_out_text(&csv, r->monitor);
        csv_out_text(&csv, outcome_level_names[r->level]);
        csv_out_integer(&csv, r->seed);
        csv_out_number(&csv, r->value);
        csv_out_text(&csv, r->status);
        csv_out_text(&csv, r->note);
        csv_out_end(&csv);
    }
    return fs_commit(&file);
}

static bool matches(const struct outcome *r, const struct outcome_query *q) {
    if (r->quantity != q->quantity || r->level != q->level) return false;
    if (q->concept && strcmp(r->concept, q->concept) != 0) return false;
    if (q->view && strcmp(r->view, q->view) != 0) return false;
    for (int f = 0; f < OF_FIELDS; f++)
        if (q->field[f] && strcmp(r->field[f], q->field[f]) != 0) return false;
    return outcome_variant_holds(r->field[OF_VARIANT], q->variant_part);
}

int outcome_series(const struct outcomes *o, const struct outcome_query *q, double *x) {
    int groups = 0, first = -1, last = -1;
    for (int i = 0; i < o->n_seeds; i++) x[i] = NAN;
    for (int i = 0; i < o->n; i++) {
        const struct outcome *r = &o->rows[i];
        if (!matches(r, q)) continue;
        if (first < 0) first = r->group;
        if (r->group != last) groups++;
        last = r->group;
        for (int s = 0; s < o->n_seeds && r->group == first; s++)
            if (o->seeds[s] == r->seed) x[s] = r->value;
    }
    return groups;
}
