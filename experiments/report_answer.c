/* Figures of the answer: the credit paths side by side, what C2's posterior makes of its prior, bits by what holds them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/report_figure.h"

static const char *const dots_header[] = {"panel", "panel_name", "column", "column_name", "seed",
                                          "value", "lo",         "hi",     "n",           NULL};

void report_dots_open(struct report_dots *d, const struct report *r, struct csv_out *csv, const char *const *header) {
    *d = (struct report_dots){.r = r, .csv = csv};
    d->seen = ARENA_NEW(r->arena, bool, r->outcomes.n_seeds + 1);
    d->y = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    csv_out_header(csv, header ? header : dots_header);
}

/* The end of a line: a seed's value, or with seed 0 the mean of n. */
static void dot(struct report_dots *d, long seed, double value, struct stat_interval interval, int n) {
    csv_out_integer(d->csv, seed);
    csv_out_number(d->csv, value);
    csv_out_number(d->csv, isfinite(interval.lo) ? interval.lo : value);
    csv_out_number(d->csv, isfinite(interval.hi) ? interval.hi : value);
    csv_out_integer(d->csv, n);
    csv_out_end(d->csv);
}

void report_dots_at(struct report_dots *d, void (*begin)(struct report_dots *d, const void *where), const void *where,
                    const double *x) {
    const struct outcomes *o = &d->r->outcomes;
    const int n = report_finite(x, o->n_seeds, d->y);
    if (n == 0) return;
    for (int s = 0; s < o->n_seeds; s++) {
        if (!isfinite(x[s])) continue;
        begin(d, where);
        dot(d, o->seeds[s], x[s], (struct stat_interval){NAN, NAN}, 1);
        report_see(d->r, d->seen, o->seeds[s]);
    }
    begin(d, where);
    dot(d, 0, stat_mean(d->y, n), stat_t_interval(d->y, n, .95), n);
    d->points++;
}

struct column {
    const char *panel, *name;
};

static void begin_column(struct report_dots *d, const void *where) {
    const struct column *c = where;
    csv_out_integer(d->csv, report_number_of(&d->panels, c->panel));
    csv_out_text(d->csv, c->panel);
    csv_out_integer(d->csv, report_number_of(&d->columns, c->name));
    csv_out_text(d->csv, c->name);
}

void report_dots_add(struct report_dots *d, const char *panel, const char *column, const double *x) {
    report_dots_at(d, begin_column, &(struct column){panel, column}, x);
}

/* --- credit_paths ------------------------------------------------------------------------------------------------- */

static bool is_path(const struct outcome *a) {
    return a->quantity == OQ_S_F && a->level == OL_END && strcmp(a->field[OF_PRESSURE], "conceal") == 0 &&
           strcmp(a->concept, "c") == 0;
}

static const char *path_name(const struct report *r, const struct outcome *a) {
    const char *words = report_variant_words(r, a->field, true);
    return arena_printf(r->arena, "%s %s%s%s", a->field[OF_METHOD], a->field[OF_CREDIT], *words ? " " : "", words);
}

/* Names of the paths that the suite has, always in this order: from no way into the reasoning to every way. */
static void order_paths(struct report_dots *d) {
    static const char *const credits[] = {"frozen_mind", "sealed", "targeted", "mind_face", "full"},
                             *methods[] = {"sft", "rl"};
    const struct outcomes *o = &d->r->outcomes;
    for (int m = 0; m < 2; m++)
        for (int c = 0; c < 5; c++)
            for (int i = 0; i < o->n; i++)
                if (is_path(&o->rows[i]) && strcmp(o->rows[i].field[OF_METHOD], methods[m]) == 0 &&
                    strcmp(o->rows[i].field[OF_CREDIT], credits[c]) == 0)
                    report_number_of(&d->columns, path_name(d->r, &o->rows[i]));
}

static enum status write_credit_paths(const struct report *r, struct csv_out *csv, int *points, int *n) {
    const struct outcomes *o = &r->outcomes;
    struct report_dots d;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    report_dots_open(&d, r, csv, NULL);
    order_paths(&d);
    for (int i = 0, j; i < o->n; i = j) {
        const struct outcome *a = &o->rows[i];
        j = report_outcome_seeds(o, i, x);
        if (!is_path(a)) continue;
        report_dots_add(&d, report_arm_title(r, a->field, a->concept, a->view), path_name(r, a), x);
    }
    *points = d.points;
    *n = report_seeds_among(r, d.seen);
    return ST_OK;
}

const struct figure figure_credit_paths = {
    .name = "credit_paths",
    .title = "The credit paths side by side",
    .caption = "Pressure conceal: S^F at the last update by the path that the pressure may take into the reasoning. "
               "Dots: seeds; bar: mean and 95 % t interval",
    .missing = ": no cell of pressure conceal has a control to compare with",
    .write = write_credit_paths,
};

/* --- bits --------------------------------------------------------------------------------------------------------- */

static enum status write_bits(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const views[] = {"position", "best_position", "step"};
    static const char *const names[] = {"a position", "the best position", "the whole step"};
    struct report_names done = {0};
    struct report_dots d;
    double *x = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    report_dots_open(&d, r, csv, NULL);
    for (int k = 0; k < r->n_arm_rows; k++) {
        const int i = r->arm_row[k];
        const char *field[OF_FIELDS];
        if (strcmp(report_text(r, i, RC_METRIC), "bits") != 0 || *report_text(r, i, RC_STEP) ||
            strcmp(report_text(r, i, RC_VIEW), "step") != 0)
            continue;
        report_fields(r, i, field);
        const char *arm = report_arm_title(r, field, "", ""),
                   *panel = arena_printf(r->arena, "%s%s%s", arm, *field[OF_VARIANT] ? " " : "", field[OF_VARIANT]);
        const struct report_arm of = report_arm_of(r, i);
        const int known = done.n;
        if (report_number_of(&done, panel) < known) continue;
        for (int v = 0; v < 3; v++) {
            struct report_arm_query q = report_query_of(&of);
            q.metric = "bits";
            q.concept = "joint";
            q.view = views[v];
            report_arm_series(r, &q, x);
            report_dots_add(&d, panel, names[v], x);
        }
    }
    *points = d.points;
    *n = report_seeds_among(r, d.seen);
    return ST_OK;
}

const struct figure figure_bits = {
    .name = "bits",
    .title = "Bits about a step's concepts, by what holds them",
    .caption =
        "Usable information about the joint label of a step's value, the value before it, c and the answer, mean "
        "over steps; where a step is one position the three are one. Dots: seeds; bar: mean and 95 % t interval",
    .missing = ": no arm has rows of metric bits",
    .write = write_bits,
};

/* --- posterior ---------------------------------------------------------------------------------------------------- */

static enum status write_posterior(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"row", "name", "scale", "prior", "posterior", NULL};
    static const double scales[] = {1, .5, 2};
    const struct verdict_claim *claim = &r->verdict.claim[CLAIM_C2];
    csv_out_header(csv, header);
    int row = 0;
    for (int i = 0; i < claim->n_parts; i++) {
        const struct verdict_part *part = &claim->part[i];
        if (!isfinite(part->posterior[0].probability)) continue;
        for (int k = 0; k < 3; k++) {
            csv_out_integer(csv, row);
            csv_out_text(
                csv, arena_printf(r->arena, "%s %s", verdict_design_name(part->design), verdict_arm_name(part->arm)));
            csv_out_number(csv, scales[k]);
            csv_out_number(csv, STAT_PRIOR_CLAIM / (1 + STAT_PRIOR_CLAIM));
            csv_out_number(csv, part->posterior[k].probability);
            csv_out_end(csv);
        }
        row++;
        if (part->quantity[0].n > *n) *n = part->quantity[0].n;
    }
    *points = row;
    return ST_OK;
}

const struct figure figure_posterior = {
    .name = "posterior",
    .title = "What the data make of the prior of C2",
    .caption =
        "Probability of C2 (latent reasoning is more isolated) by design and arm, from a prior of .2 (dotted); the "
        "prior of DiD has scale s, and half and twice of it",
    .missing = ": C2 has no posterior before two seeds of both media are there",
    .write = write_posterior,
};
