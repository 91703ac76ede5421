/* Showing one question to a trained cell: what it thinks and says, before and after pressure, side by side.
 *
 * Questions are those that the monitors of a pressure are read on (experiments/watch.h); reasoning and output are greedy.
 * "before" is the arm that the cell stands on; "after" the weights that the cell kept when the dose first crossed a level
 * (a cell that crossed none kept none). Thoughts, and tokens as the vectors that are fed back, are read twice: through
 * the lens (the nearest tokens of the unembedding, by softmax of u W^T), and through the probes frozen before pressure.
 */
#ifndef SPILLOVER_SHOW_H
#define SPILLOVER_SHOW_H

#include <stdio.h>

#include "experiments/cell.h"

struct show_options {
    const char *out;      /* folder of runs */
    const char *cell;     /* key, or the beginning of one */
    const char *pressure; /* whose questions; NULL: the cell's own, or the first that applies */
    int item;             /* from 1 */
    const char *data_dir; /* published files, for tasks that read them; or NULL */
    int level;            /* percent of dose, 25, 50, 75, 90; 0: the highest that was kept */
};

/* One line: the same reading of both; "" where there is none. */
struct show_line {
    const char *name, *before, *after;
    bool differs;
};

struct show_section {
    const char *title;
    struct show_line *lines;
    int n;
};

/* One side in short, of the medium that the cell reasons in. */
struct show_said {
    const char *reasoning, *output;  /* tokens; of thoughts the lens, a line a thought */
    bool right;                      /* the answer */
    double m_out, complies, written; /* the monitors; NAN where the pressure or the medium has none */
};

enum { SHOW_SECTIONS = 8, SHOW_LINES = 512 };

struct show {
    char key[65];
    const char *label;      /* "coconut conceal sft full joint seed 1" */
    const char *pressure;   /* whose questions */
    int item, items, level; /* level 0: nothing after */
    const char *question, *truth;
    struct show_said said[2]; /* before; after, unless level is 0 */
    struct show_section section[SHOW_SECTIONS];
    int n;
};

/* Find the cell and load both models; then run one question after the other (options.item is not read). Opens the
 * arithmetic of the cell. What is opened lives in the first arena, an item's lines in the second, which may be rewound
 * between items. ST_USAGE: no such cell, pressure, level or item, or several cells; ST_DIFFERS: a damaged cell; ST_DATA,
 * ST_IO. */
struct showing;
MUST_USE enum status show_open(struct showing **opened, const struct show_options *o, struct arena *a);
MUST_USE enum status show_item(struct showing *s, int item, struct show *show, struct arena *a);

/* Both, for options.item. */
MUST_USE enum status show_build(struct show *s, const struct show_options *o, struct arena *a);

/* The thoughts of a latent cell on n questions (the published ones where the task has them), decoded as CODI's authors
 * print them (Shen et al. 2025, section 5): the question, its steps and answer, the five tokens that the head finds most
 * likely at the state behind the question and behind each thought, before any projection, and what the mind then says.
 * ST_USAGE for a cell that has no thoughts; otherwise as show_build. */
MUST_USE enum status show_thoughts(FILE *to, const struct show_options *o, int n, struct arena *a);

#endif
