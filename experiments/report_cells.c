/* Figures of cells, seed by seed, and what pressure added to them: each pressed cell against the control (`none`) of the
 * same pair. */
#include <math.h>
#include <string.h>

#include "engine/base/csv.h"
#include "experiments/report_figure.h"

static struct report_cells *cells_of(const struct report *r, struct report_cell_list *all, int figures, int row) {
    const int seeds = r->outcomes.n_seeds + 1;
    const char *field[OF_FIELDS];
    report_fields(r, row, field);
    for (int i = all->n - 1; i >= 0; i--) { /* from the last: rows of cells alike stand together */
        bool same = true;
        for (int f = 0; f < OF_FIELDS && same; f++) same = strcmp(all->of[i].field[f], field[f]) == 0;
        if (same) return &all->of[i];
    }
    if (all->n == all->room) {
        all->room = all->room ? 2 * all->room : 64;
        struct report_cells *more = ARENA_NEW(r->arena, struct report_cells, all->room);
        if (all->n) memcpy(more, all->of, (size_t)all->n * sizeof *more);
        all->of = more;
    }
    struct report_cells *c = &all->of[all->n++];
    memcpy(c->field, field, sizeof field);
    c->pair = ARENA_NEW(r->arena, const char *, seeds);
    for (int k = 0; k < figures; k++) {
        c->x[k] = ARENA_NEW(r->arena, double, seeds);
        c->rows[k] = ARENA_NEW(r->arena, int, seeds);
    }
    return c;
}

static int seed_of(const struct report *r, int row) {
    double seed;
    return csv_number(r->results, row, r->column[RC_SEED], &seed) ? -1 : report_seed_index(r, (long)seed);
}

/* The figure that a row belongs to; n: none. Rows of layers are of states, not of what is fed back. */
static int figure_of(const struct report *r, int row, const struct report_cell_figure *f, int n) {
    const char *metric = report_text(r, row, RC_METRIC);
    const bool pressed = *report_text(r, row, RC_PRESSURE);
    for (int k = 0; k < n; k++) {
        const char *view = pressed ? f[k].view : f[k].arm_view;
        if (strcmp(metric, f[k].metric) != 0 || !view || *report_text(r, row, RC_LAYER) ||
            strcmp(report_text(r, row, RC_VIEW), view) != 0 ||
            strcmp(report_text(r, row, RC_CONCEPT), f[k].concept) != 0)
            continue;
        return strcmp(report_text(r, row, RC_STATUS), "ok") == 0 ? k : n;
    }
    return n;
}

/* In place of a number of rows: a row over all steps, which weighs each by its items, stands for its steps. */
enum { WHOLE = -1 };

struct report_cell_list report_read_cells(const struct report *r, const struct report_cell_figure *figures, int n) {
    const int pair = csv_column(r->results, "pair_id");
    struct report_cell_list all = {0};
    for (int i = 0; i < r->results->rows; i++) {
        const int k = figure_of(r, i, figures, n), s = k < n ? seed_of(r, i) : -1;
        double value;
        if (s < 0 || csv_number(r->results, i, r->column[RC_VALUE], &value)) continue;
        struct report_cells *c = cells_of(r, &all, n, i);
        const bool whole = !*report_text(r, i, RC_STEP);
        if (c->rows[k][s] == WHOLE) continue;
        c->x[k][s] = whole ? value : c->x[k][s] + value;
        c->rows[k][s] = whole ? WHOLE : c->rows[k][s] + 1;
        c->pair[s] = csv_cell(r->results, i, pair);
    }
    for (int i = 0; i < all.n; i++)
        for (int k = 0; k < n; k++)
            for (int s = 0; s < r->outcomes.n_seeds; s++)
                all.of[i].x[k][s] /= all.of[i].rows[k][s] == WHOLE ? 1 : all.of[i].rows[k][s];
    return all;
}

void report_control_of(const struct report *r, const struct report_cell_list *all, const struct report_cells *c, int k,
                       double *control) {
    for (int s = 0; s < r->outcomes.n_seeds; s++) {
        control[s] = NAN;
        for (int i = 0; i < all->n && c->pair[s] && *c->pair[s]; i++)
            if (report_is_control(&all->of[i]) && all->of[i].pair[s] && strcmp(all->of[i].pair[s], c->pair[s]) == 0)
                control[s] = all->of[i].x[k][s];
    }
}

bool report_is_control(const struct report_cells *c) {
    return strcmp(c->field[OF_PRESSURE], "none") == 0;
}

void report_name_cells(const struct report *r, const struct report_cells *c, FILE *out) {
    static const enum outcome_field names[] = {OF_TASK, OF_DESIGN, OF_ARM, OF_PRESSURE, OF_METHOD, OF_CREDIT};
    fputs("| ", out);
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        report_escape(out, names[f] == OF_PRESSURE && !*c->field[OF_PRESSURE] ? "(another seed)" : c->field[names[f]]);
        fputs(" | ", out);
    }
    report_escape(out, report_cell_settings(r, c->field));
    fputs(" |", out);
}
