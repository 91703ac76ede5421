/* How far the vectors of the reasoning moved under pressure, held against what moves them anyway (science.md, section 4):
 * the same training without pressure (`none`), that training in another order of the data (`again`, the A/A floor), and
 * another seed (arms with measure.other_seed). */
#include <math.h>
#include <string.h>

#include "engine/base/csv.h"
#include "experiments/report_figure.h"
#include "metrics/stat_mean.h"

enum measure { CKA, PROCRUSTES, MEASURES };
static const char *const measure_names[MEASURES] = {"drift_cka", "drift_procrustes"};

/* Cells that differ in their seed alone. An arm stands for its distance to another seed. */
struct moved {
    const char *field[OF_FIELDS];
    double *x[MEASURES]; /* [seeds] mean over the steps; NAN: none */
    int *steps[MEASURES];
    const char **pair; /* [seeds] pair_id of the cell */
};

struct moves {
    struct moved *of;
    int n, room;
};

static struct moved *moved_of(const struct report *r, struct moves *all, int row) {
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
        struct moved *more = ARENA_NEW(r->arena, struct moved, all->room);
        if (all->n) memcpy(more, all->of, (size_t)all->n * sizeof *more);
        all->of = more;
    }
    struct moved *m = &all->of[all->n++];
    memcpy(m->field, field, sizeof field);
    m->pair = ARENA_NEW(r->arena, const char *, seeds);
    for (int k = 0; k < MEASURES; k++) {
        m->x[k] = ARENA_NEW(r->arena, double, seeds);
        m->steps[k] = ARENA_NEW(r->arena, int, seeds);
    }
    return m;
}

static int seed_of(const struct report *r, int row) {
    double seed;
    if (csv_number(r->results, row, r->column[RC_SEED], &seed)) return -1;
    for (int s = 0; s < r->outcomes.n_seeds; s++)
        if ((double)r->outcomes.seeds[s] == seed) return s;
    return -1;
}

/* The vectors that are fed back (no layer), each side's own reasoning. */
static bool is_distance(const struct report *r, int row, enum measure *measure) {
    const char *metric = report_text(r, row, RC_METRIC);
    if (strncmp(metric, "drift_", 6) != 0 || *report_text(r, row, RC_LAYER)) return false;
    for (*measure = 0; *measure < MEASURES && strcmp(metric, measure_names[*measure]) != 0;) ++*measure;
    return *measure < MEASURES && strcmp(report_text(r, row, RC_STATUS), "ok") == 0 &&
           strcmp(report_text(r, row, RC_VIEW), *report_text(r, row, RC_PRESSURE) ? "own" : "other_seed.own") == 0;
}

static struct moves read_moves(const struct report *r) {
    const int pair = csv_column(r->results, "pair_id");
    struct moves all = {0};
    for (int i = 0; i < r->results->rows; i++) {
        enum measure k;
        double value;
        const int s = is_distance(r, i, &k) ? seed_of(r, i) : -1;
        if (s < 0 || csv_number(r->results, i, r->column[RC_VALUE], &value)) continue;
        struct moved *m = moved_of(r, &all, i);
        m->x[k][s] += value;
        m->steps[k][s]++;
        m->pair[s] = csv_cell(r->results, i, pair);
    }
    for (int i = 0; i < all.n; i++)
        for (int k = 0; k < MEASURES; k++)
            for (int s = 0; s < r->outcomes.n_seeds; s++)
                all.of[i].x[k][s] = all.of[i].steps[k][s] ? all.of[i].x[k][s] / all.of[i].steps[k][s] : NAN;
    return all;
}

/* x less the control of the same pair, seed by seed. */
static void above_control(const struct report *r, const struct moves *all, const struct moved *m, double *above) {
    for (int s = 0; s < r->outcomes.n_seeds; s++) {
        above[s] = NAN;
        for (int i = 0; i < all->n && m->pair[s] && *m->pair[s]; i++)
            if (strcmp(all->of[i].field[OF_PRESSURE], "none") == 0 && all->of[i].pair[s] &&
                strcmp(all->of[i].pair[s], m->pair[s]) == 0)
                above[s] = m->x[PROCRUSTES][s] - all->of[i].x[PROCRUSTES][s];
    }
}

static void line(const struct report *r, const struct moves *all, const struct moved *m, double *above, FILE *out) {
    static const enum outcome_field names[] = {OF_TASK, OF_DESIGN, OF_ARM, OF_PRESSURE, OF_METHOD, OF_CREDIT};
    const bool pressed = *m->field[OF_PRESSURE], control = strcmp(m->field[OF_PRESSURE], "none") == 0;
    const double *const columns[] = {m->x[CKA], m->x[PROCRUSTES], pressed && !control ? above : NULL};
    int most = 0;
    above_control(r, all, m, above);
    fputs("| ", out);
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        report_escape(out, names[f] == OF_PRESSURE && !pressed ? "(another seed)" : m->field[names[f]]);
        fputs(" | ", out);
    }
    report_escape(out, report_cell_settings(r, m->field));
    fputs(" |", out);
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        char text[REPORT_TEXT] = "";
        int n = 0;
        if (columns[c]) report_interval(columns[c], r->outcomes.n_seeds, text, &n);
        if (n > most) most = n;
        fprintf(out, " %s |", text);
    }
    fprintf(out, " %d |\n", most);
}

void report_distance(const struct report *r, FILE *out) {
    const struct moves all = read_moves(r);
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
