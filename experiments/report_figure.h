/* One figure of the report: a function that writes its data, and what the functions share (report_figures.c,
 * report_drift.c, report_answer.c, report_arms.c, report_moderation.c). */
#ifndef SPILLOVER_REPORT_FIGURE_H
#define SPILLOVER_REPORT_FIGURE_H

#include "experiments/report_internal.h"

struct figure {
    const char *name, *title;
    const char *caption; /* what is drawn; the number of seeds follows it */
    const char *missing; /* why there may be nothing to draw; NULL: nothing yet */
    /* Write the data; *points: how much there is to draw, *n: the seeds behind it. */
    enum status (*write)(const struct report *r, struct csv_out *csv, int *points, int *n);
};

#define FIGURE(name) extern const struct figure figure_##name;
#include "experiments/figures.def"
#undef FIGURE

enum { REPORT_NAMES = 256 };

/* Names in order of appearance. */
struct report_names {
    const char *name[REPORT_NAMES];
    int n;
};

int report_number_of(struct report_names *names, const char *name);

/* seen[seeds of r->outcomes]: mark one; how many are marked. */
void report_see(const struct report *r, bool *seen, long seed);
int report_seeds_among(const struct report *r, const bool *seen);

/* Panels of columns, each with its seeds and their mean and 95 % t interval (plots/dots.gp). */
struct report_dots {
    const struct report *r;
    struct csv_out *csv;
    struct report_names panels, columns; /* columns: of fig_moderation, its series */
    bool *seen;                          /* [seeds] */
    double *y;                           /* [seeds] */
    int points;
};

/* header: of the file, ending with seed, value, lo, hi, n, NULL; NULL: that of plots/dots.gp. */
void report_dots_open(struct report_dots *d, const struct report *r, struct csv_out *csv, const char *const *header);

/* A column: x[seeds], NAN where a seed has none. */
void report_dots_add(struct report_dots *d, const char *panel, const char *column, const double *x);

/* The same where the header has other columns than panel and column before the seed: begin(d, where) writes them. */
void report_dots_at(struct report_dots *d, void (*begin)(struct report_dots *d, const void *where), const void *where,
                    const double *x);

/* The columns of a row that say what its cell is. */
void report_fields(const struct report *r, int row, const char *field[OF_FIELDS]);

/* Names of an arm and of a way of pressing, from the fields of a cell: as much as tells those of this suite apart. */
const char *report_arm_title(const struct report *r, const char *const *field, const char *concept, const char *view);
const char *report_pressure_title(const struct report *r, const char *const *field);

/* The parts of a variant that are settings of the pressure, or those that are not, in words: "updates=320", "hint" for what
 * is true and nothing for what is false or 0. */
const char *report_variant_words(const struct report *r, const char *const *field, bool of_pressure);

#endif
