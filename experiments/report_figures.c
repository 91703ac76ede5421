/* The figures: their data, and their place on the page.
 *
 * A data file is all that a figure sees. Every number in it is final: plots/fig_<name>.gp places and colours, and
 * computes nothing. Panels and series are numbered from 0, in the order of results.csv, and named in every row.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/log.h"
#include "experiments/figure.h"
#include "experiments/program.h"
#include "experiments/report_figure.h"

int report_number_of(struct report_names *names, const char *name) {
    for (int i = 0; i < names->n; i++)
        if (strcmp(names->name[i], name) == 0) return i;
    if (names->n == REPORT_NAMES) return REPORT_NAMES - 1;
    names->name[names->n] = name;
    return names->n++;
}

int report_seeds_among(const struct report *r, const bool *seen) {
    int n = 0;
    for (int s = 0; s < r->outcomes.n_seeds; s++) n += seen[s];
    return n;
}

void report_see(const struct report *r, bool *seen, long seed) {
    const int s = report_seed_index(r, seed);
    if (s >= 0) seen[s] = true;
}

void report_fields(const struct report *r, int row, const char *field[OF_FIELDS]) {
    for (int f = 0; f < OF_FIELDS; f++)
        field[f] = csv_cell(r->results, row, csv_column(r->results, outcome_field_names[f]));
}

const char *report_variant_words(const struct report *r, const char *const *field, bool of_pressure) {
    struct arena *a = r->arena;
    const char *words = "";
    for (char *part = arena_strdup(a, field[OF_VARIANT]), *save; (part = strtok_r(part, ";", &save)); part = NULL) {
        char *value = strchr(part, '='), *key = strchr(part, '.');
        if ((strncmp(part, "press.", 6) == 0) != of_pressure || !value || !key) continue;
        if (strcmp(value, "=false") == 0 || strcmp(value, "=0") == 0) continue;
        if (strcmp(value, "=true") == 0) *value = '\0';
        words = arena_printf(a, "%s%s%s", words, *words ? " " : "", key + 1);
    }
    return words;
}

const char *report_arm_title(const struct report *r, const char *const *field, const char *concept, const char *view) {
    const char *design = r->named[OF_DESIGN] ? field[OF_DESIGN] : "";
    const char *task = r->named[OF_TASK] ? field[OF_TASK] : "";
    const struct report_arm only = {.variant = report_variant_words(r, field, false),
                                    .size = field[OF_SIZE],
                                    .base_steps = field[OF_BASE_STEPS],
                                    .rho = field[OF_RHO]};
    const char *settings = report_settings(r, &only);
    /* No commas: gnuplot ends a name there, quoted or not. */
    const bool named = *task || *design || *settings;
    return arena_printf(r->arena, "%s%s%s%s%s%s%s%s%s%s%s", field[OF_ARM], *view ? " read as " : "",
                        strcmp(view, "text_mode") == 0 ? "text" : view, named ? " (" : "", task,
                        *task && *design ? " " : "", design, *settings && (*task || *design) ? " " : "", settings,
                        named ? ")" : "",
                        *concept && strcmp(concept, "c") != 0 ? arena_printf(r->arena, ": %s", concept) : "");
}

/* Of a way of pressing, all but the name of the pressure. */
static const char *method_title(const struct report *r, const char *const *field) {
    const char *lambda = r->named[OF_LAMBDA] ? arena_printf(r->arena, " λ %s", field[OF_LAMBDA]) : "";
    const char *words = report_variant_words(r, field, true);
    return arena_printf(r->arena, "%s %s%s%s%s", field[OF_METHOD], field[OF_CREDIT], lambda, *words ? " " : "", words);
}

const char *report_pressure_title(const struct report *r, const char *const *field) {
    return arena_printf(r->arena, "%s %s", field[OF_PRESSURE], method_title(r, field));
}

/* --- dose_spillover, update_spillover ----------------------------------------------------------------------------- */

/* What is drawn of the curves; the probe beside the exact reader is not. */
static bool is_drawn(const struct outcome_curve *c) {
    return c->quantity != OQ_S_F_PROBE && c->n > 0;
}

/* The line is the same without a point that lies nearer to its neighbours, in dose and S, than can be seen. */
static bool is_seen(const struct outcome_curve *c, int k, int last) {
    static const double least = .002;
    for (int side = 0; side < 2; side++) {
        const int by = side ? k + 1 : last;
        if (by < 0 || by == c->n || fabs(c->dose[k] - c->dose[by]) > least || fabs(c->s[k] - c->s[by]) > least)
            return true;
    }
    return false;
}

static void write_curve(const struct outcome_curve *c, const struct report_names *panels, int panel_no,
                        const struct report_names *series, int series_no, struct csv_out *csv) {
    for (int k = 0, last = -1; k < c->n; k++) {
        if (!is_seen(c, k, last)) continue;
        last = k;
        csv_out_integer(csv, panel_no);
        csv_out_text(csv, panels->name[panel_no]);
        csv_out_integer(csv, series_no);
        csv_out_text(csv, series->name[series_no]);
        csv_out_integer(csv, c->quantity == OQ_S_R);
        csv_out_integer(csv, c->seed);
        csv_out_number(csv, c->update[k]);
        csv_out_number(csv, c->dose[k]);
        csv_out_number(csv, c->s[k]);
        csv_out_integer(csv, k == c->n - 1);
        csv_out_end(csv);
    }
    fputc('\n', csv->stream); /* a curve ends */
}

/* Of both figures of curves. Each half of a panel is a data set of its own (two empty lines): gnuplot reads one for each
 * of its series, and would read the whole file. */
static enum status write_curves(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"panel",  "panel_name", "series", "series_name", "refit", "seed",
                                         "update", "dose",       "s",      "last",        NULL};
    const struct outcomes *o = &r->outcomes;
    struct report_names panels = {0}, series = {0};
    bool *seen = ARENA_NEW(r->arena, bool, o->n_seeds + 1);
    int *panel = ARENA_NEW(r->arena, int, o->n_curves + 1), *name = ARENA_NEW(r->arena, int, o->n_curves + 1);
    csv_out_header(csv, header);
    for (int i = 0; i < o->n_curves; i++) {
        const struct outcome_curve *c = &o->curves[i];
        panel[i] = -1;
        if (!is_drawn(c)) continue;
        panel[i] = report_number_of(&panels, report_arm_title(r, c->field, c->concept, c->view));
        name[i] = report_number_of(&series, report_pressure_title(r, c->field)); /* in order of results.csv */
    }
    for (int half = 0; half < 2 * panels.n; half++) {
        bool any = false;
        for (int i = 0; i < o->n_curves; i++) {
            const struct outcome_curve *c = &o->curves[i];
            if (panel[i] != half / 2 || (c->quantity == OQ_S_R) != half % 2) continue;
            write_curve(c, &panels, half / 2, &series, name[i], csv);
            report_see(r, seen, c->seed);
            any = true;
            ++*points;
        }
        if (any) fputc('\n', csv->stream); /* the half ends */
    }
    *n = report_seeds_among(r, seen);
    return ST_OK;
}

const struct figure figure_dose_spillover = {
    .name = "dose_spillover",
    .title = "Spillover against dose",
    .caption =
        "One line a seed, from the first update to the last (dot). Above: monitors fixed before the pressure; below: "
        "a probe fitted again (empty: not measured). Dotted: D* = 0.75",
    .write = write_curves,
};

const struct figure figure_update_spillover = {
    .name = "update_spillover",
    .title = "Spillover against updates",
    .caption =
        "One line a seed, to the last update (dot): what moves only after the dose is reached. Above: monitors fixed before the pressure; below: a probe fitted again (empty: not measured)",
    .write = write_curves,
};

/* --- results_matrix ----------------------------------------------------------------------------------------------- */

/* One block of arms by ways of pressing; where most of it would be empty, one for each pressure, of those arms and ways
 * that it has. */
struct matrix {
    const struct report *r;
    bool split;
    struct report_names blocks, *rows, *columns; /* rows, columns: of each block */
};

enum { MOST_BLOCKS = 32 };

static bool is_entry(const struct outcome *a) {
    return (a->quantity == OQ_S_F || a->quantity == OQ_S_R) && a->level == OL_END;
}

struct matrix_place {
    int block, row, column; /* row, column: of the block */
};

static struct matrix_place place_of(struct matrix *m, const struct outcome *a) {
    struct matrix_place at = {0};
    if (m->split) at.block = report_number_of(&m->blocks, a->field[OF_PRESSURE]) % MOST_BLOCKS;
    at.row = report_number_of(&m->rows[at.block], report_arm_title(m->r, a->field, a->concept, a->view));
    at.column = report_number_of(&m->columns[at.block],
                                 m->split ? method_title(m->r, a->field) : report_pressure_title(m->r, a->field));
    return at;
}

/* Every entry numbered, in order of results.csv; how many S^F there are. */
static int open_matrix(struct matrix *m, const struct report *r, bool split) {
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    int n = 0;
    *m = (struct matrix){.r = r,
                         .split = split,
                         .rows = ARENA_NEW(r->arena, struct report_names, MOST_BLOCKS),
                         .columns = ARENA_NEW(r->arena, struct report_names, MOST_BLOCKS)};
    for (int i = 0, j; i < o->n; i = j) {
        j = report_outcome_seeds(o, i, x);
        if (!is_entry(&o->rows[i])) continue;
        place_of(m, &o->rows[i]);
        n += o->rows[i].quantity == OQ_S_F;
    }
    return n;
}

/* Rows and columns are counted over all blocks here, so that a number names one of them. */
static void write_entry(struct matrix *m, struct csv_out *csv, const struct outcome *a, const double *x, double *y,
                        int *points) {
    const struct matrix_place at = place_of(m, a);
    const int n = report_finite(x, m->r->outcomes.n_seeds, y);
    const struct stat_interval t = stat_t_interval(y, n, .95);
    const double mean = stat_mean(y, n);
    int rows = 0, columns = 0;
    for (int k = 0; k < at.block; k++) {
        rows += m->rows[k].n;
        columns += m->columns[k].n;
    }
    csv_out_integer(csv, a->quantity == OQ_S_R);
    csv_out_integer(csv, at.block);
    csv_out_text(csv, m->split ? m->blocks.name[at.block] : "");
    csv_out_integer(csv, rows + at.row);
    csv_out_text(csv, m->rows[at.block].name[at.row]);
    csv_out_integer(csv, columns + at.column);
    csv_out_text(csv, m->columns[at.block].name[at.column]);
    csv_out_integer(csv, at.column);
    csv_out_number(csv, mean);
    csv_out_text(csv, n == 0   ? "skip"
                      : n == 1 ? arena_printf(m->r->arena, "%.2f", mean)
                               : arena_printf(m->r->arena, "%.2f ±%.2f", mean, (t.hi - t.lo) / 2));
    csv_out_integer(csv, n);
    csv_out_end(csv);
    *points += n > 0;
}

static enum status write_matrix(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"refit",       "block", "block_name", "row",  "row_name", "column",
                                         "column_name", "place", "mean",       "text", "n",        NULL};
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1), *y = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    bool *seen = ARENA_NEW(r->arena, bool, o->n_seeds + 1);
    struct matrix m;
    const int full = open_matrix(&m, r, false);
    if (3 * full < m.rows[0].n * m.columns[0].n) open_matrix(&m, r, true);
    csv_out_header(csv, header);
    for (int i = 0, j; i < o->n; i = j) {
        j = report_outcome_seeds(o, i, x);
        if (!is_entry(&o->rows[i])) continue;
        for (int s = 0; s < o->n_seeds; s++) seen[s] |= isfinite(x[s]) != 0;
        write_entry(&m, csv, &o->rows[i], x, y, points);
    }
    *n = report_seeds_among(r, seen);
    return ST_OK;
}

const struct figure figure_results_matrix = {
    .name = "results_matrix",
    .title = "Spillover of every arm under every pressure",
    .caption =
        "Spillover at the last update, mean over seeds ± half of the 95 % t interval; > 0: less readable than in the "
        "control. Empty: not run, or not measured",
    .write = write_matrix,
};

/* --- verdict_forest ----------------------------------------------------------------------------------------------- */

static enum status write_forest(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"row", "name", "mean", "lo", "hi", "n", "verdict", "delta", NULL};
    csv_out_header(csv, header);
    for (int c = 0; c < CLAIM_COUNT; c++) {
        const struct verdict_claim *claim = &r->verdict.claim[c];
        for (int i = 0; i < claim->n_parts; i++) {
            const struct verdict_part *part = &claim->part[i];
            const struct verdict_quantity *q = &part->quantity[0];
            if (part->n_quantities == 0 || q->n < 2) continue;
            csv_out_integer(csv, *points);
            csv_out_text(csv, arena_printf(r->arena, "%s  %s%s%s%s%s", claim->id, q->name, part->design < 0 ? "" : " ",
                                           part->design < 0 ? "" : verdict_design_name(part->design),
                                           part->arm < 0 ? "" : " ", part->arm < 0 ? "" : verdict_arm_name(part->arm)));
            csv_out_number(csv, q->mean);
            csv_out_number(csv, claim->id[1] == '2' && claim->id[2] == 'b' ? q->t90.lo : q->t95.lo);
            csv_out_number(csv, claim->id[1] == '2' && claim->id[2] == 'b' ? q->t90.hi : q->t95.hi);
            csv_out_integer(csv, q->n);
            csv_out_text(csv, verdict_name(claim->verdict));
            csv_out_number(csv, r->delta);
            csv_out_end(csv);
            ++*points;
            if (q->n > *n) *n = q->n;
        }
    }
    return ST_OK;
}

const struct figure figure_verdict_forest = {
    .name = "verdict_forest",
    .title = "What the verdicts rest on",
    .caption =
        "The quantity of each claim at the last update (C3: bits, before any pressure): mean and 95 % t interval "
        "(C2b: 90 %). Dotted: ±δ, which is no bound of C3",
    .write = write_forest,
};

/* --- all of them -------------------------------------------------------------------------------------------------- */

static const struct figure *const figure_table[] = {
#define FIGURE(name) &figure_##name,
#include "experiments/figures.def"
#undef FIGURE
};

static void place(const struct figure *f, enum status st, const char *caption, FILE *out) {
    fprintf(out, "\n**%s.** ", f->title);
    if (st == ST_OK)
        fprintf(out, "%s\n\n![%s](figures/%s.svg)\n", caption, f->title, f->name);
    else {
        fprintf(out, "Not drawn: ");
        report_escape(out, status_message());
        fprintf(out, ". Its data: `figures/data/%s.csv`.\n", f->name);
    }
}

static enum status add_figure(const struct report *r, const struct figure *f, const char *dir, FILE *out) {
    struct fs_file file;
    struct csv_out csv;
    int points = 0, n = 0;
    TRY(fs_create(&file, arena_printf(r->arena, "%s/data/%s.csv", dir, f->name)));
    csv_out_open(&csv, file.stream);
    enum status st = f->write(r, &csv, &points, &n);
    if (st != ST_OK) {
        fs_discard(&file);
        return st;
    }
    TRY(fs_commit(&file));
    if (points == 0) {
        fprintf(out, "\n**%s.** Nothing to draw%s.\n", f->title, f->missing ? f->missing : " yet");
        return ST_OK;
    }
    const char *caption = arena_printf(r->arena, "%s; n = %d seed%s.", f->caption, n, n == 1 ? "" : "s");
    const char *plots = arena_printf(r->arena, "%s/plots", program_source_dir(r->arena));
    st = figure_render("gnuplot", plots, dir, f->name, caption, r->arena);
    if (st != ST_OK) log_warning("figure %s: %s", f->name, status_message());
    place(f, st, caption, out);
    return ST_OK;
}

enum status report_figures(const struct report *r, FILE *out) {
    const char *dir = arena_printf(r->arena, "%s/figures", r->dir);
    TRY(fs_mkdirs(arena_printf(r->arena, "%s/data", dir)));
    fprintf(out, "\n## Figures\n");
    for (size_t i = 0; i < sizeof figure_table / sizeof figure_table[0]; i++)
        TRY(add_figure(r, figure_table[i], dir, out));
    return ST_OK;
}
