/* Tables of the page: outcomes, what is missing, cost. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/cell.h"
#include "experiments/report_internal.h"

int report_outcome_seeds(const struct outcomes *o, int i, double *x) {
    const struct outcome *a = &o->rows[i];
    int j = i;
    for (int s = 0; s < o->n_seeds; s++) x[s] = NAN;
    for (; j < o->n && o->rows[j].group == a->group && o->rows[j].quantity == a->quantity &&
           o->rows[j].level == a->level && strcmp(o->rows[j].concept, a->concept) == 0 &&
           strcmp(o->rows[j].view, a->view) == 0 && strcmp(o->rows[j].monitor, a->monitor) == 0;
         j++)
        for (int s = 0; s < o->n_seeds; s++)
            if (o->seeds[s] == o->rows[j].seed) x[s] = o->rows[j].value;
    return j;
}

/* --- outcomes ----------------------------------------------------------------------------------------------------- */

/* Rows of one pressed arm under one concept and view: they stand together. */
struct span {
    int first, end;
};

static struct span span_at(const struct outcomes *o, int first) {
    struct span s = {first, first};
    const struct outcome *a = &o->rows[first];
    while (s.end < o->n && o->rows[s.end].group == a->group && strcmp(o->rows[s.end].concept, a->concept) == 0 &&
           strcmp(o->rows[s.end].view, a->view) == 0)
        s.end++;
    return s;
}

static int span_series(const struct outcomes *o, struct span span, enum outcome_quantity q, enum outcome_level l,
                       double *x, const char **monitor) {
    int n = 0;
    for (int s = 0; s < o->n_seeds; s++) x[s] = NAN;
    for (int i = span.first; i < span.end; i++) {
        const struct outcome *row = &o->rows[i];
        if (row->quantity != q || row->level != l) continue;
        *monitor = row->monitor;
        for (int s = 0; s < o->n_seeds; s++)
            if (o->seeds[s] == row->seed) x[s] = row->value;
        n++;
    }
    return n;
}

/* The columns that name a pressed arm, up to a "|"; `fails`: one that fails a gate. */
static void name_cells(const struct report *r, const struct outcome *row, bool fails, FILE *out) {
    static const enum outcome_field fields[] = {OF_TASK, OF_DESIGN, OF_ARM, OF_PRESSURE, OF_METHOD, OF_CREDIT};
    fputs("| ", out);
    for (size_t f = 0; f < sizeof fields / sizeof fields[0]; f++) {
        report_escape(out, row->field[fields[f]]);
        if (fields[f] == OF_ARM && *row->view) {
            fputs(" (read in ", out);
            report_escape(out, row->view);
            fputc(')', out);
        }
        if (fields[f] == OF_ARM && fails) fputs(" ✗", out);
        fputs(" | ", out);
    }
    report_escape(out, row->concept);
    fputs(" | ", out);
    report_escape(out, report_cell_settings(r, row->field));
    fputs(" |", out);
}
static const char name_heads[] = "| task | design | arm | pressure | method | credit | concept | variant |";
static const char name_rule[] = "|---|---|---|---|---|---|---|---|";

static const struct {
    const char *head;
    enum outcome_quantity quantity;
    enum outcome_level level;
} wide[] = {
    {"D at N", OQ_DOSE, OL_END},  {"S^F at D*", OQ_S_F, OL_75},        {"S^F at N", OQ_S_F, OL_END},
    {"S^R at D*", OQ_S_R, OL_75}, {"S^R at N", OQ_S_R, OL_END},        {"τ^F at N", OQ_TAU_F, OL_END},
    {"KL at N", OQ_KL, OL_END},   {"answers at N", OQ_ANSWER, OL_END},
};
enum { WIDE = sizeof wide / sizeof wide[0] };

static void wide_table(const struct report *r, FILE *out) {
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    fprintf(out, "%s", name_heads);
    for (int w = 0; w < WIDE; w++) fprintf(out, " %s |", wide[w].head);
    fprintf(out, " n |\n%s", name_rule);
    for (int w = 0; w < WIDE + 1; w++) fputs("---|", out);
    fputc('\n', out);
    for (int i = 0; i < o->n;) {
        const struct span span = span_at(o, i);
        i = span.end;
        if (o->rows[span.first].quantity == OQ_CELL) continue;
        name_cells(r, &o->rows[span.first], report_arm_fails(r, o->rows[span.first].field), out);
        struct report_entry e[WIDE];
        for (int w = 0; w < WIDE; w++) {
            const char *monitor;
            span_series(o, span, wide[w].quantity, wide[w].level, x, &monitor);
            e[w] = report_interval(x, o->n_seeds);
        }
        report_entries(out, e, WIDE);
    }
}

static const struct {
    const char *head;
    enum outcome_quantity quantity;
    enum outcome_level level;
} tall[] = {
    {"D at N", OQ_DOSE, OL_END},
    {"S^F at D*", OQ_S_F, OL_75},
    {"S^F at N", OQ_S_F, OL_END},
    {"S^F at equal KL", OQ_S_F, OL_KL},
    {"S^F at N, probe", OQ_S_F_PROBE, OL_END},
    {"S_B at N", OQ_S_B, OL_END},
    {"S_B at N, probe", OQ_S_B_PROBE, OL_END},
    {"both behave at N", OQ_BOTH_BEHAVE, OL_END},
    {"S^R at D*", OQ_S_R, OL_75},
    {"S^R at N", OQ_S_R, OL_END},
    {"area of S^F", OQ_AREA_F, OL_AREA},
    {"update of D*", OQ_UPDATE, OL_75},
    {"change of answers at N", OQ_ANSWER_CHANGE, OL_END},
};

static void tall_line(const struct report *r, const struct outcome *row, const char *head, const char *monitor,
                      const double *x, double detectable, FILE *out) {
    const struct outcomes *o = &r->outcomes;
    const struct report_entry e = report_interval(x, o->n_seeds);
    name_cells(r, row, false, out);
    fprintf(out, " %s | %s | %d | %s |", head, monitor, e.n, e.text);
    fprintf(out, isfinite(detectable) ? " %.2g |" : " - |", detectable);
    for (int s = 0; s < o->n_seeds; s++)
        if (isfinite(x[s])) fprintf(out, " %ld: %.3f", o->seeds[s], x[s]);
    fputs(" |\n", out);
}

static void tall_table(const struct report *r, FILE *out) {
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1), *y = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    double unit = NAN; /* of stat_detectable, which is dear and depends on n alone */
    int unit_n = -1;
    fprintf(out, "%s quantity | monitor | n | mean | seen from | seed: value |\n%s---|---|---|---|---|---|\n",
            name_heads, name_rule);
    for (int i = 0; i < o->n;) {
        const struct span span = span_at(o, i);
        i = span.end;
        for (size_t t = 0; t < sizeof tall / sizeof tall[0]; t++) {
            const char *monitor = "";
            if (!span_series(o, span, tall[t].quantity, tall[t].level, x, &monitor)) continue;
            const int n = report_finite(x, o->n_seeds, y);
            if (n == 0) continue;
            if (n != unit_n) unit = stat_detectable(1, n, .05, .8);
            unit_n = n;
            tall_line(r, &o->rows[span.first], tall[t].head, monitor, x, unit * stat_sd(y, n), out);
        }
    }
}

/* --- first order -------------------------------------------------------------------------------------------------- */

static double correlation(const double *x, const double *y, int n) {
    const double mx = stat_mean(x, n), my = stat_mean(y, n);
    double xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        yy += (y[i] - my) * (y[i] - my);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return n > 2 && xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : NAN;
}

/* The value of a span's row of this kind for one seed. */
static double one_value(const struct outcomes *o, struct span span, enum outcome_quantity q, const char *monitor,
                        enum outcome_level l, long seed) {
    for (int i = span.first; i < span.end; i++) {
        const struct outcome *row = &o->rows[i];
        if (row->quantity == q && row->level == l && row->seed == seed && (!monitor || !strcmp(row->monitor, monitor)))
            return row->value;
    }
    return NAN;
}

/* Prediction and outcome of every cell whose S^F is read by this monitor. */
static int predictions(const struct outcomes *o, const char *reader, const char *by, enum outcome_level level,
                       double *predicted, double *came) {
    int n = 0;
    for (int i = 0; i < o->n;) {
        const struct span span = span_at(o, i);
        i = span.end;
        for (int s = 0; s < o->n_seeds; s++) {
            const long seed = o->seeds[s];
            const double x = one_value(o, span, OQ_CONDITIONAL, by, OL_NONE, seed) +
                             one_value(o, span, OQ_PARAMETRIC, by, OL_NONE, seed);
            const double y = one_value(o, span, OQ_S_F, reader, level, seed);
            if (!isfinite(x) || !isfinite(y)) continue;
            predicted[n] = x;
            came[n++] = y;
        }
    }
    return n;
}

static void first_order_table(const struct report *r, FILE *out) {
    static const char *const media[][2] = {{"text", "reader"}, {"thoughts", "frozen"}}, *const steps[] = {"sgd",
                                                                                                          "adam"};
    static const enum outcome_level levels[] = {OL_25, OL_75, OL_END};
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n + 1), *y = ARENA_NEW(r->arena, double, o->n + 1);
    bool head = false;
    for (int m = 0; m < 2; m++)
        for (int k = 0; k < 2; k++)
            for (size_t l = 0; l < sizeof levels / sizeof levels[0]; l++) {
                const int n = predictions(o, media[m][1], steps[k], levels[l], x, y);
                if (n == 0) continue;
                if (!head)
                    fprintf(out,
                            "\n### First-order prediction\n\nBefore the first update: conditional plus parametric "
                            "term, with the plain gradient or Adam's first step, against the S^F that came about. "
                            "Correlation over cells (those of a seed are not independent: descriptive). Both terms of "
                            "every cell: `outcomes.csv`.\n\n| medium | step | S^F at | cells | correlation | mean "
                            "prediction | mean S^F |\n|---|---|---|---|---|---|---|\n");
                head = true;
                const double c = correlation(x, y, n);
                fprintf(out, "| %s | %s | %s | %d | ", media[m][0], steps[k], outcome_level_names[levels[l]], n);
                fprintf(out, isfinite(c) ? "%.2f" : "-", c);
                fprintf(out, " | %.3g | %.3f |\n", stat_mean(x, n), stat_mean(y, n));
            }
}

void report_outcomes(const struct report *r, FILE *out) {
    if (r->outcomes.n == 0) return; /* a suite that presses on nothing */
    fprintf(out,
            "\n## Outcomes\n\nMean over seeds with its 95 %% t interval. S > 0: less readable than in the control. At "
            "D*: over the seeds that reached it; (n 6): an entry of fewer seeds than its row. %s\n\n",
            report_fails_note);
    wide_table(r, out);
    fprintf(out, "\n### Seed by seed\n\n\"Seen from\": the smallest mean that so many seeds of this spread would show "
                 "(two-sided .05, power .8). Other levels, τ and areas: `outcomes.csv`.\n\n");
    tall_table(r, out);
    first_order_table(r, out);
}

void report_summary_lines(const struct report *r, FILE *out) {
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    bool head = false;
    for (int i = 0; i < o->n;) {
        const struct span span = span_at(o, i);
        const struct outcome *row = &o->rows[span.first];
        i = span.end;
        if (row->quantity == OQ_CELL) continue;
        if (!head)
            fprintf(out, "%-42s %-7s %-21s %-21s %-21s %s\n", "", "concept", "D at N", "S^F at N", "S^R at N", "n");
        head = true;
        const char *monitor,
            *name = arena_printf(r->arena, "%s %s%s%s %s %s %s", row->field[OF_DESIGN], row->field[OF_ARM],
                                 *row->view ? "/" : "", row->view, row->field[OF_PRESSURE], row->field[OF_METHOD],
                                 row->field[OF_CREDIT]);
        static const enum outcome_quantity quantity[] = {OQ_DOSE, OQ_S_F, OQ_S_R};
        struct report_entry e[3];
        int most = 0;
        for (int k = 0; k < 3; k++) {
            span_series(o, span, quantity[k], OL_END, x, &monitor);
            e[k] = report_interval(x, o->n_seeds);
            if (e[k].n > most) most = e[k].n;
        }
        fprintf(out, "%-42s %-7s %-21s %-21s %-21s %d\n", name, row->concept, e[0].text, e[1].text, e[2].text, most);
    }
}

static json_t *interval_json(const struct outcomes *o, struct span span, enum outcome_quantity q, double *x,
                             double *finite) {
    const char *monitor;
    span_series(o, span, q, OL_END, x, &monitor);
    const int n = report_finite(x, o->n_seeds, finite);
    if (n == 0) return json_null();
    const struct stat_interval t = stat_t_interval(finite, n, .95);
    json_t *json = json_pack("{s:f, s:i}", "mean", stat_mean(finite, n), "n", n);
    if (n > 1) json_object_set_new(json, "t95", json_pack("[f, f]", t.lo, t.hi));
    return json;
}

json_t *report_summary_json(const struct report *r) {
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1), *y = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    json_t *list = json_array();
    for (int i = 0; i < o->n;) {
        const struct span span = span_at(o, i);
        const struct outcome *row = &o->rows[span.first];
        i = span.end;
        if (row->quantity == OQ_CELL) continue;
        json_t *json = json_pack("{s:s, s:s, s:o, s:o, s:o}", "concept", row->concept, "view", row->view, "dose",
                                 interval_json(o, span, OQ_DOSE, x, y), "s_f", interval_json(o, span, OQ_S_F, x, y),
                                 "s_r", interval_json(o, span, OQ_S_R, x, y));
        for (int f = 0; f < OF_FIELDS; f++)
            json_object_set_new(json, outcome_field_names[f], json_string(row->field[f]));
        json_array_append_new(list, json);
    }
    return list;
}

/* --- what is missing ---------------------------------------------------------------------------------------------- */

static bool is_primary(const struct outcome *row) {
    return (row->quantity == OQ_S_F || row->quantity == OQ_S_R) && (row->level == OL_75 || row->level == OL_END);
}

static void skipped_outcomes(const struct report *r, FILE *out) {
    const struct outcomes *o = &r->outcomes;
    bool head = false;
    for (int i = 0, j; i < o->n; i = j) {
        const struct outcome *a = &o->rows[i];
        for (j = i + 1; j < o->n && o->rows[j].group == a->group && o->rows[j].quantity == a->quantity &&
                        o->rows[j].level == a->level && strcmp(o->rows[j].concept, a->concept) == 0 &&
                        strcmp(o->rows[j].view, a->view) == 0 && strcmp(o->rows[j].note, a->note) == 0;
             j++) {
        }
        if (!is_primary(a) || strcmp(a->status, "ok") == 0) continue;
        if (!head)
            fprintf(out, "\nNumbers that could not be had:\n\n%s quantity | at | why | seeds |\n%s---|---|---|---|\n",
                    name_heads, name_rule);
        head = true;
        name_cells(r, a, false, out);
        fprintf(out, " %s | %s | %s |", outcome_quantity_names[a->quantity], outcome_level_names[a->level], a->note);
        for (int k = i; k < j; k++) fprintf(out, " %ld", o->rows[k].seed);
        fputs(" |\n", out);
    }
}

void report_skipped(const struct report *r, FILE *out) {
    bool head = false;
    fprintf(out, "\n## Skipped and failed\n\n`skip`: the combination does not exist; `failed`, `blocked` (by a failed "
                 "parent) and `missing` cells are computed when the same command is given again. Reasons stand in "
                 "`cells.list`.\n");
    for (int i = 0; i < r->results->rows; i++) {
        static const enum report_column columns[] = {RC_STATUS, RC_DESIGN, RC_ARM,     RC_PRESSURE,
                                                     RC_METHOD, RC_CREDIT, RC_VARIANT, RC_SEED};
        if (strcmp(report_text(r, i, RC_METRIC), "cell") != 0 || strcmp(report_text(r, i, RC_STATUS), "replaced") == 0)
            continue;
        if (!head)
            fprintf(out, "\n| cell | design | arm | pressure | method | credit | variant | seed |\n"
                         "|---|---|---|---|---|---|---|---|\n");
        head = true;
        fputs("| ", out);
        for (size_t c = 0; c < sizeof columns / sizeof columns[0]; c++) {
            report_escape(out, report_text(r, i, columns[c]));
            fputs(" | ", out);
        }
        fputc('\n', out);
    }
    if (!head) fprintf(out, "\nNo cell is missing.\n");
    skipped_outcomes(r, out);
}

/* --- cost --------------------------------------------------------------------------------------------------------- */

/* Of the cells of one kind and arm; pressed cells of an arm are taken together. */
struct cost {
    enum cell_kind kind;
    struct report_arm arm;
    int cells;
    double seconds, most_memory; /* MiB */
};

static enum status add_cost(const struct report *r, const char *key, struct cost *cost) {
    struct cell_resources took;
    TRY(cell_resources(r->arena, arena_printf(r->arena, "%s/..", r->dir), key, &took));
    if (isnan(took.cpu_seconds)) return ST_OK;
    cost->cells++;
    cost->seconds += took.cpu_seconds;
    cost->most_memory = fmax(cost->most_memory, took.max_rss_kib / 1024);
    return ST_OK;
}

/* The keys of all cells: results.csv has their beginnings. */
static enum status read_keys(const struct report *r, const char ***keys, int *n) {
    char *text, *save;
    size_t size;
    int lines = 0;
    TRY(fs_read(r->arena, arena_printf(r->arena, "%s/cells.list", r->dir), &text, &size));
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    *keys = ARENA_NEW(r->arena, const char *, lines + 2);
    *n = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        line[strcspn(line, "\t")] = '\0';
        if (fs_plain_name(line)) (*keys)[(*n)++] = line;
    }
    return ST_OK;
}

static struct cost *cost_of(struct cost *costs, int *n, const struct report *r, int row) {
    const bool pressed = *report_text(r, row, RC_PRESSURE), base = !*report_text(r, row, RC_ARM);
    struct cost want = {.kind = pressed ? CELL_PRESS : base ? CELL_BASE : CELL_ARM, .arm = report_arm_of(r, row)};
    if (pressed) want.arm.variant = "";
    for (int i = 0; i < *n; i++)
        if (costs[i].kind == want.kind && report_same_arm(&costs[i].arm, &want.arm)) return &costs[i];
    costs[*n] = want;
    return &costs[(*n)++];
}

static int by_kind(const void *a, const void *b) {
    const struct cost *x = a, *y = b;
    const char *const fields[][2] = {{x->arm.task, y->arm.task}, {x->arm.design, y->arm.design},
                                     {x->arm.arm, y->arm.arm},   {x->arm.variant, y->arm.variant},
                                     {x->arm.size, y->arm.size}, {x->arm.base_steps, y->arm.base_steps},
                                     {x->arm.rho, y->arm.rho}};
    int d = (int)x->kind - (int)y->kind;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && d == 0; i++) d = strcmp(fields[i][0], fields[i][1]);
    return d;
}

static enum status read_costs(const struct report *r, struct cost **costs, int *n) {
    const char **keys;
    int n_keys, cells = 0;
    TRY(read_keys(r, &keys, &n_keys));
    for (int i = 0; i < r->results->rows; i++) cells += report_new_cell(r, i);
    *costs = ARENA_NEW(r->arena, struct cost, cells + 1);
    *n = 0;
    for (int i = 0; i < r->results->rows; i++) {
        const char *cell = report_text(r, i, RC_CELL);
        if (!report_new_cell(r, i)) continue;
        struct cost *cost = cost_of(*costs, n, r, i);
        for (int k = 0; k < n_keys; k++)
            if (strncmp(keys[k], cell, strlen(cell)) == 0) TRY(add_cost(r, keys[k], cost));
    }
    qsort(*costs, (size_t)*n, sizeof **costs, by_kind);
    return ST_OK;
}

enum status report_cost(struct report *r, FILE *out) {
    static const char *const header[] = {"kind", "cells",   "core_seconds", "most_memory_mib", "task",       "design",
                                         "arm",  "variant", "updates",      "train_positions", "train_flop", NULL};
    struct cost *costs;
    struct fs_file file;
    struct csv_out csv;
    int n;
    r->core_seconds = NAN;
    fprintf(out, "\n## Cost\n\n");
    if (!fs_exists(arena_printf(r->arena, "%s/cells.list", r->dir))) {
        fprintf(out, "Not recorded.\n");
        return ST_OK;
    }
    TRY(read_costs(r, &costs, &n));
    fprintf(out, "Core-seconds and memory of the cells of every base and arm, and of all pressed cells of an arm, as "
                 "measured when they were computed (training and measuring together), beside what their training "
                 "took: `cost.csv`. Seconds stand apart, because everything on this page comes out the same wherever "
                 "it is computed.\n");
    r->core_seconds = 0;
    TRY(fs_create(&file, arena_printf(r->arena, "%s/cost.csv", r->dir)));
    csv_out_open(&csv, file.stream);
    csv_out_header(&csv, header);
    for (int i = 0; i < n; i++) {
        const struct report_arm *a = &costs[i].arm;
        const char *const names[] = {a->task, a->design, a->arm, report_settings(r, a)};
        double mean[REPORT_TRAINING] = {NAN, NAN, NAN};
        if (costs[i].kind != CELL_PRESS) report_training(r, a, mean);
        csv_out_text(&csv, config_kind_name(costs[i].kind));
        csv_out_integer(&csv, costs[i].cells);
        csv_out_number(&csv, costs[i].seconds);
        csv_out_number(&csv, costs[i].most_memory);
        for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) csv_out_text(&csv, names[f]);
        for (int f = 0; f < REPORT_TRAINING; f++) csv_out_number(&csv, mean[f]);
        csv_out_end(&csv);
        r->core_seconds += costs[i].seconds;
    }
    return fs_commit(&file);
}
