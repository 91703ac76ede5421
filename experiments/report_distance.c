/* How far the vectors of the reasoning moved under pressure, held against what moves them anyway:
 * the same training without pressure (`none`), that training in another order of the data (`again`, the A/A floor), and
 * another seed (arms with measure.other_seed). */
#include "experiments/report_figure.h"

enum { CKA, PROCRUSTES, FIGURES };

/* The vectors that are fed back, each side's own reasoning. An arm stands for its distance to another seed. */
static const struct report_cell_figure figures[FIGURES] = {
    [CKA] = {"drift_cka", "", "own", "other_seed.own"},
    [PROCRUSTES] = {"drift_procrustes", "", "own", "other_seed.own"},
};

static void line(const struct report *r, const struct report_cell_list *all, const struct report_cells *c,
                 double *above, FILE *out) {
    const bool against = *c->field[OF_PRESSURE] && !report_is_control(c);
    const double *const columns[] = {c->x[CKA], c->x[PROCRUSTES], against ? above : NULL};
    struct report_entry e[3] = {0};
    report_control_of(r, all, c, PROCRUSTES, above);
    for (int s = 0; s < r->outcomes.n_seeds; s++) above[s] = c->x[PROCRUSTES][s] - above[s];
    report_name_cells(r, c, out);
    for (int k = 0; k < 3; k++)
        if (columns[k]) e[k] = report_interval(columns[k], r->outcomes.n_seeds);
    report_entries(out, e, 3);
}

void report_distance(const struct report *r, FILE *out) {
    const struct report_cell_list all = report_read_cells(r, figures, FIGURES);
    double *above = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    if (all.n == 0) return;
    fputs(
        "\n## How far the reasoning moved\n\nThe vectors that are fed back, each side reasoning by itself about the same "
        "questions; mean over steps, then over seeds with a 95 % t interval. CKA: debiased, linear; 1 is the same up to "
        "rotation and scale. Procrustes: 0 is the same, 2 unrelated. `none` is the same training without pressure and "
        "`again` that training in another order of the data; \"(another seed)\" is how far two models lie apart that "
        "differ in nothing but their seed. Above none: Procrustes less that of the control, paired by seed.\n\n"
        "| task | design | arm | pressure | method | credit | variant | CKA | Procrustes | above none | n |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|\n",
        out);
    for (int i = 0; i < all.n; i++) line(r, &all, &all.of[i], above, out);
}
